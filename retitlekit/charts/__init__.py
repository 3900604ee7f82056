"""Charts: plain functions that take the frame, draw on one matplotlib Axes and return it.

Every chart names itself, its units and its number of articles from the columns it is given. The article is the unit:
repeats are averaged within it and intervals come from resampling articles. A name travels with a marker, a dash or a
label, never with a colour alone, and keeps them when the frame is filtered.
"""

from __future__ import annotations

import textwrap
import zlib
from collections.abc import Iterable, Sized
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from retitlekit.charts import drawing, estimates
from retitlekit.errors import FrameError
from retitlekit.frame import check

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

# Okabe and Ito (2008), without black and yellow, which vanish on a dark or a light page.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_MARKERS = ("o", "s", "D", "^", "v", "P", "X")
_DASHES: tuple[Any, ...] = ("-", (0, (5, 1.5)), (0, (1.5, 1.2)), (0, (6, 1.5, 1.5, 1.5)), (0, (9, 3)))
_BLUE, _RED, _GREY = "#0072B2", "#D55E00", "#8a8a8a"
_VERDICTS = {"winner": ("D", _BLUE, _BLUE), "tied with the best": ("o", "white", _BLUE), "worse": ("x", _GREY, _GREY)}
_UNITS = {"em": "em", "s": "s", "usd": "US$", "tokens": "tokens"}
_SIZES = {"em": "width in em of Arial", "characters": "length in characters", "words": "length in words"}
_MOST_LINES = 40


def scores(
    frame: pd.DataFrame,
    *,
    metric: str = "passed",
    by: str = "prompt",
    hue: str | None = "model",
    ax: Axes | None = None,
) -> Axes:
    """Draw the mean of a metric with its 95 % interval, one line for each value of `by`.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with the columns `article`, `metric`, `by` and `hue`.
    metric : str
        A boolean column (drawn as a share, in %) or a column of numbers. Trials without a value are left out, and
        counted below the chart.
    by : str
        The column whose values become lines, the highest mean first (numbers in their own order). At most 40 are drawn.
    hue : str or None
        The column that is told apart by colour and marker within a line.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FrameError
        When a column is missing, or `metric` holds no number.

    Notes
    -----
    Percentile bootstrap over articles, the clusters of Miller (2024), arXiv 2411.00640. Where every article agrees
    there is nothing to resample, and a share gets Wilson's limits (1927) for its number of articles.

    Examples
    --------
    >>> ax = rk.charts.scores(frame, by="prompt", hue="model")
    """
    keys = [by] if hue is None or hue == by else [by, hue]
    means = estimates.means(frame, metric, keys)
    lines = estimates.ranked(means, frame, by)
    shown = lines[:_MOST_LINES]
    means = means[means[by].isin(shown)]
    styles = _styles(frame, keys[1]) if len(keys) == 2 else {"": drawing.Style(_BLUE, "o", "-")}
    names = [name for name in styles if len(keys) == 1 or name in set(means[keys[1]])]
    ax = drawing.axes(ax, height=1.5 + len(shown) * (0.14 + 0.1 * len(names)))
    for name, offset in zip(names, drawing.spread(len(names), 0.62), strict=True):
        rows = means[means[keys[1]] == name] if len(keys) == 2 else means
        at = [shown.index(line) + offset for line in rows[by]]
        style = styles[name]
        ax.hlines(at, rows["low"], rows["high"], color=style.colour, lw=2.2)
        ax.plot(rows["estimate"], at, style.marker, color=style.colour, ms=6.5, mec=drawing.ink(), mew=0.6)
    drawing.lines(ax, [drawing.folded(name) for name in shown])
    if estimates.is_share(frame, metric):
        drawing.percent(ax.xaxis)
    if len(keys) == 2:
        drawing.legend(ax, [(name, styles[name]) for name in names], title=drawing.word(keys[1]), lines=False)
    title = f"{drawing.capital(_label(metric))}, by {' and '.join(drawing.word(key) for key in keys)}"
    return drawing.finish(
        ax, title, _label(metric), _note(frame, metric, _undrawn(lines), "95 % intervals over articles")
    )


