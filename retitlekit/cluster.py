"""A sweep on many machines: chunks of trials go to the workers of a dask.distributed cluster.

Each worker answers a chunk as a sweep of its own, in its own loop. Each response comes back through a queue of the
scheduler the moment it arrives, and is kept in the one store of the client. Before a chunk begins it asks the client
for a ticket, which says what of the sweep's limits it may use and which of its trials are still open; so a chunk that
dask starts again, because its worker was lost, pays only for what never reached the store.
"""

from __future__ import annotations

import dataclasses
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from retitlekit import __version__
from retitlekit import models as _models
from retitlekit.errors import ModelError, PlanError
from retitlekit.models import Model
from retitlekit.store import Batch, Response

if TYPE_CHECKING:
    import pandas as pd

_MOST_TRIALS = 1000  # a chunk: large enough to keep a worker busy for a while, small enough to be done again
_MOST_BYTES = 4_000_000  # of messages in a chunk; dask wants task graphs small
_CHUNKS_A_WORKER = 4
_AHEAD = 2  # chunks handed to dask for each worker
_LOOK_S = 0.03  # between two looks into an empty queue
_SETTLE_S = 3.0  # beyond the grace period, for what is still on its way to the client
_SENT = "trial_id original_title body model endpoint temperature params repeat messages".split()


class Ticket(NamedTuple):
    """What one chunk may use; all tickets under way together never exceed the sweep's limits."""

    places: list[int]  # of the chunk's trials that are still to be sent
    share: float  # of every model's rpm and tpm
    max_concurrency: int | None
    budget_usd: float | None


_NOTHING = Ticket([], 0.0, None, None)


