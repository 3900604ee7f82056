"""Batches: a sweep at half price, for those who can wait a day.

`submit_batch` hands trials to a provider's batch API through LiteLLM's calls for files and batches; `collect_batch`
brings the answers into the same store and the same frame, in this session or in another. A batch is noted in the store
before the provider hears of it and carries our token as metadata, so that one whose confirmation was lost is found
again, and no trial is paid for twice.
"""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
import warnings
from collections import Counter
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping
from concurrent.futures import wait
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd

from retitlekit import models as _models
from retitlekit.errors import CallError, PlanError, RetitlekitWarning
from retitlekit.frame import PLAN_COLUMNS, check
from retitlekit.models import Model
from retitlekit.models.model import is_number
from retitlekit.models.prices import highest_batch_prices
from retitlekit.store import Batch, Response, Store
from retitlekit.sweeps import under_way
from retitlekit.sweeps.budgets import Amount, Purse
from retitlekit.sweeps.rows import Failure, Texts, answered, fill, sentence
from retitlekit.sweeps.runs import background_loop
from retitlekit.sweeps.trials import Trial, Trials

T = TypeVar("T")

_MOST_TRIALS, _MOST_BYTES = 50_000, 190_000_000  # OpenAI takes 50,000 requests and 200 MB a batch
_POLL_S = 20.0
_LISTED_S = 900.0  # a batch that the provider does not list by then never reached it
# What the provider says of a batch that will not change any more, and the error of a trial it did not answer.
_OVER = {
    "completed": "BatchIncomplete",
    "failed": "BatchFailed",
    "expired": "BatchExpired",
    "cancelled": "BatchCancelled",
}


def submit_batch(
    trials: pd.DataFrame, *, store: str | os.PathLike[str] = ".retitlekit", budget_usd: float | None = None
) -> list[Batch]:
    """Hand every trial that is neither answered nor already in a batch to its provider's batch API.

    Batches cost half (``estimate(trials, batch=True)``) and are answered within a day. For OpenAI, Azure, a LiteLLM
    proxy, and servers that speak OpenAI's files and batches. One batch holds one model and at most 50,000 trials, so
    there may be several; the store keeps them. `collect_batch` brings the answers, tomorrow and from another kernel
    too, and `cancel_batch` calls them off.

    Parameters
    ----------
    trials : pandas.DataFrame
        From `plan`, a part of it, or a frame that was run before.
    store : path-like
        Folder of the store; made when missing.
    budget_usd : float, optional
        US dollars. Nothing is submitted when the worst case of all trials together is above it.

    Returns
    -------
    list of Batch
        Empty when there is nothing to submit.

    Raises
    ------
    PlanError
        When the budget cannot hold, or a sweep of this process is sending some of these trials.
    ModelError
        When a model is not ready, or embedded, its provider has no such batches, or refuses one. Batches submitted
        before stay in the store.

    Examples
    --------
    >>> trials = rk.plan(prompts, articles[:2], models="openai/gpt-4o-mini")
    >>> batches = rk.submit_batch(trials)  # doctest: +SKIP
    """
    check(trials, needs=PLAN_COLUMNS)
    requests, rows = Trials(trials), _rows(trials, ~answered(trials))
    with Store(store) as kept:
        _check_free(kept, rows)
        done = kept.holds(rows).union(*kept.open_batches(rows).values())
        todo = np.array([row for trial_id, row in rows.items() if trial_id not in done], dtype=int)
        models = requests.models(todo)
        for model in models:
            _models.check_batches(model)
        _models.check_ready(models)
        if budget_usd is not None:
            _check_budget([requests[row] for row in todo], budget_usd)
        return _run(_submit(kept, requests, todo))


