"""Figures: the numbers of a title, and whether a text gives them, without a model or a network.

A number is read as a value, however it is written ("2,000", "two thousand", "2 Tsd."), and as what it counts or
measures: 12 km do not support 12 miles. Support is not truth: a number that the text gives for something else passes.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from retitlekit.claims import KEPT_TEXTS, Claims
from retitlekit.words import STOP_WORDS, is_english, stem

_LETTERS = re.compile(r"[^\W_]+")

_ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen""".split()
_NTHS = """zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth""".split()
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
_SMALL = {word: value for words in (_ONES, _NTHS) for value, word in enumerate(words)}
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
_LANGUAGES = {  # small words that tell the language; its words for two to twelve
    "der die und das nicht ist": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "le la les des est une": "deux trois quatre cinq six sept huit neuf dix onze douze",
    "el los las una por con": "dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "il di che della sono gli": "due tre quattro cinque sei sette otto nove dieci undici dodici",
    "os uma não com dos em": "dois três quatro cinco seis sete oito nove dez onze doze",
    "het een van niet zijn en": "twee drie vier vijf zes zeven acht negen tien elf twaalf",
    "och att det som på är": "två tre fyra fem sex sju åtta nio tio elva tolv",
}
_FOREIGN = {word: float(value) for words in _LANGUAGES.values() for value, word in enumerate(words.split(), 2)}
_SPELLED_IN = {
    small: re.compile(rf"{_SPELLED.pattern}|\b(?:{'|'.join(words.split())})\b") for small, words in _LANGUAGES.items()
}
_PART = re.compile(r"[^\s-]+")
_ROMAN = re.compile(r"\b(?=[IVX]{2}|[VX]\b)X{0,3}(?:IX|IV|V?I{0,3})(?<=[IVX])\b")
_PLAIN = {"couple": 2, "double": 2, "twice": 2, "duo": 2, "pair": 2, "triple": 3, "trio": 3, "nil": 0, "half": 50}
_PLAIN |= {"quarter": 25, "decade": 10, "century": 100}
_PLAIN_UNITS = {"half": "%", "quarter": "%", "decade": "year", "century": "year"}
_MONTHS = """january february march april may june july august september october november december jan feb mar apr jun
jul aug sept sep oct nov dec""".split()
_UNIT_WORDS = {
    "%": "percent pct percentage prozent procent",
    "dollar": "dollar dollars usd",
    "euro": "euro euros eur",
    "pound": "pound pounds gbp quid",
    "lb": "pound pounds lb lbs",
    "yen": "yen jpy",
    "yuan": "yuan cny rmb",
    "rupee": "rupee rupees",
    "rouble": "rouble roubles ruble rubles",
    "km": "km kms kilometre kilometres kilometer kilometers",
    "mile": "mile miles",
    "metre": "metre metres meter meters",
    "foot": "foot feet ft",
    "yard": "yard yards",
    "kg": "kg kgs kilo kilos kilogram kilograms kilogramme kilogrammes",
    "tonne": "tonne tonnes ton tons",
    "litre": "litre litres liter liters",
    "acre": "acre acres",
    "hectare": "hectare hectares",
    "mph": "mph",
    "kmh": "km/h kph kmh",
    "year": "year years year-old decade decades century centuries",
    "month": "month months",
    "week": "week weeks",
    "day": "day days",
    "hour": "hour hours",
    "minute": "minute minutes min mins",
    "clock": "am pm a.m p.m o'clock gmt",
    "people": """people person persons man men woman women child children dead killed injured wounded hurt arrested missing
    victims victim casualties soldiers troops passengers die died dies""",
} | {f"month {month[:3]}": f"{month} {month[:3]}" for month in _MONTHS[:12]}
_MONEY = frozenset("dollar euro pound yen yuan rupee rouble".split())
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


