"""Errands: trials on their way to an answer, and the crew of those that one model is still to be asked."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import math
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from retitlekit.models import Model, Reply
from retitlekit.store import Response
from retitlekit.sweeps.budgets import Amount
from retitlekit.sweeps.limits import Lane, Sent
from retitlekit.sweeps.rows import Failure
from retitlekit.sweeps.trials import Trial, Trials


@dataclass(eq=False)
class Errand:
    """One trial on its way to an answer."""

    trial: Trial
    crew: Crew
    began: float = field(default_factory=time.monotonic)
    attempts: int = 0
    tries: int = 0
    last: Failure | None = None  # how its last try ended
    calls: dict[asyncio.Task[Reply], Call] = field(default_factory=dict)
    over: bool = False
    watchers: list[Callable[[Response | None], None]] = field(default_factory=list)  # other runs that want it


class Call(NamedTuple):
    """One request under way for an errand, and what is set aside for it."""

    sent: Sent
    started_at: float
    worst: Amount
    temperature: float | None
    hedge: asyncio.TimerHandle | None


class Crew:
    """The trials of one model that are still to be sent."""

    def __init__(self, model: Model, rows: np.ndarray, trials: Trials) -> None:
        self.endpoint, self.embedded = model.endpoint, model.embedded
        self.lane = _lane(model)
        self._tokens_matter = model.tpm is not None
        self._new = (Errand(trials[row], self) for row in rows.tolist())
        self._head: Errand | None = None
        self._again: list[tuple[float, int, Errand]] = []
        self._count = itertools.count()
        self.answered = 0

    def tokens(self, trial: Trial) -> float:
        """About how many tokens a trial sends, where a limit counts them."""
        return trial.size / 4 if self._tokens_matter else 0.0

    def head(self, now: float) -> Errand | float:
        """The trial whose turn it is, or the seconds until there is one."""
        if self._head is None:
            if self._again and self._again[0][0] <= now:
                self._head = heapq.heappop(self._again)[2]
            else:
                self._head = next(self._new, None)
        if self._head is not None:
            return self._head
        return self._again[0][0] - now if self._again else math.inf

    def pop(self) -> None:
        """The head has had its turn."""
        self._head = None

    def again(self, errand: Errand, due: float) -> None:
        """Its turn comes again, not before `due`."""
        heapq.heappush(self._again, (due, next(self._count), errand))

    def rest(self) -> Iterator[Errand]:
        """All that will not be sent any more."""
        while not isinstance(errand := self.head(math.inf), float):
            self.pop()
            yield errand


_lanes: dict[str, Lane] = {}  # all runs of this process share them


def _lane(model: Model) -> Lane:
    if model.endpoint not in _lanes:
        _lanes[model.endpoint] = Lane(time.monotonic(), rpm=model.rpm, tpm=model.tpm)
    return _lanes[model.endpoint]


os.register_at_fork(after_in_child=_lanes.clear)
