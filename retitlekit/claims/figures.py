"""Figures: the numbers of a title, and whether a text gives them, without a model or a network.

A number is read as a value, however it is written ("2,000", "two thousand", "2 Tsd."), and as what it counts or
measures: 12 km do not support 12 miles. Support is not truth: a number that the text gives for something else passes.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from retitlekit.claims import KEPT_TEXTS, Claims
from retitlekit.language.numerals import (
    LANGUAGES,
    NOTHING,
    SPELLED,
    SPELLED_IN,
    UNITS,
    Number,
    numbers_in,
    things_after,
)
from retitlekit.language.words import is_english

_LETTERS = re.compile(r"[^\W_]+")
# Too common in other senses to be a claim: "no one", "at first", "a second".
_NOT_CLAIMED = {"one", "first", "second", "zero", "hundred", "thousand", "million", "billion", "trillion"}
ROMAN = re.compile(r"\b(?=[IVX]{2}|[VX]\b)X{0,3}(?:IX|IV|V?I{0,3})(?<=[IVX])\b")
_PLAIN = {"couple": 2, "double": 2, "twice": 2, "duo": 2, "pair": 2, "triple": 3, "trio": 3, "nil": 0, "half": 50}
_PLAIN |= {"quarter": 25, "decade": 10, "century": 100}
_PLAIN_UNITS = {"half": "%", "quarter": "%", "decade": "year", "century": "year"}
_PARTS = re.compile(r"(?:first|second|third|fourth|last|this|next|final)[\s-](?:half|quarter)\b")  # no share: a time
_A_PERSON = re.compile(
    r"\b(?:an?|another|only)\s(?:[\w-]+\s){0,2}(?:man|woman|person|boy|girl|child|soldier|officer|teenager|student|worker)\b"
)
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_BORN = re.compile(r"\b(?:born|birth)\b[^.;]{0,60}?\b((?:1[89]|20)\d\d)\b|\(((?:1[89]|20)\d\d) ?[-–]", re.IGNORECASE)
_HEDGE = re.compile(
    r"\b(?:(nearly|almost|under|up to|less than|fewer than|close to|just short of)"
    r"|(over|more than|at least|above|past|upwards of)|about|around|some|roughly|approximately|circa)\s[$€£¥]?$"
)
_VAGUE_PLURALS = frozenset("tens dozens hundreds thousands millions billions trillions".split())
_BEFORE_AGE = re.compile(r"\b(?:aged?|at|age of)\s$", re.IGNORECASE)
_TOLD_AGE = re.compile(r"\b(?:aged?|age of|at) \d|\d[- ]years?[- ]old", re.IGNORECASE)
_YEARS = re.compile(r"(?:st|nd|rd|th)?[\s-](?:years?|anniversary)\b", re.IGNORECASE)


class _Way(NamedTuple):
    """What a number that a text gives may count or measure; empty where the text does not tell."""

    units: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()
    strictly: bool = False  # "half" is 50 per cent, but no 50


@dataclass(frozen=True, slots=True)
class _Figures:
    """The numbers that a text supports."""

    values: Mapping[float, frozenset[_Way]]  # and each way in which it is given
    ranks: Mapping[float, frozenset[str]]  # and the things they rank: second [time, goal]
    counted: frozenset[str]  # things that stand behind a number
    units: frozenset[str]  # all that it measures in, with or without a number
    labels: frozenset[str]
    letters: Mapping[float, frozenset[str]]  # with which a label of that number begins: F of F1
    years: frozenset[int]
    born: frozenset[int]  # years of birth, where no age is told
    words: re.Pattern[str]  # number words of its language


@lru_cache(maxsize=KEPT_TEXTS)
def _figures(text: str) -> _Figures:
    lower = text.casefold()
    small = set(_LETTERS.findall(lower))
    told = [words for words in LANGUAGES if len(small.intersection(words.split())) > 2]
    foreign = len(told) == 1 and not is_english(frozenset(small), length=len(lower) // 6)
    pattern = SPELLED_IN[told[0]] if foreign else SPELLED
    values: dict[float, set[_Way]] = {}
    counted: set[str] = set()
    ranks: dict[float, set[str]] = {}
    letters: dict[float, set[str]] = {}
    found = list(numbers_in(text, pattern))
    for number in found:
        if number.text.casefold() in _VAGUE_PLURALS:
            continue
        things = things_after(lower, number.span[1])
        counted |= things if not (number.is_rank or number.label) else NOTHING
        for value in number.readings:
            if number.is_rank:
                ranks.setdefault(value, set()).update(things)
            elif number.label:
                letters.setdefault(value, set()).add(number.label[0])
            else:
                values.setdefault(value, set()).add(_Way(number.units, things))
    for word in _PLAIN.keys() & set(_LETTERS.findall(_PARTS.sub(" ", lower))):
        units = frozenset(_PLAIN_UNITS.get(word, "").split())
        values.setdefault(float(_PLAIN[word]), set()).add(_Way(units, strictly=bool(units)))
    for numeral in ROMAN.finditer(text):
        values.setdefault(_roman(numeral[0]), set()).add(_Way())
    for sign in set() if text.isascii() else set(text):  # ½, ², 三
        if not sign.isascii() and (value := unicodedata.numeric(sign, -1.0)) >= 0:
            values.setdefault(value, set()).add(_Way())
    if _A_PERSON.search(lower):
        values.setdefault(1.0, set()).add(_Way(UNITS["people"]))
    born = {int(year[1] or year[2]) for year in _BORN.finditer(text)} if not _TOLD_AGE.search(text) else set()
    return _Figures(
        {value: frozenset(ways) for value, ways in values.items()},
        {value: frozenset(words) for value, words in ranks.items()},
        frozenset(counted),
        frozenset(kind for word in small & UNITS.keys() for kind in UNITS[word]).union(*(n.units for n in found)),
        frozenset(number.label for number in found if number.label),
        {value: frozenset(firsts) for value, firsts in letters.items()},
        frozenset(map(int, _YEAR.findall(text))),
        frozenset(born),
        pattern,
    )


def _roman(numeral: str) -> float:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in numeral]
    return float(sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True)))


def number_claims(title: str, *texts: str, published_at: str | None = None) -> Claims:
    """Find the numbers of a title, and those that no text gives.

    Digits, decimals, number words and ordinals are compared by value and, where both tell, by what they count or
    measure. Also given is what can be reckoned or rounded from the text: an age from a year of birth, "47 years" from
    the year that began them, "1.2 million" from 1,234,567, "nearly 50" from 49. "One", "first" and "second", which have
    many other senses, are claims only where the text counts the same thing otherwise. "Third" does not give "three".

    Parameters
    ----------
    title : str
    *texts : str
        What may support it: the body, the original title.
    published_at : str, optional
        ISO 8601; years are reckoned from it, else from the latest year in the texts.

    Returns
    -------
    Claims

    Examples
    --------
    >>> number_claims("Three dead, 2,000 flee", "Two thousand people fled; 4 died.").unsupported
    ('Three',)
    >>> number_claims("A 12-mile road", "The road is 12 km long.").unsupported
    ('12',)
    """
    known = [_figures(text) for text in texts if text]
    pattern = next((figures.words for figures in known if figures.words is not SPELLED), SPELLED)
    found = sorted(numbers_in(title, pattern), key=lambda number: number.span)
    if not found:
        return Claims((), ())
    lower = title.casefold()
    claims, unsupported = [], []
    for number in found:
        if _is_idle(number.text.casefold()):
            contradicted = _is_contradicted(number, lower, known)
            if not contradicted:
                continue
        else:
            given = _is_given(number, lower, known) and not _is_contradicted(number, lower, known)
            contradicted = not (
                given or _is_reckoned(number, title, known, published_at) or _is_rounded(number, lower, known)
            )
        claims.append(number.text)
        if contradicted:
            unsupported.append(number.text)
    return Claims(tuple(dict.fromkeys(claims)), tuple(dict.fromkeys(unsupported)))


def kept_numbers(original_title: str, title: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The numbers of an original title that a title has, in any writing, and those that it dropped.

    Examples
    --------
    >>> kept_numbers("Three dead as 2,000 flee", "2000 flee storm")
    (('2,000',), ('Three',))
    """
    numbers = _own_numbers(original_title)
    if not numbers:
        return (), ()
    found = {value for number in numbers_in(title, SPELLED) for value in number.readings}
    return tuple(number.text for number in numbers if number.readings & found), tuple(
        number.text for number in numbers if not number.readings & found
    )


