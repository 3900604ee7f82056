"""Names: which a title has, and whether its article knows them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.claims.names import kept_names, main_names, name_claims, names_in
from retitlekit.language.words import is_ordinary, stem

KNOWN = [
    ("Iranian envoy leaves", "Iran called its envoy back."),
    ("Envoy leaves Afghanistan", "The Afghan government said so."),
    ("Dutch win", "The Netherlands won."),
    ("EU meets", "The European Union met."),
    ("European Union meets", "The EU met."),
    ("U.S. troops leave", "Troops of the United States left."),
    ("United Nations votes", "The UN voted."),
    ("FDA approves pill", "The Food and Drug Administration approved it."),
    ("ElBaradei wins", "Mohamed El Baradei won."),
    ("Kolontar evacuated", "The village of Kolontár was evacuated."),
    ("Gaddafi speaks", "Colonel Qaddafi spoke."),
    ("Bush’s plan", "George Bush has a plan."),
    ("Supreme Court rules", "The supreme court ruled."),
    ("Two shot in Scotland", "Scottish police said so."),
    ("GB runners win", "British runners won."),
    ("GSK cuts jobs", "GlaxoSmithKline said so."),
    ("J&J buys rival", "Johnson & Johnson bought it."),
    ("TOTP returns", "The show Top of the Pops is back."),
    ("Moscow denies sale", "Russia denied the sale."),
    ("Man Utd win", "Manchester United won."),
    ("United States Leaves Talks", "American envoys left the talks."),
    ("Soldiers Don't Ask", "The soldiers did not ask."),
    ("Road 80 Km Long", "The road is 80 km long."),
    ("Officials to Resettle Victims", "The officials offered new homes to the victims."),
    ("They'd Leave If I'm Right, Don't They", "The officials said so."),
    ("J-Lo sings", "Jennifer Lopez sang."),
    ("GOP wins vote", "Republicans won the vote."),
    ("Встреча Кима и Путина пройдет на востоке", "Путин ждал. В город приехал лидер Ким."),
]
UNKNOWN = [
    ("Envoy leaves Tehran", "Iran called its envoy back.", "Tehran"),
    ("Microsoft returns to talks", "North Korea returned to the talks.", "Microsoft"),
    ("Violence escalates in Saturn", "Violence was worse on Saturday.", "Saturn"),
    ("Envoy leaves Austria", "Australia called its envoy back.", "Austria"),
    ("Talks with US", "They talk with us.", "US"),
    ("Estonia and Ukraine to get help", "The EU helps Ukraine.", "Estonia"),
    ("H5N1 spreads", "The H1N1 virus spread to 5 towns.", "H5N1"),
    ("Hijackers Seize Norwegian Airliner, Demand Passage to Tripoli", "They took a plane from Norway.", "Tripoli"),
    ("BOMB FOUND IN TRIPOLI", "A bomb was found.", "TRIPOLI"),
    ("Talks Held at White House", "The talks were held in the house of the envoy.", "White House"),
    ("Envoy Leaves Ivory Coast", "The envoy left by the coast, and was seen with ivory.", "Ivory Coast"),
    ("London fire kills two", "British firefighters said that two people died in Leeds.", "London"),
    ("Envoy arrives in Moscow", "The envoy came to Russia.", "Moscow"),
    ("Bush Signs Law", "The president signed the law.", "Bush"),
    ("Smith Signs Law", "The president signed the law.", "Smith"),
    ("Встреча Кима и Путина пройдет на востоке", "Путин ждал. В город приехал лидер Лим.", "Кима"),
    ("津波: Coastal town of Umeå moves", "The coastal town of Sundsvall moved for the day.", "Umea"),
]


@pytest.mark.parametrize(("title", "text"), KNOWN)
def test_name_in_another_form_is_known(title: str, text: str) -> None:
    """Derived forms, acronyms, expansions, accents, spellings and possessives are one name."""
    claims = name_claims(title, text)

    assert claims is not None
    assert () == claims.unsupported


@pytest.mark.parametrize(("title", "text", "name"), UNKNOWN)
def test_other_name_is_found(title: str, text: str, name: str) -> None:
    """A name that the text does not know is told, at the head of a title and in Title Case too."""
    claims = name_claims(title, text)

    assert claims is not None
    assert (name,) == claims.unsupported


@pytest.mark.parametrize(
    "title",
    [
        "Hijackers seize plane",
        "Poll: Voters turn away",
        "Why 'Dangerous' toys sell",
        "Uproar Over New Criticised Websites",
        "Anti-terror plan faces test",
        "President resigns after Lockdown row",
    ],
)
def test_ordinary_words_with_a_capital_are_no_names(title: str) -> None:
    """First words, Title Case and ranks claim no name, though the text lacks them."""
    claims = name_claims(title.replace("Lockdown", "lockdown"), "The plan was told to the press.")

    assert claims is not None
    assert () == claims.unsupported


@pytest.mark.parametrize(
    ("title", "text"),
    [
        ("Regierung in Wien tritt zurück", "Das ist nicht der Tag, und auch wird ein Nachfolger gesucht."),
        ("首相が辞任", "首相が辞任した。"),
        ("استقالة رئيس الوزراء", "استقال"),
    ],
)
def test_names_do_not_apply_where_capitals_do_not_mark_them(title: str, text: str) -> None:
    """German and scripts without case are not judged."""
    assert name_claims(title, text) is None


def test_first_words_of_other_languages_claim_nothing() -> None:
    """Without a word list for a language only inner capitals are names."""
    claims = name_claims("Detienen a un hombre en Madrid", "La policía arrestó a un hombre en Sevilla.")

    assert claims is not None
    assert ("Madrid",) == claims.unsupported


def test_names_kept_and_dropped() -> None:
    """Names of the original title are found again in other forms."""
    kept = kept_names("Kim meets Putin in Russia", "Putin hosts Kim Jong Un, Russian media say")

    assert (("Kim", "Putin", "Russia"), ()) == kept
    assert (("Kim",), ("Putin", "Vladivostok")) == kept_names("Kim meets Putin in Vladivostok", "Kim goes home")


def test_main_names() -> None:
    """The names that an article has most often lead, those of its first paragraph counting twice."""
    text = "Police said Roe flew to Oslo.\n\nA friend of Roe said so. The mayor of Bergen greeted him in Bergen."

    assert {"roe": 3, "oslo": 2, "bergen": 2} == dict(main_names(text))
    assert {"roe"} == names_in("Roe's flight", main_names(text))


@pytest.mark.parametrize(
    ("word", "expected"), [("criticised", True), ("lawmakers", True), ("tehran", False), ("french", False)]
)
def test_ordinary_words(word: str, expected: bool) -> None:
    """Regular forms and British spellings of listed words are ordinary."""
    assert expected is is_ordinary(word)


@pytest.mark.parametrize(
    "forms", ["confirm confirms confirmed confirming", "meet meets met meeting", "deny denies denied", "plan planned"]
)
def test_stems(forms: str) -> None:
    """The forms of a word have one stem."""
    assert 1 == len(set(map(stem, forms.split())))


@given(st.text(max_size=200), st.text(max_size=200))
def test_any_text_is_read(title: str, text: str) -> None:
    """No text raises, and a title's own text supports it."""
    name_claims(title, text)
    names = name_claims(title, title)

    assert names is None or () == names.unsupported
