"""Take the pictures of the README in a real JupyterLab: ``python -m tests.browser.screenshots docs``."""

from __future__ import annotations

import re
import shutil
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from .lab import Lab, Notebook, running_lab, write_notebook

ROOT = Path(__file__).resolve().parent.parent.parent
CELLS = (
    """import retitlekit as rk
articles = rk.load_articles("data/articles.jsonl")
prompts = rk.load_prompts("prompts")
frame = rk.score(rk.sweep(prompts, articles, models=["baseline/lead-compress", "baseline/lexrank"], progress=False))
some = frame[frame.prompt.isin(["contract-lead", "limits", "question"])]
rk.report(some, "report.html", prompts=prompts, baseline="contract-lead · baseline/lexrank")
grid = rk.compare(some)
grid.baseline, grid.against = 0, "both"
grid""",
    "rk.vote(frame, voter='ana')",
)


def main(folder: str) -> None:
    """Run notebooks and save what they show."""
    target = Path(folder)
    with tempfile.TemporaryDirectory() as root:
        for name in ("data", "prompts", "notebooks"):
            shutil.copytree(ROOT / name, Path(root) / name, ignore=shutil.ignore_patterns(".*", "winners"))
        write_notebook(Path(root) / "views.ipynb", CELLS)
        with running_lab(Path(root)) as lab:
            ran = _opened(lab, "notebooks/01_first_sweep.ipynb")
            _seen(ran.page, ".rk-grid del").screenshot(path=target / "first_sweep.png")
            for dark in (False, True):
                ran = _opened(lab, "views.ipynb", dark=dark)
                grid, arena = ran.page.locator(".rk-grid"), ran.page.locator(".rk-arena")
                _seen(ran.page, ".rk-grid del")
                grid.screenshot(path=target / ("grid_dark.png" if dark else "grid.png"))
                if not dark:
                    arena.screenshot(path=target / "arena.png")
            ran = _opened(lab, "notebooks/workbench.ipynb")
            bench = ran.page.locator(".rk-workbench")
            bench.locator("[data-value='baseline/prefix']").uncheck()
            bench.get_by_role("button", name=re.compile(r"^Run \d+$")).click()
            expect(bench.get_by_role("status").first).to_contain_text("have a title", timeout=120_000)
            bench.scroll_into_view_if_needed()
            ran.page.screenshot(path=target / "workbench.png")
            page = lab.browser.new_context(viewport={"width": 1200, "height": 1250}).new_page()
            page.goto((Path(root) / "report.html").as_uri())
            _seen(page, ".rk-outcome")
            page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=target / "report.png")
    for name in ("first_sweep", "grid", "grid_dark", "arena", "report", "workbench"):
        picture = target / f"{name}.png"
        Image.open(picture).convert("RGB").quantize(96).save(picture, optimize=True)  # a third of the bytes


def _opened(lab: Lab, path: str, *, dark: bool = False) -> Notebook:
    notebook = lab.open(path, size=(1440, 1000))
    notebook.command("apputils:change-theme", theme="JupyterLab Dark" if dark else "JupyterLab Light")
    notebook.run_all()
    notebook.command("application:toggle-left-area")
    return notebook


def _seen(page: Page, selector: str) -> Page:
    page.locator(selector).first.scroll_into_view_if_needed()
    page.wait_for_timeout(500)  # the scroll ends
    return page


if __name__ == "__main__":
    main(sys.argv[1])
