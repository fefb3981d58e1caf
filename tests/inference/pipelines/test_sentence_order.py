from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from albertlm import AlbertTokenizer, pipeline
from albertlm.inference.pipelines.sentence_order import SentenceOrder

FIRST = ["She walked to the river.", "Nobody left.", "A young model is modeling at night."]
SECOND = ["Then she left.", "She painted the boats (and a small town).", "Nobody"]


@pytest.fixture(scope="module", params=["numpy", "torch"])
def order(request: pytest.FixtureRequest, tiny_folder: Path) -> SentenceOrder:
    return pipeline("sentence-order", tiny_folder, engine=request.param, dtype="float32")


def test_the_probability_is_that_of_label_0(order: SentenceOrder, tiny_folder: Path) -> None:
    model = transformers.AlbertForPreTraining.from_pretrained(tiny_folder)
    encoded = AlbertTokenizer.from_pretrained(tiny_folder)(FIRST[0], SECOND[0], return_tensors="pt")
    with torch.no_grad():
        logits = model(**encoded).sop_logits[0].double()
    assert order(FIRST[0], SECOND[0]) == pytest.approx(float(logits.softmax(0)[0]), rel=1e-4)


def test_a_batch_is_its_pairs(order: SentenceOrder) -> None:
    together = order(FIRST, SECOND, batch_size=2)
    alone = [order(*pair) for pair in zip(FIRST, SECOND, strict=True)]
    np.testing.assert_allclose(together, alone, rtol=1e-4)


def test_the_longer_text_of_a_pair_is_truncated_first(order: SentenceOrder) -> None:
    long, short = "river " * 100, "She left."
    cut = order(long, short, truncation=True)
    assert cut == order([long], [short], max_length=64)[0]
    second = len(order.tokenizer(short)["input_ids"]) - 1  # without [CLS]
    words = 64 - second - 2
    assert cut == pytest.approx(order("river " * words, short), rel=1e-5)


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("a", ["b"], "two texts, or two lists of the same length"),
        (["a", "b"], ["c"], "two texts, or two lists of the same length"),
        ("a", "", "a text is empty"),
        ("river " * 40, "town " * 40, r"has \d+ tokens, but the model reads at most 64"),
    ],
)
def test_bad_pairs_are_named(
    first: str | list[str], second: str | list[str], message: str, order: SentenceOrder
) -> None:
    with pytest.raises(ValueError, match=message):
        order(first, second)
