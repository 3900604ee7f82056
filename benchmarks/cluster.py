"""A sweep on one worker and on two, where the CPU is the limit; and workers killed at random moments.

    python benchmarks/cluster.py              # throughput of one and of two workers, interleaved
    python benchmarks/cluster.py --kills 20   # kill -9 of a worker in mid-sweep, so often

For the first, each trial is `baseline/lexrank` over 60 paragraphs of its own: some 4 ms of CPU, what a call through
LiteLLM costs too, and no server that takes CPU from the workers. Workers are processes with one thread; client and
scheduler live in the process of this script, on the same cores.
"""

from __future__ import annotations

import argparse
import itertools
import os
import random
import signal
import statistics
import sys
import tempfile
import time
import warnings
from pathlib import Path

import distributed

sys.path.insert(0, str(Path(__file__).parents[1]))  # the loopback server stands with the tests

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
    """Print trials a second on this machine alone, on one worker and on two; medians of interleaved rounds."""
    number = itertools.count(1)  # titlers remember articles: each run has its own
    warm = rk.plan(PROMPT, articles(8, 2), models="baseline/lexrank")
    clusters = [distributed.LocalCluster(n, threads_per_worker=1, dashboard_address=None) for n in (1, 2)]
    clients = [distributed.Client(cluster) for cluster in clusters]
    for client in clients:
        rk.run(warm, client=client, store=tempfile.mkdtemp(), progress=False)
    found: dict[str, list[tuple[float, float, float]]] = {"no cluster": [], "one worker": [], "two workers": []}
    for _ in range(rounds):
        for name, client in zip(found, (None, *clients), strict=True):
            plan = rk.plan(PROMPT, articles(trials, 60, of=next(number)), models="baseline/lexrank")
            wall, own, theirs = time.perf_counter(), time.process_time(), worker_cpu_s(client)
            frame = rk.run(plan, client=client, store=tempfile.mkdtemp(), progress=False)
            wall, own, theirs = time.perf_counter() - wall, time.process_time() - own, worker_cpu_s(client) - theirs
            found[name].append((trials / wall, own / trials * 1e3, theirs / trials * 1e3))
            assert (frame.status == "ok").all()
    print(f"| {trials} trials, {rounds} rounds | trials/s | min | max | CPU ms a trial, here | on the workers |")
    print("|---|---|---|---|---|---|")
    for name, each in found.items():
        rates, own_ms, worker_ms = zip(*each, strict=True)
        cpu = f"{statistics.median(own_ms):.2f} | {statistics.median(worker_ms):.2f}"
        print(f"| {name} | {statistics.median(rates):.0f} | {min(rates):.0f} | {max(rates):.0f} | {cpu} |")
    ratios = [two[0] / one[0] for one, two in zip(found["one worker"], found["two workers"], strict=True)]
    print(f"| two workers to one | {statistics.median(ratios):.2f} | {min(ratios):.2f} | {max(ratios):.2f} | | |")
    for each in (*clients, *clusters):
        each.close()


def worker_cpu_s(client: distributed.Client | None) -> float:
    """CPU seconds that the workers have used."""
    return sum(client.run(time.process_time).values()) if client else 0.0


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
    parser.add_argument("--trials", type=int, default=4000)
    asked = parser.parse_args()
    warnings.simplefilter("ignore", rk.RetitlekitWarning)
    if asked.kills:
        kills(asked.kills)
    else:
        throughput(asked.rounds, asked.trials)


if __name__ == "__main__":
    main()
