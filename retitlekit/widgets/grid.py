"""The grid: titles side by side, to be read, filtered, sorted and annotated in the notebook.

The truth is here and on disk: the browser gets the rows that it shows, page by page, and sends back what was chosen.
Whatever a model or an article wrote travels as text and is shown as text.
"""

from __future__ import annotations

import contextvars
import functools
import json
import os
import re
import threading
import warnings
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any

import anywidget
import numpy as np
import pandas as pd
import traitlets as t

from retitlekit.claims.figures import number_claims
from retitlekit.claims.names import name_claims
from retitlekit.errors import FrameError, RetitlekitWarning
from retitlekit.html import card, escape, visible
from retitlekit.sheet import ONLY, Outcome, Sheet
from retitlekit.sheet.notes import add_note, last_notes, read_notes
from retitlekit.sheet.sidebyside import Comparison
from retitlekit.sweeps import Job, start
from retitlekit.titles import word_diff
from retitlekit.widgets.view import LONGEST, cut, show, source, told

_FIRST_ROWS, _FIRST_CELLS, _LONGEST_PAGE = 12, 48, 400  # with more variants a row is taller, and fewer are in sight
_LONGEST_TEXT = 50_000
_SEEN = 32  # views whose clicks may still come in
_AGAINST = ("original", "baseline", "both", "nothing")
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


