"""Servers: who answers for a model, at which address and with which key, and what it lacks before it can be asked."""

from __future__ import annotations

import ipaddress
import json
import os
import re
import urllib.error
import urllib.request
from collections.abc import Iterable, Sequence
from functools import lru_cache
from urllib.parse import urlsplit

from retitlekit.baselines import BASELINES
from retitlekit.errors import ModelError
from retitlekit.models.model import Model
from retitlekit.models.prices import listed, price_map
from retitlekit.models.providers import litellm

_OPENAI_BASE = "https://api.openai.com/v1"
_OLLAMA_BASE = "http://localhost:11434"  # where LiteLLM asks when nothing else is said
_PROBE_S = 3.0


def check_id(model: Model) -> None:
    """Raise a `ModelError` when LiteLLM would not know whom to ask; needs no key and no network."""
    if model.embedded:
        if model.id not in BASELINES:
            raise ModelError(f"there is no {model.id!r}; the embedded models are {', '.join(BASELINES)}")
        return
    provider_of(model)


def unlisted(model: Model) -> str | None:
    """What to say of a model that LiteLLM's map lacks while it has names like it; new ones come every day."""
    if model.embedded or model.api_base or listed(model) is not None:
        return None
    provider, base = provider_of(model)
    if provider == "azure" or (base and is_local(base)):  # whoever serves it names it
        return None
    near = _nearest(model.id, [entry.id for entry in price_map() if entry.provider == provider], least=85)
    return f"{model.id} is not in LiteLLM's list{near}; it is asked all the same" if near else None


def missing_key(model: Model) -> str | None:
    """What to set, when a model's key is not in the environment; None when it is there, or needs none."""
    if model.api_key_env:
        told = f"{model.name}: the environment variable {model.api_key_env} (api_key_env) is not set"
        return None if os.environ.get(model.api_key_env) else told
    if model.embedded or key_of(model) is not None:
        return None
    lacks = litellm().validate_environment(model.id, api_base=provider_of(model)[1])["missing_keys"]
    lacks = [name for name in lacks if "KEY" in name and not name.startswith("AWS_")]  # AWS has profiles and roles too
    return (
        f"{model.name}: set {' or '.join(lacks)} in the environment, or name another in api_key_env=" if lacks else None
    )


def why_not(model: Model) -> str | None:
    """Why a model could not answer now; None when it could, as far as one can tell without spending."""
    provider, base = provider_of(model)
    lacks = missing_key(model)
    if lacks is not None:
        return lacks
    if base is None:
        return None  # only LiteLLM knows this provider's address
    try:
        served = served_at(base, key=key_of(model))
    except urllib.error.HTTPError as problem:
        if problem.code in (401, 403):
            return f"{model.name}: {base} refuses the key ({problem.code}); check {model.api_key_env or 'api_key_env='}"
        return None  # it answers, and keeps no list of models
    except ValueError:
        return None
    except OSError as problem:
        reason = getattr(problem, "reason", problem)
        return f"{model.name}: nothing answers at {base} ({reason}); start the server or correct api_base="
    name = model.id.removeprefix(f"{provider}/")
    if is_local(base) and served and name not in served and f"{name}:latest" not in served and "*" not in str(served):
        get = f"; `ollama pull {name}` fetches it" if provider.startswith("ollama") else ""
        return f"{model.name}: {base} serves {_some(served)}, not {name!r}{_nearest(name, served)}{get}"
    return None


@lru_cache(maxsize=256)
def provider_of(model: Model) -> tuple[str, str | None]:
    """LiteLLM's provider of a model, and the address of its server where that is known."""
    door = litellm()
    try:
        _, provider, _, base = door.get_llm_provider(model.id, api_base=model.api_base)
    except door.exceptions.BadRequestError:
        known = [entry.id for entry in price_map()]
        raise ModelError(
            f"{model.id!r} is no LiteLLM id: write provider/model{_nearest(model.id, known)}. "
            f"For a server of your own: rk.Model('openai/{model.id.rpartition('/')[2]}', api_base='http://127.0.0.1:8000/v1')"
        ) from None
    base = model.api_base or base or (_OPENAI_BASE if provider == "openai" else None)
    if base is None and provider in ("ollama", "ollama_chat"):
        base = os.environ.get("OLLAMA_API_BASE") or _OLLAMA_BASE
    return str(provider), base


def key_of(model: Model) -> str | None:
    """The key to send; None lets LiteLLM find it, where its provider has one in the environment."""
    if model.api_key_env:
        return os.environ.get(model.api_key_env)
    if model.api_base and is_local(model.api_base):
        own = os.environ.get(f"{provider_of(model)[0].upper()}_API_KEY")
        return own or "no-key-needed"  # the OpenAI SDK insists on some key where a local server wants none
    return None


def served_at(base: str, key: str | None = None, timeout: float = _PROBE_S) -> list[str]:
    """Names of the models that an Ollama or OpenAI-compatible server lists."""
    path = base.rstrip("/") + ("/models" if re.search(r"/v\d", base) else "/v1/models")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    request = urllib.request.Request(path, headers=headers)  # noqa: S310 - Model lets only http and https pass
    with urllib.request.urlopen(request, timeout=timeout) as answer:  # noqa: S310
        listed = json.loads(answer.read(4_000_000))
    if not isinstance(listed, dict) or not isinstance(listed.get("data"), list):
        raise ValueError(f"{path} answered something else than a list of models")
    return [str(entry["id"]) for entry in listed["data"] if isinstance(entry, dict) and "id" in entry]


@lru_cache(maxsize=256)
def is_local(base: str) -> bool:
    """Whether an address is of this machine or its network."""
    host = urlsplit(base).hostname or ""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".lan", ".localhost"))


def _nearest(name: str, known: Iterable[str], *, least: int = 60) -> str:
    from rapidfuzz import process

    matches = [match for match, score, _ in process.extract(name, list(known), limit=3) if score >= least]
    return f" (did you mean {' or '.join(map(repr, matches))}?)" if matches else ""


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
