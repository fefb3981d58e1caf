"""The parameters, memory and arithmetic of an architecture, computed from its configuration."""

from __future__ import annotations

import math

from albertlm.checkpoints import names
from albertlm.config import SHARED_MODULES, AlbertConfig
from albertlm.settings import check_choice

PART_NAMES = {
    "embeddings": "embeddings",
    "projection": "projection",
    "layer": "shared_layers",
    "pooler": "pooler",
    "mlm": "masked_token_head",
    "sop": "sentence_order_head",
}
"""The parts of a pretraining model: their names in the table of parameters and in this module."""


def parameter_shapes(config: AlbertConfig) -> names.Shapes:
    """The shape of every pretraining parameter, by its name in `checkpoints.names`.

    Parameters that groups share are listed once, with the name of the first group.
    """
    common = SHARED_MODULES[config.shared_across_groups]
    return {
        name: shape
        for name, shape in names.shapes(config).items()
        if not names.repeats(name, common)
    }


def parameters_by_part(config: AlbertConfig) -> dict[str, int]:
    """The number of parameters of each part; the pretraining model has their sum."""
    counts = dict.fromkeys(PART_NAMES.values(), 0)
    for name, shape in parameter_shapes(config).items():
        counts[PART_NAMES[names.part_of(name) or ""]] += math.prod(shape)
    return counts


def parameters_if_unshared(config: AlbertConfig) -> int:
    """The number of parameters if every layer had its own, as in BERT."""
    return sum(parameters_by_part(config.with_sharing("none")).values())


def flops_per_token(config: AlbertConfig, length: int) -> int:
    """The floating-point operations of a forward pass through the backbone, per token.

    A multiplication with an addition counts as two. Sharing saves none: every layer is computed.
    Only matrix products are counted, which take most of the time; training takes three times as
    many.

    Args:
        config: the architecture.
        length: the number of tokens of the text; each token attends to all of them.
    """
    hidden = config.hidden_size
    layer = 2 * hidden * (4 * hidden + 2 * config.intermediate_size)
    attention = 2 * 2 * length * hidden
    layers = config.num_hidden_layers * config.inner_group_num
    return 2 * config.embedding_size * hidden + layers * (layer + attention)


def flops_per_prediction(config: AlbertConfig) -> int:
    """The floating-point operations of the masked-token head, per masked token."""
    return 2 * config.embedding_size * (config.hidden_size + config.vocab_size)


def training_memory(
    config: AlbertConfig,
    *,
    batch_size: int,
    length: int,
    predictions: int | None = None,
    layers: int | None = None,
    checkpointing: bool = False,
    bf16: bool = True,
    optimizer_states: float = 2,
    device: str = "cpu",
) -> dict[str, int]:
    """The bytes that a pretraining step takes at its peak, by part; the peak is their sum.

    The tensors that `models` keeps for the backward pass are counted one by one. Measured peaks
    are between the sum and a tenth less, since some activations are freed before the last
    gradients are allocated. Libraries, data and the buffers of data-parallel training are extra.

    Args:
        config: the architecture.
        batch_size: the number of texts in one backward pass on one device.
        length: the number of tokens of each text, without padding.
        predictions: the number of masked tokens of each text; 15 % of `length` by default.
        layers: the number of applications of the layer; all by default.
        checkpointing: as in `AlbertModel.activation_checkpointing`.
        bf16: matrix products in bfloat16 (autocast); weights, gradients and states are float32.
        optimizer_states: the number of arrays of the size of the weights that the optimizer keeps:
            2 for LAMB, and 2 / R if it is sharded across R ranks.
        device: `cpu`, or `cuda`, where autocast computes LayerNorm in float32.

    Returns:
        `weights`, `gradients`, `optimizer_states`, `bf16_weights` (autocast's copies),
        `activations`, `logits` (of the masked tokens), and `update`: what LAMB's step needs beyond
        the memory that the last three have freed by then.
    """
    check_choice(("cpu", "cuda"), device=device)
    if predictions is None:
        predictions = max(1, round(0.15 * length))
    shapes = parameter_shapes(config)
    weights = 4 * sum(map(math.prod, shapes.values()))
    looked_up = {row.hub for row in names.PARAMETERS if row.is_looked_up}
    products = [name for name in shapes if len(shapes[name]) == 2 and name not in looked_up]
    parts = {
        "weights": weights,
        "gradients": weights,
        "optimizer_states": round(optimizer_states * weights),
        "bf16_weights": sum(2 * math.prod(shapes[name]) for name in products) if bf16 else 0,
        "activations": _activations(
            config,
            texts=batch_size,
            tokens=batch_size * length,
            masks=batch_size * predictions,
            layers=layers or config.num_hidden_layers * config.inner_group_num,
            checkpointing=checkpointing,
            bf16=bf16,
            cuda=device == "cuda",
        ),
        "logits": batch_size * predictions * config.vocab_size * (2 if bf16 else 4),
    }
    room = parts["bf16_weights"] + parts["activations"] + parts["logits"]
    return {**parts, "update": max(0, 2 * weights - room)}


