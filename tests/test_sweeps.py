"""run() over real HTTP: nothing is lost, nothing is paid twice, and every trial ends as a row."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk

from .loopback import Answer, Fault, Loopback, echo

ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(6)]
PROMPTS = [
    rk.Prompt("plain", "Rewrite this title: {{ title | safe }}"),
    rk.Prompt("body", "Rewrite.\n{{ title | safe }}\n{{ body | safe }}"),
]
# What one execution differs in from another that got the same answers.
OF_THE_RUN = ["run_id", "started_at", "latency_s", "attempts", "cached"]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback() as server:
        yield server


def plan(server: Loopback, **changes: Any) -> pd.DataFrame:
    model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-4, output_cost_per_token=1e-3)
    return rk.plan(**{"prompts": PROMPTS, "articles": ARTICLES, "models": model, "temperatures": (0, 0.7), **changes})


def run(trials: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return rk.run(trials, **{"progress": False, "retries": 2, **options})


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one.drop(columns=OF_THE_RUN), other.drop(columns=OF_THE_RUN))


def test_a_whole_sweep(server: Loopback) -> None:
    """Rows in are rows out, in plan order, each with its own answer, tokens, cost and time."""
    trials = plan(server)
    frame = run(trials)
    titles = [echo(body, 1) for body in server.bodies]

    assert trials.trial_id.tolist() == frame.trial_id.tolist()
    assert sorted(titles) == sorted(frame.title)
    assert (frame.status == "ok").all()
    assert frame.cost_usd.tolist() == pytest.approx([50e-4 + 9e-3] * 24)
    assert (frame.latency_s > 0).all()
    assert not frame.cached.any()
    assert frame.started_at.between(pd.Timestamp.now("UTC") - pd.Timedelta("1min"), pd.Timestamp.now("UTC")).all()
    assert frame.effective_temperature.tolist() == frame.temperature.tolist()


def test_in_pieces_interrupted_and_resumed(server: Loopback, tmp_path: Path) -> None:
    """A sweep cut into pieces, stopped half-way and resumed gives the frame of an undisturbed one."""
    trials = plan(server)
    whole = run(trials, store=tmp_path / "whole")
    sent = len(server.bodies)
    run(trials[::3], store=tmp_path / "pieces")
    server.latency_s = 0.05
    job = rk.start(trials, store=tmp_path / "pieces", max_concurrency=2)
    time.sleep(0.2)
    job.stop()
    with pytest.warns(rk.RetitlekitWarning, match="run\\(frame\\) again sends the other"):
        partial = job.wait(progress=False)
    resumed = run(partial, store=tmp_path / "pieces")

    assert {"ok", "cancelled"} == set(partial.status)
    same(whole, resumed)
    assert 2 * sent == len(server.bodies)


def test_a_second_run_sends_nothing(server: Loopback) -> None:
    """What is in the store is served from there, and marked so."""
    first = run(plan(server))
    sent = len(server.bodies)
    second = run(plan(server))

    assert sent == len(server.bodies)
    assert second.cached.all()
    same(first, second)


def test_a_growing_sweep_sends_only_what_is_new(server: Loopback) -> None:
    """With one more prompt, only that prompt's trials go out."""
    run(plan(server))
    sent = len(server.bodies)
    grown = run(plan(server, prompts=[*PROMPTS, rk.Prompt("new", "Another: {{ title | safe }}")]))

    assert 12 == len(server.bodies) - sent
    assert grown[~grown.cached].prompt.unique().tolist() == ["new"]


def test_equal_trials_are_sent_once(server: Loopback) -> None:
    """Two prompts with the same text share their answers."""
    frame = run(plan(server, prompts=[PROMPTS[0], rk.Prompt("copy", PROMPTS[0].text)]))

    assert 24 == len(frame)
    assert 12 == len(server.bodies)
    assert frame.title.notna().all()


