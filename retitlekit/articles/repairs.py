"""Repairs of an article's texts: what reading, copying and the web have done to them.

Each repair is one function from text to text that leaves sound text alone; `_REPAIRS` says for which fields it is, and
in which order.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable


def repaired(field: str, text: str) -> tuple[str, list[tuple[str, str, str]]]:
    """The text as this field of an article should have it, and each repair: what, before, after."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    made = []
    for what, repair in _BY_FIELD[field] if text else ():
        if (after := repair(text)) != text:
            made.append((what, *around(text, after)))
            text = after
    return text.strip(), made


def around(before: str, after: str) -> tuple[str, str]:
    """Both texts, or of long ones what stands around the first difference."""
    if len(before) <= 200 and len(after) <= 200:
        return before, after
    pairs = enumerate(zip(before, after, strict=False))
    first = next((n for n, (a, b) in pairs if a != b), min(len(before), len(after)))
    start = max(0, first - 40)
    return before[start : start + 120], after[start : start + 120]


def whole(text: str) -> str:
    """Text without halves of characters (lone surrogates), which cannot be saved."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


# How misread UTF-8 looks; ftfy judges whether it is that, but takes 0.2 ms for 1,000 characters.
_SUSPECT = re.compile("[\x80-\x9f]|[Â-ô][\x80-¿ŒœŠšŸŽžƒˆ˜‘’‚“”„†‡•…‰‹›€™–—]")


def _unmisread(text: str) -> str:
    """Text that was once read in a wrong encoding ("cafÃ©"), word by word, by the rules of ftfy."""
    if text.isascii() or not _SUSPECT.search(text):
        return text
    from ftfy import fix_encoding

    return " ".join(fix_encoding(word) if _SUSPECT.search(word) else word for word in text.split(" "))


def _entities(text: str) -> str:
    """Entities as characters, those that were escaped twice or thrice too; "AT&T;" is none."""
    if "&" not in text:
        return text
    from ftfy.fixes import unescape_html

    return unescape_html(unescape_html(unescape_html(text)))


_INLINE = re.compile(
    r"(?i)</?(?:a|abbr|b|br|cite|em|font|i|mark|q|small|span|strong|sub|sup|u)(?:\s+[\w:-]+\s*=[^<>]*>|\s*/?>)"
)
_BLOCK = re.compile(r"(?i)</(?:p|div|li|h[1-6]|ul|ol|article|section|blockquote)\s*>|<br\s*/?>")
_BLOCKS = {"p", "div", "br", "li", "ul", "ol", "tr", "article", "section", "blockquote", "figure", "figcaption"}


def _title_text(text: str) -> str:
    text = text if "<" in text else _entities(text)  # markup may have been escaped as a whole
    return _entities(_INLINE.sub(lambda tag: " " if "br" in tag[0].lower() else "", text)) if "<" in text else text


def _body_text(text: str) -> str:
    text = text if "<" in text else _entities(text)
    return paragraphs(text) if "<" in text and _BLOCK.search(text) else _entities(text)


def paragraphs(markup: str) -> str:
    """HTML as paragraphs of text. It splits instead of matching pairs: hostile markup costs no more than any other."""
    first, *rest = markup.split("<!--")
    kept, hidden = [], False
    for number, part in enumerate(re.split(r"(<[^<>]*>)", first + "".join(each.partition("-->")[2] for each in rest))):
        tag = re.match(r"</?([A-Za-z][A-Za-z\d]*)", part) if number % 2 else None
        if tag and tag[1].lower() in ("script", "style"):
            hidden = not part.startswith("</")
        elif tag and (tag[1].lower() in _BLOCKS or re.fullmatch("[hH][1-6]", tag[1])):
            kept.append("\n\n")
        elif not tag and not hidden:
            kept.append(part if number % 2 else _entities(part))
    parts = (re.sub(r"[ \t\n]+", " ", part).strip() for part in "".join(kept).split("\n\n"))
    return "\n\n".join(part for part in parts if part)


_UNSEEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\xad\u200b\u2028\u2029\u2060\ufeff\ufffe\uffff]")
_SEEN_AS = {"\x0b": " ", "\x0c": " ", "\u2028": "\n", "\u2029": "\n\n"}


def _seen(text: str) -> str:
    if text.replace("\n", "").isprintable():
        return text
    return _UNSEEN.sub(lambda match: _SEEN_AS.get(match[0], ""), text)


def _one_line(text: str) -> str:
    # a single space of any kind stays: French has a no-break space before its guillemets
    return re.sub(r"\s{2,}|[\n\t]", " ", text.strip()) if re.search(r"\s\s|[\n\t]", text) else text


def _spaced(text: str) -> str:
    """Blank lines between paragraphs, where each line but the last ends as a sentence does and none is blank."""
    *lines, last = [line.strip() for line in text.strip().split("\n")]
    ends = all(re.search(r"[.!?…:。！？][\"'”’»«“)\]]*$", line[-10:]) for line in lines)
    return "\n\n".join([*lines, last]) if lines and ends else text


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


_REPAIRS: tuple[tuple[str, tuple[str, ...], Callable[[str], str]], ...] = (
    ("broken surrogate", ("id", "title", "body", "source", "url", "language"), whole),
    ("mojibake", ("title", "body", "source"), _unmisread),
    ("HTML", ("title",), _title_text),
    ("HTML", ("body",), _body_text),
    ("HTML", ("source", "url"), _entities),
    ("control character", ("id", "title", "body", "source", "url", "language"), _seen),
    ("white space", ("id", "title", "source", "url", "language"), _one_line),
    ("paragraphs by single line breaks", ("body",), _spaced),
    ("Unicode form", ("title", "body", "source"), _composed),
)
_BY_FIELD = {
    field: [(what, repair) for what, fields, repair in _REPAIRS if field in fields]
    for field in ("id", "title", "body", "source", "url", "language")
}
