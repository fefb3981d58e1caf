"""What is special on a GPU: packed texts, compiled layers, and a run that goes on there."""

import copy
from collections.abc import Callable
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from batches import random_batch

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer
from albertlm.models.attention import attend_packed, attend_with_weights
from albertlm.pretraining.loader import Batch
from albertlm.pretraining.shards import TokenPart
from albertlm.recipes.small import smoke
from albertlm.training import step
from albertlm.training.config import Execution, Phase
from albertlm.training.objective import Counts, PretrainingObjective
from albertlm.training.trainer import pretrain

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture(autouse=True)
def nothing_compiled() -> None:
    """PyTorch compiles a function so many times, and then no more."""
    torch.compiler.reset()


def test_packed_attention() -> None:
    """Each text alone by the plain formula in float64, forwards and backwards."""
    torch.manual_seed(0)
    lengths, heads, size = (64, 1, 17), 3, 16
    starts = torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32, device="cuda")
    rows = [torch.randn(sum(lengths), heads, size, device="cuda") for _ in range(3)]
    halves = [x.bfloat16().requires_grad_() for x in rows]
    exact = [x.detach().double().requires_grad_() for x in halves]
    found = attend_packed(*halves, (starts, starts), (64, 64))
    texts = [
        attend_with_weights(*(x[None].transpose(1, 2) for x in text), None, 0.0)[0]
        for text in zip(*(x.split(lengths) for x in exact), strict=True)
    ]
    expected = torch.cat([text[0].transpose(0, 1) for text in texts])
    weights = torch.randn_like(expected)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert _close(found, expected)
    for mine, theirs in zip(halves, exact, strict=True):
        assert _close(mine.grad, theirs.grad)


def test_a_step_is_that_of_the_cpu(tiny_config: Callable[..., AlbertConfig]) -> None:
    """In float32 to rounding, in bfloat16 to its own, whether compiled or not."""
    torch.manual_seed(0)
    model = AlbertForPreTraining(tiny_config(hidden_size=64, initializer_range=0.1)).train()
    for lengths in ((40, 40, 40, 40), (40, 25, 33, 9), (33, 40, 21, 3)):
        batch = random_batch(lengths)
        expected = _gradients(PretrainingObjective(model), batch, bf16=False)
        on_gpu = copy.deepcopy(model).cuda()
        assert _close(_gradients(PretrainingObjective(on_gpu), batch, bf16=False), expected, 1e-4)
        plain = _gradients(PretrainingObjective(on_gpu), batch, bf16=True)
        compiled = _gradients(PretrainingObjective(on_gpu, compiled=True), batch, bf16=True)
        assert _close(plain, expected, 0.05)
        assert _close(compiled, expected, 0.05)


def test_a_run_goes_on(
    tiny_tokenizer: AlbertTokenizer,
    tiny_sentences: list[str],
    make_tokens: Callable[..., TokenPart],
    tmp_path: Path,
) -> None:
    """Interrupted and resumed as if uninterrupted, but for the order of a GPU's additions."""
    tokens = make_tokens([tiny_sentences[start : start + 10] for start in range(0, 150, 3)])
    config = replace(
        smoke(tiny_tokenizer.vocab_size), phases=(Phase(steps=30, batch_size=16, length=32),)
    )
    often = Execution(device="cuda", save_every=10, micro_batch=8, workers=1)
    whole = [each.values["total"] for each in pretrain(config, tokens, tmp_path / "whole", often)]
    list(islice(pretrain(config, tokens, tmp_path / "parts", often), 17))
    rest = [each.values["total"] for each in pretrain(config, tokens, tmp_path / "parts", often)]
    assert len(rest) == 20
    assert np.allclose(rest, whole[10:], rtol=0.01)
    assert np.mean(whole[-5:]) < np.mean(whole[:5])


def _gradients(objective: PretrainingObjective, batch: Batch, *, bf16: bool) -> torch.Tensor:
    objective.zero_grad()
    step.backward(objective, batch, Counts.of(batch), None, bf16)
    return torch.cat([each.grad.flatten().cpu() for each in objective.parameters()])  # type: ignore[union-attr]


def _close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 0.02) -> bool:
    """Whether the norm of the difference is so small a share of the norm."""
    error = torch.linalg.vector_norm(found.double() - expected.double())
    return bool(error < tolerance * torch.linalg.vector_norm(expected.double()))
