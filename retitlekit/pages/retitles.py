"""Retitling what is published: the winner writes a title, the gates decide, and nothing else ever goes out.

Whatever fails, the model, the network, a gate, the original title stays or the page is held. There is no path on which
a prompt, an error, a refusal or a label becomes a title.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from retitlekit.articles import Article
from retitlekit.errors import ArticleError, PageError, PlanError, PromptError, RetitlekitError, RetitlekitWarning
from retitlekit.frame import COLUMNS
from retitlekit.models import Model
from retitlekit.pages import Page, reread
from retitlekit.pages.lint import is_clean
from retitlekit.pages.markup import escape_cdata, escape_text, masked
from retitlekit.pages.objections import find_objection, is_leaked, on_topic
from retitlekit.pages.shortcodes import Shortcode, find_shortcodes, mended
from retitlekit.pages.stances import stance
from retitlekit.pages.variables import fill
from retitlekit.prompts import VARIABLES, Prompt
from retitlekit.prompts.injections import instructions_of
from retitlekit.scorers import DEFAULT, Scorer, clean
from retitlekit.scorers.scoring import score
from retitlekit.sweeps import run
from retitlekit.sweeps.plans import plan
from retitlekit.titles import LONGEST_TITLE, PROBLEMS
from retitlekit.titles.leaks import find_leaks

if TYPE_CHECKING:
    import pandas as pd

OnFail = Literal["keep_original", "hold"]
STATUSES = ("published", "kept_original", "held")


GUARD: tuple[Scorer, ...] = (*(scorer for scorer in DEFAULT if scorer is not clean), on_topic, stance)
"""The scorers whose gates decide: those of `score`, `on_topic` and `stance`; but a title may have needed a repair."""

_KEPT = (
    "title",
    "repairs",
    "completion",
    "error_type",
    "error",
    "trial_id",
    "model",
    "prompt",
    "temperature",
    "cost_usd",
    "cached",
)


def retitle(
    articles: Article | Page | Iterable[Article | Page],
    prompt: Prompt,
    *,
    model: str | Model,
    on_fail: OnFail = "keep_original",
    guard: Iterable[Scorer] | Scorer = GUARD,
    temperature: float | None = None,
    store: str | os.PathLike[str] = ".retitlekit",
    max_concurrency: int | None = None,
    budget_usd: float | None = None,
    timeout: float = 60,
    retries: int = 4,
    progress: bool = True,
    **params: Any,
) -> pd.DataFrame:
    """Write a new title for each article or page, and say which may be published.

    A title is published when the call was answered at the temperature asked for, the answer holds a title, every scorer
    of `guard` could judge it, and none of their gates says no. Otherwise the original title is kept, or the page is
    held for a person. An original title that is itself a leaked prompt, a tag or a refusal is never kept: then the page
    is held. What such a title wanted to be retitled ("Rewrite this title: Kim in Russia") is what the prompt is given.

    Parameters
    ----------
    articles : Article, Page, or iterable of them
        As `load_articles` and `read_pages` give them; ids must differ.
    prompt : Prompt
        The winner.
    model : str or Model
        The model it won with. Nothing is taken from the prompt's front matter but its call parameters.
    on_fail : {"keep_original", "hold"}
        What happens to an article without a safe title.
    guard : iterable of scorers
        Their gates must not say no; scores and gates that do not apply (None) do not count. One that raises has not
        judged the title: its reason is "GuardFailed". ``[*rk.retitles.GUARD, mine]`` adds one.
    temperature : float, optional
        By default the prompt file's own.
    store, max_concurrency, budget_usd, timeout, retries, progress
        As for `run`. The same article is answered from the store the second time: it keeps its title.
    **params
        As for `plan`.

    Returns
    -------
    pandas.DataFrame
        A row for each article, in order: `article`, `original_title`, `status` ("published", "kept_original", "held"),
        `reason` (why not published), `published_title` (<NA> when held), and of the trial `title`, `repairs`,
        `completion`, `error_type`, `error`, `trial_id`, `model`, `prompt`, `temperature`, `cost_usd`, `cached`.

    Raises
    ------
    ArticleError, PlanError, PromptError, FrameError, ModelError
        Before anything is sent: no prompt or several, two articles with one id, a variable that no article has, a
        scorer that asks for what there is not, a model without its key, a server that nobody answers at. What fails
        later, a server that goes down on the way too, is a row with its reason, and the other articles are not touched
        by it.

    Examples
    --------
    >>> page = rk.read_page("data/page.txt")
    >>> done = rk.retitle(page, prompts["limits"], model="baseline/lead-compress", store=tmp, progress=False)
    >>> done.status.tolist(), done.published_title.tolist()
    (['published'], ['Kim Jong Un arrived in Russia by armoured train for summit'])
    """
    import pandas as pd

    if on_fail not in ("keep_original", "hold"):
        raise PlanError(f"on_fail={on_fail!r}: give 'keep_original' or 'hold'")
    _check_prompt(prompt, "retitle(articles, prompt, model=…)")
    if isinstance(guard, str) or not isinstance(guard, Iterable | Callable):
        raise PlanError(f"guard={guard!r}: give functions, such as [*rk.retitles.GUARD, rk.scorers.length]")
    guard = (guard,) if callable(guard) else tuple(guard)
    unknown = sorted(set(prompt.variables) - set(VARIABLES))
    if unknown:
        raise PromptError(f"prompt {prompt.name!r}: no article has {', '.join(unknown)}")
    works = [_Work.of(each) for each in ([articles] if isinstance(articles, Article | Page) else articles)]
    ready = {work.article.id: work for work in works if work.article and work.can_be_asked(prompt)}
    if len(ready) < sum(work.article is not None and not work.problem for work in works):
        raise ArticleError("two articles have the same id: ids must differ")
    answers: dict[str, dict[str, Any]] = {}
    if ready:
        trials = plan(
            prompt,
            [work.article for work in ready.values() if work.article],
            models=model,
            temperatures=temperature,
            **params,
        )
        score(trials.reindex(columns=[column.name for column in COLUMNS]), guard)  # a wrong guard costs no call
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RetitlekitWarning)  # each failure is a row with its reason
            frame = run(
                trials,
                store=store,
                max_concurrency=max_concurrency,
                budget_usd=budget_usd,
                timeout=timeout,
                retries=retries,
                progress=progress,
            )
            frame = _judged(frame, guard, [work.article for work in ready.values() if work.article])
        answers = {str(row["article"]): row for row in _records(frame)}
    told = instructions_of(prompt)
    rows = [_row(work, answers.get(work.id, {}), on_fail, told) for work in works]
    columns = ["article", "original_title", "status", "reason", "published_title", *_KEPT]
    done = pd.DataFrame(rows, columns=columns)
    failed = [row["reason"] for row in rows if (row["reason"] or "").startswith("GuardFailed")]
    if failed and len(failed) == sum(answer.get("title") is not None for answer in answers.values()):
        told = f"a scorer of guard= failed on all {len(failed)} titles, so none is published; the first: {failed[0]}"
        warnings.warn(told, RetitlekitWarning, stacklevel=2)
    dtypes = dict.fromkeys(columns, "string") | {"temperature": "Float64", "cost_usd": "Float64", "cached": "boolean"}
    return done.astype(dtypes).astype({"status": pd.CategoricalDtype(list(STATUSES))})


def _check_prompt(prompt: object, call: str) -> None:
    if isinstance(prompt, Prompt):
        return
    if isinstance(prompt, Article | Page) or (
        isinstance(prompt, Sequence) and any(isinstance(each, Article | Page) for each in prompt)
    ):
        raise PromptError(f"these are articles or pages where a prompt belongs: {call}, in this order")
    if isinstance(prompt, Mapping):
        raise PromptError(f"one prompt writes the titles, and these are {len(prompt)}: give prompts[name] of them")
    raise PromptError(f"expected a Prompt (rk.load_prompts(…)[name], rk.Prompt(name, text)), got {prompt!r:.80}")


def _judged(frame: pd.DataFrame, guard: tuple[Scorer, ...], articles: list[Article]) -> pd.DataFrame:
    """The frame with what the guard says; what was paid for is not lost to a scorer that fails on every title."""
    try:
        return score(frame, guard, articles=articles)
    except RetitlekitError as problem:
        return frame.assign(passed=None, why_guard=str(problem))


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as dicts; what is missing is None."""
    rows = frame.astype(object).where(frame.notna(), None)
    return [dict(zip(rows.columns, values, strict=True)) for values in rows.itertuples(index=False)]


