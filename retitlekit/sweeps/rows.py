"""Rows: what a run brought, as the frame's columns; a title is extracted from each completion once.

The store keeps what was extracted together with a number that stands for the code that extracted it and the texts it
looked at. When either changes, the title is extracted anew.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from retitlekit import __version__, titles
from retitlekit.frame import COLUMNS, PLAN_COLUMNS, RUN_COLUMNS, STATUSES, typed
from retitlekit.prompts.sandbox import unseal
from retitlekit.store import Response
from retitlekit.titles import extract_title, leaks, wrappings


class Failure(NamedTuple):
    """A trial that ended without an answer."""

    started_at: float | None
    latency_s: float | None
    attempts: int
    error_type: str
    error: str


class Texts:
    """The messages, title and article behind each row: what an extraction looks at beside the completion.

    Attributes
    ----------
    extractors : numpy.ndarray of int64
        For each row the number that stands for the extracting code and for these texts.
    """

    def __init__(self, trials: pd.DataFrame) -> None:
        columns = [trials[name].astype("category").cat for name in ("messages", "original_title", "body")]
        self._values = [column.categories.to_list() for column in columns]
        self._codes = np.array([column.codes for column in columns], dtype=np.int64)
        self._instructions = lru_cache(maxsize=4096)(self._read_instructions)
        self._extract = lru_cache(maxsize=4096)(self._extract_title)
        alike = np.zeros(len(trials), dtype=np.int64)
        for codes, values in zip(self._codes, self._values, strict=True):
            alike = alike * (len(values) + 1) + codes
        _, first, place = np.unique(alike, return_index=True, return_inverse=True)
        self.extractors = np.array([self._extractor(row) for row in first], dtype=np.int64)[place]

    def titled(self, response: Response, row: int) -> Response:
        """The response with the title that this row's texts make of its completion."""
        extractor = int(self.extractors[row])
        if response.extractor == extractor:
            return response
        found = self._extract(response.completion, response.finish_reason, *self._codes[:, row].tolist())
        same = found.title == response.completion  # then one text in memory, not two
        title = response.completion if same else found.title
        return Response(*response[:12], title, ",".join(found.repairs), found.problem, extractor)

    def _extract_title(self, completion: str, finish_reason: str | None, *place: int) -> titles.Extraction:
        return extract_title(completion, finish_reason=finish_reason, instructions=self._instructions(*place))

    def _extractor(self, row: int) -> int:
        digest = blake2b(_code(), digest_size=8)
        for text in self._at(*self._codes[:, row]):
            digest.update(text.encode() + b"\0")
        return int.from_bytes(digest.digest(), "big", signed=True)

    def _at(self, *place: int) -> list[str]:
        return [str(values[code]) if code >= 0 else "" for values, code in zip(self._values, place, strict=True)]

    def _read_instructions(self, *place: int) -> str:
        """What the prompt says beside the article: echoing that is a leak, echoing the article is not."""
        messages, title, body = self._at(*place)
        text = unseal("\n".join(message["content"] for message in json.loads(messages)))
        for part in _parts(title, body):
            text = text.replace(part, " ")
        return text


@lru_cache(maxsize=256)
def _parts(title: str, body: str) -> list[str]:
    """Of an article: what a prompt may say after it without saying anything itself, the longest first."""
    return [part for text in (body, *body.split("\n\n"), title) if (part := unseal(text).strip())]


@lru_cache(maxsize=1)
def _code() -> bytes:
    """A hash of the code that extracts titles."""
    try:
        sources = [inspect.getsource(module) for module in (titles, wrappings, leaks)]
    except OSError:  # installed without sources
        sources = [__version__]
    return blake2b("\0".join(sources).encode(), digest_size=16).digest()


def sentence(error: str, most: int = 300) -> str:
    """An error as a sentence that another can follow."""
    text = " ".join(error[:most].split()) + ("…" if len(error) > most else "")
    return text if text.endswith((".", "!", "?", "…")) else f"{text}."


def answered(trials: pd.DataFrame) -> np.ndarray:
    """Which rows are answered already, in this frame."""
    if "status" not in trials or "completion" not in trials:
        return np.zeros(len(trials), dtype=bool)
    done = (trials["status"] == "ok") & trials["completion"].notna()
    return done.to_numpy(dtype=bool, na_value=False)


def fill(
    trials: pd.DataFrame,
    kept: np.ndarray,
    texts: Texts,
    *,
    run_id: str,
    responses: Mapping[str, Response],
    failures: Mapping[str, Failure],
    skipped: Collection[str],
    open_status: str,
) -> pd.DataFrame:
    """The frame of a run: `kept` rows as they are, all others with what happened to their trials."""
    rows = np.flatnonzero(~kept)
    ids = trials["trial_id"].to_numpy(dtype=object)[rows]
    found = [responses.get(trial_id) for trial_id in ids]
    at = np.array([response is not None for response in found], dtype=bool)
    here = [texts.titled(r, row) for r, row in zip(found, rows.tolist(), strict=True) if r is not None]
    ends = {i: failure for i in np.flatnonzero(~at).tolist() if (failure := failures.get(ids[i]))}
    columns = {}
    for name in RUN_COLUMNS:
        values = np.full(len(rows), None, dtype=object)
        if name == "status":
            values[:] = ["skipped_budget" if trial_id in skipped else open_status for trial_id in ids]
        values[at] = _answers(name, here, run_id)
        for i, failure in ends.items():
            values[i] = _failed(name, failure, run_id)
        columns[name] = _typed(name, values)
    new = pd.DataFrame(columns, index=rows, copy=False)
    if kept.any():
        old = typed(trials.loc[kept].reindex(columns=list(RUN_COLUMNS))).set_axis(np.flatnonzero(kept), axis=0)
        new = pd.concat([new, old]).sort_index()
        new["status"] = new["status"].astype(pd.CategoricalDtype(list(STATUSES)))
    others = [name for name in trials.columns if name not in PLAN_COLUMNS and name not in RUN_COLUMNS]
    parts = [trials[list(PLAN_COLUMNS)], new.set_axis(trials.index, axis=0), trials[others]]
    return pd.concat(parts, axis=1)


_SOURCE = {name: name for name in RUN_COLUMNS} | {"error_type": "problem"}  # of a column, in a Response


def _answers(name: str, responses: Sequence[Response], run_id: str) -> list[Any]:
    """A column of answered rows."""
    if name == "status":
        return ["ok"] * len(responses)
    if name == "cached":
        return [response.run_id != run_id for response in responses]
    if name == "error":
        return [None] * len(responses)
    return list(map(itemgetter(Response._fields.index(_SOURCE[name])), responses))


def _failed(name: str, failure: Failure, run_id: str) -> Any:
    """A field of a row that ended without an answer."""
    return {**failure._asdict(), "run_id": run_id, "cached": False, "status": "error"}.get(name)


_DTYPES = {column.name: column.dtype for column in COLUMNS}


def _typed(name: str, values: np.ndarray) -> Any:
    """An array of the column's dtype; None is missing."""
    dtype = _DTYPES[name]
    if dtype == "category":
        return pd.Categorical(values, categories=pd.Index(STATUSES))
    if dtype.startswith("datetime"):
        missing = pd.isna(values)
        micros = (np.where(missing, 0, values).astype(float) * 1e6).round().astype("datetime64[us]")
        micros[missing] = np.datetime64("NaT")
        return pd.DatetimeIndex(micros, tz="UTC").array
    make: Any = pd.array
    return make(values, dtype=dtype)
