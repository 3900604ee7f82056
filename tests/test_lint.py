"""Lint: what is found in published pages, and what is left in peace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import retitlekit as rk
from retitlekit.cli import main
from retitlekit.pages.lint import RULES, as_json, as_sarif, lint

from .conftest import ROOT


def codes(title: str, body: str = "A body.") -> list[str]:
    return [found.code for found in rk.lint_page(rk.read_page(f"{title}\n\n{body}"))]


@pytest.mark.parametrize(
    "title",
    [
        "[gpt3] Rewrite this title: Kim in Russia [/gpt4]",
        "[gpt]Rewrite: Kim in Russia[/gpt]",
        '[openai_gpt model="gpt-4o"]Kim in Russia[/openai_gpt]',
        "[aicontent]Kim in Russia[/aicontent]",
        "[original_title]",
        "%post_title% – News",
        "%%post_title%%",
        "Rewrite this title: Kim in Russia",
        "Rewrite the following headline in a neutral tone: Kim in Russia",
        "Please rewrite this headline to be less than 60 characters: Kim in Russia",
        "You are an experienced sports journalist. You are required to rewrite this text",
        "Act as a professional news editor and rewrite the title",
        "I want you to act as a headline writer",
        "Paraphrase this: Kim in Russia",
        "rewrite this title Kim in Russia",
        "Please rewrite the following title in your own words. Kim in Russia",
        "As a professional journalist, rewrite this headline: Kim in Russia",
        "Write a new headline, max 8 words, for: Kim in Russia",
        "I will give you a title and you will rewrite it",
        "Make this title shorter: Kim in Russia",
        "Create a new headline from: Kim in Russia",
        "Suggest 5 headlines for: Kim in Russia",
        "Using the article below, write a catchy headline",
        "Schreibe diesen Titel um: Kim in Russland",
        "Reescribe este título: Kim en Rusia",
        "Réécris ce titre : Kim en Russie",
        "Перепиши этот заголовок: Ким в России",
        "改写标题：金正恩访俄",
        "As an AI language model, I cannot rewrite this title",
        "I'm sorry, but I cannot fulfill this request",
        "I cannot complete this prompt as it goes against my use policy",
        "Sure! Here is a rewritten title: Kim in Russia",
        "{{ title }}",
        "<|im_start|>assistant Kim in Russia",
        "Kim in Russia</s>",
        "[chatgpt]Rewrite: Kim in Russia[/chatgpt]",
        "You are a helpful assistant that rewrites news titles. Title: Kim in Russia",
        "Output only one title. Original title: Kim in Russia",
        "Erstelle eine kurze Überschrift für den folgenden Artikel: Kim in Russland",
        "Actúa como un redactor SEO y crea un título único para este texto",
        "Przepisz ten tytuł: Kim w Rosji",
        "Herschrijf deze titel: Kim in Rusland",
        "As of my last knowledge update in January 2022, I have no information on this event",
        "I must decline to rewrite this title, as it contains hateful language",
        "Es tut mir leid, aber ich kann diesen Titel nicht umschreiben",
        "Lo siento, pero no puedo reescribir este título",
        "Desculpe, mas não posso ajudar com isso",
        "Here is a more engaging headline: Kim in Russia",
        "Rewritten title: Kim in Russia",
        'Title: "Kim in Russia"',
        "Option 1: Kim in Russia. Option 2: Kim visits Putin",
        "Natürlich! Hier ist der umgeschriebene Titel: Kim in Russland",
        "Voici une proposition de titre : Kim en Russie",
        "当然！以下是改写后的标题：金正恩访俄",
        "Kim in Russia. Would you like me to make it shorter?",
        '{"title": "Kim in Russia"}',
        "Error code: 429 - You exceeded your current quota, please check your plan",
        "[object Object]",
        "undefined",
    ],
)
def test_leaks_are_found(title: str) -> None:
    """Tags, variables, bare prompts, refusals and chat are found in a title, in several languages."""
    assert codes(title) != []


@pytest.mark.parametrize(
    "title",
    [
        "How to rewrite your life in 30 days",
        "How to rewrite this title: a guide for editors",
        "Rewrite the rules: how one team changed football",
        "Title: the film that no one saw",
        "Headline: a play about a newspaper",
        "Hi, I'm Ida, mayor of a small town. Ask me anything",
        "Undefined behaviour in practice",
        "Rate limiting for fun and profit",
        "Überschriften sind schwer: warum Titel lügen",
        "Crea tu propio huerto: diez consejos",
        "Option 1 was never on the table, says minister",
        "I'm sorry, I can't do this anymore",
        "Sorry, we're closed: a village loses its last shop",
        "Unfortunately, I can't find a job",
        "As an AI researcher, I fear what comes next",
        "As an AI language model I cannot vote, says ChatGPT",
        "'As an AI language model, I cannot help': the phrase that gave a lawyer away",
        "“I'm sorry, I can't assist with that request”: when chatbots say no",
        "Please provide more details on the budget, senator asks",
        "Here are the rewritten rules of golf",
        "Make the headlines: five tips for small clubs",
        "You are an editor. You have one hour. Go",
        "Ask HN: Act or wait?",
        "[GPT-4] One year later",
        "[D] Is [sic] a verb? [video] [2009] [PDF]",
        "[Update] Bridge opens [Photos]",
        "My cat as a king [gpt4 generated] [gpt-4o mini]",
        "{Insert joke here}: comedians on strike",
        "50% of voters, 100% sure",
        "Kim & Putin: “No meeting” [u]",
    ],
)
def test_titles_of_people_are_left_in_peace(title: str) -> None:
    """Titles that quote a chatbot, begin like an apology or a prompt, or hold brackets, are no findings."""
    assert [] == codes(title)


def test_no_false_alarm_on_the_shipped_articles() -> None:
    """Not one finding in the titles and bodies of the project's own articles."""
    assert [] == list(lint(ROOT / "data/articles.jsonl"))


