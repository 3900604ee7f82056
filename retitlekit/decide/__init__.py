"""From a scored frame to a decision: who leads, and how sure that is.

The article is the unit; the figures come from `retitlekit.statistics.evidence`. "No clear winner" is a result.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retitlekit.errors import FrameError
from retitlekit.statistics import evidence, strengths
from retitlekit.statistics.evidence import Floats
from retitlekit.statistics.variants import BY, Variants, direction, metric_column, variant_name
from retitlekit.votes import located, wins_of

_WINNER, _TIED, _WORSE, _TOO_LITTLE = "winner", "tied with the best", "worse", "too little data"


def leaderboard(
    frame: pd.DataFrame,
    *,
    by: str | Sequence[str] = BY,
    metric: str | None = None,
    lower_is_better: bool | None = None,
    votes: pd.DataFrame | None = None,
    baseline: str | Mapping[str, Any] | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Rank the variants of a sweep, with the uncertainty of each figure and of each difference to the best.

    Repeats are averaged within their article. Intervals come from a studentised cluster bootstrap over articles (2,000
    draws; those of shares from Wilson's, and Bonett and Price's for differences); differences are paired over the
    articles that both have, and have Student's test, or, where they are few or of a few sizes only, that of flipping
    their signs: exactly up to 24 articles, and for gates, where that is McNemar's exact test. Holm's rule corrects for
    the number of rivals. Everything is seeded. How well this holds is measured in ``benchmarks/statistics.md``. Look at
    `effects` before you rank many cells.

    The estimate of the best is optimistic, the more so the more variants there were (the winner's curse): `shrunk` is
    what to expect instead (Efron and Morris 1975), and `confirm` measures it on articles that had no part in choosing.

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
        A boolean or numeric column, with or without its ``score_`` or ``gate_``; by default `passed`.
    lower_is_better : bool, optional
        Whether less of the metric is better. Known of the frame's own columns and of the scores that come with
        retitlekit: of cost, latency, hype and whatever was invented less is better; of a title's length and of other
        things that are neither good nor bad this must be said. Of your own scores more is better unless you say so.
    votes : pandas.DataFrame, optional
        `article`, `left`, `right` (trial ids of `frame`), `winner` ("left", "right" or "tie") and, if known, `voter`:
        decide by these instead. Votes between two trials of one variant are left out, and so are rows without a winner;
        what a voter said twice of one pair counts once. No judge overrules a gate: of two titles of which one passed,
        that one wins.
    baseline : str or dict, optional
        The variant you have now, by its values (``{"prompt": "bare", "model": "m"}``) or by one that no other has.
    confidence : float
        Of the intervals and, as 1 less it, of the tests. Each interval holds by itself, while `p` is corrected for many
        rivals: an interval may leave out 0 where `p` does not decide. The verdict follows `p`.

    Returns
    -------
    pandas.DataFrame
        One row per variant, best first: the columns of `by`; `n_articles` and `n_trials`; `n_failed` (trials without an
        answer or without a title); `n_unjudged` (titles whose gates are unknown because a scorer failed on them: they
        count neither as passed nor as failed, and the sentence says so); with votes `n_votes`; `estimate`, `low`,
        `high`; `shrunk`; `difference` to the best, negative when worse, whichever way is better, with `difference_low`,
        `difference_high`; `p` (corrected; <NA> for the best); with a baseline `gain` over it, `gain_low`, `gain_high`,
        `gain_p` (corrected); `more_articles`, about how many more would tell a tied variant from the best (<NA> when no
        practical number would); `passed`, the share of titles that passed every gate, with Wilson's `passed_low`,
        `passed_high` for its number of articles; `cost_usd` (sum; <NA> when any is unknown); `latency_s` (median);
        `verdict`:

        "winner"
            Better than every rival, corrected for their number.
        "tied with the best"
            Not told apart from the best, which itself is so called when it has such rivals.
        "worse"
            Than the best.
        "too little data"
            Not even total agreement of these articles could have told it from the best; also a single variant, one with
            fewer than half of the articles of the others, and one that no vote joins to the others.

        ``attrs`` hold `sentence` (the decision in plain words), `metric`, `lower_is_better`, `by`, `confidence`,
        `baseline`, and with votes `notes`: circles (A beats B beats C beats A) and groups that no vote joins.

    Raises
    ------
    FrameError
        When a column is missing, the metric is no number or neither more nor less of it is better, a prompt's name
        stands for two texts, or a vote names a trial that is not in the frame.

    Examples
    --------
    >>> board = rk.leaderboard(frame, by="prompt", metric="novelty", baseline="bare")
    >>> board.attrs["metric"]
    'score_novelty'
    """
    by = (by,) if isinstance(by, str) else tuple(by)
    if not by or not 0.5 < confidence < 1:
        raise FrameError(f"by={by!r}, confidence={confidence!r}: name a column, and a confidence between 0.5 and 1")
    variants = Variants.of(frame, by)
    base = None if baseline is None else variants.find(baseline)
    if votes is None:
        column = metric_column(frame, metric)
        sign = direction(column, lower_is_better)
        found = _by_metric(variants, frame[column], sign, confidence)
    elif metric is not None or lower_is_better is not None:
        raise FrameError(
            "votes decide by win rate, of which more is better: leave out votes=, or what is said of metric"
        )
    else:
        column, sign, found = "win_rate", 1, _by_votes(variants, frame, votes, confidence)
    board = _board(variants, frame, found, base, confidence)
    named = None if base is None else variants.named(base)
    board.attrs = {"metric": column, "lower_is_better": sign < 0, "by": list(by), "confidence": confidence}
    board.attrs |= {"baseline": named} | ({"notes": found.notes} if votes is not None else {})
    board.attrs["sentence"] = " ".join(
        [_sentence(board, found, confidence), *none_passed(frame), *_asides(board), *found.notes]
    )
    return board


