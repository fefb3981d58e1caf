"""How much attention each token of a text receives, for the measure AULA.

B texts of a length, T tokens of a text, N tokens of all texts, H heads, K size of a head, D hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from albertlm.checkpoints import names
from albertlm.inference import heads
from albertlm.inference.arithmetic import Floats, embeddings, softmax_
from albertlm.inference.engines.base import (
    Engine,
    ResumableEngine,
    TokenizedText,
    has_one_layer,
)


def attention_received(engine: Engine, texts: Sequence[TokenizedText]) -> list[NDArray[np.float64]]:
    """The attention to each token of a text (T,), the mean over layers, heads and all tokens.

    Engines return hidden states and no attention, so the weights of each application are computed
    from the states before it.

    Source: Kaneko and Bollegala 2022.
    """
    config = engine.config
    applications = config.num_hidden_layers * config.inner_group_num
    states = _embedded(engine, texts)
    sums_N = np.zeros(sum(map(len, states)))
    for number in range(applications):
        if number:
            states = _applied(engine, texts, states, number)
        outer, inner = divmod(number, config.inner_group_num)
        name = names.LAYER.format(group=config.group_of(outer), inner=inner)
        sums_N += _received(engine, f"{name}.attention", states)
    ends = np.cumsum([len(x_TD) for x_TD in states])[:-1]
    return np.split(sums_N / applications, ends)


def _embedded(engine: Engine, texts: Sequence[TokenizedText]) -> list[Floats]:
    """The states of each text before the first application, (T, D)."""
    lengths = [len(text.input_ids) for text in texts]
    x_NE = embeddings(
        engine.parameters,
        np.concatenate([text.input_ids for text in texts]),
        np.concatenate([text.token_type_ids for text in texts]),
        np.concatenate([np.arange(length) for length in lengths]),
        engine.config.layer_norm_eps,
    )
    x_ND = heads.linear(engine.parameters, "encoder.embedding_hidden_mapping_in", x_NE)
    return np.split(x_ND, np.cumsum(lengths)[:-1])


def _applied(
    engine: Engine, texts: Sequence[TokenizedText], states: Sequence[Floats], number: int
) -> list[Floats]:
    """The states after a number of applications, from those before the last of them.

    An engine that cannot go on from these, or a model of several layers, begins again.
    """
    if number > 1 and isinstance(engine, ResumableEngine) and has_one_layer(engine.config):
        return engine.resume(states, 1)
    return engine.states(texts, depth=number)


def _received(engine: Engine, attention: str, states: Sequence[Floats]) -> NDArray[np.float64]:
    """The attention of one application to each token of all texts (N,)."""
    x_ND, count = np.concatenate(states), engine.config.num_attention_heads
    q_ND, k_ND = (
        heads.linear(engine.parameters, f"{attention}.{part}", x_ND) for part in ("query", "key")
    )
    received, start = [], 0
    for length, group in groupby(map(len, states)):
        rows = slice(start, start + length * len(list(group)))
        q_BHTK, k_BHTK = (
            each[rows].reshape(-1, length, count, x_ND.shape[1] // count).swapaxes(1, 2)
            for each in (q_ND, k_ND)
        )
        scores_BHTT = q_BHTK @ k_BHTK.swapaxes(2, 3) / math.sqrt(q_BHTK.shape[-1])
        received.append(softmax_(scores_BHTT).mean((1, 2), dtype=np.float64).ravel())
        start = rows.stop
    return np.concatenate(received)
