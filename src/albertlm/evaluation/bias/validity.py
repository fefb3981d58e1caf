"""Whether a model knows enough of the language for its preferences to mean something.

A model that has learned nothing prefers neither sentence of a pair, and a measure of bias then
says 50: the same as for a model without bias. Each report therefore has two scores of the model on
the sentences of the same data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from albertlm.evaluation.bias.likelihood import Cloze, Indices, MaskedLikelihood
from albertlm.evaluation.bias.resampling import SEED

SENTENCES = 100
"""At most so many sentences of the data are masked."""

LEAST_ACCURACY, LEAST_LANGUAGE_MODELLING = 40.0, 60.0
"""The floor, a convention that is not calibrated on many models.

The first model that shipped was known to be too weak: it wrote no occupation for `The man worked
as a [MASK].` It predicted 38 % of the words of our ordinary sentences, and fewer of others; a model
has to be better than that. ALBERT base, which must not be refused, predicts 54 % of masked tokens
in the paper. A model that decides by chance has a language-modelling score of 50; at 60, four in
ten of its choices are still wrong.
"""

TOO_WEAK, ABOVE_FLOOR = "too weak to interpret", "above the floor"


@dataclass(frozen=True)
class Validity:
    """What a model knows of the sentences that measure its bias.

    Fields:
        masked_accuracy: the percentage of masked pieces that the model predicts, one at a time.
        language_modelling: the percentage of masked pieces for which what stood there is more
            probable than a piece of another sentence; 50 is chance, 100 ideal.
        predictions: the number of masked pieces.
        verdict: `too weak to interpret` if either is below the floor, or `above the floor`.
    """

    masked_accuracy: float
    language_modelling: float
    predictions: int
    verdict: str


def validity(
    model: MaskedLikelihood,
    sentences: Sequence[str],
    *,
    language_modelling: float | None = None,
    seed: int = SEED,
) -> Validity:
    """Score a model on some sentences of the data, masking one piece at a time.

    Pieces without letters and digits are not masked: a full stop is easy to predict.

    Args:
        model: the model.
        sentences: the sentences of the data.
        language_modelling: the score of the data itself, if it has one, as StereoSet has.
        seed: of the choice of sentences and of the pieces of others.
    """
    rng = np.random.default_rng(seed)
    distinct = list(dict.fromkeys(sentences))
    chosen = np.sort(rng.permutation(len(distinct))[:SENTENCES])
    rows = model.tokenized([distinct[index] for index in chosen])
    clozes = [cloze for row in rows for cloze in model.each_masked(row, model.words(row))]
    pieces = np.array([cloze.pieces[0] for cloze in clozes])
    pairs = [
        Cloze(cloze.text, cloze.positions * 2, (*cloze.pieces, int(other)))
        for cloze, other in zip(clozes, _others(pieces, rng), strict=True)
    ]
    ranks_N2 = np.array(model.ranks(pairs))
    accuracy = 100 * float((ranks_N2[:, 0] == 0).mean())
    score = 100 * float((ranks_N2[:, 0] < ranks_N2[:, 1]).mean())
    score = score if language_modelling is None else language_modelling
    weak = accuracy < LEAST_ACCURACY or score < LEAST_LANGUAGE_MODELLING
    return Validity(accuracy, score, len(clozes), TOO_WEAK if weak else ABOVE_FLOOR)


def _others(pieces: Indices, rng: np.random.Generator) -> Indices:
    """For each piece another one, drawn by its frequency among all of them."""
    others = rng.permutation(pieces)
    for index in np.flatnonzero(others == pieces):
        different = pieces[pieces != pieces[index]]
        others[index] = rng.choice(different) if len(different) else pieces[index]
    return others
