import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from albertlm import AlbertTokenizer, pipeline, storage
from albertlm.inference.engines.torch import TorchEngine
from albertlm.serving.batching import Cancelled, Usage
from albertlm.serving.loaded_model import LoadedModel, LoadOptions


@pytest.fixture(scope="module")
def load() -> Iterator[Callable[..., LoadedModel]]:
    """Loads a folder; all models are closed at the end."""
    loaded = []

    def make(folder: Path, engine: str = "numpy") -> LoadedModel:
        loaded.append(LoadedModel(LoadOptions(folder, engine, "auto", max_batch_tokens=256)))
        return loaded[-1]

    yield make
    for each in loaded:
        each.close()


@pytest.fixture(scope="module")
def model(load: Callable[..., LoadedModel], tiny_folder: Path) -> LoadedModel:
    return load(tiny_folder)


def run(model: LoadedModel, task: str, inputs: Any, **options: Any) -> Any:
    return model.run(task, inputs, options, Usage())


@pytest.mark.parametrize(
    ("architecture", "labels", "tasks"),
    [
        ("AlbertModel", [], ["feature-extraction"]),
        ("AlbertForMaskedLM", [], ["fill-mask", "feature-extraction"]),
        (
            "AlbertForSequenceClassification",
            ["good", "bad"],
            ["text-classification", "feature-extraction"],
        ),
        (
            "AlbertForSequenceClassification",
            ["entailment", "neutral", "contradiction"],
            ["text-classification", "feature-extraction", "zero-shot-classification"],
        ),
        (
            "AlbertForTokenClassification",
            ["O", "B-PER"],
            ["token-classification", "feature-extraction"],
        ),
        ("AlbertForQuestionAnswering", [], ["question-answering", "feature-extraction"]),
        ("AlbertForMultipleChoice", [], ["multiple-choice", "feature-extraction"]),
    ],
)
def test_a_model_has_the_tasks_that_it_was_trained_for(
    load: Callable[..., LoadedModel],
    fine_tuned: Callable[..., Path],
    architecture: str,
    labels: list[str],
    tasks: list[str],
) -> None:
    model = load(fine_tuned(architecture, labels))
    model.warm_up()
    added = {"sentence-similarity", "rerank"}  # which follow from the others
    assert [task for task in model.tasks if task not in added] == tasks
    assert model.facts["architecture"] == architecture
    assert model.facts["labels"] == labels


def test_the_facts_of_a_model(model: LoadedModel, tiny_folder: Path) -> None:
    config = json.loads((tiny_folder / "config.json").read_text())
    assert model.tasks[0] == "fill-mask"
    assert model.facts == {
        "architecture": "AlbertForPreTraining",
        "engine": "numpy",
        "dtype": "float32",
        "max_length": config["max_position_embeddings"],
        "labels": [],
        "pooling": "mean",
        "prompts": {},
        "examples": [],
        "parameters": sum(array.size for array in model.engine.parameters.values()),
        "sha256": storage.sha256(tiny_folder / "model.safetensors"),
    }


