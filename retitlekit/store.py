"""The store: every response that was ever paid for, in one SQLite file.

A response is saved the moment it arrives, under its trial's id; the same trial is never sent twice.
WAL mode keeps what was saved when the process is killed, and lets several processes share one store.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import NamedTuple

from retitlekit.errors import StoreError

FORMAT = 1
_BUSY_S = 60.0
_SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at REAL NOT NULL, trials INTEGER NOT NULL, version TEXT NOT NULL
);
CREATE TABLE responses (
    trial_id BLOB PRIMARY KEY, run_id TEXT NOT NULL, started_at REAL NOT NULL, latency_s REAL,
    attempts INTEGER NOT NULL, completion TEXT NOT NULL, finish_reason TEXT, input_tokens INTEGER,
    output_tokens INTEGER, cost_usd REAL, effective_temperature REAL, model TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE batches (
    token TEXT PRIMARY KEY, batch_id TEXT, endpoint TEXT NOT NULL, submitted_at REAL NOT NULL, trials INTEGER NOT NULL,
    status TEXT NOT NULL
);
CREATE TABLE batch_trials (
    trial_id BLOB, token TEXT, open INTEGER NOT NULL, error_type TEXT, error TEXT, PRIMARY KEY (token, trial_id)
) WITHOUT ROWID;
CREATE INDEX batches_by_trial ON batch_trials (trial_id);
"""


class Response(NamedTuple):
    """One answered trial, as the store keeps it. `started_at` is in seconds since 1970, UTC.

    `latency_s` is None for an answer from a batch.
    """

    trial_id: str
    run_id: str
    started_at: float
    latency_s: float | None
    attempts: int
    completion: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    effective_temperature: float | None
    model: str


@dataclass(frozen=True)
class Batch:
    """Trials of one model that a provider answers within a day; what `submit_batch` gives and the store keeps.

    Attributes
    ----------
    token : str
        Our name for it, kept by the provider as metadata.
    batch_id : str or None
        The provider's name for it; None until the provider has confirmed it.
    endpoint : str
        How the model is reached, as in the frame.
    submitted_at : float
        Seconds since 1970, UTC.
    trials : int
    status : str
        "submitting", then in the provider's word when it was last asked: "in_progress", "completed", "expired" …
    """

    token: str
    batch_id: str | None
    endpoint: str
    submitted_at: float
    trials: int
    status: str


class Typical(NamedTuple):
    """What a model's stored responses were like on average; None where unknown."""

    responses: int
    latency_s: float | None
    output_tokens: float | None


