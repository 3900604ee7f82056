"""Notations: how other tools write a prompt; each has a writer and a reader.

Between the two a prompt is a `Outline`. What a notation has no place for is noted in `Outline.lost`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from retitlekit.errors import PromptError
from retitlekit.prompts import PARAMETERS, Prompt
from retitlekit.prompts.sandbox import Parts, Variable, compile_template, joined, read_parts, write_parts

SUFFIXES = (".prompt", ".prompty", ".yaml", ".yml", ".json", ".txt")
_WORD = re.compile(r"[A-Za-z_]\w*")
Turns = list[tuple[str, Parts]]


@dataclass
class Outline:
    """What a prompt says, on its way between two formats."""

    name: str
    turns: Turns
    settings: dict[str, Any] = field(default_factory=dict)  # model, parameters, output: as in our front matter
    about: dict[str, Any] = field(default_factory=dict)  # metadata: retitlekit:
    metadata: dict[str, Any] = field(default_factory=dict)  # the rest of metadata:
    types: dict[str, Any] = field(default_factory=dict)  # input: schema:
    lost: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, prompt: Prompt) -> Outline:
        """The outline of a prompt; a `PromptError` when its templates hold logic."""
        settings = dict(prompt._settings)
        metadata = dict(settings.pop("metadata", {}))
        given = dict(settings.pop("input", {}))
        types = given.pop("schema", {}) or dict.fromkeys(prompt.variables, "string")
        turns = [(role, joined(parts)) for role, parts in prompt.parts()]
        lost = [f"input.{key}" for key in given]
        about = dict(metadata.pop("retitlekit", {}))
        return cls(prompt.name, turns, settings, about, metadata, dict(types), lost)

    def take(self, document: dict[str, Any], *known: str, under: str = "") -> None:
        """Note every key of a document that is not known as lost."""
        self.lost += [under + str(key) for key in document if key not in known]


# ---- YAML and JSON


_DEEPEST = 50  # collections within each other; reading takes the square of this


def to_yaml(document: object) -> str:
    """YAML in which texts of several lines stand as blocks."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def represent_text(self, text: str) -> Any:
            style = "|" if "\n" in text else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return yaml.dump(document, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=10_000)


def _from_yaml(text: str, what: str, first: int = 0) -> Any:
    import yaml

    try:
        depth = 0
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:
                raise PromptError(f"{what}: not YAML that can be read: it nests more than {_DEEPEST} deep")
            if isinstance(event, yaml.AliasEvent) and event.start_mark:  # a few lines of these can stand for gigabytes
                raise PromptError(
                    f"{what}: line {event.start_mark.line + 1 + first}: write out what *{event.anchor} is"
                )
        return yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        line = f" line {mark.line + 1 + first}:" if mark else ""
        raise PromptError(f"{what}:{line} not YAML: {getattr(problem, 'problem', None) or problem}") from problem


