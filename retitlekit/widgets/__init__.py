"""Views for the notebook: each verb opens one. ipywidgets and anywidget are imported when a view is opened."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from retitlekit.widgets.grid import Grid


def compare(
    frame: pd.DataFrame,
    *,
    rows: str = "article",
    columns: str | Sequence[str] | None = None,
    store: str | os.PathLike[str] = ".retitlekit",
    limit: int = 50,
) -> Grid:
    """Lay titles side by side: a row for each article, a column for each variant, the changed words marked.

    In Jupyter a grid to read, filter, sort and annotate with mouse or keys (press ``?`` in it); in print, and where
    there is no kernel, a plain table. Repeats that came out alike are shown once, with their count. A trial without a
    title shows why, and a title that failed a gate shows which. Looking sends nothing; only "Retry" sends, and only the
    trials asked for.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, with `article`, `original_title` and `title`; planned and partly run frames are welcome.
    rows : str
        The column whose values are the rows.
    columns : str or sequence of str, optional
        The columns that tell the variants apart. Left out, those of `prompt`, `model` and `temperature` that vary,
        and `prompt_sha` or `params` where these alone tell two variants apart.
    store : path-like
        Folder of the store, where flags and notes are kept (``notes.jsonl``) and from which failed trials are retried.
    limit : int
        The most rows of the plain table; the grid has them all.

    Returns
    -------
    Grid
        Its `to_frame` gives the titles as shown, its `notes` what was flagged and noted.

    Raises
    ------
    FrameError
        When a column is missing, `rows` is among `columns`, or `limit` is below 1.

    Examples
    --------
    >>> grid = rk.compare(frame)
    >>> grid.to_frame().columns[0]
    'original_title'
    """
    from retitlekit.sheet import Sheet
    from retitlekit.widgets.grid import Grid

    named = (columns,) if isinstance(columns, str) else tuple(columns or ())
    return Grid(Sheet(frame, rows, named), store=store, limit=limit)
