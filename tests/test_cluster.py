"""run(client=…) on a real cluster of processes: nothing lost, nothing paid twice, limits held by all together."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import distributed
import numpy as np
import pandas as pd
import pytest
from distributed.core import Status
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.store import Response, Store
from retitlekit.sweeps.budgets import Purse
from retitlekit.sweeps.chunks import Ticket, lacks
from retitlekit.sweeps.cluster import Shares, Spread
from retitlekit.sweeps.rows import Texts
from retitlekit.sweeps.runs import Terms
from retitlekit.sweeps.trials import Trials

from .loopback import Fault, Loopback, echo

ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(40)]
PROMPT = rk.Prompt("plain", "Rewrite this title: {{ title | safe }}")
OF_THE_RUN = ["run_id", "started_at", "latency_s", "attempts", "cached"]


@pytest.fixture(scope="module")
def client() -> Iterator[distributed.Client]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=2, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(latency_s=0.02) as server:
        yield server


def plan(server: Loopback, **changes: Any) -> pd.DataFrame:
    model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-4, output_cost_per_token=1e-3)
    asked = {"prompts": PROMPT, "articles": ARTICLES, "models": model, "temperatures": 0, "repeats": 3}
    return rk.plan(**{**asked, **changes})


def run(trials: pd.DataFrame, client: distributed.Client, **options: Any) -> pd.DataFrame:
    return rk.run(trials, client=client, **{"progress": False, "retries": 2, **options})


def wait_for(what: Any, timeout_s: float = 20) -> None:
    end = time.monotonic() + timeout_s
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_a_sweep_on_a_cluster(server: Loopback, client: distributed.Client) -> None:
    """The frame is the one that this machine alone would have made, each trial was sent once, and all is stored."""
    trials = plan(server)
    frame = run(trials, client)
    sent = len(server.bodies)
    alone = rk.run(trials, store="other", progress=False)

    assert 120 == sent
    pd.testing.assert_frame_equal(alone.drop(columns=OF_THE_RUN), frame.drop(columns=OF_THE_RUN))
    assert frame.run_id.nunique() == 1
    assert rk.estimate(trials).to_send == 0
    assert rk.run(trials, progress=False).cached.all()


def test_responses_arrive_before_the_end(server: Loopback, client: distributed.Client) -> None:
    """Each response is in the client's store soon after it came, not at the end of its chunk."""
    server.latency_s = 0.2
    trials = plan(server)
    job = rk.start(trials, client=client, max_concurrency=2)
    wait_for(lambda: job.done >= 4)
    with Store(".retitlekit") as store:
        early = len(store.find(trials.trial_id))
    answered = sum(server.answered.values())
    job.stop(grace_s=0)
    with pytest.warns(rk.RetitlekitWarning):
        job.wait(progress=False)

    assert 4 <= early < 15  # a chunk has 15
    assert answered - early <= 2


def test_a_killed_worker(server: Loopback, client: distributed.Client) -> None:
    """A worker killed in mid-sweep loses nothing that was stored, and only what it had under way is sent again."""
    trials = plan(server)
    job = rk.start(trials, client=client, max_concurrency=8)
    wait_for(lambda: job.done >= 20)
    worker = next(iter(client.run(os.getpid).values()))
    with Store(".retitlekit") as store:
        os.kill(worker, signal.SIGKILL)
        stored = store.find(trials.trial_id)
    frame = job.wait(progress=False)
    paid = sum(server.answered.values())

    assert ["ok"] == frame.status.unique().tolist()
    assert {response.completion for response in stored.values()} <= set(frame.completion)
    assert 20 <= len(stored) < 120
    assert 120 <= paid <= 120 + 2 * 4  # four under way on each worker, and what came in the 20 ms before


