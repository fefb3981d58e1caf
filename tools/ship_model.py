"""Make the model that ships from a run, in half precision, with scores, a card and a report.

    python tools/ship_model.py RUN TOKENS HELD_OUT_TOKENS

RUN may have several models: the last, the averaged, or recent exports of a run that was cut off.
The one that is right most often on the held-out part of HELD_OUT_TOKENS, in half precision and in
windows of 128 tokens, is taken. It ships only if it is better there than the one that ships now,
and if its folder is small enough. TOKENS are the tokens of the run. The words of the card are those
of `card.toml` in the folder that is replaced.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from albertlm import AlbertTokenizer, hub, storage
from albertlm.checkpoints.huggingface import SAFETENSORS
from albertlm.config import AlbertConfig
from albertlm.data.token_shards import TokenPart, Tokens
from albertlm.evaluation.pretraining import (
    MIN_PREDICTIONS,
    PretrainingScores,
    evaluate_pretraining,
)
from albertlm.inference.engines import open_engine
from albertlm.reporting import card_words
from albertlm.reporting.history import History
from albertlm.reporting.model_card import write_card
from albertlm.reporting.page import write_report
from albertlm.training import snapshots
from albertlm.training.initialisation import initialise
from run_files import FINAL, RECENT, check_size
from shipped_page import PAGE, WINDOW, page, predict

REPORT = Path(__file__).parents[1] / "docs" / "shipped"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("tokens", type=Path)
    parser.add_argument("held_out_tokens", type=Path)
    parser.add_argument("--audit", type=Path, help="what `albertlm bias … --output` wrote")
    parser.add_argument("--positions", type=int, help="the first ones, where others are not learnt")
    parser.add_argument("--predictions", type=int, default=MIN_PREDICTIONS, help="masked tokens")
    parser.add_argument("--output", type=Path, default=hub.SHIPPED)
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args(arguments)
    try:
        ship(options)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")


def ship(options: argparse.Namespace) -> None:
    """Replace the model that ships by the best one of a run.

    Raises:
        ValueError: none of its models is better, or the folder would be too large.
    """
    held_out = Tokens.open(options.held_out_tokens).part("held-out")
    with tempfile.TemporaryDirectory() as temporary:
        models = rounded(options.run, Path(temporary), options.positions)
        scores = {}
        for model in models:
            scores[model] = measure(model, held_out, options.predictions)
            print(f"{model.name}: {scores[model].mlm_accuracy:.2%}", flush=True)
        best = max(models, key=lambda model: scores[model].mlm_accuracy)
        if (options.output / SAFETENSORS).is_file():
            now = measure(options.output, held_out, options.predictions)
            print(f"the one that ships: {now.mlm_accuracy:.2%}", flush=True)
            if scores[best].mlm_accuracy <= now.mlm_accuracy:
                raise ValueError(
                    f"{best.name} of {options.run} is right on {scores[best].mlm_accuracy:.2%} of "
                    f"the masked tokens, and the one that ships on {now.mlm_accuracy:.2%}; it stays"
                )
        shutil.copy(options.output / card_words.FILE, best)
        measured = write_scores(best, scores[best], held_out, options.predictions)
        audit = [options.audit] if options.audit else []
        write_card(best, [options.run, options.tokens, *measured, *audit])
        check_size(best)
        engine, tokenizer = open_engine("torch", best), AlbertTokenizer.from_pretrained(best)
        found = predict(engine, held_out, options.predictions)
        with storage.replaced_folder(options.output) as partial:
            shutil.copytree(options.output, partial)  # also files that are not the model's
            shutil.copytree(best, partial, dirs_exist_ok=True)
        write_report([History.read(options.run)], options.report)
        text = page(options.run, engine, tokenizer, Tokens.open(options.tokens), found)
        with storage.atomic_path(options.report / PAGE) as partial:
            partial.write_text(text, encoding="utf-8")
    print(f"{options.output}: {best.name} of {options.run}")


def rounded(run: Path, folder: Path, positions: int | None = None) -> list[Path]:
    """Write the models of a run in half precision.

    Args:
        run: the folder of the run.
        folder: the folder to write into.
        positions: the number of positions to keep; all by default.

    Raises:
        ValueError: the run has none, or they are too large.
    """
    found = [run / name for name in (*FINAL, *RECENT) if (run / name / SAFETENSORS).is_file()]
    if not found:
        raise ValueError(f"{run} holds no model; let it train on")
    for path in found:
        config, tokenizer = AlbertConfig.from_folder(path), AlbertTokenizer.from_pretrained(path)
        if positions:
            config = config.changed(max_position_embeddings=positions)
            tokenizer.model_max_length = positions
        model, _ = initialise(config, tokenizer, 0, path)
        snapshots.export(model, tokenizer, folder / path.name, half=True)
        check_size(folder / path.name)
    return [folder / path.name for path in found]


def measure(
    model: Path, held_out: TokenPart, least: int, length: int | None = None
) -> PretrainingScores:
    """The scores of a model in windows of a length, by default of up to 128 tokens."""
    positions = AlbertConfig.from_pretrained(model).max_position_embeddings
    return evaluate_pretraining(
        *(open_engine("torch", model), AlbertTokenizer.from_pretrained(model), held_out),
        length=length or min(WINDOW, positions),
        least=least,
    )


def write_scores(
    model: Path, scores: PretrainingScores, held_out: TokenPart, least: int
) -> list[Path]:
    """Write the scores beside a model, and those in windows of all positions if there are more."""
    positions = AlbertConfig.from_pretrained(model).max_position_embeddings
    every = [scores]
    if positions > scores.window:
        every.append(measure(model, held_out, least, positions))
    paths = [model.with_name(f"evaluation-{each.window}.json") for each in every]
    for path, each in zip(paths, every, strict=True):
        storage.write_json(path, asdict(each))
    return paths


if __name__ == "__main__":
    main()
