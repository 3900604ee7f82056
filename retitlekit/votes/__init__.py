"""Votes: the second frame. A vote joins two trials of one article and says which title is better.

Votes are kept append-only, one JSON object a line: in a file ``votes.jsonl`` that merges in git, or in the store. A
vote's id is the hash of what it says, so that a line that comes twice counts once; taking a vote back is a line too.
"""

from __future__ import annotations

import json
import math
import os
import warnings
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retitlekit.errors import FrameError, RetitlekitWarning, StoreError
from retitlekit.frame import Column, check
from retitlekit.statistics.evidence import Floats
from retitlekit.statistics.variants import Variants
from retitlekit.store import Store

WINNERS = ("left", "right", "tie")
VOTE_COLUMNS = (
    Column("article", "string", "vote", "article id"),
    Column("left", "string", "vote", "trial id of the title shown left, or first"),
    Column("right", "string", "vote", "trial id of the title shown right, or second"),
    Column("winner", "string", "vote", "left, right or tie; <NA> when a judge's answer could not be read: no vote"),
    Column("voter", "string", "vote", "human:<name> or judge:<model>"),
    Column("voted_at", "datetime64[us, UTC]", "vote", "when, UTC"),
    Column("seconds", "Float64", "vote", "how long it took"),
)
# Why a judge was not asked about a pair.
BY_A_GATE, BY_TWO_GATES, UNJUDGED = "decided by a gate", "both titles failed a gate", "gates unknown: a scorer failed"
NOT_ASKED = (BY_A_GATE, BY_TWO_GATES, UNJUDGED)
_NAMES = tuple(column.name for column in VOTE_COLUMNS)
_DTYPES = {column.name: column.dtype for column in VOTE_COLUMNS}


