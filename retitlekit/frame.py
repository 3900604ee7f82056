"""The frame: one row per trial, the only currency between the parts.

`COLUMNS` declares every column once, with its dtype, its writer and its meaning; everything else asks here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from retitlekit.errors import FrameError

if TYPE_CHECKING:
    import pandas as pd

STATUSES = ("planned", "ok", "error", "skipped_budget", "cancelled")


@dataclass(frozen=True)
class Column:
    """One column: `dtype` as pandas spells it; `writer` is the verb that fills it."""

    name: str
    dtype: str
    writer: str
    meaning: str


COLUMNS = (
    Column("trial_id", "string", "plan", "hash of all that decides the response: messages, model, parameters, repeat"),
    Column("article", "category", "plan", "article id"),
    Column("original_title", "category", "plan", "the title the article has now"),
    Column("body", "category", "plan", "the article's text, so that a frame can be scored and read without its files"),
    Column("prompt", "category", "plan", "the variant's name"),
    Column("prompt_sha", "category", "plan", "hash of the prompt's text: names get edited, the hash tells"),
    Column("model", "category", "plan", "LiteLLM id, or the name given to a Model"),
    Column("endpoint", "category", "plan", "how the model is reached (JSON): id, api_base, api_key_env, caps; no key"),
    Column("temperature", "Float64", "plan", "requested temperature; <NA> is the provider's default"),
    Column("params", "category", "plan", "every other sampling parameter (JSON)"),
    Column("repeat", "Int64", "plan", "1 … repeats"),
    Column("messages", "category", "plan", "exactly what is sent (JSON list of role and content)"),
    Column("run_id", "string", "run", "the execution that got the response"),
    Column("started_at", "datetime64[us, UTC]", "run", "when the call began, UTC"),
    Column("latency_s", "Float64", "run", "wall seconds of the call that was answered"),
    Column("attempts", "Int64", "run", "requests sent for this trial; 0 when none was"),
    Column("cached", "boolean", "run", "served from the store"),
    Column("status", "category", "run", "planned, ok, error, skipped_budget or cancelled"),
    Column("completion", "string", "run", "verbatim answer, never cleaned"),
    Column("finish_reason", "string", "run", "why the model stopped, in the provider's word"),
    Column("title", "string", "run", "the title extracted from the completion; <NA> when it holds none"),
    Column("repairs", "string", "run", "codes of every repair the title needed, comma-separated"),
    Column("input_tokens", "Int64", "run", "tokens read; <NA> when unknown"),
    Column("output_tokens", "Int64", "run", "tokens written; <NA> when unknown"),
    Column("cost_usd", "Float64", "run", "US dollars; <NA> when unknown, never 0 for that"),
    Column("effective_temperature", "Float64", "run", "the temperature that was really sent"),
    Column(
        "error_type", "string", "run", "the provider's exception class, or why a completion holds no title (Refusal …)"
    ),
    Column("error", "string", "run", "the provider's message, secrets removed"),
)
_BY_NAME = {column.name: column for column in COLUMNS}
PLAN_COLUMNS = tuple(column.name for column in COLUMNS if column.writer == "plan")
RUN_COLUMNS = tuple(column.name for column in COLUMNS if column.writer == "run")


def check(frame: pd.DataFrame, *, needs: Iterable[str]) -> None:
    """Raise a `FrameError` that names every missing column and the verb that writes it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Any frame; columns of the user's own are welcome.
    needs : iterable of str
        Names of the columns that must be there.

    Examples
    --------
    >>> import pandas as pd
    >>> check(pd.DataFrame({"article": ["a"]}), needs=["article"])
    """
    import pandas as pd

    if not isinstance(frame, pd.DataFrame):
        raise FrameError(f"expected a pandas DataFrame, got {type(frame).__name__}")
    missing = [name for name in needs if name not in frame.columns]
    if missing:
        raise FrameError("the frame has no " + "; no ".join(f"`{name}` ({_origin(name)})" for name in missing))


def _origin(name: str) -> str:
    if name in _BY_NAME:
        return f"written by {_BY_NAME[name].writer}()"
    if name.startswith(("gate_", "score_")) or name == "passed":
        return "written by score()"
    return "not a column of retitlekit"


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """Give every declared column its declared dtype and every gate and score theirs; returns a new frame."""
    dtypes = {name: _dtype(name) for name in frame.columns}
    changes = {name: dtype for name, dtype in dtypes.items() if dtype and str(frame[name].dtype) != dtype}
    return frame.astype(changes) if changes else frame.copy()


def _dtype(name: str) -> str | None:
    if name in _BY_NAME:
        return _BY_NAME[name].dtype
    if name.startswith("score_"):
        return "Float64"
    return "boolean" if name.startswith("gate_") or name == "passed" else None


def write_frame(frame: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a frame as Parquet, atomically; dtypes, categories included, come back with `read_frame`.

    Parameters
    ----------
    frame : pandas.DataFrame
    path : path-like
        Its folder must exist. An existing file is replaced.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    FrameError
        When the folder is missing or a column cannot be stored as Parquet.

    Examples
    --------
    >>> rk.write_frame(frame, tmp / "sweep.parquet").name
    'sweep.parquet'
    """
    import pyarrow as pa

    target = Path(path)
    if not target.parent.is_dir():
        raise FrameError(f"cannot write {target}: the folder {target.parent} does not exist")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        # a category of long texts must stay a dictionary on disk, else each row repeats its text
        frame.to_parquet(part, engine="pyarrow", dictionary_pagesize_limit=2**30)
        part.replace(target)
    except (pa.lib.ArrowException, OSError) as problem:
        part.unlink(missing_ok=True)
        raise FrameError(f"cannot write {target}: {problem}") from problem
    return target


def read_frame(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a frame that `write_frame` wrote (or any Parquet file with the frame's columns).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    pandas.DataFrame
        With the dtypes of `COLUMNS`.

    Raises
    ------
    FrameError
        When the file is missing or is no Parquet file.

    Examples
    --------
    >>> rk.read_frame(rk.write_frame(frame, tmp / "sweep.parquet")).equals(frame)
    True
    """
    import pandas as pd
    import pyarrow as pa

    try:
        return typed(pd.read_parquet(path, engine="pyarrow"))
    except FileNotFoundError as problem:
        raise FrameError(f"there is no frame at {path}") from problem
    except (pa.lib.ArrowException, OSError) as problem:
        raise FrameError(f"{path} is not a Parquet file that can be read: {problem}") from problem