# What is counted or measured; a word may be of two kinds.
_UNITS = {
    word: frozenset(kind for kind, words in _UNIT_WORDS.items() if word in words.split())
    for words in _UNIT_WORDS.values()
    for word in words.split()
}
_SIGNS = {"%": "%", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen yuan", "₹": "rupee", "₽": "rouble"}
_UNIT_AFTER = re.compile(rf"[\s\u00a0\u202f-]?(?:([{''.join(_SIGNS)}])|per cent\b|({'|'.join(sorted(_UNITS, key=len, reverse=True))})\b)")
_PEOPLE_AFTER = re.compile(rf"(?:[\s-][^\W\d_]+){{0,2}}?[\s-](?:{'|'.join(_UNIT_WORDS['people'].split())})\b")
_UNIT_BEFORE = re.compile(rf"([$€£¥₹₽])\s?$|\b({'|'.join(_MONTHS)})\s(?:the\s)?$")
_PEOPLE_BEFORE = re.compile(r"\b(?:kill|injur|wound|hurt|arrest|behead|execut)\w*\s(?:\w+\s){0,2}$")
_A_PERSON = re.compile(
    r"\b(?:an?|another|only)\s(?:[\w-]+\s){0,2}(?:man|woman|person|boy|girl|child|soldier|officer|teenager|student|worker)\b"
)
_THING = re.compile(r"(?:[\s-][^\W\d_]+){0,2}")
_NOTHING: frozenset[str] = frozenset()


class _Way(NamedTuple):
    """What a number that a text gives may count or measure; empty where the text does not tell."""

    units: frozenset[str] = frozenset()
    things: frozenset[str] = frozenset()
    strictly: bool = False  # "half" is 50 per cent, but no 50


@dataclass(frozen=True, slots=True)
class _Number:
    text: str
    span: tuple[int, int]
    readings: frozenset[float]
    units: frozenset[str] = _NOTHING  # what it may count or measure; empty when not told
    label: str = ""  # letters and digits of one name ("H1N1", "TMA-15"), folded
    is_rank: bool = False  # first to twelfth, of which texts are full: they do not support a count


def _numbers(text: str, words: re.Pattern[str]) -> Iterator[_Number]:
    """Every number in digits or in the words of a pattern, with each value that its writing can mean."""
    lower = text.lower()
    lower = lower if len(lower) == len(text) else text  # a few signs grow, and spans would slip
    for found in _DIGITS.finditer(lower):
        span, units = found.span(), _units(lower, *found.span())
        scale = found[4] or found[5] or ""
        readings = _readings(found["digits"], found["part"], scale, is_money=bool(units & _MONEY))
        if "clock" in units and "." in found["digits"]:  # 3.40 am is 3:40
            readings |= {float(found["digits"].partition(".")[0])}
        if found["mark"] and len(found["digits"]) == 2:  # '90s
            readings |= {1900 + max(readings), 2000 + max(readings)}
        shown, label = text[slice(*span)].strip("'’- "), _labelled(text, *found.span("digits"))
        is_rank = lower[span[1] : span[1] + 2] in ("st", "nd", "rd", "th") and max(readings) <= 12
        folded = label.replace("-", "").casefold()
        yield _Number(label or shown, span, _in_years(readings, lower, span[1]), units, folded, is_rank)
    for found in words.finditer(lower):
        foreign = found[0] in _FOREIGN
        for value, first, last in [(_FOREIGN[found[0]], 0, len(found[0]))] if foreign else _spelled(found[0]):
            start, end = found.start() + first, found.end() if last == len(found[0]) else found.start() + last
            shown, units = text[start:end], _units(lower, start, end)
            is_rank = lower[start:end].removesuffix("s") in _NTHS[:13]
            yield _Number(shown, (start, end), _in_years({value}, lower, end), units, is_rank=is_rank)


def _units(lower: str, start: int, end: int) -> frozenset[str]:
    """What stands at a number to tell what it counts or measures."""
    if after := _UNIT_AFTER.match(lower, end):
        sign = after[1] or ("%" if not after[2] else "")
        return frozenset(_SIGNS[sign].split()) if sign else _UNITS[after[2]]
    before = lower[max(0, start - 24) : start]
    if told := _UNIT_BEFORE.search(before):
        return frozenset(_SIGNS[told[1]].split()) if told[1] else _UNITS[told[2]]
    if _PEOPLE_AFTER.match(lower, end) or _PEOPLE_BEFORE.search(before):
        return _UNITS["people"]
    return _NOTHING


def _in_years(readings: set[float], lower: str, end: int) -> frozenset[float]:
    """Two decades are 20 years too."""
    factor = 10 if lower.startswith("decade", end + 1) else 100 if lower.startswith("centur", end + 1) else 1
    return frozenset(readings | {value * factor for value in readings})


def _readings(digits: str, part: str | None, scale: str, *, is_money: bool) -> set[float]:
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
    return scaled | values if not scale or (scale in _VAGUE and not is_money) else scaled


def _labelled(text: str, start: int, end: int) -> str:
    """The name that digits belong to when Latin letters stand before them, as in H1N1 or TMA-15; else nothing."""
    first = start
    while first and (text[first - 1].isalnum() or (text[first - 1] == "-" and text[first - 2 : first - 1].isalpha())):
        first -= 1
    while end < len(text) and text[end].isalnum():
        end += 1
    label = text[first:end]
    return label if label.isascii() and not label[0].isdigit() else ""


def _spelled(words: str) -> Iterator[tuple[float, int, int]]:
    """Read "two hundred and five thousand" and "twenty-first"; words that make no one number are several.

    Gives each value with the place where it starts and ends.
    """
    total = group = start = end = 0
    below = math.inf
    for found in _PART.finditer(words):
        word = found[0]
        word = word if word in _SMALL or word in _BIG or word == "and" else word.removesuffix("s")
        small, big = _SMALL.get(word), _BIG.get(word, 0)
        joins = group % 100 == 0 or (small is not None and small < 10 and group % 100 >= 20 and group % 10 == 0)
        if big >= below or (small is not None and not joins):
            yield float(total + (0 if big >= below else group)), start, end
            total, group, below, start = 0, group if big >= below else 0, math.inf, found.start()
        if small is not None:
            group += small
        elif big in (12, 100):
            group = max(group, 1) * big
        elif big:
            total, group, below = total + max(group, 1) * big, 0, big
        end = found.end() if word != "and" else end
    yield float(total + group), start, end


@dataclass(frozen=True, slots=True)
class _Figures:
    """The numbers that a text supports."""

    values: Mapping[float, frozenset[_Way]]  # and each way in which it is given
    ranks: Mapping[float, frozenset[str]]  # and the things they rank: second [time, goal]
    counted: frozenset[str]  # things that stand behind a number
    labels: frozenset[str]
    letters: Mapping[float, frozenset[str]]  # with which a label of that number begins: F of F1
    years: frozenset[int]
    born: frozenset[int]  # years of birth, where no age is told
    words: re.Pattern[str]  # number words of its language


@lru_cache(maxsize=KEPT_TEXTS)
def _figures(text: str) -> _Figures:
    lower = text.casefold()
    small = set(_LETTERS.findall(lower))
    told = [words for words in _LANGUAGES if len(small.intersection(words.split())) > 2]
    foreign = len(told) == 1 and not is_english(frozenset(small), length=len(lower) // 6)
    pattern = _SPELLED_IN[told[0]] if foreign else _SPELLED
    values: dict[float, set[_Way]] = {}
    counted: set[str] = set()
    ranks: dict[float, set[str]] = {}
    letters: dict[float, set[str]] = {}
    found = list(_numbers(text, pattern))
    for number in found:
        if number.text.casefold() in _VAGUE_PLURALS:
            continue
        things = _things(lower, number.span[1])
        counted |= things if not (number.is_rank or number.label) else _NOTHING
        for value in number.readings:
            if number.is_rank:
                ranks.setdefault(value, set()).update(things)
            elif number.label:
                letters.setdefault(value, set()).add(number.label[0])
            else:
                values.setdefault(value, set()).add(_Way(number.units, things))
    for word in small & _PLAIN.keys():
        units = frozenset(_PLAIN_UNITS.get(word, "").split())
        values.setdefault(float(_PLAIN[word]), set()).add(_Way(units, strictly=bool(units)))
    for numeral in _ROMAN.finditer(text):
        values.setdefault(_roman(numeral[0]), set()).add(_Way())
    for sign in set() if text.isascii() else set(text):  # ½, ², 三
        if not sign.isascii() and (value := unicodedata.numeric(sign, None)) is not None:
            values.setdefault(value, set()).add(_Way())
    if _A_PERSON.search(lower):
        values.setdefault(1.0, set()).add(_Way(_UNITS["people"]))
    born = {int(year[1] or year[2]) for year in _BORN.finditer(text)} if not _TOLD_AGE.search(text) else set()
    return _Figures(
        {value: frozenset(ways) for value, ways in values.items()},
        {value: frozenset(words) for value, words in ranks.items()},
        frozenset(counted),
        frozenset(number.label for number in found if number.label),
        {value: frozenset(firsts) for value, firsts in letters.items()},
        frozenset(map(int, _YEAR.findall(text))),
        frozenset(born),
        pattern,
    )


def _things(lower: str, end: int) -> frozenset[str]:
    """The stems of the two words after a number; nothing where it stands alone ("two were freed")."""
    words = _LETTERS.findall(_THING.match(lower, end)[0])  # type: ignore[index] # it matches the empty text
    return frozenset() if not words or words[0] in STOP_WORDS else frozenset(map(stem, set(words) - STOP_WORDS))


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
    pattern = next((figures.words for figures in known if figures.words is not _SPELLED), _SPELLED)
    found = list(_numbers(title, pattern))
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
    found = {value for number in _numbers(title, _SPELLED) for value in number.readings}
    return tuple(number.text for number in numbers if number.readings & found), tuple(
        number.text for number in numbers if not number.readings & found
    )


@lru_cache(maxsize=KEPT_TEXTS)
def _own_numbers(title: str) -> tuple[_Number, ...]:
    return tuple(number for number in _numbers(title, _SPELLED) if not _is_idle(number.text.casefold()))


def _is_idle(word: str) -> bool:
    """Whether a number word says nothing countable: "one", "first", "hundreds"."""
    return word in _NOT_CLAIMED or word in _VAGUE_PLURALS


def _fits(number: _Number, ways: frozenset[_Way], things: frozenset[str]) -> bool:
    """Whether a number that counts some things may be one that a text gives in these ways."""
    return any(
        (not way.units or (not number.units and not way.strictly) or way.units & number.units)
        and (not things or not way.things or things & way.things or (way.units & number.units))
        for way in ways
    )


def _is_given(number: _Number, lower: str, known: list[_Figures]) -> bool:
    things = _NOTHING if number.label else _things(lower, number.span[1])
    # Small numbers stand in most texts for one thing or another.
    counted = any(value <= 20 and value.is_integer() for value in number.readings) and any(things & figures.counted for figures in known)
    plain = any(
        value in figures.values
        and (_fits(number, figures.values[value], things if counted else _NOTHING))
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
    return any(firsts & figures.letters.get(value, _NOTHING) for figures in known for value in number.readings)


def _is_contradicted(number: _Number, lower: str, known: list[_Figures]) -> bool:
    """Whether the texts rank or count the same thing, and never so: "second title" where they have the third."""
    if number.is_rank:
        things = _things(lower, number.span[1])
        counted = {value for figures in known for value, words in figures.ranks.items() if things & words}
    elif number.text.casefold() == "one" and number.units:
        counted = {
            value for figures in known for value, ways in figures.values.items() for way in ways if way.units & number.units
        }
    else:
        return False
    return bool(counted) and not counted & number.readings


def _is_rounded(number: _Number, lower: str, known: list[_Figures]) -> bool:
    """Whether a text gives a number that this rounder one stands for: 1.2 million, or "nearly 50" for 49."""
    value, digits = max(number.readings), _digits(max(number.readings))
    hedge = _HEDGE.search(lower[: number.span[0]])
    low, high = (0.95, 1.05) if not hedge else (0.9, 1.0) if hedge[1] else (1.0, 1.25) if hedge[2] else (0.9, 1.1)
    for figures in known:
        for given, ways in figures.values.items():
            if value * low <= given <= value * high and digits < _digits(given) and _fits(number, ways, _NOTHING):
                if hedge or (value >= 1000 and digits <= 2 and float(f"{given:.{digits}g}") == value):
                    return True
    return False


def _digits(value: float) -> int:
    """Significant digits: 2 of 1,200,000."""
    return len(f"{value:.12g}".replace(".", "").strip("0")) if value < 1e12 else 12


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
