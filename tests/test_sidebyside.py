"""Titles side by side: what is shown, in HTML and in a terminal, and that nothing hostile gets through."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retitlekit.errors import FrameError
from retitlekit.frame import PLAN_COLUMNS, typed
from retitlekit.html import visible
from retitlekit.sheet import Sheet
from retitlekit.sheet.sidebyside import Comparison

from .test_html import PAYLOADS, Page

ALLOWED: dict[str, set[str]] = {
    "div": {"class", "dir", "lang", "tabindex", "role", "aria-label", "data-lm-suppress-shortcuts"},
    "p": {"class"},
    "th": {"scope", "dir"},
    "li": {"dir", "lang"},
    **{tag: {"class", "dir"} for tag in ("em", "strong", "b", "small", "span")},
    **{tag: set() for tag in ("style", "table", "thead", "tbody", "tr", "td", "ul", "br", "ins", "del")},
}
KIM = "Kim in Russia for talks with Putin"
POPE = "Pope names new bishops"


def trial(**values: Any) -> dict[str, Any]:
    """One trial that was answered, unless told otherwise."""
    usual = {
        "article": "kim", "original_title": KIM, "prompt": "plain", "prompt_sha": "0" * 12, "model": "baseline/prefix",
        "temperature": None, "params": "{}", "repeat": 1, "status": "ok", "title": "Kim in Moscow for talks",
        "error_type": None, "error": None,
    }  # fmt: skip
    return {**usual, **values}


def frame_of(*trials: dict[str, Any]) -> pd.DataFrame:
    return typed(pd.DataFrame(list(trials)))


def sweep(articles: int = 3, prompts: int = 2, repeats: int = 1, **values: Any) -> pd.DataFrame:
    return frame_of(
        *(
            trial(
                article=f"a{a}", original_title=f"Title {a}", prompt=f"p{p}", repeat=r, title=f"New {a} {p}", **values
            )
            for p in range(prompts)
            for a in range(articles)
            for r in range(1, repeats + 1)
        )
    )


def compare(frame: pd.DataFrame, *, rows: str = "article", columns: Any = (), limit: int = 50) -> Comparison:
    return Comparison(Sheet(frame, rows, tuple([columns] if isinstance(columns, str) else columns)), limit)


def cells(comparison: Comparison) -> list[list[str]]:
    """The inside of every cell of the table, row by row."""
    body = comparison._repr_html_().partition("<tbody>")[2]
    return [re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row) for row in re.findall(r"<tr>(.*?)</tr>", body)]


# ---- what is shown


def test_words_that_changed_are_marked() -> None:
    """Deleted and added words are marked by elements, with a space between the two."""
    (row,) = cells(compare(frame_of(trial())))

    assert f"{KIM}<div><small>kim</small></div>" == row[0]
    assert (
        '<div dir="auto">Kim in <del>Russia</del>\u2009<ins>Moscow</ins> for talks <del>with Putin</del></div>'
        == row[1]
    )


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("talks", "ruling"),
        ("a b", "a  c d"),
        ("日本の首相が辞任", "日本の首相が来週辞任へ"),
        ("", "all new"),
        ("رئيس الوزراء", "رئيس لبنان"),
        ("one two three", "three two one"),
    ],
)
def test_marks_never_touch_and_lose_nothing(before: str, after: str) -> None:
    """Whatever the change, two marks have a space between them, and unmarked and added words make the new title."""
    ((_, cell),) = cells(compare(frame_of(trial(original_title=before, title=after))))
    new = "".join(re.sub(r"<del>.*?</del>", "", cell))

    assert not re.search(r"</(?:ins|del)><(?:ins|del)>", cell)
    assert after.split() == Page(new).text.replace("\u2009", "").split()


def test_repeats_are_shown_once_with_their_count() -> None:
    """Equal repeats are one title with a count, the most frequent first; a single one has no count."""
    titles = ["Kim in Moscow", "Kim visits", "Kim visits"]
    ((_, cell),) = cells(compare(frame_of(*(trial(repeat=n, title=title) for n, title in enumerate(titles, 1)))))
    blocks = re.findall(r"<li[^>]*>(.*?)</li>", cell)

    assert ["×2", None] == [(re.search(r"×\d+", block) or [None])[0] for block in blocks]
    assert "visits" in blocks[0]


def test_unchanged_title_is_dimmed() -> None:
    """A title equal to the original says so instead of repeating it."""
    ((_, cell),) = cells(compare(frame_of(trial(title=KIM))))

    assert '<div dir="auto"><em class="rk-dim">= same</em></div>' == cell


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"status": "error", "error_type": "RateLimitError", "error": "429: slow down"},
            "⚠ RateLimitError 429: slow down",
        ),
        ({"error_type": "EmptyCompletion"}, "⚠ EmptyCompletion no title in the answer: blank,"),
        ({"error_type": "Novel"}, "⚠ Novel"),
        ({}, "⚠ no title"),
        ({"status": "planned"}, "planned, not sent yet"),
        ({"status": "cancelled"}, "cancelled before an answer came"),
        ({"status": "skipped_budget"}, "not sent: the budget was spent"),
    ],
)
def test_trial_without_a_title_shows_why(values: dict[str, Any], expected: str) -> None:
    """An error, a refusal and a trial that was not sent each have their reason in the cell, and in the terminal."""
    comparison = compare(frame_of(trial(title=None, **values)))
    ((_, cell),) = cells(comparison)

    assert Page(cell).text.startswith(expected)
    assert expected.split()[-1] in str(comparison)


def test_failed_gates_are_named_with_their_reason() -> None:
    """A gate that failed stands below the title with its reason; one that passed or was not scored does not."""
    gates = {
        "gate_numbers": False,
        "why_numbers": "1,200 is not in the article",
        "gate_length": True,
        "gate_leak": None,
    }
    comparison = compare(frame_of(trial(**gates)))
    ((_, cell),) = cells(comparison)

    assert '<br><small><b class="rk-bad">✗ numbers</b> 1,200 is not in the article</small>' in cell
    assert "✗ numbers" in str(comparison)
    assert 1 == cell.count("✗")


def test_long_reason_is_cut() -> None:
    """A provider's page-long message does not fill the table."""
    ((_, cell),) = cells(compare(frame_of(trial(title=None, status="error", error_type="E", error="x " * 5000))))

    assert len(cell) < 300
    assert cell.endswith("…</div>")


