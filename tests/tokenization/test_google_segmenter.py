"""Google's segmentation, compared with sentencepiece and a transcription of its own rule."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import sentencepiece
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization import google_segmenter
from albertlm.tokenization.google_segmenter import GoogleSegmenter
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.vocabulary import train_vocabulary


def reference_ids(processor: sentencepiece.SentencePieceProcessor, normalised: str) -> list[int]:
    pieces: list[str] = []
    for piece in processor.encode(normalised, out_type=str):
        if len(piece) > 1 and piece.endswith(",") and piece[-2].isdigit():
            number = processor.encode(piece[:-1].replace("▁", ""), out_type=str)
            if not piece.startswith("▁"):
                number[0] = number[0].removeprefix("▁")
            pieces += [part for part in number if part] + [","]
        else:
            pieces.append(piece)
    return [processor.piece_to_id(piece) for piece in pieces]


@given(data=st.data())
def test_equals_sentencepiece_after_googles_normalisation(
    spiece: Path,
    tokenizer: AlbertTokenizer,
    texts: st.SearchStrategy[str],
    googles_normalisation: Callable[[str, bool, bool], str],
    data: st.DataObject,
) -> None:
    text = data.draw(texts)
    processor = sentencepiece.SentencePieceProcessor(model_file=str(spiece))
    expected = reference_ids(processor, googles_normalisation(text, True, False))
    assert tokenizer.encode_corpus([text])[0].tolist() == expected


def test_a_comma_is_split_off_a_number(tokenizer: AlbertTokenizer) -> None:
    assert {"▁1999,", "▁12,", "▁5,"} < set(tokenizer.get_vocab())
    assert tokenizer.tokenize("12, 5, model") == ["▁", "1", "2", ",", "▁", "5", ",", "▁model"]


def test_a_number_within_a_word_stays_in_the_word(tmp_path: Path) -> None:
    draw = random.Random(0)
    words = [
        f"{draw.choice('xyz')}{draw.randint(10, 99)}7,{draw.choice(' abc')}" for _ in range(400)
    ]
    tokenizer = AlbertTokenizer(train_vocabulary(words, tmp_path, vocab_size=50))
    piece = next(
        piece for piece in tokenizer.get_vocab() if piece[0].isdigit() and piece[-1] == ","
    )
    pieces = tokenizer.tokenize(f"x{piece}")
    assert "".join(pieces) == f"▁x{piece}"
    assert [piece for piece in pieces if "," in piece] == [","]


def test_a_batch_is_encoded_like_its_texts(tokenizer: AlbertTokenizer) -> None:
    lines = ["", "in 1999, or 12,", "the model", "5,", "[MASK] é"]
    alone = [tokenizer.encode_corpus([line])[0].tolist() for line in lines]
    assert [ids.tolist() for ids in tokenizer.encode_corpus(lines)] == alone


def test_ids_do_not_depend_on_the_batch_size(
    tokenizer: AlbertTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = ["in 1999, or", "", "12, the model", "é", "5,"]
    together = [ids.tolist() for ids in tokenizer.encode_corpus(lines)]
    monkeypatch.setattr(google_segmenter, "_AT_ONCE", 2)
    assert [ids.tolist() for ids in tokenizer.encode_corpus(lines)] == together


@given(data=st.data())
def test_spans_of_a_batch_are_those_of_its_texts(
    spiece: Path, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    segmenter = GoogleSegmenter(read_model(spiece), True, False)
    several = data.draw(st.lists(texts, max_size=4))
    joined = segmenter.encode(several)
    alone = [
        segmenter.spans(text, ids, begins_word=True).tolist()
        for text, ids in zip(several, joined.rows(), strict=True)
    ]
    assert [spans.tolist() for spans in segmenter.locate(several, joined)] == alone


@pytest.mark.parametrize("text", ["¯ǂ", "´ǂ", "¯ ǂ", "ǂ¯", "in ¯ǂ"])
def test_a_character_that_becomes_a_space_is_in_no_span(spiece: Path, text: str) -> None:
    segmenter = GoogleSegmenter(read_model(spiece), True, False)
    ids = segmenter.encode_part(text, begins_word=True)
    assert segmenter._unknown in ids
    spans = segmenter.spans(text, ids, begins_word=True)
    assert "ǂ" in [text[start:end] for start, end in spans]


@given(data=st.data())
def test_spans_are_those_of_sentencepiece(
    spiece: Path, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    segmenter = GoogleSegmenter(read_model(spiece), True, False)
    text = data.draw(texts)
    ids = segmenter.encode_part(text, begins_word=True)
    aligned = segmenter.align(text)
    expected = aligned.spans(*segmenter._find(aligned.text, begins_word=True)).tolist()
    spans = segmenter.spans(text, ids, begins_word=True).tolist()
    alone = read_model(spiece).pieces.index("▁")
    for token_id, ours, theirs in zip(ids.tolist(), spans, expected, strict=True):
        # SentencePiece gives a character to a `▁` that stands for it, such as a zero-width space
        assert ours == theirs or (token_id == alone and ours[0] == ours[1])


def test_corpus_text_is_never_parsed(tokenizer: AlbertTokenizer) -> None:
    (ids,) = tokenizer.encode_corpus(["[MASK] [CLS] <pad>"])
    assert not set(ids.tolist()) & (set(tokenizer.all_special_ids) - {tokenizer.unk_token_id})


def test_the_recorded_ids(original: Path, shared_data: Path) -> None:
    path = shared_data / "reference" / "albert_reference_outputs.json"
    recorded = json.loads(path.read_text(encoding="utf-8"))["tokenisation"]
    for hub_mode in (False, True):
        tokenizer = AlbertTokenizer(original, hub_mode=hub_mode)
        for text, ids in recorded["with_special_albert-base-v2"].items():
            assert tokenizer(text).input_ids == ids
        cased = AlbertTokenizer(original, hub_mode=hub_mode, keep_accents=True)
        for text, ids in recorded["no_special_keep_accents"].items():
            assert cased(text, add_special_tokens=False).input_ids == ids


def test_the_ids_of_the_model_card(original: Path) -> None:
    tokenizer = AlbertTokenizer(original)
    pieces = {"▁model": 1061, "▁modeling": 12807, "▁runway": 8014, "[MASK]": 4}
    assert tokenizer.convert_tokens_to_ids(list(pieces)) == list(pieces.values())
    assert tokenizer.vocab_size == 30000


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Hello I'm a [MASK] model.", "▁hello ▁i ' m ▁a [MASK] ▁model ."),
        ("Paris is [MASK].", "▁paris ▁is [MASK] ."),
        ("born in 1999, there", "▁born ▁in ▁1999 , ▁there"),
        ("don''t", "▁don ' ' t"),
    ],
)
def test_examples_with_the_released_vocabulary(original: Path, text: str, pieces: str) -> None:
    assert AlbertTokenizer(original).tokenize(text) == pieces.split()
