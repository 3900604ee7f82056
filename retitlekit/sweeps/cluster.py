"""A sweep on many machines: chunks of its trials go to the workers of a dask.distributed cluster.

The client cuts the sweep into chunks, lends each what it may use of the sweep's limits, and keeps the one store. A
chunk that dask starts again, because its worker was lost, asks again: it is told only of trials whose answers never
came, and what the lost worker may have spent counts at its worst.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from retitlekit import __version__
from retitlekit.errors import CallError, ModelError, PlanError
from retitlekit.models import Model
from retitlekit.store import Response, Store
from retitlekit.sweeps.budgets import Amount, Purse
from retitlekit.sweeps.chunks import LOOK_S, Outcome, Ticket, answer, lacks, queue
from retitlekit.sweeps.rows import Failure, Texts
from retitlekit.sweeps.runs import GRACE_S, Terms, lessons, teach
from retitlekit.sweeps.trials import Trials

_MOST_TRIALS = 1000  # a chunk: large enough to keep a worker busy for a while, small enough to be done again
_MOST_BYTES = 4_000_000  # of texts in a chunk; dask wants its task graphs small
_CHUNKS_A_WORKER = 4
_AHEAD = 2  # chunks handed to dask for each worker
_COUNT_S = 1.0  # between two counts of the workers, which may come and go
_SETTLE_S = 3.0  # beyond the grace period, for what is still on its way to the client
_NOTHING = Amount()
_SENT = "trial_id original_title body model endpoint temperature params repeat messages".split()


class Shares:
    """What a sweep may use at once, lent to its chunks: each model's rpm and tpm in parts, and requests under way."""

    def __init__(self, max_concurrency: int | None) -> None:
        self._most = self._free = max_concurrency
        self._free_share = 1.0

    def has(self, parts: int) -> bool:
        """Whether at least half of one of `parts` shares is free."""
        return self._free_share >= 0.5 / parts and self._free != 0

    def lend(self, parts: int) -> tuple[float, int | None]:
        """One of `parts` shares, or what is left of it, and requests at once."""
        share, requests = min(1 / parts, self._free_share), None
        if self._most is not None and self._free is not None:
            requests = min(self._free, max(1, self._most // parts))
            self._free -= requests
        self._free_share -= share
        return share, requests

    def settle(self, ticket: Ticket) -> None:
        """Take back what was lent."""
        self._free_share += ticket.share
        if ticket.max_concurrency is not None and self._free is not None:
            self._free += ticket.max_concurrency


@dataclass
class _Chunk:
    rows: list[int]
    future: Any = None
    asked: tuple[str, str] | None = None  # the queue in which it waits for a ticket, and its worker
    ticket: Ticket | None = None
    inbox: str = ""  # to which that ticket went
    worker: str = ""
    lent: Amount = _NOTHING
    worst: dict[int, Amount] = field(default_factory=dict)  # of each row
    booked: Amount = _NOTHING  # of the answers to this ticket
    finished: bool = False


class Spread:
    """A `runs.Run` whose requests are sent by a cluster: it has the same tables, `main` and `stop`."""

    def __init__(
        self, run_id: str, store: Store, texts: Texts, purse: Purse, terms: Terms, *, client: Any, frame: pd.DataFrame
    ) -> None:
        self.run_id = run_id
        self.responses: dict[str, Response] = {}
        self.failures: dict[str, Failure] = {}
        self.skipped: set[str] = set()
        self.cost_usd = 0.0
        self.notes: dict[str, None] = {}
        self.limit = ""
        self.problem: Exception | None = None
        self._store, self._texts, self._purse, self._terms = store, texts, purse, terms
        store.landed = self.land
        self._client, self._frame = client, frame[_SENT]
        self._sweep = f"retitlekit-{uuid.uuid4().hex[:12]}"
        self._outbox = queue(self._sweep, client)
        self._workers, self._counted = 1, -math.inf
        self._shares = Shares(terms.max_concurrency)
        self._taken: set[int] = set()  # rows that are answered, and on the disk a moment later
        self._refused: dict[str, Failure] = {}  # endpoints that are asked no more
        self._left: deque[list[int]] = deque()
        self._chunks: dict[str, _Chunk] = {}
        self._number = 0
        self._gone = False
        self._stopping = False
        self._until = math.inf
        self._ends = math.inf if terms.deadline_s is None else time.monotonic() + terms.deadline_s

    def land(self, responses: Sequence[Response]) -> None:
        """These are on the disk: they count."""
        self.responses.update({response.trial_id: response for response in responses})

    def leave(self) -> None:
        """It will not be run, or has ended."""
        gone, self._gone = self._gone, True
        if self._client.status == "running" and not gone:
            for chunk in self._chunks.values():
                chunk.future.cancel()
            self._outbox.close()

    def stop(self, grace_s: float) -> None:
        """Hand out nothing more, and wait so long for what is under way."""
        self._until = time.monotonic() + (grace_s + _SETTLE_S if grace_s else 0.0)
        self._stopping = True

    def check_ready(self, models: list[Model]) -> None:
        """Raise a `ModelError` that names each worker on which a model lacks its key, its server, or this package."""
        endpoints = [(model.endpoint, model.name) for model in models]
        told = self._client.run(lacks, self._sweep, __version__, endpoints, on_error="return")
        problems: dict[str, list[str]] = {}
        for worker, problem in told.items():
            if isinstance(problem, Exception):
                problem = f"it cannot run retitlekit {__version__} ({problem}); install it there"
            if problem:
                problems.setdefault(str(problem), []).append(str(worker))
        if problems:
            lines = [f"worker {_some(workers)}: {problem}" for problem, workers in problems.items()]
            raise ModelError("\n".join([*lines, "Keys do not travel: set these variables where the workers run"]))

    async def main(self, trials: Trials, rows: np.ndarray) -> None:
        """Send these rows; returns when each is over, or the run was stopped."""
        self._trials = trials
        self._rows = dict(zip(trials.ids[rows], rows.tolist(), strict=True))
        over = asyncio.Event()
        loop = asyncio.get_running_loop()

        def work() -> None:
            steps: tuple[Callable[[], None], ...] = (lambda: self._work(rows.tolist()), self.leave)
            for step in steps:
                try:
                    step()
                except Exception as found:  # noqa: BLE001 - a cluster fails in many ways; the sweep keeps its frame
                    self.problem = self.problem or self._client_gone() or found
            loop.call_soon_threadsafe(over.set)

        threading.Thread(target=work, name="retitlekit cluster", daemon=True).start()
        await over.wait()

    # -- in a thread of its own: dask's calls wait for the scheduler

    def _work(self, rows: list[int]) -> None:
        self._count_workers()
        self._left.extend(self._cut(rows))
        while (self._left or self._chunks) and time.monotonic() < self._until:
            if time.monotonic() > self._counted + _COUNT_S:
                self._count_workers()
            if self._stopping:
                self._call_back()
            elif time.monotonic() > self._ends:
                self._end_time()
            else:
                self._hand_out()
                self._lend()
            time.sleep(LOOK_S)
            if gone := self._client_gone():
                raise gone
            self._listen()
            self._look_after()
        self._listen()  # the last words of workers that were lost

    def _client_gone(self) -> PlanError | None:
        status = self._client.status
        return None if status == "running" else PlanError(f"the dask client is {status}")

    def _count_workers(self) -> None:
        """How many there are; what one has that is no more there can be lent to others."""
        there = self._client.nthreads()
        self._workers, self._counted = max(1, len(there)), time.monotonic()
        self._listen()  # what it said before counts
        for key, chunk in self._chunks.items():
            if chunk.ticket and chunk.worker not in there:
                self._settle(key, chunk, self._at_worst(chunk))

    def _cut(self, rows: list[int]) -> Iterator[list[int]]:
        some = self._frame.iloc[rows[:: max(1, len(rows) // 100)]]
        length = sum(int(some[name].astype(str).str.len().sum()) for name in ("messages", "body"))
        fit = int(_MOST_BYTES * max(1, len(some)) / max(1, length))
        size = max(1, min(_MOST_TRIALS, fit, math.ceil(len(rows) / (_CHUNKS_A_WORKER * self._workers))))
        for first in range(0, len(rows), size):
            yield rows[first : first + size]

    def _hand_out(self) -> None:
        while self._left and len(self._chunks) < _AHEAD * self._workers:
            chunk = _Chunk(self._left.popleft())
            if not self._to_send(chunk):
                continue
            key = f"{self._sweep}-{self._number}"
            self._number += 1
            part = self._frame.iloc[chunk.rows].reset_index(drop=True)
            for name in part.select_dtypes("category"):
                part[name] = part[name].cat.remove_unused_categories()
            chunk.future = self._client.submit(answer, self._sweep, key, part, self._terms, key=key, pure=False)
            self._chunks[key] = chunk

    def _lend(self) -> None:
        """Give tickets to chunks that wait for one, one at a time to each worker: its loop is one process."""
        busy = {chunk.worker for chunk in self._chunks.values() if chunk.ticket}
        parts = max(1, min(self._workers, len(self._chunks) + len(self._left)))
        for key, chunk in list(self._chunks.items()):
            if chunk.asked is None or chunk.asked[1] in busy or not self._shares.has(parts):
                continue
            inbox, worker = chunk.asked
            rows = self._to_send(chunk)
            if not rows:
                self._reply(inbox, Ticket([], 0.0, None, None, None, None, []))
                del self._chunks[key]
            elif ticket := self._ticket(key, chunk, rows, parts):
                self._reply(inbox, ticket)
                chunk.ticket, chunk.inbox, chunk.worker, chunk.asked = ticket, inbox, worker, None
                chunk.booked = _NOTHING
                busy.add(worker)

    def _to_send(self, chunk: _Chunk) -> list[int]:
        """The open rows of a chunk; those that can never be sent end here."""
        for row in chunk.rows:
            refusal = self._refused and self._refused.get(self._trials.endpoint(row))
            if refusal and not self._is_over(row):
                self.failures[self._trials.ids[row]] = refusal
        rows = [row for row in chunk.rows if not self._is_over(row)]
        if not self._purse.limited:
            return rows
        if not chunk.worst:
            chunk.worst = {row: self._purse.worst(self._trials[row]) for row in rows}
        never = {row for row in rows if self._purse.wait_s("", chunk.worst[row]) is None}
        for row in never:
            self.limit = self.limit or self._purse.limit(chunk.worst[row])
        self._skip(never)
        return [row for row in rows if row not in never]

    def _ticket(self, key: str, chunk: _Chunk, rows: list[int], parts: int) -> Ticket | None:
        """What these rows may use now; None while too little of the budget is free."""
        chunk.lent = _NOTHING
        if self._purse.limited:
            now = [chunk.worst[row] for row in rows if self._purse.wait_s("", chunk.worst[row]) == 0]
            if not now:
                return None  # until others give back what they do not need
            idle = max(1, parts - sum(each.ticket is not None for each in self._chunks.values()))
            chunk.lent = self._part_of_budget(min(now), [chunk.worst[row] for row in rows], idle)
        capped = [left != math.inf for left in self._purse.left]
        self._purse.reserve(key, chunk.lent)
        open_rows = set(rows)
        return Ticket(
            [place for place, row in enumerate(chunk.rows) if row in open_rows],
            *self._shares.lend(parts),
            chunk.lent.money if capped[0] else None,
            chunk.lent.tokens if capped[1] else None,
            None if self._ends == math.inf else max(0.01, self._ends - time.monotonic()),
            lessons({self._trials.endpoint(row) for row in rows}),
        )

    def _part_of_budget(self, least: Amount, worst: list[Amount], idle: int) -> Amount:
        """At most the worst case of all, and an even part of what is left; at least enough for one trial."""
        amounts = []
        for one, each, left in zip(least, zip(*worst, strict=True), self._purse.left, strict=True):
            amounts.append(max(one, int(min(sum(each), left / idle))))
        return Amount(*amounts)

    def _reply(self, inbox: str, ticket: Ticket) -> None:
        waiting = queue(inbox, self._client)
        waiting.put(list(ticket))
        waiting.close()

    def _listen(self) -> None:
        for kind, key, inbox, content in self._outbox.get(batch=True):
            chunk = self._chunks.get(key)
            if kind == "answers":  # whoever has them, and however late: they are paid for
                for values in content:
                    self._answered(chunk, Response(*values))
            elif chunk is None:
                pass  # called back before it began
            elif kind == "ask":
                if chunk.ticket:  # it was begun before, on a worker that is gone
                    self._settle(key, chunk, self._at_worst(chunk))
                chunk.asked = inbox, content[0]
            elif inbox == chunk.inbox:  # else it was given up for lost, and has begun anew elsewhere
                self._ended(key, chunk, Outcome(*content))

    def _answered(self, chunk: _Chunk | None, response: Response) -> None:
        row = self._rows[response.trial_id]
        known = response.input_tokens is not None and response.output_tokens is not None
        cost = response.cost_usd if response.cost_usd is not None else 0.0
        tokens = (response.input_tokens or 0) + (response.output_tokens or 0)
        if chunk:
            paid = Amount.of(cost, tokens) if known else chunk.worst.get(row, _NOTHING)
            chunk.booked = Amount(chunk.booked.money + paid.money, chunk.booked.tokens + paid.tokens)
        self.cost_usd += cost
        if row in self._taken:
            return  # a worker that was taken for lost was not, and another has answered it too
        self._taken.add(row)
        self.failures.pop(response.trial_id, None)
        self.skipped.discard(response.trial_id)
        self._store.keep(self._texts.titled(response._replace(run_id=self.run_id), row))

    def _ended(self, key: str, chunk: _Chunk, outcome: Outcome) -> None:
        for trial_id, values in outcome.failures.items():
            if self._is_over(self._rows[trial_id]):
                continue
            self.failures[trial_id] = failure = Failure(*values)
            if self._terms.stop_at_error and self.problem is None:
                self.problem = CallError(failure.error, error_type=failure.error_type)
                self.stop(GRACE_S)
        for endpoint, (error_type, error) in outcome.refused.items():
            self._refused[endpoint] = Failure(None, None, 0, error_type, f"not sent: {error}")
        self.notes.update(dict.fromkeys(outcome.notes))
        teach(outcome.lessons)
        self._settle(key, chunk, Amount(outcome.money, outcome.tokens))
        self._over(key, chunk)

    def _settle(self, key: str, chunk: _Chunk, spent: Amount) -> None:
        if chunk.ticket:
            self._shares.settle(chunk.ticket)
            self._purse.settle(key, chunk.lent, spent)
            chunk.ticket = None

    def _over(self, key: str, chunk: _Chunk) -> None:
        """What is still open in a chunk that is over, because too little was lent to it, begins anew."""
        del self._chunks[key]
        if again := [row for row in chunk.rows if not self._is_over(row)]:
            self._left.append(again)

    def _at_worst(self, chunk: _Chunk) -> Amount:
        """What a chunk whose worker is gone may have spent: of all that was lent to it, what its open rows can cost."""
        lost = [worst for row, worst in chunk.worst.items() if not self._is_over(row)]
        most = (sum(each) for each in zip(chunk.booked, *lost, strict=True))
        return Amount(*map(max, chunk.booked, map(min, chunk.lent, most)))

    def _look_after(self) -> None:
        for key, chunk in list(self._chunks.items()):
            status = chunk.future.status
            if status == "error":
                self._failed(key, chunk, chunk.future.exception())
            elif status in ("cancelled", "lost") and not self._stopping:
                raise PlanError("the dask scheduler has lost the sweep")
            elif status == "finished":
                if chunk.finished:  # at the second look: its last message may have come in between
                    self._settle(key, chunk, self._at_worst(chunk))
                    self._over(key, chunk)
                chunk.finished = True

    def _failed(self, key: str, chunk: _Chunk, problem: Exception) -> None:
        """A chunk that took several workers with it fails for itself; any other trouble ends the sweep."""
        from distributed import KilledWorker

        if not isinstance(problem, KilledWorker):
            raise problem
        self._settle(key, chunk, self._at_worst(chunk))
        for row in chunk.rows:
            if not self._is_over(row):
                text = "the workers that had this chunk of trials were lost, several times"
                self.failures[self._trials.ids[row]] = Failure(None, None, 0, "KilledWorker", text)
        self._over(key, chunk)

    def _call_back(self) -> None:
        """Cancel what is left; a worker hears of it, and gives what is under way its grace."""
        self._left.clear()
        for key, chunk in list(self._chunks.items()):
            if not chunk.future.cancelled():
                chunk.future.cancel()
            if chunk.ticket is None:
                del self._chunks[key]

    def _end_time(self) -> None:
        """The deadline is here: nothing more is sent, and workers give up what they have under way by themselves."""
        self.limit = self.limit or "deadline_s"
        while self._left:
            self._skip(self._left.popleft())
        for key, chunk in list(self._chunks.items()):
            if chunk.ticket is None:
                self._skip(chunk.rows)
                chunk.future.cancel()
                del self._chunks[key]

    def _skip(self, rows: Iterable[int]) -> None:
        self.skipped.update(self._trials.ids[row] for row in rows if not self._is_over(row))

    def _is_over(self, row: int) -> bool:
        trial_id = self._trials.ids[row]
        return row in self._taken or trial_id in self.failures or trial_id in self.skipped


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


def _some(names: list[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
