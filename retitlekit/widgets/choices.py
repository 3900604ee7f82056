"""What can be chosen in a workbench, and what is: kept beside the store, and told as Python that says the same."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import pandas as pd

from retitlekit.baselines import BASELINES
from retitlekit.errors import ModelError, PlanError
from retitlekit.html import visible
from retitlekit.models import Model, check_ready
from retitlekit.models.catalog import available_models

_FILE = "workbench.json"


@dataclass(frozen=True)
class Choices:
    """What is to be swept.

    Attributes
    ----------
    prompts, models, articles : tuple of str
        Names of prompts and models; ids of articles.
    temperatures : tuple of float or None
        None is the prompt's own, else the provider's default.
    repeats : int
    budget_usd : float or None
        US dollars that a run may spend.

    Raises
    ------
    PlanError
        For a value that no sweep can have.
    """

    prompts: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    temperatures: tuple[float | None, ...] = (None,)
    repeats: int = 1
    articles: tuple[str, ...] = ()
    budget_usd: float | None = None

    def __post_init__(self) -> None:
        for each in ("prompts", "models", "articles"):
            object.__setattr__(self, each, tuple(dict.fromkeys(map(str, _listed(each, getattr(self, each))))))
        heats = [_heat(each) for each in _listed("temperatures", self.temperatures)]
        object.__setattr__(self, "temperatures", tuple(sorted(set(heats), key=lambda x: -1 if x is None else x)))
        repeats = self.repeats
        if isinstance(repeats, bool) or not isinstance(repeats, int) or not 1 <= repeats <= 1000:
            raise PlanError(f"repeats={repeats!r}: give a whole number from 1 to 1000")
        object.__setattr__(self, "budget_usd", _budget(self.budget_usd))

    @classmethod
    def of(cls, told: object) -> Choices:
        """From plain data, such as a file's or a browser's.

        Raises
        ------
        PlanError
            When it is none.
        """
        names = {each.name for each in fields(cls)}
        if not isinstance(told, Mapping) or not set(told) <= names:
            raise PlanError(f"these are no choices: {told!r:.80}")
        return cls(**told)

    def to_dict(self) -> dict[str, Any]:
        """As plain data."""
        return {each.name: getattr(self, each.name) for each in fields(self)}

    def within(self, *, prompts: Iterable[str], articles: Iterable[str]) -> Choices:
        """Without the prompts and articles that are no longer there."""
        known, there = set(prompts), set(articles)
        return replace(
            self,
            prompts=tuple(each for each in self.prompts if each in known),
            articles=tuple(each for each in self.articles if each in there),
        )

    def python(self, ids: Sequence[str], models: Mapping[str, Model], store: str = ".retitlekit") -> str:
        """The call of `sweep` with these choices; `ids` are those of all articles, in order."""
        named = ", ".join(repr(each) for each in self.prompts)
        asked = ", ".join(_spelt(models.get(each), each) for each in self.models)
        more: dict[str, Any] = {"temperatures": list(self.temperatures)} if self.temperatures != (None,) else {}
        more |= {"repeats": self.repeats} if self.repeats > 1 else {}
        more |= {"budget_usd": self.budget_usd} if self.budget_usd is not None else {}
        more |= {"store": store} if store != ".retitlekit" else {}
        options = "".join(f", {name}={value!r}" for name, value in more.items())
        return f"rk.sweep([prompts[name] for name in [{named}]], {self._some(ids)}, models=[{asked}]{options})"

    def _some(self, ids: Sequence[str]) -> str:
        if self.articles == tuple(ids):
            return "articles"
        if self.articles == tuple(ids[: len(self.articles)]):
            return f"articles[:{len(self.articles)}]"
        return f"[each for each in articles if each.id in {list(self.articles)!r}]"


def _listed(name: str, value: object) -> list[Any]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise PlanError(f"{name}={value!r:.80}: give a list")
    return list(value)


def _heat(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2:
        raise PlanError(f"temperature {value!r:.40}: give a number from 0 to 2, or None for the default")
    return float(value)


def _budget(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < math.inf:
        raise PlanError(f"budget_usd={value!r:.40}: give US dollars from 0 up, or None for no limit")
    return float(value)


def _spelt(model: Model | None, name: str) -> str:
    return repr(name) if model is None or model == Model(name) else f"rk.{model!r}"


# ---- what can be chosen


@dataclass(frozen=True)
class Offer:
    """A model that can be chosen, or why it cannot; `model` is None for one that is only named."""

    name: str
    usable: bool
    kind: str
    note: str
    model: Model | None = None

    def to_dict(self) -> dict[str, Any]:
        """As the view shows it."""
        return {"name": visible(self.name), "usable": self.usable, "kind": self.kind, "note": visible(self.note)}


def offers_at_once(models: Iterable[Model] | None) -> list[Offer]:
    """What is known without asking anybody: the models that were given, else those that are embedded."""
    listed = [Model(each) for each in BASELINES] if models is None else models
    return [Offer(each.name, True, "model", BASELINES.get(each.id, each.api_base or ""), each) for each in listed]


def offers(models: Iterable[Model] | None) -> list[Offer]:
    """All that can be chosen now, and why the rest cannot; servers are asked for their lists, nothing is spent."""
    known = offers_at_once(models)
    if models is not None:
        return [_checked(each) for each in known]
    for row in available_models().to_dict("records"):
        if row["kind"] != "embedded":
            base = None if pd.isna(row["api_base"]) else str(row["api_base"])
            model = Model(str(row["model"]), api_base=base) if row["usable"] else None
            known.append(Offer(str(row["model"]), bool(row["usable"]), str(row["kind"]), str(row["note"]), model))
    return list({each.name: each for each in known}.values())


def _checked(offer: Offer) -> Offer:
    assert offer.model is not None
    try:
        check_ready([offer.model])
    except ModelError as problem:
        return replace(offer, usable=False, note=str(problem).removeprefix(f"{offer.name}: "))
    return offer


# ---- on disk


def read_desk(store: str | os.PathLike[str]) -> dict[str, Any]:
    """What a workbench left beside the store; empty when there is nothing.

    Raises
    ------
    PlanError
        When the file cannot be read as what it should be; it was put aside then, and the next time there is nothing.
    """
    path = Path(store) / _FILE
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        told = None
    if isinstance(told, dict):
        return told
    aside = path.with_suffix(".broken.json")
    path.replace(aside)
    raise PlanError(f"{path} could not be read: the workbench starts afresh, and the file is kept as {aside.name}")


def write_desk(store: str | os.PathLike[str], told: Mapping[str, Any]) -> None:
    """Keep what a workbench shows, whole or not at all."""
    folder = Path(store)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(
        "w", encoding="utf-8", errors="replace", dir=folder, prefix=".workbench.", delete=False
    ) as part:
        json.dump(told, part, ensure_ascii=False, indent=1)
    Path(part.name).replace(folder / _FILE)
