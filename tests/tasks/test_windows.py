"""Windows: Google's rules as loops, properties, offsets into the user's own string."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm import AlbertTokenizer
from albertlm.tasks.windows import Cutting, most_context, question_windows, text_windows

TEXT = "👩‍👩‍👧 The ﬁne café № 5 (by the river) sold 12 pictures. Nobody remembered the island."


def google_ranges(size: int, room: int, shift: int) -> list[tuple[int, int]]:
    """The loop over `doc_spans` of Google's `convert_examples_to_features`."""
    spans, start = [], 0
    while start < size:
        length = min(size - start, room)
        spans.append((start, start + length))
        if start + length == size:
            break
        start += min(length, shift)
    return spans


def google_best(ranges: list[tuple[int, int]], position: int) -> int:
    """The window that `_check_is_max_context` chooses."""
    best, winner = None, -1
    for number, (start, stop) in enumerate(ranges):
        if start <= position < stop:
            score = min(position - start, stop - 1 - position) + 0.01 * (stop - start)
            if best is None or score > best:
                best, winner = score, number
    return winner


@given(size=st.integers(0, 400), room=st.integers(1, 100), data=st.data())
def test_every_token_is_read(size: int, room: int, data: st.DataObject) -> None:
    shift = data.draw(st.none() | st.integers(1, room), label="shift")
    overlap = None if shift else data.draw(st.none() | st.integers(0, room - 1), label="overlap")
    ranges = Cutting(512, shift=shift, overlap=overlap).ranges(size, room)
    assert {at for start, stop in ranges for at in range(start, stop)} == set(range(size))
    assert all(stop - start <= room for start, stop in ranges)
    if shift and size:
        assert ranges == google_ranges(size, room, shift)
    if overlap is not None and len(ranges) > 1:
        assert ranges[0][1] - ranges[1][0] == overlap


@given(size=st.integers(1, 300), room=st.integers(1, 60), data=st.data())
def test_most_context_is_google_s(size: int, room: int, data: st.DataObject) -> None:
    shift = data.draw(st.integers(1, room))
    ranges = Cutting(512, shift=shift).ranges(size, room)
    found = most_context(ranges)
    for position in range(size):
        winners = [
            number
            for number, (start, stop) in enumerate(ranges)
            if start <= position < stop and found[number][position - start]
        ]
        assert winners == [google_best(ranges, position)]


def test_shift_and_overlap_are_two_things() -> None:
    assert Cutting(512, shift=30).ranges(150, 100) == [(0, 100), (30, 130), (60, 150)]
    assert Cutting(512, overlap=30).ranges(150, 100) == [(0, 100), (70, 150)]
    assert Cutting(512).ranges(150, 100) == [(0, 100), (50, 150)]
    assert Cutting(512).ranges(600, 300) == [(0, 300), (128, 428), (256, 556), (384, 600)]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"shift": 128}, "shift=128 is not allowed; it must be at most the 100 tokens that fit"),
        ({"overlap": 100}, "overlap=100 is not allowed; it must be less than the 100 tokens"),
        ({"shift": 5, "overlap": 5}, "shift=5 and overlap=5 are not allowed; they must be given"),
        ({"shift": 0}, "shift=0 is not allowed"),
        ({"overlap": -1}, "overlap=-1 is not allowed"),
        ({"max_question": 0}, "max_question=0 is not allowed"),
    ],
)
def test_windows_that_leave_out_tokens_are_refused(options: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Cutting(110, **options).ranges(300, 100)


def test_a_question_that_leaves_no_room_is_refused(tiny_tokenizer: AlbertTokenizer) -> None:
    with pytest.raises(ValueError, match="a window of 20 tokens leaves no room for the text"):
        question_windows(tiny_tokenizer, ["walked " * 20], ["the river"], Cutting(20))


def test_questions_and_contexts(tiny_tokenizer: AlbertTokenizer) -> None:
    """Each window is a pair, and its spans are those of the whole context."""
    questions, contexts = ["Who walked?", "Where?", "Who walked?"], [TEXT, TEXT, "the river"]
    rows = question_windows(tiny_tokenizer, questions, contexts, Cutting(40, shift=10))
    assert [len(windows) for windows in rows] == [len(rows[0]), len(rows[1]), 1]
    assert len(rows[0]) > 2
    whole = tiny_tokenizer(TEXT, add_special_tokens=False, return_offsets_mapping=True)
    read = []
    for window in rows[0]:
        asked = tiny_tokenizer.encode(questions[0])
        assert window.input_ids[: window.first] == asked
        assert window.input_ids[-1] == tiny_tokenizer.sep_token_id
        assert window.token_type_ids == [0] * len(asked) + [1] * (len(window.spans) + 1)
        assert len(window.input_ids) <= 40
        read += window.spans[window.has_most_context].tolist()
        ids = window.input_ids[window.part]
        for (start, end), token_id in zip(window.spans.tolist(), ids, strict=True):
            assert [token_id, [start, end]] in [
                [known, list(span)]
                for known, span in zip(whole["input_ids"], whole["offset_mapping"], strict=True)
            ]
    assert sorted(read) == [list(span) for span in whole["offset_mapping"]]
    pair = tiny_tokenizer(questions[2], contexts[2])
    assert rows[2][0].input_ids == pair["input_ids"]
    assert rows[2][0].token_type_ids == pair["token_type_ids"]


def test_long_questions_are_cut(tiny_tokenizer: AlbertTokenizer) -> None:
    ((window,),) = question_windows(
        tiny_tokenizer, ["walked " * 20], ["She"], Cutting(64, max_question=5)
    )
    assert window.first == 7
    assert window.input_ids[1:6] == tiny_tokenizer.encode("walked " * 20)[1:6]


def test_texts(tiny_tokenizer: AlbertTokenizer) -> None:
    short, long = text_windows(tiny_tokenizer, ["the river", TEXT], Cutting(20, overlap=4))
    assert short[0].input_ids == tiny_tokenizer.encode("the river")
    assert short[0].token_type_ids == [0] * len(short[0].input_ids)
    assert short[0].has_most_context.all()
    assert len(long) > 2
    assert all(set(window.token_type_ids) == {0} for window in long)
    np.testing.assert_array_equal(long[0].spans[-4:], long[1].spans[:4])


def test_a_text_without_tokens_or_known_tokens(tiny_tokenizer: AlbertTokenizer) -> None:
    ((nothing,),) = text_windows(tiny_tokenizer, ["\u200b"], Cutting(20))
    assert nothing.input_ids == [tiny_tokenizer.cls_token_id, tiny_tokenizer.sep_token_id]
    assert nothing.spans.shape == (0, 2)
    ((unknown,), (known,)) = text_windows(tiny_tokenizer, ["𓀀 𓀁", "𓀀 She"], Cutting(20))
    assert (nothing.is_known, unknown.is_known, known.is_known) == (False, False, True)


def test_nothing_to_read(tiny_tokenizer: AlbertTokenizer) -> None:
    assert text_windows(tiny_tokenizer, [], Cutting(20)) == []
    assert question_windows(tiny_tokenizer, [], [], Cutting(20)) == []
