"""Fewer applications for confident texts: the same states, at the depth where each text stops."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import Run
from fill_calls import by_mask, fills, scores

from albertlm import AlbertConfig, AlbertModel, pipeline
from albertlm.inference.arithmetic import Floats
from albertlm.inference.early_exit import exit_early
from albertlm.inference.engines import ENGINES, open_engine
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.exported import ExportedEngine

TEXTS = [TokenizedText([2, *range(5, 5 + n), 3], [0] * (n + 2)) for n in (5, 1, 30)]
ONE = "The old [MASK] walked to the river."


@pytest.fixture(scope="module")
def folder(
    tmp_path_factory: pytest.TempPathFactory, tiny_config: Callable[..., AlbertConfig]
) -> Path:
    """A model of 7 applications."""
    folder: Path = tmp_path_factory.mktemp("deep")
    AlbertModel(tiny_config(num_hidden_layers=7)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("name", ENGINES)
def test_resuming_is_computing_at_once(name: str, folder: Path) -> None:
    engine = open_engine(name, folder, dtype="float32")
    resumed = engine.resume(engine.states(TEXTS, depth=2), 3)  # type: ignore[attr-defined]
    for ours, expected in zip(resumed, engine.states(TEXTS, depth=5), strict=True):
        np.testing.assert_allclose(ours, expected, atol=1e-5 * np.abs(expected).max())


@pytest.mark.parametrize("name", ENGINES)
def test_each_text_stops_where_it_is_confident(name: str, folder: Path) -> None:
    engine = open_engine(name, folder, dtype="float32")
    wanted = [4, 6, 7]
    calls: list[int] = []

    def confidences(numbers: Sequence[int], states: Sequence[Floats]) -> np.ndarray:
        depth = 4 + len(calls)
        calls.append(depth)
        for number, x_TD in zip(numbers, states, strict=True):
            (expected,) = engine.states([TEXTS[number]], depth=depth)
            np.testing.assert_allclose(x_TD, expected, atol=1e-4)
        return np.array([0.9 if depth >= wanted[number] else 0.1 for number in numbers])

    found = exit_early(engine, TEXTS, confidences, 0.5)
    assert found.depths == wanted
    assert calls == [4, 5, 6]
    for text, depth, x_TD in zip(TEXTS, wanted, found.states, strict=True):
        np.testing.assert_allclose(x_TD, engine.states([text], depth=depth)[0], atol=1e-4)
    all_at_once = exit_early(engine, TEXTS, lambda numbers, _: np.ones(len(numbers)), 0.5)
    assert all_at_once.depths == [4, 4, 4]


def test_what_cannot_resume_is_refused(
    folder: Path, tmp_path: Path, tiny_config: Callable[..., AlbertConfig]
) -> None:
    def never(numbers: Sequence[int], _: Sequence[Floats]) -> np.ndarray:
        return np.zeros(len(numbers))

    exported = ExportedEngine.__new__(ExportedEngine)
    with pytest.raises(ValueError, match="needs an engine that resumes; an export does not"):
        exit_early(exported, TEXTS, never, 0.5)
    AlbertModel(tiny_config(num_hidden_layers=4, num_hidden_groups=2)).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="the model has 2 layers; an early exit needs one shared"):
        exit_early(open_engine("numpy", tmp_path), TEXTS, never, 0.5)


def test_masks(tiny_folder: Path, run: Run) -> None:
    unmasker = pipeline("fill-mask", tiny_folder, engine="numpy")
    texts = [ONE, "The [MASK] walked to the [MASK]."]
    # no probability is above 1, and all are above 0, where texts stop at half of the depth
    for text in texts:
        exact, late = by_mask(text, unmasker(text)), by_mask(text, unmasker(text, exit_at=1.0))
        for ours, theirs in zip(exact, late, strict=True):
            assert [fill["token"] for fill in ours] == [fill["token"] for fill in theirs]
            assert scores(ours) == pytest.approx(scores(theirs), rel=1e-4)
    early = fills(pipeline("fill-mask", tiny_folder, engine="numpy", exit_at=0), ONE)
    assert early[0]["score"] != pytest.approx(fills(unmasker, ONE)[0]["score"])
    assert run("fill-mask", ONE, "-m", tiny_folder, "--exit-at", 0.5).code == 0
    with pytest.raises(ValueError, match="exit_at=2 is not allowed; it must be from 0 to 1"):
        unmasker(ONE, exit_at=2)


@pytest.mark.parametrize("function", ["softmax", "sigmoid"])
def test_labels(function: str, fine_tuned: Callable[..., Path]) -> None:
    folder = fine_tuned("AlbertForSequenceClassification", ("a", "b", "c"))
    classify = pipeline("text-classification", folder, engine="numpy")
    options: Any = {"top_k": None, "function_to_apply": function}
    exact, late, early = (
        [each["score"] for each in classify("Nobody walked.", exit_at=threshold, **options)]
        for threshold in (None, 1.0, 0.0)
    )
    assert exact == pytest.approx(late, rel=1e-4)
    assert exact != pytest.approx(early, rel=1e-4)
    with pytest.raises(
        ValueError, match=r"exit_at=0\.5 is not allowed; it must be None for scores"
    ):
        classify("Nobody.", exit_at=0.5, function_to_apply="none")
