"""Articles: what is retitled, read from whatever people keep their articles in.

Reading mends what it safely can and says so; a record that cannot be an article is skipped and listed, and never takes
the others with it.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, SupportsIndex, overload
from warnings import warn

from retitlekit.articles.readers import read
from retitlekit.articles.records import FIELDS, Change, Repair, Skip, Unreadable, fields_of, id_from, key, names_of
from retitlekit.articles.repairs import whole
from retitlekit.errors import ArticleError, RetitlekitWarning
from retitlekit.html import table, visible

if TYPE_CHECKING:
    import pandas as pd


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
        for name in FIELDS:
            value = getattr(self, name)
            if value is None and name not in ("id", "title", "body"):
                continue
            if not isinstance(value, str):
                raise ArticleError(f"article {self.id!r}: its {name} is {type(value).__name__}, not text")
            if not value.isascii() and value != whole(value):
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
        <NA> for a whole file.
    skipped : pandas.DataFrame
        What could not be read: `file`, `line`, `id`, `field`, `problem`.
    """

    def __init__(
        self, articles: Iterable[Article] = (), repairs: Iterable[Repair] = (), skipped: Iterable[Skip] = ()
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
        return _table(self._repairs, Repair)

    @property
    def skipped(self) -> pd.DataFrame:  # noqa: D102
        return _table(self._skipped, Skip)

    def to_frame(self) -> pd.DataFrame:
        """One row per article, one text column per field."""
        import pandas as pd

        rows = [[getattr(article, name) for name in FIELDS] for article in self]
        return pd.DataFrame(rows, columns=list(FIELDS)).astype("string")

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
        error that names every such record.

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
    Repaired and listed in `Articles.repairs`: bytes that are not UTF-8, text that was once decoded wrongly (as ftfy
    judges it), HTML, control and invisible characters, white space in titles, line breaks that end paragraphs, Unicode
    that is not NFC. Line ends become ``\n`` without a word. What had to be guessed or dropped is counted in a warning
    too: encodings, dates that are none, empty bodies, articles that come twice. Times may stand as ISO 8601 or RFC
    2822; a zone is never assumed, and a number of seconds is no date. Links that lead out of a folder are not followed.

    Examples
    --------
    >>> articles = rk.load_articles("data/articles.jsonl")
    >>> articles[0].title != "" and len(articles.skipped) == 0
    True
    """
    if on_error not in ("skip", "raise"):
        raise ArticleError(f"on_error={on_error!r}: give 'skip' or 'raise'")
    names = names_of(columns)
    wanted = {key(name): name for name in (columns or {}).values()}
    found: dict[str, tuple[Article, str]] = {}  # by id, with its place
    repairs: list[Repair] = []
    skipped: list[Skip] = []
    for file, line, values in read(source, repairs):
        try:
            if isinstance(values, str):
                raise Unreadable(values)
            for name in values if wanted else ():
                wanted.pop(key(name), None)
            article, changes = _article(values, names)
            first, place = found.setdefault(article.id, (article, _place(file, line)))
            if first is not article:
                _check_same(first, article, place)
                changes = [("id", "duplicate dropped", article.title, "")]
            repairs += [Repair(file, line, article.id, *change) for change in changes]
        except Unreadable as bad:
            skipped.append(Skip(file, line, bad.id, bad.field, bad.problem))
    if not found and not skipped:
        raise ArticleError(f"{_named(source)} holds no article")
    if wanted:
        raise ArticleError(f"columns=: no record of {_named(source)} has {', '.join(map(repr, wanted.values()))}")
    told = f"{len(skipped):,} of {len(skipped) + len(found):,} articles "
    if skipped and (on_error == "raise" or not found):
        raise ArticleError(f"{told}cannot be read:\n{_listed(skipped, len(skipped) if on_error == 'raise' else 10)}")
    notes = [f"{told}skipped (all in .skipped):\n{_listed(skipped, 3)}"] if skipped else []
    doubtful = Counter(repair.what for repair in repairs if repair.what in _DOUBTFUL)
    if doubtful:
        notes.append("look into .repairs: " + ", ".join(f"{n:,} × {what}" for what, n in doubtful.items()))
    if notes:
        warn("\n".join(notes), RetitlekitWarning, stacklevel=2)
    return Articles((article for article, _ in found.values()), repairs, skipped)


# Repairs that guessed or lost something, or leave little to go by; the rest is housekeeping, and in .repairs only.
_DOUBTFUL = {
    *("not UTF-8, read as Windows-1252", "not in the encoding it declares", "XML not well-formed", "mojibake"),
    *("duplicate dropped", "no date, dropped", "no text, dropped", "empty body"),
}


def _article(values: Mapping[Any, Any], names: Mapping[str, tuple[str, ...]]) -> tuple[Article, list[Change]]:
    fields, changes = fields_of(values, names)
    return Article(**fields), changes  # type: ignore[arg-type]  # id, title and body are never None


def _check_same(first: Article, second: Article, place: str) -> None:
    """Two articles of one id must be one; a page that comes again with another date is."""
    if (first.title, first.body) != (second.title, second.body):
        made = f" made from {second.url}" if second.url and second.id == id_from(second.url) else ""
        raise Unreadable(f"another article has the id {second.id!r}{made}, at {place}", "id", second.id)


def _listed(skipped: list[Skip], most: int) -> str:
    lines = [f"{_place(s.file, s.line)}: {s.field + ': ' if s.field else ''}{s.problem}" for s in skipped[:most]]
    return visible("\n".join(lines)) + (f"\n… and {len(skipped) - most:,} more" if len(skipped) > most else "")


def _place(file: str, line: int | None) -> str:
    if line is None:
        return file
    lined = file.lower().endswith((".jsonl", ".ndjson", ".csv", ".tsv", ".md", ".markdown", ".txt"))
    return f"{file}:{line}" if lined else f"{file}, record {line}"


def _named(source: object) -> str:
    return visible(source) if isinstance(source, str | os.PathLike) else f"the given {type(source).__name__}"


def _table(rows: list[Any], kind: Any) -> pd.DataFrame:
    import pandas as pd

    dtypes = {name: "Int64" if name == "line" else "string" for name in kind._fields}
    rows = [[whole(value) if isinstance(value, str) else value for value in row] for row in rows]
    return pd.DataFrame(rows, columns=list(kind._fields)).astype(dtypes)
