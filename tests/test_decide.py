"""From a scored frame to a decision: the board, its verdicts and figures, and the winner's file."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import retitlekit as rk
from retitlekit.frame import typed

PROMPT = rk.Prompt(
    "terse", "---\ntemperature: 0.3\nmax_tokens: 60\nmetadata:\n  retitlekit:\n    description: Short.\n---\nUser:\n"
    "Retitle: {{ title | safe }}\n{{ lead | safe }}\n",
)  # fmt: skip
OTHER = rk.Prompt("long", "User:\nWrite at length about {{ title | safe }}.\n")
SOURCED = rk.Prompt("sourced", "User:\n{{ title | safe }}{% if source %} ({{ source | safe }}){% endif %}\n")


def make(
    scores: dict[Any, list[list[float | None]]], *, names: tuple[str, ...] = ("prompt",), **columns: Any
) -> pd.DataFrame:
    """A scored frame from variant -> article -> repeats; None is a trial without a title."""
    rows = []
    for variant, articles in scores.items():
        values = variant if isinstance(variant, tuple) else (variant,)
        for number, repeats in enumerate(articles):
            for repeat, value in enumerate(repeats, 1):
                row = dict(zip(names, values, strict=True)) | {
                    "article": f"a{number}",
                    "repeat": repeat,
                    "score_x": value,
                }
                row |= {"title": None if value is None else f"Title {number}", "status": "ok"}
                rows.append(row | {"passed": None if value is None else value >= 0.5})
    frame = pd.DataFrame(rows).assign(**columns)
    frame["trial_id"] = [f"t{row}" for row in range(len(frame))]
    return typed(frame)


def noisy(effects: list[float], articles: int, *, repeats: int = 1, seed: int = 0, noise: float = 0.08) -> pd.DataFrame:
    """Variants p0, p1 … of known effects on a common base; noise between articles and between repeats."""
    rng = np.random.default_rng(seed)
    base = rng.normal(0.6, 0.1, articles)
    scores = {
        f"p{k}": [rng.normal(base[a] + effect + rng.normal(0, noise), noise, repeats).tolist() for a in range(articles)]
        for k, effect in enumerate(effects)
    }
    return make(scores)


def verdicts(board: pd.DataFrame) -> dict[str, str]:
    return dict(zip(board["prompt"], board["verdict"], strict=True))


# ------------------------------------------------------------------------------------------------------- leaderboard


def test_clear_winner() -> None:
    """A large effect wins; the sentence names both and the difference."""
    board = rk.leaderboard(noisy([0, 0.3, 0.1], 20), by="prompt", metric="x")

    assert {"p1": "winner", "p2": "worse", "p0": "worse"} == verdicts(board)
    assert ["p1", "p2", "p0"] == board["prompt"].tolist()
    assert re.fullmatch(
        r"p1 wins: it leads p2 by 0\.\d\d \(0\.\d\d to 0\.\d\d\) over 20 articles, corrected for 2 rivals "
        r"\(the interval is not\)\.",
        board.attrs["sentence"],
    )


def test_no_clear_winner() -> None:
    """Alike variants tie, and the sentence says how many articles are lacking."""
    board = rk.leaderboard(noisy([0, 0.05], 20), by="prompt", metric="x")

    assert {"tied with the best"} == set(board["verdict"])
    assert re.match(
        r"No clear winner: p\d leads p\d by .* over 20 articles; about [\d,]+ more", board.attrs["sentence"]
    )


def test_figures_of_a_known_board() -> None:
    """Repeats are averaged within their article, and articles weigh the same."""
    frame = make({"a": [[1.0, 0.0], [1.0]], "b": [[0.2], [0.4]]})
    board = rk.leaderboard(frame.assign(cost_usd=0.5, latency_s=[1.0, 2, 3, 4, 6]), by="prompt", metric="score_x")
    first, second = board.iloc[0], board.iloc[1]

    assert ("a", 2, 3, 0, 0.75) == tuple(first[["prompt", "n_articles", "n_trials", "n_failed", "estimate"]])
    assert pytest.approx([0.3, -0.45, 1.0, 5.0]) == second[["estimate", "difference", "cost_usd", "latency_s"]].tolist()
    assert 0.0 == first["difference"]
    assert first["p"] is pd.NA
    assert (0.75, 0.0) == (first["passed"], second["passed"])


def test_passed_is_the_metric_by_default() -> None:
    """Without a metric the gates decide, and agreement does not feign certainty."""
    board = rk.leaderboard(make({"a": [[0.9]] * 30, "b": [[0.1]] * 30}), by="prompt")
    first = board.iloc[0]

    assert ("passed", "winner") == (board.attrs["metric"], first["verdict"])
    assert [1.0, 0.886, 1.0] == pytest.approx(first[["estimate", "low", "high"]].tolist(), abs=1e-3)
    assert first["low"] == first["passed_low"]


def test_one_variant() -> None:
    """A single variant cannot win."""
    board = rk.leaderboard(noisy([0], 20), by="prompt", metric="x")

    assert ["too little data"] == board["verdict"].tolist()
    assert "Only one variant has values for score_x: nothing to compare it with." == board.attrs["sentence"]


@pytest.mark.parametrize(("articles", "expected"), [(5, "too little data"), (6, "winner")])
def test_too_little_data(articles: int, expected: str) -> None:
    """Below six articles not even total agreement decides between two."""
    board = rk.leaderboard(make({"a": [[0.9]] * articles, "b": [[0.1]] * articles}), by="prompt", metric="x")

    assert expected == board["verdict"].iloc[0]
    assert ("at least 6 are needed" in board.attrs["sentence"]) is (articles == 5)


def test_constant_metric() -> None:
    """Equal values tie without a warning or a division by zero."""
    board = rk.leaderboard(make({"a": [[1.0]] * 20, "b": [[1.0]] * 20}), by="prompt", metric="x")

    assert {"tied with the best"} == set(board["verdict"])
    assert "No clear winner: a and b are level over the 20 articles they share." == board.attrs["sentence"]


def test_missing_temperature_is_a_variant() -> None:
    """<NA>, the provider's default, stands beside the numbers."""
    scores = {("p", None): [[0.2]] * 8, ("p", 0.0): [[0.9]] * 8, ("p", 0.7): [[0.5]] * 8}
    board = rk.leaderboard(make(scores, names=("prompt", "temperature"), model="m"), metric="x")

    assert [0.0, 0.7, None] == [None if heat is pd.NA else heat for heat in board["temperature"]]
    assert board.attrs["sentence"].startswith("T 0 wins: it leads T 0.7 by 0.40")


