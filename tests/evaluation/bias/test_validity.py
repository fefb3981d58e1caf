"""The gate against a loop over transformers, and models that know nothing or everything."""

import numpy as np
import pytest

from albertlm.evaluation.bias.likelihood import Cloze, Indices, MaskedLikelihood
from albertlm.evaluation.bias.validity import TOO_WEAK, validity

SENTENCES = ["She painted the boats.", "Nobody walked to the river.", "She painted the boats."]


def test_scores_of_a_model(likelihood: MaskedLikelihood, log_prob) -> None:
    found = validity(likelihood, SENTENCES)
    right = [
        np.argmax(log_prob(row, at, slice(None), (at,))) == row.input_ids[at]
        for row in likelihood.tokenized(SENTENCES[:2])
        for at in likelihood.words(row)
    ]
    assert found.masked_accuracy == pytest.approx(100 * np.mean(right))
    assert found.predictions == len(right)
    assert 0 < found.language_modelling < 100
    assert found.verdict == TOO_WEAK
    assert validity(likelihood, SENTENCES) == found
    assert validity(likelihood, SENTENCES, language_modelling=7.0).language_modelling == 7


class Knowing(MaskedLikelihood):
    """Knows the first wanted piece, always."""

    def ranks(self, clozes: list[Cloze]) -> list[Indices]:  # type: ignore[override]
        for cloze in clozes:
            if len(set(cloze.pieces)) != 2:
                raise AssertionError("a piece is compared with itself")
        return [np.arange(len(cloze.pieces)) for cloze in clozes]


def test_the_floor(likelihood: MaskedLikelihood) -> None:
    knowing = Knowing(likelihood.engine, likelihood.tokenizer)
    found = validity(knowing, SENTENCES)
    assert (found.masked_accuracy, found.language_modelling) == (100, 100)
    assert found.verdict == "above the floor"
    assert validity(knowing, SENTENCES, language_modelling=59.9).verdict == TOO_WEAK


def test_a_single_word_has_no_others(likelihood: MaskedLikelihood) -> None:
    piece = next(
        piece
        for piece in likelihood.tokenizer.get_vocab()
        if piece[0] == "▁" and piece[1:].isalpha()
    )
    assert validity(likelihood, [piece[1:]]).language_modelling == 0
