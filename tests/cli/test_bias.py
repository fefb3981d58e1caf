"""`bias` prints what the library finds, and tells in one line what is wrong."""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from pathlib import Path

import pytest
from commands import Run

from albertlm import hub, storage
from albertlm.cli.bias import bias
from albertlm.evaluation.bias.crows_pairs import crows_pairs, read_pairs
from albertlm.evaluation.bias.likelihood import MaskedLikelihood
from albertlm.inference.engines import open_engine
from albertlm.storage import sha256
from albertlm.tokenization.tokenizer import AlbertTokenizer

LABELS = ("stereotype", "anti-stereotype", "unrelated")


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "pairs.csv"
    rows = [
        ("sent_more", "sent_less", "stereo_antistereo", "bias_type"),
        ("The old fisherman left.", "A young fisherman left.", "stereo", "age"),
        ("Nobody sold boats.", "She sold boats.", "antistereo", "gender"),
    ]
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture
def words(tmp_path: Path, tiny_tokenizer: AlbertTokenizer) -> list[object]:
    """The options of a probe with files that fit the tiny vocabulary."""
    single = [
        piece[1:] for piece in tiny_tokenizer.get_vocab() if piece[0] == "▁" and piece[1:].isalpha()
    ]
    first, second, third, *_ = single
    (tmp_path / "groups").write_text(f"{first}\n{second}\n", encoding="utf-8")
    (tmp_path / "words").write_text(f"a: {third}, river\nb: harbour, 犬\n", encoding="utf-8")
    return ["--groups", tmp_path / "groups", "--words", tmp_path / "words"]


