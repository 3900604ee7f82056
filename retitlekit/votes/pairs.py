"""Which titles to show next: the pairs whose votes most reduce the doubt about the best variant."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np
import pandas as pd

from retitlekit.errors import FrameError
from retitlekit.frame import check
from retitlekit.statistics import strengths
from retitlekit.statistics.variants import BY, Variants
from retitlekit.votes import located, wins_of

_AGAIN_EVERY = 8  # every eighth pair is one the voter has seen, with its sides changed: 12 %
_DRAWN_RIDGE = 1.0  # before any vote, strengths are taken to differ by about one logit


def all_pairs(frame: pd.DataFrame, *, by: str | Sequence[str] = BY) -> pd.DataFrame:
    """Every pair of different titles for one article by two variants: `article`, `left`, `right`, `one`, `other`.

    Of each variant the first repeat that holds a title stands for it; where equal titles meet there is nothing to ask.
    `one` and `other` are the places of the variants in the frame's order.
    """
    check(frame, needs=["trial_id", "title", "article"])
    variants = Variants.of(frame, by)
    table = pd.DataFrame(
        {
            "article": frame["article"].astype(str).to_numpy(),
            "variant": variants.variant,
            "trial": frame["trial_id"].astype(str).to_numpy(),
            "title": frame["title"].astype(object).to_numpy(),
        }
    )
    table = table[table["title"].notna()].drop_duplicates(["article", "variant"])
    pairs = table.merge(table, on="article", suffixes=("", "_other"))
    pairs = pairs[(pairs["variant"] < pairs["variant_other"]) & (pairs["title"] != pairs["title_other"])]
    pairs = pairs[pairs["trial"] != pairs["trial_other"]]
    named = {"trial": "left", "trial_other": "right", "variant": "one", "variant_other": "other"}
    return pairs.rename(columns=named)[["article", "left", "right", "one", "other"]].reset_index(drop=True)


def next_pairs(
    votes: pd.DataFrame | None,
    frame: pd.DataFrame,
    *,
    n: int = 10,
    by: str | Sequence[str] = BY,
    voter: str | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Propose pairs to vote on next.

    Strengths are drawn twice from what the votes so far leave possible; the best of one draw meets the best other of
    the second (double Thompson sampling, Wu and Liu 2016). Variants that may be the best meet each other often, those
    that cannot be are left alone. Each goes to the article on which the pair has been voted least, with sides at
    random. ``benchmarks/statistics.md`` has what this saves against pairs at random.

    Parameters
    ----------
    votes : pandas.DataFrame or None
        All votes so far, of all voters.
    frame : pandas.DataFrame
        The frame that is voted on; needs `title`.
    n : int
        How many pairs.
    by : str or sequence of str
        The columns that make a variant.
    voter : str, optional
        Who will vote: this voter is not asked the same twice, but for every eighth pair, which is an old one with its
        sides changed, so that `consistency` can tell how steady the voter is.
    seed : int

    Returns
    -------
    pandas.DataFrame
        `article`, `left`, `right` (trial ids), `why` ("doubt" or "again"); up to `n` rows. Nothing in it tells which
        variant wrote what.

    Raises
    ------
    FrameError
        When there is no pair of different titles to vote on.

    Examples
    --------
    >>> rk.next_pairs(None, frame, n=3, by="prompt").columns.tolist()
    ['article', 'left', 'right', 'why']
    """
    pairs = all_pairs(frame, by=by)
    if pairs.empty:
        raise FrameError("no article has different titles by two variants: there is nothing to vote on")
    if n < 1:
        raise FrameError(f"n={n!r}: ask for one pair or more")
    variants = Variants.of(frame, by)
    total, asked = np.zeros((len(variants), len(variants))), 0
    if votes is not None and len(votes):
        total, asked = wins_of(located(variants, frame, votes), variants).sum(axis=0), len(votes)
    rng = np.random.default_rng([seed, asked])
    seen = _seen(votes, voter)
    again = [pair for pair, sides in seen.items() if len(sides) == 1]
    counts = _counts(votes)
    open_pairs: dict[tuple[int, int], list[tuple[str, str, str]]] = defaultdict(list)
    for article, left, right, one, other in pairs.itertuples(index=False):
        if frozenset((left, right)) not in seen:
            open_pairs[one, other].append((article, left, right))
    middle = strengths.bradley_terry(total[None], ridge=_DRAWN_RIDGE)[0]
    spread = np.linalg.cholesky(strengths.covariance(total, middle, ridge=_DRAWN_RIDGE))
    rows: list[tuple[str, str, str, str]] = []
    while len(rows) < n and (open_pairs or again):
        due = (asked + len(rows) + 1) % _AGAIN_EVERY == 0 or not open_pairs
        if again and due:
            pair = again.pop(int(rng.integers(len(again))))
            article, left, right = seen[pair][0]
            rows.append((article, right, left, "again"))
            continue
        if not open_pairs:
            break
        drawn = (middle[:, None] + spread @ rng.standard_normal((len(middle), 2))).T
        one, other = _duel(drawn[0], drawn[1], open_pairs)
        choice = min(open_pairs[one, other], key=lambda p: (counts[frozenset(p[1:])], counts[p[0]]))
        article, left, right = choice
        counts[article] += 1
        open_pairs[one, other].remove(choice)
        if not open_pairs[one, other]:
            del open_pairs[one, other]
        rows.append((article, left, right, "doubt") if rng.random() < 0.5 else (article, right, left, "doubt"))
    return pd.DataFrame(rows, columns=["article", "left", "right", "why"]).astype("string")


