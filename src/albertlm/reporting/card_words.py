"""What people say about a model, in the `card.toml` of its folder."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.settings import check, did_you_mean, from_json

FILE = "card.toml"

SECTIONS = {
    "description": ("Model Details", "Model Description"),
    "sources": ("Model Details", "Model Sources"),
    "direct_use": ("Uses", "Direct Use"),
    "downstream_use": ("Uses", "Downstream Use"),
    "out_of_scope_use": ("Uses", "Out-of-Scope Use"),
    "limitations": (None, "Bias, Risks, and Limitations"),
    "recommendations": ("Bias, Risks, and Limitations", "Recommendations"),
    "get_started": (None, "How to Get Started with the Model"),
    "training_data": ("Training Details", "Training Data"),
    "preprocessing": ("Training Details", "Preprocessing"),
    "hyperparameters": ("Training Details", "Training Hyperparameters"),
    "speeds": ("Training Details", "Speeds, Sizes, Times"),
    "testing_data": ("Evaluation", "Testing Data, Factors & Metrics"),
    "results": ("Evaluation", "Results"),
    "summary": ("Evaluation", "Summary"),
    "examination": (None, "Model Examination"),
    "environmental_impact": (None, "Environmental Impact"),
    "architecture": ("Technical Specifications", "Model Architecture and Objective"),
    "infrastructure": ("Technical Specifications", "Compute Infrastructure"),
    "citation": (None, "Citation"),
    "glossary": (None, "Glossary"),
    "more": (None, "More Information"),
    "authors": (None, "Model Card Authors"),
    "contact": (None, "Model Card Contact"),
}
"""The names of texts in `[text]`: for each its heading on the hub's cards, after that above it."""

_BEGINNING = """\
# What people say about this model. `albertlm card` puts it between the numbers, which it draws from
# files; it never changes this file.

title = {title}
license = {license}  # such as "apache-2.0"; an identifier of https://hf.co/docs/hub/repositories-licenses
language = ["en"]
# base_model = "albert/albert-base-v2"
# datasets = ["nyu-mll/glue"]
tags = ["albert"]
# widget = ["Paris is the [MASK] of France."]

# Any of these; sections without words and numbers are left out:
# {names}
[text]
# description = \"\"\"…\"\"\"
"""


@dataclass(frozen=True, kw_only=True)
class CardWords:
    """The content of a `card.toml`.

    Fields:
        title: the heading of the card, and the name of the model in its metadata.
        license: the identifier of the licence.
        language: ISO 639-1 codes.
        base_model: the hub's id of the model that it was made from.
        datasets: the hub's ids of the data that it was trained on.
        tags: for the hub's search.
        library_name: whose model it is.
        pipeline_tag: what it does; by default what its configuration says.
        widget: texts that the hub's page shows as examples.
        metadata: any fields of the header, instead of what the card would say there; such as a
            widget with a question and its context.
        text: by the names in `SECTIONS`.
    """

    title: str
    license: str
    language: tuple[str, ...] = ()
    base_model: str | None = None
    datasets: tuple[str, ...] = ()
    tags: tuple[str, ...] = ("albert",)
    library_name: str = "albertlm"
    pipeline_tag: str | None = None
    widget: tuple[str, ...] = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)
    text: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check(bool(self.title.strip()), "the name of the model", title=self.title)
        for name in self.text:
            if name not in SECTIONS:
                hint = did_you_mean(name, SECTIONS) or ";"
                raise ValueError(f"text has no {name!r}{hint} it has {', '.join(SECTIONS)}")


def read_words(folder: Path) -> CardWords:
    """Read the `card.toml` of a model's folder.

    Raises:
        FileNotFoundError: there is none.
        ValueError: it is not TOML, has a field that does not exist, or no licence.
    """
    path = folder / FILE
    if not path.is_file():
        raise FileNotFoundError(
            f"there is no {path}; state the licence of the model, such as --license apache-2.0, "
            "and it is begun"
        )
    try:
        fields = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not valid TOML ({error}); correct it") from None
    with storage.parsing(path):
        if not fields.get("license"):
            raise ValueError(
                "it states no licence, which is never guessed; write one, such as "
                'license = "apache-2.0"'
            )
        return from_json(CardWords, {"title": folder.resolve().name, **fields})


def begin_words(folder: Path, license_: str) -> None:
    """Write a `card.toml` with a licence and the names of all texts.

    Raises:
        FileExistsError: there is one, which is never changed.
    """
    path = folder / FILE
    if path.exists():
        raise FileExistsError(f"{path} exists and is never changed; write the licence into it")
    text = _BEGINNING.format(
        title=_quoted(folder.resolve().name),
        license=_quoted(license_),
        names=", ".join(SECTIONS),
    )
    with storage.atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _quoted(text: str) -> str:
    """A string of TOML, whose escapes are those of JSON."""
    return json.dumps(text, ensure_ascii=False)
