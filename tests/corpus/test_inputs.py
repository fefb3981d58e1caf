"""Test how formats are recognised and how spans are grouped into tasks."""

from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from albertlm.corpus import formats, inputs
from albertlm.corpus.documents import Document

DOC = '<doc id="1" url="https://x.org/1" title="A">\nA\n\nSome words.\n</doc>\n'


@pytest.mark.parametrize(
    ("name", "content", "format_"),
    [
        ("a.txt", "Some text.", "text"),
        ("a.TXT", "Some text.", "text"),
        ("a.txt", DOC, "wikiextractor"),
        ("wiki_00", DOC, "wikiextractor"),
        ("a.jsonl", '{"text": "x"}', "jsonl"),
        ("lines", '{"text": "x"}', "jsonl"),
        ("a.xml", "<mediawiki></mediawiki>", "dump"),
        ("a.xml", '<?xml version="1.0"?>\n<mediawiki></mediawiki>', "dump"),
        ("pages", "\ufeff<mediawiki></mediawiki>", "dump"),
        ("a.html", "<p>x</p>", "html"),
        ("page", "<!DOCTYPE html><p>x</p>", "html"),
    ],
)
def test_format_by_suffix_and_content(
    name: str, content: str, format_: str, tmp_path: Path
) -> None:
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")
    found = inputs.find([str(path)], 1)
    assert {span.format for task in found.tasks for span in task} == {format_}
    packed = tmp_path / f"{name}.gz"
    packed.write_bytes(gzip.compress(content.encode()))
    found = inputs.find([str(packed)], 1)
    assert {span.format for task in found.tasks for span in task} == {format_}


def test_every_format_has_a_reader_and_every_reader_a_format() -> None:
    assert set(inputs.SUFFIXES.values()) <= set(inputs.READERS)
    folder = Path(formats.__file__).parent
    reading = {
        path.stem for path in folder.glob("*.py") if "\ndef spans(" in path.read_text("utf-8")
    }
    modules = {"books" if name == "text" else name for name in inputs.READERS}
    assert reading == modules


def test_readers_import_heavy_libraries_only_when_they_read() -> None:
    heavy = ("pyarrow", "selectolax", "ftfy", "zstandard", "numpy")
    code = f"import sys, albertlm.corpus.inputs; print(*sys.modules.keys() & {set(heavy)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


@pytest.mark.parametrize(("name", "content"), [("feed.xml", "<rss></rss>"), ("cover.jpg", "\xff")])
def test_what_no_format_reads(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content, encoding="latin-1")
    with pytest.raises(ValueError, match="of no supported format"):
        inputs.find([str(tmp_path / name)], 1)
    (tmp_path / "a.txt").write_text("Some text.", encoding="utf-8")
    assert inputs.find([str(tmp_path)], 1).ignored == (str(tmp_path / name),)


def test_a_json_array_is_refused_not_ignored(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('[{"text": "x"}]')
    with pytest.raises(ValueError, match=r"a\.json"):
        inputs.find([str(tmp_path)], 1)


@pytest.mark.parametrize("name", ["a.xml", "a.jsonl"])
def test_dumps_and_lines_in_utf16_are_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("<mediawiki></mediawiki>", encoding="utf-16")
    with pytest.raises(ValueError, match="is in UTF-16; convert it to UTF-8"):
        inputs.find([str(tmp_path)], 1)


def test_tasks_keep_the_order_and_end_at_their_size(tmp_path: Path) -> None:
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text("A text of some length.", encoding="utf-8")
    found = inputs.find([str(tmp_path)], 44)
    assert [len(task) for task in found.tasks] == [2, 2, 2, 1]
    records = [record for task in found.tasks for record in inputs.read(task)]
    assert [record.id for record in records] == [f"{number}.txt" for number in range(7)]
    assert all(isinstance(record, Document) for record in records)


def test_a_relative_path_is_the_same_for_every_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text("Some text.", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = inputs.find(["a.txt"], 1)
    assert found.files == ("a.txt",)
    monkeypatch.chdir("/")
    assert len(list(inputs.read(found.tasks[0]))) == 1
