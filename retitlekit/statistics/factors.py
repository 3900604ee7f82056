"""What each prompt, model and temperature does by itself, and how many articles a question needs."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from retitlekit.errors import FrameError
from retitlekit.frame import check
from retitlekit.statistics import evidence
from retitlekit.statistics.evidence import Floats
from retitlekit.statistics.variants import BY, Variants, direction, metric_column


def effects(
    frame: pd.DataFrame,
    *,
    factors: Sequence[str] = BY,
    metric: str | None = None,
    lower_is_better: bool | None = None,
    confidence: float = 0.95,
) -> pd.DataFrame:
    """Main effects of the crossed design: how far each level of a factor lies above the mean of all its levels.

    Each level is compared with the others within blocks, that is under the same article and the same values of all
    other factors, so that nothing else differs; a block that lacks a level is left out. All blocks of a sweep speak for
    each level, which tells far smaller differences apart than single cells do. Interactions average out here: look at
    `leaderboard` when the best cell matters.

    Parameters
    ----------
    frame : pandas.DataFrame
        A scored frame, one row per trial.
    factors : sequence of str
        Columns that were crossed. Those with a single level are left out.
    metric, lower_is_better : optional
        As for `leaderboard`.
    confidence : float

    Returns
    -------
    pandas.DataFrame
        One row per level, best first within its factor: `factor`, `level`, `effect` with `low`, `high` (<NA> when no
        block is complete), `p` (paired as in `leaderboard`, corrected by Holm for the levels of its factor),
        `n_articles`, `n_blocks`.

    Raises
    ------
    FrameError
        When a column is missing, or the metric is no number or neither more nor less of it is better.

    Examples
    --------
    >>> rk.effects(frame, metric="novelty").factor.unique().tolist()
    ['prompt']
    """
    factors = [factors] if isinstance(factors, str) else list(factors)
    check(frame, needs=["article", *factors])
    column = metric_column(frame, metric)
    sign = direction(column, lower_is_better)
    varying = [name for name in factors if frame[name].nunique(dropna=False) > 1]
    parts = [_effects_of(frame, name, varying, column, sign, confidence) for name in varying]
    empty = pd.DataFrame(columns=["factor", "level", "effect", "low", "high", "p", "n_articles", "n_blocks"])
    table = pd.concat(parts, ignore_index=True) if parts else empty
    dtypes = dict.fromkeys(("effect", "low", "high", "p"), "Float64") | dict.fromkeys(
        ("n_articles", "n_blocks"), "Int64"
    )
    table = table.astype(dtypes | {"factor": "string"})
    table.attrs = {"metric": column, "lower_is_better": sign < 0, "confidence": confidence}
    return table


def _effects_of(
    frame: pd.DataFrame, name: str, varying: list[str], column: str, sign: int, confidence: float
) -> pd.DataFrame:
    others = [other for other in varying if other != name]
    blocks = frame.groupby(["article", *others], dropna=False, observed=True, sort=False).ngroup()
    levels = Variants.of(frame.assign(article=blocks), [name, *(["prompt_sha"] if _is_edited(frame, name) else [])])
    means = levels.means(frame[column])
    whole = ~np.isnan(means).any(axis=1)
    first = np.unique(levels.article, return_index=True)[1]
    article = pd.factorize(frame["article"])[0][first][whole]
    within = means[whole] - means[whole].mean(axis=1, keepdims=True)
    n = article.max(initial=-1) + 1
    sums, counts = np.zeros((n, len(levels))), np.bincount(article, minlength=n)
    np.add.at(sums, article, within)
    each = sums[counts > 0] / counts[counts > 0, None] if n else np.full((1, len(levels)), np.nan)
    effect = evidence.means(each)
    low, high = evidence.interval(each, confidence)
    p = evidence.holm(evidence.paired_test(each)) if whole.any() else np.full(len(levels), np.nan)
    table = pd.DataFrame(
        {
            "factor": name,
            "level": levels.table[name].astype(object),
            "effect": effect,
            "low": low,
            "high": high,
            "p": p,
            "n_articles": int((counts > 0).sum()),
            "n_blocks": int(whole.sum()),
        }
    )
    return table.sort_values("effect", ascending=sign < 0, kind="stable")


def _is_edited(frame: pd.DataFrame, name: str) -> bool:
    return (
        name == "prompt"
        and "prompt_sha" in frame
        and bool(frame.groupby(name, observed=True)["prompt_sha"].nunique().gt(1).any())
    )


def needed(
    difference: float | None = None,
    *,
    win_rate: float | None = None,
    deviation: float | None = None,
    frame: pd.DataFrame | None = None,
    by: str | Sequence[str] = BY,
    metric: str | None = None,
    rivals: int = 1,
    confidence: float = 0.95,
    power: float = 0.8,
) -> int:
    """How many articles would probably show a difference of this size: ask before you pay for a sweep.

    By the normal approximation for paired differences (a few articles more are needed below some 20), or for votes
    against one half; several rivals by Bonferroni.

    Parameters
    ----------
    difference : float
        In the units of the metric. Or `win_rate`, between 0 and 1: the share of votes against one rival, ties half.
    deviation : float, optional
        Standard deviation over articles of the paired difference; else taken from `frame`: the median of all pairs of
        its variants.
    frame, by, metric : optional
        A scored frame of the same kind, and how to read it, as for `leaderboard`.
    rivals : int
        Variants that the best must be told from.
    confidence, power : float
        1 less the chance to find what is not there; the chance to find what is.

    Returns
    -------
    int

    Raises
    ------
    FrameError
        When there is nothing to tell apart, or nothing that says how much articles differ.

    Examples
    --------
    >>> rk.needed(win_rate=0.6)
    194
    >>> rk.needed(0.1, deviation=0.2)
    32
    >>> rk.needed(0.05, frame=frame, by="prompt", metric="novelty") > 1
    True
    """
    if not 0 < power < 1 or not 0.5 < confidence < 1 or rivals < 1:
        raise FrameError(f"confidence={confidence!r}, power={power!r}, rivals={rivals!r}: give shares, and 1 or more")
    corrected = 1 - (1 - confidence) / rivals
    if (win_rate is None) == (difference is None):
        raise FrameError("give difference= or win_rate=, one of them")
    if win_rate is not None:
        if not 0 < win_rate < 1 or win_rate == 0.5:
            raise FrameError(f"win_rate={win_rate!r}: give a share between 0 and 1 other than one half")
        reach = evidence.normal((1 + corrected) / 2) * 0.5 + evidence.normal(power) * math.sqrt(
            win_rate * (1 - win_rate)
        )
        return math.ceil((reach / (win_rate - 0.5)) ** 2 - 1e-9)
    if deviation is None:
        if frame is None:
            raise FrameError("give deviation=, or frame= of a sweep of the same kind, from which it can be taken")
        deviation = _deviation(Variants.of(frame, by).means(frame[metric_column(frame, metric)]))
    if not difference or not math.isfinite(deviation) or deviation <= 0:
        raise FrameError(f"difference {difference!r} with deviation {deviation!r}: neither may be 0 or unknown")
    return int(evidence.articles_needed(difference, deviation, corrected, power))


def _deviation(means: Floats) -> float:
    found: list[float] = []
    for variant in range(means.shape[1] - 1):
        each = means[:, variant + 1 :] - means[:, [variant]]
        found += np.sqrt(evidence.variances(each)).tolist()
    known = [value for value in found if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan
