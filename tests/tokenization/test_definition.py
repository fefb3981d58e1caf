"""A vocabulary read from `tokenizer.json`, as in a folder that transformers wrote."""

import json
from pathlib import Path

import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer


@pytest.fixture(scope="module")
def folder(hub_tokenizer: AlbertTokenizer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Written by transformers, which leaves no `spiece.model`."""
    ours = tmp_path_factory.mktemp("ours")
    theirs = tmp_path_factory.mktemp("theirs")
    hub_tokenizer.save_pretrained(ours)
    transformers.AlbertTokenizer.from_pretrained(ours).save_pretrained(theirs)
    assert not (theirs / "spiece.model").exists()
    return theirs


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


def test_what_it_writes_has_the_same_vocabulary(
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


@pytest.mark.parametrize(
    "content", ["{", "[]", "{}", json.dumps({"model": {"vocab": {"a": 0}, "unk_id": 0}})]
)
def test_another_file_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(content)
    with pytest.raises(
        ValueError, match=r"holds no unigram vocabulary .*put the model's spiece"
    ) as error:
        AlbertTokenizer(path)
    assert "\n" not in str(error.value)
