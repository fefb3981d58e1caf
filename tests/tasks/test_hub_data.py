"""Data sets become files that tasks read, and what cannot be had is told in one line."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from commands import Run

from albertlm.tasks.catalogue import TASKS, find_task
from albertlm.tasks.hub_data import dev_of, fetch_splits, is_hub_name, train_and_dev

datasets = pytest.importorskip("datasets")


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ALBERTLM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def serve(monkeypatch: pytest.MonkeyPatch, **splits: Any) -> list[tuple[str, str | None]]:
    """Has the hub return some splits, and collects what is asked for."""
    asked: list[tuple[str, str | None]] = []

    def load(name: str, subset: str | None, **_: object) -> Any:
        asked.append((name, subset))
        return datasets.DatasetDict(splits)

    monkeypatch.setattr(datasets, "load_dataset", load)
    return asked


def table(features: dict[str, Any], **columns: list[Any]) -> Any:
    return datasets.Dataset.from_dict(columns, features=datasets.Features(features))


TEXT = datasets.Value("string")


def test_classes_have_their_names(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    features = {
        "sentence": TEXT,
        "label": datasets.ClassLabel(names=["negative", "positive"]),
        "idx": datasets.Value("int32"),
    }
    asked = serve(
        monkeypatch,
        train=table(features, sentence=["good", "bad"], label=[1, 0], idx=[0, 1]),
        validation=table(features, sentence=["null"], label=[1], idx=[0]),
        test=table(features, sentence=["so"], label=[-1], idx=[0]),
    )
    files = fetch_splits("hub:nyu-mll/glue:sst2")
    assert asked == [("nyu-mll/glue", "sst2")]
    assert all(file.is_relative_to(cache) for file in files.values())
    found = {split: TASKS["sst2"].read(file) for split, file in files.items()}
    assert [(each.texts, each.label) for each in found["train"]] == [
        (("good",), "positive"),
        (("bad",), "negative"),
    ]
    assert [(each.texts, each.label) for each in found["validation"]] == [(("null",), "positive")]
    assert found["test"][0].label is None
    assert train_and_dev("hub:nyu-mll/glue:sst2") == (files["train"], files["validation"])
    assert dev_of("hub:nyu-mll/glue:sst2") == files["validation"]


def test_tags_have_their_names(monkeypatch: pytest.MonkeyPatch) -> None:
    tags = datasets.ClassLabel(names=["O", "B-PER"])
    features = {"tokens": datasets.List(TEXT), "ner_tags": datasets.List(tags)}
    serve(monkeypatch, train=table(features, tokens=[["Ada", "left"]], ner_tags=[[1, 0]]))
    train, dev = train_and_dev("hub:x/ner")
    assert dev is None
    (example,) = find_task("own", train).read(train)
    assert example.label == ("B-PER", "O")


@pytest.mark.parametrize("impossible", [False, True])
def test_questions(impossible: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = {"text": datasets.List(TEXT), "answer_start": datasets.List(datasets.Value("int32"))}
    features = {**dict.fromkeys(("id", "title", "context", "question"), TEXT), "answers": answers}
    second = (
        {"text": [], "answer_start": []} if impossible else {"text": ["A"], "answer_start": [0]}
    )
    rows = table(
        features,
        id=["q1", "q2"],
        title=["Cats", "Cats"],
        context=["A cat sat.", "A cat sat."],
        question=["Who?", "Why?"],
        answers=[{"text": ["cat"], "answer_start": [2]}, second],
    )
    serve(monkeypatch, validation=rows)
    path = dev_of("hub:rajpurkar/squad")
    questions = TASKS["squad2" if impossible else "squad1"].read(path)
    assert [(each.id, each.texts, each.group) for each in questions] == [
        ("q1", ("Who?", "A cat sat."), "Cats"),
        ("q2", ("Why?", "A cat sat."), "Cats"),
    ]
    assert [[gold.text for gold in each.label or ()] for each in questions] == [
        ["cat"],
        [] if impossible else ["A"],
    ]


def test_race(monkeypatch: pytest.MonkeyPatch) -> None:
    features = {
        **dict.fromkeys(("example_id", "article", "answer", "question"), TEXT),
        "options": datasets.List(TEXT),
    }
    rows = table(
        features,
        example_id=["high1.txt", "high1.txt"],
        article=["It rained.", "It rained."],
        answer=["B", "A"],
        question=["It _.", "What?"],
        options=[["a", "b", "c", "d"]] * 2,
    )
    serve(monkeypatch, test=rows)
    first, second = TASKS["race"].read(dev_of("hub:ehovy/race:high"))
    assert (first.texts[2], first.label, first.group) == ("It b.", "B", "high")
    assert second.texts[1] == "What? a"
    assert first.id != second.id


def test_a_folder_is_read_by_the_library_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "train.jsonl").write_text('{"sentence": "a", "label": 1}\n', "utf-8")
    train, dev = train_and_dev(f"hub:{folder}")
    assert [each.label for each in TASKS["sst2"].read(train)] == ["positive"]
    assert dev is None


@pytest.mark.parametrize(("held_out", "dev"), [({}, 4), ({"validation": 3}, 3)])
def test_a_data_set_is_as_good_as_files(
    held_out: dict[str, int],
    dev: int,
    run: Run,
    tiny_folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    labels = datasets.ClassLabel(names=["negative", "positive"])

    def rows(count: int) -> Any:
        texts = [f"She left {at}." for at in range(count)]
        return table(
            {"sentence": TEXT, "label": labels},
            sentence=texts,
            label=[at % 2 for at in range(count)],
        )

    serve(monkeypatch, train=rows(40), **{name: rows(count) for name, count in held_out.items()})
    model = ("--model", tiny_folder, "--output", tmp_path / "run")
    done = run("finetune", "sst2", "--data", "hub:x/y", *model, "--dry-run", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["dev"] == dev


def test_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    features = {"text": TEXT}
    serve(monkeypatch, train=table(features, text=["a"]))
    with pytest.raises(ValueError, match=r"^hub:x has none of validation, .*; it has train$"):
        dev_of("hub:x")
    serve(monkeypatch, test=table(features, text=["a"]))
    with pytest.raises(ValueError, match=r"^hub:x has no split 'train'; it has test$"):
        train_and_dev("hub:x")
    assert is_hub_name(Path("hub:x/y:z"))
    assert not is_hub_name("data/x")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            ConnectionError("no network\nnone"),
            (
                "the data set hub:x/y cannot be had (no network); check its name and the "
                "network, or name a file"
            ),
        ),
        (
            ValueError("Config name is missing.\nPick one: ['a', 'b']"),
            "the data set hub:x/y cannot be read: Config name is missing. Pick one: ['a', 'b']",
        ),
    ],
)
@pytest.mark.parametrize("command", ["finetune", "evaluate", "score"])
def test_what_cannot_be_had_is_one_line(
    error: Exception, message: str, command: str, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(datasets, "load_dataset", load)
    options = {
        "finetune": ("--output", "runs"),
        "evaluate": ("--model", "m"),
        "score": ("--predictions", "p.jsonl"),
    }[command]
    assert run(command, "sst2", "--data", "hub:x/y", *options) == (2, "", f"error: {message}\n")


def test_without_the_library(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    done = run("evaluate", "sst2", "--data", "hub:x/y", "--model", "m")
    assert (done.code, done.out) == (2, "")
    assert done.err == "error: datasets is missing; pip install 'albertlm[datasets]'\n"
