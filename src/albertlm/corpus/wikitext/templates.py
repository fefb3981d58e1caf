"""Templates whose content is prose: without them sentences would have holes.

The table is of the English Wikipedia, by what stands within sentences most often; many names are
the same elsewhere. All other templates are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from albertlm.corpus.wikitext import rules
from albertlm.corpus.wikitext.arguments import parse_arguments
from albertlm.corpus.wikitext.marks import HOLE, protect


def _split(names: str) -> Iterator[str]:
    return map(str.strip, names.split(","))


_INVISIBLE = frozenset(
    _split("""
    anchor, anchors, clear, -, clear left, clear right, nowrap begin, nowrap end, nobr begin,
    nobr end, italic title, italictitle, use dmy dates, use mdy dates, shy, zwj, zwnj, zwsp, wbr
""")
)
_CONSTANTS = {
    "!": "|", "(!": "{|", "!)": "|}", "!!": "||", "=": "=", "(": protect("{"), ")": protect("}"),
    "((": protect("{{"), "))": protect("}}"), "'": "'", "`": "'", "'s": "'s", "' \"": "' \"",
    "\" '": "\" '", "'\"": "'\"", "\"'": "\"'", "-\"": "\"", "-'": "'", "okina": "ʻ", "hamza": "ʼ",
    "ndash": "–", "en dash": "–", "endash": "–", "mdash": "—", "em dash": "—", "emdash": "—",
    "dash": " – ", "snd": " – ", "spnd": " – ", "snds": " – ", "spaced ndash": " – ",
    "spaced en dash": " – ", "mdashb": " — ", "spaced mdash": " — ", "nbsp": " ", "space": " ",
    "spaces": " ", "thin space": " ", "thinsp": " ", "hair space": " ", "em space": " ",
    "en space": " ", "·": " · ", "•": " • ", "dot": " · ", "bullet": " • ", "pi": "π", "±": "±",
    "times": "×", "minus": "−", "degree": "°", "deg": "°", "prime": "′",
}  # fmt: skip
_FIRST = """
    nowrap, nobr, nobreak, nowraplinks, no wrap, small, smaller, big, bigger, large, larger, huge,
    midsize, sc, sc1, sc2, smallcaps, smallcaps all, small caps, aut, caps, allcaps, noitalic,
    nobold, normal, bold, strong, italic, italics, em, mono, code, codes, tt, samp, kbd, key,
    keypress, key press, button, var, mvar, math, bigmath, abbr, abbreviation, tooltip, underline,
    iast, unicode, polytonic, hebrew, visible anchor, vanchor, visanc, citation needed span, cnspan,
    clarify span, sic, ill, interlanguage link, ill2, sup, sub, su, chem2, flag, flagcountry, flagu,
    nihongo foot, nihongo2, nihongo title, format link, annotated link, term, tq, gloss, overline,
    typo, not a typo, as written, proper name, ruby, vr, railgauge, track gauge
"""
_SECOND = """
    lang, langx, rtl-lang, ltr-lang, native name, native phrase, wikt-lang, wt, color, colour,
    font color, fontcolor, font colour, background color, resize, script, hover title, sort
"""
_BLOCKS = """
    quote, quotation, blockquote, block quote, bquote, cquote, rquote, quoteblock, long quotation,
    block indent, blockindent, poemquote, poem quote
"""
_SHIPS = """
    css, gts, hdms, hmas, hmcs, hmhs, hmnzs, hms, hmt, hnlms, hnoms, hswms, ins, jds, js, ms, mt,
    mv, orp, ps, rfa, rms, sms, ss, ssv, sv, tcg, uscgc, usns, usrc, uss
