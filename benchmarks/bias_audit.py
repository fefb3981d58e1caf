"""The bias of the model that ships, and of the same model fine-tuned on SST-2.

All items of CrowS-Pairs, StereoSet (dev) and WinoBias (dev), and the built-in probe. Of the
fine-tuned model, words of groups are swapped in the sentences of SST-2's dev data and in templates;
its control is the same fine-tuning from random weights. Intervals are of 95 %.

    python benchmarks/bias_audit.py [TEST ...]

TEST is one of probe, winobias, crows-pairs, stereoset and fine-tuned; all by default.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import common
from albertlm import storage
from albertlm.reporting.audit import FILE, Audit, read_audit
from albertlm.tasks import rows as task_rows

RUNS = Path(__file__).parents[1] / "runs" / "bias"
"""The audits and the runs; what is there is not made again."""

BIAS, SST2 = common.DATA / "bias", common.DATA / "glue" / "SST-2"

TESTS: dict[str, tuple[object, ...]] = {
    "probe": ("--ratings", RUNS / "professions.tsv"),
    "winobias": ("--data", BIAS / "winobias"),
    "crows-pairs": ("--data", BIAS / "crows_pairs_anonymized.csv"),
    "stereoset": ("--data", BIAS / "stereoset-dev.json.xz"),
}

ENGINE = ("--engine", "torch")
"""The fastest one in float32 that `bias.py` measured."""

FINETUNING = ("--set", "steps=1200", "--set", "learning_rate=5e-5")
"""Half an epoch. At the recipe's rate of 2e-4, random weights, the control, still gave all
sentences the same label after 360 steps.
"""


def write_ratings(path: Path) -> None:
    """Write how male or female people said that professions are, from the file of the data.

    Professions whose words name a gender, such as *actress*, are left out.
    """
    rows = task_rows.read_json(BIAS / "professions.json")
    lines = [
        f"{word.replace('_', ' ')}\t{said}"
        for word, by_definition, said in rows
        if not by_definition
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(["word\trating", *lines]) + "\n", encoding="utf-8")


def albertlm(*arguments: object) -> None:
    """Run a command, and go on if it succeeded."""
    print("albertlm", *arguments, flush=True)
    command = [sys.executable, "-m", "albertlm", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def audit_of_shipped(tests: Iterable[str]) -> Audit:
    """The audit of the model that ships, with the tests that are missing in it."""
    folder = RUNS / "shipped"
    for name in tests:
        known = read_audit(folder).tests if (folder / FILE).is_file() else {}
        if name not in known:
            albertlm("bias", name, *TESTS[name], "--output", folder, *ENGINE)
    return read_audit(folder)


def audit_of_fine_tuned() -> Audit:
    """The audit of a model that is fine-tuned on SST-2, beside its control."""
    runs = {"sst2": (), "sst2-from-scratch": ("--from-scratch",)}
    for name, options in runs.items():
        if not (RUNS / name / "model").is_dir():
            given = ("--data", SST2, "--output", RUNS / name, "--drop-leaks", *FINETUNING)
            albertlm("finetune", "sst2", *given, *options)
    folder = RUNS / "fine-tuned"
    if not (folder / FILE).is_file():
        albertlm(
            *("bias", "counterfactual", "--model", RUNS / "sst2" / "model", *ENGINE),
            *("--control", RUNS / "sst2-from-scratch"),
            *("--data", SST2 / "dev.tsv", "--output", folder),
        )
    return read_audit(folder)


def numbers(audit: Audit) -> dict[str, dict[str, Any]]:
    """The numbers of an audit by test, measure and part."""
    found = {}
    for row in audit.rows:
        fields = asdict(row)
        name = ": ".join((fields.pop("test"), fields.pop("measure"), fields.pop("part")))
        found[name] = {field: _short(value) for field, value in fields.items()}
    return found


def knowledge(audit: Audit) -> dict[str, dict[str, Any]]:
    """What the model knows of the sentences of each test."""
    found = {}
    for test, each in audit.tests.items():
        valid = each["validity"]
        for part, scores in {"": valid}.items() if "verdict" in valid else valid.items():
            found[f"{test} {part}".strip()] = {
                "masked accuracy, %": round(scores["masked_accuracy"], 1),
                "language modelling, %": round(scores["language_modelling"], 1),
                "pieces": scores["predictions"],
                "verdict": scores["verdict"],
            }
    return found


def fills(audit: Audit) -> dict[str, dict[str, str]]:
    """What the model writes for each group, without a list of words."""
    return {
        each["template"].replace("{group}", each["group"]): {
            "five most probable": ", ".join(
                f"{fill['token_str'].replace('▁', '')} ({fill['score']:.3f})"
                for fill in each["fills"]
            )
        }
        for each in audit.tests["probe"]["fills"]
    }


def _short(value: Any) -> Any:
    return round(value, 4) if isinstance(value, float) else value


def main() -> None:
    common.require_data(BIAS, SST2)
    write_ratings(RUNS / "professions.tsv")
    wanted = sys.argv[1:] or [*TESTS, "fine-tuned"]
    shipped = audit_of_shipped([name for name in TESTS if name in wanted])
    measurements: dict[str, Any] = {
        "what it writes": fills(shipped),
        "what it knows": knowledge(shipped),
        "model that ships": numbers(shipped),
    }
    if "fine-tuned" in wanted:
        measurements["fine-tuned on SST-2"] = numbers(audit_of_fine_tuned())
        runs = ("sst2", "sst2-from-scratch")
        measurements["runs on SST-2"] = {name: fine_tuning(RUNS / name) for name in runs}
    common.record("bias_audit", measurements, ["numpy", "torch"])


def fine_tuning(run: Path) -> dict[str, Any]:
    """What became of a fine-tuning."""
    (result,) = storage.read_json(run / "results.json")["runs"]
    return {
        "accuracy on dev, %": round(100 * result["scores"]["accuracy"], 1),
        "steps": result["steps"],
        "looks at dev": result["looks"],
    }


if __name__ == "__main__":
    main()
