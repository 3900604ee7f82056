"""Published pages: a title, a body with its headings, where it comes from; written back as they were.

A `Page` keeps the whole text it was read from. A new title goes into the places that hold the old one, escaped as each
place needs it; nothing else changes, and a page that was not touched is written back byte for byte.
"""

from __future__ import annotations

import html
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from retitlekit.articles import Article
from retitlekit.errors import PageError
from retitlekit.html import escape
from retitlekit.pages.attributions import BOILERPLATE, CREDIT, Attribution, read_attribution
from retitlekit.pages.markup import Block, Slot, escape_text, read_html, read_item, spaced, split_feed
from retitlekit.titles.leaks import find_leaks

Kind = Literal["text", "markdown", "html", "item"]
SUFFIXES: dict[str, Kind] = {
    ".txt": "text",
    ".md": "markdown",
    ".markdown": "markdown",
    ".html": "html",
    ".htm": "html",
}
FEED_SUFFIXES = (".xml", ".rss", ".atom", ".wxr")


@dataclass(frozen=True)
class Section:
    """A part of a body: its `heading` ("" before the first), the heading's `level` (2 to 6), and its paragraphs."""

    heading: str
    level: int
    text: str


@dataclass(frozen=True)
class Page:
    """One published page, as `read_page` finds it.

    Attributes
    ----------
    id : str
    kind : {"text", "markdown", "html", "item"}
        An item is one of a feed or of a WordPress export.
    title : str
        In one line, entities decoded.
    sections : tuple of Section
    attribution : Attribution or None
    boilerplate : tuple of str
        Lines that belong to the site and not to the story: "Comments are closed."
    text : str
        The whole source.
    url, published_at, language : str or None
    """

    id: str
    kind: Kind
    title: str
    sections: tuple[Section, ...]
    attribution: Attribution | None
    boilerplate: tuple[str, ...]
    text: str = field(repr=False)
    encoding: str = field(default="utf-8", repr=False)
    url: str | None = None
    published_at: str | None = None
    language: str | None = None
    slots: tuple[Slot, ...] = field(default=(), repr=False, compare=False)

    @property
    def body(self) -> str:
        """Headings and paragraphs, separated by blank lines."""
        return "\n\n".join(part for each in self.sections for part in (each.heading, each.text) if part)

    def with_title(self, title: str) -> Page:
        """The page with another title, and nothing else changed.

        Raises
        ------
        PageError
            When the page has no place for a title, or the title is not one line.

        Examples
        --------
        >>> page = rk.read_page("<h1>Old &amp; tired</h1><p>Text.</p>")
        >>> page.with_title("<New>").text
        '<h1>&lt;New&gt;</h1><p>Text.</p>'
        """
        if not title.strip() or len(title.splitlines()) != 1:
            raise PageError(f"page {self.id!r}: a title is one line of text, not {title!r:.80}")
        if not self.slots:
            raise PageError(f"page {self.id!r} has no title to be replaced")
        if title == self.title:
            return self
        text = self.text
        for slot in sorted(self.slots, key=lambda slot: slot.start, reverse=True):
            new = slot.replaced(text[slot.start : slot.end], self.title, title)
            if find_leaks(slot.read(new)) and not find_leaks(title):  # a prompt that stood beside the title goes too
                new = slot.escape(title)
            text = text[: slot.start] + new + text[slot.end :]
        made = _page(text, self.kind, self.id, self.encoding)
        if made.title != title:
            raise PageError(f"page {self.id!r}: {title!r:.80} cannot be written so that it reads back as it is")
        return made

    def to_bytes(self) -> bytes:
        """The page as it is written to a file, in the encoding it was read in."""
        try:
            return self.text.encode(self.encoding, "xmlcharrefreplace" if self.kind in ("html", "item") else "strict")
        except UnicodeEncodeError as problem:
            sign = self.text[problem.start : problem.end]
            raise PageError(
                f"page {self.id!r} is in {self.encoding}, which has no {sign!r}: save it as UTF-8"
            ) from None

    def to_article(self, *, title: str | None = None) -> Article:
        """The page as an `Article`, without attribution and boilerplate in its body."""
        given = self.attribution
        published = self.published_at or (given and given.published and given.published.isoformat()) or None
        url = self.url or (given.url if given else None)
        source = (given.source if given else None) or (urlsplit(url).hostname if url else None)
        return Article(self.id, title or self.title, self.body, source, url, published, self.language)

    def _repr_html_(self) -> str:
        told = [f"<h3>{escape(self.title)}</h3>"]
        for section in self.sections:
            told += [f"<h4>{escape(section.heading)}</h4>"] if section.heading else []
            told += [f"<p>{escape(part)}</p>" for part in section.text.split("\n\n") if part]
        if self.attribution:
            told.append(f"<p><em>{escape(self.attribution.text)}</em></p>")
        told += [f"<p><small>{escape(line)}</small></p>" for line in self.boilerplate]
        return "<div>" + "".join(told) + "</div>"