def test_failures_are_counted_and_not_scored() -> None:
    """Trials without a title are told; they are no zeros, and a variant without any value comes last."""
    scores: dict[Any, list[list[float | None]]] = {"a": [[0.9], [None]] * 5, "b": [[0.1]] * 10, "c": [[None]] * 10}
    frame = make(scores, cost_usd=[0.1] * 29 + [None])
    board = rk.leaderboard(frame, by="prompt", metric="x")

    assert ["a", "b", "c"] == board["prompt"].tolist()
    assert [5, 0, 10] == board["n_failed"].tolist()
    assert [5, 10, 0] == board["n_articles"].tolist()
    assert (pd.NA, "too little data") == tuple(board.iloc[2][["estimate", "verdict"]])
    assert [1.0, 1.0, None] == [None if cost is pd.NA else round(cost, 6) for cost in board["cost_usd"]]
    assert board.attrs["sentence"].endswith("1 of 3 variants have no value.")


def test_variant_with_few_articles_does_not_lead() -> None:
    """One lucky article does not put a variant before those with all articles."""
    board = rk.leaderboard(make({"new": [[1.0]], "a": [[0.6]] * 9, "b": [[0.5]] * 9}), by="prompt", metric="x")

    assert {"a": "tied with the best", "b": "worse", "new": "too little data"} == verdicts(board)
    assert ["a", "b", "new"] == board["prompt"].tolist()


def test_order_that_shared_articles_turn() -> None:
    """A mean from easier articles does not make a variant worse that is better wherever both were tried."""
    frame = make({"a": [[0.5]] * 8, "b": [[0.6]] * 8 + [[0.0]] * 8})
    board = rk.leaderboard(frame, by="prompt", metric="x")

    assert {"a": "tied with the best", "b": "tied with the best"} == verdicts(board)
    assert "No clear winner: a and b do not keep their order over the 8 articles they share." == board.attrs["sentence"]


def test_nothing_to_decide() -> None:
    """A frame whose calls all failed gives a board without estimates, not an error."""
    board = rk.leaderboard(make({"a": [[None]], "b": [[None]]}, status="error"), by="prompt")

    assert board["estimate"].isna().all()
    assert "Nothing to decide: no trial has a value for passed." == board.attrs["sentence"]


def test_same_frame_same_board() -> None:
    """Everything random is seeded; the order of rows has no part in the figures."""
    frame = noisy([0, 0.02, 0.01], 30)
    board = rk.leaderboard(frame, by="prompt", metric="x")
    shuffled = rk.leaderboard(frame.sample(frac=1, random_state=1), by="prompt", metric="x")
    figures = ["prompt", "estimate", "difference", "verdict"]

    pd.testing.assert_frame_equal(board, rk.leaderboard(frame, by="prompt", metric="x"))
    pd.testing.assert_frame_equal(board[figures], shuffled[figures])


