"""The workbench as a person meets it: three clicks to titles, the editor, a sweep that is stopped, and the next day."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from ..loopback import Loopback
from .conftest import SHOTS
from .lab import Lab, Notebook
from .payloads import FOREIGN, HOSTILE
from .test_compare import CONTRAST

pytestmark = pytest.mark.browser
FOCUSABLE = "button, select, input, textarea, summary, a[href], [tabindex]"


def workbench_in(notebook: Notebook) -> Locator:
    bench = notebook.page.locator(".rk-workbench").first
    expect(bench.locator(".rkw-entry").first).to_be_visible(timeout=60_000)
    return bench


def done(bench: Locator) -> None:
    expect(bench.get_by_role("status").first).to_contain_text("have a title", timeout=90_000)


@pytest.fixture(scope="module")
def desk(lab: Lab) -> Iterator[Notebook]:
    """The notebook as it is shipped, run by a person: one click on its cell's button, one on Run."""
    notebook = lab.open("notebooks/workbench.ipynb", size=(1400, 1300))
    page = notebook.page
    page.locator(".jp-CodeCell .jp-InputArea-editor").click()
    page.get_by_title(re.compile("Run this cell")).first.click()
    bench = workbench_in(notebook)
    expect(bench).to_contain_text("Titles will stand side by side here.")
    bench.get_by_role("button", name=re.compile(r"^Run \d+$")).click()
    expect(bench.locator(".rk-grid .rk-outcome").first).to_be_visible(timeout=60_000)
    yield notebook
    notebook.close()


def test_three_clicks_to_a_comparison(desk: Notebook) -> None:
    """Run the cell, press Run, look: titles stand side by side, then they are ranked; nothing is in the console."""
    bench = workbench_in(desk)
    done(bench)
    assert bench.locator(".rk-grid del").count() > 5
    bench.get_by_role("tab", name="Leaderboard").click()
    expect(bench.locator(".rkw-verdict")).to_contain_text(re.compile("winner|Winner|leads|better"))
    bench.get_by_role("button", name="Save winner").click()
    expect(bench.locator(".rkw-saved")).to_contain_text("No clear winner")
    bench.get_by_role("button", name="Save anyway").click()
    expect(bench.locator(".rkw-saved .rkw-plus").first).to_be_visible()
    bench.get_by_role("tab", name="Charts").click()
    expect(bench.locator(".rkw-chart img").first).to_be_visible(timeout=30_000)
    bench.get_by_role("tab", name="Charts").press("ArrowRight")
    expect(bench.get_by_role("tab", name="Leaderboard")).to_be_focused()
    bench.get_by_role("tab", name="Vote").click()
    bench.locator(".rk-arena .rk-side").first.click(timeout=30_000)
    expect(bench.locator(".rk-arena")).to_contain_text("1 vote")
    expect(desk.page.get_by_text("A still picture")).to_have_count(1)  # the grid and the arena in it have none
    expect(desk.page.get_by_text("A still picture")).to_be_hidden()

    assert [] == desk.console
    assert [] == desk.errors()


def test_edit_lint_and_run_what_is_new(desk: Notebook) -> None:
    """A slip is told with its line while one types; the new prompt is saved beside the old, and only it is sent."""
    page, bench = desk.page, workbench_in(desk)
    done(bench)
    bench.get_by_title("edit contract", exact=True).click()
    area = bench.get_by_label("Text of the prompt")
    expect(area).to_have_value(re.compile("title"))
    area.focus()
    page.keyboard.press("Control+End")
    page.keyboard.type("\nAt most nine words about {{ titel | safe }}.")
    finding = bench.locator(".rkw-findings li").first
    expect(finding).to_contain_text("did you mean title?")
    expect(bench.locator(".rkw-preview .rk-bad")).to_contain_text("no article has titel")
    finding.get_by_role("button").click()
    assert "titel" in area.evaluate("n => n.value.slice(n.selectionStart, n.selectionEnd)")
    page.keyboard.type("At most nine words.")
    expect(bench.locator(".rkw-preview pre").last).to_contain_text("At most nine words.")
    page.screenshot(path=SHOTS / "workbench editor.png")
    bench.get_by_label("Name of the new prompt").fill("nine-words")
    bench.get_by_label("What changed, in one line").fill("As contract, but at most nine words.")
    bench.get_by_role("button", name="Save as new").click()
    expect(bench.locator(".rkw-note")).to_contain_text("Saved as ../prompts/nine-words.prompt")
    expect(bench.get_by_role("button", name=re.compile(r"^Run 36$"))).to_be_visible(timeout=15_000)
    page.keyboard.press("Control+Enter")
    expect(bench.get_by_role("button", name="Show results")).to_be_visible(timeout=60_000)

    assert ["markdown", "code", "code"] == desk.cell_types()
    assert [] == desk.console


