"""Readers: one for each form in which people keep articles, from bytes to records.

A reader judges the form only; what a record says is judged in `records`. Whatever makes one record unreadable is
yielded in its place, so that the others follow.
"""

from __future__ import annotations

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retitlekit.articles import web
from retitlekit.articles.records import FIELDS, Record, Repair, Unreadable, filled, key, text_of
from retitlekit.errors import ArticleError

if TYPE_CHECKING:
    import pandas as pd

_LARGEST = 50_000_000  # bytes of a file that holds one article, or of a feed


def read(source: object, repairs: list[Repair]) -> Iterator[Record]:
    """The records of a path, an address, a DataFrame or an iterable; what was mended on the way goes into `repairs`."""
    pandas = sys.modules.get("pandas")
    if isinstance(source, str) and _is_url(source):
        return web.address(source, repairs)
    if isinstance(source, str | os.PathLike):
        return _path(Path(os.path.expanduser(os.fsdecode(source))), repairs)  # noqa: PTH111 - Path's own may raise
    if pandas is not None and isinstance(source, pandas.DataFrame):
        return _frame(source)
    if isinstance(source, Iterable) and not isinstance(source, bytes | bytearray | Mapping):
        return _iterable(source)
    raise ArticleError(
        f"articles come from a path, an address, a DataFrame or a list of articles, not from {type(source).__name__}"
    )


def _is_url(text: str) -> bool:
    return text[:8].lower().startswith(("http://", "https://"))


# ---- objects


def _frame(frame: pd.DataFrame) -> Iterator[Record]:
    levels = [None if name is None else str(name) for name in frame.index.names]
    columns = [str(name) for name in frame.columns]
    rows = zip(frame.index, frame.itertuples(index=False, name=None), strict=True)
    for number, (index, values) in enumerate(rows, 1):
        named = zip(levels, index if len(levels) > 1 else (index,), strict=True)
        record = {name: value for name, value in named if name is not None}
        yield Record("DataFrame", number, record | _row(columns, values))


def _row(names: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """One row of a table; of columns with the same name the first counts."""
    row: dict[str, Any] = {}
    for name, value in zip(names, values, strict=False):
        row.setdefault(name, value)
    return row


def _iterable(given: Iterable[Any]) -> Iterator[Record]:
    for number, each in enumerate(given, 1):
        record = asdict(each) if is_dataclass(each) and not isinstance(each, type) else each
        values = record if isinstance(record, Mapping) else f"{type(each).__name__} is no article"
        yield Record(type(given).__name__, number, values)


# ---- files and folders


def _path(path: Path, repairs: list[Repair]) -> Iterator[Record]:
    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            yield from _folder(path, repairs)
        elif not path.exists():
            raise ArticleError(f"there is no {path!s:.200}")
        elif suffix not in _ONE | _MANY or not path.is_file():
            raise ArticleError(f"{path}: articles are read from {', '.join(_MANY | _ONE)}, a folder or an address")
        elif suffix in _ONE:
            yield _file(path, path.stem, repairs)
        else:
            yield from _MANY[suffix](path, repairs)
    except OSError as problem:
        raise ArticleError(f"{path!s:.200} cannot be read: {problem.strerror}") from problem
    except Unreadable as bad:
        raise ArticleError(f"{path} {bad.problem}") from bad


def _folder(folder: Path, repairs: list[Repair]) -> Iterator[Record]:
    files = [
        each for each in folder.rglob("*") if each.suffix.lower() in _ONE and (each.is_file() or each.is_symlink())
    ]
    shown = [each for each in files if not any(part.startswith(".") for part in each.relative_to(folder).parts)]
    if not shown:
        raise ArticleError(f"{folder} holds no {', '.join(_ONE)} file")
    for path in sorted(shown):
        # an unpacked archive must not bring files of this machine into what is sent to a model
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder)):
            yield Record(str(path), None, "is a link that leads out of the folder")
        else:
            yield _file(path, path.relative_to(folder).with_suffix("").as_posix(), repairs)


def _file(path: Path, name: str, repairs: list[Repair]) -> Record:
    """The record of a file that holds one article; `name` is its id when it gives none."""
    try:
        values = _ONE[path.suffix.lower()](_bytes(path), str(path), repairs)
    except OSError as problem:
        return Record(str(path), None, f"cannot be read: {problem.strerror}")
    except Unreadable as bad:
        return Record(str(path), None, bad.problem)
    return Record(str(path), None, filled(values, id=name))


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise Unreadable(f"is larger than {_LARGEST // 1_000_000} MB")
    return raw


# ---- files of many articles


def _jsonl(path: Path, repairs: list[Repair]) -> Iterator[Record]:
    with path.open("rb") as file:
        wide = file.read(2) in (b"\xff\xfe", b"\xfe\xff")
        file.seek(0)
        lines = text_of(file.read(), str(path), repairs).encode("utf-8", "replace").split(b"\n") if wide else file
        for number, raw in enumerate(lines, 1):
            line = text_of(raw, str(path), repairs, number).strip()
            if line:
                yield Record(str(path), number, _object(line))


