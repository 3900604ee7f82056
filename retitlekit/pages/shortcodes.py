r"""Shortcodes: the tags by which publishing plugins call a model, ``[gpt] … [/gpt]``, found with their mistakes.

A plugin that does not find the tag it looks for says nothing and publishes the template. So everything here that looks
like a tag but is none that works is a `Problem` with its place and its repair. What people write in brackets, "[sic]",
"[1]", "[Update]", "[video]", is text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import islice
from typing import Any

from rapidfuzz import process
from rapidfuzz.distance import OSA

from retitlekit.errors import ShortcodeError
from retitlekit.pages.variables import DEEPEST, FOREIGN, PERCENT, VARIABLES, is_variable, place_variables
from retitlekit.prompts import PARAMETERS

MOST_CALLS = 100
MOST_PROBLEMS = 100

PROBLEMS = {
    "mismatched": "a call is closed by another tag",
    "unclosed": "a call is never closed",
    "unopened": "a closing tag without its call",
    "crossed": "two calls overlap",
    "nested": "a call stands in a call of the same name, or too deep",
    "empty": "a call without a prompt",
    "malformed": "a tag that a plugin would not read: a bracket is missing, or blanks or capitals are in the way",
    "attribute": "an attribute of a call is unknown or has a value that is not allowed",
    "unknown": "a tag or variable that no plugin knows",
    "too-many": f"more than {MOST_CALLS} calls or {MOST_PROBLEMS} problems; the rest was not read",
}
"""Every kind of `Problem`: code and meaning."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake: its `code` (a key of `PROBLEMS`), its place (`line` and `column` from 1), the text, and the fix.

    ``text == whole[start:end]``; `repair` is what would mend it, None when only a person can tell. `edits` are the
    changes (start, end, new text) that make the repair.
    """

    code: str
    start: int
    end: int
    line: int
    column: int
    text: str
    message: str
    repair: str | None = None
    edits: tuple[tuple[int, int, str], ...] = field(default=(), repr=False)

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.message} [{self.code}]"


@dataclass(frozen=True, slots=True)
class Shortcode:
    """One call: its tag's `name`, its `params`, the `prompt` between its tags, and the calls inside that.

    ``whole[start:end]`` is the call with its tags; `inner` are the calls that must be answered before it.
    """

    name: str
    params: Mapping[str, Any]
    prompt: str
    start: int
    end: int
    line: int
    column: int
    inner: tuple[Shortcode, ...] = ()

    @property
    def model(self) -> str | None:
        """The model it names."""
        return self.params.get("model")


@dataclass(frozen=True)
class Shortcodes:
    """The calls of a text, outermost, in its order, and its problems; `repairs` were made to get at `text`."""

    text: str
    calls: tuple[Shortcode, ...]
    problems: tuple[Problem, ...]
    repairs: tuple[Problem, ...] = ()

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables, each once, in the order of the text."""
        return tuple(dict.fromkeys(name for name, _, _ in place_variables(self.text)))

    def plan(self) -> list[Shortcode]:
        """The calls in the order in which they are to be made: what stands inside another comes first.

        Examples
        --------
        >>> nested = find_shortcodes("[gpt]Title from [gpt3]facts of [matched_content][/gpt3][/gpt]")
        >>> [call.name for call in nested.plan()]
        ['gpt3', 'gpt']
        """
        steps: list[Shortcode] = []
        for call in self.calls:
            steps += [*Shortcodes(self.text, call.inner, ()).plan(), call]
        return steps

    def check(self) -> Shortcodes:
        """Itself; raises a `ShortcodeError` that lists every problem."""
        if self.problems:
            raise ShortcodeError("\n".join(_told(problem) for problem in self.problems[:10]))
        return self


