"""What the files of a model, of its runs, evaluations and audits say about it, for its card."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albertlm import costs, storage
from albertlm.config import AlbertConfig
from albertlm.data import token_shards
from albertlm.data.token_shards import Tokens
from albertlm.reporting import audit
from albertlm.reporting.history import History
from albertlm.reporting.summary import MEASURES, Summary, summarise
from albertlm.reporting.task_results import TaskResult, read_results
from albertlm.tokenization.tokenizer import AlbertTokenizer

FORMAT = "albertlm card 1"

PIPELINES = {
    "AlbertForPreTraining": "fill-mask",
    "AlbertForMaskedLM": "fill-mask",
    "AlbertForSequenceClassification": "text-classification",
    "AlbertForTokenClassification": "token-classification",
    "AlbertForQuestionAnswering": "question-answering",
    "AlbertForMultipleChoice": "multiple-choice",
    "AlbertModel": "feature-extraction",
}
"""The hub's names of what models do, by the classes in their configurations."""

DATASETS = {
    "squad1": ("rajpurkar/squad", "SQuAD 1.1", None),
    "squad2": ("rajpurkar/squad_v2", "SQuAD 2.0", None),
    "race": ("ehovy/race", "RACE", None),
    "hans": ("jhu-cogsci/hans", "HANS", None),
    "crows-pairs": ("nyu-mll/crows_pairs", "CrowS-Pairs", None),
    "stereoset": ("McGill-NLP/stereoset", "StereoSet", None),
    "winobias": ("uclanlp/wino_bias", "WinoBias", None),
    **{
        name: ("nyu-mll/glue", f"GLUE {name.upper()}", name)
        for name in ("cola", "mnli", "mrpc", "qnli", "qqp", "rte", "sst2", "stsb", "wnli")
    },
}
"""The hub's id of data, its name, and its configuration there."""

BIAS = "Bias, Risks, and Limitations"
"""The section of audits."""

HELD_OUT = "held-out documents"
"""What pretraining is scored on."""

_PRETRAINING_SCORES = {
    "mlm_accuracy": ("masked-token accuracy", 100.0, "%", "predictions"),
    "mlm_loss": ("masked-token loss", 1.0, "nats", "predictions"),
    "bits_per_character": ("bits per character", 1.0, "bits", "predictions"),
    "sop_accuracy": ("sentence-order accuracy", 100.0, "%", "pairs"),
}


@dataclass(frozen=True)
class Fact:
    """A line of a section: what it is about, and the file that says so."""

    section: str
    name: str
    value: str
    file: str


@dataclass(frozen=True)
class Score:
    """A result of the model.

    Fields:
        section: `Results`, or `Bias, Risks, and Limitations`.
        data: the name of the data, a key of `DATASETS` or another name.
        split, metric: what was measured; the split may be empty.
        value, unit: the number.
        low, high: its 95 % interval, if it is known.
        n: the number of examples.
        seeds: the number of runs whose mean it is.
        note: how the checkpoint was selected, or whether the model is good enough.
        file: the file that says so.
    """

    section: str
    data: str
    split: str
    metric: str
    value: float
    unit: str
    low: float | None
    high: float | None
    n: int | None
    seeds: int
    note: str
    file: str


@dataclass(frozen=True)
class CardFacts:
    """All that a card says in numbers.

    Fields:
        files: the SHA-256 of each file that was read, by its name.
        pipeline: what the model does, one of `PIPELINES`.
        facts, scores: in the order of the files.
    """

    files: Mapping[str, str]
    pipeline: str
    facts: tuple[Fact, ...]
    scores: tuple[Score, ...]


def gather(model: Path, sources: Sequence[Path]) -> CardFacts:
    """Read what files say of a model.

    Args:
        model: its folder.
        sources: folders of `pretrain`, `finetune` and `tokens`, files that `evaluate --json` and
            `score --json` printed, and audits, as folders or files.

    Raises:
        OSError: a file cannot be read.
        ValueError: a source is none of these, or an audit of other weights.
    """
    config = AlbertConfig.from_folder(model)
    files = {path.name: path for path in sorted(model.glob("*.safetensors"))}
    said: list[Fact | Score] = list(_of_model(model, config))
    for source in map(Path.resolve, sources):
        read, of_source = _reader(source)
        if read is _of_audit:
            _check_audited(source, model)
        files |= of_source
        said += read(source)
    architecture = (config.architectures or ("AlbertModel",))[0]
    return CardFacts(
        {name: storage.sha256(path) for name, path in files.items()},
        PIPELINES.get(architecture, "feature-extraction"),
        tuple(each for each in said if isinstance(each, Fact)),
        tuple(each for each in said if isinstance(each, Score)),
    )


