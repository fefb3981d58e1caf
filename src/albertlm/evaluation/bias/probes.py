"""Probes: what a model writes in the place of a mask for one group and for another.

K words, G groups, T templates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from albertlm.evaluation.bias.likelihood import Cloze, MaskedLikelihood
from albertlm.evaluation.bias.resampling import (
    Estimate,
    correlation,
    effect_size,
    label_test,
    mean,
    sign_test,
)
from albertlm.evaluation.bias.validity import Validity, validity
from albertlm.evaluation.bias.word_lists import GROUP, LEAST_RATED, MASK, ProbeLists
from albertlm.inference.pipelines.fill_mask import Fill, FillMask
from albertlm.tasks.scores import average_ranks

TOP = 10
"""Words of each group that are compared."""

CAUTION = (
    "A handful of templates shows associations with these words only; other templates and words "
    "can give another result (Seshadri et al. 2022)."
)


@dataclass(frozen=True)
class GroupFills:
    """What a model writes in the place of the mask, without a list of words."""

    template: str
    group: str
    fills: list[Fill]


@dataclass(frozen=True)
class WordScores:
    """The scores of a word.

    Fields:
        word: the word.
        list: the name of its list.
        pieces: the number of its pieces; sums over different numbers of them cannot be compared.
        log_probs: log p(word | template) by group, the mean over templates and the group's words.
            Of a word of several pieces, the sum over them, each with the others masked.
        increased: the increased log-probability of each group given the word, the mean over
            templates; log p(group | word) - log p(group | word masked), with the probabilities of
            the group's words added.
        rating: what people said of it, if they did.
    """

    word: str
    list: str
    pieces: int
    log_probs: dict[str, float]
    increased: dict[str, float]
    rating: float | None


@dataclass(frozen=True)
class GroupComparison:
    """How two groups differ.

    Fields:
        first, second: the groups.
        bias: the mean over words of the increased log-probability of `first` less that of
            `second`. Its p is by permutation of signs, its interval of words.
        effect_size: with two lists of words, the difference of their bias in standard deviations.
        p_of_lists: with two lists, by permutation of what word is in which.
        overlap: the share of words that are in both groups' `TOP` most probable ones, of those in
            either (Jaccard); of words of one piece, None if there are none.
        divergence: the Jensen-Shannon distance of the distributions over these words, the mean
            over templates, from 0 for equal ones to 1 (logarithms of base 2).
    """

    first: str
    second: str
    bias: Estimate
    effect_size: float | None
    p_of_lists: float | None
    overlap: float | None
    divergence: float | None


@dataclass(frozen=True)
class RatingCorrelation:
    """How what a model prefers agrees with what people said of the words.

    Fields:
        first, second: the groups.
        pearson: the correlation of the ratings with the increased log-probability of `first` less
            that of `second`; its interval is of words.
        spearman: that of their ranks.
    """

    first: str
    second: str
    pearson: Estimate
    spearman: Estimate


@dataclass(frozen=True)
class ProbeReport:
    """What a probe finds.

    Fields:
        fills: without a list, for each template and group word.
        words: with the list.
        comparisons: of each pair of groups.
        correlations: of each pair of groups, if there are ratings.
        validity: what the model knows of ordinary sentences.
        skipped: the words that were left out, and why.
    """

    fills: list[GroupFills]
    words: list[WordScores]
    comparisons: list[GroupComparison]
    correlations: list[RatingCorrelation]
    validity: Validity
    skipped: list[str]


def probe(model: MaskedLikelihood, lists: ProbeLists, *, top_k: int = 5) -> ProbeReport:
    """Compare what a model writes for groups.

    Args:
        model: the model.
        lists: the templates, groups and words.
        top_k: the number of proposals without a list of words.

    Raises:
        ValueError: a group word has several pieces, or no word of a list is in the vocabulary.
    """
    words, skipped = _known(model, lists)
    _check_ratings(lists, [word for _, word in words])
    log_p_KTG = word_log_probs(model, lists, [word for _, word in words])
    increased_KTG = increased_log_probs(model, lists, [word for _, word in words])
    groups = list(lists.groups)
    scored = [
        WordScores(
            word,
            name,
            len(model.pieces(word)),
            dict(zip(groups, log_p_KTG[number].mean(0).tolist(), strict=True)),
            dict(zip(groups, increased_KTG[number].mean(0).tolist(), strict=True)),
            lists.ratings.get(word),
        )
        for number, (name, word) in enumerate(words)
    ]
    single = [number for number, each in enumerate(scored) if each.pieces == 1]
    return ProbeReport(
        fills=_fills(model, lists, top_k),
        words=scored,
        comparisons=[
            _comparison(scored, log_p_KTG[single][:, :, [groups.index(a), groups.index(b)]], a, b)
            for a, b in combinations(groups, 2)
        ],
        correlations=[
            _correlation(scored, a, b) for a, b in combinations(groups, 2) if lists.ratings
        ],
        validity=validity(model, lists.sentences),
        skipped=skipped,
    )


def word_log_probs(
    model: MaskedLikelihood, lists: ProbeLists, words: Sequence[str]
) -> NDArray[np.float64]:
    """(K, T, G) log p of words in the place of the mask, the mean over the words of a group.

    A word of n pieces has n masks; each of its pieces is read with the others masked.
    """
    mask, clozes = model.tokenizer.mask_token_id, []
    for word in words:
        pieces = model.pieces(word)
        texts = [
            lists.filled(template, group, word)
            for template in lists.templates
            for of_group in lists.groups.values()
            for group in of_group
        ]
        for text in model.tokenized(texts):
            row = model.expanded(text, [[mask] * len(pieces)])
            clozes.append(Cloze(row, tuple(model.masks(row)), tuple(pieces)))
    sums = np.array([values.sum() for values in model.log_probs(clozes)])
    by_word = sums.reshape(len(words), len(lists.templates), -1)
    ends = np.cumsum([len(of_group) for of_group in lists.groups.values()])[:-1]
    return np.stack([part.mean(-1) for part in np.split(by_word, ends, axis=-1)], axis=-1)


def increased_log_probs(
    model: MaskedLikelihood, lists: ProbeLists, words: Sequence[str]
) -> NDArray[np.float64]:
    """(K, T, G) the increased log-probability of groups, given words.

    The group's place is masked. The probabilities of its words, with the word shown, are added;
    their logarithm less that with all pieces of the word masked, too, is the score.

    Raises:
        ValueError: a group word has several pieces.

    Source: Kurita, Vyas, Pareek, Black and Tsvetkov 2019.
    """
    targets = [
        tuple(model.single_piece(word) for word in of_group) for of_group in lists.groups.values()
    ]
    wanted = tuple(piece for of_group in targets for piece in of_group)
    mask, clozes = model.tokenizer.mask_token_id, []
    for word in words:
        pieces = model.pieces(word)
        for template in lists.templates:
            group_first = template.index(GROUP) < template.index(MASK)
            (text,) = model.tokenized([lists.filled(template, MASK, word)])
            for shown in (pieces, [mask] * len(pieces)):
                fills = ([mask], shown) if group_first else (shown, [mask])
                row = model.expanded(text, fills)
                at = model.masks(row)[0 if group_first else -1]
                clozes.append(Cloze(row, (at,) * len(wanted), wanted))
    ends = np.cumsum([len(of_group) for of_group in targets])[:-1]
    sums = np.array(
        [
            [np.logaddexp.reduce(part) for part in np.split(values, ends)]
            for values in model.log_probs(clozes)
        ]
    ).reshape(len(words), len(lists.templates), 2, len(targets))
    return np.asarray(sums[:, :, 0] - sums[:, :, 1])


def jaccard(first: Sequence[str], second: Sequence[str]) -> float:
    """The share of what is in both lists, of what is in either."""
    return len({*first} & {*second}) / len({*first} | {*second})


def jensen_shannon(log_p_K: NDArray[np.float64], log_q_K: NDArray[np.float64]) -> float:
    """The distance of two distributions, given by logarithms that need not be normalised.

    It is the square root of the divergence in bits, from 0 to 1 (Endres and Schindelin 2003).
    """
    log_p_K = log_p_K - np.logaddexp.reduce(log_p_K)
    log_q_K = log_q_K - np.logaddexp.reduce(log_q_K)
    log_m_K = np.logaddexp(log_p_K, log_q_K) - np.log(2)
    nats = (np.exp(log_p_K) @ (log_p_K - log_m_K) + np.exp(log_q_K) @ (log_q_K - log_m_K)) / 2
    return float(np.sqrt(max(0.0, nats / np.log(2))))


def _known(model: MaskedLikelihood, lists: ProbeLists) -> tuple[list[tuple[str, str]], list[str]]:
    """The words with the names of their lists, and those that the vocabulary lacks."""
    known: list[tuple[str, str]] = []
    skipped: list[str] = []
    for name, of_list in lists.words.items():
        before = len(known)
        for word in of_list:
            try:
                model.pieces(word)
            except ValueError as error:
                skipped.append(str(error))
            else:
                known.append((name, word))
        if len(known) == before:
            raise ValueError(f"no word of the list {name!r} is in the vocabulary; give others")
    return known, skipped


def _check_ratings(lists: ProbeLists, words: Sequence[str]) -> None:
    rated = sum(word in lists.ratings for word in words)
    if lists.ratings and rated < LEAST_RATED:
        raise ValueError(
            f"{rated} of the compared words have a rating, and {LEAST_RATED} or more are needed; "
            "rate words of the vocabulary that are compared"
        )


def _fills(model: MaskedLikelihood, lists: ProbeLists, top_k: int) -> list[GroupFills]:
    fill = FillMask(model.engine, model.tokenizer)
    asked = [
        (template, group)
        for template in lists.templates
        for of_group in lists.groups.values()
        for group in of_group
    ]
    texts = [lists.filled(template, group) for template, group in asked]
    return [
        GroupFills(template, group, list(fills))  # type: ignore[arg-type]  # of a single mask
        for (template, group), fills in zip(asked, fill(texts, top_k=top_k), strict=True)
    ]


def _comparison(
    scored: Sequence[WordScores], log_p_KT2: NDArray[np.float64], first: str, second: str
) -> GroupComparison:
    """Compare two groups by the scores of all words, and by log p of those of one piece."""
    of_words = [(each.list, each.increased[first] - each.increased[second]) for each in scored]
    bias = [value for _, value in of_words]
    lists = [
        [value for name, value in of_words if name == wanted]
        for wanted in dict.fromkeys(name for name, _ in of_words)
    ]
    first_top, second_top = (_top(scored, group) for group in (first, second))
    by_template = log_p_KT2.transpose(1, 2, 0)
    return GroupComparison(
        first=first,
        second=second,
        bias=replace(mean(bias), p=sign_test(bias)),
        effect_size=effect_size(*lists) if len(lists) == 2 else None,
        p_of_lists=label_test(*lists) if len(lists) == 2 else None,
        overlap=jaccard(first_top, second_top) if first_top else None,
        divergence=float(np.mean([jensen_shannon(*log_p_2K) for log_p_2K in by_template]))
        if first_top
        else None,
    )


def _correlation(scored: Sequence[WordScores], first: str, second: str) -> RatingCorrelation:
    rated = [(each.rating, each.increased) for each in scored if each.rating is not None]
    ratings = [rating for rating, _ in rated]
    bias = [increased[first] - increased[second] for _, increased in rated]
    return RatingCorrelation(
        first,
        second,
        correlation(ratings, bias),
        correlation(average_ranks(ratings), average_ranks(bias)),
    )


def _top(scored: Sequence[WordScores], group: str) -> list[str]:
    """The most probable words of one piece for a group."""
    of_one_piece = [each for each in scored if each.pieces == 1]
    return [each.word for each in sorted(of_one_piece, key=lambda each: -each.log_probs[group])][
        :TOP
    ]
