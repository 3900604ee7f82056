"""Names of a title, and whether a text knows them, without a model or a network.

A name is compared by its letters, through possessives, accents, derived forms ("Iran", "Iranian") and acronyms. What a
text knows is worked out once for each text and kept.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from os.path import commonprefix
from typing import NamedTuple

from rapidfuzz import fuzz, process

from retitlekit.claims import KEPT_TEXTS, Claims
from retitlekit.claims.gazetteer import ACTS, BEFORE_SEATS, CALENDAR, NAMES_TOO, NOT_NAMES, PHRASES, SEATS, SYNONYMS
from retitlekit.language.words import ENGLISH, ENGLISH_IN_TITLES, STOP_WORDS, is_english, is_ordinary, stem

_LETTERS = re.compile(r"[^\W_]+")

_TOKEN = re.compile(r"[^\W_](?:\.[^\W_])+\.?|[^\W_]+(?:['.&][^\W_]+)*")  # U.S., O'Neill's, AT&T
_RUN = re.compile(r"[A-Z][\w'.]*(?:[ -](?:(?:of|the|for|and the|and|&|de|du|del|la|in|on) )*[A-Z][\w'.]*)+")
_CAMEL = re.compile(r"(?:[A-Z][a-z]+){2,}")
_OPENS = re.compile(r"(?:^|[:;?!…|(\[\"“”«„‘]|\.\s|(?<!\w)'|\s[-–—/]|—)\s*$")  # what stands before a first word
_UNCASED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")  # Chinese, Japanese, Korean
_GERMAN = frozenset("der das und nicht ist ein eine auch wird".split())  # writes every noun with a capital
_JOINING = frozenset(  # long words that Title Case leaves small
    """
    about after against amid amidst before between despite during from into near over since than that through toward
    towards under until upon with within without
    """.split()
)


class _Token(NamedTuple):
    text: str
    word: str  # folded
    first: bool  # opens a sentence, a quotation or what follows a colon
    second: bool  # follows a hyphen
    capital: bool
    cased: bool  # of a script that has capitals


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that a text supports."""

    words: frozenset[str]  # every word, folded
    capitals: frozenset[str]  # those written with a capital
    acronyms: frozenset[str]  # those in capitals throughout
    initials: frozenset[str]  # of capitalised words in a row
    letters: str  # the whole text without its gaps
    kin: dict[str, list[str]]  # words written with a capital, by their first four letters
    language: frozenset[str]  # small words that tell German and English


