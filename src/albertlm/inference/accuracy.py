"""How closely a quantised engine agrees with float32, and the limit that it must reach.

T tokens of a text, P masks of a text, D hidden.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.metadata
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from albertlm import settings, storage
from albertlm.export import package
from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines import ENGINES, engine_class
from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.inference.exported import ExportedEngine
from albertlm.tokenization.tokenizer import AlbertTokenizer

SENTENCES = Path(__file__).parents[1] / "assets" / "sentences.txt"
"""The English text that is used unless another one is given, a sentence on each line."""

LEAST_AGREEMENT, LEAST_COSINE = 0.98, 0.995
MASKS = 10_000
"""Predictions to compare; the sampling error of 1,300 would be 0.4 %."""
FEATURES = 1_000
LONGEST = 64
"""Tokens of a text, so that 1,000 texts have about 10,000 masks."""
MASK_SHARE = 0.15
BATCH_SIZE = 16


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """How closely an engine agrees with float32.

    Fields:
        masks: the share of masked tokens for which the most probable token is the same; None if
            the model has no trained head for masked tokens.
        cosine: the mean cosine between the features of a text, the means of its hidden states.
        labels: the share of texts, or of tokens, with the same label; None for a model that is no
            classifier. A classifier is judged by this share alone.
    """

    masks: float | None
    cosine: float
    labels: float | None = None

    def check(self, what: str) -> None:
        """Raise a ValueError with these figures and the limits, if one of them is not reached.

        Args:
            what: what was measured, such as `int8 in the engine 'onnx'`.
        """
        needed = f"({LEAST_AGREEMENT:.0%} are needed)"
        if self.labels is not None:
            suffices = self.labels >= LEAST_AGREEMENT
            found = f"{self.labels:.2%} equal labels {needed}"
        else:
            suffices = self.cosine >= LEAST_COSINE
            found = (
                f"a mean cosine of {self.cosine:.4f} between features ({LEAST_COSINE} is needed)"
            )
            if self.masks is not None:
                suffices = suffices and self.masks >= LEAST_AGREEMENT
                found += f" and {self.masks:.2%} equal predictions {needed}"
        if suffices:
            return
        raise ValueError(
            f"{what} is too inaccurate for this model: {found}; use float32 or bfloat16"
        )


def measure(
    engine: Engine,
    reference: Engine,
    tokenizer: AlbertTokenizer,
    sentences: Sequence[str],
    *,
    masks: int = MASKS,
    features: int = FEATURES,
) -> Agreement:
    """Compare an engine with another one that computes the same model in float32.

    The sentences are joined to texts of up to 64 tokens, and 15 % of the tokens are masked,
    different ones in each round, until there are enough masks and features. A classifier reads
    the texts without masks and predicts a label for each text, or for each token.

    Args:
        engine: the engine to judge.
        reference: the engine in float32.
        tokenizer: that of the model.
        sentences: a text in the language of the model.
        masks: the least number of masked tokens.
        features: the least number of features.

    Raises:
        ValueError: the sentences have no tokens.
    """
    predict, is_classifier = _predictor(reference)
    same, predicted, masked = 0, 0, 0
    cosines: list[float] = []
    length = min(LONGEST, reference.config.max_position_embeddings)
    share = 0 if is_classifier else MASK_SHARE
    batches = _masked_batches(tokenizer, sentences, length, share)
    while len(cosines) < features or (masked < masks and not is_classifier):
        texts, positions = next(batches)
        states = [each.states(texts) for each in (engine, reference)]
        for ours_TD, theirs_TD, at in zip(*states, positions, strict=True):
            ours_D, theirs_D = ours_TD.mean(0), theirs_TD.mean(0)
            norms = np.linalg.norm(ours_D) * np.linalg.norm(theirs_D)
            cosines.append(float(ours_D @ theirs_D / norms))
            masked += len(at)
            if predict:
                logits = (predict(reference, x_TD, at) for x_TD in (ours_TD, theirs_TD))
                ours, theirs = (each.argmax(-1) for each in logits)
                same += int((ours == theirs).sum())
                predicted += len(theirs)
    agreed = same / predicted if predict else None
    return Agreement(
        masks=None if is_classifier else agreed,
        cosine=float(np.mean(cosines)),
        labels=agreed if is_classifier else None,
    )


_Predict = Callable[[Engine, Floats, list[int]], Floats]
"""The logits of predictions for a text from its states, (T, D), and the positions of its masks."""


def _predictor(engine: Engine) -> tuple[_Predict | None, bool]:
    """What a model predicts, if anything, and whether that is labels."""
    (architecture,) = (engine.config.architectures or ("",))[:1]
    if architecture in _LABELS and engine.config.num_labels > 1:  # and no regression
        return _LABELS[architecture], True
    return (_masks if "predictions.bias" in engine.parameters else None), False


def _masks(engine: Engine, x_TD: Floats, at: list[int]) -> Floats:
    return heads.mask_logits(engine, x_TD[at])


def _label_of_text(engine: Engine, x_TD: Floats, _: list[int]) -> Floats:
    return heads.label_logits(engine, heads.pooled_states(engine, x_TD[:1]))


def _labels_of_tokens(engine: Engine, x_TD: Floats, _: list[int]) -> Floats:
    return heads.token_logits(engine, x_TD)


_LABELS: dict[str, _Predict] = {
    "AlbertForSequenceClassification": _label_of_text,
    "AlbertForTokenClassification": _labels_of_tokens,
}
"""The labels that the classes of classifiers predict."""


def require(folder: Path, name: str, engine: Engine, *, sentences: Path | None = None) -> Agreement:
    """Measure the agreement of an engine in int8, or recall it, and check that it suffices.

    The figures are remembered by the checksums of the model's files. They are in the folder for
    caches, since the folder of a model may be shared or read-only.

    Args:
        folder: the folder of the model.
        name: the name of the engine.
        engine: the engine in int8.
        sentences: a file with a sentence on each line, in the language of the model; by default
            the English text that ships with the package.

    Raises:
        ValueError: the agreement does not suffice.
    """
    text = _read(sentences)
    release = importlib.metadata.version(ENGINES[name].library)
    made_from = "\n".join([name, release, fingerprint(folder), *text])
    key = hashlib.sha256(made_from.encode()).hexdigest()[:32]
    remembered = storage.cache_folder("accuracy") / f"{key}.json"
    if remembered.is_file():
        agreement = settings.from_json(Agreement, storage.read_json(remembered))
    else:
        reference = engine_class(name).from_folder(folder, dtype="float32")
        tokenizer = AlbertTokenizer.from_pretrained(folder)
        agreement = measure(engine, reference, tokenizer, text)
        with suppress(OSError):  # a cache that cannot be written
            storage.write_json(remembered, dataclasses.asdict(agreement))
    agreement.check(f"int8 in the engine {name!r}")
    return agreement


def require_export(
    export: Path, folder: Path, depth: int | None = None, sentences: Path | None = None
) -> Agreement:
    """Measure the agreement of an export in int8 with its model, and check that it suffices.

    Args:
        export: the folder of an export for feature extraction.
        folder: the folder of the model.
        depth: the number of applications of layers in the export.
        sentences: as in `require`.

    Raises:
        ValueError: the export is damaged, or the agreement does not suffice.
    """
    to = package.verify(export)
    reference = _AtDepth(engine_class(to).from_folder(folder, dtype="float32"), depth)
    engine = ExportedEngine(export, reference.parameters)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    agreement = measure(engine, reference, tokenizer, _read(sentences))
    agreement.check(f"int8 in {to}")
    return agreement


class _AtDepth:
    """An `Engine` that always computes at one depth."""

    def __init__(self, engine: Engine, depth: int | None) -> None:
        self.config, self.parameters = engine.config, engine.parameters
        self._engine, self._depth = engine, depth

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        return self._engine.states(texts, positions, depth or self._depth)


def _read(sentences: Path | None) -> list[str]:
    return (sentences or SENTENCES).read_text(encoding="utf-8").splitlines()


def fingerprint(folder: Path) -> str:
    """The SHA-256 of the names and contents of a model's configuration and weights."""
    kinds = ("config.json", "*.safetensors", "*.bin")
    files = sorted(path for kind in kinds for path in folder.glob(kind))
    listed = "".join(f"{path.name} {storage.sha256(path)}\n" for path in files)
    return hashlib.sha256(listed.encode()).hexdigest()


