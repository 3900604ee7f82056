"""The catalog: which models there are on this machine, at providers whose key is there, and in a config file."""

from __future__ import annotations

import asyncio
import os
import urllib.error
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from retitlekit import models as _models
from retitlekit.baselines import BASELINES
from retitlekit.errors import ModelError
from retitlekit.models import Model, prices, servers
from retitlekit.models.providers import Routes, litellm

if TYPE_CHECKING:
    import pandas as pd

# OpenAI-compatible servers as they come out of the box: name, LiteLLM prefix, address.
LOCAL_SERVERS = (
    ("Ollama", "ollama_chat/", "http://127.0.0.1:11434"),
    ("LM Studio", "lm_studio/", "http://127.0.0.1:1234/v1"),
    ("vLLM", "hosted_vllm/", "http://127.0.0.1:8000/v1"),
    ("llama.cpp", "openai/", "http://127.0.0.1:8080/v1"),
    ("LiteLLM proxy", "litellm_proxy/", "http://127.0.0.1:4000/v1"),
    ("Jan", "openai/", "http://127.0.0.1:1337/v1"),
)
# Providers that are listed with the key they lack; every other provider appears once its key is in the environment.
PROVIDERS = ("openai", "anthropic", "gemini", "mistral", "groq", "deepseek", "openrouter", "together_ai", "xai")


def available_models(api_bases: Iterable[str] = ()) -> pd.DataFrame:
    """Models that can be used now, and why the others cannot; nothing is spent.

    Looks at the keys in the environment, at the usual ports of local servers on this machine (`LOCAL_SERVERS`), and
    at LiteLLM's bundled price map. A hosted provider is not asked anything.

    Parameters
    ----------
    api_bases : iterable of str
        Addresses of further OpenAI-compatible servers to ask.

    Returns
    -------
    pandas.DataFrame
        One row per model: `model` (LiteLLM id), `usable` (boolean), `kind` ("embedded", "local server" or "provider"),
        `api_base` (give it to `Model`), `path` ("direct": sent over one HTTP session, thousands of calls a second;
        "litellm": through `litellm.acompletion`, some 200 a second; as found for one model of each provider or
        server), `input_usd_per_mtok` and `output_usd_per_mtok` (Float64, US dollars for a
        million tokens, <NA> when unknown), and `note`: what it is, or what is missing.

    Examples
    --------
    >>> rk.available_models().query("kind == 'embedded'").model.tolist()
    ['baseline/prefix', 'baseline/lead-compress', 'baseline/lexrank']
    """
    import pandas as pd

    rows: list[tuple[Any, ...]] = [
        (name, True, "embedded", None, "embedded", 0.0, 0.0, note) for name, note in BASELINES.items()
    ]
    servers = [*LOCAL_SERVERS, *(("OpenAI-compatible server", "openai/", base) for base in api_bases)]
    with ThreadPoolExecutor(max_workers=len(servers)) as pool:
        for found in pool.map(_server_rows, servers):
            rows += found
    rows += _provider_rows()
    columns = ["model", "usable", "kind", "api_base", "path", "input_usd_per_mtok", "output_usd_per_mtok", "note"]
    money = {"input_usd_per_mtok": "Float64", "output_usd_per_mtok": "Float64"}
    text = dict.fromkeys(["model", "kind", "api_base", "path", "note"], "string")
    return pd.DataFrame(rows, columns=columns).astype({**text, "usable": "boolean", **money})


def _provider_rows() -> list[tuple[Any, ...]]:
    """The models of providers whose key is in the environment, and what the usual providers lack."""
    door = litellm()
    rows: list[tuple[Any, ...]] = []
    keyed = {name.removesuffix("_API_KEY").lower() for name, value in os.environ.items() if value}
    for provider in (*PROVIDERS, *sorted(keyed & set(door.models_by_provider) - set(PROVIDERS))):
        lacks = door.validate_environment(f"{provider}/any")["missing_keys"]
        if lacks:
            note = f"set {' or '.join(lacks)} in the environment"
            rows.append((f"{provider}/…", False, "provider", None, None, None, None, note))
            continue
        note = "its key is in the environment"
        known = [entry for entry in prices.price_map() if entry.provider == provider]
        path = _path(known[0].id) if known else None
        rows += [(e.id, True, "provider", None, path, e.input * 1e6, e.output * 1e6, note) for e in known]
    return rows


