"""The store keeps what was paid for."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import threading
from pathlib import Path

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
