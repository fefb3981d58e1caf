"""Version 2 of the Open Inference Protocol, as KServe and Triton have it.

A model has one input, `text` of the type BYTES, and one version. Its outputs are those of its first
task here, or of the parameter `task` of the request; other parameters are options of the task.

B texts, L labels, D dimensions.
"""

from __future__ import annotations

import json
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

import albertlm
from albertlm.serving.calls import Caller
from albertlm.serving.errors import InvalidRequest, Unavailable, UnknownModel, UnsupportedTask
from albertlm.serving.protocols import hub_schemas
from albertlm.serving.protocols.schemas import (
    Call,
    Dimensions,
    ErrorForm,
    Lenient,
    Many,
    Refused,
    Strict,
    StrictRoute,
    TextList,
    VectorOptions,
    embed,
    validated,
)
from albertlm.serving.service import ModelInfo

VERSION = "1"
"""The version of every model."""


class InferenceError(Lenient):
    """An error in the protocol's form."""

    error: str


def _error(refused: Refused) -> dict[str, Any]:
    return {"error": refused.message}


FORM = ErrorForm(r"/v2(/.*)?", _error, InferenceError)

router = APIRouter(
    route_class=StrictRoute, responses=FORM.responses(), prefix="/v2", tags=["Open Inference"]
)


class VectorParameters(Strict):
    """The parameters of vectors."""

    truncate: bool = False
    normalize: bool = False
    prompt_name: str | None = None
    dimensions: Dimensions = None


_PARAMETERS: dict[str, type[BaseModel]] = {
    "fill-mask": hub_schemas.FillMaskParameters,
    "text-classification": hub_schemas.TextClassificationParameters,
    "token-classification": hub_schemas.TokenClassificationParameters,
    "feature-extraction": VectorParameters,
}
"""The tasks of the protocol, with the schemas of their options."""

_OUTPUTS: dict[str, dict[str, tuple[str, list[int]]]] = {
    "fill-mask": {"fills": ("BYTES", [-1])},
    "text-classification": {"labels": ("BYTES", [-1, -1]), "scores": ("FP32", [-1, -1])},
    "token-classification": {"entities": ("BYTES", [-1])},
    "feature-extraction": {"embeddings": ("FP32", [-1, -1])},
}
"""The types and shapes of each task's outputs; fills and entities are JSON in strings."""


class InferenceInput(Lenient):
    """The texts, in a list of the shape (B,) or (B, 1)."""

    name: str
    shape: list[int]
    datatype: str
    data: TextList | Many[TextList]


class RequestedOutput(Lenient):
    """An output that is asked for."""

    name: str


class InferenceRequest(Lenient):
    """Texts for a task."""

    id: str | None = None
    parameters: dict[str, Any] | None = None
    inputs: list[InferenceInput]
    outputs: list[RequestedOutput] | None = None


class InferenceOutput(Lenient):
    """A tensor, with its data as a flat list."""

    name: str
    shape: list[int]
    datatype: Literal["BYTES", "FP32"]
    data: list[str] | list[float]


class InferenceResponse(Lenient):
    """The outputs of a task."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[InferenceOutput]


class ServerMetadata(Lenient):
    """What the server is."""

    name: str
    version: str
    extensions: list[str]


class TensorMetadata(Lenient):
    """An input or output of a model; -1 is any size."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(Lenient):
    """The inputs and outputs of a model."""

    name: str
    versions: list[str]
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ModelReady(Lenient):
    """Whether a model answers."""

    name: str
    ready: bool


@router.get("", response_model=ServerMetadata)
async def server_metadata() -> Any:
    """What the server is."""
    return {"name": "albertlm", "version": albertlm.__version__, "extensions": []}


@router.get("/models/{model:path}/versions/{version}/ready", response_model=ModelReady)
async def version_ready(model: str, version: str, call: Call) -> Any:
    """Whether a version of a model answers."""
    _check_version(model, version)
    return _ready(call.model(model))


@router.get("/models/{model:path}/ready", response_model=ModelReady)
async def model_ready(model: str, call: Call) -> Any:
    """Whether a model answers."""
    return _ready(call.model(model))


@router.get("/models/{model:path}/versions/{version}", response_model=ModelMetadata)
async def version_metadata(model: str, version: str, call: Call) -> Any:
    """The inputs and outputs of a version of a model."""
    _check_version(model, version)
    return _metadata(call.model(model))


@router.get("/models/{model:path}", response_model=ModelMetadata)
async def model_metadata(model: str, call: Call) -> Any:
    """The inputs and outputs of a model."""
    return _metadata(call.model(model))


@router.post("/models/{model:path}/versions/{version}/infer", response_model=InferenceResponse)
async def infer_version(model: str, version: str, body: InferenceRequest, call: Call) -> Any:
    """Carry out a task by a version of a model."""
    _check_version(model, version)
    return await infer(model, body, call)


