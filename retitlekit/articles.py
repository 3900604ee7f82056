"""Articles: what is retitled, read from whatever people keep their articles in.

Reading repairs what it safely can and says so; a row that cannot be an article is skipped and listed, and never takes
the others with it.
"""

from __future__ import annotations

import csv
import html
import io
import json
import os
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple
from urllib.parse import urlsplit
from warnings import warn

from retitlekit.errors import ArticleError, RetitlekitWarning
from retitlekit.html import table

if TYPE_CHECKING:
    import pandas as pd

# What other people call our fields, in order of preference.
ALIASES = {
    "id": ("id", "guid", "article_id", "uid"),
    "title": ("title", "headline", "name"),
    "body": ("body", "text", "content", "article", "maintext", "description", "summary"),
    "source": ("source", "publisher", "site", "domain", "source_domain"),
    "url": ("url", "link", "href", "canonical_url"),
    "published_at": ("published_at", "published", "date", "pubdate", "publish_date", "datetime", "time"),
    "language": ("language", "lang"),
}
_LARGEST_FEED = 50_000_000  # bytes
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), 127, 65279)) | {0x2028: "\n", 0x2029: "\n\n"}
_FOLDER_SUFFIXES = (".md", ".markdown", ".txt", ".html", ".htm")


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
        for each in fields(self):
            value = getattr(self, each.name)
            if not isinstance(value, str) and (value is not None or each.name in ("id", "title", "body")):
                raise ArticleError(f"article {self.id!r}: {each.name} is {type(value).__name__}, not text")
        for name in ("id", "title"):
            if not getattr(self, name).strip():
                raise ArticleError(f"article {self.id!r}: its {name} is empty")

    @property
    def lead(self) -> str:
        """The first paragraph of the body."""
        return next((part.strip() for part in re.split(r"\n\s*\n", self.body) if part.strip()), "")


class Articles(list[Article]):
    """A list of articles that remembers how it was read.

    Attributes
    ----------
    repairs : pandas.DataFrame
        What was changed: `file`, `line`, `id`, `field`, `what`, `before`, `after`.
    skipped : pandas.DataFrame
        What could not be read: `file`, `line`, `id`, `field`, `problem`.
    """

    def __init__(self, articles: Iterable[Article], repairs: list[_Repair], skipped: list[_Skip]) -> None:
        super().__init__(articles)
        self._repairs, self._skipped = repairs, skipped

    @property
    def repairs(self) -> pd.DataFrame:  # noqa: D102 - told in the class
        return _table(self._repairs, _Repair)

    @property
    def skipped(self) -> pd.DataFrame:  # noqa: D102
        return _table(self._skipped, _Skip)

    def to_frame(self) -> pd.DataFrame:
        """One row per article, one text column per field."""
        import pandas as pd

        names = [each.name for each in fields(Article)]
        return pd.DataFrame([[getattr(a, name) for name in names] for a in self], columns=names).astype("string")

    def __repr__(self) -> str:
        return f"<{len(self)} articles, {len(self._repairs)} repairs, {len(self._skipped)} skipped>"

    def _repr_html_(self) -> str:
        told = f"{len(self)} articles, {len(self._repairs)} repairs, {len(self._skipped)} skipped"
        rows = [
            (a.id, a.title, f"{len(a.body.split()):,}", a.source or "", a.published_at or "", a.language or "")
            for a in self[:10]
        ]
        columns = ("id", "title", "words", "source", "published", "language")
        caption = f"{told}; the first {len(rows)}:" if len(self) > len(rows) else told
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
    record: Mapping[str, Any] | str
    encoding: str | None = None  # the one that had to be guessed


