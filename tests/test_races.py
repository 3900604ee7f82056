"""Races: the best is found for a part of the calls, on shared articles, gates first, and resumable."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.decide import races

from .loopback import Answer, Loopback

PROMPTS = [rk.Prompt(f"p{n}", f"User:\nTitle {n}: {{{{ title | safe }}}}\n") for n in range(8)]
ARTICLES = [rk.Article(f"a{n:02}", f"Council votes on plan {n}", f"The council votes on plan {n}.") for n in range(40)]
EFFECTS = dict(zip([prompt.name for prompt in PROMPTS], [0, 0.02, 0.3, 0.05, -0.1, 0.1, 0, 0.2], strict=True))


def graded(frame: pd.DataFrame) -> pd.DataFrame:
    """A metric with known effects and noise that depends on the trial alone."""
    noise = frame["trial_id"].map(lambda trial: int(trial[:8], 16) / 2**32 - 0.5)
    effect = frame["prompt"].astype(str).map(EFFECTS)
    return rk.score(frame).assign(score_x=(0.5 + effect + 0.2 * noise).astype("Float64"))


def start(store: Path, **options: Any) -> rk.Race:
    """A race of eight prompts over forty articles."""
    given = {"models": "baseline/prefix", "metric": "x", "measure": graded, "must_pass": 0.0, "progress": False}
    return rk.race(PROMPTS, ARTICLES, store=store, **given | options)


def test_the_best_is_found_for_a_part_of_the_calls(tmp_path: Path) -> None:
    """The leader is the best of eight, for less than half of the calls of the sweep."""
    race = start(tmp_path)

    assert "p2" == race.leader["prompt"]
    assert 320 == race.full_calls
    assert race.calls == len(race.frame) < 160
    assert str(race).startswith(
        f"p2 leads after {race.rounds['n_articles'].max()} articles and {race.calls} of 320 trials"
    )


def test_comparisons_stay_paired(tmp_path: Path) -> None:
    """All who are in the race have the same articles; a variant that was dropped has those of the rounds it ran."""
    race = start(tmp_path)
    seen = {name: set(group) for name, group in race.frame.groupby("prompt", observed=True)["article"]}
    order = sorted(seen.values(), key=len)

    assert all(few <= more for few, more in itertools.pairwise(order))
    last = race.rounds.drop_duplicates("prompt", keep="last").set_index("prompt")
    assert {name: len(articles) for name, articles in seen.items()} == last["n_articles"].to_dict()


def test_who_runs_next() -> None:
    """The leader and the most promising half of those that may catch up run; one that is ahead of them waits."""
    chance = np.array([0.3, 1.0, 0.2, 0.01, 0.4, 0.1])
    even = races.turn(chance, np.full(6, 6), 40, 0.05)
    ahead = races.turn(chance, np.array([6, 20, 6, 6, 8, 40]), 40, 0.05)
    over = races.turn(chance, np.array([40, 20, 40, 6, 40, 40]), 40, 0.05)

    assert [0, 1, 4] == np.flatnonzero(even).tolist()
    assert [0, 4] == np.flatnonzero(ahead).tolist()
    assert not over.any()


def test_one_that_rests_comes_back() -> None:
    """A lead is taken over shared third ones, and shrinks with the leader: who rested may run again."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.3, (40, 4))
    early = noise[:10] - noise[:10].mean(axis=0) + [1.0, 0.0, 0.6, 0.6]
    late = noise[10:] - noise[10:].mean(axis=0) + [-0.4, 0.0, 0.6, 0.6]
    late[:, 1] = np.nan
    before, after = races.chances(early, 80), races.chances(np.concatenate([early, late]), 80)

    assert 1.0 == before[0]
    assert before[1] < 0.05
    assert after[1] > before[1]


