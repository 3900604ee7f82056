"""Prompts travel: what we export is what the other tools' own readers read, and it comes back the same."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import prompty
import pytest
import yaml
from dotpromptz import Dotprompt
from dotpromptz._typing import DataArgument
from hypothesis import given, settings
from hypothesis import strategies as st
from langfuse.api import Prompt_Chat
from langfuse.api.core.pydantic_utilities import parse_obj_as
from langfuse.model import ChatPromptClient
from llm.templates import Template

import retitlekit as rk
from retitlekit.prompts.sandbox import Variable, write_parts

from .conftest import ROOT

SHIPPED = rk.load_prompts(ROOT / "prompts")
ARTICLES = rk.load_articles(ROOT / "data/articles.jsonl")[:6]
ODD = rk.Article(
    "odd", 'Trump\'s "AT&T" <deal>: $5 {{ 7*7 }} \\', "The {lead} costs $lead.\n\nÉtat & ${body} {% raw %}"
)
FORMATS = ("google-dotprompt", "prompty", "promptfoo", "langfuse", "llm")
FULL = rk.Prompt(
    "full",
    """---
model: openai/gpt-4o-mini
temperature: 0.3
max_tokens: 60
stop: [END]
seed: 3
metadata:
  retitlekit:
    description: "Wirklich: é"
    parent: contract
---
System:
Costs $5 {x} or "{y: 1}".

User:
<title>
{{ title | safe }}
</title>
""",
)

Read = tuple[list[dict[str, str]], SimpleNamespace]


def exported(prompt: rk.Prompt, to: str) -> str:
    """The text, whatever is lost."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rk.RetitlekitWarning)
        return rk.export_prompt(prompt, to=to)


def imported(text: str | Path, of: str, **options: Any) -> rk.Prompt:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rk.RetitlekitWarning)
        return rk.import_prompt(text, format=of, **options)


def by_dotprompt(text: str, values: dict[str, str], folder: Path) -> Read:
    """Google's reader: `dotpromptz`."""
    read = asyncio.run(Dotprompt().render(text, DataArgument(input=values)))
    roles = {"model": "assistant"}
    messages = [
        {"role": roles.get(m.role.value, m.role.value), "content": "".join(part.text for part in m.content).strip()}
        for m in read.messages
    ]
    return messages, SimpleNamespace(model=read.model, settings=read.config or {}, description=read.description)


def by_prompty(text: str, values: dict[str, str], folder: Path) -> Read:
    """Microsoft's reader: `prompty`."""
    path = folder / "p.prompty"
    path.write_text(text, encoding="utf-8")
    agent = prompty.load(path)
    messages = [{"role": m.role, "content": m.text.strip()} for m in prompty.prepare(agent, values)]
    model = agent.model
    told = SimpleNamespace(model=None, settings={}, description=agent.description)
    if model is not None and model.options is not None:
        told = SimpleNamespace(
            model=f"{model.provider}/{model.id}", settings=model.options.save(), description=agent.description
        )
    return messages, told


def by_langfuse(text: str, values: dict[str, str], folder: Path) -> Read:
    """Langfuse's own client object, as if the server had stored it."""
    document = json.loads(text)
    stored = parse_obj_as(Prompt_Chat, {**document, "version": 1, "labels": [], "tags": []})
    client = ChatPromptClient(stored)
    messages = [{"role": m["role"], "content": m["content"].strip()} for m in client.compile(**values)]
    config = client.config
    return messages, SimpleNamespace(model=config.get("model"), settings=config, description=client.commit_message)


def by_llm(text: str, values: dict[str, str], folder: Path) -> Read:
    """Template of `llm`."""
    template = Template(name="p", **yaml.safe_load(text))
    prompt, system = template.evaluate("", values)
    said = [("system", system), ("user", prompt)]
    messages = [{"role": role, "content": content.strip()} for role, content in said if content]
    return messages, SimpleNamespace(model=template.model, settings=template.options, description=None)


READERS: dict[str, Callable[[str, dict[str, str], Path], Read]] = {
    "google-dotprompt": by_dotprompt,
    "prompty": by_prompty,
    "langfuse": by_langfuse,
    "llm": by_llm,
}
CARRIED = [(name, to) for to in FORMATS for name in SHIPPED if (name, to) != ("few-shot", "llm")]


@pytest.mark.parametrize(("name", "to"), CARRIED)
def test_round_trip(name: str, to: str) -> None:
    """Every shipped prompt comes back from every format with the same messages and parameters."""
    prompt = SHIPPED[name]
    back = imported(exported(prompt, to), to, name=name)

    assert [prompt.render(article) for article in [*ARTICLES, ODD]] == [back.render(a) for a in [*ARTICLES, ODD]]
    assert (prompt.model, prompt.temperature, prompt.params) == (back.model, back.temperature, back.params)
    assert ({} if to == "llm" else prompt.about) == back.about


