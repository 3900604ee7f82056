"""LiteLLM, behind its one door: `litellm()` opens it, and `Routes` finds out what it would put on the wire.

A call through LiteLLM costs some 4 ms of CPU, nearly all of it outside the exchange with the server. What it knows
of providers is needed once for each model and set of parameters: `Routes` lets it build a request and keeps that as a
`Route`, which is then sent for every article over one session. What comes back is read here when LiteLLM was seen to
read a reply of the same shape in the same way, and by LiteLLM itself otherwise: its result, its cost, its exceptions.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import math
import os
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from datetime import datetime
from operator import mul
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from retitlekit.baselines import write_title
from retitlekit.models.wire import Address, Answer

Messages = Sequence[Mapping[str, str]]

# Parameters by which a call leaves the way of one request and one reply.
_DETOURS = {"fallbacks", "context_window_fallback_dict", "model_list", "mock_response", "caching", "cache", "client"}
# Where somebody listens to LiteLLM's calls or answers for it: he must see them.
_LISTENERS = (
    "callbacks input_callback success_callback failure_callback _async_input_callback _async_success_callback "
    "_async_failure_callback pre_call_rules post_call_rules cache model_fallbacks default_fallbacks "
    "context_window_fallbacks aclient_session network_mock"
).split()
_OF_THE_HOP = {"host", "connection", "content-length", "accept-encoding", "transfer-encoding", "content-encoding"}
_NOT_READ = {"messages", "temperature", "top_p", "seed", "max_tokens", "max_completion_tokens", "timeout"}
_ALSO_COMPATIBLE = {"openai", "custom_openai", "mistral", "openrouter"}  # what LiteLLM's list leaves out
_WITH_TOKENS = {"chatgpt", "github_copilot"}  # their keys expire while a route is in use
_SHAPES = 64
_LINEAR = 32_000  # tokens; beyond, some models cost more a token


def litellm() -> Any:
    """LiteLLM, imported at its first use (2 s), with its bundled prices and with the baselines registered."""
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else the import fetches prices
    import litellm

    if not any(entry["provider"] == "baseline" for entry in litellm.custom_provider_map):
        litellm.suppress_debug_info = True  # else it prints help links on every error
        litellm.custom_provider_map.append({"provider": "baseline", "custom_handler": _baseline_handler(litellm)})
        setup: Any = litellm.utils.custom_llm_setup
        setup()
    return litellm


def settings() -> tuple[object, ...]:
    """LiteLLM's switches as they stand now, and who listens to it."""
    door = litellm()
    switches = {name: value for name, value in vars(door).items() if isinstance(value, str | int | float | None)}
    kept = frozenset(item for item in switches.items() if not item[0].startswith("_"))
    return kept, *(repr(getattr(door, name, None)) for name in _LISTENERS)


def _baseline_handler(litellm: Any) -> Any:
    class Baseline(litellm.CustomLLM):  # type: ignore[misc]
        """`litellm.completion("baseline/…")` answers as `complete` does, for code that calls LiteLLM itself."""

        def completion(
            self, *, model: str, messages: Messages, model_response: Any, optional_params: Any, **_: Any
        ) -> Any:
            asked = dict(optional_params)
            model_response.choices[0].message.content = write_title(
                f"baseline/{model}", messages, temperature=asked.get("temperature"), seed=int(asked.get("seed") or 0)
            )
            return model_response

        async def acompletion(self, **call: Any) -> Any:
            return self.completion(**call)

    return Baseline()


# ---- what a reply says


class Reading(NamedTuple):
    """What stands in a reply; None where it says nothing."""

    completion: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None


def read_response(response: Any) -> Reading:
    """The reading of LiteLLM's ModelResponse."""
    choice = response.choices[0]
    refusal = (getattr(choice.message, "provider_specific_fields", None) or {}).get("refusal")
    usage = getattr(response, "usage", None)
    tokens_in = getattr(usage, "prompt_tokens", None) or None
    return Reading(
        completion=choice.message.content or refusal or "",
        finish_reason="refusal" if refusal and not choice.message.content else choice.finish_reason,
        input_tokens=tokens_in,
        output_tokens=(getattr(usage, "completion_tokens", None) or 0) if tokens_in else None,
        cost_usd=(getattr(response, "_hidden_params", None) or {}).get("response_cost"),
    )


