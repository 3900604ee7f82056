"""Chunks: the part of a sweep that one worker of a cluster answers, as a run of its own.

A chunk first asks the client for a `Ticket`, which says which of its trials are still to be sent and what of the
sweep's limits it may use. Each response then goes to the client the moment it arrives, through a queue that the
scheduler holds: what was sent is safe, even when the worker is gone a moment later.
"""

from __future__ import annotations

import asyncio
import dataclasses
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import numpy as np

from retitlekit import __version__
from retitlekit import models as _models
from retitlekit.errors import ModelError
from retitlekit.store import Response, Store
from retitlekit.sweeps.budgets import Amount, Purse
from retitlekit.sweeps.rows import Texts
from retitlekit.sweeps.runs import GRACE_S, Lesson, Run, Terms, background_loop, lessons, teach
from retitlekit.sweeps.trials import Trials

if TYPE_CHECKING:
    import pandas as pd

LOOK_S = 0.05  # between two looks into a queue
_FIRST_LOOK_S = 0.005  # the client mostly replies at once
_SEND_S = 0.05  # between two messages to the client, at least
_SEND_SHARE_S = 0.005  # the same for all workers together: the scheduler has a millisecond of work with each


class Ticket(NamedTuple):
    """What one chunk may use; all tickets under way together never exceed the sweep's limits."""

    places: list[int]  # of the chunk's trials that are to be sent
    share: float  # of every model's rpm and tpm
    max_concurrency: int | None
    money: int | None  # picodollars
    tokens: int | None
    deadline_s: float | None
    lessons: list[Lesson]  # what other workers have learnt


class Outcome(NamedTuple):
    """What became of a chunk beside its responses."""

    failures: dict[str, list[Any]]  # by trial id
    refused: dict[str, list[Any]]  # by endpoint: the error type and text that ended all its trials
    notes: list[str]
    lessons: list[Lesson]
    money: int
    tokens: int


class Sink:
    """Stands for the store on a worker: responses wait in it until they are sent to the client."""

    def __init__(self) -> None:
        self.path = Path(uuid.uuid4().hex)  # no other run has this store
        self.landed: object = None
        self.closed = False
        self._waiting: deque[Response] = deque()
        self._stirred = threading.Event()

    def keep(self, response: Response) -> None:
        """Have it sent."""
        self._waiting.append(response)
        self._stirred.set()

    @property
    def backlog(self) -> int:
        """Responses that wait."""
        return len(self._waiting)

    def close(self) -> None:
        """Say that no more will come."""
        self.closed = True
        self._stirred.set()

    def take(self, timeout_s: float) -> list[Response]:
        """All that wait now; waits for the first."""
        if not self.closed:
            self._stirred.wait(timeout_s)
        self._stirred.clear()
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def answer(sweep: str, key: str, frame: pd.DataFrame, terms: Terms) -> None:
    """The task of one chunk."""
    outbox, inbox = queue(sweep), queue(f"{key}-{uuid.uuid4().hex}")

    def tell(kind: str, content: list[Any]) -> None:
        outbox.put([kind, key, inbox.name, content])

    trials = Trials(frame)
    models = trials.models(np.arange(len(frame)))
    try:
        try:  # before it asks: a new worker imports for seconds, and what it is lent others have not
            check_once(sweep, *((model.endpoint, model.name) for model in models))
        except ModelError as problem:
            raise ModelError(f"worker {_worker().address}: {problem}") from None
        tell("ask", [_worker().address])
        ticket = _ticket(inbox, key)
        if ticket is None:
            return
        teach(ticket.lessons)
        budget_usd = None if ticket.money is None else (ticket.money + 0.5) / 1e12  # not a picodollar less
        purse, sink = Purse(budget_usd, ticket.tokens), Sink()
        terms = dataclasses.replace(
            terms, max_concurrency=ticket.max_concurrency, deadline_s=ticket.deadline_s, share=ticket.share
        )
        run = Run(sweep, cast(Store, sink), Texts(frame), purse, terms)
        over = asyncio.run_coroutine_threadsafe(run.main(trials, np.array(ticket.places)), background_loop())
        over.add_done_callback(lambda _: sink.close())
        try:
            _pass_on(run, sink, tell, key, ticket.share)
            over.result()
        finally:  # without a scheduler nobody would have the answers
            background_loop().call_soon_threadsafe(run.stop, 0)
            run.leave()
        if run.problem is not None and not run.failures:
            raise run.problem
        tell("end", list(_outcome(run, lessons({model.endpoint for model in models}), purse.spent)))
    finally:
        inbox.close()
        outbox.close()


def _outcome(run: Run, learnt: list[Lesson], spent: Amount) -> Outcome:
    return Outcome(
        failures={trial_id: list(failure) for trial_id, failure in run.failures.items()},
        refused={endpoint: [problem.error_type, str(problem)] for endpoint, problem in run.refused.items()},
        notes=list(run.notes),
        lessons=learnt,
        money=spent.money,
        tokens=spent.tokens,
    )


def _pass_on(run: Run, sink: Sink, tell: Callable[[str, list[Any]], None], key: str, share: float) -> None:
    """Send the run's responses to the client until it has ended; end it when the client wants no more."""
    stopped = closed = False
    while not closed:
        closed = sink.closed  # looked at before the last ones are taken
        if responses := sink.take(0.2):
            tell("answers", [list(response) for response in responses])
            if not closed:
                time.sleep(max(_SEND_S, _SEND_SHARE_S / share))
        if not stopped and _unwanted(key):
            background_loop().call_soon_threadsafe(run.stop, GRACE_S)
            stopped = True


def queue(name: str, client: Any = None) -> Any:
    """A queue in the scheduler."""
    from distributed import Queue

    make: Any = Queue  # untyped
    return make(name, client=client)


def _worker() -> Any:
    from distributed import get_worker

    return get_worker()


def _ticket(inbox: Any, key: str) -> Ticket | None:
    """The client's reply; None when there is nothing to send, or the chunk is wanted no more."""
    pause_s = _FIRST_LOOK_S
    while not _unwanted(key):
        if replies := inbox.get(batch=True):  # never a blocking get: the scheduler would log each time that it ends
            places, *rest = replies[0]
            return Ticket(list(places), *rest) if places else None
        time.sleep(pause_s)
        pause_s = min(LOOK_S, 1.5 * pause_s)
    return None


def _unwanted(key: str) -> bool:
    """Whether the client cancelled this task, or is gone: dask tells its worker, and lets a thread run on."""
    task = _worker().state.tasks.get(key)
    return task is None or task.state == "cancelled"


@lru_cache(maxsize=64)
def check_once(sweep: str, *endpoints: tuple[str, str]) -> None:  # noqa: ARG001 - asked again in each sweep
    """`models.check_ready` of endpoints and names, once for each sweep in a process."""
    _models.check_ready(_models.from_endpoint(endpoint, name) for endpoint, name in endpoints)


def lacks(sweep: str, version: str, endpoints: Iterable[tuple[str, str]]) -> str | None:
    """What keeps this process from asking these models for a client of this version."""
    if version != __version__:
        return f"it has retitlekit {__version__}, and the client {version}: install the same on both"
    try:
        check_once(sweep, *endpoints)
    except ModelError as problem:
        return str(problem)
    return None
