"""What all views share: their scripts, text that may travel, and problems that are shown instead of lost."""

from __future__ import annotations

import functools
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

import pandas as pd

from retitlekit.errors import RetitlekitError
from retitlekit.html import visible

LONGEST = 2_000
"""Characters of a title that travel; the rest is counted."""

Handler = TypeVar("Handler", bound=Callable[..., None])


def source(*names: str) -> str:
    """The scripts or style sheets of these names as one; no build step, no network."""
    return "\n".join(files("retitlekit.widgets").joinpath(name).read_text(encoding="utf-8") for name in names)


def told(handler: Handler) -> Handler:
    """Show in the view what went wrong in a callback, where it would else vanish in a log.

    One callback at a time: Jupyter may run two of them on two threads.
    """

    @functools.wraps(handler)
    def telling(self: Any, *args: Any) -> None:
        try:
            with self.one_at_a_time:
                handler(self, *args)
        except RetitlekitError as problem:
            self.send({"kind": "problem", "text": visible(problem)})
        except Exception as problem:
            self.send({"kind": "problem", "text": f"{type(problem).__name__}: {visible(problem)}"})
            raise

    return telling  # type: ignore[return-value]


def cut(text: object, longest: int = LONGEST) -> str:
    """Text as it may be shown, its end counted where it is too long."""
    whole = "" if text is None or text is pd.NA else str(text)
    rest = len(whole) - longest
    return visible(whole) if rest <= 0 else f"{visible(whole[:longest])} … and {rest:,} more characters"
