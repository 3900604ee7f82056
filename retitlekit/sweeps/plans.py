"""Before money is spent: `plan` renders every trial of a sweep, `estimate` tells what it will cost."""

from __future__ import annotations

import json
import math
import os
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz.distance import OSA

from retitlekit import html
from retitlekit import models as _models
from retitlekit.articles import Article
from retitlekit.errors import ArticleError, PlanError, PromptError, RetitlekitWarning
from retitlekit.frame import PLAN_COLUMNS, STATUSES, check
from retitlekit.models import Model, keys, prices, servers
from retitlekit.models.model import is_whole
from retitlekit.prompts import PARAMETERS, VARIABLES, Prompt
from retitlekit.store import Store, Typical

Prompts = Prompt | Mapping[str, Prompt] | Iterable[Prompt]
Articles = Article | Iterable[Article]
Models = str | Model | Mapping[str, Model] | Iterable[str | Model]

# plan() and the prompt file own these; the rest of LiteLLM's parameters pass through.
_NOT_PARAMS = {
    "api_base": "give it to rk.Model",
    "api_key": "name its variable in rk.Model(api_key_env=…)",
    "messages": "the prompts give them",
    "model": "use models=",
    "n": "use repeats=",
    "stream": "a title is short; replies are read whole",
    "temperature": "use temperatures=",
    "timeout": "give it to run()",
}


def plan(
    prompts: Prompts,
    articles: Articles,
    *,
    models: Models,
    temperatures: Iterable[float | None] | float | None = (None,),
    repeats: int = 1,
    **params: Any,
) -> pd.DataFrame:
    """Lay out a sweep: prompts x models x temperatures x repeats over articles. Nothing is sent.

    Everything that can be wrong is found here: an unknown model, a variable that an article lacks, a parameter of
    plan's own. What is only likely a mistake is a `RetitlekitWarning`: a prompt that no article goes into, a parameter
    or a model one slip from a known one. Articles are the outermost axis, so that a sweep that is stopped half-way
    holds whole articles.

    Parameters
    ----------
    prompts : Prompt, iterable of Prompt, or dict of them
        As `load_prompts` gives them.
    articles : Article or iterable of Article
        As `load_articles` gives them.
    models : str, Model, iterable or dict of them
        LiteLLM ids or `Model` objects.
    temperatures : float, None, or iterable of them
        None stands for the prompt file's own temperature, else for the provider's default.
    repeats : int
        How often each combination is sent; each repeat is stored by itself.
    **params
        Further call parameters in OpenAI's spelling (``max_tokens=60``). They win over a Model's, and those over a
        prompt file's.

    Returns
    -------
    pandas.DataFrame
        One row per trial, with the columns of `COLUMNS` that plan writes and ``status`` "planned".

    Raises
    ------
    PlanError, PromptError, ArticleError, ModelError
        For what is wrong, all of a kind at once.

    Examples
    --------
    >>> trials = rk.plan(prompts, articles[:2], models="baseline/lead-compress", temperatures=[0, 0.7], repeats=3)
    >>> len(trials) == len(prompts) * 2 * 2 * 3
    True
    """
    prompts, articles = _as_prompts(prompts), _as_articles(articles)
    chosen = _models.as_models(models)
    for model in chosen:
        servers.check_id(model)
    told = [servers.unlisted(model) for model in chosen] + [_without_variables(prompt) for prompt in prompts]
    told += [_misspelt(name) for name in dict.fromkeys(chain(params, *(model.params for model in chosen)))]
    for each in filter(None, told):
        warnings.warn(each, RetitlekitWarning, stacklevel=2)
    heats = _as_temperatures(temperatures)
    if not is_whole(repeats) or not 1 <= repeats < 2**31:
        raise PlanError(f"repeats={repeats!r}: give a whole number from 1 up")
    for name, fix in _NOT_PARAMS.items():
        if name in params:
            raise PlanError(f"plan() takes no {name}=: {fix}")
    messages = _render(prompts, articles)

    shape = (len(articles), len(prompts), len(chosen), len(heats), repeats)
    article, prompt, model, heat, repeat = (axis.ravel() for axis in np.indices(shape, dtype=np.int32))
    settings = [_Settings.of(p, m, h, params) for p in prompts for m in chosen for h in heats]
    setting = (prompt * len(chosen) + model) * len(heats) + heat
    message = article * len(prompts) + prompt
    columns = {
        "trial_id": pd.array(_trial_ids(messages, settings, len(prompts), repeats), dtype="string"),
        "article": _category(article, [a.id for a in articles]),
        "original_title": _category(article, [a.title for a in articles]),
        "body": _category(article, [a.body for a in articles]),
        "prompt": _category(prompt, [p.name for p in prompts]),
        "prompt_sha": _category(prompt, [p.sha for p in prompts]),
        "model": _category(model, [m.name for m in chosen]),
        "endpoint": _category(model, [m.endpoint for m in chosen]),
        "temperature": _floats([s.temperature for s in settings], setting),
        "params": _category(setting, [s.params for s in settings]),
        "repeat": pd.array(repeat + 1, dtype="Int64"),
        "messages": _category(message, messages),
        "status": pd.Categorical.from_codes(np.zeros(len(repeat), np.int8), categories=pd.Index(STATUSES)),
    }
    return pd.DataFrame(columns, copy=False)


