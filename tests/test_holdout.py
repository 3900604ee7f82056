"""Articles kept aside, and the winner measured on them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import retitlekit as rk

from .test_races import PROMPTS, graded

ARTICLES = [
    rk.Article(f"a{n:02}", f"Title {n}", f"Body {n}.", published_at=f"2026-01-{n + 1:02}T08:00:00+00:00")
    for n in range(30)
]


def test_the_newest_are_held_out() -> None:
    """By time the held-out articles are the last ones, whatever their order, offset or missing zone."""
    mixed = [
        rk.Article("old", "O", "b", published_at="2026-01-01"),
        rk.Article("new", "N", "b", published_at="2026-01-03T00:30:00+02:00"),
        rk.Article("newest", "M", "b", published_at="2026-01-02T23:00:00"),
        rk.Article("middle", "P", "b", published_at="2026-01-02T10:00:00Z"),
    ]
    tuning, held_out = rk.split(mixed, 0.5)

    assert (["old", "middle"], ["new", "newest"]) == ([a.id for a in tuning], [a.id for a in held_out])


def test_random_split_is_seeded_and_whole() -> None:
    """No article is lost or doubled, and the same seed gives the same split."""
    one, two = (rk.split(ARTICLES, 0.3, by="random", seed=4) for _ in range(2))

    assert one == two
    assert (21, 9) == tuple(map(len, one))
    assert {a.id for a in ARTICLES} == {a.id for side in one for a in side}
    assert one != rk.split(ARTICLES, 0.3, by="random", seed=5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"held_out": 0.001}, "leaves a side empty"),
        ({"held_out": 3}, "leaves a side empty"),
        ({"by": "colour"}, "give 'time' or 'random'"),
        ({"articles": [*ARTICLES, rk.Article("x", "T", "b")]}, "1 articles have no published_at, such as 'x'"),
        ({"articles": [*ARTICLES, rk.Article("x", "T", "b", published_at="soon")]}, "'soon' is no ISO 8601 moment"),
    ],
)
def test_splits_that_cannot_be(arguments: dict[str, Any], message: str) -> None:
    """What is wrong is named, with the way out."""
    with pytest.raises(rk.ArticleError, match=message):
        rk.split(**{"articles": ARTICLES, **arguments})


@pytest.fixture
def decided(tmp_path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A board and its frame, over the first twenty articles."""
    swept = rk.sweep(PROMPTS, ARTICLES[:20], models="baseline/prefix", repeats=2, store=tmp_path / "s", progress=False)
    frame = graded(swept)
    return rk.leaderboard(frame, metric="x"), frame


def confirm(decided: tuple[pd.DataFrame, pd.DataFrame], store: Path, **options: Any) -> rk.Confirmation:
    board, frame = decided
    given = {"prompts": PROMPTS, "articles": ARTICLES[20:], "measure": graded, "progress": False}
    return rk.confirm(board, frame, **given | options, store=store)


