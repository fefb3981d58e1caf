"""Why a request is not answered, in no protocol's form."""

from __future__ import annotations

from typing import ClassVar


class ServingError(Exception):
    """A request that is not answered; the message says what was given and what to do.

    Class attributes:
        status: the status of HTTP.
        kind: a word for the cause, as protocols and metrics give it.

    Fields:
        retry_after: after how many seconds the same request may succeed, or None.
    """

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "internal"

    def __init__(self, message: str, *, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class InvalidRequest(ServingError):  # noqa: N818 - named as what is wrong, like those of HTTP
    """A field, an option or a text that the task does not take."""

    status = 422
    kind = "validation"


class Unauthorized(ServingError):  # noqa: N818
    """A bearer token is missing or not accepted."""

    status = 401
    kind = "unauthorized"


class UnknownModel(ServingError):  # noqa: N818
    """A model that is not served."""

    status = 404
    kind = "model_not_found"


class UnsupportedTask(ServingError):  # noqa: N818
    """A task that the model does not have."""

    status = 400
    kind = "unsupported_task"


class TooSlow(ServingError):  # noqa: N818
    """The body of a request did not arrive in time."""

    status = 408
    kind = "timeout"


class TooLarge(ServingError):  # noqa: N818
    """More bytes, texts or characters than the limits allow."""

    status = 413
    kind = "too_large"


class Overloaded(ServingError):  # noqa: N818
    """The queue is full."""

    status = 429
    kind = "overloaded"


class Unavailable(ServingError):  # noqa: N818
    """The model is loading, its worker died, or the server is stopping."""

    status = 503
    kind = "unavailable"
