"""Gates: what passes, what fails and why, and what stands aside."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pytest

import retitlekit as rk
from retitlekit import scorers
from retitlekit.frame import typed
from retitlekit.scorers.gates import NO_TITLE

BODY = "Kim Jong Un arrived in Russia on Tuesday with 2 ministers.\n\nWashington warned against a deal."
TITLE = "Kim Jong Un in Russia amid US warnings"


def make(**columns: Any) -> pd.DataFrame:
    """A small run frame; a single value is repeated."""
    size = max((len(value) for value in columns.values() if isinstance(value, list)), default=1)
    defaults = {"article": "a", "original_title": TITLE, "body": BODY, "prompt": "p", "model": "m", "status": "ok"}
    defaults |= {"title": "Kim arrives in Russia", "repairs": "", "messages": '[{"role": "user", "content": "Hi"}]'}
    filled = {k: v if isinstance(v, list) else [v] * size for k, v in (defaults | columns).items()}
    return typed(pd.DataFrame(filled))


def column(scorer: Callable[..., Any], name: str, **columns: Any) -> list[Any]:
    """What one scorer puts into one column."""
    result = rk.score(make(**columns), scorer)[name]
    return [None if value is pd.NA else value for value in result.tolist()]


GATES = [
    ("width", "Kim arrives in Russia as Washington warns against arms deal", True),
    ("width", "W" * 32, False),
    ("width", "朝鲜" * 15, False),
    ("rewritten", "Kim arrives in Moscow, Washington objects", True),
    ("rewritten", "KIM JONG UN IN RUSSIA AMID U.S. WARNINGS!", False),
    ("rewritten", "Kim Jong Un in Russia amid U.S. warning", False),
    ("numbers", "Kim brings two ministers", True),
    ("numbers", "Kim brings three ministers", False),
    ("names", "Kim arrives in Russia", True),
    ("names", "Kim arrives in Vladivostok", False),
    ("names", "金正恩抵达俄罗斯", None),
    ("one_line", "Kim in Russia", True),
    ("one_line", "Kim in Russia\nKim in Moscow", False),
    ("one_line", "Kim in Russia\u2028Kim", False),
    ("readable", "Kim’s “visit” & talks: 50 % — AT&T; naïve", True),
    ("readable", "Kim &amp; Putin", False),
    ("readable", "Kim&#8217;s visit", False),
    ("readable", "Kimâ€™s visit", False),
    ("readable", "CafÃ© in Russia", False),
    ("readable", "Kim\u200b in Russia", False),
    ("readable", "Kim in Rus\u00adsia", False),
    ("readable", "Kim\u2066 in Russia", False),
    ("readable", "Kim in Russia \ue000", False),
    ("readable", "K\u0336i\u0336m in Russia", False),
    ("readable", "K\u0321\u0322\u031bim in Russia", False),
    ("readable", "𝗞𝗶𝗺 in Russia", False),
    ("readable", "🄺🄸🄼 in Russia", False),
    ("readable", "Việt Nam: ①, 🇷🇺 ½", True),
    ("has_title", "Untitled", False),
    ("has_title", "[Your title here]", False),
    ("has_title", "The original headline", False),
    ("has_title", "null", False),
    ("has_title", "502 Bad Gateway", False),
    ("has_title", "Title race goes on", True),
    ("has_title", "Server error delays flights", True),
    ("whole", "Kim in Russia: what comes next?", True),
    ("whole", "What the summit is made for", True),
    ("whole", "Kim arrives in the", False),
    ("whole", "Kim arrives in…", False),
    ("whole", "Kim (who arrived in Russia", False),
    ("whole", "Summit held", True),
    ("whole", "Kim: “We will sell", False),
    ("whole", "„Keine Waffen“: USA warnen Kim", True),
    ("whole", "USA warnen Kim: „Keine Waffen", False),
    ("length", "Kim in Russia", True),
    ("length", "Kim in Russia " * 8, False),
    ("language", "Kim arrived in Russia", True),
    ("language", "Kim ist am Dienstag in Russland eingetroffen", False),
    ("language", "Ким прибыл в Россию", False),
    ("events", "Kim in Russia", True),
    ("events", "Kim dead", False),
    ("casing", "Kim arrives in Russia", True),
    ("casing", "Kim Arrives In Russia", False),
    ("as_asked", "Kim in Russia", None),
]


@pytest.mark.parametrize(("gate", "title", "expected"), GATES)
def test_gates(gate: str, title: str, expected: bool | None) -> None:
    """Each default gate passes, fails and stands aside where it should."""
    assert [expected] == column(getattr(scorers, gate), f"gate_{gate}", title=title)


CROSSED = "North Korean leader Kim Jong Un crossed into Russia aboard his train on Tuesday, the Kremlin said."


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("Leader Kim Jong Un crossed", CROSSED, "the article goes on: 'Un crossed into Russia'"),
        ("Leader Kim Jong Un crossed into Russia", CROSSED, None),
        ("Leader Kim Jong Un crossed", f"{CROSSED} When Kim Jong Un crossed, guards saluted.", None),
        ("Border crossed", CROSSED, None),
        ("Flight 447 crashed", "The plane of flight 447 crashed into the sea on Monday, and that was it.", None),
        (
            "The mayor defended",
            "The mayor defended his decision on Monday, and said that he would stay.",
            "the article goes on: 'mayor defended his decision'",
        ),
    ],
)
def test_a_sentence_cut_behind_its_verb_is_not_whole(title: str, body: str, expected: str | None) -> None:
    """A title that ends in a verb whose object or goal the article always tells breaks off."""
    assert [expected] == column(scorers.whole, "why_whole", title=title, body=body)


@pytest.mark.parametrize(
    ("gate", "title", "why"),
    [
        ("width", "W" * 32, "30.2 em, 0.6 too wide"),
        ("rewritten", TITLE.upper(), "the original title"),
        ("rewritten", "Kim Jong Un in Russia amid US warning", "97% the original title"),
        ("numbers", "Three ministers, 40 guards", "not in the article: Three, 40"),
        ("names", "Kim in Vladivostok", "not in the article: Vladivostok"),
    ],
)
def test_reasons(gate: str, title: str, why: str) -> None:
    """A failed gate says why."""
    assert [why] == column(getattr(scorers, gate), f"why_{gate}", title=title)


PLUGIN = "[gpt3] Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms [/gpt4]"
SEED = "Kim Jong Un in Russia amid US warnings not to sell arms"
MESSAGES = json.dumps([{"role": "user", "content": f"Write it in the house style of our desk.\n\n{SEED}"}])
FAILURES = [  # what has gone wrong in published retitling, row by row, and the gate that says so
    ("prompt leaked by a tag that does not match", PLUGIN, {}, "no_residue"),
    ("the same without brackets, after an error", PLUGIN[7:-8], {}, "no_residue"),
    (
        "prompt left in the text",
        "You are an experienced sports journalist. You are required to rewrite",
        {},
        "no_residue",
    ),
    ("refusal", "As an AI model I cannot rewrite this title", {}, "no_talk"),
    ("refusal", "I'm sorry, I cannot complete this prompt", {}, "no_talk"),
    ("refusal", "My cutoff date is in September 2021", {}, "no_talk"),
    ("preamble", "Here's an optimized title: Kim in Russia", {}, "clean"),
    ("Markdown", "**Kim in Russia**", {}, "clean"),
    ("count", "Kim in Russia (13 characters)", {}, "clean"),
    ("explanation", "Kim in Russia. Why this works: it is short", {}, "clean"),
    ("quotes", '"Kim in Russia"', {}, "clean"),
    ("label", "Generated title: Kim in Russia", {}, "clean"),
    ("label", "Заголовок: Ким в России", {}, "clean"),
    ("a list of options", "1. Kim in Russia\n2. Kim travels", {}, "one_line"),
    ("a list of options", "1. Kim in Russia\n2. Kim travels", {}, "clean"),
    ("an answer to the text", "Sure! I can tell you about the summit", {}, "no_talk"),
    ("the prompt's words", "Kim in the house style of our desk", {"messages": MESSAGES}, "no_echo"),
    ("wrong language", "Kim Jong-un en Rusia tras las advertencias de Washington", {}, "language"),
    ("thinking", "<think>The user wants a title", {}, "no_residue"),
    ("empty", None, {"error_type": "EmptyCompletion"}, "has_title"),
    ("unchanged", SEED, {}, "rewritten"),
    ("only re-cased", "Kim Jong Un In Russia Amid US Warnings Not To Sell Arms", {}, "rewritten"),
    ("a word swapped", "Kim Jong Un in Russia amid US warnings not to sell weapons", {}, "rewritten"),
    ("negation dropped", "Kim sells arms to Russia", {}, "negation"),
    (
        "negation dropped",
        "'Cheat on everything' AI tool",
        {"original_title": "I used the 'cheat on everything' AI tool and it didn't help me cheat on anything"},
        "negation",
    ),
    (
        "'how' dropped",
        "Microsoft developers are using AI",
        {"original_title": "How Microsoft's developers are using AI"},
        "modality",
    ),
    (
        "negation dropped",
        "Steam machine price revealed",
        {"original_title": "No Steam machine price revealed"},
        "negation",
    ),
    ("invented fact", "Kim dead", {}, "events"),
    ("invented place", "Kim and Putin meet in Khasan", {}, "names"),
    ("invented person", "Kim and Xi meet in Russia", {}, "names"),
    ("invented number", "Kim brings 40 ministers to Russia", {}, "numbers"),
    ("cut at a limit", "Kim Jong Un in Russia amid US warnings not to…", {}, "whole"),
    ("cut at a limit", "Kim in Russia amid warnings", {"finish_reason": "length"}, "whole"),
    ("limit ignored", "Kim Jong Un arrived in Russia on Tuesday " * 3, {}, "length"),
    ("entities", "Kim in Russia &mdash; US warns", {}, "readable"),
    ("broken encoding", "Kimâ€™s visit", {}, "readable"),
]


@pytest.mark.parametrize(("failure", "title", "row", "gate"), FAILURES)
def test_known_failures_fail_their_gate(failure: str, title: str | None, row: dict[str, Any], gate: str) -> None:
    """Each way in which published retitling has failed is caught by the default gates, and never passes."""
    frame = make(title=[title], **({"original_title": SEED} | row)).drop(columns=["repairs"])
    result = rk.score(frame)

    assert [False] == result[f"gate_{gate}"].tolist()
    assert [False] == result["passed"].tolist()


# The seed's story in seven languages: what passes, what fails, parted by bars.
STORIES = {
    "zh": (
        "朝鲜领导人金正恩周二乘坐装甲列车抵达俄罗斯，随行的有2名部长和约300名警卫。贸易增长12%。",
        "金正恩乘装甲列车访俄|朝俄贸易增长12%",
        "金正恩率５０名部长访俄|Kim arrives in Russia|标题：金正恩访俄|抱歉，我无法改写这个标题|「金正恩访俄」",
    ),
    "ja": (
        "北朝鮮の金正恩総書記は火曜日、装甲列車でロシアに到着した。閣僚2人と警護員約300人が同行した。",
        "閣僚2人と訪ロ、金正恩氏|警護300人とロシアへ",
        "閣僚40人と訪ロ|タイトル：金正恩氏がロシア到着|申し訳ありませんが、書けません|警護９００人とロシアへ",
    ),
    "ar": (
        "وصل زعيم كوريا الشمالية كيم جونغ أون إلى روسيا يوم الثلاثاء على متن قطار مدرع برفقة وزيرين و٣٠٠ حارس.",
        "كيم يصل إلى روسيا بقطار مدرع|كيم في روسيا برفقة 300 حارس",
        "كيم في روسيا برفقة ٩٠٠ حارس|العنوان: كيم في روسيا|عذرا، لا أستطيع إعادة كتابة العنوان|كيم \u202eفي روسيا",
    ),
    "hi": (
        "उत्तर कोरिया के नेता किम जोंग उन मंगलवार को बख्तरबंद ट्रेन से रूस पहुंचे। उनके साथ 300 सुरक्षाकर्मी थे।",
        "किम बख्तरबंद ट्रेन से रूस पहुंचे|३०० सुरक्षाकर्मियों के साथ रूस में किम",
        "९०० सुरक्षाकर्मियों के साथ रूस में किम|क्षमा करें, मैं यह नहीं लिख सकता|Kim arrives in Russia",
    ),
    "ru": (
        "Лидер Северной Кореи Ким Чен Ын прибыл в Россию, с ним 300 охранников. США предупредили. Путин ждал гостя.",
        "Ким приехал в Россию на бронепоезде|Встреча Кима с Путиным: США против|Лидер с 300 охранниками",
        "Ким встретится с Лукашенко|Ким приехал в Минск|Ким с 900 охранниками|Заголовок: Ким в России",
    ),
    "de": (
        "Der Machthaber Kim Jong Un ist am Dienstag eingetroffen. Ihn begleiteten zwei Minister und 300 Wachleute.",
        "Kim reist mit Panzerzug an|„Keine Waffen“: USA warnen Kim|Zwei Minister begleiten Kim nach Russland",
        "Fünf Minister begleiten Kim|Neuer Titel: Kim in Russland|Kim arrives in Russia by train|„Kim in Russland“",
    ),
    "fr": (
        "Le dirigeant Kim est arrivé à bord d'un train, avec deux ministres et des gardes, 300 en tout. Une foule est "
        "là, dit la presse de la Russie, et les deux pays se rapprochent. Washington l'a averti.",
        "Kim arrive en Russie en train blindé|« Pas d'armes » : Washington avertit Kim|Trois cents gardes pour Kim",
        "Kim rencontre Macron|Kim avec cinq ministres|Voici le titre réécrit : Kim en Russie|« Kim en Russie »",
    ),
}


@pytest.mark.parametrize("language", STORIES)
def test_titles_of_other_languages(language: str) -> None:
    """Faithful titles pass every default gate, in any digits and quotation marks; hostile ones do not."""
    body, good, bad = STORIES[language]
    titles = [*good.split("|"), *bad.split("|")]
    result = rk.score(make(title=titles, body=body, original_title=NO_TITLE, repairs=None))

    assert [title for title in titles if title in good.split("|")] == result.loc[result["passed"], "title"].tolist()


def test_temperature_that_was_changed() -> None:
    """An arm that was silently changed is told by `as_asked`, and one whose provider's default was asked for is not."""
    frame = make(temperature=[0.7, 0.7, None], effective_temperature=[0.7, 1.0, 1.0])

    assert [True, False, None] == column(scorers.as_asked, "gate_as_asked", **frame.to_dict("list"))


