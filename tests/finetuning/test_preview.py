"""What a dry run tells."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from albertlm.finetuning import preview as previews
from albertlm.finetuning.job import FinetuningJob
from albertlm.finetuning.preview import preview


def test_data_and_cost(
    make_job: Callable[..., FinetuningJob], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(previews, "matrix_rate", lambda *_, **__: 1e9)
    prepared = make_job().prepare()
    found = preview(prepared)
    lengths = sorted(len(feature.rows[0].input_ids) for feature in prepared.features)
    assert (found.train, found.dev, found.windows) == (36, 4, 36)
    assert found.labels == {"land": (18, 2), "water": (18, 2)}
    assert found.lengths["longest"] == lengths[-1]
    assert found.lengths["median"] == (lengths[17] + lengths[18]) // 2
    assert (found.steps, found.epochs, found.looks) == (18, 6, 3)
    assert found.truncated == 0
    assert found.leaks == 0
    assert found.memory > 1e5
    operations = found.seconds * 1e9 * previews.UTILISATION
    layers = 3 * 2 * (4 * 32 * 32 + 2 * 32 * 48) + 2 * 16 * 32  # of a token, without attention
    of_rows = sum(length * (layers + 3 * 4 * 32 * length) for length in lengths)
    assert operations == pytest.approx(3 * 6 * of_rows, rel=0.01)
    cut = preview(make_job(changes=("length=12",)).prepare())
    assert cut.lengths["longest"] == 12
    assert cut.truncated == 1
