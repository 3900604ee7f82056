"""Budgets hold under concurrency, whatever the server says it used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk

from .loopback import Answer, Fault, Loopback, echo

PROMPT = rk.Prompt("plain", "Rewrite this title: {{ title | safe }}")
ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(40)]


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(latency_s=0.01) as server:
        yield server


def plan(server: Loopback, **changes: Any) -> pd.DataFrame:
    model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=1e-4, output_cost_per_token=1e-3)
    return rk.plan(PROMPT, ARTICLES, **{"models": model, "max_tokens": 20, **changes})


def usage(read: object, written: object) -> dict[str, Any]:
    return {"content": "A title", "usage": {"prompt_tokens": read, "completion_tokens": written}}


def billed(server: Loopback, read: int, written: int) -> float:
    return len(server.bodies) * (read * 1e-4 + written * 1e-3)


@pytest.mark.parametrize(
    ("read", "written"),
    [(10, 2), (40, 20), (60, 5)],
)
@pytest.mark.parametrize("concurrency", [None, 1, 30])
def test_money(server: Loopback, read: int, written: int, concurrency: int | None) -> None:
    """What the server bills never exceeds the budget, and what is left of it is less than one request's worst case."""
    server.answer = lambda body, nth: usage(read, written)
    with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd"):
        frame = rk.run(plan(server), budget_usd=0.1, max_concurrency=concurrency, progress=False)

    assert {"ok", "skipped_budget"} == set(frame.status)
    assert 0.06 < billed(server, read, written) <= 0.1
    assert billed(server, read, written) == pytest.approx(frame.cost_usd.sum())
    assert len(server.bodies) == (frame.status == "ok").sum()


@pytest.mark.parametrize("told", [(None, None), (0, 0), (-50, -20), ("many", "more")])
def test_figures_that_are_none(server: Loopback, told: tuple[object, object]) -> None:
    """Without usable figures an answer counts at its worst case; nothing gives money back."""
    server.answer = lambda body, nth: usage(*told)
    with pytest.warns(rk.RetitlekitWarning):
        rk.run(plan(server), budget_usd=0.1, progress=False, retries=0)

    assert billed(server, 40, 20) <= 0.1


def test_a_bill_beyond_the_worst_case(server: Loopback) -> None:
    """A server that bills ten times what max_tokens allows is found out by the first answer, which went alone."""
    server.answer = lambda body, nth: usage(500, 200)
    with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd"):
        rk.run(plan(server), budget_usd=1.2, max_concurrency=30, progress=False)

    assert 1 < billed(server, 500, 200) / 0.25 <= 4
    assert billed(server, 500, 200) <= 1.2


def test_tokens(server: Loopback) -> None:
    """`max_tokens_total` is kept in the same way, and needs no price."""
    server.answer = lambda body, nth: usage(40, 9)
    trials = plan(server, models=rk.Model("openai/model-a", api_base=server.base))
    with pytest.warns(rk.RetitlekitWarning, match="stopped by max_tokens_total"):
        frame = rk.run(trials, max_tokens_total=700, progress=False)

    assert 500 < (frame.input_tokens + frame.output_tokens).sum() <= 700
    assert 49 * len(server.bodies) <= 700


def test_what_may_have_been_billed_counts(server: Loopback) -> None:
    """Each try without an answer, and each garbled one, is booked at its worst case; a refusal is not."""
    worst = (46 + 32) * 1e-4 + 20 * 1e-3  # about: bytes of the message with its frame, and max_tokens

    def answer(body: Mapping[str, Any], nth: int) -> Answer:
        return (Fault(how="hang"), Fault(how="malformed"), Fault(500), usage(40, 20))[min(nth, 4) - 1]

    server.answer = answer
    with pytest.warns(rk.RetitlekitWarning):
        short = rk.run(plan(server)[:2], budget_usd=3.5 * worst, timeout=0.5, progress=False)
    billed = len(server.bodies)
    server.seen.clear()
    enough = rk.run(plan(server)[:2], budget_usd=6.5 * worst, timeout=0.5, progress=False)

    assert {"error"} == set(short.status)
    assert {"Timeout", "InternalServerError"} >= set(short.error_type)
    assert 3 == billed
    assert ["ok", "ok"] == enough.status.tolist()
    assert [4, 4] == enough.attempts.tolist()


def test_what_cannot_be_kept_is_refused(server: Loopback) -> None:
    """Without a price, or without a longest reply, nothing is sent under a budget."""
    unpriced = rk.Model("openai/model-a", api_base=server.base)
    with pytest.raises(rk.PlanError, match="its price is unknown"):
        rk.run(plan(server, models=unpriced), budget_usd=1)
    with pytest.raises(rk.PlanError, match="the longest reply is unknown"):
        rk.run(rk.plan(PROMPT, ARTICLES, models=unpriced), max_tokens_total=1000)

    assert [] == server.bodies


def test_embedded_models_cost_nothing() -> None:
    """A budget of nothing still runs the baselines."""
    frame = rk.run(rk.plan(PROMPT, ARTICLES, models="baseline/prefix"), budget_usd=0, progress=False)

    assert (frame.status == "ok").all()


def test_a_budget_of_nothing(server: Loopback) -> None:
    """Nothing is sent, and every row says why."""
    with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd: 0 of 40"):
        frame = rk.run(plan(server), budget_usd=0, progress=False)

    assert {"skipped_budget"} == set(frame.status)
    assert [] == server.bodies


def test_a_budget_and_a_second_run(server: Loopback) -> None:
    """What is in the store costs nothing: a second run goes on where the first one stopped."""
    server.answer = echo
    with pytest.warns(rk.RetitlekitWarning):
        first = rk.run(plan(server), budget_usd=0.3, progress=False)
    second = rk.run(first, budget_usd=2, progress=False)

    assert (second.status == "ok").all()
    assert 40 == len(server.bodies)
