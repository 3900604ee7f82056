"""Bradley and Terry's model of pairwise votes, on plain arrays: wins of row over column, a tie half a win to each."""

from __future__ import annotations

from itertools import combinations

import numpy as np

from retitlekit.statistics.evidence import Floats, resample

RIDGE = 0.1
_CHUNK = 1_000_000  # numbers at once


def bradley_terry(wins: Floats, *, ridge: float = RIDGE) -> Floats:
    """Strengths from wins of row over column, shape (fits, variants, variants); a tie is half a win to each.

    P(i beats j) = 1 / (1 + exp(θj - θi)) (Bradley and Terry 1952), by Newton's method; strengths sum to 0. The ridge, a
    normal prior of variance 1 / ridge, keeps a variant that won or lost every vote finite (Ford 1957 has the condition
    under which it would not be).
    """
    fits, variants, _ = wins.shape
    strengths = np.zeros((fits, variants))
    votes = wins + wins.transpose(0, 2, 1)
    diagonal = np.arange(variants)
    ridge = max(ridge, 1e-12)  # only differences count: something must hold their level
    for _ in range(50):
        chance = win_chances(strengths)
        slope = (wins - votes * chance).sum(axis=2) - ridge * strengths
        curve = -votes * chance * (1 - chance)
        curve[:, diagonal, diagonal] = ridge - curve.sum(axis=2) + curve[:, diagonal, diagonal]
        step = np.clip(np.linalg.solve(curve, slope[..., None])[..., 0], -2, 2)
        strengths += step
        if np.abs(step).max(initial=0.0) < 1e-10:
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
    each = max(1, _CHUNK // variants**2)
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


def covariance(wins: Floats, strengths: Floats, *, ridge: float = RIDGE) -> Floats:
    """Covariance of fitted strengths by Laplace's approximation, shape (variants, variants)."""
    chance = win_chances(strengths[None])[0]
    curve = -(wins + wins.T) * chance * (1 - chance)
    np.fill_diagonal(curve, 0.0)
    np.fill_diagonal(curve, ridge - curve.sum(axis=1))
    return np.asarray(np.linalg.inv(curve))


def groups(cast: Floats) -> list[list[int]]:
    """Variants that votes join, directly or through others; the group with most votes first.

    Strengths of two groups cannot be compared. `cast` holds the number of votes of each pair.
    """
    left, found = set(range(len(cast))), []
    while left:
        group, border = set[int](), {min(left)}
        while border:
            group |= border
            border = set(np.flatnonzero((cast[sorted(border)] > 0).any(axis=0)).tolist()) - group
        left -= group
        found.append(sorted(group))
    return sorted(found, key=lambda group: -float(cast[group].sum()))


def cycles(wins: Floats) -> tuple[list[tuple[int, int, int]], int]:
    """Triples that beat each other in a circle by direct votes (Kendall and Babington Smith 1940), and all triples.

    Of three variants with a majority in each of their pairs. Among equals every fourth triple is a circle by chance; a
    larger share says that one scale of strength does not fit. The circle with the widest majorities comes first.
    """
    margin = wins - wins.T
    beats = margin > 0
    found, triples = [], 0
    for a, b, c in combinations(range(len(wins)), 3):
        if not (margin[a, b] and margin[b, c] and margin[a, c]):
            continue
        triples += 1
        if beats[a, b] == beats[b, c] == beats[c, a]:
            found.append((a, b, c) if beats[a, b] else (a, c, b))
    found.sort(key=lambda t: -min(margin[t[0], t[1]], margin[t[1], t[2]], margin[t[2], t[0]]))
    return found, triples
