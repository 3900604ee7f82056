"""Processes that die, disks that fill up, users who interrupt: what was paid for stays, and is not paid for again."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.store import Store
from retitlekit.sweeps.runs import GRACE_S

from .conftest import ROOT
from .loopback import Fault, Loopback, echo
from .test_sweeps import same

PROMPT = rk.Prompt("plain", "Rewrite this title: {{ title | safe }}")
ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"The council voted {n} times.") for n in range(300)]
CONCURRENCY = 8


@pytest.fixture
def server() -> Iterator[Loopback]:
    with Loopback(latency_s=0.02) as server:
        yield server


def plan(server: Loopback, trials: int = 300) -> pd.DataFrame:
    return rk.plan(PROMPT, ARTICLES[:trials], models=rk.Model("openai/model-a", api_base=server.base))


def run(trials: pd.DataFrame, **options: Any) -> pd.DataFrame:
    return rk.run(trials, **{"progress": False, "max_concurrency": CONCURRENCY, **options})


def child(work: Callable[..., object], *args: object) -> tuple[Any, Connection]:
    """A forked process that does `work(pipe, *args)`, and the other end of its pipe."""
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe()
    process = context.Process(target=work, args=(theirs, *args), daemon=True)
    process.start()
    return process, ours


def _sweep(pipe: Connection, trials: pd.DataFrame) -> None:
    job = rk.start(trials, max_concurrency=CONCURRENCY)
    while "running" in repr(job):
        pipe.send(job.done)
        time.sleep(0.005)


def test_killed_again_and_again(server: Loopback) -> None:
    """After each kill -9 the store holds all that had counted, nothing in it is sent again, and the end is the same."""
    chance, trials = random.Random(4), plan(server)
    whole = run(trials, store="undisturbed")
    title_of = dict(zip(trials.trial_id, whole.title, strict=True))
    stored: set[str] = set()
    server.bodies.clear()
    for _ in range(8):
        before = len(server.bodies)
        process, pipe = child(_sweep, trials)
        while len(server.bodies) == before:
            time.sleep(0.005)
        time.sleep(chance.uniform(0, 0.12))
        process.kill()
        process.join()
        counted = 0
        while pipe.poll():
            try:
                counted = pipe.recv()
            except EOFError:
                break
        sent = {echo(body, 1) for body in server.bodies[before:]}
        assert not sent & {title_of[trial_id] for trial_id in stored}
        with Store(".retitlekit") as store:
            stored = store.holds(trials.trial_id)
        assert counted <= len(stored)
        assert len(server.bodies) - len(stored) <= 9 * 2 * CONCURRENCY
    kills, resumed = len(stored), run(trials)

    assert 0 < kills < 300
    same(whole, resumed)


def test_two_processes_and_ten_threads(server: Loopback) -> None:
    """Two processes of five sweeps each share a store: no error, no response lost, and each sends a trial once."""
    trials = plan(server, 100)
    children = [child(_five_sweeps, trials) for _ in range(2)]
    titles = [pipe.recv() for _, pipe in children]
    for process, _ in children:
        process.join()

    assert [[echo(body, 1) for body in server.bodies].count(title) <= 2 for title in titles[0]] == [True] * 100
    assert titles[0] == titles[1]
    with Store(".retitlekit") as store:
        assert 100 == len(store.holds(trials.trial_id))


def _five_sweeps(pipe: Connection, trials: pd.DataFrame) -> None:
    jobs = [rk.start(trials) for _ in range(5)]
    frames = [job.wait(progress=False) for job in jobs]
    assert all(frame.title.equals(frames[0].title) for frame in frames)
    pipe.send(frames[0].title.tolist())


def test_interrupted_twice(server: Loopback) -> None:
    """The first Ctrl-C waits for what is under way, the second one does not; both give the partial frame."""
    server.answer = lambda body, nth: Fault(how="hang") if "bridge 7" in str(body) else echo(body, nth)
    process, pipe = child(_interruptible, plan(server))
    while len(server.bodies) < 50:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGINT)
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGINT)
    statuses, seconds, told = pipe.recv()
    process.join()

    assert {"ok", "cancelled"} == set(statuses)
    assert "interrupted: " in told
    assert seconds < GRACE_S + 5
    with Store(".retitlekit") as store:
        assert statuses.count("ok") == len(store.holds(plan(server).trial_id))


def _interruptible(pipe: Connection, trials: pd.DataFrame) -> None:
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        started = time.monotonic()
        frame = run(trials)
    pipe.send((frame.status.tolist(), time.monotonic() - started, str(warned[-1].message)))


def test_a_program_that_ends_without_waiting(server: Loopback) -> None:
    """A script that starts a sweep and ends keeps what was under way."""
    server.latency_s = 0.3
    script = f"""
