"""From completion to title: every repair and problem, titles that must stay as they are, leaks, word diffs."""

from __future__ import annotations

import json
import re
import time
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.titles import LONGEST_TITLE, PROBLEMS, REPAIRS, Extraction, extract_title, find_leaks, word_diff
from retitlekit.titles.leaks import LEAKS, echoes

KIM = "Kim arrives in Russia"

# What models wrap round this title, by the repairs it takes to get it out.
WRAPPED = {
    "thinking": [
        f"<think>Let me see.</think>\n\n{KIM}",
        f"<thinking>short</thinking>\n<reasoning>and clear</reasoning> {KIM}",
        f"<think>a <think>b</think> c</think>{KIM}",
        f"The title should be short.\n</think>\n\n{KIM}",
        f"<think></think>\n{KIM}",
        f"{KIM}\n<think>Done.</think>",
        f"<|channel>thought\nhm\n<channel|>{KIM}",
        f"[THINK]hm[/THINK]{KIM}",
        f"◁think▷hm◁/think▷{KIM}",
        f"<unused94>thought\nhm<unused95>{KIM}",
        f"<|channel|>analysis<|message|>hm<|end|><|start|>assistant<|channel|>final<|message|>{KIM}",
        f"analysisThe user wants a titleassistantfinal{KIM}",
    ],
    "thinking, tokens": [f"<|channel|>analysis<|message|>hm<|end|><|channel|>final<|message|>{KIM}<|return|>"],
    "tokens": [f"{KIM}<|im_end|>", f"{KIM}</s>\nUser: one more", f"<|im_start|>assistant\n{KIM}"],
    "fence": [f"```\n{KIM}\n```", f"~~~text\n{KIM}\n~~~", f"```\n{KIM}"],
    "fence, html": [f"```html\n<h1>{KIM}</h1>\n```"],
    "preamble, fence": [f"Here is the title:\n```text\n{KIM}\n```\nLet me know if you need more."],
    "json": [
        json.dumps({"title": KIM}),
        json.dumps({"headline": KIM, "length": 21}),
        json.dumps({"titles": [KIM, "Kim lands"]}),
        json.dumps([KIM, "Kim lands"]),
        json.dumps([{"title": KIM}, {"title": "Kim lands"}]),
        json.dumps({"original_title": "Kim", "subtitle": "Why", "new_title": KIM}),
        json.dumps({"keywords": ["a"], "result": {"titre": KIM}}, indent=2),
        json.dumps({"title": KIM}) + "\nI hope this helps!",
        '{"title": "Kim\\u0020arrives in Russia"}',
    ],
    "fence, json": [f'```json\n{{"title": "{KIM}"}}\n```'],
    "preamble, json": [f'Here is the JSON:\n{{"title": "{KIM}"}}'],
    "json, quotes": [json.dumps({"title": f'"{KIM}"'})],
    "html": [
        f"<h1>{KIM}</h1>",
        "<b>Kim</b> arrives in <a href='https://example.com'>Russia</a>",
        f"<!DOCTYPE html>\n<html>\n<head>\n<title>{KIM}</title>\n</head>\n<body><p>Text</p></body></html>",
        f"I compared two.\n<answer>{KIM}</answer>",
        f"<title>{KIM}",
        f"{KIM}</title>",
        f"{KIM}<!-- short -->",
    ],
    "entities, html": [f"&lt;b&gt;{KIM}&lt;/b&gt;"],
    "markdown": [
        f"# {KIM}",
        f"**{KIM}**",
        f"***{KIM}***",
        f"__{KIM}__",
        f"*{KIM}*",
        f"_{KIM}_",
        f"`{KIM}`",
        f"```{KIM}```",
        f"{KIM} ```",
        f"> {KIM}",
        f"**{KIM}",
        f"## **{KIM}**",
        f"[{KIM}](https://example.com/a)",
        "**Kim** arrives in *Russia*",
        "~~Kim~~ arrives in `Russia`",
        rf"\boxed{{\text{{{KIM}}}}}",
    ],
    "markdown, first_line": [f"# {KIM}\n\nThe leader came by **train**."],
    "label": [
        f"Title: {KIM}",
        f"Title: Title: {KIM}",
        f"New title: {KIM}",
        f"New title → {KIM}",
        f"Headline: {KIM}",
        f"Generated title: {KIM}",
        f"Rewritten Title - {KIM}",
        f"Alternative headline — {KIM}",
        f"SEO-friendly title: {KIM}",
        f"Title (21 characters): {KIM}",
        f"Title:\n{KIM}",
        f"Title\n{KIM}",
        f"# Title\n\n{KIM}",
        f"**New title:**\n{KIM}",
        f"Answer: {KIM}",
        f"Final answer: {KIM}",
        f"Assistant: {KIM}",
        f"Rewritten: {KIM}",
        f"My rewrite: {KIM}",
        f"Neuer Titel: {KIM}",
        f"Überschrift: {KIM}",
        f"Nouveau titre : {KIM}",
        f"Título: {KIM}",
        f"Titolo: {KIM}",
        f"Tytuł: {KIM}",
        f"Başlık: {KIM}",
        f"Заголовок: {KIM}",
        f"Новый заголовок: {KIM}",
        f"标题：{KIM}",
        f"改写后的标题：{KIM}",
        f"新しいタイトル：{KIM}",
        f"제목: {KIM}",
    ],
    "label, quotes": [f"Заголовок: «{KIM}»"],
    "markdown, label": [f"**Title:** {KIM}", f"**Title**: {KIM}", f"**Title: {KIM}**"],
    "preamble": [
        f"Here is a rewritten title:\n\n{KIM}",
        f"Here is a rewritten title: {KIM}",
        f"Here's an optimized headline for your article: {KIM}",
        f"**Here is your title:**\n{KIM}",
        f"Sure! {KIM}",
        f"Certainly! {KIM}",
        f"Of course. {KIM}",
        f"Sure thing!\n{KIM}",
        f"Sure, here's a rewritten headline: {KIM}",
        f"Sure, here you go: {KIM}",
        f"Sure, I can help with that.\n\n{KIM}",
        f"Okay, here is the new headline:\n{KIM}",
        f"Absolutely! Here is a title:\n{KIM}",
        f"I'd be happy to help! Here's a title: {KIM}",
        f"I've rewritten the title to be clearer.\n\n{KIM}",
        f"Based on the content of the article, here's an optimized title: {KIM}",
        f"Based on the content of the article, here's an optimized title\n\n{KIM}",
        f"The rewritten title is: {KIM}",
        f"A better headline would be: {KIM}",
        f"I would suggest: {KIM}",
        f"Original title: Kim in Russia\n{KIM}",
        f"---\n{KIM}",
        f"Natürlich! Hier ist ein neuer Titel:\n{KIM}",
        f"Bien sûr ! Voici un nouveau titre : {KIM}",
        f"Claro. Aquí tienes un título: {KIM}",
        f"Конечно! Вот новый заголовок: {KIM}",
        f"好的，以下是改写后的标题：{KIM}",
        f"以下は新しいタイトルです：{KIM}",
        f"다음은 새로운 제목입니다: {KIM}",
    ],
    "preamble, label": [
        f"Sure! Title: {KIM}",
        f"Original title: Kim in Russia\nRewritten title: {KIM}",
        f"Reasoning: the visit is the news.\nTitle: {KIM}",
        f"Draft title: Kim in Russia\nCritique: no verb\nFinal title: {KIM}",
        f"Title: Kim in Russia\nCritique: no verb\nRevised title: {KIM}",
    ],
    "preamble, markdown, label": [f"Facts:\n- Who: Kim\n- Where: Russia\n\n**Title:** {KIM}"],
    "preamble, period, quotes": [f'The new title is "{KIM}".'],
    "preamble, list_first": [f"Three options:\n1. {KIM}\n2. Kim lands", f"Title options\n- {KIM}\n- Kim lands"],
    "explanation": [
        f"{KIM}\n\nWhy this works: it is short.",
        f"{KIM}\n\n**Why this works:**\n- short",
        f"{KIM}\nThis title keeps the facts.",
        f"{KIM}\n\n*This headline captures the core.*",
        f"{KIM}\n\nNote: I left the warning out.",
        f"{KIM}\n\nErklärung: kurz",
        f"{KIM}\n\nLet me know if you want more!",
        f"{KIM} (Explanation: it is short.)",
        f"{KIM} - this headline keeps the facts",
    ],
    "explanation, period": [f"{KIM}. This title accurately reflects the story.", f"{KIM}. Let me know if you like it!"],
    "count": [
        f"{KIM} (48 characters)",
        f"{KIM} [52 chars]",
        f"{KIM} - 9 words",
        f"{KIM} | 21 characters",
        f"{KIM} (4 words, 21 characters)",
        f"{KIM} (Character count: 21)",
        f"{KIM} (~21 characters).",
        f"{KIM} (21 Zeichen)",
        f"{KIM}（21字）",
    ],
    "count, markdown": [f"**{KIM}** (48 characters)"],
    "quotes": [
        *(
            f"{pair[0]}{KIM}{pair[1]}"
            for pair in ('""', "''", "“”", "‘’", "«»", "‹›", "„“", "„”", "””", "»«", "「」", "『』")
        ),
        f"« {KIM} »",
        f"'\"{KIM}\"'",
        f"[{KIM}]",
        f'"{KIM}',
    ],
    "quotes, period": [f'"{KIM}."'],
    "period, quotes": [f"“{KIM}”."],
    "list_first": [
        f"1. {KIM}\n2. Kim lands\n3. Kim meets Putin",
        f"1) {KIM}\n2) Kim lands",
        f"- {KIM}\n- Kim lands",
        f"* {KIM}\n* Kim lands",
        f"A. {KIM}\nB. Kim lands",
        f"1️⃣ {KIM}\n2️⃣ Kim lands",
        f"Option 1: {KIM}\nOption 2: Kim lands",
        f"Title 1: {KIM}\nTitle 2: Kim lands",
        f"Option 1: {KIM} Option 2: Kim lands",
        f"1. {KIM} 2. Kim lands",
    ],
    "list_first, quotes": [f'1. "{KIM}"\n2. "Kim lands"'],
    "markdown, list_first": [f"1. **{KIM}**\n2. **Kim lands**", f"**Option 1:** {KIM}\n**Option 2:** Kim lands"],
    "numbering": [f"1. {KIM}", f"- {KIM}", f"• {KIM}", f"Option 1: {KIM}"],
    "joined_lines": ["Kim arrives\nin Russia"],
    "first_line": [
        f"{KIM}\n\nThe leader of North Korea came by train.",
        f"{KIM}\nor\nKim lands",
        f"{KIM}\n- by train\n- with generals",
        f"{KIM}\n\nSEO title: Kim in Russia",
    ],
    "period": [f"{KIM}.", f"{KIM}。"],
    "whitespace": [f"  {KIM}\r\n", "Kim\u00a0arrives  in\tRussia"],
    "invisible": [
        f"\ufeff{KIM}",
        "Kim\u200b arrives in Russia",
        "\u202eKim\u202c arrives in Russia",
        f"\x07{KIM}\ud800",
    ],
}
ROWS = [
    pytest.param(text, repairs, id=f"{repairs}-{i}")
    for repairs, texts in WRAPPED.items()
    for i, text in enumerate(texts)
]


