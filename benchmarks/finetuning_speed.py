"""The speed of fine-tuning, evaluation and tokenizing, against transformers and `tokenizers`.

Training: both start from the weights that ship and read the same rows of tokens in batches of 32,
in the precision that the processor multiplies in hardware, with fused AdamW. transformers' Trainer
pads each batch to its longest row. Each run has a process of its own, whose peak is that of all its
memory. Windows of 384 tokens are those of the recipe for SQuAD; nearly all windows of 128 are full,
so they gain nothing from rows without padding. Evaluation: from texts to scores in float32, with
the model that was just trained; the peer is the Trainer or, for SQuAD, a plain loop that only
computes the logits of all windows. Tokenizing: one SQuAD article in eight, with offsets, on one
thread, in a process that has not imported torch.
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
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

os.environ["TOKENIZERS_PARALLELISM"] = "false"
os.environ["RAYON_NUM_THREADS"] = "1"

import common
from albertlm import AlbertConfig, AlbertTokenizer, hub
from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.windows import SHIFT, Cutting, question_windows

DEV = {
    "sst2": common.DATA / "glue" / "SST-2" / "dev.tsv",
    "squad1": common.DATA / "squad" / "dev-v1.1.json.xz",
}
TRAIN = {
    "sst2": common.DATA / "glue" / "SST-2" / "train.tsv",
    "squad1": common.DATA / "squad" / "train-v1.1.json.xz",
}
BATCH, WARMUP, ROUNDS = 32, 3, 3
Step = tuple[float, float]
"""When a step ended, and the number of its tokens."""

ARTICLES = 8
"""Of how many SQuAD articles the text of one is tokenized."""


@dataclass(frozen=True)
class Case:
    """What is measured.

    Fields:
        task: the name of the task.
        length: the number of tokens of the longest row.
        every, every_of_dev: of how many training and dev examples one is used.
        steps: the number of steps that are timed.
    """

    task: str
    length: int
    every: int
    every_of_dev: int
    steps: int

    @property
    def overlap(self) -> int:
        """How many tokens windows share if they begin as ours do, as transformers counts them."""
        room = self.length - 16
        return room - min(SHIFT, room // 2)


CASES = {
    "SST-2": Case("sst2", length=128, every=4, every_of_dev=1, steps=80),
    "SQuAD 1.1, windows of 128 tokens": Case("squad1", 128, every=40, every_of_dev=50, steps=10),
    "SQuAD 1.1, windows of 384 tokens": Case("squad1", 384, every=40, every_of_dev=50, steps=6),
}


def prepare(case: Case, folder: Path) -> None:
    """Write the configuration and the features of a case, for the processes of both."""
    from albertlm.recipes.tasks import find_finetuning_recipe
    from albertlm.training.run_config import Phase

    task, model = TASKS[case.task], AlbertConfig.from_pretrained(hub.SHIPPED)
    steps = case.steps + WARMUP
    config = find_finetuning_recipe(task, model).config(
        task, model, labels=task.labels or (), examples=BATCH * steps, source=str(hub.SHIPPED)
    )
    phase = Phase(steps=steps, batch_size=BATCH, length=case.length)
    config = replace(config, phases=(phase,), look_every=steps, warmup_steps=WARMUP)
    examples = task.read(TRAIN[case.task])[:: case.every]
    features = config.reading().features(AlbertTokenizer.from_pretrained(hub.SHIPPED), examples)
    (folder / "prepared.pickle").write_bytes(pickle.dumps((config, features)))


def train(contestant: str, folder: str) -> None:
    """Train, and print the samples of a second and the peak memory in MiB, as JSON.

    The rate is that of tokens without padding, by the tokens of a sample in all the data: the
    samples of a few batches are longer or shorter.
    """
    config, features = pickle.loads(Path(folder, "prepared.pickle").read_bytes())
    train_with = {"albertlm": ours, "transformers": theirs}[contestant]
    ends, tokens = zip(*train_with(config, features, folder), strict=True)
    rate = sum(tokens[WARMUP:]) / (ends[-1] - ends[WARMUP - 1])
    tokens_of_sample = statistics.fmean(feature.length for feature in features)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([rate / tokens_of_sample, peak]))


def ours(config: Any, features: Any, folder: str) -> Iterator[Step]:
    """When each step of our loop ends."""
    from albertlm.training.finetuning import finetune
    from albertlm.training.labelled import LabelledData

    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    data = LabelledData(features, BATCH, seed=0, pad_id=tokenizer.pad_token_id)
    run = tempfile.mkdtemp(prefix="run-", dir=folder)
    for step in finetune(config, data, tokenizer, run):
        yield time.perf_counter(), step.values["tokens"]


def theirs(config: Any, features: Any, folder: str) -> Iterator[Step]:
    """When each step of the Trainer ends."""
    import torch
    import transformers

    from albertlm.training.devices import has_bf16

    class Timed(transformers.TrainerCallback):
        def on_step_end(self, *_: Any, **__: Any) -> None:
            ends.append(time.perf_counter())

    ends: list[float] = []
    tokens: list[int] = []
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
    model.register_forward_pre_hook(
        lambda _, __, inputs: tokens.append(int(inputs["attention_mask"].sum())), with_kwargs=True
    )
    tokenizer = transformers.AutoTokenizer.from_pretrained(hub.SHIPPED)
    transformers.Trainer(
        model=model,
        args=transformers.TrainingArguments(
            output_dir=folder,
            per_device_train_batch_size=BATCH,
            max_steps=config.phases[0].steps,
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
    yield from zip(ends, tokens, strict=True)


def measure_training(folder: Path) -> dict[str, Any]:
    """The medians of both, run alternately."""
    runs: dict[str, list[list[float]]] = {"albertlm": [], "transformers": []}
    for _ in range(ROUNDS):
        for name, found in runs.items():
            found.append(in_process(name, str(folder)))
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


def in_process(*arguments: str) -> Any:
    """What this script prints as JSON in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def measure_evaluation(case: Case, model: Path) -> dict[str, Any]:
    """The examples of a second of `evaluate` and of its peer."""
    import torch
    import transformers

    from albertlm.evaluation.tasks import evaluate_task
    from albertlm.inference.engines import open_engine

    task = TASKS[case.task]
    examples = task.read(DEV[case.task])[:: case.every_of_dev]
    tokenizer = AlbertTokenizer.from_pretrained(model)
    engines = {name: open_engine("torch", model, dtype=name) for name in ("float32", "bfloat16")}
    peer_tokenizer = transformers.AutoTokenizer.from_pretrained(model)

    def evaluated(name: str) -> Callable[[], object]:
        return lambda: evaluate_task(engines[name], tokenizer, task, examples)

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
            max_length=case.length,
            stride=case.overlap,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
        )
        names = ("input_ids", "token_type_ids", "attention_mask")
        with torch.inference_mode():
            for start in range(0, len(found["input_ids"]), BATCH):
                part = {name: found[name][start : start + BATCH] for name in names}
                answerer(**peer_tokenizer.pad(part, return_tensors="pt"))

    if case.task == "squad1":
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