class _Rates(NamedTuple):
    """How replies of one shape are read: the finish reason, and US dollars for each count of the usage."""

    finish_reason: str | None
    per_count: tuple[float, ...] | None


class Request(NamedTuple):
    """One call, before it is a call: `arguments` puts together what LiteLLM takes, only where LiteLLM is asked.

    Requests of one `kind` differ in their texts alone.
    """

    kind: object
    messages: Messages
    arguments: Callable[[], dict[str, Any]]


class Reader:
    """Reads the replies of one model: by itself those of a shape that it saw LiteLLM read, the others by LiteLLM."""

    def __init__(self, client: Any) -> None:
        self.client = client
        self._rates: dict[object, _Rates | None] = {}
        self._learning = asyncio.Lock()

    async def read(self, answer: Answer, request: Request) -> Reading | None:
        """What the answer says; raises what LiteLLM raises for it, and gives None where LiteLLM would ask again."""
        found = _plain(answer)
        if found is None:
            response = await self._replay(answer, request.arguments())
            return response and read_response(response)
        raw, plain = found
        counts = _counts(raw["usage"])
        shape = _shape(raw, counts)
        if shape not in self._rates:
            async with self._learning:
                if shape not in self._rates and len(self._rates) < _SHAPES:
                    self._rates[shape] = await self._learn_rates(raw, plain, request.arguments())
        rates = self._rates.get(shape)
        if rates is None or (plain.input_tokens or 0) > _LINEAR:
            return await self._read_with_litellm(raw, plain, request.arguments())
        cost = None if rates.per_count is None else sum(map(mul, rates.per_count, counts))
        return Reading(plain.completion, rates.finish_reason, plain.input_tokens, plain.output_tokens, cost)

    async def _learn_rates(self, raw: dict[str, Any], plain: Reading, call: Mapping[str, Any]) -> _Rates | None:
        """Compare our reading with LiteLLM's and ask it what each count costs; None when ours would not do."""
        theirs = await self._read_with_litellm(raw, plain, call)
        if theirs._replace(cost_usd=None) != plain._replace(finish_reason=theirs.finish_reason):
            return None
        if theirs.cost_usd is None:
            return _Rates(theirs.finish_reason, None)
        counts = _counts(raw["usage"])

        async def cost(changed: list[float]) -> float:
            usage = _with_counts(raw["usage"], iter(changed))
            told = (await self._read_with_litellm({**raw, "usage": usage}, plain, call)).cost_usd
            return math.nan if told is None else told

        rates = []
        for place, count in enumerate(counts):
            more = await cost([*counts[:place], count + 1, *counts[place + 1 :]])
            rates.append(float(f"{more - theirs.cost_usd:.9g}"))  # a price has few digits; more are rounding errors
        told = sum(map(mul, rates, counts))
        tripled = await cost([3 * count for count in counts])
        right = math.isclose(told, theirs.cost_usd, rel_tol=1e-9) and math.isclose(3 * told, tripled, rel_tol=1e-9)
        return _Rates(theirs.finish_reason, tuple(rates)) if right else None

    async def _read_with_litellm(self, raw: dict[str, Any], plain: Reading, call: Mapping[str, Any]) -> Reading:
        try:
            response = await self._replay(Answer(200, {}, json.dumps(raw).encode()), call)
        except Exception:  # noqa: BLE001 - a title that was paid for is kept where LiteLLM stumbles over its reply
            return plain
        return plain if response is None else read_response(response)

    async def _replay(self, answer: Answer, call: Mapping[str, Any]) -> Any:
        """Let LiteLLM make the same call and find this answer to it; None when it asked more than once."""
        exchange = _Exchange(answer)
        token = _exchange.set(exchange)
        try:
            response = await litellm().acompletion(**call, client=self.client)
        except Exception:  # of any class: that of a second request, which has no answer here, says nothing of the first
            if len(exchange.requests) > 1:
                return None
            raise
        finally:
            _exchange.reset(token)
        return response if len(exchange.requests) == 1 else None


