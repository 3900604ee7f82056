"""The statistics behind a decision, on plain arrays: rows are articles, columns are variants, NaN is not measured.

The article is the unit: whatever happened within one (repeats, raters) is averaged before it comes here, and is
resampled, or has its sign flipped, as a whole. Everything is seeded: the same data give the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

DRAWS = 2000
_FLIPS = 9999
_EXACT_UP_TO = 15  # articles: 2**15 sign patterns
_HEAPS = 3000
_CHUNK = 4_000_000  # numbers at once
_RIDGE = 0.1
_NORMAL = NormalDist()


def resample(articles: int, *, draws: int = DRAWS, seed: int = 0) -> Iterator[Floats]:
    """Draw articles with replacement: how often each is taken, as chunks of shape (some draws, articles)."""
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK // max(articles, 1))
    for start in range(0, draws, size):
        rows = min(size, draws - start)
        taken = rng.integers(0, articles, (rows, articles)) + articles * np.arange(rows)[:, None]
        yield np.bincount(taken.ravel(), minlength=rows * articles).reshape(rows, articles).astype(np.float64)


def bootstrap_means(values: Floats, *, seed: int = 0) -> Floats:
    """Means of resampled articles: shape (draws, variants). Cluster bootstrap (Field and Welsh 2007)."""
    known = ~np.isnan(values)
    filled, counts = _heaped(np.where(known, values, 0.0)), _heaped(known.astype(np.float64))
    with np.errstate(invalid="ignore"):
        return np.concatenate([(taken @ filled) / (taken @ counts) for taken in resample(len(filled), seed=seed)])


def _heaped(values: Floats) -> Floats:
    """Sums of random heaps of articles where there are very many: as good to resample, and much faster."""
    if len(values) <= _HEAPS:
        return values
    heaps = np.zeros((_HEAPS, values.shape[1]))
    np.add.at(heaps, np.random.default_rng(0).permutation(len(values)) % _HEAPS, values)
    return heaps


def interval(draws: Floats, articles: NDArray[np.int64], confidence: float) -> tuple[Floats, Floats]:
    """Percentile intervals of each column, widened for few articles (Hesterberg 2015, section 4.1).

    The percentile interval of n articles is too narrow by about sqrt((n - 1) / n) and uses normal instead of Student
    quantiles; taking percentiles further out mends both. Below two articles there is none.
    """
    low, high = np.full(draws.shape[1], np.nan), np.full(draws.shape[1], np.nan)
    for column, n in enumerate(articles.tolist()):
        if n > 1 and not np.isnan(draws[:, column]).all():
            tail = _NORMAL.cdf(-math.sqrt(n / (n - 1)) * student((1 + confidence) / 2, n - 1))
            low[column], high[column] = np.nanquantile(draws[:, column], [tail, 1 - tail])
    return low, high


def student(p: float, freedom: int) -> float:
    """Quantile of Student's t for p > 1/2: exact for 1 and 2 degrees of freedom, else Cornish and Fisher's series."""
    if freedom == 1:
        return math.tan(math.pi * (p - 0.5))
    if freedom == 2:
        return (2 * p - 1) / math.sqrt(2 * p * (1 - p))
    z = _NORMAL.inv_cdf(p)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / float(freedom) ** power for power, term in enumerate(terms, 1))


def wilson(share: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Wilson's interval (1927) for a share of n articles; NaN where n is 0."""
    z = _NORMAL.inv_cdf((1 + confidence) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def sign_flip(differences: Floats, *, seed: int = 0) -> Floats:
    """Two-sided p of each column of paired differences, by flipping signs (Fisher 1935).

    Exact over all patterns up to 15 articles that differ; else 9,999 random ones, so that p is 0.0001 at the least.
    """
    filled = _heaped(np.nan_to_num(differences))
    filled = filled[np.any(filled != 0, axis=1)]
    observed = np.abs(filled.sum(axis=0)) * (1 - 1e-9)  # ties must not hang on rounding
    n = len(filled)
    if n == 0:
        return np.ones(differences.shape[1])
    if n <= _EXACT_UP_TO:
        signs = 1.0 - 2.0 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return np.asarray(np.mean(np.abs(signs @ filled) >= observed, axis=0))
    rng = np.random.default_rng(seed)
    size, beyond = max(1, _CHUNK // n), np.zeros(differences.shape[1])
    for start in range(0, _FLIPS, size):
        bits = np.unpackbits(rng.integers(0, 256, (min(size, _FLIPS - start), -(-n // 8)), np.uint8), axis=1)[:, :n]
        beyond += np.sum(np.abs(filled.sum(axis=0) - 2.0 * (bits.astype(np.float64) @ filled)) >= observed, axis=0)
    return np.asarray((1 + beyond) / (1 + _FLIPS))


def holm(p: Floats) -> Floats:
    """P-values corrected for their number by Holm's step-down rule (1979)."""
    order = np.argsort(p)
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def articles_needed(difference: float, deviation: float, confidence: float, power: float = 0.8) -> float:
    """Articles at which a paired difference of this size would probably come out, by the normal approximation."""
    if difference == 0:
        return math.inf
    reach = _NORMAL.inv_cdf((1 + confidence) / 2) + _NORMAL.inv_cdf(power)
    return math.ceil((reach * deviation / difference) ** 2)


def fewest_articles(rivals: int, confidence: float) -> int:
    """Articles below which not even total agreement gives a corrected p small enough, by the sign-flip test."""
    return math.ceil(1 + math.log2(rivals / (1 - confidence)) - 1e-9)


# -------------------------------------------------------------------------------------------------- Bradley and Terry


def bradley_terry(wins: Floats) -> Floats:
    """Strengths from wins of row over column, shape (fits, variants, variants); a tie is half a win to each.

    P(i beats j) = 1 / (1 + exp(θj - θi)) (Bradley and Terry 1952), by Newton's method. A ridge of 0.1 keeps a variant
    that won or lost every vote finite.
    """
    fits, variants, _ = wins.shape
    strengths = np.zeros((fits, variants))
    votes = wins + wins.transpose(0, 2, 1)
    diagonal = np.arange(variants)
    for _ in range(50):
        chance = win_chances(strengths)
        slope = (wins - votes * chance).sum(axis=2) - _RIDGE * strengths
        curve = -votes * chance * (1 - chance)
        curve[:, diagonal, diagonal] = _RIDGE - curve.sum(axis=2) + curve[:, diagonal, diagonal]
        step = np.clip(np.linalg.solve(curve, slope[..., None])[..., 0], -2, 2)
        strengths += step
        if np.abs(step).max(initial=0.0) < 1e-8:
            break
    return strengths


def win_chances(strengths: Floats) -> Floats:
    """P(row beats column) for each fit."""
    return np.asarray(1 / (1 + np.exp(strengths[:, None, :] - strengths[:, :, None])))


def win_rates(strengths: Floats) -> Floats:
    """Chance of each variant to win against a rival taken at random: shape (fits, variants)."""
    variants = strengths.shape[1]
    return np.asarray((win_chances(strengths).sum(axis=2) - 0.5) / max(variants - 1, 1))


def bootstrap_win_rates(wins: Floats, *, seed: int = 0) -> Floats:
    """Win rates refitted on resampled articles, from wins of shape (articles, variants, variants)."""
    articles, variants, _ = wins.shape
    flat = wins.reshape(articles, -1)
    each = max(1, _CHUNK // (4 * variants**2))
    rates = []
    for taken in resample(articles, seed=seed):
        for start in range(0, len(taken), each):
            resampled = (taken[start : start + each] @ flat).reshape(-1, variants, variants)
            rates.append(win_rates(bradley_terry(resampled)))
    return np.concatenate(rates)


def vote_differences(wins: Floats, best: int) -> Floats:
    """What each article says for each variant against the best: columns whose signs may be flipped.

    The slope of the likelihood where both are equally strong: were they, swapping their names in an article would be as
    likely as not and would turn its sign. Uses votes on third variants too.
    """
    articles, variants, _ = wins.shape
    differences = np.zeros((articles, variants))
    for rival in range(variants):
        if rival == best:
            continue
        merged = wins.sum(axis=0)
        merged[best] += merged[rival]
        merged[:, best] += merged[:, rival]
        merged[rival] = merged[:, rival] = merged[best, best] = 0.0
        expected = win_chances(bradley_terry(merged[None]))[0, best]
        others = np.array([other not in (best, rival) for other in range(variants)])
        votes = wins + wins.transpose(0, 2, 1)
        surplus = (wins - votes * expected[None, None, :])[:, :, others].sum(axis=2)
        direct = wins[:, rival, best] - wins[:, best, rival]
        differences[:, rival] = surplus[:, rival] - surplus[:, best] + direct
    return differences
