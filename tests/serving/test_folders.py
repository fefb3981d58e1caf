import os
import shutil
from pathlib import Path

import pytest

from albertlm import hub
from albertlm.serving.folders import SHIPPED_NAME, fingerprint, named_sources


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "sst2"
    made.mkdir()
    (made / "config.json").write_text("{}")
    (made / "model.safetensors").write_bytes(b"12345678")
    return made


def test_a_folder_has_its_own_name_and_a_hub_id_itself(folder: Path) -> None:
    found = named_sources([str(folder), "albert-base-v2", "someone/albert.tiny"])
    assert found == {
        "sst2": folder,
        "albert-base-v2": "albert-base-v2",
        "someone/albert.tiny": "someone/albert.tiny",
    }


def test_a_model_may_be_given_another_name(folder: Path) -> None:
    found = named_sources([f"films={folder}", f"me/films={folder}", "base=albert-base-v2"])
    assert found == {"films": folder, "me/films": folder, "base": "albert-base-v2"}


def test_the_name_of_a_relative_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert list(named_sources(["."])) == ["sst2"]


def test_a_folder_with_an_equals_sign_is_a_folder(folder: Path) -> None:
    other = folder.parent / "lr=1"
    shutil.copytree(folder, other)
    assert named_sources([f"one={other}"]) == {"one": other}
    with pytest.raises(ValueError, match=r"'/.*lr=1' has no name .* NAME=FOLDER"):
        named_sources([str(other)])


def test_the_model_that_ships_is_served_if_none_is_named() -> None:
    assert named_sources([]) == {SHIPPED_NAME: hub.SHIPPED}


def test_two_models_of_one_name_are_refused(folder: Path) -> None:
    other = folder.parent / "other" / "sst2"
    shutil.copytree(folder, other)
    with pytest.raises(ValueError, match="two models have the name 'sst2'; write NAME=FOLDER"):
        named_sources([str(folder), str(other)])


@pytest.mark.parametrize("name", ["..", "a/b/c", "a b", "/", "ä", "a%2fb", "-a"])
def test_a_name_fits_into_an_address(folder: Path, name: str) -> None:
    with pytest.raises(ValueError, match="no name that fits into an address"):
        named_sources([f"{name}={folder}"])


def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no folder .*missing"):
        named_sources([str(tmp_path / "missing")])


def test_a_fingerprint_changes_with_the_files_of_a_model(folder: Path) -> None:
    found = [fingerprint(folder)]
    (folder / "model.safetensors").write_bytes(b"1234567890")
    found.append(fingerprint(folder))
    os.utime(folder / "config.json", ns=(1, 1))
    found.append(fingerprint(folder))
    (folder / "tokenizer.json").write_text("{}")
    found.append(fingerprint(folder))
    shutil.copy2(folder / "config.json", folder / "new")
    (folder / "new").replace(folder / "config.json")  # of the same size and time
    found.append(fingerprint(folder))
    assert len(set(found)) == 5


def test_a_fingerprint_does_not_change_with_other_files(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "README.md").write_text("A card.")
    (folder / "events").mkdir()
    assert fingerprint(folder) == before


def test_files_that_vanish_have_no_fingerprint(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "gone.json").symlink_to(folder / "nowhere")
    assert fingerprint(folder) == before
    assert fingerprint(folder / "missing") == frozenset()
