"""Lanes against rate limiters, in simulated time: minutes pass in milliseconds."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections import Counter, deque
from collections.abc import Callable

import pytest

from retitlekit import limits
from retitlekit.limits import Lane

from .limiters import LIMITERS, Limiter, headers

SECONDS = 185.0


def simulate(
    lane: Lane, limiter: Limiter, *, tells: str = "nothing", latency_s: float = 0.1, seconds: float = SECONDS
) -> Counter[str]:
    """Ask as fast as the lane allows; counts of what was answered and refused, and of what was so after ten seconds."""
    chance = random.Random(1)
    counts: Counter[str] = Counter()
    number, events = itertools.count(), list[tuple[float, int, Callable[[float], None]]]()
    woken = [math.inf]

    def at(when: float, what: Callable[[float], None]) -> None:
        heapq.heappush(events, (when, next(number), what))

    def pump(now: float) -> None:
        while (wait := lane.wait_s(now)) == 0:
            sent = lane.send(now)
            at(now + chance.uniform(0.0005, 0.003), lambda when, sent=sent: arrive(when, sent))
        if wait < math.inf and not now < woken[0] <= now + wait + 1e-3:
            woken[0] = now + max(wait, 1e-4)
            at(woken[0], pump)

    def arrive(now: float, sent: limits.Sent) -> None:
        wait_s = limiter.wait_s(now)
        told = headers(limiter, now, wait_s, tells)
        late = "late " if now > 10 else "early "
        counts[late + ("refused" if wait_s else "answered")] += 1
        back = now + (0.001 if wait_s else latency_s * chance.lognormvariate(0, 0.4))
        at(back, lambda when: answer(when, sent, bool(wait_s), told))

    def answer(now: float, sent: limits.Sent, refused: bool, told: dict[str, str]) -> None:
        if refused:
            wait = float(told["retry-after"]) if "retry-after" in told else None
            lane.refused(sent, now, wait, told)
        else:
            lane.accepted(sent, now, told, 100)
        pump(now)

    pump(0.0)
    while events[0][0] < seconds:
        now, _, what = heapq.heappop(events)
        what(now)
    return counts


def shares(counts: Counter[str], n: int) -> tuple[float, float]:
    """Of N a minute what was used, and of the requests after ten seconds what was refused."""
    used = (counts["early answered"] + counts["late answered"]) / (n * SECONDS / 60)
    return used, counts["late refused"] / (counts["late refused"] + counts["late answered"])


@pytest.mark.parametrize("tells", ["nothing", "retry-after", "all"])
@pytest.mark.parametrize("kind", LIMITERS)
@pytest.mark.parametrize("n", [600, 3000])
def test_a_rate_limit_is_learnt(n: int, kind: str, tells: str) -> None:
    """Of N requests a minute at least 95 % are used, and after ten seconds about 1 % are refused."""
    used, refused = shares(simulate(Lane(0.0), LIMITERS[kind](n), tells=tells), n)

    assert used >= 0.95
    assert refused <= 0.015


@pytest.mark.parametrize("kind", LIMITERS)
@pytest.mark.parametrize("n", [10, 60, 600, 3000])
def test_a_rate_limit_that_is_told_is_kept(n: int, kind: str) -> None:
    """`Model(rpm=)` is used to 95 % and never refused."""
    counts = simulate(Lane(0.0, rpm=n), LIMITERS[kind](n), latency_s=1.0)
    used, _ = shares(counts, n)

    assert used >= 0.95 - 2 / n
    assert 0 == counts["late refused"] + counts["early refused"]


def test_tokens_a_minute() -> None:
    """`Model(tpm=)` holds for what answers really used, however wrong the guess was."""
    lane, now, used = Lane(0.0, tpm=60_000), 0.0, 0
    while now < 120:
        wait = lane.wait_s(now, tokens=50)
        now += wait
        lane.accepted(lane.send(now, tokens=50), now, {}, 700)
        used += 700

    assert 0.95 * 120_000 <= used <= 1.01 * 120_000


def test_growth_waits_after_a_server_error() -> None:
    """A 5xx makes nothing smaller, and nothing grows for a while."""
    lane = Lane(0.0)
    flight = deque(lane.send(0.0) for _ in range(16))
    lane.troubled(flight.popleft(), 0.1)
    grown = []
    for now in (0.2, 8.0):
        for _ in range(100):
            while lane.wait_s(now) == 0:
                flight.append(lane.send(now))
            lane.accepted(flight.popleft(), now + 0.1, {})
        grown.append(lane.limit)

    assert 16 == grown[0]
    assert 16 < grown[1]


@pytest.mark.parametrize(
    ("told", "closed", "rate"),
    [
        ({"x-ratelimit-remaining-requests": "30", "x-ratelimit-reset-requests": "1m0s"}, 0, 0.5),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "20ms"}, 0.02, 10),
        ({"anthropic-ratelimit-requests-remaining": "5", "anthropic-ratelimit-requests-reset": "never"}, 0, None),
        ({"x-ratelimit-remaining-tokens": "6000", "x-ratelimit-reset-tokens": "10s"}, 0, 10),
        ({"ratelimit-remaining": "7", "ratelimit-reset": "7"}, 0, 1),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "soon"}, 0, None),
    ],
)
def test_headers(told: dict[str, str], closed: float, rate: float | None) -> None:
    """What remains is spread over the time until it is renewed, in each provider's spelling; nonsense is ignored."""
    lane = Lane(0.0)
    lane.accepted(lane.send(0.0), 0.01, told, 60)

    assert max(lane.closed_until - 0.01, 0) == pytest.approx(closed)
    assert (lane._told and lane._told.rate) == (rate and pytest.approx(rate))


