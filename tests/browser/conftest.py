"""One JupyterLab and one chromium for all tests of a run; each test gets notebooks of its own."""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..conftest import ROOT
from .lab import Lab, Notebook, running_lab

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
        kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
        listed = [
            {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
            for n, cell in enumerate(cells)
        ]
        notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": listed}
        (lab_root / f"{name}.ipynb").write_text(json.dumps(notebook))
        notebooks[name] = lab.open(f"{name}.ipynb", size=size)
        notebooks[name].run_all()
        assert [] == notebooks[name].errors()
        return notebooks[name]

    yield open_cells
    for name, notebook in notebooks.items():
        notebook.page.screenshot(path=SHOTS / f"last {name}.png")
        notebook.close()