@pytest.mark.parametrize(("completion", "repairs"), ROWS)
def test_a_title_is_taken_out_of_what_is_wrapped_round_it(completion: str, repairs: str) -> None:
    """Each known wrapping is removed, and written down in the order of removal."""
    assert Extraction(KIM, tuple(repairs.split(", ")), None) == extract_title(completion)


@pytest.mark.parametrize(
    ("completion", "title", "repairs"),
    [
        ("Kim &amp; Putin meet", "Kim & Putin meet", ("entities",)),
        ("Kim &lt; Putin", "Kim < Putin", ("entities",)),
        ("Cafe\u0301 opens", "Café opens", ("unicode",)),
        ("“Kim’s visit”", "Kim’s visit", ("quotes",)),
        ('"Kim\'s "second" visit"', 'Kim\'s "second" visit', ("quotes",)),
        ("- 10 dead in fire", "10 dead in fire", ("numbering",)),
        ("Title: Ukraine: what we know", "Ukraine: what we know", ("label",)),
        (r"Oil at \$90", "Oil at $90", ("markdown",)),
        ("Oil at 90 U.S.\n", "Oil at 90 U.S.", ("whitespace",)),
    ],
)
def test_repairs_keep_the_characters_of_the_title(completion: str, title: str, repairs: tuple[str, ...]) -> None:
    """A repair takes away what is not the title's, and nothing else."""
    assert Extraction(title, repairs, None) == extract_title(completion)


