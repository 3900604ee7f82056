"""Charts: what they draw, what they say about it, and what they refuse."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb
from matplotlib.text import Text

from retitlekit import charts
from retitlekit.errors import FrameError
from retitlekit.frame import typed

LONG = [
    "newsroom-deck-style-with-attribution-first-and-then-some-more-words-for-good-measure",
    "openrouter/meta-llama/llama-3.1-70b-instruct",
]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close every figure, and see that no option of matplotlib was touched."""
    before = dict(matplotlib.rcParams)
    yield
    plt.close("all")

    assert before == dict(matplotlib.rcParams)


def sweep(
    prompts: Any = ("a", "b"),
    models: Any = ("m",),
    temperatures: Any = (None, 0.7),
    articles: int = 8,
    repeats: int = 2,
) -> pd.DataFrame:
    """A scored sweep; prompts pass more seldom down the list, and titles differ more as it gets hotter."""
    rows = []
    for p, prompt in enumerate(prompts):
        for a in range(articles):
            for m, model in enumerate(models):
                for temperature in temperatures:
                    for repeat in range(1, repeats + 1):
                        heat = 0 if not temperature else repeat
                        rows.append(
                            {
                                "article": f"a{a}", "original_title": f"The old title number {a}", "prompt": prompt,
                                "model": model, "temperature": temperature, "params": "{}", "repeat": repeat,
                                "title": f"new title {a} {heat}", "passed": a >= p + m, "gate_length": True,
                                "score_width_em": 20.0 + a, "latency_s": 1.0 + m, "score_empty": None,
                                "score_infinite": float("inf"),
                            }
                        )  # fmt: skip
    return typed(pd.DataFrame(rows))


def board(verdicts: Any = ("winner", "tied with the best", "worse"), **attrs: Any) -> pd.DataFrame:
    count = len(verdicts)
    estimates = np.linspace(0.9, 0.5, count)
    table = pd.DataFrame(
        {
            "prompt": [f"p{n}" for n in range(count)], "model": "m", "temperature": pd.array([None] * count, "Float64"),
            "n_articles": 24, "estimate": estimates, "low": estimates - 0.1, "high": estimates + 0.05,
            "difference": 0.0, "p": 1.0, "verdict": verdicts,
        }
    )  # fmt: skip
    table.attrs.update({"metric": "passed", "sentence": "p0 wins."} | attrs)
    return table


def drawn(ax: Axes) -> bytes:
    """The figure as PNG; a warning of matplotlib's is a failure."""
    with warnings.catch_warnings(), io.BytesIO() as png:
        warnings.simplefilter("error")
        ax.figure.savefig(png, format="png")
        return png.getvalue()


def y_names(ax: Axes) -> list[str]:
    return [label.get_text() for label in ax.get_yticklabels()]


def legend(ax: Axes) -> dict[str, tuple[str, Any]]:
    """Colour and marker of each name in the legend."""
    found = ax.get_legend()
    pairs = zip(found.get_texts(), found.legend_handles, strict=True)
    return {text.get_text(): (to_hex(line.get_color()), line.get_marker()) for text, line in pairs}


def points(ax: Axes) -> list[float]:
    """The x of every mark that is drawn as a point."""
    return [float(x) for line in ax.lines if line.get_marker() != "None" for x in line.get_xdata()]


def luminance(colour: Any) -> float:
    parts = np.array(to_rgb(colour))
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one: Any, other: Any) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


CHARTS = {
    "scores": charts.scores,
    "temperature": charts.temperature,
    "lengths": charts.lengths,
    "heatmap": charts.heatmap,
    "intervals": lambda frame, **arguments: charts.intervals(board(), **arguments),
}


# ---- every chart


@pytest.mark.parametrize("name", CHARTS)
def test_axes_in_axes_out(name: str) -> None:
    """A chart draws on the axes it is given and returns them; without any it makes one transparent figure."""
    _, given = plt.subplots()
    mine = CHARTS[name](sweep(), ax=given)
    figures = len(plt.get_fignums())
    new = CHARTS[name](sweep())

    assert given is mine
    assert figures + 1 == len(plt.get_fignums())
    assert 0 == new.figure.patch.get_alpha() == new.patch.get_alpha()
    assert drawn(new).startswith(b"\x89PNG")


