"""What the prefix of a link says: a file, a category, another language, or nothing special."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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

_LANGUAGES = frozenset(
    """
    aa ab ace ady af ak als alt am ami an ang ann anp ar arc ary arz as ast atj av avk awa ay az azb
    ba ban bar bat-smg bbc bcl bdr be be-tarask be-x-old bew bg bh bi bjn blk bm bn bo bpy br bs btm
    bug bxr ca cbk-zam cdo ce ceb ch cho chr chy ckb co cr crh cs csb cu cv cy da dag de dga din diq
    dsb dtp dty dv dz ee el eml en eo es et eu ext fa fat ff fi fiu-vro fj fo fon fr frp frr fur fy
    ga gag gan gcr gd gl glk gn gom gor got gpe gsw gu guc gur guw gv ha hak haw he hi hif ho hr hsb
    ht hu hy hyw hz ia iba id ie ig igl ii ik ilo inh io is it iu ja jam jbo jv ka kaa kab kbd kbp
    kcg kg kge ki kj kk kl km kn ko koi kr krc ks ksh ku kus kv kw ky la lad lb lbe lez lfn lg li
    lij lld lmo ln lo lrc lt ltg lv lzh mad mai map-bms mdf mg mh mhr mi min mk ml mn mni mnw mo mos
    mr mrj ms mt mus mwl my myv mzn na nah nan nap nds nds-nl ne new ng nia nl nn no nov nqo nr nrm
    nso nv ny oc olo om or os pa pag pam pap pcd pcm pdc pfl pi pih pl pms pnb pnt ps pt pwn qu rm
    rmy rn ro roa-rup roa-tara rsk ru rue rup rw sa sah sat sc scn sco sd se sg sgs sh shi shn si
    simple sk skr sl sm smn sn so sq sr srn ss st stq su sv sw syl szl szy ta tay tcy tdd te tet tg
    th ti tig tk tl tly tn to tpi tr trv ts tt tum tw ty tyv udm ug uk ur uz ve vec vep vi vls vo
    vro wa war wo wuu xal xh xmf yi yo yue za zea zgh zh zh-classical zh-min-nan zh-yue zu
    """.split()  # noqa: SIM905  one to a line would take five pages
)
"""Codes of Wikipedias, from https://meta.wikimedia.org/wiki/List_of_Wikipedias."""


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
        return prefix in self.hidden or prefix in _LANGUAGES


ENGLISH = Namespaces()
