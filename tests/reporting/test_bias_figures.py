"""The figures of an audit: what they draw, and that they are whole pictures."""

from dataclasses import replace
from xml.etree import ElementTree

from albertlm.evaluation.bias.validity import ABOVE_FLOOR, TOO_WEAK
from albertlm.reporting.audit import AS_PUBLISHED, AuditRow
from albertlm.reporting.bias_figures import (
    forest,
    heat_map,
    histogram,
    published,
    scatter,
    svg,
)

ROWS = [
    AuditRow("crows-pairs", "pll", "all", 45.0, 40.0, 50.0, None, 1508, 0, 50.0, "%", TOO_WEAK),
    AuditRow("crows-pairs", "pll", "gender", 55.0, 51.0, 59.0, 0.1, 262, 0, 50.0, "%", ABOVE_FLOOR),
    AuditRow("probe", "bias", "a less b", 0.1, -1.0, 1.2, 0.5, 9, 0, 0.0, "nats", ABOVE_FLOOR),
    AuditRow("stereoset", "lms", "all", 60.0, 55.0, 65.0, None, 9, 0, None, "%", ABOVE_FLOOR),
]


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter() if each.text]


def test_a_forest_plot_names_all_rows() -> None:
    drawn = svg(forest(ROWS))
    assert drawn == svg(forest(ROWS))  # the same bytes for the same numbers
    told = " ".join(texts(drawn))
    for part in ("pll, all", "pll, gender", "n = 1,508", "n = 262", "%; the grey line", "nats; "):
        assert part in told
    assert "lms" not in told  # no value of it is one of no preference
    # the model is grey where it is too weak; hollow marks are the published ones of that row
    assert "#888888" in drawn
    assert "#0072b2" in drawn
    assert "#d55e00" in drawn
    assert "#d55e00" not in svg(forest(ROWS[1:]))
    assert published(replace(ROWS[0], measure=f"pll{AS_PUBLISHED}")) == published(ROWS[0])


def test_other_figures_have_their_labels() -> None:
    told = texts(svg(heat_map(["nurse", "pilot"], ["he", "she"], [[-1.0, 1.0], [0.5, 0.0]])))
    assert {"nurse", "pilot", "he", "she"} <= {*map(str.strip, told)}
    told = texts(svg(histogram({"pll": [-0.5, 0.5], "aul": [0.0]}, "difference")))
    assert any("pll, n = 2" in each for each in told)
    assert any("aul, n = 1" in each for each in told)
    numbers = {f"word{n}": float(n) for n in range(20)}
    told = texts(svg(scatter(numbers, numbers, ("rating", "preference"))))
    assert {"rating", "preference", "word0", "word19"} <= {*told}
    assert "word10" not in told  # only the outermost are named
    assert svg(heat_map(["nurse"], ["he", "she"], [[0.0, 0.0]])).startswith("<svg")
