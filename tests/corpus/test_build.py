"""Test what a build keeps, drops and counts, and that it survives interruptions and bad inputs."""

from __future__ import annotations

import bz2
import gzip
import json
import multiprocessing
import random
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from killed_builds import CONFIG, build_reported, build_traced, build_until

from albertlm.corpus.build import BuildConfig, build
from albertlm.corpus.sentences import paragraphs
from albertlm.corpus.shards import Corpus, read_drops
from albertlm.executors import open_executor

WORDS = re.findall(
    r"\w+",
    "river stone winter garden letter morning village bridge mountain window "
    "teacher captain silver orange quiet slowly gathered answered carried painted "
    "followed bright narrow ancient",
)


def prose(seed: int, sentences: int = 8) -> str:
    """Return English sentences that are different for every seed."""
    lines = []
    for number in range(sentences):
        a, b, c, d = (WORDS[(seed * 7 + number * 5 + k * k * (seed + 3)) % 24] for k in range(4))
        lines.append(
            f"In the year {1500 + seed} the {a} of the {b} was near the {c}, and number {number} "
            f"of the people who lived there said that it was a {d} {seed}."
        )
    return " ".join(lines)


def write_inputs(folder: Path) -> list[str]:
    """Write inputs of three formats, with every kind of duplicate that a build has to find."""
    folder.mkdir()
    lines = [{"id": str(n), "text": prose(n), "source": "lines"} for n in range(30)]
    lines += [{"id": "30", "text": prose(0).upper(), "source": "lines"}]
    lines += [{"id": "31", "text": "Short.", "source": "lines"}]
    lines += [{"id": "32", "text": "Das ist ein deutscher Text. " * 20, "source": "lines"}]
    encoded = "\n".join(json.dumps(line) for line in lines) + "\n{broken\n"
    (folder / "lines.jsonl.gz").write_bytes(gzip.compress(encoded.encode(), mtime=0))
    near = prose(1, 40).replace("winter", "summer", 1)
    table = {
        "id": ["1", "2", "2"],
        "source": ["table"] * 3,
        "text": [prose(1, 40), prose(41), prose(42)],
    }
    pq.write_table(pa.table(table), folder / "table.parquet")
    (folder / "book.txt").write_text(near + "\n\n" + prose(43, 2), encoding="utf-8")
    return [str(folder / "lines.jsonl.gz"), str(folder / "table.parquet"), str(folder / "book.txt")]


def run(inputs: list[str], folder: Path, workers: int = 1, **options: Any) -> Corpus:
    with open_executor(workers=workers) as executor:
        return build(inputs, folder, BuildConfig(**options) if options else CONFIG, executor)


def exit_code(function: Callable[..., None], *arguments: Any) -> int | None:
    """That of a process of its own which calls the function."""
    server = multiprocessing.get_context("forkserver")  # forks a process that has no threads
    server.set_forkserver_preload(["albertlm.corpus.build", "pandas"])  # pyarrow imports pandas
    process = server.Process(target=function, args=arguments)
    process.start()
    process.join()
    return process.exitcode


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    return write_inputs(tmp_path_factory.mktemp("build") / "inputs")


@pytest.fixture(scope="module")
def built(inputs: list[str], tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    return run(inputs, tmp_path_factory.mktemp("built") / "corpus")


def test_what_is_kept(built: Corpus) -> None:
    documents = [d for shard in built.shards for d in built.documents(shard)]
    assert [(d.source, d.id) for d in documents] == [
        *(("lines", str(number)) for number in range(30)),
        ("table", "1"),
        ("table", "2"),
    ]
    assert all(len(paragraphs(d.text)) == 1 for d in documents)
    assert paragraphs(documents[0].text)[0] == [
        part + "." for part in prose(0).removesuffix(".").split(". ")
    ]


def test_what_is_dropped_is_counted_and_kept_for_audit(built: Corpus) -> None:
    counts = built.manifest["counts"]
    assert counts["dropped"] == {
        "another language": 1,
        "exact copy": 1,
        "near copy": 1,
        "not valid JSON": 1,
        "repeated id": 1,
        "too short": 1,
    }
    assert counts["read"] == counts["documents"] + sum(counts["dropped"].values()) == 38
    drops = [d for path in sorted(built.folder.glob("dropped/*")) for d in read_drops(path)]
    assert sorted((drop.reason, drop.id) for drop in drops) == [
        ("another language", "32"),
        ("exact copy", "30"),
        ("near copy", "book.txt"),
        ("not valid JSON", "lines.jsonl.gz:36112"),
        ("repeated id", "2"),
        ("too short", "31"),
    ]


def test_only_the_corpus_remains(built: Corpus) -> None:
    names = set(contents(built.folder))
    shards = {f"corpus-{number:05d}.parquet" for number in range(len(built.shards))}
    assert len(built.shards) == 3
    assert names == shards | {"manifest.json"} | {f"dropped/{n:05d}.parquet" for n in range(3)}


def test_the_manifest_totals_are_those_of_the_text(built: Corpus) -> None:
    texts = [d.text for shard in built.shards for d in built.documents(shard)]
    counts = built.manifest["counts"]
    assert counts["documents"] == len(texts)
    assert counts["sentences"] == sum(len(part) for text in texts for part in paragraphs(text))
    assert counts["words"] == sum(len(text.split()) for text in texts)
    assert counts["bytes"] == sum(len(text.encode()) for text in texts)


@pytest.mark.parametrize("engine", ["local", "ray"])
@pytest.mark.slow
def test_engines_give_the_same_bytes(
    engine: Any, built: Corpus, inputs: list[str], tmp_path: Path
) -> None:
    if engine == "ray":
        pytest.importorskip("ray", reason="Ray is not installed")
    with open_executor(engine, workers=2) as executor:
        other = build(inputs, tmp_path / "corpus", CONFIG, executor)
    assert contents(other.folder) == contents(built.folder)


def killed_at(
    build_counted: Callable[..., int], inputs: list[str], folder: Path
) -> Iterator[tuple[int, Path]]:
    """Builds that were killed at eight random moments."""
    total = build_counted(inputs, folder / "whole", lambda _: None)
    for moment in random.Random(0).sample(range(1, total), 8):
        killed = folder / str(moment)
        assert exit_code(build_until, build_counted, inputs, killed, moment) == -signal.SIGKILL
        yield moment, killed


@pytest.mark.slow
def test_a_killed_build_resumes_to_the_same_bytes(
    built: Corpus, inputs: list[str], tmp_path: Path
) -> None:
    for moment, folder in killed_at(build_reported, inputs, tmp_path):
        with pytest.raises(ValueError, match=r"not finished|holds no corpus"):
            Corpus.open(folder)
        run(inputs, folder)
        assert contents(folder) == contents(built.folder), f"killed at report {moment}"


@pytest.mark.slow
def test_killed_within_a_write(built: Corpus, inputs: list[str], tmp_path: Path) -> None:
    unfinished = set()
    for moment, folder in killed_at(build_traced, inputs, tmp_path):
        unfinished |= {path.suffix for path in folder.rglob(".*.partial")}
        run(inputs, folder)
        assert contents(folder) == contents(built.folder), f"killed at call {moment}"
    assert unfinished  # some were killed while a file was being written


def test_killed_while_the_plan_was_written(
    built: Corpus, inputs: list[str], tmp_path: Path
) -> None:
    (tmp_path / ".plan.json.0123abcd.partial").write_text("{")
    assert contents(run(inputs, tmp_path).folder) == contents(built.folder)


def test_a_finished_build_is_not_done_again(built: Corpus, inputs: list[str]) -> None:
    before = {path: path.stat().st_mtime_ns for path in built.folder.rglob("*")}
    run(inputs, built.folder)
    assert before == {path: path.stat().st_mtime_ns for path in built.folder.rglob("*")}


def test_other_inputs_or_options_need_another_folder(
    built: Corpus, inputs: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="begun with a different 'inputs'"):
        run(inputs[:1], built.folder)
    with pytest.raises(ValueError, match="begun with a different 'config'"):
        run(inputs, built.folder, language="de")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ValueError, match="something other than a corpus"):
        run(inputs, tmp_path)


