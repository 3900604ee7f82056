"""The statistics: against closed forms, tables and enumeration."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from retitlekit.statistics import evidence


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
    differences = np.array([0.3, -0.1, 0.2, 0.5, 0.1, 0.2, 0.0, 0.35, -0.15, 0.05, 0.4])
    sums = [abs(np.dot(signs, differences)) for signs in itertools.product([1, -1], repeat=len(differences))]
    expected = np.mean([total >= abs(differences.sum()) - 1e-12 for total in sums])

    assert [expected] == pytest.approx(evidence.sign_flip(differences[:, None]).tolist())


def test_sign_flip_by_drawing_agrees_with_the_normal() -> None:
    """With many articles random patterns give the p of the normal approximation."""
    differences = np.random.default_rng(3).normal(0.1, 1, (400, 2))
    z = np.abs(differences.sum(axis=0)) / np.sqrt((differences**2).sum(axis=0))

    assert [math.erfc(value / math.sqrt(2)) for value in z] == pytest.approx(
        evidence.sign_flip(differences).tolist(), abs=0.02
    )


@pytest.mark.parametrize(
    ("t", "freedom", "expected"),
    [(12.706, 1, 0.05), (4.303, 2, 0.05), (2.262, 9, 0.05), (2.861, 19, 0.01), (1.96, 5000, 0.05), (0.0, 4, 1.0)],
)
def test_student_p(t: float, freedom: int, expected: float) -> None:
    """Two-sided p agrees with the printed table, and with the quantile."""
    assert expected == pytest.approx(evidence.student_p(t, freedom), rel=2e-3)
    assert evidence.student_p(evidence.student(0.995, 30), 30) == pytest.approx(0.01, rel=1e-3)


def test_smooth_differences_have_students_test() -> None:
    """From eight sizes on p is that of the paired t-test, a little below or above that of flipping signs."""
    values = np.random.default_rng(6).normal(0.3, 1, (20, 40))
    values[3, :20] = np.nan
    t = evidence.means(values) / np.sqrt(evidence.variances(values) / (~np.isnan(values)).sum(axis=0))
    expected = [evidence.student_p(abs(each), n) for each, n in zip(t, [18] * 20 + [19] * 20, strict=True)]
    found, flipped = evidence.paired_test(values), evidence.sign_flip(values)

    assert expected == pytest.approx(found.tolist())
    assert found.tolist() == pytest.approx(flipped.tolist(), abs=0.03)
    assert (found != flipped).all()


@pytest.mark.parametrize(
    "column",
    [
        [0.3, -0.1, 0.2, 0.5, 0.1, 0.2, 0.35],
        [1.0] * 9 + [-1.0] * 3 + [0.0] * 30,
        [1 / 3, 2 / 3, 1.0, -1 / 3] * 6,
        [1.0 + 0.001 * n for n in range(-8, 8)],
        [50.0] + [0.01 * n for n in range(20)],
    ],
    ids=["few", "a gate", "a gate, three repeats", "one size but for noise", "one outlier"],
)
def test_lumpy_differences_have_their_signs_flipped(column: list[float]) -> None:
    """Where Student's test may be wrong, p is what chance can do with these sizes."""
    values = np.array(column)[:, None]

    assert evidence.sign_flip(values).tolist() == evidence.paired_test(values).tolist()


def test_no_p_is_smaller_than_total_agreement() -> None:
    """Ten articles that nearly agree are ten articles: two of a thousand patterns of signs are as far out."""
    values = (1 + np.linspace(0, 2, 10) ** 2)[:, None]

    assert [2 / 1024] == evidence.paired_test(values).tolist()


def test_students_test_errs_no_more_than_it_says() -> None:
    """Of alike variants, with noise of any tails, at most about one in twenty is told apart."""
    rng = np.random.default_rng(7)
    shape = 12, 2000
    for noise in (
        rng.normal(size=shape),
        rng.laplace(size=shape),
        rng.lognormal(size=shape) - rng.lognormal(size=shape),
    ):
        assert (evidence.paired_test(noise) <= 0.05).mean() < 0.063  # 0.05 and 2.6 standard errors


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


def test_intervals_of_many_articles_are_those_of_the_normal() -> None:
    """With thousands of articles, heaped or with gaps, the interval is the mean and 1.96 standard errors."""
    values = np.random.default_rng(5).normal(0, 1, (9000, 2))
    values[:8600, 1] = np.nan
    low, high = evidence.interval(values, 0.95)
    half = [1.96 / math.sqrt(9000), 1.96 / math.sqrt(400)]

    assert half == pytest.approx(((high - low) / 2).tolist(), rel=0.1)
    assert evidence.means(values).tolist() == pytest.approx(((high + low) / 2).tolist(), abs=0.01)


