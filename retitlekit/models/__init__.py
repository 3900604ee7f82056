"""Models: what can be asked, what it costs, and `complete`, which asks it.

A model is a LiteLLM id ("openai/gpt-4o-mini", "ollama_chat/llama3.2", "baseline/lead-compress") or a `Model`,
which adds where it is served, which environment variable holds its key, and what it costs.
"""

from __future__ import annotations

import asyncio
import dataclasses
import ipaddress
import json
import math
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import KW_ONLY, dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property, lru_cache, partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from retitlekit.baselines import BASELINES, write_title
from retitlekit.errors import CallError, ModelError
from retitlekit.models import keys, providers, wire
from retitlekit.models.providers import Messages, Reading, Request, Routes
from retitlekit.models.providers import litellm as _litellm

_OPENAI_BASE = "https://api.openai.com/v1"
_OLLAMA_BASE = "http://localhost:11434"  # where LiteLLM asks when nothing else is said
_PROBE_S = 3.0
_MOST = 1e15  # of anything; a float still tells it from the next whole number
_MOST_TOKENS = 2**53  # a count above is a server's mistake
# The same request may be answered a moment later; everything else would fail again.
_RETRYABLE = {
    "APIConnectionError",
    "APIResponseValidationError",
    "BadGatewayError",
    "InternalServerError",
    "RateLimitError",
    "ServiceUnavailableError",
    "Timeout",
}


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


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def is_number(value: Any) -> bool:
    """Whether it is a number that can be reckoned with; infinity, NaN, True and False are none."""
    real = isinstance(value, Real) and not isinstance(value, bool)
    return real and bool(abs(value) < _MOST)


def is_whole(value: Any) -> bool:
    """Whether it is a whole number; True and False are none."""
    return not isinstance(value, bool) and isinstance(value, Integral)


class Reply(NamedTuple):
    """What one call brought. Tokens and cost are None when unknown, never 0 for that.

    `headers` is what the answer said of rate limits, names in lower case: ``x-ratelimit-remaining-requests`` …
    """

    completion: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    effective_temperature: float | None
    headers: Mapping[str, str] = MappingProxyType({})


async def complete(
    model: Model,
    messages: Messages,
    *,
    temperature: float | None = None,
    params: Mapping[str, Any] | None = None,
    repeat: int = 1,
    timeout: float = 60,
) -> Reply:
    """Send one request, once; no retries of its own.

    Parameters
    ----------
    model : Model
    messages : sequence of mappings with ``role`` and ``content``
    temperature : float, optional
        None leaves the provider's default.
    params : mapping, optional
        Further call parameters in LiteLLM's (OpenAI's) spelling.
    repeat : int
        Which repeat this is: draws of the embedded baselines differ by it. Providers never see it.
    timeout : float
        Seconds for the whole call.

    Returns
    -------
    Reply

    Raises
    ------
    CallError
        Whatever went wrong, with the provider's exception class, and whether to try again.
    """
    params = dict(params or {})
    if model.embedded:
        seed = int(params.get("seed") or 0) * 1_000_003 + repeat
        title = write_title(model.id, messages, temperature=temperature, seed=seed)
        return Reply(title, "stop", None, None, 0.0, temperature)
    if temperature is not None:
        params["temperature"] = temperature
    try:
        request = _request(model, messages, {"timeout": timeout, **params})
        async with asyncio.timeout(timeout):
            return await _ask(model, request)
    except ModelError as problem:  # a variable that the parameters name is not there
        raise CallError(f"{model.name}: {problem}", error_type="AuthenticationError") from None
    except TimeoutError as problem:
        text = f"{model.name}: no answer in {timeout:g} s"
        raise CallError(text, error_type="Timeout", retryable=True, billed=True) from problem
    except ConnectionError as problem:
        text = redact(f"{model.name}: Connection error ({problem})", model)
        sent = "ClientConnectorError" not in text
        raise CallError(text, error_type="APIConnectionError", retryable=True, billed=sent) from None
    except Exception as problem:  # noqa: BLE001 - a provider's code may raise anything; each trial must end as a row
        raise _call_error(model, problem) from None  # the chain could carry the key


def _request(model: Model, messages: Messages, params: Mapping[str, Any]) -> Request:
    told = repr(params)
    if keys.REFERENCE in told:
        told = repr(keys.resolve(params))
    kind = model.endpoint, _key(model), told, *[message["role"] for message in messages]
    return Request(kind, messages, partial(_call, model, messages, params))


