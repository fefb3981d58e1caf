"""Fresh weights, and folders exchanged with transformers in both directions."""

import dataclasses
import json
import logging
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
import transformers
from torch import nn

import albertlm
from albertlm import AlbertConfig, AlbertForMaskedLM, AlbertForPreTraining, AlbertModel
from albertlm.checkpoints import huggingface
from albertlm.checkpoints.names import LoadReport
from albertlm.inference import heads
from albertlm.inference.engines import open_engine
from albertlm.inference.engines.base import TokenizedText
from albertlm.models.torch.pretrained import PreTrainedModel

SIZES: dict[str, Any] = {
    "vocab_size": 30,
    "embedding_size": 8,
    "hidden_size": 16,
    "num_hidden_layers": 4,
    "num_hidden_groups": 2,
    "inner_group_num": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 12,
}
CONFIG = AlbertConfig.from_dict(SIZES)
OURS = [name for name in albertlm.__all__ if name.startswith(("AlbertFor", "AlbertModel"))]
BOTH = [name for name in OURS if hasattr(transformers, name)]
HEAD = ("predictions.", "sop_classifier.", "classifier.", "qa_outputs.", "pooler.")


def fresh(name: str, **changes: int) -> PreTrainedModel:
    """A model with random weights, of three classes where it classifies."""
    torch.manual_seed(0)
    labels = 3 if name.endswith("Classification") else 2
    model = getattr(albertlm, name)(CONFIG.changed(num_labels=labels, **changes))
    assert isinstance(model, PreTrainedModel)
    return model


def loading(model: PreTrainedModel) -> LoadReport:
    """The report of a model that was read."""
    assert model.loading is not None
    return model.loading


def inputs_of(name: str) -> dict[str, torch.Tensor]:
    """Two texts, one with padding; two candidates for each where the task has candidates."""
    ids = torch.tensor([[2, 7, 8, 9, 3], [2, 5, 3, 0, 0]])
    inputs = {"input_ids": ids, "attention_mask": (ids != 0).long()}
    if name == "AlbertForMultipleChoice":
        inputs = {key: torch.stack([value, value.flip(0)], dim=1) for key, value in inputs.items()}
    return inputs


def outputs(model: nn.Module, name: str) -> list[torch.Tensor]:
    """What the model says of the texts, without what it says of padding."""
    inputs = inputs_of(name)
    mask = inputs["attention_mask"].bool()
    with torch.inference_mode():
        result = model.eval()(**inputs)
    tensors = [result[key] for key in result.keys()]  # noqa: SIM118
    return [tensor[mask] if tensor.shape[:2] == mask.shape else tensor for tensor in tensors]


