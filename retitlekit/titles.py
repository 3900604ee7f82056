"""From what a model answered to one publishable title.

`extract_title` walks the completion through `_STEPS`: the first step that changes the text is written down as a repair,
and the walk starts over, until no step finds anything to do. So a title is a text that `extract_title` would not touch
again. A step may also find that there is no title; then the problem is named and nothing is published: a prompt, an
apology or half an answer is never a title.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import lru_cache, partial
from typing import Literal

from retitlekit import wrappings
from retitlekit.leaks import LEAKS as LEAKS
from retitlekit.leaks import Leak as Leak
from retitlekit.leaks import find_leaks as find_leaks
from retitlekit.wrappings import TITLE_WORD, WORDY, NoTitle

REPAIRS = {
    "whitespace": "spaces, line ends or no-break spaces tidied",
    "invisible": "control, zero-width or direction-override characters removed",
    "unicode": "accents composed (Unicode NFC)",
    "thinking": "the model's thinking removed",
    "tokens": "control tokens of the chat format removed",
    "fence": "code fence removed",
    "json": "taken out of a JSON answer",
    "html": "HTML or XML tags removed",
    "label": "a label such as “New title:” removed",
    "preamble": "an introduction such as “Sure! Here is a title:” removed",
    "explanation": "an explanation or an offer after the title removed",
    "markdown": "Markdown removed",
    "numbering": "the list mark before the only title removed",
    "list_first": "the first of several titles taken",
    "joined_lines": "a title broken over two lines joined",
    "first_line": "the first of several lines taken",
    "entities": "HTML entities decoded",
    "count": "the model's own count, such as “(48 characters)”, removed",
    "quotes": "quotation marks round the whole removed",
    "period": "full stop at the end removed",
}
"""Every repair that `extract_title` makes: code and meaning."""

PROBLEMS = {
    "Refusal": "the model refused, apologised, or asked for the article",
    "EmptyCompletion": "no title in the answer: blank, or only marks, markup or small talk",
    "CutOff": "the answer was cut before its end; an empty one spent its limit on thinking: raise max_tokens",
    "PromptLeak": "the answer holds a part of the prompt or of its template",
    "NotATitle": "the answer is no title: longer than 300 characters, a table, or thinking aloud",
    "BadJSON": "the answer is JSON that cannot be read or has no title",
}
"""Every reason for which `extract_title` finds no title: code and meaning."""

LONGEST_TITLE = 300
"""Characters. Titles that people write for news stay below 250; what models write instead of a title is longer."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """A `title` and the `repairs` it needed, or no title and the `problem`: exactly one of the two is None."""

    title: str | None
    repairs: tuple[str, ...]
    problem: str | None


def extract_title(
    completion: str | None, *, finish_reason: str | None = None, instructions: str | None = None
) -> Extraction:
    """Turn what a model answered into one publishable title, or say why there is none.

    Parameters
    ----------
    completion : str or None
        The answer, verbatim.
    finish_reason : str, optional
        Why the model stopped, in the provider's word. "length" is always `CutOff`, however whole the text looks; a
        content filter is always `Refusal`.
    instructions : str, optional
        The prompt without the article's text. A title with four words in a row (eight signs, in Chinese or Japanese)
        of it is a `PromptLeak`.

    Returns
    -------
    Extraction
        `repairs` are codes of `REPAIRS`, in the order applied, each once; those made before a problem are kept. A title
        is one line of at most 300 characters, none of them a control character, and comes back unchanged, without
        repairs, when it is passed in again.

    Notes
    -----
    Time is linear in the length of the completion. What is repaired is what users of retitling plugins and chat
    interfaces report: quotes, labels, Markdown, preambles, lists, thinking, refusals, leaked prompts.

    Examples
    --------
    >>> extract_title('**Title:** "Kim arrives in Russia." (22 characters)')
    Extraction(title='Kim arrives in Russia', repairs=('count', 'markdown', 'label', 'quotes', 'period'), problem=None)
    >>> extract_title("As an AI model I cannot rewrite this title").problem
    'Refusal'
    >>> extract_title("[gpt3] Rewrite this title: Kim Jong Un in Russia [/gpt4]").problem
    'PromptLeak'
    """
    repairs: dict[str, None] = {}
    try:
        if problem := _STOPS.get((finish_reason or "").casefold()):
            raise NoTitle(problem)
        title = _repaired(completion or "", repairs)
        if instructions and _echoes(title, instructions):
            raise NoTitle("PromptLeak")
    except NoTitle as no_title:
        return Extraction(None, tuple(repairs), str(no_title))
    return Extraction(title, tuple(repairs), None)


def word_diff(before: str, after: str) -> list[tuple[Literal["same", "delete", "insert"], str]]:
    """Tell word by word what changed between two titles.

    Words are compared whole, Chinese and Japanese sign by sign, marks by themselves. Neighbouring changes make one
    deletion and one insertion, with the spaces between them, so that each can be read.

    Parameters
    ----------
    before, after : str

    Returns
    -------
    list of (str, str)
        Joining the texts of "same" and "delete" gives `before` exactly, those of "same" and "insert" `after`.

    Examples
    --------
    >>> word_diff("Kim in Russia", "Kim arrives in Moscow")
    [('same', 'Kim '), ('insert', 'arrives '), ('same', 'in '), ('delete', 'Russia'), ('insert', 'Moscow')]
    """
    old, new = _WORD.findall(before), _WORD.findall(after)
    changes = SequenceMatcher(str.isspace, old, new, autojunk=False).get_opcodes()
    diff: list[tuple[Literal["same", "delete", "insert"], str]] = []
    deleted = inserted = ""
    for number, (change, i, j, k, m) in enumerate(changes, start=1):
        gone, come = "".join(old[i:j]), "".join(new[k:m])
        if change != "equal" or ((deleted or inserted) and gone.isspace() and number < len(changes)):
            deleted, inserted = deleted + gone, inserted + come
        else:
            diff += [("delete", deleted), ("insert", inserted), ("same", gone)]
            deleted = inserted = ""
    return [part for part in (*diff, ("delete", deleted), ("insert", inserted)) if part[1]]


# ---- the walk

_STOPS = {"length": "CutOff", "max_tokens": "CutOff"} | dict.fromkeys(
    ("content_filter", "content_filtered", "refusal", "safety", "prohibited_content", "blocklist"), "Refusal"
)
_MOST_REPAIRS = 30  # no real answer needs half of it; bounds the work on one that was built to be peeled for ever


def _repaired(completion: str, repairs: dict[str, None]) -> str:
    text = _tidied(completion)
    if text != completion and "\n" not in text:
        repairs["whitespace"] = None
    if _is_plain(text):
        return text
    for _ in range(_MOST_REPAIRS):
        for code, step in _STEPS:
            if (changed := step(text)) != text:
                repairs[code] = None
                text = _tidied(changed)
                break
        else:
            return _judged(text)
    raise NoTitle("NotATitle")


def _is_plain(text: str) -> bool:
    """A line on which no step has anything to do; most completions are, and need not walk."""
    plain = _PLAIN.fullmatch(text) and " -" not in text and "- " not in text
    return bool(plain) and not (_SMALL_TALK.match(text) or _ALOUD.match(text) or find_leaks(text))


_PLAIN = re.compile(r"[A-Z0-9À-Þ][A-Za-z0-9À-ɏ,&$£€/'’ -]{1,198}[A-Za-z0-9À-ɏ?!]")


def _tidied(text: str) -> str:
    """No blank lines, single spaces; the wide space of Japanese titles separates like a mark and stays."""
    if text.isprintable() and "  " not in text and text.strip() == text:
        return text
    return "\n".join(filter(None, (_BLANKS.sub(" ", line).strip() for line in text.splitlines())))


_BLANKS = re.compile(r"[^\S\u3000]+")


def _checked(text: str) -> str:
    """The same text, unless it cannot hold a title."""
    if not WORDY.search(text):
        raise NoTitle("EmptyCompletion")
    for leak in find_leaks(text):
        if leak.kind == "refusal" and (leak.start == 0 or "\n" not in text):
            raise NoTitle("Refusal")
        if leak.kind not in ("refusal", "talk"):
            raise NoTitle("PromptLeak")
    if _ALOUD.match(text) or text[0] == text[-1] == "|":
        raise NoTitle("NotATitle")
    return text


_ALOUD = re.compile(
    r"(?:(?:okay|ok|alright|hmm|so)[,.]? (?:so )?)?(?:the user (?:wants (?:an?|the|me|us) |is asking|asked|asks)|(?:we|i)"
    r" (?:need|have) to (?:re-?write|produce|generate|create|come up)|let me think\b|(?:thinking|thought) process\b|thought\n)",
    re.IGNORECASE,
)


def _judged(text: str) -> str:
    """The same line, unless nothing but talk is left, half a sentence, or far too much."""
    if len(text) > LONGEST_TITLE:
        raise NoTitle("NotATitle")
    if _BROKEN_OFF.search(text):
        raise NoTitle("CutOff")
    if any(leak.start == 0 for leak in find_leaks(text)):
        raise NoTitle("EmptyCompletion")
    return text


_BROKEN_OFF = re.compile(r"\b(?:an?|the|and|or|of|to|at|by|for|from|in|on|with|as) ?(?:…|\.\.\.)\Z", re.IGNORECASE)

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_IN_WORD = rf"[^\s!-/:-@\[-`{{-~«»\u2010-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20{_CJK}]"
_WORD = re.compile(rf"\s+|[{_CJK}]|{_IN_WORD}+(?:[.,'’-]{_IN_WORD}+)*|.", re.DOTALL)


def _echoes(title: str, instructions: str) -> bool:
    words = _folded(title)
    size = 8 if sum(len(word) == 1 for word in words) * 2 > len(words) else 4
    return not _phrases(instructions, size).isdisjoint(zip(*(words[i:] for i in range(size)), strict=False))


def _folded(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text) if WORDY.match(word)]


@lru_cache(maxsize=256)
def _phrases(text: str, size: int) -> frozenset[tuple[str, ...]]:
    words = _folded(text)
    return frozenset(zip(*(words[i:] for i in range(size)), strict=False))


# ---- talk before the title

_QUALITY = (
    r"(?:re-?written|rephrased|revised|generated|suggested|proposed|recommended|optimi[sz]ed|improved|alternat(?:e|ive)"
    r"|better|final|updated|new|short(?:er)?|concise|seo(?:[- ](?:friendly|optimi[sz]ed))?|meta|news|article|neuer?"
    r"|nouveau|nuevo|nuovo|novo|nowy|yeni|новый|新しい|新|改写后的?|重写后的?|새로운|새)"
)
_NAME = rf"(?:(?:{_QUALITY} ?){{0,3}}{TITLE_WORD}|subject line|(?:final )?answer|output|rewrit(?:e|ten)|assistant)"
_LABEL = re.compile(
    rf"{_NAME}(?: ?\([^()\n]{{0,60}}\))?(?: ?[:：=→] ?| (?:-|–|—|=>|->) )(?=\S)|[*_#> ]*{_NAME} ?[*_]* ?[:：]?[*_]*\n",
    re.IGNORECASE,
)
_YES = (
    r"(?:sure(?: thing)?|certainly|of course|absolutely|understood|got it|no problem|(?:i['’]d be )?(?:happy|glad) to help"
    r"|natürlich|gerne|bien sûr|claro(?: que sí)?|por supuesto|certamente|конечно|好的|当然(?:可以)?|もちろん(?:です)?"
    r"|承知(?:いた)?しました|물론(?:입니다|이죠)?)"
)
_HERE = (  # at the head of a clause
    r"(?:[^\n:：]{0,160}?[ ,.!，。])??(?:here(?:['’]?s| is| are)(?! (?:why|how|what|who|where|when)\b)|hier (?:ist|sind)"
    r"|voici|aqu[íi] (?:tienes|está|te)|aqui está|ecco|вот|以下は|以下是|这是|這是|다음은)"
)
_THING = rf"(?:{TITLE_WORD}|versions?|options?|rewrites?|rephrasings?|suggestions?|alternatives?|вариант\w*|版本)"
_FOR = r"(?:,? (?:for|of|that|with|based|in|under|using|to|as|für|mit|pour|qui|para|per|для|на) [^\n:：]{0,120})?"
_SMALL_TALK = re.compile(
    rf"{_YES} ?[!.。！，、] ?|(?:{_YES}|okay|ok|alright|great|yes|hello|hi)[!,.]*(?: (?:i|let|here)\b[^\n:：]*)?(?:\n|\Z)"
    r"|i(?:['’]d be| am|['’]m)? (?:happy|glad) to help[^\n.!]*(?:[.!] ?|\Z)",
    re.IGNORECASE,
)
_ANNOUNCEMENT = re.compile(
    rf"(?=[^\n:：]{{0,400}}[:：])(?:{_HERE}(?: ?[^\n:： ]{{0,24}} ){{0,6}}?[^\n:： ]{{0,12}}?{_THING}(?:です|입니다)?"
    rf"(?: ?\([^()\n]{{0,60}}\))?{_FOR} ?[:：]|{_YES}[,!.]? here(?:['’]s| is| are| you)\b[^\n:：]{{0,100}}[:：])"
    rf"|(?:(?:the|an?|my|one|your) (?:[\w-]+ ){{0,3}}?{_THING}(?: \w+){{0,4}}? (?:is|would be|could be|might be)|my"
    r" (?:suggestion|pick|choice)(?: is)?|i(?:['’]d| would)? (?:suggest|propose|recommend|go with)[^\n:：]{0,60})"
    r" ?(?:[:：]|(?=[\"“«「‘'][^\n]*[\"”»」’']\.?\Z))"
    rf"|(?=[^\n]*\n)(?:{_HERE} [^\n]{{0,100}}?{_THING}[^\n]*\n|i(?:['’]ve| have|['’]ll| will) [^\n]{{0,200}}(?:{_THING}|rewr)[^\n]*\n"
    r"|original(?: title| headline)? ?[:：][^\n]*\n|[\W_]*\n"
    r"|[^\n]*[:：][*_]*\n"  # a line that ends with a colon announces the next, in any language
    r"|[^\n]{0,120}\b(?:titles|headlines|options|alternatives|suggestions)\b[^\n]{0,60}\n(?=[*_]*(?:[-*•]|1[.)]) ))",
    re.IGNORECASE,
)


def _without_start(*patterns: re.Pattern[str]) -> Callable[[str], str]:
    def step(text: str) -> str:
        found = next(filter(None, (pattern.match(text) for pattern in patterns)), None)
        return text[found.end() :] if found else text

    return step


# ---- talk after the title

_SERVES = r"(?:keep|capture|preserve|maintain|use|highlight|convey|emphasi[sz]e|focus|aim|reflect|summari[sz]e)s?\b"
_GAP = re.compile(r"([.!?\"”»’)]) |\n[\W_]{0,8}| [-–—] |[(\[*]")
_ASIDE = re.compile(
    r"(?:note|explanation|rationale|reasoning|character count)s? ?[:：]|why (?:this|it) works|let me know if|feel free to"
    rf"|i hope this|this (?:title|headline|rewrite) (?:\w+ly )?{_SERVES}",
    re.IGNORECASE,
)
_ASIDE_LINE = re.compile(
    r"(?:explanation|rationale|reasoning|justification|notes?|(?:key )?changes|character count|word count|length|erklärung"
    r"|hinweis|anmerkung|remarque|nota|explicación|пояснение|примечание|说明|解释|説明)(?!\w)[^\n:：]{0,40}[:：]"
    rf"|why (?:this|it|the)\b|this (?:\w+ )?(?:title|headline|version|rewrite|option)\b|(?:this|it) {_SERVES}|i (?:chose"
    r"|kept|aimed|used|focused|made|changed|removed|rewrote|shortened|tried)\b|let me know|feel free|i hope|would you like"
    r"|please (?:note|let)\b",
    re.IGNORECASE,
)
_UNIT = (
    r"(?:characters?|chars?|words?|letters?|zeichen|wörter|caract[èe]res|mots|caracteres|palabras|символ\w*|знак\w*"
    r"|слов\w*|个?字符?|文字|자)"
)
_COUNT = re.compile(
    rf"[(\[（|–—-](?<!\S[|–—-]) ?(?:(?:~|≈|approx\.? |about |exactly |only )?\d{{1,3}} ?{_UNIT}(?!\w)[^()\[\]]{{0,40}}"
    rf"|(?:{_UNIT}|length)(?: count)? ?[:=] ?\d{{1,3}}[^()\[\]]{{0,20}})[)\]）]?\.?\Z",
    re.IGNORECASE,
)


def _without_aside(text: str) -> str:
    for gap in _GAP.finditer(text):
        if (_ASIDE_LINE if gap[0][0] == "\n" else _ASIDE).match(text, gap.end()):
            return text[: max(gap.start(), gap.end(1))]
    return text


def _without_count(text: str) -> str:
    count = _COUNT.search(text, max(0, len(text) - 90)) if text.count("\n") < 2 else None
    return text[: count.start()] if count else text


# ---- lists, lines, full stop

_OPTION = r"(?:option|title|headline|version|variant|alternative|вариант|opción|variante|选项)"
_AFTER_NUMBER = r"(?: ?\([^()\n]{0,60}\))?(?: ?[:.)：] ?| [–-] )"
_ITEM = re.compile(
    rf"[-*•‣▪] |\d\ufe0f?\u20e3 ?|[*_]*(?:\(?(?:\d{{1,2}}|[a-h])[.)][*_]* |{_OPTION} ?#?(?:\d{{1,2}}|[A-H])[*_]*{_AFTER_NUMBER})",
    re.IGNORECASE,
)
_ONLY_ITEM = re.compile(  # "1. FC Köln" and "1. Mai" begin titles, "- 5" is cold
    r"[-*•‣▪] (?!\d)|\(?1[.)] (?!(?:FC|FSV|FFC|Liga|Bundesliga|Mai)\b)|a\) |1\ufe0f?\u20e3 ?"
    rf"|{_OPTION} ?#?[1A]{_AFTER_NUMBER}",
    re.IGNORECASE,
)
_SECOND_ITEM = re.compile(rf" (?:2[.)]|\(2\)|{_OPTION} ?#?[2B] ?[:.)：]) ", re.IGNORECASE)


def _first_item(text: str) -> str:
    """Of several options the first; a text that does not list several stays."""
    first, *rest = text.split("\n")
    if (item := _ITEM.match(first)) and any(map(_ITEM.match, rest)):
        return first[item.end() :]
    if (item := _ONLY_ITEM.match(first)) and (second := _SECOND_ITEM.search(first)):
        return first[item.end() : second.start()]
    return text


def _joined(text: str) -> str:
    """A title broken over two lines, of which the second goes on with a small letter, as one line."""
    first, _, second = text.partition("\n")
    goes_on = second[:1].islower() and "\n" not in second and first[-1] not in ".!?:;。！？" and second[:3] != "or "
    return f"{first} {second}" if goes_on and len(text) <= LONGEST_TITLE / 2 else text


def _first_line(text: str) -> str:
    return text.partition("\n")[0]


_ABBREVIATION = re.compile(
    r"(?:\b(?:inc|ltd|co|corp|bros|jr|sr|st|mt|dr|mrs?|ms|gov|sen|rep|gen|lt|col|sgt|prof|dept|est|vs|etc|al|no|vol|ed|ave"
    r"|blvd|jan|feb|mar|apr|aug|sept?|oct|nov|dec|usw|ca)|\b\w|\.\w{1,2})\.\Z",
    re.IGNORECASE,
)


def _without_period(text: str) -> str:
    ends = text[-1] in ".。．" and text[-2:-1] not in ".…" and not _ABBREVIATION.search(text)
    return text[:-1] if ends else text


_STEPS = (
    ("invisible", wrappings.visible),
    ("unicode", partial(unicodedata.normalize, "NFC")),
    ("thinking", wrappings.after_thinking),
    ("tokens", wrappings.without_tokens),
    ("", _checked),
    ("fence", wrappings.unfenced),
    ("json", wrappings.from_json),
    ("html", wrappings.without_tags),
    ("label", _without_start(_LABEL)),
    ("preamble", _without_start(_SMALL_TALK, _ANNOUNCEMENT)),
    ("count", _without_count),
    ("explanation", _without_aside),
    ("markdown", wrappings.without_markdown),
    ("list_first", _first_item),
    ("numbering", _without_start(_ONLY_ITEM)),
    ("joined_lines", _joined),
    ("first_line", _first_line),
    ("entities", wrappings.decoded),
    ("quotes", wrappings.unquoted),
    ("period", _without_period),
)
