"""Numbers and names: what a title claims, and what its article supports."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.figures import number_claims
from retitlekit.names import name_claims
from retitlekit.words import is_ordinary

SAME_VALUE = [
    ("2,000 flee", "Two thousand people fled."),
    ("2 000 flee", "About 2,000 people fled."),
    ("Two dead", "2 people died."),
    ("£1.5m fine", "He pays 1.5 million pounds."),
    ("1.5 million fine", "He pays $1,500,000."),
    ("1,5 Mio. Euro", "1.5 million euros"),
    ("2.000 Menschen", "2,000 people"),
    ("1.234,5 tonnes", "1,234.5 tonnes"),
    ("Third term", "his 3rd term"),
    ("Third time", "the 3 times he ran"),
    ("40th anniversary", "the fortieth anniversary"),
    ("Fortieth anniversary", "the 40th anniversary"),
    ("Twenty-one arrested", "21 were arrested"),
    ("Two hundred and five dead", "205 people died"),
    ("12 dead", "a dozen people died"),
    ("50 % of voters", "half of the voters"),
    ("2½ years", "2.5 years"),
    ("World War 2 bomb", "a bomb of World War II"),
    ("1990s music", "music of 1990"),
    ("'90s music", "music of the 1990s"),
    ("2 to 3 million people", "between two million and three million"),
    ("3人が死亡", "三人が死亡した"),
    ("5万人", "50,000 people"),
    ("٣ قتلى", "3 dead"),
    ("Two and three-year-olds", "2 and 3 years old"),
    ("2,300,005 votes", "two million three hundred thousand and five"),
    ("12-9 vote", "The vote was 12 to 9."),
    ("65th day", "65 days"),
    ("1,40,000 homes", "140,000 homes"),
    ("H1N1 spreads", "The H1N1 virus spread."),
    ("TMA-15 launches", "Soyuz TMA-15 was launched."),
    ("G8 meets", "The Group of 8 met."),
]
OTHER_VALUE = [
    ("3 dead", "2 people died.", "3"),
    ("Three dead", "The third storm in a row", "Three"),
    ("3 dead", "The 3rd storm in a row", "3"),
    ("Three dead", "Two people died on 13 May.", "Three"),
    ("2,001 flee", "2,000 fled", "2,001"),
    ("1.5 million fine", "He pays 1.5 thousand.", "1.5 million"),
    ("1.6m fine", "He pays 1.5 million.", "1.6m"),
    ("nearly 50 dead", "49 people died", "50"),
    ("H5N1 spreads", "H1N1 spread to 5 towns.", "H5N1"),
    ("Aged 85", "He died at the age of 84; born in 1925, died 2010.", "85"),
]


@pytest.mark.parametrize(("title", "text"), SAME_VALUE)
def test_number_in_another_writing_is_supported(title: str, text: str) -> None:
    """Digits, words, ordinals, scales, separators and scripts are one value."""
    claims = number_claims(title, text)

    assert claims.made
    assert () == claims.unsupported


@pytest.mark.parametrize(("title", "text", "number"), OTHER_VALUE)
def test_other_number_is_found(title: str, text: str, number: str) -> None:
    """A number that the text does not give is told as it is written; rounding does not count."""
    found = number_claims(title, text).unsupported

    assert (number,) == found


@pytest.mark.parametrize("title", ["No one came first", "A second chance", "Hundreds flee", "Dozens dead", "One dead"])
def test_vague_words_claim_nothing(title: str) -> None:
    """Words with other senses, and plurals without a count, are no claims."""
    assert () == number_claims(title, "").made


@pytest.mark.parametrize(
    ("title", "text", "published_at"),
    [
        ("Brightest in 47 years", "The closest since 1963.", "2010-09-19"),
        ("Dies aged 92", "Born in 1912, he was prime minister from 1976.", "2005-03-26T12:00:00Z"),
        ("Dies at 66", "The singer (1947-2014) wrote songs.", None),
    ],
)
def test_what_can_be_reckoned_is_supported(title: str, text: str, published_at: str | None) -> None:
    """Ages and spans follow from years that the text gives."""
    assert () == number_claims(title, text, published_at=published_at).unsupported


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


@pytest.mark.parametrize(
    ("word", "expected"), [("criticised", True), ("lawmakers", True), ("tehran", False), ("french", False)]
)
def test_ordinary_words(word: str, expected: bool) -> None:
    """Regular forms and British spellings of listed words are ordinary."""
    assert expected is is_ordinary(word)


@given(st.text(max_size=200), st.text(max_size=200), st.none() | st.text(max_size=12))
def test_any_text_is_read(title: str, text: str, published_at: str | None) -> None:
    """No text raises, and a title's own text supports it."""
    number_claims(title, text, published_at=published_at)
    name_claims(title, text)
    names = name_claims(title, title)

    assert () == number_claims(title, title).unsupported
    assert names is None or () == names.unsupported


NUMBERLIKE = st.text(alphabet="0123456789.,'½ -–toandmillionhundrkXVI年万٣H", max_size=60)


@given(NUMBERLIKE)
def test_any_digits_are_read(title: str) -> None:
    """Any heap of digits, marks and number words is supported by itself."""
    assert () == number_claims(title, title).unsupported