def assert_same_outputs(model, other, name):
    for ours, theirs in zip(outputs(model, name), outputs(other, name), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", BOTH)
def test_transformers_opens_what_we_write(name, tmp_path):
    model = fresh(name)
    model.save_pretrained(tmp_path)
    theirs, info = getattr(transformers, name).from_pretrained(tmp_path, output_loading_info=True)
    assert not info["missing_keys"]
    assert not info["unexpected_keys"]
    assert not info["mismatched_keys"]
    assert theirs.config.architectures == [name]
    assert_same_outputs(model, theirs, name)


@pytest.mark.parametrize("name", BOTH)
def test_every_class_of_transformers_opens_our_pretrained_model(name, tmp_path):
    AlbertForPreTraining(CONFIG).save_pretrained(tmp_path)
    _, info = getattr(transformers, name).from_pretrained(tmp_path, output_loading_info=True)
    assert all(key.startswith(("classifier.", "qa_outputs.")) for key in info["missing_keys"])
    heads = ("predictions.", "sop_classifier.", "albert.pooler.", "pooler.")
    assert all(key.startswith(heads) for key in info["unexpected_keys"])


@pytest.mark.parametrize("name", BOTH)
@pytest.mark.parametrize("shard", ["1KB", "5GB"])
def test_we_open_what_transformers_writes(name, shard, tmp_path):
    torch.manual_seed(0)
    theirs = getattr(transformers, name)(transformers.AlbertConfig(**SIZES))
    theirs.save_pretrained(tmp_path, max_shard_size=shard)
    model = getattr(albertlm, name).from_pretrained(tmp_path)
    assert loading(model).new == ()
    assert loading(model).unused == ()
    assert len(loading(model).loaded) == len(list(model.parameters()))
    assert_same_outputs(model, theirs, name)


@pytest.mark.parametrize("name", OURS)
@pytest.mark.parametrize("limit", [1, 10**9])
def test_every_model_round_trips(name, limit, tmp_path):
    model = fresh(name)
    model.save_pretrained(tmp_path, max_shard_bytes=limit)
    read = getattr(albertlm, name).from_pretrained(tmp_path)
    assert read.config == model.config
    assert loading(read).new == loading(read).unused == ()
    for (key, ours), (other, theirs) in zip(
        model.state_dict().items(), read.state_dict().items(), strict=True
    ):
        assert key == other
        assert torch.equal(ours, theirs)


@pytest.fixture
def hub_folder(tmp_path):
    """The contents of the hub's files: both tied names, a constant, no sentence-order head."""
    model = fresh("AlbertForPreTraining")
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    tensors = {name: array for name, array in tensors.items() if not name.startswith("sop_")}
    tensors["predictions.decoder.weight"] = tensors["albert.embeddings.word_embeddings.weight"]
    tensors["predictions.decoder.bias"] = tensors["predictions.bias"]
    tensors["albert.embeddings.position_ids"] = np.arange(12)[None]
    safetensors.numpy.save_file(tensors, tmp_path / "model.safetensors")
    CONFIG.save_pretrained(tmp_path)
    return tmp_path


@pytest.fixture
def two_biases(tmp_path):
    """A folder of transformers with two output biases that differ, as the hub's own have them."""
    torch.manual_seed(0)
    sizes = SIZES | {"initializer_range": 0.3}
    theirs = transformers.AlbertForPreTraining(transformers.AlbertConfig(**sizes))
    theirs.save_pretrained(tmp_path)
    path = tmp_path / "model.safetensors"
    tensors = dict(safetensors.numpy.load_file(path))
    tensors["predictions.bias"] = np.linspace(-5, 5, 30, dtype=np.float32)
    tensors["predictions.decoder.bias"] = np.linspace(3, -3, 30, dtype=np.float32)
    safetensors.numpy.save_file(tensors, path, metadata={"format": "pt"})
    return tmp_path


@pytest.mark.parametrize("name", OURS)
def test_every_class_opens_a_folder_with_two_output_biases(name, two_biases):
    model = getattr(albertlm, name).from_pretrained(two_biases)
    if name in ("AlbertModel", "AlbertForMaskedLM", "AlbertForPreTraining"):
        theirs = getattr(transformers, name).from_pretrained(two_biases)
        assert_same_outputs(model, theirs, name)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_engines_compute_with_the_bias_that_transformers_uses(engine, two_biases):
    text = TokenizedText([2, 7, 4, 9, 3], [0] * 5)
    opened = open_engine(engine, two_biases, dtype="float32")
    ours = heads.mask_logits(opened, opened.states([text], [[2]])[0])
    theirs = transformers.AlbertForMaskedLM.from_pretrained(two_biases).eval()
    with torch.no_grad():
        expected = theirs(torch.tensor([text.input_ids])).logits[0, 2].numpy()
    np.testing.assert_allclose(ours[0], expected, atol=1e-4)


def test_a_bare_model_leaves_the_heads_of_the_hub_aside(hub_folder, caplog):
    model = AlbertModel.from_pretrained(hub_folder)
    assert loading(model).new == ()
    assert loading(model).unused == (
        "predictions.LayerNorm.bias",
        "predictions.LayerNorm.weight",
        "predictions.bias",
        "predictions.dense.bias",
        "predictions.dense.weight",
    )
    assert not caplog.records


def test_a_head_that_the_file_lacks_is_new_and_announced(hub_folder, caplog):
    with caplog.at_level(logging.WARNING):
        model = AlbertForPreTraining.from_pretrained(hub_folder)
    new = ("sop_classifier.classifier.bias", "sop_classifier.classifier.weight")
    assert loading(model).new == new
    (record,) = caplog.records
    assert f"holds no {', '.join(new)}; random until trained" in record.getMessage()
    assert 0.01 < model.sop_classifier.classifier.weight.std() < 0.04
    assert not model.sop_classifier.classifier.bias.any()


def test_new_heads_follow_the_seed(hub_folder):
    draws = []
    for _ in range(2):
        torch.manual_seed(5)
        model = albertlm.AlbertForSequenceClassification.from_pretrained(hub_folder)
        draws.append(model.classifier.weight)
    assert torch.equal(*draws)


def test_a_file_without_pooler_heads_and_prefix(shared_data):
    model = AlbertModel.from_pretrained(shared_data / "plbert-albert")
    assert loading(model).new == ("pooler.bias", "pooler.weight")
    with_head = AlbertForMaskedLM.from_pretrained(shared_data / "plbert-albert")
    assert {name.partition(".")[0] for name in loading(with_head).new} == {"predictions"}


def test_a_trained_model_is_read_in_evaluation_mode_and_draws_no_random_numbers(tmp_path):
    fresh("AlbertForMaskedLM").save_pretrained(tmp_path)
    before = torch.random.get_rng_state()
    model = AlbertForMaskedLM.from_pretrained(tmp_path)
    assert not model.training
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_a_read_model_can_be_trained_without_a_change_to_the_file(tmp_path):
    fresh("AlbertForMaskedLM").save_pretrained(tmp_path)
    before = (tmp_path / "model.safetensors").read_bytes()
    model = AlbertForMaskedLM.from_pretrained(tmp_path).train()
    model(**inputs_of("AlbertForMaskedLM")).logits.square().sum().backward()
    torch.optim.SGD(model.parameters(), lr=1.0).step()
    assert (tmp_path / "model.safetensors").read_bytes() == before


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_read_as_float32(dtype, tmp_path):
    model = fresh("AlbertModel").to(dtype)
    model.save_pretrained(tmp_path)
    read = AlbertModel.from_pretrained(tmp_path)
    for name, tensor in read.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, model.state_dict()[name].float())
    if dtype == torch.float16:
        values = sum(parameter.numel() for parameter in model.parameters())
        assert (tmp_path / "model.safetensors").stat().st_size < 2 * values + 10_000


