"""What a fine-tuning would do, without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.finetuning.job import PreparedJob
from albertlm.models.torch.pretrained import device_of
from albertlm.training.devices import matrix_rate, resolve_execution
from albertlm.training.finetuning import step_memory
from albertlm.training.labelled import Feature, LabelledData
from albertlm.training.memory import available_memory

UTILISATION = 0.4
"""The share of the speed of large products that training is expected to have."""


@dataclass(frozen=True)
class FinetuningPreview:
    """The data and the cost of a fine-tuning.

    Fields:
        train, dev: the number of examples.
        labels: the number of labels of each class in the training and in the dev data.
        lengths: the tokens of a row at the median, the 95th percentile and the maximum.
        truncated: the share of examples of which not all tokens are read.
        windows: the number of rows that the examples become.
        leaks: the number of dev examples that are in the training data, exactly or once normalised.
        dropped: the number of training examples that are dropped.
        steps: the number of steps of a run.
        epochs: the number of passes over the data.
        looks: the number of looks at dev data.
        memory: the peak of a step, in bytes.
        free: the bytes that are free, if that is known.
        seconds: the expected time of a run without its looks.
    """

    train: int
    dev: int
    labels: dict[str, tuple[int, int]]
    lengths: dict[str, int]
    truncated: float
    windows: int
    leaks: int
    dropped: int
    steps: int
    epochs: float
    looks: int
    memory: int
    free: float | None
    seconds: float


def preview(prepared: PreparedJob) -> FinetuningPreview:
    """Describe the runs of a fine-tuning."""
    data, features = prepared.data, prepared.features
    config = prepared.config(prepared.job.seeds[0])
    device = device_of(prepared.job.execution.device)
    execution = resolve_execution(prepared.job.execution, device)
    labelled = LabelledData(features, config.batch_size, seed=0, pad_id=0)
    lengths = np.array([feature.length for feature in features])
    in_train, in_dev = (data.counts(examples) for examples in (data.train, data.dev))
    epochs = config.total_steps / labelled.batches
    operations = epochs * _operations(config.model, features)
    rate = matrix_rate(device, bf16=bool(execution.bf16))
    return FinetuningPreview(
        train=len(data.train),
        dev=len(data.dev),
        labels={name: (in_train[name], in_dev[name]) for name in data.labels},
        lengths={
            "median": int(np.median(lengths)),
            "95 %": int(np.percentile(lengths, 95)),
            "longest": int(lengths.max()),
        },
        truncated=sum(feature.left_out > 0 for feature in features) / len(features),
        windows=sum(len(feature.rows) for feature in features),
        leaks=len(data.leaks.exact) + len(data.leaks.normalised),
        dropped=data.dropped,
        steps=config.total_steps,
        epochs=epochs,
        looks=-(-config.total_steps // config.look_every),
        memory=step_memory(config, labelled, execution, execution.micro_batch),
        free=available_memory(str(device)),
        seconds=operations / rate / UTILISATION,
    )


def _operations(model: AlbertConfig, features: Sequence[Feature]) -> float:
    """The floating-point operations of an epoch."""
    return 3.0 * sum(
        len(row.input_ids) * costs.flops_per_token(model, len(row.input_ids))
        for feature in features
        for row in feature.rows
    )
