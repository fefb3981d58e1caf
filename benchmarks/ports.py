"""The same random weights in every library: how far outputs differ, and how fast they are.

Differences are the largest from the outputs of transformers 4's TensorFlow classes, relative to the
largest value of each output, for pairs of texts with padding: hidden states, the pooled state and
the logits of every head, in float32. keras-hub has a backbone only, with one activation, and reads
a preset that was converted. The speed is that of albert-base with 8 texts of 128 tokens, compiled
where the library compiles; contestants are processes that run in turns. `make oracles
test-tensorflow` makes the environments.

    python benchmarks/ports.py [--rounds ROUNDS] [PRESET ...]
"""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import common
from albertlm import AlbertConfig
from albertlm.checkpoints import huggingface, keras_hub, names

ROOT = Path(__file__).parents[1]
PRESETS = ("albert-base-v1", "albert-base-v2", "albert-large-v1", "albert-large-v2")
CLASSES = (
    "AlbertModel",
    "AlbertForPreTraining",
    "AlbertForMaskedLM",
    "AlbertForSequenceClassification",
    "AlbertForTokenClassification",
    "AlbertForQuestionAnswering",
    "AlbertForMultipleChoice",
)
HEADS = ("pooler", "mlm", "sop", "classifier", "qa")

Arrays = dict[str, np.ndarray]
Call = Callable[[Arrays], Mapping[str, Any]]


class Contestant(NamedTuple):
    """A library to measure.

    Fields:
        environment: the folder of its virtual environment.
        backend: Keras's, if the library is built on Keras.
    """

    environment: str
    backend: str = ""


REFERENCE = "transformers 4, TensorFlow"
CONTESTANTS = {
    "PyTorch": Contestant(".venv"),
    "NumPy": Contestant(".venv"),
    "TensorFlow": Contestant(".venv-tensorflow", "tensorflow"),
    "JAX": Contestant(".venv-tensorflow", "jax"),
    REFERENCE: Contestant(".venv-transformers"),
    "transformers 4, PyTorch": Contestant(".venv-transformers"),
    "keras-hub": Contestant(".venv-keras-hub", "tensorflow"),
}
TIMED = tuple(name for name in CONTESTANTS if name not in ("NumPy", "keras-hub"))


def write_model(folder: Path, config: AlbertConfig, architecture: str) -> None:
    """Write random weights of the backbone and all heads."""
    shapes = names.shapes(config, (*names.BACKBONE, *HEADS))
    tensors = common.random_tensors(shapes)
    # what ALBERT ties has both names in the hub's files, and transformers reads the second
    tensors["predictions.decoder.bias"] = tensors["predictions.bias"]
    huggingface.write(folder, tensors)
    config.save_pretrained(folder, architecture=architecture)


def write_models(folder: Path, preset: str) -> None:
    """Write a model for choices, one for all other heads, and a preset of keras-hub."""
    config = AlbertConfig.preset(preset)
    write_model(folder / "heads", config, "AlbertForPreTraining")
    write_model(folder / "choices", config.changed(num_labels=1), "AlbertForMultipleChoice")
    if config.activation == "gelu_new":
        tensors = huggingface.read(folder / "heads")
        keras_hub.write(folder / "preset", config, tensors)


def folder_of(name: str, folder: Path) -> Path:
    return folder / ("choices" if name == "AlbertForMultipleChoice" else "heads")


