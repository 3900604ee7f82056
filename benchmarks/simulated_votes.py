"""Write ``data/votes-simulated.jsonl``: votes of three people who do not exist, for the notebook and the examples.

``python benchmarks/simulated_votes.py``. The pairs are those that `next_pairs` proposes; each made-up voter likes
titles that pass the gates, do not break off, tell what the lead tells and have about sixty characters, with a taste and
a slip of the hand.
"""

from __future__ import annotations

import hashlib
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

import retitlekit as rk

ROOT = Path(__file__).parent.parent
TARGET = ROOT / "data/votes-simulated.jsonl"
MODELS = ("baseline/prefix", "baseline/lead-compress", "baseline/lexrank")
VOTERS = {"human:ana": 0.5, "human:ben": 0.7, "human:chris": 1.4}  # how much of a verdict is chance
VOTES_EACH = 120


def frame(store: str) -> pd.DataFrame:
    """What is voted on: one prompt, three models, two temperatures, as the notebook sweeps them."""
    prompt = rk.load_prompts(ROOT / "prompts")["contract-lead"]
    articles, _ = rk.split(rk.load_articles(ROOT / "data/articles.jsonl"), 0.25)
    swept = rk.sweep(prompt, articles, models=MODELS, temperatures=[0, 0.7], store=store, progress=False)
    return rk.score(swept)


def liking(row: pd.Series, voter: str, chance: float) -> float:
    """How much a voter likes a title; the same each time but for the last part, which `main` adds."""
    digest = hashlib.sha256(f"{voter}|{row['article']}|{row['title']}".encode()).digest()
    taste = (int.from_bytes(digest[:4], "big") / 2**32 - 0.5) * chance
    covered = 0.5 if pd.isna(row["score_lead_coverage"]) else float(row["score_lead_coverage"])
    broken = str(row["body"]).startswith(row["title"])  # it breaks off where a byte count ended
    return 0.6 * bool(row["passed"]) + covered - 0.9 * broken - abs(len(row["title"]) - 60) / 150 + taste


def main() -> None:
    """Vote, one batch after the other, and write the file anew."""
    with tempfile.TemporaryDirectory() as store:
        shown = frame(store)
    by_trial = {str(row["trial_id"]): row for _, row in shown.iterrows()}
    rng, moment = np.random.default_rng(2026), datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
    votes: pd.DataFrame | None = None
    for turn in range(VOTES_EACH // 10):
        for voter, chance in VOTERS.items():
            rows = []
            for pair in rk.next_pairs(votes, shown, n=10, voter=voter, seed=turn).itertuples(index=False):
                one, other = (liking(by_trial[side], voter, chance) for side in (pair.left, pair.right))
                lead = one - other + rng.normal(0.03, 0.3 * chance)  # a slight habit of taking the left one
                winner = "tie" if abs(lead) < 0.08 else "left" if lead > 0 else "right"
                seconds = round(float(rng.gamma(4, 1.5)), 1)
                moment += timedelta(seconds=seconds + 1)
                rows.append((pair.article, pair.left, pair.right, winner, voter, moment, seconds))
            batch = pd.DataFrame(rows, columns=[column.name for column in rk.VOTE_COLUMNS])
            votes = batch if votes is None else pd.concat([votes, batch], ignore_index=True)
    TARGET.unlink(missing_ok=True)
    rk.append_votes(votes, TARGET)
    print(f"{len(rk.read_votes(TARGET))} votes in {TARGET.name}")


if __name__ == "__main__":
    main()