class Store:
    """Responses in ``<folder>/store.sqlite``; the folder is made when it is missing.

    Parameters
    ----------
    folder : path-like

    Raises
    ------
    StoreError
        When it cannot be made, is no store, or was written by a newer retitlekit.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.path = Path(folder) / "store.sqlite"
        self._lock = threading.Lock()  # one connection serves the sweep's loop and the caller's thread
        with self._explained("open"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            self._create()
        ignore = self.path.with_name(".gitignore")
        if not ignore.exists():
            ignore.write_text("*\n")

    def _create(self) -> None:
        self._db.execute("BEGIN IMMEDIATE")  # two processes may open a new store at once
        try:
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            if found == 0:
                for statement in _SCHEMA.split(";"):
                    self._db.execute(statement)
                self._db.execute(f"PRAGMA user_version = {FORMAT}")
        finally:
            self._db.execute("COMMIT")
        if found > FORMAT:
            raise StoreError(
                f"{self.path} was written by a newer retitlekit (format {found}); upgrade, or name another"
            )

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; what was saved stays."""
        with self._lock:
            self._db.close()

    def begin(self, run_id: str, started_at: float, trials: int, version: str) -> None:
        """Note that a run began."""
        with self._lock, self._explained("write to"):
            self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (run_id, started_at, trials, version))

    def save(self, response: Response) -> None:
        """Keep one response, durably against the end of this process; the first one of a trial stays."""
        values = (bytes.fromhex(response.trial_id), *response[1:])
        marks = ", ".join("?" * len(values))
        with self._lock, self._explained("write to"):
            self._db.execute(f"INSERT OR IGNORE INTO responses VALUES ({marks})", values)  # noqa: S608 - marks only

    def find(self, trial_ids: Iterable[str]) -> dict[str, Response]:
        """The stored responses of these trials, by trial id."""
        found: dict[str, Response] = {}
        wanted = [bytes.fromhex(trial_id) for trial_id in trial_ids]
        for start in range(0, len(wanted), 500):
            some = wanted[start : start + 500]
            marks = ", ".join("?" * len(some))
            with self._lock, self._explained("read"):
                rows = self._db.execute(f"SELECT * FROM responses WHERE trial_id IN ({marks})", some)  # noqa: S608
                for row in rows:
                    trial_id = row[0].hex()
                    found[trial_id] = Response(trial_id, *row[1:])
        return found

    def typical(self, model: str) -> Typical:
        """What the stored responses of a model (its `endpoint`) were like, on average."""
        query = "SELECT count(*), avg(latency_s), avg(output_tokens) FROM responses WHERE model = ?"
        with self._lock, self._explained("read"):
            return Typical(*self._db.execute(query, (model,)).fetchone())

    # -- batches

    def save_batch(self, batch: Batch, trial_ids: Iterable[str] = ()) -> None:
        """Keep a batch, or its new state; `trial_ids` are its trials, given once."""
        with self._lock, self._explained("write to"), self._at_once():
            self._db.execute("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?)", astuple(batch))
            rows = [(bytes.fromhex(trial_id), batch.token) for trial_id in trial_ids]
            self._db.executemany("INSERT INTO batch_trials (trial_id, token, open) VALUES (?, ?, 1)", rows)

    def drop_batch(self, batch: Batch) -> None:
        """Forget a batch that the provider never took."""
        with self._lock, self._explained("write to"), self._at_once():
            for table in ("batches", "batch_trials"):
                self._db.execute(f"DELETE FROM {table} WHERE token = ?", (batch.token,))  # noqa: S608 - two constants

    def close_trials(self, batch: Batch, outcomes: Mapping[str, tuple[str, str] | None]) -> None:
        """Note that a batch is over for these trials: None when it was answered, else error type and error."""
        rows = [(*(told or (None, None)), bytes.fromhex(i), batch.token) for i, told in outcomes.items()]
        update = "UPDATE batch_trials SET open = 0, error_type = ?, error = ? WHERE trial_id = ? AND token = ?"
        with self._lock, self._explained("write to"), self._at_once():
            self._db.executemany(update, rows)

    def open_batches(self, trial_ids: Iterable[str]) -> dict[Batch, set[str]]:
        """Batches in which any of these trials is open, oldest first, with those trials."""
        found: dict[Batch, set[str]] = {}
        query = (
            "SELECT batches.*, hex(trial_id) FROM batch_trials JOIN batches USING (token) WHERE open "
            "ORDER BY submitted_at"
        )
        wanted = set(trial_ids)
        with self._lock, self._explained("read"):
            for *batch, trial_id in self._db.execute(query):
                if trial_id.lower() in wanted:
                    found.setdefault(Batch(*batch), set()).add(trial_id.lower())
        return found

    def batch_failures(self, trial_ids: Iterable[str]) -> dict[str, tuple[str, str, float]]:
        """Error type, error and time of submission, of trials whose last batch is over and did not answer them."""
        wanted = set(trial_ids)
        query = (
            "SELECT hex(trial_id), error_type, error, submitted_at, open FROM batch_trials JOIN batches USING (token) "
            "ORDER BY submitted_at"
        )
        with self._lock, self._explained("read"):
            last = {row[0].lower(): row[1:] for row in self._db.execute(query)}
        return {i: row[:3] for i, row in last.items() if i in wanted and row[0] is not None and not row[3]}

    @contextmanager
    def _at_once(self) -> Iterator[None]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as problem:
            fix = {
                "SQLITE_NOTADB": "it is no store; move it away or name another folder in store=",
                "SQLITE_CORRUPT": "it is damaged; move it away, or try `sqlite3 store.sqlite .recover`",
                "SQLITE_FULL": "the disk is full; free space and run again: what was answered before is stored",
                "SQLITE_READONLY": "it cannot be written; check the folder's permissions",
                "SQLITE_BUSY": f"another process held it for {_BUSY_S:g} s; stop that process or name another folder",
            }.get(problem.sqlite_errorname or "", "check the folder, or name another in store=")
            raise StoreError(f"cannot {verb} the store {self.path} ({problem}): {fix}") from problem
        except OSError as problem:
            raise StoreError(f"cannot {verb} the store {self.path}: {problem.strerror or problem}") from problem
