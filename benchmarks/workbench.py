"""Time a button of the workbench while a sweep runs: ``python -m benchmarks.workbench``.

A sweep of 2,000 trials against a server on this machine, 64 at a time; meanwhile a chip in the workbench is clicked
again and again, in a real JupyterLab and chromium. A round trip is from the click until the chip shows what the kernel
answered. The same is measured before the sweep. Prints a Markdown table.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from benchmarks.grid import quantile, written
from tests.browser.lab import Notebook, running_lab
from tests.loopback import Loopback

TRIALS, AT_ONCE = 2_000, 64
LATENCY_S = 0.4  # of the server: the sweep then takes some 13 s

SETUP = """
import functools, retitlekit as rk, retitlekit.widgets.bench as bench_room
bench_room.start = functools.partial(bench_room.start, max_concurrency={at_once})
articles = [rk.Article(f"a{{n}}", f"Council of town {{n}} votes on the bridge", f"The council of town {{n}} voted.") for n in range({trials})]
model = rk.Model("openai/model-a", api_base="{base}", name="local")
bench = rk.workbench(articles, [rk.Prompt("one", "Rewrite {{{{ title }}}}")], models=model)
bench.choose(articles=[each.id for each in articles])
bench
"""
CLICKS = """async ([most, whileRunning]) => {
  const root = document.querySelector('.rk-workbench'), times = [], line = root.querySelector('.rkw-line');
  const frame = () => new Promise(requestAnimationFrame), chip = () => root.querySelector('.rkw-chips [data-value="0.3"]');
  for (let i = 0; i < most; i++) {
    if (whileRunning && line.dataset.state !== 'running') break;
    const before = chip().getAttribute('aria-pressed'), start = performance.now();
    chip().click();
    while (chip().getAttribute('aria-pressed') === before && performance.now() - start < 10000) await frame();
    times.push(performance.now() - start);
    await new Promise(r => setTimeout(r, 150));
  }
  return times;
}"""


def clicked(notebook: Notebook, most: int, *, running: bool) -> list[float]:
    """Milliseconds of each round trip."""
    return list(notebook.page.evaluate(CLICKS, [most, running]))


def main() -> None:
    """Measure and print."""
    with (
        Loopback(lambda body, _: f"A title for {body['messages'][0]['content'][8:60]}", latency_s=LATENCY_S) as server,
        tempfile.TemporaryDirectory() as folder,
        running_lab(Path(folder)) as lab,
    ):
        written(Path(folder) / "bench.ipynb", [SETUP.format(base=server.base, trials=TRIALS, at_once=AT_ONCE)])
        notebook = lab.open("bench.ipynb", size=(1400, 1300))
        notebook.run_all()
        bench = notebook.page.locator(".rk-workbench")
        run = bench.get_by_role("button", name=f"Run {TRIALS:,}")
        run.wait_for(timeout=60_000)
        idle = clicked(notebook, 30, running=False)
        if len(idle) % 2:
            clicked(notebook, 1, running=False)
        run.click(timeout=60_000)
        notebook.page.wait_for_function(
            "() => document.querySelector('.rkw-line').dataset.state === 'running'", timeout=60_000
        )
        busy = clicked(notebook, 500, running=True)
        most = server.most_busy
        notebook.close()
    print(
        f"{TRIALS:,} trials, {most} at a time\n\n| round trip of a button | clicks | median, ms | 95th percentile, ms | target |"
    )
    print("|---|---|---|---|---|")
    for name, times in (("before the sweep", idle), ("while it runs", busy)):
        print(f"| {name} | {len(times)} | {statistics.median(times):.0f} | {quantile(times, 0.95):.0f} | 150 |")


if __name__ == "__main__":
    main()