def _mapping(value: Any, what: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise PromptError(f"{what} must be a mapping, not {type(value).__name__}")
    return {str(key): each for key, each in value.items()}


def _split(text: str, what: str) -> tuple[dict[str, Any], str, int]:
    """Front matter, body, and the number of lines before the body."""
    lines = text.lstrip("\ufeff").replace("\r\n", "\n").split("\n")
    start = next((n for n, line in enumerate(lines) if line.strip() and not line.startswith("#")), 0)
    if lines[start].rstrip() != "---":
        return {}, "\n".join(lines), 0
    end = next((n for n, line in enumerate(lines) if n > start and line.rstrip() == "---"), None)
    if end is None:
        raise PromptError(f"{what}: line {start + 1}: the front matter is not closed by a line ---")
    front = _from_yaml("\n".join(lines[start + 1 : end]), what, first=start + 1)
    return _mapping(front, f"{what}: the front matter"), "\n".join(lines[end + 1 :]), end + 1


_MESSAGES = ("role", "content", "type")
_ROLES = {"system": "system", "user": "user", "assistant": "assistant", "model": "assistant"}


def _role(name: object, what: str) -> str:
    if name not in _ROLES:
        raise PromptError(f"{what}: a message of role {name!r} cannot be carried; there are system, user and assistant")
    return _ROLES[str(name)]


def _messages(listed: list[Any], read: Callable[[str, str], Parts], what: str) -> Turns:
    turns = []
    for nth, message in enumerate(listed, 1):
        place = f"{what}: message {nth}"
        given = _mapping(message, place)
        if given.get("type") not in (None, "message", "chatmessage"):
            raise PromptError(f"{place}: a {given['type']} cannot be carried; write its messages out")
        if not isinstance(given.get("content"), str) or set(given) - set(_MESSAGES):
            raise PromptError(f"{place}: only role and a content of text can be carried")
        turns.append((_role(given.get("role"), place), joined(read(given["content"], place))))
    return turns


def _jinja_parts(source: str, what: str) -> Parts:
    """Parts of a Jinja or Nunjucks template."""

    def place(line: int) -> str:
        return f"{what}: line {line}"

    compile_template(source, place)
    return read_parts(source, place)


# ---- Google's Dotprompt: Handlebars, roles by a helper, parameters under config:

_CAMEL = {
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "max_tokens": "maxOutputTokens",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "reasoning_effort": "reasoningEffort",
    "stop": "stopSequences",
}
_SNAKE = {theirs: ours for ours, theirs in _CAMEL.items()}
_PICO = {"float": "number", "array": "any", "object": "any"}
_GENKIT = {"gemini": "googleai", "vertex_ai": "vertexai"}
_HELPERS = {"role", "history", "media", "section", "json", "if", "unless", "each", "with", "this", "else", "log"}
_HANDLEBARS = re.compile(
    r"\\\\(?=\{\{)|(?P<text>\\\{\{)|\{\{~?(?P<comment>!--.*?--~?|![^}]*)\}\}"
    r"|\{\{~?\s*role\s+(?P<q>[\"'])(?P<role>\w+)(?P=q)\s*~?\}\}|\{\{\{\s*(?P<raw>[\w.]+)\s*\}\}\}"
    r"|\{\{\s*(?P<name>[\w.]+)\s*\}\}|(?P<logic>\{\{)",
    re.DOTALL,
)


def _write_google(outline: Outline) -> str:
    front: dict[str, Any] = {"name": outline.name}
    about = dict(outline.about)
    if about.get("description"):
        front["description"] = str(about.pop("description"))
    settings = dict(outline.settings)
    if model := settings.pop("model", None):
        front["model"] = _swapped(model, _GENKIT)
    output = settings.pop("output", None)
    if settings:
        front["config"] = {_CAMEL.get(key, key): _listed(key, value) for key, value in settings.items()}
    if outline.types:
        front["input"] = {"schema": {key: _PICO.get(kind, kind) for key, kind in outline.types.items()}}
        outline.lost += [f"input.schema.{key}" for key, kind in outline.types.items() if kind in _PICO]
    if output is not None:
        front["output"] = output
    front |= {f"retitlekit.{key}": value for key, value in about.items()}
    outline.lost += [f"metadata.{key}" for key in outline.metadata]
    body = []
    for role, parts in outline.turns:
        text = ""
        for part in parts:
            if isinstance(part, Variable):
                if part in _HELPERS:
                    raise PromptError(
                        f"prompt {outline.name!r}: {part!r} is a helper of Handlebars: rename the variable"
                    )
                text += ("\\" if text.endswith("\\") else "") + "{{" + part + "}}"
            elif "<<<dotprompt:" in part:
                raise PromptError(f"prompt {outline.name!r}: <<<dotprompt: is a marker of Google's Dotprompt")
            else:
                text += part.replace("{{", "\\{{")
        body.append(f'{{{{role "{"model" if role == "assistant" else role}"}}}}\n{text}\n')
    return f"---\n{to_yaml(front)}---\n" + "\n".join(body)


def _read_google(text: str, name: str) -> Outline:
    front, body, before = _split(text, name)
    config = _mapping(front.get("config"), f"{name}: config")
    given, types = _mapping(front.get("input"), f"{name}: input"), {}
    outline = Outline(str(front.get("name") or name), [])
    for key, kind in _mapping(given.get("schema"), f"{name}: input.schema").items():
        scalar = re.match(r"(string|integer|number|boolean)\b", kind if isinstance(kind, str) else "")
        types[key.rstrip("?")] = scalar[1] if scalar else "string"
        outline.lost += [] if scalar else [f"input.schema.{key}"]
    outline.types = types
    outline.take(given, "schema", under="input.")
    outline.settings = {"model": _swapped(front.get("model"), {theirs: ours for ours, theirs in _GENKIT.items()})}
    _settings(outline, config, _SNAKE, "config.")
    if front.get("output") is not None:
        outline.settings["output"] = front["output"]
    if front.get("description"):
        outline.about["description"] = str(front["description"])
    for key, value in front.items():
        if key.startswith("retitlekit."):
            outline.about[key.removeprefix("retitlekit.")] = value
        elif key not in ("name", "description", "model", "config", "input", "output"):
            outline.lost.append(key)
    role, parts, done = "user", list[str](), 0
    pieces: list[tuple[str, list[str]]] = [(role, parts)]
    for found in _HANDLEBARS.finditer(body):
        parts.append(body[done : found.start()])
        done = found.end()
        place = f"{name}: line {before + body.count(chr(10), 0, found.start()) + 1}"
        if found["role"]:
            parts = []
            pieces.append((_role(found["role"], place), parts))
        elif word := found["raw"] or found["name"]:
            if word in _HELPERS or "." in word:
                raise PromptError(f"{place}: {found[0]} is logic, and only plain variables can be carried")
            parts.append(Variable(word))
        elif found["logic"]:
            raise PromptError(f"{place}: {body[found.start() :][:40]!r} is logic, and only plain variables travel")
        elif not found["comment"]:
            parts.append("{{" if found["text"] else "\\")
    parts.append(body[done:])
    outline.turns = [(role, whole) for role, listed in pieces if (whole := joined(listed))]
    return outline


def _listed(key: str, value: Any) -> Any:
    return [value] if key == "stop" and isinstance(value, str) else value


def _swapped(model: Any, prefixes: Mapping[str, str]) -> Any:
    head, slash, rest = str(model or "").partition("/")
    return f"{prefixes.get(head, head)}/{rest}" if slash else model


def _settings(outline: Outline, given: Mapping[str, Any], names: Mapping[str, str], under: str) -> None:
    """Parameters by our names; what is none is lost."""
    for key, value in given.items():
        ours = names.get(key, key)
        if ours in PARAMETERS:
            outline.settings[ours] = value
        else:
            outline.lost.append(under + key)


# ---- Microsoft's Prompty: Jinja, roles alone on a line, parameters under model: options:

_KINDS = {"number": "float"}
_PROMPTY_ROLE = re.compile(r"\s*#?\s*(system|user|assistant|developer)\s*(\[[^\]\n]*\])?\s*:\s*", re.IGNORECASE)


def _write_prompty(outline: Outline) -> str:
    front: dict[str, Any] = {"name": outline.name}
    about = dict(outline.about)
    if about.get("description"):
        front["description"] = str(about.pop("description"))
    settings = dict(outline.settings)
    provider, slash, rest = str(settings.pop("model", "")).partition("/")
    model: dict[str, Any] = {"id": rest, "provider": provider} if slash else {"id": provider} if provider else {}
    output = settings.pop("output", None)
    options = {_CAMEL[key]: _listed(key, value) for key, value in settings.items() if key in _CAMEL}
    if others := {key: value for key, value in settings.items() if key not in _CAMEL}:
        options["additionalProperties"] = others
    if model or options:
        front["model"] = model | {"apiType": "chat"} | ({"options": options} if options else {})
    if outline.types:
        front["inputs"] = [
            {"name": key, "kind": _KINDS.get(kind, kind), "required": True} for key, kind in outline.types.items()
        ]
    front["template"] = {"format": {"kind": "jinja2"}, "parser": {"kind": "prompty"}}
    ours = about | ({"output": output} if output is not None else {})
    if metadata := outline.metadata | ({"retitlekit": ours} if ours else {}):
        front["metadata"] = metadata
    head = to_yaml(front)
    if end := re.search(r"---|\+\+\+", head):
        raise PromptError(f"prompt {outline.name!r}: Prompty takes {end[0]} for the end of the front matter; reword it")
    body = [f"{role}:\n{write_parts(parts, '{{{{ {} }}}}')}\n" for role, parts in outline.turns]
    return f"---\n{head}---\n" + "\n".join(body)


def _read_prompty(text: str, name: str) -> Outline:
    front, body, before = _split(text, name)
    outline = Outline(str(front.get("name") or name), [])
    template = front.get("template", "jinja2")
    form = template.get("format", "jinja2") if isinstance(template, dict) else template
    kind = form.get("kind") if isinstance(form, dict) else form
    if kind != "jinja2":
        raise PromptError(f"{name}: template.format is {kind!r}; only jinja2 can be read")
    model = front.get("model")
    model = {"id": model} if isinstance(model, str) else _mapping(model, f"{name}: model")
    given = _mapping(model.get("options", model.get("parameters")), f"{name}: model.options")
    more = _mapping(given.pop("additionalProperties", None), f"{name}: model.options.additionalProperties")
    outline.settings = {"model": "/".join(str(model[key]) for key in ("provider", "id") if model.get(key)) or None}
    _settings(outline, given | more, _SNAKE, "model.options.")
    outline.take(model, "id", "provider", "options", "parameters", "apiType", "api", under="model.")
    if model.get("apiType", model.get("api", "chat")) != "chat":
        outline.lost.append("model.apiType")
    outline.metadata = _mapping(front.get("metadata"), f"{name}: metadata")
    outline.about = _mapping(outline.metadata.pop("retitlekit", None), f"{name}: metadata.retitlekit")
    if "output" in outline.about:
        outline.settings["output"] = outline.about.pop("output")
    if front.get("description"):
        outline.about = {"description": str(front["description"])} | outline.about
    _read_inputs(outline, front.get("inputs"), name)
    outline.take(front, "name", "description", "model", "inputs", "template", "metadata")
    pieces: list[tuple[str, list[str]]] = [("system", [])]
    for number, line in enumerate(body.splitlines(), before + 1):  # as Prompty does: more than \n
        if found := _PROMPTY_ROLE.fullmatch(line):
            pieces.append((_role(found[1].lower(), f"{name}: line {number}"), []))
            outline.lost += ["attributes of a message"] if found[2] else []
        else:
            pieces[-1][1].append(line)
    if not before and len(pieces) == 1:  # Prompty's own reader takes any text for a system message
        raise PromptError(f"{name}: no Prompty file: it has neither front matter (---) nor a line such as system:")
    read = [
        (role, joined(_jinja_parts("\n".join(lines), name))) for role, lines in pieces if any(map(str.strip, lines))
    ]
    outline.turns = [(role, parts) for role, parts in read if parts]
    return outline


def _read_inputs(outline: Outline, inputs: Any, name: str) -> None:
    """Prompty's inputs: a list of properties, or a mapping from name to property."""
    listed = (
        inputs
        if isinstance(inputs, list)
        else [
            (each if isinstance(each, dict) else {"default": each}) | {"name": key}
            for key, each in _mapping(inputs, f"{name}: inputs").items()
        ]
    )
    for each in listed:
        given = _mapping(each, f"{name}: inputs")
        key, kind = str(given.get("name", "")), given.get("kind", given.get("type", "string"))
        outline.types[key] = {theirs: ours for ours, theirs in _KINDS.items()}.get(kind, kind)
        outline.take(given, "name", "kind", "type", "required", under=f"inputs.{key}.")


# ---- promptfoo: a configuration; its messages are JSON, whose texts are rendered one by one

_PROVIDERS = {
    "openai": "openai:chat:",
    "anthropic": "anthropic:messages:",
    "ollama_chat": "ollama:chat:",
    "gemini": "google:",
    "vertex_ai": "vertex:",
    "openrouter": "openrouter:",
    "groq": "groq:",
    "deepseek": "deepseek:",
}


def _write_promptfoo(outline: Outline) -> str:
    settings, about = dict(outline.settings), dict(outline.about)
    model, output = settings.pop("model", None), settings.pop("output", None)
    messages = [{"role": role, "content": write_parts(parts, "{{{{ {} }}}}")} for role, parts in outline.turns]
    document: dict[str, Any] = {"description": str(about.pop("description"))} if about.get("description") else {}
    entry: dict[str, Any] = {"label": outline.name, "raw": json.dumps(messages, ensure_ascii=False, indent=2)}
    if settings:
        entry["config"] = settings
    head, slash, rest = str(model or "").partition("/")
    provider = f"{_PROVIDERS[head]}{rest}" if slash and head in _PROVIDERS else f"litellm:{model}"
    document |= {"prompts": [entry], "providers": [provider] if model else []}
    plain = dict.fromkeys(outline.types, "string")
    ours = about | ({"output": output} if output is not None else {})
    ours |= {"types": outline.types} if outline.types != plain else {}
    if metadata := outline.metadata | ({"retitlekit": ours} if ours else {}):
        document["metadata"] = metadata
    return to_yaml(document)


def _read_promptfoo(text: str, name: str, label: str | None = None) -> Outline:
    document = _from_yaml(text, name)
    if not isinstance(document, dict) or "prompts" not in document:
        return Outline(name, _promptfoo_turns(text, name))
    listed = document["prompts"] if isinstance(document["prompts"], list) else [document["prompts"]]
    entries = [each if isinstance(each, dict) else {"raw": each} for each in listed]
    labels = [str(each.get("label") or each.get("id") or "") for each in entries]
    if len(entries) != 1:
        if labels.count(label or "") != 1:
            told = ", ".join(repr(each) for each in labels) or "none"
            raise PromptError(f"{name}: the configuration has {len(entries)} prompts ({told}): give name= the label")
        entries, labels = [entries[labels.index(label or "")]], [str(label)]
    entry = entries[0]
    raw = entry.get("raw", entry.get("id"))
    if not isinstance(raw, str) or re.match(r"(?:file|exec|https?|python)://", raw) or raw.endswith(SUFFIXES):
        raise PromptError(f"{name}: the prompt is {raw!r}, which is no text: import the file that it names")
    outline = Outline(labels[0] or name, _promptfoo_turns(raw, name))
    _settings(outline, _mapping(entry.get("config"), f"{name}: config"), {}, "prompts.config.")
    outline.take(entry, "raw", "label", "id", "config", under="prompts.")
    _read_providers(outline, document.get("providers"))
    outline.metadata = _mapping(document.get("metadata"), f"{name}: metadata")
    outline.about = _mapping(outline.metadata.pop("retitlekit", None), f"{name}: metadata.retitlekit")
    if "output" in outline.about:
        outline.settings["output"] = outline.about.pop("output")
    outline.types = _mapping(outline.about.pop("types", None), f"{name}: types")
    if document.get("description"):
        outline.about = {"description": str(document["description"])} | outline.about
    outline.take(document, "prompts", "providers", "metadata", "description")
    return outline


def _read_providers(outline: Outline, providers: Any) -> None:
    """The model of the one provider; its settings where the prompt has none."""
    listed = providers if isinstance(providers, list) else [providers] if providers else []
    if len(listed) != 1:
        outline.lost += ["providers"] if listed else []
        return
    one = listed[0] if isinstance(listed[0], dict) else {"id": listed[0]}
    wanted, config = str(one.get("id", "")), _mapping(one.get("config"), "providers: config")
    for ours, prefix in _PROVIDERS.items():
        if wanted.startswith(prefix):
            wanted = f"{ours}/{wanted.removeprefix(prefix)}"
            break
    else:
        wanted = wanted.removeprefix("litellm:").removeprefix("chat:").replace(":", "/", 1)
    own, outline.settings = outline.settings, {"model": wanted or None}
    _settings(outline, config, {}, "providers.config.")
    outline.settings |= own
    outline.take(one, "id", "config", "label", under="providers.")


def _promptfoo_turns(raw: str, name: str) -> Turns:
    """A list of messages as JSON or YAML, or else one user message."""
    try:
        listed: Any = json.loads(raw)
    except (ValueError, RecursionError):
        listed = _from_yaml(raw, name) if re.match(r"\s*- ", raw) else None
    if isinstance(listed, list):
        return _messages(listed, _jinja_parts, name)
    return [("user", joined(_jinja_parts(raw, name)))]


# ---- Langfuse: JSON; the settings travel in config


def _write_langfuse(outline: Outline) -> str:
    about = dict(outline.about)
    message = str(about.pop("description", ""))
    config = dict(outline.settings)
    if outline.types != dict.fromkeys(outline.types, "string"):
        config["input"] = {"schema": outline.types}
    if metadata := outline.metadata | ({"retitlekit": about} if about else {}):
        config["metadata"] = metadata
    messages = [{"role": role, "content": _mustache(parts)} for role, parts in outline.turns]
    document: dict[str, Any] = {"type": "chat", "name": outline.name, "prompt": messages, "config": config}
    if message:
        document["commitMessage"] = message
    return json.dumps(document, ensure_ascii=False, indent=2, default=str) + "\n"


def _mustache(parts: Parts) -> str:
    return "".join("{{" + part + "}}" if isinstance(part, Variable) else part for part in parts)


def _read_langfuse(text: str, name: str) -> Outline:
    try:
        document = _mapping(json.loads(text), name)
    except (ValueError, RecursionError) as problem:
        raise PromptError(f"{name}: not JSON: {problem}") from problem
    outline = Outline(str(document.get("name") or name), [])
    listed = document.get("prompt")
    listed = [{"role": "user", "content": listed}] if isinstance(listed, str) else listed
    if not isinstance(listed, list):
        raise PromptError(f"{name}: prompt must be a text or a list of messages")
    outline.turns = _messages(listed, _mustache_parts, name)
    config = _mapping(document.get("config"), f"{name}: config")
    outline.metadata = _mapping(config.pop("metadata", None), f"{name}: config.metadata")
    outline.about = _mapping(outline.metadata.pop("retitlekit", None), f"{name}: config.metadata.retitlekit")
    outline.types = _mapping(
        _mapping(config.pop("input", None), f"{name}: config.input").get("schema"), f"{name}: schema"
    )
    outline.settings = {key: config.pop(key) for key in ("model", "output") if key in config}
    _settings(outline, config, {}, "config.")
    if message := document.get("commitMessage"):
        outline.about = {"description": str(message)} | outline.about
    book = ("id", "createdAt", "updatedAt", "projectId", "createdBy", "isActive", "version")  # the registry's own
    outline.take(
        {key: value for key, value in document.items() if value},
        "type",
        "name",
        "prompt",
        "config",
        *book,
        "commitMessage",
    )
    return outline


def _mustache_parts(text: str, what: str) -> Parts:
    if "@@@langfusePrompt" in text:
        raise PromptError(f"{what}: it includes another prompt; export the resolved prompt")
    parts, done = list[str](), 0
    for found in re.finditer(r"\{\{(.*?)\}\}", text, re.DOTALL):
        word = found[1].strip()
        if not _WORD.fullmatch(word):
            raise PromptError(f"{what}: {found[0]:.60} is no variable: a name has letters, digits and _")
        parts += [text[done : found.start()], Variable(word)]
        done = found.end()
    return (*parts, text[done:])


# ---- llm: YAML with system and prompt; string.Template's dollars

_DOLLAR = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>(?a:[_A-Za-z]\w*))|\{(?P<braced>(?a:[_A-Za-z]\w*))\}|(?P<wrong>))"
)
_LLM_OPTIONS = ("temperature", "top_p", "top_k", "max_tokens", "presence_penalty", "frequency_penalty", "seed")


