"""What views share: scripts, text that may travel, problems that are told, and a still for when they are gone."""

from __future__ import annotations

import functools
import uuid
from collections.abc import Callable
from importlib.resources import files
from typing import Any, TypeVar

import pandas as pd

from retitlekit.errors import RetitlekitError
from retitlekit.html import card, visible

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


def show(widget: Any, line: str, still: Callable[[], str]) -> Callable[[str], None]:
    """Display a widget, and under it what is seen where the widget is not: a still picture of it.

    A notebook keeps no widgets, only their ids: opened again without the kernel that had them, JupyterLab shows an
    error in their place. The still has a style sheet that hides whichever of the two is not wanted.

    Parameters
    ----------
    widget : ipywidgets.DOMWidget
        Anything that ipywidgets can show, a box of views too.
    line : str
        What is seen where there is only text; a terminal gets the widget's whole `repr`.
    still : callable
        Gives HTML whose text went through `escape`. It is drawn once the widget is on its way.

    Returns
    -------
    callable
        Takes another still, to be seen from then on.
    """
    import IPython.display

    screen: Any = IPython.display
    widget.add_class(f"rk-live-{widget.model_id}")
    reference = {"version_major": 2, "version_minor": 0, "model_id": widget.model_id}
    bundle: dict[str, Any] = {"application/vnd.jupyter.widget-view+json": reference}
    if not hasattr(IPython.get_ipython(), "kernel"):
        screen.display(bundle | {"text/plain": repr(widget)}, raw=True)
        return lambda _: None
    # what has no widgets takes the empty text, and then the still
    bundle |= {"text/html": "", "text/plain": line}
    screen.display(bundle, raw=True)
    name = f"still-{uuid.uuid4().hex}"
    screen.display(_picture(widget, still()), raw=True, display_id=name)
    return lambda still: screen.update_display(_picture(widget, still), raw=True, display_id=name)


def _picture(widget: Any, still: str) -> dict[str, str]:
    """A still as it is displayed; in JupyterLab it waits a moment for its widget."""
    live, own = f".rk-live-{widget.model_id}", f"rk-still-{widget.model_id}"
    style = (
        f"body:has({live}) .{own} {{ display: none; }}"
        f".jp-OutputArea-child:not(:has({live})):has(+ .jp-OutputArea-child .{own}) {{ display: none; }}"
        f".jp-NotebookPanel .{own} {{ overflow: hidden; animation: rk-wait 1s; }}"
        "@keyframes rk-wait { from, to { max-height: 0; } }"
    )
    gone = '<p class="rk-told">A still picture: the kernel that drew it is gone. To work with it, run its cell.</p>'
    return {"text/html": f'<div class="{own}">{card(gone, style)}{still}</div>', "text/plain": ""}


def cut(text: object, longest: int = LONGEST) -> str:
    """Text as it may be shown, its end counted where it is too long."""
    whole = "" if text is None or text is pd.NA else str(text)
    rest = len(whole) - longest
    return visible(whole) if rest <= 0 else f"{visible(whole[:longest])} … and {rest:,} more characters"
