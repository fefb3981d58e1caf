"""Shared by all protocols: strict JSON, texts, errors, and how vectors are made.

D dimensions of a vector.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, ValidationError
from pydantic_core import core_schema, from_json

from albertlm.serving.calls import Caller, prompted
from albertlm.serving.errors import InvalidRequest
from albertlm.serving.service import ModelInfo, Timings

Vector = npt.NDArray[np.float32]

_Item = TypeVar("_Item")


class _FirstProblem:
    """Makes the validation of a list end with the first wrong item."""

    def __get_pydantic_core_schema__(
        self, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        schema: Any = handler(source)
        schema["fail_fast"] = True
        return schema  # type: ignore[no-any-return]


Many = Annotated[list[_Item], _FirstProblem()]
"""A list, of which only the first wrong item is reported."""

TextList = Many[str]


class Refused(NamedTuple):
    """A request that was not answered: the status, a word for the cause, and what to do."""

    status: int
    kind: str
    message: str


class ErrorForm(NamedTuple):
    """The form of a protocol's errors.

    Fields:
        paths: a pattern of the protocol's paths.
        body: makes the JSON of an error.
        schema: the schema of that.
    """

    paths: str
    body: Callable[[Refused], dict[str, Any]]
    schema: type[BaseModel]

    def covers(self, path: str) -> bool:
        """Whether a path belongs to the protocol; paths may have line breaks."""
        return re.fullmatch(self.paths, path, re.DOTALL) is not None

    def responses(self) -> dict[int | str, dict[str, Any]]:
        """What OpenAPI says of the errors of each route."""
        return {
            status: {"model": self.schema, "description": told} for status, told in _ERRORS.items()
        }


_ERRORS = {
    400: "The model does not have the task.",
    401: "The bearer token is missing or not accepted.",
    404: "The model is not served.",
    408: "The body did not arrive in time.",
    413: "There are more bytes, texts or characters than the limits allow.",
    422: "The request is no JSON, or not of this form.",
    429: "The queue is full; try again after `Retry-After` seconds.",
    500: "The server has an error.",
    503: "The model is loading, or the server is stopping; try again after `Retry-After` seconds.",
}


class Strict(BaseModel):
    """A schema that converts nothing and has no other fields."""

    model_config = ConfigDict(strict=True, extra="forbid")


class Lenient(BaseModel):
    """A schema that converts nothing, and ignores other fields as the real service does."""

    model_config = ConfigDict(strict=True, extra="ignore")


_Schema = TypeVar("_Schema", bound=BaseModel)


def validated(schema: type[_Schema], body: dict[str, Any], field: str | None = None) -> _Schema:
    """Read a value by a schema that is known only when the rest of the body was read.

    Args:
        schema: the schema.
        body: the body of a request.
        field: the field of the body that has the schema, or None for the body itself.

    Raises:
        RequestValidationError: the value has another form.
    """
    try:
        return schema.model_validate(body if field is None else body[field])
    except ValidationError as error:
        place = ("body",) if field is None else ("body", field)
        wrong = [{**each, "loc": (*place, *each["loc"])} for each in error.errors()]
        raise RequestValidationError(wrong, body=body) from None


class _StrictRequest(Request):
    async def json(self) -> Any:
        """The value of the body.

        Raises:
            JSONDecodeError: it is no JSON, has NaN or infinity, is nested more than 200 times, or
                has more than 1,000 fields.
        """
        try:
            value = from_json(await self.body(), allow_inf_nan=False)
            if isinstance(value, dict) and len(value) > 1000:
                raise ValueError(f"there are {len(value):,} fields")
        except ValueError as error:
            raise json.JSONDecodeError(str(error), "", 0) from None
        return value


class StrictRoute(APIRoute):
    """A route whose bodies are strict JSON."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_strictly(request: Request) -> Response:
            return await handle(_StrictRequest(request.scope, request.receive))

        return handle_strictly


async def _caller(request: Request) -> Caller:
    return Caller(request, request.app.state.service, request.app.state.config)


Call = Annotated[Caller, Depends(_caller)]
"""A parameter of routes: what calls models for the request."""


class VectorOptions(NamedTuple):
    """How vectors are made of texts; their pooling is the mean of the tokens'.

    Fields:
        truncate: whether texts that are too long are truncated, which are refused otherwise.
        normalize: whether vectors are scaled to length 1.
        prompt_name: the prompt that is put before the texts.
        dimensions: how many of the first dimensions are kept; all if None.
    """

    truncate: bool = False
    normalize: bool = True
    prompt_name: str | None = None
    dimensions: int | None = None


async def embed(
    call: Caller, model: ModelInfo, texts: list[str], options: VectorOptions
) -> tuple[list[Vector], Timings]:
    """Compute a vector (D,) for each text.

    Raises:
        InvalidRequest: the model has no such prompt, or fewer dimensions.
    """
    answer = await call(
        model,
        "feature-extraction",
        prompted(model, options.prompt_name, texts),
        {
            "pooling": "mean",
            "truncation": options.truncate,
            "normalize": options.normalize and options.dimensions is None,
        },
    )
    vectors = [np.asarray(each, np.float32) for each in answer.value]
    if options.dimensions is not None:
        vectors = [_cut(each, options.dimensions, options.normalize) for each in vectors]
    return vectors, answer.timings


def _cut(x_D: Vector, dimensions: int, normalize: bool) -> Vector:
    if dimensions > len(x_D):
        raise InvalidRequest(
            f"dimensions={dimensions} is not allowed; the model's vectors have {len(x_D)}"
        )
    cut_D = x_D[:dimensions]
    length = np.sqrt(np.square(cut_D).sum())
    return cut_D / max(length, np.finfo(np.float32).tiny) if normalize else cut_D


def as_list(texts: str | list[str]) -> list[str]:
    """One text or several, as a list."""
    return [texts] if isinstance(texts, str) else texts


Dimensions = Annotated[int | None, Field(ge=1)]
"""How many dimensions of vectors are kept."""
