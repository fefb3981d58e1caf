"""Templates whose content is prose: without them sentences would have holes.

The table is of the English Wikipedia, by what stands within sentences most often; many names are
the same elsewhere. All other templates are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from albertlm.corpus.wikitext import rules
from albertlm.corpus.wikitext.arguments import Arguments, parse_arguments
from albertlm.corpus.wikitext.languages import language_name
from albertlm.corpus.wikitext.marks import HOLE
from albertlm.corpus.wikitext.namespaces import Namespaces


def _split(names: str) -> Iterator[str]:
    return map(str.strip, names.split(","))


_INVISIBLE = frozenset(
    _split("""
    anchor, anchors, clear, -, clear left, clear right, nowrap begin, nowrap end, nobr begin,
    nobr end, italic title, italictitle, use dmy dates, use mdy dates, shy, zwj, zwnj, zwsp, wbr
""")
)
_CONSTANTS = {
    "!": "|", "(!": "{|", "!)": "|}", "!!": "||", "=": "=", "'": "'", "`": "'", "'s": "'s",
    "' \"": "' \"", "\" '": "\" '", "'\"": "'\"", "\"'": "\"'", "-\"": "\"", "-'": "'",
    "okina": "ʻ", "hamza": "ʼ", "ndash": "–", "en dash": "–", "endash": "–", "mdash": "—",
    "em dash": "—", "emdash": "—", "dash": " – ", "snd": " – ", "spnd": " – ", "snds": " – ",
    "spaced ndash": " – ", "spaced en dash": " – ", "mdashb": " — ", "spaced mdash": " — ",
    "nbsp": " ", "space": " ", "spaces": " ", "thin space": " ", "thinsp": " ", "hair space": " ",
    "em space": " ", "en space": " ", "·": " · ", "•": " • ", "dot": " · ", "bullet": " • ",
    "pi": "π", "±": "±", "times": "×", "minus": "−", "degree": "°", "deg": "°", "prime": "′",
}  # fmt: skip
_FIRST = """
    nowrap, nobr, nobreak, nowraplinks, no wrap, small, smaller, big, bigger, large, larger, huge,
    midsize, sc, sc1, sc2, smallcaps, smallcaps all, small caps, aut, caps, allcaps, noitalic,
    nobold, normal, bold, strong, italic, italics, em, mono, code, codes, tt, samp, kbd, key,
    keypress, key press, button, var, mvar, math, bigmath, abbr, abbreviation, tooltip, underline,
    iast, unicode, polytonic, hebrew, visible anchor, vanchor, visanc, citation needed span, cnspan,
    clarify span, sic, ill, interlanguage link, ill2, sup, sub, su, chem2, flag, flagcountry, flagu,
    nihongo foot, nihongo2, nihongo title, format link, annotated link, term, tq, overline,
    typo, not a typo, as written, proper name, ruby, vr, railgauge, track gauge
"""
_SECOND = """
    lang, rtl-lang, ltr-lang, native name, native phrase, wikt-lang, wt, color, colour,
    font color, fontcolor, font colour, background color, resize, script, hover title, sort
"""
_BLOCKS = """
    quote, quotation, blockquote, block quote, bquote, cquote, rquote, quoteblock, long quotation,
    block indent, blockindent
"""
_SHIPS = """
    css, gts, hdms, hmas, hmcs, hmhs, hmnzs, hms, hmt, hnlms, hnoms, hswms, ins, jds, js, ms, mt,
    mv, orp, ps, rfa, rms, sms, ss, ssv, sv, tcg, uscgc, usns, usrc, uss
"""


_RULES: dict[str, rules.Rule] = {
    **{name: rules.constant(text) for name, text in _CONSTANTS.items()},
    **dict.fromkeys(_split(_FIRST), rules.argument("1", "text", "lt")),
    **dict.fromkeys(_split(_SECOND), rules.argument("2", "text")),
    **dict.fromkeys(_split("transl, transliteration, translit, tlit"), rules.last),
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
    "gloss": lambda arguments: f"'{arguments.get('1', '')}'",
    "angbr": lambda arguments: f"⟨{arguments.get('1', '')}⟩",
    '"': lambda arguments: f"“{arguments.get('1', '')}”",
}
_NAME = re.compile(r"[^|:\n]*")


def expand(content: str, title: str, namespaces: Namespaces) -> str:
    """What a template shows, or a hole.

    Args:
        content: what is between its braces, with templates in it already expanded.
        title: of the page.
        namespaces: of the wiki.
    """
    content = content.strip()
    written = _NAME.match(content)
    end = written.end() if written else 0
    name = content[:end].replace("_", " ").strip().lower()
    if content[end : end + 1] == ":":
        return _function(name, content[end + 1 :])
    if name in _INVISIBLE:
        return ""
    if name in {"pagename", "fullpagename", "pagenamebase"}:
        return title
    return _shown(name, content, namespaces) or HOLE


def _shown(name: str, content: str, namespaces: Namespaces) -> str:
    if rule := _RULES.get(name):
        return rule(parse_arguments(content))
    if name == "langx" or name.startswith("lang-"):
        return _foreign(name, parse_arguments(content), english=namespaces.english)
    if name.startswith("script/"):
        return parse_arguments(content).get("1", "")
    return ""


def _foreign(name: str, arguments: Arguments, *, english: bool) -> str:
    """`{{lang-de|Mühle}}` and `{{langx|de|Mühle}}` are `German: Mühle` on an English wiki."""
    code, place = name.removeprefix("lang-"), "1"
    if name == "langx":
        code, place = arguments.get("1", ""), "2"
    text = arguments.get(place, "")
    label = language_name(code) if english and text else ""
    return f"{label}: {text}" if label else text


def _function(name: str, value: str) -> str:
    """What a parser function shows, where it only changes the form of its text."""
    if name == "formatnum":
        return rules.number(value.partition("|")[0])
    return value if name in {"lc", "uc", "lcfirst", "ucfirst"} else HOLE
