"""`push` lists what it would upload, uploads it, and says in one line what is wrong."""

import inspect
import json
import shutil
from pathlib import Path

import hub_stub
import pytest
from commands import Run
from huggingface_hub import constants

from albertlm import hub
from albertlm.cli.push import push


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# A model\n")
    (folder / ".DS_Store").write_text("x")
    return folder


def test_a_dry_run_asks_nobody(run: Run, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    table = run("push", model, "me/model", "--dry-run").out
    assert "model.safetensors" in table
    assert f"{(model / 'model.safetensors').stat().st_size:,}" in table
    assert ".DS_Store" not in table
    found = json.loads(run("push", model, "me/model", "--dry-run", "--json").out)
    assert found == {
        "repository": "me/model",
        "revision": None,
        "files": hub.uploaded_files(model),
        "commit": None,
    }


@pytest.mark.parametrize("as_json", [False, True])
def test_an_upload(
    run: Run, model: Path, monkeypatch: pytest.MonkeyPatch, *, as_json: bool
) -> None:
    with hub_stub.serve() as stub:
        monkeypatch.setattr(constants, "ENDPOINT", stub.url)
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "x")
        done = run("push", model, "me/model", "--revision", "v2", *(["--json"] if as_json else []))
    assert done.code == 0
    assert f"/commit/{hub_stub.COMMIT}" in done.out
    assert not as_json or json.loads(done.out)["revision"] == "v2"
    assert {*stub.files["v2"]} == {*hub.uploaded_files(model)}


def test_an_upload_is_private_unless_asked_otherwise() -> None:
    assert inspect.signature(push).parameters["public"].default is False


def test_a_folder_without_a_card(run: Run, tiny_folder: Path) -> None:
    done = run("push", tiny_folder, "me/model")
    assert (done.code, done.out) == (2, "")
    assert done.err == (f"error: {tiny_folder} has no README.md; write one with `albertlm card`\n")


def test_a_dry_run_checks_the_card_and_the_id(run: Run, model: Path) -> None:
    done = run("push", model, "a b/c/d", "--dry-run")
    assert (done.code, done.err) == (
        2,
        "error: 'a b/c/d' is no hub id; write it like 'name/model'\n",
    )
    (model / "README.md").write_text("---\na: [\n---\n")
    done = run("push", model, "me/model", "--dry-run")
    assert done.code == 2
    assert "has invalid metadata" in done.err
