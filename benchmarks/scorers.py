"""How often the gates cry wolf on people's titles, what they find of what was spoilt on purpose, and score()'s speed.

    python benchmarks/scorers.py ARTICLES.jsonl [MORE.jsonl …] [--unseen OTHERS.jsonl …]

Everything goes through `rk.score`. False alarms: the titles that people wrote, checked against the bodies alone. What
is found: titles and headline-like trims of the articles' own sentences, spoilt by `corruptions.py`; once against the
body alone, once with the unspoilt title as the original title, as in a sweep. The tables are printed and written to
benchmarks/scorers.md.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from corruptions import BUILDERS, Spoilt, title_case
from rewrites import rewrites
from translations import TRANSLATED

import retitlekit as rk
from retitlekit import scorers
from retitlekit.language.casing import recased
from retitlekit.scorers.gates import NO_TITLE

SEEDS = range(2)
TITLES = 100_000
OPT_IN = [scorers.width, scorers.fits("google", "characters", "social", "push", "newsletter"), scorers.casing]
GATES = {"numbers": "numbers", "units": "numbers", "names": "names"}


def judged(titles: Iterable[str], articles: Iterable[rk.Article], which: list[scorers.Scorer]) -> pd.DataFrame:
    """Scores of each title against the article beside it."""
    articles = list(articles)
    numbered = [
        rk.Article(str(n), a.title, a.body, published_at=a.published_at, language=a.language)
        for n, a in enumerate(articles)
    ]
    frame = pd.DataFrame({"title": pd.array(list(titles), "string"), "article": [a.id for a in numbered]})
    return rk.score(frame, which, articles=numbered)


def bare(article: rk.Article) -> rk.Article:
    """The article without its title, so that the body alone speaks."""
    return rk.Article(article.id, NO_TITLE, article.body, published_at=article.published_at, language=article.language)


def titled(article: rk.Article, title: str) -> rk.Article:
    """The article with another original title."""
    return rk.Article(article.id, title, article.body, published_at=article.published_at, language=article.language)


def false_alarms(articles: list[rk.Article]) -> list[str]:
    """A line for each gate: how many of people's titles fail it."""
    titles, bodies = [article.title for article in articles], list(map(bare, articles))
    default = [scorer for scorer in scorers.DEFAULT if scorer is not scorers.rewritten]
    plain = judged(titles, bodies, default)
    shown = judged(map(title_case, titles), bodies, default)
    rest = judged(titles, bodies, OPT_IN)
    lines = []
    for frame, other, note in ((plain, shown, ""), (rest, rest, "opt-in")):
        for name in (name for name in frame if name.startswith("gate_")):
            asked, failed = frame[name].notna().sum(), frame[name].eq(False).sum()
            cased = f"{other[name].eq(False).mean():.1%}" if frame is plain else ""
            share = f"{failed / asked:.1%}" if asked else "–"
            lines.append(f"| {name.removeprefix('gate_')} {note} | {failed} of {asked} | {share} | {cased} |")
    passed, cased = plain["passed"], f"{shown['passed'].mean():.1%}"
    lines.append(f"| **all default gates passed** | {passed.sum()} of {len(titles)} | {passed.mean():.1%} | {cased} |")
    return lines


def found(kind: str, spoilt: list[Spoilt], style: Callable[[str], str]) -> tuple[str, str, str]:
    """The share found by the body alone and with the original title, and the share of unspoilt titles that fail."""
    gate, which = GATES.get(kind, kind), [scorers.numbers, scorers.names, scorers.qualifiers]
    bad = [style(each.bad) for each in spoilt]
    alone = judged(bad, [bare(each.article) for each in spoilt], which)
    beside = judged(bad, [titled(each.article, each.good) for each in spoilt], which)
    goods = list({(each.good, each.article.id): each for each in spoilt}.values())
    kept = judged([style(each.good) for each in goods], [bare(each.article) for each in goods], which)
    rates = [frame[f"gate_{gate}"].eq(False).mean() for frame in (alone, beside, kept)]
    return f"{rates[0]:.1%}", f"{rates[1]:.1%}", f"{rates[2]:.1%} of {len(goods):,}"


def corruptions(articles: list[rk.Article]) -> list[str]:
    """A line for each kind of corruption."""
    lines = []
    for kind, build in BUILDERS.items():
        spoilt = list(
            {(s.bad, s.article.id): s for seed in SEEDS for s in build(articles, random.Random(seed))}.values()
        )
        styles = (
            [("", str)] if kind != "names" else [("", str), (", Title Case", title_case), (", CAPITALS", str.upper)]
        )
        for told, style in styles:
            alone, beside, kept = found(kind, spoilt, style)
            lines.append(f"| {kind}{told} | {len(spoilt):,} | {alone} | {beside} | {kept} |")
    return lines


