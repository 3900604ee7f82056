"""From a scored frame to a decision: who leads, and how sure that is.

The article is the unit; the figures come from `retitlekit.evidence`. "No clear winner" is a result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retitlekit import evidence
from retitlekit.errors import FrameError
from retitlekit.evidence import Floats
from retitlekit.frame import check
from retitlekit.winners import save_winner, variant_name

__all__ = ["leaderboard", "save_winner"]
_LOWER_IS_BETTER = ("cost_usd", "latency_s", "attempts", "input_tokens", "output_tokens")
_VOTES = ("article", "left", "right", "winner")
_WINNER, _TIED, _WORSE, _TOO_LITTLE = "winner", "tied with the best", "worse", "too little data"


def leaderboard(
    frame: pd.DataFrame,
    *,
    by: str | Sequence[str] = ("prompt", "model", "temperature"),
    metric: str | None = None,
    votes: pd.DataFrame | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Rank the variants of a sweep, with the uncertainty of each figure and of each difference to the best.

    Repeats are averaged within their article. Intervals come from a cluster bootstrap over articles (2,000 draws,
    percentiles widened for few articles); differences are paired over the articles that both have, and tested by
    flipping their signs, exactly up to 15 articles; Holm's rule corrects for the number of rivals. Everything is
    seeded. The estimate of the best is optimistic, the more so the more variants there were (the winner's curse):
    measure the chosen one again on articles that had no part in choosing it.

    With `votes` the metric is the win rate: the chance to win against a rival taken at random, by Bradley and Terry's
    model (1952; a tie is half a win to each), refitted on resampled articles; each article's votes flip their sign as a
    whole.

    Parameters
    ----------
    frame : pandas.DataFrame
        A scored frame, one row per trial.
    by : str or sequence of str
        The columns that make a variant. <NA> is a value of its own (the provider's default temperature).
    metric : str, optional
        A boolean or numeric column in which more is better, with or without its ``score_`` or ``gate_``; by default
        `passed`.
    votes : pandas.DataFrame, optional
        `article`, `left`, `right` (trial ids of `frame`), `winner` ("left", "right" or "tie"): decide by these instead.
        Votes between two trials of one variant are left out.
    confidence : float
        Of the intervals and, as 1 less it, of the tests.

    Returns
    -------
    pandas.DataFrame
        One row per variant, best first: the columns of `by`; `n_articles` and `n_trials`; `n_failed` (trials without an
        answer or without a title); `estimate`, `low`, `high`; `difference` to the best, negative when worse, with
        `difference_low`, `difference_high`; `p` (corrected; <NA> for the best); `passed`, the share of titles that
        passed every gate, with Wilson's `passed_low`, `passed_high` for its number of articles; `cost_usd` (sum; <NA>
        when any is unknown); `latency_s` (median); with votes `n_votes`; `verdict`:

        "winner"
            Better than every rival, corrected for their number.
        "tied with the best"
            Not told apart from the best, which itself is so called when it has such rivals.
        "worse"
            Than the best.
        "too little data"
            Not even total agreement of these articles could have told it from the best; also a single variant, one with
            fewer than half of the articles of the others, and one that no vote joins to the others.

        ``attrs`` hold `sentence` (the decision in plain words), `metric`, `by` and `confidence`.

    Raises
    ------
    FrameError
        When a column is missing, the metric is no number or better when lower, a prompt's name stands for two texts, or
        a vote names a trial that is not in the frame.

    Examples
    --------
    >>> board = rk.leaderboard(frame, by="prompt", metric="novelty")
    >>> board.attrs["metric"]
    'score_novelty'
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    if not by or not 0.5 < confidence < 1:
        raise FrameError(f"by={by!r}, confidence={confidence!r}: name a column, and a confidence between 0.5 and 1")
    check(frame, needs=["article", *by])
    _one_text_per_prompt(frame, by)
    sweep = _Sweep.of(frame, by)
    if votes is None:
        column = _metric(frame, metric)
        found = _by_metric(sweep, frame[column])
    elif metric is not None:
        raise FrameError(f"votes decide by win rate: leave out votes= or metric={metric!r}")
    else:
        column, found = "win_rate", _by_votes(sweep, frame, votes)
    board = _board(sweep, frame, found, confidence)
    board.attrs = {"metric": column, "by": list(by), "confidence": confidence}
    board.attrs["sentence"] = _sentence(board, found, confidence)
    return board


@dataclass(frozen=True)
class _Sweep:
    """Which article and which variant each row of a frame belongs to."""

    variants: pd.DataFrame  # one row each
    variant: NDArray[np.int64]
    article: NDArray[np.int64]
    articles: list[str]

    @classmethod
    def of(cls, frame: pd.DataFrame, by: Sequence[str]) -> _Sweep:
        groups = frame.groupby(list(by), dropna=False, observed=True, sort=False)
        variant = np.asarray(groups.ngroup(), np.int64)
        _, first = np.unique(variant, return_index=True)
        article, articles = pd.factorize(frame["article"])
        if (article < 0).any():
            raise FrameError("the frame has rows without an `article`")
        variants = frame.iloc[first][list(by)].reset_index(drop=True)
        return cls(variants, variant, np.asarray(article, np.int64), [str(name) for name in articles])

    def means(self, values: pd.Series[Any]) -> Floats:
        """Means of a column by article and variant; NaN where there is none."""
        numbers = values.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        known = ~np.isnan(numbers)
        shape = len(self.articles), len(self.variants)
        cell = self.article[known] * shape[1] + self.variant[known]
        size = shape[0] * shape[1]
        with np.errstate(invalid="ignore"):
            means = np.bincount(cell, numbers[known], size) / np.bincount(cell, minlength=size)
        return means.reshape(shape)


@dataclass(frozen=True)
class _Found:
    """What the data say of each variant, in the sweep's order."""

    estimate: Floats
    draws: Floats  # of the estimates, from resampled articles
    n: NDArray[np.int64]  # articles
    order: list[int]  # best first; empty when nothing is known
    difference: Floats  # to the best
    difference_draws: Floats
    differences: Floats  # of each article, as its sign may be flipped; NaN where the pair is not in it
    is_share: bool = False  # of titles that pass
    n_votes: NDArray[np.int64] | None = None


