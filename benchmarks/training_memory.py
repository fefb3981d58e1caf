"""The peak memory of a pretraining step of albert-base, ours and transformers', without dropout.

Each runs in a process of its own, in the precision that the processor multiplies in hardware, with
the steps of `pretraining_step`. The peak is that of the whole process; `before` is what it takes
with all its libraries and neither model nor data, which is the same for both.
"""

from __future__ import annotations

import resource
import subprocess
import sys

import common
import pretraining_step
from albertlm.training.devices import has_bf16

STEPS = {"albertlm": pretraining_step.ours, "transformers": pretraining_step.theirs}


def peak() -> int:
    """The most bytes that this process has had in memory."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def child(contestant: str, shape: str) -> None:
    """Print the peak before and after one step, which makes the optimizer's state too."""
    before = peak()
    STEPS[contestant](*pretraining_step.shaped(shape), has_bf16("cpu"))()
    print(before, peak())


def measure(shape: str) -> dict[str, float]:
    """Gigabytes of both, and ours by theirs."""
    found = {}
    for contestant in STEPS:
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
