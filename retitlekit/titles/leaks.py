"""Leaks: pieces of prompt, template or chatbot talk in a text that readers are to see.

Two kinds of sign are looked for. Residue is recognised by its marks, wherever it stands: brackets of plugin tags,
braces of templates. Speech is recognised by its words, and only where a sentence begins, so that an article may quote
a chatbot ("'I can't rewrite this title,' it said") without being taken for one.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

LEAKS = {
    "shortcode": "a tag of a publishing plugin: [gpt3], [/gpt4], [openai_gpt model=…]",
    "variable": "a variable that was never filled: [original_title], %%title%%, {title}",
    "template": "template code: {{ title }}, {% if %}, {one|two}, the head of a prompt file",
    "placeholder": "a gap the model left: [insert title], [your city]",
    "token": "a control token or thinking tag of a chat format",
    "prompt": "the instruction itself: “Rewrite this title: …”",
    "refusal": "the model refuses, apologises, or asks for the article",
    "talk": "the model talks to its user: “Let me know if you …”",
    "error": "a service answered with an error: “Rate limit reached for …”",
}
"""Every kind of `Leak`: kind and meaning."""


@dataclass(frozen=True, slots=True)
class Leak:
    """One leak: `kind` is a key of `LEAKS`, and ``text == whole[start:end]``."""

    kind: str
    start: int
    end: int
    text: str


def find_leaks(text: str) -> tuple[Leak, ...]:
    """Find prompt and chatbot residue anywhere in a text, such as a published page.

    Parameters
    ----------
    text : str

    Returns
    -------
    tuple of Leak
        In the order of the text; none overlaps another. Ordinary words in brackets ("[sic]", "[video]", "[Updated]")
        are no leaks, and neither is what stands in quotation marks.

    Examples
    --------
    >>> [(leak.kind, leak.text) for leak in find_leaks("[gpt3] Rewrite this title: Kim in Russia [/gpt4]")]
    [('shortcode', '[gpt3]'), ('prompt', 'Rewrite this title:'), ('shortcode', '[/gpt4]')]
    >>> find_leaks("Minister resigns [video]")
    ()
    """
    found = []
    if _MARK.search(text) or text.startswith("---"):
        found = [(m.start(), m.end(), kind) for kind, pattern in _RESIDUE for m in pattern.finditer(text)]
    for start in (0, *(end.end() for end in _SENTENCE_END.finditer(text))):
        if said := _SPEECH.match(text, start):
            found.append((start, said.end(), str(said.lastgroup)))
    leaks: list[Leak] = []
    for start, end, kind in sorted(found, key=lambda span: (span[0], -span[1])):
        if not leaks or start >= leaks[-1].end:
            leaks.append(Leak(kind, start, end, text[start:end]))
    return tuple(leaks)


def echoes(title: str, instructions: str, *, source: str = "") -> bool:
    """Whether four words in a row (eight signs, in Chinese or Japanese) of a title stand in the instructions.

    Case and punctuation do not count. `instructions` is the prompt without the article's own words; what stands in
    `source`, the article, is no echo.

    Examples
    --------
    >>> echoes("Keep it Under 60 Characters", "Rewrite the title; keep it under 60 characters.")
    True
    """
    words = _words(title)
    size = 8 if sum(len(word) == 1 for word in words) * 2 > len(words) else 4
    common = _phrases(instructions, size).intersection(zip(*(words[i:] for i in range(size)), strict=False))
    return bool(common) and not (source and common <= _phrases(source, size))


def content_words(text: str) -> list[str]:
    """The words of a text that carry what it is about, folded: long ones, abbreviations, figures; signs one by one."""
    found = [
        word for word in _WORD.findall(text) if len(word) > 3 or word.isupper() or word.isdigit() or word >= "\u2e80"
    ]
    return [folded for word in found if (folded := word.casefold()) not in _IDLE]


_IDLE = frozenset(
    "about after also been before being from have having here into just like made make more most much only other over "
    "said says some such than that their them then there these they this those through very were what when where which "
    "while will with would could should your yours i a".split()
)


def _words(text: str) -> list[str]:
    return [word.casefold() for word in _WORD.findall(text)]


@lru_cache(maxsize=256)
def _phrases(text: str, size: int) -> frozenset[tuple[str, ...]]:
    words = _words(text)
    return frozenset(zip(*(words[i:] for i in range(size)), strict=False))


CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Signs of scripts without spaces, as a range for patterns."""

