"""Languages: whether a title is in its article's language."""

from __future__ import annotations

import subprocess
import sys

import pytest

import retitlekit as rk
from retitlekit.language.languages import is_in_language, language_of

from .conftest import ROOT

ARTICLES = {article.id: article for article in rk.load_articles(ROOT / "data/articles.jsonl")}


@pytest.mark.parametrize("article", ARTICLES.values(), ids=ARTICLES.keys())
def test_language_of_the_shipped_articles(article: rk.Article) -> None:
    """Bodies are in the language that the file says, and the titles that people wrote keep it."""
    assert article.language == language_of(article.body)
    found = is_in_language(article.title, article.body)
    assert found is None or found[0]


BRIDGE = ARTICLES["harbour-bridge-closure"].body


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Westhaven bridge shut for nine weeks", (True, "en")),
        ("WESTHAVEN BRIDGE SHUT FOR NINE WEEKS", (True, "en")),
        ("Ingrid Solheim", (True, "en")),
        ("Hafenbrücke neun Wochen lang gesperrt", (False, "de")),
        ("Le pont du port de Westhaven fermé pendant neuf semaines", (False, "fr")),
        ("El puente del puerto cerrará nueve semanas", (False, "es")),
        ("Most w Westhaven zamknięty na dziewięć tygodni", (False, "pl")),
        ("Мост в Вестхейвене закроют на девять недель", (False, "ru")),
        ("ウェストヘブンの橋、9週間閉鎖へ", (False, "ja")),
        ("韦斯特黑文大桥将关闭九周", (False, "zh")),
        ("???", None),
    ],
)
def test_language_kept(title: str, expected: tuple[bool, str] | None) -> None:
    """Another language is found and named, in another script or in the same; names alone say nothing."""
    assert expected == is_in_language(title, BRIDGE)


def test_language_told_beats_the_text() -> None:
    """The article's own code counts, region and all; too little text to tell gives no verdict."""
    assert (True, "pt") == is_in_language("Ponte fecha por nove semanas", "Ponte", "pt-BR")
    assert is_in_language("Bridge shuts", "Bridge") is None


def test_model_is_loaded_only_when_needed() -> None:
    """Scoring a title in the words of its article needs no language model."""
    code = (
        "import sys, retitlekit.scorers; from retitlekit.language.languages import is_in_language;"
        "is_in_language('The bridge was closed', 'The old bridge was closed on Monday for repairs.', 'en');"
        "print('py3langid' in sys.modules, 'vaderSentiment' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert ("False False\n", "") == (done.stdout, done.stderr)
