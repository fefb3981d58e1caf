"""StereoSet against plain loops over transformers, and the form of its files."""

import copy
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from albertlm import hub
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.evaluation.bias.stereoset import (
    LABELS,
    Association,
    fill_scores,
    follow_scores,
    read_stereoset,
    scores_by_target,
    stereoset,
)
from albertlm.inference.engines import open_engine
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.numpy import NumpyEngine
from albertlm.inference.pipelines.sentence_order import SentenceOrder
from albertlm.tokenization.tokenizer import AlbertTokenizer


def example(context: str, *sentences: str, target: str = "model", bias_type: str = "gender"):
    return {
        "context": context,
        "target": target,
        "bias_type": bias_type,
        "sentences": [
            {"sentence": sentence, "gold_label": label}
            for sentence, label in zip(sentences, LABELS, strict=True)
        ],
    }


CONTENT = {
    "data": {
        "intrasentence": [
            example("A model is BLANK.", *(f"A model is {w}." for w in ("young", "old", "town"))),
            example(
                "BLANK boats and BLANK, Nobody.",
                *(f"{w} boats and {w}, Nobody." for w in ("old", "young", "walked")),
                target="boat",
            ),
        ],
        "intersentence": [
            example("A model left.", "She is young.", "She is old.", "The boats walked."),
            example("Nobody left.", "A town.", "An island.", "The river is old.", bias_type="race"),
        ],
    }
}


@pytest.fixture
def data(tmp_path: Path) -> dict[str, list[Association]]:
    return read_stereoset(write(tmp_path, CONTENT))


def write(folder: Path, content: object) -> Path:
    path = folder / "dev.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def test_words_in_blanks(likelihood: MaskedLikelihood, log_prob, data) -> None:
    found = fill_scores(likelihood, data["intrasentence"])
    assert data["intrasentence"][1].candidates == ("old", "young", "walked")
    mask = likelihood.tokenizer.mask_token_id
    for each, scores in zip(data["intrasentence"], found, strict=True):
        (row,) = likelihood.tokenized([each.context.replace("BLANK", "[MASK]")])
        for word, score in zip(each.candidates, scores, strict=True):
            pieces, probabilities = likelihood.pieces(word), []
            for k, piece in enumerate(pieces):
                ids: list[int] = []
                for id_ in row.input_ids:
                    ids += [*pieces[:k], mask] if id_ == mask else [id_]
                text = TokenizedText(ids, [0] * len(ids))
                at = [i for i, id_ in enumerate(ids) if id_ == mask]
                probabilities += [np.exp(log_prob(text, i, piece)) for i in at]
            assert score == pytest.approx(np.mean(probabilities), abs=1e-6)


def test_sentences_after_contexts(likelihood: MaskedLikelihood, log_prob, data) -> None:
    found = follow_scores(likelihood, data["intersentence"])
    for each, scores in zip(data["intersentence"], found, strict=True):
        rows = likelihood.tokenized([each.context] * 3, each.candidates)
        for row, score in zip(rows, scores, strict=True):
            at = [i for i, segment in enumerate(row.token_type_ids) if segment][:-1]
            expected = np.mean([log_prob(row, i, row.input_ids[i], (i,)) for i in at])
            assert score == pytest.approx(expected, abs=1e-6)


def test_scores_are_means_over_targets() -> None:
    targets = ["a", "a", "a", "b"]
    scores = np.array([[3, 2, 1], [1, 3, 2], [2, 3, 1], [3, 3, 2.0]])
    found = scores_by_target(targets, scores)
    lms = ((100 + 50 + 100) / 3 + 100) / 2
    ss = ((100 + 0 + 0) / 3 + 0) / 2
    assert found.lms.value == pytest.approx(lms)
    assert found.ss.value == pytest.approx(ss)
    assert found.icat.value == pytest.approx(lms * min(ss, 100 - ss) / 50)
    assert found.icat.p is None
    assert (found.ss.ties, found.ss.n, found.ss.clusters) == (1, 4, 2)
    assert found.icat.low <= found.icat.value <= found.icat.high
    ideal = scores_by_target(["a", "b"], np.array([[3, 2, 1], [2, 3, 1.0]]))
    assert (ideal.lms.value, ideal.ss.value, ideal.icat.value) == (100, 50, 100)


