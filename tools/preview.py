"""What a handler says about a change: before it (preview), after it (applied) and about its health. Data only."""

from enum import StrEnum
from typing import Literal

from pydantic import Field

from tools.change import Change, Frozen, Json
from tools.finding import Finding
from tools.secrets.told import Told


class Risk(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class Write(Frozen):
    """One write that a change may make; the doors let through nothing else, and the audit matches against it.

    door        "kubernetes", "docker", "file" or "program"
    method      HTTP verb (POST, PUT, PATCH, DELETE), "write", or the program's name
    path        API path without query, file path, or the program's sub-command; a trailing `*` matches any rest
    """

    door: str
    method: str
    path: str

    def covers(self, door: str, method: str, path: str) -> bool:
        """Whether this entry allows the write at hand."""
        if (self.door, self.method) != (door, method):
            return False
        if self.path.endswith("*"):
            return path.startswith(self.path[:-1])
        return path == self.path


class Shown(Frozen):
    """A value that the diff showed and that must still hold when the change is applied.

    `path` is a JSON pointer (RFC 6901) into the object; None as value means that nothing is there.
    """

    path: str
    value: Json = None


class Preview(Frozen):
    """What a change would do.

    diff         unified diff for people, redacted; empty where there is nothing to compare
    warnings     to be read before the yes: what will be disturbed, what may not work, what the server warned of
    blockers     why it cannot succeed (denied, over quota, no rights); a plan with a blocker cannot be approved
    undo         how it can be taken back; empty when it cannot, and `no_undo` then says why
    uid          of the live object, None when it does not exist; with `shown` the preconditions of the write
    writes       every write that applying it may make
    provisional  it rests on an earlier change of its plan, so it is previewed again before it is applied
    noop         it would change nothing
    digest       of what the server (or Helm) would store, where the change alone does not pin that
    """

    summary: Told
    diff: Told = ""
    warnings: tuple[Told, ...] = ()
    blockers: tuple[Told, ...] = ()
    risk: Risk = Risk.LOW
    undo: str = ""
    no_undo: str = ""
    uid: str | None = None
    shown: tuple[Shown, ...] = ()
    writes: tuple[Write, ...] = ()
    provisional: bool = False
    noop: bool = False
    digest: str = ""


class Applied(Frozen):
    """What was written, and what undo needs to know.

    before   state to return to, as the handler of that kind understands it; secret values are vault references
    facts    for the answer and for verification (new uid, generation, release revision, image id, …)
    """

    summary: Told
    before: Json = None
    facts: dict[str, Json] = Field(default_factory=dict[str, Json])


class Verification(Frozen):
    """Whether what was applied became healthy, told in one sentence, with the causes when it did not."""

    healthy: bool
    text: Told
    findings: tuple[Finding, ...] = ()


# What becomes of fields that somebody else changed since: ask the person, keep theirs, or put the former values back.
Others = Literal["ask", "keep", "overwrite"]
ANSWERS = ("keep", "overwrite")


class Done(Frozen):
    """A change that was applied, with what is known of that."""

    change: Change
    applied: Applied


class Undo(Frozen):
    """The inverse of applied changes: changes to preview and approve like any other."""

    changes: tuple[Change, ...] = ()
    notes: tuple[Told, ...] = ()
