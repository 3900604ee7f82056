"""Work aside, so that the kernel stays free."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable

Work = Callable[[], None]


class Background:
    """A thread that does one thing after the other, and of each kind only the last that was asked for.

    Parameters
    ----------
    show : callable
        Told of every exception: in a thread nobody else would see it.
    """

    def __init__(self, show: Callable[[Exception], None]) -> None:
        self._show = show
        self._wanted: dict[str, Work] = {}
        self._at_work = 0
        self._changed = threading.Condition()
        self._working = False

    def later(self, what: str, work: Work) -> None:
        """Do this after what is wanted already, in the place of what was wanted under this name."""
        with self._changed:
            self._wanted.pop(what, None)
            self._wanted[what] = work
            if self._working:
                return
            self._working = True
        self.apart(self._work_off)

    def apart(self, work: Work, *, lasting: bool = False) -> None:
        """Do this in a thread of its own, beside everything else; the end of the program waits, unless `lasting`."""
        with self._changed:
            self._at_work += 1

        def done_apart() -> None:
            try:
                self._tried(work)
            finally:
                with self._changed:
                    self._at_work -= 1
                    self._changed.notify_all()

        # In a copied context: without the kernel's, ipykernel 7.0 cannot send what the thread changes. A daemon that is
        # stopped while it imports keeps the lock, and LiteLLM imports once more when the interpreter ends: for ever.
        threading.Thread(target=contextvars.copy_context().run, args=(done_apart,), daemon=lasting).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way any more; False when it still is after so many seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._at_work, timeout)

    def _work_off(self) -> None:
        while True:
            with self._changed:
                if not self._wanted:
                    self._working = False
                    return
                work = self._wanted.pop(next(iter(self._wanted)))
            self._tried(work)

    def _tried(self, work: Work) -> None:
        try:
            work()
        except Exception as problem:  # noqa: BLE001 - shown in the view, the only place where it is seen
            self._show(problem)