@pytest.mark.parametrize("options", [[], ["--as-published"], ["--engine", "torch"]])
def test_crows_pairs(
    run: Run, pairs: Path, tiny_folder: Path, tiny_tokenizer: AlbertTokenizer, options: list[str]
) -> None:
    command = ("bias", "crows-pairs", "--data", pairs, "--model", tiny_folder, *options)
    done = run(*command, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    published = "--as-published" in options
    if published:
        tiny_tokenizer = AlbertTokenizer.from_pretrained(tiny_folder, hub_mode=True)
    model = MaskedLikelihood(open_engine("numpy", tiny_folder), tiny_tokenizer)
    expected = asdict(crows_pairs(model, read_pairs(pairs), as_published=published))
    assert found.pop("model") == str(tiny_folder)
    assert "Blodgett" in found.pop("caution")
    assert found.pop("engine") == ("torch" if "torch" in options else "numpy")
    assert (found.pop("dtype"), found.pop("data")) == (
        "float32",
        {f"data: {pairs.name}": sha256(pairs)},
    )
    differences, examples = found.pop("differences"), found.pop("examples")
    assert differences.keys() == expected["differences"].keys()
    for name, values in expected.pop("differences").items():
        assert differences[name] == pytest.approx(values, abs=1e-4)
    assert [each["first"] for each in examples["pll"]] == [
        each["first"] for each in expected.pop("examples")["pll"]
    ]
    assert found == expected
    table = run(*command).out
    assert "pll, more stereotyping sentence preferred" in table
    assert "too weak to interpret" in table
    assert "Blodgett" in table


def test_probe(run: Run, tmp_path: Path, tiny_folder: Path, words: list[object]) -> None:
    command = ("bias", "probe", "--model", tiny_folder, *words)
    found = json.loads(run(*command, "--json").out)
    assert [each["list"] for each in found["words"]] == ["a", "a", "b"]
    assert len(found["skipped"]) == 1
    table = run(*command, "--top-k", 2).out
    (comparison,) = found["comparisons"]
    assert f"{comparison['effect_size']:.4f}" in table
    assert f"{found['words'][0]['log_probs'][comparison['first']]:.3f}" in table
    assert "left out: '犬'" in table
    assert "ordinary sentences" in table
    ratings = tmp_path / "ratings.csv"
    ratings.write_text("word,rating\nriver,1\nharbour,0\nboats,-1\n")
    options = (*command[:-2], "--ratings", ratings)
    rated = json.loads(run(*options, "--json").out)
    assert [each["rating"] for each in rated["words"]] == [1, 0, -1]
    assert "ratings: ratings.csv" in rated["data"]
    table = run(*options, "--output", tmp_path / "audit").out
    assert f"{rated['correlations'][0]['spearman']['value']:.2f}" in table
    page = (tmp_path / "audit" / "index.html").read_text(encoding="utf-8")
    assert "correlation with ratings (Pearson)" in page
    assert "rating by people" in page


def test_stereoset(run: Run, tmp_path: Path, tiny_folder: Path) -> None:
    def example(context: str, *sentences: str) -> dict[str, object]:
        of_each = zip(sentences, LABELS, strict=True)
        return {
            "context": context,
            "target": "model",
            "bias_type": "gender",
            "sentences": [{"sentence": text, "gold_label": label} for text, label in of_each],
        }

    path = tmp_path / "dev.json"
    data = {
        "intrasentence": [example("A BLANK.", "A model.", "A river.", "A town.")],
        "intersentence": [example("She left.", "A model.", "A river.", "A town.")],
    }
    path.write_text(json.dumps({"data": data}), encoding="utf-8")
    command = ("bias", "stereoset", "--data", path, "--model", tiny_folder)
    found = json.loads(run(*command, "--json").out)
    assert list(found["tests"]) == ["intrasentence", "intersentence", "sentence order"]
    table = run(*command, "--output", tmp_path / "audit").out
    assert "<h2>StereoSet</h2>" in (tmp_path / "audit" / "index.html").read_text("utf-8")
    assert f"{found['tests']['intersentence']['all']['icat']['value']:.2f}" in table
    assert "sentence order, not comparable: it answers another question" in table


def test_winobias(run: Run, tmp_path: Path) -> None:
    for side, pronoun in (("pro", "he"), ("anti", "she")):
        for kind in (1, 2):
            path = tmp_path / f"{side}_stereotyped_type{kind}.txt.dev"
            path.write_text(f"1 [The doctor] said [{pronoun}] left.\n2 He saw [him].\n", "utf-8")
    command = ("bias", "winobias", "--data", tmp_path)
    found = json.loads(run(*command, "--json").out)
    assert found["shares"]["all"]["n"] == 2
    assert len(found["skipped"]) == 2
    assert found["model"] == "the model that ships with albertlm"
    table = run(*command, "--output", tmp_path / "audit").out
    assert "What was left out" in (tmp_path / "audit" / "index.html").read_text("utf-8")
    assert table.count("left out: ") == 2
    assert list(found["data"]) == [
        f"data {number}: {side}_stereotyped_type{kind}.txt.dev"
        for number, (kind, side) in enumerate(product((1, 2), ("pro", "anti")), 1)
    ]
    assert f"{found['log_odds']['all']['value']:.2f}" in table


def test_an_audit_gathers_tests(
    run: Run, tmp_path: Path, pairs: Path, tiny_folder: Path, words: list[object]
) -> None:
    output = tmp_path / "audit"
    common = ("--model", tiny_folder, "--output", output)
    done = run("bias", "crows-pairs", "--data", pairs, *common)
    assert done.out.endswith(f"{output / 'index.html'}\n")
    found = json.loads(run("bias", "probe", *words, *common, "--json").out)
    assert found["report"] == str(output / "index.html")
    run("bias", "crows-pairs", "--data", pairs, "--as-published", *common)
    kept = json.loads((output / "bias.json").read_text(encoding="utf-8"))
    assert list(kept["tests"]) == ["crows-pairs", "probe", "crows-pairs as published"]
    page = (output / "index.html").read_text(encoding="utf-8")
    titles = ("CrowS-Pairs", "Probes", "CrowS-Pairs as published")
    assert all(f"<h2>{title}</h2>" in page for title in titles)
    code, _, err = run("bias", "crows-pairs", "--data", pairs, "--output", output)
    assert code == 2
    assert f"{output} holds the audit of {tiny_folder}" in err


def test_counterfactual(
    run: Run, tmp_path: Path, fine_tuned: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    classifier = fine_tuned("AlbertForSequenceClassification", ["negative", "positive"])
    control = tmp_path / "control"
    storage.write_json(control / "results.json", {"runs": [{"model": "x with random weights"}]})
    (control / "model").symlink_to(classifier)
    capfd.readouterr()  # what transformers prints
    (tmp_path / "pairs").write_text("m: fisherman, model\nf: neighbour, doctor\n", "utf-8")
    (tmp_path / "templates").write_text("The {group} left.\n", "utf-8")
    data = tmp_path / "data.csv"
    rows = ["text,label,sex", "The fisherman left.,0,m", "The doctor left.,1,f", "It is.,1,m"]
    rows.append("It was.,0,f")
    data.write_text("\n".join(rows))
    options = ("--model", classifier, "--pairs", tmp_path / "pairs", "--templates",
               tmp_path / "templates", "--data", data)  # fmt: skip
    found = json.loads(run("bias", "counterfactual", *options, "--json").out)
    assert found["groups"] == ["m", "f"]
    assert found["effects"]["sentences"]["signed"]["n"] == 2
    assert found["effects"]["templates"]["signed"]["n"] == 2
    assert (found["control"], found["gaps"]) == (None, [])
    assert found["accuracy"]["model"]["n"] == 4
    assert list(found["data"]) == ["data: data.csv", "pairs: pairs", "templates: templates"]
    more = ("--group", "sex", "--control", control, "--output", tmp_path / "audit")
    table = run("bias", "counterfactual", *options, *more).out
    signed = found["effects"]["sentences"]["signed"]["value"]
    assert f"{signed:.4f}" in table
    assert "signed, less the control's" in table
    assert "most frequent class, %" in table
    assert (
        json.loads((tmp_path / "audit" / "bias.json").read_text())["tests"]["counterfactual"][
            "control"
        ]
        == "control"
    )
    assert "gaps of rates between groups" in table
    assert "left out: 2 texts without a word of either group" in table
    assert "that needs --control" not in table
    assert "that needs --control" in run("bias", "counterfactual", *options).out
    assert "Swapped groups" in (tmp_path / "audit" / "index.html").read_text("utf-8")
    for wrong, told in (
        (("--control", classifier), "is no finished run"),
        (("--text", "x"), "has no column 'x'"),
        (("--class", "x"), "class='x' is not allowed"),
        (("--language", "de", "--pairs", tmp_path / "none"), "does not exist"),
    ):
        done = run("bias", "counterfactual", *options, *wrong)
        assert (done.code, done.out) == (2, "")
        assert told in done.err
        assert done.err.count("\n") == 1


def test_input_that_is_wrong(
    run: Run, tmp_path: Path, fine_tuned: Callable[..., Path], capfd: pytest.CaptureFixture[str]
) -> None:
    classifier = fine_tuned("AlbertForSequenceClassification")
    capfd.readouterr()  # what transformers prints
    template = tmp_path / "template"
    template.write_text("{group} works.", encoding="utf-8")
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n", encoding="utf-8")
    for command, told in (
        (("probe", "--templates", template), "has 0 times [MASK]"),
        (("probe", "--language", "de"), "there are no word lists for 'de'"),
        (("probe", "--model", classifier), "the model holds no trained predictions"),
        (("crows-pairs", "--data", table), "has no column 'sent_more'"),
        (("stereoset", "--data", table), "is not JSON"),
        (("winobias", "--data", tmp_path), "does not exist"),
        (("winobias", "--data", tmp_path, "--split", "x"), "split='x' is not allowed"),
        (("counterfactual", "--model", hub.SHIPPED), "the model holds no trained classifier"),
        (("counterfactual", "--model", classifier, "--language", "de"), "no word lists for 'de'"),
    ):
        code, out, err = run("bias", *command)
        assert (code, out) == (2, "")
        assert told in err
        assert err.count("\n") == 1


def test_the_group_names_its_commands(run: Run) -> None:
    listed = run("bias", "--help").out
    names = [info.name or info.callback.__name__ for info in bias.registered_commands]  # type: ignore[union-attr]
    assert all(name.replace("_", "-") in listed for name in names)
