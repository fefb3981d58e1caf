"""The configuration against transformers' own, the released presets and bad fields."""

import dataclasses
import json
import re
from typing import Any

import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertForSequenceClassification
from albertlm.config import ACTIVATIONS, PRESETS, SHARED_MODULES, SHARING, AlbertConfig

RELEASED = {  # sizes and dropouts of the released configurations
    "albert-base-v1": (12, 768, 12, 3072, "gelu", 0.1),
    "albert-large-v1": (24, 1024, 16, 4096, "gelu", 0.1),
    "albert-xlarge-v1": (24, 2048, 16, 8192, "gelu", 0.1),
    "albert-xxlarge-v1": (12, 4096, 64, 16384, "gelu", 0.0),
    "albert-base-v2": (12, 768, 12, 3072, "gelu_new", 0.0),
    "albert-large-v2": (24, 1024, 16, 4096, "gelu_new", 0.0),
    "albert-xlarge-v2": (24, 2048, 16, 8192, "gelu_new", 0.0),
    "albert-xxlarge-v2": (12, 4096, 64, 16384, "gelu_new", 0.0),
}


@st.composite
def configs(draw):
    heads = draw(st.integers(1, 8))
    layers = draw(st.integers(1, 24))
    groups = draw(st.integers(1, layers))
    return AlbertConfig(
        vocab_size=draw(st.integers(8, 100)),
        embedding_size=draw(st.integers(1, 16)),
        hidden_size=heads * draw(st.integers(1, 8)),
        num_attention_heads=heads,
        num_hidden_layers=layers,
        num_hidden_groups=groups,
        inner_group_num=draw(st.integers(1, 3)),
        hidden_act=draw(st.sampled_from([*ACTIVATIONS])),
        hidden_dropout_prob=draw(st.floats(0, 0.9)),
        num_labels=draw(st.integers(1, 5)),
        shared_across_groups=draw(st.sampled_from([*SHARED_MODULES])) if groups > 1 else None,
    )


def test_the_presets_are_the_released_models():
    sizes = {}
    for name in PRESETS:
        config = AlbertConfig.preset(name)
        assert config.attention_probs_dropout_prob == config.hidden_dropout_prob
        assert (config.vocab_size, config.embedding_size) == (30000, 128)
        assert (config.max_position_embeddings, config.type_vocab_size) == (512, 2)
        sizes[name] = (
            config.num_hidden_layers,
            config.hidden_size,
            config.num_attention_heads,
            config.intermediate_size,
            config.hidden_act,
            config.hidden_dropout_prob,
        )
    assert sizes == RELEASED


def test_a_preset_may_be_changed_and_named_as_on_the_hub():
    config = AlbertConfig.preset("albert/albert-base-v2", num_hidden_layers=2)
    assert (config.num_hidden_layers, config.hidden_size) == (2, 768)


def test_an_unknown_preset_names_those_there_are():
    with pytest.raises(ValueError, match="unknown preset 'albert-huge'; the presets are albert-b"):
        AlbertConfig.preset("albert-huge")


def test_the_defaults_are_those_of_transformers():
    theirs = transformers.AlbertConfig()
    for field, value in AlbertConfig().to_dict().items():
        assert getattr(theirs, field) == value, field


@given(configs())
def test_fields_round_trip(config):
    assert AlbertConfig.from_dict(config.to_dict()) == config


@given(config=configs())
def test_transformers_reads_what_we_write_and_we_what_it_writes(config, tmp_path_factory):
    ours, theirs = tmp_path_factory.mktemp("ours"), tmp_path_factory.mktemp("theirs")
    config.save_pretrained(ours, architecture="AlbertModel")
    read = transformers.AutoConfig.from_pretrained(ours)
    assert read.architectures == ["AlbertModel"]
    for field, value in config.to_dict().items():
        assert getattr(read, field) == value, field
    read.save_pretrained(theirs)
    assert AlbertConfig.from_pretrained(theirs) == config


@given(configs())
def test_groups_share_the_layers_out_evenly_and_in_order(config):
    groups = [config.group_of(layer) for layer in range(config.num_hidden_layers)]
    assert groups == sorted(groups)
    assert set(groups) == set(range(config.num_hidden_groups))
    counts = [groups.count(group) for group in set(groups)]
    assert max(counts) - min(counts) <= 1


