"""The grid as a person meets it: mouse, keys, blindness, hostile text, themes, reload and a kernel that is gone."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, expect

from ..loopback import Fault, Loopback
from .conftest import SHOTS
from .lab import Notebook
from .payloads import FOREIGN, HOSTILE

pytestmark = pytest.mark.browser
Opened = Callable[..., Notebook]

FRAME = """
import pandas as pd, retitlekit as rk
from retitlekit.frame import typed
BODY = "Ana Lind opened the Harbour bridge on 12 May, the council of Westhaven said."
def row(n, prompt, title, **more):
    usual = {"trial_id": f"t{n}{prompt}", "article": f"a{n}", "original_title": f"Ana Lind opens bridge number {n} today",
             "body": BODY, "prompt": prompt, "model": "m", "temperature": 0.0, "repeat": 1, "status": "ok", "title": title,
             "completion": f"completion {n} {prompt}", "gate_width": True, "passed": True, "cost_usd": (n * 37 % 60) / 1e4,
             "messages": '[{"role": "user", "content": "Rewrite this"}]'}
    return {**usual, **more}
rows = []
for n in range(60):
    rows.append(row(n, "secret-one", f"Bridge {n} is opened by Ana Lind"))
    rows.append(row(n, "secret-two", f"Olga Berg opens bridge number {n}"))
    rows.append(row(n, "secret-three", f"Ana Lind opens bridge number {n} today"))
