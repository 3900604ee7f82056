"""Limiters as providers have them, and a sweep against one in simulated time; for tests and benchmarks."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Callable

from retitlekit.sweeps.limits import Lane, Sent


class FixedWindow:
    """`n` requests in each minute of the server's clock."""

    def __init__(self, n: int, offset_s: float = 0.0) -> None:
        self.n, self.offset_s, self.window, self.count = n, offset_s, -1, 0

    def wait_s(self, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        window = int((now + self.offset_s) // 60)
        if window != self.window:
            self.window, self.count = window, 0
        if self.count < self.n:
            self.count += 1
            return 0.0
        return self.told(now)[1]

    def told(self, now: float) -> tuple[int, float]:
        """Requests that remain, and seconds until all are back."""
        return self.n - self.count, (self.window + 1) * 60 - self.offset_s - now


class SlidingWindow:
    """`n` requests in any minute."""

    def __init__(self, n: int) -> None:
        self.n, self.times = n, deque[float]()

    def wait_s(self, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        while self.times and self.times[0] <= now - 60:
            self.times.popleft()
        if len(self.times) < self.n:
            self.times.append(now)
            return 0.0
        return self.times[0] + 60 - now

    def told(self, now: float) -> tuple[int, float]:
        """Requests that remain, and seconds until all are back."""
        return self.n - len(self.times), self.times[-1] + 60 - now if self.times else 0.0


class TokenBucket:
    """`n` requests flow in a minute, and at most `size` are kept."""

    def __init__(self, n: int, size: int) -> None:
        self.n, self.rate, self.size, self.level, self.then = n, n / 60, size, float(size), 0.0

    def wait_s(self, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        self.level = min(self.size, self.level + (now - self.then) * self.rate)
        self.then = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate

    def told(self, now: float) -> tuple[int, float]:
        """Requests that remain, and seconds until all are back."""
        return int(self.level), (self.size - self.level) / self.rate


class Parallel:
    """`n` requests at once, however many a minute."""

    def __init__(self, n: int) -> None:
        self.n, self.busy = n, 0

    def wait_s(self, now: float) -> float:
        """0 and one slot less, or some time above 0."""
        if self.busy >= self.n:
            return 1.0
        self.busy += 1
        return 0.0

    def leave(self) -> None:
        """A request was answered."""
        self.busy -= 1

    def told(self, now: float) -> tuple[int, float]:
        """Slots that remain, and seconds until all are back."""
        return self.n - self.busy, 1.0


Limiter = FixedWindow | SlidingWindow | TokenBucket | Parallel
LIMITERS: dict[str, Callable[[int], Limiter]] = {
    "fixed window": lambda n: FixedWindow(n, 41.0),
    "sliding window": SlidingWindow,
    "one at a time": lambda n: TokenBucket(n, 1),
    "bucket of a second": lambda n: TokenBucket(n, max(1, n // 60)),
    "bucket of a minute": lambda n: TokenBucket(n, n),
}


def headers(limiter: Limiter, now: float, wait_s: float, tells: str) -> dict[str, str]:
    """What the answer tells: "nothing", "retry-after" or "retry-after-ms" (with a 429), or "all" (OpenAI's, always)."""
    told: dict[str, str] = {}
    if tells == "retry-after-ms" and wait_s:
        told["retry-after-ms"] = str(math.ceil(1000 * wait_s))
    if tells in ("retry-after", "all") and wait_s:
        told["retry-after"] = str(math.ceil(wait_s))
    if tells == "all":
        remaining, reset_s = limiter.told(now)
        told |= {
            "x-ratelimit-limit-requests": str(limiter.n),
            "x-ratelimit-remaining-requests": str(remaining),
            "x-ratelimit-reset-requests": f"{reset_s:.3f}s",
        }
    return told


class Simulation:
    """A client that asks as fast as its lane allows, on a busy machine: what it plans for a moment happens later.

    `refusal_s` is how long a 429 takes.
    """

    def __init__(
        self, lane: Lane, limiter: Limiter, tells: str = "nothing", latency_s: float = 0.1, refusal_s: float = 0.001
    ) -> None:
        self.lane, self.limiter, self.tells = lane, limiter, tells
        self.latency_s, self.refusal_s = latency_s, refusal_s
        self.counts: Counter[str] = Counter()
        self._chance = random.Random(1)
        self._number, self._events = itertools.count(), list[tuple[float, int, Callable[[float], None]]]()
        self._woken = math.inf

    def run(self, seconds: float) -> Counter[str]:
        """Counts of what was answered and refused, early (in the first ten seconds) and late."""
        self._pump(0.0)
        while self._events and self._events[0][0] < seconds:
            now, _, what = heapq.heappop(self._events)
            what(now)
        return self.counts

    def _at(self, when: float, what: Callable[[float], None]) -> None:
        heapq.heappush(self._events, (when, next(self._number), what))

    def _late_s(self) -> float:
        """A loop is a little late always, and much at times."""
        late = self._chance.expovariate(1000)
        return late + self._chance.uniform(0, 0.05) if self._chance.random() < 0.01 else late

    def _pump(self, now: float) -> None:
        while (wait := self.lane.wait_s(now)) == 0:
            sent = self.lane.send(now)
            self._at(now + self._chance.uniform(0.0005, 0.003), lambda when, sent=sent: self._arrive(when, sent))
        if wait < math.inf and not now < self._woken <= now + wait + 0.001:
            self._woken = now + wait + self._late_s()
            self._at(self._woken, self._pump)

    def _arrive(self, now: float, sent: Sent) -> None:
        wait_s = self.limiter.wait_s(now)
        told = headers(self.limiter, now, wait_s, self.tells)
        late = "late " if now > 10 else "early "
        self.counts[late + ("refused" if wait_s else "answered")] += 1
        taken_s = self.refusal_s if wait_s else self.latency_s * self._chance.lognormvariate(-0.08, 0.4)
        self._at(now + taken_s, lambda when: self._leave(when, sent, bool(wait_s), told))

    def _leave(self, now: float, sent: Sent, refused: bool, told: dict[str, str]) -> None:
        if isinstance(self.limiter, Parallel) and not refused:
            self.limiter.leave()
        self._at(now + 0.001 + self._late_s(), lambda when: self._back(when, sent, refused, told))

    def _back(self, now: float, sent: Sent, refused: bool, told: dict[str, str]) -> None:
        if refused:
            unit = 0.001 if "retry-after-ms" in told else 1.0
            wait = told.get("retry-after-ms") or told.get("retry-after")
            self.lane.refused(sent, now, float(wait) * unit if wait else None, told)
        else:
            self.lane.accepted(sent, now, told, 100)
        self._pump(now)
