"""The OpenVINO engine: one compiled layer, threads that call it at once, and missing bfloat16."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import openvino
import pytest

from albertlm.inference import processor
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.openvino import OpenVinoEngine


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    """The properties of each graph that is compiled."""
    calls: list[dict[str, object]] = []
    compile_model = openvino.Core.compile_model

    def recorded(core: openvino.Core, model: object, device: str, properties: dict[str, object]):
        calls.append(properties)
        return compile_model(core, model, device, properties)

    monkeypatch.setattr(openvino.Core, "compile_model", recorded)
    return calls


def texts_of(lengths: list[int]) -> list[TokenizedText]:
    return [TokenizedText([2, *range(5, 3 + each), 3], [0] * each) for each in lengths]


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_a_graph_is_compiled_once_for_all_shapes(
    dtype: str, tiny_folder: Path, compiled: list[dict[str, object]]
) -> None:
    engine = OpenVinoEngine.from_folder(tiny_folder, dtype=dtype)
    assert not compiled
    for lengths in ([5], [3, 7], [60, 61], [40] * 8, [6]):
        engine.states(texts_of(lengths))
    groups = [each["DYNAMIC_QUANTIZATION_GROUP_SIZE"] for each in compiled]
    assert groups == (["0"] if dtype == "float32" else ["64", "256"])
    assert {each["INFERENCE_PRECISION_HINT"] for each in compiled} == {"f32"}


def test_threads_may_call_it_at_once(tiny_folder: Path) -> None:
    engine = OpenVinoEngine.from_folder(tiny_folder, dtype="float32")
    batches = [texts_of([length]) for length in range(3, 40)]
    expected = [engine.states(batch)[0] for batch in batches]
    with ThreadPoolExecutor(4) as pool:
        found = [states[0] for states in pool.map(engine.states, batches)]
    for ours, wanted in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours, wanted)


def test_bfloat16_needs_a_processor_that_has_it(
    tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "has_bfloat16", lambda: False)
    assert OpenVinoEngine.from_folder(tiny_folder).dtype == "float32"
    with pytest.raises(ValueError, match="'bfloat16' is not allowed; it must be float32 or in"):
        OpenVinoEngine.from_folder(tiny_folder, dtype="bfloat16")


_PRINTS_AFFINITIES = """
import contextlib, os, sys, threading
from pathlib import Path
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.openvino import OpenVinoEngine
engine = OpenVinoEngine.from_folder(Path(sys.argv[1]), dtype="float32")
texts = [TokenizedText([2] * 64, [0] * 64)] * 64
engine.states(texts)  # what compiles is bound for a moment
computing = threading.Thread(target=lambda: [engine.states(texts) for _ in range(20)])
computing.start()
seen = set()
while computing.is_alive():
    for task in os.listdir("/proc/self/task"):
        with contextlib.suppress(ProcessLookupError):  # a thread has ended
            seen.add(len(os.sched_getaffinity(int(task))))
print(*seen)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_no_thread_is_bound_to_a_core(tiny_folder: Path) -> None:
    # or several processes with a thread each would all compute on the first core
    command = [sys.executable, "-c", _PRINTS_AFFINITIES, str(tiny_folder)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.split() == [str(len(os.sched_getaffinity(0)))]


_PRINTS_MEMORY = """
import sys
from pathlib import Path
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.engines.openvino import OpenVinoEngine
engine = OpenVinoEngine.from_folder(Path(sys.argv[1]), dtype="float32")
for rows in range(1, 25):
    for length in range(4, 54):
        engine.states([TokenizedText([2] * length, [0] * length)] * rows)
    status = Path("/proc/self/status").read_text().splitlines()
    print(next(line.split()[1] for line in status if line.startswith("VmRSS")))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_memory_does_not_grow_with_the_number_of_shapes(tiny_folder: Path) -> None:
    command = [sys.executable, "-c", _PRINTS_MEMORY, str(tiny_folder)]
    found = subprocess.run(command, capture_output=True, text=True, check=True)
    kib = [int(line) for line in found.stdout.split()]  # after each 50 shapes
    # it grows slowly for the first 400, up to the limit of oneDNN's own cache
    assert kib[-1] - kib[15] < 40 * 1024
