"""Articles from everything people keep them in: repaired where that is safe, skipped and listed where not."""

from __future__ import annotations

import codecs
import contextlib
import http.server
import json
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk

from .conftest import ROOT

ROW = {"id": "a", "title": "Bridge to close", "body": "The bridge closes.\n\nIt is old.", "language": "en"}


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


def test_jsonl(tmp_path: Path) -> None:
    """Fields arrive as they are; the usual other names are known, unknown fields are left out."""
    path = write(
        tmp_path / "a.jsonl", ROW, "", {"headline": "Two", "text": "T", "link": "https://x.example/p", "rank": 3}
    )
    first, second = rk.load_articles(path)

    assert rk.Article("a", "Bridge to close", "The bridge closes.\n\nIt is old.", language="en") == first
    assert "The bridge closes." == first.lead
    assert ("Two", "T", "https://x.example/p", "x.example") == (second.title, second.body, second.url, second.source)


@pytest.mark.parametrize("kind", ["csv", "tsv", "json", "parquet", "DataFrame", "list", "Articles"])
def test_the_same_articles_from_everywhere(kind: str, tmp_path: Path) -> None:
    """Whatever holds them, the articles are the same, paragraphs, quotes and empty fields included."""
    rows = [
        {**ROW, "source": None},
        {"id": "b", "title": 'He said, "no"', "body": "B, c\nd", "language": "", "source": "s"},
    ]
    expected = list(rk.load_articles(write(tmp_path / "a.jsonl", *rows)))
    frame = pd.DataFrame(rows)
    path = tmp_path / f"x.{kind}"
    if kind in ("csv", "tsv"):
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    elif kind == "json":
        path.write_text(json.dumps(rows))
    elif kind == "parquet":
        frame.to_parquet(path)
    source = {"DataFrame": frame, "list": rows, "Articles": expected}.get(kind, path)

    assert expected == list(rk.load_articles(source))


def test_markdown_folder(tmp_path: Path) -> None:
    """Front matter, a heading or the first line give the title, the file's name the id; hidden files do not count."""
    front = "---\ntitle: From the front\ndate: 2024-05-01\nurl: https://x.example/a\n---\nLead.\n\nMore.\n"
    (tmp_path / "a.md").write_text(front)
    (tmp_path / "b.md").write_text("# A heading #\n\nLead b.")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/c.txt").write_text("First line\nLead c.")
    (tmp_path / ".hidden.md").write_text("# No\n")
    found = {article.id: article for article in rk.load_articles(tmp_path)}

    assert {"a": "From the front", "b": "A heading", "c": "First line"} == {key: a.title for key, a in found.items()}
    assert ("2024-05-01", "x.example", "Lead.") == (found["a"].published_at, found["a"].source, found["a"].lead)
    assert ["Lead b.", "Lead c."] == [found["b"].body, found["c"].body]


PAGE = """<html lang="en"><head><title>Bridge closes - Gazette</title><meta property="og:title" content="Bridge closes">
<meta property="article:published_time" content="2024-05-01"><link rel="canonical" href="https://gazette.example/bridge">
</head><body><nav>Home News Sport</nav><article><h1>Bridge closes</h1>
<p>The old bridge over the river will close on Monday for repairs, the council said after a long debate.</p>
<p>Nobody was against the plan, which costs 2 million euros and will take until the end of the year.</p>
<script>alert(1)</script></article><footer>Comments are closed.</footer></body></html>"""


def test_saved_page(tmp_path: Path) -> None:
    """A saved page gives its title, text, address and date, without what stands around the article."""
    (tmp_path / "page.html").write_text(PAGE)
    (article,) = rk.load_articles(tmp_path / "page.html")

    assert ("Bridge closes", "https://gazette.example/bridge", "en") == (article.title, article.url, article.language)
    assert article.lead.startswith("The old bridge over the river")
    assert "alert" not in article.body


RSS = """<?xml version="1.0"?><rss version="2.0"><channel><title>Gazette</title><language>en</language>
<item><title>Bridge &amp;amp; tunnel</title><link>https://g.example/1</link><guid>g1</guid>
<pubDate>Wed, 01 May 2024 10:00:00 +0200</pubDate>
<description>&lt;p&gt;Lead.&lt;/p&gt;&lt;p&gt;More.&lt;/p&gt;</description></item>
<item><title></title><link>https://g.example/2</link></item></channel></rss>"""


def test_feed(tmp_path: Path) -> None:
    """An RSS feed gives articles with their zone; an entry without a title is skipped and listed."""
    (tmp_path / "feed.xml").write_text(RSS)
    with pytest.warns(rk.RetitlekitWarning, match="1 of 2 articles skipped"):
        found = rk.load_articles(tmp_path / "feed.xml")

    assert [("g1", "Bridge & tunnel", "Lead.\n\nMore.", "2024-05-01T10:00:00+02:00", "en", "g.example")] == [
        (a.id, a.title, a.body, a.published_at, a.language, a.source) for a in found
    ]
    assert ["title"] == found.skipped.field.tolist()