UNHARMED = """
    C# 12 and F* released | 5 * 3 | 2*3*4 | a < b | AT&T buys Time Warner | snake_case_name | M*A*S*H returns
    x_1 and y_2 found | Ukraine: what we know | Title fight: Fury beats Usyk | Title IX: reforms explained
    Headlines: UK papers react | Headline inflation: what it means | News: what we know
    Alternative: fuel of the future | Original: sin city | "Yes" and "No" camps clash
    'Cheat on everything' AI tool | ‘No deal’: PM | ‘No deal’ says PM, ‘no delay’ | She said "no"
    'Tis the season | Rock 'n' roll lives | Workers' rights and bosses' wrongs | Best TVs under 55"
    Kim arrives, says 'source' | "Darfur a powder keg" says UN | Litvinenko suspect "very close"
    「ノー」と言える日本「再び」 | 10 dead in fire | 3.5 magnitude quake | 2024 budget passes | 1.5 million flee
    18-year US media ban lifted | 1. FC Köln steigt ab | 2. Bundesliga: HSV verliert | E. coli outbreak spreads
    B. Spears returns | Dr. No | Vote No. 1 | Bush meets U.S. | Yahoo Inc. | Guns, drugs, etc.
    And then there were none… | And the Oscar goes to… | Who won? | 'I'm sorry,' minister tells families
    I cannot forgive him, says mother | Sorry, Darling review | I'm sorry, Dave
    I can't access my money, says pensioner | I won't defend my title, says Fury
    I'm sorry, I won't resign, says PM | OpenAI says its language model cannot write this title
    As an AI boom cools, chipmakers cut jobs | As an AI engineer, I was fired
    “As an AI language model”: the phrase polluting the web | Как ИИ меняет школу
    作为人工智能大国，中国加快立法 | AI 언어 모델 경쟁 가열 | 北朝鮮　ミサイル発射 | می‌خواهم زنده بمانم
    抱歉，我爱你 | Here's why the title race is over: analysis | Here's what headline inflation means
    Here is the news | Here comes the sun | Here Are Some Headlines You Missed This Week
    The title race is over: City win | No title defence for Fury | Of course it rained: a summer in Britain
    Certainly not: minister rejects call | Yes we can: Obama wins | Please share this article with every parent
    Please help us, say flood victims | Unfortunately for Labour, polls slip
    It looks like rain for Glastonbury | It seems you can't teach an old dog new tricks
    We need to talk about Kevin | The user wants more: Apple bets on AI
    Let me know when it is over, says Biden | Let's think again about Brexit | [Updated] 10 dead in fire
    Minister resigns [video] | #MeToo five years on | 100% of votes counted | Kim & Xi
    Rewrite history: how a dam was built | Swiss bank note: what changes | Note to self: vote
    Ronaldo - this time it is over | Trump: 'This title is mine' | Why this matters: the budget
    Answer the question, minister | Users: we want more | Israeli-Palestinian conflict: Day 20
    Kilmarnock defeat Hibernian 2 - 1 | United States and England draw 1–1 | Russia’s war – day 100
    Woman (48) killed | Lincoln's 272 words (abridged) | Iran's 60-tonne anchor | Man dies at 80, 3 words left
    👩‍👩‍👧 family wins case | Team 🏴󠁧󠁢󠁥󠁮󠁧󠁿 wins
    US Supreme Court refuses to block "don't ask, don't tell" policy | $5 million and $6 million
"""


