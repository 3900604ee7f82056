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

Figures = tuple[float, ...]  # trials a second; CPU milliseconds a trial here, on the workers, of the server
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
    machines = {"no cluster": 0, "one worker": 1, "two workers": 2}
    found: dict[str, dict[str, list[Figures]]] = {}
    clients.through_litellm()
    for number, (name, workers) in itertools.product(range(1, rounds + 1), machines.items()):
        with server.running() as base, cluster_of(workers) as client:
            for what, plan in works(base, trials).items():
                rk.run(plan(0), client=client, store=tempfile.mkdtemp(), progress=False)  # imports, connections
                figures = measured(plan(number), client, base)
                found.setdefault(what, {each: [] for each in machines})[name].append(figures)
                print(f"  {what}, {name}: {figures[0]:.0f} trials/s", file=sys.stderr, flush=True)
    for what, runs in found.items():
        show(f"{what}: {trials} trials, {rounds} rounds", runs)


@contextlib.contextmanager
def cluster_of(workers: int) -> Iterator[distributed.Client | None]:
    """A client of so many workers that take LiteLLM's own way; None for none."""
    if not workers:
        yield None
        return
    with (
        distributed.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(sys.path.insert, 0, str(Path(__file__).parent))
        client.run(clients.through_litellm)
        yield client


def works(base: str, trials: int) -> dict[str, Callable[[int], pd.DataFrame]]:
    """Plans by the number of a round, each of articles that no other has; number 0 is short."""

    def calls(number: int) -> pd.DataFrame:
        some = trials // 40
        return clients.plan_of(base, range(number * some, number * some + (some if number else 1)))

    def embedded(number: int) -> pd.DataFrame:
        some = articles(trials if number else 8, 60, of=number)  # titlers remember articles
        return rk.plan(PROMPT, some, models="baseline/lexrank")

    return {"every call through LiteLLM": calls, "baseline/lexrank": embedded}


def measured(trials: pd.DataFrame, client: distributed.Client | None, base: str) -> Figures:
    """Run these trials."""
    before, wall = cpu_s(client, base), time.perf_counter()
    frame = rk.run(trials, client=client, store=tempfile.mkdtemp(), progress=False, max_concurrency=64)
    wall = time.perf_counter() - wall
    used = [1e3 * (now - then) / len(frame) for now, then in zip(cpu_s(client, base), before, strict=True)]
    assert (frame.status == "ok").all()
    return (len(frame) / wall, *used)


def show(title: str, runs: dict[str, list[Figures]]) -> None:
    """Print a table of medians."""
    columns = ("trials/s", "min", "max", "CPU ms a trial: here", "workers", "server")
    print(f"| {title} | {' | '.join(columns)} |\n|---|--:|--:|--:|--:|--:|--:|")
    middle = {name: [statistics.median(each) for each in zip(*rows, strict=True)] for name, rows in runs.items()}
    for name, (rate, *used) in middle.items():
        rates = [row[0] for row in runs[name]]
        costs = " | ".join(f"{ms:.2f}" for ms in used)
        print(f"| {name} | {rate:.0f} | {min(rates):.0f} | {max(rates):.0f} | {costs} |")
    ratios = [two[0] / one[0] for one, two in zip(runs["one worker"], runs["two workers"], strict=True)]
    print(f"| two workers to one | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} | | | |")
    _, here, workers, server_ms = middle["two workers"]
    print(f"| what this CPU allows on two cores | {2 * workers / (here + workers + server_ms):.2f} | | | | | |\n")


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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=2000)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", rk.RetitlekitWarning)
    if asked.kills:
        kills(asked.kills)
    else:
        throughput(asked.rounds, asked.trials)


if __name__ == "__main__":
    main()