GOOD = [
    "Kim arrives in Russia as Washington warns against arms deal",
    "North Korea's Kim in Russia despite US warnings",
    "Washington warns Kim against selling arms to Russia",
    "Kim Travels to Russia With Two Ministers as U.S. Warns Against Deal",
]


@pytest.mark.parametrize("title", GOOD)
def test_good_titles_pass_every_default_gate(title: str) -> None:
    """A faithful rewrite passes, in sentence case and in Title Case."""
    result = rk.score(
        make(title=title, original_title=SEED, messages=MESSAGES, body=f"{BODY} North Korea said no more.")
    )
    failed = {
        name: result[name.replace("gate", "why")].item()
        for name in result
        if name.startswith("gate_") and result[name].eq(False).fillna(False).item()
    }

    assert {} == failed


def test_repaired_title_is_not_clean() -> None:
    """A repair fails the gate and is named; no repair passes, and a title without a record is looked at itself."""
    result = rk.score(make(title="T", repairs=["", "whitespace", "quotes,label"]), scorers.clean)

    assert [True, True, False] == result["gate_clean"].tolist()
    assert "repaired: quotes,label" == result["why_clean"].iloc[2]
    assert [True, False] == column(scorers.clean, "gate_clean", title=["T", "Title: T"], repairs=[None, None])


