"""Titlers without a language model, behind the model ids "baseline/…": reference rows that need no key and no network.

They read the article out of the messages and never follow a prompt, except for a greatest length, a casing and the
form of a question, where the prompt asks for them. So a sweep that compares prompts says nothing on a baseline's rows.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from itertools import chain, pairwise
from typing import Any, NamedTuple

from retitlekit.baselines.messages import Constraints, read_article, read_constraints
from retitlekit.baselines.trims import Strength, Trim, first_words, polish, trims
from retitlekit.errors import CallError, ModelError
from retitlekit.language.sentences import is_unspaced, split_sentences
from retitlekit.language.words import is_ordinary

__all__ = ["BASELINES", "Constraints", "lexrank", "read_article", "read_constraints", "write_title"]

_OBEYS = "Not a language model, a reference row: of a prompt it obeys only greatest length, casing and question form."
BASELINES: dict[str, str] = {
    "baseline/prefix": f"{_OBEYS} The first 75 bytes of the article, even within a word; the same at any temperature.",
    "baseline/lead-compress": f"{_OBEYS} The article's lead, trimmed by rules; temperature draws from some 20 trims.",
    "baseline/lexrank": f"{_OBEYS} The sentence nearest to the original title and to the article's other sentences, "
    "trimmed by rules; temperature draws among sentences.",
}
_PREFIX_BYTES = 75  # DUC-2004, task 1
_BUDGETS = (60, 75, 90)  # characters
_READ_SENTENCES = 24
_READ_CHARACTERS = 20_000
_KEPT_ARTICLES = 1024


def write_title(
    model: str, messages: Sequence[Mapping[str, Any]], *, temperature: float | None = None, seed: int = 0
) -> str:
    r"""Write a title as one of the `BASELINES`.

    Parameters
    ----------
    model : str
        An id of `BASELINES`.
    messages : sequence of mappings with ``role`` and ``content``
        As sent to a language model; see `read_article` for where the article is looked for.
    temperature : float, optional
        The titler ranks a finite list of titles; at a temperature above 0 it draws one from the softmax of their
        scores. None and 0 give the best one.
    seed : int
        Same article, temperature and seed: same title. The draw does not depend on the prompt's wording.

    Returns
    -------
    str
        One line; never longer than `read_constraints` allows.

    Raises
    ------
    ModelError
        When there is no such baseline.
    CallError
        ``NoArticle`` when the messages hold nothing to read; ``NoTitleFits`` when not one whole word is as short as
        the prompt asks; ``BadTemperature``.

    Notes
    -----
    PREFIX and its 75 bytes: DUC-2004, task 1. Lead compression: after Hedge Trimmer (Dorr, Zajic and Schwartz 2003).
    LexRank: Erkan and Radev 2004; with a query, here the original title: Otterbacher, Erkan and Radev 2005.

    Examples
    --------
    >>> text = "The council voted on Monday to close the old bridge. Nobody was surprised."
    >>> write_title("baseline/lead-compress", [{"role": "user", "content": f"<article>\n{text}\n</article>"}])
    'Council voted to close old bridge'
    """
    if model not in BASELINES:
        raise ModelError(f"there is no {model!r}; the embedded models are {', '.join(BASELINES)}")
    if temperature is not None and not 0 <= temperature < math.inf:
        raise CallError(f"{model}: temperature {temperature} is not 0 or above", error_type="BadTemperature")
    original_title, body = read_article(messages)
    limits = read_constraints(messages)
    room = None if limits.max_characters is None else limits.max_characters - limits.question
    ranked = _ranked(model, original_title, body, room, limits.max_words, every=bool(temperature))
    if not ranked:
        raise CallError(
            f"{model}: no words of the article that could stand alone fit "
            f"(at most {limits.max_characters or 'any'} characters, {limits.max_words or 'any'} words)",
            error_type="NoTitleFits",
        )
    title = _draw(ranked, temperature or 0.0, f"{seed}\0{original_title}\0{body}")
    title = _cased(title, limits.casing, body)
    return _asked(title) if limits.question else title


def _draw(ranked: Sequence[_Ranked], temperature: float, key: str) -> str:
    """Draw from the softmax of the scores; the best at 0."""
    best = max(ranked, key=lambda each: each.score)
    if not temperature:
        return best.title
    weights = [math.exp((each.score - best.score) / temperature) for each in ranked]
    digest = blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    left = int.from_bytes(digest) / 2**64 * sum(weights)
    for each, weight in zip(ranked, weights, strict=True):
        left -= weight
        if left < 0:
            return each.title
    return best.title


# ------------------------------------------------------------------------------------------------------------ ranking


class _Ranked(NamedTuple):
    title: str
    score: float


@lru_cache(maxsize=_KEPT_ARTICLES)
def _ranked(
    model: str, title: str, body: str, max_characters: int | None, max_words: int | None, *, every: bool
) -> tuple[_Ranked, ...]:
    """Every title that the baseline could give, or the best and some more; empty when nothing fits."""
    if model == "baseline/prefix":
        found = _prefix(body or title, max_characters, max_words)
        return (_Ranked(found, 0.0),) if found else ()
    text = _Text(body or title)
    rank = _rank_title if not body else _rank_lead if model == "baseline/lead-compress" else _rank_central
    best: dict[str, float] = {}
    for bound, titles in rank(text, title, _budgets(text, max_characters), max_words):
        if best and (bound == -math.inf or (not every and bound <= max(best.values()))):
            break
        for each in titles:
            best[each.title] = max(each.score, best.get(each.title, each.score))
    if not best and (last := _last_resort(text.sentences, max_characters, max_words)):
        best[last] = 0.0
    return tuple(_Ranked(title, score) for title, score in best.items())


class _Text:
    """A text's sentences, and how many of them each word stands in."""

    def __init__(self, text: str) -> None:
        self.is_dense = is_unspaced(text[:300])
        self.sentences = split_sentences(text[:_READ_CHARACTERS])[:_READ_SENTENCES]
        self.terms = [_terms(sentence) for sentence in self.sentences]
        spread = Counter(chain.from_iterable(self.terms))
        self.weights = {term: math.log(count) for term, count in spread.items() if count > 1}

    def cover(self, terms: Iterable[str]) -> float:
        """How much these words say of what the text repeats."""
        weights = self.weights
        return sum([weights[term] for term in terms if term in weights])


