"""Sentence boundaries: albertlm's splitter against sentencex alone, on the dev sets of treebanks.

The sentences of Universal Dependencies treebanks (English-EWT, the others GSD) are joined five at a
time, by a space except in Chinese, and split again; in English only those of one paragraph are
joined. F1 is that of the boundaries between them. Many boundaries cannot be found: headings and
list items without a stop, and sentences that semicolons separate.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate

import sentencex

import common
from albertlm.corpus.sentences import split_sentences

LANGUAGES = ("de", "en", "es", "fr", "pt", "ru", "zh")
JOINED = 5

Splitter = Callable[[str, str], Sequence[str]]


def main() -> None:
    common.require_data(common.DATA / "sentences")
    measurements = {
        language: {
            "boundaries": sum(len(sentences) - 1 for sentences in parts(language)),
            "F1 of albertlm": f1(language, albertlm),
            "F1 of sentencex": f1(language, sentencex_alone),
        }
        for language in LANGUAGES
    }
    print(json.dumps(measurements, indent=2))
    common.record("sentences", measurements, ["sentencex"])


def albertlm(text: str, language: str) -> Sequence[str]:
    return [sentence for part in split_sentences(text, language) for sentence in part]


def sentencex_alone(text: str, language: str) -> Sequence[str]:
    return list(sentencex.segment(language, text))


def parts(language: str) -> Iterator[list[str]]:
    """Yield the sentences of each text to be split."""
    text = (common.DATA / "sentences" / f"{language}.txt").read_text(encoding="utf-8")
    for paragraph in text.strip().split("\n\n"):
        sentences = [line.strip() for line in paragraph.split("\n")]
        for start in range(0, len(sentences), JOINED):
            yield sentences[start : start + JOINED]


def f1(language: str, split: Splitter) -> float:
    right = wanted = found = 0
    for sentences in parts(language):
        text = ("" if language == "zh" else " ").join(sentences)
        gold, given = boundaries(sentences), boundaries(split(text, language))
        right += len(gold & given)
        wanted += len(gold)
        found += len(given)
    return round(2 * right / (wanted + found), 4)


def boundaries(sentences: Sequence[str]) -> set[int]:
    """Return the places between sentences, in characters that are not white space."""
    lengths = (len("".join(sentence.split())) for sentence in sentences)
    return {*accumulate(lengths)} - {sum(len("".join(sentence.split())) for sentence in sentences)}


if __name__ == "__main__":
    main()