def audits(sources: Sequence[Path]) -> list[audit.Audit]:
    """The audits among the sources of a card."""
    resolved = map(Path.resolve, sources)
    return [audit.read_audit(each) for each in resolved if _reader(each)[0] is _of_audit]


_Reader = Callable[[Path], Iterator[Fact | Score]]


def _reader(source: Path) -> tuple[_Reader, dict[str, Path]]:
    """What reads a source, and the files that it reads, by their names on the card."""
    if not source.exists():
        raise FileNotFoundError(f"there is no {source}; name a run, an evaluation or an audit")
    if source.is_file():
        found = storage.read_json(source)
        name = {source.name: source}
        if found.get("format") == audit.FORMAT:
            return _of_audit, name
        return (_of_pretraining_scores if "mlm_accuracy" in found else _of_results), name
    for file, read, names in (
        (audit.FILE, _of_audit, [audit.FILE]),
        ("results.json", _of_finetuning, _files_of_seeds(source)),
        (token_shards.MANIFEST, _of_tokens, [token_shards.MANIFEST]),
        ("metrics.jsonl", _of_pretraining, ["config.json", "metrics.jsonl"]),
    ):
        if (source / file).is_file():
            return read, {f"{source.name}/{name}": source / name for name in names}
    raise ValueError(
        f"{source} is no source of a card; name a folder of pretrain, finetune or tokens, an "
        "audit, or a file that evaluate --json printed"
    )


def _files_of_seeds(run: Path) -> list[str]:
    found = (run.glob(f"seed-*/{name}") for name in ("config.json", "result.json"))
    return sorted(path.relative_to(run).as_posix() for each in found for path in each)


def _of_model(folder: Path, config: AlbertConfig) -> Iterator[Fact]:
    section, file = "Model Architecture and Objective", "config.json"
    parameters = sum(costs.parameters_by_part(config).values())
    rows = {
        "parameters": f"{parameters:,}",
        "applications of the shared layer": f"{config.num_hidden_layers}",
        "hidden units": f"{config.hidden_size:,}",
        "attention heads": f"{config.num_attention_heads}",
        "feed-forward units": f"{config.intermediate_size:,}",
        "embedding": f"{config.embedding_size}",
        "activation": config.hidden_act,
        "longest text": f"{config.max_position_embeddings:,} tokens",
        "vocabulary": f"{config.vocab_size:,} pieces",
        "dropout": f"{config.hidden_dropout_prob:g}",
    }
    if config.id2label:
        rows["labels"] = ", ".join(config.label_names)
    for name, value in rows.items():
        yield Fact(section, name, value, file)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    kept = {True: "lower-cased", False: "kept"}
    for name, value in {
        "case": kept[tokenizer.do_lower_case],
        "accents": "kept" if tokenizer.keep_accents else "removed",
        "checksum of the tokenizer": tokenizer.checksum[:16],
    }.items():
        yield Fact("Preprocessing", name, value, "tokenizer.json")


def _of_pretraining(folder: Path) -> Iterator[Fact]:
    run = History.read(folder)
    summary = summarise(run)
    config, file = run.config, f"{folder.name}/config.json"
    for name, value in {
        "objective": _objective(config),
        "phases": "; ".join(_phase(phase, config["model"]) for phase in run.phases),
        "optimizer": config["optimizer"].upper(),
        "peak learning rate": f"{config['learning_rate']:g}",
        "warmup": f"{config['warmup_steps']:,} steps",
        "schedule": config["schedule"],
        "weight decay": f"{config['weight_decay']:g}",
        "seed": f"{config['seed']}",
    }.items():
        yield Fact("Training Hyperparameters", name, value, file)
    for name, value in _of_summary(summary).items():
        yield Fact("Speeds, Sizes, Times", name, value, f"{folder.name}/metrics.jsonl")


def _objective(config: Mapping[str, Any]) -> str:
    other = {"sop": "sentence order", "nsp": "next sentence"}.get(config["objective"])
    return f"masked {_masks(config['masking'])}{f'; {other}' if other else ''}"


def _masks(masking: Mapping[str, Any]) -> str:
    shares = masking["mask_share"], 1 - masking["mask_share"] - masking["random_share"]
    shown = "/".join(f"{100 * each:.0f}" for each in (*shares, masking["random_share"]))
    spans = f"n-grams of up to {masking['max_ngram']} words" if masking["max_ngram"] else "tokens"
    return f"{spans}, {masking['probability']:.0%} of the tokens, {shown} masked, kept and random"


def _phase(phase: Mapping[str, Any], model: Mapping[str, Any]) -> str:
    masks = f" ({_masks(phase['masking'])})" if phase.get("masking") else ""
    return (
        f"{phase['steps']:,} steps of {phase['batch_size']}x{phase['length']} tokens at "
        f"{phase['layers'] or model['num_hidden_layers']} applications{masks}"
    )


