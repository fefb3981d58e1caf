"""The file of an audit, `bias.json`: what the tests of a model's bias found, and its rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.evaluation.bias.rates import verdicts
from albertlm.reporting.page import NOTHING

FORMAT, FILE = "albertlm bias 2", "bias.json"

COLUMNS = ("measure", "part", "value", "95 % interval", "p", "n", "ties", "reading")

CORRECTED = (
    "p is two-sided, of no preference. Of the types of CrowS-Pairs, of ss by the types of "
    "StereoSet, and of the parts of WinoBias, it is corrected for their number (Holm 1979)."
)

AS_PUBLISHED = " as published"
"""How the name of a test ends that reproduces what is peculiar to a released code."""

_WITHOUT_ALL = ("probe", "counterfactual")

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Audit:
    """The tests that a model was given.

    Fields:
        model: the name of the model.
        weights: the SHA-256 of its weights, if they are one file.
        tests: by the names of their commands, what `albertlm bias … --json` prints of each; a name
            may end with `AS_PUBLISHED`.
    """

    model: str
    weights: str | None
    tests: Mapping[str, Json]

    @property
    def rows(self) -> Iterator[AuditRow]:
        """The numbers of all tests that have an interval."""
        for name in self.tests:
            yield from self.rows_of(name)

    def rows_of(self, name: str) -> Iterator[AuditRow]:
        """The numbers of a test that have an interval."""
        return _ROWS[command_of(name)](self.tests[name])

    def of_card(self) -> list[AuditRow]:
        """The numbers for a card: of all parts together, or of tests that have no such number."""
        return [row for row in self.rows if row.part == "all" or row.test in _WITHOUT_ALL]


@dataclass(frozen=True)
class AuditRow:
    """A number of a test.

    Fields:
        test: the name of the test's command.
        measure: what was measured.
        part: `all`, or the part of the data.
        value, low, high: the number and its 95 % interval.
        p: two-sided, of no preference; corrected as `CORRECTED` says. None if it is not tested.
        n: the number of examples.
        ties: the number of examples without a preference; None where there is no such thing.
        neutral: the value of no preference; None for a score of the model itself.
        unit: `%`, or what else the number is.
        verdict: `too weak to interpret`, or `above the floor`; empty for a classifier of which it
            is not known.
    """

    test: str
    measure: str
    part: str
    value: float
    low: float
    high: float
    p: float | None
    n: int
    ties: int | None
    neutral: float | None
    unit: str
    verdict: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As `COLUMNS` of a table."""
        return (
            self.measure,
            self.part,
            f"{self.value:.4g} {self.unit}",
            f"{self.low:.4g} to {self.high:.4g}",
            NOTHING if self.p is None else f"{self.p:.2g}",
            f"{self.n:,}",
            NOTHING if self.ties is None else f"{self.ties:,}",
            self.verdict or NOTHING,
        )


def command_of(test: str) -> str:
    """The name of the command that makes a test."""
    return test.removesuffix(AS_PUBLISHED)


def read_audit(path: Path) -> Audit:
    """Read the file of an audit, or the one in a folder.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is not the file of an audit.
    """
    path = path / FILE if path.is_dir() else path
    found = storage.read_json(path)
    if found.get("format") == "albertlm bias 1":
        raise ValueError(f"{path} is of an older albertlm; make the audit again in another folder")
    if found.get("format") != FORMAT:
        raise ValueError(f"{path} is no audit; write one with `albertlm bias … --output FOLDER`")
    with storage.parsing(path):
        audit = Audit(found["model"], found["weights"], dict(found["tests"]))
        list(audit.rows)  # a file that lacks a number is damaged
    return audit


def add_test(folder: Path, model: str, weights: Path, name: str, found: Json) -> Audit:
    """Add what a test found to the audit in a folder, or replace what it found before.

    Args:
        folder: created if it is missing.
        model: the name of the model.
        weights: the file of its weights.
        name: the name of the test.
        found: what the test prints as JSON.

    Raises:
        ValueError: the folder holds the audit of another model.
        OSError: the file cannot be written.
    """
    checksum = storage.sha256(weights) if weights.is_file() else None
    tests: Mapping[str, Json] = {}
    if (folder / FILE).is_file():
        before = read_audit(folder)
        if (before.model, before.weights) != (model, checksum):
            raise ValueError(
                f"{folder} holds the audit of {before.model}, or of other weights of it; name "
                "another folder"
            )
        tests = before.tests
    audit = Audit(model, checksum, {**tests, name: found})
    document = {"format": FORMAT, "model": model, "weights": checksum, "tests": audit.tests}
    storage.write_json(folder / FILE, document)
    return audit


