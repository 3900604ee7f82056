"""What a workbench shows of its results: the leaderboard as plain data, charts as pictures, and all of it in print."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pandas as pd

from retitlekit import charts
from retitlekit.errors import RetitlekitError
from retitlekit.html import card, escape, visible
from retitlekit.sheet import name, varies
from retitlekit.widgets.view import cut

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MOST_ROWS = 100
_MOST_PRINTED = 8
_MOST_ERRORS = 8

_STYLE = """
.rk-summary h4 { margin: 0 0 4px; font-size: 1.1em; }
.rk-summary p { margin: 0 0 8px; }
"""


def told_board(board: pd.DataFrame) -> dict[str, Any]:
    """A leaderboard as plain data: its `sentence`, its `rows`, and the `scale` that all of them fit into."""
    metric = str(board.attrs["metric"])
    by = [each for each in board.attrs["by"] if varies(board, each)] or list(board.attrs["by"])
    shown = board.head(_MOST_ROWS)
    known = shown[["low", "high", "estimate"]].to_numpy(float, na_value=math.nan)
    ends = known[~pd.isna(known)]
    share = metric == "passed" or metric.startswith("gate_") or metric == "win_rate"
    low, high = (0.0, 1.0) if share or not len(ends) else (float(ends.min()), float(ends.max()))
    rows = [
        {
            "name": [visible(name(each, row[each])) for each in by],
            **{each: _number(row.get(each)) for each in ("estimate", "low", "high", "difference", "p")},
            "articles": int(row["n_articles"]),
            "trials": int(row["n_trials"]),
            "failed": int(row.get("n_failed") or 0),
            "cost": _number(row.get("cost_usd")),
            "seconds": _number(row.get("latency_s")),
            "verdict": visible(row["verdict"]),
        }
        for _, row in shown.iterrows()
    ]
    return {
        "sentence": visible(board.attrs.get("sentence", "")),
        "rows": rows,
        "more": len(board) - len(shown),
        "scale": [low, high if high > low else low + 1],
        "share": share,
        "metric": metric,
        "confidence": float(board.attrs["confidence"]),
    }


def drawn(frame: pd.DataFrame, board: pd.DataFrame) -> list[dict[str, str]]:
    """The charts that say something about this frame, each with its title and as an SVG picture in a data address.

    Drawn without pyplot, whose state is not made for threads.
    """
    count = min(len(board), 40)
    wanted: list[tuple[str, float, Callable[[Axes], object]]] = [
        ("Leaderboard with intervals", 1.7 + 0.36 * count, lambda ax: charts.intervals(board, ax=ax))
    ]
    hue = "model" if varies(frame, "model") else None
    prompts = frame["prompt"].nunique()
    wanted.append(
        ("Share of titles that pass, by prompt", 1.8 + 0.5 * prompts, lambda ax: charts.scores(frame, hue=hue, ax=ax))
    )
    if varies(frame, "temperature"):
        wanted.append(("What temperature does", 4.0, lambda ax: charts.temperature(frame, ax=ax)))
    wanted.append(("Lengths of titles", 4.0, lambda ax: charts.lengths(frame, by="prompt", ax=ax)))
    made = []
    for told, height, draw in wanted:
        try:
            made.append({"title": told, "picture": _picture(draw, height)})
        except RetitlekitError as problem:
            made.append({"title": told, "problem": visible(problem)})
    return made


def _picture(draw: Callable[[Axes], object], height: float) -> str:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9.0, height), layout="constrained")
    ax = figure.add_subplot()
    figure.patch.set_alpha(0)
    ax.patch.set_alpha(0)
    draw(ax)
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None}, bbox_inches="tight")
    return "data:image/svg+xml;base64," + base64.b64encode(file.getvalue()).decode()


def summary(said: str, frame: pd.DataFrame | None, board: pd.DataFrame | None) -> str:
    """The workbench as a still picture, for where there is no kernel."""
    parts = ["<h4>Workbench</h4>", f"<p>{escape(said)}</p>"]
    if board is not None:
        parts.append(f"<p><strong>{escape(board.attrs.get('sentence', ''))}</strong></p>")
    if frame is not None and len(frame):
        titled = frame[frame["title"].notna()].head(_MOST_PRINTED)
        rows = "".join(
            f"<tr><td>{escape(row.original_title)}</td><td>{escape(row.title)}</td>"
            f"<td><small>{escape(row.prompt)} · {escape(row.model)}</small></td></tr>"
            for row in titled.itertuples()
        )
        heads = "<tr><th>original title</th><th>title</th><th>variant</th></tr>"
        parts.append(f"<table><thead>{heads}</thead><tbody>{rows}</tbody></table>" if rows else "")
        if (rest := int(frame["title"].notna().sum()) - len(titled)) > 0:
            parts.append(f"<p><small>and {rest:,} more titles</small></p>")
    return card(f'<div class="rk-summary">{"".join(parts)}</div>', _STYLE)


# ---- a frame in words


def errors(frame: pd.DataFrame) -> list[list[Any]]:
    """Which model failed how, how often, and what the first one said; the most frequent first."""
    failed = frame[frame["status"].eq("error")]
    told: list[list[Any]] = [
        [visible(model), visible(kind), len(each), cut(each["error"].iloc[0], 300)]
        for (model, kind), each in failed.groupby(["model", "error_type"], observed=True, sort=False)
    ]
    return sorted(told, key=lambda each: each[2], reverse=True)[:_MOST_ERRORS]


def outcome(frame: pd.DataFrame, cost_usd: float, seconds: float) -> str:
    """What came of a sweep, in one line."""
    counts = frame["status"].value_counts()
    parts = [f"{int(frame['title'].notna().sum()):,} of {len(frame):,} trials have a title"]
    parts += [f"{counts[each]:,} {word}" for each, word in _ENDS.items() if counts.get(each, 0)]
    return ", ".join([*parts, f"${cost_usd:.4f}" if cost_usd else "$0", f"{seconds:.1f} s"])


_ENDS = {"error": "failed", "skipped_budget": "not sent for the budget", "cancelled": "stopped before they were sent"}


def metrics(frame: pd.DataFrame) -> list[str]:
    """Columns that a leaderboard may decide by: more of them is better."""
    return ["passed", *(each for each in _BETTER if each in frame and frame[each].notna().any())]


_KEPT = "numbers_kept names_kept novelty lead_coverage entity_coverage simplicity distinct spread"
_BETTER = [f"score_{each}" for each in _KEPT.split()]


def _number(value: Any) -> float | None:
    return None if value is None or pd.isna(value) else float(value)
