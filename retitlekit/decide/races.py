"""A race: spend calls where the doubt is. All variants start; those that will hardly end up first rest on the way.

All run the articles in one order, in blocks, so that every comparison stays paired.
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
        `estimate`, `behind` (how far behind the leader, on shared articles), `chance` (to catch up with it), `fate`:
        "in", "behind" when it rests, "gates" when it is out, "leads". A variant's last row says how it ended.
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
    risk: float = 0.04,
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

    All variants run the `first` articles. Then, round by round, the leader and the most promising half of those that
    may catch up run a block more, in one order of the articles for all, so that comparisons stay paired. A variant
    rests while its chance to catch up with the leader is smaller than `risk`, where a lead must be the clearer the
    earlier it is (after Lan, Simon and Halperin 1982), and comes back when the leader turns out to be less than it
    seemed (as in LUCB: Kalyanakrishnan and others 2012). When all others rest, or have run all articles, it is over.
    Gates come first: variants that mostly fail them are out whatever their metric. ``benchmarks/statistics.md`` has how
    often the best is found, and for how many calls.

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
        The chance to catch up below which a variant rests: smaller finds the best more surely, for more calls.
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
    done, going = np.zeros(len(variants), np.int64), np.ones(len(variants), bool)
    rounds, parts, told = list[pd.DataFrame](), list[pd.DataFrame](), pd.DataFrame()
    spent, stopped = 0.0, ""
    while going.any() and not stopped:
        until = np.where(going, np.minimum(done + (block if rounds else first), total), done)
        rows = (place >= done[variants.variant]) & (place < until[variants.variant])
        left = None if budget_usd is None else max(budget_usd - spent, 0.0)
        ran = run(trials[rows], store=store, budget_usd=left, progress=progress, **options)
        spent += float(ran.loc[~ran["cached"].fillna(True).astype(bool), "cost_usd"].sum())
        statuses = set(ran["status"].astype(str))
        stopped = "budget" if "skipped_budget" in statuses else "interrupted" if "cancelled" in statuses else ""
        parts.append(measure(ran))
        done = until
        frame = pd.concat(parts).sort_index()
        column = metric_column(frame, metric)
        sign = direction(column, lower_is_better)
        told = _standings(frame, variants, column, sign, total, risk, must_pass)
        rounds.append(told[going].assign(round=len(rounds) + 1))
        going = turn(told["chance"].to_numpy(float), done, total, risk)
    return _finished(frame, rounds, told, variants, len(trials), stopped, column, sign)


def _standings(
    frame: pd.DataFrame,
    variants: Variants,
    column: str,
    sign: int,
    total: int,
    risk: float,
    must_pass: float,
) -> pd.DataFrame:
    """Where each variant stands by all that was measured so far: one row per variant."""
    own = Variants(variants.table, variants.variant[frame.index], variants.article[frame.index], variants.articles)
    values = frame[column]
    means = own.means(values)
    able = np.ones(len(variants), bool)
    if "passed" in frame and column != "passed":
        passes = own.means(frame["passed"])
        n = (~np.isnan(passes)).sum(axis=0).astype(np.float64)
        able = ~(evidence.wilson(evidence.means(passes), n, 0.95)[1] < must_pass)
        if not able.any():  # none is better by its gates than another
            able[:] = True
    chance = np.zeros(len(variants))
    chance[able] = chances(sign * means[:, able], total, share=pd.api.types.is_bool_dtype(values.dtype))
    return pd.DataFrame(
        {
            "variant": np.arange(len(variants)),
            **variants.table,
            "n_articles": (~np.isnan(means)).sum(axis=0),
            "estimate": evidence.means(means),
            "behind": evidence.means(sign * (means[:, [int(chance.argmax())]] - means)),
            "chance": chance,
            "fate": np.where(able, np.where(chance < risk, BEHIND, IN), GATES),
        }
    )


def turn(chance: Floats, done: NDArray[np.int64], total: int, risk: float) -> NDArray[np.bool_]:
    """Who runs the next block: the most promising half of those that may catch up, and the leader.

    A leader that has more articles than they have waits for them: alone it would learn nothing.
    """
    leader = int(chance.argmax())
    hopeful = [at for at in np.argsort(-chance, kind="stable") if at != leader and chance[at] >= risk]
    chosen = [at for at in hopeful if done[at] < total]
    chosen = chosen[: math.ceil(len(chosen) / 2)]
    going = np.zeros(len(chance), bool)
    going[chosen] = True
    going[leader] = done[leader] <= max((done[at] for at in chosen), default=-1) and done[leader] < total
    return going


def chances(means: Floats, total: int, *, share: bool = False) -> Floats:
    """Each variant's chance to catch up with the present leader: means of shape (articles, variants).

    Variants have run unequally many articles: what articles differ by is fitted beside the variants, by least squares,
    so that a lead over a third one counts too (Yates 1933 for blocks with gaps); `n` is what that is worth in shared
    articles. What a variant lacks, in its standard error, times (n / (total - n)) ** .35 is read as a normal quantile.
    With a power of one half this would be the chance that luck alone turns the sign in the articles to come (stochastic
    curtailment: Lan, Simon and Halperin 1982), which drops too few in the middle; with 0 it would be an ordinary test
    after each block, which drops too many at the start. `benchmarks/statistics.md` has what lies in between.
    """
    told = np.flatnonzero(~np.isnan(means).all(axis=0))
    result = np.zeros(means.shape[1])
    if not len(told):
        return result + 0.5
    effect, doubt, residual = _fitted(means[:, told])
    best = int(effect.argmax())
    each = means[:, [told[best]]] - means[:, told]
    each[:, best] = np.nan
    if share:  # agreement of a few articles is no certainty
        each = np.concatenate([each, np.ones((1, each.shape[1])), -np.ones((1, each.shape[1]))])
    shared = (~np.isnan(each)).sum(axis=0).astype(np.float64)
    own = evidence.variances(each)
    pooled = 2 * residual if math.isfinite(residual) else math.inf
    more = np.maximum(shared - 1, 0)
    noise = (more * np.nan_to_num(own) + _BORROWED * pooled) / (more + _BORROWED)  # a few tell little of their spread
    with np.errstate(invalid="ignore", divide="ignore"):
        n = 2 / (doubt.diagonal() + doubt[best, best] - 2 * doubt[best])
        lag = (effect[best] - effect) * np.sqrt(n / noise) * (n / np.maximum(total - n, 0)) ** _HASTE
    result[told] = [0.5 * math.erfc(value / math.sqrt(2)) for value in np.nan_to_num(lag, nan=0.0)]
    result[told[best]] = 1.0
    return result


def _fitted(means: Floats) -> tuple[Floats, Floats, float]:
    """What variants differ by when articles differ too, its covariance for noise of one, and the noise's variance."""
    known = ~np.isnan(means)
    weight = known / np.maximum(known.sum(axis=1, keepdims=True), 1)
    filled = np.where(known, means, 0.0)
    centred = filled - known * (weight * filled).sum(axis=1, keepdims=True)
    curve = np.diag(known.sum(axis=0).astype(np.float64)) - known.T.astype(np.float64) @ weight
    doubt = np.linalg.inv(curve + 1 / len(curve) + 1e-9 * np.eye(len(curve)))  # only differences count
    effect = doubt @ centred.sum(axis=0)
    rest = centred - known * (effect - (weight @ effect)[:, None])
    free = known.sum() - known.any(axis=1).sum() - len(curve) + 1
    return effect, doubt, float((rest**2).sum() / free) if free > 0 else math.nan


