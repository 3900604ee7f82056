"""The frame: declared once, kept through Parquet, and checked with a word on who writes what."""

from __future__ import annotations

import random
from pathlib import Path

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.frame import check, typed

ARTICLE = rk.Article("a", "Bridge to close", "The bridge will close.\n\nIt is old.")
PROMPT = rk.Prompt("p", "{{ title | safe }} {{ body | safe }}")


@pytest.fixture
def scored(tmp_path: Path) -> pd.DataFrame:
    """A small frame that went the whole way."""
    return rk.score(rk.sweep(PROMPT, [ARTICLE], models="baseline/prefix", store=tmp_path / "s", progress=False))


def test_parquet_keeps_everything(scored: pd.DataFrame, tmp_path: Path) -> None:
    """Values and dtypes, categories and missing values included, come back."""
    back = rk.read_frame(rk.write_frame(scored, tmp_path / "f.parquet"))

    pd.testing.assert_frame_equal(scored, back)


def test_every_declared_column_is_there_with_its_dtype(scored: pd.DataFrame) -> None:
    """A run frame has exactly the declared columns, in order, before what score() adds."""
    declared = {column.name: column.dtype for column in rk.COLUMNS}

    assert list(declared) == list(scored.columns[: len(declared)])
    assert declared == {name: str(scored[name].dtype) for name in declared}


def test_what_is_missing_and_who_writes_it() -> None:
    """One error names all missing columns and the verbs that make them."""
    with pytest.raises(
        rk.FrameError, match=r"`title` \(written by run\(\)\); no `score_words` \(written by score\(\)\)"
    ):
        check(pd.DataFrame({"article": []}), needs=["article", "title", "score_words"])


def test_what_is_no_frame() -> None:
    """Something else than a DataFrame is refused by name."""
    with pytest.raises(rk.FrameError, match="got list"):
        check([], needs=[])


def test_own_columns_are_left_alone() -> None:
    """typed() touches declared columns, gates and scores only, and gives a new frame."""
    frame = pd.DataFrame({"repeat": [1.0], "gate_mine": [True], "score_mine": [1], "own": ["x"]})
    result = typed(frame)

    assert ["Int64", "boolean", "Float64", str(frame.own.dtype)] == [str(dtype) for dtype in result.dtypes]
    assert frame["repeat"].dtype == "float64"


@pytest.mark.parametrize("verb", [rk.read_frame, lambda path: rk.write_frame(pd.DataFrame(), path)])
def test_a_path_that_is_wrong(verb, tmp_path: Path) -> None:
    """A path into nowhere is a FrameError that names it."""
    with pytest.raises(rk.FrameError, match="nowhere"):
        verb(tmp_path / "nowhere" / "f.parquet")


def test_a_file_that_is_no_frame(tmp_path: Path) -> None:
    """A file of another kind is said to be that."""
    (tmp_path / "f.parquet").write_text("hello")

    with pytest.raises(rk.FrameError, match="not a Parquet file"):
        rk.read_frame(tmp_path / "f.parquet")


def test_a_text_is_written_once(tmp_path: Path) -> None:
    """On disk as in memory, long articles are kept once and not once per trial."""
    rng = random.Random(1)
    bodies = ["".join(rng.choices("abcdefghij ", k=50_000)) for _ in range(40)]
    articles = [rk.Article(f"a{n}", f"Title {n}", body) for n, body in enumerate(bodies)]
    trials = rk.plan(PROMPT, articles, models="baseline/prefix", repeats=50)
    path = rk.write_frame(trials, tmp_path / "plan.parquet")

    assert path.stat().st_size < 3 * sum(map(len, bodies))
