"""The workbench: a whole sweep without code, from the choice of prompts to the saved winner.

The truth is here and on disk: each choice, draft and tab is kept beside the store, so that running the cell again, in
another kernel too, brings everything back and sends nothing. Sweeps run in the background; the page is told ten times a
second how far they are.
"""

from __future__ import annotations

import contextlib
import contextvars
import os
import re
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import anywidget
import pandas as pd
import traitlets as t
from ipywidgets import Widget, widget_serialization

from retitlekit.articles import Article, load_articles
from retitlekit.baselines import BASELINES
from retitlekit.catalog import available_models
from retitlekit.decide import leaderboard
from retitlekit.errors import (
    FrameError,
    ModelError,
    PlanError,
    PromptError,
    RetitlekitError,
    RetitlekitWarning,
    SweepError,
)
from retitlekit.html import visible
from retitlekit.models import Model, as_models, check_ready, count_tokens
from retitlekit.plans import Models, Prompts, estimate, plan
from retitlekit.prompts import Prompt, load_prompts, save_prompt
from retitlekit.rows import Texts, answered, fill
from retitlekit.scoring import score
from retitlekit.sheet import Sheet
from retitlekit.store import Store
from retitlekit.sweeps import Job, start
from retitlekit.votes import read_votes
from retitlekit.widgets.arena import Arena
from retitlekit.widgets.choices import Choices, read_desk, write_desk
from retitlekit.widgets.exhibits import drawn, summary, told_board
from retitlekit.widgets.grid import Grid
from retitlekit.widgets.view import cut, source, told
from retitlekit.winners import save_winner