def collect_batch(
    trials: pd.DataFrame, *, store: str | os.PathLike[str] = ".retitlekit", wait_s: float = 0
) -> pd.DataFrame:
    """Bring the answers of batches into the store, and return the frame as it stands.

    Rows in are rows out, as with `run`. Trials whose batch is still under way stay "planned". A trial that a batch
    did not answer is a row with its error: the provider's, or "BatchExpired", "BatchCancelled", "BatchFailed",
    "BatchIncomplete" (no line for it came). Such trials can be submitted or run again. `latency_s` is missing: nobody
    measured it. `cost_usd` is at the batch's price.

    Parameters
    ----------
    trials : pandas.DataFrame
        What was submitted: the same `plan` again, or a frame.
    store : path-like
        Folder of the store that `submit_batch` was given.
    wait_s : float
        Seconds to wait for batches under way; 0 looks once. An interrupt ends the waiting.

    Returns
    -------
    pandas.DataFrame
        The trials with the columns that `run` writes.

    Raises
    ------
    ModelError
        When the provider does not answer, or refuses the key; nothing is lost.

    Examples
    --------
    >>> frame = rk.collect_batch(rk.plan(prompts, articles[:2], models="openai/gpt-4o-mini"), store=tmp)
    >>> frame.status.unique().tolist()
    ['planned']
    """
    check(trials, needs=PLAN_COLUMNS)
    if not is_number(wait_s):
        raise PlanError(f"wait_s={wait_s!r}: give seconds; 0 looks once")
    end = time.monotonic() + wait_s
    with Store(store) as kept:
        collector = _Collector(kept, Trials(trials), _rows(trials), Texts(trials))
        try:
            while _run(collector.look()) and (left := end - time.monotonic()) > 0:
                time.sleep(min(_POLL_S, left))
        except KeyboardInterrupt:
            pass  # what was collected is stored
        under_way = list(kept.open_batches(collector.rows))
        responses, failed = kept.find(collector.rows), kept.batch_failures(collector.rows)
    failures = {
        trial_id: Failure(submitted_at, None, 1, error_type, error)
        for trial_id, (error_type, error, submitted_at) in failed.items()
        if trial_id not in responses
    }
    _report(under_way, failures, len(collector.rows), collector.strange)
    return fill(
        trials,
        answered(trials),
        collector.texts,
        run_id=collector.run_id,
        responses=responses,
        failures=failures,
        skipped=(),
        open_status="planned",
    )


def cancel_batch(trials: pd.DataFrame, *, store: str | os.PathLike[str] = ".retitlekit") -> list[Batch]:
    """Call off every batch that holds one of these trials; what it answered until then is paid for.

    Returns
    -------
    list of Batch
        As the provider left them. `collect_batch` brings what was answered.

    Examples
    --------
    >>> rk.cancel_batch(rk.plan(prompts, articles[:2], models="openai/gpt-4o-mini"), store=tmp)
    []
    """
    check(trials, needs=PLAN_COLUMNS)
    with Store(store) as kept:
        return _run(_Collector(kept, Trials(trials), _rows(trials), Texts(trials)).cancel())


def _run(work: Coroutine[Any, Any, T]) -> T:
    future = asyncio.run_coroutine_threadsafe(work, background_loop())
    try:
        return future.result()
    except KeyboardInterrupt:
        future.cancel()
        wait([future], 5)  # what is between two calls is written before the store is closed
        raise


def _rows(trials: pd.DataFrame, wanted: np.ndarray | None = None) -> dict[str, int]:
    """The first row of each trial, among those wanted."""
    ids = trials["trial_id"].to_numpy(dtype=object)
    rows: dict[str, int] = {}
    for row in range(len(ids)) if wanted is None else np.flatnonzero(wanted).tolist():
        rows.setdefault(ids[row], row)
    return rows


def _report(under_way: list[Batch], failures: Mapping[str, Failure], asked: int, strange: int) -> None:
    told = []
    if strange:
        told.append(f"{strange} lines of the results cannot be read")
    if under_way:
        held = ", ".join(f"{batch.batch_id or 'one to be confirmed'} ({batch.status})" for batch in under_way[:4])
        told.append(f"{len(under_way)} batches are under way: {held}; collect_batch(trials) again later")
    if failures:
        kinds = Counter(failure.error_type for failure in failures.values()).most_common(4)
        first = next(iter(failures.values())).error
        told.append(
            f"{len(failures)} of {asked} trials failed in their batch: "
            f"{', '.join(f'{kind} ({count})' for kind, count in kinds)}. First: {sentence(first)} "
            "submit_batch(frame) or run(frame) sends them again"
        )
    if told:
        warnings.warn("\n".join(told), RetitlekitWarning, stacklevel=3)


def _check_budget(asked: list[Trial], budget_usd: float) -> None:
    purse = Purse(budget_usd, prices=highest_batch_prices)
    worst = Amount(sum(purse.worst(trial).money for trial in asked))
    if purse.wait_s("", worst) is None:
        raise PlanError(
            f"budget_usd={budget_usd:g}: these {len(asked)} trials may cost ${worst.money / 1e12:.4f} in a batch; "
            "submit a part of them, or plan with a smaller max_tokens="
        )


# ---- submitting


async def _submit(store: Store, trials: Trials, rows: np.ndarray) -> list[Batch]:
    submitted = []
    for model, own in trials.by_model(rows):
        lines: dict[str, bytes] = {}
        size = 0
        for row in own.tolist():
            trial = trials[row]
            line = await _line(trial)
            if lines and (len(lines) >= _MOST_TRIALS or size + len(line) > _MOST_BYTES):
                submitted.append(await _submit_one(store, model, lines))
                lines, size = {}, 0
            lines[trial.trial_id] = line
            size += len(line)
            await asyncio.sleep(0)  # others live in this loop
        submitted.append(await _submit_one(store, model, lines))
    return submitted


