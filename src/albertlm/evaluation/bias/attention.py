"""How much attention each token of a text receives, for the measure AULA.

T tokens of a text, N tokens of a batch, H heads, K size of a head, D hidden.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from albertlm.checkpoints import names
from albertlm.inference.arithmetic import Floats, embeddings, linear, softmax_
from albertlm.inference.engines.base import Engine, TokenizedText


def attention_received(engine: Engine, texts: Sequence[TokenizedText]) -> list[NDArray[np.float64]]:
    """The attention to each token of a text (T,), the mean over layers, heads and all tokens.

    Engines return hidden states and no attention, so the weights of each application are computed
    from the states before it. That takes as many passes as there are applications, of which each
    is one application deeper than the one before.

    Source: Kaneko and Bollegala 2022.
    """
    config = engine.config
    applications = config.num_hidden_layers * config.inner_group_num
    states = _embedded(engine, texts)
    sums = [np.zeros(len(text.input_ids)) for text in texts]
    for number in range(applications):
        if number:
            states = engine.states(texts, depth=number)
        outer, inner = divmod(number, config.inner_group_num)
        name = names.LAYER.format(group=config.group_of(outer), inner=inner)
        received = [_received(engine, f"{name}.attention", x_TD) for x_TD in states]
        sums = [total + each for total, each in zip(sums, received, strict=True)]
    return [total / applications for total in sums]


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
    x_ND = linear(engine.parameters, "encoder.embedding_hidden_mapping_in", x_NE)
    return np.split(x_ND, np.cumsum(lengths)[:-1])


def _received(engine: Engine, attention: str, x_TD: Floats) -> NDArray[np.float64]:
    """The attention of one application to each token (T,), the mean over heads and tokens."""
    q_HTK, k_HTK = (
        linear(engine.parameters, f"{attention}.{part}", x_TD)
        .reshape(len(x_TD), engine.config.num_attention_heads, -1)
        .swapaxes(0, 1)
        for part in ("query", "key")
    )
    scores_HTT = q_HTK @ k_HTK.swapaxes(1, 2) / math.sqrt(q_HTK.shape[-1])
    received: NDArray[np.float64] = softmax_(scores_HTT).mean((0, 1), dtype=np.float64)
    return received