TABS = ("prompt", "compare", "charts", "leaderboard", "vote")
_TICK_S = 0.1
_SHARE = 6  # the grid is drawn anew after so many times the time that drawing took
_FIRST_ARTICLES, _FIRST_PROMPTS = 12, 3
_SHOWN_ARTICLES = 100
_LONGEST_TEXT = 50_000
_STOP = "retitlekit_stop"


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

    _esm = source("titles.js", "workbench.js")
    _css = source("titles.css", "workbench.css")

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
    key = t.Unicode().tag(sync=True)
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
        self._articles = load_articles(articles) if isinstance(articles, str | os.PathLike) else list(articles)
        self._folder = Path(prompts) if isinstance(prompts, str | os.PathLike) else None
        self._prompts = load_prompts(self._folder) if self._folder else _by_name(prompts)
        if not self._articles or not self._prompts:
            raise PlanError("a workbench needs an article and a prompt at least")
        self._ids = [each.id for each in self._articles]
        self._store, self._winners = store, winners
        self._given = models is not None
        chosen = as_models(models if models is not None else list(BASELINES))
        self._models = {each.name: each for each in chosen}
        self._offered = [
            {
                "name": each.name,
                "usable": True,
                "kind": "embedded" if each.embedded else "yours",
                "note": BASELINES.get(each.id, ""),
            }
            for each in chosen
        ]
        self._looking = True
        self.one_at_a_time = threading.RLock()
        self._wanted: dict[str, Callable[[], None]] = {}
        self._queue = threading.Condition()
        self._working = self._sweeping = False
        self._halt = threading.Event()
        self._job: Job | None = None
        self._frame: pd.DataFrame | None = None
        self._board: pd.DataFrame | None = None
        self._query, self._serial = "", 0
        self._still: Any = None
        super().__init__()
        self.key = os.urandom(8).hex()
        self._restore()
        self.on_msg(self._heard)
        _open[self.key] = self
        _listen()
        self._apart(self._look)

    # -- what Python reads and does

    @property
    def frame(self) -> pd.DataFrame:
        """The trials of the last run with what came of them, scored once it is over; before any run, the plan."""
        job = self._job
        if job is not None:
            return job.frame
        return self._plan(self._chosen) if self._frame is None else self._frame

    @property
    def board(self) -> pd.DataFrame:
        """The leaderboard of `frame`, by what was chosen in the view: a metric, or votes."""
        if self._frame is None:
            raise FrameError("nothing has run yet: press Run, or call run() and wait()")
        votes = self._own_votes()
        if self._decide == "votes":
            return leaderboard(self._frame, votes=votes)
        return leaderboard(self._frame, metric=self._decide)

    @property
    def votes(self) -> pd.DataFrame:
        """All votes that are kept in the store: the frame of `read_votes`."""
        return read_votes(self._store)

    def choose(self, **changes: Any) -> None:
        """Change what is to be swept: `prompts`, `models`, `articles`, `temperatures`, `repeats`, `budget_usd`.

        Raises
        ------
        PlanError
            For a value that no sweep can have.
        """
        self._choose(Choices.of(self._chosen.to_dict() | changes))

    def edit(self, prompt: str, text: str | None = None) -> None:
        """Open a prompt in the editor, with another text as its draft when one is given."""
        if prompt not in self._prompts:
            raise PromptError(f"there is no prompt {prompt!r}: there are {', '.join(self._prompts)}")
        self._editing = prompt
        if text is not None:
            self._drafts[prompt] = text
        self._later("draft", self._proof)
        self._tell_python()
        self._keep()

    def save_prompt(self, name: str, *, description: str = "") -> Path:
        """Save the draft as a new prompt, whose parent is the one it was made of, and choose it.

        Raises
        ------
        PromptError
            When the draft is no prompt, or there is a file of that name.
        """
        if self._folder is None:
            raise PromptError("prompts= is no folder, so there is no place to save to: give workbench() a path")
        parent = self._editing
        draft = Prompt(name.strip(), self._text())
        about = {"parent": parent} | ({"description": description.strip()} if description.strip() else {})
        if draft.text == self._prompts[parent].text:
            raise PromptError(f"the draft says what {parent!r} says: change it first")
        if any(draft.about.get(each) != value for each, value in about.items()):
            draft = draft.revise(about=about)
        path = save_prompt(draft, self._folder)
        self._prompts = load_prompts(self._folder)
        self._drafts.pop(parent, None)
        self._tell_catalog()
        self.choose(prompts=[*self._chosen.prompts, draft.name])
        self.edit(draft.name)
        return path

    def run(self) -> None:
        """Start the sweep and return; only what the store does not hold is sent."""
        with self._queue:
            if self._sweeping:
                raise PlanError("a sweep is under way: stop it first")
            self._sweeping = True
        self._halt.clear()
        self._apart(self._sweep)

    def stop(self) -> None:
        """Send nothing more; what is under way gets a few seconds, and none when this is called again."""
        again = self._halt.is_set()
        self._halt.set()
        job = self._job
        if job is not None:
            job.stop(**({"grace_s": 0} if again else {}))

    def wait(self, timeout: float | None = None) -> pd.DataFrame:
        """Wait until nothing is under way any more, and give `frame`."""
        with self._queue:
            idle = self._queue.wait_for(
                lambda: not (self._sweeping or self._working or self._wanted or self._looking), timeout
            )
        if not idle:
            raise SweepError(f"the workbench is still at work after {timeout:g} s", self.frame)
        return self.frame

    def save_winner(self, name: str | None = None, *, force: bool = False) -> Path:
        """Save what leads `board` as a prompt file; a tie needs `force`, as with `rk.save_winner`."""
        saved = save_winner(self.board, self.frame, self._prompts, self._winners, name=name or None, force=force)
        self.winner = {"path": visible(saved.path), "diff": visible(saved.diff), "refused": ""}
        return saved.path

    def __repr__(self) -> str:
        return f"<Workbench: {self._said()}>"

    # -- how it comes back

    def _restore(self) -> None:
        """Take up what a workbench left on this store, or begin with a small sweep that costs nothing."""
        said = ""
        try:
            desk = read_desk(self._store)
            kept = Choices.of(desk["choices"]) if "choices" in desk else None
            ran = Choices.of(desk["ran"]) if desk.get("ran") else None
        except RetitlekitError as problem:
            desk, kept, ran, said = {}, None, None, str(problem)
        first = Choices(
            prompts=tuple(list(self._prompts)[:_FIRST_PROMPTS]),
            models=tuple(self._models),
            articles=tuple(self._ids[:_FIRST_ARTICLES]),
        )
        self._chosen = (kept or first).within(prompts=self._prompts, articles=self._ids)
        self._ran = ran and ran.within(prompts=self._prompts, articles=self._ids)
        drafts = desk.get("drafts")
        self._drafts = (
            {str(k): str(v) for k, v in drafts.items() if k in self._prompts} if isinstance(drafts, dict) else {}
        )
        first_prompt = next(iter(self._chosen.prompts), next(iter(self._prompts)))
        self._editing = desk["editing"] if desk.get("editing") in self._prompts else first_prompt
        self._article = desk["article"] if desk.get("article") in self._ids else self._ids[0]
        self._decide = desk["decide"] if isinstance(desk.get("decide"), str) else "passed"
        self.tab = desk["tab"] if desk.get("tab") in TABS else "compare"
        self.choices = self._chosen.to_dict() | {"articles": len(self._chosen.articles)}
        self.estimate = {"text": "", "why": "", "thinking": True}
        self.progress = {"state": "idle", "said": visible(said)}
        self._tell_catalog()
        self._tell_shelf()
        self._tell_python()
        self._later("draft", self._proof)
        under_way = next((each for each in _open.values() if each._sweeping and _same(each._store, self._store)), None)
        if under_way is not None and under_way._job is not None:
            self._ran, self._sweeping, job = under_way._ran, True, under_way._job
            under_way._job = None  # this view follows it from here on
            self._apart(lambda: self._sweep(job))
        elif self._ran and self._ran.prompts and self._ran.articles:
            self.progress = {"state": "recalling", "said": ""}
            self._later("recall", self._recall)
        self._later("estimate", self._reckon)

    def _recall(self) -> None:
        """The results of the last run, from the store; nothing is sent."""
        assert self._ran is not None
        try:
            trials = self._plan(self._ran, ready=False)
            found = _stored(trials, self._store)
            self._show(score(found))
            count = int(found["title"].notna().sum())
            self.progress = {"state": "done", "said": f"{count:,} titles from the store; nothing was sent"}
        except RetitlekitError as problem:
            self.progress = {"state": "idle", "said": f"The last results could not be brought back: {visible(problem)}"}

    def _keep(self) -> None:
        self._later("keep", self._write)

    def _write(self) -> None:
        write_desk(
            self._store,
            {
                "choices": self._chosen.to_dict(),
                "ran": self._ran and self._ran.to_dict(),
                "drafts": self._drafts,
                "editing": self._editing,
                "article": self._article,
                "decide": self._decide,
                "tab": self.tab,
            },
        )

    # -- work aside, so that the kernel stays free

    def _apart(self, work: Callable[[], None]) -> None:
        threading.Thread(target=contextvars.copy_context().run, args=(work,), daemon=True).start()

    def _later(self, what: str, work: Callable[[], None]) -> None:
        """Do this after what is under way; of the same kind only the last is done."""
        with self._queue:
            self._wanted.pop(what, None)
            self._wanted[what] = work
            if self._working:
                return
            self._working = True
        self._apart(self._work)

    def _work(self) -> None:
        while True:
            with self._queue:
                if not self._wanted:
                    self._working = False
                    self._queue.notify_all()
                    return
                work = self._wanted.pop(next(iter(self._wanted)))
            self._shown(work)

    def _shown(self, work: Callable[[], None]) -> None:
        """Do it, and show what goes wrong: nobody else would see an exception of this thread."""
        try:
            work()
        except RetitlekitError as problem:
            self.send({"kind": "problem", "text": visible(problem)})
        except Exception as problem:  # noqa: BLE001 - the view is the only place where it can be told
            self.send({"kind": "problem", "text": f"{type(problem).__name__}: {visible(problem)}"})

    # -- models, prompts, articles

    def _look(self) -> None:
        """Find which models can be used now."""
        try:
            self._shown(self._look_at_given if self._given else self._look_around)
        finally:
            with self._queue:
                self._looking = False
                self._queue.notify_all()
        self._tell_catalog()
        self._later("estimate", self._reckon)

    def _look_at_given(self) -> None:
        for each in self._offered:
            try:
                check_ready([self._models[each["name"]]])
            except ModelError as problem:
                each |= {"usable": False, "note": visible(problem)}

    def _look_around(self) -> None:
        for row in available_models().itertuples():
            if row.model in self._models or row.kind == "embedded":
                continue
            base = None if pd.isna(row.api_base) else str(row.api_base)
            if row.usable:
                self._models[str(row.model)] = Model(str(row.model), api_base=base)
            self._offered.append(
                {
                    "name": visible(row.model),
                    "usable": bool(row.usable),
                    "kind": str(row.kind),
                    "note": visible(row.note),
                }
            )

    def _tell_catalog(self) -> None:
        self.catalog = {
            "prompts": [
                {"name": name, "about": visible(each.description), "parent": visible(each.about.get("parent", ""))}
                for name, each in self._prompts.items()
            ],
            "models": list(self._offered),
            "looking": self._looking,
            "articles": len(self._ids),
            "unsaved": "" if self._folder else "prompts= is no folder: there is no place to save to",
        }

    def _tell_shelf(self) -> None:
        """The articles that a search finds, those that are chosen first."""
        wanted, chosen = self._query.casefold(), set(self._chosen.articles)
        found = [each for each in self._articles if wanted in f"{each.title}\n{each.id}".casefold()]
        found.sort(key=lambda each: each.id not in chosen)
        rows = [
            {"id": each.id, "title": cut(each.title, 200), "on": each.id in chosen} for each in found[:_SHOWN_ARTICLES]
        ]
        self.shelf = {"rows": rows, "more": len(found) - len(rows), "query": self._query}

    def _choose(self, choices: Choices) -> None:
        known = choices.within(prompts=self._prompts, articles=self._ids)
        for kind, wanted, there in (
            ("prompt", choices.prompts, known.prompts),
            ("article", choices.articles, known.articles),
        ):
            if lost := [each for each in wanted if each not in there]:
                raise PlanError(f"there is no {kind} {lost[0]!r}")
        self._chosen = choices
        self.choices = choices.to_dict() | {"articles": len(choices.articles)}
        self._tell_python()
        self._later("estimate", self._reckon)
        self._later("tokens", self._count)
        self._keep()

    # -- the plan and its price

    def _plan(self, choices: Choices, *, ready: bool = True) -> pd.DataFrame:
        for each in ("prompt", "model", "article", "temperature"):
            if not getattr(choices, f"{each}s"):
                raise PlanError(f"choose {'an' if each[0] in 'aeiou' else 'a'} {each}")
        reasons = {each["name"]: each["note"] for each in self._offered if not each["usable"]}
        for name in choices.models if ready else ():
            if name in reasons or (name not in self._models and not self._looking):
                raise PlanError(f"{name} cannot be used now: {reasons.get(name, 'it is not among the models')}")
        chosen = set(choices.articles)
        return plan(
            [self._prompts[each] for each in choices.prompts],
            [each for each in self._articles if each.id in chosen],
            models=[self._models.get(each, each) for each in choices.models],
            temperatures=choices.temperatures,
            repeats=choices.repeats,
        )

    def _reckon(self) -> None:
        choices = self._chosen
        try:
            found = estimate(self._plan(choices), store=self._store)
        except RetitlekitError as problem:
            self.estimate = {"text": "", "why": visible(problem)}
            return
        budget, why, warning = choices.budget_usd, "", ""
        if budget is not None and found.to_send and found.cost_high is None:
            why = "a budget cannot hold where a price is unknown: rk.Model(…, input_cost_per_token=…, output_cost_per_token=…)"
        elif budget is not None and found.cost_low is not None and found.cost_low > budget:
            warning = "more than the budget: the sweep will end before all is sent"
        parts = str(found).split(", ")
        self.estimate = {
            "trials": found.trials, "stored": found.stored, "to_send": found.to_send,
            "text": str(found), "cost": parts[3], "time": parts[4] if len(parts) > 4 else "", "why": why, "warning": warning,
        }  # fmt: skip

    # -- the sweep

    def _sweep(self, job: Job | None = None) -> None:
        began = time.monotonic()
        try:
            if job is None:
                self.progress = {"state": "starting", "said": ""}
                choices = self._chosen
                trials = self._plan(choices)
                job = start(trials, store=self._store, budget_usd=choices.budget_usd)
                self._ran = choices
                self._keep()
            self._job = job
            if self._halt.is_set():
                job.stop()
            self._follow(job, began)
        except RetitlekitError as problem:
            self.progress = {"state": "failed", "said": visible(problem)}
        except Exception as problem:  # noqa: BLE001 - the view is the only place where it can be told
            self.progress = {"state": "failed", "said": f"{type(problem).__name__}: {visible(problem)}"}
        finally:
            with self._queue:
                self._sweeping, self._job = False, None
                self._queue.notify_all()
            self._later("estimate", self._reckon)

    def _follow(self, job: Job, began: float) -> None:
        """Show titles as they come; the last state is always shown."""
        due, seen, total = 0.0, -1, job.frame["trial_id"].nunique()
        with ThreadPoolExecutor(1) as pool:
            waiting = pool.submit(_waited, job)
            while not wait([waiting], _TICK_S).done:
                if self._job is not job:
                    return  # another view follows it
                now = time.monotonic()
                errors = list(self.progress.get("errors", []))
                if job.done != seen and now >= due:
                    seen, frame = job.done, job.frame
                    errors = _errors(frame)
                    self._lay(frame)
                    due = time.monotonic() + _SHARE * (time.monotonic() - now)
                self._tell_progress(job, total, began, errors)
            said = ""
            try:
                frame = waiting.result()
            except SweepError as problem:
                frame, said = problem.frame, visible(problem)
        errors = _errors(frame)
        self._lay(frame)
        self.progress = self.progress | {"state": "scoring", "errors": errors}
        self._show(score(frame))
        state = "failed" if said else "stopped" if self._halt.is_set() else "done"
        told = said or _told(frame, job.cost_usd, time.monotonic() - began)
        self.progress = {"state": state, "said": told, "errors": errors, "done": len(frame), "total": len(frame)}

    def _tell_progress(self, job: Job, total: int, began: float, errors: list[list[Any]]) -> None:
        self.progress = {
            "state": "stopping" if self._halt.is_set() else "running",
            "done": job.done,
            "total": total,
            "cost": f"${job.cost_usd:.4f}" if job.cost_usd else "$0",
            "seconds": round(time.monotonic() - began),
            "errors": errors,
        }

    def _lay(self, frame: pd.DataFrame) -> None:
        """Lay a frame into the grid; a sweep of another shape gets a new one."""
        sheet, grid = Sheet(frame), self.grid
        if isinstance(grid, Grid) and grid.columns == sheet.columns:
            with grid.one_at_a_time:
                grid.update(frame)
        else:
            self.grid = Grid(sheet, store=self._store)

    def _show(self, frame: pd.DataFrame) -> None:
        """Take these results for those of the workbench."""
        self._frame = frame
        self._lay(frame)
        self.arena, self.pictures, self.winner = None, [], {}
        self._decided()
        self._later("tab", self._fill_tab)

    # -- tabs

    def _decided(self) -> None:
        """The leaderboard; without a score there is none."""
        assert self._frame is not None
        votes, metrics = len(self._own_votes()), _metrics(self._frame)
        known = {"metrics": metrics, "votes": votes, "decide": self._decide}
        try:
            self._board = self.board
            self.results = told_board(self._board) | known
        except RetitlekitError as problem:
            self._board, self.results = None, known | {"rows": [], "why": visible(problem)}
        self._print()

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
            self._decided()
        elif self.tab == "vote" and self.arena is None:
            try:
                self.arena = Arena(self._frame, store=self._store)
            except FrameError as problem:
                self.results = self.results | {"no_vote": visible(problem)}

    def _tell_python(self) -> None:
        """The line of Python that says what each tab does."""
        sweep = self._chosen.python(self._ids, self._models, str(self._store))
        by = "votes=rk.read_votes(store)" if self._decide == "votes" else f"metric={self._decide!r}"
        board = "board = rk.leaderboard(frame)" if self._decide == "passed" else f"board = rk.leaderboard(frame, {by})"
        name, folder = _next_name(self._editing, self._prompts), str(self._folder or "prompts")
        self.python = {
            "compare": visible(f"frame = rk.score({sweep})\nrk.compare(frame)"),
            "charts": "rk.charts.intervals(board); rk.charts.scores(frame); rk.charts.lengths(frame)",
            "leaderboard": visible(f"{board}\nrk.save_winner(board, frame, prompts, {str(self._winners)!r})"),
            "vote": "arena = rk.vote(frame)",
            "prompt": visible(
                f"rk.save_prompt(rk.Prompt({name!r}, text).revise(about={{'parent': {self._editing!r}}}), {folder!r})"
            ),
        }

    # -- the editor

    def _text(self) -> str:
        return self._drafts.get(self._editing, self._prompts[self._editing].text)

    def _proof(self) -> None:
        """Read the draft as a prompt: what lint finds, and the messages for the article."""
        base, text, serial = self._editing, self._text(), self._serial
        article = next(each for each in self._articles if each.id == self._article)
        shown: dict[str, Any] = {
            "prompt": base, "text": text, "serial": serial, "changed": text != self._prompts[base].text,
            "name": _next_name(base, self._prompts), "parent": visible(self._prompts[base].about.get("parent", "")),
            "article": cut(article.title, 200), "messages": [], "variables": [], "problem": "", "tokens": [],
        }  # fmt: skip
        try:
            draft = Prompt(base, text)
            found = [[each.line, each.severity, each.code, visible(each.message)] for each in draft.lint()]
            shown |= {"findings": found, "variables": [visible(each) for each in draft.variables]}
            messages = draft.render(article)
            shown["messages"] = [{"role": m["role"], "content": cut(m["content"], _LONGEST_TEXT)} for m in messages]
        except PromptError as problem:
            shown |= {"problem": visible(_unplaced(str(problem)))} | (
                {} if "findings" in shown else {"findings": _located(problem)}
            )
        self.draft = shown
        self._later("tokens", self._count)

    def _count(self) -> None:
        """Tokens of the messages for each model that is chosen and counts them."""
        draft = self.draft
        messages = draft.get("messages")
        chosen = [self._models[each] for each in self._chosen.models if each in self._models]
        asked = [each for each in chosen if not each.embedded][:6]
        if messages and self._looking:
            return  # LiteLLM is on its way; the estimate after it calls again
        counts = [[visible(each.name), count_tokens(each, messages)] for each in asked] if messages else []
        if draft is self.draft and counts != draft["tokens"]:
            self.draft = draft | {"tokens": counts}

    # -- what the view says

    @told
    def _heard(self, _: object, message: Mapping[str, Any], __: object) -> None:
        kind = message.get("kind")
        handler = self._HANDLERS.get(str(kind))
        if handler is not None:
            handler(self, message)
        self.send({"kind": "heard"})

    def _on_pick(self, message: Mapping[str, Any]) -> None:
        """One entry of a list, on or off."""
        name, value = str(message["name"]), message["value"]
        if name not in ("prompts", "models", "articles", "temperatures"):
            raise PlanError(f"{name!r} is no list of choices")
        now = [each for each in getattr(self._chosen, name) if each != value]
        if message["on"]:
            now.append(value)
        order = {"prompts": list(self._prompts), "articles": self._ids}.get(name)
        if order is not None:
            place = {each: at for at, each in enumerate(order)}
            now.sort(key=lambda each: place.get(each, len(place)))
        self.choose(**{name: now})
        if name == "articles":
            self._tell_shelf()

    def _on_set(self, message: Mapping[str, Any]) -> None:
        self.choose(**{str(message["name"]): message["value"]})

    def _on_first(self, message: Mapping[str, Any]) -> None:
        self.choose(articles=self._ids[: max(0, int(message["n"]))])
        self._tell_shelf()

    def _on_find(self, message: Mapping[str, Any]) -> None:
        self._query = str(message["query"])[:200]
        self._tell_shelf()

    def _on_open(self, message: Mapping[str, Any]) -> None:
        self.edit(str(message["prompt"]))

    def _on_edit(self, message: Mapping[str, Any]) -> None:
        self._serial = int(message["serial"])
        self.edit(str(message["prompt"]), str(message["text"]))

    def _on_revert(self, _: Mapping[str, Any]) -> None:
        self._drafts.pop(self._editing, None)
        self._serial += 1_000_000
        self.edit(self._editing)

    def _on_article(self, message: Mapping[str, Any]) -> None:
        """The next article, or the one before, of those that are chosen."""
        ids = list(self._chosen.articles) or self._ids
        at = ids.index(self._article) if self._article in ids else -int(message["step"])
        self._article = ids[(at + int(message["step"])) % len(ids)]
        self._later("draft", self._proof)
        self._keep()

    def _on_save(self, message: Mapping[str, Any]) -> None:
        path = self.save_prompt(str(message["name"]), description=str(message.get("description", "")))
        self.send({"kind": "status", "text": f"Saved as {visible(path)} and chosen: Run sends only what is new."})

    def _on_tab(self, message: Mapping[str, Any]) -> None:
        self.tab = str(message["tab"])
        self._later("tab", self._fill_tab)
        self._keep()

    def _on_decide(self, message: Mapping[str, Any]) -> None:
        self._decide = str(message["by"])
        self.pictures = []
        self._tell_python()
        self._later("board", self._decided)
        self._later("tab", self._fill_tab)
        self._keep()

    def _on_winner(self, message: Mapping[str, Any]) -> None:
        def save() -> None:
            try:
                self.save_winner(str(message.get("name") or "").strip(), force=bool(message.get("force")))
            except RetitlekitError as problem:
                self.winner = {
                    "refused": visible(problem),
                    "tie": isinstance(problem, FrameError) and not message.get("force"),
                }

        self._later("winner", save)

    _HANDLERS: Mapping[str, Callable[[Workbench, Mapping[str, Any]], None]] = {
        "pick": _on_pick, "set": _on_set, "first": _on_first, "find": _on_find, "open": _on_open, "edit": _on_edit,
        "revert": _on_revert, "article": _on_article, "save": _on_save, "tab": _on_tab, "decide": _on_decide,
        "winner": _on_winner, "run": lambda self, _: self.run(), "stop": lambda self, _: self.stop(),
    }  # fmt: skip

    # -- in a notebook

    def _said(self) -> str:
        """Where the workbench stands, in one line."""
        return str(self.progress.get("said") or self.estimate.get("text") or self.estimate.get("why") or "ready")

    def _ipython_display_(self) -> None:
        """Show the view, and beside it what remains of it where there is no kernel."""
        from IPython.display import HTML, display, publish_display_data

        bundle = super()._repr_mimebundle_()
        data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
        publish_display_data(data={**data, "text/plain": repr(self)}, metadata=metadata)
        self._still = display(HTML(self._summary()), display_id=True)

    def _summary(self) -> str:
        return summary(self._said(), self._frame, self._board)

    def _print(self) -> None:
        if self._still is not None:
            from IPython.display import HTML

            self._still.update(HTML(self._summary()))