rows[4] |= {"title": None, "completion": None, "status": "error", "error_type": "Timeout", "error": "no answer in 60 s"}
rows[7] |= {"gate_width": False, "passed": False, "why_width": "36.8 em, 7.2 too wide"}
rows[9] |= {"original_title": "ראש הממשלה נפגש עם הנשיא", "title": "הנשיא נפגש עם ראש הממשלה", "language": "he"}
rows[10] |= {"original_title": rows[9]["original_title"], "title": "ראש הממשלה והנשיא נפגשו", "language": "he"}
rows[11] |= {"original_title": rows[9]["original_title"], "title": rows[9]["original_title"], "language": "he"}
for n in (12, 13, 14): rows[n] |= {"original_title": "习近平会见普京讨论乌克兰局势", "title": "普京与习近平会谈讨论局势", "language": "zh"}
rows[15] |= {"original_title": "word " * 60, "title": "another " * 80}
frame = typed(pd.DataFrame(rows))
"""
GRID = "import tempfile\ngrid = rk.compare(frame, store=tempfile.mkdtemp(dir='.'))\ngrid"


@pytest.fixture(scope="module")
def bench(opened: Opened) -> Notebook:
    """A notebook with the frame, and a cell that opens a grid of it."""
    return opened(FRAME, GRID)


@pytest.fixture
def desk(bench: Notebook) -> Notebook:
    """The same with a grid that nobody has touched."""
    bench.page.keyboard.press("Escape")
    bench.run_last()
    bench.console.clear()
    return bench


def grid_in(notebook: Notebook) -> Locator:
    grid = notebook.page.locator(".rk-grid").first
    expect(grid.locator(".rk-row[data-at] .rk-outcome").first).to_be_visible()
    return grid


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def cell(grid: Locator, row: int, column: int) -> Locator:
    return grid.locator(f'.rk-row[data-at="{row}"] [data-cell="{column}"]')


def test_keys(desk: Notebook) -> None:
    """All of it goes by keys, and no key that is pressed in the grid changes the notebook."""
    page, grid = desk.page, grid_in(desk)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    view = grid.get_by_role("grid")
    view.focus()

    press(page, "ArrowDown", "j", "ArrowRight")
    expect(grid.locator(".rk-active")).to_have_attribute("data-cell", "1")
    assert "2" == grid.locator(".rk-row:has(.rk-active)").get_attribute("data-at")
    assert view.get_attribute("aria-activedescendant") == grid.locator(".rk-active").get_attribute("id")
    press(page, "c")
    expect(grid.get_by_role("status")).to_have_text("copied")
    assert "Olga Berg opens bridge number 2" == page.evaluate("navigator.clipboard.readText()")
    press(page, "f")
    expect(cell(grid, 2, 1).locator(".rk-flag")).to_be_visible()
    press(page, "b")
    expect(grid.locator(".rk-head .rk-cell").nth(1)).to_contain_text("secret-two")
    expect(cell(grid, 2, 1).locator(".rk-second")).to_be_visible()
    press(page, "m", "i", "ArrowRight", "h")
    expect(grid.locator(".rk-head .rk-cell")).to_have_count(3)
    press(page, "End")
    expect(cell(grid, 59, 0)).to_be_visible()
    press(page, "Home", "Enter")
    panel = grid.locator(".rk-panel")
    expect(panel).to_contain_text("the council of Westhaven said")
    press(page, "ArrowDown")
    expect(panel.locator("h3")).to_have_text("Ana Lind opens bridge number 1 today")
    press(page, "Escape")
    expect(panel).to_be_hidden()
    press(page, "?")
    expect(grid.locator(".rk-help")).to_be_visible()
    press(page, "n")
    expect(panel.locator("textarea:focus")).to_be_attached()
    page.keyboard.type("add x d d")
    press(page, "Enter")
    expect(grid.locator('.rk-row[data-at="1"] .rk-note')).to_have_text("✎ add x d d")
    expect(view).to_be_focused()
    press(page, "/")
    page.keyboard.type("number 17")
    expect(grid.get_by_role("status")).to_have_text("1 of 60 rows")
    press(page, "Escape")
    expect(view).to_be_focused()
    press(page, "a", "x", "d", "d", "y", "z")

    choices = desk.python("[grid.baseline, grid.details, grid.marks, grid.hidden, grid.query]")
    assert [1, True, False, [2], "number 17"] == choices
    assert ["code", "code"] == desk.cell_types()
    assert ["t2secret-two"] == desk.python("grid.notes.trial_id[grid.notes.flagged].tolist()")
    assert ["add x d d"] == desk.python("grid.notes.note[~grid.notes.flagged].tolist()")
    assert [] == desk.console


def test_no_shortcut_reaches_the_notebook(desk: Notebook) -> None:
    """On whatever in the grid the focus is, "a", "m" and "x" stay out of the desk."""
    page, grid = desk.page, grid_in(desk)
    grid.get_by_role("grid").focus()
    press(page, "Enter")
    expect(grid.locator(".rk-panel h3")).to_be_visible()
    focusable = grid.locator("button, select, input, textarea, summary, a[href], [tabindex]")
    count = focusable.count()
    for number in range(count):
        one = focusable.nth(number)
        if one.is_visible():
            one.focus()
            press(page, "a", "m", "x")
            page.keyboard.press("Escape")

    assert count > 20
    assert ["code", "code"] == desk.cell_types()
    assert (
        count
        == grid.locator(
            ":is(button, select, input, textarea, summary, a[href], [tabindex])[data-lm-suppress-shortcuts]"
        ).count()
    )


def test_mouse(desk: Notebook) -> None:
    """Chips, lists and boxes choose rows and variants; what is shown is what Python gives."""
    grid = grid_in(desk)
    status = grid.get_by_role("status")
    expect(status).to_have_text("60 rows")

    grid.get_by_role("button", name="failed").click()
    expect(status).to_have_text("1 of 60 rows")
    expect(cell(grid, 0, 1).locator(".rk-chip.rk-bad")).to_have_attribute("title", "36.8 em, 7.2 too wide")
    grid.get_by_role("button", name="failed").click()
    grid.get_by_role("button", name="errors").click()
    expect(cell(grid, 0, 1)).to_contain_text("Timeout")
    grid.get_by_role("button", name="errors").click()
    expect(status).to_have_text("60 rows")
    grid.get_by_label("Sort").select_option("cost_usd")
    grid.get_by_role("button", name="descending").click()
    expect(grid.locator('.rk-row[data-at="0"] .rk-first small')).to_have_text("a47")
    assert "a47" == desk.python("grid.to_frame().index[0]")
    grid.get_by_text("Columns").click()
    grid.get_by_label("secret-two").uncheck()
    expect(grid.locator(".rk-head .rk-cell")).to_have_count(3)
    assert ["original_title", "secret-one", "secret-three"] == desk.python("list(grid.to_frame().columns)")
    grid.get_by_label("Baseline").select_option(label="secret-three")
    expect(grid.locator(".rk-head .rk-baseline")).to_contain_text("secret-three")
    cell(grid, 1, 0).dblclick()
    panel = grid.locator(".rk-panel")
    panel.get_by_placeholder("note").first.fill("a note by mouse")
    panel.locator("h3").click()
    expect(cell(grid, 1, 0).locator(".rk-note")).to_have_text("✎ a note by mouse")
    panel.get_by_text("messages sent").first.click()
    expect(panel.locator("pre").first).to_have_text("Rewrite this")

    assert [] == desk.console


def test_drag(desk: Notebook) -> None:
    """A variant is dragged to another place by its name, made wider by its edge, and both go by keys."""
    page, grid = desk.page, grid_in(desk)
    names, edges = grid.locator(".rk-head [data-variant]"), grid.locator(".rk-edge")
    width = names.first.bounding_box()["width"]
    text = cell(grid, 0, 0).inner_text()
    names.nth(0).drag_to(names.nth(2))
    expect(names).to_contain_text(["secret-two", "secret-three", "secret-one"])
    expect(cell(grid, 0, 2)).to_have_text(text, use_inner_text=True)
    assert [1, 2, 0] == desk.python("grid.order")
    assert "secret-two" == desk.python("grid.to_frame().columns[1]")

    box = edges.first.bounding_box()
    page.mouse.move(box["x"] + 3, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] - 77, box["y"] + 10, steps=4)
    page.mouse.up()
    narrow = names.first.bounding_box()["width"]
    assert abs(narrow - (width - 80)) < 12
    assert narrow == cell(grid, 0, 0).bounding_box()["width"]
    grid.get_by_role("grid").focus()
    press(page, ">")
    expect(names).to_contain_text(["secret-three", "secret-two", "secret-one"])
    press(page, "+", "+")
    assert narrow + 80 == names.nth(1).bounding_box()["width"]
    assert [] == desk.console


def test_how_titles_look(desk: Notebook) -> None:
    """Nothing is clipped, marks never touch, Hebrew runs from the right, Chinese is compared by signs not lines."""
    page, grid = desk.page, grid_in(desk)
    clipped = (
        "nodes => nodes.filter(n => n.scrollHeight > n.clientHeight + 1 || n.scrollWidth > n.clientWidth + 1).length"
    )
    touching = """nodes => nodes.filter(n => ['INS', 'DEL'].includes(n.nextSibling?.nodeName)).length"""
    outcome = "[data-cell] .rk-outcome"

    assert 0 == grid.locator(".rk-row[data-at] .rk-cell").evaluate_all(clipped)
    assert 0 == grid.locator("ins, del").evaluate_all(touching)
    assert grid.locator("del + ins").count() > 5
    hebrew, chinese = (grid.locator(f'.rk-row[data-at="{n}"] {outcome}').first for n in (3, 4))
    for _ in range(8):
        if not hebrew.is_visible() or not chinese.is_visible():
            grid.get_by_role("grid").evaluate("n => n.scrollBy(0, 120)")
            page.wait_for_timeout(100)
    assert ["rtl", "he"] == hebrew.evaluate("n => [getComputedStyle(n).direction, n.lang]")
    assert {"讨论", "局势"} <= set(chinese.evaluate("n => n.innerText.match(/讨论|局势/g)"))
    assert chinese.locator("del, ins").count() > 1
    assert grid.locator("mark.rk-invented").first.inner_text() in ("Olga", "Berg", "Olga Berg")


def test_blind(desk: Notebook) -> None:
    """Blind, which variant wrote what is nowhere: not in the page, its attributes, the panel, a copy or the export."""
    page, grid = desk.page, grid_in(desk)
    assert "secret" in grid.evaluate("n => n.outerHTML")
    grid.get_by_role("button", name="Blind").click()
    expect(grid.locator(".rk-head .rk-cell").nth(1)).to_have_text("A")
    grid.get_by_role("grid").focus()
    press(page, "i", "Enter")
    panel = grid.locator(".rk-panel")
    expect(panel.locator("h4")).to_have_text(["A", "B", "C"])
    for summary in panel.locator("summary").all():
        summary.click()
    grid.get_by_role("grid").evaluate("n => n.scrollTo(0, 1e6)")
    expect(cell(grid, 59, 0)).to_be_visible()
    seen = grid.evaluate("n => n.outerHTML").replace("completion 0 secret-", "")

    assert "secret" not in seen
    assert ["original_title", "A", "B", "C"] == desk.python("list(grid.to_frame().columns)")
    assert [] == desk.console


def test_hostile_text_is_text(opened: Opened) -> None:
    """More than a hundred texts that would run a script are shown to the letter: in cells, heads, panel and notes."""
    assert len(HOSTILE) >= 100
    notebook = opened(
        FRAME,
        f"import json\nHOSTILE = json.loads({json.dumps(json.dumps(HOSTILE))})\n"
        "frame = typed(pd.DataFrame([row(n, p, t, article=f'{n}', original_title=t[:300] + ' before', body=t, completion=t,"
        " messages=json.dumps([{'role': t[:300], 'content': t}]), why_width=t, gate_width=False, passed=False)"
        " for n, t in enumerate(HOSTILE) for p in ('<img src=x onerror=window.pwned=1>', 'two')]\n"
        " + [row(n, '\"><svg onload=window.pwned=1>', None, article=f'{n}', original_title=t[:300] + ' before', status='error',"
        " error_type='E' + t[:50], error=t) for n, t in enumerate(HOSTILE)]))",
        GRID,
    )
    page, grid = notebook.page, grid_in(notebook)
    view = grid.get_by_role("grid")
    page.set_default_timeout(10_000)
    shown: set[str] = set()
    view.focus()
    press(page, "i", "Enter")
    for number in range(len(HOSTILE)):
        title = grid.locator(f'.rk-row[data-at="{number}"] .rk-first')
        expect(title).to_be_attached()
        expect(grid.locator(".rk-panel h3")).to_have_text(
            title.locator("div").text_content() or "", use_inner_text=False
        )
        shown.add(cell(grid, number, 0).locator(".rk-outcome").first.text_content() or "")
        press(page, "ArrowDown")
    with_handlers = "nodes => nodes.filter(n => [...n.attributes].some(a => a.name.startsWith('on'))).length"

    assert len(shown) > 100
    assert any("<script>window.pwned=1</script>" in each.replace("\u2009", "") for each in shown)
    assert 0 == grid.locator(FOREIGN).count()
    assert 0 == grid.locator("*").evaluate_all(with_handlers)
    notebook.reload()
    expect(page.locator(".rk-grid .rk-row[data-at]").first).to_be_attached()
    assert page.evaluate("window.pwned") is None
    assert [] == [each for each in notebook.console if "WebSocket" not in each]


def test_retry(opened: Opened) -> None:
    """A failed trial is sent again from its cell, once, and its title takes the error's place."""
    broken = [True]

    def answer(body: Any, nth: int) -> Any:
        return Fault(400, "bad day") if broken[0] else "A title at last"

    with Loopback(answer) as server:
        notebook = opened(
            "import warnings, retitlekit as rk\nwarnings.simplefilter('ignore')\n"
            f"model = rk.Model('openai/model-a', api_base={server.base!r})\n"
            "trials = rk.plan([rk.Prompt('one', 'one {{ title }}')], [rk.Article('a', 'A title')], models=model)\n"
            "grid = rk.compare(rk.run(trials, store='retried', progress=False), store='retried')\ngrid"
        )
        page, grid = notebook.page, grid_in(notebook)
        expect(cell(grid, 0, 0)).to_contain_text("bad day")
        broken[0], asked = False, len(server.bodies)
        grid.get_by_role("grid").focus()
        press(page, "r")
        expect(cell(grid, 0, 0)).to_contain_text("title at last", timeout=15_000)

    assert asked + 1 == len(server.bodies)
    assert ["ok"] == notebook.python("grid.frame.status.tolist()")
    assert [] == notebook.console


