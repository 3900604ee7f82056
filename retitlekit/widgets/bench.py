"""The workbench: a whole sweep without code, from the choice of prompts to the saved winner.

The truth is on the `Desk` and on disk: each choice, draft and tab is kept beside the store, so that running the cell
again, in another kernel too, brings everything back and sends nothing. Sweeps run in the background; the page is told
ten times a second how far they are.
"""

from __future__ import annotations

import os
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets as t
from ipywidgets.widgets.widget import Widget, widget_serialization

from retitlekit.articles import Article
from retitlekit.decide import leaderboard
from retitlekit.decide.winners import save_winner
from retitlekit.errors import FrameError, PlanError, RetitlekitError, RetitlekitWarning, SweepError
from retitlekit.html import visible
from retitlekit.scorers.scoring import score
from retitlekit.sheet import Sheet
from retitlekit.sweeps import Job, start
from retitlekit.sweeps.plans import Models, Prompts
from retitlekit.votes import read_votes
from retitlekit.widgets.arena import Arena
from retitlekit.widgets.background import Background
from retitlekit.widgets.desk import TABS, Desk
from retitlekit.widgets.exhibits import drawn, errors, metrics, outcome, summary, told_board
from retitlekit.widgets.grid import Grid
from retitlekit.widgets.stop import Presses, hear_while_busy
from retitlekit.widgets.view import show, source, told

_TICK_S = 0.1
_GRID_S = 0.5  # the grid is laid anew no oftener, and
_SHARE = 6  # waits so many times as long as that took

Message = Mapping[str, Any]


