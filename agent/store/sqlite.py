"""Plans and conversations in one SQLite file, so that a plan shown by one process can be approved in another."""

import json
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from agent.guard.plan import Plan
from agent.minds.mind import Turn
from tools.errors import Failed
from tools.secrets.told import STORED

PlanStatus = Literal["pending", "applying", "applied", "failed", "refused", "replaced", "denied", "expired"]

_TURNS: TypeAdapter[list[Turn]] = TypeAdapter(list[Turn])

_SCHEMA = """
CREATE TABLE IF NOT EXISTS plans (
    id TEXT PRIMARY KEY, created TEXT NOT NULL, status TEXT NOT NULL, body TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS conversations (
    id TEXT PRIMARY KEY, updated TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, turns TEXT NOT NULL);
"""


def _plan(body: str) -> Plan | None:
    """A stored plan; None where it is none, as rows may be altered or come from another version."""
    try:
        return Plan.model_validate_json(body, context=STORED)
    except ValidationError:
        return None


class Store:
    """The store in `path`; made on first use with mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def save_plan(self, plan: Plan, status: PlanStatus = "pending") -> None:
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO plans VALUES (?, ?, ?, ?)",
                (plan.id, plan.created.isoformat(), status, plan.model_dump_json()),
            )

    def plan(self, plan_id: str) -> tuple[Plan, PlanStatus] | None:
        """The plan of that id (or of the only id that starts so) with its status."""
        with self._open() as db:
            rows = db.execute(
                "SELECT body, status FROM plans WHERE substr(id, 1, ?) = ? LIMIT 2", (len(plan_id), plan_id)
            ).fetchall()
        if len(rows) != 1 or not plan_id:
            return None
        plan = _plan(rows[0][0])
        if plan is None:
            raise Failed(
                f"Plan {plan_id} cannot be read: it was altered, or another version of Shipmate wrote it.",
                "Ask for the change again.",
            )
        return plan, rows[0][1]

    def plans(self, limit: int = 20) -> list[tuple[Plan, PlanStatus]]:
        """The latest plans that can be read, newest first."""
        with self._open() as db:
            rows = db.execute("SELECT body, status FROM plans ORDER BY created DESC LIMIT ?", (limit,)).fetchall()
        return [(plan, status) for body, status in rows if (plan := _plan(body))]

    def unfinished(self) -> list[Plan]:
        """Plans that are being applied, or were when their process ended."""
        if not self.path.exists():
            return []
        with self._open() as db:
            rows = db.execute("SELECT body FROM plans WHERE status = 'applying' ORDER BY created").fetchall()
        return [plan for (body,) in rows if (plan := _plan(body))]

    def plan_status(self, plan_id: str) -> PlanStatus | None:
        with self._open() as db:
            row = db.execute("SELECT status FROM plans WHERE id = ?", (plan_id,)).fetchone()
        return row[0] if row else None

    def move_plan(self, plan_id: str, before: PlanStatus, after: PlanStatus) -> bool:
        """Change a plan's status; False when it was not in `before` (another process was faster)."""
        with self._open() as db:
            changed = db.execute(
                "UPDATE plans SET status = ? WHERE id = ? AND status = ?", (after, plan_id, before)
            ).rowcount
        return changed == 1

    def save_turns(self, conversation: str, turns: list[Turn]) -> None:
        """Keep a conversation, without the secrets that a person may have typed into it."""
        from tools.secrets.redact import redact_object
        from tools.secrets.said import redact_said

        said = [
            turn.model_copy(update={"text": redact_said(turn.text)}) if turn.role == "person" else turn
            for turn in turns
        ]
        body = redact_object({"turns": _TURNS.dump_python(said, mode="json")})["turns"]
        with self._open() as db:
            db.execute(
                "INSERT OR REPLACE INTO conversations (id, turns) VALUES (?, ?)",
                (conversation, json.dumps(body)),
            )

    def turns(self, conversation: str) -> list[Turn]:
        with self._open() as db:
            row = db.execute("SELECT turns FROM conversations WHERE id = ?", (conversation,)).fetchone()
        try:
            return _TURNS.validate_json(row[0], context=STORED) if row else []
        except ValidationError as error:
            raise Failed(f"The conversation {conversation} cannot be read.", "Begin a new one.") from error

    @contextmanager
    def _open(self) -> Generator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            fresh = not self.path.exists()
            db = sqlite3.connect(self.path, timeout=10)
            try:
                if fresh:
                    self.path.chmod(0o600)
                # Fewer waits for the disk than by default: what must outlast a power cut is in the guard's journal.
                db.execute("PRAGMA journal_mode = TRUNCATE")
                db.execute("PRAGMA synchronous = NORMAL")
                db.executescript(_SCHEMA)
                with db:
                    yield db
            finally:
                db.close()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise self._unusable(error, "Free some space, or set XDG_STATE_HOME to a writable folder.") from error
            raise self._unusable(error, "Move the file away to begin anew; the journal beside it stays.") from error
        except OSError as error:
            raise self._unusable(error, "Free some space, or set XDG_STATE_HOME to a writable folder.") from error

    def _unusable(self, error: Exception, next_step: str) -> Failed:
        why = error.strerror if isinstance(error, OSError) else error
        return Failed(f"Shipmate's own records in {self.path} cannot be used: {why}.", next_step)
