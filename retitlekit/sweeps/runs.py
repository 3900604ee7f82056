"""Runs: one execution of a sweep. Trials go out as fast as their endpoints take them, and come back as responses.

All runs of a process live in one event loop, in a thread of its own. That makes their bookkeeping plain: what stands
between two awaits happens at once. Endpoints' limits are shared by all runs, and so is a trial that two of them want
at the same time: it is sent once.
"""

from __future__ import annotations

import asyncio
import math
import os
import random
import threading
import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from retitlekit import models as _models
from retitlekit.errors import CallError, StoreError
from retitlekit.models import Model, Reply
from retitlekit.store import Response, Store
from retitlekit.sweeps.budgets import NOTHING, Amount, Purse
from retitlekit.sweeps.dialects import Dialect
from retitlekit.sweeps.errands import Call, Crew, Errand
from retitlekit.sweeps.limits import Lane
from retitlekit.sweeps.rows import Failure, Texts
from retitlekit.sweeps.trials import Trial, Trials

_LONGEST_WAIT_S = 60.0  # between two tries
_LONGEST_CLOSURE_S = 600.0  # an endpoint that asks for more is left alone
_PATIENCE_S = 900.0  # with one trial
_SLICE = 64  # trials that start before others get their turn
_BACKLOG = 20_000  # answers that wait for the disk
GRACE_S = 5.0  # for what is under way when a run is stopped


@dataclass(frozen=True)
class Terms:
    """What a caller asks of a run, as `sweeps.run` explains it."""

    timeout: float = 60
    retries: int = 4
    max_concurrency: int | None = None
    hedge_after: float | None = None
    deadline_s: float | None = None
    stop_at_error: bool = False
    share: float = 1.0  # of what each endpoint takes; other machines have the rest


