"""Embeddings and models, as OpenAI's clients ask for them."""

from __future__ import annotations

import base64
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from fastapi.responses import JSONResponse
from pydantic import Field

from albertlm.serving.errors import InvalidRequest
from albertlm.serving.protocols.schemas import (
    Call,
    Dimensions,
    ErrorForm,
    Lenient,
    Refused,
    Strict,
    StrictRoute,
    TextList,
    Vector,
    VectorOptions,
    as_list,
    embed,
)


class OpenAIErrorDetail(Lenient):
    """What is wrong."""

    message: str
    type: str
    param: str | None
    code: str


class OpenAIError(Lenient):
    """An error in OpenAI's form."""

    error: OpenAIErrorDetail


def _error(refused: Refused) -> dict[str, Any]:
    of_client = "rate_limit_error" if refused.status == 429 else "invalid_request_error"
    type_ = of_client if refused.status < 500 else "server_error"
    detail = {"message": refused.message, "type": type_, "param": None, "code": refused.kind}
    return {"error": detail}


FORM = ErrorForm(r"/v1/.*|/embeddings|/models(?!.*/pipeline/).*", _error, OpenAIError)

router = APIRouter(route_class=StrictRoute, responses=FORM.responses(), tags=["OpenAI"])


class EmbeddingsRequest(Strict):
    """What is to be embedded; vectors have length 1, and `user` is ignored."""

    model: str
    input: Annotated[str | TextList | list[int] | list[list[int]], Field(union_mode="smart")]
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Dimensions = None
    user: str | None = None


class Embedding(Lenient):
    """A vector: numbers, or base64 of little-endian float32."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsUsage(Lenient):
    """The tokens that were computed."""

    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(Lenient):
    """The vectors, in the order of the texts."""

    object: Literal["list"]
    model: str
    data: list[Embedding]
    usage: EmbeddingsUsage


class ListedModel(Lenient):
    """A model that is served."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ListedModels(Lenient):
    """All models that are served."""

    object: Literal["list"]
    data: list[ListedModel]


@router.post("/embeddings", response_model=EmbeddingsResponse, include_in_schema=False)
@router.post("/v1/embeddings", response_model=EmbeddingsResponse)
async def create_embeddings(body: EmbeddingsRequest, call: Call) -> Any:
    """Compute a vector for each text."""
    model = call.model(body.model)
    texts = as_list(body.input)  # type: ignore[arg-type]
    if not all(isinstance(text, str) for text in texts):
        raise InvalidRequest(
            "the input consists of token ids, which another vocabulary may have made; give texts, "
            "in langchain-openai by OpenAIEmbeddings(check_embedding_ctx_length=False)"
        )
    options = VectorOptions(dimensions=body.dimensions)
    vectors, timings = await embed(call, model, texts, options)
    data = [
        {"object": "embedding", "index": index, "embedding": _encoded(vector, body.encoding_format)}
        for index, vector in enumerate(vectors)
    ]
    usage = {"prompt_tokens": timings.tokens, "total_tokens": timings.tokens}
    return JSONResponse({"object": "list", "model": model.name, "data": data, "usage": usage})


def _encoded(vector: Vector, encoding_format: str) -> Any:
    if encoding_format == "float":
        return vector.tolist()
    return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")


@router.get("/models", response_model=ListedModels, include_in_schema=False)
@router.get("/v1/models", response_model=ListedModels)
async def list_models(call: Call) -> Any:
    """The models that are served."""
    return {
        "object": "list",
        "data": [_listed(model.name) for model in call.service.models()],
    }


@router.get("/models/{model:path}", response_model=ListedModel, include_in_schema=False)
@router.get("/v1/models/{model:path}", response_model=ListedModel)
async def get_model(model: str, call: Call) -> Any:
    """A model that is served."""
    return _listed(call.model(model).name)


def _listed(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "albertlm"}
