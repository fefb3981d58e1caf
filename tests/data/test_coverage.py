"""The proof of coverage: complete whatever the order, ranks and restarts; gaps and repeats show."""

import json
from collections.abc import Callable, Iterable
from itertools import islice
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.data.batches import Batch, Position
from albertlm.data.coverage import Coverage, Total
from albertlm.data.loader import PretrainingData
from albertlm.data.masking import MaskingConfig
from albertlm.data.segments import Objective
from albertlm.data.token_shards import TokenPart

numbers = st.lists(st.integers(0, 2**40), unique=True)


@pytest.fixture(scope="module")
def part(make_tokens: Callable[..., TokenPart], many_documents: list[list[str]]) -> TokenPart:
    return make_tokens(many_documents, shards=3)


@pytest.fixture(scope="module", params=["sop", "nsp", "none"])
def data(request: pytest.FixtureRequest, part: TokenPart) -> PretrainingData:
    objective: Objective = request.param
    return PretrainingData(
        part,
        length=64,
        masking=MaskingConfig(),
        seed=3,
        objective=objective,
        window_tokens=6000,
    )


def covered(batches: Iterable[Batch]) -> Coverage:
    coverage = Coverage()
    for batch in batches:
        coverage.add(batch.epochs, batch.examples)
    return coverage


def read(data: PretrainingData, start: Position, count: int, **share: int) -> list[Batch]:
    return [batch for batch, _ in islice(data.stream(start, 16, **share), count)]


def test_an_epoch_is_covered_by_its_batches(data: PretrainingData) -> None:
    coverage = covered(data.batches(1, 7, with_last=True))
    finding = coverage.compare(1, data.expected(1))
    assert finding.is_exact
    assert finding.verdict == "every example once"
    assert finding.seen == finding.expected == data.examples(1)
    assert not coverage.compare(0, data.expected(0)).is_exact


def test_a_stream_that_is_cut_short_and_goes_on_is_covered(data: PretrainingData) -> None:
    sizes = [data.examples(epoch) for epoch in (0, 1)]
    first = list(islice(data.stream(Position(), 16), sizes[0] // 32))
    coverage = covered(batch for batch, _ in first)
    restored = Coverage.from_dict(json.loads(json.dumps(coverage.to_dict())))
    rest = -(-sum(sizes) // 16) - len(first)
    restored.merge(covered(read(data, first[-1][1], rest)))
    for epoch in (0, 1):
        assert restored.compare(epoch, data.expected(epoch)).is_exact
    seen = restored.totals[2].examples
    assert restored.compare(2, data.expected(2, seen)).is_exact


@pytest.mark.parametrize("ranks", [2, pytest.param(5, marks=pytest.mark.slow)])
def test_ranks_cover_an_epoch_together(data: PretrainingData, ranks: int) -> None:
    count = -(-data.examples(0) // 16)
    merged, table = Coverage(), np.zeros((3, 2), np.int64)
    for rank in range(ranks):
        alone = covered(read(data, Position(), count, rank=rank, ranks=ranks))
        assert "missing" in alone.compare(0, data.expected(0)).verdict
        merged.merge(alone)
        table += alone.to_table(3)
    summed = Coverage.from_table(table)
    assert summed.totals == merged.totals
    assert summed.compare(0, data.expected(0)).is_exact
    assert 2 not in summed.totals


def test_what_a_run_skips_is_missing(data: PretrainingData) -> None:
    stream = list(islice(data.stream(Position(), 16), 4))
    coverage = covered(batch for batch, _ in stream[:2])
    rest = -(-data.examples(0) // 16) - len(stream)
    coverage.merge(covered(read(data, stream[-1][1], rest)))
    assert coverage.compare(0, data.expected(0)).verdict == "32 missing"


def test_a_batch_that_is_left_out_is_missing(data: PretrainingData) -> None:
    batches = list(data.batches(0, 16, with_last=True))
    coverage = covered(batches[:1] + batches[2:])
    assert coverage.compare(0, data.expected(0)).verdict == "16 missing"


def test_a_batch_that_comes_twice_is_found(data: PretrainingData) -> None:
    batches = list(data.batches(0, 16, with_last=True))
    coverage = covered([*batches, batches[3]])
    assert coverage.compare(0, data.expected(0)).verdict == "16 too many"


def test_a_batch_in_the_place_of_another_is_found(data: PretrainingData) -> None:
    batches = list(data.batches(0, 16, with_last=True))
    coverage = covered([batches[0], *batches[:1], *batches[2:]])
    assert coverage.compare(0, data.expected(0)).verdict.startswith("as many as expected, but")


def test_the_first_examples_of_an_epoch(data: PretrainingData) -> None:
    ends = np.cumsum([0, *(len(window) for window in data.windows(0))]).tolist()
    shown = np.concatenate([window.segments.numbers for window in data.windows(0)])
    for count in (0, 1, ends[1], ends[1] + 3, ends[-1]):
        assert data.expected(0, count) == Total.of(shown[:count])


@given(numbers, st.randoms(), st.integers(0, 10))
def test_order_and_cuts_do_not_matter(examples: list[int], random: Random, cut: int) -> None:
    whole = Total.of(np.array(examples, np.int64))
    random.shuffle(examples)
    cut = min(cut, len(examples))
    parts = (np.array(each, np.int64) for each in (examples[:cut], examples[cut:]))
    assert sum(map(Total.of, parts), Total()) == whole


@given(st.dictionaries(st.integers(0, 4), numbers), st.dictionaries(st.integers(0, 4), numbers))
def test_tables_of_ranks_are_summed(
    left: dict[int, list[int]], right: dict[int, list[int]]
) -> None:
    tables, merged = [], Coverage()
    for seen in (left, right):
        coverage = Coverage()
        for epoch, examples in seen.items():
            coverage.add(np.full(len(examples), epoch), np.array(examples, np.int64))
        merged.merge(coverage)
        tables.append(coverage.to_table(5))
    assert Coverage.from_table(np.sum(tables, axis=0)).totals == merged.totals


@given(numbers, numbers)
def test_other_examples_have_another_total(left: list[int], right: list[int]) -> None:
    totals = [Total.of(np.array(each, np.int64)) for each in (left, right)]
    assert (totals[0] == totals[1]) == (set(left) == set(right))