def test_same_race_again_costs_nothing(tmp_path: Path) -> None:
    """The second time everything is in the store, and the same rounds come out."""
    first, second = start(tmp_path), start(tmp_path)

    assert second.frame["cached"].all()
    assert not first.frame["cached"].any()
    pd.testing.assert_frame_equal(first.rounds, second.rounds)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "charm", "measure": rk.score}, "the frame has no 'charm'; it has gate_has_title"),
        ({"metric": "charm"}, "the frame has no 'charm'; it has .*score_x"),
        ({"metric": "title", "measure": rk.score}, "title holds no numbers"),
        ({"metric": "characters", "measure": rk.score}, "of score_characters neither more nor less is better"),
        ({"measure": lambda frame: None}, "expected a pandas DataFrame, got NoneType"),
    ],
)
def test_a_metric_that_will_not_come_costs_nothing(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    """What no scorer brings, or has no direction, is told before the first trial is sent."""
    with Loopback(lambda body, nth: "Council votes", models=("m",)) as server:
        with pytest.raises(rk.FrameError, match=message):
            start(tmp_path, models=rk.Model("openai/m", api_base=server.base), **options)

        assert [] == server.bodies


def test_measures_that_need_answers_are_let_be(tmp_path: Path) -> None:
    """A measure that cannot take an unsent trial, or whose scorer does not say that it is a gate, is no mistake."""

    def picky(frame: pd.DataFrame) -> pd.DataFrame:
        return graded(frame).assign(score_x=graded(frame)["score_x"] - float(frame["latency_s"].iloc[0]))

    def plain(title):  # type: ignore[no-untyped-def]
        return "2" in title

    def gated(frame: pd.DataFrame) -> pd.DataFrame:
        return rk.score(frame, plain)

    assert "p2" == start(tmp_path, measure=picky).leader["prompt"]
    assert "gate_plain" == start(tmp_path, measure=gated, metric="gate_plain").rounds.attrs["metric"]


def test_less_may_be_better(tmp_path: Path) -> None:
    """The slowest does not lead: of a race by what is better when lower the least leads, and its figures say so."""

    def inverse(frame: pd.DataFrame) -> pd.DataFrame:
        return graded(frame).assign(score_hype=10 - graded(frame)["score_x"])

    race = start(tmp_path, measure=inverse, metric="hype")
    told = start(tmp_path, measure=lambda frame: graded(frame).assign(score_x=-graded(frame)["score_x"]),
                 lower_is_better=True)  # fmt: skip

    assert ("p2", "p2", True) == (race.leader["prompt"], told.leader["prompt"], race.rounds.attrs["lower_is_better"])
    assert (race.rounds["behind"] >= 0).all()
    final = race.rounds[race.rounds["round"] == race.rounds["round"].max()]
    assert "leads" == final.loc[final["estimate"].idxmin(), "fate"]


def test_a_leader_with_unknown_gates_is_told(tmp_path: Path) -> None:
    """Where a scorer failed on the leader's titles the sentence says how many."""

    def broken(frame: pd.DataFrame) -> pd.DataFrame:
        known = frame["prompt"].ne("p2").astype("boolean")
        return graded(frame).assign(passed=known.where(known))

    race = start(tmp_path, measure=broken)
    titles = int((race.frame["prompt"] == "p2").sum())

    assert f"The gates of {titles} of its titles are unknown, because a scorer failed." in str(race)


def test_gates_come_first(tmp_path: Path) -> None:
    """A variant that fails its gates is dropped although its metric is best; where all fail none is."""

    def gated(frame: pd.DataFrame) -> pd.DataFrame:
        return graded(frame).assign(passed=frame["prompt"].ne("p2").astype("boolean"))

    race = start(tmp_path, measure=gated, must_pass=0.5)
    fates = race.rounds.drop_duplicates("prompt", keep="last").set_index("prompt")["fate"]

    assert ("gates", "p7") == (fates["p2"], race.leader["prompt"])
    assert 1 == race.rounds.loc[race.rounds["fate"] == "gates", "round"].iloc[0]
    nobody = start(tmp_path, measure=lambda frame: gated(frame).assign(passed=False), must_pass=0.5)
    assert "p2" == nobody.leader["prompt"]


def test_a_budget_stops_the_race_and_a_larger_one_goes_on(tmp_path: Path) -> None:
    """The race ends where the money ends, says so, and goes on from there."""

    def answer(body: Mapping[str, Any], nth: int) -> Answer:
        return "Council to vote on the plan"

    with Loopback(answer, models=("m",)) as server:
        model = rk.Model("openai/m", api_base=server.base, input_cost_per_token=0.0001, output_cost_per_token=0.0001)
        given = {"models": model, "params": {"max_tokens": 20}}
        with pytest.warns(rk.RetitlekitWarning, match="stopped by budget_usd"):
            stopped = start(tmp_path, budget_usd=0.15, **given)
        sent = len(server.bodies)
        race = start(tmp_path, budget_usd=30, **given)

    assert ("budget", "") == (stopped.stopped, race.stopped)
    assert "Stopped by the budget: call again with a larger one." in str(stopped)
    assert 0 < sent < race.calls == len(server.bodies)


def test_equals_are_not_torn_apart() -> None:
    """Among identical variants early leads are noise: after a few articles hardly one is dropped, in the end many."""
    values = np.random.default_rng(3).normal(0, 1, (200, 60, 12))
    early, late = (np.mean([(races.chances(each[:n], 80) < 0.07).mean() for each in values]) for n in (6, 60))

    assert early < 0.06
    assert late > 0.3


def test_what_is_far_behind_is_dropped_the_sooner() -> None:
    """A lead that is nothing early is enough late; one that is plain is enough at once."""
    rng = np.random.default_rng(4)
    noise = rng.normal(0, 1, (60, 3))
    values = noise - noise.mean(axis=0) + [0.0, -0.4, -4.0]
    early, late = races.chances(values, 600), races.chances(values, 70)

    assert early[1] > 0.07 > late[1]
    assert (1.0, 1.0) == (early[0], late[0])
    assert early[2] < 0.001


def test_the_best_of_many_is_found_for_two_fifths() -> None:
    """One of 48 that leads equals by half of their noise is found in most races, for at most .4 of the calls."""
    found, calls = [], 0
    for seed in range(40):
        values = np.random.default_rng(seed).normal(0, 0.113, (80, 48)) + np.where(np.arange(48) == 7, 0.06, 0.0)
        done, going = np.full(48, 6), np.ones(48, bool)
        while going.any():
            chance = races.chances(np.where(np.arange(80)[:, None] < done, values, np.nan), 80)
            going = races.turn(chance, done, 80, 0.04)
            done = np.minimum(done + 2 * going, 80)
        calls += int(done.sum())
        found.append(chance.argmax() == 7)

    assert np.mean(found) >= 0.9
    assert calls <= 0.4 * 40 * 80 * 48


@pytest.mark.parametrize("means", [np.full((5, 3), np.nan), np.array([[0.5, np.nan, 0.5]] * 5), np.ones((10, 4))])
def test_chances_of_odd_fields(means: np.ndarray) -> None:
    """Without values, with a variant that has none, or all alike: chances between 0 and 1, and nobody is out."""
    chance = races.chances(means, 20)

    assert ((chance >= 0) & (chance <= 1)).all()
    assert (chance[~np.isnan(means).all(axis=0)] >= 0.5).all()


def test_picture(tmp_path: Path) -> None:
    """Each variant has a line as long as its race, its fate in words, and the sentence as the title."""
    race = start(tmp_path)
    ax = rk.charts.race(race.rounds)
    words = {text.get_text() for text in ax.texts}

    assert 8 == len(ax.get_yticklabels())
    assert "p2" == ax.get_yticklabels()[0].get_text()
    assert "leads" in words
    assert any(word.startswith("fell behind, chance ") for word in words)
    assert ax.get_title(loc="left").replace("\n", " ") == str(race)
    plt.close(ax.figure)
    with pytest.raises(rk.FrameError, match="no `round`"):
        rk.charts.race(race.frame)


@pytest.mark.parametrize(
    ("options", "message"),
    [({"risk": 0}, "risk=0"), ({"first": 1}, "first=1"), ({"block": 0}, "block=0"), ({"must_pass": 1}, "must_pass=1")],
)
def test_races_that_cannot_start(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    """Settings out of range, and a single variant, are named before anything is sent."""
    with pytest.raises(rk.PlanError, match=message):
        start(tmp_path, **options)
    with pytest.raises(rk.PlanError, match="a race needs two variants or more"):
        rk.race(PROMPTS[0], ARTICLES, models="baseline/prefix", store=tmp_path)
