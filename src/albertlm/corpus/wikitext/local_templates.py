"""The templates of other large wikis that show text within sentences, by language.

As on the English Wikipedia, these are chosen by hand: templates that wrap prose, such as those that
ask for a source, and those that write dates, centuries, measures and foreign words. Names that the
English Wikipedia also uses stand here only where they mean something else.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from albertlm.corpus.wikitext import rules
from albertlm.corpus.wikitext.known_templates import split
from albertlm.corpus.wikitext.rules import Arguments, Rule
from albertlm.corpus.wikitext.wikis import Wiki

_FIRST = {
    "cs": "doplňte zdroj, fakt/text",
    "de": "kapitälchen, anführung",
    "es": "cita requerida, cr, demostrar, versalita, versalitas",
    "fa": "به انگلیسی, به عربی, به فرانسوی, به آلمانی, به روسی, به یونانی, به لاتین",
    "fi": "lähde, selvennä, lähde tarkemmin",
    "fr": "référence nécessaire, référence souhaitée, refnec, refsou, citation nécessaire, "
    "petites capitales, pc, petite capitale, exp, ind, abréviation, abréviation discrète, "
    "abrd, abr, pertinence détail, passage promotionnel, évasif, pas clair, "
    "interprétation personnelle, en exposant, en indice",
    "it": "citazione necessaria, cn, senza fonte, chiarire, ta, tutto attaccato, maiuscoletto, "
    "non chiaro, dubbio",
    "ja": "要出典範囲, 要検証範囲, 要説明範囲, 要追加記述範囲, 要追記範囲, いつ範囲, 誰範囲, "
    "誰範囲2, いつ2, 信頼性要検証範囲, 独自研究範囲, 出典無効範囲, 要ページ番号範囲, 疑問範囲, "
    "大言壮語範囲, 正確性範囲, 補助漢字フォント, jis2004フォント, cp932フォント, 拡張漢字, "
    "jisx0213フォント",
    "ko": "출처 필요 범위, 확인 필요, 모호",
    "nl": "bron?, feit, twijfel, kleinkapitaal, klein kapitaal",
    "pl": "fakt, kto, kiedy, kapitaliki",
    "pt": "carece de fontes2, carece de fontes/bloco, versalete",
    "ru": "нет аи 2, нет аи2, уточнить 2, s, nobr, неразрывный текст, прояснить 2, малые прописные",
    "sv": "källa behövs, kb, kapitäler",
    "tr": "kaynak belirt2, kaynak belirt 2, belirsiz",
    "uk": "s, nobr, джерело?, fact-text",
    "zh": "僻字, 来源请求范围, illm",
}
"""Templates that show their first argument."""

_LINKS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "fr": ("lien", ("texte", "fr", "1")),
    "ja": ("仮リンク", ("label", "1")),
    "pl": ("link-interwiki", ("tekst", "1")),
    "ru": ("нп, нп1, нп2, нп3, нп4, нп5, не переведено, не переведено 5", ("2", "1")),
    "uk": ("нп, нп1, нп2, нп3, нп4, нп5, не перекладено", ("2", "1")),
    "zh": (
        "le, link-en, link-de, link-fr, link-ja, link-ru, link-es, link-it, link-ko, link-la",
        ("d", "1"),
    ),
}
"""Links to pages that exist in another language, and the arguments of which they show the first."""

_SECOND = {
    "cs": "cizojazyčně, cj, vjazyce2",
    "de": "farbe",
    "es": "idioma2",
    "fr": "langue, texte coloré",
    "it": "colore",
    "ko": "llang",
    "pt": "cor, língua",
    "ru": "langi",
}
_BLOCKS = {
    "cs": "citát, citace",
    "de": "zitat",
    "es": "cita, cita bloque, caja de cita",
    "fi": "lainaus, sitaatti",
    "fr": "citation bloc, début citation bloc, citation étrangère bloc, extrait",
    "it": "citazione",
    "ja": "引用",
    "ko": "인용문, 인용문2",
    "nl": "citaat, citeer",
    "pl": "cytat, cytat d",
    "pt": "quote1, quote2, citação2",
    "ru": "цитата, врезка-цитата",
    "sv": "citat, citatblock",
    "tr": "alıntı",
    "uk": "цитата",
    "zh": "引文",
}
_CONSTANTS = {
    "es": {"esd": " ", "a. c.": "a. C.", "d. c.": "d. C.", "ac": "a. C.", "dc": "d. C."},
    "fr": {
        "1er": "1er", "1re": "1re", "ier": "er", "er": "er", "e": "e", "ème": "e", "re": "re",
        "ire": "re", "n°": "no ", "nº": "no ", "numéro": "no ", "m.": "M. ", "mme": "Mme ",
        "mlle": "Mlle ", "dr": "Dr ", "mgr": "Mgr ", "av jc": "av. J.-C.", "ap jc": "apr. J.-C.",
        "apr jc": "apr. J.-C.", "av. j.-c.": "av. J.-C.", "apr. j.-c.": "apr. J.-C.",
        "esp": " ",
    },
    "pl": {"ang.": "ang.", "niem.": "niem.", "fr.": "fr.", "łac.": "łac.", "ros.": "ros."},
    "pt": {"a.c.": "a.C.", "d.c.": "d.C.", "ac": "a.C.", "dc": "d.C."},
}  # fmt: skip
_MONTHS = {
    "es": "enero, febrero, marzo, abril, mayo, junio, julio, agosto, septiembre, octubre, "
    "noviembre, diciembre",
    "fr": "janvier, février, mars, avril, mai, juin, juillet, août, septembre, octobre, novembre, "
    "décembre",
    "pt": "janeiro, fevereiro, março, abril, maio, junho, julho, agosto, setembro, outubro, "
    "novembro, dezembro",
}
_HEIGHTS = {
    "de-nhn": "m ü. NHN", "de-nn": "m ü. NN", "de-hn": "m ü. HN", "at": "m ü. A.",
    "ch": "m ü. M.", "fr": "m", "it": "m s.l.m.", "nl": "m NAP",
}  # fmt: skip
_FRENCH_CENTURY = re.compile(r"(-?)(s|sp|s2)(-?|av|ap| mini)")


def local(wiki: Wiki) -> Mapping[str, Rule]:
    """Return the rule of each template that only wikis in this wiki's language have."""
    language = wiki.language.partition("-")[0]
    number = wiki.numbers.write
    found: dict[str, Rule] = {}
    shown = rules.argument("1", "text", "texte", "texto")
    found |= dict.fromkeys(split(_FIRST.get(language, "")), shown)
    links, labels = _LINKS.get(language, ("", ()))
    found |= dict.fromkeys(split(links), rules.argument(*labels))
    found |= dict.fromkeys(split(_SECOND.get(language, "")), rules.argument("2", "texte", "text"))
    found |= dict.fromkeys(split(_BLOCKS.get(language, "")), rules.block)
    found |= {name: rules.constant(text) for name, text in _CONSTANTS.get(language, {}).items()}
    months = _MONTHS.get(language, "").split(", ")
    match language:
        case "cs":
            found |= {unit: rules.around("", f" {unit}") for unit in ("km", "m", "km2", "cm", "kg")}
        case "de":
            found["höhe"] = _height
        case "es":
            found |= dict.fromkeys(split("fecha, fecha2"), rules.date(months, " de "))
            found |= {"siglo": _spanish_century}
        case "fi":
            found |= {f"k-{code}": rules.argument("1") for code in ("en", "de", "fr", "la", "ru")}
        case "fr":
            found |= dict.fromkeys(split("date, date-, date rapide"), rules.date(months))
            found["japonais"] = rules.japanese
            quoted = split("guil, citation, citation étrangère")
            found |= dict.fromkeys(quoted, rules.around("« ", " »"))
            found |= {name: _french_century(name) for name in split(
                "s, s-, -s, -s-, sp, sp-, s2, s2-, s mini, sav, sap"
            )}  # fmt: skip
        case "it":
            found["m"] = rules.quantity(number)
        case "ja":
            found |= dict.fromkeys(split("読み仮名, 読み仮名 ruby不使用"), _reading)
        case "pt":
            found |= dict.fromkeys(split("dtlink, data, dt"), rules.date(months, " de "))
            found |= {"séc": rules.around("século "), "fmtn": rules.convert(number)}
            found |= {"fmtnum": rules.first_number(number), "unidade": rules.convert(number)}
        case "ru" | "uk":
            found |= dict.fromkeys(split("число, num"), rules.convert(number))
        case "zh":
            found |= {"bd": _born_and_died, "tsl": rules.argument("4", "3")}
    return found


