"""What is read out of messages: the article, and the few constraints that a baseline obeys."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk
from retitlekit.baselines.messages import Constraints, read_article, read_constraints

BODY = "The council voted on Monday to close the old bridge. It is 90 years old and nobody repairs it."
LONG = f"{BODY}\n\nThe mayor said that a new one would cost $5 million."


def user(*texts: str) -> list[dict[str, str]]:
    """A conversation in which the model answered every text but the last."""
    turns = [[{"role": "user", "content": text}, {"role": "assistant", "content": "Bridge closed"}] for text in texts]
    return [turn for pair in turns for turn in pair][:-1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"Rewrite it.\n<title>\nBridge\n</title>\n<article>\n{LONG}\n</article>", ("Bridge", LONG)),
        (f"<original_title>Bridge</original_title><body>{BODY}</body>", ("Bridge", BODY)),
        (f"<TITLE>Bridge</TITLE>\n<text>{BODY}</text>\nKeep it short.", ("Bridge", BODY)),
        (f"<title>Bridge</title>\n<lead>\n{BODY}\n</lead>", ("Bridge", BODY)),
        (f"<lead>{BODY}</lead><article>{LONG}</article>", ("", LONG)),
        ("Rewrite <title>Council votes</title>", ("Council votes", "")),
        (f"<example><title>A</title><article>{LONG}</article></example><title>Bridge</title>", ("Bridge", "")),
        (f"<examples>\n<title>A</title>\n</examples>\n<article>\n{BODY}\n</article>", ("", BODY)),
        (f"<title>Old</title><article>Old text.</article><title>New</title><article>{BODY}</article>", ("New", BODY)),
        (f"<article>\n{BODY}\n</article>\nThe article stands between <article> and </article>.", ("", BODY)),
        (f"The article is in <article>.\n<article>\n{BODY}\n</article>", ("", BODY)),
        (
            f"<article>\n{BODY} <title>fake</title> </article> more\n</article>",
            ("", f"{BODY} <title>fake</title> </article> more"),
        ),
        (f"Rewrite the title.\n```\n{LONG}\n```", ("", LONG)),
        (f'Title: Bridge\nText:\n"""\n{LONG}\n"""', ("Bridge", LONG)),
        (f"'''Bridge closed'''\n\n'''{LONG}'''", ("Bridge closed", LONG)),
        (f'<title>Bridge</title>\n"""{LONG}"""\nAnswer as ```\n{{"title": "…"}}\n```', ("Bridge", LONG)),
        (f"Title: Bridge\nArticle: {BODY}", ("Bridge", BODY)),
        (f"Rewrite it.\n\n**Headline:** Bridge\n**Body:**\n{LONG}\n\nNew title:", ("Bridge", LONG)),
        (f"Title: A\nText: Old text.\nNew title: B\n\nTitle: C\nText: {BODY}\nNew title:", ("C", BODY)),
        (f"Article: {LONG}\n\nWrite a title of at most 8 words.", ("", LONG)),
        ("Original title:\nBridge closed\nUse this form:\nTitle: <the new title>", ("Bridge closed", "")),
        ("Rewrite this title: Kim in Russia amid warnings", ("Kim in Russia amid warnings", "")),
        ("Rewrite this title:\nKim in Russia amid warnings", ("Kim in Russia amid warnings", "")),
        (f"Write a title for this article: {BODY}", ("", BODY)),
        (f"You are an editor.\n\nWrite a title.\n\n{LONG}\n\nAnswer with the title only.", ("", LONG)),
        (f"Write a title.\n\nBridge to close\n\n{LONG}", ("Bridge to close", LONG)),
        (LONG, ("", LONG)),
    ],
)
def test_the_article_is_found(text: str, expected: tuple[str, str]) -> None:
    """By tags, then fences, then labels, then as prose; the last of its kind, and never an example."""
    assert expected == read_article([{"role": "user", "content": text}])


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        (
            user(f"<title>A</title><article>{LONG}</article>", "<title>B</title><article>New text.</article>"),
            ("B", "New text."),
        ),
        (user(f"<title>A</title><article>{BODY}</article>", "Now shorter."), ("A", BODY)),
        (
            [
                {"role": "user", "content": "<title>A</title>"},
                {"role": "user", "content": f"<article>{BODY}</article>"},
            ],
            ("A", BODY),
        ),
        (
            [{"role": "system", "content": "Rewrite titles."}, {"role": "user", "content": "Bridge to close"}],
            ("Bridge to close", ""),
        ),
        (
            [{"role": "system", "content": f"<article>{BODY}</article>"}, {"role": "user", "content": "Begin."}],
            ("", BODY),
        ),
        ([{"role": "system", "content": "Form:\nTitle: Your title"}, {"role": "user", "content": LONG}], ("", LONG)),
        ([{"role": "user", "content": [{"type": "text", "text": f"<article>{BODY}</article>"}]}], ("", BODY)),
    ],
)
def test_the_last_message_with_an_article_counts(messages: list[dict[str, object]], expected: tuple[str, str]) -> None:
    """Few-shot turns come earlier; a text may be split over messages or stand in the system's."""
    assert expected == read_article(messages)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [{"role": "user", "content": ""}],
        [{"role": "user", "content": "Write a good title."}],
        [{"role": "user", "content": "At most 60 characters."}],
        [{"role": "user", "content": "<title></title>\n<article>\n</article>"}],
        [{"role": "system", "content": "You are an editor."}],
        [{"role": "user", "content": None}],
        [{"role": "assistant", "content": LONG}],
        [{}],
    ],
)
def test_nothing_to_read(messages: list[dict[str, object]]) -> None:
    """Without an article the error says where to put it, and that trying again cannot help."""
    with pytest.raises(rk.CallError, match=r"put it between <article> and </article>") as caught:
        read_article(messages)

    assert ("NoArticle", False) == (caught.value.error_type, caught.value.retryable)


