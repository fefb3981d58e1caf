"""Vocabularies that need `tokenizers`: WordPiece and byte pairs, compared with transformers."""

import json
import pickle
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import tokenizers
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from albertlm import AlbertTokenizer
from albertlm.tokenization.library_encoder import LibraryEncoder

BYTES = 1_000_000
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


def real_lines(data: Path) -> Iterator[str]:
    """Lines in seven languages, in turns."""
    files = sorted((data / "sentences").glob("*.txt"))
    articles = min((data / "corpus").glob("wikipedia-*.parquet"))
    texts = pyarrow.parquet.read_table(articles, columns=["text"])["text"][:200].to_pylist()
    columns = [[line for text in texts for line in text.split("\n")]]
    columns += [file.read_text(encoding="utf-8").split("\n") for file in files]
    for row in zip(*(column * 9 for column in columns), strict=False):
        yield from filter(None, row)


@pytest.fixture(scope="module")
def lines(shared_data: Path) -> list[str]:
    found: list[str] = []
    size = 0
    for line in real_lines(shared_data):
        size += len(line.encode())
        if size > BYTES:
            break
        found.append(line)
    return found


@pytest.fixture(scope="module")
def vocabulary(
    request: pytest.FixtureRequest, lines: list[str], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A `vocab.txt` of word pieces in several languages."""
    library = tokenizers.Tokenizer(models.WordPiece(unk_token="[UNK]"))
    library.normalizer = normalizers.BertNormalizer(lowercase=request.param == "uncased")
    library.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=6000, special_tokens=SPECIAL, show_progress=False, limit_alphabet=2000
    )
    library.train_from_iterator(lines[:4000], trainer)
    pieces = sorted(library.get_vocab(), key=library.get_vocab().__getitem__)
    path = tmp_path_factory.mktemp(request.param) / "vocab.txt"
    path.write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vocabulary", "config"),
    [
        ("uncased", {"do_lower_case": True}),
        ("cased", {"do_lower_case": False}),
        ("cased", {"do_lower_case": True, "strip_accents": False}),
        (
            "uncased",
            {"do_lower_case": False, "strip_accents": True, "tokenize_chinese_chars": False},
        ),
    ],
    ids=str,
    indirect=["vocabulary"],
)
def test_ids_and_spans_are_those_of_transformers(
    vocabulary: Path, lines: list[str], tmp_path: Path, config: dict[str, bool]
) -> None:
    (tmp_path / "vocab.txt").write_bytes(vocabulary.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizerFast", **config})
    )
    ours = AlbertTokenizer.from_pretrained(tmp_path)
    peer = transformers.BertTokenizer.from_pretrained(tmp_path)
    encoded = ours(lines, return_offsets_mapping=True)
    expected = peer(lines, return_offsets_mapping=True)
    assert encoded.input_ids == expected.input_ids
    assert encoded.offset_mapping == expected.offset_mapping
    assert encoded.token_type_ids == expected.token_type_ids
    for row in range(0, len(lines), 100):
        assert encoded.word_ids(row) == expected.word_ids(row)
        assert encoded.tokens(row) == expected.tokens(row)
        assert ours.decode(encoded.input_ids[row]) == peer.decode(expected.input_ids[row])
    corpus = ours.encode_joined(lines)
    assert corpus.lengths.tolist() == [len(ids) - 2 for ids in expected.input_ids]
    assert corpus.ids.tolist() == [each for ids in expected.input_ids for each in ids[1:-1]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a small Chinese and English `vocab.txt`."""
    pieces = [
        *SPECIAL,
        "the",
        "model",
        "##ing",
        "##s",
        "Model",
        "北",
        "京",
        "##京",
        "[",
        "]",
        "mask",
    ]
    folder = tmp_path / "bert"
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in pieces), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "BertTokenizer", "do_lower_case": True})
    )
    return folder


def test_rules_that_the_library_cannot_read_are_named() -> None:
    with pytest.raises(ValueError, match=r"^tokenizers cannot read model.json \("):
        LibraryEncoder({"model": {"type": "WordPieces"}}, "model.json")


