"""Clients of the speed benchmark, each run in a process of its own: ``python benchmarks/clients.py NAME BASE …``.

Each warms up with a few calls that are not counted (connections, LiteLLM's late imports), makes the sweep, and prints
one line of JSON: seconds, CPU milliseconds a trial, peak memory. Those of other tools stand in `peers.py`.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from workload import MODELS, STYLES, TEMPERATURES, WARM_UP, Stopwatch, article, counts, instruction, peak_mb, requests


def raw(base: str, concurrency: int, articles: int) -> None:
    """A loop around one aiohttp session: the least that Python can do."""
    import aiohttp

    async def send(bodies: list[dict[str, Any]]) -> list[str]:
        todo = iter(bodies)
        titles = []

        async def work() -> None:
            for body in todo:
                async with session.post(f"{base}/chat/completions", json=body) as reply:
                    titles.append((await reply.json())["choices"][0]["message"]["content"])

        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            await asyncio.gather(*(work() for _ in range(concurrency)))
        return titles

    asyncio.run(send(requests(1, WARM_UP)[:20]))
    with Stopwatch(base) as watch:
        frame = pd.DataFrame({"title": asyncio.run(send(requests(articles)))})
    watch.report(len(frame))


def plan_of(
    base: str, articles: range, styles: tuple[str, ...] = STYLES, models: Any = None, repeats: int = 1
) -> pd.DataFrame:
    """The sweep: 40 trials for each article."""
    import retitlekit as rk

    prompts = [rk.Prompt(f"style {n}", instruction(style) + "\n\n{{ body | safe }}") for n, style in enumerate(styles)]
    texts = [rk.Article(f"a{number}", f"Report {number}", article(number)) for number in articles]
    models = models or [rk.Model(f"openai/{name}", api_base=base) for name in MODELS]
    return rk.plan(prompts, texts, models=models, temperatures=TEMPERATURES, repeats=repeats)


def retitlekit(base: str, concurrency: int, articles: int, folder: str = "") -> None:
    """Plan, send, store, frame. Concurrency 0 lets it find its own; a folder is a store that is there, or will be."""
    import retitlekit as rk

    options: Any = {"max_concurrency": concurrency or None, "progress": False}
    with tempfile.TemporaryDirectory() as scratch:
        rk.run(plan_of(base, range(WARM_UP, WARM_UP + 1))[:20], store=f"{scratch}/warm", **options)
        with Stopwatch(base) as watch:
            frame = rk.run(plan_of(base, range(articles)), store=folder or f"{scratch}/sweep", **options)
    assert (frame.status == "ok").all()
    watch.report(len(frame), version=rk.__version__)


def through_litellm() -> None:
    """From now on, this process takes LiteLLM's own way for each call."""
    from retitlekit.models import providers

    async def no_route(routes: object, call: object) -> None:
        """As when LiteLLM speaks another protocol."""

    providers.Routes.find = no_route  # type: ignore[method-assign]


def retitlekit_slow(base: str, concurrency: int, articles: int, folder: str = "") -> None:
    """The same with LiteLLM making each call, as for a provider of another protocol."""
    through_litellm()
    retitlekit(base, concurrency, articles, folder)


def growing(base: str, concurrency: int, articles: int) -> None:
    """A finished sweep again, and then with one prompt more."""
    import retitlekit as rk

    options: Any = {"max_concurrency": concurrency or None, "progress": False}
    with tempfile.TemporaryDirectory() as folder:
        with Stopwatch() as first:
            frame = rk.run(plan_of(base, range(articles)), store=folder, **options)
        sent = counts(base)["requests"]
        times = []
        for _ in range(3):
            trials = plan_of(base, range(articles))
            with Stopwatch() as again:
                rk.run(trials, store=folder, **options)
            times.append(again.wall_s)
        assert counts(base)["requests"] == sent
        grown = rk.run(plan_of(base, range(articles), (*STYLES, "a title that rhymes")), store=folder, **options)
        new = counts(base)
    first.report(
        len(frame),
        cached_s=sorted(times)[1],
        new_trials=len(grown) - len(frame),
        new_requests=new["requests"] - sent,
        repeated=new["repeated"],
    )


def million(base: str, concurrency: int, articles: int) -> None:  # noqa: ARG001 - all clients take the same
    """Embedded models only: what a sweep costs beside the network."""
    import retitlekit as rk

    with tempfile.TemporaryDirectory() as folder:
        models = [rk.Model("baseline/prefix", name=f"m{number}") for number in range(2)]
        trials = plan_of(base, range(articles), models=models, repeats=25)
        half = len(trials) // 2
        with Stopwatch() as first:
            rk.run(trials[:half], store=folder, progress=False)
        with Stopwatch() as watch:
            frame = rk.run(trials[half:], store=folder, progress=False)
        megabytes = sum(path.stat().st_size for path in Path(folder).iterdir()) / 1e6
        started = time.perf_counter()
        rk.run(trials[:1], store=folder, progress=False)
        opened = time.perf_counter() - started
    assert (frame.status == "ok").all()
    watch.report(half, first_half_s=first.wall_s, store_mb=megabytes, open_s=opened)


def planned(base: str, concurrency: int, articles: int) -> None:  # noqa: ARG001
    """A plan alone."""
    with Stopwatch() as watch:
        trials = plan_of(base, range(articles), repeats=25)
    watch.report(len(trials))


_IN_KERNEL = """
import sys; sys.path[:0] = [{here!r}]
import clients, retitlekit as rk, tempfile
options = dict(max_concurrency={concurrency}, store=tempfile.mkdtemp())
clients.retitlekit({base!r}, {concurrency}, 1)
job = rk.start(clients.plan_of({base!r}, range({articles})), **options)
"""


def kernel(base: str, concurrency: int, articles: int) -> None:
    """A Jupyter kernel runs the sweep at full speed, and is sent comm messages meanwhile."""
    from jupyter_client.manager import start_new_kernel

    manager, client = start_new_kernel()

    def execute(code: str) -> str:
        reply = client.execute_interactive(code, timeout=300, output_hook=lambda *_: None)
        return str(reply["content"]["status"])

    try:
        here = str(Path(__file__).parent)
        code = _IN_KERNEL.format(here=here, base=base, concurrency=concurrency, articles=articles)
        assert execute(code) == "ok"
        waits = []
        while len(waits) % 50 or execute("assert 'finished' in repr(job)") != "ok":
            started = time.perf_counter()
            client.comm_info(reply=True, timeout=60)
            waits.append(1000 * (time.perf_counter() - started))
            time.sleep(0.01)
        assert execute("frame = job.wait(progress=False); assert (frame.status == 'ok').all()") == "ok"
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    waits.sort()
    told = {"messages": len(waits), "p50_ms": waits[len(waits) // 2], "p95_ms": waits[int(len(waits) * 0.95)]}
    print(json.dumps({**told, "worst_ms": waits[-1], "mb": peak_mb()}))


if __name__ == "__main__":
    name, address, at_once, number, *rest = sys.argv[1:]
    globals()[name](address, int(at_once), int(number), *rest)
