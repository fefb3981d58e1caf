"""Build a corpus from inputs: read, clean, filter, split, deduplicate and write.

Every step runs tasks that write complete files or none, so a build that was interrupted resumes
where it stopped and produces the same bytes.
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
from albertlm.corpus.sentences import check_language
from albertlm.corpus.shards import FORMAT, Corpus
from albertlm.corpus.stages import PrepareTask, WriteTask, prepare, write
from albertlm.executors import Executor
from albertlm.settings import check, check_at_least

_Task = TypeVar("_Task")
_Result = TypeVar("_Result")

LIBRARIES = ("ftfy", "py3langid", "pyarrow", "rensa", "selectolax", "sentencex")
"""Libraries whose version can change the corpus."""


@dataclass(frozen=True)
class BuildConfig:
    """The settings of a build.

    Fields:
        language: ISO 639-1 code that selects the rules for splitting sentences.
        filters: which documents to keep.
        similarity: the share of five-word sequences, as estimated by MinHash, that a near copy has
            in common with an earlier document.
        keep_dropped: whether to keep what is left out, with the reasons, in `dropped/`.
        task_bytes: bytes of text in a task, which becomes one shard.
    """

    language: str = "en"
    filters: Filters = field(default_factory=Filters)
    similarity: float = 0.8
    keep_dropped: bool = False
    task_bytes: int = 64 << 20

    def __post_init__(self) -> None:
        check_language(self.language)
        check(0.5 <= self.similarity <= 1, "from 0.5 to 1", similarity=self.similarity)
        check_at_least(1, task_bytes=self.task_bytes)


@dataclass(frozen=True)
class BuildProgress:
    """The progress of a build: `done` of the `total` tasks of a step have finished."""

    step: str
    done: int
    total: int


def build(
    given: Sequence[str],
    folder: str | Path,
    config: BuildConfig,
    executor: Executor,
    on_progress: Callable[[BuildProgress], None] = lambda _: None,
) -> Corpus:
    """Build a corpus, or resume a build that was interrupted.

    Args:
        given: files, folders and URLs of any supported format.
        folder: where to write `corpus-00000.parquet` …, `manifest.json` and, until the build is
            finished, `plan.json` and `work/`. All workers must see it under the same path.
        config: the settings.
        executor: runs the tasks.
        on_progress: called at the start of each step and whenever a task has finished.

    Returns:
        The finished corpus.

    Raises:
        ValueError: the folder is inside an input or was built from other inputs or with another
            configuration, an input is damaged, or no document is left.
        OSError: an input does not exist, or the disk is full.
    """
    folder = Path(folder).absolute()
    for each in given:
        if folder.resolve().is_relative_to(Path(each).resolve()):
            # otherwise the output of one call would be an input of the next
            raise ValueError(f"{folder} is inside the input {each}; name another folder")
    found = inputs.find(given, config.task_bytes)
    with storage.exclusive(folder):
        return _build(found, folder, config, partial(_run, executor, on_progress))


def _build(
    found: inputs.Inputs, folder: Path, config: BuildConfig, run: Callable[..., list[Any]]
) -> Corpus:
    """Build a corpus in a folder in which no other process works."""
    plan = _plan(found, run("hash inputs", files.checksum, found.files), config)
    for place in (folder, folder / "work", folder / "dropped"):
        storage.remove_unfinished(place)
    manifest = folder / "manifest.json"
    if manifest.is_file():
        storage.check_identity(folder, storage.read_json(manifest), plan)
        _remove_work(folder)
        return Corpus.open(folder)
    storage.claim(folder, "plan.json", plan, what="a corpus")

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
    result = {
        **plan,
        "counts": _counts(prepared, verdicts, written),
        "shards": {shard.name: counts for shard, counts in zip(shards, written, strict=True)},
    }
    if not result["counts"]["documents"]:
        raise ValueError(f"no document is left; dropped: {result['counts']['dropped']}")
    storage.write_json(manifest, result)
    _remove_work(folder)
    return Corpus.open(folder)


def _run(
    executor: Executor,
    on_progress: Callable[[BuildProgress], None],
    step: str,
    function: Callable[[_Task], _Result],
    tasks: Sequence[_Task],
) -> list[_Result]:
    """Run the tasks of a step and return the results in the order of the tasks."""
    results: dict[int, _Result] = {}
    on_progress(BuildProgress(step, 0, len(tasks)))
    for number, result in executor.map(function, tasks):
        results[number] = result
        on_progress(BuildProgress(step, len(results), len(tasks)))
    return [results[number] for number in range(len(tasks))]


def _plan(found: inputs.Inputs, hashes: Iterable[str], config: BuildConfig) -> dict[str, Any]:
    """Return the part of the manifest that is known in advance and determines the result."""
    return {
        "format": FORMAT,
        "versions": {name: version(name) for name in ("albertlm", *LIBRARIES)},
        "config": asdict(config),
        "inputs": dict(zip(found.files, hashes, strict=True)),
        "ignored": list(found.ignored),
    }


def _counts(
    prepared: Sequence[dict[str, Any]],
    verdicts: Sequence[NDArray[Any]],
    written: Sequence[dict[str, Any]],
) -> dict[str, Any]:
    """Count what was read, what was left out for each reason, and what the shards hold in total."""
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
