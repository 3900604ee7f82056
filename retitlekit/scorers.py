"""Gates and scores: plain functions of a title, bound to the frame's columns by the names of their arguments.

A gate says yes or no (`gate_<name>`, and why not in `why_<name>`); a score is a number (`score_<name>`). Adding one is
passing one: ``rk.score(frame, scorers=[*rk.scorers.DEFAULT, mine])``. What could not be judged is <NA>, never 0.
"""

from __future__ import annotations

import inspect
import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from numbers import Real
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from rapidfuzz.distance import Levenshtein

from retitlekit.articles import Article
from retitlekit.figures import number_claims
from retitlekit.names import name_claims
from retitlekit.errors import FrameError, RetitlekitError
from retitlekit.frame import check, typed
from retitlekit.widths import em_width

Judged = bool | float | None
Result = Judged | tuple[Judged, str | None] | Mapping[str, Judged | str]
Scorer = Callable[..., Result]
Codes = NDArray[np.int64]

GOOGLE_EM = 29.6  # what Google's desktop results show of a title before they cut it: about 650 px at 22 px
NEAR_COPY = 0.75  # Levenshtein similarity; of two professional headlines for one story, one pair in ten is above .77
_NO_TITLE = "–"  # an Article has a title; this one claims and supports nothing
_REASONS = {str, type(None)}
_SIGNS = re.compile(r"[^\W_]+")
_WORDS = re.compile(r"[^\W_]+(?:[.,'’][^\W_]+)*(?<!['’]s)")
_UNSPACED = re.compile(r"[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]")

# ------------------------------------------------------------------------------------------------------------ gates


def has_title(title: str | None = None, error_type: str | None = None) -> tuple[bool, str | None]:
    """The completion holds a title: it is no refusal, not empty, not cut off."""
    return title is not None, None if title is not None else error_type


def clean(title: str, repairs: str | None = None) -> tuple[bool, str | None]:  # noqa: ARG001, asked only of titles
    """The title needed no repair: no label, quotes, Markdown or explanation around it. Blank space does not count."""
    made = [repair for repair in (repairs or "").split(",") if repair not in ("", "whitespace")]
    return not made, f"repaired: {','.join(made)}" if made else None


def width(title: str, *, em: float = GOOGLE_EM) -> tuple[bool, str | None]:
    """The title is at most `em` wide, set in Arial, so that it is not cut in search results.

    Google gives no number; 29.6 em is 652 px at 22 px, as measured, and the 592 px at 20 px of older advice.
    """
    wide = em_width(title)
    return wide <= em, None if wide <= em else f"{wide:.1f} em, {wide - em:.1f} too wide"


def rewritten(title: str, original_title: str) -> tuple[bool, str | None]:
    """The title is neither the original in other case, punctuation or spacing, nor nearly it.

    Nearly: a normalised Levenshtein similarity of .75 or more. Of 2,052 pairs of headlines that professionals wrote for
    one story (Upworthy archive, Matias et al. 2021) 90 % are below .77; unrelated ones are mostly below .3.
    """
    if _folded(title) == _folded(original_title):
        return False, "the original title"
    alike = 1 - novelty(title, original_title)
    return alike < NEAR_COPY, None if alike < NEAR_COPY else f"{alike:.0%} the original title"


def numbers(title: str, article: Article) -> tuple[bool, str | None] | None:
    """The article gives every number of the title; see `retitlekit.figures.number_claims`.

    Quantities are what summarisers most often invent (Zhao, Cohen and Webber 2020).
    """
    if not article.body and article.title == _NO_TITLE:
        return None
    missing = number_claims(title, article.body, article.title, published_at=article.published_at).unsupported
    return not missing, _not_in_article(missing)


def names(title: str, article: Article) -> tuple[bool, str | None] | None:
    """The article knows every name of the title; see `retitlekit.names.name_claims`.

    The precision of entities against the source (Nan et al. 2021), without a model. Does not apply where capitals do
    not mark names: German, Chinese, Japanese, Korean, Arabic and the like.
    """
    if not article.body and article.title == _NO_TITLE:
        return None
    claims = name_claims(title, article.body, article.title)
    return (not claims.unsupported, _not_in_article(claims.unsupported)) if claims else None


