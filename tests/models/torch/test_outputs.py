"""Outputs by name, key and place, as those of transformers."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers.modeling_outputs import BaseModelOutputWithPooling

from albertlm.models.torch.outputs import BackboneOutput, PreTrainingOutput

STATES, POOLED = torch.zeros(1, 4, 8), torch.ones(1, 8)


@given(st.booleans(), st.booleans(), st.booleans())
def test_they_behave_as_those_of_transformers(pooled: bool, hidden: bool, weights: bool) -> None:
    fields: dict[str, Any] = {
        "last_hidden_state": STATES,
        "pooler_output": POOLED if pooled else None,
        "hidden_states": (STATES, STATES) if hidden else None,
        "attentions": (POOLED,) if weights else None,
    }
    ours, theirs = BackboneOutput(**fields), BaseModelOutputWithPooling(**fields)
    assert ours.keys() == list(theirs) == list(ours)
    assert len(ours) == len(theirs)
    for number, name in enumerate(theirs):
        assert ours[number] is ours[name] is theirs[name] is getattr(ours, name)
    for part in (slice(None, 2), slice(1, None), slice(-1, None)):
        assert all(ours_ is other for ours_, other in zip(ours[part], theirs[part], strict=True))
    assert dict(zip(ours, ours.to_tuple(), strict=True)).keys() == dict(theirs).keys()


def test_the_loss_comes_first_where_there_is_one() -> None:
    output = PreTrainingOutput(prediction_logits=STATES, sop_logits=POOLED)
    assert output[0] is STATES
    output.loss = torch.tensor(1.0)
    assert output[:2] == (output.loss, STATES)


def test_what_is_not_there_is_named_with_what_is() -> None:
    output = BackboneOutput(last_hidden_state=STATES, pooler_output=POOLED)
    for name in ("attentions", "logits"):
        with pytest.raises(KeyError, match=f"holds last_hidden_state, pooler_output, not '{name}'"):
            output[name]
    with pytest.raises(IndexError):
        output[2]
