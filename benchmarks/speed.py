"""How fast a sweep is, beside what else there is: ``python benchmarks/speed.py [--peers]``.

Every figure comes from fresh processes against `server.py` in a process of its own, the clients of a table one after
the other and then again; the median is shown. Prints the tables and writes each into its section of RESULTS.md; the
other sections stay as they are. See README.md.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import peers
import server
from workload import requests

HERE = Path(__file__).resolve().parent
ARTICLES = 50  # 2,000 trials
Table = list[tuple[str, ...]]
Told = dict[str, Any]  # what a client tells of its sweep; "failed" when it could not


def measure(command: list[str], *, timeout_s: float = 900, cwd: Path = HERE.parent) -> Told:
    """The line of JSON that a client prints."""
    environment = {**os.environ, "PYTHONPATH": f"{HERE.parent}:{HERE}", "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # some have children, which are to end with them
    )
    try:
        out, err = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return {"failed": f"not finished after {timeout_s:g} s"}
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        print(f"  {' '.join(command[-4:])} failed:\n{err[-1500:]}", file=sys.stderr)
        return {"failed": " ".join(err.splitlines()[-1:])[:200] or f"ended with {process.returncode}"}
    return {**json.loads(lines[-1]), "process_s": time.perf_counter() - start}


def client(name: str, base: str, concurrency: int, articles: int = ARTICLES, *more: str, **options: Any) -> Told:
    """One of `clients.py`."""
    script = [sys.executable, str(HERE / "clients.py"), name, base, str(concurrency), str(articles), *more]
    return measure(script, **options)


def litellm_loop(base: str, concurrency: int) -> Told:
    """The loop around `litellm.acompletion`, with the LiteLLM that retitlekit uses."""
    return measure([sys.executable, str(HERE / "peers.py"), "litellm_loop", base, str(concurrency), str(ARTICLES)])


def median(runs: Iterable[Told], key: str) -> float:
    """Of the runs that did not fail."""
    figures = [run[key] for run in runs if key in run]
    return statistics.median(figures) if figures else float("nan")


def spread(runs: Iterable[Told]) -> str:
    """The shortest and the longest, or why there is none."""
    runs = list(runs)
    figures = sorted(run["s"] for run in runs if "s" in run)
    return f"{figures[0]:.2f}–{figures[-1]:.2f}" if figures else str(runs[-1]["failed"])


def markdown(header: tuple[str, ...], rows: Table) -> str:
    """A table, its figures to the right."""
    lines = [header, tuple("---" if n == 0 else "--:" for n in range(len(header))), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |" for line in lines)


def compare(clients: dict[str, Callable[[str], Told]], *flags: str, rounds: int) -> dict[str, list[Told]]:
    """Each client `rounds` times, in turn, each against a fresh server."""
    runs: dict[str, list[Told]] = {name: [] for name in clients}
    for _ in range(rounds):
        for name, start in clients.items():
            with server.running(*flags) as base:
                runs[name].append(start(base))
            print(f"  {name}: {spread(runs[name][-1:])} s", file=sys.stderr, flush=True)
    return runs


def at_full_speed(rounds: int) -> str:
    """2,000 trials, a server that answers at once."""
    runs = compare(
        {
            "loop on aiohttp": lambda base: client("raw", base, 64),
            "**retitlekit**": lambda base: client("retitlekit", base, 64),
            "retitlekit, every call through LiteLLM": lambda base: client("retitlekit_slow", base, 64),
            "loop on litellm.acompletion": lambda base: litellm_loop(base, 64),
        },
        rounds=rounds,
    )
    raw, slow = (median(runs[name], "s") for name in ("loop on aiohttp", "loop on litellm.acompletion"))
    rows: Table = []
    for name, measured in runs.items():
        s = median(measured, "s")
        rows.append(
            (
                name,
                f"{s:.2f}",
                spread(measured),
                f"{median(measured, 'trials') / s:,.0f}",
                f"{raw / s:.2f}",
                f"{slow / s:.1f}",
                f"{median(measured, 'cpu_ms'):.2f}",
                f"{median(measured, 'mb'):.0f}",
                f"{median(measured, 'process_s'):.1f}",
            )
        )
    header = ("2,000 trials, 0 ms", "sweep s", "min–max", "trials/s", "x aiohttp", "x LiteLLM")
    return markdown((*header, "CPU ms/trial", "peak MB", "process s"), rows)


def with_latency(rounds: int) -> str:
    """2,000 trials at 200 ms, 100 at once: four seconds are the least."""
    runs = compare(
        {
            "loop on aiohttp": lambda base: client("raw", base, 100),
            "**retitlekit**": lambda base: client("retitlekit", base, 100),
            "loop on litellm.acompletion": lambda base: litellm_loop(base, 100),
        },
        "--latency-ms",
        "200",
        rounds=rounds,
    )
    rows = []
    for name, measured in runs.items():
        s, cpu_ms = median(measured, "s"), median(measured, "cpu_ms")
        rows.append((name, f"{s:.2f}", spread(measured), f"{s / 4:.3f}", f"{cpu_ms:.2f}"))
    return markdown(("2,000 trials, 200 ms, 100 at once", "sweep s", "min–max", "x ideal", "CPU ms/trial"), rows)


_OURS = "**retitlekit**"
_AGAIN = "again, all of it known"
_PATIENCE_S = 150.0  # with one run of one tool
_CASES = {"0 ms, 16 at once": (0, 16), "200 ms, 100 at once": (200, 100), _AGAIN: (0, 16)}


def beside_peers(rounds: int, minutes: float, folder: Path, articles: int) -> str:
    """The same sweep by other tools: at once, with latency, and again from what each has kept on disk.

    Tools and cases take turns. A round is not begun that would last longer than what is left of `minutes`.
    """
    missing = peers.prepare(folder)
    began = time.monotonic()  # a first time, making the environments takes some minutes more
    runs: dict[str, dict[str, list[Told]]] = {case: {} for case in _CASES}
    names = {"raw": "loop on aiohttp", "retitlekit": _OURS, **{name: peer.tool for name, peer in peers.PEERS.items()}}
    caching = ["retitlekit", *(name for name, peer in peers.PEERS.items() if peer.caches)]

    def start(name: str, base: str, concurrency: int, *cache: str) -> Told:
        if name in missing:
            return {"failed": missing[name]}
        more = [base, str(concurrency), str(articles), *cache]
        if name in peers.PEERS:
            return measure([*peers.command(name, folder), *more], cwd=folder, timeout_s=_PATIENCE_S)
        return measure([sys.executable, str(HERE / "clients.py"), name, *more], timeout_s=_PATIENCE_S)

    with tempfile.TemporaryDirectory() as kept, server.running() as known:  # an address that caches know again
        for name in caching:
            start(name, known, 16, f"{kept}/{name}")
        for number in range(rounds):
            round_began = time.monotonic()
            for case, (latency_ms, concurrency) in _CASES.items():
                for name in caching if case == _AGAIN else names:
                    told = runs[case].setdefault(names[name], [])
                    if sum("failed" in each for each in told) > 1:
                        continue  # it would again
                    if case == _AGAIN:
                        told.append(start(name, known, concurrency, f"{kept}/{name}"))
                    else:
                        with server.running("--latency-ms", str(latency_ms)) as base:
                            told.append(start(name, base, concurrency))
                    print(f"  {case}: {names[name]}: {spread(told[-1:])} s", file=sys.stderr, flush=True)
            now = time.monotonic()
            if number + 1 < rounds and now - began + now - round_began > 60 * minutes:
                print(f"  after {number + 1} of {rounds} rounds the time is over", file=sys.stderr)
                break
    tables = [_peers_table(case, told, 40 * articles) for case, told in runs.items()]
    settings = [f"- *{peer.tool}* {_version(runs, peer.tool)}: {peer.settings}." for peer in peers.PEERS.values()]
    return "\n\n".join([*tables, "\n".join(settings)])


def _peers_table(case: str, runs: dict[str, list[Told]], trials: int) -> str:
    ours = median(runs[_OURS], "s")
    rows: Table = []
    for tool, measured in sorted(runs.items(), key=lambda item: _last_if_failed(median(item[1], "s"))):
        s = median(measured, "s")
        if s != s:
            rows.append((tool, spread(measured), *[""] * 9))
            continue
        cpu_ms, mb, process_s = (median(measured, name) for name in ("cpu_ms", "mb", "process_s"))
        again = f" ({_counted(measured, 'repeated')} of them again)" if any(r.get("repeated") for r in measured) else ""
        ran = sum("failed" not in each for each in measured)
        rows.append(
            (
                tool,
                f"{s:.2f}",
                spread(measured),
                str(ran) if ran == len(measured) else f"{ran} of {len(measured)}",
                f"{s / ours:.1f}",
                f"{cpu_ms:.2f}",
                f"{mb:.0f}",
                f"{process_s:.1f}",
                _counted(measured, "trials"),
                _counted(measured, "requests") + again,
                _counted(measured, "most"),
            )
        )
    header = (f"{trials:,} trials, {case}", "sweep s", "min–max", "runs", "x retitlekit", "CPU ms/trial", "peak MB")
    return markdown((*header, "process s", "answered", "requests", "most at once"), rows)


def _counted(runs: Iterable[Told], key: str) -> str:
    """What was counted; least and most where runs differ, so that no retry hides in a median."""
    figures = sorted({run[key] for run in runs if key in run})
    return "–".join(f"{figure:,}" for figure in (figures[0], *figures[1:][-1:]))


def _last_if_failed(seconds: float) -> float:
    return seconds if seconds == seconds else float("inf")


def _version(runs: dict[str, dict[str, list[Told]]], tool: str) -> str:
    told = [run["version"] for case in runs.values() for run in case.get(tool, []) if "version" in run]
    return told[0] if told else "(not run)"


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
        ("**retitlekit**", f"{median([run], 's'):.1f}", f"{median([run], 's') / least:.2f}"),
    ]
    return markdown((f"20,000 trials, 50 ms to 5 s, {concurrency} at once", "s", "x least"), rows)


def grown() -> str:
    """100,000 trials again, and with one prompt more."""
    with server.running() as base:
        run = client("growing", base, 64, 2500)
    if "failed" in run:
        return f"The sweep of 100,000 trials failed: {run['failed']}."
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
    if failed := plan.get("failed") or run.get("failed"):
        return f"The sweep of a million trials failed: {failed}."
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
        figures = [f"{median([run], key):.1f}" for key in ("p50_ms", "p95_ms", "worst_ms")]
        rows.append((what, str(run.get("messages", run.get("failed"))), *figures))
    header = ("a comm message to the kernel while it sweeps", "messages", "median ms", "95 % ms", "worst ms")
    return markdown(header, rows)


def circumstances() -> str:
    """When, where and with what a section was measured."""
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("litellm", "aiohttp", "pandas"))
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, Python {platform.python_version()}, {versions}; load "
        f"average before it {load} (above 0.5 others were at work: trust the ratios)."
    )


TITLES = {
    "speed": "At full speed",
    "latency": "With latency",
    "peers": "Beside other tools",
    "tail": "With a heavy tail",
    "grown": "Again, and grown",
    "large": "A million",
    "kernel": "The notebook meanwhile",
}
_HEAD = "# Speed\n\nWritten by `speed.py`, section by section; the method stands in [README.md](README.md).\n"


def write(out: Path, title: str, body: str) -> None:
    """Put a section into the file, in its place among the others, which stay."""
    text = out.read_text() if out.exists() else ""
    sections = dict(re.findall(r"^## (.+?)\n+(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL))
    sections[title] = body
    order = [*TITLES.values(), *(each for each in sections if each not in TITLES.values())]
    parts = [f"\n## {each}\n\n{sections[each].strip()}\n" for each in order if each in sections]
    out.write_text(_HEAD + "".join(parts))


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="runs of each client (%(default)s)")
    parser.add_argument("--peers", action="store_true", help="only the other tools, each in an environment of its own")
    parser.add_argument("--minutes", type=float, default=12, help="with --peers: begin no round beyond (%(default)s)")
    parser.add_argument("--articles", type=int, default=ARTICLES, help="with --peers: 40 trials each (%(default)s)")
    parser.add_argument("--peers-in", type=Path, default=peers.FOLDER, help="where those are made (%(default)s)")
    parser.add_argument("--only", choices=TITLES, help="one section")
    parser.add_argument("--out", type=Path, default=HERE / "RESULTS.md", help="the file to write into (%(default)s)")
    given = parser.parse_args()
    parts: dict[str, Callable[[], str]] = {
        "speed": lambda: at_full_speed(given.rounds),
        "latency": lambda: with_latency(given.rounds),
        "peers": lambda: beside_peers(given.rounds, given.minutes, given.peers_in, given.articles),
        "tail": with_tail,
        "grown": grown,
        "large": large,
        "kernel": responsive,
    }
    chosen = ["peers"] if given.peers else [given.only] if given.only else [name for name in parts if name != "peers"]
    for name in chosen:
        print(f"{TITLES[name]} …", file=sys.stderr, flush=True)
        told = circumstances()
        body = f"{told}\n\n{parts[name]()}"
        write(given.out, TITLES[name], body)  # what is measured is not lost when it is stopped
        print(f"## {TITLES[name]}\n\n{body}\n", flush=True)


if __name__ == "__main__":
    main()
