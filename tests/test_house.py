"""The shape of the house: light imports, one public door, layers that only look down."""

from __future__ import annotations

import ast
import doctest
import importlib
import inspect
import json
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import retitlekit as rk

from .conftest import ROOT

# The table of layers in CONTRIBUTING.md is the law; what it does not name is no room.
ROWS = re.findall(r"^\| (\d) \|(.*?)\|(.*?)\|", (ROOT / "CONTRIBUTING.md").read_text(), re.MULTILINE)
LEVEL = {
    ".".join(part for part in dict.fromkeys([folder.strip("` /"), name]) if part): int(level)
    for level, folder, names in ROWS
    for name in re.findall(r"`(\w+)`", names)
}
MODULES = sorted(path for path in (ROOT / "retitlekit").rglob("*.py") if path != ROOT / "retitlekit/__init__.py")


def module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def room(module: str) -> str:
    """The room that holds a module; "" for the door itself, and for what only says what a folder is for."""
    name = module.removeprefix("retitlekit").removeprefix(".")
    while name and name not in LEVEL:
        name = name.rpartition(".")[0]
    return name


def imported_rooms(path: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "retitlekit":
            deeper = {f"{node.module}.{alias.name}" for alias in node.names}
            modules |= {name if name.removeprefix("retitlekit.") in LEVEL else str(node.module) for name in deeper}
        elif isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names if alias.name.startswith("retitlekit.")}
    return {found for module in modules if (found := room(module))}


@pytest.mark.parametrize("path", MODULES, ids=module_of)
def test_layers(path: Path) -> None:
    """A room imports only from its own layer and from those below; each is in the table, or only a folder's word."""
    own = room(module_of(path))
    higher = {name for name in imported_rooms(path) if not own or LEVEL[name] > LEVEL[own]}

    assert set() == higher


def test_no_room_goes_round_in_a_circle() -> None:
    """No two rooms of a layer import each other."""
    edges = {(room(module_of(path)), other) for path in MODULES for other in imported_rooms(path)}
    circles = {(a, b) for a, b in edges if a != b and (b, a) in edges}

    assert set() == circles


@pytest.mark.parametrize(
    ("library", "door"),
    [
        ("litellm", "models.providers"),
        ("openai", "models.providers"),
        ("aiohttp", "models.wire"),
        ("jinja2", "prompts.sandbox"),
    ],
)
def test_one_door(library: str, door: str) -> None:
    """LiteLLM with its SDK, the HTTP client and the template language are each known by one room."""
    pattern = re.compile(rf"^\s*(?:import|from) {library}\b", re.MULTILINE)
    users = {room(module_of(path)) for path in MODULES if pattern.search(path.read_text())}

    assert {door} == users


WATCHED_IMPORT = """
import json, logging, socket, sys, time
def refuse(*args, **kwargs): raise AssertionError("the network was used")
socket.socket.connect = socket.getaddrinfo = refuse
start = time.perf_counter()
import retitlekit
seconds = time.perf_counter() - start
print(json.dumps([sorted({name.split(".")[0] for name in sys.modules}), seconds]))
"""


def test_import_is_light_silent_and_offline() -> None:
    """`import retitlekit` loads no heavy library, opens no connection and prints nothing."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WATCHED_IMPORT], capture_output=True, text=True, cwd=ROOT
    )
    modules = set(json.loads(done.stdout)[0])

    assert done.stderr == ""
    assert set() == modules & {"litellm", "matplotlib", "ipywidgets", "pandas", "numpy", "jinja2", "aiohttp"}


WATCHED_WORK = """
import sys
import pandas, matplotlib
before = pandas.get_option("display.max_colwidth"), dict(matplotlib.rcParams)
import retitlekit as rk
for name in rk.__all__:
    getattr(rk, name)
assert before == (pandas.get_option("display.max_colwidth"), dict(matplotlib.rcParams))
print(sorted({"litellm", "ipywidgets"} & set(sys.modules)))
"""


def test_touching_every_name_changes_no_option() -> None:
    """Every public name can be had without LiteLLM, and no option of pandas or matplotlib changes."""
    done = subprocess.run([sys.executable, "-c", WATCHED_WORK], capture_output=True, text=True, cwd=ROOT)

    assert ("[]\n", "") == (done.stdout, done.stderr)


def test_public_door() -> None:
    """`__all__` is sorted, everything in it exists, and unknown names are refused as usual."""
    assert sorted(rk.__all__) == rk.__all__
    assert all(hasattr(rk, name) for name in rk.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        rk.nonsense  # noqa: B018


PUBLIC = [name for name in rk.__all__ if callable(getattr(rk, name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_documented(name: str) -> None:
    """Every public function and class has a docstring, and stands in the reference."""
    assert inspect.getdoc(getattr(rk, name))
    assert f"`{name}" in (ROOT / "docs/reference.md").read_text()


WITH_EXAMPLES = [module_of(p) for p in MODULES if ">>>" in p.read_text() and p.parent.name != "widgets"]


@pytest.mark.parametrize("module", WITH_EXAMPLES)
def test_examples_in_docstrings_run(module: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The examples of the reference do what they say."""
    shutil.copytree(ROOT / "data", tmp_path / "data")
    shutil.copytree(ROOT / "prompts", tmp_path / "prompts")
    (tmp_path / "empty").mkdir()
    articles, prompts = rk.load_articles("data/articles.jsonl"), rk.load_prompts("prompts")
    frame = rk.score(rk.sweep(prompts, articles[:4], models="baseline/prefix", store=tmp_path / "s", progress=False))
    names = {"rk": rk, "articles": articles, "prompts": prompts, "frame": frame, "tmp": tmp_path / "empty"}
    target = importlib.import_module(module)
    failed = doctest.testmod(target, extraglobs=names, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)

    assert failed.attempted > 0
    assert failed.failed == 0


def test_dependencies_are_those_we_chose() -> None:
    """Nobody's development tool slips into what a user installs."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = {re.split(r"[<>=\[ ]", line)[0] for line in project["dependencies"]}
    expected = """aiohttp anywidget ftfy ipywidgets jinja2 jupyterlab litellm matplotlib numpy pandas py3langid pyarrow
    pyyaml rapidfuzz tqdm uvloop vaderSentiment"""

    assert set(expected.split()) == names


TESTS = [
    pytest.param(node, id=f"{path.stem}.{node.name}")
    for path in sorted((ROOT / "tests").rglob("test_*.py"))
    for node in ast.walk(ast.parse(path.read_text()))
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
]


@pytest.mark.parametrize("node", TESTS)
def test_every_test_says_what_it_proves(node: ast.FunctionDef) -> None:
    """Each test has one sentence of its own."""
    assert ast.get_docstring(node)


def test_no_room_hides_a_verb() -> None:
    """No module has the name of a public function: importing it would put the module in the function's place."""
    rooms = {path.stem for path in MODULES if path.parent.name == "retitlekit"}

    assert set() == {name for name in rk.__all__ if inspect.isfunction(getattr(rk, name))} & rooms


def test_what_the_readme_and_the_notebooks_write_is_ignored() -> None:
    """Frames, reports, winners and stores of one's own do not get into git by mistake."""
    ignored = set((ROOT / ".gitignore").read_text().split())

    assert {"report.html", "winners/", ".retitlekit/", "/sweep.parquet", "/demo.parquet"} <= ignored
