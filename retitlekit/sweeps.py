"""Run a sweep: send what is not yet answered, keep every response as it arrives, fill the frame.

All requests of a process go out from one background thread with its own event loop, so that the verbs work the same
in a script, in a notebook and under `await`, and the user's loop is never touched.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
import random
import threading
import time
import uuid
import warnings
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, Literal, NamedTuple

import numpy as np
import pandas as pd

from retitlekit import __version__
from retitlekit import models as _models
from retitlekit.errors import CallError, PlanError, RetitlekitWarning, SweepError
from retitlekit.frame import PLAN_COLUMNS, RUN_COLUMNS, STATUSES, check, typed
from retitlekit.html import escape
from retitlekit.models import Model
from retitlekit.plans import Articles, Models, Prompts, plan
from retitlekit.sandbox import unseal
from retitlekit.store import Response, Store
from retitlekit.titles import Extraction, extract_title

_CONCURRENCY = 32
_GRACE_S = 5.0
_LONGEST_WAIT_S = 60.0


def run(
    trials: pd.DataFrame,
    *,
    store: str | os.PathLike[str] = ".retitlekit",
    max_concurrency: int | None = None,
    budget_usd: float | None = None,
    timeout: float = 60,
    retries: int = 4,
    on_error: Literal["record", "raise"] = "record",
    progress: bool = True,
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
        Requests under way at once; 32 unless given.
    budget_usd : float, optional
        US dollars this run may spend. The worst case of a request is set aside before it is sent; what does not
        fit is left with status "skipped_budget". Needs known prices.
    timeout : float
        Seconds for one request.
    retries : int
        Further tries after rate limits, server errors, timeouts and broken connections, with growing waits.
    on_error : {"record", "raise"}
        "raise" stops at the first trial that fails for good.
    progress : bool
        Show a progress bar with the cost so far and the number of errors.

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
        timeout=timeout,
        retries=retries,
        on_error=on_error,
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
    timeout: float = 60,
    retries: int = 4,
    on_error: Literal["record", "raise"] = "record",
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
    if max_concurrency is not None and max_concurrency < 1:
        raise PlanError(f"max_concurrency={max_concurrency!r}: give 1 or more, or None")
    if retries < 0 or timeout <= 0 or (budget_usd is not None and budget_usd < 0):
        raise PlanError("retries and budget_usd must not be negative, and timeout must be above 0")
    job = Job(trials, Store(store), timeout, retries, on_error == "raise")
    try:
        job._prepare(max_concurrency or _CONCURRENCY, budget_usd)
    except BaseException:
        job._store.close()
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
    timeout: float = 60,
    retries: int = 4,
    on_error: Literal["record", "raise"] = "record",
    progress: bool = True,
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
        timeout=timeout,
        retries=retries,
        on_error=on_error,
        progress=progress,
    )


class _Failure(NamedTuple):
    started_at: float | None
    latency_s: float | None
    attempts: int
    error_type: str
    error: str


class Job:
    """A sweep under way. `frame` is its state now; `wait` ends with the whole; `stop` ends it early."""

    def __init__(self, trials: pd.DataFrame, store: Store, timeout: float, retries: int, raises: bool) -> None:
        self.run_id = uuid.uuid4().hex[:12]
        self._trials = trials
        self._store = store
        self._timeout = timeout
        self._retries = retries
        self._raises = raises
        self._kept = _answered(trials)
        self._responses: dict[str, Response] = {}
        self._failures: dict[str, _Failure] = {}
        self._skipped: set[str] = set()
        self._refused: dict[str, CallError] = {}  # endpoints that refused our key
        self._finished = threading.Event()
        self._problem: Exception | None = None
        self._requests = _Requests(trials)
        self._purse: _Purse | None = None
        self._workers: list[asyncio.Task[None]] = []
        self._loop = _background_loop()
        self._stopping = False
        self._stopped = asyncio.Event()
        self._total = self._cached = 0
        self.cost_usd = 0.0  # of the answers this run paid for, as far as prices are known

    # -- what a caller sees

    @property
    def frame(self) -> pd.DataFrame:
        """The frame as it stands; rows that wait are "planned", or "cancelled" once the job has ended."""
        return _fill(self)

    def wait(self, *, progress: bool = True) -> pd.DataFrame:
        """Wait for the end and return the frame; an interrupt stops the sweep and keeps what was answered."""
        from tqdm.auto import tqdm

        interrupted = False
        with tqdm(total=self._total, initial=self._cached, unit="trial", disable=None if progress else True) as bar:
            while True:
                try:
                    finished = self._finished.wait(0.1)
                    bar.n = self.done
                    bar.set_postfix_str(f"${self.cost_usd:.4f}, {len(self._failures)} errors")
                    if finished:
                        break
                except KeyboardInterrupt:
                    self.stop(grace_s=0 if interrupted else _GRACE_S)
                    interrupted = True
        frame = self.frame
        if self._problem is not None:
            raise SweepError(f"the sweep stopped: {self._problem}", frame) from self._problem
        self._report(interrupted)
        return frame

    def stop(self, *, grace_s: float = _GRACE_S) -> None:
        """Send nothing more; requests under way get `grace_s` seconds to be answered."""
        self._stopping = True
        self._loop.call_soon_threadsafe(self._end, grace_s)

    @property
    def done(self) -> int:
        """Trials that are over: answered, failed or skipped."""
        return len(self._responses) + len(self._failures) + len(self._skipped)

    def __repr__(self) -> str:
        state = "finished" if self._finished.is_set() else "stopping" if self._stopping else "running"
        return f"<Job {self.run_id}: {state}, {self.done} of {self._total} trials, {len(self._failures)} errors>"

    def _repr_html_(self) -> str:
        return f"<code>{escape(repr(self))}</code>"

    def _report(self, interrupted: bool) -> None:
        left = self._total - self.done + len(self._skipped)
        if self._failures:
            kinds = Counter(failure.error_type for failure in self._failures.values()).most_common(4)
            told = ", ".join(f"{kind} ({count})" for kind, count in kinds)
            first = next(iter(self._failures.values())).error
            warnings.warn(
                f"{len(self._failures)} of {self._total} trials failed: {told}. First: {first:.300} "
                f"run(frame) again sends only what is not answered.",
                RetitlekitWarning,
                stacklevel=4,
            )
        if interrupted or left:
            why = "interrupted" if interrupted else "stopped by budget_usd" if self._skipped else "stopped"
            warnings.warn(
                f"{why}: {len(self._responses)} of {self._total} trials are answered and stored; "
                f"run(frame) again sends the other {self._total - len(self._responses)}.",
                RetitlekitWarning,
                stacklevel=4,
            )

    # -- how it runs

    def _prepare(self, concurrency: int, budget_usd: float | None) -> None:
        """Find what is to be sent, check that it can be, and begin."""
        ids = self._trials["trial_id"].to_numpy(dtype=object)
        rows = np.flatnonzero(~self._kept)
        rows = rows[~pd.Series(ids[rows]).duplicated().to_numpy()]
        self._responses = self._store.find(ids[rows])
        self._total, self._cached = len(rows), len(self._responses)
        todo = [int(row) for row in rows if ids[row] not in self._responses]
        asked = self._requests.models(todo)
        _models.check_ready(asked)
        if budget_usd is not None:
            self._purse = _Purse(budget_usd)
            self._requests.check_prices(todo)
        self._store.begin(self.run_id, time.time(), self._total, __version__)
        asyncio.run_coroutine_threadsafe(self._main(todo, concurrency), self._loop)

    async def _main(self, todo: list[int], concurrency: int) -> None:
        rows = iter(todo)
        self._workers = [asyncio.create_task(self._work(rows)) for _ in range(min(concurrency, len(todo)))]
        try:
            for result in await asyncio.gather(*self._workers, return_exceptions=True):
                if isinstance(result, Exception):
                    self._problem = self._problem or result
        finally:
            self._store.close()
            self._finished.set()

    def _end(self, grace_s: float) -> None:
        self._stopping = True
        self._stopped.set()
        for worker in self._workers:
            self._loop.call_later(grace_s, worker.cancel)

    async def _work(self, rows: Iterator[int]) -> None:
        try:
            for row in rows:
                if self._stopping:
                    return
                await self._answer(self._requests[row])
                await asyncio.sleep(0)  # an embedded model never waits: let the others in
        except Exception as problem:
            self._problem = self._problem or problem
            self._end(_GRACE_S)
            raise

    async def _answer(self, request: _Request) -> None:
        refusal = self._refused.get(request.model.endpoint)
        if refusal is not None:
            self._failures[request.trial_id] = _Failure(None, None, 0, refusal.error_type, f"not sent: {refusal}")
            return
        worst = self._requests.worst_cost(request) if self._purse else 0.0
        if self._purse and not await self._purse.reserve(worst):
            self._skipped.add(request.trial_id)
            return
        spent: float | None = 0.0
        try:
            spent = await self._try(request)
        finally:
            if self._purse:
                await self._purse.settle(worst, worst if spent is None else spent)

    async def _try(self, request: _Request) -> float | None:
        """Ask until there is an answer or no more use; returns the cost, None when it is unknown."""
        for attempt in range(1, self._retries + 2):
            started, clock = time.time(), time.perf_counter()
            try:
                reply = await _models.complete(
                    request.model,
                    request.messages,
                    temperature=request.temperature,
                    params=request.params,
                    repeat=request.repeat,
                    timeout=self._timeout,
                )
            except CallError as problem:
                latency = time.perf_counter() - clock
                if problem.retryable and attempt <= self._retries:
                    if await self._pause(attempt, problem.retry_after):
                        return 0.0  # stopped while waiting: the trial stays open
                    continue
                failure = _Failure(started, latency, attempt, problem.error_type, str(problem))
                self._fail(request, failure, problem)
                return None if problem.error_type in ("Timeout", "APIConnectionError") else 0.0
            latency = time.perf_counter() - clock
            response = Response(
                request.trial_id, self.run_id, started, latency, attempt, *reply, model=request.model.endpoint
            )
            self._responses[request.trial_id] = response
            self._store.save(response)
            self.cost_usd += reply.cost_usd or 0.0
            return reply.cost_usd
        raise AssertionError("unreachable: the last attempt returns")

    def _fail(self, request: _Request, failure: _Failure, problem: CallError) -> None:
        self._failures[request.trial_id] = failure
        if problem.error_type in ("AuthenticationError", "PermissionDeniedError"):
            self._refused[request.model.endpoint] = problem
        if self._raises and self._problem is None:
            self._problem = problem
            self._end(_GRACE_S)

    async def _pause(self, attempt: int, retry_after: float | None) -> bool:
        """Wait with exponential full jitter, at least as long as the provider asks; True when stopped meanwhile."""
        wait = random.uniform(0, min(_LONGEST_WAIT_S, 0.5 * 2**attempt))  # noqa: S311 - jitter
        wait = max(wait, min(retry_after or 0.0, _LONGEST_WAIT_S))
        try:
            await asyncio.wait_for(self._stopped.wait(), wait)
        except TimeoutError:
            return False
        return True


class _Request(NamedTuple):
    trial_id: str
    model: Model
    messages: list[dict[str, str]]
    temperature: float | None
    params: dict[str, Any]
    repeat: int


class _Requests:
    """The rows of a frame as requests; made one at a time, so that a million trials stay small."""

    def __init__(self, trials: pd.DataFrame) -> None:
        self._ids = trials["trial_id"].to_numpy(dtype=object)
        self._heat = trials["temperature"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        self._repeat = trials["repeat"].to_numpy(dtype=int)
        self._codes, self._values = {}, {}
        for name in ("model", "endpoint", "params", "messages"):
            column = trials[name].astype("category").cat
            self._codes[name], self._values[name] = column.codes.to_numpy(), column.categories.to_list()

    def __getitem__(self, row: int) -> _Request:
        heat = float(self._heat[row])
        return _Request(
            self._ids[row],
            _model(self._value("endpoint", row), self._value("model", row)),
            _parsed(self._value("messages", row)),
            None if math.isnan(heat) else heat,
            _parsed(self._value("params", row)),
            int(self._repeat[row]),
        )

    def _value(self, column: str, row: int) -> str:
        return str(self._values[column][self._codes[column][row]])

    def models(self, rows: list[int]) -> list[Model]:
        """The models that these rows ask."""
        names = {(self._codes["endpoint"][row], self._codes["model"][row]): row for row in rows}
        return [_model(self._value("endpoint", row), self._value("model", row)) for row in names.values()]

    def worst_cost(self, request: _Request) -> float:
        """US dollars if the reply is as long as it can be."""
        if request.model.embedded:
            return 0.0
        price, longest = _models.prices(request.model), _models.longest_reply(request.model, request.params)
        if price is None:
            raise PlanError(
                f"{request.model.name}: its price is unknown, so budget_usd cannot hold; give "
                "rk.Model(…, input_cost_per_token=…, output_cost_per_token=…)"
            )
        if longest is None:
            raise PlanError(
                f"{request.model.name}: the longest reply is unknown, so budget_usd cannot hold; plan with max_tokens=…"
            )
        return _models.count_tokens(request.model, request.messages) * price[0] + longest * price[1]

    def check_prices(self, rows: list[int]) -> None:
        """Raise a `PlanError` when a budget could not hold; looks at one row of each model and parameters."""
        kinds = {(self._codes["endpoint"][row], self._codes["params"][row]): row for row in rows}
        for row in kinds.values():
            self.worst_cost(self[row])


class _Purse:
    """A budget under concurrency: what may be spent is set aside before a request is sent."""

    def __init__(self, limit: float) -> None:
        self._limit = limit
        self._spent = 0.0
        self._reserved: list[float] = []
        self._changed = asyncio.Condition()

    async def reserve(self, amount: float) -> bool:
        """Set `amount` aside; False when it will never fit."""
        async with self._changed:
            while self._spent + math.fsum(self._reserved) + amount > self._limit:
                if not self._reserved:
                    return False
                await self._changed.wait()
            self._reserved.append(amount)
            return True

    async def settle(self, reserved: float, spent: float) -> None:
        """Give back what was set aside and book what was spent."""
        async with self._changed:
            self._reserved.remove(reserved)
            self._spent += spent
            self._changed.notify_all()


# ---- results into rows


def _answered(trials: pd.DataFrame) -> np.ndarray:
    """Which rows are answered already, in this frame."""
    if "status" not in trials or "completion" not in trials:
        return np.zeros(len(trials), dtype=bool)
    done = (trials["status"] == "ok") & trials["completion"].notna()
    return done.to_numpy(dtype=bool, na_value=False)


def _fill(job: Job) -> pd.DataFrame:
    trials, kept = job._trials, job._kept
    filled = typed(_outcomes(job, trials[~kept])).set_axis(np.flatnonzero(~kept), axis=0)
    if kept.any():
        old = trials.loc[kept].reindex(columns=list(RUN_COLUMNS)).set_axis(np.flatnonzero(kept), axis=0)
        filled = pd.concat([filled, typed(old)]).sort_index()
    filled["status"] = filled["status"].astype(pd.CategoricalDtype(list(STATUSES)))
    others = [name for name in trials.columns if name not in PLAN_COLUMNS and name not in RUN_COLUMNS]
    parts = [trials[list(PLAN_COLUMNS)], filled.set_axis(trials.index, axis=0), trials[others]]
    return pd.concat(parts, axis=1)


def _outcomes(job: Job, trials: pd.DataFrame) -> pd.DataFrame:
    """The run's columns for these rows."""
    open_status = "cancelled" if job._finished.is_set() else "planned"
    texts = trials["messages"].astype(str), trials["original_title"].astype(str), trials["body"].astype(str)
    rows = []
    for trial_id, messages, title, body in zip(trials["trial_id"], *texts, strict=True):
        response = job._responses.get(trial_id)
        if response is not None:
            found = _extract(response.completion, response.finish_reason, _instructions(messages, title, body))
            rows.append(_row_of(response, found, cached=response.run_id != job.run_id))
        elif (failure := job._failures.get(trial_id)) is not None:
            rows.append({**failure._asdict(), "run_id": job.run_id, "cached": False, "status": "error"})
        else:
            rows.append({"status": "skipped_budget" if trial_id in job._skipped else open_status})
    frame = pd.DataFrame(rows, columns=list(RUN_COLUMNS), index=trials.index)
    frame["started_at"] = pd.to_datetime(frame["started_at"].astype("Float64"), unit="s", utc=True)
    return frame


