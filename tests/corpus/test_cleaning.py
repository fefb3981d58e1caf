"""Test what cleaning repairs, that its shortcut changes nothing, and that it terminates."""

import itertools
import re
import unicodedata
from pathlib import Path

import ftfy
import pyarrow.parquet as pq
import pytest
from ftfy.badness import MOJIBAKE_CATEGORIES
from hypothesis import given
from hypothesis import strategies as st

from albertlm.corpus import cleaning
from albertlm.corpus.cleaning import clean, without_headings

MOJIBAKE = re.compile(f"[{''.join(MOJIBAKE_CATEGORIES.values())}]")
SUSPECTS = [character for character in map(chr, range(0x80, 0x10000)) if MOJIBAKE.match(character)]
PIECES = [
    *("a", "Z", "0", ".", " ", "  ", "\t", "\n", "\r\n", "\x0b", "\x1f", "\x85", "\xa0", "\u3000"),
    *("\u2028", "\xad", "\u200b", "\u200d", "\u202e", "\ufeff", "\ufffc", "\ufffd", "\ud800"),
    *(
        "&amp;",
        "&lt;",
        "&gt;",
        "&nbsp;",
        "&#38;",
        "&",
        ";",
        "amp;",
        "<",
        ">",
        "<b>",
        "<br />",
        "</p",
    ),
    *("Ã©", "â€™", "Â£", "Â", "Ã ", "œ ", "e\u0301", "\u0301", "é", "ß", "’", "”", "—", "«", "»"),
    *("я", "Р", "β", "Ω", "中", "。", "ن", "ह", "ﬁ", "Ａ", "🙂", "\x1b[31m"),
]
TEXT = st.lists(st.sampled_from(PIECES) | st.sampled_from(SUSPECTS) | st.text(max_size=4)).map(
    "".join
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain text", "plain text"),
        ("It was heâ€™s cafÃ© in RÃ¶slein.", "It was he’s café in Röslein."),
        ("the mind\x92s eye\x85", "the mind’s eye…"),
        ("Heckler &amp; Koch &amp;amp; &#9816; &eacute;t&eacute;", "Heckler & Koch & ♘ été"),
        ("e\u0301 and ·", "é and ·"),
        ("“Curly” ‘quotes’ — ﬁne, Ｗｉｄｅ", "“Curly” ‘quotes’ — ﬁne, Ｗｉｄｅ"),
        ("in\u00advisible\u200b\ufeff\u202a\u2060\x00\x7f", "invisible"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("  runs\t of \xa0\u3000 blanks  ", "runs of blanks"),
        ("one\r\ntwo\rthree\u2028four\n\nfive", "one\ntwo\nthree\nfour\n\nfive"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("a<br>b<br/>c <BR clear=all />d", "a b c d"),
        ("H<sub>2</sub>O is <b>bold</b>.", "H2O is bold."),
        ('Wet<ref name="x/y"></ref> <div id=a class="b">day</div>', "Wet day"),
        ("&lt;br&gt;escaped tag", "escaped tag"),
        ("<onlyinclude>\nEvents.\n</onlyinclude>", "\nEvents.\n"),
        ("where a <b and c> d, List<int>, <CR><LF>", "where a <b and c> d, List<int>, <CR><LF>"),
        ("", ""),
    ],
)
def test_repairs(text: str, expected: str) -> None:
    assert clean(text) == expected


@given(TEXT)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


@given(TEXT)
def test_clean_text_has_no_faults(text: str) -> None:
    cleaned = clean(text)
    assert unicodedata.is_normalized("NFC", cleaned)
    cleaned.encode()  # no lone surrogates
    for line in cleaned.split("\n"):
        assert line == " ".join(line.split())
        assert not [c for c in line if unicodedata.category(c) == "Cc"]


def slowly_clean(text: str) -> str:
    """Clean a text with ftfy applied to every line."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cleaning, "_is_sound", lambda _: False)
        return clean(text)


@given(TEXT)
def test_the_shortcut_changes_nothing(text: str) -> None:
    assert clean(text) == slowly_clean(text)


@given(st.text())
def test_ftfy_finds_nothing_more_to_repair(text: str) -> None:
    cleaned = clean(text)
    assert ftfy.fix_text(cleaned, cleaning._configuration()) == cleaned


@pytest.mark.slow
def test_every_pair_that_ftfy_calls_bad_is_examined() -> None:
    for first, second in itertools.product(SUSPECTS, SUSPECTS):
        for text in (f"{first}{second}", f"a{first}{second}a", f". {first} {second}."):
            if ftfy.badness.is_bad(text):
                assert not cleaning._is_sound(text), ascii(text)


@pytest.mark.slow
def test_real_text(shared_data: Path) -> None:
    table = pq.read_table(
        shared_data / "corpus" / "wikipedia-en-2015-00001-of-00004.parquet", columns=["text"]
    )
    for text in table["text"].slice(0, 150).to_pylist():
        assert clean(text) == slowly_clean(text)
        assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "&amp;" + "amp;" * 250_000,
        "&#4" * 100_000 + ";" * 100_000,
        "<b " * 300_000 + ">" * 300_000,
        "<b x=" + " " * 1_000_000,
        "<b" * 500_000,
        "Ã" * 500_000,
        "â€" * 300_000,
        "a\u200b" * 500_000,
        "“—é" * 300_000,
        " " * 1_000_000,
    ],
    ids=lambda text: ascii(text[:8]),
)
@pytest.mark.slow
def test_a_megabyte_of_one_fault_terminates(text: str) -> None:
    assert len(clean(text)) <= len(text)


def test_headings_are_removed_if_there_is_a_title() -> None:
    title = "Some Long Title of More Than Six Words"
    prose = "It was a long time ago, they said."
    text = f"{title}\nHistory.\n\n{prose}\nEnd"
    assert without_headings(text, title) == prose
    assert without_headings(text, "") == text
    assert without_headings("<b>Six</b> words are <i>in it</i> too.", "T") == ""


@pytest.mark.parametrize(
    ("title", "heading", "prose"),
    [
        ("东京", "第二次世界大战以后", "东京是日本的首都，也是世界上人口最多的都市之一。"),
        ("東京", "ギャラリー", "東京は日本の首都であり、世界でも最大級の都市である。"),
        ("กรุงเทพ", "ประวัติศาสตร์", "กรุงเทพมหานครเป็นเมืองหลวงและนครที่มีประชากรมากที่สุด"),
    ],
    ids=("zh", "ja", "th"),
)
def test_prose_without_spaces_is_not_a_heading(title: str, heading: str, prose: str) -> None:
    assert without_headings(f"{title}\n{heading}\n{prose}", title) == prose
