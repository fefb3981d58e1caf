"""A small vocabulary in which every rule of the tokenizer shows."""

import random
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tokenization.vocabulary import train_vocabulary

# SentencePiece takes for a piece only what stands in two different words: `1999,and`, `1999,or`.
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
"""Scripts, white space, marks, quotes, special tokens, oddities."""

TEXTS = st.lists(
    st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6), st.text("ab. ,1e", max_size=6)),
    max_size=10,
).map("".join)


def sample_lines() -> list[str]:
    """Lines of these words and of made-up ones, the first far more often."""
    draw = random.Random(0)
    syllables = [first + second for first in "bdfgklmnprst" for second in "aeiou"]
    made_up = ["".join(draw.choices(syllables, k=draw.randint(1, 4))) for _ in range(800)]
    return [" ".join(draw.choices(WORDS, k=5) + draw.choices(made_up, k=5)) for _ in range(800)]


@pytest.fixture(scope="session")
def spiece(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A `spiece.model` of 300 pieces."""
    return train_vocabulary(sample_lines(), tmp_path_factory.mktemp("vocabulary"), vocab_size=300)


@pytest.fixture(scope="session")
def tokenizer(spiece: Path) -> AlbertTokenizer:
    return AlbertTokenizer(spiece)


@pytest.fixture(scope="session")
def hub_tokenizer(spiece: Path) -> AlbertTokenizer:
    return AlbertTokenizer(spiece, hub_mode=True)


@pytest.fixture(scope="session")
def original(shared_data: Path) -> Path:
    """The vocabulary of the released models."""
    return shared_data / "albert-vocab" / "spiece.model"


@pytest.fixture(scope="session")
def texts() -> st.SearchStrategy[str]:
    """Draws anything that is Unicode, and often what takes a rule of its own."""
    return TEXTS


@pytest.fixture(scope="session")
def googles_normalisation() -> Callable[[str, bool, bool], str]:
    """The definition, word for word: of a text, whether to lower-case, whether to keep accents."""

    def normalise(text: str, lower: bool, keep_accents: bool) -> str:
        text = unicodedata.normalize("NFKD", " ".join(text.strip().split()))
        if not keep_accents:
            text = "".join(letter for letter in text if unicodedata.combining(letter) == 0)
        return text.lower() if lower else text

    return normalise