def test_identical_variants_rarely_win() -> None:
    """Simulated sweeps without a difference: winners are rarer than 1 - confidence, and intervals cover the truth."""
    won, covered, total = 0, 0, 0
    for seed in range(60):
        board = rk.leaderboard(noisy([0, 0], 12, repeats=2, seed=seed), by="prompt", metric="x")
        won += board["verdict"].eq("winner").any()
        covered += board["low"].le(0.6).mul(board["high"].ge(0.6)).sum()
        total += len(board)

    assert won <= 7  # 5 % of 60 is 3; 8 or more would come once in 90 runs of another seed
    assert 0.88 <= covered / total


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "charm"}, "the frame has no 'charm'; it has score_x"),
        ({"metric": "title"}, "title holds no numbers"),
        ({"metric": "repeat"}, "of repeat neither more nor less is better by itself: say lower_is_better=True or"),
        ({"metric": "score_words"}, "of score_words neither more nor less is better"),
        ({"by": "colour"}, "no `colour`"),
        ({"by": ()}, "name a column"),
        ({"confidence": 95}, "confidence=95"),
        ({"by": "passed"}, "which is a column of the board"),
        ({"by": "repeat", "votes": pd.DataFrame(), "metric": "x"}, "votes decide by win rate"),
        ({"votes": pd.DataFrame(), "lower_is_better": True}, "votes decide by win rate"),
    ],
)
def test_boards_that_cannot_be_made(arguments: dict[str, Any], message: str) -> None:
    """What is wrong is named with what there is."""
    frame = make({"a": [[0.9]], "b": [[0.1]]}, score_words=8.0)
    with pytest.raises(rk.FrameError, match=re.escape(message)):
        rk.leaderboard(frame, **{"by": "prompt", **arguments})


LESS = ("latency_s", "cost_usd", "attempts", "input_tokens", "output_tokens", "score_cost", "score_latency",
        "score_hype", "score_numbers_invented", "score_names_invented")  # fmt: skip
NEITHER = ("score_width_em", "score_characters", "score_words", "score_sentiment_drift", "score_distinct",
           "score_spread", "score_numbers_kept", "score_numbers_dropped", "score_names_kept",
           "score_names_dropped")  # fmt: skip
MORE = ("score_novelty", "score_lead_coverage", "score_entity_coverage", "score_simplicity")


@pytest.mark.parametrize("metric", LESS)
def test_less_is_better_where_it_is(metric: str) -> None:
    """Of cost, latency, hype and inventions the variant with the least wins, by each verb; figures keep their unit."""
    frame = noisy([0, 0.3, 0.1], 20, noise=0.04)
    frame = typed(frame.drop(columns="score_x").assign(**{metric: (100 * frame["score_x"]).round()}))
    board = rk.leaderboard(frame, by="prompt", metric=metric.removeprefix("score_"), baseline="p2")

    assert {"p0": "winner", "p2": "worse", "p1": "worse"} == verdicts(board)
    assert ["p0", "p2", "p1"] == board["prompt"].tolist()
    assert board["estimate"].tolist() == sorted(board["estimate"])
    assert (board["low"] < board["estimate"]).all()
    assert [-10, -30] == pytest.approx(board["difference"].tolist()[1:], abs=6)
    assert (board["difference_low"] < board["difference"])[1:].all()
    assert [10, 0, -20] == pytest.approx(board["gain"].tolist(), abs=6)
    assert board.attrs["sentence"].startswith("p0 wins: it leads p2 by ")
    assert board.attrs["sentence"].endswith(f" Of {metric} less is better.")
    assert "p0" == rk.effects(frame, metric=metric, factors="prompt")["level"].iloc[0]
    upside_down = rk.leaderboard(frame, by="prompt", metric=metric, lower_is_better=False)
    assert "p1" == upside_down["prompt"].iloc[0]


@pytest.mark.parametrize("metric", NEITHER)
def test_what_is_neither_better_nor_worse_must_be_told(metric: str) -> None:
    """Nobody is crowned for the longest title: the direction must be said, and then it is used."""
    frame = noisy([0, 0.3], 20).rename(columns={"score_x": metric})
    for verb in (rk.leaderboard, rk.effects):
        with pytest.raises(rk.FrameError, match=f"of {metric} neither more nor less is better by itself"):
            verb(frame, metric=metric, **{"by": "prompt"} if verb is rk.leaderboard else {"factors": "prompt"})
    least, most = (rk.leaderboard(frame, by="prompt", metric=metric, lower_is_better=less) for less in (True, False))

    assert ["p0", "p1"] == [least["prompt"].iloc[0], most["prompt"].iloc[0]]
    assert 0 < rk.needed(0.1, frame=frame, by="prompt", metric=metric)


def test_every_score_that_comes_along_has_a_direction() -> None:
    """Each shipped score is one of which more is better, less, or neither: a new one must be thought of."""
    optional = [rk.scorers.cost, rk.scorers.latency, rk.scorers.distinct, rk.scorers.spread]
    empty = typed(pd.DataFrame(columns=[column.name for column in rk.COLUMNS]))
    scores = {name for name in rk.score(empty, [*rk.scorers.DEFAULT, *optional]) if name.startswith("score_")}

    assert scores == {*(name for name in LESS if name.startswith("score_")), *NEITHER, *MORE}


