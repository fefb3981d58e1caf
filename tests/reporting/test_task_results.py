"""Results of tasks are gathered into the table of the card, with what they rest on."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from albertlm.reporting.task_results import (
    COLUMNS,
    card_rows,
    detail_rows,
    glue_rows,
    published_results,
    read_results,
    write_table,
)
from albertlm.tasks.glue import TASKS as GLUE

Save = Callable[..., Path]

CARD = {
    "squad1": {"exact_match": 80.0, "f1": 90.0},
    "squad2": {"exact": 70.0, "f1": 74.0, "total": 11873},
    "mnli": {"accuracy": 0.8},
    "sst2": {"accuracy": 0.9},
    "race": {"accuracy": 0.6, "middle": 0.62, "high": 0.5},
}


@pytest.fixture
def save(tmp_path: Path) -> Save:
    """Writes a result, and gives its path."""

    def to_file(name: str, **fields: Any) -> Path:
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps({"n": 1000} | fields), encoding="utf-8")
        return path

    return to_file


def test_the_columns_of_the_card(save: Save) -> None:
    paths = [save(task, model="ours", task=task, scores=found) for task, found in CARD.items()]
    paths.append(
        save("mm", model="ours", task="mnli", split="dev_mismatched", scores={"accuracy": 0.7})
    )
    paths.append(save("other", task="sst2", split="dev", scores={"accuracy": 0.5}))
    rows = card_rows(read_results(paths))
    average = (85 + 72 + 80 + 90 + 60) / 5
    assert rows == [
        ["ours", f"{average:.1f}", "90.0/80.0", "74.0/70.0", "80.0", "90.0", "60.0"],
        ["other", "–", "–", "–", "–", "50.0", "–"],
    ]


def test_the_released_models_are_as_on_their_card() -> None:
    rows = card_rows(published_results())
    assert [row[1] for row in rows] == [
        "82.3",
        "85.7",
        "87.9",
        "90.9",
        "80.1",
        "82.4",
        "85.5",
        "91.0",
    ]
    base = ["albert-base-v2 (card)", "82.3", "90.2/83.2", "82.1/79.3", "84.6", "92.9", "66.8"]
    assert rows[0] == base


def test_details_say_what_a_score_rests_on(save: Save) -> None:
    told = {"split": "dev", "selection": "best of 5 looks", "looks": 5}
    seeds = [
        save(f"s{seed}", model="m", task="sst2", seed=seed, scores={"accuracy": score}, **told)
        for seed, score in ((1, 0.88), (2, 0.92))
    ]
    (row,) = detail_rows(read_results(seeds))
    assert dict(zip(COLUMNS, row, strict=True)) == {
        "model": "m",
        "task": "sst2",
        "split": "dev",
        "metric": "accuracy",
        "score": "90.0",
        "95 % interval": "88.0 to 91.7",
        "n": "1,000",
        "seeds": "2",
        "lowest to highest": "88.0 to 92.0",
        "selection": "best of 5 looks",
        "looks at dev": "5",
    }


def test_scores_of_other_kinds(save: Save) -> None:
    paths = [
        save(
            "stsb", task="stsb", scores={"pearson": 0.9, "spearman": 0.8, "mean_squared_error": 1.5}
        ),
        save("race", task="race", scores={"accuracy": 0.5}),
        save("own", task="own", scores={"micro_f1": 0.5, "mean_squared_error": 1.5}),
    ]
    rows = [row[3:6] for row in detail_rows(read_results(paths))]
    assert rows == [
        ["pearson", "90.0", "88.8 to 91.1"],
        ["spearman", "80.0", "77.7 to 82.1"],
        ["accuracy", "50.0", "46.9 to 53.1"],
        ["micro_f1", "50.0", "–"],
        ["mean_squared_error", "1.5", "–"],
    ]


def test_the_score_of_glue(save: Save) -> None:
    paths = [
        save(task.name, model="m", task=task.name, scores=dict.fromkeys(task.metrics, 0.5))
        for task in GLUE
    ]
    mismatched = save(
        "mm", model="m", task="mnli", split="dev_mismatched", scores={"accuracy": 0.7}
    )
    assert glue_rows(read_results(paths[1:])) == []
    with_both = glue_rows(read_results([*paths, mismatched]))
    assert with_both == [["m", "51.1", "51.3"]]  # (8 * 50 + 60) / 9, (7 * 50 + 60) / 8


def test_page_table_and_picture(save: Save, tmp_path: Path) -> None:
    paths = [save(task, model="m", task=task, scores=found) for task, found in CARD.items()]
    paths += [
        save(
            f"glue-{task.name}", model="g", task=task.name, scores=dict.fromkeys(task.metrics, 0.5)
        )
        for task in GLUE
    ]
    folder = tmp_path / "table"
    results = read_results(paths)
    page = write_table(results, folder)
    text = page.read_text(encoding="utf-8")
    assert "| model | Average | SQuAD1.1 | SQuAD2.0 | MNLI | SST-2 | RACE |" in text
    assert "| albert-xxlarge-v1 (card) | 91.0 |" in text
    assert "## GLUE" in text
    with (folder / "results.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(results) + len(published_results())
    assert (rows[0]["model"], rows[0]["metric"], rows[0]["score"]) == ("m", "f1", "90.0")
    pictured = (folder / "results.png").read_bytes()
    write_table(results, folder)
    assert (folder / "results.png").read_bytes() == pictured
    page.write_text("mine", encoding="utf-8")
    with pytest.raises(FileExistsError, match="is not such a table and was not replaced"):
        write_table(results, folder)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"task": "sst2"}, r"a\.json is not the result of a task: it needs task, n and scores"),
        ({"task": "sst2", "scores": {}}, "is not the result of a task"),
        ({"task": "sst2", "scores": {"accuracy": 1}, "n": 0}, "is not the result of a task"),
        ({"task": "sst2", "scores": {"accuracy": None}}, "has the accuracy None; it must be a num"),
        (
            {"task": "mnli", "scores": {"f1": 1}},
            "has no accuracy, by which mnli is compared; .* f1",
        ),
        ({"task": "sst", "scores": {"accuracy": 1}}, "task of .*='sst' is not allowed; .* 'sst2'"),
    ],
)
def test_bad_results(save: Save, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_results([save("a", **fields)])


def test_runs_may_end_early(save: Save) -> None:
    paths = [
        save(name, model="m", task="sst2", looks=looks, scores={"accuracy": 0.5})
        for name, looks in (("a", 8), ("b", 10))
    ]
    (found,) = read_results(paths)
    assert (found.seeds, found.looks) == (2, 10)


def test_models_are_named_on_the_way(save: Save) -> None:
    paths = [
        save("a", model="runs/a/model", task="sst2", scores={"accuracy": 0.5}),
        save("b", model="runs/b/model", task="mnli", scores={"accuracy": 0.75}),
    ]
    found = read_results([f"tiny={path}" for path in paths])
    assert [(each.model, each.task, each.score) for each in found] == [
        ("tiny", "sst2", 50),
        ("tiny", "mnli", 75),
    ]
    with pytest.raises(FileNotFoundError):
        read_results(["tiny=none.json"])


def test_runs_that_differ_in_more_than_their_seed(save: Save) -> None:
    paths = [
        save(name, model="m", task="sst2", n=n, scores={"accuracy": 0.5})
        for name, n in (("a", 10), ("b", 20))
    ]
    with pytest.raises(ValueError, match=r"runs of m on sst2 differ in n: 10 \(.*a\.json\), 20"):
        read_results(paths)
