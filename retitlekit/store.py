"""The store: every response that was ever paid for, in one SQLite file.

A response is kept under its trial's id the moment it arrives; the same trial is never sent twice. One thread writes,
a batch at a time, so that the sweep never waits for the disk, and each batch is on the disk before its rows count.
WAL mode keeps what was written when the process is killed, and lets several processes share one store.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import astuple, dataclass
from itertools import chain
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple

from retitlekit.errors import StoreError

FORMAT = 2
_BUSY_S = 60.0
_BATCH = 4000
_GATHER_S = 0.01
_CACHE_KB = 65_536  # the index of two million trials; else writing slows down as the store grows
_ASKED_AT_ONCE = 4000
_RECENT = 10_000
_SCHEMA = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at REAL NOT NULL, trials INTEGER NOT NULL, version TEXT NOT NULL
);
CREATE TABLE endpoints (number INTEGER PRIMARY KEY, endpoint TEXT NOT NULL UNIQUE);
CREATE TABLE responses (
    trial_id BLOB NOT NULL, run_id TEXT NOT NULL, started_at REAL NOT NULL, latency_s REAL,
    attempts INTEGER NOT NULL, completion TEXT NOT NULL, finish_reason TEXT, input_tokens INTEGER,
    output_tokens INTEGER, cost_usd REAL, effective_temperature REAL, endpoint INTEGER NOT NULL REFERENCES endpoints,
    title TEXT, repairs TEXT, problem TEXT, extractor INTEGER
);
CREATE UNIQUE INDEX responses_by_trial ON responses (trial_id);
CREATE TABLE batches (
    token TEXT PRIMARY KEY, batch_id TEXT, endpoint TEXT NOT NULL, submitted_at REAL NOT NULL, trials INTEGER NOT NULL,
    status TEXT NOT NULL
);
CREATE TABLE batch_trials (
    trial_id BLOB, token TEXT, open INTEGER NOT NULL, error_type TEXT, error TEXT, PRIMARY KEY (token, trial_id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX open_in_one_batch ON batch_trials (trial_id) WHERE open;
"""
_FROM_FORMAT_1 = f"""
ALTER TABLE responses RENAME TO old_responses;
ALTER TABLE runs RENAME TO old_runs;
{_SCHEMA}
INSERT INTO runs SELECT * FROM old_runs;
INSERT INTO endpoints (endpoint) SELECT DISTINCT model FROM old_responses;
INSERT INTO responses
    SELECT trial_id, run_id, started_at, latency_s, attempts, completion, finish_reason, input_tokens, output_tokens,
        cost_usd, effective_temperature, number, NULL, NULL, NULL, NULL
    FROM old_responses JOIN endpoints ON endpoint = model ORDER BY started_at;
DROP TABLE old_responses;
DROP TABLE old_runs;
"""  # noqa: S608 - a constant


_NOTES = "CREATE TABLE IF NOT EXISTS notes (kind TEXT, id TEXT, line TEXT NOT NULL, PRIMARY KEY (kind, id))"


