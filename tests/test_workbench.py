"""The workbench without a browser: choices, price, sweep, results, drafts, and how it comes back."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from traitlets import TraitError

import retitlekit as rk
from retitlekit.errors import FrameError, PlanError, PromptError
from retitlekit.widgets.bench import Workbench
from retitlekit.widgets.choices import Choices
from retitlekit.widgets.drafts import proof
from retitlekit.widgets.exhibits import summary

from .conftest import ROOT
from .headless import kernel, press, ran
from .loopback import Fault, Loopback

PROMPTS = ("bare", "contract", "limits")
ARTICLES = [
    rk.Article(f"a{n}", f"Council votes on plan {n}", f"The council voted on plan {n} on Monday.") for n in range(4)
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three prompts."""
    made = tmp_path / "prompts"
    made.mkdir()
    for name in PROMPTS:
        shutil.copy(ROOT / f"prompts/{name}.prompt", made)
    return made


@pytest.fixture
def open_bench(folder: Path) -> Iterator[Callable[..., Workbench]]:
    """Open a workbench over the folder and one store, and note what it sends to its view."""
    opened = []

    def open_one(**options: Any) -> Workbench:
        usual = {"articles": ARTICLES, "prompts": folder, "store": "store", "models": "baseline/prefix"}
        bench = rk.workbench(**usual | options)
        bench.said = []  # type: ignore[attr-defined]
        bench.send = lambda content, *_: bench.said.append(content)  # type: ignore[attr-defined, method-assign]
        settle(bench)
        opened.append(bench)
        return bench

    yield open_one
    for bench in opened:
        Workbench.stop(bench)
        settle(bench)


def settle(bench: Workbench) -> None:
    assert bench._aside.wait(60)


def says(bench: Workbench, **message: Any) -> None:
    """What the view sends when somebody clicks; then wait for what follows."""
    bench._handle_custom_msg(message, [])
    settle(bench)


def priced(bench: Workbench) -> tuple[int, ...]:
    return tuple(bench.estimate[each] for each in ("trials", "stored", "to_send"))


def problems(bench: Workbench) -> list[str]:
    return [each["text"] for each in bench.said if each["kind"] == "problem"]  # type: ignore[attr-defined]


def local(server: Loopback, name: str = "model-a") -> rk.Model:
    return rk.Model(f"openai/{name}", api_base=server.base, name=name)


# ---- a sweep


def test_the_whole_way(open_bench: Callable[..., Workbench], folder: Path) -> None:
    """Choose, price, run, read, rank and save: each as the verbs do it, and nothing is sent twice."""
    with Loopback() as server:
        bench = open_bench(models=[local(server)])
        says(bench, kind="set", name="prompts", value=["bare", "contract"])
        says(bench, kind="first", n=3)
        says(bench, kind="pick", name="temperatures", value=0.7, on=True)
        says(bench, kind="pick", name="temperatures", value=None, on=False)
        assert (6, 0, 6, "cost unknown") == tuple(
            bench.estimate[each] for each in ("trials", "stored", "to_send", "cost")
        )
        assert [] == server.bodies
        says(bench, kind="run")
        expected = rk.sweep(
            rk.load_prompts(folder),
            ARTICLES[:3],
            models=local(server),
            temperatures=[0.7],
            store="store",
            progress=False,
        )
        expected = expected[expected.prompt != "limits"]

        assert expected.title.tolist() == bench.frame.title.tolist()
        assert {"done"} == {bench.progress["state"]}
        assert bench.grid.frame is bench.frame
        assert rk.leaderboard(bench.frame).equals(bench.board)
        assert bench.board.attrs["sentence"] == bench.results["sentence"]
        sent = len(server.bodies)
        bench.choose(prompts=PROMPTS)
        bench.wait(60)
        assert (9, 9, 0) == priced(bench)
        bench.choose(repeats=2)
        bench.run()
        assert 18 == len(bench.wait(60))
        assert sent + 9 == len(server.bodies)