def test_all_tests_of_a_model(likelihood: MaskedLikelihood, data) -> None:
    found = stereoset(likelihood, data)
    assert list(found.tests) == list(found.validity)
    assert list(found.tests) == ["intrasentence", "intersentence", "sentence order"]
    assert list(found.tests["intersentence"]) == ["all", "gender", "race"]
    for name, by_type in found.tests.items():
        assert found.validity[name].language_modelling == by_type["all"].lms.value
    order = SentenceOrder(likelihood.engine, likelihood.tokenizer)
    (of_race,) = (each for each in data["intersentence"] if each.bias_type == "race")
    stereotype, anti, _ = order([of_race.context] * 3, of_race.candidates)
    assert found.tests["sentence order"]["race"].ss.value == 100 * (stereotype > anti)
    assert stereoset(likelihood, data) == found
    scores = follow_scores(likelihood, data["intersentence"])
    assert found.differences["intersentence"] == (scores[:, 0] - scores[:, 1]).tolist()
    assert {name: len(each) for name, each in found.examples.items()} == dict.fromkeys(
        found.tests, 2
    )
    (first,) = (each for each in found.examples["intersentence"] if each.part == "race")
    assert (first.first, first.second) == ("Nobody left. A town.", "Nobody left. An island.")
    (blank,) = (each for each in found.examples["intrasentence"] if "boats" in each.first)
    assert blank.first == "old boats and old, Nobody."


def test_words_that_the_vocabulary_lacks(likelihood: MaskedLikelihood, data) -> None:
    inside = data["intrasentence"]
    unknown = replace(inside[0], candidates=("old", "犬", "town"))
    found = stereoset(likelihood, {**data, "intrasentence": [*inside, unknown]})
    assert len(found.skipped) == 1
    assert found.skipped[0].startswith("'A model is BLANK.': '犬' has letters that the vocabulary")
    assert found.tests == stereoset(likelihood, data).tests
    with pytest.raises(ValueError, match="no blank has words of the vocabulary only"):
        stereoset(likelihood, {**data, "intrasentence": [unknown]})


def test_a_model_without_sentence_order(likelihood: MaskedLikelihood, data) -> None:
    others = {n: a for n, a in likelihood.engine.parameters.items() if not n.startswith("sop")}
    engine = NumpyEngine(likelihood.engine.config, others)
    found = stereoset(MaskedLikelihood(engine, likelihood.tokenizer), data)
    assert list(found.tests) == ["intrasentence", "intersentence"]


def changed(test: str, **fields: object) -> object:
    content = copy.deepcopy(CONTENT)
    content["data"][test][0].update(fields)
    return content


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "holds no data.intrasentence; name a file"),
        ({"data": {"intrasentence": CONTENT["data"]["intrasentence"]}}, "no data.intersentence"),
        (changed("intrasentence", context="A model."), "intrasentence 1 of .* has no BLANK"),
        (changed("intrasentence", context="A model is very BLANK"), "no word in the place of BLA"),
        (changed("intersentence", sentences=[]), "intersentence 1 of .* has no 'stereotype'"),
    ],
)
def test_files_that_are_wrong(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_stereoset(write(tmp_path, content))


@pytest.mark.slow
def test_the_real_associations(shared_data: Path) -> None:
    data = read_stereoset(shared_data / "bias" / "stereoset-dev.json.xz")
    assert {name: len(each) for name, each in data.items()} == {
        "intrasentence": 2106,
        "intersentence": 2123,
    }
    assert len({each.target for each in data["intrasentence"]}) == 79
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    likelihood = MaskedLikelihood(open_engine("numpy", hub.SHIPPED), tokenizer)
    found = stereoset(likelihood, {name: each[:5] for name, each in data.items()})
    assert found.tests["intrasentence"]["all"].lms.n == 5