def _write_llm(outline: Outline) -> str:
    roles = [role for role, _ in outline.turns]
    if roles not in (["user"], ["system", "user"], ["system"]):
        raise PromptError(
            f"prompt {outline.name!r}: a template of llm holds a system and a user message, not {', '.join(roles)}"
        )
    document: dict[str, Any] = {}
    settings = dict(outline.settings)
    if model := settings.pop("model", None):
        document["model"] = str(model).removeprefix("openai/")
    options = {key: settings.pop(key) for key in _LLM_OPTIONS if key in settings}
    if settings.get("response_format") == {"type": "json_object"}:
        options["json_object"] = bool(settings.pop("response_format"))
    if isinstance(settings.get("stop"), str):
        options["stop"] = settings.pop("stop")
    if options:
        document["options"] = options
    document |= {("prompt" if role == "user" else role): _dollars(parts) for role, parts in outline.turns}
    outline.lost += [*settings, *(f"metadata.retitlekit.{key}" for key in outline.about)]
    outline.lost += [f"metadata.{key}" for key in outline.metadata]
    outline.lost += [f"input.schema.{key}" for key, kind in outline.types.items() if kind != "string"]
    return to_yaml(document)


def _dollars(parts: Parts) -> str:
    return "".join("${" + part + "}" if isinstance(part, Variable) else part.replace("$", "$$") for part in parts)