@pytest.mark.parametrize(("name", "to"), [(name, to) for name, to in CARRIED if to in READERS])
def test_their_own_readers_read_the_same(name: str, to: str, tmp_path: Path) -> None:
    """Google's, Microsoft's, Langfuse's and llm's own readers give the messages that we send."""
    prompt, text = SHIPPED[name], exported(SHIPPED[name], to)
    for article in [*ARTICLES, ODD]:
        values = {variable: getattr(article, variable) for variable in prompt.variables}

        assert prompt.render(article) == READERS[to](text, values, tmp_path)[0]


@pytest.mark.parametrize(
    ("to", "model", "settings", "description"),
    [
        (
            "google-dotprompt",
            "openai/gpt-4o-mini",
            {"temperature": 0.3, "maxOutputTokens": 60, "stopSequences": ["END"], "seed": 3},
            "Wirklich: é",
        ),
        (
            "prompty",
            "openai/gpt-4o-mini",
            {"temperature": 0.3, "maxOutputTokens": 60, "stopSequences": ["END"], "seed": 3},
            "Wirklich: é",
        ),
        (
            "langfuse",
            "openai/gpt-4o-mini",
            {
                "model": "openai/gpt-4o-mini",
                "temperature": 0.3,
                "max_tokens": 60,
                "stop": ["END"],
                "seed": 3,
                "metadata": {"retitlekit": {"parent": "contract"}},
            },
            "Wirklich: é",
        ),
        ("llm", "gpt-4o-mini", {"temperature": 0.3, "max_tokens": 60, "seed": 3}, None),
    ],
)
def test_their_own_readers_see_the_settings(
    to: str, model: str, settings: dict[str, Any], description: str | None, tmp_path: Path
) -> None:
    """Model, parameters and description arrive under the names that each tool uses."""
    told = READERS[to](exported(FULL, to), {"title": "T"}, tmp_path)[1]

    assert (model, settings, description) == (told.model, told.settings, told.description)


def test_promptfoo_configuration() -> None:
    """For promptfoo it is a configuration: messages as JSON, a provider, and parameters."""
    document = yaml.safe_load(exported(FULL, "promptfoo"))
    entry = document["prompts"][0]

    assert ["openai:chat:gpt-4o-mini"] == document["providers"]
    assert {"temperature": 0.3, "max_tokens": 60, "stop": ["END"], "seed": 3} == entry["config"]
    assert ["system", "user"] == [message["role"] for message in json.loads(entry["raw"])]
    assert "<title>\n{{ title }}\n</title>" == json.loads(entry["raw"])[1]["content"]


@pytest.mark.parametrize("to", FORMATS)
def test_settings_come_back(to: str) -> None:
    """Model, temperature, parameters, description and provenance survive the way there and back."""
    back = imported(exported(FULL, to), to, name="full")
    params = dict(FULL.params) if to != "llm" else {"max_tokens": 60, "seed": 3}

    assert (FULL.model, FULL.temperature, params) == (back.model, back.temperature, back.params)
    assert ({} if to == "llm" else FULL.about) == back.about
    assert [] == [found for found in back.lint() if found.severity == "error"]


@pytest.mark.parametrize(
    ("front", "to", "says"),
    [
        (
            "metadata: {retitlekit: {description: D, parent: q}}",
            "llm",
            "metadata.retitlekit.description, metadata.retitlekit.parent",
        ),
        ("stop: [a, b]\nreasoning_effort: low", "llm", "stop, reasoning_effort"),
        ("metadata: {team: x}", "google-dotprompt", "metadata.team"),
        ("input: {schema: {title: object}}", "google-dotprompt", "input.schema.title"),
        ("input: {schema: {title: string}, default: {title: x}}", "prompty", "input.default"),
    ],
)
def test_what_is_lost_is_told(front: str, to: str, says: str) -> None:
    """What a format has no place for is listed in a warning that names the prompt and the format."""
    with pytest.warns(rk.RetitlekitWarning, match=f"prompt 'p' as {to}: not carried: {says}"):
        rk.export_prompt(rk.Prompt("p", f"---\n{front}\n---\nUser:\n{{{{ title | safe }}}}\n"), to=to)


