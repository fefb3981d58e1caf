"""Parse a template's arguments, and turn them into the text that it shows.

The text is empty if required arguments are missing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence

Arguments = Mapping[str, str]
"""Arguments by name; unnamed arguments are called `1`, `2` and so on."""

Rule = Callable[[Arguments], str]

Number = Callable[[str], str]
"""Writes a number as the wiki does."""

_MARK = re.compile(r"\[\[|-\{|\]\]|\}-|\|")
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


def parse_arguments(content: str) -> Arguments:
    """Return the arguments of a template, without surrounding whitespace.

    Args:
        content: what is between the template's braces, with inner templates already expanded.
            Vertical bars within links or `-{…}-` do not separate arguments.
    """
    arguments = {}
    position = 0
    for part in _parts(content)[1:]:
        name, equals, value = part.partition("=")
        if equals and not any(char in name for char in "<[{"):
            arguments[name.strip()] = value.strip()
        else:
            position += 1
            arguments[str(position)] = part.strip()
    return arguments


def _parts(content: str) -> list[str]:
    if "[[" not in content and "-{" not in content:
        return content.split("|")
    parts = []
    depth = start = 0
    for mark in _MARK.finditer(content):
        if mark[0] != "|":
            depth = max(depth + (1 if mark[0] in {"[[", "-{"} else -1), 0)
        elif depth == 0:
            parts.append(content[start : mark.start()])
            start = mark.end()
    return [*parts, content[start:]]


def positional(arguments: Arguments) -> list[str]:
    """Return the arguments `1`, `2` and so on, up to the first that is missing."""
    values: list[str] = []
    while (value := arguments.get(str(len(values) + 1))) is not None:
        values.append(value)
    return values


def constant(text: str) -> Rule:
    """Show the same text for all arguments."""
    return lambda _: text


def argument(*names: str) -> Rule:
    """Show the first of these arguments that is not empty."""
    return lambda arguments: next((arguments[name] for name in names if arguments.get(name)), "")


def last(arguments: Arguments) -> str:
    """Show the last unnamed argument."""
    return (positional(arguments) or [""])[-1]


def joined(separator: str, most: int | None = None) -> Rule:
    """Show all unnamed arguments, or the first few, joined by a separator."""
    return lambda arguments: separator.join(positional(arguments)[:most])


def block(arguments: Arguments) -> str:
    """Show a separate paragraph."""
    return f"\n\n{argument('text', 'quote', 'content', '1')(arguments)}\n\n"


def after(word: str, separator: str = "–") -> Rule:
    """Show `r. 1509–1547` for `{{reign|1509|1547}}`."""
    return lambda arguments: f"{word} {separator.join(positional(arguments)[:2])}".strip()


def ship(prefix: str) -> Rule:
    """Show `USS Enterprise` for `{{USS|Enterprise|CV-6}}`; a third argument of 2 omits `USS`."""

    def rule(arguments: Arguments) -> str:
        name = arguments.get("1", "")
        return name if "2" in positional(arguments)[1:] else f"{prefix} {name}".strip()

    return rule


def ship_class(arguments: Arguments) -> str:
    """Show `Nimitz-class aircraft carrier` for `{{sclass|Nimitz|aircraft carrier}}`."""
    name, kind = arguments.get("1", ""), arguments.get("2", "")
    return f"{name}-class {kind}".strip() if name else ""


def first_number(number: Number) -> Rule:
    """Show the first argument as a number."""
    return lambda arguments: number(arguments.get("1", ""))


def money(symbol: str, number: Number) -> Rule:
    """Show `US$800` for `{{US$|800}}`."""
    return lambda arguments: symbol + number(arguments.get("1", ""))


def convert(number: Number) -> Rule:
    """Show `6 ft 2 in` for `{{convert|6|ft|2|in}}`, `5 to 10 km` for `{{convert|5|to|10|km}}`."""

    def rule(arguments: Arguments) -> str:
        values = positional(arguments)
        if not values:
            return ""
        shown, rest = _range(values, number)
        if rest:
            shown += f" {_UNITS.get(rest[0], rest[0])}"
        if len(rest) >= 3 and (rest[0], rest[2]) in _COMPOUNDS:
            shown += f" {rest[1]} {rest[2]}"
        return shown

    return rule


def quantity(number: Number) -> Rule:
    """Show `879.6±0.8 s` for `{{val|879.6|0.8|u=s}}`; an exponent is plain text, as in `5×106`.

    With two uncertainties, these are an upper and a lower one.
    """

    def rule(arguments: Arguments) -> str:
        values = positional(arguments)
        if not values:
            return ""
        shown, errors = _range(values, number)
        errors = [number(error.lstrip("+-−")) for error in errors if error]
        if len(errors) == 2:
            shown += f"+{errors[0]}−{errors[1]}"
        elif errors:
            shown += f"±{errors[0]}"
        power = arguments.get("e", "")
        if power and errors:
            shown = f"({shown})"
        unit = arguments.get("u") or arguments.get("ul") or ""
        return f"{shown}{f'×10{power}' if power else ''} {unit}".strip()

    return rule


def _range(values: list[str], number: Number) -> tuple[str, list[str]]:
    """Return a number or range at the beginning of arguments as text, and the other arguments."""
    shown, rest = number(values[0]), values[1:]
    while len(rest) >= 2 and rest[0] in _RANGES:
        shown += _RANGES[rest[0]] + number(rest[1])
        rest = rest[2:]
    return shown, rest


def fraction(arguments: Arguments) -> str:
    """Show `2 1/3` for `{{frac|2|1|3}}` and `1/3` for `{{frac|3}}`."""
    values = positional(arguments)
    if len(values) == 1:
        return f"1/{values[0]}"
    return f"{' '.join(values[:-2])} {'/'.join(values[-2:])}".strip()


def around(before: str, after: str = "") -> Rule:
    """Show the first argument between two texts."""
    return lambda arguments: f"{before}{arguments['1']}{after}" if arguments.get("1") else ""


def date(months: Sequence[str], separator: str = " ") -> Rule:
    """Show `14 juillet 1789` for `{{date|14|7|1789}}` or `{{date|14|juillet|1789}}`."""

    def rule(arguments: Arguments) -> str:
        parts = positional(arguments)[:3]
        if len(parts) > 1 and parts[1].isascii() and parts[1].isdecimal():
            month = int(parts[1])
            parts[1] = months[month - 1] if 1 <= month <= len(months) else ""
        return separator.join(filter(None, parts))

    return rule


def as_of(arguments: Arguments) -> str:
    """Show `As of May 2012` for `{{as of|2012|5}}`."""
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
    """Show `May 2 [O.S. April 19] 1905` for `{{OldStyleDate|May 2|1905|April 19}}`."""
    date, year, old = [*positional(arguments), "", "", ""][:3]
    return f"{date} [O.S. {old}] {year}".strip() if old else f"{date} {year}".strip()


def harvard(arguments: Arguments) -> str:
    """Show `Hardy & Wright (1938)` for `{{harvtxt|Hardy|Wright|1938}}`."""
    *authors, year = positional(arguments) or [""]
    return f"{' & '.join(authors)} ({year})" if authors else year


def japanese(arguments: Arguments) -> str:
    """Show `tea ceremony (茶道, sadō)` for `{{nihongo|tea ceremony|茶道|sadō}}`."""
    english, *others = positional(arguments)[:4] or [""]
    rest = ", ".join(filter(None, others))
    return f"{english} ({rest})" if english and rest else english or rest


def chinese(*, labelled: bool) -> Rule:
    """Show `Chinese: 花木蘭; pinyin: Huā Mùlán` for `{{zh|c=花木蘭|p=Huā Mùlán}}`."""

    def rule(arguments: Arguments) -> str:
        given = [(label, arguments[key]) for key, label in _CHINESE.items() if arguments.get(key)]
        if not labelled or arguments.get("labels") == "no":
            return "; ".join(text for _, text in given) or arguments.get("1", "")
        return "; ".join(f"{label}: {text}" for label, text in given) or arguments.get("1", "")

    return rule


def accidental(arguments: Arguments) -> str:
    """Show `♭` for `{{music|flat}}`."""
    return _ACCIDENTALS.get(arguments.get("1", ""), "")
