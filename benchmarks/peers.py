"""The peers of the speed benchmark: the same 2,000 requests, each tool in an environment of its own.

`prepare` makes the environments outside this checkout; ``python peers.py NAME BASE CONCURRENCY ARTICLES`` runs one tool
inside its environment, where only the standard library and the tool itself are to be had.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from workload import MODELS, STYLES, TEMPERATURES, Stopwatch, article, instruction, requests

FOLDER = Path(tempfile.gettempdir()) / "retitlekit-peers"
HERE = Path(__file__).resolve().parent
# name of the function below: the tool, and the packages of its environment
PEERS = {
    "openai_loop": ("loop on the OpenAI SDK", ("openai",)),
    "litellm_batch": ("litellm.batch_completion", ("litellm",)),
    "litellm_threads": ("litellm.completion in threads", ("litellm",)),
    "dspy_parallel": ("dspy.Parallel", ("dspy",)),
    "inspect_ai": ("Inspect AI", ("inspect-ai", "openai")),
    "phoenix_evals": ("Phoenix evals", ("arize-phoenix-evals", "openai", "pandas")),
}


def prepare(folder: Path) -> Path:
    """Make the environments that are missing; a tool that cannot be installed is told and left out."""
    folder.mkdir(parents=True, exist_ok=True)
    for packages in dict.fromkeys(packages for _, packages in PEERS.values()):
        home = folder / packages[0]
        if (home / "ready").exists():
            continue
        print(f"installing {packages[0]} …", file=sys.stderr, flush=True)
        try:
            subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
            pip = [home / "bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            subprocess.run([*pip, *packages], check=True, timeout=900, capture_output=True)
            (home / "ready").touch()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
            print(f"  {packages[0]} could not be installed: {problem}", file=sys.stderr)
    if shutil.which("npm") and not (folder / "promptfoo/ready").exists():
        print("installing promptfoo …", file=sys.stderr, flush=True)
        npm = [
            "npm",
            "install",
            "--silent",
            "--no-fund",
            "--no-audit",
            "--prefix",
            str(folder / "promptfoo"),
            "promptfoo",
        ]
        try:
            subprocess.run(npm, check=True, timeout=600)
            (folder / "promptfoo/ready").touch()
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as problem:
            print(f"  promptfoo could not be installed: {problem}", file=sys.stderr)
    return folder


def clients(folder: Path, measure: Callable[..., dict[str, Any] | None]) -> dict[str, Callable[[str], Any]]:
    """What can be run, by the name of the tool."""

    def start(name: str, python: str) -> Callable[[str], Any]:
        return lambda base: measure([python, str(HERE / "peers.py"), name, base, "100", "50"], cwd=folder)

    found = {
        tool: start(name, str(folder / packages[0] / "bin/python"))
        for name, (tool, packages) in PEERS.items()
        if (folder / packages[0] / "ready").exists()
    }
    if (folder / "promptfoo/ready").exists():
        found["promptfoo"] = start("promptfoo", sys.executable)
    return found


def openai_loop(base: str, concurrency: int, articles: int) -> None:
    """A loop around its async client."""
    from openai import AsyncOpenAI

    async def main() -> None:
        sdk = AsyncOpenAI(base_url=base, api_key="none")

        async def send(bodies: list[dict[str, Any]]) -> int:
            todo, count = iter(bodies), 0

            async def work() -> None:
                nonlocal count
                for body in todo:
                    reply = await sdk.chat.completions.create(**body)
                    count += bool(reply.choices[0].message.content)

            await asyncio.gather(*(work() for _ in range(concurrency)))
            return count

        await send(requests(1)[:20])
        with Stopwatch() as watch:
            count = await send(requests(articles))
        watch.report(count)

    asyncio.run(main())


def _litellm_call(body: dict[str, Any], base: str) -> dict[str, Any]:
    return {**body, "model": f"openai/{body['model']}", "api_base": base, "api_key": "none"}


def litellm_threads(base: str, concurrency: int, articles: int) -> None:
    """Its blocking call in a pool of threads."""
    import litellm

    def ask(body: dict[str, Any]) -> bool:
        return bool(litellm.completion(**_litellm_call(body, base)).choices[0].message.content)

    with ThreadPoolExecutor(concurrency) as pool:
        list(pool.map(ask, requests(1)[:20]))
        with Stopwatch() as watch:
            count = sum(pool.map(ask, requests(articles)))
    watch.report(count)


def litellm_batch(base: str, concurrency: int, articles: int) -> None:
    """One batch for each model and temperature: it takes one of each."""
    import litellm

    def send(bodies: list[dict[str, Any]]) -> int:
        count = 0
        for model in MODELS:
            for heat in TEMPERATURES:
                texts = [b["messages"] for b in bodies if (b["model"], b["temperature"]) == (model, heat)]
                call = _litellm_call({"model": model, "temperature": heat, "messages": texts}, base)
                replies = litellm.batch_completion(**call, max_workers=concurrency)
                count += sum(bool(reply.choices[0].message.content) for reply in replies)
        return count

    send(requests(1)[:20])
    with Stopwatch() as watch:
        count = send(requests(articles))
    watch.report(count)


def dspy_parallel(base: str, concurrency: int, articles: int) -> None:
    """Plain calls of its LM, no signature; its cache off."""
    os.environ["DSPY_CACHEDIR"] = tempfile.mkdtemp()
    import dspy

    models = {
        (model, heat): dspy.LM(f"openai/{model}", api_base=base, api_key="none", temperature=heat, cache=False)
        for model in MODELS
        for heat in TEMPERATURES
    }
    dspy.configure(lm=models[MODELS[0], TEMPERATURES[0]])

    def ask(body: dict[str, Any]) -> str:
        return str(models[body["model"], body["temperature"]](messages=body["messages"])[0])

    parallel = dspy.Parallel(num_threads=concurrency, disable_progress_bar=True)
    parallel([(ask, {"body": body}) for body in requests(1)[:20]])
    with Stopwatch() as watch:
        titles = parallel([(ask, {"body": body}) for body in requests(articles)])
    watch.report(sum(map(bool, titles)))


def inspect_ai(base: str, concurrency: int, articles: int) -> None:
    """One task, four models, its logs as short as it lets one."""
    os.environ |= {"LOOP_BASE_URL": base, "LOOP_API_KEY": "none"}
    import inspect_ai as inspect
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import GenerateConfig, get_model
    from inspect_ai.solver import generate

    texts = [f"{instruction(style)}\n\n{article(n)}" for n in range(articles) for style in STYLES]
    models = [
        get_model(
            f"openai-api/loop/{model}",
            config=GenerateConfig(temperature=heat, max_connections=concurrency),
            memoize=False,
        )
        for model in MODELS
        for heat in TEMPERATURES
    ]
    settings: dict[str, Any] = {
        "display": "none",
        "score": False,
        "log_samples": False,
        "log_realtime": False,
        "log_model_api": False,
        "max_tasks": 4,
        "max_samples": concurrency,
        "log_dir": tempfile.mkdtemp(),
    }

    def send(some: list[str]) -> int:
        task = inspect.Task(dataset=MemoryDataset([Sample(input=text) for text in some]), solver=[generate()])
        return sum(log.results.completed_samples for log in inspect.eval(task, model=models, **settings) if log.results)

    send(texts[:5])
    with Stopwatch() as watch:
        count = send(texts)
    watch.report(count)


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
        texts = [f"{instruction(style)}\n\n{article(n)}" for n in range(articles) for style in STYLES]
        await send(texts[:5])
        with Stopwatch() as watch:
            count = await send(texts)
        watch.report(count)

    asyncio.run(main())


def promptfoo(base: str, concurrency: int, articles: int) -> None:
    """Its command line, start to end, without its database; the start of Node is part of the time."""
    folder = Path(tempfile.mkdtemp())
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
    (folder / "config.json").write_text(json.dumps(config))
    quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_CONFIG_DIR": str(folder)}
    command = ["node_modules/.bin/promptfoo", "eval", "--config", folder / "config.json", "--no-cache", "--no-write"]
    command += ["--no-progress-bar", "--max-concurrency", str(concurrency), "--output", folder / "out.json"]
    with Stopwatch() as watch:
        subprocess.run(
            command, cwd=Path.cwd() / "promptfoo", env={**os.environ, **quiet}, check=False, stdout=subprocess.DEVNULL
        )
    results = json.loads((folder / "out.json").read_text())["results"]
    watch.report(results["stats"]["successes"])


if __name__ == "__main__":
    name, address, at_once, number = sys.argv[1:]
    globals()[name](address, int(at_once), int(number))
