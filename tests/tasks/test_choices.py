"""Contexts with choices as rows of tokens."""

from __future__ import annotations

import pytest

from albertlm import AlbertTokenizer
from albertlm.tasks.choices import choice_rows

CONTEXT = "She walked to the river. " * 10
LONG = "the boats " * 20


def test_short_texts_are_pairs(tiny_tokenizer: AlbertTokenizer) -> None:
    (rows,) = choice_rows(tiny_tokenizer, ["She walked."], [["the river", "a town"]], 64)
    for ids, segments, choice in zip(
        rows.input_ids, rows.token_type_ids, ("the river", "a town"), strict=True
    ):
        pair = tiny_tokenizer("She walked.", choice)
        assert ids == pair["input_ids"]
        assert segments == pair["token_type_ids"]
    assert rows.left_out == 0


def test_all_choices_have_the_same_part_of_a_context(tiny_tokenizer: AlbertTokenizer) -> None:
    (rows,) = choice_rows(tiny_tokenizer, [CONTEXT], [["a town", LONG]], 40)
    firsts = [
        [token for token, segment in zip(ids, segments, strict=True) if segment == 0]
        for ids, segments in zip(rows.input_ids, rows.token_type_ids, strict=True)
    ]
    assert firsts[0] == firsts[1]
    whole = tiny_tokenizer(CONTEXT, add_special_tokens=False)["input_ids"]
    assert firsts[0][1:-1] == whole[: len(whole) - rows.left_out]
    assert [len(ids) <= 40 for ids in rows.input_ids] == [True, True]
    assert len(rows.input_ids[1]) == 40
    end = tiny_tokenizer(LONG, add_special_tokens=False)["input_ids"]
    assert rows.input_ids[1][-19:-1] == end[-18:]  # of a choice, the end is read


def test_a_long_passage_is_the_same_for_a_short_and_a_long_choice(
    tiny_tokenizer: AlbertTokenizer,
) -> None:
    """A passage of 600 tokens, and choices of 2 and of 90."""
    one = "river "
    assert len(tiny_tokenizer(one * 90, add_special_tokens=False)["input_ids"]) == 90
    (rows,) = choice_rows(tiny_tokenizer, [one * 600], [[one * 2, one * 90]], 512)
    ends = [ids.index(tiny_tokenizer.sep_token_id) for ids in rows.input_ids]
    assert ends == [1 + 512 - 3 - 90] * 2
    assert [len(ids) for ids in rows.input_ids] == [512 - 88, 512]
    assert rows.left_out == 600 - (512 - 3 - 90)
    (as_run,) = choice_rows(
        tiny_tokenizer, [one * 600], [[one * 2, one * 90]], 512, equal_contexts=False
    )
    assert [len(ids) for ids in as_run.input_ids] == [512, 512]
    ends = [ids.index(tiny_tokenizer.sep_token_id) for ids in as_run.input_ids]
    assert ends == [1 + 512 - 3 - 2, 1 + 512 - 3 - 90]


def test_nothing_and_too_little_room(tiny_tokenizer: AlbertTokenizer) -> None:
    assert choice_rows(tiny_tokenizer, [], [], 64) == []
    with pytest.raises(ValueError, match="max_length=4 is not allowed; it must be 5 or more"):
        choice_rows(tiny_tokenizer, ["a"], [["b", "c"]], 4)
