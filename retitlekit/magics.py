"""Magics: prompts written in notebook cells. ``%load_ext retitlekit``, then ``%%prompt <name>`` and ``%prompts``."""

from __future__ import annotations

import argparse
import difflib
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.error import UsageError

from retitlekit import html
from retitlekit.articles import Article
from retitlekit.errors import PromptError, RetitlekitError
from retitlekit.models import Model
from retitlekit.models.prices import count_tokens
from retitlekit.models.servers import check_id
from retitlekit.prompts import Finding, Prompt, save_prompt

_STYLE = """
.rk-draft pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: 0; max-height: 22em; overflow: auto;
  color: inherit; background: none; }
.rk-draft p { margin: 0 0 6px; }
.rk-draft .rk-bad { color: var(--rk-bad); }
.rk-draft ins { text-decoration: none; background: color-mix(in srgb, #0072b2 16%, transparent); }
.rk-draft del { text-decoration: none; background: color-mix(in srgb, #e69f00 20%, transparent); }
"""


@dataclass(frozen=True, repr=False)
class Draft:
    """What ``%%prompt`` shows of the prompt in its cell.

    Attributes
    ----------
    prompt : Prompt
    findings : list of Finding
        Of `Prompt.lint`; lines are those of the file, which the cell's are one ahead of.
    article : str or None
        Id of the article that `messages` were rendered for.
    messages : list of dict
        As they would be sent; the bare templates without an article.
    problem : str
        Why the article could not be rendered, or "".
    tokens : dict of str to int
        By model.
    parent : str or None
    diff : str or None
        From the parent to this prompt.
    path : pathlib.Path or None
        Where it was saved.
    """

    prompt: Prompt
    findings: list[Finding]
    article: str | None
    messages: list[dict[str, str]]
    problem: str
    tokens: dict[str, int]
    parent: str | None
    diff: str | None
    path: Path | None

    def _told(self) -> str:
        counts = [(kind, sum(each.severity == kind for each in self.findings)) for kind in ("error", "warning", "note")]
        found = ", ".join(f"{count} {kind}{'s' * (count > 1)}" for kind, count in counts if count)
        shown = f"as sent for article {self.article!r}" if self.article and not self.problem else "as templates"
        return f"prompt {self.prompt.name!r}: {found or 'lint finds nothing'}; messages {shown}"

    def _tails(self) -> list[str]:
        """The lines below the messages."""
        lines = [self.problem] if self.problem else []
        lines += [f"{count:,} tokens for {model}" for model, count in self.tokens.items()]
        if self.parent and self.prompt.about.get("parent") != self.parent:
            lines.append(f"The file does not name this parent: metadata: {{retitlekit: {{parent: {self.parent}}}}}")
        return lines + ([f"saved as {self.path}"] if self.path else [])

    def __repr__(self) -> str:
        lines = [self._told(), *(f"  line {f.line}: {f.severity}: {f.message} [{f.code}]" for f in self.findings)]
        for message in self.messages:
            lines += [f"-- {message['role']}", message["content"]]
        if self.messages:
            lines.append("--")
        lines += [*self._tails(), *([self.diff or f"no difference to {self.parent}"] if self.parent else [])]
        return html.visible("\n".join(lines))

    def _repr_html_(self) -> str:
        rows = [
            f'<tr class="{"rk-bad" if f.severity == "error" else ""}"><td>line {f.line}</td><td>{f.severity}</td>'
            f"<td>{html.escape(f.message)} <small>[{f.code}]</small></td></tr>"
            for f in self.findings
        ]
        said = [
            f'<tr><th scope="row">{html.escape(message["role"])}</th>'
            f'<td><pre tabindex="0">{html.escape(message["content"])}</pre></td></tr>'
            for message in self.messages
        ]
        parts = [f'<p class="rk-told">{html.escape(self._told())}</p>', _table(rows), _table(said)]
        parts += [f"<p>{html.escape(line)}</p>" for line in self._tails()]
        if self.parent:
            diff = self.diff or f"no difference to {self.parent}"
            parts.append(f'<pre tabindex="0">{chr(10).join(map(_marked, diff.splitlines()))}</pre>')
        return html.card(f'<div class="rk-draft">{"".join(parts)}</div>', _STYLE)


