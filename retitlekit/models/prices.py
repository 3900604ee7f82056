"""Prices: what LiteLLM's bundled map says that a model costs, and how many tokens it takes."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from retitlekit.errors import ModelError
from retitlekit.models.model import Model, is_number
from retitlekit.models.providers import Messages, litellm

_RATE = re.compile(r"(input|output)_cost_per_(?:reasoning_)?token(?:_above_(\d+)k_tokens)?(?:_(\w+))?")


class Priced(NamedTuple):
    """A chat model of LiteLLM's map; US dollars per token."""

    id: str
    provider: str
    input: float
    output: float


def price_map() -> list[Priced]:
    """Chat models of LiteLLM's bundled map, with US dollars per token."""
    return [
        Priced(
            name if name.startswith(f"{provider}/") else f"{provider}/{name}",
            provider,
            float(entry.get("input_cost_per_token") or 0),
            float(entry.get("output_cost_per_token") or 0),
        )
        for name, entry in litellm().model_cost.items()
        if entry.get("mode") == "chat" and (provider := str(entry.get("litellm_provider")))
    ]


@lru_cache(maxsize=256)
def prices(model: Model) -> tuple[float, float] | None:
    """US dollars per input and per output token; None when unknown."""
    if model.embedded:
        return 0.0, 0.0
    if model.input_cost_per_token is not None and model.output_cost_per_token is not None:
        return model.input_cost_per_token, model.output_cost_per_token
    entry = _entry(model)
    first = (entry.get("tiered_pricing") or [entry])[0]
    pair = first.get("input_cost_per_token"), first.get("output_cost_per_token")
    return None if None in pair else (float(pair[0]), float(pair[1]))


def highest_prices(model: Model, tokens: int, params: Mapping[str, Any]) -> tuple[float, float] | None:
    """`prices` at their highest for a request of so many tokens: long ones, thought and service tiers may cost more."""
    return _highest_prices(model, math.ceil(tokens / 1000), str(params.get("service_tier")))


@lru_cache(maxsize=1024)
def _highest_prices(model: Model, thousands: int, service: str) -> tuple[float, float] | None:
    usual = prices(model)
    if usual is None or model.embedded or model.input_cost_per_token is not None:
        return usual
    entry = _entry(model)
    tiers = [tier for tier in entry.get("tiered_pricing") or () if thousands * 1000 > tier.get("range", [0])[0]]
    found = {"input": [usual[0]], "output": [usual[1]]}
    for name, price in ((name, price) for table in (entry, *tiers) for name, price in table.items()):
        rate = _RATE.fullmatch(name)
        if rate and is_number(price) and thousands > int(rate[2] or 0) and rate[3] in (None, service):
            found[rate[1]].append(price)
    return max(found["input"]), max(found["output"])


def batch_prices(model: Model) -> tuple[float, float] | None:
    """`prices` in a batch: as LiteLLM's map says, else half, which is what providers take."""
    price = prices(model)
    told = (listed(model) or {}) if model.input_cost_per_token is None else {}
    pair = told.get("input_cost_per_token_batches"), told.get("output_cost_per_token_batches")
    if pair[0] is not None and pair[1] is not None:
        return pair[0], pair[1]
    return price and (price[0] / 2, price[1] / 2)


def highest_batch_prices(model: Model, tokens: int, params: Mapping[str, Any]) -> tuple[float, float] | None:
    """`highest_prices` in a batch."""
    usual, highest, batch = prices(model), highest_prices(model, tokens, params), batch_prices(model)
    if usual is None or highest is None or batch is None:
        return None
    more = [high / low if low else 1.0 for high, low in zip(highest, usual, strict=True)]
    return batch[0] * more[0], batch[1] * more[1]


def longest_reply(model: Model, params: Mapping[str, Any]) -> int | None:
    """Most tokens that a reply can have: the caller's limit, or the model's own; None when unknown."""
    limit = params.get("max_completion_tokens") or params.get("max_tokens")
    return int(limit) if limit else (listed(model) or {}).get("max_output_tokens")


def count_tokens(model: Model, messages: Messages) -> int:
    """Tokens of a request, by the model's tokenizer where LiteLLM bundles it, else by OpenAI's."""
    return int(litellm().token_counter(model=model.id, messages=[dict(message) for message in messages]))


def _entry(model: Model) -> dict[str, Any]:
    """A model's prices as LiteLLM's map has them: those that are missing there are 0 in `listed`."""
    info = listed(model) or {}
    return dict(litellm().model_cost.get(info.get("key"), info))


def listed(model: Model) -> dict[str, Any] | None:
    """What LiteLLM's map says of a model; None when it is not there."""
    try:
        return dict(litellm().get_model_info(model.id))
    except Exception as problem:  # LiteLLM raises a bare Exception of its own for a model that its map lacks
        if "isn't mapped" not in str(problem):
            raise ModelError(f"{model.name}: LiteLLM cannot tell its price: {problem}") from problem
        return None


def forget() -> None:
    """Look every price up anew."""
    prices.cache_clear()
    _highest_prices.cache_clear()
