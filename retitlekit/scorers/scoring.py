"""Scoring: scorers are bound to the frame's columns by the names of their arguments, and fill gates and scores.

Adding a scorer is passing one: ``rk.score(frame, scorers=[*rk.scorers.DEFAULT, mine])``. What could not be judged is
<NA>, never 0.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple, get_args, get_type_hints, is_typeddict
from warnings import warn

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retitlekit.articles import Article
from retitlekit.errors import FrameError, RetitlekitError, RetitlekitWarning
from retitlekit.frame import check, typed
from retitlekit.scorers import DEFAULT, Scorer
from retitlekit.scorers.gates import NO_TITLE

Codes = NDArray[np.int64]
_REASONS = {str, type(None)}
_REPEATED = ("article", "original_title", "messages", "prompt", "prompt_sha", "model", "temperature", "params")


def score(
    frame: pd.DataFrame, scorers: Iterable[Scorer] | Scorer = DEFAULT, *, articles: Iterable[Article] | None = None
) -> pd.DataFrame:
    """Judge every title by rules; nothing is sent and nothing is spent.

    A scorer is a function whose arguments are named after what it wants to see: any column of the frame (`title`,
    `original_title`, `body`, `completion`, `repairs`, `prompt`, `model`, `temperature`, `cost_usd`, …), `messages` as a
    list of dicts, `article` as an `Article`, or `repeat_titles` as the list of titles that the repeats of one trial
    brought. It returns a bool (a gate), a number (a score), None (does not apply), either with a reason as
    ``(value, "why")``, or several as a dict ``{name: value, "why_<name>": "…"}``; a `TypedDict` as its return type
    tells beforehand which. None with a reason means that it could not be judged.

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
        (Float64), and `why_<name>` (string) for those that give reasons; they replace what a scorer of that name made
        before. `passed` (boolean) is worked out from all gates and scores of the frame, those of earlier calls too:
        False where a gate is False or an answer holds no title; <NA> where a gate or a score is <NA> and `why_<name>`
        says why it could not be judged, and where the call was not answered; else True. What is <NA> without a reason
        does not apply.

    Raises
    ------
    FrameError
        When a scorer asks for what the frame does not have, `articles` lack one of the frame's, or two scorers share a
        name.
    RetitlekitError
        When a scorer returns something else.

    Warns
    -----
    RetitlekitWarning
        When a scorer raises, be it for one title or for all: the warning names the scorer, the article and the
        exception, the rows are <NA> there and in `passed`, so that nobody takes such a title for a good one, and
        `why_<name>` has the exception. Nothing else is lost: the titles may have been paid for.

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
    asked: set[str] = set()
    if isinstance(scorers, str) or not isinstance(scorers, Iterable | Callable):
        raise FrameError(f"scorers={scorers!r}: give functions, such as [*rk.scorers.DEFAULT, mine]")
    for scorer in [scorers] if callable(scorers) else scorers:
        own, judgement = _judge(scorer, columns)
        asked |= {own, *(name.partition("_")[2] for name in judgement)}
        for name, values in judgement.items():
            if name in made:
                raise FrameError(f"two scorers make `{name}`: give one of the functions another name")
            made[name] = values
    judged = typed(pd.DataFrame(made, index=frame.index))
    reasons = {name: "string" for name in made if name.startswith("why_")}
    old = {"passed", *(f"{kind}_{name}" for name in asked for kind in ("gate", "score", "why"))}
    result = frame.drop(columns=[name for name in frame.columns if name in old])
    result = pd.concat([result, judged.astype(reasons)], axis=1)
    failed, unknown = np.zeros((2, len(frame)), bool)
    for kind, _, name in (str(column).partition("_") for column in result.columns):
        if kind == "gate":
            failed |= result[f"gate_{name}"].eq(False).fillna(False).to_numpy(bool)
        if kind in ("gate", "score") and f"why_{name}" in result:
            unknown |= (result[f"{kind}_{name}"].isna() & result[f"why_{name}"].notna()).to_numpy(bool)
    passed = (columns["title"][0] >= 0) & ~failed
    result["passed"] = pd.arrays.BooleanArray(passed, ~columns.answered | (unknown & passed))
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
        return name in ("article", "repeat_titles") or name in self.known or name in self.frame.columns

    def __getitem__(self, name: str) -> tuple[Codes, list[Any]]:
        if name not in self.known:
            if name == "article":
                self.known[name] = self._own_articles()
            else:
                self.known[name] = self._repeat_titles() if name == "repeat_titles" else self._distinct(name)
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
                Article(str(text.get("article") or row), text.get("original_title") or NO_TITLE, text.get("body", ""))
            )
        return inverse, made

    def _repeat_titles(self) -> tuple[Codes, list[list[str]]]:
        """For each trial the titles that its repeats brought, in the order of the frame."""
        parts = [self._distinct(name)[0] for name in _REPEATED if name in self.frame]
        if not parts:
            raise FrameError(f"repeats are told by {', '.join(map(repr, _REPEATED))}: the frame has none of them")
        first, inverse = _distinct_rows(parts)
        titles: list[list[str]] = [[] for _ in first]
        codes, values = self["title"]
        for row in np.flatnonzero(self.answered & (codes >= 0)).tolist():
            titles[inverse[row]].append(values[codes[row]])
        return inverse, titles

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


