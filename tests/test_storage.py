"""Files are whole or not there, and every failure is one line."""

import errno
import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

import pytest

from albertlm import storage


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_only_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "file.txt"
    with storage.atomic_path(path) as temporary:
        temporary.write_text("whole")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert path.read_text() == "whole"
    assert leftovers(path.parent) == ["file.txt"]


def test_a_file_is_replaced(tmp_path):
    path = tmp_path / "file.txt"
    path.write_text("old")
    with storage.atomic_path(path) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"


def test_a_folder_appears_whole(tmp_path):
    path = tmp_path / "shards"
    with storage.atomic_path(path) as temporary:
        (temporary / "a").mkdir(parents=True)
        (temporary / "a" / "0.bin").write_bytes(b"0")
        assert not path.exists()
    assert (path / "a" / "0.bin").read_bytes() == b"0"
    assert leftovers(tmp_path) == ["shards"]


def test_an_empty_folder_gives_way_to_a_folder(tmp_path):
    path = tmp_path / "shards"
    path.mkdir()
    with storage.atomic_path(path) as temporary:
        temporary.mkdir()
        (temporary / "0.bin").touch()
    assert leftovers(path) == ["0.bin"]


def test_a_folder_never_gives_way_to_a_file(tmp_path):
    path = tmp_path / "folder"
    path.mkdir()
    with (
        pytest.raises(OSError, match=r"folder cannot be written \(Is a directory\); choose"),
        storage.atomic_path(path) as temporary,
    ):
        temporary.touch()
    assert leftovers(tmp_path) == ["folder"]


def test_a_full_folder_is_never_replaced(tmp_path):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "notes").touch()
    with (
        pytest.raises(FileExistsError, match="not empty; remove it or name another"),
        storage.atomic_path(tmp_path / "precious"),
    ):
        pytest.fail("the work must not begin")
    assert leftovers(tmp_path / "precious") == ["notes"]


@pytest.mark.parametrize("error", [RuntimeError("broken"), KeyboardInterrupt()])
@pytest.mark.parametrize("folder", [False, True])
def test_after_an_error_nothing_is_left_and_the_old_file_stays(tmp_path, error, folder):
    path = tmp_path / "file.txt"
    if not folder:
        path.write_text("old")
    before = leftovers(tmp_path)
    with pytest.raises(type(error)), storage.atomic_path(path) as temporary:  # noqa: PT012
        if folder:
            temporary.mkdir()
            (temporary / "half").touch()
        else:
            temporary.write_text("half")
        raise error
    assert leftovers(tmp_path) == before


def test_a_full_disk_is_named(tmp_path):
    path = tmp_path / "file.txt"
    with (  # noqa: PT012
        pytest.raises(OSError, match=r"^the disk is full, .*file.txt was not written; free some"),
        storage.atomic_path(path) as temporary,
    ):
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert leftovers(tmp_path) == []


def test_a_file_in_the_way_of_the_folder_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OSError, match=r"out.txt cannot be written \(.+\); choose a place"),
        storage.atomic_path(tmp_path / "file" / "out.txt") as temporary,
    ):
        temporary.write_text("")


def test_a_folder_that_may_not_be_written_is_named(tmp_path, monkeypatch):
    def refuse(path, *_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(OSError, match=r"^.*a.json cannot be written \(Permission denied\); choose"):
        storage.write_json(tmp_path / "a.json", {})


def test_an_error_about_an_input_passes_through(tmp_path):
    with (
        pytest.raises(FileNotFoundError, match="absent"),
        storage.atomic_path(tmp_path / "out") as temporary,
    ):
        temporary.write_bytes((tmp_path / "absent").read_bytes())


def test_every_byte_is_synced_before_the_rename(tmp_path, monkeypatch):
    synced = []
    monkeypatch.setattr(os, "fsync", lambda handle: synced.append(os.fstat(handle).st_size))
    with storage.atomic_path(tmp_path / "folder") as temporary:
        temporary.mkdir()
        (temporary / "a").write_bytes(b"12345")
        (temporary / "b").write_bytes(b"123")
        assert not synced
    assert sorted(synced) == [3, 5]


def test_what_a_killed_process_left_is_removed(tmp_path, monkeypatch):
    with monkeypatch.context() as killed:
        killed.setattr(storage, "_remove", lambda _: None)
        with suppress(KeyboardInterrupt), storage.atomic_path(tmp_path / "file") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt
        with suppress(KeyboardInterrupt), storage.replaced_folder(tmp_path / "a") as temporary:
            (temporary / "b").mkdir(parents=True)
            raise KeyboardInterrupt
    assert len(leftovers(tmp_path)) == 2
    for name in (".hidden", "whole", ".git"):
        (tmp_path / name).touch()
    storage.remove_unfinished(tmp_path)
    assert leftovers(tmp_path) == [".git", ".hidden", "whole"]


def test_json_is_readable_and_round_trips(tmp_path):
    value = {"name": "▁modèle", "sizes": [1, 2], "none": None}
    storage.write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == value
    assert "▁modèle" in text
    assert text.endswith("\n")


def test_json_that_cannot_be_written_leaves_nothing(tmp_path):
    with pytest.raises(TypeError):
        storage.write_json(tmp_path / "a.json", {1, 2})
    assert leftovers(tmp_path) == []


def test_sha256(tmp_path):
    content = b"albert" * 100_000
    (tmp_path / "file").write_bytes(content)
    assert storage.sha256(tmp_path / "file") == hashlib.sha256(content).hexdigest()