# ---- stopping while a cell keeps the kernel busy

_open: weakref.WeakValueDictionary[str, Workbench] = weakref.WeakValueDictionary()


def _listen() -> None:
    """Take Stop on the kernel's control channel, which a busy cell does not block.

    A widget's own messages wait for the end of the cell in ipykernel 6 and 7.4; the control channel has a thread of its
    own in all versions since 6.
    """
    with contextlib.suppress(ImportError):
        from IPython import get_ipython

        handlers = getattr(getattr(get_ipython(), "kernel", None), "control_handlers", None)
        if isinstance(handlers, dict):
            handlers[_STOP] = _stop_asked


def _stop_asked(_: object, __: object, message: Mapping[str, Any]) -> None:
    bench = _open.get(str(message.get("content", {}).get("key")))
    if bench is not None:
        bench.stop()


# ---- what is made of a frame


def _stored(trials: pd.DataFrame, folder: str | os.PathLike[str]) -> pd.DataFrame:
    """The frame of these trials as far as the store has their answers; nothing is sent, and no store is made."""
    responses = {}
    if (Path(folder) / "store.sqlite").exists():
        with Store(folder) as store:
            responses = store.find(trials["trial_id"].unique())
    parts = trials, answered(trials), Texts(trials)
    return fill(*parts, run_id="", responses=responses, failures={}, skipped=(), open_status="planned")


