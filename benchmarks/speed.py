"""How fast a sweep is, beside what else there is: ``python benchmarks/speed.py [--peers]``.

Every figure comes from fresh processes against `server.py` in a process of its own, the clients of a table one after
the other and then again; the median is shown. Prints the tables and writes them to RESULTS.md. See README.md.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peers
import server
from workload import requests

HERE = Path(__file__).resolve().parent
ARTICLES = 50  # 2,000 trials
Table = list[tuple[str, ...]]


def measure(command: list[str], *, timeout_s: float = 900, cwd: Path = HERE.parent) -> dict[str, Any] | None:
    """The line of JSON that a client prints; None when it failed."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    start = time.perf_counter()
    try:
        done = subprocess.run(
            command, env=environment, cwd=cwd, capture_output=True, text=True, check=False, timeout=timeout_s
        )
    except subprocess.TimeoutExpired:
        print(f"  {' '.join(command[-4:])}: not finished after {timeout_s:g} s", file=sys.stderr)
        return None
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        print(f"  {' '.join(command[-4:])} failed:\n{done.stderr[-1500:]}", file=sys.stderr)
        return None
    return {**json.loads(lines[-1]), "process_s": time.perf_counter() - start}


def client(name: str, base: str, concurrency: int, articles: int = ARTICLES, **more: Any) -> dict[str, Any] | None:
    """One of `clients.py`."""
    script = [sys.executable, str(HERE / "clients.py"), name, base, str(concurrency), str(articles)]
    return measure(script, **more)


def median(runs: list[dict[str, Any] | None], key: str) -> float:
    """Of the runs that did not fail."""
    figures = [run[key] for run in runs if run and key in run]
    return statistics.median(figures) if figures else float("nan")


def spread(runs: list[dict[str, Any] | None]) -> str:
    """The shortest and the longest."""
    figures = sorted(run["s"] for run in runs if run)
    return f"{figures[0]:.2f}–{figures[-1]:.2f}" if figures else "failed"


