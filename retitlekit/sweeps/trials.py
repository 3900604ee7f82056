"""Trials as they are sent: the rows of a frame, made into requests one at a time."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from retitlekit import models as _models
from retitlekit.models import Model


class Trial(NamedTuple):
    """One row as a request."""

    row: int
    trial_id: str
    model: Model
    messages: list[dict[str, str]]
    temperature: float | None
    params: dict[str, Any]
    repeat: int

    @property
    def size(self) -> int:
        """Bytes of all that is sent; a token has at least one."""
        return sum(len(message["content"].encode()) for message in self.messages)


class Trials:
    """The rows of a frame as trials; made when asked for, so that a million of them stay small."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.ids = frame["trial_id"].to_numpy(dtype=object)
        self._heat = frame["temperature"].astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        self._repeat = frame["repeat"].to_numpy(dtype=int)
        self._codes, self._values = {}, {}
        for name in ("model", "endpoint", "params", "messages"):
            column = frame[name].astype("category").cat
            self._codes[name], self._values[name] = column.codes.to_numpy(), column.categories.to_list()

    def __getitem__(self, row: int) -> Trial:
        heat = float(self._heat[row])
        return Trial(
            row,
            self.ids[row],
            self._model(row),
            _parsed(self._value("messages", row)),
            None if math.isnan(heat) else heat,
            _parsed(self._value("params", row)),
            int(self._repeat[row]),
        )

    def _value(self, column: str, row: int) -> str:
        return str(self._values[column][self._codes[column][row]])

    def _model(self, row: int) -> Model:
        return _model(self._value("endpoint", row), self._value("model", row))

    def endpoint(self, row: int) -> str:
        """Where a row is sent."""
        return self._value("endpoint", row)

    def models(self, rows: np.ndarray) -> list[Model]:
        """The models that these rows ask."""
        return [self._model(row) for row in self._first_of_each(rows, "endpoint", "model")]

    def kinds(self, rows: np.ndarray) -> list[Trial]:
        """One trial of each model and set of parameters among these rows."""
        return [self[row] for row in self._first_of_each(rows, "endpoint", "model", "params")]

    def by_model(self, rows: np.ndarray) -> Iterable[tuple[Model, np.ndarray]]:
        """The rows of each model, in their order."""
        codes = self._codes["endpoint"][rows]
        for code in dict.fromkeys(codes.tolist()):
            own = rows[codes == code]
            yield self._model(int(own[0])), own

    def _first_of_each(self, rows: np.ndarray, *columns: str) -> list[int]:
        table = pd.DataFrame({name: self._codes[name][rows] for name in columns})
        return [int(row) for row in rows[~table.duplicated().to_numpy()]]


_model = lru_cache(maxsize=256)(_models.from_endpoint)
_parsed = lru_cache(maxsize=1024)(json.loads)
