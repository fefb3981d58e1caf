"""The training loop, whose result depends only on the run and its data, not on interruptions.

After every optimizer step, all processes have the same weights. The first one writes the files.
"""

from __future__ import annotations

import math
import time
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Generic

from albertlm import allocator, storage
from albertlm.data.batches import Position
from albertlm.data.coverage import Coverage
from albertlm.training import snapshots
from albertlm.training.clock import Watch
from albertlm.training.devices import fast_cpu, resolve_execution
from albertlm.training.exports import Exports
from albertlm.training.group import Group, gathered
from albertlm.training.judgement import PlateauRule, SpikeRule, is_spike
from albertlm.training.metrics import IdleCheck, MetricsLog
from albertlm.training.run import AnyBatch, Run
from albertlm.training.run_config import Execution
from albertlm.training.steps import BegunStep, Steps
from albertlm.training.stopping import Stop, stop_on_signals
from albertlm.training.updates import Updater


@dataclass(frozen=True)
class StepReport:
    """The report of one step.

    Fields:
        step: the number of the step, from 1.
        values: the values of `Run.values` and `Run.report`; `learning_rate`; `gradient_norm` before
            clipping; `seconds`, and the part of them that was `waited` for data.
        notes: other events, such as a resumption or a rollback, one line each.
    """

    step: int
    values: dict[str, float]
    notes: tuple[str, ...] = ()


