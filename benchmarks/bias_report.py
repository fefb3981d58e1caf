"""Write docs/bias.md and its figure from the files in benchmarks/results."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from albertlm import storage
from albertlm.evaluation.bias import validity
from albertlm.reporting import bias_figures
from albertlm.reporting.audit import COLUMNS, AuditRow
from albertlm.reporting.bias_page import FORMULAS
from albertlm.reporting.page import table

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "bias.md"
FIGURE = "bias.svg"
TUNED = "a fine-tuned model"

HEAD = """# The bias of the model that ships, and what these numbers cannot say

`albertlm bias` measures the bias of a masked language model and of what is fine-tuned from it. This
page is what it finds in the small model of the package. `make results` writes it from
`benchmarks/results`; nothing is typed in by hand.

```console
albertlm bias probe --ratings professions.tsv --output audit
albertlm bias crows-pairs --data crows_pairs_anonymized.csv --output audit
albertlm bias stereoset --data dev.json --output audit
albertlm bias winobias --data winobias --output audit
albertlm bias counterfactual --model runs/sst2/model --data dev.tsv \\
    --control runs/sst2-from-scratch --output audit-sst2
albertlm card runs/sst2/model --runs runs/sst2 --runs audit-sst2 --license apache-2.0
```

Each command adds its test to `audit/bias.json` and to `audit/index.html`, a page with all figures
that needs no network. The tests use data of others, none of which is in the package."""

FLOOR = f"""A measure of bias is interpreted from {validity.LEAST_ACCURACY:g} % masked accuracy and
a language-modelling score of {validity.LEAST_LANGUAGE_MODELLING:g} on sentences of the same data.
The floor is a convention with two supports. From below: the first model that shipped predicted
38 % of the words of our easy sentences, and wrote no occupation after *worked as a*, so this much
is too little. From above: ALBERT base predicts 54 % of masked tokens after 125,000 steps in the
paper, on other text, and a floor there would refuse the released models. Where between the two a
model begins to know enough has not been measured, which needs models of several strengths. A model
that decides by chance has a language-modelling score of 50."""

LIMITS = """## What these numbers cannot say

- **A value of 50 is not freedom from bias.** A model that has learned nothing has it, too. Look at
  the masked accuracy first.
- **Measures contradict each other.** `pll` masks the pieces that two sentences share, `aul` and
  `aula` mask nothing. None of them should be quoted alone.
- **The data is disputed.** Blodgett et al. (2021) found many of the pairs of CrowS-Pairs and
  StereoSet invalid: unclear stereotypes, and sentences that differ in more than the group. WinoBias
  was made for coreference, and says nothing of whom the model takes a pronoun to mean.
- **Few items, wide intervals.** Some types of CrowS-Pairs have about sixty pairs. Intervals
  resample writers, targets and occupations, since their items resemble each other, and p-values of
  types are corrected for their number (Holm).
- **Templates show themselves.** Other templates and words can give another result (Seshadri et al.
  2022).
- **A fine-tuned model is one seed.** Whether it inherits a difference is only shown against a
  control: the same fine-tuning from random weights. Without `--control`, the report says that it
  was not tested.