def test_the_configuration_may_be_changed_where_the_tensors_allow(tmp_path):
    fresh("AlbertModel").save_pretrained(tmp_path)
    model = AlbertModel.from_pretrained(tmp_path, hidden_dropout_prob=0.5)
    assert model.config == dataclasses.replace(CONFIG, hidden_dropout_prob=0.5)
    with pytest.raises(ValueError, match="unknown configuration field 'dropout'"):
        AlbertModel.from_pretrained(tmp_path, dropout=0.5)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"hidden_size": 32}, r"wrong shape .*: encoder.*bias \(16,\) where \(32,\) is configured"),
        ({"vocab_size": 31}, r"wrong shape .*: embeddings.word_embeddings.weight \(30, 8\) where"),
        ({"num_hidden_groups": 1}, r"beyond the configuration \(correct its num_hidden_groups or"),
        ({"inner_group_num": 1}, r"beyond the configuration \(correct its num_hidden_groups or"),
        ({"num_hidden_groups": 4}, r"missing tensors \(the file is incomplete, or its config.json"),
    ],
)
def test_a_configuration_that_contradicts_the_tensors_is_refused(change, problem, tmp_path):
    fresh("AlbertModel").save_pretrained(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(ValueError, match=f"^{tmp_path}: .*{problem}") as error:
        AlbertModel.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)


