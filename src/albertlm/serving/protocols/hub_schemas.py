"""What the tasks of the hub ask for and answer; numbers and flags are never converted."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from albertlm.serving.protocols.schemas import Dimensions, Lenient, Many, Strict, TextList
from albertlm.tasks.words import Strategy

Count = Annotated[int | None, Field(ge=1)]
"""A number of results or tokens; None for the default."""

Probability = Annotated[float | None, Field(ge=0, le=1)]


class HubError(Lenient):
    """An error in the hub's form."""

    error: str


class HubRequest(Strict):
    """What the requests of all tasks have.

    Fields:
        options: is ignored; clients that waited for models by it get 503 with `Retry-After`.
    """

    options: dict[str, Any] | None = None


class TextParameters(Strict):
    """Parameters of tasks that read texts; a default is as in the pipeline of the task."""

    truncation: bool | None = None
    max_length: Count = None


class FillMaskParameters(TextParameters):
    """Parameters of fill-mask; `clean` is true by default, so texts have no special tokens."""

    top_k: Count = None
    targets: str | TextList | None = None
    clean: bool | None = None
    exit_at: Probability = None


class FillMaskRequest(HubRequest):
    """Texts with masks."""

    inputs: str | TextList
    parameters: FillMaskParameters | None = None


class FilledMask(Lenient):
    """A proposal for a mask."""

    sequence: str
    score: float
    token: int
    token_str: str


Filled = list[FilledMask] | list[list[FilledMask]]
"""The proposals for the only mask of a text, or for each of several."""


class FeatureExtractionRequest(HubRequest):
    """Texts for which vectors are computed; `encoding_format` is ignored, as on the hub."""

    inputs: str | TextList
    parameters: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    normalize: bool | None = None
    truncate: bool | None = None
    truncation_direction: Literal["Right", "right"] | None = None
    prompt_name: str | None = None
    dimensions: Dimensions = None
    encoding_format: Literal["float", "base64"] | None = None


class ClassifiedTexts(Strict):
    """A pair of texts, or one text."""

    text: str
    text_pair: str | None = None


class TextClassificationParameters(TextParameters):
    """Parameters of text-classification; all labels are returned by default."""

    top_k: Count = None
    function_to_apply: Literal["sigmoid", "softmax", "none"] | None = None
    windows: bool | None = None
    exit_at: Probability = None


class TextClassificationRequest(HubRequest):
    """Texts or pairs to classify."""

    inputs: str | ClassifiedTexts | Many[str | ClassifiedTexts]
    parameters: TextClassificationParameters | None = None


class ScoredLabel(Lenient):
    """A label and its score."""

    label: str
    score: float


class TokenClassificationParameters(Strict):
    """Parameters of token-classification; `stride` is ignored, since windows overlap anyway."""

    aggregation_strategy: Strategy | None = None
    ignore_labels: TextList | None = None
    stride: Annotated[int | None, Field(exclude=True)] = None


class TokenClassificationRequest(HubRequest):
    """Texts in which entities are found."""

    inputs: str | TextList
    parameters: TokenClassificationParameters | None = None


class FoundEntity(Lenient):
    """An entity, or a token with the strategy `none`; offsets are code points of the text."""

    entity_group: str | None = None
    entity: str | None = None
    index: int | None = None
    score: float
    word: str
    start: int
    end: int


class AskedQuestion(Strict):
    """A question and the text that has the answer."""

    question: str
    context: str


class QuestionAnsweringParameters(Strict):
    """Parameters of question-answering.

    Fields:
        doc_stride: how many tokens neighbouring windows share, at most half of `max_seq_len`, since
            the work grows without bound otherwise.
    """

    top_k: Count = None
    doc_stride: Annotated[int | None, Field(ge=0)] = None
    max_answer_len: Count = None
    max_seq_len: Count = None
    max_question_len: Count = None
    handle_impossible_answer: bool | None = None
    align_to_words: bool | None = None


class QuestionAnsweringRequest(HubRequest):
    """Questions to answer."""

    inputs: AskedQuestion | Many[AskedQuestion]
    parameters: QuestionAnsweringParameters | None = None


class FoundAnswer(Lenient):
    """An answer; offsets are code points of the context."""

    answer: str
    score: float
    start: int
    end: int


class ZeroShotParameters(TextParameters):
    """Parameters of zero-shot-classification; labels may be a string with commas between."""

    candidate_labels: str | TextList
    hypothesis_template: str | None = None
    multi_label: bool | None = None


class ZeroShotRequest(HubRequest):
    """Texts to classify by labels of the request."""

    inputs: str | TextList
    parameters: ZeroShotParameters


class Sentences(Strict):
    """A sentence, and others to compare with it."""

    source_sentence: str
    sentences: TextList


class SentenceSimilarityRequest(HubRequest):
    """Sentences to compare."""

    inputs: Sentences
    parameters: TextParameters | None = None


class OrderedPair(Strict):
    """Two texts, perhaps in order."""

    first: str
    second: str


class SentenceOrderRequest(HubRequest):
    """Pairs whose order is judged."""

    inputs: OrderedPair | Many[OrderedPair]
    parameters: TextParameters | None = None


class ChoiceQuestion(Strict):
    """Choices for what follows a context, or answers a question about it."""

    context: str
    question: str | None = None
    choices: TextList
    id: str | None = None


class MultipleChoiceParameters(Strict):
    """Parameters of multiple-choice."""

    equal_contexts: bool | None = None


class MultipleChoiceRequest(HubRequest):
    """Questions with choices."""

    inputs: ChoiceQuestion | Many[ChoiceQuestion]
    parameters: MultipleChoiceParameters | None = None


class ScoredChoice(Lenient):
    """A choice by its place among the choices."""

    index: int
    choice: str
    score: float
