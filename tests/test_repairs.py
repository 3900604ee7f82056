"""Repairs: broken text is mended, sound text is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retitlekit.articles.repairs import repaired


@pytest.mark.parametrize(
    ("field", "before", "after", "what"),
    [
        ("title", "Bread &amp; butter &mdash; now", "Bread & butter — now", "HTML"),
        ("title", "Bread &amp;amp; butter", "Bread & butter", "HTML"),
        ("title", "&lt;b&gt;New&lt;/b&gt; bridge", "New bridge", "HTML"),
        ("title", 'A <em class="x">new</em> bridge<br/>opens', "A new bridge opens", "HTML"),
        ("title", "It&#8217;s &#x2018;open&#x2019;", "It’s ‘open’", "HTML"),
        ("body", "<p>One &amp; two.</p>\n<p>Th<b>r</b>ee.</p>", "One & two.\n\nThree.", "HTML"),
        ("body", "<p>One.<!-- no --></p><script>alert(1)</script><p>Two.</p>", "One.\n\nTwo.", "HTML"),
        ("body", "&lt;p&gt;One.&lt;/p&gt;&lt;p&gt;Two.&lt;/p&gt;", "One.\n\nTwo.", "HTML"),
        ("url", "https://x.example/?a=1&amp;b=2", "https://x.example/?a=1&b=2", "HTML"),
        ("title", "A title\n over  lines ", "A title over lines", "white space"),
        ("title", "CafÃ© â€“ open", "Café – open", "mojibake"),
        ("title", "Déjà vu: CafÃ©", "Déjà vu: Café", "mojibake"),
        ("title", "ÃƒÂ©tÃƒÂ©", "été", "mojibake"),
        ("title", "It\x92s", "It’s", "mojibake"),
        ("title", "Nul\x00 and bell\x07", "Nul and bell", "control character"),
        ("title", "Soft\xadhy\u200bphen", "Softhyphen", "control character"),
        ("title", "Cafe\u0301", "Café", "Unicode form"),
        ("title", "Half \ud83d", "Half ?", "broken surrogate"),
        ("body", "One.\nTwo.", "One.\n\nTwo.", "paragraphs by single line breaks"),
    ],
)
def test_what_is_repaired(field: str, before: str, after: str, what: str) -> None:
    """Each repair does its one thing and says what it was before and after."""
    assert (after, [what]) == (repaired(field, before)[0], [each[0] for each in repaired(field, before)[1]])


@pytest.mark.parametrize(
    "title",
    [
        *("AT&T; and Q&A", "R&D up 5 %", "a < b & c > d", "a <b and c> d", "I <3 pandas", "?a=1&copy=2"),
        *("Größe für Ärzte – “yes”", "naïve café", "LE CAFÉ» FERME", "«ESPAÑA ES MI MADRÍ»", "CÔTÉ…", "RÉSUMÉ™"),
        *(
            "日本語の題",
            "سوق العطارين",
            "می‌خواهم",
            "Nguyễn Thị Hoa, Đorđević, Łukasz Wiśniewski",
            "«\xa0ÉTÉ\xa0»",
            "👩‍🚀",
        ),
    ],
)
def test_sound_titles_stay(title: str) -> None:
    """Ampersands, comparisons, capitals with accents before quotes, other scripts and joiners are left alone."""
    assert (title, []) == repaired("title", title)


@pytest.mark.parametrize("body", ["A poem\nin lines\nwithout stops", "One.\n\nTwo.\nStill two.", "a < b"])
def test_sound_bodies_stay(body: str) -> None:
    """Line breaks that do not end sentences, and paragraphs that are apart already, are left alone."""
    assert (body, []) == repaired("body", body)


def test_line_ends_become_newlines_without_a_word() -> None:
    """Windows' and old Macs' line ends are no repair worth a line in a table."""
    assert ("One\n\nTwo\nThree", []) == repaired("body", "One\r\n\r\nTwo\rThree")


def test_long_texts_show_the_place_of_the_repair() -> None:
    """Of a long text only the surroundings of the first difference are kept."""
    ((_, before, after),) = repaired("body", "x " * 500 + "cafÃ© " + "y " * 500)[1]

    assert ("cafÃ©" in before, "café" in after, 120) == (True, True, len(before))


@given(st.sampled_from(["title", "body"]), st.text())
def test_what_is_repaired_is_sound(field: str, text: str) -> None:
    """Whatever came in, what comes out can be saved, and its white space needs no second repair."""
    after, _ = repaired(field, text)
    after.encode()

    assert (after.strip(), False) == (after, "\0" in after or "\r" in after)


@pytest.mark.parametrize(
    "part", ["<", "<!--", "&amp;", " ", "<a ", "<a x=", "<script>", "\xc3", "Ã©", "\n", "a\t", "&", "a.\n", "日"]
)
@pytest.mark.parametrize("field", ["title", "body"])
def test_hostile_text_costs_no_more_than_its_length(field: str, part: str) -> None:
    """Long texts that regular expressions stumble over are done at once; in squares they would take minutes."""
    hostile = (part * 200_000)[:200_000] + " " * 100_000 + "x"

    assert len(repaired(field, hostile)[0]) <= 2 * len(hostile)