def test_the_python_that_is_shown(open_bench: Callable[..., Workbench], folder: Path) -> None:
    """The lines beside each tab run, and give what the workbench has."""
    bench = open_bench(models=["baseline/prefix", rk.Model("baseline/lexrank", name="central")])
    bench.choose(prompts=["limits", "bare"], articles=["a1", "a3"], temperatures=[0, 0.7], repeats=2)
    bench.run()
    frame = bench.wait(60)
    names = {"rk": rk, "articles": ARTICLES, "prompts": rk.load_prompts(folder)}
    exec(bench.python["compare"], names)
    exec(bench.python["charts"].replace("board", "rk.leaderboard(frame)"), names)
    exec(bench.python["leaderboard"].splitlines()[0], names)
    bench.edit("bare", "User:\nAnother {{ title | safe }}")
    bench.wait(60)
    exec(bench.python["prompt"], names | {"text": bench.draft["text"]})

    assert frame.trial_id.tolist() == names["frame"].trial_id.tolist()
    assert bench.board.equals(names["board"])
    assert "bare" == rk.load_prompts(folder)["bare-2"].about["parent"]


def test_stop_and_go_on(open_bench: Callable[..., Workbench]) -> None:
    """Stop keeps what was answered; Run sends the rest; meanwhile a second run is refused."""
    articles = [rk.Article(f"a{n}", f"Title {n}", f"Text {n}.") for n in range(300)]
    with Loopback(latency_s=0.05) as server:
        bench = open_bench(articles=articles, models=[local(server)])
        bench.choose(articles=[each.id for each in articles], prompts=["bare"])
        bench.run()
        while bench.progress.get("done", 0) < 10:
            time.sleep(0.01)
        with pytest.raises(PlanError, match="under way"):
            bench.run()
        bench.stop()
        stopped = bench.wait(60)
        sent = len(server.bodies)
        counts = stopped.status.value_counts()

        assert "stopped" == bench.progress["state"]
        assert counts["ok"] + counts["cancelled"] == 300 > sent
        assert (300, counts["ok"]) == priced(bench)[:2]
        bench.run()
        assert {"ok"} == set(bench.wait(60).status)
        assert 300 == len({json.dumps(each) for each in server.bodies})


def test_errors_are_told(open_bench: Callable[..., Workbench]) -> None:
    """While one model fails, its errors are told with class, count and text, and the other's titles come."""
    with Loopback(
        lambda body, nth: Fault(400, "bad <b>day</b>") if body["model"] == "model-b" else "A title"
    ) as server:
        bench = open_bench(models=[local(server), local(server, "model-b")])
        bench.choose(prompts=["bare"])
        bench.run()
        frame = bench.wait(60)
        ((model, kind, count, text),) = bench.progress["errors"]

    assert ("model-b", "BadRequestError", 4) == (model, kind, count)
    assert "bad <b>day</b>" in text
    assert "4 of 8 trials have a title, 4 failed" in bench.progress["said"]
    assert [False, True] == frame.groupby("model", observed=True).title.count().eq(4).sort_index(
        ascending=False
    ).tolist()