def _table(rows: list[str]) -> str:
    return f'<table class="rk-plain"><tbody>{"".join(rows)}</tbody></table>' if rows else ""


def _marked(line: str) -> str:
    tag = {"+": "ins", "-": "del"}.get(line[:1])
    shown = html.escape(line)
    return f"<{tag}>{shown}</{tag}>" if tag and line[:3] not in ("+++", "---") else shown


@dataclass(frozen=True, repr=False)
class Listing:
    """The prompts of a notebook, as ``%prompts`` lists them."""

    prompts: dict[str, Prompt]
    name: str

    _COLUMNS = ("name", "description", "parent", "variables", "model", "temperature", "lint")

    def _rows(self) -> list[tuple[str, ...]]:
        return [
            (
                name,
                prompt.description,
                str(prompt.about.get("parent", "")),
                ", ".join(prompt.variables),
                prompt.model or "",
                "" if prompt.temperature is None else f"{prompt.temperature:g}",
                ", ".join(dict.fromkeys(finding.code for finding in prompt.lint())),
            )
            for name, prompt in self.prompts.items()
        ]

    def _told(self) -> str:
        return f"{len(self.prompts)} prompts in {self.name}"

    def __repr__(self) -> str:
        rows = [(name, lint or "–", description) for name, description, *_, lint in self._rows()]
        widths = [max(map(len, column), default=0) for column in zip(*rows, strict=True)]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return html.visible("\n".join([self._told(), *lines]))

    def _repr_html_(self) -> str:
        return html.table(self._rows(), columns=self._COLUMNS, caption=self._told())


class _Options(argparse.ArgumentParser):
    """Options on a magic's line; what is wrong with them is an error of the cell and not the end of the kernel."""

    def __init__(self, magic: str, description: str) -> None:
        super().__init__(magic, description=description, add_help=False, allow_abbrev=False)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. {' '.join(self.format_usage().split())}")

    def read(self, line: str) -> argparse.Namespace:
        try:
            return self.parse_args(shlex.split(line))
        except ValueError as problem:
            return self.error(str(problem))


PROMPT = _Options(
    "%%prompt",
    "Make a prompt of this cell: the text of a .prompt file, with or without front matter. Shows what lint finds, the "
    "messages as they would be sent, tokens, and the difference to the parent. Sends nothing.",
)
PROMPT.add_argument("name", help="the prompt's name: its place in the dict, and the stem of its file")
PROMPT.add_argument("--article", help="id of the article to show the messages for; else the first one")
PROMPT.add_argument("--articles", help="variable that holds the articles; 'articles' unless given")
PROMPT.add_argument("--model", action="append", default=[], help="count tokens for this model; may be given again")
PROMPT.add_argument("--parent", help="show the difference to this prompt; else to the one the front matter names")
PROMPT.add_argument("--into", default="prompts", help="variable with the dict of prompts; made when missing")
PROMPT.add_argument("--save", nargs="?", const="prompts", metavar="FOLDER", help="write FOLDER/<name>.prompt")
PROMPT.add_argument("--overwrite", action="store_true", help="with --save: replace a file that says something else")

PROMPTS = _Options("%prompts", "List the prompts of this notebook, with what lint finds.")
PROMPTS.add_argument("--into", default="prompts", help="variable with the dict of prompts")


def load_ipython_extension(shell: Any) -> None:
    """Register the magics: ``%load_ext retitlekit`` (or ``retitlekit.magics``)."""

    def prompt(line: str, cell: str) -> Draft:
        return _draft(shell.user_ns, PROMPT.read(line), cell)

    def prompts(line: str = "") -> Listing:
        name = PROMPTS.read(line).into
        return Listing(dict(_held(shell.user_ns, name)), name)

    prompt.__doc__, prompts.__doc__ = PROMPT.format_help(), PROMPTS.format_help()
    shell.register_magic_function(prompt, "cell", "prompt")
    shell.register_magic_function(prompts, "line", "prompts")


