"""Articles: one bad row never loses the others, and nothing that was changed or left out is kept quiet."""

from __future__ import annotations

import json
import pickle
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.articles.records import FIELDS

from .conftest import ROOT

ROW = {"id": "a", "title": "Bridge to close", "body": "The bridge closes.\n\nIt is old.", "language": "en"}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("body", "lead"),
    [
        ("One.\n\nTwo.", "One."),
        ("\n\n  One\nline.\n \t\nTwo.", "One\nline."),
        ("One.", "One."),
        ("", ""),
    ],
)
def test_lead(body: str, lead: str) -> None:
    """The lead is the first paragraph, whatever white space the blank line holds."""
    assert lead == rk.Article("a", "T", body).lead


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"id": " "}, "article ' ': its id is empty"),
        ({"title": ""}, "article 'a': its title is empty"),
        ({"body": None}, "its body is NoneType, not text"),
        ({"url": 3}, "its url is int, not text"),
        ({"body": "half \ud83d"}, "its body has half a character"),
    ],
)
def test_an_article_is_text_that_can_be_saved(fields: dict, says: str) -> None:
    """An Article that could not be stored later is refused when it is made, by field."""
    with pytest.raises(rk.ArticleError, match=says):
        rk.Article(**{**ROW, **fields})


def test_jsonl(tmp_path: Path) -> None:
    """Fields arrive as they are; the usual other names are known, unknown fields are left out."""
    path = write(
        tmp_path / "a.jsonl", ROW, "", {"headline": "Two", "text": "T", "link": "https://x.example/p", "rank": 3}
    )
    first, second = rk.load_articles(path)

    assert rk.Article("a", "Bridge to close", "The bridge closes.\n\nIt is old.", language="en") == first
    assert ("Two", "T", "https://x.example/p", "x.example") == (second.title, second.body, second.url, second.source)


def test_repairs_are_listed_with_their_place(tmp_path: Path) -> None:
    """Each repair is made and listed with file, line, article and field; housekeeping warns of nothing."""
    path = write(tmp_path / "a.jsonl", ROW, {**ROW, "id": "b", "title": "Bread &amp;\n butter"})
    found = rk.load_articles(path)

    assert "Bread & butter" == found[1].title
    assert [
        (str(path), 2, "b", "title", "HTML", "Bread &amp;\n butter", "Bread &\n butter"),
        (str(path), 2, "b", "title", "white space", "Bread &\n butter", "Bread & butter"),
    ] == list(found.repairs.itertuples(index=False, name=None))


def test_repairs_that_guess_or_lose_warn(tmp_path: Path) -> None:
    """What was guessed, dropped or is missing is counted in one warning."""
    rows = [{**ROW, "id": str(n), "title": "CafÃ© open", "date": "soon", "body": "" if n else "B"} for n in range(3)]
    says = r"look into \.repairs: 3 × mojibake, 3 × no date, dropped, 2 × empty body"
    with pytest.warns(rk.RetitlekitWarning, match=says) as warned:
        found = rk.load_articles(write(tmp_path / "a.jsonl", *rows))

    assert (1, 3, 8) == (len(warned), len(found), len(found.repairs))


def test_ids_are_stable(tmp_path: Path) -> None:
    """Without an id, the same article has the same one in any order, file and process."""
    rows = [{"title": "One", "body": "B"}, {"title": "Two", "body": "B", "url": "https://x.example/2"}]
    first = rk.load_articles(write(tmp_path / "a.jsonl", *rows))
    second = rk.load_articles(pd.DataFrame(rows[::-1]))

    assert ["763495360259", "313ae7300bbb"] == [a.id for a in first] == [a.id for a in second][::-1]


