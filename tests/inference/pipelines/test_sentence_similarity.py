"""Similarities are the cosines of transformers' hidden states."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch.nn.functional import cosine_similarity

from albertlm import AlbertTokenizer, pipeline
from albertlm.inference.pipelines.sentence_similarity import SentenceSimilarity

SOURCE = "The old fisherman walked to the river."
OTHERS = ["A young model painted a small town.", "Nobody left.", SOURCE]


@pytest.fixture(scope="module")
def compare(tiny_folder: Path) -> SentenceSimilarity:
    return pipeline("sentence-similarity", tiny_folder)


def pooled(folder: Path, text: str, pooling: str) -> torch.Tensor:
    """The vector of a text by transformers."""
    encoded = AlbertTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    with torch.no_grad():
        output = transformers.AlbertModel.from_pretrained(folder)(**encoded)
    states = output.last_hidden_state[0]
    vectors: dict[str, torch.Tensor] = {
        "mean": states.mean(0),
        "cls": states[0],
        "pooled": output.pooler_output[0],
    }
    return vectors[pooling]


@pytest.mark.parametrize("pooling", ["mean", "cls", "pooled"])
def test_similarities_are_cosines(
    pooling: Any, compare: SentenceSimilarity, tiny_folder: Path
) -> None:
    source, *others = (pooled(tiny_folder, text, pooling) for text in [SOURCE, *OTHERS])
    expected = [float(cosine_similarity(source, other, dim=0)) for other in others]
    assert compare(SOURCE, OTHERS, pooling=pooling) == pytest.approx(expected, abs=1e-5)


def test_a_single_sentence_none_and_the_default(compare: SentenceSimilarity) -> None:
    assert compare(SOURCE, SOURCE) == pytest.approx([1], abs=1e-6)
    assert compare(SOURCE, []) == []
    assert compare(SOURCE, OTHERS) == compare(SOURCE, OTHERS, pooling="mean")
    assert compare(SOURCE, ["river " * 100], truncation=True) == pytest.approx(
        compare(SOURCE, ["river " * 100], max_length=64)
    )


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        (("", OTHERS), {}, "a text is empty"),
        ((SOURCE, ["river", " "]), {}, "a text is empty"),
        (([SOURCE], OTHERS), {}, "has type list; give a string"),
        ((SOURCE, ["river " * 100]), {}, "the model reads at most 64"),
        ((SOURCE, OTHERS), {"pooling": None}, "mean, cls or pooled"),
        ((SOURCE, OTHERS), {"pooling": "max"}, "pooling"),
        ((SOURCE, OTHERS), {"poling": "cls"}, "did you mean 'pooling'"),
    ],
)
def test_bad_input_is_named(
    arguments: Any, options: Any, message: str, compare: SentenceSimilarity
) -> None:
    with pytest.raises(ValueError, match=message):
        compare(*arguments, **options)
