"""How well a sweep uses a rate limit: ``python benchmarks/limits.py [seconds]``, or ``… simulated``.

A server in a process of its own enforces N requests a minute in the ways providers do, and tells nothing, Retry-After,
or what remains. One sweep goes to each of them, all at once from one process, for three minutes. Prints a Markdown
table: the requests answered as a share of N a minute (over 100 % where a limiter lets a burst through at the start),
and the 429s as a share of all requests after the first ten seconds. "simulated" prints the same of a single lane in
simulated time, where the client's loop is late as on a busy machine, for many N and latencies.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import multiprocessing
import sys
import tempfile
import time
import urllib.request
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from retitlekit.sweeps.limits import Lane  # noqa: E402
from tests.limiters import LIMITERS, Parallel, Simulation, headers  # noqa: E402

RATES = (300,)
KINDS = [kind for kind in LIMITERS if kind != "one at a time"]
TELLS = ("nothing", "retry-after", "all")
LATENCY_S = 0.1


class Endpoint:
    """One limiter with its counts."""

    def __init__(self, kind: str, n: int, tells: str) -> None:
        self.limiter, self.tells = LIMITERS[kind](n), tells
        self.first: float | None = None
        self.counts: Counter[str] = Counter()

    def ask(self, now: float) -> tuple[float, dict[str, str]]:
        """Seconds to wait, and the headers of the answer."""
        self.first = self.first or now
        wait_s = self.limiter.wait_s(now)
        late = "late " if now - self.first > 10 else ""
        self.counts["refused" if wait_s else "answered"] += 1
        self.counts[late + ("refused" if wait_s else "answered")] += bool(late)
        return wait_s, headers(self.limiter, now, wait_s, self.tells)


def serve(port: Any) -> None:
    """The server's process."""
    from aiohttp import web

    endpoints: dict[str, Endpoint] = {}

    async def chat(request: web.Request) -> web.Response:
        name = request.match_info["name"]
        if name not in endpoints:
            kind, n, tells = name.split("_")
            endpoints[name] = Endpoint(kind.replace("-", " "), int(n), tells)
        wait_s, told = endpoints[name].ask(time.monotonic())
        if wait_s:
            error = {"message": "Rate limit reached.", "type": "requests", "code": "rate_limit_exceeded"}
            return web.json_response({"error": error}, status=429, headers=told)
        await asyncio.sleep(LATENCY_S)
        message = {"role": "assistant", "content": "Council votes on bridge"}
        answer = {
            "id": "1", "object": "chat.completion", "created": 1, "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
        }  # fmt: skip
        return web.json_response(answer, headers=told)

    async def models(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})

    async def stats(_: web.Request) -> web.Response:
        return web.json_response({name: dict(endpoint.counts) for name, endpoint in endpoints.items()})

    async def main() -> None:
        app = web.Application()
        app.router.add_post("/{name}/v1/chat/completions", chat)
        app.router.add_get("/{name}/v1/models", models)
        app.router.add_get("/stats", stats)
        runner = web.AppRunner(app)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        port.send(runner.addresses[0][1])
        await asyncio.sleep(3600)

    asyncio.run(main())


def main(seconds: float) -> None:
    """Run all sweeps and print the table."""
    import retitlekit as rk

    warnings.simplefilter("ignore")
    mine, theirs = multiprocessing.Pipe()
    server = multiprocessing.get_context("spawn").Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    root = f"http://127.0.0.1:{mine.recv()}"
    prompt, article = rk.Prompt("p", "Rewrite: {{ title | safe }}"), rk.Article("a", "Council votes", "It voted.")
    jobs = {}
    with tempfile.TemporaryDirectory() as folder:
        for n in RATES:
            for kind in KINDS:
                for tells in (*TELLS, "rpm"):
                    if tells == "rpm" and kind != "bucket of a second":
                        continue
                    name = f"{kind.replace(' ', '-')}_{n}_{tells}"
                    model = rk.Model(
                        "openai/m", name=name, api_base=f"{root}/{name}/v1", rpm=n if tells == "rpm" else None
                    )
                    trials = rk.plan(prompt, article, models=model, repeats=int(n * (seconds / 60 + 2)))
                    jobs[name] = rk.start(trials, store=f"{folder}/{name}", deadline_s=seconds, retries=9)
        for job in jobs.values():
            job.wait(progress=False)
    counts = json.load(urllib.request.urlopen(f"{root}/stats"))
    server.kill()
    print("| limiter | N a minute | tells | N used | 429s after 10 s |\n|---|---|---|---|---|")
    for name in jobs:
        kind, n, tells = name.split("_")
        count = Counter(counts[name])
        used = count["answered"] / (int(n) * seconds / 60)
        late = count["late refused"] / max(1, count["late refused"] + count["late answered"])
        told = {"rpm": "nothing, `Model(rpm=N)`"}.get(tells, tells)
        print(f"| {kind.replace('-', ' ')} | {n} | {told} | {used:.1%} | {late:.2%} |")


def simulated(seconds: float = 185.0) -> None:
    """Print what one lane makes of each limiter, and how many rows meet 95 % and 1 %."""
    rows = [
        *itertools.product(LIMITERS, (60, 120, 300, 600, 3000, 6000), (0.1, 0.5, 2.0, 5.0), TELLS, (0.001,)),
        *itertools.product(KINDS, (300, 3000), (0.5,), TELLS, (0.1,)),
        *itertools.product(["parallel"], (2, 8, 50, 100), (0.1, 0.5, 2.0), TELLS[:2], (0.001,)),
    ]
    with multiprocessing.get_context("spawn").Pool() as pool:
        found = pool.starmap(_simulated, [(*row, seconds) for row in rows], chunksize=4)
    print("| limiter | N | latency, s | tells | a 429 takes, s | used | 429s after 10 s |  |\n" + "|---" * 8 + "|")
    for (kind, n, latency_s, tells, refusal_s), (used, late) in zip(rows, found, strict=True):
        mark = "" if used >= 0.95 and late <= 0.01 else "misses"
        print(f"| {kind} | {n} | {latency_s} | {tells} | {refusal_s} | {used:.1%} | {late:.2%} | {mark} |")
    print(f"\n{sum(used >= 0.95 and late <= 0.01 for used, late in found)} of {len(found)} rows meet both.")


def _simulated(
    kind: str, n: int, latency_s: float, tells: str, refusal_s: float, seconds: float
) -> tuple[float, float]:
    limiter = Parallel(n) if kind == "parallel" else LIMITERS[kind](n)
    count = Simulation(Lane(0.0), limiter, tells, latency_s, refusal_s).run(seconds)
    most = n * seconds / (latency_s if kind == "parallel" else 60)
    used = (count["early answered"] + count["late answered"]) / most
    return used, count["late refused"] / max(1, count["late refused"] + count["late answered"])


if __name__ == "__main__" and sys.argv[1:] == ["simulated"]:
    simulated()
elif __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 185.0)
