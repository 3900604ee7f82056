"""Prompts: one variant is one `.prompt` file, in the dialect that LiteLLM reads, loaded by a strict loader of our own.

A file is optional YAML front matter between two lines ``---`` and a body with ``System:``, ``User:`` or ``Assistant:``
alone on a line. Roles are split before the article's text goes in, so that no article can open one.
"""

from __future__ import annotations

import difflib
import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from retitlekit.errors import PromptError
from retitlekit.html import escape
from retitlekit.prompts.sandbox import Parts, compile_template, find_fences, find_variables, read_parts, seal

if TYPE_CHECKING:
    from retitlekit.articles import Article

VARIABLES = ("title", "body", "lead", "source", "url", "published_at", "language")


def _number(low: float, high: float) -> tuple[Callable[[Any], bool], str]:
    return lambda v: isinstance(v, int | float) and not isinstance(v, bool) and low <= v <= high, f"{low:g} to {high:g}"


def _whole(low: float) -> tuple[Callable[[Any], bool], str]:
    return lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= low, f"a whole number from {low:g} up"


# Call parameters a file may set, each with its check and what is allowed.
PARAMETERS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "temperature": _number(0, 2),
    "top_p": _number(0, 1),
    "top_k": _whole(1),
    "max_tokens": _whole(1),
    "max_completion_tokens": _whole(1),
    "presence_penalty": _number(-2, 2),
    "frequency_penalty": _number(-2, 2),
    "seed": _whole(float("-inf")),
    "stop": (
        lambda v: isinstance(v, str) or (isinstance(v, list) and all(isinstance(x, str) for x in v)),
        "text, or a list of texts",
    ),
    "response_format": (lambda v: isinstance(v, dict), "a mapping such as {type: json_object}"),
    "reasoning_effort": (lambda v: isinstance(v, str), "a word such as low"),
}
_STRUCTURE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "model": (lambda v: isinstance(v, str) and bool(v.strip()), "a LiteLLM id"),
    "input": (lambda v: isinstance(v, dict) and isinstance(v.get("schema", {}), dict), "a mapping with schema:"),
    "output": (lambda v: isinstance(v, dict), "a mapping with format: or schema:"),
    "metadata": (
        lambda v: isinstance(v, dict) and isinstance(v.get("retitlekit", {}), dict),
        "a mapping with retitlekit:",
    ),
}
_REFUSED = {
    "api_key": "keys stay in the environment",
    "description": "write it under metadata: retitlekit: description:",
    "config": "parameters stand flat, not under config:",
    "n": "a trial has one completion; use repeats=",
    "stream": "a title is short; replies are read whole",
}
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
_ROLE = re.compile(r"\s*(System|User|Assistant):")


@dataclass(frozen=True)
class Finding:
    """One thing that lint saw: `code`, `severity` ("error", "warning" or "note"), `line` of the file, `message`."""

    code: str
    severity: Literal["error", "warning", "note"]
    line: int
    message: str
    place: str = field(default="", repr=False)

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.severity}: {self.message} [{self.code}]"


