"""Paces: what an endpoint takes that tells nothing, learnt from what it refuses.

A 429 can mean too many requests at once or too many a minute. `Room` learns the first, `Pace` the second, and a
`Gap` (see `gaps`) the second of an endpoint that keeps nothing of what was not sent in time, as its first burst
shows. A refusal in more company than was ever accepted is the room's, and only if it does not end there the pace's:
either one, blamed wrongly, grows back without harm because the other one holds. What is right is hit again and again,
so both grow by galloping search (Bentley and Yao 1976): ever faster while nothing is refused, and slower with all that
is known.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from retitlekit.sweeps.gaps import Gap

MARGIN = 0.985  # of a rate: two clocks are never the same
WINDOW_S = 60.0  # what providers count requests over
_START, _MOST = 16, 512  # requests at once
_RARE = 100  # answers between two refusals that we provoke
_TICK_S = 0.1
_BURST_S = 0.75  # of a rate may be made up for at once; with the margin a minute holds no more than a minute's worth
_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 8.0  # while nothing is taken
_SURE = 250  # requests after which a rate is known as well as it can be


class Bucket:
    """A token bucket: `rate` units flow in a second, what some time brings is kept, and it may go into debt."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate, self.most, self._then = rate, math.inf, now
        self._level = self.size

    @property
    def size(self) -> float:
        """How much is kept."""
        return max(1.0, min(self.most, self.rate * _BURST_S))

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount`, or a full bucket, can be taken."""
        missing = min(amount, self.size) - self._flow(now)
        return missing / self.rate if missing > 1e-9 else 0.0

    def take(self, amount: float, now: float) -> float:
        """Take `amount`, whatever the level, and return the new one; a negative amount gives back."""
        self._level = min(self.size, self._flow(now) - amount)
        return self._level

    def set_rate(self, rate: float, now: float, *, level: float = math.inf) -> None:
        """From now on, `rate` a second, and at most `level` for the moment."""
        self._level = min(self._flow(now), level)
        self.rate = rate

    def _flow(self, now: float) -> float:
        self._level = min(self.size, self._level + (now - self._then) * self.rate)
        self._then = now
        return self._level


class Sent(NamedTuple):
    """One request that is under way: when it left, as which, with how many others, and the tokens set aside."""

    at: float
    number: int
    company: int
    tokens: float


class Room:
    """How many requests an endpoint takes at once.

    The limit grows fast while answers get no slower, and one by one from then on, up to a ceiling: as many as were
    under way when one was refused. One more is tried after many answers only, and after twice as many when it is
    refused again.
    """

    def __init__(self, now: float) -> None:
        self.limit = float(_START)
        self.latency_s = 0.0  # running mean
        self._answers = 0
        self._fast = True
        self._round, self._round_s, self._round_size = 0, 0.0, _START  # answers, and the sum of their latencies
        self._usual_s = 0.0  # mean latency in the round before
        self._slower = 0  # rounds that were
        self._ceiling = _MOST
        self._patience = self._caution = 1  # answers until one more is tried; at `_RARE` it was refused twice
        self._try_from = now
        self._since = self._proofs = 0  # answers since a refusal, and those of them from above the ceiling
        self._most, self._most_before, self._most_from = 0, 0, now  # the most company that was accepted, this minute
        self._last = -math.inf
        self._refusals: deque[tuple[float, int]] = deque(maxlen=64)  # when it came, of which request

    def wait_s(self, under_way: int, now: float) -> float:
        """Seconds until one more may go, infinity when one must come back first."""
        if under_way >= int(self.limit):
            return math.inf
        # what goes all at once is refused before anyone knows, and for its haste perhaps
        gap_s = self.latency_s / self.limit
        if under_way < self._ceiling:
            gap_s *= 0.5 if self._fast or self._ceiling < _MOST else 0.0
        return self._last + gap_s - now

    @property
    def crowded(self) -> bool:
        """Whether two at once were never taken."""
        return max(self._most, self._most_before) < 2

    def free(self) -> None:
        """It was never this that was too much."""
        self._forgive()
        self.limit = max(self.limit, float(_START))

    def scale(self, change: float) -> None:
        """What was too much for all is known; ours is this much more or less of it now."""
        if self._ceiling < _MOST:
            self._ceiling = max(1, round(self._ceiling * change))
            self.limit = min(max(1.0, self.limit * change), self._ceiling)

    def send(self, now: float) -> None:
        """Note that a request leaves."""
        self._last = max(now - 0.01, self._last + self.latency_s / (2 * self.limit))  # a late loop makes up for it

    def accepted(self, sent: Sent, now: float, *, under_way: int, grow: bool) -> None:
        """A request was answered; `grow` when nothing speaks against more."""
        self._answers += 1
        self._since += 1
        took = now - sent.at
        self.latency_s += (took - self.latency_s) / min(self._answers, 50)
        company = sent.company
        for at, number in reversed(self._refusals):
            if at < sent.at:
                break
            company -= number < sent.number  # it was no company after all
        if now - self._most_from > WINDOW_S:
            self._most, self._most_before, self._most_from = 0, self._most, now
        self._most = max(self._most, company)
        if company > self._ceiling:
            self._raise(company)
        if grow and under_way + 1 >= int(self.limit):
            self._grow(took, now)

    def _raise(self, company: int) -> None:
        """One more than the ceiling was accepted."""
        self._proofs += 1
        if self._caution < _RARE:
            self._forgive()
        elif self._proofs >= 5:  # fewer are luck: a slot is free before we know
            self._proofs, self._ceiling = 0, company
            self._caution = self._patience = max(_RARE, self._caution // 2)

    def _forgive(self) -> None:
        """The ceiling was none."""
        self._ceiling, self._caution, self._patience, self._fast, self._slower = _MOST, 1, 1, True, 0

    def _grow(self, took: float, now: float) -> None:
        if self.limit >= self._ceiling:
            self._patience -= 1
            if self._patience <= 0 and now >= self._try_from:
                self.limit, self._patience = min(_MOST, self._ceiling + 1.0), self._caution
        elif self._fast:
            self._round, self._round_s = self._round + 1, self._round_s + took
            mean_s, self._usual_s = self._round_s / self._round, self._usual_s or 2 * took
            slower = self._round >= 8 and mean_s > 1.5 * self._usual_s
            if not slower:
                self.limit = min(self._ceiling, self.limit + 3)
            if self._round >= self._round_size:
                self._slower += slower
                self._fast = self._slower < 2  # one round may be bad luck
                self._usual_s, self._round, self._round_s, self._round_size = mean_s, 0, 0.0, int(self.limit)
        else:
            self.limit = min(self._ceiling, self.limit + 1 / self.limit)

    def refused(self, sent: Sent, now: float, pause_s: float, *, under_way: int, anew: bool, paced: bool) -> bool:
        """More were too many, perhaps; returns whether that explains it.

        `anew`: it left after the last refusal was known. `paced`: there is a pace that holds requests back.
        """
        self._refusals.append((now, sent.number))
        most = max(self._most, self._most_before)
        if sent.company <= 0.8 * most:
            if anew:
                self._forgive()  # and what this room was blamed for
            return False
        full = sent.company > 1 and sent.company >= int(self.limit) and self._ceiling < _MOST
        full = full and self._since >= max(20, self.limit)
        more = sent.company > most and self._since >= 20
        trial = anew and sent.company > self._ceiling
        explained = trial or (not paced and (more or full))
        self._fast, self._since, self._proofs = False, 0, 0
        if explained:
            self._caution = min(20 * _RARE, max(_RARE, 2 * self._caution))
            self._try_from = now + _RARE * pause_s  # to be closed for a while must stay as rare
        at_once = not self._answers or now - sent.at < self.latency_s / 2  # then what is under way was taken
        if anew and not trial:
            fewer = under_way if at_once and self._ceiling == _MOST else max(under_way, sent.company - 1)
            self._ceiling = max(1, min(self._ceiling - 1, fewer))
        elif not anew and at_once:
            self._ceiling = max(1, min(self._ceiling, under_way))
        self.limit, self._patience = min(self.limit, self._ceiling), self._caution
        return explained


@dataclass
class _Mark:
    """A moment: requests sent by then, those of them that were taken, in the last minute, and those that were held."""

    at: float
    sent: int
    taken: int
    in_minute: int
    held: int


class Pace:
    """How many requests an endpoint takes a second: what it took between two moments at which it had nothing left.

    That is right for buckets and windows of any size. Where nothing at all is taken for longer than a bucket would
    need, the endpoint counts over a minute, and no more than were in it may be in any minute.
    """

    def __init__(self, now: float) -> None:
        self._bucket: Bucket | None = None  # none while nothing was refused
        self._base, self._rests_on = 0.0, 1  # a rate, and the number of requests by which it is known
        self._gap = Gap()
        self.spaced = False  # nothing is kept, and the gap is what counts
        self._full = math.inf  # as many in a minute are too many
        self._taken = self._held = 0  # all that were sent and not refused; all that the pace held back
        self._quiet = 0  # those held since the last exhaustion
        self._holds = False
        self._minute: dict[int, int] = {}  # taken in the last minute, by tick
        self._in_minute = 0
        self._began = now
        self._burst: _Mark | None = None  # the first exhaustion: by then a burst was taken, at the most
        self._exhausted: deque[_Mark] = deque(maxlen=32)
        self._trail: deque[_Mark] = deque(maxlen=16)  # since the last of them
        self._refusals: deque[float] = deque(maxlen=7)  # how long the last ones took
        self._refusal_s = 0.0  # how long one takes
        self._pause_s = _PAUSE_S
        self._closed_until = self._alone_until = -math.inf
        self._alone = False  # the next one goes ahead of the others

    @property
    def binding(self) -> bool:
        """Whether it is the pace that holds requests back."""
        return self._quiet >= 20

    def wait_s(self, now: float) -> float:
        """Seconds until one more may go."""
        while self._minute and self.expiry_s(now) <= 0:
            self._in_minute -= self._minute.pop(next(iter(self._minute)))
        if self.spaced:
            return max(self._gap.wait_s(now), self._alone_until - now)
        wait = self._bucket.wait_s(1, now) if self._bucket else 0.0
        self._holds = self._holds or wait > 0
        if self._in_minute >= self._full:
            wait = max(wait, self.expiry_s(now))
        return max(wait, self._closed_until - now, self._alone_until - now)

    def scale(self, change: float, now: float) -> None:
        """From now on, so much more or less of it is ours; what was counted before tells no rate."""
        self._base *= change
        self._gap.scale(1 / change)
        self._full *= change
        if self._bucket:
            self._bucket.set_rate(self._bucket.rate * change, now)
        self._exhausted.clear()
        self._trail.clear()

    def expiry_s(self, now: float) -> float:
        """Seconds until the oldest request of the last minute is older than that, for the endpoint too."""
        return (next(iter(self._minute), int(now / _TICK_S)) + 2) * _TICK_S + WINDOW_S - now

    def send(self, now: float, number: int) -> None:
        """Note that a request leaves; it counts as taken unless it is refused."""
        self._taken += 1
        tick = int(now / _TICK_S)
        self._minute[tick] = self._minute.get(tick, 0) + 1
        self._in_minute += 1
        if self._alone:
            self._alone, self._alone_until = False, now + 2 * self._refusal_s + 0.01
        self._gap.send(now, search=self.spaced)
        if self.spaced or not self._bucket:
            return
        level = self._bucket.take(1, now)
        if self._holds or level < 1 < self._bucket.size:
            self._quiet += 1
            self._held += 1
            if self._quiet % max(1, self._rests_on // 4) == 0:
                self._trail.append(self._mark(now, number))
        self._holds = False
        known = self._quiet - self._bucket.rate * self._refusal_s  # of later ones the refusal may be under way
        if known > 0:
            growth = 1 + (2 ** min(known / self._rests_on, 12) - 1) / self._rests_on
            self._bucket.set_rate(self._base * growth, now)
            if self._full < math.inf:
                self._full = self._base * growth / MARGIN * WINDOW_S

    def forget(self, sent: Sent, now: float) -> None:
        """It was not taken after all."""
        self._refusals.append(now - sent.at)
        self._refusal_s = median(self._refusals)
        self._taken -= 1
        tick = int(sent.at / _TICK_S)
        if tick in self._minute:
            self._minute[tick] -= 1
            self._in_minute -= 1
        self._trail = deque((mark for mark in self._trail if mark.sent != sent.number), maxlen=16)
        for mark in (*self._exhausted, *self._trail, *filter(None, [self._burst])):
            if mark.sent >= sent.number:
                mark.taken -= 1

    def exhaust(
        self, sent: Sent, now: float, retry_after: float | None, *, latest: int, latency_s: float, crowded: bool
    ) -> None:
        """Nothing was left when this was sent: slow down to what was taken since it was so before.

        `crowded`: for all that is known, it may be more than one at once that was refused.
        """
        self.spaced = self.spaced or (not crowded and self._burst is not None and self._burst.taken <= 1)
        if self.spaced:
            self._gap.refused(sent.at)
            self._alone = True
            return
        self._quiet = 0
        last = self._exhausted[-1] if self._exhausted else None
        silent_s = now - last.at if last and last.taken == self._taken else 0.0
        if not silent_s:
            self._pause_s = max(_PAUSE_S, latency_s / 4)
        self._alone = silent_s > 0 or self._full < math.inf or self._base * self._refusal_s > 2
        if self._is_window(silent_s + (retry_after or 0.0)):
            self._fill(now, retry_after)
        elif silent_s and (self._rests_on < 8 or self._base * silent_s > 3):
            self._pause_s *= 2
            minute = self._in_minute / (WINDOW_S + now - self._began)  # if so many are all that a minute takes
            if self._in_minute >= 2 * _START and self._base / 2 <= 1.1 * minute < self._base:
                self._set(MARGIN * minute, self._in_minute, now)
            else:
                self._set(min(self._base / 2, 1 / self._pause_s), 1, now)
        else:
            rate, rests_on = self._estimate(now)
            self._set(rate, rests_on, now)
        self._trail.clear()
        if not silent_s:
            self._exhausted.append(self._mark(sent.at, latest))
            self._burst = self._burst or self._mark(sent.at, latest)

    def _estimate(self, now: float) -> tuple[float, int]:
        """The rate that was kept up for sure, and the number of requests it rests on."""
        spans = [
            (now - mark.at, self._taken - mark.taken - 1, self._held - mark.held)
            for mark in self._exhausted
            if now - mark.at > 0.2
        ]
        if not spans:
            if self._bucket:
                return 0.98 * self._base, self._rests_on
            return min(1 / self._pause_s, self._taken / max(now - self._began, self._pause_s)), 1
        long = [span for span in spans if span[1] >= 64]
        span_s, count, held = long[-1] if long else max(spans, key=lambda span: span[1] / span[0])
        rate = max(count, 0.5) / span_s
        if self._burst and self._trail:  # in any time at all no more was taken than a burst and what flowed
            end = self._trail[-1]
            flowed = [(end.taken - mark.taken + 1 - self._burst.taken, end.at - mark.at) for mark in self._trail]
            rate = max(rate, *(count / span_s for count, span_s in flowed if span_s > 0.005), 0.0)
        return rate * (MARGIN if count > 30 else 1.0), held

    def _is_window(self, silent_s: float) -> bool:
        """Whether even a bucket of a minute would have let somebody through, or each that went made room for one."""
        if self._in_minute < 0.95 * self._base * WINDOW_S:
            self._full = math.inf  # there was room in it
        turned = any(
            self._taken - mark.taken >= 20 * max(2, abs(self._in_minute - mark.in_minute)) for mark in self._exhausted
        )
        return (
            self._full < math.inf
            or (turned and self._in_minute < self._taken)
            or (silent_s >= 3 and silent_s * self._in_minute / WINDOW_S >= 2)
        )

    def _fill(self, now: float, retry_after: float | None) -> None:
        """What was taken in the last minute is all that a minute takes, or more."""
        pause_s = self.expiry_s(now) if self._full == math.inf else self._pause_s
        self._pause_s = min(_LONGEST_PAUSE_S, 2 * self._pause_s)
        self._full = max(1, self._in_minute)
        self._set(self._full / WINDOW_S * MARGIN, int(self._full), now)
        if retry_after is None:
            self._closed_until = now + pause_s

    def _set(self, rate: float, rests_on: int, now: float) -> None:
        price = rate * self._refusal_s  # refusals that it takes to know more
        self._base, self._rests_on = rate, max(1, int(min(rests_on, _SURE * max(1.0, price / 2))))
        self._bucket = self._bucket or Bucket(rate, now)
        self._bucket.set_rate(rate, now, level=0.0)

    def _mark(self, at: float, sent: int) -> _Mark:
        return _Mark(at, sent, self._taken, self._in_minute, self._held)
