"""Retitling files that are too large to hold: a feed, a WordPress export, a million articles as JSON lines.

Work goes on in batches. What a batch made is on disk before the place reached is, in one small SQLite file beside the
output; so a process that is killed goes on from its last batch, cuts off what it wrote after that, and nothing is
published twice or left out. The output takes its name only when it is whole.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import sys
import warnings
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple

from retitlekit.articles import Article, load_articles
from retitlekit.errors import ArticleError, ModelError, PageError, PlanError, RetitlekitWarning
from retitlekit.models import Model
from retitlekit.pages import FEED_SUFFIXES, SUFFIXES, Page, item_page, read_page
from retitlekit.pages.markup import split_feed
from retitlekit.pages.retitles import OnFail, retitle
from retitlekit.prompts import Prompt

if TYPE_CHECKING:
    import pandas as pd

BATCH = 500
_LINES = (".jsonl", ".ndjson")
_TOLD = ("article", "original_title", "status", "reason", "published_title")
_UNDECIDED = ("cancelled", "skipped_budget")
_DOWN = 20  # so many articles of a batch without one answer are the server's fault, not theirs


class _Piece(NamedTuple):
    """A stretch of the source: its bytes, where it ends, and the article, page or problem in it, if any."""

    raw: bytes
    end: int
    line: int
    found: Article | Page | str | None


def retitle_file(
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    prompt: Prompt,
    *,
    model: str | Model,
    on_fail: OnFail = "keep_original",
    overwrite: bool = False,
    progress: bool = True,
    **options: Any,
) -> Counter[str]:
    """Retitle a file of any size, with `retitle`; killed or interrupted, the same call goes on where it was.

    Parameters
    ----------
    source : path-like
        Articles as ``.jsonl``; a feed or WordPress export; or one ``.html``, ``.md`` or ``.txt`` page.
    out : path-like
        For articles, a JSON line for each: `line`, `article`, `original_title`, `status`, `reason`, `published_title`.
        For a feed or a page, the same file with its new titles, byte for byte otherwise; items that are held are left
        out of a feed, a page that is held is not written. Those lines then go to ``<out>.report.jsonl``.
    prompt, model, on_fail, **options
        As for `retitle`; ``budget_usd=`` is for the whole file.
    overwrite : bool
        Replace an output that is there.
    progress : bool
        Show a progress bar.

    Returns
    -------
    collections.Counter
        How many were "published", "kept_original" and "held". An article that stands there twice is held the second
        time.

    Raises
    ------
    PageError
        For a source that cannot be read, an output that exists, or one that another process is writing.
    PlanError
        When the output was begun with another source, prompt, model, guard or policy; when the budget is used up.
    ModelError
        When a model cannot be asked, or answers not one of twenty articles or more: then something is wrong with the
        server or the key, and no title is kept for that.

    Notes
    -----
    A batch is 500 articles. When the work stops, for whatever reason, the batch under way is not written; what it paid
    for is in the store, and the same call goes on from there. What was spent is kept with the place reached: a budget
    holds for the file however often the work is stopped, killed and gone on with, and a larger one lets it go on. Not
    counted are requests whose answers had not reached the store when the process was killed.

    A single call that failed, after its retries, leaves its article's title as `on_fail` says. To ask again for those,
    repeat the call with ``overwrite=True``: what was answered comes from the store.

    Examples
    --------
    >>> done = retitle_file("data/page.txt", tmp / "new.txt", prompts["limits"], model="baseline/lead-compress",
    ...                     store=tmp, progress=False)
    >>> done["published"], rk.read_page(tmp / "new.txt").title
    (1, 'Kim Jong Un arrived in Russia by armoured train for summit')
    """
    origin, target = Path(source), Path(out)
    kind = origin.suffix.lower()
    if not origin.is_file():
        raise PageError(f"there is no file {origin}")
    if kind not in (*_LINES, *FEED_SUFFIXES, *SUFFIXES):
        known = ", ".join((*_LINES, *FEED_SUFFIXES, *SUFFIXES))
        if kind == ".csv":
            lines = f"pandas.read_csv({str(origin)!r}).to_json({str(origin.with_suffix('.jsonl'))!r}"
            known += f"; {lines}, orient='records', lines=True) makes one, with the columns title and body"
        raise PageError(f"{origin}: files are retitled that end in {known}")
    if not target.absolute().parent.is_dir():
        raise PageError(f"cannot write {target}: the folder {target.parent} does not exist")
    if target.exists() and origin.samefile(target):
        raise PageError(f"{target} is the source itself: name another output")
    _check_readable(origin, kind)
    if "guard" in options:  # it is asked for every batch
        guard = options["guard"]
        options["guard"] = guard if isinstance(guard, str) else (guard,) if callable(guard) else tuple(guard)
    begun = _fingerprint(origin, prompt, model, on_fail, options)
    with closing(_Ledger(target, begun, report=kind not in _LINES, overwrite=overwrite)) as ledger:
        if not ledger.is_done:
            ledger.check_source(origin)
            _work(origin, ledger, prompt, progress, {"model": model, "on_fail": on_fail, **options})
        ledger.finish(keep=kind not in SUFFIXES or not ledger.counts["held"])
    return ledger.counts


def _check_readable(origin: Path, kind: str) -> None:
    """Raise a `PageError` for what is no page, and for a feed that is refused, before anything is begun."""
    if kind in SUFFIXES:
        read_page(origin)
    elif kind in FEED_SUFFIXES:
        with origin.open("rb") as stream:
            next(split_feed(stream), None)


def _work(origin: Path, ledger: _Ledger, prompt: Prompt, progress: bool, options: dict[str, Any]) -> None:
    from tqdm import tqdm

    kind = origin.suffix.lower()
    with ExitStack() as stack:
        stream = stack.enter_context(origin.open("rb"))
        stream.seek(ledger.read)
        pieces = _pieces(stream, kind, origin, ledger.read, ledger.line)
        bar = stack.enter_context(
            tqdm(
                total=origin.stat().st_size,
                initial=ledger.read,
                unit="B",
                unit_scale=True,
                disable=not progress,
                file=sys.stderr,
            )
        )
        while batch := list(_batch(pieces)):
            rows = _decided([piece for piece in batch if piece.found is not None], ledger, prompt, options)
            ledger.commit(batch, rows)
            bar.update(ledger.read - bar.n)


def _batch(pieces: Iterator[_Piece]) -> Iterator[_Piece]:
    size = 0
    for piece in islice(pieces, 2 * BATCH):
        yield piece
        size += piece.found is not None
        if size == BATCH:
            return


def _pieces(stream: BinaryIO, kind: str, origin: Path, at: int, line: int) -> Iterator[_Piece]:
    if kind in _LINES:
        for raw in stream:
            at, line = at + len(raw), line + 1
            yield _Piece(raw, at, line, _article(raw) if raw.strip(b" \t\r\n\xef\xbb\xbf") else None)
    elif kind in FEED_SUFFIXES:
        for is_item, raw in split_feed(stream):
            at, line = at + len(raw), line + raw.count(b"\n")
            yield _Piece(raw, at, line, item_page(raw) if is_item else None)
    elif raw := stream.read():
        yield _Piece(raw, at + len(raw), 1, read_page(origin))


def _article(raw: bytes) -> Article | str:
    try:
        record = json.loads(raw.decode("utf-8-sig", "replace").rstrip())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RetitlekitWarning)  # what was guessed shows in the line of the output
            return load_articles([record])[0]
    except (ValueError, RecursionError) as problem:
        return f"ArticleError: not JSON ({problem})"
    except ArticleError as problem:
        return f"ArticleError: {problem}"


def _decided(pieces: list[_Piece], ledger: _Ledger, prompt: Prompt, options: dict[str, Any]) -> list[dict[str, Any]]:
    """A row for each piece, in order: what `retitle` says, or why it was not asked."""
    rows: list[dict[str, Any]] = []
    asked: dict[str, Article | Page] = {}
    for piece in pieces:
        if isinstance(piece.found, Article | Page):
            first = ledger.first_seen(piece.found.id, piece.line)
            reason = f"Duplicate: this id was decided at line {first}" if first else None
            rows.append({"line": piece.line, "article": piece.found.id, "original_title": piece.found.title})
            if reason:
                rows[-1] |= {"status": "held", "reason": reason, "published_title": None}
            else:
                asked[piece.found.id] = piece.found
        else:
            told = {"article": None, "original_title": None, "status": "held", "reason": piece.found}
            rows.append({"line": piece.line, **told, "published_title": None})
    if asked:
        done = _asked(list(asked.values()), ledger, prompt, options)
        decided = {row["article"]: row for row in json.loads(done[list(_TOLD)].to_json(orient="records"))}
        left = [row for row in decided.values() if str(row["reason"]).startswith(_UNDECIDED)]
        if left and left[0]["reason"].startswith("cancelled"):
            raise KeyboardInterrupt
        if left:
            raise PlanError(
                f"budget_usd is used up (${ledger.spent:.4f} of it): what is done is kept, and the same call with a "
                "larger one goes on from there"
            )
        rows = [row if "status" in row else {"line": row["line"], **decided[row["article"]]} for row in rows]
    return rows


def _asked(asked: list[Article | Page], ledger: _Ledger, prompt: Prompt, options: dict[str, Any]) -> pd.DataFrame:
    """What `retitle` says, within what the whole file may still cost."""
    budget = options.get("budget_usd")
    if budget is not None and ledger.was_killed:  # a budget of nothing finds what the killed process had paid for
        ledger.spend(retitle(asked, prompt, progress=False, **options | {"budget_usd": 0.0})["cost_usd"].sum())
    if budget is not None:
        options = options | {"budget_usd": max(0.0, budget - ledger.spent)}
    ledger.begin()
    done = retitle(asked, prompt, progress=False, **options)
    ledger.spend(done["cost_usd"][~done["cached"].fillna(True)].sum())
    sent = done[done["trial_id"].notna() & ~done["reason"].fillna("").str.startswith(_UNDECIDED)]
    if len(sent) >= _DOWN and sent["completion"].isna().all():
        raise ModelError(
            f"none of {len(sent)} articles was answered ({sent['reason'].iloc[0]}): what is done is kept, and the same "
            "call goes on from there"
        )
    return done


def _fingerprint(origin: Path, prompt: Prompt, model: str | Model, on_fail: str, options: dict[str, Any]) -> str:
    """What must not change between a beginning and its going on; `store`, `timeout` and the like may."""
    named = [model.endpoint, dict(model.params)] if isinstance(model, Model) else model
    free = ("store", "max_concurrency", "budget_usd", "timeout", "retries")
    fixed = {name: value for name, value in sorted(options.items()) if name not in free}
    begun = json.dumps([origin.stat().st_size, prompt.sha, named, on_fail, fixed], default=repr)
    return re.sub(r" at 0x[0-9A-Fa-f]+", "", begun)  # where a guard stands in the memory of this process


class _Ledger:
    """How far the work has come, in ``<out>.state``; one process at a time has it."""

    def __init__(self, target: Path, begun: str, *, report: bool, overwrite: bool) -> None:
        self.target, self.state = target, target.with_name(f"{target.name}.state")
        self.parts = [target.with_name(f"{target.name}.part")]
        self.finals = [target]
        if report:
            self.finals.append(target.with_name(f"{target.name}.report.jsonl"))
            self.parts.append(target.with_name(f"{target.name}.report.part"))
        if target.exists() and not self.state.exists() and not overwrite:
            raise PageError(f"{target} exists: it is done, or name another output, or replace it with overwrite=True")
        self._db = sqlite3.connect(self.state, timeout=1, isolation_level=None)
        try:
            self._db.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._db.execute("BEGIN EXCLUSIVE")
            self._db.execute("CREATE TABLE IF NOT EXISTS seen (id BLOB PRIMARY KEY, line INTEGER) WITHOUT ROWID")
            self._db.execute(
                "CREATE TABLE IF NOT EXISTS place (begun, read, line, sizes, counts, done, checksum, spent, under_way)"
            )
            found = self._db.execute("SELECT * FROM place").fetchone()
            if found is None:
                found = (begun, 0, 0, json.dumps([0] * len(self.parts)), "{}", 0, 0, 0.0, 0)
                self._db.execute("INSERT INTO place VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", found)
            self._db.execute("COMMIT")
        except sqlite3.DatabaseError as problem:
            self._db.close()
            raise PageError(f"{self.state} is in use by another process, or damaged ({problem})") from problem
        self.read, self.line, self.is_done = int(found[1]), int(found[2]), bool(found[5])
        self._checksum, self.spent, self.was_killed = int(found[6]), float(found[7]), bool(found[8])
        self.counts: Counter[str] = Counter(json.loads(found[4]))
        self._new: dict[bytes, int] = {}
        if found[0] != begun:
            self._db.close()
            files = ", ".join(map(str, [self.state, *self.parts]))
            raise PlanError(
                f"{target} was begun with another source, prompt, model, guard or policy: go on with that, or remove "
                f"{files}"
            )
        self._files: list[BinaryIO] = []
        for part, size in zip(self.parts, json.loads(found[3]), strict=True) if not self.is_done else ():
            if size and (not part.exists() or part.stat().st_size < size):
                self.close()
                raise PageError(f"{part} is not what {self.state} says was written: remove both and begin again")
            file = part.open("r+b" if part.exists() else "w+b")
            file.truncate(size)  # what a killed process wrote after its last whole batch
            file.seek(size)
            self._files.append(file)

    def check_source(self, origin: Path) -> None:
        """Raise a `PlanError` when what was read of the source is not what stands there now."""
        left, checksum = self.read, 0
        with origin.open("rb") as stream:
            while left and (piece := stream.read(min(left, 1 << 20))):
                left, checksum = left - len(piece), zlib.crc32(piece, checksum)
        if left or checksum != self._checksum:
            raise PlanError(
                f"{origin} has changed since {self.target} was begun: go on with the source as it was, or remove "
                f"{self.state} and begin again"
            )

    def begin(self) -> None:
        """A batch is under way: if the process is killed now, what it paid for is not in `spent`."""
        self.was_killed = False
        self._db.execute("UPDATE place SET under_way = 1")

    def spend(self, usd: float) -> None:
        """Note what was paid, even if the batch comes to nothing."""
        self.spent += float(usd)
        self._db.execute("UPDATE place SET spent = ?, under_way = 0", (self.spent,))

    def first_seen(self, id: str, line: int) -> int | None:  # noqa: A002
        """The line where this id was decided before, if it was."""
        key = blake2b(id.encode(errors="surrogatepass"), digest_size=12).digest()
        found = self._db.execute("SELECT line FROM seen WHERE id = ?", (key,)).fetchone()
        first = self._new.get(key) or (int(found[0]) if found else None)
        if first is None:
            self._new[key] = line
        return first

    def commit(self, batch: list[_Piece], rows: list[dict[str, Any]]) -> None:
        """Write what a batch made, and only then how far it goes."""
        told = b"".join(json.dumps(row, ensure_ascii=False).encode(errors="replace") + b"\n" for row in rows)
        made = [told] if len(self._files) == 1 else [_rewritten(batch, rows), told]
        for file, content in zip(self._files, made, strict=True):
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        self.counts.update(row["status"] for row in rows)
        self.read, self.line = batch[-1].end, batch[-1].line
        for piece in batch:
            self._checksum = zlib.crc32(piece.raw, self._checksum)
        sizes = json.dumps([file.tell() for file in self._files])
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO seen VALUES (?, ?)", self._new.items())
        place = (self.read, self.line, sizes, json.dumps(self.counts), self._checksum)
        self._db.execute("UPDATE place SET read = ?, line = ?, sizes = ?, counts = ?, checksum = ?", place)
        self._db.execute("COMMIT")
        self._new.clear()

    def finish(self, *, keep: bool) -> None:
        """Give the output its name; without `keep` only the report."""
        for file in self._files:
            file.close()
        self._db.execute("UPDATE place SET done = 1")
        for part, final in reversed(list(zip(self.parts, self.finals, strict=True))):
            if part.exists() and (keep or final is not self.target):
                part.replace(final)
            part.unlink(missing_ok=True)
        self._db.close()
        self.state.unlink(missing_ok=True)

    def close(self) -> None:
        """Leave everything for the next time."""
        for file in self._files:
            file.close()
        self._db.close()


def _rewritten(batch: list[_Piece], rows: list[dict[str, Any]]) -> bytes:
    """The pieces of a feed with their new titles, without those that are held."""
    decided, parts = iter(rows), []
    for piece in batch:
        row = next(decided) if piece.found is not None else None
        if row is None or row["status"] == "kept_original":
            parts.append(piece.raw)
        elif row["status"] == "published" and isinstance(piece.found, Page):
            parts.append(piece.found.with_title(row["published_title"]).to_bytes())
    return b"".join(parts)
