"""Gates: what a title must be, each a plain function that says yes or no, and why not.

`scorers` offers them all; `rk.scorers.DEFAULT` names those that are right for every desk. The rates of false alarms are
measured on the titles that people wrote for 265 Wikinews articles, checked against the bodies alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypedDict

from rapidfuzz.distance import Levenshtein

from retitlekit.articles import Article
from retitlekit.claims.events import untold_events
from retitlekit.claims.figures import kept_numbers, number_claims
from retitlekit.claims.names import kept_names, name_claims
from retitlekit.claims.qualifiers import lost_qualifiers
from retitlekit.errors import FrameError
from retitlekit.language.casing import casing_faults
from retitlekit.language.grammar import is_torn_from
from retitlekit.language.languages import is_in_language
from retitlekit.language.words import sounds_english
from retitlekit.scorers.widths import CHANNELS, Limit, em_width
from retitlekit.titles import extract_title
from retitlekit.titles.leaks import echoes, find_leaks

Reasoned = tuple[bool, str | None]

GOOGLE_EM = 29.6  # what Google's desktop results show of a title before they cut it: about 650 px at 22 px
NEAR_COPY = 0.75  # Levenshtein similarity; of two professional headlines for one story, one pair in ten is above .77
NO_TITLE = "–"  # an Article has a title; this one claims and supports nothing
_SIGNS = re.compile(r"[^\W_]+")

# ------------------------------------------------------------------------------------------------- the title's form


_STAND_IN = re.compile(
    r"\W*(?:(?:(?:the|an?|your|my|our|this|new|no|original|rewritten|suggested|generated|possible|insert|enter|news"
    r"|article) )*(?:titles?|headlines?)(?: (?:text|goes|here|rewritten|not found|unavailable))*|untitled(?: \w+)?|none"
    r"|null|nil|nan|undefined|unknown|n/?a|todo|tbd|(?:an? )?(?:unknown |server )?error(?: occurred)?"
    r"|(?:error )?(?:\d{3} )?(?:internal server error|bad gateway|service unavailable|gateway time-?out|bad request"
    r"|too many requests|rate limit exceeded|request timed out))\W*",
    re.IGNORECASE,
)


def has_title(title: str | None = None, error_type: str | None = None) -> Reasoned:
    """The completion holds a title: it is no refusal, not empty, not cut off, no "Untitled" and no "Bad Gateway".

    No false alarms.
    """
    if title is None:
        return False, error_type
    found = _STAND_IN.fullmatch(title)
    return not found, "it stands in for a title" if found else None


def clean(title: str, repairs: str | None = None) -> Reasoned:
    """The title needed no repair: no label, quotes, Markdown or explanation around it. Blank space does not count.

    A prompt whose titles need repairs is worse than one whose titles do not. Where the frame tells no `repairs`, the
    title itself must be one that `extract_title` would not touch. No false alarms.
    """
    if repairs is None:
        found = extract_title(title)
        made: Sequence[str] = found.repairs if found.title is not None else [found.problem or ""]
    else:
        made = repairs.split(",")
    told = [repair for repair in made if repair not in ("", "whitespace")]
    return not told, f"repaired: {','.join(told)}" if told else None


_BREAK = re.compile(r"[\n\r\v\f\u2028\u2029]")


def one_line(title: str) -> bool:
    """The title is one line. No false alarms."""
    return not _BREAK.search(title)


# Entities; UTF-8 read as Latin-1; what no reader sees; letters struck through, heaped with marks, or drawn as symbols.
_UNREADABLE = re.compile(
    r"&(?:[a-z]{2,8}|#\d{2,5}|#x[0-9a-f]{2,5});|[ÃÂ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œžŸ]|â€.|ï¿½|\ufffd"
    r"|[\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ue000-\uf8ff\ufeff]"
    r"|[\u0334-\u0338]|[\u0300-\u036f]{3}|[\u249c-\u24e9\U0001d400-\U0001d7ff\U0001f110-\U0001f189]",
    re.IGNORECASE,
)


def readable(title: str) -> Reasoned:
    """The title has no HTML entity, no broken encoding ("â€™"), no invisible sign and no letters made of symbols.

    No false alarms.
    """
    found = _UNREADABLE.search(title)
    return not found, f"{found[0]!r}" if found else None


_HANGS = re.compile(
    r"\b(?:an?|the|and|or|but|of|from|into|than|that|which|who|whose|because|while)\W*\Z|(?:…|\.\.\.)\W*\Z",
    re.IGNORECASE,
)
_CUTS = ("length", "max_tokens")
_BRACKETS = "()", "[]", "“”", "«»", "「」", "„“"
_GERMAN_QUOTES = re.compile(r"„([^“”„]*)[“”]")


def whole(title: str, article: Article, finish_reason: str | None = None) -> Reasoned:
    """The title does not break off: no ellipsis or hanging word at its end, no quote or bracket left open.

    Nor did the model stop at its limit, nor is an English sentence of the article cut between its verb and the object
    or goal ("Kim crossed", where the article has only "Kim crossed into Russia"). No false alarms.
    """
    if finish_reason in _CUTS:
        return False, f"finish_reason {finish_reason!r}"
    found = _HANGS.search(title)
    if found and (found[0].casefold() != "an" or sounds_english(title)):  # German verbs end in "an"
        return False, f"ends in {found[0]!r}"
    title = _GERMAN_QUOTES.sub(r"\1", title)  # their closing sign is an opening one elsewhere
    left_open = [pair for pair in _BRACKETS if title.count(pair[0]) > title.count(pair[1])]
    if left_open:
        return False, f"{left_open[0][0]} is not closed"
    lacks = _cut_behind_verb(title, article.body)
    return not lacks, f"the article goes on: {lacks!r}" if lacks else None


_GOES_ON = r"(?:the|an?|its|his|her|their|into|onto) \w+"


def _cut_behind_verb(title: str, body: str) -> str | None:
    """What the article always has where the title ends in a verb, from the word before it; None when all is well."""
    last = title.split()[-2:]
    if len(last) < 2 or not is_torn_from(last[1]) or not last[1].isalpha() or not sounds_english(body):
        return None
    places = rf"\b{re.escape(' '.join(last))}\b"
    goes_on = [found[0] for found in re.finditer(rf"{places} {_GOES_ON}", body, re.IGNORECASE)]
    return goes_on[0] if goes_on and len(goes_on) == len(re.findall(places, body, re.IGNORECASE)) else None


class Leaks(TypedDict):
    """What `leaks` tells."""

    no_residue: bool
    why_no_residue: str | None
    no_talk: bool
    why_no_talk: str | None


def leaks(title: str) -> Leaks:
    """Two gates: `no_residue` of prompt, template or plugin tags, and `no_talk` of a chatbot, refusals included.

    See `retitlekit.titles.leaks.find_leaks` and its `LEAKS`. What NewsGuard found sites by that machines fill ("As
    an AI model I cannot rewrite this title") is talk. No false alarms.
    """
    found = find_leaks(title)
    talk = [leak for leak in found if leak.kind in ("refusal", "talk")]
    residue = [leak for leak in found if leak.kind not in ("refusal", "talk")]
    return {
        "no_residue": not residue,
        "why_no_residue": f"{residue[0].kind}: {residue[0].text}" if residue else None,
        "no_talk": not talk,
        "why_no_talk": f"{talk[0].kind}: {talk[0].text}" if talk else None,
    }


def no_echo(title: str, article: Article, messages: list[Mapping[str, Any]] | None = None) -> bool | None:
    """The title repeats no four words of the instructions (eight signs, in Chinese or Japanese).

    What the article says too is no echo. Does not apply without `messages`. No false alarms with the shipped prompts.
    """
    if not messages:
        return None
    return not echoes(title, _instructions(messages, article), source=f"{article.title}\n{article.body}")


def length(title: str, *, channel: str = "page") -> Reasoned:
    """The title fits a channel of `retitlekit.scorers.widths.CHANNELS`: by default the head of a page, 110 characters.

    Newsrooms ask for 80 to 100 characters there; a completion that goes on is no title. Narrower channels are a choice:
    ``partial(rk.scorers.length, channel="push")``, or `fits()` for several. No false alarms.
    """
    problem = _channel(channel).problem(title)
    return problem is None, problem


def width(title: str, *, em: float = GOOGLE_EM) -> Reasoned:
    """The title is at most `em` wide, set in Arial, so that it is not cut in search results.

    Google gives no number; 29.6 em is 652 px at 22 px, as measured, and the 592 px at 20 px of older advice. Of titles
    that people wrote 22 % are wider: this is a channel's limit, not a fault.
    """
    wide = em_width(title)
    return wide <= em, None if wide <= em else f"{wide:.1f} em, {wide - em:.1f} too wide"


def fits(*channels: str) -> Callable[[str], dict[str, bool | str | None]]:
    """Make a scorer with one gate for each channel: `fits_push`, `fits_newsletter` and so on.

    Parameters
    ----------
    *channels : str
        Keys of `retitlekit.scorers.widths.CHANNELS`: "google", "characters", "words", "page", "home", "social", "push",
        "newsletter".

    Returns
    -------
    scorer

    Raises
    ------
    FrameError
        When a channel is unknown.

    Examples
    --------
    >>> fits("push")("Kim arrives in Russia as Washington warns against arms deal")
    {'fits_push': False, 'why_fits_push': '59 characters, 9 too many'}
    """
    limits = {name: _channel(name) for name in channels}

    def fits(title: str) -> dict[str, bool | str | None]:
        told: dict[str, bool | str | None] = {}
        for name, limit in limits.items():
            problem = limit.problem(title)
            told |= {f"fits_{name}": problem is None, f"why_fits_{name}": problem}
        return told

    fits.__annotations__["return"] = TypedDict(  # type: ignore[operator] # its names are known only now
        "Fits", {key: kind for name in channels for key, kind in ((f"fits_{name}", bool), (f"why_fits_{name}", str))}
    )
    return fits


def _channel(name: str) -> Limit:
    if name not in CHANNELS:
        raise FrameError(f"channel {name!r} is unknown: use one of {', '.join(CHANNELS)}")
    return CHANNELS[name]


def casing(title: str, article: Article, *, style: str = "sentence") -> Reasoned | None:
    """The title has the capitals of a house style: "sentence", "ap" or "nyt"; see `retitlekit.language.casing`.

    What the article writes with a capital inside its sentences is a name in every style: "US" stays "US". Of Wikinews
    titles, which are meant to be in sentence case, 6 % are not. Does not apply to German, to scripts without case,
    and without a body. Choose a style with ``partial(rk.scorers.casing, style="ap")``.
    """
    faults = casing_faults(title, style, article.body)
    return None if faults is None else (not faults, f"in {style} style: {', '.join(faults)}" if faults else None)


# ---------------------------------------------------------------------------------------------------- what it says


def rewritten(title: str, original_title: str) -> Reasoned:
    """The title is neither the original in other case, punctuation or spacing, nor nearly it.

    Nearly: a normalised Levenshtein similarity of .75 or more. Of 2,052 pairs of headlines that professionals wrote for
    one story (Upworthy archive, Matias et al. 2021) 90 % are below .77; unrelated ones are mostly below .3.
    """
    if folded(title) == folded(original_title):
        return False, "the original title"
    alike = Levenshtein.normalized_similarity(folded(title), folded(original_title))
    return alike < NEAR_COPY, None if alike < NEAR_COPY else f"{alike:.0%} the original title"


def language(title: str, article: Article) -> Reasoned | None:
    """The title is in the article's language; see `retitlekit.language.languages.is_in_language`.

    The article says its `language`, or its body does (Lui and Baldwin 2012). No false alarms, in Title Case and in
    capitals neither; of 56 translations into 16 languages none came through. Short titles of names alone pass.
    """
    found = is_in_language(title, article.body or own_title(article), article.language)
    return None if found is None else (found[0], None if found[0] else f"looks like {found[1]!r}")


class Numbers(TypedDict):
    """What `numbers` tells."""

    numbers: bool
    why_numbers: str | None
    numbers_kept: int
    numbers_dropped: int
    why_numbers_dropped: str | None
    numbers_invented: int


def numbers(title: str, article: Article) -> Numbers | None:
    """One gate: the article gives every number of the title; see `retitlekit.claims.figures.number_claims`.

    Three scores: how many numbers of the original title are `numbers_kept` and `numbers_dropped`, which is information
    (neither more nor less is better), and how many are `numbers_invented`, which is the alarm: less is better.
    Quantities are what summarisers most often invent (Zhao, Cohen and Webber 2020). False alarms: 0.4 %.
    """
    original = own_title(article)
    if not (article.body or original):
        return None
    missing = number_claims(title, article.body, original, published_at=article.published_at).unsupported
    kept, dropped = kept_numbers(original, title)
    return {
        "numbers": not missing,
        "why_numbers": _not_in_article(missing),
        "numbers_kept": len(kept),
        "numbers_dropped": len(dropped),
        "why_numbers_dropped": ", ".join(dropped) or None,
        "numbers_invented": len(missing),
    }


class Names(TypedDict):
    """What `names` tells."""

    names: bool
    why_names: str | None
    names_kept: int
    names_dropped: int
    why_names_dropped: str | None
    names_invented: int


def names(title: str, article: Article) -> Names | None:
    """One gate: the article knows every name of the title; see `retitlekit.claims.names.name_claims`.

    Three scores: `names_kept` and `names_dropped` of the original title (neither more nor less is better), and
    `names_invented` (less is better), as in `numbers`. The precision of entities against the source (Nan et al. 2021),
    without a model. Does not apply where capitals do not mark names: German, Chinese, Japanese, Korean, Arabic and the
    like. False alarms: 1.1 %. An ordinary word put in a name's place at the head of a title goes unseen ("Tiger").
    """
    original = own_title(article)
    claims = name_claims(title, article.body, original) if article.body or original else None
    if claims is None:
        return None
    kept, dropped = kept_names(original, title)
    return {
        "names": not claims.unsupported,
        "why_names": _not_in_article(claims.unsupported),
        "names_kept": len(kept),
        "names_dropped": len(dropped),
        "why_names_dropped": ", ".join(dropped) or None,
        "names_invented": len(claims.unsupported),
    }


def _not_in_article(missing: Sequence[str]) -> str | None:
    return f"not in the article: {', '.join(missing)}" if missing else None


def events(title: str, article: Article) -> Reasoned | None:
    """The article tells of every grave event of the title: deaths, arrests, resignations, attacks.

    See `retitlekit.claims.events.untold_events`. It finds the "dead" that a machine made up, not a death ascribed
    to somebody else. English only. No false alarms.
    """
    original = own_title(article)
    if not article.body or not sounds_english(article.body):
        return None
    untold = untold_events(title, article.body, original)
    return not untold, _not_in_article(untold)


class Qualifiers(TypedDict):
    """What `qualifiers` tells."""

    negation: bool
    why_negation: str | None
    modality: bool
    why_modality: str | None
    attribution: bool
    why_attribution: str | None


def qualifiers(title: str, article: Article) -> Qualifiers | None:
    """Three gates: the title lost no `negation`, no `modality` and no `attribution` of what it repeats.

    "Did not sell" came back as "sells", "may sell" as "will sell", "X says Y" as plain "Y"; the last is asked of
    the original title only, since most sentences of an article say whose claim they are. A question claims nothing.
    See `retitlekit.claims.qualifiers.lost_qualifiers`. English only. False alarms: none of negation and
    attribution, 1.5 % of modality.
    """
    original = own_title(article)
    if not sounds_english(article.body, original, title):
        return None
    lost = lost_qualifiers(title, article.body, original)
    why = {kind: f"lost {each.word!r} of: {each.sentence}" for kind, each in lost.items()}
    return {
        "negation": "negation" not in lost,
        "why_negation": why.get("negation"),
        "modality": "modality" not in lost,
        "why_modality": why.get("modality"),
        "attribution": "attribution" not in lost,
        "why_attribution": why.get("attribution"),
    }


def as_asked(temperature: float | None = None, effective_temperature: float | None = None) -> Reasoned | None:
    """The model got the temperature that the trial asked for; some models refuse or ignore it."""
    if temperature is None:
        return None
    same = temperature == effective_temperature
    return same, None if same else f"asked for {temperature}, sent {effective_temperature}"


# ---------------------------------------------------------------------------------------------------- shared


def own_title(article: Article) -> str:
    """The article's title, empty where it has none."""
    return "" if article.title == NO_TITLE else article.title


def _instructions(messages: list[Mapping[str, Any]], article: Article) -> str:
    """What the messages say beside the article."""
    texts = (message.get("content") for message in messages)
    return "\n".join(text for text in texts if isinstance(text, str)).replace(own_title(article) or "\0", " ")


def folded(title: str) -> str:
    """Without case, punctuation and superfluous spaces."""
    plain = title if title.isascii() else unicodedata.normalize("NFKC", title).replace("’", "")
    return " ".join(_SIGNS.findall(plain.casefold().replace("'", "")))
