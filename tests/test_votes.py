"""Votes on disk: append-only, durable, mergeable, and what of them counts."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.frame import typed

VOTE = {"article": "a0", "left": "t0", "right": "t1", "winner": "left", "voter": "human:ana"}


def asked(variants: int = 3, articles: int = 10, **columns: Any) -> pd.DataFrame:
    """A frame with a title by each variant for each article; trial ids are ``<article>-<variant>``."""
    rows = [
        {"article": f"a{a}", "prompt": f"p{k}", "trial_id": f"{a}-{k}", "title": f"Title {a} by {'x' * k}"}
        for a in range(articles)
        for k in range(variants)
    ]
    return typed(pd.DataFrame(rows).assign(**columns))


def said(*results: tuple[int, int, int, str], voter: str = "human:ana") -> pd.DataFrame:
    """Votes from (article, left variant, right variant, winner)."""
    rows = [(f"a{a}", f"{a}-{one}", f"{a}-{other}", winner, voter) for a, one, other, winner in results]
    return pd.DataFrame(rows, columns=["article", "left", "right", "winner", "voter"])


@pytest.fixture(params=["votes.jsonl", "store"])
def where(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A file, and a store."""
    return tmp_path / str(request.param)


def test_a_vote_is_there_at_once(where: Path) -> None:
    """What was cast is read back with its dtypes, also by someone who opens the place anew."""
    rk.cast_vote(where, **VOTE, seconds=3.25)
    votes = rk.read_votes(where)

    assert [*VOTE.values()] == votes.iloc[0][[*VOTE]].tolist()
    assert 3.25 == votes["seconds"].iloc[0]
    assert [column.dtype for column in rk.VOTE_COLUMNS] == [str(dtype) for dtype in votes.dtypes]


def test_undo_takes_back_the_last_of_a_voter(where: Path) -> None:
    """Each undo takes one vote back, of this voter alone, and a vote taken back stays so when it is added again."""
    for winner in ("left", "right"):
        rk.cast_vote(where, **VOTE | {"winner": winner})
    rk.cast_vote(where, **VOTE | {"voter": "human:ben"})
    before = rk.read_votes(where)
    undone = [rk.undo_vote(where, voter="human:ana")]
    left = rk.read_votes(where)
    rk.append_votes(before, where)

    assert ["left", "right", "left"] == before["winner"].tolist()
    assert [("left", "human:ana"), ("left", "human:ben")] == list(zip(left["winner"], left["voter"], strict=True))
    assert left.equals(rk.read_votes(where))
    undone += [rk.undo_vote(where, voter="human:ana") for _ in range(2)]
    assert [True, True, False] == undone


def test_nothing_is_rewritten(tmp_path: Path) -> None:
    """Votes and undos only ever add lines."""
    path = tmp_path / "votes.jsonl"
    texts = []
    for step in (lambda: rk.cast_vote(path, **VOTE), lambda: rk.undo_vote(path, voter="human:ana")) * 2:
        step()
        texts.append(path.read_text())

    assert all(later.startswith(earlier) for earlier, later in pairwise(texts))
    assert [1, 2, 3, 4] == [text.count("\n") for text in texts]


def test_added_twice_counts_once(where: Path, tmp_path: Path) -> None:
    """Adding the votes of another place again adds nothing."""
    other = tmp_path / "other.jsonl"
    for winner in ("left", "tie"):
        rk.cast_vote(other, **VOTE | {"winner": winner})

    assert (2, 0) == (rk.append_votes(rk.read_votes(other), where), rk.append_votes(rk.read_votes(other), where))
    assert rk.read_votes(other).equals(rk.read_votes(where))
    assert rk.read_votes(other).equals(rk.read_votes(other, where))


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_two_branches_merge_in_git(tmp_path: Path) -> None:
    """Two people vote on two branches; git merges the file without a conflict and every vote is there once."""
    path = tmp_path / "votes.jsonl"
    (tmp_path / ".gitattributes").write_text("votes.jsonl merge=union\n")
    rk.cast_vote(path, **VOTE)
    git(tmp_path, "init", "-q", "-b", "main")
    git(tmp_path, "add", "."), git(tmp_path, "commit", "-qm", "one")
    git(tmp_path, "checkout", "-qb", "ben")
    rk.cast_vote(path, **VOTE | {"voter": "human:ben"})
    git(tmp_path, "commit", "-qam", "ben")
    git(tmp_path, "checkout", "-q", "main")
    rk.undo_vote(path, voter="human:ana")
    rk.cast_vote(path, **VOTE | {"winner": "tie"})
    git(tmp_path, "commit", "-qam", "ana")
    git(tmp_path, "merge", "-q", "ben", "-m", "both")

    found = {(row.voter, row.winner) for row in rk.read_votes(path).itertuples()}
    assert {("human:ana", "tie"), ("human:ben", "left")} == found


def test_order_of_lines_has_no_part(tmp_path: Path) -> None:
    """A file whose lines were shuffled or doubled reads the same."""
    path, shuffled = tmp_path / "votes.jsonl", tmp_path / "shuffled.jsonl"
    for winner in ("left", "right", "tie"):
        rk.cast_vote(path, **VOTE | {"winner": winner})
    rk.undo_vote(path, voter="human:ana")
    lines = path.read_text().splitlines()
    shuffled.write_text("\n".join([*lines[::-1], *lines[1:3]]) + "\n")

    assert rk.read_votes(path).equals(rk.read_votes(shuffled))


