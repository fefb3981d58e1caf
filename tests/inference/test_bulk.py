"""Jobs over large files: what is in the shards, what is left after an interruption, bad lines."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from albertlm import pipeline
from albertlm.config import AlbertConfig
from albertlm.executors import LocalProcesses, open_executor
from albertlm.inference import bulk, speed
from albertlm.inference.bulk import BulkJob, BulkProgress, plan, run

ONE = "The old [MASK] walked to the river."
TWO = "The [MASK] walked to the [MASK]."
PLAIN = "She painted the boats\u2028in winter."
"""With a separator that ends no line of a file."""
BAD: dict[bytes, str] = {
    b"": "empty",
    b"  \t\r": "empty",
    b"river " * 99 + b"[MASK]": "too long",
    b"\xe4\xff": "not UTF-8",
}
HERE = LocalProcesses(1)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "SHARD_BYTES", 400)
    monkeypatch.setattr(bulk, "SMALLEST_SHARD", 400)


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Lines of all kinds, with and without problems, the last of which does not end."""
    lines = [ONE.encode(), TWO.encode(), PLAIN.encode() + b"\r", *BAD] * 6
    path = tmp_path / "texts"
    path.write_bytes(b"\n".join([*lines, ONE.encode()]))
    return path


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """The rows of all shards in order."""
    rows: list[dict[str, Any]] = pq.read_table(folder).to_pylist()
    return rows


