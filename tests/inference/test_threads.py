"""Small products take one thread where another library computes the model."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from albertlm.inference import processor, threads


def blas_threads() -> set[int]:
    return {each["num_threads"] for each in threadpool_info() if each["user_api"] == "blas"}


class Rows(np.ndarray[Any, Any]):
    """Rows that note how many threads there are for a product with them."""

    noted: ClassVar[list[set[int]]] = []

    def __matmul__(self, other: Any) -> Any:
        self.noted.append(blas_threads())
        return super().__matmul__(other)


def rows(*shape: int) -> Rows:
    return np.random.default_rng(0).normal(size=shape).astype(np.float32).view(Rows)


@pytest.fixture(autouse=True)
def numpy_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    Rows.noted.clear()
    for name in threads.OTHERS:
        monkeypatch.delitem(sys.modules, name, raising=False)


@pytest.fixture
def two_threads() -> Iterator[None]:
    """BLAS has two threads, on a machine with one core as well."""
    with threadpool_limits(2, "blas"):
        yield


@pytest.fixture
def another_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, threads.OTHERS[0], ModuleType(threads.OTHERS[0]))


@pytest.mark.parametrize("shape", [(8,), (3, 8), (2, 5, 8)])
@pytest.mark.usefixtures("another_library", "two_threads")
def test_a_small_product_takes_one_thread(shape: tuple[int, ...]) -> None:
    x, weight = rows(*shape), rows(4, 8)
    expected = np.einsum("...i,oi->...o", np.array(x, np.float64), np.array(weight, np.float64))
    np.testing.assert_allclose(threads.product(x, weight), expected, rtol=1e-5, atol=1e-6)
    assert Rows.noted == [{1}]
    assert blas_threads() == {2}


@pytest.mark.usefixtures("two_threads")
def test_numpy_alone_takes_all_threads() -> None:
    threads.product(rows(3, 8), rows(4, 8))
    assert Rows.noted == [{2}]


@pytest.mark.usefixtures("another_library", "two_threads")
def test_a_large_product_takes_all_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threads, "SMALL", 3 * 4 * 8 - 1)
    threads.product(rows(3, 8), rows(4, 8))
    assert Rows.noted == [{2}]


@pytest.mark.usefixtures("another_library")
def test_the_number_of_threads_is_set_back_after_products_at_once() -> None:
    before = blas_threads()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: threads.product(rows(3, 8), rows(4, 8)), range(100)))
    assert Rows.noted == [{1}] * 100
    assert blas_threads() == before


@pytest.mark.parametrize("count", [0, 1, 2, 5])
@pytest.mark.usefixtures("two_threads")
def test_parts_of_rows_take_a_core_each(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processor, "cores", lambda: 2)
    x, weight = rows(count, 8), rows(4, 8)
    parts = threads.on_cores(lambda part: x[part] @ weight.T, count)
    assert len(parts) == min(count, 2)
    np.testing.assert_allclose(np.concatenate([x[:0] @ weight.T, *parts]), x @ weight.T, rtol=1e-6)
    assert Rows.noted[: len(parts)] == [{1}] * len(parts)
    assert blas_threads() == {2}
