"""What all encoders have in common, whatever their vocabulary."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tokenization.encoder import Encoder
from albertlm.tokenization.opening import Options, open_encoder
from albertlm.tokenization.special_tokens import AddedToken, SpecialTokens


@pytest.fixture(scope="module", params=["google", "hub", "library"])
def encoder(
    request: pytest.FixtureRequest, spiece: Path, tmp_path_factory: pytest.TempPathFactory
) -> Encoder:
    path = spiece
    if request.param == "library":
        path = tmp_path_factory.mktemp("library") / "vocab.txt"
        pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "mod", "##el", *"abc.(中é"]
        path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    options = Options(hub_mode=request.param == "hub")
    encoder, _ = open_encoder(path, options, {}, [AddedToken("newword"), AddedToken("Abc")])
    return encoder


@given(data=st.data())
def test_ids_spans_and_words_belong_together(
    encoder: Encoder, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    several = data.draw(st.lists(texts, max_size=3))
    ids, spans = encoder.encode(several, with_spans=True)
    assert spans is not None
    assert len(ids) == len(spans) == len(several)
    alone, no_spans = encoder.encode(several, with_spans=False)
    assert no_spans is None
    for text, row, row_alone, located in zip(several, ids, alone, spans, strict=True):
        assert row.tolist() == row_alone.tolist()
        assert located.shape == (len(row), 2)
        assert all(0 <= start <= end <= len(text) for start, end in located.tolist())
        words = encoder.words(text, row).tolist()
        assert words == sorted(words)
        assert words[:1] in ([], [0])


@given(data=st.data())
def test_special_tokens_are_text_in_a_corpus(
    encoder: Encoder, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    joined = encoder.encode_plain([data.draw(texts), "[MASK] newword [CLS]", "<pad>"])
    special = {token_id for token_id, token in encoder.added_tokens.items() if token.special}
    unknown = {token_id for token_id in special if "unk" in encoder.pieces[token_id].lower()}
    assert not set(joined.ids.tolist()) & (special - unknown)
    assert list(encoder.pieces).index("newword") in joined.rows()[1]


def test_an_added_token_is_a_word_of_its_own(encoder: Encoder) -> None:
    text = "the newword[MASK]abc"
    (ids,), _ = encoder.encode([text], with_spans=False)
    pieces = [encoder.pieces[token_id] for token_id in ids.tolist()]
    assert pieces[-3:] == ["newword", "[MASK]", "Abc"]
    words = encoder.words(text, ids).tolist()
    assert len(set(words[-3:])) == 3
    assert words[-3] == words[-4] + 1


def test_tokens_that_are_there_keep_their_ids(encoder: Encoder) -> None:
    size = len(encoder.pieces)
    assert encoder.add([AddedToken("newword"), AddedToken.of_special("[MASK]")]) == [
        encoder.pieces.index("newword"),
        4,
    ]
    assert len(encoder.pieces) == size
    assert encoder.added_tokens[4].special


def test_the_files_hold_all_that_decides_about_ids(encoder: Encoder, tmp_path: Path) -> None:
    special = SpecialTokens.of_vocabulary(encoder.pieces, {})
    for name, content in encoder.files(special).items():
        (tmp_path / name).write_bytes(content)
    hub_mode = bool(encoder.settings.get("hub_mode"))
    again, _ = open_encoder(tmp_path / "tokenizer.json", Options(hub_mode=hub_mode), {}, [])
    assert again.fingerprint() == encoder.fingerprint()
    assert again.settings == encoder.settings
    assert again.rules == encoder.rules
    assert list(again.pieces) == list(encoder.pieces)
    assert again.added_tokens == encoder.added_tokens
