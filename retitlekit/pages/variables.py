"""Variables and choices in the templates of publishing plugins: ``[original_title]``, ``%%title%%``, ``{one|two}``."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import product

from retitlekit.errors import ShortcodeError

VARIABLES = {
    "original_title": "title",
    "matched_content": "body",
    "source_domain": "source",
    "source_link": "url",
    "publish_date": "published_at",
    "post_title": "title",
    "post_original_title": "title",
    "title": "title",
    "topic": "title",
    "post_content": "body",
    "post_excerpt": "lead",
    "item_excerpt": "lead",
    "post_date": "published_at",
    "link": "url",
    "post_link": "url",
    "source_url": "url",
    "language": "language",
}
"""The vendors' variables that an article can fill: their name and ours."""

FOREIGN = frozenset(
    "feed_name author author_name author_link enclosure_link og_img redirect_url keyword ad_1 ad_2 "
    "title_words_as_slug title_words_as_hashtags writing_style writing_tone current_line media_description".split()
)
"""Variables of the vendors that no article has; a default can fill them."""

DEEPEST = 8
"""Choices in choices, calls in calls: deeper is a mistake."""


_RULE = re.compile(r"rule_\d{1,3}(?:_plain)?")


def is_variable(name: str) -> bool:
    """Whether a name in brackets is a variable of a vendor; "[link]" and "[topic]" are words."""
    return (name in VARIABLES and "_" in name) or name in FOREIGN or bool(_RULE.fullmatch(name))


def place_variables(text: str) -> list[tuple[str, int, int]]:
    """Name, start and end of each variable, in the order of the text; ``[[original_title]]`` is only talked about."""
    found = [(match[1], *match.span()) for match in _BRACKETED.finditer(text) if is_variable(match[1])]
    found = [
        (name, start, end)
        for name, start, end in found
        if not (text[start - 1 : start] == "[" and text[end : end + 1] == "]")
    ]
    found += [
        (match[1] or match[2], *match.span())
        for match in PERCENT.finditer(text)
        if (match[1] or match[2]) in VARIABLES or (match[1] or match[2]) in FOREIGN
    ]
    return sorted(found, key=lambda each: each[1])


_BRACKETED = re.compile(r"\[([a-z][a-z0-9_]{2,40}+)\]")
PERCENT = re.compile(r"%(?=%?[a-z])(?:%([a-z_]{3,40}+)%%|(?<![\w%]%)([a-z]++(?:_[a-z]++)*+)%(?![\w%]))")


def fill(text: str, values: Mapping[str, str], *, defaults: str | Mapping[str, str] = "") -> str:
    """Put values in the place of variables, in one pass: what a value says is never read again.

    Parameters
    ----------
    text : str
        With ``[original_title]``, ``%%title%%`` or ``%post_title%``; ``[[original_title]]`` stays, without the outer
        brackets.
    values : mapping
        The fields of an article: title, body, lead, source, url, published_at, language.
    defaults : mapping or str
        For variables that are empty: name to value, or the vendor's lines ``name|value``.

    Raises
    ------
    ShortcodeError
        Naming every variable without value and default.

    Examples
    --------
    >>> fill("[original_title] ([source_domain])", {"title": "[gpt]x[/gpt]"}, defaults="source_domain|a friend")
    '[gpt]x[/gpt] (a friend)'
    """
    spare = read_defaults(defaults)
    parts, end, missing = [], 0, dict[str, None]()
    for name, start, stop in place_variables(text):
        value = values.get(VARIABLES.get(name, name)) or spare.get(name)
        if value is None:
            missing[name] = None
        parts += [text[end:start], value or ""]
        end = stop
    if missing:
        raise ShortcodeError(f"nothing to put in the place of {', '.join(missing)}: give a value, or a default")
    return "".join([*parts, text[end:]])


def spin(text: str, *, most: int = 64) -> tuple[str, ...]:
    """Every reading of a text with choices ``{one|two}``: variants to compare, never one by lot.

    Choices may stand in choices. Braces without a bar are text.

    Raises
    ------
    ShortcodeError
        For more than `most` readings, or choices in choices deeper than 8.

    Examples
    --------
    >>> spin("Make it {short|{very|quite} calm}")
    ('Make it short', 'Make it very calm', 'Make it quite calm')
    """
    readings = [text]
    for _ in range(DEEPEST):
        if not any(_CHOICE.search(reading) for reading in readings):
            return tuple(dict.fromkeys(readings))
        readings = [one for reading in readings for one in _spun(reading, most)]
        if len(readings) > most:
            break
    raise ShortcodeError(f"the choices {{…|…}} have more than {most} readings, or are nested too deep: use fewer")


def _spun(text: str, most: int) -> list[str]:
    """The readings of the innermost choices; those round them are left for the next turn."""
    parts = _CHOICE.split(text)
    options = [part.split("|") if number % 2 else [part] for number, part in enumerate(parts)]
    size = 1
    for option in options:
        size *= len(option)
        if size > most:
            return [""] * (most + 1)
    return ["".join(chosen) for chosen in product(*options)]


_CHOICE = re.compile(r"\{([^{}|]*+(?:\|[^{}|]*+)+)\}")


def read_defaults(given: str | Mapping[str, str]) -> Mapping[str, str]:
    """Defaults for empty variables; the vendor writes them in lines ``name|value``."""
    if isinstance(given, Mapping):
        return given
    pairs = (line.partition("|") for line in given.splitlines() if line.strip())
    return {name.strip(): value.strip() for name, bar, value in pairs if bar}
