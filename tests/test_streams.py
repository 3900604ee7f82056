"""Files of any size: each article exactly once, whatever kills the process, and an output only when it is whole."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from functools import partial
from pathlib import Path

import pytest

import retitlekit as rk
from retitlekit.cli import main
from retitlekit.pages import streams

from .conftest import ROOT
from .loopback import Fault, Loopback

LIMITS = rk.load_prompts(ROOT / "prompts")["limits"]
LEAD = "baseline/lead-compress"


def articles(path: str, count: int) -> Path:
    lines = [
        {
            "id": f"a{n}",
            "title": f"Old title {n}",
            "body": f"The town of Tarnby opened bridge {n} on Monday, the council said.",
        }
        for n in range(count)
    ]
    Path(path).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return Path(path)


def rows(path: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_json_lines() -> None:
    """A line for each article, in order; what is no article or stands there twice is held, with its line."""
    source = articles("in.jsonl", 3)
    with source.open("a") as more:
        more.write(
            '\n{"broken\n[1]\n{"id": "a1", "title": "x"}\n{"headline": "Other names", "text": "A bridge in Tarnby."}'
        )
    done = rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)
    told = rows("out.jsonl")

    assert [1, 2, 3, 5, 6, 7, 8] == [row["line"] for row in told]
    assert ["published"] * 3 + ["held"] * 3 + ["published"] == [row["status"] for row in told]
    assert all(f"Tarnby opened bridge {n}" in str(told[n]["published_title"]) for n in range(3))
    assert ["line", "article", "original_title", "status", "reason", "published_title"] == list(told[0])
    assert "Duplicate: this id was decided at line 2" == told[5]["reason"]
    assert Counter(published=4, held=3) == done
    assert {"in.jsonl", "out.jsonl", ".retitlekit"} == {path.name for path in Path().iterdir()}


def test_a_killed_process_goes_on_where_it_was() -> None:
    """Killed with -9 again and again, the same command ends with every article exactly once, as if nothing had been."""
    source = articles("in.jsonl", 2 * streams.BATCH + 7)
    command = [sys.executable, "-m", "retitlekit.cli", "retitle", str(source), "--out", "out.jsonl", "--model", LEAD]
    command += ["--prompt", str(ROOT / "prompts/limits.prompt")]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    part, killed = Path("out.jsonl.part"), 0
    for size in (1, 80_000):
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not (part.exists() and part.stat().st_size >= size):
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        killed += process.wait() == -signal.SIGKILL
        with part.open("ab") as torn:  # half a batch that was written and never counted
            torn.write(b'{"line": 1, "torn')
    finished = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)

    assert (2, 0) == (killed, finished.returncode), finished.stderr
    assert [f"a{n}" for n in range(2 * streams.BATCH + 7)] == [row["article"] for row in rows("out.jsonl")]
    assert not part.exists()
    assert "1,007 published" in finished.stdout


def test_an_interrupt_writes_no_half_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that stops half-way: batches before are kept, and the same call goes on without asking again."""
    monkeypatch.setattr(streams, "BATCH", 4)
    source = articles("in.jsonl", 12)
    with Loopback(lambda body, nth: f"Tarnby opens a bridge, {len(server.bodies)}") as server:
        model = rk.Model("openai/model-a", api_base=server.base, input_cost_per_token=0.01, output_cost_per_token=0.01)
        asked = {"model": model, "progress": False, "max_tokens": 9, "guard": ()}
        with pytest.raises(rk.PlanError, match="goes on from there"):
            rk.retitle_file(source, "out.jsonl", LIMITS, budget_usd=6.5, max_concurrency=1, **asked)
        before = len(server.bodies)
        assert not Path("out.jsonl").exists()
        rk.retitle_file(source, "out.jsonl", LIMITS, **asked)

    assert 0 < before < 12 == len(server.bodies)
    assert [f"a{n}" for n in range(12)] == [row["article"] for row in rows("out.jsonl")]


def priced(server: Loopback, **more: object) -> rk.Model:
    """One dollar a title: 50 tokens read and 9 written."""
    return rk.Model(
        "openai/model-a", api_base=server.base, input_cost_per_token=0.01, output_cost_per_token=0.5 / 9, **more
    )


