"""ALBERT without a head: embeddings, the shared layer applied N times, and the pooler.

B batch, T positions, N tokens that are not padding, E embedding, D hidden, P read positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from albertlm.config import AlbertConfig
from albertlm.models.torch.layer import AlbertAttention, AlbertEncoder, Layout
from albertlm.models.torch.outputs import BackboneOutput
from albertlm.models.torch.pretrained import PreTrainedModel


class AlbertEmbeddings(nn.Module):
    """Factorised embeddings (paper section 3.1): of size E, which the encoder projects to D."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        size = config.embedding_size
        self.word_embeddings = nn.Embedding(
            config.vocab_size, size, padding_idx=config.pad_token_id
        )
        self.position_embeddings = nn.Embedding(config.max_position_embeddings, size)
        self.token_type_embeddings = nn.Embedding(config.type_vocab_size, size)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)

    def forward(self, tokens: Tensor, token_type_ids_N: Tensor, position_ids_N: Tensor) -> Tensor:
        """The embeddings (N, E) of tokens, which are ids (N,) or word embeddings (N, E)."""
        words_NE = tokens if tokens.is_floating_point() else self.word_embeddings(tokens)
        types_NE = self.token_type_embeddings(token_type_ids_N)
        places_NE = self.position_embeddings(position_ids_N)
        x_NE: Tensor = self.dropout(self.LayerNorm(words_NE + types_NE + places_NE))
        return x_NE


class AlbertModel(PreTrainedModel):
    """Returns features of texts, like the `AlbertModel` in the model card.

    `AlbertModel(config)` has random weights; `AlbertModel.from_pretrained` loads trained ones.
    """

    def __init__(self, config: AlbertConfig, *, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.embeddings = AlbertEmbeddings(config)
        self.encoder = AlbertEncoder(config)
        self.pooler = (
            nn.Linear(config.hidden_size, config.hidden_size) if add_pooling_layer else None
        )
        self.init_weights()

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        inputs_embeds: Tensor | None = None,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        read_positions: Tensor | None = None,
    ) -> BackboneOutput:
        """The hidden states of each token.

        Args:
            input_ids: (B, T) token ids.
            attention_mask: (B, T), 1 for tokens and 0 for padding, whose states are undefined.
            token_type_ids: (B, T) the segment of each token; 0 by default.
            position_ids: (B, T) or (1, T); 0, 1, 2, … by default.
            inputs_embeds: (B, T, E) word embeddings, instead of `input_ids`.
            output_hidden_states: return the states after each layer.
            output_attentions: return the attention weights of each layer.
            read_positions: (B, P); return the `last_hidden_state` (B, P, D) at these positions
                only. Unless hidden states or attention weights are requested, the last layer is
                computed only there, except for its keys and values: for 15 % of the positions,
                that is 29 % of the multiplications. The pooler reads the first position, which
                must be that of [CLS].

        Raises:
            ValueError: an id, a segment or a length is out of range, or shapes differ.
        """
        tokens = tokens_of(input_ids, inputs_embeds)
        if inputs_embeds is None:
            _check_ids(tokens, self.config.vocab_size)
        else:
            _check_embeddings(tokens, self.config.embedding_size)
        batch, length = tokens.shape[:2]
        self._check_inputs(
            batch, length, attention_mask, token_type_ids, position_ids, read_positions
        )
        if token_type_ids is None:
            token_type_ids = torch.zeros(batch, length, dtype=torch.long, device=tokens.device)
        if position_ids is None:
            position_ids = torch.arange(length, device=tokens.device)[None]
        mask_BT = None if attention_mask is None else attention_mask.bool()
        return self.encode(
            tokens,
            token_type_ids,
            position_ids.expand(batch, length),
            Layout.of(mask_BT, batch, length, tokens.device),
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            read_positions=read_positions,
        )

    def encode(
        self,
        tokens: Tensor,
        token_type_ids: Tensor,
        position_ids: Tensor,
        layout: Layout,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        read_positions: Tensor | None = None,
    ) -> BackboneOutput:
        """The same output as `forward`, for inputs that are known to be valid.

        The inputs are not checked, so the host never waits for a GPU.

        Args:
            tokens: ids (B, T) or word embeddings (B, T, E).
            token_type_ids: (B, T).
            position_ids: (B, T).
            layout: the positions of tokens and of padding.
            output_hidden_states: as in `forward`.
            output_attentions: as in `forward`.
            read_positions: as in `forward`.
        """
        x_NE = self.embeddings(*map(layout.gather, (tokens, token_type_ids, position_ids)))
        everything = read_positions is None or output_hidden_states or output_attentions
        x_ND, states, weights = self.encoder(
            x_NE,
            layout,
            None if everything else read_positions,
            output_hidden_states,
            output_attentions,
        )
        if read_positions is None:
            x_BTD = layout.scatter(x_ND)
        elif everything:
            x_BTD = layout.scatter(x_ND).take_along_dim(read_positions[:, :, None], 1)
        else:
            x_BTD = layout.reading(read_positions).scatter(x_ND)
        pooled_BD = None if self.pooler is None else torch.tanh(self.pooler(x_BTD[:, 0]))
        return BackboneOutput(
            last_hidden_state=x_BTD,
            pooler_output=pooled_BD,
            hidden_states=tuple(states) if output_hidden_states else None,
            attentions=tuple(weights) if output_attentions else None,
        )

    def activation_checkpointing(self, enabled: bool = True) -> None:
        """Keep only the input of each layer for the backward pass, which recomputes the rest."""
        self.encoder.activation_checkpointing = enabled

    def bf16_residual(self, enabled: bool = True) -> None:
        """Keep the states between layers in bfloat16 under autocast, also on a GPU.

        There, autocast normalises in float32 and returns float32, which doubles the memory traffic
        of the states. On a CPU, it returns the type of the input in any case.
        """
        for module in self.modules():
            if isinstance(module, AlbertAttention):
                module.keeps_dtype = enabled

    def _check_inputs(  # noqa: PLR0917 (private)
        self,
        batch: int,
        length: int,
        attention_mask: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        read_positions: Tensor | None,
    ) -> None:
        config = self.config
        if position_ids is not None:
            _check_range(
                "position_ids",
                position_ids,
                config.max_position_embeddings,
                "max_position_embeddings",
            )
        elif length > config.max_position_embeddings:
            raise ValueError(
                f"{length} tokens are more than the model's {config.max_position_embeddings} "
                "positions; truncate the text (truncation=True) or split it (stride=…)"
            )
        if position_ids is not None and position_ids.shape[-1] != length:
            raise ValueError(
                f"position_ids has shape {tuple(position_ids.shape)}; it must be (1, {length}) or "
                f"({batch}, {length})"
            )
        if read_positions is not None:
            if read_positions.dim() != 2 or len(read_positions) != batch:
                raise ValueError(
                    f"positions to read have shape {tuple(read_positions.shape)}; it must be "
                    f"({batch}, positions)"
                )
            _check_range("positions to read", read_positions, length, "tokens")
        if token_type_ids is not None:
            _check_range(
                "token_type_ids", token_type_ids, config.type_vocab_size, "type_vocab_size"
            )
        for name, tensor in (
            ("attention_mask", attention_mask),
            ("token_type_ids", token_type_ids),
        ):
            if tensor is not None and tensor.shape != (batch, length):
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; it must be that of the tokens, "
                    f"{(batch, length)}"
                )


