import pytest
from fake_service import TIMINGS, FakeService
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from albertlm.serving.errors import Overloaded
from albertlm.serving.logs import Observed
from albertlm.serving.request_metrics import Metrics

OF_EMBED = {"model": "org/base", "task": "feature-extraction"}


def samples(text: str) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """The values by the names and labels of their samples."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_requests_are_counted_by_model_and_task(client: TestClient, service: FakeService) -> None:
    for _ in range(3):
        client.post("/embed", json={"inputs": "a"})
    service.failure = Overloaded("full", retry_after=1)
    client.post("/embed", json={"inputs": "a"})
    client.post("/nowhere")
    found = samples(client.get("/metrics").text)

    def value(name: str, **labels: str) -> float | None:
        return found.get((name, frozenset(labels.items())))

    assert value("te_request_count", **OF_EMBED) == 4
    assert value("te_request_success", **OF_EMBED) == 3
    assert value("te_request_failure", **OF_EMBED, err="overloaded") == 1
    assert value("te_request_failure", model="", task="", err="no_route") == 1
    assert value("te_queue_size", model="org/base") == 4
    for name, seconds in {
        "te_request_duration": TIMINGS.total,
        "te_request_queue_duration": TIMINGS.queue,
        "te_request_tokenization_duration": TIMINGS.tokenization,
        "te_request_inference_duration": TIMINGS.inference,
        "te_request_tokens": TIMINGS.tokens,
        "te_request_batch_tokens": TIMINGS.batch_tokens,
        "te_request_batch_size": TIMINGS.batch_texts,
    }.items():
        assert value(f"{name}_count", **OF_EMBED) == 3
        assert value(f"{name}_sum", **OF_EMBED) == pytest.approx(3 * seconds)


def test_servers_have_metrics_of_their_own(service: FakeService) -> None:
    first, second = Metrics(), Metrics()
    first.record(Observed("id", model="m", task="t", timings=TIMINGS, status=200))
    assert b'te_request_count{model="m",task="t"} 1.0' in first.render(service)
    assert b'te_request_count{model="m"' not in second.render(service)


def test_an_answer_of_no_task_counts_for_none(service: FakeService) -> None:
    metrics = Metrics()
    metrics.record(Observed("id", status=200))
    assert b"te_request_count{" not in metrics.render(service)
