"""Records: what stands in a file for one article, and how it becomes an article's fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from hashlib import blake2b
from numbers import Number, Real
from typing import Any, NamedTuple
from uuid import UUID

from retitlekit.articles.repairs import around, repaired
from retitlekit.errors import ArticleError

# An article's fields, and what other people call them, the surest name first; see `key` for what counts as the same.
FIELDS = {
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


class Record(NamedTuple):
    """One record as it was found; `values` is the reason when it could not even be read."""

    file: str
    line: int | None
    values: Mapping[Any, Any] | str


class Repair(NamedTuple):
    """A row of `Articles.repairs`."""

    file: str
    line: int | None
    id: str
    field: str
    what: str
    before: str
    after: str


Change = tuple[str, str, str, str]  # what a Repair tells beside its place: field, what, before, after


class Skip(NamedTuple):
    """A row of `Articles.skipped`."""

    file: str
    line: int | None
    id: str
    field: str
    problem: str


class Unreadable(Exception):  # noqa: N818 - never reaches a user: it becomes a Skip
    """A record that cannot be an article."""

    def __init__(self, problem: str, field: str = "", id: str = "") -> None:  # noqa: A002
        self.problem, self.field, self.id = problem, field, id


def text_of(raw: bytes, place: str, repairs: list[Repair], line: int | None = None) -> str:
    """Bytes as text. UTF-8, else UTF-16 by its mark, else those lines that are no UTF-8 as Windows-1252."""
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")):
        repairs.append(Repair(place, line, "", "", "not UTF-8, read as UTF-16", "", ""))
        return raw.decode("utf-16", "replace")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        lines = raw.splitlines(keepends=True)
        if len(lines) > 1:
            return "".join(text_of(each, place, repairs, line or number) for number, each in enumerate(lines, 1))
        text = raw.decode("cp1252", "replace")
        near = text[max(0, problem.start - 40) : problem.start + 40].strip()
        repairs.append(Repair(place, line, "", "", "not UTF-8, read as Windows-1252", "", near))
        return text


def names_of(columns: Mapping[str, str] | None) -> dict[str, tuple[str, ...]]:
    """For each field the keys to look under: the one that `columns` gives, else every name that is known."""
    if columns is not None and not isinstance(columns, Mapping):
        raise ArticleError(f"columns= is {type(columns).__name__}; give a mapping such as {{'title': 'hed'}}")
    given = dict(columns or {})
    unknown = sorted(str(name) for name in given.keys() - FIELDS.keys())
    if unknown:
        raise ArticleError(f"columns= has {unknown[0]!r}; an article's fields are {', '.join(FIELDS)}")
    known = {name: (given[name],) if name in given else aliases for name, aliases in FIELDS.items()}
    return {name: tuple(key(alias) for alias in aliases) for name, aliases in known.items()}


def key(name: object) -> str:
    """A field's name without case, spaces, hyphens and underscores: "pub_date" is "pubDate" too."""
    return re.sub(r"[\s_-]", "", str(name)).lower()


@lru_cache(1000)
def _keys(names: tuple[object, ...]) -> tuple[str, ...]:
    return tuple(key(name) for name in names)


def filled(values: Mapping[Any, Any], **defaults: Any) -> dict[str, Any]:
    """The values by `key`, with these defaults for the fields that are blank under every name."""
    record = {key(name): value for name, value in values.items()}
    for field, value in defaults.items():
        if _first(record, names_of(None)[field]) is None:
            record[field] = value
    return record


