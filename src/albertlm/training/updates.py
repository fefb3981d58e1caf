"""Update weights from gradients, in one process or several.

ALBERT applies one layer many times, so its gradient is complete only at the end of the backward
pass, and communication cannot overlap with it as in PyTorch's DistributedDataParallel. Instead, all
gradients share one buffer, which is summed over the processes once per step, after all
micro-batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from albertlm.training.group import Group
from albertlm.training.optimizer import OPTIMIZERS, clip_, foreach_norm
from albertlm.training.run_config import Execution, TrainingConfig

BLOCK = 1024
"""Alignment of tensors in a flat buffer; norms are computed of blocks, then of their norms."""


class Updater:
    """The optimizer of a run.

    The model's parameters become views into one buffer and their gradients into another, to which
    backward passes add: do not call `zero_grad`. The model must already be on its device. With
    `Execution.sharded`, each process keeps the optimizer's state only for its range of the buffer
    (ZeRO stage 1, Rajbhandari et al. 2020): it receives the summed gradients of this range, updates
    it, and sends the new weights to all processes. The result is the same except for rounding.

    Args:
        model: the model to train, with the same weights in every process.
        config: supplies `optimizer`, `weight_decay`, `max_grad_norm`, `not_finite` and `average`.
        execution: supplies `sharded`, `bf16` and `bf16_gradients`.
        group: the processes.
    """

    def __init__(
        self, model: nn.Module, config: TrainingConfig, execution: Execution, group: Group
    ) -> None:
        params = {name: each for name, each in model.named_parameters() if each.requires_grad}
        self.group = group
        self.sharded = execution.sharded
        self.bf16 = execution.bf16_gradients and group.size > 1
        self.max_grad_norm = config.max_grad_norm
        self.guarded = bool(execution.bf16) and config.not_finite > 1
        self.layout = FlatLayout({name: each.shape for name, each in params.items()}, group.size)
        self.weights = torch.zeros(self.layout.size, device=group.device)
        self.gradients = torch.zeros_like(self.weights)
        weights, gradients = map(self.layout.tensors, (self.weights, self.gradients))
        for name, param in params.items():
            weights[name].copy_(param.data)
            param.data, param.grad = weights[name], gradients[name]
        self.range = group.share(self.layout.size) if self.sharded else slice(0, self.layout.size)
        self.means = torch.zeros_like(self.weights[self.range])
        self.squares = torch.zeros_like(self.means)
        self.optimizer = self._optimizer(config)
        self.decay = config.average
        self.average = None if self.decay is None else self.weights.clone()

    def _optimizer(self, config: TrainingConfig) -> torch.optim.Optimizer:
        """Make the optimizer of the parts of tensors in this process's range."""
        weights, gradients, means, squares = (
            self.layout.parts(flat, self.range.start)
            for flat in (
                *(self.weights[self.range], self.gradients[self.range]),
                *(self.means, self.squares),
            )
        )
        for name, part in weights.items():
            part.grad = gradients[name]
        optimizer = OPTIMIZERS[config.optimizer](weights, config.weight_decay, self._norms)
        for name, part in weights.items():
            optimizer.state[part] |= {"exp_avg": means[name], "exp_avg_sq": squares[name]}
        return optimizer

    @torch.no_grad()
    def step(self, rate: float) -> Tensor:
        """Sum the gradients of all processes, clip them, update the weights, clear the gradients.

        In bfloat16, nothing changes if the norm of the gradients is not finite; this is decided on
        the device, without waiting for it.

        Args:
            rate: the learning rate.

        Returns:
            The global norm of the gradients before clipping, a scalar that is the same in all
            processes.
        """
        self._sum_gradients()
        mine = self.gradients[self.range]
        norm: Tensor = self._norms([mine])[0]
        if self.guarded:
            self._guard(mine, norm)
        else:
            clip_([mine], self.max_grad_norm, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        if self.sharded:
            self.group.gather_(self.weights)
        if self.average is not None and self.decay is not None:
            self.average.lerp_(self.weights, 1 - self.decay)
        self.gradients.zero_()
        return norm

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """The weights of the model are their moving average within the block."""
        if self.average is None:
            raise ValueError("there is no average of the weights; set average=0.998")
        kept = self.weights.clone()
        self.weights.copy_(self.average)
        try:
            yield
        finally:
            self.weights.copy_(kept)

    def _guard(self, gradients: Tensor, norm: Tensor) -> None:
        """Clip gradients and let the optimizer change nothing if their norm is not finite."""
        finite = norm.isfinite()
        gradients.masked_fill_(~finite, 0)
        clip_([gradients], self.max_grad_norm, torch.where(finite, norm, torch.ones_like(norm)))
        # read by PyTorch's fused optimizers and by `Lamb`
        self.optimizer.found_inf = (~finite).to(norm.dtype)  # type: ignore[attr-defined]

    def _sum_gradients(self) -> None:
        travelling = self.gradients.bfloat16() if self.bf16 else self.gradients
        if self.sharded:
            self.group.sum_share_(travelling)
        else:
            self.group.sum_(travelling)
        if self.bf16:
            self.gradients[self.range].copy_(travelling[self.range])

    def _norms(self, parts: Sequence[Tensor]) -> Tensor:
        """The norms of N tensors, of which each process may have only a part, (N,)."""
        if not self.weights.is_cuda:
            # computed at once on a CPU, float32 norms of millions of numbers lose four digits
            parts = [torch.linalg.vector_norm(part.view(-1, BLOCK), dim=1) for part in parts]
        norms = foreach_norm(parts)
        if self.sharded:
            norms = self.group.sum(norms.square()).sqrt()
        return norms

    def state_dict(self) -> dict[str, Tensor]:
        """The `NAME.exp_avg` and `NAME.exp_avg_sq` of every parameter, complete and on the CPU.

        The state of AdamW also has `step`, the number of steps, and there is `NAME.average` if the
        weights are averaged.

        The format does not depend on the number of processes. All must call this, but only the
        first gets the state; the others get an empty dictionary.
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
        if self.group.first and self.average is not None:
            tensors = self.layout.tensors(self.average)
            state |= {f"{name}.average": tensor.cpu() for name, tensor in tensors.items()}
        if self.group.first and (counts := self._step_counts()):
            state["step"] = counts[0].cpu()
        return state

    def load_state_dict(self, state: dict[str, Tensor]) -> None:
        """Load the complete state that `state_dict` returned in the first process.

        Raises:
            ValueError: the state belongs to another model.
        """
        kinds = [("exp_avg", self.means, self.range), ("exp_avg_sq", self.squares, self.range)]
        if self.average is not None:
            kinds.append(("average", self.average, slice(None)))
        for kind, mine, part in kinds:
            whole = torch.zeros_like(self.weights)
            for name, tensor in self.layout.tensors(whole).items():
                saved = state.get(f"{name}.{kind}")
                if saved is None or saved.shape != tensor.shape:
                    raise ValueError(
                        f"the optimizer's state has no {name}.{kind} of shape "
                        f"{tuple(tensor.shape)}; load the state of this model"
                    )
                tensor.copy_(saved)
            mine.copy_(whole[part])
        for count in self._step_counts():
            count.fill_(float(state.get("step", 0)))

    def _step_counts(self) -> list[Tensor]:
        """The step counts of an optimizer with bias correction, one for each tensor."""
        return [state["step"] for state in self.optimizer.state.values() if "step" in state]


class FlatLayout:
    """The layout of tensors in a flat buffer: consecutive, each starting at a multiple of `BLOCK`.

    Args:
        shapes: the shapes of the tensors, by name.
        shares: the number of equal ranges of whole blocks into which the buffer can be divided.
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
        """The tensors of a buffer, as views."""
        return {
            name: flat[self.spans[name].start :][: shape.numel()].view(shape)
            for name, shape in self.shapes.items()
        }

    def parts(self, flat: Tensor, start: int) -> dict[str, Tensor]:
        """The whole blocks of each tensor in a range that begins at `start`; may be empty."""
        return {
            name: flat[max(0, span.start - start) : max(0, span.stop - start)]
            for name, span in self.spans.items()
        }


def _round_up(number: int, multiple: int) -> int:
    return -(-number // multiple) * multiple
