"""Scoring: how scorers are bound to the frame, and what is left unjudged."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit import scorers
from retitlekit.frame import typed

BODY = "Kim Jong Un arrived in Russia on Tuesday with 2 ministers.\n\nWashington warned against a deal."
TITLE = "Kim Jong Un in Russia amid US warnings"


def make(**columns: Any) -> pd.DataFrame:
    """A small run frame; a single value is repeated."""
    size = max((len(value) for value in columns.values() if isinstance(value, list)), default=1)
    defaults = {"article": "a", "original_title": TITLE, "body": BODY, "prompt": "p", "model": "m", "status": "ok"}
    defaults |= {"title": "Kim arrives in Russia", "repairs": "", "messages": '[{"role": "user", "content": "Hi"}]'}
    filled = {k: v if isinstance(v, list) else [v] * size for k, v in (defaults | columns).items()}
    return typed(pd.DataFrame(filled))


def column(scorer: Callable[..., Any], name: str, **columns: Any) -> list[Any]:
    """What one scorer puts into one column."""
    result = rk.score(make(**columns), scorer)[name]
    return [None if value is pd.NA else value for value in result.tolist()]


def test_passed_is_all_gates_that_apply() -> None:
    """One failed gate fails the title; a gate that does not apply does not."""
    titles = ["Kim arrives in Russia", "Kim arrives in Vladivostok", "金正恩抵达俄罗斯"]

    assert [True, False, True] == rk.score(make(title=titles), scorers.names)["passed"].tolist()


def test_what_failed_is_not_judged() -> None:
    """An unanswered call is <NA> everywhere; a refusal fails, and its other gates are <NA>."""
    frame = make(status=["ok", "ok", "error", "planned"], title=["Kim in Russia", None, None, None])
    frame["error_type"] = pd.array([None, "Refusal", "RateLimitError", None], dtype="string")
    result = rk.score(frame)
    judged = [name for name in result.columns if name.startswith(("gate_", "score_", "why_"))]

    assert [True, False, None, None] == [None if v is pd.NA else v for v in result["passed"]]
    assert result.loc[2:, judged].isna().all(axis=None)
    assert result.loc[1, [name for name in judged if name.startswith("score_")]].isna().all()
    assert (False, "Refusal") == (result["gate_has_title"].iloc[1], result["why_has_title"].iloc[1])


def test_frame_is_kept() -> None:
    """Rows, order, index and the other columns stay; the frame given is not changed; scoring again changes nothing."""
    frame = make(title=["b", "a", "b"]).set_index(pd.Index([7, 3, 5]))
    before = frame.copy()
    result = rk.score(frame)

    pd.testing.assert_frame_equal(before, frame)
    pd.testing.assert_frame_equal(before, result[before.columns])
    pd.testing.assert_frame_equal(result, rk.score(result))


def test_columns_do_not_depend_on_the_data() -> None:
    """An empty frame gets the same columns with the same dtypes."""
    full, empty = rk.score(make(title=["a", "b"])), rk.score(make(title=["a"]).iloc[:0])

    assert full.dtypes.drop(["article", "original_title", "body", "prompt", "model", "messages", "status"]).equals(
        empty.dtypes.drop(["article", "original_title", "body", "prompt", "model", "messages", "status"])
    )


def test_scorer_gets_what_its_arguments_name() -> None:
    """Columns, the article, parsed messages and settings arrive under their names."""
    seen = []

    def spy(
        title: str, article: rk.Article, messages: list[dict[str, str]], temperature: Any = "none", *, most: int = 9
    ) -> int:
        seen.append((title, article.id, article.body, messages[0]["content"], temperature, most))
        return 1

    rk.score(make(temperature=[0.5, None]), spy)
    common = ("Kim arrives in Russia", "a", BODY, "Hi")

    assert {(*common, 0.5, 9), (*common, "none", 9)} == set(seen)


def test_scorer_is_asked_once_for_each_combination() -> None:
    """Repeated titles are not judged again."""
    asked = []

    def spy(title: str) -> bool:
        asked.append(title)
        return title == "a"

    result = rk.score(make(title=["a", "b"] * 50), spy)

    assert ["a", "b"] == sorted(asked)
    assert [True, False] * 50 == result["gate_spy"].tolist()


def test_missing_argument_is_not_asked_for() -> None:
    """Where a needed value is <NA> the result is <NA>, not 0 and not False."""

    def cheap(cost_usd: float) -> bool:
        return cost_usd < 1

    assert [True, None] == column(cheap, "gate_cheap", cost_usd=[0.5, None])


def test_results_of_every_kind() -> None:
    """Bools, numbers, None, NaN, pairs and dicts become gates, scores and reasons."""

    def many(title: str) -> dict[str, Any]:
        return {
            "shout": title.isupper(),
            "why_shout": "capitals",
            "vowels": sum(map(title.count, "aeiou")),
            "odd": None,
        }

    def pair(title: str) -> tuple[float, str]:
        return len(title) / 2, "half"

    def nothing(title: str) -> float:
        return float("nan")

    result = rk.score(make(title="Kim"), [many, pair, nothing])

    assert [False, "capitals", 1, 1.5, "half"] == result[
        ["gate_shout", "why_shout", "score_vowels", "score_pair", "why_pair"]
    ].iloc[0].tolist()
    assert result[["score_odd", "score_nothing"]].isna().all(axis=None)


def test_setting_of_a_scorer() -> None:
    """A partial sets a scorer's own limit and keeps its name."""
    frame = make(title="Kim arrives in Russia")

    assert [False] == rk.score(frame, partial(scorers.width, em=5))["gate_width"].tolist()


