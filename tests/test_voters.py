"""How far votes are to be trusted, and which to cast next."""

from __future__ import annotations

import evalica
import numpy as np
import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.statistics import strengths

from .test_votes import asked, said

KINDS = np.array(["left", "right", "tie"])


def random_votes(voter: str, seed: int, copied: float, base: list[str]) -> pd.DataFrame:
    """One vote for each article: the base's, or one at random."""
    rng = np.random.default_rng(seed)
    results = [kind if rng.random() < copied else str(rng.choice(KINDS)) for kind in base]
    return said(*[(a, 0, 1, result) for a, result in enumerate(results)], voter=voter)


BASE = np.random.default_rng(0).choice(KINDS, 60).tolist()


def test_agreement_is_that_of_evalica() -> None:
    """Krippendorff's alpha of three voters equals a reference implementation's."""
    sets = [random_votes(f"human:{n}", n, 0.6, BASE) for n in range(3)]
    expected = evalica.alpha(pd.DataFrame([votes["winner"].tolist() for votes in sets])).alpha
    found = rk.agreement(pd.concat(sets))

    assert expected == pytest.approx(found.alpha, abs=1e-9)
    assert found.low < found.alpha < found.high


def test_kappa_by_hand() -> None:
    """Two voters, ten pairs, eight alike: kappa from the table of counts."""
    one = said(*[(a, 0, 1, "left" if a < 5 else "right") for a in range(10)])
    two = said(*[(a, 0, 1, "left" if a < 4 or a == 9 else "right") for a in range(10)], voter="judge:m")
    found = rk.agreement(one, two)

    assert (10, 0.8, 0.6) == pytest.approx((found.n_pairs, found.share, found.kappa))
    assert str(found).endswith("Fewer than 50 pairs: vote more before you believe it.")


def test_sides_have_no_part_in_agreement() -> None:
    """The same opinion of a pair that was shown the other way round is agreement."""
    one = said(*[(a, 0, 1, "left") for a in range(5)], *[(a, 0, 1, "right") for a in range(5, 9)])
    turned = said(*[(a, 1, 0, "right") for a in range(5)], *[(a, 1, 0, "left") for a in range(5, 9)], voter="judge:m")

    assert (1.0, 1.0, 1.0) == pytest.approx((rk.agreement(one, turned).share, *_both(one, turned)))


def _both(one: pd.DataFrame, other: pd.DataFrame) -> tuple[float, float]:
    found = rk.agreement(one, other)
    return found.kappa, found.alpha


def test_nothing_shared() -> None:
    """Two voters without a common pair: unknown, not zero."""
    found = rk.agreement(said((0, 0, 1, "left")), said((1, 0, 1, "left"), voter="judge:m"))

    assert "They share no pair: nothing is known of their agreement." == str(found)
    with pytest.raises(rk.FrameError, match="one voter has nobody to agree with"):
        rk.agreement(said((0, 0, 1, "left")))


def test_consistency_of_a_person() -> None:
    """Pairs that came again with their sides changed tell who is steady and who follows the side."""
    first = [(a, 0, 1, "left") for a in range(8)]
    again = [(a, 1, 0, "right") for a in range(6)] + [(6, 1, 0, "left"), (7, 1, 0, "tie")]
    figures = rk.consistency(said(*first, *again), asked(2)).loc["human:ana"]

    assert (8, 0, 8) == tuple(figures[["n_pairs", "unread", "repeated"]])
    assert (0.75, 0.125, 9 / 15, 1 / 16) == pytest.approx(
        tuple(figures[["consistency", "flip_rate", "first_rate", "tie_rate"]])
    )
    assert 0.0 == figures["longer_rate"]


def test_consistency_without_repeats_is_unknown() -> None:
    """Who never saw a pair twice has no consistency, not a perfect one."""
    figures = rk.consistency(said((0, 0, 1, "left")))

    assert (0, True) == (figures["repeated"].iloc[0], pd.isna(figures["consistency"].iloc[0]))


def test_people_and_judges_in_one_frame() -> None:
    """A judge's two orders and a person's votes stand side by side; what a gate decided tells of no judge."""
    judged = said((0, 0, 1, "left"), (1, 0, 1, "tie"), (2, 0, 1, "left"), voter="judge:m").assign(
        first=["left", "left", "left"], second=["left", "right", "left"], problem=[None, None, "decided by a gate"]
    )
    figures = rk.consistency(pd.concat([judged, said((0, 0, 1, "left"))], ignore_index=True))

    assert [2, 1] == figures.loc[["judge:m", "human:ana"], "n_pairs"].tolist()
    assert (0.5, 0.5) == tuple(figures.loc["judge:m", ["consistency", "flip_rate"]])
    assert [0, 0] == figures["unread"].tolist()


