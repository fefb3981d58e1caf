"""`tokenizer.json`: its rules, and the vocabularies in it, compared with transformers."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import tokenizers
import transformers
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization import definition
from albertlm.tokenization.definition import Definition, Rules
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.special_tokens import ALBERT, SpecialTokens


def parsed(content: bytes) -> Any:
    """A `spiece.model`, parsed by Google's protobuf."""
    messages = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    return messages.ModelProto.FromString(content)


@pytest.fixture(scope="module")
def folder(hub_tokenizer: AlbertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that transformers wrote, without a `spiece.model`."""
    ours = tmp_path_factory.mktemp("ours")
    theirs = tmp_path_factory.mktemp("theirs")
    hub_tokenizer.save_pretrained(ours)
    transformers.AlbertTokenizer.from_pretrained(ours).save_pretrained(theirs)
    assert not (theirs / "spiece.model").exists()
    return theirs


@pytest.fixture
def released(folder: Path) -> Definition:
    return definition.read(folder / "tokenizer.json")


def test_a_definition_becomes_the_model_that_it_was_made_from(
    spiece: Path, released: Definition
) -> None:
    original = parsed(spiece.read_bytes())
    converted = parsed(definition.to_model(released, Path("tokenizer.json")).content)
    for ours, expected in zip(converted.pieces, original.pieces, strict=True):
        assert (ours.piece, ours.score, ours.type) == (
            expected.piece,
            expected.score,
            expected.type,
        )
    assert converted.normalizer_spec.name == original.normalizer_spec.name
    assert (
        converted.normalizer_spec.precompiled_charsmap
        == original.normalizer_spec.precompiled_charsmap
    )
    for name in ("model_type", "vocab_size", "unk_id", "bos_id", "eos_id", "pad_id"):
        assert getattr(converted.trainer_spec, name) == getattr(original.trainer_spec, name)
    assert set(converted.trainer_spec.user_defined_symbols) == set(
        original.trainer_spec.user_defined_symbols
    )


@given(data=st.data())
def test_the_ids_are_those_of_the_spiece_model(
    folder: Path,
    tokenizer: AlbertTokenizer,
    hub_tokenizer: AlbertTokenizer,
    texts: st.SearchStrategy[str],
    data: st.DataObject,
) -> None:
    text = data.draw(texts)
    assert AlbertTokenizer.from_pretrained(folder, hub_mode=True)(text) == hub_tokenizer(text)
    assert AlbertTokenizer.from_pretrained(folder, hub_mode=False)(text) == tokenizer(text)


def test_a_vocabulary_from_a_definition_can_be_saved(
    folder: Path, tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    AlbertTokenizer.from_pretrained(folder / "tokenizer.json").save_pretrained(tmp_path)
    assert AlbertTokenizer(tmp_path / "spiece.model").get_vocab() == tokenizer.get_vocab()


def test_the_released_vocabulary(original: Path, tmp_path: Path) -> None:
    AlbertTokenizer(original).save_pretrained(tmp_path)
    (tmp_path / "spiece.model").unlink()
    text = "Born in 1999, he paid £5 (or so) for a naïve [MASK]. ☃"
    for hub_mode in (False, True):
        loaded = AlbertTokenizer.from_pretrained(tmp_path, hub_mode=hub_mode)
        assert loaded(text) == AlbertTokenizer(original, hub_mode=hub_mode)(text)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("keep", [True, False])
def test_the_rules_are_those_that_were_written(spiece: Path, lower: bool, keep: bool) -> None:
    made = definition.from_model(read_model(spiece), Rules(lower, keep), ALBERT, {})
    assert definition.is_released_form(made)
    assert definition.rules_of(made) == (lower, keep)


def test_the_form_that_older_versions_wrote(released: Definition) -> None:
    metaspace = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}
    released["pre_tokenizer"]["pretokenizers"][1] = metaspace
    spaces = {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "}
    released["normalizer"]["normalizers"].append(spaces)
    del released["model"]["byte_fallback"]
    assert definition.is_released_form(released)


def with_(released: Definition, *path: str | int, value: Any) -> Definition:
    """The definition with another value at a path."""
    changed = copy.deepcopy(released)
    part: Any = changed
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    return changed


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("normalizer",), None),
        (("normalizer",), {"type": "NFKC"}),
        (("normalizer", "normalizers", 0), {"type": "Nmt"}),
        (("normalizer", "normalizers", 2), {"type": "NFD"}),
        (("pre_tokenizer",), None),
        (("pre_tokenizer",), {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always"}),
        (("pre_tokenizer", "pretokenizers", 0), {"type": "Whitespace"}),
        (("pre_tokenizer", "pretokenizers", 1, "prepend_scheme"), "first"),
        (("pre_tokenizer", "pretokenizers", 1, "split"), False),
        (("pre_tokenizer", "pretokenizers", 1, "replacement"), "_"),
        (("model", "byte_fallback"), True),
        (("model", "type"), "WordPiece"),
    ],
    ids=str,
)
def test_any_other_rule_is_another_form(
    released: Definition, path: tuple[str | int, ...], value: Any
) -> None:
    assert definition.is_released_form(released)
    assert not definition.is_released_form(with_(released, *path, value=value))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("post_processor", "single"), [{"Sequence": {"id": "A", "type_id": 0}}]),
        (("post_processor", "pair", 3, "Sequence", "type_id"), 0),
        (("post_processor",), {"type": "RobertaProcessing", "sep": ["[SEP]", 3]}),
        (("post_processor",), {"type": "BertProcessing", "sep": ["</s>", 3], "cls": ["<s>", 2]}),
    ],
    ids=str,
)
def test_other_special_tokens_around_texts_are_refused(
    released: Definition, path: tuple[str | int, ...], value: Any
) -> None:
    definition.check_template(released, ALBERT, Path("x"))
    with pytest.raises(ValueError, match=r"x does not put \[CLS\] before a text, \[SEP\] after"):
        definition.check_template(with_(released, *path, value=value), ALBERT, Path("x"))


def test_special_tokens_around_texts_may_have_other_names(released: Definition) -> None:
    bert = {"type": "BertProcessing", "sep": ["</s>", 3], "cls": ["<s>", 2]}
    special = SpecialTokens(cls="<s>", sep="</s>")
    for post_processor in (bert, None):
        changed = with_(released, "post_processor", value=post_processor)
        definition.check_template(changed, special, Path("x"))


@pytest.mark.parametrize(
    "flags", [{"model_type": "bpe"}, {"byte_fallback": True}, {"model_type": "char"}], ids=str
)
def test_tokenizers_gives_the_ids_of_sentencepiece(train: Any, flags: dict[str, Any]) -> None:
    path = train(**flags)
    made = definition.from_model(read_model(path), Rules(True, False), ALBERT, {})
    peer = tokenizers.Tokenizer.from_str(json.dumps(made))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(path))
    for text in ("the models of the river-town.", "a 漢 (b) modelling", "", "x y"):
        assert peer.encode(text, add_special_tokens=False).ids == processor.encode(text)
        assert peer.decode(processor.encode("the 漢字")) == "the 漢字" or not flags.get(
            "byte_fallback"
        )


@pytest.mark.parametrize(
    ("flags", "reason"),
    [
        ({"model_type": "word"}, "has whole words as its pieces"),
        ({"treat_whitespace_as_suffix": True}, "does not begin each word with `▁`"),
        ({"add_dummy_prefix": False}, "does not begin each word with `▁`"),
        ({"split_by_whitespace": False}, "has pieces of several words"),
        (
            {"model_type": "bpe", "user_defined_symbols": ["<sep>"]},
            "is of byte pairs and has given pieces of several characters",
        ),
    ],
    ids=str,
)
def test_what_no_definition_can_say_is_refused(
    train: Any, flags: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    path = train(**flags)
    with pytest.raises(ValueError, match=f"{reason}, which no tokenizer.json can say, so it canno"):
        AlbertTokenizer(path).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match=reason):
        AlbertTokenizer(path, hub_mode=True)


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        "{}",
        json.dumps({"model": {"vocab": {"a": 0}, "unk_id": 0}}),
        json.dumps({"model": {"vocab": []}, "added_tokens": [], "normalizer": {"x": 1}}),
        json.dumps({"model": {"vocab": []}, "added_tokens": [{"content": "x"}]}),
    ],
)
def test_a_file_without_a_tokenizer_is_rejected(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(ValueError, match=r"contains no tokenizer .*; fetch or write it") as error:
        AlbertTokenizer(path)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("vocabulary", [["a"], [["a", "b"]], [[1, 2]], 5])
def test_a_damaged_vocabulary_is_rejected(released: Definition, vocabulary: Any) -> None:
    damaged = with_(released, "model", "vocab", value=vocabulary)
    with pytest.raises(ValueError, match=r"x contains no unigram vocabulary .*put the model's"):
        definition.to_model(damaged, Path("x"))
