import pytest

from albertlm.serving.serving_config import ServingConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"workers": 0}, "workers must be 1 or more, but is 0"),
        ({"max_queue": -1}, "max_queue must be 1 or more"),
        ({"port": 70_000}, "port must be from 0 to 65535, but is 70000"),
        ({"port": -1}, "port must be 0 or more"),
        ({"idle_unload": 0.0}, "idle_unload must be a positive number of seconds"),
    ],
)
def test_limits_are_checked(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServingConfig(**fields)  # type: ignore[arg-type]
