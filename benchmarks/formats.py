"""Whether other tools read what export_prompt() writes as we send it, and what hostile articles do in them.

    npm install promptfoo dotprompt        # in some folder; promptfoo brings 2 GB, so no test does it
    python benchmarks/formats.py FOLDER/node_modules

Every shipped prompt is exported and read by each tool's own code, with the shipped articles and with those of
hostile_articles(). Messages are compared without the blanks at their ends, and without the backslashes that close no
fence (only retitlekit seals fences). The result is printed and written to benchmarks/formats.md.
"""

from __future__ import annotations

import asyncio
import datetime
import json
import os
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import prompty
import yaml
from dotpromptz import Dotprompt
from dotpromptz._typing import DataArgument
from langfuse.api import Prompt_Chat
from langfuse.api.core.pydantic_utilities import parse_obj_as
from langfuse.model import ChatPromptClient
from llm.templates import Template

import retitlekit as rk
from retitlekit.prompts.sandbox import unseal

ROOT = Path(__file__).parent.parent
Values = list[dict[str, str]]
Messages = list[dict[str, str]]
DOTPROMPT_JS = """
const {Dotprompt} = require(process.argv[1]);
const {text, values} = JSON.parse(require("fs").readFileSync(0, "utf8"));
(async () => {
  const read = [];
  for (const input of values) {
    try { read.push((await new Dotprompt().render(text, {input})).messages); } catch (problem) { read.push(null); }
  }
  console.log(JSON.stringify(read));
})();
"""


def each(read: Callable[[str, dict[str, str]], Messages]) -> Callable[[str, Values], list[Messages | None]]:
    """A reader of many values; None where the tool itself refuses."""

    def all_of(text: str, values: Values) -> list[Messages | None]:
        found: list[Messages | None] = []
        for value in values:
            try:
                found.append(read(text, value))
            except ValueError:  # Prompty's "Nonce mismatch"
                found.append(None)
        return found

    return all_of


def google_python(text: str, value: dict[str, str]) -> Messages:
    """Google's reader in Python."""
    rendered = asyncio.run(Dotprompt().render(text, DataArgument(input=value)))
    return [{"role": m.role.value, "content": "".join(part.text for part in m.content)} for m in rendered.messages]


def google_js(text: str, values: Values, modules: Path) -> list[Messages | None]:
    """Google's reader in JavaScript, which is the reference."""
    command = ["node", "-e", DOTPROMPT_JS, str(modules / "dotprompt")]
    done = subprocess.run(
        command, input=json.dumps({"text": text, "values": values}), capture_output=True, text=True, check=True
    )
    return [
        read and [{"role": m["role"], "content": "".join(p.get("text", "") for p in m["content"])} for m in read]
        for read in json.loads(done.stdout)
    ]


def microsoft(text: str, value: dict[str, str]) -> Messages:
    """Prompty's reader."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "p.prompty"
        path.write_text(text, encoding="utf-8")
        return [{"role": m.role, "content": m.text} for m in prompty.prepare(prompty.load(path), value)]


def langfuse(text: str, value: dict[str, str]) -> Messages:
    """Langfuse's client object, as if the server had stored the prompt."""
    stored = parse_obj_as(Prompt_Chat, {**json.loads(text), "version": 1, "labels": [], "tags": []})
    return [{"role": m["role"], "content": m["content"]} for m in ChatPromptClient(stored).compile(**value)]


def simon_willison(text: str, value: dict[str, str]) -> Messages:
    """The Template of llm."""
    prompt, system = Template(name="p", **yaml.safe_load(text)).evaluate("", dict(value))
    return [{"role": r, "content": c} for r, c in (("system", system), ("user", prompt)) if c]