def _finished(
    frame: pd.DataFrame,
    rounds: list[pd.DataFrame],
    last: pd.DataFrame,
    variants: Variants,
    full: int,
    stopped: str,
    column: str,
    sign: int,
) -> Race:
    first = int(last["chance"].to_numpy(float).argmax())
    last.loc[first, "fate"] = LEADS
    leader = variants.named(first)
    told = pd.concat(rounds, ignore_index=True)
    ends = told.drop_duplicates("variant", keep="last").index
    now = last.set_index("variant").loc[told.loc[ends, "variant"]]
    told.loc[ends, ["behind", "chance", "fate"]] = now[["behind", "chance", "fate"]].to_numpy()
    columns = ["round", *BY, "n_articles", "estimate", "behind", "chance", "fate"]
    dropped = {reason: int((last["fate"] == reason).sum()) for reason in (BEHIND, GATES)}
    why = [
        f"{count} {words}"
        for count, words in zip(dropped.values(), ("fell behind", "failed the gates"), strict=True)
        if count
    ]
    level = int((last["fate"] == IN).sum())
    beside = f"; {level} more at the finish" if level else ""
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
        f"({len(frame) / full:.0%}); {' and '.join(why) or 'none was dropped'}{beside}."
        f"{unknown}{ended.get(stopped, '')} Confirm it on articles that had no part."
    )
    told = told[columns]
    told.attrs = {"sentence": sentence, "metric": column, "lower_is_better": sign < 0}
    told.attrs |= {"articles": len(variants.articles)}
    return Race(leader, told, frame.reset_index(drop=True), len(frame), full, stopped)
