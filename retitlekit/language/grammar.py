"""Grammar: what English words do in a sentence, as far as a rule that shortens it must know; lists and endings only."""

from __future__ import annotations

import re

HEDGES = frozenset(  # a claim that they stand by is not the writer's
    """reportedly allegedly apparently possibly perhaps probably supposedly purportedly potentially presumably likely
    maybe""".split()
)
SAY = frozenset(  # whoever stands before them makes the claim
    """said says say told tells claimed claims claim alleged alleges reported reports announced announces confirmed
    confirms stated states added adds argued argues wrote writes insisted insists warned warns""".split()
)
_VERBS = frozenset(
    """is are was were be been has have had will would can could may might must should do does did say says said won
    lost took take takes begin begins began begun make makes made met meet meets held hold holds hit hits kill kills
    dies found find finds win wins set sets left leave leaves lead leads rose fell came come comes went goes gave
    give gives became become becomes broke broken shot cut cuts told spoke wrote struck saw seen ran run runs got
    get gets plan plans face faces resign resigns return returns call calls warn warns announce announces report
    reports claim claims open opens vote votes want wants stood put brought built bought sold sent sank swept drew
    threw grew knew flew chose shut beat stole hurt caught felt kept paid lay laid rise rises fall falls continue
    continues remain remains seek seeks sought agree agrees reject rejects passes back backs urge urges accuse
    accuses show shows mark marks release releases""".split()
)


def is_verb(word: str) -> bool:
    """Whether a word of a sentence is likely its verb."""
    word = word.rstrip(",;:.")
    return word in _VERBS or (len(word) > 3 and word.endswith("ed") and word.islower() and word != "hundred")


_STANDS_ALONE = frozenset("crashed plunged collapsed exploded resigned fell died".split())


def is_torn_from(word: str) -> bool:
    """Whether an active verb says little without the object or the goal that follows it: "crossed" into Russia."""
    return is_verb(word) and word.casefold() not in _STANDS_ALONE


_IRREGULAR = frozenset(
    """begun born broken brought built caught chosen cut driven drawn found held hit hurt kept killed known laid left
    lost made met put seen seized set shot shut sold stolen struck sunk sworn taken thrown torn won worn
    written hanged""".split()
)
_NOT_PASSIVE = frozenset(  # what would turn round without "was", and what is no participle
    """told asked warned offered sent denied shown given refused informed advised promised paid granted said reported
    claimed alleged thought quoted questioned used supposed indeed hundred naked need needed""".split()
)


def is_participle(word: str) -> bool:
    """Whether a word after "was" makes a passive that can do without it: "bridge closed", not "mayor told"."""
    word = word.rstrip(",;")
    return (word in _IRREGULAR or (word.endswith("ed") and len(word) > 4)) and word not in _NOT_PASSIVE


_EXTREMES = frozenset("first only last worst best most least second third every all".split())
_NO_EXTREMES = frozenset(
    "protest arrest interest request forest contest harvest suggest west northwest southwest".split()
)


def is_extreme(word: str) -> bool:
    """Whether what follows restricts it: the first woman in space is not the first woman."""
    return word in _EXTREMES or (word.endswith("est") and len(word) > 5 and word not in _NO_EXTREMES)


CLAUSES = frozenset(
    """after as while when where who which whose because although though following amid before since until
    despite whereas but and""".split()
)
BOUNDARIES = {  # words that a sentence may end before, and how poor that end is, from 0 to 1
    **dict.fromkeys(CLAUSES, 0.0),
    **dict.fromkeys(
        """in on at by for from with during near over under through across around within toward towards into onto behind
        beyond via among outside inside along throughout alongside aboard about upon including due""".split(),
        0.1,
    ),
    **dict.fromkeys("early late next last this earlier later again just instead rather and or".split(), 0.2),
    **dict.fromkeys(("of", "to", "that", "than", "between"), 0.4),
}
NEVER_LAST = frozenset(  # words that no title ends with
    """the a an of and or nor but to in on at by for from with without into onto upon about against between among during
    after before until as than that this these those its his her their our my your whose which who whom where when while
    because if unless although though is are was were be been being am has have had having do does did will would can
    could may might must shall should not no very such either neither every per via amid near over under through across
    around within toward towards behind beyond despite including according due mr mrs ms dr whether
    der den dem des das ein eine einen einem einer und oder im am zu von mit für auf le la les un une du de et ou au aux
    el los las y del en il lo gli di da het een van op met os das dos em""".split()
)
QUOTES = re.compile(r"[\"“”‘„«»]|(?<!\w)'|'(?!\w)")
_CLOSING = {"“": "”", "‘": "’", "„": "“", "«": "»", '"': '"', "'": "'"}


def in_quotes(words: list[str]) -> list[bool]:
    """For each word, whether a quote is still open behind it."""
    if not QUOTES.search(" ".join(words)):
        return [False] * len(words)
    quote, found = "", []
    for word in words:
        quote = _quote_after(word, quote)
        found.append(bool(quote))
    return found


def _quote_after(word: str, quote: str) -> str:
    """The mark that must still come after `word` for the quote to be closed; empty outside quotes."""
    for mark in QUOTES.findall(word):
        if quote:
            quote = "" if mark == quote or (quote == "”" and mark == '"') else quote
        elif mark in _CLOSING and not (mark == "'" and not word.startswith(("'", '"', "“"))):
            quote = _CLOSING[mark]
    if quote == "’" and word.rstrip(",.;").endswith("’"):
        return ""
    return quote