def _server_rows(server: tuple[str, str, str]) -> list[tuple[Any, ...]]:
    name, prefix, base = server

    def unusable(note: str) -> list[tuple[Any, ...]]:
        return [(f"{prefix}…", False, "local server", base, None, None, None, note)]

    try:
        served = servers.served_at(base, timeout=0.5)
    except urllib.error.HTTPError as problem:
        wants_key = f"{name} answers at {base} with {problem.code}: it may want a key (rk.Model(…, api_key_env=…))"
        return unusable(wants_key) if problem.code in (401, 403) else []
    except (OSError, ValueError):
        return unusable(f"no Ollama runs at {base}: `ollama serve`") if name == "Ollama" else []
    path = _path(prefix + served[0], base) if served else None
    return [(prefix + each, True, "local server", base, path, None, None, f"{name} at {base}") for each in served]


def _path(id: str, base: str | None = None) -> str:  # noqa: A002 - as in Model
    """How calls to a model go out; nothing is sent."""
    request = _models._request(Model(id, api_base=base), [{"role": "user", "content": "A title"}], {})
    with ThreadPoolExecutor(max_workers=1) as pool:  # a loop of its own: the caller may be inside one
        route = pool.submit(lambda: asyncio.run(Routes().find(request))).result()
    return "direct" if route is not None else "litellm"


def load_models(path: str | os.PathLike[str]) -> dict[str, Model]:
    """Read the `model_list` of a LiteLLM ``config.yaml``.

    Parameters
    ----------
    path : path-like
        A file as the LiteLLM proxy reads it. Keys and secrets must be written as ``os.environ/NAME``; one in plain text
        is refused, because it would travel with the models. Parameters beside the address, key and caps (temperature,
        max_tokens …) become `Model.params`.

    Returns
    -------
    dict of str to Model
        By `model_name`, in the file's order; ready for ``plan(models=…)``.

    Raises
    ------
    ModelError
        Every problem of the file, with the entry it stands in.

    Examples
    --------
    >>> config = tmp / "config.yaml"
    >>> _ = config.write_text("model_list: [{model_name: small, litellm_params: {model: openai/gpt-4o-mini}}]")
    >>> rk.load_models(config)["small"].id
    'openai/gpt-4o-mini'
    """
    import yaml

    try:
        with open(path, encoding="utf-8") as file:  # noqa: PTH123 - any path-like
            config = yaml.safe_load(file)
    except OSError as problem:
        raise ModelError(f"cannot read {path}: {problem.strerror}") from problem
    except (yaml.YAMLError, ValueError) as problem:
        raise ModelError(f"{path} is not YAML: {problem}") from problem
    except RecursionError:
        raise ModelError(f"{path} is nested too deeply to be read") from None
    entries = config.get("model_list") if isinstance(config, dict) else None
    if not isinstance(entries, list) or not entries:
        raise ModelError(f"{path} has no `model_list:` with entries; see LiteLLM's proxy configuration")
    models: dict[str, Model] = {}
    problems = []
    for index, entry in enumerate(entries):
        place = f"{path}: model_list[{index}]"
        try:
            model = _from_config(entry)
        except ModelError as problem:
            problems.append(f"{place}: {problem}")
            continue
        if model.name in models:
            problems.append(f"{place}: model_name {model.name!r} stands there twice; one sweep needs distinct names")
        models[model.name] = model
    if problems:
        raise ModelError("\n".join(problems))
    return models


def _from_config(entry: object) -> Model:
    params = entry.get("litellm_params") if isinstance(entry, dict) else None
    if not isinstance(entry, dict) or not isinstance(params, dict) or not isinstance(params.get("model"), str):
        raise ModelError("expected model_name: … and litellm_params: {model: …}")
    params = dict(params)
    info = entry.get("model_info") or {}
    if not isinstance(info, dict):
        raise ModelError(f"model_info is a mapping, such as {{input_cost_per_token: 0.000001}}, not {info!r:.80}")
    key, base = params.pop("api_key", None), params.pop("api_base", None)
    if key is not None and not str(key).startswith("os.environ/"):
        raise ModelError("litellm_params.api_key holds a key itself; write os.environ/NAME_OF_THE_VARIABLE")
    if base is not None and str(base).startswith("os.environ/"):
        variable = str(base).removeprefix("os.environ/")
        base = os.environ.get(variable)
        if not base:
            raise ModelError(f"litellm_params.api_base: the environment variable {variable} is not set")
    return Model(
        str(params.pop("model")),
        name=str(entry.get("model_name") or ""),
        api_base=base,
        api_key_env=str(key).removeprefix("os.environ/") if key is not None else None,
        rpm=params.pop("rpm", None),
        tpm=params.pop("tpm", None),
        input_cost_per_token=params.pop("input_cost_per_token", info.get("input_cost_per_token")),
        output_cost_per_token=params.pop("output_cost_per_token", info.get("output_cost_per_token")),
        params=params,
    )
