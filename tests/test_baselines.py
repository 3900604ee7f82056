"""The embedded titlers: faithful to their papers, to the article and to the few constraints they obey."""

from __future__ import annotations

import json
import math
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

import retitlekit as rk
from benchmarks.rouge import rouge
from retitlekit.baselines import BASELINES, lexrank, read_constraints, write_title
from retitlekit.baselines.trims import kept_words
from retitlekit.language.sentences import split_sentences

from .conftest import ROOT

TITLE = "Old bridge to close"
BODY = """LEEDS (Reuters) - The city council voted on Monday to close the old bridge over the river, the mayor said.

The bridge is 90 years old. It carries 12,000 cars a day, according to the city. A new bridge would cost $5 million,
which the council did not approve. The council will vote again in May.

Nobody was hurt when a part of the old bridge fell into the river last year. Police had closed the road before."""
SEED = """Kim Jong Un arrived in Russia on Tuesday amid US warnings not to sell arms to Moscow. No meeting with
Vladimir Putin was confirmed. Officials in Moscow have denied that an arms deal is planned."""
CHINESE = "北京市政府周一决定关闭这座有九十年历史的老桥，为期两年。市长说，新桥将耗资五百万元。市议会五月将再次投票。"
NAMES = tuple(BASELINES)


def ask(body: str = BODY, *, title: str = TITLE, instruction: str = "Rewrite the title.") -> list[dict[str, str]]:
    titled = f"<title>\n{title}\n</title>\n" if title else ""
    article = f"<article>\n{body}\n</article>\n" if body else ""
    return [{"role": "user", "content": f"{instruction}\n{titled}{article}"}]


def draws(model: str, temperature: float, count: int = 200) -> list[str]:
    return [write_title(model, ask(), temperature=temperature, seed=seed) for seed in range(count)]


@pytest.mark.parametrize(
    ("model", "messages", "expected"),
    [
        ("baseline/prefix", ask(), "LEEDS (Reuters) - The city council voted on Monday to close the old bridge"),
        ("baseline/lead-compress", ask(), "City council voted to close old bridge over river, the mayor said"),
        ("baseline/lexrank", ask(), "City council voted to close old bridge over river, the mayor said"),
        (
            "baseline/lead-compress",
            ask(SEED),
            "Kim Jong Un arrived in Russia amid US warnings not to sell arms to Moscow",
        ),
        ("baseline/prefix", ask(CHINESE), "北京市政府周一决定关闭这座有九十年历史的老桥，为期"),
        ("baseline/lead-compress", ask(CHINESE), "北京市政府周一决定关闭这座有九十年历史的老桥，为期两年"),
        ("baseline/prefix", ask(""), "Old bridge to close"),
        ("baseline/lead-compress", ask("", title="The mayor was elected on Monday"), "Mayor elected"),
        ("baseline/lexrank", ask("", title="Talks end without a deal"), "Talks end without deal"),
    ],
)
def test_titles(model: str, messages: list[dict[str, str]], expected: str) -> None:
    """Each baseline gives the title that its method gives; without a body it compresses the title it sees."""
    assert expected == write_title(model, messages)


def test_prefix_is_75_bytes_on_a_border() -> None:
    """DUC-2004's baseline: exactly 75 bytes of ASCII, and never half a character."""
    assert "x" * 75 == write_title("baseline/prefix", ask("x" * 99))
    assert "ä" * 37 == write_title("baseline/prefix", ask("ä" * 99))


def test_descriptions_are_honest() -> None:
    """Every baseline says that it is no language model and what of a prompt it obeys."""
    assert all("Not a language model" in note and "obeys only" in note for note in BASELINES.values())


@pytest.mark.parametrize("model", NAMES)
def test_prompts_change_nothing_but_constraints(model: str) -> None:
    """Two prompts without constraints give the same title, at any temperature, for the same seed."""
    other = ask(instruction="You are a poet. Make it rhyme, and mention the sea.")

    for temperature in (None, 0.7):
        assert write_title(model, ask(), temperature=temperature) == write_title(model, other, temperature=temperature)


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("At most 40 characters.", "City council voted, the mayor said"),
        ("At most four words.", "Council will vote again"),
        ("AP style title case.", "City Council Voted to Close Old Bridge Over River, the Mayor Said"),
        ("As a question.", "City council voted to close old bridge over river, the mayor said?"),
        ("Sentence case.", "City council voted to close old bridge over river, the mayor said"),
        ("Do not write a question.", "City council voted to close old bridge over river, the mayor said"),
    ],
)
def test_constraints_are_obeyed(instruction: str, expected: str) -> None:
    """Length, casing and form that a prompt asks for show in the title."""
    assert expected == write_title("baseline/lead-compress", ask(instruction=instruction))