def test_repeats_are_real_repeats() -> None:
    """The same request goes out once per repeat, and each repeat keeps its own answer."""
    with Loopback(lambda body, nth: f"Answer number {nth}") as server:
        frame = run(plan(server, prompts=PROMPTS[0], articles=ARTICLES[:1], temperatures=0.7, repeats=3))

    assert ["Answer number 1", "Answer number 2", "Answer number 3"] == sorted(frame.title)


def test_a_part_of_a_frame_keeps_its_index(server: Loopback) -> None:
    """Any selection, in any order and with columns of the user's own, comes back as it went in."""
    part = plan(server).sample(frac=0.5, random_state=1).assign(note="mine")
    frame = run(part)

    assert part.index.tolist() == frame.index.tolist()
    assert part.trial_id.tolist() == frame.trial_id.tolist()
    assert (frame.note == "mine").all()


def test_faults_are_retried(server: Loopback) -> None:
    """Rate limits, server errors, broken bodies and connections are tried again, and counted."""
    faults = [Fault(429, headers={"retry-after": "0"}), Fault(500), Fault(how="reset"), Fault(how="malformed")]

    def answer(body: Mapping[str, Any], nth: int) -> Answer:
        return faults[len(str(body)) % len(faults)] if nth == 1 else echo(body, nth)

    server.answer = answer
    frame = run(plan(server))

    assert (frame.status == "ok").all()
    assert (frame.attempts == 2).all()
    assert 48 == len(server.bodies)


@pytest.mark.parametrize(
    ("fault", "error_type", "attempts"),
    [
        (Fault(400, "this model cannot"), "BadRequestError", 1),
        (Fault(404, "no such model"), "NotFoundError", 1),
        (Fault(500, "down"), "InternalServerError", 3),
        (Fault(how="hang"), "Timeout", 3),
    ],
)
def test_an_error_is_a_row(server: Loopback, fault: Fault, error_type: str, attempts: int) -> None:
    """A trial that fails for good keeps its place, its error and the number of tries; the others are answered."""
    server.answer = lambda body, nth: fault if "bridge 3" in str(body) else echo(body, nth)
    trials = plan(server, prompts=PROMPTS[0], temperatures=0)
    with pytest.warns(rk.RetitlekitWarning, match=f"1 of 6 trials failed: {error_type}"):
        frame = run(trials, timeout=0.5)
    row = frame.iloc[3]

    assert ["ok"] * 3 + ["error"] + ["ok"] * 2 == frame.status.tolist()
    assert (error_type, attempts) == (row.error_type, row.attempts)
    assert (frame.completion.notna() != frame.error.notna()).all()
    assert pd.isna(row.cost_usd)


def test_failed_rows_can_be_run_again(server: Loopback) -> None:
    """`run(frame)` sends what failed, and leaves what is answered as it is."""
    server.answer = lambda body, nth: Fault(400) if "bridge 3" in str(body) else echo(body, nth)
    with pytest.warns(rk.RetitlekitWarning):
        broken = run(plan(server, temperatures=0), store="one")
    server.answer = echo
    sent = len(server.bodies)
    mended = run(broken, store="another")

    assert (mended.status == "ok").all()
    assert 2 == len(server.bodies) - sent
    assert broken.run_id[0] == mended.run_id[0]


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("I'm sorry, but I cannot rewrite this title.", "Refusal"),
        ({"content": None, "refusal": "I will not."}, "Refusal"),
        ({"content": ""}, "EmptyCompletion"),
        ({"content": "Council votes on", "finish_reason": "length"}, "CutOff"),
        ("[gpt3] Rewrite this title: Council votes on bridge [/gpt4]", "PromptLeak"),
    ],
)
def test_an_answer_without_a_title(server: Loopback, answer: Answer, problem: str) -> None:
    """What is no title never becomes one: the answer is kept as it came, and the reason is told."""
    server.answer = lambda body, nth: answer
    row = run(plan(server, prompts=PROMPTS[0], articles=ARTICLES[:1], temperatures=0)).iloc[0]

    assert ("ok", problem) == (row.status, row.error_type)
    assert pd.isna(row.title)
    assert pd.notna(row.completion)
    assert pd.isna(row.error)


