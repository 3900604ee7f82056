"""A sweep in a notebook, and what befalls it there: the stop of the toolbar, a restart, a second tab."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import expect

from ..loopback import Loopback
from .lab import Lab, Notebook
from .test_vote import CELLS as VOTE

pytestmark = pytest.mark.browser
Opened = Callable[..., Notebook]
TRIALS = 120


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(latency_s=0.25) as server:
        yield server


def cells(server: Loopback, store: str) -> tuple[str, str]:
    return (
        "import warnings, retitlekit as rk\nwarnings.simplefilter('ignore')\n"
        f"model = rk.Model('openai/model-a', api_base={server.base!r})\n"
        f"articles = [rk.Article(f'a{{n}}', f'Title {{n}}') for n in range({TRIALS})]\n"
        "trials = rk.plan([rk.Prompt('one', '{{ title }}')], articles, models=model)",
        f"frame = rk.run(trials, store={store!r}, max_concurrency=8)\nframe.status.value_counts()",
    )


def under_way(server: Loopback, least: int = 16) -> None:
    """Wait until some trials were answered, and most were not."""
    until = time.monotonic() + 30
    while sum(server.answered.values()) < least and time.monotonic() < until:
        time.sleep(0.02)
    assert least <= sum(server.answered.values()) < TRIALS


def start_last(notebook: Notebook) -> None:
    notebook.page.evaluate(
        "() => { const { content } = jupyterapp.shell.currentWidget; content.activeCellIndex = content.widgets.length - 1; "
        "jupyterapp.commands.execute('notebook:run-cell'); }"
    )


def prepared(opened: Opened, first: str, last: str) -> Notebook:
    """A notebook whose last cell has not run."""
    notebook = opened(first, "pass")
    notebook.page.evaluate(
        "code => jupyterapp.shell.currentWidget.content.model.cells.get(1).sharedModel.setSource(code)", last
    )
    return notebook


def test_interrupt(opened: Opened, server: Loopback) -> None:
    """The toolbar's stop ends `run` with the partial frame; running the cell again sends only the rest, each once."""
    notebook = prepared(opened, *cells(server, "interrupted"))
    start_last(notebook)
    under_way(server)
    notebook.page.get_by_role("button", name="Interrupt the kernel").click()
    counts: dict[str, int] = notebook.python("frame.status.value_counts().to_dict()")

    assert [] == notebook.errors()
    assert {"ok", "cancelled"} == {status for status, count in counts.items() if count}
    assert 16 <= counts["ok"] == sum(server.answered.values()) < TRIALS
    notebook.run_last()
    assert {"ok": TRIALS} == notebook.python("{s: int(n) for s, n in frame.status.value_counts().items() if n}")
    assert {1} == set(server.answered.values())
    assert TRIALS == len(server.answered)
    assert [] == notebook.console


def test_restart(opened: Opened, server: Loopback) -> None:
    """A kernel restarted in the midst of a sweep loses no answer that was stored; Run All then sends only what is missing."""
    notebook = prepared(opened, *cells(server, "restarted"))
    start_last(notebook)
    under_way(server)
    notebook.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.restart()")
    time.sleep(0.5)  # what was under way is over
    answered, asked = sum(server.answered.values()), len(server.bodies)
    notebook.run_all()

    assert {"ok": TRIALS} == notebook.python("{s: int(n) for s, n in frame.status.value_counts().items() if n}")
    again = len(server.bodies) - asked
    assert TRIALS - answered <= again <= TRIALS - answered + 8  # at most those that were under way were lost
    assert [] == notebook.errors()


def test_a_second_tab(lab: Lab, opened: Opened) -> None:
    """Two tabs of one notebook show the same pair and the same votes, whichever of them votes."""
    notebook = opened(
        VOTE[0],
        "import tempfile\nstore = tempfile.mkdtemp(dir='.')\narena = rk.vote(plain, voter='ana', store=store)\narena",
    )
    notebook.command("docmanager:save")
    other = lab.open(notebook.page.url.split("/tree/")[1].partition("?")[0])
    arenas = [each.page.locator(".rk-arena").first for each in (notebook, other)]
    try:
        for arena in arenas:
            expect(arena.locator(".rk-side")).to_have_count(2)
        for votes, arena in enumerate((*arenas, *arenas), 1):
            assert (
                arenas[0].locator(".rk-title").all_text_contents() == arenas[1].locator(".rk-title").all_text_contents()
            )
            arena.focus()
            arena.page.keyboard.press("12"[votes % 2])
            for each in arenas:
                expect(each).to_contain_text(f"{votes} vote")

        assert 4 == notebook.python("len(arena.to_frame())")
        assert [] == [*notebook.console, *other.console]
    finally:
        other.page.context.close()
