"""Sentences, and how to trim one to a title: rules only, in the way of Hedge Trimmer (Dorr, Zajic and Schwartz 2003).

A trimmed sentence is the sentence with words left out: nothing is added, nothing is moved. What would turn its meaning
never goes: a negation, a condition, or the words that say whose claim it is. Where a budget cannot hold them there is
no trim. The rules know English; other languages are only cut, at their punctuation first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

# ------------------------------------------------------------------------------------------------------ into sentences

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
_END = re.compile(r"[.!?…]+[\"'”’»)\]]*(?=\s)|[。！？]+[」』”’）]*|\n\s*\n")
_OPENERS = "\"'“‘«([「『（《"


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
        if text[found.start()] in ".!?…" and not _ends_sentence(text, found.start(), found.end()):
            continue
        sentences.append(text[start : found.end()])
        start = found.end()
    sentences.append(text[start:])
    return [joined for sentence in sentences if (joined := " ".join(sentence.split()))]


def _ends_sentence(text: str, mark: int, end: int) -> bool:
    following = text[end : end + 30].split(None, 1)
    if not following or "\n\n" in text[end : end + 3]:
        return True
    after = following[0].lstrip(_OPENERS)
    if after[:1].islower():
        return False
    if text[mark] != ".":
        return True
    before = text[max(0, mark - 20) : mark].split()
    word = before[-1].lstrip(_OPENERS).casefold() if before else ""
    if word in _BEFORE_NAMES:
        return False
    if word in _BEFORE_NUMBERS:
        return not after[:1].isdigit()
    if word in _ABBREVIATED or "." in word or (len(word) == 1 and word.isalpha()):
        return after.rstrip(",").casefold() in _STARTERS
    return True


# ------------------------------------------------------------------------------------------------- what may never go

_KEPT_WORDS = """not cannot never neither nor none nobody nothing nowhere without hardly barely scarcely unlikely unless if
except reportedly allegedly apparently possibly perhaps probably supposedly purportedly
nicht nie ohne pas jamais sans sin non nunca niet geen ikke inte não nem не нет без""".split()
_KEPT = re.compile(
    rf"\b(?:{'|'.join(_KEPT_WORDS)}|no(?!\.?\s?\d)|den(?:y|ies|ied|ying|ials?)|fail(?:s|ed|ing|ures?)?\sto|kein\w*"
    r"|n[’']t)\b|n[’']t\b|[不没沒未无無否非]|ない|なかっ|ません|없|않|아니|못",
    re.IGNORECASE,
)


def kept_words(sentence: str) -> list[str]:
    """Negations, conditions and hedges: the words of a sentence that a trim must hold.

    Examples
    --------
    >>> kept_words("Officials denied it and did not say if No. 5 had failed to start.")
    ['denied', 'not', 'if', 'failed to']
    """
    return [found.casefold() for found in _KEPT.findall(sentence)]


# ------------------------------------------------------------------------------------------------------------- trimming


class Trim(NamedTuple):
    """A trimmed sentence; `cost` is 0 for a cut at a good place and up to 1 for a poor one."""

    text: str
    cost: float


def trim(
    sentence: str, budgets: Sequence[int] = (75,), *, max_words: int | None = None, light: bool = False, hard: bool=False
) -> list[Trim | None]:
    """Trim one sentence to each of several lengths.

    Parameters
    ----------
    sentence : str
    budgets : sequence of int
        The most characters of each result.
    max_words : int, optional
        The most words of each.
    light : bool
        Leave out only datelines and parentheses, then cut; else also leading adverbials, time words, insertions,
        articles and auxiliaries.

    Returns
    -------
    list of Trim or None
        One for each budget; None where the budget cannot hold what the sentence must keep.

    Examples
    --------
    >>> trim("LONDON (Reuters) - The mayor, 54, was not re-elected on Sunday, police said.")[0].text
    'Mayor not re-elected, police said'
    >>> trim("The mayor of the old town by the sea said that he would not resign.", [30])
    [None]
    """
    text = _clean(sentence)
    if not text:
        return [None] * len(budgets)
    if _is_unspaced(text):
        return [_cut_unspaced(text, budget) for budget in budgets]
    must = kept_words(sentence)
    source = ""
    if not light:
        text = _drop_time(_drop_lead(text))
    text, source = _split_attribution(text)
    if not light:
        text = _drop_insertions(text)
    words = text.split()
    if not light:
        words = _drop_small_words(words)
    if hard and not must:
        words = _drop_places(words)
    cuts = list(_cuts(words))
    results = []
    for budget in budgets:
        best = _best_cut(words, cuts, budget - len(source), None if max_words is None else max_words - len(source.split()))
        title = best and Trim(polish(best.text + source), best.cost)
        results.append(title if title and (not must or _holds(title.text, must)) else None)
    return results


def _holds(text: str, must: list[str]) -> bool:
    found = kept_words(text)
    return all(found.count(word) >= must.count(word) for word in set(must))


def polish(text: str) -> str:
    """A capital first, no full stop last."""
    text = text.strip(" ,;:–—-")
    stopped = text.rstrip("\"”’'")
    if stopped.endswith((".", "…", "。")) and not re.search(r"\b(?:[^\W\d_]\.){2,}$|\b(?:Inc|Ltd|Co|Corp|Jr|Sr)\.$", stopped):
        text = stopped.rstrip(".…。 ") + text[len(stopped) :]
    start = len(text) - len(text.lstrip(_OPENERS))
    word = text[start:].split(None, 1)[:1]
    if word and word[0].islower() and len(text[start].upper()) == 1:  # iPhone stays
        text = text[:start] + text[start].upper() + text[start + 1 :]
    return text


# ---- cleaning

_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?"
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DATE = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s{_MONTH}|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?)(?:,?\s\d{{4}})?(?!\d)"
_DASH = r"(?:—|–|--?)"
_DATELINE = re.compile(
    rf"^(?:[A-Z][A-Z.'’-]+(?:[ /][A-Z][A-Z.'’-]+)*(?:,\s[A-Z][\w.]*(?:\s[A-Z]\w+)?){{0,2}}(?:,\s{_DATE})?\s*(?:\([^)]{{2,40}}\)\s*)?"
    rf"|(?:[A-Z][\w.'’-]+[,\s]+){{0,4}}(?:{_DATE}\s*)?\([A-Z][^)]{{1,40}}\)\s*"
    rf"|(?:{_DAY},\s)?{_DATE}\s*){_DASH}\s+(?=[\"“'‘A-Z0-9])"
)
_ASIDE = re.compile(r"\s*(?:\([^()]*\)|（[^（）]*）|\[\d+\]|\[edit\])")
_STRAY = re.compile(r"[][(){}（）|]|\s+(?=[,.;:!?])")
_LEADING_MARKS = " ]*#>|•·.,;:–—"


def _clean(sentence: str) -> str:
    """Drop the dateline, what stands in parentheses and stray marks; one space between words, no full stop."""
    text = " ".join(sentence.split()).lstrip(_LEADING_MARKS)
    text = _DATELINE.sub("", text)
    while (shorter := _ASIDE.sub("", text)) != text:
        text = shorter
    text = _STRAY.sub("", text).lstrip(_LEADING_MARKS).rstrip(" ,;:–—-")
    return " ".join(text.split())


# ---- leaving out

_LEADERS = frozenset(
    """in on at after as while when following during with despite since for by from under speaking just today yesterday
    earlier late early last this before although though because amid over within upon due among throughout until
    meanwhile however also still now recently additionally furthermore and but so yet""".split()
)
_CONNECTORS = frozenset("and but so yet also meanwhile however still additionally furthermore".split())
_COMMA = re.compile(r",\s+")
_NO_START = _LEADERS - {"just", "over", "under", "still", "now", "last"} | frozenset(
    "he she it they we i you this these who which where whose or that to of".split()
)
_SAY = frozenset(
    """said says say told tells claimed claims alleged alleges reported reports announced announces confirmed confirms
    stated states added adds argued argues wrote writes insisted insists warned warns""".split()
)
_TIME = re.compile(
    rf",\s(?P<a>(?:early|late)?\s?(?:on\s)?(?:{_DAY}|{_DATE}),?\s?(?:{_DATE})?)(?:,|$)"
    rf"|,?\s(?:early\s|late\s|earlier\s)?on\s{_DAY}(?:\s(?:morning|afternoon|evening|night))?(?:,?\s(?:the\s)?{_DATE},?)?(?!\w|['’])"
    rf"|,?\son\s(?:the\s)?{_DATE}(?!\w|['’])"
    rf"|,?\s(?:earlier\s|late\s|early\s)?(?:yesterday|today|tonight|this\s(?:morning|afternoon|evening|week)|last\s(?:night|week|month|{_DAY}))"
    rf"(?:\s(?:morning|afternoon|evening|night))?(?!\w|['’])"
    rf"|\s(?:early\s|late\s)?{_DAY}(?:\s(?:morning|afternoon|evening|night))?(?=\s[a-z]|[,.]|$)"
)
_HOLDS_TIME = frozenset(
    """since until till by from between before after during over for of the a an next last every each this in than through
    to and or within around about into past""".split()
)


def _drop_lead(text: str) -> str:
    """Drop "However," and "On Tuesday," and "As the case continues, ", when a subject and a verb follow."""
    first = text.split(None, 1)[0].rstrip(",").casefold()
    if first in _CONNECTORS:
        text = text[len(first) :].lstrip(", ")
        first = text.split(None, 1)[0].rstrip(",").casefold() if text else ""
    if first not in _LEADERS:
        return text
    for found in _COMMA.finditer(text, 0, 180):
        lead, rest = text[: found.start()], text[found.end() :]
        word = rest.split(None, 1)[0] if rest else ""
        place = word[:1].isupper() and text[: found.start()].rsplit(None, 1)[-1][:1].isupper()
        if word.rstrip(",").casefold() in _NO_START or word.endswith("ing") or (place and ", " in rest[:25]):
            continue
        if len(rest) > 25 and _VERB.search(rest[:90]) and not _KEPT.search(lead) and "according" not in lead.casefold():
            return rest
    return text


def _drop_time(text: str) -> str:
    return _TIME.sub(_timeless, text)


def _timeless(found: re.Match[str]) -> str:
    before = found.string[: found.start()].rsplit(None, 1)
    word = before[-1] if before else ""
    if word.casefold() in _HOLDS_TIME or (found[0].lstrip()[:1].isupper() and word[:1].isupper()):
        return found[0]
    return ""


_ASIDES = frozenset(
    """who whose which where also formerly including aged known led called named worth one an a the former its his her
    their along together""".split()
)


def _drop_insertions(text: str) -> str:
    """Drop ", who was 54," and ", a spokesman," from the middle of a sentence."""
    head, *segments = text.split(", ")
    if len(segments) < 2:
        return text
    gap = False
    for place, segment in enumerate(segments):
        following = segments[place + 1] if place + 1 < len(segments) else ""
        if following and _is_aside(head, segment, following):
            gap = True
            continue
        head += (" " if gap and not segment.startswith(("and ", "or ")) else ", ") + segment
        gap = False
    return head


def _is_aside(head: str, segment: str, following: str) -> bool:
    first, after = segment.split(None, 1)[0], following.split(None, 1)[0]
    if _KEPT.search(segment) or _is_said(segment) or after in ("or", "which", "who"):
        return False
    if after == "and":
        return first in ("a", "an", "the", "who", "whose", "which", "where") and head.rsplit(None, 1)[-1][:1].isupper()
    if first in _ASIDES or (segment.isdigit() and len(segment) < 4):
        return True
    if first[:1].isupper() and len(segment.split()) < 3:  # Baton Rouge, Louisiana, was
        return after[:1].islower() and head.rsplit(None, 1)[-1][:1].isupper()
    return bool(first[:1].islower() and _VERB.match(after) and not _VERB.search(head))


def _is_said(segment: str) -> bool:
    return not _SAY.isdisjoint(segment.casefold().strip(" ,").split()) or "according to" in segment.casefold()


_NO_SOURCE = frozenset(
    """and but or who which that as while after when where with including because although though if he she they it has
    have had will would must should can could may is are was were be been to""".split()
)


def _split_attribution(text: str) -> tuple[str, str]:
    """Cut ", police said" or "according to the BBC" off, with all that follows it: the claim must be read with it."""
    found = re.search(r",?\saccording\sto\s[^,;]+", text)
    if found and found.start() > 20:
        return text[: found.start()], found[0]
    if _SAY.isdisjoint(text.casefold().replace(",", " ").split()):
        return text, ""
    start = 0
    for found in re.finditer(r",[\"”’']?\s([^,;]+)", text):
        words = found[1].split()
        said = next((n for n, word in enumerate(words[:7]) if word in _SAY), None)
        if said is None or words[0].casefold() in _NO_SOURCE or found.start() < 20:
            continue
        after = words[said + 1 :]
        if len(after) > 5 or not (said or after) or any(word.casefold() in _NO_SOURCE for word in after):
            continue
        start = found.start()
        return text[:start], text[start : found.end()].rstrip()
    return text, ""


_KEEPS_ARTICLE = frozenset(
    """few little lot lots number couple dozen hundred thousand million billion third quarter half bit while time day
    week month year hour minute second night hague more less same""".split()
)
_AUXILIARIES = frozenset("was were is are".split())
_IRREGULAR = frozenset(
    """begun born broken brought built caught chosen cut driven drawn found held hit hurt kept killed known laid left lost
    made met put seen seized set shot shut sold stolen struck sunk sworn taken thrown torn won worn written hanged""".split()
)
_NOT_PASSIVE = frozenset(
    """told asked warned offered sent denied shown given refused informed advised promised paid granted said reported
    claimed alleged thought quoted questioned used supposed indeed hundred naked need needed""".split()
)
_NO_SUBJECT = frozenset(
    """that which who whom it he she they we i you there this these those what as when where while if than and but or
    how not also""".split()
)


def _drop_small_words(words: list[str]) -> list[str]:
    """Headlinese: no articles, no auxiliary before a participle, no "that" after "said"."""
    kept: list[str] = []
    for place, word in enumerate(words[:-1]):
        following = words[place + 1]
        if word in ("the", "a", "an") or (place == 0 and word in ("The", "A", "An")):
            if following.casefold().strip(",.") not in _KEEPS_ARTICLE:
                continue
        elif word in _AUXILIARIES or (word in ("been", "being") and kept and kept[-1] in ("has", "have", "had")):
            if _is_participle(following) and kept and kept[-1].casefold() not in _NO_SUBJECT:
                if word == "been":
                    kept.pop()
                continue
        elif word == "that" and kept and kept[-1] in _SAY:
            continue
        kept.append(word)
    return [*kept, *words[-1:]]


def _is_participle(word: str) -> bool:
    word = word.rstrip(",;")
    return (word.endswith("ed") and len(word) > 4 or word in _IRREGULAR) and word not in _NOT_PASSIVE


_PLACES = frozenset("in at on near during via outside inside within along around throughout across".split())


def _drop_places(words: list[str]) -> list[str]:
    """Drop "in Mombasa, Kenya" and its like before the end, where nothing negative stands before it."""
    kept: list[str] = []
    place = 0
    while place < len(words):
        end = _place_end(words, place) if kept and words[place] in _PLACES else 0
        if end and end < len(words) and not _VERB.fullmatch(kept[-1]) and kept[-1].casefold() not in _NEVER_LAST:
            place = end
            continue
        kept.append(words[place])
        place += 1
    return kept


def _place_end(words: list[str], place: int) -> int:
    """Where the phrase that begins with the preposition at `place` ends."""
    for end in range(place + 1, len(words)):
        word = words[end]
        if word[-1] == "," and not words[end + 1 : end + 2][0][:1].isupper() if end + 1 < len(words) else False:
            return end + 1
        if word != "of" and (word in _BOUNDARIES or _VERB.fullmatch(word)) and end > place + 1:
            return end
    return len(words)


# ---- cutting

_VERB = re.compile(
    r"\b(?:is|are|was|were|be|been|has|have|had|will|would|can|could|may|might|must|should|do|does|did|(?!hundred|united)[a-z]{2,}ed"
    r"|says?|said|won|lost|took|takes?|begins?|began|begun|made|makes?|met|meets?|held|holds?|hits?|kills?|dies|found|finds?|wins?|set|sets"
    r"|left|leaves?|led|leads?|rose|fell|came|comes?|went|goes|gave|gives?|became|becomes?|broke|broken|shot|cut|won|told|spoke|wrote|struck"
    r"|saw|seen|ran|runs?|got|gets?|plans?|faces?|resigns?|returns?|calls?|warns?|announces?|reports?|claims?|opens?|votes?|wants?"
    r"|stood|put|brought|built|bought|sold|sent|sank|swept|drew|threw|grew|knew|flew|began|chose|shut|beat|stole|hurt|caught|felt|kept|paid|"
    r"lay|laid|rises?|falls?|continues?|remains?|seeks?|sought|agrees?|rejects?|passes|backs?|urges?|accuses?|shows?|marks?|releases?)\b"
)
_NEVER_LAST = frozenset(
    """the a an of and or nor but to in on at by for from with without into onto upon about against between among during
    after before since until as than that this these those its his her their our my your whose which who whom where
    when while because if unless although though is are was were be been being am has have had having do does did will
    would can could may might must shall should not no very more most less least such so too both either neither each
    every any some several many few all other another said says say told including according due per via amid near over
    under through across around within toward towards behind beyond despite off out up down upon also only just nearly
    almost about approximately roughly mr mrs ms dr new former first second third two three four five six seven eight
    nine ten one hundred thousand million billion he she it they we i you there 's whether how what why der den dem des
    das ein eine einen einem einer und oder im am zu von mit für auf le la les un une du de et ou au aux el los las y del
    en il lo gli e di da het een van op met o os da do das dos em""".split()
)
_BOUNDARIES = {
    **dict.fromkeys(
        "after as while when where who which whose because although though following amid before since until despite whereas".split(),
        0.0,
    ),
    **dict.fromkeys(
        """in on at by for from with during near over under through across around within toward towards into onto behind
        beyond but via among outside inside along throughout around alongside about upon including""".split(),
        0.1,
    ),
    **dict.fromkeys("and or".split(), 0.2),
    **dict.fromkeys("of to that than against between was were is are has have had will would".split(), 0.4),
}
_HELD = frozenset(  # words that a cut would tear from what follows them
    """plans plan planned set expected wants want wanted agreed agrees refused due likely about ready able continue
    continues began begun begins tried try trying seeks seek sought vowed vows ordered forced allowed asked urged told
    called calls appears appeared seems seemed intends intended hopes hoped decided decides such well rather instead
    ahead because prior according number part one members member end kind type lack""".split()
)
_FORCED = 0.6
_QUOTES = re.compile(r"[\"“”‘„«»]|(?<!\w)'|'(?!\w)")


def _cuts(words: list[str]) -> Iterator[tuple[int, int, float]]:
    """Every place where the words may end: how many words, how many characters, at what cost."""
    length, quoted, verb = -1, False, False
    titled = sum(word[:1].isupper() for word in words) > 0.7 * len(words)
    for place, word in enumerate(words, 1):
        length += 1 + len(word)
        quoted = _quoted_after(word, quoted)
        bare = word.strip("\"'“”‘’,;:.").casefold()
        verb = verb or bool(_VERB.search(word))
        if quoted or bare in _NEVER_LAST or word.endswith(("'s", "’s")):
            continue
        cost = 0.0 if place == len(words) else _cut_cost(words, place, bare, titled=titled)
        if cost is not None:
            yield place, length, cost if verb else min(1.0, cost + 0.4)


def _quoted_after(word: str, quoted: bool) -> bool:
    for mark in _QUOTES.findall(word):
        quoted = mark in "“‘„«" or (mark in "\"'" and not quoted)
    return quoted


def _cut_cost(words: list[str], place: int, bare: str, *, titled: bool) -> float | None:
    """What it costs to end before `words[place]`; None inside a name, a number or a phrase."""
    word, following = words[place - 1], words[place]
    ahead = words[place + 1] if place + 1 < len(words) else ""
    if word[-1] in ",;:–—" or following[0] in "–—":
        return 0.2 if word[-1] == "," and following[:1].isupper() and word[:1].isupper() else 0.0
    cost = _BOUNDARIES.get(following.casefold() if titled else following)
    if cost is not None:
        if word[:1].isupper() and ahead[:1].isupper() and following in ("of", "and", "for", "de", "in", "on") and not titled:
            return _FORCED if following != "in" else cost
        if word[-1:].isdigit() and ahead[:1].isdigit():
            return None
        return _FORCED if bare in _HELD else cost
    if word[:1].isupper() and following[:1].isupper() and not titled:
        return None
    if word[-1].isdigit() or word[:1] in "$£€":
        return None
    return _FORCED + (0.2 if word[:1].isupper() or following[:1].isupper() else 0.1)


def _best_cut(words: list[str], cuts: list[tuple[int, int, float]], budget: int, max_words: int | None) -> Trim | None:
    best, best_worth = None, -9.0
    for place, length, cost in cuts:
        if length > budget or (max_words is not None and place > max_words):
            break
        worth = length / budget - cost
        if worth >= best_worth:
            best, best_worth = (place, cost), worth
    if best is None:
        return None
    return Trim(" ".join(words[: best[0]]), best[1])


# ---- scripts without spaces

_UNSPACED = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


def _is_unspaced(text: str) -> bool:
    return len(_UNSPACED.findall(text)) > len(text) / 3 and text.count(" ") < len(text) / 12


def _cut_unspaced(text: str, budget: int) -> Trim | None:
    raise NotImplementedError
