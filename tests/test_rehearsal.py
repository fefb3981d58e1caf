"""What happens when the model that ships is trained on a GPU, at a tiny width on the CPU.

The commands are those of docs/shipped.md: the tokens are packed, sent and unpacked, the run is cut
off, stopped or ends in time, and what was brought back becomes the model that ships.
"""

import functools
import itertools
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

import pack_tokens
import pretrain_shipped
import run_files
import ship_model
from albertlm import AlbertConfig, hub, pipeline, storage
from albertlm.corpus.documents import Document
from albertlm.corpus.shards import Corpus
from albertlm.data.build_tokens import build_tokens
from albertlm.data.token_shards import Tokens
from albertlm.executors import LocalProcesses
from albertlm.tokenization.tokenizer import AlbertTokenizer
from albertlm.training.pretraining import PretrainingJob

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SHAPES = ((8, 48), (4, 64))
TINY = [
    "model.hidden_size=32",
    "model.embedding_size=16",
    "model.num_attention_heads=2",
    "model.intermediate_size=64",
    "model.max_position_embeddings=64",
    "learning_rate_batch=8",
    "warmup_steps=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("rehearsal")


@pytest.fixture(scope="module")
def parts(
    make_corpus: Callable[..., Corpus],
    make_documents: Callable[..., list[Document]],
    many_documents: list[list[str]],
    tiny_tokenizer: AlbertTokenizer,
    folder: Path,
) -> Path:
    """Packed tokens, some of which are held out."""
    documents = make_documents(many_documents) + make_documents(many_documents[:9], held_out=True)
    corpus = make_corpus([documents])
    build_tokens(corpus, tiny_tokenizer, folder / "made", LocalProcesses(1))
    pack_tokens.pack(Tokens.open(folder / "made"), folder / "parts", largest=2000)
    return folder / "parts"


def command(folder: Path, run: str, steps: Sequence[int], *options: str) -> list[str]:
    """The arguments of `pretrain_shipped` for a tiny model."""
    changes = list(TINY)
    for number, (count, shape) in enumerate(zip(steps, itertools.cycle(SHAPES), strict=False)):
        size, length = shape
        changes += [f"phases.{number}.steps={count}", f"phases.{number}.batch_size={size}"]
        changes += [f"phases.{number}.length={length}"]
    places = [str(folder / "tokens"), str(folder / run), "--back", str(folder / f"{run}-back")]
    plain = ["--parts", str(folder / "parts"), "--device", "cpu", "--workers", "0", *options]
    return places + plain + [part for change in changes for part in ("--set", change)]


def start(arguments: Sequence[str]) -> "subprocess.Popen[str]":
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, str(ROOT / "tools" / "pretrain_shipped.py"), *arguments],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for_step(process: "subprocess.Popen[str]", run: Path, step: int) -> None:
    """Wait until a run has logged a step, so that what it logged before has been copied."""
    log = run / "metrics.jsonl"
    while not (log.is_file() and f'"step": {step},' in log.read_text(encoding="utf-8")):
        assert process.poll() is None
        time.sleep(0.1)


def ship(folder: Path, run: str) -> None:
    tokens = str(folder / "tokens")
    places = ["--output", str(folder / "shipped"), "--report", str(folder / "report")]
    ship_model.main([str(folder / run), tokens, tokens, "--predictions", "200", *places])


@pytest.fixture(scope="module")
def shipped(folder: Path, parts: Path) -> Path:
    """The model of a run that was killed, as it ships."""
    back = folder / "killed-back"
    process = start(command(folder, "killed", (9999, 9, 9, 9), "--export-minutes", "0"))
    wait_for_step(process, folder / "killed", 20)
    process.kill()
    process.communicate()
    expected = {"run.tar", *(f"{name}.safetensors" for name in run_files.RECENT)}
    assert expected <= {path.name for path in back.iterdir()}
    run_files.main([str(back), str(folder / "restored")])
    (folder / "shipped").mkdir()
    shutil.copy(hub.SHIPPED / "card.toml", folder / "shipped")
    ship(folder, "restored")
    return folder / "shipped"