def test_unknown_gates_are_told() -> None:
    """Titles on which a scorer failed count neither way; their number stands on the board and in the sentence."""
    frame = make({"a": [[0.9]] * 10, "b": [[0.9]] * 5 + [[0.1]] * 5})
    frame.loc[frame["prompt"].eq("a") & frame["article"].isin(["a0", "a1"]), "passed"] = pd.NA
    board = rk.leaderboard(frame, by="prompt")

    assert [2, 0] == board["n_unjudged"].tolist()
    assert [8, 10] == board["n_articles"].tolist()
    assert board.attrs["sentence"].endswith(
        "2 titles have unknown gates, because a scorer failed: neither passed nor failed."
    )
    assert rk.leaderboard(frame.drop(columns="passed"), by="prompt", metric="x")["n_unjudged"].isna().all()


@pytest.mark.parametrize(
    ("one", "other", "votes"), [(None, False, 0), (None, True, 0), (True, False, 8), (True, True, 8)]
)
def test_a_judge_does_not_win_on_unknown_gates(one: bool | None, other: bool | None, votes: int) -> None:
    """A judge's votes count only where the gates of both titles are known; those of people always do."""
    frame = make({"a": [[0.5]] * 8, "b": [[0.5]] * 8})
    frame["passed"] = pd.array([one] * 8 + [other] * 8, dtype="boolean")
    cast = vote(frame, [(n, "a", "b", "left") for n in range(8)])
    judged = rk.leaderboard(frame, by="prompt", votes=cast.assign(voter="judge:m"))

    assert votes == judged["n_votes"].iloc[0]
    assert 8 == rk.leaderboard(frame, by="prompt", votes=cast.assign(voter="human:a"))["n_votes"].iloc[0]


def test_prompt_with_two_texts_is_refused() -> None:
    """A prompt edited between two sweeps is not one variant."""
    frame = make({"a": [[0.9], [0.8]]}, prompt_sha=["one", "two"])

    with pytest.raises(rk.FrameError, match="prompt 'a' stands for two texts in this frame: add 'prompt_sha' to by="):
        rk.leaderboard(frame, by="prompt", metric="x")
    assert 2 == len(rk.leaderboard(frame, by=("prompt", "prompt_sha"), metric="x"))


def test_gain_over_the_baseline() -> None:
    """Each variant is also set against the one in use, paired, corrected, whatever its rank."""
    frame = noisy([0, 0.3, 0.1], 20)
    board = rk.leaderboard(frame, by="prompt", metric="x", baseline="p2").set_index("prompt")
    plain = rk.leaderboard(frame, by="prompt", metric="x")

    assert {"prompt": "p2"} == board.attrs["baseline"]
    assert [0.2, 0.0, -0.1] == pytest.approx(board.loc[["p1", "p2", "p0"], "gain"].tolist(), abs=0.06)
    assert board.loc["p1", "gain"] == pytest.approx(-board.loc["p2", "difference"])
    assert (board.loc["p1", "gain_p"] < 0.05, pd.isna(board.loc["p2", "gain_p"])) == (True, True)
    assert board.loc["p1", "gain_low"] < board.loc["p1", "gain"] < board.loc["p1", "gain_high"]
    assert not {"gain", "gain_p"} & set(plain.columns)


@pytest.mark.parametrize(
    ("baseline", "message"),
    [
        ("p9", "'p9' names no variant of prompt, model"),
        ("p0", "'p0' names 2 variants of prompt, model; give their values, as in {'prompt': 'p0', 'model': 'a'}"),
        ({"colour": "red"}, "no `colour`"),
    ],
)
def test_baselines_that_are_no_variant(baseline: Any, message: str) -> None:
    """A baseline must name one variant."""
    scores: dict[Any, list[list[float | None]]] = {(p, m): [[0.5]] * 8 for p in ("p0", "p1") for m in "ab"}
    with pytest.raises(rk.FrameError) as found:
        rk.leaderboard(make(scores, names=("prompt", "model")), by=("prompt", "model"), metric="x", baseline=baseline)

    assert message in str(found.value)


def test_shrunk_estimates_lose_less() -> None:
    """Of equal variants the luckiest looks better than it is; the shrunk figure hardly does."""
    boards = [rk.leaderboard(noisy([0.0] * 12, 20, seed=seed), by="prompt", metric="x") for seed in range(12)]
    excess = {name: np.mean([board[name].iloc[0] - board["estimate"].mean() for board in boards]) for name in
              ("estimate", "shrunk")}  # fmt: skip

    assert excess["estimate"] > 0.03
    assert excess["shrunk"] < 0.35 * excess["estimate"]


def test_real_differences_are_not_shrunk_away() -> None:
    """Where variants really differ the shrunk figures are nearly the measured ones."""
    board = rk.leaderboard(noisy([0, 0.2, 0.4, 0.6, 0.8], 40), by="prompt", metric="x")

    assert board["estimate"].tolist() == pytest.approx(board["shrunk"].tolist(), abs=0.01)


