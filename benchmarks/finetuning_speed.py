"""The speed of fine-tuning, evaluation and tokenizing, against transformers and `tokenizers`.

Training: both start from the weights that ship and read the same rows of tokens in batches of 32,
in the precision that the processor multiplies in hardware, with fused AdamW. transformers' Trainer
pads each batch to its longest row. Each run has a process of its own, whose peak is that of all its
memory. Evaluation: from texts to scores in float32, with the model that was just trained; the peer
is the Trainer or, for SQuAD, a plain loop that only computes the logits of all windows. Tokenizing:
one SQuAD article in eight, with offsets, on one thread.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import common
from albertlm import AlbertConfig, AlbertTokenizer, hub
from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.windows import Cutting, question_windows

FILES = {
    "sst2": common.DATA / "glue" / "SST-2" / "train.tsv",
    "squad1": common.DATA / "squad" / "train-v1.1.json.xz",
}
DEV = {
    "sst2": common.DATA / "glue" / "SST-2" / "dev.tsv",
    "squad1": common.DATA / "squad" / "dev-v1.1.json.xz",
}
EVERY = {"sst2": 4, "squad1": 40}
EVERY_OF_DEV = {"sst2": 1, "squad1": 50}
"""Of how many examples one is used."""

STEPS = {"sst2": 80, "squad1": 12}
BATCH, LENGTH, WARMUP, ROUNDS = 32, 128, 5, 3


def prepare(task: str, folder: Path) -> None:
    """Write the configuration and the features of a task, for the processes of both."""
    from albertlm.recipes.tasks import find_finetuning_recipe

    found, model = TASKS[task], AlbertConfig.from_pretrained(hub.SHIPPED)
    recipe = find_finetuning_recipe(found, model)
    config = recipe.config(
        found,
        model,
        labels=found.labels or (),
        examples=BATCH * (STEPS[task] + WARMUP),
        source=str(hub.SHIPPED),
    )
    config = _changed(config, STEPS[task] + WARMUP)
    examples = found.read(FILES[task])[:: EVERY[task]]
    features = config.reading().features(AlbertTokenizer.from_pretrained(hub.SHIPPED), examples)
    (folder / f"{task}.pickle").write_bytes(pickle.dumps((config, features)))


def _changed(config: Any, steps: int) -> Any:
    """The configuration with so many steps, and no looks between."""
    from dataclasses import replace

    from albertlm.training.run_config import Phase

    phase = Phase(steps=steps, batch_size=BATCH, length=LENGTH)
    return replace(config, phases=(phase,), look_every=steps, warmup_steps=WARMUP)


def train(contestant: str, task: str, folder: str) -> None:
    """Train, and print the samples of a second and the peak memory in MiB, as JSON."""
    config, features = pickle.loads(Path(folder, f"{task}.pickle").read_bytes())
    ends = [*{"albertlm": ours, "transformers": theirs}[contestant](config, features, folder)]
    seconds = (ends[-1] - ends[WARMUP - 1]) / (len(ends) - WARMUP)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([BATCH / seconds, peak]))


def ours(config: Any, features: Any, folder: str) -> Iterator[float]:
    """When each step of our loop ends."""
    from albertlm.training.finetuning import finetune
    from albertlm.training.labelled import LabelledData

    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    data = LabelledData(features, BATCH, seed=0, pad_id=tokenizer.pad_token_id)
    run = tempfile.mkdtemp(prefix=f"{config.task}-", dir=folder)
    for _ in finetune(config, data, tokenizer, run):
        yield time.perf_counter()


def theirs(config: Any, features: Any, folder: str) -> list[float]:
    """When each step of the Trainer ends."""
    import torch
    import transformers

    from albertlm.training.devices import has_bf16

    class Timed(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    ends: list[float] = []
    is_squad = config.head == "question-answering"
    names = ("start_positions", "end_positions") if is_squad else ("labels",)
    rows = [
        {
            "input_ids": feature.rows[0].input_ids.tolist(),
            "token_type_ids": feature.rows[0].token_type_ids.tolist(),
            **dict(zip(names, feature.labels.tolist(), strict=True)),
        }
        for feature in features
    ]
    kind = "QuestionAnswering" if is_squad else "SequenceClassification"
    model = getattr(transformers, f"AlbertFor{kind}").from_pretrained(
        hub.SHIPPED, dtype=torch.float32
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(hub.SHIPPED)
    transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            max_steps=STEPS[config.task] + WARMUP,
            learning_rate=config.learning_rate,
            weight_decay=config.weight_decay,
            optim="adamw_torch_fused",
            bf16=has_bf16("cpu"),
            use_cpu=True,
            report_to="none",
            save_strategy="no",
            logging_strategy="no",
            disable_tqdm=True,
        ),
        train_dataset=rows,
        data_collator=transformers.DataCollatorWithPadding(tokenizer),
        callbacks=[Timed()],
    ).train()
    return ends


def measure_training(task: str, folder: Path) -> dict[str, Any]:
    """The medians of both, run alternately."""
    runs: dict[str, list[list[float]]] = {"albertlm": [], "transformers": []}
    for _ in range(ROUNDS):
        for name, found in runs.items():
            command = [sys.executable, __file__, name, task, str(folder)]
            output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
            found.append(json.loads(output.splitlines()[-1]))
    samples, peaks = (
        {name: statistics.median(run[place] for run in each) for name, each in runs.items()}
        for place in (0, 1)
    )
    return {
        **{f"{name}_samples_per_s": round(value, 1) for name, value in samples.items()},
        "times_as_fast": round(samples["albertlm"] / samples["transformers"], 2),
        **{f"{name}_peak_mib": round(value) for name, value in peaks.items()},
        "share_of_peak": round(peaks["albertlm"] / peaks["transformers"], 2),
    }


def measure_evaluation(task: str, model: Path) -> dict[str, Any]:
    """The examples of a second of `evaluate` and of its peer."""
    import torch
    import transformers

    from albertlm.evaluation.tasks import evaluate_task
    from albertlm.inference.engines import open_engine

    examples = TASKS[task].read(DEV[task])[:: EVERY_OF_DEV[task]]
    tokenizer = AlbertTokenizer.from_pretrained(model)
    engines = {name: open_engine("torch", model, dtype=name) for name in ("float32", "bfloat16")}
    peer_tokenizer = transformers.AutoTokenizer.from_pretrained(model)

    def evaluated(name: str) -> Callable[[], object]:
        return lambda: evaluate_task(engines[name], tokenizer, TASKS[task], examples)

    def trainer() -> None:
        found = peer_tokenizer([each.texts[0] for each in examples], truncation=True)
        rows: Any = [
            {name: found[name][place] for name in ("input_ids", "token_type_ids")}
            for place in range(len(examples))
        ]
        peer.predict(rows)

    def plain_loop() -> None:
        found = peer_tokenizer(
            *([each.texts[place] for each in examples] for place in (0, 1)),
            truncation="only_second",
            max_length=LENGTH,
            stride=(LENGTH - 16) // 2,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            return_tensors="pt",
            padding=True,
        )
        with torch.inference_mode():
            for start in range(0, len(found["input_ids"]), BATCH):
                names = ("input_ids", "token_type_ids", "attention_mask")
                part = {name: found[name][start : start + BATCH] for name in names}
                answerer(**part)

    if task == "squad1":
        answerer = transformers.AlbertForQuestionAnswering.from_pretrained(
            model, dtype=torch.float32
        )
        theirs_ = plain_loop
    else:
        peer = transformers.Trainer(
            model=transformers.AlbertForSequenceClassification.from_pretrained(
                model, dtype=torch.float32
            ),
            args=transformers.TrainingArguments(
                output_dir=str(model.parent / "peer"),
                per_device_eval_batch_size=BATCH,
                use_cpu=True,
                report_to="none",
                disable_tqdm=True,
            ),
            data_collator=transformers.DataCollatorWithPadding(peer_tokenizer),
        )
        theirs_ = trainer
    seconds = common.alternating_medians(
        ROUNDS,
        albertlm=evaluated("float32"),
        albertlm_bfloat16=evaluated("bfloat16"),
        transformers=theirs_,
    )
    return _rates(seconds, len(examples), "transformers")


def measure_tokenizing() -> dict[str, Any]:
    """The texts and the questions of a second, by what is made of them."""
    import tokenizers
    import transformers

    questions = TASKS["squad1"].read(FILES["squad1"])
    groups = set(sorted({each.group for each in questions})[::8])
    pairs = [each.texts for each in questions if each.group in groups]
    texts = [*dict.fromkeys(text for pair in pairs for text in pair)]
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    peer = tokenizers.Tokenizer.from_file(str(hub.SHIPPED / "tokenizer.json"))
    asked, contexts = map(list, zip(*pairs, strict=True))
    once = common.alternating_medians(
        ROUNDS,
        albertlm=lambda: tokenizer(texts, return_offsets_mapping=True),
        tokenizers=lambda: [(each.ids, each.offsets) for each in peer.encode_batch(texts)],
    )
    fast = transformers.AutoTokenizer.from_pretrained(hub.SHIPPED)
    windows = common.alternating_medians(
        ROUNDS,
        albertlm=lambda: question_windows(tokenizer, asked, contexts, Cutting(LENGTH)),
        transformers=lambda: fast(
            asked,
            contexts,
            truncation="only_second",
            max_length=LENGTH,
            stride=(LENGTH - 16) // 2,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        ),
    )
    return {
        "each text once": _rates(once, len(texts), "tokenizers"),
        "windows of 128 tokens": _rates(windows, len(pairs), "transformers"),
    }


def _rates(seconds: dict[str, float], count: int, peer: str) -> dict[str, Any]:
    """Examples of a second by contestant, and how many times as fast as the peer each is."""
    rates = {f"{name}_per_s": round(count / each, 1) for name, each in seconds.items()}
    ratios = {
        "times_as_fast" + name.removeprefix("albertlm"): round(seconds[peer] / each, 2)
        for name, each in seconds.items()
        if name != peer
    }
    return {"examples": count, **rates, **ratios}


def main() -> None:
    if len(sys.argv) > 1:
        train(*sys.argv[1:])
        return
    common.require_data(*FILES.values(), *DEV.values())
    training, evaluation = {}, {}
    with tempfile.TemporaryDirectory() as folder:
        for task in FILES:
            prepare(task, Path(folder))
            training[task] = measure_training(task, Path(folder))
            print(task, training[task], flush=True)
            model = next(Path(folder).glob(f"{task}-*/model"))
            evaluation[task] = measure_evaluation(task, model)
            print(task, evaluation[task], flush=True)
    measurements = {
        "fine-tuning": training,
        "evaluation": evaluation,
        "tokenizing SQuAD": measure_tokenizing(),
    }
    print(json.dumps(measurements["tokenizing SQuAD"], indent=2))
    packages = ["accelerate", "tokenizers", "torch", "transformers"]
    common.record("finetuning_speed", measurements, packages)


if __name__ == "__main__":
    main()
