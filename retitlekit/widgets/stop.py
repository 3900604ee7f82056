"""A button that works while a cell runs.

A kernel that runs a cell reads no clicks until the cell ends (ipykernel 6), or only while it awaits (7.4). It reads its
control channel all the while, in a thread of its own. So the button sends its click there too, and here the kernel is
told to take messages of widgets from there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

import anywidget
import traitlets as t

from retitlekit.widgets.view import source, told


class Stop(anywidget.AnyWidget):
    """A button for what must not wait, such as stopping a sweep: ``Stop(job.stop)``.

    Parameters
    ----------
    action : callable
        Called without arguments, at once and once for each click, on whatever thread hears it first: while a cell runs
        that is not the main one. It must be quick and safe to call from any thread; `Job.stop` is both.
    description : str
        What stands on the button.

    Attributes
    ----------
    disabled : bool
        Whether the button is dead.
    """

    _esm = source("titles.js", "control.js", "stop.js")
    _css = source("titles.css")

    comm_id = t.Unicode().tag(sync=True)
    description = t.Unicode("Stop").tag(sync=True)
    disabled = t.Bool(False).tag(sync=True)

    def __init__(self, action: Callable[[], object], *, description: str = "Stop", disabled: bool = False) -> None:
        self.one_at_a_time = threading.RLock()
        self._action = action
        self._presses = Presses()
        super().__init__(description=description, disabled=disabled)
        self.comm_id = self.model_id or ""  # none outside a notebook
        self.on_msg(self._heard)
        hear_while_busy()

    @told
    def _heard(self, _: object, message: Mapping[str, Any], __: object) -> None:
        if message.get("kind") == "pressed" and self._presses.new(message):
            self._action()


class Presses:
    """The presses of one button: each is sent by two ways, may come on two threads at once, and counts once."""

    def __init__(self) -> None:
        self._one_at_a_time = threading.Lock()
        self._numbers: set[str] = set()

    def new(self, message: Mapping[str, Any]) -> bool:
        """Whether this press has not come by the other way yet; asked once for each message."""
        number = str(message.get("press"))
        with self._one_at_a_time:
            known = number in self._numbers
            self._numbers.add(number)
        return not known


def hear_while_busy() -> bool:
    """Let the running kernel take messages of widgets from its control channel; False where there is no such kernel."""
    from IPython import get_ipython

    kernel = getattr(get_ipython(), "kernel", None)
    usual = getattr(kernel, "shell_handlers", {}).get("comm_msg")
    if kernel is None or usual is None or not hasattr(kernel, "control_handlers"):
        return False
    kernel.control_handlers.setdefault("comm_msg", usual)
    return True