@pytest.mark.parametrize("name", CHARTS)
def test_chart_names_its_articles(name: str) -> None:
    """Every chart has a title, and tells how many articles stand behind it."""
    ax = CHARTS[name](sweep())
    lowest = ax.child_axes[0] if ax.child_axes else ax

    assert ax.get_title(loc="left")
    assert f"n = {24 if name == 'intervals' else 8} articles" in lowest.get_xlabel()


@pytest.mark.parametrize("name", CHARTS)
def test_frame_is_not_changed(name: str) -> None:
    """Looking changes nothing."""
    frame = sweep()
    before = frame.copy()
    CHARTS[name](frame)

    pd.testing.assert_frame_equal(before, frame)


@pytest.mark.parametrize("name", CHARTS)
def test_text_reads_on_a_light_and_on_a_dark_page(name: str) -> None:
    """Text has a contrast of 4.5 on white and of 4 on a dark page, and takes the colour of a style that has its own."""
    ax = CHARTS[name](sweep())
    drawn(ax)
    texts = [text for text in ax.findobj(Text) if text.get_text() and text not in ax.texts]
    with plt.style.context("dark_background"):
        dark = CHARTS[name](sweep())

    assert len(texts) > 5
    assert min(contrast(text.get_color(), "white") for text in texts) >= 4.5
    assert min(contrast(text.get_color(), "#111111") for text in texts) >= 4
    assert to_hex("white") == to_hex(dark._left_title.get_color())


@pytest.mark.parametrize("name", ["scores", "temperature", "lengths", "heatmap"])
@pytest.mark.parametrize("prompts", [["_hidden", "$\\frac{$", "a\nb\x00", "x" * 400], ["{}%s", "", " ", "<b>"]])
def test_hostile_names(name: str, prompts: list[str]) -> None:
    """A name is never a formula, a format or a secret: whatever a file is called, the chart is drawn."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ax = CHARTS[name](sweep(prompts=prompts, models=prompts))
    hidden = {label for label in prompts if label.startswith("_")}

    assert len(drawn(ax)) > 5000
    assert name == "lengths" or hidden <= set(y_names(ax)) | set(legend(ax) if name != "heatmap" else ())


@pytest.mark.parametrize("name", ["scores", "temperature", "lengths", "heatmap", "intervals"])
def test_long_words_do_not_collide(name: str) -> None:
    """The title stays above the chart, names of lines stay apart, and the legend stays beside it."""
    if name == "intervals":
        table = board(
            verdicts=["winner"] + ["tied with the best"] * 11, sentence="This is a long sentence about it all. " * 9
        )
        ax = charts.intervals(table.assign(prompt=[f"{LONG[0]}-{n}" for n in range(12)], model=[LONG[1], "m"] * 6))
    else:
        ax = CHARTS[name](sweep(prompts=[f"{LONG[0]}-{n}" for n in range(12)], models=[LONG[1], "m"], articles=3))
    ax.figure.draw_without_rendering()
    heading = ax._left_title.get_window_extent()
    names = sorted((label.get_window_extent() for label in ax.get_yticklabels()), key=lambda box: box.y0)

    assert heading.y0 > ax.bbox.y1
    assert heading.y1 <= ax.figure.bbox.y1 + 1
    assert all(lower.y1 < upper.y0 for lower, upper in pairwise(names))
    assert not ax.get_legend() or ax.get_legend().get_window_extent().x0 > ax.bbox.x1
    assert not any(label.get_window_extent().overlaps(heading) for label in [*ax.get_xticklabels(), *ax.texts])


# ---- scores


def test_repeats_are_averaged_within_their_article() -> None:
    """An article with three repeats counts as much as one with a single repeat."""
    frame = sweep(prompts=["a"], temperatures=[None], articles=2, repeats=3)
    frame["passed"] = [True, False, False, True, True, True]
    ax = charts.scores(typed(frame.iloc[:4]))

    assert [pytest.approx((1 / 3 + 1) / 2)] == points(ax)


def test_lines_are_sorted_and_numbers_keep_their_order() -> None:
    """The best prompt comes first; temperatures stand in their own order, the default before them."""
    frame = sweep(prompts=["low", "high"][::-1], temperatures=[0.7, None, 0.0])

    assert ["high", "low"] == y_names(charts.scores(frame))
    assert ["default", "0", "0.7"] == y_names(charts.scores(frame, by="temperature"))


def test_interval_covers_the_mean_and_is_honest_at_the_edge() -> None:
    """Intervals hold the mean; where all of 8 articles pass the lower limit is Wilson's; one article has none."""
    limits = [tuple(each[:, 0]) for each in charts.scores(sweep(prompts=["a"])).collections[0].get_segments()]
    uneven = charts.scores(sweep(prompts=["a", "b", "c"], articles=12))
    lone = charts.scores(sweep(prompts=["a"], articles=1))
    spans = [each[:, 0] for each in uneven.collections[0].get_segments()][1:]

    assert [(pytest.approx(8 / (8 + 1.96**2), abs=1e-3), 1)] == limits
    assert all(low < x < high for (low, high), x in zip(spans, points(uneven)[1:], strict=True))
    assert [1] == points(lone)
    assert not any(len(each) for each in lone.collections[0].get_segments())


