"""Web: articles from pages and feeds, saved or fetched. It needs ``retitlekit[web]``.

Trafilatura finds the article in a page, feedparser the entries of a feed.
"""

from __future__ import annotations

import importlib
import io
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin

from retitlekit.articles.records import Record, Repair, Unreadable, filled, text_of
from retitlekit.articles.repairs import paragraphs
from retitlekit.errors import ArticleError

_LARGEST = 50_000_000  # bytes of an answer
_LONGEST_FETCH = 120  # seconds


def address(url: str, repairs: list[Repair]) -> Iterator[Record]:
    """What an http(s) address answers: the entries of a feed, else the article of a page."""
    raw = _fetched(url)
    root = re.search(rb"(?i)<(rss|feed|rdf:rdf|html)\b", raw[:5000])
    if not root or root[1].lower() != b"html":
        yield from feed(raw, url, repairs, base=url)
        return
    try:
        yield Record(url, None, filled(page(raw, url, repairs), url=url))
    except Unreadable as bad:
        yield Record(url, None, bad.problem)


def _fetched(url: str) -> bytes:
    import http.client
    import urllib.request

    raw, ends = bytearray(), time.monotonic() + _LONGEST_FETCH
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "retitlekit"})  # noqa: S310 - http(s) only
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            while part := answer.read1(1 << 16):
                raw += part
                if len(raw) > _LARGEST or time.monotonic() > ends:
                    raise ArticleError(
                        f"{url} is larger than {_LARGEST // 1_000_000} MB or takes longer than {_LONGEST_FETCH} s; "
                        "save a part of it to a file"
                    )
            if answer.length:
                raise ArticleError(f"{url} was cut short by its server, {answer.length:,} bytes before its end")
    except (OSError, ValueError, http.client.HTTPException) as problem:
        raise ArticleError(f"{url} cannot be fetched: {problem}") from problem
    return bytes(raw)


# What feedparser reads nevertheless, by the name of its complaint.
_BOZO = {"SAXParseException": "XML not well-formed", "CharacterEncodingOverride": "not in the encoding it declares"}


def feed(raw: bytes, name: str, repairs: list[Repair], base: str = "") -> Iterator[Record]:
    """The entries of an RSS or Atom feed; `base` is the address for its relative links."""
    headers = {"content-type": "application/xml", "content-location": base}
    try:
        # as a stream: feedparser takes bytes for a file's name first
        found = _extra("feedparser").parse(io.BytesIO(raw), response_headers=headers)
    except Exception as problem:  # its parsers raise what they like, a UnicodeError for "&#xd800;"
        raise ArticleError(f"{name} is no RSS or Atom feed that can be read ({problem})") from problem
    complaint = found.get("bozo_exception")
    if not found.entries:
        raise ArticleError(f"{name} is no RSS or Atom feed with entries{f' ({complaint})' if complaint else ''}")
    if what := _BOZO.get(type(complaint).__name__):
        repairs.append(Repair(name, None, "", "", what, str(complaint), ""))
    for number, entry in enumerate(found.entries, 1):
        content = entry.get("content") or [{"value": entry.get("summary")}]
        values = {
            "id": entry.get("id"),
            "title": entry.get("title"),
            "body": paragraphs(content[0].get("value") or ""),
            "source": (entry.get("source") or {}).get("title"),
            "url": _joined(found.feed.get("link"), entry.get("link")),
            "published_at": entry.get("published") or entry.get("updated"),
            "language": found.feed.get("language"),
        }
        yield Record(name, number, values)


def _joined(base: str | None, link: str | None) -> str | None:
    try:
        return urljoin(base or "", link) if link else None
    except ValueError:  # such as "http://["
        return link


_MOMENT = re.compile(
    r"(?i)<meta(?=[^>]{0,300}(?:article:published_time|datePublished))[^>]{0,300}?content=[\"']([^\"']{1,50})"
    r"|\"datePublished\"\s{0,9}:\s{0,9}\"([^\"]{1,50})"
)


def page(raw: bytes, place: str, repairs: list[Repair]) -> dict[str, Any]:
    """The article of a web page; its date only where the page declares one."""
    trafilatura = _extra("trafilatura")
    text = _page_text(raw, place, repairs)
    cautious = {"original_date": True, "extensive_search": False}  # else any date in the text will do
    try:
        found = text.strip() and trafilatura.bare_extraction(
            text, with_metadata=True, include_comments=False, date_extraction_params=cautious
        )
    except Exception as problem:  # its libraries raise what they like on broken markup, AssertionErrors too
        raise Unreadable(f"no article can be found in this page ({problem!r})") from problem
    if not found:
        raise Unreadable("no article is to be found in this page")
    values, head = found.as_dict(), text[:200_000]
    language = re.search(r"(?i)<html[^>]{0,300}\blang=[\"']?([\w-]+)", head)
    moment = _MOMENT.search(head)  # trafilatura keeps the day only
    parts = (values["text"] or "").split("\n")  # it ends each paragraph by one line end
    if parts[0].strip() == (values["title"] or "").strip():
        del parts[0]
    return {
        "title": values["title"],
        "url": values["url"],
        "source": values["hostname"],
        "published_at": (moment[1] or moment[2]) if moment else values["date"],
        "language": values["language"] or (language and language[1]),
        "body": "\n\n".join(parts),
    }


def _page_text(raw: bytes, place: str, repairs: list[Repair]) -> str:
    """A page's text: UTF-8, else in the encoding that it declares."""
    declared = re.search(rb"(?i)<meta[^>]{0,200}charset=[\"']?([\w-]{1,40})", raw[:5000])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        try:
            return raw.decode(declared[1].decode("ascii") if declared else "utf-8")
        except (UnicodeError, LookupError):
            return text_of(raw, place, repairs)


def _extra(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as problem:
        raise ArticleError(f"this needs {library} ({problem}): pip install 'retitlekit[web]'") from problem
