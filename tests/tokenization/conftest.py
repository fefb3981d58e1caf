"""A small vocabulary and texts to which every rule of the tokenizer applies."""

import random
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import transformers
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.vocabulary import train_vocabulary

# SentencePiece makes a piece only of what occurs in two different words: `1999,and`, `1999,or`.
WORDS = (
    *("the", "a", "model", "modeling", "paints", "river", "town", "don't", "u.s.", "(and)", "haha"),
    *(
        "1999,",
        "1999,and",
        "1999,or",
        "12,",
        "12,and",
        "5,",
        "5,a",
        "£5",
        "€7",
        "20-30",
        "–",
        '"quoted"',
        "½",
        "①",
        "ﬁne",
    ),
    *("resume", "Résumé", "cafe", "naive", "Straße", "Ωμέγα", "ΟΔΟΣ", "Москва", "한국어"),
)

FRAGMENTS = (
    *("[MASK]", "[CLS]", "[SEP]", "<pad>", "<unk>", "＜unk＞", "[mask]", "▁", "▁▁", "the", "Model"),
    *(" ", "  ", "\t", "\n", "\r\n", "\x85", "\xa0", "\u200b", "\u3000", "\ufeff", "\x00", "\x1c"),
    *("``", "''", "`", "'", "1999,", "1,000,", "9,", "(", ")", "–", "£", "€", ".", "-", '"', ","),
    *("é", "e\u0301", "e\u0323\u0301", "\u0301", "º\u0301", "\u200d", "\u200c", "ñ", "ß", "İ", "Σ"),
    *("ΟΔΟΣ ", "ﬁ", "①", "½", "㎏", "Ⅷ", "\u00ad", "👩‍👧", "☃☃", "ｶﾞ", "가", "각", "中文", "हिन्दी"),
    *("العربية", "ไทย", "Москва", "haha" * 9, "a" * 40, "\ua7cb", "\u0898", "\U00010781"),
)
"""Scripts, white space, marks, quotes, special tokens and other special cases."""

TEXTS = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6), st.text("ab. ,1e", max_size=6)),
    max_size=10,
).map("".join)


SENTENCES = [
    "the model of a river town paints models",
    "a modeling town (the river) is the model.",
    "x-rays of the towns",
]


def sample_lines() -> list[str]:
    """Lines of `WORDS`, which are frequent, and of made-up words."""
    draw = random.Random(0)
    syllables = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
    made_up = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(800)]
    return [" ".join(draw.choices(WORDS, k=5) + draw.choices(made_up, k=5)) for _ in range(800)]


@pytest.fixture(scope="session")
def spiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `spiece.model` of 300 pieces."""
    return train_vocabulary(sample_lines(), tmp_path_factory.mktemp("vocabulary"), vocab_size=300)


@pytest.fixture
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """A function that trains a `spiece.model` on sentences, with any flag of SentencePiece."""

    def run(sentences: Sequence[str] | None = None, **flags: Any) -> Path:
        path = tmp_path_factory.mktemp("trained") / "spiece.model"
        usual: dict[str, Any] = {
            # byte pairs and words are no more than the texts have
            "vocab_size": 340 if flags.get("byte_fallback") else 40,
            "hard_vocab_limit": False,
            "pad_id": 0,
            "unk_id": 1,
            "bos_id": -1,
            "eos_id": -1,
            "control_symbols": ["[CLS]", "[SEP]", "[MASK]"],
            "user_defined_symbols": ["(", ".", "-"],
            "minloglevel": 2,
        }
        with path.open("wb") as file:
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter([*(sentences or SENTENCES)] * 50),
                model_writer=file,
                **(usual | flags),
            )
        return path

    return run


@pytest.fixture(scope="session")
def tokenizer(spiece: Path) -> AlbertTokenizer:
    return AlbertTokenizer(spiece)


@pytest.fixture(scope="session")
def hub_tokenizer(spiece: Path) -> AlbertTokenizer:
    return AlbertTokenizer(spiece, hub_mode=True)


@pytest.fixture(scope="session")
def transformers_tokenizer(
    hub_tokenizer: AlbertTokenizer, tmp_path_factory: pytest.TempPathFactory
) -> transformers.PreTrainedTokenizerBase:
    """The tokenizer of transformers, with the same vocabulary."""
    folder = tmp_path_factory.mktemp("saved")
    hub_tokenizer.save_pretrained(folder)
    peer: transformers.PreTrainedTokenizerBase
    peer = transformers.AlbertTokenizer.from_pretrained(folder)
    return peer


@pytest.fixture(scope="session")
def original(shared_data: Path) -> Path:
    """The path of the vocabulary of the released models."""
    return shared_data / "albert-vocab" / "spiece.model"


@pytest.fixture(scope="session")
def texts() -> st.SearchStrategy[str]:
    """A strategy that draws any Unicode text, and often `FRAGMENTS`."""
    return TEXTS


@pytest.fixture(scope="session")
def googles_normalisation() -> Callable[[str, bool, bool], str]:
    """Google's definition as a function of a text, `do_lower_case` and `keep_accents`."""

    def normalise(text: str, lower: bool, keep_accents: bool) -> str:
        text = unicodedata.normalize("NFKD", " ".join(text.strip().split()))
        if not keep_accents:
            text = "".join(letter for letter in text if unicodedata.combining(letter) == 0)
        text = text.lower() if lower else text
        # Google's code has no accents and capitals at once: "İ" becomes "i", as Turkish has it
        return text.replace("i\u0307", "i") if lower and keep_accents else text

    return normalise
