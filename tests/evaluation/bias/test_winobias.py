"""WinoBias against transformers, and which lines are counterparts."""

from pathlib import Path

import numpy as np
import pytest

from albertlm import hub
from albertlm.evaluation.bias import winobias as module
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.evaluation.bias.winobias import read_winobias, winobias
from albertlm.inference.engines import open_engine
from albertlm.tokenization.tokenizer import AlbertTokenizer

PRO = {
    1: [
        "1 [The doctor] sold the boats because [he] left.",
        "2 The doctor walked to [the model] and [her] boats.",
        "3 [The doctor] sold [his] boats because [he] left.",
        "4 The old doctor saw [him].",
    ],
    2: ["1 The model painted [the fisherman] and left [him]."],
}
ANTI = {
    1: [
        "1 [The doctor] sold the boats because [she] left.",
        "2 The doctor walked to [the model] and [his] boats.",
        "3 [The doctor] sold [her] boats because [she] left.",
        "4 The old doctor saw [him].",
    ],
    2: ["1 The model painted [the fisherman] and then left [her]."],
}


def write(folder: Path, pro=PRO, anti=ANTI) -> Path:
    for side, lines in (("pro", pro), ("anti", anti)):
        for kind, of_kind in lines.items():
            path = folder / f"{side}_stereotyped_type{kind}.txt.dev"
            path.write_text("\n".join(of_kind) + "\n", encoding="utf-8")
    return folder


def test_pronouns_are_masked(tmp_path: Path) -> None:
    sentences, skipped = read_winobias(write(tmp_path))
    assert [each.text for each in sentences] == [
        "The doctor sold the boats because [MASK] left.",
        "The doctor walked to the model and [MASK] boats.",
        "The doctor sold [MASK] boats because [MASK] left.",
        "The model painted the fisherman and left [MASK].",
    ]
    assert [each.pro for each in sentences] == [("he",), ("her",), ("his", "he"), ("him",)]
    assert [each.anti for each in sentences] == [("she",), ("his",), ("her", "she"), ("her",)]
    assert [each.occupation for each in sentences] == ["doctor", "model", "doctor", "fisherman"]
    assert [each.kind for each in sentences] == [1, 1, 1, 2]
    assert sentences[2].agreeing == "The doctor sold his boats because he left."
    assert sentences[2].contradicting == "The doctor sold her boats because she left."
    assert len(skipped) == 1
    assert skipped[0].endswith(":4: him does not mirror him")


def test_log_odds(
    likelihood: MaskedLikelihood, log_prob, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # the tiny vocabulary has no pronouns of one piece
    ids = {"he": 20, "she": 21, "his": 22, "her": 23, "him": 24}
    monkeypatch.setattr(MaskedLikelihood, "single_piece", lambda _, word: ids[word])
    sentences, skipped = read_winobias(write(tmp_path))
    found = winobias(likelihood, sentences, skipped)
    expected = []
    for sentence in sentences:
        (row,) = likelihood.tokenized([sentence.text])
        at = likelihood.masks(row)
        pro, anti = (
            sum(log_prob(row, i, ids[word]) for i, word in zip(at, words, strict=True))
            for words in (sentence.pro, sentence.anti)
        )
        expected.append(pro - anti)
    assert found.log_odds["all"].value == pytest.approx(np.mean(expected), abs=1e-6)
    assert found.shares["all"].value == 100 * np.mean(np.array(expected) > 0)
    assert list(found.shares) == ["all", *module.TYPES.values(), "he, him, his", "she, her"]
    assert found.log_odds["she, her"].value == pytest.approx(expected[1], abs=1e-6)
    assert found.log_odds[module.TYPES[1]].value == pytest.approx(np.mean(expected[:3]), abs=1e-6)
    assert (found.shares["all"].n, found.shares["all"].clusters) == (4, 3)
    assert found.skipped == skipped
    np.testing.assert_allclose(found.differences["log-odds"], expected, atol=1e-6)
    largest = found.examples["log-odds"][0]
    assert abs(largest.difference) == max(map(abs, found.differences["log-odds"]))
    assert {each.part for each in found.examples["log-odds"]} == {*module.TYPES.values()}


def test_files_that_are_wrong(likelihood: MaskedLikelihood, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"pro_stereotyped_type1.txt.test does not exist"):
        read_winobias(write(tmp_path), "test")
    write(tmp_path, anti={1: ANTI[1][:2]})
    with pytest.raises(ValueError, match="must have the same number of lines"):
        read_winobias(tmp_path)
    write(tmp_path, pro={1: ["1 [The doctor] left."]}, anti={1: ["1 [The doctor] left."]})
    with pytest.raises(ValueError, match="has no pronoun in brackets: '1 "):
        read_winobias(tmp_path)
    write(tmp_path, pro={1: ["A doctor saw [him]."]}, anti={1: ["A doctor saw [her]."]})
    with pytest.raises(ValueError, match="names nobody in brackets"):
        read_winobias(tmp_path)
    alike = {kind: ["[The doctor] saw [him]."] for kind in (1, 2)}
    write(tmp_path, pro=alike, anti=alike)
    with pytest.raises(ValueError, match=r"all 2 sentences of .* were left out"):
        read_winobias(tmp_path)


@pytest.mark.slow
def test_the_real_sentences(shared_data: Path) -> None:
    sentences, skipped = read_winobias(shared_data / "bias" / "winobias")
    assert len(sentences) + len(skipped) == 2 * 396
    assert len(skipped) < 10
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    likelihood = MaskedLikelihood(open_engine("numpy", hub.SHIPPED), tokenizer)
    assert winobias(likelihood, sentences[:20]).shares["all"].n == 20
