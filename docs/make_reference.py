"""Write docs/reference.md from the docstrings: ``python docs/make_reference.py``."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import retitlekit as rk

SECTIONS = {
    "Articles and prompts": ["load_articles", "Article", "Articles", "load_prompts", "Prompt", "save_prompt"],
    "Prompts of other tools": ["export_prompt", "import_prompt"],
    "Models": ["Model", "available_models", "load_models"],
    "A sweep": ["plan", "estimate", "Estimate", "run", "arun", "start", "Job", "sweep"],
    "Batches": ["submit_batch", "collect_batch", "cancel_batch", "Batch"],
    "Titles and scores": ["extract_title", "score"],
    "A look": ["compare", "vote", "workbench", "report"],
    "A decision": ["leaderboard", "effects", "needed", "race", "Race", "save_winner", "Winner"],
    "Articles kept aside": ["split", "confirm", "Confirmation"],
    "Votes": ["cast_vote", "undo_vote", "append_votes", "read_votes", "next_pairs"],
    "Voters": ["consistency", "agreement", "Agreement"],
    "Judges": ["judge", "judge_pairs", "Rubric", "load_rubrics"],
    "Pages": [
        "read_page",
        "read_pages",
        "write_page",
        "Page",
        "Pages",
        "Attribution",
        "retitle",
        "retitle_file",
        "expand",
        "lint_page",
    ],
    "Templates of plugins": ["find_shortcodes", "import_template", "export_template", "Template"],
    "Hostile articles": ["injection_report", "InjectionReport", "hostile_articles"],
    "The frame": ["read_frame", "write_frame"],
}
MODULES = {"charts": "Charts: `rk.charts`", "scorers": "Scorers: `rk.scorers`"}


def entry(name: str, thing: object, prefix: str = "rk") -> str:
    """One name with its signature and docstring."""
    signature = str(inspect.signature(thing)) if callable(thing) else ""
    signature = re.sub(r"<function (\w+) at 0x[0-9a-f]+>", r"\1", signature.replace("'", ""))
    heading = f"### `{name}`\n\n```python\n{prefix}.{name}{signature}\n```\n"
    return f"{heading}\n```text\n{inspect.getdoc(thing)}\n```\n"


def own_functions(module: object) -> list[str]:
    """The public functions that a module offers: those in its `__all__`, or those that it defines, in its order."""
    offered = getattr(module, "__all__", None)
    return [
        name
        for name, thing in vars(module).items()
        if inspect.isfunction(thing)
        and (name in offered if offered else thing.__module__ == module.__name__ and not name.startswith("_"))
    ]


def magic_help() -> str:
    """The options of the magics, as ``%%prompt?`` shows them."""
    from retitlekit.magics import PROMPT, PROMPTS

    told = f"{PROMPT.format_help()}\n{PROMPTS.format_help()}"
    return f"## Magics: `%load_ext retitlekit`\n\n```text\n{told}```\n"


def reference() -> str:
    """The whole page."""
    parts = [
        "# Reference\n\nMade from the docstrings by `docs/make_reference.py`. `import retitlekit as rk` is assumed.\n"
    ]
    for title, names in SECTIONS.items():
        parts += [f"## {title}\n", *(entry(name, getattr(rk, name)) for name in names)]
    parts.append("## Columns of the frame\n\n| column | dtype | written by | meaning |\n|---|---|---|---|")
    parts += [f"| `{c.name}` | {c.dtype} | {c.writer} | {c.meaning} |" for c in rk.COLUMNS]
    parts.append("\nThese are declared in `COLUMNS`; those of votes in `VOTE_COLUMNS`:\n")
    parts.append("| column | dtype | meaning |\n|---|---|---|")
    parts += [f"| `{c.name}` | {c.dtype} | {c.meaning} |" for c in rk.VOTE_COLUMNS]
    parts.append("")
    for module, title in MODULES.items():
        room = getattr(rk, module)
        parts += [f"## {title}\n", *(entry(n, getattr(room, n), f"rk.{module}") for n in own_functions(room))]
    parts.append(magic_help())
    errors = [name for name in rk.__all__ if name.endswith(("Error", "Warning"))]
    parts.append("## Errors\n\n| error | meaning |\n|---|---|")
    parts += [f"| `{name}` | {inspect.getdoc(getattr(rk, name)).splitlines()[0]} |" for name in errors]
    return "\n".join(parts) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / "reference.md").write_text(reference(), encoding="utf-8")
