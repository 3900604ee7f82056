"""Other tools on the sweep of the speed benchmark, each in an environment of its own.

`prepare` makes the environments outside this checkout; ``python peers.py NAME BASE CONCURRENCY ARTICLES [FOLDER]`` runs
one tool inside its own, from the folder of them all. Only the standard library and the tool are to be had there. With
a folder at the end, the tool's own cache is on and lies in it; without, it is off.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from workload import MODELS, STYLES, TEMPERATURES, WARM_UP, Stopwatch, article, instruction, messages, requests

FOLDER = Path(tempfile.gettempdir()) / "retitlekit-peers"
HERE = Path(__file__).resolve().parent
_PROMPTFOO = ("promptfoo@latest", "node@24")  # it asks for a newer Node than most systems have


@dataclass(frozen=True)
class Peer:
    """A tool: the packages of its environment, whether it has a cache on disk, and how it is set here."""

    tool: str
    packages: tuple[str, ...]
    caches: bool
    settings: str


# by the name of the function below
PEERS = {
    "openai_loop": Peer(
        "loop on the OpenAI SDK",
        ("openai[aiohttp]",),
        False,
        "one `AsyncOpenAI` as it comes",
    ),
    "openai_aiohttp": Peer(
        "loop on the OpenAI SDK, on aiohttp",
        ("openai[aiohttp]",),
        False,
        "the same with `DefaultAioHttpClient`, its fastest",
    ),
    "litellm_loop": Peer(
        "loop on litellm.acompletion",
        ("litellm",),
        False,
        "no callbacks, prices from the package; none of its caches outlives the process without a server",
    ),
    "litellm_batch": Peer(
        "litellm.batch_completion",
        ("litellm",),
        False,
        "a batch for each model and temperature, as it takes one of each; `max_workers` at once",
    ),
    "litellm_threads": Peer(
        "litellm.completion in threads",
        ("litellm",),
        False,
        "a `ThreadPoolExecutor`",
    ),
    "dspy_parallel": Peer(
        "dspy.Parallel",
        ("dspy",),
        True,
        "plain calls of its `LM` through its own client (`engine='auto'`), no signature, no progress bar",
    ),
    "inspect_ai": Peer(
        "Inspect AI",
        ("inspect-ai", "openai"),
        True,
        "one task, four models at once, each with a quarter of the samples and half of the connections (a name's "
        "temperatures share them); no display, no scores, no samples in the log, no control server",
    ),
    "phoenix_evals": Peer(
        "Phoenix evals",
        ("arize-phoenix-evals", "openai", "pandas"),
        False,
        "an evaluator that generates, `async_evaluate_dataframe` for each model and temperature, its own rate limit at "
        "10,000 a second, no progress bar",
    ),
    "promptfoo": Peer(
        "promptfoo",
        _PROMPTFOO,
        True,
        "its command line on Node 24 with `--no-write --no-table --no-progress-bar`; its seconds are those that it "
        "tells of its evaluation; its CPU and process hold the start of Node",
    ),
}


def home(folder: Path, peer: Peer) -> Path:
    """Where the environment of a tool is."""
    return folder / peer.packages[0].partition("@")[0].partition("[")[0]


def prepare(folder: Path) -> dict[str, str]:
    """Make the environments that are missing; returns why a tool has none, by its name."""
    folder.mkdir(parents=True, exist_ok=True)
    missing: dict[Path, str] = {}
    for peer in PEERS.values():
        place = home(folder, peer)
        if place in missing or (place / "ready").exists():
            continue
        print(f"installing {' '.join(peer.packages)} …", file=sys.stderr, flush=True)
        try:
            _install(place, peer.packages)
            (place / "ready").touch()
        except FileNotFoundError as problem:
            missing[place] = f"not installed: there is no {problem.filename}"
        except subprocess.TimeoutExpired as problem:
            missing[place] = f"not installed after {problem.timeout:g} s"
        except subprocess.CalledProcessError as problem:
            missing[place] = f"not installed: {' '.join((problem.stderr or '').split())[-200:]}"
    return {name: missing[home(folder, peer)] for name, peer in PEERS.items() if home(folder, peer) in missing}


def _install(place: Path, packages: tuple[str, ...]) -> None:
    if packages == _PROMPTFOO:
        steps = [["npm", "install", "--no-fund", "--no-audit", "--prefix", str(place), *packages]]
    else:
        pip = [str(place / "bin/python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        steps = [[sys.executable, "-m", "venv", "--clear", str(place)], [*pip, *packages]]
    for step in steps:
        subprocess.run(step, check=True, timeout=900, capture_output=True, text=True)


def command(name: str, folder: Path) -> list[str]:
    """What starts a tool in its environment; its arguments are to follow."""
    python = sys.executable if name == "promptfoo" else str(home(folder, PEERS[name]) / "bin/python")
    return [python, str(HERE / "peers.py"), name]


# ---- inside the environments


async def _in_loops(ask: Callable[[dict[str, Any]], Awaitable[Any]], base: str, concurrency: int, articles: int) -> Any:
    """Warm up, then send the sweep from so many coroutines; returns the stopwatch and how many answers there are."""

    async def send(bodies: list[dict[str, Any]]) -> int:
        todo, count = iter(bodies), 0

        async def work() -> None:
            nonlocal count
            for body in todo:
                reply = await ask(body)
                count += bool(reply.choices[0].message.content)

        await asyncio.gather(*(work() for _ in range(concurrency)))
        return count

    await send(requests(1, WARM_UP)[:20])
    with Stopwatch(base) as watch:
        count = await send(requests(articles))
    return watch, count


def openai_loop(base: str, concurrency: int, articles: int, http_client: Any = None) -> None:
    """A loop around the SDK's async client."""
    from openai import AsyncOpenAI

    async def main() -> None:
        sdk = AsyncOpenAI(base_url=base, api_key="none", http_client=http_client)
        watch, count = await _in_loops(lambda body: sdk.chat.completions.create(**body), base, concurrency, articles)
        await sdk.close()
        watch.report(count, version=version("openai"))

    asyncio.run(main())


