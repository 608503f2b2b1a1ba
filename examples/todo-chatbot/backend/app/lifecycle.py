"""Where the process is between its start and its end."""

from dataclasses import dataclass, field
from threading import Event


@dataclass
class Lifecycle:
    """Shared by the server (signals), the start-up task and the probes."""

    migrated: bool = False
    """The database was reached and has the schema."""
    failure: str | None = None
    """Why the process can never become ready."""
    stopping: Event = field(default_factory=Event)
    """Set by the first signal to stop; requests are still served for a while."""