@pytest.mark.parametrize(
    "title", [title for line in UNHARMED.strip().splitlines() for title in line.strip().split(" | ")]
)
def test_a_clean_title_is_not_touched(title: str) -> None:
    """Titles that look like labels, lists, quotes, refusals or templates, but are none, come back unchanged."""
    assert Extraction(title, (), None) == extract_title(title)


NO_TITLE = {
    "EmptyCompletion": [
        *(None, "", " ", "\n\n", '""', "“”", "***", "…", "---", "```\n```", "\u200b", "\u3164", "<think>hm</think>"),
        *("<title></title>", "{}", '{"title": ""}', "Sure!", "Of course.", "Let me know if you need more!"),
        *("Here are some suggested titles", "The visit, at length</think>"),
        *(
            "Title:",
            "New headline:",
            "**Title:**",
            "Rewritten title (60 characters):",
            "Заголовок:",
            "标题：",
            "Output:",
        ),
    ],
    "CutOff": [
        *("<think>Let me", "<think>a</think> b <think>c", "<|channel|>analysis<|message|>hm", "<|channel>thought\nhm"),
        *('{"title": "Kim arr', '{"titles": ["Kim", "K', '```json\n{"title": "Kim', "Kim sells the…"),
    ],
    "Refusal": [
        "As an AI model I cannot rewrite this title",
        "As an AI language model, I don't have opinions",
        "I'm sorry, but I can't assist with that.",
        "I’m sorry, but I can’t help with that request.",
        "Sorry, I can't rewrite this title.",
        "I apologize, but I cannot provide a title",
        "Unfortunately, I cannot access external links.",
        "Unfortunately, there is no text to rewrite.",
        "I cannot complete this prompt",
        "I can't assist",
        "I'm unable to help with that.",
        "I won't rewrite this headline",
        "I am not able to generate a title for this article",
        "I was not able to find the article",
        "I do not have enough information to rewrite it",
        "I don't have access to the article",
        "I don't have access to your files",
        "I don’t have direct access to your subscription data. Please provide the text.",
        "I am an AI language model",
        "I'm just an AI assistant, so I can't say",
        "My cutoff date in September 2021",
        "my knowledge cutoff is September 2021",
        "Please provide the title you want me to rewrite.",
        "Sure, please provide the title.",
        "I'd be happy to help! Could you share the title?",
        "It looks like you haven't provided an article",
        "It seems that the article text is missing",
        "There is no article provided.",
        "No title was provided.",
        "\"I'm sorry, but I can't help with that.\"",
        '{"title": "I\'m sorry, but I cannot rewrite this title"}',
        "Title: I cannot rewrite this title",
        "**I'm sorry, but I can't do that title.**",
        f"{KIM}. As an AI language model, I cannot say more",
        "Es tut mir leid, aber ich kann diesen Titel nicht umschreiben.",
        "Als KI-Sprachmodell kann ich das nicht",
        "Bitte geben Sie den Titel an",
        "Je suis désolé, mais je ne peux pas réécrire ce titre.",
        "En tant que modèle de langage, je ne peux pas",
        "Lo siento, pero no puedo reescribir este título",
        "Como modelo de lenguaje, no puedo",
        "Desculpe, não posso",
        "Mi dispiace, ma non posso",
        "Извините, но я не могу переписать этот заголовок",
        "Как языковая модель, я не могу",
        "抱歉，我无法改写这个标题",
        "作为一个AI语言模型，我",
        "申し訳ありませんが、このタイトルは",
        "죄송하지만 도와드릴 수 없습니다",
    ],
    "PromptLeak": [
        "[gpt3] Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms [/gpt4]",
        "Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms",
        "rewrite this title in other words: Kim Jong Un in Russia",
        "Please rewrite the following headline: Kim Jong Un in Russia",
        "Summarize this content to 100 words: Kim",
        "Generate a title for the article about Kim: Kim came",
        '"Rewrite this title: Kim"',
        f"{KIM} [/gpt4]",
        f"[gpt:model t=0.7] {KIM}",
        f'[openai_gpt model="gpt-4o"] {KIM}',
        "[original_title]",
        "Title: [original_title]",
        "[matched_content]",
        "[#item_title]",
        "%%title%% news",
        "{title}",
        "${title}",
        "Kim {{ title }}",
        "{% if x %} Kim",
        "<<<dotprompt",
        "---\nmodel: openai/gpt-4o-mini\n---\nUser: Kim",
        "{awesome|amazing|Great} news from Kim",
        "[insert title here]",
        "<title>Kim</title>\n<article>\nKim came by train.",
        "Kim in <title> today",
        "User: rewrite\nAssistant: Kim",
        "### Instruction:\nRewrite",
        "You are an experienced sports journalist. You are required to rewrite the title",
        "Your task is to rewrite titles",
    ],
    "NotATitle": [
        *("x" * (LONGEST_TITLE + 1), "Kim arrives. " * 40, "| Kim | Xi |", "Thinking Process:\n1. Analyze the request"),
        *("The user wants a short title. I should", "Okay, so the user wants a title", "We need to rewrite the title"),
        *("thought\nThe user", "Facts:\n- Who: Kim\n- Where: Russia\n\nKim came"),
    ],
    "BadJSON": [
        *("{'title': 'Kim'}", '{"title": Kim}', '{"title": "Kim" "x"}', "{title: Kim}", '{"title": null}'),
        *('{"error": "no"}', '{"length": 3}', '{"a":' * 2000 + "1" + "}" * 2000),
    ],
}


