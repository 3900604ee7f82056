"""Objections: what a model wrote instead of a title, told by the words themselves; no guard can let it pass.

`lint` must not cry wolf over what people wrote. Here a false alarm costs one new title and a miss is a scandal, and
the article is known: a word of the task ("title", "rewrite", "characters") that stands nowhere in the article comes
from the prompt or from the machine, and a part of the title that shares no word with the article is not about it.
"""

from __future__ import annotations

import re

from retitlekit.articles import Article
from retitlekit.language.words import STOP_WORDS
from retitlekit.pages.shortcodes import find_shortcodes
from retitlekit.titles import PROBLEMS
from retitlekit.titles.leaks import content_words, echoes, find_leaks

_ALIKE = 5  # letters


def is_leaked(title: str) -> bool:
    """Whether a title holds a prompt, a tag, a refusal or chatbot talk, and so must not be published.

    Examples
    --------
    >>> is_leaked("Rewrite this title: Kim in Russia"), is_leaked("Kim in Russia [video]")
    (True, False)
    """
    found = find_shortcodes(title)
    return bool(find_leaks(title) or found.calls or found.problems or found.variables)


def on_topic(title: str, article: Article) -> tuple[bool, str | None] | None:
    """The title is about the article: a third of its content words, and two of them at least, stand there.

    And of each of its parts, before and after a colon, a full stop or a dash, at least one. What comes back from a
    broken service instead of a title ("Rate limit exceeded", "Done", "Thank you!") shares no word with the article, and
    neither does what stands beside one ("As requested: …", "… – never explain yourself"). Words count as alike when
    they begin alike. Of 265 titles that people wrote for Wikinews, checked against the bodies alone, one fails, and of
    900 of the BBC's, which play with words, 6 in 100; of titles for another of these articles 3 to 5 in 100 pass.

    Titles in Thai, Lao, Burmese and Khmer, which are written without spaces between words, are not checked: None.
    """
    if 2 * len(_UNSPACED.findall(title)) > sum(map(str.isalpha, title)):
        return None
    known = {word[:_ALIKE] for word in content_words(f"{article.title} {article.body}")}
    words = content_words(title)
    told = [word for word in words if word[:_ALIKE] in known]
    if 3 * len(told) < len(words) or len(told) < (2 if article.body else 1):
        return False, f"{len(told)} of its {len(words)} content words stand in the article"
    for part in _PART.split(title) if article.body else ():
        inside = content_words(part)
        if any(map(str.isalpha, inside)) and not any(word[:_ALIKE] in known for word in inside):
            return False, f"no word of {part.strip()!r} stands in the article"
    return True, None


_UNSPACED = re.compile(r"[\u0e01-\u0e30\u0e81-\u0eb0\u1000-\u102a\u1780-\u17b3]")
_PART = re.compile(
    r"(?<!\b\w)[.!?:;|…)\]]+(?: |\Z)|(?:\A| )[(\[]|[：。！？；]| [-–—/|] |,(?= (?:because|which|so that)\b)"
)


