"""Test that shards return what was written, that samples are uniform, and that damage is named."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from json_values import WRONG, places, replaced

from albertlm.corpus import shards
from albertlm.corpus.documents import Document, Drop
from albertlm.corpus.shards import (
    DOCUMENT_COLUMNS,
    DROP_COLUMNS,
    Corpus,
    RowWriter,
    read_documents,
    read_drops,
    sample_documents,
    sample_drops,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DOCUMENTS = [Document(str(number), "s", f"Text {number}.") for number in range(9)]


def write_drops(corpus: Corpus, *parts: list[Drop]) -> None:
    (corpus.folder / "dropped").mkdir()
    for number, part in enumerate(parts):
        with RowWriter(corpus.folder / "dropped" / f"{number:05}.parquet", DROP_COLUMNS) as rows:
            for drop in part:
                rows.add(drop)


@given(st.lists(st.builds(Document, TEXT, TEXT, TEXT, TEXT, TEXT, TEXT), max_size=5))
def test_documents_are_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, documents: list[Document]
) -> None:
    path = tmp_path_factory.getbasetemp() / "documents.parquet"
    with RowWriter(path, DOCUMENT_COLUMNS) as rows:
        for document in documents:
            rows.add(document)
    assert list(read_documents(path)) == documents
    assert pq.read_schema(path).names == list(DOCUMENT_COLUMNS)


def test_a_file_with_other_columns_is_named(tmp_path: Path) -> None:
    with RowWriter(tmp_path / "drops.parquet", DROP_COLUMNS) as rows:
        rows.add(Drop("1", "s", "empty"))
    with pytest.raises(ValueError, match=r"drops\.parquet has no column 'title', only id, source"):
        list(read_documents(tmp_path / "drops.parquet"))


@given(st.lists(st.builds(Drop, TEXT, TEXT, TEXT, TEXT, TEXT), max_size=5))
def test_drops_are_read_as_written(
    tmp_path_factory: pytest.TempPathFactory, drops: list[Drop]
) -> None:
    path = tmp_path_factory.getbasetemp() / "drops.parquet"
    with RowWriter(path, DROP_COLUMNS) as rows:
        for drop in drops:
            rows.add(drop)
    assert list(read_drops(path)) == drops


def test_row_groups_bound_the_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "_GROUP_CHARACTERS", 20)
    path = tmp_path / "a.parquet"
    with RowWriter(path, DOCUMENT_COLUMNS) as rows:
        for document in DOCUMENTS:
            rows.add(document)
    groups = pq.ParquetFile(path).metadata
    assert [groups.row_group(n).num_rows for n in range(groups.num_row_groups)] == [3, 3, 3]
    assert list(read_documents(path)) == DOCUMENTS


def test_a_corpus(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus([DOCUMENTS[:4], [], DOCUMENTS[4:]])
    assert [path.name for path in corpus.shards] == [f"corpus-0000{n}.parquet" for n in range(3)]
    assert [list(corpus.documents(path)) for path in corpus.shards] == [
        DOCUMENTS[:4],
        [],
        DOCUMENTS[4:],
    ]


def test_a_folder_that_holds_no_corpus(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no corpus; make it with `albertlm corpus build`"):
        Corpus.open(tmp_path)
    (tmp_path / "plan.json").write_text("{}")
    with pytest.raises(ValueError, match="is not finished; run `albertlm corpus build` again"):
        Corpus.open(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(ValueError, match="has the format 'other'"):
        Corpus.open(tmp_path)


def test_a_missing_shard_is_named(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus([DOCUMENTS])
    corpus.shards[0].unlink()
    with pytest.raises(ValueError, match=r"corpus-00000\.parquet is missing; fetch it again, or"):
        Corpus.open(corpus.folder)
    with pytest.raises(FileNotFoundError):
        list(read_documents(corpus.shards[0]))


def test_a_damaged_shard_is_named(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus([DOCUMENTS])
    shard = corpus.shards[0]
    corpus.verify(shard)
    shard.write_bytes(shard.read_bytes()[:-9])
    damaged = r"corpus-00000\.parquet is damaged.*; fetch it again, or"
    with pytest.raises(ValueError, match=damaged):
        corpus.verify(shard)
    with pytest.raises(ValueError, match=damaged):
        list(corpus.documents(shard))
    with pytest.raises(ValueError, match=damaged):
        list(read_documents(shard))


def test_a_sample_keeps_the_order_and_never_repeats(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus([DOCUMENTS[:4], [], DOCUMENTS[4:]])
    for seed in range(20):
        found = sample_documents(corpus, 5, seed)
        assert found == [document for document in DOCUMENTS if document in found]
        assert len(found) == 5
        assert found == sample_documents(corpus, 5, seed)
    assert sample_documents(corpus, 100, 0) == DOCUMENTS
    assert sample_documents(corpus, 0, 0) == []


def test_every_document_has_the_same_chance(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus([DOCUMENTS[:1], DOCUMENTS[1:]])
    drawn = Counter(sample_documents(corpus, 1, seed)[0].id for seed in range(900))
    assert set(drawn) == {document.id for document in DOCUMENTS}
    assert all(60 < count < 140 for count in drawn.values())  # 100 ± 4 standard deviations


def test_a_sample_of_what_was_left_out(make_corpus: Callable[..., Corpus]) -> None:
    corpus = make_corpus([DOCUMENTS])
    with pytest.raises(ValueError, match="does not hold what was left out; build it with --keep"):
        sample_drops(corpus, 1, 0)
    drops = [Drop(str(number), "s", "too short") for number in range(5)]
    write_drops(corpus, drops[:2], [], drops[2:])
    assert sample_drops(corpus, 9, 0) == drops
    assert len(sample_drops(corpus, 3, 0)) == 3


def test_any_value_in_a_manifest_is_read_or_refused_by_its_name(
    make_corpus: Callable[..., Corpus],
) -> None:
    corpus = make_corpus([DOCUMENTS[:5], DOCUMENTS[5:]])
    path = corpus.folder / "manifest.json"
    manifest = {**corpus.manifest, "counts": {"dropped": {"too short": 1}}}
    for place in places(manifest):
        for wrong in WRONG:
            path.write_text(json.dumps(replaced(manifest, place, wrong)))
            try:
                opened = Corpus.open(corpus.folder)
                _ = [*map(opened.documents, opened.shards)], sum(opened.dropped.values())
                sample_documents(opened, 2, 0)
            except ValueError as error:
                assert str(corpus.folder) in str(error)  # noqa: PT017
                assert "\n" not in str(error)  # noqa: PT017
