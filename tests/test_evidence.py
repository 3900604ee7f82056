"""The statistics: against closed forms, tables and enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from retitlekit import evidence, strengths


@pytest.mark.parametrize(
    ("p", "freedom", "expected"),
    [(0.975, 1, 12.706), (0.975, 2, 4.303), (0.975, 4, 2.776), (0.975, 9, 2.262), (0.95, 29, 1.699), (0.995, 7, 3.499)],
)
def test_student_quantiles(p: float, freedom: int, expected: float) -> None:
    """Quantiles agree with the printed table."""
    assert expected == pytest.approx(evidence.student(p, freedom), rel=2e-3)


def test_wilson_intervals() -> None:
    """Nine of ten, and thirty of thirty: the latter leaves about 3.8/n, near the rule of three."""
    low, high = evidence.wilson(np.array([0.9, 1.0]), np.array([10.0, 30.0]), 0.95)

    assert [0.596, 0.886] == pytest.approx([low[0], low[1]], abs=1e-3)
    assert [0.982, 1.0] == pytest.approx([high[0], high[1]], abs=1e-3)


def test_sign_flip_is_exact() -> None:
    """With few articles p is the share of all sign patterns at least as far out."""
    differences = np.array([0.3, -0.1, 0.2, 0.5, 0.1, 0.2, 0.0])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=7)]
    expected = np.mean([total >= abs(differences.sum()) - 1e-12 for total in sums])

    assert [expected] == pytest.approx(evidence.sign_flip(differences[:, None]).tolist())


def test_sign_flip_by_drawing_agrees_with_the_normal() -> None:
    """With many articles random patterns give the p of the normal approximation."""
    differences = np.random.default_rng(3).normal(0.1, 1, (400, 2))
    z = np.abs(differences.sum(axis=0)) / np.sqrt((differences**2).sum(axis=0))

    assert [math.erfc(value / math.sqrt(2)) for value in z] == pytest.approx(
        evidence.sign_flip(differences).tolist(), abs=0.02
    )


def test_no_difference_has_p_one() -> None:
    """Equal variants, and variants that share no article, are not told apart."""
    assert [1.0, 1.0] == evidence.sign_flip(np.array([[0.0, np.nan]] * 20)).tolist()


def test_holm() -> None:
    """Holm's own kind of example: steps multiply and never fall."""
    assert [0.03, 0.06, 0.06, 0.02] == pytest.approx(evidence.holm(np.array([0.01, 0.04, 0.03, 0.005])).tolist())


@pytest.mark.parametrize(("rivals", "expected"), [(1, 6), (2, 7), (11, 9)])
def test_fewest_articles(rivals: int, expected: int) -> None:
    """One article fewer, and total agreement would not be enough."""
    p = [float(evidence.sign_flip(np.ones((n, 1)))[0]) * rivals for n in (expected - 1, expected)]

    assert expected == evidence.fewest_articles(rivals, 0.95)
    assert p[0] > 0.05 >= p[1]


@pytest.mark.parametrize(("effect", "expected"), [(0.2, 197), (0.3, 88), (0.5, 32), (0.8, 13)])
def test_articles_needed(effect: float, expected: int) -> None:
    """The textbook sample sizes for 80 % power."""
    assert expected == evidence.articles_needed(effect, 1.0, 0.95)


def test_bootstrap_spread_is_that_of_the_mean() -> None:
    """Resampled means vary as sd / sqrt(n), also when articles are heaped, and gaps are left out."""
    values = np.random.default_rng(5).normal(0, 1, (9000, 2))
    values[:8600, 1] = np.nan
    spread = evidence.bootstrap_means(values).std(axis=0)

    assert [1 / math.sqrt(9000), 1 / math.sqrt(400)] == pytest.approx(spread.tolist(), rel=0.1)


def test_two_variants_by_bradley_and_terry() -> None:
    """Three wins to one: a win rate of 3/4, a little less for the ridge; ties count half."""
    decided, tied = strengths.win_rates(strengths.bradley_terry(np.array([[[0, 30], [10, 0]], [[0, 5.0], [5.0, 0]]])))

    assert [0.75, 0.25] == pytest.approx(decided.tolist(), abs=0.01)
    assert [0.5, 0.5] == pytest.approx(tied.tolist())


def test_bradley_terry_recovers_strengths() -> None:
    """Expected wins of known strengths give these strengths back; indirect votes carry over."""
    strengths = np.array([1.0, 0.2, -1.2])
    wins = 4000 * strengths.win_chances(strengths[None])[0]
    wins[0, 2] = wins[2, 0] = 0.0
    np.fill_diagonal(wins, 0.0)

    assert strengths.tolist() == pytest.approx(strengths.bradley_terry(wins[None])[0].tolist(), abs=1e-3)


def test_total_separation_stays_finite() -> None:
    """A variant that won every vote has a finite strength."""
    assert np.isfinite(strengths.bradley_terry(np.array([[[0.0, 50.0], [0.0, 0.0]]]))).all()


def test_vote_differences_turn_with_the_names() -> None:
    """Swapping two variants in one article turns the sign of what it says, votes on a third included."""
    rng = np.random.default_rng(2)
    wins = rng.integers(0, 4, (6, 3, 3)).astype(float) * (1 - np.eye(3))
    swapped = wins.copy()
    swapped[0] = wins[0][np.ix_([1, 0, 2], [1, 0, 2])]
    before, after = strengths.vote_differences(wins, 0)[:, 1], strengths.vote_differences(swapped, 0)[:, 1]

    assert [-before[0], *before[1:]] == pytest.approx(after.tolist())