class Pages(list[Page]):
    """The pages of a feed or of one file, with the bytes that stand before, between and after them."""

    def __init__(self, pages: Iterable[Page], between: Iterable[bytes]) -> None:
        super().__init__(pages)
        self.between = tuple(between)

    def to_bytes(self) -> bytes:
        """The whole file."""
        if len(self.between) != len(self) + 1:
            raise PageError(f"{len(self)} pages cannot be put back among {len(self.between) - 1}: keep their number")
        return b"".join(gap + page.to_bytes() for gap, page in zip(self.between, self, strict=False)) + self.between[-1]


def read_page(source: str | os.PathLike[str], *, kind: Kind | None = None) -> Page:
    """Read one page from a file or from its text.

    Parameters
    ----------
    source : path-like or str
        A ``.html``, ``.md`` or ``.txt`` file, a feed or WordPress export with one item, or the text of a page.
    kind : {"text", "markdown", "html", "item"}, optional
        By default the suffix tells, or the text itself.

    Raises
    ------
    PageError
        When it cannot be read, or has no title.

    Examples
    --------
    >>> page = rk.read_page("data/page.txt")
    >>> [section.heading for section in page.sections]
    ['', 'A rare journey', 'Warnings from Washington', 'What each side wants']
    >>> page.attribution.source, str(page.attribution.published), page.attribution.zone, page.attribution.url
    ('www.reuters.com', '2023-09-12 13:58:00', 'unknown', None)
    >>> page.boilerplate
    ('Comments are closed.',)
    """
    if isinstance(source, str) and not _is_path(source):
        raw, name = source.encode(errors="surrogatepass"), ""
        text, encoding = source, "utf-8"
        if (kind or _sniffed(source)) != "feed":
            return _page(text, kind or _sniffed(source), _id(text), encoding)  # type: ignore[arg-type]
        pages = _feed(raw)
    else:
        pages, name = read_pages(source, kind=kind), str(source)
    if len(pages) != 1:
        raise PageError(f"{name or 'the text'} holds {len(pages)} pages: use read_pages")
    return pages[0]


def read_pages(path: str | os.PathLike[str], *, kind: Kind | None = None) -> Pages:
    """Read every page of a file: the items of a feed or of a WordPress export, or the one page of another file.

    Parameters
    ----------
    path : path-like
        As `read_page`; a feed ends in ``.xml``, ``.rss``, ``.atom`` or ``.wxr``. Of a WordPress export posts and pages
        are read, not attachments and menus.
    kind : {"text", "markdown", "html", "item"}, optional

    Returns
    -------
    Pages
        A list; ``write_page(pages, path)`` writes the whole file back.

    Examples
    --------
    >>> [page.title for page in rk.read_pages("data/page.txt")]
    ['[gpt3] Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms [/gpt4]']
    """
    file = Path(path)
    try:
        raw = file.read_bytes()
    except OSError as problem:
        raise PageError(f"{file} cannot be read: {problem.strerror}") from problem
    text, encoding = decode(raw)
    suffix = file.suffix.lower()
    found: str = kind or SUFFIXES.get(suffix) or ("feed" if suffix in FEED_SUFFIXES else _sniffed(text))
    if found == "feed":
        pages = _feed(raw)
        if not pages:
            raise PageError(f"{file} has no items: no RSS or Atom feed, and no WordPress export")
        return pages
    return Pages([_page(text, found, file.stem, encoding)], [b"", b""])  # type: ignore[arg-type]


