"""English words that are no names: what tells "Hijackers" from "Microsoft" at the head of a title.

The list is words.txt beside this file; regular forms of its words are worked out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_ENDINGS = """
s: es: ies:y ves:f ed: ed:e ied:y ing: ing:e er: er:e ers: ers:e or:e ors:e ier:y iers:y ly: ily:y bly:ble ness:
iness:y est: est:e iest:y ity: ity:e ities:e ation:e ations:e ion: ions: ion:e ions:e ition: able: able:e ment: ments:
ful: less: al: ally: ist: ists: ism: ist:y ists:y ship: hood: like: wide: maker: makers: down: downs: up: ups: out:
outs: off: offs: back: over: men:man women:woman
""".split()
# What may stand before a word, or before its hyphen.
_FRONTS = "anti counter cyber dis ex mid mis multi non out over post pre re semi sub super un under".split()
_NAMES_TOO = frozenset("apple china french guinea jersey mars pentagon polish turkey".split())
_BRITISH = re.compile(r"our|ence(?=s?$)|(?<=..)is(?=(?:e|ed|es|er|ers|ing|ation|ations)$)|tre(?=[sd]?$)")
_AMERICAN = {"our": "or", "ence": "ense", "is": "iz", "tre": "ter"}


@lru_cache(maxsize=1)
def _ordinary_words() -> frozenset[str]:
    lines = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


@lru_cache(maxsize=65536)
def is_ordinary(word: str) -> bool:
    """Whether a lower-case word is English and no name: in words.txt, or made from such a word in a regular way.

    Examples
    --------
    >>> is_ordinary("hijackers"), is_ordinary("criticised"), is_ordinary("microsoft")
    (True, True, False)
    """
    words = _ordinary_words()
    forms = {word, _BRITISH.sub(lambda found: _AMERICAN[found[0]], word)}
    known = word in _FRONTS or any(form in words or any(base in words for base in bases(form)) for form in forms)
    return known and word not in _NAMES_TOO


def bases(word: str) -> Iterator[str]:
    """What a word may be made from: "cuts", "cutting" and "recut" from "cut"."""
    for pair in _ENDINGS:
        ending, put = pair.split(":")
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending)
            yield stem + put
            if not put and len(stem) > 3 and stem[-1] == stem[-2]:
                yield stem[:-1]
    for front in _FRONTS:
        if word.startswith(front) and len(word) - len(front) > 3:
            yield word.removeprefix(front)