def temperature(
    frame: pd.DataFrame,
    *,
    metric: str = "passed",
    diversity: Literal["distinct", "distance"] = "distinct",
    ax: Axes | None = None,
) -> Axes:
    """Draw quality, and below it the diversity of repeats, against temperature, one curve for each model.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with `article`, `prompt`, `model`, `temperature`, `title` and `metric`.
    metric : str
        The quality of the upper panel: a boolean column or a column of numbers.
    diversity : {"distinct", "distance"}
        The lower panel, computed within each article, prompt, model and temperature that has two titles or more:
        the share of distinct titles, or the mean pairwise Levenshtein distance over the longer title's length (0 to 1).
        Without repeats there is no lower panel.
    ax : matplotlib.axes.Axes, optional
        Where to draw the upper panel; the lower one hangs below it.

    Returns
    -------
    matplotlib.axes.Axes
        The upper panel; the lower one is its child (``ax.child_axes``).

    Raises
    ------
    FrameError
        When a column is missing, `metric` holds no number, or `diversity` is neither word.

    Examples
    --------
    >>> ax = rk.charts.temperature(frame)
    """
    if diversity not in ("distinct", "distance"):
        raise FrameError(f'diversity must be "distinct" or "distance", got {diversity!r}')
    check(frame, needs=["article", "prompt", "model", "temperature", "title", metric])
    frame = frame.assign(temperature=estimates.as_temperatures(frame["temperature"]))
    panels = {metric: estimates.means(frame, metric, ["model", "temperature"])}
    spread = estimates.diversity(frame, diversity)
    if not spread.empty:
        panels[diversity] = estimates.resampled(spread, ["model", "temperature"])
    styles = {name: style for name, style in _styles(frame, "model").items() if name in set(panels[metric]["model"])}
    places = _places(set().union(*(means["temperature"] for means in panels.values())))
    ax = drawing.axes(ax, height=3.2 + 1.9 * (len(panels) - 1))
    lowest = ax if spread.empty else ax.inset_axes((0, -0.78, 1, 0.66))
    for panel, means in zip((ax, lowest), panels.values(), strict=False):
        _curves(panel, means, styles, places)
    if estimates.is_share(frame, metric):
        drawing.percent(ax.yaxis)
    ax.set_ylabel(textwrap.fill(_label(metric), 18), color=drawing.ink(), parse_math=False)
    if lowest is not ax:
        ax.tick_params(labelbottom=False)
        lowest.patch.set_alpha(0)
        drawing.percent(lowest.yaxis)
        told = "distinct titles\namong repeats" if diversity == "distinct" else "edit distance\nof repeats"
        lowest.set_ylabel(told, color=drawing.ink())
    drawing.legend(ax, list(styles.items()), title="model", lines=True)
    single = "one title a trial: no diversity to show" if spread.empty else ""
    note = _note(frame, metric, single, "95 % intervals over articles")
    return drawing.finish(ax, f"{drawing.capital(_label(metric))}, by temperature", "temperature", note, lowest)


