"""The published results are those of the card."""

import pytest

from albertlm.recipes.card import PUBLISHED, TASKS, average

AVERAGES = {
    "albert-base-v2": 82.3,
    "albert-large-v2": 85.7,
    "albert-xlarge-v2": 87.9,
    "albert-xxlarge-v2": 90.9,
    "albert-base-v1": 80.1,
    "albert-large-v1": 82.4,
    "albert-xlarge-v1": 85.5,
    "albert-xxlarge-v1": 91.0,
}
"""As the card prints them."""


def test_the_rows_have_the_averages_that_the_card_prints() -> None:
    assert list(PUBLISHED) == list(AVERAGES)
    for name, cells in PUBLISHED.items():
        assert tuple(cells) == TASKS
        mean = average(cells)
        assert mean == pytest.approx(AVERAGES[name], abs=0.0501)


def test_without_a_task_there_is_no_average() -> None:
    cells = dict(PUBLISHED["albert-base-v2"])
    del cells["race"]
    assert average(cells) is None