def _plain(text: str) -> str:
    """Text without accents, with straight apostrophes and without Chinese, Japanese and Korean."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", _UNCASED.sub(" · ", text.replace("’", "'")))
    return "".join(sign for sign in decomposed if not unicodedata.combining(sign))


def _fold(token: str) -> str:
    word = token.casefold()
    word = word.removesuffix("'s")
    return word if word.isalnum() else re.sub(r"['.&]", "", word)


def _tokens(plain: str) -> list[_Token]:
    found = []
    for match in _TOKEN.finditer(plain):
        text, start = match[0].removesuffix("'s"), match.start()
        before = plain[max(0, start - 4) : start]
        inside = before[-1:] == " " and before[-2:-1].isalnum()
        first = not inside and bool(_OPENS.search(before))
        capital = text[:3] != text[:3].lower()
        cased = text.upper() != text.lower()
        found.append(_Token(text, _fold(text), first, before[-1:] == "-", capital, cased))
    return found


@lru_cache(maxsize=KEPT_TEXTS)
def _names(text: str) -> _Names:
    plain = _plain(text)
    tokens = set(_TOKEN.findall(plain))
    folded = {token: _fold(token) for token in tokens}
    initials = {
        "".join(word[0] for word in words).casefold() for run in _RUN.findall(plain) for words in _stretches(run)
    }
    initials |= {  # GlaxoSmithKline; Top of the Pops
        "".join(re.findall(pattern, name)).casefold()
        for found, pattern in ((_CAMEL, "[A-Z]"), (_RUN, r"\b\w"))
        for name in found.findall(plain)
    }
    capitals = frozenset(word for token, word in folded.items() if not token.islower())
    kin: dict[str, list[str]] = {}
    for word in capitals - CALENDAR:
        if is_ordinary(word):  # "More" at the head of a sentence is no kin of Moreno
            continue
        kin.setdefault(word[:4], []).append(word)
    words = frozenset(folded.values())
    letters = "".join(_LETTERS.findall(plain.casefold()))
    acronyms = frozenset(word for token, word in folded.items() if token.isupper() and len(word) > 1)
    return _Names(words, capitals, acronyms, frozenset(initials), letters, kin, words & (_GERMAN | ENGLISH))


def _stretches(run: str) -> Iterator[list[str]]:
    """Two to six capitalised words in a row, as an acronym takes them; "and" joins words only inside longer names."""
    words = [word for word in re.split(r"[ -]", run) if word[:1].isupper() or word == "and"][:12]
    for start, stop in combinations(range(len(words) + 1), 2):
        taken = [word for word in words[start:stop] if word != "and"]
        if 2 <= len(taken) <= 6 and (len(taken) > 2 or len(taken) == stop - start):
            yield taken


def name_claims(title: str, *texts: str) -> Claims | None:
    """Find the names of a title, and those that no text knows.

    A name is a capitalised word. The first word of a title, and every word of one in Title Case or in capitals, is a
    name only when it is no ordinary English word; in other languages such words claim nothing. A name is known when the
    texts have it in any case, a form of it, its expansion or its acronym.

    Parameters
    ----------
    title : str
    *texts : str
        What may support it: the body, the original title.

    Returns
    -------
    Claims or None
        None where capitals do not mark names: scripts without case, Chinese, Japanese, Korean, and German.

    Examples
    --------
    >>> name_claims("Oslo and Tehran sign accord", "Norway's capital Oslo hosted the Iranians.").unsupported
    ('Tehran',)
    """
    plain = _plain(title)
    if not any(letter.isupper() or letter.islower() for letter in plain):
        return None
    known = [_names(text) for text in texts if text]
    tokens = _tokens(plain)
    language = {token.word for token in tokens}.union(*(names.language for names in known))
    if len(_GERMAN & language) >= 3:
        return None
    length = len(tokens) + sum(len(names.words) for names in known)
    english = is_english(frozenset(language), length=length)
    claims = _claimed(tokens, english)
    unknown = [[token] for token in claims if not _is_known(token, known) and not _acts(token, tokens, known)]
    phrases = [
        phrase
        for phrase in (_phrases(tokens) if english else ())
        if not _knows(phrase, known) and not _acts(phrase[0], tokens, known, "".join(token.word for token in phrase))
    ]
    unknown = [*([token] for [token] in unknown if not any(token in phrase for phrase in phrases)), *phrases]
    if unknown:
        short = _abbreviated(plain, known)
        unknown = [name for name in unknown if not short.issuperset(token.word for token in name)]
    unsupported = (" ".join(token.text for token in name) for name in unknown)
    return Claims(tuple(dict.fromkeys(token.text for token in claims)), tuple(dict.fromkeys(unsupported)))


def kept_names(original_title: str, title: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The names of an original title that a title has, in one form or another, and those that it dropped.

    Examples
    --------
    >>> kept_names("Kim meets Putin in Vladivostok", "Putin hosts North Korea's Kim")
    (('Kim', 'Putin'), ('Vladivostok',))
    """
    names = _own_names(original_title)
    kept = names_in(title, names)
    return tuple(text for word, text in names.items() if word in kept), tuple(
        text for word, text in names.items() if word not in kept
    )


@lru_cache(maxsize=KEPT_TEXTS)
def _own_names(title: str) -> Mapping[str, str]:
    """The names that a title claims: folded, and as written."""
    tokens = _tokens(_plain(title))
    english = not ENGLISH_IN_TITLES.isdisjoint(token.word for token in tokens)
    return {token.word: token.text for token in _claimed(tokens, english)}


def _phrases(tokens: list[_Token]) -> Iterator[list[_Token]]:
    """The names of several ordinary words in a title, small words between them or not."""
    words = [token.word for token in tokens]
    for place, token in enumerate(tokens):
        for phrase in PHRASES.get(token.word, ()) if token.capital else ():
            found = tokens[place : place + len(phrase)]
            if tuple(words[place : place + len(phrase)]) == phrase and found[-1].capital:
                yield found


def _knows(phrase: list[_Token], known: list[_Names]) -> bool:
    """Whether a text has such a name, or a word that stands for it."""
    joined = "".join(token.word for token in phrase)
    return any(
        joined in names.letters
        or any(other in names.capitals for other in SYNONYMS.get(joined, ()))
        or all(token.word in names.capitals or token.word in STOP_WORDS for token in phrase)
        for names in known
    )


def _claimed(tokens: list[_Token], english: bool) -> list[_Token]:
    """The tokens whose capital letter marks a name."""
    inside = [token for token in tokens if len(token.word) > 3 and not (token.first or token.second)]
    long = [token for token in inside if token.word.isalpha() and token.cased and token.word not in _JOINING]
    marked = any(not token.capital for token in long)  # else it is Title Case, and capitals say little
    shouting = bool(long) and all(token.text.isupper() for token in long)
    claims = []
    for token in tokens:
        if not token.capital or token.word in NOT_NAMES or token.word[0].isdigit() or len(token.word) < 2:
            continue
        before, apostrophe, after = token.text.casefold().partition("'")
        if apostrophe and (after == "t" or before in STOP_WORDS):
            continue  # Don't, I'm, They'd
        inner = not shouting and any(letter.isupper() or letter.isdigit() for letter in token.text[1:])
        if (
            (marked and not token.first)
            or inner
            or (english and (not is_ordinary(token.word) or token.word in NAMES_TOO))
        ):
            claims.append(token)
    return claims