def test_interval_is_that_of_the_articles_not_of_the_trials() -> None:
    """Five times the repeats of the same eight articles make no interval narrower."""
    widths = []
    for repeats in (1, 5):
        frame = sweep(prompts=["a", "b", "c", "d", "e"], temperatures=[None], repeats=repeats)
        segments = charts.scores(frame).collections[0].get_segments()
        widths.append([float(np.ptp(each[:, 0])) for each in segments])

    assert widths[0] == pytest.approx(widths[1])


def test_an_article_can_be_a_line() -> None:
    """Any column makes the lines, the articles too; an article alone has no interval."""
    ax = charts.scores(sweep(articles=3), by="article", metric="score_width_em")

    assert ["a2", "a1", "a0"] == y_names(ax)
    assert [22, 21, 20] == sorted(points(ax), reverse=True)
    assert not any(len(each) for each in ax.collections[0].get_segments())


def test_missing_values_are_counted_not_taken_as_zero() -> None:
    """A trial that was not scored leaves the mean alone, and is told below the chart."""
    frame = sweep(prompts=["a"], temperatures=[None], repeats=1)
    frame.loc[:2, "passed"] = pd.NA
    ax = charts.scores(frame)

    assert [1.0] == points(ax)
    assert "n = 5 articles" in ax.get_xlabel()
    assert "3 of 8 trials have no value" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("metric", "label"),
    [
        ("passed", "titles that pass every gate"),
        ("gate_length", "titles that pass the gate “length”"),
        ("score_width_em", "width (em)"),
        ("latency_s", "latency (s)"),
    ],
)
def test_charts_name_the_metric_and_its_unit(metric: str, label: str) -> None:
    """What is measured, and in which unit, comes from the column; shares are in %."""
    ax = charts.scores(sweep(), metric=metric)
    ax.figure.draw_without_rendering()

    assert label == ax.get_xlabel().split("\n")[0]
    assert f"{label[0].upper()}{label[1:]}, by prompt and model" == ax.get_title(loc="left").replace("\n", " ")
    assert metric.startswith(("passed", "gate_")) == all("%" in label.get_text() for label in ax.get_xticklabels())


def test_at_most_forty_lines() -> None:
    """A thousand prompts do not make a picture a mile high; the chart says what it leaves out."""
    ax = charts.scores(sweep(prompts=[f"p{n}" for n in range(60)], articles=2, repeats=1))

    assert 40 == len(y_names(ax))
    assert "20 more lines are not drawn" in ax.get_xlabel()
    assert ax.figure.get_figheight() < 20


# ---- styles


def test_styles_are_distinct_and_survive_a_filter() -> None:
    """Up to six names have a colour each, more have a marker each besides; a filtered frame keeps them."""
    frame = sweep(models=[f"model-{n}" for n in range(6)], articles=2, repeats=1)
    many = legend(charts.scores(sweep(models=[f"model-{n}" for n in range(20)], articles=2, repeats=1)))
    styles = legend(charts.scores(frame))
    some = legend(charts.temperature(frame[frame["model"].isin(["model-1", "model-4"])]))

    assert 6 == len({colour for colour, _ in styles.values()})
    assert 20 == len(set(many.values()))
    assert {"model-1": styles["model-1"], "model-4": styles["model-4"]} == some


def test_one_more_model_moves_few_colours() -> None:
    """A new model leaves most of the others with the colours they had."""
    names = ["openai/gpt-4o-mini", "anthropic/claude", "baseline/prefix"]
    before = legend(charts.scores(sweep(models=names)))
    after = legend(charts.scores(sweep(models=["a-new-model", *names])))

    assert sum(before[name] == after[name] for name in names) >= 2


# ---- temperature


