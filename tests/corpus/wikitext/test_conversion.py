"""Test what the markup of the language converter shows."""

import pytest

from albertlm.corpus.wikitext.conversion import without_conversion


@pytest.mark.parametrize(
    ("wikitext", "expected"),
    [
        ("no markup", "no markup"),
        ("-{zh-hans:甲;zh-hant:乙}-。", "甲。"),
        ("-{ zh-hant : 乙 ;\n zh-hans:甲;\n}-。", "乙。"),
        ("-{A|丙}- -{丁}- -{zh-hans|戊}- -{zh-hans;zh-hant|己}-", "丙 丁 戊 己"),
        ("-{A|zh-cn:甲;zh-tw:乙}- -{D|zh-cn:丙;zh-tw:丁}-", "甲 丙"),
        ("-{sr-ec:Ћир; sr-el:Lat}-", "Ћир"),
        ("-{kk-latn:a;kk-cyrl:б}- -{uz-cyrl:в;uz-latn:v}- -{iu:x}- -{shi-tfng:y}-", "a в x y"),
        ("-{tg:a;tg-latn:b}- -{ku-latn:c}- -{gan-hans:d}- -{wuu:e}- -{crh-cyrl:f}-", "a c d e f"),
        # text, not rules
        ("-{a: b}- -{R|a; b: c}-", "a: b a; b: c"),
        ("-{zh-cn:a; b;zh-tw:c}-", "a; b"),
        ("x-{{y}}-z {{y}}-z", "x-{{y}}-z {{y}}-z"),
        # rules that show nothing where they stand
        ("-{H|zh-cn:计算机;zh-tw:電腦;}-北京", "北京"),
        ("-{T|zh-cn:甲;zh-tw:乙}-'''X'''", "'''X'''"),
        ("-{-|zh-cn:甲;zh-tw:乙}-乙 -{N|zh-cn}-", "乙 "),
        ("-{H|巨集=>zh-cn:宏;}-程序", "程序"),
        ("-{巨集=>zh-cn:宏;}-程序", "宏程序"),
        # nested
        ("-{zh-cn:甲-{zh-cn:乙;zh-tw:丙}-;zh-tw:丁}-", "甲乙"),
        ("-{H|zh-cn:-{A|甲}-;zh-tw:乙}-丙", "丙"),
        # broken
        ("-{zh-cn:甲", "-{zh-cn:甲"),
        ("甲}-乙", "甲}-乙"),
    ],
)
def test_conversion(wikitext: str, expected: str) -> None:
    assert without_conversion(wikitext) == expected


def test_nested_markup_is_resolved_to_a_limited_depth() -> None:
    assert without_conversion("-{" * 10 + "x" + "}-" * 10) == "x"
    assert "-{" not in without_conversion("-{" * 1000 + "x" + "}-" * 1000)


@pytest.mark.parametrize(
    "content",
    ["; ", ";zh-cn=>", "A;", "zh:", "; zh:", "=>", ";" + " " * 1000, "zh-cn:x;", "A|", "-", "a=>b"],
)
def test_hostile_rules_take_linear_time(content: str) -> None:
    # quadratic time would take hours
    without_conversion("-{" + content * (1_000_000 // len(content)) + "}-")
