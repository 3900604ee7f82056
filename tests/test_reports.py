"""The report as a file: what it holds, and what it must never do. How it behaves is tested in a browser."""

from __future__ import annotations

import base64
import gzip
import json
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.cli import main

from .conftest import ROOT


@pytest.fixture(scope="module")
def frame(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    articles = rk.load_articles(ROOT / "data/articles.jsonl")[:10]
    prompts = [rk.load_prompts(ROOT / "prompts")[name] for name in ("limits", "contract-body")]
    store = tmp_path_factory.mktemp("store")
    return rk.score(rk.sweep(prompts, articles, models="baseline/lead-compress", store=store, progress=False))


def rows_of(page: str) -> dict[str, Any]:
    packed = re.search(r'id="rows">([^<]*)<', page)
    assert packed
    return dict(json.loads(gzip.decompress(base64.b64decode(packed[1]))))


def test_what_it_holds(frame: pd.DataFrame, tmp_path: Path) -> None:
    """Leaderboard and its sentence, two charts, prompts with the difference to their parent, costs, and every title."""
    prompts = rk.load_prompts(ROOT / "prompts")
    board = rk.leaderboard(frame)
    page = rk.report(frame, tmp_path / "r.html", board=board, prompts=prompts).read_text(encoding="utf-8")
    told = rows_of(page)
    titles = {
        "".join(text for sign, text in outcome["parts"][0] if sign[0] != "-")
        for row in told["rows"] for cell in row["cells"] for outcome in cell
    }  # fmt: skip

    assert board.attrs["sentence"] in page
    assert 2 == page.count("data:image/svg+xml;base64,")
    assert "--- contract-lead\n+++ contract-body\n@@" in page
    assert '<th scope="col">when (UTC)</th>' in page
    assert set(frame["title"].dropna()) == titles
    assert 10 == len(told["rows"])
    assert set(frame["body"]) == {row["opened"]["body"] for row in told["rows"]}


def test_a_baseline(frame: pd.DataFrame, tmp_path: Path) -> None:
    """With a baseline each title of the others is told twice, against the original and against the baseline's."""
    told = rows_of(rk.report(frame, tmp_path / "r.html", baseline="contract-body").read_text(encoding="utf-8"))
    plain = rows_of(rk.report(frame, tmp_path / "r.html").read_text(encoding="utf-8"))
    names = [variant["name"] for variant in told["head"]["variants"]]
    at = names.index(["contract-body"])

    assert (at, -1) == (told["head"]["baseline"], plain["head"]["baseline"])
    for row, before in zip(told["rows"], plain["rows"], strict=True):
        (base,), (other,) = row["cells"][at], row["cells"][1 - at]
        titles = ["".join(text for sign, text in parts if sign[0] != "+") for parts in other["parts"]]
        assert base == before["cells"][at][0]
        assert [row["label"], "".join(text for sign, text in base["parts"][0] if sign[0] != "-")] == titles
        assert [entry["cell"] for entry in before["opened"]["entries"]] == sorted(
            entry["cell"] for entry in row["opened"]["entries"]
        )
    with pytest.raises(rk.FrameError, match="the variants are 'limits', 'contract-body'"):
        rk.report(frame, tmp_path / "r.html", baseline="nobody")


def test_a_baseline_among_models_and_temperatures(tmp_path: Path) -> None:
    """A prompt's name is enough where one variant has it; else the error lists whole names, such as the README's."""
    prompts, articles = rk.load_prompts(ROOT / "prompts"), rk.load_articles(ROOT / "data/articles.jsonl")[:2]
    models = ["baseline/lead-compress", "baseline/lexrank"]
    trials = rk.plan([prompts["contract"]], articles, models=models, temperatures=[0, 0.7])
    one = rk.plan([prompts["bare"]], articles, models="baseline/lexrank", temperatures=[0])
    swept = rk.run(pd.concat([trials, one], ignore_index=True), store=tmp_path / "store", progress=False)
    (named,) = re.findall(r'report.html",\s+baseline="([^"]+)"', (ROOT / "README.md").read_text(encoding="utf-8"))
    for baseline, whole in ((named, named), ("bare", "bare · baseline/lexrank · T 0")):
        head = rows_of(rk.report(swept, tmp_path / "r.html", baseline=baseline).read_text(encoding="utf-8"))["head"]
        assert whole == " · ".join(head["variants"][head["baseline"]]["name"])
    with pytest.raises(rk.FrameError, match=f"'contract' is in 4 variants, name one whole: .*{re.escape(named)}"):
        rk.report(swept, tmp_path / "r.html", baseline="contract")


def test_nothing_from_outside(frame: pd.DataFrame, tmp_path: Path) -> None:
    """The page may load nothing; the only script it may run is its own, by its hash."""
    page = rk.report(frame, tmp_path / "r.html").read_text(encoding="utf-8")
    sources = re.findall(r"""(?:src|href|action)=["']?([^"'\s>]*)""", page)

    assert page.count("default-src 'none'; script-src 'sha256-") == 1
    assert {"data:image/svg+xml"} == {each.partition(";")[0] for each in sources if each.startswith("data:")}
    assert [] == [each for each in sources if "//" in each]
    assert "<script src" not in page
    assert "export default" not in page


def test_it_is_small(tmp_path: Path, frame: pd.DataFrame) -> None:
    """A thousand trials take less than two megabytes, with every article, message and completion."""
    many = [
        frame.assign(
            article=frame["article"].astype(str) + str(n), trial_id=frame["trial_id"] + str(n),
            body=frame["body"].map(lambda body, n=n: "".join(f"{word}{len(word) * n % 97} " for word in body.split())),
        )
        for n in range(50)
    ]  # fmt: skip
    path = rk.report(pd.concat(many, ignore_index=True), tmp_path / "r.html", board=rk.leaderboard(frame))

    assert path.stat().st_size < 2_000_000


def test_an_unscored_frame(tmp_path: Path, frame: pd.DataFrame) -> None:
    """Without scores there is no leaderboard, and the rest stands."""
    page = rk.report(
        frame[["article", "original_title", "title", "prompt"]], tmp_path / "r.html", title="A <look>"
    ).read_text(encoding="utf-8")

    assert "<h2>Leaderboard" not in page
    assert "<h1>A &lt;look&gt;</h1>" in page
    assert 10 == len(rows_of(page)["rows"])


def test_where_it_cannot_be_written(tmp_path: Path, frame: pd.DataFrame) -> None:
    """A folder that is missing is named."""
    with pytest.raises(rk.RetitlekitError, match=r"nowhere/r.html: No such file"):
        rk.report(frame, tmp_path / "nowhere/r.html")


def test_from_the_command_line(frame: pd.DataFrame, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`retitlekit report` writes the same from a saved frame, and prints where."""
    rk.write_frame(frame, tmp_path / "frame.parquet")
    out = tmp_path / "r.html"

    assert 0 == main(["report", str(tmp_path / "frame.parquet"), "--out", str(out), "--prompts", str(ROOT / "prompts")])
    assert f"{out}\n" == capsys.readouterr().out
    assert "contract-body" in out.read_text(encoding="utf-8")
