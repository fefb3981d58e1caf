"""`python -m albertlm`: the command line without the script."""

import subprocess
import sys

import albertlm
import albertlm.__main__ as main_module
from albertlm import cli


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "albertlm", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_it_is_the_command_line() -> None:
    assert vars(main_module)["main"] is cli.main  # and importing the module runs nothing


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{albertlm.__version__}\n", "")


def test_bad_input_is_one_line_and_exit_code_2() -> None:
    done = run("fill-mask", "--nonsense")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: No such option: --nonsense")
    assert done.stderr.count("\n") == 1


def test_help_names_the_command() -> None:
    done = run("info", "--help")
    assert done.returncode == 0
    assert "albertlm info" in done.stdout
