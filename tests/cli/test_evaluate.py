"""`evaluate` prints the scores of the library, and tells why there are none."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from commands import Run

from albertlm.cli.evaluate import pretraining
from albertlm.data.token_shards import TokenPart
from albertlm.evaluation.pretraining import evaluate_pretraining
from albertlm.inference.engines import open_engine
from albertlm.tokenization.tokenizer import AlbertTokenizer


@pytest.fixture(scope="module")
def held_out(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> TokenPart:
    """Held-out documents by the vocabulary of `tiny_folder`."""
    return make_tokens(many_documents[:8], held_out=True)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_the_scores_are_those_of_the_library(
    engine: str, run: Run, held_out: TokenPart, tiny_folder: Path, tiny_tokenizer: AlbertTokenizer
) -> None:
    tokens = held_out.folder.parent
    done = run(
        "evaluate", "pretraining", tokens, "--model", tiny_folder, "--engine", engine, "--json"
    )
    assert (done.code, done.err) == (0, "")
    expected = evaluate_pretraining(open_engine("numpy", tiny_folder), tiny_tokenizer, held_out)
    assert json.loads(done.out) == pytest.approx(asdict(expected), rel=1e-4)


def test_the_type_of_numbers_reaches_the_engine(
    run: Run, held_out: TokenPart, tiny_folder: Path
) -> None:
    command = ("evaluate", "pretraining", held_out.folder.parent, "--model", tiny_folder, "--json")
    exact = json.loads(run(*command).out)
    rounded = json.loads(run(*command, "--device", "cpu", "--dtype", "bfloat16").out)
    assert rounded["mlm_loss"] != exact["mlm_loss"]
    assert rounded["mlm_loss"] == pytest.approx(exact["mlm_loss"], rel=0.02)
    code, out, err = run(*command, "--device", "foo")
    assert (code, out) == (2, "")
    assert err.startswith("error: device='foo' is not here")
    assert err.count("\n") == 1


def test_a_table(run: Run, held_out: TokenPart, tiny_folder: Path) -> None:
    command = ("evaluate", "pretraining", held_out.folder.parent, "--model", tiny_folder)
    scores = json.loads(run(*command, "--json").out)
    table = run(*command).out
    for shown in (
        f"{scores['mlm_accuracy']:.2%}",
        f"{scores['mlm_loss']:.4f} nats",
        f"{scores['predictions']:,}",
    ):
        assert shown in table


def test_the_length_of_windows(run: Run, held_out: TokenPart, tiny_folder: Path) -> None:
    command = ("evaluate", "pretraining", held_out.folder.parent, "--model", tiny_folder, "--json")
    assert json.loads(run(*command, "--length", 16).out)["window"] == 16
    code, out, err = run(*command, "--length", 65)
    assert (code, out) == (2, "")
    assert err.startswith("error: length=65 is not allowed; it must be from 5 to 64")
    assert err.count("\n") == 1


def test_tokens_of_another_vocabulary_are_refused(
    run: Run, tokens: Path, tiny_folder: Path
) -> None:
    code, out, err = run("evaluate", "pretraining", tokens, "--model", tiny_folder)
    assert (code, out) == (2, "")
    assert "was not made with" in err


def test_a_folder_without_tokens_is_refused(tmp_path: Path, tiny_folder: Path) -> None:
    with pytest.raises((OSError, ValueError), match="holds no tokens; make it"):
        pretraining(tmp_path, model=str(tiny_folder))