class Loop(Generic[AnyBatch]):
    """The training loop of a run in one process; iterating trains and yields a report per step.

    Training resumes from the newest intact checkpoint in the folder. The loop writes `config.json`
    (the identity of the run), `metrics.jsonl`, `tensorboard/`, `checkpoint-N/`, and at the end
    `coverage.json` (the share of each epoch that was read) and `model/`, a folder in the hub's
    layout, with `model-average/` beside it if the weights are averaged. SIGINT or SIGTERM ends
    training early, after a last checkpoint.

    Args:
        run: the run to train.
        folder: the folder of the run, which all processes share.
        execution: the options of the execution.
        group: the processes of the run, each of which iterates over a loop of its own.
        watch: watches the time, in the first process; None if it is not limited.

    Raises:
        ValueError: the run cannot be trained like this, or the folder contains another run.
        FloatingPointError: during training, a loss is not finite, or there were too many spikes.
        OSError: during training, the disk is full; earlier checkpoints remain intact.
    """

    def __init__(
        self,
        run: Run[AnyBatch],
        folder: Path,
        execution: Execution,
        group: Group,
        watch: Watch | None = None,
    ) -> None:
        self.run, self.folder, self.group, self.watch = run, folder, group, watch
        self.execution = resolve_execution(execution, group.device)
        self.config = run.config
        run.check(self.execution, group.size)
        begun = snapshots.has_trained(folder)
        note = run.begin(group.device, self.execution, resumed=begun)
        self.updater = Updater(run.model, run.config, self.execution, group)
        self.steps = Steps(run, self.updater, self.execution, group)
        self.exports = Exports(
            *(run, self.updater, folder, self.execution.export_minutes if group.first else None),
            clock=watch.clock if watch else time.monotonic,
        )
        self.progress = snapshots.Progress()
        self.coverage = [Coverage() for _ in run.config.phases]
        self.notes = [] if begun else [note]
        self.stop = Stop()
        with ExitStack() as stack:
            if group.first:
                stack.enter_context(storage.exclusive(folder))
                snapshots.claim(folder, run.identity(), run.read_identity)
            self._lock = stack.pop_all()

    def __iter__(self) -> Iterator[StepReport]:
        """Train until all steps are done or a stop is requested."""
        with self._lock, stop_on_signals(told=self.group.first) as self.stop:
            yield from self._train()

    def _train(self) -> Iterator[StepReport]:
        faults = self._resume()
        self.log = MetricsLog(
            self.folder if self.group.first else None,
            self.progress.step,
            self.execution.log_every,
            self.run.weights,
        )
        for fault in faults:
            self._note("damaged checkpoint", reason=fault)
        try:
            if not self.progress.step and not snapshots.checkpoints(self.folder):
                self._save()  # so that there is always a checkpoint to roll back to
            if self.watch:
                self.watch.begin(self.progress.step)
            self._follow(self.watch.revision if self.watch else None)
            with fast_cpu(self.group.device):
                while not self.stop.agreed and not self._finished:
                    yield from self._read_on()
        finally:
            self.log.close()
        if self._finished and self.group.first:
            findings = {"epochs": self.run.findings(self.coverage)}
            storage.write_json(self.folder / "coverage.json", findings)
            self.exports.write_last()

    @property
    def phase_ends(self) -> list[int]:
        """The number of the last step of each phase."""
        return list(accumulate(phase.steps for phase in self.config.phases))

    @property
    def _finished(self) -> bool:
        return self.progress.ended or self.progress.step == self.config.total_steps

    def _read_on(self) -> Iterator[StepReport]:
        """Train on the data of a phase until it ends, the run stops or rolls back.

        The values of a step are read and judged when the next one has begun, so that the device
        never waits for this process, or at once if something is due after the step.
        """
        number = bisect_right(self.phase_ends, self.progress.step)
        self.run.enter_phase(number)
        position, workers = self.progress.position, self.execution.workers
        begun: list[BegunStep[AnyBatch]] = []
        idle = IdleCheck()
        with self.run.stream(number, position, self.group, workers) as batches:
            started = time.perf_counter()
            for batch, after in batches:
                waited, batches.waited = batches.waited, 0.0
                done = self.progress.step + len(begun) + 1
                wishes = [self.stop.requested, self._is_over(number, done), self.exports.is_due()]
                step = self.steps.begin(
                    *(number, done, batch, after),
                    wishes=[*wishes, self._is_revising(done)],
                    restarts=self.progress.restarts,
                    before=begun[-1] if begun else None,
                )
                step.known["waited"] = waited
                begun.append(step)
                self.stop.agreed, over, exports, revising = step.agreed
                due = over or exports or revising or self._is_due(done)
                while len(begun) > (not due and not self._agreed()):
                    step = begun.pop(0)
                    values = step.read((*self.run.values, "gradient_norm"), self.run.weights)
                    now = time.perf_counter()
                    values["seconds"], started = now - started, now
                    if not self._move_on(number, step, values):
                        return
                    self.progress = replace(self.progress, ended=over and not begun)
                    self._judge_plateaus()
                    self._look_after(number, values, save=self.stop.agreed and not begun)
                    if slow := idle.add(values):
                        self.notes.append(slow)
                    if exports and not begun and self.group.first:
                        self.exports.write_recent()
                    if revising and not begun and not self._finished:
                        self._revise()
                    yield StepReport(self.progress.step, values, tuple(self.notes))
                    self.notes.clear()
                if self.stop.agreed or over or self._finished or done == self.phase_ends[number]:
                    return

    def _is_over(self, number: int, step: int) -> bool:
        due = self._is_due(step) or self.exports.is_due()
        return bool(self.watch and self.watch.is_over(number, step, self.phase_ends, due=due))

    def _is_revising(self, step: int) -> bool:
        if self.watch is None or self.config.revision or step in self.phase_ends:
            return False
        return self.watch.is_revising(step, self.phase_ends)

    def _revise(self) -> None:
        """Fix the steps that are left anew."""
        planned, watch = self.config.total_steps, self.watch
        self._follow(watch.revise(self.progress.step, self.phase_ends) if watch else None)
        reason = f"{planned:,} steps became {self.config.total_steps:,}, to end in time"
        self._note("revision", reason=reason)

    def _follow(self, own: tuple[int, list[int]] | None) -> None:
        """Take over the revision of the first process, if it has one."""
        step, steps = own or (0, [0] * len(self.config.phases))
        step, *steps = map(int, self.group.from_first([step, *steps]))
        if step:
            self.config = self.run.config = self.config.revised(step, steps)

    def _agreed(self) -> bool:
        self.stop.agreed |= self.stop.requested and self.group.size == 1
        return self.stop.agreed

    def _is_due(self, step: int) -> bool:
        """Whether a validation, a checkpoint, a judgement or the next phase follows a step."""
        every = self.execution.validate_every, self.execution.save_every
        judged = (self._begun + rule.step for rule in self.config.plateaus)
        return step in {*self.phase_ends, *judged} or any(step % each == 0 for each in every)

    @property
    def _begun(self) -> int:
        """The step at which the run began, or began again."""
        return self.progress.restarts[-1] if self.progress.restarts else 0

    def _move_on(self, number: int, step: BegunStep[AnyBatch], values: dict[str, float]) -> bool:
        """Take a step into account, unless its loss makes the run roll back.

        Raises:
            FloatingPointError: a value is not finite, or there were too many spikes.
        """
        total, rule = self.run.values[0], self.config.spikes
        losses, judged = self.progress.losses, self.progress.judged
        skipped = not math.isfinite(values["gradient_norm"])
        if skipped and self._may_skip():
            for name in {"gradient_norm", *self.run.values} & values.keys():
                del values[name]
            self._note("skipped step", at=step.number, reason="its gradient is not finite")
        elif skipped or not math.isfinite(values[total]):
            norm, before = values["gradient_norm"], self.progress.in_a_row
            step.give_up(values[total], norm, self.folder, rank=self.group.rank, before=before)
        else:
            losses, judged = [*losses, values[total]], [*judged, values[self.run.judged]]
            begins = self.phase_ends[number] - self.config.phases[number].steps
            hears = rule and (not number or step.number - begins > rule.deaf)
            if rule and hears and is_spike(losses, rule):
                self._roll_back(rule, step, losses)
                return False
        self.coverage[number].add(step.batch.epochs, step.batch.examples)
        position, window = step.after, rule.window + rule.averaged - 1 if rule else 0
        if step.number in self.phase_ends:  # losses of the next phase differ
            position = position.next_epoch() if self.config.epochs_continue else Position()
            window = 0
        averaged = max((each.averaged for each in self.config.plateaus), default=0)
        self.progress = replace(
            self.progress,
            step=step.number,
            position=position,
            losses=losses[max(0, len(losses) - window) :],
            judged=judged[max(0, len(judged) - averaged) :],
            skipped=self.progress.skipped + skipped,
            in_a_row=self.progress.in_a_row + 1 if skipped else 0,
            score=None,
        )
        return True

    def _may_skip(self) -> bool:
        """Whether a step with a gradient that is not finite changed nothing and is passed over."""
        return self.updater.guarded and self.progress.in_a_row + 1 < self.config.not_finite

    def _look_after(self, number: int, values: dict[str, float], *, save: bool) -> None:
        """Log the step, then validate and save a checkpoint if they are due."""
        done = self.progress.step
        ends = self.progress.ended or done == self.phase_ends[number]
        save |= done in self.progress.restarts
        if self.watch:
            self.watch.note(done, ended=self.progress.ended)
        self.log.add(done, values, last=save or ends)
        if done % self.execution.validate_every == 0 or ends:
            scores = self._validate(number)
            if scores is not None:
                score = scores[self.run.score]
                every = [*self.progress.scores, score]
                ended = self.progress.ended or self.run.ends_early(every)
                ends |= ended
                self.progress = replace(self.progress, score=score, scores=every, ended=ended)
                self.log.validation(done, scores)
        if save or ends or done % self.execution.save_every == 0:
            self._save()

    def _validate(self, number: int) -> dict[str, float] | None:
        """The scores of the weights, and those of their average as `average_…`; None for none."""

        def scores() -> dict[str, float] | None:
            return self.run.validate(
                *(number, self.execution.validation_examples, self.group),
                bf16=bool(self.execution.bf16),
            )

        found = scores()
        if found is not None and self.updater.average is not None:
            with self.updater.averaged():
                averaged = scores() or {}
            found |= {f"average_{name}": value for name, value in averaged.items()}
        return found

    def _roll_back(
        self, rule: SpikeRule, step: BegunStep[AnyBatch], losses: Sequence[float]
    ) -> None:
        """Return to a checkpoint from before a spike, and skip the data read since."""
        done, rollbacks = step.number, self.progress.rollbacks + 1
        loss = math.fsum(losses[-rule.averaged :]) / rule.averaged
        if rollbacks > rule.rollbacks:
            raise FloatingPointError(
                f"the loss jumped to {loss:.4g} in step {done}, after {rollbacks - 1} rollbacks; "
                "lower the learning rate"
            )
        number = bisect_right(self.phase_ends, self.progress.step)
        if self.group.first:
            snapshots.go_back(self.folder, done - rule.averaged)
        self._resume()
        if bisect_right(self.phase_ends, self.progress.step) == number:
            self.progress = replace(self.progress, position=step.after)
        self.progress = replace(self.progress, rollbacks=rollbacks)
        self.log.drop()
        self._note(
            "rollback",
            at=done,
            reason=f"the loss jumped to {loss:.4g} in step {done}; back to step "
            f"{self.progress.step}, and on behind the data read since",
        )

    def _judge_plateaus(self) -> None:
        """Begin again if the run is on a plateau, and if there is time to be judged once more."""
        left = self.config.total_steps - self.progress.step
        for rule in self.config.plateaus:
            found = rule.finds(self.progress.step - self._begun, self.progress.judged)
            if found and left > rule.step and not self.progress.ended:
                self._begin_again(rule)
                return

    def _begin_again(self, rule: PlateauRule) -> None:
        """Return to the first weights, and train the steps that are left at half the rate."""
        loss = rule.mean(self.progress.judged)
        first = snapshots.Checkpoint.open(self.folder / "checkpoint-0")
        self.updater.load_state_dict(first.restore(self.run.model))
        step = self.progress.step
        restarts = [*self.progress.restarts, step]
        self.progress = replace(self.progress, restarts=restarts, losses=[], judged=[])
        self._note(
            "restart",
            at=step,
            reason=f"{self.run.judged} is {loss:.3f} after {rule.step} steps, not below "
            f"{rule.loss:g}; begins again in step {step} at 1/{2 ** len(restarts)} of the rate",
        )

    def _save(self) -> None:
        self.coverage = [gathered(each, self.group) for each in self.coverage]
        self.progress.coverage = [each.to_dict() for each in self.coverage]
        optimizer_state = self.updater.state_dict()
        if self.group.first:
            snapshots.save(
                self.folder,
                self.progress,
                self.run.model,
                optimizer_state,
                self.execution.keep,
                higher_is_better=self.run.higher_is_better,
                keep_first=bool(self.config.plateaus),
            )
        allocator.return_free()
        self.group.wait()

    def _resume(self) -> list[str]:
        """Resume from the newest intact checkpoint, if there is one.

        Returns:
            The faults of newer checkpoints.
        """
        found, faults = snapshots.newest(self.folder) if self.group.first else (None, [])
        number = int(*self.group.from_first([found.progress.step if found else -1]))
        if number < 0:
            return faults
        found = found or snapshots.Checkpoint.open(self.folder / f"checkpoint-{number}")
        self.updater.load_state_dict(found.restore(self.run.model))
        self.progress = found.progress
        if number:
            self.notes.append(f"goes on from {found.folder}")
        # only in the first process, so that the sum over all processes is that of the checkpoint
        totals = found.progress.coverage if self.group.first else [{}] * len(self.coverage)
        self.coverage = [Coverage.from_dict(each) for each in totals]
        return faults

    def _note(self, name: str, *, at: int | None = None, reason: str) -> None:
        self.log.event(self.progress.step if at is None else at, name, reason=reason)
        self.notes.append(reason)
