"""Audits: the file of several tests, and the rows of numbers in it."""

from pathlib import Path
from typing import Any

import pytest

from albertlm import storage
from albertlm.reporting.audit import AS_PUBLISHED, FILE, AuditRow, add_test, read_audit


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"weights")
    return path


def test_tests_are_gathered(tmp_path: Path, weights: Path, pairs_found: dict[str, Any]) -> None:
    folder = tmp_path / "audit"
    add_test(folder, "m", weights, "crows-pairs", {**pairs_found, "measures": {}})
    add_test(folder, "m", weights, "crows-pairs", pairs_found)  # replaces the first
    found = read_audit(folder)
    assert found == read_audit(folder / FILE)
    assert (found.model, found.weights) == ("m", storage.sha256(weights))
    rows = list(found.rows)
    assert [(row.measure, row.part) for row in rows[:3]] == [
        ("pll", "all"),
        ("pll", "stereo"),
        ("pll", "gender"),
    ]
    assert rows[0] == AuditRow(
        "crows-pairs",
        "pll",
        "all",
        45.0,
        40.0,
        50.0,
        0.5,
        10,
        0,
        50.0,
        "%",
        "too weak to interpret",
    )
    assert rows[0].cells == (
        "pll",
        "all",
        "45 %",
        "40 to 50",
        "0.5",
        "10",
        "0",
        "too weak to interpret",
    )


def test_what_reproduces_released_code_stands_beside_the_exact_test(
    tmp_path: Path, weights: Path, pairs_found: dict[str, Any]
) -> None:
    folder = tmp_path / "audit"
    add_test(folder, "m", weights, "crows-pairs", pairs_found)
    published = {**pairs_found, "as_published": True}
    found = add_test(folder, "m", weights, f"crows-pairs{AS_PUBLISHED}", published)
    assert [row.measure for row in found.of_card()] == [
        *("pll", "aul", "aula"),
        *("pll as published", "aul as published", "aula as published"),
    ]
    assert {row.test for row in found.rows} == {"crows-pairs"}


def test_an_audit_is_of_one_model(
    tmp_path: Path, weights: Path, pairs_found: dict[str, Any]
) -> None:
    add_test(tmp_path / "audit", "m", weights, "crows-pairs", pairs_found)
    weights.write_bytes(b"others")
    with pytest.raises(ValueError, match="holds the audit of m, or of other weights"):
        add_test(tmp_path / "audit", "m", weights, "crows-pairs", pairs_found)


def test_files_that_are_no_audit(tmp_path: Path, pairs_found: dict[str, Any]) -> None:
    path = tmp_path / FILE
    path.write_text('{"format": "albertlm bias 1"}')
    with pytest.raises(ValueError, match="is of an older albertlm; make the audit again"):
        read_audit(tmp_path)
    path.write_text("{}")
    with pytest.raises(ValueError, match="is no audit"):
        read_audit(tmp_path)
    weights = tmp_path / "none.safetensors"
    add_test(tmp_path / "a", "m", weights, "crows-pairs", pairs_found)
    document = storage.read_json(tmp_path / "a" / FILE)
    assert document["weights"] is None
    del document["tests"]["crows-pairs"]["validity"]
    storage.write_json(path, document)
    with pytest.raises(ValueError, match=r"bias.json is damaged \(KeyError: 'validity'\)"):
        read_audit(path)
