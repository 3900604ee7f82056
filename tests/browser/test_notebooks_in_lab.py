"""The notebooks as a person meets them: a real JupyterLab in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..conftest import ROOT
from .conftest import SHOTS
from .lab import Lab

pytestmark = pytest.mark.browser
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(lab: Lab, name: str) -> None:
    """Run All ends without an error in a cell or in the browser's console."""
    notebook = lab.open(f"notebooks/{name}")
    notebook.run_all()
    notebook.page.screenshot(path=SHOTS / f"{Path(name).stem}.png")

    assert [] == notebook.errors()
    assert [] == notebook.console


def test_the_first_notebook_shows_what_it_promises(lab: Lab) -> None:
    """A finished progress bar, the titles side by side with their differences, and the charts are on the page."""
    notebook = lab.open("notebooks/01_first_sweep.ipynb")
    notebook.command("notebook:toggle-all-cell-line-numbers")
    notebook.run_all()
    page = notebook.page

    for selector in (
        ".rk-grid del",
        ".rk-grid ins",
        ".jp-OutputArea-output img",
        ".jp-OutputArea-output .widget-hprogress",
    ):
        page.wait_for_selector(f".jp-Notebook {selector}", state="attached")
    assert page.locator(".jp-OutputArea-output img").count() >= 3
