"""What the wikitext of a wiki depends on: its language, and its names of files and categories."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from albertlm.corpus.languages import WIKIS
from albertlm.corpus.wikitext.numbers import NumberFormat

_CANONICAL = frozenset({"file", "image", "media", "category"})
"""The names that every wiki accepts."""

_HIDDEN_KEYS = ("-2", "6", "14")
"""The keys of Media, File and Category in siteinfo's list of namespaces."""

_TALK = "1"


@dataclass(frozen=True, slots=True)
class Wiki:
    """A wiki.

    Fields:
        language: MediaWiki's code of the wiki's language, or an empty string if it is unknown.
        hidden: the prefixes, in lower case, of links that show no text: files and categories.
    """

    language: str = "en"
    hidden: frozenset[str] = _CANONICAL

    @classmethod
    def of(cls, language: str, names: Mapping[str, str]) -> Wiki:
        """Return the wiki of a dump.

        Args:
            language: the code that the dump states. If it is empty, a wiki that calls its talk
                pages "Talk" counts as English.
            names: maps the key of a namespace in the dump to its local name. Names in MediaWiki's
                own table for the language are known without.
        """
        language = language.strip().replace("_", "-").lower()
        if not language and names.get(_TALK, "Talk") == "Talk":
            language = "en"
        local = {names[key].lower() for key in _HIDDEN_KEYS if names.get(key)}
        return cls(language, _CANONICAL | local | frozenset(_known(language).get("names", ())))

    @property
    def english(self) -> bool:
        """Whether templates show English words."""
        return self.language.partition("-")[0] in {"en", "simple"}

    @property
    def numbers(self) -> NumberFormat:
        """How the wiki writes numbers."""
        return NumberFormat(**{k: v for k, v in _known(self.language).items() if k != "names"})

    def hides(self, target: str) -> bool:
        """Return whether a link to this target shows no text."""
        prefix, colon, _ = target.partition(":")
        if not colon:
            return False
        prefix = prefix.replace("_", " ").strip().lower()
        return prefix in self.hidden or prefix in WIKIS


ENGLISH = Wiki()


def _known(language: str) -> Mapping[str, Any]:
    """Return what is known about a language, or about the one of which it is a variety."""
    known = _languages()
    return known.get(language) or known.get(language.partition("-")[0], {})


@cache
def _languages() -> Mapping[str, Mapping[str, Any]]:
    """Return what `tools/make_wikis.py` wrote: names, and how numbers differ from English ones."""
    text = Path(__file__).with_name("wikis.json").read_text(encoding="utf-8")
    languages: dict[str, dict[str, Any]] = json.loads(text)
    return languages
