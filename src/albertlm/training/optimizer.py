"""LAMB exactly as google-research/albert runs it (`lamb_optimizer.py`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn


class Lamb(torch.optim.Optimizer):
    """Layer-wise adaptive moments for batch training (You et al. 2020), in Google's variant.

    No bias correction; epsilon outside the root; the trust ratio is not clipped; parameters in
    groups with `adapt=False` skip both the weight decay and the trust ratio. Gradients are first
    clipped to a global norm.

    Args:
        params: parameters, or groups of them; `albert_parameter_groups` makes the usual two.
        lr: learning rate, the relative change of a weight matrix in one step.
        betas: decay of the first and second moment.
        eps: added to the root of the second moment.
        weight_decay: added to the update, times the weight.
        max_grad_norm: global norm that gradients are clipped to; None for no clipping, as where
            they are clipped before (`clip_`).
        norms: gives the norms of tensors, for the trust ratio; where `params` are a process's
            parts of larger tensors, those of the whole.
    """

    def __init__(
        self,
        params: Iterable[Any],
        lr: float = 1.76e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-6,
        weight_decay: float = 0.01,
        max_grad_norm: float | None = 1.0,
        norms: Callable[[list[Tensor]], Sequence[Tensor]] = torch._foreach_norm,
    ) -> None:
        if lr < 0 or eps <= 0 or weight_decay < 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(
                f"lr={lr}, betas={betas}, eps={eps}, weight_decay={weight_decay} are not allowed; "
                "lr and weight_decay must be 0 or more, eps above 0 and betas in [0, 1)"
            )
        defaults = {
            "lr": lr, "betas": betas, "eps": eps, "weight_decay": weight_decay, "adapt": True,
        }  # fmt: skip
        super().__init__(params, defaults)
        self.max_grad_norm = max_grad_norm
        self.norms = norms

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        loss = None if closure is None else closure()
        if self.max_grad_norm is not None:
            params = [p for group in self.param_groups for p in group["params"]]
            clip_([p.grad for p in params if p.grad is not None], self.max_grad_norm)
        for group in self.param_groups:
            self._step_group(group, [p for p in group["params"] if p.grad is not None])
        return loss

    def _step_group(self, group: dict[str, Any], params: list[Tensor]) -> None:
        if not params:
            return
        for param in params:
            if not self.state[param]:
                self.state[param] = {
                    "exp_avg": torch.zeros_like(param), "exp_avg_sq": torch.zeros_like(param)
                }  # fmt: skip
        grads = [param.grad for param in params if param.grad is not None]
        means = [self.state[param]["exp_avg"] for param in params]
        squares = [self.state[param]["exp_avg_sq"] for param in params]
        beta1, beta2 = group["betas"]
        torch._foreach_lerp_(means, grads, 1 - beta1)
        torch._foreach_mul_(squares, beta2)
        torch._foreach_addcmul_(squares, grads, grads, 1 - beta2)
        updates = torch._foreach_sqrt(squares)
        torch._foreach_add_(updates, group["eps"])
        updates = torch._foreach_div(means, updates)
        if group["adapt"]:
            torch._foreach_add_(updates, params, alpha=group["weight_decay"])
            norms, count = self.norms([*params, *updates, *means]), len(params)
            ratios = map(_trust_ratio, norms[:count], norms[count:-count], norms[-count:])
            torch._foreach_mul_(updates, list(ratios))
        torch._foreach_add_(params, updates, alpha=-group["lr"])


@torch.no_grad()
def clip_(grads: list[Tensor], max_norm: float, norm: Tensor | None = None) -> Tensor:
    """Scale gradients in place so that their global norm is `max_norm` at most.

    Args:
        grads: the gradients, or a rank's part of them.
        max_norm: the bound.
        norm: the norm of all gradients; by default `grads` are all.

    Returns:
        The norm before.
    """
    if norm is None:
        norm = nn.utils.get_total_norm(grads, foreach=True)
    # not clip_grad_norm_, which adds 1e-6 to the norm
    torch._foreach_mul_(grads, (max_norm / norm).clamp(max=1))
    return norm


def albert_parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Weights, and apart from them LayerNorms and biases, which LAMB neither decays nor scales."""
    named = [(name, param) for name, param in model.named_parameters() if param.requires_grad]
    return [
        {"params": [p for name, p in named if is_adapted(name) is adapt], "adapt": adapt}
        for adapt in (True, False)
    ]


def is_adapted(name: str) -> bool:
    """Whether LAMB decays and scales the parameter of this name."""
    return not any(part in name for part in _APART)


_APART = ("LayerNorm", "layer_norm", "bias")


def _trust_ratio(of_param: Tensor, of_update: Tensor, of_mean: Tensor) -> Tensor:
    """From the norms of a parameter, its update, and its first moment.

    A parameter that never had a gradient, as of a layer that is not applied yet, stays as it is:
    the decay alone would be scaled up to the length of a full step.
    """
    ratio = of_param / of_update
    ratio = torch.where((of_param > 0) & (of_update > 0), ratio, torch.ones_like(ratio))
    return torch.where(of_mean > 0, ratio, torch.zeros_like(ratio))
