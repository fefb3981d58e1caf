"""The results of the eight released models, as their model cards print them."""

from __future__ import annotations

from collections.abc import Mapping

from albertlm.recipes.published import SIZES, VERSIONS

TASKS = ("squad1", "squad2", "mnli", "sst2", "race")
"""The tasks of the table, in its order; of MNLI the matched half."""

Cell = tuple[float, ...]
"""F1 and exact match for SQuAD, and the accuracy for the others, in percent."""

SELECTION = "best look at dev, one every 100 steps of one run"
"""How the checkpoints of these numbers were chosen (run_glue.sh and run_classifier.py of
google-research/albert).
"""

_ROWS = {
    "v2": {
        "base": ((90.2, 83.2), (82.1, 79.3), (84.6,), (92.9,), (66.8,)),
        "large": ((91.8, 85.2), (84.9, 81.8), (86.5,), (94.9,), (75.2,)),
        "xlarge": ((92.9, 86.4), (87.9, 84.1), (87.9,), (95.4,), (80.7,)),
        "xxlarge": ((94.6, 89.1), (89.8, 86.9), (90.6,), (96.8,), (86.8,)),
    },
    "v1": {
        "base": ((89.3, 82.3), (80.0, 77.1), (81.6,), (90.3,), (64.0,)),
        "large": ((90.6, 83.9), (82.3, 79.4), (83.5,), (91.7,), (68.5,)),
        "xlarge": ((92.5, 86.1), (86.1, 83.1), (86.4,), (92.4,), (74.8,)),
        "xxlarge": ((94.8, 89.3), (90.2, 87.4), (90.8,), (96.9,), (86.5,)),
    },
}

PUBLISHED: dict[str, dict[str, Cell]] = {
    f"albert-{size}-{version}": dict(zip(TASKS, _ROWS[version][size], strict=True))
    for version in reversed(VERSIONS)
    for size in SIZES
}
"""The cells of each model, in the order of the card."""


def average(cells: Mapping[str, Cell]) -> float | None:
    """The mean over the five tasks of the means of their cells; None if a task is missing.

    It reproduces the averages of the card.
    """
    if any(task not in cells for task in TASKS):
        return None
    return sum(sum(cells[task]) / len(cells[task]) for task in TASKS) / len(TASKS)
