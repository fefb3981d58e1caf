"""LAMB against a float64 implementation of the formula of google-research/albert."""

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from albertlm import AlbertForPreTraining
from albertlm.training.optimizer import (
    OPTIMIZERS,
    Lamb,
    albert_parameter_groups,
    clip_,
    foreach_norm,
)

Arrays = dict[str, NDArray[np.float64]]


def reference(weights: Arrays, gradients: list[Arrays], rates: list[float]) -> Arrays:
    """Beta 0.9 and 0.999, epsilon 1e-6 outside the root, weight decay 0.01, clipping to 1."""
    m = {name: np.zeros_like(w) for name, w in weights.items()}
    v = {name: np.zeros_like(w) for name, w in weights.items()}
    for grads, rate in zip(gradients, rates, strict=True):
        norm = np.sqrt(sum((g**2).sum() for g in grads.values()))
        for name, unclipped in grads.items():
            g = unclipped * min(1.0, 1.0 / norm)
            m[name] = 0.9 * m[name] + 0.1 * g
            v[name] = 0.999 * v[name] + 0.001 * g**2
            update = m[name] / (np.sqrt(v[name]) + 1e-6)
            ratio = 1.0
            if "bias" not in name:
                update = update + 0.01 * weights[name]
                w_norm, u_norm = np.linalg.norm(weights[name]), np.linalg.norm(update)
                ratio = float(w_norm / u_norm) if w_norm > 0 and u_norm > 0 else 1.0
            weights[name] = weights[name] - rate * ratio * update
    return weights


def test_hundred_steps_against_the_formula() -> None:
    rng = np.random.default_rng(0)
    shapes = {"a": (13, 7), "b": (5,), "a.bias": (13,), "zero": (4, 4)}
    start = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    start["zero"][:] = 0  # a weight of norm 0 has the trust ratio 1
    gradients = [
        {name: rng.normal(size=shape) * 10 ** rng.uniform(-4, 1) for name, shape in shapes.items()}
        for _ in range(100)
    ]
    rates = [0.01 * (1 - step / 100) for step in range(100)]
    params = {name: torch.tensor(w, requires_grad=True) for name, w in start.items()}
    groups: list[dict[str, Any]] = [
        {"params": [p for name, p in params.items() if "bias" not in name]},
        {"params": [params["a.bias"]], "adapt": False},
    ]
    optimizer = Lamb(groups)
    for grads, rate in zip(gradients, rates, strict=True):
        for group in optimizer.param_groups:
            group["lr"] = rate
        for name, param in params.items():
            param.grad = torch.tensor(grads[name])
        optimizer.step()
    for name, expected in reference(start, gradients, rates).items():
        np.testing.assert_allclose(params[name].detach().numpy(), expected, rtol=1e-9, atol=1e-12)


def test_clipping_by_the_norm_of_more_than_is_given() -> None:
    grads = [torch.tensor([3.0, 0.0]), torch.tensor([[4.0]])]
    assert clip_(grads, 10.0) == 5
    assert grads[1].item() == 4
    assert clip_(grads, 1.0, torch.tensor(8.0)) == 8
    assert grads[0].tolist() == [3 / 8, 0]
    assert clip_(grads, 0.125) == 5 / 8
    assert [grad.norm().item() for grad in grads] == pytest.approx([0.6 / 8, 0.8 / 8])


def test_clipping_before_is_clipping_inside() -> None:
    params = [torch.full((3, 2), 2.0, requires_grad=True) for _ in range(2)]
    inside, before = Lamb(params[:1]), Lamb(params[1:], max_grad_norm=None)
    for param in params:
        param.grad = torch.arange(6.0).view(3, 2)
    clip_([g for g in [params[1].grad] if g is not None], 1.0)
    inside.step()
    before.step()
    assert torch.equal(*params)


def test_parameter_groups(tiny_config: Any) -> None:
    model = AlbertForPreTraining(tiny_config())
    names = {id(param): name for name, param in model.named_parameters()}
    weights, apart = albert_parameter_groups(model)
    assert all(param.dim() == 2 for param in weights["params"])
    assert all(param.dim() == 1 for param in apart["params"])
    assert "predictions.bias" in [names[id(param)] for param in apart["params"]]
    assert len(weights["params"]) + len(apart["params"]) == len(names)


def test_bad_values() -> None:
    with pytest.raises(ValueError, match="eps=0"):
        Lamb([torch.zeros(1)], eps=0)


def test_what_never_had_a_gradient_stays() -> None:
    used, unused = torch.ones(3, 3, requires_grad=True), torch.ones(3, 3, requires_grad=True)
    optimizer = Lamb([used, unused], lr=0.1)
    for _ in range(3):
        used.grad, unused.grad = torch.ones(3, 3), torch.zeros(3, 3)
        optimizer.step()
    assert not torch.allclose(used, torch.ones(3, 3))
    assert torch.equal(unused, torch.ones(3, 3))


@pytest.mark.parametrize("corrected", [True, False])
def test_adamw_against_the_formula(corrected: bool) -> None:
    rng = np.random.default_rng(1)
    start = {"dense.weight": rng.normal(size=(4, 3)), "dense.bias": rng.normal(size=4)}
    weights = {name: torch.tensor(each, dtype=torch.float32) for name, each in start.items()}
    name = "adamw" if corrected else "adamw-uncorrected"
    optimizer = OPTIMIZERS[name](weights, 0.1, foreach_norm)
    for each in weights.values():
        optimizer.state[each] |= {key: torch.zeros_like(each) for key in ("exp_avg", "exp_avg_sq")}
    optimizer.param_groups[0]["lr"] = optimizer.param_groups[1]["lr"] = 0.01
    means, squares = ({key: 0.0 * each for key, each in start.items()} for _ in range(2))
    for step in range(1, 21):
        for key, each in weights.items():
            gradient = rng.normal(size=each.shape)
            each.grad = torch.tensor(gradient, dtype=torch.float32)
            means[key] = 0.9 * means[key] + 0.1 * gradient
            squares[key] = 0.999 * squares[key] + 0.001 * gradient**2
            mean, square = means[key], squares[key]
            if corrected:
                mean, square = mean / (1 - 0.9**step), square / (1 - 0.999**step)
            decay = 0.1 * start[key] if key == "dense.weight" else 0.0
            start[key] = start[key] - 0.01 * (mean / (np.sqrt(square) + 1e-6) + decay)
        optimizer.step()
    for key, each in weights.items():
        assert each.numpy() == pytest.approx(start[key], rel=1e-4, abs=1e-6)