@contextlib.contextmanager
def served(text: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/feed" else 404)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_feed_by_address() -> None:
    """A feed is fetched over HTTP; an address that gives none is named with the reason."""
    with served(RSS.replace("<title></title>", "<title>Two</title>")) as base:
        assert ["g1", "https://g.example/2"] == [
            a.id if a.id == "g1" else a.url for a in rk.load_articles(f"{base}/feed")
        ]
        with pytest.raises(rk.ArticleError, match=f"{base}/nothing cannot be fetched: .*404"):
            rk.load_articles(f"{base}/nothing")


@pytest.mark.parametrize(
    ("field", "before", "after", "what"),
    [
        ("title", "Bread &amp; butter &mdash; now", "Bread & butter — now", "HTML entity"),
        ("title", "Bread &amp;amp; butter", "Bread & butter", "HTML entity"),
        ("title", "A title\n over  lines ", "A title over lines", "line break"),
        ("title", "Caf\u00c3\u00a9 \u00e2\u20ac\u201c open", "Café – open", "mojibake"),
        ("title", "Nul\x00 and bell\x07", "Nul and bell", "control character"),
        ("title", "Cafe\u0301", "Café", "Unicode form"),
        ("body", "One\r\n\r\nTwo", "One\n\nTwo", "line ends"),
        ("body", "", "", "empty body"),
        ("published_at", "soon", None, "no date, dropped"),
        ("published_at", "1694527080", None, "no date, dropped"),
    ],
)
def test_repairs_are_reported(field: str, before: str, after: str | None, what: str, tmp_path: Path) -> None:
    """Each repair is made and listed with file, line and field."""
    path = write(tmp_path / "a.jsonl", ROW, {**ROW, "id": "b", field: before})
    found = rk.load_articles(path)
    repairs = found.repairs[found.repairs.what == what]

    assert after == getattr(found[1], field)
    assert [(str(path), 2, "b", field)] == list(
        repairs[["file", "line", "id", "field"]].itertuples(index=False, name=None)
    )


@pytest.mark.parametrize(
    "title", ["AT&T; and Q&A", "R&D up 5 %", "Größe für Ärzte – “yes”", "naïve café", "日本語の題", "a < b & c"]
)
def test_what_needs_no_repair(title: str, tmp_path: Path) -> None:
    """Ampersands, accents and other scripts are left alone."""
    found = rk.load_articles(write(tmp_path / "a.jsonl", {**ROW, "title": title}))

    assert title == found[0].title
    assert [] == found.repairs.what.tolist()


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2023-09-12 13:58:00", "2023-09-12T13:58:00"),
        ("2023-09-12T13:58:00+02:00", "2023-09-12T13:58:00+02:00"),
        ("2023-09-12T13:58:00Z", "2023-09-12T13:58:00+00:00"),
        ("2023-09-12", "2023-09-12"),
        ("Tue, 12 Sep 2023 13:58:00 GMT", "2023-09-12T13:58:00+00:00"),
        ("Tue, 12 Sep 2023 13:58:00 -0000", "2023-09-12T13:58:00"),
    ],
)
def test_a_zone_is_kept_or_unknown(given: str, expected: str, tmp_path: Path) -> None:
    """An offset stays; where there is none, none is invented."""
    assert expected == rk.load_articles(write(tmp_path / "a.jsonl", {**ROW, "published_at": given}))[0].published_at


@pytest.mark.parametrize(
    ("raw", "title", "encoding"),
    [
        (codecs.BOM_UTF8 + '{"title": "é"}'.encode(), "é", None),
        ('{"title": "é – “x”"}'.encode("cp1252"), "é – “x”", "Windows-1252"),
        ('{"title": "é"}'.encode("utf-16"), "é", "UTF-16"),
    ],
)
def test_encodings(raw: bytes, title: str, encoding: str | None, tmp_path: Path) -> None:
    """A BOM is no part of the text; another encoding than UTF-8 is read and reported."""
    (tmp_path / "a.jsonl").write_bytes(raw)
    found = rk.load_articles(tmp_path / "a.jsonl")

    assert title == found[0].title
    assert (encoding is not None) == found.repairs.what.str.contains(str(encoding)).any()


