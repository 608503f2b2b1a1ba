"""What a check or a diagnosis reports. Data only."""

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from tools.change import Change, Ref
from tools.secrets.told import Told


class Severity(StrEnum):
    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


class Confidence(StrEnum):
    CERTAIN = "certain"  # the cluster itself says so
    LIKELY = "likely"  # concluded, from a log or from what coincides


class Evidence(BaseModel):
    """Something that was seen: where (`event`, `log`, `field`, `metric`) and what it said, already redacted."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    source: str
    text: Told


class Fix(BaseModel):
    """One way to mend a finding: a sentence and the changes that do it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: Told
    changes: tuple[Change, ...] = ()


class Finding(BaseModel):
    """A problem with its cause.

    `id` is stable (SM-…), `chain` runs from the symptom to the cause, `fixes` come best first.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    severity: Severity
    subject: Ref
    summary: Told
    chain: tuple[Told, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    fixes: tuple[Fix, ...] = ()
    confidence: Confidence = Confidence.CERTAIN
