"""Small tasks that a tiny model learns: who does something, and where."""

from __future__ import annotations

from pathlib import Path

SUBJECTS = ("The old fisherman", "A young model", "Nobody", "She")
OBJECTS = ("the river", "a small town", "the boats", "an island in winter")


def texts_with_labels(count: int) -> list[tuple[str, str]]:
    """Sentences whose label says what was painted; every other text is of `water`."""
    places = {"the river": "water", "the boats": "water"}
    found = []
    for number in range(count):
        thing = OBJECTS[(number + number // 4) % 4]
        text = f"{SUBJECTS[number % 4]} painted {thing}, then walked {number}."
        found.append((text, places.get(thing, "land")))
    return found


def write_csv(path: Path, count: int) -> Path:
    """A table with the columns `text` and `label`."""
    rows = "".join(f'"{text}",{label}\n' for text, label in texts_with_labels(count))
    path.write_text("text,label\n" + rows, encoding="utf-8")
    return path
