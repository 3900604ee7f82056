"""Readers: articles from everything people keep them in, byte for byte."""

from __future__ import annotations

import codecs
import contextlib
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retitlekit as rk

ROWS = [
    {
        "id": "a",
        "title": "Bridge to close",
        "body": "The bridge closes.\n\nIt is old.",
        "language": "en",
        "source": None,
    },
    {"id": "b", "title": 'He said, "no"', "body": "B, c\nd", "language": "", "source": "s"},
]
EXPECTED = [
    rk.Article("a", "Bridge to close", "The bridge closes.\n\nIt is old.", language="en"),
    rk.Article("b", 'He said, "no"', "B, c\nd", source="s"),
]


@pytest.mark.parametrize("kind", "jsonl csv tsv json parquet DataFrame list generator Articles".split())
def test_the_same_articles_from_everywhere(kind: str, tmp_path: Path) -> None:
    """Whatever holds them, the articles are the same, paragraphs, quotes and empty fields included."""
    frame = pd.DataFrame(ROWS)
    path = tmp_path / f"x.{kind}"
    if kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    elif kind == "jsonl":
        path.write_text("\n".join(map(json.dumps, ROWS)))
    elif kind == "json":
        path.write_text(json.dumps({"status": "ok", "articles": ROWS}))
    elif kind == "parquet":
        frame.to_parquet(path)
    given = {"DataFrame": frame, "list": ROWS, "generator": (row for row in ROWS), "Articles": EXPECTED}

    assert EXPECTED == list(rk.load_articles(given.get(kind, path)))


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "md"])
@pytest.mark.parametrize(
    ("encoding", "mark", "told"),
    [
        ("utf-8", b"", None),
        ("utf-8", codecs.BOM_UTF8, None),
        ("utf-16", b"", "not UTF-8, read as UTF-16"),
        ("cp1252", b"", "not UTF-8, read as Windows-1252"),
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_encodings_and_line_ends(
    suffix: str, encoding: str, mark: bytes, told: str | None, end: str, tmp_path: Path
) -> None:
    """A BOM is no part of the text; another encoding than UTF-8 is read and told, and warned of when it is a guess."""
    texts = {"jsonl": '{"title": "é – “x”", "body": "B"}\n', "csv": "title,body\né – “x”,B\n", "md": "# é – “x”\n\nB\n"}
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(mark + texts[suffix].replace("\n", end).encode(encoding))
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = rk.load_articles(path)

    assert ("é – “x”", "B", [told] if told else []) == (found[0].title, found[0].body, found.repairs.what.tolist())
    assert (encoding == "cp1252") == bool(warned)


def test_one_line_in_another_encoding(tmp_path: Path) -> None:
    """Lines that were put together from two encodings are each read in their own, and the odd one is told."""
    lines = ['{"title": "日本", "body": "B"}'.encode(), '{"title": "é", "body": "B"}'.encode("cp1252")]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    with pytest.warns(rk.RetitlekitWarning, match="1 × not UTF-8"):
        found = rk.load_articles(tmp_path / "a.jsonl")

    assert (["日本", "é"], [2]) == ([a.title for a in found], found.repairs.line.tolist())


@pytest.mark.parametrize(
    ("text", "titles", "lines"),
    [
        ('title,body\nOne,"a\nb\nc"\n,empty\nThree,x,y\nFour,d\n', ["One", "Four"], [5, 6]),
        ("Title;Body\nx, y;b\n", ["x, y"], []),
        ("title|body\nx|b\n", ["x"], []),
        ("title,body\rx,b\ry,c", ["x", "y"], []),
        ('title,body\na,b\nc,"d\ne,f\n', ["a"], [3]),
        ("\n\ntitle,body\na,b,\n", ["a"], []),
        ("title,body,title\na,b,\n", ["a"], []),
        ('title,body\na,"' + "x " * 200_000 + '"\n', ["a"], []),
    ],
    ids=["lines", "semicolon", "bar", "old Mac", "open quote", "blank lines", "same name", "huge"],
)
def test_csv(text: str, titles: list[str], lines: list[int], tmp_path: Path) -> None:
    """Delimiters are found, records have the line where they begin, and a ragged one costs only itself."""
    (tmp_path / "a.csv").write_bytes(text.encode())
    with warnings.catch_warnings(action="ignore"):
        found = rk.load_articles(tmp_path / "a.csv")

    assert (titles, lines) == ([a.title for a in found], found.skipped.line.tolist())


def test_parquet_values_that_python_does_not_have(tmp_path: Path) -> None:
    """A year beyond Python's costs the date, a text that is no UTF-8 its article; the others stay."""
    offsets, raw = np.array([0, 2, 3, 5], dtype=np.int32), pa.py_buffer(b"ok\xffmy")
    titles = pa.Array.from_buffers(pa.string(), 3, [None, pa.py_buffer(offsets.tobytes()), raw])
    dates = pa.array([0, 0, 2**62], pa.timestamp("ms", "UTC"))
    pq.write_table(pa.table({"title": titles, "body": ["x", "y", "z"], "date": dates}), tmp_path / "a.parquet")
    with pytest.warns(rk.RetitlekitWarning, match="1 of 3 articles skipped"):
        found = rk.load_articles(tmp_path / "a.parquet")

    assert [("ok", "1970-01-01T00:00:00+00:00"), ("my", None)] == [(a.title, a.published_at) for a in found]
    assert [2] == found.skipped.line.tolist()


@pytest.mark.parametrize(
    ("frame", "titles"),
    [
        (pd.DataFrame({"title": ["a", np.nan, None, pd.NA], "body": [1, 2, 3, 4]}), ["a"]),
        (pd.DataFrame({"title": pd.Categorical(["a", "b"]), "body": pd.array([1, None], dtype="Int64")}), ["a", "b"]),
        (pd.DataFrame([["a", "b", "c"]], columns=["title", "title", "body"]), ["a"]),
        (pd.DataFrame([["c"]], columns=["body"], index=pd.Index(["a"], name="title")), ["a"]),
        (pd.DataFrame({"body": ["c"]}, index=pd.MultiIndex.from_tuples([("i", "a")], names=["id", "title"])), ["a"]),
        (pd.DataFrame([["x"] * 300], columns=["title", "body", *map(str, range(298))]), ["x"]),
        (pd.DataFrame({"title": ["a", ["b"], {"x": 1}, {1}], "body": [np.ones(2), "x", "x", "x"]}), None),
        (pd.DataFrame([["a", "b"]], columns=pd.MultiIndex.from_tuples([("title", "x"), ("body", "y")])), None),
        (pd.DataFrame([[1, 2]]), None),
        (pd.DataFrame({"title": pd.interval_range(0, 1), "body": ["x"]}), None),
    ],
    ids="missing typed twice index levels wide nested multi unnamed interval".split(),
)
def test_frames(frame: pd.DataFrame, titles: list[str] | None) -> None:
    """Any DataFrame gives its articles, or an error that names its columns."""
    with warnings.catch_warnings(action="ignore"):
        if titles is None:
            with pytest.raises(rk.ArticleError, match="DataFrame, record 1: "):
                rk.load_articles(frame, on_error="raise")
        else:
            assert titles == [article.title for article in rk.load_articles(frame)]


CELLS = st.one_of(
    *(st.text(max_size=5), st.integers(), st.floats(), st.none(), st.booleans(), st.binary(max_size=3), st.datetimes()),
    *(st.lists(st.none(), max_size=2), st.sampled_from([pd.NA, pd.NaT, np.int8(1), np.datetime64("NaT"), {"a": 1}])),
)
NAMES = st.sampled_from(["title", "Title", "body", "date", "id", ("title", "x"), ("a",), 1, None, 2.5, pd.NaT, True])


@settings(deadline=None)
@given(st.data())
def test_any_frame_is_articles_or_an_article_error(data: st.DataObject) -> None:
    """No names, no dtypes, no cells and no index of a DataFrame crash the reader."""
    names = data.draw(st.lists(NAMES, min_size=1, max_size=4))
    rows = data.draw(st.lists(st.lists(CELLS, min_size=len(names), max_size=len(names)), max_size=3))
    frame = pd.DataFrame(rows, columns=range(len(names)), dtype=object)
    with contextlib.suppress(TypeError, ValueError, OverflowError):  # where pandas cannot, the cells stay objects
        frame = frame.infer_objects().convert_dtypes() if data.draw(st.booleans()) else frame
    frame.columns = pd.Index(names, dtype=object, tupleize_cols=data.draw(st.booleans()))
    frame.index = pd.Index(data.draw(st.permutations(range(len(frame)))), name=data.draw(NAMES))
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
        found = rk.load_articles(frame)

        assert len(found) + len(found.skipped) + sum(found.repairs.what == "duplicate dropped") == len(frame)


DOCUMENTS = {
    "a.md": "---\ntitle: From the front\ndate: 2024-05-01\nurl: https://x.example/a\nlang: no\n---\nLead.\n\nMore.\n",
    "b.md": "# A heading #\n\nLead b.\n\n# Not this\n",
    "c.MD": "![A picture](a.jpg)\n\nUnderlined\n=====\nLead c.",
    "sub/d.txt": "First line\nLead d.",
    "sub/a.md": "---\nid: 007\nname: ~\n---\n# Under the front\nLead.",
    ".hidden.md": "# No\n",
    ".git/e.md": "# No\n",
    "notes.jsonl": "{}",
}


def folder(tmp_path: Path, texts: dict[str, str]) -> Path:
    for name, text in texts.items():
        (tmp_path / "in" / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / "in" / name).write_text(text)
    return tmp_path / "in"


def test_markdown_folder(tmp_path: Path) -> None:
    """Front matter, a heading or the first line give the title, the path the id; hidden files do not count."""
    found = {article.id: article for article in rk.load_articles(folder(tmp_path, DOCUMENTS))}

    assert {
        **{"a": "From the front", "b": "A heading", "c": "Underlined"},
        **{"sub/d": "First line", "007": "Under the front"},
    } == {key: article.title for key, article in found.items()}
    assert ("2024-05-01", "x.example", "no") == (found["a"].published_at, found["a"].source, found["a"].language)
    assert ["Lead.\n\nMore.", "Lead b.\n\n# Not this", "Lead c.", "Lead d."] == [
        found[name].body for name in ("a", "b", "c", "sub/d")
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("---\ntitle: x\nno end", "has no closing ---"),
        ("---\n- a\n---\nx", "must be `key: value` lines"),
        ("---\na: [\n---\nx", "is not YAML"),
        ("+++\ntitle = 'x'\n+++\nx", "is TOML"),
        ("x" * 400, "has no title"),
        ("---\n---\nBody only", "title: is missing or empty"),
        ("---\na: &a [x]\ntitle: *a\n---\nx", "title: expected text, found list"),
    ],
)
def test_documents_that_cannot_be_read(text: str, says: str, tmp_path: Path) -> None:
    """A document that is no article costs only itself, and says what it lacks."""
    with pytest.warns(rk.RetitlekitWarning, match=says):
        found = rk.load_articles(folder(tmp_path, {"a.md": text, "b.md": "# B\nLead."}))

    assert (["b"], [str(tmp_path / "in/a.md")]) == ([a.id for a in found], found.skipped.file.tolist())


def test_links_stay_in_the_folder(tmp_path: Path) -> None:
    """A link to a file elsewhere, to nothing or to itself is skipped and listed; one within the folder is read."""
    path = folder(tmp_path, {"a.md": "# A\nLead.", "sub/b.md": "# B\nLead."})
    (tmp_path / "secret.md").write_text("# Secret\nx")
    for name, target in {"out": tmp_path / "secret.md", "loop": path / "loop.md", "in": path / "a.md"}.items():
        (path / f"{name}.md").symlink_to(target)
    (path / "again").symlink_to(path)
    (path / "gone.md").symlink_to(path / "nothing.md")
    with pytest.warns(rk.RetitlekitWarning, match="3 of 6 articles skipped"):
        found = rk.load_articles(path)

    assert ["a", "in", "sub/b"] == [article.id for article in found]
    assert ["gone.md", "loop.md", "out.md"] == [Path(file).name for file in found.skipped.file]
    assert "is a link that leads out of the folder" == found.skipped.problem[2]


TOKENS = {
    "jsonl": '{|}|"title"|"body"|:|,|"a"|1|null|NaN|1e999|[|]|\n|"\\ud800"|"\\u0000"|{"title":"a","body":"b"}|'
    + "9" * 30,
    "csv": 'title|body|,|;|\t|"|\n|\r|a|é|\0|id|date|""| ',
    "md": "---\n|title: x\n|title:\n|? |- a\n|!!python/object |&a |*a|# H\n|text\n|\n|===\n|![|{|[|\t|%|'|\0|+++\n",
}
TOKENS |= {
    "json": TOKENS["jsonl"],
    "tsv": TOKENS["csv"],
    "txt": TOKENS["md"],
    "parquet": "PAR1|\0|\x15",
    "xml": "<",
    "html": "<",
}


@pytest.mark.parametrize("suffix", TOKENS)
def test_any_bytes_are_articles_or_an_article_error(suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No file crashes the reader."""
    path = tmp_path_factory.mktemp("any") / f"a.{suffix}"
    tokens = st.lists(st.sampled_from(TOKENS[suffix].split("|")), max_size=25).map("".join)
    encodings = st.sampled_from(["utf-8", "utf-16", "utf-8-sig", "utf-32"])

    @settings(deadline=None)
    @given(st.one_of(st.binary(max_size=200), st.builds(str.encode, tokens, encodings)))
    def read(raw: bytes) -> None:
        path.write_bytes(raw)
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
            rk.load_articles(path)

    read()


@pytest.mark.parametrize("at", range(0, 900, 60))
def test_damaged_parquet_is_articles_or_an_article_error(at: int, tmp_path: Path) -> None:
    """Bytes that were lost or changed anywhere in a Parquet file crash nothing."""
    pd.DataFrame(ROWS).to_parquet(tmp_path / "whole.parquet")
    raw = (tmp_path / "whole.parquet").read_bytes()
    for number, damaged in enumerate((raw[:at], raw[:at] + b"\xff" * 20 + raw[at + 20 :], raw[:at] + raw[at + 1 :])):
        (tmp_path / f"{number}.parquet").write_bytes(damaged)
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
            rk.load_articles(tmp_path / f"{number}.parquet")
