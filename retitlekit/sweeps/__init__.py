"""Run a sweep: send what is not yet answered, keep every response as it arrives, fill the frame.

All requests of a process go out from one background thread with its own event loop, so that the verbs work the same
in a script, in a notebook and under `await`, and the user's loop is never touched.
"""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd

from retitlekit import __version__
from retitlekit.errors import PlanError, RetitlekitWarning, StoreError, SweepError
from retitlekit.frame import PLAN_COLUMNS, check
from retitlekit.html import escape
from retitlekit.models.model import is_number, is_whole
from retitlekit.store import Response, Store
from retitlekit.sweeps.budgets import Purse
from retitlekit.sweeps.cluster import Spread, check_client
from retitlekit.sweeps.plans import Articles, Models, Prompts, plan
from retitlekit.sweeps.rows import Texts, answered, fill, sentence
from retitlekit.sweeps.runs import GRACE_S, Run, Terms, background_loop
from retitlekit.sweeps.trials import Trials

if TYPE_CHECKING:
    import distributed


def run(
    trials: pd.DataFrame,
    *,
    store: str | os.PathLike[str] = ".retitlekit",
    max_concurrency: int | None = None,
    budget_usd: float | None = None,
    max_tokens_total: int | None = None,
    deadline_s: float | None = None,
    timeout: float = 60,
    retries: int = 4,
    hedge_after: float | None = None,
    on_error: Literal["record", "raise"] = "record",
    progress: bool = True,
    client: distributed.Client | None = None,
) -> pd.DataFrame:
    """Send every trial that the store does not hold, and return the filled frame.

    Rows in are rows out, in the same order. A trial that fails is a row with its error. Rows whose `status` is
    already "ok" stay as they are, so ``run(frame)`` again, or ``run(frame[frame.status != "ok"])``, sends what is
    missing. Interrupting keeps everything: requests under way get five seconds to finish (none at a second
    interrupt), the partial frame is returned, and running again goes on from there.

    Parameters
    ----------
    trials : pandas.DataFrame
        From `plan`, a part of it, or a frame that was run before.
    store : path-like
        Folder of the store; made when missing.
    max_concurrency : int, optional
        Requests under way at once, over all models. Unless given, each model has a number of its own that starts at
        16, doubles while that brings more answers a second, and is cut when the provider says 429. Rate limits are
        learnt and kept either way: those of `Model`, those that answers tell of, those that a 429 shows. They are
        shared by all runs of the process.
    budget_usd : float, optional
        US dollars this run may spend. The worst case of a request (all its bytes as tokens, and the longest reply) is
        set aside before it is sent; what does not fit is left with status "skipped_budget". A request that may have
        been billed without an answer, as after a timeout, counts at its worst. Needs known prices. A provider that
        bills more than `max_tokens` allows is found out by its first answer, which is waited for.
    max_tokens_total : int, optional
        Tokens, read and written, that this run may use; kept in the same way.
    deadline_s : float, optional
        Seconds until the run ends. Nothing is sent to a model that usually takes longer than what is left; what has no
        answer by then is given up with the error "Timeout", and what was never sent is "skipped_budget".
    timeout : float
        Seconds for one request.
    retries : int
        Further tries of a trial after rate limits, server errors, timeouts, broken connections and garbled answers,
        after random waits of up to 1, 2, 4 … 60 s. All else fails at once. A refused key or spent credit stops all
        trials of that model.
    hedge_after : float, optional
        Seconds after which a request without an answer is sent a second time. The first answer is kept and the other
        request given up; `attempts` counts both, and `cost_usd` takes the second one to cost as much as the first.
    on_error : {"record", "raise"}
        "raise" stops at the first trial that fails for good.
    progress : bool
        Show a progress bar with the cost so far and the number of errors.
    client : distributed.Client, optional
        Of a dask cluster whose workers are to send the requests, each its share under the same limits (needs
        ``pip install 'retitlekit[dask]'``, there too). Responses come to the store here as they arrive; keys are
        looked up where the workers run. See docs/cluster.md.

    Returns
    -------
    pandas.DataFrame
        The trials with the columns of `COLUMNS` that run writes.

    Raises
    ------
    ModelError
        Before anything is sent, when a model lacks its key or its server does not answer.
    StoreError
        When the store cannot be opened.
    SweepError
        For ``on_error="raise"``, or when the store stops taking responses; its `frame` holds what was answered.

    Examples
    --------
    >>> trials = rk.plan(prompts, articles[:3], models="baseline/prefix")
    >>> frame = rk.run(trials, store=tmp, progress=False)
    >>> frame.status.unique().tolist()
    ['ok']
    """
    job = start(
        trials,
        store=store,
        max_concurrency=max_concurrency,
        budget_usd=budget_usd,
        max_tokens_total=max_tokens_total,
        deadline_s=deadline_s,
        timeout=timeout,
        retries=retries,
        hedge_after=hedge_after,
        on_error=on_error,
        client=client,
    )
    return job.wait(progress=progress)