def test_another_number_of_labels_is_refused(tmp_path):
    fresh("AlbertForSequenceClassification").save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"classifier.bias \(3,\) where \(2,\) is configured"):
        albertlm.AlbertForSequenceClassification.from_pretrained(tmp_path, num_labels=2)


@pytest.mark.parametrize(
    "name", ["AlbertForSequenceClassification", "AlbertForTokenClassification"]
)
def test_a_head_of_another_shape_is_drawn_anew_if_asked(name, tmp_path, caplog):
    fresh(name).save_pretrained(tmp_path)
    options = {"num_labels": 5, "ignore_mismatched_sizes": True}
    theirs = getattr(transformers, name).from_pretrained(tmp_path, **options)
    caplog.clear()
    ours = getattr(albertlm, name).from_pretrained(tmp_path, **options)
    assert loading(ours).new == ("classifier.bias", "classifier.weight")
    (said,) = (each.getMessage() for each in caplog.records)
    assert "holds no classifier.bias, classifier.weight of this shape; random until" in said
    assert ours.config.num_labels == theirs.config.num_labels == 5
    for key, tensor in theirs.state_dict().items():
        assert ours.state_dict()[key].shape == tensor.shape
        if not key.startswith("classifier."):
            assert torch.equal(ours.state_dict()[key], tensor)
    assert 0.01 < ours.classifier.weight.std() < 0.03
    assert not ours.classifier.bias.any()
    with pytest.raises(ValueError, match=r"wrong shape .*: embeddings\.position_embeddings"):
        getattr(albertlm, name).from_pretrained(
            tmp_path, max_position_embeddings=20, ignore_mismatched_sizes=True
        )


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("how", ["dtype", "torch_dtype"])
@pytest.mark.parametrize("asked", ["auto", "bfloat16", torch.float16, torch.float64])
def test_types_of_weights_are_those_of_transformers(stored, how, asked, tmp_path):
    torch.manual_seed(0)
    theirs = transformers.AlbertModel(transformers.AlbertConfig(**SIZES)).to(stored)
    theirs.save_pretrained(tmp_path)
    expected = transformers.AlbertModel.from_pretrained(tmp_path, dtype=asked)
    model = AlbertModel.from_pretrained(tmp_path, **{how: asked})
    assert model.dtype == expected.dtype
    for key, tensor in expected.state_dict().items():
        assert torch.equal(model.state_dict()[key], tensor)


@pytest.mark.parametrize("asked", ["int8", torch.int64, "half"])
def test_a_type_that_weights_cannot_have_is_refused(asked, tmp_path):
    fresh("AlbertModel").save_pretrained(tmp_path)
    name = str(asked).removeprefix("torch.")
    with pytest.raises(ValueError, match=f"dtype='{name}' is not allowed; it must be one of floa"):
        AlbertModel.from_pretrained(tmp_path, dtype=asked)


def test_the_type_in_a_configuration_of_old(tmp_path):
    fresh("AlbertModel").save_pretrained(tmp_path)
    fields = json.loads((tmp_path / "config.json").read_text())
    del fields["dtype"]
    for more, expected in (({}, torch.float32), ({"torch_dtype": "float16"}, torch.float16)):
        (tmp_path / "config.json").write_text(json.dumps(fields | more))
        assert AlbertModel.from_pretrained(tmp_path, dtype="auto").dtype == expected


NAMES = {0: "bad", 1: "fair", 2: "good", 3: "none"}


