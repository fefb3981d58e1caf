"""What a corpus looks like in numbers: counts and distributions of lengths, and a picture of them.

Bins grow by the fourth root of two, so that a quantile is known to 9 % whatever the corpus's size.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from albertlm import storage
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import paragraphs

LENGTHS = ("words a document", "sentences a document", "words a sentence")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

EDGES = 2 ** (np.arange(0, 101) / 4)
"""Of the bins: a length of 1 is in the first, 2^25 and more in the last."""


def _empty() -> dict[str, NDArray[np.int64]]:
    return {name: np.zeros(len(EDGES), np.int64) for name in LENGTHS}


@dataclass(frozen=True)
class Statistics:
    """Counts over documents, which add up.

    Fields:
        documents, paragraphs, sentences, words, characters: words are what blanks part.
        sources: documents by source.
        lengths: for each of `LENGTHS` how many lie in each bin.
    """

    documents: int = 0
    paragraphs: int = 0
    sentences: int = 0
    words: int = 0
    characters: int = 0
    sources: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, NDArray[np.int64]] = field(default_factory=_empty)

    def __add__(self, other: Statistics) -> Statistics:
        sources = dict(self.sources)
        for source, count in other.sources.items():
            sources[source] = sources.get(source, 0) + count
        return Statistics(
            self.documents + other.documents,
            self.paragraphs + other.paragraphs,
            self.sentences + other.sentences,
            self.words + other.words,
            self.characters + other.characters,
            sources,
            {name: self.lengths[name] + other.lengths[name] for name in LENGTHS},
        )

    def quantiles(self, name: str) -> dict[float, float]:
        """Lengths below which the shares `QUANTILES` lie, to the middle of a bin."""
        below = np.cumsum(self.lengths[name])
        if not below[-1]:
            return dict.fromkeys(QUANTILES, 0.0)
        places = np.searchsorted(below, np.array(QUANTILES) * below[-1])
        return {
            share: float(round(EDGES[place] * 2**0.125))
            for share, place in zip(QUANTILES, places, strict=True)
        }

    def to_dict(self) -> dict[str, Any]:
        """All but the bins, for machines."""
        counts = ("documents", "paragraphs", "sentences", "words", "characters")
        return {
            **{name: getattr(self, name) for name in counts},
            "sources": dict(self.sources),
            "quantiles": {name: self.quantiles(name) for name in LENGTHS},
        }


def describe(documents: Iterable[Document]) -> Statistics:
    """Count over documents of a built corpus, in flat memory."""
    total = Statistics()
    sources: dict[str, int] = {}
    lengths = _empty()
    for document in documents:
        parts = paragraphs(document.text)
        words = [len(sentence.split()) for part in parts for sentence in part]
        _count(lengths["words a document"], [sum(words)])
        _count(lengths["sentences a document"], [len(words)])
        _count(lengths["words a sentence"], words)
        sources[document.source] = sources.get(document.source, 0) + 1
        total += Statistics(1, len(parts), len(words), sum(words), len(document.text))
    return total + Statistics(sources=sources, lengths=lengths)


def _count(bins: NDArray[np.int64], values: list[int]) -> None:
    places = np.searchsorted(EDGES, np.maximum(values, 1), side="right") - 1
    np.add.at(bins, places, 1)


def plot(statistics: Statistics, dropped: Mapping[str, int], path: Path) -> None:
    """Draw the three distributions of lengths, and what a build left out, as PNG or SVG.

    Args:
        statistics: of the corpus.
        dropped: documents left out, by reason.
        path: its suffix tells the format.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 7), layout="constrained")
    panels = figure.subplots(2, 2).ravel()
    for panel, name in zip(panels, LENGTHS, strict=False):
        bins = statistics.lengths[name]
        panel.bar(EDGES[:-1], bins[:-1], np.diff(EDGES), align="edge", color="#3b6ea5")
        middle = statistics.quantiles(name)[0.5]
        panel.axvline(middle, color="#c44e52")
        panel.set(xscale="log", xlabel=name, ylabel=f"{name.split(' a ')[1]}s")
        panel.set_title(f"{name}: median {middle:,.0f}", loc="left")
        used = np.flatnonzero(bins)
        if len(used):
            panel.set_xlim(EDGES[used[0]], EDGES[min(used[-1] + 1, len(EDGES) - 1)])
    reasons = sorted(dropped, key=lambda reason: dropped[reason])
    bars = panels[3].barh(reasons, [dropped[reason] for reason in reasons], color="#8c8c8c")
    panels[3].bar_label(bars, fmt="{:,.0f}", padding=3)
    panels[3].set(xlabel="documents", xmargin=0.15)
    panels[3].set_title(
        f"left out: {sum(dropped.values()):,}, kept: {statistics.documents:,}", loc="left"
    )
    for panel in panels:
        panel.spines[["top", "right"]].set_visible(False)
    with storage.atomic_path(path) as temporary, temporary.open("wb") as file:
        figure.savefig(file, format=path.suffix.removeprefix(".") or "png", dpi=120)
