import json
from pathlib import Path

import pytest

from albertlm.training.metrics import METRICS, MetricsLog


def lines(run: Path) -> list[dict[str, float]]:
    return list(map(json.loads, (run / METRICS).read_text("utf-8").splitlines()))


def test_a_line_holds_sums_and_means(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, 0, 2)
    for step in range(1, 6):
        log.add(step, {"mlm_loss": float(step), "tokens": 10.0, "seconds": 0.5}, last=step == 5)
    log.close()
    assert lines(tmp_path) == [
        {"step": 2, "mlm_loss": 1.5, "tokens": 20.0, "seconds": 1.0},
        {"step": 4, "mlm_loss": 3.5, "tokens": 20.0, "seconds": 1.0},
        {"step": 5, "mlm_loss": 5.0, "tokens": 10.0, "seconds": 0.5},
    ]


def test_a_mean_over_pairs_has_their_weight(tmp_path: Path) -> None:
    """A step without pairs has none, and a line of such steps neither."""
    steps: list[dict[str, float]] = [
        {"mlm_loss": 4.0, "pairs": 1, "sop_loss": 0.9},
        {"mlm_loss": 3.0, "pairs": 3, "sop_loss": 0.5},
        {"mlm_loss": 2.0, "pairs": 0},
        {"mlm_loss": 1.0, "pairs": 0},
    ]
    log = MetricsLog(tmp_path, 0, 3, {"sop_loss": "pairs"})
    for number, values in enumerate(steps, start=1):
        log.add(number, values, last=number == 4)
    log.close()
    assert lines(tmp_path) == [
        {"step": 3, "mlm_loss": 3.0, "pairs": 4, "sop_loss": pytest.approx((0.9 + 3 * 0.5) / 4)},
        {"step": 4, "mlm_loss": 1.0, "pairs": 0},
    ]


@pytest.mark.parametrize("tail", ["", '{"step": 3, "mlm_', '{"step": 9, "mlm_loss": 1.0}\n'])
def test_what_lies_behind_the_step_is_cut_off(tmp_path: Path, tail: str) -> None:
    log = MetricsLog(tmp_path, 0, 1)
    log.add(1, {"mlm_loss": 3.0})
    log.validation(1, {"mlm_loss": 4.0})
    log.event(2, "rollback", reason="a jump")
    log.close()
    with (tmp_path / METRICS).open("a", encoding="utf-8") as file:
        file.write(tail)
    MetricsLog(tmp_path, 1, 1).close()
    assert lines(tmp_path) == [
        {"step": 1, "mlm_loss": 3.0},
        {"step": 1, "validation": {"mlm_loss": 4.0}},
    ]


def test_without_a_folder_nothing_is_written(tmp_path: Path) -> None:
    log = MetricsLog(None, 0, 1)
    log.add(1, {"mlm_loss": 3.0})
    log.event(1, "rollback")
    log.close()
    assert not list(tmp_path.iterdir())
