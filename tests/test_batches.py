"""submit_batch() and collect_batch() over OpenAI's batch protocol: same store, same frame, nothing paid twice."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.store import Batch, Store
from retitlekit.sweeps import batches
from retitlekit.sweeps.batches import _parsed

from .batch_server import BatchServer
from .loopback import Answer, Fault, echo

ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(6)]
PROMPT = rk.Prompt("plain", "Rewrite this title: {{ title | safe }}")
MEASURED = ["run_id", "started_at", "latency_s", "attempts", "cached", "cost_usd"]


@pytest.fixture
def server() -> Iterator[BatchServer]:
    with BatchServer() as server:
        yield server


def plan(server: BatchServer, **changes: Any) -> pd.DataFrame:
    model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-4, output_cost_per_token=1e-3)
    asked = {"prompts": PROMPT, "articles": ARTICLES, "models": model, "temperatures": (0, 0.7), "max_tokens": 20}
    return rk.plan(**{**asked, **changes})


def bad_bridge(body: Mapping[str, Any], nth: int) -> Answer:
    return Fault(400, "this model cannot") if "bridge 3" in str(body) else echo(body, nth)


def test_a_batch_from_beginning_to_end(server: BatchServer) -> None:
    """Submitted today, collected later: the frame is that of run() with the same requests, at half the cost."""
    trials = plan(server)
    (batch,) = rk.submit_batch(trials)
    with pytest.warns(rk.RetitlekitWarning, match="1 batches are under way: batch_0 .in_progress."):
        early = rk.collect_batch(trials)
    server.finish()
    frame = rk.collect_batch(trials)
    requests = [json.loads(line) for line in server.files["file-0"].splitlines()]
    alone = rk.run(trials, store="other", progress=False)

    assert (12, "in_progress", "batch_0") == (batch.trials, batch.status, batch.batch_id)
    assert [{"purpose": "batch", "filename": f"{batch.token}.jsonl"}] == server.uploads
    assert ["planned"] == early.status.unique().tolist()
    assert sorted(json.dumps(r["body"], sort_keys=True) for r in requests) == sorted(server.seen)
    assert trials.trial_id.tolist() == [request["custom_id"] for request in requests]
    pd.testing.assert_frame_equal(alone.drop(columns=MEASURED), frame.drop(columns=MEASURED))
    pd.testing.assert_series_equal(alone.cost_usd / 2, frame.cost_usd)
    assert frame.latency_s.isna().all()
    assert not frame.cached.any()


def test_what_is_collected_is_stored(server: BatchServer) -> None:
    """The answers of a batch are in the store: they are neither sent, nor submitted, nor fetched again."""
    trials = plan(server)
    rk.submit_batch(trials)
    server.finish()
    rk.collect_batch(trials)
    again = rk.collect_batch(trials)

    assert rk.run(trials, progress=False).cached.all()
    assert again.cached.all()
    assert [] == rk.submit_batch(trials)
    assert rk.estimate(trials).to_send == 0
    assert [] == server.bodies
    assert ["file-output_file_id-batch_0"] == server.downloads


def test_a_trial_in_a_batch_is_not_paid_for_twice(server: BatchServer) -> None:
    """Until it is over, neither submit_batch nor run takes a trial that a batch holds; new trials are submitted."""
    trials = plan(server)
    rk.submit_batch(trials[:4])
    (second,) = rk.submit_batch(trials)
    with pytest.raises(rk.PlanError, match="12 of these trials are in a batch"):
        rk.run(trials, progress=False)

    assert 8 == second.trials
    assert [] == server.bodies


def test_one_batch_for_each_model(server: BatchServer) -> None:
    """Models go into batches of their own; one that is done is collected while the other is under way."""
    models = [rk.Model(f"openai/model-{letter}", api_base=server.base) for letter in "ab"]
    trials = plan(server, models=models)
    first, second = rk.submit_batch(trials)
    server._finish(server.batches["batch_1"], "completed", 1.0)
    with pytest.warns(rk.RetitlekitWarning, match="batch_0"):
        frame = rk.collect_batch(trials)

    assert (12, 12) == (first.trials, second.trials)
    by_model = frame.groupby("model", observed=True).status.unique().map(list).to_dict()
    assert {"openai/model-a": ["planned"], "openai/model-b": ["ok"]} == by_model


def test_large_sweeps_are_cut(server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """No batch holds more trials or bytes than the provider takes."""
    monkeypatch.setattr("retitlekit.sweeps.batches._MOST_TRIALS", 5)
    few = rk.submit_batch(plan(server))
    monkeypatch.setattr("retitlekit.sweeps.batches._MOST_BYTES", 700)
    small = rk.submit_batch(plan(server, temperatures=1))

    assert [5, 5, 2] == [batch.trials for batch in few]
    assert all(len(server.files[f"file-{number}"]) <= 700 for number in range(3, 3 + len(small)))
    assert 6 == sum(batch.trials for batch in small)


def test_failed_requests_are_rows(server: BatchServer) -> None:
    """A request that failed in the batch is a row with LiteLLM's error, today and tomorrow; it can be run again."""
    server.answer = bad_bridge
    trials = plan(server)
    rk.submit_batch(trials)
    server.finish()
    with pytest.warns(rk.RetitlekitWarning, match="2 of 12 trials failed in their batch: BadRequestError"):
        frame = rk.collect_batch(trials)
    with pytest.warns(rk.RetitlekitWarning, match="2 of 12"):
        tomorrow = rk.collect_batch(trials)
    failed = frame[frame.status == "error"]
    server.answer = echo

    assert ["a3", "a3"] == failed.article.tolist()
    assert failed.error.str.contains("this model cannot").all()
    assert frame.status.tolist() == tomorrow.status.tolist()
    assert (rk.run(frame, progress=False).status == "ok").all()
    assert 2 == len(server.bodies)


