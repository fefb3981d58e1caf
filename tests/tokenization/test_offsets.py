"""Offsets: the range of each token in the original text."""

from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer


@pytest.mark.parametrize("hub_mode", [True, False])
@given(data=st.data())
def test_offsets_are_in_order_and_within_the_text(
    tokenizer: AlbertTokenizer,
    hub_tokenizer: AlbertTokenizer,
    texts: st.SearchStrategy[str],
    hub_mode: bool,
    data: st.DataObject,
) -> None:
    text = data.draw(texts)
    used = hub_tokenizer if hub_mode else tokenizer
    encoded = used(text, add_special_tokens=False, return_offsets_mapping=True)
    assert encoded.input_ids == used(text, add_special_tokens=False).input_ids
    starts = [start for start, _ in encoded.offset_mapping]
    assert starts == sorted(starts)
    assert all(0 <= start <= end <= len(text) for start, end in encoded.offset_mapping)


@pytest.mark.parametrize("hub_mode", [True, False])
@given(
    words=st.lists(
        st.sampled_from(
            ["the", "Model", "1999,", "Résumé", "re\u0301sume\u0301", "(and)", "ﬁne", "£5"]
        )
    ),
    space=st.sampled_from([" ", "  ", "\n", "\u00a0", " \t"]),
)
def test_the_characters_of_a_token_are_its_piece(
    tokenizer: AlbertTokenizer,
    hub_tokenizer: AlbertTokenizer,
    hub_mode: bool,
    words: list[str],
    space: str,
) -> None:
    text = space + space.join(words)
    used = hub_tokenizer if hub_mode else tokenizer
    encoded = used(text, add_special_tokens=False, return_offsets_mapping=True)
    pieces = used.convert_ids_to_tokens(encoded.input_ids)
    for piece, (start, end) in zip(pieces, encoded.offset_mapping, strict=True):
        if piece != "<unk>" and "ﬁ" not in text[start:end]:
            assert "".join(used.tokenize(text[start:end])).lstrip("▁") == piece.lstrip("▁")


def test_plain_words_have_the_offsets_of_tokenizers(
    hub_tokenizer: AlbertTokenizer, tmp_path: Path
) -> None:
    hub_tokenizer.save_pretrained(tmp_path)
    peer = tokenizers.Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    text = "the modeling  [MASK] Résumé [SEP] 1999,or café\nin-town"
    expected = peer.encode(text)
    encoded = hub_tokenizer(text, return_offsets_mapping=True)
    for piece, theirs, ours in zip(
        expected.tokens, expected.offsets, encoded.offset_mapping, strict=True
    ):
        # a separate `▁` has an empty range here, and that of the first character in tokenizers
        assert ours == (theirs if piece != "▁" else (theirs[0], theirs[0]))


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("the  Model", [(0, 0), (0, 1), (1, 2), (2, 3), (5, 10)]),
        ("5,", [(0, 0), (0, 1), (1, 2)]),
        ("[MASK].", [(0, 6), (6, 7)]),
        ("a\u0301model", [(0, 0), (0, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7)]),
        ("", []),
        (" \n", []),
    ],
)
def test_examples(tokenizer: AlbertTokenizer, text: str, spans: list[tuple[int, int]]) -> None:
    encoded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    assert encoded.offset_mapping == spans
