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
from collections.abc import AsyncIterator, Coroutine, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

import pandas as pd

from retitlekit import models as _models
from retitlekit.errors import CallError, PlanError, RetitlekitWarning
from retitlekit.frame import PLAN_COLUMNS, check
from retitlekit.models import Model
from retitlekit.rows import Failure, Texts, answered, fill
from retitlekit.runs import background_loop
from retitlekit.store import Batch, Response, Store

T = TypeVar("T")

_MOST_TRIALS, _MOST_BYTES = 50_000, 190_000_000  # OpenAI takes 50,000 requests and 200 MB a batch
_POLL_S = 20.0
_LISTED_S = 900.0  # a batch that the provider does not list by then never reached it
# After these nobody knows whether the provider took the batch.
_UNKNOWN = {"APIConnectionError", "BadGatewayError", "InternalServerError", "ServiceUnavailableError", "Timeout"}
# What the provider says of a batch that will not change any more, and the error of a trial it did not answer.
_OVER = {
    "completed": "BatchIncomplete",
    "failed": "BatchFailed",
    "expired": "BatchExpired",
    "cancelled": "BatchCancelled",
}


class _Trial(NamedTuple):
    """One trial as a request."""

    trial_id: str
    row: int
    model: Model
    messages: list[dict[str, str]]
    temperature: float | None
    params: dict[str, Any]


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
        When the budget cannot hold, or a model is embedded.
    ModelError
        When a model is not ready, its provider has no such batches, or the provider refuses one. Batches submitted
        before stay in the store.

    Examples
    --------
    >>> trials = rk.plan(prompts, articles[:2], models="openai/gpt-4o-mini")
    >>> batches = rk.submit_batch(trials)  # doctest: +SKIP
    """
    check(trials, needs=PLAN_COLUMNS)
    with Store(store) as kept:
        ids = trials["trial_id"].unique()
        done = kept.holds(ids).union(*kept.open_batches(ids).values())
        asked = [trial for trial in _trials(trials[~answered(trials)]) if trial.trial_id not in done]
        by_model: dict[str, list[_Trial]] = {}
        for trial in asked:
            by_model.setdefault(trial.model.endpoint, []).append(trial)
        models = [some[0].model for some in by_model.values()]
        for model in models:
            _models.check_batches(model)
        _models.check_ready(models)
        if budget_usd is not None:
            _check_budget(asked, budget_usd)
        return _run(_submit(kept, by_model))


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
    run_id = uuid.uuid4().hex[:12]
    asked = {trial.trial_id: trial for trial in _trials(trials)}
    texts = Texts(trials)
    end = time.monotonic() + wait_s
    strange = 0
    with Store(store) as kept:
        try:
            while True:
                under_way, more = _run(_collect(kept, asked, texts, run_id))
                strange += more
                left = end - time.monotonic()
                if not under_way or left <= 0:
                    break
                time.sleep(min(_POLL_S, left))
        except KeyboardInterrupt:
            under_way = list(kept.open_batches(asked))  # what was collected is stored
        responses, failed = kept.find(asked), kept.batch_failures(asked)
    failures = {
        trial_id: Failure(submitted_at, None, 1, error_type, error)
        for trial_id, (error_type, error, submitted_at) in failed.items()
        if trial_id not in responses
    }
    _report(under_way, failures, len(asked), strange)
    return fill(
        trials,
        answered(trials),
        texts,
        run_id=run_id,
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
        return _run(_cancel(kept, {trial.trial_id: trial for trial in _trials(trials)}))


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run_coroutine_threadsafe(work, background_loop()).result()


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
            f"{', '.join(f'{kind} ({count})' for kind, count in kinds)}. First: {first:.300} "
            "submit_batch(frame) or run(frame) sends them again"
        )
    if told:
        warnings.warn(". ".join(told), RetitlekitWarning, stacklevel=3)


def _trials(trials: pd.DataFrame) -> Iterator[_Trial]:
    """The distinct trials of a frame."""
    columns = ["trial_id", "model", "endpoint", "messages", "temperature", "params"]
    seen = set[str]()
    for row, (trial_id, name, endpoint, messages, heat, params) in enumerate(
        trials[columns].itertuples(index=False, name=None)
    ):
        if trial_id not in seen:
            seen.add(trial_id)
            model = _models.from_endpoint(str(endpoint), str(name))
            temperature = None if pd.isna(heat) else float(heat)
            yield _Trial(trial_id, row, model, json.loads(messages), temperature, json.loads(params))


def _check_budget(asked: list[_Trial], budget_usd: float) -> None:
    worst = 0.0
    for trial in asked:
        price, longest = _models.batch_prices(trial.model), _models.longest_reply(trial.model, trial.params)
        if price is None or longest is None:
            raise PlanError(
                f"{trial.model.name}: its price or longest reply is unknown, so budget_usd cannot hold; give "
                "rk.Model(…, input_cost_per_token=…, output_cost_per_token=…) and plan with max_tokens=…"
            )
        worst += _models.count_tokens(trial.model, trial.messages) * price[0] + longest * price[1]
    if worst > budget_usd:
        raise PlanError(
            f"budget_usd={budget_usd:g}: these {len(asked)} trials may cost ${worst:.4f} in a batch; "
            "submit a part of them, or plan with a smaller max_tokens="
        )


# ---- submitting


async def _submit(store: Store, by_model: Mapping[str, list[_Trial]]) -> list[Batch]:
    submitted = []
    for endpoint, asked in by_model.items():
        lines: dict[str, bytes] = {}
        parts = [lines]
        size = 0
        for trial in asked:
            line = await _line(trial)
            if len(lines) >= _MOST_TRIALS or size + len(line) > _MOST_BYTES:
                lines, size = {}, 0
                parts.append(lines)
            lines[trial.trial_id] = line
            size += len(line)
        submitted += [await _submit_one(store, asked[0].model, endpoint, part) for part in parts]
    return submitted


async def _line(trial: _Trial) -> bytes:
    body = await _models.pack(trial.model, trial.messages, temperature=trial.temperature, params=trial.params)
    request = {"custom_id": trial.trial_id, "method": "POST", "url": "/v1/chat/completions", "body": body}
    return json.dumps(request).encode() + b"\n"


async def _submit_one(store: Store, model: Model, endpoint: str, lines: Mapping[str, bytes]) -> Batch:
    batch = Batch(uuid.uuid4().hex, None, endpoint, time.time(), len(lines), "submitting")
    store.save_batch(batch, lines)
    try:
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
        if problem.error_type not in _UNKNOWN:
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


async def _collect(store: Store, asked: Mapping[str, _Trial], texts: Texts, run_id: str) -> tuple[list[Batch], int]:
    """Take the answers of the batches that are over; returns those that are not, and the number of unreadable lines."""
    under_way, strange = [], 0
    for batch, held in store.open_batches(asked).items():
        model = asked[next(iter(held))].model
        found = await _confirmed(store, model, batch)
        if found is None:
            continue
        state = found.batch_id and await _models.batch_call(model, "aretrieve_batch", batch_id=found.batch_id)
        if state:
            found = replace(found, status=str(state.status))
            store.save_batch(found)
        if not state or not _is_over(state):
            under_way.append(found)
            continue
        outcomes: dict[str, tuple[str, str] | None] = dict.fromkeys(held, _unanswered(model, state))
        for file_id in (state.output_file_id, state.error_file_id):
            if file_id:
                content = (await _models.batch_call(model, "afile_content", file_id=file_id)).content
                strange += await _take(store, found, content, held, asked, texts, run_id, outcomes)
        store.close_trials(found, outcomes)
    return under_way, strange


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


async def _take(
    store: Store,
    batch: Batch,
    content: bytes,
    held: set[str],
    asked: Mapping[str, _Trial],
    texts: Texts,
    run_id: str,
    outcomes: dict[str, tuple[str, str] | None],
) -> int:
    """Keep what a result file says of the trials that are held: answers in the store, errors in `outcomes`.

    Returns the number of lines that cannot be read.
    """
    strange = 0
    for line in content.splitlines():
        parsed = _parsed(line)
        if parsed is None:
            strange += bool(line.strip())
            continue
        trial_id, status, body, error = parsed
        if trial_id not in held or outcomes[trial_id] is None:
            continue  # of another frame, or said twice
        trial = asked[trial_id]
        if error is not None:
            outcomes[trial_id] = (error[0], _models.redact(error[1], trial.model))
            continue
        try:
            reply = await _models.unpack(
                trial.model, trial.messages, status, body, temperature=trial.temperature, params=trial.params
            )
        except CallError as problem:
            outcomes[trial_id] = (problem.error_type, str(problem))
            continue
        response = Response(trial_id, run_id, batch.submitted_at, None, 1, *reply[:6], model=trial.model.endpoint)
        store.keep(texts.titled(response, trial.row))
        outcomes[trial_id] = None
    store.flush()
    return strange


def _parsed(line: bytes) -> tuple[str, int, dict[str, Any], tuple[str, str] | None] | None:
    """Trial id, HTTP status, body, and the provider's error for no answer; None when it is no such line."""
    try:
        said = json.loads(line)
    except ValueError:
        return None
    if not isinstance(said, dict) or not isinstance(said.get("custom_id"), str):
        return None
    error, response = said.get("error"), said.get("response")
    if isinstance(response, dict) and isinstance(response.get("body"), dict):
        status = response.get("status_code")
        return said["custom_id"], status if type(status) is int else 200, response["body"], None
    if isinstance(error, dict):
        code, message = str(error.get("code") or "error"), str(error.get("message") or "no reason given")
        kind = {"batch_expired": "BatchExpired", "batch_cancelled": "BatchCancelled"}.get(code, "BatchError")
        return said["custom_id"], 0, {}, (kind, f"{code}: {message}")
    return None


async def _confirmed(store: Store, model: Model, batch: Batch) -> Batch | None:
    """The batch with the provider's name for it, looked up when its confirmation was lost; None if it never was."""
    if batch.batch_id is not None:
        return batch
    async for listed in _listed(model):
        if (listed.metadata or {}).get("retitlekit") == batch.token:
            found = replace(batch, batch_id=str(listed.id), status=str(listed.status))
            store.save_batch(found)
            return found
        if listed.created_at and listed.created_at < batch.submitted_at - _LISTED_S:
            break
    if time.time() - batch.submitted_at < _LISTED_S:
        return batch
    store.drop_batch(batch)
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


async def _cancel(store: Store, trials: Mapping[str, _Trial]) -> list[Batch]:
    cancelled = []
    for batch, held in store.open_batches(trials).items():
        model = trials[next(iter(held))].model
        found = await _confirmed(store, model, batch)
        if found is not None and found.batch_id is not None:
            state = await _models.batch_call(model, "acancel_batch", batch_id=found.batch_id)
            found = replace(found, status=str(state.status))
            store.save_batch(found)
            cancelled.append(found)
    return cancelled
