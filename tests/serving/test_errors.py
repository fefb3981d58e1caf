import pytest

from albertlm.serving import errors


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (errors.InvalidRequest, 422),
        (errors.UnknownModel, 404),
        (errors.TooLarge, 413),
        (errors.Overloaded, 429),
        (errors.Unavailable, 503),
    ],
)
def test_errors_have_the_status_of_http(kind: type[errors.ServingError], status: int) -> None:
    error = kind("the queue is full", retry_after=3)
    assert (error.status, str(error), error.retry_after) == (status, "the queue is full", 3)
    assert kind("never").retry_after is None
