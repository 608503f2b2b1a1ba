"""The judge: which policy files are in force, and what they and the floor say about a step.

A person's own files (the one in the settings folder, and the one named by --policy or SHIPMATE_POLICY) may permit;
where such a file says nothing, it means *ask*. The file of a workspace came with its source, so it can only make
things stricter. The strictest of all decides, and nothing goes below the floor.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from agent.guard.plan import Aim
from agent.guard.policy.acts import Act, acts_of
from agent.guard.policy.floor import WORKSPACE_POLICY, floor
from agent.guard.policy.ruling import Decision, Ruling, strictest
from tools.catalog import Effect
from tools.change import Change, WriteFile
from tools.context import Context
from tools.errors import BadRequest
from tools.preview import Preview

if TYPE_CHECKING:
    from agent.guard.policy.rules import PolicyFile, Rule


def own_file() -> Path:
    """Where a person's own policy is looked for."""
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "shipmate" / "policy.yaml"


@dataclass(frozen=True)
class Source:
    """A policy file in force; `own` ones may permit, the others only forbid."""

    path: Path
    own: bool
    policy: PolicyFile

    def __str__(self) -> str:
        return str(self.path)


class Judge:
    """Decides by the files in force, which are read again when they change."""

    def __init__(self, root: Path, extra: tuple[Path, ...] = ()) -> None:
        self.root = root
        self.extra = extra
        self._read: tuple[object, tuple[Source, ...]] | None = None

    def paths(self) -> list[tuple[Path, bool]]:
        """The files in force, each with whether it is a person's own; raises BadRequest where one is missing."""
        found = [(own_file(), True)] if _there(own_file()) else []
        for named in map(Path.expanduser, self.extra):
            if not _there(named):
                raise BadRequest(f"There is no policy file {named}.", "It was named by --policy or SHIPMATE_POLICY.")
            found.append((named, True))
        beside = self.root / WORKSPACE_POLICY
        if _there(beside) and not any(path.resolve() == beside.resolve() for path, _ in found):
            found.append((beside, False))
        return found

    def sources(self) -> tuple[Source, ...]:
        """The policies in force; raises BadRequest when one of them is broken, and then nothing may be changed."""
        paths = self.paths()
        if not paths:
            return ()
        stamp = tuple((path, own, _stamp(path)) for path, own in paths)
        if self._read is None or self._read[0] != stamp:
            from agent.guard.policy.file import read

            self._read = (stamp, tuple(Source(path, own, read(path, own=own)) for path, own in paths))
        return self._read[1]

    def problem(self) -> str:
        """What is wrong with the policy, empty when nothing is."""
        try:
            self.sources()
        except BadRequest as error:
            return str(error)
        return ""

    def of_step(self, ctx: Context, change: Change, preview: Preview, aim: Aim) -> Ruling:
        """The decision about one step of a plan."""
        found = self.of_acts(acts_of(ctx, change, preview, aim))
        if isinstance(change, WriteFile) and self._is_source(change.path):
            own = Ruling(decision=Decision.CONFIRM, by="the floor", reason="it changes a policy", each_time=True)
            return strictest((found, own.model_copy(update={"word": Path(change.path).name})))
        return found

    def _is_source(self, path: str) -> bool:
        """Whether this file of the workspace is a policy in force, by whatever name it was given."""
        place = (self.root / path).resolve()
        return any(place == source.resolve() for source, _ in self.paths())

    def of_acts(self, acts: tuple[Act, ...]) -> Ruling:
        """The decision about an act and the further objects that it writes."""
        sources = self.sources()
        first, *parts = acts
        rulings = [ruling(sources, first)]
        for part in parts:
            if found := _of_part(sources, part):
                asked = found.decision is not Decision.ALLOW
                rulings.append(found.model_copy(update={"each_time": asked}))
        decided = strictest(rulings)
        word = (first.name or first.path) if decided.decision is Decision.CONFIRM else ""
        return decided.model_copy(update={"word": word})

    def of_call(self, effect: Effect, tool: str) -> Ruling:
        """The decision about a tool that is not a change: reads are allowed where nothing takes them away."""
        try:
            sources = self.sources()
        except BadRequest:
            if effect is Effect.READ:  # reads go on; the broken file is told elsewhere
                return Ruling(decision=Decision.ALLOW, by="no rule")
            raise
        return ruling(sources, Act((str(effect),), effect=effect, tool=tool))


def ruling(sources: tuple[Source, ...], act: Act) -> Ruling:
    """What the files and the floor say about one act; the strictest counts."""
    found = [one for source in sources if (one := _said(source, act))]
    if act.effect is Effect.READ:
        return strictest([Ruling(decision=Decision.ALLOW), *found])
    if not any(source.own for source in sources):
        found.append(Ruling(trace=(f"{act}: no policy file of your own, so it is asked about",)))
    least = floor(act)
    if least:
        found.append(least.model_copy(update={"trace": (f"{act}: the floor: {least.decision}, since {least.reason}",)}))
    return strictest(found)


def _said(source: Source, act: Act) -> Ruling | None:
    """What one file says; where no rule of it matches, a person's own file means ask, a workspace's nothing."""
    rule = source.policy.first(act)
    if rule is not None:
        return _by_rule(source, act, rule)
    if act.effect is Effect.READ:
        return None
    trace = (f"{act}: {source}: no rule matches{', so it is asked about' if source.own else ''}",)
    return (
        Ruling(by=f"no rule in {source}", trace=trace) if source.own else Ruling(decision=Decision.ALLOW, trace=trace)
    )


def _by_rule(source: Source, act: Act, rule: Rule) -> Ruling:
    decision = rule.decision
    by = f"{source}:{rule.line}"
    because = f", since {rule.reason}" if rule.reason else ""
    return Ruling(
        decision=decision,
        by=by,
        reason=rule.reason,
        each_time=decision.strictness > Decision.ASK.strictness,
        roll_back=rule.on_unhealthy == "roll-back",
        trace=(f"{act}: {by}: {decision}{because}",),
    )


def _of_part(sources: tuple[Source, ...], act: Act) -> Ruling | None:
    """What is said about one object of a release, None where it goes with the release.

    In the release's own namespace only rules that tell objects apart look inside; what is outside of it is decided
    like a change of its own.
    """
    if act.outside:
        return ruling(sources, act)
    found = [
        _by_rule(source, act, rule)
        for source in sources
        if (rule := source.policy.first(act)) and rule.criteria.tells_objects_apart
    ]
    least = floor(act)
    if least:
        found.append(least.model_copy(update={"trace": (f"{act}: the floor: {least.decision}, since {least.reason}",)}))
    return strictest(found) if found else None


def _there(path: Path) -> bool:
    """Whether there is a file; what cannot be looked at counts, so that it is told rather than passed over."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True
    return True


def _stamp(path: Path) -> object:
    try:
        state = path.stat()
    except OSError:
        return None
    return (state.st_mtime_ns, state.st_size, state.st_ino, state.st_mode)
