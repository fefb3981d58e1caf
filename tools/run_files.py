"""The files of a run on another machine: few enough to be brought back, whenever it was cut off.

    python tools/run_files.py BACK RUN

makes the folder of a run again from files that were brought back, for `tools/ship_model.py`.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from albertlm import storage
from albertlm.checkpoints.huggingface import SAFETENSORS
from albertlm.training.metrics import METRICS
from albertlm.training.snapshots import CLOCK, CONFIG, PLAN

WEIGHTS_BYTES, FOLDER_BYTES = 16_000_000, 18_000_000
"""The weights and the whole folder of the model that ships, at most."""

FILES, FILE_BYTES = 8, 16 << 20
"""The number of files that can be brought back, and the size of each, at most."""

LOGS, MACHINE = "run.tar", "machine.json"
LOGGED = (CONFIG, MACHINE, METRICS, PLAN, CLOCK, "coverage.json")
FINAL, RECENT = ("model", "model-average"), ("model-recent-1", "model-recent-2")
SUFFIX = ".safetensors"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("back", type=Path)
    parser.add_argument("run", type=Path)
    options = parser.parse_args(arguments)
    try:
        models = restore(options.back, options.run)
    except (OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    print(f"{options.run}: {', '.join(path.name for path in models)}")


def check_size(model: Path, *, reserve: int = 0) -> None:
    """Check the size of a model's folder, and that of its weights.

    Args:
        model: the folder, with weights in half precision.
        reserve: the number of bytes of files that are not there yet.

    Raises:
        ValueError: the folder or its weights are larger than what may ship.
    """
    weights = (model / SAFETENSORS).stat().st_size
    whole = reserve + sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
    for name, size, limit in (
        ("the weights", weights, WEIGHTS_BYTES),
        ("the model's folder", whole, FOLDER_BYTES),
    ):
        if size > limit:
            raise ValueError(f"{name} would have {size:,} bytes, and {limit:,} may ship")


class Back:
    """The folder that is brought back from a run: its logs as `run.tar`, and weights beside it.

    Args:
        run: the folder of the run.
        folder: the folder that is brought back.
    """

    def __init__(self, run: Path, folder: Path) -> None:
        self.run, self.folder = run, folder
        self._copied: dict[str, int] = {}
        folder.mkdir(parents=True, exist_ok=True)

    def update(self) -> None:
        """Copy the weights that the run has exported since the last call, and the logs."""
        new = {name: time for name, time in self._exports() if self._copied.get(name) != time}
        for name in new:
            self._copy(self.run / name, name)
        if new or not (self.folder / LOGS).exists():
            self._write_logs()
        self._copied |= new

    def finish(self, models: Path) -> None:
        """Replace the recent weights by those of the models in a folder."""
        for name in FINAL:
            if (models / name).is_dir():
                self._copy(models / name, name)
        self._write_logs(models / FINAL[0])
        for name in RECENT:
            (self.folder / f"{name}{SUFFIX}").unlink(missing_ok=True)

    def _exports(self) -> Iterator[tuple[str, int]]:
        """Yield the name and the time of each recent export of the run."""
        for name in RECENT:
            try:
                yield name, (self.run / name / SAFETENSORS).stat().st_mtime_ns
            except FileNotFoundError:  # not written yet
                continue

    def _copy(self, model: Path, name: str) -> None:
        place = self.folder / f"{name}{SUFFIX}"
        with storage.atomic_path(place) as temporary:
            shutil.copyfile(model / SAFETENSORS, temporary)

    def _write_logs(self, model: Path | None = None) -> None:
        """Pack the logs and, from a model's folder, all that is not its weights."""
        exported = (self.run / name for name in RECENT if (self.run / name).is_dir())
        model = model or next(exported, None)
        with (
            storage.atomic_path(self.folder / LOGS) as temporary,
            tarfile.open(temporary, "w") as archive,
        ):
            for name in LOGGED:
                if (self.run / name).is_file():
                    archive.add(self.run / name, name)
            for path in sorted(model.iterdir()) if model else ():
                if path.name != SAFETENSORS:
                    archive.add(path, f"{FINAL[0]}/{path.name}")


def restore(back: Path, run: Path) -> list[Path]:
    """Make the folder of a run again from the files that were brought back.

    Args:
        back: the files, as `Back` left them at any moment.
        run: the folder, which must not exist. It gets a model for each file of weights.

    Returns:
        The folders of the models.

    Raises:
        OSError: the logs are missing, or the folder exists.
        ValueError: there are no weights, or a file is incomplete.
    """
    weights = sorted(back.glob(f"*{SUFFIX}"))
    if not weights:
        raise ValueError(f"{back} holds no weights; the run ended before its first export")
    if run.exists():
        raise FileExistsError(f"{run} exists; name another folder")
    with storage.replaced_folder(run) as temporary:
        try:
            with tarfile.open(back / LOGS, "r:") as archive:
                archive.extractall(temporary, filter="data")
        except tarfile.TarError as error:
            raise ValueError(f"{back / LOGS} is incomplete ({error}); bring it again") from None
        other = (temporary / FINAL[0]).rename(temporary / ".model")
        for path in weights:
            model = temporary / path.stem
            shutil.copytree(other, model)
            shutil.copy2(path, model / SAFETENSORS)
        shutil.rmtree(other)
    return [run / path.stem for path in weights]


def files_brought_back(folder: Path) -> list[str]:
    """The files in a folder, with their sizes.

    Raises:
        ValueError: they are too many or too large to be brought back.
    """
    sizes = {path.name: path.stat().st_size for path in sorted(folder.iterdir())}
    large = [name for name, size in sizes.items() if size > FILE_BYTES]
    if len(sizes) > FILES or large:
        raise ValueError(
            f"{folder} holds {len(sizes)} files, of which {len(large)} have more than "
            f"{FILE_BYTES:,} bytes; {FILES} smaller ones can be brought back"
        )
    return [f"{name}: {size:,} bytes" for name, size in sizes.items()]


if __name__ == "__main__":
    main()