def openai_aiohttp(base: str, concurrency: int, articles: int) -> None:
    """The same on aiohttp."""
    from openai import DefaultAioHttpClient

    openai_loop(base, concurrency, articles, DefaultAioHttpClient())


def _call(body: dict[str, Any], base: str) -> dict[str, Any]:
    return {**body, "model": f"openai/{body['model']}", "api_base": base, "api_key": "none"}


def litellm_loop(base: str, concurrency: int, articles: int) -> None:
    """A loop around `litellm.acompletion`."""
    import litellm

    async def main() -> None:
        watch, count = await _in_loops(
            lambda body: litellm.acompletion(**_call(body, base)), base, concurrency, articles
        )
        watch.report(count, version=version("litellm"))

    asyncio.run(main())


def litellm_threads(base: str, concurrency: int, articles: int) -> None:
    """Its blocking call in a pool of threads."""
    import litellm

    def ask(body: dict[str, Any]) -> bool:
        return bool(litellm.completion(**_call(body, base)).choices[0].message.content)

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(ask, requests(1, WARM_UP)[:20]))
        with Stopwatch(base) as watch:
            count = sum(pool.map(ask, requests(articles)))
    watch.report(count, version=version("litellm"))


def litellm_batch(base: str, concurrency: int, articles: int) -> None:
    """One batch for each model and temperature."""
    import litellm

    def send(bodies: list[dict[str, Any]]) -> int:
        count = 0
        for model in MODELS:
            for heat in TEMPERATURES:
                texts = [b["messages"] for b in bodies if (b["model"], b["temperature"]) == (model, heat)]
                call = _call({"model": model, "temperature": heat, "messages": texts}, base)
                replies = litellm.batch_completion(**call, max_workers=concurrency)
                count += sum(bool(reply.choices[0].message.content) for reply in replies)
        return count

    send(requests(1, WARM_UP)[:20])
    with Stopwatch(base) as watch:
        count = send(requests(articles))
    watch.report(count, version=version("litellm"))


def dspy_parallel(base: str, concurrency: int, articles: int, folder: str = "") -> None:
    """Plain calls of its LM, no signature."""
    os.environ["DSPY_CACHEDIR"] = folder or tempfile.mkdtemp()
    import dspy

    kind = {"api_base": base, "api_key": "none", "cache": bool(folder)}
    models = {
        (model, heat): dspy.LM(f"openai/{model}", temperature=heat, **kind) for model in MODELS for heat in TEMPERATURES
    }
    dspy.configure(lm=models[MODELS[0], TEMPERATURES[0]])

    def ask(body: dict[str, Any]) -> str:
        return str(models[body["model"], body["temperature"]](messages=body["messages"])[0])

    parallel = dspy.Parallel(num_threads=concurrency, disable_progress_bar=True)
    parallel([(ask, {"body": body}) for body in requests(1, WARM_UP)[:20]])
    with Stopwatch(base) as watch:
        titles = parallel([(ask, {"body": body}) for body in requests(articles)])
    watch.report(sum(map(bool, titles)), version=version("dspy"))