def _object(line: str) -> Mapping[str, Any] | str:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as problem:
        return "not an object on one line; a list of objects is .json" if line in "[{" else f"not JSON ({problem})"
    return record if isinstance(record, dict) else f"expected an object, found {type(record).__name__}"


def _json(path: Path, repairs: list[Repair]) -> Iterator[Record]:
    text = text_of(path.read_bytes(), str(path), repairs)
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
        yield Record(str(path), number, each if isinstance(each, dict) else f"{type(each).__name__} is no article")


def _csv(path: Path, repairs: list[Repair]) -> Iterator[Record]:
    lines = list(io.StringIO(text_of(path.read_bytes(), str(path), repairs), newline=""))
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
        record: Mapping[str, str] | str = _row(header, values)
        if len(values) < len(header) or any(values[len(header) :]):
            record = f"expected {len(header)} fields, as in the header, found {len(values)}"
        elif begins == records[-1][0] < len(lines) and "".join(lines[begins - 1 :]).count('"') % 2:
            record = "a quote that opens here is never closed"
        yield Record(str(path), begins, record)


def _parquet(path: Path, repairs: list[Repair]) -> Iterator[Record]:  # noqa: ARG001 - nothing to repair
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        file: Any = pq.ParquetFile(path)  # type: ignore[no-untyped-call]
        for batch in file.iter_batches(batch_size=1000):  # small: a column of embeddings is large as Python's numbers
            for values in zip(*map(_values, batch.columns), strict=True):
                number += 1
                yield Record(str(path), number, _row(batch.schema.names, values))
    except (pa.lib.ArrowException, OSError, ValueError) as problem:
        raise ArticleError(f"{path} is not a Parquet file that can be read: {problem}") from problem


def _values(column: Any) -> list[Any]:
    """A column of Parquet as Python's values; one that Python does not have (the year 20,000) as its exception."""
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError) as problem:
        values = [problem] if len(column) == 1 else [_values(column[n : n + 1])[0] for n in range(len(column))]
    return values


# ---- files of one article


def _document(raw: bytes, place: str, repairs: list[Repair]) -> dict[str, Any]:
    """A Markdown or text file: YAML front matter, a `# title` (without front matter a first line will do), the body."""
    import yaml

    text = text_of(raw, place, repairs).replace("\r\n", "\n").strip()
    if not text:
        raise Unreadable("is empty")
    front, record = re.match(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n|$)", text, re.DOTALL), dict[str, Any]()
    if front:
        try:
            # Only text, lists and mappings: "no" is Norwegian and "007" an id, not False and 7.
            found = yaml.load(front[1] or "{}", Loader=yaml.BaseLoader)  # noqa: S506 - safer than the safe one
        except (yaml.YAMLError, ValueError, RecursionError) as problem:
            raise Unreadable(f"its front matter is not YAML ({problem})") from problem
        if not isinstance(found, dict):
            raise Unreadable("its front matter must be `key: value` lines")
        record = {name: None if value in ("~", "null") else value for name, value in found.items()}
        text = text[front.end() :].strip()
    elif re.match(r"---[ \t]*\n", text):
        raise Unreadable("its front matter has no closing ---")
    elif re.match(r"\+\+\+[ \t]*\n", text):
        raise Unreadable("its front matter is TOML; write it as YAML between --- lines")
    heading = re.match(r"(?:!\[[^\n]*\n\s*)*(?:#[ \t]+(\S[^\n]*?)[ \t]*#*(?:\n|$)|(\S[^\n]*)\n=+(?:\n|$))", text)
    first, _, rest = text.partition("\n")
    record = filled(record, title=heading and (heading[1] or heading[2]))
    title = next((record[key(name)] for name in FIELDS["title"] if record.get(key(name))), None)
    if heading and title == (heading[1] or heading[2]):
        text = text[heading.end() :]
    elif not front and len(first) > 300:
        raise Unreadable("has no title: no front matter, no heading, and a first line that is too long for one")
    elif not front:
        record["title"], text = first, rest
    return {**record, "body": text.strip()} if text.strip() else record


def _feed_file(path: Path, repairs: list[Repair]) -> Iterator[Record]:
    return web.feed(_bytes(path), str(path), repairs)


_MANY: dict[str, Callable[[Path, list[Repair]], Iterator[Record]]] = {
    ".jsonl": _jsonl,
    ".ndjson": _jsonl,
    ".json": _json,
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
    ".xml": _feed_file,
    ".rss": _feed_file,
    ".atom": _feed_file,
}
_ONE: dict[str, Callable[[bytes, str, list[Repair]], dict[str, Any]]] = {
    ".md": _document,
    ".markdown": _document,
    ".txt": _document,
    ".html": web.page,
    ".htm": web.page,
}