class Grid(anywidget.AnyWidget):
    """Titles side by side; `rk.compare` opens one.

    Every trait can be set from Python as well as in the view.

    Attributes
    ----------
    query : str
        Text that a row must hold.
    only : list of str
        What a row must have: "different", "failed", "disagreeing", "errors".
    within : int
        The variant that `query`, `only` and `sort` look at; -1 is all.
    sort : str
        A column to sort by ("" is plan order), `descending` or not.
    hidden : list of int
        Variants that are not shown.
    order : list of int
        Variants in the order shown; those that it leaves out follow. The baseline always comes first.
    baseline : int
        The variant that the others are compared with; -1 is none.
    against : str
        What differences are marked against: "original", "baseline", "both" or "nothing".
    marks, details : bool
        Mark names and numbers; show cost, latency and tokens.
    blind : bool
        Hide which variant is which, shuffled anew for each row from `seed`: in the view, in what is copied and in
        `to_frame`.
    """

    _esm = source("titles.js", "grid.js")
    _css = source("titles.css", "grid.css")

    head = t.Dict().tag(sync=True)
    first: t.List[Any] = t.List().tag(sync=True)
    total = t.Int().tag(sync=True)
    view = t.Int(0).tag(sync=True)
    keep = t.Bool(False).tag(sync=True)
    query = t.Unicode("").tag(sync=True)
    only = t.List(t.Enum(tuple(ONLY))).tag(sync=True)
    within = t.Int(-1).tag(sync=True)
    sort = t.Unicode("").tag(sync=True)
    descending = t.Bool(False).tag(sync=True)
    hidden = t.List(t.Int()).tag(sync=True)
    order = t.List(t.Int()).tag(sync=True)
    baseline = t.Int(-1).tag(sync=True)
    against = t.Enum(_AGAINST, "original").tag(sync=True)
    marks = t.Bool(True).tag(sync=True)
    details = t.Bool(False).tag(sync=True)
    blind = t.Bool(False).tag(sync=True)
    seed = t.Int(0).tag(sync=True)

    def __init__(self, sheet: Sheet, *, store: str | os.PathLike[str] = ".retitlekit", limit: int = 12) -> None:
        self.comparison = Comparison(sheet, limit)
        self._sheet = sheet
        self._store = store
        self.one_at_a_time = threading.RLock()
        self._order = sheet.select()
        self._thoughts: dict[str, tuple[bool, str]] | None = None
        self._replace_still: Callable[[str], None] | None = None  # once it is displayed
        self._seen = {0: (self._order, self._places)}
        super().__init__(head=self._told_head(), first=self._first_page(), total=len(self._order))
        self.on_msg(self._heard)
        self.observe(self._select, names=["query", "only", "within", "sort", "descending", "blind"])
        self.observe(self._redraw_still, names="blind")
        self.observe(self._redraw, names=["hidden", "order", "baseline", "against", "marks", "details", "seed"])

    # -- what Python reads

    @property
    def frame(self) -> pd.DataFrame:
        """The trials that are compared."""
        return self._sheet.frame

    @property
    def rows(self) -> str:
        """The column whose values are the rows."""
        return self._sheet.rows

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that tell the variants apart."""
        return self._sheet.columns

    def to_frame(self) -> pd.DataFrame:
        """The titles as they are shown: rows that were filtered out or variants that are hidden are left out.

        Returns
        -------
        pandas.DataFrame
            A string column for each variant, named as in the grid; the index holds `rows`, and as further levels what
            else varies (`repeat`, for one). In a blind grid the columns are A, B, C …, shuffled as shown.
        """
        if not self.blind:
            return self._sheet.to_frame(self._order.tolist(), self._shown())
        wide = self._sheet.to_frame(self._order.tolist())
        start = len(wide.columns) - len(self._sheet.names)
        values = wide.iloc[:, start:].to_numpy(object)
        keys = wide.index.get_level_values(0) if isinstance(wide.index, pd.MultiIndex) else wide.index
        number = dict(zip(dict.fromkeys(keys), self._order.tolist(), strict=True))
        shuffled = [value[self._places(number[key])] for key, value in zip(keys, values, strict=True)]
        wide.iloc[:, start:] = np.array(shuffled, dtype=object).reshape(values.shape)
        return wide.set_axis([*wide.columns[:start], *self._names_shown()], axis=1)

    @property
    def notes(self) -> pd.DataFrame:
        """What was flagged or noted in this sheet: `trial_id`, `flagged`, `note`, `noted_at`, `article`, `title`."""
        told = read_notes(self._store)
        known = [each for each in ("trial_id", "article", "title") if each in self.frame]
        return told.merge(self.frame[known].drop_duplicates("trial_id"), on="trial_id") if "trial_id" in known else told

    def everything(self) -> dict[str, Any]:
        """All that the view could ever ask for, as plain data: for a page without a kernel.

        Returns
        -------
        dict
            `head`; and `rows`, each with its `cells` in the order of the variants, the panel that opens as `opened`,
            and as `figures` the mean of each metric for each variant.
        """
        rows: list[dict[str, Any]] = []
        for first in range(0, self.total, _LONGEST_PAGE):
            rows += self._page(first, self.total, details=True)
        means, places = self._sheet.means(), self._shown()
        for at, row in enumerate(rows):
            opened = self._opened(int(self._order[at]))
            for entry in opened["entries"]:
                entry["cell"] = places[entry["cell"]]
            row["cells"] = [cell for _, cell in sorted(zip(places, row["cells"], strict=True), key=itemgetter(0))]
            row["opened"] = {"body": opened.get("body", ""), "entries": opened["entries"]}
            row["figures"] = {metric: values[at] for metric, values in means.items()}
        return {"head": {**self.head, "static": True, "baseline": self.baseline}, "rows": rows}

    def update(self, frame: pd.DataFrame) -> None:
        """Show another state of the same sweep, such as that of a job under way; what was chosen stays."""
        sheet = Sheet(frame, self._sheet.rows, self._sheet.columns)
        known = sheet.names == self._sheet.names
        if not known or not np.array_equal(sheet.row, self._sheet.row):
            self._seen.clear()
        self._sheet, self.comparison = sheet, Comparison(sheet, self.comparison.limit)
        if not known:
            self.hidden, self.order, self.baseline, self.within = [], [], -1, -1
        self._select()
        self._redraw_still()

    def __repr__(self) -> str:
        return self._blindly() or str(self.comparison)

    def _ipython_display_(self) -> None:
        self._replace_still = show(self, self._blindly() or self.comparison.line, self._still)

    def _still(self) -> str:
        blindly = self._blindly()
        return card(f"<p>{escape(blindly)}</p>") if blindly else self.comparison._repr_html_()

    def _blindly(self) -> str:
        """What may be said of a blind grid in print."""
        return f"{len(self._sheet.names)} variants side by side, blind" if self.blind else ""

    # -- what the view is told

    def _told_head(self) -> dict[str, Any]:
        totals = self._sheet.totals
        names = [[visible(part) for part in parts] for parts in self._sheet.names]
        return {
            "rows": self._sheet.n_rows,
            "corner": "original title" if self.rows == "article" else visible(self.rows),
            "variants": [
                {"name": name, "total": total} for name, total in zip(names, totals, strict=True)
            ] if not self.blind else [{"name": [letter], "total": ""} for letter in self._names_shown()],
            "metrics": self._sheet.metrics,
            "only": ONLY,
            "constants": [] if self.blind else [visible(each) for each in self._sheet.constants],
        }  # fmt: skip

    def _names_shown(self) -> list[str]:
        if not self.blind:
            return [" · ".join(self._sheet.names[number]) for number in self._shown()]
        numbers = range(len(self._sheet.names))
        return [_LETTERS[n % 26] + (str(n // 26) if n >= 26 else "") for n in numbers]

    def _shown(self) -> list[int]:
        """The variants in the order shown: the baseline first."""
        place = {n: at for at, n in reversed(list(enumerate(self.order)))}
        numbers = [n for n in range(len(self._sheet.names)) if n not in set(self.hidden)]
        return sorted(numbers, key=lambda n: (n != self.baseline, place.get(n, len(place))))

    @property
    def _places(self) -> Callable[[int], list[int]]:
        """Tells for a row the variants in the order shown; goes on telling it when that has changed."""
        if not self.blind:
            shown = self._shown()
            return lambda _: shown
        count, seed = len(self._sheet.names), self.seed
        return lambda row: [int(n) for n in np.random.default_rng([seed, row]).permutation(count)]

    def _first_page(self) -> list[dict[str, Any]]:
        return self._page(0, min(_FIRST_ROWS, max(6, _FIRST_CELLS // max(1, len(self._shown())))))

    def _page(self, start: int, stop: int, *, details: bool | None = None) -> list[dict[str, Any]]:
        rows = [int(number) for number in self._order[start : min(stop, start + _LONGEST_PAGE)]]
        told = []
        details = self.details and not self.blind if details is None else details  # costs tell models apart
        for row, (label, detail), cells in zip(rows, self._sheet.labels(rows), self._sheet.cells(rows), strict=True):
            base = cells[self.baseline] if 0 <= self.baseline < len(cells) and not self.blind else []
            titles = [each.title for each in base if each.title is not None]
            told.append(
                {
                    "label": cut(label),
                    "detail": cut(detail),
                    "cells": [
                        [
                            self._told_outcome(
                                each, titles[0] if titles and n != self.baseline else None, details=details
                            )
                            for each in cells[n]
                        ]
                        for n in self._places(row)
                    ],
                }
            )
        return told

    def _told_outcome(self, outcome: Outcome, base: str | None, *, details: bool) -> dict[str, Any]:
        kept: dict[str, Any] = {"n": len(outcome.trials)}
        if outcome.title is None:
            kept |= {"problem": visible(outcome.problem), "reason": visible(outcome.reason)}
        else:
            kept |= self._told_title(outcome, base)
        flagged, note = self._thought(outcome)
        if flagged or note:
            kept |= {"flag": flagged, "note": note}
        if details:
            kept["details"] = self._figures(outcome)
        return {name: value for name, value in kept.items() if value not in ("", [], None)}

    def _told_title(self, outcome: Outcome, base: str | None) -> dict[str, Any]:
        title, original = str(outcome.title)[:LONGEST], outcome.original[:LONGEST]
        claimed, dropped = self._claims(outcome) if self.marks else ({}, [])
        told: dict[str, Any] = {
            "same": outcome.is_same,
            "more": max(0, len(str(outcome.title)) - LONGEST),
            "lang": outcome.language if re.fullmatch(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*", outcome.language) else "",
            "failed": [[visible(gate), visible(why)] for gate, why in outcome.failed],
            "repairs": list(outcome.repairs),
            "dropped": dropped,
        }
        references = {
            "original": [original],
            "baseline": [base or original],
            "both": [original, *([base] if base else [])],
            "nothing": [title],
        }[self.against]
        told["parts"] = [_parts(reference[:LONGEST], title, claimed) for reference in references]
        return {name: value for name, value in told.items() if value}

    def _claims(self, outcome: Outcome) -> tuple[dict[str, str], list[str]]:
        """The names and numbers of a title, kept or invented; and those of the original that it dropped."""
        title, original = str(outcome.title)[:LONGEST], outcome.original[:LONGEST]
        body = str(self.frame["body"].iloc[outcome.trials[0]] or "") if "body" in self.frame else ""
        claimed: dict[str, str] = {}
        dropped: list[str] = []
        for claims in (name_claims, number_claims) if body else (number_claims,):
            if (here := claims(title, original, body)) is not None:
                claimed |= {word: "invented" if word in here.unsupported else "kept" for word in here.made}
        for claims in (name_claims, number_claims):
            if (lost := claims(original, title)) is not None:
                dropped += lost.unsupported
        return claimed, [visible(word) for word in dropped]

    def _figures(self, outcome: Outcome) -> list[str]:
        told = []
        for column, unit in (("cost_usd", "${:.4g}"), ("latency_s", "{:.2f} s"), ("output_tokens", "{:.0f} tokens")):
            if column in self.frame:
                values = self._sheet.figures(column)[list(outcome.trials)]
                if not np.isnan(values).all():
                    told.append(unit.format(np.nanmean(values)).replace("0.00 s", "< 0.01 s"))
        return told

    # -- what the view says

    @told
    def _select(self, change: object = None) -> None:
        """Choose the rows anew, and send the first page of them; without a change of choices the place is kept."""
        variants = [self.within] if 0 <= self.within < len(self._sheet.names) and not self.blind else None
        self._order = self._sheet.select(
            self.query, self.only, sort=self.sort or None, descending=self.descending, variants=variants
        )
        self._show_view(keep=change is None)

    @told
    def _redraw_still(self, _: object = None) -> None:
        """What stands below the grid tells no more than the grid does."""
        if self._replace_still is not None:
            self._replace_still(self._still())

    @told
    def _redraw(self, _: object = None) -> None:
        """Send the same rows in another dress."""
        self._show_view(keep=True)

    def _show_view(self, *, keep: bool) -> None:
        """Tell how many rows there are now, and the first of them; in one message, and kept for whoever looks later."""
        head = self._told_head()
        with self.hold_sync():
            if head != self.head:
                self.head = head
            self.first, self.total = self._first_page(), len(self._order)
            self.view, self.keep = self.view + 1, keep
        self._seen[self.view] = self._order, self._places
        self._seen.pop(self.view - _SEEN, None)

    @told
    def _heard(self, _: object, message: Mapping[str, Any], __: object) -> None:
        kind = message.get("kind")
        if kind == "page":
            start = int(message["start"])
            rows = self._page(start, int(message["stop"]))
            self.send({"kind": "page", "view": self.view, "start": start, "rows": rows})
        elif kind == "ready":
            self.send({"kind": "here"})
            self._sheet.warm()
        elif kind == "open":
            self.send(
                {"kind": "opened", "view": self.view, "at": message["at"], **self._opened(self._meant(message)[0])}
            )
        elif kind in ("flag", "note"):
            self._note(message)
        elif kind == "retry":
            self._retry(message)

    def _meant(self, message: Mapping[str, Any]) -> tuple[int, list[int]]:
        """The row that a message is about and its variants in order, as they stood where it was sent."""
        view = int(message.get("view", self.view))
        if view != self.view and view not in self._seen:
            raise FrameError("the rows have changed meanwhile: nothing was done")
        order, variants = self._seen.get(view, (self._order, self._places))
        row = int(order[int(message["at"])])
        return row, variants(row)

    def _outcome(self, message: Mapping[str, Any]) -> Outcome:
        row, variants = self._meant(message)
        return self._sheet.cells([row])[0][variants[int(message["cell"])]][int(message.get("outcome", 0))]

    def _opened(self, row: int) -> dict[str, Any]:
        """All that is known of a row: the article, and behind each title what was sent and what came."""
        cells = self._sheet.cells([row])[0]
        entries = []
        article: dict[str, str] = {}
        for cell, (place, variant) in enumerate(zip(self._names_shown(), self._places(row), strict=True)):
            for number, outcome in enumerate(cells[variant]):
                trial = self.frame.iloc[outcome.trials[0]]
                article = article or {"body": cut(trial.get("body"), _LONGEST_TEXT)}
                entry = self._told_outcome(outcome, None, details=False) | {
                    "variant": visible(place),
                    "cell": cell,
                    "outcome": number,
                }
                entry["completion"] = cut(trial.get("completion"), _LONGEST_TEXT)
                if not self.blind:
                    entry["messages"] = _messages(trial.get("messages"))
                    entry["figures"] = self._figures(outcome)
                entries.append(entry)
        ((label, detail),) = self._sheet.labels([row])
        return {"label": cut(label), "detail": cut(detail), "entries": entries, **article}

    def _thought(self, outcome: Outcome) -> tuple[bool, str]:
        """Whether a title is flagged, and what was noted about it."""
        if "trial_id" not in self.frame:
            return False, ""
        if self._thoughts is None:
            self._thoughts = {
                trial: (bool(told["flagged"]), str(told["note"])) for trial, told in last_notes(self._store).items()
            }
        if not self._thoughts:
            return False, ""
        found = (self._thoughts.get(str(self.frame["trial_id"].iloc[at])) for at in outcome.trials)
        return next((each for each in found if each and any(each)), (False, ""))

    def _note(self, message: Mapping[str, Any]) -> None:
        if "trial_id" not in self.frame:
            raise FrameError("a note belongs to a trial: the frame has no `trial_id` (written by plan())")
        outcome = self._outcome(message)
        flagged, note = self._thought(outcome)
        if message["kind"] == "flag":
            flagged = not flagged
        else:
            note = str(message.get("text", "")).strip()[:LONGEST]
        trial = str(self.frame["trial_id"].iloc[outcome.trials[0]])
        add_note(self._store, trial, flagged=flagged, note=note)
        self._thoughts = {**(self._thoughts or {}), trial: (flagged, note)}
        self._resend(self._meant(message)[0])

    def _retry(self, message: Mapping[str, Any]) -> None:
        """Send again the trials of a cell that brought no title, while the kernel stays free."""
        trials = list(self._outcome(message).trials)
        job = start(self.frame.iloc[trials], store=self._store)
        self.send({"kind": "status", "text": f"sending {len(trials)} trial{'s' * (len(trials) > 1)} again …"})
        finish = functools.partial(self._retried, job, trials)
        threading.Thread(target=contextvars.copy_context().run, args=(finish,), daemon=True).start()

    def _retried(self, job: Job, trials: list[int]) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RetitlekitWarning)  # a trial that fails again says so in its cell
            again = job.wait(progress=False)
        self._take_back(trials, again)

    @told
    def _take_back(self, trials: list[int], again: pd.DataFrame) -> None:
        frame = self.frame.copy()
        for column in again.columns:
            kept = frame[column] if column in frame else pd.Series(pd.NA, index=frame.index, dtype=again[column].dtype)
            values = kept.astype(object).to_numpy(copy=True)
            values[trials] = again[column].astype(object).to_numpy()
            frame[column] = pd.Series(values, index=frame.index).astype(again[column].dtype)
        self.update(frame)

    def _resend(self, row: int) -> None:
        for at in np.flatnonzero(self._order == row).tolist():
            self.send({"kind": "page", "view": self.view, "start": at, "rows": self._page(at, at + 1)})


# ---- text that travels


def _messages(text: object) -> list[dict[str, str]]:
    try:
        listed = json.loads(str(text))
    except ValueError:
        return []
    return [{"role": visible(each["role"]), "content": cut(each["content"], _LONGEST_TEXT)} for each in listed]


def _parts(before: str, after: str, claimed: Mapping[str, str]) -> list[list[str]]:
    """A title in parts, [sign, text]: "=" kept, "-" gone, "+" new, then "k" or "i" for a name or number."""
    kinds = [""] * len(after)
    for word, kind in claimed.items():
        for found in re.finditer(rf"(?<!\w){re.escape(word)}(?!\w)", after):
            kinds[found.start() : found.end()] = [kind[0]] * len(word)
    parts: list[list[str]] = []
    at = 0
    for change, text in word_diff(before, after):
        if change == "delete":
            parts.append(["-", visible(text)])
            continue
        sign = "=" if change == "same" else "+"
        for letter, kind in zip(text, kinds[at : at + len(text)], strict=True):
            if parts and parts[-1][0] == sign + kind:
                parts[-1][1] += letter
            else:
                parts.append([sign + kind, letter])
        at += len(text)
    return [[sign, visible(text)] for sign, text in parts]
