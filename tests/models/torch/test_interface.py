"""What users of transformers' models call: the same names with the same results."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from torch import nn

import albertlm
from albertlm import AlbertConfig
from albertlm.models.torch.interface import ModelInterface
from albertlm.models.torch.pretrained import PreTrainedModel

NAMES = [
    "base_model",
    "config",
    "device",
    "dtype",
    "eval",
    "from_pretrained",
    "get_input_embeddings",
    "get_output_embeddings",
    "gradient_checkpointing_disable",
    "gradient_checkpointing_enable",
    "init_weights",
    "num_parameters",
    "resize_token_embeddings",
    "save_pretrained",
    "set_input_embeddings",
    "to",
    "train",
]
CLASSES = [
    name
    for name in albertlm.__all__
    if name.startswith(("AlbertFor", "AlbertModel")) and hasattr(transformers, name)
]
WITH_LOGITS = ["AlbertForMaskedLM", "AlbertForPreTraining"]

Make = Callable[..., AlbertConfig]
Pair = tuple[PreTrainedModel, transformers.PreTrainedModel]


@pytest.fixture
def pair(tiny_config: Make) -> Callable[[str], Pair]:
    """Makes a model and that of transformers with the same random weights, biases included."""

    def make(name: str) -> Pair:
        torch.manual_seed(0)
        config = tiny_config(num_labels=3 if name.endswith("Classification") else 2)
        ours = getattr(albertlm, name)(config)
        for parameter in ours.parameters():
            nn.init.normal_(parameter, std=0.3)
        fields = {name: value for name, value in config.to_dict().items() if value is not None}
        theirs = getattr(transformers, name)(transformers.AlbertConfig(**fields))
        report = theirs.load_state_dict(ours.state_dict(), strict=False)
        assert all(key.startswith("predictions.decoder.") for key in report.missing_keys)
        theirs.tie_weights()
        return ours.eval(), theirs.eval()

    return make


def inputs_of(name: str) -> dict[str, torch.Tensor]:
    ids = torch.tensor([[2, 17, 8, 9, 3], [2, 25, 3, 0, 0]])
    inputs = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    if name == "AlbertForMultipleChoice":
        inputs = {key: torch.stack([value, value.flip(0)], dim=1) for key, value in inputs.items()}
    return inputs


def assert_same(ours: Any, theirs: Any, mask: torch.Tensor, atol: float = 1e-5) -> None:
    """Outputs are equal except at padding."""
    assert list(ours.keys()) == list(theirs.keys())
    for key, *tensors in zip(ours.keys(), ours.values(), theirs.values(), strict=True):
        found, expected = (
            each[mask.bool()] if each.shape[:2] == mask.shape else each for each in tensors
        )
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=atol, msg=key)


@pytest.mark.parametrize("name", CLASSES)
def test_the_names_are_those_of_transformers(name: str, pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair(name)
    assert isinstance(ours, ModelInterface)
    for each in NAMES:
        assert hasattr(theirs, each), each
        assert hasattr(ours, each), each


@pytest.mark.parametrize("name", CLASSES)
def test_sizes_and_places_are_those_of_transformers(name: str, pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair(name)
    for model in (ours, theirs):
        model.base_model.encoder.requires_grad_(False)
    for only_trainable in (False, True):
        for exclude_embeddings in (False, True):
            found, expected = (
                model.num_parameters(only_trainable, exclude_embeddings) for model in (ours, theirs)
            )
            assert found == expected
    assert ours.device == theirs.device == torch.device("cpu")
    assert ours.dtype == theirs.dtype == torch.float32
    assert ours.half().dtype == torch.float16
    assert type(ours.base_model).__name__ == type(theirs.base_model).__name__ == "AlbertModel"
    assert (ours.get_output_embeddings() is None) == (theirs.get_output_embeddings() is None)


@pytest.mark.parametrize("name", CLASSES)
def test_embeddings_may_be_given_instead_of_ids(name: str, pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair(name)
    inputs = inputs_of(name)
    ids = inputs.pop("input_ids")
    embeds = torch.randn(*ids.shape, 16)
    with torch.inference_mode():
        found = ours(inputs_embeds=embeds, **inputs)
        expected = theirs(inputs_embeds=embeds, **inputs)
        looked_up = ours(inputs_embeds=ours.get_input_embeddings()(ids), **inputs)
        by_id = ours(ids, **inputs)
    assert_same(found, expected, inputs["attention_mask"])
    assert_same(looked_up, by_id, inputs["attention_mask"])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "must be given as one of input_ids and inputs_embeds"),
        (
            {"input_ids": torch.zeros(1, 2).long(), "inputs_embeds": torch.zeros(1, 2, 16)},
            "must be given as one of input_ids and inputs_embeds",
        ),
        ({"inputs_embeds": torch.zeros(1, 2, 8)}, r"\(1, 2, 8\); it must be \(texts, tokens, 16\)"),
        ({"inputs_embeds": torch.zeros(2, 16)}, r"\(2, 16\); it must be \(texts, tokens, 16\)"),
        ({"inputs_embeds": torch.zeros(1, 2, 16).long()}, "int64; it must hold fractions"),
    ],
)
@pytest.mark.parametrize("name", ["AlbertModel", "AlbertForSentenceOrder"])
def test_bad_embeddings_are_refused(
    inputs: dict[str, torch.Tensor], message: str, name: str, tiny_config: Make
) -> None:
    model = getattr(albertlm, name)(tiny_config())
    with pytest.raises(ValueError, match=message):
        model(**inputs)


def test_embeddings_of_choices_have_four_dimensions(tiny_config: Make) -> None:
    model = albertlm.AlbertForMultipleChoice(tiny_config())
    with pytest.raises(ValueError, match=r"inputs_embeds has shape \(1, 2, 16\); it must be"):
        model(inputs_embeds=torch.zeros(1, 2, 16))


@pytest.mark.parametrize("name", CLASSES)
def test_an_output_is_a_mapping_or_a_tuple(name: str, pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair(name)
    inputs = inputs_of(name)
    with torch.inference_mode():
        found, expected = ours(**inputs), theirs(**inputs)
        for return_dict in (None, True):
            assert ours(**inputs, return_dict=return_dict).keys() == found.keys()
        as_tuple = ours(**inputs, return_dict=False)
        their_tuple = theirs(**inputs, return_dict=False)
    assert isinstance(as_tuple, tuple)
    assert len(as_tuple) == len(their_tuple) == len(found.to_tuple()) == len(found.values())
    for own, again, by_name in zip(
        as_tuple, found.values(), dict(found.items()).values(), strict=True
    ):
        assert torch.equal(own, again)
        assert again is by_name
    for key in expected:
        assert found.get(key) is found[key]
    assert found.get("attentions") is None
    assert found.get("attentions", 5) == 5
    assert "attentions" not in found


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize(("size", "multiple"), [(90, None), (40, None), (None, 64), (71, 8)])
def test_more_and_fewer_tokens(
    size: int | None, multiple: int | None, name: str, pair: Callable[[str], Pair]
) -> None:
    ours, theirs = pair(name)
    before = copy.deepcopy(ours.state_dict())
    found, expected = (
        model.resize_token_embeddings(size, pad_to_multiple_of=multiple) for model in (ours, theirs)
    )
    assert found is ours.get_input_embeddings()
    assert found.weight.shape == expected.weight.shape
    assert found.num_embeddings == ours.config.vocab_size == theirs.config.vocab_size
    assert ours.base_model.config == ours.config
    torch.testing.assert_close(found.weight, expected.weight, rtol=0, atol=1e-3)
    with torch.inference_mode():
        own, other = (model(**inputs_of(name)) for model in (ours, theirs))
    assert_same(own, other, inputs_of(name)["attention_mask"], atol=0.02)
    for key, rows in before.items():
        after = ours.state_dict()[key]
        assert torch.equal(after[: len(rows)], rows[: len(after)])
    assert ours.get_input_embeddings().weight.requires_grad


def test_as_many_tokens_are_the_same_embeddings(tiny_config: Make) -> None:
    model = albertlm.AlbertModel(tiny_config())
    weight = model.get_input_embeddings().weight
    for size in (None, 70):
        assert model.resize_token_embeddings(size).weight is weight


@pytest.mark.parametrize("name", WITH_LOGITS)
def test_new_tokens_are_the_mean_or_drawn(name: str, pair: Callable[[str], Pair]) -> None:
    drawn, mean = pair(name)[0], pair(name)[0]
    expected = mean.get_input_embeddings().weight.mean(0)
    mean.resize_token_embeddings(75)
    torch.testing.assert_close(mean.get_input_embeddings().weight[70:], expected.expand(5, -1))
    drawn.resize_token_embeddings(2070, mean_resizing=False)
    new = drawn.get_input_embeddings().weight[70:]
    assert new.std().item() == pytest.approx(drawn.config.initializer_range, rel=0.05)
    for model in (mean, drawn):
        output = model.get_output_embeddings()
        assert output is not None
        assert not output.bias[70:].any()


@pytest.mark.parametrize("name", WITH_LOGITS)
def test_the_output_layer_is_tied(name: str, pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair(name)
    output, expected = ours.get_output_embeddings(), theirs.get_output_embeddings()
    assert output is not None
    assert (output.in_features, output.out_features) == (expected.in_features, 70)
    assert output.weight is ours.get_input_embeddings().weight
    torch.testing.assert_close(output.bias, expected.bias)
    x = torch.randn(3, 16)
    torch.testing.assert_close(output(x), expected(x))


def test_other_embeddings_take_effect_in_both_places(pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair("AlbertForMaskedLM")
    other = nn.Embedding(70, 16)
    ours.set_input_embeddings(other)
    theirs.set_input_embeddings(copy.deepcopy(other))
    theirs.tie_weights()
    inputs = inputs_of("AlbertForMaskedLM")
    with torch.inference_mode():
        assert_same(ours(**inputs), theirs(**inputs), inputs["attention_mask"])
    with pytest.raises(ValueError, match=r"\(71, 16\); it must be \(70, 16\): .* with resize_tok"):
        ours.set_input_embeddings(nn.Embedding(71, 16))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"new_num_tokens": 0}, "new_num_tokens=0 is not allowed; it must be 1 or more"),
        ({"pad_to_multiple_of": -2}, "pad_to_multiple_of=-2 is not allowed; it must be 1 or more"),
    ],
)
def test_bad_numbers_of_tokens_are_refused(
    arguments: dict[str, Any], message: str, tiny_config: Make
) -> None:
    model = albertlm.AlbertModel(tiny_config())
    with pytest.raises(ValueError, match=message):
        model.resize_token_embeddings(**arguments)
    assert model.get_input_embeddings().num_embeddings == model.config.vocab_size == 70


def test_the_padding_token_is_kept(tiny_config: Make) -> None:
    model = albertlm.AlbertModel(tiny_config(pad_token_id=69))
    with pytest.raises(ValueError, match="pad_token_id=69 is not allowed"):
        model.resize_token_embeddings(60)
    assert model.config.vocab_size == 70


def test_a_resized_model_is_read_again(tmp_path: Any, tiny_config: Make) -> None:
    model = albertlm.AlbertForPreTraining(tiny_config()).eval()
    model.resize_token_embeddings(80)
    model.save_pretrained(tmp_path)
    inputs = inputs_of("AlbertForPreTraining")
    again = albertlm.AlbertForPreTraining.from_pretrained(tmp_path)
    theirs = transformers.AlbertForPreTraining.from_pretrained(tmp_path)
    with torch.inference_mode():
        assert_same(again(**inputs), model(**inputs), inputs["attention_mask"])
        assert_same(again(**inputs), theirs(**inputs), inputs["attention_mask"])


@pytest.mark.parametrize("name", ["AlbertModel", "AlbertForMaskedLM"])
def test_gradient_checkpointing(name: str, pair: Callable[[str], Pair]) -> None:
    ours, theirs = pair(name)
    ours.gradient_checkpointing_enable()
    assert ours.base_model.encoder.activation_checkpointing
    ours.gradient_checkpointing_enable({"use_reentrant": False})
    inputs = inputs_of(name)
    gradients = []
    for model in (ours, theirs):
        model.train()  # without dropout in this configuration
        model(**inputs)[0][inputs["attention_mask"].bool()].square().sum().backward()
        gradients.append(model.get_input_embeddings().weight.grad)
    torch.testing.assert_close(*gradients, rtol=1e-3, atol=1e-3)
    ours.gradient_checkpointing_disable()
    assert not ours.base_model.encoder.activation_checkpointing
    with pytest.raises(ValueError, match=r"must be None or \{'use_reentrant': False\}"):
        ours.gradient_checkpointing_enable({"use_reentrant": True})
