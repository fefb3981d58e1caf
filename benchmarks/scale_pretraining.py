"""Estimate the cost of pretraining on one GPU, on eight and on 64, for docs/scale.md."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.recipes.registry import RECIPES
from albertlm.reporting.page import table
from albertlm.training.memory import step_memory
from albertlm.training.run_config import Execution, PretrainingConfig

LOADER = Path(__file__).parent / "results" / "loader.json"
GPU_STEP = Path(__file__).parent / "results" / "gpu_step.json"

PEAK = 989e12
MFU = 0.4
MEMORY = 80e9
RESERVED = 0.1
MACHINE = 8
INSIDE = 300e9
BETWEEN = 40e9
LATENCY = 10e-6
GRADIENT_BYTES = {"float32": 4, "bfloat16": 2}
STATE_BYTES = 12
TOKEN_BYTES = 2
STORAGE = 1e9
HOURS_BETWEEN_FAILURES = 50_000
RESTART = 600

HEAD = """## Pretraining

These estimates follow from the recipes and the arithmetic of the architecture. **Nothing was run or
measured**, except where stated. The assumptions are:

- GPUs have the performance of an H100: a peak of {peak:.0f} TFLOP/s in bfloat16, {mfu:.0%} of which
  is used for the model's own operations (MFU, without the recomputation of activation
  checkpointing), and {memory:.0f} GB, a tenth of which is kept free. A machine has {machine} GPUs.
  {measured}
- Each GPU sends {inside:.0f} GB/s to others in its machine and {between:.0f} GB/s to those in other
  machines (its own link of 400 Gbit/s, at 80% utilisation); a message takes at least
  {latency:.0f} µs.
- The gradients are summed once per step with a ring all-reduce, without overlap with computation:
  those of the shared layer are complete only at the end of the backward pass. Each of R GPUs sends
  2 (R - 1) / R times their size in 2 (R - 1) messages.
- All texts have the full length of {length} tokens. A checkpoint holds the weights and two moments
  in float32 and is written at {storage:.0f} GB/s while the GPUs wait.
- A GPU or its surroundings fail once in {failures:,} hours. Any failure interrupts the job, which
  resumes after {restart:.0f} minutes. The training of Llama 3 had 419 unexpected interruptions in
  54 days on 16,384 GPUs, or one in 50,700 GPU hours (Dubey et al. 2024, section 3.3.4).
"""

FOOT = """The optimal interval between checkpoints is Young's: the square root of twice the time of
a checkpoint times the mean time between failures. The lost time consists of the checkpoints, half
an interval for each failure, and the restarts (Daly 2006, first order). `--save-every` takes the
interval in steps.

xxlarge has six layers for the first twelfth of the steps; the rows on a step are for twelve layers,
and the days include both phases. On eight GPUs, a step accumulates the gradients of several
micro-batches and sums them over GPUs once. With `--sharded`, the same number of bytes is sent: each
gradient is reduced to one GPU, and the weights are then gathered on all of them.
"""


@dataclass(frozen=True)
class Job:
    """A recipe on a number of GPUs; `longer` is the same recipe with more steps."""

    recipe: str
    gpus: int
    longer: str | None = None

    @property
    def config(self) -> PretrainingConfig:
        return RECIPES[self.recipe](30_000)

    def operations(self, phase: int = -1) -> float:
        """Return the floating-point operations of a step, forward and backward."""
        config, shape = self.config, self.config.phases[phase]
        layers = shape.layers or config.model.num_hidden_layers
        applied = replace(config.model, num_hidden_layers=layers)
        token = costs.flops_per_token(applied, shape.length)
        masks = config.masking.probability * costs.flops_per_prediction(config.model)
        return 3 * shape.batch_size * shape.length * (token + masks)

    def computing(self, phase: int = -1) -> float:
        """Return the seconds of computation in a step."""
        return self.operations(phase) / (self.gpus * MFU * PEAK)

    def gradients(self, kind: str) -> int:
        """Return the bytes of gradients that are summed over all GPUs."""
        return GRADIENT_BYTES[kind] * parameters(self.config.model)

    def sending(self, kind: str) -> float:
        """Return the seconds for summing the gradients of a step."""
        link = INSIDE if self.gpus <= MACHINE else BETWEEN
        hops = 2 * (self.gpus - 1)
        return hops / self.gpus * self.gradients(kind) / link + hops * LATENCY

    def step(self, phase: int = -1) -> float:
        """Return the seconds of a step, with gradients in float32."""
        return self.computing(phase) + self.sending("float32")

    @property
    def tokens(self) -> float:
        """Tokens per second of all GPUs."""
        shape = self.config.phases[-1]
        return shape.batch_size * shape.length / self.step()

    @property
    def checkpoint(self) -> float:
        """Bytes of a checkpoint."""
        return STATE_BYTES * parameters(self.config.model)

    @property
    def between_failures(self) -> float:
        """The job's mean seconds between failures."""
        return 3600 * HOURS_BETWEEN_FAILURES / self.gpus

    @property
    def interval(self) -> float:
        """The optimal number of seconds between checkpoints."""
        return math.sqrt(2 * self.checkpoint / STORAGE * self.between_failures)

    @property
    def lost(self) -> float:
        """The share of time for checkpoints, repeated steps and restarts."""
        again = (self.interval / 2 + RESTART) / self.between_failures
        return self.checkpoint / STORAGE / self.interval + again

    @property
    def seconds(self) -> float:
        """Seconds of the whole run."""
        phases = self.config.phases
        steps = sum(phase.steps * self.step(number) for number, phase in enumerate(phases))
        return steps * (1 + self.lost)

    @property
    def micro_batch(self) -> int:
        """Examples in a micro-batch: a GPU's share of a step, halved until it fits into memory."""
        shape = self.config.phases[-1]
        share = shape.batch_size // self.gpus
        sizes = (share >> halved for halved in range(share.bit_length()))
        room = (1 - RESERVED) * MEMORY
        on_gpu = Execution(device="cuda", bf16=True)
        return next(size for size in sizes if step_memory(self.config, shape, on_gpu, size) <= room)


