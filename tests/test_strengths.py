"""Bradley and Terry's model: against reference implementations, closed forms and symmetry."""

from __future__ import annotations

import choix
import evalica
import numpy as np
import pytest

from retitlekit.statistics import strengths


def votes(seed: int, variants: int = 6, count: int = 300) -> list[tuple[int, int, float]]:
    """Random votes (one, other, points of the one) on a connected graph without a sure winner."""
    rng = np.random.default_rng(seed)
    pairs = [tuple(rng.choice(variants, 2, replace=False).tolist()) for _ in range(count)]
    return [(one, other, float(rng.choice([1.0, 0.5, 0.0], p=[0.5, 0.2, 0.3]))) for one, other in pairs]


def wins_of(given: list[tuple[int, int, float]], variants: int = 6) -> np.ndarray:
    wins = np.zeros((variants, variants))
    for one, other, points in given:
        wins[one, other] += points
        wins[other, one] += 1 - points
    return wins


@pytest.mark.parametrize("seed", range(5))
def test_strengths_are_those_of_evalica(seed: int) -> None:
    """With ties as half wins and no ridge, strengths equal evalica's to 1e-6."""
    given = votes(seed)
    outcomes = {1.0: evalica.Winner.X, 0.5: evalica.Winner.Draw, 0.0: evalica.Winner.Y}
    found = evalica.bradley_terry(
        [one for one, _, _ in given],
        [other for _, other, _ in given],
        [outcomes[points] for _, _, points in given],
        tie_weight=0.5,
        tolerance=1e-13,
        limit=100_000,
    )
    expected = np.log(found.scores.sort_index().to_numpy(float))
    ours = strengths.bradley_terry(wins_of(given)[None], ridge=0)[0]

    assert (expected - expected.mean()).tolist() == pytest.approx((ours - ours.mean()).tolist(), abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_the_ridge_is_that_of_choix(seed: int) -> None:
    """With the ridge, also where a variant lost every vote, strengths equal choix's penalised ones to 1e-6."""
    decided = [(one, other, 1.0) for one, other, points in votes(seed) if points == 1.0 and 5 not in (one, other)]
    decided += [(0, 5, 1.0)] * 4
    expected = choix.opt_pairwise(6, [(one, other) for one, other, _ in decided], alpha=strengths.RIDGE / 2, tol=1e-12)
    ours = strengths.bradley_terry(wins_of(decided)[None])[0]

    assert expected.tolist() == pytest.approx(ours.tolist(), abs=1e-6)


def test_two_variants_by_bradley_and_terry() -> None:
    """Three wins to one: a win rate of 3/4, a little less for the ridge; ties count half."""
    decided, tied = strengths.win_rates(strengths.bradley_terry(np.array([[[0, 30], [10, 0]], [[0, 5.0], [5.0, 0]]])))

    assert [0.75, 0.25] == pytest.approx(decided.tolist(), abs=0.01)
    assert [0.5, 0.5] == pytest.approx(tied.tolist())


def test_bradley_terry_recovers_strengths() -> None:
    """Expected wins of known strengths give these strengths back; indirect votes carry over."""
    truth = np.array([1.0, 0.2, -1.2])
    wins = 4000 * strengths.win_chances(truth[None])[0]
    wins[0, 2] = wins[2, 0] = 0.0
    np.fill_diagonal(wins, 0.0)

    assert truth.tolist() == pytest.approx(strengths.bradley_terry(wins[None])[0].tolist(), abs=1e-3)


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


def test_circles_are_found() -> None:
    """A beats B beats C beats A is a circle; a pair without a majority makes none."""
    wins = np.array([[0, 3, 1, 2], [1, 0, 3, 2], [3, 1, 0, 2], [2, 2, 2, 0.0]])

    assert ([(0, 1, 2)], 1) == strengths.cycles(wins)
    assert ([], 4) == strengths.cycles(np.triu(np.ones((4, 4)), 1))


def test_groups_that_no_vote_joins() -> None:
    """Variants fall into groups; the one with most votes comes first."""
    cast = np.zeros((5, 5))
    cast[3, 4] = cast[4, 3] = 9
    cast[0, 1] = cast[1, 0] = 2

    assert [[3, 4], [0, 1], [2]] == strengths.groups(cast)


def test_doubt_shrinks_with_votes() -> None:
    """The covariance of strengths is that of the likelihood: for two variants 1 / (n p q) for their difference."""
    wins = np.array([[0, 500.0], [500.0, 0]])
    spread = strengths.covariance(wins, np.zeros(2))

    assert 1 / 250 == pytest.approx(spread[0, 0] + spread[1, 1] - 2 * spread[0, 1], rel=0.01)
