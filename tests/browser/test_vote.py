"""The arena as a voter meets it: keys, undo, the next day, hostile titles, and nothing that tells who wrote what."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, expect

from .conftest import SHOTS
from .lab import Notebook
from .payloads import FOREIGN, HOSTILE

pytestmark = pytest.mark.browser

CELLS = (
    f"""
import json, pandas as pd, retitlekit as rk
from retitlekit.frame import typed
HOSTILE = json.loads({json.dumps(json.dumps(HOSTILE))})
def trials(pairs):
    return typed(pd.DataFrame([
        {{"trial_id": f"trial{{n}}{{p}}", "article": f"article{{n}}", "original_title": f"Original {{n}} {{one}}"[:300], "body": f"Body of {{n}} {{one}}",
         "prompt": p, "model": f"secret-{{p}}", "temperature": 0.0, "repeat": 1, "status": "ok", "title": title[:3000]}}
        for n, (one, other) in enumerate(pairs) for p, title in (("secret-p", one), ("secret-q", other))]))
plain = trials([(f"Title {{n}} first", f"Title {{n}} second") for n in range(12)])
hostile = trials([(one, other + " other") for one, other in zip(HOSTILE[::2], [*HOSTILE[1::2], "last"])])
""",
    "import tempfile\nstore = tempfile.mkdtemp(dir='.')\narena = rk.vote(frame if 'frame' in globals() else plain, voter='ana', store=store)\narena",
)


@pytest.fixture(scope="module")
def bench(opened: Callable[..., Notebook]) -> Notebook:
    """A notebook with an arena."""
    return opened(*CELLS)


@pytest.fixture
def desk(bench: Notebook) -> Notebook:
    """The same with an arena in which nobody has voted."""
    bench.run_last()
    bench.console.clear()
    return bench


def arena_in(notebook: Notebook) -> Locator:
    arena = notebook.page.locator(".rk-arena").first
    expect(arena.locator(".rk-side")).to_have_count(2)
    arena.focus()
    return arena


def sides(arena: Locator) -> list[str]:
    return arena.locator(".rk-title").all_text_contents()


def press(arena: Locator, key: str) -> tuple[list[str], list[str]]:
    """Press a key and wait for another pair; gives both."""
    before, count = sides(arena), int(arena.get_attribute("data-shown") or 0)
    arena.page.keyboard.press(key)
    arena.page.wait_for_function("([n]) => +document.querySelector('.rk-arena').dataset.shown > n", arg=[count])
    return before, sides(arena)


def test_voting_by_keys(desk: Notebook) -> None:
    """1, 2, 0 and b vote for what is shown, u takes back, other keys do nothing; each vote is on disk with its titles."""
    arena = arena_in(desk)
    before = []
    for number, key in enumerate(("1", "2", "0", "b")):
        before.append(press(arena, key)[0])
        expect(arena).to_contain_text(f"{number + 1} vote")
    for key in ("a", "a", "x", "d", "d", "m", "7"):
        desk.page.keyboard.press(key)
    expect(arena).to_contain_text("4 votes")
    votes = desk.python("arena.to_frame()[['left', 'right', 'winner']].to_numpy().tolist()")
    titles = desk.python("dict(zip(plain.trial_id, plain.title))")

    assert ["left", "right", "tie", "tie"] == [winner for _, _, winner in votes]
    assert before == [[titles[left], titles[right]] for left, right, _ in votes]
    assert sorted(votes[3][:2]) == sorted(desk.python("rk.compare(plain, store=store).notes.trial_id.tolist()"))
    _, again = press(arena, "u")
    assert before[3] == again
    expect(arena).to_contain_text("3 votes")
    assert 3 == desk.python("len(arena.to_frame())")
    assert ["code", "code"] == desk.cell_types()
    assert [] == desk.console


def test_voting_by_mouse(desk: Notebook) -> None:
    """A click on a title votes for it; the article opens and closes; a second look says where one is."""
    arena = arena_in(desk)
    article = arena.locator(".rk-article")
    expect(article).to_be_hidden()
    arena.get_by_role("button", name="Article").click()
    expect(article).to_contain_text("Body of")
    desk.page.screenshot(path=SHOTS / "arena.png")
    arena.locator(".rk-side").nth(1).click()
    expect(arena).to_contain_text("1 vote")
    arena.get_by_role("button", name="Tie").click()
    expect(arena).to_contain_text("2 votes")

    assert ["right", "tie"] == desk.python("arena.to_frame().winner.tolist()")


def test_nothing_tells_who_wrote_what(desk: Notebook) -> None:
    """No prompt, model or trial is in the page, its attributes, what was sent to it, or the saved notebook."""
    arena = arena_in(desk)
    for key in ("1", "2", "u", "b"):
        press(arena, key)
    page = arena.evaluate("n => n.closest('.jp-OutputArea').outerHTML")
    saved = desk.page.evaluate(
        "() => JSON.stringify(jupyterapp.shell.currentWidget.content.model.cells.get(1).outputs.toJSON())"
    )
    state = desk.python("{k: v for k, v in arena.get_state().items() if not k.startswith('_')}")

    for told in (page, saved, json.dumps(state)):
        assert "secret" not in told
        assert "trial" not in told


def test_to_the_end_and_the_next_day(desk: Notebook) -> None:
    """Held keys neither lose nor double a vote; when every pair is asked it says so; another arena goes on."""
    arena = arena_in(desk)
    for _ in range(600):
        desk.page.keyboard.press("1")
        desk.page.wait_for_timeout(20)
        if "Every pair" in (arena.text_content() or ""):
            break
    expect(arena).to_contain_text("Every pair has been voted on", timeout=20_000)
    votes = desk.python("len(arena.to_frame())")
    assert 24 == votes  # each pair, and each again with its sides changed
    assert desk.python("arena.to_frame()[['left', 'right']].drop_duplicates().shape[0]") == votes
    assert 0 == desk.python("len(rk.vote(plain, voter='ana', store=store).pairs)")
    assert 3 == desk.python("len(rk.vote(plain, voter='bo', store=store).pairs)")
    desk.page.keyboard.press("u")
    expect(arena.locator(".rk-side")).to_have_count(2)


def test_hostile_titles_are_text(opened: Callable[..., Notebook]) -> None:
    """More than a hundred titles that would run a script are shown to the letter, and not one runs."""
    notebook = opened(CELLS[0], "frame = hostile", CELLS[1])
    arena = arena_in(notebook)
    notebook.page.keyboard.press("a")
    seen = set()
    for number in range(len(HOSTILE) // 2):
        seen |= set(sides(arena))
        press(arena, "120"[number % 3])

    assert len(seen) > 100
    assert any("<script>window.pwned=1</script>" in each for each in seen)
    assert 0 == arena.locator(FOREIGN).count()
    assert notebook.page.evaluate("window.pwned") is None
    assert [] == notebook.console


def test_reload_and_a_kernel_that_is_gone(opened: Callable[..., Notebook]) -> None:
    """After a reload the same pair is shown; when the kernel is gone it says so and takes no more votes."""
    notebook = opened(*CELLS)
    arena = arena_in(notebook)
    _, pair = press(arena, "1")
    expect(arena).to_contain_text("1 vote")
    notebook.reload()
    arena = arena_in(notebook)
    assert pair == sides(arena)
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(arena.get_by_role("status")).to_contain_text("run the cell again", timeout=15_000)