def test_how_many_articles_are_lacking() -> None:
    """A tied variant tells about how many more articles would part it from the best; nothing does for equals."""
    board = rk.leaderboard(noisy([0, 0.05], 20), by="prompt", metric="x")
    level = rk.leaderboard(make({"a": [[1.0]] * 20, "b": [[1.0]] * 20}), by="prompt", metric="x")

    assert 5 < board["more_articles"].iloc[1] < 500
    assert f"about {board['more_articles'].iloc[1]:,} more would be needed" in board.attrs["sentence"]
    assert level["more_articles"].isna().all()


# ------------------------------------------------------------------------------------------------------------- votes


def vote(frame: pd.DataFrame, results: list[tuple[int, str, str, str]]) -> pd.DataFrame:
    """Votes from (article, left prompt, right prompt, winner)."""
    trial = {(row.article, row.prompt): row.trial_id for row in frame.itertuples()}
    rows = [(f"a{n}", trial[f"a{n}", left], trial[f"a{n}", right], winner) for n, left, right, winner in results]
    return pd.DataFrame(rows, columns=["article", "left", "right", "winner"])


def test_votes_decide() -> None:
    """The variant that wins most votes, on whichever side it stands, wins the board."""
    frame = make({"a": [[0.5]] * 16, "b": [[0.5]] * 16, "c": [[0.5]] * 16})
    results = [(n, "a", "b", "left") if n % 2 else (n, "b", "a", "right") for n in range(16)]
    results += [(n, "c", "a", "right") for n in range(16)] + [(n, "b", "c", "tie") for n in range(16)]
    board = rk.leaderboard(frame, by="prompt", votes=vote(frame, results))

    assert {"a": "winner", "b": "worse", "c": "worse"} == verdicts(board)
    assert [32, 32, 32] == board["n_votes"].tolist()
    assert [16, 16, 16] == board["n_articles"].tolist()
    assert board["estimate"].iloc[0] > 0.95
    assert board["low"].iloc[0] <= board["estimate"].iloc[0] <= board["high"].iloc[0]
    assert "win_rate" == board.attrs["metric"]


def test_split_votes_tie() -> None:
    """As many votes for each is a win rate of one half and no winner."""
    frame = make({"a": [[0.5]] * 16, "b": [[0.5]] * 16})
    board = rk.leaderboard(
        frame, by="prompt", votes=vote(frame, [(n, "a", "b", ("left", "right")[n % 2]) for n in range(16)])
    )

    assert [0.5, 0.5] == pytest.approx(board["estimate"].tolist())
    assert {"tied with the best"} == set(board["verdict"])


def test_many_votes_on_one_article_are_one_article() -> None:
    """A hundred votes on one article decide nothing."""
    frame = make({"a": [[0.5]], "b": [[0.5]]})
    board = rk.leaderboard(frame, by="prompt", votes=vote(frame, [(0, "a", "b", "left")] * 100))

    assert ["too little data", "too little data"] == board["verdict"].tolist()


def test_variants_that_no_vote_joins() -> None:
    """Only the larger group is ranked."""
    frame = make({name: [[0.5]] * 9 for name in "abcd"})
    results = [(n, "a", "b", "left") for n in range(9)] + [(0, "c", "d", "left")]
    board = rk.leaderboard(frame, by="prompt", votes=vote(frame, results))

    assert {"a": "winner", "b": "worse", "c": "too little data", "d": "too little data"} == verdicts(board)
    assert board["estimate"].isna().tolist() == [False, False, True, True]


def test_votes_join_in_a_chain() -> None:
    """Variants that were never compared directly are ranked through a third."""
    frame = make({name: [[0.5]] * 9 for name in "abcd"})
    chain = [(n, one, other, "left") for n in range(9) for one, other in ("ab", "bc", "cd")]

    assert ["a", "b", "c", "d"] == rk.leaderboard(frame, by="prompt", votes=vote(frame, chain))["prompt"].tolist()


def test_no_votes_yet() -> None:
    """Before the first vote there is a board without estimates."""
    frame = make({"a": [[0.5]], "b": [[0.5]]})

    assert "No votes yet." == rk.leaderboard(frame, by="prompt", votes=vote(frame, [])).attrs["sentence"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"left": "t9"}, "1 trials of the votes are not in the frame, such as t9"),
        ({"winner": "both"}, 'winner must be "left", "right" or "tie", not \'both\''),
        ({"right": "t3"}, "a vote compares trials of two articles"),
    ],
)
def test_votes_that_cannot_count(change: dict[str, str], message: str) -> None:
    """A vote on unknown trials, without a result or across articles is named."""
    frame = make({"a": [[0.5]] * 2, "b": [[0.5]] * 2})
    with pytest.raises(rk.FrameError, match=re.escape(message)):
        rk.leaderboard(frame, by="prompt", votes=vote(frame, [(0, "a", "b", "left")]).assign(**change))


