"""A task finds the files of its splits, and a file's examples have ids of their own."""

from pathlib import Path

import pytest

from albertlm.tasks.glue import MNLI
from albertlm.tasks.task import Example, check_examples


def test_a_split_is_found_by_its_official_names(tmp_path: Path) -> None:
    (tmp_path / "mnli_matched.tsv.xz").touch()
    assert MNLI.find(tmp_path, "dev_matched") == tmp_path / "mnli_matched.tsv.xz"
    (tmp_path / "dev_matched.tsv").touch()
    assert MNLI.find(tmp_path, "dev_matched") == tmp_path / "dev_matched.tsv"


def test_the_split_of_a_file() -> None:
    assert MNLI.split_of("some/dev_mismatched.tsv.gz") == "dev_mismatched"
    assert MNLI.split_of("own.tsv") is None


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match=r"no train data of mnli; it is called train\.tsv or"
    ):
        MNLI.find(tmp_path, "train")
    with pytest.raises(ValueError, match=r"mnli has no split 'dev'; it has train, dev_matched,"):
        MNLI.find(tmp_path, "dev")


def test_no_examples_and_repeated_ids_are_refused() -> None:
    with pytest.raises(ValueError, match=r"dev\.tsv holds no examples"):
        check_examples([], "dev.tsv")
    twice = [Example("7", ("a",), "x", "dev.tsv:2"), Example("7", ("b",), "x", "dev.tsv:9")]
    with pytest.raises(ValueError, match=r"dev\.tsv:9 has the id '7' of dev\.tsv:2"):
        check_examples(twice, "dev.tsv")