_NO_TERMS = frozenset(
    """the a of and to in on at by for from with as an is are was were be been has have had will would that this it its
    he she his her they their who which but not after said says also into over about than more one two""".split()
)


def _words(text: str) -> list[str]:
    """Words without their possessive, or pairs of characters where no spaces part the words."""
    if is_unspaced(text):
        return list(map("".join, pairwise(text)))
    return [word.strip("\"'“”‘’.,;:!?()") for word in text.casefold().replace("’s", "").replace("'s", "").split()]


def _terms(text: str) -> set[str]:
    """The words that a text is about."""
    return set(_words(text)) - _NO_TERMS


def _budgets(text: _Text, max_characters: int | None) -> list[int]:
    usual = [budget // 2 if text.is_dense else budget for budget in _BUDGETS]
    most = usual[-1] if max_characters is None else max_characters
    return sorted({min(budget, most) for budget in usual})


_PRONOUNS = frozenset("he she it they this these those his her its their there".split())


def _score(text: _Text, trimmed: Trim) -> float:
    """A trim's own worth: it covers what the text repeats, ends well, and is about 75 characters long."""
    length = len(trimmed.text) * (2 if text.is_dense else 1)
    pronoun = trimmed.text.split(None, 1)[0].casefold() in _PRONOUNS
    worth = 0.1 * text.cover(_terms(trimmed.text)) - 0.006 * abs(length - 75)
    return worth - 0.3 * trimmed.cost - 0.1 * pronoun - _LIGHT * (trimmed.strength == "light")


_LIGHT = 0.3
_Ranking = Iterator[tuple[float, Iterable[_Ranked]]]  # no title that comes later has a score above the bound


def _rank_lead(text: _Text, _: str, budgets: Sequence[int], max_words: int | None) -> _Ranking:
    """Trims of the first three sentences and of the one that covers most; later sentences only when those have none."""
    covers = [text.cover(terms) for terms in text.terms]
    central = max(range(len(covers)), key=lambda place: covers[place] / (len(text.terms[place]) + 5), default=0)
    bounds = {place: 1 / (1 + place) + 0.1 * cover for place, cover in enumerate(covers)}
    first = [place for place in bounds if place < 3 or place == central]
    groups: list[tuple[float, int, list[Strength]]] = [(bounds[place], place, ["plain", "hard"]) for place in first]
    groups += [(bounds[place] - _LIGHT, place, ["light"]) for place in first]
    groups.sort(reverse=True)
    groups += [(-math.inf, place, ["plain", "hard", "light"]) for place in sorted(set(bounds).difference(first))]

    def titles(place: int, strengths: list[Strength]) -> Iterator[_Ranked]:
        for each in trims(text.sentences[place], budgets, max_words=max_words, strengths=strengths):
            yield _Ranked(each.text, 1 / (1 + place) + _score(text, each))

    return ((bound, titles(place, strengths)) for bound, place, strengths in groups)


def _rank_title(text: _Text, title: str, budgets: Sequence[int], max_words: int | None) -> _Ranking:
    """Trims of the title itself, where there is nothing else; the title as it was comes last."""
    trimmed = trims(title, budgets, max_words=max_words)
    same = title.casefold()
    yield math.inf, [_Ranked(each.text, _score(text, each) - (each.text.casefold() == same)) for each in trimmed]


def _rank_central(text: _Text, title: str, budgets: Sequence[int], max_words: int | None) -> _Ranking:
    """The best trim of each sentence, by the sentence's LexRank."""
    ranks = lexrank(text.sentences, query=title)

    def best_trim(sentence: str, score: float) -> Iterator[_Ranked]:
        trimmed = trims(sentence, budgets, max_words=max_words, strengths=["plain"])
        if trimmed:
            yield _Ranked(max(trimmed, key=lambda each: _score(text, each)).text, score)

    for rank, sentence in sorted(zip(ranks, text.sentences, strict=True), key=lambda pair: -pair[0]):
        yield rank / max(ranks), best_trim(sentence, rank / max(ranks))


def lexrank(sentences: Sequence[str], *, query: str = "", damping: float = 0.85) -> list[float]:
    """Rank sentences by a random walk between similar ones.

    Parameters
    ----------
    sentences : sequence of str
    query : str
        Where the walk starts again; without one it starts anywhere.
    damping : float
        Chance of a step to a similar sentence; else the walk starts again. With a query it is turned round (a step
        has the chance 1 - `damping`), because the query is the stronger witness.

    Returns
    -------
    list of float
        One for each sentence; they sum to 1.

    Notes
    -----
    Cosines of TF-IDF vectors as weights, continuous (Erkan and Radev 2004). Relevance to the query is
    ``Σ log(1 + tf in the sentence) · log(1 + tf in the query) · idf`` (Otterbacher, Erkan and Radev 2005).

    Examples
    --------
    >>> ranks = lexrank(["Bridge to close in May.", "The bridge will close.", "Nobody sang."])
    >>> [round(rank, 2) for rank in ranks]
    [0.33, 0.33, 0.33]
    """
    import numpy as np

    count = len(sentences)
    counts = [Counter(word for word in _words(sentence) if word not in _NO_TERMS) for sentence in sentences]
    spread = Counter(chain.from_iterable(counts))
    column = {word: place for place, word in enumerate(spread)}
    if not column:
        return [1 / max(count, 1)] * count
    idf = np.log((count + 1) / (0.5 + np.array(list(spread.values()), dtype=float)))
    tf = np.zeros((count, len(column)))
    for row, words in enumerate(counts):
        tf[row, [column[word] for word in words]] = list(words.values())
    vectors = tf * idf
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    vectors = np.divide(vectors, norms, out=np.zeros_like(vectors), where=norms > 0)
    similar = np.clip(vectors @ vectors.T, 0, None)
    sums = similar.sum(axis=1, keepdims=True)
    steps = np.divide(similar, sums, out=np.full_like(similar, 1 / count), where=sums > 0)
    start = np.full(count, 1 / count)
    asked = Counter(word for word in _words(query) if word in column)
    columns = [column[word] for word in asked]
    relevance = np.log1p(tf[:, columns]) @ (np.log1p(list(asked.values())) * idf[columns])
    if relevance.max(initial=0) > 0:
        relevance = np.clip(relevance, 0, None)
        start, damping = relevance / relevance.sum(), 1 - damping
    ranks = start
    for _ in range(50):
        ranks = damping * (ranks @ steps) + (1 - damping) * start
    return [float(rank) for rank in ranks / ranks.sum()]


def _prefix(text: str, max_characters: int | None, max_words: int | None) -> str:
    """The first 75 bytes, cut on a character's border; no care for words, as DUC-2004 has it."""
    found = " ".join(text.split()).encode("utf-8", "replace")[:_PREFIX_BYTES].decode("utf-8", "ignore")
    found = found[: max(max_characters, 0)] if max_characters is not None else found
    return " ".join(found.split()[:max_words])


def _last_resort(sentences: Sequence[str], max_characters: int | None, max_words: int | None) -> str:
    """The first run of whole words that fits, where no sentence has a trim; unasked for a limit, the shortest whole."""
    room = max(_BUDGETS) if max_characters is None else max_characters
    runs = (first_words(sentence, room, max_words=max_words) for sentence in sentences)
    whole = min(sentences, key=len, default="") if max_characters is None and max_words is None else ""
    return next((run for run in runs if run), polish(whole))


# --------------------------------------------------------------------------------------------------------------- form


_LOWER_IN_TITLES = frozenset("a an and as at but by for if in nor of on or so the to up yet".split())  # AP
_NAME = re.compile(r"[^\W\d_][\w'’.-]*")


def _cased(title: str, casing: str | None, body: str) -> str:
    """Apply title case as AP has it, or sentence case, in which a body's sentences are already."""
    if casing == "title":
        words = title.split(" ")
        return " ".join(
            word if 0 < place < len(words) - 1 and word in _LOWER_IN_TITLES else _capital(word)
            for place, word in enumerate(words)
        )
    if casing == "sentence" and not body:
        for word in [*_NAME.finditer(title)][1:]:
            if word[0].istitle() and is_ordinary(word[0].lower()):
                title = title[: word.start()] + word[0][0].lower() + title[word.start() + 1 :]
    return title


def _capital(word: str) -> str:
    found = _NAME.match(word.lstrip("\"'“‘("))
    place = len(word) - len(word.lstrip("\"'“‘("))
    capital = word[place : place + 1].upper()
    if found is None or not word[place:].islower() or len(capital) != 1:  # iPhone and numbers stay
        return word
    return word[:place] + capital + word[place + 1 :]


def _asked(title: str) -> str:
    """A question as headlines put it: the statement and a question mark."""
    return title.rstrip("?!.") + "?"
