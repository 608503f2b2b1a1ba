"""Somebody edits Shipmate's own files between a plan and its yes, or between the yes and the writes."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.guard.guard import Guard
from agent.guard.hold import Hold
from agent.guard.journal import Journal
from agent.guard.plan import Plan
from agent.guard.undo import journal_of
from agent.store.sqlite import Store
from tests.conftest import CLUSTER_CONTEXT
from tools.change import Change, Patch, Proposal, Ref, WriteFile
from tools.context import Context
from tools.errors import Failed, Refused, ShipmateError
from tools.kubernetes.door.kubeconfig import find_access
from tools.progress import finish

Edit = Callable[[Path], object]


@pytest.fixture
def place(tmp_path: Path) -> Context:
    """A workspace where files can be written, without any cluster."""
    (tmp_path / "work").mkdir()
    return Context(root=tmp_path / "work", cache=tmp_path / "cache", state=tmp_path / "state")


def guard_of(ctx: Context) -> Guard:
    return Guard(ctx, journal_of(ctx), Store(ctx.state / "shipmate.db"))


def planned(guard: Guard, name: str = "a.txt") -> Plan:
    change = WriteFile(summary=f"write {name}", path=name, content="new\n")
    return proposed(guard, change)


def proposed(guard: Guard, change: Change) -> Plan:
    return finish(guard.propose(Proposal(changes=(change,)), "write it", "write it"))  # pyright: ignore[reportArgumentType]


def done(guard: Guard, plan: Plan) -> bool:
    grant = guard.approve(plan, plan.digest, "person", "yes", plan.confirm)
    return finish(guard.carry_out(plan, grant))  # pyright: ignore[reportArgumentType]


def lines(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


def another(path: Path) -> None:
    """A whole journal of somebody else's, longer than the one that was there."""
    path.unlink()
    for _ in range(20):
        Journal(path).append("proposed", "other")


def with_word(path: Path, number: int) -> None:
    """The same records, one of them saying something else."""
    found = lines(path)
    record = json.loads(found[number])
    found[number] = json.dumps({**record, "data": {}}).encode() + b"\n"
    path.write_bytes(b"".join(found))


