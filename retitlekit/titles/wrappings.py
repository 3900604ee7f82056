"""What formats wrap round a model's words: thinking, control tokens, fences, JSON, tags, Markdown, quotation marks.

Each verb takes a text and gives it back without one kind of wrapping, or as it was. `NoTitle` is raised when the
wrapping shows that there is nothing inside to publish. No pattern can be made slow by what a model writes: all are
linear.
"""

from __future__ import annotations

import html
import json
import re
from typing import Any

TITLE_WORD = (
    r"(?:title|headline|titel|überschrift|schlagzeile|titre|t[íi]tulo|titular|titolo|manchete|rubrik|tittel"
    r"|overskrift|otsikko|tytuł|titulek|cím|titlu|başlık|judul|tiêu đề|заголовок|τίτλος|العنوان|عنوان|כותרת|शीर्षक|标题"
    r"|標題|题目|タイトル|見出し|제목)"
)
"""Pattern of the word for "title" in the languages whose models we have seen label their answer."""

WORDY = re.compile(r"[^\W_]")
"""A letter or digit of any script."""


class NoTitle(Exception):  # noqa: N818 - an outcome, not an error: it never leaves `extract_title`
    """There is no title; the message is a code of `titles.PROBLEMS`."""


# ---- characters

_BLANKS = re.compile(r"[^\S\u3000]+")
# Joiners and direction marks have work to do between letters of other scripts and in emoji; overrides have none.
_INVISIBLE = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    r"\uffa0\ufff9-\ufffb\ud800-\udfff]|(?<![^\x00-\x7f])[\u200c-\u200f]|[\u200c-\u200f](?![^\x00-\x7f])"
    r"|(?<![🏴\U000e0020-\U000e007f])[\U000e0000-\U000e007f]+"
)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#x[0-9a-f]{1,6}|[a-z][a-z0-9]{1,31});", re.IGNORECASE)


def tidied(text: str) -> str:
    """Without blank lines and doubled spaces; the wide space of Japanese titles is a mark, and stays inside a line."""
    if text.isprintable() and "  " not in text and text.strip() == text:
        return text
    return "\n".join(filter(None, (_BLANKS.sub(" ", line).strip() for line in text.splitlines())))


def visible(text: str) -> str:
    """Without control, zero-width and direction-override characters and without halves of surrogate pairs."""
    return text if text.isascii() and text.isprintable() else _INVISIBLE.sub("", text)


def decoded(text: str) -> str:
    """With HTML entities as the characters they stand for; only whole ones, so that "AT&T" is safe."""
    return _ENTITY.sub(lambda entity: html.unescape(entity[0]), text) if "&" in text else text


# ---- thinking and control tokens

# DeepSeek, Qwen and Claude write tags, Mistral brackets, Kimi triangles, OpenThinker, Cohere and Gemma control tokens.
_BRACKET = re.compile(r"[<\[◁]")
_THOUGHTS = r"(?:think|thinking|thoughts?|reasoning|reflection|scratchpad|analysis|planning|seed:think)"
_THINKING = re.compile(
    rf"(?P<open><{_THOUGHTS}>|◁think▷|(?-i:\[THINK\])|<\|(?:begin_of_thought|START_THINKING)\|>|<\|channel>|<unused94>)"
    rf"|</{_THOUGHTS}>|◁/think▷|(?-i:\[/THINK\])|<\|(?:end_of_thought|END_THINKING)\|>|<channel\|>|<unused95>",
    re.IGNORECASE,
)
_END_TOKEN = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|end|return|endoftext|end_of_text|END_OF_TURN_TOKEN)\|>|</s>|<end_of_turn>|<turn\|>"
    r"|<｜end▁of▁sentence｜>"
)
_TOKEN = re.compile(r"<[|｜][^<>|｜\n]{1,40}[|｜]>(?:assistant\b)?|<start_of_turn>(?:model\b)?|<bos>|\[/?INST\]")