@pytest.mark.parametrize(
    ("title", "instruction", "expected"),
    [
        (
            "Colin Powell Resigns as Secretary of the Senate",
            "Sentence case.",
            "Colin Powell resigns as secretary of senate",
        ),
        ("IAEA chief says iPhone 5 sold in the U.S.", "Title case.", "IAEA Chief Says iPhone 5 Sold in U.S."),
        ("votes to go on in the country, up to a point", "Title case.", "Votes to Go on in Country, up to Point"),
    ],
)
def test_casing_of_titles(title: str, instruction: str, expected: str) -> None:
    """Names, acronyms and odd capitals survive a change of case; AP's small words stay small."""
    assert expected == write_title("baseline/lead-compress", ask("", title=title, instruction=instruction))


@pytest.mark.parametrize(
    ("model", "options", "error", "says"),
    [
        ("baseline/none", {}, rk.ModelError, "baseline/prefix, baseline/lead-compress, baseline/lexrank"),
        ("baseline/prefix", {"messages": [{"role": "user", "content": "Write a title."}]}, rk.CallError, "<article>"),
        ("baseline/prefix", {"temperature": -1}, rk.CallError, "temperature -1"),
        ("baseline/prefix", {"temperature": math.nan}, rk.CallError, "temperature nan"),
        ("baseline/lead-compress", {"temperature": math.inf}, rk.CallError, "temperature inf"),
        (
            "baseline/lexrank",
            {"messages": ask(instruction="At most 2 characters.")},
            rk.CallError,
            "at most 2 characters",
        ),
        ("baseline/lead-compress", {"messages": ask("…", title="")}, rk.CallError, "no words"),
    ],
)
def test_errors(model: str, options: dict[str, object], error: type[rk.ModelError], says: str) -> None:
    """What cannot be done is named with what is allowed, and another try is not promised to help."""
    with pytest.raises(error, match=re.escape(says)) as caught:
        write_title(model, **{"messages": ask(), **options})  # type: ignore[arg-type]

    assert not getattr(caught.value, "retryable", False)


@pytest.mark.parametrize("model", NAMES)
def test_same_seed_same_title(model: str) -> None:
    """A title depends on article, temperature and seed alone, in another process too."""
    call = f"write_title({model!r}, {ask()!r}, temperature=0.7, seed=3)"
    code = f"from retitlekit.baselines import write_title; print({call})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)

    assert done.stdout.strip() == write_title(model, ask(), temperature=0.7, seed=3)


@pytest.mark.parametrize("model", NAMES)
def test_no_temperature_is_the_best_title(model: str) -> None:
    """None and 0 are the same single title, whatever the seed; a temperature just above 0 is nearly that."""
    best = write_title(model, ask())

    assert {best} == {write_title(model, ask(), temperature=0, seed=seed) for seed in range(5)}
    assert {best} == set(draws(model, 1e-300, 5))


@pytest.mark.parametrize("model", ["baseline/lead-compress", "baseline/lexrank"])
def test_temperature_trades_quality_for_diversity(model: str) -> None:
    """The higher the temperature, the more different titles, and the fewer draws of the best one."""
    drawn = {temperature: draws(model, temperature) for temperature in (0.05, 0.3, 2.0)}
    distinct = [sum(len(set(titles[n : n + 5])) for n in range(0, 200, 5)) for titles in drawn.values()]
    best = [titles.count(write_title(model, ask())) for titles in drawn.values()]

    assert distinct == sorted(set(distinct))
    assert best == sorted(set(best), reverse=True)


def test_the_pool_is_ranked_by_quality() -> None:
    """What comes first at a low temperature is nearer to a person's title than what comes at a high one."""
    wanted = "Council votes to close old bridge over river for two years"
    quality = {
        temperature: sum(rouge(title, wanted)["1"].f1 for title in draws("baseline/lead-compress", temperature))
        for temperature in (0.05, 0.5, 5.0)
    }

    assert sorted(quality.values(), reverse=True) == list(quality.values())


def test_lexrank_finds_the_centre() -> None:
    """The sentence most like the others ranks first, without words in common all rank alike, and ranks sum to 1."""
    sentences = ["The old bridge will close in May.", "The bridge in Leeds is old.", "Old men sing.", "It rained."]
    ranks = lexrank(sentences)

    assert math.isclose(1, sum(ranks))
    assert max(ranks) in ranks[:2]
    assert lexrank(["Red house.", "Blue sea."]) == pytest.approx([0.5, 0.5])
    assert [] == lexrank([])
    assert [0.5, 0.5] == lexrank(["?", "!"])


def test_lexrank_follows_its_query() -> None:
    """With a query the sentence that answers it ranks first, though it is not central."""
    sentences = [
        "The old bridge will close.",
        "The old bridge is long.",
        "The bridge is old.",
        "Police arrested a singer.",
    ]

    assert 3 != max(range(4), key=lexrank(sentences).__getitem__)
    assert 3 == max(range(4), key=lexrank(sentences, query="Singer arrested").__getitem__)


