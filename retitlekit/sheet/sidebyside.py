"""Titles side by side, as a table that needs no kernel: for the terminal, for GitHub, for a saved notebook."""

from __future__ import annotations

import re
import shutil
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from retitlekit.errors import FrameError
from retitlekit.html import card, escape, visible
from retitlekit.sheet import Outcome, Sheet
from retitlekit.titles import word_diff

_MOST_VARIANTS, _MOST_CELLS = 30, 1500  # of a table: more would make a notebook slow
_TERMINAL_VARIANTS, _TERMINAL_CELLS = 12, 40
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


@dataclass(frozen=True, repr=False, eq=False)
class Comparison:
    """A sheet as a table: HTML in Jupyter, text that fits the terminal in print.

    Attributes
    ----------
    sheet : Sheet
    limit : int
        The most rows that are shown; a line says how many more there are.
    """

    sheet: Sheet
    limit: int = 50

    def __post_init__(self) -> None:
        if isinstance(self.limit, bool) or not isinstance(self.limit, int) or self.limit < 1:
            raise FrameError(f"limit must be a whole number of at least 1, got {self.limit!r}")

    def __str__(self) -> str:
        width = max(40, shutil.get_terminal_size().columns)
        variants, rows = self._shown(_TERMINAL_VARIANTS, _TERMINAL_CELLS)
        names = [_line(" · ".join(parts)) for parts in self.sheet.names[:variants]]
        column = min(max(map(_width, names), default=0), width * 2 // 5)
        lines = [self.line]
        for (label, detail), cells in zip(self.sheet.labels(range(rows)), self.sheet.cells(range(rows)), strict=True):
            lines += ["", *_wrapped(_line(f"{label}  [{detail}]" if detail else label), width)]
            for variant, cell in zip(names, cells, strict=False):
                told = [_line(_as_text(outcome)) for outcome in cell] or ["–"]
                right = [line for text in told for line in _wrapped(text, width - column - 4)]
                lines += _beside(_wrapped(variant, column), right, column)
        return "\n".join([*lines, *(["", more] if (more := self._more(variants, rows)) else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        variants, rows = self._shown(_MOST_VARIANTS, _MOST_CELLS)
        corner = "original title" if self.sheet.rows == "article" else self.sheet.rows
        heads = [f'<th scope="col">{escape(corner)}</th>']
        for (first, *rest), total in zip(self.sheet.names[:variants], self.sheet.totals, strict=False):
            lines = "".join(f"<div>{escape(part)}</div>" for part in rest)
            below = f"<div><small>{escape(total)}</small></div>" if total else ""
            heads.append(f'<th scope="col" dir="auto">{escape(first)}{lines}{below}</th>')
        body = []
        for (label, detail), cells in zip(self.sheet.labels(range(rows)), self.sheet.cells(range(rows)), strict=True):
            small = f"<div><small>{escape(detail)}</small></div>" if detail else ""
            shown = "".join(f"<td>{_as_html(cell)}</td>" for cell in cells[:variants])
            body.append(f'<tr><th scope="row" dir="auto">{escape(label)}{small}</th>{shown}</tr>')
        legend = "<ins>added</ins> and <del>removed</del> against the original title"
        more = self._more(variants, rows)
        below = f'<p class="rk-told">{escape(more)}</p>' if more else ""
        return card(
            f'<p class="rk-told">{escape(self.line)} · {legend}</p>'
            '<div class="rk-compare" tabindex="0" role="region" aria-label="Titles side by side" '
            'data-lm-suppress-shortcuts="true">'
            f"<table><thead><tr>{''.join(heads)}</tr></thead><tbody>{''.join(body)}</tbody></table></div>{below}",
            _STYLE,
        )

    def _shown(self, most_variants: int, most_cells: int) -> tuple[int, int]:
        """How many variants and rows."""
        variants = min(len(self.sheet.names), most_variants)
        return variants, min(self.sheet.n_rows, self.limit, max(1, most_cells // max(1, variants)))

    def _more(self, variants: int, rows: int) -> str:
        counts = ((self.sheet.n_rows - rows, self.sheet.rows), (len(self.sheet.names) - variants, "variant"))
        hidden = [_counted(count, word, "more ") for count, word in counts if count > 0]
        return f"{' and '.join(hidden)} not shown: filter the frame, or see compare(…).to_frame()" if hidden else ""

    @property
    def line(self) -> str:
        """What is compared, in one line; what does not vary is said once, here."""
        if not self.sheet.n_rows:
            return "Nothing to compare: the frame has no rows"
        counts = _counted(self.sheet.n_rows, self.sheet.rows), _counted(len(self.sheet.names), "variant")
        return " · ".join([", ".join(counts), *self.sheet.constants])


# ---- one cell


def _as_html(cell: list[Outcome]) -> str:
    if not cell:
        return '<span class="rk-dim">–</span>'
    blocks = []
    for outcome in cell:
        count = len(outcome.trials)
        times = f' <small class="rk-count" dir="ltr">×{count}</small>' if count > 1 else ""
        if outcome.title is None and not outcome.problem:
            blocks.append(("", f'<em class="rk-dim">{escape(outcome.reason)}</em>{times}'))
        elif outcome.title is None:
            reason = f" {escape(outcome.reason)}" if outcome.reason else ""
            blocks.append(("", f'<strong class="rk-bad">⚠ {escape(outcome.problem)}</strong>{times}{reason}'))
        else:
            text = '<em class="rk-dim">= same</em>' if outcome.is_same else _marked(outcome.original, outcome.title)
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


def _as_text(outcome: Outcome) -> str:
    count = len(outcome.trials)
    times = f" ×{count}" if count > 1 else ""
    if outcome.title is None:
        told = f"⚠ {outcome.problem}{times}: {outcome.reason}" if outcome.problem else f"({outcome.reason}){times}"
        return told.removesuffix(": ")
    gates = "".join(f" ✗ {gate}" for gate, _ in outcome.failed)
    return f"{'= same' if outcome.is_same else outcome.title}{times}{gates}"


def _counted(count: int, word: str, more: str = "") -> str:
    return f"{count:,} {more}{word.replace('_', ' ')}{'s' * (count != 1)}"


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
