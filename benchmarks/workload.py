"""The sweep that every client of the benchmarks is asked for: prompts x models x temperatures x articles.

Standard library only: the peers' environments hold nothing else of ours.
"""

from __future__ import annotations

import itertools
import json
import os
import random
import resource
import time
import urllib.request
from typing import Any

MODELS = ("model-a", "model-b")
TEMPERATURES = (0.2, 0.9)
STYLES = (
    "a sober title",
    "a question",
    "at most six words",
    "the present tense",
    "a title that names the place",
    "a title for a search engine",
    "a title without adjectives",
    "a playful title",
    "a title with a verb first",
    "a title for a science page",
)
WARM_UP = 1_000_000  # the article of calls that are not counted; no sweep has it
_WORDS = (
    "harbour council river market winter engine library railway garden teacher committee signal village museum budget "
    "weather station orchard letter student bridge hospital forest festival newspaper window factory captain island"
).split()


def article(number: int, words: int = 150) -> str:
    """About 1,000 characters that no other number has."""
    draw = random.Random(number)
    return f"Report {number}. " + " ".join(draw.choices(_WORDS, k=words)) + "."


def instruction(style: str) -> str:
    """What a prompt says before the article."""
    return f"You retitle news articles. Write {style}. Answer with the title only."


def messages(articles: int, first: int = 0) -> list[str]:
    """What models are told, 10 for each article."""
    texts = [article(number) for number in range(first, first + articles)]
    return [f"{instruction(style)}\n\n{text}" for text, style in itertools.product(texts, STYLES)]


def requests(articles: int, first: int = 0) -> list[dict[str, Any]]:
    """Bodies of chat completions, 40 for each article."""
    return [
        {"model": model, "temperature": heat, "messages": [{"role": "user", "content": text}]}
        for text, model, heat in itertools.product(messages(articles, first), MODELS, TEMPERATURES)
    ]


def counts(base: str) -> dict[str, float]:
    """What `server.py` was asked so far: see its `Desk.counts`."""
    with urllib.request.urlopen(f"{base}/counts") as answer:
        return dict(json.load(answer))


def cpu_s() -> float:
    """Seconds of CPU that this process and those it waited for have used."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def peak_mb() -> float:
    """The most memory that this process, or one that it waited for, has had."""
    return max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 1024


class Stopwatch:
    """``with Stopwatch(base) as watch:`` then `watch.report(n)` prints what n trials took, as one line of JSON."""

    def __init__(self, base: str = "") -> None:
        self._base = base

    def __enter__(self) -> Stopwatch:
        self._before = counts(self._base) if self._base else {}
        self._wall, self._cpu = time.perf_counter(), cpu_s()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall_s, self.used_s = time.perf_counter() - self._wall, cpu_s() - self._cpu
        after = counts(self._base) if self._base else {}
        self.asked = {name: after[name] - self._before[name] for name in ("requests", "repeated") if after}
        self.asked |= {"most": after["most"]} if after else {}

    def report(self, trials: int, **more: Any) -> None:
        """Print it, with what the server counted meanwhile."""
        cpu_ms = 1000 * self.used_s / max(1, trials)
        told = {"trials": trials, "s": self.wall_s, "cpu_ms": cpu_ms, "mb": peak_mb(), **self.asked, **more}
        print(json.dumps(told), flush=True)