async def arun(trials: pd.DataFrame, **options: Any) -> pd.DataFrame:
    """`run`, awaited: takes the same arguments but `progress`. Cancelling it stops the sweep at once.

    Examples
    --------
    >>> import asyncio
    >>> trials = rk.plan(prompts, articles[:3], models="baseline/prefix")
    >>> len(asyncio.run(rk.arun(trials, store=tmp))) == len(trials)
    True
    """
    job = await asyncio.to_thread(start, trials, **options)
    try:
        await asyncio.to_thread(job._finished.wait)
    except asyncio.CancelledError:
        job.stop(grace_s=0)
        raise
    return job.wait(progress=False)


def start(
    trials: pd.DataFrame,
    *,
    store: str | os.PathLike[str] = ".retitlekit",
    max_concurrency: int | None = None,
    budget_usd: float | None = None,
    max_tokens_total: int | None = None,
    deadline_s: float | None = None,
    timeout: float = 60,
    retries: int = 4,
    hedge_after: float | None = None,
    on_error: Literal["record", "raise"] = "record",
    client: distributed.Client | None = None,
) -> Job:
    """`run` without waiting: the notebook stays free while the `Job` fills its frame.

    Examples
    --------
    >>> job = rk.start(rk.plan(prompts, articles[:3], models="baseline/prefix"), store=tmp)
    >>> job.wait(progress=False).status.unique().tolist()
    ['ok']
    """
    check(trials, needs=PLAN_COLUMNS)
    if on_error not in ("record", "raise"):
        raise PlanError(f"on_error={on_error!r}: give 'record' or 'raise'")
    for name, value, least in (("max_concurrency", max_concurrency, 1), ("retries", retries, 0)):
        if (value is not None or name == "retries") and not (is_whole(value) and value >= least):  # type: ignore[operator]
            raise PlanError(f"{name}={value!r}: give a whole number from {least} up")
    for name, seconds in {"timeout": timeout, "deadline_s": deadline_s, "hedge_after": hedge_after}.items():
        if (seconds is not None or name == "timeout") and not (is_number(seconds) and seconds > 0):  # type: ignore[operator]
            raise PlanError(f"{name}={seconds!r}: give seconds above 0")
    purse = Purse(budget_usd, max_tokens_total)
    terms = Terms(timeout, retries, max_concurrency, hedge_after, deadline_s, stop_at_error=on_error == "raise")
    if client is not None:
        check_client(client)
    kept = Store(store)
    try:
        job = Job(trials, kept, purse, terms, client)
    except BaseException:
        kept.close()
        raise
    try:
        job._begin()
    except BaseException:
        job._abandon()
        raise
    return job


def sweep(
    prompts: Prompts,
    articles: Articles,
    *,
    models: Models,
    temperatures: Iterable[float | None] | float | None = (None,),
    repeats: int = 1,
    store: str | os.PathLike[str] = ".retitlekit",
    max_concurrency: int | None = None,
    budget_usd: float | None = None,
    max_tokens_total: int | None = None,
    deadline_s: float | None = None,
    timeout: float = 60,
    retries: int = 4,
    hedge_after: float | None = None,
    on_error: Literal["record", "raise"] = "record",
    progress: bool = True,
    client: distributed.Client | None = None,
    **params: Any,
) -> pd.DataFrame:
    """`plan` and `run` in one call, with the arguments of both.

    Examples
    --------
    >>> frame = rk.sweep(prompts, articles[:2], models="baseline/prefix", store=tmp, progress=False)
    >>> len(frame) == 2 * len(prompts)
    True
    """
    trials = plan(prompts, articles, models=models, temperatures=temperatures, repeats=repeats, **params)
    return run(
        trials,
        store=store,
        max_concurrency=max_concurrency,
        budget_usd=budget_usd,
        max_tokens_total=max_tokens_total,
        deadline_s=deadline_s,
        timeout=timeout,
        retries=retries,
        hedge_after=hedge_after,
        on_error=on_error,
        progress=progress,
        client=client,
    )