def _height(arguments: Arguments) -> str:
    """Show `1234 m ü. NHN` for `{{Höhe|1234|DE-NHN}}`."""
    unit = _HEIGHTS.get(arguments.get("2", "").lower(), "m")
    return f"{arguments['1']} {unit}" if arguments.get("1") else ""


def _reading(arguments: Arguments) -> str:
    """Show `漢字（かんじ）` for `{{読み仮名|漢字|かんじ}}`."""
    word, reading = arguments.get("1", ""), arguments.get("2", "")
    return f"{word}（{reading}）" if word and reading else word


def _born_and_died(arguments: Arguments) -> str:
    """Show `（1893年12月26日－1976年9月9日）` for `{{bd|1893年|12月26日|1976年|9月9日}}`."""
    born_year, born, died_year, died = [*rules.positional(arguments), "", "", "", ""][:4]
    return f"（{born_year}{born}－{died_year}{died}）" if born_year or died_year else ""


def _spanish_century(arguments: Arguments) -> str:
    """Show `siglo XVII a. C.` for `{{siglo|XVII|a|s}}`; the word stands only where `s` does."""
    number, era, word = [*rules.positional(arguments), "", "", ""][:3]
    if not number:
        return ""
    eras = {"a": " a. C.", "d": " d. C."}
    return f"{'siglo ' if word.lower() == 's' else ''}{number}{eras.get(era.lower(), '')}"


def _french_century(name: str) -> Rule:
    """Show `XVIIe siècle` for `{{s|XVII|e}}`, and what its variants show for one or two centuries.

    A hyphen behind the name leaves out `siècle`, one before it adds `av. J.-C.`, as `sav` does.
    """
    match = _FRENCH_CENTURY.fullmatch(name)
    before, kind, after = match.groups() if match else ("", "s", "")
    word = "" if after == "-" else " siècles" if kind == "s2" else " siècle"
    era = " av. J.-C." if before or after == "av" else " apr. J.-C." if after == "ap" else ""

    def rule(arguments: Arguments) -> str:
        values = rules.positional(arguments)
        if not values:
            return ""
        first = f"{values[0]}{(values[1] if len(values) > 1 else '') or 'e'}"
        if kind == "s2" and len(values) > 2:
            first += f" et {values[2]}{(values[3] if len(values) > 3 else '') or 'e'}"
        elif kind == "sp" and len(values) > 3:
            first += f" {values[2]} {values[3]}{(values[4] if len(values) > 4 else '') or 'e'}"
        return f"{first}{word}{era}"

    return rule