def _plain(answer: Answer) -> tuple[dict[str, Any], Reading] | None:
    """The reply and its reading, when it is one choice of text with its tokens; only LiteLLM knows about the rest."""
    if answer.status != 200:
        return None
    try:
        raw = json.loads(answer.body)
        (choice,) = raw["choices"]
        content, reason, usage = choice["message"]["content"], choice["finish_reason"], raw["usage"]
        tokens_in, tokens_out = usage["prompt_tokens"], usage["completion_tokens"]
    except (ValueError, KeyError, TypeError):
        return None
    told = isinstance(content, str) and content.strip() and not content.lstrip().startswith("<")
    counted = type(tokens_in) is int and type(tokens_out) is int and tokens_in > 0 and tokens_out >= 0
    if not (told and counted and type(reason) is str) or "error" in raw or choice.get("logprobs"):
        return None
    return raw, Reading(content, reason, tokens_in, tokens_out, None)


def _shape(raw: Mapping[str, Any], counts: Sequence[float]) -> object:
    """All that can make LiteLLM read one reply otherwise than another: keys, kinds, and what is empty or zero."""
    choice = raw["choices"][0]
    parts = (raw, choice, choice["message"], *(part for part in raw["usage"].values() if isinstance(part, dict)))
    told = [(*part, *map(bool, part.values())) for part in parts]
    told.append((*raw["usage"], *map(bool, counts)))
    return str(raw.get("model")), str(raw.get("service_tier")), choice["finish_reason"], *told


def _counts(usage: Mapping[str, Any]) -> list[float]:
    """Every number of a usage, in its order."""
    found: list[float] = []
    for part in usage.values():
        if type(part) in (int, float):
            found.append(part)
        elif isinstance(part, dict):
            found += _counts(part)
    return found


def _with_counts(usage: Any, counts: Iterator[float]) -> Any:
    if isinstance(usage, dict):
        return {key: _with_counts(part, counts) for key, part in usage.items()}
    return next(counts) if type(usage) in (int, float) else copy.copy(usage)


# ---- learning a route


