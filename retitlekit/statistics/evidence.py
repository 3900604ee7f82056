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
_FLIPS = 19_999
_EXACT_UP_TO = 24  # articles: 2**24 sign patterns
_HEAPS = 3000
_CHUNK = 4_000_000  # numbers at once
_FEWEST_TO_RESAMPLE = 10  # articles
_FEWEST_SIZES = 8  # by which articles differ, a hundredth of the largest apart, for Student's test to be near exact
_FLATTEST = 1.3  # kurtosis: 1 where all differ by one size, 1.8 where by any up to some size, 3 for normal noise
_FARTHEST = 3.0  # times Student's reach: resamples that miss the one outlier would send it anywhere
_SAME = 1 - 1e-9  # what differs by less only hangs on rounding
_NORMAL = NormalDist()


def resample(articles: int, *, draws: int = DRAWS, seed: int = 0) -> Iterator[Floats]:
    """Draw articles with replacement: how often each is taken, as chunks of shape (some draws, articles)."""
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK // max(articles, 1))
    for start in range(0, draws, size):
        rows = min(size, draws - start)
        taken = rng.integers(0, articles, (rows, articles)) + articles * np.arange(rows)[:, None]
        yield np.bincount(taken.ravel(), minlength=rows * articles).reshape(rows, articles).astype(np.float64)