def find_objection(title: str, original_title: str, article: Article, instructions: str) -> str | None:
    """Why this cannot be a title of the article; None when nothing speaks against it.

    `instructions` are what the model was told, by the prompt and by a leaked original title.

    Examples
    --------
    >>> article = Article("a", "Kim in Russia", "Kim arrived by train.")
    >>> find_objection("A neutral headline about Kim in Russia", article.title, article, "")
    "NotATitle: it speaks of its task: 'headline' stands nowhere in the article"
    """
    if title.rstrip().endswith((":", "：")):
        return "NotATitle: it is the label of something that did not come"
    source = f"{original_title} {article.title} {article.body}"
    if _ADDRESS.search(title) and not _ADDRESS.search(source):
        return "NotATitle: it holds an address or a hashtag, and the article none"
    if _SIGNS.search(title) and not _SIGNS.search(original_title):
        return "NotATitle: it holds signs of a list or of code"
    if is_leaked(title) or echoes(title, instructions, source=source):
        return f"PromptLeak: {PROBLEMS['PromptLeak']}"
    ours, theirs = ({word[:_ALIKE] for word in content_words(text)} for text in (instructions, source))
    borrowed = [word for word in dict.fromkeys(content_words(title)) if word[:_ALIKE] in ours - theirs]
    if len(borrowed) > 1:
        return f"PromptLeak: {' and '.join(map(repr, borrowed))} stand in the prompt and nowhere in the article"
    if (order := _ORDER.match(title)) and not _ORDER.match(original_title):
        return f"NotATitle: it gives an order: {order[0]!r}"
    if _SEVERAL.search(title) and not _SEVERAL.search(original_title):
        return "NotATitle: it is several titles"
    known = source.casefold()
    for word in _TASK.findall(title):
        if not re.search(rf"(?<!\w){re.escape(word.casefold().rstrip('s'))}", known):
            return f"NotATitle: it speaks of its task: {word!r} stands nowhere in the article"
    if _ABOUT_ITSELF.search(title) and not _ABOUT_ITSELF.search(source):
        return "NotATitle: it speaks with somebody about the title"
    if (_MACHINE.search(_QUOTATION.sub("", title)) or _JUDGED.search(title)) and not _MACHINE.search(original_title):
        return "NotATitle: a machine speaks in it"
    if _FAILED.search(title) and not _FAILED.search(original_title):
        return "NotATitle: it tells of a failure, or of an answer"
    if _RESIDUE.search(title) and not _RESIDUE.search(original_title):
        return "NotATitle: signs of code are left at its end"
    if (head := _HEAD.match(title)) and head[0] not in original_title and _is_label(head[1], source):
        return f"NotATitle: {head[1]!r} is a label, and no word of the article"
    return None


def _is_label(head: str, source: str) -> bool:
    """Whether what stands before a colon names nothing of the source: "New", "For you", but not "Kim" or "US"."""
    folded = source.casefold()
    for word in re.findall(r"\w+", head):
        lower = word.casefold()
        if lower in STOP_WORDS | _LABELS:  # "US" is a name where the article writes it so
            named = word.isupper() and len(word) > 1 and re.search(rf"\b{word}\b", source)
        else:
            named = re.search(rf"\b{lower[:_ALIKE]}" + (r"s?\b" if len(lower) < _ALIKE else ""), folded)
        if named:
            return False
    return True