def test_articles_stand_for_the_frame() -> None:
    """Given articles bring bodies, titles and dates to a frame without them."""
    frame = make(title="First time in 47 years")[["article", "title", "status"]]
    article = rk.Article("a", "Old", "The last time was 1963.", published_at="2010-09-19")

    assert [True] == rk.score(frame, scorers.numbers, articles=[article])["gate_numbers"].tolist()


def lines(title: str) -> Any:
    """A scorer whose result the test chooses."""
    return RESULTS[title]


RESULTS: dict[str, Any] = {
    "inf": float("inf"),
    "text": "x",
    "list": [1],
    "why": (True, 3),
    "key": {"a b": 1},
    "lone": {"why_x": "y"},
}
RESULTS |= {"triple": (1, 2, 3), "mixed": True}


@pytest.mark.parametrize("title", RESULTS)
def test_other_results_are_refused(title: str) -> None:
    """A result that is no bool, number or reason names the scorer."""
    RESULTS["number"] = 1.0
    with pytest.raises(rk.RetitlekitError, match="scorer 'lines' returned"):
        rk.score(make(title=[title, "number"] if title == "mixed" else title), lines)


def test_mixing_dicts_with_others_is_refused() -> None:
    """A scorer that sometimes returns a dict and sometimes a number is refused."""

    def either(title: str) -> Any:
        return {"x": 1} if title == "a" else 2

    with pytest.raises(rk.RetitlekitError, match="'either' returned dicts and something else"):
        rk.score(make(title=["a", "b"]), either)


def wants_more(titel: str) -> bool:
    """A scorer with a typing error."""
    return bool(titel)


def takes_all(*args: str) -> bool:
    """A scorer that does not say what it wants."""
    return bool(args)


@pytest.mark.parametrize(
    ("scorer", "message"),
    [
        (wants_more, "scorer 'wants_more' asks for `titel`, which is not there; there are article, body, messages"),
        (takes_all, r"scorer 'takes_all' takes \*args"),
        (lambda title: True, "is no scorer: give a function with a name"),
        ([scorers.width, scorers.width], "two scorers make `gate_width`"),
        (["width"], "'width' is no scorer"),
        (7, "scorers=7: give functions"),
    ],
)
def test_scorers_that_cannot_be_bound(scorer: Any, message: str) -> None:
    """What is wrong with a scorer is told before anything is judged."""
    with pytest.raises(rk.FrameError, match=message):
        rk.score(make(), scorer)


def broken(title: str) -> bool:
    """A scorer that cannot judge the title "b"."""
    return bool(1 / len(title.strip("b")))