def test_no_shortcut_reaches_the_notebook(desk: Notebook) -> None:
    """On whatever the focus is, "a", "m" and "x" change no cell; every control has a name."""
    bench = workbench_in(desk)
    kinds, nameless = desk.cell_types(), []
    for tab in ("Compare", "Leaderboard", "Prompt"):
        bench.get_by_role("tab", name=tab).click()
        seen = bench.locator(f":is({FOCUSABLE}):not(.rk-grid *):not([data-lm-suppress-shortcuts])")
        assert 0 == seen.count()
        nameless += bench.locator(f":is({FOCUSABLE})").evaluate_all(
            "nodes => nodes.filter(n => !(n.textContent || n.ariaLabel || n.title || n.labels?.[0]?.textContent)).map(n => n.outerHTML)"
        )
    for one in bench.locator(".rkw-runbar, .rkw-side, .rkw-tabs").locator(FOCUSABLE).all()[::4]:
        if one.is_visible() and one.is_enabled() and (one.get_attribute("type") not in ("text", "search", "number")):
            one.focus()
            for key in ("a", "m", "x"):
                desk.page.keyboard.press(key)

    assert kinds == desk.cell_types()
    assert [] == nameless


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Dark High Contrast", "JupyterLab Light"])
def test_contrast(desk: Notebook, theme: str) -> None:
    """Every text stands out from its ground by 4.5 to 1 at least, in each theme."""
    page, bench = desk.page, workbench_in(desk)
    worst: list[Any] = [99, ""]
    desk.command("apputils:change-theme", theme=theme)
    page.wait_for_function(f"() => document.body.dataset.jpThemeName === {theme!r}")
    page.wait_for_timeout(400)  # the sheet of the theme takes effect
    for tab in ("Leaderboard", "Prompt"):
        bench.get_by_role("tab", name=tab).click()
        texts = ":is(.rkw-runbar, .rkw-side, .rkw-tabs, .rkw-board, .rkw-boardhead, .rkw-left, .rkw-preview, .rkw-code) :is(*):not(:empty, [aria-disabled=true])"
        worst = min(worst, bench.locator(texts).evaluate_all(CONTRAST))
        page.screenshot(path=SHOTS / f"workbench {theme} {tab}.png")

    assert worst[0] >= 4.5, worst[1]


def test_a_sweep_stopped_and_brought_back(opened: Callable[..., Notebook], lab: Lab) -> None:
    """Hostile titles are text; Stop works while a cell blocks; reload, restart and rerun bring all back, unsent."""
    texts = iter(HOSTILE * 30)
    hostile = json.dumps(json.dumps([each for each in HOSTILE if "\x00" not in each][:40]))
    with Loopback(lambda body, nth: next(texts), latency_s=0.4) as server:
        notebook = opened(
            f"import json, time, retitlekit as rk\nHOSTILE = json.loads({hostile})\n"
            "articles = [rk.Article(f'{n} {t[:80]}', t[:300] + ' before', f'{n} {t}') for n, t in enumerate(HOSTILE * 25)]\n"
            "prompts = [rk.Prompt('<img src=x onerror=window.pwned=1>', '{{ title }} {{ body }}')]\n"
            f"model = rk.Model('openai/model-a', api_base={server.base!r}, name='<svg onload=window.pwned=1>')",
            "bench = rk.workbench(articles, prompts, models=model, store='swept')\nbench",
            "until = time.time() + 60\n"
            "while globals().get('block') and time.time() < until and bench.progress['state'] != 'stopped': time.sleep(0.05)",
        )
        page, bench = notebook.page, workbench_in(notebook)
        bench.get_by_title("every article").click()
        bench.get_by_role("button", name=re.compile(r"^Run 1,000$")).click(timeout=20_000)
        expect(bench.locator(".rk-grid .rk-outcome").first).to_be_visible(timeout=30_000)
        expect(bench.get_by_role("status").first).to_contain_text(re.compile(r"^[1-9]\d* of 1,000"), timeout=30_000)
        assert notebook.python("globals().update(block=True)") is None
        page.evaluate(
            "() => { const c = jupyterapp.shell.currentWidget.content; c.activeCellIndex = 2; jupyterapp.commands.execute('notebook:run-cell'); }"
        )
        page.wait_for_function("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'busy'")
        bench.get_by_role("button", name="Stop", exact=True).click()
        expect(bench.get_by_role("status").first).to_contain_text(re.compile("Stopping|Scoring"), timeout=8_000)
        assert "running" == page.evaluate("jupyterapp.shell.currentWidget.content.model.cells.get(2).executionState")
        done(bench)
        sent = len(server.bodies)
        assert 0 < sent < 1000
        bench.get_by_role("tab", name="Prompt").click()
        expect(bench.locator(".rkw-preview pre").last).to_be_visible()
        assert 0 == bench.locator(FOREIGN.replace("form, ", "").replace("link, ", "")).count()

        notebook.reload()
        bench = workbench_in(notebook)
        expect(bench.get_by_role("tab", name="Prompt")).to_have_attribute("aria-selected", "true")
        done(bench)
        heard = [each for each in notebook.console if "WebSocket" not in each]
        page.evaluate("() => jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
        expect(bench.locator(".rkw-note")).to_contain_text("run the cell again", timeout=15_000)
        notebook.reload()  # a kernel that knows nothing of what is shown
        expect(page.get_by_text("A still picture")).to_be_visible(timeout=15_000)
        expect(page.locator(".rk-summary")).to_contain_text("trials have a title")
        expect(page.get_by_text("Error displaying widget")).to_be_hidden()
        page.screenshot(path=SHOTS / "workbench without kernel.png")
        notebook.run_all()
        bench = workbench_in(notebook)
        expect(bench.get_by_role("status").first).to_contain_text("nothing was sent", timeout=30_000)
        expect(bench.get_by_role("tab", name="Prompt")).to_have_attribute("aria-selected", "true")
        expect(page.get_by_text("A still picture")).to_be_hidden()

        assert sent == len(server.bodies)
        assert page.evaluate("window.pwned") is None
        assert [] == heard
