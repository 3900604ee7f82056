"""A real JupyterLab and a real browser, for what only they can show."""

from __future__ import annotations

import ast
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

START_S = 60
# Settings that keep news, update checks and autosave out of a test.
SETTINGS = {
    "apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False, "doNotDisturbMode": True},
    "docmanager-extension/plugin": {"autosave": False},
}
KERNEL_IS_IDLE = """() => {
  const session = window.jupyterapp?.shell?.currentWidget?.sessionContext?.session;
  return session?.kernel?.status === 'idle' && session.kernel.connectionStatus === 'connected';
}"""
ALL_CELLS_DONE = """() => {
  const cells = [...window.jupyterapp.shell.currentWidget.content.model.cells].filter(cell => cell.type === 'code');
  const failed = cells.some(cell => cell.outputs.toJSON().some(output => output.output_type === 'error'));
  return failed || cells.every(cell => cell.executionCount && cell.executionState !== 'running');
}"""
ASK_KERNEL = """code => {
  window.rkAnswer = null;
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code: '', silent: false, store_history: false, user_expressions: { asked: code } });
  future.done.then(reply => { window.rkAnswer = reply.content.user_expressions.asked; });
}"""
RUN_LAST = """() => {
  window.rkRan = false;
  const { content } = window.jupyterapp.shell.currentWidget;
  content.activeCellIndex = content.widgets.length - 1;
  window.jupyterapp.commands.execute('notebook:run-cell').then(() => { window.rkRan = true; });
}"""
CELL_ERRORS = """() => [...window.jupyterapp.shell.currentWidget.content.model.cells]
  .filter(cell => cell.type === 'code').flatMap(cell => cell.outputs.toJSON())
  .filter(output => output.output_type === 'error').map(output => `${output.ename}: ${output.evalue}`)"""


def write_notebook(path: Path, cells: Iterable[str]) -> None:
    """A notebook of code cells that have not run."""
    kernel = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
    listed = [
        {"cell_type": "code", "id": f"c{n}", "metadata": {}, "source": cell, "outputs": [], "execution_count": None}
        for n, cell in enumerate(cells)
    ]
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": kernel}, "cells": listed}
    path.write_text(json.dumps(notebook))


class Notebook:
    """One notebook in a tab of its own."""

    def __init__(self, page: Page, address: str) -> None:
        self.page = page
        self.console: list[str] = []
        page.on("console", lambda message: self.console.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.console.append(str(error)))
        page.goto(address, wait_until="domcontentloaded")
        page.wait_for_function(KERNEL_IS_IDLE, timeout=START_S * 1000)

    def run_all(self, timeout_s: float = 180) -> None:
        """Run every cell and wait for the last one."""
        self.page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-all-cells'); }")
        self.page.wait_for_function(ALL_CELLS_DONE, timeout=timeout_s * 1000)
        self.page.wait_for_function(KERNEL_IS_IDLE, timeout=timeout_s * 1000)

    def run_last(self) -> None:
        """Run the last cell once more."""
        self.page.evaluate(RUN_LAST)
        self.page.wait_for_function("() => window.rkRan", timeout=30_000)

    def errors(self) -> list[str]:
        """What cells raised."""
        return list(self.page.evaluate(CELL_ERRORS))

    def command(self, name: str, **args: object) -> None:
        """Run a command of JupyterLab's."""
        self.page.evaluate("([name, args]) => window.jupyterapp.commands.execute(name, args)", [name, args])

    def python(self, expression: str) -> Any:
        """What an expression is in the kernel, as far as JSON can carry it."""
        self.page.evaluate(ASK_KERNEL, f"__import__('json').dumps({expression}, default=str)")
        answer = self.page.wait_for_function("() => window.rkAnswer", timeout=30_000).json_value()
        if answer["status"] != "ok":
            raise AssertionError(f"{answer['ename']}: {answer['evalue']}")
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))

    def cell_types(self) -> list[str]:
        """The notebook's cells, which no key pressed in a view may change."""
        return list(
            self.page.evaluate("() => [...jupyterapp.shell.currentWidget.content.model.cells].map(c => c.type)")
        )

    def reload(self) -> None:
        """Save the notebook and load the page anew."""
        self.command("docmanager:save")
        self.page.reload(wait_until="domcontentloaded")
        self.page.wait_for_function(KERNEL_IS_IDLE, timeout=START_S * 1000)

    def close(self) -> None:
        """End the kernel and the tab."""
        self.command("kernelmenu:shutdown")
        self.page.context.close()


class Lab:
    """A JupyterLab over `root`, with nothing of the developer's own in it."""

    def __init__(self, address: str, token: str, browser: Browser) -> None:
        self.address, self.token, self.browser = address, token, browser

    def open(self, path: str, *, dark: bool = False, size: tuple[int, int] = (1400, 900)) -> Notebook:
        """Open a notebook in a browser context and a workspace of its own."""
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
        )
        workspace = secrets.token_hex(4)
        address = f"{self.address}/lab/workspaces/{workspace}/tree/{path}?reset&token={self.token}"
        return Notebook(context.new_page(), address)


@contextmanager
def running_lab(root: Path, *, dark: bool = False) -> Iterator[Lab]:
    """Start JupyterLab and chromium; end both, kernels included."""
    with ExitStack() as stack:
        state = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="retitlekit-lab-")))
        token = secrets.token_hex(16)
        address, process = _start(root, state, token, dark)
        stack.callback(_end, process)
        _wait_until_up(f"{address}/api/status?token={token}", process, state / "log")
        playwright = stack.enter_context(sync_playwright())
        # a missing chromium is an error here, never a skip
        executable = shutil.which("chromium") or shutil.which("chromium-browser") or "chromium is not installed"
        flags = ["--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        browser = playwright.chromium.launch(executable_path=executable, args=[*flags, "--no-sandbox"])
        stack.callback(browser.close)
        yield Lab(address, token, browser)


def _start(root: Path, state: Path, token: str, dark: bool) -> tuple[str, subprocess.Popen[bytes]]:
    settings = SETTINGS | {"apputils-extension/themes": {"theme": "JupyterLab Dark" if dark else "JupyterLab Light"}}
    for name, values in settings.items():
        file = state / "settings/@jupyterlab" / f"{name}.jupyterlab-settings"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(values))
    config = state / "config/jupyter_server_config.json"  # a token in argv could be seen by every user
    config.parent.mkdir()
    config.touch(0o600)
    config.write_text(json.dumps({"IdentityProvider": {"token": token}}))
    folders = {"CONFIG_DIR": "config", "DATA_DIR": "data", "RUNTIME_DIR": "runtime"}
    environment = os.environ | {f"JUPYTER_{name}": str(state / folder) for name, folder in folders.items()}
    environment |= {"JUPYTERLAB_SETTINGS_DIR": str(state / "settings"), "IPYTHONDIR": str(state / "ipython")}
    environment |= {"JUPYTERLAB_WORKSPACES_DIR": str(state / "workspaces"), "PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    environment.pop("MPLBACKEND", None)  # the notebook's own shows figures inline
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = [
        "--no-browser",
        "--allow-root",
        f"--ServerApp.port={port}",
        "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={root}",
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.extension_manager=readonly",
        "--LabApp.expose_app_in_browser=True",
    ]
    with (state / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "jupyterlab", *options],
            cwd=root,
            env=environment,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    return f"http://127.0.0.1:{port}", process


def _wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + START_S
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"JupyterLab did not start:\n{log.read_text(errors='replace')}") from None
            time.sleep(0.1)


def _end(process: subprocess.Popen[bytes]) -> None:
    os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
