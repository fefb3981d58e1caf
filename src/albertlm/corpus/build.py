"""Inputs to a corpus: read, clean, filter, split, deduplicate, write.

Every step is a map over tasks that leave whole files or nothing, so a build that was killed goes
on where it stopped and ends in the same bytes.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from numpy.typing import NDArray

from albertlm import storage
from albertlm.corpus import files, inputs
from albertlm.corpus.duplicates import KEPT, REASONS, find_duplicates
from albertlm.corpus.filters import Filters
from albertlm.corpus.prepare import PrepareTask, prepare
from albertlm.corpus.sentences import check_language
from albertlm.corpus.shards import FORMAT, Corpus
from albertlm.corpus.write import WriteTask, write
from albertlm.executors import Executor

Task = TypeVar("Task")
Result = TypeVar("Result")

LIBRARIES = ("ftfy", "py3langid", "pyarrow", "rensa", "selectolax", "sentencex")
"""Another version of one of these may give another corpus."""


@dataclass(frozen=True)
class BuildConfig:
    """How a corpus is made.

    Fields:
        language: ISO 639-1 code: sentences are split by its rules.
        filters: what a document must be like.
        similarity: a near copy has this share of its five-word sequences in common with an earlier
            document, by the estimate of MinHash.
        keep_dropped: keep what is left out, with its reasons, in `dropped/`.
        task_bytes: text of one task, which becomes one shard.
    """

    language: str = "en"
    filters: Filters = field(default_factory=Filters)
    similarity: float = 0.8
    keep_dropped: bool = False
    task_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        check_language(self.language)
        if not 0.5 <= self.similarity <= 1:
            raise ValueError(
                f"similarity={self.similarity} is not allowed; it must be from 0.5 to 1"
            )
        if self.task_bytes < 1:
            raise ValueError(f"task_bytes={self.task_bytes} is not allowed; it must be 1 or more")


@dataclass(frozen=True)
class Progress:
    """Of a build: `done` of the `total` tasks of a step have ended."""

    step: str
    done: int
    total: int


def build(
    given: Sequence[str],
    folder: str | Path,
    config: BuildConfig,
    executor: Executor,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Corpus:
    """Make a corpus, or go on with one that was interrupted.

    Args:
        given: files, folders and URLs, of any of the formats.
        folder: gets `corpus-00000.parquet` …, `manifest.json`, and until it is finished
            `plan.json` and `work/`. All workers must see it under the same path.
        config: how.
        executor: what runs the tasks.
        on_progress: called at the start of each step and whenever a task has ended.

    Raises:
        ValueError: the folder lies within an input, or belongs to other inputs or another
            configuration; an input is damaged, or no document is left.
        OSError: an input does not exist, or the disk is full.
    """
    folder = Path(folder).absolute()
    run = partial(_run, executor, on_progress)
    for each in given:
        if folder.resolve().is_relative_to(Path(each).resolve()):
            # else what one call leaves there would be an input of the next
            raise ValueError(f"{folder} lies within the input {each}; name another folder")
    found = inputs.find(given, config.task_bytes)
    plan = _plan(found, run("hash inputs", files.sha256, found.files), config)
    for place in (folder, folder / "work", folder / "dropped"):
        storage.remove_unfinished(place)
    if _is_finished(folder, plan):
        _remove_work(folder)
        return Corpus.open(folder)
    storage.write_json(folder / "plan.json", plan)

    work = [folder / "work" / f"{number:05d}" for number in range(len(found.tasks))]
    prepared = run(
        "read, clean and split",
        prepare,
        [
            PrepareTask(spans, place, config.language, config.filters)
            for spans, place in zip(found.tasks, work, strict=True)
        ],
    )
    verdicts = find_duplicates(
        [place / "fingerprints.npy" for place in work],
        similarity=config.similarity,
        map=partial(run, "find duplicates"),
    )
    shards = [folder / f"corpus-{place.name}.parquet" for place in work]
    dropped = [folder / "dropped" / f"{place.name}.parquet" for place in work]
    written = run(
        "write shards",
        write,
        [
            WriteTask(place, shard, verdict, drops if config.keep_dropped else None)
            for place, shard, verdict, drops in zip(work, shards, verdicts, dropped, strict=True)
        ],
    )
    manifest = {
        **plan,
        "counts": _counts(prepared, verdicts, written),
        "shards": {shard.name: counts for shard, counts in zip(shards, written, strict=True)},
    }
    if not manifest["counts"]["documents"]:
        raise ValueError(f"no document is left; dropped: {manifest['counts']['dropped']}")
    storage.write_json(folder / "manifest.json", manifest)
    _remove_work(folder)
    return Corpus.open(folder)


def _run(
    executor: Executor,
    on_progress: Callable[[Progress], None],
    step: str,
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
) -> list[Result]:
    """The results in the order of the tasks."""
    results: dict[int, Result] = {}
    on_progress(Progress(step, 0, len(tasks)))
    for number, result in executor.map(function, tasks):
        results[number] = result
        on_progress(Progress(step, len(results), len(tasks)))
    return [results[number] for number in range(len(tasks))]


def _plan(found: inputs.Inputs, hashes: Iterable[str], config: BuildConfig) -> dict[str, Any]:
    """The part of the manifest that is known before the work and decides its result."""
    return {
        "format": FORMAT,
        "versions": {name: version(name) for name in ("albertlm", *LIBRARIES)},
        "config": asdict(config),
        "inputs": dict(zip(found.files, hashes, strict=True)),
        "ignored": list(found.ignored),
    }


def _is_finished(folder: Path, plan: dict[str, Any]) -> bool:
    """Whether the folder holds the planned corpus; False where it is to be made or gone on with."""
    for name in ("manifest.json", "plan.json"):
        if not (folder / name).is_file():
            continue
        earlier = storage.read_json(folder / name)
        for part, value in plan.items():
            if earlier.get(part) != value:
                raise ValueError(
                    f"{folder} was built with other {part}; remove it, or name another folder"
                )
        return name == "manifest.json"
    if folder.is_dir() and any(folder.iterdir()):
        raise ValueError(f"{folder} holds something else than a corpus; name another folder")
    return False


def _counts(
    prepared: Sequence[dict[str, Any]],
    verdicts: Sequence[NDArray[Any]],
    written: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """What was read, what was left out by reason, and what the shards hold together."""
    dropped: Counter[str] = Counter()
    for task in prepared:
        dropped.update(task["dropped"])
    for each in verdicts:
        dropped.update(REASONS[reason] for reason in each["reason"] if reason != KEPT)
    totals = {
        name: sum(counts[name] for counts in written)
        for name in ("documents", "paragraphs", "sentences", "words", "bytes")
    }
    return {
        "read": sum(task["read"] for task in prepared),
        "dropped": dict(sorted(dropped.items())),
        **totals,
    }


def _remove_work(folder: Path) -> None:
    shutil.rmtree(folder / "work", ignore_errors=True)
    (folder / "plan.json").unlink(missing_ok=True)