def _of_summary(summary: Summary) -> dict[str, str]:
    rows = {
        "steps": f"{summary.steps:,}",
        "tokens": summary.tokens and f"{summary.tokens:,}",
        "hours": summary.hours and f"{summary.hours:.3g}",
        "tokens per second": summary.tokens_per_second and f"{summary.tokens_per_second:,.0f}",
    }
    for part in ("training", "held_out"):
        for name, value in getattr(summary, part).items():
            label = f"{part.replace('_', ' ')}: {MEASURES[name].label}"
            rows[label] = format(value.last, MEASURES[name].form)
    return {name: value for name, value in rows.items() if value}


def _of_tokens(folder: Path) -> Iterator[Fact]:
    manifest, file = Tokens.open(folder).manifest, f"{folder.name}/{token_shards.MANIFEST}"
    for part in token_shards.PARTS:
        for unit in ("documents", "sentences", "tokens"):
            if count := manifest[part][unit]:
                told = f"{unit} held out" if part == "held-out" else unit
                yield Fact("Training Data", told, f"{count:,}", file)


def _of_finetuning(folder: Path) -> Iterator[Fact | Score]:
    paths = sorted(folder.glob("seed-*/result.json"))
    if not paths:
        raise ValueError(f"{folder} holds no finished run; finish `albertlm finetune`")
    first = storage.read_json(paths[0])
    config = storage.read_json(paths[0].with_name("config.json"))
    file = paths[0].with_name("config.json").relative_to(folder.parent).as_posix()
    with storage.parsing(paths[0].with_name("config.json")):
        rows = {
            "fine-tuned from": Path(str(first["model"])).name,
            "task": config["task"],
            "steps": f"{config['phases'][0]['steps']:,} at most",
            "batch": f"{config['phases'][0]['batch_size']} texts of up to "
            f"{config['phases'][0]['length']} tokens",
            "optimizer": config["optimizer"].upper(),
            "peak learning rate": f"{config['learning_rate']:g}",
            "warmup": f"{config['warmup_steps']:,} steps",
            "schedule": config["schedule"],
            "weight decay": f"{config['weight_decay']:g}",
            "seeds": ", ".join(path.parent.name.removeprefix("seed-") for path in paths),
        }
    for name, value in rows.items():
        yield Fact("Training Hyperparameters", name, value, file)
    for result in read_results(paths):
        yield _score(result, f"{folder.name}/seed-*/result.json")


def _of_results(path: Path) -> Iterator[Score]:
    for result in read_results([path]):
        yield _score(result, path.name)


def _score(result: TaskResult, file: str) -> Score:
    error = result.metric == "mean_squared_error"
    return Score(
        section="Results",
        data=result.task,
        split=result.split,
        metric=result.metric,
        value=result.score,
        unit="" if error else "%",
        low=result.low if result.seeds == 1 else result.lowest,
        high=result.high if result.seeds == 1 else result.highest,
        n=result.n,
        seeds=result.seeds,
        note=result.selection
        + (f", {result.looks} looks at dev" if result.looks is not None else ""),
        file=file,
    )


def _of_pretraining_scores(path: Path) -> Iterator[Score]:
    found = storage.read_json(path)
    with storage.parsing(path):
        for name, (metric, factor, unit, counted) in _PRETRAINING_SCORES.items():
            yield Score(
                section="Results",
                data=HELD_OUT,
                split="",
                metric=metric,
                value=factor * found[name],
                unit=unit,
                low=None,
                high=None,
                n=int(found[counted]),
                seeds=1,
                note=f"windows of {int(found['window'])} tokens",
                file=path.name,
            )


def _check_audited(path: Path, model: Path) -> None:
    audited = audit.read_audit(path).weights
    if audited and audited not in map(storage.sha256, model.glob("*.safetensors")):
        raise ValueError(
            f"{path} is the audit of other weights than those of {model}; audit this model with "
            "`albertlm bias`"
        )


def _of_audit(path: Path) -> Iterator[Fact | Score]:
    file = path.name if path.is_file() else f"{path.name}/{audit.FILE}"
    found = audit.read_audit(path)
    for each in found.tests.get("probe", {}).get("fills", ()):
        written = ", ".join(
            f"{fill['token_str'].replace('▁', ' ').strip()} ({fill['score']:.3f})"
            for fill in each["fills"]
        )
        yield Fact(BIAS, each["template"].replace("{group}", each["group"]), written, file)
    for row in found.of_card():
        yield Score(
            section=BIAS,
            data=row.test,
            split="" if row.part == "all" else row.part,
            metric=row.measure,
            value=row.value,
            unit=row.unit,
            low=row.low,
            high=row.high,
            n=row.n,
            seeds=1,
            note=row.verdict,
            file=file,
        )
