"""A job becomes data, features and configurations."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from albertlm.finetuning.job import FinetuningJob

MakeJob = Callable[..., FinetuningJob]


def test_a_run_for_each_seed(make_job: MakeJob, tiny_folder: Path) -> None:
    job = make_job(seeds=(0, 3))
    assert pickle.loads(pickle.dumps(job)) == job
    prepared = job.prepare()
    first, second = (prepared.config(seed) for seed in job.seeds)
    assert (first.seed, second.seed) == (0, 3)
    assert first.source == str(tiny_folder)
    assert first.labels == ("land", "water")
    assert first.model.label_names == ("land", "water")
    assert first.total_steps == 6 * -(-36 // 16)
    assert len(prepared.features) == 36
    assert prepared.notes() == []
    assert make_job(from_scratch=True).prepare().config(0).source is None


def test_weights_of_rare_classes(make_job: MakeJob) -> None:
    prepared = make_job(changes=("balanced=true",)).prepare()
    assert prepared.config(0).class_weights == pytest.approx((1.0, 1.0))


def test_what_a_user_should_know(make_job: MakeJob, tmp_path: Path) -> None:
    rows = [f"The boats {number}\tA river {number}\tentailment" for number in range(10)]
    header = "sentence1\tsentence2\tlabel"
    path = tmp_path / "a.tsv"
    path.write_text("\n".join([header, *rows, *rows[:1]]) + "\n", encoding="utf-8")
    dev = tmp_path / "dev.tsv"
    dev.write_text("\n".join([header, rows[0]]) + "\n", encoding="utf-8")
    job = make_job(task="rte", data=path, dev=str(dev), recipe="published", without_leaks=True)
    job = replace(job, changes=("length=8",))
    with pytest.warns(UserWarning, match="never occurs"):
        notes = job.prepare().notes()
    assert "1 dev rows are in the training data exactly, such as" in notes
    assert "2 training examples were dropped" in notes
    assert "9 of 9 training examples (100.0%) are longer than 8 tokens and cut" in notes
    assert "start from a model that was fine-tuned on mnli" in notes[-1]


def test_texts_are_never_cut_silently(make_job: MakeJob) -> None:
    short = ("batch_size=8", "length=8")
    prepared = make_job(changes=short).prepare()
    cut = sum(
        len(prepared.tokenizer(each.texts[0])["input_ids"]) > 8 for each in prepared.data.train
    )
    assert cut > 0
    (note,) = prepared.notes()
    assert note == (
        f"{cut} of 36 training examples ({cut / 36:.1%}) are longer than 8 tokens and cut; "
        "--set windows=true reads all of them"
    )
    assert make_job(changes=(*short, "windows=true")).prepare().notes() == []


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"seeds": ()}, r"seeds=\(\) is not allowed"),
        ({"seeds": (1, 1)}, r"seeds=\(1, 1\) is not allowed; it must be different"),
        ({"seeds": (0, 1000)}, r"must be different in their last digits, since restarts add 1000"),
        ({"recipe": "best"}, "recipe='best' is not allowed; it must be one of published"),
        ({"changes": ("rate=1",)}, "has no 'rate'"),
        ({"changes": ("length=4",)}, "length=4 is not allowed; it must be 8 or more"),
        ({"task": "sst3"}, "unknown task 'sst3'; did you mean 'sst2'"),
    ],
)
def test_what_does_not_fit(make_job: MakeJob, changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_job(**changes).prepare().config(0)