def test_a_budget_is_for_the_whole_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten articles in batches of two, with money for seven: seven are asked about, and never an eighth, also later."""
    monkeypatch.setattr(streams, "BATCH", 2)
    source = articles("in.jsonl", 10)
    with Loopback(lambda body, nth: f"Tarnby opens a bridge, {len(server.bodies)}") as server:
        asked = {"model": priced(server), "progress": False, "max_tokens": 9, "guard": (), "max_concurrency": 1}
        for _ in range(3):
            with pytest.raises(rk.PlanError, match="goes on from there"):
                rk.retitle_file(source, "out.jsonl", LIMITS, budget_usd=7.9, **asked)
        before = len(server.bodies)
        done = rk.retitle_file(source, "out.jsonl", LIMITS, budget_usd=20, **asked)

    assert (Counter(published=10), 10) == (done, len(server.bodies))
    assert 1 <= before <= 7
    assert [f"a{n}" for n in range(10)] == [row["article"] for row in rows("out.jsonl")]


def test_a_budget_counts_what_a_killed_process_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was paid for in the batch that was under way comes from the store, and is counted before more is sent."""
    monkeypatch.setattr(streams, "BATCH", 4)
    source = articles("in.jsonl", 8)
    with Loopback(lambda body, nth: f"Tarnby opens a bridge, {len(server.bodies)}") as server:
        asked = {"model": priced(server), "progress": False, "max_tokens": 9, "guard": (), "max_concurrency": 1}

        def die(*args: object, **options: object) -> None:
            rk.retitle(*args, **options)  # type: ignore[arg-type]
            raise SystemExit  # as good as killed: nothing of this batch is noted

        with monkeypatch.context() as patched:
            patched.setattr(streams, "retitle", die)
            with pytest.raises(SystemExit):
                rk.retitle_file(source, "out.jsonl", LIMITS, budget_usd=20, **asked)
        paid = len(server.bodies)
        with pytest.raises(rk.PlanError, match="budget_usd is used up"):
            rk.retitle_file(source, "out.jsonl", LIMITS, budget_usd=4.5, **asked)

    assert 4 == paid == len(server.bodies)


