"""Time and memory of reading 20,000 articles: ``python benchmarks/articles.py``.

The shipped articles over and over, each under an id of its own, in every form that holds many; and once more with
mojibake, HTML and Windows' line ends in every fifth. Seconds are of CPU, medians of fresh processes; the peak is the
process's, libraries and all. Prints a Markdown table.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROUNDS = 3
ARTICLES = 20_000

READ = """
import json, resource, sys, time, warnings
import retitlekit as rk
warnings.simplefilter("ignore")
start = time.process_time()
found = rk.load_articles(sys.argv[1])
seconds = time.process_time() - start
assert len(found) == int(sys.argv[2]), found
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, len(found.repairs)]))
"""


def rows(broken: bool) -> list[dict[str, str]]:
    """20,000 records; of broken ones every fifth needs three repairs."""
    shipped = [json.loads(line) for line in (ROOT / "data/articles.jsonl").read_text(encoding="utf-8").splitlines()]
    made = [{**shipped[n % len(shipped)], "id": str(n)} for n in range(ARTICLES)]
    for row in made[::5] if broken else []:
        row["body"] = row["body"].replace("\n", "\r\n").replace(" said", "&nbsp;said in a cafÃ©")
    return made


def write(folder: Path) -> None:
    """The files to read."""
    import pandas as pd

    frame = pd.DataFrame(rows(broken=False))
    frame.to_json(folder / "sound.jsonl", orient="records", lines=True, force_ascii=False)
    frame.to_csv(folder / "sound.csv", index=False)
    frame.to_parquet(folder / "sound.parquet")
    pd.DataFrame(rows(broken=True)).to_json(folder / "broken.jsonl", orient="records", lines=True, force_ascii=False)


def main() -> None:
    """Print the table."""
    print("| file | size, MB | CPU, s | min | max | peak, MB | repairs |\n|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        # in a process of its own: a child's peak begins at its parent's
        subprocess.check_call([sys.executable, __file__, folder])
        for name in ("sound.jsonl", "sound.csv", "sound.parquet", "broken.jsonl"):
            path = Path(folder, name)
            command = [sys.executable, "-c", READ, str(path), str(ARTICLES)]
            done = [json.loads(subprocess.check_output(command, cwd=ROOT)) for _ in range(ROUNDS)]
            seconds, peaks, repairs = zip(*done, strict=True)
            size = path.stat().st_size / 1e6
            times = " | ".join(f"{value:.1f}" for value in (statistics.median(seconds), min(seconds), max(seconds)))
            print(f"| {path.name} | {size:.1f} | {times} | {statistics.median(peaks):.0f} | {repairs[0]:,} |")


if __name__ == "__main__":
    write(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
