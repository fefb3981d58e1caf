"""LAMB exactly as in google-research/albert (`lamb_optimizer.py`), and AdamW."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

Norms = Callable[[Sequence[Tensor]], Tensor]


def foreach_norm(tensors: Sequence[Tensor]) -> Tensor:
    """The norms of N tensors, (N,), in few kernels on a GPU."""
    return torch.stack(torch._foreach_norm(list(tensors)))


class Lamb(torch.optim.Optimizer):
    """Layer-wise adaptive moments for batch training (You et al. 2020), in Google's variant.

    There is no bias correction, epsilon is added outside the root, and the trust ratio is not
    clipped. Parameters in groups with `adapt=False` skip both weight decay and trust ratio.
    Gradients are first clipped to a global norm. As with PyTorch's fused optimizers, a step changes
    nothing if the attribute `found_inf` is set to a tensor that is not 0; the gradients are then 0.

    Args:
        params: parameters, or groups of them, as `albert_parameter_groups` returns.
        lr: the learning rate, which is the relative change of a weight matrix in one step.
        betas: the decay of the first and second moment.
        eps: added to the root of the second moment.
        weight_decay: the factor of the weight that is added to the update.
        max_grad_norm: the maximum global norm of gradients; None for no clipping, such as after
            `clip_`.
        norms: computes the norms of N tensors for the trust ratio, (N,); if `params` are a
            process's parts of larger tensors, the norms of the whole tensors.
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
        norms: Norms = foreach_norm,
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
        found_inf: Tensor | None = getattr(self, "found_inf", None)
        if found_inf is None:
            torch._foreach_lerp_(means, grads, 1 - beta1)
            torch._foreach_mul_(squares, beta2)
        else:
            weight = (1 - beta1) * (1 - found_inf)
            torch._foreach_lerp_(means, grads, [weight] * len(grads))
            torch._foreach_mul_(squares, beta2 + (1 - beta2) * found_inf)
        torch._foreach_addcmul_(squares, grads, grads, 1 - beta2)
        updates = torch._foreach_sqrt(squares)
        torch._foreach_add_(updates, group["eps"])
        updates = torch._foreach_div(means, updates)
        if group["adapt"]:
            torch._foreach_add_(updates, params, alpha=group["weight_decay"])
            norms = self.norms([*params, *updates, *means]).view(3, len(params))
            torch._foreach_mul_(updates, _trust_ratio(*norms).unbind())
        if found_inf is not None:
            torch._foreach_mul_(updates, 1 - found_inf)
        torch._foreach_add_(params, updates, alpha=-group["lr"])


@torch.no_grad()
def clip_(grads: list[Tensor], max_norm: float, norm: Tensor | None = None) -> Tensor:
    """Scale gradients in place so that their global norm is at most `max_norm`.

    Args:
        grads: the gradients, or a rank's part of them.
        max_norm: the maximum norm.
        norm: the norm of all gradients; by default that of `grads`.

    Returns:
        The norm before clipping.
    """
    if norm is None:
        norm = nn.utils.get_total_norm(grads, foreach=True)
    # not clip_grad_norm_, which adds 1e-6 to the norm
    torch._foreach_mul_(grads, (max_norm / norm).clamp(max=1))
    return norm


def lamb(
    weights: Mapping[str, Tensor],
    weight_decay: float,
    norms: Norms,
) -> torch.optim.Optimizer:
    """LAMB over named tensors, without clipping.

    Args:
        weights: the tensors, or a process's parts of them.
        weight_decay: as in `Lamb`.
        norms: as in `Lamb`.
    """
    groups = [
        {"params": [each for name, each in weights.items() if is_adapted(name) is adapt]}
        | {"adapt": adapt}
        for adapt in (True, False)
    ]
    return Lamb(groups, weight_decay=weight_decay, max_grad_norm=None, norms=norms)


def adamw(
    weights: Mapping[str, Tensor],
    weight_decay: float,
    norms: Norms,  # noqa: ARG001 (for LAMB)
) -> torch.optim.Optimizer:
    """AdamW with bias correction over named tensors; arguments as for `lamb`.

    Epsilon is 1e-6, as in the released fine-tuning code.
    """
    groups = [
        {"params": [each for name, each in weights.items() if is_adapted(name) is adapt]}
        | {"weight_decay": weight_decay if adapt else 0.0}
        for adapt in (True, False)
    ]
    optimizer = torch.optim.AdamW(groups, eps=1e-6, fused=True)
    for each in weights.values():
        optimizer.state[each] = {"step": torch.zeros((), device=each.device)}
    return optimizer


def adamw_uncorrected(
    weights: Mapping[str, Tensor],
    weight_decay: float,
    norms: Norms,
) -> torch.optim.Optimizer:
    """`adamw` without bias correction, as in Google's fine-tuning code (`optimization.py`)."""
    optimizer = adamw(weights, weight_decay, norms)
    for each in weights.values():
        # after so many steps the corrections are 1 in float32, and counting on changes nothing
        optimizer.state[each]["step"].fill_(2.0**24)
    return optimizer


OPTIMIZERS = {"lamb": lamb, "adamw": adamw, "adamw-uncorrected": adamw_uncorrected}
"""The optimizers by their names in `TrainingConfig`."""


def albert_parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Two groups: weights, and LayerNorms and biases, which LAMB neither decays nor scales."""
    named = [(name, param) for name, param in model.named_parameters() if param.requires_grad]
    return [
        {"params": [p for name, p in named if is_adapted(name) is adapt], "adapt": adapt}
        for adapt in (True, False)
    ]


def is_adapted(name: str) -> bool:
    """Whether LAMB decays and scales the parameter with this name."""
    return not any(part in name for part in _APART)


_APART = ("LayerNorm", "layer_norm", "bias")


def _trust_ratio(of_params: Tensor, of_updates: Tensor, of_means: Tensor) -> Tensor:
    """The trust ratios, from the norms of parameters, their updates and their first moments.

    A ratio is 0 for a parameter that never had a gradient, such as that of a layer not applied yet:
    otherwise weight decay alone would be scaled up to a full step.
    """
    ratios = of_params / of_updates
    ratios = torch.where((of_params > 0) & (of_updates > 0), ratios, 1)
    return torch.where(of_means > 0, ratios, 0)
