"""Qualifiers: the words that turn or weaken a claim, and titles that lost them.

"Did not sell", "denies", "may sell", "alleged", "plans to sell", "says": a title that keeps the claim and drops such a
word says something else. Rules of English only. A qualifier is lost when the words that it governs in the article come
back in the title, the title holds nothing of its kind, and no other sentence that tells the same makes the claim bare.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from retitlekit.sentences import split_sentences
from retitlekit.words import STOP_WORDS, is_english, stem

Kind = Literal["negation", "modality", "attribution"]
_KEPT_TEXTS = 1024
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*|[?;:,—–()\"“”]")
_BREAKS = frozenset("; — – ( ) but although though while whereas however instead because except".split())
_HEADS = 3  # words of content that a qualifier governs first: "not [confirm] [meeting] [Putin]"
_REACH = 9  # words after a qualifier that it can govern


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What negates in an article. Each governs what follows it.
_NEGATES = _words(
    """not cannot never no neither nor none nobody nothing without hardly barely scarcely unable unlikely refuse refuses
    refused refusing deny denies denied denying denial denials reject rejects rejected rejecting decline declines
    declined declining fail fails failed failing failure unless lack lacks lacked dismiss dismisses dismissed avoid
    avoids avoided prevent prevents prevented"""
)
# What makes a title negative too, so that it may stand for any of the above.
_NEGATIVE = _NEGATES | _words(
    """ban bans banned block blocks blocked halt halts halted stop stops stopped cancel cancels cancelled canceled
    forbid forbids prohibit prohibits veto vetoes vetoed oppose opposes opposed against lose loses lost losing miss
    misses missed quit quits end ends ended scrap scraps scrapped shelve shelves shelved drop drops dropped abandon
    abandons abandoned suspend suspends suspended delay delays delayed postpone postpones postponed doubt doubts
    refusal rejection rebuff rebuffs rebuffed resist resists spurn spurns snub snubs clear clears cleared acquit acquits
    acquitted false fake hoax free absent absence missing impossible unclear unknown unsolved untouched zero nil rarely
    seldom few little away out off barred bars bar withdraw withdraws fall falls short still yet until"""
)
_POSSIBLE = _words(
    """may might could perhaps possible possibly probably likely potentially potential maybe unlikely feared
    would-be presumably apparently apparent believed thought unconfirmed rumoured rumored rumor rumour rumours"""
)
_ALLEGED = _words(
    """alleged allegedly allegation allegations alleges allege suspected suspect suspects reportedly purported
    purportedly supposed supposedly accused accuses accuse accusing accusations accusation claim claims claimed"""
)
_PLANNED = _words(
    """plans plan planned planning intends intend intended intention expects expected hopes hope hoped considers
    considering considered consider proposes proposed propose wants want wanted seeks seek sought threatens threatened
    threaten vows vowed pledges pledged aims aim attempts attempt attempted tries tried try offers offered
    prepares preparing asks asked urges urged calls called warns warned weighs mulls eyes"""
)
_FUTURE = _words("will to shall 'll set due ready next tomorrow soon upcoming future ahead when should must")
_OPEN = _words("? whether if")
_SPEECH = _words(
    """say says said claim claims claimed allege alleges alleged allegedly reportedly warn warns warned tell tells told
    argue argues argued insist insists insisted according believe believes believed think thinks announce announces
    announced admit admits admitted suggest suggests suggested report reports reported confirm confirms confirmed state
    states stated accuse accuses accused deny denies denied vow vows call calls called find finds found show shows
    study poll source sources analysis opinion hint hints add adds predict predicts expect expects fear fears blame
    blames urge urges ask asks promise promises pledge pledges signal signals describe describes tout touts"""
)
# What the title may hold instead of a kind's own words: always something at most as sure.
_ACCEPTED: Mapping[str, frozenset[str]] = {
    "negation": _NEGATIVE,
    "possible": _POSSIBLE | _ALLEGED | _PLANNED | _OPEN | _words("to set fear fears risk risks threat chance danger"),
    "alleged": _ALLEGED
    | _POSSIBLE
    | _OPEN
    | (_SPEECH - _words("confirm confirms confirmed admit admits admitted find finds found show shows"))
    | _words("charge charged charges trial probe inquiry investigate investigates investigated investigation face"),
    "planned": _PLANNED | _POSSIBLE | _FUTURE | _OPEN | _words("bid proposal proposals deadline push effort talks"),
    "attribution": _SPEECH,
}
_KIND_OF = {"possible": "modality", "alleged": "modality", "planned": "modality"}


class Lost(NamedTuple):
    """A qualifier that a title lost: the word, and the sentence in which it stands."""

    kind: Kind
    word: str
    sentence: str


class _Clause(NamedTuple):
    kind: str  # a key of _ACCEPTED
    cue: str
    heads: tuple[str, ...]  # the stems that it governs first
    place: int  # number of the sentence


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the sentences of a text say, in stems."""

    sentences: tuple[str, ...]
    stems: tuple[frozenset[str], ...]
    clauses: tuple[_Clause, ...]
    governed: tuple[Mapping[str, frozenset[str]], ...]  # of each sentence: the stems each kind governs
    weight: Mapping[str, float]  # rare words weigh more


