"""Where sentences end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.language.sentences import is_unspaced, split_sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The vote passed. It was close.", ["The vote passed.", "It was close."]),
        ("Mr. Li met Dr. Roe. They spoke.", ["Mr. Li met Dr. Roe.", "They spoke."]),
        ("George W. Bush left the U.S. Army. He sang.", ["George W. Bush left the U.S. Army.", "He sang."]),
        ("He moved to the U.S. The move failed.", ["He moved to the U.S.", "The move failed."]),
        ("It rose 2.5 per cent at 5 p.m. on Friday.", ["It rose 2.5 per cent at 5 p.m. on Friday."]),
        ("Flight No. 5 left. He said no. The end.", ["Flight No. 5 left.", "He said no.", "The end."]),
        ("On Sept. 12 it rained. On Oct. 1 it did not.", ["On Sept. 12 it rained.", "On Oct. 1 it did not."]),
        ("Apple Inc. shares fell. Smith Jr. Was it?", ["Apple Inc. shares fell.", "Smith Jr. Was it?"]),
        ("“It is over.” She left.", ["“It is over.”", "She left."]),
        ('"Why?" he asked. Nobody knew!', ['"Why?" he asked.', "Nobody knew!"]),
        ("Yahoo! said so. Really?! Yes.", ["Yahoo! said so.", "Really?!", "Yes."]),
        ("A heading\n\nThe text\nruns on.", ["A heading", "The text runs on."]),
        ("地震が発生した。津波の心配はない。", ["地震が発生した。", "津波の心配はない。"]),
        ("他说：“好。”她走了！", ["他说：“好。”", "她走了！"]),
        ("…", ["…"]),
        (" \n\n ", []),
        ("", []),
    ],
)
def test_split(text: str, expected: list[str]) -> None:
    """Abbreviations, initials, decimals and quotes do not end a sentence; empty lines and full stops do."""
    assert expected == split_sentences(text)


@given(st.text())
def test_nothing_is_lost(text: str) -> None:
    """Any text is split, and every character but white space is still there, in order."""
    assert "".join(text.split()) == "".join("".join(split_sentences(text)).split())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("北京下雨了", True),
        ("東京でApple社が発表", True),
        ("ฝนตกหนัก", True),
        ("서울에 비가 내렸다", False),
        ("It rained in 北京 today", False),
        ("", False),
    ],
)
def test_scripts_without_spaces(text: str, expected: bool) -> None:
    """Chinese, Japanese and Thai have no spaces between words; Korean and mixed English do."""
    assert expected == is_unspaced(text)