@pytest.mark.parametrize(
    ("completion", "problem"),
    [
        pytest.param(text, problem, id=f"{problem}-{i}")
        for problem, texts in NO_TITLE.items()
        for i, text in enumerate(texts)
    ],
)
def test_where_there_is_no_title_the_problem_is_named(completion: str | None, problem: str) -> None:
    """Refusals, leaked prompts, blanks and fragments never become titles."""
    found = extract_title(completion)

    assert (None, problem) == (found.title, found.problem)


def test_every_code_has_a_meaning_and_a_case() -> None:
    """The documented codes are those that the tables above bring about."""
    seen = {code for repairs in WRAPPED for code in repairs.split(", ")} | {"unicode"}

    assert set(REPAIRS) == seen
    assert set(PROBLEMS) == set(NO_TITLE)
    assert all([*REPAIRS.values(), *PROBLEMS.values(), *LEAKS.values()])


@pytest.mark.parametrize(
    ("finish_reason", "problem"),
    [
        *((reason, None) for reason in (None, "", "stop", "end_turn", "eos")),
        *((reason, "CutOff") for reason in ("length", "max_tokens", "MAX_TOKENS")),
        *((reason, "Refusal") for reason in ("content_filter", "refusal", "SAFETY")),
    ],
)
def test_why_the_model_stopped_decides_before_what_it_wrote(finish_reason: str | None, problem: str | None) -> None:
    """A title that looks whole is none when the model was cut or filtered."""
    assert problem == extract_title(KIM, finish_reason=finish_reason).problem


