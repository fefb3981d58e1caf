"""The tokenizer of the page: its ids and spans are those of `AlbertTokenizer`."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import albertlm.serving
from albertlm import AlbertTokenizer, hub
from albertlm.serving.page_vocabulary import page_vocabulary

TOKENIZER = Path(albertlm.serving.__file__).parent / "page" / "tokenizer.js"
SCRIPT = Path(__file__).parents[1] / "javascript" / "tokenize.mjs"

TEXTS = [
    *("", "   ", "Hello I'm a [MASK] model.", "[MASK].", "a[MASK]b [MASK] c", "…!", "a" * 300),
    "[CLS] typed [SEP], and <pad> <unk>",
    "In 1999, 1,234,567 and 12, then ٣, ➀, ²,",
    "``quoted'' (x) \"y\" -z. £5 €6 – 7",
    "👍🏽 and 👨‍👩‍👧‍👦 and 🇩🇪🇫🇷, 1️⃣",
    "e\u0301te\u0301 Z\u0335\u0301a\u0300\u0316lgo \u0301alone x\u0345\u0301",
    "\u0344 \u1e9b\u0323 A\u030a",
    "ﬁne ﬂuid ½ ① ㎏ ﷺ ¨ ´ ˝ 𝒜𝓁𝒷 𝟙𝟚,",
    "İstanbul ΟΔΥΣΣΕΥΣ ΣΑΣ",
    "日本語 한국어 \u1112\u1161\u11ab क्षि नमस्ते ไทย",
    "a\u200bb\u00adc\u200d d\ufeff \x00a\x01b\x1c\x85c a\u00a0b\u3000c ",
]
"""Emoji, combining marks, compatibility characters, white space of all kinds, and numbers."""


@pytest.fixture(scope="module")
def node() -> str:
    """The program that runs JavaScript."""
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is missing; install nodejs 20 or newer")
    return program


def check_equal(
    node: str, tokenizer: AlbertTokenizer, folder: Path, texts: list[str], least: int
) -> None:
    """Compare all ids and spans, of which there are at least so many."""
    file = folder / "vocabulary.json"
    file.write_text(json.dumps(page_vocabulary(tokenizer)), encoding="utf-8")
    done = subprocess.run(
        [node, SCRIPT, TOKENIZER, file],
        input=json.dumps(texts),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    expected = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    columns = expected["input_ids"], expected["offset_mapping"]
    for text, (ids, spans), *row in zip(texts, rows, *columns, strict=True):
        assert ids == row[0], text
        assert spans == [list(span) for span in row[1]], text
    assert sum(len(ids) for ids, _ in rows) >= least


@pytest.mark.parametrize("keep_accents", [False, True])
@pytest.mark.parametrize("do_lower_case", [False, True])
def test_texts_of_all_kinds(
    do_lower_case: bool, keep_accents: bool, node: str, tmp_path: Path
) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(
        hub.SHIPPED, do_lower_case=do_lower_case, keep_accents=keep_accents
    )
    check_equal(node, tokenizer, tmp_path, TEXTS, 200)


def test_letters_are_composed_where_the_vocabulary_has_them_so(
    node: str, tmp_path: Path, tiny_vocabulary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from albertlm.tokenization.model_file import ModelFile

    monkeypatch.setattr(ModelFile, "must_be_composed", True)
    tokenizer = AlbertTokenizer(tiny_vocabulary / "spiece.model", keep_accents=True)
    assert page_vocabulary(tokenizer)["rules"]["compose"]
    check_equal(node, tokenizer, tmp_path, TEXTS, 100)


def test_added_tokens(node: str, tmp_path: Path) -> None:
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    tokenizer.add_tokens(["<one>", "<one>+", "(*)"], special_tokens=True)
    texts = [*TEXTS, "a <one> b<one>+c (*)d", "👍<one>👍"]
    check_equal(node, tokenizer, tmp_path, texts, 200)


@pytest.mark.slow
def test_all_sentences(node: str, tmp_path: Path, shared_data: Path) -> None:
    files = sorted((shared_data / "sentences").glob("*.txt"))
    lines = [line for file in files for line in file.read_text(encoding="utf-8").split("\n")]
    for source in (hub.SHIPPED, shared_data / "albert-vocab" / "spiece.model"):
        tokenizer = AlbertTokenizer.from_pretrained(source)
        check_equal(node, tokenizer, tmp_path, lines, 200_000)


def test_others_are_refused(tmp_path: Path) -> None:
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\n", encoding="utf-8")
    with pytest.raises(ValueError, match=r"vocab\.txt is no unigram vocabulary of SentencePiece"):
        page_vocabulary(AlbertTokenizer(tmp_path / "vocab.txt"))
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED, hub_mode=True)
    with pytest.raises(ValueError, match="the tokenizer of the model is in hub mode"):
        page_vocabulary(tokenizer)
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    tokenizer.add_tokens(["Word"])
    with pytest.raises(ValueError, match="'Word' is looked for in normalised text"):
        page_vocabulary(tokenizer)
