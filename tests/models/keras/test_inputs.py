"""All forms of inputs that transformers' TensorFlow classes take, and those that they refuse."""

from collections import UserDict

import numpy as np
import pytest
from known_weights import IDS, MASK, SEGMENTS, SIZES

keras = pytest.importorskip("keras", reason="Keras is not installed")

from albertlm import AlbertConfig  # noqa: E402
from albertlm.models.keras import inputs as forms  # noqa: E402
from albertlm.models.keras.heads import KerasAlbertModel  # noqa: E402

INPUTS = {"input_ids": IDS, "attention_mask": MASK, "token_type_ids": SEGMENTS}


@pytest.fixture(scope="module")
def model():
    return KerasAlbertModel(AlbertConfig.from_dict(SIZES))


def test_all_forms_give_the_same(model):
    tensors = {name: keras.ops.convert_to_tensor(value) for name, value in INPUTS.items()}
    calls = [
        model(INPUTS),
        model(UserDict(tensors)),
        model(**INPUTS),
        model(IDS, MASK, SEGMENTS),
        model(IDS, attention_mask=MASK, token_type_ids=SEGMENTS.astype(np.int8)),
        model([IDS, MASK, SEGMENTS]),
        model((IDS, MASK, SEGMENTS)),
        model({name: value.tolist() for name, value in INPUTS.items()}),
        model({**INPUTS, "position_ids": np.arange(IDS.shape[1])[None]}),
    ]
    first, *others = (keras.ops.convert_to_numpy(output[0]) for output in calls)
    for other in others:
        np.testing.assert_array_equal(first, other)
    assert model(IDS.tolist())[0].shape == model(IDS)[0].shape


def test_embeddings_instead_of_ids(model):
    words = keras.ops.convert_to_numpy(model.albert.embeddings.word_embeddings.embeddings)
    given = {**INPUTS, "inputs_embeds": words[IDS]}
    del given["input_ids"]
    expected, found = (keras.ops.convert_to_numpy(model(each)[0]) for each in (INPUTS, given))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("args", "given", "error", "problem"),
    [
        ((IDS,), {"foo": 1}, TypeError, "unexpected keyword argument 'foo'; known are input_ids"),
        (({"input_ids": IDS},), {"input_ids": IDS}, TypeError, "input_ids is given twice"),
        ((IDS,) * 7, {}, TypeError, "7 inputs are too many; they are input_ids, attention_mask"),
        ((), {}, ValueError, "neither input_ids nor inputs_embeds are given"),
        ((IDS,), {"head_mask": MASK}, ValueError, "head_mask is not supported; leave it out"),
    ],
)
def test_what_is_refused(args, given, error, problem):
    with pytest.raises(error, match=problem):
        forms.named(args, given, labels=())


def test_too_many_tokens(model):
    with pytest.raises(ValueError, match="17 tokens are more than the model's 16 positions; trunc"):
        model(np.ones((1, 17), int))
