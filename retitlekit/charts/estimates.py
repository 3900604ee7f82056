"""Estimates: what a chart draws, from the frame: a mean over articles for each group, with its limits.

A group's names are text, so that "default" stands beside temperatures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from retitlekit.errors import FrameError
from retitlekit.frame import check

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_DRAWS = 2000


def means(frame: pd.DataFrame, metric: str, keys: Sequence[str]) -> pd.DataFrame:
    """One row a group of `keys`: estimate, low, high of the metric."""
    check(frame, needs=["article", metric, *keys])
    names = {key: named(frame[key]) for key in keys}
    values = pd.DataFrame({**names, "cluster": frame["article"].to_numpy(object), "value": numbers(frame, metric)})
    return resampled(values.dropna(subset=["value"]), keys, share=is_share(frame, metric))


def resampled(values: pd.DataFrame, keys: Sequence[str], *, share: bool = False) -> pd.DataFrame:
    """Mean over articles of the means within them, with percentile limits from resampled articles."""
    wide = values.groupby([*keys, "cluster"])["value"].mean().unstack("cluster")
    table = wide.to_numpy(float)
    here = ~np.isnan(table)
    articles, counts = table.shape[1], here.sum(axis=1)
    mean = np.nansum(table, axis=1) / counts
    draws = int(np.clip(4_000_000 // articles, 200, _DRAWS))
    weights = np.random.default_rng(0).multinomial(articles, np.full(articles, 1 / articles), size=draws).astype(float)
    drawn = weights @ here.T
    sums = weights @ np.nan_to_num(table).T
    resampled = np.divide(sums, drawn, out=np.full_like(sums, np.nan), where=drawn > 0)
    low, high = np.nanpercentile(resampled, [2.5, 97.5], axis=0)
    if share:
        slack = 3.8415 / (counts + 3.8415)  # Wilson's interval when none, or all, of `counts` articles pass
        low, high = np.where(mean == 1, 1 - slack, low), np.where(mean == 0, slack, high)
    lone = counts < 2
    limits = {"low": np.where(lone, np.nan, low), "high": np.where(lone, np.nan, high)}
    return wide.index.to_frame(index=False).assign(estimate=mean, **limits)


def diversity(frame: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Diversity of the repeats of each article, prompt, model and temperature that has two titles or more."""
    keys = ["article", "prompt", "model", "temperature", *(key for key in ("params",) if key in frame.columns)]
    told = frame.loc[frame["title"].notna(), [*keys, "title"]].astype({"title": object})
    groups = told.groupby(keys, observed=True, dropna=False)["title"].agg(list)
    groups = groups[groups.map(len) > 1]
    found = groups.map(_distinct if measure == "distinct" else _distance).astype(float).rename("value").reset_index()
    return found.assign(cluster=found["article"], model=named(found["model"]), temperature=named(found["temperature"]))


def _distinct(titles: Sequence[str]) -> float:
    return len(set(titles)) / len(titles)


def _distance(titles: Sequence[str]) -> float:
    from rapidfuzz.distance import Levenshtein

    return float(np.mean([Levenshtein.normalized_distance(a, b) for a, b in combinations(titles, 2)]))


def measured(titles: pd.Series[Any], measure: Callable[[str], float | None]) -> Floats:
    """The size of each title; NaN where there is none, or where the measure does not apply."""
    codes, distinct = pd.factorize(titles)
    sizes = [measure(str(title)) for title in distinct]
    return np.array([np.nan if size is None else size for size in [*sizes, None]], dtype=float)[codes]


def numbers(frame: pd.DataFrame, metric: str) -> Floats:
    """A column as floats, NaN where it says nothing; a `FrameError` when it is no metric, or says nothing at all."""
    column = frame[metric].convert_dtypes() if frame[metric].dtype == object else frame[metric]
    numeric = pd.api.types.is_numeric_dtype(column)  # booleans are numeric to pandas
    if not numeric and column.notna().any():
        raise FrameError(f"`{metric}` is no metric: it holds {column.dtype}, not numbers or true and false")
    values = column.astype("Float64").to_numpy(float, na_value=np.nan) if numeric else np.full(len(frame), np.nan)
    values = np.where(np.isfinite(values), values, np.nan)
    if np.isnan(values).all():
        raise FrameError(f"`{metric}` holds no value in any of {len(frame):,} trials: run() the frame, then score() it")
    return values


def named(column: pd.Series[Any]) -> NDArray[np.object_]:
    """Each value as the name it is drawn with; a missing temperature is the provider's default."""
    codes, values = pd.factorize(column, use_na_sentinel=False)
    missing = "default" if is_number(column) else "(none)"
    names = [missing if pd.isna(value) else f"{value:g}" if is_number(column) else str(value) for value in values]
    return np.array(names, dtype=object)[codes]


def as_temperatures(column: pd.Series[Any]) -> pd.Series[Any]:
    """Numbers, whatever dtype a file gave them."""
    try:
        return pd.to_numeric(column.astype(object)).astype("Float64")
    except (TypeError, ValueError) as problem:
        raise FrameError(f"`temperature` holds something that is no number: {problem}") from problem


def is_number(column: pd.Series[Any]) -> bool:
    """Whether a column holds numbers; true and false are none."""
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def is_share(frame: pd.DataFrame, metric: str) -> bool:
    """Whether a metric of a frame counts passes."""
    return pd.api.types.is_bool_dtype(frame[metric].convert_dtypes().dtype)


def counts_passes(metric: str) -> bool:
    """Whether a metric counts passes or wins, by its name: of a leaderboard nothing else is known."""
    return metric in ("passed", "win_rate") or metric.startswith("gate_")


def ranked(table: pd.DataFrame, frame: pd.DataFrame, key: str) -> list[str]:
    """Names of a key, the highest mean first; numbers in their own order, the default before them."""
    if is_number(frame[key]):
        return sorted(set(table[key]), key=as_number)
    overall = table.groupby(key)["estimate"].mean()
    return sorted(overall.index, key=lambda name: (-overall[name], name))


def as_number(name: str) -> float:
    """What a name is sorted by: the default before all numbers."""
    return -np.inf if name == "default" else float(name)