@dataclass(slots=True)
class _Work:
    """One article or page: its title as it stands, and the `Article` to ask about, if there is one."""

    id: str
    original_title: str
    leaked: bool
    instructions: str
    article: Article | None
    problem: str | None

    @classmethod
    def of(cls, given: Article | Page) -> _Work:
        if not isinstance(given, Article | Page):
            raise ArticleError(f"expected Article or Page objects, got {given!r:.80}")
        title, leaked = given.title, is_leaked(given.title)
        if not leaked or is_clean(title):  # a title in doubt is asked about, but not kept when that fails
            article = given if isinstance(given, Article) else given.to_article()
            return cls(given.id, title, leaked, "", article, None)
        instructions, material = asked_for(title)
        if material is None:
            return cls(given.id, title, True, instructions, None, "LeakedTitle: it tells no original title")
        article = given.to_article(title=material) if isinstance(given, Page) else replace(given, title=material)
        return cls(given.id, title, True, instructions, article, None)

    def can_be_asked(self, prompt: Prompt) -> bool:
        try:
            prompt.render(self.article)  # type: ignore[arg-type]
        except PromptError as problem:
            self.problem = f"PromptError: {problem}"
        return self.problem is None


def asked_for(leaked: str) -> tuple[str, str | None]:
    """What a leaked title told the model to do, and the original title that it told it to do it with, if it did.

    Examples
    --------
    >>> asked_for("[gpt3] Rewrite this title: Kim in Russia [/gpt4]")
    ('Rewrite this title:', 'Kim in Russia')
    """
    found = find_shortcodes(leaked, repair=True)
    text = found.calls[0].prompt if found.calls else found.text
    spoken = [leak for leak in find_leaks(text) if leak.kind == "prompt"]
    if not spoken:
        return text, None
    instructions, material = text[: spoken[-1].end].strip(), text[spoken[-1].end :].strip(" \n\t\"“”'")
    usable = 0 < len(material) <= LONGEST_TITLE and re.search(r"\w", material) and not is_leaked(material)
    usable = usable and (instructions[-1:] in (":", "：") or not material[0].islower())  # else the order goes on
    return instructions, " ".join(material.split()) if usable else None