def load_articles(
    source: object,
    *,
    columns: Mapping[str, str] | None = None,
    on_error: Literal["skip", "raise"] = "skip",
) -> Articles:
    """Read articles from a file, a folder, a feed, a DataFrame or an iterable.

    Parameters
    ----------
    source : path-like, str, DataFrame or iterable
        ``.jsonl``, ``.json`` (a list), ``.csv``, ``.tsv``, ``.parquet``; a folder of ``.md``, ``.txt`` or ``.html``
        files with front matter or not, or one of them; an RSS or Atom feed as ``.xml``, ``.rss``, ``.atom`` or as an
        http(s) address; a DataFrame; Articles or mappings. Web pages and feeds need ``retitlekit[web]``.
    columns : mapping, optional
        Our field to the name it has there, ``{"title": "hed"}``; the usual names (`ALIASES`) are known. Other fields
        are left out.
    on_error : {"skip", "raise"}
        "skip" leaves out what cannot be an article, warns once and lists it in `Articles.skipped`; "raise" raises one
        error that names every such row.

    Returns
    -------
    Articles
        In the order found. An article without an id gets one from its url, or its title and body, so that it keeps it
        in any order and file.

    Raises
    ------
    ArticleError
        When nothing can be read, or for ``on_error="raise"`` when anything cannot.

    Examples
    --------
    >>> articles = rk.load_articles("data/articles.jsonl")
    >>> articles[0].title != "" and len(articles.skipped) == 0
    True
    """
    if on_error not in ("skip", "raise"):
        raise ArticleError(f"on_error={on_error!r}: give 'skip' or 'raise'")
    unknown = sorted(set(columns or {}) - set(ALIASES))
    if unknown:
        raise ArticleError(f"columns= has {unknown[0]!r}; an article's fields are {', '.join(ALIASES)}")
    names = {name: ((columns or {}).get(name), *known) for name, known in ALIASES.items()}
    found: dict[str, tuple[Article, _Row]] = {}
    repairs: list[_Repair] = []
    skipped: list[_Skip] = []
    guessed: set[str] = set()
    for row in _rows(source):
        if row.encoding and row.file not in guessed:
            guessed.add(row.file)
            repairs.append(_Repair(row.file, None, "", "", f"not UTF-8, read as {row.encoding}", "", ""))
        try:
            article = _article(row, names, repairs)
            _add(article, row, found, repairs)
        except _Bad as bad:
            skipped.append(_Skip(row.file, row.line, bad.id, bad.field, bad.problem))
    if skipped and (on_error == "raise" or not found):
        raise ArticleError(_listed(skipped, 10))
    if not found:
        raise ArticleError(f"{_named(source)} holds no article")
    if skipped:
        told = (
            f"{len(skipped)} of {len(skipped) + len(found)} articles skipped (all in .skipped):\n{_listed(skipped, 3)}"
        )
        warn(told, RetitlekitWarning, stacklevel=2)
    return Articles((article for article, _ in found.values()), repairs, skipped)


class _Bad(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, problem: str, field: str = "", id: str = "") -> None:  # noqa: A002
        self.problem, self.field, self.id = problem, field, id


def _add(article: Article, row: _Row, found: dict[str, tuple[Article, _Row]], repairs: list[_Repair]) -> None:
    if article.id not in found:
        found[article.id] = article, row
        return
    first, place = found[article.id]
    if first != article:
        raise _Bad(f"another article has this id (at {_place(place)})", "id", article.id)
    repairs.append(_Repair(row.file, row.line, article.id, "id", "duplicate dropped", article.title, ""))


def _listed(skipped: list[_Skip], most: int) -> str:
    lines = [f"{_place(s)}: {s.field + ': ' if s.field else ''}{s.problem}" for s in skipped[:most]]
    return "\n".join(lines) + (f"\n… and {len(skipped) - most} more" if len(skipped) > most else "")


def _place(row: _Row | _Skip) -> str:
    return row.file if row.line is None else f"{row.file}:{row.line}"


def _named(source: object) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else f"the given {type(source).__name__}"


def _table(rows: list[Any], kind: Any) -> pd.DataFrame:
    import pandas as pd

    dtypes = {name: "Int64" if name == "line" else "string" for name in kind._fields}
    return pd.DataFrame(rows, columns=list(kind._fields)).astype(dtypes)


# ---- one record into one article


