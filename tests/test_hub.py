"""Names to folders, against a small hub that answers over HTTP as the real one does."""

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import constants

from albertlm import hub

COMMIT = "0123456789012345678901234567890123456789"


class FakeHub(BaseHTTPRequestHandler):
    """Serves `models` by id; an id may be an error code of the hub instead of files."""

    models: dict[str, dict[str, bytes] | str]
    fetched: list[str]

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        path = self.path.partition("?")[0].lstrip("/")
        if path.startswith("api/models/"):
            name, _, action = path.removeprefix("api/models/").rpartition("/")
            name, _, action = name.rpartition("/")
            files = self.models.get(name, "RepoNotFound")
            if isinstance(files, str):
                self.answer(b"{}", 404 if files.endswith("NotFound") else 403, files)
            elif action == "revision":
                self.answer(json.dumps({"id": name, "sha": COMMIT, "siblings": []}).encode())
            else:
                self.answer(json.dumps([tree_entry(*file) for file in files.items()]).encode())
        elif path.startswith("api/"):
            self.answer(b"{}", 404)
        else:
            name, _, file = path.partition(f"/resolve/{COMMIT}/")
            if self.command == "GET":
                self.fetched.append(file)
            files = self.models[name]
            assert isinstance(files, dict)
            self.answer(files[file])

    def answer(self, content: bytes, status: int = 200, error: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        if error:
            self.send_header("X-Error-Code", error)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_):
        pass


def tree_entry(path: str, content: bytes) -> dict[str, object]:
    digest = hashlib.sha1(content).hexdigest()
    return {"type": "file", "path": path, "size": len(content), "oid": digest}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def fake_hub(cache, monkeypatch):
    FakeHub.models, FakeHub.fetched = {}, []
    with ThreadingHTTPServer(("127.0.0.1", 0), FakeHub) as server:
        endpoint = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(constants, "ENDPOINT", endpoint)
        monkeypatch.setattr(
            constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            endpoint + "/{repo_id}/resolve/{revision}/{filename}",
        )
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield FakeHub
        server.shutdown()


@pytest.fixture
def no_network(cache, monkeypatch):
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nobody listens there
    return cache


def fill_cache(cache: Path, name: str, *files: str) -> Path:
    """What a download of earlier days leaves in the cache."""
    repository = cache / f"models--{name.replace('/', '--')}"
    snapshot = repository / "snapshots" / COMMIT
    snapshot.mkdir(parents=True)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    for file in files:
        (snapshot / file).write_text("{}")
    return snapshot


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_folder_stays(tmp_path, monkeypatch):
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    assert hub.resolve(tmp_path / "model") == tmp_path / "model"
    assert hub.resolve(str(tmp_path / "model")) == tmp_path / "model"
    monkeypatch.chdir(tmp_path)
    assert hub.resolve("./model").samefile(tmp_path / "model")
    assert hub.resolve("model").samefile(tmp_path / "model")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert hub.resolve("~/model") == tmp_path / "model"


def test_a_folder_within_that_of_a_model(fake_hub, cache, tmp_path):
    fake_hub.models["me/many"] = {
        "config.json": b"{}",
        "small/config.json": b"{}",
        "small/pytorch_model.bin": b"weights",
        "small/spiece.model": b"pieces",
        "large/config.json": b"{}",
    }
    folder = hub.resolve("me/many", subfolder="small")
    assert names_in(folder) == ["config.json", "pytorch_model.bin", "spiece.model"]
    assert names_in(folder.parent) == ["small"]
    assert hub.resolve(folder.parent, subfolder="small") == folder
    with pytest.raises(FileNotFoundError, match=r"me/many/tiny has no config.json, so it is not"):
        hub.resolve("me/many", subfolder="tiny")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*/absent; check the path"):
        hub.resolve(tmp_path, subfolder="absent")


