"""The store: every response that was ever paid for, in one SQLite file.

A response is saved the moment it arrives, under its trial's id; the same trial is never sent twice.
WAL mode keeps what was saved when the process is killed, and lets several processes share one store.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
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
    trial_id BLOB PRIMARY KEY, run_id TEXT NOT NULL, started_at REAL NOT NULL, latency_s REAL NOT NULL,
    attempts INTEGER NOT NULL, completion TEXT NOT NULL, finish_reason TEXT, input_tokens INTEGER,
    output_tokens INTEGER, cost_usd REAL, effective_temperature REAL, model TEXT NOT NULL
) WITHOUT ROWID;
"""


_NOTES = "CREATE TABLE IF NOT EXISTS notes (kind TEXT, id TEXT, line TEXT NOT NULL, PRIMARY KEY (kind, id))"


class Response(NamedTuple):
    """One answered trial, as the store keeps it. `started_at` is in seconds since 1970, UTC."""

    trial_id: str
    run_id: str
    started_at: float
    latency_s: float
    attempts: int
    completion: str
    finish_reason: str | None
    input_tokens: int | None
    output_tokens: int | None
    cost_usd: float | None
    effective_temperature: float | None
    model: str


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
            if found <= FORMAT:
                self._db.execute(_NOTES)  # came after the first stores
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

    def note(self, kind: str, note_id: str, line: str) -> None:
        """Keep a line of another room, such as a vote; lines are only ever added, and each id once."""
        with self._lock, self._explained("write to"):
            self._db.execute("PRAGMA synchronous = FULL")  # a click cannot be paid for again
            self._db.execute("INSERT OR IGNORE INTO notes VALUES (?, ?, ?)", (kind, note_id, line))
            self._db.execute("PRAGMA synchronous = NORMAL")

    def notes(self, kind: str) -> list[str]:
        """All lines of a kind, in the order in which they came."""
        with self._lock, self._explained("read"):
            rows = self._db.execute("SELECT line FROM notes WHERE kind = ? ORDER BY rowid", (kind,))
            return [line for (line,) in rows]

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