@lru_cache(maxsize=KEPT_TEXTS)
def _own_numbers(title: str) -> tuple[Number, ...]:
    found = sorted(numbers_in(title, SPELLED), key=lambda number: number.span)
    return tuple(number for number in found if not _is_idle(number.text.casefold()))


def _is_idle(word: str) -> bool:
    """Whether a number word says nothing countable: "one", "first", "hundreds"."""
    return word in _NOT_CLAIMED or word in _VAGUE_PLURALS


def _fits(number: Number, figures: _Figures, value: float, things: frozenset[str]) -> bool:
    """Whether a number that counts some things may be one that a text gives, which may not tell what it counts.

    It must tell where it measures that number in something else, and nothing in what the number measures.
    """
    ways = figures.values[value]
    told = bool(number.units) and number.units.isdisjoint(figures.units) and any(way.units for way in ways)
    return any(
        (not (way.units or told) or (not number.units and not way.strictly) or way.units & number.units)
        and (not things or not way.things or things & way.things or (way.units & number.units))
        for way in ways
    )


def _is_given(number: Number, lower: str, known: list[_Figures]) -> bool:
    things = NOTHING if number.label else things_after(lower, number.span[1])
    # Small numbers stand in most texts for one thing or another.
    counted = any(value <= 20 and value.is_integer() for value in number.readings) and any(
        things & figures.counted for figures in known
    )
    plain = any(
        value in figures.values
        and _fits(number, figures, value, things if counted else NOTHING)
        and not (number.is_rank and all(way.units for way in figures.values[value]))
        for figures in known
        for value in number.readings
    )
    if number.label:  # H5N1 contradicts a text that has H1N1 only
        labels = {label for figures in known for label in figures.labels}
        shapes = {_shape(label) for label in labels}
        return number.label in labels or (plain and _shape(number.label) not in shapes)
    if plain or (number.is_rank and any(number.readings & figures.ranks.keys() for figures in known)):
        return True
    firsts = {word[0] for word in _LETTERS.findall(lower[: number.span[0]])[-2:]}
    return any(firsts & figures.letters.get(value, NOTHING) for figures in known for value in number.readings)