def test_a_real_winner_is_confirmed(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """The difference is measured anew on the unseen articles, with the repeats of the sweep."""
    found = confirm(decided, tmp_path)

    assert ("confirmed", 10, 1) == (found.verdict, found.n_articles, found.use)
    assert 40 == len(found.frame)
    assert {"p2", "p7"} == set(found.frame["prompt"])
    assert 0.1 == pytest.approx(found.difference, abs=0.05)
    assert found.low <= found.difference <= found.high
    assert str(found).startswith("Confirmed: on 10 unseen articles p2 · baseline/prefix · T default leads p7")


def test_luck_is_not_confirmed(tmp_path: Path) -> None:
    """Of equal variants the luckiest led on the board; unseen articles show less of it."""
    equal = PROMPTS[:2]

    def luck(frame: pd.DataFrame) -> pd.DataFrame:
        noise = frame["trial_id"].map(lambda trial: int(trial[8:16], 16) / 2**32)
        return rk.score(frame).assign(score_x=noise.astype("Float64"))

    frame = luck(rk.sweep(equal, ARTICLES[:20], models="baseline/prefix", store=tmp_path / "s", progress=False))
    board = rk.leaderboard(frame, metric="x")
    found = rk.confirm(board, frame, equal, ARTICLES[20:], measure=luck, store=tmp_path, progress=False)

    assert "not confirmed" == found.verdict
    assert found.board_difference > 0


def test_the_incumbent_is_the_baseline(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """Named for the board or here; else the second row; the winner itself is refused."""
    _, frame = decided
    board = rk.leaderboard(frame, metric="x", baseline="p0")

    assert confirm((board, frame), tmp_path).incumbent.startswith("p0 ")
    assert confirm((board, frame), tmp_path, incumbent="p4").incumbent.startswith("p4 ")
    with pytest.raises(rk.FrameError, match="'p2' is the winner itself"):
        confirm((board, frame), tmp_path, incumbent="p2")


def test_articles_are_unseen_once(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """Asking the same again is free; another question on the same articles is told, and its p is multiplied."""
    first, again = confirm(decided, tmp_path), confirm(decided, tmp_path)
    second = confirm(decided, tmp_path, incumbent="p5")
    fresh = confirm(decided, tmp_path / "other", incumbent="p5")

    assert (1, 1, 2) == (first.use, again.use, second.use)
    assert second.p == pytest.approx(2 * fresh.p)
    assert "These articles served for the 2. time" in str(second)


def test_a_race_is_confirmed(tmp_path: Path) -> None:
    """A race stands for its board: its leader against the one that came closest, or against one that was dropped."""
    given: dict[str, Any] = {"models": "baseline/prefix", "metric": "x", "measure": graded, "progress": False}
    race = rk.race(PROMPTS, ARTICLES[:20], **given, must_pass=0.0, store=tmp_path / "s")
    found = rk.confirm(race, race.frame, PROMPTS, ARTICLES[20:], measure=graded, store=tmp_path, progress=False)
    dropped = confirm((race, race.frame), tmp_path / "d", incumbent="p4")  # type: ignore[arg-type]
    board = rk.leaderboard(race.frame, metric="x").set_index("prompt")

    assert race.leader["prompt"] == found.winner.split(" ")[0] == "p2"
    assert ("confirmed", "p7") == (found.verdict, found.incumbent.split(" ")[0])
    assert found.board_difference == pytest.approx(-board.loc["p7", "difference"])
    assert ("confirmed", "p4") == (dropped.verdict, dropped.incumbent.split(" ")[0])


def test_less_is_confirmed_where_less_is_better(tmp_path: Path) -> None:
    """A winner by least hype leads by a positive difference on unseen articles too."""

    def hyped(frame: pd.DataFrame) -> pd.DataFrame:
        return graded(frame).assign(score_hype=10 - graded(frame)["score_x"])

    frame = hyped(rk.sweep(PROMPTS, ARTICLES[:20], models="baseline/prefix", store=tmp_path / "s", progress=False))
    found = confirm((rk.leaderboard(frame, metric="hype"), frame), tmp_path, measure=hyped)

    assert ("confirmed", "p2") == (found.verdict, found.winner.split(" ")[0])
    assert found.low > 0


def test_a_measure_without_the_metric_costs_nothing(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """That `score` does not bring the board's own metric is told before anything is sent."""
    with pytest.raises(rk.FrameError, match="the frame has no 'score_x'"):
        confirm(decided, tmp_path, measure=rk.score)

    assert not (tmp_path / "store.sqlite").exists()


def test_an_incumbent_without_a_value_on_the_board(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """What the board did not know is left out of the sentence."""
    _, frame = decided
    silent = frame.assign(score_x=frame["score_x"].where(frame["prompt"] != "p4"))
    found = confirm((rk.leaderboard(silent, metric="x"), silent), tmp_path, incumbent="p4")

    assert np.isnan(found.board_difference)
    assert "the board said" not in str(found)


def test_seen_articles_are_refused(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """An article that had a part in choosing is no evidence, by its id or under another one."""
    renamed = rk.Article("z", ARTICLES[0].title, "b")
    for article in (ARTICLES[0], renamed):
        with pytest.raises(rk.FrameError, match="1 of these articles had a part in choosing"):
            confirm(decided, tmp_path, articles=[*ARTICLES[20:], article])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prompts": PROMPTS[:2]}, "prompt 'p2' .* is not among those given, or was edited since"),
        ({"prompts": [rk.Prompt("p2", "User:\nx {{ title }}"), *PROMPTS[3:]]}, "or was edited since"),
        ({"articles": []}, "there are no articles to confirm on"),
    ],
)
def test_confirmations_that_cannot_be(
    options: dict[str, Any], message: str, decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    """What does not fit is named before anything is sent."""
    with pytest.raises(rk.RetitlekitError, match=message):
        confirm(decided, tmp_path, **options)


def test_confirmation_goes_into_the_winners_file(decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path) -> None:
    """The passport tells the figure of the unseen articles beside the board's; another variant's is refused."""
    board, frame = decided
    found = confirm(decided, tmp_path)
    saved = rk.save_winner(board, frame, PROMPTS, tmp_path, confirmation=found)
    about = saved.prompt.about["confirmation"]

    assert ("confirmed", 10, round(found.difference, 4)) == (about["verdict"], about["n_articles"], about["difference"])
    other = board.assign(verdict=np.where(board["prompt"] == "p7", "winner", "worse"))
    other.attrs = board.attrs
    with pytest.raises(rk.FrameError, match="the confirmation is of p2"):
        rk.save_winner(other, frame, PROMPTS, tmp_path, confirmation=found)


def test_a_winner_that_was_not_confirmed_needs_force(
    decided: tuple[pd.DataFrame, pd.DataFrame], tmp_path: Path
) -> None:
    """What unseen articles did not show is refused; forced, the file says what they showed."""
    board, frame = decided
    found = replace(confirm(decided, tmp_path), verdict="not confirmed")
    with pytest.raises(rk.FrameError, match=r"Not confirmed: on 10 unseen articles .* Pass force=True"):
        rk.save_winner(board, frame, PROMPTS, tmp_path, confirmation=found)
    saved = rk.save_winner(board, frame, PROMPTS, tmp_path, confirmation=found, force=True)

    assert "not confirmed" == saved.prompt.about["confirmation"]["verdict"]
