"""A grant: the yes that lets one plan be applied, once."""

from datetime import UTC, datetime

from pydantic import Field

from tools.change import Frozen


class Grant(Frozen):
    """Who approved which plan, by which digest, how (`yes` on a terminal, `--yes`, …) and when."""

    plan_id: str
    digest: str
    by: str
    how: str
    at: datetime = Field(default_factory=lambda: datetime.now(UTC))