CONTRAST = """nodes => {
  const canvas = document.createElement('canvas'), c = canvas.getContext('2d', { willReadFrequently: true });
  canvas.width = canvas.height = 1;
  const paint = colours => { c.clearRect(0, 0, 1, 1); for (const x of colours) { c.fillStyle = x; c.fillRect(0, 0, 1, 1); }
    return [...c.getImageData(0, 0, 1, 1).data].slice(0, 3); };
  const light = rgb => { const [r, g, b] = rgb.map(v => { v /= 255; return v <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4; });
    return .2126 * r + .7152 * g + .0722 * b; };
  let worst = [99, ''];
  for (const node of nodes) {
    const grounds = [];
    for (let n = node; n; n = n.parentElement) grounds.unshift(getComputedStyle(n).backgroundColor);
    const back = light(paint(grounds)), front = light(paint([...grounds, getComputedStyle(node).color]));
    const ratio = (Math.max(back, front) + .05) / (Math.min(back, front) + .05);
    if (ratio < worst[0]) worst = [ratio, `${node.nodeName}.${node.className}: ${getComputedStyle(node).color} on ${grounds.at(-1)}, ${node.textContent.slice(0, 40)}`];
  }
  return worst;
}"""


@pytest.mark.parametrize("theme", ["JupyterLab Light", "JupyterLab Dark", "JupyterLab Dark High Contrast"])
def test_contrast(desk: Notebook, theme: str) -> None:
    """Every text, mark and dimmed word stands out from its ground by 4.5 to 1 at least, in light and dark."""
    page, grid = desk.page, grid_in(desk)
    try:
        desk.command("apputils:change-theme", theme=theme)
        page.wait_for_function(f"() => document.body.dataset.jpThemeName === {theme!r}")
        page.wait_for_timeout(500)  # the sheet of the theme takes effect
        grid.get_by_role("grid").focus()
        press(page, "j", "b", "i", "Enter", "?")
        expect(grid.locator(".rk-panel h3")).to_be_visible()
        page.screenshot(path=SHOTS / f"grid {theme}.png")
        ratio, worst = grid.locator(
            ":is(.rk-cell *, .rk-cell, .rk-bar *, .rk-help *, .rk-panel *, .rk-say)"
        ).evaluate_all(CONTRAST)
    finally:
        desk.command("apputils:change-theme", theme="JupyterLab Light")

    assert ratio >= 4.5, worst


def test_reload_and_a_kernel_that_is_gone(opened: Opened) -> None:
    """After a reload the grid comes back as it was; when the kernel is gone it keeps its rows and says so."""
    notebook = opened(FRAME, GRID)
    page, grid = notebook.page, grid_in(notebook)
    grid.get_by_role("button", name="failed").click()
    expect(grid.get_by_role("status")).to_have_text("1 of 60 rows")
    notebook.reload()
    grid = grid_in(notebook)
    expect(grid.get_by_role("status")).to_have_text("1 of 60 rows")
    expect(grid.get_by_role("button", name="failed")).to_have_attribute("aria-pressed", "true")
    expect(cell(grid, 0, 1)).to_contain_text("✗ width")
    expect(grid.locator(".rk-row[data-at]")).to_have_count(1)
    grid.get_by_role("button", name="failed").click()
    expect(cell(grid, 1, 1)).to_contain_text("Timeout")

    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(grid.get_by_role("status")).to_contain_text("kernel", timeout=15_000)
    expect(cell(grid, 0, 0)).to_be_visible()
    grid.get_by_role("grid").focus()
    press(page, "End")
    expect(grid.get_by_role("status")).to_contain_text("run the cell again")
    assert 0 == page.get_by_text("Error displaying widget").count()
