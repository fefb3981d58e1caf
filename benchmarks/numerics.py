"""The differences of the models' outputs from transformers', with equal random weights.

In float32: the largest difference of the hidden states and of each head's output, relative to their
largest value. In bfloat16: the mean relative error of both libraries against transformers' float32.
If the data folder is available, trained weights are also compared with their float64 references.

    python benchmarks/numerics.py [PRESET ...]
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import transformers
from torch import Tensor, nn
from transformers.initialization import no_init_weights

import albertlm
import common
from albertlm import AlbertConfig, AlbertModel
from albertlm.config import PRESETS

CLASSES = (
    "AlbertModel",
    "AlbertForMaskedLM",
    "AlbertForSequenceClassification",
    "AlbertForTokenClassification",
    "AlbertForQuestionAnswering",
    "AlbertForMultipleChoice",
    "AlbertForPreTraining",  # must be last: it is also compared in bfloat16
)


def draw(model: nn.Module) -> dict[str, Tensor]:
    """Fill a model, including its biases, with random numbers, and return its tensors."""
    with torch.no_grad():
        for module in model.modules():
            for name, parameter in module.named_parameters(recurse=False):
                scale = isinstance(module, nn.LayerNorm) and name == "weight"
                parameter.normal_(mean=float(scale), std=0.02)
    return model.state_dict()


def pair(name: str, config: AlbertConfig, backbone: nn.Module) -> tuple[nn.Module, nn.Module]:
    """Our model and transformers' with the same tensors, and the given backbone."""
    with no_init_weights():
        ours = getattr(albertlm, name)(config).eval()
        theirs = getattr(transformers, name)(transformers.AlbertConfig(**config.to_dict())).eval()
    if name == "AlbertModel":
        theirs = backbone
    else:
        theirs.albert = nn.Identity()
        draw(theirs)
        theirs.albert = backbone
        theirs.tie_weights()
    state = theirs.state_dict()
    ours.load_state_dict({key: state[key] for key in ours.state_dict()}, assign=True)
    return ours, theirs


def outputs(model: nn.Module, name: str) -> dict[str, Tensor]:
    """The model's outputs for four texts of up to eight tokens, without those at padding."""
    ids = torch.randint(5, 30_000, (4, 8), generator=torch.Generator().manual_seed(1))
    mask = (torch.arange(8) < torch.tensor([8, 3, 6, 5])[:, None]).long()
    inputs = {"input_ids": ids, "attention_mask": mask}
    if name == "AlbertForMultipleChoice":
        inputs = {key: tensor.view(2, 2, -1) for key, tensor in inputs.items()}
    whole = name in ("AlbertModel", "AlbertForPreTraining")
    with torch.inference_mode():
        result = model(**inputs, output_hidden_states=whole)
    found = {key: result[key] for key in result.keys()}  # noqa: SIM118
    states = found.pop("hidden_states", ())
    found |= {f"hidden_state_{i}": state for i, state in enumerate(states)}
    return {
        key: (tensor[mask.bool()] if tensor.shape[:2] == mask.shape else tensor).float()
        for key, tensor in found.items()
    }


def largest_error(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The largest difference of any output, relative to the largest value of that output."""
    return max(
        float((found[key] - tensor).abs().max() / tensor.abs().max())
        for key, tensor in expected.items()
    )


def mean_error(found: dict[str, Tensor], expected: dict[str, Tensor]) -> float:
    """The root mean square over all outputs of the relative error of each."""
    ratios = [(found[key] - tensor).norm() / tensor.norm() for key, tensor in expected.items()]
    return float(torch.stack(ratios).square().mean().sqrt())


def compare(config: AlbertConfig) -> tuple[dict[str, float], dict[str, float]]:
    """The errors of each class in float32, and of both libraries in bfloat16."""
    with no_init_weights():
        theirs: nn.Module = transformers.AlbertModel(transformers.AlbertConfig(**config.to_dict()))
    draw(theirs.eval())
    float32 = {}
    for name in CLASSES:
        ours, theirs_with_head = pair(name, config, theirs)
        expected = outputs(theirs_with_head, name)
        float32[name] = largest_error(outputs(ours, name), expected)
    own = mean_error(outputs(ours.bfloat16(), name), expected)
    rival = mean_error(outputs(theirs_with_head.bfloat16(), name), expected)
    return float32, {"albertlm": own, "transformers": rival, "ratio": own / rival}


def trained_weights(folder: Path) -> float:
    """The largest absolute error of a trained encoder's states against float64 references."""
    model = AlbertModel.from_pretrained(folder)
    references = np.load(folder / "expected_last_hidden_state.npz")
    errors = []
    for i in range(3):
        ids = torch.from_numpy(references[f"ids_{i}"])[None]
        with torch.inference_mode():
            states = model(ids).last_hidden_state[0].numpy()
        errors.append(np.abs(states - references[f"numpy64_dequant_{i}"]).max())
    return float(max(errors))


def main() -> None:
    float32, bfloat16 = {}, {}
    for preset in sys.argv[1:] or PRESETS:
        float32[preset], bfloat16[preset] = compare(AlbertConfig.preset(preset))
        worst, ratio = max(float32[preset].values()), bfloat16[preset]["ratio"]
        print(f"{preset:18} float32 {worst:.1e}   bfloat16 {ratio:.2f} x transformers' error")
    measurements: dict[str, Any] = {
        "float32_largest_relative_error": float32,
        "bfloat16_mean_relative_error": bfloat16,
    }
    folder = common.DATA / "plbert-albert"
    if folder.is_dir():
        error = trained_weights(folder)
        measurements["trained_weights_largest_absolute_error"] = error
        print(f"trained weights    float32 {error:.1e} from float64")
    common.record("numerics", measurements, ("torch", "transformers"))


if __name__ == "__main__":
    main()