def test_a_refused_key_stops_the_model(server: Loopback) -> None:
    """After the first 401 no further request goes to that model; the others go on."""
    server.answer = lambda body, nth: Fault(401, "key revoked") if body["model"] == "model-b" else echo(body, nth)
    both = [rk.Model(f"openai/model-{letter}", api_base=server.base) for letter in "ab"]
    with pytest.warns(rk.RetitlekitWarning, match="AuthenticationError"):
        frame = run(plan(server, models=both), max_concurrency=1)

    assert frame.groupby("model", observed=True).status.unique().map(list).tolist() == [["ok"], ["error"]]
    assert 1 == sum(body["model"] == "model-b" for body in server.bodies)


def test_stop_at_the_first_error(server: Loopback) -> None:
    """`on_error="raise"` ends the sweep, and the error carries what was answered."""
    server.answer = lambda body, nth: Fault(400, "no") if "bridge 3" in str(body) else echo(body, nth)
    with pytest.raises(rk.SweepError, match="no") as caught:
        run(plan(server), on_error="raise", max_concurrency=1)

    assert {"ok", "error", "cancelled"} == set(caught.value.frame.status)


def test_a_budget_is_never_exceeded(server: Loopback) -> None:
    """Under concurrency too, the worst case is set aside before sending; what does not fit is left and said."""
    server.latency_s = 0.01
    with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd"):
        frame = run(plan(server, max_tokens=20), budget_usd=0.15)
    left = frame[frame.status == "skipped_budget"]

    assert {"ok", "skipped_budget"} == set(frame.status)
    assert 0.1 < frame.cost_usd.sum() <= 0.15
    assert left.completion.isna().all()
    assert len(server.bodies) == (frame.status == "ok").sum()


def test_a_budget_needs_prices(server: Loopback) -> None:
    """With an unknown price nothing is sent under a budget."""
    trials = plan(server, models=rk.Model("openai/model-a", api_base=server.base))
    with pytest.raises(rk.PlanError, match="its price is unknown"):
        run(trials, budget_usd=1)

    assert [] == server.bodies


def test_concurrency_is_bounded(server: Loopback) -> None:
    """No more requests than asked for are under way at once."""
    server.latency_s = 0.02
    run(plan(server), max_concurrency=3)

    assert 3 == server.most_busy


def test_nothing_is_sent_when_a_model_is_not_ready(server: Loopback) -> None:
    """One model without its key stops the whole sweep before the first request."""
    models = [rk.Model("openai/model-a", api_base=server.base), "groq/llama-3.1-8b-instant"]
    with pytest.raises(rk.ModelError, match="GROQ_API_KEY"):
        run(plan(server, models=models))

    assert [] == server.bodies


def test_inside_a_running_loop(server: Loopback) -> None:
    """run() and arun() both work where an event loop runs already, as in a notebook."""

    async def cell() -> tuple[pd.DataFrame, pd.DataFrame]:
        return run(plan(server)), await rk.arun(plan(server), store="other")

    direct, awaited = asyncio.run(cell())

    same(direct, awaited)