def test_an_empty_answer_that_hit_the_limit_was_cut() -> None:
    """A reasoning model that spent its limit on thinking is told apart from one that said nothing."""
    assert Extraction(None, (), "CutOff") == extract_title("", finish_reason="length")


@pytest.mark.parametrize(
    ("title", "instructions", "leaks"),
    [
        ("Keep it under 60 characters", "Rewrite the title. Keep it UNDER “60” characters!", True),
        ("Kim: keep it under wraps", "Keep it under 60 characters", False),
        ("Kim arrives in Russia today", "Rewrite the title of the article", False),
        ("请用不超过三十个字改写标题", "请用不超过三十个字改写标题，不要加引号。", True),
        ("新闻标题大赛在京举行", "请改写新闻标题", False),
        ("Short", "Short", False),
    ],
)
def test_an_echo_of_the_instructions_is_a_leak(title: str, instructions: str, leaks: bool) -> None:
    """Four words in a row of the instructions, or eight signs, are no accident; fewer are."""
    found = extract_title(title, instructions=instructions)

    assert ("PromptLeak" if leaks else None) == found.problem
    assert leaks == echoes(title, instructions)


PIECES = st.sampled_from(
    [text for texts in WRAPPED.values() for text in texts]
    + [text for texts in NO_TITLE.values() for text in texts if text and len(text) < 200]
    + [
        *"\"'“”‘’«»[](){}<>*_`~#|\\.…-: \n\t\u00a0\u200d\u0301\u202e\x00é標가a1",
        "...",
        "Title: ",
        "1. ",
        "</think>",
        "&amp;",
        " (48 characters)",
    ]
)
COMPLETIONS = st.one_of(
    st.text(), st.lists(PIECES, max_size=6).map("".join), st.lists(PIECES, max_size=4).map(" ".join)
)


