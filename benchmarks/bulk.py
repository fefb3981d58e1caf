"""Features of 100,000 sentences of Wikipedia: `albertlm features` into a folder, and transformers.

The model has the size of albert-base and random weights. Both compute in bfloat16 where the
processor has it, and the mean over the tokens of each text. transformers runs in one process on all
cores, on batches of 32 texts that are sorted by length over the whole file. It computes the first
tenth of the sentences, since its rate does not depend on their number. The engine of `albertlm` is
the one that `auto` measured to be fastest. Seconds are those of whole processes, also with what
they need to start; memory is the largest resident set of any process of a contestant. The command
runs on a tenth of the sentences, too, since its memory should not depend on their number.

    python benchmarks/bulk.py [--preset PRESET] [--sentences N]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import common
import sample
from albertlm import AlbertConfig, AlbertTokenizer
from albertlm.inference import processor, speed

BATCH = 32


def peer(folder: Path, texts: Path) -> None:
    """Compute the features of all lines with transformers, in batches of similar length."""
    import torch
    import transformers

    dtype = torch.bfloat16 if processor.has_bfloat16() else torch.float32
    model = transformers.AlbertModel.from_pretrained(folder, dtype=dtype, add_pooling_layer=False)
    model.train(False)
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    lines = texts.read_text(encoding="utf-8").split("\n")
    lines.sort(key=len, reverse=True)
    for start in range(0, len(lines), BATCH):
        batch = tokenizer(
            lines[start : start + BATCH], padding=True, truncation=True, return_tensors="pt"
        )
        with torch.inference_mode():
            states = model(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            ((states * mask).sum(1) / mask.sum(1)).float().numpy()


def measure(command: Sequence[str]) -> dict[str, float]:
    """The seconds of a process, and the largest resident set of it and of those it started."""
    begin = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    seconds = time.perf_counter() - begin
    return {"seconds": round(seconds, 1), "peak_mib": round(usage.ru_maxrss / 1024)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="albert-base-v2", help="or tiny, to try the script")
    parser.add_argument("--sentences", type=int, default=100_000)
    parser.add_argument("--peer", type=Path, nargs=2, help="the model and the texts of the peer")
    options = parser.parse_args()
    if options.peer:
        peer(*options.peer)
        return
    count, tenth = options.sentences, options.sentences // 10
    sentences = list(islice(sample.wikipedia_sentences(), count))
    with tempfile.TemporaryDirectory() as temporary:
        os.environ["ALBERTLM_CACHE"] = str(Path(temporary, "cache"))
        folder = Path(temporary, "model")
        common.write_random(folder, options.preset)
        config = AlbertConfig.from_pretrained(folder)
        # as a job on a large file does
        pairs = [pair for pair in speed.contestants() if pair[1] != "int8"]
        speed.remember(config, {pair: speed.measure(folder, *pair, seconds=0.5) for pair in pairs})
        files = {}
        for number in (count, tenth):
            files[number] = Path(temporary, f"{number}")
            files[number].write_text("\n".join(sentences[:number]), encoding="utf-8")
        program = str(Path(sys.executable).parent / "albertlm")
        commands = {
            f"albertlm, {number:,}": (
                number,
                [program, "features", str(path), f"{path}-out", "-m", str(folder), "--truncate"],
            )
            for number, path in files.items()
        }
        own = [sys.executable, __file__, "--peer", str(folder), str(files[tenth])]
        commands[f"transformers, {tenth:,}"] = tenth, own
        tokenizer = AlbertTokenizer.from_pretrained(folder)
        tokens = {
            number: sum(map(len, tokenizer(sentences[:number], truncation=True)["input_ids"]))
            for number in files
        }
        measurements: dict[str, Any] = {}
        for name, (number, command) in commands.items():
            found = measure(command)
            for unit, total in (("sentences", number), ("tokens", tokens[number])):
                found[f"{unit}_a_second"] = round(total / found["seconds"])
            measurements[name] = found
            print(name, found, flush=True)
        manifest = json.loads(Path(f"{files[count]}-out", "_manifest.json").read_text())
    measurements["engine of albertlm"] = f"{manifest['engine']} in {manifest['dtype']}"
    libraries = ("numpy", "openvino", "onnxruntime", "torch", "transformers", "pyarrow")
    common.record("bulk", measurements, libraries)


if __name__ == "__main__":
    main()
