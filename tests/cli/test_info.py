"""`info` needs no weights; its numbers are those of `costs`, and of a model where there is one."""

import json
from pathlib import Path

import pytest
from commands import Run

from albertlm import AlbertConfig, costs
from albertlm.cli.info import info
from albertlm.config import PRESETS


@pytest.mark.parametrize("name", ["albert-xxlarge-v1", "tiny"])
def test_no_weights_are_needed(name: str, run: Run, tiny_folder: Path, tmp_path: Path) -> None:
    if name == "tiny":
        name = str(tmp_path)
        (tmp_path / "config.json").write_bytes((tiny_folder / "config.json").read_bytes())
        config = AlbertConfig.from_pretrained(tmp_path)
    else:
        config = AlbertConfig.preset(name)
    report = json.loads(run("info", name, "--length", 64, "--json").out)
    total = sum(costs.parameters_by_part(config).values())
    assert report["config"] == json.loads(json.dumps(config.to_dict()))
    assert report["parameters"]["total"] == total
    assert report["weight_bytes"] == {"float32": 4 * total, "bfloat16": 2 * total}
    assert report["flops_per_token"] == costs.flops_per_token(config, 64)
    table = run("info", name).out
    assert f"{total:,}" in table
    assert "as many\noperations as a BERT of the same shape" in table


def test_the_parameters_are_those_of_the_model(run: Run, tiny_folder: Path) -> None:
    from albertlm import AlbertForPreTraining

    model = AlbertForPreTraining.from_pretrained(tiny_folder)
    report = json.loads(run("info", tiny_folder, "--json").out)
    assert report["parameters"]["total"] == sum(each.numel() for each in model.parameters())
    assert report["length"] == 64


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_both_names_of_the_hub(name: str, run: Run) -> None:
    assert run("info", name, "--json") == run("info", f"albert/{name}", "--json")


def test_a_folder_of_the_name_of_a_preset_comes_first(
    run: Run, tiny_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "albert-base-v2").symlink_to(tiny_folder)
    assert json.loads(run("info", "albert-base-v2", "--json").out)["config"]["hidden_size"] == 32


def test_a_folder_without_a_configuration_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"has no config\.json"):
        info(str(tmp_path))