def test_vote_on_a_trial_of_two_variants() -> None:
    """Two prompts that send the same request share their trials; a vote cannot tell them apart."""
    frame = make({"a": [[0.5]], "b": [[0.5]], "c": [[0.5]]})
    votes = vote(frame, [(0, "a", "c", "left")])
    with pytest.raises(rk.FrameError, match="trial t0 stands for two variants"):
        rk.leaderboard(frame.assign(trial_id=["t0", "t0", "t2"]), by="prompt", votes=votes)


# ----------------------------------------------------------------------------------------------------------- winner


def sweep(
    prompts: list[rk.Prompt], scores: dict[tuple[str, str, float | None], float], *, articles: int = 8, **columns: Any
) -> pd.DataFrame:
    """A scored frame as plan() would lay it out for these prompts."""
    by_name = {prompt.name: prompt for prompt in prompts}
    rows = []
    for number in range(articles):
        article = rk.Article(f"a{number}", f"Old title {number}", f"Lead {number}.\n\nMore.")
        for (prompt, model, heat), score in scores.items():
            rows.append(
                {
                    "article": article.id,
                    "original_title": article.title,
                    "body": article.body,
                    "prompt": prompt,
                    "prompt_sha": by_name[prompt].sha,
                    "model": model,
                    "endpoint": json.dumps({"id": f"openai/{model}", "api_base": None}),
                    "temperature": heat,
                    "params": json.dumps(by_name[prompt].params),
                    "messages": json.dumps(by_name[prompt].render(article)),
                    "status": "ok",
                    "title": "T",
                    "score_x": score + number / 1000,
                }
            )
    return typed(pd.DataFrame(rows).assign(**columns))


SCORES = {("terse", "mini", 0.7): 0.9, ("terse", "maxi", 0.7): 0.5, ("long", "mini", None): 0.4}


def test_winner_is_saved(tmp_path: Path) -> None:
    """The file holds model, temperature and passport, keeps the rest, and says what was tested."""
    frame = sweep([PROMPT, OTHER], SCORES)
    path = rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [PROMPT, OTHER], tmp_path)
    saved = rk.load_prompts(path)["terse-winner"]
    about = saved.about

    assert ("openai/mini", 0.7, {"max_tokens": 60}) == (saved.model, saved.temperature, saved.params)
    assert saved.text.endswith(PROMPT.text.split("---\n")[2])
    assert "Short." == saved.description
    assert ("terse", PROMPT.sha, "score_x", "winner") == tuple(
        about[k] for k in ("parent", "parent_sha", "metric", "verdict")
    )
    assert (8, 8, 2, 0.95, ["maxi", "mini"]) == tuple(
        about[k] for k in ("n_articles", "n_trials", "rivals", "confidence", "models")
    )
    assert about["low"] <= about["estimate"] <= about["high"]
    assert ("terse · maxi · T 0.7", 0.4) == (about["runner_up"], about["lead"])
    assert about["lead_low"] <= about["lead"] <= about["lead_high"]
    assert {"python", "litellm", "numpy", "pandas"} == set(about["libraries"])
    assert about["rule"].startswith("paired over articles, Student's or sign-flip test, Holm")
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", about["decided_at"])
    assert rk.__version__ == about["retitlekit"]
    assert re.fullmatch(r"[0-9a-f]{16}", about["data"])
    assert "forced" not in about


def test_winner_shows_its_difference_to_the_parent(tmp_path: Path) -> None:
    """What changed against the parent is shown, escaped; the result stands for its path."""
    frame = sweep([PROMPT, OTHER], SCORES)
    hostile = frame.assign(endpoint=frame["endpoint"].astype(str).str.replace("/mini", "/<b>mini"))
    winner = rk.save_winner(rk.leaderboard(hostile, metric="x"), hostile, [PROMPT, OTHER], tmp_path)

    assert winner.diff == PROMPT.diff(winner.prompt)
    assert ["-temperature: 0.3", "+temperature: 0.7", "+model: openai/<b>mini"] == [
        line for line in winner.diff.split("\n") if re.match(r"[+-](temperature|model):", line)
    ]
    assert [winner.diff, str(winner.path)] == str(winner).split("\n", 1)[::-1]
    assert "&lt;b&gt;mini" in winner._repr_html_()
    assert "<b>" not in winner._repr_html_()
    assert winner.path.read_text() == Path(winner).read_text()


def test_litellm_reads_the_winner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteLLM's own reader makes the tested messages, model and parameters of the file."""
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    from litellm.integrations.dotprompt.dotprompt_manager import DotpromptManager

    frame = sweep([PROMPT, OTHER], SCORES)
    rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [PROMPT, OTHER], tmp_path)
    manager = DotpromptManager(prompt_directory=str(tmp_path))
    first = frame[(frame["prompt"] == "terse") & (frame["model"] == "mini")].iloc[0]
    given = {"title": str(first["original_title"]), "lead": str(first["body"]).split("\n\n")[0]}
    model, messages, params = manager.get_chat_completion_prompt("dotprompt/x", [], {}, "terse-winner", given, {})

    assert json.loads(first["messages"]) == messages
    assert ("openai/mini", 0.7, 60) == (model, params["temperature"], params["max_tokens"])


