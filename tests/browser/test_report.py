"""The report as a colleague opens it: from disk, without Jupyter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from playwright.sync_api import Page, expect

import retitlekit as rk
from retitlekit.frame import typed

from .conftest import SHOTS
from .lab import Lab
from .payloads import FOREIGN, HOSTILE

pytestmark = pytest.mark.browser


def trial(n: int, prompt: str, title: str | None, **more: object) -> dict[str, object]:
    usual = {
        "trial_id": f"{n}{prompt}", "article": f"article {n}", "original_title": f"{title} before", "prompt": prompt,
        "model": "<img src=x onerror=window.pwned=1>", "temperature": 0.0, "repeat": 1, "status": "ok", "title": title,
        "body": title, "completion": title, "messages": '[{"role": "user", "content": "<script>window.pwned=1</script>"}]',
        "gate_width": True, "passed": True, "cost_usd": n / 1e4,
    }  # fmt: skip
    return {**usual, **more}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rows = [trial(n, prompt, f"{text} {prompt}") for n, text in enumerate(HOSTILE) for prompt in ("one", "two")]
    rows[1] |= {"title": None, "status": "error", "error_type": "Timeout", "error": "<svg onload=window.pwned=1>"}
    rows[3] |= {"gate_width": False, "passed": False, "why_width": "too wide"}
    prompt = rk.Prompt("one", "User:\n<script>window.pwned=1</script> {{ title | safe }}")
    path = tmp_path_factory.mktemp("report") / "report.html"
    return rk.report(typed(pd.DataFrame(rows)), path, prompts=[prompt], title=HOSTILE[0])


@pytest.fixture
def page(lab: Lab, path: Path) -> Iterator[Page]:
    page = lab.browser.new_context(viewport={"width": 1400, "height": 1000}).new_page()
    page.rk_heard = []  # type: ignore[attr-defined]
    page.on("console", lambda message: page.rk_heard.append(message.text))  # type: ignore[attr-defined]
    page.on("pageerror", lambda error: page.rk_heard.append(str(error)))  # type: ignore[attr-defined]
    page.on(
        "request",
        lambda asked: page.rk_heard.append(asked.url) if not asked.url.startswith(("file:", "data:")) else None,
    )  # type: ignore[attr-defined]
    page.goto(path.as_uri())
    expect(page.locator(".rk-outcome").first).to_be_visible()
    yield page
    page.context.close()


def test_it_opens_quietly(page: Page) -> None:
    """It opens from disk with its charts drawn, and neither asks the network nor says a word in the console."""
    drawn = page.locator(".rk-charts img").evaluate_all("nodes => nodes.map(n => n.complete && n.naturalWidth > 100)")
    page.screenshot(path=SHOTS / "report.png", full_page=True)

    assert [True, True] == drawn
    assert [] == page.rk_heard  # type: ignore[attr-defined]


def test_its_grid(page: Page) -> None:
    """Search, chips, sort, columns and the panel work as in the notebook, by mouse and by keys; what needs a kernel is not offered."""
    grid, status = page.locator(".rk-grid"), page.get_by_role("status")
    rows = len(HOSTILE)
    expect(status).to_have_text(f"{rows} rows")
    grid.get_by_role("button", name="errors").click()
    expect(status).to_have_text(f"1 of {rows} rows")
    expect(grid.locator("[data-cell='1'] .rk-bad")).to_have_text("⚠ Timeout")
    grid.get_by_role("button", name="errors").click()
    grid.get_by_role("button", name="disagreeing").click()
    expect(status).to_have_text(f"1 of {rows} rows")
    expect(grid.locator("[data-cell='1'] .rk-chip.rk-bad")).to_have_attribute("title", "too wide")
    grid.get_by_role("button", name="disagreeing").click()
    page.get_by_label("search titles").fill("marquee")
    expect(status).to_have_text(f"4 of {rows} rows")
    page.get_by_label("search titles").fill("")
    grid.get_by_label("Sort").select_option("cost_usd")
    grid.get_by_role("button", name="descending").click()
    expect(grid.locator('[data-at="0"] .rk-first small')).to_have_text(f"article {rows - 1}")
    grid.get_by_label("Sort").select_option("")
    grid.get_by_role("button", name="descending").click()
    grid.get_by_text("Columns").click()
    grid.get_by_label("one").uncheck()
    expect(grid.locator(".rk-head .rk-cell")).to_have_count(2)
    grid.get_by_role("grid").focus()
    page.keyboard.press("Enter")
    expect(grid.locator(".rk-panel h4")).to_have_text("two")
    page.keyboard.press("Escape")
    page.keyboard.press("m")
    page.keyboard.press("End")
    expect(grid.locator(f'[data-at="{rows - 1}"]')).to_be_visible()

    assert 0 == grid.get_by_text("Retry").count() == grid.get_by_text("Blind").count()
    assert [] == page.rk_heard  # type: ignore[attr-defined]


def test_hostile_text_is_text(page: Page) -> None:
    """More than a hundred texts that would run a script are shown to the letter, in title, grid, panel and prompts."""
    grid = page.locator(".rk-grid")
    grid.get_by_role("grid").focus()
    page.keyboard.press("Enter")
    seen = set()
    for number in range(len(HOSTILE)):
        expect(grid.locator(".rk-panel h3")).to_have_text(
            grid.locator(f'[data-at="{number}"] .rk-first > div').text_content() or ""
        )
        seen.add(grid.locator(f'[data-at="{number}"] [data-cell="0"]').text_content())
        page.keyboard.press("ArrowDown")

    assert len(seen) > 100
    assert any("<script>window.pwned=1</script>" in (each or "").replace("\u2009", "") for each in seen)
    assert 0 == grid.locator(FOREIGN).count()
    assert 2 == page.locator("body script").count()
    assert page.evaluate("window.pwned") is None
    assert [] == page.rk_heard  # type: ignore[attr-defined]
