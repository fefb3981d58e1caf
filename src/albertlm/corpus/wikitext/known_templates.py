"""The templates of the English Wikipedia that show text; many have the same names on other wikis.

They are those that occur most often within sentences.
"""

from __future__ import annotations

from collections.abc import Iterator

from albertlm.corpus.wikitext import rules
from albertlm.corpus.wikitext.wikis import Wiki


def split(names: str) -> Iterator[str]:
    """Yield the names of a list that commas separate."""
    return filter(None, map(str.strip, names.split(",")))


INVISIBLE = frozenset(
    split("""
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


def known(wiki: Wiki) -> dict[str, rules.Rule]:
    """Return the rule of each template, by its name in lower case."""
    number = wiki.numbers.write
    found: dict[str, rules.Rule] = {
        **{name: rules.constant(text) for name, text in _CONSTANTS.items()},
        **dict.fromkeys(split(_FIRST), rules.argument("1", "text", "lt")),
        **dict.fromkeys(split(_SECOND), rules.argument("2", "text")),
        **dict.fromkeys(split("transl, transliteration, translit, tlit"), rules.last),
        **dict.fromkeys(split("linktext, chem, gaps"), rules.joined("")),
        **dict.fromkeys(split("bibleverse, bibleref, bibleref2"), rules.joined(" ", 2)),
        **dict.fromkeys(split("ship, sortname"), rules.joined(" ", 2)),
        **dict.fromkeys(split("section link, slink"), rules.joined(" § ")),
        **dict.fromkeys(split(_BLOCKS), rules.block),
        **{name: rules.ship(name.upper()) for name in split(_SHIPS)},
        **dict.fromkeys(split("convert, cvt, unité, unidad"), rules.convert(number)),
        **dict.fromkeys(split("formatnum, nts, number, nombre, nb"), rules.first_number(number)),
        **dict.fromkeys(split("val, value"), rules.quantity(number)),
        **dict.fromkeys(split("frac, fraction, sfrac"), rules.fraction),
        **dict.fromkeys(split("us$, usd"), rules.money("US$", number)),
        **dict.fromkeys(split("gbp, £, pound sterling"), rules.money("£", number)),
        **dict.fromkeys(split("eur, €, euro"), rules.money("€", number)),
        **dict.fromkeys(split("inr, indian rupee, indianrupee, ₹"), rules.money("₹", number)),
        **dict.fromkeys(split("jpy, ¥, yen"), rules.money("¥", number)),
        **dict.fromkeys(split("au$, a$, aud"), rules.money("A$", number)),
        **dict.fromkeys(split("circa, c., ca, c"), rules.after("c.", " – c. ")),
        **dict.fromkeys(split("floruit, fl., fl"), rules.after("fl.")),
        **dict.fromkeys(split("reign, r."), rules.after("r.")),
        **dict.fromkeys(split("harvtxt, harvcoltxt, harvtxtcol"), rules.harvard),
        **dict.fromkeys(split("nihongo, nihongo3, nihongo4"), rules.japanese),
        **dict.fromkeys(split("zh, zh-full, lang-zh"), rules.chinese(labelled=wiki.english)),
        "w": rules.argument("2", "1"),  # of Wikinews, a link to Wikipedia
        "music": rules.accidental,
        "oldstyledate": rules.old_style,
        "bracket": lambda arguments: f"[{arguments.get('1', '')}]",
        "sqbr": lambda arguments: f"[{arguments.get('1', '')}]",
        "gloss": lambda arguments: f"'{arguments.get('1', '')}'",
        "angbr": lambda arguments: f"⟨{arguments.get('1', '')}⟩",
        '"': lambda arguments: f"“{arguments.get('1', '')}”",
    }
    if wiki.english:
        found |= dict.fromkeys(split("sclass, sclass-, sclass2, sclass2-"), rules.ship_class)
        found |= dict.fromkeys(split("as of, asof"), rules.as_of)
    return found
