"""A sheet: a frame laid out in rows and variants, to be filtered, sorted and read a page at a time.

Everything that shows titles side by side reads from here: the static table, the grid in the notebook, the report. It
numbers rows and variants once, by codes, and builds the cells of a page only when that page is asked for, so that a
sheet of a hundred thousand rows opens as fast as one of ten.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pandas as pd

from retitlekit.errors import FrameError
from retitlekit.frame import check
from retitlekit.titles import PROBLEMS

if TYPE_CHECKING:
    from numpy.typing import NDArray

Only = Literal["different", "failed", "disagreeing", "errors"]
ONLY = {
    "different": "titles that are not all the same",
    "failed": "a title that failed a gate",
    "disagreeing": "titles that pass and titles that fail",
    "errors": "a trial without a title",
}
"""What rows a sheet can be narrowed to: word and meaning."""

_USUAL = ("prompt", "model", "temperature")
_LONGEST_REASON = 160
_UNSENT = {
    "planned": "planned, not sent yet",
    "cancelled": "cancelled before an answer came",
    "skipped_budget": "not sent: the budget was spent",
}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one or more trials of a row and variant that ended alike.

    Attributes
    ----------
    original : str
        The original title.
    title : str or None
        None without a title; then `problem` names why, or is empty for a trial that was not sent, and `reason` tells.
    problem, reason : str
    failed : tuple of (str, str)
        Gates that the title failed, each with its reason.
    language : str
        The article's, as far as known.
    repairs : tuple of str
        Repairs that the completion needed.
    trials : tuple of int
        Positions of the trials in the frame.
    """

    original: str
    title: str | None
    problem: str = ""
    reason: str = ""
    failed: tuple[tuple[str, str], ...] = ()
    language: str = ""
    repairs: tuple[str, ...] = field(default=(), compare=False)
    trials: tuple[int, ...] = field(default=(), compare=False)

    @property
    def is_same(self) -> bool:
        """Whether the title is the original one, to the letter."""
        return self.title == self.original


