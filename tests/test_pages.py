"""Pages: read for what they say, written back as they were."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.pages import decode
from retitlekit.pages.attributions import BOILERPLATE

from .conftest import ROOT

SEED = ROOT / "data/page.txt"
NOON = datetime(2023, 9, 12, 13, 58)
WEST = timezone(timedelta(hours=-3, minutes=-30))
HTML = """<!doctype html>
<html lang="en"><head><title>Rail &amp; road&#8217;s day &#8211; The Site</title>
<meta property="og:title" content="Rail &amp; road’s day"/><meta content='Rail &amp; road’s day' name='twitter:title'>
<script type="application/ld+json">{"headline": "Rail & road\\u2019s day"}</script>
<style>h1 { x: "<h1>" }</style></head>
<body><nav><p>Menu</p></nav><h1><a href="/">The Site</a></h1><article><h1 class=entry-title>
  Rail &amp; road’s day </h1><p>One <b>two</b>.</p><!-- <p>no</p> --><h2>A head</h2><p>Three<br>four</p>
<p>Original story at <a href="https://news.example/x?a=1&amp;b=2">news.example</a> – 2023-09-12 13:58 +02:00</p>
</article><p>Comments are closed.</p><footer>© 2023 The Site</footer></body></html>"""
WXR = """<?xml version="1.0" encoding="UTF-8"?>
<rss><channel><title>The Site</title><!-- <item><title>no</title></item> -->
<item><title>[gpt3] Rewrite this title: X [/gpt4]</title><link>https://a.example/1</link>
<pubDate>Tue, 12 Sep 2023 13:58:00 +0000</pubDate><content:encoded><![CDATA[One </item>.

<h2>A head</h2>

Two.

Comments are closed.]]></content:encoded><wp:post_id>7</wp:post_id><wp:post_type>post</wp:post_type></item>
<item><title>a picture</title><wp:post_type>attachment</wp:post_type></item>
<item><title><![CDATA[Q &amp; A]]></title><description>&lt;p&gt;Hi.&lt;/p&gt;</description></item>
</channel></rss>
"""


def test_the_page_that_began_it() -> None:
    """Title, headings, attribution without zone and url, and the site's own line are told apart."""
    page = rk.read_page(SEED)

    assert page.title.startswith("[gpt3] Rewrite this title: Kim")
    assert page.title.endswith("[/gpt4]")
    assert ["", "A rare journey", "Warnings from Washington", "What each side wants"] == [
        section.heading for section in page.sections
    ]
    assert ("www.reuters.com", datetime(2023, 9, 12, 13, 58), None, "unknown") == (
        page.attribution.source,
        page.attribution.published,
        page.attribution.url,
        page.attribution.zone,
    )
    assert ("Comments are closed.",) == page.boilerplate
    assert "Original Story" not in page.body
    assert "Comments" not in page.body
    article = page.to_article()
    assert ("www.reuters.com", "2023-09-12T13:58:00", None) == (article.source, article.published_at, article.url)


def test_html() -> None:
    """The story is told from the site, entities are decoded, and the title is found in all its places."""
    page = rk.read_page(HTML)
    new = page.with_title('C < D & "E" </script> ]]>')

    assert ("Rail & road’s day", "en") == (page.title, page.language)
    assert [("", "One two."), ("A head", "Three\n\nfour")] == [(s.heading, s.text) for s in page.sections]
    assert ("news.example", "https://news.example/x?a=1&b=2", "UTC+02:00") == (
        page.attribution.source,
        page.attribution.url,
        page.attribution.zone,
    )
    assert ("Comments are closed.", "© 2023 The Site") == page.boilerplate
    assert 'C < D & "E" </script> ]]>' == new.title
    assert 5 == sum(new.text.count(form) for form in ("C &lt; D", "C \\u003c D"))
    assert "&gt; &#8211; The Site</title>" in new.text
    assert "road" not in new.text
    assert page.text.split("</head>")[1].split("Rail &amp; road’s day") == (
        new.text.split("</head>")[1].split('C &lt; D &amp; "E" &lt;/script&gt; ]]&gt;')
    )


