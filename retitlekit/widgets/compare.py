"""Titles side by side: a row for each article, a column for each variant, the changed words marked."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from retitlekit.errors import FrameError
from retitlekit.frame import check
from retitlekit.html import card, escape, visible
from retitlekit.titles import PROBLEMS, word_diff

if TYPE_CHECKING:
    from numpy.typing import NDArray

_USUAL = ("prompt", "model", "temperature")
_MOST_VARIANTS, _MOST_CELLS = 30, 1500  # of a table: more would make a notebook slow
_TERMINAL_VARIANTS, _TERMINAL_CELLS = 12, 40
_LONGEST_REASON = 160
_UNSENT = {
    "planned": "planned, not sent yet",
    "cancelled": "cancelled before an answer came",
    "skipped_budget": "not sent: the budget was spent",
}
_WORD = re.compile(r"\s*(?:[\u2e80-\u9fff\uff00-\uff9f]|[^\s\u2e80-\u9fff\uff00-\uff9f/_-]+[/_-]*|[/_-]+)")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*")

_STYLE = """
.rk-compare { max-height: 75vh; overflow: auto; border: 1px solid var(--rk-rule); width: fit-content; max-width: 100%; }
.rk-compare:focus-visible { outline: 2px solid var(--jp-brand-color1, #1976d2); outline-offset: -2px; }
.retitlekit.retitlekit.retitlekit .rk-compare thead th { position: sticky; top: 0; z-index: 2; }
.retitlekit.retitlekit.retitlekit .rk-compare tr > :first-child { position: sticky; left: 0; z-index: 1;
  background: var(--rk-shade); min-width: 12em; max-width: 20em; border-right-width: 1px; font-weight: 600; }
.retitlekit.retitlekit.retitlekit .rk-compare thead tr > :first-child { z-index: 3; }
.retitlekit.retitlekit.retitlekit .rk-compare :is(td, th + th) { min-width: 15em; max-width: 24em; }
.rk-compare th + th div { font-weight: normal; }
.retitlekit.retitlekit.retitlekit .rk-compare tbody tr:last-child > * { border-bottom-width: 0; }
.retitlekit.retitlekit .rk-compare ul { list-style: none; margin: 0; padding: 0; }
.retitlekit.retitlekit .rk-compare li { margin: 0; }
.retitlekit.retitlekit .rk-compare li + li { margin-top: 8px; padding-top: 8px; border-top: 1px dotted var(--rk-rule); }
.rk-compare ins { text-decoration: underline 2px #0072b2; text-underline-offset: 2px; text-decoration-skip-ink: none;
  color: inherit; background: color-mix(in srgb, #0072b2 16%, transparent); }
.rk-compare del { text-decoration: line-through 1px; color: inherit;
  background: color-mix(in srgb, #e69f00 20%, transparent); }
.rk-compare .rk-dim { color: var(--rk-dim); }
.rk-compare .rk-count { color: var(--rk-dim); font-weight: 600; white-space: nowrap; }
.rk-compare .rk-bad { color: var(--rk-bad); }
"""


def compare(
    frame: pd.DataFrame, *, rows: str = "article", columns: str | Sequence[str] | None = None, limit: int = 50
) -> Comparison:
    """Lay titles side by side, marked word by word against the original titles.

    Repeats that came out alike are shown once, with their count. A trial without a title shows why, and a title that
    failed a gate shows which. Nothing is sent.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with `article`, `original_title` and `title`; planned and partly run frames are welcome.
    rows : str
        The column whose values are the rows.
    columns : str or sequence of str, optional
        The columns that tell the variants apart. Left out, those of `prompt`, `model` and `temperature` that vary,
        and `prompt_sha` or `params` where these alone tell two variants apart.
    limit : int
        The most rows that are shown; a line says how many more there are.

    Returns
    -------
    Comparison

    Raises
    ------
    FrameError
        When a column is missing, `rows` is among `columns`, or `limit` is below 1.

    Examples
    --------
    >>> rk.compare(frame, limit=3).rows
    'article'
    """
    named = [columns] if isinstance(columns, str) else list(columns or ())
    check(frame, needs=dict.fromkeys(["article", "original_title", "title", rows, *named]))
    if rows in named:
        raise FrameError(f"{rows!r} cannot make both the rows and the columns: name another column")
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise FrameError(f"limit must be a whole number of at least 1, got {limit!r}")
    return Comparison(frame, rows, tuple(named) or _telling(frame, rows), limit)


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """Titles side by side: a table in Jupyter, text that fits the terminal in print.

    Attributes
    ----------
    frame : pandas.DataFrame
        The trials that are compared.
    rows : str
        The column whose values are the rows.
    columns : tuple of str
        The columns that tell the variants apart.
    limit : int
        The most rows that are shown.
    """

    frame: pd.DataFrame
    rows: str
    columns: tuple[str, ...]
    limit: int

    def to_frame(self) -> pd.DataFrame:
        """Give all titles as a wide DataFrame.

        Returns
        -------
        pandas.DataFrame
            A string column for each variant, named as in the table. The index holds `rows`, and as further levels
            what else varies (`repeat`, for one). With ``rows="article"`` the first column is `original_title`.

        Raises
        ------
        FrameError
            When two trials claim the same place.

        Examples
        --------
        >>> rk.compare(frame).to_frame().columns[0]
        'original_title'
        """
        others = [name for name in ("article", *_USUAL, "repeat") if name not in (self.rows, *self.columns)]
        index = [self.rows, *(name for name in others if name in self.frame and _varies(self.frame, name))]
        place, places = _numbered(self.frame, index)
        variant, variants = _numbered(self.frame, self.columns)
        names = [" · ".join(self._parts(values)) for values in variants.itertuples(index=False)]
        if (twice := pd.DataFrame({"place": place, "variant": variant}).duplicated().to_numpy()).any():
            at = int(np.flatnonzero(twice)[0])
            raise FrameError(
                f"two trials of {self.rows} {self.frame[self.rows].iloc[at]!r} claim the column "
                f"{names[variant[at]]!r}: drop one, or name in columns= what tells them apart"
            )
        titles = np.full((len(places), len(names)), None, dtype=object)
        titles[place, variant] = _column(self.frame, "title")
        wide = pd.DataFrame(titles, columns=names, dtype="string")
        wide.index = pd.MultiIndex.from_frame(places) if len(index) > 1 else pd.Index(places[self.rows])
        if self.rows == "article":
            first = np.full(len(places), None, dtype=object)
            first[place] = _column(self.frame, "original_title")
            wide.insert(0, "original_title", pd.Series(first, index=wide.index, dtype="string"))
        return wide

    def __str__(self) -> str:
        width = max(40, shutil.get_terminal_size().columns)
        view = self._view(_TERMINAL_VARIANTS, _TERMINAL_CELLS)
        names = [_line(" · ".join(parts)) for parts in view.variants]
        column = min(max(map(_width, names), default=0), width * 2 // 5)
        lines = [view.told]
        for (label, detail), cells in zip(view.rows, view.cells, strict=True):
            lines += ["", *_wrapped(_line(f"{label}  [{detail}]" if detail else label), width)]
            for name, cell in zip(names, cells, strict=True):
                told = [_line(_as_text(outcome, count)) for outcome, count in cell.most_common()] or ["–"]
                right = [line for text in told for line in _wrapped(text, width - column - 4)]
                lines += _beside(_wrapped(name, column), right, column)
        return "\n".join([*lines, *(["", view.more] if view.more else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        view = self._view(_MOST_VARIANTS, _MOST_CELLS)
        corner = "original title" if self.rows == "article" else self.rows
        heads = [f'<th scope="col">{escape(corner)}</th>']
        for (first, *rest), total in zip(view.variants, self._totals(len(view.variants)), strict=True):
            lines = "".join(f"<div>{escape(part)}</div>" for part in rest)
            below = f"<div><small>{escape(total)}</small></div>" if total else ""
            heads.append(f'<th scope="col" dir="auto">{escape(first)}{lines}{below}</th>')
        body = []
        for (label, detail), cells in zip(view.rows, view.cells, strict=True):
            small = f"<div><small>{escape(detail)}</small></div>" if detail else ""
            shown = "".join(f"<td>{_as_html(cell)}</td>" for cell in cells)
            body.append(f'<tr><th scope="row" dir="auto">{escape(label)}{small}</th>{shown}</tr>')
        legend = "<ins>added</ins> and <del>removed</del> against the original title"
        more = f'<p class="rk-told">{escape(view.more)}</p>' if view.more else ""
        return card(
            f'<p class="rk-told">{escape(view.told)} · {legend}</p>'
            '<div class="rk-compare" tabindex="0" role="region" aria-label="Titles side by side" '
            'data-lm-suppress-shortcuts="true">'
            f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>{more}",
            _STYLE,
        )

    def _view(self, most_variants: int, most_cells: int) -> _View:
        """The part that is shown."""
        row, rows = _numbered(self.frame, [self.rows])
        variant, variants = _numbered(self.frame, self.columns)
        most_rows = min(self.limit, max(1, most_cells // max(1, min(len(variants), most_variants))))
        originals = dict(zip(_column(self.frame, "article"), _column(self.frame, "original_title"), strict=True))
        kept = (row < most_rows) & (variant < most_variants)
        cells: list[list[Counter[_Outcome]]] = [
            [Counter() for _ in range(min(len(variants), most_variants))] for _ in range(min(len(rows), most_rows))
        ]
        for outcome, at, number in zip(_outcomes(self.frame[kept]), row[kept], variant[kept], strict=True):
            cells[at][number][outcome] += 1
        labels = [
            (str(originals[value] or ""), str(value)) if self.rows == "article" else (_name(self.rows, value), "")
            for value in _column(rows, self.rows)[:most_rows]
        ]
        parts = [self._parts(values) for values in variants.head(most_variants).itertuples(index=False)]
        hidden = [
            _counted(count, f"more {word}") for count, word in
            ((len(rows) - len(labels), self.rows), (len(variants) - len(parts), "variant")) if count > 0
        ]  # fmt: skip
        more = f"{' and '.join(hidden)} not shown: filter the frame, or see compare(…).to_frame()" if hidden else ""
        return _View(labels, parts, cells, self._told(len(rows), len(variants)), more)

    def _told(self, rows: int, variants: int) -> str:
        """What is compared, in one line; what does not vary is said once, here."""
        if not rows:
            return "Nothing to compare: the frame has no rows"
        fixed = [name for name in _USUAL if name in self.frame and name not in (self.rows, *self.columns)]
        same = [_name(name, _column(self.frame, name)[0]) for name in fixed if not _varies(self.frame, name)]
        return f"{_counted(rows, self.rows)}, {_counted(variants, 'variant')}" + "".join(f" · {each}" for each in same)

    def _parts(self, values: Sequence[Any]) -> list[str]:
        """The name of a variant, in parts."""
        return [_name(column, value) for column, value in zip(self.columns, values, strict=True)]

    def _totals(self, variants: int) -> list[str]:
        """Pass rate, latency and cost of each variant, as far as they are known."""
        variant, _ = _numbered(self.frame, self.columns)
        told: list[list[str]] = [[] for _ in range(variants)]
        for column, reduce in (("passed", "mean"), ("latency_s", "median"), ("cost_usd", "sum")):
            if column in self.frame:
                values = self.frame[column].astype("Float64").groupby(variant).agg(reduce)
                for number in np.flatnonzero(values.notna()[:variants]):
                    told[number].append(_total(column, float(values.iloc[number])))
        return [" · ".join(parts) for parts in told]


def _total(column: str, value: float) -> str:
    if column == "passed":
        return f"{100 * value:.0f} % pass"
    if column == "latency_s":
        return f"{value:.2g} s" if value >= 0.01 else "under 0.01 s"
    return f"${value:.4f}" if value else "$0"


# ---- what came of a trial


@dataclass(frozen=True, slots=True)
class _Outcome:
    """Trials with equal outcomes are shown once, with their count."""

    original: str
    title: str | None
    problem: str = ""
    reason: str = ""
    failed: tuple[tuple[str, str], ...] = ()
    language: str = ""


@dataclass(frozen=True, slots=True)
class _View:
    rows: list[tuple[str, str]]
    variants: list[list[str]]
    cells: list[list[Counter[_Outcome]]]
    told: str
    more: str


def _outcomes(frame: pd.DataFrame) -> list[_Outcome]:
    gates = [name.removeprefix("gate_") for name in frame.columns if str(name).startswith("gate_")]
    results = [zip(_column(frame, f"gate_{gate}"), _column(frame, f"why_{gate}"), strict=True) for gate in gates]
    names = ("original_title", "title", "status", "error_type", "error", "language")
    outcomes = []
    for values, *whys in zip(zip(*(_column(frame, name) for name in names), strict=True), *results, strict=True):
        original, title, status, kind, error, language = (None if value is None else str(value) for value in values)
        known = language or ""
        if title is not None:
            failed = tuple((gate, _short(why)) for gate, (ok, why) in zip(gates, whys, strict=True) if ok is False)
            outcomes.append(_Outcome(original or "", title, failed=failed, language=known))
        elif status in _UNSENT:
            outcomes.append(_Outcome(original or "", None, reason=_UNSENT[status]))
        else:
            problem = kind or "no title"
            outcomes.append(_Outcome(original or "", None, problem, _short(error or PROBLEMS.get(problem))))
    return outcomes


def _short(reason: object) -> str:
    text = " ".join(str(reason or "").split())
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def _as_html(cell: Counter[_Outcome]) -> str:
    if not cell:
        return '<span class="rk-dim">–</span>'
    blocks = []
    for outcome, count in cell.most_common():
        times = f' <small class="rk-count" dir="ltr">×{count}</small>' if count > 1 else ""
        if outcome.title is None and not outcome.problem:
            blocks.append(("", f'<em class="rk-dim">{escape(outcome.reason)}</em>{times}'))
        elif outcome.title is None:
            reason = f" {escape(outcome.reason)}" if outcome.reason else ""
            blocks.append(("", f'<strong class="rk-bad">⚠ {escape(outcome.problem)}</strong>{times}{reason}'))
        else:
            same = outcome.title == outcome.original
            text = '<em class="rk-dim">= same</em>' if same else _marked(outcome.original, outcome.title)
            language = f' lang="{escape(outcome.language)}"' if _LANGUAGE.fullmatch(outcome.language) else ""
            gates = "".join(
                f'<br><small><b class="rk-bad">✗ {escape(gate)}</b> {escape(why)}</small>'
                for gate, why in outcome.failed
            )
            blocks.append((f' dir="auto"{language}', f"{text}{times}{gates}"))
    if len(blocks) == 1:
        return "<div{}>{}</div>".format(*blocks[0])
    return f"<ul>{''.join(f'<li{marks}>{block}</li>' for marks, block in blocks)}</ul>"


def _marked(before: str, after: str) -> str:
    """`after` with its changes marked; spaces stay outside the marks, which never touch."""
    markup = ""
    for kind, text in word_diff(before, after):
        words = text.strip()
        start, _, end = text.partition(words) if words else (text, "", "")
        if kind == "same":
            markup += escape(text)
        elif words:
            tag = "del" if kind == "delete" else "ins"
            apart = "\u2009" if markup.endswith(("</del>", "</ins>")) and not start else escape(start)
            markup += f"{apart}<{tag}>{escape(words)}</{tag}>{escape(end)}"
        elif kind == "insert":
            markup += escape(text)
    return markup


def _as_text(outcome: _Outcome, count: int) -> str:
    times = f" ×{count}" if count > 1 else ""
    if outcome.title is None:
        told = f"⚠ {outcome.problem}{times}: {outcome.reason}" if outcome.problem else f"({outcome.reason}){times}"
        return told.removesuffix(": ")
    gates = "".join(f" ✗ {gate}" for gate, _ in outcome.failed)
    return f"{'= same' if outcome.title == outcome.original else outcome.title}{times}{gates}"


# ---- columns of the frame


def _telling(frame: pd.DataFrame, rows: str) -> tuple[str, ...]:
    """The columns that tell variants apart; one at least."""
    usual = [name for name in _USUAL if name in frame and name != rows]
    varying = [name for name in usual if _varies(frame, name)]
    if not usual:
        raise FrameError(
            "no `prompt`, `model` or `temperature` in the frame: name in columns= what tells variants apart"
        )
    plain = len(_numbered(frame, usual)[1])
    extras = [name for name in ("prompt_sha", "params") if name in frame and name != rows]
    return (*varying, *(name for name in extras if len(_numbered(frame, [*usual, name])[1]) > plain)) or (usual[0],)


def _varies(frame: pd.DataFrame, name: str) -> bool:
    return bool(frame[name].nunique(dropna=False) > 1)


def _numbered(frame: pd.DataFrame, names: Sequence[str]) -> tuple[NDArray[np.int64], pd.DataFrame]:
    """Number each row's values of some columns in the order they appear; and the values of each number."""
    if not names:
        return np.zeros(len(frame), dtype=np.int64), pd.DataFrame(index=range(min(1, len(frame))))
    groups = frame.groupby(list(names), sort=False, dropna=False, observed=True)
    return np.asarray(groups.ngroup(), dtype=np.int64), frame[list(names)].drop_duplicates().reset_index(drop=True)


def _column(frame: pd.DataFrame, name: str) -> list[Any]:
    """Plain values of a column, None where there is none."""
    if name not in frame:
        return [None] * len(frame)
    values = frame[name].to_numpy(object, copy=True)
    values[frame[name].isna().to_numpy()] = None
    return list(values)


def _name(column: str, value: Any) -> str:
    if column == "temperature":
        return "T default" if pd.isna(value) else f"T {value:g}" if isinstance(value, int | float) else f"T {value}"
    return "(none)" if pd.isna(value) else str(value)


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word.replace('_', ' ')}{'s' * (count != 1)}"


# ---- text for a terminal


def _line(text: str) -> str:
    """Hostile text as one line that cannot move the cursor."""
    return " ".join(visible(text).split())


def _width(text: str) -> int:
    """Columns that a text takes in a terminal: signs of East Asia take two, marks on a letter none (UAX 11)."""
    return sum(
        0 if unicodedata.category(sign) in ("Mn", "Me", "Cf") else 1 + (unicodedata.east_asian_width(sign) in "WF")
        for sign in text
    )


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most `width` columns; scripts without spaces break between signs, long words where they must."""
    lines, line = [], ""
    for word in _WORD.findall(text):
        if line and _width(line + word) > width:
            lines.append(line)
            line = ""
        line += word if line else word.lstrip()
        while _width(line) > width and len(line) > 1:
            at = next(at for at in range(len(line), 0, -1) if at == 1 or _width(line[:at]) <= width)
            lines.append(line[:at])
            line = line[at:]
    return [*lines, line] if line or not lines else lines


def _beside(left: Sequence[str], right: Sequence[str], column: int) -> list[str]:
    lines = []
    for at in range(max(len(left), len(right))):
        first, second = (side[at] if at < len(side) else "" for side in (left, right))
        lines.append(f"  {first}{' ' * (column - _width(first))}  {second}".rstrip())
    return lines