def _read_llm(text: str, name: str) -> Outline:
    document = _from_yaml(text, name)
    document = {"prompt": document} if isinstance(document, str) else _mapping(document, name)
    for key in ("fragments", "system_fragments", "attachments", "attachment_types"):
        if document.get(key):
            raise PromptError(f"{name}: {key} add to the messages and cannot be carried: write them into the text")
    outline = Outline(str(document.get("name") or name), [])
    for key, role in (("system", "system"), ("prompt", "user")):
        if not isinstance(document.get(key, ""), str | None):
            raise PromptError(f"{name}: {key} must be text")
        if parts := joined(_dollar_parts(document.get(key) or "", f"{name}: {key}")):
            outline.turns.append((role, parts))
    if not document.get("prompt"):
        outline.turns.append(("user", (Variable("input"),)))  # llm sends what it is given
    options = _mapping(document.get("options"), f"{name}: options")
    if options.pop("json_object", False):
        outline.settings["response_format"] = {"type": "json_object"}
    _settings(outline, options, {}, "options.")
    if model := document.get("model"):
        openai = re.match(r"(?:gpt-|o\d|chatgpt)", str(model))
        outline.settings = {"model": f"openai/{model}" if openai else str(model)} | outline.settings
    outline.take(
        {key: value for key, value in document.items() if value}, "name", "prompt", "system", "model", "options"
    )
    return outline


def _dollar_parts(text: str, what: str) -> Parts:
    parts, done = list[str](), 0
    for found in _DOLLAR.finditer(text):
        if found["wrong"] is not None:
            line = text.count("\n", 0, found.start()) + 1
            raise PromptError(f"{what}: line {line}: a dollar that is no variable is written $$")
        word = found["named"] or found["braced"]
        parts += [text[done : found.start()], Variable(word) if word else "$"]
        done = found.end()
    return (*parts, text[done:])


class Notation(NamedTuple):
    """`write(outline)` gives the text of a file; `read(text, name)` gives the outline back."""

    write: Callable[[Outline], str]
    read: Callable[..., Outline]


NOTATIONS: dict[str, Notation] = {
    "google-dotprompt": Notation(_write_google, _read_google),
    "prompty": Notation(_write_prompty, _read_prompty),
    "promptfoo": Notation(_write_promptfoo, _read_promptfoo),
    "langfuse": Notation(_write_langfuse, _read_langfuse),
    "llm": Notation(_write_llm, _read_llm),
}
