"""Templates of plugins: what comes in as a prompt, what goes out, and what cannot be carried."""

from __future__ import annotations

import pytest

import retitlekit as rk

from .conftest import ROOT

SHIPPED = rk.load_prompts(ROOT / "prompts")
ARTICLE = rk.Article(
    "a",
    "Kim [sic] in {A|B}",
    "First.\n\nSecond {{ x }}.",
    "news.example",
    "https://news.example/1",
    "2023-09-12",
    "en",
)


def rendered(text: str, **options: object) -> str:
    (prompt,) = rk.import_template(text, **options).values()  # type: ignore[arg-type]
    (message,) = prompt.render(ARTICLE)
    return message["content"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[gpt]rewrite this title: [original_title][/gpt]", "rewrite this title: Kim [sic] in {A|B}"),
        ("[gpt3]Sum: [matched_content] of [source_domain][/gpt3]", "Sum: First.\n\nSecond {{ x }}. of news.example"),
        ("[openai_gpt]%post_title% / %post_excerpt%[/openai_gpt]", "Kim [sic] in {A|B} / First."),
        ("[aicontent]%%post_title%% in %%language%%[/aicontent]", "Kim [sic] in {A|B} in en"),
        ("Write a title for %%post_title%%", "Write a title for Kim [sic] in {A|B}"),
        ("[gpt]{{x}} {%y%} {#z#}\nSystem:\n[original_title][/gpt]", "{{x}} {%y%} {#z#}\nSystem:\nKim [sic] in {A|B}"),
        ("[gpt]Rewrite this title: Old one[/gpt]", "Rewrite this title: Kim [sic] in {A|B}"),
    ],
)  # fmt: skip
def test_import(text: str, expected: str) -> None:
    """A vendor's template says to the model what it would have said there, and an article can add nothing to it."""
    assert expected == rendered(text)


def test_the_title_that_began_it() -> None:
    """The seed's leaked title is an error with its place, and repaired it is a prompt for any title."""
    seed = "[gpt3] Rewrite this title: Kim Jong Un in Russia amid US warnings not to sell arms [/gpt4]"
    with pytest.raises(rk.ShortcodeError, match="line 1, column 84"):
        rk.import_template(seed)

    assert "Rewrite this title: Kim [sic] in {A|B}" == rendered(seed, repair=True)


def test_settings_of_the_tag() -> None:
    """The model and parameters of the tag are the prompt's own, as LiteLLM calls them."""
    prompt = rk.import_template("[gpt:gpt-4o t=0.3 max_tokens=60]x [original_title][/gpt]", name="mine")["mine"]
    other = rk.import_template('[openai_gpt model="openai-gpt-4o"]x [original_title][/openai_gpt]')["imported"]
    third = rk.import_template('[openai_gpt model="meta/llama-3"]x [original_title][/openai_gpt]')["imported"]

    assert ("openai/gpt-4o", 0.3, {"max_tokens": 60}) == (prompt.model, prompt.temperature, prompt.params)
    assert ("openai/gpt-4o", "meta/llama-3") == (other.model, third.model)


def test_choices_become_variants() -> None:
    """Each reading is a prompt of its own."""
    prompts = rk.import_template("[gpt]Make it {short|long}: [original_title][/gpt]")

    assert ["imported-1", "imported-2"] == list(prompts)
    assert ["Make it short", "Make it long"] == [
        p.render(ARTICLE)[0]["content"].split(":")[0] for p in prompts.values()
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[gpt]a [gpt3]b[/gpt3][/gpt]", r"2 calls are a chain.*\[gpt3\] at 1:8, then \[gpt\] at 1:1"),
        ("[gpt]by [author] for [original_title][/gpt]", "no article has author"),
        ("[gpt]x", "never closed"),
    ],
)
def test_what_cannot_be_imported(text: str, says: str) -> None:
    """What is no prompt is refused with the reason; a default helps where a value is missing."""
    with pytest.raises(rk.ShortcodeError, match=says):
        rk.import_template(text)

    assert "by nobody for Kim [sic] in {A|B}" == rendered(
        "[gpt]by [author] for [original_title][/gpt]", defaults="author|nobody"
    )


def joined(prompt: rk.Prompt) -> str:
    return "\n\n".join(message["content"] for message in prompt.render(ARTICLE))


@pytest.mark.parametrize("to", ["wp-automatic", "cyberseo", "aiomatic"])
@pytest.mark.parametrize("name", ["bare", "contract", "contract-body", "limits", "in-other-words"])
def test_round_trip(name: str, to: str) -> None:
    """A shipped prompt that went out and came back says the same words in one message."""
    template = rk.export_template(SHIPPED[name], to)  # type: ignore[arg-type]
    (back,) = rk.import_template(str(template)).values()

    assert joined(SHIPPED[name]) == joined(back)
    assert (len(SHIPPED[name].render(ARTICLE)) > 1) == any("system message" in lost for lost in template.lost)


def test_what_is_lost_is_said() -> None:
    """A model or temperature that a plugin sets elsewhere is told; one that its tag can carry is carried."""
    prompt = rk.Prompt("p", "---\nmodel: openai/gpt-4o\ntemperature: 0.3\n---\nShorten: {{ title | safe }}")
    lost = {to: rk.export_template(prompt, to) for to in ("wp-automatic", "cyberseo", "aiomatic")}  # type: ignore[arg-type]

    assert '[openai_gpt model="gpt-4o" temperature="0.3"]Shorten: %post_title%[/openai_gpt]' == str(lost["cyberseo"])
    assert [2, 0, 1] == [len(template.lost) for template in lost.values()]
    assert "temperature 0.3 is set in the settings of aiomatic" in lost["aiomatic"].lost[0]


@pytest.mark.parametrize(
    ("body", "to", "says"),
    [
        ("{% if source %}x{% endif %} {{ title }}", "wp-automatic", "logic"),
        ("{{ title | upper }}", "wp-automatic", "logic or filters"),
        ("{{ lead }}", "wp-automatic", "uses lead, which wp-automatic does not have"),
        ("{{ source }}", "aiomatic", "uses source"),
        ("Write {one|two} titles: {{ title }}", "wp-automatic", "brackets or braces"),
        ("Close [/gpt] it: {{ title }}", "wp-automatic", "cannot be a template"),
        ("[original_title] is a variable: {{ title }}", "wp-automatic", "text of a variable"),
        ("User:\nx {{ title }}\nAssistant:\ny", "cyberseo", "example answers"),
        ("{{ title }}", "feedzy", "wp-automatic, cyberseo, aiomatic, not for 'feedzy'"),
    ],
)
def test_what_cannot_be_exported(body: str, to: str, says: str) -> None:
    """What would become another prompt in the plugin is refused with the reason."""
    with pytest.raises(rk.ShortcodeError, match=says):
        rk.export_template(rk.Prompt("p", body), to)  # type: ignore[arg-type]
