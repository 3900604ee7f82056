"""Find the prompt, model and temperature that rewrite news titles best.

The public door: names are imported from their rooms at first use, so that ``import retitlekit`` loads nothing heavy.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ROOMS = {
    "articles": ("Article", "Articles", "load_articles"),
    "sweeps.batches": ("cancel_batch", "collect_batch", "submit_batch"),
    "models.catalog": ("available_models", "load_models"),
    "decide": ("leaderboard",),
    "errors": (
        "ArticleError",
        "CallError",
        "FrameError",
        "ModelError",
        "PageError",
        "PlanError",
        "PromptError",
        "RetitlekitError",
        "RetitlekitWarning",
        "ShortcodeError",
        "StoreError",
        "SweepError",
    ),
    "statistics.factors": ("effects", "needed"),
    "prompts.formats": ("export_prompt", "import_prompt"),
    "frame": ("COLUMNS", "read_frame", "write_frame"),
    "decide.holdout": ("Confirmation", "confirm", "split"),
    "prompts.injections": ("InjectionReport", "hostile_articles", "injection_report"),
    "votes.judges": ("judge", "judge_pairs"),
    "pages.lint": ("lint_page",),
    "models": ("Model",),
    "pages": ("Attribution", "Page", "Pages", "read_page", "read_pages", "write_page"),
    "votes.pairs": ("next_pairs",),
    "sweeps.plans": ("Estimate", "estimate", "plan"),
    "prompts": ("Prompt", "load_prompts", "save_prompt"),
    "decide.races": ("Race", "race"),
    "reports": ("report",),
    "pages.retitles": ("expand", "retitle"),
    "votes.rubrics": ("Rubric", "load_rubrics"),
    "scorers.scoring": ("score",),
    "pages.shortcodes": ("find_shortcodes",),
    "store": ("Batch",),
    "pages.streams": ("retitle_file",),
    "sweeps": ("Job", "arun", "run", "start", "sweep"),
    "pages.templates": ("Template", "export_template", "import_template"),
    "titles": ("extract_title",),
    "votes.voters": ("Agreement", "agreement", "consistency"),
    "votes": ("VOTE_COLUMNS", "append_votes", "cast_vote", "read_votes", "undo_vote"),
    "widgets": ("compare", "vote", "workbench"),
    "decide.winners": ("Winner", "save_winner"),
}
_ROOM_OF = {name: room for room, names in _ROOMS.items() for name in names}
_MODULES = {"charts": "charts", "retitles": "pages.retitles", "scorers": "scorers"}

__all__ = sorted([*_ROOM_OF, *_MODULES, "__version__"])


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"retitlekit.{_MODULES[name]}")
    if name not in _ROOM_OF:
        raise AttributeError(f"module 'retitlekit' has no attribute {name!r}")
    value = getattr(import_module(f"retitlekit.{_ROOM_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])


def load_ipython_extension(shell: Any) -> None:
    """Bring the magics ``%%prompt`` and ``%prompts``: ``%load_ext retitlekit``."""
    import_module("retitlekit.magics").load_ipython_extension(shell)
