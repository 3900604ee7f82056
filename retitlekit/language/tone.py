"""Tone: hype, feeling and plainness of a title, by word lists. English only."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from retitlekit.language.words import STOP_WORDS, is_ordinary

HYPE = """
absolutely|amazing|astonishing|awesome|bizarre|blockbuster|bombshell|breathtaking|brutal|chilling|crazy|epic|explosive
game[- ]chang(?:er|ing)|genius|gobsmacked|gut[- ]wrenching|heartbreaking|heartwarming|hilarious|horrifying
incredible|insane|jaw[- ]dropping|legendary|life[- ]changing|loses it|magical|meltdown|mind[- ]blowing|miracle
must[- ]see|must[- ]read|nightmare|outrageous|priceless|revolutionary|savage
sensational|shocker|shocking|shocked|skyrockets?|slams?|slammed|spectacular|stunned|stunning|stuns|terrifying
this is why|truth about|ultimate|unbelievable|viral|weird|what happens next|wow|wrecks?
will blow your mind|you need to know|you(?:['’]ll| will) never|you won['’]t believe|can['’]t stop|goes off
eviscerates?|everything (?:you|we)|here['’]s (?:why|what|how)|no one (?:is|saw)|nobody (?:is|saw)|the reason (?:why|is)
"""
"""Words and turns that promise more than news: patterns, parted by lines and bars."""

_HYPE = re.compile(rf"\b(?:{HYPE.strip().replace(chr(10), '|')})\b|!(?=\s|\Z)|[\U0001f300-\U0001faff]", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_VOWELS = re.compile(r"[aeiouy]+")
_SILENT = re.compile(r"(?<=[^aeiouy])e\b|(?<=[^aeiouytd])ed\b|(?<=[^aeiouysxz])es\b")


def hype_words(title: str) -> tuple[str, ...]:
    """List the words of a title that promise more than news, exclamation marks and emoji included.

    Examples
    --------
    >>> hype_words("You won't believe this shocking bridge!")
    ("You won't believe", 'shocking', '!')
    """
    return tuple(_HYPE.findall(title))


@lru_cache(maxsize=4096)
def sentiment(text: str) -> float:
    """Tell how good (1) or bad (-1) a text sounds, by VADER (Hutto and Gilbert 2014).

    Examples
    --------
    >>> sentiment("Rescuers save all 214 people") > 0 > sentiment("Deadly crash kills dozens")
    True
    """
    return float(_analyzer().polarity_scores(text)["compound"])


@lru_cache(maxsize=1)
def _analyzer() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()  # type: ignore[no-untyped-call]


def plainness(title: str) -> float | None:
    """Share of a title's words that are small words, or common and of at most two syllables; None without words.

    Names do not count. Syllables are counted as groups of vowels.

    Examples
    --------
    >>> plainness("Council shuts bridge"), plainness("Municipality discontinues infrastructure")
    (1.0, 0.0)
    """
    words = [word.replace("’", "'").removesuffix("'s") for word in _WORD.findall(title)]
    counted = [word.lower() for word in words if word.islower() or is_ordinary(word.lower())]
    return sum(map(_is_plain, counted)) / len(counted) if counted else None


@lru_cache(maxsize=65536)
def _is_plain(word: str) -> bool:
    return word in STOP_WORDS or (len(_VOWELS.findall(_SILENT.sub("", word))) <= 2 and is_ordinary(word))
