"""Checks of arguments: what they return for valid arguments, and what they reject."""

from typing import Any

import numpy as np
import pytest
import torch

from albertlm.tokenization import checks


@pytest.mark.parametrize(
    ("text", "text_pair", "columns", "is_batch"),
    [
        ("a", None, [["a"]], False),
        ("a", "b", [["a"], ["b"]], False),
        (["a", "b"], None, [["a", "b"]], True),
        (("a", "b"), None, [["a", "b"]], True),
        (["a", "b"], ["c", "d"], [["a", "b"], ["c", "d"]], True),
        ([("a", "b"), ("c", "d")], None, [["a", "c"], ["b", "d"]], True),
        ([["a", "b"], ["c", "d"]], None, [["a", "c"], ["b", "d"]], True),
        (np.array(["a", "b"]), None, [["a", "b"]], True),
        (np.array([["a", "b"], ["c", "d"]]), None, [["a", "c"], ["b", "d"]], True),
        ((text for text in "ab"), map(str.upper, "cd"), [["a", "b"], ["C", "D"]], True),
        (np.str_("a"), None, [["a"]], False),
        ([], None, [[]], True),
        ([], [], [[], []], True),
    ],
)
def test_texts_become_columns(
    text: object, text_pair: object, columns: list[list[str]], is_batch: bool
) -> None:
    assert checks.as_columns(text, text_pair, are_split=False) == (columns, is_batch)


def test_columns_of_pandas_are_texts() -> None:
    pandas = pytest.importorskip("pandas")
    texts, pairs = pandas.Series(["a", "b"], index=[5, 7]), pandas.Series(["c", "d"])
    assert checks.as_columns(texts, pairs, are_split=False) == ([["a", "b"], ["c", "d"]], True)


@pytest.mark.parametrize(
    ("text", "text_pair", "columns", "is_batch"),
    [
        (["a", "b"], None, [[["a", "b"]]], False),
        (["a", "b"], ("c",), [[["a", "b"]], [["c"]]], False),
        ([["a", "b"], ["c"]], None, [[["a", "b"], ["c"]]], True),
        ([["a"], []], [["b"], ["c", "d"]], [[["a"], []], [["b"], ["c", "d"]]], True),
        ([np.array(["a", "b"])], None, [[["a", "b"]]], True),
        ([], None, [[[]]], False),
    ],
)
def test_texts_that_are_split_into_words_become_columns(
    text: object, text_pair: object, columns: list[list[list[str]]], is_batch: bool
) -> None:
    assert checks.as_columns(text, text_pair, are_split=True) == (columns, is_batch)


@pytest.mark.parametrize(
    "ids",
    [
        [0, 7],
        (0, 7),
        np.array([0, 7]),
        torch.tensor([0, 7]),
        list(np.array([0, 7])),
        list(torch.tensor([0, 7])),
    ],
)
def test_ids_become_a_list(ids: Any) -> None:
    assert checks.as_ids(ids, 8) == [0, 7]
    with pytest.raises(ValueError, match="there is no token id 7; ids go from 0 to 6"):
        checks.as_ids(ids, 7)


@pytest.mark.parametrize("token_id", [3, np.int32(3), np.array(3), torch.tensor(3)])
def test_a_single_id_becomes_a_list(token_id: Any) -> None:
    assert checks.as_ids(token_id, 8) == [3]


@pytest.mark.parametrize(
    "encodings",
    [
        [{"input_ids": [1], "labels": [2]}, {"input_ids": [3, 4], "labels": [5, 6]}],
        {"input_ids": [[1], [3, 4]], "labels": [[2], [5, 6]]},
        [
            {"input_ids": np.array([1]), "labels": torch.tensor([2])},
            {"input_ids": [3, 4], "labels": [5, 6]},
        ],
    ],
)
def test_encodings_become_rows_by_name(encodings: Any) -> None:
    rows = checks.as_rows(encodings)
    assert rows == {"input_ids": [[1], [3, 4]], "labels": [[2], [5, 6]]}


def test_one_flat_encoding_is_one_row() -> None:
    assert checks.as_rows({"input_ids": [1, 2]}) == {"input_ids": [[1, 2]]}


@pytest.mark.parametrize(
    ("padding", "strategy"),
    [
        (True, "longest"),
        (False, "do_not_pad"),
        ("longest", "longest"),
        ("max_length", "max_length"),
        ("do_not_pad", "do_not_pad"),
    ],
)
def test_names_of_padding(padding: bool | str, strategy: str) -> None:
    assert checks.padding_strategy(padding) == strategy


@pytest.mark.parametrize(
    ("truncation", "strategy"),
    [
        (True, "longest_first"),
        (False, "do_not_truncate"),
        ("only_first", "only_first"),
        ("only_second", "only_second"),
    ],
)
def test_names_of_truncation(truncation: bool | str, strategy: str) -> None:
    assert checks.truncation_strategy(truncation) == strategy


@pytest.mark.parametrize("value", [True, 1.0, "1", None, 0])
def test_a_count_is_an_integer_that_is_large_enough(value: object) -> None:
    assert checks.require_count("stride", np.int64(1), least=1) == 1
    with pytest.raises(ValueError, match=r"stride=.* is not allowed; it must be an integer of 1"):
        checks.require_count("stride", value, least=1)


@pytest.mark.parametrize("value", [0, 1, None, "yes"])
def test_a_flag_is_a_boolean(value: object) -> None:
    checks.require_flags(first=True, second=False)
    with pytest.raises(ValueError, match=r"second=.* is not allowed; it must be True or False"):
        checks.require_flags(first=True, second=value)
