"""Budgets: what a run may spend. The worst case is set aside before a request leaves, and settled when it is back.

The worst case of a request is all its bytes as tokens (a token has at least one) with some for each message's frame,
and the longest reply that its parameters allow. Whatever may have been billed without an answer (a timeout, a broken
connection) counts at its worst.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from retitlekit.errors import PlanError
from retitlekit.models.model import Model, is_number, is_whole
from retitlekit.models.prices import highest_prices, longest_reply
from retitlekit.sweeps.trials import Trial

_FRAME_TOKENS = 16  # of one message, beside its text
_PICO = 1e12  # sums of whole picodollars are exact


class Amount(NamedTuple):
    """What one request costs: picodollars and tokens."""

    money: int = 0
    tokens: int = 0

    @classmethod
    def of(cls, usd: float, tokens: int) -> Amount:
        """From US dollars, rounded up."""
        return cls(math.ceil(usd * _PICO), tokens)


NOTHING = Amount()


class Purse:
    """What is left of `budget_usd` and `max_tokens_total`, with what is set aside for requests under way."""

    def __init__(
        self,
        budget_usd: float | None = None,
        max_tokens_total: int | None = None,
        *,
        prices: Callable[[Model, int, Mapping[str, Any]], tuple[float, float] | None] = highest_prices,
    ) -> None:
        if budget_usd is not None and not (is_number(budget_usd) and budget_usd >= 0):
            raise PlanError(f"budget_usd={budget_usd!r}: give US dollars from 0 up, or None for no budget")
        if max_tokens_total is not None and not (is_whole(max_tokens_total) and max_tokens_total >= 0):
            raise PlanError(
                f"max_tokens_total={max_tokens_total!r}: give a whole number from 0 up, or None for no limit"
            )
        self._prices = prices
        self.limited = budget_usd is not None or max_tokens_total is not None
        self.counts_money = budget_usd is not None
        self._money = math.inf if budget_usd is None else math.floor(budget_usd * _PICO)
        self._tokens = math.inf if max_tokens_total is None else max_tokens_total
        self._had = self._money, self._tokens
        self._aside = 0
        self._excess: dict[str, float] = {}  # by endpoint: a real cost against its worst case; absent until one came
        self._sounding: set[str] = set()

    @property
    def left(self) -> tuple[float, float]:
        """Picodollars and tokens that are neither spent nor set aside; infinity where there is no limit."""
        return self._money, self._tokens

    @property
    def spent(self) -> Amount:
        """What is spent or set aside of that which is limited."""
        return Amount(
            *(0 if had == math.inf else int(had - left) for had, left in zip(self._had, self.left, strict=True))
        )

    def worst(self, trial: Trial) -> Amount:
        """The most that this trial can cost.

        Raises
        ------
        PlanError
            When that is unknown: no price, or no longest reply.
        """
        if not self.limited or trial.model.embedded:
            return NOTHING
        read = trial.size + _FRAME_TOKENS * (len(trial.messages) + 1)
        price = self._prices(trial.model, read, trial.params) if self.counts_money else (0.0, 0.0)
        if price is None:
            raise PlanError(
                f"{trial.model.name}: its price is unknown, so budget_usd cannot hold; give "
                "rk.Model(…, input_cost_per_token=…, output_cost_per_token=…)"
            )
        longest = longest_reply(trial.model, trial.params)
        if longest is None:
            raise PlanError(
                f"{trial.model.name}: the longest reply is unknown, so the budget cannot hold; plan with max_tokens=…"
            )
        excess = self._excess.get(trial.model.endpoint, 1.0)
        return Amount.of(excess * (read * price[0] + longest * price[1]), math.ceil(excess * (read + longest)))

    def wait_s(self, endpoint: str, worst: Amount) -> float | None:
        """0 when `worst` can be spent now, infinity once another request is settled, None when it never can.

        The first request to an endpoint goes alone: what it really costs shows how far the worst case can be trusted.
        """
        if worst == NOTHING:
            return 0.0
        if worst.money <= self._money and worst.tokens <= self._tokens:
            return math.inf if endpoint in self._sounding else 0.0
        return math.inf if self._aside else None

    def limit(self, worst: Amount) -> str:
        """Which limit `worst` does not fit into."""
        return "budget_usd" if worst.money > self._money else "max_tokens_total"

    def reserve(self, endpoint: str, worst: Amount) -> None:
        """Set `worst` aside."""
        if worst == NOTHING:
            return
        self._take(worst)
        self._aside += 1
        if endpoint not in self._excess:
            self._sounding.add(endpoint)

    def settle(self, endpoint: str, worst: Amount, spent: Amount | None) -> None:
        """Give back what was set aside, and book what was spent; None books the worst case."""
        if worst == NOTHING:
            return
        self._aside -= 1
        self._sounding.discard(endpoint)
        if spent is None:
            return
        self._take(Amount(max(spent.money, 0) - worst.money, max(spent.tokens, 0) - worst.tokens))
        ratios = [real / expected for real, expected in zip(spent, worst, strict=True) if expected]
        before = self._excess.get(endpoint, 1.0)
        self._excess[endpoint] = before * max(1.0, *ratios)

    def _take(self, amount: Amount) -> None:
        self._money -= amount.money
        self._tokens -= amount.tokens
