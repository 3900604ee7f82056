"""Limits: how many requests an endpoint takes, at once and a minute; told, or learnt from what it answers.

A `Lane` stands for one endpoint. It never waits itself: it says how long to wait, and is told what came of each
request. Times are seconds of a monotonic clock, passed in.

Three things bound a lane. Its *limit* of requests at once doubles while that brings more answers a second, is cut when
the endpoint says 429 to a request that had more company than any it accepted, and then grows one by one (additive
increase, multiplicative decrease; Chiu and Jain 1989). Its *pace* in requests a second is the rate that the endpoint
accepted between two exhaustions; it exists only once a 429 came that concurrency does not explain. And what is *told*
bounds it: `Model(rpm=, tpm=)`, Retry-After, and the remaining-and-reset headers of OpenAI, Anthropic and those who copy
them.
"""

from __future__ import annotations

import math
import re
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

_START, _MOST = 16, 512  # requests at once
_GROWTH_PAUSE_S = 5.0  # after a server error
_WINDOW_S = 60.0  # what providers count requests over
_TICK_S = 0.1
_BURST_S = 0.75  # of a pace may be made up for at once; with the margin a minute holds no more than a minute's worth
_LONGEST_PAUSE_S = 60.0
_PROBE_S = 1.0
_STEP = 0.01  # of growth
_LONG_S = 3.0  # who is refused for longer has used up a window; a bucket would have filled
_MARGIN = 0.985  # of a cap that is told: two clocks are never the same


class Bucket:
    """A token bucket: `rate` units flow in a second, at most `size` are kept, and it may go into debt."""

    def __init__(self, rate: float, now: float) -> None:
        self.rate, self._then = rate, now
        self._level = self._size = max(1.0, rate * _BURST_S)

    def wait_s(self, amount: float, now: float) -> float:
        """Seconds until `amount`, or a full bucket, can be taken."""
        missing = min(amount, self._size) - self._flow(now)
        return missing / self.rate if missing > 1e-9 else 0.0

    def take(self, amount: float, now: float) -> None:
        """Take `amount`, whatever the level; a negative amount gives back."""
        self._level = min(self._size, self._flow(now) - amount)

    def set_rate(self, rate: float, now: float, *, level: float | None = None) -> None:
        """From now on, `rate` a second, and at most `level` for the moment."""
        self._level = min(self._flow(now), math.inf if level is None else level)
        self.rate, self._size = rate, max(1.0, rate * _BURST_S)

    def _flow(self, now: float) -> float:
        self._level = min(self._size, self._level + (now - self._then) * self.rate)
        self._then = now
        return self._level


class Sent(NamedTuple):
    """One request that is under way: when it left, as which, with how many others, and the tokens set aside."""

    at: float
    number: int
    company: int
    tokens: float


@dataclass
class _Exhaustion:
    """A moment at which the endpoint had nothing left: requests sent by then, and those of them it took."""

    at: float
    sent: int
    taken: int