def translations(articles: list[rk.Article]) -> str:
    """How many titles in the wrong language are found."""
    by_title = {article.title: article for article in articles}
    pairs = [
        (line.split(" ", 1)[1], by_title[title])
        for title, lines in TRANSLATED.items()
        for line in lines.strip().splitlines()
        if title in by_title
    ]
    if not pairs:
        return "The articles of the translated titles are not among these."
    frame = judged([title for title, _ in pairs], [bare(article) for _, article in pairs], [scorers.language])
    return f"{frame['gate_language'].eq(False).sum()} of {len(pairs)} translated titles are found by `language`."


def rewritten(articles: list[rk.Article]) -> str:
    """How the default gates judge rewrites in the manner of models, faithful and not."""
    by_title = {article.title: article for article in articles}
    pairs = [(by_title[old], new, gate) for old, new, gate in rewrites() if old in by_title]
    if not pairs:
        return "The articles of the rewrites are not among these."
    frame = judged([new for _, new, _ in pairs], [article for article, _, _ in pairs], list(scorers.DEFAULT))
    good, passed = np.array([gate is None for _, _, gate in pairs]), frame["passed"].to_numpy(bool)
    found = [gate is not None and not frame[f"gate_{gate}"].iloc[n] for n, (_, _, gate) in enumerate(pairs)]
    return (
        f"Of {good.sum()} faithful rewrites in the manner of models {passed[good].sum()} pass all default gates; of "
        f"{(~good).sum()} unfaithful ones {sum(found)} fail the gate that should say so, {(~passed[~good]).sum()} fail "
        "any."
    )


def casings(articles: list[rk.Article]) -> str:
    """How many titles of one style are found by the gate for another."""
    ap = {a.id: told for a in articles if (told := recased(a.title, "ap", a.body))}
    chosen = [bare(article) for article in articles if article.id in ap]
    rates = [
        judged(ap.values(), chosen, [partial(scorers.casing, style=style)])["gate_casing"].eq(False).mean()
        for style in ("sentence", "ap")
    ]
    found = f"`casing` finds {rates[0]:.1%} not in sentence style, {rates[1]:.1%} not in AP style."
    return f"Of {len(chosen)} titles put into AP style, {found}"


def means(articles: list[rk.Article]) -> str:
    """Mean scores of people's titles."""
    frame = judged([a.title for a in articles], map(bare, articles), list(scorers.DEFAULT))
    names = ["lead_coverage", "entity_coverage", "hype", "simplicity"]
    return ", ".join(f"{name} {frame[f'score_{name}'].mean():.2f}" for name in names)


def seconds(articles: list[rk.Article]) -> float:
    """CPU seconds of the default scorers for 100,000 distinct titles of these articles, messages included."""
    rng, words = random.Random(0), [article.title.split() for article in articles]
    codes = np.arange(TITLES) * len(articles) // TITLES
    titles = []
    for code in codes.tolist():
        title = list(words[code])
        title.insert(rng.randrange(len(title) + 1), rng.choice(rng.choice(words)))
        titles.append(" ".join([*title, rng.choice(rng.choice(words))]))
    prompt = next(iter(rk.load_prompts(Path(__file__).parent.parent / "prompts").values()))
    trials = rk.plan({prompt.name: prompt}, articles, models=["baseline/prefix"])
    frame = (
        trials.iloc[codes]
        .reset_index(drop=True)
        .assign(title=pd.array(titles, "string"), repairs=pd.array([""] * TITLES, "string"), status="ok")
    )
    start = time.process_time()
    rk.score(frame)
    return time.process_time() - start


def main() -> None:
    """Measure, print and write the tables."""
    parts = [
        "# What the gates find, and how often they cry wolf",
        "",
        "`python benchmarks/scorers.py ARTICLES.jsonl …` makes this file from real runs "
        f"({date.today():%d %B %Y}). The titles that people",
        "wrote are checked against the bodies alone. Rules were written with some of these articles in view, judged on",
        "others, unseen. Corruptions are unit tests, not the errors that models make (Goyal and Durrett 2021). Where",
        "quotation marks still leave a claim to somebody, its source is not counted as lost.",
    ]
    unseen = False
    for path in sys.argv[1:]:
        unseen |= path == "--unseen"
        if path == "--unseen":
            continue
        articles = [article for article in rk.load_articles(path) if article.language in (None, "en")]
        parts += [
            "",
            f"## {len(articles)} English articles of {Path(path).name}, {'unseen' if unseen else 'seen'}",
            "",
            "| gate | false alarms | share | in Title Case |",
            "|---|---|---|---|",
            *false_alarms(articles),
            "",
            "| what was spoilt | titles | by the body alone | with the original title | unspoilt ones that fail |",
            "|---|---|---|---|---|",
            *corruptions(articles),
            "",
            translations(articles),
            "",
            rewritten(articles),
            "",
            casings(articles),
            "",
            f"Mean scores of people's titles: {means(articles)}.",
        ]
        print("\n".join(parts), flush=True)
    first = list(rk.load_articles(sys.argv[1]))
    parts += [
        "",
        "## Speed",
        "",
        f"`score()` with its default scorers: {seconds(first):.0f} CPU seconds for {TITLES:,} distinct titles.",
    ]
    text = "\n".join([*parts, ""])
    Path(__file__).with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