def _row(work: _Work, answer: dict[str, Any], on_fail: OnFail, told: str) -> dict[str, Any]:
    reason = work.problem or _objection(work, answer, told)
    undecided = answer.get("status") in ("cancelled", "skipped_budget")
    hold = work.leaked or on_fail == "hold" or undecided
    status = "published" if reason is None else "held" if hold else "kept_original"
    published = {"published": answer.get("title"), "kept_original": work.original_title, "held": None}[status]
    row = {"article": work.id, "original_title": work.original_title, "status": status, "reason": reason}
    return {**row, "published_title": published, **{name: answer.get(name) for name in _KEPT}}


def _objection(work: _Work, answer: dict[str, Any], told: str = "") -> str | None:
    """Why the title of an answer to what was `told` must not be published; None when nothing speaks against it."""
    title, kind = answer.get("title"), answer.get("error_type")
    if answer.get("status") != "ok":
        return f"{kind or answer.get('status')}: {answer.get('error') or 'not answered'}"[:500]
    if title is None:
        return f"{kind}: {PROBLEMS.get(str(kind), 'no title in the answer')}"
    asked, got = answer.get("temperature"), answer.get("effective_temperature")
    if asked is not None and got is not None and asked != got:
        return f"TemperatureChanged: asked for {asked:g}, answered at {got:g}"
    failed = [
        name.removeprefix("gate_") for name, value in answer.items() if name.startswith("gate_") and value is False
    ]
    if failed:
        why = [f"{name} ({answer[f'why_{name}']})" if answer.get(f"why_{name}") else name for name in failed]
        return f"gate {', '.join(why)}"
    if answer.get("passed") is not True:  # a scorer failed, and nobody knows what it would have said
        left = {name: why for name, why in answer.items() if name.startswith("why_") and why}
        open_ = [why for name, why in left.items() if all(answer.get(f"{kind}_{name[4:]}") is None for kind in _KINDS)]
        return f"GuardFailed: {'; '.join(open_) or 'a scorer could not judge the title'}"[:500]
    if work.article is None:
        return work.problem
    return find_objection(title, work.original_title, work.article, f"{work.instructions}\n{told}")