def test_a_key_that_workers_lack(server: Loopback, client: distributed.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker without the key is named before anything is sent; a key of the client does not travel."""
    monkeypatch.setenv("CLIENT_KEY", "sk-planted-0123456789")
    trials = plan(server, models=rk.Model("openai/model-a", api_base=server.base, api_key_env="CLIENT_KEY"))
    with pytest.raises(rk.ModelError, match=r"worker tcp://.*CLIENT_KEY .* is not set\nKeys do not travel"):
        run(trials, client)

    assert [] == server.bodies


def test_another_version_on_a_worker() -> None:
    """A worker with another version than the client's is told, before a response of another shape could come."""
    assert lacks("sweep", rk.__version__, []) is None
    assert "and the client 0.0.9: install the same" in str(lacks("sweep", "0.0.9", []))


def test_the_budget_holds_for_all(server: Loopback, client: distributed.Client) -> None:
    """Workers together never spend more than the budget; what one gives back is lent to another."""
    with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd"):
        frame = run(plan(server, max_tokens=20), client, budget_usd=0.5)

    assert {"ok", "skipped_budget"} == set(frame.status)
    assert 0.5 - 0.026 < frame.cost_usd.sum() <= 0.5  # no room was left for one more
    assert len(server.bodies) == (frame.status == "ok").sum()


def test_tokens_hold_for_all(server: Loopback, client: distributed.Client) -> None:
    """Workers together use no more tokens than allowed; an answer of the server has 59."""
    with pytest.warns(rk.RetitlekitWarning, match="stopped by max_tokens_total"):
        frame = run(plan(server, max_tokens=20, repeats=1), client, max_tokens_total=1000)

    assert 800 < (frame.input_tokens + frame.output_tokens).sum() <= 1000


def test_a_deadline_holds_for_all(server: Loopback, client: distributed.Client) -> None:
    """At the deadline all workers end; what was answered before is kept."""
    server.latency_s = 0.2
    with pytest.warns(rk.RetitlekitWarning, match="stopped by deadline_s"):
        frame = run(plan(server), client, max_concurrency=4, deadline_s=2)

    assert {"ok", "skipped_budget"} <= set(frame.status) <= {"ok", "skipped_budget", "error"}


def test_concurrency_holds_for_all(server: Loopback, client: distributed.Client) -> None:
    """Workers together have no more requests under way than asked for."""
    run(plan(server), client, max_concurrency=5)

    assert 4 <= server.most_busy <= 5


def test_failures_are_rows(server: Loopback, client: distributed.Client) -> None:
    """A trial that fails on a worker keeps its place and its error."""
    server.answer = lambda body, nth: Fault(400, "no") if "bridge 13" in str(body) else echo(body, nth)
    with pytest.warns(rk.RetitlekitWarning, match="3 of 120 trials failed: BadRequestError"):
        frame = run(plan(server), client)

    assert ["a13"] == frame[frame.status == "error"].article.unique().tolist()
    assert 117 == (frame.status == "ok").sum()


def test_a_refused_key_stops_the_model(server: Loopback, client: distributed.Client) -> None:
    """Once a worker heard a 401, no later chunk asks that model."""
    server.answer = lambda body, nth: Fault(401, "key revoked")
    with pytest.warns(rk.RetitlekitWarning) as warned:
        frame = run(plan(server), client, max_concurrency=2)

    assert {"AuthenticationError"} == set(frame.error_type)
    assert any("its other trials were not sent" in str(warning.message) for warning in warned)
    assert len(server.bodies) <= 4


def test_stop_at_the_first_error(server: Loopback, client: distributed.Client) -> None:
    """`on_error="raise"` ends the sweep on all workers, and the error carries what was answered."""
    server.answer = lambda body, nth: Fault(400, "no") if "bridge 13" in str(body) else echo(body, nth)
    with pytest.raises(rk.SweepError, match="no") as caught:
        run(plan(server), client, on_error="raise", max_concurrency=2)

    assert {"ok", "error", "cancelled"} == set(caught.value.frame.status)


def test_interrupt_keeps_what_was_paid_for(server: Loopback, client: distributed.Client) -> None:
    """Ctrl-C gives the partial frame with what was under way; nothing of it is sent again."""
    server.latency_s = 0.1
    trials = plan(server)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.warns(rk.RetitlekitWarning, match="interrupted: .* are answered and stored"):
        partial = run(trials, client, max_concurrency=8)
    answered = (partial.status == "ok").sum()
    rk.run(trials, progress=False)

    assert 0 < answered < 120
    assert 120 == sum(server.answered.values())


def test_a_client_that_is_gone(server: Loopback, client: distributed.Client) -> None:
    """When the client vanishes, its workers stop spending; what had arrived is stored."""
    server.latency_s = 0.2
    trials = plan(server)
    with distributed.Client(client.cluster) as other:
        job = rk.start(trials, client=other, max_concurrency=2)
        wait_for(lambda: job.done >= 2)
    with pytest.raises(rk.SweepError, match="closed") as caught:
        job.wait(progress=False)
    sent = len(server.bodies)
    time.sleep(1)
    held = (caught.value.frame.status == "ok").sum()

    assert len(server.bodies) - sent <= 2
    assert 2 <= held < 120
    assert rk.estimate(trials).stored == held


@pytest.mark.parametrize(("wrong", "says"), [(7, "not int"), ("closed", "closed: make a new one")])
def test_no_client(server: Loopback, client: distributed.Client, wrong: object, says: str) -> None:
    """Anything but a running client is refused before anything is sent."""
    if wrong == "closed":
        wrong = distributed.Client(client.cluster)
        wrong.close()
    with pytest.raises(rk.PlanError, match=says):
        run(plan(server), wrong)

    assert [] == server.bodies


def test_without_dask(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where dask is not installed, client= says which extra brings it."""
    trials = plan(server)
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(rk.PlanError, match=r"pip install 'retitlekit\[dask\]'"):
        rk.run(trials, client=object(), progress=False)


@given(
    st.none() | st.integers(1, 20),
    st.lists(st.integers(1, 8) | st.none()),
)
def test_shares_are_never_exceeded(requests: int | None, moves: list[int | None]) -> None:
    """Whatever is lent in whatever parts, and given back, all that is out stays within the sweep's limits."""
    shares = Shares(requests)
    out: list[Ticket] = []
    for parts in moves:
        if parts is None:
            if out:
                shares.settle(out.pop(0))
        elif shares.has(parts):
            out.append(Ticket([0], *shares.lend(parts), None, None, None, []))

        assert sum(ticket.share for ticket in out) <= 1 + 1e-9
        assert requests is None or sum(ticket.max_concurrency or 0 for ticket in out) <= requests


def test_a_share_is_free_again() -> None:
    """What all chunks gave back can be lent as a whole."""
    shares = Shares(7)
    for parts in (3, 7, 2):
        out = []
        while shares.has(parts):
            out.append(Ticket([0], *shares.lend(parts), None, None, None, []))
        for ticket in out:
            shares.settle(ticket)

    assert (1.0, 7) == shares.lend(1)


def refusing_temperature(body: dict[str, Any], nth: int) -> Any:
    if "temperature" in body:
        return Fault(400, "Unsupported parameter: 'temperature' is not supported with this model.")
    return echo(body, nth)


def test_dialects_travel(server: Loopback, client: distributed.Client) -> None:
    """What workers learnt a model to refuse is known here afterwards, and what is known here they need not learn."""
    server.answer = refusing_temperature
    prompts = [rk.Prompt(f"no {n}", f"Rewrite no {n}: {{{{ title | safe }}}}") for n in range(3)]
    first, second, third = (plan(server, prompts=prompt, temperatures=0.5) for prompt in prompts)
    with pytest.warns(rk.RetitlekitWarning, match="takes no temperature"):
        frame = run(first, client, max_concurrency=2)
    refused = sum("temperature" in body for body in server.bodies)
    rk.run(second, progress=False)
    here = sum("temperature" in body for body in server.bodies)
    client.run(_forget)
    run(third, client, max_concurrency=2)

    assert frame.effective_temperature.isna().all()
    assert 1 <= refused <= 2  # each worker once
    assert here == refused
    assert sum("temperature" in body for body in server.bodies) == refused


def _forget() -> None:
    from retitlekit.sweeps.runs import _dialects

    _dialects.clear()


def test_a_worker_that_nobody_replaces(server: Loopback) -> None:
    """What a lost worker had been lent is lent to those that are left: with all of it gone, they would wait forever."""
    server.latency_s = 0.1
    model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-4, output_cost_per_token=1e-3)
    trials = plan(server, models=model, articles=ARTICLES[:10], max_tokens=20)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        job = rk.start(trials, client=client, max_concurrency=1, budget_usd=10, deadline_s=300)
        wait_for(lambda: job.done >= 1)
        busy = next(address for address, tasks in client.run(_is_sending).items() if tasks)
        nanny = next(nanny for nanny in cluster.workers.values() if nanny.worker_address == busy)
        nanny.status = Status.closing_gracefully  # it starts no other
        os.kill(nanny.pid, signal.SIGKILL)
        frame = job.wait(progress=False)

    assert ["ok"] == frame.status.unique().tolist()
    assert 1 == server.most_busy
    assert len(server.bodies) <= len(trials) + 5  # one under way, and what came since the last parcel


def _is_sending() -> bool:
    from retitlekit.sweeps.runs import _active

    return bool(_active)


def test_a_killed_worker_under_a_budget(server: Loopback, client: distributed.Client) -> None:
    """What is billed stays within the budget when a worker dies, its lost answers included; little room is wasted."""
    trials = plan(server, max_tokens=20, repeats=6)
    job = rk.start(trials, client=client, max_concurrency=4, budget_usd=1.6)
    wait_for(lambda: job.done >= 20)
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd"):
        frame = job.wait(progress=False)
    billed = sum(server.answered.values()) * (50 * 1e-4 + 9 * 1e-3)

    assert {"ok", "skipped_budget"} == set(frame.status)
    assert frame.cost_usd.sum() <= billed <= 1.6


class Scripted:
    """A dask client with one worker, which dies in its first chunk of three trials; one of its answers comes late."""

    status = "running"

    def __init__(self) -> None:
        self.parts: dict[str, pd.DataFrame] = {}
        self.futures: dict[str, SimpleNamespace] = {}
        self.now: list[Any] = []
        self.later: list[Any] = []

    def nthreads(self) -> dict[str, int]:
        return {"tcp://one": 1}

    def submit(self, *arguments: Any, key: str, pure: bool) -> SimpleNamespace:
        self.parts[key] = next(each for each in arguments if isinstance(each, pd.DataFrame))
        self.now.append(["ask", key, key, ["tcp://one"]])
        dead = distributed.KilledWorker(key, None, 0)
        self.futures[key] = SimpleNamespace(status="pending", cancel=lambda: None, exception=lambda: dead)
        return self.futures[key]

    def queue(self, name: str, client: object = None) -> SimpleNamespace:
        return SimpleNamespace(get=self.get, put=lambda _: self.answer(name), close=lambda: None)

    def answer(self, key: str) -> None:
        answers = [
            list(Response(trial_id, "", 0.0, 0.1, 1, "Council votes", "stop", 9, 9, 0.01, 0.0, "any"))
            for trial_id in self.parts[key].trial_id
        ]
        if key != next(iter(self.parts)):
            self.now += [["answers", key, key, answers], ["end", key, key, [{}, {}, [], [], 0, 0]]]
            return
        self.now.append(["answers", key, key, answers[:1]])
        self.later.append(["answers", key, key, answers[:2]])
        self.futures[key].status = "error"

    def get(self, batch: bool) -> list[Any]:
        messages, self.now, self.later = self.now, self.later, []
        return messages


def test_late_answers(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer that arrives after its worker was given up is kept, and its trial has not failed as well."""
    client = Scripted()
    monkeypatch.setattr("retitlekit.sweeps.cluster.queue", client.queue)
    trials = plan(server, articles=ARTICLES[:12], repeats=1)
    store, texts = Store("late"), Texts(trials)
    spread = Spread("run", store, texts, Purse(), Terms(), client=client, frame=trials)
    asyncio.run(spread.main(Trials(trials), np.arange(12)))
    store.close()

    assert spread.problem is None
    assert [2] == [n for n, trial_id in enumerate(trials.trial_id) if trial_id in spread.failures]
    assert 11 == len(spread.responses)
    assert {"KilledWorker"} == {failure.error_type for failure in spread.failures.values()}
