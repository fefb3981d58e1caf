"""Makes the model that ships from a finished run: half precision, measured, with its card.

    python tools/ship_model.py RUN TOKENS HELD_OUT_TOKENS

The first tokens are those of the run; the held-out part of the second is what the card's scores are
measured on, with the written, rounded weights. The report on the run goes to `docs/shipped`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import matplotlib.pyplot as plt

from albertlm import AlbertConfig, AlbertForPreTraining, AlbertTokenizer, hub, storage
from albertlm.evaluation.pretraining import PretrainingScores, evaluate_pretraining
from albertlm.pretraining.shards import Tokens
from albertlm.training.report.history import History
from albertlm.training.report.page import write_report
from albertlm.training.report.summary import summarise

LIMIT_BYTES = 16 << 20
REPORT = Path(__file__).parents[1] / "docs" / "shipped"
CARD = """---
license: apache-2.0
language: en
library_name: albertlm
pipeline_tag: fill-mask
tags: [albert]
---

# The small ALBERT that ships with albertlm

A stand-in, so that every command and pipeline works without a network. It is {parameters:,}
parameters, trained on one or two CPU cores for as long as its recipe below tells. The released
ALBERT models saw far more text, for far longer; use those (`albert/albert-base-v2` and its family)
for anything that matters.

## What it cannot do

It has learned which words are frequent, which follow each other, and some grammar and topic. It
knows few facts. A coin tells sentence order in 50 % of the cases, this model in
{sop_accuracy:.0%}. It repeats the biases of old books and of an encyclopedia. It has not been
fine-tuned or tested for any task, and reads no more than {window} tokens.

## Data

English Wikipedia of early 2015 (18,053 articles, CC BY-SA 3.0; titles, headings and other lines of
at most six words left out) and 1,039 novels and stories in the public domain. For training:
{documents:,} documents, {sentences:,} sentences, {corpus_tokens:,} tokens. About 1 % of the
documents are held out: those whose id's SHA-256, its first 8 bytes read as a big-endian integer, is
divisible by 100. The vocabulary ({vocab_size:,} SentencePiece unigram pieces, lower case, no
accents) was trained on 500,000 sentences of the same training documents.

## Recipe

{layers} applications of one layer of {hidden} hidden units and {heads} heads, embeddings of
{embedding}, positions for {window} tokens. Masked language modelling (15 % of the tokens, n-grams
of up to three whole words, 80/10/10) and sentence order; LAMB, peak learning rate {rate}, {warmup}
steps of warmup, linear decay, no dropout. Phases: {phases}.
{steps:,} steps saw {tokens:,.0f} tokens in {minutes:.1f} minutes. `make pretrained` repeats the
recipes.
{note}

![Loss and accuracy over the run](curve.png)

## Measured

On held-out Wikipedia articles, in windows of {window} tokens: 15 % single tokens, all replaced by
`[MASK]`, a fixed seed; for the order, held-out pairs of segments of up to {window} tokens.

| measure | value |
|---|---|
| masked-token accuracy | {mlm_accuracy:.1%} of {predictions:,} |
| masked-token loss | {mlm_loss:.3f} nats |
| bits per character | {bits_per_character:.3f} |
| sentence-order accuracy | {sop_accuracy:.1%} of {pairs:,} |
"""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("held_out_tokens", type=Path)
    parser.add_argument("--note", default="", help="what sets this run apart from its recipe")
    parser.add_argument("--output", type=Path, default=hub.SHIPPED)
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "model"
        AlbertForPreTraining.from_pretrained(options.run / "model").half().save_pretrained(folder)
        AlbertTokenizer.from_pretrained(options.run / "model").save_pretrained(folder)
        scores = measure(folder, Tokens.open(options.held_out_tokens))
        draw_curve(History.read(options.run), folder / "curve.png")
        text = card(options.run, Tokens.open(options.tokens), scores, options.note)
        (folder / "README.md").write_text(text, encoding="utf-8")
        size = sum(path.stat().st_size for path in folder.iterdir())
        if size > LIMIT_BYTES:
            raise ValueError(f"{size} bytes are more than the {LIMIT_BYTES} that may ship")
        with storage.replaced_folder(options.output) as partial:
            shutil.copytree(folder, partial)
    write_report([History.read(options.run)], REPORT)
    print(f"{options.output}: {size:,} bytes, {json.dumps(asdict(scores))}")


def measure(folder: Path, tokens: Tokens) -> PretrainingScores:
    """The scores of a model folder on held-out documents."""
    model = AlbertForPreTraining.from_pretrained(folder)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    return evaluate_pretraining(model, tokenizer, tokens.part("held-out"))


def card(run: Path, tokens: Tokens, scores: PretrainingScores, note: str) -> str:
    """The model card, every number from the files of the run and its tokens."""
    history = History.read(run)
    config, summary = history.config, summarise(history)
    model = AlbertConfig.from_dict(config["model"])
    phases = [
        f"{phase['steps']:,} steps of {phase['batch_size']}x{phase['length']} tokens"
        f" at {phase['layers'] or model.num_hidden_layers} applications"
        for phase in config["phases"]
    ]
    return CARD.format(
        parameters=summary.parameters,
        minutes=60 * (summary.hours or 0),
        documents=tokens.manifest["training"]["documents"],
        sentences=tokens.manifest["training"]["sentences"],
        corpus_tokens=tokens.manifest["training"]["tokens"],
        vocab_size=model.vocab_size,
        layers=model.num_hidden_layers,
        hidden=model.hidden_size,
        heads=model.num_attention_heads,
        embedding=model.embedding_size,
        rate=config["learning_rate"],
        warmup=config["warmup_steps"],
        phases="; ".join(phases),
        steps=summary.steps,
        tokens=summary.tokens,
        note=note,
        **asdict(scores),
    )


def draw_curve(run: History, path: Path) -> None:
    """Training loss and accuracies over the tokens seen."""
    figure, (loss, accuracy) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    curves = (
        (loss, "mlm_loss", 1, "masked tokens"),
        (accuracy, "mlm_accuracy", 100, "masked tokens"),
        (accuracy, "sop_accuracy", 100, "sentence order"),
    )
    for axes, name, scale, label in curves:
        series = run.training[name]
        axes.plot(run.tokens_seen(series.steps) / 1e6, scale * series.values, label=label)
    loss.set(xlabel="million tokens", ylabel="masked-token loss, nats")
    accuracy.set(xlabel="million tokens", ylabel="training accuracy, %", ylim=(0, 100))
    accuracy.legend()
    for axes in (loss, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
        axes.grid(alpha=0.3)
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