@dataclass(frozen=True)
class Prompt:
    r"""One variant: a name and the whole text of its file; everything else is derived from the text.

    Parameters
    ----------
    name : str
        Stem of the file.
    text : str
        Front matter and body, as in the file.
    path : str, optional
        Where it was read, for messages.

    Attributes
    ----------
    model : str or None
    temperature : float or None
    params : dict
        Every other call parameter of the front matter.
    description : str
    about : dict
        All of ``metadata: retitlekit:``.
    variables : tuple of str
        Names that the body uses, sorted; an `Article` gives those in `VARIABLES`.
    sha : str
        12 hex digits of the text.

    Raises
    ------
    PromptError
        For a text that is no prompt, with the line and what is allowed.

    Examples
    --------
    >>> prompt = rk.Prompt("short", "User:\nShorten: {{ title | safe }}")
    >>> prompt.render(rk.Article("a", "A very long title"))
    [{'role': 'user', 'content': 'Shorten: A very long title'}]
    """

    name: str
    text: str
    path: str = field(default="", repr=False, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name.strip():
            raise PromptError(f"a prompt needs a name, not {self.name!r}")
        if not isinstance(self.text, str):
            raise PromptError(f"prompt {self.name!r}: its text is {type(self.text).__name__}, not str")
        object.__setattr__(self, "text", self.text.replace("\r\n", "\n").replace("\r", "\n"))
        _ = self._settings, self._templates

    @property
    def model(self) -> str | None:  # noqa: D102 - told in the class
        return self._settings.get("model")

    @property
    def temperature(self) -> float | None:  # noqa: D102
        value = self._settings.get("temperature")
        return None if value is None else float(value)

    @cached_property
    def params(self) -> dict[str, Any]:  # noqa: D102
        return {k: v for k, v in self._settings.items() if k in PARAMETERS and k != "temperature"}

    @property
    def about(self) -> dict[str, Any]:  # noqa: D102
        return dict(self._settings.get("metadata", {}).get("retitlekit", {}))

    @property
    def description(self) -> str:  # noqa: D102
        return str(self.about.get("description", ""))

    @cached_property
    def variables(self) -> tuple[str, ...]:  # noqa: D102
        return tuple(sorted(set().union(*(find_variables(piece.text) for piece in self._pieces))))

    @cached_property
    def sha(self) -> str:  # noqa: D102
        return blake2b(self.text.encode(errors="surrogatepass"), digest_size=6).hexdigest()

    @property
    def turns(self) -> list[tuple[str, str]]:
        """Each message before an article goes in: its role and its Jinja template."""
        return [(piece.role, piece.text.strip()) for piece in self._pieces]

    def parts(self) -> list[tuple[str, Parts]]:
        """Each message taken apart: its role, and its text with a `Variable` wherever the article goes in.

        Raises
        ------
        PromptError
            For a template with logic, naming the line.
        """
        return [(piece.role, read_parts(piece.text, self._line_of(piece))) for piece in self._pieces]

    def render(self, article: Article) -> list[dict[str, str]]:
        r"""The messages for one article: a list of ``{"role": …, "content": …}``.

        What would close a fence of the template, such as ``</title>`` in the article, gets a backslash
        (``<\/title>``); everything else goes in word for word.

        Raises
        ------
        PromptError
            Naming every variable that the article cannot fill.
        """
        fences = find_fences(self._parts[1])
        given = {name: seal(value, fences) for name in VARIABLES if (value := getattr(article, name))}
        messages = []
        for piece, template in zip(self._pieces, self._templates, strict=True):
            try:
                content = template(given).strip()
            except Exception as problem:
                missing = [name for name in self.variables if name not in given]
                raise PromptError(self._unrendered(article, missing, problem)) from problem
            if not content:
                raise PromptError(
                    f"{self._place(piece.line)}: the {piece.role} message is empty for article {article.id!r}"
                )
            messages.append({"role": piece.role, "content": content})
        return messages

    def lint(self) -> list[Finding]:
        """What a careful reader would object to, worst first; empty when there is nothing."""
        order = ("error", "warning", "note")
        return sorted(_lint(self), key=lambda found: (order.index(found.severity), found.line))

    def diff(self, other: Prompt) -> str:
        """A unified diff from this prompt's text to the other's."""
        lines = (self.text.splitlines(), other.text.splitlines())
        return "\n".join(difflib.unified_diff(*lines, self.name, other.name, lineterm=""))

    def revise(
        self,
        *,
        name: str | None = None,
        model: str | None = None,
        temperature: float | None = None,
        about: Mapping[str, Any] | None = None,
    ) -> Prompt:
        """A new prompt with other settings and the same body, byte for byte; `about` is merged into the old."""
        import yaml

        settings = {key: value for key, value in self._settings.items() if key != "metadata"}
        settings |= {k: v for k, v in (("model", model), ("temperature", temperature)) if v is not None}
        metadata = {**self._settings.get("metadata", {}), "retitlekit": {**self.about, **(about or {})}}
        front = yaml.safe_dump(settings | {"metadata": metadata}, sort_keys=False, allow_unicode=True, width=10_000)
        return Prompt(name or self.name, f"---\n{front}---\n{self._parts[1]}")

    def _repr_html_(self) -> str:
        head = f"<strong>{escape(self.name)}</strong> {escape(self.description)}"
        rows = "".join(f"<tr><th>{p.role}</th><td><pre>{escape(p.text.strip())}</pre></td></tr>" for p in self._pieces)
        return f"<div>{head}<table>{rows}</table></div>"

    # -- from text to parts

    def _place(self, line: int | None = None) -> str:
        place = self.path or f"prompt {self.name!r}"
        return f"{place}:{line}" if line else place

    @cached_property
    def _parts(self) -> tuple[str, str, int]:
        """Front matter, body, and the number of lines before the body."""
        if self.text.startswith("\ufeff"):
            raise PromptError(f"{self._place(1)}: a byte order mark stands before the text; save as UTF-8 without BOM")
        lines = self.text.split("\n")
        if lines[0].rstrip() != "---":
            if any(line.rstrip() == "---" for line in lines[:20]) and re.match(
                r"\s*(#[^\n]*\n\s*)*---\s*\n", self.text
            ):
                raise PromptError(f"{self._place(1)}: the front matter must begin with --- on line 1")
            return "", self.text, 0
        end = next((n for n, line in enumerate(lines[1:], 1) if line.rstrip() == "---"), None)
        if end is None or end + 1 == len(lines):
            raise PromptError(f"{self._place(1)}: the front matter is not closed by a line --- with text after it")
        front = "\n".join(lines[1:end])
        if not front.strip():
            raise PromptError(f"{self._place(1)}: the front matter is empty; leave out both lines ---")
        return front, "\n".join(lines[end + 1 :]), end + 1

    @cached_property
    def _settings(self) -> dict[str, Any]:
        front = self._parts[0]
        if not front:
            return {}
        settings, lines = _strict_yaml(front, self._place)
        problems = []
        for key, value in settings.items():
            place = self._place(lines.get(str(key)))
            allowed = PARAMETERS.get(key) or _STRUCTURE.get(key) if isinstance(key, str) else None
            if key in _REFUSED:
                problems.append(f"{place}: {key}: is not allowed here: {_REFUSED[key]}")
            elif allowed is None:
                near = difflib.get_close_matches(str(key), [*PARAMETERS, *_STRUCTURE], n=1)
                problems.append(
                    f"{place}: unknown key {key!r}"
                    + (
                        f"; did you mean {near[0]!r}?"
                        if near
                        else f"; allowed are {', '.join([*_STRUCTURE, *PARAMETERS])}"
                    )
                )
            elif not allowed[0](value):
                problems.append(f"{place}: {key}: {value!r} is not {allowed[1]}")
        if problems:
            raise PromptError("\n".join(problems))
        return settings

    @cached_property
    def _pieces(self) -> list[_Piece]:
        """The body cut at its role lines."""
        _, body, before = self._parts
        pieces = [_Piece("user", before + 1, before + 1, [])]
        for number, line in enumerate(body.split("\n"), before + 1):
            role = _ROLE.match(line)
            if role and line.strip() == role[0].strip() and not line[0].isspace():
                pieces.append(_Piece(role[1].lower(), number, number + 1, []))
            elif role:
                raise PromptError(
                    f"{self._place(number)}: {role[1]}: must stand alone on its line, its text on the next"
                )
            else:
                pieces[-1].lines.append(line)
        if len(pieces) > 1 and not pieces[0].text.strip():
            pieces = pieces[1:]
        for piece in pieces:
            if not piece.text.strip():
                raise PromptError(f"{self._place(piece.line)}: the {piece.role} message is empty")
        return pieces

    @cached_property
    def _templates(self) -> list[Callable[[Mapping[str, str]], str]]:
        return [compile_template(piece.text, self._line_of(piece)) for piece in self._pieces]

    def _line_of(self, piece: _Piece) -> Callable[[int], str]:
        return lambda line: self._place(piece.first + line - 1)

    def _unrendered(self, article: Article, missing: list[str], problem: Exception) -> str:
        unknown = [name for name in missing if name not in VARIABLES]
        lacking = [name for name in missing if name in VARIABLES]
        told = []
        if unknown:
            told.append(f"no article has {', '.join(unknown)} (it has {', '.join(VARIABLES)})")
        if lacking:
            told.append(f"article {article.id!r} has no {', '.join(lacking)}")
        return f"{self._place()}: " + ("; ".join(told) or f"cannot be rendered for article {article.id!r}: {problem}")


@dataclass(frozen=True)
class _Piece:
    """One message of the body: its role, the line where that stands, the line where its text begins, its lines."""

    role: str
    line: int
    first: int
    lines: list[str]

    @property
    def text(self) -> str:
        return "\n".join(self.lines)


def _strict_yaml(text: str, place: Callable[[int | None], str]) -> tuple[dict[str, Any], dict[str, int]]:
    """Flat YAML as LiteLLM's reader understands it, but with every doubt refused; also the line of each key."""
    import yaml

    try:
        node: Any = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_twice(node, place)
        settings = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, RecursionError) as problem:
        mark = getattr(problem, "problem_mark", None)
        reason = getattr(problem, "problem", None) or problem
        raise PromptError(f"{place(mark.line + 2 if mark else 1)}: the front matter is not YAML: {reason}") from problem
    if not isinstance(settings, dict):
        raise PromptError(f"{place(2)}: the front matter must be `key: value` lines, not {type(settings).__name__}")
    return settings, {str(key.value): key.start_mark.line + 2 for key, _ in node.value}


