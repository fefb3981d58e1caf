"""The shared layer of ALBERT, with the hub's module names and so the hub's parameter names.

N tokens of the whole batch, D hidden, F intermediate, B batch, T positions, H heads, K head size,
P read positions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from albertlm.config import SHARED_MODULES, AlbertConfig
from albertlm.models.torch.attention import attend, attend_packed, attend_with_weights, packs
from albertlm.models.torch.dropout import Dropout


def gelu_tanh(x: Tensor) -> Tensor:
    return F.gelu(x, approximate="tanh")


def quick_gelu(x: Tensor) -> Tensor:
    return x * torch.sigmoid(1.702 * x)


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_new": gelu_tanh,
    "quick_gelu": quick_gelu,
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}
"""By the values of `config.ACTIVATIONS`; functions with names, so that models can be pickled."""


@dataclass(frozen=True)
class Layout:
    """The positions of the N rows of a batch's token matrix among its B x T positions.

    Everything except attention works on a matrix of tokens, so padding takes no time there.
    """

    batch: int
    length: int
    mask_BT: Tensor | None = None
    """True for tokens; None if there is no padding."""
    index_N: Tensor | None = None
    """The flat positions of the rows, of which the last may be padding, see `rounded_up`; None if
    there is a row for every position."""
    starts_C: Tensor | None = None
    """(C,) the first row of each text, and the number of rows; None if padding is among the rows of
    a text. The padding behind the last text is further texts, some of which may be empty."""

    @classmethod
    def of(cls, mask_BT: Tensor | None, batch: int, length: int, device: torch.device) -> Layout:
        """The layout for a mask, without padding where that is faster: on a CPU, from 10 % padding.

        The shapes depend on the amount of padding, so a mask on a GPU makes the host wait. A mask
        on the host does not, and the layout is copied to the device asynchronously.
        """
        if mask_BT is None:
            return cls(batch, length)
        index_N = mask_BT.flatten().nonzero().squeeze(1)
        full = len(index_N) == mask_BT.numel()
        if device.type == "cpu" and len(index_N) > 0.9 * mask_BT.numel():
            return cls(batch, length, None if full else mask_BT)
        more = rounded_up(len(index_N), mask_BT.numel(), device) - len(index_N)
        padding = (~mask_BT).flatten().nonzero().squeeze(1)
        index_N = torch.cat([index_N, padding[:more]])
        if device.type == "cpu":
            return cls(batch, length, mask_BT, index_N)
        texts = -(-_row_step(mask_BT.numel(), device) // length)
        of_padding = (torch.arange(1, texts + 1) * length).clamp(max=more).to(mask_BT.device)
        starts = F.pad(mask_BT.sum(1).cumsum(0), (1, 0))
        starts_C = to_device(torch.cat([starts, starts[-1] + of_padding]).int(), device)
        if full:
            return cls(batch, length, starts_C=starts_C)
        return cls(batch, length, to_device(mask_BT, device), to_device(index_N, device), starts_C)

    def gather(self, x_BTD: Tensor) -> Tensor:
        """The token matrix (N, D) of a padded tensor (B, T, D), or ids (N,) of ids (B, T)."""
        x = x_BTD.flatten(0, 1)
        return x if self.index_N is None else x[self.index_N]

    def scatter(self, x_ND: Tensor) -> Tensor:
        """The padded tensor (B, T, D) of a token matrix, zero at padding without rows."""
        if self.index_N is not None:
            padded = x_ND.new_zeros(self.batch * self.length, x_ND.shape[1])
            x_ND = padded.index_copy(0, self.index_N, x_ND)
        return x_ND.view(self.batch, self.length, -1)

    def reading(self, positions_BP: Tensor) -> Layout:
        """The layout of the B * P rows at the given positions."""
        length = positions_BP.shape[1]
        starts_C = None
        if self.starts_C is not None:
            texts_C = torch.arange(
                len(self.starts_C), dtype=torch.int32, device=positions_BP.device
            )
            starts_C = texts_C.clamp(max=self.batch) * length
        return replace(self, length=length, index_N=None, starts_C=starts_C)


def rounded_up(number: int, most: int, device: torch.device) -> int:
    """A number of rows, rounded up to one of at most 32 up to the largest number; 128 on a GPU.

    The libraries of CPUs make kernels for each shape of a matrix and keep them, so with any number
    of rows, memory would grow with the steps; those of GPUs look for the fastest kernel for each
    shape. Some rows more cost less than 2 % of the time.
    """
    step = _row_step(most, device)
    return min(most, -(-number // step) * step)


def _row_step(most: int, device: torch.device) -> int:
    return -(-most // (32 if device.type == "cpu" else 128))


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
        self.output_dropout = Dropout(config.hidden_dropout_prob)
        self.LayerNorm = nn.LayerNorm(size, eps=config.layer_norm_eps)
        self.keeps_dtype = False
        """Whether outputs have the type of inputs, also where autocast normalises in float32."""

    def forward(
        self, x_ND: Tensor, read_ND: Tensor, layout: Layout, queries: Layout, weights: bool
    ) -> tuple[Tensor, Tensor | None]:
        """Attend from the rows `read_ND` (laid out as `queries`) to all rows of `x_ND`."""
        context_ND, weights_BHPT = self._context(
            self.query(read_ND), self.key(x_ND), self.value(x_ND), layout, queries, weights
        )
        y_ND = self.LayerNorm(read_ND + self.output_dropout(self.dense(context_ND)))
        return y_ND.to(read_ND.dtype) if self.keeps_dtype else y_ND, weights_BHPT

    def _context(  # noqa: PLR0917 (private)
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
    """Attention and feed-forward block, which all layers share (paper section 3.1)."""

    def __init__(self, config: AlbertConfig) -> None:
        super().__init__()
        self.attention = AlbertAttention(config)
        self.ffn = nn.Linear(config.hidden_size, config.intermediate_size)
        self.activation = ACTIVATIONS[config.activation]
        self.ffn_output = nn.Linear(config.intermediate_size, config.hidden_size)
        self.dropout = Dropout(config.hidden_dropout_prob)
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
            x_ND: the token matrix.
            layout: the positions of its rows.
            read: the rows to compute, and their layout; all rows by default.
            weights: also return the attention weights (B, H, T, T).
        """
        read_ND, queries = read or (x_ND, layout)
        y_ND, weights_BHPT = self.attention(x_ND, read_ND, layout, queries, weights)
        z_ND = self.dropout(self.ffn_output(self.activation(self.ffn(y_ND))))
        z_ND = self.full_layer_layer_norm(z_ND + y_ND)
        return z_ND.to(y_ND.dtype) if self.attention.keeps_dtype else z_ND, weights_BHPT


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
        """The number of applications to run, which may be smaller at the start of pretraining.

        Groups that only later applications use then have no gradient and are not trained.
        """
        self.activation_checkpointing = False

    def forward(
        self, x_NE: Tensor, layout: Layout, read_BP: Tensor | None, hidden: bool, weights: bool
    ) -> tuple[Tensor, list[Tensor], list[Tensor]]:
        """The last rows, and if requested the padded hidden states and the attention weights."""
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

    def apply_shared(self, x_ND: Tensor, layout: Layout) -> Tensor:
        """Apply the layer of a model that has only one to rows once more."""
        layer: AlbertLayer = self.albert_layer_groups[0].albert_layers[0]  # type: ignore[index, assignment]
        x_ND, _ = layer(x_ND, layout, None, False)
        return x_ND


def to_device(x: Tensor, device: torch.device) -> Tensor:
    """The tensor on a device; from the host, it is copied asynchronously."""
    if device.type == "cuda" and x.device.type == "cpu":
        return x.pin_memory().to(device, non_blocking=True)
    return x.to(device)


def _share(groups: list[AlbertLayerGroup], modules: tuple[str, ...]) -> None:
    """Use these modules of the first group's layers in the layers of all groups."""
    for group in groups[1:]:
        for layer, of_first in zip(group.albert_layers, groups[0].albert_layers, strict=True):
            for name in modules:
                setattr(layer, name, getattr(of_first, name))
