"""How a template's arguments become the text it shows; empty where they do not tell."""

from __future__ import annotations

from collections.abc import Callable

from albertlm.corpus.wikitext.arguments import Arguments, positional

Rule = Callable[[Arguments], str]

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
_UNITS = {
    "km2": "km2", "sqkm": "km2", "sqmi": "sq mi", "sqft": "sq ft", "sqm": "m2", "cuft": "cu ft",
    "acre": "acres", "C": "°C", "F": "°F", "C-change": "°C", "F-change": "°F", "kn": "knots",
    "impgal": "imp gal", "USgal": "US gal", "usgal": "US gal", "inch": "inches", "foot": "feet",
    "mile": "miles", "yard": "yards", "tonne": "tonnes", "LT": "long tons", "ST": "short tons",
    "MT": "tonnes", "kph": "km/h",
}  # fmt: skip
_RANGES = {
    "-": "–", "–": "–", "to": " to ", "to(-)": " to ", "and": " and ", "or": " or ", "by": " by ",
    "x": " × ", "xx": " × ", "×": " × ", "&": " and ", "+/-": " ± ", "±": " ± ",
}  # fmt: skip
_COMPOUNDS = {("ft", "in"), ("foot", "in"), ("st", "lb"), ("lb", "oz"), ("mi", "yd"), ("mi", "ch")}
_CHINESE = {
    "c": "Chinese", "s": "simplified Chinese", "t": "traditional Chinese", "p": "pinyin",
    "w": "Wade–Giles", "j": "Jyutping",
}  # fmt: skip
_ACCIDENTALS = {"flat": "♭", "b": "♭", "sharp": "♯", "#": "♯", "natural": "♮"}


def constant(text: str) -> Rule:
    """The same text whatever the arguments are."""
    return lambda _: text


def argument(*names: str) -> Rule:
    """The first of these arguments that is there."""
    return lambda arguments: next((arguments[name] for name in names if arguments.get(name)), "")


def last(arguments: Arguments) -> str:
    """The last argument without a name."""
    return (positional(arguments) or [""])[-1]


def joined(separator: str, most: int | None = None) -> Rule:
    """All arguments without a name, or the first few."""
    return lambda arguments: separator.join(positional(arguments)[:most])


def block(arguments: Arguments) -> str:
    """A paragraph of its own."""
    return f"\n\n{argument('text', 'quote', 'content', '1')(arguments)}\n\n"


def after(word: str, separator: str = "–") -> Rule:
    """`{{reign|1509|1547}}` is `r. 1509–1547`."""
    return lambda arguments: f"{word} {separator.join(positional(arguments)[:2])}".strip()


def ship(prefix: str) -> Rule:
    """`{{USS|Enterprise|CV-6}}` is `USS Enterprise`; a third argument of 2 leaves only the name."""

    def rule(arguments: Arguments) -> str:
        name = arguments.get("1", "")
        return name if "2" in positional(arguments)[1:] else f"{prefix} {name}".strip()

    return rule


def ship_class(arguments: Arguments) -> str:
    """`{{sclass|Nimitz|aircraft carrier}}` is `Nimitz-class aircraft carrier`."""
    name, kind = arguments.get("1", ""), arguments.get("2", "")
    return f"{name}-class {kind}".strip() if name else ""


def number(value: str) -> str:
    """`2381741.5` is `2,381,741.5`."""
    value = value.strip()
    whole, point, rest = value.partition(".")
    if whole.isascii() and whole.isdecimal() and 3 < len(whole) < 20:
        return f"{int(whole):,}{point}{rest}"
    return value


def first_number(arguments: Arguments) -> str:
    """The first argument as a number."""
    return number(arguments.get("1", ""))


def money(symbol: str) -> Rule:
    """`{{US$|800}}` is `US$800`."""
    return lambda arguments: symbol + first_number(arguments)


def convert(arguments: Arguments) -> str:
    """`{{convert|6|ft|2|in}}` is `6 ft 2 in`, `{{convert|5|to|10|km|mi}}` is `5 to 10 km`."""
    values = positional(arguments)
    if not values:
        return ""
    shown, rest = number(values[0]), values[1:]
    while len(rest) >= 2 and rest[0] in _RANGES:
        shown += _RANGES[rest[0]] + number(rest[1])
        rest = rest[2:]
    if rest:
        shown += f" {_UNITS.get(rest[0], rest[0])}"
    if len(rest) >= 3 and (rest[0], rest[2]) in _COMPOUNDS:
        shown += f" {rest[1]} {rest[2]}"
    return shown


def quantity(arguments: Arguments) -> str:
    """`{{val|5|e=6|u=km}}` is `5×106 km`, the power as `<sup>` gives it."""
    unit = arguments.get("u") or arguments.get("ul") or ""
    power = f"×10{arguments['e']}" if arguments.get("e") else ""
    return f"{first_number(arguments)}{power} {unit}".strip()


def fraction(arguments: Arguments) -> str:
    """`{{frac|2|1|3}}` is `2 1/3`, `{{frac|3}}` is `1/3`."""
    values = positional(arguments)
    if len(values) == 1:
        return f"1/{values[0]}"
    return f"{' '.join(values[:-2])} {'/'.join(values[-2:])}".strip()


def as_of(arguments: Arguments) -> str:
    """`{{as of|2012|5}}` is `As of May 2012`."""
    if arguments.get("alt"):
        return arguments["alt"]
    year, month, day = [*positional(arguments), "", "", ""][:3]
    if month.isascii() and month.isdecimal() and 1 <= int(month) <= 12:
        month = _MONTHS[int(month) - 1]
    words = "Since" if "since" in arguments else "As of"
    words = words.lower() if "lc" in arguments else words
    if day and arguments.get("df", "").lower() == "us":
        return f"{words} {month} {day}, {year}"
    return " ".join(filter(None, (words, day, month, year)))


def old_style(arguments: Arguments) -> str:
    """`{{OldStyleDate|February 2|1905|January 20}}` is `February 2 [O.S. January 20] 1905`."""
    date, year, old = [*positional(arguments), "", "", ""][:3]
    return f"{date} [O.S. {old}] {year}".strip() if old else f"{date} {year}".strip()


def harvard(arguments: Arguments) -> str:
    """`{{harvtxt|Hardy|Wright|1938}}` is `Hardy & Wright (1938)`."""
    *authors, year = positional(arguments) or [""]
    return f"{' & '.join(authors)} ({year})" if authors else year


def japanese(arguments: Arguments) -> str:
    """`{{nihongo|tea ceremony|茶道|sadō}}` is `tea ceremony (茶道, sadō)`."""
    english, *others = positional(arguments)[:4] or [""]
    rest = ", ".join(filter(None, others))
    return f"{english} ({rest})" if english and rest else english or rest


def chinese(arguments: Arguments) -> str:
    """`{{zh|c=花木蘭|p=Huā Mùlán}}` is `Chinese: 花木蘭; pinyin: Huā Mùlán`."""
    given = [(label, arguments[key]) for key, label in _CHINESE.items() if arguments.get(key)]
    if arguments.get("labels") == "no":
        return "; ".join(text for _, text in given)
    return "; ".join(f"{label}: {text}" for label, text in given) or arguments.get("1", "")


def accidental(arguments: Arguments) -> str:
    """`{{music|flat}}` is `♭`."""
    return _ACCIDENTALS.get(arguments.get("1", ""), "")
