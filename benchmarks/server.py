"""An OpenAI-compatible chat server for the benchmarks: one process, one thread, standard library only.

    python benchmarks/server.py --latency-ms 200      # prints its address, then serves until it is stopped

    with running("--latency-ms", "200") as base: ...  # base is ".../v1"

The reply depends on the request alone and looks like a title. ``--tail`` draws each latency from a heavy tail
(log-uniform, 50 ms to 5 s) by a hash of the body, so that every client meets the same ones. `workload.counts(base)`
tells how many requests came, how many of them were the same, and how many were under way at once.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any

_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_SHORTEST_S, _LONGEST_S = 0.05, 5.0


def tail_latency_s(digest: bytes) -> float:
    """Log-uniform between 50 ms and 5 s."""
    share = int.from_bytes(digest[:4], "big") / 2**32
    return _SHORTEST_S * (_LONGEST_S / _SHORTEST_S) ** share


def title_of(body: bytes) -> str:
    """What the server answers to a body."""
    return f"Council votes on plan {hashlib.blake2b(body, digest_size=6).hexdigest()}"


class Desk:
    """What the server was asked, over all its connections."""

    def __init__(self, latency_s: float, tail: bool) -> None:
        self.latency_s, self.tail = latency_s, tail
        self.seen: Counter[bytes] = Counter()
        self.under_way = self.most = 0

    def counts(self) -> dict[str, float]:
        """Requests so far, those of them that had been seen before, the most under way at once; CPU seconds used."""
        requests, cpu_s = self.seen.total(), time.process_time()
        return {"requests": requests, "repeated": requests - len(self.seen), "most": self.most, "cpu_s": cpu_s}


class Connection(asyncio.Protocol):
    """One keep-alive connection; requests are answered in order."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        """A client is there."""
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """Take what came; answer each whole request."""
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            head = self.buffer[:end]
            found = _LENGTH.search(head)
            total = end + 4 + (int(found[1]) if found else 0)
            if len(self.buffer) < total:
                return
            body, self.buffer = self.buffer[end + 4 : total], self.buffer[total:]
            self.answer(head, body)

    def answer(self, head: bytes, body: bytes) -> None:
        """Answer one request, after its latency."""
        desk = self.desk
        if head.startswith(b"GET"):
            models = {"object": "list", "data": [{"id": f"model-{name}", "object": "model"} for name in "ab"]}
            self.reply(json.dumps(desk.counts() if b"/counts" in head[:40] else models).encode())
            return
        digest = hashlib.blake2b(body, digest_size=12).digest()
        desk.seen[digest] += 1
        desk.under_way += 1
        desk.most = max(desk.most, desk.under_way)
        reply = self.completion(body)
        delay = tail_latency_s(digest) if desk.tail else desk.latency_s
        if delay:
            asyncio.get_running_loop().call_later(delay, self.answered, reply)
        else:
            self.answered(reply)

    def answered(self, payload: bytes) -> None:
        """Its latency is over."""
        self.desk.under_way -= 1
        self.reply(payload)

    def completion(self, body: bytes) -> bytes:
        """The JSON of the reply."""
        tokens_in, tokens_out = len(body) // 4, 9
        usage = {"prompt_tokens": tokens_in, "completion_tokens": tokens_out, "total_tokens": tokens_in + tokens_out}
        choice = {"index": 0, "message": {"role": "assistant", "content": title_of(body)}, "finish_reason": "stop"}
        return json.dumps(
            {
                "id": "chatcmpl-benchmark",
                "object": "chat.completion",
                "created": 1_700_000_000,
                "model": json.loads(body)["model"],
                "choices": [choice],
                "usage": usage,
            }
        ).encode()

    def reply(self, payload: bytes) -> None:
        """Send it."""
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload)
        self.transport.write(head + payload)


async def serve(latency_s: float, tail: bool, port: int) -> None:
    """Serve until cancelled."""
    desk = Desk(latency_s, tail)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Connection(desk), "127.0.0.1", port, backlog=2048)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await server.serve_forever()


@contextlib.contextmanager
def running(*arguments: str) -> Iterator[str]:
    """A server in a process of its own; gives its address."""
    process = subprocess.Popen([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--latency-ms", type=float, default=0)
    parser.add_argument("--tail", action="store_true")
    parser.add_argument("--port", type=int, default=0)
    given = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(serve(given.latency_ms / 1000, given.tail, given.port))