def step_communication(
    config: AlbertConfig, *, ranks: int, sharded: bool = False, bf16_gradients: bool = False
) -> int:
    """The bytes that each process sends and receives in a step of data-parallel training.

    Gradients are sent once per step, for any number of layers and micro-batches. In a
    reduce-scatter over R ranks, each rank sends at least (R - 1) / R of the array; in an all-gather
    as well; an all-reduce consists of both.

    Args:
        config: the architecture.
        ranks: the number of processes that train together.
        sharded: each rank updates its share of the weights, and these are gathered instead of the
            sums of the gradients.
        bf16_gradients: gradients are sent in bfloat16; weights never are.
    """
    numbers = sum(map(math.prod, parameter_shapes(config).values()))
    gradient = 2 if bf16_gradients else 4
    both_ways = gradient + (4 if sharded else gradient)
    return round(both_ways * numbers * (ranks - 1) / ranks)


def _activations(
    config: AlbertConfig,
    *,
    texts: int,
    tokens: int,
    masks: int,
    layers: int,
    checkpointing: bool,
    bf16: bool,
    cuda: bool,
) -> int:
    """The bytes kept for the backward pass, without the logits."""
    embedding, hidden = config.embedding_size, config.hidden_size
    size = 2 if bf16 else 4  # of the inputs and outputs of products
    mixed = bf16 and cuda  # LayerNorm returns float32, and each product makes its own copy
    norm = 4 if mixed else size
    dropped = (1 if cuda else size) if config.hidden_dropout_prob else 0
    statistics = 8  # mean and standard deviation of a row in LayerNorm
    row = (
        hidden * size * (3 if mixed else 1)  # the layer's input
        + hidden * size * 5  # queries, keys, values, context, the feed-forward block's input
        + config.intermediate_size * size * 2  # before and after the activation function
        + 2 * (hidden * (norm + dropped) + statistics)  # LayerNorms' inputs, dropouts' masks
    )
    # The last layer computes all keys and values, but the rest only at masked tokens and [CLS].
    positions = 8 * hidden
    last = (masks + texts) * (row + positions) + tokens * hidden * size * (6 if mixed else 3)
    if layers > 1 and checkpointing:
        # the inputs of all layers, and everything of the one that is recomputed
        encoder = (layers - 1) * tokens * hidden * norm + tokens * row
    else:
        encoder = (layers - 1) * tokens * row + last
    ids = 3 * 8
    mask = 4 if config.hidden_dropout_prob else 0
    embeddings = tokens * (ids + statistics + embedding * (4 + size + mask))
    mlm_head = masks * (hidden * size + embedding * (2 * size + norm) + statistics)
    pooler = texts * 2 * hidden * size
    return embeddings + encoder + mlm_head + pooler
