"""What is left of a view when its kernel is gone: a still picture, and never an error box."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from .conftest import SHOTS
from .lab import Lab, Notebook
from .test_compare import FRAME, GRID
from .test_vote import CELLS as VOTE

pytestmark = pytest.mark.browser
DEAD = ("Error displaying widget", "model not found", "Loading widget")
SHUT_DOWN = """async () => { window.rkShut = false;
  await window.jupyterapp.shell.currentWidget.sessionContext.shutdown(); window.rkShut = true; }"""


@pytest.fixture(scope="module")
def saved(opened: Callable[..., Notebook]) -> Notebook:
    """A notebook with a grid and an arena, saved while they lived."""
    notebook = opened(
        FRAME, GRID, VOTE[0], "import tempfile\nrk.vote(plain, voter='ana', store=tempfile.mkdtemp(dir='.'))"
    )
    expect(notebook.page.locator(".rk-grid .rk-outcome").first).to_be_visible()
    expect(notebook.page.locator(".rk-arena .rk-side").first).to_be_visible()
    expect(notebook.page.get_by_text("A still picture").first).to_be_hidden()
    notebook.command("docmanager:save")
    return notebook


def no_box(page: Page) -> None:
    """A still of the grid and one of the arena are seen, and nothing that speaks of errors."""
    stills = page.get_by_text("A still picture")
    expect(stills.first).to_be_visible()
    expect(stills).to_have_count(2)
    expect(page.locator(".rk-compare del").first).to_be_visible()
    expect(page.get_by_text("0 votes of ana")).to_be_visible()
    for text in DEAD:
        assert 0 == page.get_by_text(text).locator("visible=true").count(), text


def test_reopened_with_a_new_kernel(saved: Notebook, lab: Lab) -> None:
    """Shut down and opened again, trusted, with another kernel: stills and no error box; a run brings the views back."""
    saved.page.evaluate(SHUT_DOWN)
    saved.page.wait_for_function("() => window.rkShut")
    saved.reload()
    no_box(saved.page)
    saved.page.wait_for_timeout(1500)
    no_box(saved.page)
    saved.page.screenshot(path=SHOTS / "still.png")

    saved.run_all()
    expect(saved.page.locator(".rk-grid .rk-outcome").first).to_be_visible()
    expect(saved.page.get_by_text("A still picture").first).to_be_hidden()
    expect(saved.page.locator(".rk-compare").first).to_be_hidden()


def test_reopened_after_a_restart(saved: Notebook) -> None:
    """A restart leaves the views, which say that the kernel is gone; saved and reloaded they are stills."""
    page = saved.page
    page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    expect(page.locator(".rk-grid [role=status]")).to_contain_text("kernel is gone", timeout=15_000)
    expect(page.locator(".rk-arena [role=status]")).to_contain_text("kernel is gone", timeout=15_000)
    saved.reload()
    no_box(page)


def test_opened_by_somebody_else(saved: Notebook, lab_root: Path, lab: Lab) -> None:
    """In a notebook that is not trusted, nothing of whose making runs, the stills are seen too."""
    path = next(each for each in lab_root.glob("*.ipynb") if each.name in saved.page.url)
    (lab_root / "sent.ipynb").write_text(path.read_text().replace("rk.vote(", "rk.vote (", 1))
    notebook = lab.open("sent.ipynb")
    try:
        no_box(notebook.page)
    finally:
        notebook.close()


def test_as_a_web_page(saved: Notebook, lab_root: Path, lab: Lab) -> None:
    """The page of nbconvert shows titles and differences once, with no network and no kernel."""
    path = next(each for each in lab_root.glob("*.ipynb") if each.name in saved.page.url)
    convert = [sys.executable, "-m", "nbconvert", "--to", "html", str(path)]
    subprocess.run(convert, check=True, capture_output=True)
    page = lab.browser.new_context(viewport={"width": 1400, "height": 1000}, offline=True).new_page()
    try:
        page.goto(path.with_suffix(".html").as_uri())
        no_box(page)
        page.screenshot(path=SHOTS / "nbconvert.png")

        assert 1 == page.locator(".rk-compare").count()
    finally:
        page.context.close()