def test_a_classifier_is_made_of_a_pretrained_model_as_in_transformers(hub_folder, tmp_path):
    options = {
        "num_labels": 4,
        "id2label": NAMES,
        "label2id": {name: label for label, name in NAMES.items()},
        "problem_type": "multi_label_classification",
    }
    classes = (
        library.AlbertForSequenceClassification.from_pretrained(hub_folder, **options)
        for library in (albertlm, transformers)
    )
    for each in classes:
        assert each.classifier.weight.shape == (4, 16)
        for field, value in options.items():
            assert getattr(each.config, field) == value
        each.save_pretrained(tmp_path / "saved")
        again = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path / "saved")
        assert again.config.id2label == NAMES
        assert again.config.problem_type == "multi_label_classification"


def test_a_configuration_may_be_given(tmp_path):
    fresh("AlbertModel").save_pretrained(tmp_path / "model")
    CONFIG.changed(hidden_dropout_prob=0.25).save_pretrained(tmp_path / "other")
    config = AlbertConfig.from_pretrained(tmp_path / "other", classifier_dropout_prob=0.5)
    for given in (config, tmp_path / "other", str(tmp_path / "other")):
        model = AlbertModel.from_pretrained(tmp_path / "model", config=given, num_labels=3)
        assert (model.config.hidden_dropout_prob, model.config.num_labels) == (0.25, 3)
    assert config.classifier_dropout_prob == 0.5
    other: Any = transformers.AlbertConfig(**SIZES)
    with pytest.raises(ValueError, match=r"config is of type transformers.AlbertConfig; give an "):
        AlbertModel.from_pretrained(tmp_path / "model", config=other)


def test_a_model_in_a_folder_of_a_folder(tmp_path):
    fresh("AlbertModel").save_pretrained(tmp_path / "checkpoints" / "last")
    for library in (albertlm, transformers):
        model = library.AlbertModel.from_pretrained(tmp_path, subfolder="checkpoints/last")
        assert model.config.num_hidden_groups == 2
    config = AlbertConfig.from_pretrained(tmp_path, subfolder="checkpoints/last")
    assert config == CONFIG
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*checkpoints/first"):
        AlbertModel.from_pretrained(tmp_path, subfolder="checkpoints/first")


def test_an_unknown_tensor_is_refused(tmp_path):
    model = fresh("AlbertModel")
    model.save_pretrained(tmp_path)
    tensors = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
    huggingface.write(tmp_path, tensors | {"adapter.weight": np.zeros(2, np.float32)})
    with pytest.raises(ValueError, match=r"unknown tensors .*: adapter.weight$"):
        AlbertModel.from_pretrained(tmp_path)


def test_a_folder_without_weights_is_refused(tmp_path):
    CONFIG.save_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"holds no weights; it needs a model.safetensors"):
        AlbertModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("name", OURS)
def test_fresh_weights_are_those_of_transformers_in_distribution(name):
    model = fresh(name, hidden_size=128, intermediate_size=256)
    for module_name, module in model.named_modules():
        for key, parameter in module.named_parameters(recurse=False):
            where = f"{module_name}.{key}"
            if key == "bias":
                assert not parameter.any(), where
            elif isinstance(module, nn.LayerNorm):
                assert (parameter == 1).all(), where
            else:
                wanted = model.config.initializer_range
                tolerance = 5 * wanted / (2 * parameter.numel()) ** 0.5
                values = parameter[1:] if module_name.endswith("word_embeddings") else parameter
                assert abs(values.std() - wanted) < tolerance + 0.1 * wanted, where
    prefix = "" if name == "AlbertModel" else "albert."
    words = model.get_parameter(f"{prefix}embeddings.word_embeddings.weight")
    assert not words[CONFIG.pad_token_id].any()


def test_weights_are_those_of_the_seed():
    first, second = fresh("AlbertForMaskedLM"), fresh("AlbertForMaskedLM")
    for ours, theirs in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("name", OURS)
def test_a_model_can_be_pickled(name, tmp_path):
    model = fresh(name).eval()
    torch.save(model, tmp_path / "whole.pt")
    copy = torch.load(tmp_path / "whole.pt", weights_only=False)
    for ours, theirs in zip(outputs(model, name), outputs(copy, name), strict=True):
        assert torch.equal(ours, theirs)