def _refuse_twice(node: Any, place: Callable[[int | None], str]) -> None:
    import yaml

    if isinstance(node, yaml.MappingNode):
        seen = set()
        for key, value in node.value:
            if key.value in seen:
                raise PromptError(f"{place(key.start_mark.line + 2)}: the key {key.value!r} stands there twice")
            seen.add(key.value) if isinstance(key.value, str) else None
            _refuse_twice(value, place)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_twice(item, place)


# ---- lint

_FENCED = re.compile(r"<(\w+)[^>\n]*>\s*\{\{[^{}]*\}\}\s*</\1>|(\"\"\"|```)\w*\s*\{\{[^{}]*\}\}\s*\2")
_PRINTED = re.compile(r"\{\{-?\s*(\w+)\s*((?:\|[^{}]*)?)\}\}")
_CONTRACT = re.compile(
    r"\bonly (?:with )?(?:the|one|your|that|a)\b.*\b(?:title|headline|json|line)"
    r"|\b(?:title|headline|json)\b[^.\n]*\b(?:only|alone|nothing else)\b|\bnothing (?:else|but)\b",
    re.IGNORECASE,
)
_DATA = re.compile(
    r"\b(?:is|are|as) (?:data|material|source text)\b|\bnot (?:instructions?|a request)\b|\bdo not (?:follow|obey)\b",
    re.IGNORECASE,
)
_LANGUAGE = re.compile(
    r"\bin (English|German|French|Spanish|Italian|Portuguese|Dutch|Russian|Chinese|Japanese|Arabic|Hindi)\b"
)


