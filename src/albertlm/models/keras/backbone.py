"""ALBERT without a head: embeddings, the shared layer applied N times, and the pooler.

B batch, T positions, E embedding, D hidden, H heads, K head size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import keras
from keras import layers, ops

from albertlm.config import SHARED_MODULES, AlbertConfig

Tensor = Any
"""Of the backend; Keras has no type for it."""

MASKED = -1e9
"""In place of the scores of masked keys: a row without any keys stays finite."""


def _quick_gelu(x: Tensor) -> Tensor:
    return x * ops.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": lambda x: ops.gelu(x, approximate=False),
    "gelu_new": lambda x: ops.gelu(x, approximate=True),
    "quick_gelu": _quick_gelu,
    "relu": ops.relu,
    "silu": ops.silu,
    "tanh": ops.tanh,
}
"""By the values of `config.ACTIVATIONS`."""


class Attention(layers.Layer):  # type: ignore[misc]
    """Multi-head self-attention with its output projection, residual and LayerNorm."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(name="attention")
        self.heads = config.num_attention_heads
        self.size = config.hidden_size
        self.query = dense(config, self.size, "query")
        self.key = dense(config, self.size, "key")
        self.value = dense(config, self.size, "value")
        self.dense = dense(config, self.size, "dense")
        self.LayerNorm = norm(config, "LayerNorm")
        self.attention_dropout = layers.Dropout(config.attention_probs_dropout_prob)
        self.output_dropout = layers.Dropout(config.hidden_dropout_prob)

    def build(self, _shape: Any = None) -> None:
        for layer in (self.query, self.key, self.value, self.dense, self.LayerNorm):
            layer.build((None, None, self.size))
        self.built = True

    def call(self, x_BTD: Tensor, mask_B11T: Tensor, training: bool = False) -> Any:
        """The new states, and the attention weights (B, H, T, T)."""
        q_BHTK, k_BHTK, v_BHTK = (
            self._split(layer(x_BTD)) for layer in (self.query, self.key, self.value)
        )
        scale = 1 / math.sqrt(self.size // self.heads)
        scores_BHTT = ops.matmul(q_BHTK * scale, ops.swapaxes(k_BHTK, 2, 3))
        scores_BHTT = ops.where(mask_B11T, ops.cast(scores_BHTT, "float32"), MASKED)
        weights_BHTT = ops.cast(ops.softmax(scores_BHTT), x_BTD.dtype)
        weights_BHTT = self.attention_dropout(weights_BHTT, training=training)
        context_BTHK = ops.swapaxes(ops.matmul(weights_BHTT, v_BHTK), 1, 2)
        context_BTD = ops.reshape(context_BTHK, ops.shape(x_BTD))
        new_BTD = self.output_dropout(self.dense(context_BTD), training=training)
        return self.LayerNorm(x_BTD + new_BTD), weights_BHTT

    def _split(self, x_BTD: Tensor) -> Tensor:
        batch, length, _ = ops.shape(x_BTD)
        x_BTHK = ops.reshape(x_BTD, (batch, length, self.heads, self.size // self.heads))
        return ops.swapaxes(x_BTHK, 1, 2)


class Block(layers.Layer):  # type: ignore[misc]
    """Attention and feed-forward block, which all layers share (paper section 3.1)."""

    def __init__(self, config: AlbertConfig, name: str, shared: Mapping[str, Any]) -> None:
        super().__init__(name=name)
        made: dict[str, Callable[[], Any]] = {
            "attention": lambda: Attention(config),
            "ffn": lambda: dense(config, config.intermediate_size, "ffn"),
            "ffn_output": lambda: dense(config, config.hidden_size, "ffn_output"),
            "full_layer_layer_norm": lambda: norm(config, "full_layer_layer_norm"),
        }
        for module, make in made.items():
            setattr(self, module, shared[module] if module in shared else make())
        self.activation = ACTIVATIONS[config.activation]
        self.output_dropout = layers.Dropout(config.hidden_dropout_prob)
        self.sizes = config.hidden_size, config.intermediate_size

    def build(self) -> None:
        hidden, intermediate = self.sizes
        for layer, size in (
            (self.attention, hidden),
            (self.ffn, hidden),
            (self.ffn_output, intermediate),
            (self.full_layer_layer_norm, hidden),
        ):
            if not layer.built:
                layer.build((None, None, size))
        self.built = True

    def call(self, x_BTD: Tensor, mask_B11T: Tensor, training: bool = False) -> Any:
        """One application of the layer, and its attention weights (B, H, T, T)."""
        y_BTD, weights_BHTT = self.attention(x_BTD, mask_B11T, training=training)
        z_BTD = self.ffn_output(self.activation(self.ffn(y_BTD)))
        z_BTD = self.output_dropout(z_BTD, training=training)
        return self.full_layer_layer_norm(z_BTD + y_BTD), weights_BHTT


class BlockGroup(layers.Layer):  # type: ignore[misc]
    """`inner_group_num` blocks that are always applied one after the other."""

    def __init__(self, config: AlbertConfig, number: int, first: BlockGroup | None) -> None:
        super().__init__(name=f"albert_layer_groups_{number}")
        self.albert_layers: list[Block] = []
        for inner in range(config.inner_group_num):
            modules = SHARED_MODULES[config.shared_across_groups] if first else ()
            shared = {name: getattr(first.albert_layers[inner], name) for name in modules if first}
            self.albert_layers.append(Block(config, f"albert_layers_{inner}", shared))

    def build(self) -> None:
        for block in self.albert_layers:
            block.build()
        self.built = True

    def call(self, x_BTD: Tensor, mask_B11T: Tensor, training: bool = False) -> Any:
        """The new states, and the attention weights of each block."""
        all_weights = []
        for block in self.albert_layers:
            x_BTD, weights_BHTT = block(x_BTD, mask_B11T, training=training)
            all_weights.append(weights_BHTT)
        return x_BTD, all_weights


class BlockStack(layers.Layer):  # type: ignore[misc]
    """The projection of embeddings to the hidden size, and the groups of shared layers."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(name="encoder")
        self.embedding_size = config.embedding_size
        self.embedding_hidden_mapping_in = dense(
            config, config.hidden_size, "embedding_hidden_mapping_in"
        )
        self.albert_layer_groups: list[BlockGroup] = []
        for number in range(config.num_hidden_groups):
            first = self.albert_layer_groups[0] if number else None
            self.albert_layer_groups.append(BlockGroup(config, number, first))
        self.applications = [config.group_of(layer) for layer in range(config.num_hidden_layers)]

    def build(self) -> None:
        self.embedding_hidden_mapping_in.build((None, None, self.embedding_size))
        for group in self.albert_layer_groups:
            group.build()
        self.built = True

    def call(self, x_BTE: Tensor, mask_B11T: Tensor, training: bool = False) -> Any:
        """The states before and after each layer, and all attention weights."""
        states_BTD = [self.embedding_hidden_mapping_in(x_BTE)]
        all_weights: list[Tensor] = []
        for number in self.applications:
            group = self.albert_layer_groups[number]
            x_BTD, weights = group(states_BTD[-1], mask_B11T, training=training)
            states_BTD.append(x_BTD)
            all_weights += weights
        return states_BTD, all_weights


class Embeddings(layers.Layer):  # type: ignore[misc]
    """Factorised embeddings (paper section 3.1): of size E, which the encoder projects to D."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__(name="embeddings")
        self.size = config.embedding_size
        self.word_embeddings = table(config, config.vocab_size, "word_embeddings")
        self.position_embeddings = table(
            config, config.max_position_embeddings, "position_embeddings"
        )
        self.token_type_embeddings = table(config, config.type_vocab_size, "token_type_embeddings")
        self.LayerNorm = norm(config, "LayerNorm")
        self.dropout = layers.Dropout(config.hidden_dropout_prob)

    def build(self) -> None:
        for each in (self.word_embeddings, self.position_embeddings, self.token_type_embeddings):
            each.build((None, None))
        self.LayerNorm.build((None, None, self.size))
        self.built = True

    def call(self, inputs: Mapping[str, Tensor], training: bool = False) -> Tensor:
        """The embeddings of tokens, (B, T, E)."""
        words_BTE = inputs.get("inputs_embeds")
        if words_BTE is None:
            words_BTE = self.word_embeddings(inputs["input_ids"])
        batch, length, _ = ops.shape(words_BTE)
        positions_BT = inputs.get("position_ids")
        if positions_BT is None:
            positions_BT = ops.expand_dims(ops.arange(length, dtype="int32"), 0)
        types_BT = inputs.get("token_type_ids")
        if types_BT is None:
            types_BT = ops.zeros((batch, length), "int32")
        x_BTE = ops.cast(words_BTE, self.compute_dtype) + self.token_type_embeddings(types_BT)
        x_BTE = self.LayerNorm(x_BTE + self.position_embeddings(positions_BT))
        return self.dropout(x_BTE, training=training)


class Backbone(layers.Layer):  # type: ignore[misc]
    """Embeddings, encoder and, if the model reads it, the pooler."""

    def __init__(self, config: AlbertConfig, *, pooler: bool) -> None:
        super().__init__(name="albert")
        self.size = config.hidden_size
        self.embeddings = Embeddings(config)
        self.encoder = BlockStack(config)
        self.pooler = dense(config, self.size, "pooler") if pooler else None

    def build(self) -> None:
        self.embeddings.build()
        self.encoder.build()
        if self.pooler is not None:
            self.pooler.build((None, self.size))
        self.built = True

    def call(self, inputs: Mapping[str, Tensor], training: bool = False) -> dict[str, Any]:
        """The fields of the output of a model without a head, with all states and weights."""
        x_BTE = self.embeddings(inputs, training=training)
        mask_BT = inputs.get("attention_mask")
        if mask_BT is None:
            mask_BT = ops.ones(ops.shape(x_BTE)[:2], "int32")
        mask_B11T = ops.cast(mask_BT, "bool")[:, None, None, :]
        states_BTD, weights_BHTT = self.encoder(x_BTE, mask_B11T, training=training)
        fields = {"last_hidden_state": states_BTD[-1]}
        if self.pooler is not None:
            fields["pooler_output"] = ops.tanh(self.pooler(states_BTD[-1][:, 0]))
        return {**fields, "hidden_states": tuple(states_BTD), "attentions": tuple(weights_BHTT)}


def dense(config: AlbertConfig, size: int, name: str) -> Any:
    return layers.Dense(size, name=name, kernel_initializer=_initializer(config))


def table(config: AlbertConfig, rows: int, name: str) -> Any:
    """Embeddings of ids."""
    return layers.Embedding(
        rows, config.embedding_size, name=name, embeddings_initializer=_initializer(config)
    )


def norm(config: AlbertConfig, name: str) -> Any:
    return layers.LayerNormalization(epsilon=config.layer_norm_eps, name=name)


def _initializer(config: AlbertConfig) -> Any:
    return keras.initializers.TruncatedNormal(stddev=config.initializer_range)