def test_a_guard_is_asked_for_every_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guard that can be gone through once only, or one scorer alone, guards all batches."""
    monkeypatch.setattr(streams, "BATCH", 2)
    source = articles("in.jsonl", 6)

    def never(title: str) -> bool:
        return False

    for number, guard in enumerate([(each for each in [never]), never]):
        done = rk.retitle_file(source, f"{number}.jsonl", LIMITS, model=LEAD, guard=guard, progress=False)

        assert Counter(kept_original=6) == done


def calm(title: str, *, most: int) -> bool:
    return len(title) <= most


class Calm:
    """A scorer that is an object."""

    def __init__(self, most: int) -> None:
        self.most = most

    def __call__(self, title: str) -> bool:
        return len(title) <= self.most


def test_the_same_guard_in_another_process(tmp_path: Path) -> None:
    """What marks a beginning holds nothing of one process, and tells models and guards with other settings apart."""
    source = articles("in.jsonl", 2)

    def mark(guard: object, model: str | rk.Model = LEAD) -> str:
        return streams._fingerprint(source, LIMITS, model, "hold", {"guard": guard})

    assert mark((partial(calm, most=9), Calm(9))) == mark((partial(calm, most=9), Calm(9)))
    assert mark((partial(calm, most=9),)) != mark((partial(calm, most=8),))
    assert mark((), rk.Model("openai/x", params={"seed": 1})) != mark((), rk.Model("openai/x", params={"seed": 2}))


def test_a_source_that_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work does not go on when what was read of the source is not what stands there now, at the same size too."""
    monkeypatch.setattr(streams, "BATCH", 2)
    source, calls = articles("in.jsonl", 6), []

    def fail(*args: object, **options: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise rk.ModelError("the server is gone")
        return rk.retitle(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(streams, "retitle", fail)
    asked = {"model": LEAD, "progress": False}
    with pytest.raises(rk.ModelError):
        rk.retitle_file(source, "out.jsonl", LIMITS, **asked)
    text = source.read_text()
    source.write_text(text.replace("Old title 1", "New title 1"))
    with pytest.raises(rk.PlanError, match=r"in.jsonl has changed since out.jsonl was begun"):
        rk.retitle_file(source, "out.jsonl", LIMITS, **asked)
    source.write_text(text)

    assert Counter(published=6) == rk.retitle_file(source, "out.jsonl", LIMITS, **asked)


def test_a_server_that_answers_nothing() -> None:
    """With a wrong key no title is kept for good: it is an error, and with the right key the same call goes on."""
    source, wrong = articles("in.jsonl", 30), True

    def answer(body: object, nth: int) -> str | Fault:
        return Fault(401, "Incorrect API key") if wrong else f"Tarnby opens a bridge, {len(server.bodies)}"

    with Loopback(answer) as server:
        asked = {
            "model": rk.Model("openai/model-a", api_base=server.base),
            "guard": (),
            "progress": False,
            "retries": 0,
        }
        with pytest.raises(rk.ModelError, match=r"none of 30 articles was answered \(AuthenticationError"):
            rk.retitle_file(source, "out.jsonl", LIMITS, **asked)
        wrong = False
        done = rk.retitle_file(source, "out.jsonl", LIMITS, **asked)

    assert Counter(published=30) == done


FEED = (
    "<rss><channel><title>Site</title>\n"
    + "".join(
        f"<item><title>{title}</title><guid>g{n}</guid><description>The town of Tarnby opened bridge {n} on Monday, "
        "the council said.</description></item>\n"
        for n, title in enumerate(["Old one", "[gpt]no prompt here[/gpt]", "Old two", "Old two"])
    )
    + "<item><nothing/></item></channel></rss>\n"
)


def test_a_feed() -> None:
    """Items get their new titles and keep every other byte; one that is held is left out and reported."""
    Path("in.xml").write_text(FEED)
    done = rk.retitle_file("in.xml", "out.xml", LIMITS, model=LEAD, progress=False)
    told = rows("out.xml.report.jsonl")
    head, first, _, third, fourth, foot = FEED.splitlines(keepends=True)
    expected = [
        first.replace("Old one", str(told[0]["published_title"])),
        "\n",  # the second is held
        third.replace("Old two", str(told[2]["published_title"])),
        fourth.replace("Old two", str(told[3]["published_title"])),
    ]

    assert head + "".join(expected) + foot == Path("out.xml").read_text()
    assert Counter(published=3, held=1) == done
    assert ["published", "held", "published", "published"] == [row["status"] for row in told]


def test_a_page() -> None:
    """A page is written with its new title; one that is held is not written at all."""
    held = Path("held.txt")
    held.write_text("[gpt]no prompt here[/gpt]\n\nThe town of Tarnby opened a bridge.\n")
    done = rk.retitle_file(ROOT / "data/page.txt", "new.txt", LIMITS, model=LEAD, progress=False)
    not_done = rk.retitle_file(held, "never.txt", LIMITS, model=LEAD, progress=False)

    assert (Counter(published=1), Counter(held=1)) == (done, not_done)
    assert (ROOT / "data/page.txt").read_text().splitlines()[1:] == Path("new.txt").read_text().splitlines()[1:]
    assert not Path("never.txt").exists()
    assert "tells no original title" in str(rows("never.txt.report.jsonl")[0]["reason"])


def test_wrong_calls() -> None:
    """Nothing is overwritten, mixed or begun twice without being asked to."""
    source = articles("in.jsonl", 2)
    Path("in.csv").write_text("title\nx\n")
    wrong = [
        ("nowhere.jsonl", "out.jsonl", "there is no file"),
        ("in.csv", "out.csv", "end in .jsonl"),
        ("in.jsonl", "no/out.jsonl", "does not exist"),
        ("in.jsonl", "in.jsonl", "is the source itself"),
    ]
    for origin, out, says in wrong:
        with pytest.raises(rk.PageError, match=says):
            rk.retitle_file(origin, out, LIMITS, model=LEAD, progress=False)
    rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)
    with pytest.raises(rk.PageError, match="exists"):
        rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)

    assert Counter(published=2) == rk.retitle_file(
        source, "out.jsonl", LIMITS, model=LEAD, overwrite=True, progress=False
    )


