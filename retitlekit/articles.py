"""Articles: what is retitled, read from whatever people keep their articles in.

Reading mends what it safely can and says so; a record that cannot be an article is skipped and listed, and never takes
the others with it.
"""

from __future__ import annotations

import csv
import html
import importlib
import io
import json
import os
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from numbers import Number, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, SupportsIndex, overload
from uuid import UUID
from warnings import warn

from retitlekit.errors import ArticleError, RetitlekitWarning
from retitlekit.html import table

if TYPE_CHECKING:
    import pandas as pd

# What other people call our fields, the surest name first. Case, spaces, hyphens and underscores do not count:
# "pub_date" is "pubDate" too.
ALIASES = {
    "id": ("id", "guid", "uid", "article_id"),
    "title": ("title", "headline", "name"),
    "body": ("body", "text", "content", "article", "article_body", "maintext", "full_text", "description", "summary"),
    "source": ("source", "publisher", "site", "domain", "source_domain"),
    "url": ("url", "link", "href", "canonical_url"),
    "published_at": (
        *("published_at", "published", "date_published", "date", "pub_date", "publish_date", "date_publish"),
        *("publication_date", "datetime", "time"),
    ),
    "language": ("language", "lang", "in_language"),
}
_LARGEST = 50_000_000  # bytes of a feed, a page or a text
_LONGEST_FETCH = 120  # seconds


@dataclass(frozen=True, slots=True)
class Article:
    r"""One article.

    Parameters
    ----------
    id : str
        Stable name; the frame's `article` column.
    title : str
        The title it has now.
    body : str
        Its text; paragraphs are separated by blank lines.
    source : str, optional
        Who published it, usually a host.
    url : str, optional
    published_at : str, optional
        ISO 8601. An offset is kept; without one the zone is unknown. A date alone is allowed.
    language : str, optional
        BCP 47 code, such as "en".

    Raises
    ------
    ArticleError
        When a field is no text that can be saved, or the id or the title is empty.

    Examples
    --------
    >>> rk.Article("a1", "Bridge to close", "The bridge closes on Monday.\n\nIt is old.").lead
    'The bridge closes on Monday.'
    """

    id: str
    title: str
    body: str = ""
    source: str | None = None
    url: str | None = None
    published_at: str | None = None
    language: str | None = None

    def __post_init__(self) -> None:
        for name in ALIASES:
            value = getattr(self, name)
            if value is None and name not in ("id", "title", "body"):
                continue
            if not isinstance(value, str):
                raise ArticleError(f"article {self.id!r}: its {name} is {type(value).__name__}, not text")
            if not value.isascii() and value != _whole(value):
                raise ArticleError(f"article {self.id!r}: its {name} has half a character (a lone surrogate)")
            if name in ("id", "title") and not value.strip():
                raise ArticleError(f"article {self.id!r}: its {name} is empty")

    @property
    def lead(self) -> str:
        """The first paragraph of the body."""
        return re.split(r"\n[^\S\n]*\n", self.body.strip(), maxsplit=1)[0].strip()


class Articles(list[Article]):
    """A list of articles that remembers how it was read; so does a slice of it.

    Attributes
    ----------
    repairs : pandas.DataFrame
        What was changed: `file`, `line`, `id`, `field`, `what`, `before`, `after`; of long texts only the surroundings
        of the first change. In a JSON list, Parquet, a DataFrame, a feed or a list, `line` counts the records; it is
        <NA> for a file that holds one article.
    skipped : pandas.DataFrame
        What could not be read: `file`, `line`, `id`, `field`, `problem`.
    """

    def __init__(
        self, articles: Iterable[Article] = (), repairs: Iterable[_Repair] = (), skipped: Iterable[_Skip] = ()
    ) -> None:
        super().__init__(articles)
        self._repairs, self._skipped = list(repairs), list(skipped)

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Article: ...
    @overload
    def __getitem__(self, index: slice, /) -> Articles: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Article | Articles:
        if isinstance(index, slice):
            return Articles(super().__getitem__(index), self._repairs, self._skipped)
        return super().__getitem__(index)

    @property
    def repairs(self) -> pd.DataFrame:  # noqa: D102 - told in the class
        return _table(self._repairs, _Repair)

    @property
    def skipped(self) -> pd.DataFrame:  # noqa: D102
        return _table(self._skipped, _Skip)

    def to_frame(self) -> pd.DataFrame:
        """One row per article, one text column per field."""
        import pandas as pd

        rows = [[getattr(article, name) for name in ALIASES] for article in self]
        return pd.DataFrame(rows, columns=list(ALIASES)).astype("string")

    def __repr__(self) -> str:
        counts = {"article": len(self), "repair": len(self._repairs)}
        told = [f"{n:,} {noun}{'' if n == 1 else 's'}" for noun, n in counts.items()]
        return f"<{', '.join(told)}, {len(self._skipped):,} skipped>"

    def _repr_html_(self) -> str:
        rows = [
            (a.id, a.title, f"{len(a.body.split()):,}", a.source or "", a.published_at or "", a.language or "")
            for a in self[:10]
        ]
        columns = ("id", "title", "words", "source", "published", "language")
        caption = repr(self)[1:-1] + (f"; the first {len(rows)}:" if len(self) > len(rows) else "")
        return table(rows, columns=columns, caption=caption, figures=["words"])