@dataclass(frozen=True)
class _Found:
    """What the data say of each variant, in the frame's order."""

    estimate: Floats
    low: Floats
    high: Floats
    n: NDArray[np.int64]  # articles
    order: list[int]  # best first; empty when nothing is known
    against: Callable[[int], _Differences]  # a variant
    n_votes: NDArray[np.int64] | None = None
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Differences:
    """Each variant's difference to one of them; `each` is an article's, as its sign may be flipped, NaN if unpaired."""

    middle: Floats
    low: Floats
    high: Floats
    each: Floats


# ------------------------------------------------------------------------------------------------- what was measured


def _by_metric(variants: Variants, values: pd.Series[Any], sign: int, confidence: float) -> _Found:
    means = variants.means(values)
    is_share = pd.api.types.is_bool_dtype(values.dtype)
    own = evidence.share_interval if is_share else evidence.interval
    between = evidence.share_difference_interval if is_share else evidence.interval

    @cache
    def against(variant: int) -> _Differences:
        each = sign * (means - means[:, [variant]])
        low, high = between(each, confidence)
        low[variant] = high[variant] = 0.0
        return _Differences(evidence.means(each), low, high, each)

    n, estimate = (~np.isnan(means)).sum(axis=0), evidence.means(means)
    return _Found(estimate, *own(means, confidence), n, _ranked(sign * estimate, n), against)


