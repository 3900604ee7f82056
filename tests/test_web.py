"""Web: saved pages and feeds become articles, without what stands around them."""

from __future__ import annotations

import contextlib
import http.server
import sys
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retitlekit as rk

PAGE = """<!DOCTYPE html><html lang="en-GB"><head><meta charset="{charset}">
<title>Café bridge to close – Gazette</title>
<meta property="og:title" content="Café bridge to close">{head}
<link rel="canonical" href="https://gazette.example/bridge"></head><body class="post-template-default">
<header><nav><ul><li><a href="/">Home</a></li><li><a href="/sport">Sport</a></li></ul></nav></header>
<main><article class="post type-post"><h1 class="entry-title">Café bridge to close</h1>
<div class="entry-content"><p>The old bridge will close on 8 April 2023, the council said after a long debate.</p>
<p>Nobody was against the plan, which costs 2 million euros &amp; will take until the end of the year.</p>
<script>alert(1)</script><h2>What next</h2><p>Work begins in May, and the path will stay open, said Zoë Müller.</p>
<div class="sharedaddy"><h3>Share this:</h3><ul><li><a>Click to share</a></li></ul></div></div></article>
<div id="comments"><h2>2 thoughts</h2><ol><li><p>A comment from a reader that is not news.</p></li></ol></div></main>
<aside><h2>Recent Posts</h2></aside><footer>Proudly powered by WordPress</footer></body></html>"""
PUBLISHED = '<meta property="article:published_time" content="2024-05-01T10:00:00+02:00">'
JSON_LD = '<script type="application/ld+json">{"datePublished": "2024-05-01T10:00:00+02:00"}</script>'


@pytest.mark.parametrize(
    ("head", "moment"), [(PUBLISHED, "2024-05-01T10:00:00+02:00"), (JSON_LD, "2024-05-01T10:00:00+02:00"), ("", None)]
)
def test_saved_page(head: str, moment: str | None, tmp_path: Path) -> None:
    """A saved WordPress page gives its article alone; its moment with the zone, never a date from its text."""
    (tmp_path / "page.html").write_text(PAGE.format(charset="utf-8", head=head))
    (article,) = rk.load_articles(tmp_path / "page.html")

    assert ("page", "Café bridge to close", "en-GB") == (article.id, article.title, article.language)
    assert ("https://gazette.example/bridge", "gazette.example", moment) == (
        *(article.url, article.source),
        article.published_at,
    )
    assert "The old bridge will close on 8 April 2023, the council said after a long debate." == article.lead
    assert "million euros & will" in article.body
    assert [] == [word for word in ("alert", "share", "comment", "Recent", "Home", "powered") if word in article.body]


@pytest.mark.parametrize(
    ("declared", "encoding", "repaired"),
    [
        ("utf-8", "utf-8-sig", False),
        ("windows-1252", "cp1252", False),
        ("utf-16", "utf-16", True),
        ("", "cp1252", True),
        ("iso-8859-1", "utf-8", False),
        ("no-such-charset", "cp1252", True),
    ],
)
def test_encodings_of_pages(declared: str, encoding: str, repaired: bool, tmp_path: Path) -> None:
    """A page is read in the encoding it has: UTF-8, else the one that it declares, else a guess that is told."""
    (tmp_path / "page.htm").write_bytes(PAGE.format(charset=declared, head="").encode(encoding))
    with warnings.catch_warnings(action="ignore"):
        found = rk.load_articles(tmp_path / "page.htm")

    assert ("Café bridge to close", True) == (found[0].title, "Zoë Müller" in found[0].body)
    assert repaired == (len(found.repairs) > 0)


def test_folder_of_pages(tmp_path: Path) -> None:
    """A page without an article costs only itself."""
    (tmp_path / "a.html").write_text(PAGE.format(charset="utf-8", head=""))
    (tmp_path / "b.html").write_text("<html><body><nav>Home</nav></body></html>")
    (tmp_path / "c.html").write_text("")
    with pytest.warns(rk.RetitlekitWarning, match="2 of 3 articles skipped"):
        found = rk.load_articles(tmp_path)

    assert (["a"], ["b.html", "c.html"]) == ([a.id for a in found], [Path(file).name for file in found.skipped.file])
    assert "no article is to be found in this page" == found.skipped.problem[1]


RSS = """<?xml version="1.0" encoding="{encoding}"?><rss version="2.0"
xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Gazette</title><language>en</language>
<link>https://g.example/</link>
<item><title>Bridge &amp;amp; tunnel</title><link>/1?a=1&amp;b=2</link><guid>g1</guid>
<pubDate>Wed, 01 May 2024 10:00:00 +0200</pubDate>
<description>&lt;p&gt;Lead.&lt;/p&gt;&lt;p&gt;More.&lt;/p&gt;</description></item>
<item><title><![CDATA[Café <b>open</b>]]></title><description>Short.</description><source url="x">Wire</source>
<content:encoded><![CDATA[<p>It&#8217;s open.</p><script>alert(1)</script><p>Really.</p>]]></content:encoded></item>
<item><title></title><link>https://g.example/2</link></item></channel></rss>"""


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "windows-1252"])
def test_rss(encoding: str, tmp_path: Path) -> None:
    """CDATA, relative links, missing ids and moments are read; an entry without a title is skipped and listed."""
    (tmp_path / "feed.xml").write_bytes(RSS.format(encoding=encoding).encode(encoding))
    with pytest.warns(rk.RetitlekitWarning, match="1 of 3 articles skipped"):
        found = rk.load_articles(tmp_path / "feed.xml")

    assert [
        ("g1", "Bridge & tunnel", "Lead.\n\nMore.", "https://g.example/1?a=1&b=2", "2024-05-01T10:00:00+02:00"),
        (found[1].id, "Café open", "It’s open.\n\nReally.", None, None),
    ] == [(a.id, a.title, a.body, a.url, a.published_at) for a in found]
    assert [("en", "g.example"), ("en", "Wire")] == [(a.language, a.source) for a in found]
    assert [(3, "title")] == list(zip(found.skipped.line, found.skipped.field, strict=True))