def _lint(prompt: Prompt) -> list[Finding]:
    found: list[Finding] = []

    def tell(code: str, severity: Literal["error", "warning", "note"], line: int, message: str) -> None:
        found.append(Finding(code, severity, line, message, prompt._place()))

    printed: list[tuple[str, int]] = []
    for piece in prompt._pieces:
        fenced = [match.span() for match in _FENCED.finditer(piece.text)]
        for match in _PRINTED.finditer(piece.text):
            name, filters, line = match[1], match[2], piece.first + piece.text.count("\n", 0, match.start())
            printed.append((name, line))
            if "safe" not in filters:
                tell(
                    "html-escaping",
                    "warning",
                    line,
                    f"LiteLLM's own loader would HTML-escape this: {{{{ {name} | safe }}}}",
                )
            if name in ("title", "body", "lead") and not any(a <= match.start() < b for a, b in fenced):
                tell(
                    "no-fence",
                    "warning",
                    line,
                    f"{name} stands outside a fence; put it between <{name}> and </{name}> lines",
                )
            if name in ("title", "body", "lead") and piece.role == "system":
                tell(
                    "article-in-system",
                    "warning",
                    line,
                    f"{name} is the article's text; it belongs in the User: message",
                )
        for number, text in enumerate(piece.lines, piece.first):
            if "{%" in text:
                tell("logic", "note", number, "logic does not travel to other tools; plain variables do")
            if text[:1].isspace() and text.strip():
                tell("indent", "note", number, "LiteLLM's own loader drops the spaces at the start of a line")
            if language := _LANGUAGE.search(text):
                tell(
                    "language",
                    "warning",
                    number,
                    f"'{language[0]}' forces a language; write 'in the language of the article'",
                )
            if re.match(r"(?i)(system|user|assistant)\s*:?$", text.strip()):
                tell(
                    "role-word",
                    "warning",
                    number,
                    f"{text.strip()!r} opens no message; roles are System:, User:, Assistant:",
                )
    lines = dict(reversed(printed))
    for name in prompt.variables:
        if name not in VARIABLES:
            near = difflib.get_close_matches(name, VARIABLES, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(VARIABLES)}"
            tell("unknown-variable", "error", lines.get(name, 1), f"no article has {name!r}{hint}")
    if not {"title", "body", "lead"} & set(prompt.variables):
        tell(
            "no-article",
            "error",
            1,
            "nothing of the article is in the messages: use {{ title | safe }} or {{ body | safe }}",
        )
    schema = prompt._settings.get("input", {}).get("schema", {})
    for name in sorted(set(schema) - set(prompt.variables)):
        tell("unused-variable", "warning", 1, f"input.schema names {name!r}, which the body does not use")
    for name in sorted(set(prompt.variables) - set(schema)) if schema else []:
        tell("undeclared-variable", "warning", lines.get(name, 1), f"{name!r} is not in input.schema")
    instructions = _PRINTED.sub(" ", "\n".join(piece.text for piece in prompt._pieces))
    if not _CONTRACT.search(instructions):
        tell(
            "no-contract",
            "warning",
            1,
            "nothing asks for the title alone; add: Answer with the title only, on one line",
        )
    if {"body", "lead"} & set(prompt.variables) and not _DATA.search(instructions):
        tell("not-data", "warning", 1, "nothing says that the article is data, not instructions")
    return found