def test_interrupt_keeps_what_was_paid_for(server: Loopback) -> None:
    """Ctrl-C gives the partial frame; what was under way is still kept, and nothing is sent twice afterwards."""
    server.latency_s = 0.1
    trials = plan(server)
    threading.Timer(0.35, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.warns(rk.RetitlekitWarning, match="interrupted: .* are answered and stored"):
        partial = run(trials, max_concurrency=4)
    answered = (partial.status == "ok").sum()
    run(trials)

    assert 0 < answered < 24
    assert answered == len(server.bodies) - (24 - answered)
    assert sum(server.answered.values()) == 24


def test_a_job_shows_its_frame_while_it_runs(server: Loopback) -> None:
    """start() returns at once; the frame fills while it runs."""
    server.latency_s = 0.1
    job = rk.start(plan(server), max_concurrency=8)
    early = job.frame
    text = repr(job)
    late = job.wait(progress=False)

    assert (early.status == "planned").any()
    assert "running" in text
    assert "finished, 24 of 24 trials, 0 errors" in repr(job)
    assert (late.status == "ok").all()


def test_a_frame_from_a_file_runs(server: Loopback, tmp_path: Path) -> None:
    """A plan that was written and read back knows its models and their addresses."""
    path = rk.write_frame(plan(server), tmp_path / "plan.parquet")

    assert (run(rk.read_frame(path)).status == "ok").all()


def test_no_key_anywhere(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is sent to the provider and stands in no frame, no store and no error."""
    monkeypatch.setenv("MY_KEY", "sk-planted-0123456789")
    server.key = "sk-planted-0123456789"
    model = rk.Model("openai/model-a", api_base=server.base, api_key_env="MY_KEY")
    server.answer = lambda body, nth: (
        Fault(400, "bad key sk-planted-0123456789") if "bridge 3" in str(body) else echo(body, nth)
    )
    with pytest.warns(rk.RetitlekitWarning) as warned:
        frame = run(plan(server, models=model))
    stored = b"".join(path.read_bytes() for path in Path(".retitlekit").iterdir())
    shown = frame.to_csv() + repr(model) + str([warning.message for warning in warned])

    assert {"Bearer sk-planted-0123456789"} == {headers["Authorization"] for headers in server.headers}
    assert "planted" not in shown
    assert b"planted" not in stored


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"on_error": "ignore"}, "'record' or 'raise'"),
        ({"max_concurrency": 0}, "max_concurrency=0: give a whole number from 1 up"),
        ({"max_concurrency": 1.5}, "whole number from 1"),
        ({"max_concurrency": True}, "whole number from 1"),
        ({"retries": -1}, "whole number from 0"),
        ({"retries": None}, "whole number from 0"),
        ({"budget_usd": -1}, "from 0 up"),
        ({"budget_usd": float("inf")}, "None for no budget"),
        ({"budget_usd": float("nan")}, "None for no budget"),
        ({"budget_usd": "5"}, "None for no budget"),
        ({"budget_usd": 1e300}, "None for no budget"),
        ({"budget_usd": 10**400}, "None for no budget"),
        ({"max_tokens_total": 1.5}, "None for no limit"),
        ({"timeout": 0}, "above 0"),
        ({"timeout": "5"}, "timeout='5': give seconds above 0"),
        ({"timeout": None}, "above 0"),
        ({"deadline_s": float("nan")}, "above 0"),
        ({"hedge_after": float("inf")}, "above 0"),
    ],
)
def test_wrong_arguments(server: Loopback, options: dict, says: str) -> None:
    """Each wrong argument is refused before anything is sent, and leaves no store behind."""
    with pytest.raises(rk.PlanError, match=says):
        run(plan(server), **options)

    assert [] == server.bodies
    assert not Path(".retitlekit").exists()


def test_a_job_that_cannot_be_made_closes_its_store(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the setting up of a sweep fails, its store is closed."""
    closed: list[object] = []
    monkeypatch.setattr("retitlekit.sweeps.Texts", lambda trials: 1 / 0)
    monkeypatch.setattr("retitlekit.store.Store.close", lambda store: closed.append(store))
    with pytest.raises(ZeroDivisionError):
        rk.start(plan(server))

    assert 1 == len(closed)


def test_a_missing_secret_is_told_once(server: Loopback) -> None:
    """A variable that the parameters name and that is not set stops its model without a request."""
    trials = plan(server, extra_headers={"X-House": "os.environ/NOT_THERE"})
    with pytest.warns(rk.RetitlekitWarning, match=r"failed: AuthenticationError \(24\).*NOT_THERE is not set\. run"):
        frame = run(trials)

    assert {"error"} == set(frame.status)
    assert [] == server.bodies


def test_an_empty_frame(server: Loopback) -> None:
    """No rows in, no rows out."""
    frame = run(plan(server)[:0])

    assert 0 == len(frame)
    assert "title" in frame