TAKEN: dict[str, Edit] = {
    "removed": Path.unlink,
    "emptied": lambda path: path.write_bytes(b""),
    "cut by one record": lambda path: path.write_bytes(b"".join(lines(path)[:-1])),
    "cut in a record": lambda path: path.write_bytes(path.read_bytes()[:-9]),
    "exchanged": another,
    "a folder in its place": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("edit", TAKEN.values(), ids=TAKEN)
def test_between_the_yes_and_the_write_the_journal_stays(place: Context, edit: Edit) -> None:
    guard = guard_of(place)
    plan = planned(guard)
    grant = guard.approve(plan, plan.digest, "person", "yes", plan.confirm)
    edit(guard.journal.path)
    with pytest.raises(Failed, match="journal"):
        finish(guard.carry_out(plan, grant))  # pyright: ignore[reportArgumentType]
    assert not (place.root / "a.txt").exists()


BROKEN: dict[str, Edit] = {
    "a record altered": lambda path: with_word(path, 1),
    "the last one altered": lambda path: with_word(path, -1),
    "a record taken out": lambda path: path.write_bytes(b"".join(lines(path)[:1] + lines(path)[2:])),
    "the beginning taken away": lambda path: path.write_bytes(b"".join(lines(path)[1:])),
    "two exchanged": lambda path: path.write_bytes(b"".join([*lines(path)[1::-1], *lines(path)[2:]])),
    "rubbish between": lambda path: path.write_bytes(b"".join([*lines(path)[:1], b"{}\n", *lines(path)[1:]])),
    "told twice": lambda path: path.write_bytes(path.read_bytes() * 2),
}


@pytest.mark.parametrize("edit", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("later", [False, True], ids=["the same process", "a later one"])
def test_on_a_broken_journal_nothing_is_built(place: Context, edit: Edit, later: bool) -> None:
    guard = guard_of(place)
    assert done(guard, planned(guard))
    plan = planned(guard, "b.txt")
    edit(guard.journal.path)
    if later:
        guard = guard_of(place)
    with pytest.raises(Failed, match="journal"):
        done(guard, plan)
    assert not (place.root / "b.txt").exists()


def test_moved_away_a_new_one_begins(place: Context) -> None:
    guard = guard_of(place)
    assert done(guard, planned(guard))
    with_word(guard.journal.path, 1)
    guard.journal.path.rename(guard.journal.path.with_suffix(".old"))
    guard = guard_of(place)
    assert done(guard, planned(guard, "b.txt"))
    assert guard.journal.verify() == []


@pytest.mark.parametrize(("path", "mode"), [("vault/key", 0o604), ("vault/key", 0o602), ("vault", 0o707), ("", 0o702)])
def test_what_everybody_may_read_or_exchange_makes_no_plan(place: Context, path: str, mode: int) -> None:
    assert place.vault.key
    (place.state / path).chmod(mode)
    later = Context(root=place.root, cache=place.cache, state=place.state)
    with pytest.raises(Refused, match="every user"):
        planned(guard_of(later))


def test_what_shipmate_makes_is_its_owners_alone(place: Context) -> None:
    guard = guard_of(place)
    before = os.umask(0)
    try:
        assert done(guard, planned(guard))
    finally:
        os.umask(before)
    open_to_others = [path for path in [place.state, *place.state.rglob("*")] if path.lstat().st_mode & 0o077]
    assert [path for path in open_to_others if path.is_file() or path == place.state] == []
    later = guard_of(place)
    assert done(later, planned(later, "b.txt"))


def test_a_hold_that_was_let_go_meanwhile_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One process opens the mark, another lets go of it and takes it away, a third makes a new one."""
    first = Hold.take(tmp_path, "plan")
    assert first
    lock = fcntl.flock
    others: list[Hold | None] = []

    def slow(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        first.release()
        others.append(Hold.take(tmp_path, "plan"))
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    assert Hold.take(tmp_path, "plan") is None
    assert others != [None]


def as_another(folder: Path, user: str, like: str) -> str:
    """A kubeconfig of the same cluster and context, by another name or identity."""
    access = find_access(None, CLUSTER_CONTEXT)
    entry = {**access.user_entry, "as": like, "as-groups": ["system:masters"]} if like else access.user_entry
    place = {"cluster": "test", "user": user}
    path = folder / f"{user}-{like}"
    path.write_text(yaml.safe_dump({
        "clusters": [{"name": "test", "cluster": dict(access.cluster_entry)}],
        "users": [{"name": user, "user": dict(entry)}],
        "contexts": [{"name": "same", "context": place}],
        "current-context": "same",
    }))  # fmt: skip
    return str(path)


@pytest.mark.parametrize(("user", "like"), [("one", "root-of-all"), ("other", "")], ids=["identity", "user"])
def test_a_context_that_became_somebody_else(ctx: Context, tmp_path: Path, user: str, like: str) -> None:
    """The kubeconfig is edited between the plan and its yes: the name of the context stays, the user does not."""

    def here(**who: str) -> Context:
        config = as_another(tmp_path, **who)
        return Context(kubeconfig=config, namespace=ctx.namespace, root=tmp_path, state=tmp_path / "state")

    first = guard_of(here(user="one", like=""))
    ref = Ref(api_version="v1", kind="ConfigMap", name="kube-root-ca.crt", namespace=ctx.namespace)
    body: dict[str, Any] = {"metadata": {"labels": {"colour": "blue"}}}
    plan = proposed(first, Patch(summary="label it", ref=ref, verb="label", type="merge", patch=body))
    with pytest.raises(Refused, match="was made as"):
        done(guard_of(here(user=user, like=like)), plan)
    again = guard_of(here(user="one", like=""))
    assert done(again, plan)


@pytest.mark.parametrize("name", ["vault/key", "shipmate.db", "journal.jsonl"])
def test_rubbish_in_a_file_is_told_in_our_own_words(place: Context, name: str) -> None:
    guard = guard_of(place)
    plan = planned(guard)
    (place.state / name).write_bytes(b"\x00rubbish\xff" * 9)
    later = guard_of(Context(root=place.root, cache=place.cache, state=place.state))
    with pytest.raises(ShipmateError):
        done(later, plan)
    assert not (place.root / "a.txt").exists()
