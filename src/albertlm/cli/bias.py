"""`albertlm bias`: measure the bias of a model, and whether it can be measured."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from albertlm import hub, storage
from albertlm.cli import bias_tables, common

if TYPE_CHECKING:
    from albertlm.evaluation.bias.likelihood import MaskedLikelihood
    from albertlm.inference.pipelines.text_classification import TextClassification

bias = typer.Typer(help="Measure the bias of a model, and whether it can be measured.")

DataOption = Annotated[Path, typer.Option(help="The data; none comes with albertlm.")]
OutputOption = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Folder of an audit: bias.json and a page, to which other tests are added.",
    ),
]


@bias.command()
def probe(
    *,
    model: common.ModelOption = None,
    templates: Annotated[
        Path | None, typer.Option(help="A template on each line, with {group} and [MASK].")
    ] = None,
    groups: Annotated[
        Path | None, typer.Option(help="A group on each line: `name: word, word`, or a word.")
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(help="A word on each line, or two lists to compare: `name: word, word`."),
    ] = None,
    sentences: Annotated[
        Path | None,
        typer.Option(help="An ordinary sentence on each line, to measure what the model knows."),
    ] = None,
    ratings: Annotated[
        Path | None,
        typer.Option(
            help="A table with the columns word and rating, of what people said of words."
        ),
    ] = None,
    language: Annotated[str, typer.Option(help="ISO 639-1 code of built-in lists.")] = "en",
    top_k: Annotated[int, typer.Option(min=1, help="Proposals without a list of words.")] = 5,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    output: OutputOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Compare what a model writes for groups, as in "The man worked as a [MASK]."."""
    from albertlm.evaluation.bias import probes
    from albertlm.evaluation.bias.word_lists import read_lists

    lists = read_lists(
        language,
        templates=templates,
        groups=groups,
        words=words,
        sentences=sentences,
        ratings=ratings,
    )
    with _opened(model, engine, device, dtype) as opened:
        found = probes.probe(opened, lists, top_k=top_k)
    files = {"templates": templates, "groups": groups, "words": words, "sentences": sentences}
    provenance = _provenance(model, engine, device, dtype, {**files, "ratings": ratings})
    _finish("probe", model, provenance, found, probes.CAUTION, output=output, as_json=as_json)


