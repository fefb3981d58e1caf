"""The run whose losses are kept: a change of any of them is to be seen, and meant.

python tests/support/golden_run.py    # writes tests/training/golden_losses.json again
"""

import json
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np

from albertlm import AlbertTokenizer
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import join_sentences
from albertlm.corpus.shards import DOCUMENT_COLUMNS, FORMAT, Corpus, RowWriter
from albertlm.executors import LocalProcesses
from albertlm.pretraining.tokens import build_tokens
from albertlm.recipes.small import smoke
from albertlm.storage import sha256, write_json
from albertlm.tokenization.vocabulary import train_vocabulary
from albertlm.training.config import Execution, Phase
from albertlm.training.trainer import pretrain

GOLDEN = Path(__file__).parents[1] / "training" / "golden_losses.json"
WORDS = [
    "the",
    "a",
    "river",
    "boat",
    "town",
    "harbour",
    "old",
    "young",
    "doctor",
    "painter",
    "walked",
    "sold",
    "saw",
    "near",
    "to",
    "of",
]


def losses(folder: Path) -> list[float]:
    """The losses of 200 steps in float32 on sentences of random words."""
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(WORDS, size=8)) + "." for _ in range(1000)]
    train_vocabulary(sentences, folder / "vocabulary", vocab_size=40)
    path = folder / "corpus" / "corpus-00000.parquet"
    path.parent.mkdir()
    with RowWriter(path, DOCUMENT_COLUMNS) as rows:
        for number in range(100):
            text = join_sentences([sentences[10 * number : 10 * number + 10]])
            rows.add(Document(str(number), "golden", text))
    shards = {path.name: {"documents": 100, "sha256": sha256(path)}}
    write_json(path.parent / "manifest.json", {"format": FORMAT, "shards": shards})
    tokenizer = AlbertTokenizer(folder / "vocabulary" / "spiece.model")
    corpus = Corpus.open(path.parent)
    tokens = build_tokens(corpus, tokenizer, folder / "tokens", LocalProcesses(1))
    config = smoke(tokenizer.vocab_size)
    config = replace(config, phases=(Phase(steps=200, batch_size=8, length=32),), warmup_steps=20)
    execution = Execution(device="cpu", bf16=False, save_every=1000)
    reports = pretrain(config, tokens.part("training"), folder / "run", execution)
    return [report.values["total"] for report in reports]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        rounded = [round(loss, 5) for loss in losses(Path(temporary))]
    GOLDEN.write_text(json.dumps(rounded) + "\n", encoding="utf-8")
