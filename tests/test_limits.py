"""Lanes against limiters, in simulated time: minutes pass in milliseconds, on a machine whose loop is late at times."""

from __future__ import annotations

import itertools
import math
import time
from collections import Counter, deque

import pytest

from retitlekit.sweeps.limits import Lane, Told, tell
from retitlekit.sweeps.paces import Sent

from .limiters import LIMITERS, Parallel, Simulation

SECONDS = 185.0
KINDS = [kind for kind in LIMITERS if kind != "one at a time"]


def shares(counts: Counter[str], n: float, seconds: float = SECONDS) -> tuple[float, float]:
    """Of N a minute what was used, and of the requests after ten seconds what was refused."""
    used = (counts["early answered"] + counts["late answered"]) / (n * seconds / 60)
    return used, counts["late refused"] / (counts["late refused"] + counts["late answered"])


@pytest.mark.parametrize("tells", ["nothing", "retry-after", "retry-after-ms", "all"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("n", "latency_s"), [(300, 0.1), (300, 0.5), (300, 2.0), (600, 0.1), (600, 2.0), (3000, 0.5)])
def test_a_rate_limit_is_learnt(n: int, latency_s: float, kind: str, tells: str) -> None:
    """Of N requests a minute at least 95 % are used, and after ten seconds at most 1 % are refused."""
    used, refused = shares(Simulation(Lane(0.0), LIMITERS[kind](n), tells, latency_s).run(SECONDS), n)

    assert used >= 0.95
    assert refused <= 0.01


@pytest.mark.parametrize("tells", ["nothing", "retry-after"])
@pytest.mark.parametrize("kind", KINDS)
def test_refusals_may_come_late(kind: str, tells: str) -> None:
    """The same where a refusal takes a tenth of a second, as from far away."""
    lane = Lane(0.0)
    used, refused = shares(Simulation(lane, LIMITERS[kind](600), tells, 0.5, refusal_s=0.1).run(SECONDS), 600)

    assert used >= 0.95
    assert refused <= 0.01


@pytest.mark.parametrize(("n", "latency_s"), [(60, 0.1), (60, 0.5), (120, 0.1), (300, 0.5), (600, 0.5)])
def test_one_at_a_time_is_learnt(n: int, latency_s: float) -> None:
    """The same of an endpoint that takes one each 60 / N seconds, tells nothing and lets nothing be made up for."""
    used, refused = shares(Simulation(Lane(0.0), LIMITERS["one at a time"](n), "nothing", latency_s).run(SECONDS), n)

    assert used >= 0.95
    assert refused <= 0.01


@pytest.mark.parametrize("tells", ["nothing", "retry-after"])
@pytest.mark.parametrize(("slots", "latency_s"), [(2, 0.5), (8, 0.5), (16, 2.0), (50, 0.5), (50, 2.0)])
def test_a_limit_of_concurrency_is_learnt(slots: int, latency_s: float, tells: str) -> None:
    """Of what N slots could answer at least 94 % is answered: a few milliseconds pass between two requests."""
    counts = Simulation(Lane(0.0), Parallel(slots), tells, latency_s).run(SECONDS)
    used, refused = shares(counts, 60 * slots / latency_s)

    assert used >= 0.94
    assert refused <= 0.01


def test_a_change_of_the_limit_is_noticed() -> None:
    """When an endpoint takes less than before the pace follows within a minute, when it takes more in some minutes."""
    limiter = LIMITERS["bucket of a second"](600)
    simulation = Simulation(Lane(0.0), limiter, "nothing", 0.1)
    seen = []
    for rate, until in ((10.0, 60.0), (5.0, 180.0), (10.0, 500.0)):
        limiter.rate = rate  # type: ignore[union-attr]
        simulation.run(until - 30)
        before = simulation.counts["late answered"]
        seen.append((simulation.run(until)["late answered"] - before) / 30 / rate)

    assert min(seen[:2]) >= 0.9
    assert seen[2] >= 0.75


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("n", [10, 60, 600, 3000])
def test_a_rate_limit_that_is_told_is_kept(n: int, kind: str) -> None:
    """`Model(rpm=)` is used to 95 % and never refused."""
    counts = Simulation(Lane(0.0, rpm=n), LIMITERS[kind](n), latency_s=1.0).run(SECONDS)
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
    now, grown = 0.2, []
    for until in (4.0, 8.0):
        while now < until:
            now += 0.02
            if lane.wait_s(now) == 0:
                flight.append(lane.send(now))
            if flight[0].at < now - 0.2 or len(flight) >= lane.limit:
                lane.accepted(flight.popleft(), now, {})
        grown.append(lane.limit)

    assert 16 == grown[0]
    assert 16 < grown[1]


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"x-ratelimit-remaining-requests": "30", "x-ratelimit-reset-requests": "1m0s"}, Told(30, 60)),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "12ms"}, Told(0, 0.012)),
        (
            {
                "x-ratelimit-limit-requests": "500",
                "x-ratelimit-remaining-requests": "499",
                "x-ratelimit-reset-requests": "6m0.5s",
            },
            Told(499, 360.5, 500),
        ),
        ({"anthropic-ratelimit-requests-remaining": "5", "anthropic-ratelimit-requests-reset": "never"}, None),
        ({"ratelimit-remaining": "7", "ratelimit-reset": "7"}, Told(7, 7)),
        (
            {"x-rate-limit-limit": "100", "x-rate-limit-remaining": "7", "x-rate-limit-reset": "7"},
            Told(7, 7, 100),
        ),
        ({"x-rate-limit-remaining-requests": "7", "x-rate-limit-reset-requests": "7s"}, Told(7, 7)),
        (
            {"ratelimit-limit": "100, 100;w=10", "ratelimit-remaining": "7", "ratelimit-reset": "7"},
            Told(7, 7, 100, 10),
        ),
        ({"ratelimit": "limit=100, remaining=50, reset=5", "ratelimit-policy": "100;w=10"}, Told(50, 5, 100, 10)),
        ({"ratelimit": '"default";r=50;t=30', "ratelimit-policy": '"default";q=100;w=60'}, Told(50, 30, 100)),
        ({"ratelimit": "soon"}, None),
        ({"x-ratelimit-remaining-requests": "many", "x-ratelimit-reset-requests": "soon"}, None),
        ({"x-ratelimit-remaining-tokens": "6000", "x-ratelimit-reset-tokens": "10s"}, None),
        ({}, None),
    ],
)
def test_headers(headers: dict[str, str], told: Told | None) -> None:
    """What remains, the seconds until it is renewed, the limit and its window, in each provider's spelling."""
    assert told == tell(headers, "requests")


