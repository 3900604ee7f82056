"""Formats: prompts that travel to the files of other tools and back.

What was written is read again before it is handed out: a text that would come back as other messages is refused. What
a format has no place for is left out and told in a `RetitlekitWarning`.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Mapping
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from retitlekit.errors import PromptError, RetitlekitWarning
from retitlekit.prompts import Prompt
from retitlekit.prompts.notations import NOTATIONS, SUFFIXES, Notation, Outline, to_yaml
from retitlekit.prompts.sandbox import Parts, Variable, write_parts

Format = Literal["google-dotprompt", "prompty", "promptfoo", "langfuse", "llm"]


def export_prompt(prompt: Prompt, *, to: Format) -> str:
    """Write a prompt as a file of another tool.

    Messages, roles and variables always come out the same, or nothing does. Model, parameters, description and
    provenance come along where the format has a place for them.

    Parameters
    ----------
    prompt : Prompt
        With plain variables only. Logic (``{% if %}``, loops, filters) is refused for every format: what is undefined,
        and what a blank is, differs between the tools, so the messages would not stay the same.
    to : {"google-dotprompt", "prompty", "promptfoo", "langfuse", "llm"}
        Google's Dotprompt (Handlebars), Microsoft's Prompty 2, a promptfoo configuration, the JSON that Langfuse's
        API takes for a chat prompt, a template of Simon Willison's llm.

    Returns
    -------
    str
        The file's text.

    Raises
    ------
    PromptError
        When the format cannot carry the messages: logic, an assistant's turn in llm, braces that would be taken for
        a variable. Names the place.

    Warns
    -----
    RetitlekitWarning
        Lists what the format has no place for.

    Notes
    -----
    Fences are not sealed by other tools: an article that contains ``</title>`` closes the fence there. Dotprompt
    splits roles after rendering: an article with ``<<<dotprompt:role:system>>>`` opens a system message in its reader.

    Examples
    --------
    >>> text = rk.export_prompt(prompts["contract"], to="google-dotprompt")
    >>> print(text[text.index("{{role"):][:39])
    {{role "system"}}
    Write a new title for
    """
    form = _form(to)
    if not isinstance(prompt, Prompt):
        raise PromptError(f"export_prompt() takes a Prompt, not {type(prompt).__name__}")
    outline = Outline.of(prompt)
    text = form.write(outline)
    try:
        back = form.read(text, outline.name)
    except PromptError as problem:
        raise PromptError(f"{prompt._place()}: {to} cannot carry this prompt: {problem}") from problem
    for nth, (here, there) in enumerate(zip_longest(map(_told, outline.turns), map(_told, back.turns)), 1):
        if here != there:
            raise PromptError(
                f"{prompt._place()}: {to} cannot carry message {nth}: it would read back as {there}, and is {here}"
            )
    _tell(f"prompt {prompt.name!r} as {to}", outline.lost)
    return text


def import_prompt(
    source: str | os.PathLike[str],
    *,
    format: Format,  # noqa: A002 - the word that everyone looks for
    name: str | None = None,
    rename: Mapping[str, str] | None = None,
) -> Prompt:
    r"""Read a prompt from a file of another tool.

    Parameters
    ----------
    source : str or path-like
        The text, or the path of a file: a str of one line that ends in one of the formats' suffixes is a path.
    format : {"google-dotprompt", "prompty", "promptfoo", "langfuse", "llm"}
        See `export_prompt`. Of promptfoo also lists of messages as JSON or YAML, of Prompty also version 1.
    name : str, optional
        The prompt's name; else the file's own, or its stem, or "imported". Of a promptfoo configuration with several
        prompts, the label of the one to read.
    rename : mapping of str to str, optional
        From the file's variables to ours, such as ``{"article": "body"}``.

    Returns
    -------
    Prompt

    Raises
    ------
    PromptError
        For a file that cannot be read, or messages that a `.prompt` file cannot carry: logic, tools, placeholders,
        images. Environment variables and files that it refers to are never read.

    Warns
    -----
    RetitlekitWarning
        Lists what was left behind.

    Examples
    --------
    >>> rk.import_prompt("system: Be brief.\nprompt: 'Shorten: $title'", format="llm", name="short").render(articles[0])
    [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'Shorten: ...'}]
    """
    form = _form(format)
    text, stem = _text(source)
    outline = form.read(text, name or stem, *([name] if format == "promptfoo" else []))
    if rename:
        outline.turns = [(role, tuple(_renamed(part, rename) for part in parts)) for role, parts in outline.turns]
        outline.types = {rename.get(key, key): value for key, value in outline.types.items()}
    prompt = _prompt(outline)
    _tell(f"prompt {prompt.name!r} from {format}", outline.lost)
    return prompt


def _form(name: str) -> Notation:
    if name not in NOTATIONS:
        raise PromptError(f"there is no format {name!r}; there are {', '.join(NOTATIONS)}")
    return NOTATIONS[name]


def _tell(what: str, lost: list[str]) -> None:
    if lost:
        told = ", ".join(dict.fromkeys(lost))
        warnings.warn(f"{what}: not carried: {told}", RetitlekitWarning, stacklevel=3)


def _told(turn: tuple[str, Parts]) -> str:
    return f"a {turn[0]} message {write_parts(turn[1])!r}"


def _renamed(part: str, rename: Mapping[str, str]) -> str:
    return Variable(rename.get(part, part)) if isinstance(part, Variable) else part


def _text(source: str | os.PathLike[str]) -> tuple[str, str]:
    """The text and a name for it."""
    if isinstance(source, str) and ("\n" in source or not source.lower().endswith(SUFFIXES)):
        return source, "imported"
    if not isinstance(source, str | os.PathLike):
        raise PromptError(f"import_prompt() takes a text or a path, not {type(source).__name__}")
    path = Path(source)
    try:
        return path.read_text(encoding="utf-8-sig"), path.name.split(".")[0] or "imported"
    except UnicodeDecodeError as problem:
        raise PromptError(f"{path}: not UTF-8 (byte {problem.start})") from problem
    except OSError as problem:
        raise PromptError(f"{path}: cannot be read ({problem.strerror})") from problem


def _prompt(outline: Outline) -> Prompt:
    """The outline as a `.prompt` file."""
    if not all(parts for _, parts in outline.turns) or not outline.turns:
        raise PromptError(f"prompt {outline.name!r}: there is no text in its messages")
    opens = re.compile(r"^\s*(?:System|User|Assistant):", re.MULTILINE)
    for role, parts in outline.turns:
        for part in parts:
            if not isinstance(part, Variable) and (found := opens.search(part)):
                raise PromptError(
                    f"prompt {outline.name!r}: the {role} message has a line that begins with {found[0].strip()!r}, "
                    "which opens a message in a .prompt file: reword it"
                )
    used = {part for _, parts in outline.turns for part in parts if isinstance(part, Variable)}
    settings = {key: value for key, value in outline.settings.items() if value is not None}
    if outline.types and outline.types != dict.fromkeys(used, "string"):
        settings["input"] = {"schema": outline.types}
    metadata = outline.metadata | ({"retitlekit": outline.about} if outline.about else {})
    if metadata:
        settings["metadata"] = metadata
    body = "\n".join(f"{role.capitalize()}:\n{write_parts(parts)}\n" for role, parts in outline.turns)
    return Prompt(outline.name, f"---\n{to_yaml(settings)}---\n{body}" if settings else body)
