"""From gradients to new weights, in one process or shared out among several.

ALBERT applies one layer many times, so that its gradient is complete only when the backward pass
has ended: nothing could travel earlier, as PyTorch's DistributedDataParallel lets gradients travel
from layer to layer. All gradients lie in one buffer instead, which is summed over the processes
once a step, after all micro-batches.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from albertlm.training.config import Execution, PretrainingConfig
from albertlm.training.group import Group
from albertlm.training.optimizer import Lamb, clip_, is_adapted

BLOCK = 1024
"""Tensors begin at multiples of this in a flat buffer; norms are taken of blocks, then of those."""


class Updater:
    """The optimizer of a run.

    The model's parameters become views into one buffer, and their gradients into another: backward
    passes add to it, so `zero_grad` is not to be called. The model must be on its device already.
    With `Execution.sharded` each process keeps the optimizer's state of its range of the buffer
    only (ZeRO stage 1, Rajbhandari et al. 2020): it receives the summed gradients of this range,
    updates it, and sends the new weights to all. The result is the same but for rounding.

    Args:
        model: what is trained; every process's has the same weights.
        config: for `weight_decay` and `max_grad_norm`.
        execution: for `sharded` and `bf16_gradients`.
        group: the processes.
    """

    def __init__(
        self, model: nn.Module, config: PretrainingConfig, execution: Execution, group: Group
    ) -> None:
        params = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self.group = group
        self.sharded = execution.sharded
        self.bf16 = execution.bf16_gradients and group.size > 1
        self.max_grad_norm = config.max_grad_norm
        self.layout = Layout({name: each.shape for name, each in params.items()}, group.size)
        self.weights = torch.zeros(self.layout.size, device=group.device)
        self.gradients = torch.zeros_like(self.weights)
        weights, gradients = map(self.layout.tensors, (self.weights, self.gradients))
        for name, param in params.items():
            weights[name].copy_(param.data)
            param.data, param.grad = weights[name], gradients[name]
        self.range = group.share(self.layout.size) if self.sharded else slice(0, self.layout.size)
        self.means = torch.zeros_like(self.weights[self.range])
        self.squares = torch.zeros_like(self.means)
        self.optimizer = self._optimizer(config.weight_decay)

    def _optimizer(self, weight_decay: float) -> Lamb:
        """LAMB of the part of each tensor that lies in this process's range."""
        weights, gradients, means, squares = (
            self.layout.parts(flat, self.range.start)
            for flat in (
                *(self.weights[self.range], self.gradients[self.range]),
                *(self.means, self.squares),
            )
        )
        adapted = [part for name, part in weights.items() if is_adapted(name)]
        others = [part for name, part in weights.items() if not is_adapted(name)]
        optimizer = Lamb(
            [{"params": adapted, "adapt": True}, {"params": others, "adapt": False}],
            weight_decay=weight_decay,
            max_grad_norm=None,
            norms=self._norms,
        )
        for name, part in weights.items():
            part.grad = gradients[name]
            optimizer.state[part] = {"exp_avg": means[name], "exp_avg_sq": squares[name]}
        return optimizer

    @torch.no_grad()
    def step(self, rate: float) -> Tensor:
        """Sum the gradients of all processes, clip them, update the weights, clear the gradients.

        Args:
            rate: the learning rate.

        Returns:
            The global norm of the gradients before clipping, without dimension; the same in all
            processes.
        """
        self._sum_gradients()
        mine = self.gradients[self.range]
        (norm,) = self._norms([mine])
        clip_([mine], self.max_grad_norm, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.sharded:
            self.group.gather_(self.weights)
        self.gradients.zero_()
        return norm

    def _sum_gradients(self) -> None:
        travelling = self.gradients.bfloat16() if self.bf16 else self.gradients
        if self.sharded:
            self.group.sum_share_(travelling)
        else:
            self.group.sum_(travelling)
        if self.bf16:
            self.gradients[self.range].copy_(travelling[self.range])

    def _norms(self, parts: Sequence[Tensor]) -> Sequence[Tensor]:
        """The norms of tensors of which each process may have a part only."""
        # in one go, float32 loses four digits of the norm of millions of numbers on a CPU
        blocks = [torch.linalg.vector_norm(part.view(-1, BLOCK), dim=1) for part in parts]
        norms = torch.stack([torch.linalg.vector_norm(each) for each in blocks])
        if self.sharded:
            norms = self.group.sum(norms.square()).sqrt()
        return norms.unbind()

    def state_dict(self) -> dict[str, Tensor]:
        """`NAME.exp_avg` and `NAME.exp_avg_sq` of every parameter, whole, on the CPU.

        The format is the same whatever the number of processes. All must call it; those after the
        first get an empty dictionary.
        """
        state: dict[str, Tensor] = {}
        for kind, mine in (("exp_avg", self.means), ("exp_avg_sq", self.squares)):
            whole = mine
            if self.sharded:
                whole = torch.empty_like(self.weights)
                whole[self.range] = mine
                self.group.gather_(whole)
            if self.group.first:
                tensors = self.layout.tensors(whole)
                state |= {f"{name}.{kind}": tensor.cpu() for name, tensor in tensors.items()}
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Take over what the first process's `state_dict` returned; each process needs all of it.

        Raises:
            ValueError: it is the state of another model.
        """
        for kind, mine in (("exp_avg", self.means), ("exp_avg_sq", self.squares)):
            whole = torch.zeros_like(self.weights)
            for name, tensor in self.layout.tensors(whole).items():
                saved = state.get(f"{name}.{kind}")
                if saved is None or saved.shape != tensor.shape:
                    raise ValueError(
                        f"the optimizer's state has no {name}.{kind} of shape "
                        f"{tuple(tensor.shape)}; it is that of another model"
                    )
                tensor.copy_(saved)
            mine.copy_(whole[self.range])


class Layout:
    """Where tensors lie in a flat buffer: one after the other, each from a multiple of `BLOCK` on.

    Args:
        shapes: of the tensors, by name.
        shares: the buffer can be parted into so many equal ranges of whole blocks.
    """

    def __init__(self, shapes: dict[str, torch.Size], shares: int) -> None:
        self.shapes = shapes
        self.spans: dict[str, slice] = {}
        start = 0
        for name, shape in shapes.items():
            self.spans[name] = slice(start, start + _round_up(shape.numel(), BLOCK))
            start = self.spans[name].stop
        self.size = _round_up(start, BLOCK * shares)

    def tensors(self, flat: Tensor) -> dict[str, Tensor]:
        """The tensors in a buffer, as views."""
        return {
            name: flat[self.spans[name].start :][: shape.numel()].view(shape)
            for name, shape in self.shapes.items()
        }

    def parts(self, flat: Tensor, start: int) -> dict[str, Tensor]:
        """What a range that begins at `start` holds of each tensor, as whole blocks; maybe none."""
        return {
            name: flat[max(0, span.start - start) : max(0, span.stop - start)]
            for name, span in self.spans.items()
        }


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
