from collections.abc import Callable
from typing import Any, TypedDict

import pytest
import torch
from torch import Tensor
from torch.autograd.graph import saved_tensors_hooks
from torch.nn import functional
from torch.profiler import ProfilerActivity, profile

from albertlm import AlbertConfig, AlbertForPreTraining, costs
from albertlm.checkpoints import names
from albertlm.config import SHARED_MODULES, SHARING
from albertlm.models.torch.cross_entropy import vocabulary_cross_entropy
from albertlm.training.optimizer import Lamb, albert_parameter_groups

RELEASED = {
    "base": (11_683_584, 11_813_810),
    "large": (17_683_968, 17_847_474),
    "xlarge": (58_724_864, 59_021_490),
    "xxlarge": (222_595_584, 223_158_450),
}


@pytest.mark.parametrize("size", RELEASED)
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_parameters_are_those_of_the_released_models(size: str, version: str) -> None:
    parts = costs.parameters_by_part(AlbertConfig.preset(f"albert-{size}-{version}"))
    heads = parts["masked_token_head"] + parts["sentence_order_head"]
    assert (sum(parts.values()) - heads, sum(parts.values())) == RELEASED[size]


@pytest.mark.parametrize(("groups", "inner"), [(1, 1), (2, 1), (4, 3)])
@pytest.mark.parametrize("common", SHARED_MODULES)
@pytest.mark.parametrize("embedding", [4, 8, 16])
def test_shapes_are_those_of_the_model(
    groups: int, inner: int, common: str | None, embedding: int
) -> None:
    config = AlbertConfig(
        vocab_size=50,
        embedding_size=embedding,
        hidden_size=8,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=12,
        num_hidden_groups=groups,
        inner_group_num=inner,
        shared_across_groups=common if groups > 1 else None,
    )
    with torch.device("meta"):
        model = AlbertForPreTraining(config)
    shapes = {names.table_name(name): tuple(p.shape) for name, p in model.named_parameters()}
    assert costs.parameter_shapes(config) == shapes


TABLE_4 = {  # the paper's parameters, in millions
    768: {"all": 31, "attention": 83, "ffn": 57, "none": 108},
    128: {"all": 12, "attention": 64, "ffn": 38, "none": 89},
}


@pytest.mark.parametrize("embedding", TABLE_4)
@pytest.mark.parametrize("shared", SHARING)
def test_sharing_has_the_parameters_of_the_papers_table_4(shared: str, embedding: int) -> None:
    base = AlbertConfig.preset("albert-base-v2", embedding_size=embedding)
    parts = costs.parameters_by_part(base.with_sharing(shared))
    backbone = sum(parts.values()) - parts["masked_token_head"] - parts["sentence_order_head"]
    if embedding == base.hidden_size:
        backbone -= parts["projection"]  # Google has none there, transformers does
    # the paper's 108 is what it gives for BERT-base too, of 109.5
    assert abs(backbone / 1e6 - TABLE_4[embedding][shared]) < 1.1


@pytest.mark.parametrize("shared", SHARING)
def test_unshared_is_what_no_sharing_has(shared: str) -> None:
    config = AlbertConfig.preset("albert-base-v2").with_sharing(shared)
    assert costs.parameters_if_unshared(config) == 89_780_402


def test_operations_are_those_that_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode

    config = AlbertConfig(
        vocab_size=50,
        embedding_size=4,
        hidden_size=8,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=12,
    )
    model = AlbertForPreTraining(config).eval()
    ids = torch.randint(50, (1, 10))
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(ids, output_attentions=True)  # a fused attention kernel is not counted
    pooler_and_order = 2 * 8 * 8 + 2 * 8 * 2
    per_token = costs.flops_per_token(config, 10) + costs.flops_per_prediction(config)
    assert counter.get_total_flops() == 10 * per_token + pooler_and_order


SIZES = {  # embedding, hidden, intermediate; layers; texts, tokens, masks of a text
    "base-like": ((128, 256, 1024), 4, (4, 64, 10)),
    "deep": ((128, 128, 512), 12, (2, 128, 19)),
    "shallow": ((32, 64, 128), 2, (8, 40, 6)),
    "narrow": ((128, 64, 256), 3, (2, 128, 19)),
}