def test_the_four_ways_of_sharing():
    config = AlbertConfig.preset("albert-base-v2")
    found = {shared: config.with_sharing(shared) for shared in SHARING}
    assert {
        shared: (one.num_hidden_groups, one.shared_across_groups) for shared, one in found.items()
    } == {"all": (1, None), "attention": (12, "attention"), "ffn": (12, "ffn"), "none": (12, None)}
    assert all(one.with_sharing("all") == config for one in found.values())
    with pytest.raises(ValueError, match=r"sharing='half' .* one of all, attention, ffn, none$"):
        config.with_sharing("half")


def test_a_field_that_the_hub_does_not_know_is_written_only_where_it_is_set(tmp_path):
    config = AlbertConfig.preset("albert-base-v2")
    for shared in SHARING:
        config.with_sharing(shared).save_pretrained(tmp_path)
        fields = json.loads((tmp_path / "config.json").read_text())
        expected = shared if shared in SHARED_MODULES else None
        assert fields.get("shared_across_groups") == expected
        assert ("shared_across_groups" in fields) == (expected is not None)


@pytest.mark.parametrize(
    ("field", "value", "allowed"),
    [
        ("vocab_size", 0, "an integer of 1 or more"),
        ("hidden_size", 64.0, "an integer of 1 or more"),
        ("num_hidden_layers", True, "an integer of 1 or more"),
        ("inner_group_num", "1", "an integer of 1 or more"),
        ("hidden_dropout_prob", 1.0, "a number from 0 up to, but not including, 1"),
        ("classifier_dropout_prob", None, "a number from 0 up to, but not including, 1"),
        ("initializer_range", 0, "a number above 0"),
        ("layer_norm_eps", -1e-12, "a number above 0"),
        ("hidden_act", "softplus", "one of gelu, gelu_python, gelu_new"),
        ("hidden_size", 10**400, "2147483647 or less"),
        ("num_labels", 2**31, "2147483647 or less"),
        ("layer_norm_eps", float("inf"), "finite"),
        ("layer_norm_eps", float("nan"), "a number above 0"),
        ("initializer_range", 10**400, "finite"),
        ("hidden_dropout_prob", float("nan"), "a number from 0 up to"),
        ("eos_token_id", "x", "an id of 0 or more, or None"),
        ("bos_token_id", -1, "an id of 0 or more, or None"),
        ("eos_token_id", 10**400, "an id of 0 or more, or None"),
        ("hidden_act", None, "one of gelu"),
        ("architectures", "AlbertModel", "names of classes, or None"),
        ("architectures", [1], "names of classes, or None"),
        ("problem_type", 1, "one of "),
        ("label2id", 1, "an object, or None"),
        ("num_attention_heads", 3, "a divisor of hidden_size=4096"),
        ("pad_token_id", 30000, "an id from 0 to 29999"),
        ("shared_across_groups", "pooler", "None, 'attention' or 'ffn'"),
        (
            "shared_across_groups",
            "ffn",
            "None with num_hidden_groups=1, where everything is shared",
        ),
    ],
)
def test_a_field_out_of_range_is_named_with_what_is_allowed(field, value, allowed):
    with pytest.raises(
        ValueError, match=rf"^{field}={re.escape(repr(value))} is not allowed; it must be {allowed}"
    ):
        AlbertConfig.from_dict({field: value})


WRONG: list[Any] = [
    None,
    True,
    -1,
    10**400,
    float("inf"),
    float("nan"),
    "x",
    "",
    [],
    [[]],
    {},
    {"a": []},
]


@pytest.mark.parametrize("value", WRONG)
@pytest.mark.parametrize(
    "field", [each.name for each in dataclasses.fields(AlbertConfig) if each.name != "extra"]
)
def test_any_value_is_accepted_or_refused_in_one_line(field, value, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps({field: value}))
    try:
        AlbertConfig.from_json_file(path)
    except ValueError as error:
        assert str(error).startswith(f"{path}: ")  # noqa: PT017
        assert "\n" not in str(error)  # noqa: PT017


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 100_000, "1" * 5000])
def test_a_file_that_is_nested_too_deeply_is_no_configuration(text, tmp_path):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"config.json is not valid JSON \(.*\); fetch or wr"):
        AlbertConfig.from_pretrained(tmp_path)


