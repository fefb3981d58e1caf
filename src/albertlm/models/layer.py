"""The one layer of ALBERT. Module names are the hub's, so parameters carry the hub's names.

N tokens of the whole batch, D hidden, F intermediate, B batch, T positions, H heads, K head size,
P positions that are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from albertlm.config import SHARED_MODULES, AlbertConfig
from albertlm.models.attention import attend, attend_packed, attend_with_weights, packs

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
}


@dataclass(frozen=True)
class Layout:
    """Where the N rows of a batch's token matrix stand among its B x T positions.

    Everything but attention works on a matrix of tokens, so that padding costs nothing there.
    """

    batch: int
    length: int
    mask_BT: Tensor | None = None
    """True at tokens; None where there is no padding."""
    index_N: Tensor | None = None
    """Flat positions of the rows; None where the rows are all positions."""
    starts_C: Tensor | None = None
    """(B + 1,) where each text's rows start and the last end; None where padding has rows."""

    @classmethod
    def of(cls, mask_BT: Tensor | None, batch: int, length: int, device: torch.device) -> Layout:
        """Leave padding out where it pays: on a CPU from a tenth of the positions on.

        How much there is decides over shapes, so a mask on a GPU is waited for here; one on the
        host is not, and the layout is moved to the device while the host goes on.
        """
        if mask_BT is None:
            return cls(batch, length)
        index_N = mask_BT.flatten().nonzero().squeeze(1)
        full = len(index_N) == mask_BT.numel()
        if device.type == "cpu" and len(index_N) > 0.9 * mask_BT.numel():
            return cls(batch, length, None if full else mask_BT)
        starts_C = to_device(F.pad(mask_BT.sum(1).cumsum(0), (1, 0)).int(), device)
        if full:
            return cls(batch, length, starts_C=starts_C)
        return cls(batch, length, to_device(mask_BT, device), to_device(index_N, device), starts_C)

    def gather(self, x_BTD: Tensor) -> Tensor:
        """The token matrix (N, D) of a padded tensor (B, T, D); ids (N,) of (B, T)."""
        x = x_BTD.flatten(0, 1)
        return x if self.index_N is None else x[self.index_N]

    def scatter(self, x_ND: Tensor) -> Tensor:
        """The padded tensor (B, T, D) of a token matrix, zero at padding that was left out."""
        if self.index_N is not None:
            padded = x_ND.new_zeros(self.batch * self.length, x_ND.shape[1])
            x_ND = padded.index_copy(0, self.index_N, x_ND)
        return x_ND.view(self.batch, self.length, -1)

    def reading(self, positions_BP: Tensor) -> Layout:
        """The layout of the rows at some positions only, (B * P) of them."""
        length = positions_BP.shape[1]
        starts_C = None
        if self.starts_C is not None:
            starts_C = torch.arange(self.batch + 1, dtype=torch.int32, device=positions_BP.device)
            starts_C = starts_C * length
        return replace(self, length=length, index_N=None, starts_C=starts_C)


