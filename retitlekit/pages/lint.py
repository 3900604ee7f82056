"""Lint for what is published: leaked prompts, tags of plugins, refusals and chatbot talk in titles, headings and text.

Made to run over a whole archive, so it must not cry wolf: what people write in brackets, and titles that quote a
chatbot or begin like an apology, are no findings. `retitlekit.pages.retitles` is stricter with what a model wrote.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from retitlekit.articles.records import FIELDS
from retitlekit.errors import PageError
from retitlekit.pages import FEED_SUFFIXES, Page, item_page, read_page, read_pages, walk
from retitlekit.pages.markup import read_html, spaced, split_feed
from retitlekit.pages.shortcodes import PROBLEMS, find_shortcodes
from retitlekit.pages.variables import is_variable
from retitlekit.titles import extract_title
from retitlekit.titles.leaks import LEAKS, Leak, find_leaks

RULES = (
    LEAKS
    | PROBLEMS
    | {
        "call": "a call to a model that no plugin ran",
        "wrapping": "what a model puts round a title: a label, talk, a count of its characters, JSON",
        "unreadable": "a page that cannot be read",
    }
)
"""Every kind of `Finding`: code and meaning."""

MOST_FINDINGS = 100
"""Of one title or body; after that the rest of it is not told."""


@dataclass(frozen=True)
class Finding:
    """One piece of a leak: what it is (`code`, a key of `RULES`), where, and how to mend it.

    Attributes
    ----------
    place : str
        The file.
    line, column : int
        From 1.
    page : str
        Id of the page or article.
    field : {"title", "body"}
    code, message, text : str
    repair : str or None
        What would stand there instead.
    """

    place: str
    line: int
    column: int
    page: str
    field: str
    code: str
    message: str
    text: str
    repair: str | None = None

    def __str__(self) -> str:
        return f"{self.place}:{self.line}:{self.column}: {self.field}: {self.message} [{self.code}]"


def lint_page(page: Page | str, *, place: str = "") -> list[Finding]:
    """Find what a page should not have published, in its title and in its body.

    Parameters
    ----------
    page : Page or str
        A page, or the text or file of one, as `read_page` takes it.
    place : str
        Its file, for the findings.

    Returns
    -------
    list of Finding
        In the order of the page; empty for a clean one.

    Examples
    --------
    >>> for found in rk.lint_page(rk.read_page("data/page.txt")):
    ...     print(found.line, found.column, found.code, found.text)
    1 8 prompt Rewrite this title:
    1 84 mismatched [/gpt4]
    """
    if isinstance(page, str):
        page = read_page(page)
    first = min((slot.start for slot in page.slots), default=0)
    found = _lint_text(page.title, page.text, first, "title", page.id, place)
    if page.kind == "html":  # what browsers, cards and search results show may be another title
        head = read_html(page.text)
        for slot in (*head.titles, *head.metas[:50], *head.headings[:50], *head.descriptions[:50]):
            said = spaced(slot.read(page.text[slot.start : slot.end]))
            if said != page.title:
                found += _lint_text(said, page.text, slot.start, "title", page.id, place)
    body = _lint_text(page.body, page.text, first + len(page.title), "body", page.id, place)
    if page.kind == "item":  # the source of a site: the tags of its other plugins are no leaks
        body = [each for each in body if each.code != "variable" or not _is_foreign(each.text)]
    return found + body


def _is_foreign(tag: str) -> bool:
    return re.fullmatch(r"\[[a-z0-9_]+\]", tag) is not None and not is_variable(tag[1:-1])


def is_clean(title: str) -> bool:
    """Whether lint finds nothing in a title.

    Examples
    --------
    >>> is_clean("[GPT-4] One year later"), is_clean("Rewrite this title: Kim in Russia")
    (True, False)
    """
    return not _lint_text(title, title, 0, "title", "", "")


def lint(paths: Iterable[str | Path] | str | Path) -> Iterator[Finding]:
    """Lint files and folders: pages, feeds, WordPress exports, and articles as JSON lines, one at a time.

    Parameters
    ----------
    paths : path-like or iterable of them
        ``.html``, ``.md`` and ``.txt`` pages; ``.xml``, ``.rss``, ``.atom`` and ``.wxr`` feeds; ``.jsonl`` articles.
        Folders are walked.

    Yields
    ------
    Finding
        Only one page is in memory at a time. A page that cannot be read is a finding too.

    Raises
    ------
    PageError
        For a path that is not there.

    Examples
    --------
    >>> [found.code for found in lint("data/page.txt")]
    ['prompt', 'mismatched']
    """
    for path in [paths] if isinstance(paths, str | Path) else paths:
        if not Path(path).exists():
            raise PageError(f"there is no {path}")
        for file in walk(Path(path)):
            try:
                yield from _lint_file(file)
            except PageError as problem:
                yield Finding(str(file), 1, 1, file.stem, "title", "unreadable", str(problem), "")


def _lint_file(file: Path) -> Iterator[Finding]:
    place = str(file)
    if file.suffix.lower() in (".jsonl", ".ndjson"):
        yield from _lint_lines(file)
    elif file.suffix.lower() in FEED_SUFFIXES:
        line = 1
        with file.open("rb") as stream:
            for is_item, piece in split_feed(stream):
                page = item_page(piece) if is_item else None
                for found in lint_page(page, place=place) if page else ():
                    yield Finding(**{**asdict(found), "line": found.line + line - 1})
                line += piece.count(b"\n")
    else:
        for page in read_pages(file):
            yield from lint_page(page, place=place)


def _lint_lines(file: Path) -> Iterator[Finding]:
    """Articles as JSON lines; a line that is no article is a finding."""
    with file.open("rb") as stream:
        for number, raw in enumerate(stream, 1):
            if not raw.strip():
                continue
            try:
                record = json.loads(raw.decode("utf-8-sig", "replace"))
                fields = {str(key).lower(): value for key, value in record.items()}
            except (ValueError, AttributeError, RecursionError) as problem:
                told = f"line {number} is no JSON object ({problem})"
                yield Finding(str(file), number, 1, "", "title", "unreadable", told, "")
                continue
            name = next((str(fields[each]) for each in FIELDS["id"] if fields.get(each)), str(number))
            for field in ("title", "body"):
                text = next((fields[each] for each in FIELDS[field] if isinstance(fields.get(each), str)), "")
                for found in _lint_text(text, text, 0, field, name, str(file)):
                    yield Finding(**{**asdict(found), "line": number, "column": 1})


def _lint_text(said: str, source: str, start: int, field: str, page: str, place: str) -> list[Finding]:
    """What is wrong with a text that stands in `source` from `start` on."""
    tags = find_shortcodes(said)
    spans: list[tuple[int, int, str, str, str | None]] = [
        (each.start, each.end, each.code, each.message, each.repair)
        for each in tags.problems
        if each.code != "unknown" or each.repair  # what is like no tag of a model is another plugin's
    ]
    spans += [(call.start, call.end, "call", RULES["call"], None) for call in tags.calls]
    for name in tags.variables:
        at = said.find(f"%{name}%")
        spans += [(at, at + len(name) + 2, "variable", LEAKS["variable"], None)] if at >= 0 else []
    for leak in find_leaks(said):
        if len(spans) >= MOST_FINDINGS:  # keeps the time linear; nobody reads more of one text
            break
        told = leak.kind in ("shortcode", "variable") and _is_told(leak, spans)
        told = told or (leak.kind == "shortcode" and not _OTHER_CALL.match(leak.text))
        if not told and (leak.kind not in ("refusal", "talk", "prompt") or _is_spoken_here(said, leak)):
            spans.append((leak.start, leak.end, leak.kind, LEAKS[leak.kind], None))
    if field == "title" and not spans and _is_wrapped(said):
        spans.append((0, len(said), "wrapping", RULES["wrapping"], None))
    found = []
    for begin, end, code, message, repair in sorted(spans, key=lambda span: span[:2]):
        text = said[begin:end]
        at = source.find(text, start) if text else start
        at = start if at < 0 else at
        line = source.count("\n", 0, at) + 1
        column = at - source.rfind("\n", 0, at)
        shown = text if len(text) <= 120 else text[:119] + "…"
        found.append(Finding(place, line, column, page, field, code, message, shown, repair))
    return found


_OTHER_CALL = re.compile(r"\[/\w*(?:gpt|llm|(?<!\w)ai|(?<=_)ai)\w*\]|\[\w*(?:gpt|llm)\w* [^\]]*=", re.IGNORECASE)
_WRAPPINGS = frozenset(
    ("thinking", "tokens", "fence", "json", "label", "preamble", "count", "explanation", "list_first", "numbering")
)
_BARE_LABEL = re.compile(r"(?:title|headline|titel|titre|título|titolo)s? ?[:=–-] ?+(?![\"“«„‘'])", re.IGNORECASE)


def _is_wrapped(title: str) -> bool:
    """Whether a model's wrappings are still round a title; "Title: the film that no one saw" has a person's."""
    found = extract_title(title)
    wrappings = _WRAPPINGS.intersection(found.repairs) - ({"label"} if _BARE_LABEL.match(title) else set())
    return found.problem == "BadJSON" or (found.title is not None and bool(wrappings))


def _is_told(leak: Leak, spans: list[tuple[int, int, str, str, str | None]]) -> bool:
    return any(begin <= leak.start < end for begin, end, *_ in spans)


_QUOTED = re.compile(
    r"[,:;’'”\"–—-] ?(?:\w+ ){0,4}"
    r"(?:says?|said|asks?|asked|tells?|told|warns?|admits?|insists?|claims?|writes?|wrote)\b"
)
_TO_US = re.compile(
    r"as an? (?:ai|artificial|large|language)\b|language model|re-?write|rephras|paraphras|summari[sz]|translat|generat"
    r"|assist (?:you|with)|help (?:you|with (?:that|this|your))|fulfil|comply|your (?:request|message|question)"
    r"|\b(?:this|that|the|your|any|no) (?:\w+ ){0,2}(?:request|prompt|title|headline|article|content|text|link|url)\b"
    r"|tit(?:el|re|olo|ular)\b|título|tytuł|başlı|rubrik|überschrift|anfrage|demande|solicitud|pedido|richiesta|texto"
    r"|testo|texte|artikel|artículo|artigo|articolo|sprachmodell|modèle|modelo|modello|ayudar|helfen|aider|ajudar"
    r"|aiutar|umschreib|réécri|reescri|riscriv|przepis|provide|real-time|knowledge|decline to|violat"
    r"|cut-?off|training data|enough (?:information|context)|[^\x00-\x7f]{3}",
    re.IGNORECASE,
)


def _is_spoken_here(text: str, leak: Leak) -> bool:
    """Whether a machine speaks in this sentence: nobody is quoted, and an apology is about its task."""
    rest = text[leak.start : leak.end + 160].partition("\n")[0]
    if _QUOTED.search(rest, leak.end - leak.start):
        return False
    if leak.kind == "prompt" and leak.text[:3].casefold() == "you":  # "You are an editor. You have one hour. Go"
        return _TASK.search(text, leak.start) is not None
    return leak.kind != "refusal" or _TO_US.search(rest) is not None


_TASK = re.compile(
    r"\b(?:re-?writ|rephras|paraphras|summari[sz]|translat|generat|your (?:task|job|goal)|required to"
    r"|write (?:an?|the|me)\b|headline|title|article|text\b)",
    re.IGNORECASE,
)


# ---- reports


def as_json(findings: Iterable[Finding]) -> str:
    """Findings as a JSON list of objects."""
    return json.dumps([asdict(found) for found in findings], ensure_ascii=False, indent=1)


def as_sarif(findings: Iterable[Finding]) -> str:
    """Findings as SARIF 2.1.0 (OASIS), which code hosts show beside the lines.

    Examples
    --------
    >>> report = json.loads(as_sarif(lint("data/page.txt")))
    >>> report["version"], [result["ruleId"] for result in report["runs"][0]["results"]]
    ('2.1.0', ['prompt', 'mismatched'])
    """
    from retitlekit import __version__

    listed = list(findings)
    rules = [{"id": code, "shortDescription": {"text": RULES[code]}} for code in sorted({each.code for each in listed})]
    driver = {"name": "retitlekit", "version": __version__, "rules": rules}
    run = {"tool": {"driver": driver}, "columnKind": "unicodeCodePoints", "results": [_result(each) for each in listed]}
    return json.dumps({"version": "2.1.0", "$schema": _SCHEMA, "runs": [run]}, ensure_ascii=False, indent=1)


_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def _result(found: Finding) -> dict[str, Any]:
    uri = quote(Path(found.place).as_posix(), errors="replace")
    region = {"startLine": found.line, "startColumn": found.column, "snippet": {"text": found.text}}
    return {
        "ruleId": found.code,
        "level": "error",
        "message": {"text": f"{found.field} of {found.page}: {found.message}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": uri}, "region": region}}],
    }