def test_two_views_of_one_store(open_bench: Callable[..., Workbench]) -> None:
    """Opened again while a sweep is under way, the workbench follows that sweep, and can stop it."""
    articles = [rk.Article(f"a{n}", f"Title {n}", f"Text {n}.") for n in range(200)]
    with Loopback(latency_s=0.3) as server:
        first = open_bench(articles=articles, models=[local(server)])
        first.choose(articles=[each.id for each in articles], prompts=["bare"])
        first.run()
        while first.progress.get("done", 0) < 5:
            time.sleep(0.01)
        second = rk.workbench(articles, Path("prompts"), store="store", models=[local(server)])
        while second.progress["state"] != "running":
            time.sleep(0.01)
        second.stop()

        settle(second)
        assert {"ok", "cancelled"} == set(second.frame.status), second.progress
        assert "stopped" == second.progress["state"]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"prompts": []}, "Choose a prompt"),
        ({"models": []}, "Choose a model"),
        ({"articles": []}, "Choose an article"),
        ({"temperatures": []}, "Choose a temperature"),
        ({"models": ["here"], "budget_usd": 1}, "a budget cannot hold where a price is unknown"),
        ({"models": ["off"]}, "off cannot be used now: nothing answers at"),
    ],
)
def test_why_it_cannot_run(open_bench: Callable[..., Workbench], changes: dict[str, Any], why: str) -> None:
    """A plan that is wrong is told before anything is sent, and running it all the same ends with the reason."""
    with Loopback() as server:
        off = rk.Model("openai/x", api_base="http://127.0.0.1:9/v1", name="off")
        bench = open_bench(models=[rk.Model("openai/model-a", api_base=server.base, name="here"), off])
        assert (["here"], "") == (list(bench.choices["models"]), bench.estimate["why"])
        bench.choose(**changes)
        settle(bench)

        assert why in bench.estimate["why"]
        if "budget_usd" not in changes:
            bench.run()
            settle(bench)
            assert "failed" == bench.progress["state"]
            assert why in bench.progress["said"]
        assert [] == server.bodies


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ({"kind": "set", "name": "repeats", "value": 0}, "repeats=0: give a whole number from 1 to 1000"),
        ({"kind": "set", "name": "budget_usd", "value": -1}, "budget_usd=-1: give US dollars"),
        ({"kind": "set", "name": "nonsense", "value": 1}, "these are no choices"),
        ({"kind": "pick", "name": "temperatures", "value": 3, "on": True}, "temperature 3: give a number from 0 to 2"),
        ({"kind": "pick", "name": "__class__", "value": 3, "on": True}, "'__class__' is no list of choices"),
        ({"kind": "pick", "name": "prompts", "value": "<b>", "on": True}, "there is no prompt '<b>'"),
        ({"kind": "open", "prompt": "../x"}, "there is no prompt '../x'"),
        ({"kind": "decide", "by": "cost_usd"}, "nothing can be decided by 'cost_usd'"),
        ({"kind": "tab", "tab": "nonsense"}, "TraitError"),
    ],
)
def test_what_is_refused_is_told(open_bench: Callable[..., Workbench], message: dict[str, Any], problem: str) -> None:
    """A choice that no sweep can have changes nothing and is told in the view."""
    bench = open_bench()
    before = bench.choices
    with contextlib.suppress(TraitError):  # a log has it too
        says(bench, **message)

    assert problem in problems(bench)[0]
    assert before == bench.choices


@pytest.mark.parametrize(
    ("articles", "prompts", "problem"),
    [
        ([], [rk.Prompt("one", "{{ title }}")], "needs an article"),
        (ARTICLES, {}, "needs an article and a prompt"),
        (["a title"], [rk.Prompt("one", "{{ title }}")], "expected Article objects"),
        (ARTICLES, ["{{ title }}"], "expected Prompt objects"),
        ("nowhere.jsonl", "nowhere", "there is no nowhere.jsonl"),
        (ARTICLES, "nowhere", "there is no nowhere"),
    ],
)
def test_what_cannot_be_opened(articles: Any, prompts: Any, problem: str) -> None:
    """Without articles or prompts there is an error at once that names what is missing."""
    with pytest.raises(rk.RetitlekitError, match=problem):
        rk.workbench(articles, prompts, store="store")


def test_a_mistake_of_ours_is_told_too(open_bench: Callable[..., Workbench]) -> None:
    """An exception in the background, which nobody would see, is told in the view."""
    bench = open_bench()
    bench._aside.later("break", lambda: 1 / 0)  # type: ignore[arg-type, return-value]
    bench.wait(60)

    assert ["ZeroDivisionError: division by zero"] == problems(bench)


# ---- the editor


@pytest.mark.parametrize(
    ("text", "line", "severity", "code", "message"),
    [
        ("User:\nRewrite {{ titel | safe }}", 2, "error", "unknown-variable", "no article has 'titel'; did you mean"),
        ("---\ntemprature: 1\n---\n{{ title }}", 2, "error", "no-prompt", "unknown key 'temprature'"),
        ("User:\n{{ title }", 2, "error", "no-prompt", ""),
        ("---\n", 1, "error", "no-prompt", "the front matter"),
        ("", 1, "error", "no-prompt", "message is empty"),
        ("User:\n<title>\n{{ title }}\n</title>\nTitle only.", 3, "warning", "html-escaping", "LiteLLM's own loader"),
    ],
)  # fmt: skip
def test_lint_while_typing(text: str, line: int, severity: str, code: str, message: str) -> None:
    """What is wrong with a draft is told with its line, whether it is a prompt yet or not."""
    shown = proof(rk.Prompt("one", "{{ title }}"), text, ARTICLES[0])
    found = [each for each in shown["findings"] if each[2] == code]

    assert [(line, severity)] == [(each[0], each[1]) for each in found]
    assert message in found[0][3]
    assert bool(shown["problem"]) == (severity == "error")


