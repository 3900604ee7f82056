"""The grid without a browser: what travels to the view, what comes back, and what is kept."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.frame import typed
from retitlekit.widgets.grid import Grid

from .loopback import Fault, Loopback
from .test_html import PAYLOADS

BODY = "Kim met Putin in Russia on 12 September 2023, officials in Moscow said."
TITLE = "Kim in Russia for talks"


def trial(number: int = 0, **values: Any) -> dict[str, Any]:
    usual = {
        "trial_id": f"t{number}", "article": "kim", "original_title": TITLE, "body": BODY, "prompt": "plain",
        "model": "a", "temperature": 0.0, "repeat": 1, "status": "ok", "title": "Kim meets Putin in Moscow",
        "completion": '"Kim meets Putin in Moscow"', "messages": '[{"role": "user", "content": "Rewrite this"}]',
    }  # fmt: skip
    return {**usual, **values}


def frame_of(*changes: dict[str, Any]) -> pd.DataFrame:
    return typed(pd.DataFrame([trial(number, **each) for number, each in enumerate(changes)]))


def opened(frame: pd.DataFrame, **options: Any) -> tuple[Grid, list[dict[str, Any]]]:
    """A grid, and what it sends to its view from now on."""
    grid = rk.compare(frame, **options)
    sent: list[dict[str, Any]] = []
    grid.send = lambda content, buffers=None: sent.append(content)
    return grid, sent


def says(grid: Grid, **message: Any) -> None:
    """What the view sends when somebody clicks."""
    grid._handle_custom_msg(message, [])


def wide() -> pd.DataFrame:
    """Three articles, two prompts; the second article has an error, the third one title for both."""
    rows = []
    for n, article in enumerate(("a", "b", "c")):
        for prompt in ("one", "two"):
            title = "Same for both" if article == "c" else f"Title {article} {prompt}"
            gate = article != "a" or prompt == "one"
            rows.append({"article": article, "original_title": f"Original {article}", "prompt": prompt, "title": title,
                         "gate_width": gate, "passed": gate, "cost_usd": n + (prompt == "two") / 10})  # fmt: skip
    rows[3] |= {"title": None, "status": "error", "error_type": "Timeout", "error": "no answer in 60 s",
                "gate_width": None, "passed": None, "completion": None}  # fmt: skip
    return frame_of(*rows)


def shown(grid: Grid) -> list[str]:
    return list(dict.fromkeys(grid.to_frame().index))


@pytest.mark.parametrize(
    ("choices", "expected"),
    [
        ({}, ["a", "b", "c"]),
        ({"query": "title B"}, ["b"]),
        ({"query": "original"}, ["a", "b", "c"]),
        ({"query": "nothing like it"}, []),
        ({"query": "one\nTitle a"}, []),
        ({"query": "one.*two"}, []),
        ({"query": "a two", "within": 0}, []),
        ({"query": "a two", "within": 1}, ["a"]),
        ({"only": ["errors"]}, ["b"]),
        ({"only": ["failed"]}, ["a"]),
        ({"only": ["disagreeing"]}, ["a"]),
        ({"only": ["different"]}, ["a"]),
        ({"only": ["failed"], "within": 0}, []),
        ({"only": ["different"], "within": 0}, ["a", "b", "c"]),
        ({"sort": "cost_usd", "descending": True}, ["c", "b", "a"]),
        ({"descending": True}, ["c", "b", "a"]),
    ],
)
def test_choosing_rows(choices: dict[str, Any], expected: list[str]) -> None:
    """What is searched, narrowed and sorted in the view is what `to_frame` gives, and the view is told."""
    grid, _ = opened(wide())
    for name, value in choices.items():
        setattr(grid, name, value)

    assert expected == shown(grid) == [row["detail"] for row in grid.first]
    assert (len(expected), len(choices)) == (grid.total, grid.view)


def test_hidden_variants_are_left_out() -> None:
    """A hidden variant is neither sent nor exported; the baseline comes first."""
    grid, _ = opened(wide())
    grid.baseline = 1
    grid.hidden = [0]

    assert ["original_title", "two"] == grid.to_frame().columns.tolist()
    assert [1, 1, 1] == [len(row["cells"]) for row in grid.first]


def test_the_order_of_variants() -> None:
    """Variants stand in the order chosen, those not named after them, the baseline before all; exports follow."""
    frame = frame_of(*({"prompt": prompt} for prompt in ("one", "two", "three")))
    grid, _ = opened(frame)
    grid.order = [2, 0]
    assert ["three", "one", "two"] == grid.to_frame().columns.tolist()[1:]
    grid.baseline = 1
    assert ["two", "three", "one"] == grid.to_frame().columns.tolist()[1:]


def test_what_comes_late_means_what_was_seen(tmp_path: Path) -> None:
    """A flag for a cell of an earlier view goes to the title that stood there; of a view long gone it is refused."""
    grid, sent = opened(wide(), store=tmp_path)
    grid.sort, grid.descending = "cost_usd", True
    grid.order = [1, 0]
    says(grid, kind="flag", view=0, at=0, cell=0)
    says(grid, kind="flag", view=grid.view, at=0, cell=0)
    grid.blind = True
    says(grid, kind="note", view=grid.view - 1, at=2, cell=0, text="late")
    assert ["t0", "t5", "t1"] == grid.notes.trial_id.tolist()

    for _ in range(40):
        grid.details = not grid.details
    says(grid, kind="flag", view=0, at=0, cell=0)
    assert "nothing was done" in sent[-1]["text"]
    assert 3 == len(grid.notes)


def test_parts_of_a_title() -> None:
    """Kept, new and gone words are told apart; names are kept or invented; what is dropped is listed."""
    grid, _ = opened(frame_of({"title": "Kim meets Trump in Moscow"}))
    (outcome,) = grid.first[0]["cells"][0]

    assert "Kim meets Trump in Moscow" == "".join(text for sign, text in outcome["parts"][0] if sign[0] != "-")
    assert TITLE == "".join(text for sign, text in outcome["parts"][0] if sign[0] != "+")
    assert {"Kim": "k", "Moscow": "k", "Trump": "i"} == {t: s[1] for s, t in outcome["parts"][0] if len(s) > 1}
    assert ["Russia"] == outcome["dropped"]


@pytest.mark.parametrize(("against", "lines"), [("original", 1), ("baseline", 1), ("both", 2), ("nothing", 1)])
def test_differences(against: str, lines: int) -> None:
    """Titles are compared with the original, with the baseline's title, with both or with nothing."""
    grid, _ = opened(frame_of({"prompt": "one"}, {"prompt": "two", "title": "Kim meets Putin"}))
    grid.baseline = 0
    grid.against = against
    other = grid.first[0]["cells"][1][0]

    assert lines == len(other["parts"])
    assert all("Kim meets Putin" == "".join(text for sign, text in parts if sign[0] != "-") for parts in other["parts"])