def test_data_are_told_apart(tmp_path: Path) -> None:
    """The fingerprint changes with the articles, not with their order."""
    frame, fewer = sweep([PROMPT, OTHER], SCORES), sweep([PROMPT, OTHER], SCORES, articles=7)
    prints = []
    for number, given in enumerate((frame, frame.iloc[::-1], fewer)):
        board = rk.leaderboard(given, metric="x")
        path = rk.save_winner(board, given, [PROMPT, OTHER], tmp_path, name=f"w{number}", force=True)
        prints.append(rk.load_prompts(path)[f"w{number}"].about["data"])

    assert prints[0] == prints[1] != prints[2]


def test_tie_is_refused_unless_forced(tmp_path: Path) -> None:
    """Without a winner nothing is saved; forced, the file names the tied."""
    frame = sweep([PROMPT, OTHER], dict.fromkeys(SCORES, 0.5))
    board = rk.leaderboard(frame, metric="x")
    with pytest.raises(rk.FrameError, match=r"No clear winner: .* Pass force=True"):
        rk.save_winner(board, frame, [PROMPT, OTHER], tmp_path)
    assert [] == list(tmp_path.iterdir())
    path = rk.save_winner(board, frame, [PROMPT, OTHER], tmp_path, force=True)

    assert (
        "tied with the best: terse · maxi · T 0.7; long · mini · T default"
        == rk.load_prompts(path)["terse-winner"].about["forced"]
    )


def test_winner_of_a_winner_forgets_that_it_was_forced(tmp_path: Path) -> None:
    """A clean decision does not inherit the mark of a forced one."""
    forced = PROMPT.revise(about={"forced": "tied with the best: long"})
    frame = sweep([forced, OTHER], SCORES)
    path = rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [forced, OTHER], tmp_path)

    assert "no" == rk.load_prompts(path)["terse-winner"].about["forced"]


def test_parameters_of_the_sweep_are_saved(tmp_path: Path) -> None:
    """What plan() was given beside the prompt goes into the file."""
    frame = sweep([PROMPT, OTHER], SCORES, params=json.dumps({"max_tokens": 60, "top_p": 0.5, "stop": ["\n"]}))
    path = rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [PROMPT, OTHER], tmp_path)

    assert {"max_tokens": 60, "top_p": 0.5, "stop": ["\n"]} == rk.load_prompts(path)["terse-winner"].params


def test_axes_that_were_not_ranked_are_left_out(tmp_path: Path) -> None:
    """A board by prompt alone says nothing on model and temperature."""
    frame = sweep([PROMPT, OTHER], {("terse", "mini", 0.3): 0.9, ("long", "mini", None): 0.1})
    path = rk.save_winner(rk.leaderboard(frame, by="prompt", metric="x"), frame, {"terse": PROMPT}, tmp_path, name="w")

    assert (None, 0.3) == (rk.load_prompts(path)["w"].model, rk.load_prompts(path)["w"].temperature)


def test_template_that_uses_more_than_a_frame_keeps(tmp_path: Path) -> None:
    """A source that the frame has lost does not stop a faithful file."""
    frame = sweep([SOURCED, OTHER], {("sourced", "mini", 0.0): 0.9, ("long", "mini", 0.0): 0.1})
    frame["messages"] = frame["messages"].astype(str).str.replace("Old title", "Old title (BBC)").astype("category")

    assert rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [SOURCED], tmp_path).path.exists()


def test_messages_that_differ_stop_the_winner(tmp_path: Path) -> None:
    """A file that would not say what was tested is not left behind."""
    frame = sweep([PROMPT, OTHER], SCORES)
    frame["messages"] = frame["messages"].astype(str).str.replace("Retitle", "Rewrite").astype("category")

    with pytest.raises(rk.PromptError, match="does not render what was tested for article 'a0'; it was removed"):
        rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [PROMPT, OTHER], tmp_path)
    assert [] == list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """The same decision again is fine, on another day too, and leaves its file alone; another one needs a name."""
    frame, fewer = sweep([PROMPT, OTHER], SCORES), sweep([PROMPT, OTHER], SCORES, articles=7)
    board = rk.leaderboard(frame, metric="x")
    path = rk.save_winner(board, frame, [PROMPT, OTHER], tmp_path).path
    path.write_text(re.sub(r"decided_at: \S+", "decided_at: '2020-02-02'", path.read_text()))
    again = rk.save_winner(board, frame, [PROMPT, OTHER], tmp_path)

    assert (path, "2020-02-02") == (again.path, str(again.prompt.about["decided_at"]))
    before = path.read_bytes()
    with pytest.raises(rk.PromptError, match=r'exists and holds another decision: .* name="terse-winner-2"'):
        rk.save_winner(rk.leaderboard(fewer, metric="x"), fewer, [PROMPT, OTHER], tmp_path)
    assert before == path.read_bytes()


