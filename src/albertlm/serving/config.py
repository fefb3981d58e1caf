"""What is served, and the limits."""

from __future__ import annotations

from dataclasses import dataclass

from albertlm.settings import check, check_at_least


@dataclass(frozen=True)
class ServingConfig:
    """What `albertlm serve` serves, and its limits.

    Fields:
        models: folders or hub ids, all that is ever served; the model that ships if none is given.
            `NAME=FOLDER` serves a folder under another name.
        engine: an engine, as in `pipeline`.
        dtype: a precision, as in `pipeline`.
        workers: the processes that compute each model.
        default_task: the task of requests that name none; by default the first that the model has.
        host: the address to listen at.
        port: the port to listen at; 0 takes a free one.
        token_file: a file with the bearer tokens that are accepted, one a line; all if None.
        cors: the origins whose pages may call the API.
        max_batch_tokens: the tokens that are computed at once.
        max_queue: the requests that wait or are computed, for each model; more are refused.
        max_inputs: the texts of a request.
        max_characters: the characters of all texts of a request.
        max_body: the bytes of a request.
        idle_unload: after how many seconds without a request a model is unloaded; never if None.
        log_texts: whether texts are logged.
    """

    models: tuple[str, ...] = ()
    engine: str = "auto"
    dtype: str = "auto"
    workers: int = 1
    default_task: str | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    token_file: str | None = None
    cors: tuple[str, ...] = ()
    max_batch_tokens: int = 16_384
    max_queue: int = 512
    max_inputs: int = 256
    max_characters: int = 1_000_000
    max_body: int = 4_000_000
    idle_unload: float | None = None
    log_texts: bool = False

    def __post_init__(self) -> None:
        for name in (
            "workers",
            "max_batch_tokens",
            "max_queue",
            "max_inputs",
            "max_characters",
            "max_body",
        ):
            check_at_least(1, **{name: getattr(self, name)})
        check(0 <= self.port <= 65_535, "from 0 to 65535", port=self.port)
        check(
            self.idle_unload is None or self.idle_unload > 0,
            "a positive number of seconds",
            idle_unload=self.idle_unload,
        )
