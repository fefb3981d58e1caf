"""Recognise disambiguation pages."""

from __future__ import annotations

import re

_TEMPLATES = frozenset({
    # English, and wikis that use its names
    "disambig", "disambiguation", "disamb", "dab", "disambig-cleanup", "disambiguation cleanup",
    "hndis", "hndis-cleanup", "geodis", "geodab", "numberdis", "letterdis", "mathdab", "roaddis",
    "schooldis", "hospitaldis", "callsigndis", "wp-disambig", "mil-unit-dis", "tndis",
    # other large Wikipedias
    "begriffsklärung", "homonymie", "desambiguación", "desambiguació", "desambiguação",
    "disambigua", "dp", "doorverwijspagina", "ujednoznacznienie", "неоднозначность",
    "багатозначність", "пояснение", "неадназначнасць", "вишезначна одредница", "вишезначна",
    "aimai", "曖昧さ回避", "人名の曖昧さ回避", "地名の曖昧さ回避", "消歧义", "消歧義", "消歧義頁",
    "förgrening", "grensida", "förgreningssida", "peker", "pekerside", "flertydig",
    "täsmennyssivu", "rozcestník", "rozlišovacia stránka", "egyért", "egyértelműsítő lap",
    "anlam ayrımı", "توضيح", "ابهام‌زدایی", "פירושונים", "동음이의", "trang định hướng",
    "định hướng", "dezambiguizare", "αποσαφήνιση", "razdvojba", "argipen", "razločitev",
    "täpsustus", "nuorodinis", "nuorodinis straipsnis", "nozīmju atdalīšana", "apartigilo",
    "discretiva", "แก้กำกวม", "बहुविकल्पी", "বহুনির্দেশক", "բազմիմաստություն",
})  # fmt: skip
_ENDINGS = (" disambiguation", " disambig", " dab")
_NAME = re.compile(r"\{\{\s*+([^{}|<>\n]{1,60}+)")
_SWITCH = "__DISAMBIG__"


def is_disambiguation(wikitext: str, title: str) -> bool:
    """Return whether a page is marked as a disambiguation page.

    The mark can be in the title, the switch `__DISAMBIG__`, or a template of any large Wikipedia.
    """
    if title.endswith("(disambiguation)") or _SWITCH in wikitext:
        return True
    names = (name.replace("_", " ").strip().lower() for name in _NAME.findall(wikitext))
    return any(name in _TEMPLATES or name.endswith(_ENDINGS) for name in names)