# vowel signs, accents and joiners stand inside words, and are no letters to a pattern
_MARKS = "\u200c\u200d" + "".join(
    sign for sign in map(chr, range(0x300, 0x2000)) if unicodedata.category(sign)[0] == "M"
)
_LETTERS = rf"[^\W_{CJK}]+(?:[{_MARKS}][^\W_{CJK}]*)*"
_WORD = re.compile(rf"[{CJK}]|{_LETTERS}(?:['’-]{_LETTERS})*")

# ---- residue

_NAMES = r"title|headline|content|excerpt|keywords?|author|article|body"
_MARK = re.compile(r"[\[{%<$]")
_RESIDUE = tuple(
    (kind, re.compile(pattern, re.IGNORECASE))
    for kind, pattern in {
        # [gpt3] of ValvePress, [openai_gpt model="…"] of CyberSEO, [openai-gpt] of WP Content Crawler; any closing tag
        "shortcode": r"\[ ?/? ?(?:[a-z]+[ _-]?)?gpt(?:[ _-]?\d[\w.]*(?:-\w+)*)?(?::[\w.-]+)?"
        r"(?: [^\[\]\n]{0,200}=[^\[\]\n]{0,200})? ?\]|\[/[a-z][\w-]{0,40}\]"
        r"|\[[a-z][\w-]{0,40} [\w-]{1,40} ?= ?[\"'“”][^\[\]\n]{0,200}\]",
        # [original_title] of ValvePress, [#item_title] of Feedzy, %%title%% of Aiomatic; formats of Python, JavaScript
        "variable": rf"\[#?[a-z][a-z0-9]*(?:_[a-z0-9]+)+\]|\[#[a-z]\w*\]|(?-i:\[(?:{_NAMES})\]|%(?:{_NAMES})%)"
        rf"|%%\w{{2,40}}%%|\{{(?:{_NAMES}|lead|source|url|topic|text|language|[a-z]+(?:_[a-z0-9]+)+)\}}"
        r"|\$\{\w{1,40}\}",
        "template": r"\{\{[^{}\n]{0,200}\}\}|\{\{ ?[\w.]+|\{%[^%\n]{0,200}%\}|<%[^%\n]{0,200}%>|<<<\s?dotprompt"
        r"|\{[^{}|\n]{1,40}(?:\|[^{}|\n]{1,40})+\}|\A---\n(?:model|temperature|input|metadata) ?:",
        "placeholder": r"\[(?:insert|your|enter) [^\[\]\n]{1,60}\]",
        "token": r"<\|[\w ]{1,40}\|?>|</?think(?:ing)?>|</s>|(?-i:\[/?INST\]|<</?SYS>>)",
        "error": r"\[object Object\]",
        "prompt": r"</title>\s{0,5}<(?:article|lead)>|</?lead>",  # the fences round the article in our own prompts
    }.items()
)

# ---- speech