class _Repair(NamedTuple):
    file: str
    line: int | None
    id: str
    field: str
    what: str
    before: str
    after: str


class _Skip(NamedTuple):
    file: str
    line: int | None
    id: str
    field: str
    problem: str


class _Row(NamedTuple):
    """One record as it was found; `record` is the reason when it could not even be read."""

    file: str
    line: int | None
    record: Mapping[Any, Any] | str


class _Bad(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, problem: str, field: str = "", id: str = "") -> None:  # noqa: A002
        self.problem, self.field, self.id = problem, field, id


def load_articles(
    source: object,
    *,
    columns: Mapping[str, str] | None = None,
    on_error: Literal["skip", "raise"] = "skip",
) -> Articles:
    r"""Read articles from a file, a folder, a feed, a DataFrame or an iterable.

    Parameters
    ----------
    source : path-like, str, DataFrame or iterable
        ``.jsonl``, ``.json`` (a list, or an object that holds one), ``.csv``, ``.tsv``, ``.parquet``; a ``.md``,
        ``.txt`` or saved ``.html`` file, or a folder of them; an RSS or Atom feed as ``.xml``, ``.rss`` or ``.atom``;
        the http(s) address of a feed or a page; a DataFrame; Articles or mappings. Pages and feeds need
        ``retitlekit[web]``.
    columns : mapping, optional
        Our field to the name it has there, and only that name: ``{"title": "hed"}``. Else these are known, the first
        that is filled counts, and case, spaces, hyphens and underscores do not; other fields are left out:

        ============  =============================================================================================
        id            id, guid, uid, article_id
        title         title, headline, name
        body          body, text, content, article, article_body, maintext, full_text, description, summary
        source        source, publisher, site, domain, source_domain; else the host of the url
        url           url, link, href, canonical_url
        published_at  published_at, published, date_published, date, pub_date, publish_date, date_publish,
                      publication_date, datetime, time
        language      language, lang, in_language
        ============  =============================================================================================
    on_error : {"skip", "raise"}
        "skip" leaves out what cannot be an article, warns once and lists it in `Articles.skipped`; "raise" raises one
        error that names every such row.

    Returns
    -------
    Articles
        In the order found. An article without an id gets one from its url, or its title and body, so that it keeps it
        in any order and file; one from a folder has its path there, without the suffix.

    Raises
    ------
    ArticleError
        When nothing can be read, or for ``on_error="raise"`` when anything cannot.

    Notes
    -----
    Mended and listed in `Articles.repairs`: bytes that are not UTF-8, text that was once decoded wrongly, HTML, control
    and invisible characters, white space in titles, line breaks that end paragraphs, Unicode that is not NFC, dates
    that are none, and articles that come twice. Line ends become ``\n`` without a word. Times may stand as ISO 8601 or
    RFC 2822; a zone is never assumed, and a number of seconds is no date.

    Examples
    --------
    >>> articles = rk.load_articles("data/articles.jsonl")
    >>> articles[0].title != "" and len(articles.skipped) == 0
    True
    """
    if on_error not in ("skip", "raise"):
        raise ArticleError(f"on_error={on_error!r}: give 'skip' or 'raise'")
    names = _names(columns)
    wanted = {_key(name): name for name in (columns or {}).values()}
    found: dict[str, tuple[Article, _Row]] = {}
    repairs: list[_Repair] = []
    skipped: list[_Skip] = []
    for row in _rows(source, repairs):
        try:
            if isinstance(row.record, str):
                raise _Bad(row.record)
            for key in wanted and row.record:
                wanted.pop(_key(key), None)
            article, made = _article(row.record, names)
            repairs += [_Repair(row.file, row.line, article.id, *each) for each in made]
            _add(article, row, found, repairs)
        except _Bad as bad:
            skipped.append(_Skip(row.file, row.line, bad.id, bad.field, bad.problem))
    if not found and not skipped:
        raise ArticleError(f"{_named(source)} holds no article")
    if wanted:
        raise ArticleError(f"columns=: no record of {_named(source)} has {', '.join(map(repr, wanted.values()))}")
    told = f"{len(skipped):,} of {len(skipped) + len(found):,} articles "
    if skipped and (on_error == "raise" or not found):
        raise ArticleError(f"{told}cannot be read:\n{_listed(skipped, 10)}")
    notes = [f"{told}skipped (all in .skipped):\n{_listed(skipped, 3)}"] if skipped else []
    doubtful = Counter(repair.what for repair in repairs if repair.what in _DOUBTFUL)
    if doubtful:
        notes.append("look into .repairs: " + ", ".join(f"{n:,} × {what}" for what, n in doubtful.items()))
    if notes:
        warn("\n".join(notes), RetitlekitWarning, stacklevel=2)
    return Articles((article for article, _ in found.values()), repairs, skipped)


