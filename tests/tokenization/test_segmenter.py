"""Joined ids, and the interface that both segmenters implement."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.tokenization.google_segmenter import GoogleSegmenter
from albertlm.tokenization.hub_segmenter import HubSegmenter
from albertlm.tokenization.model_file import read_model
from albertlm.tokenization.segmenter import Joined, Segmenter

ROWS = st.lists(st.lists(st.integers(0, 29999), max_size=5), max_size=5)


@given(rows=ROWS)
def test_joined_rows_can_be_separated(rows: list[list[int]]) -> None:
    joined = Joined.from_rows([np.array(row, np.int32) for row in rows])
    assert joined.ids.tolist() == [token_id for row in rows for token_id in row]
    assert joined.lengths.tolist() == [len(row) for row in rows]
    assert [row.tolist() for row in joined.rows()] == rows
    assert joined.ids.dtype == np.int32


@pytest.fixture(scope="module", params=[GoogleSegmenter, HubSegmenter])
def segmenter(request: pytest.FixtureRequest, spiece: Path) -> Segmenter:
    made: Segmenter = request.param(read_model(spiece), do_lower_case=True, keep_accents=False)
    return made


@given(data=st.data())
def test_a_part_that_begins_a_word_is_encoded_as_a_text(
    segmenter: Segmenter, texts: st.SearchStrategy[str], data: st.DataObject
) -> None:
    text = data.draw(texts)
    part = segmenter.encode_part(text, begins_word=True)
    assert part.tolist() == segmenter.encode([text]).ids.tolist()


@pytest.mark.parametrize("begins_word", [True, False])
@given(data=st.data())
def test_each_token_has_a_span(
    segmenter: Segmenter, texts: st.SearchStrategy[str], begins_word: bool, data: st.DataObject
) -> None:
    text = data.draw(texts)
    ids = segmenter.encode_part(text, begins_word=begins_word)
    spans = segmenter.spans(text, ids, begins_word=begins_word)
    assert spans.shape == (len(ids), 2)
    assert spans.dtype == np.int64