def after_thinking(text: str) -> str:
    """The answer after all thinking; `NoTitle` ("CutOff") when the thinking never ends."""
    if text.startswith("analysis"):  # gpt-oss, its control tokens lost on the way
        return text.rpartition("assistantfinal")[2]
    if not _BRACKET.search(text):
        return text
    if "<|channel|>" in text:  # gpt-oss again: the answer stands in the channel named final
        _, final, answer = text.rpartition("<|channel|>final")
        if not final:
            raise NoTitle("CutOff")
        return answer.partition("<|message|>")[2]
    answers, depth, end = [], 0, 0
    for mark in _THINKING.finditer(text):
        if mark["open"]:
            if depth == 0:
                answers.append(text[end : mark.start()])
            depth += 1
        elif depth == 0:  # the opening tag stood in the prompt: all before was thinking
            answers.clear()
        else:
            depth -= 1
        end = mark.end()
    if depth:
        raise NoTitle("CutOff")
    return next(filter(WORDY.search, (text[end:], *reversed(answers))), "")


def without_tokens(text: str) -> str:
    """What stands before the first token that ends a turn, without the other control tokens."""
    return _TOKEN.sub("\n", _END_TOKEN.split(text, maxsplit=1)[0])


# ---- fences and JSON

_FENCE = re.compile(r"(```+|~~~+) ?[\w+-]*\n")
_JSON = re.compile(r"\{\s*[\"'“]?[\w-]+[\"'”]?\s*:|\[\s*[\"{]")
_TITLE_KEY = re.compile(rf"{TITLE_WORD}|option|candidate|re-?writ|answer|output|result|\Atext\Z", re.IGNORECASE)
_OTHER_KEY = re.compile(r"original|\bold|sub-?title|source|length|count|reason|error", re.IGNORECASE)


def unfenced(text: str) -> str:
    """The content of the code fence with which the text begins."""
    fence = _FENCE.match(text)
    return text[fence.end() :].partition(fence[1])[0] if fence else text


def from_json(text: str) -> str:
    """The title in the JSON with which the text begins; `NoTitle` when it is cut, broken or has no title."""
    if not _JSON.match(text):
        return text
    try:
        title = _title_in(json.JSONDecoder(strict=False).raw_decode(text)[0], named=True)
    except (ValueError, RecursionError):
        cut = ("}" if text[0] == "{" else "]") not in text
        raise NoTitle("CutOff" if cut else "BadJSON") from None
    if title is None:
        raise NoTitle("BadJSON")
    return title


def _title_in(value: Any, *, named: bool) -> str | None:
    """The first text under a key that is named for titles; a list of texts may stand under such a key or alone."""
    if isinstance(value, str):
        return value if named else None
    if isinstance(value, list):
        found = [_title_in(item, named=named) for item in value]
    elif isinstance(value, dict):
        keys = sorted((key for key in value if not _OTHER_KEY.search(key)), key=lambda key: not _TITLE_KEY.search(key))
        found = [_title_in(value[key], named=bool(_TITLE_KEY.search(key))) for key in keys]
    else:
        return None
    return next((title for title in found if title is not None), None)


# ---- tags and Markdown

