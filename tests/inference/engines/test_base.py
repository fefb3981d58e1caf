"""Every engine against transformers with the same random weights, alone and in batches."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertModel
from albertlm.inference import heads, processor
from albertlm.inference.engines import ENGINES, engine_class, open_engine
from albertlm.inference.engines.base import DTYPES, TokenizedText, resolve_dtype
from albertlm.inference.engines.numpy import NumpyEngine

VARIANTS: dict[str, dict[str, Any]] = {
    "erf": {"hidden_act": "gelu"},
    "tanh": {"hidden_act": "gelu_new"},
    "relu": {"hidden_act": "relu"},
    "silu": {"hidden_act": "swish"},
    "quick": {"hidden_act": "quick_gelu"},
    "no padding token": {"pad_token_id": None},
    "more groups than layers": {"num_hidden_layers": 2, "num_hidden_groups": 4},
    "groups": {"num_hidden_layers": 4, "num_hidden_groups": 2, "inner_group_num": 2},
}
TEXTS = [
    TokenizedText([2, 17, 4, 66, 3, 33, 3], [0, 0, 0, 0, 0, 1, 1]),
    TokenizedText([2, 8, 3], [0, 0, 0]),
    TokenizedText([2, *range(20, 60), 4, 4, 3], [0] * 44),
]
MASKS = [[2], [1], [41, 42]]

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


@pytest.mark.parametrize("name", ENGINES)
def test_an_engine_gives_what_transformers_gives(name: str, folder: Path) -> None:
    engine = open_engine(name, folder, dtype="float32")
    hidden, pooled = engine.states(TEXTS), heads.pooled(engine, TEXTS)
    masks = [heads.mask_logits(engine, x_PD) for x_PD in engine.states(TEXTS, MASKS)]
    orders = heads.order_logits(engine, TEXTS)
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


@pytest.mark.parametrize("name", ENGINES)
def test_the_texts_beside_a_text_change_nothing(name: str, tiny_folder: Path) -> None:
    engine = open_engine(name, tiny_folder, dtype="float32")
    together = engine.states(TEXTS)
    for text, states in zip(TEXTS, together, strict=True):
        (alone,) = engine.states([text])
        np.testing.assert_allclose(states, alone, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ENGINES)
def test_some_positions_at_some_depth(name: str, folder: Path) -> None:
    engine = open_engine(name, folder, dtype="float32")
    theirs = transformers.AlbertModel.from_pretrained(folder).eval()
    deepest = engine.config.num_hidden_layers * engine.config.inner_group_num
    for depth in range(1, deepest + 1):
        for text, at, states in zip(TEXTS, MASKS, engine.states(TEXTS, MASKS, depth), strict=True):
            inputs = (torch.tensor([row]) for row in text)
            with torch.no_grad():
                expected = theirs(
                    next(inputs), token_type_ids=next(inputs), output_hidden_states=True
                ).hidden_states
            np.testing.assert_allclose(states, expected[depth][0, at], rtol=0, atol=1e-4)
    assert len(engine.states(TEXTS)[0]) == len(TEXTS[0].input_ids)  # at full depth again
    for depth in (0, deepest + 1):
        with pytest.raises(ValueError, match=f"must be from 1 to the model's {deepest} app"):
            engine.states(TEXTS, depth=depth)


@pytest.mark.parametrize("name", ENGINES)
def test_a_backbone_alone_has_no_trained_heads(
    name: str, tmp_path: Path, tiny_config: MakeConfig
) -> None:
    AlbertModel(tiny_config(), add_pooling_layer=False).save_pretrained(tmp_path)
    engine = open_engine(name, tmp_path, dtype="float32")
    assert engine.states(TEXTS)[0].shape == (7, 32)
    for part, head in (("pooler", "pooler.weight"), ("mlm", "predictions.bias"), ("sop", "sop_")):
        with pytest.raises(ValueError, match=f"holds no trained .*{head}"):
            heads.require_trained(engine, part)


@pytest.mark.parametrize("name", ENGINES)
def test_the_order_of_texts_changes_nothing(name: str, tiny_folder: Path) -> None:
    engine = open_engine(name, tiny_folder, dtype="float32")
    random = np.random.default_rng(0)
    texts = [
        TokenizedText([2, *random.integers(5, 70, length).tolist(), 3], [0] * (length + 2))
        for length in random.integers(1, 60, 40).tolist()
    ]
    states, backwards = engine.states(texts), engine.states(texts[::-1])
    for text, ours, again in zip(texts, states, backwards[::-1], strict=True):
        assert ours.shape == (len(text.input_ids), 32)
        np.testing.assert_allclose(ours, again, rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", [name for name in ENGINES if "bfloat16" in DTYPES[name]])
def test_bfloat16_errs_at_most_twice_as_much_as_that_of_transformers(
    name: str, tmp_path: Path, tiny_config: MakeConfig
) -> None:
    if name == "openvino" and not processor.has_bfloat16():
        pytest.skip("the processor has no bfloat16")
    torch.manual_seed(2)
    sizes = {"hidden_size": 64, "num_hidden_layers": 6, "initializer_range": 0.1}
    AlbertForPreTraining(tiny_config(**sizes)).save_pretrained(tmp_path)
    theirs = transformers.AlbertModel.from_pretrained(tmp_path).eval()
    found = open_engine(name, tmp_path, dtype="bfloat16").states(TEXTS)
    errors: dict[str, list[float]] = {"ours": [], "theirs": []}
    for text, states in zip(TEXTS, found, strict=True):
        ids, segments = (torch.tensor([row]) for row in text)
        with torch.no_grad():
            exact = theirs.float()(ids, token_type_ids=segments).last_hidden_state[0].numpy()
            half = theirs.bfloat16()(ids, token_type_ids=segments).last_hidden_state[0]
        errors["ours"].append(float(np.linalg.norm(states - exact)))
        errors["theirs"].append(float(np.linalg.norm(half.float().numpy() - exact)))
    assert 0 < np.linalg.norm(errors["ours"]) <= 2 * np.linalg.norm(errors["theirs"])


@pytest.mark.parametrize("name", [name for name in ENGINES if "int8" in DTYPES[name]])
def test_int8_is_near_float32_at_any_length(
    name: str, tmp_path: Path, tiny_config: MakeConfig
) -> None:
    torch.manual_seed(3)
    AlbertForPreTraining(tiny_config(initializer_range=0.1)).save_pretrained(tmp_path)
    ours, exact = (
        engine_class(name).from_folder(tmp_path, dtype=dtype) for dtype in ("int8", "float32")
    )
    for texts in (TEXTS[:1], TEXTS * 3):
        for found, wanted in zip(ours.states(texts), exact.states(texts), strict=True):
            assert np.linalg.norm(found - wanted) <= 0.05 * np.linalg.norm(wanted)
            assert not np.array_equal(found, wanted)


@pytest.mark.parametrize("name", ENGINES)
def test_a_precision_that_an_engine_does_not_have(name: str, tiny_folder: Path) -> None:
    told = f"dtype='float64' is not allowed; it must be one of auto, .*with engine='{name}'"
    with pytest.raises(ValueError, match=told):
        open_engine(name, tiny_folder, dtype="float64")


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "torch"])
def test_only_torch_computes_on_other_devices(name: str, tiny_folder: Path) -> None:
    open_engine(name, tiny_folder, device="cpu")
    told = f"device='cuda' is not allowed; it must be cpu with engine='{name}'"
    with pytest.raises(ValueError, match=told):
        open_engine(name, tiny_folder, device="cuda")


def test_auto_is_bfloat16_where_the_processor_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for has, expected in ((True, "bfloat16"), (False, "float32")):
        monkeypatch.setattr(processor, "has_bfloat16", lambda has=has: has)
        assert resolve_dtype("openvino", "auto") == resolve_dtype("torch", "auto") == expected
        assert resolve_dtype("numpy", "auto") == resolve_dtype("onnx", "auto") == "float32"


@pytest.mark.parametrize("name", ["numpy", "openvino", "onnx"])
def test_engines_on_the_cpu_do_not_import_torch(name: str, tiny_folder: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from albertlm.inference.engines import open_engine;"
        "from albertlm.inference.engines.base import TokenizedText;"
        f"engine = open_engine({name!r}, Path({str(tiny_folder)!r}));"
        "engine.states([TokenizedText([2, 3], [0, 0])]); assert 'torch' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_engine_whose_library_is_missing(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.delitem(sys.modules, "albertlm.inference.engines.onnx", raising=False)
    with pytest.raises(ModuleNotFoundError, match=r"onnxruntime is .*'albertlm\[onnx\]'"):
        open_engine("onnx", tiny_folder)


def test_numpy_names_a_tensor_that_contradicts_the_configuration(
    tmp_path: Path, tiny_config: MakeConfig
) -> None:
    AlbertForPreTraining(tiny_config()).save_pretrained(tmp_path)
    tiny_config(intermediate_size=40).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"ffn\.weight.*\(48, 32\).*\(40, 32\)"):
        NumpyEngine.from_folder(tmp_path)