def test_temperature_curve() -> None:
    """Quality above, diversity below: a curve over the numbers, and the provider's default as a point apart."""
    ax = charts.temperature(sweep(prompts=["a"], temperatures=[None, 0.0, 1.0], repeats=2))
    lower = ax.child_axes[0]
    lower.figure.draw_without_rendering()
    curve, default = lower.lines

    assert ["default", "0", "1"] == [label.get_text() for label in lower.get_xticklabels()]
    assert [0, 1] == pytest.approx(list(curve.get_xdata()))
    assert [0.5, 1] == pytest.approx(list(curve.get_ydata()))
    assert [0.5] == pytest.approx(list(default.get_ydata()))
    assert default.get_xdata()[0] < 0


def test_edit_distance_as_diversity() -> None:
    """The distance is the mean share of characters in which two repeats differ."""
    ax = charts.temperature(sweep(prompts=["a"], temperatures=[1.0], repeats=3), diversity="distance")

    assert [1 / len("new title 0 1")] == pytest.approx(list(ax.child_axes[0].lines[0].get_ydata()))


def test_no_repeats_no_diversity() -> None:
    """With one title a trial there is no lower panel, and the chart says why."""
    ax = charts.temperature(sweep(repeats=1))

    assert [] == ax.child_axes
    assert "no diversity to show" in ax.get_xlabel()


# ---- lengths


def test_lengths() -> None:
    """The share of titles beyond each limit stands at the right; the original titles are there to compare."""
    frame = sweep(prompts=["short", "long"], temperatures=[None], repeats=1)
    frame["title"] = ["x" * 61] * 2 + ["x" * 20] * 6 + ["x" * 71] * 8
    ax = charts.lengths(typed(frame), unit="characters")

    assert ["short", "long", "(original titles)"] == y_names(ax)
    assert ["25 %", "0 %", "100 %", "100 %", "0 %", "0 %", "> 60", "> 70"] == [text.get_text() for text in ax.texts]
    assert [20, 71, len("The old title number 0")] == points(ax)[:3]


@pytest.mark.parametrize(("unit", "expected"), [("em", 23.5), ("characters", 13), ("words", 4)])
def test_length_units(unit: Any, expected: float) -> None:
    """What score() measured is taken from its column; anything else is measured."""
    ax = charts.lengths(sweep(prompts=["a"], temperatures=[None], repeats=1), unit=unit)

    assert expected == points(ax)[0]


def test_words_do_not_apply_to_every_script() -> None:
    """Titles of a script without spaces have characters, but no words to count."""
    frame = sweep(prompts=["a"]).assign(title="日本の首相が来週辞任へ", original_title="日本の首相が辞任")

    assert [11, 8] == points(charts.lengths(typed(frame), unit="characters"))[:2]
    with pytest.raises(FrameError, match=r"no trial has a title to measure in words: .*choose another unit"):
        charts.lengths(typed(frame), unit="words")


# ---- heat map


def test_heatmap_text_contrasts_and_holes_are_hatched() -> None:
    """Each field has its number in a colour that reads on it; a pair without trials is hatched, and told."""
    frame = sweep(prompts=["a", "b", "c"], models=["m", "n"])
    ax = charts.heatmap(frame[~((frame["prompt"] == "b") & (frame["model"] == "n"))])
    hatched = [patch for patch in ax.patches if patch.get_hatch()]

    assert 6 == len(ax.patches)
    assert 1 == len(hatched)
    assert ["100 %", "88 %", "88 %", "75 %", "62 %"] == [text.get_text() for text in ax.texts]
    for text in ax.texts:
        (field,) = [patch for patch in ax.patches if patch.get_bbox().contains(*text.get_position())]
        assert contrast(text.get_color(), field.get_facecolor()) >= 4.5
    assert "hatched: no value" in ax.get_xlabel()


def test_heatmap_of_one_value() -> None:
    """A single field, and fields that are all alike, are drawn like any other."""
    ax = charts.heatmap(sweep(prompts=["a"]), metric="latency_s")

    assert ["1.00"] == [text.get_text() for text in ax.texts]


# ---- intervals


def test_verdicts_differ_in_shape_and_word() -> None:
    """Winner, tied and worse have a marker and a word each; the sentence is the title."""
    ax = charts.intervals(board())
    markers = [line.get_marker() for line in ax.lines]

    assert 3 == len(set(markers))
    assert ["90 %", "winner", "70 %", "tied with the best", "50 %", "worse"] == [text.get_text() for text in ax.texts]
    assert "p0 wins." == ax.get_title(loc="left")
    assert ["p0", "p1", "p2"] == y_names(ax)