def _not_in_article(missing: Sequence[str]) -> str | None:
    return f"not in the article: {', '.join(missing)}" if missing else None


# ----------------------------------------------------------------------------------------------------------- scores


def width_em(title: str) -> float:
    """Width in em of Arial; see `retitlekit.widths.em_width`."""
    return em_width(title)


def characters(title: str) -> int:
    """Characters (code points of the composed text)."""
    return len(unicodedata.normalize("NFC", title))


def words(title: str) -> int | None:
    """Words between spaces; does not apply to scripts that write none."""
    return None if _is_unspaced(title) else len(title.split())


def novelty(title: str, original_title: str) -> float:
    """Share of the title that is new: 1 less the normalised Levenshtein similarity to the original title, 0 to 1.

    Case, punctuation and spacing do not count. Above about .7 the letters alone cannot tell a rewrite from a title for
    another story.
    """
    return Levenshtein.normalized_distance(_folded(title), _folded(original_title))


def lead_coverage(title: str, article: Article) -> float | None:
    """Share of the title's content words that stand in the article's first paragraph, 0 to 1.

    Content words have four characters or more, a digit or a capital; scripts without spaces count pairs of characters.
    Editors' titles of Wikinews reach .7 on average.
    """
    wanted = _content(title)
    return len(wanted & _lead_content(article.lead)) / len(wanted) if wanted and article.lead else None


DEFAULT: tuple[Scorer, ...] = (
    has_title,
    clean,
    width,
    rewritten,
    numbers,
    names,
    width_em,
    characters,
    words,
    novelty,
    lead_coverage,
)


def _folded(title: str) -> str:
    """Without case, punctuation and superfluous spaces."""
    plain = title if title.isascii() else unicodedata.normalize("NFKC", title).replace("’", "")
    return " ".join(_SIGNS.findall(plain.casefold().replace("'", "")))


def _is_unspaced(text: str) -> bool:
    """Whether most letters are Chinese, Japanese or Thai, and so no spaces part the words."""
    return not text.isascii() and 2 * len(_UNSPACED.findall(text)) > sum(map(str.isalpha, text))


def _content(text: str) -> frozenset[str]:
    if _is_unspaced(text):
        return frozenset("".join(pair) for pair in pairwise(_folded(text)) if " " not in pair)
    kept = {
        bare.removesuffix("s")
        for word in _WORDS.findall(text)
        if len(bare := _folded(word)) > 3 or bare.isdigit() or word[0].isupper()
    }
    return frozenset(kept)


@lru_cache(maxsize=1024)
def _lead_content(lead: str) -> frozenset[str]:
    return _content(lead)


# ------------------------------------------------------------------------------------------------------------- score