def test_wordpress_export(tmp_path: Path) -> None:
    """Posts are read, attachments are not; one new title changes its own bytes and no others."""
    file = tmp_path / "export.xml"
    file.write_bytes(WXR.encode())
    pages = rk.read_pages(file)

    assert [("7", "[gpt3] Rewrite this title: X [/gpt4]"), ("Q & A",)] == [
        (pages[0].id, pages[0].title),
        (pages[1].title,),
    ]
    assert [("", "One ."), ("A head", "Two.")] == [(s.heading, s.text) for s in pages[0].sections]
    assert ("https://a.example/1", "2023-09-12T13:58:00+00:00") == (pages[0].url, pages[0].published_at)
    assert WXR.encode() == pages.to_bytes()

    pages[1] = pages[1].with_title("R & D <b>")
    rk.write_page(pages, tmp_path / "new.xml")

    assert WXR.replace("Q &amp; A", "R &amp; D &lt;b&gt;") == (tmp_path / "new.xml").read_text()
    assert "R & D <b>" == rk.read_pages(tmp_path / "new.xml")[1].title


def test_a_title_is_inert_in_a_feed_too() -> None:
    """Titles of feeds are read as HTML by what imports them, so a title cannot bring a tag."""
    page = rk.read_page("<item><title>Old</title></item>", kind="item")
    new = page.with_title("R & D <img src=x onerror=alert(1)> &lt; AT&T")

    assert "<title>R &amp; D &amp;lt;img src=x onerror=alert(1)&amp;gt; &amp;amp;lt; AT&amp;T</title>" in new.text
    assert "R & D <img src=x onerror=alert(1)> &lt; AT&T" == new.title


def test_a_prompt_beside_the_title_goes_too() -> None:
    """Where the head of a page shows the title with its prompt, the new title takes the place of both."""
    page = rk.read_page("<title>Rewrite this title: Kim in Russia</title><h1>Kim in Russia</h1><p>Text.</p>")

    assert (
        "<title>Kim visits Putin</title><h1>Kim visits Putin</h1><p>Text.</p>"
        == page.with_title("Kim visits Putin").text
    )


def test_atom() -> None:
    """An Atom entry is a page with its address."""
    feed = (
        '<feed xmlns="x"><title>Site</title><entry><title type="html">A &amp;amp; B</title>'
        '<link href="https://a.example/1"/><content type="html">&lt;p&gt;One.&lt;/p&gt;</content></entry></feed>'
    )
    page = rk.read_page(feed)

    assert ("A & B", "One.", "https://a.example/1") == (page.title, page.body, page.url)
    assert '<title type="html">C &amp;amp; &amp;lt;D&amp;gt;</title>' in page.with_title("C & <D>").text


def test_markdown() -> None:
    """Front matter and heading both get the new title, each in its own writing."""
    page = rk.read_page('---\ntitle: "Old: x"\ntags: [a]\n---\n# Old: x\n\nText.\n\n## A head\n\nMore.\n')
    new = page.with_title('New *x* [y] <b>: "z"')

    assert ("Old: x", [("", "Text."), ("A head", "More.")]) == (
        page.title,
        [(s.heading, s.text) for s in page.sections],
    )
    assert new.text.startswith(
        '---\ntitle: "New *x* [y] <b>: \\"z\\""\ntags: [a]\n---\n# New \\*x\\* \\[y\\] \\<b\\>: "z"\n'
    )
    assert 'New *x* [y] <b>: "z"' == new.title


@pytest.mark.parametrize(
    ("line", "source", "published", "url", "zone"),
    [
        ("Original Story at www.reuters.com – 2023-09-12 13:58:00", "www.reuters.com", NOON, None, "unknown"),
        ("Source: Reuters", "Reuters", None, None, "unknown"),
        ("Via https://a.example/x.", "a.example", None, "https://a.example/x", "unknown"),
        ("Originally published on a.example, 2023-09-12", "a.example", date(2023, 9, 12), None, "unknown"),
        ("Read the original article: a.example 2023-09-12T13:58Z", "a.example", NOON.replace(tzinfo=UTC), None, "UTC"),
        ("Source: a.example 2023-09-12 13:58:00 -0330", "a.example", NOON.replace(tzinfo=WEST), None, "UTC-03:30"),
        ("Source: a.example 2023-99-99", "a.example", None, None, "unknown"),
    ],
)  # fmt: skip
def test_attributions(line: str, source: str, published: date | None, url: str | None, zone: str) -> None:
    """What a line says of its source is typed, and what it does not say is None."""
    found = rk.read_page(f"A title\n\nA first paragraph of the story.\n\n{line}\n").attribution

    assert (source, published, url, zone) == (found.source, found.published, found.url, found.zone)


