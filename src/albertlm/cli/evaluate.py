"""`albertlm evaluate`: what a pretrained model knows of held-out documents."""

from __future__ import annotations

import dataclasses
import sys

from albertlm import hub
from albertlm.cli import common


def evaluate(
    tokens: common.Tokens,
    *,
    model: common.Model = None,
    as_json: common.Json = False,
) -> None:
    """Score masked tokens and sentence order on held-out documents.

    The tokens must have been made with the vocabulary of the model.
    """
    from rich.console import Console
    from rich.progress import Progress

    from albertlm.evaluation.pretraining import evaluate_pretraining
    from albertlm.models.heads import AlbertForPreTraining
    from albertlm.pretraining.shards import Tokens
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    folder = hub.resolve(model or hub.SHIPPED)
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    pretrained = AlbertForPreTraining.from_pretrained(folder)
    if pretrained.loading and pretrained.loading.new:
        raise ValueError(
            f"{folder} holds no {', '.join(pretrained.loading.new)}; both pretraining heads are "
            "needed here"
        )
    held_out = Tokens.open(tokens).part("held-out")
    console = Console(stderr=True)
    with Progress(console=console, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("batches", total=None)
        scores = evaluate_pretraining(
            pretrained, tokenizer, held_out, on_batch=lambda: progress.advance(task)
        )
    if as_json:
        common.print_json(dataclasses.asdict(scores))
        return
    rows = [
        ("masked-token accuracy", f"{scores.mlm_accuracy:.2%}"),
        ("masked-token loss", f"{scores.mlm_loss:.4f} nats"),
        ("bits per character", f"{scores.bits_per_character:.4f}"),
        ("masked tokens", f"{scores.predictions:,}"),
        ("sentence-order accuracy", f"{scores.sop_accuracy:.2%}"),
        ("pairs", f"{scores.pairs:,}"),
        ("window", f"{scores.window} tokens"),
    ]
    common.print_table(("measure", "#value"), rows, title=str(folder))
