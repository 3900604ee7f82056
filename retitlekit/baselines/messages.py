"""What the messages of a trial are about, and what they ask: the article and a few plain constraints, without a model.

Only the embedded baselines read messages; a language model gets them as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal, NamedTuple

from retitlekit.errors import CallError
from retitlekit.language.sentences import split_sentences

_KEPT_MESSAGES = 1024

# --------------------------------------------------------------------------------------------- what a prompt is about


class _Reading(NamedTuple):
    title: str
    body: str
    instructions: str


def read_article(messages: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    """Find the article in the messages: its title and its body, either of them possibly empty.

    Tags (``<title>``, ``<original_title>``, ``<article>``, ``<body>``, ``<text>``, ``<lead>``), then fences (three
    backticks or quotes), then labelled lines ("Title: …", "Article: …"), then the prose that is no instruction; always
    the last of its kind, in the last message that has one. Few-shot turns come earlier, and what stands in
    ``<example>`` is left out.

    Parameters
    ----------
    messages : sequence of mappings with ``role`` and ``content``

    Returns
    -------
    title, body : str

    Raises
    ------
    CallError
        ``NoArticle`` when there is neither.

    Examples
    --------
    >>> read_article([{"role": "user", "content": "Rewrite this title: Council votes on bridge"}])
    ('Council votes on bridge', '')
    """
    reading = _read(messages)
    if not (reading.title or reading.body):
        raise CallError(
            "there is no article text in the messages: put it between <article> and </article>, or the title between "
            "<title> and </title>, each tag alone on its line",
            error_type="NoArticle",
        )
    return reading.title, reading.body


def _read(messages: Sequence[Mapping[str, Any]]) -> _Reading:
    if not all(isinstance(message, Mapping) for message in messages):
        raise CallError("messages must be a list of mappings with role and content", error_type="BadMessages")
    return _read_turns(tuple((str(message.get("role")), _content(message.get("content"))) for message in messages))


def _content(content: Any) -> str:
    """The text of a message; its content may be a list of parts."""
    if isinstance(content, list | tuple):
        return "\n\n".join(str(part.get("text") or "") for part in content if isinstance(part, Mapping))
    return "" if content is None else str(content)


@lru_cache(maxsize=_KEPT_MESSAGES)
def _read_turns(turns: tuple[tuple[str, str], ...]) -> _Reading:
    """Look in the last thing the user said, then in what came before it, then in the system's message."""
    said: list[str] = []  # what the user said between two answers is one text
    answered = True
    for role, content in turns:
        if role == "user":
            said[len(said) - (not answered) :] = [content if answered else f"{said[-1]}\n\n{content}"]
        answered = role != "user"
    system = "\n\n".join(content for role, content in turns if role in ("system", "developer"))
    users = [_without_examples(text) for text in reversed(said)]
    marked = [_read_marked(text) for text in [*users, _without_examples(system)]]
    # An earlier turn that holds no article may be anything: it gives no instruction.
    kept = [rest for n, (title, body, rest) in enumerate(marked) if n in (0, len(users)) or title or body]
    for n, (title, body, _) in enumerate(marked):
        if body or (title and n < len(users)):
            return _Reading(title, body, "\n\n".join(kept))
    for place, text in enumerate(users):
        title, body, rest = _read_prose(text, bare=bool(system.strip()))
        if title or body:
            return _Reading(title, body, "\n\n".join([*users[:place], rest, system]))
    return _Reading(marked[-1][0], "", "\n\n".join(kept))


_TITLE_TAGS = frozenset(("title", "original_title", "headline"))
_BODY_TAGS = frozenset(("article", "body", "text", "content", "story"))
_BETWEEN = ("", "and", "or", "to", "…", "...")  # prose about tags, not tagged
_TAG = re.compile(
    r"<(/?)(title|original_title|headline|article|body|text|content|story|lead|examples?)(?:\s[^<>]*)?>", re.IGNORECASE
)