@bias.command()
def crows_pairs(
    *,
    data: DataOption,
    model: common.ModelOption = None,
    as_published: Annotated[
        bool,
        typer.Option(
            "--as-published", help="Round scores as the released code does; the hub's tokens."
        ),
    ] = False,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    output: OutputOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Measure which sentences of CrowS-Pairs a model prefers, by type of bias.

    The data is `crows_pairs_anonymized.csv`, or a table with its columns.
    """
    from albertlm.evaluation.bias import crows_pairs as measured
    from albertlm.reporting import audit

    pairs = measured.read_pairs(data)
    with _opened(model, engine, device, dtype, hub_mode=as_published) as opened:
        found = measured.crows_pairs(opened, pairs, as_published=as_published)
    provenance = _provenance(model, engine, device, dtype, {"data": data})
    test = f"crows-pairs{audit.AS_PUBLISHED}" if as_published else "crows-pairs"
    _finish(test, model, provenance, found, measured.CAUTION, output=output, as_json=as_json)


@bias.command()
def stereoset(
    *,
    data: DataOption,
    model: common.ModelOption = None,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    output: OutputOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Measure whether a model prefers StereoSet's stereotypes, and what makes sense.

    The data is `dev.json`, possibly compressed.
    """
    from albertlm.evaluation.bias import stereoset as measured

    associations = measured.read_stereoset(data)
    with _opened(model, engine, device, dtype) as opened:
        found = measured.stereoset(opened, associations)
    provenance = _provenance(model, engine, device, dtype, {"data": data})
    _finish("stereoset", model, provenance, found, measured.CAUTION, output=output, as_json=as_json)


@bias.command()
def winobias(
    *,
    data: DataOption,
    model: common.ModelOption = None,
    split: Annotated[str, typer.Option(metavar="dev|test", help="Which files to read.")] = "dev",
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    output: OutputOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Measure which pronouns a model expects for the occupations of WinoBias.

    The data is the folder of `pro_stereotyped_type1.txt.dev` and the files beside it.
    """
    from albertlm.evaluation.bias import winobias as measured

    sentences, skipped = measured.read_winobias(data, split)
    with _opened(model, engine, device, dtype) as opened:
        found = measured.winobias(opened, sentences, skipped)
    files = {f"data {number}": path for number, path in enumerate(measured.files(data, split), 1)}
    provenance = _provenance(model, engine, device, dtype, files)
    _finish("winobias", model, provenance, found, measured.CAUTION, output=output, as_json=as_json)


@bias.command()
def counterfactual(
    *,
    model: Annotated[
        str, typer.Option("--model", "-m", help="A folder or hub id of a classifier.")
    ],
    data: Annotated[
        Path | None, typer.Option(help="A table with texts whose words are swapped.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="Its column of texts; by default sentence, text or content.")
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(help="Its column of gold labels, for accuracy and gaps of rates; label."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Its column of groups, for gaps of rates between them.")
    ] = None,
    pairs: Annotated[
        Path | None, typer.Option(help="Two lines `name: word, word`, counterparts in order.")
    ] = None,
    people: Annotated[
        Path | None, typer.Option(help="The same, for {group} in templates; by default --pairs.")
    ] = None,
    templates: Annotated[
        Path | None, typer.Option(help="A template on each line, with {group} and one {name}.")
    ] = None,
    words: Annotated[
        Path | None, typer.Option(help="Lines `name: word, word`, for the other place.")
    ] = None,
    language: Annotated[str, typer.Option(help="ISO 639-1 code of built-in lists.")] = "en",
    of_class: Annotated[
        str | None, typer.Option("--class", help="Its probability is compared; the last of two.")
    ] = None,
    control: Annotated[
        Path | None,
        typer.Option(help="The run of the same fine-tuning with `finetune --from-scratch`."),
    ] = None,
    engine: common.EngineOption = None,
    device: common.DeviceOption = None,
    dtype: common.DTypeOption = "float32",
    output: OutputOption = None,
    as_json: common.JsonOption = False,
) -> None:
    """Compare what a classifier predicts where only the group differs.

    Words of one group are swapped for those of the other in your own texts and in templates.
    Without --control, it is not said whether a difference was carried over from pretraining.
    """
    from albertlm.evaluation.bias import counterfactual as measured
    from albertlm.evaluation.bias.rates import class_names
    from albertlm.evaluation.bias.swapped_data import check_control, read_swapped
    from albertlm.evaluation.bias.swaps import read_swaps

    lists = read_swaps(language, pairs=pairs, people=people, templates=templates, words=words)
    classifier = _classifier(model, engine, device, dtype)
    swapped = None
    if data is not None:
        classes = class_names(classifier)
        swapped = read_swapped(data, lists, classes, text=text, label=label, group=group)
    beside = None
    if control is not None:
        random = check_control(control, hub.resolve(model))
        beside = control.resolve().name, _classifier(str(random), engine, device, dtype)
    found = measured.counterfactual(
        classifier,
        {
            measured.SENTENCES: swapped.pairs if swapped else [],
            measured.TEMPLATES: lists.filled(),
        },
        groups=lists.groups,
        label=of_class,
        control=beside,
        labelled=swapped.labelled if swapped else [],
        skipped=swapped.skipped if swapped else [],
    )
    files = {"data": data, "pairs": pairs, "people": people, "templates": templates, "words": words}
    if control is not None:
        files["control"] = control / "model" / "model.safetensors"
    provenance = _provenance(model, engine, device, dtype, files)
    _finish(
        "counterfactual", model, provenance, found, measured.CAUTION, output=output, as_json=as_json
    )


def _classifier(
    model: str, engine: str | None, device: str | None, dtype: str
) -> TextClassification:
    from albertlm.inference.engines import open_engine
    from albertlm.inference.pipelines.text_classification import TextClassification
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    folder = hub.resolve(model)
    loaded = open_engine(engine, folder, device=device, dtype=dtype)
    return TextClassification(loaded, AlbertTokenizer.from_pretrained(folder))


@contextmanager
def _opened(
    model: str | None,
    engine: str | None,
    device: str | None,
    dtype: str,
    *,
    hub_mode: bool = False,
) -> Iterator[MaskedLikelihood]:
    """A model, with a count of its batches if the standard error is a terminal."""
    from albertlm.evaluation.bias.likelihood import MaskedLikelihood
    from albertlm.inference.engines import open_engine
    from albertlm.tokenization.tokenizer import AlbertTokenizer

    folder = hub.resolve(model or hub.SHIPPED)
    options: dict[str, Any] = {"hub_mode": True} if hub_mode else {}
    tokenizer = AlbertTokenizer.from_pretrained(folder, **options)
    loaded = open_engine(engine, folder, device=device, dtype=dtype)
    with common.counting("batches") as count:
        yield MaskedLikelihood(loaded, tokenizer, on_batch=count)


def _provenance(
    model: str | None,
    engine: str | None,
    device: str | None,
    dtype: str,
    files: Mapping[str, Path | None],
) -> dict[str, Any]:
    """What a test is computed with, and the SHA-256 of its files by what they hold."""
    from albertlm.inference.engines import resolve_engine

    used = resolve_engine(engine, hub.resolve(model or hub.SHIPPED), device=device, dtype=dtype)
    data = {
        f"{what}: {path.name}": storage.sha256(path)
        for what, path in files.items()
        if path is not None and path.is_file()
    }
    return {"engine": used[0], "dtype": used[1], "data": data}


def _finish(
    test: str,
    model: str | None,
    provenance: Mapping[str, Any],
    found: Any,
    caution: str,
    *,
    output: Path | None,
    as_json: bool,
) -> None:
    """Add what a test found to an audit, and print it."""
    from albertlm.reporting import audit

    document = {**provenance, **dataclasses.asdict(found), "caution": caution}
    name = model or "the model that ships with albertlm"
    page = None
    if output is not None:
        from albertlm.reporting import bias_page

        weights = hub.resolve(model or hub.SHIPPED) / "model.safetensors"
        page = bias_page.write_page(output, audit.add_test(output, name, weights, test, document))
    if as_json:
        told = {"report": str(page)} if page else {}
        common.print_json({"model": name, **told, **document})
        return
    bias_tables.PRINT[audit.command_of(test)](found, caution)
    if page:
        print(page)
