"""Templates of publishing plugins, as prompts and back: WordPress Automatic, CyberSEO, Aiomatic.

Read are what the vendors show in their own examples and settings. What a format cannot carry is said, never dropped in
silence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from retitlekit.errors import ShortcodeError
from retitlekit.pages.shortcodes import Shortcode, find_shortcodes
from retitlekit.pages.variables import VARIABLES, place_variables, read_defaults, spin
from retitlekit.prompts import PARAMETERS, Prompt
from retitlekit.titles.leaks import find_leaks

Vendor = Literal["wp-automatic", "cyberseo", "aiomatic"]

# How each vendor writes what an article has.
_WRITTEN: dict[str, dict[str, str]] = {
    "wp-automatic": {
        "title": "[original_title]",
        "body": "[matched_content]",
        "source": "[source_domain]",
        "url": "[source_link]",
        "published_at": "[publish_date]",
    },
    "cyberseo": {
        "title": "%post_title%",
        "body": "%post_content%",
        "lead": "%post_excerpt%",
        "url": "%link%",
        "published_at": "%post_date%",
    },
    "aiomatic": {
        "title": "%%post_title%%",
        "body": "%%post_content%%",
        "lead": "%%post_excerpt%%",
        "language": "%%language%%",
    },
}
_TAG = {"wp-automatic": "gpt", "cyberseo": "openai_gpt", "aiomatic": "aicontent"}
_CARRIED: dict[str, tuple[str, ...]] = {
    "wp-automatic": (),
    "cyberseo": ("model", "temperature", "top_p", "max_tokens", "presence_penalty", "frequency_penalty"),
    "aiomatic": ("model",),
}


@dataclass(frozen=True)
class Template:
    """A prompt as a plugin's template: its `text`, and in `lost` what that format could not carry.

    ``str(template)`` is the text, to be pasted into the plugin's field.
    """

    text: str
    lost: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.text


def import_template(
    text: str, *, name: str = "imported", repair: bool = False, defaults: str | Mapping[str, str] = ""
) -> dict[str, Prompt]:
    """Make prompts of a plugin's template, or of a title that leaked one.

    Each reading of the choices ``{one|two}`` is a prompt of its own: variants to compare, not one by lot. Variables
    become those of an article; a title that stands in the place of one ("Rewrite this title: Kim in Russia") becomes
    ``{{ title | safe }}``. The model and the parameters of the tag go into the front matter.

    Parameters
    ----------
    text : str
        A template with one call, as ``[gpt]Rewrite: [original_title][/gpt]``, or the bare prompt of a settings field.
    name : str
        Of the prompt; of several, with -1, -2, … behind.
    repair : bool
        Make the repairs that `find_shortcodes` suggests; else a wrong tag is an error.
    defaults : str or mapping
        Values for variables that no article has: the vendor's lines ``name|value``.

    Returns
    -------
    dict of str to Prompt
        As `load_prompts` gives them.

    Raises
    ------
    ShortcodeError
        For wrong tags, with line and column; for several calls, or calls in a call, which are a chain and no prompt;
        for variables that no article has and no default fills.

    Examples
    --------
    >>> prompt = rk.import_template("[gpt model=gpt-4o t=0.3]Shorten: [original_title][/gpt]")["imported"]
    >>> prompt.model, prompt.temperature, prompt.render(rk.Article("a", "Kim [sic] in Russia"))[0]["content"]
    ('openai/gpt-4o', 0.3, 'Shorten: Kim [sic] in Russia')
    """
    found = find_shortcodes(text, repair=repair).check()
    steps = found.plan()
    if len(steps) > 1:
        order = ", then ".join(f"[{step.name}] at {step.line}:{step.column}" for step in steps)
        raise ShortcodeError(
            f"{len(steps)} calls are a chain, and a prompt is one call: import one at a time ({order})"
        )
    call = steps[0] if steps else Shortcode("", {}, found.text.strip(), 0, len(found.text), 1, 1)
    readings = spin(call.prompt)
    names = [name] if len(readings) == 1 else [f"{name}-{number}" for number in range(1, len(readings) + 1)]
    return {
        each: _prompt(each, reading, call, read_defaults(defaults))
        for each, reading in zip(names, readings, strict=True)
    }


def _prompt(name: str, reading: str, call: Shortcode, defaults: Mapping[str, str]) -> Prompt:
    import yaml

    parts, end, missing = [], 0, dict[str, None]()
    places = place_variables(reading)
    for variable, start, stop in places:
        ours = VARIABLES.get(variable)
        if ours is None and variable not in defaults:
            missing[variable] = None
        value = f"{{{{ {ours} | safe }}}}" if ours else _literal(defaults.get(variable, ""))
        parts += [_literal(reading[end:start]), value]
        end = stop
    if missing:
        raise ShortcodeError(f"no article has {', '.join(missing)}: give defaults=, or take it out of the template")
    rest = reading[end:]
    leaked = [leak for leak in find_leaks(rest) if leak.kind == "prompt"]
    if not places and leaked and rest[leaked[-1].end :].strip():
        cut = leaked[-1].end
        parts += [_literal(rest[:cut].rstrip()), " {{ title | safe }}"]
    else:
        parts.append(_literal(rest))
    front: dict[str, Any] = {"model": _model_id(call.model)} if call.model else {}
    front |= {key: value for key, value in call.params.items() if key in PARAMETERS}
    origin = f"Imported from a template with the tag [{call.name}]." if call.name else "Imported from a bare prompt."
    front["metadata"] = {"retitlekit": {"description": origin}}
    head = yaml.safe_dump(front, sort_keys=False, allow_unicode=True, width=10_000)
    return Prompt(name, f"---\n{head}---\nUser:\n{''.join(parts).strip()}\n")


def _literal(text: str) -> str:
    """Text that a template and the role lines of a prompt file leave as it is."""
    text = re.sub(r"\{\{|\{%|\{#|\}\}|%\}|#\}", lambda mark: f"{{{{ {mark[0]!r} }}}}", text)
    return re.sub(r"(?m)^(\s*)(System|User|Assistant):", r"\1{{ '\2' }}:", text)


def _model_id(model: str) -> str:
    """A vendor's name of a model as a LiteLLM id, where that can be told."""
    if model.startswith("openai-"):
        return f"openai/{model.removeprefix('openai-')}"
    if re.match(r"(?:gpt|chatgpt|o\d)\b", model):
        return f"openai/{model}"
    return model