class Job:
    """A sweep under way. `frame` is its state now; `wait` ends with the whole; `stop` ends it early."""

    def __init__(
        self,
        trials: pd.DataFrame,
        store: Store,
        purse: Purse,
        terms: Terms,
        client: distributed.Client | None = None,
    ) -> None:
        self.run_id = uuid.uuid4().hex[:12]
        self._frame = trials
        self._kept = answered(trials)
        self._texts = Texts(trials)
        self._store = store
        self._purse = purse
        self._terms = terms
        parts = self.run_id, store, self._texts, purse, terms
        self._run = Run(*parts) if client is None else Spread(*parts, client=client, frame=trials)
        self._finished = threading.Event()
        self._loop = background_loop()
        self._stopping = False
        self._total = self._cached = 0
        _under_way.add(self)

    # -- what a caller sees

    @property
    def frame(self) -> pd.DataFrame:
        """The frame as it stands; rows that wait are "planned", or "cancelled" once the job has ended."""
        with _collecting_seldom():
            return fill(
                self._frame,
                self._kept,
                self._texts,
                run_id=self.run_id,
                responses=self._run.responses,
                failures=self._run.failures,
                skipped=self._run.skipped,
                open_status="cancelled" if self._finished.is_set() else "planned",
            )

    @property
    def cost_usd(self) -> float:
        """US dollars of the answers this run paid for, as far as prices are known."""
        return self._run.cost_usd

    def wait(self, *, progress: bool = True) -> pd.DataFrame:
        """Wait for the end and return the frame; an interrupt stops the sweep and keeps what was answered."""
        from tqdm.auto import tqdm

        interrupted = False
        with tqdm(total=self._total, initial=self._cached, unit="trial", disable=None if progress else True) as bar:
            while True:
                try:
                    finished = self._finished.wait(0.1)
                    bar.n = self.done
                    bar.set_postfix_str(f"${self.cost_usd:.4f}, {len(self._run.failures)} errors")
                    if finished:
                        break
                except KeyboardInterrupt:
                    self.stop(grace_s=0 if interrupted else GRACE_S)
                    interrupted = True
        frame = self.frame
        if self._run.problem is not None:
            raise SweepError(f"the sweep stopped: {self._run.problem}", frame) from self._run.problem
        self._report(interrupted)
        return frame

    def finished(self, timeout_s: float = 0) -> bool:
        """Whether the sweep is over, or is so within some seconds; unlike `wait` it warns of nothing."""
        return self._finished.wait(timeout_s)

    @property
    def problem(self) -> Exception | None:
        """What ended the sweep before its time, if anything did."""
        return self._run.problem

    def stop(self, *, grace_s: float = GRACE_S) -> None:
        """Send nothing more; requests under way get `grace_s` seconds to be answered."""
        self._stopping = True
        self._loop.call_soon_threadsafe(self._run.stop, grace_s)

    @property
    def done(self) -> int:
        """Trials that are over: answered, failed or skipped."""
        return len(self._run.responses) + len(self._run.failures) + len(self._run.skipped)

    def __repr__(self) -> str:
        state = "finished" if self._finished.is_set() else "stopping" if self._stopping else "running"
        return f"<Job {self.run_id}: {state}, {self.done} of {self._total} trials, {len(self._run.failures)} errors>"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"

    def _report(self, interrupted: bool) -> None:
        answers, failures = self._run.responses, self._run.failures
        told = list(self._run.notes)
        if failures:
            kinds = Counter(failure.error_type for failure in failures.values()).most_common(4)
            first = next(iter(failures.values())).error
            told.append(
                f"{len(failures)} of {self._total} trials failed: "
                f"{', '.join(f'{kind} ({count})' for kind, count in kinds)}. First: {sentence(first)} "
                f"run(frame) again sends only what is not answered."
            )
        if interrupted or self._run.limit or self.done < self._total:
            why = "interrupted" if interrupted else f"stopped by {self._run.limit}" if self._run.limit else "stopped"
            told.append(
                f"{why}: {len(answers)} of {self._total} trials are answered and stored; "
                f"run(frame) again sends the other {self._total - len(answers)}."
            )
        if told:
            warnings.warn("\n".join(told), RetitlekitWarning, stacklevel=4)

    # -- how it runs

    def asks(self, trial_ids: Collection[str]) -> set[str]:
        """Which of these trials it sends, and has no answer of yet."""
        own = self._frame["trial_id"].to_numpy(dtype=object)[~self._kept]
        return set(own).intersection(trial_ids).difference(self._run.responses)

    def _begin(self) -> None:
        """Find what is to be sent, check that it can be, and hand it over."""
        trials = Trials(self._frame)
        rows = np.flatnonzero(~self._kept)
        rows = rows[~pd.Series(trials.ids[rows]).duplicated().to_numpy()]
        found = self._stored(trials.ids, rows)
        self._run.responses.update(found)
        self._total, self._cached = len(rows), len(found)
        todo = rows[[trial_id not in found for trial_id in trials.ids[rows]]] if found else rows
        waiting = set[str]().union(*self._store.open_batches(trials.ids[todo]).values())
        if waiting:
            raise PlanError(
                f"{len(waiting)} of these trials are in a batch and would be paid for twice: "
                "collect_batch(trials) or cancel_batch(trials) first"
            )
        self._run.check_ready(trials.models(todo))
        for trial in trials.kinds(todo):
            self._purse.worst(trial)  # a budget that could not hold is refused before anything is sent
        self._store.begin(self.run_id, time.time(), self._total, __version__)
        asyncio.run_coroutine_threadsafe(self._send(trials, todo), self._loop)

    def _stored(self, ids: np.ndarray, rows: np.ndarray) -> dict[str, Response]:
        """What the store holds of these rows; where titles must be extracted anew, they are kept there."""
        found = self._store.find(ids[rows])
        stale = []
        for row in rows:
            response = found.get(ids[row])
            if response is not None and (titled := self._texts.titled(response, int(row))) is not response:
                found[ids[row]] = titled
                stale.append(titled)
        self._store.retitle(stale)
        return found

    async def _send(self, trials: Trials, rows: np.ndarray) -> None:
        try:
            with _collecting_seldom():
                await self._run.main(trials, rows)
        except Exception as problem:  # noqa: BLE001 - it must reach the caller, who waits for the end
            self._run.problem = self._run.problem or problem
        finally:
            try:
                await _aside(self._store.close)
            except StoreError as problem:
                self._run.problem = self._run.problem or problem
                self._run.land(self._store.lost)  # nowhere but in the error's frame
            self._run.leave()
            _under_way.discard(self)
            self._finished.set()

    def _abandon(self) -> None:
        """Leave nothing behind when it could not begin."""
        self._run.leave()
        _under_way.discard(self)
        self.stop(grace_s=0)
        self._store.close()


