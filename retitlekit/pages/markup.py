"""Markup of pages and feeds, read where it stands: blocks of text, and the places that hold a title.

Nothing is parsed into a tree and written anew, because then nothing would come back as it was. A page is read for
positions, and only what stands at a position is ever replaced. Broken markup is read as far as it goes; the time is
linear.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import accumulate
from typing import BinaryIO, NamedTuple

from retitlekit.errors import PageError

Escape = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Slot:
    """A place for a title; `escape` turns text into what may stand there, `read` is the way back."""

    start: int
    end: int
    escape: Escape
    read: Escape

    def replaced(self, raw: str, old: str, new: str) -> str:
        """What stands here, with the new title for the old one and the rest (a site's name, an indent) as it was."""
        units = _UNIT.findall(raw)
        read = [self.read(unit) for unit in units]
        text = "".join(read)
        at = text.find(old)
        starts = list(accumulate(map(len, read), initial=0))
        if at >= 0 and at in starts and at + len(old) in starts:
            first, last = starts.index(at), starts.index(at + len(old))
            return "".join(units[:first]) + self.escape(new) + "".join(units[last:])
        blank = raw[: len(raw) - len(raw.lstrip())], raw[len(raw.rstrip()) :]
        return blank[0] + self.escape(spaced(self.read(raw)).replace(spaced(old), new, 1)) + blank[1]


_UNIT = re.compile(r"&#?\w{1,31};|\\u[0-9A-Fa-f]{4}|\\.|.", re.DOTALL)  # an entity, an escape, or a character


class Block(NamedTuple):
    """A paragraph, list item or heading: its tag, its text in one line, the addresses it links to."""

    tag: str
    text: str
    links: tuple[str, ...] = ()


def spaced(text: str) -> str:
    """Text with single spaces."""
    return " ".join(text.split())


def escape_text(text: str) -> str:
    """Text for HTML and XML, between tags."""
    return html.escape(text, quote=False)


def escape_cdata(text: str) -> str:
    """Text for a CDATA section, which it cannot end."""
    return text.replace("]]>", "]]]]><![CDATA[>")


def unescape_cdata(text: str) -> str:
    """The way back from `escape_cdata`."""
    return text.replace("]]]]><![CDATA[>", "]]>")


def escape_json(text: str) -> str:
    """Text inside a JSON string in a page: also inert as markup."""
    return json.dumps(text)[1:-1].replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def unescape_json(text: str) -> str:
    """The way back from `escape_json`; text that is no JSON stays as it is."""
    try:
        return str(json.loads(f'"{text}"')).encode(errors="replace").decode()  # half a surrogate pair cannot be sent
    except ValueError:
        return text


# ---- tags, in HTML and XML

_TAG = re.compile(r"<!--|<!\[CDATA\[|<(/?)([A-Za-z][\w:-]*+)((?:[^<>\"']++|\"[^\"<]*+\"|'[^'<]*+'|[\"'])*+)>")
_ATTRIBUTE = re.compile(r"([\w:-]++)\s?=\s?(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'<>]++))")
_RAW = frozenset(("script", "style", "textarea", "template", "noscript", "svg", "iframe"))


class _Tag(NamedTuple):
    """A tag and the text before it; `name` is empty at the end of the whole."""

    name: str
    closes: bool
    before: tuple[int, int]
    start: int
    end: int
    attributes: dict[str, tuple[int, int]]


def _tags(text: str, *, raw: frozenset[str] = _RAW) -> Iterator[_Tag]:
    """Every tag but comments; what stands between the tags of `raw` is left out, what stands in CDATA is text."""
    at = begin = 0
    lower = text.lower() if raw else ""
    while match := _TAG.search(text, at):
        if match[2] is None:
            close = "-->" if match[0] == "<!--" else "]]>"
            end = text.find(close, match.end())
            at = len(text) if end < 0 else end + len(close)
            continue
        name, closes = match[2].lower(), bool(match[1])
        at = match.end()
        places = {}
        for found in _ATTRIBUTE.finditer(text, match.start(3), match.end(3)) if not closes else ():
            group = next(number for number in (2, 3, 4) if found[number] is not None)
            places[found[1].lower()] = found.span(group)
        yield _Tag(name, closes, (begin, match.start()), match.start(), at, places)
        begin = at
        if name in raw and not closes:
            end = lower.find(f"</{name}", at)
            at = begin = len(text) if end < 0 else end
    yield _Tag("", True, (begin, len(text)), len(text), len(text), {})


def _said(raw: str) -> str:
    """The text between two tags: without comments, entities decoded, CDATA as it is."""
    if "<!" not in raw:
        return html.unescape(raw)
    parts, at = [], 0
    while (start := raw.find("<!", at)) >= 0:
        parts.append(html.unescape(raw[at:start]))
        data = raw.startswith("<![CDATA[", start)
        end = raw.find("]]>" if data else "-->", start)
        if data:
            parts.append(raw[start + 9 : end if end >= 0 else None])
        at = len(raw) if end < 0 else end + 3
    return "".join([*parts, html.unescape(raw[at:])])


def masked(text: str) -> str:
    """Text of the same length with blanks for tags, comments, scripts and styles: what is left is what is shown.

    Examples
    --------
    >>> masked("a<b title='[x]'>b</b><script>c[1]</script>").replace(" ", "")
    'ab'
    """
    parts, end = [], 0
    for tag in _tags(text):
        start, stop = tag.before
        parts += [_BLANK.sub(" ", text[end:start]), text[start:stop]]
        end = stop
    return "".join([*parts, _BLANK.sub(" ", text[end:])])


_BLANK = re.compile(r"[^\n]")


# ---- HTML

_HIDDEN = frozenset(("nav", "aside", "form", "head", "title", "button", "select"))
_BLOCKS = _HIDDEN | frozenset(
    "p h1 h2 h3 h4 h5 h6 li blockquote pre td th div section article main header footer figcaption dt dd br hr ul ol "
    "table tr address body".split()
)
_META_TITLES = frozenset(("og:title", "twitter:title", "title", "dc.title"))
_META_TEXTS = frozenset(("description", "og:description", "twitter:description", "og:image:alt"))
_HEADLINE = re.compile(r"\"headline\"\s?:\s?\"((?:[^\"\\]++|\\.)*+)\"")


@dataclass(frozen=True)
class Document:
    """What a page of HTML says: its blocks, those outside the article apart, and its places for a title.

    `descriptions` are what search results and cards show under it.
    """

    blocks: list[Block]
    outside: list[Block]
    headings: list[Slot]
    metas: list[Slot]
    titles: list[Slot]
    descriptions: list[Slot]
    language: str | None


def read_html(text: str) -> Document:
    """Read a page, or the HTML of a feed's item.

    Examples
    --------
    >>> page = read_html("<title>Kim &amp; Co</title><h1>Kim &amp; Co</h1><p>He <b>came</b>.</p><p>He left.</p>")
    >>> [block.text for block in page.blocks if block.tag == "p"]
    ['He came.', 'He left.']
    """
    headings: list[Slot] = []
    metas: list[Slot] = []
    titles: list[Slot] = []
    descriptions: list[Slot] = []
    regions: dict[str, list[Block]] = {"article": [], "main": [], "": []}
    depth = dict.fromkeys((*_HIDDEN, "article", "main"), 0)
    language, block, parts, links, opened = None, "p", list[str](), list[str](), ""
    for tag in _tags(text):
        raw = text[slice(*tag.before)]
        visible = not any(depth[name] for name in _HIDDEN)
        if visible and opened not in _RAW:
            parts.append(_said(raw))
        if opened == "title" and tag.name == "title" and tag.closes and not titles:
            titles.append(Slot(*tag.before, escape_text, html.unescape))
        if block == "h1" and visible and raw.strip():
            headings.append(Slot(*tag.before, escape_text, html.unescape))
        if tag.name in _BLOCKS or not tag.name:
            if said := spaced("".join(parts)):
                region = "article" if depth["article"] else "main" if depth["main"] else ""
                regions[region].append(Block(block, said, tuple(links)))
            parts, links = [], []
            block = "p" if tag.closes or tag.name == "br" else tag.name
        if tag.name in depth:
            depth[tag.name] = max(0, depth[tag.name] + (-1 if tag.closes else 1))
        if tag.name == "a" and "href" in tag.attributes:
            links.append(html.unescape(text[slice(*tag.attributes["href"])]))
        if tag.name == "html" and "lang" in tag.attributes:
            language = text[slice(*tag.attributes["lang"])] or None
        if tag.name == "meta":
            kind = tag.attributes.get("property") or tag.attributes.get("name")
            name = text[slice(*kind)].lower() if kind and "content" in tag.attributes else ""
            if name in _META_TITLES | _META_TEXTS:
                place = Slot(*tag.attributes["content"], html.escape, html.unescape)
                (metas if name in _META_TITLES else descriptions).append(place)
        if tag.name == "script" and not tag.closes and "ld+json" in text[tag.start : tag.end]:
            found = _HEADLINE.search(text, tag.end, text.find("</", tag.end) % (len(text) + 1))
            metas += [Slot(*found.span(1), escape_json, unescape_json)] if found else []
        opened = "" if tag.closes else tag.name
    inside = next((name for name in ("article", "main", "") if regions[name]), "")
    outside = [each for name, blocks in regions.items() if name != inside for each in blocks]
    return Document(regions[inside], outside, headings, metas, titles, descriptions, language)


# ---- XML: the items of a feed


@dataclass(frozen=True, slots=True)
class Field:
    """An element of a feed's item: its text, and where that stands."""

    text: str
    slot: Slot


def read_item(text: str) -> dict[str, Field]:
    """The elements of ``<item>`` or ``<entry>``, each by its name, the first of each name; links also by ``@href``.

    Examples
    --------
    >>> read_item("<item><title><![CDATA[Q & A]]></title><wp:post_id>7</wp:post_id></item>")["title"].text
    'Q & A'
    """
    fields: dict[str, Field] = {}
    depth, begin = 0, 0
    for tag in _tags(text, raw=frozenset()):
        if not tag.name:
            break
        if tag.closes:
            depth -= 1
            if depth == 1 and tag.name not in fields:
                fields[tag.name] = _field(text, begin, tag.start)
        elif text[tag.end - 2] == "/":
            if tag.name == "link" and "href" in tag.attributes and "@href" not in fields:
                fields["@href"] = _field(text, *tag.attributes["href"])
        else:
            begin = tag.end if depth == 1 else begin
            depth += 1
    return fields


def _field(text: str, start: int, end: int) -> Field:
    raw = text[start:end]
    cdata = re.fullmatch(r"\s*<!\[CDATA\[(.*)\]\]>\s*", raw, re.DOTALL)
    if cdata:
        slot = Slot(start + cdata.start(1), start + cdata.end(1), escape_cdata, unescape_cdata)
        return Field(unescape_cdata(cdata[1]), slot)
    return Field(_said(raw), Slot(start, end, escape_text, _said))


_ITEM = re.compile(rb"<!--|<!\[CDATA\[|<(/?)(item|entry)(?=[\s>])[^<>]*+>")
_CHUNK = 1 << 20
_LARGEST_ITEM = 64 << 20


def split_feed(stream: BinaryIO) -> Iterator[tuple[bool, bytes]]:
    """The bytes of a feed in pieces that join to the whole: True with each item, False with what stands between.

    Only one item is in memory at a time. A feed whose item is larger than 64 MB is cut there.

    Raises
    ------
    PageError
        For a feed that declares entities of its own: what readers would see is not what stands there, and a few lines
        of them can stand for gigabytes.
    """
    buffer, at, begin, inside = b"", 0, 0, False
    head = True
    while True:
        match = _ITEM.search(buffer, at)
        if match and match[2] is None:
            close = b"-->" if match[0] == b"<!--" else b"]]>"
            end = buffer.find(close, match.end())
            if end >= 0:
                at = end + 3
                continue
        elif match:
            at = match.end()
            if inside == bool(match[1]):
                cut = match.end() if inside else match.start()
                if cut > begin:
                    if head and b"<!ENTITY" in buffer[begin:cut]:
                        raise PageError(
                            "the feed declares entities of its own (<!ENTITY): write out what they stand for"
                        )
                    yield inside, buffer[begin:cut]
                head, begin, inside = False, cut, not inside
            continue
        more = stream.read(_CHUNK) if len(buffer) - begin < _LARGEST_ITEM else b""
        if not more:
            if begin < len(buffer):
                yield False, buffer[begin:]
            if not (more := stream.read(_CHUNK)):
                return
            buffer, at, begin, inside = more, 0, 0, False
            continue
        # a tag may be cut at the end of what was read: go back to the last "<", but not into what was passed
        back = match.start() if match else max(at, buffer.rfind(b"<", max(at, len(buffer) - 4096)), 0)
        buffer = buffer[begin:] + more
        at, begin = max(0, back - begin), 0