def find_shortcodes(text: str, *, repair: bool = False) -> Shortcodes:
    """Find the calls to a model in a text of a publishing plugin, and every tag that would not work.

    Read are the forms of WordPress Automatic (``[gpt]``, ``[gpt3]``), those that people write by mistake for it
    (``[gpt4]``, ``[gpt:gpt-4o t=0.7]``), and those of CyberSEO (``[openai_gpt model="…"]``), WP Content Crawler
    (``[openai-gpt]``) and Aiomatic (``[aicontent model="…"]``). ``[[gpt]]`` is a tag that is only talked about.

    Parameters
    ----------
    text : str
        A title, a template or a whole page.
    repair : bool
        Make the repairs that can be told without asking, and find again.

    Returns
    -------
    Shortcodes
        With the repaired text when `repair` is set; `problems` are then those that are left.

    Notes
    -----
    The time is linear in the length of the text. After `MOST_CALLS` calls or `MOST_PROBLEMS` problems the rest is
    given up, which is itself a problem.

    Examples
    --------
    >>> leaked = "[gpt3] Rewrite this title: Kim in Russia [/gpt4]"
    >>> print(*rk.find_shortcodes(leaked).problems)
    1:42: [gpt3] is closed by [/gpt4]; write [/gpt3] [mismatched]
    >>> [call.prompt for call in rk.find_shortcodes(leaked, repair=True).calls]
    ['Rewrite this title: Kim in Russia']
    """
    found = _Reader(text).read()
    if not repair:
        return found
    made: list[Problem] = []
    for _ in range(4):  # mending one tag may bring another's mistake to light
        mendable = [problem for problem in found.problems if problem.edits]
        if not mendable:
            break
        made += mendable
        found = _Reader(mended(found.text, [edit for problem in mendable for edit in problem.edits])).read()
    return replace(found, repairs=tuple(made))


def _told(problem: Problem) -> str:
    return f"line {problem.line}, column {problem.column}: {problem.message}"


def mended(text: str, edits: list[tuple[int, int, str]]) -> str:
    """Text with the `edits` of problems made; where two are in each other's way, the first."""
    parts, end = [], 0
    for start, stop, new in sorted(edits, key=lambda edit: edit[:2]):
        if start >= end:
            parts += [text[end:start], new]
            end = stop
    return "".join([*parts, text[end:]])


# ---- tags

CALLS = frozenset(
    "gpt gpt3 gpt4 gpt5 gpt35 gpt3.5 gpt-3.5 gpt-4 gpt-4o gpt4o gpt-5 gpt-3 openai_gpt openai-gpt aicontent".split()
)
_SHY = frozenset(("claude", "gemini", "or_text"))  # CyberSEO's others; calls only with attributes or a closing tag
_TEXT = frozenset(  # WordPress's own and those of forums: not ours to judge
    "caption gallery playlist audio video embed wp_caption b i u s em strong quote blockquote code url img image list "
    "li color size center left right spoiler youtube table tr td th hr br pre sup sub font email php html".split()
)
_SHORT = {"title": "original_title", "headline": "original_title", "content": "matched_content"}
_ATTRIBUTES = ("model", "type", *PARAMETERS)
_BRACKETED = (*CALLS, *(name for name in VARIABLES if "_" in name), *FOREIGN)
_NAMES = "|".join(sorted(map(re.escape, CALLS), key=len, reverse=True))
# No quantifier can give back what it took, so that the time is linear; the looks ahead let runs of brackets fail fast.
_TAG = re.compile(
    r"\[(?=[^\[\]]++\]) ?+(/?+) ?+([A-Za-z][\w.-]*+)(:[\w./-]{0,100}+)?+(\s[^\[\]=]{0,60}+=[^\[\]]{0,400}+|\s?+)\]"
)
_BROKEN = re.compile(rf"\[ ?+(/?+) ?+({_NAMES})\b(?!\])(?:(?=[^\[\]]*+(?:\[|\Z))|(\s++[^\[\]=\s][^\[\]=]*+)\])")
_LETTER_PERCENT = re.compile(r"[a-z]%")  # a run of % alone is dismissed at once
_ATTRIBUTE = re.compile(r"\s*+([\w-]++)\s?=\s?(?:\"([^\"]*)\"|'([^']*)'|[“”]([^“”]*)[“”]|([^\s\"'“”]++))")


@dataclass(slots=True)
class _Open:
    """A call whose end was not yet seen; `works` is False when its tag needs a repair."""

    name: str
    params: dict[str, Any]
    start: int
    end: int
    works: bool
    inner: list[Shortcode]


