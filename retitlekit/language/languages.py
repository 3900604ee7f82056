"""Languages: whether a title is written in the language of its article.

First by the article's own small words, which a title in its language shares and a translation does not, then by
py3langid (Lui and Baldwin 2012), whose model ships with it, restricted to languages that are plausible for news.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from retitlekit.language.words import is_ordinary

PLAUSIBLE = """ar bg ca cs da de el en es et fa fi fr he hi hr hu id it ja ko lt lv nl no pl pt ro ru sk sl sr sv th tr
uk vi zh""".split()
"""Languages between which titles are told apart, beside the article's own (ISO 639-1)."""

_KEPT_TEXTS = 1024
_WORD = re.compile(r"[^\W\d_]{2,}")
_MOST = 3000  # characters of a body that are read: enough to tell its language
_SHARED = 0.5  # of a title's words that the article has in lower case; a translation shares names, not these
_SURE = 4.0  # how many times likelier another language must be than the article's; short titles are hard to tell


@dataclass(frozen=True, slots=True)
class _Reading:
    """What a text tells of its language."""

    language: str
    script: str
    small: frozenset[str]  # words that it has in lower case
    names: frozenset[str]  # words that it has with a capital only


def language_of(text: str) -> str | None:
    """Tell the language of a text, one of `PLAUSIBLE`; None when it holds fewer than twenty letters.

    Examples
    --------
    >>> language_of("Die Brücke bleibt neun Wochen lang gesperrt, teilte die Stadt mit.")
    'de'
    """
    if sum(map(str.isalpha, text)) < 20:
        return None
    return str(_identifier().classify(text[:_MOST])[0])


def is_in_language(title: str, text: str, language: str | None = None) -> tuple[bool, str] | None:
    """Whether a title is in the language of a text, and in which it is.

    Parameters
    ----------
    title, text : str
    language : str, optional
        The text's language as a BCP 47 code ("en", "pt-BR"); by default it is told from the text.

    Returns
    -------
    (bool, str) or None
        The code is the article's where the title keeps it. None where title or text is too short to tell.

    Examples
    --------
    >>> text = "The harbour bridge will be closed for nine weeks so that its bearings can be replaced, it said."
    >>> is_in_language("Bridge closed for nine weeks", text), is_in_language("Brücke neun Wochen lang gesperrt", text)
    ((True, 'en'), (False, 'de'))
    """
    read = _read(text[:_MOST], (language or "").split("-")[0].split("_")[0].lower())
    words = _WORD.findall(title)
    if read is None or not words:
        return None
    script = _script(title)
    if script != read.script:
        return False, str(_identifier(read.language).classify(title)[0])
    if script not in _SPACED:  # of the scripts without spaces only Chinese and Japanese are hard to tell apart
        return True, read.language
    folded = [word.casefold() for word in words]
    telling = [word for word in folded if word not in read.names]
    known = sum(word in read.small or (read.language == "en" and is_ordinary(word)) for word in telling)
    if len(telling) < 2 or known >= _SHARED * len(telling):
        return True, read.language
    chances = dict(_identifier(read.language).rank(" ".join(telling)))
    if read.language not in chances:  # py3langid does not know it
        return True, read.language
    found = max(chances, key=chances.__getitem__)
    if chances[found] < _SURE * chances[read.language] or (found, read.language) in _ALIKE:
        return True, read.language
    return False, found


# Too close for a short title.
_ALIKE = {
    pair
    for one, other in map(str.split, ("hr sr", "hr sl", "cs sk", "da no", "no sv", "bg sr", "ca es"))
    for pair in ((one, other), (other, one))
}
_SPACED = frozenset("LATIN CYRILLIC GREEK ARABIC HEBREW HANGUL DEVANAGARI".split())


@lru_cache(maxsize=_KEPT_TEXTS)
def _read(text: str, language: str) -> _Reading | None:
    language = language or language_of(text) or ""
    if not language:
        return None
    words = _WORD.findall(text)
    small = frozenset(word for word in words if word == word.casefold())
    return _Reading(language, _script(text), small, frozenset(word.casefold() for word in words) - small)


@lru_cache(maxsize=65536)
def _script_of(sign: str) -> str:
    name = unicodedata.name(sign, "").split(" ", 1)[0]
    return {"CJK": "HAN", "HIRAGANA": "KANA", "KATAKANA": "KANA"}.get(name, name)


def _script(text: str) -> str:
    """The script of most letters; Japanese is told from Chinese by its kana."""
    if text.isascii():
        return "LATIN"
    counts = Counter(_script_of(sign) for sign in text if sign.isalpha())
    if not counts:
        return "LATIN"
    most = counts.most_common(1)[0][0]
    return "KANA" if most == "HAN" and counts["KANA"] else most


def _identifier(language: str = "en") -> Any:
    """The model, restricted to the plausible languages and one more."""
    return _restricted("" if language in PLAUSIBLE else language)


@lru_cache(maxsize=8)
def _restricted(more: str) -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)  # type: ignore[no-untyped-call]
    identifier.set_languages([*PLAUSIBLE, *(code for code in [more] if code in identifier.nb_classes)])
    return identifier
