"""Write docs/results.md from the files in benchmarks/results."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.reporting.page import table

HERE = Path(__file__).parent
REPORT = HERE.parent / "docs" / "results.md"
HEAD = """# Results

Every number here is written by `make benchmarks`, `make campaign` or `make finetuning-table` or,
from the files in `benchmarks/results`, by `make results`. Nothing is typed in by hand. Contestants
run in turns in the same run, and medians are given.
"""


def report() -> str:
    """Return the whole page."""
    return "\n".join(
        [HEAD, *(_section(path) for path in sorted((HERE / "results").glob("*.json")))]
    )


def _section(path: Path) -> str:
    result = json.loads(path.read_text(encoding="utf-8"))
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in result["versions"].items())
    hardware = f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB"
    lines = [
        f"## {path.stem}",
        "",
        _docstring(HERE / f"{path.stem}.py"),
        "",
        f"{hardware}; {result['date']}; {versions}.",
        "",
        *_tables(result["measurements"], level=3),
    ]
    return "\n".join(lines)


def _docstring(script: Path) -> str:
    if not script.exists():
        return ""
    return ast.get_docstring(ast.parse(script.read_text(encoding="utf-8"))) or ""


def _tables(values: dict[str, Any], level: int) -> list[str]:
    """Return numbers as a table, groups of them as rows of another, others under headings."""
    plain = {key: value for key, value in values.items() if not isinstance(value, dict)}
    groups = {key: value for key, value in values.items() if isinstance(value, dict)}
    rows = {key: value for key, value in groups.items() if not _has_groups(value)}
    lines = []
    if plain:
        lines += _table(["measurement", "value"], [[key, value] for key, value in plain.items()])
    if rows:
        columns = list(dict.fromkeys(column for row in rows.values() for column in row))
        body = [[key, *(row.get(column, "") for column in columns)] for key, row in rows.items()]
        lines += _table(["", *columns], body)
    for key, group in groups.items():
        if key not in rows:
            lines += [f"{'#' * level} {_cell(key)}", "", *_tables(group, level + 1)]
    return lines


def _has_groups(values: dict[str, Any]) -> bool:
    return any(isinstance(value, dict) for value in values.values())


def _table(columns: list[str], rows: list[list[Any]]) -> list[str]:
    cells = [[_cell(cell) for cell in row] for row in rows]
    return [table([_cell(each) for each in columns], cells, left=len(columns)), ""]


def _cell(value: Any) -> str:
    match value:
        case float():
            return f"{value:.4g}" if abs(value) < 1000 else f"{value:,.0f}"
        case int() if not isinstance(value, bool):
            return f"{value:,}"
        case list():
            return ", ".join(map(_cell, value))
        case _:
            return str(value).replace("_", " ")


def main() -> None:
    with storage.atomic_path(REPORT) as temporary:
        temporary.write_text(report(), encoding="utf-8")
    print(f"written to {REPORT}")


if __name__ == "__main__":
    main()
