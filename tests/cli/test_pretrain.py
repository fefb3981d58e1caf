"""`pretrain`: what its options decide, a run that is stopped, and bad input."""

import inspect
import json
import shutil
import signal
from dataclasses import fields, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from commands import Run
from signals import deliver

from albertlm import storage
from albertlm.cli.pretrain import pretrain
from albertlm.corpus.shards import Corpus
from albertlm.data.token_shards import Tokens
from albertlm.recipes.small import smoke
from albertlm.training import launch
from albertlm.training.budget import Budget
from albertlm.training.launch import Ended
from albertlm.training.loop import Loop
from albertlm.training.pretraining import PretrainingJob
from albertlm.training.run_config import Execution
from albertlm.training.stopping import SIGNALS


def test_options_reach_the_run(
    run: Run, tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: dict[str, Any] = {}

    def train(job: PretrainingJob, *_: object) -> Ended:
        asked.update(vars(job))
        return Ended(0, {}, first=False)

    monkeypatch.setattr(launch, "train", train)
    command = ["pretrain", "smoke", tokens, "-o", tmp_path / "run"]
    changes = ["--set", "phases.0.steps=7", "--set", "model.hidden_size=16"]
    options = ["--micro-batch", 4, "--checkpointing", "--workers", 2, "--sharded"]
    options += ["--bf16-gradients", "--log-every", 3, "--save-every", 5, "--validate-every", 6]
    source = ["--from", "albert-base-v2", "--keep", 1, "--device", "cpu", "--bf16", "--compile"]
    assert run(*command, *changes, *options, *source).code == 0
    plain = smoke(90)
    assert asked["config"] == replace(
        plain,
        model=replace(plain.model, hidden_size=16),
        phases=(replace(plain.phases[0], steps=7),),
        source="albert-base-v2",
    )
    assert asked["execution"] == Execution(
        device="cpu",
        bf16=True,
        compiled=True,
        micro_batch=4,
        checkpointing=True,
        workers=2,
        sharded=True,
        bf16_gradients=True,
        log_every=3,
        save_every=5,
        validate_every=6,
        keep=1,
    )
    named = [f"wiki={tokens}", f"books={tokens}", "-o", tmp_path / "run"]
    shares = ["--set", "phases.0.shares.wiki=0.7", "--set", "phases.0.shares.books=0.3"]
    assert run("pretrain", "smoke", *named, *shares).code == 0
    opened = Tokens.open(tokens)
    assert asked["tokens"] == {"wiki": opened, "books": opened}
    assert asked["config"] == replace(
        plain, phases=(replace(plain.phases[0], shares={"wiki": 0.7, "books": 0.3}),)
    )
    assert run(*command).code == 0
    assert (asked["config"], asked["execution"]) == (plain, Execution())
    assert asked["budget"] is None
    assert run(*command, "--budget", "8m").code == 0
    assert asked["budget"] == Budget(seconds=480.0)


def test_a_run_that_is_stopped_goes_on(
    run: Run, tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = Loop.__iter__
    command = ("pretrain", "smoke", tokens, "-o", tmp_path / "run", "--save-every", 10)
    with monkeypatch.context() as patched:
        patched.setattr(Loop, "__iter__", lambda loop: islice(whole(loop), 12))
        said = run(*command).out
        assert said == "stopped at step 12; the same command goes on\n"
    told = json.loads(run(*command, "--resume", "--json").out)
    assert (told["steps"], told["model"]) == (20, str(tmp_path / "run" / "model"))
    assert told["mlm_loss"] > 0


@pytest.mark.parametrize("number", SIGNALS)
def test_a_signal_while_it_starts_is_a_clean_end(
    number: signal.Signals, run: Run, tokens: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = signal.getsignal(number)
    monkeypatch.setattr(launch, "train", lambda *_: deliver(number))
    command = ("pretrain", "smoke", tokens, "-o", tmp_path / "run")
    assert run(*command) == (0, "", "stopped before the first step; the same command goes on\n")
    assert json.loads(run(*command, "--json").out) == {"model": None, "steps": None}
    assert signal.getsignal(number) == before
    assert not list(tmp_path.iterdir())


def test_bad_input(run: Run, corpus: Corpus, tokens: Path, tmp_path: Path) -> None:
    damaged = shutil.copytree(tokens, tmp_path / "damaged")
    array = damaged / "training" / "00000" / "tokens.npy"
    array.write_bytes(array.read_bytes()[:-1] + b"?")
    commands = {
        "unknown recipe 'smok'; did you mean 'smoke'?": ("smok", tokens),
        "model has no 'hiden_size'; did you mean 'hidden_size'?": (
            *("smoke", tokens, "--set", "model.hiden_size=8"),
        ),
        "r holds no run to resume; leave out --resume to start one": (
            *("smoke", tokens, "--resume"),
        ),
        "not 'albertlm tokens 1'": ("smoke", corpus.folder),
        "names no folder of tokens; several folders need names": ("smoke", tokens, tokens),
        f"'a={tokens}' names no folder": ("smoke", f"a={tokens}", f"a={tokens}"),
        "shares of a": ("smoke", f"a={tokens}", "--set", "phases.0.shares.b=1"),
        "add --ranks": ("smoke", tokens, "--runner", "ray"),
        "--address and --ranks need --runner ray": ("smoke", tokens, "--ranks", 2),
        "--budget '8' is not a time": ("smoke", tokens, "--budget", 8),
        "the deadline is over": ("smoke", tokens, "--deadline", "2001-01-01"),
        "device='foo' is not here": ("smoke", tokens, "--device", "foo"),
        "length=4 is not allowed": ("smoke", tokens, "--set", "phases.0.length=4"),
        "notes.txt": ("smoke", tokens, "--from", tmp_path / "notes.txt"),
        "00000/tokens.npy is damaged": ("smoke", damaged),
    }
    for said, arguments in commands.items():
        code, out, err = run("pretrain", *arguments, "-o", tmp_path / "r")
        assert (code, out) == (2, "")
        assert err.startswith("error: ")
        assert err.count("\n") == 1
        assert said in err
        # only a damaged shard is found after the start, and a run without a step holds no folder
        assert not (tmp_path / "r").exists() or arguments == ("smoke", damaged)
    assert run("pretrain", "smoke", tokens, "-o", tmp_path / "r").code == 0


def test_a_folder_with_other_files_is_left_alone(
    run: Run, tokens: Path, tiny_folder: Path, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    (notes / "notes.txt").write_text("mine", encoding="utf-8")
    model = shutil.copytree(tiny_folder, tmp_path / "model")
    for folder in (notes, model):
        before = {path: path.read_bytes() for path in folder.iterdir()}
        code, out, err = run("pretrain", "smoke", tokens, "-o", folder)
        assert (code, out) == (2, "")
        assert err == f"error: {folder} holds something other than a run; name another output\n"
        assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_a_second_start_leaves_the_first_alone(run: Run, tokens: Path, tmp_path: Path) -> None:
    with storage.exclusive(tmp_path):
        code, out, err = run("pretrain", "smoke", tokens, "-o", tmp_path)
    assert (code, out) == (2, "")
    assert err.startswith("error: another process is working in ")
    assert list((tmp_path).iterdir()) == []


def test_every_field_of_the_execution_is_an_option_with_its_default() -> None:
    options = inspect.signature(pretrain).parameters
    defaults = {each.name: each.default for each in fields(Execution)}
    assert {name: options[name].default for name in defaults} == defaults
