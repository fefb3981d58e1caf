"""CrowS-Pairs: which of two sentences a model prefers, one of them more stereotyping.

Source: Nangia, Vania, Bhalerao and Bowman 2020, and their metric.py; Kaneko and Bollegala 2022.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from albertlm.evaluation.bias.contrasts import Contrast, largest
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.evaluation.bias.resampling import Estimate, holm, share
from albertlm.evaluation.bias.validity import Validity, validity
from albertlm.inference.pipelines.base import quote
from albertlm.tasks.rows import read_table

MEASURES = ("pll", "aul", "aula")
"""Pseudo-log-likelihood of the shared pieces, the mean likelihood of all pieces without masks, and
the same with each piece weighted by the attention that it receives.
"""

DIRECTIONS = ("stereo", "antistereo")

CAUTION = (
    "Many of its pairs have been found invalid, with unclear stereotypes or sentences that differ "
    "in more than the group (Blodgett et al. 2021). The three measures can contradict each other; "
    "none should be quoted alone."
)


@dataclass(frozen=True)
class SentencePair:
    """Two sentences that differ in the group that they are about.

    Fields:
        more: the sentence that is more stereotyping.
        less: the one that is less so.
        direction: `stereo` if `more` states a stereotype of a disadvantaged group, `antistereo` if
            `less` contradicts one.
        bias_type: such as `gender`.
        writer: who wrote the pair, or its place in the file if the file does not say so.
    """

    more: str
    less: str
    direction: str
    bias_type: str
    writer: str


@dataclass(frozen=True)
class PairPreferences:
    """The percentage of pairs whose more stereotyping sentence is preferred; 50 is no preference.

    Fields:
        measures: for each of `MEASURES`, its estimates: `all`, by direction, and by bias type; the
            p-values of types are corrected for their number.
        differences: for each of `MEASURES`, of each pair the score of the more stereotyping
            sentence less that of the other one.
        examples: of `pll`, the pairs with the largest differences.
        validity: what the model knows of the sentences.
        skipped: the pairs that were left out, and why.
        as_published: whether the scores of `pll` are rounded to 3 decimals, as in the released
            code.
    """

    measures: dict[str, dict[str, Estimate]]
    differences: dict[str, list[float]]
    examples: dict[str, list[Contrast]]
    validity: Validity
    skipped: list[str]
    as_published: bool


def read_pairs(path: Path) -> list[SentencePair]:
    """Read pairs from a table with the columns of `crows_pairs_anonymized.csv`.

    `sent_more`, `sent_less`, `stereo_antistereo` and `bias_type` are required. If there is a column
    `anon_writer`, intervals are of writers.

    Raises:
        OSError: the file cannot be read.
        ValueError: a column is missing, a direction is unknown, or a pair does not differ.
    """
    table = read_table(path)
    names = ("sent_more", "sent_less", "stereo_antistereo", "bias_type")
    columns = [table.column(name) for name in names]
    writer = table.find("anon_writer")
    pairs = []
    for row in table.rows:
        more, less, direction, bias_type = (str(row.cells[column]) for column in columns)
        if more.split() == less.split():
            raise ValueError(f"the sentences of {row.where} do not differ; correct or remove them")
        if direction not in DIRECTIONS:
            raise ValueError(
                f"{row.where} has the direction {direction!r}; it must be one of "
                f"{', '.join(DIRECTIONS)}"
            )
        by = str(row.cells[writer]) if writer else row.where
        pairs.append(SentencePair(more, less, direction, bias_type, by))
    if not pairs:
        raise ValueError(f"{path} holds no pairs; name a file that does")
    return pairs


def crows_pairs(
    model: MaskedLikelihood, pairs: Sequence[SentencePair], *, as_published: bool = False
) -> PairPreferences:
    """Measure which sentences of pairs a model prefers.

    Args:
        model: the model.
        pairs: the pairs.
        as_published: round the scores of `pll` to 3 decimals before they are compared, as the
            released code does; equal ones count as not preferred. That of `aul` does not round.

    Raises:
        ValueError: a sentence is too long for the model, or no pair differs in its tokens.
    """
    pairs, skipped = _distinct(model, pairs)
    sentences = [pair.more for pair in pairs] + [pair.less for pair in pairs]
    scores = dict(zip(MEASURES, _scores(model, pairs), strict=True))
    differences = {
        name: np.subtract(*(np.round(of_sides, 3) if as_published and name == "pll" else of_sides))
        for name, of_sides in scores.items()
    }
    measures = {name: _estimates(pairs, each) for name, each in differences.items()}
    texts = [(pair.more, pair.less) for pair in pairs]
    types = [pair.bias_type for pair in pairs]
    return PairPreferences(
        measures,
        {name: each.tolist() for name, each in differences.items()},
        {"pll": largest(texts, types, differences["pll"])},
        validity(model, sentences),
        skipped,
        as_published,
    )


def shared_positions(first: Sequence[int], second: Sequence[int]) -> tuple[list[int], list[int]]:
    """The positions in two texts of the pieces that both have in the same order.

    The first and the last of them, [CLS] and [SEP], are left out. The pieces are compared as in
    the released code, by `difflib`, which does not find the longest common subsequence.
    """
    matcher = difflib.SequenceMatcher(None, list(map(str, first)), list(map(str, second)))
    blocks = matcher.get_matching_blocks()
    at_first = [block.a + offset for block in blocks for offset in range(block.size)]
    at_second = [block.b + offset for block in blocks for offset in range(block.size)]
    return at_first[1:-1], at_second[1:-1]


def _distinct(
    model: MaskedLikelihood, pairs: Sequence[SentencePair]
) -> tuple[list[SentencePair], list[str]]:
    """The pairs whose sentences are different for the model, and why others are left out."""
    more, less = (
        model.tokenized([getattr(pair, side) for pair in pairs]) for side in ("more", "less")
    )
    same = [a.input_ids == b.input_ids for a, b in zip(more, less, strict=True)]
    if all(same):
        raise ValueError("the sentences of every pair have the same tokens; give others")
    return (
        [pair for pair, is_same in zip(pairs, same, strict=True) if not is_same],
        [
            f"both sentences have the same tokens: {quote(pair.more)}"
            for pair, is_same in zip(pairs, same, strict=True)
            if is_same
        ],
    )


def _scores(
    model: MaskedLikelihood, pairs: Sequence[SentencePair]
) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """For each of `MEASURES`, the scores of the more and of the less stereotyping sentences."""
    more = model.tokenized([pair.more for pair in pairs])
    less = model.tokenized([pair.less for pair in pairs])
    shared = [shared_positions(a.input_ids, b.input_ids) for a, b in zip(more, less, strict=True)]
    rows = more + less
    inner = [model.inner(row) for row in rows]
    masked = model.of_masked(rows, [at for at, _ in shared] + [at for _, at in shared])
    visible = model.of_visible(rows, inner)
    weights = [received[at] for received, at in zip(model.attention(rows), inner, strict=True)]
    measures = (
        [each.sum() for each in masked],
        [each.mean() for each in visible],
        [(by * each).mean() for by, each in zip(weights, visible, strict=True)],
    )
    n = len(pairs)
    return [(np.array(each[:n]), np.array(each[n:])) for each in measures]


def _estimates(
    pairs: Sequence[SentencePair], differences_N: NDArray[np.float64]
) -> dict[str, Estimate]:
    def of(key: Callable[[SentencePair], Hashable], wanted: Hashable) -> Estimate:
        numbers = [number for number, pair in enumerate(pairs) if key(pair) == wanted]
        return share(differences_N[numbers], [pairs[number].writer for number in numbers])

    directions = [name for name in DIRECTIONS if any(pair.direction == name for pair in pairs)]
    types = sorted({pair.bias_type for pair in pairs})
    return {
        "all": of(lambda _: True, True),
        **{name: of(lambda pair: pair.direction, name) for name in directions},
        **holm({name: of(lambda pair: pair.bias_type, name) for name in types}),
    }
