"""What the API server of the test cluster itself wrote down, for the witness."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from agent.guard.journal import Journal
from agent.guard.witness.audit_log import Event, events_in, words
from agent.guard.witness.compare import Report, witness
from tests.conftest import CLUSTER_CONTEXT
from tools.provision.drivers import builtin

STAGING = "stage"  # the journal that `write_directly` marks its writes with


def audit_events(*users: str) -> Iterator[Event]:
    """All that may be Shipmate's, or these users', since the cluster was made or its log began."""
    return events_in(builtin.audit_lines(CLUSTER_CONTEXT), words(*users), "the audit log")


def witnessed(
    journal: Journal, since: datetime, namespaces: set[str], cluster_uid: str, users: tuple[str, ...] = ()
) -> Report:
    """The log since then against this journal; strays are looked for in these namespaces, which no other test uses."""
    return witness(
        audit_events(*users),
        journal.records(),
        since=since,
        until=datetime.now(UTC),
        skew=timedelta(0),
        cluster_uid=cluster_uid,
        namespaces=namespaces,
        users=users,
        others=[STAGING],
    )
