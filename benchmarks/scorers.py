"""How often the gates `numbers` and `names` cry wolf on people's titles, and what they let through; and their speed.

    python benchmarks/scorers.py ARTICLES.jsonl

False alarms: the titles that people wrote, checked against the bodies alone. Recall: the same titles with one name
swapped for a name of another article, or one number changed; a corruption counts when the new name or number does not
stand in the article. Scripted corruptions are unit tests, not the errors that models make (Goyal & Durrett 2021).
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

import retitlekit as rk
from retitlekit.scorers import names, numbers

ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()
RUN = re.compile(r"\b[A-Z][\w.]*(?:[ -][A-Z][\w.]*)*")
NUMBER = re.compile(rf"\b(?:\d[\d,]*(?:\.\d+)?|{'|'.join(ONES[2:])})\b", re.IGNORECASE)


def entities(articles: list[rk.Article]) -> list[list[str]]:
    """For each article the capitalised runs of its title that its body has within a sentence, and no body in lower case."""
    lower = set(re.findall(r"\b[a-z]+\b", " ".join(article.body for article in articles)))
    found = []
    for article in articles:
        inside = set(re.findall(rf"(?<=[a-z,] ){RUN.pattern}", article.body))
        found.append([run for run in RUN.findall(article.title) if run in inside and run.lower() not in lower])
    return found


def swapped_names(articles: list[rk.Article], rng: random.Random) -> Iterator[tuple[str, rk.Article]]:
    """Titles with one name replaced by a name of another article that this article does not have."""
    names_of = entities(articles)
    for article, olds in zip(articles, names_of, strict=True):
        for old in olds:
            for _ in range(50):
                new = rng.choice(rng.choice(names_of) or [""])
                if new and not re.search(rf"\b{re.escape(new)}", f"{article.title} {article.body}", re.IGNORECASE):
                    yield article.title.replace(old, new, 1), article
                    break


def changed_numbers(articles: list[rk.Article], rng: random.Random) -> Iterator[tuple[str, rk.Article]]:
    """Titles with one number replaced by a number that this article does not have."""
    for article in articles:
        for found in NUMBER.finditer(article.title):
            old = found[0].lower()
            text = f"{article.title} {article.body}".lower()
            for _ in range(50):
                if old in ONES:
                    new = value = ONES.index(old) + rng.choice([-2, -1, 1, 2, 3])
                    if not 2 <= new <= 12:
                        continue
                    shown, written = ONES[new], [ONES[new], str(new)]
                else:
                    value = float(old.replace(",", ""))
                    value = rng.choice([value + 1, value - 1, value + 10, value * 2, value * 10, rng.randint(2, 999)])
                    if value <= 1:
                        continue
                    shown = f"{value:,g}" if "," in old else f"{value:.12g}"
                    written = [shown, f"{value:,.12g}", *(ONES[int(value)] for _ in [0] if value in range(13))]
                if not any(re.search(rf"(?<![\d.,]){re.escape(word)}(?![\d])", text) for word in written):
                    yield article.title[: found.start()] + shown + article.title[found.end() :], article
                    break
