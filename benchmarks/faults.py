"""What a sweep survives: ``python benchmarks/faults.py``.

10,000 trials against the loopback server of the tests with 5 % each of 429, 500, hang, malformed JSON, reset and early
close; then a sweep of 3,000 trials that is killed (SIGKILL) at 50 random moments and resumed each time. Prints a
Markdown table; each row is checked, and the script fails when one does not hold.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
import warnings
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import retitlekit as rk  # noqa: E402
from retitlekit.store import Store  # noqa: E402
from tests.loopback import Loopback, echo  # noqa: E402
from tests.test_crashes import _sweep, child  # noqa: E402
from tests.test_runs import faulty  # noqa: E402

PROMPTS = [rk.Prompt(f"p{n}", f"Prompt {n}: {{{{ title | safe }}}}") for n in range(10)]
ARTICLES = [rk.Article(f"a{n}", f"Council votes on bridge {n}", f"It voted {n} times.") for n in range(1000)]


def row(what: str, figure: object, holds: bool) -> None:
    """One line of the table, or the end."""
    print(f"| {what} | {figure} |", flush=True)
    assert holds, what


def faults() -> None:
    """Six kinds of fault at once."""
    with Loopback(faulty) as server:
        trials = rk.plan(PROMPTS, ARTICLES, models=rk.Model("openai/model-a", api_base=server.base))
        started = time.monotonic()
        frame = rk.run(trials, store="faults", timeout=2, retries=9, progress=False)
        seconds = time.monotonic() - started
        twice = sum(count > 1 for count in server.answered.values())
        ended = [int((frame.status == status).sum()) for status in ("ok", "error")]
        requests, attempts = sum(server.seen.values()), int(frame.attempts.sum())
        row("trials with six faults at 5 % each", len(frame), len(frame) == 10_000)
        row("answered; with their error", f"{ended[0]}; {ended[1]}", sum(ended) == len(frame))
        row("answered twice by a 200", twice, twice == 0)
        row("in the plan's order", "yes", frame.trial_id.equals(trials.trial_id))
        row("requests that the server saw; attempts in the frame", f"{requests}; {attempts}", requests == attempts)
        row("seconds", round(seconds), True)


def kills() -> None:
    """Fifty kills."""
    chance = random.Random(1)
    with Loopback(latency_s=0.05) as server:
        model = rk.Model("openai/model-a", api_base=server.base)
        trials = rk.plan(PROMPTS[:3], ARTICLES, models=model)
        whole = rk.run(trials, store="undisturbed", progress=False)
        title_of = dict(zip(trials.trial_id, whole.title, strict=True))
        server.bodies.clear()
        stored: set[str] = set()
        resent = lost = 0
        for _ in range(50):
            before = len(server.bodies)
            process, pipe = child(_sweep, trials)
            while len(server.bodies) == before and process.is_alive():
                time.sleep(0.002)
            time.sleep(chance.uniform(0, 0.3))
            process.kill()
            process.join()
            counted = 0
            while pipe.poll():
                try:
                    counted = pipe.recv()
                except EOFError:
                    break
            known = {title_of[trial_id] for trial_id in stored}
            resent += sum(echo(body, 1) in known for body in server.bodies[before:])
            with Store(".retitlekit") as store:
                stored = store.holds(trials.trial_id)
            lost += max(0, counted - len(stored))
        resumed = rk.run(trials, progress=False)
        of_the_run = ["run_id", "started_at", "latency_s", "attempts", "cached"]
        row("kills; responses in the store after the last", f"50; {len(stored)}", 0 < len(stored) < 3000)
        row("responses that had counted and were lost", lost, lost == 0)
        row("stored trials that were sent again", resent, resent == 0)
        equal = whole.drop(columns=of_the_run).equals(resumed.drop(columns=of_the_run))
        row("the resumed frame equals an undisturbed one", "yes", equal)
        row("requests for 3,000 trials", len(server.bodies), len(server.bodies) <= 3000 + 50 * 16)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        print("| what | figure |\n|---|---|")
        kills()
        faults()