def _one_text_per_prompt(frame: pd.DataFrame, by: Sequence[str]) -> None:
    if "prompt" not in by or "prompt_sha" not in frame or "prompt_sha" in by:
        return
    texts = frame.groupby("prompt", observed=True)["prompt_sha"].nunique()
    edited = [str(name) for name in texts.index[texts > 1]]
    if edited:
        raise FrameError(
            f"prompt {edited[0]!r} stands for two texts in this frame: add 'prompt_sha' to by=, or drop one"
        )


def _metric(frame: pd.DataFrame, metric: str | None) -> str:
    """The name of the column that decides."""
    name = next((n for n in (metric, f"score_{metric}", f"gate_{metric}") if n in frame), None) if metric else "passed"
    if name is None:
        known = [column for column in frame if str(column).startswith(("score_", "gate_"))]
        raise FrameError(f"the frame has no {metric!r}; it has {', '.join(map(str, known)) or 'no scores: score() it'}")
    check(frame, needs=[name])
    if name in _LOWER_IS_BETTER:
        raise FrameError(f"{name} is better when lower: add a column with its negative and name that")
    if not pd.api.types.is_numeric_dtype(frame[name]):
        raise FrameError(f"{name} holds no numbers ({frame[name].dtype})")
    return str(name)


# ------------------------------------------------------------------------------------------------- what was measured


