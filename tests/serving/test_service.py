import inspect

import pytest

from albertlm.serving.model_service import ModelService
from albertlm.serving.service import ModelInfo, Service, TaskAnswer, Timings

METHODS = [name for name in vars(Service) if not name.startswith("_")]


@pytest.mark.parametrize("name", METHODS)
def test_models_are_called_as_the_interface_says(name: str) -> None:
    wanted, found = getattr(Service, name), getattr(ModelService, name)
    assert inspect.signature(found) == inspect.signature(wanted)
    assert inspect.iscoroutinefunction(found) == inspect.iscoroutinefunction(wanted)


def test_a_model_may_not_have_been_loaded_yet() -> None:
    info = ModelInfo("mine", (), "loading")
    assert (info.problem, info.facts) == ("", {})


def test_an_answer_has_its_timings() -> None:
    value, timings = TaskAnswer([1], Timings(0.1, 0.2, 0.3, 0.7, 5))
    assert value == [1]
    assert timings.total == 0.7
