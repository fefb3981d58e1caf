"""Training of a vocabulary, and the counts of fertility."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sentencepiece

from albertlm import AlbertTokenizer
from albertlm.tokenization.vocabulary import Fertility, fertility, train_vocabulary

SPECIAL = [*("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]"), *'()"-.–£€']
LINES = ["The old river town – and the (new) harbour.", "Nobody painted the boats in 1999, or did?"]
TEXTS = ["The river town.\nA model 中 文", "don't\n\nhaha  haha", ""]


def pieces_of(model: Path) -> list[str]:
    processor = sentencepiece.SentencePieceProcessor(model_file=str(model))
    return [processor.id_to_piece(token_id) for token_id in range(len(processor))]


def test_the_special_pieces_have_the_ids_of_albert(spiece: Path) -> None:
    assert pieces_of(spiece)[:13] == SPECIAL


def test_the_special_pieces_are_those_of_the_released_vocabulary(original: Path) -> None:
    assert pieces_of(original)[:13] == SPECIAL


def test_symbols_share_no_piece_with_other_characters(spiece: Path) -> None:
    shared = [piece for piece in pieces_of(spiece)[13:] if set(piece) & set(SPECIAL[5:])]
    assert shared == []


def test_the_listing_agrees_with_the_model(spiece: Path) -> None:
    listed = spiece.with_suffix(".vocab").read_text(encoding="utf-8").splitlines()
    assert [line.split("\t")[0] for line in listed] == pieces_of(spiece)


def test_texts_are_normalised_before_training(tmp_path: Path) -> None:
    texts = ["ÉCOLE  ÉLOC\tCOLÉ"] * 20
    plain = train_vocabulary(texts, tmp_path / "plain", vocab_size=19)
    cased = train_vocabulary(texts, tmp_path / "cased", vocab_size=19, do_lower_case=False)
    accents = train_vocabulary(texts, tmp_path / "accents", vocab_size=19, keep_accents=True)
    letters = [set("".join(pieces_of(model)[13:])) - {"▁"} for model in (plain, cased, accents)]
    assert letters == [set("ecol"), set("ECOL"), set("école")]


def test_training_on_documents_equals_training_on_their_lines(tmp_path: Path) -> None:
    by_line = train_vocabulary(LINES * 9, tmp_path / "lines.model", vocab_size=40)
    by_document = train_vocabulary(
        ["\n\n".join(LINES)] * 9, tmp_path / "texts.model", vocab_size=40
    )
    assert by_line.read_bytes() == by_document.read_bytes()


def test_a_line_that_is_too_long_for_sentencepiece_is_split(tmp_path: Path) -> None:
    model = train_vocabulary(["é " + "word " * 2000], tmp_path, vocab_size=19)
    assert {"w", "o", "r", "d"} <= set("".join(pieces_of(model)[13:]))


def test_a_seed_gives_the_same_sample(tmp_path: Path) -> None:
    lines = [f"line {number} of {number * 7}" for number in range(2000)]

    def train(seed: int) -> bytes:
        path = tmp_path / "seeded.model"
        return train_vocabulary(
            iter(lines), path, vocab_size=60, sample_size=150, seed=seed
        ).read_bytes()

    assert train(1) == train(1) != train(2)


@pytest.mark.parametrize(
    ("texts", "options", "message"),
    [
        ([], {}, "no text to train a vocabulary on; give texts"),
        (["", " \n "], {}, "no text to train"),
        (
            LINES,
            {},
            "2 sentences are too few for vocab_size=30000; give more text, or a vocab_size of",
        ),
        (LINES, {"vocab_size": 20}, "vocab_size=20 is less than the [0-9]+ pieces .* raise it"),
        (LINES, {"vocab_size": 13}, "vocab_size=13 is not allowed; it must be more than 13"),
        (LINES, {"sample_size": 100}, "sample_size=100 is not allowed"),
        (LINES, {"character_coverage": 0.5}, "character_coverage=0.5 is not allowed"),
        ([*LINES, None], {}, "a text is of type NoneType|a text is None"),
        (["\ud800"], {}, r"lone surrogate \\ud800"),
    ],
)
def test_bad_input_has_a_one_line_message_and_leaves_no_file(
    tmp_path: Path, texts: list[str], options: dict[str, float], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as error:
        train_vocabulary(texts, tmp_path, **options)  # type: ignore[arg-type]
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_the_iterator_is_raised_unchanged(tmp_path: Path) -> None:
    def texts() -> Iterator[str]:
        yield "a line"
        raise KeyError("the reader's own")

    with pytest.raises(KeyError, match=re.escape("the reader's own")):
        train_vocabulary(texts(), tmp_path)


def test_counts(tokenizer: AlbertTokenizer) -> None:
    counts = fertility(tokenizer, TEXTS)
    pieces = [
        piece for text in TEXTS for line in text.split("\n") for piece in tokenizer.tokenize(line)
    ]
    words = " ".join(TEXTS).split()
    assert counts == Fertility(
        words=len(words),
        characters=len("".join(words)),
        tokens=len(pieces),
        unknown=pieces.count("<unk>"),
    )
    assert counts.unknown == 2
    assert counts.tokens_per_word == len(pieces) / len(words)
    assert counts.characters_per_token == len("".join(words)) / len(pieces)
    assert counts.unknown_share == 2 / len(pieces)


def test_counts_of_parts_add_up(tokenizer: AlbertTokenizer) -> None:
    many = TEXTS * 200
    halves = fertility(tokenizer, iter(many[:301])) + fertility(tokenizer, many[301:])
    assert halves == fertility(tokenizer, many)


def test_long_texts_are_counted_in_parts(
    tokenizer: AlbertTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = fertility(tokenizer, TEXTS * 20)
    most = 0
    encode = tokenizer.encode_joined

    def watch(lines: list[str]) -> object:
        nonlocal most
        most = max(most, sum(map(len, lines)))
        return encode(lines)

    monkeypatch.setattr("albertlm.tokenization.vocabulary._CHARACTERS_AT_ONCE", 100)
    monkeypatch.setattr(tokenizer, "encode_joined", watch)
    assert fertility(tokenizer, TEXTS * 20) == whole
    assert 0 < most < 200


def test_no_texts_have_zero_counts(tokenizer: AlbertTokenizer) -> None:
    nothing = fertility(tokenizer, [])
    assert nothing == Fertility()
    assert nothing.tokens_per_word == nothing.characters_per_token == nothing.unknown_share == 0


def test_a_single_string_is_rejected(tokenizer: AlbertTokenizer) -> None:
    with pytest.raises(ValueError, match="texts is one string; give a list of strings"):
        fertility(tokenizer, "The river town.")
