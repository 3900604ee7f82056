"""A race: spend calls where the doubt is. All variants start; those that will not end up first are dropped on the way.

Articles come in blocks that all who are still in the race share, so that every comparison stays paired.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retitlekit.errors import PlanError
from retitlekit.html import escape
from retitlekit.scorers.scoring import score
from retitlekit.statistics import evidence
from retitlekit.statistics.evidence import Floats
from retitlekit.statistics.variants import BY, Variants, check_measure, direction, metric_column, same, variant_name
from retitlekit.sweeps import run
from retitlekit.sweeps.plans import Articles, Models, Prompts, plan

_HASTE = 0.35
_BORROWED = 20  # articles' worth of what all variants say of the noise
IN, BEHIND, GATES, LEADS = "in", "behind", "gates", "leads"


@dataclass(frozen=True, repr=False)
class Race:
    """How a race went; `str()` tells it in words, ``rk.charts.race(race.rounds)`` draws it.

    Attributes
    ----------
    leader : dict
        The variant that leads at the end: prompt, model and temperature (None for the default).
    rounds : pandas.DataFrame
        One row per round and variant that ran in it: `round`, `prompt`, `model`, `temperature`, `n_articles` so far,
        `estimate`, `behind` (how far behind the leader, paired), `chance` (to catch up with it), `fate`: "in",
        "behind" or "gates" when it was dropped after this round, "leads".
    frame : pandas.DataFrame
        Every trial that was sent, scored: what `leaderboard` and `confirm` take.
    calls, full_calls : int
        Trials of the race, and of a sweep of all variants over all articles.
    stopped : str
        Why it ended early ("budget", "interrupted"); empty when it did not.
    """

    leader: dict[str, Any]
    rounds: pd.DataFrame = field(compare=False)
    frame: pd.DataFrame = field(compare=False)
    calls: int
    full_calls: int
    stopped: str = ""

    def __str__(self) -> str:
        return str(self.rounds.attrs["sentence"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p>{escape(str(self))}</p>"


def race(
    prompts: Prompts,
    articles: Articles,
    *,
    models: Models,
    temperatures: Iterable[float | None] | float | None = (None,),
    repeats: int = 1,
    metric: str | None = None,
    lower_is_better: bool | None = None,
    measure: Callable[[pd.DataFrame], pd.DataFrame] = score,
    risk: float = 0.07,
    first: int = 6,
    block: int = 2,
    must_pass: float = 0.5,
    seed: int = 0,
    store: str | os.PathLike[str] = ".retitlekit",
    budget_usd: float | None = None,
    progress: bool = True,
    params: Mapping[str, Any] | None = None,
    **options: Any,
) -> Race:
    """Find the best of many variants with a part of the calls of the whole sweep. This spends money.

    After each block of articles a variant is dropped when its chance to catch up with the leader has become smaller
    than `risk`; a lead must be the clearer for it the earlier it is (after Lan, Simon and Halperin 1982). Gates come
    first: variants that mostly fail them are dropped whatever their metric. Of those in the race at most half are
    dropped at once. ``benchmarks/statistics.md`` has how often the best is found, and for how many calls: of 12 and of
    48 variants on 80 articles and more, as often as by the whole sweep to within three in a hundred, mostly one, for 15
    to 40 % of the calls.

    Everything is planned, stored and seeded: after an interrupt, or with a larger budget, the same call goes on from
    where it stopped and sends only what is missing.

    A race finds the leader, and does not prove it: those that were left behind early were never fully compared.
    `confirm` proves it on articles that had no part.

    Parameters
    ----------
    prompts, articles, models, temperatures, repeats
        As for `plan`; the articles are taken in an order drawn with `seed`.
    metric, lower_is_better : optional
        As for `leaderboard`; `passed` by default.
    measure : callable
        From a frame that was run to one with the metric; `score` by default. A judge's metric:
        ``lambda frame: rk.judge(rk.score(frame), models=…)``. Before anything is sent it is tried on a trial
        without an answer, to see that the metric will come.
    risk : float
        The chance to catch up at which a variant is dropped: smaller finds the best more surely, for more calls.
    first, block : int
        Articles of the first round and of each further one. Larger blocks are done sooner, since all calls of a block
        are sent together, and cost more calls.
    must_pass : float
        A variant is dropped when its share of titles that pass every gate is surely (at 95 %) below this.
    budget_usd : float, optional
        For the whole race.
    store, progress, **options
        As for `run`.
    params : mapping, optional
        Further call parameters for `plan`.

    Returns
    -------
    Race

    Raises
    ------
    PlanError
        When there is a single variant, or a setting is out of range.
    FrameError
        When `measure` does not bring the metric, or neither more nor less of it is better.

    Examples
    --------
    >>> models = ["baseline/prefix", "baseline/lexrank"]
    >>> race = rk.race(prompts["bare"], articles, models=models, metric="novelty", store=tmp, progress=False)
    >>> race.leader["model"]
    'baseline/lexrank'
    """
    if not 0 < risk < 0.5 or first < 2 or block < 1 or not 0 <= must_pass < 1:
        raise PlanError(f"risk={risk!r}, first={first!r}, block={block!r}, must_pass={must_pass!r}: out of range")
    trials = plan(prompts, articles, models=models, temperatures=temperatures, repeats=repeats, **(params or {}))
    variants = Variants.of(trials, BY)
    if len(variants) < 2:
        raise PlanError("a race needs two variants or more")
    check_measure(trials, measure, metric, lower_is_better)
    total = len(variants.articles)
    place = np.array(Random(seed).sample(range(total), total))[variants.article]  # noqa: S311 - no secret
    alive, rounds, parts = np.ones(len(variants), bool), list[pd.DataFrame](), list[pd.DataFrame]()
    seen, spent, stopped = 0, 0.0, ""
    while seen < total and alive.sum() > 1 and not stopped:
        until = min(total, seen + (block if seen else first))
        rows = (place >= seen) & (place < until) & alive[variants.variant]
        left = None if budget_usd is None else max(budget_usd - spent, 0.0)
        ran = run(trials[rows], store=store, budget_usd=left, progress=progress, **options)
        spent += float(ran.loc[~ran["cached"].fillna(True).astype(bool), "cost_usd"].sum())
        statuses = set(ran["status"].astype(str))
        stopped = "budget" if "skipped_budget" in statuses else "interrupted" if "cancelled" in statuses else ""
        parts.append(measure(ran))
        seen = until
        frame = pd.concat(parts).sort_index()
        column = metric_column(frame, metric)
        sign = direction(column, lower_is_better)
        told = _round(frame, variants, alive, column, sign, seen, total, risk, must_pass)
        rounds.append(told.assign(round=len(rounds) + 1))
        fates = told.set_index("variant")["fate"]
        if not stopped:
            alive[fates.index[fates.isin([BEHIND, GATES])]] = False
    frame = pd.concat(parts).sort_index()
    return _finished(frame, rounds, variants, len(trials), stopped, column, sign)


def _round(
    frame: pd.DataFrame,
    variants: Variants,
    alive: NDArray[np.bool_],
    column: str,
    sign: int,
    seen: int,
    total: int,
    risk: float,
    must_pass: float,
) -> pd.DataFrame:
    """Where each variant in the race stands after this block, and who is dropped."""
    running = np.flatnonzero(alive)
    own = Variants(variants.table, variants.variant[frame.index], variants.article[frame.index], variants.articles)
    values = frame[column]
    means = own.means(values)[:, running]
    chance = chances(sign * means, total, share=pd.api.types.is_bool_dtype(values.dtype))
    fate = np.full(len(running), IN, object)
    if "passed" in frame and column != "passed":
        passes = own.means(frame["passed"])[:, running]
        n = (~np.isnan(passes)).sum(axis=0).astype(np.float64)
        fate[evidence.wilson(evidence.means(passes), n, 0.95)[1] < must_pass] = GATES
        if (fate == GATES).all():  # none is better by its gates than another
            fate[:] = IN
    if seen < total:
        hopeless = [at for at in np.argsort(chance, kind="stable") if chance[at] < risk and fate[at] == IN]
        fate[hopeless[: max(0, len(running) // 2 - int((fate == GATES).sum()))]] = BEHIND
    estimate = evidence.means(means)
    leading = int(np.argmax(np.where(fate == IN, np.nan_to_num(sign * estimate, nan=-np.inf), -np.inf)))
    return pd.DataFrame(
        {
            "variant": running,
            **variants.table.iloc[running].reset_index(drop=True),
            "n_articles": (~np.isnan(means)).sum(axis=0),
            "estimate": estimate,
            "behind": evidence.means(sign * (means[:, [leading]] - means)),
            "chance": chance,
            "fate": fate,
        }
    )


def chances(means: Floats, total: int, *, share: bool = False) -> Floats:
    """Each variant's chance to catch up with the present leader: means of shape (articles, variants).

    What a variant lacks, in its standard error, times (n / (total - n)) ** .35 is read as a normal quantile. With a
    power of one half this would be the chance that luck alone turns the sign in the articles to come (stochastic
    curtailment: Lan, Simon and Halperin 1982), which drops too few in the middle; with 0 it would be an ordinary test
    after each block, which drops too many at the start. `benchmarks/statistics.md` has what lies in between, beside an
    oracle.
    """
    estimate = np.nan_to_num(evidence.means(means), nan=-np.inf)
    best = int(estimate.argmax())
    each = means[:, [best]] - means
    each[:, best] = np.nan
    if share:  # agreement of a few articles is no certainty
        each = np.concatenate([each, np.ones((1, each.shape[1])), -np.ones((1, each.shape[1]))])
    n = (~np.isnan(each)).sum(axis=0).astype(np.float64)
    rivals = np.flatnonzero(n > 1)
    result = np.full(means.shape[1], np.where(np.isinf(estimate), 0.0, 0.5))
    result[best] = 1.0
    if not len(rivals):
        return result
    n, behind = n[rivals], evidence.means(each[:, rivals])
    own = evidence.variances(each[:, rivals])
    noise = ((n - 1) * own + _BORROWED * own.mean()) / (n - 1 + _BORROWED)  # a few articles tell little of their spread
    with np.errstate(invalid="ignore", divide="ignore"):
        lag = behind * np.sqrt(n / noise) * (n / np.maximum(total - n, 0)) ** _HASTE
    result[rivals] = [0.5 * math.erfc(value / math.sqrt(2)) for value in np.nan_to_num(lag, nan=0.0)]
    return result


def _finished(
    frame: pd.DataFrame,
    rounds: list[pd.DataFrame],
    variants: Variants,
    full: int,
    stopped: str,
    column: str,
    sign: int,
) -> Race:
    last = rounds[-1]
    able = last[last["fate"] == IN]
    first = able.index[int(np.nan_to_num(sign * able["estimate"].to_numpy(float), nan=-np.inf).argmax())]
    last.loc[first, "fate"] = LEADS
    leader = variants.named(int(last["variant"][first]))
    told = pd.concat(rounds, ignore_index=True)
    columns = ["round", *BY, "n_articles", "estimate", "behind", "chance", "fate"]
    dropped = {reason: int((told["fate"] == reason).sum()) for reason in (BEHIND, GATES)}
    why = [
        f"{count} {words}"
        for count, words in zip(dropped.values(), ("fell behind", "failed the gates"), strict=True)
        if count
    ]
    level = f"; {len(able) - 1} more at the finish" if len(able) > 1 else ""
    names = [name for name in BY if variants.table[name].nunique(dropna=False) > 1]
    ended = {
        "budget": " Stopped by the budget: call again with a larger one.",
        "interrupted": " Interrupted: call again to go on.",
    }
    winner = variant_name({name: leader[name] for name in names})
    own = frame[same(frame, leader)]
    unjudged = int((own["title"].notna() & own["passed"].isna()).sum()) if "passed" in own else 0
    unknown = f" The gates of {unjudged:,} of its titles are unknown, because a scorer failed." if unjudged else ""
    sentence = (
        f"{winner} leads after {int(last['n_articles'].max()):,} articles and {len(frame):,} of {full:,} trials "
        f"({len(frame) / full:.0%}); {' and '.join(why) or 'none was dropped'}{level}."
        f"{unknown}{ended.get(stopped, '')} Confirm it on articles that had no part."
    )
    told = told[columns]
    told.attrs = {"sentence": sentence, "metric": column, "lower_is_better": sign < 0}
    told.attrs |= {"articles": len(variants.articles)}
    return Race(leader, told, frame.reset_index(drop=True), len(frame), full, stopped)
