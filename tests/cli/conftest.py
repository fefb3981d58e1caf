from collections.abc import Callable
from typing import NamedTuple

import pytest

from albertlm import cli


class Done(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Done]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def command(*arguments: object) -> Done:
        with pytest.raises(SystemExit) as exited:
            cli.main([str(argument) for argument in arguments])
        return Done(int(exited.value.code or 0), *capfd.readouterr())

    return command