@given(COMPLETIONS)
def test_whatever_a_model_writes_a_title_is_publishable(completion: str) -> None:
    """Nothing raises; a title is one short, visible, composed line; there is a title or a problem, never both."""
    found = extract_title(completion)

    assert set(found.repairs) <= set(REPAIRS)
    assert (found.title is None) == (found.problem in PROBLEMS)
    if found.title is not None:
        assert 0 < len(found.title) <= LONGEST_TITLE
        assert re.search(r"[^\W_]", found.title)
        assert {"Cc", "Cs", "Zl", "Zp"}.isdisjoint(map(unicodedata.category, found.title))
        assert not re.search("[\u202a-\u202e\u2066-\u2069\ufeff]", found.title)
        assert unicodedata.normalize("NFC", found.title) == found.title


@given(COMPLETIONS)
def test_a_title_comes_back_unchanged(completion: str) -> None:
    """Extracting from an extracted title changes nothing more."""
    title = extract_title(completion).title

    assert title is None or Extraction(title, (), None) == extract_title(title)


TALK = (
    "I Sure Okay Here As an AI model cannot rewrite this title Of course happy to help the user wants a Please provide"
)
WORDS = st.sampled_from(
    [*TALK.split(), "Kim", "Kim's", "R&D", "U-turn", "-", "9", "words", "Option", "1", "Ödön", "don’t,"]
)


@given(st.lists(WORDS, min_size=1, max_size=8).map(" ".join))
def test_the_short_way_for_plain_lines_leads_to_the_same_place(line: str) -> None:
    """A plain line gets the title and the problem that it gets after a repair, when it walks the long way."""
    short, long = extract_title(line), extract_title(f"`{line}`")

    assert (long.title, long.problem) == (short.title, short.problem)


FLOODS = (
    "\" “ ' [ ( { {{ < <b_a= <!-- * ** _a_ ` # #_ >_ ~~ \\ & [a]( \n _ -_ 1._ ._ a:\n Sure!_ Sure!\n here_is_ Title:_"
    " new_title_"
    ' I\'m_sorry,_ <think> </think> <title> <| ```\n {"a": [[ this_title_ {a| [gpt_ a-b 標 \u200d'
).split(" ")


def seconds(completion: str) -> float:
    started = time.process_time()
    extract_title(completion)
    find_leaks(completion)
    return time.process_time() - started


