"""What a title claims, and what a text supports: numbers and names, without a model or a network.

A number is read as a value, however it is written ("2,000", "two thousand", "2 Tsd."); a name by its letters, through
possessives, accents, derived forms ("Iran", "Iranian") and acronyms. What a text supports is worked out once for each
text and kept. Support is not truth: a number that the text gives for something else passes.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from os.path import commonprefix
from typing import NamedTuple

from rapidfuzz import fuzz, process

from retitlekit.words import is_ordinary

_KEPT_TEXTS = 1024
_LETTERS = re.compile(r"[^\W_]+")

# ---------------------------------------------------------------------------------------------------------- numbers

_UNITS = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()
_NTHS = """zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: value for words in (_UNITS, _NTHS) for value, word in enumerate(words)}
_SMALL |= {word[:-1] + ending: 10 * (n + 2) for n, word in enumerate(_TENS) for ending in ("y", "ieth")}
_BIG = {"dozen": 12, "hundred": 100, "thousand": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_BIG |= {f"{word}th": value for word, value in _BIG.items() if word != "dozen"}
# Too common in other senses to be a claim: "no one", "at first", "a second".
_NOT_CLAIMED = {"one", "first", "second", "zero", "hundred", "thousand", "million", "billion", "trillion"}

_SCALES = {  # what may follow digits; English, and the languages whose newspapers spell millions out
    12: "dozen",
    100: "hundred",
    1000: "thousand tausend tsd mille mila duizend tusen 千",
    10**4: "万 萬 만",
    10**5: "lakh lakhs",
    10**6: "million millions mio mln mn millionen millón millones milione milioni milhão milhões miljoen miljoner",
    10**7: "crore crores",
    10**8: "亿 億 억",
    10**9: "billion billions bn milliarde milliarden milliard milliards mrd mld miliardo miliardi miljard miljarder",
    10**12: "trillion trillions tn 兆 조",
}
_VAGUE = {"k": 1000, "m": 10**6, "b": 10**9}  # 100m may be metres: the plain value stays as a second reading
_SCALE = {word: value for value, words in _SCALES.items() for word in words.split()} | _VAGUE
_SPACED = "|".join(sorted((word for word in _SCALE if word.isascii() or len(word) > 1), key=len, reverse=True))
_SCALED = rf"[\s-]?((?:{_SPACED})(?![^\W\d_])|[千万萬만亿億억兆조])"
_DIGITS = re.compile(
    r"(?=['’]?\d)(?P<mark>['’]?)(?P<digits>\d{1,3}(?:[ \u00a0\u202f]\d{3})+(?!\d)|\d+(?:[.,'’٫٬]\d+)*)"
    r"(?P<part>[¼½¾⅓⅔])?"
    rf"(?:{_SCALED}|(?=\s?(?:-|–|to|or|and)\s?[$£€]?\d[\d.,]*{_SCALED}))?"
)
_WORD = "|".join(sorted([*_SMALL, *_BIG], key=len, reverse=True))
_SPELLED = re.compile(rf"\b(?<!\d[\s-])(?:{_WORD})(?:(?:[\s-]|\sand\s)(?:{_WORD}))*s?\b")
_ROMAN = re.compile(r"\b(?=[IVX]{2}|[VX]\b)X{0,3}(?:IX|IV|V?I{0,3})(?<=[IVX])\b")
_PLAIN = {"couple": 2, "double": 2, "twice": 2, "duo": 2, "pair": 2, "triple": 3, "trio": 3, "nil": 0, "half": 50}
_PLAIN |= {"quarter": 25, "decade": 10, "century": 100}
_YEAR = re.compile(r"\b(?:1[5-9]|20)\d\d\b")
_BORN = re.compile(r"\b(?:born|birth)\b[^.;]{0,60}?\b((?:1[89]|20)\d\d)\b|\(((?:1[89]|20)\d\d) ?[-–]", re.IGNORECASE)
_BEFORE_AGE = re.compile(r"\b(?:aged?|at|age of)\s$", re.IGNORECASE)
_TOLD_AGE = re.compile(r"\b(?:aged?|age of|at) \d|\d[- ]years?[- ]old", re.IGNORECASE)
_YEARS = re.compile(r"(?:st|nd|rd|th)?[\s-](?:years?|anniversary)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a title claims of one kind, and what of it no text supports; both as written, each once."""

    made: tuple[str, ...]
    unsupported: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Number:
    text: str
    span: tuple[int, int]
    readings: frozenset[float]
    label: str = ""  # letters and digits of one name ("H1N1", "TMA-15"), folded
    is_rank: bool = False  # first to twelfth, of which texts are full: they do not support a count


def _numbers(text: str) -> Iterator[_Number]:
    """Every number in digits or English words, with each value that its writing can mean."""
    lower = text.lower()
    lower = lower if len(lower) == len(text) else text  # a few signs grow, and spans would slip
    for found in _DIGITS.finditer(lower):
        readings = _readings(found["digits"], found["part"], found[4] or found[5] or "")
        if found["mark"] and len(found["digits"]) == 2:  # '90s
            readings |= {1900 + max(readings), 2000 + max(readings)}
        shown, label = text[slice(*found.span())].strip("'’- "), _labelled(text, *found.span("digits"))
        is_rank = lower[found.end() : found.end() + 2] in ("st", "nd", "rd", "th") and max(readings) <= 12
        yield _Number(label or shown, found.span(), frozenset(readings), label.replace("-", "").casefold(), is_rank)
    for found in _SPELLED.finditer(lower):
        shown, is_rank = text[slice(*found.span())], found[0].removesuffix("s") in _NTHS[:13]
        yield _Number(shown, found.span(), frozenset(_spelled(found[0])), is_rank=is_rank)


def _readings(digits: str, part: str | None, scale: str) -> set[float]:
    groups = re.split(r"[.,'’٫٬ \u00a0\u202f]", digits)
    marks = re.sub(r"\d", "", digits)
    whole = {float("".join(groups))}
    if not marks:
        values = whole
    elif len(set(marks)) == 2 and marks.count(marks[-1]) == 1:  # 1,234.5 and 1.234,5
        values = {float("".join(groups[:-1]) + "." + groups[-1])}
    elif len(set(marks)) == 1 and re.fullmatch(r"\d{1,3}(\D\d{2,3})*\D\d{3}", digits):  # 1,234,567 and 12,34,567
        decimal = marks == "." and groups[-1] != "000"  # 1.234 is 1,234 in half of the world
        values = whole | ({float(digits)} if decimal else set())
    elif len(marks) == 1 and marks in ".,٫":
        values = {float(f"{groups[0]}.{groups[1]}")}
    else:  # 4.5.2010
        values = {float(group) for group in groups}
    if part:
        values = {value + unicodedata.numeric(part) for value in values}
    scaled = {round(value * _SCALE[scale], 6) for value in values} if scale else set()
    return scaled | values if not scale or scale in _VAGUE else scaled


def _labelled(text: str, start: int, end: int) -> str:
    """The name that digits belong to when Latin letters stand before them, as in H1N1 or TMA-15; else nothing."""
    first = start
    while first and (text[first - 1].isalnum() or (text[first - 1] == "-" and text[first - 2 : first - 1].isalpha())):
        first -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    label = text[first:end]
    return label if label.isascii() and not label[0].isdigit() else ""


def _spelled(words: str) -> Iterator[float]:
    """Read "two hundred and five thousand" and "twenty-first"; words that make no one number are several."""
    total = group = 0
    below = math.inf
    for word in re.split(r"[\s-]+", words):
        word = word if word in _SMALL or word in _BIG or word == "and" else word.removesuffix("s")
        small, big = _SMALL.get(word), _BIG.get(word, 0)
        joins = group % 100 == 0 or (small is not None and small < 10 and group % 100 >= 20 and group % 10 == 0)
        if big >= below:
            yield float(total)
            total, below = 0, math.inf
        elif small is not None and not joins:
            yield float(total + group)
            total, group, below = 0, 0, math.inf
        if small is not None:
            group += small
        elif big in (12, 100):
            group = max(group, 1) * big
        elif big:
            total, group, below = total + max(group, 1) * big, 0, big
    yield float(total + group)


@dataclass(frozen=True, slots=True)
class _Figures:
    """The numbers that a text supports."""

    values: frozenset[float]
    ranks: frozenset[float]
    labels: frozenset[str]
    years: frozenset[int]
    born: frozenset[int]  # years of birth, where no age is told


@lru_cache(maxsize=_KEPT_TEXTS)
def _figures(text: str) -> _Figures:
    found = list(_numbers(text))
    values = {value for number in found for value in number.readings if not number.is_rank}
    ranks = {value for number in found for value in number.readings if number.is_rank}
    values |= {float(_PLAIN[word]) for word in _LETTERS.findall(text.casefold()) if word in _PLAIN}
    values |= {_roman(numeral[0]) for numeral in _ROMAN.finditer(text)}
    if not text.isascii():  # ½, ², 三
        signs = {sign for sign in set(text) if not sign.isascii() and unicodedata.numeric(sign, None) is not None}
        values |= {unicodedata.numeric(sign) for sign in signs}
    born = {int(year[1] or year[2]) for year in _BORN.finditer(text)} if not _TOLD_AGE.search(text) else set()
    labels = frozenset(number.label for number in found if number.label)
    years = frozenset(map(int, _YEAR.findall(text)))
    return _Figures(frozenset(values), frozenset(ranks), labels, years, frozenset(born))


def _roman(numeral: str) -> float:
    values = [{"I": 1, "V": 5, "X": 10}[letter] for letter in numeral]
    return float(sum(-one if one < after else one for one, after in zip(values, [*values[1:], 0], strict=True)))


def number_claims(title: str, *texts: str, published_at: str | None = None) -> Claims:
    """Find the numbers of a title, and those that no text gives.

    Digits, decimals, English number words and ordinals are compared by value; "one", "first" and "second" claim
    nothing, having too many other senses. What can be reckoned from a year also counts as given: an age from a year of
    birth, "47 years" from the year that began them. Rounded values do not count, and "third" does not give "three".

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
    """
    claims = [number for number in _numbers(title) if not _is_idle(number.text.casefold())]
    if not claims:
        return Claims((), ())
    known = [_figures(text) for text in texts]
    labels = {label for figures in known for label in figures.labels}
    shapes = {_shape(label) for label in labels}
    unsupported = []
    for number in claims:
        given = any(number.readings & figures.values for figures in known)
        given |= number.is_rank and any(number.readings & figures.ranks for figures in known)
        if number.label:  # H5N1 contradicts a text that has H1N1 only
            given = number.label in labels or (given and _shape(number.label) not in shapes)
        if not given and not _is_reckoned(number, title, known, published_at):
            unsupported.append(number.text)
    return Claims(tuple(dict.fromkeys(number.text for number in claims)), tuple(dict.fromkeys(unsupported)))


def _is_idle(word: str) -> bool:
    """Whether a number word says nothing countable: "one", "first", "hundreds"."""
    return word in _NOT_CLAIMED or (word.endswith("s") and word[:-1] in _BIG)


def _shape(label: str) -> str:
    return re.sub(r"\d+", "#", label)


def _is_reckoned(number: _Number, title: str, known: list[_Figures], published_at: str | None) -> bool:
    years = {year for figures in known for year in figures.years}
    published = int(published_at[:4]) if published_at and published_at[:4].isdecimal() else None
    now = published or max(years, default=0)
    start, end = number.span
    since = years if _YEARS.match(title, end) else set()
    of_age = since or _BEFORE_AGE.search(title[:start])
    born = {year for figures in known for year in figures.born} if of_age else set()
    spans = {now - year for year in since} | {now - year - turned for year in born for turned in (0, 1)}
    return bool(spans & number.readings)


# ------------------------------------------------------------------------------------------------------------ names

_TOKEN = re.compile(r"[^\W_](?:\.[^\W_])+\.?|[^\W_]+(?:['.&][^\W_]+)*")  # U.S., O'Neill's, AT&T
_RUN = re.compile(r"[A-Z][\w'.]*(?:[ -](?:(?:of|the|for|and the|and|de|du|del|la|in|on) )*[A-Z][\w'.]*)+")
_OPENS = re.compile(r"(?:^|[:;?!…|(\[\"“”«„‘]|\.\s|(?<!\w)'|\s[-–—/]|—)\s*$")  # what stands before a first word
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_GERMAN = frozenset("der das und nicht ist ein eine auch wird".split())  # writes every noun with a capital
_ENGLISH = frozenset("the and for with from after by to that was".split())
_NOT_NAMES = frozenset(  # ranks, regions, and things in capitals: titles add them freely
    """
    actor actress admiral archbishop ayatollah bishop captain cardinal chairman chancellor chief colonel commander
    congressman director doctor dr duke emperor foreign general gen gov governor head imam judge justice king lady
    lieutenant lord major mayor minister mr mrs ms officer pope premier president priest prime prince princess
    professor queen rabbi rep representative secretary sen senator sergeant sheikh sir speaker vice
    central eastern northern southern western
    ai ad ads asap atm cctv cd cds diy dna dvd dvds faq gdp gps id it no ok pc pcs phd pin pr suv tv tvs ufo vat vip vs
    """.split()
)
_JOINING = frozenset(  # long words that Title Case leaves small
    """
    about after against amid amidst before between despite during from into near over since than that through toward
    towards under until upon with within without
    """.split()
)
_SAME = """
us usa unitedstates america american americans | uk gb unitedkingdom britain british britons greatbritain
eu europeanunion european europe | un unitednations | uae emirates emirati | netherlands dutch holland | france french
spain spanish spaniard spaniards | switzerland swiss | denmark danish danes dane | wales welsh | ireland irish
greece greek greeks | poland polish poles pole | finland finnish finns finn | norway norwegian norwegians
scotland scottish scots scot | philippines filipino filipinos philippine | myanmar burma burmese | laos laotian
kosovo kosovar kosovars | thailand thai thais | cyprus cypriot cypriots | catalonia catalan catalans
flanders flemish | azerbaijan azeri azeris | australia australian aussie aussies | vatican papal pope holysee
tory tories conservative conservatives | pm primeminister premier | mp mps memberofparliament | ceo chiefexecutive
tb tuberculosis | aids hiv | ny nyc newyork | la losangeles | dc washington | f1 formulaone | g7 groupofseven
g8 groupofeight | g20 groupoftwenty | ww1 wwi firstworldwar | ww2 wwii secondworldwar
"""
_CALENDAR = frozenset(  # no names are akin to these: Saturday, Saturn
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december
    """.split()
)
_SYNONYMS = {name: names.split() for names in re.split(r"[|\n]", _SAME) for name in names.split()}


class _Token(NamedTuple):
    text: str
    word: str  # folded
    first: bool  # opens a sentence, a quotation or what follows a colon
    second: bool  # follows a hyphen
    capital: bool


@dataclass(frozen=True, slots=True)
class _Names:
    """The names that a text supports."""

    words: frozenset[str]  # every word, folded
    capitals: frozenset[str]  # those written with a capital
    initials: frozenset[str]  # of capitalised words in a row
    letters: str  # the whole text without its gaps
    kin: dict[str, list[str]]  # words written with a capital, by their first four letters
    language: frozenset[str]  # small words that tell German and English


def _plain(text: str) -> str:
    """Text without accents and with straight apostrophes."""
    if text.isascii():
        return text
    decomposed = unicodedata.normalize("NFKD", text.replace("’", "'"))
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
        found.append(_Token(text, _fold(text), first, before[-1:] == "-", capital))
    return found


@lru_cache(maxsize=_KEPT_TEXTS)
def _names(text: str) -> _Names:
    plain = _plain(text)
    tokens = set(_TOKEN.findall(plain))
    folded = {token: _fold(token) for token in tokens}
    initials = {
        "".join(word[0] for word in words).casefold() for run in _RUN.findall(plain) for words in _stretches(run)
    }
    capitals = frozenset(word for token, word in folded.items() if not token.islower())
    kin: dict[str, list[str]] = {}
    for word in capitals - _CALENDAR:
        kin.setdefault(word[:4], []).append(word)
    words = frozenset(folded.values())
    letters = "".join(_LETTERS.findall(plain.casefold()))
    return _Names(words, capitals, frozenset(initials), letters, kin, words & (_GERMAN | _ENGLISH))


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
    if _CJK.search(title) or not any(letter.isupper() or letter.islower() for letter in plain):
        return None
    known = [_names(text) for text in texts if text]
    tokens = _tokens(plain)
    language = {token.word for token in tokens}.union(*(names.language for names in known))
    if len(_GERMAN & language) >= 3:
        return None
    length = len(tokens) + sum(len(names.words) for names in known)
    english = len(_ENGLISH & language) >= min(3, 1 + length // 50)
    claims = _claimed(tokens, english)
    short = _abbreviated(plain, known)
    unsupported = [token.text for token in claims if token.word not in short and not _is_known(token, known)]
    return Claims(tuple(dict.fromkeys(token.text for token in claims)), tuple(dict.fromkeys(unsupported)))


def _claimed(tokens: list[_Token], english: bool) -> list[_Token]:
    """The tokens whose capital letter marks a name."""
    inside = [token for token in tokens if len(token.word) > 3 and not (token.first or token.second)]
    long = [token for token in inside if token.word.isalpha() and token.word not in _JOINING]
    marked = any(not token.capital for token in long)  # else it is Title Case, and capitals say little
    shouting = bool(long) and all(token.text.isupper() for token in long)
    claims = []
    for token in tokens:
        if not token.capital or token.word in _NOT_NAMES or token.word[0].isdigit() or len(token.word) < 2:
            continue
        inner = not shouting and any(letter.isupper() or letter.isdigit() for letter in token.text[1:])
        if (marked and not token.first) or inner or (english and not is_ordinary(token.word)):
            claims.append(token)
    return claims


def _abbreviated(plain: str, known: list[_Names]) -> set[str]:
    """The words of spelled-out names that a text has as an acronym: United Nations where it says UN."""
    stretches = [words for run in _RUN.findall(plain) for words in _stretches(run)]
    initials = ["".join(word[0] for word in words).casefold() for words in stretches]
    return {
        _fold(word)
        for words, short in zip(stretches, initials, strict=True)
        if any(short in names.capitals for names in known)
        for word in words
    }


def _is_known(token: _Token, known: list[_Names]) -> bool:
    word = token.word
    synonyms = _SYNONYMS.get(word, ())
    acronym = token.text.isupper() and len(word) < 7
    return any(
        word in (names.capitals if acronym else names.words)  # "US" is not known from "us"
        or (acronym and word in names.initials)
        or ((len(word) > 5 or not word.isalpha()) and word in names.letters)
        or any(other in names.capitals or (len(other) > 8 and other in names.letters) for other in synonyms)
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
    close = [other for other in names.capitals if abs(len(other) - len(word)) < 2] if len(word) > 5 else []
    return process.extractOne(word, close, scorer=fuzz.ratio, score_cutoff=85) is not None


def _share_stem(one: str, other: str) -> bool:
    shared = len(commonprefix([one, other]))  # noqa: RUF071
    shorter, longer = sorted((len(one), len(other)))
    return 7 * shared >= 4 * longer or (shared == shorter and longer - shorter <= 5)
