import inspect
from collections.abc import Callable
from typing import Any

import huggingface_hub
import pytest
from pydantic import BaseModel, ValidationError

from albertlm.serving.protocols import hub_schemas as schemas

CLIENT = huggingface_hub.InferenceClient

NOT_SENT = {"self", "model"}


def arguments(method: Callable[..., Any]) -> set[str]:
    return set(inspect.signature(method).parameters) - NOT_SENT


@pytest.mark.parametrize(
    ("method", "request_schema", "parameters"),
    [
        (CLIENT.fill_mask, {"text"}, schemas.FillMaskParameters),
        (CLIENT.text_classification, {"text"}, schemas.TextClassificationParameters),
        (CLIENT.token_classification, {"text"}, schemas.TokenClassificationParameters),
        (
            CLIENT.question_answering,
            {"question", "context"},
            schemas.QuestionAnsweringParameters,
        ),
        (CLIENT.zero_shot_classification, {"text"}, schemas.ZeroShotParameters),
        (CLIENT.sentence_similarity, {"sentence", "other_sentences"}, schemas.TextParameters),
        (CLIENT.feature_extraction, {"text"}, schemas.FeatureExtractionRequest),
    ],
)
def test_every_argument_of_the_client_is_a_parameter(
    method: Callable[..., Any], request_schema: set[str], parameters: type[BaseModel]
) -> None:
    assert arguments(method) - request_schema <= set(parameters.model_fields)


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (schemas.FillMaskParameters, {"top_k": True}),
        (schemas.FillMaskParameters, {"top_k": 2.0}),
        (schemas.FillMaskParameters, {"exit_at": 1.5}),
        (schemas.FillMaskParameters, {"clean": "no"}),
        (schemas.ClassifiedTexts, {"text": "a", "text_pair": 3}),
        (schemas.ClassifiedTexts, {"text": "a", "pair": "b"}),
        (schemas.TokenClassificationParameters, {"aggregation_strategy": "last"}),
        (schemas.QuestionAnsweringParameters, {"doc_stride": -1}),
        (schemas.AskedQuestion, {"question": "a"}),
        (schemas.ZeroShotParameters, {}),
        (schemas.FeatureExtractionRequest, {"inputs": "a", "parameters": {"normalize": True}}),
    ],
)
def test_nothing_is_converted_or_ignored(schema: type[BaseModel], value: Any) -> None:
    with pytest.raises(ValidationError):
        schema.model_validate(value)


def test_fields_that_are_ignored_are_allowed() -> None:
    body = {"inputs": "a", "options": {"wait_for_model": True}, "encoding_format": "base64"}
    schemas.FeatureExtractionRequest.model_validate(body)
