"""The notebooks as a person meets them: a real JupyterLab in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from ..conftest import ROOT
from .lab import Lab, running_lab

pytestmark = pytest.mark.browser
NOTEBOOKS = sorted(path.name for path in (ROOT / "notebooks").glob("*.ipynb"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    root = tmp_path_factory.mktemp("lab")
    for folder in ("data", "prompts", "notebooks"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns(".*", "winners"))
    with running_lab(root) as lab:
        yield lab


@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs(lab: Lab, name: str) -> None:
    """Run All ends without an error in a cell or in the browser's console."""
    notebook = lab.open(f"notebooks/{name}")
    notebook.run_all()
    shots = ROOT / "shots"
    shots.mkdir(exist_ok=True)
    notebook.page.screenshot(path=shots / f"{Path(name).stem}.png")

    assert [] == notebook.errors()
    assert [] == notebook.console


def test_the_first_notebook_shows_what_it_promises(lab: Lab) -> None:
    """A finished progress bar, the side-by-side table with its differences, and the charts are on the page."""
    notebook = lab.open("notebooks/01_first_sweep.ipynb")
    notebook.command("notebook:toggle-all-cell-line-numbers")
    notebook.run_all()
    page = notebook.page

    for selector in ("table del", "table ins", ".jp-OutputArea-output img", ".jp-OutputArea-output .widget-hprogress"):
        page.wait_for_selector(f".jp-Notebook {selector}", state="attached")
    assert page.locator(".jp-OutputArea-output img").count() >= 3
