"""A sweep on one worker and on two, where the CPU of the sender is the limit; and workers killed at random moments.

    python benchmarks/cluster.py              # throughput of one and of two workers, interleaved
    python benchmarks/cluster.py --kills 20   # kill -9 of a worker in mid-sweep, so often

Workers are processes with one thread. Client and scheduler live in the process of this script; they, the server and
the workers share the cores. See cluster.md.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import distributed
import pandas as pd

sys.path.insert(0, str(Path(__file__).parents[1]))  # the loopback server stands with the tests

import clients
import server
from workload import counts

import retitlekit as rk
from retitlekit.store import Store
from tests.loopback import Loopback

PROMPT = rk.Prompt("body", "Rewrite.\n{{ title | safe }}\n{{ body | safe }}")


def articles(number: int, paragraphs: int, *, of: int = 0) -> list[rk.Article]:
    """Articles of so many paragraphs, none like another, nor like those `of` another number."""
    return [
        rk.Article(
            f"a{n}",
            f"Council votes on bridge {of}-{n}",
            "\n\n".join(
                f"Council number {of}-{n} votes on bridge {p} of the town, which has cost {n * p} euros since "
                f"{1900 + p}, said the mayor in a long speech."
                for p in range(paragraphs)
            ),
        )
        for n in range(number)
    ]


def throughput(rounds: int, trials: int) -> None:
    """Print trials a second on this machine alone, on one worker and on two, for two kinds of work."""
    with contextlib.ExitStack() as stack:
        base = stack.enter_context(server.running())
        machines: dict[str, distributed.Client | None] = {"no cluster": None}
        for workers, name in enumerate(("one worker", "two workers"), 1):
            cluster = distributed.LocalCluster(workers, threads_per_worker=1, dashboard_address=None)
            machines[name] = stack.enter_context(distributed.Client(stack.enter_context(cluster)))
            machines[name].run(sys.path.insert, 0, str(Path(__file__).parent))
            machines[name].run(clients.through_litellm)
        clients.through_litellm()
        number = itertools.count(1)  # of articles that no run before had

        def calls(of: int) -> pd.DataFrame:
            return clients.plan_of(base, range(of * trials, of * trials + max(1, of and trials // 40)))

        def embedded(of: int) -> pd.DataFrame:
            return rk.plan(PROMPT, articles(trials if of else 8, 60, of=of), models="baseline/lexrank")

        for what, plan in {"every call through LiteLLM": calls, "baseline/lexrank": embedded}.items():
            for client in machines.values():
                rk.run(plan(0), client=client, store=tempfile.mkdtemp(), progress=False)  # warm
            compare(what, plan, machines, number, rounds, base)


def compare(
    what: str,
    plan: Callable[[int], pd.DataFrame],
    machines: dict[str, distributed.Client | None],
    number: Iterator[int],
    rounds: int,
    base: str,
) -> None:
    """Print the table of one kind of work; medians of interleaved rounds."""
    found: dict[str, list[tuple[float, ...]]] = {name: [] for name in machines}
    for _ in range(rounds):
        for name, client in machines.items():
            trials = plan(next(number))
            before = cpu_s(client, base)
            wall = time.perf_counter()
            frame = rk.run(trials, client=client, store=tempfile.mkdtemp(), progress=False, max_concurrency=64)
            wall = time.perf_counter() - wall
            used = [1e3 * (now - then) / len(frame) for now, then in zip(cpu_s(client, base), before, strict=True)]
            found[name].append((len(frame) / wall, *used))
            assert (frame.status == "ok").all()
    columns = ("trials/s", "min", "max", "CPU ms a trial: here", "workers", "server")
    print(f"| {what}: {len(frame)} trials, {rounds} rounds | {' | '.join(columns)} |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    middle = {name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in found.items()}
    for name, (rate, *used) in middle.items():
        rates = [row[0] for row in found[name]]
        print(
            f"| {name} | {rate:.0f} | {min(rates):.0f} | {max(rates):.0f} | {' | '.join(f'{ms:.2f}' for ms in used)} |"
        )
    ratios = [two[0] / one[0] for one, two in zip(found["one worker"], found["two workers"], strict=True)]
    print(f"| two workers to one | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} | | | |")
    (_, _, alone, _), (_, *together) = middle["one worker"], middle["two workers"]
    print(f"| the most that two free cores allow | {min(2.0, 2 * alone / sum(together)):.2f} | | | | | |\n")


def cpu_s(client: distributed.Client | None, base: str) -> tuple[float, float, float]:
    """CPU seconds used so far here, by the workers, and by the server."""
    theirs = sum(client.run(time.process_time).values()) if client else 0.0
    return time.process_time(), theirs, counts(base)["cpu_s"]


def kills(times: int) -> None:
    """Kill a worker at a random moment of a sweep over HTTP, so often; print what was lost and what was paid again."""
    plan_of = articles(50, 1)
    lost = again = 0
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        Loopback(latency_s=0.02) as server,
    ):
        for number in range(times):
            model = rk.Model("openai/model-a", api_base=server.base)
            trials = rk.plan(PROMPT, plan_of, models=model, temperatures=0, repeats=8, seed=number)
            folder = tempfile.mkdtemp()
            before = sum(server.answered.values())
            job = rk.start(trials, client=client, store=folder, max_concurrency=16)
            goal = random.randrange(5, 380)
            while job.done < goal:
                time.sleep(0.001)
            pids = client.run(os.getpid)
            with Store(folder) as store:
                os.kill(random.choice(list(pids.values())), signal.SIGKILL)
                stored = store.find(trials.trial_id)
            frame = job.wait(progress=False)
            told = dict(zip(frame.trial_id, frame.completion, strict=True))
            lost += sum(told[trial_id] != response.completion for trial_id, response in stored.items())
            lost += int((frame.status != "ok").sum())
            again += sum(server.answered.values()) - before - len(trials)
            client.wait_for_workers(2)
    print("| kills | trials | lost | answered twice by the server | under way at once |\n|---|---|---|---|---|")
    print(f"| {times} | {times * 400} | {lost} | {again} | 8 on each worker |")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--kills", type=int, default=0)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=2000)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", rk.RetitlekitWarning)
    if asked.kills:
        kills(asked.kills)
    else:
        throughput(asked.rounds, asked.trials)


if __name__ == "__main__":
    main()