@pytest.mark.parametrize("parts", [(0.25,), (0.5, 1.0, 0.25), (0.25, 1.0)])
def test_a_share_of_what_is_told(parts: tuple[float, ...]) -> None:
    """A lane sends by its last share of `rpm`, of `tpm` and of what headers tell, whatever it had before."""
    told = {"x-ratelimit-remaining-requests": "3000", "x-ratelimit-reset-requests": "60s"}
    sent = []
    for caps, heard in (({"rpm": 600}, {}), ({"tpm": 60_000}, {}), ({}, told)):
        lane, now = Lane(0.0, **caps), 0.0
        for part in parts:
            lane.share(part, 0.0)
        while (now := now + lane.wait_s(now)) < 120:
            lane.accepted(lane.send(now), now, heard, 100)
            now += 0.001
        sent.append(lane._sent / 120)

    whole = [10, 10, 50]  # a second
    assert all(
        0.9 * rate * parts[-1] <= each <= 1.05 * rate * parts[-1] for rate, each in zip(whole, sent, strict=True)
    )


def test_a_share_of_what_was_learnt() -> None:
    """The rate that a lane learnt from refusals stays known, whatever its share: half of it with half the share."""
    lane = Lane(0.0)
    simulate(lane, LIMITERS["bucket of a minute"](600))
    lane.share(0.5, SECONDS)
    assert lane._pace is not None
    half = lane._pace.rate
    lane.share(1.0, SECONDS)

    assert 5 == pytest.approx(half, rel=0.1)
    assert 10 == pytest.approx(lane._pace.rate, rel=0.1)


@pytest.mark.parametrize("latency_s", [0.02, 0.2])
def test_a_healthy_endpoint_soon_gets_a_hundred_at_once(latency_s: float) -> None:
    """The number at once doubles while that brings more answers: a hundred in under two seconds at 200 ms."""
    lane = Lane(0.0)
    counts = simulate(lane, LIMITERS["bucket of a minute"](10**9), latency_s=latency_s, seconds=10 * latency_s)

    assert lane.limit >= 100
    assert 0 == counts["early refused"]


def test_a_server_with_one_slot_is_not_flooded() -> None:
    """Where more at once brings no more answers a second, the number stays small."""
    lane, now = Lane(0.0), 0.0
    queue: deque[limits.Sent] = deque()
    while now < 60:
        while lane.wait_s(now) == 0:
            queue.append(lane.send(now))
        now += 0.5
        lane.accepted(queue.popleft(), now, {})

    assert lane.limit < 48


def test_one_goes_ahead_but_not_for_long() -> None:
    """After an exhaustion one request goes first; when no refusal has come in a second, the others follow."""
    lane = Lane(0.0)
    flight = [lane.send(0.0) for _ in range(16)]
    for sent in flight[:6]:
        lane.refused(sent, 0.1, 1.0, {"retry-after": "1"})
    closed = lane.wait_s(0.1)
    lane.send(1.1)

    assert 1.0 == pytest.approx(closed)
    assert 0.9 == pytest.approx(lane.wait_s(1.2))
    assert lane.wait_s(2.2) < 0.5
