"""What Kubernetes and Prometheus ask."""

import logging

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from app.database import ping, reason
from app.lifecycle import Lifecycle

log = logging.getLogger(__name__)

router = APIRouter(include_in_schema=False)


@router.get("/healthz")
async def healthz() -> dict[str, str]:
    """Alive: the event loop turns. Restarting would not mend a database, so it is not asked."""
    return {"status": "ok"}


@router.get("/readyz")
def readyz(request: Request) -> JSONResponse:
    """Ready: not stopping, migrated, and the database answers."""
    problem = _not_ready(request.app.state.lifecycle, request.app.state.engine)
    if problem:
        return JSONResponse({"status": "not ready", "reason": problem}, 503)
    return JSONResponse({"status": "ready"})


@router.get("/metrics")
def metrics(request: Request) -> Response:
    """In the text format of Prometheus."""
    content, kind = request.app.state.metrics.render()
    return Response(content, media_type=kind)


def _not_ready(lifecycle: Lifecycle, engine: Engine) -> str | None:
    if lifecycle.stopping.is_set():
        return "shutting down"
    if not lifecycle.migrated:
        return "waiting for the database"
    try:
        ping(engine)
    except SQLAlchemyError as error:
        # Not told to whoever asks: the reason names hosts and users.
        log.warning("The database does not answer", extra={"reason": reason(error)})
        return "the database does not answer"
    return None