def _call(model: Model, messages: Messages, params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `litellm.acompletion`."""
    return {
        "model": model.id,
        "messages": [dict(message) for message in messages],
        "api_base": model.api_base,
        "api_key": _key(model),
        **{name: keys.resolve(value, name) for name, value in params.items()},
        "max_retries": 0,  # the SDK's and LiteLLM's own retries multiply: the sweep retries
    }


async def _ask(model: Model, request: Request) -> Reply:
    """One request: over the wire where LiteLLM showed how, else through LiteLLM."""
    route = await _known_routes().find(request)
    if route is not None:
        answer = await wire.post(route.address, route.pack(request.messages))
        if answer.status in (401, 403):
            forget_routes()  # the key may be another the next time
        try:
            reading = None if 300 <= answer.status < 400 else await route.read(answer, request)
        except Exception as problem:
            problem.add_note(str(answer.status))  # LiteLLM takes a garbled 200 for a 500
            raise
        if reading is not None:
            return _reply(model, reading, route.body.get("temperature"), answer.headers)
    call = request.arguments()
    response = await _litellm().acompletion(**call)
    headers = (getattr(response, "_hidden_params", None) or {}).get("headers")
    return _reply(model, providers.read_response(response), _kept_temperature(call), headers)


def _kept_temperature(call: Mapping[str, Any]) -> float | None:
    """The temperature that LiteLLM sends: under drop_params it leaves out what a model does not know."""
    litellm, temperature = _litellm(), call.get("temperature")
    drops = call.get("drop_params") or litellm.drop_params
    return None if drops and "temperature" not in litellm.get_supported_openai_params(call["model"]) else temperature


def _reply(model: Model, reading: Reading, temperature: float | None, headers: Mapping[str, str] | None) -> Reply:
    tokens = [
        n if n is not None and 0 <= n < _MOST_TOKENS else None for n in (reading.input_tokens, reading.output_tokens)
    ]
    cost = reading.cost_usd if model.input_cost_per_token is None else None
    if cost is None and tokens[0] is not None and tokens[1] is not None:
        price = prices(model)
        cost = price and tokens[0] * price[0] + tokens[1] * price[1]
    return Reply(
        completion=_valid(reading.completion),
        finish_reason=reading.finish_reason and _valid(reading.finish_reason),
        input_tokens=tokens[0],
        output_tokens=tokens[1],
        cost_usd=cost,
        effective_temperature=temperature,
        headers=_limits(headers),
    )


def _valid(text: str) -> str:
    """Without the halves of characters that JSON can hold and no file."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


# ---- the provider's batch API

BATCH_PROVIDERS = ("openai", "azure", "hosted_vllm", "litellm_proxy")  # those with OpenAI's files and batches


async def pack(
    model: Model, messages: Messages, *, temperature: float | None = None, params: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The JSON body that `complete` would send; nothing is sent."""
    heat = {} if temperature is None else {"temperature": temperature}
    route = await _known_routes().find(_request(model, messages, {"timeout": 60, **(params or {}), **heat}))
    if route is None:
        raise ModelError(f"{model.name}: only LiteLLM itself can make this call, so it fits in no batch; use run()")
    return {**route.body, "messages": list(messages)}


async def unpack(
    model: Model,
    messages: Messages,
    status: int,
    body: Mapping[str, Any],
    *,
    temperature: float | None = None,
    params: Mapping[str, Any] | None = None,
) -> Reply:
    """The `Reply` that `complete` would make of this answer, at the price of a batch; else raises its `CallError`."""
    heat = {} if temperature is None else {"temperature": temperature}
    request = _request(model, messages, {"timeout": 60, **(params or {}), **heat})
    route = await _known_routes().find(request)
    try:
        answer = wire.Answer(status, {}, json.dumps(body).encode())
        reading = await route.read(answer, request) if route else None
    except Exception as problem:  # noqa: BLE001 - as in `complete`
        raise _call_error(model, problem) from None
    if route is None or reading is None:
        raise CallError(f"{model.name}: LiteLLM cannot read this answer", error_type="APIResponseValidationError")
    cost, price = None, batch_prices(model)
    if price is not None and reading.input_tokens is not None and reading.output_tokens is not None:
        cost = reading.input_tokens * price[0] + reading.output_tokens * price[1]
    return _reply(model, reading, route.body.get("temperature"), None)._replace(cost_usd=cost)


def check_batches(model: Model) -> None:
    """Raise a `ModelError` when a model cannot be asked in batches."""
    if model.embedded:
        raise ModelError(f"{model.name} answers at once and for nothing: use run()")
    provider, _ = _provider(model)
    if provider not in BATCH_PROVIDERS:
        raise ModelError(f"{model.name}: batches go to {', '.join(BATCH_PROVIDERS)}, not to {provider}; use run()")


async def batch_call(model: Model, verb: str, **call: Any) -> Any:
    """One of LiteLLM's calls for files and batches (``"acreate_batch"`` …), sent once."""
    provider, base = _provider(model)
    quiet = {"batch_ignore_default_logging": True}  # else LiteLLM fetches the results by itself, to count their cost
    try:
        return await getattr(_litellm(), verb)(
            custom_llm_provider=provider,
            api_base=base,
            api_key=_key(model),
            max_retries=0,
            litellm_metadata=quiet,
            **call,
        )
    except Exception as problem:  # noqa: BLE001 - as in `complete`
        raise _call_error(model, problem) from None


_routes: dict[asyncio.AbstractEventLoop, Routes] = {}


def _known_routes() -> Routes:
    loop = asyncio.get_running_loop()
    if loop not in _routes:
        for ended in [each for each in _routes if each.is_closed()]:
            del _routes[ended]
        _routes[loop] = Routes()
    return _routes[loop]


def forget_routes() -> None:
    """Learn every route anew."""
    _routes.clear()
    _noticed.clear()
    for kept in (prices, _highest_prices, _provider):
        kept.cache_clear()


_noticed: dict[Model, object] = {}


def _notice_changes(models: Iterable[Model]) -> None:
    """Forget the routes when what they were learnt under has changed: keys, addresses, LiteLLM's settings, prices."""
    for model in models:
        now = frozenset(os.environ.items()), providers.settings(), repr(_info(model))
        if _noticed.setdefault(model, now) != now:
            forget_routes()
            _noticed[model] = now


def _call_error(model: Model, problem: Exception) -> CallError:
    name = type(problem).__name__
    if name == "InternalServerError" and _broke(problem):
        name = "APIConnectionError"  # LiteLLM gives a reset or refused connection the class of a 500
    body = getattr(problem, "body", None)
    out_of_credit = isinstance(body, dict) and body.get("code") == "insufficient_quota"
    response = getattr(problem, "response", None)
    headers = _limits(getattr(problem, "litellm_response_headers", None) or getattr(response, "headers", None))
    status = getattr(problem, "status_code", None)
    in_a_200 = name == "APIError" and status is None  # a gateway may wrap its upstream's failure so
    text = _said(type(problem).__name__, str(problem)) or f"no reason was given ({status or name})"
    if name == "AuthenticationError":
        text = f"{text} [{_key_told(model)}]"
    if status == 404 and model.api_base and not re.search(r"/v\d", model.api_base) and "ollama" not in model.id:
        text = f"{text} [api_base has no version: most servers want {model.api_base.rstrip('/')}/v1]"
    return CallError(
        redact(_valid(text), model),
        error_type=name,
        retryable=(name in _RETRYABLE or in_a_200) and not out_of_credit,
        retry_after=_retry_after(headers),
        status=int(status) if status and name not in ("APIConnectionError", "Timeout") else None,
        headers=headers,
        billed=name in ("APIConnectionError", "Timeout") or in_a_200 or "200" in getattr(problem, "__notes__", ()),
    )


def _said(name: str, text: str) -> str:
    """The provider's own message, out of LiteLLM's class names and the provider's JSON around it."""
    text = re.sub(rf"^(?:(?:litellm\.)?{name}: |Timeout Error: )*(?:\w+Exception - )?", "", text).strip()
    try:
        error = json.loads(text)["error"]
        message, more = str(error["message"]), [error.get("param"), error.get("code")]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return text
    more = [each for each in more if isinstance(each, str) and each not in message]
    return f"{message} ({', '.join(more)})" if more else message


def _key_told(model: Model) -> str:
    """Where the key came from that a provider refused."""
    name = model.api_key_env or f"{_provider(model)[0].upper()}_API_KEY"
    if os.environ.get(name):
        return f"the key in {name} was sent"
    if model.api_key_env or _key(model) is not None:
        return f"{name} is not set, so no key was sent"
    return "name the variable that holds its key in rk.Model(…, api_key_env=…)"


def _broke(problem: BaseException | None) -> bool:
    """Whether a connection that broke is behind an exception."""
    while problem is not None:
        if type(problem).__name__ in ("APIConnectionError", "ConnectError", "ReadError", "RemoteProtocolError"):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def _limits(headers: Mapping[str, str] | None) -> dict[str, str]:
    """What a header says of rate limits."""
    return {known: str(value) for name, value in (headers or {}).items() if (known := _limit_name(name))}


@lru_cache(maxsize=1024)
def _limit_name(header: str) -> str | None:
    """In lower case; None when it says nothing of limits."""
    name = header.lower()
    return name if "ratelimit" in name.replace("-", "") or name in ("retry-after", "retry-after-ms") else None


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that the provider asks us to wait: OpenAI's retry-after-ms, or RFC 9110's seconds or date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) * unit
    try:
        return max(0.0, parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - time.time())
    except ValueError:
        return None


def redact(text: str, model: Model) -> str:
    """Text without anything that is, or looks like, a key."""
    return keys.redact(text, model.api_key_env)


# ---- before a sweep


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


def check_id(model: Model) -> None:
    """Raise a `ModelError` when LiteLLM would not know whom to ask; needs no key and no network."""
    if model.embedded:
        if model.id not in BASELINES:
            raise ModelError(f"there is no {model.id!r}; the embedded models are {', '.join(BASELINES)}")
        return
    _provider(model)


def unlisted(model: Model) -> str | None:
    """What to say of a model that LiteLLM's map lacks while it has names like it; new ones come every day."""
    if model.embedded or model.api_base or _info(model) is not None:
        return None
    provider, base = _provider(model)
    if provider == "azure" or (base and _is_local(base)):  # whoever serves it names it
        return None
    near = _nearest(model.id, [entry.id for entry in _price_map() if entry.provider == provider], least=85)
    return f"{model.id} is not in LiteLLM's list{near}; it is asked all the same" if near else None


def check_ready(models: Iterable[Model]) -> None:
    """Raise one `ModelError` for all models that could not answer now: no key, no server, not served there.

    Nothing is spent: a server is asked for its list of models only.
    """
    models = list(models)
    for model in models:
        check_id(model)
    _notice_changes([model for model in models if not model.embedded])
    with ThreadPoolExecutor(max_workers=8) as pool:
        problems = [problem for problem in pool.map(_why_not, (m for m in models if not m.embedded)) if problem]
    if problems:
        raise ModelError("\n".join(problems))


def missing_key(model: Model) -> str | None:
    """What to set, when a model's key is not in the environment; None when it is there, or needs none."""
    if model.api_key_env:
        told = f"{model.name}: the environment variable {model.api_key_env} (api_key_env) is not set"
        return None if os.environ.get(model.api_key_env) else told
    if model.embedded or _key(model) is not None:
        return None
    lacks = _litellm().validate_environment(model.id, api_base=_provider(model)[1])["missing_keys"]
    lacks = [name for name in lacks if "KEY" in name and not name.startswith("AWS_")]  # AWS has profiles and roles too
    return (
        f"{model.name}: set {' or '.join(lacks)} in the environment, or name another in api_key_env=" if lacks else None
    )


def _why_not(model: Model) -> str | None:
    provider, base = _provider(model)
    lacks = missing_key(model)
    if lacks is not None:
        return lacks
    if base is None:
        return None  # only LiteLLM knows this provider's address
    try:
        served = _served(base, key=_key(model))
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
    if _is_local(base) and served and name not in served and f"{name}:latest" not in served and "*" not in str(served):
        get = f"; `ollama pull {name}` fetches it" if provider.startswith("ollama") else ""
        return f"{model.name}: {base} serves {_some(served)}, not {name!r}{_nearest(name, served)}{get}"
    return None


@lru_cache(maxsize=256)
def _provider(model: Model) -> tuple[str, str | None]:
    """LiteLLM's provider of a model, and the address of its server where that is known."""
    litellm = _litellm()
    try:
        _, provider, _, base = litellm.get_llm_provider(model.id, api_base=model.api_base)
    except litellm.exceptions.BadRequestError:
        known = [entry.id for entry in _price_map()]
        raise ModelError(
            f"{model.id!r} is no LiteLLM id: write provider/model{_nearest(model.id, known)}. "
            f"For a server of your own: rk.Model('openai/{model.id.rpartition('/')[2]}', api_base='http://127.0.0.1:8000/v1')"
        ) from None
    base = model.api_base or base or (_OPENAI_BASE if provider == "openai" else None)
    if base is None and provider in ("ollama", "ollama_chat"):
        base = os.environ.get("OLLAMA_API_BASE") or _OLLAMA_BASE
    return str(provider), base


def _key(model: Model) -> str | None:
    """The key to send; None lets LiteLLM find it, where its provider has one in the environment."""
    if model.api_key_env:
        return os.environ.get(model.api_key_env)
    if model.api_base and _is_local(model.api_base):
        own = os.environ.get(f"{_provider(model)[0].upper()}_API_KEY")
        return own or "no-key-needed"  # the OpenAI SDK insists on some key where a local server wants none
    return None


def _served(base: str, key: str | None = None, timeout: float = _PROBE_S) -> list[str]:
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
def _is_local(base: str) -> bool:
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


# ---- prices and tokens


class _Priced(NamedTuple):
    id: str
    provider: str
    input: float
    output: float


def _price_map() -> list[_Priced]:
    """Chat models of LiteLLM's bundled map, with US dollars per token."""
    return [
        _Priced(
            name if name.startswith(f"{provider}/") else f"{provider}/{name}",
            provider,
            float(entry.get("input_cost_per_token") or 0),
            float(entry.get("output_cost_per_token") or 0),
        )
        for name, entry in _litellm().model_cost.items()
        if entry.get("mode") == "chat" and (provider := str(entry.get("litellm_provider")))
    ]


@lru_cache(maxsize=256)
def prices(model: Model) -> tuple[float, float] | None:
    """US dollars per input and per output token; None when unknown."""
    if model.embedded:
        return 0.0, 0.0
    if model.input_cost_per_token is not None and model.output_cost_per_token is not None:
        return model.input_cost_per_token, model.output_cost_per_token
    entry = _entry(model)
    first = (entry.get("tiered_pricing") or [entry])[0]
    pair = first.get("input_cost_per_token"), first.get("output_cost_per_token")
    return None if None in pair else (float(pair[0]), float(pair[1]))


def highest_prices(model: Model, tokens: int, params: Mapping[str, Any]) -> tuple[float, float] | None:
    """`prices` at their highest for a request of so many tokens: long ones, thought and service tiers may cost more."""
    return _highest_prices(model, math.ceil(tokens / 1000), str(params.get("service_tier")))


_RATE = re.compile(r"(input|output)_cost_per_(?:reasoning_)?token(?:_above_(\d+)k_tokens)?(?:_(\w+))?")


@lru_cache(maxsize=1024)
def _highest_prices(model: Model, thousands: int, service: str) -> tuple[float, float] | None:
    usual = prices(model)
    if usual is None or model.embedded or model.input_cost_per_token is not None:
        return usual
    entry = _entry(model)
    tiers = [tier for tier in entry.get("tiered_pricing") or () if thousands * 1000 > tier.get("range", [0])[0]]
    found = {"input": [usual[0]], "output": [usual[1]]}
    for name, price in ((name, price) for table in (entry, *tiers) for name, price in table.items()):
        rate = _RATE.fullmatch(name)
        if rate and is_number(price) and thousands > int(rate[2] or 0) and rate[3] in (None, service):
            found[rate[1]].append(price)
    return max(found["input"]), max(found["output"])


def batch_prices(model: Model) -> tuple[float, float] | None:
    """`prices` in a batch: as LiteLLM's map says, else half, which is what providers take."""
    price = prices(model)
    told = (_info(model) or {}) if model.input_cost_per_token is None else {}
    pair = told.get("input_cost_per_token_batches"), told.get("output_cost_per_token_batches")
    if pair[0] is not None and pair[1] is not None:
        return pair[0], pair[1]
    return price and (price[0] / 2, price[1] / 2)


def highest_batch_prices(model: Model, tokens: int, params: Mapping[str, Any]) -> tuple[float, float] | None:
    """`highest_prices` in a batch."""
    usual, highest, batch = prices(model), highest_prices(model, tokens, params), batch_prices(model)
    if usual is None or highest is None or batch is None:
        return None
    more = [high / low if low else 1.0 for high, low in zip(highest, usual, strict=True)]
    return batch[0] * more[0], batch[1] * more[1]


def longest_reply(model: Model, params: Mapping[str, Any]) -> int | None:
    """Most tokens that a reply can have: the caller's limit, or the model's own; None when unknown."""
    limit = params.get("max_completion_tokens") or params.get("max_tokens")
    return int(limit) if limit else (_info(model) or {}).get("max_output_tokens")


def count_tokens(model: Model, messages: Messages) -> int:
    """Tokens of a request, by the model's tokenizer where LiteLLM bundles it, else by OpenAI's."""
    return int(_litellm().token_counter(model=model.id, messages=[dict(message) for message in messages]))


def _entry(model: Model) -> dict[str, Any]:
    """A model's prices as LiteLLM's map has them: those that are missing there are 0 in `_info`."""
    info = _info(model) or {}
    return dict(_litellm().model_cost.get(info.get("key"), info))


def _info(model: Model) -> dict[str, Any] | None:
    litellm = _litellm()
    try:
        return dict(litellm.get_model_info(model.id))
    except Exception as problem:  # LiteLLM raises a bare Exception of its own for a model that its map lacks
        if "isn't mapped" not in str(problem):
            raise ModelError(f"{model.name}: LiteLLM cannot tell its price: {problem}") from problem
        return None
