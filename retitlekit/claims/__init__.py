"""Claims: what a title says that its article must support. Numbers are found by `figures`, names by `names`."""

from __future__ import annotations

from dataclasses import dataclass

KEPT_TEXTS = 1024
"""Articles whose numbers and names are remembered: each is read once for all its titles."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a title claims of one kind, and what of it no text supports; both as written, each once."""

    made: tuple[str, ...]
    unsupported: tuple[str, ...]