class Shape(TypedDict):
    batch_size: int
    length: int
    predictions: int


def sized(name: str, dropout: float = 0.0) -> tuple[AlbertConfig, Shape]:
    (embedding, hidden, intermediate), layers, (texts, tokens, masks) = SIZES[name]
    config = AlbertConfig(
        vocab_size=3000,
        embedding_size=embedding,
        hidden_size=hidden,
        intermediate_size=intermediate,
        num_hidden_layers=layers,
        num_attention_heads=4,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return config, Shape(batch_size=texts, length=tokens, predictions=masks)


def pretraining_loss(
    model: AlbertForPreTraining, batch_size: int, length: int, predictions: int, *, bf16: bool
) -> Tensor:
    """The loss of random texts without padding, computed as in training."""
    ids = torch.randint(5, model.config.vocab_size, (batch_size, length))
    read = torch.arange(predictions + 1).expand(batch_size, -1)
    labels = torch.zeros(batch_size * predictions, dtype=torch.long)
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        output = model.albert(ids, torch.ones_like(ids), read_positions=read)
        loss, _ = vocabulary_cross_entropy(
            model.predictions.transform(output.last_hidden_state[:, 1:].flatten(0, 1)),
            model.albert.embeddings.word_embeddings.weight,
            model.predictions.bias,
            labels,
        )
        order: Tensor = model.sop_classifier(output.pooler_output).float().logsumexp(1)
    return loss + order.sum()


def saved_bytes(
    config: AlbertConfig, shape: Shape, *, bf16: bool, checkpointing: bool, depth: int
) -> int:
    """Bytes that autograd keeps after the forward pass, besides the parameters themselves."""
    model = AlbertForPreTraining(config).train()
    model.albert.activation_checkpointing(checkpointing)
    model.albert.encoder.depth = depth
    own = {parameter.untyped_storage().data_ptr() for parameter in model.parameters()}
    kept: dict[int, Tensor] = {}  # the tensors too, so that no address is used again

    def keep(tensor: Tensor) -> Tensor:
        kept.setdefault(tensor.untyped_storage().data_ptr(), tensor)
        return tensor

    with saved_tensors_hooks(keep, lambda tensor: tensor):
        pretraining_loss(model, **shape, bf16=bf16)
    return sum(x.untyped_storage().nbytes() for address, x in kept.items() if address not in own)


def measured(
    config: AlbertConfig, shape: Shape, *, bf16: bool, checkpointing: bool, device: str
) -> int:
    """Saved bytes, and with checkpointing those of the one layer that is computed again."""
    depth = config.num_hidden_layers
    total = saved_bytes(config, shape, bf16=bf16, checkpointing=checkpointing, depth=depth)
    if checkpointing:
        total += saved_bytes(config, shape, bf16=bf16, checkpointing=False, depth=depth)
        total -= saved_bytes(config, shape, bf16=bf16, checkpointing=False, depth=depth - 1)
        size = 2 if bf16 and device == "cpu" else 4
        total -= size * shape["batch_size"] * shape["length"] * config.hidden_size  # kept already
        hidden, inner = config.hidden_size, config.intermediate_size
        total += 2 * (4 * hidden * hidden + 2 * hidden * inner) if bf16 else 0
    return total


def estimated(
    config: AlbertConfig, shape: Shape, *, bf16: bool, checkpointing: bool, device: str
) -> int:
    parts = costs.training_memory(
        config, **shape, bf16=bf16, checkpointing=checkpointing, device=device
    )
    return parts["activations"] + parts["bf16_weights"] + parts["logits"]


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_kept_is_what_autograd_saves(
    size: str, dropout: float, bf16: bool, checkpointing: bool
) -> None:
    config, shape = sized(size, dropout)
    expected = measured(config, shape, bf16=bf16, checkpointing=checkpointing, device="cpu")
    found = estimated(config, shape, bf16=bf16, checkpointing=checkpointing, device="cpu")
    assert found == pytest.approx(expected, rel=0.04)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_what_is_kept_where_autocast_leaves_layer_norm_in_float32(
    size: str, checkpointing: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain: Callable[..., Tensor] = functional.layer_norm

    def as_on_cuda(x: Tensor, *arguments: Any) -> Tensor:
        with torch.autocast("cpu", enabled=False):
            return plain(x.float(), *arguments)

    monkeypatch.setattr(functional, "layer_norm", as_on_cuda)
    config, shape = sized(size)
    expected = measured(config, shape, bf16=True, checkpointing=checkpointing, device="cuda")
    found = estimated(config, shape, bf16=True, checkpointing=checkpointing, device="cuda")
    assert found == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("bf16", [False, True])
@pytest.mark.parametrize(
    ("size", "shared"),
    [("base-like", "all"), pytest.param("deep", "none", marks=pytest.mark.slow)],
)
def test_the_sum_is_the_peak_of_a_step(
    size: str, shared: str, bf16: bool, checkpointing: bool
) -> None:
    config, shape = sized(size)
    config = config.with_sharing(shared)
    model = AlbertForPreTraining(config).train()
    model.albert.activation_checkpointing(checkpointing)
    optimizer = Lamb(albert_parameter_groups(model))

    def step() -> None:
        pretraining_loss(model, **shape, bf16=bf16).backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as record:
        step()
    assert record.profiler is not None
    events = [e for e in record.profiler.kineto_results.events() if e.name() == "[memory]"]
    now = peak = 0
    for event in sorted(events, key=lambda event: event.start_ns()):
        now += event.nbytes()
        peak = max(peak, now)
    held = 3 * sum(p.nbytes for p in model.parameters())  # weights and moments
    parts = costs.training_memory(config, **shape, bf16=bf16, checkpointing=checkpointing)
    assert 0.98 <= sum(parts.values()) / (held + peak) <= 1.2


def test_memory_falls_with_what_a_user_can_change() -> None:
    config = AlbertConfig.preset("albert-xxlarge-v2")

    def activations(**options: Any) -> int:
        changed = {"batch_size": 8, "length": 512, **options}
        return costs.training_memory(config, **changed)["activations"]

    assert activations(checkpointing=True) < activations() / 4
    assert activations(layers=6) < 0.6 * activations()
    assert activations(batch_size=4) == pytest.approx(activations() / 2)
    assert activations(bf16=False) > 1.8 * activations()
    assert activations(predictions=20) < activations() == activations(predictions=77)


def test_weights_gradients_and_states_are_in_float32() -> None:
    config = AlbertConfig.preset("albert-base-v2")
    parts = costs.training_memory(config, batch_size=1, length=8, optimizer_states=0.5)
    size = 4 * 11_813_810
    assert (parts["weights"], parts["gradients"], parts["optimizer_states"]) == (
        size,
        size,
        size // 2,
    )


def test_a_device_of_unknown_arithmetic_is_refused() -> None:
    with pytest.raises(
        ValueError, match="device='tpu' is not allowed; it must be one of cpu, cuda"
    ):
        costs.training_memory(AlbertConfig(), batch_size=1, length=8, device="tpu")


@pytest.mark.parametrize("ranks", [1, 2, 5])
def test_communication_is_that_of_a_ring(ranks: int) -> None:
    """Counted where each rank passes a share on to the next, round by round."""
    config = AlbertConfig.preset("albert-base-v2")
    share = sum(costs.parameters_by_part(config).values()) / ranks
    rounds = range(ranks - 1)
    gradients, weights = sum(4 * share for _ in rounds), sum(4 * share for _ in rounds)
    halves = gradients / 2
    expected = {
        (False, False): gradients + gradients,
        (False, True): halves + halves,
        (True, False): gradients + weights,
        (True, True): halves + weights,
    }
    for (sharded, bf16), sent in expected.items():
        counted = costs.step_communication(
            config, ranks=ranks, sharded=sharded, bf16_gradients=bf16
        )
        assert counted == pytest.approx(sent, abs=1)