class AlbertAttention(nn.Module):
    """Multi-head self-attention with its output projection, residual and LayerNorm."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self.heads = config.num_attention_heads
        self.attention_dropout = config.attention_probs_dropout_prob
        self.query = nn.Linear(size, size)
        self.key = nn.Linear(size, size)
        self.value = nn.Linear(size, size)
        self.dense = nn.Linear(size, size)
        self.output_dropout = nn.Dropout(config.hidden_dropout_prob)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)

    def forward(
        self, x_ND: Tensor, read_ND: Tensor, layout: Layout, queries: Layout, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from the rows `read_ND` (laid out as `queries`) to all rows of `x_ND`."""
        context_ND, weights_BHPT = self._context(
            self.query(read_ND), self.key(x_ND), self.value(x_ND), layout, queries, weights
        )
        return self.LayerNorm(read_ND + self.output_dropout(self.dense(context_ND))), weights_BHPT

    def _context(  # noqa: PLR0917 (all of one kind)
        self, q: Tensor, k: Tensor, v: Tensor, layout: Layout, queries: Layout, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        dropout = self.attention_dropout if self.training else 0.0
        packed = packs(q, self.heads, dropout) and not weights
        if packed and queries.starts_C is not None and layout.starts_C is not None:
            q_MHK, k_NHK, v_NHK = (x.view(len(x), self.heads, -1) for x in (q, k, v))
            starts, longest = (queries.starts_C, layout.starts_C), (queries.length, layout.length)
            return attend_packed(q_MHK, k_NHK, v_NHK, starts, longest).flatten(1), None
        q_BHPK, k_BHTK, v_BHTK = (
            of.scatter(x).view(of.batch, of.length, self.heads, -1).transpose(1, 2)
            for x, of in ((q, queries), (k, layout), (v, layout))
        )
        weights_BHPT = None
        if weights:
            context, weights_BHPT = attend_with_weights(
                q_BHPK, k_BHTK, v_BHTK, layout.mask_BT, dropout
            )
        else:
            context = attend(q_BHPK, k_BHTK, v_BHTK, layout.mask_BT, dropout)
        return queries.gather(context.transpose(1, 2).flatten(2)), weights_BHPT


class AlbertLayer(nn.Module):
    """Attention and feed-forward block: what all layers share (paper section 3.1)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.attention = AlbertAttention(config)
        self.ffn = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.hidden_act]
        self.ffn_output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.full_layer_layer_norm = nn.LayerNorm(config.hidden_size, eps=config.layer_norm_eps)

    def forward(
        self,
        x_ND: Tensor,
        layout: Layout,
        read: tuple[Tensor, Layout] | None = None,
        weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """One application of the layer.

        Args:
            x_ND: token matrix.
            layout: where its rows stand.
            read: those of the rows that are computed, and where they stand; all by default.
            weights: also return the attention weights (B, H, T, T).
        """
        read_ND, queries = read or (x_ND, layout)
        y_ND, weights_BHPT = self.attention(x_ND, read_ND, layout, queries, weights)
        z_ND = self.dropout(self.ffn_output(self.activation(self.ffn(y_ND))))
        return self.full_layer_layer_norm(z_ND + y_ND), weights_BHPT


class AlbertLayerGroup(nn.Module):
    """`inner_group_num` layers that are always applied one after the other."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.albert_layers = nn.ModuleList(
            AlbertLayer(config) for _ in range(config.inner_group_num)
        )


class AlbertEncoder(nn.Module):
    """The projection of embeddings to the hidden size, and the groups of shared layers."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.embedding_hidden_mapping_in = nn.Linear(config.embedding_size, config.hidden_size)
        groups = [AlbertLayerGroup(config) for _ in range(config.num_hidden_groups)]
        _share(groups, SHARED_MODULES[config.shared_across_groups])
        self.albert_layer_groups = nn.ModuleList(groups)
        self.applications = [
            (group, inner)
            for group in map(config.group_of, range(config.num_hidden_layers))
            for inner in range(config.inner_group_num)
        ]
        self.depth = len(self.applications)
        """How many of the applications are run, from the first on: fewer at pretraining's start.

        Groups that only later applications use are then not trained: they have no gradient.
        """
        self.activation_checkpointing = False

    def forward(
        self, x_NE: Tensor, layout: Layout, read_BP: Tensor | None, hidden: bool, weights: bool
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The last rows, and where asked for the padded hidden states and attention weights."""
        x_ND = self.embedding_hidden_mapping_in(x_NE)
        states, all_weights = [layout.scatter(x_ND)] if hidden else [], []
        for number, (group, inner) in enumerate(self.applications[: self.depth], start=1):
            layer: AlbertLayer = self.albert_layer_groups[group].albert_layers[inner]  # type: ignore[index, assignment]
            read = None
            if read_BP is not None and number == self.depth:
                rows_BPD = layout.scatter(x_ND).take_along_dim(read_BP[:, :, None], 1)
                read = rows_BPD.flatten(0, 1), layout.reading(read_BP)
            if self.activation_checkpointing and self.training and torch.is_grad_enabled():
                x_ND, layer_weights = torch.utils.checkpoint.checkpoint(
                    layer, x_ND, layout, read, weights, use_reentrant=False
                )
            else:
                x_ND, layer_weights = layer(x_ND, layout, read, weights)
            if hidden:
                states.append(layout.scatter(x_ND))
            if weights:
                all_weights.append(layer_weights)
        return x_ND, states, all_weights


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host on a device, copied while the host goes on."""
    if device.type == "cuda":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def _share(groups: list[AlbertLayerGroup], modules: tuple[str, ...]) -> None:
    """Give some modules of the first group's layers to the same layers of all groups."""
    for group in groups[1:]:
        for layer, of_first in zip(group.albert_layers, groups[0].albert_layers, strict=True):
            for name in modules:
                setattr(layer, name, getattr(of_first, name))