@pytest.mark.parametrize("piece", [piece.replace("_", " ") for piece in FLOODS])
@pytest.mark.parametrize("before", ["", "Kim "])
def test_time_grows_with_the_length_and_no_faster(piece: str, before: str) -> None:
    """Ten times the marks take about ten times the time, where a pattern that backtracks takes a hundred."""
    few, many = (before + piece * (size // len(piece)) for size in (5_000, 50_000))

    assert seconds(many) < 30 * seconds(few) + 0.5


@pytest.mark.parametrize(
    ("text", "leaks"),
    [
        (
            "[gpt3] Rewrite this title: Kim [/gpt4]",
            ["shortcode:[gpt3]", "prompt:Rewrite this title:", "shortcode:[/gpt4]"],
        ),
        ("<h1>Rewrite this title: Kim</h1>", ["prompt:Rewrite this title:"]),
        (
            "News.\nrewrite this content and keep HTML tags as is",
            ["prompt:rewrite this content and keep HTML tags as is"],
        ),
        ("[ GPT ] [openai-gpt] [GPT-4]", ["shortcode:[ GPT ]", "shortcode:[openai-gpt]", "shortcode:[GPT-4]"]),
        ('x [openai_gpt model="gpt-4o"] [/caption]', ['shortcode:[openai_gpt model="gpt-4o"]', "shortcode:[/caption]"]),
        ("By [author_name] at [source_domain]", ["variable:[author_name]", "variable:[source_domain]"]),
        (
            "%%title%% %title% {title} [#item_title]",
            ["variable:%%title%%", "variable:%title%", "variable:{title}", "variable:[#item_title]"],
        ),
        ("{{ title }} {% if a %} {a|b}", ["template:{{ title }}", "template:{% if a %}", "template:{a|b}"]),
        ("In [your city] today", ["placeholder:[your city]"]),
        ("Kim came.<|im_end|>", ["token:<|im_end|>"]),
        ("Kim came. As an AI language model, I cannot know why.", ["refusal:As an AI language model, I cannot"]),
        ("Kim came. Let me know if you need more.", ["talk:Let me know if you"]),
        ("[sic] [video] [Updated] [The] [1] [...] [Reuters] {} 5 % {1} <b>", []),
        (
            "Error 503: the service is unavailable. Please retry later.",
            ["error:Error 503: the service is unavailable. Please retry later."],
        ),
        ("Too many requests", ["error:Too many requests"]),
        ("Too many requests for visas, says Kim. Service unavailable to tourists, internal server error or not", []),
        ("'I cannot rewrite this title,' the chatbot said. He asked it to rewrite this article: twice.", []),
        ("", []),
    ],
)
def test_leaks_are_found_where_they_stand(text: str, leaks: list[str]) -> None:
    """Residue is found in any spelling, ordinary brackets and quoted chatbots are not."""
    assert leaks == [f"{leak.kind}:{leak.text}" for leak in find_leaks(text)]


@given(COMPLETIONS)
def test_leaks_say_where_they_stand(text: str) -> None:
    """Positions are those of the text, in order, and no leak overlaps another."""
    leaks = find_leaks(text)

    assert all(leak.kind in LEAKS and leak.text == text[leak.start : leak.end] for leak in leaks)
    assert all(one.end <= other.start for one, other in pairwise(leaks))


@pytest.mark.parametrize(
    ("before", "after", "diff"),
    [
        ("", "", []),
        (KIM, KIM, [("same", KIM)]),
        ("", KIM, [("insert", KIM)]),
        (
            "Kim Jong Un in Russia",
            "Kim arrives in Russia",
            [("same", "Kim "), ("delete", "Jong Un"), ("insert", "arrives"), ("same", " in Russia")],
        ),
        ("Kim sells arms", "Xi buys arms", [("delete", "Kim sells"), ("insert", "Xi buys"), ("same", " arms")]),
        ("U.S. warns Kim", "U.S. warns Kim!", [("same", "U.S. warns Kim"), ("insert", "!")]),
        (
            "金正恩抵达俄罗斯",
            "金正恩到达俄罗斯",
            [("same", "金正恩"), ("delete", "抵"), ("insert", "到"), ("same", "达俄罗斯")],
        ),
    ],
)
def test_word_diff_reads_well(before: str, after: str, diff: list[tuple[str, str]]) -> None:
    """Neighbouring changes are one deletion and one insertion; marks and Chinese signs stand alone."""
    assert diff == word_diff(before, after)


TITLES = st.one_of(
    st.text(),
    st.lists(st.sampled_from(["Kim ", "in", " ", "  ", "Russia", "!", "標", "題", "é"]), max_size=12).map("".join),
)


@given(TITLES, TITLES)
def test_word_diff_loses_nothing(before: str, after: str) -> None:
    """Both titles can be put together again; no part is empty; no part stands beside another of its kind."""
    diff = word_diff(before, after)

    assert before == "".join(text for change, text in diff if change != "insert")
    assert after == "".join(text for change, text in diff if change != "delete")
    assert all(text for _, text in diff)
    assert all(one[0] != other[0] for one, other in pairwise(diff))
    assert ("insert", "delete") not in [(one[0], other[0]) for one, other in pairwise(diff)]
