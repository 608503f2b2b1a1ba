"""The numbers for Prometheus. One registry per application, so that tests can make several."""

import time
from collections.abc import Callable, Iterator

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from sqlalchemy.exc import SQLAlchemyError

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_LABELS = ("method", "route", "status")


class Metrics:
    """Requests, chat messages, and how many todos there are."""

    def __init__(self, todo_counts: Callable[[], tuple[int, int]]) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter("http_requests", "HTTP requests answered.", _LABELS, registry=self._registry)
        self.seconds = Histogram(
            "http_request_duration_seconds",
            "Time from a request's first byte to its answer's last.",
            _LABELS,
            buckets=_BUCKETS,
            registry=self._registry,
        )
        self.in_flight = Gauge("http_requests_in_flight", "Requests being answered.", registry=self._registry)
        self.chat_messages = Counter(
            "chat_messages", "Chat messages by what was understood.", ("intent",), registry=self._registry
        )
        self._registry.register(_TodoCounts(todo_counts))
        for process_numbers in (ProcessCollector, PlatformCollector, GCCollector):
            process_numbers(registry=self._registry)

    def render(self) -> tuple[bytes, str]:
        """The page and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE_LATEST


class _TodoCounts(Collector):
    """Asks the database at most every 15 s, and leaves the numbers out while it does not answer."""

    _FRESH_SECONDS = 15

    def __init__(self, read: Callable[[], tuple[int, int]]) -> None:
        self._read = read
        self._counts: tuple[int, int] | None = None
        self._until = 0.0

    def describe(self) -> Iterator[GaugeMetricFamily]:
        # Keeps the registry from collecting, that is from asking the database, when this is registered.
        yield self._family()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        if time.monotonic() >= self._until:
            self._until = time.monotonic() + self._FRESH_SECONDS
            try:
                self._counts = self._read()
            except SQLAlchemyError:
                self._counts = None
        if self._counts is not None:
            family = self._family()
            for state, number in zip(("open", "done"), self._counts, strict=True):
                family.add_metric([state], number)
            yield family

    def _family(self) -> GaugeMetricFamily:
        return GaugeMetricFamily("todos", "Todos in the database.", labels=["state"])
