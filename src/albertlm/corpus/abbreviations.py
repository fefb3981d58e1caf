"""Abbreviations after which a sentence goes on, by language, and where sentencex misses an end."""

from __future__ import annotations

import re
from functools import cache

_NAMES = {
    "ar": "أ د",
    "bn": "অধ্যা ড ডা প্রফ মি মো",
    "ca": "av avda carr dr dra mn sr sra srs srta st sta",
    "cs": "dr ing mgr nám prof sv tř ul",
    "da": "dir dr frk hr ing prof sct skt",
    "de": "Dipl Fa Fam Frl Gebr Hptm Hr Hrn Hl Ing Kfm Mag Obltn Prof St Mr Mrs",
    "el": "κ κα κκ δρ καθ αγ",
    "en": "Amb Benj Cdr Chas Cmdr Edw Fr Geo Hon H.M.S Insp Jas Jos Mdm Messrs MM Mgr Mlle "
    "Mme Msgr Pres R.M.S Robt Rt S.S St Ste Supt Thos U.S.S Ven v vs Wm",
    "es": "arq av avda cap cnel D da dña dr dra fr gral ing lic mons pdte prof sgto sr sra sres "
    "srta st sta sto tte v Mr Mrs",
    "fi": "dos fil hra maist prof rva tri",
    "fr": "boul bd capt cdt cne dr fg gal lt MM mgr mlle mme pr prof rte sr st ste vve Mr Mrs",
    "hi": "श्री श्रीमती डॉ डा पं प्रो मो कु स्व इं न्या",
    "hu": "br dr gr id ifj özv prof szt",
    "id": "dr drs h hj ir jl kh ny prof tn",
    "it": "arch avv cap cav col comm cpt dott ing gen geom mons on prof rag sac sig sigg ten",
    "nb": "dir dr frk frøken hr ing prof st",
    "nl": "dhr dr drs ds em ing ir jhr kpt mej mevr mgr mr prof st",
    "pl": "abp al bł bp dr gen hab inż kpt ks mgr m.in mjr np pl płk por prof "
    "rtm św tzn tzw ul zob",
    "pt": "arq av cap cel D des dr dra eng exma exmo gen min mons pe prof profa R S sgt sr sra srs "
    "srta st sta sto ten v Mr Mrs",
    "ro": "acad bd dl dna dr gen ing prof sf str",
    "ru": "акад бул ген гл гр д дер доц инж им кап лейт майор наб обл оз пер пл пос пр "
    "просп проф р св ст т тов ул х ш",
    "sv": "dir dr frk hr ing prof s:t",
    "tr": "Av alb cad doç dr gen hz mah müh op org öğr prof sn sok uzm yrd",
    "uk": "акад бул вул ген гр д доц ім м наб обл оз пл пол пос пр просп проф р св с ст",
    "vi": "ĐĐ ĐH BS GS HT KS LM NS NSND NSƯT PGS PTS Q Th ThS TP Tp TS TT TX",
}  # fmt: skip
"""Abbreviations before names, without their full stop, after which no sentence ends. What stands in
lower case may be capitalised."""

_NUMBERS = {
    "cs": "č čl kap obr odst okr např roč s str sv tab tj tel",
    "da": "art bd ca fig jf kap kl nr pkt s side stk tlf jan feb mar apr aug sept okt nov dec",
    "de": "Abb Abs Anm Art Aufl Az Bd Bde ca Fn H Jg Kap Nr Nrn Rdnr Rn S Tab Tel Teilbd Ziff Jan "
    "Feb Febr Apr Aug Sept Okt Nov Dez",
    "el": "αρ σελ τ τόμ κεφ",
    "en": "app apt approx art bk ca cap cf ch chap chaps chs col ed eds eq eqs est figs fol hom "
    "lib ll no nos op opp par pl pp p pt repr rev sc sec tab trans vol vols Gen Ex Exod Lev Num "
    "Deut Josh Judg Kgs Chr Chron Neh Esth Ps Pss Prov Eccl Isa Jer Lam Ezek Hos Mic Hab Zech Mal "
    "Matt Mt Mk Lk Jn Rom Cor Gal Eph Phil Thess Tit Heb Jas Pet Rev",
    "es": "aprox art arts c ca cap caps fig figs núm núms no pág págs pp p t tel vol vols "
    "ene febr mzo abr jun jul ago sept oct nov dic",
    "fi": "n nro s ks ss vrt",
    "fr": "art chap env éd fig figs fol nos no p pp t tel tél vol janv févr avr juil sept oct nov "
    "déc",
    "hi": "ई.पू ई पृ सं क्र रु",
    "hu": "kb old ún sz évf",
    "id": "hlm hal no th tel",
    "it": "art artt ca cap capp cfr fig figg n nn nr p pag pagg pp sec sez tav tel vol voll gen "
    "feb mar apr giu lug ago set ott nov dic",
    "nb": "art bd ca fig jf kap kl nr pkt s side tlf jan feb mar apr aug sept okt nov des",
    "nl": "afb art blz ca fig hfdst jrg nr nrs p par tel vers jan feb mrt apr aug sept okt nov "
    "dec",
    "pl": "art godz nr ok pkt poz r rozdz rys s str t tab tel ust vol",
    "pt": "aprox art arts c ca cap caps fig figs n núm pág págs p pp séc sécs tel vol jan fev mar "
    "abr jun jul ago set out nov dez",
    "ro": "art cap cca fig nr pag p pp sec tel vol",
    "ru": "авг апр вып гл дек ил кв кн корп мар нояб ноя окт ок пп п прим рис с сен сент стр табл "
    "т фев февр ч ст янв изд тел ред июн июл",
    "sv": "art ca fig jfr kap kl nr s sid tel vol jan feb apr aug sept okt nov dec",
    "tr": "bkz M.Ö M.S İ.Ö İ.S no s ss sy tel yy",
    "uk": "бл вип гл іл кв кн мал п пп прим рис розд с ст стор табл т ч",
    "vi": "tr t",
}  # fmt: skip
"""Abbreviations after which no sentence ends if a number follows, in digits or Roman numerals."""

