"""Model cards: sections, metadata as huggingface_hub reads it, and that they can be made again."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import ModelCard

from albertlm import hub, storage
from albertlm.reporting.audit import add_test
from albertlm.reporting.card_words import FILE, SECTIONS
from albertlm.reporting.history import History
from albertlm.reporting.model_card import CARD, FACTS, check_card, draw_curve, write_card

WORDS = """
title = "A model"
license = "apache-2.0"
language = ["en"]
base_model = "albert/albert-base-v2"
widget = ["The [MASK] left."]
[metadata]
thumbnail = "curve.png"
[text]
description = "Words of people."
out_of_scope_use = "None."
"""


@pytest.fixture
def model(tiny_folder: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(tiny_folder, folder)
    (folder / FILE).write_text(WORDS)
    return folder


@pytest.fixture
def sources(
    tmp_path: Path, model: Path, make_run: Callable[..., Path], pairs_found: dict[str, Any]
) -> list[Path]:
    """A run, the result of a task, and an audit."""
    result = tmp_path / "squad.json"
    scores = {"exact_match": 40.0, "f1": 50.0}
    storage.write_json(result, {"task": "squad1", "n": 100, "scores": scores})
    add_test(tmp_path / "audit", "m", model / "model.safetensors", "crows-pairs", pairs_found)
    return [make_run(), result, tmp_path / "audit"]


def test_recommendations_belong_to_the_limitations(model: Path) -> None:
    texts = 'limitations = "Few."\nrecommendations = "Measure it."\nexamination = "None."\n'
    (model / FILE).write_text(WORDS + texts)
    text = write_card(model).read_text()
    headings = [line for line in text.splitlines() if line.startswith("#")]
    place = headings.index("## Bias, Risks, and Limitations")
    assert headings[place + 1] == "### Recommendations"
    assert "## Model Examination" in headings
    assert headings.count("## Bias, Risks, and Limitations") == 1


def test_the_header_says_what_people_write(model: Path) -> None:
    question = 'widget = [{text = "Who left?", context = "The man left."}]'
    (model / FILE).write_text(WORDS.replace('thumbnail = "curve.png"', question))
    found = ModelCard.load(write_card(model)).data.to_dict()
    assert found["widget"] == [{"text": "Who left?", "context": "The man left."}]


def test_a_card(model: Path, sources: list[Path]) -> None:
    path = write_card(model, sources)
    assert path == model / CARD
    card = ModelCard.load(path)
    assert card.data.license == "apache-2.0"
    assert card.data.pipeline_tag == "fill-mask"
    assert card.data.base_model == "albert/albert-base-v2"
    assert card.data.to_dict()["widget"] == [{"text": "The [MASK] left."}]
    assert card.data.to_dict()["thumbnail"] == "curve.png"
    measured = {(each.dataset_type, each.metric_name): each for each in card.data.eval_results}
    assert measured["rajpurkar/squad", "f1"].metric_value == 50.0
    bias = measured["nyu-mll/crows_pairs", "aul"]
    assert (bias.metric_type, bias.metric_value) == ("other", 45.0)
    assert bias.metric_args == {
        "unit": "%",
        "interval": [40.0, 50.0],
        "n": 10,
        "note": "too weak to interpret",
    }
    lines = card.content.splitlines()
    headings = [line.lstrip("# ") for line in lines if line.startswith("## ")]
    assert headings == [
        "Model Details",
        "Uses",
        "Bias, Risks, and Limitations",
        "How to Get Started with the Model",
        "Training Details",
        "Evaluation",
        "Technical Specifications",
        "Files of this card",
    ]
    assert "Words of people." in lines
    assert "### Model Sources" not in lines  # neither words nor numbers
    assert "| steps | 100 | `run/metrics.jsonl` |" in lines
    assert any(
        "| CrowS-Pairs | – | pll | 45.00 % | 40.00 to 50.00 | 10 |" in line for line in lines
    )
    assert "Blodgett" in card.content
    assert "![Loss and accuracy over the run](curve.png)" in lines
    assert (
        "![Numbers with their intervals; hollow marks are those of larger models](bias.png)"
        in lines
    )
    for picture in ("curve.png", "bias.png"):
        assert (model / picture).read_bytes().startswith(b"\x89PNG")
    assert "bias.png" not in write_card(model, sources[:2]).read_text()  # its numbers are gone


def test_a_card_can_be_made_again(model: Path, sources: list[Path]) -> None:
    before = write_card(model, sources).read_bytes()
    check_card(model)
    check_card(model, sources)
    words = (model / FILE).read_text()
    (model / FILE).write_text(words.replace("Words of people", "Other words"))
    with pytest.raises(ValueError, match=r"README.md differs from what card.json and card.toml"):
        check_card(model)
    after = write_card(model).read_bytes()  # the numbers stay
    assert after == before.replace(b"Words of people", b"Other words")
    card = (model / CARD).read_text()
    (model / CARD).write_text(card.replace("| 45.00 % |", "| 46.00 % |"))
    with pytest.raises(ValueError, match=r"README.md differs"):
        check_card(model)
    write_card(model)
    storage.write_json(sources[1], {"task": "squad1", "n": 100, "scores": {"f1": 51.0}})
    check_card(model)
    with pytest.raises(ValueError, match=r"card.json differs from what its sources say"):
        check_card(model, sources)


def test_what_is_in_the_way(model: Path) -> None:
    (model / CARD).write_text("# Written by hand\n")
    with pytest.raises(FileExistsError, match=r"move its words to card\.toml"):
        write_card(model)
    assert (model / CARD).read_text() == "# Written by hand\n"
    (model / CARD).unlink()
    storage.write_json(model / FACTS, {"format": "another"})
    with pytest.raises(ValueError, match=r"card.json was not written by `albertlm card`"):
        write_card(model)


def test_all_words_have_a_place(model: Path) -> None:
    texts = "\n".join(f'{name} = "about {name}"' for name in SECTIONS)
    (model / FILE).write_text(f'license = "mit"\n[text]\n{texts}\n')
    card = write_card(model).read_text()
    places = [card.index(f"about {name}\n") for name in SECTIONS]
    assert places == sorted(places)
    for above, heading in SECTIONS.values():
        assert f"\n{'###' if above else '##'} {heading}\n" in card
        assert above is None or card.count(f"\n## {above}\n") == 1


def test_the_curve_is_a_picture(make_run: Callable[..., Path], tmp_path: Path) -> None:
    draw_curve(History.read(make_run()), tmp_path / "curve.png")
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


def test_a_run_without_sentence_order_has_a_curve(
    make_run: Callable[..., Path], tmp_path: Path
) -> None:
    run = History.read(make_run())
    del run.training["sop_accuracy"]
    draw_curve(run, tmp_path / "curve.png")
    assert (tmp_path / "curve.png").is_file()


def test_the_card_of_the_model_that_ships() -> None:
    check_card(hub.SHIPPED)
