"""The command line as a whole: help, exit codes, one line on bad input."""

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

import albertlm
from albertlm import cli

ALBERTLM = [sys.executable, "-c", "from albertlm.cli import main; main()"]


def test_version(run: Callable) -> None:
    assert run("--version") == (0, f"{albertlm.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments: list[str], run: Callable) -> None:
    done = run(*arguments)
    assert done.code == 0
    assert all(f"  {name} " in done.out for name in cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str, run: Callable) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert f"albertlm {command}" in done.out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fil-mask"], "No such command 'fil-mask'. Did you mean 'fill-mask'?"),
        (["fill-mask", "--nonsense"], "No such option: --nonsense"),
        (["fill-mask"], "there is no text; give one"),
        (["fill-mask", "a [MASK]", "-m", "./nowhere"], "there is no folder nowhere"),
        (["fill-mask", "a [MASK]", "--top-k", "0"], "Invalid value for '--top-k'"),
        (["fill-mask", "a [MASK]", "--top-k", "five"], "Invalid value for '--top-k'"),
        (["fill-mask", "a [MASK]", "--engine", "abacus"], "Invalid value for '--engine'"),
        (["fill-mask", "--file", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["features", "texts.txt"], "Missing argument 'OUTPUT'"),
        (["sentence-order", "one"], "Missing argument 'SECOND'"),
        (["info", "albert-tiny-v9"], "'albert-tiny-v9'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, run: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_missing_extra_says_what_to_install(
    run: Callable, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("albertlm.inference.torch")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run("fill-mask", "a [MASK]", "-m", tiny_folder, "--engine", "torch")
    assert done == (2, "", "error: torch is missing; pip install 'albertlm[torch]'\n")


def test_too_little_memory_is_bad_input(run: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("albertlm.costs.flops_per_token", fail)
    assert run("info", "albert-base-v1").err.startswith("error: out of memory; ")


def test_a_closed_pipe_is_no_error() -> None:
    command = f"{sys.executable} -c 'from albertlm.cli import main; main()' info albert-base-v1"
    shell = ["bash", "-c", f"{command} --json | true; echo ${{PIPESTATUS[0]}}"]
    done = subprocess.run(shell, capture_output=True, text=True, check=True)
    assert done.stdout in ("141\n", "0\n")  # 0 where all was written before `true` ended
    assert done.stderr == ""


def test_interruption_is_exit_code_130() -> None:
    process = subprocess.Popen(
        [*ALBERTLM, "fill-mask", "--file", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    wait_until_reading(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")


def wait_until_reading(process: subprocess.Popen) -> None:
    """Wait until a process sleeps in reading its standard input."""
    syscall = Path(f"/proc/{process.pid}/syscall")
    if not syscall.exists():
        pytest.skip("needs Linux's /proc")
    while not syscall.read_text().startswith("0 0x0 "):  # read(0, …
        assert process.poll() is None
        time.sleep(0.01)
