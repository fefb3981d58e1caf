"""What is served, and the limits."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from albertlm.settings import check, check_at_least, option


@dataclass(frozen=True)
class ServingConfig:
    """What `albertlm serve` serves, and its limits.

    Fields:
        models: folders or hub ids, all that is ever served; the model that ships if none is given.
            `NAME=FOLDER` serves a folder under another name.

    The others are options of the command, where they are explained.
    """

    models: tuple[str, ...] = ()
    engine: str = option("auto", "What computes; by default the fastest that was measured.")
    dtype: str = option("auto", "Type of numbers, such as bfloat16; never int8 by default.")
    workers: int = option(1, "Processes that compute each model.", least=1)
    default_task: str | None = option(None, "The task of requests that name none.")
    host: str = option("127.0.0.1", "The address to listen at.")
    port: int = option(8080, "The port to listen at; 0 takes a free one.", least=0)
    token_file: str | None = option(None, "A file of the bearer tokens to accept, one a line.")
    cors: tuple[str, ...] = option((), "An origin whose pages may call the API; may be repeated.")
    max_batch_tokens: int = option(4096, "Tokens that are computed at once.", least=1)
    max_queue: int = option(512, "Requests for a model that wait or are computed.", least=1)
    max_inputs: int = option(256, "Texts of a request.", least=1)
    max_characters: int = option(1_000_000, "Characters of all texts of a request.", least=1)
    max_body: int = option(4_000_000, "Bytes of a request.", least=1)
    idle_unload: float | None = option(
        None, "Unload a model after so many seconds without a request; never by default."
    )
    log_texts: bool = option(False, "Write the texts of requests to the log, too.")

    def __post_init__(self) -> None:
        for each in dataclasses.fields(self):
            least = each.metadata.get("least")
            if least is not None:
                check_at_least(least, **{each.name: getattr(self, each.name)})
        check(self.port <= 65_535, "from 0 to 65535", port=self.port)
        check(
            self.idle_unload is None or self.idle_unload > 0,
            "a positive number of seconds",
            idle_unload=self.idle_unload,
        )
