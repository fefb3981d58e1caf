"""SentencePiece's training in a process of its own, since it cannot be interrupted otherwise."""

from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

import sentencepiece

_REFUSED = 3
"""The exit code of the process if SentencePiece raises an error, whose text it writes."""


def train(sentences: Iterable[str], **options: Any) -> bytes:
    """Train a vocabulary, and end its process at once if this one is interrupted or ends.

    Args:
        sentences: without line breaks.
        **options: of `SentencePieceTrainer`, as JSON values.

    Returns:
        The content of the `.model` file.

    Raises:
        RuntimeError: SentencePiece refuses the options or the sentences.
        OSError: the process was killed.
    """
    command = [sys.executable, "-m", __name__, json.dumps(options)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(  # noqa: S603 - this module
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment
    ) as process:
        assert process.stdin  # noqa: S101
        assert process.stdout  # noqa: S101
        try:
            with suppress(BrokenPipeError):  # it refuses the options before it reads
                for sentence in sentences:
                    process.stdin.write(f"{sentence}\n".encode())
                process.stdin.write(b"\n")
                process.stdin.flush()
            answer = process.stdout.read()
            process.wait()
        except BaseException:
            process.kill()
            raise
        finally:
            with suppress(BrokenPipeError):
                process.stdin.close()
    if process.returncode == _REFUSED:
        raise RuntimeError(answer.decode())
    if process.returncode:
        raise OSError(
            "the training of the vocabulary was killed, perhaps for its memory; give fewer "
            "sentences (--sample)"
        )
    return answer


def _main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # left to the process that started this one
    model = io.BytesIO()
    try:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=_sentences(sys.stdin.buffer),
            model_writer=model,
            **json.loads(sys.argv[1]),
        )
    except (OSError, RuntimeError) as error:
        sys.stdout.buffer.write(str(error).encode())
        sys.stdout.flush()
        sys.exit(_REFUSED)
    sys.stdout.buffer.write(model.getvalue())


def _sentences(given: BinaryIO) -> Iterator[str]:
    """Yield the lines up to an empty one, and end this process when the other end is closed."""
    while (line := given.readline()) not in (b"", b"\n"):
        yield line[:-1].decode()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    os.read(sys.stdin.fileno(), 1)  # returns when the other end is closed
    os._exit(1)


if __name__ == "__main__":
    _main()
