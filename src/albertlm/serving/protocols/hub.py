"""The tasks of the Hugging Face hub, as `huggingface_hub.InferenceClient` calls them.

A task has the path `/models/MODEL/pipeline/TASK`, and `/pipeline/TASK` for the first model or that
of the query parameter `model`. At `/`, the task is that of the inputs' form, or the default one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias, get_type_hints

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from albertlm.serving.calls import Caller
from albertlm.serving.errors import InvalidRequest, Unavailable, UnsupportedTask
from albertlm.serving.protocols import hub_schemas as schemas
from albertlm.serving.protocols.schemas import (
    Call,
    ErrorForm,
    Refused,
    StrictRoute,
    VectorOptions,
    as_list,
    embed,
    validated,
)


def _error(refused: Refused) -> dict[str, Any]:
    return {"error": refused.message}


FORM = ErrorForm(r"/|(/models/.+)?/pipeline/.*", _error, schemas.HubError)

router = APIRouter(route_class=StrictRoute, responses=FORM.responses(), tags=["Hugging Face"])

Handler: TypeAlias = Callable[[Any, Caller], Coroutine[Any, Any, Any]]

_HANDLERS: dict[str, Handler] = {}

_IN_PATH = {"name": "model", "in": "path", "required": True, "schema": {"type": "string"}}
_IN_QUERY = {"name": "model", "in": "query", "required": False, "schema": {"type": "string"}}


def _of_task(*names: str, response: Any) -> Callable[[Handler], Handler]:
    """Make a function answer at the paths of a task, which may have several names."""

    def register(handle: Handler) -> Handler:
        for task in names:
            _HANDLERS[task] = handle
            for path, parameter in (
                (f"/models/{{model:path}}/pipeline/{task}", _IN_PATH),
                (f"/pipeline/{task}", _IN_QUERY),
            ):
                router.add_api_route(
                    path,
                    handle,
                    methods=["POST"],
                    response_model=response,
                    openapi_extra={"parameters": [parameter]},
                )
        return handle

    return register


async def _answer(call: Caller, task: str, body: Any, **defaults: Any) -> JSONResponse:
    """The value of a task for what a body has."""
    given = _options(body.parameters, **defaults)
    return JSONResponse((await call(call.model(), task, _inputs(body), given)).value)


def _inputs(body: BaseModel) -> Any:
    return body.model_dump(include={"inputs"}, exclude_none=True)["inputs"]


def _options(parameters: BaseModel | None, **defaults: Any) -> dict[str, Any]:
    given = parameters.model_dump(exclude_none=True) if parameters else {}
    return {**defaults, **given}


@_of_task("fill-mask", response=schemas.Filled | list[schemas.Filled])
async def fill_mask(body: schemas.FillMaskRequest, call: Call) -> Any:
    """Propose tokens for the masks of texts, best first."""
    return await _answer(call, "fill-mask", body, clean=True)


@_of_task("feature-extraction", response=list[list[float]])
async def feature_extraction(body: schemas.FeatureExtractionRequest, call: Call) -> Any:
    """Compute a vector for each text, the mean of its tokens'."""
    options = VectorOptions(
        bool(body.truncate), bool(body.normalize), body.prompt_name, body.dimensions
    )
    vectors, _ = await embed(call, call.model(), as_list(body.inputs), options)
    return JSONResponse([each.tolist() for each in vectors])


@_of_task("text-classification", "sentiment-analysis", response=list[list[schemas.ScoredLabel]])
async def text_classification(body: schemas.TextClassificationRequest, call: Call) -> Any:
    """Score the labels of texts or pairs, best first; a list for each text, even for one."""
    options = _options(body.parameters, top_k=None)
    found = (await call(call.model(), "text-classification", _inputs(body), options)).value
    return JSONResponse(found if isinstance(body.inputs, list) else [found])


@_of_task(
    "token-classification",
    "ner",
    response=list[schemas.FoundEntity] | list[list[schemas.FoundEntity]],
)
async def token_classification(body: schemas.TokenClassificationRequest, call: Call) -> Any:
    """Find the entities of texts."""
    return await _answer(call, "token-classification", body)


