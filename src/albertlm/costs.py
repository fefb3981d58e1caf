"""What an architecture costs: parameters, memory and arithmetic, from its configuration alone."""

from __future__ import annotations

import math

from albertlm.config import SHARED_MODULES, AlbertConfig

Shapes = dict[str, tuple[int, ...]]


def parameter_shapes(config: AlbertConfig) -> Shapes:
    """The shape of every pretraining parameter, by the hub's names without the prefix `albert.`.

    What groups have in common bears the first group's name.
    """
    vocab, embedding, hidden = config.vocab_size, config.embedding_size, config.hidden_size
    shapes = {
        "embeddings.word_embeddings.weight": (vocab, embedding),
        "embeddings.position_embeddings.weight": (config.max_position_embeddings, embedding),
        "embeddings.token_type_embeddings.weight": (config.type_vocab_size, embedding),
        **_norm("embeddings.LayerNorm", embedding),
        **_linear("encoder.embedding_hidden_mapping_in", embedding, hidden),
    }
    common = SHARED_MODULES[config.shared_across_groups]
    for group in range(config.num_hidden_groups):
        for inner in range(config.inner_group_num):
            layer = f"encoder.albert_layer_groups.{group}.albert_layers.{inner}"
            shapes |= {
                f"{layer}.{name}": shape
                for name, shape in _layer(config).items()
                if group == 0 or name.partition(".")[0] not in common
            }
    return {
        **shapes,
        **_linear("pooler", hidden, hidden),
        **_linear("predictions.dense", hidden, embedding),
        **_norm("predictions.LayerNorm", embedding),
        "predictions.bias": (vocab,),
        **_linear("sop_classifier.classifier", hidden, 2),
    }


def parameters_by_part(config: AlbertConfig) -> dict[str, int]:
    """The number of parameters of each part; their sum is the pretraining model's."""
    parts = {
        "embeddings": "embeddings.",
        "projection": "encoder.embedding_hidden_mapping_in.",
        "shared_layers": "encoder.albert_layer_groups.",
        "pooler": "pooler.",
        "masked_token_head": "predictions.",
        "sentence_order_head": "sop_classifier.",
    }
    shapes = parameter_shapes(config)
    return {
        part: sum(math.prod(shape) for name, shape in shapes.items() if name.startswith(prefix))
        for part, prefix in parts.items()
    }


def parameters_if_unshared(config: AlbertConfig) -> int:
    """What the pretraining model would have if each layer had parameters of its own, as BERT's."""
    return sum(parameters_by_part(config.with_sharing("none")).values())


def flops_per_token(config: AlbertConfig, length: int) -> int:
    """Floating-point operations of a forward pass through the backbone, for each token of a text.

    A multiplication with an addition counts as two. Sharing saves none: every layer is computed.
    Matrix products alone are counted, which is where the time goes; training takes three times it.

    Args:
        config: the architecture.
        length: tokens of the text, all of which each token attends to.
    """
    hidden = config.hidden_size
    layer = 2 * hidden * (4 * hidden + 2 * config.intermediate_size)
    attention = 2 * 2 * length * hidden
    layers = config.num_hidden_layers * config.inner_group_num
    return 2 * config.embedding_size * hidden + layers * (layer + attention)


