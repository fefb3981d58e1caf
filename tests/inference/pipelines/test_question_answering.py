"""Question answering: a plain loop over transformers' model, windows, offsets, no answer."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from albertlm import AlbertConfig, AlbertForSquadV2, AlbertTokenizer, pipeline
from albertlm.inference.pipelines.question_answering import QuestionAnswering

CONTEXT = "The old fisherman walked to the river, then got up - and left. She sold 12 pictures."
LONG = (CONTEXT + " A young model (the doctor) painted an island in winter. ") * 3
ODD = "👩‍👩‍👧 The ﬁne cafe\u0301 № 5 (by the river) sold 12 pictures. " * 3
QUESTION = "Who walked to the river?"


@pytest.fixture(scope="module")
def folder(fine_tuned: Callable[..., Path]) -> Path:
    return fine_tuned("AlbertForQuestionAnswering")


@pytest.fixture(scope="module")
def answer(folder: Path) -> QuestionAnswering:
    return pipeline("question-answering", folder)


@pytest.fixture(scope="module")
def conditional(
    tmp_path_factory: pytest.TempPathFactory,
    tiny_vocabulary: Path,
    tiny_config: Callable[..., AlbertConfig],
) -> QuestionAnswering:
    """With Google's head for SQuAD 2.0."""
    folder = tmp_path_factory.mktemp("squad")
    torch.manual_seed(0)
    AlbertForSquadV2(tiny_config()).save_pretrained(folder)
    AlbertTokenizer.from_pretrained(tiny_vocabulary).save_pretrained(folder)
    return pipeline("question-answering", folder)


def loop(
    folder: Path, question: str, context: str, most_tokens: int
) -> tuple[list[tuple[Any, ...]], float]:
    """All answers of the windows of a context with their logits, and the lowest null score.

    Windows of 64 tokens that share 12.
    """
    model = transformers.AlbertForQuestionAnswering.from_pretrained(folder).eval()
    tokenizer = AlbertTokenizer.from_pretrained(folder)
    encoded = tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=64,
        stride=12,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )
    found: dict[str, tuple[Any, ...]] = {}
    nulls = []
    for row, ids in enumerate(encoded["input_ids"]):
        segments = torch.tensor([encoded["token_type_ids"][row]])
        with torch.no_grad():
            output = model(torch.tensor([ids]), token_type_ids=segments)
        starts, ends = output.start_logits[0].tolist(), output.end_logits[0].tolist()
        nulls.append(starts[0] + ends[0])
        spans = encoded["offset_mapping"][row]
        inside = [
            at
            for at, which in enumerate(encoded.sequence_ids(row))
            if which == 1 and spans[at][1] > spans[at][0]
        ]
        for first in inside:
            for last in inside:
                if not first <= last < first + most_tokens:
                    continue
                start, end = spans[first][0], spans[last][1]
                score = starts[first] + ends[last]
                text = context[start:end]
                if text not in found or found[text][0] < score:
                    found[text] = (score, text, start, end)
    return sorted(found.values(), reverse=True), min(nulls)


@pytest.mark.parametrize("engine", ["numpy", "torch"])
def test_short_contexts_against_a_loop(engine: str, folder: Path) -> None:
    context = CONTEXT[:38]
    expected, null = loop(folder, QUESTION, context, 8)
    answer = pipeline("question-answering", folder, engine=engine, dtype="float32")
    options: Any = {"align_to_words": False, "max_answer_len": 8}
    found = answer({"question": QUESTION, "context": context}, top_k=5, **options)
    assert [(each["answer"], each["start"], each["end"]) for each in found] == [
        each[1:] for each in expected[:5]
    ]
    best = [each[0] for each in expected[:20]]
    total = sum(math.exp(score) for score in best)
    np.testing.assert_allclose(
        [each["score"] for each in found],
        [math.exp(score) / total for score in best[:5]],
        atol=1e-4,
    )
    (answers,) = answer.answers([QUESTION], [context], **options)
    assert answers.null_odds == pytest.approx(null - best[0], abs=1e-4)
    with_null = answer(
        question=QUESTION, context=context, top_k=20, handle_impossible_answer=True, **options
    )
    assert len(with_null) == 20
    nothing = [each for each in with_null if not each["answer"]]
    if nothing:
        (only,) = nothing
        assert only["score"] == pytest.approx(math.exp(null) / (total + math.exp(null)), abs=1e-4)


