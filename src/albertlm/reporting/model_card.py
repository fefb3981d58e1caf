"""The model card: what files and people say of a model, in the hub's sections and metadata."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import matplotlib.style
from huggingface_hub import EvalResult, ModelCardData
from matplotlib.figure import Figure

from albertlm import storage
from albertlm.reporting.bias_figures import forest
from albertlm.reporting.card_facts import (
    BIAS,
    DATASETS,
    FORMAT,
    CardFacts,
    Score,
    audits,
    gather,
)
from albertlm.reporting.card_words import SECTIONS, CardWords, read_words
from albertlm.reporting.figures import COLOURS, STYLE, save_figure
from albertlm.reporting.history import History
from albertlm.reporting.page import NOTHING, table
from albertlm.settings import from_json, to_json

CARD, FACTS, CURVE, FOREST = "README.md", "card.json", "curve.png", "bias.png"

MARK = "<!-- written by `albertlm card` from card.json and card.toml -->"
"""A line of every card; a README.md without it is never replaced."""

_EXAMPLES = {
    "fill-mask": '"The river runs through the [MASK]."',
    "text-classification": '"A warm and funny film."',
    "token-classification": '"Ada Lovelace lived in London."',
    "question-answering": 'question="Who?", context="Ada lived here."',
    "multiple-choice": '{"context": "It rained.", "choices": ["wet", "dry"]}',
    "feature-extraction": '"A text."',
}

_PICTURES = {
    CURVE: ("Speeds, Sizes, Times", "Loss and accuracy over the run"),
    FOREST: (BIAS, "Numbers with their intervals; hollow marks are those of larger models"),
}
"""The headings under which pictures are shown, and what stands in their place in a text."""

_RESULTS_LEGEND = (
    "The interval is of 95 %, or goes from the lowest to the highest of several seeds, whose mean "
    "is shown."
)

_BIAS_CAUTION = (
    "An interval is of 95 %. Tests of bias have been criticised for invalid items and unclear "
    "stereotypes (Blodgett et al. 2021), measures can contradict each other, and a model that is "
    "too weak prefers nothing, which looks like no bias."
)

_ORDER_CAUTION = (
    "Sentence order, a part of StereoSet, answers another question than the rest of it: any of the "
    "sentences could follow."
)


def write_card(model: Path, sources: Sequence[Path] = ()) -> Path:
    """Write the card of a model into its folder.

    The numbers are drawn from the sources, and kept in `card.json` with the names and checksums of
    their files. Without sources, those of `card.json` stay as they are. The words are those of
    `card.toml`. For a pretraining run among the sources, its curve is drawn; for an audit, its
    preferences with their intervals.

    Args:
        model: the folder.
        sources: as `card_facts.gather` takes them.

    Returns:
        the path of the card.

    Raises:
        OSError: a file cannot be read, or the card cannot be written.
        ValueError: a source or `card.toml` is invalid.
        FileExistsError: the folder contains a `README.md` that this did not write.
    """
    path = model / CARD
    if path.is_file() and MARK not in path.read_text(encoding="utf-8"):
        raise FileExistsError(
            f"{path} is not such a card and was not replaced; move its words to card.toml, then "
            "remove it"
        )
    words = read_words(model)
    facts = _facts(model, sources)
    for source in sources:
        if (source / "metrics.jsonl").is_file():
            draw_curve(History.read(source), model / CURVE)
    rows = [row for audit in audits(sources) for row in audit.of_card()]
    if any(row.neutral is not None for row in rows):
        save_figure(forest(rows), model / FOREST)
    storage.write_json(model / FACTS, {"format": FORMAT, **to_json(facts)})
    with storage.atomic_path(path) as temporary:
        temporary.write_text(render(words, facts, _pictures(model, facts)), encoding="utf-8")
    return path


def check_card(model: Path, sources: Sequence[Path] = ()) -> None:
    """Make the card of a model again, and compare it with the one in its folder.

    Raises:
        OSError: a file cannot be read.
        ValueError: the card differs from what its files say.
    """
    words, facts = read_words(model), _facts(model, sources)
    if sources and facts != _read_facts(model / FACTS):
        raise ValueError(
            f"{model / FACTS} differs from what its sources say; run `albertlm card` with them"
        )
    made = render(words, facts, _pictures(model, facts)).encode()
    if made != (model / CARD).read_bytes():
        raise ValueError(
            f"{model / CARD} differs from what {FACTS} and card.toml say; run `albertlm card` "
            "again, which replaces it"
        )


def _facts(model: Path, sources: Sequence[Path]) -> CardFacts:
    """What the model and the sources say, or the `card.json` of before where none is given."""
    found = gather(model, sources)
    if sources or not (model / FACTS).is_file():
        return found
    before = _read_facts(model / FACTS)
    of_model = {fact.file for fact in found.facts}
    return CardFacts(
        {**before.files, **found.files},
        found.pipeline,
        (*found.facts, *(fact for fact in before.facts if fact.file not in of_model)),
        before.scores,
    )


def _read_facts(path: Path) -> CardFacts:
    found = storage.read_json(path)
    if found.pop("format", None) != FORMAT:
        raise ValueError(f"{path} was not written by `albertlm card`; remove it")
    with storage.parsing(path):
        return from_json(CardFacts, found)


def _pictures(model: Path, facts: CardFacts) -> dict[str, str]:
    """The pictures of numbers on the card, by the heading under which they are shown."""
    shown = {fact.section for fact in facts.facts} | {score.section for score in facts.scores}
    return {
        heading: f"![{alternative}]({name})"
        for name, (heading, alternative) in _PICTURES.items()
        if heading in shown and (model / name).is_file()
    }


def render(words: CardWords, facts: CardFacts, pictures: dict[str, str] | None = None) -> str:
    """The card as Markdown, with its header.

    Args:
        words: of people.
        facts: of files.
        pictures: in Markdown, by the headings under which they are shown.
    """
    parts = [f"---\n{_metadata(words, facts)}\n---", MARK, f"# {words.title}"]
    current = None
    for name, (above, heading) in SECTIONS.items():
        content = [words.text.get(name, "").strip(), *_numbers(heading, facts)]
        content += [pictures[heading]] if pictures and heading in pictures else []
        if not any(content):
            continue
        if above and above != current:
            parts.append(f"## {above}")
        current = above or heading
        parts += [f"{'###' if above else '##'} {heading}", *filter(None, content)]
    if facts.files:
        parts += ["## Files of this card", *_files(facts)]
    return "\n\n".join(parts) + "\n"


def _metadata(words: CardWords, facts: CardFacts) -> str:
    """The header, in the hub's fields; results that the hub cannot place are left out."""
    fields = {
        "license": words.license,
        "language": list(words.language) or None,
        "base_model": words.base_model,
        "datasets": list(words.datasets) or None,
        "tags": list(words.tags),
        "library_name": words.library_name,
        "pipeline_tag": words.pipeline_tag or facts.pipeline,
        "widget": [{"text": text} for text in words.widget] or None,
        "model_name": words.title,
        "eval_results": [_result(facts.pipeline, score) for score in facts.scores] or None,
    }
    return ModelCardData(**(fields | dict(words.metadata))).to_yaml().strip()