def _article(row: _Row, names: Mapping[str, tuple[str | None, ...]], repairs: list[_Repair]) -> Article:
    if isinstance(row.record, str):
        raise _Bad(row.record)
    lower = {str(key).lower(): value for key, value in row.record.items()}
    given = {name: _first(lower, known) for name, known in names.items()}
    made: list[tuple[str, str, str, str]] = []

    def text(name: str) -> str:
        value = given[name]
        if isinstance(value, list | dict | set | tuple):
            raise _Bad(f"expected text, found {type(value).__name__}", name, str(given["id"] or ""))
        cleaned = str(value if value is not None else "")
        for what, mend in _MENDS:
            if what == "line break" and name == "body":
                continue
            if what == "HTML entity" and name not in ("title", "source"):
                continue
            before, cleaned = cleaned, mend(cleaned)
            if before != cleaned:
                made.append((name, what, before, cleaned))
        return cleaned.strip()

    values = {name: text(name) for name in ALIASES if name != "published_at"}
    values["published_at"] = _moment(given["published_at"], made)
    if not values["title"]:
        raise _Bad("is missing or empty", "title", values["id"])
    if not values["body"]:
        made.append(("body", "empty body", "", ""))
    values["source"] = (
        values["source"] or urlsplit(values["url"]).hostname or "" if _is_url(values["url"]) else values["source"]
    )
    values["id"] = values["id"] or _derived_id(values)
    repairs += [_Repair(row.file, row.line, values["id"], *each) for each in made]
    return Article(values["id"], values["title"], values["body"], *(values[n] or None for n in list(ALIASES)[3:]))


def _first(record: Mapping[str, Any], known: Iterable[str | None]) -> Any:
    for name in known:
        value = record.get(name.lower()) if name else None
        if not _blank(value):
            return value
    return None


def _blank(value: Any) -> bool:
    if value is None or (isinstance(value, str) and not value.strip()):
        return True
    return type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and value != value)


def _derived_id(values: Mapping[str, str]) -> str:
    text = values["url"] or f"{values['title']}\n{values['body']}"
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _is_url(text: str) -> bool:
    return text.startswith(("http://", "https://"))


def _decoded(text: str) -> str:
    """HTML entities as characters, those that were escaped twice too."""
    for _ in range(2):
        if not re.search(r"&(#\d+|#x[0-9a-fA-F]+|[A-Za-z]\w+);", text):
            break
        text = html.unescape(text)
    return text


def _unmojibaked(text: str) -> str:
    """UTF-8 that was once read as Windows-1252, when the way back is exact."""
    if not re.search("[ÂÃâ][\x80-\xbf€‚ƒ„…†‡ˆ‰Š‹ŒŽ‘’“”•–—˜™š›œžŸ¡-¿]", text):
        return text
    try:
        return text.encode("cp1252").decode("utf-8")
    except UnicodeError:
        return text


_MENDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("broken surrogate", lambda text: text.encode("utf-8", "replace").decode("utf-8")),
    ("line ends", lambda text: text.replace("\r\n", "\n").replace("\r", "\n")),
    ("control character", lambda text: text.translate(_CONTROLS)),
    ("mojibake", _unmojibaked),
    ("HTML entity", _decoded),
    ("line break", lambda text: re.sub(r"\s+", " ", text)),
    ("Unicode form", lambda text: unicodedata.normalize("NFC", text)),
)


def _moment(value: Any, made: list[tuple[str, str, str, str]]) -> str:
    """ISO 8601 with the offset it had; without one the zone stays unknown."""
    if _blank(value):
        return ""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    text = str(value).strip()
    if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
        parse: tuple[Callable[[str], Any], ...] = (date.fromisoformat,)
    else:
        parse = (datetime.fromisoformat, parsedate_to_datetime)
    for read in parse:
        try:
            return str(read(text).isoformat()) if not text.isdigit() else _dropped(text, made)
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return _dropped(text, made)


def _dropped(text: str, made: list[tuple[str, str, str, str]]) -> str:
    made.append(("published_at", "no date, dropped", text, ""))
    return ""


# ---- where rows come from


def _rows(source: object) -> Iterator[_Row]:
    if isinstance(source, str) and _is_url(source):
        return _feed_rows(_fetched(source), source)
    if isinstance(source, str | os.PathLike):
        return _path_rows(Path(source))
    if type(source).__name__ == "DataFrame":
        return _frame_rows(source, "DataFrame")
    if isinstance(source, Iterable) and not isinstance(source, bytes | Mapping):
        return _given_rows(source)
    raise ArticleError(
        f"articles come from a path, an address, a DataFrame or a list, not from {type(source).__name__}"
    )


