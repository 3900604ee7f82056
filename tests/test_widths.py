"""Widths, and the room that channels give."""

from __future__ import annotations

import pytest

from retitlekit.scorers.widths import CHANNELS, Limit, em_width


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 0),
        ("i", 0.222),
        ("W", 0.944),
        ("é", 0.556),
        ("’", 0.222),
        ("—", 1),
        ("漢字", 2),
        ("e\u0301", 0.556),
        ("ж", 0.556),
    ],
)
def test_widths(text: str, expected: float) -> None:
    """Advance widths are Helvetica's; other letters have the widths that are documented."""
    assert expected == pytest.approx(em_width(text))


@pytest.mark.parametrize(
    ("limit", "title", "expected"),
    [
        (Limit(characters=5), "abcde", None),
        (Limit(characters=5), "abcdef", "6 characters, 1 too many"),
        (Limit(characters=4), "Cafe\u0301", None),
        (Limit(words=2), "one two three", "3 words, 1 too many"),
        (Limit(em=1), "WW", "1.888 em, 0.888 too many"),
        (Limit(em=9, words=1), "one two", "2 words, 1 too many"),
    ],
)
def test_limits(limit: Limit, title: str, expected: str | None) -> None:
    """A title that is too long is told by how much, in the first measure that it breaks."""
    assert expected == limit.problem(title)


def test_channels_have_a_limit_and_a_ground() -> None:
    """Every preset limits something and says who says so."""
    assert all(limit.em or limit.characters or limit.words for limit in CHANNELS.values())
    assert all(limit.ground for limit in CHANNELS.values())
