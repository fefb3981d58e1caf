"""The routes of text-embeddings-inference; other fields are ignored, as there.

Texts are given as strings; token ids are refused. The model is the first that is served, or the one
that the field or the query parameter `model` names.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import NonNegativeInt

import albertlm
from albertlm.serving.calls import Caller, prompted
from albertlm.serving.errors import InvalidRequest, TooLarge
from albertlm.serving.protocols.schemas import (
    Call,
    Dimensions,
    ErrorForm,
    Lenient,
    Many,
    Refused,
    StrictRoute,
    TextList,
    Vector,
    VectorOptions,
    as_list,
    embed,
)

MOST_WHOLE_TEXTS = 32
"""How many texts `/embed_all` takes at once."""


class TeiError(Lenient):
    """An error in the form of text-embeddings-inference."""

    error: str
    error_type: str


_ERROR_TYPES = {
    "overloaded": "Overloaded",
    "unavailable": "Unhealthy",
    "internal": "Backend",
}


def _error(refused: Refused) -> dict[str, Any]:
    type_ = _ERROR_TYPES.get(refused.kind, "Validation")
    return {"error": refused.message, "error_type": type_}


FORM = ErrorForm(
    r"/(embed|embed_all|predict|rerank|similarity|tokenize|decode|info|health.*|ping)",
    _error,
    TeiError,
)

router = APIRouter(
    route_class=StrictRoute, responses=FORM.responses(), tags=["text-embeddings-inference"]
)


class ModelChoice(Lenient):
    """The model; the first that is served if None."""

    model: str | None = None


class TruncatedRequest(ModelChoice):
    """Whether texts that are too long are truncated, at their end; they are refused otherwise."""

    truncate: bool | None = False
    truncation_direction: Literal["Right", "right"] = "Right"


class EmbedRequest(TruncatedRequest):
    """Texts for which vectors are computed."""

    inputs: str | TextList
    normalize: bool = True
    prompt_name: str | None = None
    dimensions: Dimensions = None


class EmbedAllRequest(TruncatedRequest):
    """Texts for whose tokens vectors are computed."""

    inputs: str | TextList
    prompt_name: str | None = None


class PredictRequest(TruncatedRequest):
    """A text, a pair as a list of two, or a batch as a list of lists of one or two texts."""

    inputs: str | TextList | Many[TextList]
    raw_scores: bool = False


class LabelPrediction(Lenient):
    """A label and its score."""

    label: str
    score: float


class RerankRequest(TruncatedRequest):
    """A query, and texts to rank by it."""

    query: str
    texts: TextList
    raw_scores: bool = False
    return_text: bool = False


class Rank(Lenient):
    """A text by its number in the order given."""

    index: int
    score: float
    text: str | None = None


class SimilarityInputs(Lenient):
    """A sentence, and others to compare with it."""

    source_sentence: str
    sentences: TextList


class SimilarityParameters(Lenient):
    """Options of similarity."""

    truncate: bool | None = False
    truncation_direction: Literal["Right", "right"] = "Right"


class SimilarityRequest(ModelChoice):
    """Sentences to compare."""

    inputs: SimilarityInputs
    parameters: SimilarityParameters | None = None


class TokenizeRequest(ModelChoice):
    """Texts to tokenize."""

    inputs: str | TextList
    add_special_tokens: bool = True
    prompt_name: str | None = None


class SimpleToken(Lenient):
    """A token; `start` and `stop` are characters of the text, and None for special tokens."""

    id: int
    text: str
    special: bool
    start: int | None
    stop: int | None


TokenIds = Many[NonNegativeInt]


class DecodeRequest(ModelChoice):
    """Tokens to decode: those of a text, or of several."""

    ids: TokenIds | Many[TokenIds]
    skip_special_tokens: bool = True


@router.post("/embed", response_model=list[list[float]])
async def embed_texts(body: EmbedRequest, call: Call) -> Any:
    """Compute a vector for each text, the mean of its tokens'."""
    options = VectorOptions(bool(body.truncate), body.normalize, body.prompt_name, body.dimensions)
    vectors, _ = await embed(call, call.model(body.model), as_list(body.inputs), options)
    return JSONResponse([each.tolist() for each in vectors])


@router.post("/embed_all", response_model=list[list[list[float]]])
async def embed_tokens(body: EmbedAllRequest, call: Call) -> Any:
    """Compute a vector for each token of each text."""
    model = call.model(body.model)
    texts = prompted(model, body.prompt_name, as_list(body.inputs))
    if len(texts) > MOST_WHOLE_TEXTS:
        raise TooLarge(
            f"the request has {len(texts):,} texts; send at most {MOST_WHOLE_TEXTS} at once, "
            "since the answer has a vector for each token"
        )
    answer = await call(model, "feature-extraction", texts, {"truncation": bool(body.truncate)})
    return StreamingResponse(_rows(answer.value), media_type="application/json")


