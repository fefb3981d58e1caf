"""Stop applying the shared layer to a text as soon as its prediction is confident.

A head that was trained on the last hidden states reads those of every depth from half of the depth
on. It was not trained for that, so a lower threshold costs accuracy; docs/engine.md has a curve.

T tokens of a text, D hidden.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from albertlm.inference.arithmetic import Floats
from albertlm.inference.engines.base import Engine, ResumableEngine, TokenizedText

Confidences = Callable[[Sequence[int], Sequence[Floats]], NDArray[np.floating]]
"""The confidence of the prediction for some texts, from their numbers and hidden states."""


class Exits(NamedTuple):
    """The hidden states of each text, (T, D), and the applications after which it stopped."""

    states: list[Floats]
    depths: list[int]


def exit_early(
    engine: Engine, texts: Sequence[TokenizedText], confidences: Confidences, threshold: float
) -> Exits:
    """Compute hidden states, and leave out applications for texts that are confident before.

    Args:
        engine: the model, which has one shared layer.
        texts: the texts.
        confidences: of the predictions for texts.
        threshold: the confidence from which a text stops.

    Raises:
        ValueError: the engine cannot resume, or the model has several layers.
    """
    if not isinstance(engine, ResumableEngine):
        raise ValueError("an early exit needs an engine that resumes; an export does not")
    deepest = engine.config.num_hidden_layers * engine.config.inner_group_num
    first = (deepest + 1) // 2
    states = list(engine.states(texts, depth=first))
    depths = [first] * len(texts)
    going = list(range(len(texts)))
    for _ in range(first, deepest):
        found = confidences(going, [states[number] for number in going])
        going = [n for n, value in zip(going, found.tolist(), strict=True) if value < threshold]
        if not going:
            break
        resumed = engine.resume([states[number] for number in going], 1)
        for number, x_TD in zip(going, resumed, strict=True):
            states[number] = x_TD
            depths[number] += 1
    return Exits(states, depths)
