"""Bad input raises an error with a one-line message that says what is allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm import AlbertTokenizer

CALLS: list[tuple[Callable[[Any], Any], str]] = [
    (lambda t: t(5), "text is of type int; give a string or a list of strings"),
    (lambda t: t(None), "text is None; give"),
    (lambda t: t(["a", 5]), "a text is of type int; give strings"),
    (lambda t: t({"a": "b"}), "text is of type dict; give a string or a list of strings"),
    (lambda t: t({"a", "b"}), "text is of type set; give a string or a list of strings"),
    (lambda t: t(b"a"), "text is of type bytes; give a string or a list of strings"),
    (lambda t: t(["a", float("nan")]), "a text is of type float; give strings"),
    (lambda t: t([["a"], ["b"]]), "a text is of type list; give strings"),
    (lambda t: t([["a", "b"], ["c"]]), "split into words, set is_split_into_words=True"),
    (
        lambda t: t("a b", is_split_into_words=True),
        "text is of type str; give lists of words, or set is_sp",
    ),
    (lambda t: t("a", ["b"]), "text is one string but text_pair is of type list"),
    (lambda t: t(["a"], "b"), "text_pair is of type str"),
    (lambda t: t(["a", "b"], ["c"]), "there are 2 texts but 1 text pairs"),
    (lambda t: t([("a", "b"), ("c",)]), "a batch of pairs must consist of tuples or lists of two"),
    (lambda t: t("a", padding="left"), "padding='left' is not allowed; it must be one of longest"),
    (lambda t: t("a", truncation="all"), "truncation='all' is not allowed; it must be one of"),
    (lambda t: t("a", truncation="only_second"), "truncation='only_second' needs a text_pair"),
    (lambda t: t("a", max_length=2), "max_length=2 is not allowed; it must be an integer of 3"),
    (lambda t: t("a", "b", max_length=4), "max_length=4 is not allowed; .* of 5 or more"),
    (lambda t: t("a", max_length=9.5), "max_length=9.5 is not allowed"),
    (lambda t: t("a", stride=-1), "stride=-1 is not allowed; it must be an integer of 0 or more"),
    (lambda t: t("a", pad_to_multiple_of=0), "pad_to_multiple_of=0 is not allowed"),
    (lambda t: t("a b c a b c", max_length=4, stride=2), "stride=2 is not less than the 2 tokens"),
    (
        lambda t: t("a a a a a a", "b", max_length=6, truncation="only_second"),
        "cannot make this pair",
    ),
    (lambda t: t("a", padding_side="top"), "padding_side='top' is not allowed; .* left, right"),
    (
        lambda t: t("a", return_tensors="jax"),
        "return_tensors='jax' is not allowed; it must be 'pt'",
    ),
    (
        lambda t: t(["a", "a b c"], return_tensors="np"),
        "rows of . to . tokens cannot form a tensor; set p",
    ),
    (lambda t: t("a \ud800"), r"lone surrogate \\ud800"),
    (lambda t: t.encode_corpus("a"), "texts is one string; give a list of strings"),
    (lambda t: t.encode_corpus(["a", None]), "a text is of type NoneType|a text is None"),
    (lambda t: t.decode([2, 300]), "there is no token id 300; ids go from 0 to 299"),
    (lambda t: t.decode([-1]), "there is no token id -1"),
    (lambda t: t.decode([2.0]), "a token id is of type float; give integers"),
    (lambda t: t.decode("ab"), "ids is of type str; give an integer or a list of integers"),
    (lambda t: t.decode([[2]]), "a token id is of type list; use batch_decode"),
    (lambda t: t.pad([{"labels": [1]}]), "there are no input_ids to pad"),
    (
        lambda t: t.pad(
            [{"input_ids": [2], "tags": [1]}, {"input_ids": [2, 3], "tags": [1, 2]}],
            return_tensors="np",
        ),
        "tags cannot form a tensor: its rows have different lengths",
    ),
    (
        lambda t: t.pad([{"input_ids": [2], "labels": 1}, {"input_ids": [2]}]),
        "encoding 1 has no labels, but another has; pad only what belongs together",
    ),
    (lambda t: t.pad([]), "there are no input_ids to pad"),
    (lambda t: t.pad({"input_ids": [[2]]}).word_ids(), "does not know its texts; ask those that"),
    (
        lambda t: t("a").char_to_token(0, 0, sequence_index=1),
        "there is no sequence 1; the encoding has 1 a row",
    ),
    (lambda t: t.add_tokens(""), "'' is not allowed as an added token; give a string"),
    (lambda t: t.add_tokens([5]), "5 is not allowed as an added token; give a string"),
    (lambda t: t.add_special_tokens({"bos_token": "x"}), "'bos_token' is no task .* pad_token"),
    (lambda t: t.pad(t(["a"]), return_tensors="jax"), "return_tensors='jax' is not allowed"),
    (lambda t: t.get_special_tokens_mask([5], [5], True), "pair_ids must be None"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
@pytest.mark.parametrize("hub_mode", [True, False])
def test_calls(
    tokenizer: AlbertTokenizer,
    hub_tokenizer: AlbertTokenizer,
    hub_mode: bool,
    call: Callable[[Any], Any],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        call(hub_tokenizer if hub_mode else tokenizer)
    assert "\n" not in str(error.value)


def test_a_missing_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary .* train one"):
        AlbertTokenizer(tmp_path / "spiece.model")
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary .* train one"):
        AlbertTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary .* train one"):
        AlbertTokenizer.from_pretrained("no/such/spiece.model")


def test_options(spiece: Path, tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="unknown tokenizer option 'do_lowercase'; did you mean 'do_l"
    ):
        AlbertTokenizer.from_pretrained(spiece, do_lowercase=True)
    with pytest.raises(
        ValueError, match="unknown tokenizer option 'x'; the options are do_lower_case"
    ):
        AlbertTokenizer.from_pretrained(spiece, x=1)
    with pytest.raises(
        ValueError, match="keep_accents='no' is not allowed; it must be True or False"
    ):
        AlbertTokenizer(spiece, keep_accents="no")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="model_max_length=0 is not allowed"):
        AlbertTokenizer(spiece, model_max_length=0)
