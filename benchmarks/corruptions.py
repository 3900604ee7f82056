"""Titles spoilt on purpose, to measure what the gates find: swapped names, changed numbers, lost qualifiers.

Every builder takes articles and a seeded `random.Random` and yields `Spoilt` titles; only what the article does not say
is put in. Such corruptions are unit tests, not the errors that models make (Goyal and Durrett 2021).
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import NamedTuple

import retitlekit as rk
from retitlekit.baselines.trims import trims
from retitlekit.language.sentences import split_sentences


class Spoilt(NamedTuple):
    """A title and what was made of it; `style` tells how."""

    good: str
    bad: str
    article: rk.Article
    style: str


ONES = """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
seventeen eighteen nineteen twenty""".split()
NTHS = "zeroth first second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth".split()
SMALL = set("a an and as at but by for from if in nor of on or so the to up with yet".split())
RUN = re.compile(r"\b[A-Z][\w.]*(?:[ -][A-Z][\w.]*)*")
NUMBER = re.compile(
    rf"\b(?:(?:\d{{1,3}}(?:[ ,]\d{{3}})+|\d+(?:\.\d+)?)(?=\b|th)|(?:{'|'.join([*ONES[2:], *NTHS[3:]])})\b)",
    re.IGNORECASE,
)


# ---------------------------------------------------------------------------------------------------------- names


def entities(articles: list[rk.Article]) -> list[list[str]]:
    """For each article the capitalised runs of its title that its body has, and that no body has in lower case."""
    lower = set(re.findall(r"\b[a-z]+\b", " ".join(article.body for article in articles)))
    found = []
    for article in articles:
        inside = set(re.findall(rf"(?<=[a-z,] ){RUN.pattern}", article.body))
        found.append([run for run in RUN.findall(article.title) if run in inside and run.lower() not in lower])
    return found


# Written for this benchmark: people, places, organisations and works of several languages, none of them in the lists
# that the gates use.
FOREIGN = """Adaeze Nwosu|Björn Halvorsen|Cieszyn|Dzhokhar Umarov|Eskişehir|Fonterra|Guðrún Ósk|Hyderabad|Ibarra|Jalisco
Kyiv|Léa Moreau|Maputo|Nguyen Van Linh|O'Rourke|Peugeot|Qeshm|Rabobank|São Tomé|Tashkent|Umeå|Volvo|Wrocław|Xinjiang
Yamoussoukro|Zsófia Kis|UNHCR|IKEA|OPEC|NHS|ECB|Lufthansa|Sainsbury's|Al-Ahly|Real Betis|Bundesbank|Dr Patel
Ms Okafor|Sri Lanka|New Zealand|Buenos Aires|Ivory Coast|Burkina Faso|Saint Lucia|Ural|Danube|Kilimanjaro
Nintendo|Pfizer|Boeing|Nokia|Toyota|Siemens|Gazprom|Heathrow|Chernobyl|Wimbledon|Tolstoy|Mozart""".replace(
    "\n", "|"
).split("|")


def swapped_names(articles: list[rk.Article], rng: random.Random) -> Iterator[Spoilt]:
    """One name replaced by one that the article does not have: of another article, or of `FOREIGN`."""
    of_articles = entities(articles)
    for article, olds in zip(articles, of_articles, strict=True):
        for old in olds:
            for style, pick in (
                ("name of another article", lambda: rng.choice(rng.choice(of_articles) or [""])),
                ("foreign name", lambda: rng.choice(FOREIGN)),
            ):
                for new in islice(iter(pick, None), 50):
                    if new and not re.search(rf"\b{re.escape(new)}", f"{article.title} {article.body}", re.IGNORECASE):
                        yield Spoilt(article.title, article.title.replace(old, new, 1), article, style)
                        break


# -------------------------------------------------------------------------------------------------------- numbers


def sayings(article: rk.Article, most: int) -> list[tuple[str, str]]:
    """The title, and headline-like trims of the first sentences; each with the word "title" or "trim"."""
    sentences = split_sentences(article.body)[:most]
    return [("title", article.title), *(("trim", trim.text) for each in sentences for trim in trims(each, (110,))[:1])]


def changed_numbers(articles: list[rk.Article], rng: random.Random) -> Iterator[Spoilt]:
    """One number replaced by one that the article does not have, in digits, words, as an ordinal, with separators."""
    for article in articles:
        text = f"{article.title} {article.body}".casefold()
        for source, good in sayings(article, 5):
            for found in NUMBER.finditer(good):
                if good[found.start() - 1 : found.start()] in tuple("-–.:/'") or good[found.end() :][:1] in tuple(
                    "-–:/."
                ):
                    continue  # part of a score, a clock time, a date, a name
                for _ in range(50):
                    shown, writings, style = another_number(found[0].casefold(), rng)
                    if style == "words" and good[found.end() :][:1].isalpha():
                        continue
                    if not any(re.search(rf"(?<![\d.,]){re.escape(writing)}(?!\d)", text) for writing in writings):
                        bad = good[: found.start()] + shown + good[found.end() :]
                        yield Spoilt(good, bad, article, f"{source}: {style}")
                        break


UNITS = """
million|billion|trillion
percent|per cent|%|pounds
km|miles|metres
kilometres|miles|metres
dollars|euros|pounds
years|months|weeks
days|months|hours
January|February|March|April|June|July|August|September|October|November|December
""".split("\n")[1:-1]


def changed_units(articles: list[rk.Article], rng: random.Random) -> Iterator[Spoilt]:
    """A number that stays and counts something else: million and billion, km and miles, percent and pounds."""
    for article in articles:
        for source, good in sayings(article, 5):
            for group in UNITS:
                units = group.split("|")
                found = re.search(rf"(?<=\d )(?:{group})\b|\b(?:{group})(?= \d)", good)
                new = rng.choice([unit for unit in units if not found or unit != found[0]])
                if (
                    found
                    and not re.search(rf"\b{new}\b", article.body)
                    and {found[0], new} - {"percent", "per cent", "%"}
                ):
                    yield Spoilt(good, f"{good[: found.start()]}{new}{good[found.end() :]}", article, f"{source}: unit")
    signs = "$€£"
    for article in articles:
        for source, good in sayings(article, 5):
            for sign in signs:
                new = rng.choice(signs.replace(sign, ""))
                if f"{sign}" in good and new not in article.body:
                    yield Spoilt(good, good.replace(sign, new), article, f"{source}: currency")


def another_number(old: str, rng: random.Random) -> tuple[str, list[str], str]:
    """A number near or far from the old one, all its writings, and the style in which it is shown."""
    if old in NTHS:
        new = rng.choice([n for n in range(3, 13) if n != NTHS.index(old)])
        return NTHS[new], [NTHS[new], str(new), ONES[new]], "ordinal"
    value = float(ONES.index(old)) if old in ONES else float(re.sub("[ ,]", "", old))
    if value < 21:
        value = float(rng.choice([n for n in range(2, 21) if n != value]))
    else:
        value = rng.choice([value + 1, value - 1, value + 10, value * 2 + 3, value * 10 + 1, rng.randint(21, 999)])
    plain, grouped = f"{value:.12g}", f"{value:,.12g}"
    words = [ONES[int(value)]] if value in range(len(ONES)) else []
    shown = rng.choice([plain, grouped, *words, grouped.replace(",", " ")])
    style = "words" if shown in words else "digits" if shown == plain else "separated"
    return shown, [plain, grouped, *words], style


# ------------------------------------------------------------------------------------------------------ qualifiers

QUOTES = re.compile(r"[\"“”]|(?<!\w)['‘]")
Rule = tuple[str, str]
DROPPED_NEGATION: tuple[Rule, ...] = (
    (r"\b(?:did|does|do) not ", ""),
    (r"\b(?:did|does|do)n['’]t ", ""),
    (r"\b(is|are|was|were|has|have|had|will|would|could|should) not\b", r"\1"),
    (r"\b(is|are|was|were|has|have|had|would|could|should)n['’]t\b", r"\1"),
    (r"\bcannot\b|\bcan['’]t\b", "can"),
    (r"\bwon['’]t\b", "will"),
    (r"(?<=ed |nt |ts |rs |es |on |ay |ht |an |en |ly )not (?=to |be |been |guilty)", ""),
    (r"\bnever ", ""),
    (r"\b[Nn]o (?=[a-z]{3,})", ""),
    (r"\b[Nn]one of ", "all of "),
    (r"\bwithout\b", "with"),
    (r"\bden(ies|ied)\b", r"confirms"),
    (r"\bdeny\b", r"confirm"),
    (r"\brefus(?:es|ed) to\b", "agreed to"),
    (r"\brefuse to\b", "agree to"),
    (r"\bfail(?:s|ed) to\b", "managed to"),
    (r"\breject(s|ed)\b", r"accept\1"),
    (r"\bdeclin(?:es|ed) to\b", "agreed to"),
    (r"\bunable to\b", "able to"),
    (r"\bunlikely\b", "likely"),
    (r"\bruled out\b", "announced"),
    (r"\bneither\b", "both"),
)
UPGRADED_MODALITY: tuple[Rule, ...] = (
    (r"\b(?:may|(?<!military )might|could) (?!not possibly )", "will "),
    (r"\b(?:may|might|could) have ", "has "),
    (r"\bmay be\b", "is"),
    (r"\balleged(?:ly)? ", ""),
    (r"\breportedly ", ""),
    (r"\bsuspected (?:of )?", ""),
    (r"\bapparent(?:ly)? ", ""),
    (r"\b(?:is|are) (?:likely|expected) to ", "will "),
    (r"\blikely to ", ""),
    (r"\b(?:probably|possibly|perhaps) ", ""),
    (r"\bpossible (?!to )", ""),
    (r"(?<!ha[sd] )\bpotential (?!to )", ""),
    (r"\baccused of ", "guilty of "),
    (r"\bplan(?:s|ned) to ", ""),
    (r"\b(?:hopes|wants|intends|seeks|threatened|threatens|proposes) to ", ""),
    (r"\bhas proposed to ", "will "),
)
DROPPED_SOURCE: tuple[Rule, ...] = (
    (r",? (?:according to|as reported by) [^,;]+\Z", ""),
    (r", (?:[\w.' ]+ )?(?:says?|said|claims?|claimed|warns?|warned)(?: [\w.' ]+)?\Z", ""),
    (r"\A[\w.' -]+ (?:says?|said|claims?|claimed|alleges?|alleged|warns?|warned)(?: that)? (?=\w+ \w+ \w+)", ""),
)


def weakened(
    rules: Iterable[Rule], *, quoted: bool = False
) -> Callable[[list[rk.Article], random.Random], Iterator[Spoilt]]:
    """A builder that takes a qualifier out of titles and of headline-like trims of the article's sentences.

    What `quoted` leaves out is a claim that its quotation marks still leave to somebody.
    """

    def build(articles: list[rk.Article], _: random.Random) -> Iterator[Spoilt]:
        for article in articles:
            for source, good in sayings(article, 12):
                made = set()
                for pattern, put in rules:
                    if not (found := re.search(pattern, good)):
                        continue
                    bad = good[: found.start()] + found.expand(put) + good[found.end() :]
                    bad = bad.strip()[:1].upper() + bad.strip()[1:]
                    if len(bad.split()) > 3 and bad not in made and not (quoted and QUOTES.search(bad)):
                        made.add(bad)
                        yield Spoilt(good, bad, article, f"{source}: {found[0].strip()}")

    return build


BUILDERS = {
    "numbers": changed_numbers,
    "units": changed_units,
    "names": swapped_names,
    "negation": weakened(DROPPED_NEGATION),
    "modality": weakened(UPGRADED_MODALITY),
    "attribution": weakened(DROPPED_SOURCE, quoted=True),
}


def title_case(title: str) -> str:
    """As many models write titles."""
    words = title.split()
    return " ".join(w if i and w.lower() in SMALL else w[:1].upper() + w[1:] for i, w in enumerate(words))
