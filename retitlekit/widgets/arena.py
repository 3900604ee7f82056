"""The arena: pairs of titles to vote on, blind. A vote is on disk at once; who wrote what never leaves Python."""

from __future__ import annotations

import getpass
import itertools
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets as t

from retitlekit.errors import FrameError
from retitlekit.html import card, escape
from retitlekit.sheet.notes import add_note
from retitlekit.votes import cast_vote, read_votes, undo_vote
from retitlekit.votes.pairs import all_pairs, doubt, next_pairs
from retitlekit.widgets.view import cut, show, source, told

_AHEAD = 3  # pairs that the view holds, so that the next one shows at once, however fast somebody votes
_LONGEST_BODY = 20_000  # characters
SAID = ("left", "right", "tie", "bad")


class Arena(anywidget.AnyWidget):
    """Blind votes on pairs of titles; `rk.vote` opens one.

    Attributes
    ----------
    voter : str
        ``human:<name>``.
    progress : dict
        `votes` of this voter, `pairs` that could be asked, and `doubt`: how likely it is that the variant which leads
        is not the best, from 0 to 1.
    """

    _esm = source("titles.js", "arena.js")
    _css = source("titles.css", "arena.css")

    voter = t.Unicode().tag(sync=True)
    pairs: t.List[Any] = t.List().tag(sync=True)
    progress = t.Dict().tag(sync=True)

    def __init__(
        self,
        frame: pd.DataFrame,
        *,
        voter: str | None = None,
        store: str | os.PathLike[str] = ".retitlekit",
        by: str | Sequence[str] = ("prompt", "model", "temperature"),
        seed: int = 0,
    ) -> None:
        self._possible = len(all_pairs(frame, by=by))
        if not self._possible:
            raise FrameError("no article has different titles by two variants: there is nothing to vote on")
        self._frame, self._store, self._by, self._seed = frame, store, by, seed
        self._trials = frame.drop_duplicates("trial_id").set_index("trial_id")
        self._queue: list[tuple[str, str, str, str]] = []  # a key that tells nothing, article, left, right
        self._keys = itertools.count(1)
        self.one_at_a_time = threading.RLock()
        super().__init__()
        self.voter = f"human:{(voter or getpass.getuser()).strip()}"
        self._votes = read_votes(store)
        self._fill()
        self.on_msg(self._heard)

    def to_frame(self) -> pd.DataFrame:
        """All votes that are kept beside this one's, of every voter: the frame of `read_votes`."""
        return read_votes(self._store)

    def cast(self, winner: str, *, seconds: float | None = None) -> None:
        """Vote on the pair that is shown: "left", "right", "tie", or "bad" for both; the next one shows.

        A pair of two bad titles is kept as a tie, with a flag and a note at both titles.
        """
        if not self._queue:
            raise FrameError("every pair has been voted on")
        self._cast(self._queue[0][0], winner, seconds)

    def _cast(self, key: str, winner: str, seconds: float | None) -> None:
        if winner not in SAID:
            raise FrameError(f"winner={winner!r}: give one of {', '.join(SAID)}")
        pair = next((each for each in self._queue if each[0] == key), None)
        if pair is None:  # a second tab shows a pair that the first one has voted on
            return
        _, article, left, right = pair
        said = "tie" if winner == "bad" else winner
        kept = {"article": article, "left": left, "right": right, "winner": said, "voter": self.voter}
        cast_vote(self._store, **kept, seconds=seconds)
        if winner == "bad":
            folder = Path(self._store).parent if str(self._store).endswith(".jsonl") else self._store
            for trial in (left, right):
                add_note(folder, trial, flagged=True, note=f"both bad ({self.voter})")
        self._votes = read_votes(self._store)
        self._queue.remove(pair)
        self._fill()

    def undo(self) -> None:
        """Take back this voter's last vote, and ask for it again; does nothing when there is none."""
        own = self._votes[self._votes["voter"] == self.voter]
        if not undo_vote(self._store, voter=self.voter):
            return
        article, left, right = (str(own[name].iloc[-1]) for name in ("article", "left", "right"))
        self._votes = read_votes(self._store)
        self._queue = [(self._key(), article, left, right), *self._queue][:_AHEAD]
        self._fill()

    # -- what the view is told and says

    def _key(self) -> str:
        return str(next(self._keys))

    def _fill(self) -> None:
        """Put behind the pairs that the view holds already what helps most after them."""
        wanted = next_pairs(self._votes, self._frame, n=2 * _AHEAD, by=self._by, voter=self.voter, seed=self._seed)
        fresh = [
            (frozenset((left, right)), article, left, right, why) for article, left, right, why in wanted.to_numpy(str)
        ]
        for place in range(len(self._queue), _AHEAD):
            queued = {frozenset(each[2:]) for each in self._queue}
            # the row at this place; where it is held already, the next new pair, so that old ones keep their turn
            rows = [*fresh[place : place + 1], *(each for each in fresh if each[-1] == "doubt"), *fresh]
            found = next((each for each in rows if each[0] not in queued), None)
            if found:
                self._queue.append((self._key(), *found[1:4]))
        own = int((self._votes["voter"] == self.voter).sum())
        known = doubt(self._votes, self._frame, by=self._by) if len(self._votes) else None
        self.progress = {"votes": own, "pairs": self._possible, "doubt": known}
        self.pairs = [self._told_pair(key, left, right) for key, _, left, right in self._queue]

    def _told_pair(self, key: str, left: str, right: str) -> dict[str, Any]:
        trial = self._trials.loc[left]
        body = trial.get("body")
        return {
            "key": key,
            "original": cut(trial["original_title"]),
            "body": "" if body is None or pd.isna(body) else cut(body, _LONGEST_BODY),
            "left": cut(trial["title"]),
            "right": cut(self._trials.loc[right]["title"]),
        }

    @told
    def _heard(self, _: object, message: Mapping[str, Any], __: object) -> None:
        if message.get("kind") == "undo":
            self.undo()
        elif message.get("kind") == "vote":
            seconds = message.get("seconds")
            known = None if seconds is None else float(seconds)
            self._cast(str(message.get("key")), str(message["winner"]), known)
        elif message.get("kind") == "ready":
            self.send({"kind": "here"})

    def __repr__(self) -> str:
        known = self.progress["doubt"]
        sure = "" if known is None else f", {100 * known:.0f} % doubt about the best"
        return f"<{self.progress['votes']} votes of {self.voter.partition(':')[2]}{sure}>"

    def _ipython_display_(self) -> None:
        show(self, repr(self), self._still)

    def _still(self) -> str:
        return card(f"<p>{escape(repr(self)[1:-1])}; they are kept.</p>")
