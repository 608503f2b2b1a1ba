"""What happens in a session, as data. Front ends show events and know nothing else of the conversation."""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter

from agent.guard.plan import Plan
from tools.change import Frozen, Json
from tools.preview import Verification
from tools.secrets.told import Told


class Token(Frozen):
    """A piece of an answer while a model writes it."""

    type: Literal["token"] = "token"
    text: str


class ToolStarted(Frozen):
    type: Literal["tool-started"] = "tool-started"
    call_id: str
    tool: str
    arguments: dict[str, Json]


class ToolFinished(Frozen):
    type: Literal["tool-finished"] = "tool-finished"
    call_id: str
    tool: str
    ok: bool
    text: Told = ""


class ProgressMade(Frozen):
    """Long work reports; `step` is the plan's step (from 1), 0 outside of plans."""

    type: Literal["progress"] = "progress"
    text: Told
    fraction: float | None = None
    step: int = 0


class PlanProposed(Frozen):
    """A plan waits for a yes (or, in dry-run mode, was only shown: then `awaits` is False)."""

    type: Literal["plan"] = "plan"
    plan: Plan
    awaits: bool


class StepApplied(Frozen):
    """One step was applied (or failed, or its outcome is unknown)."""

    type: Literal["step"] = "step"
    plan_id: str
    step: int
    status: Literal["applied", "failed", "unknown"]
    text: Told
    verification: Verification | None = None


class Asked(Frozen):
    """The agent needs an answer before it can go on."""

    type: Literal["question"] = "question"
    text: Told
    options: tuple[Told, ...] = ()


class Answered(Frozen):
    """The end of a turn: how it ended, the exit code that goes with it, and `data` for `-o json`.

    `options`: the plan stopped before its end, and one of these can be answered.
    """

    type: Literal["answer"] = "answer"
    text: Told
    outcome: Literal["done", "nothing", "dry-run", "refused", "rolled-back", "failed", "unknown-request"] = "done"
    code: int = 0
    data: Json = None
    options: tuple[str, ...] = ()


class Noticed(Frozen):
    """Something to know that nobody asked for: what became of a plan that was cut off."""

    type: Literal["notice"] = "notice"
    text: Told


class Errored(Frozen):
    """The turn ended with an error; `code` is the exit code."""

    type: Literal["error"] = "error"
    message: str
    next_step: str = ""
    code: int = 1


Event = Annotated[
    Token
    | ToolStarted
    | ToolFinished
    | ProgressMade
    | PlanProposed
    | StepApplied
    | Asked
    | Answered
    | Noticed
    | Errored,
    Field(discriminator="type"),
]

EVENTS: TypeAdapter[Event] = TypeAdapter(Event)
