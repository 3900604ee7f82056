"""Views for the notebook: each verb opens one. ipywidgets and anywidget are imported when a view is opened."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from retitlekit.articles import Article
    from retitlekit.sweeps.plans import Models, Prompts
    from retitlekit.widgets.arena import Arena
    from retitlekit.widgets.bench import Workbench
    from retitlekit.widgets.grid import Grid


def compare(
    frame: pd.DataFrame,
    *,
    rows: str = "article",
    columns: str | Sequence[str] | None = None,
    store: str | os.PathLike[str] = ".retitlekit",
    limit: int = 12,
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


def vote(
    frame: pd.DataFrame,
    *,
    voter: str | None = None,
    store: str | os.PathLike[str] = ".retitlekit",
    by: str | Sequence[str] = ("prompt", "model", "temperature"),
    seed: int = 0,
) -> Arena:
    """Vote blind on pairs of titles: which one is better for its article.

    Keys: ``1`` left, ``2`` right, ``0`` a tie, ``b`` both bad, ``u`` undo, ``?`` help. Which prompt and model wrote a
    title is neither shown nor sent to the browser, sides are shuffled, and every eighth pair is an old one with its
    sides changed, which tells how steady the voter is. The next pair is the one that most reduces the doubt about the
    best variant. Each vote is on disk before the next pair shows; calling `vote` again, tomorrow or by another voter,
    goes on from there.

    Parameters
    ----------
    frame : pandas.DataFrame
        Trials with titles, of two variants or more.
    voter : str, optional
        Who votes; the login name unless given.
    store : path-like
        Folder of the store, or a file that ends in ``.jsonl``, which merges in git.
    by : str or sequence of str
        The columns that make a variant.
    seed : int
        Decides which pairs and sides are drawn.

    Returns
    -------
    Arena
        Its `to_frame` gives all votes of the store, ready for ``leaderboard(frame, votes=…)``.

    Raises
    ------
    FrameError
        When no article has different titles by two variants.

    Examples
    --------
    >>> arena = rk.vote(frame, voter="ana", store=tmp / "votes.jsonl", by="prompt")
    >>> arena.cast("left")
    >>> arena.to_frame().winner.tolist()
    ['left']
    """
    from retitlekit.widgets.arena import Arena

    return Arena(frame, voter=voter, store=store, by=by, seed=seed)


def workbench(
    articles: str | os.PathLike[str] | Iterable[Article] = "../data/articles.jsonl",
    prompts: str | os.PathLike[str] | Prompts = "../prompts",
    *,
    store: str | os.PathLike[str] = ".retitlekit",
    models: Models | None = None,
    winners: str | os.PathLike[str] = "winners",
) -> Workbench:
    """Do the whole job without code: choose, run, read, chart, rank, vote, edit a prompt, run again, save the winner.

    What is chosen, drafted and shown is kept in ``<store>/workbench.json``: running the cell again brings everything
    back, after a restart of the kernel too, and sends nothing. Only "Run" sends, and only what the store does not hold.
    Sweeps run in the background, "Stop" works even while a cell is running, and each view tells the Python that does
    the same.

    Parameters
    ----------
    articles : path-like or iterable of Article
        As `load_articles` reads them. The default is where a notebook in ``notebooks/`` finds them.
    prompts : path-like, or prompts
        A folder of ``.prompt`` files, to which new ones are saved; or prompts, and then nothing can be saved.
    store : path-like
        Folder of the store.
    models : str, Model, iterable or dict of them, optional
        What to choose from. Left out, the embedded titlers and all that `available_models` finds.
    winners : path-like
        Folder for saved winners.

    Returns
    -------
    Workbench
        Its `frame`, `board` and `votes` are DataFrames; `choose`, `edit`, `save_prompt`, `run`, `stop`, `wait` and
        `save_winner` do what the view does.

    Raises
    ------
    ArticleError, PromptError, ModelError, PlanError
        When there are no articles or prompts, or they cannot be read.

    Examples
    --------
    >>> bench = rk.workbench(articles, prompts, store=tmp, models="baseline/prefix")
    >>> bench.choose(prompts=["bare", "limits"], articles=[each.id for each in articles[:3]])
    >>> bench.run()
    >>> len(bench.wait())
    6
    """
    from retitlekit.widgets.bench import Workbench

    return Workbench(articles, prompts, store=store, models=models, winners=winners)