@pytest.mark.parametrize(
    ("status", "part", "error_type"),
    [
        ("expired", 0.5, "BatchExpired"),
        ("cancelled", 0.25, "BatchCancelled"),
        ("failed", 0.0, "BatchFailed"),
        ("completed", 0.75, "BatchIncomplete"),
    ],
)
def test_a_batch_that_does_not_complete(server: BatchServer, status: str, part: float, error_type: str) -> None:
    """What was answered is kept; the rest are rows that say why, and can be submitted again."""
    trials = plan(server)
    rk.submit_batch(trials)
    server.finish(status, answered=part)
    with pytest.warns(rk.RetitlekitWarning, match=error_type):
        frame = rk.collect_batch(trials)
    (again,) = rk.submit_batch(frame)

    assert 12 * part == (frame.status == "ok").sum()
    assert {error_type} == set(frame[frame.status == "error"].error_type)
    assert 12 - 12 * part == again.trials


def test_a_cancelled_batch(server: BatchServer) -> None:
    """cancel_batch() calls off the batches that hold these trials; the frame waits for the provider's word."""
    trials = plan(server)
    rk.submit_batch(trials)
    (cancelled,) = rk.cancel_batch(trials[:1])
    with pytest.warns(rk.RetitlekitWarning, match="cancelling"):
        rk.collect_batch(trials)
    server.finish("cancelled", answered=0.5)
    with pytest.warns(rk.RetitlekitWarning, match="BatchCancelled .6."):
        frame = rk.collect_batch(trials)

    assert "cancelling" == cancelled.status
    assert 6 == (frame.status == "ok").sum()


def test_disorder(server: BatchServer) -> None:
    """Lines come in any order, twice, broken, from elsewhere or not at all; each row has its own answer or an error."""

    def spoil(lines: list[Any]) -> list[Any]:
        random.Random(1).shuffle(lines)
        stranger = {**lines[0], "custom_id": "not-ours"}
        other = {**lines[1], "response": {"status_code": 200, "body": {"choices": []}}}
        return [*lines[2:], lines[5], b'{"custom_id": "cut o', b"[1]", b"\xff\xfe", b"null", b"", stranger, other]

    trials = plan(server)
    rk.submit_batch(trials)
    server.spoil = spoil
    server.finish()
    with pytest.warns(rk.RetitlekitWarning, match="4 lines of the results cannot be read"):
        frame = rk.collect_batch(trials)
    alone = rk.run(trials, store="other", progress=False)
    good = frame.status == "ok"

    assert 10 == good.sum()
    assert alone[good].completion.tolist() == frame[good].completion.tolist()
    assert frame[~good].error.notna().all()
    assert "BatchIncomplete" in set(frame[~good].error_type)


def test_a_result_file_that_is_late(server: BatchServer) -> None:
    """A completed batch whose file is not there yet is still under way."""
    trials = plan(server)
    rk.submit_batch(trials)
    server.finish()
    file = server.batches["batch_0"].pop("output_file_id")
    with pytest.warns(rk.RetitlekitWarning, match="batch_0 .completed."):
        rk.collect_batch(trials)
    server.batches["batch_0"]["output_file_id"] = file

    assert (rk.collect_batch(trials).status == "ok").all()