def score(
    frame: pd.DataFrame, scorers: Iterable[Scorer] | Scorer = DEFAULT, *, articles: Iterable[Article] | None = None
) -> pd.DataFrame:
    """Judge every title by rules; nothing is sent and nothing is spent.

    A scorer is a function whose arguments are named after what it wants to see: any column of the frame (`title`,
    `original_title`, `body`, `completion`, `repairs`, `prompt`, `model`, `temperature`, `cost_usd`, …), `messages` as a
    list of dicts, or `article` as an `Article`. It returns a bool (a gate), a number (a score), None (does not apply),
    either with a reason as ``(value, "why")``, or several as a dict ``{name: value, "why_<name>": "…"}``.

    An argument without a default must have a value: where the frame has <NA>, the scorer is not asked and the result is
    <NA>. An argument with a default gets the default there. Keyword-only arguments with a default are the scorer's own
    settings. A scorer is asked once for each distinct combination of its arguments, so it must be a pure function.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row per trial, at least `title`. Without `status` every row counts as answered.
    scorers : iterable of callables
        `DEFAULT` and your own: ``[*rk.scorers.DEFAULT, mine]``.
    articles : iterable of Article, optional
        Where bodies, original titles and dates come from; by default they come from the frame's `body` and
        `original_title`. Dates let the gate `numbers` reckon ages and anniversaries.

    Returns
    -------
    pandas.DataFrame
        A new frame with the same rows, order and index, and for each scorer `gate_<name>` (boolean) or `score_<name>`
        (Float64), and `why_<name>` (string) for those that give reasons. `passed` (boolean) tells whether a row has a
        title and no gate of the frame is False. Calls that were not answered are <NA> everywhere; an answer that holds
        no title has not passed.

    Raises
    ------
    FrameError
        When a scorer asks for what the frame does not have, `articles` lack one of the frame's, or two scorers share a
        name.
    RetitlekitError
        When a scorer raises (its exception is the cause) or returns something else.

    Examples
    --------
    >>> def no_question(title):
    ...     return not title.endswith("?")
    >>> def cheap(cost_usd, *, most=0.001):
    ...     return cost_usd <= most
    >>> judged = rk.score(frame, [*rk.scorers.DEFAULT, no_question, cheap])
    >>> {"gate_no_question", "gate_cheap", "score_novelty", "passed"} <= set(judged.columns)
    True
    """
    check(frame, needs=["title"])
    columns = _Columns.of(frame, articles)
    made: dict[str, NDArray[np.object_]] = {}
    if not isinstance(scorers, Iterable | Callable):
        raise FrameError(f"scorers={scorers!r}: give functions, such as [*rk.scorers.DEFAULT, mine]")
    for scorer in [scorers] if callable(scorers) else scorers:
        for name, values in _judge(scorer, columns).items():
            if name in made:
                raise FrameError(f"two scorers make `{name}`: give one of the functions another name")
            made[name] = values
    judged = typed(pd.DataFrame(made, index=frame.index))
    reasons = {name: "string" for name in made if name.startswith("why_")}
    result = frame.drop(columns=[name for name in (*made, "passed") if name in frame.columns])
    result = pd.concat([result, judged.astype(reasons)], axis=1)
    gates = [name for name in result.columns if str(name).startswith("gate_")]
    failed = result[gates].eq(False).fillna(False).any(axis=1).to_numpy(bool)
    passed = (columns["title"][0] >= 0) & ~failed
    result["passed"] = pd.arrays.BooleanArray(passed, ~columns.answered)
    return result


@dataclass(frozen=True)
class _Columns:
    """The frame as codes into distinct Python values, made as scorers ask for them; code -1 is a missing value."""

    frame: pd.DataFrame
    answered: NDArray[np.bool_]
    known: dict[str, tuple[Codes, list[Any]]]

    @classmethod
    def of(cls, frame: pd.DataFrame, articles: Iterable[Article] | None) -> _Columns:
        answered = frame["status"].eq("ok").to_numpy(bool) if "status" in frame else np.ones(len(frame), bool)
        columns = cls(frame, answered, {})
        if articles is not None:
            codes, chosen = columns._given(articles)
            columns.known["article"] = codes, chosen
            columns.known["original_title"] = _without_blank(codes, [article.title for article in chosen])
            columns.known["body"] = _without_blank(codes, [article.body for article in chosen])
        return columns

    def __contains__(self, name: str) -> bool:
        return name == "article" or name in self.known or name in self.frame.columns

    def __getitem__(self, name: str) -> tuple[Codes, list[Any]]:
        if name not in self.known:
            self.known[name] = self._own_articles() if name == "article" else self._distinct(name)
        return self.known[name]

    def _distinct(self, name: str) -> tuple[Codes, list[Any]]:
        try:
            codes, uniques = pd.factorize(self.frame[name])
            values = uniques.tolist()
            if name == "messages":
                values = [json.loads(text) for text in values]
        except (TypeError, ValueError) as problem:
            raise FrameError(f"`{name}` cannot be given to a scorer: {problem}") from problem
        codes = codes.astype(np.int64)
        if name not in ("title", "original_title", "body"):
            return codes, values
        strange = [value for value in values if not isinstance(value, str)]
        if strange:
            raise FrameError(f"`{name}` must hold text, and {strange[0]!r} is none")
        return _without_blank(codes, values)

    def _own_articles(self) -> tuple[Codes, list[Article]]:
        """An `Article` for each distinct id, original title and body of the frame."""
        texts = [name for name in ("original_title", "body") if name in self.frame]
        if not texts:
            raise FrameError(
                "scorers need the articles: the frame has neither `body` nor `original_title`; give articles="
            )
        names = ["article", *texts] if "article" in self.frame.columns else texts
        parts = {name: self._distinct(name) for name in names}
        first, inverse = _distinct_rows([codes for codes, _ in parts.values()])
        made = []
        for row in first.tolist():
            text = {name: values[codes[row]] if codes[row] >= 0 else "" for name, (codes, values) in parts.items()}
            made.append(
                Article(str(text.get("article") or row), text.get("original_title") or _NO_TITLE, text.get("body", ""))
            )
        return inverse, made

    def _given(self, articles: Iterable[Article]) -> tuple[Codes, list[Article]]:
        check(self.frame, needs=["article"])
        by_id = {article.id: article for article in articles}
        codes, ids = self._distinct("article")
        unknown = [str(name) for name in ids if name not in by_id]
        if unknown:
            shown = ", ".join(map(repr, unknown[:5])) + (" …" if len(unknown) > 5 else "")
            raise FrameError(f"articles= lacks {len(unknown)} of the frame's {len(ids)} articles: {shown}")
        return codes, [by_id[name] for name in ids]