def _duel(
    first: np.ndarray, second: np.ndarray, open_pairs: dict[tuple[int, int], list[tuple[str, str, str]]]
) -> tuple[int, int]:
    """The best of one draw against the best other of a second, among the pairs that are left."""
    playing = {variant for pair in open_pairs for variant in pair}
    best = max(playing, key=lambda variant: first[variant])
    others = {other for pair in open_pairs if best in pair for other in pair} - {best}
    rival = max(others, key=lambda variant: second[variant])
    return min(best, rival), max(best, rival)


def _seen(votes: pd.DataFrame | None, voter: str | None) -> dict[frozenset[str], list[tuple[str, str, str]]]:
    """What a voter has been asked: each pair with the sides it had."""
    seen: dict[frozenset[str], list[tuple[str, str, str]]] = defaultdict(list)
    if votes is not None and voter is not None:
        own = votes[votes["voter"].astype(str) == voter][["article", "left", "right"]].astype(str)
        for article, left, right in own.itertuples(index=False):
            seen[frozenset((left, right))].append((article, left, right))
    return seen


def _counts(votes: pd.DataFrame | None) -> dict[frozenset[str] | str, int]:
    """How often each pair, and each article, has been voted on."""
    counts: dict[frozenset[str] | str, int] = defaultdict(int)
    if votes is not None:
        for article, left, right in votes[["article", "left", "right"]].astype(str).itertuples(index=False):
            counts[frozenset((left, right))] += 1
            counts[article] += 1
    return counts


def doubt(votes: pd.DataFrame, frame: pd.DataFrame, *, by: str | Sequence[str] = BY, seed: int = 0) -> float:
    """How likely it is, after the votes, that the variant which leads is not the best: from 0 to 1.

    The share of 2,000 draws from the posterior of Bradley and Terry's strengths (Laplace's approximation) in which
    another variant is the strongest.
    """
    variants = Variants.of(frame, by)
    wins = wins_of(located(variants, frame, votes), variants).sum(axis=0)
    middle = strengths.bradley_terry(wins[None], ridge=_DRAWN_RIDGE)[0]
    spread = np.linalg.cholesky(strengths.covariance(wins, middle, ridge=_DRAWN_RIDGE))
    drawn = middle[:, None] + spread @ np.random.default_rng(seed).standard_normal((len(middle), 2000))
    return float((drawn.argmax(axis=0) != middle.argmax()).mean())
