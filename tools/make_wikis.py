"""Makes `src/albertlm/corpus/wikitext/wikis.json` from the message files of MediaWiki.

    apt-get download mediawiki && dpkg -x mediawiki_*.deb DIR
    python tools/make_wikis.py DIR/usr/share/mediawiki/languages/messages

The file that ships was made from Debian's package mediawiki 1:1.39.17-1+deb12u2. Only facts are
taken: what each language calls files, media and categories, and how it writes numbers. A language
also has the names of the languages that it falls back to, and of its variants (`zh-hant` of `zh`).
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from albertlm import storage

TARGET = Path(__file__).parents[1] / "src" / "albertlm" / "corpus" / "wikitext" / "wikis.json"
NAMESPACES = ("NS_MEDIA", "NS_FILE", "NS_CATEGORY")
OLD_CODES = {
    "als": "gsw", "bat-smg": "sgs", "be-x-old": "be-tarask", "fiu-vro": "vro", "no": "nb",
    "roa-rup": "rup", "simple": "en", "zh-classical": "lzh", "zh-min-nan": "nan",
    "zh-yue": "yue",
}  # fmt: skip
"""Codes in the addresses of wikis, and MediaWiki's codes for the same languages."""

_TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/|(?://|\#)[^\n]*)"
    r"|'(?P<single>(?:[^'\\]|\\.)*)'"
    r'|"(?P<double>(?:[^"\\]|\\.)*)"'
    r"|(?P<word>\$?\w+)"
    r"|(?P<sign>=>|[^\s])",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(?:u\{([0-9a-fA-F]+)\}|(x[0-9a-fA-F]{2}(?:\\x[0-9a-fA-F]{2})*)|(.))")


@dataclass
class Messages:
    """What a message file says.

    Fields:
        fallback: the languages whose messages stand in for missing ones.
        names: of files, media and categories.
        separators: what stands for the comma between groups of digits and for the decimal point.
        least: the digits that must precede the last three for these to be separated.
        pairs: whether all groups but the last have two digits.
    """

    fallback: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)
    separators: Mapping[str, str] | None = None
    least: int | None = None
    pairs: bool | None = None


def parse(source: str) -> Messages:
    """Return what the assignments of a PHP file say."""
    found = Messages()
    for variable, tokens in assignments(source):
        arrows = [place for place, word in enumerate(tokens) if word == "=>"]
        pairs = [(tokens[place - 1], tokens[place + 1]) for place in arrows]
        match variable:
            case "$fallback":
                found.fallback = [code.strip() for code in tokens[0].split(",")]
            case "$namespaceNames":
                found.names |= {name for key, name in pairs if key in NAMESPACES}
            case "$namespaceAliases":
                found.names |= {name for name, key in pairs if key in NAMESPACES}
            case "$separatorTransformTable" if pairs:
                found.separators = dict(pairs)
            case "$minimumGroupingDigits":
                found.least = int(tokens[0])
            case "$digitGroupingPattern":
                found.pairs = "#,##,##0" in tokens[0]
    return found


def assignments(source: str) -> Iterator[tuple[str, list[str]]]:
    """Yield the variables of a PHP file, each with the tokens of its value."""
    tokens: list[str] = []
    for match in _TOKEN.finditer(source):
        kind, text = match.lastgroup, match[match.lastgroup or 0]
        if kind == "sign" and text == ";":
            if tokens[1:2] == ["="]:
                yield tokens[0], tokens[2:]
            tokens = []
        elif kind == "word" and text == "php":  # of <?php
            tokens = []
        elif kind in {"single", "double"}:
            tokens.append(unescape(text) if kind == "double" else text.replace("\\'", "'"))
        elif kind != "comment":
            tokens.append(text)


def unescape(text: str) -> str:
    """Return what stands between double quotes in PHP, without its escapes."""

    def character(escape: re.Match[str]) -> str:
        code, octets, other = escape.groups()
        if code:
            return chr(int(code, 16))
        return bytes.fromhex(re.sub(r"\\?x", "", octets)).decode() if octets else str(other)

    return _ESCAPE.sub(character, text)


def chain(code: str, files: Mapping[str, Messages]) -> list[str]:
    """Return a language, its variants, and the languages that each of them falls back to."""
    found: list[str] = []
    waiting = [code, *(other for other in sorted(files) if other.startswith(f"{code}-"))]
    while waiting:
        each = waiting.pop(0)
        if each in files and each not in found:
            found.append(each)
            waiting[:0] = files[each].fallback
    return found


def entry(code: str, files: Mapping[str, Messages]) -> dict[str, object]:
    """Return what ships about a language; what it writes as in English is left out."""
    languages = [files[each] for each in chain(code, files)]
    names = {name.replace("_", " ").lower() for each in languages for name in each.names}
    numbers = [each for each in languages if each.separators]
    separators = numbers[0].separators or {} if numbers else {}
    found: dict[str, object] = {
        "names": sorted(names - {"file", "image", "media", "category"}),
        "group": separators.get(",", ","),
        "decimal": separators.get(".", "."),
        "least": next((each.least for each in languages if each.least), 1),
        "pairs": next((each.pairs for each in languages if each.pairs is not None), False),
    }
    english = {"names": [], "group": ",", "decimal": ".", "least": 1, "pairs": False}
    return {key: value for key, value in found.items() if value != english[key]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("messages", type=Path, help="the folder with MessagesDe.php and others")
    folder = parser.parse_args().messages
    files = {
        path.stem.removeprefix("Messages").replace("_", "-").lower(): parse(
            path.read_text(encoding="utf-8")
        )
        for path in sorted(folder.glob("Messages*.php"))
    }
    if not files:
        parser.error(f"{folder} holds no Messages*.php; give MediaWiki's languages/messages")
    entries = {code: entry(code, files) for code in files}
    entries |= {old: entries[new] for old, new in OLD_CODES.items() if new in entries}
    lines = (
        f"{json.dumps(code)}: {json.dumps(values, ensure_ascii=False, separators=(',', ':'))}"
        for code, values in sorted(entries.items())
        if values
    )
    with storage.atomic_path(TARGET) as temporary:
        temporary.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"written to {TARGET}")


if __name__ == "__main__":
    main()
