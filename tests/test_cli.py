"""The command line as a user meets it: output, exit codes, JSON."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.cli import main

from .conftest import ROOT
from .loopback import Fault, Loopback, echo


@pytest.fixture(autouse=True)
def shipped(at_home: None, tmp_path: Path) -> None:
    """The shipped articles and two prompts stand where the command line looks for them."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    (tmp_path / "prompts").mkdir()
    for name in ("contract", "contract-body"):
        shutil.copy(ROOT / f"prompts/{name}.prompt", tmp_path / "prompts")


def config(server: Loopback) -> str:
    Path("config.yaml").write_text(
        f"model_list: [{{model_name: house, litellm_params: {{model: openai/model-a, api_base: '{server.base}'}}}}]"
    )
    return "config.yaml"


def test_the_main_job(capsys: pytest.CaptureFixture[str]) -> None:
    """A sweep prints what it will cost, a leaderboard, a side-by-side table and the next step, and writes the frame."""
    code = main(["sweep", "--temperatures", "0", "0.7", "--limit", "8", "--out", "frame.parquet"])
    shown = capsys.readouterr().out

    assert 0 == code
    assert "2 prompts, 8 articles: 32 trials, 0 in the store, 32 to send, $0" in shown
    assert "Leaderboard by passed" in shown
    assert "Kim Jong Un in Russia amid US warnings not to sell arms" in shown
    assert "no language models" in shown
    assert "rk.read_frame('frame.parquet')" in shown
    assert 32 == len(rk.read_frame("frame.parquet"))


def test_a_frame_as_csv(capsys: pytest.CaptureFixture[str]) -> None:
    """A file that ends in .csv is CSV, one row a trial."""
    code = main(["sweep", "--limit", "2", "--out", "frame.csv"])
    read = pd.read_csv("frame.csv")

    assert (0, 4, True) == (code, len(read), {"article", "title", "passed"} <= set(read))
    assert "pandas.read_csv('frame.csv')" in capsys.readouterr().out


def test_errors_name_options(capsys: pytest.CaptureFixture[str]) -> None:
    """What an error calls an argument of Python is an option here."""
    Path("out.jsonl").write_text("")
    prompt = ["--prompt", "prompts/contract.prompt", "--model", "baseline/lexrank"]
    codes = main(["sweep", "--repeats", "0"]), main(["retitle", "data/articles.jsonl", "--out", "out.jsonl", *prompt])
    told = capsys.readouterr().err

    assert (2, 2) == codes
    assert "--repeats=0: give a whole number" in told
    assert "replace it with --overwrite" in told
    assert "overwrite=True" not in told


