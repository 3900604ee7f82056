"""ROUGE-1, ROUGE-2 and ROUGE-L (Lin 2004) for titles: recall, precision, F1; optionally within the first bytes.

Tokens are runs of a-z and 0-9 after lower-casing, as in Google's rouge-score; the tests hold both to the same figures.
Titles in other scripts have no tokens here: these figures are for English only.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

_TOKEN = re.compile(r"[a-z0-9]+")


class Rouge(NamedTuple):
    """Shares between 0 and 1."""

    recall: float
    precision: float
    f1: float


def rouge(
    title: str, reference: str, *, max_bytes: int | None = None, stem: Callable[[str], str] | None = None
) -> dict[str, Rouge]:
    """Compare a title with the one that a person wrote.

    Parameters
    ----------
    title, reference : str
    max_bytes : int, optional
        Only this many bytes of the title (UTF-8, cut on a character border) count: 75 is the limit of DUC-2004 task 1,
        which makes recalls of titles of different lengths comparable.
    stem : callable, optional
        Cuts a word of more than three letters to its stem. DUC-2004 was scored with Porter's stemmer.

    Returns
    -------
    dict of str to Rouge
        Keys ``"1"``, ``"2"`` and ``"L"``.

    Examples
    --------
    >>> rouge("council votes on budget", "council passes budget")["1"].recall
    0.6666666666666666
    """
    if max_bytes is not None:
        title = title.encode("utf-8", "replace")[:max_bytes].decode("utf-8", "ignore")
    found, wanted = _TOKEN.findall(title.lower()), _TOKEN.findall(reference.lower())
    if stem is not None:
        found, wanted = ([stem(word) if len(word) > 3 else word for word in words] for words in (found, wanted))
    return {
        "1": _overlap(Counter(found), Counter(wanted)),
        "2": _overlap(Counter(pairwise(found)), Counter(pairwise(wanted))),
        "L": _shares(_longest_common_subsequence(found, wanted), len(found), len(wanted)),
    }


def _overlap(found: Counter[object], wanted: Counter[object]) -> Rouge:
    return _shares((found & wanted).total(), found.total(), wanted.total())


def _shares(common: int, found: int, wanted: int) -> Rouge:
    recall, precision = common / max(wanted, 1), common / max(found, 1)
    return Rouge(recall, precision, 2 * recall * precision / (recall + precision) if common else 0.0)


def _longest_common_subsequence(left: Sequence[str], right: Sequence[str]) -> int:
    lengths = [0] * (len(right) + 1)
    for token in left:
        before = 0
        for place, other in enumerate(right, 1):
            before, lengths[place] = (
                lengths[place],
                before + 1 if token == other else max(lengths[place - 1 : place + 1]),
            )
    return lengths[-1]