def test_moments_in_headers() -> None:
    """A time of day and seconds since 1970 are seconds from now."""
    now = time.time()
    moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 30))
    spellings = [
        {"anthropic-ratelimit-requests-remaining": "5", "anthropic-ratelimit-requests-reset": moment},
        {"x-ratelimit-remaining": "5", "x-ratelimit-reset": str(int(now + 30))},
        {"x-ratelimit-remaining": "5", "x-ratelimit-reset": str(int(1000 * now + 30_000))},
    ]

    for headers in spellings:
        told = tell(headers, "requests")
        assert told is not None
        assert told.reset_s == pytest.approx(29.5, abs=2)


def test_tokens_that_remain_bound_the_rate() -> None:
    """600 tokens for the next ten seconds are one request of 60 tokens a second."""
    lane = Lane(0.0)
    told = {"x-ratelimit-remaining-tokens": "600", "x-ratelimit-reset-tokens": "10s"}
    lane.accepted(lane.send(0.0), 0.01, told, 60)
    lane.send(0.01)

    assert 1 <= lane.wait_s(0.01) <= 2


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
    Simulation(lane, LIMITERS["bucket of a minute"](600)).run(SECONDS)
    rates = []
    for part in (0.5, 1.0):
        now, sent = SECONDS + 60 * len(rates), 0
        lane.share(part, now)
        end = now + 60
        while (now := now + lane.wait_s(now)) < end:
            lane.accepted(lane.send(now), now + 0.05, {})
            now, sent = now + 0.001, sent + 1
        rates.append(sent / 60)

    assert [5, 10] == pytest.approx(rates, rel=0.25)