def interval(values: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Intervals of the means of columns, by the studentised cluster bootstrap over articles.

    Percentiles of resampled means are too narrow for few articles and blind to skew. Here each resample is measured in
    its own standard error (Efron 1981; correct to the second order, Hall 1988; Hesterberg 2015, section 5.5). Neither
    end lies nearer than Student's: resamples hold too few extremes, and where they show no skew there may still be
    some. ``benchmarks/statistics.md`` has the coverage.

    Where fewer than ten articles leave the usual value there is too little to resample, and the interval is Student's.
    Below two articles there is none.
    """
    known = ~np.isnan(values)
    n, middle = known.sum(axis=0), means(values)
    reach = np.array([student((1 + confidence) / 2, int(each) - 1) if each > 1 else np.nan for each in n])
    sums, counts = _heaped(np.where(known, values - middle, 0.0)), _heaped(known.astype(np.float64))
    error = _pivots(np.ones((1, len(sums))), sums, counts)[1][0]
    below, above = -reach, reach.copy()
    many = np.flatnonzero(_unusual(values) >= _FEWEST_TO_RESAMPLE)
    if len(many):
        sums, counts = sums[:, many], counts[:, many]
        drawn = [_pivots(taken, sums, counts) for taken in resample(len(sums))]
        with np.errstate(invalid="ignore", divide="ignore"):
            pivots = np.concatenate([shift / spread for shift, spread in drawn])
        for column, draws in zip(many.tolist(), pivots.T, strict=True):
            left, right = np.quantile(draws[np.isfinite(draws)], [(1 - confidence) / 2, (1 + confidence) / 2])
            below[column] = -min(max(-left, reach[column]), _FARTHEST * reach[column])
            above[column] = min(max(right, reach[column]), _FARTHEST * reach[column])
    return middle - above * error, middle - below * error


def _pivots(taken: Floats, sums: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """How far the means of resampled heaps lie from the mean of all, and their standard errors: (draws, columns).

    A mean over articles of which some are missing is a ratio; its error is that of the linearised ratio.
    """
    n, heaps = taken @ counts, taken @ (counts > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        shift = (taken @ sums) / n
        squares = taken @ sums**2 - 2 * shift * (taken @ (sums * counts)) + shift**2 * (taken @ counts**2)
        return shift, np.sqrt(np.maximum(squares, 0) * heaps / (heaps - 1)) / n


def means(values: Floats) -> Floats:
    """Means of columns over the articles that have a value; NaN where none has."""
    known = ~np.isnan(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=0) / known.sum(axis=0))


def variances(values: Floats) -> Floats:
    """Variances of columns over the articles that have a value; NaN where fewer than two have one."""
    squares, n = means((values - means(values)) ** 2), (~np.isnan(values)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(n > 1, squares * n / (n - 1), np.nan))


def share_interval(values: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Intervals of shares, columns of values from 0 to 1: Wilson's, for as many titles as the articles are worth.

    Repeats within an article tell less than as many articles and more than one: the number is what gives a binomial
    share the standard error that the articles show (Korn and Graubard 1998), at least their number and, to be safe, at
    most twice that.
    """
    n, share = (~np.isnan(values)).sum(axis=0).astype(np.float64), means(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        worth = np.clip(share * (1 - share) / (variances(values) / n), n, 2 * n)
    return wilson(share, np.where(np.isfinite(worth), worth, n), confidence)


def share_difference_interval(values: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Intervals of paired differences of shares: those of `interval` where ten articles or more leave the usual value.

    Where fewer do, there is too little to resample, and certainty would be feigned: then Student's, with one more
    article for either side (Bonett and Price 2012), which errs on the wide side.
    """
    more = np.concatenate([values, np.ones((1, values.shape[1])), -np.ones((1, values.shape[1]))])
    more[:, np.isnan(values).all(axis=0)] = np.nan
    middle, n = means(more), (~np.isnan(more)).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        error = np.sqrt(variances(more) / n)
    reach = np.array([student((1 + confidence) / 2, int(each) - 1) if each > 1 else np.nan for each in n])
    low, high = np.clip(middle - reach * error, -1, 1), np.clip(middle + reach * error, -1, 1)
    many = _unusual(values) >= _FEWEST_TO_RESAMPLE
    if many.any():
        low[many], high[many] = interval(values[:, many], confidence)
    return low, high


def _unusual(values: Floats) -> NDArray[np.int64]:
    """How many articles of each column differ from its median."""
    n = (~np.isnan(values)).sum(axis=0)
    median = np.sort(values, axis=0)[np.maximum(n - 1, 0) // 2, np.arange(len(n))]  # NaN is sorted last
    return np.asarray((~np.isnan(values) & (values != median)).sum(axis=0), np.int64)


def _heaped(values: Floats) -> Floats:
    """Sums of random heaps of articles where there are very many: as good to resample, and much faster."""
    if len(values) <= _HEAPS:
        return values
    order = np.random.default_rng(0).permutation(len(values))
    return np.add.reduceat(values[order], np.linspace(0, len(values), _HEAPS, endpoint=False).astype(np.int64))


def percentiles(draws: Floats, articles: NDArray[np.int64], confidence: float) -> tuple[Floats, Floats]:
    """Percentile intervals of resampled figures that have no standard error, widened (Hesterberg 2015, section 4.1).

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


def normal(p: float) -> float:
    """Quantile of the normal distribution."""
    return _NORMAL.inv_cdf(p)


def wilson(share: Floats, n: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Wilson's interval (1927) for a share of n articles; NaN where n is 0."""
    z = _NORMAL.inv_cdf((1 + confidence) / 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
        half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def paired_test(differences: Floats) -> Floats:
    """Two-sided p of each column of paired differences: Student's, or by flipping signs where that is not near exact.

    Both ask the same of the same sum. Student's test (1908) is the most powerful one for normal noise, and for any
    symmetric noise, as differences of two alike variants have, its errors are rarer than they should be if anything
    (Efron 1969), as long as articles differ by many sizes. Where they are few, or differ by a few sizes only, as with
    gates, counts and votes, or one of them dwarfs the rest, `sign_flip` knows what chance can do. No p is smaller than
    what total agreement of so many articles has by flipping signs.
    """
    n = (np.nan_to_num(differences) != 0).sum(axis=0)
    p = np.ones(differences.shape[1])
    smooth = np.array([_is_smooth(column) for column in differences.T], bool)
    if smooth.any():
        known = differences[:, smooth]
        counted = (~np.isnan(known)).sum(axis=0)
        t = np.abs(means(known)) / np.sqrt(variances(known) / counted)
        p[smooth] = [student_p(float(value), int(each) - 1) for value, each in zip(t, counted, strict=True)]
        p[smooth] = np.maximum(p[smooth], 2.0 ** (1 - n[smooth]))
    if not smooth.all():
        p[~smooth] = sign_flip(differences[:, ~smooth], among=len(p))
    return p


def _is_smooth(differences: Floats) -> bool:
    """Whether articles differ by many sizes, and not all by about the same: looks at the sizes alone, not the signs."""
    sizes = np.abs(differences[np.nan_to_num(differences) != 0])
    if len(sizes) < _FEWEST_SIZES or len(np.unique(np.ceil(100 * sizes / sizes.max()))) < _FEWEST_SIZES:
        return False
    return float((sizes**4).mean() / (sizes**2).mean() ** 2) >= _FLATTEST


def student_p(t: float, freedom: int) -> float:
    """Two-sided p of Student's t: the finite series for whole degrees of freedom (Abramowitz and Stegun 26.7.3, .4)."""
    if freedom > 1000:
        return math.erfc(t * (1 - 1 / (4 * freedom)) / math.sqrt(1 + t * t / (2 * freedom)) / math.sqrt(2))
    angle = math.atan2(t, math.sqrt(freedom))
    square = math.cos(angle) ** 2
    term = math.cos(angle) if freedom % 2 else 1.0
    total = 0.0
    for step in range(freedom % 2 + 1, freedom, 2):
        total += term
        term *= square * step / (step + 1)
    inside = math.sin(angle) * total
    return max(1 - (2 / math.pi * (angle + inside) if freedom % 2 else inside), 0.0)


def sign_flip(differences: Floats, *, among: int = 1, seed: int = 0) -> Floats:
    """Two-sided p of each column of paired differences, by flipping signs (Fisher 1935).

    Exact over all patterns up to 24 articles that differ. Exact for any number where all differences have one size, as
    with a gate asked once: that is McNemar's exact test. Else by random patterns: 19,999, or more
    where p will be corrected for more rivals than these (`among`).
    """
    filled = np.nan_to_num(differences)
    p, rest = np.ones(filled.shape[1]), []
    for column, values in enumerate(filled.T):
        told = values[values != 0]
        if not len(told):
            continue
        if np.abs(told).min() > np.abs(told).max() * _SAME:
            p[column] = sign_test(int((told > 0).sum()), int((told < 0).sum()))
        elif len(told) <= _EXACT_UP_TO:
            p[column] = _all_flips(told)
        else:
            rest.append(column)
    if rest:
        p[rest] = _some_flips(_heaped(filled[:, rest]), max(_FLIPS, 25 * max(among, len(p))), seed)
    return p


def _all_flips(differences: Floats) -> float:
    """The share of all sign patterns at least as far out: sums of each half, met in the middle."""
    sums = []
    for half in (differences[: len(differences) // 2], differences[len(differences) // 2 :]):
        found = np.zeros(1)
        for size in half.tolist():
            found = np.concatenate([found - size, found + size])
        sums.append(np.sort(found))
    observed = abs(float(differences.sum())) - (1 - _SAME) * float(np.abs(differences).sum())
    beyond = len(sums[1]) * len(sums[0]) - np.searchsorted(sums[1], observed - sums[0], side="left").sum()
    return min(1.0, 2.0 * float(beyond) / 2.0 ** len(differences))


def _some_flips(differences: Floats, flips: int, seed: int) -> Floats:
    observed, n = np.abs(differences.sum(axis=0)) * _SAME, len(differences)
    rng = np.random.default_rng(seed)
    size, beyond = max(1, _CHUNK // n), np.zeros(differences.shape[1])
    for start in range(0, flips, size):
        bits = np.unpackbits(rng.integers(0, 256, (min(size, flips - start), -(-n // 8)), np.uint8), axis=1)[:, :n]
        sums = differences.sum(axis=0) - 2.0 * (bits.astype(np.float64) @ differences)
        beyond += np.sum(np.abs(sums) >= observed, axis=0)
    return np.asarray((1 + beyond) / (1 + flips))


def sign_test(more: int, less: int) -> float:
    """Two-sided exact p of so many articles for and against, ties left out: McNemar's test (1947), exactly."""
    n, fewer = more + less, min(more, less)
    if n > 2000:
        return math.erfc(max(abs(more - less) - 1, 0) / math.sqrt(2 * n))
    return float(min(1.0, 2 * sum(math.comb(n, k) for k in range(fewer + 1)) / 2**n))


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