def _row(
    test: str,
    measure: str,
    part: str,
    estimate: Json,
    verdict: str,
    *,
    neutral: float | None = 50.0,
    unit: str = "%",
) -> AuditRow:
    value, low, high = (float(estimate[name]) for name in ("value", "low", "high"))
    return AuditRow(
        test,
        measure,
        part,
        value,
        low,
        high,
        estimate["p"],
        int(estimate["n"]),
        estimate["ties"],
        neutral,
        unit,
        verdict,
    )


def _probe(found: Json) -> Iterator[AuditRow]:
    for each in found["comparisons"]:
        yield _row(
            "probe",
            "increased log-probability",
            f"{each['first']} less {each['second']}",
            each["bias"],
            found["validity"]["verdict"],
            neutral=0.0,
            unit="nats",
        )
    for each in found["correlations"]:
        for name in ("pearson", "spearman"):
            yield _row(
                "probe",
                f"correlation with ratings ({name.capitalize()})",
                f"{each['first']} less {each['second']}",
                each[name],
                found["validity"]["verdict"],
                neutral=0.0,
                unit="r",
            )


def _crows_pairs(found: Json) -> Iterator[AuditRow]:
    published = AS_PUBLISHED if found["as_published"] else ""
    for measure, parts in found["measures"].items():
        for part, estimate in parts.items():
            verdict = found["validity"]["verdict"]
            yield _row("crows-pairs", f"{measure}{published}", part, estimate, verdict)


def _stereoset(found: Json) -> Iterator[AuditRow]:
    for test, parts in found["tests"].items():
        verdict = found["validity"][test]["verdict"]
        for part, scores in parts.items():
            for name in ("ss", "lms", "icat"):
                neutral = 50.0 if name == "ss" else None
                yield _row(
                    "stereoset", f"{test}: {name}", part, scores[name], verdict, neutral=neutral
                )


def _winobias(found: Json) -> Iterator[AuditRow]:
    verdict = found["validity"]["verdict"]
    for part, estimate in found["shares"].items():
        yield _row("winobias", "pronoun of the stereotype preferred", part, estimate, verdict)
    for part, estimate in found["log_odds"].items():
        yield _row(
            "winobias", "log-odds of the pronoun", part, estimate, verdict, neutral=0.0, unit="nats"
        )


def _counterfactual(found: Json) -> Iterator[AuditRow]:
    own, either = verdicts({name: each["verdict"] for name, each in found["accuracy"].items()})
    for source, effects in found["effects"].items():
        less = effects["less_control"] or {}
        for measure, estimate, neutral, unit, verdict in (
            ("signed change", effects["signed"], 0.0, "probability", own),
            ("signed change less the control's", less.get("signed"), 0.0, "probability", either),
            ("absolute change", effects["absolute"], None, "probability", own),
            (
                "absolute change less the control's",
                less.get("absolute"),
                0.0,
                "probability",
                either,
            ),
            ("changed predictions", effects["flips"], None, "%", own),
        ):
            if estimate is not None:
                yield _row(
                    "counterfactual", measure, source, estimate, verdict, neutral=neutral, unit=unit
                )
    for gap in found["gaps"]:
        for name in ("true_positive", "false_positive"):
            yield _row(
                "counterfactual",
                f"gap of the {name.replace('_', '-')} rate",
                f"{gap['label']}: {gap['first']} less {gap['second']}",
                gap[name],
                own,
                neutral=0.0,
                unit="% points",
            )


_ROWS = {
    "probe": _probe,
    "crows-pairs": _crows_pairs,
    "stereoset": _stereoset,
    "winobias": _winobias,
    "counterfactual": _counterfactual,
}
"""The numbers of each test with intervals."""
