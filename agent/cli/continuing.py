"""Which conversation a single request goes on with: that of the request before it in this terminal, if it needs one."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.session import Session
    from agent.settings import Settings
    from tools.context import Context

_LASTS = 3_600  # seconds after which "it" means nothing any more
_MOST = 20  # terminals that are remembered


def conversation_before(settings: Settings, text: str) -> str | None:
    """The id of the conversation that the text answers or refers to ("fix it"); None where it stands for itself.

    It has to be of this terminal, aimed at the same place, and not an hour old: nothing else could be meant by "it".
    """
    from agent.minds.planner.talk.trouble import refers_back

    ctx = settings.open_context()
    last = _read(ctx).get(_terminal())
    if not isinstance(last, dict) or last.get("place") != _place(settings):
        return None
    recent = 0 <= time.time() - float(last.get("at") or 0) < _LASTS
    return str(last["id"]) if recent and (last.get("asked") or refers_back(text)) else None


def remember(session: Session, settings: Settings, asked: bool) -> None:
    """Keep which conversation this terminal had last; `asked`: it ended with a question."""
    entry: dict[str, Any] = {"id": session.id, "at": time.time(), "place": _place(settings), "asked": asked}
    known = {**_read(session.ctx), _terminal(): entry}
    kept = sorted(known.items(), key=lambda pair: float(pair[1].get("at") or 0))[-_MOST:]
    path = _path(session.ctx)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fresh = path.with_suffix(f".{os.getpid()}")
        fresh.write_text(json.dumps(dict(kept)))
        fresh.chmod(0o600)
        fresh.replace(path)
    except OSError:
        return  # the next request then begins anew, which is no reason to fail this one


def _path(ctx: Context) -> Path:
    return ctx.state / "asked.json"


def _read(ctx: Context) -> dict[str, dict[str, Any]]:
    try:
        found = json.loads(_path(ctx).read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}  # pyright: ignore[reportUnknownVariableType]


def _terminal() -> str:
    """What all commands of one terminal, or of one script, have in common."""
    return os.environ.get("SHIPMATE_TERMINAL") or str(os.getsid(0))


def _place(settings: Settings) -> list[str]:
    here = (settings.kubeconfig, settings.context, settings.namespace, settings.workspace.expanduser().resolve())
    return [str(part or "") for part in here]