@dataclass(frozen=True)
class _Settings:
    """What decides the response beside the messages and the repeat."""

    temperature: float | None
    params: str
    digest: bytes

    @classmethod
    def of(cls, prompt: Prompt, model: Model, heat: float | None, params: Mapping[str, Any]) -> _Settings:
        merged = {**prompt.params, **model.params, **params}
        if heat is None:
            heat = merged.pop("temperature", prompt.temperature)
        merged.pop("temperature", None)
        whose = f"the parameters of prompt {prompt.name!r} and model {model.name!r}"
        text, place = _json(merged, whose), keys.find_key(merged)
        if place is not None:
            raise PlanError(f"{whose}: {place} holds what looks like a key; {keys.HELP}")
        decides = [model.id, model.api_base, None if heat is None else float(heat), text]
        return cls(heat, text, blake2b(json.dumps(decides).encode(), digest_size=16).digest())


def _trial_ids(messages: Sequence[str], settings: Sequence[_Settings], prompts: int, repeats: int) -> list[str]:
    """Ids in plan order: 32 hex digits over messages, model, address, all parameters and the repeat."""
    each = len(settings) // prompts
    ends = [
        [
            setting.digest + repeat.to_bytes(4, "big")
            for setting in settings[first : first + each]
            for repeat in range(1, repeats + 1)
        ]
        for first in range(0, len(settings), each)
    ]
    ids: list[str] = []
    for index, text in enumerate(messages):
        start = blake2b(text.encode(), digest_size=16).digest()
        ids += [blake2b(start + end, digest_size=16).hexdigest() for end in ends[index % prompts]]
    return ids


def _render(prompts: Sequence[Prompt], articles: Sequence[Article]) -> list[str]:
    """The messages of every article and prompt as JSON, prompts innermost; all problems in one error."""
    rendered, problems = [], dict[str, None]()
    for article in articles:
        lacking: dict[str, list[str]] = {}
        for prompt in prompts:
            try:
                rendered.append(_json(prompt.render(article), f"prompt {prompt.name!r} with article {article.id!r}"))
            except PromptError as problem:
                absent = [name for name in prompt.variables if not getattr(article, name, None)]
                if not absent or set(absent) - set(VARIABLES):
                    problems[str(problem)] = None
                    continue
                for name in absent:
                    lacking.setdefault(name, []).append(prompt.name)
        if lacking:
            problems[_lacking(article, lacking)] = None
    if problems:
        more = f"\n… and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise PromptError("\n".join(list(problems)[:10]) + more)
    return rendered


def _without_variables(prompt: Prompt) -> str | None:
    """What to say of a prompt that no article goes into; an error where a variable stands in single braces."""
    place = prompt.path or f"prompt {prompt.name!r}"
    for number, line in enumerate(prompt.text.split("\n"), 1):
        found = _SINGLE_BRACES.search(line)
        if found and found[1] not in prompt.variables:
            told = f"{place}:{number}: {found[0]} goes out as it stands; write {{{{ {found[1]} | safe }}}}"
            if not prompt.variables:
                raise PromptError(told)
            return told
    if prompt.variables:
        return None
    return (
        f"{place}: no article goes in, so all get the same request; write {{{{ title | safe }}}} where the title goes"
    )


