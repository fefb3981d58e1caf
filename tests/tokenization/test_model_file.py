"""What a vocabulary of SentencePiece says about itself, compared with protobuf."""

from pathlib import Path
from typing import Any

import pytest
import sentencepiece

from albertlm import AlbertTokenizer, protobuf
from albertlm.tokenization.model_file import read_model


def parsed(content: bytes) -> Any:
    """A `spiece.model`, parsed by Google's protobuf."""
    definition = pytest.importorskip("sentencepiece.sentencepiece_model_pb2")
    return definition.ModelProto.FromString(content)


def test_a_spiece_model_is_read_as_protobuf_reads_it(spiece: Path) -> None:
    model, expected = read_model(spiece), parsed(spiece.read_bytes())
    assert model.pieces == [piece.piece for piece in expected.pieces]
    assert model.scores() == [piece.score for piece in expected.pieces]
    assert model.character_map() == expected.normalizer_spec.precompiled_charsmap
    assert model.user_defined == set(expected.trainer_spec.user_defined_symbols)
    assert model.learnt_pieces == [piece.piece for piece in expected.pieces if piece.type == 1]
    assert model.unk_token == expected.trainer_spec.unk_piece


@pytest.mark.parametrize(
    ("flags", "algorithm", "has_prefix", "has_suffix", "number_of_bytes"),
    [
        ({}, "unigram", True, False, 0),
        ({"model_type": "bpe"}, "bpe", True, False, 0),
        ({"model_type": "word"}, "word", True, False, 0),
        ({"model_type": "char"}, "char", True, False, 0),
        ({"byte_fallback": True}, "unigram", True, False, 256),
        ({"treat_whitespace_as_suffix": True}, "unigram", False, True, 0),
        ({"add_dummy_prefix": False}, "unigram", False, False, 0),
    ],
    ids=str,
)
def test_kinds_of_vocabularies(
    train: Any,
    flags: dict[str, Any],
    algorithm: str,
    has_prefix: bool,
    has_suffix: bool,
    number_of_bytes: int,
) -> None:
    model = read_model(train(**flags))
    assert (model.algorithm, model.has_prefix, model.has_suffix) == (
        algorithm,
        has_prefix,
        has_suffix,
    )
    assert len(model.byte_pieces) == number_of_bytes
    assert list(model.byte_pieces.values()) == list(range(number_of_bytes))


@pytest.mark.parametrize(
    ("rule", "sentence", "must"),
    [
        ("identity", "un café 한국어", True),
        ("identity", "un cafe\u0301", False),
        ("identity", "un cafe", False),
        ("nmt_nfkc", "un café 한국어", False),
    ],
)
def test_letters_must_be_composed_where_only_the_pieces_are(
    train: Any, rule: str, sentence: str, must: bool
) -> None:
    model = read_model(train([sentence], normalization_rule_name=rule))
    assert model.must_be_composed is must


def test_spaces_must_be_escaped(spiece: Path, tmp_path: Path) -> None:
    path = tmp_path / "spiece.model"
    path.write_bytes(spiece.read_bytes() + protobuf.field(3, protobuf.field(5, 0)))
    with pytest.raises(ValueError, match="was trained with escape_whitespace=false, which is not"):
        read_model(path)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_vocabulary(spiece: Path, tmp_path: Path, share: float) -> None:
    content = spiece.read_bytes()
    broken = tmp_path / "spiece.model"
    broken.write_bytes(content[: int(share * len(content))])
    with pytest.raises(
        ValueError, match="is truncated or not a SentencePiece model; fetch or train"
    ):
        AlbertTokenizer(broken)


def test_a_vocabulary_truncated_between_two_pieces(spiece: Path, tmp_path: Path) -> None:
    content = spiece.read_bytes()
    size = content.index("▁1999,".encode()) - 4
    processor = sentencepiece.SentencePieceProcessor(model_proto=content[:size])
    assert len(processor) < 300
    broken = tmp_path / "spiece.model"
    broken.write_bytes(content[:size])
    with pytest.raises(ValueError, match="is truncated or not a SentencePiece model"):
        AlbertTokenizer(broken)
