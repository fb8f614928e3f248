"""Prometheus metrics: requests, pages by outcome, seconds by step, pages in flight."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import generate_latest

MEDIA_TYPE = CONTENT_TYPE_LATEST

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Chosen, not tuned: from a fast step to a page that waits in a full queue."""


class Metrics:
    """Metrics of one service, in a registry of their own.

    `in_flight` returns the number of admitted requests. `provenance` holds software, models and device.
    """

    def __init__(self, in_flight: Callable[[], int], provenance: Mapping[str, str]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Counter(
            "ecgdigit_requests",
            "Requests by route, method and status.",
            ("route", "method", "status"),
            registry=self._registry,
        )
        self._pages = Counter(
            "ecgdigit_pages",
            "Pages by outcome (digitized, partial, failed, cancelled) and error id.",
            ("outcome", "error_id"),
            registry=self._registry,
        )
        self._steps = Histogram(
            "ecgdigit_step_seconds",
            "Duration of each step of a page; wait is the time until a worker is free.",
            ("step",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        Gauge(
            "ecgdigit_pages_in_flight", "Requests in progress or waiting.", registry=self._registry
        ).set_function(in_flight)
        Info("ecgdigit", "Software, models and device of the service.", registry=self._registry).info(
            dict(provenance)
        )

    def count_request(self, route: str, method: str, status: int) -> None:
        """Count a request. `route` is the pattern of the path, never text chosen by a client."""
        self._requests.labels(route, method, str(status)).inc()

    def count_page(self, outcome: str, error_id: str = "") -> None:
        """Count a page by its outcome."""
        self._pages.labels(outcome, error_id).inc()

    def observe_steps(self, seconds: Mapping[str, float]) -> None:
        """Record the durations of steps, by name."""
        for step, value in seconds.items():
            self._steps.labels(step).observe(value)

    def exposition(self) -> bytes:
        """Return all metrics in the exposition format of Prometheus."""
        return generate_latest(self._registry)