class Lane:
    """What one endpoint takes. All sweeps of a process share it."""

    def __init__(self, now: float, *, rpm: float | None = None, tpm: float | None = None) -> None:
        self.limit = float(_START)
        self.under_way = 0
        self.closed_until = -math.inf
        self.latency_s = 0.0  # running mean
        self._reply_tokens = 60.0  # running mean
        self._sent = self._taken = self._answers = 0
        self._part = 1.0
        self._rpm = Bucket(rpm / 60 * _MARGIN, now) if rpm else None
        self._tpm = Bucket(tpm / 60 * _MARGIN, now) if tpm else None
        # concurrency
        self._doubling = True
        self._flat = False
        self._best = 0.0  # answers a second at the limit before
        self._round_from, self._round_answers = now, 0  # below 0: the limit still grows
        self._ceiling = math.inf  # a limit that was cut; growth above it waits for many quiet answers
        self._patience = self._caution = 25
        self._safe, self._safe_before, self._safe_from = 0, 0, now  # the most company that was accepted, this minute
        self._growth_from = -math.inf
        # pace
        self._pace: Bucket | None = None
        self._known = 0.0  # the rate that was measured
        self._step = 0.0
        self._paced = False  # the pace made somebody wait since it last grew
        self._since = [0, 0]  # answers and refusals since the pace was measured
        self._limited = False  # the limit did, since the last exhaustion
        self._quiet = 0  # accepted since the last refusal or growth of the pace
        self._deaf_until = -math.inf  # until then lone refusals set no pace
        self._minute: dict[int, int] = {}  # taken in the last minute, by tick
        self._in_minute = 0
        self._full = math.inf  # as many in a minute were too many
        self._last = _Exhaustion(now, 0, 0)  # or a lone refusal
        self._exhausted: deque[_Exhaustion] = deque(maxlen=64)
        self._recent: deque[bool] = deque(maxlen=10)  # was it a refusal?
        self._cut_at = 0  # requests up to this number were sent before the last cut
        self._probe: int | None = None  # after an exhaustion one request goes ahead; 0 while it has not left
        self._probe_at = now
        self._pause_s = 0.0
        # told by headers
        self._told: Bucket | None = None
        self._told_by = 0

    def share(self, part: float, now: float) -> None:
        """From now on, this part of all that is known of the endpoint; other machines have the rest."""
        change, self._part = part / self._part, part
        if change == 1:
            return
        for bucket in (self._rpm, self._tpm, self._told, self._pace):
            if bucket:
                bucket.set_rate(bucket.rate * change, now)
        self._known *= change
        self._full *= change
        if self._ceiling < math.inf:  # what was too much for all
            self.limit, self._ceiling = max(1.0, self.limit * change), max(1.0, self._ceiling * change)

    # -- before a request

    def wait_s(self, now: float, *, tokens: float = 0.0, bounded: bool = True) -> float:
        """Seconds until one more request may go: 0 is now, infinity once another one has come back.

        `bounded=False` leaves out the limit of requests at once.
        """
        if self._probe:
            ahead_s = self._probe_at + _PROBE_S - now
            if ahead_s > 0:
                return ahead_s
            self._probe = None  # a refusal would have come by now
        if bounded and self._probe is None and self.under_way >= int(self.limit):
            self._limited = True
            return math.inf
        wait = self.closed_until - now
        if self._pace and (paced := self._pace.wait_s(1, now)):
            wait, self._paced = max(wait, paced), True
        while self._minute and self._expiry_s(now) <= 0:
            self._in_minute -= self._minute.pop(next(iter(self._minute)))
        if self._in_minute >= self._full:
            wait = max(wait, self._expiry_s(now))
        if self._told:
            wait = max(wait, self._told.wait_s(1, now))
        if self._rpm:
            wait = max(wait, self._rpm.wait_s(1, now))
        if self._tpm:
            wait = max(wait, self._tpm.wait_s(tokens + self._reply_tokens, now))
        return max(wait, 0.0)

    def send(self, now: float, *, tokens: float = 0.0) -> Sent:
        """Note that a request leaves; hand what comes back to one of the four methods below."""
        self._sent += 1
        self._taken += 1
        self.under_way += 1
        if self._probe == 0:
            self._probe, self._probe_at = self._sent, now
        tick = int(now / _TICK_S)
        self._minute[tick] = self._minute.get(tick, 0) + 1
        self._in_minute += 1
        tokens += self._reply_tokens
        for bucket, amount in ((self._pace, 1.0), (self._told, 1.0), (self._rpm, 1.0), (self._tpm, tokens)):
            if bucket:
                bucket.take(amount, now)
        return Sent(now, self._sent, self.under_way, tokens)

    # -- after it

    def accepted(self, sent: Sent, now: float, headers: Mapping[str, str], tokens: int | None = None) -> None:
        """It was answered."""
        self._back(sent, now, tokens)
        self._answers += 1
        share = 1 / min(self._answers, 50)
        self.latency_s += share * (now - sent.at - self.latency_s)
        self._reply_tokens += share * ((tokens or sent.tokens) - sent.tokens)
        if now - self._safe_from > _WINDOW_S:
            self._safe, self._safe_before, self._safe_from = 0, self._safe, now
        self._safe = max(self._safe, sent.company)
        if sent.number > self._cut_at:
            self._pause_s = 0.0
            self._recent.append(False)
            self._since[0] += 1
            self._quiet += 1
            if now >= self._growth_from:
                self._grow_limit(now)
                self._grow_pace(now)
        if headers:
            self._listen(sent, now, headers)

    def refused(self, sent: Sent, now: float, retry_after: float | None, headers: Mapping[str, str]) -> None:
        """It was answered 429: the whole lane waits, and slows down."""
        probed = sent.number == self._probe
        self._back(sent, now, 0)
        self._forget(sent)
        if headers:
            self._listen(sent, now, headers)
        if retry_after is not None:
            self.closed_until = max(self.closed_until, now + retry_after)
        if sent.number <= self._cut_at:
            return  # sent before the last cut: says nothing new
        self._recent.append(True)
        self._since[1] += 1
        self._quiet = 0
        hard = probed or sum(self._recent) >= 5 or (retry_after or 0) > _LONG_S
        if not headers and not probed and sent.company > max(self._safe, self._safe_before):
            self._cut_limit(0.5 if hard else 0.9)
        elif hard or (self._pace is None and now >= self._deaf_until and sum(self._recent) >= 3):
            self._measure(now, retry_after)
        elif self._pace:
            self._trim(now)
        else:
            return
        self._cut_at = self._sent

    def troubled(self, sent: Sent, now: float) -> None:
        """A server error, a timeout or a broken connection: no growth for a while."""
        self._back(sent, now, None)
        self._growth_from = now + _GROWTH_PAUSE_S

    def gone(self, sent: Sent, now: float) -> None:
        """It ended otherwise: refused for what it said, or given up by us."""
        self._back(sent, now, None)

    def _back(self, sent: Sent, now: float, tokens: int | None) -> None:
        self.under_way -= 1
        if sent.number == self._probe:
            self._probe = None
        if tokens is not None and self._tpm:
            self._tpm.take(tokens - sent.tokens, now)

    def _forget(self, sent: Sent) -> None:
        """It was not taken after all."""
        self._taken -= 1
        tick = int(sent.at / _TICK_S)
        if tick in self._minute:
            self._minute[tick] -= 1
            self._in_minute -= 1
        for moment in (self._last, *self._exhausted):
            if moment.sent >= sent.number:
                moment.taken -= 1

    # -- concurrency

    def _grow_limit(self, now: float) -> None:
        if self.limit >= _MOST or self.under_way + 1 < int(self.limit):
            return  # it is not the limit that holds us back
        if not self._doubling:
            if self.limit + 1 / self.limit <= self._ceiling:
                self.limit += 1 / self.limit
            else:
                self._patience -= 1
                if self._patience <= 0:
                    self.limit = self._ceiling = self.limit + 1
                    self._caution = self._patience = max(4, self._caution // 2)
            return
        self._round_answers += 1
        if self._round_answers <= 0:  # twice as many, but one by one: a burst would meet its refusals too late
            self.limit = min(_MOST, self.limit + 1)
            self._round_from = now
        elif self._round_answers >= self.limit:
            rate = self._round_answers / max(now - self._round_from, 1e-6)
            if rate > 1.2 * self._best:
                self._best, self._round_answers, self._flat = rate, -int(self.limit), False
            else:
                self._doubling, self._round_answers, self._flat = not self._flat, -1, True  # one round may be bad luck

    def _cut_limit(self, factor: float) -> None:
        self.limit = self._ceiling = max(1.0, self.limit * factor)
        self._doubling = False
        self._caution = self._patience = min(400, max(25, 2 * self._caution))

    # -- pace

    def _grow_pace(self, now: float) -> None:
        if self._pace and self._paced and self._quiet >= min(100.0, 25 * max(1.0, self._pace.rate)):
            self._quiet, self._paced = 0, False
            self._pace.set_rate(self._pace.rate * (1 + self._step), now)
            self._full *= 1 + self._step
            if self._full == math.inf:  # what was measured is the least that it takes
                self._step = max(self._step, min(4 * _STEP, 2 * self._step))

    def _trim(self, now: float) -> None:
        """One refusal among many answers: slow down a little, unless that has proved no remedy."""
        assert self._pace is not None
        count, span = self._taken - self._last.taken, now - self._last.at
        answers, refusals = self._since
        if refusals >= 20 and refusals > 0.04 * answers:
            self._pace, self._full, self._deaf_until = None, math.inf, now + _WINDOW_S
            return
        rate = max(self._pace.rate * 0.96, self._known * 0.93)
        if count >= 20 and self._full == math.inf:
            self._last = _Exhaustion(now, self._sent, self._taken)
            taken = count / span
            if taken < 0.85 * self._pace.rate:
                self._known, self._since, rate = taken, [0, 0], 0.98 * taken
            elif rate >= taken:
                self._known = min(self._known, taken)
        self._known = max(self._known, rate)
        self._step = _STEP
        self._full *= rate / self._pace.rate
        self._pace.set_rate(rate, now)

    def _measure(self, now: float, retry_after: float | None) -> None:
        """The endpoint is exhausted: set the pace to what it took since it was so before, and wait."""
        self._recent.clear()
        self._ceiling = math.inf  # the number at once was not to blame
        self._probe = 0
        past = [(moment.at, self._taken - moment.taken) for moment in self._exhausted if self._taken > moment.taken]
        if not self._exhausted or self._exhausted[-1].taken != self._taken:
            self._exhausted.append(_Exhaustion(now, self._sent, self._taken))
        if self._full < math.inf:
            self._full = self._in_minute
            self._set_pace(self._full / _WINDOW_S, now, _STEP)
        elif past:
            at, count = next((each for each in reversed(past) if each[1] >= 30), past[0])
            sure = count >= 50 and not self._limited  # else it may take more than we asked
            self._set_pace(count / max(now - at, _TICK_S), now, _STEP if sure else 8 * _STEP)
        elif self._pace is None:  # a guess, to learn from
            self._set_pace(self._in_minute / max(now - next(iter(self._minute)) * _TICK_S, 1.0), now, 8 * _STEP)
        self._limited = False
        self._pause_s = min(_LONGEST_PAUSE_S, max(0.25, 2 * self._pause_s))
        pause = self._pause_s if retry_after is None else retry_after
        if pause >= _LONG_S and self._in_minute:  # it counts over a window, and ours is full
            self._full = self._in_minute
            self._set_pace(self._full / _WINDOW_S, now, _STEP)
            if retry_after is None:
                pause = max(pause, self._expiry_s(now))
        self.closed_until = max(self.closed_until, now + pause)

    def _expiry_s(self, now: float) -> float:
        """Seconds until the oldest request of the last minute is older than that, for the endpoint too."""
        return (next(iter(self._minute)) + 2) * _TICK_S + _WINDOW_S - now

    def _set_pace(self, rate: float, now: float, step: float) -> None:
        self._known, self._step, self._since = rate, step, [0, 0]
        self._last = _Exhaustion(now, self._sent, self._taken)
        if self._pace is None:
            self._pace = Bucket(rate, now)
        self._pace.set_rate(rate * 0.98, now, level=0.0)

    # -- what headers tell

    def _listen(self, sent: Sent, now: float, headers: Mapping[str, str]) -> None:
        """Spread what remains over the time until it is renewed; right for windows, and stable for buckets."""
        if sent.number < self._told_by:
            return
        told, self._told, self._told_by = self._told, None, sent.number
        rates = []
        for what, unit in (("requests", 1.0), ("tokens", self._reply_tokens)):
            remaining, reset_s, limit = _told(headers, what)
            if remaining is not None and reset_s is not None and sent.at + reset_s >= now:  # else renewed meanwhile
                rate = max(remaining / unit, 1.0) / max(reset_s, _TICK_S)
                if limit and reset_s <= _WINDOW_S:  # a limit a minute: that much flows in any case
                    rate = max(rate, 0.95 * limit / unit / _WINDOW_S)
                rates.append(rate)
                if remaining < 1:
                    self.closed_until = max(self.closed_until, now + min(reset_s, _LONGEST_PAUSE_S))
        if rates:
            self._told = told or Bucket(self._part * min(rates), now)
            self._told.set_rate(self._part * min(rates), now)


def _told(headers: Mapping[str, str], what: str) -> tuple[float | None, float | None, float | None]:
    """How many requests or tokens remain, seconds until they are renewed, and how many there are then."""
    for pattern in ("x-ratelimit-{}-" + what, "anthropic-ratelimit-" + what + "-{}", "x-ratelimit-{}", "ratelimit-{}"):
        if what == "tokens" and pattern.endswith("limit-{}"):
            break  # without a name, requests are meant
        remaining = headers.get(pattern.format("remaining"))
        if remaining is not None:
            reset, limit = (headers.get(pattern.format(name), "") for name in ("reset", "limit"))
            return _number(remaining), _seconds(reset), _number(limit)
    return None, None, None


def _number(text: str) -> float | None:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 0.001}


def _seconds(text: str) -> float | None:
    """Seconds from now: "1m2.5s", "20ms", "7", seconds since 1970, or an RFC 3339 time."""
    number = _number(text)
    if number is not None:
        return number if number < 1e9 else max(0.0, number / (1000 if number > 1e11 else 1) - time.time())
    parts = _PARTS.findall(text)
    if parts and "".join(map("".join, parts)) == text:
        return sum(float(value) * _UNITS[unit] for value, unit in parts)
    try:
        return max(0.0, datetime.fromisoformat(text).timestamp() - time.time())
    except ValueError:
        return None
