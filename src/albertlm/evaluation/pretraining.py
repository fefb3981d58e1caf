"""Score masked tokens and sentence order on held-out documents.

B batch, T positions, P masked positions, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from albertlm.config import IGNORED
from albertlm.data import scoring
from albertlm.data.batches import Batch
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig, Masks, mask_tokens
from albertlm.data.segments import SPECIAL_TOKENS
from albertlm.data.token_shards import TokenPart
from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.settings import check
from albertlm.tokenization import wordpiece
from albertlm.tokenization.tokenizer import AlbertTokenizer

SEED = 20190926
BATCH_SIZE = 16
MIN_PREDICTIONS = 100_000
SHORTEST = SPECIAL_TOKENS + 2
"""The number of tokens of a pair of segments of one token each."""
MAX_ROUNDS = 7
"""After 7 rounds, each token has been masked once on average."""
ALL_MASKED = MaskingConfig(max_ngram=0, mask_share=1.0, random_share=0.0)
"""15 % of single tokens, all replaced by [MASK]."""


@dataclass(frozen=True, kw_only=True)
class PretrainingScores:
    """Scores on masked windows and on pairs of segments, both of the same length.

    Fields:
        mlm_loss: the mean loss of a masked token, in nats.
        mlm_accuracy: the share of masked tokens with the highest score.
        bits_per_character: the loss of all masked tokens in bits, divided by the characters of
            their pieces, including the leading space of a word.
        predictions: the number of masked tokens.
        sop_accuracy: the share of pairs whose order is predicted correctly.
        pairs: the number of pairs.
        window: the number of tokens of a window, including special tokens.
    """

    mlm_loss: float
    mlm_accuracy: float
    bits_per_character: float
    predictions: int
    sop_accuracy: float
    pairs: int
    window: int


def evaluate_pretraining(
    engine: Engine,
    tokenizer: AlbertTokenizer,
    held_out: TokenPart,
    *,
    length: int | None = None,
    masking: MaskingConfig = ALL_MASKED,
    least: int = MIN_PREDICTIONS,
    on_batch: Callable[[], None] = lambda: None,
) -> PretrainingScores:
    """Score a model on held-out documents, with the engine that serves it.

    Each document is cut into windows of one length; a shorter rest is not used. The windows are
    masked in rounds with different seeds, until there are enough predictions or after seven rounds.

    Args:
        engine: the model.
        tokenizer: the tokenizer of the model.
        held_out: tokens made with the same tokenizer.
        length: the number of tokens of a window and of a pair of segments, with special tokens;
            None for all of the model's positions.
        masking: which tokens are predicted, and what they are replaced by.
        least: the number of predictions that are enough.
        on_batch: called after each batch, for a progress bar.

    Raises:
        ValueError: a head was never trained, the tokenizers differ, a shard is damaged, the model
            has too few positions, or no document fills a window.
    """
    heads.require_trained(engine, "pooler", "mlm", "sop")
    held_out.check_tokenizer(tokenizer)
    positions = engine.config.max_position_embeddings
    length = positions if length is None else length
    allowed = f"from {SHORTEST} to {positions}, the number of the model's positions"
    check(SHORTEST <= length <= positions, allowed, length=length)
    windows = full_windows(held_out, length)
    pieces = wordpiece.spell(tokenizer.pieces, tokenizer.all_special_tokens)
    characters_V = np.array([len(piece) for piece in pieces])
    characters_V[tokenizer.unk_token_id] = 1
    nats, right, characters, predictions, round_ = 0.0, 0, 0, 0, 0
    while predictions < least and round_ < MAX_ROUNDS:
        for masks in masked_batches(windows, held_out, round_, masking):
            states_ND, labels_N = mask_states(engine, masks), masks.labels[masks.chosen]
            scored = _score(engine, states_ND, labels_N)
            nats, right = nats + float(scored.nats), right + int(scored.right)
            characters += int(characters_V[labels_N].sum())
            predictions += len(labels_N)
            on_batch()
        round_ += 1
    correct, pairs = _sentence_order(engine, held_out, length, on_batch)
    return PretrainingScores(
        mlm_loss=nats / predictions,
        mlm_accuracy=right / predictions,
        bits_per_character=nats / math.log(2) / characters,
        predictions=predictions,
        sop_accuracy=correct / pairs if pairs else math.nan,
        pairs=pairs,
        window=length,
    )


def full_windows(part: TokenPart, length: int) -> NDArray[np.int64]:
    """Cut every document into windows [CLS] … [SEP] of exactly `length` tokens, (B, T)."""
    inner = length - 2
    texts = []
    for shard in part:
        bounds = np.asarray(shard.sentences[shard.documents])
        first = np.concatenate([np.arange(a, b - inner + 1, inner) for a, b in pairwise(bounds)])
        texts.append(shard.tokens[first[:, None] + np.arange(inner)])
    text = np.concatenate(texts)
    if not len(text):
        raise ValueError(f"no document has {inner} tokens; use more or longer held-out documents")
    windows = np.empty((len(text), length), np.int64)
    windows[:, 0], windows[:, -1] = part.tokenizer.cls_token_id, part.tokenizer.sep_token_id
    windows[:, 1:-1] = text
    return windows


def masked_batches(
    windows: NDArray[np.int64], part: TokenPart, round_: int, masking: MaskingConfig = ALL_MASKED
) -> Iterator[Masks]:
    """Yield the masked batches of a round over windows of a part; each round has its own seed."""
    tokenizer = part.tokenizer
    for start in range(0, len(windows), BATCH_SIZE):
        rows = np.arange(start, min(start + BATCH_SIZE, len(windows)))
        is_text = np.ones(windows[rows].shape, bool)
        is_text[:, [0, -1]] = False
        yield mask_tokens(
            windows[rows],
            is_text,
            is_text & part.word_starts[windows[rows]],
            rows,
            config=masking,
            vocab_size=tokenizer.vocab_size,
            mask_id=tokenizer.mask_token_id,
            pad_id=tokenizer.pad_token_id,
            special_ids=np.sort(tokenizer.all_special_ids),
            seed=SEED,
            epoch=round_,
        )


def mask_states(engine: Engine, masks: Masks) -> Floats:
    """The concatenated states of all masked tokens of a batch, (P, D)."""
    texts = [TokenizedText(ids, [0] * len(ids)) for ids in masks.input_ids.tolist()]
    each = zip(masks.positions, masks.chosen, strict=True)
    positions = [row[chosen].tolist() for row, chosen in each]
    return np.concatenate(engine.states(texts, positions))


def _score(engine: Engine, states_ND: Floats, labels_N: NDArray[np.int64]) -> scoring.Scored:
    return scoring.score(lambda rows: heads.mask_logits(engine, states_ND[rows]), labels_N)


def _sentence_order(
    engine: Engine, part: TokenPart, length: int, on_batch: Callable[[], None]
) -> tuple[int, int]:
    """The number of correct orders and of pairs, for unmasked pairs of the full length."""
    data = PretrainingData(
        part, length=length, masking=ALL_MASKED, seed=SEED, short_probability=0.0
    )
    correct = pairs = 0
    for batch in data.batches(0, BATCH_SIZE, with_last=True):
        labelled = np.flatnonzero(batch.sentence_order_label != IGNORED)
        if len(labelled):
            logits_B2 = heads.order_logits(engine, _texts(batch, labelled))
            labels_B = batch.sentence_order_label[labelled]
            correct += int(scoring.score(logits_B2.__getitem__, labels_B).right)
            pairs += len(labelled)
        on_batch()
    return correct, pairs


def _texts(batch: Batch, rows: NDArray[np.int64]) -> list[TokenizedText]:
    """The examples of some rows of a batch, before masking."""
    ids = batch.input_ids.copy()
    masked, slots = np.nonzero(batch.labels != IGNORED)
    ids[masked, batch.masked_positions[masked, slots]] = batch.labels[masked, slots]
    lengths = batch.attention_mask.sum(1)
    return [
        TokenizedText(
            ids[row, : lengths[row]].tolist(), batch.token_type_ids[row, : lengths[row]].tolist()
        )
        for row in rows
    ]