def test_scorer_that_raises_on_some_titles() -> None:
    """The scorer, the article and the exception are told; the row is unknown, and everything else is kept."""
    frame = make(title=["a", "b", "b", "c"], article=["x", "y", "y", "z"]).assign(trial_id=["t1", "t2", "t3", "t4"])
    with pytest.warns(
        rk.RetitlekitWarning,
        match=r"'broken' failed on 1 of 3 titles, <NA> there; article y, trial_id t2: ZeroDivisionError",
    ):
        result = rk.score(frame, [scorers.characters, broken, scorers.one_line])

    assert [True, None, None, True] == [None if v is pd.NA else v for v in result["gate_broken"]]
    assert [True, None, None, True] == [None if v is pd.NA else v for v in result["passed"]]
    assert "ZeroDivisionError('division by zero')" == result["why_broken"].iloc[1]
    assert [1, 1, 1, 1] == result["score_characters"].tolist()
    assert result["gate_one_line"].all()


def test_failure_of_a_scorer_hides_no_failed_gate() -> None:
    """A row that failed another gate has not passed, whatever the broken scorer would have said."""
    with pytest.warns(rk.RetitlekitWarning, match="'broken' failed"):
        result = rk.score(make(title=["a", "b"]), [broken, no_b])

    assert [True, False] == result["passed"].tolist()


def no_b(title: str) -> bool:
    """No title "b"."""
    return title != "b"


def typo(title):  # type: ignore[no-untyped-def] # as a notebook has it
    """A scorer that raises whatever the title, and never says whether it is a gate."""
    raise NameError(title)


def slow(title: str) -> float:
    """A score that raises whatever the title."""
    raise TimeoutError(title)


@pytest.mark.parametrize(("scorer", "column"), [(broken, "gate_broken"), (typo, "score_typo"), (slow, "score_slow")])
def test_scorer_that_raises_on_every_title(scorer: Any, column: str) -> None:
    """Titles that were paid for are not lost to a scorer that can judge none, and none of them has passed."""
    frame = make(title=["b", "bb"], article="y").assign(trial_id=["t1", "t2"])
    with pytest.warns(rk.RetitlekitWarning, match=f"'{scorer.__name__}' failed on every title, .* trial_id t1"):
        result = rk.score(frame, [scorer, scorers.one_line])

    assert result[column].isna().all()
    assert result[f"why_{scorer.__name__}"].str.contains("Error").all()
    assert result["passed"].isna().all()
    assert result["gate_one_line"].all()


def test_unknown_gate_stays_unknown_until_it_answers(tmp_path: Path) -> None:
    """Scoring other gates later, a file between, keeps `passed` <NA>; a failed call and a gate set aside stay so."""
    frame = make(title=["a", "b", "b", None], status=["ok", "ok", "ok", "error"])
    with pytest.warns(rk.RetitlekitWarning, match="'broken' failed"):
        first = rk.score(frame, [broken, sometimes])
    first.to_parquet(tmp_path / "frame.parquet")
    again = rk.score(pd.read_parquet(tmp_path / "frame.parquet"), [scorers.one_line, no_c])
    mended = rk.score(again, mend(broken))

    def told(frame: pd.DataFrame) -> list[Any]:
        return [None if value is pd.NA else value for value in frame["passed"]]

    assert [True, None, None, None] == told(first)
    assert [True, None, None, None] == told(again)
    assert [True, False, False, None] == told(rk.score(again, no_b))
    assert [True, None, None, None] == told(rk.score(rk.score(again, no_b), mend(no_b)))
    assert [True, True, True, None] == told(mended)
    assert "why_broken" not in mended


def sometimes(title: str) -> bool | None:
    """A gate that does not apply to the title "a"."""
    return None if title == "a" else True


def no_c(title: str) -> bool:
    """No title "c"."""
    return title != "c"


def mend(scorer: Any) -> Any:
    """A scorer of the same name that says yes."""

    def mended(title: str) -> bool:
        return True

    mended.__name__ = scorer.__name__
    return mended


def test_gate_that_could_not_judge_says_why() -> None:
    """None with a reason leaves `passed` open; None alone does not apply."""

    def shy(title: str) -> tuple[bool | None, str | None]:
        return None, None if title == "a" else "the register did not answer"

    assert [True, None] == [None if v is pd.NA else v for v in rk.score(make(title=["a", "b"]), shy)["passed"]]


