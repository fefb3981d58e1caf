"""Training and dev data: official folders, shares, labels and leaks."""

from __future__ import annotations

from pathlib import Path

import pytest
from labelled_texts import write_csv

from albertlm.finetuning.task_data import dev_file, read_task_data
from albertlm.tasks.catalogue import TASKS
from albertlm.tasks.own import OwnData


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_a_share_of_a_file_is_the_dev_data(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "a.csv", 40)
    data = read_task_data("own", path)
    assert data.dev_name == "10% of a.csv"
    assert (len(data.train), len(data.dev)) == (36, 4)
    assert data.labels == ("land", "water")
    assert data.counts(data.dev) == {"land": 2, "water": 2}
    half = read_task_data("own", path, "50%")
    assert (len(half.train), len(half.dev)) == (20, 20)


def test_a_folder_of_official_names(tmp_path: Path) -> None:
    write(tmp_path / "train.tsv", "sentence\tlabel", "She left\t0", "Nobody left\t1")
    write(tmp_path / "dev.tsv", "sentence\tlabel", "The river\t1", "The boats\t0")
    data = read_task_data("sst2", tmp_path)
    assert data.dev_name == "dev"
    assert [example.label for example in data.dev] == ["positive", "negative"]
    assert data.labels == ("negative", "positive")
    other = write(tmp_path / "other.tsv", "sentence\tlabel", "A town\t1", "A model\t0")
    assert read_task_data("sst2", tmp_path, str(other)).dev_name == str(other)
    (tmp_path / "dev.tsv").unlink()
    with pytest.raises(FileNotFoundError, match="holds no dev data of sst2"):
        read_task_data("sst2", tmp_path)
    (tmp_path / "dev_matched.tsv").touch()
    assert dev_file(TASKS["mnli"], tmp_path) == tmp_path / "dev_matched.tsv"


def test_leaks_are_told_and_dropped(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "text,label", "She left,a", "Nobody left,b", "A town,a")
    dev = write(tmp_path / "b.csv", "text,label", "SHE left!,a", "A river,b")
    kept = read_task_data("own", train, str(dev))
    assert (kept.dropped, len(kept.train)) == (0, 3)
    assert kept.leaks.normalised == [(f"{dev}:2", f"{train}:2")]
    dropped = read_task_data("own", train, str(dev), without_leaks=True)
    assert (dropped.dropped, len(dropped.train)) == (1, 2)
    clean = write(tmp_path / "c.csv", "text,label", "The boats,a", "A river,b")
    assert read_task_data("own", train, str(clean), without_leaks=True).dropped == 0


def test_numbers_have_no_classes(tmp_path: Path) -> None:
    path = write(tmp_path / "a.tsv", "text\tscore", *(f"text {n}\t{n}.5" for n in range(20)))
    assert read_task_data("own", path).labels == ()


def test_bad_data_is_told_with_its_line(tmp_path: Path) -> None:
    train = write(tmp_path / "a.csv", "text,label", "She left,a", "Nobody left,b")
    dev = write(tmp_path / "b.csv", "text,label", "The river,c")
    with pytest.raises(ValueError, match=r"b\.csv:2 has the label 'c', which the training data"):
        read_task_data("own", train, str(dev))
    empty = write(tmp_path / "d.csv", "text,label", "The river,a", " ,b")
    with pytest.raises(ValueError, match=r"d\.csv:3 has an empty text"):
        read_task_data("own", train, str(empty))
    unlabelled = write(tmp_path / "c.csv", "text,label", "x,", "y,b")
    for held_out in (str(train), "50%"):
        with pytest.raises(ValueError, match=r"c\.csv:2 has no label"):
            read_task_data("own", unlabelled, held_out)
    with pytest.raises(FileNotFoundError, match="nowhere is neither a file nor a share"):
        read_task_data("own", train, "nowhere")
    with pytest.raises(ValueError, match="no column"):
        read_task_data("own", train, own=OwnData(label="class"))