class Allowances:
    """What a sweep may use in all, lent to its chunks and settled when they end."""

    def __init__(self, max_concurrency: int | None, budget_usd: float | None) -> None:
        self._free_share = 1.0
        self._free_requests = max_concurrency
        self._most_requests = max_concurrency
        self._free_usd = budget_usd
        self._out = 0

    def lend(self, places: list[int], costs: Sequence[float], parts: int) -> Ticket | None:
        """A ticket for these trials, one of `parts` that may be out at once; None while too little is free.

        `costs` are the worst cases of the trials in US dollars, looked at when there is a budget. A ticket without
        places says that none of them is to be sent: the budget has no room for any, and nobody will give some back.
        """
        if not places:
            return _NOTHING
        alone = self._out == 0
        share = min(1 / parts, self._free_share)
        if share < 0.5 / parts and not alone:
            return None
        requests, usd = self._free_requests, self._free_usd
        if requests is not None and self._most_requests is not None:
            if requests < 1:
                return None
            requests = min(requests, max(1, self._most_requests // parts))
        if usd is not None:
            usd = min(math.fsum(costs), usd if alone else usd / max(1, parts - self._out))
            if usd < min(costs):
                return _NOTHING if alone else None
        self._out += 1
        self._free_share -= share
        if requests is not None and self._free_requests is not None:
            self._free_requests -= requests
        if usd is not None and self._free_usd is not None:
            self._free_usd -= usd
        return Ticket(places, share, requests, usd)

    def settle(self, ticket: Ticket, spent_usd: float) -> None:
        """Take a ticket back, and book what its chunk spent."""
        self._out -= 1
        self._free_share = min(1.0, self._free_share + ticket.share) if self._out else 1.0
        if ticket.max_concurrency is not None and self._free_requests is not None:
            self._free_requests += ticket.max_concurrency
        if ticket.budget_usd is not None and self._free_usd is not None:
            self._free_usd += ticket.budget_usd - spent_usd


def _queue(name: str, client: Any = None) -> Any:
    """A queue in the scheduler, which holds what a worker sent even when that worker is gone a moment later."""
    from distributed import Queue

    queue: Any = Queue  # untyped
    return queue(name, client=client)


# ---- on a worker


class Outcome(NamedTuple):
    """What became of a chunk beside its responses."""

    failures: dict[str, list[Any]]  # by trial id
    spent_usd: float  # what the budget was charged, for answers and for what may have been paid


class Work(NamedTuple):
    """A sweep over one chunk that has begun."""

    stop: Callable[[], None]  # send nothing more
    outcome: Callable[[], Outcome]  # wait for its end


class Sink:
    """Stands for the store on a worker: responses wait in it until they are sent to the client."""

    def __init__(self) -> None:
        self.landed: object = None
        self.lost: list[Response] = []
        self.closed = False
        self._waiting: deque[Response] = deque()
        self._stirred = threading.Event()

    def find(self, _: Iterable[str]) -> dict[str, Response]:
        """Nothing: the client asked its store before."""
        return {}

    def begin(self, *_: object) -> None:
        """Nothing: the client noted the run."""

    def open_batches(self, _: Iterable[str]) -> dict[Batch, set[str]]:
        """None: the client asked its store before."""
        return {}

    def retitle(self, _: object) -> None:
        """Nothing: there are no old titles."""

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
        self._stirred.wait(timeout_s)
        self._stirred.clear()
        return [self._waiting.popleft() for _ in range(len(self._waiting))]


def answer(begin: Callable[..., Work], run_id: str, key: str, trials: pd.DataFrame, options: dict[str, Any]) -> None:
    """The task of one chunk. `begin` starts a sweep over trials that saves to a sink."""
    from distributed import get_worker

    outbox, inbox = _queue(run_id), _queue(f"{key}-{uuid.uuid4().hex}")
    try:
        outbox.put(["ask", key, [inbox.name, get_worker().address]])
        ticket = _ticket(inbox, key)
        if ticket is None:
            return
        sink = Sink()
        try:
            work = begin(
                _shared_caps(trials.iloc[ticket.places], ticket.share),
                sink,
                max_concurrency=ticket.max_concurrency,
                budget_usd=ticket.budget_usd,
                **options,
            )
        except (ModelError, PlanError) as problem:
            raise ModelError(f"worker {get_worker().name}: {problem}") from None
        stopped = False
        while not sink.closed:
            if some := sink.take(0.2):
                outbox.put(["answers", key, [list(response) for response in some]])
            if not stopped and _unwanted(key):
                work.stop()
                stopped = True
        if some := sink.take(0):
            outbox.put(["answers", key, [list(response) for response in some]])
        outbox.put(["end", key, list(work.outcome())])
    finally:
        inbox.close()
        outbox.close()


def _ticket(inbox: Any, key: str) -> Ticket | None:
    """The client's reply; None when the chunk is wanted no more."""
    while not _unwanted(key):
        if replies := inbox.get(batch=True):  # never a blocking get: the scheduler would log each time that it ends
            places, *rest = replies[0]
            ticket = Ticket(list(places), *rest)
            return ticket if ticket.places else None
        time.sleep(_LOOK_S)
    return None


def _unwanted(key: str) -> bool:
    """Whether the client cancelled this task, or is gone: dask tells its worker, and lets a thread run on."""
    from distributed import get_worker

    task = get_worker().state.tasks.get(key)
    return task is None or task.state == "cancelled"


def _shared_caps(trials: pd.DataFrame, share: float) -> pd.DataFrame:
    """The trials with each model's rpm and tpm cut to a share."""
    caps = {}
    for endpoint in trials["endpoint"].astype(str).unique():
        model = _models.from_endpoint(endpoint, "any")
        cut = {cap: getattr(model, cap) * share for cap in ("rpm", "tpm") if getattr(model, cap) is not None}
        caps[endpoint] = dataclasses.replace(model, **cut).endpoint
    return trials.assign(endpoint=trials["endpoint"].astype(str).map(caps))


# ---- on the client


def check_client(client: object) -> None:
    """Raise a `PlanError` when this is no client of dask.distributed that can be used here."""
    try:
        from distributed import Client
    except ImportError as problem:
        raise PlanError(
            "client= needs dask.distributed: pip install 'retitlekit[dask]', here and on every worker"
        ) from problem
    if not isinstance(client, Client):
        raise PlanError(f"client= takes a dask.distributed.Client, not {type(client).__name__}")
    if client.asynchronous:
        raise PlanError("client= takes a Client(asynchronous=False); arun() too waits in a thread of its own")
    if client.status != "running":
        raise PlanError(f"the dask client is {client.status}: make a new one")


def check_workers(client: Any, models: list[Model]) -> None:
    """Raise a `ModelError` that names each worker on which a model lacks its key, its server, or this package."""
    endpoints = [(model.endpoint, model.name) for model in models]
    told = client.run(_lacks, endpoints, on_error="return")
    problems: dict[str, list[str]] = {}
    for address, answer in told.items():
        if isinstance(answer, Exception):
            answer = f"it cannot run retitlekit {__version__} ({answer}); install it there"
        if answer:
            problems.setdefault(str(answer), []).append(str(address))
    if problems:
        lines = [f"worker {_some(workers)}: {problem}" for problem, workers in problems.items()]
        raise ModelError("\n".join([*lines, "Keys do not travel: set these variables where the workers run"]))


def _lacks(endpoints: list[tuple[str, str]]) -> str | None:
    """What keeps this process from asking these models."""
    try:
        _models.check_ready(_models.from_endpoint(endpoint, name) for endpoint, name in endpoints)
    except ModelError as problem:
        return str(problem)
    return None


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


class Books(NamedTuple):
    """How the client's sweep keeps account of its rows."""

    take: Callable[[int, Response], None]  # keep a response
    fail: Callable[[int, Sequence[Any]], None]  # keep a failure
    skip: Callable[[int], None]  # note that the budget has no room for a row
    is_over: Callable[[int], bool]  # answered, failed or skipped?
    to_send: Callable[[list[int]], list[int]]  # those that are still to be sent
    worst_cost: Callable[[int], float]  # US dollars that a row may cost
    end: Callable[[Exception | None], None]  # no more will come


@dataclass
class _Chunk:
    rows: list[int]
    ids: dict[str, int]  # trial id: row
    future: Any
    asked: tuple[str, str] | None = None  # the queue in which it waits for a ticket, and its worker
    ticket: Ticket | None = None
    worker: str = ""
    costs: dict[int, float] = field(default_factory=dict)  # of each row, at worst
    booked: float = 0.0  # US dollars of the answers to this ticket
    finished: bool = False


class Spread:
    """Hands the rows of a sweep to a cluster, from a thread of its own, until every one is over."""

    def __init__(
        self,
        books: Books,
        client: Any,
        trials: pd.DataFrame,
        rows: list[int],
        begin: Callable[..., Work],
        *,
        max_concurrency: int | None,
        budget_usd: float | None,
        options: dict[str, Any],
    ) -> None:
        self._books, self._client, self._begin, self._options = books, client, begin, options
        self._trials = trials[_SENT]
        self._budgeted = budget_usd is not None
        self._allowances = Allowances(max_concurrency, budget_usd)
        self._run = f"retitlekit-{uuid.uuid4().hex[:12]}"
        self._outbox = _queue(self._run, client)
        self._workers = max(1, len(client.nthreads()))
        self._left = deque(self._cut(rows))
        self._chunks: dict[str, _Chunk] = {}
        self._number = 0
        self._until = math.inf
        self._stopping = False
        threading.Thread(target=self._work, name="retitlekit-cluster", daemon=True).start()

    def stop(self, grace_s: float) -> None:
        """Hand out nothing more, and wait so long for what is under way."""
        self._until = time.monotonic() + (grace_s + _SETTLE_S if grace_s else 0.0)
        self._stopping = True

    def _cut(self, rows: list[int]) -> Iterator[list[int]]:
        some = self._trials["messages"].iloc[rows[:: max(1, len(rows) // 100)]].astype(str)
        fit = int(_MOST_BYTES * max(1, len(some)) / max(1, some.str.len().sum()))
        size = max(1, min(_MOST_TRIALS, fit, math.ceil(len(rows) / (_CHUNKS_A_WORKER * self._workers))))
        for first in range(0, len(rows), size):
            yield rows[first : first + size]

    def _work(self) -> None:
        problem: Exception | None = None
        try:
            while (self._left or self._chunks) and time.monotonic() < self._until:
                if self._stopping:
                    self._call_back()
                else:
                    self._hand_out()
                    self._lend()
                self._listen()
                self._look_after()
        except Exception as found:  # noqa: BLE001 - a cluster fails in many ways; the sweep must end and keep its frame
            problem = found
        self._books.end(problem)
        if self._client.status == "running":
            for chunk in self._chunks.values():
                chunk.future.cancel()
            self._outbox.close()

    def _hand_out(self) -> None:
        while self._left and len(self._chunks) < _AHEAD * self._workers:
            rows, key = self._left.popleft(), f"{self._run}-{self._number}"
            self._number += 1
            part = self._trials.iloc[rows].reset_index(drop=True)
            for name in part.select_dtypes("category"):
                part[name] = part[name].cat.remove_unused_categories()
            future = self._client.submit(answer, self._begin, self._run, key, part, self._options, key=key, pure=False)
            self._chunks[key] = _Chunk(rows, dict(zip(part["trial_id"], rows, strict=True)), future)

    def _lend(self) -> None:
        """Give tickets to chunks that wait for one, one at a time to each worker: its loop is one process."""
        busy = {chunk.worker for chunk in self._chunks.values() if chunk.ticket}
        parts = max(1, min(self._workers, len(self._chunks) + len(self._left)))
        for key, chunk in list(self._chunks.items()):
            if chunk.asked is None or chunk.asked[1] in busy:
                continue
            open_rows = set(self._books.to_send(chunk.rows))
            places = [place for place, row in enumerate(chunk.rows) if row in open_rows]
            if self._budgeted and not chunk.costs:
                chunk.costs = {row: self._books.worst_cost(row) for row in chunk.rows}
            ticket = self._allowances.lend(places, [chunk.costs.get(chunk.rows[place], 0.0) for place in places], parts)
            if ticket is None:
                continue
            self._reply(chunk.asked[0], ticket)
            if ticket.places:
                chunk.worker, chunk.ticket, chunk.asked, chunk.booked = chunk.asked[1], ticket, None, 0.0
                busy.add(chunk.worker)
                continue
            del self._chunks[key]
            for row in open_rows:
                self._books.skip(row)

    def _reply(self, name: str, ticket: Ticket) -> None:
        inbox = _queue(name, self._client)
        inbox.put(list(ticket))
        inbox.close()

    def _listen(self) -> None:
        messages = self._outbox.get(batch=True)
        if not messages:
            time.sleep(_LOOK_S)
        for kind, key, content in messages:
            chunk = self._chunks.get(key)
            if chunk is None:
                continue  # called back before it began
            if kind == "ask":
                if chunk.ticket:  # it was begun before, on a worker that is gone
                    self._allowances.settle(chunk.ticket, self._at_worst(chunk))
                    chunk.ticket = None
                chunk.asked = (content[0], content[1])
            elif kind == "answers":
                for values in content:
                    response = Response(*values)
                    self._books.take(chunk.ids[response.trial_id], response)
                    chunk.booked += response.cost_usd or 0.0
            else:
                outcome = Outcome(*content)
                for trial_id, failure in outcome.failures.items():
                    self._books.fail(chunk.ids[trial_id], failure)
                self._over(key, chunk, outcome.spent_usd)

    def _over(self, key: str, chunk: _Chunk, spent_usd: float) -> None:
        """Settle with a chunk; what is still open in it, because its loan was too small, begins anew."""
        del self._chunks[key]
        if chunk.ticket:
            self._allowances.settle(chunk.ticket, spent_usd)
        again = [row for row in chunk.rows if not self._books.is_over(row)]
        if again:
            self._left.append(again)

    def _at_worst(self, chunk: _Chunk) -> float:
        """What a chunk whose worker is gone may have spent."""
        return chunk.booked + math.fsum(cost for row, cost in chunk.costs.items() if not self._books.is_over(row))

    def _look_after(self) -> None:
        if self._client.status != "running":
            raise PlanError(f"the dask client is {self._client.status}")
        for key, chunk in list(self._chunks.items()):
            status = chunk.future.status
            if status == "error":
                self._failed(key, chunk, chunk.future.exception())
            if status in ("cancelled", "lost") and not self._stopping:
                raise PlanError("the dask scheduler has lost the sweep")
            if status == "finished":
                if chunk.finished:  # at the second look: its last message may have come in between
                    self._over(key, chunk, self._at_worst(chunk))
                chunk.finished = True

    def _failed(self, key: str, chunk: _Chunk, problem: Exception) -> None:
        """A chunk that took several workers with it fails for itself; any other trouble ends the sweep."""
        from distributed import KilledWorker

        if not isinstance(problem, KilledWorker):
            raise problem
        spent = self._at_worst(chunk)
        for row in self._books.to_send(chunk.rows):
            failure = (
                None,
                None,
                0,
                "KilledWorker",
                "the workers that had this chunk of trials were lost, several times",
            )
            self._books.fail(row, failure)
        self._over(key, chunk, spent)

    def _call_back(self) -> None:
        """Cancel what is left; a worker hears of it, and gives what is under way its grace."""
        self._left.clear()
        for key, chunk in list(self._chunks.items()):
            if not chunk.future.cancelled():
                chunk.future.cancel()
            if chunk.ticket is None:
                del self._chunks[key]
