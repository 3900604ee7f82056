"""Scores: what they say of known titles, and which scorers are asked by default."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit import scorers
from retitlekit.frame import typed

BODY = "Kim Jong Un arrived in Russia on Tuesday with 2 ministers.\n\nWashington warned against a deal."
TITLE = "Kim Jong Un in Russia amid US warnings"


def make(**columns: Any) -> pd.DataFrame:
    """A small run frame; a single value is repeated."""
    size = max((len(value) for value in columns.values() if isinstance(value, list)), default=1)
    defaults = {"article": "a", "original_title": TITLE, "body": BODY, "prompt": "p", "model": "m", "status": "ok"}
    defaults |= {"title": "Kim arrives in Russia", "repairs": "", "messages": '[{"role": "user", "content": "Hi"}]'}
    filled = {k: v if isinstance(v, list) else [v] * size for k, v in (defaults | columns).items()}
    return typed(pd.DataFrame(filled))


def column(scorer: Callable[..., Any], name: str, **columns: Any) -> list[Any]:
    """What one scorer puts into one column."""
    result = rk.score(make(**columns), scorer)[name]
    return [None if value is pd.NA else value for value in result.tolist()]


SCORES = [
    ("characters", "Cafe\u0301 ⅓", 6),
    ("words", "Kim in Russia", 3),
    ("words", "金正恩抵达俄罗斯", None),
    ("novelty", TITLE, 0),
    ("novelty", "xyz", 1),
    ("lead_coverage", "Kim arrived in Russia", 1),
    ("lead_coverage", "Washington warned Kim again", 0.25),
    ("entity_coverage", "Jong Un goes to Russia", 1),
    ("entity_coverage", "Jong travels", 1 / 3),
    ("entity_coverage", "Ministers travel", 0),
    ("hype", "Shocking: Kim slams the US!", 3),
    ("sentiment_drift", TITLE, 0),
    ("simplicity", "Kim in the municipality", 2 / 3),
    ("numbers_kept", "Kim in Russia", 0),
    ("numbers_invented", "Kim brings three ministers, 40 guards", 2),
    ("names_kept", "Kim Jong Un meets the US envoy", 4),
    ("names_dropped", "Kim Jong Un meets the US envoy", 1),
    ("names_invented", "Kim Jong Un in Vladivostok", 1),
]


@pytest.mark.parametrize(("name", "title", "expected"), SCORES)
def test_scores(name: str, title: str, expected: float | None) -> None:
    """Each default score of a known title."""
    scorer = getattr(scorers, name.removesuffix("_kept").removesuffix("_dropped").removesuffix("_invented"))

    assert [pytest.approx(expected) if expected is not None else None] == column(scorer, f"score_{name}", title=title)


def test_darker_titles_drift_down() -> None:
    """The drift is the title's sentiment less the original's, with its sign."""
    drift = column(
        scorers.sentiment_drift, "score_sentiment_drift", title=["Kim in deadly horror", "Kim in happy love"]
    )

    assert drift[0] < 0 < drift[1]


def test_dropped_names_and_numbers_are_told() -> None:
    """What is dropped is information with its words, and no gate fails for it."""
    frame = make(title="Kim in Russia", original_title="Kim Jong Un and 2 ministers in Russia")
    result = rk.score(frame, [scorers.names, scorers.numbers])

    assert ["Jong, Un", "2"] == result[["why_names_dropped", "why_numbers_dropped"]].iloc[0].tolist()
    assert result["passed"].all()


def test_what_a_call_took() -> None:
    """Cost and latency are scores where they are known, and stay unknown elsewhere."""
    frame = make(cost_usd=[0.5, None], latency_s=[1.25, None])
    result = rk.score(frame, [scorers.cost, scorers.latency])

    assert [0.5, 1.25] == result[["score_cost", "score_latency"]].iloc[0].tolist()
    assert result[["score_cost", "score_latency"]].iloc[1].isna().all()
    assert rk.score(make(), scorers.cost)["score_cost"].isna().all()


def test_every_default_scorer_is_documented() -> None:
    """Each has a docstring, and stands in the module's `__all__`."""
    assert {scorer.__name__ for scorer in scorers.DEFAULT} <= set(scorers.__all__)
    assert all(scorer.__doc__ for scorer in scorers.DEFAULT)