def _by_metric(sweep: _Sweep, values: pd.Series[Any]) -> _Found:
    means = sweep.means(values)
    n, estimate = (~np.isnan(means)).sum(axis=0), _mean(means)
    order = _ranked(estimate, n)
    differences = means - means[:, order[:1]] if order else means
    draws, between = evidence.bootstrap_means(means), evidence.bootstrap_means(differences)
    is_share = pd.api.types.is_bool_dtype(values.dtype)
    return _Found(estimate, draws, n, order, _mean(differences), between, differences, is_share)


def _by_votes(sweep: _Sweep, frame: pd.DataFrame, votes: pd.DataFrame) -> _Found:
    """Fit the votes of the largest group of variants that votes join; the others stay unknown."""
    wins = _wins(sweep, frame, votes)
    k = wins.shape[1]
    cast = wins + wins.transpose(0, 2, 1)
    n, n_votes = (cast.sum(axis=2) > 0).sum(axis=0), cast.sum(axis=(0, 2)).astype(np.int64)
    joined = np.eye(k, dtype=bool) | (cast.sum(axis=0) > 0)
    for _ in range(k.bit_length()):
        joined = joined @ joined
    group = np.flatnonzero(joined[np.argmax(joined @ n_votes)])
    estimate, differences = np.full(k, np.nan), np.full(wins.shape[:2], np.nan)
    draws = np.full((evidence.DRAWS, k), np.nan)
    if n_votes.any():
        inner = wins[:, group][:, :, group]
        estimate[group] = evidence.win_rates(evidence.bradley_terry(inner.sum(axis=0)[None]))[0]
        draws[:, group] = evidence.bootstrap_win_rates(inner)
    order = _ranked(estimate, n)
    best = order[0] if order else 0
    if order:
        touched = (cast[:, group].sum(axis=2) > 0) | (cast[:, [best]].sum(axis=2) > 0)
        flips = evidence.vote_differences(inner, int(np.searchsorted(group, best)))
        differences[:, group] = np.where(touched, flips, np.nan)
    between = draws - draws[:, [best]]
    return _Found(estimate, draws, n, order, estimate - estimate[best], between, differences, n_votes=n_votes)


def _wins(sweep: _Sweep, frame: pd.DataFrame, votes: pd.DataFrame) -> Floats:
    """Votes as wins of row over column in each article; a tie is half a win to each."""
    check(frame, needs=["trial_id"])
    check(votes, needs=_VOTES)
    trials = pd.DataFrame({"trial": frame["trial_id"].astype(str), "variant": sweep.variant, "article": sweep.article})
    trials = trials.drop_duplicates().set_index("trial")
    sides = {side: votes[side].astype(str) for side in ("left", "right")}
    unknown = sorted(set(sides["left"]).union(sides["right"]) - set(trials.index))
    if unknown:
        raise FrameError(f"{len(unknown)} trials of the votes are not in the frame, such as {unknown[0]}")
    shared = sorted(set(trials.index[trials.index.duplicated()]) & set(sides["left"]).union(sides["right"]))
    if shared:
        raise FrameError(f"trial {shared[0]} stands for two variants (their requests are equal): drop one of them")
    points = votes["winner"].astype(str).map({"left": 1.0, "tie": 0.5, "right": 0.0})
    if points.isna().any():
        raise FrameError(f'winner must be "left", "right" or "tie", not {votes["winner"][points.isna()].iloc[0]!r}')
    left, right = (trials.loc[sides[side].tolist()] for side in ("left", "right"))
    if (left["article"].to_numpy() != right["article"].to_numpy()).any():
        raise FrameError("a vote compares trials of two articles")
    wins = np.zeros((len(sweep.articles), len(sweep.variants), len(sweep.variants)))
    one, other, article = left["variant"].to_numpy(), right["variant"].to_numpy(), left["article"].to_numpy()
    np.add.at(wins, (article, one, other), points.to_numpy())
    np.add.at(wins, (article, other, one), 1 - points.to_numpy())
    wins[:, np.arange(wins.shape[1]), np.arange(wins.shape[1])] = 0.0
    return wins