def _path_rows(path: Path) -> Iterator[_Row]:
    if path.is_dir():
        files = sorted(each for each in path.rglob("*") if each.suffix.lower() in _FOLDER_SUFFIXES)
        files = [each for each in files if not any(part.startswith(".") for part in each.relative_to(path).parts)]
        if not files:
            raise ArticleError(f"{path} holds no {', '.join(_FOLDER_SUFFIXES)} file")
        for each in files:
            try:
                yield from _READERS[each.suffix.lower()](each)
            except ArticleError as problem:
                yield _Row(str(each), None, str(problem))
        return
    reader = _READERS.get(path.suffix.lower())
    if not path.exists():
        raise ArticleError(f"there is no {path}")
    if reader is None:
        raise ArticleError(f"{path}: articles are read from {', '.join(_READERS)}, or a folder")
    yield from reader(path)


def _read(path: Path) -> tuple[str, str | None]:
    """The text of a file, and the encoding that had to be guessed."""
    try:
        raw = path.read_bytes()
    except OSError as problem:
        raise ArticleError(f"{path} cannot be read: {problem.strerror}") from problem
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        return raw.decode("utf-16", "replace"), "UTF-16"
    try:
        return raw.decode("utf-8-sig"), None
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace"), "Windows-1252"


def _jsonl_rows(path: Path) -> Iterator[_Row]:
    text, encoding = _read(path)
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield _Row(str(path), number, _record(line), encoding)


