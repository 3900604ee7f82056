"""Time the grid and the arena in a real JupyterLab and chromium: ``python -m benchmarks.grid``.

Frames of six variants; each grid is opened several times in one kernel, sizes and libraries in turn. Paint is the time
from the command that runs the cell to two frames after the first title is in the page (for a canvas: after it is no
longer blank). Its kernel part ends when the kernel shows the widget, by the clock that kernel and browser share; the rest
is the browser's: messages, script, layout, paint and the two frames. kB is what the websocket brought until half a second
later. Imports, kernel and page are warm: each grid was opened once before. ipydatagrid, itables and quak are measured in
the same run where they are installed; the project does not need them. Prints Markdown tables.
"""

from __future__ import annotations

import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from tests.browser.lab import Notebook, running_lab, write_notebook

ROUNDS = 5
SIZES = (10_000, 100_000)

SETUP = """
import numpy as np, pandas as pd, retitlekit as rk, tempfile, warnings
import retitlekit.widgets.grid, retitlekit.widgets.arena
warnings.simplefilter("ignore")
def frame(n, v=6):
    rng = np.random.default_rng(0)
    words = np.array("kim russia arms deal talks council bridge votes says after storm mayor river school budget strike court ruling".split())
    titles = [" ".join(each) for each in words[rng.integers(0, len(words), (n * v, 9))]]
    article, variant = np.repeat(np.arange(n), v), np.tile(np.arange(v), n)
    coded = lambda codes, names: pd.Categorical.from_codes(codes, categories=pd.Index(names, dtype="str"))
    return pd.DataFrame({
        "trial_id": pd.array([f"t{i}" for i in range(n * v)], dtype="string"),
        "article": coded(article, [f"a{i}" for i in range(n)]),
        "original_title": coded(article, [f"Original title number {i} of the day in the city" for i in range(n)]),
        "prompt": coded(variant % 3, ["p0", "p1", "p2"]), "model": coded(variant // 3, ["m0", "m1"]),
        "temperature": pd.array([0.0] * (n * v), dtype="Float64"), "repeat": pd.array([1] * (n * v), dtype="Int64"),
        "title": pd.array(titles, dtype="string"), "status": pd.Categorical(["ok"] * (n * v)),
        "passed": pd.array(rng.random(n * v) < .7, dtype="boolean"),
    })
frames = {n: frame(n) for n in (100, 10_000, 100_000)}
wides = {n: rk.compare(f).to_frame().reset_index(drop=True) for n, f in frames.items()}
kept = tempfile.mkdtemp()
"""
GRIDS = {
    "retitlekit": ("rk.compare(frames[{n}], store=kept)", "root.querySelector('.rk-outcome')"),
    "quak": ("quak.Widget(wides[{n}])", "deep(root).some(e => e.shadowRoot?.querySelector('tbody td'))"),
    "ipydatagrid": ("ipydatagrid.DataGrid(wides[{n}])", "[...root.querySelectorAll('canvas')].some(drawn)"),
    "itables": (
        "itables.show(wides[{n}], maxBytes=0)",
        "root.querySelector('tbody tr td')?.textContent.trim().length > 3",
    ),
}
OPEN = """async ([cell, probe]) => {
  const deep = node => [...node.querySelectorAll('*')];
  const drawn = canvas => { if (!canvas.width) return false; const d = canvas.getContext('2d').getImageData(0, 0, canvas.width, Math.min(60, canvas.height)).data;
    return new Set(new Uint32Array(d.buffer)).size > 6; };
  const frame = () => new Promise(requestAnimationFrame), notebook = jupyterapp.shell.currentWidget.content;
  const painted = new Function('root', 'deep', 'drawn', `return !!(${probe})`);
  notebook.activeCellIndex = cell;
  notebook.widgets[cell].model.outputs.clear();
  await frame(); await frame();
  const start = performance.now(), root = notebook.widgets[cell].outputArea.node, { kernel } = notebook.parent.sessionContext.session;
  let shown = NaN;
  const hear = (_, { header }) => { if (header.msg_type === 'display_data' && isNaN(shown)) shown = Date.parse(header.date) - performance.timeOrigin - start; };
  kernel.iopubMessage.connect(hear);
  jupyterapp.commands.execute('notebook:run-cell');
  while (!painted(root, deep, drawn)) { if (performance.now() - start > 60000) return null; await frame(); }
  await frame(); await frame();
  const took = performance.now() - start;
  kernel.iopubMessage.disconnect(hear);
  return [took, shown];
}"""
SCROLL = """async () => {
  const view = [...document.querySelectorAll('.rk-view')].at(-1), frames = [];
  view.scrollIntoView();
  await new Promise(r => setTimeout(r, 500));
  let last = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 180; i++) {
    view.scrollTop += 60;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - last);
    last = now;
  }
  return frames;
}"""
FILTER = """async text => {
  const grid = [...document.querySelectorAll('.rk-grid')].at(-1), box = grid.querySelector('.rk-search'), say = grid.querySelector('.rk-say');
  const before = say.textContent, start = performance.now();
  box.value = text;
  box.dispatchEvent(new Event('input'));
  while (say.textContent === before && performance.now() - start < 10000) await new Promise(requestAnimationFrame);
  await new Promise(requestAnimationFrame);
  return performance.now() - start;
}"""
VOTE = """async keys => {
  const arena = document.querySelector('.rk-arena'), times = [];
  arena.focus();
  for (const key of keys) {
    const before = arena.dataset.shown, start = performance.now();
    arena.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
    while (arena.dataset.shown === before && performance.now() - start < 10000) await new Promise(requestAnimationFrame);
    await new Promise(requestAnimationFrame);
    times.push(performance.now() - start);
    await new Promise(r => setTimeout(r, 500));  // a fast voter: two a second
  }
  return times;
}"""


