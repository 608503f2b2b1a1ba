"""What Shipmate needs on a machine: looked for, explained, and mended where that can be done from here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from tools.errors import BadRequest, ShipmateError
from tools.progress import Progress, Steps

Verdict = Literal["ok", "warning", "failed", "unknown"]


@dataclass(frozen=True)
class Mend:
    """How to put something right: the command for a person, and the same as work, where Shipmate can do it."""

    command: str
    work: Callable[[], Steps[object]] | None = None


@dataclass(frozen=True)
class Observation:
    """What a probe saw."""

    verdict: Verdict
    found: str
    mend: Mend | None = None


@dataclass(frozen=True)
class Surroundings:
    """Which cluster is meant; None is the kubeconfig's own choice."""

    kubeconfig: str | None = None
    context: str | None = None
    namespace: str | None = None


@dataclass(frozen=True)
class Check:
    """One thing to look at. Without a `required` one Shipmate cannot do its work."""

    name: str
    needed_for: str
    probe: Callable[[Surroundings], Observation]
    required: bool = True


@dataclass(frozen=True)
class Result:
    """A check and what it saw."""

    check: Check
    seen: Observation

    @property
    def bad(self) -> bool:
        """Whether this alone makes the examination fail."""
        return self.check.required and self.seen.verdict == "failed"

    def as_data(self) -> dict[str, Any]:
        """The result as plain data."""
        mend = self.seen.mend
        return {
            "name": self.check.name,
            "verdict": self.seen.verdict,
            "found": self.seen.found,
            "needed_for": self.check.needed_for,
            "required": self.check.required,
            "mend": mend.command if mend else "",
            "fixable": bool(mend and mend.work),
        }


def choose(names: Sequence[str]) -> list[Check]:
    """The checks of these names, or all of them."""
    from tools.provision.checks import CHECKS

    known = {check.name: check for check in CHECKS}
    unknown = [name for name in names if name not in known]
    if unknown:
        raise BadRequest(f"There is no check {unknown[0]!r}.", f"Checks: {', '.join(known)}.")
    return [known[name] for name in names] or list(CHECKS)


def examine(names: Sequence[str] = (), where: Surroundings | None = None) -> Steps[list[Result]]:
    """Run the checks; a probe that fails itself makes its check unknown, not the others."""
    results: list[Result] = []
    checks = choose(names)
    for number, check in enumerate(checks):
        yield Progress(f"Checking {check.name}", number / len(checks))
        results.append(look(check, where or Surroundings()))
    return results


def look(check: Check, where: Surroundings) -> Result:
    """Run one check."""
    try:
        return Result(check, check.probe(where))
    except (ShipmateError, OSError) as error:
        return Result(check, Observation("unknown", str(error)))


def mend(result: Result, where: Surroundings) -> Steps[Result]:
    """Put one thing right and look again. Raises what the work raises."""
    work = result.seen.mend.work if result.seen.mend else None
    if work is None:
        raise BadRequest(f"{result.check.name} cannot be mended from here.")
    yield from work()
    return look(result.check, where)