async def _line(trial: Trial) -> bytes:
    body = await _models.pack(trial.model, trial.messages, temperature=trial.temperature, params=trial.params)
    request = {"custom_id": trial.trial_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request).encode() + b"\n"


def _check_free(store: Store, trial_ids: Collection[str]) -> None:
    """Raise a `PlanError` when a sweep of this process is sending one of these trials."""
    if sent := under_way(store, trial_ids):
        raise PlanError(
            f"{len(sent)} of these trials are being sent by run() or start() and would be paid for twice: "
            "wait for that sweep, or stop it, and submit_batch(trials) what is left"
        )


def _is_refusal(problem: CallError) -> bool:
    """Whether the provider said no; after all else, a garbled confirmation too, it may have taken the batch."""
    return problem.status is not None and 400 <= problem.status < 500 and problem.status != 408


async def _submit_one(store: Store, model: Model, lines: Mapping[str, bytes]) -> Batch:
    batch = Batch(uuid.uuid4().hex, None, model.endpoint, time.time(), len(lines), "submitting")
    store.save_batch(batch, lines)
    try:
        _check_free(store, lines)  # again, now that no run takes them any more
        if store.holds(lines):
            raise PlanError("some of these trials were answered by a run meanwhile: submit_batch(trials) the others")
        file = (f"{batch.token}.jsonl", b"".join(lines.values()))
        uploaded = await _models.batch_call(model, "acreate_file", file=file, purpose="batch")
    except BaseException:
        store.drop_batch(batch)
        raise
    try:
        made = await _models.batch_call(
            model,
            "acreate_batch",
            completion_window="24h",
            endpoint="/v1/chat/completions",
            input_file_id=uploaded.id,
            metadata={"retitlekit": batch.token},
        )
    except CallError as problem:
        if _is_refusal(problem):
            store.drop_batch(batch)
            raise
        raise CallError(
            f"{problem}. Whether the provider took the batch of {len(lines)} trials is not known: "
            "collect_batch(trials) will find out; until then they are not submitted again",
            error_type=problem.error_type,
        ) from None
    confirmed = replace(batch, batch_id=str(made.id), status=str(made.status))
    store.save_batch(confirmed)
    return confirmed


# ---- collecting