def test_intervals_follow_skew() -> None:
    """A long tail on the right reaches farther to the right, which percentiles and Student's interval miss."""
    values = np.random.default_rng(1).exponential(1, (30, 1))
    low, high = evidence.interval(values, 0.95)

    assert high[0] - values.mean() > 1.2 * (values.mean() - low[0])


@pytest.mark.parametrize("articles", [20, 50])
def test_intervals_cover(articles: int) -> None:
    """Of skewed scores the mean is within the 95 % interval 93 to 97 times in 100 (benchmarks/statistics.md)."""
    values = np.random.default_rng(2).exponential(1, (articles, 1500))
    low, high = evidence.interval(values, 0.95)

    assert 0.93 <= ((low <= 1) & (1 <= high)).mean() <= 0.97


def test_differences_with_long_tails_are_covered() -> None:
    """The difference of two log-normal scores too: no end of an interval lies nearer than Student's."""
    values = np.random.default_rng(50).lognormal(0, 1, (50, 1500)) - np.random.default_rng(51).lognormal(
        0, 1, (50, 1500)
    )
    low, high = evidence.interval(values, 0.95)
    half = evidence.student(0.975, 49) * values.std(axis=0, ddof=1) / math.sqrt(50)

    assert 0.94 <= ((low <= 0) & (0 <= high)).mean() <= 0.97
    assert (low <= values.mean(axis=0) - half + 1e-12).all()
    assert (high >= values.mean(axis=0) + half - 1e-12).all()


@pytest.mark.parametrize(
    "column",
    [[0.5, 0.7, np.nan], [0.0] * 30 + [1.0], [-0.03] + [0.0] * 25 + [-0.0154], [0.4] * 12],
    ids=["few", "lumpy", "two of many", "constant"],
)
def test_intervals_where_nothing_can_be_resampled(column: list[float]) -> None:
    """Few articles, or resamples without spread, give Student's interval, finite and around the mean."""
    values = np.array(column)[:, None]
    low, high = evidence.interval(values, 0.95)
    known = values[~np.isnan(values)]
    half = evidence.student(0.975, len(known) - 1) * known.std(ddof=1) / math.sqrt(len(known))

    assert [known.mean() - half, known.mean() + half] == pytest.approx([low[0], high[0]])


def test_one_outlier_does_not_send_an_interval_anywhere() -> None:
    """Resamples that miss the only outlier have almost no spread; the interval stays within sight of the values."""
    values = np.append(0.5 + np.random.default_rng(0).normal(0, 1e-3, 14), 1.0)[:, None]
    low, high = evidence.interval(values, 0.95)

    assert 0.4 < low[0] < values.mean() < high[0] < 1.0


def test_variances_of_gaps() -> None:
    """Variances are those of the values that are there, and unknown below two."""
    values = np.array([[1.0, np.nan, np.nan], [3.0, 2.0, np.nan], [8.0, np.nan, np.nan]])

    assert [13.0, True, True] == [evidence.variances(values)[0], *np.isnan(evidence.variances(values)[1:])]


def test_shares_that_all_agree_are_not_certain() -> None:
    """Where every article agrees there is nothing to resample, and the interval is still no point."""
    agreed = np.ones((20, 1))
    own, paired = evidence.share_interval(agreed, 0.95), evidence.share_difference_interval(agreed, 0.95)

    assert [0.839, 1.0] == pytest.approx([own[0][0], own[1][0]], abs=1e-3)
    assert 0.6 < paired[0][0] < 0.9
    assert 1.0 == paired[1][0]


@pytest.mark.parametrize(("more", "less", "expected"), [(5, 0, 0.0625), (10, 2, 0.0386), (8, 8, 1.0), (0, 0, 1.0)])
def test_gates_are_tested_as_mcnemar_does(more: int, less: int, expected: float) -> None:
    """The exact binomial p of the discordant articles, whatever agrees."""
    differences = np.array([1.0] * more + [-1.0] * less + [0.0] * 40)[:, None]

    assert expected == pytest.approx(evidence.sign_flip(differences)[0], abs=1e-4)


def test_many_rivals_can_still_be_told() -> None:
    """With six hundred rivals the smallest p that can be drawn, times their number, is below one twentieth."""
    differences = np.random.default_rng(0).normal(6, 1, (20, 600))

    assert evidence.holm(evidence.sign_flip(differences)).max() < 0.05
