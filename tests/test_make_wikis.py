"""The script that reads MediaWiki's message files."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parent.parent

GERMAN = r"""<?php
/** German $namespaceNames = [ NS_FILE => 'No' ]; */
$fallback = 'xx, xy';
$namespaceNames = [
	NS_MEDIA => "Medi\u{0065}n", # NS_FILE => 'No',
	NS_FILE  => 'L\'image_B',
	NS_TALK  => 'Diskussion; // not the end',
];
$namespaceAliases = [ 'Bild' => NS_FILE, "\xc3\xa9" => NS_CATEGORY ];
$separatorTransformTable = [ ',' => "\xc2\xa0", '.' => ',' ];
$minimumGroupingDigits = 2; // as elsewhere
"""


@pytest.fixture(scope="module")
def make_wikis() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_wikis", ROOT / "tools" / "make_wikis.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where dataclasses look for it
    spec.loader.exec_module(module)
    return module


def test_a_message_file(make_wikis: ModuleType) -> None:
    found = make_wikis.parse(GERMAN)
    assert found.fallback == ["xx", "xy"]
    assert found.names == {"Medien", "L'image_B", "Bild", "é"}
    assert found.separators == {",": "\xa0", ".": ","}
    assert (found.least, found.pairs) == (2, None)
    assert make_wikis.parse("<?php\n$digitGroupingPattern = '#,##,##0.###';\n").pairs


def test_fallbacks_and_variants_are_followed(make_wikis: ModuleType) -> None:
    files = {
        "zh": make_wikis.parse("$fallback = 'zh-hans';"),
        "zh-hans": make_wikis.parse("$namespaceNames = [ NS_FILE => 'A_b' ];"),
        "zh-hant": make_wikis.parse("$fallback = 'zh-hans'; $minimumGroupingDigits = 2;"),
        "ltg": make_wikis.parse("$fallback = 'ltg, lv';"),  # in a circle
        "lv": make_wikis.parse("$namespaceAliases = [ 'Attēls' => NS_FILE, 'File' => NS_FILE ];"),
    }
    assert make_wikis.chain("zh", files) == ["zh", "zh-hans", "zh-hant"]
    assert make_wikis.entry("zh", files) == {"names": ["a b"], "least": 2}
    assert make_wikis.entry("ltg", files) == {"names": ["attēls"]}
    assert make_wikis.entry("lv", files) == {"names": ["attēls"]}


def test_the_file_that_ships(make_wikis: ModuleType) -> None:
    languages = json.loads(make_wikis.TARGET.read_text(encoding="utf-8"))
    assert len(languages) > 400
    assert list(languages) == sorted(languages)
    assert languages["bat-smg"] == languages["sgs"]
