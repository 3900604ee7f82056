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
from itertools import pairwise
from typing import NamedTuple

from retitlekit.claims.cues import (
    ACCEPTED,
    AGAINST,
    ALLEGED,
    ASKING,
    ATTRIBUTES,
    AUXILIARIES,
    BEFORE_MAY,
    CUE_STEMS,
    CUES,
    FUTURE,
    HEDGES,
    KIND_OF,
    NEGATES,
    OPEN,
    OPPOSITES,
    PAIRS,
    PLANNED,
    POSSIBLE,
    QUOTES,
    SAYING,
    SELVES,
    SPEECH,
    SURE,
    TAKES_TO,
    TO_COME,
    Kind,
)
from retitlekit.language.sentences import split_sentences
from retitlekit.language.words import STOP_WORDS, stem

_KEPT_TEXTS = 1024
_WORD = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*|[?;:,—–()\"“”«»„‘]|(?<!\w)'(?=\w)")
_BREAKS = frozenset("; — – ( ) but although though while whereas however instead because except since".split())
_HEADS = 3  # words of content that a qualifier governs first: "not [confirm] [meeting] [Putin]"
_REACH = 9  # words after a qualifier that it can govern
_FAR = ("den", "reject", "alleg", "accus", "suspect")  # these govern all that follows: "denied that …"
_NEAR, _AFTER = 6, 4  # words before and after a head, in which the title's own qualifier stands
_CLOSE = 0.85  # of a title told by one sentence: from here on they are read word by word
_SENTENCES = 200  # of a body that are read


_ALWAYS_PLANNED = frozenset("considering considers proposes planned mulls attempted".split())


class Lost(NamedTuple):
    """A qualifier that a title lost: the word, and the sentence in which it stands."""

    kind: Kind
    word: str
    sentence: str


class _Clause(NamedTuple):
    kind: str  # a key of ACCEPTED
    cue: str
    heads: tuple[str, ...]  # the stems that it governs first
    place: int  # number of the sentence
    left: str | None  # the stem before the qualifier, None where it opens a clause
    gap: int  # words from there to the first head
    beside: frozenset[str]  # the other words of its sentence


@dataclass(frozen=True, slots=True)
class _Reading:
    """What the sentences of a text say, in stems."""

    sentences: tuple[str, ...]
    stems: tuple[frozenset[str], ...]
    clauses: tuple[_Clause, ...]
    governed: tuple[Mapping[str, frozenset[str]], ...]  # of each sentence: the stems each kind governs
    weight: Mapping[str, float]  # rare words weigh more


def _tokens(text: str, *, is_title: bool = False) -> list[str]:
    """Lower-cased words and the marks that part clauses; "don't" as "do", "not"."""
    found: list[str] = []
    tokens = _WORD.findall(text.replace("’", "'"))
    for token, after in zip(tokens, [*tokens[1:], ""], strict=False):
        small = token.casefold()
        if small.endswith("n't"):
            found += [small[:-3].replace("ca", "can") if small == "can't" else small[:-3], "not"]
        elif token == "May" and found and (not is_title or after[:1].isdigit() or found[-1] in BEFORE_MAY):
            found.append("May")  # the month, or the prime minister; in Title Case it may be the verb
        else:
            found.append(small.removesuffix("'s").replace(".", ""))
        meant = PAIRS.get((stem(found[-2]), found[-1])) if len(found) > 1 else None
        if meant and not (meant == "not" and any(word in NEGATES for word in found[-4:-1])):
            found.append(meant)
        elif small == "against" and not AGAINST.isdisjoint(map(stem, found[-6:-1])):
            found.append("opposes")
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
        if found and token not in CUES:
            stems.append(found)
    return stems


def _kinds(tokens: list[str], place: int) -> Iterator[str]:
    """What the word at this place qualifies as, in the article."""
    token, after = tokens[place], tokens[place + 1] if place + 1 < len(tokens) else ""
    before = tokens[place - 1] if place else ""
    if token in NEGATES and not (
        (token == "not" and (after in ("only", "just", "least") or before == "or"))
        or (token == "never" and after == "before")
        or (token == "no" and (after[:1].isdigit() or after in ("doubt", "matter", "confidence")))
        or (token.startswith("fail") and after != "to" and token != "failure")
    ):
        yield "negation"
    if (
        token in POSSIBLE
        and token not in ("thought", "believed", "potential")
        and (token[:6] != "expect" or after == "to")
    ):
        yield "possible"
    elif token in ALLEGED and not token.startswith("claim"):
        yield "alleged"
    elif (token in PLANNED and after == "to") or token in _ALWAYS_PLANNED:
        yield "planned"


