"""What goes wrong on the way to an answer, over real HTTP: every trial ends, none is paid twice, limits hold."""

from __future__ import annotations

import threading
import time
import warnings
from collections.abc import Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.sweeps import runs

from .loopback import Answer, Fault, Loopback, Raw, echo

PROMPT = rk.Prompt("plain", "Rewrite this title: {{ title | safe }}")
ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(300)]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


def plan(server: Loopback, trials: int = 20, **changes: Any) -> pd.DataFrame:
    model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-4, output_cost_per_token=1e-3)
    return rk.plan(PROMPT, ARTICLES[:trials], **{"models": model, **changes})


def run(trials: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return rk.run(trials, **{"progress": False, **options})


FAULTS = [
    Fault(429, headers={"retry-after": "0.01"}),
    Fault(500),
    Fault(how="hang"),
    Fault(how="malformed"),
    Fault(how="reset"),
    Fault(how="close"),
]


def faulty(body: Mapping[str, Any], nth: int) -> Answer:
    """Each of the six faults one time in twenty, decided by the request and how often it came."""
    draw = int.from_bytes(blake2b(f"{body}{nth}".encode(), digest_size=4).digest(), "big") % 20
    return FAULTS[draw] if draw < len(FAULTS) else echo(body, nth)


def test_all_faults_at_once(server: Loopback) -> None:
    """Under 5 % each of six faults every trial is answered, in order, and none is answered twice."""
    expected = run(plan(server, 200), store="undisturbed").title.tolist()
    server.answered.clear()
    server.seen.clear()
    server.answer = faulty
    frame = run(plan(server, 200), store="faulty", timeout=1, retries=9)

    assert (frame.status == "ok").all()
    assert expected == frame.title.tolist()
    assert {1} == set(server.answered.values())
    assert (frame.attempts > 1).any()
    assert sum(server.seen.values()) == frame.attempts.sum()


@pytest.mark.parametrize(
    ("fault", "error_type"),
    [
        (Fault(429, "You exceeded your current quota.", "insufficient_quota"), "RateLimitError"),
        (Fault(401, "Incorrect API key"), "AuthenticationError"),
        (Fault(402, "Insufficient Balance"), "APIError"),
        (Fault(403, "Your country is not supported"), "APIError"),
    ],
)
def test_what_would_fail_for_all_is_asked_once(server: Loopback, fault: Fault, error_type: str) -> None:
    """Spent credit or a refused key is no rate limit: the model is asked no more, and the warning says so."""
    server.answer = lambda body, nth: fault
    with pytest.warns(rk.RetitlekitWarning, match=f"its other trials were not sent after {error_type}"):
        frame = run(plan(server), max_concurrency=1)

    assert 1 == len(server.bodies)
    assert {error_type} == set(frame.error_type)
    assert [1] + [0] * 19 == frame.attempts.tolist()
    assert frame.error[1:].str.startswith("not sent: ").all()


def test_an_error_in_a_200(server: Loopback) -> None:
    """A gateway that wraps its upstream's failure in a 200 is tried again; when it persists, the error is told."""
    server.answer = lambda body, nth: (
        Fault(how="error in a 200", message="upstream fell over") if nth == 1 or "bridge 3" in str(body) else "A title"
    )
    with pytest.warns(rk.RetitlekitWarning, match="1 of 6 trials failed"):
        frame = run(plan(server, 6), retries=1)

    assert ["ok"] * 3 + ["error"] + ["ok"] * 2 == frame.status.tolist()
    assert (frame.attempts == 2).all()
    assert "upstream fell over" in frame.error[3]


def test_retry_after_holds_for_the_endpoint(server: Loopback) -> None:
    """After a 429 nobody asks before the time that the provider named."""
    times: list[float] = []

    def answer(body: Mapping[str, Any], nth: int) -> Answer:
        times.append(time.monotonic())
        return Fault(429, headers={"retry-after": "0.6"}) if len(times) == 5 else echo(body, nth)

    server.answer = answer
    frame = run(plan(server), max_concurrency=1)

    assert (frame.status == "ok").all()
    assert times[5] - times[4] >= 0.6


def test_a_server_that_takes_four_at_once(server: Loopback) -> None:
    """It is found out by its 429s, and soon gets little more than it takes."""
    busy: list[int] = []

    def answer(body: Mapping[str, Any], nth: int) -> Answer:
        busy.append(server.busy)
        return Fault(429) if server.busy > 4 else echo(body, nth)

    server.answer, server.latency_s = answer, 0.02
    model = rk.Model("openai/model-b", api_base=server.base)
    frame = run(plan(server, 150, models=model), retries=20)

    assert (frame.status == "ok").all()
    assert max(busy[-100:]) <= 8


@pytest.mark.parametrize("refusal", [
    "Unsupported value: 'temperature' does not support 0.7 with this model. Only the default (1) value is supported.",
    "`temperature` is deprecated for this model.",
    "invalid temperature: only 1 is allowed for this model",
])  # fmt: skip
def test_a_refused_temperature_is_learnt(server: Loopback, refusal: str) -> None:
    """A model that takes no temperature is asked without, once that is known; the frame and one warning say so."""
    server.answer = lambda body, nth: Fault(400, refusal) if "temperature" in body else echo(body, nth)
    with pytest.warns(rk.RetitlekitWarning, match="takes no temperature") as warned:
        frame = run(plan(server, temperatures=[None, 0.7]), max_concurrency=1)

    assert 1 == len([each for each in warned if each.category is rk.RetitlekitWarning])
    assert (frame.status == "ok").all()
    assert frame.effective_temperature.isna().all()
    assert frame.temperature.notna().sum() == 20
    assert 1 == sum("temperature" in body for body in server.bodies)


def test_a_reasoning_model_is_known_before(server: Loopback) -> None:
    """What LiteLLM knows a model to refuse is not even sent."""
    model = rk.Model("openai/o3-mini", api_base=server.base)
    server.models = ("o3-mini",)
    with pytest.warns(rk.RetitlekitWarning, match="takes no temperature"):
        frame = run(plan(server, models=model, temperatures=0.7, max_tokens=50))

    assert (frame.status == "ok").all()
    assert frame.effective_temperature.isna().all()
    assert {("max_completion_tokens", 50)} == {(n, v) for body in server.bodies for n, v in body.items() if "max" in n}
    assert not any("temperature" in body for body in server.bodies)


def test_another_name_for_max_tokens(server: Loopback) -> None:
    """`max_tokens` is a limit and never dropped: it goes under the name that the refusal tells."""
    text = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
    server.answer = lambda body, nth: Fault(400, text) if "max_tokens" in body else echo(body, nth)
    with pytest.warns(rk.RetitlekitWarning, match="takes no max_tokens"):
        frame = run(plan(server, max_tokens=50), max_concurrency=1)

    assert (frame.status == "ok").all()
    assert [50] * 20 == [body["max_completion_tokens"] for body in server.bodies[1:]]


def test_a_straggler_is_hedged(server: Loopback) -> None:
    """A request that hangs is sent again after `hedge_after`; both count, and one answer is kept."""
    server.answer = lambda body, nth: Fault(how="hang") if nth == 1 and "bridge 3" in str(body) else echo(body, nth)
    started = time.monotonic()
    frame = run(plan(server, 6), hedge_after=0.2, timeout=30)
    usual = frame.cost_usd[0]

    assert time.monotonic() - started < 25
    assert (frame.status == "ok").all()
    assert [1, 1, 1, 2, 1, 1] == frame.attempts.tolist()
    assert frame.cost_usd[3] == pytest.approx(2 * usual)
    assert 7 == len(server.bodies)


def test_a_deadline_ends_the_run(server: Loopback) -> None:
    """At the deadline nothing is sent any more, and what has no answer is given up, each with its status."""
    server.answer = lambda body, nth: Fault(how="hang") if "bridge 3" in str(body) else echo(body, nth)
    server.latency_s = 0.1
    with pytest.warns(rk.RetitlekitWarning, match="stopped by deadline_s"):
        frame = run(plan(server, 200), deadline_s=1.5, max_concurrency=3)
    hung = frame.iloc[3]

    assert {"ok", "skipped_budget", "error"} == set(frame.status)
    assert ("Timeout", 1) == (hung.error_type, hung.attempts)
    assert "deadline_s=1.5" in hung.error
    assert len(server.bodies) == (frame.status != "skipped_budget").sum()


def test_two_jobs_ask_once(server: Loopback) -> None:
    """What two sweeps of a process want at the same time is sent once, and both get it; so with ten threads."""
    server.latency_s = 0.1
    trials, frames = plan(server, 40), []
    jobs = [rk.start(trials, max_concurrency=4) for _ in range(2)]
    threads = [threading.Thread(target=lambda: frames.append(run(trials))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    frames += [job.wait(progress=False) for job in jobs]

    assert 40 == len(server.bodies)
    assert 10 == len(frames)
    assert all((frame.status == "ok").all() for frame in frames)
    assert all(frame.title.tolist() == frames[0].title.tolist() for frame in frames)


def test_a_stopped_job_leaves_its_trials_to_the_other(server: Loopback) -> None:
    """A sweep that waits for another's request sends it itself when that one gives up."""
    server.answer = lambda body, nth: Fault(how="hang") if nth == 1 else echo(body, nth)
    trials = plan(server, 4)
    first = rk.start(trials)
    while len(server.bodies) < 4:
        time.sleep(0.01)
    second = rk.start(trials)
    time.sleep(0.1)
    asked = len(server.bodies)
    first.stop(grace_s=0)
    frame = second.wait(progress=False)
    with pytest.warns(rk.RetitlekitWarning, match="stopped"):
        given_up = first.wait(progress=False)

    assert 4 == asked
    assert (frame.status == "ok").all()
    assert (given_up.status == "cancelled").all()


def test_a_deadline_while_another_sweep_asks(server: Loopback) -> None:
    """What another sweep asks for at the deadline was not sent by this one, and its late answer changes nothing."""
    server.latency_s = 1.0
    trials = plan(server, 4)
    first = rk.start(trials)
    while len(server.bodies) < 4:
        time.sleep(0.01)
    second = rk.start(trials, deadline_s=0.3)
    with pytest.warns(rk.RetitlekitWarning, match="stopped by deadline_s"):
        frame = second.wait(progress=False)
    answered = first.wait(progress=False)

    assert ["skipped_budget"] * 4 == frame.status.tolist()
    pd.testing.assert_frame_equal(frame, second.frame)
    assert (answered.status == "ok").all()
    assert 4 == len(server.bodies)


def test_a_stopped_sweep_takes_nothing_more(server: Loopback) -> None:
    """The frame of a sweep that was stopped while another asked for its trials stays as it was returned."""
    server.latency_s = 0.5
    trials = plan(server, 4)
    first = rk.start(trials)
    while len(server.bodies) < 4:
        time.sleep(0.01)
    second = rk.start(trials)
    second.stop(grace_s=0)
    with pytest.warns(rk.RetitlekitWarning, match="stopped"):
        frame = second.wait(progress=False)
    first.wait(progress=False)

    assert ["cancelled"] * 4 == frame.status.tolist()
    pd.testing.assert_frame_equal(frame, second.frame)


def test_sweeps_of_many_threads_know_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of runs that threads make at the same moment, each of two knows the other."""

    class Sluggish(list):  # type: ignore[type-arg]
        def __iter__(self) -> Iterator[Any]:
            found = list(super().__iter__())
            time.sleep(0.002)
            return iter(found)

    monkeypatch.setattr(runs, "_active", Sluggish())
    made: list[runs.Run] = []
    store: Any = SimpleNamespace(path=Path("x"))
    nothing: Any = None
    threads = [
        threading.Thread(target=lambda: made.append(runs.Run("r", store, nothing, nothing, runs.Terms())))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert 8 == len(made)
    assert all({*made} - {run} == {*run._siblings} for run in made)


def test_a_hedge_keeps_to_the_tokens_a_minute(server: Loopback) -> None:
    """No second request goes out when the tokens of this minute are used up."""
    server.answer = lambda body, nth: Fault(how="hang") if nth == 1 else echo(body, nth)
    article = rk.Article("long", "Council votes", "It voted. " * 400)
    model = rk.Model("openai/model-a", api_base=server.base, tpm=1200)
    trials = rk.plan(rk.Prompt("p", "{{ body | safe }}"), article, models=model)
    with pytest.warns(rk.RetitlekitWarning, match="Timeout"):
        frame = run(trials, hedge_after=0.1, timeout=1.5, retries=0)

    assert 1 == len(server.bodies)
    assert [1] == frame.attempts.tolist()


def test_a_clock_that_jumps(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits and latencies do not follow the wall clock."""
    server.answer = lambda body, nth: Fault(500) if nth == 1 else echo(body, nth)
    wall, jumps = time.time, iter(range(0, -(10**9), -86_400))
    monkeypatch.setattr(time, "time", lambda: wall() + next(jumps))
    frame = run(plan(server), deadline_s=60)

    assert (frame.status == "ok").all()
    assert frame.latency_s.between(0, 30).all()


def test_keys_are_nowhere(server: Loopback, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Keys that providers echo in their errors, plain or split by a prefix, reach no frame, warning, file or stream."""
    key = "planted-0123456789abcdef"
    monkeypatch.setenv("HOUSE_KEY", key)
    texts = [f"Incorrect API key provided: {key}", f"Authorization: Bearer {key} is wrong", f'{{"api_key": "{key}"}}']
    kinds = [(400, ""), (401, ""), (403, ""), (404, ""), (429, "insufficient_quota"), (500, "")]
    shown = []
    for number, (status, code) in enumerate(kinds):
        server.answer = lambda body, nth, status=status, code=code: Fault(status, texts[nth % 3], code or None)
        model = rk.Model("openai/model-a", api_base=server.base, api_key_env="HOUSE_KEY", rpm=10**6 + number)
        for on_error in ("record", "raise"):
            try:
                with warnings.catch_warnings(record=True) as warned:
                    warnings.simplefilter("always")
                    frame = run(plan(server, 3, models=model), retries=1, on_error=on_error)
                shown += [frame.to_csv(), *(str(each.message) for each in warned)]
            except rk.SweepError as problem:
                shown += [repr(problem), repr(problem.__cause__), repr(problem.__context__), problem.frame.to_csv()]
    files = [path.read_bytes() for path in Path().rglob("*") if path.is_file()]

    assert {f"Bearer {key}"} == {headers["Authorization"] for headers in server.headers}
    assert not any("planted" in text for text in (*shown, *capfd.readouterr()))
    assert not any(b"planted" in content for content in files)
    assert files


def test_a_day_is_not_waited_for(server: Loopback) -> None:
    """An endpoint that is closed for hours ends its trials, in this sweep and in the next, and says for how long."""
    server.answer = lambda body, nth: Fault(429, headers={"retry-after": "7200"})
    with pytest.warns(rk.RetitlekitWarning, match="RateLimitError"):
        first = run(plan(server, 5), max_concurrency=1)
    with pytest.warns(rk.RetitlekitWarning, match="asks to wait for another 7"):
        second = run(first, max_concurrency=1)

    assert 1 == len(server.bodies)
    assert {"RateLimitError"} == set(first.error_type) | set(second.error_type)


def test_a_quota_of_the_day_that_is_used_up_is_not_waited_for(server: Loopback) -> None:
    """Headers that say so end the trials as Retry-After does; what is left of a quota is not spread over the day."""
    day = {"x-ratelimit-limit-requests": "1000", "x-ratelimit-reset-requests": "8h0m0s"}

    def quota(body: dict, nth: int) -> Raw | Fault:
        left = 100 - len(server.bodies) if len(server.bodies) < 4 else 0
        told = {**day, "x-ratelimit-remaining-requests": str(left)}
        reply = {"model": "model-a", "choices": [{"message": {"role": "assistant", "content": f"Title {left}"}}]}
        return Raw(reply, headers={**told, "content-type": "application/json"}) if left else Fault(429, headers=told)

    server.answer = quota
    with pytest.warns(rk.RetitlekitWarning, match="asks to wait for another 2"):
        frame = run(plan(server, 9), max_concurrency=1)

    assert 3 == (frame.status == "ok").sum()
    assert 4 == len(server.bodies)


def test_a_slow_model_leaves_the_fast_one_its_time(server: Loopback) -> None:
    """The deadline stops a model that takes longer than what is left, and no other."""
    server.answer = echo
    slow = rk.Model("openai/model-b", api_base=server.base, rpm=30)
    trials = plan(server, 30, models=[rk.Model("openai/model-a", api_base=server.base), slow])
    with pytest.warns(rk.RetitlekitWarning, match="stopped by deadline_s"):
        frame = run(trials, deadline_s=4)
    done = frame[frame.status == "ok"].model.astype(str).value_counts()

    assert 30 == done["openai/model-a"]
    assert 1 <= done["openai/model-b"] <= 4
