"""The sandbox: where a message's Jinja runs, its plain parts, and the fences round an article's text."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import cache, lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from retitlekit.errors import PromptError

if TYPE_CHECKING:
    import jinja2


class Variable(str):
    """The name of a variable, among the parts of a template."""

    __slots__ = ()


Parts = tuple[str, ...]
"""A template without logic: text, and a `Variable` wherever a value goes in."""


def compile_template(source: str, place: Callable[[int], str]) -> Callable[[Mapping[str, str]], str]:
    """A function from values to text that runs in the sandbox; `place` tells where a line of the source stands."""
    from jinja2 import TemplateSyntaxError

    try:
        return _jinja().from_string(source).render
    except TemplateSyntaxError as problem:
        raise PromptError(f"{place(problem.lineno)}: not a Jinja2 template: {problem.message}") from problem
    except (RecursionError, OverflowError, MemoryError, ValueError) as problem:
        raise PromptError(f"{place(1)}: too deep for a template: {problem}") from problem


def find_variables(source: str) -> set[str]:
    """Names that a template does not set itself."""
    from jinja2 import meta

    return meta.find_undeclared_variables(_jinja().parse(source))


@cache
def _jinja() -> jinja2.Environment:
    """A sandbox that escapes nothing: the text goes to a model, not to a page."""
    from jinja2 import StrictUndefined
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Missing(StrictUndefined):
        """May be asked about (`{% if source %}`), not printed."""

        __slots__ = ()

        def __bool__(self) -> bool:  # type: ignore[override]
            return False

    return ImmutableSandboxedEnvironment(autoescape=False, undefined=Missing, keep_trailing_newline=True)


# ---- plain parts


def read_parts(source: str, place: Callable[[int], str]) -> Parts:
    """Take a template apart into text and variables.

    Raises
    ------
    PromptError
        At the first thing that is neither, such as a condition, a loop or a filter other than ``safe``.

    Examples
    --------
    >>> read_parts("Shorten: {{ title | safe }}", str)
    ('Shorten: ', 'title')
    """
    from jinja2 import nodes

    parts: list[str] = []
    for node in _jinja().parse(source).body:
        if not isinstance(node, nodes.Output):
            raise PromptError(_logic(place(node.lineno)))
        for each in node.nodes:
            plain: Any = each.node if isinstance(each, nodes.Filter) and each.name == "safe" else each
            if isinstance(plain, nodes.Name):
                parts.append(Variable(plain.name))
            elif isinstance(plain, nodes.TemplateData):
                parts.append(plain.data)
            elif isinstance(plain, nodes.Const) and isinstance(plain.value, str):
                parts.append(plain.value)
            else:
                raise PromptError(_logic(place(each.lineno)))
    return joined(parts)


def _logic(place: str) -> str:
    return f"{place}: this is logic, and only plain variables such as {{{{ title | safe }}}} travel to other tools"


def joined(parts: Iterable[str]) -> Parts:
    """The same parts with neighbouring texts made one, and no blanks at either end."""
    merged: list[str] = []
    for part in parts:
        if merged and not isinstance(part, Variable) and not isinstance(merged[-1], Variable):
            merged[-1] += part
        elif part:
            merged.append(part)
    if merged and not isinstance(merged[0], Variable):
        merged[0] = merged[0].lstrip()
    if merged and not isinstance(merged[-1], Variable):
        merged[-1] = merged[-1].rstrip()
    return tuple(part for part in merged if part)


def write_parts(parts: Parts, variable: str = "{{{{ {} | safe }}}}") -> str:
    """The Jinja that gives these parts; `variable` is the form in which a variable is written.

    Examples
    --------
    >>> write_parts(("Shorten: ", Variable("title")))
    'Shorten: {{ title | safe }}'
    """
    written = []
    for part, following in zip_longest(parts, parts[1:]):
        if isinstance(part, Variable):
            written.append(variable.format(part))
        else:
            brace = r"\{(?=[{%#]|\Z)" if isinstance(following, Variable) else r"\{(?=[{%#])"
            written.append(re.sub(brace, "{{ '{' }}", part))
    return "".join(written)


# ---- fences

_CLOSING_TAG = re.compile(r"</\s*([A-Za-z][\w-]*)\s*>")
_QUOTES = ('"""', "'''", "```", "~~~")
_SEALED = re.compile(r"<\\(?=\s*/)|(?:\\([\"'`~]))(?:\\\1){2}")


@lru_cache(maxsize=1024)
def find_fences(source: str) -> re.Pattern[str] | None:
    """What would close a fence of this template: its closing tags, and three quotes or backticks in a row."""
    tags = sorted({re.escape(tag) for tag in _CLOSING_TAG.findall(source)})
    patterns = [rf"<(?=\s*/\s*(?:{'|'.join(tags)})(?![\w-]))"] if tags else []
    patterns += [mark for mark in _QUOTES if mark in source]
    return re.compile("|".join(patterns), re.IGNORECASE) if patterns else None


def seal(text: str, fences: re.Pattern[str] | None) -> str:
    r"""A text that closes no fence: a backslash goes before the sign that would.

    Examples
    --------
    >>> print(seal("x </title> y", find_fences("<title>{{ title }}</title>")))
    x <\/title> y
    """
    return text if fences is None else fences.sub(_with_backslash, text)


def _with_backslash(found: re.Match[str]) -> str:
    return "<\\" if found[0] == "<" else "".join("\\" + sign for sign in found[0])


def unseal(text: str) -> str:
    """The text as it was before `seal`, for comparing with what the article says."""
    return _SEALED.sub(lambda found: found[0].replace("\\", ""), text)