def cast_vote(
    where: str | os.PathLike[str],
    *,
    article: str,
    left: str,
    right: str,
    winner: str,
    voter: str,
    seconds: float | None = None,
) -> str:
    """Record one vote, durably when this returns; a widget calls it at each click.

    Parameters
    ----------
    where : path-like
        A file that ends in ``.jsonl`` (made when missing), or the folder of a store.
    article, left, right : str
        Article id and the ids of the two trials, as they were shown.
    winner : {"left", "right", "tie"}
    voter : str
        ``human:<name>`` or ``judge:<model>``.
    seconds : float, optional
        How long the voter took.

    Returns
    -------
    str
        The vote's id.

    Raises
    ------
    FrameError
        When a value is none that a vote can have.
    StoreError
        When the vote could not be written.

    Examples
    --------
    >>> one, other = frame.trial_id[:2]
    >>> said = dict(article=frame.article[0], left=one, right=other, winner="left", voter="human:ana")
    >>> vote_id = rk.cast_vote(tmp / "votes.jsonl", **said)
    >>> rk.read_votes(tmp / "votes.jsonl").winner.tolist()
    ['left']
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    vote = {"article": article, "left": left, "right": right, "winner": winner, "voter": voter}
    record = _checked({**vote, "voted_at": now, "seconds": seconds}, "this vote")
    if record["winner"] is None:
        raise FrameError('this vote: winner must be "left", "right" or "tie"')
    return _append(where, [record])[0]


def undo_vote(where: str | os.PathLike[str], *, voter: str) -> bool:
    """Take back the last vote of a voter that still stands; the lines stay, and one is added that says so.

    Returns
    -------
    bool
        Whether there was one.

    Examples
    --------
    >>> rk.undo_vote(tmp / "new.jsonl", voter="human:ana")
    False
    """
    standing = [(r["voted_at"], key) for key, r in _standing(_records(where)).items() if r["voter"] == voter]
    if not standing:
        return False
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    _append(where, [{"undo": max(standing)[1], "voter": voter, "voted_at": now}])
    return True


def append_votes(votes: pd.DataFrame, where: str | os.PathLike[str]) -> int:
    """Add the votes that are not there yet, such as a judge's; rows without a winner are no votes and stay out.

    Parameters
    ----------
    votes : pandas.DataFrame
        With the columns of `read_votes`; others are left out.
    where : path-like
        As for `cast_vote`.

    Returns
    -------
    int
        How many were added.

    Examples
    --------
    >>> votes = rk.read_votes("data/votes-simulated.jsonl")
    >>> rk.append_votes(votes, tmp / "all.jsonl"), rk.append_votes(votes, tmp / "all.jsonl")
    (360, 0)
    """
    check(votes, needs=_NAMES)
    given = votes[votes["winner"].notna()]
    records = [
        _checked(dict(zip(_NAMES, row, strict=True)), f"row {number} of the votes")
        for number, row in enumerate(given[list(_NAMES)].itertuples(index=False))
    ]
    known = {_id(record) for record in _records(where)}
    fresh = {_id(record): record for record in records if _id(record) not in known}
    _append(where, fresh.values())
    return len(fresh)


def read_votes(*where: str | os.PathLike[str]) -> pd.DataFrame:
    """Read the votes that stand, from one or more files or stores together; what was taken back is left out.

    Two copies of a file that grew apart read as their union, in any order of lines: let git keep both sides with
    ``votes.jsonl merge=union`` in ``.gitattributes``.

    Parameters
    ----------
    *where : path-like
        Files that end in ``.jsonl``, or folders of stores. One that does not exist holds no vote.

    Returns
    -------
    pandas.DataFrame
        `article`, `left`, `right` (trial ids), `winner` ("left", "right", "tie"), `voter`, `voted_at` (UTC), `seconds`;
        in the order in which they were cast.

    Raises
    ------
    FrameError
        For a line that is no vote, with its number. A torn line, as a crash leaves it, is only warned of.

    Examples
    --------
    >>> len(rk.read_votes("data/votes-simulated.jsonl")) > 100
    True
    """
    standing = _standing(record for each in where for record in _records(each))
    ordered = sorted(standing.values(), key=lambda record: (record["voted_at"], _id(record)))
    frame = pd.DataFrame(ordered, columns=list(_NAMES))
    frame["voted_at"] = pd.to_datetime(frame["voted_at"], utc=True, format="ISO8601")
    return pd.DataFrame(frame.astype(_DTYPES))


# ------------------------------------------------------------------------------------------------------- as lines


def _id(record: Mapping[str, Any]) -> str:
    said = {name: record.get(name) for name in ("undo", *_NAMES) if record.get(name) is not None}
    return blake2b(json.dumps(said, sort_keys=True).encode(), digest_size=8).hexdigest()


def _checked(vote: Mapping[str, Any], place: str) -> dict[str, Any]:
    """A vote as it is written, or a `FrameError` that names what is wrong."""
    record: dict[str, Any] = {name: None if _missing(vote.get(name)) else vote[name] for name in _NAMES}
    if isinstance(record["voted_at"], datetime):
        moment = record["voted_at"]
        record["voted_at"] = (
            (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
        )
    for name in ("article", "left", "right", "voter", "voted_at"):
        if not isinstance(record[name], str) or not record[name].strip():
            raise FrameError(f"{place}: {name} must be text, not {vote.get(name)!r}")
    try:
        datetime.fromisoformat(record["voted_at"])
    except ValueError as problem:
        raise FrameError(f"{place}: voted_at must be an ISO 8601 moment, not {record['voted_at']!r}") from problem
    if record["winner"] is not None and record["winner"] not in WINNERS:
        raise FrameError(f'{place}: winner must be "left", "right" or "tie", not {record["winner"]!r}')
    kind, _, name = record["voter"].partition(":")
    if kind not in ("human", "judge") or not name:
        raise FrameError(f"{place}: voter must be human:<name> or judge:<model>, not {record['voter']!r}")
    if record["left"] == record["right"]:
        raise FrameError(f"{place}: left and right are one trial, {record['left']!r}")
    if record["seconds"] is not None:
        seconds = record["seconds"]
        if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 <= seconds < math.inf:
            raise FrameError(f"{place}: seconds must be a number from 0 up, not {seconds!r}")
        record["seconds"] = round(float(seconds), 3)
    return record


def _missing(value: Any) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value))


def _is_file(where: str | os.PathLike[str]) -> bool:
    path = Path(where)
    if path.suffix != ".jsonl" and path.is_file():
        raise FrameError(f"{path}: votes are kept in a file that ends in .jsonl, or in a store's folder")
    return path.suffix == ".jsonl"


def _append(where: str | os.PathLike[str], records: Iterable[Mapping[str, Any]]) -> list[str]:
    """Write records durably and tell their ids."""
    lines = {_id(r): json.dumps({k: v for k, v in r.items() if v is not None}) for r in records}
    if not _is_file(where):
        with Store(where) as store:
            for vote_id, line in lines.items():
                store.note("vote", vote_id, line)
        return list(lines)
    if not lines:
        return []
    path = Path(where)
    try:
        torn = path.exists() and path.stat().st_size > 0 and path.read_bytes()[-1:] != b"\n"
        text = ("\n" * torn + "".join(line + "\n" for line in lines.values())).encode()
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            written = os.write(handle, text)  # at once: two voters' lines never mix
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as problem:
        raise StoreError(f"cannot write the votes to {path}: {problem.strerror or problem}") from problem
    if written < len(text):
        raise StoreError(f"only a part of the votes could be written to {path}: free space, and add them again")
    return list(lines)


def _records(where: str | os.PathLike[str]) -> list[dict[str, Any]]:
    path = Path(where)
    if not _is_file(where):
        if not (path / "store.sqlite").exists():
            return []
        with Store(path) as store:
            return [record for line in store.notes("vote") if (record := _parsed(line, f"a vote in {store.path}"))]
    if not path.exists():
        return []
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise FrameError(f"cannot read the votes in {path}: {problem}") from problem
    lines = enumerate(text.split("\n"), 1)
    parsed = (_parsed(line, f"{path}:{number}") for number, line in lines if line.strip())
    return [record for record in parsed if record is not None]


def _parsed(line: str, place: str) -> dict[str, Any] | None:
    """A line as a record; None, with a warning, for one that a crash tore."""
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        raise FrameError(
            f"{place}: a mark of an unfinished merge: delete the lines <<<<<<<, ======= and >>>>>>>, keep all votes, "
            "and set `votes.jsonl merge=union` in .gitattributes"
        )
    try:
        record = json.loads(line)
    except ValueError:
        told = f"{place}: no whole line of JSON, as a crash leaves it: this vote is lost, and left out"
        warnings.warn(told, RetitlekitWarning, stacklevel=2)
        return None
    if not isinstance(record, dict):
        raise FrameError(f"{place}: a vote is a JSON object, not {type(record).__name__}")
    unknown = sorted(set(record) - {"undo", *_NAMES})
    if unknown:
        raise FrameError(f"{place}: unknown key {unknown[0]!r}; a vote has {', '.join(_NAMES)}")
    if "undo" in record:
        return record
    checked = _checked(record, place)
    if checked["winner"] is None:
        raise FrameError(f"{place}: a vote needs its winner")
    return checked


def _standing(records: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The votes by id, without those that were taken back."""
    by_id = {_id(record): record for record in records}
    undone = {record["undo"] for record in by_id.values() if "undo" in record}
    return {key: record for key, record in by_id.items() if "undo" not in record and key not in undone}


