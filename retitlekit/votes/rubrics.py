"""Rubrics: what a judge is asked, as YAML: a prompt, and the choices it has with what they are worth."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

from retitlekit.errors import PromptError

SHOWN = ("original_title", "body")
PAIR_CHOICES = ("A", "B", "tie")
_SHIPPED = Path(__file__).with_suffix(".yaml")
_KEYS = ("prompt", "choices", "shows")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")


@dataclass(frozen=True)
class Rubric:
    """One question for a judge.

    Parameters
    ----------
    name : str
        Lower-case letters, digits and ``_``; a pointwise rubric writes the column ``score_<name>``.
    prompt : str
        What is asked. It is sent as it stands: no template, nothing is filled in.
    choices : mapping of str to float, optional
        The answers a judge may give and what each is worth. Without them the rubric is for pairs, and the answers are
        A, B and tie.
    shows : sequence of str
        What a judge sees beside the new title: `original_title`, `body`, both or none.

    Raises
    ------
    PromptError
        For a rubric that cannot be asked.

    Examples
    --------
    >>> rk.Rubric("short", "Is the new title short?", {"yes": 1, "no": 0}).choices["yes"]
    1.0
    """

    name: str
    prompt: str
    choices: Mapping[str, float] = field(default_factory=dict)
    shows: Sequence[str] = SHOWN

    def __post_init__(self) -> None:
        place = f"rubric {self.name!r}"
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise PromptError(f"{place}: a name has lower-case letters, digits and _, such as 'faithful'")
        if not isinstance(self.prompt, str) or not self.prompt.strip():
            raise PromptError(f"{place}: prompt: must be text")
        if not isinstance(self.choices, Mapping) or (self.choices and len(self.choices) < 2):
            raise PromptError(f"{place}: choices: give two or more answers with their worth, as in {{yes: 1, no: 0}}")
        worth = {}
        for answer, value in self.choices.items():
            if not isinstance(answer, str) or not answer.strip() or "\n" in answer:
                raise PromptError(f"{place}: choices: {answer!r} is not text on one line (quote yes and no in YAML)")
            if isinstance(value, bool) or not isinstance(value, int | float):
                raise PromptError(f"{place}: choices: {answer}: {value!r} is not a number")
            worth[answer.strip()] = float(value)
        if len({answer.casefold() for answer in worth}) < len(self.choices):
            raise PromptError(f"{place}: choices: two answers differ only in case")
        shows = (self.shows,) if isinstance(self.shows, str) else tuple(self.shows)
        unknown = [name for name in shows if name not in SHOWN]
        if unknown:
            raise PromptError(f"{place}: shows: {unknown[0]!r} is none of {', '.join(SHOWN)}")
        object.__setattr__(self, "choices", worth)
        object.__setattr__(self, "shows", shows)

    @property
    def sha(self) -> str:
        """12 hex digits of all that is asked."""
        said = repr((self.prompt, sorted(self.choices.items()), self.shows))
        return blake2b(said.encode(), digest_size=6).hexdigest()


def load_rubrics(path: str | os.PathLike[str] | None = None) -> dict[str, Rubric]:
    """Read a YAML file of rubrics: each name with `prompt`, and `choices`, `shows` if wanted.

    Parameters
    ----------
    path : path-like, optional
        By default those that come with retitlekit: `faithful`, `clear`, `inviting`, and for pairs `better`, `truer`.

    Returns
    -------
    dict of str to Rubric

    Raises
    ------
    PromptError
        With the file, the rubric and what is allowed.

    Examples
    --------
    >>> sorted(rk.load_rubrics())
    ['better', 'clear', 'faithful', 'inviting', 'truer']
    """
    import yaml

    source = Path(path) if path is not None else _SHIPPED
    try:
        given = yaml.safe_load(source.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as problem:
        raise PromptError(f"cannot read rubrics from {source}: {problem}") from problem
    if not isinstance(given, dict) or not given:
        raise PromptError(f"{source}: a mapping from names to rubrics is expected, each with a prompt:")
    return {str(name): _rubric(name, about, source) for name, about in given.items()}


def _rubric(name: Any, about: Any, source: Path) -> Rubric:
    if not isinstance(about, dict) or "prompt" not in about:
        raise PromptError(f"{source}: rubric {name!r} needs a prompt:")
    unknown = [key for key in about if key not in _KEYS]
    if unknown:
        raise PromptError(f"{source}: rubric {name!r}: unknown key {unknown[0]!r}; allowed are {', '.join(_KEYS)}")
    try:
        return Rubric(name, about["prompt"], about.get("choices") or {}, about.get("shows", SHOWN))
    except PromptError as problem:
        raise PromptError(f"{source}: {problem}") from problem
