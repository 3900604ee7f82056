"""Cuts: where a shortened sentence may end, and what ending there costs."""

from __future__ import annotations

from collections.abc import Iterator

from retitlekit.language.grammar import (
    BOUNDARIES,
    CLAUSES,
    HEDGES,
    NEVER_LAST,
    SAY,
    in_quotes,
    is_extreme,
    is_participle,
    is_torn_from,
    is_verb,
)

_SELDOM_LAST = frozenset(  # the last word of a sentence, but not of a cut one
    """said says told more most less least so too both each any some several many few all other another also only just
    nearly almost approximately roughly new former first second third two three four five six seven eight nine ten one
    hundred thousand million billion he she it they we i you there how what why shortly soon days hours early late thus
    next last twice half same""".split()
)
_RESTRICTS = frozenset("in on of to at for from since among by with that".split())
_HELD = frozenset(  # words that a cut would tear from what follows them
    """plans plan planned set expected wants want wanted agreed agrees refused likely about ready able continue
    continues began begins tried try trying seeks seek sought vowed vows ordered forced allowed asked urged told call
    called calls appears appeared seems seemed intends intended hopes hoped decided decides suggest suggests came comes
    went goes became becomes well rather instead ahead prior number part members member end kind type lack amount group
    series majority total range list extent connection addition response order charge front view way result hand takes
    took deal accused charged resulted results led leading""".split()
)
_PERIODS = frozenset("century decade decades years year months month weeks week days day hours hour minutes".split())
_INCOMPLETE = frozenset(  # what opens a phrase or a clause that the rest of the sentence has to follow
    """in on at after as while when following during with despite since for by from speaking before although though
    because amid within upon due among throughout until according unless if
    nach bei während wegen laut seit trotz dans après selon depuis según tras durante desde dopo secondo""".split()
)
_BEFORE_VERBS = frozenset("to will would may might can could must should not don't doesn't won't".split())
_NEEDS_VERB = frozenset("said says say that because who which where when if whether although though while".split())
TORN = 0.7  # the cost of an end that tears what belongs together


def cuts(words: list[str], longest: int) -> Iterator[tuple[int, int, float]]:
    """Give every place where the words may end: how many words, how many characters, at what cost."""
    torn = frozenset() if HEDGES.isdisjoint(map(str.casefold, words)) else _torn_from_hedges(words)
    titled = all(word[0].isupper() for word in words if len(word) > 4)
    length, verb, unfinished = -1, False, False
    leads = leading = words[:1] != [] and words[0].casefold() in _INCOMPLETE
    commas = any(word[-1] == "," for word in words)
    quoted = in_quotes(words)
    for place, word in enumerate(words, 1):
        length += 1 + len(word)
        if length > longest:
            return
        if leading and place < len(words):  # "In a speech in Rome" is no title
            leading = word[-1] != "," and (commas or not is_verb(word))
            verb = not commas and not leading
            continue
        bare = word.strip("\"'“”‘’,;:.!?")
        if titled or place == 1:
            bare = bare.casefold()
        verb = verb or is_verb(word)
        unfinished = bare in _NEEDS_VERB or (unfinished and not is_verb(word))
        dangles = bare in NEVER_LAST or bare in HEDGES or (bare in _SELDOM_LAST and place < len(words))
        if dangles or (unfinished and place < len(words)) or quoted[place - 1] or place in torn:
            continue
        if word.endswith(("'s", "’s")):
            continue
        cost = 0.0 if place == len(words) else _cut_cost(words, place, bare, verb=verb, titled=titled)
        if cost is not None and (verb or (cost < 0.4 and not leads)):
            yield place, length, cost if verb else cost + 1.5


def _torn_from_hedges(words: list[str]) -> frozenset[int]:
    """Places where a cut would keep a claim and lose its "reportedly"."""
    torn: set[int] = set()
    hedged = False
    for place in range(len(words) - 1, 0, -1):
        hedged = hedged or words[place].strip(",").casefold() in HEDGES
        if words[place] in CLAUSES or (words[place - 1][-1] == "," and words[place].casefold() not in HEDGES):
            hedged = False
        if hedged:
            torn.add(place)
    return frozenset(torn)


def _cut_cost(words: list[str], place: int, bare: str, *, verb: bool, titled: bool) -> float | None:
    """What it costs to end before `words[place]`; None inside a name, a number or a phrase."""
    word, following = words[place - 1], words[place]
    capital = word[0].isupper() and not titled
    if word[-1] in ",;:–—" or following[0] in "–—":
        return 0.4 if capital and following[0].isupper() else 0.0
    cost = BOUNDARIES.get(following.casefold() if titled else following)
    before = words[max(0, place - 4) : place]
    if cost is None:  # a resolution | calling for, threats | made against
        modifies = verb and (following.endswith("ing") or is_participle(following)) and CLAUSES.isdisjoint(before)
        acting = is_verb(word) or (place > 1 and words[place - 2] in _BEFORE_VERBS)
        return 0.2 if modifies and not acting and not (word[-1].isdigit() or word[-1] == "%") else None
    ahead = words[place + 1] if place + 1 < len(words) else ""
    if word[-1].isdigit() and ahead[:1].isdigit():
        return None
    if following in ("into", "onto") and is_torn_from(word):  # a leader crossed | into Russia
        return None
    if following == "and" and not {"between", "both"}.isdisjoint(before):
        return None
    if following in ("after", "before", "since") and bare in _PERIODS:
        return None
    if following in _RESTRICTS and any(map(is_extreme, before)):
        return None
    if capital and ahead[:1].isupper() and following in ("of", "and", "for", "on"):
        return None if following == "of" else TORN
    told = "that" in words[place : place + 6] and not SAY.isdisjoint(words[max(0, place - 5) : place])
    return max(cost, TORN) if told or bare in _HELD else cost


def best_cut(cuts: list[tuple[int, int, float]], budget: int, max_words: int | None) -> tuple[int, int, float] | None:
    """Of the places within the budget, the one that keeps most at the least cost."""
    fitting = [cut for cut in cuts if cut[1] <= budget and (max_words is None or cut[0] <= max_words)]
    return max(fitting, key=lambda cut: cut[1] / budget - cut[2] / 4, default=None)
