"""What Prometheus may ask: requests, pages by outcome, seconds by step, pages in work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import generate_latest

MEDIA_TYPE = CONTENT_TYPE_LATEST
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Metrics:
    """A registry of its own: two services in one process do not mix.

    taken: how many requests have a place now. made_by: software, models and device.
    """

    def __init__(self, taken: Callable[[], int], made_by: Mapping[str, str]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ecgdigit_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._pages = Counter(
            "ecgdigit_pages",
            "Pages by outcome (digitized, partial, failed, given_up: nobody waited any more) and error id.",
            ("outcome", "error_id"),
            registry=self._registry,
        )
        self._steps = Histogram(
            "ecgdigit_step_seconds",
            "Seconds a page spent in a step; wait is for a free worker.",
            ("step",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        Gauge(
            "ecgdigit_pages_in_flight", "Requests in work or waiting.", registry=self._registry
        ).set_function(taken)
        Info("ecgdigit", "What reads the pages.", registry=self._registry).info(dict(made_by))

    def request(self, route: str, method: str, status: int) -> None:
        """Count a request. route: the path's pattern, never what a client made up."""
        self._requests.labels(route, method, str(status)).inc()

    def page(self, outcome: str, error_id: str = "") -> None:
        self._pages.labels(outcome, error_id).inc()

    def steps(self, seconds: Mapping[str, float]) -> None:
        for step, value in seconds.items():
            self._steps.labels(step).observe(value)

    def text(self) -> bytes:
        """The exposition format."""
        return generate_latest(self._registry)
