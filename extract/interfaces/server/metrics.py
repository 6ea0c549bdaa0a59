"""What the server counts and measures, as Prometheus reads it."""

from __future__ import annotations

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    ProcessCollector,
    generate_latest,
)

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60)
_WORDS = (10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000)


class Metrics:
    """The measures of one server, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, processor time, open files
        own = self.registry
        self.requests = Counter(
            "tripack_requests", "Requests answered.", ["path", "status"], registry=own
        )
        self.seconds = Histogram(
            "tripack_request_seconds",
            "From head to answer.",
            ["path"],
            buckets=_SECONDS,
            registry=own,
        )
        self.documents = Counter("tripack_documents", "Texts extracted from.", registry=own)
        self.words = Counter("tripack_words", "Words of these texts.", registry=own)
        self.batch_seconds = Histogram(
            "tripack_batch_seconds", "The model's time for a batch.", buckets=_SECONDS, registry=own
        )
        self.batch_words = Histogram(
            "tripack_batch_words", "Words of a batch.", buckets=_WORDS, registry=own
        )
        self.waiting_words = Gauge(
            "tripack_waiting_words", "Words that wait to be read.", registry=own
        )
        self.waiting_requests = Gauge(
            "tripack_waiting_requests", "Requests that wait to be read.", registry=own
        )

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request. `path` is a route's, so that clients cannot make new series."""
        self.requests.labels(path, str(status)).inc()
        self.seconds.labels(path).observe(seconds)

    def text(self) -> bytes:
        """All measures in the text format."""
        return generate_latest(self.registry)
