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
from albertlm.pretraining.shards import TokenPart


@pytest.fixture(scope="module", params=[1, 2], ids=["one shard", "two shards"])
def held_out(
    request: pytest.FixtureRequest,
    make_tokens: Callable[..., TokenPart],
    tiny_sentences: list[str],
) -> TokenPart:
    documents = [tiny_sentences[:30], tiny_sentences[:1], tiny_sentences[40:60]]
    return make_tokens(documents, held_out=True, shards=request.param)


def test_windows_lie_within_documents(held_out: TokenPart, tiny_tokenizer: AlbertTokenizer) -> None:
    windows = full_windows(held_out, 32)
    lengths = [np.diff(shard.sentences[shard.documents]) for shard in held_out]
    assert len(windows) == sum(np.concatenate(lengths) // 30)
    assert (windows[:, 0] == tiny_tokenizer.cls_token_id).all()
    assert (windows[:, -1] == tiny_tokenizer.sep_token_id).all()
    first_document = windows[: lengths[0][0] // 30, 1:-1].ravel()
    assert (first_document == held_out[0].tokens[: len(first_document)]).all()


def test_a_model_that_knows_nothing(
    held_out: TokenPart,
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
    scores = evaluate_pretraining(model, tiny_tokenizer, held_out)
    assert scores.predictions >= 500
    assert scores.window == 64
    # All pieces but one have the same probability, so loss and accuracy follow from its share.
    share = scores.mlm_accuracy
    normaliser = math.log(69 + math.e)
    assert scores.mlm_loss == pytest.approx(normaliser - share, abs=1e-4)
    # Equal logits say "in order", which is right as often as pairs are in order.
    data = PretrainingData(
        held_out,
        length=64,
        masking=pretraining.ALL_MASKED,
        seed=pretraining.SEED,
        short_probability=0.0,
    )
    order = np.concatenate([window.segments.labels for window in data.windows(0)])
    assert scores.pairs == (order != NO_LABEL).sum()
    assert scores.sop_accuracy == (order == IN_ORDER).sum() / scores.pairs
    with torch.no_grad():
        model.sop_classifier.classifier.bias[1] = 1.0
    scores = evaluate_pretraining(model, tiny_tokenizer, held_out)
    assert scores.sop_accuracy == (order == SWAPPED).sum() / scores.pairs


def test_no_document_is_long_enough(
    tiny_tokenizer: AlbertTokenizer,
    tiny_config: Callable[..., AlbertConfig],
    make_tokens: Callable[..., TokenPart],
) -> None:
    held_out = make_tokens([["She walked."]], held_out=True)
    with pytest.raises(ValueError, match="no document has 62 tokens"):
        evaluate_pretraining(AlbertForPreTraining(tiny_config()).eval(), tiny_tokenizer, held_out)


def test_another_tokenizer_is_refused(
    held_out: TokenPart, tiny_folder: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    cased = AlbertTokenizer.from_pretrained(tiny_folder, do_lower_case=False)
    with pytest.raises(ValueError, match=r"was not made with .*spiece\.model and its options"):
        evaluate_pretraining(AlbertForPreTraining(tiny_config()), cased, held_out)
