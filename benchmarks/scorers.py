"""How often the gates `numbers` and `names` cry wolf on people's titles, what they let through, and score()'s speed.

    python benchmarks/scorers.py ARTICLES.jsonl

False alarms: the titles that people wrote, checked against the bodies alone. Recall: the same titles with one name
swapped for a name of another article, or one number changed to another; only names and numbers that do not stand in the
article are put in. Such corruptions are unit tests, not the errors that models make (Goyal and Durrett 2021). The
result is printed and written to benchmarks/scorers.md.
"""

from __future__ import annotations

import random
import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

import retitlekit as rk
from retitlekit.claims import Claims
from retitlekit.figures import number_claims
from retitlekit.names import name_claims

SEEDS = range(10)
TITLES = 100_000
ONES = "zero one two three four five six seven eight nine ten eleven twelve".split()
SMALL = set("a an and as at but by for from if in nor of on or so the to up with yet".split())
RUN = re.compile(r"\b[A-Z][\w.]*(?:[ -][A-Z][\w.]*)*")
NUMBER = re.compile(rf"\b(?:\d[\d,]*(?:\.\d+)?|{'|'.join(ONES[2:])})\b", re.IGNORECASE)
Corrupt = Callable[[list[rk.Article], random.Random], Iterator[tuple[str, rk.Article]]]
Check = Callable[[str, rk.Article], Claims | None]


def entities(articles: list[rk.Article]) -> list[list[str]]:
    """For each article the capitalised runs of its title that its body has, and that no body has in lower case."""
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
        text = f"{article.title} {article.body}".casefold()
        for found in NUMBER.finditer(article.title):
            for _ in range(50):
                shown, writings = another_number(found[0].casefold(), rng)
                if not any(re.search(rf"(?<![\d.,]){re.escape(writing)}(?!\d)", text) for writing in writings):
                    yield article.title[: found.start()] + shown + article.title[found.end() :], article
                    break


def another_number(old: str, rng: random.Random) -> tuple[str, list[str]]:
    """A number near or far from the old one in the same style, and all its writings."""
    if old in ONES:
        new = rng.choice([n for n in range(2, 13) if n != ONES.index(old)])
        return ONES[new], [ONES[new], str(new)]
    value = float(old.replace(",", ""))
    value = rng.choice([value + 1, max(value - 1, 2), value + 10, value * 2 + 3, value * 10 + 1, rng.randint(2, 999)])
    plain, grouped = f"{value:.12g}", f"{value:,.12g}"
    spelled = [ONES[int(value)]] if value in range(len(ONES)) else []
    return grouped if "," in old else plain, [plain, grouped, *spelled]


def title_case(title: str) -> str:
    """As many models write titles."""
    words = title.split()
    return " ".join(w if i and w.lower() in SMALL else w[:1].upper() + w[1:] for i, w in enumerate(words))


def numbers_of(title: str, article: rk.Article) -> Claims:
    """As the gate does, without the original title."""
    return number_claims(title, article.body, published_at=article.published_at)


def names_of(title: str, article: rk.Article) -> Claims | None:
    """As the gate does, without the original title."""
    return name_claims(title, article.body)


def measure(name: str, articles: list[rk.Article], check: Check, corrupt: Corrupt, style: Callable[[str], str]) -> str:
    """One line of the table."""
    judged = [check(style(article.title), article) for article in articles]
    claiming = sum(bool(claims and claims.made) for claims in judged)
    alarms = sum(bool(claims and claims.unsupported) for claims in judged)
    corrupted = [pair for seed in SEEDS for pair in corrupt(articles, random.Random(seed))]
    found = [check(style(title), article) for title, article in corrupted]
    recall = np.mean([bool(claims and claims.unsupported) for claims in found])
    rate, of_claiming = alarms / len(articles), alarms / max(claiming, 1)
    return f"| {name} | {alarms} ({rate:.1%}) | {of_claiming:.1%} of {claiming} | {recall:.1%} of {len(corrupted):,} |"


def seconds(articles: list[rk.Article]) -> float:
    """CPU seconds of the default scorers for 100,000 distinct titles of these articles."""
    rng, words = random.Random(0), [article.title.split() for article in articles]
    codes = np.arange(TITLES) * len(articles) // TITLES
    titles = []
    for code in codes.tolist():
        title = list(words[code])
        title.insert(rng.randrange(len(title) + 1), rng.choice(rng.choice(words)))
        titles.append(" ".join([*title, rng.choice(rng.choice(words))]))
    columns = {"article": "id", "original_title": "title", "body": "body"}
    frame = pd.DataFrame(
        {"title": pd.array(titles, dtype="string"), "repairs": pd.array([""] * TITLES, dtype="string")}
    )
    for name, field in columns.items():
        texts = pd.Series([getattr(article, field) for article in articles])
        frame[name] = texts.iloc[codes].astype("category").array
    start = time.process_time()
    rk.score(frame)
    return time.process_time() - start


def main() -> None:
    """Measure, print and write the table."""
    articles = list(rk.load_articles(sys.argv[1]))
    lines = [
        measure("numbers", articles, numbers_of, changed_numbers, str),
        measure("names", articles, names_of, swapped_names, str),
        measure("names, Title Case", articles, names_of, swapped_names, title_case),
        measure("names, CAPITALS", articles, names_of, swapped_names, str.upper),
    ]
    text = "\n".join(
        [
            "# What the gates numbers and names find",
            "",
            f"{len(articles)} articles; the titles that people wrote, checked against the bodies alone. In a sweep the",
            "original title supports a rewrite too. `python benchmarks/scorers.py ARTICLES.jsonl` makes this file.",
            "",
            "| gate | false alarms, of all titles | of titles that claim any | corruptions found |",
            "|---|---|---|---|",
            *lines,
            "",
            f"`score()` with its default scorers: {seconds(articles):.0f} CPU seconds for {TITLES:,} distinct titles.",
            "",
        ]
    )
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
