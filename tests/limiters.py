"""Rate limiters as providers have them: the counting part of a server, for tests and benchmarks."""

from __future__ import annotations

import math
from collections import deque


class FixedWindow:
    """`n` requests in each minute of the server's clock."""

    def __init__(self, n: int, offset_s: float = 0.0) -> None:
        self.n, self.offset_s, self.window, self.count = n, offset_s, -1, 0

    def wait_s(self, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        window = int((now + self.offset_s) // 60)
        if window != self.window:
            self.window, self.count = window, 0
        if self.count < self.n:
            self.count += 1
            return 0.0
        return self.told(now)[1]

    def told(self, now: float) -> tuple[int, float]:
        """Requests that remain, and seconds until all are back."""
        return self.n - self.count, (self.window + 1) * 60 - self.offset_s - now


class SlidingWindow:
    """`n` requests in any minute."""

    def __init__(self, n: int) -> None:
        self.n, self.times = n, deque[float]()

    def wait_s(self, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        while self.times and self.times[0] <= now - 60:
            self.times.popleft()
        if len(self.times) < self.n:
            self.times.append(now)
            return 0.0
        return self.times[0] + 60 - now

    def told(self, now: float) -> tuple[int, float]:
        """Requests that remain, and seconds until all are back."""
        return self.n - len(self.times), self.times[-1] + 60 - now if self.times else 0.0


class TokenBucket:
    """`n` requests flow in a minute, and at most `size` are kept."""

    def __init__(self, n: int, size: int) -> None:
        self.n, self.rate, self.size, self.level, self.then = n, n / 60, size, float(size), 0.0

    def wait_s(self, now: float) -> float:
        """0 and one request less, or the seconds until there is one."""
        self.level = min(self.size, self.level + (now - self.then) * self.rate)
        self.then = now
        if self.level >= 1:
            self.level -= 1
            return 0.0
        return (1 - self.level) / self.rate

    def told(self, now: float) -> tuple[int, float]:
        """Requests that remain, and seconds until all are back."""
        return int(self.level), (self.size - self.level) / self.rate


Limiter = FixedWindow | SlidingWindow | TokenBucket
LIMITERS = {
    "fixed window": FixedWindow,
    "sliding window": SlidingWindow,
    "bucket of a second": lambda n: TokenBucket(n, max(1, n // 60)),
    "bucket of a minute": lambda n: TokenBucket(n, n),
}


def headers(limiter: Limiter, now: float, wait_s: float, tells: str) -> dict[str, str]:
    """What the answer tells: "nothing", "retry-after" (with a 429), or "all" (OpenAI's headers, always)."""
    told: dict[str, str] = {}
    if tells != "nothing" and wait_s:
        told["retry-after"] = str(math.ceil(wait_s))
    if tells == "all":
        remaining, reset_s = limiter.told(now)
        told |= {
            "x-ratelimit-limit-requests": str(limiter.n),
            "x-ratelimit-remaining-requests": str(remaining),
            "x-ratelimit-reset-requests": f"{reset_s:.3f}s",
        }
    return told
