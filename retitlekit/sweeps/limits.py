"""Limits: how many requests an endpoint takes, at once and a minute; told, or learnt from what it answers.

A `Lane` stands for one endpoint. It never waits itself: it says how long to wait, and is told what came of each
request. Times are seconds of a monotonic clock, passed in.

What is told bounds it: `Model(rpm=, tpm=)`, Retry-After, and what the headers of an answer say of requests or tokens
that remain, in the spelling of OpenAI and Anthropic, of those who copy them, and of the IETF (RateLimit header fields
for HTTP, draft). What nobody tells is learnt (`paces`).
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from retitlekit.sweeps.paces import MARGIN, WINDOW_S, Bucket, Pace, Room
from retitlekit.sweeps.paces import Sent as Sent

_GROWTH_PAUSE_S = 5.0  # after a server error
_LONG_S = 3.0  # a place is free sooner


class Lane:
    """What one endpoint takes. All sweeps of a process share it."""

    def __init__(self, now: float, *, rpm: float | None = None, tpm: float | None = None) -> None:
        self.under_way = 0
        self.closed_until = -math.inf
        self._room, self._pace = Room(now), Pace(now)
        self._rpm = Bucket(rpm / 60 * MARGIN, now) if rpm else None
        self._tpm = Bucket(tpm / 60 * MARGIN, now) if tpm else None
        self._quotas = {"requests": Quota(now), "tokens": Quota(now)}
        self._sent = self._answers = 0
        self._reply_tokens = 60.0  # running mean
        self._part = 1.0
        self._growth_from = -math.inf
        self._cut_at = 0  # requests up to this number were sent before the last cut

    @property
    def limit(self) -> float:
        """Requests at once."""
        return self._room.limit

    @property
    def latency_s(self) -> float:
        """Mean of the last answers."""
        return self._room.latency_s

    def share(self, part: float, now: float) -> None:
        """From now on, this part of all that is known of the endpoint; other machines have the rest."""
        change, self._part = part / self._part, part
        if change == 1:
            return
        for bucket in (self._rpm, self._tpm):
            if bucket:
                bucket.set_rate(bucket.rate * change, now)
        for quota in self._quotas.values():
            quota.share(part, now)
        self._room.scale(change)
        self._pace.scale(change, now)

    # -- before a request

    def wait_s(self, now: float, *, tokens: float = 0.0, bounded: bool = True) -> float:
        """Seconds until one more request may go: 0 is now, infinity once another one has come back.

        `bounded=False` leaves out the limit of requests at once.
        """
        wait = max(0.0, self.closed_until - now, self._pace.wait_s(now))
        if bounded:
            wait = max(wait, self._room.wait_s(self.under_way, now))
        for quota in self._quotas.values():
            if quota.bucket:
                wait = max(wait, quota.wait_s(now))
        if self._rpm:
            wait = max(wait, self._rpm.wait_s(1, now))
        if self._tpm:
            wait = max(wait, self._tpm.wait_s(tokens + self._reply_tokens, now))
        return wait

    def closed_s(self, now: float) -> float:
        """Seconds for which the endpoint said that it takes nothing."""
        return max(0.0, self.closed_until - now, *(quota.empty_s(now) for quota in self._quotas.values()))

    def send(self, now: float, *, tokens: float = 0.0) -> Sent:
        """Note that a request leaves; hand what comes back to one of the four methods below."""
        self._sent += 1
        self.under_way += 1
        self._pace.send(now, self._sent)
        self._room.send(now)
        tokens += self._reply_tokens
        for quota in self._quotas.values():
            quota.send(now)
        if self._rpm:
            self._rpm.take(1, now)
        if self._tpm:
            self._tpm.take(tokens, now)
        return Sent(now, self._sent, self.under_way, tokens)

    # -- after it

    def accepted(self, sent: Sent, now: float, headers: Mapping[str, str], tokens: int | None = None) -> None:
        """It was answered."""
        self._back(sent, now, tokens)
        self._answers += 1
        self._reply_tokens += ((tokens or sent.tokens) - sent.tokens) / min(self._answers, 50)
        grow = sent.number > self._cut_at and now >= self._growth_from
        self._room.accepted(sent, now, under_way=self.under_way, grow=grow)
        self._listen(sent, now, headers)

    def refused(self, sent: Sent, now: float, retry_after: float | None, headers: Mapping[str, str]) -> None:
        """It was answered 429: the whole lane waits, and slows down."""
        self._back(sent, now, 0)
        self._pace.forget(sent, now)
        if retry_after is not None:
            self.closed_until = max(self.closed_until, now + retry_after)
        if self._listen(sent, now, headers):
            return  # it is known what was lacking
        anew, paced = sent.number > self._cut_at, self._pace.binding
        alone = sent.company == 1 or not self._room.crowded
        crowded = (
            not self._pace.spaced
            and (retry_after or 0.0) < _LONG_S
            and self._room.refused(sent, now, retry_after or 0.0, under_way=self.under_way, anew=anew, paced=paced)
        )
        if anew:
            self._cut_at = self._sent
            if not crowded:
                self._pace.exhaust(
                    sent, now, retry_after, latest=self._sent, latency_s=self.latency_s, crowded=not alone
                )
                if self._pace.spaced:
                    self._room.free()

    def troubled(self, sent: Sent, now: float) -> None:
        """A server error, a timeout or a broken connection: no growth for a while."""
        self._back(sent, now, None)
        self._growth_from = now + _GROWTH_PAUSE_S

    def gone(self, sent: Sent, now: float) -> None:
        """It ended otherwise: refused for what it said, or given up by us."""
        self._back(sent, now, None)

    def _back(self, sent: Sent, now: float, tokens: int | None) -> None:
        self.under_way -= 1
        if tokens is not None and self._tpm:
            self._tpm.take(tokens - sent.tokens, now)

    def _listen(self, sent: Sent, now: float, headers: Mapping[str, str]) -> bool:
        """Take in what headers tell; returns whether nothing remains of something."""
        if not headers:
            return False
        lacking, expiry_s = False, self._pace.expiry_s(now)
        for what, unit in (("requests", 1.0), ("tokens", max(1.0, self._reply_tokens))):
            told = tell(headers, what)
            if told:
                self._quotas[what].listen(told, unit, sent, now, self._sent - sent.number, expiry_s)
                lacking = lacking or (told.remaining < 1 and not self._quotas[what].flows)
        return lacking


@dataclass(frozen=True)
class Told:
    """What a header says: how many remain, the seconds until all are back, how many that is, and over what time."""

    remaining: float
    reset_s: float
    limit: float | None = None
    window_s: float = WINDOW_S


class Quota:
    """Requests or tokens as headers tell of them, counted in requests.

    What remains is spread over the time until it is renewed. That is right for windows; where it comes back bit by bit
    (a bucket, a sliding window) the limit itself is the rate.
    """

    def __init__(self, now: float) -> None:
        self.bucket: Bucket | None = None
        self._part = 1.0  # of what is told, that is ours
        self._by = 0  # the request whose answer told
        self._left = math.inf
        self._renewed_at = self._back_at = now  # all, and the first of them
        self.flows = False  # some came back before all did
        self._most = 0.0

    def share(self, part: float, now: float) -> None:
        """From now on, this part of what is told."""
        if self.bucket:
            self.bucket.set_rate(self.bucket.rate * part / self._part, now)
        self._part = part

    def wait_s(self, now: float) -> float:
        """Seconds until one more may go."""
        assert self.bucket is not None
        return max(self.bucket.wait_s(1, now), self.empty_s(now))

    def empty_s(self, now: float) -> float:
        """Seconds for which nothing is left, as it was told; 0 while there is something."""
        return max(0.0, self._back_at - now) if self._left < 1 and not self.flows else 0.0

    def send(self, now: float) -> None:
        """Note that a request leaves."""
        if self.bucket:
            self._left -= 1
            self.bucket.take(1, now)

    def listen(self, told: Told, unit: float, sent: Sent, now: float, later: int, expiry_s: float) -> None:
        """Believe what the answer to `sent` told.

        `later` requests were sent after it, and in `expiry_s` the first of the last minute is older than that.
        """
        if sent.number < self._by or sent.at + told.reset_s < now - told.window_s:
            return
        remaining, reset_s = told.remaining / unit, max(told.reset_s, 0.1)
        left = remaining - later
        if self._by:
            in_time = self._left < left - 2 and now < self._renewed_at - 1
            again = 0 <= now - self._renewed_at < told.window_s / 6 and told.reset_s < told.window_s / 2
            self.flows = self.flows or in_time or again
        self._by, self._left, self._renewed_at = sent.number, left, now + told.reset_s
        # beyond a minute it is a quota of the hour or day, of which nothing comes back before
        self._back_at = self._renewed_at if told.reset_s > told.window_s else min(self._renewed_at, now + expiry_s)
        self._most = max(self._most, remaining)
        if told.limit and told.reset_s <= told.window_s:
            steady = MARGIN * told.limit / unit / told.window_s
            rate = steady if self.flows else max(remaining / reset_s, steady)
        else:
            rate = max(remaining, 1.0) / min(reset_s, told.window_s)
        rate *= self._part
        if self.bucket is None:
            self.bucket = Bucket(rate, now)
            self.bucket.set_rate(rate, now, level=0.0)
        self.bucket.most = self._most
        self.bucket.set_rate(rate, now)


def tell(headers: Mapping[str, str], what: str) -> Told | None:
    """What headers tell of `what`, "requests" or "tokens"; nothing where they make no sense."""
    patterns = [f"x-ratelimit-{{}}-{what}", f"x-rate-limit-{{}}-{what}", f"anthropic-ratelimit-{what}-{{}}"]
    if what == "requests":  # as is meant without a name
        patterns += ["x-ratelimit-{}", "x-rate-limit-{}", "ratelimit-{}"]
        if "ratelimit" in headers:
            return _structured(headers["ratelimit"], headers.get("ratelimit-policy", ""))
    for pattern in patterns:
        remaining, reset, limit = (headers.get(pattern.format(name), "") for name in ("remaining", "reset", "limit"))
        told = _number(remaining), _seconds(reset)
        if told[0] is not None and told[1] is not None:
            window = re.search(r"\bw=([1-9]\d{0,8})\b", f"{limit};{headers.get('ratelimit-policy', '')}")
            return Told(told[0], told[1], _number(limit), float(window[1]) if window else WINDOW_S)
    return None


def _structured(told: str, policy: str) -> Told | None:
    """The IETF's one field: ``limit=100, remaining=50, reset=5``, or ``"default";r=50;t=30`` and a policy of it."""
    given = dict(re.findall(r"\b([a-z]+)=(\d{1,12})\b", f"{told};{policy}"))
    remaining, reset = given.get("r", given.get("remaining")), given.get("t", given.get("reset"))
    if remaining is None or reset is None:
        return None
    limit = given.get("q", given.get("limit")) or next(iter(re.findall(r"^\d{1,12}\b", policy)), None)
    return Told(float(remaining), float(reset), limit and float(limit), float(given.get("w", 0)) or WINDOW_S)


def _number(text: str) -> float | None:
    found = re.match(r"\d{1,15}(\.\d+)?(?=\s*(?:[,;]|$))", text)
    return float(found[0]) if found else None


_PARTS = re.compile(r"(\d{1,15}(?:\.\d+)?)(ms|h|m|s)")
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
