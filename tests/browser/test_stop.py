"""The Stop button under a real mouse: heard while a cell blocks the kernel."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from .lab import Notebook

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("cell", ["time.sleep(3)", "await asyncio.sleep(3)"])
def test_a_click_is_heard_while_a_cell_runs(opened: Callable[..., Notebook], cell: str) -> None:
    """A click while a cell blocks or awaits is heard before that cell ends, once, and the kernel goes on."""
    notebook = opened(
        "import asyncio, time\nfrom retitlekit.widgets.stop import Stop\nevents = []\n"
        "stop = Stop(lambda: events.append('heard'))\nstop",
        "began = len(events)",
    )
    notebook.page.evaluate(
        "code => { window.rkFuture = jupyterapp.shell.currentWidget.sessionContext.session.kernel.requestExecute({ code }); }",
        f"events.append('began')\n{cell}\nevents.append('over')",
    )
    button = notebook.page.get_by_role("button", name="Stop", exact=True)
    expect(button).to_be_visible()
    notebook.page.wait_for_timeout(500)  # the cell runs
    button.click()

    assert ["began", "heard", "over"] == notebook.python("events")
    assert [] == notebook.console
