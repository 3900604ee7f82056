"""The report: what a sweep showed, as one HTML file that opens anywhere and asks nothing of the network.

The file holds its own script, and a policy in its head that lets no other run and lets nothing be loaded. Whatever a
model or an article wrote is either escaped or packed as data, which the grid shows as text.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

import retitlekit
from retitlekit.charts import intervals, scores
from retitlekit.decide import leaderboard
from retitlekit.errors import FrameError, RetitlekitError
from retitlekit.frame import check
from retitlekit.html import escape, table
from retitlekit.prompts import Prompt
from retitlekit.sheet import Sheet, name
from retitlekit.widgets.view import source


def report(
    frame: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    board: pd.DataFrame | None = None,
    prompts: Mapping[str, Prompt] | Iterable[Prompt] = (),
    title: str = "Which prompt rewrites titles best?",
    columns: str | Sequence[str] | None = None,
    baseline: str | None = None,
    store: str | os.PathLike[str] = ".retitlekit",
) -> Path:
    """Write one HTML file to send to a colleague: leaderboard, charts, grid, prompts, what was run and its cost.

    The file needs no network, no kernel and no other file, and forbids its page to load anything. Its grid searches,
    narrows, sorts, marks differences and opens rows as the one in the notebook does. It holds every title, article and
    message of the frame: send it only to those who may read them. A frame of 1,000 trials makes about half a megabyte.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, as `run` and `score` give it.
    path : path-like
        Of the file to write; one that is there is replaced.
    board : pandas.DataFrame, optional
        A leaderboard; ``leaderboard(frame)`` where the frame was scored, unless given.
    prompts : mapping or iterable of Prompt
        Prompts to print in full, each with its difference to its parent where that is among them.
    title : str
    columns : str or sequence of str, optional
        The columns that tell the variants apart, as for `compare`.
    baseline : str, optional
        The variant that is pinned at the left, and that differences are marked against beside the original title: its
        name as at the head of its column, such as ``"contract · openai/gpt-4o-mini · T 0.7"``; or a part of it that no
        other has, such as its prompt.
    store : path-like
        Where flags and notes are kept; they are shown.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FrameError
        When a column is missing, or not one variant is called `baseline`.
    RetitlekitError
        When the file cannot be written.

    Examples
    --------
    >>> path = rk.report(frame, tmp / "report.html", prompts=prompts)
    >>> "default-src 'none'" in path.read_text(encoding="utf-8")
    True
    """
    from retitlekit.widgets.grid import Grid

    check(frame, needs=["article", "original_title", "title"])
    if board is None and "passed" in frame and frame["passed"].notna().any():
        board = leaderboard(frame)
    named = (columns,) if isinstance(columns, str) else tuple(columns or ())
    sheet = Sheet(frame, columns=named)
    listed = list(prompts.values() if isinstance(prompts, Mapping) else prompts)
    sections = [
        _decision(board),
        _charts(frame, board),
        f"<h2>Titles side by side</h2>{_GRID}",
        _prompts(listed),
        _run(frame),
    ]
    grid = Grid(sheet, store=store)
    if baseline is not None:
        heads = [" · ".join(parts) for parts in sheet.names]
        found = [at for at, head in enumerate(heads) if head == baseline]
        found = found or [at for at, parts in enumerate(sheet.names) if baseline in parts]
        if len(found) != 1:
            several = f" is in {len(found)} variants, name one whole" if found else ""
            raise FrameError(f"baseline={baseline!r}{several}: the variants are {', '.join(map(repr, heads))}")
        grid.baseline, grid.against = found[0], "both"
    page = _page(title, "".join(sections), _packed(grid.everything()))
    target = Path(path)
    try:
        target.write_text(page, encoding="utf-8")
    except OSError as problem:
        raise RetitlekitError(f"cannot write {target}: {problem.strerror}") from problem
    return target


_GRID = '<div id="grid"><p>The grid needs JavaScript and a browser of 2023 or later.</p></div>'


def _page(title: str, body: str, rows: str) -> str:
    script = source("titles.js", "grid.js").replace("export default { render };", "") + source("report.js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )
    style = source("titles.css", "grid.css", "report.css")
    made = f"retitlekit {retitlekit.__version__}, {datetime.now(UTC):%d %B %Y, %H:%M} UTC"
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        f'<meta name="viewport" content="width=device-width"><title>{escape(title)}</title>'
        f"<style>{style}</style></head>"
        f"<body><main><h1>{escape(title)}</h1><small>{escape(made)}</small>{body}</main>"
        f'<script type="application/octet-stream" id="rows">{rows}</script><script>{script}</script></body></html>\n'
    )


def _packed(told: Mapping[str, Any]) -> str:
    """Data as base64 of gzip: small, and without a sign that HTML knows."""
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return base64.b64encode(gzip.compress(text.encode("utf-8", "replace"), mtime=0)).decode()


def _decision(board: pd.DataFrame | None) -> str:
    if board is None:
        return ""
    shown = {
        "n_articles": ("articles", "{:,.0f}"),
        "estimate": (str(board.attrs.get("metric", "estimate")), "{:.2f}"),
        "low": ("from", "{:.2f}"),
        "high": ("to", "{:.2f}"),
        "difference": ("against the best", "{:+.2f}"),
        "cost_usd": ("cost", "${:.4g}"),
        "latency_s": ("seconds", "{:.2f}"),
        "verdict": ("verdict", "{}"),
    }
    known = [str(each) for each in board.attrs.get("by", []) if each in board]
    by = [each for each in known if board[each].nunique(dropna=False) > 1] or known[:1]
    kept = {each: told for each, told in shown.items() if each in board}
    rows = [
        [*(name(each, row[each]) for each in by), *(_figure(row[each], form) for each, (_, form) in kept.items())]
        for _, row in board.iterrows()
    ]
    heads = [*by, *(head for head, _ in kept.values())]
    figures = [head for each, (head, _) in kept.items() if each != "verdict"]
    sentence = f'<p class="rk-answer">{escape(board.attrs["sentence"])}</p>' if "sentence" in board.attrs else ""
    confidence = board.attrs.get("confidence", 0.95)
    fixed = "".join(f" {name(each, board[each].iloc[0])}." for each in known if each not in by and len(board))
    note = f"From and to: {100 * confidence:.0f} % intervals; the article is the unit. Only p is corrected for rivals."
    note += fixed
    listed = table(rows, columns=heads, caption=note, figures=figures)
    return f'{sentence}<h2>Leaderboard</h2><div class="rk-scroll">{listed}</div>'


def _figure(value: Any, form: str) -> str:
    return "–" if pd.isna(value) else form.format(value)


def _charts(frame: pd.DataFrame, board: pd.DataFrame | None) -> str:
    import matplotlib.pyplot as plt

    if board is None:
        return ""
    drawn = []
    by = "prompt" if "prompt" in frame else str(board.attrs["by"][0])
    hue = "model" if "model" in frame and by != "model" else None
    for ax, told in (
        (intervals(board), "Leaderboard with intervals"),
        (scores(frame, by=by, hue=hue), "Share of titles that pass"),
    ):
        file = io.BytesIO()
        figure = ax.get_figure(root=True)
        assert figure is not None, "axes that were just drawn have a figure"
        figure.savefig(file, format="svg", metadata={"Date": None})
        plt.close(figure)
        data = base64.b64encode(file.getvalue()).decode()
        drawn.append(f'<img alt="{escape(told)}" src="data:image/svg+xml;base64,{data}">')
    return f'<h2>Charts</h2><div class="rk-charts">{"".join(drawn)}</div>'


def _prompts(prompts: Sequence[Prompt]) -> str:
    known = {each.name: each for each in prompts}
    parts = []
    for each in prompts:
        parent = known.get(str(each.about.get("parent", "")))
        parts.append(f"<h3>{escape(each.name)}</h3><p>{escape(each.description)}</p>")
        if parent is not None:
            diff = f"<summary>against {escape(parent.name)}</summary><pre>{escape(parent.diff(each))}</pre>"
            parts.append(f"<details open>{diff}</details>")
        parts.append(f"<details><summary>the whole file</summary><pre>{escape(each.text)}</pre></details>")
    return f"<h2>Prompts</h2>{''.join(parts)}" if parts else ""


def _run(frame: pd.DataFrame) -> str:
    """What was run when, at which cost, model by model."""
    models = frame["model"].astype(str) if "model" in frame else pd.Series("", index=frame.index)
    rows = []
    for model, part in frame.groupby(models, sort=False):
        cost = part["cost_usd"] if "cost_usd" in part else pd.Series(dtype="Float64")
        sent = part[part["status"].eq("ok")] if "status" in part else part[part["title"].notna()]
        whole = f"${cost.sum():.4f}" if cost.notna().any() else "unknown"
        unknown = int(sent.index.isin(cost[cost.isna()].index).sum()) if len(cost) else 0
        tokens = part["output_tokens"].sum() if "output_tokens" in part else pd.NA
        speed = part["latency_s"].median() if "latency_s" in part else pd.NA
        when = part["started_at"].dropna() if "started_at" in part else pd.Series(dtype="object")
        rows.append(
            [
                str(model),
                f"{len(part):,}",
                f"{int(part['title'].isna().sum()):,}",
                whole + (f", {unknown:,} unknown" if unknown and whole != "unknown" else ""),
                _figure(tokens, "{:,.0f}"),
                _figure(speed, "{:.2f}"),
                f"{when.min():%Y-%m-%d %H:%M} to {when.max():%Y-%m-%d %H:%M}" if len(when) else "–",
            ]
        )
    heads = ["model", "trials", "without a title", "cost", "tokens written", "median seconds", "when (UTC)"]
    listed = table(rows, columns=heads, figures=heads[1:3] + heads[4:6])
    return f'<h2>What was run</h2><div class="rk-scroll">{listed}</div>'
