"""Filled masks against the output in the model card and against transformers."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import transformers
from fill_calls import by_mask, fills, scores

from albertlm import AlbertConfig, AlbertForMaskedLM, AlbertTokenizer, pipeline
from albertlm.checkpoints import names
from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines import fill_mask
from albertlm.inference.pipelines.fill_mask import FillMask

ONE = "The old [MASK] walked to the river"
TWO = "The old [MASK] walked to the [MASK]"

CARD = [
    ("[CLS] hello i'm a modeling model.[SEP]", 0.05816134437918663, 12807, "▁modeling"),
    ("[CLS] hello i'm a modelling model.[SEP]", 0.03748830780386925, 23089, "▁modelling"),
    ("[CLS] hello i'm a model model.[SEP]", 0.033725276589393616, 1061, "▁model"),
    ("[CLS] hello i'm a runway model.[SEP]", 0.017313428223133087, 8014, "▁runway"),
    ("[CLS] hello i'm a lingerie model.[SEP]", 0.014405295252799988, 29104, "▁lingerie"),
]


class Oracle:
    """An engine whose states are all zero, so that only the bias of the head matters."""

    config = AlbertConfig.preset("albert-large-v1", embedding_size=1)

    def __init__(self, probabilities: dict[int, float]) -> None:
        rest = (1 - sum(probabilities.values())) / (30_000 - len(probabilities))
        bias = np.log(np.full(30_000, rest, np.float32)) + 7
        for token, probability in probabilities.items():
            bias[token] = np.log(probability) + 7
        shapes = names.shapes(self.config, ("embeddings", "mlm"))
        self.parameters = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
        self.parameters["predictions.bias"] = bias

    def states(
        self,
        texts: Sequence[TokenizedText],
        positions: Sequence[Sequence[int]] | None = None,
        depth: int | None = None,
    ) -> list[Floats]:
        assert positions
        return [np.zeros((len(at), self.config.hidden_size), np.float32) for at in positions]


@pytest.fixture
def card_unmasker(shared_data: Path) -> FillMask:
    tokenizer = AlbertTokenizer(shared_data / "albert-vocab" / "spiece.model")
    return FillMask(Oracle({token: score for _, score, token, _ in CARD}), tokenizer)


@pytest.fixture(scope="module", params=["numpy", "torch"])
def unmasker(request: pytest.FixtureRequest, tiny_folder: Path) -> FillMask:
    return pipeline("fill-mask", tiny_folder, engine=request.param, dtype="float32")


@pytest.fixture(scope="module")
def transformers_unmasker(tiny_folder: Path) -> transformers.Pipeline:
    return transformers.pipeline("fill-mask", model=str(tiny_folder))


def test_the_result_is_the_model_cards(card_unmasker: FillMask) -> None:
    result = fills(card_unmasker, "Hello I'm a [MASK] model.")
    assert [list(fill) for fill in result] == [["sequence", "score", "token", "token_str"]] * 5
    assert [(f["sequence"], f["token"], f["token_str"]) for f in result] == [
        (sequence, token, piece) for sequence, _, token, piece in CARD
    ]
    expected = [score for _, score, _, _ in CARD]
    np.testing.assert_allclose(scores(result), expected, rtol=1e-4)


def test_a_piece_without_a_mark_joins_the_word_before_it(shared_data: Path) -> None:
    tokenizer = AlbertTokenizer(shared_data / "albert-vocab" / "spiece.model")
    suffix = tokenizer.convert_tokens_to_ids("ing")
    unmasker = FillMask(Oracle({suffix: 0.9}), tokenizer)
    (fill,) = fills(unmasker, "He was a model[MASK] agent.", top_k=1)
    assert fill["token_str"] == "ing"
    assert fill["sequence"] == "[CLS] he was a modeling agent.[SEP]"


@pytest.mark.parametrize("text", [ONE, TWO])
@pytest.mark.parametrize("top_k", [1, 7])
def test_the_clean_form_is_that_of_transformers(
    text: str, top_k: int, unmasker: FillMask, transformers_unmasker: transformers.Pipeline
) -> None:
    ours = by_mask(text, unmasker(text, top_k=top_k, clean=True))
    theirs = by_mask(text, transformers_unmasker(text, top_k=top_k))
    for own, other in zip(ours, theirs, strict=True):
        # transformers keeps [CLS] and [SEP] where there are several masks
        proposed, expected = (
            [
                (
                    fill["token"],
                    fill["token_str"],
                    re.sub(r"\[CLS\] ?|\[SEP\]$", "", fill["sequence"]),
                )
                for fill in each
            ]
            for each in (own, other)
        )
        assert proposed == expected
        assert not any("[SEP]" in fill["sequence"] for fill in own)
        np.testing.assert_allclose(scores(own), scores(other), rtol=1e-4)


def test_each_mask_of_a_text_has_its_list(unmasker: FillMask) -> None:
    first, second = by_mask(TWO, unmasker(TWO))
    assert len(first) == len(second) == 5
    assert first[0]["sequence"].count("[MASK]") == 1
    assert second[0]["sequence"].count("[MASK]") == 1


def test_a_batch_is_its_texts(unmasker: FillMask) -> None:
    texts = [TWO, "[MASK]", ONE, "She sold [MASK] pictures of an island in winter."]
    together = unmasker(texts, batch_size=3)
    for text, result in zip(texts, together, strict=True):
        alone = by_mask(text, unmasker(text))
        for own, other in zip(by_mask(text, result), alone, strict=True):
            assert [fill["sequence"] for fill in own] == [fill["sequence"] for fill in other]
            np.testing.assert_allclose(scores(own), scores(other), rtol=1e-4)
    assert len(unmasker([ONE])) == 1
    assert unmasker([]) == []


def test_few_logits_are_in_memory_at_once(
    unmasker: FillMask, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = [" ".join(["[MASK]"] * count) for count in (3, 1, 5, 2)]
    expected = unmasker(texts)
    mask_logits = Mock(side_effect=heads.mask_logits)
    monkeypatch.setattr(heads, "mask_logits", mask_logits)
    monkeypatch.setattr(fill_mask, "MASKS_AT_ONCE", 4)
    found = unmasker(texts)
    assert [len(call.args[1]) for call in mask_logits.call_args_list] == [4, 4, 3]
    for text, own, other in zip(texts, found, expected, strict=True):
        for fills_of, wanted in zip(by_mask(text, own), by_mask(text, other), strict=True):
            assert [fill["token"] for fill in fills_of] == [fill["token"] for fill in wanted]


def test_scores_are_those_of_the_whole_vocabulary(unmasker: FillMask) -> None:
    found = scores(fills(unmasker, ONE, top_k=1000))
    assert len(found) == 70
    assert sum(found) == pytest.approx(1, abs=1e-5)
    assert found == sorted(found, reverse=True)


def test_pieces_that_only_the_model_has_are_not_proposed(
    tiny_folder: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    model = AlbertForMaskedLM(tiny_config(vocab_size=100))
    proposals = fills(pipeline("fill-mask", model, tiny_folder), ONE, top_k=100)
    assert sorted(fill["token"] for fill in proposals) == [*range(70)]


def test_targets_are_words_or_pieces(card_unmasker: FillMask) -> None:
    text = "Hello I'm a [MASK] model."
    words = fills(card_unmasker, text, targets=["runway", "Model"])
    assert [fill["token"] for fill in words] == [1061, 8014]
    assert words[0]["score"] == pytest.approx(CARD[2][1], rel=1e-4)
    (piece,) = fills(card_unmasker, text, targets="▁lingerie")
    assert piece["token"] == 29104


def test_a_target_of_several_pieces_is_left_out_with_a_warning(card_unmasker: FillMask) -> None:
    with pytest.warns(UserWarning, match=r"'zyxomma' is not a single piece but ▁ zy xo mma"):
        (fill,) = fills(card_unmasker, "a [MASK]", targets=["zyxomma", "runway"])
    assert fill["token"] == 8014
    with (
        pytest.warns(UserWarning, match="zyxomma"),
        pytest.raises(ValueError, match="none of the targets"),
    ):
        card_unmasker("a [MASK]", targets="zyxomma")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("The old boat.", r"^'The old boat\.' has no \[MASK\]; write it where"),
        ("", "a text is empty"),
        (" \n", "a text is empty"),
        ("[MASK] " * 63, r"has 65 tokens, but the model reads at most 64; shorten"),
        ("[MASK]" + "river " * 16_666, r"^'\[MASK\]river .*…' has \d+ tokens"),
        (7, "7 has type int; give a string"),
    ],
)
def test_bad_texts_are_named_in_one_line(text: object, message: str, unmasker: FillMask) -> None:
    for texts in (text, [ONE, text]):
        if isinstance(texts, int):
            continue
        with pytest.raises(ValueError, match=message) as raised:
            unmasker(texts)  # type: ignore[call-overload]
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 150


def test_a_mask_that_is_truncated_is_named(unmasker: FillMask) -> None:
    with pytest.raises(ValueError, match=r"has no \[MASK\] in its first 9 tokens; write it where"):
        unmasker("river " * 9 + "[MASK]", max_length=9)


@pytest.mark.parametrize("name", ["top_k", "batch_size"])
@pytest.mark.parametrize("value", [0, -3, None, 2.0, "2"])
def test_numbers_out_of_range_are_named(name: str, value: Any, unmasker: FillMask) -> None:
    options: Any = {name: value}
    with pytest.raises(ValueError, match=f"{name}={value!r} .* must be an integer of 1 or more"):
        unmasker(ONE, **options)


def test_numbers_may_be_those_of_numpy(unmasker: FillMask) -> None:
    options: Any = {"top_k": np.int64(2), "batch_size": np.int32(1)}
    assert unmasker([ONE, ONE], **options) == unmasker([ONE, ONE], top_k=2, batch_size=1)


@pytest.mark.parametrize(
    ("targets", "message"),
    [
        ([["river"]], "a target is of type list; give strings"),
        (["river", 5], "a target is of type int; give strings"),
        (5, "targets is of type int; give a string or a list of strings"),
    ],
)
def test_targets_of_other_types_are_named(targets: Any, message: str, unmasker: FillMask) -> None:
    with pytest.raises(ValueError, match=f"^{message}$"):
        unmasker(ONE, targets=targets)


@pytest.mark.parametrize(
    "targets", [("▁river", "▁boat"), np.array(["▁river", "▁boat"]), iter(["▁river", "▁boat"])]
)
def test_targets_are_any_iterable(targets: Any, card_unmasker: FillMask) -> None:
    assert len(fills(card_unmasker, ONE, targets=targets)) == 2