def test_begun_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    """An output that was begun with one model is not gone on with by another, nor by two processes at once."""
    source = articles("in.jsonl", 4)
    with Loopback(lambda body, nth: Fault(500)) as server, pytest.raises(rk.ModelError):
        rk.retitle_file(source, "out.jsonl", LIMITS, model="openai/no-key", progress=False)
    with pytest.raises(rk.PlanError, match=r"begun with another source.*out\.jsonl\.state"):
        rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)

    assert [] == server.bodies
    Path("out.jsonl.state").unlink()
    seen: list[str] = []

    def twice(*args: object, **options: object) -> object:
        with pytest.raises(rk.PageError, match="another process") as told:
            rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)
        seen.append(str(told.value))
        return rk.retitle(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(streams, "retitle", twice)
    rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)

    assert 1 == len(seen)
    assert 4 == len(rows("out.jsonl"))


def test_a_lost_part_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """When what was written is gone, the work does not go on as if it were there."""
    monkeypatch.setattr(streams, "BATCH", 2)
    source, calls = articles("in.jsonl", 4), []

    def fail(*args: object, **options: object) -> object:
        calls.append(args)
        if len(calls) == 2:
            raise rk.ModelError("the server is gone")
        return rk.retitle(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(streams, "retitle", fail)
    with pytest.raises(rk.ModelError, match="gone"):
        rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)
    Path("out.jsonl.part").unlink()

    with pytest.raises(rk.PageError, match="is not what"):
        rk.retitle_file(source, "out.jsonl", LIMITS, model=LEAD, progress=False)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "lol.xml",
            '<!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;">]>\n<rss><item><title>&b;</title></item></rss>',
            "entities",
        ),
        ("empty.html", "", "no title"),
        ("blank.txt", "\ufeff \n\n", "no title"),
    ],
)
def test_what_is_no_page_begins_nothing(name: str, content: str, says: str) -> None:
    """Entities that stand for gigabytes, and a page without a title, are refused, and no file is left behind."""
    Path(name).write_text(content)
    with pytest.raises(rk.PageError, match=says):
        rk.retitle_file(name, f"new-{name}", LIMITS, model=LEAD, progress=False)

    assert [name] == [path.name for path in Path().iterdir()]


def test_the_terminal_tells_why(capsys: pytest.CaptureFixture[str]) -> None:
    """What is held is told with its line, id and reason, what kept its title by kind, and where all reasons stand."""
    source = articles("in.jsonl", 1)
    with source.open("a") as more:
        more.write('{"broken\n{"id": "b", "title": "[gpt]x[/gpt]\\u001b[31m", "body": "x"}\n')
        more.write(
            '{"id": "c", "title": "Town of Tarnby opened bridge 0, the council said", "body": "The town of Tarnby'
        )
        more.write(' opened bridge 0 on Monday, the council said."}\n' + '{"more\n' * 5)
    code = main(
        ["retitle", str(source), "--prompt", str(ROOT / "prompts/limits.prompt"), "--model", LEAD, "--out", "o.jsonl"]
    )
    shown = capsys.readouterr()

    assert (1, "1 published, 1 kept their title, 7 held: o.jsonl\n") == (code, shown.out)
    assert "kept: 1 × gate rewritten\n" in shown.err
    assert "  line 2: ArticleError: not JSON (Unterminated string starting at: line 1 column 2" in shown.err
    assert "  line 3 (b): LeakedTitle: it tells no original title" in shown.err
    assert "… and 2 more\nEvery reason is in o.jsonl\n" in shown.err
    assert "\x1b" not in shown.err


def test_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    """The model stands in the winner's file or on the command line; exit code 1 tells that something is held."""
    source = articles("in.jsonl", 2)
    winner = rk.save_prompt(LIMITS.revise(name="winner", model=LEAD), ".")
    good = main(["retitle", str(source), "--prompt", str(winner), "--out", "a.jsonl"])
    shown = capsys.readouterr().out
    source.write_text('{"id": "a", "title": "[gpt]no prompt here[/gpt]", "body": "x"}\n')
    held = main(["retitle", str(source), "--prompt", str(winner), "--out", "b.jsonl"])
    no_model = main(["retitle", str(source), "--prompt", str(ROOT / "prompts/bare.prompt"), "--out", "c.jsonl"])

    assert (0, 1, 2) == (good, held, no_model)
    assert "2 published, 0 kept their title, 0 held: a.jsonl" in shown
    assert "names no model: give --model" in capsys.readouterr().err
