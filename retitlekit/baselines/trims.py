"""Trims: one sentence cut down to a title, by rules only, in the way of Hedge Trimmer (Dorr, Zajic and Schwartz 2003).

A trim is the sentence with words left out: nothing is added, nothing is moved. What would turn its meaning never goes:
a condition, the words that say whose claim it is, and a negation, except with the whole clause that it stands in. Where
a budget cannot hold them there is no trim. The rules that leave words out know English; other languages are only cut,
at their punctuation first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

from retitlekit.baselines.cuts import TORN, best_cut, cuts
from retitlekit.language.grammar import (
    BOUNDARIES,
    HEDGES,
    NEVER_LAST,
    QUOTES,
    SAY,
    in_quotes,
    is_extreme,
    is_participle,
    is_verb,
)
from retitlekit.language.sentences import OPENERS, is_unspaced

# ---- what may never go

_NEGATIONS = """not cannot never neither nor none nobody nothing nowhere without hardly barely scarcely unlikely unless
if except nicht nie ohne pas jamais sans sin non nunca niet geen ikke inte não nem не нет без
niemand nichts weder nadie nada nessuno niente rien""".split()
_KEPT = re.compile(  # of case-folded text
    rf"\b(?:{'|'.join(_NEGATIONS)}|no(?!\.?\s?\d)|den(?:y|ies|ied|ying|ials?)|fail(?:s|ed|ing|ures?)?\sto|kein\w*)\b"
    r"|n[’']t\b|[不没沒未无無否非]|ない|なかっ|ません|없|않|아니|못"
)


def kept_words(sentence: str) -> list[str]:
    """List the negations and conditions of a sentence, lower-cased: what no trim of it may lose.

    Examples
    --------
    >>> kept_words("Officials denied it and did not say if No. 5 had failed to start.")
    ['denied', 'not', 'if', 'failed to']
    """
    return _KEPT.findall(sentence.casefold())


def _holds(text: str, must: list[str]) -> bool:
    found = kept_words(text)
    return all(found.count(word) >= must.count(word) for word in set(must))


# ---- trimming

Strength = Literal["light", "plain", "hard"]
_LONGEST = 2000  # characters of a sentence that are read


class Trim(NamedTuple):
    """A trimmed sentence; `cost` is 0 for an end at a good place and up to 1 for a poor one."""

    text: str
    cost: float
    strength: Strength


def trims(
    sentence: str,
    budgets: Sequence[int] = (75,),
    *,
    max_words: int | None = None,
    strengths: Sequence[Strength] = ("plain", "hard", "light"),
) -> list[Trim]:
    """Trim one sentence to each of several lengths, at each of several strengths.

    Parameters
    ----------
    sentence : str
    budgets : sequence of int
        The most characters of a trim.
    max_words : int, optional
        The most words of a trim.
    strengths : sequence of {"plain", "hard", "light"}
        "light" leaves out datelines, parentheses and the end. "plain" also leading adverbials, time words, insertions,
        articles, and auxiliaries before a participle. "hard" also phrases of place inside the sentence.

    Returns
    -------
    list of Trim
        Each text once, in the order of `strengths`; empty where no budget can hold what the sentence must keep.

    Examples
    --------
    >>> trims("LONDON (Reuters) - The mayor, 54, was not re-elected on Sunday, police said.")[0].text
    'Mayor was not re-elected, police said'
    >>> trims("The mayor of the old town by the sea said that he would not resign.", [30])
    []
    """
    text = _clean(sentence[:_LONGEST])
    must = kept_words(sentence)
    found: dict[str, Trim] = {}
    if is_unspaced(text):
        cut = [_cut_unspaced(text, budget, must) for budget in budgets]
        return list({each.text: each for each in cut if each}.values())
    longest = max(budgets, default=0)
    for words, source, rest, strength in _compressed(text, strengths, places=not must):
        if must and not (_holds(" ".join([*words, source, *rest]), must) and _may_go(rest)):
            continue
        # Who says it is nothing without what is said.
        first = next((n for n, word in enumerate(words) if is_verb(word)), longest) if source else 0
        ends = [end for end in cuts(words, longest - len(source)) if end[0] > first]
        if must:
            ends = [end for end in ends if _may_end(words, end[0])]
        most = None if max_words is None else max_words - source.count(" ")
        for budget in budgets:
            best = best_cut(ends, budget - len(source), most)
            title = polish(" ".join(words[: best[0]]) + source) if best else ""
            if best and title not in found and _says_something(title):
                found[title] = Trim(title, best[2], strength)
    return list(found.values())


_Compressed = tuple[list[str], str, list[str], Strength]


def _compressed(text: str, strengths: Sequence[Strength], *, places: bool) -> Iterator[_Compressed]:
    """Give at each strength the words that may be cut, the source of their claim, and what came after that."""
    if "light" in strengths or not _is_english(text):
        main, source, rest = _split_source(text)
        whole = main.split(), source, rest.split()
    if not _is_english(text):
        yield *whole, strengths[0]
        return
    if "plain" in strengths or "hard" in strengths:
        main, source, rest = _split_source(_TIME.sub(_without_time, _drop_lead(text)))
        words = _drop_small_words(_drop_insertions(main).split())
        if "plain" in strengths:
            yield words, source, rest.split(), "plain"
        if "hard" in strengths and places and not _PLACES.isdisjoint(words) and (fewer := _drop_places(words)) != words:
            yield fewer, source, rest.split(), "hard"
    if "light" in strengths:
        yield *whole, "light"


def _says_something(title: str) -> bool:
    return any(map(str.isalnum, title))


_OPENS_CLAUSE = frozenset("after as while because following amid since contradicting".split())
_AFTER_COMMA = frozenset("who which where whose with when and".split())
_QUALIFIES = frozenset("but although though however yet not only even except".split())


def _may_end(words: list[str], place: int) -> bool:
    """Whether a cut before `words[place]` tears no condition, and leaves out no negation but with its whole clause."""
    after_comma = words[place - 1][-1] == ","
    clause = " ".join(words[:place]).casefold().rsplit(",", 1)[-1]
    torn = place < len(words) and not after_comma and _CONDITION.search(clause)
    return not torn and _may_go(words[place:], after_comma=after_comma)


def _may_go(tail: list[str], *, after_comma: bool = True) -> bool:
    """Whether these last words may be left out: what negation they hold stands in a clause that goes whole."""
    text = " ".join(tail).casefold()
    last = max((found.start() for found in _KEPT.finditer(text)), default=-1)
    if last < 0:
        return True
    words = text[:last].split()
    opens = False
    for word in words:
        bare = word.rstrip(",")
        opens = opens or bare in _OPENS_CLAUSE or (after_comma and (bare in _AFTER_COMMA or bare.endswith("ing")))
        after_comma = word[-1] == ","
    return opens and _QUALIFIES.isdisjoint(words) and not _CONDITION.search(text) and "as long as" not in text


_CONDITION = re.compile(r"\b(?:if|unless|except)\b")
_FOREIGN = frozenset(  # small words of languages in Latin letters that are no English words
    """der das dem den und nicht ein eine ist wurde mit für von zu auf le la les des du et est une dans pour que el los
    las del en por con il di che per gli della um os dos em uma não het een van voor op och att är som på av og til ikke
    az és egy na się jest w""".split()
)


def _is_english(text: str) -> bool:
    """Whether the rules that leave words out may be tried: "the" stands there, or nothing foreign does."""
    words = set(text.casefold().split())
    return "the" in words or (_FOREIGN.isdisjoint(words) and sum(map(str.isascii, text)) > 0.9 * len(text))


def polish(text: str) -> str:
    """Put a capital first and no full stop last; never makes a text longer.

    Examples
    --------
    >>> polish("council votes."), polish("mayor leaves the U.S."), polish("iPhone sold “today.”")
    ('Council votes', 'Mayor leaves the U.S.', 'iPhone sold “today”')
    """
    text = re.sub(r",(?:\s*,)+", ",", text).strip(" ,;:–—-")
    ended = text.rstrip("\"”’'")
    if ended.endswith((".", "…", "。")) and not _ABBREVIATION.search(ended):
        text = ended.rstrip(" .…。") + text[len(ended) :]
    start = len(text) - len(text.lstrip(OPENERS))
    first = _FIRST_PART.match(text, start)
    capital = text[start : start + 1].upper()
    if first and first[0].islower() and len(capital) == 1:  # iPhone stays as it is
        text = text[:start] + capital + text[start + 1 :]
    return text


_FIRST_PART = re.compile(r"[^\s'’-]+")
_ABBREVIATION = re.compile(r"\b(?:(?:[^\W\d_]\.){2,}|(?:Inc|Ltd|Co|Corp|Jr|Sr)\.)$")

# ---- cleaning

_DAY = r"(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
_MONTH = (
    r"(?:Jan(?:uary|\.)?|Feb(?:ruary|\.)?|Mar(?:ch|\.)?|Apr(?:il|\.)?|May|June?|July?|Aug(?:ust|\.)?"
    r"|Sept?(?:ember|\.)?|Oct(?:ober|\.)?|Nov(?:ember|\.)?|Dec(?:ember|\.)?)"
)
_DATE = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s{_MONTH}|{_MONTH}\s\d{{1,2}}(?:st|nd|rd|th)?)(?:,?\s\d{{4}})?(?!\d)"
_DATELINE = re.compile(
    r"(?:[A-Z][A-Z.'’-]+(?:[ /][A-Z][A-Z.'’-]+)*(?:,\s[A-Z][\w.]*(?:\s[A-Z]\w+)?){0,2}"
    rf"(?:,\s{_DATE})?\s*(?:\([^)]{{2,40}}\)\s*)?"
    rf"|(?:[A-Z][\w.'’-]+[,\s]+){{0,4}}(?:{_DATE}\s*)?\([A-Z][^)]{{1,40}}\)\s*"
    rf"|(?:{_DAY},\s)?{_DATE}\s*)(?:—|–|--?)\s+(?=[\"“'‘A-Z0-9])"
)
_ASIDE = re.compile(r"\s*(?:\([^()]*\)|（[^（）]*）|\[(?:\d+|edit)\])")
_BRACKET = re.compile(r"[][(){}（）|]")
_STRAY_SPACE = re.compile(r" (?=[,.;:!?](?: |$))")
_LEADING_MARKS = " ]*#>|•·.…,;:–—)}"


def _clean(sentence: str) -> str:
    """Drop the dateline, what stands in parentheses, stray marks and the last full stop."""
    text = " ".join(sentence.split()).lstrip(_LEADING_MARKS)
    text = text[found.end() :] if (found := _DATELINE.match(text)) else text
    if _BRACKET.search(text):
        text = _ASIDE.sub("", _ASIDE.sub("", text))
        text = " ".join(_BRACKET.sub(" ", text).lstrip(_LEADING_MARKS).split())
    text = _STRAY_SPACE.sub("", text).replace(",,", ",").rstrip(" ,;:–—-")
    return text if _ABBREVIATION.search(text, max(0, len(text) - 20)) else text.rstrip(" .…。")


# ---- leaving out

_LEADERS = frozenset(
    """in on at after as while when following during with despite since for by from under speaking just today yesterday
    earlier late early last this before although though because amid over within upon due among throughout until
    recently""".split()
)
_CONNECTORS = frozenset("and but so yet also meanwhile however still additionally furthermore now".split())
_NOUN_TOO = frozenset("last this today yesterday earlier late early just".split())
_COMMA = re.compile(r",\s+")
_NO_START = (_LEADERS - {"just", "over", "under", "last"}) | frozenset(
    "he she it they we i you this these who which where whose or and that to of".split()
)


def _drop_lead(text: str) -> str:
    """Drop "However," and "On Tuesday," and "As the case continues, ", when a subject and a verb follow."""
    first = text.split(None, 1)[0].rstrip(",").casefold() if text else ""
    if first in _CONNECTORS and text[len(first) :].lstrip(", "):
        text = text[len(first) :].lstrip(", ")
    words = text.split(None, 2)
    leads = words[:1] and (words[0].rstrip(",").casefold() in _LEADERS or words[1:2] == ["after"])
    if not leads and not text.split(",", 1)[0].endswith(" ago"):
        return text
    for found in _COMMA.finditer(text, 0, 180):
        lead, rest = text[: found.start()], text[found.end() :]
        word = rest.split(None, 1)[0] if rest else ""
        place = word[:1].isupper() and lead.rsplit(None, 1)[-1][:1].isupper()  # Washington, D.C.
        year = word.rstrip(",").isdigit()
        if word.rstrip(",").casefold() in _NO_START or word.endswith("ing") or year or (place and ", " in rest[:25]):
            continue
        states = words[0].casefold() in _NOUN_TOO and any(map(is_verb, lead.split()))  # Last month was …
        if len(rest) > 15 and not states and any(map(is_verb, rest[:90].split())) and not _is_needed(lead):
            return text if _names_source(rest.split()) else rest
    return text


def _is_needed(part: str) -> bool:
    """Whether a part of a sentence holds a negation, a condition, a hedge, or says whose claim it is."""
    words = part.casefold().replace(",", " ").split()
    return bool(_KEPT.search(part.casefold())) or not (HEDGES | SAY | {"according"}).isdisjoint(words)


_PART_OF_DAY = r"(?:\s(?:morning|afternoon|evening|night))?"
_TIME = re.compile(
    rf",\s(?:early\s|late\s)?(?:on\s)?(?:{_DAY}{_PART_OF_DAY}(?:,\s{_DATE})?|{_DATE})(?:,|$)"
    rf"|(?:^|,?\s)(?:[Ee]arly\s|[Ll]ate\s|[Ee]arlier\s)?[Oo]n\s(?:the\s)?(?:{_DAY}{_PART_OF_DAY}(?:,?\s(?:the\s)?{_DATE},?)?|{_DATE})(?!\w|['’])"
    rf"|,?\s(?:(?:earlier|late|early)\s)?(?:yesterday|today|tonight|this\s(?:morning|afternoon|evening|week)"
    rf"|last\s(?:night|week|month|{_DAY})){_PART_OF_DAY}(?!\w|['’])"
    rf"|\s(?:early\s|late\s)?{_DAY}{_PART_OF_DAY}(?=\s[a-z]|[,.]|$)"
)
_HOLDS_TIME = frozenset(
    """since until till by from between before after during over for of the a an next last every each this in than
    through to and or within around about into past""".split()
)


def _without_time(found: re.Match[str]) -> str:
    before = found.string[: found.start()].rsplit(None, 1)[-1:]
    word = before[0] if before else ""
    named = found[0].lstrip(", ")[:1].isupper() and word[:1].isupper()  # Black Friday
    in_quote = in_quotes(found.string[: found.start()].split())[-1:] == [True]
    return found[0] if word.casefold() in _HOLDS_TIME or named or in_quote else ""


_NO_SOURCE = frozenset(
    """and but or who which that as while after when where with including because although though if has have had will
    would must should can could may is are was were be been to""".split()
)
_PRONOUN_SUBJECTS = frozenset("he she it they we i you".split())
_ACCORDING = re.compile(r"(,?\s)((?:according\sto|as\s(?:reported|announced|stated|claimed|said)\sby)\s[^,;]+)")
_AFTER_QUOTE = re.compile(r"(?<=,[\"”])\s.*")
_SEGMENT = re.compile(r",([\"”’']?)(\s[^,;]+)")


def _split_source(text: str) -> tuple[str, str, str]:
    """Split at ", police said" or "according to the BBC": the claim, its source, and what comes after."""
    if (found := _ACCORDING.search(text)) is not None:
        words = found[2].split()
        end = next((n for n, word in enumerate(words[3:], 3) if word in BOUNDARIES and word != "of"), len(words))
        end -= end > 3 and words[end - 1].endswith("ed")
        return text[: found.start()], found[1] + " ".join(words[:end]), text[found.end() :].lstrip(",; ")
    if SAY.isdisjoint(text.replace(",", " ").split()):
        return text, "", ""
    if (found := _AFTER_QUOTE.search(text)) is not None:  # …," Jane Roe, the mayor, told reporters
        words = found[0].split()
        said = next((place for place, word in enumerate(words[:12]) if word.rstrip(",") in SAY), None)
        if said is not None:
            end = next((place for place in range(said, len(words)) if words[place][-1] == ","), len(words) - 1)
            main = text[: found.start() - 2] + text[found.start() - 1]
            return main, ", " + " ".join(words[: end + 1]).rstrip(","), " ".join(words[end + 1 :])
    for found in _SEGMENT.finditer(text):
        if _names_source(found[2].split()) and any(map(is_verb, text[: found.start()].split())):
            rest = text[found.end() :].lstrip(",; ")
            return text[: found.start()] + found[1], "," + found[2].rstrip(), rest
    return text, "", ""


def _names_source(words: list[str]) -> bool:
    """Whether these words between commas say who makes the claim, and make no claim of their own."""
    said = next((place for place, word in enumerate(words[:7]) if word in SAY), None)
    if said is not None and words[0] == "as":
        return said == len(words) - 1
    if said is None or words[0].casefold() in _NO_SOURCE:
        return False
    after = [word.casefold() for word in words[said + 1 :]]
    claims = any(word in _NO_SOURCE or word in _PRONOUN_SUBJECTS or is_verb(word) for word in after)
    return len(after) < 9 and bool(said or after) and not claims


_ASIDES = frozenset(
    """who whose which where also formerly including aged known led called named worth one an a the former its his her
    their along together""".split()
)


def _drop_insertions(text: str) -> str:
    """Drop ", who was 54," and ", a spokesman," and ", Oregon," from the middle of a sentence."""
    head, *segments = text.split(", ")
    if not segments:
        return head
    joint = ", "
    for segment, following in zip(segments, [*segments[1:], ""], strict=True):
        if following and _is_insertion(head, segment, following):
            joint = ", " if ", " in head else " "
            continue
        head, joint = head + joint + segment, ", "
    return head


def _is_insertion(head: str, segment: str, following: str) -> bool:
    first, after = (segment.split() or [""])[0], (following.split() or [""])[0]
    name = (head.split() or [""])[-1][:1].isupper()
    if _is_needed(segment) or QUOTES.search(segment) or after in ("or", "which", "who"):
        return segment.isdigit() and len(segment) < 4
    if after == "and":
        return name and first in ("a", "an", "the", "who", "whose", "which", "where")
    if first in _ASIDES or (segment.isdigit() and len(segment) < 4):
        return True
    if first[:1].isupper() and len(segment.split()) < 3:
        return name and after[:1].islower()
    return first[:1].islower() and is_verb(after) and not any(map(is_verb, [first, *head.split()]))


_KEEPS_ARTICLE = frozenset(
    """few little lot lots number couple dozen hundred thousand million billion third quarter half bit while time day
    week month year decade century hour minute second night hague more less same""".split()
)
_AUXILIARIES = frozenset("was were is are".split())
_NO_SUBJECT = frozenset(
    """that which who whom it he she they we i you there this these those what as when where while if than and but or
    how not also""".split()
)


def _drop_small_words(words: list[str]) -> list[str]:
    """Leave out articles, auxiliaries before a participle, and "that" after "said", as headlines do."""
    kept: list[str] = []
    quoted = in_quotes(words)
    for place, (word, following) in enumerate(pairwise(words)):
        last = kept[-1] if kept else ""
        if place and quoted[place - 1]:
            pass
        elif word in ("the", "a", "an") or (place == 0 and word in ("The", "A", "An")):
            if following.casefold().strip(",.") not in _KEEPS_ARTICLE:
                continue
        elif word in _AUXILIARIES:
            if last and last.casefold() not in _NO_SUBJECT and is_participle(following):
                continue
        elif word == "been" and last in ("has", "have", "had"):
            if len(kept) > 1 and kept[-2].casefold() not in _NO_SUBJECT and is_participle(following):
                kept.pop()
                continue
        elif word == "that" and last in ("said", "says", "announced", "confirmed", "stated", "insisted"):
            continue
        kept.append(word)
    return [*kept, *words[-1:]]


_MODIFIES = frozenset("and or that which who where whose when".split())
_PLACES = frozenset("in at on near during via outside inside within along around throughout across".split())


def _drop_places(words: list[str]) -> list[str]:
    """Leave out "in Mombasa, Kenya," and its like before the end."""
    if True in in_quotes(words):
        return words
    kept: list[str] = []
    place = 0
    while place < len(words):
        last = kept[-1] if kept else ""
        held = is_verb(last) or last.casefold() in NEVER_LAST or any(map(is_extreme, kept[-4:]))
        if words[place] in _PLACES and last and not held:
            end = _place_end(words, place)
            counts = words[place + 1 : place + 2] and words[place + 1][0].isdigit()  # in 2 hours
            modified = end < len(words) and (words[end] in _MODIFIES or words[end].endswith("ing"))
            if end < len(words) and len(kept) > 1 and not modified and not counts:
                place = end
                continue
        kept.append(words[place])
        place += 1
    return kept


def _place_end(words: list[str], place: int) -> int:
    """Where the phrase ends whose preposition stands at `place`."""
    for end in range(place + 1, len(words)):
        word, before = words[end], words[end - 1]
        if before[-1] == "," and not word[:1].isupper():
            return end
        ahead = words[end + 1] if end + 1 < len(words) else ""
        if before[:1].isupper() and word in ("of", "for", "and") and ahead[:1].isupper():
            continue  # Institute for Astronomy
        ends = word in BOUNDARIES or word in ("again", "already", "still", "also", "now") or is_verb(word)
        if end > place + 1 and word != "of" and ends:
            return end
    return len(words)


def first_words(sentence: str, max_characters: int, *, max_words: int | None = None) -> str:
    """Cut out the first whole words that fit; empty when they would lose a negation or whose claim it is.

    Examples
    --------
    >>> first_words("The mayor of the town resigned.", 12)
    'Mayor'
    """
    text = _clean(sentence[:_LONGEST])
    must = kept_words(sentence)
    if _split_source(text)[1]:
        return ""
    units, joint = (list(text[:300]), "") if is_unspaced(text) else (re.sub(r"[\"“”«»„]", "", text).split()[:60], " ")
    for start in range(len(units)):
        if start and joint and _is_one_name(units, start):
            continue
        end = min(len(units), start + (max_words or len(units)) if joint else start + max(max_characters, 0))
        while end > start and (
            len(joint.join(units[start:end])) > max_characters
            or (joint and (units[end - 1].strip(",;:").casefold() in NEVER_LAST or _is_one_name(units, end)))
        ):
            end -= 1
        run = units[start:end]
        while run and run[0].casefold() in ("the", "a", "an"):
            run.pop(0)
        title = polish(joint.join(run))
        if _says_something(title) and _holds(title, must):
            return title
    return ""


def _is_one_name(words: list[str], place: int) -> bool:
    """Whether a cut before `words[place]` would tear a name or a number from its noun."""
    if place >= len(words):
        return False
    word, following = words[place - 1], words[place]
    return (word[0].isupper() and following[0].isupper()) or (word[-1].isdigit() and following[0].islower())


# ---- scripts without spaces

_BREAKS = "、，,；;：:　 "
_CLOSERS = {"「": "」", "『": "』", "“": "”", "《": "》", "〈": "〉", "【": "】", "‘": "’", "（": "）"}
_PARTICLES = "のはがをにとでもへや的和与與在之"


def _cut_unspaced(text: str, budget: int, must: list[str]) -> Trim | None:
    """Cut at characters: at a mark where one is in reach, never in a number, a foreign word or a quote."""
    text = text.rstrip("。．.！!")
    if len(text) <= budget:
        return Trim(text, 0.0, "plain") if text and _holds(text, must) else None
    kept = max((found.end() for found in _KEPT.finditer(text.casefold())), default=1)
    ends = [end for end in range(budget, max(kept, 1) - 1, -1) if _may_stop(text, end)]
    marks = [end for end in ends if text[end] in _BREAKS and end >= budget / 3]
    end = next(iter(marks or ends), 0)
    return Trim(text[:end], 0.1 if marks else TORN, "plain") if end and _holds(text[:end], must) else None


def _may_stop(text: str, end: int) -> bool:
    last, following = text[end - 1], text[end]
    if last in _BREAKS or last in _PARTICLES or last in _CLOSERS:
        return False
    if following.isascii() and following.isalnum() and last.isascii() and last.isalnum():
        return False
    if (last.isdigit() and (following.isalnum() or following in ".,")) or following in "ー々ゃゅょっャュョッ」』”）":
        return False
    return all(text.count(left, 0, end) <= text.count(right, 0, end) for left, right in _CLOSERS.items())
