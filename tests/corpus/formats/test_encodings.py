"""Test the encodings of texts, as marked and declared."""

import pytest

from albertlm.corpus.formats.encodings import decode


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_byte_order_marks(encoding: str) -> None:
    assert decode("Un café.".encode(encoding)) == "Un café."


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("ISO-8859-1", "latin-1"),
        ("ISO Latin-1", "latin-1"),
        ("iso-latin-1", "latin-1"),
        ("ISO 8859-1 (Latin-1)", "latin-1"),
        ("Windows Codepage 1252", "cp1252"),
        ("ISO-8859-2", "iso8859-2"),
    ],
)
def test_a_declared_encoding_is_honoured(name: str, codec: str) -> None:
    book = f"Title: Élan\n\nCharacter set encoding: {name}\n\nUn café, s'il vous plaît."
    data = book.encode(codec, "replace")
    assert decode(data) == data.decode(codec)


@pytest.mark.parametrize(
    ("name", "codec", "text"),
    [
        ("gb2312", "gbk", "朱镕基总理"),
        ("GBK", "gb18030", "朱镕基㐀"),
        ("big5", "big5hkscs", "碁銹裏墻 ①"),
        ("Shift_JIS", "cp932", "①髙橋さん"),
        ("x-sjis", "cp932", "㈱髙島屋"),
        ("euc-kr", "cp949", "펲시콜라 똠방각하"),
        ("ks_c_5601-1987", "cp949", "똠방"),
        ("tis-620", "cp874", "ราคา…“ดี”"),
        ("iso-8859-9", "cp1254", "İstanbul’da “güzel”"),
        ("EUC-JP", "euc_jp", "日本語の文章"),
    ],
)
def test_a_declared_subset_stands_for_the_whole_encoding(name: str, codec: str, text: str) -> None:
    page = f'<meta charset="{name}"><p>{text}</p>'
    assert decode(page.encode(codec)) == page


def test_utf8_is_tried_before_what_is_declared() -> None:
    book = "Character set encoding: ISO-8859-1\n\nUn café."
    assert decode(book.encode()) == book


@pytest.mark.parametrize(
    "data",
    [
        b"the\xe9 au lait",
        b"Character set encoding: klingon\n\nthe\xe9",
        b"Character set encoding: utf-7\n\n+2AA-\xe9",
        b"\xff\xfea",
    ],
)
def test_an_encoding_is_never_guessed(data: bytes) -> None:
    with pytest.raises(UnicodeDecodeError):
        decode(data)