_SINGLE_BRACES = re.compile(rf"(?<![{{\w$]){{\s*({'|'.join(VARIABLES)})\s*}}(?!}})")
_PARAMETERS = frozenset(PARAMETERS) | frozenset(  # further ones of LiteLLM and of the servers behind it
    """functions function_call logprobs top_logprobs parallel_tool_calls modalities prediction audio service_tier store
    verbosity thinking web_search_options extra_body extra_headers extra_query drop_params top_a min_p min_tokens
    typical_p repetition_penalty num_ctx num_predict keep_alive chat_template_kwargs metadata timeout""".split()
)


def _misspelt(name: str) -> str | None:
    """What to say of a parameter that is one slip from a known one; others may be a provider's own."""
    if name in _PARAMETERS or len(name) < 4:
        return None
    worded = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().replace("-", "_")
    meant = next((known for known in sorted(_PARAMETERS) if OSA.distance(worded, known) <= 1), None)
    return (
        f"{name}= is no parameter of OpenAI or LiteLLM; did you mean {meant}=? It is sent as it is" if meant else None
    )


def _lacking(article: Article, lacking: Mapping[str, Sequence[str]]) -> str:
    """What an article lacks and which prompts ask for it, in one line."""
    told = []
    for name, asking in lacking.items():
        more = f" and {len(asking) - 3} more" if len(asking) > 3 else ""
        told.append(f"no {name}, which {', '.join(asking[:3])}{more} {'uses' if len(asking) == 1 else 'use'}")
    return f"article {article.id!r} ({article.title!r:.60}) has {'; '.join(told)}: add it, or leave the article out"


def _json(value: object, what: str) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, sort_keys=isinstance(value, dict), allow_nan=False)
        text.encode()
    except (TypeError, ValueError, RecursionError) as problem:
        raise PlanError(f"{what}: cannot be sent as JSON ({problem})") from problem
    return text


def _as_prompts(prompts: Prompts) -> list[Prompt]:
    given: Any = prompts.values() if isinstance(prompts, Mapping) else prompts
    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str | Path) else [given]
    for each in listed:
        if isinstance(each, Article):
            raise PromptError("these are articles where prompts belong: plan(prompts, articles), in this order")
        if not isinstance(each, Prompt):
            raise PromptError(f"expected Prompt objects (rk.load_prompts(…), rk.Prompt(name, text)), got {each!r:.80}")
    found: list[Prompt] = listed
    if not found:
        raise PromptError("there are no prompts to plan with")
    names = [each.name for each in found]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise PromptError(f"two prompts are called {twice[0]!r}: rename one of them")
    return found


def _as_articles(articles: Articles) -> list[Article]:
    given: Any = articles
    listed = list(given) if isinstance(given, Iterable) and not isinstance(given, str | Path) else [given]
    for each in listed:
        if not isinstance(each, Article):
            raise ArticleError(f"expected Article objects (rk.load_articles(…), rk.Article(…)), got {each!r:.80}")
    found: list[Article] = listed
    if not found:
        raise ArticleError("there are no articles to plan with")
    seen: set[str] = set()
    for each in found:
        if each.id in seen:
            raise ArticleError(f"two articles have the id {each.id!r}: ids must differ within a sweep")
        seen.add(each.id)
    return found


def _as_temperatures(temperatures: Iterable[float | None] | float | None) -> list[float | None]:
    if isinstance(temperatures, str):
        raise PlanError(f"temperatures={temperatures!r}: give numbers, such as [0, 0.7], not a text")
    listed = [temperatures] if temperatures is None or isinstance(temperatures, int | float) else list(temperatures)
    if not listed:
        raise PlanError("temperatures= is empty; (None,) asks for the provider's default")
    for heat in listed:
        good = heat is None or (isinstance(heat, int | float) and not isinstance(heat, bool) and 0 <= heat <= 2)
        if not good:
            raise PlanError(f"temperature {heat!r}: give a number from 0 to 2, or None for the provider's default")
    return list(dict.fromkeys(None if heat is None else float(heat) for heat in listed))


def _category(codes: np.ndarray, values: Sequence[str]) -> pd.Categorical:
    """Category by position; equal values share a category."""
    place = {value: number for number, value in enumerate(dict.fromkeys(values))}
    renumber = np.array([place[value] for value in values], dtype=np.int32)
    return pd.Categorical.from_codes(renumber[codes], categories=pd.Index(list(place), dtype="str"))


