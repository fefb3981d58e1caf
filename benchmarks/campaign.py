"""Kill runs at random moments, fill disks, and start commands twice: nothing may be lost.

Each command (corpus build, tokens, pretrain) is killed at many random moments and started again
until it ends; the result must have the same bytes as without a kill. Some kills of pretraining hit
the writing of a checkpoint, which is slowed down for that. On a file system that is too small, a
command must end with exit code 2 and a message of one line, and with more room the same command
must continue to the same bytes. Two starts at once must not damage each other's files, and two
interrupts in quick succession must end a command at once.

`make campaign` runs this; it takes half an hour and needs the permission to mount a tmpfs.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import common

WORDS = ("the", "a", "river", "boat", "town", "harbour", "old", "young", "walked", "sold", "near")
PROGRAM = """
import sys, time
if sys.argv[1] == "slow":
    import torch
    save = torch.save
    def slowly(value, path):
        save(value, path)
        time.sleep(0.2)  # long enough to be hit, before the checkpoint is renamed
    torch.save = slowly
from albertlm.cli import main
main(sys.argv[2:])
"""
VOLATILE = ("metrics.jsonl", "tensorboard", "checkpoint-")
"""Files that tell times, and checkpoints, which the result does not consist of."""


@dataclass(frozen=True)
class Command:
    """One command and the folder that it writes."""

    name: str
    arguments: list[str]
    output: Path

    def start(self, *, slow: bool = False) -> subprocess.Popen[str]:
        speed = "slow" if slow else "plain"
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, speed, *self.arguments, "--output", str(self.output)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )

    def to(self, output: Path) -> Command:
        return Command(self.name, self.arguments, output)

    def result(self) -> str:
        """A checksum over the files of the output that must be the same."""
        whole = hashlib.sha256()
        for path in sorted(self.output.rglob("*")):
            name = str(path.relative_to(self.output))
            if path.is_file() and not any(part in name for part in VOLATILE):
                whole.update(name.encode() + b"\0" + path.read_bytes())
        return whole.hexdigest()

    def run(self) -> float:
        """Run to the end; returns the seconds."""
        started = time.perf_counter()
        process = self.start()
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"{self.name} failed: {said}")
        return time.perf_counter() - started


def documents(path: Path, count: int) -> Path:
    """Write documents of random words as JSON lines."""
    draw = random.Random(0)
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            sentences = (" ".join(draw.choices(WORDS, k=8)).capitalize() for _ in range(30))
            text = ". ".join(sentences) + "."
            file.write(json.dumps({"id": str(number), "text": text}) + "\n")
    return path


def commands(folder: Path) -> list[Command]:
    """The three commands, each on the finished output of the one before."""
    inputs = folder / "inputs"
    inputs.mkdir()
    for number in range(4):
        documents(inputs / f"{number}.jsonl", 400)
    corpus = Command(
        "corpus build",
        ["corpus", "build", str(inputs), "--min-characters", "20", "--any-language"],
        folder / "corpus",
    )
    corpus.run()
    vocab = ["vocab", str(corpus.output), "--size", "34"]
    Command("vocab", vocab, folder / "vocabulary").run()
    vocabulary = str(folder / "vocabulary")
    tokens = Command(
        "tokens", ["tokens", str(corpus.output), "--vocabulary", vocabulary], folder / "tokens"
    )
    tokens.run()
    pretrain = Command(
        "pretrain",
        [
            *("pretrain", "smoke", str(tokens.output), "--set", "phases.0.steps=40"),
            *("--save-every", "4", "--device", "cpu", "--no-bf16"),
        ],
        folder / "run",
    )
    pretrain.run()
    return [corpus, tokens, pretrain]


def killed(command: Command, kills: int, seconds: float, *, slow: bool = False) -> dict[str, int]:
    """Kill a command at random moments, each time started again; then let it end."""
    draw, hits = random.Random(command.name), Counter[str]()
    shutil.rmtree(command.output, ignore_errors=True)
    while hits["kills"] < kills:
        process = command.start(slow=slow)
        if slow:
            hits["in a checkpoint"] += _wait_for_partial(process, command.output, draw)
        else:
            time.sleep(draw.uniform(0, seconds))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        if process.returncode == -signal.SIGKILL:
            hits["kills"] += 1
        elif process.returncode == 0:  # it was done: begin anew
            shutil.rmtree(command.output)
        else:
            hits["failures"] += 1
    command.run()
    return dict(hits)


def _wait_for_partial(process: subprocess.Popen[str], folder: Path, draw: random.Random) -> bool:
    """Wait until a checkpoint is being written; False where the command ended before."""
    skipped = draw.randrange(3)
    seen = set[str]()
    while process.poll() is None:
        for path in folder.glob("*checkpoint-*.partial"):
            seen.add(path.name)
            if len(seen) > skipped:
                time.sleep(draw.uniform(0, 0.2))
                return process.poll() is None
        time.sleep(0.005)
    return False


@contextmanager
def disk(folder: Path, size: int) -> Iterator[Path]:
    """A file system of a number of bytes."""
    folder.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", folder], check=True)


def full_disks(command: Command, expected: str, folder: Path, steps: int) -> dict[str, int]:
    """Run a command on file systems of growing size, then with room for all."""
    needed = sum(path.stat().st_size for path in command.output.rglob("*") if path.is_file())
    found = Counter[str]()
    for step in range(1, steps + 1):
        with disk(folder / f"{command.name}-{step}", max(4096, step * needed // steps)) as place:
            there = command.to(place / "output")
            process = there.start()
            _, said = process.communicate()
            found["full"] += process.returncode != 0
            # notes, such as how many weights are fresh, may come before the error
            last = (said.splitlines() or [""])[-1]
            is_error = process.returncode == 2 and last.startswith("error: ")
            one_line = process.returncode == 0 or is_error
            found["said in one line"] += is_error
            found["failures"] += not one_line
            subprocess.run(["mount", "-o", f"remount,size={64 * needed}", place], check=True)
            there.run()
            found["same bytes with more room"] += there.result() == expected
    return dict(found)


def two_at_once(command: Command, expected: str, folder: Path) -> dict[str, int]:
    """Start a command twice at once; at least one must end well, and a third start too."""
    found = Counter[str]()
    for number in range(5):
        there = command.to(folder / f"{command.name}-twice-{number}")
        both = [there.start(), there.start()]
        for process in both:
            process.communicate()
        found["ended well"] += sum(process.returncode == 0 for process in both)
        there.run()
        found["same bytes in the end"] += there.result() == expected
    return dict(found)


def interrupted(command: Command, expected: str, folder: Path, seconds: float) -> dict[str, int]:
    """Interrupt a command twice in quick succession, as with Ctrl-C; then let it end."""
    draw, found = random.Random(command.name), Counter[str]()
    for number in range(10):
        there = command.to(folder / f"{command.name}-interrupted-{number}")
        process = there.start()
        time.sleep(draw.uniform(0, seconds))
        process.send_signal(signal.SIGINT)
        time.sleep(draw.uniform(0, 0.2))
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=5)
            found["ended within 5 seconds"] += 1
        process.kill()
        process.communicate()
        found["ended by a signal"] += process.returncode != 0
        there.run()
        found["same bytes in the end"] += there.result() == expected
    return dict(found)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50, help="of each command")
    parser.add_argument("--disks", type=int, default=20, help="sizes of file systems")
    options = parser.parse_args(arguments)
    measurements: dict[str, dict[str, dict[str, int]]] = {
        "kills": {}, "full disks": {}, "two starts at once": {}, "two interrupts": {}
    }  # fmt: skip
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for command in commands(folder):
            expected = command.result()
            seconds = command.to(folder / f"{command.name}-timed").run()
            there = command.to(folder / f"{command.name}-killed")
            kinds = [(command.name, options.kills, False)]
            if command.name == "pretrain":
                kinds += [("pretrain, in checkpoints", options.kills * 2 // 5, True)]
            for name, kills, slow in kinds:
                row = killed(there, kills, seconds, slow=slow)
                row["same bytes in the end"] = int(there.result() == expected)
                measurements["kills"][name] = row
                print(name, row, flush=True)
            row = full_disks(command, expected, folder, options.disks)
            measurements["full disks"][command.name] = row
            print(command.name, row, flush=True)
            row = two_at_once(command, expected, folder)
            measurements["two starts at once"][command.name] = row
            print(command.name, row, flush=True)
            row = interrupted(command, expected, folder, seconds)
            measurements["two interrupts"][command.name] = row
            print(command.name, row, flush=True)
    common.record("campaign", measurements, [])


if __name__ == "__main__":
    main()