def _record(line: str) -> Mapping[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        return f"not JSON ({problem})"
    return record if isinstance(record, dict) else f"expected an object, found {type(record).__name__}"


def _json_rows(path: Path) -> Iterator[_Row]:
    text, encoding = _read(path)
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise ArticleError(f"{path} is not JSON: {problem}") from problem
    if not isinstance(listed, list):
        raise ArticleError(f"{path}: expected a list of articles, found {type(listed).__name__}")
    for each in listed:
        yield _Row(str(path), None, each if isinstance(each, dict) else "expected an object", encoding)


def _csv_rows(path: Path) -> Iterator[_Row]:
    text, encoding = _read(path)
    csv.field_size_limit(2**31 - 1)
    reader = csv.DictReader(
        io.StringIO(text.replace("\0", ""), newline=""), delimiter="\t" if path.suffix == ".tsv" else ","
    )
    line = 1
    try:
        for record in reader:
            begins, line = line + 1, reader.line_num
            extra = None in record or None in record.values()
            found = "has another number of fields than the header" if extra else record
            yield _Row(str(path), begins, found, encoding)
    except csv.Error as problem:
        raise ArticleError(f"{path}:{reader.line_num}: not CSV ({problem})") from problem


def _parquet_rows(path: Path) -> Iterator[_Row]:
    import pandas as pd
    import pyarrow as pa

    try:
        frame = pd.read_parquet(path)
    except (pa.lib.ArrowException, OSError) as problem:
        raise ArticleError(f"{path} is not a Parquet file that can be read: {problem}") from problem
    return _frame_rows(frame, str(path))


def _frame_rows(frame: Any, name: str) -> Iterator[_Row]:
    for index, record in enumerate(frame.to_dict("records")):
        yield _Row(f"{name} row {index}", None, {str(key): value for key, value in record.items()})


def _given_rows(given: Iterable[Any]) -> Iterator[_Row]:
    for index, each in enumerate(given):
        if isinstance(each, Article):
            each = {name: getattr(each, name) for name in ALIASES}
        yield _Row(f"item {index}", None, each if isinstance(each, Mapping) else f"{type(each).__name__} is no article")


def _text_rows(path: Path) -> Iterator[_Row]:
    """A Markdown or text file: YAML front matter, then a `# title` or a first line, then the body."""
    import yaml

    text, encoding = _read(path)
    place, record = str(path), dict[str, Any]()
    match = re.match(r"---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)", text, re.DOTALL)
    if match:
        try:
            front = yaml.safe_load(match[1])
        except (yaml.YAMLError, ValueError, RecursionError) as problem:
            yield _Row(place, 1, f"its front matter is not YAML ({problem})")
            return
        if not isinstance(front, dict | None):
            yield _Row(place, 1, "its front matter must be `key: value` lines")
            return
        record, text = {str(key): value for key, value in (front or {}).items()}, text[match.end() :]
    text = text.strip()
    heading = re.match(r"#[ \t]+(.+?)[ \t]*#*(?:\r?\n|$)", text)
    if heading or not any(record.get(name) for name in ALIASES["title"]):
        first, _, rest = text.partition("\n")
        record.setdefault("title", heading[1] if heading else first)
        text = rest
    yield _Row(place, 1, {"id": path.stem, **record, "body": text.strip()}, encoding)


def _page_rows(path: Path) -> Iterator[_Row]:
    trafilatura = _extra("trafilatura")
    text, encoding = _read(path)
    found = trafilatura.bare_extraction(text, with_metadata=True, include_comments=False) if text.strip() else None
    if found is None:
        yield _Row(str(path), None, "no article is to be found in this page")
        return
    page = found.as_dict()
    record = {"id": path.stem, "title": page["title"], "url": page["url"], "source": page["hostname"]}
    language = re.search(r"<html[^>]*\blang=[\"']?([\w-]+)", text[:5000], re.IGNORECASE)
    record |= {"published_at": page["date"], "language": page["language"] or (language and language[1])}
    paragraphs = (page["text"] or "").split("\n")  # trafilatura ends each by one line end
    if paragraphs[0].strip() == (page["title"] or "").strip():
        del paragraphs[0]
    yield _Row(str(path), None, {**record, "body": "\n\n".join(paragraphs)}, encoding)


def _feed_file_rows(path: Path) -> Iterator[_Row]:
    try:
        return _feed_rows(path.read_bytes(), str(path))
    except OSError as problem:
        raise ArticleError(f"{path} cannot be read: {problem.strerror}") from problem


def _feed_rows(raw: bytes, name: str) -> Iterator[_Row]:
    feed = _extra("feedparser").parse(raw)
    if not feed.entries:
        reason = f" ({feed.bozo_exception})" if feed.get("bozo") else ""
        raise ArticleError(f"{name} is no RSS or Atom feed with entries{reason}")
    for number, entry in enumerate(feed.entries, 1):
        content = entry.get("content") or [{"value": entry.get("summary", "")}]
        record = {name: entry.get(key) for name, key in (("id", "id"), ("title", "title"), ("url", "link"))}
        record |= {"published_at": entry.get("published") or entry.get("updated"), "body": _plain(content[0]["value"])}
        yield _Row(f"{name} entry {number}", None, {**record, "language": feed.feed.get("language")})


def _plain(markup: str) -> str:
    """A feed's HTML as paragraphs of text."""
    text = re.sub(r"(?i)<(script|style)\b.*?</\1>|<!--.*?-->", " ", markup, flags=re.DOTALL)
    text = re.sub(r"(?i)</?(p|div|br|li|h\d|blockquote)\b[^>]*>", "\n\n", text)
    text = html.unescape(re.sub(r"<[^>]{1,2000}>", "", text))
    return "\n\n".join(part for part in (" ".join(p.split()) for p in text.split("\n\n")) if part)


def _fetched(url: str) -> bytes:
    import urllib.error
    import urllib.request

    request = urllib.request.Request(url, headers={"User-Agent": "retitlekit"})  # noqa: S310 - http(s) only
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            raw: bytes = answer.read(_LARGEST_FEED + 1)
    except (OSError, ValueError, urllib.error.URLError) as problem:
        raise ArticleError(f"{url} cannot be fetched: {problem}") from problem
    if len(raw) > _LARGEST_FEED:
        raise ArticleError(f"{url} is larger than {_LARGEST_FEED // 1_000_000} MB; save a part of it to a file")
    return raw


def _extra(library: str) -> Any:
    try:
        return __import__(library)
    except ImportError as problem:
        raise ArticleError(f"this needs {library} ({problem}): pip install 'retitlekit[web]'") from problem


_READERS: dict[str, Callable[[Path], Iterator[_Row]]] = {
    ".jsonl": _jsonl_rows,
    ".ndjson": _jsonl_rows,
    ".json": _json_rows,
    ".csv": _csv_rows,
    ".tsv": _csv_rows,
    ".parquet": _parquet_rows,
    ".md": _text_rows,
    ".markdown": _text_rows,
    ".txt": _text_rows,
    ".html": _page_rows,
    ".htm": _page_rows,
    ".xml": _feed_file_rows,
    ".rss": _feed_file_rows,
    ".atom": _feed_file_rows,
}
