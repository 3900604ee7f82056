"""Find the prompt, model and temperature that rewrite news titles best.

The public door: names are imported from their rooms at first use, so that ``import retitlekit`` loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "articles": ("Article", "Articles", "load_articles"),
    "decide": ("leaderboard",),
    "errors": (
        "ArticleError",
        "CallError",
        "FrameError",
        "ModelError",
        "PlanError",
        "PromptError",
        "RetitlekitError",
        "RetitlekitWarning",
        "StoreError",
        "SweepError",
    ),
    "factors": ("effects", "needed"),
    "frame": ("COLUMNS", "read_frame", "write_frame"),
    "holdout": ("Confirmation", "confirm", "split"),
    "judges": ("judge", "judge_pairs"),
    "models": ("Model", "available_models", "load_models"),
    "pairs": ("next_pairs",),
    "plans": ("Estimate", "estimate", "plan"),
    "prompts": ("Prompt", "load_prompts", "save_prompt"),
    "races": ("Race", "race"),
    "reports": ("report",),
    "rubrics": ("Rubric", "load_rubrics"),
    "scorers": ("score",),
    "sweeps": ("Job", "arun", "run", "start", "sweep"),
    "titles": ("extract_title",),
    "voters": ("Agreement", "agreement", "consistency"),
    "votes": ("VOTE_COLUMNS", "append_votes", "cast_vote", "read_votes", "undo_vote"),
    "widgets": ("compare", "vote"),
    "winners": ("Winner", "save_winner"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_MODULES = ("charts", "scorers")

__all__ = sorted([*_ROOM_OF, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"retitlekit.{name}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'retitlekit' has no attribute {name!r}")
    value = getattr(import_module(f"retitlekit.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
