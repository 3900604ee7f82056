"""Grave events that a title made up."""

from __future__ import annotations

import pytest

import retitlekit as rk
from retitlekit.claims.events import untold_events

from .conftest import ROOT

TOLD = [
    ("Mayor dies at 81", "She passed away on Monday, her family said."),
    ("Three killed in blast", "An explosion left three people dead."),
    ("Man arrested", "Police are holding a man in custody."),
    ("Minister resigns", "The minister announced that he would step down."),
    ("Minister steps down", "The minister announced her resignation."),
    ("Firm bankrupt", "The firm filed for insolvency."),
    ("Deadline missed", "The council missed its date."),
    ("Killer whales return", "Orcas, or killer whales, are back."),
]
UNTOLD = [
    ("President dead", "The president called a consensus inevitable.", "dead"),
    ("Mayor arrested", "The mayor opened the pool.", "arrested"),
    ("Minister resigns over pool", "The minister opened the pool.", "resigns"),
    ("Explosion at pool", "The pool was opened.", "explosion"),
    ("Bakery bankrupt", "The bakery found an oven.", "bankrupt"),
]


@pytest.mark.parametrize(("title", "text"), TOLD)
def test_told_event(title: str, text: str) -> None:
    """Another word of the same family is enough."""
    assert () == untold_events(title, text)


@pytest.mark.parametrize(("title", "text", "word"), UNTOLD)
def test_untold_event(title: str, text: str, word: str) -> None:
    """An event of which the article has no word is found, unless the original title has it."""
    assert (word,) == untold_events(title, text)
    assert () == untold_events(title, text, title)


def test_people_make_up_nothing() -> None:
    """No title of the shipped articles tells an event that its body does not."""
    articles = rk.load_articles(ROOT / "data/articles.jsonl")

    assert [] == [article.title for article in articles if untold_events(article.title, article.body)]