def test_repeats_are_stacked() -> None:
    """Repeats that came out alike are one entry with a count, the most frequent first."""
    titles = ["Rare", "Usual", "Usual"]
    grid, _ = opened(frame_of(*({"title": title, "repeat": n} for n, title in enumerate(titles, 1))))

    assert [("Usual", 2), ("Rare", 1)] == [
        ("".join(text for sign, text in each["parts"][0] if sign[0] != "-"), each["n"])
        for each in grid.first[0]["cells"][0]
    ]


def test_a_page_is_what_was_asked_for() -> None:
    """Rows travel page by page: the first with the view, others when they come in sight, never more than asked."""
    frame = frame_of(*({"article": f"a{n}", "title": f"Title {n}"} for n in range(300)))
    grid, sent = opened(frame)
    says(grid, kind="page", start=100, stop=150)

    assert 12 == len(grid.first)
    assert (100, 50) == (sent[-1]["start"], len(sent[-1]["rows"]))
    assert "a100" == sent[-1]["rows"][0]["detail"]
    assert len(json.dumps(grid.get_state())) < 100_000


def test_an_opened_row_tells_everything() -> None:
    """The article, the exact messages and the verbatim completion stand behind each title."""
    grid, sent = opened(wide())
    says(grid, kind="open", at=1)
    first, second = sent[-1]["entries"]

    assert BODY == sent[-1]["body"]
    assert ("one", "user", "Rewrite this") == (first["variant"], *first["messages"][0].values())
    assert '"Kim meets Putin in Moscow"' == first["completion"]
    assert ("Timeout", "no answer in 60 s") == (second["problem"], second["reason"])