def test_an_unknown_field_suggests_the_near_one():
    with pytest.raises(ValueError, match="'hiden_size'; did you mean 'hidden_size'"):
        AlbertConfig.from_dict({"hiden_size": 768})
    with pytest.raises(ValueError, match="'zzz'; the fields are vocab_size, embedding_size"):
        AlbertConfig.from_dict({"zzz": 1})


def test_fields_that_we_do_not_use_are_kept(tmp_path):
    fields = {"model_type": "albert", "hidden_size": 768, "num_attention_heads": 12}
    extra = {"down_scale_factor": 1, "gap_size": 0, "task_specific_params": {"a": [1]}}
    (tmp_path / "config.json").write_text(json.dumps(fields | extra))
    config = AlbertConfig.from_pretrained(tmp_path)
    assert config.hidden_size == 768
    config.save_pretrained(tmp_path / "again")
    again = json.loads((tmp_path / "again" / "config.json").read_text())
    assert again.items() >= (fields | extra).items()


NAMES = {0: "contradiction", 1: "entailment", 2: "neutral"}


def test_a_classifier_of_transformers_keeps_its_names(tmp_path):
    """Written there, loaded and saved here, opened there."""
    fields: dict[str, Any] = {
        "hidden_size": 8,
        "num_attention_heads": 2,
        "intermediate_size": 8,
        "vocab_size": 9,
        "id2label": NAMES,
        "problem_type": "multi_label_classification",
        "finetuning_task": "mnli",
    }
    theirs = transformers.AlbertConfig(**fields)
    transformers.AlbertForSequenceClassification(theirs).save_pretrained(tmp_path / "theirs")
    model = AlbertForSequenceClassification.from_pretrained(tmp_path / "theirs")
    assert (model.config.id2label, model.config.num_labels) == (NAMES, 3)
    assert model.config.label2id == {name: label for label, name in NAMES.items()}
    model.half().save_pretrained(tmp_path / "ours")
    again = transformers.AutoConfig.from_pretrained(tmp_path / "ours")
    assert again.id2label == NAMES
    assert again.label2id == model.config.label2id
    assert again.problem_type == "multi_label_classification"
    assert again.architectures == ["AlbertForSequenceClassification"]
    assert again.finetuning_task == "mnli"
    assert again.dtype == torch.float16


def test_names_are_dropped_with_another_number_of_labels():
    config = AlbertConfig(num_labels=3, id2label=NAMES)
    assert config.changed(num_labels=3).id2label == NAMES
    changed = config.changed(num_labels=5)
    assert (changed.num_labels, changed.id2label, changed.label2id) == (5, None, None)
    assert config.changed(id2label={0: "no", 1: "yes"}).label2id == {"no": 0, "yes": 1}
    assert config.changed(label2id={"no": 0, "yes": 1}).id2label == {0: "no", 1: "yes"}
    with pytest.raises(ValueError, match=r"problem_type='any' .* regression, single_label_class"):
        config.changed(problem_type="any")
    assert config.label_names == tuple(NAMES.values())
    assert config.changed(num_labels=2).label_names == ("LABEL_0", "LABEL_1")
    with pytest.raises(ValueError, match="'hiden_size'; did you mean 'hidden_size'"):
        config.changed(hiden_size=8)


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ({"0": "a", "2": "b"}, "must be a name for each label from 0 to 1"),
        (["a", "b"], "must be an object"),
        ({"a": "b"}, "invalid literal"),
    ],
)
def test_bad_names_of_labels(tmp_path, labels, said):
    (tmp_path / "config.json").write_text(json.dumps({"id2label": labels}))
    with pytest.raises(ValueError, match=said):
        AlbertConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{", "is not valid JSON .*; fetch or write it again"),
        ("\udcff", "is not valid JSON .*; fetch or write it again"),
        ("[]", "is not a JSON object but a list; fetch or write it again"),
        ('{"model_type": "bert"}', "describes 'bert'; only model_type 'albert' can be read"),
        (
            '{"hidden_size": -1}',
            "config.json: hidden_size=-1 is not allowed; it must be an integer",
        ),
    ],
)
def test_a_bad_file_is_one_line(tmp_path, text, problem):
    (tmp_path / "config.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ValueError, match=problem) as error:
        AlbertConfig.from_pretrained(tmp_path)
    assert "\n" not in str(error.value)