def test_the_interface_is_the_same(folder: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    assert tokenizer.tokenize("The models [MASK] 北京") == [
        "the",
        "model",
        "##s",
        "[MASK]",
        "北",
        "京",
    ]
    encoded = tokenizer(
        ["北京 modeling", "the"], ["models", "x"], padding=True, return_offsets_mapping=True
    )
    assert encoded.tokens(0) == [
        *("[CLS]", "北", "京", "model", "##ing", "[SEP]", "model", "##s", "[SEP]")
    ]
    assert encoded.token_type_ids[0] == [0, 0, 0, 0, 0, 0, 1, 1, 1]
    assert encoded.offset_mapping[0][1:5] == [(0, 1), (1, 2), (3, 8), (8, 11)]
    assert encoded.word_ids(0)[1:5] == [0, 1, 2, 2]
    assert encoded.char_to_token(0, 9) == 4
    assert encoded.attention_mask[1] == [1, 1, 1, 1, 1, 0, 0, 0, 0]
    assert (
        tokenizer.decode(encoded.input_ids[0], skip_special_tokens=True) == "北 京 modeling models"
    )
    assert tokenizer("the models", max_length=3, truncation=True).input_ids == [2, 5, 3]
    assert tokenizer.convert_tokens_to_ids(["model", "?"]) == [6, tokenizer.unk_token_id]
    assert tokenizer.get_vocab()["##京"] == 12
    assert tokenizer.special_tokens_map["pad_token"] == "[PAD]"
    assert tokenizer.encode_corpus(["[MASK]"])[0].tolist() == [13, 15, 14]


def test_a_worker_process_gets_the_same_tokenizer(folder: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    text = "the [MASK] models"
    corpus = tokenizer.encode_joined([text]).ids.tolist()
    copy = pickle.loads(pickle.dumps(tokenizer))
    assert copy(text) == tokenizer(text)
    assert copy.encode_joined([text]).ids.tolist() == corpus


def test_a_saved_folder_is_read_by_all(folder: Path, tmp_path: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(folder, model_max_length=64)
    tokenizer.add_tokens(["newword", "<ent>"], special_tokens=False)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "config.json").write_text('{"model_type": "albert"}')
    tokenizer.save_pretrained(tmp_path / "new")
    text = "The newword <ent> modeling [MASK] 北京"
    loaded = AlbertTokenizer.from_pretrained(tmp_path / "new")
    peer = transformers.AutoTokenizer.from_pretrained(tmp_path / "new")
    library = tokenizers.Tokenizer.from_file(str(tmp_path / "new" / "tokenizer.json"))
    expected = tokenizer(text, "models").input_ids
    assert loaded(text, "models").input_ids == expected
    assert peer(text, "models").input_ids == expected
    assert library.encode(text, "models").ids == expected
    assert (tmp_path / "new" / "vocab.txt").read_bytes() == (folder / "vocab.txt").read_bytes()
    assert peer.model_max_length == loaded.model_max_length == 64
    assert loaded.checksum == tokenizer.checksum
    assert loaded.checksum != AlbertTokenizer.from_pretrained(folder).checksum


@pytest.fixture
def byte_pairs(tmp_path: Path) -> Path:
    """A folder with a `tokenizer.json` of byte pairs, and special tokens with other names."""
    library = tokenizers.Tokenizer(models.BPE(unk_token="<unk>"))
    library.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    library.decoder = decoders.ByteLevel()
    special = ["<pad>", "<unk>", "<s>", "</s>", "<mask>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )
    library.train_from_iterator(["The models of the town"] * 9, trainer)
    library.post_processor = processors.TemplateProcessing(
        single="<s>:0 $A:0 </s>:0",
        pair="<s>:0 $A:0 </s>:0 $B:1 </s>:1",
        special_tokens=[("<s>", 2), ("</s>", 3)],
    )
    library.enable_truncation(5)
    library.enable_padding(length=9)
    library.save(str(tmp_path / "tokenizer.json"))
    names = {"cls_token": "<s>", "sep_token": "</s>", "mask_token": "<mask>"}
    names |= {"pad_token": "<pad>", "unk_token": "<unk>"}
    (tmp_path / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "PreTrainedTokenizerFast", **names})
    )
    return tmp_path


def test_rules_of_their_own_are_obeyed(byte_pairs: Path, tmp_path: Path) -> None:
    ours = AlbertTokenizer.from_pretrained(byte_pairs)
    peer = transformers.PreTrainedTokenizerFast.from_pretrained(byte_pairs)
    assert not ours.do_lower_case
    assert ours.keep_accents
    for text in ("The models <mask> of THE town", "Ünïcode 漢字 🙂", " "):
        assert ours(text, text).input_ids == peer(text, text).input_ids
        assert ours.decode(ours(text).input_ids) == peer.decode(peer(text).input_ids)
    ours.save_pretrained(tmp_path / "new")
    assert AlbertTokenizer.from_pretrained(tmp_path / "new").checksum == ours.checksum
    saved = transformers.AutoTokenizer.from_pretrained(tmp_path / "new")
    assert saved("The <mask>", "models").input_ids == ours("The <mask>", "models").input_ids


def test_for_berts_classes_the_configuration_counts_as_in_transformers(
    folder: Path, tmp_path: Path
) -> None:
    AlbertTokenizer.from_pretrained(folder).save_pretrained(tmp_path / "new")
    config = {"tokenizer_class": "BertTokenizerFast", "do_lower_case": False}
    (tmp_path / "new" / "tokenizer_config.json").write_text(json.dumps(config))
    with pytest.warns(UserWarning, match=r"=False in .*; tokenizer_config.json counts"):
        ours = AlbertTokenizer.from_pretrained(tmp_path / "new")
    peer = transformers.BertTokenizer.from_pretrained(tmp_path / "new")
    assert ours("Model the é").input_ids == peer("Model the é").input_ids
    assert ours.tokenize("Model") == ["Model"]
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "do_lower_case": False}
    (tmp_path / "new" / "tokenizer_config.json").write_text(json.dumps(config))
    assert AlbertTokenizer.from_pretrained(tmp_path / "new").tokenize("Model") == ["model"]


