"""Standing grants: a person's "yes, and the same for this session".

Narrow (one verb, one kind, one namespace, one cluster; one release, image or file where there is no object), with an
end, seen in the chat and in the journal, and revocable from any terminal: a grant counts only while it is both in the
memory of the process that it was given to and in the folder of this user's standing grants.
"""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

from pydantic import Field, ValidationError

from agent.guard.policy.acts import Act
from tools.change import Frozen
from tools.errors import Failed

LONGEST = timedelta(hours=8)

_NAMED = ("Release", "Image")  # kinds of which a grant covers only the one that it was given for


class StandingGrant(Frozen):
    """What may be done again without a question, by whom it was given, from when until when."""

    id: str = Field(default_factory=lambda: token_hex(4))
    verb: str
    kind: str
    namespace: str
    cluster: str
    only: str = ""
    by: str
    plan: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
    until: datetime

    def covers(self, act: Act) -> bool:
        """Whether the act is of the very sort that this was given for."""
        return self.scope == scope_of(act)

    @property
    def scope(self) -> tuple[str, ...]:
        return (self.verb, self.kind, self.namespace, self.cluster, self.only)

    def __str__(self) -> str:
        what = f"{self.verb} {self.kind.lower()}{'' if self.only else 's'}".replace("-", " ")
        which = f" {self.only}" if self.only else ""
        place = f" in {self.namespace}" if self.namespace else ""
        return f"{what}{which}{place}, until {self.until.astimezone():%H:%M} or the end of this session"


def scope_of(act: Act) -> tuple[str, ...]:
    """What makes two acts the same sort: exact verb, kind, namespace, cluster; for some the one they are about."""
    kind = act.kind or act.change
    if kind in _NAMED:
        only = act.name.partition("@")[0] if kind == "Release" else _without_tag(act.name)
    else:
        only = act.path if not act.kind else ""
    return (act.verb, kind, act.namespace, act.cluster, only)


def _without_tag(image: str) -> str:
    head, slash, tail = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{tail.partition(':')[0]}"


class Standing:
    """The standing grants of one session; `state` is the folder of this user's records."""

    def __init__(self, state: Path) -> None:
        self.folder = state / "standing"
        self._given: dict[str, tuple[StandingGrant, float]] = {}  # with the end by a clock that cannot be set

    def give(self, act: Act, by: str, plan: str, lasting: timedelta = LONGEST) -> StandingGrant:
        """A new grant for acts of this sort; raises Failed where it could not be revoked later."""
        verb, kind, namespace, cluster, only = scope_of(act)
        lasting = min(lasting, LONGEST)
        grant = StandingGrant(
            verb=verb, kind=kind, namespace=namespace, cluster=cluster, only=only, by=by, plan=plan,
            until=datetime.now(UTC) + lasting,
        )  # fmt: skip
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file(grant.id).write_text(grant.model_dump_json())
        except OSError as error:
            raise Failed(f"A standing grant cannot be kept in {self.folder}: {error.strerror}.") from error
        self._given[grant.id] = (grant, time.monotonic() + lasting.total_seconds())
        return grant

    def active(self) -> tuple[StandingGrant, ...]:
        """The grants that count now."""
        now = datetime.now(UTC)
        return tuple(
            grant
            for grant, ends in self._given.values()
            if grant.at <= now < grant.until and time.monotonic() < ends and self._file(grant.id).is_file()
        )

    def covering(self, act: Act) -> StandingGrant | None:
        """The grant that covers this act, if there is one."""
        return next((grant for grant in self.active() if grant.covers(act)), None)

    def end(self, ids: Iterable[str] | None = None) -> list[str]:
        """End these grants (None: all of this session); returns the ids of those that counted until now."""
        wanted = list(self._given) if ids is None else [one for one in ids if one in self._given]
        ended = [grant.id for grant in self.active() if grant.id in wanted]
        for one in wanted:
            del self._given[one]
            self._file(one).unlink(missing_ok=True)
        return ended

    def _file(self, grant_id: str) -> Path:
        return self.folder / f"{grant_id}.json"


def everywhere(state: Path) -> list[StandingGrant]:
    """The grants of every session of this user that were not revoked and are not over."""
    found: list[StandingGrant] = []
    for path in sorted((state / "standing").glob("*.json")):
        try:
            grant = StandingGrant.model_validate_json(path.read_text())
        except (OSError, ValidationError):
            continue
        if datetime.now(UTC) < grant.until:
            found.append(grant)
        else:
            path.unlink(missing_ok=True)
    return found


def revoke(state: Path, beginning: str = "") -> list[StandingGrant]:
    """Revoke the grants whose id begins so (empty: all of them), in whatever session they were given."""
    gone = [grant for grant in everywhere(state) if grant.id.startswith(beginning)]
    for grant in gone:
        (state / "standing" / f"{grant.id}.json").unlink(missing_ok=True)
    return gone
