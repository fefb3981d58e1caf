"""On a GPU: packed texts, compiled layers, and a run that is resumed."""

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
from albertlm.data.batches import Batch
from albertlm.data.token_shards import TokenPart
from albertlm.models.torch.attention import attend_packed, attend_with_weights
from albertlm.recipes.small import smoke
from albertlm.training.objective import PretrainingObjective
from albertlm.training.pretraining import pretrain
from albertlm.training.run_config import Execution, Phase

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
]


@pytest.fixture(autouse=True)
def nothing_compiled() -> None:
    """Reset PyTorch's limit on how many times it compiles a function."""
    torch.compiler.reset()


def test_packed_attention() -> None:
    """Against the plain formula in float64 for each text, forwards and backwards."""
    torch.manual_seed(0)
    lengths, heads, size = (64, 1, 17), 3, 16
    starts = torch.tensor([0, *np.cumsum(lengths)], dtype=torch.int32, device="cuda")
    rows = [torch.randn(sum(lengths), heads, size, device="cuda") for _ in range(3)]
    halves = [x.bfloat16().requires_grad_() for x in rows]
    exact = [x.detach().double().requires_grad_() for x in halves]
    q, k, v = halves
    found = attend_packed(q, k, v, (starts, starts), (64, 64))
    texts = zip(*(x.split(lengths) for x in exact), strict=True)
    contexts = [_attend(*(x[None].transpose(1, 2) for x in text)) for text in texts]
    expected = torch.cat([context[0].transpose(0, 1) for context in contexts])
    weights = torch.randn_like(expected)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    assert _close(found, expected)
    for mine, theirs in zip(halves, exact, strict=True):
        assert mine.grad is not None
        assert theirs.grad is not None
        assert _close(mine.grad, theirs.grad)


def test_a_step_is_that_of_the_cpu(tiny_config: Callable[..., AlbertConfig]) -> None:
    """Up to rounding in float32 and in bfloat16, compiled or not."""
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
    """An interrupted run gives the same losses, except for the order of additions on a GPU."""
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
    with torch.autocast("cuda", dtype=torch.bfloat16, enabled=bf16):
        losses = objective(batch)
    losses.total.backward()
    return torch.cat([each.grad.flatten().cpu() for each in objective.parameters()])  # type: ignore[union-attr]


def _attend(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return attend_with_weights(q, k, v, None, 0.0)[0]


def _close(found: torch.Tensor, expected: torch.Tensor, tolerance: float = 0.02) -> bool:
    """Whether the norm of the difference is below a share of the norm."""
    error = torch.linalg.vector_norm(found.double() - expected.double())
    return bool(error < tolerance * torch.linalg.vector_norm(expected.double()))
