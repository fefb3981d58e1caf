"""ALBERT without a head: embeddings, the shared layer applied N times, and the pooler.

B batch, T positions, N tokens that are not padding, E embedding, D hidden, P read positions.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from albertlm.config import AlbertConfig
from albertlm.models.layer import AlbertEncoder, Layout
from albertlm.models.outputs import BackboneOutput
from albertlm.models.pretrained import PreTrainedModel


class AlbertEmbeddings(nn.Module):
    """Factorised embeddings (paper section 3.1): all of size E, projected to D by the encoder."""

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

    def forward(
        self, input_ids_N: Tensor, token_type_ids_N: Tensor, position_ids_N: Tensor
    ) -> Tensor:
        """The embeddings of tokens, (N, E)."""
        words_NE = self.word_embeddings(input_ids_N)
        types_NE = self.token_type_embeddings(token_type_ids_N)
        places_NE = self.position_embeddings(position_ids_N)
        x_NE: Tensor = self.dropout(self.LayerNorm(words_NE + types_NE + places_NE))
        return x_NE


class AlbertModel(PreTrainedModel):
    """The features of texts, as the card's `AlbertModel`.

    `AlbertModel(config)` has fresh weights; `AlbertModel.from_pretrained` reads trained ones.
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
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        read_positions: Tensor | None = None,
    ) -> BackboneOutput:
        """The hidden states of each token.

        Args:
            input_ids: (B, T) token ids.
            attention_mask: (B, T), 1 at tokens and 0 at padding, whose states are undefined.
            token_type_ids: (B, T) segment of each token; 0 by default.
            position_ids: (B, T) or (1, T); 0, 1, 2, … by default.
            output_hidden_states: return the states after each layer.
            output_attentions: return the attention weights of each layer.
            read_positions: (B, P); `last_hidden_state` is (B, P, D), and the last layer is computed
                at these positions only, unless its states or weights are asked for. The pooler
                reads the first of them, so [CLS] is to be there. With 15 % of the positions, the
                last layer does 29 % of another's products: the keys and values of all rows, and
                all else of those positions.

        Raises:
            ValueError: an id, a segment or a length is beyond the model's, or shapes differ.
        """
        batch, length = self._check_inputs(
            input_ids, attention_mask, token_type_ids, position_ids, read_positions
        )
        if token_type_ids is None:
            token_type_ids = torch.zeros_like(input_ids)
        if position_ids is None:
            position_ids = torch.arange(length, device=input_ids.device)[None]
        mask_BT = None if attention_mask is None else attention_mask.bool()
        return self.encode(
            input_ids,
            token_type_ids,
            position_ids.expand(batch, length),
            Layout.of(mask_BT, batch, length, input_ids.device),
            output_hidden_states=output_hidden_states,
            output_attentions=output_attentions,
            read_positions=read_positions,
        )

    def encode(
        self,
        input_ids: Tensor,
        token_type_ids: Tensor,
        position_ids: Tensor,
        layout: Layout,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        read_positions: Tensor | None = None,
    ) -> BackboneOutput:
        """What `forward` returns, of inputs that are known to be good.

        They are not looked at, so that the host never waits for a GPU.

        Args:
            input_ids: (B, T).
            token_type_ids: (B, T).
            position_ids: (B, T).
            layout: where tokens stand and where padding.
            output_hidden_states: as in `forward`, and so the rest.
            output_attentions: as there.
            read_positions: as there.
        """
        x_NE = self.embeddings(*map(layout.gather, (input_ids, token_type_ids, position_ids)))
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
        """Keep only each layer's input for the backward pass, and compute the rest again there."""
        self.encoder.activation_checkpointing = enabled

    def _check_inputs(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None,
        token_type_ids: Tensor | None,
        position_ids: Tensor | None,
        read_positions: Tensor | None,
    ) -> tuple[int, int]:
        config = self.config
        if input_ids.dtype not in (torch.int64, torch.int32):
            raise ValueError(f"input_ids is {input_ids.dtype}; it must hold integers")
        if input_ids.dim() != 2 or input_ids.numel() == 0:
            shape = tuple(input_ids.shape)
            raise ValueError(
                f"input_ids has shape {shape}; it must be (texts, tokens), none of them 0"
            )
        batch, length = input_ids.shape
        _check_range("input_ids", input_ids, config.vocab_size, "vocab_size")
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
            if tensor is not None and tensor.shape != input_ids.shape:
                raise ValueError(
                    f"{name} has shape {tuple(tensor.shape)}; it must be that of input_ids, "
                    f"{tuple(input_ids.shape)}"
                )
        return batch, length


def _check_range(name: str, ids: Tensor, limit: int, field: str) -> None:
    low, high = (int(x) for x in ids.aminmax())
    if low < 0 or high >= limit:
        raise ValueError(
            f"{name} holds {low if low < 0 else high}; with {field}={limit} it must lie in "
            f"0 … {limit - 1}"
        )
