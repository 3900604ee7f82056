"""Drawing: what every chart does with matplotlib and with the words it writes, in one place.

Figures are transparent, with grey text that reads on a light and on a dark page; where the current style sets a text
colour of its own, that one is taken.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from retitlekit.html import visible

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WIDTH = 9.0  # inches: a notebook's column at its usual 100 dots an inch


@dataclass(frozen=True)
class Style:
    """How one name is drawn, alike in every chart."""

    colour: str
    marker: str
    dashes: Any


def word(column: str) -> str:
    """A column's name as words."""
    return column.replace("_", " ")


def capital(text: str) -> str:
    """The same words with a capital first."""
    return text[:1].upper() + text[1:]


def phrases(*phrases: str) -> str:
    """Phrases in a row that are folded between them, not within."""
    return "\u00a0· ".join(phrase.replace(" ", "\u00a0") for phrase in phrases if phrase)


def percents(values: Iterable[float]) -> list[str]:
    """Shares as whole per cents; what is above none is never shown as 0 %."""
    return ["<1 %" if 0 < value < 0.005 else f"{100 * value:.0f} %" for value in values]


def figures(values: Sequence[float]) -> list[str]:
    """Numbers with one count of decimals, so that the largest has three digits that count."""
    largest = max(map(abs, values))
    decimals = int(np.clip(2 - np.floor(np.log10(largest)), 0, 9)) if largest else 0
    return [f"{value:,.{decimals}f}" for value in values]


def folded(name: str, width: int = 42, lines: int = 2) -> str:
    """A long name in lines, broken after its own separators; its middle goes when it needs more lines than that."""
    kept = name = " ".join(visible(name).split())
    while len(parts := _broken(kept, width)) > lines:
        half = (len(kept) - 2) // 2
        kept = f"{name[:half]}…{name[-half:]}"
    return "\n".join(parts)


def _broken(name: str, width: int) -> list[str]:
    broken = [""]
    for piece in re.findall(rf"[^/_\-\s:]{{1,{width}}}[/_\-\s:]*|[/_\-\s:]+", name):
        if broken[-1] and len(broken[-1] + piece.rstrip()) > width:
            broken.append("")
        broken[-1] += piece
    return [line.rstrip() for line in broken]


# ---- matplotlib


def ink() -> str:
    """The style's own text colour, or a grey that reads on white (4.5:1) and on JupyterLab's dark page (4.1:1)."""
    from matplotlib import colors, rcParams

    text = colors.to_hex(rcParams["text.color"])
    return "#767676" if text == "#000000" else text


def axes(ax: Axes | None, width: float = _WIDTH, height: float = 4.0) -> Axes:
    """The axes given, or those of a new transparent figure."""
    import matplotlib.pyplot as plt

    if ax is None:
        figure, ax = plt.subplots(figsize=(min(width, _WIDTH), height), layout="constrained")
        figure.patch.set_alpha(0)
        ax.patch.set_alpha(0)
    quiet(ax)
    return ax


def quiet(ax: Axes) -> None:
    """Axes without a frame, in the ink of the page."""
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.spines["bottom"].set_color(ink())
    ax.tick_params(colors=ink(), which="both")
    ax.grid(visible=True, color=ink(), alpha=0.22, lw=0.8)
    ax.set_axisbelow(True)


def lines(ax: Axes, names: Sequence[str], *, bands: bool = True) -> None:
    """Horizontal lines of a chart, from the top, each with its name."""
    ax.set_yticks(range(len(names)), names, parse_math=False)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    for at in range(0, len(names) * bands, 2):
        ax.axhspan(at - 0.5, at + 0.5, color=ink(), alpha=0.07, lw=0, zorder=0)


def spread(count: int, room: float) -> Floats:
    """Offsets that keep `count` marks apart within one line."""
    half = room / 2 * (count - 1) / max(count, 1)
    return np.linspace(-half, half, count)


def percent(axis: Any) -> None:
    """Ticks in per cent."""
    from matplotlib.ticker import FuncFormatter

    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.3g} %"))


def aside(
    ax: Axes, at: float | None, column: int, text: str, *, colour: str = "", weight: str = "normal", ha: str = "center"
) -> None:
    """A word in a column to the right of a line, or its head above."""
    head = at is None
    ax.annotate(
        text,
        (1, 1 if head else at),
        (30 + (46 if ha == "center" else 34) * column, 8 * head),
        textcoords="offset points",
        xycoords=("axes fraction", "axes fraction" if head else "data"),
        ha=ha,
        va="bottom" if head else "center",
        color=colour or ink(),
        fontweight=weight,
        parse_math=False,
        annotation_clip=False,
    )


def legend(ax: Axes, styles: Iterable[tuple[str, Style]], *, title: str, lines: bool) -> None:
    """Names with their styles, to the right of the chart."""
    from matplotlib.lines import Line2D

    entries = [(folded(name, 26, 3), style) for name, style in styles]
    handles = [
        Line2D([], [], color=style.colour, marker=style.marker, ls=style.dashes if lines else "-", mec=ink(), mew=0.6)
        for _, style in entries
    ]
    legend = ax.legend(
        handles, [str(number) for number in range(len(entries))], title=title, loc="upper left",
        bbox_to_anchor=(1.01, 1), frameon=False, labelcolor=ink(), alignment="left", labelspacing=0.8,
        handlelength=2.6,
    )  # fmt: skip
    legend.get_title().set_color(ink())
    for text, (name, _) in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(name)  # given later, a name may begin with "_", which hides a label


def over(fill: tuple[float, ...]) -> str:
    """Black or white, whichever reads better on a colour (relative luminance of WCAG 2)."""
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in fill[:3])
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "white"


def finish(ax: Axes, title: str, label: str, note: str, lowest: Axes | None = None) -> Axes:
    """Set the title, and the label with its note, folded to the room they have."""
    lowest = lowest or ax
    ax.figure.canvas.figure.draw_without_rendering()  # the layout tells how wide things are
    box, inner = ax.get_tightbbox() or ax.bbox, ax.bbox
    heading = ax.set_title(visible(title), loc="left", color=ink(), fontweight="bold", pad=14, parse_math=False)
    heading.set_x((box.x0 - inner.x0) / inner.width)
    heading.set_text(_filled(heading, box.width))
    under = lowest.set_xlabel(note, loc="left", color=ink(), parse_math=False)
    under.set_text("\n".join(filter(None, [visible(label), _filled(under, inner.width)])))
    return ax


def _filled(text: Any, width: float) -> str:
    """The words of a matplotlib text in lines of at most `width` pixels."""
    words = text.get_text()
    fitting = len(words) * width / max(text.get_window_extent().width, 1)
    return textwrap.fill(words, max(12, int(0.95 * fitting))).replace("\u00a0·\n", "\n").replace("\u00a0", " ")