def flops_per_prediction(config: AlbertConfig) -> int:
    """Floating-point operations of the masked-token head, for each mask."""
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
    """Bytes that a pretraining step takes at its peak, by part; the sum of all is the peak.

    What the backward pass needs is counted tensor by tensor, as `models` keeps it. Measured, the
    peak is the sum or up to a tenth less, since not all gradients are there before activations are
    gone. Libraries, data and the buffers of data-parallel training come on top.

    Args:
        config: the architecture.
        batch_size: texts of one backward pass on one device.
        length: tokens of each text, none of them padding.
        predictions: masked tokens of each text; 15 % of `length` by default.
        layers: applications of the layer; all by default.
        checkpointing: as in `AlbertModel.activation_checkpointing`.
        bf16: matrix products in bfloat16 (autocast); weights, gradients and states are float32.
        optimizer_states: arrays the size of the weights that the optimizer keeps; LAMB keeps two,
            and shared out among R ranks it is 2 / R.
        device: `cpu`, or `cuda`, where autocast computes LayerNorm in float32.

    Returns:
        `weights`, `gradients`, `optimizer_states`, `bf16_weights` (autocast's copies),
        `activations`, `logits` (of the masked tokens), and `update`: what LAMB's step needs beyond
        the room that the last three leave to it.
    """
    if device not in {"cpu", "cuda"}:
        raise ValueError(f"device={device!r} is not allowed; it must be cpu or cuda")
    if predictions is None:
        predictions = max(1, round(0.15 * length))
    shapes = parameter_shapes(config)
    weights = 4 * sum(map(math.prod, shapes.values()))
    products = [name for name in shapes if len(shapes[name]) == 2 and name not in _LOOKED_UP]
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
    """Bytes that each process sends, and receives, for one step of data-parallel training.

    Gradients travel once a step, whatever the number of layers and micro-batches. Where each of R
    ranks gets the sum of its share of an array, each sends (R - 1) / R of it at least; where each
    gets the shares of all, as much again; and summing everywhere is both.

    Args:
        config: the architecture.
        ranks: processes that train together.
        sharded: each updates its share of the weights, which then travel in place of the sums.
        bf16_gradients: gradients travel in bfloat16; weights never do.
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
    """Bytes kept for the backward pass, but for the logits."""
    embedding, hidden = config.embedding_size, config.hidden_size
    size = 2 if bf16 else 4  # of what products read and write
    mixed = bf16 and cuda  # float32 from LayerNorm, of which each product makes its own copy
    norm = 4 if mixed else size
    dropped = (1 if cuda else size) if config.hidden_dropout_prob else 0
    statistics = 8  # mean and deviation of a row in a LayerNorm
    row = (
        hidden * size * (3 if mixed else 1)  # the layer's input
        + hidden * size * 5  # queries, keys, values, context, the feed-forward block's input
        + config.intermediate_size * size * 2  # before and after the activation function
        + 2 * (hidden * (norm + dropped) + statistics)  # LayerNorms' inputs, dropouts' masks
    )
    # The last layer computes all keys and values, and the rest where a head reads: masks and [CLS].
    positions = 8 * hidden
    last = (masks + texts) * (row + positions) + tokens * hidden * size * (6 if mixed else 3)
    if layers > 1 and checkpointing:
        # inputs of all, and all of one that is computed again
        encoder = (layers - 1) * tokens * hidden * norm + tokens * row
    else:
        encoder = (layers - 1) * tokens * row + last
    ids = 3 * 8
    mask = 4 if config.hidden_dropout_prob else 0
    embeddings = tokens * (ids + statistics + embedding * (4 + size + mask))
    mlm_head = masks * (hidden * size + embedding * (2 * size + norm) + statistics)
    pooler = texts * 2 * hidden * size
    return embeddings + encoder + mlm_head + pooler


_LOOKED_UP = (
    "embeddings.position_embeddings.weight",
    "embeddings.token_type_embeddings.weight",
)
"""Matrices that are in no product."""


def _layer(config: AlbertConfig) -> Shapes:
    """The parameters of one layer."""
    hidden = config.hidden_size
    shapes: Shapes = {}
    for projection in ("query", "key", "value", "dense"):
        shapes |= _linear(f"attention.{projection}", hidden, hidden)
    return {
        **shapes,
        **_norm("attention.LayerNorm", hidden),
        **_linear("ffn", hidden, config.intermediate_size),
        **_linear("ffn_output", config.intermediate_size, hidden),
        **_norm("full_layer_layer_norm", hidden),
    }


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _norm(name: str, size: int) -> Shapes:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}