_ANSWER_TAG = re.compile(
    r"<(title|headline|h1|answer|output|result|response|final|(?:new|rewritten|final)_(?:title|answer|headline))>",
    re.IGNORECASE,
)
_ATTRIBUTES = (
    r"(?: [\w:-]+ ?= ?(?:\"[^\"<>]*\"|'[^'<>]*'|[^ \"'<>=]+))*"  # none without a value: "a <b and c> d" is text
)
_BLOCK_TAG = re.compile(
    r"</?(?:h[1-6]|p|div|br|hr|html|head|body|article|section|header|ul|ol|li|blockquote|title|headline|answer|output"
    rf"|result|response|final|meta|table|tr|td){_ATTRIBUTES} ?/?>|<!doctype[^<>]*>|<!--[^<>]*-->",
    re.IGNORECASE,
)
_INLINE_TAG = re.compile(
    rf"</?(?:a|b|i|u|s|q|em|strong|span|small|sub|sup|mark|code|pre|font|cite|center|img){_ATTRIBUTES} ?/?>",
    re.IGNORECASE,
)
_MARKDOWN_SIGN = re.compile(r"[*_#`~>\[\\]")
_MARKDOWN = tuple(
    (re.compile(pattern), kept)
    for pattern, kept in (
        (r"\A(?:#{1,6} |> (?!\d))", ""),
        (r"!?\[([^\[\]]*)\]\((?:https?:|/|#|mailto:)?[^\s()]*\)", r"\1"),
        (r"(?<![0-9A-Za-z*])(\*{1,3})(?=[^\s*])([^*]+)(?<=\S)\1(?![0-9A-Za-z*])", r"\2"),  # not in 2*3*4
        (r"(?<!\w)(_{1,3})(?=[^\s_])([^_]+)(?<=[^\s_])\1(?!\w)", r"\2"),
        (r"~~(?=\S)([^~]+)(?<=\S)~~", r"\1"),
        (r"(`{1,3})([^`]+)\1", r"\2"),
        (r"\A`{3,}|`{3,}\Z", ""),
        (r"\A\*\*(?=[^\s*])|(?<=\S) ?(?<!\*)\*\*\Z", ""),
        (r"\\([\\*_#`~$>\[\]\"'.!-])", r"\1"),
        (r"\A\$?\\boxed\{(?:\\text\{)?([^{}]*)\}+\$?\Z", r"\1"),
    )
)


def without_tags(text: str) -> str:
    """The content of the tag that holds the answer, or the text without tags; "a < b" is not a tag."""
    if "<" not in text:
        return text
    if tag := _ANSWER_TAG.search(text):
        inside, closed, _ = text[tag.end() :].partition(f"</{tag[1]}>")
        if closed:
            return inside
        if tag.start() > 0:  # one of the prompt's own fences, alone in the middle of a sentence
            raise NoTitle("PromptLeak")
    return _INLINE_TAG.sub("", _BLOCK_TAG.sub("\n", text))


def without_markdown(text: str) -> str:
    """Without Markdown in the first line: marks in what is cut away later are no fault of the title."""
    line, *rest = text.split("\n")
    if not _MARKDOWN_SIGN.search(line):
        return text
    for pattern, kept in _MARKDOWN:
        line = pattern.sub(kept, line)
    return "\n".join((line, *rest))


# ---- quotation marks and full stop

_PAIRS = "“” ‘’ «» ‹› »« ”” ’’ 「」 『』 《》 〈〉 【】 ＂＂ [] \"\" ''".split()
_CLOSERS = {pair[0]: pair[1] for pair in _PAIRS} | {"„": "“”", "‚": "‘’", "〝": "〞〟"}
_ABBREVIATION = re.compile(
    r"(?:\b(?:inc|ltd|co|corp|bros|jr|sr|st|mt|dr|mrs?|ms|gov|sen|rep|gen|lt|col|sgt|prof|dept|est|vs|etc|al|no|vol|ed"
    r"|ave|blvd|jan|feb|mar|apr|aug|sept?|oct|nov|dec|usw|ca)|\b\w|\.\w{1,2})\.\Z",
    re.IGNORECASE,
)


def unquoted(text: str) -> str:
    """Without the marks round the whole, when first and last belong together; without one straight mark left alone."""
    if text.count('"') == 1 and (text[0] == '"' or (text[-1] == '"' and not text[-2:-1].isdigit())):  # 55" is inches
        return text.strip('"')
    opener, closers = text[0], _CLOSERS.get(text[0], "")
    if len(text) < 3 or text[-1] not in closers:
        return text
    depth = 1
    for before, mark, after in zip(text, text[1:-1], text[2:], strict=False):
        if mark in "'’" and before.isalnum() and after.isalnum():
            continue  # an apostrophe
        if mark == opener and (mark not in closers or before in " ([—–-"):
            depth += 1
        elif mark in closers:
            depth -= 1
        if depth == 0:
            return text
    return text[1:-1] if depth == 1 else text


def without_period(text: str) -> str:
    """Without the full stop at the end, unless it belongs to an abbreviation or an ellipsis."""
    ends = text[-1] in ".。．" and text[-2:-1] not in ".…" and not _ABBREVIATION.search(text)
    return text[:-1] if ends else text
