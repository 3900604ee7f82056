"""Casing: a title in the capitals of a house style, with the article's own spelling as the dictionary of names.

Libraries for Title Case do not know that the "US" of a headline is no "us". The article does: the form that a word has
inside its sentences, where a capital marks a name, is the form that it keeps in every style.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from retitlekit.errors import FrameError
from retitlekit.language.words import is_ordinary

STYLES: Mapping[str, frozenset[str] | None] = {
    "sentence": None,
    "ap": frozenset("a an and as at but by for if in nor of on or so the to up yet".split()),
    "nyt": frozenset("a an and as at but by en for if in of on or the to v via vs".split()),
}
"""Each style and the words that it leaves small inside a title; "sentence" leaves all that are no names.

AP: "composition titles" of the Associated Press Stylebook, words of four letters or more and all others but these get
a capital. NYT: the list of the New York Times Manual of Style.
"""

_KEPT_TEXTS = 1024
_WORD = re.compile(r"(?:[^\W\d_]\.){2,}|[^\W_]+(?:['’&.][^\W_]+)*")
_OPENS = re.compile(r"(?:^|[.!?:;…|–—\n(\[\"“”«»„‘]|(?<!\w)')[\s\"“«„‘'(\[]*$")  # after this a capital says nothing
_PART_OF_TITLE = re.compile(r"(?:^|[.!?:|…]|\s[–—-])[\s\"“«„‘'(\[]*$")
_GERMAN = frozenset("der die das und nicht ein eine".split())


def recased(title: str, style: str, text: str) -> str | None:
    """Write a title in a style.

    Parameters
    ----------
    title : str
    style : {"sentence", "ap", "nyt"}
    text : str
        The article's body, in which names have their capitals.

    Returns
    -------
    str or None
        None where capitals follow other rules: scripts without case, German, and no text to learn names from.

    Raises
    ------
    FrameError
        When the style is unknown.

    Examples
    --------
    >>> text = "Police said the US had warned North Korea. An envoy of the US will fly to Seoul."
    >>> recased("Envoy Of The US Warns Of Attack On North Korea", "sentence", text)
    'Envoy of the US warns of attack on North Korea'
    >>> recased("envoy of the us warns of attack on north korea", "ap", text)
    'Envoy of the US Warns of Attack on North Korea'
    """
    if style not in STYLES:
        raise FrameError(f"casing style {style!r} is unknown: use one of {', '.join(STYLES)}")
    words = _recased(title, style, text)
    if words is None:
        return None
    made, end = [], 0
    for found, word in words:
        made += [title[end : found.start()], word]
        end = found.end()
    return "".join(made) + title[end:]


def casing_faults(title: str, style: str, text: str) -> tuple[str, ...] | None:
    """Find the words whose capitals are against a style, as the style writes them.

    More lenient than `recased`: a word that the article itself writes both ways ("president", "President") is right in
    either. Same parameters, errors and None as there.

    Examples
    --------
    >>> text = "Police said the US had warned North Korea. An envoy of the US will fly to Seoul."
    >>> casing_faults("Envoy of the Us warns of Attack", "sentence", text)
    ('US', 'attack')
    """
    words = _recased(title, style, text)
    if words is None:
        return None
    forms = _forms(text)
    faults = []
    for number, (found, word) in enumerate(words):
        if word != found[0]:
            written = forms.get(_bare(word).casefold(), Counter[str]())
            is_small = found[0].islower() and _is_common(word) and STYLES[style] is None
            if number == 0 or (_bare(found[0]) not in written and not is_small):
                faults.append(word)
    return tuple(faults)


def _recased(title: str, style: str, text: str) -> list[tuple[re.Match[str], str]] | None:
    """Each word of a title, and how a style writes it."""
    if style not in STYLES:
        raise FrameError(f"casing style {style!r} is unknown: use one of {', '.join(STYLES)}")
    forms = _forms(text)
    if not forms or len(_GERMAN & forms.keys()) > 2 or title.upper() == title.lower():
        return None
    shouting, small = title.upper() == title, STYLES[style]
    places = list(_WORD.finditer(title))
    made = []
    for number, found in enumerate(places):
        starts = bool(_PART_OF_TITLE.search(title[: found.start()]))
        ends = number == len(places) - 1 or title[found.end() :][:1] in tuple(":?!")
        word = found[0].lower() if shouting else found[0]
        made.append((found, _word(word, small, forms, starts=starts, ends=ends, first=number == 0)))
    return made


def _word(
    word: str, small: frozenset[str] | None, forms: Mapping[str, Counter[str]], *, starts: bool, ends: bool, first: bool
) -> str:
    written = forms.get(_bare(word).casefold())
    own = written.most_common(1)[0][0] if written else ""
    if own != own.lower():
        return own + word[len(own) :]
    if word.casefold() in ("a.m.", "p.m.", "a.m", "p.m"):
        return word.lower()
    if word[1:] != word[1:].lower() or not word[0].isalpha():  # iPhone, NATO, 4x4
        return word
    if small is None:
        is_name = word[0].isupper() and not own and not _is_common(word)
        keeps = is_name or (starts and not first and word[0].isupper())  # after a colon either is sentence case
        return word if keeps else word[0].upper() + word[1:] if first else word.lower()
    return word.lower() if word.casefold() in small and not (starts or ends) else word[0].upper() + word[1:]


def _bare(word: str) -> str:
    return word.removesuffix("'s").removesuffix("’s")


def _is_common(word: str) -> bool:
    return is_ordinary(_bare(word).casefold()) or bool(re.search("['’]", _bare(word)[1:-1])) or len(word) < 3


@lru_cache(maxsize=_KEPT_TEXTS)
def _forms(text: str) -> Mapping[str, Counter[str]]:
    """How a text writes each word inside its sentences, and how often."""
    counts: dict[str, Counter[str]] = {}
    for found in _WORD.finditer(text):
        before = text[max(0, found.start() - 6) : found.start()]
        if before and not _OPENS.search(before):
            word = _bare(found[0])
            counts.setdefault(word.casefold(), Counter())[word] += 1
    return counts
