"""The scorers that come with retitlekit: plain functions of a title and of what else they name as arguments.

A gate says yes or no (`gate_<name>`, and why not in `why_<name>`); a score is a number (`score_<name>`), and its
docstring says whether more or less of it is better, or neither. `score()` binds their arguments. What could not be
judged is <NA>, never 0.

`DEFAULT` holds the gates that are right for every desk, and the scores. Opt in to what is a matter of house style, of a
channel or of a run: `casing`, `width`, `fits()`, `as_asked`, `cost`, `latency`, and over repeats `distinct`, `spread`:

>>> judged = rk.score(frame, [*rk.scorers.DEFAULT, rk.scorers.fits("push"), rk.scorers.distinct])
>>> {"gate_fits_push", "score_distinct"} <= set(judged.columns)
True

The rates of false alarms are measured on the titles that people wrote for 265 Wikinews articles, checked against the
bodies alone; `benchmarks/scorers.md` has them all, and what each gate finds.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import lru_cache
from itertools import combinations, pairwise
from typing import Any

from rapidfuzz.distance import Levenshtein

from retitlekit.articles import Article
from retitlekit.claims.names import main_names, names_in
from retitlekit.language.tone import hype_words, plainness, sentiment
from retitlekit.language.words import sounds_english
from retitlekit.scorers.gates import (
    GOOGLE_EM,
    as_asked,
    casing,
    clean,
    events,
    fits,
    folded,
    has_title,
    language,
    leaks,
    length,
    names,
    no_echo,
    numbers,
    one_line,
    own_title,
    qualifiers,
    readable,
    rewritten,
    whole,
    width,
)
from retitlekit.scorers.widths import em_width

Judged = bool | float | None
Result = Judged | tuple[Judged, str | None] | Mapping[str, Any]
Scorer = Callable[..., Result]

_WORDS = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*(?<!['’]s)")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")

__all__ = [
    "DEFAULT",
    "GOOGLE_EM",
    "as_asked",
    "casing",
    "characters",
    "clean",
    "cost",
    "distinct",
    "entity_coverage",
    "events",
    "fits",
    "has_title",
    "hype",
    "language",
    "latency",
    "lead_coverage",
    "leaks",
    "length",
    "names",
    "no_echo",
    "novelty",
    "numbers",
    "one_line",
    "qualifiers",
    "readable",
    "rewritten",
    "sentiment_drift",
    "simplicity",
    "spread",
    "whole",
    "width",
    "width_em",
    "words",
]


def width_em(title: str) -> float:
    """Width in em of Arial; see `retitlekit.scorers.widths.em_width`. Neither is better: a channel sets the limit."""
    return em_width(title)


def characters(title: str) -> int:
    """Characters (code points of the composed text). Neither is better: a channel sets the limit."""
    return len(unicodedata.normalize("NFC", title))


def words(title: str) -> int | None:
    """Words between spaces; does not apply to scripts that write none. Neither more nor less is better."""
    return None if _is_unspaced(title) else len(title.split())


def novelty(title: str, original_title: str) -> float:
    """Share of the title that is new: 1 less the normalised Levenshtein similarity to the original title, 0 to 1.

    Case, punctuation and spacing do not count. Up to .25 is a near copy, up to .55 a light edit, beyond that rewritten;
    above about .7 the letters alone cannot tell a rewrite from a title for another story. Neither is better: see that a
    prompt's mean stays between.
    """
    return Levenshtein.normalized_distance(folded(title), folded(original_title))


def lead_coverage(title: str, article: Article) -> float | None:
    """Share of the title's content words that stand in the article's first paragraph, 0 to 1.

    Content words have four characters or more, a digit or a capital; scripts without spaces count pairs of characters.
    More is better, up to where editors are: their titles of Wikinews reach .7 on average.
    """
    wanted = _content(title)
    return len(wanted & _lead_content(article.lead)) / len(wanted) if wanted and article.lead else None


def entity_coverage(title: str, article: Article) -> float | None:
    """Share of the article's three main names that the title has, by how often the article has them, 0 to 1.

    Names in the first paragraph count twice. The recall of entities by salience (Trani et al. 2016), without a model.
    More is better, up to where editors are: their titles of Wikinews reach .6 on average.
    """
    wanted = main_names(article.body)
    if not wanted:
        return None
    found = names_in(title, wanted)
    return sum(wanted[name] for name in found) / sum(wanted.values())


def hype(title: str) -> tuple[int, str | None]:
    """How many words and signs promise more than news: "slams", "shocking", "you won't believe", "!".

    Less is better. A list that a desk can read and argue with, `retitlekit.language.tone.HYPE`. Editors' titles of
    Wikinews have one in a hundred.
    """
    found = hype_words(title)
    return len(found), ", ".join(found) or None


def sentiment_drift(title: str, original_title: str, article: Article) -> float | None:
    """How much better (+) or worse (-) the title sounds than the original title, -2 to 2, by VADER.

    Neither is better: 0 is. Negative words bring clicks (Robertson et al. 2023: +2.3 % each), so what is chosen by
    clicks drifts down. Watch the mean; do not reward it. English only.
    """
    return sentiment(title) - sentiment(original_title) if sounds_english(title, original_title, article.body) else None


def simplicity(title: str, article: Article) -> float | None:
    """Share of the title's words that are common and of at most two syllables, 0 to 1; names do not count.

    More is better: readers prefer simple headlines (Shulman et al. 2024). English only. Editors' titles of Wikinews
    reach .8 on average.
    """
    return plainness(title) if sounds_english(title, article.body, own_title(article)) else None


def distinct(repeat_titles: list[str]) -> float | None:
    """Share of different titles among the repeats of a trial, 0 to 1; case and punctuation do not count.

    `repeat_titles` are the titles of the same article, messages, model and parameters; does not apply to one alone.
    More is better where somebody picks among the repeats; where the first is published it says how far to trust it.
    """
    return len(set(map(folded, repeat_titles))) / len(repeat_titles) if len(repeat_titles) > 1 else None


def spread(repeat_titles: list[str]) -> float | None:
    """Mean normalised Levenshtein distance between the repeats of a trial, pair by pair, 0 to 1; as `distinct`."""
    pairs = list(combinations(map(folded, repeat_titles), 2))
    return sum(Levenshtein.normalized_distance(*pair) for pair in pairs) / len(pairs) if pairs else None


def cost(cost_usd: float | None = None) -> float | None:
    """What the call cost, in US dollars; less is better."""
    return cost_usd


def latency(latency_s: float | None = None) -> float | None:
    """Wall seconds of the call; less is better."""
    return latency_s


DEFAULT: tuple[Scorer, ...] = (
    has_title,
    one_line,
    readable,
    whole,
    clean,
    leaks,
    no_echo,
    length,
    rewritten,
    language,
    numbers,
    names,
    events,
    qualifiers,
    width_em,
    characters,
    words,
    novelty,
    lead_coverage,
    entity_coverage,
    hype,
    sentiment_drift,
    simplicity,
)
"""The gates that are right for every desk, and the scores.

Of the titles that people wrote 97 % pass them all; see `benchmarks/scorers.md`.
"""


def _is_unspaced(text: str) -> bool:
    """Whether most letters are Chinese, Japanese or Thai, and so no spaces part the words."""
    return not text.isascii() and 2 * len(_UNSPACED.findall(text)) > sum(map(str.isalpha, text))


def _content(text: str) -> frozenset[str]:
    if _is_unspaced(text):
        return frozenset("".join(pair) for pair in pairwise(folded(text)) if " " not in pair)
    kept = {
        bare.removesuffix("s")
        for word in _WORDS.findall(text)
        if len(bare := folded(word)) > 3 or bare.isdigit() or word[0].isupper()
    }
    return frozenset(kept)


@lru_cache(maxsize=1024)
def _lead_content(lead: str) -> frozenset[str]:
    return _content(lead)
