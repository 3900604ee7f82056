"""Qualifiers: titles that lost a negation, a hedge or a source, and titles that kept them in other words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.claims.qualifiers import lost_qualifiers

KIM = (
    "North Korean leader Kim Jong Un arrived in Russia on Tuesday. The United States warned Pyongyang not to "
    "sell arms to Moscow. No meeting with President Vladimir Putin was confirmed, the Kremlin said. Moscow and"
    " Pyongyang have denied that they plan to trade weapons."
)
VACCINE = (
    "The drug company said its vaccine did not cause the deaths of two patients in the trial. Regulators may "
    "suspend the study. An inquiry found no link."
)
POOL = (
    "The council is considering a plan to close the swimming pool next year. Councillors have not yet voted. "
    "The mayor said she would never sell the land."
)
FIRE = (
    "Police arrested a man suspected of setting fire to the town hall. He allegedly bought petrol the day "
    "before. Nobody was injured."
)
AIRLINE = (
    "The airline failed to inform passengers that the flight had been cancelled, a court ruled. It plans to "
    "appeal. It is unlikely to pay before June."
)
MINISTER = (
    "The minister denied taking bribes from the construction firm. Prosecutors said they would not bring "
    "charges. The opposition could call a vote of no confidence."
)
COMET = (
    "Scientists say the comet might be visible to the naked eye in October. It is expected to pass 70 million "
    "km from Earth. There is no danger to the planet."
)
STRIKER = (
    "The striker refused to sign a new contract with the club. He will not play on Sunday without an "
    "agreement. The club hopes to sell him in January."
)
COFFEE = (
    "Researchers found that coffee does not raise blood pressure. The study, of 2,000 people, was not funded "
    "by industry. It appears that tea has no effect either."
)
BANK = (
    "The bank has never disclosed how many customers lost money. It cannot rule out further losses. "
    "Shareholders have rejected the chairman's pay package."
)
REBELS = (
    "Rebels are believed to have taken the town. The army has neither confirmed nor denied the report. At "
    "least 30 people are feared dead."
)
ACTOR = (
    "The actor has been accused of assault by three women. He has not been charged. His lawyer says the claims"
    " are untrue."
)
TAX = (
    "The party proposes to abolish the tax. Economists warn that the step could cost 4 billion euros. The "
    "government does not support the idea."
)
WATER = (
    "Tests showed that the water isn't safe to drink. Residents weren't told for three weeks. The company "
    "won't pay compensation."
)
KEPT = [
    (KIM, "Kim arrives in Russia as Washington warns against arms deal"),
    (KIM, "Kim in Russia; no Putin meeting confirmed"),
    (KIM, "Kremlin has yet to confirm Kim-Putin meeting"),
    (KIM, "Russia and North Korea deny arms trade plans"),
    (VACCINE, "Vaccine did not cause trial deaths, company says"),
    (VACCINE, "Regulators could halt vaccine study after two deaths"),
    (VACCINE, "Vaccine trial deaths: inquiry finds no link"),
    (POOL, "Council considers closing swimming pool"),
    (POOL, "Council weighs pool closure"),
    (POOL, "Pool could close next year"),
    (POOL, "Mayor vows not to sell pool land"),
    (FIRE, "Man arrested on suspicion of town hall arson"),
    (FIRE, "Suspected arsonist arrested after town hall fire"),
    (FIRE, "No one hurt in town hall fire; man held"),
    (AIRLINE, "Airline failed to tell passengers of cancelled flight, court rules"),
    (AIRLINE, "Airline to appeal ruling over cancelled flight"),
    (AIRLINE, "Airline plans appeal after cancellation ruling"),
    (MINISTER, "Minister denies taking bribes"),
    (MINISTER, "Minister rejects bribery claims"),
    (MINISTER, "No charges over minister's bribery claims"),
    (MINISTER, "Opposition may call confidence vote"),
    (COMET, "Comet may be visible to naked eye in October"),
    (COMET, "Comet could light up October sky"),
    (COMET, "Comet poses no danger to Earth, scientists say"),
    (STRIKER, "Striker refuses to sign new contract"),
    (STRIKER, "Striker turns down new contract"),
    (STRIKER, "Club hopes to sell striker in January"),
    (COFFEE, "Coffee does not raise blood pressure, study finds"),
    (COFFEE, "Study: coffee has no effect on blood pressure"),
    (BANK, "Bank never disclosed customer losses"),
    (BANK, "Bank cannot rule out more losses"),
    (BANK, "Shareholders reject chairman's pay"),
    (REBELS, "Rebels believed to have taken town"),
    (REBELS, "30 feared dead as rebels reportedly take town"),
    (REBELS, "Army silent on reports that rebels took town"),
    (ACTOR, "Actor accused of assault by three women"),
    (ACTOR, "Three women accuse actor of assault"),
    (ACTOR, "Actor, accused of assault, not charged"),
    (TAX, "Party proposes to abolish tax"),
    (TAX, "Abolishing tax could cost 4 billion euros, economists warn"),
    (TAX, "Government opposes abolishing tax"),
    (WATER, "Water not safe to drink, tests show"),
    (WATER, "Tap water unsafe, tests show"),
    (WATER, "Company refuses compensation over unsafe water"),
    (WATER, "Residents kept in dark for three weeks over unsafe water"),
    (WATER, "Is the water safe to drink?"),
    ("The senator is planning to meet the envoy.", "Senator meeting envoy"),
    ("Roe was accused of fraud and found guilty by a jury.", "Jury finds Roe guilty of fraud"),
    ("Roe, who has not had a coach since he split from Ito, won.", "Roe splits from Ito"),
    ("It is nothing new for Patch, the horse whom all call a joy.", "Patch the horse is a joy to all"),
]
LOST = [
    (KIM, "Kim sells arms to Moscow", "negation"),
    (KIM, "Kim meeting with Putin confirmed by Kremlin", "negation"),
    (KIM, "Moscow and Pyongyang plan to trade weapons", "negation"),
    (KIM, "Kremlin confirms meeting between Kim and Putin", "negation"),
    (VACCINE, "Vaccine caused deaths of two patients in trial, company says", "negation"),
    (VACCINE, "Regulators suspend vaccine study", "modality"),
    (VACCINE, "Inquiry finds link in vaccine trial deaths", "negation"),
    (VACCINE, "Regulators will suspend the vaccine study", "modality"),
    (POOL, "Council closes swimming pool", "modality"),
    (POOL, "Mayor to sell swimming pool land", "negation"),
    (POOL, "Councillors have voted on the pool plan", "negation"),
    (FIRE, "Man set fire to town hall", "modality"),
    (FIRE, "Several injured in town hall fire", "negation"),
    (AIRLINE, "Airline informed passengers of cancelled flight, court rules", "negation"),
    (AIRLINE, "Airline appeals ruling", "modality"),
    (AIRLINE, "Airline is likely to pay before June", "negation"),
    (MINISTER, "Minister admits taking bribes from construction firm", "negation"),
    (MINISTER, "Minister took bribes from construction firm", "negation"),
    (MINISTER, "Prosecutors bring charges against minister", "negation"),
    (MINISTER, "Opposition calls vote of no confidence", "modality"),
    (COMET, "Comet will be visible to naked eye in October", "modality"),
    (COMET, "Comet visible to naked eye in October", "modality"),
    (COMET, "Comet is a danger to the planet, scientists say", "negation"),
    (STRIKER, "Striker signs new contract with club", "negation"),
    (STRIKER, "Striker to play on Sunday", "negation"),
    (STRIKER, "Club sells striker in January", "modality"),
    (COFFEE, "Coffee raises blood pressure, study finds", "negation"),
    (BANK, "Bank discloses how many customers lost money", "negation"),
    (BANK, "Shareholders approve chairman's pay package", "negation"),
    (REBELS, "Army confirms rebels took town", "negation"),
    (ACTOR, "Actor guilty of assault on three women", "modality"),
    (ACTOR, "Actor charged with assault", "negation"),
    (TAX, "Party abolishes tax", "modality"),
    (TAX, "Step will cost 4 billion euros, economists warn", "modality"),
    (TAX, "Government supports idea to abolish tax", "negation"),
    (WATER, "Water is safe to drink, tests show", "negation"),
    (WATER, "Residents were told for three weeks", "negation"),
    (WATER, "Company to pay compensation", "negation"),
    ("Police warned that rioters could block roads.", "Rioters will block roads, police warned", "modality"),
    ("The firm reportedly sent Ito a possible contract for talks.", "Firm reportedly sent Ito contract", "modality"),
    ("Iran is accused of helping rebels, a report said.", "Iran guilty of helping rebels, report says", "modality"),
    (
        "The US did not sell arms to Oslo. Washington warned Oslo against a deal to sell arms.",
        "US to sell arms to Oslo",
        "negation",
    ),
]


@pytest.mark.parametrize(("body", "title"), KEPT)
def test_qualifier_in_other_words_is_kept(body: str, title: str) -> None:
    """A faithful title passes, whether it repeats the qualifier, replaces it, or leaves the claim out."""
    assert {} == lost_qualifiers(title, body)


@pytest.mark.parametrize(("body", "title", "kind"), LOST)
def test_lost_qualifier_is_found_in_the_body(body: str, title: str, kind: str) -> None:
    """A title that makes bare what the body denies or doubts is found, with the sentence that does."""
    lost = lost_qualifiers(title, body)

    assert kind in lost
    assert {each.sentence for each in lost.values()} <= {"", *(f"{part}." for part in body.rstrip(".").split(". "))}


OF_TITLE = [
    ("Kim Jong Un in Russia amid US warnings not to sell arms", "Kim sells arms to Russia", "negation"),
    (
        "I used the 'cheat on everything' AI tool and it didn't help me cheat on anything",
        "'Cheat on everything' AI tool",
        "negation",
    ),
    ("How Microsoft's developers are using AI", "Microsoft developers are using AI", "modality"),
    ("Steam machine price is not revealed yet", "Steam machine price revealed", "negation"),
    ("Did Kim sell arms?", "Kim sold arms", "modality"),
    ("Apple to hold event, may update iPods", "Apple to hold event, will update iPods", "modality"),
    ("Wikileaks to release thousands of documents", "Wikileaks releases thousands of documents", "modality"),
    ("Alliance loses case on hunting ban", "Alliance wins case on hunting ban", "negation"),
    ("Bill rejected by White House", "Bill approved by White House", "negation"),
    ("Harbour bridge to close for nine weeks, council says", "Harbour bridge to close for nine weeks", "attribution"),
    ("Iran says its plan is peaceful", "Iran's plan is peaceful", "attribution"),
    ("Tower bridge is safe, according to engineers", "Tower bridge is safe", "attribution"),
    ("Tower bridge is safe according to engineers", "Tower bridge is safe", "attribution"),
    ("Analysts say Unilever could launch soap", "Unilever could launch soap", "attribution"),
    ("Officer says plane entered at 17:58", "Plane entered at 17:58", "attribution"),
    ("Kim says team will show unity", "Team will show unity", "attribution"),
    ("Kim claims he won election", "Kim won election", "attribution"),
]


@pytest.mark.parametrize(("original", "title", "kind"), OF_TITLE)
def test_lost_qualifier_is_found_in_the_original_title(original: str, title: str, kind: str) -> None:
    """What the original title had and the title has not is found, and the original passes."""
    assert kind in lost_qualifiers(title, "", original)
    assert {} == lost_qualifiers(original, "", original)


@pytest.mark.parametrize(
    ("original", "title"),
    [
        ("Harbour bridge to close for nine weeks, council says", "Council: harbour bridge to close for nine weeks"),
        ("Iran says its plan is peaceful", "Tehran insists plan is peaceful"),
        ("Iran says its plan is peaceful", "Iran calls its plan 'peaceful'"),
        ("Iran says its plan is peaceful", "Iran's plan «peaceful»"),
        ("Apple says it will open shop in Oslo", "Apple to open shop in Oslo"),
        ("US warns Kim not to sell arms", "Kim in Oslo despite US warning on arms sales"),
        ("Judge dismisses lawsuit against Geller", "Judge throws out lawsuit against Geller"),
        ("President plans to attend Games", "President to attend Games"),
        ("Will the pool close?", "Why the pool may close"),
        ("Germany threatens to walk out of UN", "Germany May Walk Out of UN"),
        ("Not only rain: harvest fails", "Rain and frost spoil harvest"),
        ("No. 5 seed wins open", "Fifth seed wins open"),
    ],
)
def test_qualifier_of_the_original_title_in_other_words(original: str, title: str) -> None:
    """A rewrite that says it otherwise, or says less, passes."""
    assert {} == lost_qualifiers(title, "", original)


def test_another_sentence_that_makes_the_claim_bare_supports_it() -> None:
    """A claim that the article first denies and then confirms is no loss."""
    body = "The mayor denied that she would resign on Monday. The mayor will resign on Monday, her office said."

    assert {} == lost_qualifiers("Mayor to resign on Monday", body)


@given(st.text(max_size=100), st.text(max_size=300), st.text(max_size=100))
def test_any_text_is_read(title: str, body: str, original: str) -> None:
    """No text raises, and no title loses what is its own."""
    lost_qualifiers(title, body, original)

    assert {} == lost_qualifiers(title, "", title)