def _floats(values: Sequence[float | None], codes: np.ndarray) -> Any:
    mask = np.array([value is None for value in values])
    numbers = np.array([0.0 if value is None else value for value in values])
    return pd.arrays.FloatingArray(numbers[codes], mask[codes])


# ---- what it will cost


@dataclass(frozen=True, repr=False)
class Estimate:
    """What a sweep would send and cost. `str()` tells it in words; Jupyter shows it as a table.

    Attributes
    ----------
    trials, stored, to_send : int
        Trials of the plan; answered before (in the store, or repeated within the plan); to be sent.
    in_batches : int
        Trials that are neither: a batch holds them, and `collect_batch` will bring them.
    missing_keys : tuple of str
        What must be set before `run` takes these trials, one text for each model whose key is not in the environment.
    cost_low, cost_high : float or None
        US dollars. None when the price of a model that would be sent to is unknown.
    seconds : float or None
        Rough duration, from the stored latencies of the same models; None before the first one, and for a batch.
    by_model : pandas.DataFrame
        One row per model: `model`, `trials`, `stored`, `in_batches`, `to_send`, `input_tokens`, `output_tokens_low`,
        `output_tokens_high`, `cost_low`, `cost_high`.
    """

    trials: int
    stored: int
    to_send: int
    cost_low: float | None
    cost_high: float | None
    seconds: float | None
    by_model: pd.DataFrame
    in_batches: int = 0
    missing_keys: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"{self.trials:,} trials",
            f"{self.stored:,} in the store",
            *([f"{self.in_batches:,} in batches"] if self.in_batches else []),
            f"{self.to_send:,} to send",
            _money(self.cost_low, self.cost_high),
        ]
        if self.seconds is not None and self.to_send:
            parts.append(_duration(self.seconds))
        return "; ".join([", ".join(parts), *self.missing_keys])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        figures = ("trials", "in the store", "to send", "input tokens", "output tokens", "cost")
        rows = [
            (
                row["model"],
                f"{row['trials']:,}",
                f"{row['stored']:,}",
                f"{row['to_send']:,}",
                f"{row['input_tokens']:,}",
                f"{row['output_tokens_low']:,} to {row['output_tokens_high']:,}",
                _money(*(None if pd.isna(each) else each for each in (row["cost_low"], row["cost_high"]))),
            )
            for row in _records(self.by_model)
        ]
        return html.table(rows, columns=("model", *figures), caption=str(self), figures=figures)


# A title is some 8 to 15 words; a model that thinks aloud writes far more, which its stored responses will show.
_TITLE_TOKENS = (8, 40)
_COUNTED = 200  # distinct messages tokenised per model; the rest is taken to be alike
_USUAL_CONCURRENCY = 32


def estimate(trials: pd.DataFrame, *, store: str | os.PathLike[str] = ".retitlekit", batch: bool = False) -> Estimate:
    """Tell how many requests `run` would send, and what they would cost. Sends nothing.

    Parameters
    ----------
    trials : pandas.DataFrame
        From `plan`, or any frame that `run` takes.
    store : path-like
        The store that `run` will use; it is read when it exists.
    batch : bool
        At the prices of `submit_batch`, which are half of the usual ones unless the provider says otherwise.

    Returns
    -------
    Estimate

    Examples
    --------
    >>> trials = rk.plan(prompts, articles, models="baseline/prefix")
    >>> rk.estimate(trials, store=tmp).to_send == len(trials)
    True
    """
    check(trials, needs=PLAN_COLUMNS)
    trials = trials.reset_index(drop=True)
    stored, waiting, typical = _stored(trials, Path(store))
    wanted = ~trials["trial_id"].duplicated() & ~trials["trial_id"].isin(stored)
    if "completion" in trials:
        wanted &= trials["completion"].isna()
    held = wanted & trials["trial_id"].isin(waiting)
    wanted &= ~held
    rows = [
        _estimate_model(str(name), group, wanted[group.index], held[group.index], typical.get(str(name)), batch)
        for name, group in trials.groupby("model", observed=True, sort=False)
    ]
    by_model = pd.DataFrame(rows).astype(
        dict.fromkeys(_TOKEN_COLUMNS, "Int64") | dict.fromkeys(_COST_COLUMNS, "Float64")
    )
    asked = by_model[by_model["to_send"] > 0]
    costs = [float(asked[name].sum()) if asked[name].notna().all() else None for name in _COST_COLUMNS]
    waits = [
        row["to_send"] * past.latency_s / _USUAL_CONCURRENCY
        for row in _records(asked)
        if (past := typical.get(row["model"])) and past.latency_s is not None
    ]
    return Estimate(
        trials=len(trials),
        stored=len(trials) - int(wanted.sum()) - int(held.sum()),
        in_batches=int(held.sum()),
        to_send=int(wanted.sum()),
        cost_low=costs[0],
        cost_high=costs[1],
        seconds=sum(waits) if len(waits) == len(asked) and not batch else None,
        by_model=by_model,
        missing_keys=_missing_keys(trials[wanted]),
    )


