"""Whether the server lives, whether its models are ready, and its metrics; needs no token."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from albertlm.serving.service import ModelInfo, Service

router = APIRouter(tags=["Health"])

RETRY_AFTER = {"Retry-After": "1"}


class Health(BaseModel):
    """Whether requests are answered, and the state of each model."""

    status: str
    models: dict[str, str]


_NOT_READY: dict[int | str, dict[str, Any]] = {
    503: {"model": Health, "description": "A model is loading or has failed."}
}


@router.get("/health/live", response_model=Health)
@router.get("/v2/health/live", response_model=Health)
async def live(request: Request) -> Any:
    """200 as long as the server answers at all."""
    return _health(request.app.state.service, "live")


@router.get("/health", response_model=Health, responses=_NOT_READY)
@router.get("/health/ready", response_model=Health, responses=_NOT_READY)
@router.get("/v2/health/ready", response_model=Health, responses=_NOT_READY)
@router.get("/ping", response_model=Health, responses=_NOT_READY)
async def ready(request: Request) -> Any:
    """200 if every model is ready, or is loaded by the next request; else 503."""
    service: Service = request.app.state.service
    if all(_answers(model) for model in service.models()):
        return _health(service, "ready")
    return JSONResponse(_health(service, "not ready"), 503, headers=RETRY_AFTER)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Metrics in Prometheus' text format."""
    text = request.app.state.metrics.render(request.app.state.service)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")


def _answers(model: ModelInfo) -> bool:
    return model.state in ("ready", "unloaded")


def _health(service: Service, status: str) -> dict[str, Any]:
    return {"status": status, "models": {model.name: model.state for model in service.models()}}