def _row_of(response: Response, found: Extraction, *, cached: bool) -> dict[str, Any]:
    row = response._asdict()
    return row | {
        "cached": cached,
        "status": "ok",
        "title": found.title,
        "repairs": ",".join(found.repairs),
        "error_type": found.problem,
    }


_extract = lru_cache(maxsize=4096)(
    lambda completion, reason, instructions: extract_title(completion, finish_reason=reason, instructions=instructions)
)


@lru_cache(maxsize=4096)
def _instructions(messages: str, title: str, body: str) -> str:
    """What the prompt says beside the article: echoing that is a leak, echoing the article is not."""
    text = unseal("\n".join(message["content"] for message in json.loads(messages)))
    for part in map(unseal, (body, *body.split("\n\n"), title)):
        if part.strip():
            text = text.replace(part.strip(), " ")
    return text


# ---- shared by all jobs


_model = lru_cache(maxsize=256)(_models.from_endpoint)
_parsed = lru_cache(maxsize=1024)(json.loads)
_starting = threading.Lock()
_running: dict[int, asyncio.AbstractEventLoop] = {}


def _background_loop() -> asyncio.AbstractEventLoop:
    """The loop that all sweeps of this process share, in a thread of its own; a forked child gets its own."""
    with _starting:
        loop = _running.get(os.getpid())
        if loop is None:
            loop = asyncio.new_event_loop()
            threading.Thread(target=loop.run_forever, name="retitlekit", daemon=True).start()
            _running[os.getpid()] = loop
        return loop