class Run:
    """One execution: give it to the loop with `main`, look at its three tables at any time."""

    def __init__(self, run_id: str, store: Store, texts: Texts, purse: Purse, terms: Terms) -> None:
        self.run_id = run_id
        self.responses: dict[str, Response] = {}
        self.failures: dict[str, Failure] = {}
        self.skipped: set[str] = set()
        self.cost_usd = 0.0  # of the answers this run paid for, as far as prices are known
        self.notes: dict[str, None] = {}  # what the caller is to be told in the end
        self.limit = ""  # what left trials unsent
        self.problem: Exception | None = None
        self._store, self._texts, self._purse, self._terms = store, texts, purse, terms
        store.landed = self.land
        self._landing: dict[str, Response] = {}  # answered, and not yet on the disk
        self._home = str(Path(store.path).resolve())  # a text remembers its hash
        self._crews: list[Crew] = []
        self.refused: dict[str, CallError] = {}  # endpoints that are asked no more
        self._calls: dict[asyncio.Task[Reply], Errand] = {}
        self._open = 0
        self._stopping = self._late = False
        self._wake = asyncio.Event()
        self._began = time.monotonic()
        self._awaited: set[Errand] = set()  # another run is asking for these
        with _joining:  # callers may be threads
            self._siblings = [run for run in _active if run._home == self._home]  # not in our `found`: their answers
            for run in self._siblings:
                run._siblings.append(self)
            _active.append(self)

    def land(self, responses: Sequence[Response]) -> None:
        """These are on the disk: they count."""
        for response in responses:
            self.responses[response.trial_id] = response
            self._landing.pop(response.trial_id, None)

    def check_ready(self, models: list[Model]) -> None:
        """Raise a `ModelError` for all models that could not answer now."""
        _models.check_ready(models)

    def leave(self) -> None:
        """It will not be run, or has ended."""
        with _joining:
            if self in _active:
                _active.remove(self)

    async def main(self, trials: Trials, rows: np.ndarray) -> None:
        """Send these rows; returns when each is over, or the run was stopped."""
        self._crews = [Crew(model, own, trials) for model, own in trials.by_model(rows)]
        self._open = len(rows)
        loop = asyncio.get_running_loop()
        cut = None
        if self._terms.deadline_s is not None:
            cut = loop.call_later(self._terms.deadline_s - (time.monotonic() - self._began), self._end_time)
        for crew in self._crews:
            crew.lane.share(self._terms.share, time.monotonic())
            _watchers(crew.lane).add(self._wake)
        try:
            while self._open and not self._stopping and not self._late:
                await self._sleep(self._start())
            while self._calls:
                await self._sleep(math.inf)
        finally:
            self._give_up()
            while self._calls:
                await self._sleep(math.inf)
            if cut:
                cut.cancel()
            self._awaited.clear()  # what the other run brings now is too late for this frame
            for crew in self._crews:
                _watchers(crew.lane).discard(self._wake)
            for key in [key for key, errand in _asked.items() if errand.crew in self._crews]:
                self._tell(key, None)

    def stop(self, grace_s: float) -> None:
        """Send nothing more, and give up after `grace_s` seconds what is under way."""
        self._stopping = True
        self._wake.set()
        asyncio.get_running_loop().call_later(grace_s, self._give_up)

    async def _sleep(self, seconds: float) -> None:
        """Until something has happened, or for so long."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        timer = None if seconds == math.inf else asyncio.get_running_loop().call_later(seconds, self._wake.set)
        await self._wake.wait()
        self._wake.clear()
        if timer:
            timer.cancel()

    def _give_up(self) -> None:
        for task in tuple(self._calls):
            task.cancel()

    def _end_time(self) -> None:
        """The deadline is here."""
        self._late = True
        self._wake.set()
        for crew in self._crews:
            self._skip_rest(crew)
        for errand in self._awaited:
            self._skip(errand, "deadline_s")
        self._awaited.clear()
        self._give_up()

    # -- who goes next

    def _start(self) -> float:
        """Let go what may go; returns the seconds until more may, 0 when the loop is due to others first."""
        if self._store.backlog > _BACKLOG:
            return 0.01  # the disk is slower than the answers
        now = time.monotonic()
        soonest, started = math.inf, 0
        waiting = list(self._crews)
        while waiting:
            for crew in tuple(waiting):  # in turn: a slow model does not hold up the others
                wait = self._next(crew, now)
                if wait:
                    waiting.remove(crew)
                    soonest = min(soonest, wait)
                elif (started := started + 1) >= _SLICE:
                    return 0.0
        return soonest

    def _next(self, crew: Crew, now: float) -> float:
        """Bring one trial of the crew on its way; returns the seconds to wait first."""
        bound = self._terms.max_concurrency
        if bound is not None and len(self._calls) >= bound:
            return math.inf
        errand = crew.head(now)
        if isinstance(errand, float):
            return errand
        if errand.over:  # a second request brought the answer meanwhile
            crew.pop()
            return 0.0
        trial = errand.trial
        closed_s = crew.lane.closed_s(now)
        if closed_s > _LONGEST_CLOSURE_S and crew.endpoint not in self.refused:
            text = f"{trial.model.name} asks to wait for another {closed_s:.0f} s; run(frame) again then"
            self.refused[crew.endpoint] = CallError(text, error_type="RateLimitError")
        refusal = self.refused.get(crew.endpoint)
        if refusal is not None:
            self._fail(errand, Failure(None, None, errand.attempts, refusal.error_type, f"not sent: {refusal}"))
            crew.pop()
            return 0.0
        if self._elsewhere(errand):
            crew.pop()
            return 0.0
        deadline_s = self._terms.deadline_s
        if deadline_s is not None and now - self._began + crew.lane.latency_s > deadline_s:
            self._skip_rest(crew)
            return math.inf
        worst = self._purse.worst(trial)
        affordable = self._purse.wait_s(crew.endpoint, worst)
        if affordable is None:
            crew.pop()
            self._skip(errand, self._purse.limit(worst))
            return 0.0
        tokens = crew.tokens(trial)
        wait = max(affordable, crew.lane.wait_s(now, tokens=tokens, bounded=bound is None and not crew.embedded))
        if not wait:
            crew.pop()
            self._send(errand, worst, tokens)
        return wait

    def _elsewhere(self, errand: Errand) -> bool:
        """Whether another run of this process has, or will have, the answer."""
        for run in self._siblings:
            # in this order: what has left the first meanwhile is in the second
            response = run._landing.get(errand.trial.trial_id) or run.responses.get(errand.trial.trial_id)
            if response is not None:
                self._take(errand, response)
                return True
        key = self._home, errand.trial.trial_id
        other = _asked.setdefault(key, errand)
        if other is errand:
            return False
        other.watchers.append(partial(self._told, errand))
        self._awaited.add(errand)
        return True

    def _told(self, errand: Errand, response: Response | None) -> None:
        """What became of our errand with another run."""
        if errand not in self._awaited:
            return  # we have ended without it
        self._awaited.discard(errand)
        if response is None:
            errand.crew.again(errand, 0.0)
        else:
            self._take(errand, response)
        self._wake.set()

    def _take(self, errand: Errand, response: Response) -> None:
        """Another run got it."""
        self.responses[errand.trial.trial_id] = response
        self._count_off(errand)

    def _skip(self, errand: Errand, limit: str) -> None:
        self.limit = self.limit or limit
        if errand.last is not None:  # it was sent, and there is no further try
            self._fail(errand, errand.last)
            return
        self.skipped.add(errand.trial.trial_id)
        self._over(errand, None)

    def _skip_rest(self, crew: Crew) -> None:
        for errand in crew.rest():
            if not errand.over:
                self._skip(errand, "deadline_s")

    # -- one request

    def _send(self, errand: Errand, worst: Amount, tokens: float) -> None:
        trial, lane = errand.trial, errand.crew.lane
        self._purse.reserve(errand.crew.endpoint, worst)
        temperature, params = _dialect(trial).spoken(trial.temperature, trial.params)
        loop = asyncio.get_running_loop()
        task = loop.create_task(
            _models.complete(
                trial.model,
                trial.messages,
                temperature=temperature,
                params=params,
                repeat=trial.repeat,
                timeout=self._terms.timeout,
            )
        )
        hedge = None
        if self._terms.hedge_after is not None and not errand.calls:
            hedge = loop.call_later(self._terms.hedge_after, self._hedge, errand)
        errand.attempts += 1
        errand.calls[task] = Call(lane.send(time.monotonic(), tokens=tokens), time.time(), worst, temperature, hedge)
        self._calls[task] = errand
        task.add_done_callback(self._back)

    def _hedge(self, errand: Errand) -> None:
        """It takes long: ask a second time, if there is room and money for it."""
        crew = errand.crew
        ended = self._stopping or self._late or crew.endpoint in self.refused
        if ended or errand.over or len(errand.calls) != 1:
            return
        worst, tokens = self._purse.worst(errand.trial), crew.tokens(errand.trial)
        bound = self._terms.max_concurrency
        room = bound is None or len(self._calls) < bound
        if room and not crew.lane.wait_s(time.monotonic(), tokens=tokens, bounded=bound is None):
            if self._purse.wait_s(crew.endpoint, worst) == 0:
                self._send(errand, worst, tokens)
            return
        asyncio.get_running_loop().call_later(0.1, self._hedge, errand)

    def _back(self, task: asyncio.Task[Reply]) -> None:
        errand = self._calls.pop(task)
        call = errand.calls.pop(task)
        if call.hedge:
            call.hedge.cancel()
        try:
            if task.cancelled():
                self._given_up(errand, call)
            elif (problem := task.exception()) is None:
                self._answered(errand, call, task.result())
            elif isinstance(problem, CallError):
                self._failed(errand, call, problem)
            else:
                raise problem
        except Exception as problem:  # noqa: BLE001 - in a callback it would only be logged, and the run never end
            self.problem = self.problem or problem
            self.stop(GRACE_S)
        for wake in _watchers(errand.crew.lane):
            wake.set()

    def _given_up(self, errand: Errand, call: Call) -> None:
        """We cancelled it: after the grace of a stop, at the deadline, or because its hedge was faster."""
        errand.crew.lane.gone(call.sent, time.monotonic())
        self._purse.settle(errand.crew.endpoint, call.worst, None)
        if errand.over or errand.calls:
            return
        if self._late:
            text = f"no answer within deadline_s={self._terms.deadline_s:g}"
            waited = time.monotonic() - call.sent.at
            self._fail(errand, Failure(call.started_at, waited, errand.attempts, "Timeout", text))

    def _answered(self, errand: Errand, call: Call, reply: Reply) -> None:
        now = time.monotonic()
        crew, trial = errand.crew, errand.trial
        tokens = None
        if (reply.input_tokens or 0) > 0 and (reply.output_tokens or 0) >= 0:  # what makes no sense is not known
            tokens = (reply.input_tokens or 0) + (reply.output_tokens or 0)
        crew.lane.accepted(call.sent, now, reply.headers, tokens)
        crew.answered += 1
        spent = None
        if tokens is not None and (reply.cost_usd is not None or not self._purse.counts_money):
            spent = Amount.of(reply.cost_usd or 0.0, tokens)
        self._purse.settle(crew.endpoint, call.worst, spent)
        if errand.over:
            return
        for task in errand.calls:
            task.cancel()
        cost = None if reply.cost_usd is None else reply.cost_usd * (1 + len(errand.calls))  # the slower one is billed
        response = self._texts.titled(
            Response(
                trial_id=trial.trial_id,
                run_id=self.run_id,
                started_at=call.started_at,
                latency_s=now - call.sent.at,
                attempts=errand.attempts,
                completion=reply.completion,
                finish_reason=reply.finish_reason,
                input_tokens=reply.input_tokens,
                output_tokens=reply.output_tokens,
                cost_usd=cost,
                effective_temperature=reply.effective_temperature,
                model=trial.model.endpoint,
            ),
            trial.row,
        )
        self._landing[trial.trial_id] = response
        self.cost_usd += cost or 0.0
        try:
            self._store.keep(response)
        except StoreError:
            self.land([response])  # the disk is full: it stands in the error's frame
            raise
        finally:
            self._over(errand, response)

    def _failed(self, errand: Errand, call: Call, problem: CallError) -> None:
        now = time.monotonic()
        crew, lane = errand.crew, errand.crew.lane
        limited = problem.error_type == "RateLimitError" and problem.retryable
        if limited:
            lane.refused(call.sent, now, problem.retry_after, problem.headers)
        elif problem.retryable:
            lane.troubled(call.sent, now)
        else:
            lane.gone(call.sent, now)
        self._purse.settle(crew.endpoint, call.worst, None if problem.billed else NOTHING)
        if errand.over:
            return
        name = errand.trial.model.name
        learnt = _dialect(errand.trial).learn(problem, call.temperature, errand.trial.params)
        if learnt:
            self.notes[f"{name} takes no {learnt}: its trials are sent without (see effective_temperature)"] = None
            crew.again(errand, 0.0)
            return
        if errand.calls:
            return  # its other request may still bring the answer
        closed = (problem.retry_after or 0.0) > _LONGEST_CLOSURE_S
        if _is_final(problem, crew.answered) or (limited and closed):
            self.refused[crew.endpoint] = problem
            self.notes[f"{name}: its other trials were not sent after {problem.error_type}: {problem!s:.200}"] = None
        errand.tries += 1
        waited = now - call.sent.at
        errand.last = Failure(call.started_at, waited, errand.attempts, problem.error_type, str(problem))
        in_time = now - errand.began < _PATIENCE_S
        if problem.retryable and errand.tries <= self._terms.retries and in_time and not self._stopping and not closed:
            wait = random.uniform(0, min(_LONGEST_WAIT_S, 0.5 * 2**errand.tries))  # noqa: S311 - full jitter
            crew.again(errand, now + wait)
            return
        self._fail(errand, errand.last)
        if self._terms.stop_at_error and self.problem is None:
            self.problem = problem
            self.stop(GRACE_S)

    def _fail(self, errand: Errand, failure: Failure) -> None:
        self.failures[errand.trial.trial_id] = failure
        self._over(errand, None)

    def _over(self, errand: Errand, response: Response | None) -> None:
        self._count_off(errand)
        key = self._home, errand.trial.trial_id
        if _asked.get(key) is errand:
            self._tell(key, response)

    def _count_off(self, errand: Errand) -> None:
        errand.over = True
        self._open -= 1
        if not self._open:
            self._wake.set()

    def _tell(self, key: tuple[str, str], response: Response | None) -> None:
        for told in _asked.pop(key).watchers:
            told(response)


def _is_final(problem: CallError, answered: int) -> bool:
    """Whether every other trial of this endpoint would fail for the same reason: a wrong key, or no credit left."""
    if problem.status == 403:
        return answered == 0  # later it is about one message: some providers moderate with a 403
    return (
        problem.error_type == "AuthenticationError"
        or problem.status == 402
        or (problem.error_type == "RateLimitError" and not problem.retryable)
    )


# ---- shared by all runs of this process


_active: list[Run] = []
_joining = threading.Lock()
_asked: dict[tuple[str, str], Errand] = {}  # by store and trial
_wakes: dict[int, set[asyncio.Event]] = {}
_dialects: dict[tuple[str, str], Dialect] = {}


def _watchers(lane: Lane) -> set[asyncio.Event]:
    """Whom to wake when a request of this lane is back: every run that uses it."""
    return _wakes.setdefault(id(lane), set())


def _dialect(trial: Trial) -> Dialect:
    kind = trial.model.endpoint, repr(trial.params)
    return _dialects.get(kind) or _dialects.setdefault(kind, Dialect())


Lesson = list[Any]  # endpoint, parameters as text, and `Dialect.lesson`; travels as JSON would


def lessons(endpoints: Collection[str]) -> list[Lesson]:
    """What this process has learnt of the dialects of these endpoints."""
    return [
        [endpoint, params, dialect.lesson]
        for (endpoint, params), dialect in tuple(_dialects.items())
        if endpoint in endpoints and dialect.lesson
    ]


def teach(learnt: Iterable[Lesson]) -> None:
    """Know what another process has learnt."""
    for endpoint, params, lesson in learnt:
        _dialects.setdefault((endpoint, params), Dialect()).take(lesson)


_starting = threading.Lock()
_loops: list[asyncio.AbstractEventLoop] = []


def background_loop() -> asyncio.AbstractEventLoop:
    """The loop that all runs of this process share, in a thread of its own; a forked child gets its own."""
    with _starting:
        if not _loops:
            loop = _new_loop()
            threading.Thread(target=loop.run_forever, name="retitlekit", daemon=True).start()
            threading.Thread(target=_see_off, args=(loop,), name="retitlekit exit").start()
            _loops.append(loop)
        return _loops[0]


def _new_loop() -> asyncio.AbstractEventLoop:
    """Of the kind that needs less CPU for each request; it does not exist for Windows."""
    try:
        import uvloop
    except ModuleNotFoundError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _see_off(loop: asyncio.AbstractEventLoop) -> None:
    """When the program ends, runs that nobody waits for are stopped, and keep what they paid for."""
    threading.main_thread().join()
    with _joining:
        under_way = tuple(_active)
    for run in under_way:
        loop.call_soon_threadsafe(run.stop, GRACE_S)
    end = time.monotonic() + GRACE_S + 1
    while _active and time.monotonic() < end:
        time.sleep(0.02)


def _forget() -> None:
    """A forked child has none of its parent's threads and requests, and waits for no lock that one of them held."""
    global _joining, _starting
    _joining, _starting = threading.Lock(), threading.Lock()
    for shared in (_active, _asked, _wakes, _dialects, _loops):
        shared.clear()


os.register_at_fork(after_in_child=_forget)
