"""albertlm: everything ALBERT, from raw text to a pretrained, checked and usable model."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from albertlm.config import AlbertConfig as AlbertConfig
    from albertlm.inference.pipelines import pipeline as pipeline
    from albertlm.models.backbone import AlbertModel as AlbertModel
    from albertlm.models.heads import AlbertForMaskedLM as AlbertForMaskedLM
    from albertlm.models.heads import AlbertForMultipleChoice as AlbertForMultipleChoice
    from albertlm.models.heads import AlbertForPreTraining as AlbertForPreTraining
    from albertlm.models.heads import AlbertForQuestionAnswering as AlbertForQuestionAnswering
    from albertlm.models.heads import AlbertForSentenceOrder as AlbertForSentenceOrder
    from albertlm.models.heads import (
        AlbertForSequenceClassification as AlbertForSequenceClassification,
    )
    from albertlm.models.heads import AlbertForTokenClassification as AlbertForTokenClassification
    from albertlm.models.squad import AlbertForSquadV2 as AlbertForSquadV2
    from albertlm.tokenization.tokenizer import AlbertTokenizer as AlbertTokenizer

__version__ = "0.1.0"

_HOMES = {
    "albertlm.config": ("AlbertConfig",),
    "albertlm.inference.pipelines": ("pipeline",),
    "albertlm.models.backbone": ("AlbertModel",),
    "albertlm.models.heads": (
        "AlbertForMaskedLM",
        "AlbertForMultipleChoice",
        "AlbertForPreTraining",
        "AlbertForQuestionAnswering",
        "AlbertForSentenceOrder",
        "AlbertForSequenceClassification",
        "AlbertForTokenClassification",
    ),
    "albertlm.models.squad": ("AlbertForSquadV2",),
    "albertlm.tokenization.tokenizer": ("AlbertTokenizer",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that `import albertlm` itself costs nothing."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'albertlm' has no attribute {name!r}")
    value = getattr(importlib.import_module(_MODULE_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