_under_way: set[Job] = set()


def under_way(store: Store, trial_ids: Collection[str]) -> set[str]:
    """Which of these trials a sweep of this process is sending now, for the same store."""
    home = store.path.resolve()
    jobs = [job for job in tuple(_under_way) if job._store.path.resolve() == home]
    return set[str]().union(*(job.asks(trial_ids) for job in jobs))


_SELDOM = (50_000, 20, 50)
_collecting = threading.Lock()
_collectors: list[tuple[int, int, int]] = []  # of each job under way: the thresholds that it found


@contextmanager
def _collecting_seldom() -> Iterator[None]:
    """Look for garbage less often: with LiteLLM in memory that was a fifth of a sweep's time."""
    with _collecting:
        _collectors.append(gc.get_threshold())
        gc.set_threshold(*_SELDOM)
    try:
        yield
    finally:
        with _collecting:
            found = _collectors.pop()
            if not _collectors:
                if not gc.get_freeze_count():  # what was made meanwhile counts as old: else all of it is looked through
                    gc.freeze()
                    gc.unfreeze()
                gc.set_threshold(*found)


async def _aside(wait: Callable[[], None]) -> None:
    """Let a thread wait; at the interpreter's exit there are no new ones."""
    try:
        await asyncio.to_thread(wait)
    except RuntimeError:
        wait()


def _forget() -> None:
    """A forked child has none of its parent's sweeps, and must not wait for a lock that one of its threads held."""
    global _collecting
    _collecting = threading.Lock()
    _collectors.clear()
    _under_way.clear()


os.register_at_fork(after_in_child=_forget)