# -------------------------------------------------------------------------------------------------- as wins, losses


def located(variants: Variants, frame: pd.DataFrame, votes: pd.DataFrame) -> pd.DataFrame:
    """The votes that count, each with its article and its two variants: `at`, `one`, `other`, `points` of the left.

    Left out are rows without a winner and votes between two trials of one variant. What a voter said more than once of
    one pair counts as one vote, averaged (`weight`). Where just one of two titles passed its gates, a judge's vote
    goes to that one, whatever it said; where neither did, or the gates of one are unknown, it does not count.
    """
    check(frame, needs=["trial_id"])
    check(votes, needs=["article", "left", "right", "winner"])
    votes = votes[votes["winner"].notna()]
    trials = pd.DataFrame(
        {
            "trial": frame["trial_id"].astype(str),
            "variant": variants.variant,
            "article": variants.article,
            "passed": frame["passed"].astype("Float64").to_numpy(float, na_value=np.nan) if "passed" in frame else 1.0,
        }
    )
    trials = trials.drop_duplicates(["trial", "variant", "article"]).set_index("trial")
    sides = {side: votes[side].astype(str) for side in ("left", "right")}
    unknown = sorted(set(sides["left"]).union(sides["right"]) - set(trials.index))
    if unknown:
        raise FrameError(f"{len(unknown)} trials of the votes are not in the frame, such as {unknown[0]}")
    shared = sorted(set(trials.index[trials.index.duplicated()]) & set(sides["left"]).union(sides["right"]))
    if shared:
        raise FrameError(f"trial {shared[0]} stands for two variants (their requests are equal): drop one of them")
    points = votes["winner"].astype(str).map({"left": 1.0, "tie": 0.5, "right": 0.0})
    if points.isna().any():
        raise FrameError(f'winner must be "left", "right" or "tie", not {votes["winner"][points.isna()].iloc[0]!r}')
    left, right = (trials.loc[sides[side].tolist()] for side in ("left", "right"))
    if (left["article"].to_numpy() != right["article"].to_numpy()).any():
        raise FrameError("a vote compares trials of two articles")
    found = pd.DataFrame(
        {
            "at": left["article"].to_numpy(),
            "one": left["variant"].to_numpy(),
            "other": right["variant"].to_numpy(),
            "points": points.to_numpy(float),
            "voter": votes["voter"].astype(str).to_numpy() if "voter" in votes else np.arange(len(votes)).astype(str),
            "pair": ["|".join(sorted(pair)) for pair in zip(sides["left"], sides["right"], strict=True)],
        }
    )
    judged = found["voter"].str.startswith("judge:").to_numpy(bool)
    passes = left["passed"].to_numpy(float), right["passed"].to_numpy(float)
    decided = judged & (passes[0] + passes[1] == 1)
    found.loc[decided, "points"] = passes[0][decided]
    found = found[~(judged & ~(passes[0] + passes[1] > 0)) & (found["one"] != found["other"])]
    found["weight"] = 1.0 / found.groupby(["voter", "pair"])["points"].transform("size")
    return pd.DataFrame(found.reset_index(drop=True))


def wins_of(found: pd.DataFrame, variants: Variants) -> Floats:
    """Wins of row over column in each article, a tie half a win to each: shape (articles, variants, variants)."""
    wins = np.zeros((len(variants.articles), len(variants), len(variants)))
    at, one, other, weight = (found[name].to_numpy() for name in ("at", "one", "other", "weight"))
    points = found["points"].to_numpy()
    np.add.at(wins, (at, one, other), points * weight)
    np.add.at(wins, (at, other, one), (1 - points) * weight)
    return wins
