"""Probes against plain loops over transformers, and distances against their definitions."""

from dataclasses import replace
from itertools import product

import numpy as np
import pytest

from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.evaluation.bias.probes import (
    increased_log_probs,
    jaccard,
    jensen_shannon,
    probe,
    word_log_probs,
)
from albertlm.evaluation.bias.word_lists import ProbeLists
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.fill_mask import FillMask

TEMPLATES = ("The {group} walked to a [MASK].", "A [MASK] is the {group}.")


@pytest.fixture
def lists(likelihood: MaskedLikelihood) -> ProbeLists:
    """Two groups of two words and of one, each of a single piece, and words of one and several."""
    pieces = likelihood.tokenizer.convert_ids_to_tokens(list(range(70)))
    single = [piece[1:] for piece in pieces if piece[0] == "▁" and piece[1:].isalpha()]
    a, b, c, *words = single
    return ProbeLists(TEMPLATES, {"first": (a, b), "second": (c,)}, {"all": (*words, "river")})


def written(likelihood: MaskedLikelihood, text: str, fills: list[list[int]]) -> TokenizedText:
    (row,) = likelihood.tokenized([text])
    ids: list[int] = []
    left = list(fills)
    for id_ in row.input_ids:
        ids += left.pop(0) if id_ == likelihood.tokenizer.mask_token_id else [id_]
    return TokenizedText(ids, [0] * len(ids))


def template_for(template: str, word: str) -> str:
    """A template with the article of a word."""
    if word[0] not in "aeiou":
        return template
    return template.replace("a [MASK]", "an [MASK]").replace("A [MASK]", "An [MASK]")


def test_words_in_the_place_of_the_mask(likelihood: MaskedLikelihood, log_prob, lists) -> None:
    words = [*lists.words["all"][:2], "river", "island"]
    assert max(len(likelihood.pieces(word)) for word in words) > 1
    found = word_log_probs(likelihood, lists, words)
    assert found.shape == (4, 2, 2)
    mask = likelihood.tokenizer.mask_token_id
    for (k, word), (t, template), (g, group) in product(
        enumerate(words), enumerate(TEMPLATES), enumerate(lists.groups.values())
    ):
        pieces, sums = likelihood.pieces(word), []
        for member in group:
            filled = template_for(template, word).replace("{group}", member)
            text = written(likelihood, filled, [[mask] * len(pieces)])
            at = [i for i, id_ in enumerate(text.input_ids) if id_ == mask]
            sums.append(sum(log_prob(text, i, p) for i, p in zip(at, pieces, strict=True)))
        assert found[k, t, g] == pytest.approx(np.mean(sums), abs=1e-6)


def test_increased_log_probability(likelihood: MaskedLikelihood, log_prob, lists) -> None:
    words = [lists.words["all"][0], "river"]
    found = increased_log_probs(likelihood, lists, words)
    mask = likelihood.tokenizer.mask_token_id
    for (k, word), (t, template), (g, group) in product(
        enumerate(words), enumerate(TEMPLATES), enumerate(lists.groups.values())
    ):
        pieces = likelihood.pieces(word)
        both = []
        for shown in (pieces, [mask] * len(pieces)):
            filled = template_for(template, word).replace("{group}", "[MASK]")
            text = written(likelihood, filled, [[mask], shown] if t == 0 else [shown, [mask]])
            masks = [i for i, id_ in enumerate(text.input_ids) if id_ == mask]
            at = masks[0] if t == 0 else masks[-1]
            total = sum(np.exp(log_prob(text, at, likelihood.single_piece(m))) for m in group)
            both.append(np.log(total))
        assert found[k, t, g] == pytest.approx(both[0] - both[1], abs=1e-6)


def test_distances() -> None:
    assert jaccard(["a", "b", "c"], ["b", "c", "d"]) == 0.5
    p, q = np.array([0.5, 0.25, 0.25]), np.array([0.1, 0.1, 0.8])
    m = (p + q) / 2
    bits = (sum(p * np.log2(p / m)) + sum(q * np.log2(q / m))) / 2
    assert jensen_shannon(np.log(p) - 3, np.log(q) + 1) == pytest.approx(np.sqrt(bits))
    assert jensen_shannon(np.log(p), np.log(p)) == pytest.approx(0, abs=1e-7)
    assert jensen_shannon(np.log([1, 1e-300]), np.log([1e-300, 1])) == pytest.approx(1)