def test_waiting(server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait_s` asks again until the batch is over."""
    monkeypatch.setattr("retitlekit.sweeps.batches._POLL_S", 0.05)
    trials = plan(server)
    rk.submit_batch(trials)
    server._loop.call_soon_threadsafe(server._loop.call_later, 0.3, server.finish)

    assert (rk.collect_batch(trials, wait_s=20).status == "ok").all()


def test_a_lost_confirmation(server: BatchServer) -> None:
    """When the answer to the submission is lost, the batch is found by its token and not submitted again."""
    trials = plan(server)
    server.lose_confirmation = True
    with pytest.raises(rk.CallError, match="is not known: collect_batch"):
        rk.submit_batch(trials)
    server.lose_confirmation = False
    for name in ("newer", "newest"):  # the list comes in pages of two, newest first
        server.batches[name] = {**server.batches["batch_0"], "id": name, "metadata": None, "status": "validating"}
    again = rk.submit_batch(trials)
    server.finish()
    frame = rk.collect_batch(trials)

    assert [] == again
    assert (frame.status == "ok").all()


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, '{"id": "batch'), (200, "<html>"), (200, "[]"), (200, '{"object": "batch"}'), (408, "{}"), (500, "{}")],
)
def test_a_garbled_confirmation(server: BatchServer, status: int, body: str) -> None:
    """Whatever comes back in place of a confirmation, the provider may have the batch: it is not submitted again."""
    trials = plan(server)
    server.confirmation = web.Response(text=body, status=status, content_type="application/json")
    with pytest.raises(rk.CallError, match="is not known: collect_batch"):
        rk.submit_batch(trials)
    server.confirmation = None
    again = rk.submit_batch(trials)
    server.finish()
    frame = rk.collect_batch(trials)

    assert [] == again
    assert ["batch_0"] == list(server.batches)
    assert (frame.status == "ok").all()


def test_what_a_sweep_sends_is_not_submitted(server: BatchServer) -> None:
    """While a sweep of the same store is sending a trial, no batch takes it; other trials and stores are free."""
    server.latency_s = 0.5
    trials = plan(server)
    job = rk.start(trials[:6])
    with pytest.raises(rk.PlanError, match="6 of these trials are being sent"):
        rk.submit_batch(trials)
    (others,) = rk.submit_batch(trials[6:])
    (elsewhere,) = rk.submit_batch(trials[:6], store="elsewhere")
    job.wait(progress=False)

    assert (6, 6) == (others.trials, elsewhere.trials)
    assert [] == rk.submit_batch(trials)
    assert 6 == len(server.bodies)


def test_a_sweep_that_begins_meanwhile(server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that starts while the lines of a batch are written wins: the batch is given up before its upload."""
    trials, jobs = plan(server), []
    line = batches._line

    async def slowly(trial: Any) -> bytes:
        if not jobs:
            jobs.append(await asyncio.to_thread(rk.start, trials))
        return await line(trial)

    server.latency_s = 0.3
    monkeypatch.setattr(batches, "_line", slowly)
    with pytest.raises(rk.PlanError, match=r"being sent|answered by a run"):
        rk.submit_batch(trials)
    frame = jobs[0].wait(progress=False)

    assert (frame.status == "ok").all()
    assert {} == server.files
    assert [] == rk.submit_batch(trials)


def test_an_estimate_knows_of_batches(server: BatchServer) -> None:
    """Trials that a batch holds are neither stored nor to be sent."""
    trials = plan(server)
    rk.submit_batch(trials[:5])
    told = rk.estimate(trials)

    assert (12, 0, 5, 7) == (told.trials, told.stored, told.in_batches, told.to_send)
    assert "5 in batches, 7 to send" in str(told)
    assert (0, 5, 7) == tuple(told.by_model.loc[0, ["stored", "in_batches", "to_send"]])


def test_a_submission_that_never_arrived(server: BatchServer) -> None:
    """A batch that the provider does not list after a while is forgotten, and its trials are free again."""
    trials = plan(server)
    (batch,) = rk.submit_batch(trials)
    server.batches.clear()
    with Store(".retitlekit") as store:
        store.save_batch(replace(batch, batch_id=None))
        with pytest.warns(rk.RetitlekitWarning, match="one to be confirmed"):
            rk.collect_batch(trials)
        store.save_batch(replace(batch, batch_id=None, submitted_at=time.time() - 3600))
    frame = rk.collect_batch(trials)

    assert (frame.status == "planned").all()
    assert 12 == rk.submit_batch(trials)[0].trials


def test_two_submit_at_once(server: BatchServer) -> None:
    """Of two that put the same trials into a batch at the same moment, one is refused before it uploads."""
    trials = plan(server)
    with Store(".retitlekit") as store:
        batch = Batch("0" * 32, None, trials.endpoint[0], time.time(), 12, "submitting")
        store.save_batch(batch, trials.trial_id)
        with pytest.raises(rk.StoreError, match="another process has just put"):
            store.save_batch(replace(batch, token="1" * 32), trials.trial_id)

    assert [] == rk.submit_batch(trials)


def test_a_batch_of_another_account(server: BatchServer) -> None:
    """A batch that the provider does not know holds its trials until it is cancelled; others are collected."""
    models = [rk.Model(f"openai/model-{letter}", api_base=server.base) for letter in "ab"]
    trials = plan(server, models=models)
    rk.submit_batch(trials)
    server.finish()
    del server.batches["batch_0"]
    with pytest.raises(rk.CallError, match=r"does not know the batch batch_0: .* cancel_batch"):
        rk.collect_batch(trials)
    rk.cancel_batch(trials)
    frame = rk.collect_batch(trials)

    assert 12 == (frame.status == "ok").sum()
    assert 12 == rk.submit_batch(trials)[0].trials


def test_a_refused_batch(server: BatchServer) -> None:
    """What the provider does not take is no batch: the error says why, and the trials are free again."""
    server.refuse = True
    with pytest.raises(rk.CallError, match="enqueued token limit"):
        rk.submit_batch(plan(server))
    server.refuse = False

    assert 1 == len(rk.submit_batch(plan(server)))


def test_a_part_of_a_batch(server: BatchServer) -> None:
    """A frame with some of a batch's trials takes those, and leaves the others to be collected."""
    trials = plan(server)
    rk.submit_batch(trials)
    server.finish()
    part = rk.collect_batch(trials[::-2])
    whole = rk.collect_batch(trials)

    assert (part.status == "ok").all()
    assert part.trial_id.tolist() == trials[::-2].trial_id.tolist()
    assert [True, False] * 6 == (~whole.cached).tolist()


@pytest.mark.parametrize(
    ("changes", "options", "error", "says"),
    [
        ({"models": "baseline/prefix"}, {}, rk.ModelError, "answers at once"),
        ({"models": "groq/llama-3.1-8b-instant"}, {}, rk.ModelError, "batches go to openai, azure"),
        ({}, {"budget_usd": 0.01}, rk.PlanError, "12 trials may cost"),
        ({"models": "openai/unheard-of", "max_tokens": 3}, {"budget_usd": 1}, rk.ModelError, "OPENAI_API_KEY"),
    ],
)
def test_nothing_is_submitted(
    server: BatchServer, changes: dict[str, Any], options: dict[str, Any], error: type[Exception], says: str
) -> None:
    """Models without batches, without keys, and budgets that cannot hold are refused before anything is sent."""
    with pytest.raises(error, match=says):
        rk.submit_batch(plan(server, **changes), **options)

    assert {} == server.files


def test_half_price_in_the_estimate(server: BatchServer) -> None:
    """estimate(batch=True) shows half of the usual price, or what LiteLLM's map knows."""
    usual, batch = (rk.estimate(plan(server), batch=batch) for batch in (False, True))
    known = plan(server, models=rk.Model("openai/gpt-4o-mini", api_base=server.base))

    assert usual.cost_high == pytest.approx(2 * batch.cost_high)
    assert rk.estimate(known).cost_low == pytest.approx(2 * rk.estimate(known, batch=True).cost_low)


def test_no_key_anywhere(server: BatchServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key is sent with the upload and stands in no store, frame, warning or batch."""
    monkeypatch.setenv("MY_KEY", "sk-planted-0123456789")
    server.key = "sk-planted-0123456789"
    server.answer = lambda body, nth: Fault(400, "bad key sk-planted-0123456789")
    trials = plan(server, models=rk.Model("openai/model-a", api_base=server.base, api_key_env="MY_KEY"))
    batches = rk.submit_batch(trials)
    server.finish()
    with pytest.warns(rk.RetitlekitWarning) as warned:
        frame = rk.collect_batch(trials)
    stored = b"".join(path.read_bytes() for path in Path(".retitlekit").iterdir())

    assert "planted" not in frame.to_csv() + repr(batches) + str([warning.message for warning in warned])
    assert b"planted" not in stored


@given(st.binary() | st.recursive(st.none() | st.integers() | st.text(), lambda x: st.dictionaries(
    st.sampled_from(["custom_id", "response", "error", "body", "status_code", "code", "message"]), x)).map(
    lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_line_is_read_or_refused(line: bytes) -> None:
    """Whatever a result file holds, a line is a trial's answer, a trial's error, or nothing."""
    parsed = _parsed(line)

    assert parsed is None or (isinstance(parsed[0], str) and isinstance(parsed[1], int) and isinstance(parsed[2], dict))
