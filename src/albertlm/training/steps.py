"""Make optimizer steps without waiting for the device, and read their values later.

V values of a step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Generic, NoReturn

import numpy as np
import torch
from torch import Tensor

from albertlm import storage
from albertlm.data import randomness
from albertlm.data.batches import Position
from albertlm.training.devices import Moment
from albertlm.training.group import Group
from albertlm.training.run import AnyBatch, Counts, Run
from albertlm.training.run_config import Execution
from albertlm.training.updates import Updater


class BegunStep(Generic[AnyBatch]):
    """A step that the device may still be computing.

    Args:
        number: the number of the step, from 1.
        batch: its batch, or this process's share.
        after: the position after the batch.
        known: the values that are already known, by name; those of `Run.report` among them.
        agreed: for each wish, whether a process had it.
        computed: (V,) the other values, on the device.

    Attributes:
        ended: when the device ends the step.
        idle: from when to when the device had nothing to do before the step; None if that was not
            measured.
    """

    def __init__(
        self,
        number: int,
        batch: AnyBatch,
        after: Position,
        known: dict[str, float],
        *,
        agreed: tuple[bool, ...],
        computed: Tensor,
    ) -> None:
        self.number, self.batch, self.after = number, batch, after
        self.known, self.agreed = known, agreed
        self.idle: tuple[Moment, Moment] | None = None
        self._computed = computed
        if computed.is_cuda:
            self._computed = torch.empty(computed.shape, dtype=computed.dtype, pin_memory=True)
            self._computed.copy_(computed, non_blocking=True)
        self.ended = Moment(computed.device)

    def read(self, names: tuple[str, ...], weights: Mapping[str, str]) -> dict[str, float]:
        """Wait for the values and return all of them, with the seconds of `idle`.

        Args:
            names: the names of the computed values.
            weights: as in `Run.weights`; values without weight are left out.
        """
        self.ended.wait()
        computed = dict(zip(names, self._computed.tolist(), strict=True))
        having = {
            name: value
            for name, value in computed.items()
            if name not in weights or self.known[weights[name]]
        }
        if self.idle:
            self.known["idle"] = self.idle[0].until(self.idle[1])
        return {**having, **self.known}

    def give_up(
        self, loss: float, norm: float, folder: Path, *, rank: int, before: int
    ) -> NoReturn:
        """Save the batch for inspection and raise an error.

        Args:
            loss: the loss.
            norm: the gradient norm.
            folder: the folder of the run.
            rank: the rank of this process.
            before: the number of such steps directly before this one.

        Raises:
            FloatingPointError: always.
        """
        path = folder / f"not-finite-{self.number}-{rank}.npz"
        with storage.atomic_path(path) as temporary, temporary.open("wb") as file:
            np.savez(file, **vars(self.batch))
        told = f", after {before} such steps that changed nothing" if before else ""
        raise FloatingPointError(
            f"in step {self.number} the loss is {loss} and the gradient norm is {norm}{told}; the "
            f"batch is in {path} and the last checkpoint is intact: lower the learning rate"
        )


class Steps(Generic[AnyBatch]):
    """Makes the steps of a run.

    Args:
        run: the run, whose model is made.
        updater: the optimizer of its model.
        execution: the options of the execution, resolved for a device.
        group: the processes, all of which make each step.
    """

    def __init__(
        self, run: Run[AnyBatch], updater: Updater, execution: Execution, group: Group
    ) -> None:
        self.run, self.updater, self.execution, self.group = run, updater, execution, group

    def begin(
        self,
        phase: int,
        number: int,
        batch: AnyBatch,
        after: Position,
        *,
        wishes: Sequence[bool],
        restarts: Sequence[int] = (),
        before: BegunStep[AnyBatch] | None = None,
    ) -> BegunStep[AnyBatch]:
        """Make an optimizer step, without waiting for the device.

        Args:
            phase: the number of the phase, from 0.
            number: the number of the step, from 1.
            batch: the batch, or this process's share.
            after: the position after the batch.
            wishes: what this process asks of all, such as to stop.
            restarts: as in `TrainingConfig.rate`.
            before: the step directly before this one, to measure the time between them.
        """
        config, started = self.run.config, Moment(self.group.device)
        # Dropout is the same after a restart, but differs between processes.
        key = randomness.key(config.seed, number - 1, f"dropout {self.group.rank}")
        torch.manual_seed(int(key) >> 1)
        counts, agreed = self._exchange(self.run.counts(phase, batch), wishes)
        sums = self._backward(batch, counts)
        rate = config.rate(number - 1, config.phases[phase], restarts)
        norm = self.updater.step(rate)
        computed = torch.cat([self.group.sum(sums), norm.reshape(1)])
        known = {"learning_rate": rate, **self.run.report(counts)}
        step = BegunStep(number, batch, after, known, agreed=agreed, computed=computed)
        if before:
            step.idle = before.ended, started
        return step

    def _exchange(self, own: Counts, wishes: Sequence[bool]) -> tuple[Counts, tuple[bool, ...]]:
        """The counts of a whole step, and which wishes any process has."""
        numbers = torch.tensor([*own.values(), *wishes], dtype=torch.int64)
        sums = self.group.sum(numbers).tolist()
        agreed = tuple(each > 0 for each in sums[len(own) :])
        return dict(zip(own, sums[: len(own)], strict=True)), agreed

    def _backward(self, batch: AnyBatch, counts: Counts) -> Tensor:
        """Accumulate the gradients of a batch, one micro-batch at a time.

        Returns:
            (V,) this process's share of each value of the step, on the model's device.
        """
        device = self.group.device
        values = torch.zeros(len(self.run.values), device=device)
        size = self.execution.micro_batch or len(batch)
        for start in range(0, len(batch), size):
            part = batch if size >= len(batch) else batch.take(slice(start, start + size))
            with torch.autocast(
                device.type, dtype=torch.bfloat16, enabled=bool(self.execution.bf16)
            ):
                losses = self.run.losses(part, counts)
            losses.total.backward()  # type: ignore[no-untyped-call]
            values += losses.values
        return values
