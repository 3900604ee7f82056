"""The README's code runs."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

import retitlekit as rk

from .conftest import ROOT

BLOCKS = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_python_of_the_readme_runs(tmp_path: Path) -> None:
    """All Python blocks run, one after the other, in a fresh folder with the shipped files."""
    for folder in ("data", "prompts"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(block, names)

    assert Path(names["winner"]).exists()
    assert isinstance(names["model"], rk.Model)


def test_the_session_is_as_short_as_promised() -> None:
    """The session of the README has twelve lines."""
    assert 12 == len([line for line in BLOCKS[0].splitlines() if line.strip()])


@pytest.mark.parametrize(
    "page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/design.md", "docs/reference.md", "docs/cluster.md"]
)
def test_links_lead_somewhere(page: str) -> None:
    """Every relative link of the docs leads to a file that is there."""
    path = ROOT / page
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", path.read_text())

    assert [] == [target for target in targets if not (path.parent / target).exists()]
