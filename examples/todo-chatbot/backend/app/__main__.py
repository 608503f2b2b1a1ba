"""`python -m app`: serve until told to stop. Exit code 1: wrong settings, or no usable database."""

import logging
import signal
import sys
import time
from types import FrameType

import uvicorn
from pydantic import ValidationError

from app import logs
from app.lifecycle import Lifecycle
from app.main import create_app
from app.settings import Settings

log = logging.getLogger("app")


class Server(uvicorn.Server):
    """On SIGTERM reports "not ready" and serves on for `delay` seconds, then finishes what is under way."""

    def __init__(self, config: uvicorn.Config, lifecycle: Lifecycle, delay: float) -> None:
        super().__init__(config)
        self._lifecycle = lifecycle
        self._delay = delay
        self._stop_at: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """The first SIGTERM starts the delay; anything after it, or Ctrl-C, stops at once."""
        if sig == signal.SIGTERM and self._stop_at is None:
            self._stop_at = time.monotonic() + self._delay
        else:
            super().handle_exit(sig, frame)
        self._lifecycle.stopping.set()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second; True ends serving."""
        delay_is_over = self._stop_at is not None and time.monotonic() >= self._stop_at
        return await super().on_tick(counter) or delay_is_over or self._lifecycle.failure is not None


def main() -> int:
    logs.configure("INFO")
    try:
        settings = Settings()
        app = create_app(settings)
    except ValidationError as error:
        problems = "; ".join(
            f"{str(problem['loc'][0]).upper()}: {problem['msg']}" for problem in error.errors()
        )
        log.critical("Wrong settings: %s", problems)
        return 1
    except ValueError as error:
        log.critical("Wrong settings: %s", error)
        return 1
    logs.configure(settings.log_level)
    lifecycle: Lifecycle = app.state.lifecycle
    config = uvicorn.Config(
        app,
        host=settings.listen_host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=75,
        timeout_graceful_shutdown=settings.shutdown_timeout_seconds,
    )
    Server(config, lifecycle, settings.shutdown_delay_seconds).run()
    if lifecycle.failure:
        log.critical(lifecycle.failure)
        return 1
    log.info("Stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
