"""Dialects: the parameters that a model refuses, learnt from its first refusal and left out from then on.

Reasoning models take no temperature, some want `max_completion_tokens` for `max_tokens`. LiteLLM knows some of this and
refuses before anything is sent; of the rest we are told by a 400.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from retitlekit.errors import CallError

# Without these an answer is still an answer to the same question; a limit of its length can only be renamed.
_DROPPABLE = (
    *("temperature", "top_p", "top_k", "min_p", "seed", "logit_bias"),
    *("presence_penalty", "frequency_penalty", "repetition_penalty"),
)
_RENAMED = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
_REFUSED = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|deprecated|not (?:support|permit|allow|accept)|(?:n't|not) support"
    r"|extra inputs|\bonly\b.{0,40}\b(?:default|1(?:\.0)?)\b",
    re.IGNORECASE | re.DOTALL,
)


class Dialect:
    """What one model, asked with one set of parameters, takes."""

    def __init__(self) -> None:
        self._instead: dict[str, str | None] = {}

    @property
    def lesson(self) -> dict[str, str | None]:
        """Each parameter that was refused, and what goes instead, if anything does."""
        return dict(self._instead)

    def take(self, lesson: Mapping[str, str | None]) -> None:
        """Know what another machine has learnt."""
        self._instead.update(lesson)

    def spoken(self, temperature: float | None, params: Mapping[str, Any]) -> tuple[float | None, Mapping[str, Any]]:
        """Temperature and parameters as this model takes them."""
        if not self._instead:
            return temperature, params
        named = ((self._instead.get(name, name), value) for name, value in params.items())
        return (
            None if "temperature" in self._instead else temperature,
            {name: value for name, value in named if name is not None},
        )

    def learn(self, problem: CallError, temperature: float | None, params: Mapping[str, Any]) -> str | None:
        """Learn from a refusal of what was sent; returns the parameter, None when it refuses something else."""
        if problem.error_type != "UnsupportedParamsError" and problem.status not in (400, 422):
            return None
        text = str(problem)
        if not _REFUSED.search(text):
            return None
        sent = {**params, "temperature": temperature} if temperature is not None else params
        blamed = [name for name in (*_RENAMED, *_DROPPABLE) if name in sent and re.search(rf"\b{name}\b", text)]
        for name in blamed:
            instead = _RENAMED.get(name)
            if instead and not (re.search(rf"\b{instead}\b", text) and instead not in self._instead):
                continue
            self._instead[name] = instead
            return name
        return None