def _masked_batches(
    tokenizer: AlbertTokenizer, sentences: Sequence[str], length: int, share: float
) -> Iterator[tuple[list[TokenizedText], list[list[int]]]]:
    """Texts with masks and the positions of these, endlessly."""
    encoded = tokenizer(list(sentences), add_special_tokens=False)["input_ids"]
    ids = np.array([token for sentence in encoded for token in sentence], np.int64)
    settings.check(len(ids) > 0, "a text with words in it", sentences=list(sentences)[:1])
    inner = length - 2
    random = np.random.default_rng(0)
    while True:
        # each round begins elsewhere, so that tokens have other neighbours
        rolled = np.roll(ids, random.integers(len(ids)))
        windows = [rolled[start : start + inner] for start in range(0, len(rolled), inner)]
        for start in range(0, len(windows), BATCH_SIZE):
            texts, positions = [], []
            for window in windows[start : start + BATCH_SIZE]:
                count = max(1, round(share * len(window))) if share else 0
                at = 1 + np.sort(random.permutation(len(window))[:count])
                row = np.array([tokenizer.cls_token_id, *window, tokenizer.sep_token_id])
                row[at] = tokenizer.mask_token_id
                texts.append(TokenizedText(row.tolist(), [0] * len(row)))
                positions.append(at.tolist())
            yield texts, positions