def quantile(values: list[float], share: float) -> float:
    """A value that this share of the values does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def arrived(frame: Mapping[str, Any]) -> int:
    """Bytes of a frame; DevTools give binary ones as base64."""
    return len(frame["payloadData"]) * 3 // 4 if frame["opcode"] == 2 else len(frame["payloadData"])


def opened(
    notebook: Notebook, received: list[int], cells: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], list[Any]]:
    """Open each grid in turn, ROUNDS times after one to warm up: milliseconds to paint and to be shown, and kB."""
    found: dict[tuple[str, int], list[Any]] = {each: [] for each in cells}
    for _ in range(ROUNDS + 1):
        for (library, size), cell in cells.items():
            received.clear()
            took, shown = notebook.page.evaluate(OPEN, [cell, GRIDS[library][1]]) or (None, None)
            notebook.page.wait_for_timeout(500)
            found[library, size].append((took, shown, sum(received) / 1000))
    return {each: values[1:] for each, values in found.items()}


def main() -> None:
    """Measure and print."""
    libraries = [each for each in GRIDS if importlib.util.find_spec(each)]
    places = [(library, size) for library in libraries for size in SIZES]
    cells = [SETUP + "".join(f"import {each}\n" for each in libraries), *(GRIDS[a][0].format(n=n) for a, n in places)]
    vote = "rk.vote(frames[100], store=tempfile.mkdtemp(dir=kept))"
    with tempfile.TemporaryDirectory() as folder, running_lab(Path(folder)) as lab:
        write_notebook(Path(folder) / "grid.ipynb", cells)
        write_notebook(Path(folder) / "scroll.ipynb", [SETUP, GRIDS["retitlekit"][0].format(n=100_000)])
        write_notebook(Path(folder) / "vote.ipynb", [SETUP, vote])
        notebook, received = lab.open("grid.ipynb"), []
        session = notebook.page.context.new_cdp_session(notebook.page)
        session.send("Network.enable")
        session.on("Network.webSocketFrameReceived", lambda told: received.append(arrived(told["response"])))
        notebook.page.evaluate(
            "() => { jupyterapp.shell.currentWidget.content.activeCellIndex = 0; jupyterapp.commands.execute('notebook:run-cell'); }"
        )
        notebook.page.wait_for_function(
            "() => { const c = jupyterapp.shell.currentWidget.content.model.cells.get(0); return c.executionCount && c.executionState !== 'running'; }",
            timeout=180_000,
        )
        print(
            "| grid | rows | paint, ms (median) | least | most | kernel | browser | kB |\n|---|---|---|---|---|---|---|---|"
        )
        for (library, size), values in opened(
            notebook, received, {place: n + 1 for n, place in enumerate(places)}
        ).items():
            painted = [each for each in values if each[0] is not None]
            times, kernels = [took for took, *_ in painted], [shown for _, shown, _ in painted]
            rests = [took - shown for took, shown, _ in painted]
            told = (
                f"{statistics.median(times):.0f} | {min(times):.0f} | {max(times):.0f} | "
                f"{statistics.median(kernels):.0f} | {statistics.median(rests):.0f}"
                if times
                else "none in 60 s | | | | "
            )
            print(f"| {library} | {size:,} | {told} | {statistics.median(kb for *_, kb in values):,.0f} |", flush=True)
        notebook.close()

        notebook = lab.open("scroll.ipynb")
        notebook.run_all()
        notebook.page.wait_for_selector(".rk-outcome")
        notebook.page.wait_for_timeout(1500)
        frames = notebook.page.evaluate(SCROLL)
        filters = [
            notebook.page.evaluate(FILTER, text) for text in ("kim russia", "storm", "river school", "court", "")
        ]
        notebook.close()

        notebook = lab.open("vote.ipynb")
        notebook.run_all()
        notebook.page.wait_for_selector(".rk-side")
        votes = notebook.page.evaluate(VOTE, list("1201020121" * 2))
        notebook.close()
    print("\n| 100,000 rows x 6 | median, ms | 95th percentile, ms | target |\n|---|---|---|---|")
    print(f"| scroll frame (180 of 60 px) | {statistics.median(frames):.1f} | {quantile(frames, 0.95):.1f} | 17, 35 |")
    print(
        f"| search, last key to rows ({len(filters)}) | {statistics.median(filters):.0f} | {max(filters):.0f} (most) | 150 |"
    )
    print(
        f"| vote, key to next pair (600 trials; {len(votes)}) | {statistics.median(votes):.0f} | {quantile(votes, 0.95):.0f} | 100 |"
    )


if __name__ == "__main__":
    main()