@pytest.mark.parametrize(
    ("text", "to", "says"),
    [
        ("{% if lead %}{{ lead }}{% endif %}{{ title }}", "prompty", ":1: this is logic"),
        ("User:\nx\n{{ title | upper }}", "langfuse", ":3: this is logic"),
        (
            "System:\nA\nUser:\n{{ title }}\nAssistant:\nB",
            "llm",
            "holds a system and a user message, not system, user, a",
        ),
        ("{{ '{{' }}x{{ '}}' }} {{ title }}", "langfuse", "cannot carry message 1"),
        ("{{ '{{' }}not closed {{ title }}", "langfuse", "no variable"),
        ("a {{ '{' }}{{ title }}", "google-dotprompt", "cannot carry"),
        ("x <<<dotprompt:role:system>>> {{ title }}", "google-dotprompt", "marker of Google's"),
        ("{{ history }}", "google-dotprompt", "helper of Handlebars"),
        ("x\nuser:\n{{ title }}", "prompty", "cannot carry message 1"),
        ("---\nmetadata: {retitlekit: {description: a --- b}}\n---\n{{ title }}", "prompty", "end of the front matter"),
        ("{{ title }}", "word", "there is no format 'word'; there are google-dotprompt, prompty"),
    ],
)
def test_what_cannot_be_carried(text: str, to: str, says: str) -> None:
    """Messages that would come out otherwise are refused, with the place; nothing is written instead."""
    with pytest.raises(rk.PromptError, match=says):
        exported(rk.Prompt("p", text), to)