def _by_votes(variants: Variants, frame: pd.DataFrame, votes: pd.DataFrame, confidence: float) -> _Found:
    """Fit the votes of the largest group of variants that votes join; the others stay unknown."""
    found = located(variants, frame, votes)
    wins, k = wins_of(found, variants), len(variants)
    cast = wins + wins.transpose(0, 2, 1)
    n = (cast.sum(axis=2) > 0).sum(axis=0)
    n_votes = sum(np.bincount(found[side], minlength=k) for side in ("one", "other"))
    groups = strengths.groups(cast.sum(axis=0))
    group = groups[0]
    inner = wins[:, group][:, :, group]
    estimate, draws = np.full(k, np.nan), np.full((evidence.DRAWS, k), np.nan)
    if len(found):
        estimate[group] = strengths.win_rates(strengths.bradley_terry(inner.sum(axis=0)[None]))[0]
        draws[:, group] = strengths.bootstrap_win_rates(inner)

    @cache
    def against(variant: int) -> _Differences:
        each = np.full(wins.shape[:2], np.nan)
        if variant in group:
            touched = (cast[:, group].sum(axis=2) > 0) | (cast[:, [variant]].sum(axis=2) > 0)
            flips = strengths.vote_differences(inner, group.index(variant))
            each[:, group] = np.where(touched, flips, np.nan)
        shared = (~np.isnan(each)).sum(axis=0)
        low, high = evidence.percentiles(draws - draws[:, [variant]], shared, confidence)
        return _Differences(estimate - estimate[variant], low, high, each)

    varying = [name for name in variants.table if variants.table[name].nunique(dropna=False) > 1]
    names = [variant_name(row) for row in variants.table[varying].to_dict("records")]
    low, high = evidence.percentiles(draws, n, confidence)
    notes = _notes(wins.sum(axis=0), groups, names) if len(found) else []
    return _Found(estimate, low, high, n, _ranked(estimate, n), against, np.asarray(n_votes, np.int64), notes)


def _notes(wins: Floats, groups: list[list[int]], names: Sequence[str]) -> list[str]:
    """What a ranking by votes must not hide."""
    notes = []
    if len(groups) > 1:
        apart = "; ".join(" and ".join(names[variant] for variant in group[:3]) for group in groups[1:4])
        more = "" if len(groups) < 5 else f"; and {len(groups) - 4} more groups"
        notes.append(f"No vote joins these to the rest, so they are not ranked: {apart}{more}.")
    circles, triples = strengths.cycles(wins)
    if circles:
        a, b, c = (names[variant] for variant in circles[0])
        notes.append(
            f"The votes go in circles in {len(circles)} of {triples} triples (a quarter is chance): {a} beats {b} "
            f"beats {c} beats {a}."
        )
    return notes


def _ranked(estimate: Floats, n: NDArray[np.int64]) -> list[int]:
    """Variants with an estimate, best first; those with fewer than half of the articles come last."""
    thin = 2 * n < n.max(initial=0)
    return [k for k in np.lexsort((-estimate, thin)).tolist() if not np.isnan(estimate[k])]


# ------------------------------------------------------------------------------------------------------- the board


def _board(variants: Variants, frame: pd.DataFrame, found: _Found, base: int | None, confidence: float) -> pd.DataFrame:
    k = len(variants)
    best = found.against(found.order[0] if found.order else 0)
    p, verdicts, more = _verdicts(found, best, confidence)
    passes = variants.means(frame[metric_column(frame, "passed")]) if "passed" in frame else np.full((1, k), np.nan)
    judged = (~np.isnan(passes)).sum(axis=0).astype(np.float64)
    passed_low, passed_high = evidence.wilson(evidence.means(passes), judged, confidence)
    answered = frame["status"].eq("ok").to_numpy(bool) if "status" in frame else np.ones(len(frame), bool)
    titled = answered & frame["title"].notna().to_numpy(bool) if "title" in frame else answered
    counts: dict[str, Any] = {
        "n_articles": found.n,
        "n_trials": np.bincount(variants.variant, minlength=k),
        "n_failed": np.bincount(variants.variant[~titled], minlength=k),
        "n_unjudged": [None] * k,
    }
    if "passed" in frame:
        unjudged = titled & frame["passed"].isna().to_numpy(bool)
        counts["n_unjudged"] = np.bincount(variants.variant[unjudged], minlength=k)
    counts |= {} if found.n_votes is None else {"n_votes": found.n_votes}
    figures = {
        "estimate": found.estimate,
        "low": found.low,
        "high": found.high,
        "shrunk": _shrunk(found.estimate, best, found.order),
        "difference": best.middle,
        "difference_low": best.low,
        "difference_high": best.high,
        "p": p,
        **({} if base is None else _gains(found, base)),
        "more_articles": more,
        "passed": evidence.means(passes),
        "passed_low": passed_low,
        "passed_high": passed_high,
        "cost_usd": _per_variant(variants, frame, "cost_usd", answered, lambda costs: costs.sum(skipna=False)),
        "latency_s": _per_variant(variants, frame, "latency_s", answered, lambda seconds: seconds.median()),
    }
    board = variants.table.copy()
    clash = sorted({*counts, *figures, "verdict"} & set(board.columns))
    if clash:
        raise FrameError(f"by= names {clash[0]!r}, which is a column of the board: rename it first")
    for name, numbers in counts.items():
        board[name] = pd.array(numbers, dtype="Int64")
    for name, values in figures.items():
        board[name] = pd.arrays.FloatingArray(np.nan_to_num(values), np.isnan(values))
    board["more_articles"] = board["more_articles"].astype("Int64")
    board["verdict"] = pd.array(verdicts, dtype="string")
    rest = [variant for variant in range(k) if variant not in set(found.order)]
    return board.iloc[found.order + rest].reset_index(drop=True)