def test_blind(tmp_path: Path) -> None:
    """Blind, no name of a variant leaves the kernel, in no row, panel, head, state or export; every title does."""
    names = [f"secret{n}" for n in range(4)]
    rows = [
        {"article": f"a{a}", "prompt": name, "title": f"T{a} {n}"} for a in range(20) for n, name in enumerate(names)
    ]
    grid, sent = opened(frame_of(*rows), store=tmp_path)
    order = grid.to_frame().drop(columns="original_title").map(lambda title: title[-1])
    grid.blind = True
    says(grid, kind="page", start=0, stop=20)
    says(grid, kind="open", at=3)
    export = grid.to_frame()
    shuffled = export.drop(columns="original_title").map(lambda title: title[-1])

    assert "secret" not in json.dumps([sent, grid.get_state()], default=str)
    assert ["original_title", "A", "B", "C", "D"] == export.columns.tolist()
    assert all(set("0123") == set(row) for row in shuffled.to_numpy())
    assert len({tuple(row) for row in shuffled.to_numpy()}) > 5
    assert 1 == len({tuple(row) for row in order.to_numpy()})
    assert [
        "".join(text for sign, text in cell[0]["parts"][0] if sign[0] != "-") for cell in sent[-2]["rows"][7]["cells"]
    ] == export.iloc[7, 1:].tolist()


def test_flags_and_notes_are_kept(tmp_path: Path) -> None:
    """A flag and a note are on disk at once, shown at their title, and there for the next grid; the last one counts."""
    frame = wide()
    grid, sent = opened(frame, store=tmp_path)
    says(grid, kind="flag", at=0, cell=1, outcome=0)
    says(grid, kind="note", at=0, cell=1, outcome=0, text=" too long ")
    again = rk.compare(frame, store=tmp_path)

    assert (True, "too long") == (
        sent[-1]["rows"][0]["cells"][1][0]["flag"],
        sent[-1]["rows"][0]["cells"][1][0]["note"],
    )
    assert 2 == len((tmp_path / "notes.jsonl").read_text().splitlines())
    assert [("t1", True, "too long", "a", "Title a two")] == list(
        again.notes[["trial_id", "flagged", "note", "article", "title"]].itertuples(index=False, name=None)
    )
    assert "too long" == again.first[0]["cells"][1][0]["note"]
    says(grid, kind="flag", at=0, cell=1, outcome=0)
    assert [False] == grid.notes.flagged.tolist()


def test_a_broken_note_is_told(tmp_path: Path) -> None:
    """A line that is no note names its file and line, in the view and in Python."""
    (tmp_path / "notes.jsonl").write_text('{"trial_id": "t0"}\n')
    with pytest.raises(rk.StoreError, match=r"notes.jsonl:1: no note"):
        rk.compare(wide(), store=tmp_path)


def test_problems_are_shown_in_the_view() -> None:
    """What goes wrong in a callback is told in the view and is not swallowed."""
    grid, sent = opened(frame_of({}).drop(columns="trial_id"))
    says(grid, kind="flag", at=0, cell=0, outcome=0)
    assert "problem" == sent[-1]["kind"]
    assert "no `trial_id`" in sent[-1]["text"]
    with pytest.raises(IndexError):
        grid._heard(grid, {"kind": "open", "at": 99}, [])
    assert "IndexError" in sent[-1]["text"]


