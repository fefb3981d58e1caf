"""What a pretraining costs on one GPU, on eight and on 64: a model, for docs/scale.md."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from albertlm import costs
from albertlm.config import AlbertConfig
from albertlm.recipes.registry import RECIPES
from albertlm.training.config import Execution, PretrainingConfig
from albertlm.training.memory import step_memory

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

A model, from the recipes and the arithmetic of the architecture. **None of it was run or
measured**, except where it says so. Assumed are:

- GPUs such as an H100: {peak:.0f} TFLOP/s in bfloat16 at most, of which the model's own
  operations get {mfu:.0%} (MFU; what activation checkpointing computes again is not among
  them), and {memory:.0f} GB, of which a tenth is kept free. A machine has {machine} of them.
  {measured}
- Each GPU sends {inside:.0f} GB/s to others in its machine, and {between:.0f} GB/s to those
  elsewhere (a link of 400 Gbit/s for each, at four fifths); a message takes {latency:.0f} µs at
  least.
- The gradients are summed once a step, in a ring, and nothing is computed meanwhile: the shared
  layer's are not complete before the backward pass is over. Each of R GPUs sends
  2 (R - 1) / R times their size, in 2 (R - 1) messages.
- All texts are full: {length} tokens. A checkpoint holds the weights and two moments in
  float32, and is written at {storage:.0f} GB/s while the GPUs wait.
- A GPU, or what belongs to it, fails once in {failures:,} hours; any failure ends the job, and
  {restart:.0f} minutes pass before it goes on. Llama 3's training had 419 unexpected
  interruptions in 54 days of 16,384 GPUs: once in 50,700 hours of a GPU (Dubey et al. 2024,
  section 3.3.4).
"""

FOOT = """The best interval between checkpoints is Young's: the root of twice the time of a
checkpoint times the mean time between failures. What is lost are the checkpoints, half an interval
for each failure, and the restarts (Daly 2006, to first order). `--save-every` takes it in steps.

xxlarge begins with six layers, for a twelfth of the steps; a step is given for twelve layers, the
days are of both. On eight GPUs a step is several passes of the examples that fit at a time, and its
gradients are summed once. With `--sharded` as many bytes travel: sums to one GPU each, then weights
to all.
"""


@dataclass(frozen=True)
class Job:
    """A recipe on some GPUs, and what follows from the assumptions; `longer` has more steps."""

    recipe: str
    gpus: int
    longer: str | None = None

    @property
    def config(self) -> PretrainingConfig:
        return RECIPES[self.recipe](30_000)

    def operations(self, phase: int = -1) -> float:
        """Of a step, forwards and backwards."""
        config, shape = self.config, self.config.phases[phase]
        layers = shape.layers or config.model.num_hidden_layers
        applied = replace(config.model, num_hidden_layers=layers)
        token = costs.flops_per_token(applied, shape.length)
        masks = config.masking.probability * costs.flops_per_prediction(config.model)
        return 3 * shape.batch_size * shape.length * (token + masks)

    def computing(self, phase: int = -1) -> float:
        """Seconds of a step."""
        return self.operations(phase) / (self.gpus * MFU * PEAK)

    def gradients(self, kind: str) -> int:
        """Bytes that are summed over all GPUs."""
        return GRADIENT_BYTES[kind] * parameters(self.config.model)

    def sending(self, kind: str) -> float:
        """Seconds in which the gradients of a step are summed."""
        link = INSIDE if self.gpus <= MACHINE else BETWEEN
        hops = 2 * (self.gpus - 1)
        return hops / self.gpus * self.gradients(kind) / link + hops * LATENCY

    def step(self, phase: int = -1) -> float:
        """Seconds of a step, with gradients in float32."""
        return self.computing(phase) + self.sending("float32")

    @property
    def tokens(self) -> float:
        """A second, of all GPUs."""
        shape = self.config.phases[-1]
        return shape.batch_size * shape.length / self.step()

    @property
    def checkpoint(self) -> float:
        """Bytes."""
        return STATE_BYTES * parameters(self.config.model)

    @property
    def between_failures(self) -> float:
        """Seconds, of the job."""
        return 3600 * HOURS_BETWEEN_FAILURES / self.gpus

    @property
    def interval(self) -> float:
        """The best number of seconds between checkpoints."""
        return math.sqrt(2 * self.checkpoint / STORAGE * self.between_failures)

    @property
    def lost(self) -> float:
        """The share of the time for checkpoints, what is done again, and restarts."""
        again = (self.interval / 2 + RESTART) / self.between_failures
        return self.checkpoint / STORAGE / self.interval + again

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        phases = self.config.phases
        steps = sum(phase.steps * self.step(number) for number, phase in enumerate(phases))
        return steps * (1 + self.lost)

    @property
    def micro_batch(self) -> int:
        """Examples at a time: a GPU's share of a step, halved until it fits."""
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
    """The part of the page on pretraining."""
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
    table = [["", *names], ["---", *["---:"] * len(names)]]
    table += [[what, *(tell(job) for job in JOBS)] for what, tell in ROWS.items()]
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return "\n".join([head, *lines, "", _input(), "", FOOT])


