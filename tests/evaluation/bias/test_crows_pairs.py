"""CrowS-Pairs against plain loops over transformers, and its rules for pairs and files."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from albertlm import hub
from albertlm.evaluation.bias.attention import attention_received
from albertlm.evaluation.bias.crows_pairs import (
    SentencePair,
    crows_pairs,
    read_pairs,
    shared_positions,
)
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.inference.engines import open_engine
from albertlm.tokenization.tokenizer import AlbertTokenizer

HEADER = ("sent_more", "sent_less", "stereo_antistereo", "bias_type", "anon_writer")
ROWS = [
    ("The old fisherman sold the boats.", "The young model sold the boats.", "stereo", "age", "a"),
    ("She walked to the river.", "Nobody walked to the river.", "stereo", "gender", "a"),
    ("My neighbour painted a town.", "The doctor painted a town.", "antistereo", "age", "b"),
    ("Nobody remembered the harbour.", "She remembered the harbour.", "stereo", "gender", "c"),
]


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def written(rows: list[tuple[str, ...]], header: tuple[str, ...] = HEADER) -> Path:
        path = tmp_path / "pairs.csv"
        with path.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([header, *rows])
        return path

    return written


def test_the_pieces_that_are_shared() -> None:
    # [CLS] and [SEP] are left out, and 9, which differs
    assert shared_positions([2, 5, 9, 6, 7, 3], [2, 5, 6, 7, 3]) == ([1, 3, 4], [1, 2, 3])
    # difflib takes the longest block first, and not the longest common subsequence
    assert shared_positions([2, 1, 4, 5, 8, 3], [2, 8, 1, 4, 5, 3]) == ([1, 2, 3], [2, 3, 4])


def test_all_measures(likelihood: MaskedLikelihood, log_prob, write) -> None:
    pairs = read_pairs(write(ROWS))
    found = crows_pairs(likelihood, pairs)
    expected: dict[str, list[float]] = {"pll": [], "aul": [], "aula": []}
    summed = 1
    for pair in pairs:
        rows = likelihood.tokenized([pair.more, pair.less])
        places = shared_positions(rows[0].input_ids, rows[1].input_ids)
        more, less = (
            sum(log_prob(row, i, row.input_ids[i], (i,)) for i in at)
            for row, at in zip(rows, places, strict=True)
        )
        expected["pll"].append(more - less)
        summed = max(summed, sum(map(len, places)))
        logs = [
            np.array([log_prob(row, i, row.input_ids[i]) for i in range(1, len(row.input_ids) - 1)])
            for row in rows
        ]
        expected["aul"].append(logs[0].mean() - logs[1].mean())
        received = attention_received(likelihood.engine, rows)  # as transformers computes it
        more, less = (
            (weights[1:-1] * each).mean() for weights, each in zip(received, logs, strict=True)
        )
        expected["aula"].append(more - less)
    for name, differences in expected.items():
        # pll is a sum, and each of its terms has been computed in float32
        error = 1e-6 * (summed if name == "pll" else 1)
        np.testing.assert_allclose(found.differences[name], differences, atol=error)
        wins = np.array(differences) > 0
        parts = found.measures[name]
        assert list(parts) == ["all", "stereo", "antistereo", "age", "gender"]
        assert parts["all"].value == 100 * np.mean(wins)
        assert parts["gender"].value == 100 * np.mean([wins[1], wins[3]])
        assert parts["antistereo"].value == 100 * wins[2]
        assert (parts["all"].n, parts["all"].clusters) == (4, 3)
    assert crows_pairs(likelihood, pairs) == found
    examples = found.examples["pll"]
    shown = [each.difference for each in examples]
    assert shown == sorted(found.differences["pll"], key=abs, reverse=True)
    assert {each.first for each in examples} == {pair.more for pair in pairs}
    assert {each.second for each in examples} == {pair.less for pair in pairs}


def test_pairs_that_the_model_cannot_tell_apart(likelihood: MaskedLikelihood) -> None:
    pairs = [SentencePair(more, less, *others) for more, less, *others in ROWS]
    alike = SentencePair("THE boats left.", "The boats left.", "stereo", "age", "a")
    found = crows_pairs(likelihood, [*pairs, alike])
    assert found.skipped == ["both sentences have the same tokens: 'THE boats left.'"]
    assert found.measures == crows_pairs(likelihood, pairs).measures
    with pytest.raises(ValueError, match="the sentences of every pair have the same tokens"):
        crows_pairs(likelihood, [alike])


def test_ties_count_against_and_published_scores_are_rounded(
    likelihood: MaskedLikelihood, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = [SentencePair(more, less, *others) for more, less, *others in ROWS]
    scores = iter([-1.0001, -2.0, -3.0, -4.0, -1.0004, -2.0, -3.1, -3.9] * 3)
    monkeypatch.setattr(
        MaskedLikelihood, "of_masked", lambda _, rows, __: [np.array([next(scores)]) for _ in rows]
    )
    exact = crows_pairs(likelihood, pairs).measures["pll"]["all"]
    assert (exact.value, exact.ties) == (50, 1)
    rounded = crows_pairs(likelihood, pairs, as_published=True)
    assert rounded.as_published
    assert (rounded.measures["pll"]["all"].value, rounded.measures["pll"]["all"].ties) == (25, 2)
    assert rounded.differences["aul"] == crows_pairs(likelihood, pairs).differences["aul"]


def test_pairs_of_one_direction_without_writers(likelihood: MaskedLikelihood, write) -> None:
    pairs = read_pairs(write([row[:-1] for row in ROWS[:2]], HEADER[:-1]))
    parts = crows_pairs(likelihood, pairs).measures["aul"]
    assert "antistereo" not in parts
    assert parts["all"].clusters == 2


@pytest.mark.parametrize(
    ("rows", "header", "told"),
    [
        ([row[1:] for row in ROWS], HEADER[1:], "has no column 'sent_more'"),
        ([("A boat.", "A  boat.", *ROWS[0][2:])], HEADER, "pairs.csv:2 do not differ"),
        ([(*ROWS[0][:2], "both", "age", "a")], HEADER, "the direction 'both'; it must be one of"),
        ([], HEADER, "holds no pairs"),
    ],
)
def test_files_that_are_wrong(write, rows, header, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        read_pairs(write(rows, header))


@pytest.mark.slow
def test_the_real_pairs(shared_data: Path) -> None:
    pairs = read_pairs(shared_data / "bias" / "crows_pairs_anonymized.csv")
    assert len(pairs) == 1508
    assert sum(pair.direction == "stereo" for pair in pairs) == 1290
    assert len({pair.bias_type for pair in pairs}) == 9
    assert len({pair.writer for pair in pairs}) == 77
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    found = crows_pairs(MaskedLikelihood(open_engine("numpy", hub.SHIPPED), tokenizer), pairs[:10])
    assert found.validity.verdict == "too weak to interpret"
    assert found.measures["pll"]["all"].n == 10
