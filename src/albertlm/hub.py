"""From a name to a folder: a local folder stays, a model of the Hugging Face hub is fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

SHIPPED = Path(__file__).parent / "assets"
"""The small pretrained model that comes with the package."""

Part = Literal["all", "config", "model", "tokenizer"]

_CONFIG = ("config.json",)
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors", "model.safetensors.index.json")
_OLD_WEIGHTS = ("pytorch_model.bin", "pytorch_model-*-of-*.bin", "pytorch_model.bin.index.json")
_TOKENIZER = ("spiece.model", "tokenizer*.json", "special_tokens_map.json")
_FILES: dict[Part, tuple[str, ...]] = {
    "all": _CONFIG + _WEIGHTS + _TOKENIZER,
    "config": _CONFIG,
    "model": _CONFIG + _WEIGHTS,
    "tokenizer": _TOKENIZER,
}


def resolve(
    name: str | Path,
    *,
    revision: str | None = None,
    cache_dir: str | Path | None = None,
    local_files_only: bool = False,
    token: str | None = None,
    part: Part = "all",
) -> Path:
    """The folder that holds a model, fetched from the hub when `name` is not a folder.

    Args:
        name: a folder (it exists, or starts with `.`, `/` or `~`) or a hub id such as
            `albert-large-v1` or `albert/albert-large-v1`, which are one model.
        revision: a branch, tag or commit of the hub's repository; `main` by default.
        cache_dir: the hub's cache; `HF_HUB_CACHE` by default.
        local_files_only: only look in the cache, never at the network.
        token: for private models; the one of `hf auth login` by default.
        part: which files are needed. `all`, `config` and `model` promise a `config.json`.

    Raises:
        OSError: there is no such folder or model, or the hub cannot be reached.
    """
    if _is_path(name):
        folder = _local(Path(name).expanduser())
    else:
        name = str(name)
        options = (revision, cache_dir, local_files_only, token)
        folder = _fetch(name, _FILES[part], *options)
        if part in ("all", "model") and not any(any(folder.glob(file)) for file in _WEIGHTS):
            folder = _fetch(name, _FILES[part] + _OLD_WEIGHTS, *options)
    if part != "tokenizer" and not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"{name} has no config.json, so it is no model; name a folder from save_pretrained"
        )
    return folder


def _is_path(name: str | Path) -> bool:
    if isinstance(name, Path) or name.startswith((".", "~")):
        return True
    return Path(name).is_absolute() or (name != "" and Path(name).exists())


def _local(folder: Path) -> Path:
    if folder.is_file():
        raise NotADirectoryError(f"{folder} is a file; name the folder that it lies in")
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
) -> Path:
    from huggingface_hub import constants, snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    cache = Path(cache_dir or constants.HF_HUB_CACHE).expanduser()
    offline = local_files_only or constants.HF_HUB_OFFLINE
    # the name that is cached comes first; of two, the one that was given
    for repository in sorted(_names(name), key=lambda each: not _is_cached(each, cache)):
        try:
            folder = snapshot_download(
                repository,
                revision=revision,
                cache_dir=cache,
                local_files_only=offline,
                token=token,
                allow_patterns=list(patterns),
            )
            return Path(folder)
        except LocalEntryNotFoundError as error:
            reason = _first_line(error.__cause__ or error)
        except Exception as error:  # the HTTP client's errors have no common base
            raise OSError(f"{name!r} {_problem(error, revision)}") from None
    if offline:
        raise FileNotFoundError(
            f"{name!r} is not, or not wholly, in the cache {cache}; "
            "fetch it once with the network allowed, or name a folder"
        )
    raise OSError(f"the hub cannot be reached for {name!r} ({reason}); connect, or name a folder")


def _names(name: str) -> tuple[str, ...]:
    """An id and its other form: the hub moved `albert-large-v1` to `albert/albert-large-v1`."""
    if name.startswith("albert/"):
        return name, name.removeprefix("albert/")
    return (name,) if "/" in name else (name, f"albert/{name}")


def _is_cached(repository: str, cache: Path) -> bool:
    return (cache / f"models--{repository.replace('/', '--')}" / "snapshots").is_dir()


def _problem(error: Exception, revision: str | None) -> str:
    """What went wrong at the hub and what to do about it; the most special kinds come first."""
    from huggingface_hub import errors

    match error:
        case errors.HFValidationError():
            return "is neither a folder nor a hub id; write it like 'albert/albert-large-v1'"
        case errors.GatedRepoError():
            return "must be asked for on its hub page; then log in with `hf auth login`"
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