def test_long_contexts_are_read_to_their_end(folder: Path, answer: QuestionAnswering) -> None:
    """Windows differ from the loop's only in which of them a start is taken from."""
    expected, null = loop(folder, QUESTION, LONG, 30)
    (found,) = answer.answers([QUESTION], [LONG], overlap=12, align_to_words=False)
    scores = {text: score for score, text, *_ in expected}
    for candidate in found.candidates:
        assert LONG[candidate.start : candidate.end] == candidate.text
        assert candidate.score <= scores[candidate.text] + 1e-4
    assert len({candidate.text for candidate in found.candidates}) == 20
    assert found.null_odds == pytest.approx(null - found.candidates[0].score, abs=1e-4)
    ends = [
        candidate.end for candidate in answer.answers([QUESTION], [LONG], top_k=500)[0].candidates
    ]
    assert max(ends) > len(LONG) - 20


@pytest.mark.parametrize("name", ["answer", "conditional"])
def test_offsets_are_those_of_the_text(name: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(name)
    for aligned in (True, False):
        found = answer(question="Who?", context=ODD, top_k=5, align_to_words=aligned)
        assert len(found) > 1
        for each in found:
            assert ODD[each["start"] : each["end"]] == each["answer"] != ""


def test_answers_are_extended_to_words(answer: QuestionAnswering) -> None:
    words = set(CONTEXT.replace(",", " ,").replace(".", " .").split())
    aligned = answer(question="Who?", context=CONTEXT, top_k=20)
    assert all(
        set(each["answer"].replace(",", " ,").replace(".", " .").split()) <= words
        for each in aligned
    )
    pieces = answer(question="Who?", context=CONTEXT, top_k=20, align_to_words=False)
    assert not all(set(each["answer"].replace(".", " .").split()) <= words for each in pieces)


def test_google_s_head(conditional: QuestionAnswering) -> None:
    """The beam of the torch model, filtered as Google does, with its logit of "no answer"."""
    context = CONTEXT[:38]
    model = AlbertForSquadV2.from_pretrained(Path(conditional.tokenizer.vocab_file).parent)
    encoded = conditional.tokenizer(
        QUESTION, context, return_tensors="pt", return_offsets_mapping=True
    )
    inside = [which == 1 for which in encoded.sequence_ids()]
    barred = torch.tensor([[not each for each in inside]])
    barred[0, 0] = False
    with torch.no_grad():
        beam = model(encoded["input_ids"], None, encoded["token_type_ids"], no_answer_mask=barred)
    spans = encoded["offset_mapping"][0].tolist()
    expected = []
    for i, start in enumerate(beam.start_positions[0].tolist()):
        for j, end in enumerate(beam.end_positions[0, i].tolist()):
            shown = all(spans[at][1] > spans[at][0] for at in (start, end))
            if inside[start] and inside[end] and start <= end < start + 30 and shown:
                score = beam.start_log_probs[0, i] + beam.end_log_probs[0, i, j]
                expected.append((score.item(), context[spans[start][0] : spans[end][1]]))
    expected.sort(reverse=True)
    (found,) = conditional.answers([QUESTION], [context], align_to_words=False)
    assert [candidate.text for candidate in found.candidates] == [text for _, text in expected]
    assert found.null_odds == pytest.approx(beam.unanswerable_logits.item(), abs=1e-4)
    impossible = conditional(
        question=QUESTION, context=context, handle_impossible_answer=True, align_to_words=False
    )
    assert impossible["answer"] == ("" if found.null_odds > 0 else expected[0][1])


def test_windows_may_be_shorter_than_the_model_reads(answer: QuestionAnswering) -> None:
    found = answer(question="Who?", context=LONG, max_seq_len=30, shift=10, top_k=2)
    assert all(LONG[each["start"] : each["end"]] == each["answer"] for each in found)
    assert found != answer(question="Who?", context=LONG, top_k=2)


def test_many_questions(answer: QuestionAnswering) -> None:
    """As alone, in any order, and in windows of any batch."""
    inputs = [
        {"question": QUESTION, "context": LONG, "id": "a"},
        {"question": "Who?", "context": CONTEXT},
        {"question": "Where?", "context": LONG},
    ]
    alone = [answer(each) for each in inputs]
    for order in ([0, 1, 2], [2, 0, 1]):
        found = answer((inputs[at] for at in order), batch_size=3)
        for at, each in zip(order, found, strict=True):
            assert each["answer"] == alone[at]["answer"]
            assert each["start"] == alone[at]["start"]
            assert each["score"] == pytest.approx(alone[at]["score"], abs=1e-5)
    assert answer([]) == []
    assert list(alone[0]) == ["answer", "score", "start", "end"]
    json.dumps(alone)


@pytest.mark.parametrize("name", ["answer", "conditional"])
def test_contexts_that_nothing_is_known_of(name: str, request: pytest.FixtureRequest) -> None:
    answer = request.getfixturevalue(name)
    for context in ("𓀀 𓀁", "\u200b"):
        expected = {"answer": "", "score": 1.0, "start": 0, "end": 0}
        assert answer(question="Who?", context=context) == expected
        assert answer(question="Who?", context=context, top_k=3) == [expected]


def test_questions_are_cut_with_a_warning(answer: QuestionAnswering) -> None:
    long = "walked " * 20
    with pytest.warns(UserWarning, match="1 of 2 questions are longer than 10 tokens; their end"):
        answer([{"question": q, "context": CONTEXT} for q in (long, "Who?")], max_question_len=10)


@pytest.mark.parametrize(
    ("inputs", "options", "said"),
    [
        ({"question": "", "context": "a"}, {}, "input 1 has an empty question; give one with"),
        ({"question": "a", "context": " ", "id": "q7"}, {}, "the input 'q7' has an empty context"),
        ([{"question": "a", "context": "a"}, {"question": "a"}], {}, "input 2 has no context"),
        ({"question": "a", "context": 5}, {}, "input 1 has no string as context"),
        ({"question": "a", "text": "b"}, {}, "input 1 has an unknown key 'text'; the keys are qu"),
        (["a"], {}, "input 1 is 'a'; give a mapping with 'question'"),
        ("a", {}, "give a mapping, such as"),
        (None, {"question": "a"}, "input 1 has no context"),
        ({"question": "a", "context": "a"}, {"question": "a"}, "give either inputs, or a question"),
        ({"question": "a", "context": "a"}, {"top_k": 0}, "top_k=0 is not allowed"),
        ({"question": "a", "context": "a"}, {"max_answer_len": 0}, "max_answer_len=0 is not all"),
        ({"question": "a", "context": "a"}, {"max_seq_len": 65}, "max_seq_len=65 is not allowed"),
        ({"question": "a", "context": "a"}, {"doc_stride": 5}, "no option 'doc_stride'"),
        ({"question": "Who?", "context": LONG}, {"shift": 60}, "shift=60 is not allowed; it must"),
        ({"question": "Who?", "context": LONG}, {"overlap": 60}, "overlap=60 is not allowed; it"),
    ],
)
def test_bad_input(
    inputs: Any, options: dict[str, Any], said: str, answer: QuestionAnswering
) -> None:
    with pytest.raises(ValueError, match=said):
        answer(inputs, **options)


def test_a_head_that_was_never_trained_is_refused(tiny_folder: Path) -> None:
    with pytest.raises(ValueError, match=r"no trained qa_outputs\.weight, qa_outputs\.bias; use"):
        pipeline("question-answering", tiny_folder)
