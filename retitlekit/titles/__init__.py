"""From what a model answered to one publishable title.

`extract_title` walks the completion through `_STEPS`: the first step that changes the text is written down as a repair,
and the walk starts over, until no step finds anything to do. So a title is a text that `extract_title` would not touch
again. A step may also find that there is no title; then the problem is named and nothing is published: a prompt, an
apology or half an answer is never a title.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from typing import Literal

from retitlekit.titles import wrappings
from retitlekit.titles.leaks import CJK, Leak, echoes, find_leaks
from retitlekit.titles.wrappings import TITLE_WORD, WORDY, NoTitle, tidied

__all__ = ["PROBLEMS", "REPAIRS", "Extraction", "Leak", "extract_title", "find_leaks", "word_diff"]

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
    "Refusal": "the model refused, apologised, or asked for the article, or its service told an error",
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
    The time is linear in the length of the completion. Each repair answers a fault that users of retitling plugins and
    of chat interfaces have reported.

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
        if instructions and echoes(title, instructions):
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


_IN_WORD = rf"[^\s!-/:-@\[-`{{-~«»\u2010-\u206f\u3000-\u303f\uff00-\uff0f\uff1a-\uff20{CJK}]"
_WORD = re.compile(rf"\s+|[{CJK}]|{_IN_WORD}+(?:[.,'’-]{_IN_WORD}+)*|.", re.DOTALL)


# ---- the walk

_STOPS = {"length": "CutOff", "max_tokens": "CutOff"} | dict.fromkeys(
    ("content_filter", "content_filtered", "refusal", "safety", "prohibited_content", "blocklist"), "Refusal"
)
_PATIENCE = 300_000  # characters read again after a repair; ends the walk over an answer built to be peeled for ever


def _repaired(completion: str, repairs: dict[str, None]) -> str:
    text = tidied(completion)
    if text != completion and "\n" not in text:
        repairs["whitespace"] = None
    if _is_plain(text):
        return text
    read = 0
    while read < _PATIENCE:
        for code, step in _STEPS:
            if (changed := step(text)) != text:
                repairs[code] = None
                text = tidied(changed)
                read += len(text) + 1
                break
        else:
            return _judged(text)
    raise NoTitle("NotATitle")


def _is_plain(text: str) -> bool:
    """A line on which no step has anything to do; most completions are, and need not walk."""
    plain = _PLAIN.fullmatch(text) and " -" not in text and "- " not in text
    return bool(plain) and not (_SMALL_TALK.match(text) or _ALOUD.match(text) or find_leaks(text))


_PLAIN = re.compile(r"[A-Z0-9À-Þ][A-Za-z0-9À-ɏ,&$£€/'’ -]{1,198}[A-Za-z0-9À-ɏ?!]")


def _checked(text: str) -> str:
    """The same text, unless it cannot hold a title."""
    if not WORDY.search(text):
        raise NoTitle("EmptyCompletion")
    for leak in find_leaks(text):
        if leak.kind == "refusal" and (leak.start == 0 or "\n" not in text):
            raise NoTitle("Refusal")
        if leak.kind == "error":
            raise NoTitle("Refusal")
        if leak.kind not in ("refusal", "talk"):
            raise NoTitle("PromptLeak")
    if _ALOUD.match(text) or text[0] == text[-1] == "|":
        raise NoTitle("NotATitle")
    return text


_ALOUD = re.compile(
    r"(?:(?:okay|ok|alright|hmm|so)[,.]? (?:so )?)?(?:the user (?:wants (?:an?|the|me|us) |is asking|asked|asks)|(?:we"
    r"|i) (?:need|have) to (?:re-?write|produce|generate|create|come up)|let me think\b|(?:thinking|thought) process\b"
    r"|thought\n)",
    re.IGNORECASE,
)


def _judged(text: str) -> str:
    """The same line, unless nothing but talk is left, half a sentence, or far too much."""
    if len(text) > LONGEST_TITLE:
        raise NoTitle("NotATitle")
    if _BROKEN_OFF.search(text):
        raise NoTitle("CutOff")
    if any(leak.start == 0 for leak in find_leaks(text)) or _BARE_LABEL.fullmatch(text):
        raise NoTitle("EmptyCompletion")
    return text


_BROKEN_OFF = re.compile(r"\b(?:an?|the) ?(?:…|\.\.\.)\Z", re.IGNORECASE)


# ---- talk before the title

_QUALITY = (
    r"(?:re-?written|rephrased|revised|generated|suggested|proposed|recommended|optimi[sz]ed|improved|alternat(?:e|ive)"
    r"|better|final|updated|new|short(?:er)?|concise|seo(?:[- ](?:friendly|optimi[sz]ed))?|meta|my|news|article|neuer?"
    r"|umgeschriebener?|überarbeiteter?|verbesserter?|möglicher?|vorgeschlagener?|nouveau|nuevo|nuovo|novo|nowy|yeni|новый|新しい|新|改写后的?|重写后的?|새로운|새)"
)
_NAME = rf"(?:(?:{_QUALITY} ?){{0,3}}(?:{TITLE_WORD}|rewrite|answer)|subject line|output|rewritten|revised|assistant)"
_LABEL = re.compile(
    rf"{_NAME}(?: ?\([^()\n]{{0,60}}\))?(?: ?[:：=→] ?| (?:-|–|—|=>|->) )(?=\S)|[*_#> ]*{_NAME} ?[*_]* ?[:：]?[*_]*\n",
    re.IGNORECASE,
)
_BARE_LABEL = re.compile(rf"{_NAME}(?: ?\([^()\n]{{0,60}}\))? ?[:：=→]", re.IGNORECASE)
_YES = (
    r"¡?(?:sure(?: thing)?|certainly|of course|absolutely|understood|got it|no problem|(?:i['’]d be )?(?:happy"
    r"|glad) to help|natürlich|gerne|klar"
    r"|bien (?:sûr|entendu)|certo|natuurlijk|självklart|oczywiście|tabii"
    r"|claro(?: que sí)?|por supuesto|certamente|конечно|好的|当然(?:可以)?"
    r"|もちろん(?:です)?|承知(?:いた)?しました|물론(?:입니다|이죠)?)"
)
_HERE = (  # at the head of a clause
    r"(?:[^\n:：]{0,160}?[ ,.!，。])??(?:here(?:['’]?s| is| are)(?! (?:why|how|what|who|where|when)\b)|hier (?:ist"
    r"|sind)|voici|aqu[íi] (?:tienes|está|te)|aqui está|ecco|вот|以下は|以下是|这是|這是|다음은)"
)
_THING = rf"(?:{TITLE_WORD}s?|versions?|options?|rewrites?|rephrasings?|suggestions?|alternatives?|вариант\w*|版本)"
_FOR = r"(?:,? (?:for|of|that|with|based|in|under|using|to|as|für|mit|pour|qui|para|per|для|на) [^\n:：]{0,120})?"
_SMALL_TALK = re.compile(
    rf"{_YES} ?[!.。！，、] ?|(?:{_YES}|okay|ok|alright|great|yes|hello|hi)[!,.]*(?: (?:i|let|here)\b[^\n:：]*)?(?:\n"
    r"|\Z)|i(?:['’]d be| am|['’]m)? (?:happy|glad) to help[^\n.!]*(?:[.!] ?|\Z)",
    re.IGNORECASE,
)
_ANNOUNCED_IN_LINE = (
    rf"{_HERE}(?: ?[^\n:： ]{{0,24}} ){{0,6}}?[^\n:： ]{{0,12}}?{_THING}(?: r[eéi]\w{{4,}})?(?:です|입니다)?(?:"
    rf" ?\([^()\n]{{0,60}}\))?{_FOR} ?[:：]",
    rf"{_HERE}(?: it is| you go)? ?[:：]",
    rf"{_YES}[,!.]? here(?:['’]s| is| are| you)\b[^\n:：]{{0,100}}[:：]",
    rf"(?:the|an?|my|one|your) (?:[\w-]+ ){{0,3}}?{_THING}(?: \w+){{0,4}}? (?:is|would be|could be|might be) ?[:：]",
    r"(?:my (?:suggestion|pick|choice)(?: is)?|i(?:['’]d| would)? (?:suggest|propose|recommend"
    r"|go with)[^\n:：]{0,60}) ?[:：]",
)
_ANNOUNCED_BY_LINE = (
    rf"{_HERE} [^\n]{{0,100}}?{_THING}[^\n]*",
    rf"i(?:['’]ve| have|['’]ll| will) [^\n]{{0,200}}(?:{_THING}|rewr)[^\n]*",
    r"original(?: title| headline)? ?[:：][^\n]*",
    r"[\W_]*",
    r"[^\n]*[:：][*_]*",  # a line that ends with a colon announces the next, in any language
)
_ANNOUNCEMENT = re.compile(
    rf"(?=[^\n:：]{{0,400}}[:：])(?:{'|'.join(_ANNOUNCED_IN_LINE)})|(?=[^\n]*\n)(?:{'|'.join(_ANNOUNCED_BY_LINE)})\n"
    r"|[^\n]{0,120}\b(?:titles|headlines|options|alternatives|suggestions)\b[^\n]{0,60}\n(?=[*_]*(?:[-*•]|1[.)]) )"
    rf"|(?:the|an?|my|your) (?:[\w-]+ ){{0,3}}?{_THING} (?:is|would be|could be|might be)"
    r" (?=[\"“«「‘'][^\n]*[\"”»」’']\.?\Z)",
    re.IGNORECASE,
)


# Prompts that ask for facts, a draft or a critique first get them, and the title on a labelled line below.
_NOTES = re.compile(
    r"[*_#]*(?:key |extracted )?(?:facts?|reasoning|critique|draft|notes?|steps?)\b[^\n:：]{0,40}[:：]", re.IGNORECASE
)
_FINAL_LINE = re.compile(rf"\n(?=[*_#> ]*(?:final|revised) (?:{TITLE_WORD}|version)[*_]* ?[:：])", re.IGNORECASE)
_TITLE_LINE = re.compile(rf"\n(?=[*_#> ]*(?:{_QUALITY} ?){{0,3}}{TITLE_WORD}[*_]* ?[:：])", re.IGNORECASE)


def _without_notes(text: str) -> str:
    first, more, _ = text.partition("\n")
    notes = bool(_NOTES.match(first) and more)
    line = _FINAL_LINE.search(text) or (_TITLE_LINE.search(text) if notes else None)
    if notes and not line:
        raise NoTitle("NotATitle")
    return text[line.end() :] if line else text


def _without_start(text: str, *patterns: re.Pattern[str]) -> str:
    found = next(filter(None, (pattern.match(text) for pattern in patterns)), None)
    return text[found.end() :] if found else text


# ---- talk after the title

_SERVES = r"(?:keep|capture|preserve|maintain|use|highlight|convey|emphasi[sz]e|focus|aim|reflect|summari[sz]e)s?\b"
_GAP = re.compile(r"([.!?\"”»’)]) |\n[\W_]{0,8}| [-–—] |[(\[*]")
_ASIDE = re.compile(
    r"(?:note|explanation|rationale|reasoning|character count)s? ?[:：]|why (?:this|it) works|let me know if"
    rf"|feel free to|i hope this|this (?:title|headline|rewrite) (?:\w+ly )?{_SERVES}",
    re.IGNORECASE,
)
_ASIDE_LINE = re.compile(
    r"(?:explanation|rationale|reasoning|justification|notes?|(?:key )?changes|character count|word count|length"
    r"|erklärung|hinweis|anmerkung|remarque|nota|explicación|пояснение|примечание|说明|解释"
    r"|説明)(?!\w)[^\n:：]{0,40}[:：]|why (?:this|it|the)\b|this (?:\w+ )?(?:title|headline|version|rewrite|option)\b"
    rf"|(?:this|it) {_SERVES}|i (?:chose|kept|aimed|used|focused|made|changed|removed|rewrote|shortened|tried)\b"
    r"|let me know|feel free|i hope|would you like|please (?:note|let)\b",
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


# ---- lists and lines

_OPTION = r"(?:option|title|headline|version|variant|alternative|вариант|opción|variante|选项)"
_AFTER_NUMBER = r"(?: ?\([^()\n]{0,60}\))?(?: ?[:.)：] ?| [–-] )"
_ITEM = re.compile(
    rf"[-*•‣▪] |\d\ufe0f?\u20e3 ?|[*_]*(?:\(?(?:\d{{1,2}}|[a-h])[.)][*_]* |{_OPTION} ?#?(?:\d{{1,2}}"
    rf"|[A-H])[*_]*{_AFTER_NUMBER})",
    re.IGNORECASE,
)
_ONLY_ITEM = re.compile(  # "1. FC Köln" and "1. Mai" begin titles
    r"[-*•‣▪] |\(?1[.)] (?!(?:FC|FSV|FFC|Liga|Bundesliga|Mai)\b)|a\) |1\ufe0f?\u20e3 ?"
    rf"|{_OPTION} ?#?[1A]{_AFTER_NUMBER}",
    re.IGNORECASE,
)
_SECOND_ITEM = re.compile(rf" (?:2[.)]|\(2\)|b\)|{_OPTION} ?#?[2B] ?[:.)：]) ", re.IGNORECASE)


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


_STEPS = (
    ("invisible", wrappings.visible),
    ("unicode", partial(unicodedata.normalize, "NFC")),
    ("thinking", wrappings.after_thinking),
    ("tokens", wrappings.without_tokens),
    ("", _checked),
    ("fence", wrappings.unfenced),
    ("json", wrappings.from_json),
    ("html", wrappings.without_tags),
    ("preamble", _without_notes),
    ("label", lambda text: _without_start(text, _LABEL)),
    ("preamble", lambda text: _without_start(text, _SMALL_TALK, _ANNOUNCEMENT)),
    ("count", _without_count),
    ("explanation", _without_aside),
    ("markdown", wrappings.without_markdown),
    ("list_first", _first_item),
    ("numbering", lambda text: _without_start(text, _ONLY_ITEM)),
    ("joined_lines", _joined),
    ("first_line", lambda text: text.partition("\n")[0]),
    ("entities", wrappings.decoded),
    ("quotes", wrappings.unquoted),
    ("period", wrappings.without_period),
)