def test_prompts_are_those_of_sentence_transformers(
    load: Callable[..., LoadedModel], tiny_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "prompted"
    shutil.copytree(tiny_folder, folder)
    prompts = {"query": "query: ", "passage": ""}
    storage.write_json(folder / "config_sentence_transformers.json", {"prompts": prompts})
    assert load(folder).facts["prompts"] == prompts


def test_results_are_those_of_pipelines(model: LoadedModel, tiny_folder: Path) -> None:
    texts = ["The old [MASK] walked to the river.", "She sold the [MASK]."]
    expected: Any = pipeline("fill-mask", tiny_folder, engine="numpy")(texts, top_k=2, clean=True)
    found = run(model, "fill-mask", texts, top_k=2, clean=True)
    for of_text, wanted in zip(found, expected, strict=True):
        assert [each["token"] for each in of_text] == [each["token"] for each in wanted]
    (features,) = run(model, "feature-extraction", ["She sold the boats."], pooling="mean")
    np.testing.assert_allclose(
        features,
        pipeline("feature-extraction", tiny_folder)("She sold the boats.", pooling="mean"),
        atol=1e-5,
    )


def test_inputs_may_be_a_mapping_of_arguments(model: LoadedModel) -> None:
    given = {"first": "Nobody walked to the river.", "second": "She sold the boats."}
    score = run(model, "sentence-order", given)
    assert 0 <= score <= 1
    assert run(model, "sentence-order", {"first": given["first"]}, second=given["second"]) == score
    lists = {name: [text] for name, text in given.items()}
    assert run(model, "sentence-order", lists) == pytest.approx([score], abs=1e-5)


def test_a_classifier_of_one_label_also_ranks(
    load: Callable[..., LoadedModel], fine_tuned: Callable[..., Path]
) -> None:
    model = load(fine_tuned("AlbertForSequenceClassification", ["relevant"]))
    assert model.tasks[0] == "text-classification"
    given = {"query": "Who walked?", "texts": ["She sold the boats.", "Nobody walked."]}
    assert {each["index"] for each in run(model, "rerank", given)} == {0, 1}


def test_a_mapping_that_is_one_input_stays_one(
    load: Callable[..., LoadedModel], fine_tuned: Callable[..., Path]
) -> None:
    classify = load(fine_tuned("AlbertForSequenceClassification", ["good", "bad"]))
    pair = {"text": "She sold the boats.", "text_pair": "Nobody walked."}
    assert {each["label"] for each in run(classify, "text-classification", pair, top_k=2)} == {
        "good",
        "bad",
    }
    answer = load(fine_tuned("AlbertForQuestionAnswering"))
    asked = {"question": "Who walked?", "context": "Nobody walked to the river."}
    expected = run(answer, "question-answering", asked)
    assert run(answer, "question-answering", {**asked, "id": "7"}) == expected
    assert run(answer, "question-answering", [asked]) == [expected]


@pytest.mark.parametrize(
    ("task", "inputs", "options", "told"),
    [
        ("sentence-order", "One.", {}, "sentence-order takes first, second, but missing .*second"),
        ("sentence-similarity", {"sentences": []}, {}, "missing .*source_sentence"),
        ("fill-mask", "No mask.", {}, r"no \[MASK\]"),
        ("fill-mask", "A [MASK].", {"topk": 2}, "did you mean 'top_k'"),
        ("fill-mask", "A [MASK].", {"texts": "B"}, "fill-mask takes texts, but multiple values"),
        ("fill-mask", {"text": "A [MASK]."}, {}, "texts is of type dict"),
        ("tokenize", 1, {}, "texts is of type int"),
        ("tokenize", [1], {}, "type int"),
        (
            "tokenize",
            "a",
            {"special": True},
            "tokenize has no option 'special'",
        ),
        ("tokenize", "a", {"add_special_tokens": 1}, "add_special_tokens"),
        ("decode", "abc", {}, "ids is of type str"),
        ("decode", [70], {}, "no token id 70"),
        ("decode", [[-1]], {}, "no token id -1"),
        ("decode", [1], {"skip_special_tokens": "no"}, "skip_special_tokens"),
    ],
)
def test_what_a_task_does_not_take_is_a_value_error(
    model: LoadedModel, task: str, inputs: Any, options: dict[str, Any], told: str
) -> None:
    with pytest.raises(ValueError, match=told):
        run(model, task, inputs, **options)


def test_tokens_have_the_characters_that_they_stand_for(model: LoadedModel) -> None:
    text = "Shé 😀 painted  a [MASK]."
    tokens = run(model, "tokenize", text)
    assert [tokens[0], tokens[-1]] == [
        {"id": 2, "text": "[CLS]", "special": True, "start": None, "stop": None},
        {"id": 3, "text": "[SEP]", "special": True, "start": None, "stop": None},
    ]
    for token in tokens[1:-1]:
        assert not token["special"]
        assert token["text"] == text[token["start"] : token["stop"]]
    assert "".join(token["text"] for token in tokens[1:-1]) == "Shé😀painteda[MASK]."
    assert run(model, "tokenize", [text, "a"])[0] == tokens
    assert run(model, "tokenize", text, add_special_tokens=False) == tokens[1:-1]
    assert run(model, "tokenize", []) == []


def test_ids_are_decoded(model: LoadedModel, tiny_tokenizer: AlbertTokenizer) -> None:
    ids = tiny_tokenizer("she painted the river")["input_ids"]
    assert run(model, "decode", ids) == "she painted the river"
    assert run(model, "decode", [ids, ids[1:3]])[0] == "she painted the river"
    assert run(model, "decode", ids, skip_special_tokens=False) == tiny_tokenizer.decode(ids)
    assert run(model, "decode", []) == ""


def test_a_request_is_counted_and_can_be_cancelled(model: LoadedModel) -> None:
    usage = Usage()
    model.run("feature-extraction", "She sold the boats.", {}, usage)
    assert usage.tokens == len(run(model, "tokenize", "She sold the boats."))
    model.engine.cancel(usage)
    with pytest.raises(Cancelled):
        model.run("feature-extraction", "She sold the boats.", {}, usage)


def test_pytorch_pads_little(load: Callable[..., LoadedModel], tiny_folder: Path) -> None:
    model = load(tiny_folder, "torch")
    assert isinstance(model.engine._engine, TorchEngine)
    assert model.engine._mixed < 128
    assert model.engine._one_thread
    assert model.facts["engine"] == "torch"
    model.warm_up()


def test_weights_in_several_files_have_one_checksum(
    load: Callable[..., LoadedModel], tiny_folder: Path, tmp_path: Path
) -> None:
    import torch
    from transformers import AlbertForPreTraining

    folder = tmp_path / "shards"
    shutil.copytree(tiny_folder, folder)
    whole = AlbertForPreTraining.from_pretrained(folder)
    (folder / "model.safetensors").unlink()
    whole.save_pretrained(folder, max_shard_size="20KB")
    shards = sorted(folder.glob("*.safetensors"))
    assert len(shards) > 1
    joined = folder / "joined"
    joined.write_bytes(b"".join(path.read_bytes() for path in shards))
    assert load(folder).facts["sha256"] == storage.sha256(joined)
    for path in [*shards, *folder.glob("*.index.json")]:
        path.unlink()
    torch.save(whole.state_dict(), folder / "pytorch_model.bin")
    assert load(folder).facts["sha256"] == storage.sha256(folder / "pytorch_model.bin")
