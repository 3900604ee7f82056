"""Every error that retitlekit raises on purpose.

::

    RetitlekitError
    ├── ArticleError    an article, or the file it stands in, cannot be read
    ├── PromptError     a prompt file, its template or its name is wrong
    ├── ModelError      a model is unknown, has no key or does not answer
    │   └── CallError   one call failed; says whether another try can help
    ├── PlanError       a sweep was asked for that cannot be planned
    ├── FrameError      a DataFrame lacks the columns or values that a verb needs
    ├── ShortcodeError  a template of a publishing plugin has tags that would not work
    ├── PageError       a page cannot be read, or no safe title was found for it
    ├── StoreError      the store cannot be opened, read or written
    └── SweepError      a sweep was stopped by ``on_error="raise"``; carries the partial frame

Each message names the thing, the place and the fix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


class RetitlekitError(Exception):
    """Base of everything below: ``except rk.RetitlekitError`` catches it all."""


class ArticleError(RetitlekitError):
    """An article, or the file it stands in, cannot be read."""


class PromptError(RetitlekitError):
    """A prompt file, its template or its name is wrong."""


class ModelError(RetitlekitError):
    """A model is unknown, has no key, or its server does not answer."""


class CallError(ModelError):
    """One call to a model failed.

    Attributes
    ----------
    error_type : str
        Class name of the provider's exception, as LiteLLM maps it ("RateLimitError").
    retryable : bool
        Whether the same request may succeed later.
    retry_after : float or None
        Seconds the provider asks us to wait.
    status : int or None
        HTTP status of the answer; None when there was no answer.
    billed : bool
        Whether the provider may have charged for it: no answer came, or a garbled one.
    headers : mapping of str to str
        What the answer's header said of rate limits, names in lower case: ``retry-after``, ``x-ratelimit-…``.
    """

    def __init__(
        self,
        message: str,
        *,
        error_type: str,
        retryable: bool = False,
        retry_after: float | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(message)
        self.error_type = error_type
        self.retryable = retryable
        self.retry_after = retry_after
        self.status = status
        self.billed = billed
        self.headers = dict(headers or {})


class PlanError(RetitlekitError):
    """A sweep was asked for that cannot be planned: a temperature, a parameter, a number of repeats."""


class FrameError(RetitlekitError):
    """A DataFrame lacks the columns or values that a verb needs."""


class ShortcodeError(RetitlekitError):
    """A template of a publishing plugin has tags that would not work."""


class PageError(RetitlekitError):
    """A page cannot be read, or no safe title was found for it."""


class StoreError(RetitlekitError):
    """The store of responses cannot be opened, read or written."""


class SweepError(RetitlekitError):
    """A sweep was stopped at its first failed trial, as ``on_error="raise"`` asks.

    Attributes
    ----------
    frame : pandas.DataFrame
        Every row of the sweep; what was answered before the stop is filled in and is in the store.
    """

    def __init__(self, message: str, frame: pd.DataFrame) -> None:
        super().__init__(message)
        self.frame = frame


class RetitlekitWarning(UserWarning):
    """Something was repaired, skipped or left out; the message says what and where."""
