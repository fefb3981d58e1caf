"""The figures of an audit: what they draw, and that they are whole pictures."""

from xml.etree import ElementTree

from albertlm.reporting.audit import AuditRow
from albertlm.reporting.bias_figures import WEAK, forest, heat_map, histogram

ROWS = [
    AuditRow("crows-pairs", "pll", "all", 45.0, 40.0, 50.0, 1508, 50.0, "%", WEAK),
    AuditRow("crows-pairs", "pll", "gender", 55.0, 51.0, 59.0, 262, 50.0, "%", "above the floor"),
]


def texts(svg: str) -> list[str]:
    return ["".join(each.itertext()) for each in ElementTree.fromstring(svg).iter() if each.text]


def test_a_forest_plot_names_all_rows() -> None:
    svg = forest(ROWS, neutral=50.0, unit="%")
    assert svg == forest(ROWS, neutral=50.0, unit="%")  # the same bytes for the same numbers
    told = " ".join(texts(svg))
    for part in ("pll, all", "pll, gender", "n = 1,508", "n = 262", "no preference"):
        assert part in told
    # the model is grey where it is too weak; hollow marks are the published ones of that row
    assert "#888888" in svg
    assert "#0072b2" in svg
    assert "#d55e00" in svg
    assert "#d55e00" not in forest(ROWS[1:], neutral=50.0, unit="%")


def test_other_figures_have_their_labels() -> None:
    told = texts(heat_map(["nurse", "pilot"], ["he", "she"], [[-1.0, 1.0], [0.5, 0.0]]))
    assert {"nurse", "pilot", "he", "she"} <= {*map(str.strip, told)}
    told = texts(histogram({"pll": [-0.5, 0.5], "aul": [0.0]}, "difference"))
    assert any("pll, n = 2" in each for each in told)
    assert any("aul, n = 1" in each for each in told)
    assert heat_map(["nurse"], ["he", "she"], [[0.0, 0.0]]).startswith("<svg")
