"""Records: other people's fields become ours, and nothing is guessed."""

from __future__ import annotations

import contextlib
import datetime
import decimal
import json
import uuid
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import retitlekit as rk


def loaded(**fields: object) -> rk.Articles:
    with warnings.catch_warnings(action="ignore", category=rk.RetitlekitWarning):
        return rk.load_articles([{"title": "Bridge to close", "body": "It is old.", **fields}])


BERLIN = pd.Timestamp("2024-07-01 10:00", tz="Europe/Berlin")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("2023-09-12 13:58:00", "2023-09-12T13:58:00"),
        ("2023-09-12T13:58:00+02:00", "2023-09-12T13:58:00+02:00"),
        ("2023-09-12 13:58:00 +0200", "2023-09-12T13:58:00+02:00"),
        ("2023-09-12 13:58:00 UTC", "2023-09-12T13:58:00+00:00"),
        ("2023-09-12T13:58:00Z", "2023-09-12T13:58:00+00:00"),
        ("2023-09-12T13:58:00.1234567Z", "2023-09-12T13:58:00.123456+00:00"),
        ("2023-09-12", "2023-09-12"),
        ("20230912", "2023-09-12"),
        (20230912, "2023-09-12"),
        ("Tue, 12 Sep 2023 13:58:00 GMT", "2023-09-12T13:58:00+00:00"),
        ("Tue, 12 Sep 2023 13:58:00 EST", "2023-09-12T13:58:00-05:00"),
        ("Tue, 12 Sep 2023 13:58:00 -0000", "2023-09-12T13:58:00"),
        (datetime.date(2023, 9, 12), "2023-09-12"),
        (BERLIN, "2024-07-01T10:00:00+02:00"),
        (np.datetime64("2023-09-12T13:58:00"), "2023-09-12T13:58:00"),
        (pd.NaT, None),
        ("", None),
    ],
)
def test_a_zone_is_kept_or_unknown(given: object, expected: str | None) -> None:
    """An offset stays; where there is none, none is invented."""
    found = loaded(published_at=given)

    assert (expected, []) == (found[0].published_at, found.repairs.what.tolist())


@pytest.mark.parametrize(
    "given",
    [
        *("soon", "09/12/2023", 2023, True, [2023], {"a": 1}, json.loads("[" * 900 + "]" * 900)),
        *("1694527080", 1694527080, 1694527080.5, 1610121200000, 10**5000),
    ],
    ids=lambda given: f"{str(given) if isinstance(given, str | float) else type(given).__name__:.20}",
)
def test_what_is_no_date_is_dropped_and_told(given: object) -> None:
    """Neither seconds nor milliseconds nor an order of day and month is guessed."""
    with pytest.warns(rk.RetitlekitWarning, match="1 × no date, dropped"):
        found = rk.load_articles([{"title": "a", "body": "b", "date": given}])

    assert (None, ["published_at"]) == (found[0].published_at, found.repairs.field.tolist())


def test_names_of_other_people() -> None:
    """Usual names are known in any spelling; the surest one that is filled counts."""
    found = loaded(
        **{"GUID": "g", "Pub Date": "2024-01-01", "headline": "Other", "description": "Short", "in-language": "de"}
    )

    assert "It is old." == loaded(**{"Body": "", "BODY": None})[0].body
    assert ("g", "Bridge to close", "It is old.", "2024-01-01", "de") == (
        *(found[0].id, found[0].title, found[0].body),
        *(found[0].published_at, found[0].language),
    )


def test_json_of_wordpress_and_of_news_services() -> None:
    """`rendered` texts, a publisher with a name and a list of paragraphs are read as what they are."""
    posts = [
        {"id": 7, "title": {"rendered": "A &#8220;b&#8221;"}, "content": {"rendered": "<p>One.</p>\n<p>Two.</p>"}},
        {"title": "T", "content": ["One.", "Two."], "source": {"id": None, "name": "BBC"}, "publishedAt": "2024-01-01"},
    ]
    first, second = rk.load_articles(posts)

    assert ("7", "A “b”", "One.\n\nTwo.") == (first.id, first.title, first.body)
    assert ("BBC", "One.\n\nTwo.", "2024-01-01") == (second.source, second.body, second.published_at)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (12345678901234567890, "12345678901234567890"),
        (3.0, "3"),
        (np.int64(3), "3"),
        (decimal.Decimal("1.5"), "1.5"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        ("007", "007"),
    ],
)
def test_ids_of_other_types(given: object, expected: str) -> None:
    """Numbers and UUIDs are ids as they are written; a column of numbers with a gap makes no "3.0"."""
    assert expected == loaded(id=given)[0].id


@pytest.mark.parametrize("field", ["id", "title", "body"])
@pytest.mark.parametrize(
    "value", [[1], {"a": "b"}, b"bytes", object(), 10**5000], ids=lambda value: type(value).__name__
)
def test_what_is_no_text(field: str, value: object) -> None:
    """A field that an article needs and that is no text is an error that names it and what it is."""
    with pytest.raises(rk.ArticleError, match=f"record 1: {field}: expected text, found {type(value).__name__}"):
        loaded(**{field: value})


def test_a_source_that_is_no_text_is_dropped_and_told() -> None:
    """What an article can do without does not cost the article."""
    found = loaded(language=["en", "de"])

    assert (None, ["no text, dropped"]) == (found[0].language, found.repairs.what.tolist())


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://x.example/p", "x.example"),
        ("HTTP://user@X.Example:80/p", "x.example"),
        ("/relative", None),
        ("https://[::1]/", None),
        ("mailto:a@b", None),
    ],
)
def test_the_source_is_the_host_unless_it_is_said(url: str, host: str | None) -> None:
    """The host of an address stands in for a source, and no odd address crashes."""
    assert (host, "s") == (loaded(url=url)[0].source, loaded(url=url, source="s")[0].source)


ODD = st.one_of(
    *(st.text(), st.integers(), st.floats(), st.none(), st.booleans(), st.binary(), st.dates(), st.datetimes()),
    *(
        st.lists(st.text(), max_size=2),
        st.dictionaries(st.text(), st.text(), max_size=2),
        st.just(pd.NA),
        st.just(pd.NaT),
    ),
    *(st.decimals(), st.complex_numbers(), st.timedeltas(), st.just(np.array([1, 2])), st.just(np.float32("nan"))),
)


@given(
    st.dictionaries(
        st.sampled_from(["id", "title", "body", "url", "date", "lang", "source", "\ud800"]), ODD, min_size=1
    )
)
def test_any_record_is_an_article_or_an_article_error(record: dict) -> None:
    """No record crashes the reader, and what comes out can be shown, tabled and saved."""
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(rk.ArticleError):
        found = rk.load_articles([record, {"title": "Sound", "body": "B"}])

        assert "Sound" == found[-1].title
        assert {"string"} == set(found.to_frame().dtypes.astype(str))
        assert "<table" in found._repr_html_()
        found.repairs.to_json()
        found.skipped.to_json()