def _acts(token: _Token, tokens: list[_Token], known: list[_Names], of: str = "") -> bool:
    """Whether a name stands for a government that a text knows: at the head of a clause, as what does something."""
    at = tokens.index(token)
    after = tokens[at + 1 + (len(of) > len(token.word)) : at + 3]
    heads = token.first or at == 0 or tokens[at - 1].word in BEFORE_SEATS
    heads = heads and bool(after) and stem(after[0].word) in ACTS
    meant = SEATS.get(of or token.word, ())
    return heads and any(
        word in names.capitals or (len(word) > 8 and word in names.letters) for word in meant for names in known
    )


def _abbreviated(plain: str, known: list[_Names]) -> set[str]:
    """The words of spelled-out names that a text has as an acronym: United Nations where it says UN."""
    stretches = [words for run in _RUN.findall(plain) for words in _stretches(run)]
    initials = ["".join(word[0] for word in words).casefold() for words in stretches]
    return {
        _fold(word)
        for words, short in zip(stretches, initials, strict=True)
        if any(short in names.acronyms for names in known)
        for word in words
    }


def _is_known(token: _Token, known: list[_Names]) -> bool:
    word = token.word
    synonyms = SYNONYMS.get(word, ())
    acronym = token.text.isupper() and len(word) < 7
    return any(
        word in (names.capitals if acronym else names.words)  # "US" is not known from "us"
        or (acronym and word in names.initials)
        or ((len(word) > 5 or not word.isalpha()) and word in names.letters)
        or any(other in names.capitals or (len(other) > 8 and other in names.letters) for other in synonyms)
        or (len(word) > 2 - token.second and not acronym and any(other.startswith(word) for other in names.capitals))
        or _has_kin(word, names)
        for names in known
    )


def _has_kin(word: str, names: _Names) -> bool:
    """Whether a text has another form or spelling of a name.

    Either a short ending apart (Afghan, Afghanistan), or sharing the first four letters and four sevenths of the longer
    word (Canada, Canadian, but not Australia, Austria), or a letter or so apart (Gaddafi, Qaddafi). An ordinary word
    with a capital, as in Supreme Court, may stand in the text without one.
    """
    front = word[:4]
    near = [other for other in names.words if other[:4] == front] if is_ordinary(word) else names.kin.get(front, ())
    if len(word) > 3 and any(_share_stem(word, other) for other in near):
        return True
    if not word.isascii() and any(word[:-cut] in names.capitals for cut in (1, 2) if len(word) - cut > 2):
        return True  # Russian and its kin decline names
    close = [other for other in names.capitals if abs(len(other) - len(word)) < 2] if len(word) > 5 else []
    return process.extractOne(word, close, scorer=fuzz.ratio, score_cutoff=85) is not None


def _share_stem(one: str, other: str) -> bool:
    shared = len(commonprefix([one, other]))  # noqa: RUF071
    shorter, longer = sorted((len(one), len(other)))
    return 7 * shared >= 4 * longer or (shared == shorter and longer - shorter <= 5)


@lru_cache(maxsize=KEPT_TEXTS)
def main_names(text: str, most: int = 3) -> Mapping[str, int]:
    """The names that a text has most often inside its sentences, folded, with their counts; the lead counts twice.

    Of words that stand together, as first and family names do, the more frequent one counts.

    Examples
    --------
    >>> dict(main_names("Police said Anna Roe met Li in Oslo. Later Roe flew to Oslo. The mayor greeted Roe."))
    {'roe': 6, 'oslo': 4, 'anna': 2}
    """
    plain = _plain(text)
    lead = len(plain) - len(plain.lstrip()) + len(plain.strip().split("\n\n", 1)[0])
    counts: Counter[str] = Counter()
    for match in _TOKEN.finditer(plain):
        before = plain[max(0, match.start() - 4) : match.start()]
        word = _fold(match[0])
        inside = before.strip() and not _OPENS.search(before)
        if inside and match[0][0].isupper() and len(word) > 1 and word not in NOT_NAMES | CALENDAR:
            counts[word] += 1 + (match.start() < lead)
    return dict(counts.most_common(most))


def names_in(title: str, names: Iterable[str]) -> frozenset[str]:
    """Which of some folded names a title has, in one form or another."""
    words = {_fold(token) for token in _TOKEN.findall(_plain(title))}
    kin = {name for name in names if name in words or not words.isdisjoint(SYNONYMS.get(name, ()))}
    near = {name for name in names if len(name) > 3 and any(w[:4] == name[:4] and _share_stem(w, name) for w in words)}
    return frozenset(kin | near)