def lengths(
    frame: pd.DataFrame,
    *,
    unit: Literal["em", "characters", "words"] = "em",
    by: str = "prompt",
    ax: Axes | None = None,
) -> Axes:
    """Draw how long titles are against the limits of where they are shown, one line for each value of `by`.

    The dot is the median, the thick bar the middle half, the thin line 5 to 95 % of the titles; the share of titles
    beyond a limit stands at the right.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with `article`, `original_title`, `title` and `by`. What `score` measured is not measured
        again.
    unit : {"em", "characters", "words"}
        A desktop results page counts em of Arial (limit 29.6 em); characters have the rules of thumb 60 and 70.
    by : str
        The column whose values become lines, the shortest first (numbers in their own order). At most 40 are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FrameError
        When a column is missing, the unit is unknown, or there is no title to measure.

    Examples
    --------
    >>> ax = rk.charts.lengths(frame, unit="characters")
    """
    from retitlekit import scorers

    if unit not in _SIZES:
        raise FrameError(f"unit must be one of {', '.join(_SIZES)}; got {unit!r}")
    check(frame, needs=["article", "original_title", "title", by])
    limits = {"em": (scorers.GOOGLE_EM,), "characters": (60.0, 70.0), "words": ()}[unit]
    measure = {"em": scorers.width_em, "characters": scorers.characters, "words": scorers.words}[unit]
    known = f"score_{measure.__name__}"
    size = estimates.numbers(frame, known) if known in frame else estimates.measured(frame["title"], measure)
    measured = pd.DataFrame({by: estimates.named(frame[by]), "estimate": size}).dropna()
    if measured.empty:
        raise FrameError(f"no trial has a title to measure in {unit}: run() the frame first, or choose another unit")
    lines = estimates.ranked(measured.groupby(by)["estimate"].median().reset_index(), frame, by)
    lines = lines if estimates.is_number(frame[by]) else lines[::-1]
    shown = lines[:_MOST_LINES]
    groups = {name: group["estimate"].to_numpy(float) for name, group in measured.groupby(by)}
    bars = [(name, groups[name], _BLUE) for name in shown]
    originals = estimates.measured(frame.drop_duplicates("article")["original_title"], measure)
    if not np.isnan(originals).all():
        bars.append(("(original titles)", originals[~np.isnan(originals)], _GREY))
    ax = drawing.axes(ax, height=1.7 + 0.34 * len(bars))
    for at, (_, sizes, colour) in enumerate(bars):
        p5, p25, p50, p75, p95 = np.percentile(sizes, [5, 25, 50, 75, 95])
        ax.hlines(at, p5, p95, color=colour, lw=1.5)
        ax.hlines(at, p25, p75, color=colour, lw=8, alpha=0.5)
        ax.plot(p50, at, "o", color="white", mec=colour, mew=1.8, ms=7)
        for column, share in enumerate(drawing.percents(float(np.mean(sizes > limit)) for limit in limits)):
            drawing.aside(ax, at, column, share)
    for column, limit in enumerate(limits):
        ax.axvline(limit, color=_RED, lw=1.4, ls=(0, (4, 2)), zorder=0.5)
        drawing.aside(ax, None, column, f"> {limit:g}{' em' * (unit == 'em')}", colour=_RED)
    drawing.lines(ax, [drawing.folded(name) for name, _, _ in bars])
    note = _note(frame, "title", _undrawn(lines), "dot: median, bar: middle half, line: 5 to 95 % of titles")
    return drawing.finish(ax, f"Length of titles, by {drawing.word(by)}", _SIZES[unit], note)


