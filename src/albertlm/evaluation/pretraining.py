"""What a pretrained model knows: masked tokens and sentence order on held-out documents.

B batch, T positions, P masked positions, V vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from albertlm.models.heads import AlbertForPreTraining
from albertlm.pretraining.loader import Batch, PretrainingData
from albertlm.pretraining.masking import MaskingConfig, mask_tokens
from albertlm.pretraining.shards import TokenPart
from albertlm.tokenization.tokenizer import AlbertTokenizer

SEED = 20190926
BATCH_SIZE = 16
MIN_PREDICTIONS = 100_000
MAX_ROUNDS = 7
"""By then a token has been masked once, on average."""
ALL_MASKED = MaskingConfig(max_ngram=0, mask_share=1.0, random_share=0.0)
"""Single tokens, 15 % of them, every one replaced by [MASK]."""


@dataclass(frozen=True, kw_only=True)
class PretrainingScores:
    """Measured on windows of the model's full length, and on pairs for the order.

    Fields:
        mlm_loss: nats a masked token.
        mlm_accuracy: share of masked tokens that score highest.
        bits_per_character: bits of all masked tokens by the characters of their pieces (a word's
            leading space counts as one).
        predictions: masked tokens that this rests on.
        sop_accuracy: share of pairs whose order is told.
        pairs: pairs that this rests on.
        window: tokens of a window, special tokens counted.
    """

    mlm_loss: float
    mlm_accuracy: float
    bits_per_character: float
    predictions: int
    sop_accuracy: float
    pairs: int
    window: int


@torch.inference_mode()
def evaluate_pretraining(
    model: AlbertForPreTraining,
    tokenizer: AlbertTokenizer,
    held_out: TokenPart,
    *,
    on_batch: Callable[[], None] = lambda: None,
) -> PretrainingScores:
    """Score a model on held-out documents.

    Each document is cut into windows of the model's full length; what is left at its end is not
    used. The windows are masked again with another seed until 100,000 predictions are made, at
    most seven times.

    Args:
        model: in evaluation mode.
        tokenizer: the model's.
        held_out: tokens made with the same tokenizer.
        on_batch: called after each batch, for a progress bar.

    Raises:
        ValueError: the tokenizers differ, a shard is damaged, or no document fills a window.
    """
    held_out.check_tokenizer(tokenizer)
    length = model.config.max_position_embeddings
    windows = full_windows(held_out, length)
    pieces = [tokenizer.convert_ids_to_tokens(i) for i in range(tokenizer.vocab_size)]
    characters_V = np.array([len(piece) for piece in pieces])
    characters_V[tokenizer.unk_token_id] = 1
    nats, right, characters, predictions, round_ = 0.0, 0, 0, 0, 0
    while predictions < MIN_PREDICTIONS and round_ < MAX_ROUNDS:
        for start in range(0, len(windows), BATCH_SIZE):
            rows = np.arange(start, min(start + BATCH_SIZE, len(windows)))
            masks = mask_tokens(
                windows[rows],
                _is_text(windows[rows]),
                np.zeros(windows[rows].shape, bool),
                rows,
                config=ALL_MASKED,
                vocab_size=tokenizer.vocab_size,
                mask_id=tokenizer.mask_token_id,
                pad_id=tokenizer.pad_token_id,
                special_ids=np.sort(tokenizer.all_special_ids),
                seed=SEED,
                epoch=round_,
            )
            labels = torch.from_numpy(masks.labels)
            logits = model(
                torch.from_numpy(masks.input_ids),
                masked_positions=torch.from_numpy(masks.positions),
            ).prediction_logits
            log_probs = logits.log_softmax(-1)
            nats -= float(log_probs.gather(2, labels[:, :, None]).sum())
            right += int((log_probs.argmax(-1) == labels).sum())
            characters += int(characters_V[masks.labels].sum())
            predictions += labels.numel()
            on_batch()
        round_ += 1
    correct, pairs = _sentence_order(model, held_out, length, on_batch)
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
    """Every document's text in windows [CLS] … [SEP] of exactly `length` tokens, (B, T)."""
    inner = length - 2
    texts = []
    for shard in part:
        bounds = np.asarray(shard.sentences[shard.documents])
        first = np.concatenate([np.arange(a, b - inner + 1, inner) for a, b in pairwise(bounds)])
        texts.append(shard.tokens[first[:, None] + np.arange(inner)])
    text = np.concatenate(texts)
    if not len(text):
        raise ValueError(f"no document has {inner} tokens; take more or longer held-out documents")
    windows = np.empty((len(text), length), np.int64)
    windows[:, 0], windows[:, -1] = part.tokenizer.cls_token_id, part.tokenizer.sep_token_id
    windows[:, 1:-1] = text
    return windows


def _is_text(windows: NDArray[np.int64]) -> NDArray[np.bool_]:
    text = np.ones(windows.shape, bool)
    text[:, [0, -1]] = False
    return text


def _sentence_order(
    model: AlbertForPreTraining, part: TokenPart, length: int, on_batch: Callable[[], None]
) -> tuple[int, int]:
    """Right answers and their number, on unmasked pairs of the full length."""
    data = PretrainingData(
        part, length=length, masking=ALL_MASKED, seed=SEED, short_probability=0.0
    )
    correct = pairs = 0
    for batch in data.batches(0, BATCH_SIZE, with_last=True):
        order = torch.from_numpy(batch.sentence_order_label)
        output = model(
            torch.from_numpy(_unmasked(batch)),
            torch.from_numpy(batch.attention_mask),
            torch.from_numpy(batch.token_type_ids),
            masked_positions=torch.zeros(len(order), 1, dtype=torch.int64),
        )
        correct += int((output.sop_logits.argmax(1) == order).sum())
        pairs += int((order >= 0).sum())
        on_batch()
    return correct, pairs


def _unmasked(batch: Batch) -> NDArray[np.int64]:
    ids = batch.input_ids.copy()
    rows, slots = np.nonzero(batch.labels >= 0)
    ids[rows, batch.masked_positions[rows, slots]] = batch.labels[rows, slots]
    return ids