# Repairs that guessed or lost something; the rest is housekeeping, and in .repairs only.
_DOUBTFUL = {
    *("not UTF-8, read as Windows-1252", "mojibake", "XML not well-formed"),
    *("duplicate dropped", "no date, dropped", "no text, dropped"),
}


def _names(columns: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    if columns is not None and not isinstance(columns, Mapping):
        raise ArticleError(f"columns= is {type(columns).__name__}; give a mapping such as {{'title': 'hed'}}")
    given = dict(columns or {})
    unknown = sorted(str(name) for name in given.keys() - ALIASES.keys())
    if unknown:
        raise ArticleError(f"columns= has {unknown[0]!r}; an article's fields are {', '.join(ALIASES)}")
    known = {name: (given[name],) if name in given else aliases for name, aliases in ALIASES.items()}
    return {name: tuple(_key(alias) for alias in aliases) for name, aliases in known.items()}


def _key(name: object) -> str:
    return re.sub(r"[\s_-]", "", str(name)).lower()


@lru_cache(1000)
def _keys(names: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(_key(name) for name in names)


def _add(article: Article, row: _Row, found: dict[str, tuple[Article, _Row]], repairs: list[_Repair]) -> None:
    first, place = found.setdefault(article.id, (article, row))
    if first is article:
        return
    if (first.title, first.body) != (article.title, article.body):
        raise _Bad(f"another article has the id {article.id!r}, at {_place(place)}", "id", article.id)
    repairs.append(_Repair(row.file, row.line, article.id, "id", "duplicate dropped", article.title, ""))


def _listed(skipped: list[_Skip], most: int) -> str:
    lines = [f"{_place(s)}: {s.field + ': ' if s.field else ''}{s.problem}" for s in skipped[:most]]
    return "\n".join(lines) + (f"\n… and {len(skipped) - most:,} more" if len(skipped) > most else "")


def _place(row: _Row | _Skip) -> str:
    if row.line is None:
        return row.file
    lined = row.file.lower().endswith((".jsonl", ".ndjson", ".csv", ".tsv", ".md", ".markdown", ".txt"))
    return f"{row.file}:{row.line}" if lined else f"{row.file}, record {row.line}"


def _named(source: object) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else f"the given {type(source).__name__}"


def _table(rows: list[Any], kind: Any) -> pd.DataFrame:
    import pandas as pd

    dtypes = {name: "Int64" if name == "line" else "string" for name in kind._fields}
    return pd.DataFrame(rows, columns=list(kind._fields)).astype(dtypes)


# ---- one record into one article

_Made = list[tuple[str, str, str, str]]  # field, what, before, after


def _article(given: Mapping[Any, Any], names: Mapping[str, tuple[str, ...]]) -> tuple[Article, _Made]:
    record = dict(zip(_keys(tuple(given)), given.values(), strict=True))
    made: _Made = []
    values: dict[str, str] = {}
    for name, known in names.items():
        value = _first(record, known)
        if name == "published_at":
            values[name] = _moment(value, made)
            continue
        text = "" if value is None else _as_text(name, value)
        if text is None and name in ("id", "title", "body"):
            raise _Bad(f"expected text, found {type(value).__name__}", name, values.get("id", ""))
        if text is None:
            made.append((name, "no text, dropped", type(value).__name__, ""))
        values[name] = _mended(name, text or "", made)
    if not values["title"]:
        there = "" if record.keys() & set(names["title"]) else f"; there are {', '.join(map(str, given))}"
        raise _Bad(f"is missing or empty{there:.200}", "title", values["id"])
    if not values["body"]:
        made.append(("body", "empty body", "", ""))
    values["source"] = values["source"] or _host(values["url"])
    values["id"] = values["id"] or _derived_id(values)
    source, url, published_at, language = (values[name] or None for name in list(ALIASES)[3:])
    return Article(values["id"], values["title"], values["body"], source, url, published_at, language), made


def _first(record: Mapping[str, Any], known: Iterable[str]) -> Any:
    for key in known:
        if key in record and not _blank(record[key]):
            return record[key]
    return None


def _blank(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(value, Real) and value != value)


def _as_text(name: str, value: Any) -> str | None:
    """The value as text, or None when it does not stand for one."""
    if isinstance(value, str):
        return value
    value = value.tolist() if hasattr(value, "tolist") else value  # NumPy's scalars and arrays
    if name == "id" and isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with a gap
    if name == "body" and isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return "\n\n".join(value)  # a list of paragraphs
    if name == "source" and isinstance(value, Mapping):
        value = value.get("name")  # {"id": …, "name": …}, as news APIs and schema.org have it
    try:
        return str(value) if isinstance(value, str | Number | UUID) else None
    except ValueError:  # a number of more digits than Python writes
        return None


def _derived_id(values: Mapping[str, str]) -> str:
    text = values["url"] or f"{values['title']}\n{values['body']}"
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _host(url: str) -> str:
    found = re.match(r"(?i)https?://(?:[^/?#@]*@)?([^/?#:@\[\]\\\s]+)", url)
    return found[1].lower() if found else ""


def _is_url(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


def _moment(value: Any, made: _Made) -> str:
    """ISO 8601 with the offset it had; without one the zone stays unknown."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()  # a datetime is a date too
    text = " ".join(str(value).split()) if isinstance(value, str) or hasattr(value, "tolist") else ""
    iso = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", re.sub(r" ?(UTC|GMT)$", "+00:00", text)) if " " in text else text
    readers: tuple[tuple[Callable[[str], date], str], ...] = (
        (date.fromisoformat, text),
        (datetime.fromisoformat, iso),
        (parsedate_to_datetime, text),
    )
    for read, form in readers[len(text) > 10 :]:
        try:
            return read(form).isoformat()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    made.append(("published_at", "no date, dropped", *_around(text or repr(value), "")))
    return ""


# ---- mends

_PLAIN = re.compile("[ \n!-%'-;=-~“”‘’–—…€]*")  # no mend touches these marks but for white space


def _mended(name: str, text: str, made: _Made) -> str:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if _PLAIN.fullmatch(text) and _well_spaced(name, text):  # most texts; else 100,000 articles take thrice as long
        return text.strip()
    for what, where, mend in _MENDS:
        if name in where and (after := mend(text)) != text:
            made.append((name, what, *_around(text, after)))
            text = after
    return text.strip()


def _well_spaced(name: str, text: str) -> bool:
    return "\n" not in text or "\n\n" in text if name == "body" else "\n" not in text and "  " not in text


def _around(before: str, after: str) -> tuple[str, str]:
    """Both texts, or of long ones what stands around the first difference."""
    if len(before) <= 200 and len(after) <= 200:
        return before, after
    same = next(
        (n for n, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    start = max(0, same - 40)
    return before[start : start + 120], after[start : start + 120]


def _whole(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


# Each byte of Windows-1252 as the character it was read as, or the control character where it has none, and back.
_WINDOWS = {byte: bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(128, 160)}
_BYTES = {ord(character): chr(byte) for byte, character in _WINDOWS.items()}
_TAIL = f"[\x80-\xbf{''.join(_WINDOWS.values())}]"
_MISREAD = re.compile(f"[Â-ß]{_TAIL}|[à-ï]{_TAIL}{{2}}|[ð-ô]{_TAIL}{{3}}")
_SHOUTED = re.compile("(?<=[^\\W\\d_a-zß-ÿ])[À-Þ][“”‘’»›…–—™®°]")  # the end of a word in capitals, not mojibake


def _unmisread(text: str) -> str:
    """UTF-8 that was once read as Windows-1252, when the way back is exact, and quotes left as control characters."""
    if text.isascii():
        return text
    if _MISREAD.search(_SHOUTED.sub("", text)):
        try:
            return _unmisread(text.translate(_BYTES).encode("latin-1").decode("utf-8"))
        except UnicodeError:
            pass
    return re.sub("[\x80-\x9f]", lambda match: _WINDOWS[ord(match[0])], text)


_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|[A-Za-z][A-Za-z\d]{1,31});")
_ATTRIBUTES = r"(?:\s+[\w:-]+\s*=[^<>]*)?\s*/?>"
_INLINE = re.compile(r"(?i)</?(?:a|abbr|b|br|cite|em|font|i|mark|q|small|span|strong|sub|sup|u)" + _ATTRIBUTES)
_BLOCK = re.compile(r"(?i)</(?:p|div|li|h[1-6]|ul|ol|article|section|blockquote)\s*>|<br\s*/?>")
_BLOCKS = {"p", "div", "br", "li", "ul", "ol", "tr", "article", "section", "blockquote", "figure", "figcaption"}


def _entities(text: str) -> str:
    """Entities as characters, those that were escaped twice or thrice too; "AT&T;" is none."""

    def character(match: re.Match[str]) -> str:
        entity = match[0]
        return html.unescape(entity) if entity[1] == "#" else html.entities.html5.get(entity[1:], entity)

    for _ in range(3):
        if "&" not in text:
            break
        text = _ENTITY.sub(character, text)
    return text


def _title_text(text: str) -> str:
    text = text if "<" in text else _entities(text)  # markup may have been escaped as a whole
    return _entities(_INLINE.sub(lambda tag: " " if "br" in tag[0].lower() else "", text)) if "<" in text else text


def _body_text(text: str) -> str:
    text = text if "<" in text else _entities(text)
    return _paragraphs(text) if "<" in text and _BLOCK.search(text) else _entities(text)


def _paragraphs(markup: str) -> str:
    """HTML as paragraphs of text. It splits instead of matching pairs: hostile markup costs no more than any other."""
    first, *rest = markup.split("<!--")
    kept, hidden = [], False
    for number, part in enumerate(re.split(r"(<[^<>]*>)", first + "".join(each.partition("-->")[2] for each in rest))):
        tag = re.match(r"</?([A-Za-z][A-Za-z\d]*)", part) if number % 2 else None
        if tag and tag[1].lower() in ("script", "style"):
            hidden = not part.startswith("</")
        elif tag and (tag[1].lower() in _BLOCKS or re.fullmatch("[hH][1-6]", tag[1])):
            kept.append("\n\n")
        elif not tag and not hidden:
            kept.append(part if number % 2 else _entities(part))
    parts = (re.sub(r"[ \t\n]+", " ", part).strip() for part in "".join(kept).split("\n\n"))
    return "\n\n".join(part for part in parts if part)


_UNSEEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\u2060\ufeff\ufffe\uffff]")
_SEEN_AS = {"\x0b": " ", "\x0c": " ", "\u2028": "\n", "\u2029": "\n\n"}


def _seen(text: str) -> str:
    return _UNSEEN.sub(lambda match: _SEEN_AS.get(match[0], ""), text)


def _one_line(text: str) -> str:
    return re.sub(r"\s*[\n\t]\s*|\s{2,}", " ", text.strip()) if "\n" in text or re.search(r"\t|\s\s", text) else text


def _spaced(text: str) -> str:
    """Blank lines between paragraphs, where each line but the last ends as a sentence does and none is blank."""
    *lines, last = [line.strip() for line in text.strip().split("\n")]
    ends = all(re.search(r"[.!?…:。！？][\"'”’»«“)\]]*$", line[-10:]) for line in lines)
    return "\n\n".join([*lines, last]) if lines and last and ends else text


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_MENDS: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
    ("broken surrogate", tuple(ALIASES), _whole),
    ("mojibake", ("title", "body", "source"), _unmisread),
    ("HTML", ("title",), _title_text),
    ("HTML", ("body",), _body_text),
    ("HTML", ("source", "url"), _entities),
    ("control character", tuple(ALIASES), _seen),
    ("white space", ("id", "title", "source", "url", "language"), _one_line),
    ("paragraphs by single line breaks", ("body",), _spaced),
    ("Unicode form", ("title", "body", "source"), _composed),
)


# ---- where rows come from


def _rows(source: object, repairs: list[_Repair]) -> Iterator[_Row]:
    pandas = sys.modules.get("pandas")
    if isinstance(source, str) and _is_url(source):
        return _url_rows(source, repairs)
    if isinstance(source, str | os.PathLike):
        return _path_rows(Path(os.path.expanduser(os.fsdecode(source))), repairs)  # noqa: PTH111 - Path's own may raise
    if pandas is not None and isinstance(source, pandas.DataFrame):
        return _frame_rows(source)
    if isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | Mapping):
        return _given_rows(source)
    raise ArticleError(
        f"articles come from a path, an address, a DataFrame or a list of articles, not from {type(source).__name__}"
    )


def _path_rows(path: Path, repairs: list[_Repair]) -> Iterator[_Row]:
    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            files = sorted(each for each in path.rglob("*") if _belongs(each, path))
            if not files:
                raise ArticleError(f"{path} holds no {', '.join(_ONE)} file")
            for each in files:
                yield _file_row(each, each.relative_to(path).with_suffix("").as_posix(), repairs)
        elif not path.exists():
            raise ArticleError(f"there is no {path}")
        elif suffix not in _ONE | _MANY or not path.is_file():
            raise ArticleError(f"{path}: articles are read from {', '.join(_MANY | _ONE)}, a folder or an address")
        elif suffix in _ONE:
            yield _file_row(path, path.stem, repairs)
        else:
            yield from _MANY[suffix](path, repairs)
    except OSError as problem:
        raise ArticleError(f"{path!s:.200} cannot be read: {problem.strerror}") from problem


def _belongs(each: Path, folder: Path) -> bool:
    """Whether it is an article's file: not hidden, and no link that leads out of the folder."""
    hidden = any(part.startswith(".") for part in each.relative_to(folder).parts)
    return (
        not hidden
        and each.suffix.lower() in _ONE
        and each.is_file()
        and each.resolve().is_relative_to(folder.resolve())
    )


def _file_row(path: Path, name: str, repairs: list[_Repair]) -> _Row:
    """The row of a file that holds one article; `name` is its id when it gives none."""
    try:
        record = _ONE[path.suffix.lower()](_bytes(path), str(path), repairs)
    except OSError as problem:
        return _Row(str(path), None, f"cannot be read: {problem.strerror}")
    except _Bad as bad:
        return _Row(str(path), None, bad.problem)
    return _Row(str(path), None, _filled(record, id=name))


def _filled(record: Mapping[Any, Any], **values: Any) -> dict[str, Any]:
    """The record with these values for the fields that it does not have under any name."""
    filled = {_key(key): value for key, value in record.items()}
    for name, value in values.items():
        if all(_blank(filled.get(_key(alias))) for alias in ALIASES[name]):
            filled[name] = value
    return filled


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise _Bad(f"is larger than {_LARGEST // 1_000_000} MB")
    return raw


def _text(raw: bytes, place: str, repairs: list[_Repair], line: int | None = None) -> str:
    """Bytes as text. UTF-8, else UTF-16 by its mark, else those lines that are no UTF-8 as Windows-1252."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        repairs.append(_Repair(place, line, "", "", "not UTF-8, read as UTF-16", "", ""))
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        lines = raw.splitlines(keepends=True)
        if len(lines) > 1:
            return "".join(_text(each, place, repairs, number) for number, each in enumerate(lines, 1))
        text = raw.decode("cp1252", "replace")
        around = text[max(0, problem.start - 40) : problem.start + 40].strip()
        repairs.append(_Repair(place, line, "", "", "not UTF-8, read as Windows-1252", "", around))
        return text


def _jsonl_rows(path: Path, repairs: list[_Repair]) -> Iterator[_Row]:
    with path.open("rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
        file.seek(0)
        lines = _text(file.read(), str(path), repairs).encode("utf-8", "replace").split(b"\n") if wide else file
        for number, raw in enumerate(lines, 1):
            line = _text(raw, str(path), repairs, number).strip()
            if line:
                yield _Row(str(path), number, _record(line))


def _record(line: str) -> Mapping[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        return f"not JSON ({problem})"
    return record if isinstance(record, dict) else f"expected an object, found {type(record).__name__}"


def _json_rows(path: Path, repairs: list[_Repair]) -> Iterator[_Row]:
    text = _text(path.read_bytes(), str(path), repairs)
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as problem:
        hint = "; one object a line is .jsonl" if "Extra data" in str(problem) else ""
        raise ArticleError(f"{path} is not JSON: {problem}{hint}") from problem
    if isinstance(listed, dict):
        lists = [value for value in listed.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        listed = lists[0] if len(lists) == 1 else listed
    if not isinstance(listed, list):
        raise ArticleError(f"{path}: expected a list of articles, found {type(listed).__name__}")
    for number, each in enumerate(listed, 1):
        yield _Row(str(path), number, each if isinstance(each, dict) else f"{type(each).__name__} is no article")


def _csv_rows(path: Path, repairs: list[_Repair]) -> Iterator[_Row]:
    lines = list(io.StringIO(_text(path.read_bytes(), str(path), repairs), newline=""))
    tabs = path.suffix.lower() == ".tsv"
    delimiter = "\t" if tabs else max(",;\t|", key=lambda mark: lines[0].count(mark) if lines else 0)
    records: list[tuple[int, list[str]]] = []
    limit = csv.field_size_limit(max(csv.field_size_limit(), sum(map(len, lines))))
    try:
        reader, begins = csv.reader(lines, delimiter=delimiter), 1
        for values in reader:
            records += [(begins, values)] if values else []
            begins = reader.line_num + 1
    except csv.Error as problem:
        raise ArticleError(f"{path}:{begins}: not CSV ({problem})") from problem
    finally:
        csv.field_size_limit(limit)  # it is the whole process's
    _, header = records.pop(0) if records else (1, [])
    for begins, values in records:
        record: Mapping[str, str] | str = dict(zip(header, values, strict=False))
        if len(values) < len(header) or any(values[len(header) :]):
            record = f"has {len(values)} fields, the header has {len(header)}"
        elif begins == records[-1][0] < len(lines) and "".join(lines[begins - 1 :]).count('"') % 2:
            record = "a quote that opens here is never closed"
        yield _Row(str(path), begins, record)


def _parquet_rows(path: Path, repairs: list[_Repair]) -> Iterator[_Row]:  # noqa: ARG001 - nothing to repair
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file: Any = pq.ParquetFile(path)  # type: ignore[no-untyped-call]
        records = [each for batch in file.iter_batches() for each in batch.to_pylist()]
    except (pa.lib.ArrowException, OSError, ValueError, OverflowError) as problem:
        raise ArticleError(f"{path} is not a Parquet file that can be read: {problem}") from problem
    for number, record in enumerate(records, 1):
        yield _Row(str(path), number, record)


def _frame_rows(frame: pd.DataFrame) -> Iterator[_Row]:
    levels = [None if name is None else str(name) for name in frame.index.names]
    columns = [str(name) for name in frame.columns]
    for number, (index, values) in enumerate(
        zip(frame.index, frame.itertuples(index=False, name=None), strict=True), 1
    ):
        named = zip(levels, index if len(levels) > 1 else (index,), strict=True)
        record = {name: value for name, value in named if name is not None}
        yield _Row("DataFrame", number, record | dict(zip(columns, values, strict=True)))


def _given_rows(given: Iterable[Any]) -> Iterator[_Row]:
    for number, each in enumerate(given, 1):
        if isinstance(each, Article):
            each = {name: getattr(each, name) for name in ALIASES}
        record = each if isinstance(each, Mapping) else f"{type(each).__name__} is no article"
        yield _Row(type(given).__name__, number, record)


def _text_record(raw: bytes, place: str, repairs: list[_Repair]) -> dict[str, Any]:
    """A Markdown or text file: YAML front matter, a `# title` (without front matter a first line will do), the body."""
    import yaml

    text = _text(raw, place, repairs).replace("\r\n", "\n").strip()
    if not text:
        raise _Bad("is empty")
    front, record = re.match(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|$)", text, re.DOTALL), dict[str, Any]()
    if front:
        try:
            # Only text, lists and mappings: "no" is Norwegian and "007" an id, not False and 7.
            found = yaml.load(front[1] or "{}", Loader=yaml.BaseLoader)  # noqa: S506 - safer than the safe one
        except (yaml.YAMLError, ValueError, RecursionError) as problem:
            raise _Bad(f"its front matter is not YAML ({problem})") from problem
        if not isinstance(found, dict):
            raise _Bad("its front matter must be `key: value` lines")
        record = {key: None if value in ("~", "null") else value for key, value in found.items()}
        text = text[front.end() :].strip()
    elif re.match(r"---[ \t]*\n", text):
        raise _Bad("its front matter has no closing ---")
    heading = re.search(r"^#[ \t]+(\S.*?)[ \t]*#*$|\A(\S.*)\n=+$", text, re.MULTILINE)
    first, _, rest = text.partition("\n")
    filled = _filled(record, title=heading and (heading[1] or heading[2]))
    title = next((filled.get(_key(alias)) for alias in ALIASES["title"] if filled.get(_key(alias))), None)
    if heading and title == (heading[1] or heading[2]):
        text = text[: heading.start()] + text[heading.end() :]
    elif not front and len(first) <= 300:
        filled["title"], text = first, rest
    return {**filled, "body": text.strip()} if text.strip() else filled


def _page_record(raw: bytes, place: str, repairs: list[_Repair]) -> dict[str, Any]:
    trafilatura = _extra("trafilatura")
    families = rb"(?:windows|iso|shift|euc|gb|big5|koi8|macintosh)"
    declared = re.search(rb"(?i)<meta[^>]{0,200}charset=[\"']?(" + families + rb"[\w-]{0,40})", raw[:5000])
    try:
        text = raw.decode(declared[1].decode() if declared and not _is_utf8(raw) else "utf-8-sig")
    except (UnicodeError, LookupError):
        text = _text(raw, place, repairs)
    found = trafilatura.bare_extraction(text, with_metadata=True, include_comments=False) if text.strip() else None
    if found is None:
        raise _Bad("no article is to be found in this page")
    page, head = found.as_dict(), text[:20_000]
    language = re.search(r"(?i)<html[^>]{0,300}\blang=[\"']?([\w-]+)", head)
    moment = re.search(r"(?i)<meta[^>]{0,300}article:published_time[^>]{0,300}>", head)
    moment = moment and re.search(r"(?i)content=[\"']([^\"']+)", moment[0])
    paragraphs = (page["text"] or "").split("\n")  # trafilatura ends each by one line end
    if paragraphs[0].strip() == (page["title"] or "").strip():
        del paragraphs[0]
    return {
        "title": page["title"],
        "url": page["url"],
        "source": page["hostname"],
        "published_at": moment[1] if moment else page["date"],
        "language": page["language"] or (language and language[1]),
        "body": "\n\n".join(paragraphs),
    }


def _is_utf8(raw: bytes) -> bool:
    try:
        return not raw.decode("utf-8").isascii()  # ISO-2022-JP is ASCII
    except UnicodeDecodeError:
        return False


def _feed_file_rows(path: Path, repairs: list[_Repair]) -> Iterator[_Row]:
    try:
        return _feed_rows(_bytes(path), str(path), repairs)
    except _Bad as bad:
        raise ArticleError(f"{path} {bad.problem}") from bad


def _feed_rows(raw: bytes, name: str, repairs: list[_Repair]) -> Iterator[_Row]:
    # As a stream: feedparser takes bytes for a file's name first. The base is for relative links.
    base = {"content-location": name} if _is_url(name) else {}
    feed = _extra("feedparser").parse(io.BytesIO(raw), response_headers={"content-type": "application/xml", **base})
    problem = feed.get("bozo_exception")
    if not feed.entries:
        raise ArticleError(f"{name} is no RSS or Atom feed with entries{f' ({problem})' if problem else ''}")
    if type(problem).__name__ == "SAXParseException":
        repairs.append(_Repair(name, None, "", "", "XML not well-formed", str(problem), ""))
    for number, entry in enumerate(feed.entries, 1):
        content = entry.get("content") or [{"value": entry.get("summary", "")}]
        record = {ours: entry.get(theirs) for ours, theirs in (("id", "id"), ("title", "title"), ("url", "link"))}
        record |= {"published_at": entry.get("published") or entry.get("updated"), "body": content[0].get("value")}
        record |= {"source": (entry.get("source") or {}).get("title"), "language": feed.feed.get("language")}
        record["body"] = _paragraphs(record["body"] or "")
        yield _Row(name, number, record)


def _url_rows(url: str, repairs: list[_Repair]) -> Iterator[_Row]:
    raw = _fetched(url)
    root = re.search(rb"(?i)<(rss|feed|rdf:rdf|html)\b", raw[:5000])
    if not root or root[1].lower() != b"html":
        yield from _feed_rows(raw, url, repairs)
        return
    try:
        yield _Row(url, None, _filled(_page_record(raw, url, repairs), url=url))
    except _Bad as bad:
        yield _Row(url, None, bad.problem)


def _fetched(url: str) -> bytes:
    import http.client
    import urllib.request

    raw, ends = b"", time.monotonic() + _LONGEST_FETCH
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
    return raw


def _extra(library: str) -> Any:
    try:
        return importlib.import_module(library)
    except ImportError as problem:
        raise ArticleError(f"this needs {library} ({problem}): pip install 'retitlekit[web]'") from problem


_MANY: dict[str, Callable[[Path, list[_Repair]], Iterator[_Row]]] = {
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".json": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
    ".xml": _feed_file_rows,
    ".rss": _feed_file_rows,
    ".atom": _feed_file_rows,
}
_ONE: dict[str, Callable[[bytes, str, list[_Repair]], dict[str, Any]]] = {
    ".md": _text_record,
    ".markdown": _text_record,
    ".txt": _text_record,
    ".html": _page_record,
    ".htm": _page_record,
}