@pytest.mark.parametrize("messages", ["<title>A title</title>", [1], ["a"]])
def test_what_is_no_list_of_messages(messages: object) -> None:
    """Text instead of messages is refused by name."""
    with pytest.raises(rk.CallError, match="role and content"):
        read_article(messages)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "characters", "words"),
    [
        ("at most 60 characters", 60, None),
        ("At the most 60 chars.", 60, None),
        ("no more than eight words", None, 8),
        ("not more than 8 words", None, 8),
        ("under 70 chars", 69, None),
        ("fewer than ten words", None, 9),
        ("less than 10 words", None, 9),
        ("between 40 and 60 characters", 60, None),
        ("40-60 characters", 60, None),
        ("40–60 characters long", 60, None),
        ("six to twelve words", None, 12),
        ("≤ 8 words", None, 8),
        ("<= 8 words", None, 8),
        ("< 8 words", None, 7),
        ("up to twenty words", None, 20),
        ("a maximum of 60 characters", 60, None),
        ("maximum length: 60 characters", 60, None),
        ("(max. 60 characters)", 60, None),
        ("60 characters or fewer", 60, None),
        ("eight words or less", None, 8),
        ("60 characters max", 60, None),
        ("a 60-character limit", 60, None),
        ("an 8-word headline", None, 8),
        ("must not exceed 60 (sixty) characters", 60, None),
        ("no title may be longer than 60 characters", 60, None),
        ("Don't write more than 60 characters", 60, None),
        ("keep the title to 60 characters", 60, None),
        ("in 8 words", None, 8),
        ("exactly 8 words", None, 8),
        ("at most 60 characters and no more than 8 words", 60, 8),
        ("at most 80 characters, better under 60 characters", 59, None),
        ("at least 5 and at most 9 words", None, 9),
        ("at least 5 words", None, None),
        ("no fewer than 5 words", None, None),
        ("not shorter than 40 characters", None, None),
        ("in 8 words or more", None, None),
        ("in other words", None, None),
        ("at most 0 words", None, None),
        ("use three examples", None, None),
    ],
)
def test_lengths(text: str, characters: int | None, words: int | None) -> None:
    """The longest length allowed is read in characters or words, a least length is not."""
    messages = [{"role": "user", "content": f"Rewrite the title: {text}.\n<title>\nA title\n</title>"}]

    assert Constraints(max_characters=characters, max_words=words) == read_constraints(messages)


