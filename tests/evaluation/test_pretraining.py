"""The held-out scores against a plain computation and against models whose score is known."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer
from albertlm.evaluation import pretraining
from albertlm.evaluation.pretraining import evaluate_pretraining, full_windows
from albertlm.pretraining.loader import PretrainingData
from albertlm.pretraining.segments import IN_ORDER, NO_LABEL, SWAPPED
from albertlm.pretraining.shards import TokenShard, write_shard


@pytest.fixture(scope="module")
def shard(
    tiny_tokenizer: AlbertTokenizer,
    tiny_sentences: list[str],
    tmp_path_factory: pytest.TempPathFactory,
) -> TokenShard:
    documents = [tiny_sentences[:30], tiny_sentences[:1], tiny_sentences[40:60]]
    return write_shard(documents, tiny_tokenizer, tmp_path_factory.mktemp("shard") / "tokens")


def test_windows_lie_within_documents(shard: TokenShard, tiny_tokenizer: AlbertTokenizer) -> None:
    windows = full_windows(shard, tiny_tokenizer, 32)
    bounds = shard.sentences[shard.documents]
    assert len(windows) == sum((np.diff(bounds)) // 30)
    assert (windows[:, 0] == tiny_tokenizer.cls_token_id).all()
    assert (windows[:, -1] == tiny_tokenizer.sep_token_id).all()
    first_document = windows[: np.diff(bounds)[0] // 30, 1:-1].ravel()
    assert (first_document == shard.tokens[: len(first_document)]).all()


def test_a_model_that_knows_nothing(
    shard: TokenShard,
    tiny_tokenizer: AlbertTokenizer,
    tiny_config: Callable[..., AlbertConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pretraining, "MIN_PREDICTIONS", 500)
    model = AlbertForPreTraining(tiny_config()).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        model.predictions.bias[7] = 1.0
    scores = evaluate_pretraining(model, tiny_tokenizer, shard)
    assert scores.predictions >= 500
    assert scores.window == 64
    # All pieces but one have the same probability, so loss and accuracy follow from its share.
    share = scores.mlm_accuracy
    normaliser = math.log(69 + math.e)
    assert scores.mlm_loss == pytest.approx(normaliser - share, abs=1e-4)
    # Equal logits say "in order", which is right as often as pairs are in order.
    data = PretrainingData(
        shard,
        tiny_tokenizer,
        length=64,
        masking=pretraining.ALL_MASKED,
        seed=pretraining.SEED,
        short_probability=0.0,
    )
    order = data.segments(0).order
    assert scores.pairs == (order != NO_LABEL).sum()
    assert scores.sop_accuracy == (order == IN_ORDER).sum() / scores.pairs
    with torch.no_grad():
        model.sop_classifier.classifier.bias[1] = 1.0
    scores = evaluate_pretraining(model, tiny_tokenizer, shard)
    assert scores.sop_accuracy == (order == SWAPPED).sum() / scores.pairs


def test_no_document_is_long_enough(
    tiny_tokenizer: AlbertTokenizer, tiny_config: Callable[..., AlbertConfig], tmp_path: Path
) -> None:
    shard = write_shard([["She walked."]], tiny_tokenizer, tmp_path / "tokens")
    with pytest.raises(ValueError, match="no document has 62 tokens"):
        evaluate_pretraining(AlbertForPreTraining(tiny_config()).eval(), tiny_tokenizer, shard)
