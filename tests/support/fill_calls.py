"""Results of `FillMask` as one type: its own depends on the number of masks in a text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Unpack, cast

from albertlm.inference.pipelines.fill_mask import Fill, FillMask, FillMaskOptions


def fills(unmasker: FillMask, text: str, **options: Unpack[FillMaskOptions]) -> list[Fill]:
    """The proposals for a text with one mask."""
    return cast(list[Fill], unmasker(text, **options))


def by_mask(text: str, result: Any) -> list[list[Fill]]:
    """The result for a text, as a list of proposals for each of its masks."""
    return cast(list[list[Fill]], result if text.count("[MASK]") > 1 else [result])


def scores(proposals: Sequence[Fill]) -> list[float]:
    return [fill["score"] for fill in proposals]
