"""A model: a LiteLLM id, and where it is served, which variable holds its key, and what it costs."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from functools import cached_property
from numbers import Integral, Real
from typing import Any
from urllib.parse import urlsplit

from retitlekit.errors import ModelError
from retitlekit.models import keys

_MOST = 1e15  # of anything; a float still tells it from the next whole number


@dataclass(frozen=True, repr=False)
class Model:
    """A model with what LiteLLM's id alone does not say.

    Parameters
    ----------
    id : str
        LiteLLM id with its provider, e.g. ``"openai/gpt-4o-mini"`` or ``"hosted_vllm/qwen3"``.
    name : str, optional
        Name in the frame's `model` column; the id unless given. Needed when one id is served at two places.
    api_base : str, optional
        Address of the server, up to and including ``/v1`` for OpenAI-compatible ones.
    api_key_env : str, optional
        Environment variable that holds the key. The key itself is never kept.
    rpm, tpm : int, optional
        Requests and tokens a minute that the provider allows.
    params : mapping, optional
        Parameters sent with every call to this model; they win over those of a prompt file. A secret among them is
        written as ``"os.environ/NAME"`` of its variable, which is read when a request is sent.
    input_cost_per_token, output_cost_per_token : float, optional
        US dollars, for models that LiteLLM's price map does not know.

    Examples
    --------
    >>> rk.Model("openai/llama-3.2", api_base="http://127.0.0.1:8080/v1", name="llama").name
    'llama'
    """

    id: str
    _: KW_ONLY
    name: str = ""
    api_base: str | None = None
    api_key_env: str | None = None
    rpm: int | None = None
    tpm: int | None = None
    params: Mapping[str, Any] = field(default_factory=dict, hash=False)
    input_cost_per_token: float | None = None
    output_cost_per_token: float | None = None

    def __post_init__(self) -> None:
        if not _is_text(self.id) or not self.id or self.id != self.id.strip():
            raise ModelError(f"Model id {self.id!r}: give a LiteLLM id such as 'openai/gpt-4o-mini'")
        if not _is_text(self.name):
            raise ModelError(f"Model {self.id!r}: name is a text, not {self.name!r}")
        problem = self._address_problem() or self._figure_problem() or self._params_problem()
        if problem:
            raise ModelError(f"Model {self.id!r}: {problem}")
        object.__setattr__(self, "name", self.name or self.id)
        object.__setattr__(self, "params", dict(self.params))

    def _address_problem(self) -> str | None:
        """What is wrong with address and key; never repeats them, for they may hold the key."""
        if self.api_key_env is not None and not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", str(self.api_key_env)):
            return "api_key_env is the name of an environment variable, not a key"
        if self.api_base is None:
            return None
        if not _is_text(self.api_base):
            return f"api_base is an address, not {type(self.api_base).__name__}"
        try:
            parts, holds_key = urlsplit(self.api_base), keys.in_address(self.api_base)
            _ = parts.port  # raises when it is none
        except ValueError as problem:
            return f"api_base is no address ({keys.redact(str(problem))})"
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return "api_base must start with http:// or https:// and name a host"
        if any(sign.isspace() or not sign.isprintable() for sign in self.api_base):
            return "api_base holds a blank or a control character"
        if holds_key:
            return "api_base holds a user or key; put it into a variable and name that in api_key_env="
        return None

    def _figure_problem(self) -> str | None:
        for name in ("rpm", "tpm", "input_cost_per_token", "output_cost_per_token"):
            value = getattr(self, name)
            if value is None:
                continue
            if not is_number(value):
                return f"{name} is a number, not {value!r}"
            if name in ("rpm", "tpm") and value <= 0:
                return f"{name} must be positive, not {value!r}"
            if value < 0:
                return f"{name} must not be negative, not {value!r}"
            object.__setattr__(self, name, int(value) if value == int(value) else float(value))  # numpy's are no JSON
        return None

    def _params_problem(self) -> str | None:
        if not isinstance(self.params, Mapping) or not all(isinstance(name, str) for name in self.params):
            return "params is a dict of names and values, such as {'max_tokens': 60}"
        try:
            json.dumps(dict(self.params), allow_nan=False)
        except (TypeError, ValueError, RecursionError) as problem:
            return f"params cannot be sent as JSON ({problem})"
        place = keys.find_key(self.params)
        if place is None:
            return None
        if place == "api_key":
            return "params holds an api_key; name its variable in api_key_env="
        return f"params holds what looks like a key in {place}; {keys.HELP}"

    def __hash__(self) -> int:
        return hash(self.endpoint)  # a text remembers its hash

    def __repr__(self) -> str:
        given = {each.name: getattr(self, each.name) for each in dataclasses.fields(self)[1:]}
        named = {name: value for name, value in given.items() if value not in (None, {}, self.id)}
        return f"Model({', '.join([repr(self.id), *(f'{name}={value!r}' for name, value in named.items())])})"

    @property
    def embedded(self) -> bool:
        """Whether it is one of the baselines that live in this package and need no network."""
        return self.id.startswith("baseline/")

    @cached_property
    def endpoint(self) -> str:
        """How it is reached, as the JSON of the frame's `endpoint` column; holds no key."""
        kept = {key: value for key, value in dataclasses.asdict(self).items() if key not in ("name", "params")}
        return json.dumps({key: value for key, value in kept.items() if value is not None}, sort_keys=True)


def from_endpoint(endpoint: str, name: str) -> Model:
    """The `Model` that wrote an `endpoint` JSON."""
    try:
        return Model(**json.loads(endpoint), name=name)
    except (TypeError, ValueError, RecursionError) as problem:
        raise ModelError(
            f"{name}: the frame's `endpoint` is not what plan() wrote ({problem}); plan again"
        ) from problem


def as_models(models: object) -> list[Model]:
    """Ids, `Model` objects, or a mapping of them, as `Model` objects with distinct names."""
    if isinstance(models, str | Model):
        models = [models]
    if isinstance(models, Mapping):
        models = models.values()
    if not isinstance(models, Iterable):
        raise ModelError(f"models= takes LiteLLM ids or rk.Model objects, not {type(models).__name__}")
    found: list[Model] = []
    for model in models:
        if not isinstance(model, str | Model):
            raise ModelError(f"models= takes LiteLLM ids or rk.Model objects, not {type(model).__name__}")
        found.append(Model(model) if isinstance(model, str) else model)
    if not found:
        raise ModelError("models= is empty; 'baseline/lead-compress' needs no key")
    twice = {model.name for model in found if sum(other.name == model.name for other in found) > 1}
    if twice:
        raise ModelError(f"two models are called {sorted(twice)[0]!r}: give one of them another name= in rk.Model(…)")
    return found


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Whether it is a number that can be reckoned with; infinity, NaN, True and False are none."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and bool(abs(value) < _MOST)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; True and False are none."""
    return not isinstance(value, bool) and isinstance(value, Integral)
