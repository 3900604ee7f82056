"""Stances: titles that turn a claim round, by a negation that the article does not have or by a verb's opposite.

What a title lost of its article, `qualifiers` finds. Here is what it gained: "found no cracks" of an article that found
them, "welcomes" where it says "criticises". Rules of English only; a claim that is turned round in words that are not
listed passes.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from retitlekit.articles import Article
from retitlekit.claims.cues import NEGATIVE, OPPOSITES
from retitlekit.language.sentences import split_sentences
from retitlekit.language.words import STOP_WORDS, sounds_english, stem
from retitlekit.scorers.gates import own_title

_PAIRS = [
    tuple(map(stem, pair.split(":")))
    for pair in """pass:reject pass:block
    welcome:criticise welcome:criticize welcome:condemn welcome:reject welcome:warn
    praise:criticise praise:criticize praise:condemn accuse:clear charge:clear lift:uphold lift:impose scrap:uphold
    more:fewer more:less safe:unsafe safe:dangerous extend:cut condemn:defend
    criticise:defend support:criticise back:criticise join:quit gain:loss strengthen:ease tighten:ease widen:narrow
    hire:fire add:cut create:cut grant:deny grant:refuse arrest:release""".split()
]
_TURNED = {
    word: frozenset(other for pair in _PAIRS if word in pair for other in pair if other != word)
    | OPPOSITES.get(word, frozenset())
    for word in ({word for pair in _PAIRS for word in pair} | set(OPPOSITES)) - set(map(stem, ("win", "lose")))
}  # who loses to whom may as well be told as who wins against whom
_NEGATION = re.compile(r"\b(?:not|no|never|nobody|none|nothing|without|neither)\b|n['’]t\b", re.IGNORECASE)
_AMOUNT = re.compile(r"\b(?:more|less|fewer) than\b", re.IGNORECASE)  # "more than 900" turns nothing
_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_SHARED = 2  # content words that make a sentence one about the title's claim
_NEAR = 3
_NEGATING = frozenset(map(stem, NEGATIVE))


class _Sentence(NamedTuple):
    text: str
    content: tuple[str, ...]  # stems, in their order
    negates: bool


@lru_cache(maxsize=1024)
def _read(text: str) -> tuple[_Sentence, ...]:
    read = []
    for sentence in split_sentences(text)[:200]:
        words = [
            word.casefold().replace("’", "'").removesuffix("'s") for word in _WORD.findall(_AMOUNT.sub("", sentence))
        ]
        content = tuple(stem(word) for word in words if word not in STOP_WORDS or stem(word) in _TURNED)
        read.append(_Sentence(sentence, content, bool(_NEGATION.search(sentence) or _NEGATING.intersection(content))))
    return tuple(read)


def _beside(content: tuple[str, ...], word: str) -> set[str]:
    """The words of content beside each place where this one stands."""
    at = [place for place, each in enumerate(content) if each == word]
    return {each for place in at for each in content[max(0, place - _NEAR) : place + _NEAR + 1]} - {word}


def _negated(title: str) -> set[str]:
    """The stem that each negation of a title governs first."""
    parts = [_read(part)[:1] for part in _NEGATION.split(title)[1:]]
    return {sentence.content[0] for read in parts for sentence in read if sentence.content}


def stance(title: str, article: Article) -> tuple[bool, str | None] | None:
    """The title turns no claim of the article round.

    English only. Of 1,865 titles that people wrote (265 of Wikinews, 1,600 of the BBC), checked against the bodies
    alone, four fail.

    Examples
    --------
    >>> article = Article("a", "Union criticises wage offer", "The union criticised the wage offer of 3% on Monday.")
    >>> stance("Union welcomes wage offer", article)
    (False, "'welcom' for 'critici' of: Union criticises wage offer")
    """
    if not article.body or not sounds_english(article.body, title):
        return None
    content = tuple(word for sentence in _read(title) for word in sentence.content)
    told = (*_read(own_title(article)), *_read(article.body))
    near = [sentence for sentence in told if len(set(content).intersection(sentence.content)) >= _SHARED]
    for head in _negated(title):
        bare = next((sentence for sentence in near if head in sentence.content), None)
        if bare and not any(sentence.negates for sentence in told if head in sentence.content):
            return False, f"a negation that is not in: {bare.text}"
    known = {word for sentence in told for word in sentence.content}
    for word in content if not _NEGATION.search(title) else ():
        for sentence in near if word not in known else ():
            for other in _TURNED.get(word, frozenset()).intersection(sentence.content):
                if _beside(content, word) & _beside(sentence.content, other):
                    return False, f"{word!r} for {other!r} of: {sentence.text}"
    return True, None
