"""Responses become rows: titles are extracted once, nothing shows before it is stored, nothing is lost."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit import store
from retitlekit.sweeps import rows
from retitlekit.titles import Extraction

from .loopback import Loopback

ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(40)]


def plan(**changes: Any) -> pd.DataFrame:
    options: dict[str, Any] = {"prompts": rk.Prompt("p", "Rewrite: {{ title | safe }}"), "articles": ARTICLES}
    return rk.plan(**{**options, "models": "baseline/prefix", "temperatures": (0, 0.7), **changes})


def run(**changes: Any) -> pd.DataFrame:
    return rk.run(plan(**changes), progress=False)


def refuse(*_: object, **__: object) -> Extraction:
    raise AssertionError("it was extracted before")


def test_a_title_is_extracted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was extracted is in the store, and the next run takes it from there."""
    first = run()
    monkeypatch.setattr(rows, "extract_title", refuse)
    second = run()

    assert first.title.tolist() == second.title.tolist()
    assert first.repairs.tolist() == second.repairs.tolist()


def test_new_code_extracts_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the extracting code has changed titles are extracted again, once."""
    run()
    monkeypatch.setattr(rows, "_code", lambda: b"another")
    monkeypatch.setattr(rows, "extract_title", lambda *_, **__: Extraction(None, ("quotes",), "Refusal"))
    second = run()
    monkeypatch.setattr(rows, "extract_title", refuse)
    third = run()

    assert second.title.isna().all()
    assert set(second.error_type) == {"Refusal"}
    assert second.error_type.tolist() == third.error_type.tolist()


@pytest.mark.filterwarnings("ignore:prompt .* no article goes in")  # on purpose: the answer is all that differs
def test_one_answer_is_a_title_here_and_a_leak_there() -> None:
    """Rows that share a response share no title: each looks at its own article."""
    prompt = rk.Prompt("p", "Bridge to be rebuilt next year")
    same = [rk.Article("a", "Bridge to be rebuilt next year", "It is."), rk.Article("b", "Another", "No.")]
    with Loopback(lambda body, nth: "Bridge to be rebuilt next year") as server:
        frame = run(prompts=prompt, articles=same, models=rk.Model("openai/model-a", api_base=server.base))
        again = run(prompts=prompt, articles=same, models=rk.Model("openai/model-a", api_base=server.base))

    assert frame.trial_id.nunique() == 2
    assert [True, True, False, False] == frame.title.notna().tolist()
    assert again.error_type.tolist() == frame.error_type.tolist()


def test_a_row_shows_once_it_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    """While the disk is busy a received answer is no row yet."""
    insert, writing, gate = store._insert, threading.Event(), threading.Event()

    def slow(*call: Any) -> None:
        writing.set()
        gate.wait(30)
        insert(*call)

    monkeypatch.setattr(store, "_insert", slow)
    job = rk.start(plan())
    assert writing.wait(30)
    before = (job.frame.status == "ok").sum()
    gate.set()

    assert before == 0
    assert (job.wait(progress=False).status == "ok").all()


def test_a_full_disk_loses_no_answer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What could not be stored is in the frame of the error, and needs no second request."""

    class Small(sqlite3.Connection):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self.execute("PRAGMA max_page_count = 16")

    connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **kwargs: connect(*args, factory=Small, **kwargs))
    with Loopback(lambda body, nth: f"Title {nth} " + "of many words " * 300) as server:
        model = rk.Model("openai/model-a", api_base=server.base)
        with pytest.raises(rk.SweepError, match="disk is full") as caught:
            run(models=model)
        frame = caught.value.frame
        sent = len(server.bodies)
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)
        whole = rk.run(frame, store="elsewhere", progress=False)

    assert (frame.status == "ok").sum() == sent
    assert len(server.bodies) == len(frame)
    assert (whole.status == "ok").all()
