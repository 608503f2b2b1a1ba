"""Everything that the environment can set."""

from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError


class Settings(BaseSettings):
    """Read from environment variables of the same names; an empty variable counts as unset."""

    model_config = SettingsConfigDict(env_ignore_empty=True, hide_input_in_errors=True)

    listen_host: str = "0.0.0.0"
    port: int = Field(default=8000, ge=1, le=65535)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"

    database_url: SecretStr | None = None
    """Wins over the parts below, which wins over the file."""
    database_host: str | None = None
    database_port: int = Field(default=5432, ge=1, le=65535)
    database_name: str = "todos"
    database_user: str = "todos"
    database_password: SecretStr = SecretStr("")
    database_file: str = "todos.db"
    """SQLite, for one process on one machine."""

    database_pool_size: int = Field(default=5, ge=1, le=100)
    database_wait_seconds: float = Field(default=60, ge=0)
    """How long to wait at the start for a database that does not answer."""
    shutdown_delay_seconds: float = Field(default=5, ge=0)
    """From SIGTERM, how long to serve on as "not ready", until load balancers have noticed."""
    shutdown_timeout_seconds: int = Field(default=20, ge=1)
    """After that, how long requests that are under way may take."""

    @field_validator("log_level", mode="before")
    @classmethod
    def _any_case(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value

    @field_validator("database_port", mode="before")
    @classmethod
    def _port_of_service_link(cls, value: object) -> object:
        # Beside a Service named "database", Kubernetes sets DATABASE_PORT=tcp://10.0.0.1:5432.
        if isinstance(value, str) and value.startswith("tcp://"):
            return value.rpartition(":")[2]
        return value

    def database(self) -> URL:
        """The database to use. Raises ValueError, without the password, when it makes no sense."""
        if self.database_url is not None:
            return _parse(self.database_url.get_secret_value())
        if self.database_host is not None:
            return URL.create(
                "postgresql+psycopg",
                username=self.database_user,
                password=self.database_password.get_secret_value() or None,
                host=self.database_host,
                port=self.database_port,
                database=self.database_name,
            )
        return URL.create("sqlite", database=self.database_file)


def _parse(text: str) -> URL:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise ValueError(
            "DATABASE_URL is not a URL; expected sqlite:///FILE or postgresql://USER:PASSWORD@HOST:PORT/NAME "
            "(characters such as @ : / in the password as %40 %3A %2F, or set DATABASE_HOST, DATABASE_NAME, "
            "DATABASE_USER and DATABASE_PASSWORD instead)"
        ) from None
    backend = url.drivername.partition("+")[0]
    if backend in ("postgresql", "postgres"):
        return url.set(drivername="postgresql+psycopg")
    if backend == "sqlite":
        return url.set(drivername="sqlite")
    raise ValueError(f"DATABASE_URL names {backend!r}; supported are sqlite and postgresql")