@dataclass(frozen=True, slots=True)
class _Tag:
    name: str
    closes: bool
    match: re.Match[str]
    broken: bool = False


class _Reader:
    """One walk over the tags of a text with a stack of open calls."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.places = [(0, 1)]
        self.problems: list[Problem] = []
        self.calls: list[Shortcode] = []
        self.stack: list[_Open] = []
        self.crossed: dict[str, list[int]] = {}
        self.opening = self.closing = Counter[str]()  # tags that are still to come

    def read(self) -> Shortcodes:
        tags = self._tags()
        self.closing = Counter(tag.name for tag in tags if tag.closes)
        self.opening = Counter(tag.name for tag in tags if not tag.closes)
        for tag in tags:
            if tag.name in _SHY and not (self.closing[tag.name] or tag.match[4].strip()):
                continue
            if len(self.calls) >= MOST_CALLS or len(self.problems) >= MOST_PROBLEMS:
                self._tell("too-many", *tag.match.span(), PROBLEMS["too-many"])
                break
            works = self._is_whole(tag)
            if tag.closes:
                self.closing[tag.name] -= 1
                self._close(tag, works)
            else:
                self.opening[tag.name] -= 1
                self._open(tag, works)
        self._tell_unclosed()
        self.problems.sort(key=lambda problem: (problem.start, problem.end))
        return Shortcodes(self.text, tuple(self.calls), tuple(self.problems))

    def _tags(self) -> list[_Tag]:
        """Tags that could be calls; strange variables and tags are told on the way."""
        tags, strange, end = [], [], len(self.text)
        for match in _TAG.finditer(self.text):
            if self._is_escaped(match):
                continue
            name = match[2].lower()
            if (name in CALLS and (name == match[2] or match[4].strip())) or match[2] in _SHY:
                tags.append(_Tag(name, bool(match[1]), match))
            else:
                strange.append(match)
            if len(tags) > 4 * MOST_CALLS or len(strange) > 100 * MOST_PROBLEMS:
                end = match.end()
                break
        if "gpt" in self.text or "aicontent" in self.text:
            broken = islice(_BROKEN.finditer(self.text, 0, end), MOST_PROBLEMS)
            tags += [
                _Tag(match[2].lower(), bool(match[1]), match, broken=True)
                for match in broken
                if not match[3] or f"[/{match[2]}" in self.text  # else "[gpt4 generated]" is a remark
            ]
            tags.sort(key=lambda tag: tag.match.start())
        shouted = [match for match in strange if match[2].lower() in CALLS]
        if any(match[1] for match in shouted):  # [GPT3] … [/GPT3] is a call, [GPT3] alone a word
            tags += [_Tag(match[2].lower(), bool(match[1]), match) for match in shouted]
            tags.sort(key=lambda tag: tag.match.start())
        self._tell_unknown(strange)
        self._tell_percent()
        return tags

    def _is_escaped(self, match: re.Match[str]) -> bool:
        before, after = match.start() - 1, match.end()
        return before >= 0 and self.text[before] == "[" and self.text[after : after + 1] == "]"

    def _is_whole(self, tag: _Tag) -> bool:
        """Whether a plugin would read the tag as it is written; tells what is wrong with it."""
        match, slash = tag.match, "/" * tag.closes
        if tag.broken:
            fault = f'holds {match[3].strip()[:40]!r}, which is no name="value"' if match[3] else "lacks its ]"
            self._tell("malformed", *match.span(), f"[{slash}{match[2]} {fault}", f"[{slash}{tag.name}]")
            return False
        right = f"[{slash}{tag.name}{match[3] or ''}{'' if tag.closes else match[4].rstrip()}]"
        if right != match[0]:
            self._tell("malformed", *match.span(), f"{match[0][:80]} is read by no plugin; write {right[:80]}", right)
        return right == match[0]

    def _open(self, tag: _Tag, works: bool) -> None:
        start, end = tag.match.span()
        if len(self.stack) >= DEEPEST:
            self._tell("nested", start, end, f"[{tag.name}] stands in {DEEPEST} other calls; write one after the other")
        self.stack.append(_Open(tag.name, {} if tag.broken else self._params(tag.match), start, end, works, []))

    def _close(self, tag: _Tag, works: bool) -> None:
        start, end = tag.match.span()
        names = [opened.name for opened in self.stack]
        if tag.name in names:
            while self.stack[-1].name != tag.name:
                self._cut_short(self.stack.pop(), tag)
            self._finish(self.stack.pop(), tag.match, works)
        elif self.crossed.get(tag.name):  # told where it should have stood
            number = self.crossed[tag.name].pop()
            problem = self.problems[number]
            self.problems[number] = replace(problem, edits=(*problem.edits, (start, end, "")))
        elif not names or self.closing[names[-1]] - self.opening[names[-1]] >= names.count(names[-1]):
            self._tell("unopened", start, end, f"[/{tag.name}] closes nothing; remove it, or open [{tag.name}]", "")
        else:
            right = f"[/{self.stack.pop().name}]"
            self._tell("mismatched", start, end, f"[{right[2:]} is closed by {tag.match[0]}; write {right}", right)

    def _cut_short(self, left: _Open, tag: _Tag) -> None:
        """Another call's end comes before this one's."""
        close, at = f"[/{left.name}]", tag.match.start()
        if self.closing[left.name] > self.opening[left.name]:
            message = f"[{left.name}] begins inside [{tag.name}] and ends after it; write {close} before [/{tag.name}]"
            self.crossed.setdefault(left.name, []).append(len(self.problems))
            self._tell("crossed", left.start, left.end, message, close, ((at, at, close),))
        else:
            message = f"[{left.name}] is never closed; write {close} before [/{tag.name}]"
            self._tell("unclosed", left.start, left.end, message, close, ((at, at, close),))

    def _tell_unclosed(self) -> None:
        """What is still open at the end; it was meant to end with its paragraph."""
        if not self.stack:
            return
        last = self.stack[-1].end
        paragraph = self.text[last : self.text.find("\n\n", last) if "\n\n" in self.text[last:] else None]
        at = last + len(paragraph.rstrip())
        closes = "".join(f"[/{left.name}]" for left in reversed(self.stack))
        for left in self.stack[:MOST_PROBLEMS]:
            close = f"[/{left.name}]"
            message = f"[{left.name}] is never closed; write {close} at the end of the prompt"
            # all are closed at one place, in their order, so the first one's edit does it
            edits = ((at, at, closes if left is self.stack[0] else ""),)
            self._tell("unclosed", left.start, left.end, message, close, edits)

    def _finish(self, opened: _Open, match: re.Match[str], works: bool) -> None:
        prompt = self.text[opened.end : match.start()]
        if not prompt.strip():
            message = f"[{opened.name}] holds no prompt; write one, or remove the tags"
            self._tell("empty", opened.start, match.end(), message, "")
            return
        if any(outer.name == opened.name for outer in self.stack):
            self._tell_nested(opened, match)
        if works and opened.works:
            line, column = self._place(opened.start)
            call = Shortcode(
                opened.name,
                opened.params,
                prompt.strip(),
                opened.start,
                match.end(),
                line,
                column,
                tuple(opened.inner),
            )
            (self.stack[-1].inner if self.stack else self.calls).append(call)

    def _tell_nested(self, opened: _Open, match: re.Match[str]) -> None:
        taken = {outer.name for outer in self.stack} | {call.name for call in opened.inner}
        other = next((tag for tag in ("gpt3", "gpt", "gpt4") if tag not in taken), None)
        message = f"[{opened.name}] stands in a [{opened.name}]: a plugin ends both at the first [/{opened.name}]"
        if other is None:
            self._tell("nested", opened.start, opened.end, message)
            return
        at = opened.start + 1
        edits = ((at, at + len(opened.name), other), (*match.span(), f"[/{other}]"))
        message += f"; name the inner one [{other}] … [/{other}]"
        self._tell("nested", opened.start, opened.end, message, f"[{other}]", edits)

    def _params(self, match: re.Match[str]) -> dict[str, Any]:
        params: dict[str, Any] = {"model": match[3][1:]} if match[3] else {}
        text, end = match[4], 0
        for found in _ATTRIBUTE.finditer(text):
            if text[end : found.start()].strip():
                break
            end = found.end()
            key = {"t": "temperature"}.get(found[1].lower(), found[1].lower())
            raw = next(value for value in found.groups()[1:] if value is not None)
            value = _number(raw)
            if key not in _ATTRIBUTES:
                near = _nearest(key, _ATTRIBUTES)
                self._tell("attribute", *match.span(), f"a call has no attribute {key!r}" + _meant(near, "{}"))
            elif key in PARAMETERS and not PARAMETERS[key][0](value):
                self._tell("attribute", *match.span(), f"{key}: {raw!r} is not {PARAMETERS[key][1]}")
            elif key == "type" and raw != "text":
                self._tell("attribute", *match.span(), f"type: {raw!r}: only text is made here")
            elif key != "type":
                params[key] = value if key in PARAMETERS else raw
        if left := text[end:].strip():
            self._tell("attribute", *match.span(), f'cannot read {left[:40]!r}; attributes are written name="value"')
        return params

    def _tell_unknown(self, strange: list[re.Match[str]]) -> None:
        closed = {match[2] for match in strange if match[1]}
        for match in strange:
            if len(self.problems) >= MOST_PROBLEMS:
                return
            name, bare = match[2], not match[4] and not match[3]
            if name.lower() in _TEXT or name.lower() in CALLS or is_variable(name) or not name.islower():
                continue
            near = _SHORT.get(name) or _nearest(name, _BRACKETED)
            paired = name in closed and not match[1]
            quoted = re.match(r"\s[\w-]+ ?= ?[\"'“”]", match[4]) is not None
            typed = near is not None and (any(map(str.isdigit, name)) or "_" in name or name in _SHORT)
            if paired or quoted or (bare and (typed or ("_" in name and not match[1]))):
                repair = f"[{match[1]}{near}{match[4]}]" if near else None
                message = f"no plugin knows {match[0][:60]}" + _meant(near, f"[{match[1]}{{}}]")
                self._tell("unknown", *match.span(), message, repair)

    def _tell_percent(self) -> None:
        if not _LETTER_PERCENT.search(self.text):
            return
        for match in PERCENT.finditer(self.text):
            if len(self.problems) >= MOST_PROBLEMS:
                return
            name = match[1] or match[2]
            if name in VARIABLES or name in FOREIGN or (match[2] and "_" not in name):
                continue
            marks = "%%" if match[1] else "%"
            near = _nearest(name, (*VARIABLES, *FOREIGN))
            message = f"no plugin knows {match[0]}" + _meant(near, f"{marks}{{}}{marks}")
            self._tell("unknown", *match.span(), message, f"{marks}{near}{marks}" if near else None)

    def _tell(
        self,
        code: str,
        start: int,
        end: int,
        message: str,
        repair: str | None = None,
        edits: tuple[tuple[int, int, str], ...] = (),
    ) -> None:
        """Note a problem; a repair without `edits` takes the place of the text."""
        line, column = self._place(start)
        if repair is not None and not edits:
            edits = ((start, end, repair),)
        self.problems.append(Problem(code, start, end, line, column, self.text[start:end], message, repair, edits))

    def _place(self, at: int) -> tuple[int, int]:
        """Line and column, counted on from the nearest place that was asked for before."""
        near = bisect_right(self.places, (at, len(self.text))) - 1
        start, line = self.places[near]
        line += self.text.count("\n", start, at)
        self.places.insert(near + 1, (at, line))
        return line, at - self.text.rfind("\n", 0, at)


def _number(text: str) -> Any:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        return float(text)
    except ValueError:
        return text


@lru_cache(maxsize=1024)
def _nearest(name: str, known: tuple[str, ...]) -> str | None:
    """The known name that was most likely meant: one slip away in a short name, two in a long one."""
    slips = 0 if len(name) < 3 else 1 if len(name) < 8 else 2
    best = process.extractOne(name, known, scorer=OSA.distance, score_cutoff=slips) if slips else None
    return str(best[0]) if best else None


def _meant(near: str | None, form: str) -> str:
    return f"; did you mean {form.format(near)}?" if near else ""