def test_heads_name_what_varies_and_the_line_above_what_does_not() -> None:
    """Only columns that vary are in the heads; the others are said once. Pass rate, seconds and cost are summed up."""
    known = {"model": "openai/x", "latency_s": 1.25, "cost_usd": 0.001}
    frame = frame_of(
        trial(temperature=0.0, passed=True, **known),
        trial(temperature=0.7, passed=False, **known),
        trial(temperature=0.7, passed=True, repeat=2, **known),
        trial(temperature=None, passed=None, **known),
    )
    comparison = compare(frame)
    heads = re.findall(r"<th scope=\"col\"[^>]*>(.*?)</th>", comparison._repr_html_())

    assert ("temperature",) == comparison.sheet.columns
    assert "1 article, 3 variants · plain · openai/x · added" in Page(comparison._repr_html_()).text
    assert [
        "original title",
        "T 0<div><small>100 % pass · 1.2 s · $0.0010</small></div>",
        "T 0.7<div><small>50 % pass · 1.2 s · $0.0020</small></div>",
        "T default<div><small>1.2 s · $0.0010</small></div>",
    ] == heads


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([{}, {"prompt": "b"}], ("prompt",)),
        ([{}, {"model": "b", "temperature": 1.0}], ("model", "temperature")),
        ([{}, {}], ("prompt",)),
        ([{}, {"prompt_sha": "1" * 12}], ("prompt_sha",)),
        ([{}, {"prompt": "b", "prompt_sha": "1" * 12}], ("prompt",)),
        ([{}, {"params": '{"max_tokens": 9}'}], ("params",)),
    ],
)
def test_columns_are_those_that_tell_variants_apart(changes: list[dict[str, Any]], expected: tuple[str, ...]) -> None:
    """Left out, `columns` are what varies; a prompt edited under one name is a variant of its own."""
    assert expected == compare(frame_of(*(trial(**change) for change in changes))).sheet.columns


def test_any_column_can_make_the_rows() -> None:
    """A row for each prompt, a column for each article: every title is marked against its own original."""
    frame = frame_of(
        trial(title=KIM), trial(article="pope", original_title=POPE, title=POPE), trial(prompt="b", title=KIM)
    )
    comparison = compare(frame, rows="prompt", columns="article")

    assert [["plain", "= same", "= same"], ["b", "= same", "–"]] == [
        [Page(cell).text for cell in row] for row in cells(comparison)
    ]


def test_language_is_told_when_known() -> None:
    """A column `language` becomes the language of the title, if it is a language tag at all."""
    frame = frame_of(trial(title="A", language="pt-BR"), trial(prompt="b", title="B", language='de" onclick="x'))
    markup = compare(frame)._repr_html_()

    assert 1 == markup.count(' lang="pt-BR"') == markup.count(" lang=")


# ---- how much is shown