def test_a_failed_trial_is_sent_again(tmp_path: Path) -> None:
    """Retry sends the trials of one cell, and no other, without blocking; the grid then shows the title."""
    broken = [True]

    def answer(body: Any, nth: int) -> Any:
        return Fault(400, "bad day") if broken[0] and "two" in json.dumps(body) else "A title at last"

    prompts = [rk.Prompt("one", "one {{ title }}"), rk.Prompt("two", "two {{ title }}")]
    with Loopback(answer) as server:
        model = rk.Model("openai/model-a", api_base=server.base)
        trials = rk.plan(prompts, [rk.Article("a", "A title")], models=model)
        with pytest.warns(rk.RetitlekitWarning, match="1 of 2 trials failed"):
            frame = rk.run(trials, store=tmp_path, progress=False)
        broken[0] = False
        grid, sent = opened(frame, store=tmp_path)
        asked = len(server.bodies)
        says(grid, kind="retry", at=0, cell=1, outcome=0)
        until = time.monotonic() + 10
        while (not grid.view or grid.frame["status"].iloc[1] != "ok") and time.monotonic() < until:
            time.sleep(0.01)

    assert asked + 1 == len(server.bodies)
    assert ["ok", "ok"] == grid.frame.status.tolist()
    assert "A title at last" == grid.to_frame().iloc[0, 2]
    assert frame.dtypes.equals(grid.frame.dtypes)
    assert ["status"] == [each["kind"] for each in sent]
    assert "problem" not in json.dumps(grid.first)


@pytest.mark.parametrize(
    "payload", [each for each in PAYLOADS if "\ud800" not in each]
)  # no frame holds half a character
def test_hostile_text_travels_as_text(payload: str) -> None:
    """Control characters and direction overrides are replaced; the rest travels as it is, to be shown as text."""
    grid, sent = opened(frame_of({"title": payload or "x", "original_title": payload, "completion": payload}))
    says(grid, kind="open", at=0)

    told = json.dumps([grid.first, sent], ensure_ascii=False)
    assert not set("\u202e\u2066\x00\x1b") & set(told)


def test_long_titles_are_cut() -> None:
    """Of a title of 100 kB only the beginning travels, and how much is missing is said."""
    grid, _ = opened(frame_of({"title": "word " * 20_000}))

    assert len(json.dumps(grid.first)) < 20_000
    assert 98_000 == grid.first[0]["cells"][0][0]["more"]


def test_without_a_view() -> None:
    """In print it is a plain table."""
    assert "Kim meets Putin" in repr(rk.compare(frame_of({})))


def test_blind_in_print() -> None:
    """A blind grid tells neither in print nor in the picture below it who wrote what, and sends no figures."""
    grid, sent = opened(frame_of({"prompt": "secret-p", "cost_usd": 1.0}, {"prompt": "secret-q", "cost_usd": 2.0}))
    grid.details = grid.blind = True
    says(grid, kind="open", at=0)
    told = json.dumps([grid.get_state(), sent, repr(grid), grid._still()], default=str)

    assert [] == [word for word in ("secret", "$1", "$2") if word in told]


def test_a_growing_sweep() -> None:
    """`update` shows a later state of the same sweep and keeps what was chosen."""
    frame = wide()
    grid = rk.compare(frame.iloc[:2])
    grid.only = ["different"]
    grid.update(frame)

    assert (["a"], 3) == (shown(grid), grid.head["rows"])


def test_new_titles_keep_the_place(tmp_path: Path) -> None:
    """Titles that come while somebody reads leave the view where it is; another choice of rows begins at the top."""
    grid = rk.compare(frame_of({}, {}), store=tmp_path)
    grid.update(grid.frame)
    come = (grid.view, grid.keep)
    grid.query = "x"

    assert [(1, True), (2, False)] == [come, (grid.view, grid.keep)]
