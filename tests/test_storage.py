"""Files are whole or not there, and every failure is one line."""

import errno
import hashlib
import json
import os
import subprocess
import sys
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


def test_a_full_disk_is_named_by_the_errors_of_libraries_too(tmp_path):
    path = tmp_path / "run"
    with pytest.raises(OSError, match=r"^the disk is full, .*run was not"):  # noqa: PT012, SIM117
        with storage.atomic_path(path) as temporary:
            temporary.mkdir()
            with storage.atomic_path(temporary / "a.npy"), Path("/dev/full").open("wb") as file:
                file.write(b"half")
    with (
        pytest.raises(OSError, match=r"^the disk is full, .*run was not written"),
        storage.atomic_path(path),
    ):
        raise RuntimeError("I/O error: No space left on device (os error 28)")
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


def test_a_folder_in_use_is_named_until_the_block_ends(tmp_path):
    folder = tmp_path / "new" / "run"
    with storage.exclusive(folder):
        with (
            pytest.raises(OSError, match=r"another process is working in .*run; wait until it"),
            storage.exclusive(folder),
        ):
            pass
        with storage.exclusive(tmp_path / "other"):
            pass
    with storage.exclusive(folder):
        assert list(folder.iterdir()) == []


def test_the_lock_of_a_killed_process_is_gone(tmp_path):
    program = (
        "import pathlib, sys, time; from albertlm import storage\n"
        "with storage.exclusive(pathlib.Path(sys.argv[1])): print('locked', flush=True); input()"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        with pytest.raises(OSError, match="another process"), storage.exclusive(tmp_path):
            pass
        process.kill()
    with storage.exclusive(tmp_path):
        pass


def test_a_file_system_without_locks_is_used_without(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr("fcntl.flock", refuse)
    with storage.exclusive(tmp_path), storage.exclusive(tmp_path):
        pass


def test_a_folder_to_lock_that_cannot_be_made_is_named(tmp_path):
    (tmp_path / "file").touch()
    with (
        pytest.raises(OSError, match=r"run cannot be written \(.+\); choose a place"),
        storage.exclusive(tmp_path / "file" / "run"),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("too\nlong"), "^x.json: too long$"),
        (ValueError("x.json is empty"), "^x.json is empty$"),
        (KeyError("a"), r"^x.json is damaged \(KeyError: 'a'\); fetch or write it again$"),
        (OverflowError("int"), r"^x.json is damaged \(OverflowError: int\); "),
        (TypeError("a"), r"^x.json is damaged \(TypeError: a\); "),
    ],
)
def test_errors_of_parsing_name_the_file(error, said):
    with pytest.raises(ValueError, match=said), storage.parsing("x.json"):
        raise error


def test_the_folder_for_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path))
    assert storage.cache_folder("speed") == tmp_path / "speed"
    monkeypatch.delenv("ALBERTLM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert storage.cache_folder("speed") == tmp_path / "albertlm" / "speed"
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert storage.cache_folder("speed") == tmp_path / ".cache" / "albertlm" / "speed"
    assert list(tmp_path.iterdir()) == []
