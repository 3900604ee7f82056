"""The store keeps what was paid for."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import sqlite3
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import retitlekit as rk
from retitlekit.store import FORMAT, Response, Store


def response(number: int, **changes: object) -> Response:
    plain = Response(f"{number:032x}", "run-1", 1.5, 0.25, 1, f"Title {number}", "stop", 50, 9, 0.001, 0.7, "{}")
    return plain._replace(**changes)


def test_what_is_saved_is_found(tmp_path: Path) -> None:
    """A response comes back as it was, `None` and all; a trial that is not there is not found."""
    odd = response(2, completion="“Ünï”\n\x00", finish_reason=None, cost_usd=None, input_tokens=None)
    with Store(tmp_path) as store:
        store.save(response(1))
        store.save(odd)
    with Store(tmp_path) as store:
        found = store.find([response(1).trial_id, odd.trial_id, response(3).trial_id])

    assert {response(1).trial_id: response(1), odd.trial_id: odd} == found


def test_what_was_extracted_is_kept_too(tmp_path: Path) -> None:
    """Title, repairs, problem and their extractor come back, and can be replaced when the extracting code changes."""
    new = response(1, title="T", repairs="quotes", extractor=-5)
    with Store(tmp_path) as store:
        store.save(new)
        store.retitle([new._replace(title=None, repairs="", problem="Refusal", extractor=7)])
        found = store.find([new.trial_id])[new.trial_id]

    assert (None, "", "Refusal", 7) == found[-4:]


def test_a_response_counts_once_it_is_written(tmp_path: Path) -> None:
    """`keep` returns at once; what has landed is in the file, where another process finds it."""
    seen: list[str] = []

    def landed(batch: Sequence[Response]) -> None:
        with sqlite3.connect(tmp_path / "store.sqlite") as other:
            known = {row[0].hex() for row in other.execute("SELECT trial_id FROM responses")}
        seen.extend(each.trial_id for each in batch if each.trial_id in known)

    with Store(tmp_path, landed=landed) as store:
        for number in range(500):
            store.keep(response(number))
        store.flush()

        assert [f"{number:032x}" for number in range(500)] == seen


def test_the_first_response_of_a_trial_stays(tmp_path: Path) -> None:
    """A second answer to the same trial changes no result that was already shown."""
    with Store(tmp_path) as store:
        store.save(response(1))
        store.save(response(1, completion="Another"))

        assert store.find([response(1).trial_id])[response(1).trial_id].completion == "Title 1"


def test_many_are_found_at_once(tmp_path: Path) -> None:
    """More ids than SQLite takes in one statement are no problem."""
    with Store(tmp_path) as store:
        for number in range(1200):
            store.save(response(number))

        assert len(store.find(f"{n:032x}" for n in range(40_000))) == 1200


def _die_after_saving(folder: Path) -> None:
    store = Store(folder)
    store.save(response(1))
    os._exit(9)  # as kill -9: nothing is closed or flushed


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """What was saved before a process died is in the store."""
    process = multiprocessing.get_context("spawn").Process(target=_die_after_saving, args=(tmp_path,))
    process.start()
    process.join()
    with Store(tmp_path) as store:
        assert list(store.find([response(1).trial_id])) == [response(1).trial_id]


def test_threads_and_stores_share_one_file(tmp_path: Path) -> None:
    """Ten threads with a store each write at once; all arrives and no lock is seen."""

    def write(offset: int) -> None:
        with Store(tmp_path) as store:
            for number in range(50):
                store.save(response(offset * 50 + number))

    threads = [threading.Thread(target=write, args=(offset,)) for offset in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with Store(tmp_path) as store:
        assert len(store.find(f"{n:032x}" for n in range(500))) == 500


def _write_as_a_process(folder: Path, offset: int) -> None:
    with Store(folder) as store:
        for number in range(300):
            store.keep(response(offset * 150 + number))


def test_processes_share_one_file(tmp_path: Path) -> None:
    """Two processes make one new store, write to it at once and meet in the middle; no lock is seen."""
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_write_as_a_process, args=(tmp_path / "new", n)) for n in range(2)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    with Store(tmp_path / "new") as store:
        found = store.holds(f"{n:032x}" for n in range(1000))

    assert [0, 0] == [process.exitcode for process in processes]
    assert len(found) == 450


OLD = """
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY, started_at REAL NOT NULL, trials INTEGER NOT NULL, version TEXT NOT NULL
);
CREATE TABLE responses (
    trial_id BLOB PRIMARY KEY, run_id TEXT NOT NULL, started_at REAL NOT NULL, latency_s REAL NOT NULL,
    attempts INTEGER NOT NULL, completion TEXT NOT NULL, finish_reason TEXT, input_tokens INTEGER,
    output_tokens INTEGER, cost_usd REAL, effective_temperature REAL, model TEXT NOT NULL
) WITHOUT ROWID;
INSERT INTO runs VALUES ('run-1', 1.0, 2, '0.1.0');
PRAGMA user_version = 1;
"""


def test_a_store_of_the_first_format(tmp_path: Path) -> None:
    """A store that an earlier retitlekit wrote is taken over with all its responses."""
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        db.executescript(OLD)
        for number in range(2):
            old = response(number)[:12]
            db.execute(f"INSERT INTO responses VALUES ({', '.join('?' * 12)})", (bytes.fromhex(old[0]), *old[1:]))
    with Store(tmp_path) as store:
        found = store.find(f"{n:032x}" for n in range(2))

    assert {f"{n:032x}": response(n) for n in range(2)} == found


@pytest.fixture
def full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder where SQLite finds no room for more than a few pages."""

    class Small(sqlite3.Connection):
        def __init__(self, *args: object, **kwargs: object) -> None:
            super().__init__(*args, **kwargs)
            self.execute("PRAGMA max_page_count = 20")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Small, **kwargs))
    return tmp_path