def _without_blank(codes: Codes, texts: list[str]) -> tuple[Codes, list[str]]:
    """An empty text is a missing one."""
    blank = np.array([not text.strip() for text in texts] + [True])
    return np.where(blank[codes], -1, codes), texts


def _distinct_rows(columns: Sequence[Codes]) -> tuple[Codes, Codes]:
    """The first row of each distinct combination, and for each row the number of its combination."""
    combined, size = np.zeros(len(columns[0]), np.int64), 1
    for codes in columns:
        span = int(codes.max(initial=-1)) + 2
        if size * span > 2**62:
            combined = np.unique(combined, return_inverse=True)[1]
            size = len(combined)
        combined, size = combined * span + codes + 1, size * span
    _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
    return first, inverse


def _judge(scorer: Scorer, columns: _Columns) -> dict[str, NDArray[np.object_]]:
    """Ask one scorer about every row it applies to; the columns it makes."""
    name, defaults = _signature(scorer)
    missing = [wanted for wanted in defaults if wanted not in columns and defaults[wanted] is inspect.Parameter.empty]
    if missing:
        known = ", ".join(sorted({"article", *map(str, columns.frame.columns), *columns.known}))
        raise FrameError(f"scorer {name!r} asks for `{'`, `'.join(missing)}`, which is not there; there are {known}")
    given = {wanted: columns[wanted] for wanted in defaults if wanted in columns}
    asked = columns.answered.copy()
    for wanted, (codes, _) in given.items():
        asked &= (codes >= 0) | (defaults[wanted] is not inspect.Parameter.empty)
    rows = np.flatnonzero(asked)
    # The column with the fewest values leads, so that one article's titles come one after the other.
    leading = sorted(given.values(), key=lambda column: len(column[1]))
    first, inverse = _distinct_rows([codes[rows] for codes, _ in leading] or [np.zeros(len(rows), np.int64)])

    def spread(values: list[Any]) -> NDArray[np.object_]:
        column = np.full(len(columns.frame), None, object)
        column[rows] = np.array([*values, None], object)[:-1][inverse]
        return column

    rows_asked = rows[first].tolist()
    arguments = [
        [values[code] if code >= 0 else defaults[wanted] for code in codes[rows_asked].tolist()]
        for wanted, (codes, values) in given.items()
    ]
    results = []
    for row, *bound in zip(rows_asked, *arguments, strict=True):
        try:
            results.append(scorer(**dict(zip(given, bound, strict=True))))
        except Exception as problem:
            where = columns.frame["trial_id"].iloc[row] if "trial_id" in columns.frame else columns.frame.index[row]
            raise RetitlekitError(f"scorer {name!r} failed on trial {where}: {problem!r}") from problem
    # Where no row was judged, what the function is declared to return tells which columns there are.
    declared = str(inspect.signature(scorer).return_annotation)
    made: dict[str, NDArray[np.object_]] = {}
    for key, answers in _by_name(name, results).items():
        gate, values, reasons = _read(name, key, answers)
        gate = (key == name and "bool" in declared) if gate is None else gate
        made[f"{'gate' if gate else 'score'}_{key}"] = spread(values)
        if any(reasons) or (key == name and "str" in declared):
            made[f"why_{key}"] = spread(reasons)
    return made