def _measured() -> str:
    """What one GPU reached by itself."""
    found = json.loads(GPU_STEP.read_text(encoding="utf-8"))["measurements"]
    rates = {
        row.partition(",")[0]: values["utilisation"] * found["matrix_tflops"]
        for row, values in found["steps"].items()  # the larger batches come last
    }
    reached = "\n  and ".join(f"{rate:.0f} TFLOP/s with {name}" for name, rate in rates.items())
    return (
        f"Measured, one {found['device']} alone did {reached}\n"
        "  (results.md, `gpu_step`); a cluster has stragglers and a network."
    )


def _whole(job: Job) -> str:
    return f"**{duration(job.seconds)}**, {job.seconds * job.gpus / 86400:,.0f} GPU days"


def _communication(job: Job, kind: str) -> str:
    if job.gpus == 1:
        return "–"
    seconds = job.sending(kind)
    return f"{seconds * 1e3:.1f} ms, {seconds / (job.computing() + seconds):.1%} of a step"


ROWS: dict[str, Callable[[Job], str]] = {
    "operations of a step": lambda job: f"{job.operations() / 1e15:.1f} PFLOP",
    "computing a step": lambda job: f"{job.computing():.2f} s",
    "examples at a time": lambda job: f"{job.micro_batch}",
    "gradients, float32": lambda job: f"{job.gradients('float32') / 1e6:,.0f} MB",
    "… summed": lambda job: _communication(job, "float32"),
    "… summed in bfloat16": lambda job: _communication(job, "bfloat16"),
    "tokens a second": lambda job: f"{job.tokens / 1e6:,.2f} M",
    "… of a GPU": lambda job: f"{job.tokens / job.gpus / 1e3:,.0f} k",
    "bytes of tokens that a GPU reads": lambda job: (
        f"{TOKEN_BYTES * job.tokens / job.gpus / 1e6:,.2f} MB/s"
    ),
    "a failure every": lambda job: duration(job.between_failures),
    "checkpoint": lambda job: f"{job.checkpoint / 1e9:.2f} GB, {job.checkpoint / STORAGE:.1f} s",
    "… is best made every": lambda job: (
        f"{duration(job.interval)}, {job.interval / job.step():,.0f} steps"
    ),
    "lost to failures and checkpoints": lambda job: f"{job.lost:.2%}",
    "**125,000 steps** (the paper's table 2)": _whole,
    "**1,500,000 steps** (as released)": lambda job: (
        _whole(Job(job.longer, job.gpus)) if job.longer else ""
    ),
}


def _input() -> str:
    """How many cores the loader needs, if its rate was measured."""
    most = max(job.tokens / job.gpus for job in JOBS)
    needed = f"The fastest of these GPUs needs {most / 1e3:,.0f} thousand tokens a second"
    if not LOADER.is_file():
        return f"{needed}. The rate of the loader is not measured."
    result = json.loads(LOADER.read_text(encoding="utf-8"))
    rate = 1e6 * result["measurements"]["one core"]["16 x 512"]["M tokens/s"]
    return (
        f"{needed}. Measured, the loader makes {rate / 1e3:,.0f} thousand a second on a core "
        f"([results](results.md), `loader`): {most / rate:.0%} of one core for each GPU."
    )


def duration(seconds: float) -> str:
    """A time with the unit that suits it."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:,.{0 if seconds >= 100 * size else 1}f} {unit}"
    return f"{seconds:.0f} s"


def parameters(model: AlbertConfig) -> int:
    """Of the pretraining model."""
    return sum(costs.parameters_by_part(model).values())