def test_the_preview(open_bench: Callable[..., Workbench], folder: Path) -> None:
    """The messages are those that would be sent for each of the chosen articles; tokens are those of the model."""
    with Loopback() as server:
        bench = open_bench(models=[local(server)])
        bench.choose(articles=["a1", "a3"])
        bench.edit("limits")
        seen = []
        for step in (1, 1, 1, -1):
            says(bench, kind="article", step=step)
            seen.append(bench.draft["article"])

        assert [ARTICLES[n].title for n in (1, 3, 1, 3)] == seen
        assert rk.load_prompts(folder)["limits"].render(ARTICLES[3]) == bench.draft["messages"]
        assert ["body", "title"] == bench.draft["variables"] or ["lead", "title"] == bench.draft["variables"]
        ((name, count),) = bench.draft["tokens"]
        assert ("model-a", True) == (name, 50 < count < 1000)


def test_saving_a_draft(open_bench: Callable[..., Workbench], folder: Path) -> None:
    """A draft becomes a new file that names its parent, is chosen, and alone is sent; no file is ever overwritten."""
    bench = open_bench()
    bench.choose(prompts=["contract"])
    bench.run()
    bench.wait(60)
    parent = (folder / "contract.prompt").read_text()
    says(bench, kind="open", prompt="contract")
    says(bench, kind="save", name="contract-2")
    says(bench, kind="edit", prompt="contract", text=parent + "\nAt most nine words.", serial=7)
    assert (7, True, "contract-2") == tuple(bench.draft[each] for each in ("serial", "changed", "name"))
    for name in ("bare", "../outside", ""):
        says(bench, kind="save", name=name)
    says(bench, kind="save", name="nine", description="As contract, but nine words")
    made = rk.load_prompts(folder)["nine"]

    assert ["the draft says what 'contract' says", "exists", "no name", "needs a name"] == [
        next(w for w in ("the draft says what 'contract' says", "exists", "no name", "needs a name") if w in each)
        for each in problems(bench)
    ]
    assert ("contract", "As contract, but nine words") == (made.about["parent"], made.description)
    assert made.render(ARTICLES[0])[-1]["content"].endswith("At most nine words.")
    assert parent == (folder / "contract.prompt").read_text()
    assert ("contract", "nine") == bench.choices["prompts"]
    assert ("nine", False) == (bench.draft["prompt"], bench.draft["changed"])
    assert (8, 4, 4) == priced(bench)


def test_no_folder_to_save_to(open_bench: Callable[..., Workbench]) -> None:
    """Prompts that came from no folder can be drafted and run, but not saved, and the view knows why."""
    bench = open_bench(prompts=[rk.Prompt("one", "One {{ title | safe }}")])
    bench.edit("one", "Two {{ title | safe }}")

    assert "no folder" in bench.catalog["unsaved"]
    with pytest.raises(PromptError, match="no folder"):
        bench.save_prompt("two")


# ---- the decision


def test_a_tie_is_refused_until_one_insists(open_bench: Callable[..., Workbench]) -> None:
    """The refusal of a tie is shown with a way to insist; then the file and its difference to the parent are."""
    bench = open_bench()
    with pytest.raises(FrameError, match="nothing has run yet"):
        _ = bench.board
    bench.run()
    bench.wait(60)
    says(bench, kind="winner", name="best", force=False)
    assert bench.winner["tie"]
    assert bench.board.attrs["sentence"] in bench.winner["refused"]
    assert not Path("winners").exists()
    says(bench, kind="winner", name="best", force=True)
    saved = rk.load_prompts("winners")["best"]

    assert str(Path("winners/best.prompt")) == bench.winner["path"]
    assert "+++ best" in bench.winner["diff"]
    assert saved.about["parent"] == bench.board.prompt.iloc[0]
    Path("winners/best.prompt").write_text(saved.text + "Edited.\n")
    says(bench, kind="winner", name="best", force=True)
    assert "exists" in bench.winner["refused"]
    assert not bench.winner["tie"]