def _judge(scorer: Scorer, columns: _Columns) -> tuple[str, dict[str, NDArray[np.object_]]]:
    """Ask one scorer about every row it applies to; its name, and the columns it makes."""
    name, defaults = _signature(scorer)
    missing = [wanted for wanted in defaults if wanted not in columns and defaults[wanted] is inspect.Parameter.empty]
    if missing:
        known = ", ".join(sorted({"article", "repeat_titles", *map(str, columns.frame.columns), *columns.known}))
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
    results: list[Any] = []
    failures: dict[int, Exception] = {}
    for bound in zip(*arguments, strict=True) if arguments else [()] * len(rows_asked):
        try:
            results.append(scorer(**dict(zip(given, bound, strict=True))))
        except FrameError:  # a setting that is wrong, told by the scorer itself
            raise
        except Exception as problem:  # noqa: BLE001, whatever a user's function raises must not take the others with it
            failures[len(results)] = problem
            results.append(None)
    if failures:
        _tell(name, failures, columns, rows_asked)
    made = _columns_of(scorer, name, results, failures)
    return name, {column: spread(values) for column, values in made.items()}


def _tell(name: str, failures: dict[int, Exception], columns: _Columns, rows_asked: list[int]) -> None:
    """Warn of the titles on which a scorer failed."""
    place, problem = next(iter(failures.items()))
    row = columns.frame.iloc[rows_asked[place]]
    where = ", ".join(f"{key} {row[key]}" for key in ("article", "trial_id") if key in row) or f"row {row.name}"
    few = len(failures) < len(rows_asked)
    share = f"{len(failures)} of {len(rows_asked)} titles" if few else "every title"
    warn(
        f"scorer {name!r} failed on {share}, <NA> there; {where}: {problem!r}",
        RetitlekitWarning,
        stacklevel=4,
    )


def _columns_of(scorer: Scorer, name: str, results: list[Any], failures: dict[int, Exception]) -> dict[str, list[Any]]:
    """The values of each column that the results make; what the function declares tells those of no row."""
    declared = _declared(scorer, name)
    by_name = _by_name(name, results)
    made: dict[str, list[Any]] = {}
    for key in dict.fromkeys([*declared.kinds, *(key for key in by_name if not (declared.kinds and key == name))]):
        answers = by_name.get(key, [None] * len(results))
        gate, values, reasons = _read(name, key, answers)
        gate = declared.kinds.get(key) is bool if gate is None else gate
        reasons = [repr(failures[n]) if n in failures else why for n, why in enumerate(reasons)]
        made[f"{'gate' if gate else 'score'}_{key}"] = values
        if any(reasons) or key in declared.reasoned:
            made[f"why_{key}"] = reasons
    return made


class _Declared(NamedTuple):
    """What a scorer's return type says: the kind of each name, and the names that have reasons."""

    kinds: dict[str, type]
    reasoned: frozenset[str]


def _declared(scorer: Scorer, name: str) -> _Declared:
    told = getattr(scorer, "__annotations__", {}).get("return")
    with suppress(NameError, TypeError):  # a type that cannot be found from here: its words must do
        told = get_type_hints(getattr(scorer, "func", scorer)).get("return", told)
    kept = [arg for arg in (told, *get_args(told)) if is_typeddict(arg)]
    if kept:
        kinds = {key: kind for key, kind in get_type_hints(kept[0]).items() if not key.startswith("why_")}
        return _Declared(kinds, frozenset(key for key in kinds if f"why_{key}" in get_type_hints(kept[0])))
    words = str(told)
    if "Mapping" in words or "dict" in words:
        return _Declared({}, frozenset())
    return _Declared({name: bool if "bool" in words else float}, frozenset([name] if "str" in words else ()))


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