_TOKEN_COLUMNS = ("input_tokens", "output_tokens_low", "output_tokens_high")
_COST_COLUMNS = ("cost_low", "cost_high")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, values, strict=True)) for values in table.itertuples(index=False)]


def _stored(trials: pd.DataFrame, folder: Path) -> tuple[set[str], set[str], dict[str, Typical]]:
    """Which trials the store holds, which a batch, and what each model's responses were like; makes no store."""
    if not (folder / "store.sqlite").exists():
        return set(), set(), {}
    names = trials[["model", "endpoint"]].drop_duplicates().itertuples(index=False)
    ids = trials["trial_id"].unique()
    with Store(folder) as store:
        waiting = set[str]().union(*store.open_batches(ids).values())
        return store.holds(ids), waiting, {str(n): store.typical(str(e)) for n, e in names}


def _missing_keys(sent: pd.DataFrame) -> tuple[str, ...]:
    pairs = sent[["endpoint", "model"]].drop_duplicates().itertuples(index=False)
    asked = [_models.from_endpoint(str(endpoint), str(name)) for endpoint, name in pairs]
    return tuple(told for told in map(servers.missing_key, asked) if told)


def _estimate_model(
    name: str, group: pd.DataFrame, wanted: Any, held: Any, past: Typical | None, batch: bool
) -> dict[str, Any]:
    model = _models.from_endpoint(str(group["endpoint"].iloc[0]), name)
    sent = group[wanted]
    waiting = int(held.sum())
    row: dict[str, Any] = {"model": name, "trials": len(group), "stored": len(group) - len(sent) - waiting}
    row |= {"in_batches": waiting, "to_send": len(sent)}
    if sent.empty or model.embedded:
        return row | dict.fromkeys(_TOKEN_COLUMNS, 0) | dict.fromkeys(_COST_COLUMNS, 0.0)
    tokens_in = _input_tokens(model, sent["messages"])
    usual = past.output_tokens if past else None
    low, high = (usual, usual * 1.5) if usual else _TITLE_TOKENS
    limit = prices.longest_reply(model, json.loads(str(sent["params"].iloc[0])))
    low, high = (min(each, limit or math.inf) * len(sent) for each in (low, high))
    price = prices.batch_prices(model) if batch else prices.prices(model)
    costs = [None if price is None else tokens_in * price[0] + each * price[1] for each in (low, high)]
    return (
        row
        | dict(zip(_TOKEN_COLUMNS, (tokens_in, round(low), round(high)), strict=True))
        | dict(zip(_COST_COLUMNS, costs, strict=True))
    )


def _input_tokens(model: Model, messages: Any) -> int:
    """Tokens of all requests, counted on an even choice of the distinct messages."""
    times = messages.astype("category").cat.remove_unused_categories().value_counts(sort=False)
    some = times.iloc[:: max(1, len(times) // _COUNTED)]
    counted = sum(prices.count_tokens(model, json.loads(str(text))) * int(n) for text, n in some.items())
    return round(counted * len(messages) / int(some.sum()))


def _money(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "cost unknown (name its price: rk.Model(…, input_cost_per_token=…, output_cost_per_token=…))"
    if high == 0:
        return "$0"
    texts = [f"${each:.2f}" if high >= 0.1 else f"${each:.4f}" for each in (low, high)]
    return f"about {texts[0]}" if texts[0] == texts[1] else f"about {texts[0]} to {texts[1]}"


def _duration(seconds: float) -> str:
    return f"~{max(1, round(seconds))} s" if seconds < 90 else f"~{round(seconds / 60)} min"