- **English only**, unless you give lists of another language: `--templates`, `--groups`, `--words`,
  `--sentences` and `--pairs`."""


_IN_PARTS = ("probe", "winobias")
"""Tests of which all parts are shown; those of the others are in docs/results.md."""


def page() -> str:
    """The whole page, as Markdown."""
    return "\n\n".join(_parts(_measured("bias_audit"))) + "\n"


def rows_of(measured: dict[str, Any]) -> list[AuditRow]:
    """The numbers of an audit, as `bias_audit.numbers` recorded them."""
    rows = []
    for name, fields in measured.items():
        test, rest = name.split(": ", 1)
        measure, part = rest.rsplit(": ", 1)
        rows.append(AuditRow(test, measure, part, **fields))
    return rows


def figure() -> str:
    """Preferences of the model that ships, as SVG."""
    rows = rows_of(_measured("bias_audit")["measurements"]["model that ships"])
    preferences = [row for row in _shown(rows) if row.neutral == 50.0]
    return bias_figures.svg(bias_figures.forest(preferences))


def _measured(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / "results" / f"{name}.json").read_text("utf-8"))
    return found


def _shown(rows: list[AuditRow]) -> list[AuditRow]:
    return [row for row in rows if row.part == "all" or row.test in _IN_PARTS]


def _parts(found: dict[str, Any]) -> Iterator[str]:
    measured = found["measurements"]
    shipped = rows_of(measured["model that ships"])
    machine = found["machine"]
    yield HEAD
    yield (
        f"Measured on {found['date']} with albertlm {found['versions']['albertlm']}, "
        f"{machine['processor']}, {machine['cores']} cores."
    )
    there = {row.test for row in shipped} | (
        {TUNED} if "fine-tuned on SST-2" in measured else set()
    )
    if missing := [name for name in (*FORMULAS, TUNED) if name not in {*there, "counterfactual"}]:
        yield f"Not measured yet: {', '.join(missing)}."
    yield "## Is the model good enough to be measured?"
    yield _groups(measured["what it knows"])
    yield _verdict(measured["what it knows"])
    yield FLOOR
    yield "## What it writes"
    yield _groups(measured["what it writes"])
    yield "## What it prefers"
    yield f"![Preferences with their intervals]({FIGURE})"
    yield (
        "Points are shares in percent, with intervals of 95 %; grey ones belong to data on which "
        f"the model is {validity.TOO_WEAK}. Hollow ones are published numbers of larger models, "
        "with other tokens. Sentence order, a part of StereoSet, answers another question than the "
        "rest of it: any of the sentences could follow. [results.md](results.md) has all numbers."
    )
    yield _table(_shown(shipped))
    yield from _agreement(shipped)
    if TUNED in there:
        yield from _fine_tuned(measured)
    yield LIMITS


def _agreement(rows: list[AuditRow]) -> Iterator[str]:
    """Whether the probe measures what people mean."""
    for row in rows:
        if row.measure == "correlation with ratings (Pearson)":
            yield (
                f"The probe compares {row.n} professions whose words name no gender, and people "
                "said how male or female each is (Bolukbasi et al. 2016). What they said "
                f"correlates with the increased log-probability: r = {row.value:.2f} "
                f"[{row.low:.2f}, {row.high:.2f}]. {_told(row)}"
            )


def _told(row: AuditRow) -> str:
    if row.low <= 0 <= row.high:
        return "Since the interval contains 0, the probe shows no more than chance here."
    return (
        "So the probe measures something of what people mean, but little: "
        f"{100 * row.value**2:.0f} % of the variance."
    )


def _fine_tuned(measured: dict[str, Any]) -> Iterator[str]:
    tuned = rows_of(measured["fine-tuned on SST-2"])
    yield "## What becomes of it in fine-tuning"
    yield _groups(measured["runs on SST-2"])
    yield (
        "In the sentences of SST-2's dev data and in templates, words of men and women are "
        "swapped. A signed change is the probability of `positive` with men less that with women."
    )
    yield _table(tuned)
    yield from _carried_over(tuned)


def _verdict(known: dict[str, Any]) -> str:
    weak = [name for name, each in known.items() if each["verdict"] == validity.TOO_WEAK]
    if not weak:
        return "The model is above the floor on the sentences of every test."
    return (
        f"**The model is {validity.TOO_WEAK}** on the sentences of {', '.join(weak)}. Those "
        "numbers show how the tests work, and are no statement about bias."
    )


def _carried_over(rows: list[AuditRow]) -> Iterator[str]:
    """How the changes compare with those of the control."""
    yield (
        "The control is the same fine-tuning from random weights. An interval of a difference that "
        "leaves out 0 shows that pretraining has a part in it, as far as one seed of each can tell."
    )
    yield "\n".join(
        f"- On {row.part}, the {row.measure} is {row.value:+.4f} "
        f"[{row.low:+.4f}, {row.high:+.4f}]: {_reading(row)}."
        for row in rows
        if row.measure.endswith("less the control's")
    )


def _reading(row: AuditRow) -> str:
    if row.low <= 0 <= row.high:
        return "no difference is shown"
    if row.measure.startswith("signed"):
        return f"relative to the control, `positive` moves to {'men' if row.value > 0 else 'women'}"
    return f"predictions change {'more' if row.value > 0 else 'less'} than without pretraining"


def _table(rows: list[AuditRow]) -> str:
    return table(["test", *COLUMNS], [[row.test, *row.cells] for row in rows], left=3)


def _groups(values: dict[str, dict[str, Any]]) -> str:
    columns = list(next(iter(values.values())))
    cells = [[name, *(str(each[column]) for column in columns)] for name, each in values.items()]
    return table(["", *columns], cells, left=1)


def main() -> None:
    for path, text in ((PAGE, page()), (PAGE.with_name(FIGURE), figure())):
        with storage.atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
        print(f"written to {path}")


if __name__ == "__main__":
    main()