_HEAD = re.compile(r"([ -9;-~]{1,40}): ")  # of ASCII: other languages have other stop words
# short words that stand before a title as its label, and in many an article as well
_LABELS = frozenset("fix key like made new now ok old one own q re said say set so top try use yours".split())
_FAILED = re.compile(
    r"\Aerror (?:generating|creating|processing|fetching|loading|retrieving|while)\b"
    r"|\A(?:unable to|failed to|cannot|can['’]t|could not|couldn['’]t)"
    r" (?:answer|assist|complete|comply|discuss|generate|handle|help|process)\b"
    r"|\Amy answer is\b|\bis my answer\b|[ ,(–—-]as (?:you )?(?:requested|asked|wished)\W*\Z"
    r"|[,(–—-] ?(?:by|for|from) (?:me|you)\W*\Z",
    re.IGNORECASE,
)
_RESIDUE = re.compile(
    r" [#{}\[\]()<>\\^~|@=_`*/–—-]+\Z|[\"']>\Z|(?<!\d) (?:\$|%[sd]?)\Z"  # signs alone, but "5 %"
    r"|##+\Z|\{\d*\}\Z|\\[nrt]\Z|\\u[\da-f]{4}|</\w*>?\Z|/>\Z|[\[(](?:end|eos|me|new|ok|old)[\])]\Z",
    re.IGNORECASE,
)
_ADDRESS = re.compile(r"https?://|\bwww\.|\b[\w-]+\.[a-z]{2,6}/\w|\w@[\w-]+\.\w|(?<!\w)#[^\W\d_]\w+", re.IGNORECASE)
_SEVERAL = re.compile(
    r" [|/] |[\"”’'] or [\"“‘']|[;,.–—-] or ?(?:[:–—-]|maybe\b)|(?<!\w)(?:A[.):] .* B[.):] |1[.):] .* 2[.):] )"
    r"|[\"”] ?[,;/] ?[\"“]\w.*[\"”]|\bwho: .*\bwh(?:at|en|ere): ",
    re.IGNORECASE,
)
_SIGNS = re.compile(r"\A[-–—=<>|*~^_/\\+]|(?:^| )(?:--|//|<-|->|=>|•|·|→|::)(?: |$)|[✅✔👍]")
# Words that a machine uses of its task, in the languages in which titles are asked for; the article may use them too.
_TASK = re.compile(
    r"\b(?:headlines?|titles?|sub-?titles?|headings?|articles?|text|passage|phrasing|wording|re-?writ\w+|re-?phras\w+"
    r"|re-?word\w+|paraphras\w+|summari[sz]\w+|shorten(?:ed|ing)?|prompts?(?= to\b|\Z)|instructions?|characters?|seo"
    r"|active voice|passive voice|click-?bait|options?|versions?|variants?|alternatives?|suggestions?|author|please"
    r"|rate limit|quota|api key|bad gateway|server error|unavailable|overloaded|credits|status code|try again|undefined"
    r"|null|could not (?:parse|process|generate)|(?:sensitive|filtered) content|content (?:filter\w*|policy|removed)"
    r"|(?:safety|usage) (?:filters?|guidelines?|polic(?:y|ies))|request timed out"
    r"|language model|ai model|chatbot|assistant|user|titel|überschrift|schlagzeile|umschreib\w+|titres?|réécri\w+"
    r"|títulos?|titular(?:es)?|reescri\w+|titoli?|titolo|riscriv\w+|manchetes?|tytuł\w*|заголов\w+|перепи(?:ши|са)\w*)\b"
    r"|标题|標題|改写|改寫|タイトル|見出し|제목",
    re.IGNORECASE,
)
_VERB = (
    r"add|answer|avoid|begin|change|compose|condense|craft|create|describe|emphasi[sz]e|ensure|explain"
    r"|focus on|generate|give|highlight|include|keep|lead with|limit|make|mention|name|omit|output|produce|provide|put"
    r"|reply|respond|return|re-?work|say|skip|start|state|stay|stick to|suggest|tell|tighten|trim|turn|use|write"
)
_ORDER = re.compile(
    rf"(?:do not|don['’]t|never) (?:{_VERB})\b|(?:please |always )?(?:{_VERB}) (?:an?|all|any|it|its|no|only|one|our"
    r"|readers|sure|that|the|this|us|what|when|where|which|who|why|how|with|words|names?|in|about|short|neutral)\b",
    re.IGNORECASE,
)
_ABOUT_ITSELF = re.compile(
    r"\b(?:the|this|that|your|my|a new|which|what) (?:title|headline)s?\b(?=.*\b(?:you|your|i|me|we)\b|.*\?)"
    r"|\b(?:you|your|i|me|we)\b.*\b(?:title|headline)s?\b",
    re.IGNORECASE,
)
_QUOTATION = re.compile(r"[“\"«„‘'].*[”\"»“’']")
_MACHINE = re.compile(
    r"\A(?:(?i:sorry|unfortunately|apologies|regrettably|sure|certainly|absolutely|of course|okay|alright|done|got it"
    r"|as requested|as asked|here you go|how about|no problem|understood|happy to|glad to)\b|I\b|I['’]\w+"
    r"|(?i:first|now|so|in summary), |(?i:here['’]s one|try(?: this)?|tl;?dr)\b ?:?)"
    r"|[.!?:;–—-] (?:I|We) \w+|(?i:\byou\b.*\b(?:exceeded|requested?|asked|provided|wanted)\b|\bdo you mean\b)"
)
_JUDGED = re.compile(r"[”\"'’] (?:works|reads|fits|is (?:short|better|best|neutral|an?))\b.{0,30}\Z")