# ---- files


def load_prompts(path: str | os.PathLike[str]) -> dict[str, Prompt]:
    """Read one `.prompt` file, or all of a folder (not of its subfolders).

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict of str to Prompt
        By name, sorted.

    Raises
    ------
    PromptError
        With every problem of every file; or when there is none to read.

    Examples
    --------
    >>> "bare" in rk.load_prompts("prompts")
    True
    """
    source = Path(path)
    if not source.exists():
        raise PromptError(f"there is no {source}: cannot be read; give a .prompt file or a folder of them")
    files = sorted(source.glob("*.prompt")) if source.is_dir() else [source]
    if not files:
        raise PromptError(f"{source} holds no .prompt file")
    prompts, problems = {}, []
    for file in files:
        try:
            prompts[file.stem] = Prompt(file.stem, _read(file), str(file))
        except PromptError as problem:
            problems.append(str(problem))
    if problems:
        raise PromptError("\n".join(problems))
    return dict(sorted(prompts.items()))


def _read(file: Path) -> str:
    if file.suffix != ".prompt":
        raise PromptError(f"{file}: a prompt file ends in .prompt")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise PromptError(f"{file}: not UTF-8 (byte {problem.start}); save it as UTF-8") from problem
    except OSError as problem:
        raise PromptError(f"{file}: cannot be read ({problem.strerror})") from problem


def save_prompt(prompt: Prompt, folder: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
    """Write ``<folder>/<name>.prompt``, whole or not at all.

    Parameters
    ----------
    prompt : Prompt
        Its name may hold letters, digits, ``.``, ``_`` and ``-``; it is never taken for a path.
    folder : path-like
        Must exist.
    overwrite : bool
        Replace a file of that name.

    Returns
    -------
    pathlib.Path

    Raises
    ------
    PromptError
        For a name that is no plain file name, an existing file, or a folder that cannot be written.

    Examples
    --------
    >>> rk.save_prompt(prompts["bare"], tmp).name
    'bare.prompt'
    """
    if not _NAME.fullmatch(prompt.name) or _RESERVED.match(prompt.name):
        raise PromptError(f"{prompt.name!r} is no name for a prompt file: use letters, digits, '.', '_' and '-'")
    target = Path(folder) / f"{prompt.name}.prompt"
    if not target.parent.is_dir():
        raise PromptError(f"cannot save {target}: the folder {target.parent} does not exist")
    try:
        with tempfile.NamedTemporaryFile("wb", dir=target.parent, prefix=f".{prompt.name}.", delete=False) as part:
            part.write(prompt.text.encode("utf-8"))
        Path(part.name).chmod(0o644)
        try:
            if overwrite:
                Path(part.name).replace(target)
            else:
                os.link(part.name, target)  # fails when the file exists, even if another process made it just now
        finally:
            Path(part.name).unlink(missing_ok=True)
    except FileExistsError as problem:
        raise PromptError(f"{target} exists; choose another name or pass overwrite=True") from problem
    except UnicodeEncodeError as problem:
        raise PromptError(f"cannot save {target}: the text is not valid Unicode ({problem.reason})") from problem
    except OSError as problem:
        raise PromptError(f"cannot save {target}: {problem.strerror or problem}") from problem
    if Prompt(prompt.name, _read(target)).text != prompt.text:
        raise PromptError(f"{target} does not read back as it was written")
    return target