def _per_variant(
    variants: Variants, frame: pd.DataFrame, name: str, rows: NDArray[np.bool_], figure: Callable[[Any], Any]
) -> Floats:
    """One figure of the answered trials of each variant; NaN when it is unknown."""
    result = np.full(len(variants), np.nan)
    if name in frame:
        for variant, values in frame.loc[rows, name].astype("Float64").groupby(variants.variant[rows]):
            found = figure(values)
            result[int(str(variant))] = np.nan if found is pd.NA else float(found)
    return result


def _shrunk(estimate: Floats, best: _Differences, order: Sequence[int]) -> Floats:
    """Estimates drawn to their mean as far as their spread is noise (Efron and Morris 1975); from four variants up."""
    shrunk = estimate.copy()
    if len(order) < 4:
        return shrunk
    known, each = estimate[order], best.each[:, order[1:]]
    # a paired difference has twice the variance of one variant's own part; the article's part is common to all
    own = evidence.variances(each) / 2 / np.maximum((~np.isnan(each)).sum(axis=0), 1)
    noise = float(own[~np.isnan(own)].mean()) if not np.isnan(own).all() else math.nan
    spread = float(((known - known.mean()) ** 2).sum())
    keep = max(0.0, 1 - (len(order) - 3) * noise / spread) if spread > 0 and not math.isnan(noise) else 1.0
    shrunk[order] = known.mean() + keep * (known - known.mean())
    return shrunk


def _gains(found: _Found, base: int) -> dict[str, Floats]:
    gains = found.against(base)
    p = np.full(len(gains.middle), np.nan)
    rivals = [variant for variant in found.order if variant != base]
    p[rivals] = evidence.holm(evidence.paired_test(gains.each[:, rivals])) if base in found.order else np.nan
    return {"gain": gains.middle, "gain_low": gains.low, "gain_high": gains.high, "gain_p": p}


def _verdicts(found: _Found, best: _Differences, confidence: float) -> tuple[Floats, list[str], Floats]:
    """Each variant's p against the best, corrected, its verdict, and the articles it lacks; in the frame's order."""
    k = len(found.estimate)
    p, more, verdicts = np.full(k, np.nan), np.full(k, np.nan), [_TOO_LITTLE] * k
    rivals = found.order[1:]
    if not rivals:
        return p, verdicts, more
    shared = (~np.isnan(best.each)).sum(axis=0)
    p[rivals] = evidence.holm(evidence.paired_test(best.each[:, rivals]))
    fewest = evidence.fewest_articles(len(rivals), confidence)
    for rival in rivals:
        if p[rival] <= 1 - confidence + 1e-12 and best.middle[rival] < 0:
            verdicts[rival] = _WORSE
        elif shared[rival] >= fewest and 2 * found.n[rival] >= found.n.max():
            verdicts[rival] = _TIED
            lacking = _lacking(best.each[:, rival], confidence, len(rivals))
            more[rival] = lacking if lacking <= 10_000 else np.nan
        else:
            more[rival] = max(fewest - shared[rival], 1)
    told = {verdicts[rival] for rival in rivals}
    verdicts[found.order[0]] = _WINNER if told == {_WORSE} else _TOO_LITTLE if told == {_TOO_LITTLE} else _TIED
    return p, verdicts, more


