import pytest

from albertlm.serving.serving_config import ServingConfig


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"workers": 0}, "workers=0 is not allowed; it must be 1 or more"),
        ({"max_queue": -1}, "max_queue=-1 is not allowed"),
        ({"port": 70_000}, "port=70000 is not allowed; it must be from 0 to 65535"),
        ({"port": -1}, "port=-1 is not allowed"),
        ({"idle_unload": 0.0}, r"idle_unload=0\.0 is not allowed; it must be a positive"),
    ],
)
def test_limits_are_checked(fields: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ServingConfig(**fields)  # type: ignore[arg-type]
