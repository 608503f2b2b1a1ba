"""The connection to the database, waiting for it, and bringing its schema up to date."""

import logging
import time
from pathlib import Path
from threading import Event
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from app.settings import Settings

log = logging.getLogger(__name__)

MIGRATION_LOCK = 0x70D0C4A7
"""Advisory lock on PostgreSQL, so that of several replicas that start at once one migrates."""
SQLITE_WAIT_SECONDS = 5
"""A file that cannot be opened will not become openable by waiting; a locked one may."""


class DatabaseUnusable(Exception):
    """The database cannot be reached or migrated; the message says why and what to check."""


def connect(settings: Settings) -> Engine:
    """An engine for the configured database; nothing is opened yet."""
    url = settings.database()
    if url.get_backend_name() == "sqlite":
        engine = create_engine(url, connect_args={"timeout": SQLITE_WAIT_SECONDS})
        _take_turns(engine)
        return engine
    # Time limits (seconds, milliseconds) so that a database that hangs costs an error, not all threads.
    arguments = {
        "connect_timeout": 5,
        "keepalives_idle": 30,
        "tcp_user_timeout": 15_000,
        "application_name": "todo-backend",
        "options": "-c statement_timeout=10000 -c idle_in_transaction_session_timeout=30000",
    }
    return create_engine(
        url,
        pool_size=settings.database_pool_size,
        max_overflow=settings.database_pool_size,
        pool_timeout=5,
        pool_pre_ping=True,
        pool_recycle=1800,
        connect_args={**arguments, **url.query},
    )


def _take_turns(engine: Engine) -> None:
    """Let each SQLite transaction take the write lock first: waiting instead of "database is locked"."""

    @event.listens_for(engine, "connect")
    def _manual_transactions(connection: Any, _record: object) -> None:
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def ping(engine: Engine) -> None:
    """Raise SQLAlchemyError unless the database answers."""
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))


def prepare(engine: Engine, wait_seconds: float, stopping: Event) -> bool:
    """Wait for the database and migrate it. False when told to stop before; raises DatabaseUnusable."""
    if engine.dialect.name == "sqlite":
        wait_seconds = min(wait_seconds, SQLITE_WAIT_SECONDS)
    deadline = time.monotonic() + wait_seconds
    pause = 0.25
    while not stopping.is_set():
        try:
            migrate(engine)
            return True
        except (OperationalError, InterfaceError) as error:
            left = deadline - time.monotonic()
            if left <= 0:
                raise DatabaseUnusable(_unreachable(engine, wait_seconds, error)) from error
            log.warning(
                "Waiting for the database", extra={"reason": reason(error), "seconds_left": round(left)}
            )
            stopping.wait(min(pause, left))
            pause = min(pause * 2, 2)
        except SQLAlchemyError as error:
            raise DatabaseUnusable(f"Migrating {_name(engine)} failed: {reason(error)}") from error
    return False


def migrate(engine: Engine) -> None:
    """Bring the schema to this version's; a newer one is left as it is, so that a roll-back can start."""
    config = Config(attributes={})
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    script = ScriptDirectory.from_config(config)
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SET LOCAL statement_timeout = 0"))
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": MIGRATION_LOCK})
        before = MigrationContext.configure(connection).get_current_revision()
        if before == script.get_current_head():
            return
        if before is not None and before not in {revision.revision for revision in script.walk_revisions()}:
            log.warning("The database has a newer schema than this version", extra={"revision": before})
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    log.info("Database migrated", extra={"before": before, "after": script.get_current_head()})


def reason(error: SQLAlchemyError) -> str:
    """The driver's own words in one line, without the statement and its values."""
    words = str(error.orig) if isinstance(error, DBAPIError) and error.orig else str(error)
    return " ".join(words.split())[:500]


def _name(engine: Engine) -> str:
    return engine.url.render_as_string(hide_password=True)


def _unreachable(engine: Engine, seconds: float, error: SQLAlchemyError) -> str:
    check = (
        "check that the folder exists and is writable"
        if engine.dialect.name == "sqlite"
        else "check that it runs, and DATABASE_URL or DATABASE_HOST, _PORT, _NAME, _USER and _PASSWORD"
    )
    return f"{_name(engine)} did not answer within {seconds:g} s ({reason(error)}); {check}"