@_of_task(
    "question-answering",
    response=schemas.FoundAnswer | list[schemas.FoundAnswer] | list[list[schemas.FoundAnswer]],
)
async def question_answering(body: schemas.QuestionAnsweringRequest, call: Call) -> Any:
    """Find the answers to questions in their contexts; a list if `top_k` is above 1."""
    options, model = _options(body.parameters), call.model()
    if "doc_stride" in options:
        overlap = options["overlap"] = options.pop("doc_stride")
        window = options.get("max_seq_len") or min(384, model.facts.get("max_length", 384))
        if overlap > window // 2:
            raise InvalidRequest(
                f"doc_stride={overlap} is not allowed; with windows of {window} tokens, "
                f"it must be at most {window // 2}"
            )
    answer = await call(model, "question-answering", _inputs(body), options)
    return JSONResponse(answer.value)


@_of_task(
    "zero-shot-classification",
    response=list[schemas.ScoredLabel] | list[list[schemas.ScoredLabel]],
)
async def zero_shot_classification(body: schemas.ZeroShotRequest, call: Call) -> Any:
    """Score labels of the request by how far each text entails them, best first."""
    options = _options(body.parameters)
    if isinstance(options["candidate_labels"], str):
        options["candidate_labels"] = options["candidate_labels"].split(",")
    answer = await call(call.model(), "zero-shot-classification", body.inputs, options)
    return JSONResponse(answer.value)


@_of_task("sentence-similarity", response=list[float])
async def sentence_similarity(body: schemas.SentenceSimilarityRequest, call: Call) -> Any:
    """Compare sentences with another one, by the cosines of their vectors."""
    return await _answer(call, "sentence-similarity", body)


@_of_task("sentence-order", response=float | list[float])
async def sentence_order(body: schemas.SentenceOrderRequest, call: Call) -> Any:
    """The probability that the first text of each pair comes before the second."""
    inputs = _inputs(body)
    if isinstance(inputs, list):
        inputs = {name: [pair[name] for pair in inputs] for name in ("first", "second")}
    answer = await call(call.model(), "sentence-order", inputs, _options(body.parameters))
    return JSONResponse(answer.value)


@_of_task(
    "multiple-choice",
    response=list[schemas.ScoredChoice] | list[list[schemas.ScoredChoice]],
)
async def multiple_choice(body: schemas.MultipleChoiceRequest, call: Call) -> Any:
    """Score the choices for contexts, best first."""
    return await _answer(call, "multiple-choice", body)


@router.post("/models/{model:path}/pipeline/{task}", include_in_schema=False)
@router.post("/pipeline/{task}", include_in_schema=False)
async def unknown_task(task: str, call: Call) -> Any:
    """Refuse a task that no model has."""
    raise UnsupportedTask(f"there is no task {task!r}; {call.model().name} has {_known(call)}")


def _known(call: Caller) -> str:
    return ", ".join(call.model().tasks or _HANDLERS)


@router.post("/", openapi_extra={"parameters": [_IN_QUERY]})
async def inferred_task(body: dict[str, Any], call: Call) -> Any:
    """Carry out the task that the inputs have the form of, or else the default one."""
    handle = _HANDLERS[_task_of(body, call)]
    return await handle(validated(get_type_hints(handle)["body"], body), call)


_BY_KEY = {
    "choices": "multiple-choice",  # which may have a question, too
    "question": "question-answering",
    "source_sentence": "sentence-similarity",
    "first": "sentence-order",
}
"""The tasks whose inputs have a key; the first key that is found counts."""


def _task_of(body: dict[str, Any], call: Caller) -> str:
    """The task of a request that names none.

    Raises:
        Unavailable: the tasks of the model are not known yet.
    """
    inputs, parameters = body.get("inputs"), body.get("parameters")
    if isinstance(parameters, dict) and "candidate_labels" in parameters:
        return "zero-shot-classification"
    first = inputs[0] if isinstance(inputs, list) and inputs else inputs
    if isinstance(first, dict):
        for key, task in _BY_KEY.items():
            if key in first:
                return task
    model = call.model()
    known = [task for task in model.tasks if task in _HANDLERS]
    if not known:
        raise Unavailable(f"{model.name} is loading; try again soon", retry_after=1)
    default = call.config.default_task
    return default if default in known else known[0]