def test_one_bad_row_never_loses_the_others(tmp_path: Path) -> None:
    """Bad rows are skipped, warned of once and listed with file, line, field and problem."""
    path = write(
        tmp_path / "a.jsonl",
        ROW,
        "{broken",
        {"id": "x", "title": " "},
        {**ROW, "title": "Other"},
        [1],
        {"title": ["x"]},
        ROW,
    )
    with pytest.warns(rk.RetitlekitWarning, match="5 of 6 articles skipped") as warned:
        found = rk.load_articles(path)

    assert ["a"] == [article.id for article in found]
    assert [2, 3, 4, 5, 6] == found.skipped.line.tolist()
    assert ["", "title", "id", "", "title"] == found.skipped.field.tolist()
    assert f"another article has the id 'a', at {path}:1" == found.skipped.problem[2]
    assert [(7, "duplicate dropped")] == list(zip(found.repairs.line, found.repairs.what, strict=True))
    assert 1 == len(warned)


def test_raise_tells_every_bad_row(tmp_path: Path) -> None:
    """on_error="raise" is one error with every place."""
    path = write(tmp_path / "a.jsonl", ROW, "{broken", *[{"id": "x"}] * 40)
    with pytest.raises(rk.ArticleError, match="41 of 42 articles cannot be read") as caught:
        rk.load_articles(path, on_error="raise")
    lines = str(caught.value).split("\n")[1:]

    assert [f"{path}:{n}" for n in range(2, 43)] == [line.partition(": ")[0] for line in lines]
    assert "title: is missing or empty; columns= says which it is of id" == lines[-1].partition(": ")[2]


def test_a_page_that_comes_again_is_one_article() -> None:
    """The same text under the same id is dropped and told; another text under the same address is not lost silently."""
    page = {"title": "One", "body": "B", "url": "https://x.example/"}
    with pytest.warns(rk.RetitlekitWarning, match="1 of 2 articles skipped") as warned:
        found = rk.load_articles(
            [{**page, "date": "2024-01-01"}, {**page, "date": "2024-01-02"}, {**page, "title": "2"}]
        )

    assert (["2024-01-01"], ["duplicate dropped"]) == ([a.published_at for a in found], found.repairs.what.tolist())
    assert "made from https://x.example/, at list, record 1" in str(warned[0].message)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere.jsonl", "there is no nowhere.jsonl"),
        ('{"title": "x"}', "there is no {"),
        ("a\0b", "there is no a"),
        ("odd.pdf", "articles are read from .jsonl"),
        ("empty.jsonl", "holds no article"),
        ("lines.jsonl", "a list of objects is .json"),
        ("bad.json", "is not JSON"),
        ("lines.json", "one object a line is .jsonl"),
        ("object.json", "expected a list"),
        ("bad.parquet", "not a Parquet file"),
        ("bad.xml", "no RSS or Atom feed"),
        ("folder", "holds no .md"),
        ("x" * 5000, "File name too long"),
        (3, "not from int"),
        (None, "not from NoneType"),
        (b"bytes", "not from bytes"),
        ({"title": "x"}, "not from dict"),
        ([3], "int is no article"),
        ([rk.Article], "type is no article"),
        ([], "holds no article"),
        (pd.DataFrame(), "the given DataFrame holds no article"),
    ],
    ids=lambda value: f"{value!s:.20}",
)
def test_what_cannot_be_read(source: object, says: str, tmp_path: Path) -> None:
    """A source that gives nothing is an ArticleError that says why and what would do."""
    texts = {
        "odd.pdf": "x",
        "empty.jsonl": "",
        "bad.json": "{",
        "object.json": "{}",
        "bad.xml": "x",
        "bad.parquet": "x",
    }
    for name, text in {**texts, "lines.json": '{"a": 1}\n{"a": 2}', "lines.jsonl": "[\n{}\n]"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "folder").mkdir()
    with pytest.raises(rk.ArticleError, match=says):
        rk.load_articles(source)


def test_other_names(tmp_path: Path) -> None:
    """columns= says what our fields are called there; what we or the file do not have is refused."""
    path = write(tmp_path / "a.jsonl", {"hed": "Title", "title": "not this", "body": "B"})

    assert "Title" == rk.load_articles(path, columns={"title": "hed"})[0].title
    with pytest.raises(rk.ArticleError, match="an article's fields are id, title, body"):
        rk.load_articles(path, columns={"author": "by"})
    with pytest.raises(rk.ArticleError, match="has 'dek'"):
        rk.load_articles(path, columns={"body": "dek"})
    with pytest.raises(rk.ArticleError, match="columns= is list"):
        rk.load_articles(path, columns=["title"])
    with pytest.raises(rk.ArticleError, match="on_error='ignore'"):
        rk.load_articles(path, on_error="ignore")


