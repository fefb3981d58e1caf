"""Tables with texts about groups, and runs that are or are not a control."""

from pathlib import Path

import pytest

from albertlm import storage
from albertlm.evaluation.bias.rates import LabelledText
from albertlm.evaluation.bias.swapped_data import RANDOM, check_control, read_swapped
from albertlm.evaluation.bias.swaps import read_swaps

LISTS, CLASSES = read_swaps(), ("negative", "positive")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "data.tsv"
    path.write_text(
        "sentence\tlabel\tsex\nHe left.\t1\tm\nThe sea.\t0\tf\nA king and a girl.\t1\tf\n"
    )
    return path


def test_texts_without_groups(table: Path) -> None:
    found = read_swapped(table, LISTS, CLASSES)
    assert [(pair.first, pair.oriented) for pair in found.pairs] == [
        ("He left.", True),
        ("A king and a girl.", False),
    ]
    assert [row.label for row in found.labelled] == ["positive", "negative", "positive"]
    assert {row.group for row in found.labelled} == {None}
    assert found.skipped == [
        "1 texts without a word of either group",
        "1 texts with words of both groups, which no signed change counts",
    ]


def test_texts_without_labels(tmp_path: Path) -> None:
    path = tmp_path / "texts.tsv"
    path.write_text("text\nHe left.\n")
    assert read_swapped(path, LISTS, CLASSES).labelled == []
    for options in ({"label": "label"}, {"group": "text"}):
        with pytest.raises(ValueError, match="has no column 'label'"):
            read_swapped(path, LISTS, CLASSES, **options)


def test_labels_that_are_no_classes(tmp_path: Path) -> None:
    path = tmp_path / "test.jsonl"
    path.write_text('{"text": "He left.", "label": -1}\n{"text": " "}\n{"text": "She left."}\n')
    found = read_swapped(path, LISTS, CLASSES)
    assert (len(found.pairs), found.labelled) == (2, [])
    told = r"test.jsonl:1 has the label '-1', which is none of negative, positive; correct it"
    assert told in found.skipped[-1]
    with pytest.raises(ValueError, match=told):
        read_swapped(path, LISTS, CLASSES, label="label")
    path.write_text('{"text": "He left.", "label": 1, "sex": "m"}\n{"text": "A", "label": 1}\n')
    with pytest.raises(ValueError, match=r"test\.jsonl:2 has no 'sex'"):
        read_swapped(path, LISTS, CLASSES, group="sex")


def test_texts_with_groups(table: Path) -> None:
    found = read_swapped(table, LISTS, CLASSES, group="sex")
    assert found.labelled == [
        LabelledText("He left.", "positive", "m"),
        LabelledText("The sea.", "negative", "f"),
        LabelledText("A king and a girl.", "positive", "f"),
    ]
    for options in ({"text": "x"}, {"group": "x"}, {"group": "sex", "label": "x"}):
        with pytest.raises(ValueError, match="has no column 'x'; its columns are sentence, label"):
            read_swapped(table, LISTS, CLASSES, **options)


def run(folder: Path, model: str, **config: object) -> Path:
    storage.write_json(folder / "results.json", {"runs": [{"model": model}]})
    fields = {"source": model, "seed": 0, "learning_rate": 1e-4, **config}
    storage.write_json(folder / "seed-0" / "config.json", fields)
    (folder / "model").mkdir()
    return folder


def test_a_control_differs_in_its_start_only(tmp_path: Path) -> None:
    tuned = run(tmp_path / "tuned", "base")
    control = run(tmp_path / "control", f"base {RANDOM}", seed=1)
    assert check_control(control, tuned / "model") == control / "model"
    assert check_control(control, tmp_path / "elsewhere") == control / "model"
    with pytest.raises(ValueError, match="started from base, so it is no control"):
        check_control(tuned, tuned / "model")
    other = run(tmp_path / "other", f"base {RANDOM}", learning_rate=2e-4)
    with pytest.raises(ValueError, match="its learning_rate differs; fine-tune both in the same"):
        check_control(other, tuned / "model")
    with pytest.raises(FileNotFoundError, match="is no finished run"):
        check_control(tmp_path, tuned / "model")