class Response(NamedTuple):
    """One answered trial, as the store keeps it. `started_at` is in seconds since 1970, UTC.

    `latency_s` is None for an answer from a batch. `title`, `repairs` and `problem` are what was extracted from the
    completion by `extractor`, a number that stands for the code that extracted and the texts it looked at; None before.
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
    title: str | None = None
    repairs: str | None = None
    problem: str | None = None
    extractor: int | None = None


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
    landed : callable, optional
        Called by the writing thread with each batch of responses once it is on the disk.

    Attributes
    ----------
    lost : list of Response
        What could not be written.

    Raises
    ------
    StoreError
        When it cannot be made, is no store, or was written by a newer retitlekit.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, landed: Callable[[Sequence[Response]], object] | None = None
    ) -> None:
        if not isinstance(folder, str | os.PathLike):
            raise StoreError(f"store= takes the path of a folder, not {folder!r}")
        self.path = Path(folder) / "store.sqlite"
        self.landed = landed
        self.lost: list[Response] = []
        self._lock = threading.Lock()  # callers may be threads
        self._waiting: SimpleQueue[Response | threading.Event | None] = SimpleQueue()
        self._writer: threading.Thread | None = None
        self._problem: StoreError | None = None
        self._closed = False
        self._hurry = threading.Event()  # somebody waits for the disk
        with self._explained("open"):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._db = self._connect()
            self._create()
        ignore = self.path.with_name(".gitignore")
        if not ignore.exists():
            ignore.write_text("*\n")

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- writing

    def keep(self, response: Response) -> None:
        """Hand one response to the writer and return at once; the first response of a trial stays.

        Raises
        ------
        StoreError
            When an earlier response could not be written, or the store is closed; this one is `lost` too.
        """
        if self._problem is not None or self._closed:
            self.lost.append(response)
            raise self._problem or StoreError(f"the store {self.path} is closed")
        self._waiting.put(response)
        if self._writer is None:
            self._start()

    def save(self, response: Response) -> None:
        """`keep`, and wait until it is on the disk."""
        self.keep(response)
        self.flush()

    @property
    def backlog(self) -> int:
        """Responses that wait for the writer."""
        return self._waiting.qsize()

    def flush(self) -> None:
        """Wait until all that was kept is on the disk."""
        if self._writer is not None and not self._closed:
            done = threading.Event()
            self._waiting.put(done)
            self._hurry.set()
            done.wait()
        if self._problem is not None:
            raise self._problem

    def close(self) -> None:
        """Write what waits, and close the file.

        Raises
        ------
        StoreError
            When something could not be written; `lost` holds it.
        """
        closed, self._closed = self._closed, True
        if self._writer is not None and not closed:
            self._waiting.put(None)
            self._hurry.set()
            self._writer.join()
            self._leave_behind()
        with self._lock:
            self._db.close()
        if self._problem is not None:
            raise self._problem

    def _leave_behind(self) -> None:
        """What other threads handed over while the store was being closed is lost, and nobody waits for it."""
        with suppress(Empty):
            while True:
                item = self._waiting.get_nowait()
                if isinstance(item, Response):
                    self.lost.append(item)
                    self._problem = self._problem or StoreError(f"the store {self.path} was closed while it was used")
                elif item is not None:
                    item.set()

    def _start(self) -> None:
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write, name="retitlekit store", daemon=True)
                self._writer.start()

    def _write(self) -> None:
        """The writer: whatever has come meanwhile is one transaction."""
        db: sqlite3.Connection | None = None
        endpoints: dict[str, int] = {}
        for batch, asked in self._batches():
            try:
                if batch and self._problem is None:
                    with self._explained("write to"):
                        db = db or self._connect()
                        _insert(db, batch, endpoints)
                    if self.landed is not None:
                        self.landed(batch)
                else:
                    self.lost += batch
            except Exception as problem:  # noqa: BLE001 - if this thread ended here, whoever flushes would wait for ever
                self._problem = problem if isinstance(problem, StoreError) else StoreError(f"{self.path}: {problem}")
                self.lost += batch
            for event in asked:
                event.set()
        if db is not None:
            db.close()

    def _batches(self) -> Iterator[tuple[list[Response], list[threading.Event]]]:
        """What waits, and who wants to know when it is written; ends when the store is closed."""
        while True:
            items = [self._waiting.get()]
            if isinstance(items[0], Response):
                self._hurry.wait(_GATHER_S)  # to be woken for each response costs the sweep more than the writing
                self._hurry.clear()
            with suppress(Empty):
                while items[-1] is not None and len(items) < _BATCH:
                    items.append(self._waiting.get_nowait())
            yield [i for i in items if isinstance(i, Response)], [i for i in items if isinstance(i, threading.Event)]
            if items[-1] is None:
                return

    # -- the rest is asked by the caller's thread

    def begin(self, run_id: str, started_at: float, trials: int, version: str) -> None:
        """Note that a run began."""
        with self._lock, self._explained("write to"):
            self._db.execute("INSERT INTO runs VALUES (?, ?, ?, ?)", (run_id, started_at, trials, version))

    def retitle(self, responses: Iterable[Response]) -> None:
        """Keep what was extracted anew from stored responses."""
        values = [(*each[12:], bytes.fromhex(each.trial_id)) for each in responses]
        with self._lock, self._explained("write to"), _transaction(self._db):
            self._db.executemany(
                "UPDATE responses SET title = ?, repairs = ?, problem = ?, extractor = ? WHERE trial_id = ?", values
            )

    def find(self, trial_ids: Iterable[str]) -> dict[str, Response]:
        """The stored responses of these trials, by trial id."""
        self.flush()
        found: dict[str, Response] = {}
        make = Response._make
        with self._lock, self._explained("read"):
            endpoints = dict(self._db.execute("SELECT number, endpoint FROM endpoints"))
            for row in self._rows("lower(hex(trial_id)), *", trial_ids):
                found[row[0]] = make((row[0], *row[2:12], endpoints[row[12]], *row[13:]))
        return found

    def holds(self, trial_ids: Iterable[str]) -> set[str]:
        """Which of these trials are answered."""
        self.flush()
        with self._lock, self._explained("read"):
            return {row[0] for row in self._rows("lower(hex(trial_id))", trial_ids)}

    def _rows(self, columns: str, trial_ids: Iterable[str]) -> Iterator[tuple[Any, ...]]:
        wanted = [bytes.fromhex(trial_id) for trial_id in trial_ids]
        for start in range(0, len(wanted), _ASKED_AT_ONCE):
            some = wanted[start : start + _ASKED_AT_ONCE]
            marks = ", ".join("?" * len(some))
            yield from self._db.execute(f"SELECT {columns} FROM responses WHERE trial_id IN ({marks})", some)  # noqa: S608

    def typical(self, model: str) -> Typical:
        """What the latest stored responses of a model (its `endpoint`) were like, on average."""
        query = """
            SELECT count(*), avg(latency_s), avg(output_tokens) FROM (
                SELECT latency_s, output_tokens FROM responses
                WHERE endpoint = (SELECT number FROM endpoints WHERE endpoint = ?) ORDER BY rowid DESC LIMIT ?
            )"""
        with self._lock, self._explained("read"):
            return Typical(*self._db.execute(query, (model, _RECENT)).fetchone())

    # -- the file

    def _connect(self) -> sqlite3.Connection:
        db = sqlite3.connect(self.path, timeout=_BUSY_S, isolation_level=None, check_same_thread=False)
        give_up = time.monotonic() + _BUSY_S
        while db.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
            try:
                db.execute("PRAGMA journal_mode = WAL")
            except sqlite3.OperationalError:  # SQLite does not wait here for another process that does the same
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.01)
        db.execute("PRAGMA synchronous = FULL")
        db.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        return db

    def _create(self) -> None:
        with _transaction(self._db):  # two processes may open a new store at once
            found = self._db.execute("PRAGMA user_version").fetchone()[0]
            for statement in {0: _SCHEMA, 1: _FROM_FORMAT_1}.get(found, "").split(";"):
                self._db.execute(statement)
            if found <= FORMAT:
                self._db.execute(_NOTES)
            if found < FORMAT:
                self._db.execute(f"PRAGMA user_version = {FORMAT}")
        if found > FORMAT:
            raise StoreError(
                f"{self.path} was written by a newer retitlekit (format {found}); upgrade, or name another"
            )

    # -- batches

    def save_batch(self, batch: Batch, trial_ids: Iterable[str] = ()) -> None:
        """Keep a batch, or its new state; `trial_ids` are its trials, given once."""
        with self._lock, self._explained("write to"), _transaction(self._db):
            self._db.execute("INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?, ?, ?)", astuple(batch))
            rows = [(bytes.fromhex(trial_id), batch.token) for trial_id in trial_ids]
            try:
                self._db.executemany("INSERT INTO batch_trials (trial_id, token, open) VALUES (?, ?, 1)", rows)
            except sqlite3.IntegrityError as problem:
                raise StoreError(
                    "another process has just put some of these trials into a batch; submit_batch(trials) again takes "
                    "the others"
                ) from problem

    def drop_batch(self, batch: Batch) -> None:
        """Forget a batch that the provider never took."""
        with self._lock, self._explained("write to"), _transaction(self._db):
            for table in ("batches", "batch_trials"):
                self._db.execute(f"DELETE FROM {table} WHERE token = ?", (batch.token,))  # noqa: S608 - two constants

    def close_trials(self, batch: Batch, outcomes: Mapping[str, tuple[str, str] | None]) -> None:
        """Note that a batch is over for these trials: None when it was answered, else error type and error."""
        rows = [(*(told or (None, None)), bytes.fromhex(i), batch.token) for i, told in outcomes.items()]
        update = "UPDATE batch_trials SET open = 0, error_type = ?, error = ? WHERE trial_id = ? AND token = ?"
        with self._lock, self._explained("write to"), _transaction(self._db):
            self._db.executemany(update, rows)

    def open_batches(self, trial_ids: Iterable[str]) -> dict[Batch, set[str]]:
        """Batches in which any of these trials is open, oldest first, with those trials."""
        found: dict[Batch, set[str]] = {}
        with self._lock, self._explained("read"):
            if self._db.execute("SELECT 1 FROM batch_trials WHERE open LIMIT 1").fetchone() is None:
                return found
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

    def note(self, kind: str, note_id: str, line: str) -> None:
        """Keep a line of another room, such as a vote; lines are only ever added, and each id once."""
        with self._lock, self._explained("write to"):
            self._db.execute("INSERT OR IGNORE INTO notes VALUES (?, ?, ?)", (kind, note_id, line))

    def notes(self, kind: str) -> list[str]:
        """All lines of a kind, in the order in which they came."""
        with self._lock, self._explained("read"):
            rows = self._db.execute("SELECT line FROM notes WHERE kind = ? ORDER BY rowid", (kind,))
            return [line for (line,) in rows]

    @contextmanager
    def _explained(self, verb: str) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as problem:
            raise StoreError(f"cannot {verb} the store {self.path} ({problem}): {_fix(problem)}") from problem
        except OSError as problem:
            fix = "check the folder and its permissions, or name another in store="
            raise StoreError(f"cannot {verb} the store {self.path}: {problem.strerror or problem}; {fix}") from problem


_FIXES = {
    "SQLITE_NOTADB": "it is no store; move it away or name another folder in store=",
    "SQLITE_CORRUPT": "it is damaged; move it away, or try `sqlite3 store.sqlite .recover`",
    "SQLITE_FULL": "the disk is full; free space and run again: what was answered before is stored",
    "SQLITE_IOERR": "the disk fails or is full; free space and run again: what was answered before is stored",
    "SQLITE_READONLY": "it cannot be written; check the folder's permissions, or name another in store=",
    "SQLITE_CANTOPEN": "it cannot be opened there; check the folder and its permissions, or name another in store=",
    "SQLITE_BUSY": f"another process held it for {_BUSY_S:g} s; stop that process or name another folder",
}


def _fix(problem: sqlite3.Error) -> str:
    name = getattr(problem, "sqlite_errorname", None) or ""
    if "closed database" in str(problem):
        return "open it again"
    return next((fix for known, fix in _FIXES.items() if name.startswith(known)), "check the folder")


@contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if db.in_transaction:  # SQLite ends it by itself when the disk is full
            db.execute("ROLLBACK")
        raise
    db.execute("COMMIT")


def _insert(db: sqlite3.Connection, batch: Sequence[Response], endpoints: dict[str, int]) -> None:
    with _transaction(db):
        for endpoint in {response.model for response in batch} - endpoints.keys():
            db.execute("INSERT OR IGNORE INTO endpoints (endpoint) VALUES (?)", (endpoint,))
            query = "SELECT number FROM endpoints WHERE endpoint = ?"
            endpoints[endpoint] = db.execute(query, (endpoint,)).fetchone()[0]
        rows = [(bytes.fromhex(r.trial_id), *r[1:11], endpoints[r.model], *r[12:]) for r in batch]
        start = 0
        # many rows in a statement: each statement lets other threads in and then waits for its turn again
        for size in (256, 16, 1):
            marks = ", ".join([f"({', '.join('?' * len(Response._fields))})"] * size)
            while len(rows) - start >= size:
                values = list(chain.from_iterable(rows[start : start + size]))
                db.execute(f"INSERT OR IGNORE INTO responses VALUES {marks}", values)  # noqa: S608 - marks only
                start += size