def _before(tokens: list[str], at: int) -> tuple[str | None, int]:
    """The stem of the word before a qualifier, auxiliaries left out, and how far off it is."""
    for back in range(1, min(at, 4) + 1):
        token = tokens[at - back]
        if not token[0].isalnum():
            return None, back
        if token not in AUXILIARIES:
            return stem(token), back
    return None, 0


@lru_cache(maxsize=_KEPT_TEXTS)
def _read(text: str) -> _Reading:
    sentences = split_sentences(text)[:_SENTENCES]
    stems, clauses, governed = [], [], []
    for place, sentence in enumerate(sentences):
        tokens = _tokens(sentence)
        stems.append(frozenset(filter(None, map(_content, tokens))))
        held: dict[str, set[str]] = {}
        for at, token in enumerate(tokens):
            for kind in _kinds(tokens, at):
                scope = _governed(tokens, at + 1, far=token.startswith(_FAR))
                if scope:
                    left, gap = _before(tokens, at)
                    gap += next(n for n, word in enumerate(tokens[at:]) if _content(word) == scope[0])
                    beside = frozenset(tokens[:at] + tokens[at + 1 :])
                    clauses.append(_Clause(kind, token, tuple(scope[:_HEADS]), place, left, gap, beside))
                    held.setdefault(kind, set()).update(scope)
            if token == "opposes":  # "warned against": no claim of its own, but nothing that it governs is bare
                held.setdefault("negation", set()).update(_governed(tokens, at + 1, far=False))
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
    readings = [_read(text) for text in (original_title, body) if text]
    said, old = _say(title), _say_once(original_title)
    lost: dict[Kind, Lost] = {}
    for part, tokens in enumerate(_parts(said.tokens)):
        stems = _stems(tokens) if part else said.stems
        for number, reading in enumerate(readings):
            is_old = bool(original_title) and number == 0
            least = 0.5 if is_old else 0.6
            for clause in reading.clauses:
                kind = KIND_OF[clause.kind]
                if kind in lost or stems.isdisjoint(clause.heads):
                    continue
                if said.tokens[-1] == "?" and "?" not in clause.beside:
                    continue
                if kind == "negation" and "warn" in reading.stems[clause.place] and _is_warning(tokens):
                    continue
                share = _share(stems, reading, clause.place)
                first = clause.heads[0] in stems
                near = len(stems.intersection(clause.heads)) > (not is_old) and kind == "negation" and not part
                told = share >= (least if first else least + 0.2) and (first or near)
                told |= first and _holds_all(stems, clause, reading)
                if (
                    (told and not _is_qualified(tokens, clause, close=share >= _CLOSE))
                    or (share >= 0.3 and (_is_cut_out(tokens, clause) or _is_made_sure(tokens, clause, reading)))
                ) and not any(_is_bare(stems, clause, reading, other, share - 0.15) for other in readings):
                    lost[kind] = Lost(kind, clause.cue, reading.sentences[clause.place])
    more = *_turned_words(said, readings), *_lost_words(said, old), _lost_question(said, old), _lost_source(said, old)
    return lost | {each.kind: each for each in more if each}


class _Said(NamedTuple):
    """A title, read."""

    text: str
    tokens: list[str]
    stems: frozenset[str]


def _say(title: str) -> _Said:
    tokens = _tokens(title, is_title=True)
    return _Said(title, tokens, _stems(tokens))


_say_once = lru_cache(maxsize=_KEPT_TEXTS)(_say)


def _stems(tokens: list[str]) -> frozenset[str]:
    return frozenset(filter(None, map(_content, tokens)))