@pytest.mark.parametrize(
    "line",
    [
        "Source code of the program was published on Monday.",
        "Via Roma is closed to traffic until the end of the month.",
        "Related companies fell by 3% in early trade.",
        "Advertisement spending rose to 4 billion euros.",
        "Tags were found on three of the turtles.",
        "The original story of the town is lost.",
    ],
)
def test_sentences_stay_in_the_story(line: str) -> None:
    """A sentence that begins like a credit or like boilerplate is part of the body."""
    page = rk.read_page(f"A title\n\nA first paragraph.\n\n{line}")

    assert (f"A first paragraph.\n\n{line}", None, ()) == (page.body, page.attribution, page.boilerplate)


def test_boilerplate() -> None:
    """The site's own lines are known in several wordings."""
    lines = [
        "Comments are closed.",
        "Leave a Reply",
        "Share this:",
        "Posted in News",
        "© 2023 A",
        "Loading…",
        "Tags: a, b",
    ]

    assert [] == [line for line in lines if not BOILERPLATE.match(line)]


@pytest.mark.parametrize(
    "raw",
    [
        SEED.read_bytes(),
        b"\xef\xbb\xbfTitle\r\n\r\nText.\r\n",
        b"Title\n\nText \xff\xfe\x00 and more",
        "Über\n\nText".encode("cp1252"),
        "Title\n\nText".encode("utf-16"),
        HTML.encode(),
        b"<h1>T</h1><!-- never closed <p>x",
        b"Title \x00\x01 and \xc3\x28\n\n\n\n",
    ],
)
def test_untouched_is_byte_for_byte(raw: bytes, tmp_path: Path) -> None:
    """Whatever the encoding, line ends and faults of a file, writing the page gives its bytes back."""
    file = tmp_path / "page.txt"
    file.write_bytes(raw)

    assert raw == rk.write_page(rk.read_page(file), tmp_path / "copy.txt").read_bytes()


MARKUP = st.text(
    st.sampled_from("<>/!-h1p\"'= &;ab\n[]CDATA{}#*\\:") | st.characters(codec="utf-8", exclude_characters="\r"),
    max_size=200,
)


@settings(max_examples=200, deadline=None)
@given(MARKUP, st.sampled_from(["text", "markdown", "html", "item"]))
def test_any_text_comes_back(text: str, kind: str) -> None:
    """Any soup is a page or is refused, and an untouched page is its text; bytes always come back from `decode`."""
    decoded, encoding = decode(text.encode())
    try:
        page = rk.read_page(text if len(text) > 1 else text + "\n", kind=kind)
    except rk.PageError:
        page = None

    assert text.encode() == decoded.encode(encoding)
    assert page is None or (page.text.rstrip("\n") == text.rstrip("\n") and page is page.with_title(page.title))


TITLES = st.text(st.characters(codec="utf-8", categories=("L", "N", "P", "S", "Zs")), min_size=1, max_size=60).map(
    lambda text: " ".join(text.split())
)


@settings(max_examples=200, deadline=None)
@given(TITLES.filter(bool), st.sampled_from([HTML, WXR.split("\n<item>")[1], "# Old\n\nText.", "Old\n\nText."]))
def test_any_title_is_written_inert(title: str, source: str) -> None:
    """Any title reads back as it was given, or is refused; it can open no tag, no CDATA and no heading."""
    kind = "item" if "post_type" in source else None
    source = f"<item>{source}" if kind else source
    page = rk.read_page(source, kind=kind)
    try:
        new = page.with_title(title)
    except rk.PageError:
        return

    assert title == new.title
    assert page.body == new.body
    assert page.attribution == new.attribution


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("nowhere.html", "cannot be read"),
        ("\n \n", "has no title"),
        ("<p></p>", "has no title"),
        (WXR, "holds 2 pages"),
    ],
)
def test_errors(source: str, says: str) -> None:
    """What cannot be one page is an error that says why."""
    with pytest.raises(rk.PageError, match=says):
        rk.read_page(source)


def test_titles_that_cannot_be_written(tmp_path: Path) -> None:
    """A title of two lines, one that an encoding lacks, and a folder that is not there are refused."""
    file = tmp_path / "page.txt"
    file.write_bytes("Über\n\nText".encode("cp1252"))
    page = rk.read_page(file)

    with pytest.raises(rk.PageError, match="one line"):
        page.with_title("a\nb")
    with pytest.raises(rk.PageError, match="cp1252"):
        page.with_title("東京").to_bytes()
    with pytest.raises(rk.PageError, match="does not exist"):
        rk.write_page(page, tmp_path / "no/page.txt")


def test_a_page_shows_itself_escaped() -> None:
    """In a notebook a page is shown with its markup as text."""
    shown = rk.read_page("<img onerror=x>\n\nText <b>.", kind="text")._repr_html_()

    assert "<img" not in shown
    assert "&lt;img onerror=x&gt;" in shown
