"""Errors as answers: one sentence in `detail`, and the id to look for in the logs."""

import logging
from typing import cast

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from app.database import reason
from app.logs import request_id

log = logging.getLogger(__name__)


def install(app: FastAPI) -> None:
    """Let the application answer its errors this way."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    for unavailable in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(unavailable, _unavailable)


def _problem(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail, "request_id": request_id.get()}, status, headers)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    refused = cast(HTTPException, error)
    return _problem(refused.status_code, str(refused.detail), dict(refused.headers or {}))


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    problems = cast(RequestValidationError, error).errors()
    # What was sent is not repeated: it may be long, or not even text.
    return _problem(422, "; ".join(_sentence(problem["loc"], problem["msg"]) for problem in problems[:5]))


def _sentence(location: tuple[int | str, ...], message: str) -> str:
    where = ".".join(str(part) for part in location if part not in ("body", "query", "path"))
    words = message.removeprefix("Value error, ")
    return f"{where}: {words}" if where and not where.isdigit() else words


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    log.warning("The database does not answer", extra={"reason": reason(cast(SQLAlchemyError, error))})
    return _problem(503, "The database does not answer; try again shortly.", {"Retry-After": "2"})