def test_channels() -> None:
    """One gate for each channel chosen, and a clear error for one that is unknown."""
    result = rk.score(
        make(title="Kim in Russia as the US warns against a deal"), scorers.fits("push", "newsletter", "words")
    )

    assert [True, True, True] == result[["gate_fits_push", "gate_fits_newsletter", "gate_fits_words"]].iloc[0].tolist()
    assert rk.score(make(), scorers.fits("push"))["why_fits_push"].isna().all()
    with pytest.raises(rk.FrameError, match="channel 'fax' is unknown: use one of google, characters"):
        scorers.fits("fax")
    with pytest.raises(rk.FrameError, match="channel 'fax' is unknown"):
        rk.score(make(), partial(scorers.length, channel="fax"))


def test_casing_in_a_style() -> None:
    """The house style is a setting, and the article's capitals are kept in it."""
    frame = make(title=["Kim Arrives in Russia", "Kim arrives in Russia", "kim Arrives in Russia"])

    assert [True, False, False] == rk.score(frame, partial(scorers.casing, style="ap"))["gate_casing"].tolist()


def test_echo_of_the_article_is_none() -> None:
    """Four words of the instructions that the article has too are the article's."""
    body = f"{BODY}\n\nThey write in the house style of our desk."

    assert [True] == column(
        scorers.no_echo, "gate_no_echo", title="Kim in the house style of our desk", messages=MESSAGES, body=body
    )
    assert [None] == column(scorers.no_echo, "gate_no_echo", messages=None)


def test_qualifiers_tell_the_sentence() -> None:
    """A lost qualifier comes with its word and its sentence, and no gate applies to other languages."""
    frame = make(title=["Kim sells arms", "Kim verkauft Waffen"], original_title=[SEED, "Kim"], body=[BODY, "Kim."])
    result = rk.score(frame, scorers.qualifiers)

    assert f"lost 'not' of: {SEED}" == result["why_negation"].iloc[0]
    assert result[["gate_negation", "gate_modality", "gate_attribution"]].iloc[1].isna().all()
