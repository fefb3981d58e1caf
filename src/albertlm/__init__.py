"""albertlm: everything ALBERT, from raw text to a pretrained, checked and usable model."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from albertlm.config import AlbertConfig as AlbertConfig
    from albertlm.inference.factory import pipeline as pipeline
    from albertlm.models.keras.heads import KerasAlbertForMaskedLM as KerasAlbertForMaskedLM
    from albertlm.models.keras.heads import (
        KerasAlbertForMultipleChoice as KerasAlbertForMultipleChoice,
    )
    from albertlm.models.keras.heads import KerasAlbertForPreTraining as KerasAlbertForPreTraining
    from albertlm.models.keras.heads import (
        KerasAlbertForQuestionAnswering as KerasAlbertForQuestionAnswering,
    )
    from albertlm.models.keras.heads import (
        KerasAlbertForSequenceClassification as KerasAlbertForSequenceClassification,
    )
    from albertlm.models.keras.heads import (
        KerasAlbertForTokenClassification as KerasAlbertForTokenClassification,
    )
    from albertlm.models.keras.heads import KerasAlbertModel as KerasAlbertModel
    from albertlm.models.keras.tensorflow import TFAlbertForMaskedLM as TFAlbertForMaskedLM
    from albertlm.models.keras.tensorflow import (
        TFAlbertForMultipleChoice as TFAlbertForMultipleChoice,
    )
    from albertlm.models.keras.tensorflow import TFAlbertForPreTraining as TFAlbertForPreTraining
    from albertlm.models.keras.tensorflow import (
        TFAlbertForQuestionAnswering as TFAlbertForQuestionAnswering,
    )
    from albertlm.models.keras.tensorflow import (
        TFAlbertForSequenceClassification as TFAlbertForSequenceClassification,
    )
    from albertlm.models.keras.tensorflow import (
        TFAlbertForTokenClassification as TFAlbertForTokenClassification,
    )
    from albertlm.models.keras.tensorflow import TFAlbertModel as TFAlbertModel
    from albertlm.models.torch.backbone import AlbertModel as AlbertModel
    from albertlm.models.torch.heads import AlbertForMaskedLM as AlbertForMaskedLM
    from albertlm.models.torch.heads import AlbertForMultipleChoice as AlbertForMultipleChoice
    from albertlm.models.torch.heads import AlbertForPreTraining as AlbertForPreTraining
    from albertlm.models.torch.heads import AlbertForQuestionAnswering as AlbertForQuestionAnswering
    from albertlm.models.torch.heads import AlbertForSentenceOrder as AlbertForSentenceOrder
    from albertlm.models.torch.heads import (
        AlbertForSequenceClassification as AlbertForSequenceClassification,
    )
    from albertlm.models.torch.heads import (
        AlbertForTokenClassification as AlbertForTokenClassification,
    )
    from albertlm.models.torch.squad import AlbertForSquadV2 as AlbertForSquadV2
    from albertlm.tokenization.tokenizer import AlbertTokenizer as AlbertTokenizer

__version__ = "0.1.0"

_HOMES = {
    "albertlm.config": ("AlbertConfig",),
    "albertlm.inference.factory": ("pipeline",),
    "albertlm.models.keras.heads": (
        "KerasAlbertForMaskedLM",
        "KerasAlbertForMultipleChoice",
        "KerasAlbertForPreTraining",
        "KerasAlbertForQuestionAnswering",
        "KerasAlbertForSequenceClassification",
        "KerasAlbertForTokenClassification",
        "KerasAlbertModel",
    ),
    "albertlm.models.keras.tensorflow": (
        "TFAlbertForMaskedLM",
        "TFAlbertForMultipleChoice",
        "TFAlbertForPreTraining",
        "TFAlbertForQuestionAnswering",
        "TFAlbertForSequenceClassification",
        "TFAlbertForTokenClassification",
        "TFAlbertModel",
    ),
    "albertlm.models.torch.backbone": ("AlbertModel",),
    "albertlm.models.torch.heads": (
        "AlbertForMaskedLM",
        "AlbertForMultipleChoice",
        "AlbertForPreTraining",
        "AlbertForQuestionAnswering",
        "AlbertForSentenceOrder",
        "AlbertForSequenceClassification",
        "AlbertForTokenClassification",
    ),
    "albertlm.models.torch.squad": ("AlbertForSquadV2",),
    "albertlm.tokenization.tokenizer": ("AlbertTokenizer",),
}
_MODULE_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["__version__", *sorted(_MODULE_OF)]  # noqa: PLE0604


def __getattr__(name: str) -> Any:
    """Import a public name on its first use, so that `import albertlm` itself costs nothing."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'albertlm' has no attribute {name!r}")
    from albertlm import extras

    value = extras.load(_MODULE_OF[name], name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