class _Exchange:
    """The answer that LiteLLM is to find, and the requests that it made."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.requests = answer, list[Any]()

    def meet(self, request: Any) -> Any:
        import httpx

        self.requests.append(request)
        headers = [
            (name.encode(), value.encode("utf-8", "surrogateescape"))
            for name, value in self.answer.headers.items()
            if name.lower() not in _OF_THE_HOP
        ]
        return httpx.Response(self.answer.status, headers=headers, content=self.answer.body)


_exchange: ContextVar[_Exchange] = ContextVar("_exchange")


class Route:
    """How one model with one set of parameters is asked, learnt from LiteLLM.

    Attributes
    ----------
    address : Address
    body : dict
        The JSON that is sent, but for ``messages``.
    roles : list of str
        The roles of the messages, as this model knows them.
    read : callable
        What an answer to a call says; see `Reader.read`.
    """

    def __init__(self, address: Address, body: Mapping[str, Any], roles: Sequence[str], reader: Reader) -> None:
        self.address, self.body, self.roles, self.read = address, dict(body), list(roles), reader.read
        self._tail = f", {json.dumps(self.body)[1:]}".encode()

    def pack(self, messages: Messages) -> bytes:
        """The body of the request for these messages."""
        sent = [{**message, "role": role} for message, role in zip(messages, self.roles, strict=True)]
        return b'{"messages": ' + json.dumps(sent).encode() + self._tail


class Routes:
    """The routes that one event loop has learnt; each is learnt once, however many wait for it."""

    def __init__(self) -> None:
        self._routes: dict[object, asyncio.Task[Route | None]] = {}
        self._readers: dict[object, asyncio.Task[Reader]] = {}

    async def find(self, request: Request) -> Route | None:
        """The route that LiteLLM would take for this request; nothing is sent.

        None where only LiteLLM itself can make the call: another protocol than OpenAI's chat completions, messages
        that it rewrites, callbacks or a cache that must see each call, parameters that it refuses.
        """
        for message in request.messages:
            if not isinstance(text := message.get("content"), str) or not text or text.isspace():
                return None  # empty messages are mended by some providers
        lesson = self._routes.get(request.kind)
        if lesson is None:
            lesson = self._routes[request.kind] = asyncio.create_task(self._learn(request.arguments()))
        # others wait for it too: it must not end with the first
        return lesson.result() if lesson.done() else await asyncio.shield(lesson)

    async def _learn(self, call: Mapping[str, Any]) -> Route | None:
        door = litellm()
        if any(getattr(door, name, None) for name in _LISTENERS) or not _DETOURS.isdisjoint(call):
            return None
        try:
            provider = door.get_llm_provider(call["model"], api_base=call.get("api_base"))[1]
            if provider not in {*door.openai_compatible_providers, *_ALSO_COMPATIBLE} - _WITH_TOKENS:
                return None  # another protocol; some of them send before they tell where to
            return await self._learn_route(call)
        except Exception:  # noqa: BLE001 - LiteLLM's inner parts move between versions; then all go LiteLLM's own way
            return None

    async def _learn_route(self, call: Mapping[str, Any]) -> Route | None:
        kind = repr({name: value for name, value in call.items() if name not in _NOT_READ})
        if kind not in self._readers:
            self._readers[kind] = asyncio.create_task(_reader(call))
        reader = await asyncio.shield(self._readers[kind])
        request = await _overhear(call, reader.client)
        url, body = str(request.url), json.loads(request.content)
        sent = body.pop("messages")
        if not urlsplit(url).path.endswith("/chat/completions") or len(sent) != len(call["messages"]):
            return None
        if any(theirs != {**ours, "role": theirs["role"]} for ours, theirs in zip(call["messages"], sent, strict=True)):
            return None
        headers = {
            name: value
            for name, value in request.headers.items()
            if name not in _OF_THE_HOP and not name.startswith("x-stainless")  # the SDK's statistics
        }
        proxy = _proxy(url)
        if proxy and not proxy.startswith("http"):
            return None
        from litellm.llms.custom_httpx.http_handler import get_ssl_configuration

        tls: Any = get_ssl_configuration()
        return Route(Address(url, headers, proxy, tls), body, [each["role"] for each in sent], reader)


async def _overhear(call: Mapping[str, Any], client: Any) -> Any:
    """The request that LiteLLM makes, whatever it thinks of the answer."""
    exchange = _Exchange(Answer(400, {}, b"{}"))
    token = _exchange.set(exchange)
    with contextlib.suppress(Exception):
        await litellm().acompletion(**call, client=client)
    _exchange.reset(token)
    return exchange.requests[0]


async def _reader(call: Mapping[str, Any]) -> Reader:
    """A reader with a client of the kind that LiteLLM uses for this call, which asks `_exchange`, not a network."""
    import httpx
    from litellm.litellm_core_utils.litellm_logging import Logging

    class Told(Logging):
        """LiteLLM says here where it is about to send to, and goes no further."""

        def pre_call(self, input: object, api_key: Any, model: object = None, additional_args: Any = None) -> None:  # noqa: A002, ARG002
            self.told = api_key, dict(additional_args)
            raise InterruptedError

    listener = Told(call["model"], list(call["messages"]), False, "acompletion", datetime.now(), "", "")
    with contextlib.suppress(Exception):  # InterruptedError, as LiteLLM maps it
        await litellm().acompletion(**call, litellm_logging_obj=listener)
    told: dict[str, Any]
    api_key, told = listener.told
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: _exchange.get().meet(request)))
    if told.get("openai_sdk"):
        from openai import AsyncOpenAI

        base = told["api_base"]  # httpx's parsed form
        url = base if isinstance(base, str) else f"{base.scheme}://{base.netloc}{base.path}"

        class Once(AsyncOpenAI):
            """For some providers LiteLLM forgets max_retries=0 and sets two."""

            max_retries: Any = property(lambda _: 0, lambda *_: None)

        return Reader(Once(api_key=api_key, base_url=url, http_client=http))
    from litellm.llms.custom_httpx.http_handler import AsyncHTTPHandler

    client = AsyncHTTPHandler()
    client.client = http
    return Reader(client)


def _proxy(url: str) -> str | None:
    """The proxy that the environment names for an address."""
    parts = urlsplit(url)
    if urllib.request.proxy_bypass(parts.hostname or ""):
        return None
    proxies = urllib.request.getproxies()
    found = proxies.get(parts.scheme) or proxies.get("all")
    return found if not found or "://" in found else f"http://{found}"