def test_a_torn_line_costs_its_vote_alone(tmp_path: Path) -> None:
    """After a crash in the middle of a line the next vote stands on a line of its own, and the torn one is told."""
    path = tmp_path / "votes.jsonl"
    rk.cast_vote(path, **VOTE)
    path.write_text(path.read_text() + '{"article": "a0", "le')
    rk.cast_vote(path, **VOTE | {"winner": "right"})
    with pytest.warns(rk.RetitlekitWarning, match=r"votes\.jsonl:2: no whole line of JSON"):
        votes = rk.read_votes(path)

    assert ["left", "right"] == votes["winner"].tolist()


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("<<<<<<< HEAD", "votes.jsonl:1: a mark of an unfinished merge"),
        ("[1, 2]", "votes.jsonl:1: a vote is a JSON object, not list"),
        ('{"article": "a", "colour": 1}', "unknown key 'colour'; a vote has article, left, right"),
        ('{"article": "a", "left": "t", "right": "t", "winner": "tie", "voter": "human:a", "voted_at": "2026-01-01"}',
         "left and right are one trial, 't'"),
        ('{"article": "a", "left": "t", "right": "u", "winner": "tie", "voter": "human:a", "voted_at": "soon"}',
         "voted_at must be an ISO 8601 moment, not 'soon'"),
        ('{"article": "a", "left": "t", "right": "u", "voter": "human:a", "voted_at": "2026-01-01"}',
         "a vote needs its winner"),
    ],
)  # fmt: skip
def test_lines_that_are_no_votes(line: str, message: str, tmp_path: Path) -> None:
    """A broken line is named with its file and number."""
    path = tmp_path / "votes.jsonl"
    path.write_text(f"{line}\n\n")
    with pytest.raises(rk.FrameError) as found:
        rk.read_votes(path)

    assert message in str(found.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"winner": "both"}, 'winner must be "left", "right" or "tie", not'),
        ({"winner": None}, 'winner must be "left", "right" or "tie"'),
        ({"voter": "ana"}, "voter must be human:<name> or judge:<model>, not 'ana'"),
        ({"article": ""}, "article must be text"),
        ({"seconds": -1}, "seconds must be a number from 0 up, not -1"),
        ({"seconds": float("inf")}, "seconds must be a number from 0 up, not inf"),
    ],
)
def test_votes_that_cannot_be_cast(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    """What is wrong is named, and nothing is written."""
    with pytest.raises(rk.FrameError) as found:
        rk.cast_vote(tmp_path / "votes.jsonl", **VOTE | change)

    assert message in str(found.value)
    assert [] == list(tmp_path.iterdir())


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    """Votes go into .jsonl files or stores, not into whatever is there."""
    (tmp_path / "votes.csv").write_text("a,b\n")
    with pytest.raises(rk.FrameError, match=r"votes\.csv: votes are kept in a file that ends in \.jsonl"):
        rk.read_votes(tmp_path / "votes.csv")
    with pytest.raises(rk.StoreError, match="cannot write the votes"):
        rk.cast_vote(tmp_path / "no" / "votes.jsonl", **VOTE)


# ------------------------------------------------------------------------------------------------------ what counts


def test_a_voter_counts_once_for_a_pair() -> None:
    """What one voter said five times of a pair weighs as much as what another said once."""
    frame = asked(2)
    results = [(a, 0, 1, "left") for a in range(10) for _ in range(5)]
    votes = pd.concat([said(*results), said(*[(a, 1, 0, "left") for a in range(10)], voter="human:ben")])
    board = rk.leaderboard(frame, by="prompt", votes=votes)

    assert [0.5, 0.5] == pytest.approx(board["estimate"].tolist())
    assert [60, 60] == board["n_votes"].tolist()


@pytest.mark.parametrize(("voter", "expected"), [("judge:m", ["p1", "p0"]), ("human:ana", ["p0", "p1"])])
def test_no_judge_overrules_a_gate(voter: str, expected: list[str]) -> None:
    """A judge that prefers titles that failed their gates makes their rivals win; a person may think otherwise."""
    frame = asked(2)
    frame["passed"] = (frame["prompt"] == "p1").astype("boolean")
    board = rk.leaderboard(frame, by="prompt", votes=said(*[(a, 0, 1, "left") for a in range(10)], voter=voter))

    assert expected == board["prompt"].tolist()
    assert "winner" == board["verdict"].iloc[0]


def test_answers_that_were_not_read_are_no_votes() -> None:
    """Rows without a winner change nothing."""
    frame = asked(2)
    votes = said(*[(a, 0, 1, "left") for a in range(10)])
    with_holes = pd.concat([votes, votes.assign(winner=None)])

    pd.testing.assert_frame_equal(
        rk.leaderboard(frame, by="prompt", votes=votes), rk.leaderboard(frame, by="prompt", votes=with_holes)
    )


def test_circles_and_islands_are_told() -> None:
    """A board says where votes go in circles and which variants no vote joins."""
    frame = asked(5)
    circle = [(a, one, other, "left") for a in range(10) for one, other in ((0, 1), (1, 2), (2, 0))]
    board = rk.leaderboard(frame, by="prompt", votes=said(*circle, (0, 3, 4, "left")))

    assert [
        "No vote joins these to the rest, so they are not ranked: p3 and p4.",
        "The votes go in circles in 1 of 1 triples (a quarter is chance): p0 beats p1 beats p2 beats p0.",
    ] == board.attrs["notes"]
    assert board.attrs["sentence"].endswith(" ".join(board.attrs["notes"]))
