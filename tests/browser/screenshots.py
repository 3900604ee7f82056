"""Take the pictures of the README in a real JupyterLab: ``python -m tests.browser.screenshots docs``."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import expect

from .lab import running_lab

ROOT = Path(__file__).resolve().parent.parent.parent


def main(folder: str) -> None:
    """Run the first notebook and the workbench, and save what they show."""
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
            notebook.close()
            notebook = lab.open("notebooks/workbench.ipynb", size=(1440, 1000))
            notebook.run_all()
            notebook.command("application:toggle-left-area")
            bench = notebook.page.locator(".rk-workbench")
            bench.locator("[data-value='baseline/prefix']").uncheck()
            bench.get_by_role("button", name=re.compile(r"^Run \d+$")).click()
            expect(bench.get_by_role("status").first).to_contain_text("have a title", timeout=120_000)
            bench.scroll_into_view_if_needed()
            notebook.page.screenshot(path=Path(folder) / "workbench.png")


if __name__ == "__main__":
    main(sys.argv[1])