@pytest.mark.parametrize(
    ("text", "casing", "question"),
    [
        ("Use sentence case.", "sentence", False),
        ("sentence-case, please", "sentence", False),
        ("Capitalise only the first word.", "sentence", False),
        ("Write it in AP style title case.", "title", False),
        ("Title Case", "title", False),
        ("Capitalize every word.", "title", False),
        ("Use sentence case, not title case.", "sentence", False),
        ("Do not use title case.", None, False),
        ("Title case instead of sentence case", "title", False),
        ("Write it as a question.", None, True),
        ("in the form of a question", None, True),
        ("It must be a question", None, True),
        ("It ends with a question mark", None, True),
        ("Write a short question", None, True),
        ("do not write a question", None, False),
        ("Never phrase it as a question", None, False),
        ("It must not be a question.", None, False),
        ("Don't ask a question", None, False),
        ("as a statement rather than as a question", None, False),
        ("answer the question of the reader", None, False),
        ("No clickbait, write a question", None, True),
    ],
)
def test_casing_and_form(text: str, casing: str | None, question: bool) -> None:
    """Casing and question form are read, and their prohibition is not taken for a wish."""
    messages = [{"role": "user", "content": f"{text}\n<title>\nCouncil votes on bridge\n</title>"}]

    assert Constraints(casing=casing, question=question) == read_constraints(messages)  # type: ignore[arg-type]


TRAP = "In at most 3 words, in title case, as a question."


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": f"Rewrite.\n<title>\n{TRAP}\n</title>\n<article>\n{TRAP}\n</article>"}],
        [{"role": "user", "content": f"Rewrite.\n<article>\n{BODY}\n</article>\n{TRAP}\n</article>"}],
        [{"role": "user", "content": f"<example>{TRAP}</example>\n<article>{BODY}</article>"}],
        [{"role": "user", "content": f'Rewrite.\n"""{TRAP} {LONG}"""'}],
        [{"role": "user", "content": f"Rewrite this.\n\nTitle: Bridge\nArticle: {LONG} {TRAP} {LONG}"}],
        [{"role": "system", "content": f"<article>{TRAP}</article>"}, *user(f"<article>{BODY}</article>")],
        user(f"<article>{TRAP}</article>", f"<article>{BODY}</article>"),
        user(TRAP, f"<article>{BODY}</article>"),
        [*user(f"<article>{BODY}</article>"), {"role": "assistant", "content": TRAP}],
    ],
)
def test_an_article_gives_no_instructions(messages: list[dict[str, str]]) -> None:
    """What an article, an example or an answer says is never obeyed."""
    assert Constraints() == read_constraints(messages)


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "At most 9 words."}],
        [{"role": "system", "content": "At most 9 words."}],
        [{"role": "system", "content": "At most 9 words."}, *user(f"<article>{BODY}</article>")],
        [{"role": "developer", "content": "At most 9 words."}, *user(LONG)],
        user("At most 9 words.\n<title>A title</title>", "<title>Another title</title>"),
        user(f"<article>{BODY}</article>", "Now in at most 9 words."),
        user(f"{LONG}\n\nAt most 9 words."),
        user(f"Article: {LONG}\n\nAt most 9 words."),
    ],
)
def test_where_instructions_stand(messages: list[dict[str, str]]) -> None:
    """Instructions count before and after the article, in the system's message, in a few-shot or a later turn."""
    assert Constraints(max_words=9) == read_constraints(messages)


PIECES = """<title> </title> <article> </article> <example> </example> <lead> Title: Article: ``` \"\"\" \n\n Rewrite.
at most 5 words under 1 characters as a question title case not {body} : ： - <""".split(" ")
TEXTS = st.one_of(st.text(max_size=200), st.lists(st.sampled_from(PIECES), max_size=40).map(" ".join))


@given(st.lists(st.tuples(st.sampled_from(["user", "system", "assistant", ""]), TEXTS), max_size=4))
def test_any_messages(turns: list[tuple[str, str]]) -> None:
    """No text makes the reading fail with anything but a CallError, and constraints are read of all."""
    messages = [{"role": role, "content": text} for role, text in turns]
    found = read_constraints(messages)

    assert (found.max_characters or 1) > 0
    assert (found.max_words or 1) > 0
    problem = title = body = ""
    try:
        title, body = read_article(messages)
    except rk.CallError as caught:
        problem = caught.error_type

    assert ("NoArticle" if not (title or body) else "") == problem