def _tokens(text: str) -> list[str]:
    """Lower-cased words and the marks that part clauses; "don't" as "do", "not"."""
    found = []
    for token in _WORD.findall(text.replace("’", "'")):
        small = token.casefold()
        if small.endswith("n't"):
            found += [small[:-3].replace("ca", "can") if small == "can't" else small[:-3], "not"]
        elif token == "May" and found:  # the month or the prime minister
            found.append("May")
        else:
            found.append(small.removesuffix("'s").replace(".", ""))
    return found


def _content(token: str) -> str | None:
    """The stem of a word of content, else None."""
    return None if token in STOP_WORDS or not token[0].isalnum() else stem(token)


def _governed(tokens: list[str], start: int, *, far: bool) -> list[str]:
    """The stems of content that a qualifier before `start` governs, up to the end of its clause."""
    stems: list[str] = []
    reach = 3 * _REACH if far else _REACH
    for token in tokens[start : start + reach]:
        if token in _BREAKS or (token in ",:" and len(stems) > 1 and not far):
            break
        found = _content(token)
        if found:
            stems.append(found)
    return stems


def _kinds(tokens: list[str], place: int) -> Iterator[str]:
    """What the word at this place qualifies as, in the article."""
    token, after = tokens[place], tokens[place + 1] if place + 1 < len(tokens) else ""
    before = tokens[place - 1] if place else ""
    if token in _NEGATES and not (
        (token == "not" and (after in ("only", "just", "least") or before == "or"))
        or (token == "no" and (after[:1].isdigit() or after in ("doubt", "matter", "one", "1")))
        or (token.startswith("fail") and after != "to" and token != "failure")
    ):
        yield "negation"
    if token in _POSSIBLE and token not in ("potential", "thought"):
        yield "possible"
    elif token in _ALLEGED and not token.startswith("claim"):
        yield "alleged"
    elif token in _PLANNED and after == "to":
        yield "planned"
    elif token in ("considering", "considers", "proposes", "proposed", "planned", "mulls", "attempted"):
        yield "planned"


@lru_cache(maxsize=_KEPT_TEXTS)
def _read(text: str) -> _Reading:
    sentences = split_sentences(text)[:200]
    stems, clauses, governed = [], [], []
    for place, sentence in enumerate(sentences):
        tokens = _tokens(sentence)
        stems.append(frozenset(filter(None, map(_content, tokens))))
        held: dict[str, set[str]] = {}
        for at, token in enumerate(tokens):
            for kind in _kinds(tokens, at):
                far = token.startswith(("den", "reject", "alleg", "accus", "suspect"))
                scope = _governed(tokens, at + 1, far=far)
                if scope:
                    clauses.append(_Clause(kind, token, tuple(scope[:_HEADS]), place))
                    held.setdefault(kind, set()).update(scope)
        governed.append({kind: frozenset(words) for kind, words in held.items()})
    counts = Counter(word for words in stems for word in words)
    weight = {word: math.log(1 + len(sentences) / count) for word, count in counts.items()}
    return _Reading(tuple(sentences), tuple(stems), tuple(clauses), tuple(governed), weight)


def lost_qualifiers(title: str, body: str, original_title: str = "") -> dict[Kind, Lost]:
    """Find the negation and the modality that a title lost against its article.

    Parameters
    ----------
    title : str
    body, original_title : str
        The article; either may be empty.

    Returns
    -------
    dict of kind to Lost
        Empty where nothing is missing.

    Examples
    --------
    >>> lost_qualifiers("Kim sells arms to Russia", "", "Kim in Russia amid warnings not to sell arms")["negation"].word
    'not'
    >>> lost_qualifiers("Kim will not sell arms", "", "Kim in Russia amid warnings not to sell arms")
    {}
    """
    tokens = _tokens(title)
    held = set(tokens)
    stems = frozenset(filter(None, map(_content, tokens)))
    readings = [_read(text) for text in (original_title, body) if text]
    lost: dict[Kind, Lost] = {}
    for number, reading in enumerate(readings):
        is_title = bool(original_title) and number == 0
        for clause in reading.clauses:
            kind = _KIND_OF.get(clause.kind, clause.kind)
            if kind in lost or stems.isdisjoint(clause.heads) or not held.isdisjoint(_ACCEPTED[clause.kind]):
                continue
            if _is_told(stems, clause, reading, least=0.5 if is_title else 0.6) and not any(
                _is_bare(stems, clause, reading, other) for other in readings
            ):
                lost[kind] = Lost(kind, clause.cue, reading.sentences[clause.place])
    return lost


def _share(stems: frozenset[str], reading: _Reading, place: int) -> float:
    """How much of the title one sentence tells, by weight."""
    weight = reading.weight
    common = 1.0 if not weight else max(weight.values())
    whole = sum(weight.get(word, common) for word in stems)
    return sum(weight[word] for word in stems & reading.stems[place]) / whole if whole else 0.0


def _is_told(stems: frozenset[str], clause: _Clause, reading: _Reading, least: float) -> bool:
    share = _share(stems, reading, clause.place)
    return share >= (least if clause.heads[0] in stems else least + 0.2)


def _is_bare(stems: frozenset[str], clause: _Clause, reading: _Reading, other: _Reading) -> bool:
    """Whether another sentence that tells the title as well makes the claim without the qualifier."""
    heads = stems.intersection(clause.heads)
    enough = _share(stems, reading, clause.place) - 0.15
    for place, words in enumerate(other.stems):
        if other is reading and place == clause.place:
            continue
        if heads <= words and not heads & other.governed[place].get(clause.kind, frozenset()):
            if _share(stems, other, place) >= enough:
                return True
    return False
