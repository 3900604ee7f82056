"""Cues: the English words that turn a claim, weaken it, or say whose it is; `qualifiers` looks for them.

Forms are listed one by one: a stemmer would take "wills" for "will" and "claims" for "claimed".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from retitlekit.language.words import stem

Kind = Literal["negation", "modality", "attribution"]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What negates in an article. Each governs what follows it.
NEGATES = _words(
    """not cannot never no neither nor none nobody nothing without hardly barely scarcely unable unlikely refuse refuses
    refused refusing deny denies denied denying denial denials reject rejects rejected rejecting decline declines
    declined declining fail fails failed failing failure unless avoid avoids avoided prevent
    prevents prevented"""
)
# What makes a title negative too, so that it may stand for any of the above.
NEGATIVE = NEGATES | _words(
    """ban bans banned block blocks blocked halt halts halted stop stops stopped cancel cancels cancelled canceled
    forbid forbids prohibit prohibits veto vetoes vetoed oppose opposes opposed lose loses lost losing miss
    misses missed quit quits end ends ended scrap scraps scrapped shelve shelves shelved drop drops dropped abandon
    abandons abandoned suspend suspends suspended delay delays delayed postpone postpones postponed doubt doubts
    refusal rejection rebuff rebuffs rebuffed resist resists spurn spurns snub snubs clear clears cleared acquit acquits
    acquitted false fake hoax free absent absence missing impossible unclear unknown unsolved untouched zero nil rarely
    lack lacks lacked dismiss dismisses dismissed
    seldom few little barred bars bar withdraw withdraws"""
)
POSSIBLE = _words(
    """may might could perhaps possible possibly probably likely potentially potential maybe unlikely feared
    expected expects expect
    would-be presumably apparently apparent believed thought unconfirmed rumoured rumored rumor rumour rumours"""
)
ALLEGED = _words(
    """alleged allegedly allegation allegations alleges allege suspected suspect suspects reportedly purported
    purportedly supposed supposedly accused accuses accuse accusing accusations accusation claim claims claimed"""
)
PLANNED = _words(
    """plans plan planned planning intends intend intended intention hopes hope hoped considers
    considering considered consider proposes proposed propose wants want wanted seeks seek sought threatens threatened
    threaten vows vowed pledges pledged aims aim attempts attempt attempted tries tried try offers offered
    prepares preparing asks asked urges urged calls called warns warned weighs mulls eyes"""
)
FUTURE = _words("will would shall 'll set due ready next tomorrow soon upcoming future ahead when should must")
TO_COME = frozenset(("possible", "planned"))  # what "to update" may stand for
ATTRIBUTES = _words(
    """say says said claim claims claimed allege alleges alleged according warn warns warned argue argues argued insist
    insists insisted believe believes reportedly suggests suggest"""
)
HEDGES = _words("? : may might could likely possible possibly")
SELVES = _words("it he she they we i")
SURE = {"possible": _words("will"), "alleged": _words("guilty")}  # what nothing weaker makes good
AUXILIARIES = _words(
    """is are was were be been being am do does did has have had will would can could shall should may might must to
    that     it's also still yet ever even"""
)
OPEN = _words("? whether if")
SPEECH = _words(
    """say says said claim claims claimed allege alleges alleged allegedly reportedly warn warns warned warning warnings
    tell tells told
    argue argues argued insist insists insisted according believe believes believed think thinks announce announces
    announced admit admits admitted suggest suggests suggested report reports reported confirm confirms confirmed state
    states stated accuse accuses accused deny denies denied vow vows call calls called find finds found show shows
    study poll source sources analysis opinion hint hints add adds predict predicts expect expects fear fears blame
    blames urge urges ask asks promise promises pledge pledges signal signals describe describes tout touts"""
)
# What the title may hold instead of a kind's own words: always something at most as sure.
ACCEPTED: Mapping[str, frozenset[str]] = {
    "negation": NEGATIVE | {"?"},
    "possible": POSSIBLE | ALLEGED | PLANNED | OPEN | _words("set fear fears risk risks threat chance danger"),
    "alleged": ALLEGED
    | POSSIBLE
    | OPEN
    | (SPEECH - _words("confirm confirms confirmed admit admits admitted find finds found show shows"))
    | _words("charge charged charges trial probe inquiry investigate investigates investigated investigation face"),
    "planned": PLANNED | POSSIBLE | FUTURE | OPEN | _words("bid proposal proposals deadline push effort talks"),
}
CUES = NEGATES | POSSIBLE | ALLEGED | _words("proposed planned attempted potential proposal proposals plan plans bid")
# Two words that mean a third, by the stem of the first.
PAIRS = {("yet", "to"): "not", ("turn", "down"): "not", ("rul", "out"): "not", ("call", "for"): "urges"}
# With one of these "against" negates: "warns Kim against selling".
AGAINST = frozenset(map(stem, "warn vote rule decide speak protest rally advise campaign come".split()))
_TURNED = [
    tuple(map(stem, pair.split(":")))
    for pair in """win:lose rise:fall rise:drop climb:fall gain:lose increase:decrease increase:cut increase:reduce
    raise:cut raise:lower approve:reject accept:reject accept:refuse confirm:deny admit:deny agree:refuse allow:ban
    support:oppose back:oppose open:close survive:die innocent:guilty acquit:convict save:kill join:leave succeed:fail
    strengthen:weaken improve:worsen expand:shrink hire:sack legal:illegal uphold:overturn pass:fail release:jail
    free:jail""".split()
]
OPPOSITES: Mapping[str, frozenset[str]] = {
    word: frozenset(other for pair in _TURNED if word in pair for other in pair if other != word)
    for pair in _TURNED
    for word in pair
}
TAKES_TO = frozenset(
    map(
        stem,
        """refuse plan want seek threaten vow fail try continue begin start allow urge ask order help force set due
        ready able unable likely unlikely decide agree offer prepare hope propose warn vote bid effort attempt call
        need way right power chance time plea pledge promise move pressure return how used got go come head rush race
        fight struggle close up down back over response according access due visit road key threat not what where when
        approach easy hard first last next""".split(),
    )
)
CUE_STEMS = frozenset(map(stem, CUES | PLANNED))
SAYING = frozenset(map(stem, "say tell know comment give happen go come speak talk elaborate clear".split()))
KIND_OF: Mapping[str, Kind] = {
    "negation": "negation",
    "possible": "modality",
    "alleged": "modality",
    "planned": "modality",
}
BEFORE_MAY = _words(
    "in on of since until by early late mid last this next from theresa"
)  # then it is the month, or the prime minister
ASKING = _words("how why what who when where which")
QUOTES = frozenset("\"“”'«»„‘")
