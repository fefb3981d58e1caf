"""The command line as a whole: help, exit codes, one line on bad input."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest
from commands import Run

import albertlm
from albertlm import cli

ALBERTLM = [sys.executable, "-c", "from albertlm.cli import main; main()"]


def test_version(run: Run) -> None:
    assert run("--version") == (0, f"{albertlm.__version__}\n", "")


@pytest.mark.parametrize("arguments", [[], ["--help"]])
def test_help_names_every_command(arguments: list[str], run: Run) -> None:
    done = run(*arguments)
    assert done.code == 0
    assert all(f"  {name} " in done.out for name in cli.COMMANDS)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help(command: str, run: Run) -> None:
    done = run(command, "--help")
    assert done.code == 0
    assert f"albertlm {command}" in done.out
    assert "list[" not in done.out
    arguments = re.findall(
        r"^  (\S+)  ", done.out.partition("Arguments:")[2].partition("Options:")[0]
    )
    usage = done.out.partition("\n\n")[0].partition("[OPTIONS]")[2]
    assert usage == usage.upper() or "COMMAND" in usage
    assert all(name == name.upper() for name in arguments)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["fil-mask"], "No such command 'fil-mask'. Did you mean 'fill-mask'?"),
        (["fill-mask", "--nonsense"], "No such option: --nonsense"),
        (["fill-mask"], "there is no text; give one"),
        (["fill-mask", "a [MASK]", "-m", "./nowhere"], "there is no folder nowhere"),
        (["fill-mask", "a [MASK]", "--top-k", "0"], "Invalid value for '--top-k'"),
        (["fill-mask", "a [MASK]", "--top-k", "five"], "Invalid value for '--top-k'"),
        (
            ["fill-mask", "a [MASK]", "--engine", "abacus"],
            "engine='abacus' is not allowed; it must be one of auto, numpy, openvino, torch, onnx",
        ),
        (["fill-mask", "a [MASK]", "--device", "foo"], "device='foo' is not here"),
        (["sentence-order", "a", "b", "--device", "cuda:99"], "device='cuda:99' is not here"),
        (
            ["fill-mask", "a [MASK]", "--device", "cuda", "--engine", "numpy"],
            "device='cuda' is not allowed; it must be cpu with engine='numpy'",
        ),
        (
            ["fill-mask", "a [MASK]", "--dtype", "int4"],
            "dtype='int4' is not allowed; it must be one of auto, float32, bfloat16",
        ),
        (
            ["sentence-order", "a", "b", "--dtype", "bfloat16", "--engine", "numpy"],
            "dtype='bfloat16' is not allowed; it must be one of auto, float32 with engine='numpy'",
        ),
        (["fill-mask", "--file", "nowhere.txt"], "nowhere.txt: No such file or directory"),
        (["features", "texts.txt"], "Missing argument 'OUTPUT'"),
        (["sentence-order", "one"], "Missing argument 'SECOND'"),
        (["info", "albert-tiny-v9"], "'albert-tiny-v9'"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(
    arguments: list[str], message: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    code, out, err = run(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    assert message in err


def test_a_missing_extra_says_what_to_install(
    run: Run, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name == "albertlm.inference.engines.torch"]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "torch", None)
    done = run("fill-mask", "a [MASK]", "-m", tiny_folder, "--engine", "torch")
    assert done == (2, "", "error: torch is missing; pip install 'albertlm[torch]'\n")


def test_too_little_memory_is_bad_input(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
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
        # a background job of a shell ignores SIGINT, and so do its children
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
    )
    wait_until_reading(process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")


def wait_until_reading(process: subprocess.Popen[bytes]) -> None:
    """Wait until a process sleeps in reading its standard input."""
    syscall = Path(f"/proc/{process.pid}/syscall")
    if not syscall.exists():
        pytest.skip("needs Linux's /proc")
    while not syscall.read_text().startswith("0 0x0 "):  # read(0, …
        assert process.poll() is None
        time.sleep(0.01)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_encoding_of_the_standard_output_will_do(encoding: str, tiny_folder: Path) -> None:
    command = [*ALBERTLM, "fill-mask", "The [MASK] — 한국어.", "-m", str(tiny_folder)]
    environment = {**os.environ, "PYTHONIOENCODING": encoding}
    for options in ([], ["--json"]):
        done = subprocess.run(
            [*command, *options], capture_output=True, env=environment, check=False
        )
        assert (done.returncode, done.stderr) == (0, b"")
        out = done.stdout.decode(encoding)
    assert {"score", "token", "token_str", "sequence"} == set(json.loads(out)[0][0])