def _tagged(text: str) -> Iterator[tuple[str, int, int, int, int]]:
    """Give each outermost tagged block: its tag, where it starts and ends, and where its content does.

    A title and an example end at their first closing tag, an article at the last one before the next article: a text
    that quotes "</article>" stays whole.
    """
    marks = list(_TAG.finditer(text))
    ends: list[re.Match[str] | None] = []
    nearest: dict[str, re.Match[str]] = {}
    furthest: dict[str, re.Match[str]] = {}
    for mark in reversed(marks):
        tag = mark[2].lower()
        if mark[1]:
            nearest[tag] = mark
            furthest.setdefault(tag, mark)
            ends.append(None)
        else:
            ends.append((furthest if tag in _BODY_TAGS or tag == "lead" else nearest).get(tag))
            nearest.pop(tag, None)
            furthest.pop(tag, None)
    done = 0
    for mark, end in zip(marks, reversed(ends), strict=True):
        if end is not None and mark.start() >= done and text[mark.end() : end.start()].strip().lower() not in _BETWEEN:
            done = end.end()
            yield mark[2].lower(), mark.start(), done, mark.end(), end.start()


def _without_examples(text: str) -> str:
    for tag, start, end, _, _ in reversed(list(_tagged(text))):
        if tag.startswith("example"):
            text = text[:start] + text[end:]
    return text


def _read_marked(text: str) -> tuple[str, str, str]:
    """Title and body by tags, fences and labels, and the text without them."""
    found = {"title": "", "body": "", "lead": ""}
    parts: list[str] = []
    done = 0
    for tag, start, end, inside, outside in _tagged(text):
        kind = "title" if tag in _TITLE_TAGS else "body" if tag in _BODY_TAGS else tag
        found[kind] = text[inside:outside].strip()
        parts.append(text[done:start])
        done = end
    title, body = found["title"], found["body"] or found["lead"]
    rest = "\n".join([*parts, text[done:]])
    for read in (_read_fenced, _read_labelled):
        if not (title and body):
            other_title, other_body, rest = read(rest)
            title, body = title or other_title, body or other_body
    return " ".join(title.split()), body, rest


_FENCE = re.compile(r"^[ \t]*(```|~~~)[\w-]*\n(.*?)\n[ \t]*\1|(\"{3}|'{3})(.*?)\3", re.DOTALL | re.MULTILINE)


def _read_fenced(text: str) -> tuple[str, str, str]:
    title = body = ""

    def take(found: re.Match[str]) -> str:
        nonlocal title, body
        content = (found[2] or found[4] or "").strip()
        if content[:1] in "{[<":  # a form to fill in
            return found[0]
        if _is_short(content):
            title = content
        else:
            body = content
        return "\n"

    rest = _FENCE.sub(take, text)
    return title, body, rest


def _is_short(text: str) -> bool:
    """Whether a text is rather a title than a body."""
    return len(text.split()) <= 25 and len(text) < 200 and len(split_sentences(text)) < 2