_KINDS = ("gate", "score")


# ---- templates on a page

_VERBATIM = Prompt("shortcode", "{{ body | safe }}")


def expand(
    page: Page,
    *,
    prompt: Prompt | None = None,
    model: str | Model,
    repair: bool = False,
    guard: Iterable[Scorer] | Scorer = GUARD,
    defaults: str = "",
    store: str | os.PathLike[str] = ".retitlekit",
    **options: Any,
) -> Page:
    """Do what the shortcodes of a page ask for, and give back the page that may be published.

    A call in the title is answered by `prompt`, and the gates decide, as for `retitle`. Calls in the body are sent as
    they stand, inner ones first, with the page's own values for their variables; what came from the page or from a
    model is never read for tags again. Nothing else on the page changes.

    Parameters
    ----------
    page : Page
    prompt : Prompt, optional
        The winner; by default the prompt in the title's own call.
    model : str or Model
    repair : bool
        Make the repairs that `find_shortcodes` suggests; else a wrong tag is an error.
    guard : iterable of scorers
    defaults : str
        The vendor's lines ``name|value`` for variables that the page does not fill.
    store, **options
        As for `retitle`.

    Raises
    ------
    ShortcodeError
        With the line and column of every tag that would not work.
    PageError
        When no safe title or text came out: the page is to be held.

    Examples
    --------
    >>> page = rk.read_page("data/page.txt")
    >>> asked = {"prompt": prompts["limits"], "model": "baseline/lead-compress", "store": tmp, "progress": False}
    >>> new = rk.expand(page, repair=True, **asked)
    >>> new.title
    'Kim Jong Un arrived in Russia by armoured train for summit'
    >>> new.text.splitlines()[1:] == page.text.splitlines()[1:]
    True
    """
    if not isinstance(page, Page):
        raise PageError(f"expected a Page: expand(page, prompt=…, model=…), in this order; got {page!r:.80}")
    if prompt is not None:
        _check_prompt(prompt, "expand(page, prompt=…, model=…)")
    found = find_shortcodes(page.title, repair=repair).check()
    if found.calls:
        if prompt is None:
            from retitlekit.pages.templates import import_template

            prompt = next(iter(import_template(found.text, defaults=defaults).values()))
        done = retitle(page, prompt, model=model, on_fail="hold", guard=guard, store=store, **options).iloc[0]
        if done["status"] != "published":
            raise PageError(f"page {page.id!r} is held: {done['reason']}")
        page = page.with_title(done["published_title"])
    elif not is_clean(page.title):
        raise PageError(f"page {page.id!r} is held: its title is a leak without a call: {page.title!r:.120}")
    text, calls = _body_calls(page, repair)
    if not calls and text == page.text:
        return page
    options.pop("temperature", None)
    return _expanded(page, text, calls, model, defaults, {"store": store, **options})