def inspect_ai(base: str, concurrency: int, articles: int, folder: str = "") -> None:
    """One task, four models, its logs as short as it lets one."""
    os.environ |= {"LOOP_BASE_URL": base, "LOOP_API_KEY": "none", "INSPECT_CACHE_DIR": folder or tempfile.mkdtemp()}
    import inspect_ai as inspect
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import GenerateConfig, get_model
    from inspect_ai.solver import generate

    pairs = [(model, heat) for model in MODELS for heat in TEMPERATURES]
    each = max(1, concurrency // len(pairs))
    models = [
        get_model(
            f"openai-api/loop/{model}",
            # one set of connections for a name, whatever the temperature
            config=GenerateConfig(temperature=heat, max_connections=concurrency // len(MODELS), cache=bool(folder)),
            memoize=False,
        )
        for model, heat in pairs
    ]
    settings: dict[str, Any] = {
        "display": "none",
        "score": False,
        "log_samples": False,
        "log_realtime": False,
        "log_model_api": False,
        "log_refusals": False,
        "ctl_server": False,
        "acp_server": False,
        "max_tasks": len(pairs),
        "max_samples": each,
        "log_dir": tempfile.mkdtemp(),
    }

    def send(some: list[str]) -> int:
        task = inspect.Task(dataset=MemoryDataset([Sample(input=text) for text in some]), solver=[generate()])
        return sum(log.results.completed_samples for log in inspect.eval(task, model=models, **settings) if log.results)

    send(messages(1, WARM_UP)[:5])
    with Stopwatch(base) as watch:
        count = send(messages(articles))
    watch.report(count, version=version("inspect-ai"))


def phoenix_evals(base: str, concurrency: int, articles: int) -> None:
    """An evaluator that generates, over a frame, for each model and temperature."""
    os.environ |= {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": base}
    import pandas as pd
    from phoenix.evals import LLM, Score, async_evaluate_dataframe
    from phoenix.evals.evaluators import Evaluator
    from pydantic import BaseModel

    class Row(BaseModel):
        text: str

    class Titles(Evaluator):  # type: ignore[misc]
        def __init__(self, llm: Any, heat: float) -> None:
            super().__init__(name="titles", kind="llm", input_schema=Row)
            self.llm, self.heat = llm, heat

        def _evaluate(self, _: Any) -> Any:
            raise AssertionError("only the asynchronous one is called")

        async def _async_evaluate(self, eval_input: Any) -> Any:
            title = await self.llm.async_generate_text(eval_input["text"], temperature=self.heat)
            return [Score(name="title", label=title, kind="llm")]

    async def send(texts: list[str]) -> int:
        count = 0
        for model in MODELS:
            llm = LLM(provider="openai", model=model, client="openai", initial_per_second_request_rate=10_000)
            for heat in TEMPERATURES:
                out = await async_evaluate_dataframe(
                    dataframe=pd.DataFrame({"text": texts}),
                    evaluators=[Titles(llm, heat)],
                    concurrency=concurrency,
                    hide_tqdm_bar=True,
                )
                count += int(out["title_score"].notna().sum())
        return count

    async def main() -> None:
        await send(messages(1, WARM_UP)[:5])
        with Stopwatch(base) as watch:
            count = await send(messages(articles))
        watch.report(count, version=version("arize-phoenix-evals"))

    asyncio.run(main())


def promptfoo(base: str, concurrency: int, articles: int, folder: str = "") -> None:
    """Its command line, without its database."""
    modules, scratch = Path.cwd() / "promptfoo/node_modules", Path(tempfile.mkdtemp())
    config = {
        "prompts": [f"{instruction(style)}\n\n{{{{article}}}}" for style in STYLES],
        "providers": [
            {
                "id": f"openai:chat:{model}",
                "label": f"{model} at {heat}",
                "config": {"apiBaseUrl": base, "apiKey": "none", "temperature": heat},
            }
            for model in MODELS
            for heat in TEMPERATURES
        ],
        "tests": [{"vars": {"article": article(number)}} for number in range(articles)],
    }
    (scratch / "config.json").write_text(json.dumps(config))
    off = ("TELEMETRY", "UPDATE", "REMOTE_GENERATION", "SHARING")
    environment = {**os.environ, **{f"PROMPTFOO_DISABLE_{what}": "1" for what in off}}
    environment |= {"PROMPTFOO_CONFIG_DIR": str(scratch), "PROMPTFOO_CACHE_PATH": folder or str(scratch / "cache")}
    node = [str(modules / ".bin/node"), str(modules / "promptfoo/dist/src/entrypoint.js")]
    told = [*node, "eval", "--config", str(scratch / "config.json"), "--output", str(scratch / "out.json")]
    told += ["--max-concurrency", str(concurrency), "--no-write", "--no-table", "--no-progress-bar"]
    with Stopwatch(base) as watch:
        done = subprocess.run(
            told if folder else [*told, "--no-cache"],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
        )
    if not (scratch / "out.json").exists():
        raise SystemExit(f"promptfoo wrote nothing: {done.stdout[-500:]}{done.stderr[-500:]}")
    stats = json.loads((scratch / "out.json").read_text())["results"]["stats"]
    release = json.loads((modules / "promptfoo/package.json").read_text())["version"]
    watch.report(stats["successes"], s=stats["evaluationDurationMs"] / 1000, version=release)
    shutil.rmtree(scratch)


if __name__ == "__main__":
    name, address, at_once, number, *rest = sys.argv[1:]
    globals()[name](address, int(at_once), int(number), *rest)