def write_page(page: Page | Pages, path: str | os.PathLike[str]) -> Path:
    """Write a page, or all pages of a feed, whole or not at all; a file that is there is replaced.

    Examples
    --------
    >>> import pathlib
    >>> path = rk.write_page(rk.read_page("data/page.txt"), tmp / "page.txt")
    >>> path.read_bytes() == pathlib.Path("data/page.txt").read_bytes()
    True
    """
    target, raw = Path(path), page.to_bytes()
    if not target.parent.is_dir():
        raise PageError(f"cannot write {target}: the folder {target.parent} does not exist")
    try:
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{target.name}.", delete=False) as part:
            part.write(raw)
        Path(part.name).chmod(0o644)
        Path(part.name).replace(target)
    except OSError as problem:
        raise PageError(f"cannot write {target}: {problem.strerror or problem}") from problem
    return target


def item_page(raw: bytes) -> Page | None:
    """One item of a feed as a page; None when it is none (an attachment, a menu) or has no title."""
    text, encoding = decode(raw)
    try:
        return _page(text, "item", "", encoding)
    except PageError:
        return None


def reread(page: Page, text: str) -> Page:
    """The page that another text makes, of the same kind, under the same name."""
    return _page(text, page.kind, page.id, page.encoding)


def decode(raw: bytes) -> tuple[str, str]:
    """Text and the encoding that gives exactly these bytes back."""
    marks = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}
    named = re.search(rb"(?:charset|encoding)\s?=\s?[\"']?([\w-]{2,20})", raw[:1024])
    for encoding in (marks.get(raw[:2]), "utf-8", named and named[1].decode("ascii", "replace"), "cp1252"):
        try:
            text = raw.decode(encoding) if encoding else ""
            if encoding and text.encode(encoding) == raw:
                return text, encoding
        except (UnicodeError, LookupError):
            continue
    return raw.decode("latin-1"), "latin-1"


def _is_path(source: str) -> bool:
    if "\n" in source or "<" in source or len(source) > 1000 or "\0" in source:
        return False
    return Path(source).suffix.lower() in (*SUFFIXES, *FEED_SUFFIXES) or Path(source).is_file()


def _id(text: str) -> str:
    return blake2b(text.encode(errors="surrogatepass"), digest_size=6).hexdigest()


def _sniffed(text: str) -> str:
    start = text[:2000].lstrip("\ufeff \t\r\n").lower()
    if start.startswith(("<?xml", "<rss", "<feed", "<rdf", "<item", "<entry")):
        return "feed" if re.search(r"<(?:rss|feed|rdf:rdf|item|entry)[\s>]", start) else "html"
    if re.search(r"<(?:!doctype html|html|head|body|article|main|h1|title|p|div)[\s>]", start):
        return "html"
    return "markdown" if re.match(r"---\s*\n|#{1,6} ", start) else "text"


def _feed(raw: bytes) -> Pages:
    import io

    pages, between, gap = [], [], b""
    for is_item, piece in split_feed(io.BytesIO(raw)):
        page = item_page(piece) if is_item else None
        if page is None:
            gap += piece
        else:
            pages.append(page)
            between.append(gap)
            gap = b""
    return Pages(pages, [*between, gap])


# ---- what a page says


def _page(text: str, kind: Kind, name: str, encoding: str) -> Page:
    page = {"html": _html_page, "item": _item_page, "markdown": _markdown_page, "text": _text_page}[kind](text)
    if not page.title:
        raise PageError(f"page {name or page.id!r} has no title")
    return replace(page, id=name or page.id, encoding=encoding)


