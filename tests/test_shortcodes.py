"""Shortcodes: what is a call, what is a mistake, what is only text in brackets."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.pages.shortcodes import MOST_CALLS, MOST_PROBLEMS, PROBLEMS
from retitlekit.pages.variables import fill, read_defaults, spin

SEED = "[gpt3] Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms [/gpt4]"


def test_the_title_that_began_it() -> None:
    """A call opened as gpt3 and closed as gpt4 is reported with its place and repair, and repaired becomes one call."""
    (problem,) = rk.find_shortcodes(SEED).problems
    repaired = rk.find_shortcodes(SEED, repair=True)

    assert ("mismatched", 1, 84, "[/gpt4]", "[/gpt3]") == (
        problem.code,
        problem.line,
        problem.column,
        problem.text,
        problem.repair,
    )
    assert () == rk.find_shortcodes(SEED).calls
    assert ["Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms"] == [
        call.prompt for call in repaired.calls
    ]
    assert ((), (problem,)) == (repaired.problems, repaired.repairs)


@pytest.mark.parametrize(
    ("text", "code", "place", "repaired"),
    [
        ("[gpt]x", "unclosed", (1, 1), "[gpt]x[/gpt]"),
        ("[gpt]x\n\nA paragraph.", "unclosed", (1, 1), "[gpt]x[/gpt]\n\nA paragraph."),
        ("Title\nx[/gpt]", "unopened", (2, 2), "Title\nx"),
        ("a [gpt] [/gpt] b", "empty", (1, 3), "a  b"),
        ("[gpt]a[gpt3]b[/gpt]c[/gpt3]", "crossed", (1, 7), "[gpt]a[gpt3]b[/gpt3][/gpt]c"),
        ("[gpt]a[gpt3]b[/gpt]", "unclosed", (1, 7), "[gpt]a[gpt3]b[/gpt3][/gpt]"),
        ("[gpt]a[gpt]b[/gpt]c[/gpt]", "nested", (1, 7), "[gpt]a[gpt3]b[/gpt3]c[/gpt]"),
        ("[gpt3]a[/gpt4] [gpt3]b[/gpt3]", "mismatched", (1, 8), "[gpt3]a[/gpt3] [gpt3]b[/gpt3]"),
        ("[gpt3]a[/gpt4]b[/gpt3]", "unopened", (1, 8), "[gpt3]ab[/gpt3]"),
        ("[gtp3]x[/gtp3]", "unknown", (1, 1), "[gpt3]x[/gpt3]"),
        ("[foo]x[/foo]", "unknown", (1, 1), None),
        ("[gpt]x [original_titel][/gpt]", "unknown", (1, 8), "[gpt]x [original_title][/gpt]"),
        ("[gpt]x %%post_titel%%[/gpt]", "unknown", (1, 8), "[gpt]x %%post_title%%[/gpt]"),
        ("[gpt]x [title][/gpt]", "unknown", (1, 8), "[gpt]x [original_title][/gpt]"),
        ("[ gpt3 ]x[/gpt3]", "malformed", (1, 1), "[gpt3]x[/gpt3]"),
        ("[GPT3]x[/GPT3]", "malformed", (1, 1), "[gpt3]x[/gpt3]"),
        ("[gpt3 Rewrite: x [/gpt3]", "malformed", (1, 1), "[gpt3] Rewrite: x [/gpt3]"),
        ("[gpt3]x[/gpt3", "malformed", (1, 8), "[gpt3]x[/gpt3]"),
        ("[gpt hot]x[/gpt]", "malformed", (1, 1), "[gpt]x[/gpt]"),
        ("[gpt temperatur=1]x[/gpt]", "attribute", (1, 1), None),
        ("[gpt temperature=9]x[/gpt]", "attribute", (1, 1), None),
        ('[aicontent type="image"]x[/aicontent]', "attribute", (1, 1), None),
    ],
)
def test_mistakes(text: str, code: str, place: tuple[int, int], repaired: str | None) -> None:
    """Each wrong tag is a problem with line and column, and the repair makes a text without problems."""
    first = rk.find_shortcodes(text).problems[0]
    mended = rk.find_shortcodes(text, repair=True)

    assert (code, place) == (first.code, (first.line, first.column))
    assert text[first.start : first.end] == first.text
    if repaired is None:
        assert mended.problems
    else:
        assert (repaired, ()) == (mended.text, mended.problems)


@pytest.mark.parametrize(
    "text",
    [
        "Minister resigns [video]",
        "He said it was “a [sic] mistake” [1] [Update] [UPDATED] [PDF] [2009] [D] [R] [Link] [link]",
        "OpenAI releases [GPT-5], says [Mr. X]; [he] [got] [gut] [claude] [Gemini]",
        "[b]bold[/b] [caption id='7' width='300']A bridge[/caption] [gallery ids='1,2'] [/s] [/rant]",
        "[[gpt]] is a tag of a plugin, [[original_title]] a variable",
        "50% of 20%, 100%% sure, %d items and {a} brace",
        "array[i] = b[j]; [a, b] [x=1] [Photo: A. Name]",
    ],
)
def test_brackets_of_people(text: str) -> None:
    """What people write in brackets is text: no call, no problem, no variable."""
    found = rk.find_shortcodes(text)

    assert ((), (), ()) == (found.calls, found.problems, found.variables)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ("[gpt]x[/gpt]", {}),
        ("[gpt4]x[/gpt4]", {}),
        ("[gpt:gpt-4o t=0.7]x[/gpt]", {"model": "gpt-4o", "temperature": 0.7}),
        (
            "[gpt model=gpt-4o temperature=1 max_tokens=60]x[/gpt]",
            {"model": "gpt-4o", "temperature": 1, "max_tokens": 60},
        ),
        ('[openai_gpt model="gpt-4o"]x[/openai_gpt]', {"model": "gpt-4o"}),
        ("[openai-gpt]x[/openai-gpt]", {}),
        ('[aicontent type="text" model="gpt-4o-mini"]x[/aicontent]', {"model": "gpt-4o-mini"}),
        ("[gpt model=“gpt-4o”]x[/gpt]", {"model": "gpt-4o"}),
        ("[claude]x[/claude]", {}),
    ],
)
def test_forms_of_the_vendors(text: str, params: dict[str, object]) -> None:
    """The vendors' forms and our own are one call each, with their settings."""
    (call,) = rk.find_shortcodes(text).check().calls

    assert (params, "x", 0, len(text)) == (call.params, call.prompt, call.start, call.end)


