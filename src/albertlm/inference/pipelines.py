"""From a task and a model's name to something that takes texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

from albertlm import hub
from albertlm.inference.engine import Engine
from albertlm.inference.feature_extraction import FeatureExtraction
from albertlm.inference.fill_mask import FillMask
from albertlm.inference.sentence_order import SentenceOrder
from albertlm.tokenization.tokenizer import AlbertTokenizer

if TYPE_CHECKING:
    from albertlm.models.pretrained import PreTrainedModel

PIPELINES: dict[str, type[FillMask | FeatureExtraction | SentenceOrder]] = {
    "fill-mask": FillMask,
    "feature-extraction": FeatureExtraction,
    "sentence-order": SentenceOrder,
}

EngineName = Literal["numpy", "torch"]


@overload
def pipeline(
    task: Literal["fill-mask"],
    model: str | Path | PreTrainedModel | None = ...,
    tokenizer: str | Path | AlbertTokenizer | None = ...,
    *,
    engine: EngineName = ...,
    **options: Any,
) -> FillMask: ...


@overload
def pipeline(
    task: Literal["feature-extraction"],
    model: str | Path | PreTrainedModel | None = ...,
    tokenizer: str | Path | AlbertTokenizer | None = ...,
    *,
    engine: EngineName = ...,
    **options: Any,
) -> FeatureExtraction: ...


@overload
def pipeline(
    task: Literal["sentence-order"],
    model: str | Path | PreTrainedModel | None = ...,
    tokenizer: str | Path | AlbertTokenizer | None = ...,
    *,
    engine: EngineName = ...,
    **options: Any,
) -> SentenceOrder: ...


def pipeline(
    task: str,
    model: str | Path | PreTrainedModel | None = None,
    tokenizer: str | Path | AlbertTokenizer | None = None,
    *,
    engine: EngineName = "numpy",
    **options: Any,
) -> FillMask | FeatureExtraction | SentenceOrder:
    """A ready-made use of a model, as the card's `pipeline('fill-mask', model='albert-large-v1')`.

    Args:
        task: `fill-mask`, `feature-extraction` or `sentence-order`.
        model: a folder, a hub id, or a model of this library, which then computes on its own
            device; by default the small model that ships with the package.
        tokenizer: that of the model's folder by default; a model given as an object needs it.
        engine: what computes a model given by name; both give the same numbers.
        **options: of `hub.resolve`, such as `revision`.

    Raises:
        OSError: the model cannot be had.
        ValueError: an unknown task, a damaged model, or one whose head was never trained.
    """
    if task not in PIPELINES:
        raise ValueError(f"unknown task {task!r}; the tasks are {', '.join(PIPELINES)}")
    if model is None or isinstance(model, str | Path):
        folder = hub.SHIPPED if model is None else hub.resolve(model, **options)
        loaded: Engine = _load(folder, engine, task)
        tokenizer = folder if tokenizer is None else tokenizer
    else:
        from albertlm.inference.torch_engine import TorchEngine

        loaded = TorchEngine(model)
    if tokenizer is None:
        raise ValueError("a model given as an object needs its tokenizer; give tokenizer=… as well")
    if not isinstance(tokenizer, AlbertTokenizer):
        tokenizer = AlbertTokenizer.from_pretrained(tokenizer, **options)
    return PIPELINES[task](loaded, tokenizer)


def _load(folder: Path, engine: EngineName, task: str) -> Engine:
    if engine == "numpy":
        from albertlm.inference.numpy_engine import NumpyEngine

        return NumpyEngine.from_folder(folder)
    if engine == "torch":
        from albertlm.inference.torch_engine import TorchEngine

        return TorchEngine.from_folder(folder, task)
    raise ValueError(f"unknown engine {engine!r}; the engines are numpy and torch")