def test_places(tmp_path: Path) -> None:
    """Line and column lead to the leak, in pages, feeds and JSON lines, in titles and in bodies."""
    (tmp_path / "a.html").write_text("<html>\n<h1>Kim</h1>\n<p>One.</p>\n<p>Rewrite this title: Kim</p>\n</html>")
    (tmp_path / "b.xml").write_text(
        "<rss>\n<item>\n<title>Kim</title></item>\n<item><title>[gpt]x</title></item></rss>"
    )
    (tmp_path / "c.jsonl").write_text('{"id": "k", "title": "Kim"}\n{"title": "x", "text": "{{ title }}"}\nnot json\n')
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/d.md").write_text("# Kim\n\nAs an AI language model, I cannot rewrite this article.\n")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / ".hidden/e.md").write_text("# [gpt]x\n")
    found = [(Path(f.place).name, f.line, f.column, f.field, f.code) for f in lint(tmp_path)]

    assert [
        ("a.html", 4, 4, "body", "prompt"),
        ("b.xml", 4, 14, "title", "unclosed"),
        ("c.jsonl", 2, 1, "body", "template"),
        ("c.jsonl", 3, 1, "title", "unreadable"),
        ("d.md", 3, 1, "body", "refusal"),
    ] == found


def test_what_only_the_head_shows() -> None:
    """A prompt that leaked into the head of a page, where search results read it, is found."""
    page = rk.read_page(
        "<head>\n<title>Rewrite this title: Kim</title>\n<meta name='description' content='[gpt]Sum up[/gpt4]'></head>"
        "<h1>Kim</h1><p>Text.</p>"
    )

    assert [("prompt", 2), ("mismatched", 3)] == [(found.code, found.line) for found in rk.lint_page(page)]


def test_tags_of_other_plugins(tmp_path: Path) -> None:
    """A WordPress export holds the tags of its other plugins; only those of models are findings."""
    (tmp_path / "a.xml").write_text(
        '<rss><item><title>Kim</title><content:encoded><![CDATA[<p>[contact-form-7 id="1"] [woo_cart] [x]a[/x]</p>'
        "<p>[gpt3]Sum up [matched_content][/gpt3]</p>]]></content:encoded></item></rss>"
    )

    assert ["call"] == [found.code for found in lint(tmp_path)]


def test_command_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Exit code 1 with findings as text, JSON or SARIF; 0 for a clean file; 2 for a path that is not there."""
    page, clean = str(ROOT / "data/page.txt"), str(ROOT / "data/articles.jsonl")
    text = main(["lint", page, clean]), capsys.readouterr().out
    as_objects = main(["lint", page, "--format", "json"]), json.loads(capsys.readouterr().out)
    sarif = main(["lint", page, "--format", "sarif"]), json.loads(capsys.readouterr().out)

    assert (1, 1, 1) == (text[0], as_objects[0], sarif[0])
    assert f"{page}:1:84: title: [gpt3] is closed by [/gpt4]; write [/gpt3] [mismatched]" in text[1]
    assert [("prompt", 8), ("mismatched", 84)] == [(each["code"], each["column"]) for each in as_objects[1]]
    assert [0, 0] == [main(["lint", clean]), main(["lint", clean, "--format", "sarif"])]
    assert 2 == main(["lint", str(tmp_path / "nowhere")])


def test_sarif() -> None:
    """A SARIF report names its rules and points to lines, columns and relative addresses."""
    report = json.loads(as_sarif(lint(ROOT / "data/page.txt")))
    (run,) = report["runs"]
    result = run["results"][1]
    location = result["locations"][0]["physicalLocation"]

    assert "2.1.0" == report["version"]
    assert ["mismatched", "prompt"] == [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert ("mismatched", "error", 1, 84) == (
        result["ruleId"],
        result["level"],
        location["region"]["startLine"],
        location["region"]["startColumn"],
    )
    assert location["artifactLocation"]["uri"].endswith("data/page.txt")
    assert [] == json.loads(as_json([]))


def test_terminal_escapes_are_shown_not_sent(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What a page says cannot move the cursor of whoever reads the report."""
    (tmp_path / "a.txt").write_text("[gpt]\x1b[31m red\n\nText.")
    main(["lint", str(tmp_path)])

    assert "\x1b" not in capsys.readouterr().out


def test_no_more_than_can_be_read() -> None:
    """Of a text that is one long leak about a hundred findings are told, and the rest is not looked up."""
    for piece in ("{{x}} ", "[/gpt]", "As an AI model, I cannot help.\n"):
        found = rk.lint_page(rk.read_page(f"Kim\n\n{piece * 20_000}"))

        assert 100 <= len(found) <= 202


def test_every_rule_has_a_meaning() -> None:
    """Every code that lint gives is explained."""
    assert {found.code for found in lint(ROOT / "data/page.txt")} <= set(RULES)