def _waited(job: Job) -> pd.DataFrame:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetitlekitWarning)  # what went wrong is shown in the view
        return job.wait(progress=False)


def _errors(frame: pd.DataFrame) -> list[list[Any]]:
    """Which model failed how, how often, and what the first one said."""
    failed = frame[frame["status"].eq("error")]
    groups = failed.groupby(["model", "error_type"], observed=True, sort=False)
    told = [
        [visible(model), visible(kind), len(each), cut(each["error"].iloc[0], 300)] for (model, kind), each in groups
    ]
    return sorted(told, key=lambda each: -each[2])[:8]


def _told(frame: pd.DataFrame, cost: float, seconds: float) -> str:
    counts = frame["status"].value_counts()
    parts = [f"{int(frame['title'].notna().sum()):,} of {len(frame):,} trials have a title"]
    parts += [f"{counts[each]:,} {word}" for each, word in _ENDS.items() if counts.get(each, 0)]
    return ", ".join([*parts, f"${cost:.4f}" if cost else "$0", f"{seconds:.1f} s"])


_ENDS = {"error": "failed", "skipped_budget": "not sent for the budget", "cancelled": "stopped before they were sent"}


def _metrics(frame: pd.DataFrame) -> list[str]:
    scored = [str(each) for each in frame.columns if str(each).startswith("score_") and frame[each].notna().any()]
    return ["passed", *(each for each in scored if each not in ("score_cost", "score_latency"))]


def _by_name(prompts: Any) -> dict[str, Prompt]:
    listed = [prompts] if isinstance(prompts, Prompt) else prompts.values() if isinstance(prompts, Mapping) else prompts
    return {each.name: each for each in listed}


def _next_name(base: str, taken: Iterable[str]) -> str:
    stem, known = re.sub(r"-\d+$", "", base), set(taken)
    return next(name for n in range(2, len(known) + 3) if (name := f"{stem}-{n}") not in known)


_PLACE = re.compile(r"^(?:prompt '[^']*'|[^\n:]*\.prompt)(?::(\d+))?: ", re.MULTILINE)


def _unplaced(text: str) -> str:
    return _PLACE.sub(lambda found: f"line {found[1]}: " if found[1] else "", text)


def _located(problem: PromptError) -> list[list[Any]]:
    """What makes a text no prompt, as lint would tell it."""
    lines = str(problem).splitlines()
    return [
        [int((_PLACE.match(each) or [0, 1])[1] or 1), "error", "no-prompt", visible(_PLACE.sub("", each))]
        for each in lines
    ]


def _same(one: str | os.PathLike[str], other: str | os.PathLike[str]) -> bool:
    return Path(one).resolve() == Path(other).resolve()