def test_limit_and_what_is_left_out() -> None:
    """`limit` rows are shown, and a line tells how many more there are."""
    comparison = compare(sweep(articles=60), limit=7)

    assert 7 == len(cells(comparison))
    assert "53 more articles not shown" in comparison._repr_html_()
    assert "more" not in compare(sweep(articles=7), limit=7)._repr_html_()


def test_huge_frame_stays_light() -> None:
    """A hundred variants of a thousand articles make a page of bounded size, in the notebook and in the terminal."""
    comparison = compare(sweep(articles=1000, prompts=100))

    assert len(comparison._repr_html_()) < 400_000
    assert "950 more articles and 70 more variants not shown" in comparison._repr_html_()
    assert len(str(comparison).splitlines()) < 120


def test_nothing_to_compare() -> None:
    """A frame that was filtered down to nothing says so, and its wide frame is empty."""
    comparison = compare(sweep().iloc[:0])

    assert "Nothing to compare" in str(comparison)
    assert "Nothing to compare" in comparison._repr_html_()
    assert 0 == len(comparison.sheet.to_frame())


def test_planned_frame() -> None:
    """A frame with little more than its plan can be compared; an unknown status is no reason to fail."""
    planned = sweep().drop(columns=["status", "error_type", "error"]).assign(title=pd.NA)

    assert "⚠ no title" in str(compare(planned))
    assert set(PLAN_COLUMNS) - set(planned.columns)


# ---- the wide frame


def test_wide_frame() -> None:
    """One row for each article and repeat, one column for each variant, named as in the table."""
    wide = compare(sweep(articles=2, repeats=2)).sheet.to_frame()

    assert ["original_title", "p0", "p1"] == list(wide.columns)
    assert [("a0", 1), ("a0", 2), ("a1", 1), ("a1", 2)] == list(wide.index)
    assert {"string"} == {str(dtype) for dtype in wide.dtypes}
    assert ["Title 1", "New 1 0", "New 1 1"] == wide.loc[("a1", 2)].tolist()


def test_wide_frame_without_repeats_and_with_holes() -> None:
    """Without repeats the index is the article alone; a trial that is not there is <NA>."""
    wide = compare(sweep(articles=2).iloc[:3]).sheet.to_frame()

    assert ["a0", "a1"] == list(wide.index)
    assert "article" == wide.index.name
    assert wide["p1"].isna().tolist() == [False, True]


def test_wide_frame_of_other_rows() -> None:
    """What else varies becomes a level of the index."""
    wide = compare(sweep(articles=2), rows="prompt", columns="model").sheet.to_frame()

    assert ["prompt", "article"] == list(wide.index.names)
    assert ["baseline/prefix"] == list(wide.columns)


def test_wide_frame_refuses_two_trials_in_one_place() -> None:
    """Two runs in one frame are not silently folded into one."""
    with pytest.raises(FrameError, match=r"two trials of article 'a0' claim the column 'p0'"):
        compare(pd.concat([sweep(), sweep()])).sheet.to_frame()


def test_totals() -> None:
    """Over each variant the share that passes, the median latency and the whole cost, of what is known of it."""
    frame = frame_of(
        trial(passed=True, latency_s=1.0, cost_usd=0.01),
        trial(passed=False, latency_s=9.0, cost_usd=0.02, repeat=2),
        trial(passed=True, latency_s=3.0, cost_usd=None, repeat=3),
        trial(passed=None, latency_s=None, cost_usd=None, prompt="silent"),
        trial(passed=False, latency_s=2.0, cost_usd=0.0, prompt="free"),
        trial(passed=False, latency_s=4.0, cost_usd=0.0, prompt="free", repeat=2),
    )

    assert ["67 % pass · 3 s · $0.0300", "", "0 % pass · 3 s · $0"] == Sheet(frame).totals


def test_rows_may_be_original_titles() -> None:
    """Any column makes the rows, that of the original titles too."""
    assert [(KIM, "")] == Sheet(frame_of(trial()), rows="original_title").labels([0])


# ---- in a terminal


def columns_of(line: str) -> int:
    """Columns of a terminal, told independently of the code under test."""
    seen = [c for c in line if unicodedata.category(c) not in ("Mn", "Me", "Cf")]
    return len(seen) + sum(unicodedata.east_asian_width(c) in "WF" for c in seen)


def test_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """The text is a block for each article: variants at the left, titles at the right, aligned and wrapped."""
    monkeypatch.setenv("COLUMNS", "50")
    frame = frame_of(
        trial(title="Kim travels to Moscow to meet Putin for talks on arms"),
        trial(title="Kim in Moscow", repeat=2),
        trial(title=KIM, prompt="second-prompt-with-a-long-name"),
    )
    expected = """\
1 article, 2 variants · baseline/prefix · T default

Kim in Russia for talks with Putin [kim]
  plain                 Kim travels to Moscow to
                        meet Putin for talks on
                        arms
                        Kim in Moscow
  second-prompt-with-   = same
  a-long-name"""

    assert expected == str(compare(frame)) == repr(compare(frame))


