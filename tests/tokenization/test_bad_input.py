"""Bad input: one line that says what is allowed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from albertlm import AlbertTokenizer

CALLS: list[tuple[Callable[[AlbertTokenizer], Any], str]] = [
    (lambda t: t(5), "text is of type int; give a string or a list of strings"),
    (lambda t: t(None), "text is None; give"),
    (lambda t: t(["a", 5]), "a text is of type int; give strings"),
    (lambda t: t("a", ["b"]), "text is one string but text_pair is of type list"),
    (lambda t: t(["a"], "b"), "text_pair is of type str"),
    (lambda t: t(["a", "b"], ["c"]), "there are 2 texts but 1 text pairs"),
    (lambda t: t([("a", "b"), ("c",)]), "a batch of pairs must hold nothing but tuples of two"),
    (lambda t: t("a", padding="left"), "padding='left' is not allowed; it must be one of longest"),
    (lambda t: t("a", truncation="all"), "truncation='all' is not allowed; it must be one of"),
    (lambda t: t("a", truncation="only_second"), "truncation='only_second' needs a text_pair"),
    (lambda t: t("a", max_length=2), "max_length=2 is not allowed; it must be an integer of 3"),
    (lambda t: t("a", "b", max_length=4), "max_length=4 is not allowed; .* of 5 or more"),
    (lambda t: t("a", max_length=9.5), "max_length=9.5 is not allowed"),
    (lambda t: t("a", stride=-1), "stride=-1 is not allowed; it must be an integer of 0 or more"),
    (lambda t: t("a", pad_to_multiple_of=0), "pad_to_multiple_of=0 is not allowed"),
    (lambda t: t("a b c a b c", max_length=4, stride=2), "stride=2 is not less than the 2 tokens"),
    (lambda t: t("a a a a a a", "b", max_length=6, truncation="only_second"), "cannot make a pair"),
    (lambda t: t("a", return_tensors="tf"), "return_tensors='tf' is not allowed; it must be 'pt'"),
    (
        lambda t: t(["a", "a b c"], return_tensors="np"),
        "rows of . to . tokens make no tensor; set p",
    ),
    (lambda t: t("a \ud800"), r"lone surrogate \\ud800"),
    (lambda t: t.encode_corpus("a"), "texts is one string; give a list of strings"),
    (lambda t: t.encode_corpus(["a", None]), "a text is of type NoneType|a text is None"),
    (lambda t: t.decode([2, 300]), "there is no token id 300; ids go from 0 to 299"),
    (lambda t: t.decode([-1]), "there is no token id -1"),
    (lambda t: t.decode([[2]]), "a token id is of type list; use batch_decode"),
    (lambda t: t.pad([{"labels": [1]}]), "there are no input_ids to pad"),
    (lambda t: t.pad(t(["a"]), return_tensors="tf"), "return_tensors='tf' is not allowed"),
    (lambda t: t.get_special_tokens_mask([5], [5], True), "pair_ids must be None"),
]


@pytest.mark.parametrize(("call", "message"), CALLS, ids=[message for _, message in CALLS])
@pytest.mark.parametrize("hub_mode", [True, False])
def test_calls(
    tokenizer: AlbertTokenizer,
    hub_tokenizer: AlbertTokenizer,
    hub_mode: bool,
    call: Callable[[AlbertTokenizer], Any],
    message: str,
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        call(hub_tokenizer if hub_mode else tokenizer)
    assert "\n" not in str(error.value)


def test_an_encoding_says_what_it_has(tokenizer: AlbertTokenizer) -> None:
    with pytest.raises(AttributeError, match="no 'labels'; it has input_ids, token_type_ids"):
        _ = tokenizer("a").labels


def test_a_missing_vocabulary(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary .* train one"):
        AlbertTokenizer(tmp_path / "spiece.model")
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary .* train one"):
        AlbertTokenizer.from_pretrained(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"there is no vocabulary .* train one"):
        AlbertTokenizer.from_pretrained("no/such/spiece.model")


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_vocabulary(spiece: Path, tmp_path: Path, share: float) -> None:
    content = spiece.read_bytes()
    broken = tmp_path / "spiece.model"
    broken.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ValueError, match="is truncated or no SentencePiece model; fetch or train"):
        AlbertTokenizer(broken)


def test_a_vocabulary_that_was_cut_between_two_pieces(spiece: Path, tmp_path: Path) -> None:
    content = spiece.read_bytes()
    size = content.index("▁1999,".encode()) - 4
    processor = sentencepiece.SentencePieceProcessor(model_proto=content[:size])
    assert len(processor) < 300
    broken = tmp_path / "spiece.model"
    broken.write_bytes(content[:size])
    with pytest.raises(ValueError, match="is truncated or no SentencePiece model"):
        AlbertTokenizer(broken)


def test_a_vocabulary_of_another_model(tmp_path: Path) -> None:
    model = tmp_path / "other.model"
    with model.open("wb") as file:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a b c"] * 9), model_writer=file, vocab_size=7, minloglevel=2
        )
    with pytest.raises(ValueError, match="has no piece '<pad>', so it is not an ALBERT vocabulary"):
        AlbertTokenizer(model)


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


@pytest.mark.parametrize("content", ["{", "[1]", "\x80"])
def test_a_broken_configuration(spiece: Path, tmp_path: Path, content: str) -> None:
    (tmp_path / "spiece.model").write_bytes(spiece.read_bytes())
    (tmp_path / "tokenizer_config.json").write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"tokenizer_config.json is not .*fetch or write it again"):
        AlbertTokenizer.from_pretrained(tmp_path)
