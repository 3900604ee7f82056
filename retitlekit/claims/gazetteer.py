"""Gazetteer: what is and what is no name, which names mean the same, and what a government's seat stands for.

`names` looks into it. Folded, as `names` compares: lower case, without accents, points and apostrophes.
"""

from __future__ import annotations

import re

from retitlekit.language.words import stem

NOT_NAMES = frozenset(  # ranks, regions, and things in capitals: titles add them freely
    """
    actor actress admiral archbishop ayatollah bishop captain cardinal chairman chancellor chief colonel commander
    congressman director doctor dr duke emperor foreign general gen gov governor head imam judge justice king lady
    lieutenant lord major mayor minister mr mrs ms officer pope premier president priest prime prince princess
    professor queen rabbi rep representative secretary sen senator sergeant sheikh sir speaker vice
    central eastern northern southern western
    km mm cm kg mph kph bn
    ai ad ads asap atm bbq cctv cd cds ceo cfo da dept diy dna dvd dvds exec execs faq gdp govt gps id it mvp no ok pc
    pcs phd pin pr qa suv tv tvs ufo vat vip vs
    """.split()
)
# Ordinary words that are names: of those that are frequent in 2,273 news articles, the ones that stand there with a
# capital inside sentences four times in five, or oftener.
NAMES_TOO = frozenset(
    """
    academy amazon angel arsenal bell berry bob brooks brown bush butler carter catholic catholics chad commons congress
    cooper cox dean democrat democrats duff eagles easter falcons fox frost gates gill glen hart harry hayes heath
    heather hill islam jack james jordan ken labour lee lions lynch maria marion martin matt mike miller mills mitt
    newton nick oliver oracle pacific palmer parker peel peter phoenix pierce potter rangers reds reeves reid republican
    republicans reyes robin saints sanders senate sharks skinner smith spears spurs straw tapper telegraph thatcher
    tigers trump turner twitter valentine villa virgin warner warren wasps webber wright
    """.split()
)
_SAME = """
us usa unitedstates america american americans | uk gb unitedkingdom britain british britons greatbritain
eu europeanunion european europe | un unitednations | uae emirates emirati | netherlands dutch holland | france french
spain spanish spaniard spaniards | switzerland swiss | denmark danish danes dane | wales welsh | ireland irish
greece greek greeks | poland polish poles pole | finland finnish finns finn | norway norwegian norwegians
scotland scottish scots scot | philippines filipino filipinos philippine | myanmar burma burmese | laos laotian
kosovo kosovar kosovars | thailand thai thais | cyprus cypriot cypriots | catalonia catalan catalans
flanders flemish | azerbaijan azeri azeris | australia australian aussie aussies | vatican papal pope holysee
tory tories conservative conservatives | pm primeminister premier | mp mps memberofparliament | ceo chiefexecutive
tb tuberculosis | aids hiv | ny nyc newyork | la losangeles | dc washington | f1 formulaone | g7 groupofseven
utd united | oscars oscar academyaward academyawards | oap oaps pensioner pensioners | gop republican republicans
g8 groupofeight | g20 groupoftwenty | ww1 wwi firstworldwar | ww2 wwii secondworldwar
"""
# What a government's seat may stand for where it acts: "Moscow denies", but not "in Moscow".
SEATS = {
    pair.split(":")[0]: pair.split(":")[1].split("+")
    for pair in """washington:us+usa+unitedstates+american moscow:russia+russian+kremlin kremlin:russia+russian+putin
    beijing:china+chinese tehran:iran+iranian pyongyang:northkorea+northkorean seoul:southkorea+southkorean
    tokyo:japan+japanese london:uk+british+britain paris:france+french berlin:germany+german rome:italy+italian
    madrid:spain+spanish brussels:eu+europeanunion+europeancommission+nato delhi:india+indian
    islamabad:pakistan+pakistani kabul:afghanistan+afghan baghdad:iraq+iraqi damascus:syria+syrian
    ankara:turkey+turkish kyiv:ukraine+ukrainian kiev:ukraine+ukrainian jerusalem:israel+israeli riyadh:saudi
    cairo:egypt+egyptian ottawa:canada+canadian canberra:australia+australian warsaw:poland+polish
    athens:greece+greek pentagon:us+defensedepartment+usmilitary whitehouse:us+unitedstates
    downingstreet:uk+british+primeminister wallstreet:us+dowjones+nasdaq""".split()
}
BEFORE_SEATS = frozenset("as and but while after amid though".split())
ACTS = frozenset(
    map(
        stem,
        """accuse agree announce approve ask back ban blame call claim condemn confirm consider criticise demand deny
        expel eye hail impose insist lift mull offer order plan pledge press propose push recall refuse reject say
        seek sign signal slam summon support suspend tell threaten urge vow want warn weigh welcome""".split(),
    )
)
_OF_WORDS = tuple(  # names made of ordinary words, which Title Case hides
    tuple(name.split())
    for name in """
    united states|united kingdom|united nations|united arab emirates|ivory coast|south africa|sri lanka|new zealand
    new york|new orleans|new england|new hampshire|new mexico|new jersey|saint lucia|cape verde|cape town|hong kong
    white house|security council|general assembly|supreme court|high court|state department|federal reserve|wall street
    downing street|foreign office|home office|house of commons|house of lords|house of representatives|court of appeal
    world bank|world health organization|world trade organization|european commission|european parliament|red cross
    european central bank|bank of america|bank of england|labour party|green party|liberal democrats|scotland yard
    golden globe|golden globes|golden lion|golden bear|world cup|super bowl|champions league|premier league|grand slam
    grand prix|french open|us open|red sox|white sox|red bulls|real madrid|manchester united|star wars|times square
    central park|channel tunnel|space shuttle|international space station|silicon valley|gold coast|sunshine coast
    black sea|red sea|dead sea|yellow sea|north sea|south china sea|middle east|far east|great lakes|salt lake city
    big apple|holy land|gaza strip|west bank|air force|coast guard|secret service|ground zero|nobel prize|pulitzer prize
    general motors|general electric|british airways|american airlines|southwest airlines|delta air lines|air france
    burger king|home depot|best buy|goldman sachs|morgan stanley|credit suisse|deutsche bank|royal mail|sky news
    fox news|associated press|new york times|washington post|wall street journal|financial times|daily mail
    american idol|amnesty international|human rights watch|greenpeace international|doctors without borders
    """.replace("\n", "|").split("|")
    if name.strip()
)
CALENDAR = frozenset(  # no names are akin to these: Saturday, Saturn
    """
    monday tuesday wednesday thursday friday saturday sunday january february march april may june july august september
    october november december
    """.split()
)
PHRASES = {phrase[0]: [other for other in _OF_WORDS if other[0] == phrase[0]] for phrase in _OF_WORDS}
SYNONYMS = {name: names.split() for names in re.split(r"[|\n]", _SAME) for name in names.split()}