import retitlekit as rk
from tests.test_crashes import ARTICLES, PROMPT
trials = rk.plan(PROMPT, ARTICLES[:40], models=rk.Model("openai/model-a", api_base={server.base!r}))
job = rk.start(trials, max_concurrency=8)
import time
while job.done < 8:
    time.sleep(0.01)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True
    )
    with Store(".retitlekit") as store:
        stored = store.holds(plan(server, 40).trial_id)

    assert "" == done.stderr
    assert 8 < len(stored) < 40
    assert len(stored) == len(server.bodies)


def test_a_full_disk(server: Loopback) -> None:
    """When the store cannot grow the sweep says why, its frame has every answer, and a later run goes on."""
    server.answer = lambda body, nth: echo(body, nth) + " and more" * 300
    process, pipe = child(_on_a_small_disk, plan(server))
    text, answered = pipe.recv()
    process.join()
    sent = len(server.bodies)
    with Store(".retitlekit") as store:
        stored = len(store.holds(plan(server).trial_id))
    frame = run(plan(server))

    assert "the sweep stopped: cannot write to the store" in text
    assert 0 < stored < answered < 300
    assert answered == sent
    assert (frame.status == "ok").all()
    assert len(server.bodies) - sent == 300 - stored


def _on_a_small_disk(pipe: Connection, trials: pd.DataFrame) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))
    try:
        run(trials)
    except rk.SweepError as problem:
        pipe.send((str(problem), int((problem.frame.status == "ok").sum())))


@pytest.mark.parametrize("folder", ["/proc/store", "file/store"])
def test_a_folder_that_cannot_be_written(server: Loopback, folder: str) -> None:
    """The store's place is checked before anything is sent."""
    Path("file").touch()
    with pytest.raises(rk.StoreError, match="cannot open the store"):
        run(plan(server), store=folder)

    assert [] == server.bodies


def test_in_a_notebook(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    """An interrupted cell gives the partial frame, after a kernel restart only the rest is sent, and no key shows."""
    from jupyter_client.manager import start_new_kernel

    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HOUSE_KEY", "planted-0123456789abcdef")
    server.latency_s = 0.2
    setup = f"""
import warnings; warnings.simplefilter("ignore")
import retitlekit as rk
from tests.test_crashes import ARTICLES, PROMPT
model = rk.Model("openai/model-a", api_base={server.base!r}, api_key_env="HOUSE_KEY")
trials = rk.plan(PROMPT, ARTICLES[:60], models=model)
"""
    sweep = "frame = rk.run(trials, max_concurrency=4)\nprint(sorted(set(frame.status)), (frame.status == 'ok').sum())"
    manager, client = start_new_kernel()
    outputs: list[str] = []

    def execute(code: str, meanwhile: Callable[[], object] | None = None) -> str:
        before, asked = len(server.bodies), client.execute(code)
        if meanwhile:
            while len(server.bodies) < before + 6:
                time.sleep(0.02)
            meanwhile()
        shown = ""
        while True:
            message = client.get_iopub_msg(timeout=60)
            if message["parent_header"].get("msg_id") != asked:
                continue
            outputs.append(str(message["content"]))
            shown += message["content"].get("text", "") if message["msg_type"] == "stream" else ""
            if message["msg_type"] == "status" and message["content"]["execution_state"] == "idle":
                return shown

    try:
        execute(setup)
        interrupted = execute(sweep, manager.interrupt_kernel)
        before = len(server.bodies)
        client.execute(sweep)
        while len(server.bodies) < before + 6:
            time.sleep(0.02)
        manager.restart_kernel(now=True)
        client.wait_for_ready(timeout=60)
        execute(setup)
        server.latency_s = 0.0
        resumed = execute(sweep)
        execute("client_error = model\nmodel")
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)

    assert "['cancelled', 'ok']" in interrupted
    assert "['ok'] 60" in resumed
    assert 60 <= len(server.bodies) <= 68  # four under way when it was killed, four that no disk had yet
    assert not any("planted" in text for text in outputs)