# -------------------------------------------------------------------------------------------------------- next pairs


def test_pairs_say_nothing_of_who_wrote_them() -> None:
    """A proposal holds trial ids of one article, no names, and never the same pair twice."""
    pairs = rk.next_pairs(None, asked(4), n=30, by="prompt")

    assert ["article", "left", "right", "why"] == pairs.columns.tolist()
    assert 30 == len({frozenset(pair) for pair in zip(pairs["left"], pairs["right"], strict=True)})
    assert all(
        left.split("-")[0] == right.split("-")[0] for left, right in zip(pairs["left"], pairs["right"], strict=True)
    )
    assert 10 == pairs["article"].nunique()
    assert 0.2 < (pairs["left"] < pairs["right"]).mean() < 0.8


def test_those_that_may_be_the_best_meet() -> None:
    """After clear votes the two strongest of five are asked about, not the others."""
    results = [
        (a, one, other, "left") for a in range(8) for one, other in ((0, 2), (0, 3), (1, 2), (1, 4), (0, 4), (1, 3))
    ]
    pairs = rk.next_pairs(said(*results), asked(5, articles=30), n=20, by="prompt", voter="human:ben")
    met = [{left[-1], right[-1]} for left, right in zip(pairs["left"], pairs["right"], strict=True)]

    assert 18 <= met.count({"0", "1"})


def test_a_voter_sees_some_pairs_again_the_other_way_round() -> None:
    """Every eighth pair is an old one of this voter with its sides changed; the others are new to the voter."""
    votes = said(*[(a, 0, 1, "left") for a in range(10)])
    pairs = rk.next_pairs(votes, asked(3, articles=10), n=16, by="prompt", voter="human:ana")
    again = pairs[pairs["why"] == "again"]

    assert 2 == len(again)
    assert all(
        left.endswith("-1") and right.endswith("-0") for left, right in zip(again["left"], again["right"], strict=True)
    )
    assert not set(map(frozenset, votes[["left", "right"]].to_numpy())) & set(
        map(frozenset, pairs.loc[pairs["why"] == "doubt", ["left", "right"]].to_numpy())
    )


def test_an_end_is_reached() -> None:
    """When everything was asked there are fewer pairs than wanted, and none that the voter saw twice."""
    votes = said(*[(a, 0, 1, "left") for a in range(2)], *[(a, 1, 0, "right") for a in range(2)])

    assert 0 == len(rk.next_pairs(votes, asked(2, articles=2), n=5, by="prompt", voter="human:ana"))
    with pytest.raises(rk.FrameError, match="there is nothing to vote on"):
        rk.next_pairs(None, asked(2).assign(title="Same"), by="prompt")


def test_fewer_votes_than_at_random() -> None:
    """Simulated elections: after as many votes the leader is nearer to the best (benchmarks/statistics.md)."""
    lost = {True: 0.0, False: 0.0}
    frame = asked(6, articles=20)
    for seed in range(12):
        truth = np.random.default_rng(seed).normal(0, 1, 6)
        for proposed in lost:
            rng, votes = np.random.default_rng(seed), None
            wins = np.zeros((6, 6))
            for _ in range(4):
                batch = rk.next_pairs(votes, frame, n=10, by="prompt", seed=seed) if proposed else _any(frame, rng)
                rows = []
                for article, left, right in batch[["article", "left", "right"]].itertuples(index=False):
                    one, other = int(left[-1]), int(right[-1])
                    won = rng.random() < 1 / (1 + np.exp(truth[other] - truth[one]))
                    wins[(one, other) if won else (other, one)] += 1
                    rows.append((int(article[1:]), one, other, "left" if won else "right"))
                votes = said(*rows) if votes is None else pd.concat([votes, said(*rows)])
            lost[proposed] += truth.max() - truth[strengths.bradley_terry(wins[None])[0].argmax()]

    assert lost[True] < lost[False]


def _any(frame: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    rows = []
    for _ in range(10):
        article, (one, other) = rng.integers(20), rng.choice(6, 2, replace=False)
        rows.append((f"a{article}", f"{article}-{one}", f"{article}-{other}"))
    return pd.DataFrame(rows, columns=["article", "left", "right"])
