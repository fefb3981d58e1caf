"""Compare codes and names of languages with those of Whisper and sentencex."""

import re

import pytest
import sentencex
from transformers.models.whisper.tokenization_whisper import LANGUAGES

from albertlm.corpus.languages import WIKIS, language_name

SPELLED_OTHERWISE = {"mi": "maori", "my": "myanmar", "nn": "nynorsk", "sl": "slovenian"}


def test_names_are_those_of_whisper() -> None:
    ours = {code: language_name(code).lower() for code in LANGUAGES}
    compared = {code: name for code, name in ours.items() if name}
    assert len(compared) > 90
    assert compared == {code: LANGUAGES[code] for code in compared} | {
        code: ours[code] for code in SPELLED_OTHERWISE
    }
    assert {code: LANGUAGES[code] for code in SPELLED_OTHERWISE} == SPELLED_OTHERWISE


@pytest.mark.parametrize(
    ("code", "name"),
    [("de", "German"), (" EN ", "English"), ("sr-Latn", "Serbian"), ("xx", ""), ("", "")],
)
def test_codes_with_scripts_in_any_case(code: str, name: str) -> None:
    assert language_name(code) == name


def test_codes_of_wikis_are_valid_host_names_and_known_to_sentencex() -> None:
    assert len(WIKIS) > 300
    assert {"en", "de", "simple", "zh-min-nan", "be-tarask"} <= WIKIS
    assert not WIKIS & {"", "www", "commons", "file", "category", "wikt", "s"}
    for code in WIKIS:
        assert re.fullmatch("[a-z]{2,}(-[a-z]+)*", code)
        assert sentencex.segment(code, "One. Two.")
