"""Articles kept aside: split them off before you tune, and confirm the winner on them, once."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import blake2b
from random import Random
from typing import Any, Literal, cast

import numpy as np
import pandas as pd

from retitlekit import models as _models
from retitlekit.articles import Article, Articles
from retitlekit.decide import figures, leaderboard
from retitlekit.decide.races import Race
from retitlekit.errors import ArticleError, FrameError, PromptError
from retitlekit.frame import check
from retitlekit.html import escape
from retitlekit.prompts import Prompt
from retitlekit.scorers.scoring import score
from retitlekit.statistics import evidence
from retitlekit.statistics.variants import Variants, check_measure, metric_column, same, variant_name
from retitlekit.store import Store
from retitlekit.sweeps import run
from retitlekit.sweeps.plans import Prompts, plan

_SETTINGS = ("prompt", "prompt_sha", "model", "endpoint", "temperature", "params")


def split(
    articles: Iterable[Article], held_out: float = 0.2, *, by: Literal["time", "random"] = "time", seed: int = 0
) -> tuple[Articles, Articles]:
    """Part articles into those to tune on and those to keep for `confirm`.

    Parameters
    ----------
    articles : iterable of Article
    held_out : float
        Share to keep aside.
    by : {"time", "random"}
        "time" keeps the newest, which is what a winner will meet; "random" is for articles without dates.
    seed : int
        For "random".

    Returns
    -------
    tuple of two Articles
        To tune on, and held out; each in the order given.

    Raises
    ------
    ArticleError
        When a side would be empty, or an article has no date to be ordered by.

    Examples
    --------
    >>> tuning, held_out = rk.split(articles, 0.25, by="random")
    >>> len(tuning), len(held_out)
    (28, 10)
    """
    listed = list(articles)
    kept = round(len(listed) * held_out) if 0 < held_out < 1 else 0
    if not 0 < kept < len(listed):
        raise ArticleError(
            f"held_out={held_out!r} of {len(listed)} articles leaves a side empty: give a share such as 0.2"
        )
    if by == "random":
        chosen = set(Random(seed).sample(range(len(listed)), kept))  # noqa: S311 - no secret
    elif by == "time":
        undated = [article.id for article in listed if not article.published_at]
        if undated:
            raise ArticleError(f"{len(undated)} articles have no published_at, such as {undated[0]!r}: use by='random'")
        newest = sorted(range(len(listed)), key=lambda at: (_moment(listed[at]), at))[-kept:]
        chosen = set(newest)
    else:
        raise ArticleError(f"by={by!r}: give 'time' or 'random'")
    sides = [[a for at, a in enumerate(listed) if (at in chosen) is side] for side in (False, True)]
    return Articles(sides[0], [], []), Articles(sides[1], [], [])


def _moment(article: Article) -> datetime:
    try:
        moment = datetime.fromisoformat(str(article.published_at))
    except ValueError as problem:
        raise ArticleError(
            f"article {article.id!r}: published_at {article.published_at!r} is no ISO 8601 moment: use by='random'"
        ) from problem
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@dataclass(frozen=True, repr=False)
class Confirmation:
    """What unseen articles say of a winner; `str()` tells it in words.

    Attributes
    ----------
    winner, incumbent : str
        The two variants, in words.
    metric : str
    n_articles : int
        Unseen articles that both have a value for.
    difference, low, high : float
        Of the winner to the incumbent, paired over these articles.
    p : float
        Of the paired test, as in `leaderboard`, times `use`.
    board_difference : float
        The same difference on the board, where the winner was chosen for it; NaN when the incumbent had no value there.
    use : int
        How often these articles have served a confirmation in this store; from the second on they are not unseen.
    verdict : {"confirmed", "not confirmed", "reversed"}
    frame : pandas.DataFrame
        The scored trials.
    """

    winner: str
    incumbent: str
    metric: str
    n_articles: int
    difference: float
    low: float
    high: float
    p: float
    board_difference: float
    use: int
    verdict: str
    frame: pd.DataFrame = field(compare=False)

    def __str__(self) -> str:
        said = {"confirmed": "Confirmed", "not confirmed": "Not confirmed", "reversed": "Reversed"}[self.verdict]
        used = "" if self.use == 1 else f" These articles served for the {self.use}. time, and p was corrected for it."
        known = not math.isnan(self.board_difference)
        board = f"; the board said {figures(self.board_difference, 0, 0).split(' ')[0]}" if known else ""
        return (
            f"{said}: on {self.n_articles:,} unseen articles {self.winner} leads {self.incumbent} by "
            f"{figures(self.difference, self.low, self.high)} (p {self.p:.2g}){board}.{used}"
        )

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


def confirm(
    board: pd.DataFrame | Race,
    frame: pd.DataFrame,
    prompts: Prompts,
    articles: Iterable[Article],
    *,
    incumbent: str | Mapping[str, Any] | None = None,
    measure: Callable[[pd.DataFrame], pd.DataFrame] = score,
    store: str | os.PathLike[str] = ".retitlekit",
    budget_usd: float | None = None,
    progress: bool = True,
    **options: Any,
) -> Confirmation:
    """Measure the winner against the incumbent on articles that had no part in choosing it. This spends money.

    The figure on the board is too good, because the winner was chosen for it; this one is not, as long as these
    articles are used once. The store keeps count: each further use multiplies p.

    Parameters
    ----------
    board : pandas.DataFrame or Race
        What `leaderboard` returned for `frame`; its first row is the winner. Or a race, whose leader it then is:
        ``rk.confirm(race, race.frame, prompts, held_out)``.
    frame : pandas.DataFrame
        The frame that was decided on: it knows the models, parameters and repeats.
    prompts : dict or iterable of Prompt
    articles : iterable of Article
        Held out, as by `split`.
    incumbent : str or dict, optional
        The variant to beat, as `leaderboard` takes its `baseline`; by default that baseline, else the second row, which
        of a race is the one that came closest.
    measure : callable
        From a frame that was run to one with the board's metric; `score` by default. For a judge's metric, for example,
        ``lambda frame: rk.judge(rk.score(frame), models=…)``.
    store, budget_usd, progress, **options
        As for `run`.

    Returns
    -------
    Confirmation

    Raises
    ------
    FrameError
        When an article took part in choosing, the board is decided by votes, board and frame do not fit, or `measure`
        does not bring the board's metric.
    PromptError
        When a prompt is missing or was edited since.

    Examples
    --------
    >>> board = rk.leaderboard(frame, metric="novelty")
    >>> rk.confirm(board, frame, prompts, articles[10:20], store=tmp, progress=False).n_articles
    10
    """
    board = _raced(board) if isinstance(board, Race) else board
    check(board, needs=())
    by = list(board.attrs.get("by", ()))
    if not {"metric", "by", "confidence"} <= set(board.attrs):
        raise FrameError("this is no board of leaderboard(), or it has lost its attrs")
    metric, confidence = str(board.attrs["metric"]), float(board.attrs["confidence"])
    lower_is_better = bool(board.attrs.get("lower_is_better", False))
    if metric == "win_rate":
        raise FrameError(
            "this board is decided by votes: sweep the unseen articles, vote on them, and look at that board"
        )
    check(
        frame, needs=["article", "original_title", "prompt", "prompt_sha", "model", "endpoint", "params", "temperature"]
    )
    if len(board) < 2 or pd.isna(board["estimate"].iloc[0]):
        raise FrameError("the board has no two variants with an estimate: there is nothing to confirm")
    places = _places(board, by, incumbent)
    listed = list(articles)
    _unseen(listed, frame)
    pair = [board[by].iloc[place].to_dict() for place in places]
    trials = pd.concat([_planned(frame, variant, prompts, listed) for variant in pair], ignore_index=True)
    check_measure(trials, measure, metric, lower_is_better)
    scored = measure(run(trials, store=store, budget_usd=budget_usd, progress=progress, **options))
    variants = Variants.of(scored, by)
    values = scored[metric_column(scored, metric)]
    means = variants.means(values)[:, [variants.find(variant) for variant in pair]]
    each = (means[:, [1]] - means[:, [0]]) if lower_is_better else (means[:, [0]] - means[:, [1]])
    if np.isnan(each).all():
        raise FrameError(
            f"no unseen article has a value of {metric} for both variants: look at the errors in the frame"
        )
    is_share = pd.api.types.is_bool_dtype(values.dtype)
    low, high = (evidence.share_difference_interval if is_share else evidence.interval)(each, confidence)
    difference = float(evidence.means(each)[0])
    names = [variant_name(variant) for variant in pair]
    use = _use(store, listed, [metric, *names])
    p = min(1.0, float(evidence.paired_test(each)[0]) * use)
    sure = p <= 1 - confidence + 1e-12
    row = board.iloc[places[1]]
    return Confirmation(
        winner=names[0],
        incumbent=names[1],
        metric=metric,
        n_articles=int((~np.isnan(each)).sum()),
        difference=difference,
        low=float(low[0]),
        high=float(high[0]),
        p=p,
        board_difference=math.nan if pd.isna(row["difference"]) else -float(row["difference"]),
        use=use,
        verdict="not confirmed" if not sure else "confirmed" if difference > 0 else "reversed",
        frame=scored,
    )


def _raced(race: Race) -> pd.DataFrame:
    """The board of a race: its leader first, whatever luck others had with the few articles they ran on."""
    told = race.rounds.attrs
    board = leaderboard(
        race.frame, metric=told["metric"], lower_is_better=told["lower_is_better"], baseline=race.leader
    )
    board["difference"] = board["gain"]
    leads = same(board, race.leader)
    attrs = board.attrs | {"baseline": None}
    board = pd.concat([board[leads], board[~leads]], ignore_index=True)
    board.attrs = attrs
    return board


def _places(board: pd.DataFrame, by: list[str], incumbent: str | Mapping[str, Any] | None) -> tuple[int, int]:
    """Rows of the winner and of the incumbent."""
    wanted = board.attrs.get("baseline") if incumbent is None else incumbent
    if wanted is None:
        return 0, 1
    table = Variants(board[by].reset_index(drop=True), np.array([], np.int64), np.array([], np.int64), [])
    place = table.find(wanted)
    if place:
        return 0, place
    if incumbent is not None:
        raise FrameError(f"{incumbent!r} is the winner itself: name another incumbent")
    return 0, 1


def _unseen(articles: list[Article], frame: pd.DataFrame) -> None:
    seen = set(frame["article"].astype(str).unique()), set(frame["original_title"].astype(str).unique())
    used = [article.id for article in articles if article.id in seen[0] or article.title in seen[1]]
    if used:
        raise FrameError(
            f"{len(used)} of these articles had a part in choosing, such as {used[0]!r}: keep some aside with split()"
        )
    if not articles:
        raise ArticleError("there are no articles to confirm on")


def _planned(
    frame: pd.DataFrame, variant: Mapping[Any, Any], prompts: Prompts, articles: list[Article]
) -> pd.DataFrame:
    """The trials of one variant on new articles, with the settings that its trials in the frame had."""
    tested = frame[same(frame, variant)]
    if tested.empty:
        raise FrameError(f"the frame has no trial of {variant_name(variant)}: give the frame that was decided on")
    given = prompts.values() if isinstance(prompts, Mapping) else [prompts] if isinstance(prompts, Prompt) else prompts
    by_name = {prompt.name: prompt for prompt in given}
    parts: list[pd.DataFrame] = []
    for key, rows in tested.groupby(list(_SETTINGS), dropna=False, observed=True, sort=False):
        name, sha, model, endpoint, heat, params = cast(tuple[Any, ...], key)
        if str(name) not in by_name or by_name[str(name)].sha != str(sha):
            raise PromptError(f"prompt {str(name)!r} (tested {sha}) is not among those given, or was edited since")
        repeats = int(rows.groupby("article", observed=True).size().max())
        parts.append(
            plan(
                by_name[str(name)],
                articles,
                models=_models.from_endpoint(str(endpoint), str(model)),
                temperatures=None if pd.isna(heat) else float(heat),
                repeats=repeats,
                **json.loads(str(params)),
            )
        )
    return pd.concat(parts, ignore_index=True)


def _use(store: str | os.PathLike[str], articles: list[Article], question: list[str]) -> int:
    """The how-manieth question these articles answer in this store; a question asked again is the same one."""
    marks = sorted(blake2b(f"{a.title}\n{a.body}".encode(), digest_size=8).hexdigest() for a in articles)
    line = json.dumps({"question": question, "articles": marks})
    with Store(store) as kept:
        earlier = [json.loads(note) for note in kept.notes("confirmation")]
        kept.note("confirmation", blake2b(line.encode(), digest_size=8).hexdigest(), line)
    others = {json.dumps(n["question"]) for n in earlier if set(n["articles"]) & set(marks)} - {json.dumps(question)}
    return len(others) + 1
