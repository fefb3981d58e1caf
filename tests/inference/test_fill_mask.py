"""Filled masks against the model card's own output and against transformers."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import transformers

from albertlm import AlbertConfig, AlbertForMaskedLM, AlbertTokenizer, pipeline
from albertlm.inference.fill_mask import FillMask

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
    """An engine that answers with known probabilities, whatever it is asked."""

    config = AlbertConfig.preset("albert-large-v1")
    trained = tuple(
        f"predictions.{name}"
        for name in ("dense.weight", "dense.bias", "LayerNorm.weight", "LayerNorm.bias", "bias")
    )

    def __init__(self, probabilities: dict[int, float]) -> None:
        rest = (1 - sum(probabilities.values())) / (30_000 - len(probabilities))
        self.logits = np.log(np.full(30_000, rest, np.float32)) + 7
        for token, probability in probabilities.items():
            self.logits[token] = np.log(probability) + 7

    def mask_logits(self, texts: list, positions: list[list[int]]) -> list[np.ndarray]:
        return [np.stack([self.logits] * len(at)) for at in positions]


@pytest.fixture
def card_unmasker(shared_data: Path) -> FillMask:
    tokenizer = AlbertTokenizer(shared_data / "albert-vocab" / "spiece.model")
    return FillMask(Oracle({token: score for _, score, token, _ in CARD}), tokenizer)


@pytest.fixture(scope="module", params=["numpy", "torch"])
def unmasker(request: pytest.FixtureRequest, tiny_folder: Path) -> FillMask:
    return pipeline("fill-mask", tiny_folder, engine=request.param)


@pytest.fixture(scope="module")
def transformers_unmasker(tiny_folder: Path) -> transformers.Pipeline:
    return transformers.pipeline("fill-mask", model=str(tiny_folder))


def test_the_result_is_the_model_cards(card_unmasker: FillMask) -> None:
    result = card_unmasker("Hello I'm a [MASK] model.")
    assert [list(fill) for fill in result] == [["sequence", "score", "token", "token_str"]] * 5
    assert [(f["sequence"], f["token"], f["token_str"]) for f in result] == [
        (sequence, token, piece) for sequence, _, token, piece in CARD
    ]
    scores = [score for _, score, _, _ in CARD]
    np.testing.assert_allclose([fill["score"] for fill in result], scores, rtol=1e-4)


def test_a_piece_without_a_mark_joins_the_word_before_it(shared_data: Path) -> None:
    tokenizer = AlbertTokenizer(shared_data / "albert-vocab" / "spiece.model")
    suffix = tokenizer.convert_tokens_to_ids("ing")
    unmasker = FillMask(Oracle({suffix: 0.9}), tokenizer)
    (fill,) = unmasker("He was a model[MASK] agent.", top_k=1)
    assert fill["token_str"] == "ing"
    assert fill["sequence"] == "[CLS] he was a modeling agent.[SEP]"


@pytest.mark.parametrize("text", [ONE, TWO])
@pytest.mark.parametrize("top_k", [1, 7])
def test_the_clean_form_is_that_of_transformers(
    text: str, top_k: int, unmasker: FillMask, transformers_unmasker: transformers.Pipeline
) -> None:
    ours = unmasker(text, top_k=top_k, clean=True)
    theirs = transformers_unmasker(text, top_k=top_k)
    ours, theirs = (rows if text == TWO else [rows] for rows in (ours, theirs))
    for own, other in zip(ours, theirs, strict=True):
        for field in ("token", "token_str", "sequence"):
            assert [fill[field] for fill in own] == [fill[field] for fill in other]
        scores = [[fill["score"] for fill in fills] for fills in (own, other)]
        np.testing.assert_allclose(*scores, rtol=1e-4)


def test_each_mask_of_a_text_has_its_list(unmasker: FillMask) -> None:
    first, second = unmasker(TWO)
    assert len(first) == len(second) == 5
    assert first[0]["sequence"].count("[MASK]") == 1
    assert second[0]["sequence"].count("[MASK]") == 1


def test_a_batch_is_its_texts(unmasker: FillMask) -> None:
    texts = [TWO, "[MASK]", ONE, "She sold [MASK] pictures of an island in winter."]
    together = unmasker(texts, batch_size=3)
    for text, result in zip(texts, together, strict=True):
        alone = unmasker(text)
        masks = (result, alone) if text == TWO else ([result], [alone])
        for own, other in zip(*masks, strict=True):
            assert [fill["sequence"] for fill in own] == [fill["sequence"] for fill in other]
            scores = [[fill["score"] for fill in fills] for fills in (own, other)]
            np.testing.assert_allclose(*scores, rtol=1e-4)
    assert len(unmasker([ONE])) == 1
    assert unmasker([]) == []


def test_scores_are_those_of_the_whole_vocabulary(unmasker: FillMask) -> None:
    everything = unmasker(ONE, top_k=1000)
    assert len(everything) == 70
    assert sum(fill["score"] for fill in everything) == pytest.approx(1, abs=1e-5)
    scores = [fill["score"] for fill in everything]
    assert scores == sorted(scores, reverse=True)


def test_pieces_that_only_the_model_has_are_not_proposed(
    tiny_folder: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    model = AlbertForMaskedLM(tiny_config(vocab_size=100))
    fills = pipeline("fill-mask", model, tiny_folder)(ONE, top_k=100)
    assert sorted(fill["token"] for fill in fills) == [*range(70)]


def test_targets_are_words_or_pieces(card_unmasker: FillMask) -> None:
    text = "Hello I'm a [MASK] model."
    words = card_unmasker(text, targets=["runway", "Model"])
    assert [fill["token"] for fill in words] == [1061, 8014]
    assert words[0]["score"] == pytest.approx(CARD[2][1], rel=1e-4)
    (piece,) = card_unmasker(text, targets="▁lingerie")
    assert piece["token"] == 29104


def test_a_target_of_several_pieces_is_left_out_with_a_warning(card_unmasker: FillMask) -> None:
    with pytest.warns(UserWarning, match=r"'zyxomma' is no single piece but ▁ zy xo mma"):
        (fill,) = card_unmasker("a [MASK]", targets=["zyxomma", "runway"])
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
        ("[MASK] " * 63, r"has 65 tokens, the model reads at most 64; shorten"),
        ("[MASK]" + "river " * 16_666, r"^'\[MASK\]river .*…' has \d+ tokens"),
        (7, "7 is a int; give a text"),
    ],
)
def test_bad_texts_are_named_in_one_line(text: str, message: str, unmasker: FillMask) -> None:
    for texts in (text, [ONE, text]):
        if isinstance(texts, int):
            continue
        with pytest.raises(ValueError, match=message) as raised:
            unmasker(texts)
        assert "\n" not in str(raised.value)
        assert len(str(raised.value)) < 150


@pytest.mark.parametrize("options", [{"top_k": 0}, {"batch_size": 0}, {"batch_size": -3}])
def test_options_out_of_range_are_named(options: dict[str, int], unmasker: FillMask) -> None:
    (name,) = options
    with pytest.raises(ValueError, match=f"{name}=.* it must be 1 or more"):
        unmasker(ONE, **options)