def test_wide_signs_are_counted_and_wrapped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Chinese signs take two columns each, and break anywhere; a word that is wider than its column is cut."""
    monkeypatch.setenv("COLUMNS", "40")
    frame = frame_of(trial(title="首相来週辞任" * 5), trial(title="x" * 50, prompt="提示"))

    assert [
        "  plain  首相来週辞任首相来週辞任首相来",
        "         週辞任首相来週辞任首相来週辞任",
        f"  提示   {'x' * 31}",
        f"         {'x' * 19}",
    ] == str(compare(frame)).splitlines()[3:]


@settings(deadline=None, max_examples=60)
@given(st.text(min_size=1, max_size=120), st.text(max_size=60), st.sampled_from([40, 64, 80, 200]))
def test_terminal_lines_fit(title: str, prompt: str, width: int) -> None:
    """No line is wider than the terminal, and none can move its cursor, whatever a title or a name holds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", str(width))
        text = str(compare(frame_of(trial(title=title, original_title=title[::-1], prompt=prompt), trial(prompt="x"))))
    lines = text.split("\n")[1:]

    assert max(map(columns_of, lines)) <= width
    assert [] == [sign for sign in text if unicodedata.category(sign) in ("Cc", "Cs") and sign != "\n"]


# ---- hostile text


@pytest.mark.parametrize("payload", [payload for payload in PAYLOADS if "\ud800" not in payload])  # pandas refuses it
def test_payload_is_inert_wherever_it_stands(payload: str) -> None:
    """In a title, an original, a name, a reason or a head, a payload is text: no element, no attribute of its own."""
    hostile = {
        "article": payload, "original_title": f"was {payload}", "prompt": payload, "model": payload,
        "language": payload, f"gate_{payload}": False, f"why_{payload}": payload, "error": payload,
    }  # fmt: skip
    frame = frame_of(
        trial(**{**hostile, "title": f"now {payload}"}),
        trial(**{**hostile, "title": f"{payload} now", "repeat": 2, "model": "m"}),
        trial(**{**hostile, "title": "now nothing", "prompt": "a"}),
        trial(**{**hostile, "title": payload, "original_title": "nothing", "article": "b"}),
        trial(**{**hostile, "title": None, "error_type": payload, "status": "error"}),
        trial(**{**hostile, "title": None, "error_type": None, "status": payload, "params": payload}),
    )
    for rows in ("article", "prompt", "error"):
        page = Page(compare(frame, rows=rows)._repr_html_())

        assert [] == page.outside(ALLOWED)
        assert [] == page.stack
        assert {"0"} == {value["tabindex"] for _, value in page.elements if "tabindex" in value}
        assert {"auto", "ltr"} >= {value["dir"] for _, value in page.elements if "dir" in value}
        assert " ".join(visible(payload).split()) in " ".join(page.text.split())


def test_every_focusable_element_keeps_its_keys() -> None:
    """JupyterLab would take a key pressed in the table for a command, such as inserting a cell."""
    focusable = [names for _, names in Page(compare(sweep())._repr_html_()).elements if "tabindex" in names]

    assert 1 == len(focusable)
    assert all("data-lm-suppress-shortcuts" in names for names in focusable)


# ---- refusals


@pytest.mark.parametrize(
    ("arguments", "drop", "message"),
    [
        ({}, "title", r"no `title` \(written by run\(\)\)"),
        ({}, "article", r"no `article` \(written by plan\(\)\)"),
        ({"rows": "nope"}, None, "no `nope`"),
        ({"columns": ["prompt", "nope"]}, None, "no `nope`"),
        ({"rows": "prompt", "columns": "prompt"}, None, "'prompt' cannot make both"),
        ({"limit": 0}, None, "limit must be a whole number of at least 1, got 0"),
        ({"limit": "9"}, None, "got '9'"),
        ({}, ["prompt", "model", "temperature"], "name in columns= what tells variants apart"),
    ],
)
def test_refusals(arguments: dict[str, Any], drop: Any, message: str) -> None:
    """Each mistake is named with its fix."""
    frame = sweep().drop(columns=drop) if drop else sweep()
    with pytest.raises(FrameError, match=message):
        compare(frame, **arguments)


def test_not_a_frame() -> None:
    """Something that is no DataFrame is refused by name."""
    with pytest.raises(FrameError, match="got list"):
        compare([{"title": "a"}])  # type: ignore[arg-type]