def _text_page(text: str) -> Page:
    match = re.search(r"[^\s\ufeff][^\n\r]*", text)
    start, end = match.span() if match else (0, 0)
    end -= len(text[start:end]) - len(text[start:end].rstrip())
    slot = Slot(start, end, str, str)
    return _assembled("text", text, spaced(text[start:end]), [slot], _paragraphs(text[end:]))


_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*")
_FRONT = re.compile(r"\ufeff?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_TITLE_KEY = re.compile(r"^title:[ \t]*(\S.*?)[ \t]*\r?$", re.MULTILINE)


def _markdown_page(text: str) -> Page:
    front = _FRONT.match(text)
    key = _TITLE_KEY.search(text, front.start(1), front.end(1)) if front else None
    rest = front.end() if front else 0
    blocks, slots, title = [], [], ""
    if key:
        title = spaced(_from_yaml(key[1]))
        slots.append(Slot(*key.span(1), json.dumps, _from_yaml))
    heading = re.compile(r"[ \t\r\n\ufeff]*(#)[ \t]+([^\r\n]+?)[ \t]*#*(?=\r?\n|\Z)").match(text, rest)
    if heading and title in ("", spaced(_from_markdown(heading[2]))):
        title = spaced(_from_markdown(heading[2]))
        slots.append(Slot(*heading.span(2), _to_markdown, _from_markdown))
        rest = heading.end()
    if not slots:
        return replace(_text_page(text), kind="markdown")
    for block in _paragraphs(text[rest:]):
        marked = _HEADING.fullmatch(block.text)
        blocks.append(Block(f"h{len(marked[1])}", marked[2]) if marked else block)
    return _assembled("markdown", text, title, slots, blocks)


def _from_yaml(value: str) -> str:
    import yaml

    try:
        return str(yaml.safe_load(value))
    except (yaml.YAMLError, ValueError):
        return value


def _to_markdown(text: str) -> str:
    return re.sub(r"([\\`*<>\[\]#&])", r"\\\1", text)


def _from_markdown(text: str) -> str:
    return html.unescape(re.sub(r"\\([!-/:-@\[-`{-~])|(&)(?=\w)", lambda m: m[1] or m[2], text))


_MOST_SLOTS = 50  # headings and descriptions that are read for the title; a page has two or three


def _html_page(text: str) -> Page:
    found = read_html(text)
    places = (*found.metas[:_MOST_SLOTS], *found.titles), found.headings[:_MOST_SLOTS]
    named, headings = ([spaced(slot.read(text[slot.start : slot.end])) for slot in slots] for slots in places)
    # a site's name is often a heading too; the story's title is the longest of those that the head of the page repeats
    repeated = [each for each in headings if any(each in name for name in named)]
    title = max(repeated, key=len, default="") or next(iter([*headings, *named]), "")
    told = zip((*places[0], *places[1]), (*named, *headings), strict=True)
    slots = [slot for slot, said in told if title in said]
    page = _assembled("html", text, title, slots, [block for block in found.blocks if block.tag != "h1"])
    outside = [block.text for block in found.outside if BOILERPLATE.match(block.text)]
    credit = page.attribution or next(filter(None, map(read_attribution, found.outside)), None)
    boilerplate = (*page.boilerplate, *outside)
    return replace(page, attribution=credit, boilerplate=boilerplate, language=found.language)


def _item_page(text: str) -> Page:
    fields = read_item(text)

    def told(*names: str) -> str:
        return next((fields[name].text.strip() for name in names if name in fields and fields[name].text.strip()), "")

    if told("wp:post_type") not in ("", "post", "page") or "title" not in fields:
        raise PageError("no post")
    content = told("content:encoded", "content", "description", "summary")
    found = read_html(content)
    blocks = found.blocks
    if not re.search(r"<(?:p|div|br)[\s/>]", content, re.IGNORECASE):  # WordPress makes paragraphs of blank lines
        parts = re.split(r"\n\s*\n", content)
        blocks = [block for part in parts for block in read_html(part).blocks]
    title = fields["title"]
    decoded = html.unescape(title.text)
    # titles in feeds are HTML, escaped once more; but a lone & is usually written as such
    inert = escape_text if decoded != title.text else _escape_tags
    slot = Slot(
        title.slot.start,
        title.slot.end,
        lambda said: title.slot.escape(inert(said)),
        lambda raw: html.unescape(title.slot.read(raw)),
    )
    page = _assembled("item", text, spaced(decoded), [slot], blocks)
    return replace(
        page,
        id=told("wp:post_id", "guid", "id", "link") or _id(text),
        url=told("link", "@href") or None,
        published_at=_when(told("pubdate", "published", "updated", "dc:date")),
    )


def _escape_tags(text: str) -> str:
    return re.sub(r"&(?=#?\w+;)", "&amp;", text).replace("<", "&lt;").replace(">", "&gt;")


def _when(text: str) -> str | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return read(text).isoformat()
        except (ValueError, TypeError, IndexError):
            continue
    return None


def _paragraphs(text: str) -> list[Block]:
    """Paragraphs are separated by blank lines; where there is none, each line is one."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").strip("\n \t\ufeff")
    parts = re.split(r"\n[ \t]*\n", lines)
    parts = parts if len(parts) > 1 else lines.split("\n")
    blocks = []
    for part in filter(None, map(str.strip, parts)):
        # a heading or a credit may stand on the line over its paragraph
        blocks += (
            [Block("p", spaced(line)) for line in part.split("\n")] if _is_loose(part) else [Block("p", spaced(part))]
        )
    return [_headed(block, blocks[number + 1 : number + 2]) for number, block in enumerate(blocks)]


def _is_loose(part: str) -> bool:
    lines = part.split("\n")
    return len(lines) > 1 and any(
        BOILERPLATE.match(line) or CREDIT.match(line) or _looks_headed(line) for line in lines
    )


def _looks_headed(line: str) -> bool:
    """Plain text marks no headings; a short line that ends like none of the sentences round it is one."""
    line = line.strip()
    few = 0 < len(line.split()) <= 12 and len(line) <= 90
    return few and line[0].isupper() and line[-1] not in '.!?:;,…"”»)' and not CREDIT.match(line)


def _headed(block: Block, following: list[Block]) -> Block:
    """The block as a heading, when it looks like one and a longer paragraph follows."""
    heads = _looks_headed(block.text) and following and len(following[0].text) > len(block.text)
    heads = heads and not BOILERPLATE.match(following[0].text) and not CREDIT.match(following[0].text)
    return Block("h2", block.text) if heads else block


def _assembled(kind: Kind, text: str, title: str, slots: list[Slot], blocks: list[Block]) -> Page:
    headed: list[tuple[str, int, list[str]]] = [("", 2, [])]
    credit: Attribution | None = None
    boilerplate = []
    for number, block in enumerate(blocks):
        found = read_attribution(block) if credit is None and (number > len(blocks) - 12 or number < 4) else None
        if found:
            credit = found
        elif BOILERPLATE.match(block.text):
            boilerplate.append(block.text)
        elif block.tag in ("h1", "h2", "h3", "h4", "h5", "h6"):
            headed.append((block.text, max(2, int(block.tag[1])), []))
        else:
            headed[-1][2].append(block.text)
    sections = tuple(Section(heading, level, "\n\n".join(said)) for heading, level, said in headed if heading or said)
    return Page(_id(text), kind, title, sections, credit, tuple(boilerplate), text, slots=tuple(slots))


def walk(path: Path) -> Iterator[Path]:
    """The pages, feeds and article files under a folder, sorted; a file is itself."""
    if not path.is_dir():
        yield path
        return
    for each in sorted(path.rglob("*")):
        known = each.suffix.lower() in (*SUFFIXES, *FEED_SUFFIXES, ".jsonl", ".ndjson")
        if known and each.is_file() and not any(part.startswith(".") for part in each.relative_to(path).parts):
            yield each