@pytest.mark.parametrize("temperature", [None, 0.3, 5.0])
@pytest.mark.parametrize("model", ["baseline/lead-compress", "baseline/lexrank"])
def test_negations_are_retained(model: str, temperature: float | None) -> None:
    """Each title holds every negation of its sentence, unless it lacks the whole clause ("amid US warnings not to")."""
    for seed in range(40):
        title = write_title(model, ask(SEED + "\n\n" + BODY), temperature=temperature, seed=seed)
        words = re.findall(r"\w+", title.casefold())
        sources = [
            text
            for text in split_sentences(SEED + "\n\n" + BODY)
            if set(words) <= set(re.findall(r"\w+", text.casefold()))
        ]

        assert any(kept_words(source) == kept_words(title) for source in sources) or "amid" not in words
        assert sources


PIECES = """the mayor of London said police not no No. 5 "we will" Mr. Smith, denied if Monday, (aside) in New York
according to officials , who was killed 20 people has been found reportedly failed to 北朝鮮は 、 。 . . . ?
<title> '""".split()
TEXTS = st.one_of(st.text(max_size=300), st.lists(st.sampled_from([*PIECES, "\n\n"]), max_size=80).map(" ".join))


@given(
    model=st.sampled_from(NAMES),
    title=TEXTS,
    body=TEXTS,
    temperature=st.sampled_from([None, 0, 0.3, 50]),
    characters=st.none() | st.integers(1, 99),
    words=st.none() | st.integers(1, 12),
    form=st.sampled_from(["", "As a question.", "Title case.", "Sentence case."]),
)
def test_any_article(
    model: str, title: str, body: str, temperature: float | None, characters: int | None, words: int | None, form: str
) -> None:
    """Of any text comes one line within the limits, or a CallError; the same again for the same seed."""
    limits = [f"At most {characters} characters."] * bool(characters) + [f"At most {words} words."] * bool(words)
    messages = ask(body, title=title, instruction=" ".join(["Rewrite.", *limits, form]))
    found = read_constraints(messages)
    written = problem = None
    try:
        written = write_title(model, messages, temperature=temperature, seed=1)
    except rk.CallError as caught:
        problem = caught.error_type

    assert (problem in ("NoArticle", "NoTitleFits")) == (written is None)
    if written is not None:
        assert [written] == written.splitlines()
        assert len(written) <= (found.max_characters or 91)
        assert len(written.split()) <= (found.max_words or 91)
        assert written == write_title(model, messages, temperature=temperature, seed=1)


ROUGE_TEXTS = st.one_of(
    st.text(max_size=80), st.lists(st.sampled_from("the cat The cats sat on 5 mats. a-b".split())).map(" ".join)
)


def oracle(title: str, reference: str, *, stemmed: bool = False) -> dict[str, tuple[float, float, float]]:
    scores = rouge_scorer.RougeScorer(["rouge1", "rouge2", "rougeL"], use_stemmer=stemmed).score(reference, title)
    return {
        name.removeprefix("rouge"): (score.recall, score.precision, score.fmeasure) for name, score in scores.items()
    }


@pytest.mark.parametrize(
    ("title", "reference"),
    [
        ("the cat sat", "the cat sat"),
        ("the cat sat on the mat", "the mat sat on a cat"),
        ("", "a cat"),
        ("a cat", ""),
        ("", ""),
        ("U.S. wins 2-1", "US wins 2–1"),
        ("Erdoğan's visit", "Erdogan visits"),
        ("a a a b", "a a c b"),
    ],
)
def test_rouge_by_the_table(title: str, reference: str) -> None:
    """Our ROUGE gives what Google's gives."""
    for stem in (None, PorterStemmer().stem):
        expected, actual = oracle(title, reference, stemmed=stem is not None), rouge(title, reference, stem=stem)

        assert [expected[name] for name in "12L"] == [pytest.approx(actual[name]) for name in "12L"]


@given(ROUGE_TEXTS, ROUGE_TEXTS)
def test_rouge_of_any_texts(title: str, reference: str) -> None:
    """Our ROUGE gives what Google's gives, for any two texts."""
    expected, actual = oracle(title, reference), rouge(title, reference)

    assert [expected[name] for name in "12L"] == [pytest.approx(actual[name]) for name in "12L"]


def test_rouge_within_bytes() -> None:
    """Only the first bytes count, and half a character does not."""
    assert 0.5 == rouge("ab cd", "ab cd", max_bytes=3)["1"].recall
    assert rouge("ä x", "x", max_bytes=1) == rouge("", "x")


def test_the_table_of_the_benchmark(tmp_path: Path) -> None:
    """The script prints a Markdown table with every baseline for any file of articles."""
    rng = random.Random(0)
    path = tmp_path / "articles.jsonl"
    lines = [
        {"id": str(n), "title": f"Bridge {n} to close", "body": f"{BODY} Bridge {n} is {rng.randrange(99)}."}
        for n in range(6)
    ]
    path.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "benchmarks/baselines.py", str(path)], capture_output=True, text=True, cwd=ROOT, check=False
    )

    assert "" == done.stderr
    assert all(f"| {name}" in done.stdout for name in NAMES)
