"""Take the pictures of the README in a real JupyterLab: ``python -m tests.browser.screenshots docs``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from .lab import running_lab

ROOT = Path(__file__).resolve().parent.parent.parent


def main(folder: str) -> None:
    """Run the first notebook and save what it shows."""
    with tempfile.TemporaryDirectory() as root:
        for name in ("data", "prompts", "notebooks"):
            shutil.copytree(ROOT / name, Path(root) / name, ignore=shutil.ignore_patterns(".*", "winners"))
        with running_lab(Path(root)) as lab:
            notebook = lab.open("notebooks/01_first_sweep.ipynb", size=(1440, 1000))
            notebook.run_all()
            notebook.command("application:toggle-left-area")
            page = notebook.page
            page.locator(".rk-grid del").first.scroll_into_view_if_needed()
            page.wait_for_timeout(500)  # the scroll ends
            page.screenshot(path=Path(folder) / "first_sweep.png")


if __name__ == "__main__":
    main(sys.argv[1])