def _ranked(estimate: Floats, n: NDArray[np.int64]) -> list[int]:
    """Variants with an estimate, best first; those with fewer than half of the articles come last."""
    thin = 2 * n < n.max(initial=0)
    return [k for k in np.lexsort((-estimate, thin)).tolist() if not np.isnan(estimate[k])]


def _mean(values: Floats) -> Floats:
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


# ------------------------------------------------------------------------------------------------------- the board


def _board(sweep: _Sweep, frame: pd.DataFrame, found: _Found, confidence: float) -> pd.DataFrame:
    k = len(sweep.variants)
    shared = (~np.isnan(found.differences)).sum(axis=0)
    low, high = evidence.interval(found.draws, found.n, confidence)
    if found.is_share:  # where all articles agree there is nothing to resample
        limits = evidence.wilson(found.estimate, found.n.astype(np.float64), confidence)
        agreed = np.isin(found.estimate, (0.0, 1.0))
        low, high = np.where(agreed, limits[0], low), np.where(agreed, limits[1], high)
    between = evidence.interval(found.difference_draws, shared, confidence)
    p, verdicts = _verdicts(found, shared, confidence)
    passes = sweep.means(frame[_metric(frame, "passed")]) if "passed" in frame else np.full((1, k), np.nan)
    judged = (~np.isnan(passes)).sum(axis=0).astype(np.float64)
    passed_low, passed_high = evidence.wilson(_mean(passes), judged, confidence)
    answered = frame["status"].eq("ok").to_numpy(bool) if "status" in frame else np.ones(len(frame), bool)
    titled = answered & frame["title"].notna().to_numpy(bool) if "title" in frame else answered
    counts = {
        "n_articles": found.n,
        "n_trials": np.bincount(sweep.variant, minlength=k),
        "n_failed": np.bincount(sweep.variant[~titled], minlength=k),
    }
    counts |= {} if found.n_votes is None else {"n_votes": found.n_votes}
    figures = {
        "estimate": found.estimate,
        "low": low,
        "high": high,
        "difference": found.difference,
        "difference_low": between[0],
        "difference_high": between[1],
        "p": p,
        "passed": _mean(passes),
        "passed_low": passed_low,
        "passed_high": passed_high,
        "cost_usd": _per_variant(sweep, frame, "cost_usd", answered, lambda costs: costs.sum(skipna=False)),
        "latency_s": _per_variant(sweep, frame, "latency_s", answered, lambda seconds: seconds.median()),
    }
    board = sweep.variants.copy()
    clash = sorted({*counts, *figures, "verdict"} & set(board.columns))
    if clash:
        raise FrameError(f"by= names {clash[0]!r}, which is a column of the board: rename it first")
    for name, numbers in counts.items():
        board[name] = pd.array(numbers, dtype="Int64")
    for name, values in figures.items():
        board[name] = pd.arrays.FloatingArray(np.nan_to_num(values), np.isnan(values))
    board["verdict"] = pd.array(verdicts, dtype="string")
    rest = [variant for variant in range(k) if variant not in set(found.order)]
    return board.iloc[found.order + rest].reset_index(drop=True)


def _per_variant(
    sweep: _Sweep, frame: pd.DataFrame, name: str, rows: NDArray[np.bool_], figure: Callable[[Any], Any]
) -> Floats:
    """One figure of the answered trials of each variant; NaN when it is unknown."""
    result = np.full(len(sweep.variants), np.nan)
    if name in frame:
        for variant, values in frame.loc[rows, name].astype("Float64").groupby(sweep.variant[rows]):
            found = figure(values)
            result[int(str(variant))] = np.nan if found is pd.NA else float(found)
    return result