def test_a_race_or_a_frame_is_no_board(tmp_path: Path) -> None:
    """A race is told how it becomes a board, and swapped arguments are called swapped."""
    frame = sweep([PROMPT, OTHER], SCORES)
    board = rk.leaderboard(frame, metric="x")
    rounds = pd.DataFrame({"round": [1]})
    rounds.attrs = {"metric": "score_x", "sentence": ""}
    race = rk.Race({}, rounds, frame, 1, 1, "")
    for given in ((race, frame), (board, race)):
        with pytest.raises(rk.FrameError, match=r"rk\.leaderboard\(race\.frame, metric='score_x'\)"):
            rk.save_winner(*given, [PROMPT, OTHER], tmp_path)  # type: ignore[arg-type]
    with pytest.raises(rk.FrameError, match=r"swapped: save_winner\(board, frame, "):
        rk.save_winner(frame, board, [PROMPT, OTHER], tmp_path)


def test_a_forced_winner_names_three_rivals(tmp_path: Path) -> None:
    """Of many tied variants the file names three and counts the rest."""
    scores = {("terse", f"m{number}", 0.7): 0.5 for number in range(9)}
    frame = sweep([PROMPT, OTHER], scores)
    saved = rk.save_winner(rk.leaderboard(frame, metric="x"), frame, [PROMPT, OTHER], tmp_path, force=True)

    told = saved.prompt.about["forced"]
    assert (3, True) == (told.count("terse · m"), told.endswith("; and 5 more")), told


@pytest.mark.parametrize(
    ("gates", "said"),
    [
        ({"gate_length": False, "gate_numbers": False}, "all failed length, numbers."),
        ({"gate_length": False, "gate_numbers": True}, "all failed length."),
        ({"gate_length": [False] * 20 + [True] * 4}, "no gate failed in all, length in most (20 of 24)."),
        ({}, "No title of any variant passed."),
    ],
)
def test_no_title_passed(gates: dict[str, Any], said: str, tmp_path: Path) -> None:
    """Where no title passed, the sentence and a forced winner say so and name the gates that all failed."""
    frame = sweep([PROMPT, OTHER], dict.fromkeys(SCORES, 0.5), passed=False, **gates)
    board = rk.leaderboard(frame)
    saved = rk.save_winner(board, frame, [PROMPT, OTHER], tmp_path, force=True)

    for told in (board.attrs["sentence"], saved.prompt.about["forced"]):
        assert "No title of any variant passed" in told
        assert said in told
    one = frame.assign(passed=[True] + [False] * (len(frame) - 1))
    assert "No title" not in rk.leaderboard(one).attrs["sentence"]


EDITED = rk.Prompt("terse", PROMPT.text + "Be brief.\n")


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"prompts": [EDITED]}, rk.PromptError, "prompt 'terse' was edited since the sweep (tested "),
        ({"prompts": {}}, rk.PromptError, "prompt 'terse' is not among those given (none)"),
        ({"board": pd.DataFrame({"prompt": []})}, rk.FrameError, "no `estimate`"),
        ({"by": ("model",)}, rk.FrameError, "this board ranks model, not prompts"),
        ({"by": ("prompt", "temperature")}, rk.FrameError, "2 values of `params`"),
        ({"drop": True}, rk.FrameError, "this is no board of leaderboard(): it has lost its attrs"),
        ({"params": '{"max_tokens": 9}'}, rk.PromptError, "max_tokens was 9 in the sweep and is 60 in prompt"),
        ({"other": True}, rk.FrameError, "the frame has no trial of the board's winner"),
        ({"status": "error", "score_x": None}, rk.FrameError, "there is nothing to save"),
    ],
)
def test_winners_that_cannot_be_saved(
    change: dict[str, Any], error: type[Exception], message: str, tmp_path: Path
) -> None:
    """What does not fit together is named, and no file is written."""
    frame = sweep([PROMPT, OTHER], SCORES, **{k: v for k, v in change.items() if k in ("params", "status", "score_x")})
    if change.get("by") == ("prompt", "temperature"):
        params = np.where(frame["model"] == "maxi", "{}", '{"max_tokens": 60}')
        frame = frame.assign(
            params=pd.Categorical(params), score_x=frame["score_x"].where(frame["prompt"] == "terse", 0.1)
        )
    board = change.get(
        "board", rk.leaderboard(frame, by=change.get("by", ("prompt", "model", "temperature")), metric="x")
    )
    if "drop" in change:
        board.attrs = {}
    given = frame[frame["prompt"] != "terse"] if "other" in change else frame
    with pytest.raises(error, match=re.escape(message)):
        rk.save_winner(board, given, change.get("prompts", [PROMPT, OTHER]), tmp_path)
    assert [] == list(tmp_path.iterdir())
