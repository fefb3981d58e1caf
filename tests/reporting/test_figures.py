"""Figures are the same bytes for the same content, and hold the words that they should."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.style
import pytest
from matplotlib.figure import Figure

from albertlm.corpus.documents import Document
from albertlm.corpus.sentences import join_sentences
from albertlm.corpus.statistics import describe
from albertlm.reporting import figures
from albertlm.reporting.figures import (
    COLOURS,
    STYLE,
    draw_corpus,
    draw_precision_recall,
    save_figure,
)
from albertlm.tasks.squad_v2 import PrecisionRecall

Parts = Sequence[Sequence[int]]


def document(number: int, parts: Parts, source: str = "s") -> Document:
    """Return a document whose sentences have the given numbers of words."""
    sentences = [[" ".join(["word"] * words) for words in part] for part in parts]
    return Document(id=str(number), source=source, text=join_sentences(sentences))


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_the_picture(tmp_path: Path, suffix: str) -> None:
    corpus = [document(n, [[n % 30 + 6] * 3], f"source {n % 9}") for n in range(200)]
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for path in paths:
        draw_corpus(
            describe(corpus), {"too short": 7, "near copy": 2}, path, {"tokens a word": 1.25}
        )
    assert paths[0].read_bytes() == paths[1].read_bytes()
    if suffix == ".svg":
        drawn = paths[0].read_text()
        for words in ("200 documents", "kept 200, left out 9", "3 other sources", "near copy"):
            assert words in drawn
        assert "tokens a word: 1.25" in drawn
        assert "mathdefault" not in drawn  # no labels such as `2 × 10¹` between powers of ten


@pytest.mark.parametrize("count", [1, 3, 6, 12])
def test_counts_on_axes_are_integers(
    tmp_path: Path, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    save = figures.save_figure

    def recorded(figure: Figure, path: Path) -> None:
        drawn.append(figure)
        save(figure, path)

    monkeypatch.setattr(figures, "save_figure", recorded)
    draw_corpus(describe([document(n, [[n + 1]]) for n in range(count)]), {}, tmp_path / "a.png")
    axes = [panel.yaxis for panel in drawn[0].axes[:-1]] + [drawn[0].axes[-1].xaxis]
    for axis in axes:
        places = axis.get_majorticklocs()
        assert [float(place).is_integer() for place in places] == [True] * len(places)
        texts = [label.get_text() for label in axis.get_ticklabels()]
        assert len(set(texts)) == len(texts)


def test_a_picture_of_one_document(tmp_path: Path) -> None:
    draw_corpus(describe([document(0, [[1]])]), {}, tmp_path / "one.png")
    assert (tmp_path / "one.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_a_saved_figure_does_not_depend_on_the_time(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{name}{suffix}" for name in ("one", "two")]
    for path in paths:
        with matplotlib.style.context(["default", STYLE]):
            figure = Figure()
            figure.subplots().plot([1, 2], color=COLOURS[0])
            save_figure(figure, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_curves_of_precision_and_recall(tmp_path: Path) -> None:
    curves = {"pr_f1": PrecisionRecall([1.0, 0.5], [0.0, 1.0], 62.5)}
    paths = [tmp_path / name for name in ("one.svg", "two.svg")]
    for path in paths:
        draw_precision_recall(curves, path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    text = paths[0].read_text(encoding="utf-8")
    assert all(f">{word}<" in text for word in ("recall", "precision", "pr_f1 (62.5)"))
