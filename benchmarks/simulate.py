"""How far the statistics hold: ``python benchmarks/simulate.py [coverage|errors|power|skewed|race|votes|speed …]``.

Seeded simulations through the same functions that `leaderboard`, `race` and `next_pairs` use. Each part prints its
table and takes at most five minutes on one core.
"""

from __future__ import annotations

import inspect
import math
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

import retitlekit as rk
from retitlekit.decide import races
from retitlekit.frame import typed
from retitlekit.statistics import evidence, strengths
from retitlekit.votes import pairs

Floats = np.ndarray
Rng = np.random.Generator


def table(columns: Iterable[str], rows: Iterable[Iterable[object]]) -> None:
    """Print a Markdown table."""
    columns = list(columns)
    print("\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns))
    for row in rows:
        print("| " + " | ".join(f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print(flush=True)


# ------------------------------------------------------------------------------------------------------- coverage

REPEATS = 3
SHAPES: dict[str, tuple[Callable[[Rng, tuple[int, int]], Floats], float]] = {
    "normal": (lambda rng, shape: rng.normal(0, 1, shape), 0.0),
    "exponential, skew 2": (lambda rng, shape: rng.exponential(1, shape), 1.0),
    "log-normal, skew 6": (lambda rng, shape: rng.lognormal(0, 1, shape), math.exp(0.5)),
    "near its top, skew -1.4": (lambda rng, shape: rng.beta(8, 1, shape), 8 / 9),
    "near its floor, skew 1.2": (lambda rng, shape: rng.beta(0.5, 2, shape), 0.2),
}


def measured(shape: str, articles: int, columns: int, rng: Rng) -> tuple[Floats, float]:
    """Means over three repeats: skewed between articles, with noise of the same size within them."""
    draw, mean = SHAPES[shape]
    between = draw(rng, (articles, columns))
    noise = rng.normal(0, between.std(), (REPEATS, articles, columns)).mean(axis=0)
    return between + noise, mean


def gated(share: float, articles: int, columns: int, rng: Rng, repeats: int = REPEATS) -> Floats:
    """Shares of three repeats that pass a gate, articles being easier or harder."""
    easy = rng.beta(4 * share, 4 * (1 - share), (articles, columns))
    return rng.binomial(repeats, easy) / repeats


def covered(limits: tuple[Floats, Floats], truth: float) -> float:
    """The share of intervals that hold the truth."""
    return float(((limits[0] <= truth) & (truth <= limits[1])).mean())


def coverage(columns: int = 1500) -> None:
    """Intervals that hold the truth, of 100."""
    rows = []
    for shape in SHAPES:
        for articles in (20, 50, 200):
            rng = np.random.default_rng(articles)
            values, mean = measured(shape, articles, columns, rng)
            other, _ = measured(shape, articles, columns, rng)
            draws = np.concatenate([taken @ values / articles for taken in evidence.resample(articles)])
            plain = np.quantile(draws, [0.025, 0.975], axis=0)
            own, paired = evidence.interval(values, 0.95), evidence.interval(values - other, 0.95)
            rows.append(
                (shape, articles, covered(own, mean), covered(paired, 0.0), covered((plain[0], plain[1]), mean))
            )
    print("Scores: articles differ, three repeats, 95 % intervals; the last column is what a plain percentile")
    print("bootstrap would give.")
    table(("scores", "articles", "estimate", "paired difference", "plain percentile"), rows)
    rows = []
    for share in (0.5, 0.8, 0.95):
        for articles in (20, 50, 200):
            rng = np.random.default_rng(articles)
            for repeats in (1, REPEATS):
                one, other = (gated(share, articles, columns, rng, repeats) for _ in range(2))
                own = evidence.share_interval(one, 0.95)
                paired = evidence.share_difference_interval(one - other, 0.95)
                rows.append((share, articles, repeats, covered(own, share), covered(paired, 0.0)))
    print("Gates: shares of titles that pass.")
    table(("share", "articles", "repeats", "estimate", "paired difference"), rows)


# --------------------------------------------------------------------------------------------------------- errors


def scored(effects: Floats, articles: int, rng: Rng, noise: float = 0.08, skewed: bool = False) -> pd.DataFrame:
    """A scored frame: articles differ, and each variant and each repeat has noise of its own."""
    base = rng.normal(0.5, 0.1, (articles, 1))
    own = rng.exponential(noise, (articles, len(effects))) if skewed else rng.normal(0, noise, (articles, len(effects)))
    values = base + effects + own + rng.normal(0, noise, (articles, len(effects)))
    article, variant = (axis.ravel() for axis in np.indices(values.shape))
    names = pd.Categorical.from_codes(variant, [f"p{k}" for k in range(len(effects))])
    return pd.DataFrame(
        {"article": pd.Categorical(article.astype(str)), "prompt": names, "score_x": values.ravel()}
    ).astype({"score_x": "Float64"})


def errors(sweeps: int = 2000) -> None:
    """Winners where there is none."""
    rows = []
    for variants, articles in ((2, 20), (12, 20), (12, 50)):
        won = 0
        for seed in range(sweeps if articles == 20 else sweeps // 4):
            frame = scored(np.zeros(variants), articles, np.random.default_rng([seed, variants, articles]))
            won += bool(rk.leaderboard(frame, by="prompt", metric="x")["verdict"].eq("winner").any())
        rows.append((variants, articles, seed + 1, won / (seed + 1)))
    print("Sweeps of identical variants that are given a winner; at most 0.05 are allowed.")
    table(("variants", "articles", "sweeps", "false winners"), rows)


def power(sweeps: int = 4000) -> None:
    """Differences that are found, beside a paired t-test on the same sweeps."""
    rows = []
    for skewed in (False, True):
        for articles, effect in ((10, 0.12), (20, 0.08), (50, 0.05)):
            ours = theirs = 0
            for seed in range(sweeps):
                rng = np.random.default_rng([seed, articles, skewed])
                means = scored(np.array([effect, 0.0]), articles, rng, skewed=skewed)["score_x"].to_numpy(float)
                each = means.reshape(articles, 2)
                each = (each[:, 0] - each[:, 1])[:, None]
                t = abs(each.mean()) / (each.std(ddof=1) / math.sqrt(articles))
                ours += bool(evidence.paired_test(each)[0] <= 0.05)
                theirs += bool(t >= evidence.student(0.975, articles - 1))
            rows.append(("skewed" if skewed else "normal", articles, effect, ours / sweeps, theirs / sweeps))
    print(f"Power for two variants, {sweeps:,} sweeps a row (standard error about 0.008).")
    table(("noise", "articles", "true difference", "ours", "paired t-test"), rows)


def skewed(columns: int = 4000) -> None:
    """Differences of mean zero that are strongly skewed: how often each test rejects at .05."""
    rows = []
    for articles in (10, 20, 50, 200):
        rng = np.random.default_rng(articles)
        each = rng.lognormal(0, 1, (articles, columns)) - math.exp(0.5)
        error = np.sqrt(evidence.variances(each) / articles)
        t = each.mean(axis=0) / error
        limit = evidence.student(0.975, articles - 1)
        third = ((each - each.mean(axis=0)) ** 3).mean(axis=0)
        johnson = (each.mean(axis=0) + third / (6 * error**2 * articles**2)) / error
        johnson += third * t**2 / (3 * error**3 * articles**2)
        flips = rng.choice([-1.0, 1.0], (999, articles))
        few = each[:, :1000]
        flipped = flips @ few / articles
        spread = np.sqrt(((few**2).mean(axis=0) - flipped**2) / (articles - 1))
        sign = (1 + (np.abs(flipped / spread) >= np.abs(t[:1000])).sum(axis=0)) / 1000
        low, high = evidence.interval(each, 0.95)
        shares = [evidence.paired_test(each) <= 0.05, np.abs(t) > limit, sign <= 0.05, np.abs(johnson) > limit]
        rows.append((articles, *(float(share.mean()) for share in shares), 1 - covered((low, high), 0.0)))
    print("Centred log-normal differences, skew 6: share rejected at .05, 4,000 each (sign-flip: 1,000).")
    table(("articles", "ours", "paired t-test", "studentised sign-flip", "Johnson's t", "studentised bootstrap"), rows)


# ----------------------------------------------------------------------------------------------------------- race


DEFAULTS = {name: inspect.signature(rk.race).parameters[name].default for name in ("risk", "first", "block")}


def raced(values: Floats, *, risk: float, first: int, block: int) -> tuple[int, int]:
    """The leader and the number of calls: what `race` does, on scores that are known already."""
    total, done, going = len(values), np.zeros(values.shape[1], int), np.ones(values.shape[1], bool)
    row, rounds = np.arange(total)[:, None], 0
    while going.any():
        done = np.where(going, np.minimum(done + (block if rounds else first), total), done)
        chance = races.chances(np.where(row < done, values, np.nan)[: done.max()], total)
        going, rounds = races.turn(chance, done, total, risk), rounds + 1
    return int(chance.argmax()), int(done.sum())


def foreseen(values: Floats, lead: float, noise: float) -> tuple[int, int]:
    """The same by an oracle that knows the noise, and that all are equal but for one, and by how much that one leads.

    After each article it drops whatever has a probability below .015 / variants to be that one.
    """
    sums, alive, calls = values.cumsum(axis=0), np.arange(values.shape[1]), 0
    for told in sums:
        calls += len(alive)
        odds = told[alive] * lead / noise**2
        odds = np.exp(odds - odds.max())
        alive = alive[(odds / odds.sum() > 0.015 / values.shape[1]) | (odds == 1)]
        if len(alive) == 1:
            break
    return int(alive[told[alive].argmax()]), calls


WORLDS: dict[str, tuple[float, Callable[[Rng, int], Floats]]] = {
    "spread (sd .05)": (0.0, lambda rng, k: rng.normal(0, 0.05, k)),
    "one .08 above equals": (0.08, lambda rng, k: np.where(np.arange(k) == rng.integers(k), 0.08, 0.0)),
    "one .05 above equals": (0.05, lambda rng, k: np.where(np.arange(k) == rng.integers(k), 0.05, 0.0)),
}


def race(runs: int = 600) -> None:
    """The best that is found, and the calls it takes."""
    rows: list[tuple[object, ...]] = []
    noise = 0.08 * math.sqrt(2)
    for world, (lead, draw) in WORLDS.items():
        for variants in (12, 48):
            for articles in (80, 160):
                found, calls, lost = np.zeros((runs, 3)), np.zeros((runs, 3)), np.zeros((runs, 2))
                for seed in range(runs):
                    rng = np.random.default_rng([seed, variants, articles, 1])  # others than the rule was chosen on
                    effects = draw(rng, variants)
                    values = effects + rng.normal(0, noise, (articles, variants))
                    told = [raced(values, **DEFAULTS), (int(values.mean(axis=0).argmax()), values.size)]
                    told += [foreseen(values, lead, noise)] if lead else [(0, 0)]
                    leaders = np.array([leader for leader, _ in told])
                    found[seed], calls[seed] = leaders == effects.argmax(), [spent / values.size for _, spent in told]
                    lost[seed] = effects.max() - effects[leaders[:2]]
                gap = found[:, 0] - found[:, 1]
                less = f"{100 * gap.mean():+.1f} ± {100 * gap.std() / math.sqrt(runs):.1f}"
                oracle = (float(found[:, 2].mean()), float(calls[:, 2].mean())) if lead else ("", "")
                shares = [float(each) for each in (*found[:, :2].mean(axis=0), *lost.mean(axis=0), calls[:, 0].mean())]
                rows.append((world, variants, articles, *shares[:2], less, *shares[2:], *oracle))
                print(".", end="", file=sys.stderr, flush=True)
    print(
        f"Noise sd .08 by article and .08 by repeat, {runs} races a row; `points` is the race less the sweep with its"
    )
    print("standard error, `lost` is how far the chosen one lies below the best.")
    columns = ("world", "variants", "articles", "race: best found", "sweep: best found", "points", "race: lost")
    table((*columns, "sweep: lost", "calls of the race", "oracle: best found", "calls of the oracle"), rows)


# ---------------------------------------------------------------------------------------------------------- votes


def asked(variants: int, articles: int) -> pd.DataFrame:
    """A frame with a title by each variant for each article."""
    rows = [
        {"article": f"a{a}", "prompt": f"p{k}", "trial_id": f"{a}-{k}", "title": f"Title {a} {k}"}
        for a in range(articles)
        for k in range(variants)
    ]
    return typed(pd.DataFrame(rows))


def polled(frame: pd.DataFrame, truth: Floats, proposed: bool, rng: Rng, budget: int, step: int) -> list[bool]:
    """Whether the leader is the best, after every `step` votes."""
    everything = pairs.all_pairs(frame, by="prompt")[["article", "left", "right"]]
    shuffled = everything.sample(frac=1, random_state=int(rng.integers(2**31)))
    columns = ["article", "left", "right", "winner", "voter"]
    votes, wins, right = pd.DataFrame(columns=columns), np.zeros((len(truth), len(truth))), []
    while len(votes) < budget:
        if proposed:
            given = votes if len(votes) else None
            batch = rk.next_pairs(given, frame, n=step, by="prompt", voter="human:x", seed=int(rng.integers(2**31)))
        else:
            batch = shuffled.iloc[len(votes) : len(votes) + step]
        rows = []
        for article, left, other in batch[["article", "left", "right"]].itertuples(index=False):
            one, two = int(left.split("-")[1]), int(other.split("-")[1])
            first = rng.random() < 1 / (1 + math.exp(truth[two] - truth[one]))
            rows.append((article, left, other, "left" if first else "right", "human:x"))
            wins[(one, two) if first else (two, one)] += 1
        votes = pd.concat([votes, pd.DataFrame(rows, columns=columns)], ignore_index=True)
        right.append(bool(strengths.bradley_terry(wins[None])[0].argmax() == truth.argmax()))
    return right


def votes(runs: int = 100) -> None:
    """Votes that next_pairs saves, and intervals of win rates."""
    frame, step, budget = asked(8, 30), 10, 240
    hits = {}
    for proposed in (True, False):
        played = []
        for seed in range(runs):
            rng = np.random.default_rng([seed, 7])
            truth = rng.normal(0, 0.8, 8)
            played.append(polled(frame, truth, proposed, rng, budget, step))
        hits[proposed] = np.mean(played, axis=0)
    at = range(3, budget // step, 4)
    print(f"Eight variants (strengths of sd .8 logits), {runs} elections: share in which the leader is the best.")
    table(
        ("votes", "next_pairs", "pairs at random"),
        [((k + 1) * step, float(hits[True][k]), float(hits[False][k])) for k in at],
    )
    rows = []
    for articles in (20, 50):
        rng = np.random.default_rng(articles)
        truth = np.array([0.6, 0.2, 0.0, -0.8])
        chance = strengths.win_chances(truth[None])[0]
        rates = strengths.win_rates(truth[None])[0]
        held = 0.0
        for _ in range(200):
            own = rng.normal(0, 0.5, (articles, 4, 4))  # an article's own taste
            logit = np.log(chance / (1 - chance)) + (own - own.transpose(0, 2, 1)) / math.sqrt(2)
            cast = np.triu(rng.random((articles, 4, 4)) < 1 / (1 + np.exp(-logit)), 1)
            wins = cast + np.triu(~cast, 1).transpose(0, 2, 1)
            low, high = evidence.percentiles(
                strengths.bootstrap_win_rates(wins.astype(float)), np.full(4, articles), 0.95
            )
            held += float(((low <= rates) & (rates <= high)).mean()) / 200
        rows.append((articles, held))
    print("Win rates: 95 % intervals that hold the truth (four variants, every pair once an article).")
    table(("articles", "win rate"), rows)


# ---------------------------------------------------------------------------------------------------------- speed


def speed() -> None:
    """Seconds of a leaderboard of 100,000 rows, of one core: a machine shared with others has no wall time to tell."""
    rows = []
    for articles, variants, repeats in ((2000, 10, 5), (8333, 12, 1), (100, 1000, 1)):
        rng = np.random.default_rng(0)
        article, variant, repeat = (axis.ravel() for axis in np.indices((articles, variants, repeats)))
        frame = pd.DataFrame({"article": article.astype(str), "prompt": variant.astype(str), "repeat": repeat})
        frame["score_x"] = rng.random(len(frame))
        frame["passed"] = rng.random(len(frame)) < 0.8
        frame = typed(frame.astype({"article": "category", "prompt": "category"}))
        clocks = []
        for metric in ("x", "passed"):
            start = time.process_time()
            rk.leaderboard(frame, by="prompt", metric=metric)
            clocks.append(time.process_time() - start)
        rows.append((f"{len(frame):,}", articles, variants, repeats, *clocks))
    print(f"Seconds of one core, with {evidence.DRAWS:,} bootstrap draws.")
    table(("rows", "articles", "variants", "repeats", "a score", "a gate"), rows)


PARTS = {part.__name__: part for part in (coverage, errors, power, skewed, race, votes, speed)}

if __name__ == "__main__":
    for name in sys.argv[1:] or PARTS:
        began = time.process_time()
        print(f"\n## {name}\n")
        PARTS[name]()
        print(f"({time.process_time() - began:.0f} s of one core)", flush=True)