async def _rows(texts: list[Vector]) -> AsyncIterator[str]:
    """The vectors of all tokens as JSON; other requests are answered between texts."""
    yield "["
    for number, x_TD in enumerate(texts):
        yield "," * bool(number) + json.dumps(x_TD.tolist(), separators=(",", ":"))
    yield "]"


@router.post("/predict", response_model=list[LabelPrediction] | list[list[LabelPrediction]])
async def predict(body: PredictRequest, call: Call) -> Any:
    """Score the labels of texts or pairs, best first."""
    options: dict[str, Any] = {"truncation": bool(body.truncate), "top_k": None}
    if body.raw_scores:
        options["function_to_apply"] = "none"
    model, inputs = call.model(body.model), body.inputs
    is_batch = bool(inputs) and isinstance(inputs[0], list)
    texts = [_classifiable(each) for each in inputs] if is_batch else _classifiable(inputs)
    return JSONResponse((await call(model, "text-classification", texts, options)).value)


def _classifiable(texts: Any) -> Any:
    """A text, or a pair as the pipeline takes it."""
    match texts:
        case str() as text:
            return text
        case [text]:
            return text
        case [first, second]:
            return {"text": first, "text_pair": second}
    raise InvalidRequest(
        f"inputs has {len(texts)} texts in a list; give one or two, "
        'or a batch such as [["one text"], ["another"]]'
    )


@router.post("/rerank", response_model=list[Rank], response_model_exclude_none=True)
async def rerank(body: RerankRequest, call: Call) -> Any:
    """Rank texts by how well they answer a query, best first."""
    options = {"truncation": bool(body.truncate), "raw_scores": body.raw_scores}
    inputs = {"query": body.query, "texts": body.texts}
    ranks = (await call(call.model(body.model), "rerank", inputs, options)).value
    if body.return_text:
        ranks = [{**rank, "text": body.texts[rank["index"]]} for rank in ranks]
    return JSONResponse(ranks)


@router.post("/similarity", response_model=list[float])
async def similarity(body: SimilarityRequest, call: Call) -> Any:
    """Compare sentences with another one, by the cosines of their vectors."""
    inputs = body.inputs.model_dump()
    options = {"truncation": bool(body.parameters and body.parameters.truncate)}
    answer = await call(call.model(body.model), "sentence-similarity", inputs, options)
    return JSONResponse(answer.value)


@router.post("/tokenize", response_model=list[list[SimpleToken]])
async def tokenize(body: TokenizeRequest, call: Call) -> Any:
    """The tokens of each text."""
    model = call.model(body.model)
    texts = prompted(model, body.prompt_name, as_list(body.inputs))
    options = {"add_special_tokens": body.add_special_tokens}
    return JSONResponse((await call(model, "tokenize", texts, options)).value)


@router.post("/decode", response_model=list[str])
async def decode(body: DecodeRequest, call: Call) -> Any:
    """The text of the tokens of each list."""
    is_one = not body.ids or isinstance(body.ids[0], int)
    options = {"skip_special_tokens": body.skip_special_tokens}
    ids = [body.ids] if is_one else body.ids
    return JSONResponse((await call(call.model(body.model), "decode", ids, options)).value)


@router.get("/info")
async def info(call: Call) -> dict[str, Any]:
    """The models with their tasks, and all limits."""
    config, models = call.config, call.service.models()
    return {
        **_first_model(call),
        "pooling": "mean",
        "max_concurrent_requests": config.max_queue,
        "max_batch_tokens": config.max_batch_tokens,
        "max_client_batch_size": config.max_inputs,
        "max_characters": config.max_characters,
        "max_body": config.max_body,
        "auto_truncate": False,
        "version": albertlm.__version__,
        "models": [
            {
                **model.facts,
                "name": model.name,
                "tasks": model.tasks,
                "state": model.state,
                "problem": model.problem,
            }
            for model in models
        ],
    }


def _first_model(call: Caller) -> dict[str, Any]:
    """What text-embeddings-inference says of its only model."""
    model = call.model()
    facts = model.facts
    return {
        "model_id": model.name,
        "model_sha": facts.get("sha256"),
        "model_dtype": facts.get("dtype"),
        "model_type": {"embedding": {"pooling": "mean"}},
        "max_input_length": facts.get("max_length"),
    }