@pytest.mark.parametrize("pooling", ["mean", "pooled", None])
def test_features_are_those_of_the_pipeline(
    pooling: Any, texts: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    options = {"pooling": pooling, "normalize": True}
    job = plan("feature-extraction", texts, tmp_path / "out", tiny_folder, options=options)
    done = run(job, HERE)
    assert len(done["shards"]) > 3
    assert sum(done["shards"].values()) == done["texts"] == 6 * (3 + len(BAD)) + 1
    assert done["problems"] == {"empty": 12, "not UTF-8": 6, "too long": 6}
    extract = pipeline("feature-extraction", tiny_folder)
    expected = {text: extract(text, pooling=pooling, normalize=True) for text in (ONE, TWO, PLAIN)}
    rows = rows_of(tmp_path / "out")
    assert [row["problem"] for row in rows] == [*([None] * 3), *BAD.values()] * 6 + [None]
    for row in rows:
        if row["problem"] is None:
            np.testing.assert_allclose(row["features"], expected[row["text"]], atol=1e-5)
        else:
            assert row["features"] is None


def test_fills_are_those_of_the_pipeline(texts: Path, tmp_path: Path, tiny_folder: Path) -> None:
    options = {"top_k": 2, "clean": True}
    done = run(plan("fill-mask", texts, tmp_path / "out", tiny_folder, options=options), HERE)
    assert done["problems"]["no [MASK]"] == 6
    unmasker = pipeline("fill-mask", tiny_folder)
    for row in rows_of(tmp_path / "out"):
        if row["problem"] is None:
            masks = unmasker(row["text"], top_k=2, clean=True)
            expected = masks if isinstance(masks[0], list) else [masks]
            for found, fills in zip(row["fills"], expected, strict=True):
                for fill, other in zip(found, fills, strict=True):
                    assert isinstance(other, dict)
                    assert fill["score"] == pytest.approx(other["score"], rel=1e-4)
                    assert fill["sequence"] == other["sequence"]
        else:
            assert row["fills"] is None


def test_long_texts_are_cut_if_asked(texts: Path, tmp_path: Path, tiny_folder: Path) -> None:
    options = {"pooling": "mean", "truncation": True}
    job = plan("feature-extraction", texts, tmp_path / "cut", tiny_folder, options=options)
    assert run(job, HERE)["problems"] == {"empty": 12, "not UTF-8": 6}
    # the mask is behind what is read
    job = plan("fill-mask", texts, tmp_path / "fills", tiny_folder, options={"truncation": True})
    assert run(job, HERE)["problems"] == {"empty": 12, "no [MASK]": 12, "not UTF-8": 6}


class Stops(LocalProcesses):
    """Runs a few tasks and is then interrupted."""

    def __init__(self, after: int) -> None:
        super().__init__(1)
        self.after = after

    def map(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        for done in super().map(function, tasks):
            if not self.after:
                raise KeyboardInterrupt
            self.after -= 1
            yield done


def test_an_interrupted_job_continues_with_what_is_missing(
    texts: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    def job(folder: str) -> BulkJob:
        options = {"pooling": "mean"}
        return plan("feature-extraction", texts, tmp_path / folder, tiny_folder, options=options)

    whole = run(job("whole"), HERE)
    with pytest.raises(KeyboardInterrupt):
        run(job("out"), Stops(2))
    first = tmp_path / "out" / "part-00000.parquet"
    kept = first.stat().st_mtime_ns
    second = tmp_path / "out" / "part-00001.parquet"
    second.write_bytes(second.read_bytes()[:-9])  # damaged
    shown: list[BulkProgress] = []
    assert run(job("out"), HERE, shown.append) == whole
    assert first.stat().st_mtime_ns == kept
    assert shown[0].texts == 0
    assert shown[0].bytes > 0
    assert shown[-1].bytes == shown[-1].total == texts.stat().st_size
    for path in (tmp_path / "whole").glob("*.parquet"):
        assert pq.read_table(path) == pq.read_table(tmp_path / "out" / path.name)
    assert run(job("out"), HERE) == whole  # a finished job computes nothing
    texts.write_bytes(texts.read_bytes() + b"\nmore")
    with pytest.raises(ValueError, match="was begun with a different 'lines'; remove it, or"):
        run(job("out"), HERE)


def test_a_job_keeps_its_engine(
    texts: Path, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"pooling": "mean"}

    def begin(**given: Any) -> BulkJob:
        folder = tmp_path / "out"
        return plan("feature-extraction", texts, folder, tiny_folder, options=options, **given)

    job = begin(engine="openvino", dtype="float32")
    assert run(job, HERE)["engine"] == "openvino"
    assert begin() == job
    assert run(begin(), HERE)["texts"] == 43
    with pytest.raises(ValueError, match="was begun with a different 'engine'"):
        run(begin(engine="numpy"), HERE)


def test_a_large_file_has_engines_measured_once(
    texts: Path, tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(bulk, "MEASURED_BYTES", 1)
    measured: list[tuple[str, str]] = []

    def measure(folder: Path, name: str, dtype: str, *, seconds: float) -> speed.Speed:
        measured.append((name, dtype))
        second = 0.5 if name == "onnx" else 1.0
        latency = speed.Latency(p50=second, p95=second, tokens_per_second=1)
        return speed.Speed(start=0, memory=0, short=latency, long=latency)

    monkeypatch.setattr(speed, "measure", measure)
    for number in range(2):
        job = plan("fill-mask", texts, tmp_path / f"{number}", tiny_folder, options={})
        assert (job.engine, job.dtype) == ("onnx", "float32")
    assert len(measured) == len(set(measured)) > 3
    assert "int8" not in {dtype for _, dtype in measured}
    config = AlbertConfig.from_json_file(tiny_folder / "config.json")
    assert speed.recall(config).keys() == set(measured)


@pytest.mark.slow
@pytest.mark.parametrize("runner", ["local", "ray"])
def test_runners_write_the_same(
    runner: Any, texts: Path, tmp_path: Path, tiny_folder: Path, request: pytest.FixtureRequest
) -> None:
    options = {"pooling": "mean"}
    job = plan("feature-extraction", texts, tmp_path / "out", tiny_folder, options=options)
    there: dict[str, Any] = {"workers": 2}
    if runner == "ray":
        there = {"address": request.getfixturevalue("cluster")}
    with open_executor(runner, **there) as executor:
        done = run(job, executor)
    here = plan("feature-extraction", texts, tmp_path / "here", tiny_folder, options=options)
    assert done == run(here, HERE)
    assert rows_of(tmp_path / "out") == rows_of(tmp_path / "here")


def test_long_lines_and_many_empty_ones_are_bounded(
    tmp_path: Path, tiny_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SHARD_BYTES", 1 << 16)
    path = tmp_path / "texts"
    path.write_bytes(b"\n" * 100_000 + b"x" * (bulk.LONGEST_LINE + 1) + b"\nShe sold it.\n")
    options = {"pooling": "mean"}
    done = run(
        plan("feature-extraction", path, tmp_path / "out", tiny_folder, options=options), HERE
    )
    assert done["texts"] == 100_002
    assert done["problems"] == {"empty": 100_000, "too long": 1}
    *_, long, last = rows_of(tmp_path / "out")
    assert len(long["text"]) == bulk.LONGEST_LINE
    assert len(last["features"]) == 32


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("texts", b"", "is empty; put one text on each line"),
        ("texts.gz", b"x", "is compressed, and workers read parts of it; decompress it first"),
    ],
)
def test_files_that_cannot_be_divided_are_refused(
    name: str, content: bytes, message: str, tmp_path: Path, tiny_folder: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=message):
        plan("fill-mask", tmp_path / name, tmp_path / "out", tiny_folder, options={})


def test_options_are_tried_before_anything_is_written(
    texts: Path, tmp_path: Path, tiny_folder: Path
) -> None:
    with pytest.raises(ValueError, match="top_k=0 is not allowed"):
        plan("fill-mask", texts, tmp_path / "out", tiny_folder, options={"top_k": 0})
    with pytest.raises(FileNotFoundError):
        plan("fill-mask", tmp_path / "absent", tmp_path / "out", tiny_folder, options={})
    assert not (tmp_path / "out").exists()
