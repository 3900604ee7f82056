"""Objections: what a model wrote instead of a title is known for what it is, and titles that people wrote pass."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.pages.objections import find_objection, on_topic
from retitlekit.prompts.injections import instructions_of

from .conftest import ROOT

ARTICLE = rk.Article(
    "bridge",
    "Harbour bridge in Tarnby to close for nine weeks, council says",
    "The old harbour bridge in Tarnby will not open to lorries again this year, the council said on Monday.\n\n"
    "It closes on 3 March for nine weeks, and buses go by Station Road. Mayor Ida Holm said no decision had been made "
    "about a new bridge. Engineers found cracks in three of 48 beams.",
)
GOOD = "Tarnby shuts its harbour bridge from 3 March"
TOLD = "Write a new title for the article. Keep it under 60 characters, name who acts, and stay neutral."
SHIPPED = {name: prompt for name, prompt in rk.load_prompts(ROOT / "prompts").items() if name != "few-shot"}


def objection(title: str, article: rk.Article = ARTICLE, told: str = TOLD) -> str:
    on, why = on_topic(title, article) or (True, None)
    return find_objection(title, article.title, article, told) or ("" if on else f"off topic: {why}")


@pytest.mark.parametrize(
    ("title", "says"),
    [
        ("Tarnby:", "label"),
        (f"{GOOD}, see bit.ly/x", "address"),
        (f"{GOOD} news@tarnby.example", "address"),
        (f"{GOOD} #bridge", "address or a hashtag"),
        (f"=> {GOOD}", "signs"),
        (f"{GOOD} // short", "signs"),
        (f"{GOOD} • Bridge shut", "signs"),
        (f"{GOOD} ✅", "signs"),
        ("Rewrite this title: Tarnby shuts bridge", "PromptLeak"),
        ("Tarnby bridge: keep it under 60 characters", "PromptLeak"),
        (
            "Stay neutral on the Tarnby bridge and name who shuts it",
            "'stay' and 'neutral' and 'name' stand in the prompt",
        ),
        ("Mention the harbour bridge in Tarnby", "order: 'Mention the'"),
        ("Do not say when the harbour bridge in Tarnby closes", "order"),
        (f"{GOOD} / Bridge shut", "several"),
        (f"{GOOD}; or: Bridge shut", "several"),
        ("Who: Tarnby council. What: bridge closes", "several"),
        ("A neutral take on Tarnby in a headline", "'headline' stands nowhere"),
        ("Service unavailable for Tarnby harbour bridge", "'unavailable' stands nowhere"),
        ("The text on the Tarnby bridge ends early", "'text' stands nowhere"),
        ("Titel: Tarnby bridge", "'Titel' stands nowhere"),
        ("塔恩比大桥的标题 Tarnby bridge", "stands nowhere"),
        ("I would rather not write about the Tarnby bridge", "machine"),
        ("Which Tarnby bridge do you mean?", "machine"),
        ("You exceeded your limit on the Tarnby bridge", "machine"),
        (f"'{GOOD}' works best", "machine"),
        (f"As agreed: {GOOD}", "'As agreed' is a label"),
        (f"{GOOD} (brisk, calm)", "off topic"),
        (f"{GOOD}, because that reads well", "off topic"),
        ("Thank you!", "off topic: 0 of its"),
        ("Error generating Tarnby harbour bridge", "failure"),
        ("Cannot discuss the Tarnby harbour bridge", "failure"),
        (f"My answer is {GOOD}", "failure"),
        (f"{GOOD} is my answer", "failure"),
        (f"{GOOD}, as requested", "failure"),
        (f"{GOOD} - for you", "failure"),
        ("Tarnby bridge blocked by the safety filter", "'safety filter' stands nowhere"),
        *((f"{GOOD}{end}", "code") for end in (" ###", "\\n", " {}", "{0}", " %s", " </p", " ()", "[end]", " -", '">')),
        *(
            (f"{label}: {GOOD}", "label")
            for label in ("After", "New", "For you", "OK then", "N/A", "Q", "To you", "EN")
        ),
    ],
)
def test_what_is_no_title(title: str, says: str) -> None:
    """The prompt in other words, talk, errors, lists and remarks are told from a title, whatever names they hold."""
    assert says in objection(title)


@pytest.mark.parametrize(
    ("title", "body"),
    [
        (GOOD, ARTICLE.body),
        ("“No decision” on Tarnby bridge, says mayor", ARTICLE.body),
        ("Tarnby: old bridge shuts – lorries stay out", ARTICLE.body),
        ("U.S. engineers find cracks in Tarnby bridge", "U.S. engineers found cracks in a bridge in Tarnby."),
        ("Rovers win title at home", "The Rovers won the title on Sunday, at home."),
        ("Apple article tops rankings", "An article about Apple topped the rankings."),
        ("Please stay home, mayor of Tarnby tells voters", "“Please stay home”, the mayor of Tarnby told voters."),
        ("Make it so: Tarnby gets a bridge", "Tarnby gets a bridge. Make it so, the mayor said."),
        ("Kilmarnock beat Hibernian 2 - 1", "Kilmarnock beat Hibernian by two goals to one, 2-1."),
        ("US: Tarnby bridge must close", "The US said a bridge in Tarnby must close."),
        ("Ida Holm: no decision on Tarnby bridge", ARTICLE.body),
        ("BRIDGE: Tarnby council closes it", ARTICLE.body),
        ("Inflation in Tarnby: council at 5 %", "Inflation in Tarnby is at 5 %, the council says."),
        ("Tarnby council pays $5", "The council of Tarnby pays $5."),
    ],
)
def test_what_is_one(title: str, body: str) -> None:
    """Words of the task that the article has itself, quotations, abbreviations and scores are no objection."""
    original = "Make it so" if title.startswith("Make") else "–"

    assert "" == objection(title, rk.Article("a", original, body))


@pytest.mark.parametrize(
    ("title", "body", "expected"),
    [
        ("दिल्ली में बारिश के कारण स्कूल बंद रहेंगे", "दिल्ली में भारी बारिश के कारण पानी भर गया। स्कूल बंद रहेंगे।", True),
        ("दिल्ली में बारिश के कारण स्कूल बंद रहेंगे", "मुंबई की टीम ने रविवार को फाइनल जीत लिया।", False),
        ("ভারী বৃষ্টিতে ঢাকায় পানি জমে যানজট", "ঢাকায় ভারী বৃষ্টিতে পানি জমে যায় এবং যানজট হয়।", True),
        ("சென்னையில் கனமழை, போக்குவரத்து பாதிப்பு", "சென்னையில் கனமழை பெய்தது; போக்குவரத்து நின்றது.", True),
        ("กรุงเทพฝนตกหนัก น้ำท่วมหลายพื้นที่", "ฝนตกหนักทำให้น้ำท่วมหลายพื้นที่ในกรุงเทพ", None),
        ("Rate limit exceeded: ฿", "ฝนตกหนักทำให้น้ำท่วมหลายพื้นที่ในกรุงเทพ", False),
    ],
)
def test_topic_in_scripts_with_vowel_signs(title: str, body: str, expected: bool | None) -> None:
    """A vowel sign ends no word; what is written without spaces is not checked, and nothing else escapes with it."""
    found = on_topic(title, rk.Article("a", "–", body))

    assert expected == (found and found[0])


@pytest.mark.parametrize("name", SHIPPED)
def test_no_objection_to_titles_of_people(name: str) -> None:
    """Not one title of the shipped articles is taken for something else, under any prompt that does not quote them."""
    told = instructions_of(SHIPPED[name])
    wrong = {
        article.title: found
        for article in rk.load_articles(ROOT / "data/articles.jsonl")
        if (found := objection(article.title, rk.Article("x", "–", article.body), told))
    }

    assert {} == wrong


@given(st.text(max_size=80), st.text(max_size=80))
def test_any_text_is_judged(title: str, body: str) -> None:
    """Nothing raises, whatever stands in a title or in an article."""
    assert re.match(r"|NotATitle: |PromptLeak: |off topic: ", objection(title, rk.Article("a", "–", body)))
