"""The models' numbers against transformers with equal weights, and against float64 references."""

import functools

import numpy as np
import pytest
import torch
import transformers
from recorded import FOLDERS, at_tokens, recorded
from torch import nn
from transformers.initialization import no_init_weights

import albertlm
from albertlm import AlbertConfig, AlbertModel
from albertlm.config import PRESETS

CLASSES = [
    name
    for name in albertlm.__all__
    if name.startswith(("AlbertFor", "AlbertModel")) and hasattr(transformers, name)
]

LAYOUTS = {name: AlbertConfig.preset(name, num_hidden_layers=2) for name in PRESETS} | {
    "groups": AlbertConfig.preset(
        "albert-base-v1",
        num_hidden_layers=7,
        num_hidden_groups=3,
        inner_group_num=2,
        hidden_size=96,
        intermediate_size=200,
    )
}

EACH_LAYOUT = [
    pytest.param(name, marks=pytest.mark.slow if "xlarge" in name else ()) for name in LAYOUTS
]

COUNTS = {  # of the released checkpoints: AlbertModel, and with both pretraining heads
    "base": (11_683_584, 11_813_810),
    "large": (17_683_968, 17_847_474),
    "xlarge": (58_724_864, 59_021_490),
    "xxlarge": (222_595_584, 223_158_450),
}


@functools.lru_cache(maxsize=1)
def backbone(layout: str) -> dict[str, torch.Tensor]:
    """Random weights of a layout's backbone and pooler; the tests of a layout share them."""
    with no_init_weights():
        model = transformers.AlbertModel(transformers.AlbertConfig(**LAYOUTS[layout].to_dict()))
    draw(model)
    return {f"albert.{name}": tensor for name, tensor in model.state_dict().items()}


def draw(model: nn.Module) -> None:
    """Random numbers everywhere: fresh biases of 0 and LayerNorm weights of 1 would hide errors."""
    torch.manual_seed(0)
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                if name == "bias" or isinstance(module, nn.LayerNorm):
                    parameter.normal_(mean=float(name == "weight"), std=0.1)
                else:
                    parameter.normal_(std=0.02)


def pair(name: str, layout: str) -> tuple[nn.Module, nn.Module]:
    """Our model and transformers', with one set of tensors between them."""
    config = LAYOUTS[layout]
    with no_init_weights():
        ours = getattr(albertlm, name)(config)
        theirs = getattr(transformers, name)(transformers.AlbertConfig(**config.to_dict()))
    weights = backbone(layout)
    if name == "AlbertModel":
        weights = {key.removeprefix("albert."): tensor for key, tensor in weights.items()}
    else:
        draw(nn.ModuleList(child for key, child in theirs.named_children() if key != "albert"))
    theirs.load_state_dict(weights, strict=False, assign=True)
    theirs.tie_weights()
    state = theirs.state_dict()
    ours.load_state_dict({key: state[key] for key in ours.state_dict()}, assign=True)
    return ours.eval(), theirs.eval()


def inputs_of(name: str, config: AlbertConfig) -> dict[str, torch.Tensor]:
    """Four pairs of segments of several lengths."""
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(5, config.vocab_size, (4, 8), generator=generator)
    lengths = torch.tensor([8, 3, 6, 7])[:, None]
    mask = (torch.arange(8) < lengths).long()
    segments = (torch.arange(8) > lengths // 2).long() * mask
    inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}
    if name == "AlbertForMultipleChoice":
        inputs = {key: tensor.unflatten(0, (2, 2)) for key, tensor in inputs.items()}
    return inputs


def outputs(model: nn.Module, name: str, config: AlbertConfig) -> dict[str, torch.Tensor]:
    """What the model says of all but padding, and the backbone's states after each layer."""
    inputs = inputs_of(name, config)
    mask = inputs["attention_mask"].flatten(0, -2).bool()
    with torch.inference_mode():
        result = model(**inputs, output_hidden_states=name == "AlbertModel")
    found = {key: result[key] for key in result.keys()}  # noqa: SIM118
    states = found.pop("hidden_states", ())
    found |= {f"hidden_states.{i}": state for i, state in enumerate(states)}
    return {
        key: (tensor[mask] if tensor.shape[:2] == mask.shape else tensor).float()
        for key, tensor in found.items()
    }


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("layout", EACH_LAYOUT)
def test_float32_is_that_of_transformers(layout, name):
    ours, theirs = pair(name, layout)
    config = LAYOUTS[layout]
    found, expected = outputs(ours, name, config), outputs(theirs, name, config)
    assert found.keys() == expected.keys()
    for key, tensor in expected.items():
        error = (found[key] - tensor).abs().max() / tensor.abs().max()
        assert error <= 1e-5, f"{key}: {error:.1e}"


@pytest.mark.parametrize("name", ["AlbertModel", "AlbertForPreTraining"])
@pytest.mark.parametrize("layout", EACH_LAYOUT)
def test_bfloat16_is_as_good_as_that_of_transformers(layout, name):
    ours, theirs = pair(name, layout)
    config = LAYOUTS[layout]
    expected = outputs(theirs, name, config)
    found = outputs(ours.bfloat16(), name, config)
    rival = outputs(theirs.bfloat16(), name, config)
    for key, tensor in expected.items():
        error, allowed = (found[key] - tensor).norm(), 2 * (rival[key] - tensor).norm()
        assert error <= allowed, f"{key}: {error / allowed * 2:.2f} times theirs"


def test_the_trained_weights_at_hand_give_their_float64_references(shared_data):
    folder = shared_data / "plbert-albert"
    model = AlbertModel.from_pretrained(folder)
    references = np.load(folder / "expected_last_hidden_state.npz")
    for i in range(3):
        ids = torch.from_numpy(references[f"ids_{i}"])[None]
        with torch.inference_mode():
            found = model(ids).last_hidden_state[0].numpy()
        np.testing.assert_allclose(found, references[f"numpy64_dequant_{i}"], rtol=0, atol=1e-4)


@pytest.mark.parametrize("name", FOLDERS)
def test_float32_is_that_of_transformers_classes_for_tensorflow(written_elsewhere, name):
    call = recorded(written_elsewhere / name)
    model = getattr(albertlm, call.kind).from_pretrained(written_elsewhere / name).eval()
    inputs = {name: torch.tensor(array) for name, array in call.inputs.items()}
    with torch.inference_mode():
        found = model(**inputs, output_hidden_states=True)
    expected = {field: array for field, array in call.outputs.items() if field in found.keys()}  # noqa: SIM118
    assert expected.keys() == call.outputs.keys() - {"loss", "attentions"}
    for field, array in expected.items():
        states = found[field]
        if isinstance(states, tuple):  # theirs are those after each group of inner layers
            states = torch.stack(states[:: model.config.inner_group_num])
        difference = at_tokens(states.numpy() - array)
        assert np.abs(difference).max() <= 1e-5 * np.abs(array).max(), field


@pytest.mark.parametrize("preset", PRESETS)
def test_parameter_counts_are_those_of_the_released_models(preset):
    config = AlbertConfig.preset(preset)
    with torch.device("meta"):
        models = AlbertModel(config), albertlm.AlbertForPreTraining(config)
    counts = tuple(sum(tensor.numel() for tensor in model.parameters()) for model in models)
    assert counts == COUNTS[preset.split("-")[1]]
