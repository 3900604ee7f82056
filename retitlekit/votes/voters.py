"""How far votes can be trusted: whether a voter keeps to itself, and whether two agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retitlekit.errors import FrameError
from retitlekit.frame import check
from retitlekit.statistics import evidence
from retitlekit.statistics.evidence import Floats
from retitlekit.votes import NOT_ASKED

_FEWEST = 50  # pairs that a judge should share with people before it counts
_KINDS = ("left", "right", "tie")


def consistency(votes: pd.DataFrame, frame: pd.DataFrame | None = None, *, confidence: float = 0.95) -> pd.DataFrame:
    """How steady each voter is, and what sways it: one row per voter, people and judges alike.

    A pair that a voter saw more than once tells. `judge_pairs` asks each pair in both orders; people get some of their
    pairs again, with the sides changed, from `next_pairs`.

    Parameters
    ----------
    votes : pandas.DataFrame
        From `read_votes`, or from `judge_pairs`, whose columns `first` and `second` hold the answers of both orders.
    frame : pandas.DataFrame, optional
        The frame that was voted on; with it the lengths of titles are known.

    Returns
    -------
    pandas.DataFrame
        Indexed by `voter`: `n_pairs` distinct pairs; `unread`, answers that were none; `repeated`, pairs that were seen
        more than once; `consistency`, the share of these with the same verdict each time, with Wilson's `low`, `high`;
        `flip_rate`, the share in which the side won and not the title; `first_rate`, how often the title shown first
        (left) won of all that were not ties: one half when the side has no influence; `tie_rate`; and with a frame
        `longer_rate`, how often the longer title won, with `longer_low`, `longer_high`: one half when length has none.
        The last is no proof of a bias when longer titles are better.

    Examples
    --------
    >>> votes = rk.read_votes("data/votes-simulated.jsonl")
    >>> rk.consistency(votes).columns[:3].tolist()
    ['n_pairs', 'unread', 'repeated']
    """
    check(votes, needs=["left", "right", "winner", "voter"])
    asked = _asked(votes)
    rows = {}
    for voter, given in asked.groupby("voter", sort=True):
        read = given[given["said"].notna()]
        pairs = read.groupby("pair")["said"]
        again = pairs.size() > 1
        same = (pairs.nunique() == 1)[again]
        sides = read.assign(side=read["shown"].map({"left": 1.0, "right": -1.0, "tie": 0.0})).groupby("pair")
        turned = (pairs.nunique() == 2) & (sides["side"].min() == sides["side"].max()) & (sides["side"].max() != 0)
        decided = read[read["shown"] != "tie"]
        row = {
            "n_pairs": given["pair"].nunique(),
            "unread": int(given["said"].isna().sum()),
            "repeated": int(again.sum()),
            **_share(np.asarray(same, np.float64), "consistency", "low", "high", confidence),
            "flip_rate": float(turned[again].mean()) if again.any() else math.nan,
            "first_rate": float((decided["shown"] == "left").mean()) if len(decided) else math.nan,
            "tie_rate": float((read["shown"] == "tie").mean()) if len(read) else math.nan,
        }
        if frame is not None:
            longer = _longer(pairs.agg(lambda said: said.iloc[0] if said.nunique() == 1 else "tie"), frame)
            row |= _share(longer, "longer_rate", "longer_low", "longer_high", confidence)
        rows[str(voter)] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("voter")
    counts = [name for name in ("n_pairs", "unread", "repeated") if name in table]
    return table.astype("Float64").astype(dict.fromkeys(counts, "Int64"))


def _asked(votes: pd.DataFrame) -> pd.DataFrame:
    """One row per answer: the pair, the title that it names (`said`: a trial id or "tie") and its side (`shown`)."""
    if "first" in votes:
        mirrored = {"left": "right", "right": "left", "tie": "tie"}
        judged = votes["first"].notna() | votes["second"].notna() | votes["winner"].isna()
        asked = votes[judged & ~votes["problem"].isin(NOT_ASKED)]
        swapped = asked.assign(left=asked["right"], right=asked["left"], winner=asked["second"].map(mirrored))
        votes = pd.concat([votes[~judged], asked.assign(winner=asked["first"]), swapped], ignore_index=True)
    found = votes[["voter", "left", "right", "winner"]].astype("string")
    pair = pd.Series(["|".join(sorted(p)) for p in zip(found["left"], found["right"], strict=True)], found.index)
    said = found["left"].where(found["winner"] == "left", found["right"]).where(found["winner"] != "tie", "tie")
    return pd.DataFrame(
        {"voter": found["voter"], "pair": pair, "said": said.where(found["winner"].notna()), "shown": found["winner"]}
    )


def _longer(said: pd.Series[str], frame: pd.DataFrame) -> Floats:
    """For each pair with a winner and two lengths: whether the longer title won."""
    check(frame, needs=["trial_id", "title"])
    titled = frame[frame["title"].notna()].drop_duplicates("trial_id")
    length = dict(zip(titled["trial_id"].astype(str), titled["title"].str.len(), strict=True))
    found = []
    for pair, winner in said.items():
        one, other = str(pair).split("|")
        if winner != "tie" and one in length and other in length and length[one] != length[other]:
            loser = other if winner == one else one
            found.append(float(length[str(winner)] > length[loser]))
    return np.array(found, np.float64)


def _share(values: Floats, name: str, low: str, high: str, confidence: float) -> dict[str, float]:
    if not len(values):
        return dict.fromkeys((name, low, high), math.nan)
    share = np.array([values.mean()])
    limits = evidence.wilson(share, np.array([float(len(values))]), confidence)
    return {name: float(share[0]), low: float(limits[0][0]), high: float(limits[1][0])}


@dataclass(frozen=True, repr=False)
class Agreement:
    """How far two sides agree on the pairs that both saw; `str()` says it in words.

    Attributes
    ----------
    n_pairs, n_articles : int
        Pairs that both have, and their articles.
    share : float
        Of pairs with the same verdict: left, right or tie.
    kappa : float
        Cohen's kappa (1960): 0 is chance, 1 is always.
    alpha : float
        Krippendorff's alpha for names (2018), over all voters; from .8 reliable, from .667 tentative.
    low, high : float
        Interval of alpha from resampled articles; NaN below two articles.
    """

    n_pairs: int
    n_articles: int
    share: float
    kappa: float
    alpha: float
    low: float
    high: float

    def __str__(self) -> str:
        if not self.n_pairs:
            return "They share no pair: nothing is known of their agreement."
        read = "reliable" if self.alpha >= 0.8 else "tentative" if self.alpha >= 0.667 else "not to be relied on"
        kappa = "" if math.isnan(self.kappa) else f"kappa {self.kappa:.2f}, "
        few = f" Fewer than {_FEWEST} pairs: vote more before you believe it." if self.n_pairs < _FEWEST else ""
        return (
            f"They agree on {self.share:.0%} of {self.n_pairs:,} pairs ({kappa}alpha {self.alpha:.2f}, "
            f"{self.low:.2f} to {self.high:.2f}): {read}.{few}"
        )

    __repr__ = __str__


def agreement(votes_a: pd.DataFrame, votes_b: pd.DataFrame | None = None, *, confidence: float = 0.95) -> Agreement:
    """How far two sets of votes agree, such as a judge's and people's: look before you believe the judge.

    Votes are matched by their two trials, whatever the side. What one side said of a pair more than once is put
    together by majority.

    Parameters
    ----------
    votes_a, votes_b : pandas.DataFrame
        From `read_votes` or `judge_pairs`. Each set is one side. Without `votes_b`, the voters of `votes_a` are: two
        give kappa, and any number give alpha.
    confidence : float

    Returns
    -------
    Agreement

    Raises
    ------
    FrameError
        When a column is missing, or a single set has a single voter.

    Examples
    --------
    >>> votes = rk.read_votes("data/votes-simulated.jsonl")
    >>> ana, ben = (votes[votes.voter == name] for name in ("human:ana", "human:ben"))
    >>> 0 < rk.agreement(ana, ben).kappa < 1
    True
    """
    for votes in (votes_a, votes_b) if votes_b is not None else (votes_a,):
        check(votes, needs=["article", "left", "right", "winner", "voter"])
    if votes_b is None:
        sides = [votes for _, votes in votes_a.groupby("voter", observed=True)]
        if len(sides) < 2:
            raise FrameError("one voter has nobody to agree with: give votes of two or more, or votes_b=")
    else:
        sides = [votes_a, votes_b]
    verdicts = pd.concat([_verdicts(side) for side in sides], axis=1, keys=range(len(sides)))
    verdicts = verdicts[verdicts.notna().sum(axis=1) > 1]
    articles = verdicts.index.get_level_values("article")
    counts = np.stack([(verdicts == kind).sum(axis=1).to_numpy(float) for kind in range(3)], axis=1)
    each, article = pd.factorize(articles)
    by_article = np.zeros((len(article), 13))
    if len(verdicts):
        np.add.at(by_article, each, _coincidences(counts))
    draws = np.concatenate([taken @ by_article for taken in evidence.resample(len(article))]) if len(article) else None
    low, high = (
        evidence.percentiles(_alpha(draws)[:, None], np.array([len(article)]), confidence)
        if draws is not None
        else (np.array([math.nan]), np.array([math.nan]))
    )
    two = verdicts.iloc[:, :2].dropna().to_numpy(int) if len(sides) == 2 else np.zeros((0, 2), int)
    same = _pairwise_share(counts)
    return Agreement(
        n_pairs=len(verdicts),
        n_articles=len(article),
        share=same,
        kappa=_kappa(two),
        alpha=float(_alpha(by_article.sum(axis=0)[None])[0]) if len(article) else math.nan,
        low=float(low[0]),
        high=float(high[0]),
    )


def _verdicts(votes: pd.DataFrame) -> pd.Series[int]:
    """One verdict per pair: 0 the trial whose id comes first, 1 the other, 2 a tie."""
    read = votes[votes["winner"].notna()]
    turned = (read["left"].astype(str) > read["right"].astype(str)).to_numpy(bool)
    left = read["winner"].map({"left": 1.0, "right": -1.0, "tie": 0.0}).to_numpy(float)
    pair = ["|".join(sorted(p)) for p in zip(read["left"].astype(str), read["right"].astype(str), strict=True)]
    points = pd.DataFrame(
        {"article": read["article"].astype(str).to_numpy(), "pair": pair, "points": np.where(turned, -left, left)}
    )
    sums = points.groupby(["article", "pair"])["points"].sum()
    return sums.map(lambda total: 0 if total > 0 else 1 if total < 0 else 2)


def _coincidences(counts: Floats) -> Floats:
    """Each unit's part of the coincidence matrix (9 cells), of its values (3) and of their number, one row a unit."""
    m = counts.sum(axis=1, keepdims=True)
    cells = (counts[:, :, None] * counts[:, None, :] - np.eye(3) * counts[:, None, :]) / (m - 1)[:, :, None]
    return np.concatenate([cells.reshape(-1, 9), counts, m], axis=1)


def _alpha(sums: Floats) -> Floats:
    cells, values, n = sums[:, :9].reshape(-1, 3, 3), sums[:, 9:12], sums[:, 12]
    observed = n - np.trace(cells, axis1=1, axis2=2)
    expected = (n**2 - (values**2).sum(axis=1)) / np.maximum(n - 1, 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(expected > 0, 1 - observed / expected, np.where(n > 0, 1.0, np.nan))


def _pairwise_share(counts: Floats) -> float:
    m = counts.sum(axis=1)
    return float(((counts * (counts - 1)).sum(axis=1) / (m * (m - 1))).mean()) if len(counts) else math.nan


def _kappa(two: NDArray[np.int64]) -> float:
    if not len(two):
        return math.nan
    table = np.zeros((3, 3))
    np.add.at(table, (two[:, 0], two[:, 1]), 1 / len(two))
    chance = float(table.sum(axis=0) @ table.sum(axis=1))
    return (float(np.trace(table)) - chance) / (1 - chance) if chance < 1 else 1.0
