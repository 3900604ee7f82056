"""Measure pages and shortcodes: ``python benchmarks/pages.py [titles.jsonl …]``.

Four tables: how fast `find_shortcodes` reads what was built to slow it down; false alarms of `lint` on titles that
people wrote; how many of the leaks of `leaked.jsonl` it finds; and `retitlekit retitle` of 100,000 articles as JSON
lines, killed with -9 on the way, with its memory. ``ARTICLES=20000`` takes fewer.
"""

from __future__ import annotations

import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import retitlekit as rk
from retitlekit.pages.lint import _lint_text, is_clean

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared/data/wikinews_dev.jsonl"
ARTICLES = int(os.environ.get("ARTICLES", "100000"))
KILLS = 5
MB = 1 << 20


def hard_texts() -> dict[str, str]:
    """A megabyte or so of each."""
    draw = random.Random(7)
    prose = "\n\n".join(article.body for article in rk.load_articles(ROOT / "data/articles.jsonl"))
    soup = "".join(draw.choice("[]/ gpt34abc_%{}|=\"'\n") for _ in range(MB))
    return {
        "news": prose * (MB // len(prose)),
        "`[` repeated": "[" * MB,
        "`[a` repeated": "[a" * (MB // 2),
        "`[` and a megabyte of letters": "[" + "a" * MB,
        "`[gpt]` repeated": "[gpt]" * (MB // 5),
        "`[gpt]x[/gpt]` repeated": "[gpt]x[/gpt]" * (MB // 12),
        "`[Word here]` repeated": "[Word here] " * (MB // 12),
        '`[gpt a="` repeated': "[gpt " + 'a="' * (MB // 3) + "]",
        "`%` repeated": "%" * MB,
        "random brackets": soup,
        "NUL": "\0" * MB,
        "invalid UTF-8, escaped": (b"\xff\xfe[\xc3(" * (MB // 5)).decode("utf-8", "surrogateescape"),
        "BOM": "\ufeff" * MB,
    }


def parser() -> None:
    """Megabytes a CPU second, the best of three; and the time for four times as much over the time for one."""
    print("| text | MB/s | time for 4x / time for 1x |\n|---|---|---|")
    for name, text in hard_texts().items():
        once, four = (min(seconds(part) for _ in range(3)) for part in (text, text * 4))
        print(f"| {name} | {len(text) / once / 1e6:.0f} | {four / once:.1f} |")


def seconds(text: str) -> float:
    """CPU seconds of one reading, which other work on the machine does not change."""
    start = time.process_time()
    rk.find_shortcodes(text)
    return time.process_time() - start


def false_alarms(files: list[Path]) -> None:
    """How many titles that people wrote are findings of lint."""
    print("\n| titles | read | findings | MB/s |\n|---|---|---|---|")
    for file in files:
        titles = list(titles_of(file))
        start = time.process_time()
        alarms = [title for title in titles if _lint_text(title, title, 0, "title", "", "")]
        speed = sum(map(len, titles)) / (time.process_time() - start) / 1e6
        print(f"| {file.name} | {len(titles):,} | {len(alarms)} | {speed:.1f} |")
        for title in alarms[:10]:
            print(f"|  {title} | | | |")


def recall() -> None:
    """How many leaks that were written by hand are found; rules were made with one half of them in view."""
    rows = [json.loads(line) for line in (ROOT / "benchmarks/leaked.jsonl").read_text().splitlines()]
    told = Counter((row["part"], row["kind"]) for row in rows)
    found = Counter((row["part"], row["kind"]) for row in rows if not is_clean(row["text"]))
    print("\n| leaks | in view | held out |\n|---|---|---|")
    for kind in [*dict.fromkeys(row["kind"] for row in rows), None]:
        parts = [
            [sum(counts[key] for key in told if key[0] == part and kind in (key[1], None)) for counts in (found, told)]
            for part in ("development", "held out")
        ]
        print(f"| {kind or 'all'} | {' | '.join(f'{some} of {all_}' for some, all_ in parts)} |")


def titles_of(file: Path) -> Iterator[str]:
    """Titles of a JSON-lines or CSV file (column title), or one a line."""
    with file.open(encoding="utf-8", errors="replace") as stream:
        if file.suffix == ".jsonl":
            yield from (json.loads(line)["title"] for line in stream if line.strip())
        elif file.suffix == ".csv":
            yield from (row["title"] for row in csv.DictReader(stream))
        else:
            yield from filter(None, map(str.strip, stream))


def retitling() -> None:
    """Retitle the articles, killing the process on the way; memory is read while it works."""
    own = [json.loads(line) for line in (ROOT / "data/articles.jsonl").read_text().splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        source, out = Path(folder) / "in.jsonl", Path(folder) / "out.jsonl"
        with source.open("w") as stream:
            for number in range(ARTICLES):
                article = own[number % len(own)]
                body = f"{article['body']}\n\nThis is copy {number}."
                stream.write(json.dumps({"id": f"a{number}", "title": article["title"], "body": body}) + "\n")
        command = [sys.executable, "-m", "retitlekit.cli", "retitle", str(source), "--out", str(out), "--store"]
        command += [str(Path(folder) / "store"), "--model", "baseline/lead-compress"]
        command += ["--prompt", str(ROOT / "prompts/limits.prompt")]
        part = out.with_name("out.jsonl.part")
        draw, memory, busy = random.Random(7), dict[int, int](), 0.0
        stops = sorted(draw.uniform(0.05, 0.9) for _ in range(KILLS))
        for stop in [*stops, 2.0]:
            start = time.perf_counter()
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=os.environ | {"PYTHONPATH": str(ROOT)})
            while process.poll() is None:
                time.sleep(0.2)
                share = (part.stat().st_size if part.exists() else 0) / (ARTICLES * 230)
                memory[min(9, int(share * 10))] = max(memory.get(min(9, int(share * 10)), 0), resident_mb(process.pid))
                if share > stop:
                    process.send_signal(signal.SIGKILL)
            busy += time.perf_counter() - start
        rows = [json.loads(line) for line in out.read_text().splitlines()]
        ids = [row["article"] for row in rows]
        print("\n| retitling | |\n|---|---|")
        print(f"| articles, bytes of source | {ARTICLES:,}, {source.stat().st_size:,} |")
        print(f"| killed with -9 | {KILLS} times |")
        print(f"| each exactly once, in order | {ids == [f'a{number}' for number in range(ARTICLES)]} |")
        print(f"| outcome | {dict(Counter(row['status'] for row in rows))} |")
        print(f"| seconds in all, articles a second | {busy:.0f}, {ARTICLES / busy:.0f} |")
        print(f"| resident MB, by tenth of the output | {', '.join(str(memory[tenth]) for tenth in sorted(memory))} |")
        leaks = sum(1 for row in rows if row["published_title"] and rk.retitles.is_leaked(row["published_title"]))
        print(f"| published titles that are leaks | {leaks} |")


def resident_mb(pid: int) -> int:
    """Memory of a process now, in MB (Linux)."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0)


if __name__ == "__main__":
    parser()
    false_alarms([Path(name) for name in sys.argv[1:]] or [SHARED, ROOT / "data/articles.jsonl"])
    recall()
    retitling()
