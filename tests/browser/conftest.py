"""One JupyterLab and one chromium for all tests of a run; each test gets notebooks of its own."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import ROOT
from .lab import Lab, Notebook, running_lab, write_notebook

SHOTS = ROOT / "shots"


@pytest.fixture(scope="session")
def lab_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that JupyterLab shows."""
    root = tmp_path_factory.mktemp("lab")
    for folder in ("data", "prompts", "notebooks"):
        shutil.copytree(ROOT / folder, root / folder, ignore=shutil.ignore_patterns(".*", "winners"))
    SHOTS.mkdir(exist_ok=True)
    return root


@pytest.fixture(scope="session")
def lab(lab_root: Path) -> Iterator[Lab]:
    """A JupyterLab that is up, and a browser."""
    with running_lab(lab_root) as lab:
        yield lab


@pytest.fixture(scope="module")
def opened(lab: Lab, lab_root: Path) -> Iterator[Callable[..., Notebook]]:
    """Write cells into a notebook, open it and run it; kernels end with the module, and leave a last picture."""
    notebooks: dict[str, Notebook] = {}

    def open_cells(*cells: str, size: tuple[int, int] = (1400, 1000)) -> Notebook:
        name = secrets.token_hex(4)
        write_notebook(lab_root / f"{name}.ipynb", cells)
        notebooks[name] = lab.open(f"{name}.ipynb", size=size)
        notebooks[name].run_all()
        assert [] == notebooks[name].errors()
        return notebooks[name]

    yield open_cells
    for name, notebook in notebooks.items():
        notebook.page.screenshot(path=SHOTS / f"last {name}.png")
        notebook.close()
