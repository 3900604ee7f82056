"""Main effects of a crossed design, and how many articles a question needs."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.frame import typed


def crossed(articles: int = 12, noise: float = 0.05, seed: int = 0) -> pd.DataFrame:
    """Three prompts x two models x two temperatures; p2 is .1 better, model b .2, temperature nothing."""
    rng = np.random.default_rng(seed)
    rows = [
        {"article": f"a{a}", "prompt": f"p{p}", "model": m, "temperature": t,
         "score_x": base + 0.1 * (p == 2) + 0.2 * (m == "b") + rng.normal(0, noise)}
        for a, base in enumerate(rng.normal(0.5, 0.3, articles))
        for p in range(3) for m in "ab" for t in (0.0, None)
    ]  # fmt: skip
    return typed(pd.DataFrame(rows))


def test_effects_of_each_factor() -> None:
    """Each factor's effect is found by itself, far below what articles differ, and adds up to nothing."""
    table = rk.effects(crossed(), metric="x")
    found = {(row.factor, str(row.level)): row for row in table.itertuples()}

    assert [0.0667, 0.1] == pytest.approx([found["prompt", "p2"].effect, found["model", "b"].effect], abs=0.02)
    assert found["prompt", "p2"].p < 0.05 < found["temperature", "0.0"].p
    assert found["model", "b"].low > 0.05
    assert (12, 48) == (found["prompt", "p2"].n_articles, found["prompt", "p2"].n_blocks)
    assert [0, 0, 0] == pytest.approx(table.groupby("factor")["effect"].sum().tolist(), abs=1e-9)


def test_effects_see_what_cells_cannot() -> None:
    """With much noise no cell wins, and the model's effect is still plain."""
    frame = crossed(noise=0.4, articles=20, seed=1)

    assert "winner" not in set(rk.leaderboard(frame, metric="x")["verdict"])
    assert rk.effects(frame, metric="x").set_index("level").loc["b", "p"] < 0.05


def test_holes_cost_their_blocks() -> None:
    """A block that lacks a level is left out, so that a missing cell shifts nothing."""
    frame = crossed(noise=0.0)
    frame.loc[(frame["article"] == "a0") & (frame["prompt"] == "p2") & (frame["model"] == "b"), "score_x"] = None
    table = rk.effects(frame, metric="x").set_index("level")

    assert [2 / 30, 0.1] == pytest.approx(table.loc[["p2", "b"], "effect"].tolist())
    assert 46 == table.loc["p2", "n_blocks"]


def test_what_was_never_crossed_is_unknown() -> None:
    """Prompts that ran on different models cannot be told from their models."""
    frame = crossed()
    apart = frame[(frame["prompt"] == "p0") == (frame["model"] == "a")]
    table = rk.effects(apart, metric="x", factors=("prompt",))

    assert table["effect"].notna().all()
    table = rk.effects(apart, metric="x")
    assert table.loc[table["factor"] == "prompt", "effect"].isna().all()
    assert rk.effects(frame[frame["prompt"] == "p0"], metric="x", factors="prompt").empty


@pytest.mark.parametrize(("rate", "expected"), [(0.55, 783), (0.6, 194), (0.65, 85), (0.7, 47), (0.75, 29), (0.8, 20)])
def test_articles_for_a_win_rate(rate: float, expected: int) -> None:
    """The textbook figures for 80 % power against one half."""
    assert expected == pytest.approx(rk.needed(win_rate=rate), abs=1)


def test_articles_for_a_difference() -> None:
    """The textbook figures; more for more rivals, and from a frame by its own paired deviations."""
    frame = crossed(noise=0.1)

    assert [197, 88, 32, 13] == [rk.needed(size, deviation=1) for size in (0.2, 0.3, 0.5, 0.8)]
    assert rk.needed(0.5, deviation=1, rivals=11) > 1.5 * rk.needed(0.5, deviation=1)
    assert rk.needed(0.1, deviation=0.1 * 2**0.5) == pytest.approx(rk.needed(0.1, frame=frame, metric="x"), rel=0.3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "give difference= or win_rate=, one of them"),
        ({"difference": 0.1}, "give deviation=, or frame="),
        ({"difference": 0, "deviation": 1}, "neither may be 0"),
        ({"win_rate": 0.5}, "other than one half"),
        ({"win_rate": 0.6, "power": 80}, "power=80"),
    ],
)
def test_questions_without_an_answer(arguments: dict[str, Any], message: str) -> None:
    """What is missing is named."""
    with pytest.raises(rk.FrameError, match=re.escape(message)):
        rk.needed(**arguments)