@router.post("/models/{model:path}/infer", response_model=InferenceResponse)
async def infer(model: str, body: InferenceRequest, call: Call) -> Any:
    """Carry out a task."""
    found = call.model(model)
    given = dict(body.parameters or {})
    task = given.pop("task", None) or _default_task(found)
    if task not in _PARAMETERS:
        raise UnsupportedTask(
            f"the protocol has no task {task!r} here; it has {', '.join(_PARAMETERS)}"
        )
    parameters = validated(_PARAMETERS[task], {"parameters": given}, "parameters")
    wanted = [each.name for each in body.outputs or ()] or [*_OUTPUTS[task]]
    for name in wanted:
        if name not in _OUTPUTS[task]:
            known = ", ".join(_OUTPUTS[task])
            raise InvalidRequest(f"{task} has no output {name!r}; it has {known}")
    tensors = await _tensors(call, found, task, _texts(body.inputs), parameters)
    outputs = [tensors[name] for name in wanted]
    named = {"model_name": found.name, "model_version": VERSION, "outputs": outputs}
    return JSONResponse(named if body.id is None else {**named, "id": body.id})


def _check_version(model: str, version: str) -> None:
    if version != VERSION:
        raise UnknownModel(f"{model} has no version {version!r}; it has {VERSION}")


def _ready(model: ModelInfo) -> dict[str, Any]:
    if model.state not in ("ready", "unloaded"):
        raise Unavailable(f"{model.name} is {model.state}; try again soon", retry_after=1)
    return {"name": model.name, "ready": True}


def _default_task(model: ModelInfo) -> str:
    """The first task of the model that the protocol has."""
    if not model.tasks:
        raise Unavailable(f"{model.name} is loading; try again soon", retry_after=1)
    found = next((task for task in model.tasks if task in _PARAMETERS), None)
    if found is None:
        raise UnsupportedTask(
            f"{model.name} has {', '.join(model.tasks)}; the protocol has {', '.join(_PARAMETERS)}"
        )
    return found


def _metadata(model: ModelInfo) -> dict[str, Any]:
    outputs = _OUTPUTS[_default_task(model)]
    return {
        "name": model.name,
        "versions": [VERSION],
        "platform": "albertlm",
        "inputs": [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        "outputs": [
            {"name": name, "datatype": type_, "shape": shape}
            for name, (type_, shape) in outputs.items()
        ],
    }


def _texts(inputs: list[InferenceInput]) -> list[str]:
    """The texts of the only input.

    Raises:
        InvalidRequest: there is another input, or its shape is not that of its data.
    """
    if [each.name for each in inputs] != ["text"] or inputs[0].datatype != "BYTES":
        given = ", ".join(f"{each.name} of {each.datatype}" for each in inputs) or "none"
        raise InvalidRequest(f"the inputs are {given}; give one, text of BYTES")
    (given_input,) = inputs
    texts = [text for row in given_input.data for text in ([row] if isinstance(row, str) else row)]
    if given_input.shape not in ([len(texts)], [len(texts), 1]):
        raise InvalidRequest(
            f"text has the shape {given_input.shape} and {len(texts)} texts; "
            f"its shape must be [{len(texts)}] or [{len(texts)}, 1]"
        )
    return texts


async def _tensors(
    call: Caller, model: ModelInfo, task: str, texts: list[str], parameters: BaseModel
) -> dict[str, Any]:
    """The outputs of a task by their names."""
    if isinstance(parameters, VectorParameters):
        options = VectorOptions(**parameters.model_dump())
        vectors, _ = await embed(call, model, texts, options)
        return _tensor("embeddings", "FP32", [vector.tolist() for vector in vectors])
    given = parameters.model_dump(exclude_none=True)
    if task == "text-classification":
        answer = await call(model, task, texts, {"top_k": None, **given})
        labels = [[each["label"] for each in of_text] for of_text in answer.value]
        scores = [[each["score"] for each in of_text] for of_text in answer.value]
        return _tensor("labels", "BYTES", labels) | _tensor("scores", "FP32", scores)
    (name,) = _OUTPUTS[task]
    if task == "fill-mask":
        given = {"clean": True, **given}
    answer = await call(model, task, texts, given)
    found = [json.dumps(each, ensure_ascii=False) for each in answer.value]
    return _tensor(name, "BYTES", found)


def _tensor(name: str, datatype: str, rows: list[Any]) -> dict[str, Any]:
    """A tensor of one value or one list of values for each text."""
    shape, data = [len(rows)], rows
    if rows and isinstance(rows[0], list):
        shape, data = [len(rows), len(rows[0])], [value for row in rows for value in row]
    return {name: {"name": name, "datatype": datatype, "shape": shape, "data": data}}
