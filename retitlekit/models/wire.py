"""The wire: one aiohttp session per event loop, which posts JSON and brings back what came.

Nothing here knows a provider. `providers` says what to send where; this room keeps the connections.
"""

from __future__ import annotations

import asyncio
import atexit
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import ssl

    import aiohttp

_KEEPALIVE_S = 30.0


@dataclass(frozen=True)
class Address:
    """Where to post: `headers` hold the key; `proxy` and `tls` are what the environment asks for."""

    url: str
    headers: Mapping[str, str]
    proxy: str | None = None
    tls: ssl.SSLContext | bool = True

    def __repr__(self) -> str:
        return f"Address({self.url!r})"  # not the key


class Answer(NamedTuple):
    """What a server sent back, decompressed."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def post(address: Address, body: bytes) -> Answer:
    """Send one request, once; redirects are answers.

    Raises
    ------
    ConnectionError
        When no whole answer came: refused, reset, closed early, no such host, a certificate that does not fit.
    """
    import aiohttp

    session = await _session()
    try:
        response = await session.post(
            address.url,
            data=body,
            headers=address.headers,
            proxy=address.proxy,
            ssl=address.tls,
            allow_redirects=False,
        )
        return Answer(response.status, response.headers, await response.read())  # which gives the connection back
    except (aiohttp.ClientError, OSError) as problem:
        raise ConnectionError(
            f"{type(problem).__name__}: {problem}" if str(problem) else type(problem).__name__
        ) from None


_open: dict[asyncio.AbstractEventLoop, tuple[AsyncIterator[Any], Any]] = {}


async def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    held = _open.get(loop)
    if held is None:
        for ended in [each for each in _open if each.is_closed()]:
            del _open[ended]
        holder = _hold_session()
        held = _open[loop] = holder, await anext(holder)  # opening does not wait: no second one comes in between
    session: aiohttp.ClientSession = held[1]
    return session


async def _hold_session() -> AsyncIterator[aiohttp.ClientSession]:
    """A generator, because an event loop closes the generators it has seen when it ends: the session with them."""
    import aiohttp

    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
    ) as session:
        yield session


@atexit.register
def _close() -> None:
    """At exit, for loops that run for ever in a thread of their own."""
    for loop in list(_open):
        if loop.is_running():
            with suppress(TimeoutError):
                asyncio.run_coroutine_threadsafe(loop.shutdown_asyncgens(), loop).result(1)
