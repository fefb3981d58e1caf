"""What the prefix of a link says: a file, a category, another language, or nothing special."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from albertlm.corpus.wikitext.languages import WIKIS

_HIDDEN = frozenset({
    "file", "image", "media", "category",  # the canonical names, good on every wiki
    # former names of File, which siteinfo does not list and old pages still use
    "bild", "imagen", "immagine", "imagem", "afbeelding", "grafika", "изображение", "зображення",
    "画像", "그림", "图像", "圖像", "hình", "kép", "resim", "soubor", "obrázek", "kuva", "fil",
    "תמונה", "صورة", "تصویر",
})  # fmt: skip
_HIDDEN_KEYS = ("-2", "6", "14")
"""Media, File and Category in siteinfo's list of namespaces."""

_TALK = "1"


@dataclass(frozen=True, slots=True)
class Namespaces:
    """What a wiki calls its namespaces.

    Fields:
        hidden: prefixes, in lower case, of links that show no text on the page: files, categories.
        english: whether the wiki is in English, so that templates name languages in English.
    """

    hidden: frozenset[str] = _HIDDEN
    english: bool = True

    @classmethod
    def from_siteinfo(cls, names: Mapping[str, str]) -> Namespaces:
        """The namespaces of a dump.

        Args:
            names: the number of a namespace, as in the dump, to its local name.
        """
        local = {names[key].lower() for key in _HIDDEN_KEYS if names.get(key)}
        return cls(_HIDDEN | local, english=names.get(_TALK, "Talk") == "Talk")

    def hides(self, target: str) -> bool:
        """Whether a link to this target shows nothing where it stands."""
        prefix, colon, _ = target.partition(":")
        if not colon:
            return False
        prefix = prefix.replace("_", " ").strip().lower()
        return prefix in self.hidden or prefix in WIKIS


ENGLISH = Namespaces()
