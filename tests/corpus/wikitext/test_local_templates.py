"""Test the text of templates that only some wikis have."""

import pytest

from albertlm.corpus.wikitext import Wiki, extract
from albertlm.corpus.wikitext.local_templates import local


def shown(language: str, wikitext: str) -> str:
    return extract(f"A {wikitext} b.", wiki=Wiki.of(language, {}))


def test_names_are_those_after_normalization_and_the_english_wikipedia_has_none() -> None:
    assert local(Wiki.of("en", {})) == {}
    for language in ("cs", "de", "es", "fi", "fr", "it", "ja", "nl", "pl", "pt", "ru", "zh"):
        names = local(Wiki.of(language, {})).keys()
        assert names
        assert {name for name in names if name != " ".join(name.lower().split())} == set()


@pytest.mark.parametrize(
    ("language", "wikitext", "expected"),
    [
        # prose that lacks a source, or is unclear
        ("it", "{{cn|senza fonte}}", "A senza fonte b."),
        ("it", "{{Citazione necessaria|un fatto}}", "A un fatto b."),
        ("fr", "{{Référence nécessaire|un fait|date=mai}}", "A un fait b."),
        ("ja", "{{要出典範囲|事実|date=2020年}}", "A 事実 b."),
        ("ru", "{{Нет АИ 2|утверждение|12|05|2010}}", "A утверждение b."),
        ("es", "{{cita requerida|un hecho}}", "A un hecho b."),
        ("nl", "{{Bron?|een feit|2010|01|01}}", "A een feit b."),
        # dates and centuries
        ("fr", "{{s|XVII|e}}", "A XVIIe siècle b."),
        ("fr", "{{-s-|V|e}}", "A Ve av. J.-C. b."),
        ("fr", "{{sap|I|er}}", "A Ier siècle apr. J.-C. b."),
        ("fr", "{{s2|XVI|e|XVII|e}}", "A XVIe et XVIIe siècles b."),
        ("fr", "{{sp|XVI|e|au|XVII|e}}", "A XVIe au XVIIe siècle b."),
        ("fr", "{{date|14|juillet|1789}}", "A 14 juillet 1789 b."),
        ("fr", "{{1er}} XIX{{e}}", "A 1er XIXe b."),
        ("es", "{{siglo|XVII||s}}", "A siglo XVII b."),
        ("es", "{{siglo|II|a}}", "A II a. C. b."),
        ("es", "{{fecha|14|7|1789}}", "A 14 de julio de 1789 b."),
        ("pt", "{{séc|XVII}}", "A século XVII b."),
        ("zh", "{{bd|1893年|12月26日|1976年|9月9日}}", "A （1893年12月26日－1976年9月9日） b."),
        # quotations, links and foreign words
        ("fr", "{{citation|l'âge d'or}}", "A « l'âge d'or » b."),
        ("de", "{{Zitat|Worte.|Autor}}", "A\nWorte.\nb."),
        ("ja", "{{仮リンク|首都|en|Capital}}", "A 首都 b."),
        ("ja", "{{仮リンク|首都|en|Capital|label=都}}", "A 都 b."),
        ("ru", "{{не переведено 5|Статья|статьи|en|Article}}", "A статьи b."),
        ("ru", "{{нп5|Статья||en|Article}}", "A Статья b."),
        ("zh", "{{link-en|首都|Capital}}", "A 首都 b."),
        ("zh", "{{tsl|en|Capital|首都}}", "A 首都 b."),
        ("ja", "{{読み仮名|漢字|かんじ}}", "A 漢字（かんじ） b."),
        ("fi", "{{k-en|word}}", "A word b."),
        ("fr", "{{lien|trad=X|fr=Y}}", "A Y b."),
        # measures
        ("de", "{{Höhe|1234|DE-NHN}}", "A 1234 m ü. NHN b."),
        ("fr", "{{unité|1234.5|km}}", "A 1 234,5 km b."),
        ("ru", "{{число|12345}}", "A 12 345 b."),
        ("cs", "{{km|5}}", "A 5 km b."),
        ("it", "{{M|5|u=km}}", "A 5 km b."),
        ("sv", "{{formatnum:3003.5}}", "A 3 003,5 b."),
        ("de", "{{formatnum:1,234.5|R}} {{formatnum:12345|NOSEP}}", "A 1234.5 12345 b."),
    ],
)
def test_templates_that_show_text(language: str, wikitext: str, expected: str) -> None:
    assert shown(language, wikitext) == expected


@pytest.mark.parametrize(
    ("language", "wikitext"),
    [
        ("en", "{{s|XVII|e}}"), ("en", "{{cn|date=May 2010}}"), ("en", "{{citation|title=x}}"),
        ("it", "{{s}}"), ("fr", "{{s}}"), ("ja", "{{要出典範囲}}"), ("de", "{{höhe}}"),
        ("es", "{{siglo}}"), ("zh", "{{bd}}"), ("ja", "{{読み仮名}}"),
    ],
)  # fmt: skip
def test_templates_without_text(language: str, wikitext: str) -> None:
    assert shown(language, wikitext) == "A b."
