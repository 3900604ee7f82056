"""A draft of a prompt as its editor shows it: what lint finds, and the messages as they would be sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from retitlekit.articles import Article
from retitlekit.errors import PromptError
from retitlekit.html import visible
from retitlekit.prompts import Prompt
from retitlekit.widgets.view import cut

_LONGEST_TEXT = 50_000
_PLACE = re.compile(r"^(?:prompt '[^']*'|[^\n:]*\.prompt)(?::(\d+))?: ", re.MULTILINE)


def proof(parent: Prompt, text: str, article: Article) -> dict[str, Any]:
    """Read a text as a prompt and render it for an article.

    Returns
    -------
    dict
        `prompt` (the parent's name), `text`, `changed`, `parent` (of the parent), `article` (its title), `findings`
        (line, severity, code and message of each), `variables`, `messages`, and `problem`: why there are none.
    """
    shown: dict[str, Any] = {
        "prompt": parent.name,
        "text": text,
        "changed": text != parent.text,
        "parent": visible(parent.about.get("parent", "")),
        "article": cut(article.title, 200),
        "findings": [],
        "variables": [],
        "messages": [],
        "problem": "",
        "tokens": [],
    }
    try:
        draft = Prompt(parent.name, text)
    except PromptError as problem:
        return shown | {"findings": _located(problem), "problem": "This text is no prompt yet."}
    shown["findings"] = [[each.line, each.severity, each.code, visible(each.message)] for each in draft.lint()]
    shown["variables"] = [visible(each) for each in draft.variables]
    try:
        rendered = draft.render(article)
    except PromptError as problem:
        return shown | {"problem": visible(_PLACE.sub("", str(problem)))}
    sent = [{"role": each["role"], "content": cut(each["content"], _LONGEST_TEXT)} for each in rendered]
    return shown | {"messages": sent}


def next_name(base: str, taken: Iterable[str]) -> str:
    """A name for a new prompt.

    Examples
    --------
    >>> next_name("contract", ["contract", "contract-2"])
    'contract-3'
    """
    stem, known = re.sub(r"-\d+$", "", base), set(taken)
    return next(name for n in range(2, len(known) + 3) if (name := f"{stem}-{n}") not in known)


def _located(problem: PromptError) -> list[list[Any]]:
    """What makes a text no prompt, as lint would tell it."""
    found = []
    for told in str(problem).splitlines():
        place = _PLACE.match(told)
        line = int(place[1] or 1) if place else 1
        found.append([line, "error", "no-prompt", visible(_PLACE.sub("", told))])
    return found