def _body_calls(page: Page, repair: bool) -> tuple[str, tuple[Shortcode, ...]]:
    """The page's source, mended where that is asked for, and the calls in what it shows."""
    text = page.text
    for _ in range(4):
        found = find_shortcodes(masked(text) if page.kind in ("html", "item") else text)
        edits = [edit for problem in found.problems for edit in problem.edits]
        if not repair or not edits:
            break
        text = mended(text, edits)
    # other plugins have tags too; only in a prompt is one that nobody knows a mistake
    ours = [
        problem
        for problem in found.problems
        if problem.code != "unknown" or problem.repair or any(c.start < problem.start < c.end for c in found.calls)
    ]
    return text, replace(found, problems=tuple(ours)).check().calls


def _expanded(
    page: Page, text: str, calls: Sequence[Shortcode], model: str | Model, defaults: str, options: dict[str, Any]
) -> Page:
    values = {name: str(value) for name in VARIABLES if (value := getattr(page.to_article(), name))}
    written = _WRITTEN.get(page.kind, str)
    parts, end = [], 0
    for call in calls:
        parts += [text[end : call.start], written(_answer(page, text, call, model, values, defaults, options))]
        end = call.end
    new = reread(page, "".join([*parts, text[end:]]))
    if new.title != page.title:
        raise PageError(f"page {page.id!r} is held: an answer in its body changed its title")
    return new


_WRITTEN: dict[str, Callable[[str], str]] = {
    "html": escape_text,
    "item": lambda said: escape_cdata(escape_text(said)),
    "markdown": lambda said: said.replace("<", "&lt;"),
}


_OF_A_SERVER = re.compile(
    r"<!doctype|<html|<\?xml|\{\s*[\"'](?:error|errors|message|detail|status|code)[\"']\s*:", re.IGNORECASE
)
_TELLING = 12  # signs: what is shorter may stand in an answer by chance


def _repeats(said: str, asked: str) -> bool:
    """Whether an answer holds the prompt, or begins with the order before the prompt's first colon."""
    said, asked = (" ".join(text.casefold().split()) for text in (said, asked))
    order = re.match(r"[^:：]+[:：]", asked)
    return said == asked or (len(asked) > _TELLING and asked in said) or bool(order and said.startswith(order[0]))


def _answer(
    page: Page,
    text: str,
    call: Shortcode,
    model: str | Model,
    values: dict[str, str],
    defaults: str,
    options: dict[str, Any],
) -> str:
    """What the model says to one call, after those inside it were answered."""
    opened = text.index("]", call.start) + 1
    closed = text.rindex("[/", call.start, call.end)
    parts, end = [], opened
    for inner in call.inner:
        answer = _answer(page, text, inner, model, values, defaults, options)
        parts += [fill(text[end : inner.start], values, defaults=defaults), answer]
        end = inner.end
    asked = "".join([*parts, fill(text[end:closed], values, defaults=defaults)]).strip()
    place = f"page {page.id!r} is held: the call at {call.line}:{call.column}"
    article = Article(f"{page.id}:{call.line}:{call.column}", "–", asked)
    params = {name: value for name, value in call.params.items() if name not in ("model", "temperature")}
    trials = plan(_VERBATIM, article, models=model, temperatures=call.params.get("temperature"), **params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RetitlekitWarning)
        row = run(trials, **options).iloc[0]
    if row["status"] != "ok":
        raise PageError(f"{place} failed: {row['error_type']}: {row['error']}")
    said = str(row["completion"]).strip()
    tags = find_shortcodes(said)
    if not said or str(row["finish_reason"]) == "length" or _repeats(said, asked):
        raise PageError(f"{place} was not answered: the answer is empty, cut off, or the prompt itself")
    if _OF_A_SERVER.match(said):
        raise PageError(f"{place} was answered by a server's own page or message: {said:.80}")
    if leaks := find_leaks(said):
        raise PageError(f"{place} was answered by a {leaks[0].kind}: {leaks[0].text!r}")
    if tags.calls or tags.problems or tags.variables:
        raise PageError(f"{place} was answered with tags")
    return said