def fields_of(
    values: Mapping[Any, Any], names: Mapping[str, tuple[str, ...]]
) -> tuple[dict[str, str | None], list[Change]]:
    """The fields of an article, and what was changed to get them; raises Unreadable when it can be none."""
    record: dict[str, Any] = {}
    for name, value in zip(_keys(tuple(values)), values.values(), strict=True):
        if _blank(record.get(name)):  # "Title" and "title": the first that is filled
            record[name] = value
    changes: list[Change] = []
    fields: dict[str, str] = {}
    for field, known in names.items():
        value = _first(record, known)
        if field == "published_at":
            fields[field] = _moment(value, changes)
            continue
        text = "" if value is None else _as_text(field, value)
        if text is None and field in ("id", "title", "body"):
            raise Unreadable(f"expected text, found {type(value).__name__}", field, fields.get("id", ""))
        if text is None:
            changes.append((field, "no text, dropped", type(value).__name__, ""))
        fields[field], made = repaired(field, text or "")
        changes += [(field, *each) for each in made]
    if not fields["title"]:
        there = f"{', '.join(map(str, values)):.150}"
        hint = "" if record.keys() & set(names["title"]) else f"; columns= says which it is of {there}"
        raise Unreadable(f"is missing or empty{hint}", "title", fields["id"])
    if not fields["body"]:
        changes.append(("body", "empty body", "", ""))
    fields["source"] = fields["source"] or _host(fields["url"])
    fields["id"] = fields["id"] or id_from(fields["url"] or f"{fields['title']}\n{fields['body']}")
    return {field: text if field == "body" else text or None for field, text in fields.items()}, changes


def _first(record: Mapping[str, Any], known: Iterable[str]) -> Any:
    for name in known:
        if name in record and not _blank(record[name]):
            return record[name]
    return None


def _blank(value: Any) -> bool:
    if isinstance(value, str):
        return not value.strip()
    missing = value is None or type(value).__name__ in ("NAType", "NaTType")
    return missing or (isinstance(value, Real) and value != value)


def _as_text(field: str, value: Any) -> str | None:
    """The value as text, or None when it does not stand for one."""
    if isinstance(value, str):
        return value
    value = value.tolist() if hasattr(value, "tolist") else value  # NumPy's scalars and arrays
    if isinstance(value, Mapping):  # {"rendered": …} as WordPress has it; {"name": …}, the publisher in schema.org
        value = value.get("rendered", value.get("name"))
    if field == "id" and isinstance(value, float) and value.is_integer():
        value = int(value)  # a column of numbers with a gap
    if field == "body" and isinstance(value, list | tuple) and all(isinstance(part, str) for part in value):
        return "\n\n".join(value)  # a list of paragraphs
    try:
        return str(value) if isinstance(value, str | Number | UUID) else None
    except ValueError:  # a number of more digits than Python writes
        return None


def id_from(text: str) -> str:
    """The id of an article that brings none: the same for the same text, anywhere."""
    return blake2b(text.encode(), digest_size=6).hexdigest()


def _host(url: str) -> str:
    found = re.match(r"(?i)https?://(?:[^/?#@]*@)?([^/?#:@\[\]\\\s]+)", url)
    return found[1].lower() if found else ""


def _moment(value: Any, changes: list[Change]) -> str:
    """ISO 8601 with the offset it had; without one the zone stays unknown."""
    if value is None:
        return ""
    if isinstance(value, date):
        return value.isoformat()  # a datetime is a date too
    numpy = hasattr(value, "tolist")  # its moments are numbers to _as_text
    text = " ".join((str(value) if numpy else _as_text("published_at", value) or type(value).__name__).split())
    iso = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", re.sub(r" ?(UTC|GMT)$", "+00:00", text)) if " " in text else text
    readers: tuple[tuple[Callable[[str], date], str], ...] = (
        (date.fromisoformat, text),
        (datetime.fromisoformat, iso),
        (parsedate_to_datetime, text),
    )
    if not re.fullmatch(r"\d{9,}(\.\d*)?", text):  # seconds or milliseconds: nobody knows which
        for read, form in readers[len(text) > 10 :]:
            try:
                return read(form).isoformat()
            except (ValueError, TypeError, IndexError, OverflowError):
                continue
    changes.append(("published_at", "no date, dropped", *around(text, "")))
    return ""