def export_template(prompt: Prompt, to: Vendor) -> Template:
    """Write a prompt as a plugin's template.

    Parameters
    ----------
    prompt : Prompt
        Plain variables only; loops and conditions do not travel.
    to : {"wp-automatic", "cyberseo", "aiomatic"}
        WordPress Automatic's form is taken from the plugin itself. That a call of CyberSEO encloses its prompt
        (``[openai_gpt model="…"] … [/openai_gpt]``) and Aiomatic's ``[aicontent]`` were not checked against the
        plugins: try one before you paste many.

    Returns
    -------
    Template
        `lost` says what the plugin sets elsewhere or cannot do: a system message, a temperature.

    Raises
    ------
    ShortcodeError
        For what would change the prompt: a variable that the plugin lacks, logic, text that it would take for a tag.

    Examples
    --------
    >>> exported = rk.export_template(prompts["bare"], "wp-automatic")
    >>> print(exported)
    [gpt]Rewrite this title: [original_title][/gpt]
    >>> exported.lost
    ()
    """
    if to not in _WRITTEN:
        raise ShortcodeError(f"templates are written for {', '.join(_WRITTEN)}, not for {to!r}")
    lost = []
    pieces = prompt._pieces
    if any(piece.role == "assistant" for piece in pieces):
        raise ShortcodeError(f"prompt {prompt.name!r} has example answers (Assistant:), which {to} cannot carry")
    if any(piece.role == "system" for piece in pieces):
        lost.append(f"{to} sends one message: the system message stands at the head of it")
    text = "\n\n".join(_exported(piece.text.strip(), prompt, to) for piece in pieces)
    settings = {"model": prompt.model, "temperature": prompt.temperature, **prompt.params}
    attributes = ""
    for key, value in settings.items():
        if value is not None and key in _CARRIED[to]:
            carried = str(value).removeprefix("openai/") if key == "model" else f"{value}"
            attributes += f' {key}="{carried}"'
        elif value is not None:
            lost.append(f"{key} {value!r} is set in the settings of {to}, not in its template")
    template = f"[{_TAG[to]}{attributes}]{text}[/{_TAG[to]}]"
    found = find_shortcodes(template)
    if found.problems or len(found.plan()) != 1 or len(spin(found.calls[0].prompt)) != 1:
        problem = (
            str(found.problems[0]) if found.problems else "its brackets or braces would be read as tags or choices"
        )
        raise ShortcodeError(f"prompt {prompt.name!r} cannot be a template of {to}: {problem}")
    return Template(template, tuple(lost))


_PRINTED = re.compile(r"\{\{-?\s*(?:(\w+)\s*(?:\|\s*safe\s*)?|'((?:[^'\\]|\\.)*)'\s*)-?\}\}")


def _exported(text: str, prompt: Prompt, to: Vendor) -> str:
    written = _WRITTEN[to]

    def one(match: re.Match[str]) -> str:
        if match[1] is None:
            return match[2]
        if match[1] not in written:
            known = ", ".join(written)
            raise ShortcodeError(f"prompt {prompt.name!r} uses {match[1]}, which {to} does not have (it has {known})")
        return written[match[1]]

    if any(name in text for name in written.values()):
        raise ShortcodeError(f"prompt {prompt.name!r} holds the text of a variable of {to}")
    said = _PRINTED.sub(one, text)
    if re.search(r"\{\{|\{%|\{#", _PRINTED.sub("", text)):
        raise ShortcodeError(f"prompt {prompt.name!r} has logic or filters, which no plugin's template can carry")
    return said
