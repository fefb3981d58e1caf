"""The peak memory of pretraining steps of albert-base with albertlm and transformers.

Three steps are those of `pretraining_step`, without dropout, in the precision that the processor
multiplies in hardware, each contestant in a process of its own. The peak is that of the whole
process; `before` is its memory with all libraries but without model and data, which is the same for
both.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from contextlib import nullcontext

import torch

import common
import pretraining_step
from albertlm.training.devices import fast_cpu, has_bf16

STEPS = 3


def peak() -> int:
    """The peak memory of this process in bytes."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def child(contestant: str, shape: str) -> None:
    """Print the peak before and after some steps; the first one creates the optimizer's state."""
    before = peak()
    with fast_cpu(torch.device("cpu")) if contestant == "albertlm" else nullcontext():
        step = pretraining_step.STEPS[contestant](*pretraining_step.shaped(shape), has_bf16("cpu"))
        for _ in range(STEPS):
            step()
    print(before, peak())


def measure(shape: str) -> dict[str, float]:
    """The gigabytes of both, and their ratio."""
    found = {}
    for contestant in pretraining_step.STEPS:
        command = [sys.executable, __file__, contestant, shape]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        before, found[contestant] = (int(number) / 1e9 for number in output.split())
    return {
        "before_gb": before,
        "albertlm_gb": found["albertlm"],
        "transformers_gb": found["transformers"],
        "ratio": found["albertlm"] / found["transformers"],
    }


def main() -> None:
    if len(sys.argv) > 1:
        child(*sys.argv[1:])
        return
    measurements = {}
    for shape in pretraining_step.SHAPES:
        measurements[shape] = measure(shape)
        print(shape, measurements[shape], flush=True)
    common.record("training_memory", measurements, ["torch", "transformers"])


if __name__ == "__main__":
    main()
