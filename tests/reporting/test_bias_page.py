"""The page of an audit: self-contained, with everything that belongs under a number."""

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from albertlm.reporting.audit import Audit
from albertlm.reporting.bias_page import page, write_page

EFFECT = {"value": 0.1, "low": 0.05, "high": 0.2, "p": 0.1, "n": 2, "clusters": 2, "ties": 0}


MADE = {"engine": "numpy", "dtype": "float32", "data": {"<d>.csv": "2" * 64}}


class Parser(HTMLParser):
    """Collects the tags, and what they load."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loaded: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "path", "use"):
            self.open.append(tag)
        self.loaded += [str(value) for name, value in attrs if name in ("src", "href")]

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open:
            assert self.open.pop() == tag


@pytest.fixture
def swapped_found() -> dict[str, Any]:
    effects = {
        "signed": EFFECT,
        "absolute": EFFECT,
        "flips": EFFECT,
        "differences": [0.1, -0.2],
        "less_control": None,
    }
    change = {"source": "sentences", "first": "He <left>.", "second": "She <left>."}
    numbers = {"p_first": 0.9, "p_second": 0.8}
    predicted = {"predicted_first": "positive", "predicted_second": "positive"}
    gap = {"label": "positive", "first": "m", "second": "f"}
    rates = {"true_positive": EFFECT, "false_positive": EFFECT}
    return {
        "label": "positive",
        "groups": ["male", "female"],
        "effects": {"sentences": effects, "templates": {**effects, "signed": None}},
        "changes": [{**change, **numbers, **predicted}],
        "gaps": [{**gap, **rates}],
        "gap": {"m less f": 1.5},
        "control": None,
        "accuracy": {},
        **MADE,
        "skipped": ["3 texts without a word of either group"],
        "caution": "One seed.",
    }


@pytest.fixture
def probe_found(pairs_found: dict[str, Any]) -> dict[str, Any]:
    fills = {
        "man": [{"token_str": "clerk", "score": 0.5}, {"token_str": "king", "score": 0.2}],
        "woman": [{"token_str": "nurse", "score": 0.4}, {"token_str": "clerk", "score": 0.1}],
    }
    return {
        "fills": [
            {"template": "The {group} is a [MASK].", "group": group, "fills": of_group}
            for group, of_group in fills.items()
        ],
        "words": [
            {"word": "nurse", "increased": {"man": -0.5, "woman": 0.5}, "rating": -0.9},
            {"word": "clerk", "increased": {"man": 0.5, "woman": 0.25}, "rating": None},
        ],
        "correlations": [
            {"first": "man", "second": "woman", "pearson": EFFECT, "spearman": EFFECT}
        ],
        "comparisons": [
            {
                "first": "man",
                "second": "woman",
                "bias": EFFECT,
                "overlap": 0.25,
                "divergence": 0.125,
                "effect_size": None,
                "p_of_lists": None,
            }
        ],
        **MADE,
        "validity": pairs_found["validity"],
        "skipped": [],
        "caution": "A handful of templates.",
    }


def test_a_page_has_all_that_belongs_under_a_number(
    tmp_path: Path,
    pairs_found: dict[str, Any],
    probe_found: dict[str, Any],
    swapped_found: dict[str, Any],
) -> None:
    tests = {
        "probe": probe_found,
        "crows-pairs": pairs_found,
        "counterfactual": swapped_found,
    }
    path = write_page(tmp_path, Audit("<me>", "0" * 64, tests))
    text = path.read_text(encoding="utf-8")
    assert text == page(Audit("<me>", "0" * 64, tests))
    parser = Parser()
    parser.feed(text)
    assert parser.open == []
    assert all(name.startswith("#") for name in parser.loaded)  # nothing from elsewhere
    assert "<h1>Bias of &lt;me&gt;</h1>" in text
    assert "too weak to interpret" in text
    assert "<td class=n>30.0</td>" in text
    assert "<td class=n>0.250</td><td class=n>0.125</td><td class=n>–</td>" in text
    assert "&lt;d&gt;.csv (SHA-256 <code>2222222222222222…</code>)" in text
    assert "more stereotyping</th>" in text
    assert text.count("Blodgett et al. (2021)") == len(tests)
    assert '<span class="both">clerk</span> 0.500' in text
    assert "<span>king</span> 0.200" in text
    # sentences of others are escaped, and shown only when asked for
    warned = re.findall(r"<details><summary>[^<]*offensive[^<]*</summary>.*?</details>", text)
    assert any("They &lt;b&gt;left&lt;/b&gt;." in each for each in warned)
    assert any("He &lt;left&gt;." in each for each in warned)
    assert "3 texts without a word of either group" in text
    assert "carried over from pretraining was not tested" in text
    assert "m less f: 1.50" in text


def test_a_page_with_a_control(swapped_found: dict[str, Any]) -> None:
    for effects in swapped_found["effects"].values():
        effects["less_control"] = {"signed": None, "absolute": EFFECT}
        effects["differences"] = []
    accuracy = {"accuracy": 51.0, "majority": 50.0, "n": 100}
    known = {
        "model": {**accuracy, "verdict": "above the floor"},
        "control": {**accuracy, "verdict": "too weak to interpret"},
    }
    found = {**swapped_found, "control": "runs/<c>", "accuracy": known}
    text = page(Audit("m", None, {"counterfactual": found}))
    assert "was not tested" not in text
    assert "<td>control</td><td class=n>51.0</td><td class=n>50.0</td><td class=n>100</td>" in text
    # a comparison with a control that has learned nothing is too weak, the model is not
    readings = re.findall(
        r"<tr><td>absolute change( less[^<]*)?</td>.*?<td>([^<]*)</td></tr>", text
    )
    assert {reading for less, reading in readings if less} == {"too weak to interpret"}
    assert {reading for less, reading in readings if not less} == {"above the floor"}
    assert "<code>runs/&lt;c&gt;</code>" in text
    assert "absolute change less the control&#x27;s" in text