def test_a_folder_without_config_is_refused_unless_the_tokenizer_is_wanted(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no config.json, so it is not a model; name"):
        hub.resolve(tmp_path)
    assert hub.resolve(tmp_path, part="tokenizer") == tmp_path


@pytest.mark.parametrize("name", ["./absent", "../absent", "/absent/folder", "~/absent"])
def test_what_looks_like_a_path_is_never_asked_of_the_hub(name, fake_hub):
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*absent.*; check the path"):
        hub.resolve(name)


def test_a_file_is_refused(tmp_path):
    (tmp_path / "spiece.model").touch()
    with pytest.raises(NotADirectoryError, match=r"is a file; name the folder that contains it"):
        hub.resolve(tmp_path / "spiece.model")


def test_only_what_is_needed_is_fetched(fake_hub, cache):
    fake_hub.models["me/small"] = {
        "config.json": b"{}",
        "model.safetensors": b"weights",
        "pytorch_model.bin": b"weights again",
        "tf_model.h5": b"and again",
        "spiece.model": b"pieces",
        "tokenizer.json": b"{}",
        "README.md": b"card",
    }
    folder = hub.resolve("me/small", part="config")
    assert sorted(fake_hub.fetched) == ["config.json"]
    assert hub.resolve("me/small") == folder
    expected = ["config.json", "model.safetensors", "spiece.model", "tokenizer.json"]
    assert names_in(folder) == expected
    assert folder.is_relative_to(cache)


def test_all_files_of_a_tokenizer_are_fetched(fake_hub):
    names = [
        "added_tokens.json",
        "config.json",
        "special_tokens_map.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    fake_hub.models["me/words"] = dict.fromkeys(names, b"{}") | {"model.safetensors": b"weights"}
    assert names_in(hub.resolve("me/words", part="tokenizer")) == names
    assert names_in(hub.resolve("me/words")) == sorted([*names, "model.safetensors"])


def test_the_old_weights_are_fetched_where_there_are_no_others(fake_hub):
    fake_hub.models["me/old"] = {"config.json": b"{}", "pytorch_model.bin": b"weights"}
    assert names_in(hub.resolve("me/old")) == ["config.json", "pytorch_model.bin"]


def test_the_cache_may_lie_elsewhere(fake_hub, tmp_path):
    fake_hub.models["me/small"] = {"config.json": b"{}", "model.safetensors": b""}
    folder = hub.resolve("me/small", cache_dir=tmp_path / "elsewhere")
    assert folder.is_relative_to(tmp_path / "elsewhere")


@pytest.mark.parametrize("cached", ["albert-large-v1", "albert/albert-large-v1"])
@pytest.mark.parametrize("asked", ["albert-large-v1", "albert/albert-large-v1"])
@pytest.mark.parametrize("how", ["argument", "environment", "unreachable"])
def test_without_a_network_the_cache_is_read_under_both_names(
    cached, asked, how, monkeypatch, no_network
):
    snapshot = fill_cache(no_network, cached, "config.json", "model.safetensors")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", how == "environment")
    assert hub.resolve(asked, local_files_only=how == "argument") == snapshot


def test_an_id_that_is_not_on_the_hub(fake_hub):
    with pytest.raises(OSError, match=r"^'me/absent' is not on the hub; check the id, or log in"):
        hub.resolve("me/absent")


def test_a_gated_model(fake_hub):
    fake_hub.models["me/gated"] = "GatedRepo"
    with pytest.raises(
        OSError, match=r"^'me/gated' is gated; request access on its hub page, then log in"
    ):
        hub.resolve("me/gated")


def test_a_revision_that_is_not_there(fake_hub):
    fake_hub.models["me/small"] = "RevisionNotFound"
    with pytest.raises(
        OSError, match=r"^'me/small' has no revision 'v9' on the hub; name a branch"
    ):
        hub.resolve("me/small", revision="v9")


@pytest.mark.parametrize("name", ["", "two words", "a/b/c"])
def test_a_name_that_can_be_nothing(name, cache):
    with pytest.raises(OSError, match=r"is neither a folder nor a hub id; write it like"):
        hub.resolve(name)


def test_an_empty_cache_and_no_network_allowed(cache):
    with pytest.raises(
        FileNotFoundError, match=r"is missing or incomplete in the cache .*cache; fetc"
    ):
        hub.resolve("albert-large-v1", local_files_only=True)


def test_a_hub_that_cannot_be_reached_is_an_error_and_not_the_shipped_model(no_network):
    with pytest.raises(OSError, match=r"cannot be reached for 'albert-large-v1' \(.+\); connect"):
        hub.resolve("albert-large-v1")


def test_every_message_is_one_line(no_network, fake_hub):
    fake_hub.models |= {"me/gated": "GatedRepo", "me/failing": "SomethingElse"}
    for name in ("me/absent", "me/gated", "me/failing", "a/b/c", "./absent"):
        with pytest.raises(OSError) as error:  # noqa: PT011
            hub.resolve(name)
        assert "\n" not in str(error.value)
        assert error.value.__cause__ is None