@dataclass(frozen=True, eq=False)
class Sheet:
    """A frame in rows and variants.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with `article`, `original_title` and `title`.
    rows : str
        The column whose values are the rows of the sheet.
    columns : tuple of str
        The columns that tell the variants apart; those of `prompt`, `model` and `temperature` that vary when empty.

    Raises
    ------
    FrameError
        When a column is missing, or `rows` is among `columns`.
    """

    frame: pd.DataFrame
    rows: str = "article"
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check(self.frame, needs=dict.fromkeys(["article", "original_title", "title", self.rows, *self.columns]))
        if self.rows in self.columns:
            raise FrameError(f"{self.rows!r} cannot make both the rows and the columns: name another column")
        object.__setattr__(self, "columns", self.columns or _telling(self.frame, self.rows))

    # -- rows and variants

    @cached_property
    def row(self) -> NDArray[np.int64]:
        """For each trial, the number of its row, in the order of first appearance."""
        return self._rows[0]

    @cached_property
    def variant(self) -> NDArray[np.int64]:
        """For each trial, the number of its variant."""
        return self._variants[0]

    @property
    def n_rows(self) -> int:  # noqa: D102
        return len(self._rows[1])

    @cached_property
    def names(self) -> list[list[str]]:
        """The name of each variant, in parts."""
        values = self._variants[1].itertuples(index=False)
        return [[name(column, value) for column, value in zip(self.columns, each, strict=True)] for each in values]

    def labels(self, rows: Sequence[int]) -> list[tuple[str, str]]:
        """What some rows are called, each with a smaller line below it."""
        first = self.frame[list({self.rows, "original_title"})].iloc[self._first[list(rows)]]
        values = plain(first, self.rows)
        if self.rows != "article":
            return [(name(self.rows, value), "") for value in values]
        titles = plain(first, "original_title")
        return [(str(title or ""), str(value)) for title, value in zip(titles, values, strict=True)]

    @cached_property
    def _rows(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return numbered(self.frame, [self.rows])

    @property
    def _first(self) -> NDArray[np.int64]:
        return self._rows[1]

    @cached_property
    def _variants(self) -> tuple[NDArray[np.int64], pd.DataFrame]:
        number, first = numbered(self.frame, self.columns)
        return number, self.frame[list(self.columns)].iloc[first]

    @cached_property
    def _by_row(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Positions of the trials row by row, and where each row begins among them."""
        order = np.argsort(self.row, kind="stable")
        return order, np.concatenate([[0], np.cumsum(np.bincount(self.row, minlength=self.n_rows))])

    # -- cells

    def cells(self, rows: Sequence[int]) -> list[list[list[Outcome]]]:
        """For each of some rows and each variant the outcomes, the most frequent first."""
        order, begins = self._by_row
        trials = [order[begins[number] : begins[number + 1]] for number in rows]
        outcomes = iter(self._outcomes(np.concatenate([np.zeros(0, dtype=np.int64), *trials])))
        cells = []
        for positions in trials:
            found: list[dict[Outcome, list[int]]] = [{} for _ in self.names]
            for at in positions.tolist():
                found[self.variant[at]].setdefault(next(outcomes), []).append(at)
            alike = [[replace(one, trials=tuple(each)) for one, each in cell.items()] for cell in found]
            cells.append([sorted(cell, key=lambda one: -len(one.trials)) for cell in alike])
        return cells

    def _outcomes(self, positions: NDArray[np.int64]) -> Iterator[Outcome]:
        names = ("original_title", "title", "status", "error_type", "error", "language", "repairs")
        marks = [f"{kind}_{gate}" for gate in self.gates for kind in ("gate", "why")]
        part = self.frame[[each for each in (*names, *marks) if each in self.frame]].iloc[positions]
        results = [zip(plain(part, f"gate_{gate}"), plain(part, f"why_{gate}"), strict=True) for gate in self.gates]
        for values, *passed in zip(zip(*(plain(part, each) for each in names), strict=True), *results, strict=True):
            original, title, status, kind, error, language, repairs = (
                None if value is None else str(value) for value in values
            )
            problem = reason = ""
            failed: tuple[tuple[str, str], ...] = ()
            if title is not None:
                failed = tuple(
                    (gate, short(why)) for gate, (ok, why) in zip(self.gates, passed, strict=True) if ok == 0
                )
            elif status in _UNSENT:
                reason = _UNSENT[status]
            else:
                problem = kind or "no title"
                reason = short(error or PROBLEMS.get(problem))
            made = tuple(filter(None, (repairs or "").split(",")))
            yield Outcome(original or "", title, problem, reason, failed, language or "", made)

    def to_frame(self, rows: Sequence[int] | None = None, variants: Sequence[int] | None = None) -> pd.DataFrame:
        """Titles as a wide DataFrame, of all rows and variants or of some, in the order given.

        Returns
        -------
        pandas.DataFrame
            A string column for each variant, named as in the sheet. The index holds `rows`, and as further levels
            what else varies (`repeat`, for one). With ``rows="article"`` the first column is `original_title`.

        Raises
        ------
        FrameError
            When two trials claim the same place.
        """
        if rows is not None:
            order, begins = self._by_row
            chosen = [order[begins[number] : begins[number + 1]] for number in rows]
            trials = np.concatenate([np.zeros(0, dtype=np.int64), *chosen])
        else:
            trials = np.arange(len(self.frame))
        places = range(len(self.names)) if variants is None else variants
        column = np.full(len(self.names), -1)
        column[list(places)] = np.arange(len(places))
        trials = trials[column[self.variant[trials]] >= 0]
        frame = self.frame.iloc[trials]
        heads = [" · ".join(self.names[number]) for number in places]
        others = [each for each in ("article", *_USUAL, "repeat") if each not in (self.rows, *self.columns)]
        levels = [self.rows, *(each for each in others if each in self.frame and varies(self.frame, each))]
        place, first = numbered(frame, levels)
        at = column[self.variant[trials]]
        if (twice := pd.DataFrame({"place": place, "at": at}).duplicated().to_numpy()).any():
            which = int(np.flatnonzero(twice)[0])
            raise FrameError(
                f"two trials of {self.rows} {frame[self.rows].iloc[which]!r} claim the column {heads[at[which]]!r}: "
                f"drop one, or name in columns= what tells them apart"
            )
        titles = np.full((len(first), len(heads)), None, dtype=object)
        titles[place, at] = plain(frame, "title")
        wide = pd.DataFrame(titles, columns=heads, dtype="string")
        index = frame[levels].iloc[first]
        wide.index = pd.MultiIndex.from_frame(index) if len(levels) > 1 else pd.Index(index[self.rows])
        if self.rows == "article":
            originals = np.array(plain(frame.iloc[first], "original_title"), dtype=object)
            wide.insert(0, "original_title", pd.Series(originals, index=wide.index, dtype="string"))
        return wide

    @property
    def constants(self) -> list[str]:
        """The prompt, model and temperature that all trials share."""
        fixed = [each for each in _USUAL if each in self.frame and each not in (self.rows, *self.columns)]
        return [name(each, self.frame[each].iloc[0]) for each in fixed if not varies(self.frame, each)]

    # -- figures

    @cached_property
    def gates(self) -> list[str]:
        """Names of the gates, without their prefix."""
        return [str(each).removeprefix("gate_") for each in self.frame.columns if str(each).startswith("gate_")]

    @cached_property
    def metrics(self) -> list[str]:
        """Columns that rows can be sorted by."""
        usual = ("passed", "cost_usd", "latency_s", "output_tokens")
        scored = [str(each) for each in self.frame.columns if str(each).startswith(("score_", "gate_"))]
        return [each for each in usual if each in self.frame] + scored

    @cached_property
    def totals(self) -> list[str]:
        """Pass rate, latency and cost of each variant, as far as they are known, in words."""
        told: list[list[str]] = [[] for _ in self.names]
        for column in ("passed", "latency_s", "cost_usd"):
            if column in self.frame:
                values = self.figures(column)
                known = ~np.isnan(values)
                variant, values = self.variant[known], values[known]
                n = np.bincount(variant, minlength=len(told))
                if column == "latency_s" and len(values):  # the median
                    ordered, last = values[np.lexsort((values, variant))], np.cumsum(n) - 1
                    figures = (ordered[last - n // 2] + ordered[last - (n - 1) // 2]) / 2
                else:
                    figures = np.bincount(variant, values, minlength=len(told))
                for parts, count, value in zip(told, n.tolist(), figures.tolist(), strict=True):
                    if count:
                        parts.append(_total(column, value, count))
        return [" · ".join(parts) for parts in told]

    def means(self) -> dict[str, list[list[float | None]]]:
        """The mean of each of `metrics`, for each row and variant; None where there is none."""
        found = {}
        for metric in self.metrics:
            values = self.figures(metric)
            known = ~np.isnan(values)
            place = self.row[known] * len(self.names) + self.variant[known]
            size = self.n_rows * len(self.names)
            n = np.bincount(place, minlength=size)
            sums = np.bincount(place, values[known], size)
            mean = np.divide(sums, n, out=np.full(size, np.nan), where=n > 0).reshape(self.n_rows, len(self.names))
            found[metric] = [[None if np.isnan(x) else float(f"{x:.6g}") for x in row] for row in mean]
        return found

    def figures(self, column: str) -> NDArray[np.float64]:
        """A column of numbers or of true and false, NaN where there is none."""
        if column not in self._figures:
            values = self.frame[column].astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
            self._figures[column] = np.asarray(values)
        return self._figures[column]

    @cached_property
    def _figures(self) -> dict[str, NDArray[np.float64]]:
        return {}

    # -- which rows, in which order

    def select(
        self,
        query: str = "",
        only: Sequence[Only] = (),
        *,
        sort: str | None = None,
        descending: bool = False,
        variants: Sequence[int] | None = None,
    ) -> NDArray[np.int64]:
        """The numbers of the rows that are wanted, in the order wanted.

        Parameters
        ----------
        query : str
            Text that the original title, the row's name or a title holds; case does not count.
        only : sequence of str
            Keys of `ONLY`; a row must meet all of them.
        sort : str, optional
            A column of `metrics`: rows by their mean of it, rows without one last. Left out, plan order.
        descending : bool
        variants : sequence of int, optional
            The variants that count; all unless given.

        Raises
        ------
        FrameError
            For a word that is not in `ONLY` or a column that is not in `metrics`.
        """
        counts = np.ones(len(self.frame), dtype=bool)
        if variants is not None:
            counts = np.isin(self.variant, np.asarray(variants, dtype=np.int64))
        kept = np.ones(self.n_rows, dtype=bool)
        for word in only:
            if word not in get_args(Only):
                raise FrameError(f"only={word!r}: rows can be narrowed to {', '.join(ONLY)}")
            kept &= getattr(self, f"_is_{word}")(counts)
        if query.strip():
            kept &= self._holds(query.strip(), counts)
        rows = np.flatnonzero(kept)
        if sort is None:
            return rows[::-1] if descending else rows
        if sort not in self.metrics:
            raise FrameError(f"sort={sort!r}: rows can be sorted by {', '.join(self.metrics) or 'nothing here'}")
        values = self.figures(sort)
        known = counts & ~np.isnan(values)
        sums = np.bincount(self.row[known], values[known], self.n_rows)
        n = np.bincount(self.row[known], minlength=self.n_rows)
        means = np.divide(sums, n, out=np.full(self.n_rows, np.inf), where=n > 0)[rows]
        return rows[np.argsort(np.where(np.isinf(means), np.inf, -means if descending else means), kind="stable")]

    def warm(self) -> None:
        """Prepare for the first search, which would else be slower than the next."""
        _ = self._folded

    @cached_property
    def _folded(self) -> tuple[Any, Any, Any]:
        """In small letters: each title, row by row; all titles of a row in one; the name of each row."""
        import pyarrow
        import pyarrow.compute

        pa: Any = pyarrow
        pc: Any = pyarrow.compute
        order, begins = self._by_row
        titles = _text(self.frame["title"].iloc[order])
        end = pa.scalar("\n", pa.large_string())
        each = pc.binary_join_element_wise(pc.utf8_lower(titles), pa.scalar("", pa.large_string()), end)
        _, offsets, letters = each.buffers()
        starts = np.frombuffer(offsets, dtype=np.int64)[begins]  # the same letters, only cut elsewhere
        together = pa.LargeStringArray.from_buffers(self.n_rows, pa.py_buffer(starts), letters)
        first = self.frame.iloc[self._first]
        names = first[self.rows].astype("string").fillna("") + "\n"
        if self.rows == "article":
            names += first["original_title"].astype("string").fillna("")
        return each, together, pc.utf8_lower(_text(names))

    def _holds(self, query: str, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        import pyarrow.compute

        pc: Any = pyarrow.compute
        each, together, names = self._folded
        pattern = re.escape(pc.utf8_lower(query).as_py())  # a pattern is found faster than a plain text

        def found(texts: Any) -> NDArray[np.bool_]:
            return np.asarray(pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False), dtype=bool)

        if counts.all() and "\n" not in query:
            return found(names) | found(together)
        order, _ = self._by_row
        inside = np.zeros(len(order), dtype=bool)
        inside[order] = found(each)
        return found(names) | self._any(inside & counts)

    def _any(self, trials: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.zeros(self.n_rows, dtype=bool)
        found[self.row[trials]] = True
        return found

    def _is_errors(self, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self._any(counts & self.frame["title"].isna().to_numpy())

    def _is_failed(self, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self._any(counts & (self._passed == 0))

    def _is_disagreeing(self, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        return self._any(counts & (self._passed == 0)) & self._any(counts & (self._passed == 1))

    def _is_different(self, counts: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """More than one title; with one variant alone: a title that is not the original."""
        import pyarrow.compute

        pc: Any = pyarrow.compute
        known = np.flatnonzero(counts & self.frame["title"].notna().to_numpy())
        titles = _text(self.frame["title"].iloc[known])
        if len(np.unique(self.variant[counts])) < 2:
            others = _text(self.frame["original_title"].iloc[known])
        else:
            rows = self.row[known]
            first = np.zeros(self.n_rows, dtype=np.int64)
            first[rows[::-1]] = np.arange(len(rows) - 1, -1, -1)
            others = titles.take(first[rows])
        differs = np.zeros(len(self.frame), dtype=bool)
        differs[known] = pc.not_equal(titles, others).to_numpy(zero_copy_only=False)
        return self._any(differs)

    @cached_property
    def _passed(self) -> NDArray[np.float64]:
        """1 and 0 for trials that pass and fail, NaN for the rest."""
        if "passed" in self.frame:
            return self.figures("passed")
        gates = [self.figures(f"gate_{gate}") for gate in self.gates]
        return np.min(gates, axis=0) if gates else np.full(len(self.frame), np.nan)


def _total(column: str, value: float, count: int) -> str:
    if column == "passed":
        return f"{100 * value / count:.0f} % pass"
    if column == "latency_s":
        return f"{value:.2g} s" if value >= 0.01 else "under 0.01 s"
    return f"${value:.4f}" if value else "$0"


# ---- columns of the frame


def _telling(frame: pd.DataFrame, rows: str) -> tuple[str, ...]:
    """The columns that tell variants apart; one at least."""
    usual = [each for each in _USUAL if each in frame and each != rows]
    if not usual:
        raise FrameError(
            "no `prompt`, `model` or `temperature` in the frame: name in columns= what tells variants apart"
        )
    varying = [each for each in usual if varies(frame, each)]
    extras = [each for each in ("prompt_sha", "params") if each in frame and each != rows and varies(frame, each)]
    plain_count = len(numbered(frame, usual)[1]) if extras else 0
    return (*varying, *(x for x in extras if len(numbered(frame, [*usual, x])[1]) > plain_count)) or (usual[0],)


def varies(frame: pd.DataFrame, column: str) -> bool:
    """Whether a column has more than one value; none is a value too."""
    values = frame[column]
    if isinstance(values.dtype, pd.CategoricalDtype):
        codes = values.cat.codes.to_numpy()
        return bool((codes[1:] != codes[:-1]).any())
    gone = values.isna().to_numpy()
    if gone.any():
        return not gone.all()
    return bool(len(values) and (values != values.iloc[0]).to_numpy(bool).any())


def numbered(frame: pd.DataFrame, columns: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Number the combinations of some columns in the order they appear; also the position of each one's first trial."""
    together, size = np.zeros(len(frame), dtype=np.int64), 1
    for column in columns:
        codes, count = _codes(frame[column])
        if size > len(frame):  # so that the next product stays within an integer
            together, first = _in_order(together, size)
            size = len(first)
        together, size = together * (count + 1) + codes + 1, size * (count + 1)
    number, first = _in_order(together, size)
    return number, first if columns else first[:1]


def _in_order(codes: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Codes below `size` numbered in the order they appear, and where each first does.

    Without a hash table where the codes lie close: then a sheet of 600,000 trials is numbered in milliseconds.
    """
    if size > 4 * len(codes) + 1_000:
        number, values = pd.factorize(codes)
        codes, size = number.astype(np.int64), len(values)
    place = np.full(size, -1, dtype=np.int64)
    place[codes[::-1]] = np.arange(len(codes) - 1, -1, -1)
    known = np.flatnonzero(place >= 0)
    first = place[known]
    order = np.argsort(first, kind="stable")
    number = np.empty(size, dtype=np.int64)
    number[known[order]] = np.arange(len(known))
    return number[codes], first[order]


def _codes(column: pd.Series[Any]) -> tuple[NDArray[np.int64], int]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.cat.codes.to_numpy().astype(np.int64), len(column.cat.categories)
    codes, values = pd.factorize(column)
    return codes.astype(np.int64), len(values)


def _text(column: pd.Series[Any]) -> Any:
    """A column of text for Arrow, in one piece; none is empty."""
    import pyarrow

    pa: Any = pyarrow
    found = pa.array(column.astype("string").fillna(""), pa.large_string())
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def plain(frame: pd.DataFrame, column: str) -> list[Any]:
    """Plain values of a column, None where there is none."""
    if column not in frame:
        return [None] * len(frame)
    values = frame[column].to_numpy(object, copy=True)
    values[frame[column].isna().to_numpy()] = None
    return list(values)


def name(column: str, value: Any) -> str:
    """A value as people read it."""
    if column == "temperature":
        return "T default" if pd.isna(value) else f"T {value:g}" if isinstance(value, int | float) else f"T {value}"
    return "(none)" if pd.isna(value) else str(value)


def short(reason: object) -> str:
    """A reason in one line, cut where it gets long."""
    text = " ".join(str(reason or "").split())
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"
