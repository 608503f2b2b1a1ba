"""Run by Alembic: on the connection that the application gives, or (from the command line) on its own."""

from alembic import context
from sqlalchemy import Connection

from app.database import connect
from app.models import Base
from app.settings import Settings


def _run(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


if given := context.config.attributes.get("connection"):
    _run(given)
else:
    with connect(Settings()).begin() as own:
        _run(own)