"""


_RULES: dict[str, rules.Rule] = {
    **{name: rules.constant(text) for name, text in _CONSTANTS.items()},
    **dict.fromkeys(_split(_FIRST), rules.argument("1", "text", "lt")),
    **dict.fromkeys(_split(_SECOND), rules.argument("2", "text")),
    **dict.fromkeys(_split("transl, transliteration, translit, tlit, ipa"), rules.last),
    **dict.fromkeys(_split("linktext, chem, gaps"), rules.joined("")),
    **dict.fromkeys(_split("bibleverse, bibleref, bibleref2"), rules.joined(" ", 2)),
    **dict.fromkeys(_split("ship, sortname"), rules.joined(" ", 2)),
    **dict.fromkeys(_split("section link, slink"), rules.joined(" § ")),
    **dict.fromkeys(_split(_BLOCKS), rules.block),
    **{name: rules.ship(name.upper()) for name in _split(_SHIPS)},
    **dict.fromkeys(_split("sclass, sclass-, sclass2, sclass2-"), rules.ship_class),
    **dict.fromkeys(_split("convert, cvt, unité, unidad"), rules.convert),
    **dict.fromkeys(_split("formatnum, nts, number, nombre, nb"), rules.first_number),
    **dict.fromkeys(_split("val, value"), rules.quantity),
    **dict.fromkeys(_split("frac, fraction, sfrac"), rules.fraction),
    **dict.fromkeys(_split("us$, usd"), rules.money("US$")),
    **dict.fromkeys(_split("gbp, £, pound sterling"), rules.money("£")),
    **dict.fromkeys(_split("eur, €, euro"), rules.money("€")),
    **dict.fromkeys(_split("inr, indian rupee, indianrupee, ₹"), rules.money("₹")),
    **dict.fromkeys(_split("jpy, ¥, yen"), rules.money("¥")),
    **dict.fromkeys(_split("au$, a$, aud"), rules.money("A$")),
    **dict.fromkeys(_split("circa, c., ca, c"), rules.after("c.", " – c. ")),
    **dict.fromkeys(_split("floruit, fl., fl"), rules.after("fl.")),
    **dict.fromkeys(_split("reign, r."), rules.after("r.")),
    **dict.fromkeys(_split("as of, asof"), rules.as_of),
    **dict.fromkeys(_split("harvtxt, harvcoltxt, harvtxtcol"), rules.harvard),
    **dict.fromkeys(_split("nihongo, nihongo3, nihongo4"), rules.japanese),
    **dict.fromkeys(_split("zh, zh-full, lang-zh"), rules.chinese),
    "music": rules.accidental,
    "oldstyledate": rules.old_style,
    "bracket": lambda arguments: f"[{arguments.get('1', '')}]",
    "sqbr": lambda arguments: f"[{arguments.get('1', '')}]",
    "angbr": lambda arguments: f"⟨{arguments.get('1', '')}⟩",
    '"': lambda arguments: f"“{arguments.get('1', '')}”",
}
_NAME = re.compile(r"[^|:\n]*")
_BY_FORM = re.compile(r"lang-[a-z]{2,3}(?:-[a-z]+)*|script/[a-z]+")
"""Names of families of templates that show their first argument."""


def expand(content: str, title: str) -> str:
    """What a template shows, or a hole.

    Args:
        content: what is between its braces, with templates in it already expanded.
        title: of the page.
    """
    content = content.strip()
    start = _NAME.match(content)
    name = start[0].replace("_", " ").strip().lower() if start else ""
    if content[len(name) : len(name) + 1] == ":":
        return _function(name, content[len(name) + 1 :])
    if name in {"pagename", "fullpagename", "pagenamebase"}:
        return title
    if name in _INVISIBLE:
        return ""
    rule = _RULES.get(name)
    if rule is None and _BY_FORM.fullmatch(name):
        rule = _RULES["nowrap"]
    return (rule and rule(parse_arguments(content))) or HOLE


def _function(name: str, value: str) -> str:
    """What a parser function shows, where it only changes the form of its text."""
    if name == "formatnum":
        return rules.number(value.partition("|")[0])
    return value if name in {"lc", "uc", "lcfirst", "ucfirst"} else HOLE
