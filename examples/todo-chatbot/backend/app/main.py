"""The application: `create_app(settings)` puts the parts together."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from app import errors, probes, routes
from app.database import DatabaseUnusable, connect, prepare
from app.lifecycle import Lifecycle
from app.metrics import Metrics
from app.middleware import Observe
from app.settings import Settings
from app.store import TodoStore

log = logging.getLogger(__name__)

BODY_LIMIT = 16 * 1024


def create_app(settings: Settings) -> FastAPI:
    """Raises ValueError when the settings name no usable database."""
    engine = connect(settings)
    store = TodoStore(engine)
    lifecycle = Lifecycle()
    metrics = Metrics(store.counts)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncGenerator[None]:
        # In the background, so that the probes are answered while the database is waited for.
        preparing = asyncio.create_task(asyncio.to_thread(_prepare))
        yield
        lifecycle.stopping.set()
        await preparing
        engine.dispose()

    def _prepare() -> None:
        try:
            lifecycle.migrated = prepare(engine, settings.database_wait_seconds, lifecycle.stopping)
        except DatabaseUnusable as error:
            lifecycle.failure = str(error)
        except Exception as error:
            log.exception("Preparing the database failed")
            lifecycle.failure = f"Preparing the database failed: {error}"

    # The interactive pages of FastAPI load scripts from elsewhere; /openapi.json stays.
    app = FastAPI(
        title="Todo chatbot",
        version="1.0.0",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        max_body_size=BODY_LIMIT,
    )
    app.state.engine, app.state.store = engine, store
    app.state.lifecycle, app.state.metrics = lifecycle, metrics
    app.include_router(routes.router)
    app.include_router(probes.router)
    errors.install(app)
    app.add_middleware(Observe, metrics=metrics)
    return app
