"""The servers that `serving` compares: how each is started and asked."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OURS = ("albertlm, openvino, auto", "albertlm, openvino, float32", "albertlm, numpy, float32")
TRANSFORMERS = tuple(
    f"transformers, {how}, {dtype}"
    for how in ("lock", "batches")
    for dtype in ("float32", "bfloat16")
)
OTHERS = ("infinity", "fastembed")
CONTESTANTS = {
    "fill-mask": (*OURS, *TRANSFORMERS),
    "feature-extraction": (*OURS, *TRANSFORMERS, *OTHERS),
}
"""By task. A name tells the engine or the way of joining requests, and the precision."""

HERE = Path(__file__).parent
BIN = Path(sys.executable).parent
BIN_OF_OTHERS = HERE.parent / ".venv-servers" / "bin"
"""The environment of infinity and fastembed."""


def command(contestant: str, model: Path, port: int) -> list[str]:
    """The program that serves a folder as `model`; fastembed's reads an export."""
    match contestant.split(", "):
        case "albertlm", engine, dtype:
            program = [str(BIN / "albertlm"), "serve", f"model={model}", "--port", str(port)]
            return [*program, "--engine", engine, "--dtype", dtype]
        case "transformers", *options:
            script = str(HERE / "serving_transformers.py")
            return [sys.executable, script, str(model), str(port), *options]
        case ["infinity"]:
            program = [str(BIN_OF_OTHERS / "infinity_emb"), "v2", "--model-id", str(model)]
            options = ["--served-model-name", "model", "--port", str(port), "--engine", "torch"]
            return [*program, *options, "--device", "cpu", "--no-bettertransformer"]
        case ["fastembed"]:
            script = str(HERE / "serving_fastembed.py")
            return [str(BIN_OF_OTHERS / "python"), script, str(model), str(port)]
    raise ValueError(f"there is no server {contestant!r}")


def path(contestant: str, task: str) -> str:
    return "/embeddings" if contestant == "infinity" else f"/models/model/pipeline/{task}"


def body(contestant: str, text: str) -> dict[str, Any]:
    return {"model": "model", "input": text} if contestant == "infinity" else {"inputs": text}


@contextlib.contextmanager
def serving(contestant: str, model: Path, *options: object) -> Iterator[tuple[str, int, float]]:
    """A running server: its address, its process, and the seconds until it was ready."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    program = [*command(contestant, model, port), *map(str, options)]
    address, begin = f"http://127.0.0.1:{port}", time.perf_counter()
    process = subprocess.Popen(program, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        while not _answers(f"{address}/health"):
            if process.poll() is not None:
                raise SystemExit(f"{contestant} ended with status {process.returncode}")
            time.sleep(0.02)
        yield address, process.pid, time.perf_counter() - begin
    finally:
        process.terminate()
        process.wait(60)


def post(url: str, fields: dict[str, Any]) -> int:
    """The status of a request; 0 if the connection broke."""
    request = urllib.request.Request(
        url, json.dumps(fields).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=300) as response:
            response.read()
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def _answers(url: str) -> bool:
    """Whether a GET returns 200."""
    try:
        with urllib.request.urlopen(url, timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False
