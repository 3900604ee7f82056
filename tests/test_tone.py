"""Tone: hype, feeling and plainness of a title."""

from __future__ import annotations

import pytest

import retitlekit as rk
from retitlekit.language.tone import hype_words, plainness, sentiment

from .conftest import ROOT


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Council shuts bridge for nine weeks", ()),
        ("You won't believe this shocking bridge!", ("You won't believe", "shocking", "!")),
        ("Here’s why the mayor SLAMS critics 😱", ("Here’s why", "SLAMS", "😱")),
        ("Yahoo! buys site", ("!",)),
        ("Slammer jailed", ()),
    ],
)
def test_hype_words(title: str, expected: tuple[str, ...]) -> None:
    """Promises beyond the news are listed as written; parts of other words are not."""
    assert expected == hype_words(title)


def test_people_write_little_hype() -> None:
    """Of the shipped articles only the one that was written as bait has any."""
    titles = [article.title for article in rk.load_articles(ROOT / "data/articles.jsonl")]

    assert ["You won't believe what this family bakery found behind a cellar wall"] == list(filter(hype_words, titles))


def test_sentiment() -> None:
    """Rescue sounds better than death, and a timetable like neither."""
    assert sentiment("Rescuers save all 214 people") > sentiment("Bridge to close") > sentiment("Crash kills dozens")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Council shuts bridge", 1),
        ("Municipality discontinues infrastructure", 0),
        ("Volodymyr waits", 1),
        ("Tehran", None),
        ("金正恩", None),
        ("The mayor’s environmental bill", 0.75),
    ],
)
def test_plainness(title: str, expected: float | None) -> None:
    """Short common words are plain, long ones are not, names are not counted."""
    assert expected == plainness(title)