def _lacking(differences: Floats, confidence: float, rivals: int) -> float:
    """About how many more articles would tell a difference of this size apart, to two digits."""
    known = differences[~np.isnan(differences)]
    if known.mean() >= 0:
        return math.inf
    corrected = 1 - (1 - confidence) / rivals
    needed = evidence.articles_needed(float(known.mean()), float(known.std(ddof=1)), corrected)
    return float(f"{max(needed - len(known), 1):.2g}")


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
    pair = found.against(found.order[0]).each[:, found.order[1]]
    n, rivals = int((~np.isnan(pair)).sum()), len(known) - 1
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
    ahead = figures(-row["difference"], -row["difference_high"], -row["difference_low"])
    if verdict == _WINNER:
        among = f", corrected for {rivals} rivals (the interval is not)" if rivals > 1 else ""
        return f"{leader} wins: it leads {second} by {ahead} over {_articles(n)}{among}.{silent}"
    if row["difference"] >= 0:  # above it when a variant misses articles
        level = "are level" if row["difference"] == 0 else "do not keep their order"
        return f"No clear winner: {leader} and {second} {level} over the {_articles(n)} they share.{silent}"
    tied = known["more_articles"].iloc[1:][known["verdict"].iloc[1:] == _TIED]
    ask = "no practical number of articles would tell them apart"
    if tied.notna().all():
        ask = f"about {tied.max():,} more would be needed"
    return f"No clear winner: {leader} leads {second} by {ahead} over {_articles(n)}; {ask}.{silent}"


def _asides(board: pd.DataFrame) -> list[str]:
    """What must be known beside the decision."""
    said = [f"Of {board.attrs['metric']} less is better."] if board.attrs["lower_is_better"] else []
    unjudged = int(board["n_unjudged"].sum())
    if unjudged:
        are = "title has" if unjudged == 1 else "titles have"
        said.append(f"{unjudged:,} {are} unknown gates, because a scorer failed: neither passed nor failed.")
    return said


def none_passed(frame: pd.DataFrame) -> list[str]:
    """That no title of the frame passed, and the gates that all of them failed; nothing where one passed."""
    judged = frame[frame["passed"].notna()] if "passed" in frame else frame.head(0)
    if judged.empty or judged["passed"].any():
        return []
    failed = {
        str(name).removeprefix("gate_"): judged[name].eq(False) for name in judged if str(name).startswith("gate_")
    }
    every = [name for name, no in failed.items() if no.all()]
    most = max(failed, key=lambda name: int(failed[name].sum()), default=None)
    if every:
        return [f"No title of any variant passed: all failed {', '.join(every)}."]
    if most is None:
        return ["No title of any variant passed."]
    share = f"{int(failed[most].sum()):,} of {len(judged):,}"
    return [f"No title of any variant passed; no gate failed in all, {most} in most ({share})."]


def _articles(n: int) -> str:
    return f"{n:,} article{'' if n == 1 else 's'}"


def figures(estimate: float, low: float, high: float) -> str:
    """A figure with its interval, with as many decimals as it needs."""
    digits = 2 if estimate == 0 else min(max(2, math.ceil(-math.log10(abs(estimate)))), 4)
    shown = [f"{value:.{digits}f}".replace("-", "−") for value in (estimate, low, high)]
    return f"{shown[0]} ({shown[1]} to {shown[2]})"