def test_nested_calls_have_a_plan() -> None:
    """A call inside another is made first."""
    found = rk.find_shortcodes(
        "[gpt]Title: [gpt3]facts of [matched_content][/gpt3] and [gpt4]mood[/gpt4][/gpt]"
    ).check()

    assert ["gpt3", "gpt4", "gpt"] == [step.name for step in found.plan()]
    assert ("matched_content",) == found.variables


def test_an_error_lists_every_problem() -> None:
    """`check` raises one error with line and column of each."""
    with pytest.raises(rk.ShortcodeError, match=r"line 1, column 1: .*\nline 2, column 8: "):
        rk.find_shortcodes("[foo]x[/foo]\n[gpt]ab[/gpt4]").check()


def test_substitution_is_one_pass() -> None:
    """What an article says is never read for variables or calls; what is missing is named at once."""
    hostile = "[gpt]x[/gpt] [matched_content] %%post_title%% {a|b}"

    assert f"{hostile}: {hostile}" == fill("[original_title]: %post_title%", {"title": hostile, "body": "never"})
    assert "[original_title]" == fill("[[original_title]]", {})[1:-1]
    assert "Not Available" == fill("[author]", {}, defaults="author|Not Available\nkeyword|none")
    with pytest.raises(rk.ShortcodeError, match="author, og_img"):
        fill("[author] [og_img] [source_domain]", {"source": "a.example"})


def test_defaults() -> None:
    """The vendor's lines are read; a mapping stays."""
    assert {"a": "b|c"} == read_defaults("a|b|c\n\nno bar\n")
    assert {"a": "b"} == read_defaults({"a": "b"})


def test_choices_are_variants() -> None:
    """Spintax gives every reading, in order, each once, and refuses too many."""
    assert ("a x", "a y", "b x", "b y") == spin("{a|b} {x|y}")
    assert ("very calm", "short", "quite calm") == spin("{{very|quite} calm|short}")
    assert ("{a} {{ title }}",) == spin("{a} {{ title }}")
    with pytest.raises(rk.ShortcodeError, match="more than 64"):
        spin("{a|b}" * 7)
    with pytest.raises(rk.ShortcodeError, match="nested too deep"):
        spin("{a|" * 20 + "b" + "}" * 20)


TAGS = (
    "[gpt] [/gpt] [gpt3] [/gpt3] [/gpt4] [GPT3] [gpt [/gpt x [[ ]] [original_titel] [gpt_t=1] [aicontent] [claude] "
    "%%post_titel%% [/claude]"
).split()
SOUP = st.text(st.sampled_from("[]/ \n=\"'%{}|gpt34abo_ti:.\0\ufeff\udcff"), max_size=400) | st.lists(
    st.sampled_from([*TAGS, "\n\n", "[ gpt ]", "[gpt t=1]", "[gpt t=x]"]), max_size=40
).map("".join)


@settings(max_examples=300, deadline=None)
@given(SOUP)
def test_soup(text: str) -> None:
    """Of any soup of brackets each problem has its own place, and what is repaired has no repairable problem left."""
    found = rk.find_shortcodes(text)
    mended = rk.find_shortcodes(text, repair=True)

    for problem in found.problems:
        line = text.split("\n")[problem.line - 1]
        assert problem.code in PROBLEMS
        assert text[problem.start : problem.end] == problem.text
        assert line[problem.column - 1 :].startswith(problem.text.split("\n")[0])
    assert all(text[call.start] == "[" and text[call.end - 1] == "]" for call in found.calls)
    assert found.problems or mended.text == text


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    """Invalid UTF-8, NUL and byte order marks are read like any text."""
    for text in (raw.decode("utf-8", "surrogateescape"), raw.decode("latin-1")):
        rk.find_shortcodes(text, repair=True)


@pytest.mark.parametrize(
    "piece", ["[gpt]", "[gpt]x[/gpt]", "[a_b]", "[/gpt]", "[gpt3", "[gpt a=1]", "{", "[", "%%a_b%%"]
)
def test_there_is_an_end_to_it(piece: str) -> None:
    """An attack of a hundred thousand tags is given up, and says so, or is no finding at all."""
    found = rk.find_shortcodes(piece * 100_000)

    assert len(found.calls) <= MOST_CALLS
    assert len(found.problems) <= 3 * MOST_PROBLEMS
