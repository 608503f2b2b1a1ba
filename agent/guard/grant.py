"""A grant: the yes that lets one plan be applied, once."""

from datetime import UTC, datetime

from pydantic import Field

from tools.change import Frozen


class Grant(Frozen):
    """Who approved which plan, by which digest, how (`yes` on a terminal, `--yes`, …) and when.

    `standing` names what was permitted before where nobody was asked: rules of a policy, grants for the session.
    """

    plan_id: str
    digest: str
    by: str
    how: str
    standing: tuple[str, ...] = ()
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