def test_known_names_are_documented() -> None:
    """The table in the docstring names exactly the names that are known."""
    table = (rk.load_articles.__doc__ or "").split("============\n")[1]
    words = {name: re.findall(r"\w+", names) for name, names in re.findall(r"(?m)^ {8}(\w+) +((?:.*,\n +)?.*)$", table)}
    words["source"] = words["source"][:5]  # "else the host of the url"

    assert {name: list(known) for name, known in FIELDS.items()} == words


def test_shown() -> None:
    """The rich view is a table in which an article's text is text; the frame has text columns."""
    rows = [{"id": str(n), "title": "<script>alert(1)</script>", "body": f"B{n}"} for n in range(12)]
    found = rk.load_articles(rows)

    assert "<script>" not in found._repr_html_()
    assert "the first 10:" in found._repr_html_()
    assert "<12 articles, 0 repairs, 0 skipped>" == repr(found)
    assert "<1 article, 0 repairs, 0 skipped>" == repr(found[:1])
    assert {"string"} == set(found.to_frame().dtypes.astype(str))
    assert list(found) == list(rk.load_articles(found.to_frame()))


def test_slices_and_copies_keep_what_was_told(tmp_path: Path) -> None:
    """A slice shows as a table too, and neither it nor a pickled copy forgets the repairs."""
    found = rk.load_articles(write(tmp_path / "a.jsonl", {**ROW, "title": "A &amp; B"}, {**ROW, "id": "b"}))

    assert isinstance(found[:1], rk.Articles)
    assert isinstance(found[0], rk.Article)
    for copy in (found[1:], pickle.loads(pickle.dumps(found))):
        assert ["HTML"] == copy.repairs.what.tolist()


def test_what_cannot_be_encoded_is_told_in_what_can() -> None:
    """Halves of characters in texts, field names and file names neither stop the tables nor the messages."""
    with pytest.warns(rk.RetitlekitWarning):
        found = rk.load_articles([{"title": "a\ud800b", "body": "B"}, {"tit\ud800": "x\udfff"}])
    with pytest.raises(rk.ArticleError) as caught:
        rk.load_articles([{"tit\ud800\x1b[31m": "x"}])
    told = str(caught.value) + found.repairs.to_json() + found.skipped.to_json()

    assert ("a?b", True, False) == (found[0].title, bool(told.encode()), "\x1b" in told)


def test_jsonl_is_read_without_pandas(tmp_path: Path) -> None:
    """Reading a file of articles loads neither pandas nor what pages, feeds and mojibake need."""
    write(tmp_path / "a.jsonl", ROW)
    code = "import retitlekit as rk, sys; rk.load_articles('a.jsonl'); print({*NAMES} & {*sys.modules})"
    code = code.replace("NAMES", "['pandas', 'feedparser', 'trafilatura', 'ftfy']")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(ROOT)})

    assert ("set()\n", "") == (done.stdout, done.stderr)


def test_shipped_articles() -> None:
    """The articles we ship need no repair and are as various as news is."""
    with warnings.catch_warnings(action="error"):
        found = rk.load_articles(ROOT / "data/articles.jsonl", on_error="raise")
    text = " ".join(article.body for article in found)
    zones = [article.published_at or "" for article in found]
    words = [len(article.body.split()) for article in found if article.language not in ("ja", "ar")]

    assert len(found) >= 24
    assert [] == found.repairs.what.tolist()
    assert {"en", "de", "es", "fr", "ja", "ar"} == {article.language for article in found}
    assert "Kim Jong Un in Russia amid US warnings not to sell arms" in {article.title for article in found}
    assert any("\u3040" <= mark <= "\u9fff" for mark in text)
    assert any("\u0590" <= mark <= "\u06ff" for mark in text)
    assert (True, True) == (min(words) < 100, max(words) > 400)
    assert any(zone.endswith("+00:00") or "+" in zone for zone in zones)
    assert any(len(zone) == 10 for zone in zones)
    assert any(len(zone) == 19 for zone in zones)