JOBS = (
    Job("albert-base-v1", 1),
    Job("albert-xxlarge-v1-125k", 8, longer="albert-xxlarge-v1"),
    Job("albert-xxlarge-v1-125k", 64, longer="albert-xxlarge-v1"),
)


def section() -> str:
    """Return the section on pretraining."""
    head = HEAD.format(
        peak=PEAK / 1e12,
        mfu=MFU,
        measured=_measured(),
        memory=MEMORY / 1e9,
        machine=MACHINE,
        inside=INSIDE / 1e9,
        between=BETWEEN / 1e9,
        latency=LATENCY * 1e6,
        length=512,
        storage=STORAGE / 1e9,
        failures=HOURS_BETWEEN_FAILURES,
        restart=RESTART / 60,
    )
    names = [f"`{job.recipe}` on {job.gpus}" for job in JOBS]
    rows = [[what, *(tell(job) for job in JOBS)] for what, tell in ROWS.items()]
    return "\n".join([head, table(["", *names], rows, left=1), "", _input(), "", FOOT])


def _measured() -> str:
    """Return a sentence on the measured rate of one GPU."""
    found = json.loads(GPU_STEP.read_text(encoding="utf-8"))["measurements"]
    rates = {
        row.partition(",")[0]: values["utilisation"] * found["matrix_tflops"]
        for row, values in found["steps"].items()  # the larger batches come last
    }
    reached = "\n  and ".join(f"{rate:.0f} TFLOP/s with {name}" for name, rate in rates.items())
    return (
        f"A single {found['device']} reached {reached} in measurements\n"
        "  (results.md, `gpu_step`); a cluster also has stragglers and a network."
    )


def _whole(job: Job) -> str:
    return f"**{duration(job.seconds)}**, {job.seconds * job.gpus / 86400:,.0f} GPU days"


def _communication(job: Job, kind: str) -> str:
    if job.gpus == 1:
        return "–"
    seconds = job.sending(kind)
    return f"{seconds * 1e3:.1f} ms, {seconds / (job.computing() + seconds):.1%} of a step"


ROWS: dict[str, Callable[[Job], str]] = {
    "operations per step": lambda job: f"{job.operations() / 1e15:.1f} PFLOP",
    "computation per step": lambda job: f"{job.computing():.2f} s",
    "examples per micro-batch": lambda job: f"{job.micro_batch}",
    "gradients, float32": lambda job: f"{job.gradients('float32') / 1e6:,.0f} MB",
    "… summing them": lambda job: _communication(job, "float32"),
    "… summing them in bfloat16": lambda job: _communication(job, "bfloat16"),
    "tokens per second": lambda job: f"{job.tokens / 1e6:,.2f} M",
    "… per GPU": lambda job: f"{job.tokens / job.gpus / 1e3:,.0f} k",
    "token data read per GPU": lambda job: f"{TOKEN_BYTES * job.tokens / job.gpus / 1e6:,.2f} MB/s",
    "time between failures": lambda job: duration(job.between_failures),
    "checkpoint": lambda job: f"{job.checkpoint / 1e9:.2f} GB, {job.checkpoint / STORAGE:.1f} s",
    "… optimal interval": lambda job: (
        f"{duration(job.interval)}, {job.interval / job.step():,.0f} steps"
    ),
    "time lost to failures and checkpoints": lambda job: f"{job.lost:.2%}",
    "**125,000 steps** (the paper's table 2)": _whole,
    "**1,500,000 steps** (as released)": lambda job: (
        _whole(Job(job.longer, job.gpus)) if job.longer else ""
    ),
}


def _input() -> str:
    """Return a sentence on the cores that the loader needs, if its rate was measured."""
    most = max(job.tokens / job.gpus for job in JOBS)
    needed = f"The fastest of these GPUs needs {most / 1e3:,.0f} thousand tokens per second"
    if not LOADER.is_file():
        return f"{needed}. The rate of the loader was not measured."
    result = json.loads(LOADER.read_text(encoding="utf-8"))
    rate = 1e6 * result["measurements"]["one core"]["16 x 512"]["M tokens/s"]
    return (
        f"{needed}. In measurements, the loader produces {rate / 1e3:,.0f} thousand per second on "
        f"a core ([results](results.md), `loader`), so each GPU needs {most / rate:.0%} of a core."
    )


def duration(seconds: float) -> str:
    """Return a time in a suitable unit."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.{0 if seconds >= 100 * size else 1}f} {unit}"
    return f"{seconds:.0f} s"


def parameters(model: AlbertConfig) -> int:
    """Return the number of parameters of the pretraining model."""
    return sum(costs.parameters_by_part(model).values())
