"""English words that are no names: what tells "Hijackers" from "Microsoft" at the head of a title.

The list is words.txt beside this file; regular forms of its words are worked out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

_ENDINGS = """s: es: ies:y ves:f ed: ed:e ied:y ing: ing:e er: er:e ers: ers:e or:e ors:e ier:y iers:y ly: ily:y
    bly:ble ness: iness:y est: est:e iest:y ity: ity:e ities:e ation:e ations:e ion: ions: ion:e ions:e ition: able:
    able:e ment: ments: ful: less: al: ally: ist: ists: ism: ist:y ists:y ship: hood: like: wide: maker: makers: down:
    downs: up: ups: out: outs: off: offs: back: over: men:man women:woman""".split()
# What may stand before a word, or before its hyphen.
_FRONTS = "anti counter cyber dis ex mid mis multi non out over post pre re semi sub super un under".split()
_NAMES_TOO = frozenset("apple china french guinea jersey mars pentagon polish turkey".split())
_BRITISH = re.compile(r"our|ence(?=s?$)|(?<=..)is(?=(?:e|ed|es|er|ers|ing|ation|ations)$)|tre(?=[sd]?$)")
_AMERICAN = {"our": "or", "ence": "ense", "is": "iz", "tre": "ter"}


@lru_cache(maxsize=1)
def _ordinary_words() -> frozenset[str]:
    lines = Path(__file__).with_name("words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))


@lru_cache(maxsize=65536)
def is_ordinary(word: str) -> bool:
    """Whether a lower-case word is English and no name: in words.txt, or made from such a word in a regular way.

    Examples
    --------
    >>> is_ordinary("hijackers"), is_ordinary("criticised"), is_ordinary("microsoft")
    (True, True, False)
    """
    words = _ordinary_words()
    forms = {word, _BRITISH.sub(lambda found: _AMERICAN[found[0]], word)}
    forms |= {form.removeprefix(front) for form in forms for front in _FRONTS if form.startswith(front)}
    known = word in _FRONTS or any(form in words or any(base in words for base in bases(form)) for form in forms)
    return known and word not in _NAMES_TOO


def bases(word: str) -> Iterator[str]:
    """What a word may be made from: "cuts", "cutting" and "recut" from "cut"."""
    for pair in _ENDINGS:
        ending, put = pair.split(":")
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            stem = word.removesuffix(ending)
            yield stem + put
            if not put and len(stem) > 3 and stem[-1] == stem[-2]:
                yield stem[:-1]
    for front in _FRONTS:
        if word.startswith(front) and len(word) - len(front) > 3:
            yield word.removeprefix(front)


STOP_WORDS = frozenset(
    """a an the and or but of in on at to for from with by as is are was were be been being am it its he she they them
    his her their him i we you our your us me my this that these those there here who whom whose which what when where
    why how than then so such too very just also only even still yet more most some any all each both either if while
    into onto over under up down out off about after before during between against through since until per via amid
    among because do does did done doing have has had having will would shall should can could may might must not no
    nor never 's 'll""".split()
)
_IRREGULAR = dict(
    pair.split(":")
    for pair in """met:meet won:win said:say told:tell sold:sell bought:buy sent:send held:hold found:find left:leave
    lost:lose made:make took:take taken:take gave:give given:give came:come went:go gone:go saw:see seen:see knew:know
    known:know got:get shot:shoot struck:strike hit:hit led:lead paid:pay kept:keep stood:stand began:begin begun:begin
    fell:fall fallen:fall rose:rise risen:rise broke:break broken:break chose:choose chosen:choose drew:draw drawn:draw
    drove:drive driven:drive flew:fly flown:fly grew:grow grown:grow hid:hide hidden:hide spoke:speak spoken:speak
    stole:steal stolen:steal swore:swear sworn:swear threw:throw thrown:throw wrote:write written:write fought:fight
    sought:seek taught:teach thought:think caught:catch brought:bring built:build spent:spend lent:lend meant:mean
    felt:feel dealt:deal ran:run sat:sit sank:sink sunk:sink dead:die death:die deaths:die died:die dies:die dying:die
    men:man women:woman children:child people:person persons:person lives:life sale:sell sales:sell
    arrival:arrive""".split()
)
ENGLISH = frozenset("the and for with from after by to that was".split())

ENGLISH_IN_TITLES = ENGLISH | frozenset("in of as on at is are over not says will amid against".split())


def is_english(words: frozenset[str], *, length: int) -> bool:
    """Whether the lower-case `words` of a text of `length` words hold enough small English ones."""
    return len(ENGLISH & words) >= min(3, 1 + length // 50)


def sounds_english(*texts: str) -> bool:
    """Whether the longest of some texts is English; of titles alone one small English word is asked."""
    return _sounds_english(max(texts, key=len))


@lru_cache(maxsize=1024)
def _sounds_english(text: str) -> bool:
    words = text.casefold().split()
    return (
        is_english(frozenset(words), length=len(words)) if len(words) > 20 else not ENGLISH_IN_TITLES.isdisjoint(words)
    )


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """What the forms of a lower-case English word share, at most seven letters of it.

    Examples
    --------
    >>> stem("confirmed") == stem("confirms"), stem("met") == stem("meeting"), stem("planned")
    (True, True, 'plan')
    """
    word = _IRREGULAR.get(word, word)
    if word.isalpha() and word.isascii():
        for ending in ("ings", "ing", "ied", "ies", "ed", "es", "s", "ly"):
            if word.endswith(ending) and len(word) - len(ending) >= 3 and not word.endswith("ss"):
                word = word.removesuffix(ending) + ("y" if ending in ("ied", "ies") else "")
                word = word[:-1] if word[-1] == word[-2] and word[-1] not in "sl" else word
                break
        word = word[:-1] if word.endswith("e") and len(word) > 3 else word
    return word[:7]