_LABEL = re.compile(
    r"^[ \t]*(?:[-*#>]+[ \t]*)?\**(?:(?P<title>(?:(?:original|old|current|source)[ \t])?(?:title|headline))"
    r"|(?P<body>(?:(?:news|full)[ \t])?(?:article|text|body|content|story|lead)(?:[ \t](?:text|body))?)"
    r"|(?:(?:new|rewritten|better|your|final|improved)[ \t])(?:title|headline)|answer|output|rewrite|response)"
    r"\**[ \t]*[:：]\**[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_PLACEHOLDER = re.compile(r"[<{\[(][^\n]*[>}\])]|\W*")


def _read_labelled(text: str) -> tuple[str, str, str]:
    title = body = ""
    rest = []
    done = 0
    labels = list(_LABEL.finditer(text))
    starts = [*(label.start() for label in labels), len(text)]
    for label, following in zip(labels, starts[1:], strict=True):
        end = following if label["body"] else min(_line_end(text, label.end()), following)
        if label["title"] and not text[label.end() : end].strip():  # the title stands on the next line
            end = min(_line_end(text, end + 1), following)
        content = text[label.end() : end].strip()
        if not (label["title"] or label["body"]) or _PLACEHOLDER.fullmatch(content):
            continue
        if label["title"]:
            title = content
        else:
            body = _without_last_asks(content)
            end = text.index(body, label.end()) + len(body)
        rest.append(text[done : label.start()])
        done = end
    return title, body, "\n".join([*rest, text[done:]])


def _line_end(text: str, start: int) -> int:
    end = text.find("\n", start)
    return len(text) if end < 0 else end


def _without_last_asks(text: str) -> str:
    """Drop the paragraphs at the end that are instructions again."""
    while (cut := text.rfind("\n\n")) > 0 and _is_ask(text[cut:].strip()):
        text = text[:cut].rstrip()
    return text


_ASK = re.compile(
    r"\s*(?:[-*•]\s|\d+[.)]\s|(?:please|now|then|next|rewrite|re-?title|write|give|generate|create|suggest|shorten"
    r"|translate|make|compose|produce|summari[sz]e|read|you\s(?:are|will|must)|your\s(?:task|job)|act\sas|rules?"
    r"|constraints?|return|reply|respond|answer|output|use|do\snot|don['’]t|keep|improve|title|headline|propose|craft"
    r"|find|turn|choose|think|be)\b)",
    re.IGNORECASE,
)


def _is_ask(text: str) -> bool:
    """Whether a paragraph or a line is rather an instruction than a part of an article."""
    asks = _ASK.match(text) or text.rstrip().endswith((":", "："))
    return bool(asks) or (len(text) < 300 and _parse_constraints(text) != Constraints())


_OF_TEXT = re.compile(r"\b(?:article|text|story|body|content|news|following)\b", re.IGNORECASE)


def _read_prose(text: str, *, bare: bool) -> tuple[str, str, str]:
    """The longest stretch of paragraphs, or else of lines, that are no instructions; or what follows "…title:".

    A short text without any instruction counts only as `bare`: when the instructions stand in the system's message.
    """
    text = _TAG.sub("", text).strip()
    parts = [part for part in re.split(r"\n\s*\n", text) if part]
    if len(parts) == 1:
        parts = parts[0].split("\n")
    if len(parts) == 1 and _ASK.match(text):
        ask, colon, content = parts[0].partition(":")
        parts = [ask + colon, content.strip()] if colon and content.strip() else parts
    asks = [_is_ask(part) for part in parts]
    if len(parts) == 2 and asks[0] and parts[0].endswith((":", "：")):
        if re.search(r"\b(?:title|headline)\b[^:：]*$", parts[0][:-1], re.IGNORECASE) and not _OF_TEXT.search(parts[0]):
            return parts[1].strip(), "", parts[0]
        asks[1] = False
    stretch: list[str] = []
    best: list[str] = []
    for part, is_ask in zip([*parts, ""], [*asks, True], strict=True):
        if not is_ask:
            stretch.append(part)
            continue
        best, stretch = max(best, stretch, key=lambda each: sum(map(len, each))), []
    content = "\n\n".join(best).strip()
    rest = "\n\n".join(part for part in parts if part not in best)
    if _is_short(content) and not (bare or any(asks)):
        return "", "", text
    if len(best) > 1 and len(best[0]) < 120 and best[0].rstrip()[-1:] not in ".!?。！？":
        return best[0].strip(), "\n\n".join(best[1:]).strip(), rest
    return (content, "", rest) if _is_short(content) else ("", content, rest)


# ------------------------------------------------------------------------------------------------ what a prompt asks


@dataclass(frozen=True, slots=True)
class Constraints:
    """All that a baseline obeys of a prompt; None and False where the prompt does not ask for it."""

    max_characters: int | None = None
    max_words: int | None = None
    casing: Literal["sentence", "title"] | None = None
    question: bool = False


def read_constraints(messages: Sequence[Mapping[str, Any]]) -> Constraints:
    """Read greatest length, casing and question form out of the instructions, never out of the article or an example.

    Parameters
    ----------
    messages : sequence of mappings with ``role`` and ``content``

    Returns
    -------
    Constraints
        Of several lengths the smallest, which keeps to all of them.

    Examples
    --------
    >>> ask = "Rewrite this in sentence case, between 40 and 60 characters: Council votes on bridge"
    >>> read_constraints([{"role": "user", "content": ask}])
    Constraints(max_characters=60, max_words=None, casing='sentence', question=False)
    """
    return _parse_constraints(_read(messages).instructions)


_SMALL = """one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen twenty""".split()
_NUMBERS = {word: value for value, word in enumerate(_SMALL, 1)}
_NUMBERS |= {word: 10 * value for value, word in enumerate("thirty forty fifty sixty seventy eighty ninety".split(), 3)}
_NUMBER = rf"(?:\d{{1,4}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})"
_LENGTH = rf"\s*({_NUMBER})(?:\s\(\w+\))?[\s-]*(char|letter|word)[a-z]*\b"
_BELOW = re.compile(rf"(?:\b(?:under|below|(?:fewer|less|shorter)\sthan)|(?<![<\w])<(?!=)){_LENGTH}", re.IGNORECASE)
_AT_MOST = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"(?:\b(?:at\s(?:the\s)?most|up\sto|within|in|exactly|precisely)|≤|<=){_LENGTH}(?!\s+or\s(?:more|longer))",
        rf"\b(?:max(?:imum)?\b\.?|limit(?:ed)?|length)(?:\s(?:title\s)?length)?(?:\s(?:of|is|to))?:?{_LENGTH}",
        rf"\b(?:keep|limit|cut|shorten|trim|reduce)\b[^.;\n]{{0,30}}\sto{_LENGTH}",
        rf"\b{_NUMBER}\s?(?:-|–|to|and|or)\s?{_LENGTH}",
        rf"(?:\b(?:no|not|never|avoid)\b|n['’]t\b)[^.;\n]{{0,40}}?\b(?:more|longer|over|above|exceed(?:ing)?)(?:\sthan)?{_LENGTH}",
        rf"\b{_LENGTH}[\s,-]*(?:or\s(?:fewer|less|shorter|under)|max|at\s(?:the\s)?most|limit|title\b|headline\b)",
    )
]
_CASING = re.compile(
    r"\b(?:(?P<sentence>sentence[\s-]case|capitali[sz]e\s(?:only\s)?the\sfirst\s(?:word|letter))"
    r"|(?:title|headline)[\s-]case|capitali[sz]e\s(?:every|each|all))\b",
    re.IGNORECASE,
)
_QUESTION = re.compile(
    r"\b(?:(?:as|into|be|write|ask|make\sit|pose|form\sof|use)\s(?:a|an|one)\s(?:\w+\s)?question|question\sform"
    r"|ends?\swith\sa\squestion\smark)\b",
    re.IGNORECASE,
)
_NEGATED = re.compile(
    r"(?:\b(?:no|not|never|nor|avoid|without|instead\sof|rather\sthan)\b|n['’]t\b)[^.;:,!?\n]{0,40}$", re.IGNORECASE
)


