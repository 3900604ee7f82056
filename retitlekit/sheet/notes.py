"""Notes: what a reader wrote beside a title, and which titles were flagged; one JSON line each, kept for good.

The file is appended to, never rewritten, so that notes of several people merge in git; the last line about a trial
counts.
"""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from retitlekit.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = {"trial_id": "string", "flagged": "boolean", "note": "string", "noted_at": "string"}


def add_note(folder: str | os.PathLike[str], trial_id: str, *, flagged: bool, note: str) -> None:
    """Append what is now thought of a trial to ``<folder>/notes.jsonl``; on disk when this returns.

    Raises
    ------
    StoreError
        When the file cannot be written.
    """
    line = {"trial_id": trial_id, "flagged": flagged, "note": note}
    line["noted_at"] = datetime.now(UTC).isoformat(timespec="seconds")
    path = Path(folder) / "notes.jsonl"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False).encode("utf-8", "replace").decode() + "\n")
            file.flush()
            os.fsync(file.fileno())
    except OSError as problem:
        raise StoreError(f"cannot write {path}: {problem.strerror}; the note is not kept") from problem


def read_notes(folder: str | os.PathLike[str]) -> pd.DataFrame:
    """Read what is thought of each trial: `trial_id`, `flagged`, `note`, `noted_at`, one row per trial.

    Raises
    ------
    StoreError
        For a line that is no note, with its number.
    """
    import pandas as pd

    return pd.DataFrame(list(last_notes(folder).values()), columns=list(_COLUMNS)).astype(_COLUMNS)


def last_notes(folder: str | os.PathLike[str]) -> dict[str, dict[str, Any]]:
    """For each trial the note that counts, by its `trial_id`: what `read_notes` reads, without a frame."""
    path = Path(folder) / "notes.jsonl"
    found: dict[str, dict[str, Any]] = {}
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as problem:
        raise StoreError(f"cannot read {path}: {problem}") from problem
    for number, line in enumerate(lines, 1):
        try:
            note = json.loads(line) if line.strip() else None
            if note is not None:
                found[note["trial_id"]] = {name: note[name] for name in _COLUMNS}
        except (ValueError, KeyError, TypeError) as problem:
            raise StoreError(f"{path}:{number}: no note ({problem}); correct or delete the line") from problem
    return found