def test_variants_are_named_by_what_varies() -> None:
    """A model that is the same in every row is not in the names; a missing temperature is the default."""
    table = board().assign(temperature=pd.array([None, 0.0, 0.7], "Float64"))

    assert ["p0\nT default", "p1\nT 0", "p2\nT 0.7"] == y_names(charts.intervals(table))


def test_rest_of_a_long_board_is_told() -> None:
    """Forty rows are drawn, the best ones."""
    ax = charts.intervals(board(verdicts=["winner"] + ["worse"] * 49))

    assert 40 == len(y_names(ax))
    assert "10 more lines are not drawn" in ax.get_xlabel()


# ---- refusals


@pytest.mark.parametrize(
    ("chart", "arguments", "message"),
    [
        (charts.scores, {"metric": "score_nope"}, r"no `score_nope` \(written by score\(\)\)"),
        (charts.scores, {"by": "nope"}, "no `nope`"),
        (charts.scores, {"hue": "nope"}, "no `nope`"),
        (charts.scores, {"metric": "score_empty"}, "`score_empty` holds no value in any of 64 trials"),
        (charts.scores, {"metric": "score_infinite"}, "`score_infinite` holds no value"),
        (charts.scores, {"metric": "title"}, "`title` is no metric: it holds string"),
        (charts.heatmap, {"metric": "score_empty"}, "`score_empty` holds no value"),
        (charts.heatmap, {"rows": "model", "columns": "model"}, "both 'model': name two columns"),
        (charts.temperature, {"metric": "score_empty"}, "`score_empty` holds no value"),
        (charts.temperature, {"diversity": "entropy"}, 'must be "distinct" or "distance", got \'entropy\''),
        (charts.lengths, {"unit": "pixels"}, "unit must be one of em, characters, words; got 'pixels'"),
        (charts.lengths, {"by": "nope"}, "no `nope`"),
        (charts.intervals, {}, "no `n_articles`, no `estimate`, .*draws what leaderboard"),
    ],
)
def test_refusals(chart: Any, arguments: dict[str, Any], message: str) -> None:
    """Each mistake is named with its fix, and no empty chart is drawn."""
    with pytest.raises(FrameError, match=message):
        chart(sweep(), **arguments)
    assert [] == plt.get_fignums()


@pytest.mark.parametrize("name", ["scores", "temperature", "lengths", "heatmap"])
@pytest.mark.parametrize("empty", ["unscored", "no rows"])
def test_nothing_to_draw(name: str, empty: str) -> None:
    """A frame that was not scored, or was filtered down to nothing, is refused."""
    frame = sweep()
    frame = frame.assign(passed=pd.NA, title=pd.NA, score_width_em=pd.NA) if empty == "unscored" else frame.iloc[:0]
    with pytest.raises(FrameError, match=r"holds no value|no trial has a title to measure"):
        CHARTS[name](frame)


def test_leaderboard_without_an_estimate() -> None:
    """A leaderboard of nothing is refused."""
    with pytest.raises(FrameError, match="holds no estimate"):
        charts.intervals(board().assign(estimate=np.nan))


def test_temperature_that_is_no_number() -> None:
    """A frame of the user's own may hold anything; words are no temperatures."""
    with pytest.raises(FrameError, match="`temperature` holds something that is no number"):
        charts.temperature(sweep().assign(temperature="hot"))


@pytest.mark.parametrize("sign", [1, -1])
def test_rivals_of_a_race_stand_by_how_far_behind_they_are(sign: int) -> None:
    """The nearest rival comes next to the leader, whether more or less of the metric is better."""
    behind = {"lead": 0.0, "far": 3.0, "near": 1.0, "middle": 2.0}
    rounds = pd.DataFrame({"prompt": list(behind), "model": "m", "temperature": 0.0, "round": 1, "n_articles": 6})
    rounds["estimate"] = [10 - sign * value for value in behind.values()]
    rounds = rounds.assign(behind=list(behind.values()), chance=0.2, fate=["leads", "in", "in", "in"])
    ax = charts.race(rounds)

    assert ["lead", "near", "middle", "far"] == [label.get_text().split(" ")[0] for label in ax.get_yticklabels()]
