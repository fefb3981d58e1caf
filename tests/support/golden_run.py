"""The run whose losses are recorded, so that every change of them is noticed.

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
from albertlm.data.build_tokens import build_tokens
from albertlm.data.masking import MaskingConfig
from albertlm.executors import LocalProcesses
from albertlm.recipes.small import smoke
from albertlm.storage import sha256, write_json
from albertlm.tokenization.vocabulary import train_vocabulary
from albertlm.training.pretraining import pretrain
from albertlm.training.run_config import Execution, Phase

GOLDEN = Path(__file__).parents[1] / "training" / "golden_losses.json"
PHASES = {
    "one phase": (Phase(steps=200, batch_size=8, length=32),),
    "two phases": (
        Phase(steps=120, batch_size=8, length=32, layers=1),
        Phase(
            steps=80,
            batch_size=4,
            length=64,
            masking=MaskingConfig(probability=0.3, max_ngram=0, mask_share=1.0, random_share=0.0),
        ),
    ),
}
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


def losses(folder: Path, phases: tuple[Phase, ...]) -> list[float]:
    """The losses of 200 steps in float32 on sentences of random words."""
    rng = np.random.default_rng(0)
    sentences = [" ".join(rng.choice(WORDS, size=8)) + "." for _ in range(1000)]
    train_vocabulary(sentences, folder / "vocabulary", vocab_size=40)
    path = folder / "corpus" / "corpus-00000.parquet"
    path.parent.mkdir(parents=True)
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
    config = replace(config, phases=phases, warmup_steps=20)
    execution = Execution(device="cpu", bf16=False, save_every=1000)
    reports = pretrain(config, tokens.part("training"), folder / "run", execution)
    return [report.values["total"] for report in reports]


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        found = {
            name: [round(loss, 5) for loss in losses(Path(temporary) / name, phases)]
            for name, phases in PHASES.items()
        }
    GOLDEN.write_text(json.dumps(found) + "\n", encoding="utf-8")