class Workbench(anywidget.AnyWidget):
    """A sweep without code; `rk.workbench` opens one.

    Whatever the view does can be done from Python too: `choose`, `edit`, `save_prompt`, `run`, `stop`, `save_winner`.

    Attributes
    ----------
    choices : dict
        What is to be swept.
    estimate : dict
        What that would send and cost, or `why` it cannot be run.
    progress : dict
        How far the sweep is.
    tab : str
        "prompt", "compare", "charts", "leaderboard" or "vote".
    """

    _esm = source("titles.js", "control.js", "bench.js")
    _css = source("titles.css", "bench.css")

    catalog = t.Dict().tag(sync=True)
    choices = t.Dict().tag(sync=True)
    shelf = t.Dict().tag(sync=True)
    estimate = t.Dict().tag(sync=True)
    progress = t.Dict().tag(sync=True)
    draft = t.Dict().tag(sync=True)
    results = t.Dict().tag(sync=True)
    pictures: t.List[Any] = t.List().tag(sync=True)
    winner = t.Dict().tag(sync=True)
    python = t.Dict().tag(sync=True)
    tab = t.Enum(TABS, "compare").tag(sync=True)
    comm_id = t.Unicode().tag(sync=True)
    grid = t.Instance(Widget, allow_none=True).tag(sync=True, **widget_serialization)
    arena = t.Instance(Widget, allow_none=True).tag(sync=True, **widget_serialization)

    def __init__(
        self,
        articles: str | os.PathLike[str] | Iterable[Article],
        prompts: str | os.PathLike[str] | Prompts,
        *,
        store: str | os.PathLike[str] = ".retitlekit",
        models: Models | None = None,
        winners: str | os.PathLike[str] = "winners",
    ) -> None:
        self._desk = Desk(articles, prompts, store, models, winners)
        self.one_at_a_time = threading.RLock()
        self._aside = Background(self._tell_problem)
        self._halt = threading.Event()
        self._presses = Presses()
        self._running = False
        self._job: Job | None = None
        self._frame: pd.DataFrame | None = None
        self._board: pd.DataFrame | None = None
        self._serial = 0
        self._replace_still: Callable[[str], None] | None = None  # once it is displayed
        super().__init__()
        self.comm_id = self.model_id or ""  # none outside a notebook
        self.tab = self._desk.tab
        self.progress = {"state": "idle", "said": visible(self._desk.said)}
        self._tell()
        self._proof()
        self._bring_back()
        self.on_msg(self._heard)
        _open.add(self)
        hear_while_busy()
        self._aside.apart(self._look)

    # -- what Python reads and does

    @property
    def frame(self) -> pd.DataFrame:
        """The trials of the last run with what came of them, scored once it is over; before any run, the plan."""
        job = self._job
        if job is not None:
            return job.frame
        return self._desk.plan(self._desk.chosen) if self._frame is None else self._frame

    @property
    def board(self) -> pd.DataFrame:
        """The leaderboard of `frame`, by what was chosen in the view: a metric, or votes."""
        if self._frame is None:
            raise FrameError("nothing has run yet: press Run, or call run() and wait()")
        if self._desk.decide == "votes":
            return leaderboard(self._frame, votes=self._own_votes())
        return leaderboard(self._frame, metric=self._desk.decide)

    @property
    def votes(self) -> pd.DataFrame:
        """All votes that are kept in the store: the frame of `read_votes`."""
        return read_votes(self._desk.store)

    def choose(self, **changes: Any) -> None:
        """Change what is to be swept: `prompts`, `models`, `articles`, `temperatures`, `repeats`, `budget_usd`.

        Raises
        ------
        PlanError
            For a value that no sweep can have.
        """
        self._desk.choose(**changes)
        self._changed()
        if "articles" in changes:
            self.shelf = self._desk.told_shelf()

    def edit(self, prompt: str, text: str | None = None) -> None:
        """Open a prompt in the editor, with another text as its draft when one is given.

        A variable that no article has is a `RetitlekitWarning`: the text stays a draft that can be mended.
        """
        self._desk.edit(prompt, text)
        self._drafted()
        for line, _, code, message in self._desk.told_draft()["findings"] if text is not None else ():
            if code == "unknown-variable":
                warnings.warn(f"draft of {prompt}, line {line}: {message}", RetitlekitWarning, stacklevel=2)

    def save_prompt(self, name: str, *, description: str = "") -> Path:
        """Save the draft as a new prompt, whose parent is the one it was made of, and choose it.

        Raises
        ------
        PromptError
            When the draft is no prompt, says what its parent says, or there is a file of that name.
        """
        path = self._desk.save_prompt(name, description)
        self.catalog = self._desk.told_catalog()
        self._changed()
        self._drafted()
        return path

    def run(self) -> None:
        """Start the sweep and return; only what the store does not hold is sent."""
        with self.one_at_a_time:
            if self._running:
                raise PlanError("a sweep is under way: stop it first")
            self._running = True
        self._halt.clear()
        self._aside.apart(self._sweep, lasting=True)

    def stop(self) -> None:
        """Send nothing more; what is under way gets a few seconds, and none when this is called again."""
        # on whatever thread this comes: it waits for no lock, and tells the view nothing itself
        again, job = self._halt.is_set(), self._job
        self._halt.set()
        if job is not None:
            job.stop(**({"grace_s": 0} if again else {}))

    def wait(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait until nothing is under way any more, and give `frame`.

        Raises
        ------
        SweepError
            When something still is after `timeout` seconds.
        """
        if not self._aside.wait(timeout):
            raise SweepError(f"the workbench is still at work after {timeout:g} s", self.frame)
        return self.frame

    def save_winner(self, name: str | None = None, *, force: bool = False) -> Path:
        """Save what leads `board` as a prompt file; a tie needs `force`, as with `rk.save_winner`."""
        desk = self._desk
        saved = save_winner(self.board, self.frame, desk.prompts, desk.winners, name=name or None, force=force)
        self.winner = {"path": visible(saved.path), "diff": visible(saved.diff)}
        return saved.path

    def __repr__(self) -> str:
        return f"<Workbench: {self._said()}>"

    # -- what the view is told

    def _tell(self) -> None:
        """All that can be chosen and is."""
        self.catalog, self.shelf = self._desk.told_catalog(), self._desk.told_shelf()
        self._tell_choices()

    def _tell_choices(self) -> None:
        self.choices, self.python = self._desk.told_choices(), self._desk.told_python()
        self._aside.later("price", self._price)
        self._aside.later("tokens", self._count)

    def _changed(self) -> None:
        self._tell_choices()
        self._aside.later("keep", self._desk.keep)

    def _drafted(self) -> None:
        self.python = self._desk.told_python()
        self._aside.later("draft", self._proof)
        self._aside.later("keep", self._desk.keep)

    def _look(self) -> None:
        try:
            self._desk.look()
        finally:
            self._tell()

    def _price(self) -> None:
        self.estimate = self._desk.told_price()

    def _proof(self) -> None:
        serial = self._serial
        self.draft = self._desk.told_draft() | {"serial": serial}
        self._aside.later("tokens", self._count)

    def _count(self) -> None:
        if self._desk.looking:
            return  # LiteLLM is on its way; when it is there, this is called again
        draft = self.draft
        counts = self._desk.tokens(draft["messages"])
        if draft is self.draft and counts != draft["tokens"]:
            self.draft = draft | {"tokens": counts}

    def _tell_problem(self, problem: Exception) -> None:
        kind = "" if isinstance(problem, RetitlekitError) else f"{type(problem).__name__}: "
        self.send({"kind": "problem", "text": kind + visible(problem)})

    # -- the sweep

    def _bring_back(self) -> None:
        """Follow a sweep that another view of this store began, or lay out what the store has of the last one."""
        store, ran = Path(self._desk.store).resolve(), self._desk.ran
        others = [each for each in _open if each._job and Path(each._desk.store).resolve() == store]
        if others:
            job, others[0]._job, self._desk.ran = others[0]._job, None, others[0]._desk.ran
            self._job, self._running = job, True
            self._aside.apart(lambda: self._sweep(job), lasting=True)
        elif ran and ran.prompts and ran.articles:
            self.progress = {"state": "recalling"}
            self._aside.later("recall", self._recall)

    def _recall(self) -> None:
        """The results of the last run, from the store; nothing is sent."""
        assert self._desk.ran is not None
        try:
            frame = score(self._desk.stored(self._desk.ran))
            self._show(frame)
            count = int(frame["title"].notna().sum())
            self.progress = {"state": "done", "said": f"{count:,} titles from the store; nothing was sent"}
            self._redraw_still()
        except RetitlekitError as problem:
            self.progress = {"state": "idle", "said": f"The last results could not be brought back: {visible(problem)}"}

    def _sweep(self, job: Job | None = None) -> None:
        began, desk = time.monotonic(), self._desk
        try:
            if job is None:
                self.progress = {"state": "starting"}
                choices = desk.chosen
                job = start(desk.plan(choices), store=desk.store, budget_usd=choices.budget_usd)
                desk.ran = choices
                self._aside.later("keep", desk.keep)
            self._job = job
            if self._halt.is_set():
                job.stop()
            self._follow(job, began)
        except Exception as problem:
            self.progress = {"state": "failed", "said": visible(problem)}
            if not isinstance(problem, RetitlekitError):
                raise
        finally:
            self._running, self._job = False, None
            self._aside.later("price", self._price)

    def _follow(self, job: Job, began: float) -> None:
        """Show titles as they come; the last state is always shown."""
        due, seen, total = 0.0, -1, int(job.frame["trial_id"].nunique())
        failed: list[list[Any]] = []
        while not job.finished(_TICK_S):
            if self._job is not job:
                return  # another view follows it
            if job.done != seen and time.monotonic() >= due:
                now, seen, frame = time.monotonic(), job.done, job.frame
                failed = errors(frame)
                self._lay(frame)
                due = time.monotonic() + max(_GRID_S, _SHARE * (time.monotonic() - now))
            self.progress = {
                "state": "stopping" if self._halt.is_set() else "running",
                "done": job.done,
                "total": total,
                "cost": f"${job.cost_usd:.4f}" if job.cost_usd else "$0",
                "seconds": round(time.monotonic() - began),
                "errors": failed,
            }
        frame, took = job.frame, time.monotonic() - began
        failed = errors(frame)
        self.progress = {"state": "scoring", "errors": failed}
        self._lay(frame)
        self._show(score(frame))
        said = outcome(frame, job.cost_usd, took)
        if job.problem is not None:
            said = f"The sweep stopped: {visible(job.problem)}. {said}"
        state = "failed" if job.problem else "stopped" if self._halt.is_set() else "done"
        self.progress = {"state": state, "said": said, "errors": failed}
        self._redraw_still()

    def _lay(self, frame: pd.DataFrame) -> None:
        """Lay a frame into the grid; a sweep of another shape gets a new one."""
        sheet, grid = Sheet(frame), self.grid
        if isinstance(grid, Grid) and grid.columns == sheet.columns:
            with grid.one_at_a_time:
                grid.update(frame)
        else:
            self.grid = Grid(sheet, store=self._desk.store)

    # -- the results

    def _show(self, frame: pd.DataFrame) -> None:
        """Take these results for those of the workbench."""
        self._frame = frame
        self._lay(frame)
        self.arena, self.pictures, self.winner = None, [], {}
        self._rank()
        self._aside.later("tab", self._fill_tab)

    def _rank(self) -> None:
        """The leaderboard, or why there is none."""
        if self._frame is None:
            return
        votes = len(self._own_votes())
        known = {"metrics": metrics(self._frame), "votes": votes, "decide": self._desk.decide}
        try:
            self._board = self.board
            self.results = told_board(self._board) | known
        except RetitlekitError as problem:
            self._board, self.results = None, known | {"rows": [], "why": visible(problem)}

    def _own_votes(self) -> pd.DataFrame:
        votes = self.votes
        there = set() if self._frame is None else set(self._frame["trial_id"])
        return votes[votes["left"].isin(there) & votes["right"].isin(there)]

    def _fill_tab(self) -> None:
        """Make what the open tab shows, where it is not there yet."""
        if self._frame is None:
            return
        if self.tab == "charts" and not self.pictures and self._board is not None:
            self.pictures = drawn(self._frame, self._board)
        elif self.tab == "leaderboard" and len(self._own_votes()) != self.results.get("votes"):
            self._rank()
        elif self.tab == "vote" and self.arena is None:
            try:
                self.arena = Arena(self._frame, store=self._desk.store)
            except FrameError as problem:
                self.results = self.results | {"no_vote": visible(problem)}

    # -- what the view says

    @told
    def _heard(self, _: object, message: Message, __: object) -> None:
        desk = self._desk
        match message.get("kind"):
            case "pick":
                desk.pick(str(message["name"]), message["value"], on=bool(message["on"]))
                self._changed()
                if message["name"] == "articles":
                    self.shelf = desk.told_shelf()
            case "set":
                self.choose(**{str(message["name"]): message["value"]})
            case "first":
                desk.choose_first(int(message["n"]))
                self._changed()
                self.shelf = desk.told_shelf()
            case "find":
                desk.query = str(message["query"])[:200]
                self.shelf = desk.told_shelf()
            case "open":
                self.edit(str(message["prompt"]))
            case "edit":
                self._serial = int(message["serial"])
                self._desk.edit(str(message["prompt"]), str(message["text"]))
                self._drafted()
            case "revert":
                desk.drafts.pop(desk.editing, None)
                self._serial += 1
                self._drafted()
            case "article":
                desk.turn(int(message["step"]))
                self._drafted()
            case "save":
                path = self.save_prompt(str(message["name"]), description=str(message.get("description", "")))
                self.send({"kind": "status", "text": f"Saved as {visible(path)} and chosen: Run sends what is new."})
            case "run":
                self.run()
            case "stop":
                if self._presses.new(message):
                    self.stop()
            case "winner":
                name, force = str(message.get("name") or "").strip(), bool(message.get("force"))
                self._aside.later("winner", lambda: self._crown(name, force=force))
            case "decide":
                if message["by"] not in (*self.results.get("metrics", ()), "votes"):
                    raise PlanError(f"nothing can be decided by {message['by']!r:.80}")
                desk.decide, self.pictures = str(message["by"]), []
                self._aside.later("rank", self._rank)
                self._aside.later("tab", self._fill_tab)
                self._changed()
            case "tab":
                self.tab = desk.tab = str(message["tab"])
                self._aside.later("tab", self._fill_tab)
                self._aside.later("keep", desk.keep)
        self.send({"kind": "heard"})

    def _crown(self, name: str, *, force: bool) -> None:
        try:
            self.save_winner(name, force=force)
        except RetitlekitError as problem:
            self.winner = {"refused": visible(problem), "tie": isinstance(problem, FrameError) and not force}

    # -- in a notebook

    def _said(self) -> str:
        """Where the workbench stands, in one line."""
        return str(self.progress.get("said") or self.estimate.get("text") or self.estimate.get("why") or "ready")

    def _ipython_display_(self) -> None:
        self._replace_still = show(self, repr(self).partition("\n")[0], self._still)

    def _redraw_still(self) -> None:
        """Bring what stands below the view up to date."""
        if self._replace_still is not None:
            self._replace_still(self._still())

    def _still(self) -> str:
        return summary(self._said(), self._frame, self._board)


_open: weakref.WeakSet[Workbench] = weakref.WeakSet()
