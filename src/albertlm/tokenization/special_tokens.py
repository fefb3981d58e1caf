"""The special tokens of a vocabulary, and tokens that are added to it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

EXTRA = ("additional_special_tokens", "extra_special_tokens")
"""What transformers 4 and 5 call special tokens without a task."""


class SpecialTokens(NamedTuple):
    """The names of the tokens that have a task."""

    pad: str = "<pad>"
    unk: str = "<unk>"
    cls: str = "[CLS]"
    sep: str = "[SEP]"
    mask: str = "[MASK]"

    @classmethod
    def of_vocabulary(cls, pieces: Iterable[str], names: Mapping[str, str]) -> SpecialTokens:
        """Those of a vocabulary: ALBERT's, or BERT's if only they are pieces.

        Args:
            pieces: the vocabulary.
            names: tokens with other names, by `cls_token` and so on.
        """
        known = set(pieces)
        usual = {
            name: theirs if theirs in known and ours not in known else ours
            for (name, ours), theirs in zip(ALBERT.named().items(), BERT, strict=True)
        }
        return cls(*({**usual, **names}[name] for name in usual))

    def named(self) -> dict[str, str]:
        """The tokens as transformers names them: `pad_token` and so on."""
        return {f"{task}_token": token for task, token in self._asdict().items()}


ALBERT = SpecialTokens()
BERT = SpecialTokens(pad="[PAD]", unk="[UNK]")


class AddedToken(NamedTuple):
    """A token that is found in texts before they are normalised and cut into pieces.

    Fields:
        content: its text.
        single_word: whether it is found only where no letter or digit is beside it.
        lstrip: whether it includes the white space before it.
        rstrip: whether it includes the white space after it.
        normalized: whether it is looked for in the normalised text.
        special: whether it is left out by `skip_special_tokens`.
    """

    content: str
    single_word: bool = False
    lstrip: bool = False
    rstrip: bool = False
    normalized: bool = True
    special: bool = False

    @classmethod
    def of_special(cls, content: str) -> AddedToken:
        """A special token as transformers makes it of a string."""
        return cls(content, normalized=False, special=True)

    @classmethod
    def read_all(cls, tokens: Any, *, special: bool = False) -> list[AddedToken]:
        """From one token, or several, of the forms that `read` takes."""
        is_one = isinstance(tokens, (str, Mapping, cls)) or not isinstance(tokens, Iterable)
        return [cls.read(token, special=special) for token in ([tokens] if is_one else tokens)]

    @classmethod
    def read(cls, token: Any, *, special: bool = False) -> AddedToken:
        """From a string, a mapping in a file, or an `AddedToken` of `tokenizers`.

        Raises:
            ValueError: it is none of these, or empty.
        """
        if isinstance(token, str):
            found: dict[str, Any] = {"content": token}
        elif isinstance(token, Mapping):
            found = {name: token[name] for name in cls._fields if name in token}
        else:
            found = {name: getattr(token, name) for name in cls._fields if hasattr(token, name)}
        if not isinstance(found.get("content"), str) or not found["content"]:
            raise ValueError(
                f"{token!r} is not allowed as an added token; give a string with characters"
            )
        found["special"] = special or bool(found.get("special"))
        found.setdefault("normalized", not found["special"])
        return cls(**found)
