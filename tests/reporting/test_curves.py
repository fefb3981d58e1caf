"""What is drawn: the right panels, the same bytes each time, few points of long runs."""

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from albertlm.reporting import curves
from albertlm.reporting.history import History, Series

TEXT = "{http://www.w3.org/2000/svg}text"


def texts(folder: Path) -> list[str]:
    return ["".join(node.itertext()) for node in ET.parse(folder / "curves.svg").iter(TEXT)]


def test_one_run(make_run: Callable[..., Path], tmp_path: Path) -> None:
    lines = [
        (10, {"step": 50, "validation": {"mlm_loss": 7.5, "bits_per_character": 2.0}}),
        (12, {"step": 60, "event": "rollback"}),
    ]
    curves.draw([History.read(make_run(lines=lines))], tmp_path)
    assert matplotlib.image.imread(tmp_path / "curves.png").shape[1] == 1200
    found = texts(tmp_path)
    assert found.count("steps, and tokens seen") == 2
    for label in ("masked-token loss (nats)", "learning rate (10⁻³)", "bits per character"):
        assert label in found
    for entry in ("logged", "held out", "guessing", "rollback"):
        assert entry in found
    assert "1: 8 × 32 tokens, 1 layers" in found
    assert not any(label.startswith(("gradient norm", "waiting", "model FLOPs")) for label in found)


def test_the_bytes_do_not_depend_on_time_or_settings(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = History.read(make_run())
    curves.draw([run], tmp_path / "a")
    with plt.rc_context({"font.size": 30, "lines.linewidth": 9}):
        curves.draw([run], tmp_path / "b")
    for name in ("curves.png", "curves.svg"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    assert "dc:date" not in (tmp_path / "a" / "curves.svg").read_text("utf-8")


def test_several_runs_by_steps_or_by_tokens(make_run: Callable[..., Path], tmp_path: Path) -> None:
    held_out = [(10, {"step": 50, "validation": {"mlm_loss": 7.5}})]
    runs = [History.read(make_run(name, lines=held_out)) for name in ("_first", "a$b$c")]
    curves.draw(runs, tmp_path)
    found = texts(tmp_path)
    assert {"_first", "a$b$c", "steps", "held out:"} <= set(found)
    other = make_run("other", phases=[{"steps": 100, "batch_size": 16, "length": 32}])
    curves.draw([*runs, History.read(other)], tmp_path)
    assert "tokens seen" in texts(tmp_path)


def test_what_is_drawn_of_how_the_run_is_carried_out(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    folder = make_run()
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    more = {"gradient_norm": 1.5, "waited": 0.1, "flops": 5e12}
    text = "\n".join(json.dumps(row | more) for row in rows)
    (folder / "metrics.jsonl").write_text(text, encoding="utf-8")
    curves.draw([History.read(folder)], tmp_path)
    assert {
        "gradient norm before clipping",
        "waiting for data (% of the time)",
        "the model's TFLOP/s",
    } <= set(texts(tmp_path))


def test_a_run_with_one_value(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run(last=0, lines=[(0, {"step": 5, "mlm_loss": 3.0})])
    curves.draw([History.read(folder)], tmp_path)
    assert "steps" in texts(tmp_path)


def test_long_runs_have_small_figures(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run(phases=[{"steps": 10**6, "batch_size": 8, "length": 32}])
    rows = [{"step": n, "mlm_loss": 5 + n % 7, "sop_loss": n % 3} for n in range(1, 30_001)]
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    curves.draw([History.read(folder)], tmp_path)
    assert (tmp_path / "curves.svg").stat().st_size < 300_000


@given(st.integers(1, 10_000))
def test_a_moving_mean_is_over_an_odd_fortieth(points: int) -> None:
    width = curves.smoothing_width(Series(*np.ones((3, points))))
    assert width % 2 == 1
    assert abs(width - points / 40) <= 1


def test_a_run_without_losses_is_an_error(make_run: Callable[..., Path], tmp_path: Path) -> None:
    folder = make_run(last=0, lines=[(0, {"step": 5, "surprise": 3.0})])
    with pytest.raises(ValueError, match="has no values yet"):
        curves.draw([History.read(folder)], tmp_path)
    assert not list(tmp_path.glob("curves.*"))