def test_ids_are_stable(tmp_path: Path) -> None:
    """Without an id, the same article has the same one in any order and file."""
    rows = [{"title": "One", "body": "B"}, {"title": "Two", "url": "https://x.example/2"}]
    first = rk.load_articles(write(tmp_path / "a.jsonl", *rows))
    second = rk.load_articles(pd.DataFrame(rows[::-1]))

    assert [a.id for a in first] == [a.id for a in second][::-1]


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
    assert f"another article has this id (at {path}:1)" == found.skipped.problem[2]
    assert ["duplicate dropped"] == found.repairs.what.tolist()
    assert 1 == len(warned)


def test_raise_tells_every_bad_row(tmp_path: Path) -> None:
    """on_error="raise" is one error with every place."""
    path = write(tmp_path / "a.jsonl", ROW, "{broken", {"id": "x"})
    with pytest.raises(rk.ArticleError) as caught:
        rk.load_articles(path, on_error="raise")

    assert f"{path}:2: not JSON" in str(caught.value)
    assert f"{path}:3: title: is missing or empty" in str(caught.value)


def test_csv_lines(tmp_path: Path) -> None:
    """A record's line is the one where it begins, with fields over several lines before it."""
    (tmp_path / "a.csv").write_text('title,body\nOne,"a\nb\nc"\n,empty\nThree,x,y\n')
    with pytest.warns(rk.RetitlekitWarning):
        found = rk.load_articles(tmp_path / "a.csv")

    assert [5, 6] == found.skipped.line.tolist()


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere.jsonl", "there is no nowhere.jsonl"),
        ("odd.pdf", "articles are read from .jsonl"),
        ("empty.jsonl", "holds no article"),
        ("bad.json", "is not JSON"),
        ("object.json", "expected a list"),
        ("bad.parquet", "not a Parquet file"),
        ("bad.xml", "no RSS or Atom feed"),
        ("folder", "holds no .md"),
        (3, "not from int"),
        ([3], "int is no article"),
        ([], "holds no article"),
    ],
)
def test_what_cannot_be_read(source: object, says: str, tmp_path: Path) -> None:
    """A source that gives nothing is an ArticleError that says why."""
    for name, text in {"odd.pdf": "x", "empty.jsonl": "", "bad.json": "{", "object.json": "{}", "bad.xml": "x"}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bad.parquet").write_text("x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(rk.ArticleError, match=says):
        rk.load_articles(source)


def test_other_names(tmp_path: Path) -> None:
    """columns= says what our fields are called there; a field that we do not have is refused."""
    path = write(tmp_path / "a.jsonl", {"hed": "Title", "title": "not this"})

    assert "Title" == rk.load_articles(path, columns={"title": "hed"})[0].title
    with pytest.raises(rk.ArticleError, match="'author'"):
        rk.load_articles(path, columns={"author": "by"})


def test_shown(tmp_path: Path) -> None:
    """The rich view is a table in which an article's text is text; the frame has text columns."""
    found = rk.load_articles([{"id": "x", "title": "<script>alert(1)</script>"}])

    assert "<script>" not in found._repr_html_()
    assert "<1 articles, 1 repairs, 0 skipped>" == repr(found)
    assert {"string"} == set(found.to_frame().dtypes.astype(str))


def test_shipped_articles() -> None:
    """The articles we ship need no repair and are as various as news is."""
    with warnings.catch_warnings(action="error"):
        found = rk.load_articles(ROOT / "data/articles.jsonl", on_error="raise")
    text = " ".join(article.body for article in found)
    zones = [article.published_at or "" for article in found]

    assert len(found) >= 24
    assert [] == found.repairs.what.tolist()
    assert len({article.language for article in found}) >= 3
    assert "Kim Jong Un in Russia amid US warnings not to sell arms" in {article.title for article in found}
    assert any("\u3040" <= mark <= "\u9fff" for mark in text)
    assert any("\u0590" <= mark <= "\u06ff" for mark in text)
    assert any(zone.endswith("+00:00") or "+" in zone for zone in zones)
    assert any(len(zone) == 10 for zone in zones)


@given(
    st.dictionaries(
        st.sampled_from(["id", "title", "body", "url", "date", "lang"]),
        st.one_of(st.text(), st.integers(), st.floats(), st.none(), st.lists(st.text())),
        min_size=1,
    )
)
def test_any_record_is_an_article_or_an_article_error(record: dict) -> None:
    """No record crashes the reader, and what comes out is clean."""
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
        (article,) = rk.load_articles([record])

        assert article.title.isprintable() or not article.title.isascii()
        article.body.encode()


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "md", "html", "xml", "parquet"])
def test_any_bytes_are_articles_or_an_article_error(suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No file crashes the reader."""
    path = tmp_path_factory.mktemp("any") / f"a.{suffix}"

    @given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(lambda text: text.encode("utf-8", "replace"))))
    def read(raw: bytes) -> None:
        path.write_bytes(raw)
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
            rk.load_articles(path)

    read()
