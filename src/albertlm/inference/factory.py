"""Make a pipeline from a task and a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, overload

from albertlm import hub
from albertlm.inference.engines import open_engine
from albertlm.inference.engines.base import Engine
from albertlm.inference.pipelines.base import Pipeline, flattened
from albertlm.inference.pipelines.features import FeatureExtraction
from albertlm.inference.pipelines.fill_mask import FillMask
from albertlm.inference.pipelines.multiple_choice import MultipleChoice
from albertlm.inference.pipelines.question_answering import QuestionAnswering
from albertlm.inference.pipelines.reranking import Reranking
from albertlm.inference.pipelines.sentence_order import SentenceOrder
from albertlm.inference.pipelines.sentence_similarity import SentenceSimilarity
from albertlm.inference.pipelines.text_classification import TextClassification
from albertlm.inference.pipelines.token_classification import TokenClassification
from albertlm.inference.pipelines.zero_shot_classification import ZeroShotClassification
from albertlm.settings import check, did_you_mean
from albertlm.tokenization import hub_format
from albertlm.tokenization.tokenizer import AlbertTokenizer

if TYPE_CHECKING:
    import torch

    from albertlm.models.torch.pretrained import PreTrainedModel

Device: TypeAlias = "str | int | torch.device"
DType: TypeAlias = "str | torch.dtype"

ModelSource: TypeAlias = "str | Path | PreTrainedModel | None"
TokenizerSource: TypeAlias = "str | Path | AlbertTokenizer | None"

PIPELINES: dict[str, type[Pipeline]] = {
    "fill-mask": FillMask,
    "feature-extraction": FeatureExtraction,
    "sentence-order": SentenceOrder,
    "text-classification": TextClassification,
    "sentiment-analysis": TextClassification,
    "token-classification": TokenClassification,
    "ner": TokenClassification,
    "question-answering": QuestionAnswering,
    "multiple-choice": MultipleChoice,
    "zero-shot-classification": ZeroShotClassification,
    "sentence-similarity": SentenceSimilarity,
    "rerank": Reranking,
}
"""The pipelines by their tasks; two have two names each, as in transformers."""


def canonical_task(task: str) -> str:
    """The first of the names of a task, such as `token-classification` for `ner`."""
    return next(name for name, kind in PIPELINES.items() if kind is PIPELINES[task])


@overload
def pipeline(
    task: Literal["fill-mask"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> FillMask: ...


@overload
def pipeline(
    task: Literal["feature-extraction"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> FeatureExtraction: ...


@overload
def pipeline(
    task: Literal["sentence-order"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> SentenceOrder: ...


@overload
def pipeline(
    task: Literal["text-classification", "sentiment-analysis"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> TextClassification: ...


@overload
def pipeline(
    task: Literal["token-classification", "ner"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> TokenClassification: ...


@overload
def pipeline(
    task: Literal["question-answering"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> QuestionAnswering: ...


@overload
def pipeline(
    task: Literal["multiple-choice"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> MultipleChoice: ...


@overload
def pipeline(
    task: Literal["zero-shot-classification"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> ZeroShotClassification: ...


@overload
def pipeline(
    task: Literal["sentence-similarity"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> SentenceSimilarity: ...


@overload
def pipeline(
    task: Literal["rerank"],
    model: ModelSource = ...,
    tokenizer: TokenizerSource = ...,
    **options: Any,
) -> Reranking: ...


def pipeline(
    task: str,
    model: ModelSource = None,
    tokenizer: TokenizerSource = None,
    *,
    engine: str | None = None,
    device: Device | None = None,
    dtype: DType | None = None,
    **options: Any,
) -> Pipeline:
    """Make a pipeline, as in the card's `pipeline('fill-mask', model='albert-large-v1')`.

    Args:
        task: one of `PIPELINES`, such as `fill-mask` or `question-answering`.
        model: a folder, a hub id, or a PyTorch model of this library; by default the small model
            that ships with the package.
        tokenizer: a folder, a hub id or a tokenizer; required for a model given as an object, and
            by default the tokenizer in the model's folder.
        engine: `numpy`, `openvino`, `onnx` or `torch`, which is the only one for a model given as
            an object; `auto`, the default, takes the fastest one that `albertlm benchmark` has
            measured, or else NumPy; see `engines.open_engine`.
        device: where to compute, such as `cuda`, or the number of a GPU, or -1 for the CPU; the
            CPU by default. A model given as an object is moved there; by default it stays.
        dtype: the type to compute with, such as `bfloat16`, `torch.bfloat16` or `int8`; by default
            (`auto`) bfloat16 where the engine and the processor have it, and else float32. A model
            given as an object is converted; by default it is not.
        **options: options of `hub.resolve`, such as `revision`; of the tokenizer, such as
            `hub_mode`; and defaults for the options of a call, such as `top_k`. `tokenizer_kwargs`
            may hold some of them, as in transformers.

    Raises:
        OSError: the model cannot be found or downloaded.
        ValueError: the task or an option is unknown, the device is not there, or the model is
            damaged or has an untrained head.
    """
    if task not in PIPELINES:
        hint = did_you_mean(task, PIPELINES)
        raise ValueError(f"unknown task {task!r}{hint}; the tasks are {', '.join(PIPELINES)}")
    of_hub, of_tokenizer, of_call = _parted(task, flattened(options))
    place, precision = _device_name(device), _dtype_name(dtype)
    if is_named := model is None or isinstance(model, str | Path):
        folder = hub.SHIPPED if model is None else hub.resolve(model, **of_hub)
        loaded: Engine = open_engine(engine, folder, device=place, dtype=precision)
    else:
        from albertlm.inference.engines.torch import TorchEngine
        from albertlm.models.torch.pretrained import PreTrainedModel

        if not isinstance(model, PreTrainedModel):
            raise _not_ours("model", model)
        check(engine in (None, "torch"), "torch for a model given as an object", engine=engine)
        loaded = TorchEngine(model, device=place, dtype=precision)
    if tokenizer is None and is_named:
        tokenizer = AlbertTokenizer.from_pretrained(folder, **of_tokenizer)
    elif tokenizer is None:
        raise ValueError("a model given as an object needs its tokenizer; give tokenizer=… as well")
    elif isinstance(tokenizer, str | Path):
        tokenizer = AlbertTokenizer.from_pretrained(tokenizer, **of_hub, **of_tokenizer)
    elif not isinstance(tokenizer, AlbertTokenizer):
        raise _not_ours("tokenizer", tokenizer)
    elif refused := [*of_tokenizer, *(() if is_named else of_hub)]:
        raise ValueError(
            f"{', '.join(refused)} cannot be applied to what is given as an object; "
            "name its folder instead"
        )
    return PIPELINES[task](loaded, tokenizer, **of_call)


def _not_ours(name: str, value: object) -> ValueError:
    """The error for an object that is not of this library, which says how to use it."""
    kind = f"{type(value).__module__.partition('.')[0]}.{type(value).__name__}"
    told = "give a folder, a hub id or an object of albertlm"
    if hasattr(value, "save_pretrained"):
        told = f"save it with {name}.save_pretrained(folder) and name the folder"
    return ValueError(f"{name} is of type {kind}; {told}")


def _parted(task: str, options: dict[str, Any]) -> list[dict[str, Any]]:
    """Split options into those of the hub, of the tokenizer and of a call.

    Raises:
        ValueError: an option is unknown.
    """
    owners = {
        "the hub options": hub.OPTIONS,
        "the tokenizer options": tuple(hub_format.TOKENIZER_OPTIONS),
        f"the options of a {task} call": tuple(PIPELINES[task].options),
    }
    known = [name for names in owners.values() for name in names]
    for name in options:
        if name not in known:
            told = "; ".join(f"{owner} are {', '.join(names)}" for owner, names in owners.items())
            hint = did_you_mean(name, [*known, "engine", "device", "dtype"])
            raise ValueError(f"pipeline has no option {name!r}{hint}; {told}")
    return [
        {name: value for name, value in options.items() if name in names}
        for names in owners.values()
    ]


def _device_name(device: Device | None) -> str | None:
    """The name of a device, which may be the number of a GPU, or -1 for the CPU."""
    if isinstance(device, int):
        return f"cuda:{device}" if device >= 0 else "cpu"
    return None if device is None else str(device)


def _dtype_name(dtype: DType | None) -> str:
    """The name of a data type, which may be one of PyTorch."""
    return "auto" if dtype is None else str(dtype).removeprefix("torch.")
