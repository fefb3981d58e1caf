"""Multiple choice as rows of tokens: a context with each of its choices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from albertlm.settings import check
from albertlm.tokenization.tokenizer import AlbertTokenizer

MOST_CHOICE_TOKENS = 128
"""The number of tokens that are read of a choice, with its question (`max_qa_length`)."""


class ChoiceRows(NamedTuple):
    """The choices of a context, each a row `[CLS] context [SEP] choice [SEP]`.

    Fields:
        input_ids: the tokens of each row.
        token_type_ids: 0 up to the first [SEP], and 1 from there.
        left_out: the number of tokens of the context that are not read with some choice.
    """

    input_ids: list[list[int]]
    token_type_ids: list[list[int]]
    left_out: int


def choice_rows(
    tokenizer: AlbertTokenizer,
    contexts: Sequence[str],
    choices: Sequence[Sequence[str]],
    max_length: int,
    *,
    equal_contexts: bool = True,
) -> list[ChoiceRows]:
    """The rows of each context with its choices.

    The end of a choice that is too long is read and, of the context, the beginning.

    Args:
        tokenizer: the tokenizer of the model.
        contexts: what the choices are about.
        choices: for each context, the texts that may follow it, with the question if there is one.
        max_length: the number of tokens of the longest row.
        equal_contexts: whether the same part of a context is read with all of its choices; if not,
            as much as fits with each, as in Google's code.

    Raises:
        ValueError: `max_length` has no room for a token of each text.

    Source: race_utils.py of google-research/albert.
    """
    room = max_length - 3  # [CLS] and twice [SEP]
    check(room >= 2, "5 or more", max_length=max_length)
    if not contexts:
        return []
    flat = [text for of_context in choices for text in of_context]
    context_ids = tokenizer([*contexts], add_special_tokens=False)["input_ids"]
    choice_ids = iter(tokenizer(flat, add_special_tokens=False)["input_ids"])
    most = min(MOST_CHOICE_TOKENS, room // 2)
    found = []
    for ids, of_context in zip(context_ids, choices, strict=True):
        ends = [next(choice_ids)[-most:] for _ in of_context]
        longest = max(map(len, ends))
        firsts = [
            [
                tokenizer.cls_token_id,
                *ids[: room - (longest if equal_contexts else len(end))],
                tokenizer.sep_token_id,
            ]
            for end in ends
        ]
        seconds = [[*end, tokenizer.sep_token_id] for end in ends]
        pairs = [*zip(firsts, seconds, strict=True)]
        found.append(
            ChoiceRows(
                [first + second for first, second in pairs],
                [[0] * len(first) + [1] * len(second) for first, second in pairs],
                max(0, len(ids) - room + longest),
            )
        )
    return found
