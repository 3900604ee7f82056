"""Sentences: where one ends, in English and the languages around it, in Chinese and in Japanese; rules only."""

from __future__ import annotations

import re

_BEFORE_NAMES = frozenset(
    """mr mrs ms mx dr prof st ste sen rep gov gen col lt sgt cpl capt maj adm cmdr pres rev fr hon messrs mt ft vs v
    jan feb mar apr jun jul aug sep sept oct nov dec approx ca cf viz""".split()
)
_BEFORE_NUMBERS = frozenset("no nos art sec fig vol ch pp p".split())
_ABBREVIATED = frozenset("inc ltd co corp bros plc jr sr esq etc am pm univ al dept est".split())
_STARTERS = frozenset(
    """the a an he she it they we i you this that these those his her its their our in on at as after before but and
    however when while for if there two three four some many most several police officials according since also both
    all no one what who why""".split()
)
_DAY_OR_MONTH = re.compile(
    r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
)
_END = re.compile(r"[.!?…。！？\n][.!?…。！？]*[\"'”’»)\]」』）]*(\s*)")
OPENERS = "\"'“‘«([「『（《"


def split_sentences(text: str) -> list[str]:
    """Split a text into sentences, each on one line.

    Knows abbreviations ("U.S.", "Mr.", "No. 5"), initials and decimals, quotes that end a sentence, and the full stops
    of Chinese and Japanese. An empty line always ends a sentence.

    Examples
    --------
    >>> split_sentences("Mr. Li left the U.S. in May. He paid $2.5 million.")
    ['Mr. Li left the U.S. in May.', 'He paid $2.5 million.']
    >>> split_sentences("地震が発生した。津波の心配はない。")
    ['地震が発生した。', '津波の心配はない。']
    """
    sentences, start = [], 0
    for found in _END.finditer(text):
        if _ends_sentence(text, found):
            sentences.append(text[start : found.end()])
            start = found.end()
    sentences.append(text[start:])
    return [joined for sentence in sentences if (joined := " ".join(sentence.split()))]


def _ends_sentence(text: str, found: re.Match[str]) -> bool:
    mark, gap, after = found[0][0], found[1], text[found.end() : found.end() + 30]
    if mark == "\n":
        return "\n" in gap
    if mark in "。！？" or not after or gap.count("\n") > 1:
        return True
    after = after.lstrip(OPENERS)
    if not gap or after[:1].islower():
        return False
    if mark != ".":
        return True
    after = after.split(None, 1)[0] if after.strip() else ""
    before = text[max(0, found.start() - 20) : found.start()].split()
    word = before[-1].lstrip(OPENERS).casefold() if before else ""
    if word in _BEFORE_NAMES:
        return False
    if word in ("a.m", "p.m"):
        return not (after[:3].isupper() or _DAY_OR_MONTH.match(after))
    if word in _BEFORE_NUMBERS:
        return not after[:1].isdigit()
    if word in _ABBREVIATED or "." in word or (len(word) == 1 and word.isalpha()):
        return after.rstrip(",").casefold() in _STARTERS
    return True


_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def is_unspaced(text: str) -> bool:
    """Whether a text is in a script that puts no spaces between words (Chinese, Japanese, Thai …)."""
    return text.count(" ") < len(text) / 12 and len(_UNSPACED.findall(text)) > len(text) / 3
