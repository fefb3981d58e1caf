"""Metrics for Prometheus, under the names that text-embeddings-inference gives them."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Histogram, generate_latest

from albertlm.serving.logs import Observed
from albertlm.serving.service import Service

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""The upper bounds of the histograms of durations."""

LABELS = ("model", "task")


class Metrics:
    """The numbers of one server, in a registry of its own.

    Counts are gauges that only grow, since the names of counters would end in `_total`.

    Attributes:
        registry: has all metrics.
    """

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._count = self._gauge("te_request_count", "Requests for a task", *LABELS)
        self._success = self._gauge("te_request_success", "Requests that were answered", *LABELS)
        self._failure = self._gauge(
            "te_request_failure", "Requests that were not answered, by cause", *LABELS, "err"
        )
        self._queue_size = self._gauge(
            "te_queue_size", "Requests that wait or are computed", "model"
        )
        self._total = self._histogram("te_request_duration", "The whole request")
        self._stages = {
            stage: self._histogram(f"te_request_{stage}_duration", f"The {stage} of a request")
            for stage in ("queue", "tokenization", "inference")
        }
        self._counts = {
            "tokens": self._powers("te_request_tokens", "Tokens that were computed for a request"),
            "batch_tokens": self._powers(
                "te_request_batch_tokens", "Tokens of the largest batch of a request"
            ),
            "batch_texts": self._powers(
                "te_request_batch_size", "Texts of that batch, with those of other requests"
            ),
        }

    def record(self, seen: Observed) -> None:
        """Count a request that has ended; those for pages and files are none of a task's."""
        if seen.error:
            self._failure.labels(seen.model, seen.task, seen.error).inc()
        if not seen.task:
            return
        self._count.labels(seen.model, seen.task).inc()
        if seen.timings:
            self._success.labels(seen.model, seen.task).inc()
            self._total.labels(seen.model, seen.task).observe(seen.timings.total)
            for name, histogram in self._counts.items():
                count = getattr(seen.timings, name)
                histogram.labels(seen.model, seen.task).observe(count)
            for stage, histogram in self._stages.items():
                seconds = getattr(seen.timings, stage)
                histogram.labels(seen.model, seen.task).observe(seconds)

    def render(self, service: Service) -> bytes:
        """All metrics in Prometheus' text format, with the queues of the models as they are now."""
        for model in service.models():
            self._queue_size.labels(model.name).set(service.queue_length(model.name))
        return generate_latest(self.registry)

    def _gauge(self, name: str, told: str, *labels: str) -> Gauge:
        return Gauge(name, f"{told}.", labels, registry=self.registry)

    def _histogram(self, name: str, told: str) -> Histogram:
        return Histogram(
            name, f"{told}, in seconds.", LABELS, registry=self.registry, buckets=SECONDS
        )

    def _powers(self, name: str, told: str) -> Histogram:
        """A histogram of counts up to powers of 2."""
        buckets = [2.0**power for power in range(17)]
        return Histogram(name, f"{told}.", LABELS, registry=self.registry, buckets=buckets)
