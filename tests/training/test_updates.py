"""One process and several give the same weights, with or without sharding."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import pytest
import torch
from processes import Processes
from update_calls import Trained, train

from albertlm import AlbertConfig, AlbertForPreTraining, costs
from albertlm.training.group import Group
from albertlm.training.optimizer import Lamb, albert_parameter_groups
from albertlm.training.run_config import Execution, Phase, PretrainingConfig
from albertlm.training.updates import BLOCK, FlatLayout, Updater

STEPS = 24


@pytest.fixture(scope="module")
def config(tiny_config: Callable[..., AlbertConfig]) -> PretrainingConfig:
    model = tiny_config(vocab_size=700, num_hidden_groups=3)
    phase = Phase(steps=STEPS, batch_size=12, length=24)
    return PretrainingConfig(model=model, phases=(phase,), warmup_steps=0)


@pytest.fixture(scope="module")
def one(config: PretrainingConfig, processes: Processes) -> Trained:
    (alone,) = processes.run(train, 1, config, Execution(), STEPS)
    return alone


def test_one_process_makes_adamws_steps(config: PretrainingConfig) -> None:
    """Against AdamW and gradient clipping of PyTorch, on the model's own parameters."""
    config = replace(config, optimizer="adamw")
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        model, twin = AlbertForPreTraining(config.model), AlbertForPreTraining(config.model)
        twin.load_state_dict(model.state_dict())
        updater = Updater(model, config, Execution(), Group.alone("cpu"))
    finally:
        torch.set_default_dtype(torch.float32)
    groups = [
        {"params": group["params"], "weight_decay": 0.01 if group["adapt"] else 0.0}
        for group in albert_parameter_groups(twin)
    ]
    adamw = torch.optim.AdamW(groups, lr=0.01, eps=1e-6)
    for step in range(10):
        ids = torch.randint(5, config.model.vocab_size, (4, 16))
        for each in (model, twin):
            loss = each(ids, labels=ids, sentence_order_label=ids[:, 0] % 2).loss
            (loss * 10 ** (step % 3 - 1)).backward()
        norm = torch.nn.utils.clip_grad_norm_(twin.parameters(), 1.0)
        assert updater.step(0.01).item() == pytest.approx(norm.item(), rel=1e-6)
        adamw.step()
        adamw.zero_grad()
    assert updater.state_dict()["step"] == 10
    for ours, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)


def difference(values: list[float], expected: list[float]) -> float:
    """The largest relative difference."""
    return max(abs(a / b - 1) for a, b in zip(values, expected, strict=True))