def test_bad_options() -> None:
    with pytest.raises(ValueError, match="language 'klingon' is not known"):
        BuildConfig(language="klingon")
    with pytest.raises(ValueError, match=r"similarity=0\.2 is not allowed"):
        BuildConfig(similarity=0.2)
    with pytest.raises(ValueError, match="task_bytes=0 is not allowed"):
        BuildConfig(task_bytes=0)


PAGE = "<page><title>A</title><ns>0</ns><id>1</id><revision><text>Text.</text></revision></page>"


def bad_inputs() -> Iterator[tuple[str, bytes, str]]:
    whole = f"<mediawiki>{PAGE}</mediawiki>".encode()
    yield "cut.xml.bz2", bz2.compress(whole * 50)[:-20], r"cut\.xml\.bz2.*byte \d+"
    yield "bad.xml", b"<mediawiki><page><title>A</page></mediawiki>", "malformed XML"
    yield "cut.parquet", b"PAR1 cut short", r"cut\.parquet is not a whole parquet file"
    yield "image.png", b"\x89PNG", r"image\.png is of no supported format"


@pytest.mark.parametrize(("name", "content", "said"), list(bad_inputs()))
def test_bad_inputs(name: str, content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=said):
        run([str(tmp_path / name)], tmp_path / "corpus")
    assert not (tmp_path / "corpus" / "manifest.json").exists()


def test_empty_missing_and_repeated_inputs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="folder without files"):
        run([str(tmp_path / "empty")], tmp_path / "corpus")
    with pytest.raises(FileNotFoundError, match="nowhere"):
        run([str(tmp_path / "nowhere")], tmp_path / "corpus")
    book = tmp_path / "book.txt"
    book.write_text(prose(1), encoding="utf-8")
    with pytest.raises(ValueError, match="named twice"):
        run([str(book), str(book)], tmp_path / "corpus")
    book.write_text("Too short.", encoding="utf-8")
    with pytest.raises(ValueError, match=r"no document is left.*too short"):
        run([str(book)], tmp_path / "corpus")


def test_the_output_may_not_be_inside_an_input(tmp_path: Path) -> None:
    (tmp_path / "book.txt").write_text(prose(1), encoding="utf-8")
    for folder in (tmp_path, tmp_path / "corpus"):
        with pytest.raises(ValueError, match="is inside the input"):
            run([str(tmp_path)], folder)
    assert [path.name for path in tmp_path.iterdir()] == ["book.txt"]


def test_files_of_no_supported_format_are_listed(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "book.txt").write_text(prose(1), encoding="utf-8")
    (tmp_path / "in" / "cover.png").write_bytes(b"\x89PNG")
    corpus = run([str(tmp_path / "in")], tmp_path / "corpus")
    assert corpus.manifest["ignored"] == [str(tmp_path / "in" / "cover.png")]


def test_full_disk(inputs: list[str], built: Corpus, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        with pytest.raises(OSError, match="disk is full"):
            run(inputs, disk / "corpus")
        with pytest.raises(ValueError, match="not finished"):
            Corpus.open(disk / "corpus")
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        assert contents(run(inputs, disk / "corpus").folder) == contents(built.folder)
    finally:
        subprocess.run(["umount", str(disk)], check=True)