def promptfoo(text: str, values: Values, modules: Path) -> list[Messages | None]:
    """What its echo provider is sent by `promptfoo eval`."""
    with tempfile.TemporaryDirectory() as folder:
        config = yaml.safe_load(text) | {"providers": ["echo"], "tests": [{"vars": value} for value in values]}
        (Path(folder) / "c.json").write_text(json.dumps(config))
        quiet = {"PROMPTFOO_DISABLE_TELEMETRY": "1", "PROMPTFOO_DISABLE_UPDATE": "1", "PROMPTFOO_CONFIG_DIR": folder}
        main = modules / "promptfoo/dist/src/main.js"
        command = ["node", str(main), *"eval -c c.json --no-cache --no-write --no-table --no-progress-bar".split()]
        subprocess.run([*command, "-o", "o.json"], cwd=folder, env=os.environ | quiet, capture_output=True, check=False)
        results = json.loads((Path(folder) / "o.json").read_text())["results"]["results"]
    said = {json.dumps(r["vars"], sort_keys=True): r.get("response", {}).get("output") for r in results}
    found = [said.get(json.dumps(value, sort_keys=True)) for value in values]
    return [json.loads(each) if isinstance(each, str) else each for each in found]


def readers(modules: Path) -> dict[str, tuple[str, Callable[[str, Values], list[Messages | None]]]]:
    """Tool and version: the format, and its reader."""

    def js(name: str) -> str:
        return str(json.loads((modules / name / "package.json").read_text())["version"])

    return {
        f"dotprompt {js('dotprompt')} (npm)": ("google-dotprompt", lambda t, v: google_js(t, v, modules)),
        f"dotpromptz {version('dotpromptz')} (PyPI)": ("google-dotprompt", each(google_python)),
        f"prompty {version('prompty')} (PyPI)": ("prompty", each(microsoft)),
        f"promptfoo {js('promptfoo')} (npm)": ("promptfoo", lambda t, v: promptfoo(t, v, modules)),
        f"langfuse {version('langfuse')} (PyPI)": ("langfuse", each(langfuse)),
        f"llm {version('llm')} (PyPI)": ("llm", each(simon_willison)),
    }


def same(here: Messages, there: Messages | None) -> str:
    """How a tool's messages compare with ours."""
    if there is None:
        return "refused"
    plain = [
        [("assistant" if m["role"] == "model" else m["role"], unseal(m["content"]).strip()) for m in messages]
        for messages in (here, there)
    ]
    if plain[0] == plain[1]:
        return "same"
    return "text" if [role for role, _ in plain[0]] == [role for role, _ in plain[1]] else "roles"


def main() -> None:
    """Print the table and write the page."""
    warnings.simplefilter("ignore", rk.RetitlekitWarning)
    modules = Path(sys.argv[1]).resolve()
    prompts = rk.load_prompts(ROOT / "prompts")
    clean = rk.load_articles(ROOT / "data/articles.jsonl")
    lines = [
        "| tool | prompts | articles: same messages | hostile: same | other text | other roles | refused |",
        "|---|---|---|---|---|---|---|",
    ]
    for tool, (to, read) in readers(modules).items():
        carried, good, sent = 0, 0, 0
        outcomes: list[str] = []
        for prompt in prompts.values():
            try:
                text = rk.export_prompt(prompt, to=to)  # type: ignore[arg-type]
            except rk.PromptError:
                continue
            carried += 1
            articles: list[Any] = [*clean, *rk.hostile_articles(prompt)]
            values = [{name: getattr(article, name) for name in prompt.variables} for article in articles]
            told = [same(prompt.render(a), m) for a, m in zip(articles, read(text, values), strict=True)]
            good += told[: len(clean)].count("same")
            sent += len(clean)
            outcomes += told[len(clean) :]
        counts = " | ".join(str(outcomes.count(each)) for each in ("same", "text", "roles", "refused"))
        lines.append(f"| {tool} | {carried} of {len(prompts)} | {good} of {sent} | {counts} |")
        print(lines[-1], flush=True)
    page = f"""# Prompts in other tools

Every shipped prompt, exported with `export_prompt()` and read by each tool's own code. *Articles* are the
{len(clean)} shipped ones; *hostile* those of `hostile_articles()`, harmless twins included. Messages are compared
without blanks at their ends and without our seals on fences. {datetime.date.today()}, `{Path(__file__).name}`.

{chr(10).join(lines)}

llm has no place for the assistant's turns of `few-shot`; `export_prompt()` says so.

*Other roles*: an article that holds Dotprompt's role marker opens a message there, because roles are split after
rendering. *Other text*: promptfoo fills in a variable that an article names (`{{{{ title }}}}`).
*Refused*: Prompty stops at an article with a role line. retitlekit splits roles before an article goes in and renders
nothing that an article says, so its own messages keep their structure with every article.
"""
    (ROOT / "benchmarks/formats.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
