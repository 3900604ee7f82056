"""The command line: ``retitlekit sweep``, ``report``, ``retitle``, ``lint``, ``models`` and ``lab``."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import retitlekit as rk
from retitlekit.html import visible
from retitlekit.sheet import Sheet
from retitlekit.sheet.sidebyside import Comparison

OK, FAILED, WRONG, INTERRUPTED = 0, 1, 2, 130
_EXIT_CODES = f"""exit codes:
  {OK}    done
  {FAILED}    done, but some trials failed or were not sent (they are in the frame, with the reason)
  {WRONG}    wrong arguments or input; nothing was sent
  {INTERRUPTED}  interrupted; what was answered is stored, and the same command goes on from there"""


# errors speak of the verbs' arguments; here these are options
_OPTIONS = {"overwrite=True": "--overwrite", "budget_usd=": "--budget=", "max_concurrency=": "--concurrency="}
_OPTIONS |= {f"{name}=": f"--{name}=" for name in ("models", "repeats", "store", "temperatures")}
_OPTIONS |= {"budget_usd": "--budget", "max_tokens=": "--param max_tokens=", "api_base must": "--api-base must"}
_ARGUMENT = re.compile(rf"(?<![\w.?&/(-])(?:{'|'.join(_OPTIONS)})")


def _option(found: re.Match[str]) -> str:
    return _OPTIONS[found.group()]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns its exit code."""
    args = _parser().parse_args(argv)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always", rk.RetitlekitWarning)
            warnings.showwarning = lambda message, *_, **__: print(f"retitlekit: {message}", file=sys.stderr)
            code: int = args.verb(args)
    except rk.RetitlekitError as problem:
        print(f"retitlekit: {_ARGUMENT.sub(_option, str(problem))}", file=sys.stderr)
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output left: `retitlekit models | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return OK
    return code


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(
        prog="retitlekit", description="Find the prompt, model and temperature that rewrite news titles best."
    )
    parser.add_argument("--version", action="version", version=f"retitlekit {rk.__version__}")
    verbs = parser.add_subparsers(title="verbs", required=True, metavar="VERB")

    sweep = verbs.add_parser(
        "sweep",
        help="sweep prompts x models x temperatures over articles",
        formatter_class=formatter,
        description="Sweep prompts x models x temperatures x repeats over articles, score the titles, print a\n"
        "leaderboard and a side-by-side table. Every response is stored when it arrives; running the same\n"
        "command again sends only what is new.",
        epilog="examples:\n"
        "  retitlekit sweep                                   the embedded baselines: no key, no network\n"
        "  retitlekit sweep --models openai/gpt-4o-mini --temperatures 0 0.7 --repeats 3 --budget 2\n"
        "  retitlekit sweep --models openai/qwen3 --api-base http://127.0.0.1:8000/v1\n"
        "  retitlekit sweep --config config.yaml --dry-run    what would be sent and what it would cost\n"
        f"\n{_EXIT_CODES}",
    )
    sweep.set_defaults(verb=_sweep)
    sweep.add_argument(
        "--prompts", default="prompts", metavar="PATH", help="folder of .prompt files, or one (%(default)s)"
    )
    sweep.add_argument("--articles", default="data/articles.jsonl", metavar="PATH", help="articles (%(default)s)")
    sweep.add_argument("--models", nargs="+", metavar="ID", help="LiteLLM ids (baseline/lead-compress)")
    sweep.add_argument(
        "--config", metavar="FILE", help="LiteLLM config.yaml: its model_list, or those named by --models"
    )
    sweep.add_argument("--api-base", metavar="URL", help="a server of your own that has the --models, up to its /v1")
    sweep.add_argument(
        "--temperatures", nargs="+", type=float, metavar="T", help="from 0 to 2 (the prompt's or provider's)"
    )
    sweep.add_argument("--repeats", type=int, default=1, metavar="N", help="times each trial is sent (%(default)s)")
    sweep.add_argument(
        "--param", action="append", default=[], metavar="NAME=VALUE", help="call parameter, e.g. max_tokens=60"
    )
    sweep.add_argument("--limit", type=int, metavar="N", help="only the first N articles")
    sweep.add_argument("--budget", type=float, metavar="USD", help="never spend more than this")
    sweep.add_argument("--concurrency", type=int, metavar="N", help="requests under way at once")
    sweep.add_argument("--store", default=".retitlekit", metavar="DIR", help="store of responses (%(default)s)")
    sweep.add_argument("--out", metavar="FILE", help="write the frame here: .csv as CSV, else Parquet")
    sweep.add_argument("--show", metavar="PROMPT", help="prompt of the side-by-side table (the one that passes most)")
    sweep.add_argument("--dry-run", action="store_true", help="plan and estimate, send nothing")
    sweep.add_argument("--json", action="store_true", help="print one JSON object instead of tables")

    retitle = verbs.add_parser(
        "retitle",
        help="retitle a page, a feed or a file of articles, safely",
        formatter_class=formatter,
        description="Write new titles with a prompt and publish those that pass every gate. Where anything fails the\n"
        "original title stays, or the page is held; a prompt, an error or a refusal is never a title. Files of\n"
        "any size: killed or interrupted, the same command goes on where it was.",
        epilog="examples:\n"
        "  retitlekit retitle articles.jsonl --prompt winners/best.prompt --out titles.jsonl\n"
        "  retitlekit retitle export.xml --prompt prompts/limits.prompt --model openai/gpt-4o-mini --out new.xml\n"
        "\nexit codes:\n"
        "  0    done\n  1    done, but some articles are held for a person (the report says why)\n"
        "  2    wrong arguments or input, nothing answers, or the budget is used up\n  130  interrupted",
    )
    retitle.set_defaults(verb=_retitle)
    retitle.add_argument("source", metavar="FILE", help="articles (.jsonl), a feed or WordPress export, or one page")
    retitle.add_argument("--out", required=True, metavar="FILE", help="where the result goes, once it is whole")
    retitle.add_argument("--prompt", required=True, metavar="FILE", help="the winner, a .prompt file")
    retitle.add_argument("--model", metavar="ID", help="LiteLLM id (the prompt file's own)")
    retitle.add_argument("--config", metavar="FILE", help="LiteLLM config.yaml that has the model")
    retitle.add_argument("--api-base", metavar="URL", help="a server of your own that has the model, up to its /v1")
    retitle.add_argument("--temperature", type=float, metavar="T", help="from 0 to 2 (the prompt file's own)")
    retitle.add_argument("--param", action="append", default=[], metavar="NAME=VALUE", help="call parameter")
    retitle.add_argument("--on-fail", choices=("keep_original", "hold"), default="keep_original", help="(%(default)s)")
    retitle.add_argument("--budget", type=float, metavar="USD", help="never spend more than this on the file")
    retitle.add_argument("--concurrency", type=int, metavar="N", help="requests under way at once")
    retitle.add_argument("--store", default=".retitlekit", metavar="DIR", help="store of responses (%(default)s)")
    retitle.add_argument("--overwrite", action="store_true", help="replace an output that is there")

    lint = verbs.add_parser(
        "lint",
        help="find leaked prompts, tags and refusals in what is published",
        formatter_class=formatter,
        description="Look through pages (.html, .md, .txt), feeds and WordPress exports (.xml, .rss, .atom), articles\n"
        "(.jsonl) and folders of them for leaked prompts, plugin tags, refusals and chatbot talk.",
        epilog="exit codes:\n  0    nothing found\n  1    something was found\n  2    a path is not there",
    )
    lint.set_defaults(verb=_lint)
    lint.add_argument("paths", nargs="+", metavar="PATH", help="files and folders")
    lint.add_argument("--format", choices=("text", "json", "sarif"), default="text", help="(%(default)s)")

    models = verbs.add_parser(
        "models",
        help="models that can be used now, and why others cannot",
        formatter_class=formatter,
        description="List the models that can be used now, and say what the others lack. Nothing is spent.",
    )
    models.set_defaults(verb=_models)
    models.add_argument(
        "--server", action="append", default=[], metavar="URL", help="ask this OpenAI-compatible server too"
    )
    models.add_argument("--json", action="store_true", help="print JSON, one object per model")

    report = verbs.add_parser(
        "report",
        help="write a frame as one HTML file to send to a colleague",
        formatter_class=formatter,
        description="Write a frame as one HTML file: leaderboard, charts, titles side by side, prompts, costs.\n"
        "It needs no network and holds every title, article and message of the frame. Nothing is spent.",
    )
    report.set_defaults(verb=_report)
    report.add_argument("frame", metavar="FRAME", help="a frame, as `retitlekit sweep --out` writes it")
    report.add_argument("--out", default="report.html", metavar="FILE", help="file to write (%(default)s)")
    report.add_argument("--prompts", metavar="PATH", help="file or folder of .prompt files to print in it")
    report.add_argument("--store", default=".retitlekit", metavar="DIR", help="where notes are kept (%(default)s)")

    lab = verbs.add_parser("lab", help="open JupyterLab, ready to run", description="Open JupyterLab.")
    lab.set_defaults(verb=_lab)
    lab.add_argument("notebook", nargs="?", default=".", metavar="PATH", help="notebook or folder to open")
    return parser


def _sweep(args: argparse.Namespace) -> int:
    if args.out and not Path(args.out).absolute().parent.is_dir():
        raise rk.FrameError(f"cannot write {args.out}: the folder {Path(args.out).parent} does not exist")
    articles = rk.load_articles(args.articles)[: args.limit]
    prompts = rk.load_prompts(args.prompts)
    if args.show and args.show not in prompts:
        raise rk.PromptError(
            f"--show {args.show}: there is no such prompt in {args.prompts}; it has {', '.join(prompts)}"
        )
    trials = rk.plan(
        prompts,
        articles,
        models=_chosen(args),
        temperatures=args.temperatures or (None,),
        repeats=args.repeats,
        **_params(args.param),
    )
    estimate = rk.estimate(trials, store=args.store)
    say = _quiet if args.json else print
    say(f"{len(prompts)} prompts, {len(articles)} articles: {estimate}")
    if args.dry_run:
        if args.json:
            print(json.dumps({"estimate": _records(estimate.by_model)}))
        return OK
    frame = rk.score(
        rk.run(
            trials,
            store=args.store,
            budget_usd=args.budget,
            max_concurrency=args.concurrency,
            progress=not args.json,
        )
    )
    board = rk.leaderboard(frame, by=_axes(frame))
    if args.json:
        print(json.dumps(_summary(frame, board), ensure_ascii=False))
    else:
        _show(frame, board, args.show)
    if args.out:
        say(f"\nThe frame is in {_write(frame, args.out)} reads it.")
    say("Next: `make lab` opens the first notebook; `retitlekit models` tells which models you can use.")
    if (frame.status == "cancelled").any():
        return INTERRUPTED
    return OK if (frame.status == "ok").all() else FAILED


def _write(frame: Any, out: str) -> str:
    """Write the frame; returns where it is and what reads it."""
    if Path(out).suffix.lower() != ".csv":
        return f"{rk.write_frame(frame, out)}: rk.read_frame({out!r})"
    try:
        frame.to_csv(out, index=False)
    except (OSError, UnicodeEncodeError) as problem:
        raise rk.FrameError(f"cannot write {out}: {problem}") from problem
    return f"{out}: pandas.read_csv({out!r})"


def _chosen(args: argparse.Namespace) -> Any:
    if args.api_base:
        if args.config or not args.models:
            raise rk.ModelError("--api-base is the address of --models; the models of --config have theirs")
        return [rk.Model(name, api_base=args.api_base) for name in args.models]
    if not args.config:
        return args.models or ["baseline/lead-compress"]
    listed = rk.load_models(args.config)
    unknown = [name for name in args.models or [] if name not in listed]
    if unknown:
        raise rk.ModelError(f"{args.config} has no model_name {unknown[0]!r}; it has {', '.join(listed)}")
    return [listed[name] for name in args.models or listed]


def _params(pairs: Sequence[str]) -> dict[str, Any]:
    params = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name.isidentifier():
            raise rk.PlanError(f"--param {pair!r}: write NAME=VALUE, e.g. max_tokens=60")
        try:
            params[name] = json.loads(value)
        except ValueError:
            params[name] = value
    return params


def _axes(frame: Any) -> tuple[str, ...]:
    """The axes worth ranking: baselines obey a prompt only in length, casing and form, so prompts are not ranked."""
    axes = ("model", "temperature") if _embedded(frame) else ("prompt", "model", "temperature")
    varying = tuple(axis for axis in axes if frame[axis].nunique(dropna=False) > 1)
    return varying or axes[:1]


def _embedded(frame: Any) -> bool:
    return bool(frame["model"].astype(str).str.startswith("baseline/").all())


def _show(frame: Any, board: Any, prompt: str | None) -> None:
    if _embedded(frame):
        print("\nThe embedded baselines are no language models: of a prompt they obey only length, casing and question")
        print("form, so prompts are not ranked against each other here.")
    print(f"\nLeaderboard by {board.attrs.get('metric', 'passed')}\n")
    columns = [*_axes(frame), "n_articles", "estimate", "low", "high", "verdict"]
    print(board[columns].head(10).to_string(index=False, float_format="{:.2f}".format, na_rep="default"))
    print(f"\n{board.attrs['sentence']}\n")
    passed = frame.groupby("prompt", observed=True)["passed"].mean().fillna(0.0)
    shown = prompt or passed.idxmax()
    print(f"Side by side, under the prompt {shown} (rk.compare(frame) shows all):\n")
    print(Comparison(Sheet(frame[frame["prompt"] == shown]), limit=3))


def _summary(frame: Any, board: Any) -> dict[str, Any]:
    counts = frame["status"].value_counts()
    known = frame["cost_usd"].notna() | (frame["status"] != "ok")
    return {
        "trials": len(frame),
        "status": {str(status): int(count) for status, count in counts.items() if count},
        "cost_usd": float(frame["cost_usd"].sum()) if known.all() else None,
        "sentence": board.attrs["sentence"],
        "leaderboard": _records(board),
    }


def _records(table: Any) -> Any:
    """Rows as JSON knows them; what is missing is null."""
    return json.loads(table.to_json(orient="records"))


def _quiet(*_: object) -> None: ...


def _retitle(args: argparse.Namespace) -> int:
    prompt = next(iter(rk.load_prompts(Path(args.prompt)).values()))
    name = args.model or prompt.model
    if not name:
        raise rk.ModelError(f"{args.prompt} names no model: give --model")
    if args.api_base and args.config:
        raise rk.ModelError("--api-base is the address of --model; the models of --config have theirs")
    listed = rk.load_models(args.config) if args.config else {}
    if listed and name not in listed:
        raise rk.ModelError(f"{args.config} has no model_name {name!r}; it has {', '.join(listed)}")
    done = rk.retitle_file(
        args.source,
        args.out,
        prompt,
        model=rk.Model(name, api_base=args.api_base) if args.api_base else listed.get(name, name),
        temperature=args.temperature,
        on_fail=args.on_fail,
        overwrite=args.overwrite,
        store=args.store,
        budget_usd=args.budget,
        max_concurrency=args.concurrency,
        progress=sys.stderr.isatty(),
        **_params(args.param),
    )
    counts = f"{done['published']:,} published, {done['kept_original']:,} kept their title, {done['held']:,} held"
    print(f"{counts}: {args.out}{'' if Path(args.out).exists() else ' is not written'}")
    _tell_reasons(Path(args.out))
    return FAILED if done["held"] else OK


def _tell_reasons(out: Path) -> None:
    """Why titles were kept, by kind, and the first lines that are held."""
    report = out.with_name(f"{out.name}.report.jsonl")
    report = report if report.exists() else out
    kept, held = Counter[str](), list[str]()
    with report.open(encoding="utf-8") as lines:
        for row in (json.loads(line) for line in lines if '"status": "published"' not in line):
            if row["status"] == "held":
                name = f" ({row['article']})" if row["article"] else ""
                held.append(f"  line {row['line']}{name}: {row['reason']}" if len(held) < _SHOWN else "")
            else:
                kept[row["reason"].partition(" (")[0].partition(":")[0]] += 1
    if kept:
        told = ", ".join(f"{count:,} × {reason}" for reason, count in kept.most_common(_SHOWN))
        print(f"kept: {told}{', …' if len(kept) > _SHOWN else ''}", file=sys.stderr)
    if held:
        more = [f"  … and {len(held) - _SHOWN:,} more"] if len(held) > _SHOWN else []
        print("held:", *map(visible, held[:_SHOWN]), *more, sep="\n", file=sys.stderr)
    if kept or held:
        print(f"Every reason is in {report}", file=sys.stderr)


_SHOWN = 5


def _lint(args: argparse.Namespace) -> int:
    from retitlekit.pages import lint

    found = lint.lint(args.paths)
    if args.format == "text":
        count = 0
        for count, each in enumerate(found, 1):  # noqa: B007 - counted while they are printed
            print(visible(each))
        print(f"{count} found" if count else "nothing found", file=sys.stderr)
        return FAILED if count else OK
    listed = list(found)
    print({"json": lint.as_json, "sarif": lint.as_sarif}[args.format](listed))
    return FAILED if listed else OK


def _models(args: argparse.Namespace) -> int:
    table = rk.available_models(args.server)
    if args.json:
        print(table.to_json(orient="records"))
        return OK
    for kind, group in table.groupby("kind", sort=False):
        print(f"\n{kind}")
        width = min(48, group["model"].str.len().max())
        for row in group.itertuples():
            print(f"  {'✓' if row.usable else '·'} {row.model:<{width}}  {row.note}")
    print("\n✓ can be used now.  Any LiteLLM id works once its key is in the environment.")
    return OK


def _report(args: argparse.Namespace) -> int:
    prompts = rk.load_prompts(args.prompts) if args.prompts else {}
    print(rk.report(rk.read_frame(args.frame), args.out, prompts=prompts, store=args.store))
    return OK


def _lab(args: argparse.Namespace) -> int:
    path = Path(args.notebook)
    if not path.exists():
        print(f"retitlekit: there is no {path}", file=sys.stderr)
        return WRONG
    command = [sys.executable, "-m", "jupyterlab", str(path)]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606 - the lab takes this process's place
    raise AssertionError("unreachable: execv does not return")


if __name__ == "__main__":
    sys.exit(main())
