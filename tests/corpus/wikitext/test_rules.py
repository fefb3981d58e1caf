"""Test the arguments of templates, and the text that templates show on the English Wikipedia."""

import pytest

from albertlm.corpus.wikitext import rules
from albertlm.corpus.wikitext.numbers import NumberFormat

NUMBER = NumberFormat().write


@pytest.mark.parametrize(
    ("content", "arguments"),
    [
        ("name", {}),
        ("name|a| b |c=d| e = f=g ", {"1": "a", "2": "b", "c": "d", "e": "f=g"}),
        ("name||x", {"1": "", "2": "x"}),
        ("name|2=b|a", {"2": "b", "1": "a"}),
        ("name|c=1|c=2", {"c": "2"}),  # as in MediaWiki, the last one counts
        ("name|[[a|b]]|[[c|d|e]] f", {"1": "[[a|b]]", "2": "[[c|d|e]] f"}),
        (
            "name|<span id=x>y</span>|[http://a?b=c d]",
            {"1": "<span id=x>y</span>", "2": "[http://a?b=c d]"},
        ),
        ("name|-{H|zh-cn:a;zh-tw:b}-|c", {"1": "-{H|zh-cn:a;zh-tw:b}-", "2": "c"}),
        # unbalanced brackets
        ("name|[[a|b", {"1": "[[a|b"}),
        ("name|]]a|b", {"1": "]]a", "2": "b"}),
    ],
)
def test_arguments(content: str, arguments: dict[str, str]) -> None:
    assert rules.parse_arguments(content) == arguments


def test_positional_arguments_end_at_the_first_that_is_missing() -> None:
    assert rules.positional({"1": "a", "2": "", "4": "d", "x": "y"}) == ["a", ""]
    assert rules.positional({}) == []


@pytest.mark.parametrize(
    ("rule", "template", "text"),
    [
        (rules.constant("–"), "snd", "–"),
        (rules.argument("2", "text"), "lang|grc|λόγος", "λόγος"),
        (rules.argument("2", "text"), "lang|grc|text=λόγος", "λόγος"),
        (rules.last, "transl|ar|DIN|al-Jazāʾir", "al-Jazāʾir"),
        (rules.joined(""), "chem|H|2|O", "H2O"),
        (rules.joined(" ", 2), "bibleverse|John|3:16|KJV", "John 3:16"),
        (rules.block, "quote|Words.|Author", "\n\nWords.\n\n"),
        (rules.block, "quote|text=Words.|sign=Author", "\n\nWords.\n\n"),
        (rules.after("r."), "reign|1509|1547", "r. 1509–1547"),
        (rules.after("c.", " – c. "), "circa|1920", "c. 1920"),
        (rules.after("c.", " – c. "), "circa|1920|1930", "c. 1920 – c. 1930"),
        (rules.ship("USS"), "USS|Enterprise|CV-6", "USS Enterprise"),
        (rules.ship("HMS"), "HMS|Ajax|22|2", "Ajax"),
        (rules.ship_class, "sclass|Nimitz|aircraft carrier", "Nimitz-class aircraft carrier"),
        (rules.first_number(NUMBER), "formatnum|1234567", "1,234,567"),
        (rules.money("US$", NUMBER), "US$|800", "US$800"),
        (rules.convert(NUMBER), "convert|2381741|km2|sqmi|0", "2,381,741 km2"),
        (rules.convert(NUMBER), "convert|6|ft|2|in", "6 ft 2 in"),
        (rules.convert(NUMBER), "convert|5|to|10|km|mi|abbr=on", "5 to 10 km"),
        (rules.convert(NUMBER), "convert|5|-|10|C", "5–10 °C"),
        (rules.convert(NUMBER), "convert|2|x|3|x|4|m", "2 × 3 × 4 m"),
        (rules.convert(NUMBER), "convert|100", "100"),
        (rules.quantity(NUMBER), "val|12345|u=km", "12,345 km"),
        (rules.quantity(NUMBER), "val|5|e=6", "5×106"),
        (rules.quantity(NUMBER), "val|879.6|0.8|u=[[second|s]]", "879.6±0.8 [[second|s]]"),
        (rules.quantity(NUMBER), "val|1.5|+0.2|-0.1|e=3|u=m", "(1.5+0.2−0.1)×103 m"),
        (rules.quantity(NUMBER), "val|5|to|10|u=m", "5 to 10 m"),
        (rules.around("siglo "), "siglo|XX", "siglo XX"),
        (rules.date(("mai", "juin"), " "), "date|8|1|1945|en France", "8 mai 1945"),
        (rules.date(("mai", "juin"), " "), "date|8|mai|1945", "8 mai 1945"),
        (rules.date(("mai", "juin"), " "), "date|8|13|1945", "8 1945"),
        (rules.date((), " "), "date|mai 1945", "mai 1945"),
        (rules.fraction, "frac|3", "1/3"),
        (rules.fraction, "frac|2|3", "2/3"),
        (rules.fraction, "frac|2|1|3", "2 1/3"),
        (rules.as_of, "as of|2012", "As of 2012"),
        (rules.as_of, "as of|2012|5|3|lc=y", "as of 3 May 2012"),
        (rules.as_of, "as of|2012|5|3|df=US", "As of May 3, 2012"),
        (rules.as_of, "as of|2012|13|since=y", "Since 13 2012"),
        (rules.as_of, "as of|2012|alt=In 2012", "In 2012"),
        (rules.old_style, "OldStyleDate|February 2|1905|January 20",
         "February 2 [O.S. January 20] 1905"),
        (rules.old_style, "OldStyleDate|February 2|1905|", "February 2 1905"),
        (rules.harvard, "harvtxt|Hardy|Wright|1938", "Hardy & Wright (1938)"),
        (rules.harvard, "harvtxt|Hardy", "Hardy"),
        (rules.japanese, "nihongo|tea ceremony|茶道|sadō", "tea ceremony (茶道, sadō)"),
        (rules.japanese, "nihongo||茶道", "茶道"),
        (rules.chinese(labelled=True), "zh|c=花木蘭|p=Huā Mùlán",
         "Chinese: 花木蘭; pinyin: Huā Mùlán"),
        (rules.chinese(labelled=True), "zh|s=甲|t=乙|labels=no", "甲; 乙"),
        (rules.chinese(labelled=True), "zh|花木蘭", "花木蘭"),
        (rules.chinese(labelled=False), "zh|c=花木蘭|p=Huā Mùlán", "花木蘭; Huā Mùlán"),
        (rules.accidental, "music|flat", "♭"),
    ],
)  # fmt: skip
def test_rules(rule: rules.Rule, template: str, text: str) -> None:
    assert rule(rules.parse_arguments(template)) == text


@pytest.mark.parametrize(
    "rule",
    [
        rules.argument("1"), rules.last, rules.joined(", "), rules.around("a"), rules.ship_class,
        rules.first_number(NUMBER), rules.convert(NUMBER), rules.quantity(NUMBER),
        rules.date(()), rules.old_style, rules.harvard, rules.japanese,
        rules.chinese(labelled=True), rules.accidental,
    ],
)  # fmt: skip
def test_without_arguments_there_is_no_text(rule: rules.Rule) -> None:
    assert rule({}) == ""