def _verdicts(found: _Found, shared: NDArray[np.int64], confidence: float) -> tuple[Floats, list[str]]:
    """The p of each variant against the best, corrected, and the verdicts; in the sweep's order."""
    k = len(found.estimate)
    p, verdicts = np.full(k, np.nan), [_TOO_LITTLE] * k
    best, rivals = found.order[:1], found.order[1:]
    if not rivals:
        return p, verdicts
    p[rivals] = evidence.holm(evidence.sign_flip(found.differences[:, rivals]))
    needed = evidence.fewest_articles(len(rivals), confidence)
    for rival in rivals:
        if p[rival] <= 1 - confidence + 1e-12 and found.difference[rival] < 0:
            verdicts[rival] = _WORSE
        elif shared[rival] >= needed and 2 * found.n[rival] >= found.n.max():
            verdicts[rival] = _TIED
    told = {verdicts[rival] for rival in rivals}
    verdicts[best[0]] = _WINNER if told == {_WORSE} else _TOO_LITTLE if told == {_TOO_LITTLE} else _TIED
    return p, verdicts


def _sentence(board: pd.DataFrame, found: _Found, confidence: float) -> str:
    """The decision in plain words."""
    metric, by = str(board.attrs["metric"]), board.attrs["by"]
    known = board[board["estimate"].notna()]
    silent = f" {len(board) - len(known)} of {len(board)} variants have no value." if len(known) < len(board) else ""
    if known.empty:
        return f"Nothing to decide: no trial has a value for {metric}." if metric != "win_rate" else "No votes yet."
    if len(known) == 1:
        return f"Only one variant has values for {metric}: nothing to compare it with.{silent}"
    varying = [name for name in by if board[name].nunique(dropna=False) > 1]
    leader, second = (variant_name(known[varying].iloc[row].to_dict()) for row in (0, 1))
    n, rivals = int((~np.isnan(found.differences[:, found.order[1]])).sum()), len(known) - 1
    verdict = known["verdict"].iloc[0]
    if verdict == _TOO_LITTLE:
        needed = evidence.fewest_articles(rivals, confidence)
        if n >= needed:
            return f"Too little data: {leader} shares {n} of its {found.n.max()} articles with {second}.{silent}"
        return (
            f"Too little data: with {_articles(n)} not even total agreement could tell {len(known)} variants apart; "
            f"at least {needed} are needed.{silent}"
        )
    row = known.iloc[1]
    ahead = _figures(-row["difference"], -row["difference_high"], -row["difference_low"])
    if verdict == _WINNER:
        among = f", corrected for {rivals} rivals" if rivals > 1 else ""
        return f"{leader} wins: it leads {second} by {ahead} over {_articles(n)}{among}.{silent}"
    tied = [
        variant for variant, verdict in zip(found.order[1:], known["verdict"].iloc[1:], strict=True) if verdict == _TIED
    ]
    more = max((_more_articles(found.differences[:, variant], confidence) for variant in tied), default=math.inf)
    if row["difference"] >= 0:  # above it when a variant misses articles
        level = "are level" if row["difference"] == 0 else "do not keep their order"
        return f"No clear winner: {leader} and {second} {level} over the {_articles(n)} they share.{silent}"
    ask = "no practical number of articles would tell them apart"
    if more <= 10_000:
        ask = f"about {float(f'{more:.2g}'):,.0f} more would be needed"
    return f"No clear winner: {leader} leads {second} by {ahead} over {_articles(n)}; {ask}.{silent}"


def _more_articles(differences: Floats, confidence: float) -> float:
    known = differences[~np.isnan(differences)]
    needed = evidence.articles_needed(float(known.mean()), float(known.std(ddof=1)), confidence)
    return max(needed - len(known), 1)


def _articles(n: int) -> str:
    return f"{n:,} article{'' if n == 1 else 's'}"


def _figures(estimate: float, low: float, high: float) -> str:
    digits = 2 if estimate == 0 else min(max(2, math.ceil(-math.log10(abs(estimate)))), 4)
    shown = [f"{value:.{digits}f}".replace("-", "−") for value in (estimate, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"