def _result(pipeline: str, score: Score) -> EvalResult:
    id_, name, config = DATASETS.get(score.data, (score.data.replace(" ", "-"), score.data, None))
    args: dict[str, Any] = {"unit": score.unit} if score.unit else {}
    if score.low is not None:
        args["interval" if score.seeds == 1 else "lowest_to_highest"] = [
            round(score.low, 6),
            round(score.high or 0.0, 6),
        ]
    args |= {"n": score.n} if score.n else {}
    args |= {"seeds": score.seeds} if score.seeds > 1 else {}
    args |= {"note": score.note} if score.note else {}
    return EvalResult(
        task_type=pipeline,
        dataset_type=id_,
        dataset_name=name,
        dataset_config=config,
        dataset_split=score.split or None,
        metric_type=score.metric if score.metric in ("accuracy", "f1", "exact_match") else "other",
        metric_name=score.metric,
        metric_value=round(score.value, 6),
        metric_args=args or None,
    )


def _numbers(heading: str, facts: CardFacts) -> Iterator[str]:
    """What files say for a section."""
    if heading == "How to Get Started with the Model":
        yield _snippet(facts.pipeline)
    if rows := [
        [fact.name, fact.value, f"`{fact.file}`"] for fact in facts.facts if fact.section == heading
    ]:
        yield table(["", "", "from"], rows, left=3)
    if scores := [score for score in facts.scores if score.section == heading]:
        yield table(_COLUMNS, [_cells(score) for score in scores], left=3)
        yield _BIAS_CAUTION if heading == BIAS else _RESULTS_LEGEND
        if any(score.metric.startswith("sentence order") for score in scores):
            yield _ORDER_CAUTION


_COLUMNS = ("data", "part", "measure", "value", "interval", "n", "seeds", "note", "from")


def _cells(score: Score) -> list[str]:
    decimals = 2 if score.unit == "%" else 4
    known = score.low is not None and score.high is not None
    return [
        DATASETS[score.data][1] if score.data in DATASETS else score.data,
        score.split or NOTHING,
        score.metric,
        f"{score.value:.{decimals}f} {score.unit}".strip(),
        f"{score.low:.{decimals}f} to {score.high:.{decimals}f}" if known else NOTHING,
        NOTHING if score.n is None else f"{score.n:,}",
        str(score.seeds),
        score.note or NOTHING,
        f"`{score.file}`",
    ]


def _snippet(pipeline: str) -> str:
    return "\n".join(
        [
            "```python",
            "from albertlm import pipeline",
            "",
            f'model = pipeline("{pipeline}", model="path/to/this/folder")',
            f"model({_EXAMPLES[pipeline]})",
            "```",
        ]
    )


def _files(facts: CardFacts) -> Iterator[str]:
    yield "The numbers of this card were drawn from these files, the words are in `card.toml`."
    rows = [[f"`{name}`", f"`{checksum[:16]}…`"] for name, checksum in facts.files.items()]
    yield table(["file", "SHA-256"], rows, left=2)


def draw_curve(run: History, path: Path) -> None:
    """Draw the training loss and accuracies of a run over the tokens seen."""
    with matplotlib.style.context(["default", STYLE]):
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        loss, accuracy = figure.subplots(1, 2)
        curves = (
            (loss, "mlm_loss", 1, "masked tokens", COLOURS[0]),
            (accuracy, "mlm_accuracy", 100, "masked tokens", COLOURS[0]),
            (accuracy, "sop_accuracy", 100, "sentence order", COLOURS[1]),
        )
        for axes, name, scale, label, colour in curves:
            if name not in run.training:  # no sentence order, or none yet
                continue
            series = run.training[name]
            tokens = run.tokens_seen(series.steps) / 1e6
            axes.plot(tokens, scale * series.values, label=label, color=colour)
        loss.set(xlabel="million tokens", ylabel="masked-token loss, nats")
        accuracy.set(xlabel="million tokens", ylabel="training accuracy, %", ylim=(0, 100))
        accuracy.legend()
        save_figure(figure, path)
