"""The arena without a browser: what is kept of a vote, and what the view is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.frame import typed
from retitlekit.widgets.arena import Arena


def frame_of(articles: int = 10) -> pd.DataFrame:
    """Trials of two secret variants over some articles."""
    return typed(
        pd.DataFrame(
            {
                "trial_id": f"trial-{n}-{prompt}", "article": f"article-{n}", "original_title": f"Original {n}",
                "body": f"Body {n}", "prompt": f"secret-{prompt}", "model": "secret-model", "temperature": 0.0,
                "repeat": 1, "status": "ok", "title": f"Title {n} {word}",
            }
            for n in range(articles)
            for prompt, word in (("p", "first"), ("q", "second"))
        )
    )  # fmt: skip


def says(arena: Arena, **message: Any) -> None:
    """What the view sends when somebody clicks."""
    arena._handle_custom_msg(message, [])


def titles(arena: Arena, at: int = 0) -> tuple[str, str]:
    return arena.pairs[at]["left"], arena.pairs[at]["right"]


def kept(frame: pd.DataFrame, vote: Any) -> tuple[str, str]:
    named = dict(zip(frame["trial_id"], frame["title"], strict=True))
    return named[vote.left], named[vote.right]


@pytest.mark.parametrize(
    ("said", "winner", "notes"), [("left", "left", 0), ("right", "right", 0), ("tie", "tie", 0), ("bad", "tie", 2)]
)
def test_a_vote_is_on_disk_before_the_next_pair(tmp_path: Path, said: str, winner: str, notes: int) -> None:
    """What is shown is what is kept; the view is told of the next pair when the vote can be read from disk."""
    frame = frame_of()
    arena = rk.vote(frame, voter="ana", store=tmp_path / "votes.jsonl")
    shown, read = titles(arena), []
    arena.observe(lambda _: read.append(rk.read_votes(tmp_path / "votes.jsonl")), names="pairs")
    says(arena, kind="vote", key=arena.pairs[0]["key"], winner=said, seconds=1.5)
    (vote,) = read[0].itertuples()

    assert (winner, "human:ana", 1.5) == (vote.winner, vote.voter, vote.seconds)
    assert shown == kept(frame, vote)
    assert notes == len(rk.compare(frame, store=tmp_path).notes)


def test_pairs_that_the_view_holds_stay(tmp_path: Path) -> None:
    """The pairs behind the shown one are those that come next, so that nothing changes under a voter's eyes."""
    arena = rk.vote(frame_of(30), voter="ana", store=tmp_path)
    for _ in range(12):
        ahead = [each["key"] for each in arena.pairs[1:]]
        arena.cast("left")
        assert ahead == [each["key"] for each in arena.pairs[:2]]
        assert 3 == len({each["original"] for each in arena.pairs}) == len(arena.pairs)


def test_a_late_click_counts_for_no_other_pair(tmp_path: Path) -> None:
    """A click on a pair that is gone, as in a second tab, is no vote on the pair that took its place."""
    arena = rk.vote(frame_of(), voter="ana", store=tmp_path)
    key = arena.pairs[0]["key"]
    says(arena, kind="vote", key=key, winner="left")
    says(arena, kind="vote", key=key, winner="right")

    assert ["left"] == arena.to_frame().winner.tolist()


def test_votes_out_of_turn(tmp_path: Path) -> None:
    """Jupyter may deliver a click before an earlier one: each counts for the pair that was shown when it was made."""
    frame = frame_of()
    arena = rk.vote(frame, voter="ana", store=tmp_path)
    keys, shown = [each["key"] for each in arena.pairs], [titles(arena, n) for n in range(3)]
    for n in (2, 0, 1):
        says(arena, kind="vote", key=keys[n], winner="left")

    assert [shown[n] for n in (2, 0, 1)] == [kept(frame, vote) for vote in arena.to_frame().itertuples()]


def test_undo(tmp_path: Path) -> None:
    """Undo takes back this voter's last vote alone, and asks for it again with the same sides; without one, nothing."""
    frame = frame_of()
    arena, other = (rk.vote(frame, voter=name, store=tmp_path) for name in ("ana", "bo"))
    arena.undo()
    first = titles(arena)
    arena.cast("left")
    other.cast("right")
    says(arena, kind="undo")

    assert first == titles(arena)
    assert ["human:bo"] == arena.to_frame().voter.tolist()
    assert 0 == arena.progress["votes"]
    says(arena, kind="undo")
    assert ["human:bo"] == arena.to_frame().voter.tolist()


def test_the_next_day(tmp_path: Path) -> None:
    """A new arena goes on where the last one ended, for each voter apart; every eighth pair is an old one, turned."""
    frame = frame_of(30)
    for _ in range(4):
        arena = rk.vote(frame, voter="ana", store=tmp_path)
        for _ in range(8):
            arena.cast("tie")
    votes = arena.to_frame()
    pairs = [frozenset(pair) for pair in votes[["left", "right"]].to_numpy(str)]

    assert 32 == rk.vote(frame, voter="ana", store=tmp_path).progress["votes"]
    assert 0 == rk.vote(frame, voter="bo", store=tmp_path).progress["votes"]
    assert 32 == len(votes[["left", "right"]].drop_duplicates())
    assert 3 <= len(pairs) - len(set(pairs)) <= 5
    assert 0 < rk.vote(frame, voter="ana", store=tmp_path).progress["doubt"] < 1


def test_to_the_end(tmp_path: Path) -> None:
    """When all pairs were asked, and asked again with sides changed, there is none left, and a vote is refused."""
    arena = rk.vote(frame_of(5), voter="ana", store=tmp_path)
    for _ in range(10):
        arena.cast("left")

    assert [] == arena.pairs
    with pytest.raises(rk.FrameError, match="every pair has been voted on"):
        arena.cast("left")
    arena.undo()
    assert 1 == len(arena.pairs)


def test_nothing_tells_who_wrote_what(tmp_path: Path) -> None:
    """Neither prompt, model nor trial id is in the state, in a message, in print or beside the widget."""
    arena = rk.vote(frame_of(), voter="ana", store=tmp_path)
    sent: list[Any] = []
    arena.send = lambda content, buffers=None: sent.append(content)
    says(arena, kind="vote", key=arena.pairs[0]["key"], winner="bad")
    says(arena, kind="vote", key=arena.pairs[0]["key"], winner="nonsense")
    told = json.dumps([arena.get_state(), sent, repr(arena), arena._still()], default=str)

    assert "problem" == sent[-1]["kind"]
    assert "secret" not in told
    assert "trial" not in told.replace("trials", "")


def test_sides_are_shuffled(tmp_path: Path) -> None:
    """Each variant stands left about as often as right, and another seed shuffles anew."""
    orders = []
    for seed in (0, 1):
        arena = rk.vote(frame_of(40), voter="ana", store=tmp_path / str(seed), seed=seed)
        for _ in range(30):
            arena.cast("tie")
        orders.append(arena.to_frame().left.str[-1].tolist())

    assert all(8 <= order.count("p") <= 22 for order in orders)
    assert orders[0] != orders[1]


def test_nothing_to_vote_on(tmp_path: Path) -> None:
    """A frame whose titles do not differ is refused with the reason."""
    frame = frame_of().assign(title="All the same")
    with pytest.raises(rk.FrameError, match="there is nothing to vote on"):
        rk.vote(frame, store=tmp_path)