def test_tabs_are_filled_when_they_are_opened(open_bench: Callable[..., Workbench]) -> None:
    """Charts are drawn, and pairs are laid out, when somebody looks; votes can decide."""
    bench = open_bench(models=["baseline/prefix", "baseline/lexrank"])
    bench.run()
    bench.wait(60)
    assert ([], None) == (bench.pictures, bench.arena)
    says(bench, kind="tab", tab="charts")
    assert all(each["picture"].startswith("data:image/svg+xml;base64,") for each in bench.pictures)
    assert len(bench.pictures) >= 3
    says(bench, kind="tab", tab="vote")
    for _ in range(3):
        bench.arena.cast("left")
    says(bench, kind="tab", tab="leaderboard")
    says(bench, kind="decide", by="votes")

    assert (3, "win_rate") == (bench.results["votes"], bench.results["metric"])
    assert 3 == len(bench.votes)
    assert rk.leaderboard(bench.frame, votes=bench.votes).equals(bench.board)


# ---- how it comes back


def test_it_comes_back(open_bench: Callable[..., Workbench]) -> None:
    """Opened again, as after a restart of the kernel, it has choices, draft, tab and results, and sends nothing."""
    with Loopback() as server:
        bench = open_bench(models=[local(server)])
        bench.choose(prompts=["bare"], temperatures=[0, 1], repeats=2, budget_usd=None, articles=["a2", "a1"])
        bench.run()
        frame = bench.wait(60)
        bench.choose(prompts=["bare", "contract"])  # chosen, but not run
        bench.edit("limits", "An unfinished {{ thought")
        says(bench, kind="tab", tab="leaderboard")
        sent = len(server.bodies)
        again = open_bench(models=[local(server)])

    assert frame.trial_id.tolist() == again.frame.trial_id.tolist()
    assert frame.title.tolist() == again.frame.title.tolist()
    assert bench.choices == again.choices
    assert bench.results == again.results
    assert ("leaderboard", "An unfinished {{ thought") == (again.tab, again.draft["text"])
    assert "nothing was sent" in again.progress["said"]
    assert sent == len(server.bodies)


def test_results_of_a_server_that_is_gone(open_bench: Callable[..., Workbench]) -> None:
    """The titles of a model that is not offered any more are brought back all the same; it cannot be run."""
    with Loopback() as server:
        bench = open_bench(models=[local(server)])
        bench.run()
        frame = bench.wait(60)
    again = open_bench(models="baseline/prefix")

    assert frame.title.tolist() == again.frame.title.tolist()
    assert "model-a cannot be used now" in again.estimate["why"]


def test_a_press_is_one_press(open_bench: Callable[..., Workbench]) -> None:
    """Stop is heard twice, as a message and on the control channel, and what is under way still gets its seconds."""
    bench, stops = open_bench(), []
    bench.stop = lambda: stops.append(1)  # type: ignore[method-assign]
    for number in ("a", "a", "b"):
        says(bench, kind="stop", press=number)

    assert 2 == len(stops)


def test_what_is_no_longer_there(open_bench: Callable[..., Workbench], folder: Path) -> None:
    """A prompt and an article that are gone are chosen no more; the rest comes back."""
    bench = open_bench()
    bench.choose(prompts=PROMPTS, articles=["a0", "a1"])
    bench.edit("limits", "draft")
    bench.wait(60)
    (folder / "limits.prompt").unlink()
    again = open_bench(articles=ARTICLES[1:])

    assert (("bare", "contract"), 1) == (again.choices["prompts"], again.choices["articles"])
    assert "bare" == again.draft["prompt"]


