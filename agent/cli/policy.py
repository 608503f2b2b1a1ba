"""`shipmate policy`: what is in force, what a file says, why a plan was decided as it was, and standing grants."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from agent.cli.common import add_output, print_result, settings_from
from tools.errors import BadRequest, NotFound

if TYPE_CHECKING:
    from agent.guard.policy.judge import Judge, Source
    from agent.settings import Settings
    from tools.change import Json

_ACTIONS = ["show", "test", "why", "schema", "grants", "revoke"]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", nargs="?", choices=_ACTIONS, default="show",
        help="show: what is in force; test [FILE]: check a file and run its examples; why PLAN: what decided; schema: "
        "the JSON schema of a file; grants, revoke [ID]: standing grants",
    )  # fmt: skip
    parser.add_argument("what", nargs="?", metavar="FILE|PLAN|ID")
    add_output(parser)


def run(args: argparse.Namespace) -> int:
    settings = settings_from(args)
    match args.action:
        case "schema":
            return _schema()
        case "test":
            return _test(settings, args)
        case "why":
            return _why(settings, args)
        case "grants" | "revoke":
            return _grants(settings, args)
        case _:
            return _show(settings, args)


def _judge(settings: Settings) -> Judge:
    from agent.guard.policy.judge import Judge

    return Judge(settings.open_context().root, settings.policy)


def _schema() -> int:
    import json

    from agent.guard.policy.rules import schema

    print(json.dumps(schema(), indent=2))
    return 0


def _show(settings: Settings, args: argparse.Namespace) -> int:
    from agent.guard.policy.floor import TOLD
    from agent.guard.policy.judge import own_file

    sources = _judge(settings).sources()
    lines = [f"Mode: {settings.mode}."]
    for source in sources:
        power = "may permit" if source.own else "can only make it stricter"
        lines += ["", f"{source} ({power})"]
        lines += [f"  line {rule.line:<4} {rule}" for rule in source.policy.rules] or ["  no rules"]
    if not any(source.own for source in sources):
        lines += ["", f"You have no policy of your own ({own_file()}): every change is asked about."]
    lines += ["", "Below this no file goes:", *(f"  {line}" for line in TOLD)]
    data = {
        "mode": settings.mode,
        "files": [
            {
                "path": str(source),
                "own": source.own,
                **source.policy.model_dump(mode="json", by_alias=True, exclude_defaults=True),
            }
            for source in sources
        ],
        "floor": TOLD,
    }
    print_result("\n".join(lines), data, args.output)
    return 0


def _test(settings: Settings, args: argparse.Namespace) -> int:
    """0 when every example comes out as it says, 1 when one does not; a broken file is an error of its own (2)."""
    sources = _named(Path(args.what)) if args.what else _judge(settings).sources()
    if not sources:
        raise NotFound("There is no policy file in force.", "Name one: shipmate policy test FILE.")
    found = [one for source in sources for one in _tried(source)]
    wrong = [one for one in found if one["expect"] != one["is"]]
    lines = [
        f"{one['file']}:{one['line']}: {one['act']} is {one['is']}, not {one['expect']}\n  {one['by']}" for one in wrong
    ]
    rules = sum(len(source.policy.rules) for source in sources)
    good = len(found) - len(wrong)
    lines.append(f"{rules} rules; {good} of {len(found)} examples come out as they say.")
    print_result("\n".join(lines), found, args.output)
    return 1 if wrong else 0


def _named(path: Path) -> tuple[Source, ...]:
    from agent.guard.policy.file import read
    from agent.guard.policy.judge import Source

    return (Source(path, True, read(path, own=False)),)


def _tried(source: Source) -> Iterator[dict[str, Json]]:
    """Each example of a file, decided by that file and the floor."""
    from dataclasses import replace

    from agent.guard.policy.judge import ruling

    for example in source.policy.tests:
        act = example.act()
        decided = ruling((replace(source, own=True),), act)
        yield {
            "file": str(source), "line": example.line, "act": str(act), "expect": str(example.expect),
            "is": str(decided.decision), "by": decided.told,
        }  # fmt: skip


def _why(settings: Settings, args: argparse.Namespace) -> int:
    """What decided about each step of a plan when it was proposed."""
    from agent.store.sqlite import Store

    if not args.what:
        raise BadRequest("`shipmate policy why` needs the plan's id.", "`shipmate plan` lists them.")
    ctx, judge = settings.open_context(), _judge(settings)
    found = Store(ctx.state / "shipmate.db").plan(args.what)
    if not found:
        raise NotFound(f"There is no plan {args.what!r}.", "`shipmate plan` lists the plans.")
    plan, status = found
    lines = [f"Plan {plan.id} ({status}): {plan.ruling.decision}, by {plan.ruling.told}"]
    for number, step in enumerate(plan.steps, start=1):
        ruling = step.ruling
        lines.append(f"{number}. {step.preview.summary}: {'already so' if step.preview.noop else ruling.decision}")
        lines += [f"   {line}" for line in ruling.trace]
        if status == "pending" and not step.preview.noop:
            now = judge.of_step(ctx, step.change, step.preview, plan.aim)
            lines += [f"   By now: {now.decision}, by {now.told}"] if now != ruling else []
    data = {
        "plan": plan.id, "status": status, "decision": plan.ruling.decision,
        "steps": [step.ruling.model_dump(mode="json") for step in plan.steps],
    }  # fmt: skip
    print_result("\n".join(lines), data, args.output)
    return 0


def _grants(settings: Settings, args: argparse.Namespace) -> int:
    """List the standing grants of every session, or revoke them."""
    import getpass

    from agent.guard.policy.standing import everywhere, revoke
    from agent.guard.undo import journal_of

    ctx = settings.open_context()
    if args.action == "grants":
        found = everywhere(ctx.state)
        text = "\n".join(f"{grant.id}  {grant}, given by {grant.by}" for grant in found)
        print_result(text or "No standing grants.", [one.model_dump(mode="json") for one in found], args.output)
        return 0
    gone = revoke(ctx.state, args.what or "")
    if args.what and not gone:
        raise NotFound(f"There is no standing grant {args.what!r}.", "`shipmate policy grants` lists them.")
    for grant in gone:
        journal_of(ctx).append("revoked", "", grant=grant.id, by=getpass.getuser())
    text = "\n".join(f"Revoked: {grant.id}  {grant}" for grant in gone) or "There was nothing to revoke."
    print_result(text, [grant.model_dump(mode="json") for grant in gone], args.output)
    return 0
