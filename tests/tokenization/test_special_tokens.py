"""Special and added tokens, as files and users give them."""

from typing import Any

import pytest
import tokenizers

from albertlm.tokenization.special_tokens import ALBERT, BERT, AddedToken, SpecialTokens


@pytest.mark.parametrize(
    ("pieces", "names", "special"),
    [
        (ALBERT, {}, ALBERT),
        (BERT, {}, BERT),
        ([*ALBERT, *BERT], {}, ALBERT),
        (["<pad>", "[UNK]", "[CLS]"], {}, ALBERT._replace(unk="[UNK]")),
        ([], {}, ALBERT),
        (BERT, {"mask_token": "<mask>"}, BERT._replace(mask="<mask>")),
    ],
)
def test_the_special_tokens_of_a_vocabulary(
    pieces: list[str], names: dict[str, str], special: SpecialTokens
) -> None:
    assert SpecialTokens.of_vocabulary(pieces, names) == special


def test_names() -> None:
    assert list(ALBERT.named().items())[:2] == [("pad_token", "<pad>"), ("unk_token", "<unk>")]


@pytest.mark.parametrize(
    ("token", "special", "expected"),
    [
        ("x", False, AddedToken("x")),
        ("x", True, AddedToken.of_special("x")),
        ({"content": "x"}, False, AddedToken("x")),
        ({"content": "x", "special": True, "id": 7}, False, AddedToken.of_special("x")),
        (
            {"content": "x", "lstrip": True, "__type": "AddedToken"},
            False,
            AddedToken("x", lstrip=True),
        ),
        (tokenizers.AddedToken("x", rstrip=True), False, AddedToken("x", rstrip=True)),
        (tokenizers.AddedToken("x", special=True), False, AddedToken.of_special("x")),
        (AddedToken("x", single_word=True), False, AddedToken("x", single_word=True)),
    ],
)
def test_added_tokens_are_read_from_any_form(
    token: Any, special: bool, expected: AddedToken
) -> None:
    assert AddedToken.read(token, special=special) == expected


@pytest.mark.parametrize(
    "tokens", ["x", {"content": "x"}, AddedToken("x"), tokenizers.AddedToken("x"), ["x"], iter("x")]
)
def test_one_token_or_several_are_read(tokens: Any) -> None:
    assert AddedToken.read_all(tokens) == [AddedToken("x")]


@pytest.mark.parametrize("token", ["", {}, {"content": ""}, {"content": 5}, 5, None])
def test_what_is_no_token_is_rejected(token: Any) -> None:
    with pytest.raises(ValueError, match=r"is not allowed as an added token; give a string with"):
        AddedToken.read(token)
