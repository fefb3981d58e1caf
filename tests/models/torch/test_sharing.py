"""Cross-layer sharing and the size of embeddings: the paper's ablations, against transformers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from albertlm import AlbertConfig, AlbertForPreTraining
from albertlm.checkpoints import huggingface
from albertlm.config import SHARED_MODULES, SHARING
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.models.torch.layer import AlbertLayer

Make = Callable[..., AlbertConfig]

IDS = torch.tensor([[2, 17, 4, 66, 3, 33, 3], [2, 8, 9, 10, 3, 11, 3]])
SHARED = [shared for shared in SHARED_MODULES if shared]


def fresh(config: AlbertConfig) -> AlbertForPreTraining:
    torch.manual_seed(0)
    return AlbertForPreTraining(config).eval()


def logits(model: nn.Module) -> Tensor:
    with torch.no_grad():
        found = model(IDS)
    return torch.cat([found.prediction_logits.flatten(), found.sop_logits.flatten()])


def opened_by_transformers(folder: Path) -> nn.Module:
    """The model of transformers that a folder holds whole, with nothing else in it."""
    opened: Any = transformers.AlbertForPreTraining.from_pretrained(
        folder, output_loading_info=True
    )
    model, info = opened
    assert not any(info.values())
    assert isinstance(model, nn.Module)
    return model


def assert_trains(model: AlbertForPreTraining) -> None:
    """A backward pass reaches every parameter."""
    model(IDS, labels=IDS, sentence_order_label=torch.tensor([0, 1])).loss.backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any() or name.endswith("key.bias"), name


@pytest.mark.parametrize("embedding", [64, 128, 256, 768])
@pytest.mark.parametrize("groups", [1, 2, 3])
def test_groups_and_embeddings_of_any_size_are_those_of_transformers(
    tiny_config: Make, embedding: int, groups: int, tmp_path: Path
) -> None:
    config = tiny_config(
        embedding_size=embedding,
        hidden_size=128,
        num_hidden_groups=groups,
        initializer_range=0.05,
    )
    model = fresh(config)
    assert_trains(model)
    model.save_pretrained(tmp_path)
    theirs = opened_by_transformers(tmp_path)
    torch.testing.assert_close(logits(model), logits(theirs), rtol=1e-5, atol=1e-5)
    again = AlbertForPreTraining.from_pretrained(tmp_path)
    assert torch.equal(logits(model), logits(again))


@pytest.mark.parametrize("inner", [1, 2])
@pytest.mark.parametrize("shared", SHARING)
def test_every_way_of_sharing_trains_and_comes_back(
    tiny_config: Make, shared: str, inner: int, tmp_path: Path
) -> None:
    model = fresh(tiny_config(inner_group_num=inner).with_sharing(shared))
    assert_trains(model)
    model.save_pretrained(tmp_path)
    again = AlbertForPreTraining.from_pretrained(tmp_path)
    assert again.config == model.config
    assert [name for name, _ in again.named_parameters()] == [
        name for name, _ in model.named_parameters()
    ]
    assert torch.equal(logits(model), logits(again))
    assert_trains(again)


@pytest.mark.parametrize("shared", SHARED)
def test_the_shared_part_is_one_and_gets_the_gradient_of_all_layers(
    tiny_config: Make, shared: str
) -> None:
    tied = fresh(tiny_config().with_sharing(shared))
    untied = fresh(tiny_config().with_sharing("none"))
    untied.load_state_dict(tied.state_dict())
    assert torch.equal(logits(tied), logits(untied))
    for model in (tied, untied):
        assert_trains(model)
    ours, theirs = ([*m.albert.encoder.albert_layer_groups] for m in (tied, untied))
    for name in ("attention.query.weight", "ffn.weight", "full_layer_layer_norm.bias"):
        own = [group.albert_layers[0].get_parameter(name) for group in ours]
        apart = [group.albert_layers[0].get_parameter(name).grad for group in theirs]
        if name.partition(".")[0] in SHARED_MODULES[shared]:
            assert own[0] is own[1] is own[2]
            torch.testing.assert_close(own[0].grad, torch.stack(apart).sum(0))
        else:
            for parameter, gradient in zip(own, apart, strict=True):
                torch.testing.assert_close(parameter.grad, gradient)


@pytest.mark.parametrize("shared", SHARED)
def test_others_compute_the_same_from_our_folder(
    tiny_config: Make, shared: str, tmp_path: Path
) -> None:
    model = fresh(tiny_config().with_sharing(shared))
    model.save_pretrained(tmp_path)
    theirs = opened_by_transformers(tmp_path)
    torch.testing.assert_close(logits(model), logits(theirs), rtol=1e-5, atol=1e-5)
    engine = NumpyEngine.from_folder(tmp_path)
    (states,) = engine.states([TokenizedText(IDS[0].tolist(), [0] * 7)])
    with torch.no_grad():
        expected = model.albert(IDS[:1]).last_hidden_state[0]
    torch.testing.assert_close(torch.from_numpy(states), expected, rtol=1e-5, atol=1e-5)


def test_copies_that_went_apart_are_refused_until_the_field_is_gone(
    tiny_config: Make, tmp_path: Path
) -> None:
    model = fresh(tiny_config().with_sharing("attention"))
    model.save_pretrained(tmp_path)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    name = "encoder.albert_layer_groups.1.albert_layers.0.attention.key.bias"
    tensors[f"albert.{name}"] = tensors[f"albert.{name}"] + 1
    huggingface.write(tmp_path, tensors)
    with pytest.raises(ValueError, match=f"{name} differs from .*groups.0.*='attention'") as error:
        AlbertForPreTraining.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)
    fields = json.loads((tmp_path / "config.json").read_text())
    del fields["shared_across_groups"]
    (tmp_path / "config.json").write_text(json.dumps(fields))
    assert AlbertForPreTraining.from_pretrained(tmp_path).config.shared_across_groups is None


@pytest.mark.parametrize("shared", SHARING)
@pytest.mark.parametrize("depth", [1, 2])
def test_depth_is_the_first_applications(tiny_config: Make, shared: str, depth: int) -> None:
    config = tiny_config().with_sharing(shared)
    model = fresh(config)
    with torch.no_grad():
        states = model.albert(IDS, output_hidden_states=True).hidden_states
    model.albert.encoder.depth = depth
    with torch.no_grad():
        shallow = model.albert(IDS).last_hidden_state
    torch.testing.assert_close(shallow, states[depth])
    model(IDS, labels=IDS).loss.backward()
    groups = model.albert.encoder.albert_layer_groups
    for number, group in enumerate(groups):
        own = group.get_submodule("albert_layers.0")
        assert isinstance(own, AlbertLayer)
        used = number < depth
        assert (own.attention.query.weight.grad is not None) == (used or shared == "attention")
        assert (own.ffn.weight.grad is not None) == (used or shared == "ffn")