def test_a_report(likelihood: MaskedLikelihood, lists: ProbeLists) -> None:
    found = probe(likelihood, lists, top_k=3)
    fill = FillMask(likelihood.engine, likelihood.tokenizer)
    (first, *_) = found.fills
    (member, *_) = lists.groups["first"]
    assert (first.template, first.group) == (TEMPLATES[0], member)
    expected = fill(f"The {member} walked to a [MASK].", top_k=3)
    for ours, theirs in zip(first.fills, expected, strict=True):
        assert ours == pytest.approx(theirs)
    assert len(found.fills) == 2 * 3
    words = [each.word for each in found.words]
    assert words == list(lists.words["all"])
    log_p, increased = (f(likelihood, lists, words) for f in (word_log_probs, increased_log_probs))
    for number, each in enumerate(found.words):
        assert list(each.log_probs.values()) == pytest.approx(log_p[number].mean(0))
        assert list(each.increased.values()) == pytest.approx(increased[number].mean(0))
        assert each.pieces == len(likelihood.pieces(each.word))
    (comparison,) = found.comparisons
    bias = increased.mean(1) @ [1, -1]
    assert comparison.bias.value == pytest.approx(bias.mean())
    assert (comparison.effect_size, comparison.p_of_lists) == (None, None)
    single = log_p[[each.pieces == 1 for each in found.words]]
    distances = [jensen_shannon(single[:, t, 0], single[:, t, 1]) for t in range(2)]
    assert comparison.divergence == pytest.approx(np.mean(distances))
    names = [each.word for each in found.words if each.pieces == 1]
    tops = [
        [names[k] for k in np.argsort(-single[:, :, g].mean(1), kind="stable")[:10]] for g in (0, 1)
    ]
    assert comparison.overlap == jaccard(*tops)
    assert probe(likelihood, lists, top_k=3) == found


def test_ratings_of_words(likelihood: MaskedLikelihood, lists: ProbeLists) -> None:
    first, second, third, *_ = lists.words["all"]
    ratings = {first: 1.0, second: 3.0, third: -2.0, "never asked": 5.0}
    found = probe(likelihood, replace(lists, ratings=ratings))
    rated = [word for word in found.words if word.rating is not None]
    assert [word.rating for word in rated] == [1.0, 3.0, -2.0]
    bias = [word.increased["first"] - word.increased["second"] for word in rated]
    (agreement,) = found.correlations
    assert agreement.pearson.value == pytest.approx(np.corrcoef([1, 3, -2], bias)[0, 1])
    ranks = np.argsort(np.argsort(bias))
    assert agreement.spearman.value == pytest.approx(np.corrcoef([1, 2, 0], ranks)[0, 1])
    assert probe(likelihood, lists).correlations == []
    with pytest.raises(ValueError, match="1 of the compared words have a rating, and 3 or more"):
        probe(likelihood, replace(lists, ratings={first: 1.0}))


def test_a_word_in_both_lists_counts_in_each(likelihood: MaskedLikelihood, lists) -> None:
    some = lists.words["all"][:3]
    both = ProbeLists(TEMPLATES, lists.groups, {"some": some, "same": some})
    (comparison,) = probe(likelihood, both).comparisons
    assert comparison.bias.n == 6
    assert comparison.effect_size == pytest.approx(0)
    assert comparison.p_of_lists == 1


def test_two_lists_and_words_that_are_left_out(likelihood: MaskedLikelihood, lists) -> None:
    some = lists.words["all"][:2]
    two = ProbeLists(TEMPLATES, lists.groups, {"some": some, "others": ("river", "犬", "island")})
    found = probe(likelihood, two)
    (comparison,) = found.comparisons
    assert comparison.effect_size is not None
    assert comparison.p_of_lists is not None
    assert 0 < comparison.p_of_lists <= 1
    assert [each.list for each in found.words] == ["some", "some", "others", "others"]
    assert found.skipped == ["'犬' has letters that the vocabulary lacks; leave it out"]


def test_words_of_several_pieces_have_no_distances(likelihood: MaskedLikelihood, lists) -> None:
    several = ProbeLists(TEMPLATES, lists.groups, {"all": ("fisherman", "harbour")})
    assert all(len(likelihood.pieces(word)) > 1 for word in several.words["all"])
    (comparison,) = probe(likelihood, several).comparisons
    assert (comparison.overlap, comparison.divergence) == (None, None)


def test_lists_that_cannot_be_used(likelihood: MaskedLikelihood, lists: ProbeLists) -> None:
    groups = {**lists.groups, "third": ("fisherman",)}
    with pytest.raises(ValueError, match=r"'fisherman' has .* pieces .*choose another word"):
        probe(likelihood, ProbeLists(TEMPLATES, groups, lists.words))
    with pytest.raises(ValueError, match="no word of the list 'none' is in the vocabulary"):
        probe(likelihood, ProbeLists(TEMPLATES, lists.groups, {"none": ("犬",)}))