def pairs() -> Arrays:
    """Four pairs of texts, of up to 24 tokens."""
    lengths = np.array([24, 9, 17, 20])[:, None]
    places = np.arange(24)
    mask = (places < lengths).astype(np.int32)
    ids = np.random.default_rng(1).integers(5, 30_000, mask.shape).astype(np.int32) * mask
    segments = (places > lengths // 2).astype(np.int32) * mask
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": segments}


def whole_texts() -> Arrays:
    """Eight texts of 128 tokens."""
    ids = np.random.default_rng(1).integers(5, 30_000, (8, 128)).astype(np.int32)
    return {
        "input_ids": ids,
        "attention_mask": np.ones_like(ids),
        "token_type_ids": np.zeros_like(ids),
    }


def torch_call(library: str, name: str, folder: Path) -> Call:
    import torch

    model = getattr(importlib.import_module(library), name).from_pretrained(folder).eval()

    def call(inputs: Arrays) -> Mapping[str, Any]:
        with torch.inference_mode():
            result = model(**{key: torch.from_numpy(each).long() for key, each in inputs.items()})
        return {key: result[key] for key in result.keys()}  # noqa: SIM118

    return call


def keras_call(name: str, folder: Path) -> Call:
    import albertlm

    call: Call = getattr(albertlm, f"Keras{name}").from_pretrained(folder)
    return call


def transformers_call(name: str, folder: Path) -> Call:
    import transformers

    call: Call = getattr(transformers, f"TF{name}").from_pretrained(folder, from_pt=True)
    return call


def numpy_call(name: str, folder: Path) -> Call:
    """The heads in NumPy, whose states have no padding."""
    from albertlm.inference import heads
    from albertlm.inference.engines.base import TokenizedText
    from albertlm.inference.engines.numpy import NumpyEngine

    engine = NumpyEngine.from_folder(folder)

    def call(inputs: Arrays) -> Mapping[str, Any]:
        ids, mask, segments = (each.reshape(-1, each.shape[-1]) for each in inputs.values())
        texts = [
            TokenizedText(ids[row, :length].tolist(), segments[row, :length].tolist())
            for row, length in enumerate(mask.sum(1))
        ]
        x_ND = np.concatenate(list(engine.states(texts)))
        match name:
            case "AlbertModel":
                return {"last_hidden_state": x_ND, "pooler_output": heads.pooled(engine, texts)}
            case "AlbertForPreTraining":
                orders = heads.order_logits(engine, texts)
                return {"prediction_logits": heads.mask_logits(engine, x_ND), "sop_logits": orders}
            case "AlbertForMaskedLM":
                return {"logits": heads.mask_logits(engine, x_ND)}
            case "AlbertForTokenClassification":
                return {"logits": heads.token_logits(engine, x_ND)}
            case "AlbertForQuestionAnswering":
                return dict(
                    zip(
                        ("start_logits", "end_logits"), heads.span_logits(engine, x_ND), strict=True
                    )
                )
        return {"logits": heads.text_logits(engine, texts)}

    return call


def keras_hub_call(folder: Path) -> Call:
    import keras_hub

    model = keras_hub.models.AlbertBackbone.from_preset(str(folder.with_name("preset")))

    def call(inputs: Arrays) -> Mapping[str, Any]:
        ids, mask, segments = inputs.values()
        told = model({"token_ids": ids, "padding_mask": mask, "segment_ids": segments})
        return {
            "last_hidden_state": told["sequence_output"],
            "pooler_output": told["pooled_output"],
        }

    return call


def call_of(contestant: str, name: str, folder: Path) -> Call | None:
    """A model of a class; None if the contestant has none."""
    folder = folder_of(name, folder)
    match contestant:
        case "PyTorch":
            return torch_call("albertlm", name, folder)
        case "NumPy":
            return numpy_call(name, folder)
        case "TensorFlow" | "JAX":
            return keras_call(name, folder)
        case "transformers 4, TensorFlow":
            return transformers_call(name, folder)
        case "transformers 4, PyTorch":
            return torch_call("transformers", name, folder)
    is_there = name == "AlbertModel" and folder.with_name("preset").is_dir()
    return keras_hub_call(folder) if is_there else None


def write_outputs(contestant: str, folder: Path) -> None:
    """Write what a contestant computes for each preset, without padding; in its environment."""
    mask = pairs()["attention_mask"].astype(bool)
    for models in sorted(folder.iterdir()):
        found = {}
        for name in CLASSES:
            inputs = pairs()
            if name == "AlbertForMultipleChoice":
                inputs = {key: each.reshape(2, 2, -1) for key, each in inputs.items()}
            call = call_of(contestant, name, models)
            for key, value in call(inputs).items() if call else ():
                array = np.asarray(value)
                at_tokens = array[mask] if array.shape[:2] == mask.shape else array
                found[f"{name}: {key}"] = at_tokens.ravel()
        np.savez(models / f"{contestant}.npz", **found)  # type: ignore[arg-type]


def compiled(contestant: str, folder: Path) -> Callable[[], object]:
    """The hidden states of a batch, as fast as the library computes them."""
    call = call_of(contestant, "AlbertModel", folder)
    assert call
    inputs = whole_texts()
    match contestant:
        case "TensorFlow" | "transformers 4, TensorFlow":
            import tensorflow as tf

            function = tf.function(lambda inputs: call(inputs)["last_hidden_state"])
            tensors = {name: tf.constant(each) for name, each in inputs.items()}
            return lambda: function(tensors).numpy()
        case "JAX":
            import jax

            model: Any = call
            kinds = (model.trainable_variables, model.non_trainable_variables)
            weights = [[each.value for each in kind] for kind in kinds]
            jitted = jax.jit(lambda *given: model.stateless_call(*given)[0]["last_hidden_state"])
            tensors = {name: jax.numpy.asarray(each) for name, each in inputs.items()}
            return lambda: jitted(*weights, tensors).block_until_ready()
    return lambda: call(inputs)


def take_turns(contestant: str, folder: Path) -> None:
    """Compute once for each line of the standard input, and answer with a line."""
    run = compiled(contestant, folder)
    for _ in sys.stdin:
        run()
        print("done", flush=True)


def python_of(environment: str) -> Path:
    """The interpreter of an environment; exits with one line if there is none."""
    python = ROOT / environment / "bin" / "python"
    if environment == ".venv":
        return Path(sys.executable)
    if not python.exists():
        raise SystemExit(f"there is no {environment}; run `make oracles test-tensorflow`")
    return python


def versions() -> dict[str, str]:
    """The versions of the libraries in other environments than this one."""
    found = {}
    for environment, package in (
        (".venv-tensorflow", "tensorflow"),
        (".venv-tensorflow", "jax"),
        (".venv-transformers", "transformers"),
        (".venv-keras-hub", "keras-hub"),
    ):
        code = f"import importlib.metadata as each; print(each.version({package!r}))"
        done = subprocess.run(
            [python_of(environment), "-c", code], capture_output=True, text=True, check=True
        )
        found[f"{package} in {environment}"] = done.stdout.strip()
    return found


def command(contestant: str, what: str, folder: Path) -> tuple[list[str], dict[str, str]]:
    """The command and environment of a process of a contestant."""
    environment, backend = CONTESTANTS[contestant]
    variables = {
        **os.environ,
        "CUDA_VISIBLE_DEVICES": "",
        "PYTHONPATH": str(ROOT / "src"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    if backend:
        variables["KERAS_BACKEND"] = backend
    else:
        variables["TF_USE_LEGACY_KERAS"] = "1"  # transformers 4 knows no other
    return [str(python_of(environment)), __file__, "--as", contestant, what, str(folder)], variables


def differences(folder: Path) -> dict[str, dict[str, dict[str, float]]]:
    """The differences of each contestant, by preset and by output."""

    def run(contestant: str) -> None:
        arguments, variables = command(contestant, "outputs", folder)
        subprocess.run(arguments, env=variables, stderr=subprocess.DEVNULL, check=True)

    with ThreadPoolExecutor(2) as pool:  # nothing is timed here
        list(pool.map(run, CONTESTANTS))
    by_preset: dict[str, dict[str, float]] = {}
    by_output: dict[str, dict[str, float]] = {}
    for models in sorted(folder.iterdir()):
        expected = dict(np.load(models / f"{REFERENCE}.npz"))
        row = by_preset[models.name] = {}
        for contestant in (name for name in CONTESTANTS if name != REFERENCE):
            for output, found in np.load(models / f"{contestant}.npz").items():
                reference = expected[output]
                error = float(np.abs(found - reference).max() / np.abs(reference).max())
                row[contestant] = max(row.get(contestant, 0.0), error)
                column = by_output.setdefault(output, {})
                column[contestant] = max(column.get(contestant, 0.0), error)
        print(models.name, {contestant: f"{error:.1e}" for contestant, error in row.items()})
    return {"by model": by_preset, "by output": by_output}


@contextmanager
def process_of(name: str, folder: Path) -> Iterator[Callable[[], None]]:
    """A process that computes when it is asked to."""
    arguments, variables = command(name, "turns", folder)
    with subprocess.Popen(
        arguments,
        env=variables,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        bufsize=1,
    ) as process:
        assert process.stdin
        assert process.stdout
        stdin, stdout = process.stdin, process.stdout

        def run() -> None:
            stdin.write("\n")
            if stdout.readline() != "done\n":
                raise SystemExit(f"{name} failed; run {' '.join(arguments)}")

        yield run
        stdin.close()


def speed(folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The seconds of each contestant, and how many times as long as our PyTorch model it takes."""
    with ExitStack() as stack:
        runs = {name: stack.enter_context(process_of(name, folder)) for name in TIMED}
        seconds = common.alternating_medians(rounds, **runs)
    print({name: f"{each:.3f}" for name, each in seconds.items()})
    own = seconds["PyTorch"]
    return {name: {"seconds": each, "ratio": each / own} for name, each in seconds.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("presets", nargs="*", default=list(PRESETS), metavar="PRESET")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--as", nargs=3, dest="own", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.own:
        name, what, folder = options.own
        {"outputs": write_outputs, "turns": take_turns}[what](name, Path(folder))
        return
    measurements: dict[str, Any] = {**versions()}
    with tempfile.TemporaryDirectory() as place:
        for preset in options.presets:
            write_models(Path(place, preset), preset)
        measurements["largest relative difference"] = differences(Path(place))
        measurements["albert-base, 8 texts of 128 tokens"] = speed(
            Path(place, options.presets[0]), options.rounds
        )
    common.record("ports", measurements, ("numpy", "torch", "keras"))


if __name__ == "__main__":
    main()
