"""Find the folder of a model by name, locally or on the Hugging Face hub, and upload one there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from huggingface_hub import HfApi

SHIPPED = Path(__file__).parent / "assets"
"""The folder of the small pretrained model that ships with the package."""

FolderPart = Literal["all", "config", "model", "tokenizer"]

OPTIONS = ("revision", "cache_dir", "local_files_only", "token", "subfolder")
"""The options of `resolve` that select the version of a model and how it is fetched."""

_CONFIG = ("config.json",)
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
_OLD_WEIGHTS = ("pytorch_model.bin", "pytorch_model-*-of-*.bin", "pytorch_model.bin.index.json")
_TOKENIZER = (
    "spiece.model",
    "vocab.txt",
    "tokenizer*.json",
    "added_tokens.json",
    "special_tokens_map.json",
)
_UPLOADED = (
    *_CONFIG,
    *_WEIGHTS,
    *_TOKENIZER,
    *("tf_model.h5", "generation_config.json"),
    *("README.md", "card.json", "card.toml", "*.png", "LICENSE*"),
)
_FILES: dict[FolderPart, tuple[str, ...]] = {
    "all": _CONFIG + _WEIGHTS + _TOKENIZER,
    "config": _CONFIG,
    "model": _CONFIG + _WEIGHTS,
    "tokenizer": _CONFIG + _TOKENIZER,
}


def resolve(
    name: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | None = None,
    subfolder: str = "",
    part: FolderPart = "all",
) -> Path:
    """The folder of a model, fetched from the hub if `name` is not a folder.

    Args:
        name: a folder (which exists, or starts with `.`, `/` or `~`) or a hub id such as
            `albert-large-v1` or `albert/albert-large-v1`, which are the same model.
        revision: a branch, tag or commit of the hub's repository; `main` by default.
        cache_dir: the folder of the hub's cache; `HF_HUB_CACHE` by default.
        local_files_only: use only the cache, never the network.
        token: an access token for private models; that of `hf auth login` by default.
        subfolder: the folder of the model within that of `name`.
        part: the files to fetch; all parts except `tokenizer` require a `config.json`.

    Raises:
        OSError: the folder or model does not exist, or the hub cannot be reached.
    """
    if is_path(name):
        folder = _local(Path(name).expanduser() / subfolder)
    else:
        options = (revision, cache_dir, local_files_only, token, subfolder)
        folder = _fetch(str(name), _FILES[part], *options)
        if part in ("all", "model") and not any(any(folder.glob(file)) for file in _WEIGHTS):
            folder = _fetch(str(name), _FILES[part] + _OLD_WEIGHTS, *options)
    if part != "tokenizer":
        config_file(folder, str(Path(name) / subfolder))
    return folder


def is_path(name: str | Path) -> bool:
    """Whether a name is that of a folder, which need not exist, rather than a hub id."""
    if isinstance(name, Path) or name.startswith((".", "~")):
        return True
    return Path(name).is_absolute() or (name != "" and Path(name).exists())


def config_file(folder: Path, name: str | None = None) -> Path:
    """The configuration in a model's folder, of the hub or of Google.

    Args:
        folder: of a model, such as that of a checkpoint of TensorFlow or of a TF-Hub module.
        name: of the model, for messages; the folder by default.

    Raises:
        FileNotFoundError: there is none.
    """
    for file in ("config.json", "albert_config.json", "assets/albert_config.json"):
        if (folder / file).is_file():
            return folder / file
    raise FileNotFoundError(
        f"{name or folder} has no config.json, so it is not a model; "
        "name a folder from save_pretrained"
    )


def uploaded_files(folder: Path) -> dict[str, int]:
    """The files of a model's folder that belong on the hub, with their sizes in bytes.

    These are the configuration, the weights, the tokenizer, and the card with its pictures.

    Raises:
        OSError: the folder does not exist, or has no configuration, no weights or no card.
    """
    config_file(_local(folder), str(folder))
    found = {path for pattern in _UPLOADED for path in folder.glob(pattern) if path.is_file()}
    names = {path.name: path.stat().st_size for path in sorted(found)}
    if not any(name.endswith((".safetensors", ".h5")) for name in names):
        raise FileNotFoundError(f"{folder} has no model.safetensors; name a folder with weights")
    if "README.md" not in names:
        raise FileNotFoundError(f"{folder} has no README.md; write one with `albertlm card`")
    return names


def check_upload(folder: Path, repository: str) -> dict[str, int]:
    """The files that `push` uploads, after all checks that need no network.

    Returns:
        The sizes in bytes by the names of the files.

    Raises:
        OSError: a file is missing.
        ValueError: the metadata of the card is invalid, or `repository` is no id.
    """
    from huggingface_hub.utils import validate_repo_id  # type: ignore[attr-defined]

    with _refusals(repository):
        validate_repo_id(repository)
    files = uploaded_files(folder)
    _read_card(folder / "README.md")
    return files


def push(
    folder: Path,
    repository: str,
    *,
    revision: str | None = None,
    public: bool = False,
    token: str | None = None,
    message: str = "Upload with albertlm",
) -> str:
    """Upload the files of a model's folder that belong on the hub.

    The metadata of its card is validated before anything is created. The repository is created if
    it is missing. If a call is interrupted, the same call goes on: what has arrived is not sent
    again.

    Args:
        folder: of the model.
        repository: the hub's id, such as `name/model`.
        revision: the branch, created if it is missing; `main` by default.
        public: whether anybody may see the repository; a new one is private by default, and a
            public one is refused.
        token: an access token that may write; that of `hf auth login` by default.
        message: the first line of the commit.

    Returns:
        The address of the commit.

    Raises:
        OSError: a file is missing, the hub cannot be reached, or refuses.
        ValueError: the metadata of the card is invalid, or `repository` is no id.
    """
    from huggingface_hub import HfApi

    names = check_upload(folder, repository)
    card = _read_card(folder / "README.md")
    api = HfApi(token=token)
    with _refusals(repository):
        try:
            card.validate("model")
        except ValueError as error:
            raise ValueError(
                f"the hub refuses the metadata of {folder}/README.md: {_joined(error)}"
            ) from None
        api.create_repo(repository, private=not public, exist_ok=True)
        _check_visibility(api, repository, public=public)
        if revision is not None:
            api.create_branch(repository, branch=revision, exist_ok=True)
        done = api.upload_folder(
            repo_id=repository,
            folder_path=folder,
            allow_patterns=list(names),
            revision=revision,
            commit_message=message,
        )
    return str(done.commit_url)


def _read_card(path: Path) -> Any:
    """A card of the hub, whose metadata is YAML and states a licence."""
    from huggingface_hub import ModelCard

    try:
        card = ModelCard.load(path)
    except Exception as error:  # of the YAML parser, or a ValueError
        raise ValueError(f"{path} has invalid metadata ({_joined(error)}); correct it") from None
    if not card.data.license:
        raise ValueError(f"{path} states no licence; write one with `albertlm card`")
    return card


def _check_visibility(api: HfApi, repository: str, *, public: bool) -> None:
    if not public and api.model_info(repository).private is False:
        raise PermissionError(
            f"{repository} is public, and so would be the files; allow it with --public, or name "
            "another repository"
        )


@contextmanager
def _refusals(repository: str) -> Iterator[None]:
    """Turn what the hub refuses into an error of one line that says what to do."""
    from huggingface_hub import errors

    try:
        yield
    except errors.HFValidationError:
        raise ValueError(f"{repository!r} is no hub id; write it like 'name/model'") from None
    except errors.HfHubHTTPError as error:
        raise OSError(_refused(repository, error)) from None
    except (ValueError, PermissionError):
        raise
    except Exception as error:  # the HTTP client's errors have no common base
        raise OSError(_refused(repository, error)) from None


def _refused(repository: str, error: Exception) -> str:
    response = getattr(error, "response", None)
    match getattr(response, "status_code", None):
        case 401:
            return "the hub does not know you; log in with `hf auth login`, or set HF_TOKEN"
        case 403:
            return (
                f"you may not write to {repository!r}; use a token with write access, or name a "
                "repository of yours"
            )
        case 409 | 412:
            return (
                f"{repository!r} was changed by somebody else at the same time; run the same "
                "command again, which sends only what is missing"
            )
        case None:
            return f"the hub cannot be reached for {repository!r} ({_joined(error)}); run it again"
        case _:
            return (
                f"{repository!r} could not be uploaded ({_joined(error)}); run the same command "
                "again, which sends only what is missing"
            )


def _joined(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _local(folder: Path) -> Path:
    if folder.is_file():
        raise NotADirectoryError(f"{folder} is a file; name the folder that contains it")
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}; check the path")
    return folder


def _fetch(  # noqa: PLR0917
    name: str,
    patterns: tuple[str, ...],
    revision: str | None,
    cache_dir: str | Path | None,
    local_files_only: bool,
    token: str | None,
    subfolder: str,
) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    cache = Path(cache_dir or constants.HF_HUB_CACHE).expanduser()
    offline = local_files_only or constants.HF_HUB_OFFLINE
    # try a cached name first; if both are cached, the one that was given
    for repository in sorted(_names(name), key=lambda each: not _is_cached(each, cache)):
        try:
            folder = snapshot_download(
                repository,
                revision=revision,
                cache_dir=cache,
                local_files_only=offline,
                token=token,
                allow_patterns=[str(PurePosixPath(subfolder, each)) for each in patterns],
            )
            return Path(folder, subfolder)
        except LocalEntryNotFoundError as error:
            reason = _first_line(error.__cause__ or error)
        except Exception as error:  # the HTTP client's errors have no common base
            raise OSError(f"{name!r} {_problem(error, revision)}") from None
    if offline:
        raise FileNotFoundError(
            f"{name!r} is missing or incomplete in the cache {cache}; "
            "fetch it once with the network allowed, or name a folder"
        )
    raise OSError(f"the hub cannot be reached for {name!r} ({reason}); connect, or name a folder")


def _names(name: str) -> tuple[str, ...]:
    """Both forms of an id; the hub has moved `albert-large-v1` to `albert/albert-large-v1`."""
    if name.startswith("albert/"):
        return name, name.removeprefix("albert/")
    return (name,) if "/" in name else (name, f"albert/{name}")


def _is_cached(repository: str, cache: Path) -> bool:
    return (cache / f"models--{repository.replace('/', '--')}" / "snapshots").is_dir()


def _problem(error: Exception, revision: str | None) -> str:
    """What went wrong on the hub, and what to do about it."""
    from huggingface_hub import errors

    match error:
        case errors.HFValidationError():
            return "is neither a folder nor a hub id; write it like 'albert/albert-large-v1'"
        case errors.GatedRepoError():
            return "is gated; request access on its hub page, then log in with `hf auth login`"
        case errors.RepositoryNotFoundError():
            return (
                "is not on the hub; check the id, or log in with `hf auth login` if it is private"
            )
        case errors.RevisionNotFoundError():
            return f"has no revision {revision!r} on the hub; name a branch, tag or commit of it"
        case _:
            return f"could not be fetched from the hub ({_first_line(error)}); try again"


def _first_line(error: BaseException) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
