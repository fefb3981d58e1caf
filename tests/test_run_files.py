"""The files of a run that are brought back: their sizes, and what is said of missing ones."""

import shutil
from pathlib import Path

import pytest

import run_files
from run_files import Back, check_size, files_brought_back, restore


@pytest.fixture
def run(tmp_path: Path, tiny_folder: Path) -> Path:
    """The folder of a run that has exported once."""
    folder = tmp_path / "run"
    shutil.copytree(tiny_folder, folder / "model-recent-1")
    (folder / "config.json").write_text("{}")
    return folder


def test_the_latest_weights_are_there_at_any_time(run: Path, tmp_path: Path) -> None:
    back = Back(run, tmp_path / "back")
    back.update()
    assert sorted(path.name for path in back.folder.iterdir()) == [
        "model-recent-1.safetensors",
        "run.tar",
    ]
    (run / "model-recent-1").rename(run / "model-recent-2")
    back.update()
    assert len(list(back.folder.iterdir())) == 3
    models = restore(back.folder, tmp_path / "restored")
    assert [path.name for path in models] == ["model-recent-1", "model-recent-2"]
    for model in models:
        for path in (run / "model-recent-2").iterdir():
            assert (model / path.name).read_bytes() == path.read_bytes()
    assert (tmp_path / "restored" / "config.json").read_text() == "{}"


def test_nothing_to_restore(run: Path, tmp_path: Path) -> None:
    back = Back(tmp_path / "nothing", tmp_path / "back")
    back.update()
    with pytest.raises(SystemExit, match="holds no weights; the run ended before its first"):
        run_files.main([str(back.folder), str(tmp_path / "restored")])
    Back(run, back.folder).update()
    with pytest.raises(FileExistsError, match="exists; name another folder"):
        restore(back.folder, run)
    logs = back.folder / "run.tar"
    logs.write_bytes(logs.read_bytes()[:700])
    with pytest.raises(ValueError, match=r"run\.tar is incomplete .*; bring it again"):
        restore(back.folder, tmp_path / "restored")
    logs.unlink()
    with pytest.raises(FileNotFoundError):
        restore(back.folder, tmp_path / "restored")
    assert not (tmp_path / "restored").exists()


def test_a_model_has_two_limits(tiny_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    check_size(tiny_folder)
    with pytest.raises(ValueError, match=r"the model's folder would have .* 18,000,000 may ship"):
        check_size(tiny_folder, reserve=18_000_000)
    monkeypatch.setattr(run_files, "WEIGHTS_BYTES", 10)
    with pytest.raises(ValueError, match=r"the weights would have .* bytes, and 10 may ship"):
        check_size(tiny_folder)


def test_few_and_small_files_are_brought_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(8):
        (tmp_path / str(number)).write_bytes(bytes(number))
    assert files_brought_back(tmp_path)[-1] == "7: 7 bytes"
    monkeypatch.setattr(run_files, "FILE_BYTES", 6)
    with pytest.raises(ValueError, match="holds 8 files, of which 1 have more than 6 bytes"):
        files_brought_back(tmp_path)
    monkeypatch.setattr(run_files, "FILE_BYTES", 10)
    (tmp_path / "8").touch()
    with pytest.raises(ValueError, match=r"holds 9 files, of which 0 .*; 8 smaller ones can be"):
        files_brought_back(tmp_path)