_SENTENCE_END = re.compile(r"[\n.!?:\])}>][ *#>]{0,8}(?<![.!?:\])}])")
_MATERIAL = r"(?:titles?|headlines?|requests?|prompts?|articles?|content|text|links?|urls?|task)"
_CANNOT = (
    r"i ?(?:can(?:not| not|['’]?t)|could(?: not|n['’]t)|won['’]t|(?:am|['’]m) (?:unable|not able|not allowed)|do(?: not"
    r"|n['’]t) (?:have|see)|did(?: not|n['’]t) (?:receive|see)|need (?:the|more|to see)|was(?: not|n['’]t) able)"
)
_AS_AI = (
    r"as an? (?:(?:ai|artificial|large|language|digital|virtual)[ -]?){1,3}(?:model|assistant|chatbot|intelligence)?"
)
_SORRY = r"(?:(?:i['’]m|i am) (?:\w+ )?(?:sorry|afraid)|sorry|(?:my )?apologies|i apologi[sz]e|unfortunately)\b"
# "I'm sorry but I can't see the article" is a refusal, "I can't accept the article, says May" a title
_UNATTRIBUTED = r"(?!.{0,200}[,’'”\"](?: \w+){0,3} (?:say|said|tell|told|admit|insist|claim|warn|ask|wr[io]te)s?\b)"
_PROMPT = (
    r"(?:please )?(?:re-?write|rephrase|paraphrase|reword|summari[sz]e|translate|shorten|improve) (?:this|these|my"
    rf"|(?:the )?following|the(?: given| above| below| original)?) (?:\w+ ){{0,2}}?{_MATERIAL}\b(?:(?:,? (?:in|to|for"
    r"|so|as|using|with|below|and|into|from) [^\n:]{0,80})?:|[^\n:]{0,40}? (?:in other words|as is|(?:in"
    r"|to) \d+ words))",
    r"(?:suggest|generate|write|create|give me) (?:[\w-]+ ){0,4}?(?:titles?|headlines?) (?:for|about) [^\n:]{0,80}:",
    r"you are (?:an?|the) [^.\n]{0,80}?(?:journalist|editor|writer|headline|assistant|expert)[^.\n]{0,60}[.,] (?:you"
    r"|your|please|re-?write|write|act)\b",
    r"you are an? [^.\n]{0,80}?\b(?:assistant|bot|model|editor|writer|journalist)\b[^.\n]{0,20} (?:that|who)"
    r" (?:re-?writes?|writes?|generates?|creates?|rephrases?)\b",
    r"(?:output|return|(?:reply|respond|answer) with|give me|provide) (?:only|just|nothing but) (?:the|one|an?)"
    r" (?:[\w-]+ ){0,2}?(?:titles?|headlines?)\b",
    r"act as an? [^.\n]{0,60}?(?:journalist|editor|writer)\b|your task is to (?:re-?write|write|generate|create)\b",
    r"\A(?:user|system) ?: |\A#{1,4} ?(?:instructions?|system|user)\b",
)
_ASKING = r"(?:please |can you |could you |kindly )?"
_REWRITE = r"(?:re-?write|rephrase|paraphrase|reword|reformulate|simplify)"
_ORDERS = (
    r"schreib(?:en? sie|e)?|formulier(?:en sie|e)?|erstell(?:en sie|e)?|verfass(?:en sie|e)?|kürz(?:en sie|e)|übersetz"
    r"(?:en sie|e)|überarbeite|ré[eé]cri(?:s|vez)|reformule[rz]?|rédige[rz]?|écri(?:s|vez)|crée[rz]?|génère|générez"
    r"|traduis|traduisez|résume[rz]?|raccourci(?:s|ssez)|propose[rz]?|reescrib[ea]|reformul[ea]|escrib[ea]|cre[ae]|crie"
    r"|gener[ae]|acort[ae]|traduc[ei]|traduzca|traduza|resume|resuma|reescrev[ae]|escrev[ae]|ger[ea]|riscriv(?:i|ete)"
    r"|scriv(?:i|ete)|riassum(?:i|ete)|accorcia|przepisz|napisz|przeredaguj|stwórz|skróć|przetłumacz|herschrijf|schrijf"
    r"|maak|vertaal|skriv(?: om)?|omformulera|skapa|förkorta|omskriv"
)
_THINGS = (
    r"titel|überschrift|schlagzeile|titres?|títulos?|titular(?:es)?|titoli|titolo|manchetes?|tytuł\w*|nagłów\w+|kop"
    r"|rubrik(?:en)?|overskrift(?:en)?|tittel(?:en)?|artikel|article|artículo|artigo|articolo|text[eo]?|testo"
)
_THIS = (
    r"(?:den|die|das|dem|der) folgenden?|folgenden?|diese[nmrs]?|suivant|cet?|cette|siguiente|este|esta|seguinte"
    r"|seguente|questo|questa|poniższ\w+|tego|tę|volgende|dit|deze|följande|den här|følgende"
)
_ROLES = (
    r"du bist (?:ein|eine)|sie sind (?:ein|eine)|handle als|tu es une?|vous êtes une?|agis comme|act[úu]a como"
    r"|eres una?|você é uma?|atue como|aja como|sei un[ao]?|agisci come|ты|вы|jesteś|je bent een|du är en|sen bir"
)
_BARE_PROMPT = (  # what is left on a page when a plugin's call fails: the instruction and the old title
    rf"{_ASKING}(?:{_REWRITE}|shorten|change|improve|translate|summari[sz]e) (?:this|the (?:following|given|above))"
    r"(?: [\w-]+){0,2}? (?:titles?|headlines?)\b",
    rf"{_ASKING}{_REWRITE} (?:(?:this|these|the|my|following|given|news|article|blog) ){{0,3}}(?:titles?|headlines?"
    r"|articles?|text|posts?)\b(?: (?:in|to|for|so|as|using|with|into|below|between|from|of)\b[^:\n.]{0,80})?:",
    rf"{_REWRITE} (?:(?:this|it|the following) ?)?(?:in [^:\n.]{{0,40}}\bwords)?:",
    r"(?:make|turn) (?:this|the following) (?:\w+ )?(?:title|headline|article|text)s?"
    r" (?:shorter|longer|better|more|less|into|sound)\b[^:\n.]{0,80}:",
    r"(?:give me|write|suggest|generate|create|provide|craft)(?: me)? (?:[\w-]+,? ){0,5}?(?:titles?|headlines?|version)"
    r"(?:, [^:\n]{0,40},)? (?:for|from|based on|of)(?: (?:this|the)(?: following)?(?: news)?(?: (?:article|story|title"
    r"|headline|text|post))?)?(?: below)?:",
    r"as an? [^.,:\n]{0,60}?(?:journalist|editor|writer|copywriter|expert)[^.,:\n]{0,20}, (?:please )?(?:re-?write"
    r"|rephrase|summari[sz]e|generate) ",
    r"(?:given|use|using) the (?:following|above) (?:\w+ )?(?:titles?|headlines?|articles?|text|content)\b[^\n]{0,60}?"
    r"\b(?:re-?write|write|create|generate)\b|i will give you an? (?:\w+ )?(?:title|headline|article|text)\b",
    r"i want you to act as an? [^.\n]{0,60}?(?:journalist|editor|writer|copywriter)\b",
    r"you['’]re an? [^.\n]{0,60}?(?:journalist|editor|copywriter|writer|assistant)[^.\n]{0,40}[.,:] (?:your task"
    r"|re-?write|write|generate|summari[sz]e|you (?:are|will|must|should)) ",
    r"(?:using|based on) (?:the|this) (?:article|text|content|story)[^:.\n]{0,40}, (?:write|create|generate|suggest)"
    r" [^:\n]{0,60}?(?:title|headline)",
    # an order, what it is about, and a colon or "the following"; the same in other languages
    rf"(?:{_ORDERS}) (?:[\w’'-]+,? ){{0,7}}?(?:{_THINGS})\b(?:[^:：\n]{{0,80}}[:：]|[^:：.\n]{{0,60}}\b(?:{_THIS})"
    r" (?:[\w’'-]+ ){0,2}?(?:artikel|article|artículo|artigo|articolo|texte?|texto|testo|nachricht|noticia|notícia"
    r"|notizia|nieuwsbericht|artykuł\w*|tekst\w*|haber\w*|metni?)\b)",
    rf"(?:{_ROLES}) [^.\n]{{0,60}}?(?:journalist|redakt|réda|redac|editor|giornalist|periodist|jornalist|журналист|ре"
    rf"дактор|dziennikar|gazeteci|editör|seo)\w*[^\n]{{0,60}}?\b(?:{_THINGS}|{_ORDERS})",
    r"(?:перепиши|перефразируй|напиши|придумай|создай|сократи|переведи|сгенерируй)(?:те)? (?:\w+ ){0,4}?(?:заголов\w+"
    r"|текст|стать\w+)[^:\n]{0,60}:",
    r"请?(?:改写|重写|改寫|重寫|翻译|翻譯|缩短|優化|优化)(?:以下|这个|這個|下面的?|这篇)?(?:新闻|新聞)?(?:标题|標題|文章)[^:：\n]{0,30}[:：]"
    r"|(?:请|請)?(?:为|為|根据|根據|给|給)(?:下面|以下|这篇|這篇)[^:：\n]{0,30}(?:写|寫|生成|拟|想)[^:：\n]{0,20}(?:标题|標題)"
    r"|(?:次|以下)の(?:\w{0,6}(?:タイトル|見出し)を(?:書き直|書き換え|言い換え|短く|要約|翻訳)|(?:記事|文章)\w{0,12}(?:タイトル|見出し)を)"
    r"|다음 (?:기사|뉴스)?(?:의 )?(?:제목|기사)[을를]? ?(?:\w+ )?(?:다시|바꿔|작성|요약|번역)",
)
_REFUSAL = (  # phrases by which watchdogs find sites that machines fill, and their kin
    rf"{_SORRY}[ ,.;:!—–-]{{0,4}}(?:but |however,? |that )?(?:{_AS_AI},? )?(?:{_CANNOT}|there (?:is|was) no\b"
    rf"|no {_MATERIAL}|(?:the|your|this) {_MATERIAL}\b|it (?:looks|seems|appears)){_UNATTRIBUTED}",
    rf"{_AS_AI},? (?:{_CANNOT}|i (?:do not|don['’]t|must|am)\b|i['’]m\b)",
    rf"{_CANNOT}(?: to)? (?:\w+ ){{0,2}}?(?:assist|comply|complete|fulfil+|process|help(?: you)?)(?: with)?(?: (?:this"
    rf"|that|your|it|such) ?(?:{_MATERIAL}|[.,;!]|\Z)|[.!]?\Z){_UNATTRIBUTED}",
    rf"{_CANNOT}(?: to)? (?:\w+ ){{0,2}}?(?:re-?write|re-?phrase|generate|create|provide|write|produce|access|open"
    rf"|browse|view|see|read|summari[sz]e|suggest|find|any|an?|the|enough)\b[^.\n]{{0,50}}\b(?:{_MATERIAL}|information"
    rf"|context)\b{_UNATTRIBUTED}",
    rf"{_CANNOT} (?:\w+ |real-time )?access to\b{_UNATTRIBUTED}",
    rf"{_CANNOT}(?: to)? discuss (?:this|that|these|such) (?:topic|subject|matter|issue)s?\b{_UNATTRIBUTED}",
    r"i(?:['’]m| am) (?:just |only )?an? (?:ai (?:language model|assistant|model)|(?:large )?language model)",
    r"(?:(?:sure|of course|certainly)[,!.]? )?(?:please|could you|can you|kindly) (?:please )?(?:provide|share|paste"
    rf"|send|supply|give me) (?:me |us )?(?:with )?(?:the|your|an?|more|some)\b[^\n]{{0,40}}\b(?:{_MATERIAL}|details"
    r"|information|context)\b",
    r"it (?:looks|seems|appears) (?:like |that |as (?:if|though) )?(?:you(?:['’]ve)? (?:have(?:n['’]t| not)"
    rf"|did(?:n['’]t| not)|forgot|only)|(?:the|your) (?:\w+ )?(?:{_MATERIAL}|message) (?:is|was|has|did|got|you)"
    rf"|there(?: is|['’]s) no {_MATERIAL})",
    rf"(?:there (?:is|was) )?no (?:\w+ )?{_MATERIAL} (?:was |were |is )?(?:provided|given|included|to re-?write)",
    r"my (?:\w+ )?(?:\w+ )?cut-?off (?:date|is|of|in)\b|my training data|as of my (?:last|latest|most recent)"
    r" (?:\w+ )?(?:update|training|cut-?off)|(?:this|that|the|your) (?:content|request|prompt) (?:may |might |could )?"
    r"(?:violates?|goes against|breaches) (?:our|the|my|openai)|i (?:must|have to) (?:respectfully |politely )?decline"
    r" (?:to|this|that|your)\b",
    # the same in other languages, where a sentence of the assistant about itself is told by its "I"
    r"es tut mir leid, (?:aber )?(?:ich kann|als)|als (?:ki|künstliche)\b[^,\n]{0,40} kann ich|ich kann diese[nr]?"
    r" (?:titel|text|anfrage|überschrift|artikel)[^\n]{0,40}\bnicht|bitte (?:geben|teilen|senden) sie",
    r"(?:je suis )?désolée?, (?:mais )?je ne (?:peux|suis|dispose)|je ne peux pas (?:ré|vous aider|t['’]aider|cré|gén"
    r"|acc)|en tant qu['’]?(?:ia\b|intelligence|(?:e )?modèle|assistant)[^\n]{0,40}, je\b|veuillez (?:fournir|me )",
    r"lo siento, (?:pero )?no puedo|no puedo (?:reescribir|ayudarte|ayudar con|completar est|generar|acceder)"
    r"|como (?:un )?(?:modelo de (?:lenguaje|linguagem)|ia,)|por favor,? (?:proporcion|comp[aá]rt)",
    r"(?:desculpe|sinto muito|lamento), (?:mas )?(?:eu )?não posso|mi dispiace, (?:ma )?non posso"
    r"|come modello linguistico,",
    r"(?:извините|простите|к сожалению), (?:но )?я не (?:могу|имею)|я не могу (?:перепис|выполн|помочь с|созда"
    r"|предостав)|как (?:языковая модель|ии|искусственный интеллект)[^\n]{0,20}, я\b|пожалуйста, (?:предостав|пришлите"
    r"|укажите)",
    r"(?:很|非常)?(?:抱歉|对不起|對不起)[，,。！ ]{0,2}(?:但是?)?(?:我(?:无法|無法|不能|没有)|无法|作为|作為)"
    r"|作为(?:一个|一款)?(?:ai|人工智能|大?语言模型)[^，,\n]{0,9}[，,] ?我|我(?:无法|無法|不能)(?:提供|改写|協助|协助"
    r"|满足|完成|访问)|请(?:您)?提供(?:原|文章|标题|内容)",
    r"przepraszam,? (?:ale )?nie (?:mogę|jestem)|jako model językowy|het spijt me,? (?:maar )?ik kan|als taalmodel"
    r"|tyvärr kan jag inte|üzgünüm,? (?:ama )?(?:bu|size)\b|bir (?:yapay zeka|dil) modeli olarak",
    r"申し訳(?:ありません|ございません)(?:が|。|、)|言語モデルとして、|すみませんが|죄송(?:합니다|하지만)"
    r"|언어 모델로서",
    r"(?:het )?spijt me,? (?:maar )?ik kan|tyvärr kan jag inte|jag kan tyvärr inte|przepraszam, (?:ale )?nie mogę"
    r"|üzgünüm,? (?:ama |ancak )?(?:bu(?:nu)? |yardımcı|başlığ)"
    r"|(?:عذر[ًا]{1,2}|آسف|أعتذر)[،,. ]{1,3}(?:لكن |لكنني )?(?:لا (?:أستطيع|يمكنني)|ليس)"
    r"|(?:क्षमा करें|माफ़? ?करें|मुझे खेद है)[, ]{1,3}(?:लेकिन |कि )?मैं",
)
_TALK = (
    r"(?:sure|certainly|of course|absolutely)[!,.] (?:here|i(?:['’](?:d|ll|ve)| can| will| would)\b)|let me know if you"
    r"|feel free to (?:ask|adjust|modify)|i hope this helps|why this (?:title |headline )?works|here(?:['’]s| is| are)"
    r" (?:\w+ ){0,2}(?:re-?written|revised|suggested|optimi[sz]ed|improved|possible) (?:\w+ )?(?:title|headline)s?\b"
    r"|would you like me to\b|(?:note: )?i(?:['’]ve| have)? (?:re-?wrote|re-?written|rephrased|shortened|revised|kept)"
    r" (?:the|this|your) (?:title|headline)"
    r"|(?:how|what) can i (?:help|assist) you\b|(?:wie|womit) kann ich (?:ihnen|dir) helfen|hoe kan ik (?:je|u)\b"
    r"[^\n?]{0,20} helpen|comment puis-je vous aider|(?:en )?(?:qué|cómo) puedo ayudarte|come posso aiutarti"
    r"|como posso (?:te )?ajudar|чем (?:я )?могу (?:вам )?помочь|有什么可以帮"
)
_FAULT = (
    r"rate limit(?: exceeded| reached)?|too many requests|service (?:is )?(?:temporarily )?unavailable|bad gateway"
    r"|internal server error|gateway time-?out|connection (?:error|timed out)"
    r"|request (?:could not be processed|timed out|failed)"
    r"|(?:servers?|service|(?:language )?model) (?:is|are) (?:currently )?(?:overloaded|unavailable)[^.]{0,40}"
)
_ONLY_AN_ERROR = (  # the whole of a text: "Error 503: the service is unavailable. Please try again later."
    rf"\A(?:(?:api |server |http )?error(?: message| \d+)?[:,]? )?(?:\d{{3}} )?(?:(?:the|your|this|that) )?(?:{_FAULT})"
    r"[.,!]?(?: (?:please )?(?:try|retry)[^.]{0,30}[.!]?)?\Z"
)
_ERROR = (
    r"this model['’]s maximum context length|(?:you )?(?:have )?exceeded your current quota|incorrect api key provided"
    r"|rate limit reached for|error code: [45]\d\d\b|error: (?:[45]\d\d\b|rate limit|insufficient)|the server had an"
    rf" error while processing|\A(?:undefined|null|nan|none)\Z|{_ONLY_AN_ERROR}"
)
_SPEECH = re.compile(
    rf"(?P<prompt>{'|'.join((*_PROMPT, *_BARE_PROMPT))})|(?P<refusal>{'|'.join(_REFUSAL)})|(?P<talk>{_TALK})"
    rf"|(?P<error>{_ERROR})",
    re.IGNORECASE,
)
