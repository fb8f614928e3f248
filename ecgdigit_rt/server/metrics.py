"""Prometheus metrics: request counts, page outcomes, doubts, step durations and requests in flight."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Gauge, Histogram, Info
from prometheus_client.exposition import generate_latest

from ecgdigit_rt.doubts import Doubt

MEDIA_TYPE = CONTENT_TYPE_LATEST

_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Upper bounds of the histogram buckets in seconds, from a fast step to a page that waits in a full queue.
Hand-picked, not tuned."""


class Metrics:
    """Metrics of one service, in a separate registry of Prometheus.

    `in_flight` returns the number of admitted requests. `provenance` contains software, models and device.
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
            'Pages by outcome ("digitized", "doubtful", "failed" or "cancelled") and error id.',
            ("outcome", "error_id"),
            registry=self._registry,
        )
        self._doubts = Counter(
            "ecgdigit_doubts",
            "Doubtful pages by doubt id. A page with several doubts is counted for each of them.",
            ("doubt_id",),
            registry=self._registry,
        )
        self._steps = Histogram(
            "ecgdigit_step_seconds",
            'Duration of each step of a page. The step "wait" is the time spent waiting for a worker.',
            ("step",),
            buckets=_BUCKETS_S,
            registry=self._registry,
        )
        Gauge(
            "ecgdigit_requests_in_flight",
            "Page requests in progress, waiting, or still sending their page.",
            registry=self._registry,
        ).set_function(in_flight)
        Info("ecgdigit", "Software, models and device of the service.", registry=self._registry).info(
            dict(provenance)
        )

    def count_request(self, route: str, method: str, status: int) -> None:
        """Count a request.

        `route` is the path pattern of the matched route, never text chosen by a client.
        """
        self._requests.labels(route, method, str(status)).inc()

    def count_page(self, outcome: str, error_id: str = "") -> None:
        """Count a page by its outcome."""
        self._pages.labels(outcome, error_id).inc()

    def count_doubts(self, doubts: Iterable[Doubt]) -> None:
        """Count the doubts of a page by id."""
        for doubt_id in {doubt.id for doubt in doubts}:
            self._doubts.labels(doubt_id).inc()

    def observe_steps(self, seconds: Mapping[str, float]) -> None:
        """Record durations in seconds by step name."""
        for step, duration_s in seconds.items():
            self._steps.labels(step).observe(duration_s)

    def exposition(self) -> bytes:
        """Return all metrics in the exposition format of Prometheus."""
        return generate_latest(self._registry)
