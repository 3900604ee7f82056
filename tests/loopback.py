"""A real OpenAI-compatible server on 127.0.0.1 that answers, or misbehaves, as a test tells it to."""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web


@dataclass(frozen=True)
class Fault:
    """An answer that is no answer: an HTTP error, or what a broken server does."""

    status: int = 500
    message: str = "The server had an error."
    code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    how: str = "error"  # or "hang", "reset", "close" (half an answer), "malformed", "error in a 200"


@dataclass(frozen=True)
class Raw:
    """An answer exactly as given: bytes, or an object that is sent as JSON."""

    body: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


Answer = str | dict[str, Any] | Fault | Raw


def echo(body: Mapping[str, Any], nth: int) -> Answer:
    """A title that depends on the request alone, so that two sweeps agree."""
    digest = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:8]
    return f"Council votes on plan {digest}"


class Loopback:
    """``with Loopback(answer) as server:`` then `server.base`; `answer(body, nth)` gets how often it saw this body."""

    def __init__(
        self,
        answer: Callable[[Mapping[str, Any], int], Answer] = echo,
        *,
        models: tuple[str, ...] = ("model-a", "model-b"),
        key: str | None = None,
        latency_s: float = 0.0,
        limits: Mapping[str, str] | None = None,
    ) -> None:
        self.answer, self.models, self.key, self.latency_s = answer, models, key, latency_s
        self.limits = dict(limits or {})  # headers of every answer
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.answered: Counter[str] = Counter()
        self.seen: Counter[str] = Counter()
        self.busy = self.most_busy = 0

    def __enter__(self) -> Loopback:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_get("/v1/models", self._list)
        app.router.add_post("/v1/chat/completions", self._chat)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.base = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    def _refused(self, request: web.Request) -> web.Response | None:
        if self.key is None or request.headers.get("Authorization") == f"Bearer {self.key}":
            return None
        return _error(401, f"Incorrect API key provided: {request.headers.get('Authorization')}", "invalid_api_key")

    async def _list(self, request: web.Request) -> web.Response:
        listed = [{"id": name, "object": "model"} for name in self.models]
        return self._refused(request) or web.json_response({"object": "list", "data": listed})

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        body = await request.json()
        key = json.dumps(body, sort_keys=True)
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            await asyncio.sleep(self.latency_s)
            refused = self._refused(request)
            if refused is not None:
                return refused
            self.seen[key] += 1
            answer = self.answer(body, self.seen[key])
            if isinstance(answer, Fault):
                return await self._misbehave(request, answer)
            if isinstance(answer, Raw):
                body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
                return web.Response(body=body, status=answer.status, headers=answer.headers)
            self.answered[key] += 1
            return web.json_response(_completion(body, answer), headers=self.limits)
        finally:
            self.busy -= 1

    async def _misbehave(self, request: web.Request, fault: Fault) -> web.StreamResponse:
        if fault.how == "hang":
            await asyncio.sleep(3600)
        if fault.how == "reset" and request.transport is not None:
            request.transport.abort()
        if fault.how == "close" and request.transport is not None:
            request.transport.write(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{"
            )
            request.transport.close()
        if fault.how == "error in a 200":
            return _error(200, fault.message, fault.code)
        if fault.how == "malformed":
            return web.Response(text='{"choices": [{"mess', content_type="application/json")
        return _error(fault.status, fault.message, fault.code, fault.headers)


def _error(status: int, message: str, code: str | None, headers: Mapping[str, str] | None = None) -> web.Response:
    error = {"message": message, "type": "error", "param": None, "code": code}
    return web.json_response({"error": error}, status=status, headers=headers)


def _completion(body: Mapping[str, Any], answer: str | dict[str, Any]) -> dict[str, Any]:
    """A chat completion; a dict overrides `content`, `finish_reason`, `refusal` or `usage`."""
    given = {"content": answer} if isinstance(answer, str) else answer
    message = {"role": "assistant", "content": given.get("content"), "refusal": given.get("refusal")}
    usage = {"prompt_tokens": 50, "completion_tokens": 9, "total_tokens": 59}
    return {
        "id": "chatcmpl-loopback",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": given.get("finish_reason", "stop")}],
        "usage": given.get("usage", usage),
    }
