"""Both engines against transformers on the same random weights, and against themselves."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertModel
from albertlm.inference import numpy_engine
from albertlm.inference.engine import Engine, TokenizedText, require_trained
from albertlm.inference.numpy_engine import NumpyEngine
from albertlm.inference.torch_engine import TorchEngine


def torch_from_folder(folder: Path) -> TorchEngine:
    return TorchEngine(AlbertForPreTraining.from_pretrained(folder))


ENGINES = [NumpyEngine.from_folder, torch_from_folder]
VARIANTS = {
    "erf": {"hidden_act": "gelu"},
    "tanh": {"hidden_act": "gelu_new"},
    "relu": {"hidden_act": "relu"},
    "groups": {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
}
TEXTS = [
    TokenizedText([2, 17, 4, 66, 3, 33, 3], [0, 0, 0, 0, 0, 1, 1]),
    TokenizedText([2, 8, 3], [0, 0, 0]),
    TokenizedText([2, *range(20, 60), 4, 4, 3], [0] * 44),
]
MASKS = [[2], [1], [41, 42]]

Load = Callable[[Path], Engine]
MakeConfig = Callable[..., AlbertConfig]


@pytest.fixture(scope="module", params=VARIANTS)
def folder(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    tiny_config: MakeConfig,
) -> Path:
    folder: Path = tmp_path_factory.mktemp(request.param)
    torch.manual_seed(1)
    AlbertForPreTraining(tiny_config(**VARIANTS[request.param])).save_pretrained(folder)
    return folder


def reference(folder: Path, text: TokenizedText) -> dict[str, np.ndarray]:
    model = transformers.AlbertForPreTraining.from_pretrained(folder).eval().double()
    inputs = {
        "input_ids": torch.tensor([text.input_ids]),
        "token_type_ids": torch.tensor([text.token_type_ids]),
    }
    with torch.no_grad():
        features, heads = model.albert(**inputs), model(**inputs)
    return {
        "hidden": features.last_hidden_state[0].numpy(),
        "pooled": features.pooler_output[0].numpy(),
        "mask": heads.prediction_logits[0].numpy(),
        "order": heads.sop_logits[0].numpy(),
    }


@pytest.mark.parametrize("load", ENGINES)
def test_an_engine_gives_what_transformers_gives(load: Load, folder: Path) -> None:
    engine = load(folder)
    hidden, pooled = engine.hidden_states(TEXTS), engine.pooled(TEXTS)
    masks, orders = engine.mask_logits(TEXTS, MASKS), engine.order_logits(TEXTS)
    for number, text in enumerate(TEXTS):
        expected = reference(folder, text)
        for got, wanted in (
            (hidden[number], expected["hidden"]),
            (pooled[number], expected["pooled"]),
            (masks[number], expected["mask"][MASKS[number]]),
            (orders[number], expected["order"]),
        ):
            assert got.shape == wanted.shape
            assert got.dtype == np.float32
            assert np.abs(got - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize("load", ENGINES)
def test_the_texts_beside_a_text_change_nothing(load: Load, tiny_folder: Path) -> None:
    engine = load(tiny_folder)
    together = engine.hidden_states(TEXTS)
    for text, states in zip(TEXTS, together, strict=True):
        (alone,) = engine.hidden_states([text])
        np.testing.assert_allclose(states, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("load", ENGINES)
def test_a_backbone_alone_has_no_trained_heads(
    load: Load, tmp_path: Path, tiny_config: MakeConfig
) -> None:
    AlbertModel(tiny_config(), add_pooling_layer=False).save_pretrained(tmp_path)
    engine = load(tmp_path)
    assert engine.hidden_states(TEXTS)[0].shape == (7, 32)
    for part, name in (("pooler", "pooler.weight"), ("mlm", "predictions.bias"), ("sop", "sop_")):
        with pytest.raises(ValueError, match=f"holds no trained .*{name}"):
            require_trained(engine, part)


def test_numpy_names_a_tensor_that_contradicts_the_configuration(
    tmp_path: Path, tiny_config: MakeConfig
) -> None:
    AlbertForPreTraining(tiny_config()).save_pretrained(tmp_path)
    tiny_config(intermediate_size=40).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"ffn\.weight.*\(48, 32\).*\(40, 32\)"):
        NumpyEngine.from_folder(tmp_path)


def test_numpy_opens_half_precision(tmp_path: Path, tiny_config: MakeConfig) -> None:
    model = AlbertForPreTraining(tiny_config(initializer_range=0.02))
    model.half().save_pretrained(tmp_path)
    got = NumpyEngine.from_folder(tmp_path).hidden_states(TEXTS)
    expected = TorchEngine(model.float()).hidden_states(TEXTS)
    for states, wanted in zip(got, expected, strict=True):
        np.testing.assert_allclose(states, wanted, rtol=0, atol=1e-5)


def test_torch_puts_a_model_in_evaluation_mode_and_keeps_its_precision(
    tiny_config: MakeConfig,
) -> None:
    model = AlbertForPreTraining(tiny_config(hidden_dropout_prob=0.5)).bfloat16().train()
    engine = TorchEngine(model)
    first, second = engine.pooled(TEXTS), engine.pooled(TEXTS)
    assert first.dtype == np.float32
    np.testing.assert_array_equal(first, second)


def test_the_error_function_is_as_good_as_float32() -> None:
    x = np.linspace(-5, 5, 20_001, dtype=np.float32)
    expected = np.array([math.erf(value) for value in x.tolist()])
    assert np.abs(numpy_engine._erf(x) - expected).max() < 5e-7
