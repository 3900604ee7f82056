"""Stances: titles that say the opposite are known, and titles of people pass."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.pages.stances import stance

from .conftest import ROOT

BODY = (
    "The union criticised the wage offer of 3% on Monday. Prices in Vik rose in May, the office said. No decision has "
    "been made about the harbour bridge. Rovers lost to City. Engineers found cracks in three beams of the bridge."
)


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Union welcomes wage offer", False),
        ("Union criticises wage offer", True),
        ("Union does not welcome wage offer", True),
        ("Prices in Vik fall in May", False),
        ("Prices in Vik rise in May", True),
        ("Engineers found no cracks in bridge beams", False),
        ("No decision on harbour bridge", True),
        ("City beat Rovers", True),  # told from the other side
        ("Union welcomes summer", True),  # of which the article says nothing
    ],
)
def test_claims_that_are_turned_round(title: str, expected: bool) -> None:
    """A verb's opposite and a new negation are found where the title tells what the article tells, and only there."""
    told = stance(title, rk.Article("a", "–", BODY))

    assert told is not None
    assert expected == told[0]


def test_where_it_does_not_apply() -> None:
    """Without a body, or in another language, nothing is said."""
    assert stance("Union welcomes wage offer", rk.Article("a", "Union criticises wage offer", "")) is None
    assert stance("Gewerkschaft begrüßt das Angebot", rk.Article("a", "–", "Die Gewerkschaft kritisiert das.")) is None


def test_no_false_alarm_on_the_shipped_articles() -> None:
    """Not one title that people wrote for the project's own articles fails."""
    wrong = {}
    for article in rk.load_articles(ROOT / "data/articles.jsonl"):
        told = stance(article.title, rk.Article("x", "–", article.body))
        if told and not told[0]:
            wrong[article.title] = told[1]

    assert {} == wrong


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_judged(title: str, body: str) -> None:
    """Nothing raises, whatever stands in a title or in an article."""
    told = stance(title, rk.Article("a", "–", body))

    assert told is None or told[0] in (True, False)
