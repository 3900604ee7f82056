"""A real kernel without a browser: cells are run, and the button of `Stop` is pressed by the messages that it sends."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

from .conftest import ROOT

SETUP = """
import ast, asyncio, time, warnings
import retitlekit as rk
from retitlekit.widgets.stop import Stop
warnings.simplefilter("ignore")
model = rk.Model("openai/model-a", api_base={base!r})
articles = [rk.Article(f"a{{n}}", f"Title {{n}}") for n in range(2000)]
trials = rk.plan([rk.Prompt("one", "{{{{ title }}}}")], articles, models=model)
job = rk.start(trials, store={store!r}, max_concurrency=4)
events = []
def note(what):
    events.append((what, time.time()))
def action():
    note("heard")
    job.stop(grace_s=0)
stop = Stop(action)
"""
CELLS = {
    "nothing runs": "",
    "a cell blocks": "time.sleep(2)",
    "a cell awaits": "await asyncio.sleep(2)",
    "a cell waits for the sweep": "frame = job.wait(progress=False)",
}


@contextmanager
def kernel(libraries: Path | None = None) -> Iterator[BlockingKernelClient]:
    """A kernel of this interpreter, where wanted with other libraries before the installed ones."""
    paths = [str(each) for each in (libraries, ROOT) if each is not None]
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)})
    client = manager.client()
    try:
        client.start_channels()
        client.wait_for_ready(timeout=60)
        yield client
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def ran(client: BlockingKernelClient, code: str, asked: str = "None") -> Any:
    """Run a cell; gives the value of an expression afterwards."""
    import ast

    reply = client.execute(code, reply=True, timeout=60, user_expressions={"asked": asked})["content"]
    told = reply if reply["status"] == "error" else reply["user_expressions"]["asked"]
    if told["status"] != "ok":
        raise AssertionError(f"{told['ename']}: {told['evalue']}")
    return ast.literal_eval(told["data"]["text/plain"])


def press(client: BlockingKernelClient, comm: str, kind: str = "pressed") -> None:
    """Press the button: the click goes by the control channel and by the shell, as from the browser."""
    pressed: Mapping[str, Any] = {"kind": kind, "press": uuid.uuid4().hex}
    content = {"comm_id": comm, "data": {"method": "custom", "content": pressed}}
    for channel in (client.control_channel, client.shell_channel):
        channel.send(client.session.msg("comm_msg", content))


def pressed_while(client: BlockingKernelClient, cell: str, base: str, store: Path) -> tuple[list[str], float, str]:
    """Start a sweep and a cell, and press Stop.

    What happened in which order ("heard", and "over" when the cell ended), seconds until it was heard, and what became
    of the sweep.
    """
    comm = ran(client, SETUP.format(base=base, store=str(store)), "stop.comm_id")
    client.execute(f"{cell}\nnote('over')") if cell else None
    time.sleep(0.5)  # the cell runs
    start = time.time()
    press(client, comm)
    events, end = ran(client, "frame = job.wait(progress=False)", "(events, repr(job))")
    return [what for what, _ in events], dict(events)["heard"] - start, end