_RELATED = {
    "be": "uk", "gl": "es", "mr": "hi", "ms": "id", "ne": "hi", "nn": "nb", "no": "nb",
    "simple": "en",
}  # fmt: skip
"""Languages that share the abbreviations of another one."""

_INITIALS = frozenset("be bg ca es fr gl it mk oc pt ro sr uk".split())  # noqa: SIM905
"""Languages in which sentencex splits after the initial of a name."""

_YEARS = {"ru": "гг?|вв?|н\\. ?э", "be": "гг?|ст|н\\. ?э", "uk": "рр?|ст|н\\. ?е"}
_MEASURES = r"[ксдм]?[мг]|мин|час|сек|руб|коп|тыс|млн|млрд|чел|га|т|л|хв|год|грн"
_WORD = r"[«„(\"`]*([А-ЯЁІЇЄҐ][а-яёіїєґ’]*)(?:[^.а-яёіїєґ]|\.?\Z)"
ENDS = {
    language: re.compile(
        rf"(?:(?P<year>[\dIVX]\s?(?:{years}))|(?:\d|тыс\.|млн\.?|млрд\.?) ?(?:{_MEASURES})|"
        rf"\b(?:и|і|та) (?:т\. ?[дп]|др|пр|ін))\. (?={_WORD})"
    )
    for language, years in _YEARS.items()
}
"""Full stops that end a sentence, although sentencex takes them for abbreviations only: of years,
measures and "etc." before a word that begins with a capital letter."""

_BEGINS = frozenset(
    """
    В Во На С Со К По От До После При За Из У О Об Для Он Она Оно Они Это Этот Эта Эти Тогда Там
    Здесь Так Также Но А И Однако Затем Потом Когда Если Его Её Их Все Всё Мы Я Вы Сам
    Від До Після За З У Вона Він Вони Це Тоді Там Тут Але Потім Коли Його Її Їх Усе
    """.split()  # noqa: SIM905
)
"""Words with a capital letter that are no names, and so begin a sentence."""


def goes_on(before: str, after: str, language: str) -> bool:
    """Return whether a sentence goes on after what looks like its end.

    Args:
        before: the end of the text so far, with trailing spaces.
        after: the text that follows.
        language: ISO 639 code.
    """
    text = before.rstrip()
    # in `the end.:p. 175`, a page is cited
    word = text[max(text.rfind(" "), text.rfind(":")) + 1 : -1].lstrip(_OPENING)
    if text[-1] not in ".．" or len(word) > _LONGEST:
        return False
    if "'" in word or "’" in word:
        word = word.replace("’", "'").rpartition("'")[2]
    names, numbers = _words(language)
    if language in ENDS and after.partition(" ")[0] in _BEGINS:
        return False
    if len(word) == 1 and (
        after[0].islower() or (language in _INITIALS and word.isupper() and after[0].isalpha())
    ):
        return True
    return bool(
        word in names
        or (before is text and _INSIDE.search(text))
        or ("-" in word and _HYPHENATED.fullmatch(word))
        or ((word in numbers or _is_money(word, language)) and _NUMBER.match(after))
    )


def missed_ends(text: str, language: str) -> list[int]:
    """Return where sentences end in a piece that sentencex took for one."""
    return [
        match.end()
        for match in ENDS[language].finditer(text)
        # in `В 1812 г. Наполеон`, a name goes on with the sentence
        if not match["year"] or match[2] in _BEGINS or text.count(" ", 0, match.start()) >= 3
    ]


_OPENING = "([{«„“‘’\"'"
_LONGEST = 9
"""The length of the longest word, and of what an apostrophe joins to it."""

_INSIDE = re.compile(r"[A-ZА-Я]\.\Z|[Ａ-Ｚａ-ｚ０-９]．\Z")
"""The end of a part of a run without spaces, such as `N.E.-S.W.`"""

_HYPHENATED = re.compile(r"[^\W\d_]\.-[^\W\d_]")
_SHILLINGS = re.compile(r"\d+[sdl]")
_NUMBER = re.compile(r"\(?\d|[IVXLCDM]+\b")


def _is_money(word: str, language: str) -> bool:
    """Return whether a word is an amount of old English money: `10s. 6d.`"""
    return language == "en" and _SHILLINGS.fullmatch(word) is not None


@cache
def _words(language: str) -> tuple[frozenset[str], frozenset[str]]:
    """Return the abbreviations before names and those before numbers."""
    language = _RELATED.get(language, language)
    names, numbers = (
        frozenset(form for word in table.get(language, "").split() for form in _forms(word))
        for table in (_NAMES, _NUMBERS)
    )
    return names, numbers


def _forms(word: str) -> tuple[str, str]:
    """Return an abbreviation as it stands and capitalised; a capital letter alone is a name."""
    return word, word if len(word) == 1 else word[0].upper() + word[1:]
