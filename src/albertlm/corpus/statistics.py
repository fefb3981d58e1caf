"""A corpus in numbers: counts and distributions of lengths, and a picture of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from math import log2
from pathlib import Path
from typing import TYPE_CHECKING, Any

from albertlm import storage
from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import paragraphs

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LENGTHS = ("words a document", "sentences a document", "words a sentence")
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

_STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.titlelocation": "left",
    "axes.titlesize": 9,
    "grid.color": "#e0e0e0",
    "grid.linewidth": 0.6,
    "svg.fonttype": "none",
    "svg.hashsalt": "albertlm",
}
_BARS, _SPREAD, _LEFT_OUT = "#0072b2", "#d55e00", "#888888"
_PER_OCTAVE = 4
_MOST_SOURCES = 6
_WIDE = 1000
"""From so large a ratio of the ends of an axis on, there is no room for 2 and 5 between powers."""


@dataclass(frozen=True)
class Statistics:
    """Counts over documents of a corpus; they add up over its parts.

    Fields:
        documents, paragraphs, sentences, words, characters: words are what blanks part.
        sources: documents by source.
        lengths: for each of `LENGTHS`, how many lie in each bin of `bin_of`.
    """

    documents: int = 0
    paragraphs: int = 0
    sentences: int = 0
    words: int = 0
    characters: int = 0
    sources: Mapping[str, int] = field(default_factory=dict)
    lengths: Mapping[str, Mapping[int, int]] = field(
        default_factory=lambda: {name: {} for name in LENGTHS}
    )

    def __add__(self, other: Statistics) -> Statistics:
        return Statistics(
            self.documents + other.documents,
            self.paragraphs + other.paragraphs,
            self.sentences + other.sentences,
            self.words + other.words,
            self.characters + other.characters,
            _sum(self.sources, other.sources),
            {name: _sum(self.lengths[name], other.lengths[name]) for name in LENGTHS},
        )

    def quantiles(self, name: str) -> dict[float, int]:
        """For each of `QUANTILES` the length that so large a share does not exceed.

        Exact below 64, at most 3 % too small above; 0 where there is nothing.
        """
        bins = sorted(self.lengths[name].items())
        below = [*accumulate(count for _, count in bins)]
        if not bins:
            return dict.fromkeys(QUANTILES, 0)
        return {share: least(bins[bisect_left(below, share * below[-1])][0]) for share in QUANTILES}

    def to_dict(self) -> dict[str, Any]:
        """All but the bins, for machines."""
        return {
            "documents": self.documents,
            "paragraphs": self.paragraphs,
            "sentences": self.sentences,
            "words": self.words,
            "characters": self.characters,
            "sources": dict(self.sources),
            "quantiles": {name: self.quantiles(name) for name in LENGTHS},
        }


def describe(documents: Iterable[Document]) -> Statistics:
    """Count over documents of a built corpus, in flat memory."""
    counts = Counter[str]()
    sources = Counter[str]()
    lengths = {name: Counter[int]() for name in LENGTHS}
    for document in documents:
        parts = paragraphs(document.text)
        words = [len(sentence.split()) for part in parts for sentence in part]
        sources[document.source] += 1
        counts["documents"] += 1
        counts["paragraphs"] += len(parts)
        counts["sentences"] += len(words)
        counts["words"] += sum(words)
        counts["characters"] += len(document.text)
        lengths["words a document"][bin_of(sum(words))] += 1
        lengths["sentences a document"][bin_of(len(words))] += 1
        lengths["words a sentence"].update(map(bin_of, words))
    return Statistics(**counts, sources=_sum(sources, {}), lengths=lengths)


def bin_of(length: int, per_octave: int = 32) -> int:
    """The bin of a length: `per_octave` (a power of two) for each doubling, and one for each length
    as long as that is fewer.
    """
    shift = max(0, length.bit_length() - per_octave.bit_length())
    return per_octave * shift + (length >> shift)


def least(number: int, per_octave: int = 32) -> int:
    """The least length in a bin."""
    shift = max(0, number // per_octave - 1)
    return (number - per_octave * shift) << shift


def plot(
    statistics: Statistics,
    dropped: Mapping[str, int],
    path: Path,
    fit: Mapping[str, float] | None = None,
) -> None:
    """Draw the three distributions of lengths, and what became of all documents.

    Args:
        statistics: of the corpus.
        dropped: documents left out, by reason.
        path: ends in .png or .svg.
        fit: how a vocabulary fits, by what is measured, for the second line of the title.
    """
    import matplotlib.style
    from matplotlib.figure import Figure

    with matplotlib.style.context(_STYLE):
        figure = Figure(figsize=(10, 6.5), layout="constrained")
        *histograms, outcome = figure.subplots(2, 2).ravel()
        for panel, name in zip(histograms, LENGTHS, strict=True):
            _draw_lengths(panel, statistics, name)
        _draw_outcome(outcome, statistics, dropped)
        title = (
            f"{statistics.documents:,} documents, {statistics.sentences:,} sentences, "
            f"{statistics.words:,} words"
        )
        if fit:
            title += "\n" + ", ".join(f"{name}: {value:.4g}" for name, value in fit.items())
        figure.suptitle(title, x=0.01, ha="left", weight="bold")
        kind = path.suffix.removeprefix(".")
        metadata = {"Date": None} if kind == "svg" else {"Software": None}
        with storage.atomic_path(path) as temporary:
            figure.savefig(temporary, format=kind, dpi=150, metadata=metadata)


def _draw_lengths(panel: Axes, statistics: Statistics, name: str) -> None:
    """Columns over a logarithmic axis, their areas proportional to what they count."""
    from matplotlib.ticker import LogLocator, NullFormatter

    columns = Counter[int]()
    for number, count in statistics.lengths[name].items():
        columns[bin_of(max(1, least(number)), _PER_OCTAVE)] += count
    shown = range(min(columns, default=1), max(columns, default=1) + 1)
    edges = [least(column, _PER_OCTAVE) for column in (*shown, shown.stop)]
    heights = [
        columns[column] / log2(stop / start)
        for column, (start, stop) in zip(shown, pairwise(edges), strict=True)
    ]
    panel.stairs(heights, edges, fill=True, color=_BARS)
    low, _, middle, _, high = statistics.quantiles(name).values()
    panel.axvline(middle, color=_SPREAD, linewidth=1.5)
    panel.axvspan(low, high, color=_SPREAD, alpha=0.12, linewidth=0, zorder=0)
    panel.set_title(f"median {middle:,}; nine in ten from {low:,} to {high:,}")
    panel.set_xscale("log")
    unit = name.rsplit(maxsplit=1)[-1]
    panel.set(xlabel=name, ylabel=f"{unit}s per doubling", xlim=(edges[0], edges[-1]))
    narrow = edges[-1] < _WIDE * edges[0]
    panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if narrow else (1,)))
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.xaxis.set_minor_formatter(NullFormatter())
    panel.yaxis.set_major_formatter("{x:,.0f}")
    panel.grid(axis="y")


def _draw_outcome(panel: Axes, statistics: Statistics, dropped: Mapping[str, int]) -> None:
    """A bar for each source kept and for each reason to leave out."""
    sources = Counter(statistics.sources).most_common()
    bars = [(source, count, _BARS) for source, count in sources[:_MOST_SOURCES]]
    if others := sum(count for _, count in sources[_MOST_SOURCES:]):
        bars.append((f"{len(sources) - _MOST_SOURCES} other sources", others, _BARS))
    bars += [(reason, count, _LEFT_OUT) for reason, count in Counter(dropped).most_common()]
    names, counts, colours = zip(*bars, strict=True) if bars else ((), (), ())
    drawn = panel.barh(range(len(bars)), counts, color=colours)
    panel.bar_label(drawn, [f"{count:,}" for count in counts], padding=3)
    panel.set_yticks(range(len(bars)), names)
    panel.invert_yaxis()
    panel.set(xlabel="documents", xmargin=0.15)
    panel.xaxis.set_major_formatter("{x:,.0f}")
    panel.set_title(f"kept {statistics.documents:,}, left out {sum(dropped.values()):,} (grey)")
    panel.grid(axis="x")


def _sum(one: Mapping[Any, int], other: Mapping[Any, int]) -> dict[Any, int]:
    return dict(sorted((Counter(one) + Counter(other)).items()))