class _Collector:
    """What is collected for a frame: its trials, by id, and where they go."""

    def __init__(self, store: Store, trials: Trials, rows: dict[str, int], texts: Texts) -> None:
        self.run_id = uuid.uuid4().hex[:12]
        self.rows, self.texts = rows, texts
        self.strange = 0  # lines that cannot be read
        self._store, self._trials = store, trials

    async def look(self) -> bool:
        """Take the answers of the batches that are over; returns whether others are under way."""
        problem: CallError | None = None
        under_way = False
        for batch, held in self._store.open_batches(self.rows).items():
            try:
                under_way |= not await self._collect(batch, held)
            except CallError as found:
                problem = problem or found  # after the others were collected
        if problem is not None:
            raise problem
        return under_way

    async def cancel(self) -> list[Batch]:
        """Call off all that is under way; what the provider does not know is forgotten."""
        cancelled = []
        for batch, held in self._store.open_batches(self.rows).items():
            model = self._model(held)
            found = await self._confirmed(model, batch)
            if found is None or found.batch_id is None:
                continue
            try:
                state = await _models.batch_call(model, "acancel_batch", batch_id=found.batch_id)
            except CallError as problem:
                if problem.error_type != "NotFoundError":
                    raise
                self._store.drop_batch(found)
                continue
            cancelled.append(self._noted(found, state))
        return cancelled

    def _model(self, held: set[str]) -> Model:
        return self._trials[self.rows[next(iter(held))]].model

    def _noted(self, batch: Batch, state: Any) -> Batch:
        noted = replace(batch, batch_id=str(state.id), status=str(state.status))
        self._store.save_batch(noted)
        return noted

    async def _collect(self, batch: Batch, held: set[str]) -> bool:
        """Take what a batch answered of the trials that are held; returns whether it is over."""
        model = self._model(held)
        found = await self._confirmed(model, batch)
        if found is None or found.batch_id is None:
            return found is None
        try:
            state = await _models.batch_call(model, "aretrieve_batch", batch_id=found.batch_id)
        except CallError as problem:
            if problem.error_type != "NotFoundError":
                raise
            raise CallError(
                f"the provider does not know the batch {found.batch_id}: {problem}. Is it another account's? "
                "cancel_batch(trials) forgets it, and sets its trials free",
                error_type=problem.error_type,
            ) from None
        found = self._noted(found, state)
        if not _is_over(state):
            return False
        outcomes: dict[str, tuple[str, str] | None] = dict.fromkeys(held, _unanswered(model, state))
        for file_id in (state.output_file_id, state.error_file_id):
            if file_id:
                content = (await _models.batch_call(model, "afile_content", file_id=file_id)).content
                for line in content.splitlines():
                    await self._take(line, found, outcomes)
                    await asyncio.sleep(0)  # others live in this loop
        self._store.flush()
        self._store.close_trials(found, outcomes)
        return True

    async def _take(self, line: bytes, batch: Batch, outcomes: dict[str, tuple[str, str] | None]) -> None:
        """Keep what a line of a result file says: an answer in the store, an error in `outcomes`."""
        said = _parsed(line)
        if said is None:
            self.strange += bool(line.strip())
            return
        if said.trial_id not in outcomes or outcomes[said.trial_id] is None:
            return  # of another frame, or said twice
        trial = self._trials[self.rows[said.trial_id]]
        if said.error is not None:
            error_type, error = said.error
            outcomes[said.trial_id] = error_type, _models.redact(error, trial.model)
            return
        try:
            reply = await _models.unpack(
                trial.model, trial.messages, said.status, said.body, temperature=trial.temperature, params=trial.params
            )
        except CallError as problem:
            outcomes[said.trial_id] = problem.error_type, str(problem)
            return
        response = Response(
            trial_id=trial.trial_id,
            run_id=self.run_id,
            started_at=batch.submitted_at,
            latency_s=None,
            attempts=1,
            completion=reply.completion,
            finish_reason=reply.finish_reason,
            input_tokens=reply.input_tokens,
            output_tokens=reply.output_tokens,
            cost_usd=reply.cost_usd,
            effective_temperature=reply.effective_temperature,
            model=trial.model.endpoint,
        )
        self._store.keep(self.texts.titled(response, trial.row))
        outcomes[said.trial_id] = None

    async def _confirmed(self, model: Model, batch: Batch) -> Batch | None:
        """The batch with the provider's name for it, looked up when its confirmation was lost; None if it never was."""
        if batch.batch_id is not None:
            return batch
        async for listed in _listed(model):
            if (listed.metadata or {}).get("retitlekit") == batch.token:
                return self._noted(batch, listed)
            if listed.created_at and listed.created_at < batch.submitted_at - _LISTED_S:
                break
        if time.time() - batch.submitted_at < _LISTED_S:
            return batch
        self._store.drop_batch(batch)
        return None


async def _listed(model: Model) -> AsyncIterator[Any]:
    """The provider's batches, newest first."""
    after = None
    while True:
        page = await _models.batch_call(model, "alist_batches", limit=100, after=after)
        for batch in page.data:
            yield batch
        if not page.data or not getattr(page, "has_more", False):
            return
        after = page.data[-1].id


def _is_over(state: Any) -> bool:
    """Whether the provider is done; the result file of a completed batch may come a moment after that word."""
    some = getattr(state.request_counts, "completed", 0) or 0
    expected = state.status == "completed" and some and not state.output_file_id
    return state.status in _OVER and not (expected and time.time() - (state.completed_at or 0) < _LISTED_S)


def _unanswered(model: Model, state: Any) -> tuple[str, str]:
    """The error of a trial for which no line comes."""
    told = [str(getattr(each, "message", each)) for each in getattr(state.errors, "data", None) or []]
    reason = f": {'; '.join(told[:3])}" if told else ""
    return _OVER[state.status], _models.redact(f"the batch {state.id} is {state.status}{reason}", model)


class _Line(NamedTuple):
    """A line of a result file: a trial's answer, or the error type and text that stand for it."""

    trial_id: str
    status: int
    body: dict[str, Any]
    error: tuple[str, str] | None


def _parsed(line: bytes) -> _Line | None:
    """None when it is no such line."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or not isinstance(said.get("custom_id"), str):
        return None
    error, response = said.get("error"), said.get("response")
    if isinstance(response, dict) and isinstance(response.get("body"), dict):
        status = response.get("status_code")
        return _Line(said["custom_id"], status if type(status) is int else 200, response["body"], None)
    if isinstance(error, dict):
        code, message = str(error.get("code") or "error"), str(error.get("message") or "no reason given")
        kind = {"batch_expired": "BatchExpired", "batch_cancelled": "BatchCancelled"}.get(code, "BatchError")
        return _Line(said["custom_id"], 0, {}, (kind, f"{code}: {message}"))
    return None
