"""Contrasts are shown of the items that differ most, in either direction."""

import numpy as np

from albertlm.evaluation.bias.contrasts import SHOWN, Contrast, largest


def test_the_largest_differences_come_first() -> None:
    texts = [("a", "A"), ("b", "B"), ("c", "C")]
    found = largest(texts, ["x", "y", "x"], np.array([0.1, -2.0, 1.0]))
    assert found == [
        Contrast("b", "B", "y", -2.0),
        Contrast("c", "C", "x", 1.0),
        Contrast("a", "A", "x", 0.1),
    ]
    many = largest([("a", "A")] * 50, ["x"] * 50, np.arange(50.0))
    assert [each.difference for each in many] == list(range(49, 49 - SHOWN, -1))