def test_a_full_disk(full_disk: Path) -> None:
    """The first response that does not fit is told with what to do; those before are kept, those after are `lost`."""
    store = Store(full_disk)
    store.save(response(1))
    for number in range(2, 100):
        with contextlib.suppress(rk.StoreError):
            store.keep(response(number, completion="A long title. " * 200))
    with pytest.raises(rk.StoreError, match="disk is full") as caught:
        store.flush()
    with pytest.raises(rk.StoreError):
        store.close()
    lost = {each.trial_id for each in store.lost}
    with Store(full_disk) as again:
        kept = again.holds(f"{n:032x}" for n in range(100))

    assert str(full_disk) in str(caught.value)
    assert response(1).trial_id in kept
    assert lost
    assert not lost & kept


def _open_as_nobody(folder: Path, told: Any) -> None:
    with contextlib.suppress(PermissionError):
        os.setuid(65534)  # root may write everywhere
    try:
        Store(folder)
    except rk.StoreError as problem:
        told.put(str(problem))
    else:
        told.put("opened")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    """A read-only folder is named, with what to do."""
    for folder in (tmp_path, *tmp_path.parents[:-3]):
        folder.chmod(0o755)
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    context = multiprocessing.get_context("fork")
    told = context.Queue()
    process = context.Process(target=_open_as_nobody, args=(locked, told))
    process.start()
    says = told.get(timeout=30)
    process.join()

    assert str(locked) in says
    assert "permissions" in says


def _garbage(folder: Path) -> None:
    (folder / "store.sqlite").write_bytes(b"this is no database, " * 100)


def _newer(folder: Path) -> None:
    with sqlite3.connect(folder / "store.sqlite") as db:
        db.execute(f"PRAGMA user_version = {FORMAT + 1}")


def _a_file_in_the_way(folder: Path) -> None:
    (folder / "store.sqlite").mkdir()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [(_garbage, "no store"), (_newer, "newer retitlekit"), (_a_file_in_the_way, "cannot open")],
)
def test_a_store_that_cannot_be_used(tmp_path: Path, spoil, says: str) -> None:
    """A damaged, newer or misplaced store is named, with what to do."""
    spoil(tmp_path)

    with pytest.raises(rk.StoreError, match=says) as caught:
        Store(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_git_does_not_see_the_store(tmp_path: Path) -> None:
    """The folder tells git to ignore it."""
    Store(tmp_path / "new").close()

    assert (tmp_path / "new/.gitignore").read_text() == "*\n"


@pytest.mark.parametrize("written", [True, False])
def test_a_closed_store(tmp_path: Path, written: bool) -> None:
    """Whoever uses a store after it was closed is told so, and waits for nothing."""
    store = Store(tmp_path)
    if written:
        store.save(response(0))
    store.close()
    store.flush()
    store.close()
    with pytest.raises(rk.StoreError, match="closed"):
        store.find([response(0).trial_id])
    with pytest.raises(rk.StoreError, match="is closed"):
        store.keep(response(1))

    assert [response(1)] == store.lost