def heatmap(
    frame: pd.DataFrame, *, metric: str = "passed", rows: str = "prompt", columns: str = "model", ax: Axes | None = None
) -> Axes:
    """Draw the mean of a metric for each pair of two columns' values, written into a coloured field.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with `article`, `metric`, `rows` and `columns`.
    metric : str
        A boolean column (a share, in %) or a column of numbers.
    rows, columns : str
        Columns of the frame, the highest mean first (numbers in their own order). At most 40 rows are drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FrameError
        When a column is missing, `metric` holds no number, or `rows` and `columns` are the same.

    Examples
    --------
    >>> ax = rk.charts.heatmap(frame, rows="prompt", columns="model")
    """
    from matplotlib import colormaps
    from matplotlib.patches import Rectangle

    if rows == columns:
        raise FrameError(f"rows and columns are both {rows!r}: name two columns")
    means = estimates.means(frame, metric, [rows, columns])
    lines, across = estimates.ranked(means, frame, rows), estimates.ranked(means, frame, columns)
    shown = lines[:_MOST_LINES]
    values = {(row, column): value for row, column, value in means[[rows, columns, "estimate"]].itertuples(index=False)}
    low, high = min(values.values()), max(values.values())
    told = dict(
        zip(
            values,
            (drawing.percents if estimates.is_share(frame, metric) else drawing.figures)(list(values.values())),
            strict=True,
        )
    )
    heads = [drawing.folded(name, 18, 3) for name in across]
    ax = drawing.axes(
        ax, 3.4 + 1.5 * len(across), 1.5 + 0.18 * max(head.count("\n") for head in heads) + 0.36 * len(shown)
    )
    for y, row in enumerate(shown):
        for x, column in enumerate(across):
            value = values.get((row, column))
            box: dict[str, Any] = {"xy": (x - 0.485, y - 0.46), "width": 0.97, "height": 0.92, "linewidth": 0}
            if value is None:
                ax.add_patch(Rectangle(**box, fill=False, edgecolor=drawing.ink(), hatch="////", alpha=0.6))
                continue
            fill = colormaps["viridis"](0.5 if high == low else (value - low) / (high - low))
            ax.add_patch(Rectangle(**box, facecolor=fill))
            ax.text(x, y, told[row, column], ha="center", va="center", color=drawing.over(fill))
    drawing.lines(ax, [drawing.folded(name) for name in shown], bands=False)
    ax.set_xlim(-0.5, len(across) - 0.5)
    ax.set_xticks(range(len(across)), heads, parse_math=False)
    ax.tick_params(top=False, bottom=False, labeltop=True, labelbottom=False)
    ax.spines["bottom"].set_visible(False)
    ax.grid(visible=False)
    hatched = "hatched: no value" if len(values) < len(lines) * len(across) else ""
    title = f"{drawing.capital(_label(metric))}, by {drawing.word(rows)} and {drawing.word(columns)}"
    return drawing.finish(ax, title, "", _note(frame, metric, hatched, _undrawn(lines)))