def _is_contradicted(number: Number, lower: str, known: list[_Figures]) -> bool:
    """Whether the texts rank or count the same thing, and never so: "second title" where they have the third."""
    if number.is_rank:
        things = things_after(lower, number.span[1])
        counted = {value for figures in known for value, words in figures.ranks.items() if things & words}
    elif number.text.casefold() == "one" and number.units:
        counted = {
            value
            for figures in known
            for value, ways in figures.values.items()
            for way in ways
            if way.units & number.units
        }
    else:
        return False
    return bool(counted) and not counted & number.readings


def _is_rounded(number: Number, lower: str, known: list[_Figures]) -> bool:
    """Whether a text gives a number that this rounder one stands for: 1.2 million, or "nearly 50" for 49."""
    value, digits = max(number.readings), _digits(max(number.readings))
    hedge = _HEDGE.search(lower[: number.span[0]])
    low, high = (0.95, 1.05) if not hedge else (0.9, 1.0) if hedge[1] else (1.0, 1.25) if hedge[2] else (0.9, 1.1)
    for figures in known:
        for given in figures.values:
            near = value * low <= given <= value * high and given not in figures.years
            near = near and digits < _digits(given) and _fits(number, figures, given, NOTHING)
            if near and (hedge or (value >= 1000 and digits <= 2 and float(f"{given:.{digits}g}") == value)):
                return True
    return False


def _digits(value: float) -> int:
    """Significant digits: 2 of 1,200,000."""
    return len(f"{value:.12g}".replace(".", "").strip("0")) if value < 1e12 else 12


def _shape(label: str) -> str:
    return re.sub(r"\d+", "#", label)


def _is_reckoned(number: Number, title: str, known: list[_Figures], published_at: str | None) -> bool:
    years = {year for figures in known for year in figures.years}
    published = int(published_at[:4]) if published_at and published_at[:4].isdecimal() else None
    now = published or max(years, default=0)
    start, end = number.span
    since = years if _YEARS.match(title, end) else set()
    of_age = since or _BEFORE_AGE.search(title[:start])
    born = {year for figures in known for year in figures.born} if of_age else set()
    spans = {now - year for year in since} | {now - year - turned for year in born for turned in (0, 1)}
    return bool(spans & number.readings)