def test_scoring_again_replaces_all_that_a_scorer_made() -> None:
    """A gate that becomes a score, or gives no reason any more, leaves nothing stale behind."""

    def judged(title: str) -> Any:
        return (False, "old") if ROUND else 7

    ROUND.append(1)
    first = rk.score(make(title="a"), judged)
    ROUND.clear()
    second = rk.score(first, judged)

    assert {"gate_judged", "why_judged"} <= set(first.columns)
    assert [True] == second["passed"].tolist()
    assert not {"gate_judged", "why_judged"} & set(second.columns)


ROUND: list[int] = []


class Shape(TypedDict):
    """What `shape` tells."""

    upper: bool
    why_upper: str | None
    vowels: int


def shape(title: str) -> Shape | None:
    """A scorer that declares what it makes."""
    return (
        Shape(upper=title.isupper(), why_upper="letters", vowels=sum(map(title.count, "aeiou")))
        if title != "x"
        else None
    )


def test_declared_results_make_columns_without_rows() -> None:
    """A TypedDict as return type tells the columns of an empty frame, and of titles that it does not apply to."""
    names = ["gate_upper", "why_upper", "score_vowels"]

    assert names == rk.score(make(title=["a"]).iloc[:0], shape).columns[-4:-1].tolist()
    assert rk.score(make(title=["x"]), shape)[names].isna().all(axis=None)
    assert [False, "letters", 1] == rk.score(make(title=["a"]), shape)[names].iloc[0].tolist()


def test_repeats_are_seen_together() -> None:
    """`repeat_titles` are the answered titles of one article, prompt, model and temperature, failures left out."""
    frame = make(
        title=["a", "b", None, "c", "c"],
        temperature=[0.7, 0.7, 0.7, 0.0, 0.0],
        status=["ok", "ok", "error", "ok", "ok"],
        repeat=[1, 2, 3, 1, 2],
    )
    result = rk.score(frame, [scorers.distinct, scorers.spread])

    assert [1, 1, None, 0.5, 0.5] == [None if v is pd.NA else v for v in result["score_distinct"]]
    assert [1, 1, None, 0, 0] == [None if v is pd.NA else v for v in result["score_spread"]]


@pytest.mark.parametrize(
    ("frame", "given", "message"),
    [
        (pd.DataFrame({"article": ["a"]}), None, r"no `title` \(written by run\(\)\)"),
        (make()[["article", "title"]], None, "neither `body` nor `original_title`; give articles="),
        (make(), [rk.Article("b", "B")], "articles= lacks 1 of the frame's 1 articles: 'a'"),
        (make(messages="{not JSON"), None, "`messages` cannot be given to a scorer"),
        (pd.DataFrame({"title": [3]}), None, "`title` must hold text, and 3 is none"),
        ([], None, "expected a pandas DataFrame"),
    ],
)
def test_frames_that_cannot_be_scored(frame: Any, given: list[rk.Article] | None, message: str) -> None:
    """What is missing from a frame is told, with who brings it."""

    def reads_messages(messages: Any = None) -> None:
        return None

    with pytest.raises(rk.FrameError, match=message):
        rk.score(frame, [scorers.names, reads_messages], articles=given)


@given(title=st.text(max_size=80), original=st.text(max_size=80), body=st.text(max_size=200))
@settings(max_examples=60, deadline=None)
def test_any_text_is_scored(title: str, original: str, body: str) -> None:
    """No title, original or body makes the default scorers raise; shares stay between 0 and 1."""
    result = rk.score(make(title=title, original_title=original, body=body))
    shares = result[["score_novelty", "score_lead_coverage"]].stack().dropna()

    assert shares.between(0, 1).all()
    assert title.strip() or not result["gate_has_title"].iloc[0]  # nor does "NA" pass


def test_messages_are_parsed_from_what_plan_writes() -> None:
    """A category of JSON texts arrives as lists of dicts."""
    messages = json.dumps([{"role": "system", "content": "é"}])

    def first_role(messages: list[dict[str, str]]) -> bool:
        return messages[0] == {"role": "system", "content": "é"}

    assert [True] == column(first_role, "gate_first_role", messages=messages)