def test_as_a_module() -> None:
    """`python -m retitlekit` is the command line."""
    done = subprocess.run(
        [sys.executable, "-m", "retitlekit", "--version"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, f"retitlekit {rk.__version__}\n") == (done.returncode, done.stdout)


def test_json(capsys: pytest.CaptureFixture[str]) -> None:
    """--json prints one object and nothing else."""
    code = main(["sweep", "--limit", "3", "--json"])
    told = json.loads(capsys.readouterr().out)

    assert 0 == code
    assert (6, {"ok": 6}, 0.0) == (told["trials"], told["status"], told["cost_usd"])
    assert {"model", "estimate", "verdict"} <= set(told["leaderboard"][0])


def test_a_dry_run_sends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """--dry-run estimates; with --json it is one object."""
    with Loopback() as server:
        plain = main(["sweep", "--config", config(server), "--limit", "2", "--dry-run"])
        shown = capsys.readouterr().out
        told = main(["sweep", "--config", config(server), "--limit", "2", "--dry-run", "--json"])
        estimate = json.loads(capsys.readouterr().out)["estimate"]

    assert (0, 0) == (plain, told)
    assert "4 trials, 0 in the store, 4 to send, cost unknown" in shown
    assert ("house", 4, None) == (estimate[0]["model"], estimate[0]["to_send"], estimate[0]["cost_low"])
    assert [] == server.bodies


def test_a_server_of_ones_own(capsys: pytest.CaptureFixture[str]) -> None:
    """`--api-base` asks a server of one's own; a budget that cannot hold there is told in options."""
    Path("one.jsonl").write_text(Path("data/articles.jsonl").read_text().splitlines()[3] + "\n")
    with Loopback(echo) as server:
        asked = ["sweep", "--models", "openai/model-a", "--api-base", server.base, "--limit", "1"]
        prompt = ["--prompt", "prompts/contract.prompt", "--model", "openai/model-a", "--api-base", server.base]
        codes = main(asked), main([*asked, "--repeats", "2", "--budget", "1"])
        code = main(["retitle", "one.jsonl", *prompt, "--out", "new.jsonl"])
    told = capsys.readouterr().err

    assert 0 == codes[0], told
    assert 2 != code, told
    assert 2 + 1 == len(server.bodies)
    assert "so --budget cannot hold" in told
    assert "budget_usd" not in told


def test_a_table_is_told_how_to_become_articles(capsys: pytest.CaptureFixture[str]) -> None:
    """A .csv is not retitled, and the refusal says in one line what makes it one that is."""
    Path("mine.csv").write_text("title,body\nKim in Russia,Kim arrived in Russia.\n")
    code = main(["retitle", "mine.csv", "--prompt", "prompts/contract.prompt", "--model", "m", "--out", "o.jsonl"])

    assert 2 == code
    assert "pandas.read_csv('mine.csv').to_json('mine.jsonl', orient='records', lines=True)" in capsys.readouterr().err


def test_failed_trials(capsys: pytest.CaptureFixture[str]) -> None:
    """Trials that fail make exit code 1, and the reason is told."""
    with Loopback(lambda body, nth: Fault(400, "too hot") if nth else echo(body, nth)) as server:
        code = main(["sweep", "--config", config(server), "--limit", "2"])

    assert 1 == code
    assert "4 of 4 trials failed: BadRequestError" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--articles", "nowhere.jsonl"], "there is no nowhere.jsonl"),
        (["--prompts", "data"], "holds no .prompt file"),
        (["--models", "baseline/none"], "the embedded models are"),
        (["--models", "openai/gpt-4o-mini"], "OPENAI_API_KEY"),
        (["--temperatures", "3"], "temperature 3.0"),
        (["--repeats", "0"], "whole number from 1"),
        (["--param", "max_tokens"], "NAME=VALUE"),
        (["--param", "n=3"], "use --repeats="),
        (["--out", "no/where.parquet"], "folder no does not exist"),
        (["--budget", "-1"], "--budget=-1.0: give US dollars from 0 up"),
        (["--api-base", "http://127.0.0.1:9/v1"], "--api-base is the address of --models"),
        (["--models", "openai/x", "--api-base", "127.0.0.1:9"], "--api-base must start with http"),
    ],
)
def test_wrong_input(arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Wrong input is exit code 2, with what is allowed, before anything is sent."""
    assert 2 == main(["sweep", "--limit", "1", *arguments])
    assert says in capsys.readouterr().err
    assert not Path(".retitlekit/store.sqlite").exists() or "--budget" in arguments or "openai/gpt-4o-mini" in arguments


def test_parameters_reach_the_model() -> None:
    """--param values are read as JSON where they are JSON."""
    with Loopback() as server:
        main(["sweep", "--config", config(server), "--limit", "1", "--param", "max_tokens=60", "--param", 'stop=["x"]'])

    assert {(60, "x")} == {(body["max_tokens"], body["stop"][0]) for body in server.bodies}


def test_models(capsys: pytest.CaptureFixture[str]) -> None:
    """The list says what can be used and what the rest lacks; with --json it is data."""
    with Loopback() as server:
        main(["models", "--server", server.base])
        shown = capsys.readouterr().out
        main(["models", "--server", server.base, "--json"])
        listed = json.loads(capsys.readouterr().out)

    assert "✓ openai/model-a" in shown
    assert "set OPENAI_API_KEY in the environment" in shown
    assert {"openai/model-a", "baseline/prefix"} <= {entry["model"] for entry in listed if entry["usable"]}


def test_a_lab_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """A notebook that is not there is exit code 2."""
    assert 2 == main(["lab", "nowhere.ipynb"])
    assert "there is no nowhere.ipynb" in capsys.readouterr().err


def test_interrupted() -> None:
    """Ctrl-C ends a sweep with exit code 130; the same command goes on from there and sends only the rest."""
    command = [sys.executable, "-m", "retitlekit.cli", "sweep", "--limit", "10", "--concurrency", "2"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    with Loopback(latency_s=0.2) as server:
        command += ["--config", config(server)]
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
        )
        while len(server.bodies) < 4:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, told = process.communicate(timeout=60)
        sent = len(server.bodies)
        server.latency_s = 0.0
        again = subprocess.run(command, env=environment, capture_output=True, check=False)

    assert 130 == process.returncode
    assert "are answered and stored" in told
    assert 0 == again.returncode
    assert 20 == len(server.bodies)
    assert sent < 20


def test_help_is_worth_reading(capsys: pytest.CaptureFixture[str]) -> None:
    """--help tells examples and exit codes."""
    with pytest.raises(SystemExit):
        main(["sweep", "--help"])
    shown = capsys.readouterr().out

    assert "examples:" in shown
    assert "exit codes:" in shown
