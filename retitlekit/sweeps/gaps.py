"""Gaps: how far apart an endpoint wants its requests that takes one at a time, each `60 / N` seconds after the last.

What was not sent in time is lost there, so counts say nothing of its rate (`paces`); the distance of two requests does.
The limiter is the generic cell rate algorithm (ITU-T I.371) without a tolerance for bursts.
"""

from __future__ import annotations

import math

_RARE = 100  # answers between two refusals that we provoke
_CLOSER, _JITTER_S = 0.01, 0.002  # of a distance between two requests, and what the way adds to it


class Gap:
    """The shortest distance between two requests that an endpoint takes.

    It is too short or it is not, so it is searched by halving. What is known by then is tried a little closer after
    many.
    """

    def __init__(self) -> None:
        self.gap_s = 0.0
        self._short_s, self._enough_s = 0.0, math.inf  # the longest that was refused, the shortest that was taken
        self._last = self._before = -math.inf  # when the last one was sent, and the one before
        self._tried_s = math.inf  # between these, while nobody has refused it
        self._quiet, self._patience, self._step = 0, 2 * _RARE, 0.01

    def wait_s(self, now: float) -> float:
        """Seconds until one more may go."""
        return self._last + self.gap_s - now

    def send(self, now: float, *, search: bool) -> None:
        """Note that a request leaves; while we search, the one before it was taken."""
        self._quiet += 1
        if not search:
            self._before, self._last = self._last, now
            return
        if self._settled:
            if self._quiet > self._patience:
                self._quiet, self._enough_s = 0, (1 - _CLOSER) * self._enough_s
                self._short_s = min(self._short_s, self._enough_s / (1 + _CLOSER))
        else:
            self._enough_s = min(self._enough_s, self._tried_s)
        self._before, self._last, self._tried_s = self._last, now, now - self._last
        self._aim()

    def refused(self, at: float) -> None:
        """What was sent then came too early."""
        if at != self._last:
            return
        self._short_s = max(self._short_s, at - self._before)
        if self._settled:  # by chance, or for something new
            self._step = min(1.0, 2 * self._step) if self._quiet < _RARE // 4 else _CLOSER
            self._enough_s = max(self._enough_s, self._short_s) * (1 + self._step) + _JITTER_S / 4
            self._patience = min(20 * _RARE, 2 * self._patience)
        self._last, self._quiet, self._tried_s = self._before, 0, math.inf
        self._aim()

    def scale(self, change: float) -> None:
        """From now on, so much further apart."""
        self._short_s, self._enough_s, self.gap_s = (
            each * change for each in (self._short_s, self._enough_s, self.gap_s)
        )

    @property
    def _settled(self) -> bool:
        return self._enough_s <= self._short_s * (1 + 2 * _CLOSER) + _JITTER_S

    def _aim(self) -> None:
        if self._settled:
            self.gap_s = self._enough_s
        elif self._enough_s == math.inf:
            self.gap_s = max(2 * self._short_s, _JITTER_S)
        else:
            self.gap_s = math.sqrt(max(self._short_s, _JITTER_S) * self._enough_s)