def test_a_killed_run_leaves_a_model_that_ships(shipped: Path, folder: Path) -> None:
    card = (shipped / "README.md").read_text(encoding="utf-8")
    assert "| longest text | 64 tokens | `config.json` |" in card
    assert "12 applications (tokens, 30% of the tokens, 100/0/0 masked, kept and random)" in card
    assert "windows of 64 tokens | `evaluation-64.json`" in card
    assert "is unfinished" in (folder / "report" / "README.md").read_text(encoding="utf-8")
    page = (folder / "report" / "model.md").read_text(encoding="utf-8")
    assert page.count(" [MASK] ") + page.count(" [MASK].") >= 30
    assert "| execution: save_every | 2000 |" in page
    assert re.search(r"^\| 1 \| 8x48 \| [0-9,]+ \| – \|$", page, re.MULTILINE)
    fills = pipeline("fill-mask", str(shipped))("The old [MASK] walked.")
    assert len(fills) == 5
    weights = (shipped / "model.safetensors").stat().st_size
    assert weights < 3 * 13_048  # half precision


def test_positions_that_are_not_learnt_are_left_out(
    shipped: Path, folder: Path, tmp_path: Path
) -> None:
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    (of_all, *_), (of_some, *_) = (
        ship_model.rounded(folder / "restored", place, positions)
        for place, positions in ((whole, None), (cut, 40))
    )
    text = "The old [MASK] walked."
    assert pipeline("fill-mask", str(of_all))(text) == pipeline("fill-mask", str(of_some))(text)
    assert AlbertConfig.from_pretrained(of_some).max_position_embeddings == 40
    assert AlbertTokenizer.from_pretrained(of_some).model_max_length == 40


def test_a_worse_model_does_not_ship(
    shipped: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = storage.sha256(shipped / "model.safetensors")
    (shipped / "other").write_text("stays")
    with pytest.raises(SystemExit, match=r"is right on .* and the one that ships on .*; it stays"):
        ship(folder, "restored")
    assert storage.sha256(shipped / "model.safetensors") == before
    assert (shipped / "other").read_text() == "stays"


def test_a_terminated_run_leaves_its_last_weights(folder: Path, parts: Path) -> None:
    back = folder / "stopped-back"
    process = start(command(folder, "stopped", (9999, 9, 9, 9), "--export-minutes", "0"))
    wait_for_step(process, folder / "stopped", 10)
    process.send_signal(signal.SIGTERM)
    told, _ = process.communicate()
    assert process.returncode == 0, told
    assert "the averaged weights: masked-token accuracy" in told
    left = {"run.tar", "model.safetensors", "model-average.safetensors"}
    assert {path.name for path in back.iterdir()} == left
    models = run_files.restore(back, folder / "stopped-restored")
    assert [path.name for path in models] == ["model-average", "model"]
    assert AlbertConfig.from_pretrained(models[0]).max_position_embeddings == 64


def test_a_second_run_goes_on_from_what_ships_until_its_time_is_over(
    shipped: Path,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    ticks = itertools.count()
    clock = functools.partial(PretrainingJob, clock=lambda: next(ticks) / 100)
    monkeypatch.setattr(pretrain_shipped, "PretrainingJob", clock)
    options = ["--recipe", "gpu-ten-minutes-longer", "--from", str(shipped), "--budget", "1s"]
    pretrain_shipped.main(command(folder, "second", (200, 100, 100), *options))
    told = capsys.readouterr().out
    assert "the last weights: masked-token accuracy" in told
    plan = storage.read_json(folder / "second" / "plan.json")
    assert plan["budget"] == {"seconds": 1.0, "deadline": None}
    assert 2 <= sum(plan["steps"]) < 400
    run_files.restore(folder / "second-back", folder / "second-restored")
    config = storage.read_json(folder / "second-restored" / "config.json")
    assert (config["source"], config["seed"]) == (str(shipped), 1)


def test_a_model_that_is_too_large_is_refused_before_it_is_trained(
    folder: Path, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_files, "WEIGHTS_BYTES", 20_000)
    with pytest.raises(SystemExit, match=r"the weights would have 2\d,\d\d\d bytes, and 20,000"):
        pretrain_shipped.main(command(folder, "large", (9, 9, 9, 9)))
    assert not (folder / "large").exists()
