"""Time what every session starts with: ``python benchmarks/ground.py``.

`import retitlekit`, a plan of a million trials with its peak memory, and its way through Parquet. Each figure is the
median of fresh processes. Prints a Markdown table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 5

IMPORT = """
import json, time
start = time.perf_counter(); import retitlekit
print(json.dumps({"import retitlekit, s": time.perf_counter() - start}))
"""

PLAN = """
import json, resource, tempfile, time
import retitlekit as rk
body = "The council of the harbour town voted on Monday to repair the old bridge. " * 40
articles = [rk.Article(f"a{n}", f"Title {n} of a thousand", f"{n}. {body}") for n in range(1000)]
prompts = [rk.Prompt(f"p{n}", f"Prompt {n}: {{{{ title | safe }}}} {{{{ body | safe }}}}") for n in range(10)]
models = [rk.Model("baseline/prefix", name=f"m{n}") for n in range(5)]
start = time.perf_counter()
trials = rk.plan(prompts, articles, models=models, temperatures=[0, .3, .7, 1], repeats=5)
planned = time.perf_counter()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
with tempfile.TemporaryDirectory() as folder:
    back = rk.read_frame(rk.write_frame(trials, folder + "/plan.parquet"))
    done = time.perf_counter()
assert trials.dtypes.equals(back.dtypes) and trials.trial_id.equals(back.trial_id)
assert (trials.messages.cat.codes == back.messages.cat.codes).all()
print(json.dumps({
    "plan of 1,000,000 trials, s": planned - start,
    "its peak memory, MB": peak,
    "its way through Parquet and back, s": done - planned,
}))
"""


def figures(code: str) -> dict[str, list[float]]:
    """Run `code` in fresh processes and collect what it prints."""
    rows = []
    for _ in range(ROUNDS):
        done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
        rows.append(json.loads(done.stdout.splitlines()[-1]))
    return {name: [row[name] for row in rows] for name in rows[0]}


def main() -> None:
    """Print the table."""
    print(f"| figure | median of {ROUNDS} | min | max |\n|---|---|---|---|")
    for code in (IMPORT, PLAN):
        for name, values in figures(code).items():
            print(f"| {name} | {statistics.median(values):.3g} | {min(values):.3g} | {max(values):.3g} |")


if __name__ == "__main__":
    main()
