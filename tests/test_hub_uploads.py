"""Uploads of models to a hub on this machine, and downloads of what arrived there."""

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import hub_stub
import pytest
import torch
from hub_stub import HubStub
from huggingface_hub import constants

from albertlm import AlbertForPreTraining, AlbertTokenizer, hub

CARD = "---\nlicense: apache-2.0\n---\n\n# A model\n"


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[HubStub]:
    with hub_stub.serve() as stub:
        monkeypatch.setattr(constants, "ENDPOINT", stub.url)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            stub.url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
        monkeypatch.setenv("HF_TOKEN", "x")
        yield stub


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    """A model with a card, and files that do not belong on the hub."""
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / "README.md").write_text(CARD)
    (folder / "card.toml").write_text("")
    for name in (".DS_Store", "optimizer.pt", "notes.txt"):
        (folder / name).write_text("private")
    return folder


def test_what_belongs_on_the_hub_arrives_and_comes_back(
    stub: HubStub, model: Path, tmp_path: Path
) -> None:
    wanted = hub.uploaded_files(model)
    assert {"config.json", "model.safetensors", "spiece.model", "README.md"} <= wanted.keys()
    assert not {".DS_Store", "optimizer.pt", "notes.txt"} & wanted.keys()
    url = hub.push(model, "me/model")
    assert url.endswith(hub_stub.COMMIT)
    assert stub.private is True
    assert stub.card == CARD
    arrived = stub.files["main"]
    assert {name: len(content) for name, content in arrived.items()} == wanted
    assert all(content == (model / name).read_bytes() for name, content in arrived.items())
    pulled = AlbertForPreTraining.from_pretrained("me/model")
    original = AlbertForPreTraining.from_pretrained(model)
    for name, tensor in original.state_dict().items():
        assert torch.equal(pulled.state_dict()[name], tensor)
    text = "She painted the river."
    tokenizer = AlbertTokenizer.from_pretrained("me/model")
    assert tokenizer.encode(text) == AlbertTokenizer.from_pretrained(model).encode(text)
    for path in (tmp_path / "cache").rglob("model.safetensors"):
        assert path.read_bytes() == (model / "model.safetensors").read_bytes()


def test_the_same_call_goes_on(stub: HubStub, model: Path) -> None:
    stub.answers["/commit/"] = 403
    with pytest.raises(OSError, match="you may not write"):
        hub.push(model, "me/model")
    sent = stub.asked("PUT", "/lfs/")
    assert sent == 2  # the weights and the vocabulary
    stub.answers.clear()
    hub.push(model, "me/model")
    assert stub.asked("PUT", "/lfs/") == sent
    assert {*stub.files["main"]} == {*hub.uploaded_files(model)}


def test_a_branch(stub: HubStub, model: Path) -> None:
    hub.push(model, "me/model", revision="v2", public=True)
    assert stub.private is False
    assert [*stub.files] == ["v2"]
    assert stub.asked("POST", "/branch/v2") == 1


def test_a_public_repository_is_refused(stub: HubStub, model: Path) -> None:
    stub.private = False
    with pytest.raises(PermissionError, match=r"me/model is public.*--public"):
        hub.push(model, "me/model")
    assert stub.files == {}
    hub.push(model, "me/model", public=True)
    assert "config.json" in stub.files["main"]


def test_weights_through_xet(
    stub: HubStub, model: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("hf_xet")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", False)
    hub.push(model, "me/model")
    assert stub.asked("POST", "/v1/xorbs/") == 1
    assert stub.asked("POST", "/v2/shards") == 1
    assert stub.asked("PUT", "/lfs/") == 0
    for name in ("model.safetensors", "spiece.model"):
        assert stub.large[name] == hashlib.sha256((model / name).read_bytes()).hexdigest()
    assert stub.files["main"]["README.md"] == CARD.encode()


@pytest.mark.parametrize(
    ("part", "status", "told"),
    [
        ("/api/validate-yaml", 400, "the hub refuses the metadata"),
        ("/api/repos/create", 401, "log in with `hf auth login`"),
        ("/api/repos/create", 403, "you may not write to 'me/model'"),
        ("/commit/", 409, "changed by somebody else"),
        ("/commit/", 412, "changed by somebody else"),
        ("/commit/", 413, "could not be uploaded .*; run the same command again"),
    ],
)
def test_what_the_hub_refuses(
    stub: HubStub, model: Path, part: str, status: int, told: str
) -> None:
    stub.answers[part] = status
    with pytest.raises((OSError, ValueError), match=told) as raised:
        hub.push(model, "me/model")
    assert "\n" not in str(raised.value)


def test_no_hub(stub: HubStub, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    with pytest.raises(OSError, match="the hub cannot be reached for 'me/model'"):
        hub.push(model, "me/model")


def without(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).unlink()


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (without("README.md"), "write one with `albertlm card`"),
        (without("config.json"), "has no config.json"),
        (without("model.safetensors"), "has no model.safetensors"),
        (lambda folder: (folder / "README.md").write_text("---\na: [\n---\n"), "invalid metadata"),
        (lambda folder: (folder / "README.md").write_text("# A model\n"), "states no licence"),
    ],
)
def test_a_folder_that_is_not_complete(
    stub: HubStub, model: Path, change: Callable[[Path], object], told: str
) -> None:
    change(model)
    with pytest.raises((OSError, ValueError), match=told) as raised:
        hub.push(model, "me/model")
    assert "\n" not in str(raised.value)
    assert stub.requests == []


def test_names_that_are_none(stub: HubStub, model: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'a/b/c' is no hub id"):
        hub.push(model, "a/b/c")
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        hub.push(tmp_path / "missing", "me/model")