@lru_cache(maxsize=_KEPT_MESSAGES)
def _parse_constraints(instructions: str) -> Constraints:
    found = [(number, unit, 0) for pattern in _AT_MOST for number, unit in pattern.findall(instructions)]
    below = [match for match in _BELOW.finditer(instructions) if not _is_negated(instructions, match)]
    found += [(match[1], match[2], 1) for match in below]  # but "no fewer than 5 words" is a least length
    lengths: dict[str, list[int]] = {"char": [], "letter": [], "word": []}
    for number, unit, less in found:
        lengths[unit.lower()].append((_NUMBERS.get(number.lower()) or int(number)) - less)
    characters = [length for length in lengths["char"] + lengths["letter"] if length > 0]
    words = [length for length in lengths["word"] if length > 0]
    casings = [match for match in _CASING.finditer(instructions) if not _is_negated(instructions, match)]
    return Constraints(
        max_characters=min(characters, default=None),
        max_words=min(words, default=None),
        casing=None if not casings else "sentence" if casings[-1]["sentence"] else "title",
        question=any(not _is_negated(instructions, match) for match in _QUESTION.finditer(instructions)),
    )


def _is_negated(text: str, found: re.Match[str]) -> bool:
    return bool(_NEGATED.search(text, max(0, found.start() - 60), found.start()))