def tokens_of(input_ids: Tensor | None, inputs_embeds: Tensor | None) -> Tensor:
    """The tokens of a batch, which are given as ids or as word embeddings.

    Raises:
        ValueError: neither or both are given.
    """
    if input_ids is not None and inputs_embeds is None:
        return input_ids
    if inputs_embeds is not None and input_ids is None:
        return inputs_embeds
    raise ValueError("the tokens of a batch must be given as one of input_ids and inputs_embeds")


def _check_ids(input_ids: Tensor, vocab_size: int) -> None:
    if input_ids.dtype not in (torch.int64, torch.int32):
        raise ValueError(f"input_ids is {input_ids.dtype}; it must hold integers")
    if input_ids.dim() != 2 or input_ids.numel() == 0:
        shape = tuple(input_ids.shape)
        raise ValueError(f"input_ids has shape {shape}; it must be (texts, tokens), none of them 0")
    _check_range("input_ids", input_ids, vocab_size, "vocab_size")


def _check_embeddings(inputs_embeds: Tensor, size: int) -> None:
    if not inputs_embeds.is_floating_point():
        raise ValueError(f"inputs_embeds is {inputs_embeds.dtype}; it must hold fractions")
    if inputs_embeds.dim() != 3 or inputs_embeds.shape[2] != size or inputs_embeds.numel() == 0:
        shape = tuple(inputs_embeds.shape)
        raise ValueError(
            f"inputs_embeds has shape {shape}; it must be (texts, tokens, {size}), none of them 0"
        )


def _check_range(name: str, ids: Tensor, limit: int, field: str) -> None:
    low, high = (int(x) for x in ids.aminmax())
    if low < 0 or high >= limit:
        raise ValueError(
            f"{name} holds {low if low < 0 else high}; with {field}={limit} it must lie in "
            f"0 … {limit - 1}"
        )
