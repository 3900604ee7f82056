"""Figures: the numbers of a title, and whether its article gives them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.claims.figures import kept_numbers, number_claims
from retitlekit.language.numerals import UNITS

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
SAME_VALUE += [
    ("1.2 million votes", "Some 1,234,567 votes"),
    ("Nearly 50 dead", "49 people died"),
    ("More than 2,000 flee", "2,317 people fled"),
    ("50,000 people came", "Nearly 49,800 people came"),
    ("€30m profit", "a profit of 30 million euros"),
    ("Fined five million pounds", "a fine of £5m"),
    ("12-kilometre road", "The road is 12 km long."),
    ("88 pounds", "40 kilograms (88 lb)"),
    ("Third straight title", "his third title in a row"),
    ("3.40am blast", "at 3:40 a.m."),
    ("20 years ago", "two decades ago"),
    ("100 years", "a century"),
    ("Formula 1", "the F1 race"),
    ("25% of voters", "a quarter of the voters, in the first quarter of the year"),
    ("5 km road", "The road of 5 is 3 miles long, which is more than a km."),
    ("Three dead", "Trois morts dans un accident, et une des victimes est un enfant."),
]
OTHER_VALUE = [
    ("Dividend up 25%", "In the fourth quarter the dividend rose.", "25"),
    ("Vote of 2000", "The vote of 2001 was close.", "2000"),
    ("Banned in March 2004", "In December 2004 it was banned; in 2004 it had 3 members.", "2004"),
    ("Tickets at €5", "The ticket costs $5. There were 5 shows.", "5"),
    ("Cinq gardes", "Le roi est arrivé avec 300 gardes et des ministres, dit la presse.", "Cinq"),
    ("3 dead", "2 people died.", "3"),
    ("Three dead", "The third storm in a row", "Three"),
    ("3 dead", "The 3rd storm in a row", "3"),
    ("Three dead", "Two people died on 13 May.", "Three"),
    ("2,001 flee", "2,000 fled", "2,001"),
    ("1.5 million fine", "He pays 1.5 thousand.", "1.5 million"),
    ("1.6m fine", "He pays 1.5 million.", "1.6m"),
    ("170 dead", "171 people died", "170"),
    ("Nearly 50 dead", "51 people died", "50"),
    ("About 11,399 cars", "about 11,400 cars", "11,399"),
    ("Up 30%", "Profit rose 12 percent to 30 million euros.", "30"),
    ("Profit of $30m", "Profit rose to 30 million euros.", "30m"),
    ("Profit of €30bn", "Profit rose to 30 million euros.", "30bn"),
    ("Fined $5 million", "The fine was £5m.", "5 million"),
    ("12-mile road", "The road is 12 km long.", "12"),
    ("40 tonnes", "It weighs 40 kilograms.", "40"),
    ("Died on 12 June", "He died on 12 May 2005.", "12"),
    ("12 dead", "On December 12 three people died.", "12"),
    ("Seven moons", "Of twelve moons one is S07.", "Seven"),
    ("Second title", "her third title", "Second"),
    ("One dead", "Two people died and 14 were hurt.", "One"),
    ("Nine seasons", "for seven seasons, with nine judges", "Nine"),
    ("Sixteen and six", "between five and six", "Sixteen"),
    ("50th minute", "in the first half", "50"),
    ("1.3 million votes", "1,234,567 votes", "1.3 million"),
    ("30 years ago", "two decades ago", "30"),
    ("Vier Tote", "Drei Tote in der Stadt, und das ist nicht alles.", "Vier"),
    ("Cinq morts", "Quatre morts dans un accident, et une des victimes est un enfant; les autres...", "Cinq"),
    ("Cuatro muertos", "Tres muertos por un incendio en una casa con los niños.", "Cuatro"),
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
    """A number that the text does not give is told as it is written; so is a false unit, rank or rounding."""
    found = number_claims(title, text).unsupported

    assert (number,) == found


@pytest.mark.parametrize("title", ["No one came first", "A second chance", "Hundreds flee", "Dozens dead", "One dead"])
def test_vague_words_claim_nothing(title: str) -> None:
    """Words with other senses, and plurals without a count, are no claims."""
    assert () == number_claims(title, "").made
    assert () == number_claims(title, "A man died, the first to do so; she was second, and 14 chairs fell.").made


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


@pytest.mark.parametrize("unit", [*UNITS, "aim", "pxm", "a m"])
def test_any_word_may_follow_a_number(unit: str) -> None:
    """Every word for a unit is read, and words that look like one are none."""
    assert () == number_claims(f"12 {unit}", f"12 {unit}").unsupported


def test_numbers_kept_and_dropped() -> None:
    """Numbers of the original title are found again in any writing."""
    assert (("Two", "2,000"), ("14",)) == kept_numbers("Two dead, 14 hurt as 2,000 flee", "2 die, two thousand flee")
    assert ((), ()) == kept_numbers("No one hurt", "Three hurt")


@given(st.text(max_size=200), st.text(max_size=200), st.none() | st.text(max_size=12))
def test_any_text_is_read(title: str, text: str, published_at: str | None) -> None:
    """No text raises, and a title's own text supports it."""
    number_claims(title, text, published_at=published_at)

    assert () == number_claims(title, title).unsupported


@pytest.mark.parametrize("title", ["one hundred and " * 200, "9" * 400 + " dead", "million " * 200, "1,2." * 200])
def test_endless_numbers_are_read(title: str) -> None:
    """No heap of number words or digits overflows."""
    assert () == number_claims(title, title).unsupported


NUMBERLIKE = st.text(alphabet="0123456789.,'½ -–toandmillionhundrkXVI年万٣H", max_size=60)


@given(NUMBERLIKE)
def test_any_digits_are_read(title: str) -> None:
    """Any heap of digits, marks and number words is supported by itself."""
    assert () == number_claims(title, title).unsupported
