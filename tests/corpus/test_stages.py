"""Test what the stages of a build write, and that a finished task is not run again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from albertlm import storage
from albertlm.corpus import inputs
from albertlm.corpus.documents import Drop
from albertlm.corpus.duplicates import KEPT, NEAR_COPY, REPEATED_ID, VERDICT
from albertlm.corpus.filters import Filters
from albertlm.corpus.fingerprints import fingerprint
from albertlm.corpus.shards import read_documents, read_drops
from albertlm.corpus.stages import PrepareTask, WriteTask, prepare, write

FILTERS = Filters(language=None, min_characters=20)
TEXTS = ["The first one is here. It is short.", "The  second\tone.\nAnd  its end.", "Too short."]


def task(folder: Path, texts: list[str], name: str = "0") -> PrepareTask:
    path = folder / f"lines{name}.jsonl"
    lines = [
        json.dumps({"id": str(n), "source": "s", "text": text}) for n, text in enumerate(texts)
    ]
    path.write_text("\n".join([*lines, "{broken"]), encoding="utf-8")
    (spans,) = inputs.find([str(path)], 10**9).tasks
    return PrepareTask(spans, folder / "work" / f"{int(name):05d}", "en", FILTERS)


def verdicts(*rows: tuple[int, int]) -> npt.NDArray[Any]:
    return np.array(list(rows), VERDICT)


def test_prepared_documents_are_clean_and_split(tmp_path: Path) -> None:
    given = task(tmp_path, TEXTS)
    assert prepare(given) == {"read": 4, "dropped": {"not valid JSON": 1, "too short": 1}}
    documents = list(read_documents(given.folder / "documents.parquet"))
    assert [(document.id, document.text) for document in documents] == [
        ("0", "The first one is here.\nIt is short."),
        ("1", "The second one.\n\nAnd its end."),
    ]
    first, second = read_drops(given.folder / "dropped.parquet")
    assert first == Drop("2", "s", "too short", text="Too short.")
    assert (second.reason, second.text) == ("not valid JSON", "{broken")
    rows = np.load(given.folder / "fingerprints.npy")
    assert (rows == np.array([fingerprint(document) for document in documents])).all()


def test_what_is_prepared_is_not_prepared_again(tmp_path: Path) -> None:
    given = task(tmp_path, TEXTS)
    counts = prepare(given)
    before = {path: path.stat().st_mtime_ns for path in given.folder.iterdir()}
    Path(given.spans[0].path).unlink()
    assert prepare(given) == counts
    assert before == {path: path.stat().st_mtime_ns for path in given.folder.iterdir()}


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text("x")])
def test_an_input_that_cannot_be_read_leaves_nothing(tmp_path: Path, damage: Any) -> None:
    path = tmp_path / "pages.xml"
    path.write_text("<mediawiki><page></page></mediawiki>")
    (spans,) = inputs.find([str(path)], 1).tasks
    damage(path)
    with pytest.raises((ValueError, FileNotFoundError), match=r"pages\.xml"):
        prepare(PrepareTask(spans, tmp_path / "work", "en", FILTERS))
    assert [entry.name for entry in tmp_path.iterdir() if entry != path] == []


def test_a_shard_holds_what_is_kept(tmp_path: Path) -> None:
    given = task(tmp_path, TEXTS)
    prepare(given)
    shard, dropped = tmp_path / "shard.parquet", tmp_path / "dropped.parquet"
    counts = write(WriteTask(given.folder, shard, verdicts((KEPT, -1), (NEAR_COPY, 0)), dropped))
    assert counts == {
        "documents": 1,
        "paragraphs": 1,
        "sentences": 2,
        "words": 8,
        "bytes": len(b"The first one is here.\nIt is short."),
        "sha256": storage.sha256(shard),
    }
    assert [document.id for document in read_documents(shard)] == ["0"]
    path = tmp_path / "lines0.jsonl"
    place = path.read_bytes().index(b"{broken")
    assert [(drop.id, drop.reason, drop.where) for drop in read_drops(dropped)] == [
        ("2", "too short", ""),
        (f"lines0.jsonl:{place}", "not valid JSON", f"{path} byte {place}"),
        ("1", "near copy", "repeats s 0"),
    ]


def test_a_copy_names_its_original_in_another_task(tmp_path: Path) -> None:
    first, second = task(tmp_path, TEXTS[:2], "2"), task(tmp_path, TEXTS[:1], "10")
    for each in (first, second):  # in the order of their numbers, not of their names
        prepare(each)
    dropped = tmp_path / "dropped.parquet"
    write(WriteTask(second.folder, tmp_path / "b", verdicts((REPEATED_ID, 1)), dropped))
    assert [drop.where for drop in read_drops(dropped)][-1] == "repeats s 1"


def test_what_is_written_is_not_written_again(tmp_path: Path) -> None:
    given = task(tmp_path, TEXTS)
    prepare(given)
    shard = tmp_path / "shard.parquet"
    counts = write(WriteTask(given.folder, shard, verdicts((KEPT, -1), (KEPT, -1)), None))
    (given.folder / "documents.parquet").unlink()
    assert write(WriteTask(given.folder, shard, verdicts(), None)) == counts
    assert storage.sha256(shard) == counts["sha256"]
