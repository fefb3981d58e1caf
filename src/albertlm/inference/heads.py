"""The heads in NumPy, which compute logits from the hidden states of any engine.

B texts, P masked positions, T tokens, S best starts (and best ends for each), E embedding,
D hidden, V vocabulary, L labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from albertlm.checkpoints import names
from albertlm.config import BEAM
from albertlm.inference.arithmetic import (
    ACTIVATIONS,
    Floats,
    Ints,
    Parameters,
    layer_norm,
    log_softmax,
    softmax_,
)
from albertlm.inference.engines.base import Engine, TokenizedText
from albertlm.inference.threads import on_cores, product

CLASSIFIERS = (
    "AlbertForSequenceClassification",
    "AlbertForTokenClassification",
    "AlbertForMultipleChoice",
)
"""The models whose heads have the same names in files."""

BLOCK = 1024
"""Pieces of the vocabulary whose logits are computed together for 128 positions: half a MB."""


def mask_logits(engine: Engine, x_PD: Floats) -> Floats:
    """Compute the logits over the vocabulary (P, V) from the states of masked positions."""
    x_PE = _mask_states(engine, x_PD)
    logits_PV = product(x_PE, engine.parameters["embeddings.word_embeddings.weight"])
    logits_PV += engine.parameters["predictions.bias"]
    return logits_PV


def mask_log_probs(
    engine: Engine, x_PD: Floats, rows_W: Ints, pieces_W: Ints, vocab_size: int
) -> npt.NDArray[np.float64]:
    """Compute the log-probabilities of some pieces (W,) from the states of masked positions.

    The logits of a block of the vocabulary at a time stay in the cache of a core, which is faster
    than to keep those of all pieces.

    Args:
        engine: the model.
        x_PD: the states.
        rows_W: the row of `x_PD` for each wanted piece.
        pieces_W: the wanted pieces.
        vocab_size: the number of pieces that have a probability; the model may have more rows.
    """
    x_PE = _mask_states(engine, x_PD)
    weight_VE = engine.parameters["embeddings.word_embeddings.weight"][:vocab_size]
    bias_V = engine.parameters["predictions.bias"][:vocab_size]
    found_W = np.zeros(len(rows_W))

    def compute(rows: slice) -> None:
        mine = np.flatnonzero((rows_W >= rows.start) & (rows_W < rows.stop))
        found_W[mine] = _log_probs(
            x_PE[rows], weight_VE, bias_V, rows_W[mine] - rows.start, pieces_W[mine]
        )

    on_cores(compute, len(x_PE))
    return found_W


def _mask_states(engine: Engine, x_PD: Floats) -> Floats:
    """The states whose products with the embeddings of pieces are their logits, (P, E)."""
    config, parameters = engine.config, engine.parameters
    x_PE = ACTIVATIONS[config.activation](linear(parameters, "predictions.dense", x_PD))
    return layer_norm(parameters, "predictions.LayerNorm", x_PE, config.layer_norm_eps)


def _log_probs(
    x_PE: Floats, weight_VE: Floats, bias_V: Floats, rows_W: Ints, pieces_W: Ints
) -> npt.NDArray[np.float64]:
    """The log-probabilities of pieces (W,), by a sum over the vocabulary in blocks."""
    highest_P, sums_P = np.full(len(x_PE), -np.inf, x_PE.dtype), np.zeros(len(x_PE))
    wanted_W = np.zeros(len(rows_W))
    for start in range(0, len(weight_VE), BLOCK):
        logits_PB = x_PE @ weight_VE[start : start + BLOCK].T
        logits_PB += bias_V[start : start + BLOCK]
        inside = np.flatnonzero((pieces_W >= start) & (pieces_W < start + BLOCK))
        wanted_W[inside] = logits_PB[rows_W[inside], pieces_W[inside] - start]
        before_P, highest_P = highest_P, np.maximum(highest_P, logits_PB.max(-1))
        logits_PB -= highest_P[:, None]
        np.exp(logits_PB, out=logits_PB)
        sums_P *= np.exp(before_P - highest_P)
        sums_P += logits_PB.sum(-1)
    wanted_W -= highest_P[rows_W]
    wanted_W -= np.log(sums_P)[rows_W]
    return wanted_W


def pooled(engine: Engine, texts: Sequence[TokenizedText]) -> Floats:
    """Compute the pooled [CLS] states of texts, (B, D)."""
    return pooled_states(engine, np.concatenate(engine.states(texts, [[0]] * len(texts))))


def pooled_states(engine: Engine, cls_BD: Floats) -> Floats:
    """Compute the pooled states of [CLS], (B, D), from its hidden states."""
    return np.tanh(linear(engine.parameters, "pooler", cls_BD))


def order_logits(engine: Engine, texts: Sequence[TokenizedText]) -> Floats:
    """Compute the logits of both orders of pairs, (B, 2): 0 in order, 1 swapped."""
    return linear(engine.parameters, "sop_classifier.classifier", pooled(engine, texts))


def text_logits(engine: Engine, texts: Sequence[TokenizedText]) -> Floats:
    """Compute the logits of texts over the labels (B, L), or of choices, which have one (B, 1)."""
    return label_logits(engine, pooled(engine, texts))


def label_logits(engine: Engine, pooled_BD: Floats) -> Floats:
    """Compute the logits of texts over the labels (B, L) from pooled states."""
    return linear(engine.parameters, "classifier", pooled_BD)


def token_logits(engine: Engine, x_TD: Floats) -> Floats:
    """Compute the logits over the labels (T, L) from the states of tokens."""
    return linear(engine.parameters, "classifier", x_TD)


def span_logits(engine: Engine, x_TD: Floats) -> Floats:
    """Compute the logits of an answer that starts and of one that ends at each token, (2, T)."""
    return linear(engine.parameters, "qa_outputs", x_TD).T


class Beam(NamedTuple):
    """The best starts of an answer and the best ends for each, best first.

    Fields:
        starts: (S,) positions.
        start_log_probs: (S,).
        ends: (S, S) positions.
        end_log_probs: (S, S), given the start.
        unanswerable: the logit of "no answer".
    """

    starts: npt.NDArray[np.intp]
    start_log_probs: Floats
    ends: npt.NDArray[np.intp]
    end_log_probs: Floats
    unanswerable: float


def answer_beam(engine: Engine, x_TD: Floats, allowed_T: npt.NDArray[np.bool_]) -> Beam:
    """Search for answers with Google's head for SQuAD 2.0, where the end depends on the start.

    Args:
        engine: the model.
        x_TD: the states of the tokens of a text.
        allowed_T: where an answer may be: in the context or, if there is none, at [CLS].

    Source: run_squad_v2.py of the released code.
    """
    parameters, width = engine.parameters, x_TD.shape[1]
    start_T = _barred(linear(parameters, "start_logits.dense", x_TD)[:, 0], allowed_T)
    mean_start_D = softmax_(start_T.copy()) @ x_TD
    hidden_D = linear(parameters, "answer_class.dense_0", np.concatenate([mean_start_D, x_TD[0]]))
    unanswerable = np.tanh(hidden_D) @ parameters["answer_class.dense_1.weight"][0]

    starts_S = _best(start_T)
    of_token_DD, of_start_DD = np.split(parameters["end_logits.dense_0.weight"], [width], axis=1)
    token_TD = product(x_TD, of_token_DD) + parameters["end_logits.dense_0.bias"]
    hidden_STD = np.tanh(token_TD + product(x_TD[starts_S], of_start_DD)[:, None])
    epsilon = engine.config.layer_norm_eps
    hidden_STD = layer_norm(parameters, "end_logits.LayerNorm", hidden_STD, epsilon)
    end_ST = _barred(linear(parameters, "end_logits.dense_1", hidden_STD)[..., 0], allowed_T)
    ends_SS = _best(end_ST)
    return Beam(
        starts_S,
        log_softmax(start_T)[starts_S],
        ends_SS,
        np.take_along_axis(log_softmax(end_ST), ends_SS, axis=-1),
        float(unanswerable),
    )


def linear(parameters: Parameters, name: str, x: Floats) -> Floats:
    """As `arithmetic.linear`, by `product`."""
    y = product(x, parameters[f"{name}.weight"])
    y += parameters[f"{name}.bias"]
    return y


def _barred(logits: Floats, allowed: npt.NDArray[np.bool_]) -> Floats:
    return np.where(allowed, logits, np.float32(-1e30))


def _best(logits: Floats) -> npt.NDArray[np.intp]:
    """The positions of the highest logits of the last axis, best first."""
    return np.argsort(-logits, axis=-1, kind="stable")[..., :BEAM]


def require_trained(engine: Engine, *parts: str, architecture: str | None = None) -> None:
    """Raise a ValueError if a head of a model is missing, was never trained or has another task.

    Args:
        engine: the model.
        *parts: the parts to check, as named in `checkpoints.names`, such as `mlm`.
        architecture: one of `CLASSIFIERS` if the model must have its `classifier`.
    """
    config = engine.config
    others = [each for each in CLASSIFIERS if each != architecture]
    for name in config.architectures or () if architecture else ():
        if name in others:
            raise ValueError(
                f"the classifier of this model is that of an {name}; "
                f"use a model that was trained as {architecture}"
            )
    if architecture == "AlbertForMultipleChoice":  # whose configuration does not count its output
        config = config.changed(num_labels=1)
    wanted = names.shapes(config, parts)
    untrained = [name for name in wanted if name not in engine.parameters]
    if untrained:
        raise ValueError(
            f"the model holds no trained {', '.join(untrained)}; "
            "use a model that was trained with this head, or train it first"
        )
    for name, shape in wanted.items():
        found = engine.parameters[name].shape
        if found != shape:
            raise ValueError(
                f"{name} has the shape {found} where {shape} is configured; "
                "use a model that was trained for this task, or correct its config.json"
            )
