"""What a check or a diagnosis reports. Data only."""

from enum import StrEnum
from typing import Literal

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


class Asks(BaseModel):
    """A value that only a person knows; in the fix's changes `{value}` stands for it. `form`: what it looks like."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    question: Told
    options: tuple[Told, ...] = ()
    form: Literal["text", "name", "tag", "image", "number"] = "text"


class Fix(BaseModel):
    """One way to mend a finding: a sentence, the changes that do it, and what has to be asked before that."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: Told
    changes: tuple[Change, ...] = ()
    asks: Asks | None = None


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