def _draft(notebook: dict[str, Any], options: argparse.Namespace, cell: str) -> Draft:
    """The cell as a prompt, put into the notebook's dict once everything about it was found right."""
    prompts = _held(notebook, options.into)
    try:
        prompt = Prompt(options.name, cell)
        wanted = str(options.parent or prompt.about.get("parent", ""))
        if options.parent and wanted not in prompts:
            raise PromptError(f"--parent: {_none_such('prompt', wanted, prompts)}")
        parent = prompts.get(wanted) if wanted != prompt.name else None
        article = _article(notebook, options.article, options.articles)
        messages, problem = _messages(prompt, article)
        draft = Draft(
            prompt=prompt,
            findings=prompt.lint(),
            article=article.id if article else None,
            messages=messages,
            problem=problem,
            tokens={model.name: count_tokens(model, messages) for model in _models(notebook, options.model)},
            parent=parent.name if parent else None,
            diff=parent.diff(prompt) if parent else None,
            path=_saved(prompt, options.save, options.overwrite) if options.save else None,
        )
    except RetitlekitError as told:
        raise UsageError(str(told)) from told
    prompts[prompt.name] = prompt
    return draft


def _held(notebook: dict[str, Any], name: str) -> dict[str, Prompt]:
    """The notebook's dict of prompts."""
    if not name.isidentifier():
        raise UsageError(f"--into {name}: give the name of a variable")
    prompts = notebook.setdefault(name, {})
    if not isinstance(prompts, dict) or not all(isinstance(each, Prompt) for each in prompts.values()):
        raise UsageError(f"{name} is a {type(prompts).__name__}, not a dict of prompts: name another with --into")
    return prompts


def _article(notebook: dict[str, Any], wanted: str | None, variable: str | None) -> Article | None:
    held = notebook.get(variable or "articles")
    listed = [held] if isinstance(held, Article) else held if isinstance(held, list | tuple) else []
    articles = {each.id: each for each in listed if isinstance(each, Article)}
    if not articles and (variable or wanted):
        raise UsageError(f"there are no articles in {variable or 'articles'}: name a list of them with --articles")
    if wanted and wanted not in articles:
        raise UsageError(f"--article: {_none_such('article', wanted, articles)}")
    return articles[wanted] if wanted else next(iter(articles.values()), None)


def _messages(prompt: Prompt, article: Article | None) -> tuple[list[dict[str, str]], str]:
    """The messages for the article, or the bare templates and the reason."""
    problem = ""
    if article is not None:
        try:
            return prompt.render(article), ""
        except PromptError as told:
            problem = str(told)
    return [{"role": role, "content": text} for role, text in prompt.turns], problem


def _models(notebook: dict[str, Any], names: list[str]) -> list[Model]:
    """Models of the notebook by their variables, or else LiteLLM ids."""
    models = [held if isinstance(held := notebook.get(name), Model) else Model(name) for name in names]
    for model in models:
        check_id(model)
    return models


def _none_such(kind: str, wanted: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(wanted, names, n=3) or names[:3]
    return f"there is no {kind} {wanted!r}" + (f"; did you mean {', '.join(map(repr, near))}?" if near else "")


def _saved(prompt: Prompt, folder: str, overwrite: bool) -> Path:
    """The file; one that says the same already is left alone, so that a cell may run twice."""
    path = Path(folder) / f"{prompt.name}.prompt"
    if (
        Path(prompt.name).name == prompt.name
        and path.is_file()
        and path.read_bytes() == prompt.text.encode("utf-8", errors="surrogatepass")
    ):
        return path
    return save_prompt(prompt, folder, overwrite=overwrite)
