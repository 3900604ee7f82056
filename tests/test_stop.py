"""The Stop button, in a real kernel without a browser: heard at once, whatever the kernel does."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jupyter_client.blocking.client import BlockingKernelClient

from retitlekit.widgets.stop import Stop, hear_while_busy

from .headless import CELLS, kernel, pressed_while
from .loopback import Loopback


@pytest.fixture(scope="module")
def client() -> Iterator[BlockingKernelClient]:
    with kernel() as client:
        yield client


@pytest.mark.parametrize("cell", CELLS.values(), ids=CELLS)
def test_it_is_heard_before_the_cell_ends(client: BlockingKernelClient, cell: str, tmp_path: Path) -> None:
    """A press reaches the sweep while a cell blocks, awaits or waits for the sweep itself, and counts once."""
    with Loopback(latency_s=0.2) as server:
        events, _, end = pressed_while(client, cell, server.base, tmp_path)

    assert ["heard", *(["over"] if cell else [])] == events
    assert "finished" in end
    assert "2000 of 2000" not in end


def test_a_press_counts_once() -> None:
    """The same press by another way is not another press; a second press is."""
    pressed: list[int] = []
    stop = Stop(lambda: pressed.append(1))
    for press in ("a", "a", "b"):
        stop._handle_custom_msg({"kind": "pressed", "press": press}, [])

    assert [1, 1] == pressed


def test_what_the_action_raises_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An action that fails tells it on the button, where it would else be lost in a log."""
    told: list[dict[str, str]] = []
    stop = Stop(lambda: 1 / 0)
    monkeypatch.setattr(stop, "send", told.append)
    with pytest.raises(ZeroDivisionError):
        stop._heard(stop, {"kind": "pressed", "press": "a"}, [])

    assert [{"kind": "problem", "text": "ZeroDivisionError: division by zero"}] == told


def test_without_a_kernel() -> None:
    """Outside a notebook there is no control channel to listen on, and that is no error."""
    assert not hear_while_busy()
