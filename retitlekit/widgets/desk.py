"""The desk of a workbench: its articles, prompts and models, what is chosen of them, and the drafts of new prompts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from retitlekit.articles import Article, load_articles
from retitlekit.errors import ArticleError, PlanError, PromptError, RetitlekitError
from retitlekit.html import visible
from retitlekit.models import as_models, from_endpoint
from retitlekit.models.prices import count_tokens
from retitlekit.prompts import Prompt, load_prompts, save_prompt
from retitlekit.store import Store
from retitlekit.sweeps.plans import Models, Prompts, estimate, plan
from retitlekit.sweeps.rows import Texts, answered, fill
from retitlekit.widgets.choices import Choices, offers, offers_at_once, read_desk, write_desk
from retitlekit.widgets.drafts import next_name, proof
from retitlekit.widgets.view import cut

TABS = ("prompt", "compare", "charts", "leaderboard", "vote")
_FIRST_PROMPTS, _FIRST_ARTICLES = 2, 12
_SHOWN_ARTICLES = 100
_COUNTED_MODELS = 6


class Desk:
    """What lies on the desk, and what of it is kept beside the store.

    Attributes
    ----------
    chosen, ran : Choices
        What is chosen now, and what was when the last sweep began; None before the first.
    editing, article : str
        The prompt in the editor, and the id of the article that it is shown with.
    decide : str
        What the leaderboard decides by: a metric, or "votes".
    tab : str
    looking : bool
        Whether models are still being looked for.
    said : str
        What went wrong when the desk was taken up.
    """

    def __init__(
        self,
        articles: str | os.PathLike[str] | Iterable[Article],
        prompts: str | os.PathLike[str] | Prompts,
        store: str | os.PathLike[str],
        models: Models | None,
        winners: str | os.PathLike[str],
    ) -> None:
        self.articles = load_articles(articles) if isinstance(articles, str | os.PathLike) else list(articles)
        self.folder = Path(prompts) if isinstance(prompts, str | os.PathLike) else None
        self.prompts = load_prompts(prompts) if isinstance(prompts, str | os.PathLike) else _by_name(prompts)
        if not self.articles or not self.prompts:
            raise PlanError("a workbench needs an article and a prompt at least")
        if strange := [each for each in self.articles if not isinstance(each, Article)]:
            raise ArticleError(f"expected Article objects (rk.load_articles(…), rk.Article(…)), got {strange[0]!r:.80}")
        self.store, self.winners = store, winners
        self._ids = [each.id for each in self.articles]
        self._given = None if models is None else as_models(models)
        self._offers = {each.name: each for each in offers_at_once(self._given)}
        self.looking = True
        self.query = self.said = ""
        self._take_up()

    def _take_up(self) -> None:
        """What was left beside the store; else a small sweep that costs nothing."""
        desk: dict[str, Any] = {}
        kept = ran = None
        try:
            desk = read_desk(self.store)
            kept = Choices.of(desk["choices"]) if "choices" in desk else None
            ran = Choices.of(desk["ran"]) if desk.get("ran") else None
            self._served = {name: from_endpoint(each, name) for name, each in dict(desk.get("endpoints", {})).items()}
        except (RetitlekitError, TypeError, ValueError) as problem:
            desk, kept, ran, self.said, self._served = {}, None, None, str(problem), {}
        there: dict[str, Any] = {"prompts": self.prompts, "articles": self._ids}
        self._fresh = kept is None
        self.chosen: Choices = (kept or self._first()).within(**there)
        self.ran: Choices | None = ran and ran.within(**there)
        drafts = desk.get("drafts")
        known = drafts.items() if isinstance(drafts, dict) else ()
        self.drafts: dict[str, str] = {name: str(text) for name, text in known if name in self.prompts}
        opened = next(iter(self.chosen.prompts), next(iter(self.prompts)))
        self.editing: str = desk["editing"] if desk.get("editing") in list(self.prompts) else opened
        self.article: str = desk["article"] if desk.get("article") in self._ids else self._ids[0]
        self.decide: str = desk["decide"] if isinstance(desk.get("decide"), str) else "passed"
        self.tab: str = desk["tab"] if desk.get("tab") in TABS else "compare"

    def _first(self) -> Choices:
        """What is chosen at first: prompts that show a model more than the old title, if there are any."""
        reading = [name for name, each in self.prompts.items() if {"body", "lead"} & set(each.variables)]
        return Choices(
            prompts=tuple((reading or list(self.prompts))[:_FIRST_PROMPTS]),
            models=tuple(self._offers),
            articles=tuple(self._ids[:_FIRST_ARTICLES]),
        )

    def keep(self) -> None:
        """Write down what is to come back."""
        ran = self.ran and self.ran.to_dict()
        told: dict[str, Any] = {"choices": self.chosen.to_dict(), "ran": ran, "drafts": self.drafts}
        models = self._served | {name: each.model for name, each in self._offers.items() if each.model}
        told["endpoints"] = {name: models[name].endpoint for name in (self.ran or self.chosen).models if name in models}
        more = {"editing": self.editing, "article": self.article, "decide": self.decide, "tab": self.tab}
        write_desk(self.store, told | more)

    # -- what is chosen

    def choose(self, **changes: Any) -> None:
        """Change the choices; a prompt or an article that is not there is an error."""
        choices = Choices.of(self.chosen.to_dict() | changes)
        for kind, there in (("prompts", set(self.prompts)), ("articles", set(self._ids))):
            lost = next((each for each in getattr(choices, kind) if each not in there), None)
            if lost is not None:
                raise PlanError(f"there is no {kind[:-1]} {lost!r}")
        for model in set(choices.models) - set(self.chosen.models) - set(self._offers):
            if not self.looking or "/" not in model:  # a server's list may still be on its way
                raise PlanError(f"{model} cannot be used now: it is not among the models, {', '.join(self._offers)}")
        self.chosen = choices

    def pick(self, name: str, value: Any, *, on: bool) -> None:
        """One entry of a list, on or off; prompts and articles keep the order of their files."""
        if name not in ("prompts", "models", "articles", "temperatures"):
            raise PlanError(f"{name!r} is no list of choices")
        now = [each for each in getattr(self.chosen, name) if each != value] + ([value] if on else [])
        order = {"prompts": list(self.prompts), "articles": self._ids}.get(name)
        if order is not None:
            place = {each: at for at, each in enumerate(order)}
            now.sort(key=lambda each: place.get(each, len(place)))
        self.choose(**{name: now})

    def choose_first(self, count: int) -> None:
        """The first so many articles."""
        self.choose(articles=self._ids[: max(0, count)])

    def look(self) -> None:
        """Find which models can be used now."""
        try:
            self._offers = {each.name: each for each in offers(self._given)}
            usable = [name for name in self.chosen.models if (each := self._offers.get(name)) and each.usable]
            if self._fresh and usable:
                self.choose(models=usable)
        finally:
            self.looking = False

    def plan(self, choices: Choices, *, ready: bool = True) -> pd.DataFrame:
        """The trials of these choices; with `ready` only for models that can be used now.

        Raises
        ------
        RetitlekitError
            With what is missing or wrong.
        """
        for each in ("prompt", "model", "article", "temperature"):
            if not getattr(choices, f"{each}s"):
                raise PlanError(f"Choose {'an' if each == 'article' else 'a'} {each}.")
        asked: list[Any] = []
        for name in choices.models:
            offer = self._offers.get(name)
            if ready and (not offer or not offer.usable) and not self.looking:
                raise PlanError(f"{name} cannot be used now: {offer.note if offer else 'it is not among the models'}")
            asked.append(offer.model if offer and offer.model else self._served.get(name, name))
        chosen = set(choices.articles)
        return plan(
            [self.prompts[each] for each in choices.prompts],
            [each for each in self.articles if each.id in chosen],
            models=asked,
            temperatures=choices.temperatures,
            repeats=choices.repeats,
        )

    def stored(self, choices: Choices) -> pd.DataFrame:
        """The frame of these choices as far as the store has the answers; nothing is sent, and no store is made."""
        trials, responses = self.plan(choices, ready=False), {}
        if (Path(self.store) / "store.sqlite").exists():
            with Store(self.store) as store:
                responses = store.find(trials["trial_id"].unique())
        parts = trials, answered(trials), Texts(trials)
        return fill(*parts, run_id="", responses=responses, failures={}, skipped=(), open_status="planned")

    # -- the draft

    @property
    def text(self) -> str:
        """Of the draft; the prompt's own until it is edited."""
        return self.drafts.get(self.editing, self.prompts[self.editing].text)

    def edit(self, prompt: str, text: str | None = None) -> None:
        """Open a prompt, with another text as its draft when one is given."""
        if prompt not in self.prompts:
            raise PromptError(f"there is no prompt {prompt!r}: there are {', '.join(self.prompts)}")
        self.editing = prompt
        if text is not None:
            self.drafts[prompt] = text

    def turn(self, step: int) -> None:
        """Show the draft with another of the articles that are chosen: the next, or with -1 the one before."""
        ids = list(self.chosen.articles) or self._ids
        at = ids.index(self.article) + step if self.article in ids else 0
        self.article = ids[at % len(ids)]

    def save_prompt(self, name: str, description: str = "") -> Path:
        """Save the draft as a new prompt, open it and choose it."""
        if self.folder is None:
            raise PromptError("prompts= is no folder, so there is no place to save to: give workbench() a path")
        parent = self.editing
        draft = Prompt(name.strip(), self.text)
        if draft.text == self.prompts[parent].text:
            raise PromptError(f"the draft says what {parent!r} says: change it first")
        about = {"parent": parent} | ({"description": description.strip()} if description.strip() else {})
        if any(draft.about.get(each) != value for each, value in about.items()):
            draft = draft.revise(about=about)
        path = save_prompt(draft, self.folder)
        self.prompts = load_prompts(self.folder)
        self.drafts.pop(parent, None)
        self.choose(prompts=[*self.chosen.prompts, draft.name])
        self.edit(draft.name)
        return path

    def tokens(self, messages: list[dict[str, str]]) -> list[list[Any]]:
        """How many tokens the messages are, for each chosen model that counts them."""
        chosen = [self._offers.get(each) for each in self.chosen.models]
        models = [each.model for each in chosen if each and each.model and not each.model.embedded]
        return [[visible(each.name), count_tokens(each, messages)] for each in models[:_COUNTED_MODELS] if messages]

    # -- what the view is told, as plain data

    def told_catalog(self) -> dict[str, Any]:
        """What can be chosen."""
        return {
            "prompts": [{"name": name, "about": visible(each.description)} for name, each in self.prompts.items()],
            "models": [each.to_dict() for each in self._offers.values()],
            "looking": self.looking,
            "articles": len(self._ids),
            "unsaved": "" if self.folder else "prompts= is no folder: there is no place to save to",
        }

    def told_choices(self) -> dict[str, Any]:
        """What is chosen; of articles only how many."""
        return self.chosen.to_dict() | {"articles": len(self.chosen.articles)}

    def told_shelf(self) -> dict[str, Any]:
        """The articles that a search finds, those that are chosen first."""
        wanted, chosen = self.query.casefold(), set(self.chosen.articles)
        found = [each for each in self.articles if wanted in f"{each.title}\n{each.id}".casefold()]
        found.sort(key=lambda each: each.id not in chosen)
        some = found[:_SHOWN_ARTICLES]
        rows = [{"id": each.id, "title": cut(each.title, 200), "on": each.id in chosen} for each in some]
        return {"rows": rows, "more": len(found) - len(rows), "query": self.query}

    def told_price(self) -> dict[str, Any]:
        """What the choices would send and cost, or `why` they cannot be run."""
        try:
            found = estimate(self.plan(self.chosen), store=self.store)
        except RetitlekitError as problem:
            return {"why": visible(problem)}
        budget, why, warning = self.chosen.budget_usd, "", ""
        if budget is not None and found.to_send and found.cost_high is None:
            why = "a budget cannot hold where a price is unknown: rk.Model(…, input_cost_per_token=…)"
        elif budget is not None and found.cost_low is not None and found.cost_low > budget:
            warning = "more than the budget: the sweep will end before all is sent"
        *_, cost, last = str(found).split(", ")
        timed = bool(found.seconds is not None and found.to_send)
        return {
            "trials": found.trials,
            "stored": found.stored,
            "to_send": found.to_send,
            "cost": "cost unknown" if found.cost_high is None else cost if timed else last,
            "time": last if timed else "",
            "text": str(found),
            "why": why,
            "warning": warning,
        }

    def told_draft(self) -> dict[str, Any]:
        """The draft, what lint finds, and its messages for the article."""
        article = next(each for each in self.articles if each.id == self.article)
        shown = proof(self.prompts[self.editing], self.text, article)
        return shown | {"name": next_name(self.editing, self.prompts)}

    def told_python(self) -> dict[str, str]:
        """The lines of Python that do what each tab does."""
        models = {name: each.model for name, each in self._offers.items() if each.model}
        sweep = self.chosen.python(self._ids, models, str(self.store))
        plain = {"passed": "", "votes": f", votes=rk.read_votes({str(self.store)!r})"}
        by = plain.get(self.decide, f", metric={self.decide!r}")
        name, parent = next_name(self.editing, self.prompts), {"parent": self.editing}
        lines = {
            "compare": f"frame = rk.score({sweep})\nrk.compare(frame)",
            "charts": "rk.charts.intervals(board)\nrk.charts.scores(frame)\nrk.charts.lengths(frame)",
            "leaderboard": f"board = rk.leaderboard(frame{by})\n"
            f"rk.save_winner(board, frame, prompts, {str(self.winners)!r})",
            "vote": f"arena = rk.vote(frame, store={str(self.store)!r})",
            "prompt": f"new = rk.Prompt({name!r}, text).revise(about={parent!r})\n"
            f"rk.save_prompt(new, {str(self.folder or 'prompts')!r})",
        }
        return {tab: visible(line) for tab, line in lines.items()}


def _by_name(prompts: Any) -> dict[str, Prompt]:
    listed = [prompts] if isinstance(prompts, Prompt) else prompts.values() if isinstance(prompts, Mapping) else prompts
    found = list(listed)
    if strange := [each for each in found if not isinstance(each, Prompt)]:
        raise PromptError(f"expected Prompt objects (rk.load_prompts(…), rk.Prompt(…)), got {strange[0]!r:.80}")
    return {each.name: each for each in found}
