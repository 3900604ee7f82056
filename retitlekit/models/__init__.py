"""Models: `complete` asks one, once; its provider's batch API takes many.

What a model is stands in `model`, who answers for it in `servers`, what it costs in `prices`.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any, NamedTuple

from retitlekit.baselines import write_title
from retitlekit.errors import CallError, ModelError
from retitlekit.models import keys, prices, providers, servers, wire
from retitlekit.models.model import Model as Model
from retitlekit.models.model import as_models as as_models
from retitlekit.models.model import from_endpoint as from_endpoint
from retitlekit.models.providers import Messages, Reading, Request, Routes
from retitlekit.models.providers import litellm as _litellm

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
    kind = model.endpoint, servers.key_of(model), told, *[message["role"] for message in messages]
    return Request(kind, messages, partial(_call, model, messages, params))


def _call(model: Model, messages: Messages, params: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of `litellm.acompletion`."""
    return {
        "model": model.id,
        "messages": [dict(message) for message in messages],
        "api_base": model.api_base,
        "api_key": servers.key_of(model),
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
        price = prices.prices(model)
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
    cost, price = None, prices.batch_prices(model)
    if price is not None and reading.input_tokens is not None and reading.output_tokens is not None:
        cost = reading.input_tokens * price[0] + reading.output_tokens * price[1]
    return _reply(model, reading, route.body.get("temperature"), None)._replace(cost_usd=cost)


def check_batches(model: Model) -> None:
    """Raise a `ModelError` when a model cannot be asked in batches."""
    if model.embedded:
        raise ModelError(f"{model.name} answers at once and for nothing: use run()")
    provider, _ = servers.provider_of(model)
    if provider not in BATCH_PROVIDERS:
        raise ModelError(f"{model.name}: batches go to {', '.join(BATCH_PROVIDERS)}, not to {provider}; use run()")


async def batch_call(model: Model, verb: str, **call: Any) -> Any:
    """One of LiteLLM's calls for files and batches (``"acreate_batch"`` …), sent once."""
    provider, base = servers.provider_of(model)
    quiet = {"batch_ignore_default_logging": True}  # else LiteLLM fetches the results by itself, to count their cost
    try:
        return await getattr(_litellm(), verb)(
            custom_llm_provider=provider,
            api_base=base,
            api_key=servers.key_of(model),
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
    prices.forget()
    servers.provider_of.cache_clear()


_noticed: dict[Model, object] = {}


def _notice_changes(models: Iterable[Model]) -> None:
    """Forget the routes when what they were learnt under has changed: keys, addresses, LiteLLM's settings, prices."""
    for model in models:
        now = frozenset(os.environ.items()), providers.settings(), repr(prices.listed(model))
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
    name = model.api_key_env or f"{servers.provider_of(model)[0].upper()}_API_KEY"
    if os.environ.get(name):
        return f"the key in {name} was sent"
    if model.api_key_env or servers.key_of(model) is not None:
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


def check_ready(models: Iterable[Model]) -> None:
    """Raise one `ModelError` for all models that could not answer now: no key, no server, not served there.

    Nothing is spent: a server is asked for its list of models only.
    """
    models = list(models)
    for model in models:
        servers.check_id(model)
    _notice_changes([model for model in models if not model.embedded])
    with ThreadPoolExecutor(max_workers=8) as pool:
        problems = [problem for problem in pool.map(servers.why_not, (m for m in models if not m.embedded)) if problem]
    if problems:
        raise ModelError("\n".join(problems))
