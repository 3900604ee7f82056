"""Casing: house styles, with the article as the dictionary of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.language.casing import STYLES, casing_faults, recased

TEXT = (
    "Officials said the US had warned North Korea. An envoy of the US and the president of iRobot will fly to Seoul. "
    "He told us that the Supreme Court had ruled, and that the court would not wait for President Roe."
)
RECASED = [
    ("Envoy Of The Us Warns Of Attack", "sentence", "Envoy of the US warns of attack"),
    ("ENVOY OF THE US WARNS OF ATTACK", "sentence", "Envoy of the US warns of attack"),
    ("envoy of the us warns of attack", "ap", "Envoy of the US Warns of Attack"),
    ("envoy of the us with north korea", "ap", "Envoy of the US With North Korea"),
    ("what the us is looking for", "ap", "What the US Is Looking For"),
    ("us and seoul: a deal or no deal", "ap", "US and Seoul: A Deal or No Deal"),
    ("the deal up for a vote via seoul", "nyt", "The Deal Up for a Vote via Seoul"),
    ("iRobot And NATO Leave", "sentence", "iRobot and NATO leave"),
    ("Norrvik Leaves", "sentence", "Norrvik leaves"),
    ("Envoy: The US Waits", "sentence", "Envoy: The US waits"),
    ("Why We Don't Wait at 2 A.M.", "sentence", "Why we don't wait at 2 a.m."),
    ("«us» a été", "sentence", "«US» a été"),
]


@pytest.mark.parametrize(("title", "style", "expected"), RECASED)
def test_recased(title: str, style: str, expected: str) -> None:
    """A title takes a style's capitals, and names keep the article's."""
    assert expected == recased(title, style, TEXT)


@pytest.mark.parametrize(
    ("title", "style", "faults"),
    [
        ("Envoy of the US warns of attack", "sentence", ()),
        ("Envoy of the Us warns of Attack", "sentence", ("US", "attack")),
        ("envoy of the US waits", "sentence", ("Envoy",)),
        ("Court will not wait for president", "sentence", ()),
        ("Supreme Court will not wait for President", "sentence", ()),
        ("Court will not wait for seoul", "sentence", ("Seoul",)),
        ("Envoy of the US Warns of Attack", "ap", ()),
        ("Envoy Of The US Warns of attack", "ap", ("of", "the", "Attack")),
    ],
)
def test_casing_faults(title: str, style: str, faults: tuple[str, ...]) -> None:
    """Faults are the words against the style; what the article writes both ways is right in either."""
    assert faults == casing_faults(title, style, TEXT)


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Brücke zu", "Das ist nicht die Brücke und auch nicht der Weg, sagte eine Frau."),
        ("橋が閉鎖", TEXT),
        ("Bridge", ""),
    ],
)
def test_casing_does_not_apply(title: str, text: str) -> None:
    """German, scripts without case and articles without text are not judged."""
    assert recased(title, "sentence", text) is casing_faults(title, "ap", text) is None


def test_unknown_style() -> None:
    """The error names the styles there are."""
    with pytest.raises(rk.FrameError, match="'chicago' is unknown: use one of sentence, ap, nyt"):
        recased("Title", "chicago", TEXT)


SIGNS = st.characters(max_codepoint=0x17E, exclude_characters="ßİıŉ")  # whose other case is one sign


@given(st.text(SIGNS, max_size=80), st.text(SIGNS, max_size=200), st.sampled_from(sorted(STYLES)))
def test_recasing_changes_case_alone(title: str, text: str, style: str) -> None:
    """No text raises, nothing but case changes, and what was recased has no faults."""
    made = recased(title, style, text)
    if made is not None:
        assert title.casefold().lower() == made.casefold().lower()
        assert made == made.upper() or not casing_faults(made, style, text)  # all capitals are taken for shouting