def intervals(board: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a leaderboard: each variant's estimate with its interval, its verdict as a shape and as a word.

    Parameters
    ----------
    board : pandas.DataFrame
        What `leaderboard` returns, best first; ``board.attrs["sentence"]`` becomes the title. At most 40 rows are
        drawn.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FrameError
        When `board` is not a leaderboard, or holds no estimate.

    Examples
    --------
    >>> ax = rk.charts.intervals(rk.leaderboard(frame))
    """
    check(board, needs=())
    lacks = [name for name in ("n_articles", "estimate", "low", "high", "verdict") if name not in board.columns]
    if lacks:
        raise FrameError(f"no `{'`, no `'.join(lacks)}` here: intervals() draws what leaderboard() returns")
    known = board[board["estimate"].notna()]
    if known.empty:
        raise FrameError("the leaderboard holds no estimate: score() the frame, then call leaderboard() again")
    metric, drawn = str(board.attrs.get("metric", "estimate")), known.head(_MOST_LINES)
    share, names = estimates.counts_passes(metric), _variants(drawn)
    ax = drawing.axes(ax, height=1.7 + (0.42 if "\n" in names[0] else 0.34) * len(drawn))
    values, lows, highs = (drawn[name].to_numpy(float, na_value=np.nan) for name in ("estimate", "low", "high"))
    told = (drawing.percents if share else drawing.figures)(list(values))
    for at, (estimate, low, high, verdict) in enumerate(zip(values, lows, highs, drawn["verdict"], strict=True)):
        marker, fill, colour = _VERDICTS.get(str(verdict), ("s", _GREY, _GREY))
        weight = "bold" if verdict == "winner" else "normal"
        ax.hlines(at, low, high, color=colour, lw=2.2)
        ax.plot(estimate, at, marker, color=fill, mec=colour, mew=1.8, ms=8)
        drawing.aside(ax, at, 0, told[at], weight=weight)
        drawing.aside(ax, at, 1, str(verdict), weight=weight, ha="left")
    drawing.lines(ax, names)
    if len(drawn) > 1:
        ax.axvspan(lows[0], highs[0], color=_BLUE, alpha=0.09, lw=0, zorder=0)
    if share:
        drawing.percent(ax.xaxis)
    articles = sorted({int(drawn["n_articles"].min()), int(drawn["n_articles"].max())})
    shaded = (
        "shaded: the interval of the best; intervals are not corrected for many rivals, verdicts are"
        if len(drawn) > 1
        else ""
    )
    note = drawing.phrases(f"n = {' to '.join(f'{number:,}' for number in articles)} articles", shaded, _undrawn(known))
    return drawing.finish(ax, str(board.attrs.get("sentence", "Leaderboard")), _label(metric), note)


_FATES = {"leads": ("D", _BLUE), "in": ("o", _BLUE), "behind": ("x", _GREY), "gates": ("s", _RED)}


def race(rounds: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Draw a race: how far each variant came, in articles, and why it was dropped.

    Parameters
    ----------
    rounds : pandas.DataFrame
        The `rounds` of what `race` returns. At most 40 variants are drawn: those that came farthest.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure otherwise.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    FrameError
        When `rounds` are not those of a race.

    Examples
    --------
    >>> models = ["baseline/prefix", "baseline/lexrank"]
    >>> race = rk.race(prompts["bare"], articles, models=models, metric="novelty", store=tmp, progress=False)
    >>> ax = rk.charts.race(race.rounds)
    """
    keys = ["prompt", "model", "temperature"]
    lacks = [
        name for name in (*keys, "round", "n_articles", "estimate", "behind", "chance", "fate") if name not in rounds
    ]
    if lacks or rounds.empty:
        raise FrameError(f"no `{'`, no `'.join(lacks)}` here: race() draws the rounds of what rk.race() returns")
    last = rounds.drop_duplicates(keys, keep="last")
    last = last.assign(first=last["fate"].eq("leads"))
    ranked = last.sort_values(["first", "round", "behind"], ascending=[False, False, True], kind="stable")
    drawn = ranked.head(_MOST_LINES).reset_index(drop=True)
    names = _variants(drawn[[*keys, "n_articles"]])
    ax = drawing.axes(ax, height=1.7 + (0.42 if "\n" in names[0] else 0.34) * len(drawn))
    for at, row in enumerate(drawn.to_dict("records")):
        marker, colour = _FATES[row["fate"]]
        weight = "bold" if row["first"] else "normal"
        ax.hlines(at, 0, row["n_articles"], color=colour, lw=2.2, alpha=0.6)
        ax.plot(row["n_articles"], at, marker, color=colour, mew=1.8, ms=8, clip_on=False)
        why = {"behind": f"fell behind, chance {drawing.percents([row['chance']])[0]}", "gates": "failed the gates"}
        drawing.aside(
            ax, at, 0, drawing.figures([row["estimate"]])[0] if pd.notna(row["estimate"]) else "–", weight=weight
        )
        drawing.aside(
            ax, at, 1, why.get(row["fate"], "leads" if row["first"] else "still in"), weight=weight, ha="left"
        )
    drawing.lines(ax, names)
    ax.set_xlim(0, max(int(rounds.attrs.get("articles", 0)), int(rounds["n_articles"].max())))
    note = drawing.phrases(f"{_label(str(rounds.attrs.get('metric', 'estimate')))} beside each line", _undrawn(ranked))
    return drawing.finish(ax, str(rounds.attrs.get("sentence", "Race")), "articles seen", note)


def _styles(frame: pd.DataFrame, key: str) -> dict[str, drawing.Style]:
    """A style for each value of a column, unused categories too: a filtered frame keeps its colours.

    Each name asks for the colour that its hash picks and moves on when that is taken more often than another, so that
    a new prompt or model seldom changes the colour of the others.
    """
    column = frame[key]
    values = column.cat.categories if isinstance(column.dtype, pd.CategoricalDtype) else column.unique()
    found = {*estimates.named(pd.Series(values)), *estimates.named(column)}
    names = sorted(found, key=estimates.as_number if estimates.is_number(column) else None)
    taken = [0] * len(_COLOURS)
    styles = {}
    for name in names:
        wish = zlib.crc32(name.encode())
        slot = min(range(len(_COLOURS)), key=lambda each: (taken[each], (each - wish) % len(_COLOURS)))
        turn = slot + taken[slot]
        styles[name] = drawing.Style(_COLOURS[slot], _MARKERS[turn % len(_MARKERS)], _DASHES[turn % len(_DASHES)])
        taken[slot] += 1
    return styles


# ---- words


def _label(metric: str) -> str:
    if metric == "passed":
        return "titles that pass every gate"
    if metric.startswith("gate_"):
        return f"titles that pass the gate “{drawing.word(metric[5:])}”"
    stem, _, unit = metric.removeprefix("score_").rpartition("_")
    return (
        f"{drawing.word(stem)} ({_UNITS[unit]})"
        if stem and unit in _UNITS
        else drawing.word(metric.removeprefix("score_"))
    )


def _note(frame: pd.DataFrame, metric: str, *more: str) -> str:
    """How much stands behind a chart: articles, trials without a value, and whatever else there is to say."""
    known = frame[metric].notna()
    articles = frame.loc[known, "article"].nunique()
    missing = int((~known).sum())
    without = (
        f"{missing:,} of {len(frame):,} trials have no {'title' if metric == 'title' else 'value'}" if missing else ""
    )
    return drawing.phrases(f"n = {articles:,} article{'s' * (articles != 1)}", *more, without)


def _variants(board: pd.DataFrame) -> list[str]:
    """A name for each row of a leaderboard, of the columns that tell its rows apart: the first above the others."""
    keys = list(board.columns[: list(board.columns).index("n_articles")])
    telling = [key for key in keys if board[key].nunique(dropna=False) > 1] or keys[:1]
    parts = [[f"T {name}" if key == "temperature" else name for name in estimates.named(board[key])] for key in telling]
    names = zip(*parts, strict=True) if parts else [("",)] * len(board)
    return [
        "\n".join(filter(None, [drawing.folded(first, 44, 1), drawing.folded(" · ".join(rest), 44, 1)]))
        for first, *rest in names
    ]


def _undrawn(lines: Sized) -> str:
    return f"{len(lines) - _MOST_LINES:,} more lines are not drawn" if len(lines) > _MOST_LINES else ""


def _places(temperatures: Iterable[str]) -> dict[str, float]:
    """Where each temperature stands; the provider's default stands apart, left of the numbers."""
    numbers = sorted(float(name) for name in temperatures if name != "default")
    places = {f"{number:g}": number for number in numbers}
    gap = max(0.3 * (numbers[-1] - numbers[0]), 0.25) if numbers else 0.0
    return {"default": (numbers[0] if numbers else 0.0) - gap, **places} if "default" in set(temperatures) else places


def _curves(ax: Axes, means: pd.DataFrame, styles: dict[str, drawing.Style], places: dict[str, float]) -> None:
    """A curve with intervals for each model; the default temperature is a point of its own."""
    drawing.quiet(ax)
    width = max(places.values()) - min(places.values()) or 1.0
    for (name, style), offset in zip(styles.items(), drawing.spread(len(styles), 0.05 * width), strict=True):
        rows = means[means["model"] == name]
        rows = rows.assign(at=rows["temperature"].map(places) + offset).sort_values("at")
        ax.vlines(rows["at"], rows["low"], rows["high"], color=style.colour, lw=2.2, alpha=0.6)
        dots: dict[str, Any] = {
            "color": style.colour,
            "marker": style.marker,
            "ms": 6.5,
            "mec": drawing.ink(),
            "mew": 0.6,
        }
        default = rows["temperature"] == "default"
        ax.plot(rows["at"][~default], rows["estimate"][~default], ls=style.dashes, lw=1.8, **dots)
        ax.plot(rows["at"][default], rows["estimate"][default], ls="", **dots)
    ax.set_xticks(list(places.values()), list(places))
    ax.set_xlim(min(places.values()) - 0.1 * width, max(places.values()) + 0.1 * width)
    ax.grid(visible=False, axis="x")