@pytest.mark.parametrize("text", ["{", "[1]", '{"choices": {"repeats": "many"}}', '{"choices": 3}', "\x00"])
def test_a_broken_desk(open_bench: Callable[..., Workbench], text: str) -> None:
    """A file that cannot be taken up costs the choices, not the workbench, and the view says so."""
    Path("store").mkdir()
    Path("store/workbench.json").write_text(text)
    bench = open_bench()

    assert bench.progress["said"]
    assert 4 == bench.choices["articles"]
    bench.run()
    assert 4 == len(bench.wait(60))


def test_print(open_bench: Callable[..., Workbench]) -> None:
    """What is left without a kernel tells the result as text, whatever a title says."""
    bench = open_bench()
    bench.run()
    frame = bench.wait(60)
    told = summary("12 of 12", frame.assign(title="<img src=x onerror=alert(1)>"), bench.board)

    assert "&lt;img src=x" in told
    assert "<img" not in told
    assert bench.board.attrs["sentence"] in told
    assert "4 of 4 trials have a title" in repr(bench)


# ---- choices


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ({"prompts": "bare"}, "prompts='bare': give a list"),
        ({"repeats": True}, "repeats=True"),
        ({"repeats": 1.5}, "repeats=1.5"),
        ({"temperatures": ["0"]}, "temperature '0'"),
        ({"budget_usd": float("nan")}, "budget_usd=nan"),
        ({"budget_usd": "2"}, "budget_usd='2'"),
        ({"more": 1}, "these are no choices"),
        ([], "these are no choices"),
    ],
)
def test_choices_that_cannot_be(told: Any, problem: str) -> None:
    """What a browser or a file says is held to what a sweep can have."""
    with pytest.raises(PlanError, match=problem):
        Choices.of(told)


def test_stop_while_a_cell_blocks(tmp_path: Path) -> None:
    """In a real kernel, Stop arrives while a cell keeps it busy, once, and the sweep ends before the cell does."""
    opened = """
import time, retitlekit as rk
model = rk.Model("openai/model-a", api_base={base!r})
articles = [rk.Article(f"a{{n}}", f"Title {{n}}", "Text.") for n in range(600)]
bench = rk.workbench(articles, [rk.Prompt("one", "{{{{ title }}}}")], models=model, store={store!r})
stops, stop = [], bench.stop
bench.stop = lambda: (stops.append(1), stop())
bench.choose(articles=[each.id for each in articles])
bench.wait(60)
bench.run()
while bench.progress.get("done", 0) < 10:
    time.sleep(0.05)
"""
    blocking = """
until = time.monotonic() + 30
while time.monotonic() < until and bench.progress["state"] in ("running", "stopping"):
    time.sleep(0.05)
early = time.monotonic() < until and bool(stops)
"""
    with Loopback(latency_s=0.5) as server, kernel() as client:
        comm = ran(client, opened.format(base=server.base, store=str(tmp_path)), "bench.comm_id")
        client.execute(blocking)
        press(client, comm, "stop")

        assert (True, 1, "stopped") == ran(
            client, "frame = bench.wait(60)", "(early, len(stops), bench.progress['state'])"
        )
        assert 0 < len(server.bodies) < 600


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"models": ["typo"]}, "typo cannot be used now: it is not among the models, baseline/"),
        ({"models": ["openai/typo"]}, "openai/typo cannot be used now"),
        ({"temperatures": "0.7"}, "temperatures='0.7': give a list"),
    ],
)
def test_a_wrong_choice_is_an_error_at_once(
    open_bench: Callable[..., Workbench], changes: dict[str, Any], problem: str
) -> None:
    """What cannot be chosen is refused where it is chosen, and changes nothing."""
    bench = open_bench()
    settle(bench)
    before = bench.choices
    with pytest.raises(rk.PlanError, match=re.escape(problem)):
        bench.choose(**changes)

    assert before == bench.choices


def test_a_draft_that_is_wrong_is_told_at_once(open_bench: Callable[..., Workbench]) -> None:
    """A variable that no article has is a warning of `edit`, and the draft stays to be mended."""
    bench = open_bench()
    name = next(iter(bench.choices["prompts"]))
    with pytest.warns(rk.RetitlekitWarning, match=rf"^draft of {name}, line 1: .*titel"):
        bench.edit(name, "Shorten {{ title | safe }} {{ titel | safe }}")
    settle(bench)

    assert "titel" in bench.draft["text"]
