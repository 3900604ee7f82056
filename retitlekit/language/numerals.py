"""Numerals: the numbers that a text writes, in digits and in words, and what they count or measure."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from retitlekit.language.words import STOP_WORDS, stem

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
SPELLED = re.compile(rf"\b(?<!\d[\s-])(?:{_WORD})(?:(?:[\s-]|\sand\s)(?:{_WORD}))*s?\b")
LANGUAGES = {  # small words that tell the language; its words for two to twelve
    "der die und das nicht ist": "zwei drei vier fünf sechs sieben acht neun zehn elf zwölf",
    "le la les des est une": "deux trois quatre cinq six sept huit neuf dix onze douze",
    "el los las una por con": "dos tres cuatro cinco seis siete ocho nueve diez once doce",
    "il di che della sono gli": "due tre quattro cinque sei sette otto nove dieci undici dodici",
    "os uma não com dos em": "dois três quatro cinco seis sete oito nove dez onze doze",
    "het een van niet zijn en": "twee drie vier vijf zes zeven acht negen tien elf twaalf",
    "och att det som på är": "två tre fyra fem sex sju åtta nio tio elva tolv",
}
_FOREIGN = {word: float(value) for words in LANGUAGES.values() for value, word in enumerate(words.split(), 2)}
_BIGGER = (
    r"(?!\s(?:cent|mil|hundert|tausend|hon?derd|duizend|hundra|tusen|dutzend|douz|docen))"  # "trois cents" is no 3
)
SPELLED_IN = {
    small: re.compile(rf"{SPELLED.pattern}|\b(?:{'|'.join(words.split())})\b{_BIGGER}")
    for small, words in LANGUAGES.items()
}
_PART = re.compile(r"[^\s-]+")
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
    "people": """people person persons man men woman women child children dead killed injured wounded hurt arrested
    missing     victims victim casualties soldiers troops passengers die died dies""",
} | {f"month {month[:3]}": f"{month} {month[:3]}" for month in _MONTHS[:12]}
_MONEY = frozenset("dollar euro pound yen yuan rupee rouble".split())
# What is counted or measured; a word may be of two kinds.
UNITS = {
    word: frozenset(kind for kind, words in _UNIT_WORDS.items() if word in words.split())
    for words in _UNIT_WORDS.values()
    for word in words.split()
}
_SIGNS = {"%": "%", "$": "dollar", "€": "euro", "£": "pound", "¥": "yen yuan", "₹": "rupee", "₽": "rouble"}
_UNIT_WORD = "|".join(map(re.escape, sorted(UNITS, key=len, reverse=True)))
_UNIT_AFTER = re.compile(rf"[\s\u00a0\u202f-]?(?:([{''.join(_SIGNS)}])|per cent\b|({_UNIT_WORD})\b)")
_PEOPLE_AFTER = re.compile(rf"(?:[\s-][^\W\d_]+){{0,2}}?[\s-](?:{'|'.join(_UNIT_WORDS['people'].split())})\b")
_UNIT_BEFORE = re.compile(rf"([$€£¥₹₽])\s?$|\b({'|'.join(_MONTHS)})\s(?:the\s)?$")
_PEOPLE_BEFORE = re.compile(r"\b(?:kill|injur|wound|hurt|arrest|behead|execut)\w*\s(?:\w+\s){0,2}$")
_THING = re.compile(r"(?:[\s-][^\W\d_]+){0,2}")
NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Number:
    """A number as a text writes it; `span` is its place."""

    text: str
    span: tuple[int, int]
    readings: frozenset[float]
    units: frozenset[str] = NOTHING  # what it may count or measure; empty when not told
    label: str = ""  # letters and digits of one name ("H1N1", "TMA-15"), folded
    is_rank: bool = False  # first to twelfth, of which texts are full: they do not support a count


def numbers_in(text: str, words: re.Pattern[str]) -> Iterator[Number]:
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
        yield Number(label or shown, span, _in_years(readings, lower, span[1]), units, folded, is_rank)
    for found in words.finditer(lower):
        foreign = found[0] in _FOREIGN
        for value, first, last in [(_FOREIGN[found[0]], 0, len(found[0]))] if foreign else _spelled(found[0]):
            start, end = found.start() + first, found.end() if last == len(found[0]) else found.start() + last
            shown, units = text[start:end], _units(lower, start, end)
            is_rank = lower[start:end].removesuffix("s") in _NTHS[:13]
            yield Number(shown, (start, end), _in_years({value}, lower, end), units, is_rank=is_rank)


def _units(lower: str, start: int, end: int) -> frozenset[str]:
    """What stands at a number to tell what it counts or measures."""
    if after := _UNIT_AFTER.match(lower, end):
        sign = after[1] or ("%" if not after[2] else "")
        return frozenset(_SIGNS[sign].split()) if sign else UNITS[after[2]]
    before = lower[max(0, start - 24) : start]
    if told := _UNIT_BEFORE.search(before):
        return frozenset(_SIGNS[told[1]].split()) if told[1] else UNITS[told[2]]
    if _PEOPLE_AFTER.match(lower, end) or _PEOPLE_BEFORE.search(before):
        return UNITS["people"]
    return NOTHING


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
        if big >= below:
            yield float(total), start, end
            total, below, start = 0, math.inf, found.start()
        elif (small is not None and not joins) or (big in (12, 100) and group >= 100):
            yield float(total + group), start, end
            total, group, below, start = 0, 0, math.inf, found.start()
        if small is not None:
            group += small
        elif big in (12, 100):
            group = max(group, 1) * big
        elif big:
            total, group, below = total + max(group, 1) * big, 0, big
        end = found.end() if word != "and" else end
    yield float(total + group), start, end


def things_after(lower: str, end: int) -> frozenset[str]:
    """The stems of the two words after a number; nothing where it stands alone ("two were freed")."""
    words = _LETTERS.findall(_THING.match(lower, end)[0])  # type: ignore[index] # it matches the empty text
    return frozenset() if not words or words[0] in STOP_WORDS else frozenset(map(stem, set(words) - STOP_WORDS))
