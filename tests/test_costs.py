import pytest
import torch

from albertlm import AlbertConfig, AlbertForPreTraining, costs
from albertlm.checkpoints import names
from albertlm.config import SHARED_MODULES, SHARING

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