ATOM = """<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://b.example/x/"><title>F</title>
<entry><id>urn:1</id><title type="html">A &amp;amp; &lt;i&gt;B&lt;/i&gt;</title><link href="rel/1"/>
<updated>2024-05-01T10:00:00Z</updated><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>One.</p>
<p>Two.</p></div></content></entry></feed>"""


def test_atom(tmp_path: Path) -> None:
    """Atom's bases, languages, text types and moments are read."""
    (tmp_path / "feed.atom").write_text(ATOM)
    (found,) = rk.load_articles(tmp_path / "feed.atom")

    assert (
        rk.Article(
            *("urn:1", "A & B", "One.\n\nTwo.", "b.example", "https://b.example/x/rel/1"),
            *("2024-05-01T10:00:00+00:00", "de"),
        )
        == found
    )


@pytest.mark.parametrize(
    ("mend", "what"),
    [
        (lambda text: text.replace("&amp;amp;", "&").encode(), "XML not well-formed"),
        (lambda text: text.encode("cp1252"), "not in the encoding it declares"),
    ],
    ids=["xml", "encoding"],
)
def test_broken_feeds_are_read_and_told(mend: object, what: str, tmp_path: Path) -> None:
    """What feedparser can still make sense of is read, and the complaint is a repair that warns."""
    (tmp_path / "feed.rss").write_bytes(
        mend(RSS.format(encoding="utf-8").replace("<title></title>", "<title>3</title>"))
    )
    with pytest.warns(rk.RetitlekitWarning, match=f"1 × {what}"):
        found = rk.load_articles(tmp_path / "feed.rss")

    assert ("Bridge & tunnel", "Café open") == (found[0].title, found[1].title)


def test_no_entity_opens_a_file(tmp_path: Path) -> None:
    """An external entity in a feed is text, never a file of this machine."""
    (tmp_path / "secret.txt").write_text("secret words")
    bomb = f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{(tmp_path / "secret.txt").as_uri()}">]><rss version="2.0"><channel>'
    (tmp_path / "feed.xml").write_text(
        f"{bomb}<item><title>T &x;</title><description>&x;</description></item></channel></rss>"
    )
    with warnings.catch_warnings(action="ignore"):
        found = rk.load_articles(tmp_path / "feed.xml")

    assert "secret" not in found[0].title + found[0].body


@contextlib.contextmanager
def served(answers: dict[str, bytes]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = answers.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"") + (100 if self.path == "/cut" else 0)))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None: ...

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_addresses() -> None:
    """Feeds and pages are fetched over HTTP; an address that gives neither, or half of one, is named with why."""
    feed = (
        RSS.format(encoding="utf-8").replace("<title></title>", "<title>3</title><description>D</description>").encode()
    )
    page = PAGE.replace('<link rel="canonical" href="https://gazette.example/bridge">', "").format(
        charset="utf-8", head=""
    )
    with served({"/feed": feed, "/page": page.encode(), "/cut": feed, "/text": b"text"}) as base:
        assert ["Bridge & tunnel", "Café open", "3"] == [a.title for a in rk.load_articles(f"{base}/feed")]
        assert [(f"{base}/page", "127.0.0.1")] == [(a.url, a.source) for a in rk.load_articles(f"{base}/page")]
        for path, says in {
            "nothing": "cannot be fetched: .*404",
            "cut": "100 bytes before",
            "text": "is no RSS",
        }.items():
            with pytest.raises(rk.ArticleError, match=f"{base}/{path} .*{says}"):
                rk.load_articles(f"{base}/{path}")
    for address in (base, "http://[bad", "https://"):
        with pytest.raises(rk.ArticleError, match="cannot be fetched"):
            rk.load_articles(address)


def test_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has no retitlekit[web] is told how to get it."""
    monkeypatch.setitem(sys.modules, "feedparser", None)
    (tmp_path / "feed.xml").write_text(ATOM)
    with pytest.raises(rk.ArticleError, match=r"pip install 'retitlekit\[web\]'"):
        rk.load_articles(tmp_path / "feed.xml")


MARKUP = {
    "xml": "<rss>|<channel>|<item>|</item>|<title>|</title>|<link>|http://[bad|</link>|<guid>|<pubDate>|99 99 9999|"
    "</guid>|</pubDate>|<description>|<![CDATA[|]]>|&amp;|&#xd800;|&#0;|<a href='http://[x'>|\0|é|<entry>|<updated>",
    "html": "<html lang='|<head>|<title>|</title>|<meta charset=|utf-7|hex|<article>|<p>|It is closed, they said.|"
    "</p>|<h1>|<link rel=canonical href='http://[|'/>|<script>|</script>|<!--|&#xd800;|\0|é|]]>|<table><tr>|<svg>",
}


@pytest.mark.parametrize("suffix", ["xml", "html"])
def test_any_markup_is_articles_or_an_article_error(suffix: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No broken markup crashes the readers of pages and feeds."""
    path = tmp_path_factory.mktemp("any") / f"a.{suffix}"

    @settings(deadline=None)
    @given(
        st.lists(st.sampled_from(MARKUP[suffix].split("|")), max_size=25),
        st.sampled_from(["utf-8", "utf-16", "cp1252"]),
    )
    def read(parts: list[str], encoding: str) -> None:
        path.write_bytes("".join(parts).encode(encoding))
        with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
            rk.load_articles(path)

    read()