@pytest.mark.parametrize("latency_s", [0.02, 0.2])
def test_a_healthy_endpoint_soon_gets_a_hundred_at_once(latency_s: float) -> None:
    """The number at once doubles while that brings more answers: a hundred in under two seconds at 200 ms."""
    lane = Lane(0.0)
    counts = Simulation(lane, LIMITERS["bucket of a minute"](10**9), latency_s=latency_s).run(10 * latency_s)

    assert lane.limit >= 100
    assert 0 == counts["early refused"]


def test_a_server_with_one_slot_is_not_flooded() -> None:
    """Where more at once brings no more answers a second, the number stays small."""
    lane, now = Lane(0.0), 0.0
    queue: deque[Sent] = deque()
    while now < 60:
        while lane.wait_s(now) == 0:
            queue.append(lane.send(now))
        now += 0.5
        lane.accepted(queue.popleft(), now, {})

    assert lane.limit < 48


def test_retry_after_closes_the_lane() -> None:
    """Nothing leaves before the time that the endpoint asked for."""
    lane = Lane(0.0)
    flight = [lane.send(0.0) for _ in range(16)]
    lane.refused(flight[0], 0.1, 2.0, {"retry-after": "2"})
    for sent in flight[1:]:
        lane.accepted(sent, 0.2, {})

    assert 1.9 == pytest.approx(lane.wait_s(0.2))


def test_silence_is_probed_by_one_at_a_time() -> None:
    """While nothing is taken one request asks, less and less often; the others wait for what becomes of it."""
    lane, now = Lane(0.0), 0.0
    for sent in [lane.send(0.0) for _ in range(16)]:
        lane.accepted(sent, 0.1, {})
    asked = []
    while now < 30:
        now += max(lane.wait_s(now), 0.001)
        sent = lane.send(now)
        asked.append(now)
        now += 0.05
        lane.refused(sent, now, None, {})
    gaps = [later - earlier for earlier, later in itertools.pairwise(asked)]

    assert len(asked) <= 9
    assert gaps[-1] > 4 * gaps[0]


def test_what_remains_comes_back_one_by_one() -> None:
    """Where nothing remains of a minute, one more goes when the first is a minute old, whenever one looks."""
    lane = Lane(0.0)
    told = {
        "x-ratelimit-limit-requests": "20",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "60s",
    }
    for at in range(4):
        lane.accepted(lane.send(10.0 * at), 10.0 * at + 0.1, told)

    assert 20 < lane.wait_s(35.05) < 30
    assert 0 == lane.wait_s(60.55)


@pytest.mark.parametrize("number", ["0", "1", "9" * 15, "9" * 400, "0.0"])
def test_no_header_breaks_a_lane(number: str) -> None:
    """Whatever numbers an endpoint tells, what the lane says next is a time."""
    spellings = [
        {"x-ratelimit-limit-requests": number, "x-ratelimit-remaining-requests": number},
        {"x-ratelimit-reset-requests": number, "x-ratelimit-remaining-requests": number},
        {"ratelimit-limit": f"9;w={number}", "ratelimit-remaining": "5", "ratelimit-reset": "0"},
        {"ratelimit": f"limit={number}, remaining={number}, reset={number}", "ratelimit-policy": f"9;w={number}"},
        {"x-ratelimit-remaining-tokens": number, "x-ratelimit-reset-tokens": f"{number}s"},
    ]
    for headers in spellings:
        lane = Lane(0.0)
        for at in range(3):
            lane.accepted(lane.send(at), at + 0.1, headers, 0)

        assert 0 <= lane.wait_s(3.0) < math.inf