def _turned_words(said: _Said, readings: list[_Reading]) -> Iterator[Lost]:
    """The words of which a title has the opposite, which the article never has: "lose" where it says "wins"."""
    turned = said.stems & OPPOSITES.keys()
    if not turned or not NEGATES.isdisjoint(said.tokens):
        return
    for word in turned:
        if any(word in reading.weight for reading in readings):
            continue
        for reading in readings:
            for place, words in enumerate(reading.stems):
                opposites = OPPOSITES[word] & words - reading.governed[place].get("negation", frozenset())
                if opposites and _share(said.stems - {word}, reading, place) >= 0.6:
                    yield Lost("negation", min(opposites), reading.sentences[place])


def _lost_words(said: _Said, old: _Said) -> Iterator[Lost]:
    """The qualifiers that a title left out of an original title of which it has nearly all else."""
    told = old.stems - CUE_STEMS
    if len(told - said.stems) * 3 > len(told):
        return
    new = set(said.tokens).difference(old.tokens)
    for at, token in enumerate(old.tokens):
        kinds = list(_kinds(old.tokens, at))
        if token == "to" and at and said.tokens.count("to") < old.tokens.count("to"):
            before = stem(old.tokens[at - 1])
            if before not in TAKES_TO and before not in CUE_STEMS:
                kinds.append("planned")  # "Apple to hold event": a headline's future
        elif token in said.tokens:
            continue
        for kind in kinds:
            scope = _governed(old.tokens, at + 1, far=False)
            heads = [n for n, word in enumerate(said.tokens) if scope and _content(word) == scope[0]]
            to_come = kind in TO_COME and any(_is_to_come(said.tokens, n) for n in heads)
            warned = kind == "negation" and "warn" in old.stems and _is_warning(said.tokens)
            if heads and new.isdisjoint(ACCEPTED[kind]) and not (to_come or warned):
                yield Lost(KIND_OF[kind], token, old.text)


def _lost_question(said: _Said, old: _Said) -> Lost | None:
    """The "How" or the question mark of an original title of which the title makes a plain statement."""
    if not old.tokens or not (old.tokens[0] in ("how", "whether") or old.tokens[-1] == "?"):
        return None
    is_open = not (POSSIBLE | ALLEGED | OPEN | ASKING).isdisjoint(said.tokens)
    if is_open or not said.stems or 5 * len(said.stems & old.stems) < 4 * len(said.stems):
        return None
    return Lost("modality", "?" if old.tokens[-1] == "?" else old.tokens[0], old.text)


def _lost_source(said: _Said, old: _Said) -> Lost | None:
    """The word by which the original title said whose claim it is, if the title makes the claim its own.

    What hedges or quotes inside the claim itself names no source: it counts only where the title is new in it.
    """
    at = next((n for n, token in enumerate(old.tokens) if token in ATTRIBUTES), None)
    if at is None or not QUOTES.isdisjoint(said.tokens):
        return None
    ends = next((n for n in range(at, 0, -1) if old.tokens[n] in ",—–"), at if old.tokens[at] == "according" else 0)
    claim = old.tokens[:ends] if ends else old.tokens[at + 1 :]
    if not (SPEECH | HEDGES).isdisjoint(set(said.tokens).difference(claim)):
        return None
    of_itself = not ends and claim[:1] and claim[0] in SELVES and claim[1:2] and claim[1] in PLANNED | FUTURE
    if of_itself and not said.stems.isdisjoint(_stems(old.tokens[:at])):
        return None  # "Apple says it will open a shop" is "Apple to open a shop"
    told = _stems(claim)
    return Lost("attribution", old.tokens[at], old.text) if 2 * len(told & said.stems) > len(told) else None


def _holds_all(stems: frozenset[str], clause: _Clause, reading: _Reading) -> bool:
    """Whether a title has all that a short sentence says beside its qualifier: "Nobody was injured"."""
    said = reading.stems[clause.place] - CUE_STEMS
    return said <= stems and not said & SAYING


def _parts(tokens: list[str]) -> list[list[str]]:
    """A title, or the parts that its colons and semicolons make of it."""
    parts: list[list[str]] = [[]]
    for token in tokens:
        if token in ";:—–":
            parts.append([])
        else:
            parts[-1].append(token)
    return [tokens] if len(parts) == 1 else [tokens, *(part for part in parts if len(part) > 2)]


