"""The winner of a decision, as a prompt file that says how it was chosen and renders what was tested."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd

from retitlekit.articles import Article
from retitlekit.decide import none_passed
from retitlekit.decide.holdout import Confirmation
from retitlekit.decide.races import Race
from retitlekit.errors import FrameError, PromptError
from retitlekit.frame import check
from retitlekit.html import escape
from retitlekit.prompts import Prompt, load_prompts, save_prompt
from retitlekit.statistics.variants import same, variant_name

_LIBRARIES = ("litellm", "numpy", "pandas")
_NAMED = 3  # rivals that a forced winner's file names; the rest is counted
_FROM_THE_FRAME = {"title", "body", "lead"}  # what of an article a frame keeps, as a template calls it


@dataclass(frozen=True, repr=False)
class Winner:
    """A saved winner: `path` of its file, `prompt` as it was read back, and `diff`, its text against its parent's.

    It can be used wherever a path can.
    """

    path: Path
    prompt: Prompt
    diff: str

    def __fspath__(self) -> str:
        return str(self.path)

    def __str__(self) -> str:
        return f"{self.path}\n{self.diff}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return f"<p><code>{escape(str(self.path))}</code></p><pre>{escape(self.diff)}</pre>"


def save_winner(
    board: pd.DataFrame,
    frame: pd.DataFrame,
    prompts: Mapping[str, Prompt] | Iterable[Prompt],
    folder: str | os.PathLike[str],
    *,
    name: str | None = None,
    force: bool = False,
    confirmation: Confirmation | None = None,
) -> Winner:
    """Write the winner as a prompt file that holds its model, its temperature and why it was chosen.

    The file is read back and rendered for every article of the frame; the messages must be those that were tested.
    Where a template uses more of an article than a frame keeps (`source`, `url`, `published_at`, `language`) they must
    be those of the tested prompt, of which a frame keeps the hash.

    Parameters
    ----------
    board : pandas.DataFrame
        What `leaderboard` returned for `frame`.
    frame : pandas.DataFrame
        The frame that was decided on.
    prompts : dict or iterable of Prompt
        The prompts of the sweep.
    folder : path-like
        Where ``<name>.prompt`` goes; made when missing. A file is never overwritten; one that says the same, the day
        apart, is left as it is.
    name : str, optional
        By default ``<prompt>-winner``.
    force : bool
        Save the first row even when there is no winner; the file says with whom it is tied.
    confirmation : Confirmation, optional
        What `confirm` found; it goes into the file too. One that does not confirm needs `force`.

    Returns
    -------
    Winner
        The file, and its difference to the parent, which notebooks show. Under ``metadata: retitlekit:`` the file has
        the parent and its hash, the metric, the estimate and the lead over the runner-up with their intervals, the
        numbers of articles, trials and rivals, the rule and its verdict, the date (UTC), the versions of retitlekit and
        the libraries that matter, the models that were compared, and a hash of the articles.

    Raises
    ------
    FrameError
        When the board is none, does not rank prompts, or has no winner, or unseen articles did not confirm it.
    PromptError
        When the prompt is missing, was edited since the sweep, the saved file does not render what was tested, or a
        file of that name holds another decision.

    Examples
    --------
    >>> board = rk.leaderboard(frame)
    >>> rk.save_winner(board, frame, prompts, tmp, name="best", force=True).path.name
    'best.prompt'
    """
    _fit(board, frame)
    check(board, needs=["estimate", "low", "high", "difference", "n_articles", "n_trials", "verdict"])
    if not {"metric", "by", "confidence"} <= set(board.attrs):
        raise FrameError("this is no board of leaderboard(): it has lost its attrs")
    by = list(board.attrs["by"])
    check(board, needs=by)
    check(
        frame,
        needs=["article", "original_title", "body", "prompt", "prompt_sha", "messages", "params", "endpoint", *by],
    )
    if "prompt" not in by:
        raise FrameError(f"this board ranks {', '.join(by)}, not prompts: there is no prompt to save")
    row = _chosen(board, force)
    confirmed = _confirmed(confirmation, row, by, force)
    tested = frame[same(frame, row[by].to_dict())]
    if tested.empty:
        raise FrameError("the frame has no trial of the board's winner: give the frame that was decided on")
    parent = _parent(str(row["prompt"]), tested, prompts)
    model = _only(tested, "endpoint") if "model" in by else None
    endpoint = json.loads(model) if model else {}
    heat = row["temperature"] if "temperature" in by and not pd.isna(row["temperature"]) else None
    revised = parent.revise(
        name=name or f"{parent.name}-winner",
        model=endpoint.get("id"),
        temperature=None if heat is None else float(heat),
        about=_passport(board, row, frame, parent, endpoint) | confirmed,
    )
    revised = _with_params(revised, json.loads(_only(tested, "params")))
    if not Path(folder).exists() and Path(folder).parent.is_dir():
        Path(folder).mkdir(exist_ok=True)
    try:
        path = save_prompt(revised, folder)
    except PromptError as problem:
        if not isinstance(problem.__cause__, FileExistsError):
            raise
        return _there(revised, parent, Path(folder) / f"{revised.name}.prompt")
    try:
        saved = load_prompts(path)[revised.name]
        _prove(saved, parent, tested)
    except PromptError:
        path.unlink()
        raise
    return Winner(path, saved, parent.diff(saved))


def _fit(board: Any, frame: Any) -> None:
    """Raise for a race, and for a board and a frame in the other order."""
    for given in (board, frame):
        if isinstance(given, Race):
            metric = given.rounds.attrs["metric"]
            raise FrameError(
                "a race is no board: save_winner(board, race.frame, prompts, folder) saves its leader, with "
                f"board = rk.leaderboard(race.frame, metric={metric!r})"
            )
    if {"metric", "by"} <= set(frame.attrs) and not {"metric", "by"} <= set(board.attrs) and "messages" in board:
        raise FrameError("board and frame are swapped: save_winner(board, frame, prompts, folder), in this order")


def _there(revised: Prompt, parent: Prompt, path: Path) -> Winner:
    """The file that is there already, if it says the same; the day may be another."""
    saved = load_prompts(path)[revised.name]
    if _undated(saved) != _undated(revised):
        raise PromptError(
            f'{path} exists and holds another decision: give this one a name, as in name="{revised.name}-2"'
        )
    return Winner(path, saved, parent.diff(saved))


def _undated(prompt: Prompt) -> str:
    """The text of a winner without the day it was decided on."""
    return re.sub(r"(?m)^ +decided_at: .*\n", "", prompt.text, count=1)


def _confirmed(
    confirmation: Confirmation | None, row: pd.Series[Any], by: Sequence[str], force: bool
) -> dict[str, Any]:
    if confirmation is None:
        return {}
    if confirmation.winner != variant_name(row[list(by)].to_dict()):
        raise FrameError(f"the confirmation is of {confirmation.winner}, not of the variant to be saved")
    if confirmation.verdict != "confirmed" and not force:
        raise FrameError(f"{confirmation} Pass force=True to save it all the same")
    measured = {name: round(getattr(confirmation, name), 4) for name in ("difference", "low", "high", "p")}
    about = {"verdict": confirmation.verdict, "over": confirmation.incumbent, "n_articles": confirmation.n_articles}
    return {"confirmation": about | measured}


def _chosen(board: pd.DataFrame, force: bool) -> pd.Series[Any]:
    winners = board[board["verdict"] == "winner"]
    if len(winners):
        return winners.iloc[0]
    if board.empty or pd.isna(board["estimate"].iloc[0]):
        raise FrameError("the board holds no estimate: there is nothing to save")
    if not force:
        said = board.attrs.get("sentence", "No clear winner.")
        raise FrameError(f"{said} Pass force=True to save the first row all the same")
    return board.iloc[0]


def _parent(name: str, tested: pd.DataFrame, prompts: Mapping[str, Prompt] | Iterable[Prompt]) -> Prompt:
    """The prompt that was tested, unchanged since."""
    by_name = {prompt.name: prompt for prompt in (prompts.values() if isinstance(prompts, Mapping) else prompts)}
    if name not in by_name:
        raise PromptError(f"prompt {name!r} is not among those given ({', '.join(sorted(by_name)) or 'none'})")
    sha = _only(tested, "prompt_sha")
    if by_name[name].sha != sha:
        raise PromptError(
            f"prompt {name!r} was edited since the sweep (tested {sha}, now {by_name[name].sha}): "
            "restore it, or sweep again"
        )
    return by_name[name]


def _only(tested: pd.DataFrame, name: str) -> str:
    values = tested[name].dropna().unique().tolist()
    if len(values) != 1:
        raise FrameError(
            f"the winner's trials have {len(values)} values of `{name}`: add {name!r} to by= of leaderboard()"
        )
    return str(values[0])


def _passport(
    board: pd.DataFrame,
    row: pd.Series[Any],
    frame: pd.DataFrame,
    parent: Prompt,
    endpoint: Mapping[str, Any],
) -> dict[str, Any]:
    """What the file tells of how it was chosen."""
    from retitlekit import __version__

    figures = {name: _rounded(row[name]) for name in ("estimate", "low", "high")}
    others = board[board.index != row.name]
    passport: dict[str, Any] = {
        "parent": parent.name,
        "parent_sha": parent.sha,
        "metric": str(board.attrs["metric"]),
        **({"lower_is_better": True} if board.attrs.get("lower_is_better") else {}),
        **figures,
        **_lead(others, by := list(board.attrs["by"])),
        "confidence": float(board.attrs["confidence"]),
        "rule": "paired over articles, Student's or sign-flip test, Holm over all rivals; a winner beats each of them",
        "n_articles": int(row["n_articles"]),
        "n_trials": int(row["n_trials"]),
        "rivals": len(board) - 1,
        "verdict": str(row["verdict"]),
        "decided_at": datetime.now(UTC).date().isoformat(),
        "retitlekit": __version__,
        "libraries": {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        "data": _fingerprint(frame),
        "models": sorted(map(str, frame["model"].dropna().unique())) if "model" in frame else [],
    }
    equals = others[others["verdict"].ne("worse")]
    rivals = "; ".join(variant_name(other) for other in equals[by].head(_NAMED).to_dict("records"))
    rivals += f"; and {len(equals) - _NAMED} more" if len(equals) > _NAMED else ""
    if row["verdict"] != "winner":
        passport["forced"] = " ".join(
            [f"{row['verdict']}: {rivals}" if rivals else str(row["verdict"]), *none_passed(frame)]
        )
    elif "forced" in parent.about:
        passport["forced"] = "no"
    if endpoint.get("api_base"):
        passport["api_base"] = str(endpoint["api_base"])
    return passport


def _lead(others: pd.DataFrame, by: list[str]) -> dict[str, Any]:
    """The lead over the runner-up, with its interval."""
    known = others[others["estimate"].notna()]
    if known.empty:
        return {}
    second = known.iloc[0]
    names = {"lead": "difference", "lead_low": "difference_high", "lead_high": "difference_low"}
    lead = {
        name: None if (value := _rounded(second[column])) is None else -value or 0.0 for name, column in names.items()
    }
    return {"runner_up": variant_name(second[by].to_dict()), **lead}


def _rounded(value: Any) -> float | None:
    return None if pd.isna(value) else round(float(value), 4)


def _fingerprint(frame: pd.DataFrame) -> str:
    """Hash of the articles that were decided on."""
    distinct = frame[["article", "original_title", "body"]].astype(str).drop_duplicates()
    texts = sorted(map(list, distinct.itertuples(index=False)))
    return blake2b(json.dumps(texts).encode(), digest_size=8).hexdigest()


def _with_params(prompt: Prompt, params: Mapping[str, Any]) -> Prompt:
    """The prompt with the call parameters that plan() was given beside it."""
    changed = [key for key, value in prompt.params.items() if params.get(key) != value]
    if changed:
        raise PromptError(
            f"{changed[0]} was {params.get(changed[0])!r} in the sweep and is {prompt.params[changed[0]]!r} in prompt "
            f"{prompt.name!r}: write it into the file and sweep again"
        )
    lines = [f"{key}: {json.dumps(value)}\n" for key, value in params.items() if key not in prompt.params]
    return Prompt(prompt.name, prompt.text.replace("---\n", "---\n" + "".join(lines), 1)) if lines else prompt


def _prove(saved: Prompt, parent: Prompt, tested: pd.DataFrame) -> None:
    """Raise unless the saved prompt says to the model what was tested."""
    trials = tested[["article", "original_title", "body", "messages"]].drop_duplicates()
    from_frame = set(saved.variables) <= _FROM_THE_FRAME
    for trial in trials.itertuples(index=False):
        article = Article(str(trial.article), str(trial.original_title), str(trial.body))
        if from_frame:
            expected = json.loads(str(trial.messages))
        else:  # the frame lacks what the template asks for; stand-ins must come out alike in both
            article = replace(article, source="s", url="u", published_at="2000-01-01", language="en")
            expected = parent.render(article)
        if saved.render(article) != expected:
            raise PromptError(
                f"{saved.path} does not render what was tested for article {article.id!r}; it was removed"
            )
