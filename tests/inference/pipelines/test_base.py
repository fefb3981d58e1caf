"""The base of all pipelines: checks, batches and options."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers

from albertlm import AlbertTokenizer, pipeline
from albertlm.inference.engines import open_engine
from albertlm.inference.pipelines.base import Pipeline, as_batch, quote

TEXTS = ["She walked to the [MASK].", "A young [MASK]"]
ITERABLES: dict[str, Callable[[list[str]], Any]] = {
    "tuple": tuple,
    "generator": lambda texts: (text for text in texts),
    "map": lambda texts: map(str, texts),
    "array": np.array,
    "array of objects": lambda texts: np.array(texts, object),
    "keys": lambda texts: dict.fromkeys(texts).keys(),
    "values": lambda texts: dict(enumerate(texts)).values(),
}


@pytest.fixture
def plain(tiny_folder: Path) -> Pipeline:
    return Pipeline(open_engine("numpy", tiny_folder), AlbertTokenizer.from_pretrained(tiny_folder))


def test_results_are_in_the_order_of_the_texts(plain: Pipeline) -> None:
    rows = plain._tokenize(["She walked.", "A young model walked to the river.", "She", "Nobody"])
    sizes: list[int] = []

    def lengths(numbers: list[int]) -> list[int]:
        sizes.append(len(numbers))
        return [len(rows[number].input_ids) for number in numbers]

    expected = [len(row.input_ids) for row in rows]
    assert plain._in_batches(rows, 3, lengths) == expected
    assert sizes == [3, 1]


@pytest.mark.parametrize(
    ("texts", "said"),
    [
        ([""], "a text is empty"),
        (["She", 5], "5 has type int; give a string"),
        (
            ["walked " * 80],
            "'walked walked .*…' has .* tokens, but the model reads at most 64; shorten",
        ),
    ],
)
def test_bad_texts(plain: Pipeline, texts: list[str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        plain._tokenize(texts)


@pytest.fixture(scope="module")
def calls(tiny_folder: Path) -> dict[str, Callable[[Iterable[str]], Any]]:
    """A call of each task's pipeline with texts."""
    order = pipeline("sentence-order", tiny_folder)
    return {
        "fill-mask": pipeline("fill-mask", tiny_folder),
        "feature-extraction": pipeline("feature-extraction", tiny_folder, pooling="mean"),
        "sentence-order": lambda texts: order(texts, iter(TEXTS)),
    }


@pytest.mark.parametrize("task", ["fill-mask", "feature-extraction", "sentence-order"])
@pytest.mark.parametrize("kind", ITERABLES)
def test_any_iterable_of_texts_is_a_batch(
    kind: str, task: str, calls: dict[str, Callable[[Iterable[str]], Any]]
) -> None:
    found, expected = calls[task](ITERABLES[kind](TEXTS)), calls[task](TEXTS)
    assert isinstance(found, list)
    assert len(found) == len(TEXTS)
    assert np.array_equal(found, expected)


def test_a_series_of_pandas_is_a_batch() -> None:
    series = pytest.importorskip("pandas").Series(TEXTS, index=[7, 5])
    assert as_batch(series) == as_batch(iter(TEXTS)) == TEXTS


@pytest.mark.parametrize("texts", [None, 5, b"She", {"text": "She"}, {"She"}, frozenset(["She"])])
def test_what_is_no_batch_is_refused(texts: Any) -> None:
    with pytest.raises(ValueError, match=r"^texts is .*; give a string or a list of strings$"):
        as_batch(texts)


def test_no_texts_are_no_rows(plain: Pipeline) -> None:
    assert plain._tokenize([]) == []


def test_a_tokenizer_of_another_model_is_refused(plain: Pipeline, shared_data: Path) -> None:
    large = AlbertTokenizer(shared_data / "albert-vocab" / "spiece.model")
    with pytest.raises(ValueError, match="the tokenizer has 30000 pieces and the model 70"):
        Pipeline(plain.engine, large)


def test_options_have_defaults_that_a_pipeline_may_change(plain: Pipeline) -> None:
    defaults = {"truncation": False, "max_length": None, "batch_size": 16}
    assert plain._chosen({}) == defaults
    other = Pipeline(plain.engine, plain.tokenizer, batch_size=3)
    assert other._chosen({}) == defaults | {"batch_size": 3}
    assert other._chosen({"batch_size": 5}) == defaults | {"batch_size": 5}
    with pytest.raises(ValueError, match="Pipeline has no option 'batchsize'; did you mean 'batch"):
        other._chosen({"batchsize": 5})
    for size in (0, 2.0, None, True):
        with pytest.raises(ValueError, match=f"batch_size={size} is not allowed; it must be an"):
            Pipeline(plain.engine, plain.tokenizer, batch_size=size)


LONG = f"[MASK] {'walked ' * 80}"


@pytest.mark.parametrize(
    ("options", "length"),
    [
        ({"truncation": True}, 64),
        ({"max_length": 9}, 9),
        ({"truncation": True, "max_length": 9}, 9),
        ({"tokenizer_kwargs": {"truncation": True, "max_length": 9}}, 9),
        ({"tokenizer_kwargs": {"truncation": True}, "max_length": 9}, 9),
    ],
)
def test_long_texts_are_truncated_if_asked(
    options: dict[str, Any], length: int, tiny_folder: Path
) -> None:
    extract = pipeline("feature-extraction", tiny_folder)
    in_call = extract(LONG, **options)
    assert len(in_call) == length
    assert np.array_equal(pipeline("feature-extraction", tiny_folder, **options)(LONG), in_call)


def test_texts_are_truncated_as_in_transformers(tiny_folder: Path) -> None:
    theirs = transformers.pipeline("fill-mask", str(tiny_folder))
    options: Any = {"tokenizer_kwargs": {"truncation": True, "max_length": 9}, "top_k": 3}
    expected = theirs(LONG, **options)
    found = pipeline("fill-mask", tiny_folder, hub_mode=True)(LONG, clean=True, **options)
    assert [fill["sequence"] for fill in found] == [fill["sequence"] for fill in expected]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"max_length": 65}, "max_length=65 is not allowed; it must be at most 64, which is all"),
        ({"max_length": 0}, "max_length=0 is not allowed; it must be an integer of 1 or more"),
        ({"max_length": 1}, "max_length=1 is not allowed; it must be an integer of 3 or more"),
        ({"tokenizer_kwargs": {"padding": True}}, "no option 'padding'"),
        ({"tokenizer_kwargs": 5}, "tokenizer_kwargs=5 is not allowed; it must be a mapping"),
    ],
)
def test_bad_truncation(options: dict[str, Any], said: str, tiny_folder: Path) -> None:
    extract = pipeline("feature-extraction", tiny_folder)
    with pytest.raises(ValueError, match=said):
        extract(LONG, **options)


def test_long_texts_are_quoted_by_their_beginning() -> None:
    assert quote("a" * 50) == repr("a" * 40 + "…")
    assert quote(["b"]) == "['b']"