def markdown(header: tuple[str, ...], rows: Table) -> str:
    """A table, its figures to the right."""
    lines = [header, tuple("---" if n == 0 else "--:" for n in range(len(header))), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def compare(clients: dict[str, Any], *flags: str, rounds: int) -> dict[str, list[dict[str, Any] | None]]:
    """Each client `rounds` times, in turn, each against a fresh server."""
    runs: dict[str, list[dict[str, Any] | None]] = {name: [] for name in clients}
    for _ in range(rounds):
        for name, start in clients.items():
            with server.running(*flags) as base:
                runs[name].append(start(base))
            print(f"  {name}: {spread(runs[name][-1:])} s", file=sys.stderr, flush=True)
    return runs


def at_full_speed(rounds: int, with_peers: Path | None) -> str:
    """2,000 trials, a server that answers at once."""
    clients: dict[str, Any] = {
        "loop on aiohttp": lambda base: client("raw", base, 64),
        "**retitlekit**": lambda base: client("retitlekit", base, 64),
        "retitlekit, every call through LiteLLM": lambda base: client("retitlekit_slow", base, 64),
        "loop on litellm.acompletion": lambda base: client("litellm", base, 64),
    }
    if with_peers:
        clients |= peers.clients(with_peers, measure)
    runs = compare(clients, rounds=rounds)
    raw, slow = (median(runs[name], "s") for name in ("loop on aiohttp", "loop on litellm.acompletion"))
    rows: Table = []
    for name, measured in runs.items():
        s = median(measured, "s")
        trials = median(measured, "trials")
        cached = median(measured, "cached_s")
        rows.append(
            (
                name,
                f"{s:.2f}",
                spread(measured),
                f"{trials / s:,.0f}",
                f"{raw / s:.2f}",
                f"{slow / s:.1f}",
                f"{median(measured, 'cpu_ms'):.2f}",
                f"{median(measured, 'mb'):.0f}",
                f"{cached:.2f}" if cached == cached else "–",
                f"{median(measured, 'process_s'):.1f}",
            )
        )
    header = (
        "2,000 trials, 0 ms",
        "sweep s",
        "min–max",
        "trials/s",
        "x aiohttp",
        "x LiteLLM",
        "CPU ms/trial",
        "peak MB",
        "cached s",
        "process s",
    )
    return markdown(header, rows)


def with_latency(rounds: int, with_peers: Path | None) -> str:
    """2,000 trials at 200 ms, 100 at once: four seconds are the least."""
    clients: dict[str, Any] = {
        "loop on aiohttp": lambda base: client("raw", base, 100),
        "**retitlekit**": lambda base: client("retitlekit", base, 100),
        "loop on litellm.acompletion": lambda base: client("litellm", base, 100),
    }
    if with_peers:
        clients |= peers.clients(with_peers, measure)
    runs = compare(clients, "--latency-ms", "200", rounds=rounds)
    rows = [
        (
            name,
            f"{median(each, 's'):.2f}",
            spread(each),
            f"{median(each, 's') / 4:.3f}",
            f"{median(each, 'cpu_ms'):.2f}",
        )
        for name, each in runs.items()
    ]
    return markdown(("2,000 trials, 200 ms, 100 at once", "sweep s", "min–max", "x ideal", "CPU ms/trial"), rows)


def with_tail(articles: int = 500, concurrency: int = 400) -> str:
    """20,000 trials whose latencies lie between 50 ms and 5 s."""
    with server.running("--tail") as base:
        run = client("retitlekit", base, concurrency, articles)
    latencies = [server.tail_latency_s(os.urandom(4)) for _ in requests(1) * articles]
    least = sum(latencies) / concurrency
    free = [0.0] * concurrency  # greedy: nobody knows a latency before
    for latency in latencies:
        place = free.index(min(free))
        free[place] += latency
    rows = [
        ("all places busy to the end (no scheduler reaches it)", f"{least:.1f}", "1.00"),
        ("greedy, latencies unknown, no cost of its own", f"{max(free):.1f}", f"{max(free) / least:.2f}"),
        ("**retitlekit**", f"{run['s']:.1f}" if run else "failed", f"{run['s'] / least:.2f}" if run else "–"),
    ]
    return markdown((f"20,000 trials, 50 ms to 5 s, {concurrency} at once", "s", "x least"), rows)


def grown() -> str:
    """100,000 trials again, and with one prompt more."""
    with server.running() as base:
        run = client("growing", base, 64, 2500)
    if run is None:
        return "The sweep of 100,000 trials failed."
    rows = [
        ("first run", f"{run['s']:.1f} s"),
        ("again, all from the store (median of 3)", f"{run['cached_s']:.2f} s"),
        ("new trials with one prompt more", f"{run['new_trials']:,}"),
        ("requests that brought", f"{run['new_requests']:,}"),
        ("requests sent twice", f"{run['repeated']:,}"),
        ("peak memory", f"{run['mb']:.0f} MB"),
    ]
    return markdown(("100,000 trials, 0 ms", ""), rows)


def large() -> str:
    """A million trials: 25 repeats of 1,000 articles."""
    plan, run = client("planned", "http://127.0.0.1:9/v1", 0, 1000), client("million", "", 0, 1000)
    if plan is None or run is None:
        return "The sweep of a million trials failed."
    rows = [
        ("plan", f"{plan['s']:.1f} s", f"{plan['mb']:.0f} MB"),
        ("first half of the sweep, embedded model", f"{run['first_half_s']:.0f} s", ""),
        ("second half", f"{run['s']:.0f} s", f"{run['mb']:.0f} MB"),
        ("store of a million responses", "", f"{run['store_mb']:.0f} MB"),
        ("a trial from that store, opening it included", f"{run['open_s']:.2f} s", ""),
    ]
    return markdown(("1,000,000 trials", "time", "memory or size"), rows)


def responsive() -> str:
    """A Jupyter kernel while it sweeps."""
    rows: Table = []
    for flags, what, concurrency in (
        ((), "0 ms, 64 at once", 64),
        (("--latency-ms", "200"), "200 ms, 100 at once", 100),
    ):
        with server.running(*flags) as base:
            run = client("kernel", base, concurrency, 250 if not flags else 50)
        figures = [f"{run[key]:.1f}" for key in ("p50_ms", "p95_ms", "worst_ms")] if run else ["failed"] * 3
        rows.append((what, str(run["messages"]) if run else "", *figures))
    header = ("a comm message to the kernel while it sweeps", "messages", "median ms", "95 % ms", "worst ms")
    return markdown(header, rows)


def machine() -> str:
    """Where and with what."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("litellm", "aiohttp", "pandas"))
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}; "
        f"load average at the start {load} (above 0.5, others were at work: trust the ratios)."
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each client (%(default)s)")
    parser.add_argument("--peers", action="store_true", help="also the peers, each in an environment of its own")
    parser.add_argument("--peers-in", type=Path, default=peers.FOLDER, help="where those are made (%(default)s)")
    parser.add_argument("--only", help="one of: " + ", ".join(("speed", "latency", "tail", "grown", "large", "kernel")))
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md")
    given = parser.parse_args()
    folder = peers.prepare(given.peers_in) if given.peers else None
    parts = {
        "speed": ("At full speed", lambda: at_full_speed(given.rounds, folder)),
        "latency": ("With latency", lambda: with_latency(given.rounds, folder)),
        "tail": ("With a heavy tail", with_tail),
        "grown": ("Again, and grown", grown),
        "large": ("A million", large),
        "kernel": ("The notebook meanwhile", responsive),
    }
    text = f"# Speed\n\nWritten by `speed.py`; the method stands in [README.md](README.md). {machine()}\n"
    for name, (title, part) in parts.items():
        if given.only in (None, name):
            print(f"{title} …", file=sys.stderr, flush=True)
            text += f"\n## {title}\n\n{part()}\n"
        if given.only is None:
            given.out.write_text(text)  # what is measured is not lost when it is stopped
    print(text)


if __name__ == "__main__":
    main()
