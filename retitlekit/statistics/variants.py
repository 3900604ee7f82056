"""The variants of a sweep: which one, and which article, each row of a frame or each vote belongs to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retitlekit.errors import FrameError
from retitlekit.frame import COLUMNS, check, typed
from retitlekit.statistics.evidence import Floats

BY = ("prompt", "model", "temperature")
# Of whatever is in neither, more is better.
LOWER_IS_BETTER = (
    *("cost_usd", "latency_s", "attempts", "input_tokens", "output_tokens", "score_cost", "score_latency"),
    *("score_hype", "score_numbers_invented", "score_names_invented"),
)
NEITHER_IS_BETTER = (
    *("score_width_em", "score_characters", "score_words", "score_sentiment_drift", "score_distinct", "score_spread"),
    *("score_numbers_kept", "score_numbers_dropped", "score_names_kept", "score_names_dropped"),
    *("repeat", "cached", "temperature", "effective_temperature"),
)


def variant_name(variant: Mapping[Any, Any]) -> str:
    """A variant in words, from column to value: ``contract-body · openai/gpt-4o-mini · T 0.7``."""
    return " · ".join("T " * (column == "temperature") + _word(value) for column, value in variant.items())


def _word(value: Any) -> str:
    return "default" if pd.isna(value) else f"{value:g}" if isinstance(value, float) else str(value)


def metric_column(frame: pd.DataFrame, metric: str | None) -> str:
    """The column of a metric, with or without its ``score_`` or ``gate_``; `passed` for None."""
    name = _named(frame, metric)
    if not pd.api.types.is_numeric_dtype(frame[name]):
        raise FrameError(f"{name} holds no numbers ({frame[name].dtype})")
    return name


def _named(frame: pd.DataFrame, metric: str | None) -> str:
    name = next((n for n in (metric, f"score_{metric}", f"gate_{metric}") if n in frame), None) if metric else "passed"
    if name is None:
        known = [column for column in frame if str(column).startswith(("score_", "gate_"))]
        raise FrameError(f"the frame has no {metric!r}; it has {', '.join(map(str, known)) or 'no scores: score() it'}")
    check(frame, needs=[name])
    return str(name)


def direction(column: str, lower_is_better: bool | None) -> int:
    """1 where more of a metric is better, -1 where less is; what is said goes before what is known of the column."""
    if lower_is_better is None and column in NEITHER_IS_BETTER:
        raise FrameError(
            f"of {column} neither more nor less is better by itself: say lower_is_better=True or False, or score() "
            "what you want of it, as in: def short(title): return len(title) <= 60"
        )
    return -1 if (column in LOWER_IS_BETTER if lower_is_better is None else lower_is_better) else 1


def check_measure(
    trials: pd.DataFrame,
    measure: Callable[[pd.DataFrame], pd.DataFrame],
    metric: str | None,
    lower_is_better: bool | None,
) -> None:
    """Raise, before anything is paid for, when `measure` does not bring the metric: it is tried on an unsent trial."""
    unsent = typed(trials.head(1).reindex(columns=[column.name for column in COLUMNS]))
    try:
        told = measure(unsent)
    except Exception:  # noqa: BLE001 - a user's function may need answers: then the first of them will tell
        return
    check(told, needs=())
    undeclared = f"score_{metric[5:]}" if metric and metric.startswith("gate_") else metric  # by a scorer without ->
    column = _named(told, metric if metric in told else undeclared)
    if told[column].dtype != object:  # of a list of None nothing is known
        metric_column(told, column)
    direction(column, lower_is_better)


def same(frame: pd.DataFrame, variant: Mapping[Any, Any]) -> NDArray[np.bool_]:
    """Which rows are of a variant, given as values by column; <NA> is a value of its own."""
    rows = np.ones(len(frame), bool)
    for name, value in variant.items():
        column = frame[name]
        alike = column.isna() if pd.isna(value) else column.eq(value).fillna(False)
        rows &= alike.to_numpy(bool)
    return rows


@dataclass(frozen=True)
class Variants:
    """Which article and which variant each row of a frame belongs to; `table` has one row per variant."""

    table: pd.DataFrame
    variant: NDArray[np.int64]
    article: NDArray[np.int64]
    articles: list[str]

    @classmethod
    def of(cls, frame: pd.DataFrame, by: str | Sequence[str]) -> Variants:
        """Find them; `by` names the columns that make a variant."""
        by = [by] if isinstance(by, str) else list(by)
        if not by:
            raise FrameError("by=() names no column: name those that make a variant")
        check(frame, needs=["article", *by])
        _one_text_per_prompt(frame, by)
        groups = frame.groupby(by, dropna=False, observed=True, sort=False)
        variant = np.asarray(groups.ngroup(), np.int64)
        _, first = np.unique(variant, return_index=True)
        article, articles = pd.factorize(frame["article"])
        if (article < 0).any():
            raise FrameError("the frame has rows without an `article`")
        table = frame.iloc[first][by].reset_index(drop=True)
        return cls(table, variant, np.asarray(article, np.int64), [str(name) for name in articles])

    def __len__(self) -> int:
        return len(self.table)

    def means(self, values: pd.Series[Any]) -> Floats:
        """Means of a column, repeats averaged: shape (articles, variants); NaN where there is none."""
        numbers = values.astype("Float64").to_numpy(np.float64, na_value=np.nan)
        known = ~np.isnan(numbers)
        shape = len(self.articles), len(self)
        cell = self.article[known] * shape[1] + self.variant[known]
        size = shape[0] * shape[1]
        with np.errstate(invalid="ignore"):
            means = np.bincount(cell, numbers[known], size) / np.bincount(cell, minlength=size)
        return means.reshape(shape)

    def named(self, variant: int) -> dict[str, Any]:
        """The values of one variant by column; None for <NA>."""
        values = self.table.iloc[[variant]].to_dict("records")[0]
        return {str(name): None if pd.isna(value) else value for name, value in values.items()}

    def find(self, which: object) -> int:
        """The place of one variant: values by column, or one value that a single variant has."""
        if isinstance(which, Mapping):
            check(self.table, needs=map(str, which))
            rows = same(self.table, {str(name): value for name, value in which.items()})
        else:
            rows = np.zeros(len(self), bool)
            for name in self.table:
                rows |= same(self.table, {str(name): which})
        found = np.flatnonzero(rows)
        if len(found) != 1:
            told = f"{len(found)} variants" if len(found) else "no variant"
            raise FrameError(
                f"{which!r} names {told} of {', '.join(map(str, self.table))}; give their values, as in "
                f"{self.named(0)!r}"
            )
        return int(found[0])


def _one_text_per_prompt(frame: pd.DataFrame, by: Sequence[str]) -> None:
    if "prompt" not in by or "prompt_sha" not in frame or "prompt_sha" in by:
        return
    texts = frame.groupby("prompt", observed=True)["prompt_sha"].nunique()
    edited = [str(name) for name in texts.index[texts > 1]]
    if edited:
        raise FrameError(
            f"prompt {edited[0]!r} stands for two texts in this frame: add 'prompt_sha' to by=, or drop one"
        )