PIECES = st.lists(
    st.one_of(
        st.sampled_from(["title", "body"]).map(Variable),
        st.sampled_from(
            ["{", "{{", "}}", "{%", "{#", "$", "\\", "$$", "\n", "user:\n", "{{title}}", "${", "---", '"', "'"]
        ),
        st.text("a {}$\\\n'\"é#%\u2028\x85\x0c", max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@pytest.mark.parametrize("to", FORMATS)
@settings(deadline=None)
@given(pieces=PIECES)
def test_any_text_arrives_or_is_refused(to: str, pieces: list[str], tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever a message says, it reads back the same here and in the other tool's own reader, or is refused."""
    try:
        prompt = rk.Prompt("p", "User:\n" + write_parts(tuple(pieces)))
        text = exported(prompt, to)
        back = imported(text, to, name="p")
    except rk.PromptError:
        return
    article = rk.Article("a", "T & <t>", "B $x")
    expected = prompt.render(article)

    assert expected == back.render(article)
    if to in READERS:
        values = {"title": article.title, "body": article.body}
        assert expected == READERS[to](text, values, tmp_path_factory.getbasetemp())[0]


GOOGLE = """# A licence stands before the front matter
---
model: googleai/gemini-2.0-flash
config:
  temperature: 0.9
  safetySettings: []
input:
  schema:
    text: string, what to shorten
    tone?: string
tools: [search]
---
{{!-- a note --}}
{{role "system"}}
Shorten. \\{{literal}}
{{role 'user'}}
{{{text}}} {{ tone }}
"""


def test_a_dotprompt_of_somebody_else() -> None:
    """Comments, triple braces, optional inputs and renamed variables are read; what is left behind is told."""
    with pytest.warns(rk.RetitlekitWarning, match="not carried: config.safetySettings, tools"):
        prompt = rk.import_prompt(
            GOOGLE, format="google-dotprompt", name="g", rename={"text": "body", "tone": "source"}
        )

    assert ("gemini/gemini-2.0-flash", 0.9, ("body", "source")) == (prompt.model, prompt.temperature, prompt.variables)
    assert [
        ("system", "Shorten. {{ '{' }}{literal}}"),
        ("user", "{{ body | safe }} {{ source | safe }}"),
    ] == prompt.turns


PROMPTY_1 = """---
name: Shorten
description: D
authors: [x]
model:
  api: chat
  configuration:
    type: azure_openai
    api_key: ${env:SECRET_KEY}
  parameters:
    max_tokens: 30
sample:
  text: x
---
# system:
Be brief.

user:
{{text}}
"""


def test_a_prompty_of_version_1(monkeypatch: pytest.MonkeyPatch) -> None:
    """Version 1 is read too; its connection is left behind, and no environment variable is looked up."""
    monkeypatch.setenv("SECRET_KEY", "sk-very-secret-1")
    with pytest.warns(rk.RetitlekitWarning, match="model.configuration, authors, sample"):
        prompt = rk.import_prompt(PROMPTY_1, format="prompty", rename={"text": "title"})

    assert ("Shorten", {"max_tokens": 30}, "D") == (prompt.name, prompt.params, prompt.description)
    assert [("system", "Be brief."), ("user", "{{ title | safe }}")] == prompt.turns
    assert "sk-very" not in prompt.text


def test_promptfoo_lists_of_messages() -> None:
    """A bare list of messages, as JSON or YAML, a plain text, and one of several prompts by its label are read."""
    listed = '[{"role": "system", "content": "A"}, {"role": "user", "content": "{{title}}"}]'
    several = "prompts:\n- {label: a, raw: 'A {{title}}'}\n- {label: b, raw: 'B {{title}}'}\nproviders: []\n"
    turns = [("system", "A"), ("user", "{{ title | safe }}")]

    assert turns == imported(listed, "promptfoo").turns
    assert turns == imported("- role: system\n  content: A\n- role: user\n  content: '{{title}}'\n", "promptfoo").turns
    assert [("user", "X {{ title | safe }}")] == imported("X {{title}}", "promptfoo").turns
    assert [("user", "B {{ title | safe }}")] == imported(several, "promptfoo", name="b").turns
    with pytest.raises(rk.PromptError, match=r"has 2 prompts \('a', 'b'\): give name="):
        imported(several, "promptfoo")


def test_llm_without_a_prompt() -> None:
    """A template of llm that is only a system message sends what llm is given; that variable can be renamed."""
    prompt = imported("system: Shorten.\nmodel: gpt-4o\n", "llm", rename={"input": "title"})

    assert ("openai/gpt-4o", [("system", "Shorten."), ("user", "{{ title | safe }}")]) == (prompt.model, prompt.turns)


@pytest.mark.parametrize(
    ("text", "of", "says"),
    [
        ("{{#if title}}x{{/if}}", "google-dotprompt", "line 1: '{{#if title}}x"),
        ("---\na: [\n---\n{{title}}", "google-dotprompt", "line 2: not YAML|line 3: not YAML"),
        ("---\na: 1\n", "google-dotprompt", "not closed"),
        ("{{>part}}", "google-dotprompt", "is logic"),
        ('{{role "tool"}}x', "google-dotprompt", "role 'tool' cannot be carried"),
        ("---\ntemplate: {format: mustache}\n---\nuser:\n{{x}}", "prompty", "only jinja2 can be read"),
        ("---\nname: x\n---\nuser:\n{{ x", "prompty", "not a Jinja2 template"),
        ("---\nname: x\n---\ndeveloper:\nx", "prompty", "role 'developer'"),
        ("---\nmodel: {id: x, options: {temperature: hot}}\n---\nuser:\nx", "prompty", "'hot' is not 0 to 2"),
        ("hello", "prompty", "no Prompty file: it has neither front matter"),
        ("Rewrite {{ title }}\nand be brief", "prompty", "no Prompty file: it has neither front matter"),
        ("prompts: [file://x.txt]\n", "promptfoo", "import the file"),
        ('[{"role": "user", "content": [{"type": "image_url"}]}]', "promptfoo", "only role and a content of text"),
        ("{", "langfuse", "not JSON"),
        ('{"prompt": [{"type": "placeholder", "name": "h"}]}', "langfuse", "a placeholder cannot be carried"),
        ('{"prompt": "{{my var}}"}', "langfuse", "is no variable"),
        ('{"prompt": "@@@langfusePrompt:name=x@@@"}', "langfuse", "includes another prompt"),
        ("prompt: costs $ 5\n", "llm", "line 1: a dollar"),
        ("prompt: x\nfragments: [a]\n", "llm", "fragments add to the messages"),
        ("prompt: [a]\n", "llm", "prompt must be text"),
        ("prompt: |\n  x\n  System: y\n", "llm", "opens a message in a .prompt file"),
        ("nowhere.yaml", "llm", "cannot be read"),
        ("prompt: x\ndefaults: &a {b: 1}\noptions: *a\n", "llm", r"line 3: write out what \*a is"),
        ("[" * 100_000, "promptfoo", "nests more than 50 deep"),
    ],
)
def test_what_cannot_be_imported(text: str, of: str, says: str) -> None:
    """What a .prompt file cannot say is an error that names the place, never a guess."""
    with pytest.raises(rk.PromptError, match=says):
        imported(text, of)


@settings(deadline=None)
@given(st.text(max_size=60), st.sampled_from(FORMATS))
def test_any_text_is_imported_or_a_prompt_error(text: str, of: str) -> None:
    """Readers raise nothing but PromptError."""
    with contextlib.suppress(rk.PromptError):
        imported(text + "\n", of)


def test_files(tmp_path: Path) -> None:
    """A path is read, and the prompt is named after it; so is a str of one line with a known suffix."""
    path = tmp_path / "brief.yaml"
    path.write_text("\ufeffprompt: 'Shorten: $title'\n", encoding="utf-8")

    assert "brief" == imported(path, "llm").name == imported(str(path), "llm").name