def tokenize() -> None:
    """Print the texts and the questions of a second, by what is made of them, as JSON."""
    import tokenizers

    questions = TASKS["squad1"].read(TRAIN["squad1"])
    groups = set(sorted({each.group for each in questions})[::ARTICLES])
    pairs = [each.texts for each in questions if each.group in groups]
    texts = [*dict.fromkeys(text for pair in pairs for text in pair)]
    tokenizer = AlbertTokenizer.from_pretrained(hub.SHIPPED)
    peer = tokenizers.Tokenizer.from_file(str(hub.SHIPPED / "tokenizer.json"))
    once = common.alternating_medians(
        ROUNDS,
        albertlm=lambda: tokenizer(texts, return_offsets_mapping=True),
        tokenizers=lambda: [(each.ids, each.offsets) for each in peer.encode_batch(texts)],
    )
    case = CASES["SQuAD 1.1, windows of 384 tokens"]
    asked, contexts = map(list, zip(*pairs, strict=True))
    peer.enable_truncation(case.length, stride=case.overlap, strategy="only_second")
    windows = common.alternating_medians(
        ROUNDS,
        albertlm=lambda: question_windows(tokenizer, asked, contexts, Cutting(case.length)),
        tokenizers=lambda: [
            (window.ids, window.offsets)
            for each in peer.encode_batch(pairs)
            for window in (each, *each.overflowing)
        ],
    )
    found = {
        "each text once": _rates(once, len(texts), "tokenizers"),
        "questions with contexts, in windows of 384 tokens": _rates(
            windows, len(pairs), "tokenizers"
        ),
    }
    print(json.dumps(found))


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
    match sys.argv[1:]:
        case []:
            measure()
        case ["tokenize"]:
            tokenize()
        case [contestant, folder]:
            train(contestant, folder)


def measure() -> None:
    """Measure everything, and write the results."""
    common.require_data(*TRAIN.values(), *DEV.values())
    tokenizing = in_process("tokenize")
    print(json.dumps(tokenizing, indent=2), flush=True)
    training, evaluation = {}, {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            prepare(case, Path(folder))
            training[name] = measure_training(Path(folder))
            print(name, training[name], flush=True)
            model = next(Path(folder).glob("run-*/model"))
            evaluation[name] = measure_evaluation(case, model)
            print(name, evaluation[name], flush=True)
    measurements = {
        "fine-tuning": training,
        "evaluation": evaluation,
        "tokenizing SQuAD": tokenizing,
    }
    packages = ["accelerate", "tokenizers", "torch", "transformers"]
    common.record("finetuning_speed", measurements, packages)


if __name__ == "__main__":
    main()
