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