def _signature(scorer: Scorer) -> tuple[str, dict[str, Any]]:
    """A scorer's name, and the arguments to bind with their defaults."""
    name = str(getattr(scorer, "__name__", getattr(getattr(scorer, "func", None), "__name__", "")))
    if not callable(scorer) or not name.isidentifier():
        raise FrameError(f"{scorer!r} is no scorer: give a function with a name (def name(title): …)")
    try:
        parameters = inspect.signature(scorer).parameters.values()
    except (TypeError, ValueError) as problem:
        raise FrameError(f"scorer {name!r} does not tell its arguments: wrap it in a function") from problem
    loose = [str(parameter) for parameter in parameters if parameter.kind.name.startswith(("VAR", "POSITIONAL_ONLY"))]
    if loose:
        raise FrameError(f"scorer {name!r} takes {', '.join(loose)}: name each argument after what it wants to see")
    settings = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is not p.empty}
    return name, {p.name: p.default for p in parameters if p.name not in settings}


def _by_name(name: str, results: list[Any]) -> dict[str, list[Any]]:
    """The results of a scorer, or those of each name that it returned in dicts, as values or (value, reason)."""
    if not any(isinstance(result, Mapping) for result in results):
        return {name: results}
    keys = dict.fromkeys(str(key) for result in results if isinstance(result, Mapping) for key in result)
    names = [key for key in keys if not key.startswith("why_")]
    wrong = [key for key in keys if not key.isidentifier() or key.removeprefix("why_") not in names]
    if wrong:
        raise RetitlekitError(f"scorer {name!r} returned the key {wrong[0]!r}: use a name, or why_ and such a name")
    if any(not isinstance(result, Mapping | None) for result in results):
        raise RetitlekitError(f"scorer {name!r} returned dicts and something else: return dicts or None")
    each = [{} if result is None else result for result in results]
    return {key: [(result.get(key), result.get(f"why_{key}")) for result in each] for key in names}


def _read(name: str, key: str, answers: list[Any]) -> tuple[bool | None, list[Any], list[str | None]]:
    """Whether answers are of a gate (None when there is no answer), the values, and the reasons."""
    pairs = [answer if type(answer) is tuple else (answer, None) for answer in answers]
    if any(len(pair) != 2 for pair in pairs):
        raise RetitlekitError(f"scorer {name!r} returned a tuple: return (value, reason)")
    kinds = {type(value) for value, _ in pairs} - {type(None), type(pd.NA)}
    gates = {kind for kind in kinds if issubclass(kind, bool | np.bool_)}
    wrong = {kind for kind in kinds - gates if not issubclass(kind, Real)} | {type(why) for _, why in pairs} - _REASONS
    values = [] if wrong else [None if value is pd.NA or value != value else value for value, _ in pairs]
    if wrong or any(value in (np.inf, -np.inf) for value in values):
        found = wrong.pop().__name__ if wrong else "infinity"
        raise RetitlekitError(f"scorer {name!r} returned {found} for `{key}`: return a bool, a number or None")
    if gates and kinds - gates:
        raise RetitlekitError(f"scorer {name!r} returned both bools and numbers for `{key}`: decide for one")
    return bool(gates) if kinds else None, values, [why for _, why in pairs]