def test_one_process_makes_lambs_steps(config: PretrainingConfig) -> None:
    """Against LAMB on the model's own parameters, with its own clipping."""
    torch.manual_seed(0)
    torch.set_default_dtype(torch.float64)
    try:
        model, twin = AlbertForPreTraining(config.model), AlbertForPreTraining(config.model)
        twin.load_state_dict(model.state_dict())
        updater = Updater(model, config, Execution(), Group.alone("cpu"))
    finally:
        torch.set_default_dtype(torch.float32)
    lamb = Lamb(albert_parameter_groups(twin), lr=0.01)
    for step in range(10):
        ids = torch.randint(5, config.model.vocab_size, (4, 16))
        for each in (model, twin):
            loss = each(ids, labels=ids, sentence_order_label=ids[:, 0] % 2).loss
            (loss * 10 ** (step % 3 - 1)).backward()
        norm = torch.nn.utils.get_total_norm(
            [p.grad for p in twin.parameters() if p.grad is not None]
        )
        assert updater.step(0.01).item() == pytest.approx(norm.item(), rel=1e-9)
        lamb.step()
        lamb.zero_grad()
        assert all(p.grad is not None and not p.grad.any() for p in model.parameters())
    for mine, theirs in zip(model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("optimizer", ["lamb", "adamw"])
def test_a_guarded_step_is_exact_or_changes_nothing(
    optimizer: Literal["lamb", "adamw"], config: PretrainingConfig
) -> None:
    """In bfloat16, bit by bit as without the guard, except where the gradient is not finite."""
    config = replace(config, optimizer=optimizer)
    torch.manual_seed(0)
    model = AlbertForPreTraining(config.model)
    twin = copy.deepcopy(model)
    guarded = Updater(model, config, Execution(bf16=True), Group.alone("cpu"))
    plain = Updater(twin, config, Execution(), Group.alone("cpu"))
    for step in range(6):
        gradients = torch.randn_like(plain.gradients)
        for each in (plain, guarded):
            each.gradients.copy_(gradients)
            assert each.step(0.01).isfinite()
        if step in (2, 4):
            guarded.gradients.copy_(gradients)
            guarded.gradients[7] = (torch.inf, torch.nan)[step == 4]
            assert not guarded.step(0.01).isfinite()
            assert not guarded.gradients.any()
        for name in ("weights", "means", "squares"):
            assert torch.equal(getattr(guarded, name), getattr(plain, name)), (step, name)
    states = [each.state_dict() for each in (guarded, plain)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())


@pytest.mark.parametrize(
    ("size", "sharded", "micro_batches"),
    [(2, False, 1), (2, True, 1), (2, False, 3), (3, True, 2)],
)
def test_several_processes_equal_one(
    config: PretrainingConfig,
    one: Trained,
    processes: Processes,
    size: int,
    sharded: bool,
    micro_batches: int,
) -> None:
    several = processes.run(train, size, config, Execution(sharded=sharded), STEPS, micro_batches)
    for each in several:
        assert difference(each.losses, one.losses) < 1e-5
        assert each.norms == several[0].norms
        for name, tensor in each.weights.items():  # no process drifts from the others
            assert torch.equal(tensor, several[0].weights[name])


def test_weights_are_equal_but_for_rounding(
    config: PretrainingConfig, processes: Processes
) -> None:
    """In float64, since LAMB amplifies the rounding errors of small gradients in float32."""
    runs = [
        processes.run(train, size, config, Execution(sharded=sharded), STEPS, 1, torch.float64)[0]
        for size, sharded in ((1, False), (2, False), (2, True))
    ]
    for run in runs[1:]:
        assert difference(run.norms, runs[0].norms) < 1e-9
        for name, tensor in run.weights.items():
            torch.testing.assert_close(tensor, runs[0].weights[name], rtol=1e-9, atol=1e-9)


def test_gradients_in_bfloat16_stay_close(
    config: PretrainingConfig, one: Trained, processes: Processes
) -> None:
    """They have 8 bits: a relative error of 2 ** -9 for each number that is sent, and in sums."""
    for sharded in (False, True):
        execution = Execution(sharded=sharded, bf16_gradients=True)
        several = processes.run(train, 2, config, execution, STEPS)
        assert 0 < difference(several[0].losses, one.losses) < 2**-8


@pytest.mark.parametrize("sizes", [(1, 2), (2, 1), (2, 3)])
def test_the_state_fits_any_number_of_processes(
    config: PretrainingConfig, one: Trained, processes: Processes, sizes: tuple[int, int]
) -> None:
    before, after = sizes
    half = STEPS // 2
    first = processes.run(train, before, config, Execution(sharded=before > 1), half)
    assert all(each.state == {} for each in first[1:])
    assert sum(each.state_size for each in first) == FlatLayout(_shapes(config.model), before).size
    rest = processes.run(
        *(train, after, config, Execution(sharded=after > 1), STEPS - half, 1, torch.float32),
        *(first[0].weights, first[0].state, half),
    )
    assert first[0].losses + rest[0].losses == pytest.approx(one.losses, rel=1e-5)
    assert rest[0].state.keys() == one.state.keys()
    for name, tensor in one.state.items():
        assert rest[0].state[name].shape == tensor.shape


def _shapes(config: AlbertConfig) -> dict[str, torch.Size]:
    return {name: torch.Size(shape) for name, shape in costs.parameter_shapes(config).items()}


def test_a_state_of_another_model_is_refused(config: PretrainingConfig, one: Trained) -> None:
    other = replace(config, model=replace(config.model, hidden_size=36))
    with pytest.raises(
        ValueError, match=r"has no .*\.exp_avg of shape .*; load the state of this model"
    ):
        train(other, Execution(), 1, state=one.state)


def test_shares_cut_tensors_and_cover_them() -> None:
    shapes = {"a": torch.Size([3, 700]), "b": torch.Size([5]), "c": torch.Size([2 * BLOCK])}
    layout = FlatLayout(shapes, shares=4)
    assert layout.size == 8 * BLOCK  # 3 + 1 + 2 blocks, rounded up to whole blocks for each of 4
    flat = torch.arange(float(layout.size))
    for name, tensor in layout.tensors(flat).items():
        shares = [layout.parts(flat[n * 2 * BLOCK :][: 2 * BLOCK], n * 2 * BLOCK) for n in range(4)]
        whole = torch.cat([share[name] for share in shares])
        assert tensor.shape == shapes[name]
        assert torch.equal(whole[: tensor.numel()], tensor.flatten())
        assert len(whole) % BLOCK == 0


def test_the_memory_of_shares_is_as_estimated() -> None:
    """For xxlarge on 8 processes: compares the sizes of the buffers without allocating them."""
    config = AlbertConfig.preset("albert-xxlarge-v2")
    layout = FlatLayout(_shapes(config), shares=8)
    numbers = {
        "weights": layout.size,
        "gradients": layout.size,
        "optimizer_states": layout.size / 4,
    }
    estimate = costs.training_memory(config, batch_size=1, length=8, optimizer_states=2 / 8)
    for part, count in numbers.items():
        assert 4 * count == pytest.approx(estimate[part], rel=1e-3)
