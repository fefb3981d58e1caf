"""Models in the folder of a run: in turn, averaged, and at the end."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from albertlm import AlbertForPreTraining
from albertlm.data.token_shards import TokenPart
from albertlm.recipes.small import smoke
from albertlm.training.exports import Exports
from albertlm.training.group import Group
from albertlm.training.pretraining import PretrainingRun
from albertlm.training.run_config import Execution
from albertlm.training.updates import Updater

EXECUTION = Execution(device="cpu", bf16=False)


@pytest.mark.parametrize("average", [None, 0.5])
def test_recent_ones_are_written_in_turn_and_replaced_by_the_last(
    average: float | None,
    make_tokens: Callable[..., TokenPart],
    many_documents: list[list[str]],
    tmp_path: Path,
) -> None:
    config = replace(smoke(70), average=average)
    run = PretrainingRun(config, make_tokens(many_documents), None)
    run.begin(torch.device("cpu"), EXECUTION, resumed=False)
    updater = Updater(run.model, config, EXECUTION, Group.alone("cpu"))
    if updater.average is not None:
        updater.average.fill_(0.25)
    now = 0.0
    exports = Exports(run, updater, tmp_path, 2.0, lambda: now)
    written = []
    for now in (119.0, 120.0, 239.0, 241.0, 361.0):
        if exports.is_due():
            exports.write_recent()
            written.append(now)
    assert written == [120.0, 241.0, 361.0]
    models = [load_file(tmp_path / f"model-recent-{n}" / "model.safetensors") for n in (1, 2)]
    weights = {name: each.detach().numpy() for name, each in run.model.named_parameters()}
    for name, weight in weights.items():
        expected = weight if average is None else np.full_like(weight, 0.25)
        for model in models:
            np.testing.assert_array_equal(model[name], expected.astype(np.float16))
    exports.write_last()
    last = AlbertForPreTraining.from_pretrained(tmp_path / "model")
    assert all(np.array_equal(last.get_parameter(n).detach(), w) for n, w in weights.items())
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"model"} | ({"model-average"} if average else set())
    assert not Exports(run, updater, tmp_path, None, lambda: now).is_due()