def _is_qualified(tokens: list[str], clause: _Clause, *, close: bool) -> bool:
    """Whether a title has a word for what the clause has; near its head if the title is close to the sentence."""
    if clause.kind == "alleged" and _is_left_to_others(tokens, clause):
        return True
    accepted = ACCEPTED[clause.kind]
    heads = [at for at, token in enumerate(tokens) if _content(token) in clause.heads]
    to_come = clause.kind in TO_COME and any(_is_to_come(tokens, at) or _is_gerund(tokens[at], clause) for at in heads)
    tokens = [token if stem(token) not in clause.heads or token in NEGATES else "·" for token in tokens]
    if not close:
        return to_come or (clause.kind in TO_COME and "to" in tokens[1:]) or not accepted.isdisjoint(tokens)
    near = {token for at in heads for token in tokens[max(0, at - _NEAR) : at + _AFTER]}
    near -= clause.beside - {clause.cue}  # these qualify something else
    return to_come or not accepted.isdisjoint(near)


def _is_left_to_others(tokens: list[str], clause: _Clause) -> bool:
    """Whether a title has an allegation in quotation marks, or "guilty" from the sentence that has it."""
    return not QUOTES.isdisjoint(tokens) or not SURE["alleged"].isdisjoint(clause.beside.intersection(tokens))


def _is_warning(tokens: list[str]) -> bool:
    """Whether a title has the noun of a warning: "warning on arms sales" stands for "warned not to sell arms"."""
    return any(stem(word) == "warn" and after in ("on", "over", "about", "of") for word, after in pairwise(tokens))


def _is_cut_out(tokens: list[str], clause: _Clause) -> bool:
    """Whether the title goes on as the sentence does before and behind the qualifier, and has none between."""
    accepted = ACCEPTED[clause.kind]
    for at, token in enumerate(tokens):
        if _content(token) != clause.heads[0]:
            continue
        start = max(0, at - clause.gap - 1)
        before = [stem(word) for word in tokens[start:at]]
        if clause.left in before:
            start += before.index(clause.left) + 1
        elif clause.left is not None or start:
            continue
        to_come = clause.kind in TO_COME and (_is_to_come(tokens, at) or _is_gerund(token, clause))
        if clause.kind == "alleged":
            start, accepted = 0, accepted - SPEECH | ALLEGED
            to_come = _is_left_to_others(tokens, clause)
        if accepted.isdisjoint(tokens[start : at + 3]) and not to_come:
            return True
    return False


def _is_made_sure(tokens: list[str], clause: _Clause, reading: _Reading) -> bool:
    """Whether a title has "will" before what the article says may be, or "guilty" before what somebody alleges."""
    heads = [at for at, token in enumerate(tokens) if _content(token) in clause.heads[:2]]
    sure = SURE.get(clause.kind, frozenset()) - clause.beside - reading.weight.keys()
    return any(not sure.isdisjoint(tokens[max(0, at - 3) : at]) for at in heads)


def _is_to_come(tokens: list[str], at: int) -> bool:
    """Whether a verb has a headline's future before it: "to sign", "to be signed"."""
    before = [token for token in tokens[max(0, at - 4) : at] if token not in QUOTES]
    return before[-1:] == ["to"] or before[-2:] == ["to", "be"]


def _is_gerund(token: str, clause: _Clause) -> bool:
    """Whether a title has "meeting" where the article says that somebody plans to meet."""
    return token.endswith("ing") and token not in clause.beside and stem(token) == clause.heads[0]


def _share(stems: frozenset[str], reading: _Reading, place: int) -> float:
    """How much of the title one sentence tells, by weight."""
    weight = reading.weight
    unknown = max(weight.values(), default=1.0)
    whole = sum(weight.get(word, unknown / 2) for word in stems)
    return sum(weight[word] for word in stems & reading.stems[place]) / whole if whole else 0.0


def _is_bare(stems: frozenset[str], clause: _Clause, reading: _Reading, other: _Reading, enough: float) -> bool:
    """Whether another sentence that tells the title as well makes the claim without the qualifier."""
    heads = stems.intersection(clause.heads)
    return any(
        heads <= words
        and not (other is reading and place == clause.place)
        and not heads & other.governed[place].get(clause.kind, frozenset())
        and _share(stems, other, place) >= enough
        for place, words in enumerate(other.stems)
    )
