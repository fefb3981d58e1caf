"""Log-probabilities in batches are those of transformers, one position at a time."""

import numpy as np
import pytest

from albertlm.evaluation.bias import likelihood as module
from albertlm.evaluation.bias.likelihood import Cloze, MaskedLikelihood
from albertlm.inference.engines.numpy import NumpyEngine

TEXTS = ["The old fisherman walked to the river.", "Nobody painted.", "She sold the boats."]


def test_each_piece_is_masked_alone(likelihood: MaskedLikelihood, log_prob) -> None:
    rows = likelihood.tokenized(TEXTS)
    places = [likelihood.inner(row) for row in rows]
    for row, at, found in zip(rows, places, likelihood.of_masked(rows, places), strict=True):
        expected = [log_prob(row, i, row.input_ids[i], (i,)) for i in at]
        assert at == list(range(1, len(row.input_ids) - 1))
        np.testing.assert_allclose(found, expected, atol=1e-6)


def test_visible_pieces(likelihood: MaskedLikelihood, log_prob) -> None:
    rows = likelihood.tokenized(TEXTS[:2])
    places = [likelihood.inner(row) for row in rows]
    for row, at, found in zip(rows, places, likelihood.of_visible(rows, places), strict=True):
        np.testing.assert_allclose(
            found, [log_prob(row, i, row.input_ids[i]) for i in at], atol=1e-6
        )


def test_the_second_text_of_a_pair(likelihood: MaskedLikelihood, log_prob) -> None:
    (row,) = likelihood.tokenized(TEXTS[1:2], TEXTS[2:])
    at = likelihood.inner(row)
    assert [row.token_type_ids[i] for i in at] == [1] * len(at)
    assert at[-1] == len(row.input_ids) - 2
    (found,) = likelihood.of_masked([row], [at])
    np.testing.assert_allclose(found, [log_prob(row, i, row.input_ids[i], (i,)) for i in at])


def test_several_pieces_at_one_position_and_ranks(likelihood: MaskedLikelihood, log_prob) -> None:
    (row,) = likelihood.tokenized(["She [MASK] the boats."])
    (at,) = likelihood.masks(row)
    cloze = Cloze(row, (at,) * 70, tuple(range(70)))
    (found,), (ranks,) = likelihood.log_probs([cloze]), likelihood.ranks([cloze])
    assert np.exp(found).sum() == pytest.approx(1)
    np.testing.assert_allclose(found, log_prob(row, at, slice(None)), atol=1e-6)
    assert sorted(ranks) == list(range(70))
    assert (np.argsort(ranks) == np.argsort(-found)).all()


def test_batches_change_nothing(
    likelihood: MaskedLikelihood, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = likelihood.tokenized(TEXTS * 2)  # equal texts are computed once
    places = [likelihood.inner(row) for row in rows]
    batches: list[None] = []
    counted = MaskedLikelihood(
        likelihood.engine, likelihood.tokenizer, on_batch=lambda: batches.append(None)
    )
    together = counted.of_masked(rows, places)
    assert len(batches) == 1
    monkeypatch.setattr(module, "MOST_TOKENS", 1)
    single = counted.of_masked(rows, places)
    assert len(batches) == 1 + sum(map(len, places)) // 2
    monkeypatch.undo()
    monkeypatch.setattr(module, "MOST_POSITIONS", 5)
    few = counted.of_masked(rows, places)
    for a, b, c in zip(together, single, few, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12)
        np.testing.assert_allclose(a, c, rtol=1e-12)


def test_no_texts(likelihood: MaskedLikelihood) -> None:
    assert likelihood.of_masked([], []) == []


def test_words_and_their_pieces(likelihood: MaskedLikelihood) -> None:
    tokenizer = likelihood.tokenizer
    word = next(p for p in tokenizer.get_vocab() if p[0] == "▁" and p[1:].isalpha())
    assert tokenizer.convert_ids_to_tokens([likelihood.single_piece(word[1:])]) == [word]
    long = "fishermanharbour"
    shown = tokenizer.convert_ids_to_tokens(likelihood.pieces(long))
    assert "".join(shown) == f"▁{long}"
    with pytest.raises(ValueError, match=rf"'{long}' has {len(shown)} pieces \(▁"):
        likelihood.single_piece(long)
    with pytest.raises(ValueError, match="letters that the vocabulary lacks"):
        likelihood.pieces("犬")
    (row,) = likelihood.tokenized(["She painted the boats."])
    words = likelihood.words(row)
    left_out = [row.input_ids[at] for at in likelihood.inner(row) if at not in words]
    assert "".join(tokenizer.convert_ids_to_tokens(left_out)) == "▁."


def test_masks_are_expanded(likelihood: MaskedLikelihood) -> None:
    (row,) = likelihood.tokenized(["A [MASK] and a [MASK]."])
    first, second = likelihood.masks(row)
    mask = likelihood.tokenizer.mask_token_id
    expanded = likelihood.expanded(row, [[7, 8], [mask] * 3])
    assert expanded.input_ids[first : first + 2] == [7, 8]
    assert likelihood.masks(expanded) == [second + 1, second + 2, second + 3]
    assert len(expanded.token_type_ids) == len(row.input_ids) + 3
    with pytest.raises(ValueError, match="reads at most 64; shorten it"):
        likelihood.expanded(row, [[7] * 60, [8]])


def test_a_model_without_the_head(likelihood: MaskedLikelihood) -> None:
    engine = likelihood.engine
    others = {n: a for n, a in engine.parameters.items() if not n.startswith("predictions")}
    with pytest.raises(ValueError, match=r"no trained predictions\.dense"):
        MaskedLikelihood(NumpyEngine(engine.config, others), likelihood.tokenizer)