def test_options_cannot_change_rules_of_their_own(byte_pairs: Path) -> None:
    assert AlbertTokenizer.from_pretrained(byte_pairs, do_lower_case=False).vocab_size > 256
    with pytest.raises(ValueError, match=r"do_lower_case=True is not allowed: .* has rules of its"):
        AlbertTokenizer.from_pretrained(byte_pairs, do_lower_case=True)


def test_without_the_package_the_extra_is_named(
    folder: Path, spiece: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"vocab.txt .*pip install 'albertlm\[wordpiece\]"
    ):
        AlbertTokenizer.from_pretrained(folder)
    assert AlbertTokenizer(spiece)("the model")


def test_what_the_package_cannot_read_is_refused(folder: Path, tmp_path: Path) -> None:
    rules: dict[str, Any] = {"model": {"type": "New", "vocab": {}}, "added_tokens": []}
    (tmp_path / "tokenizer.json").write_text(json.dumps(rules))
    with pytest.raises(ValueError, match=r"tokenizers cannot read .*tokenizer.json \(.+\); fetch"):
        AlbertTokenizer.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"lone surrogate \\ud800"):
        AlbertTokenizer.from_pretrained(folder)(["a", "\ud800"])


def test_spans_are_found_together_with_ids(folder: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    together = tokenizer(["the models", ""], return_offsets_mapping=True)
    assert together.offset_mapping == [[(0, 0), (0, 3), (4, 9), (9, 10), (0, 0)], [(0, 0), (0, 0)]]
    assert together.input_ids == tokenizer(["the models", ""]).input_ids
    assert list(islice(together, 4))[-1] == "offset_mapping"
