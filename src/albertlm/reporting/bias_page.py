"""The page of an audit: one HTML file with all figures, which needs nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from albertlm import storage
from albertlm.evaluation.bias.rates import FLOOR
from albertlm.evaluation.bias.validity import TOO_WEAK
from albertlm.reporting import bias_figures
from albertlm.reporting.audit import COLUMNS, CORRECTED, FILE, Audit, AuditRow, Json, command_of
from albertlm.reporting.page import NOTHING

PAGE = "index.html"

CRITICISM = (
    "Blodgett et al. (2021) found many items of such data invalid: unclear stereotypes, sentences "
    "that differ in more than the group, groups that do not compare. No number here shows that a "
    "model is free of bias, or what it does to people where it is used."
)
FORMULAS = {
    "probe": (
        "log p(word | template) with a mask for each piece of the word; the increased "
        "log-probability is log p(group | word) − log p(group | word masked) (Kurita et al. 2019)."
    ),
    "crows-pairs": (
        "Share of pairs with score(more) &gt; score(less). pll: Σ log p(piece | the others) over "
        "the pieces that both sentences share (Nangia et al. 2020). aul: mean of log p(piece | "
        "whole sentence); aula: the same, weighted by attention (Kaneko and Bollegala 2022)."
    ),
    "stereoset": (
        "lms: share of related words preferred to unrelated ones; ss: share of stereotypes "
        "preferred to anti-stereotypes; icat = lms · min(ss, 100 − ss) / 50; all are means over "
        "targets (Nadeem et al. 2021). Sentence order answers another question: any of the "
        "sentences could follow."
    ),
    "winobias": (
        "Pronouns masked: share with p(pronoun of the stereotype) &gt; p(the other), and the mean "
        "of the logarithm of their ratio (data of Zhao et al. 2018)."
    ),
    "counterfactual": (
        "Change = p(class | text of the first group) − p(class | same text of the second group). "
        "Gaps of rates: first group less second (De-Arteaga et al. 2019)."
    ),
}
"""What each test measures, in HTML."""

_TITLES = {
    "probe": "Probes",
    "crows-pairs": "CrowS-Pairs",
    "stereoset": "StereoSet",
    "winobias": "WinoBias",
    "counterfactual": "Swapped groups",
}
_OFFENSIVE = "They can state stereotypes and be offensive; open them only if you need to."
_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #222; max-width: 60rem; margin: 2rem auto;
       padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.2rem; margin-top: 2.5rem; border-top: 1px solid #ddd;
       padding-top: 1rem }
table { border-collapse: collapse; margin: 1rem 0; font-size: 13px }
td, th { padding: .2rem .6rem; border-bottom: 1px solid #e5e5e5; text-align: left;
       vertical-align: top }
td.n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
svg { max-width: 100%; height: auto; display: block; margin: 1rem 0 }
.weak { background: #fff3cd; padding: .5rem .8rem; border-left: 4px solid #d9a400 }
.formula, .criticism { color: #555; font-size: 13px }
summary { cursor: pointer; color: #a33 } .both { font-weight: 600 }
"""


def write_page(folder: Path, audit: Audit) -> Path:
    """Write the page of an audit into a folder, and return its path.

    Raises:
        OSError: the page cannot be written.
    """
    path = folder / PAGE
    with storage.atomic_path(path) as temporary:
        temporary.write_text(page(audit), encoding="utf-8")
    return path


def page(audit: Audit) -> str:
    """An audit as HTML."""
    parts = [
        f"<h1>Bias of {escape(audit.model)}</h1>",
        f"<p>SHA-256 of its weights: <code>{escape((audit.weights or NOTHING)[:16])}…</code>.</p>",
        f"<p>All numbers are in <code>{FILE}</code>, too. Intervals are of 95 %.</p>",
        *_validity(audit),
    ]
    for name, found in audit.tests.items():
        of_test, command = list(audit.rows_of(name)), command_of(name)
        parts += [
            f"<h2>{_title(name)}</h2>",
            f'<p class="formula">{FORMULAS[command]}</p>',
            _provenance(found),
            *_forest(of_test),
            *_DETAILS[command](found),
            _numbers(of_test),
            *_skipped(found["skipped"]),
            f'<p class="criticism">{escape(found["caution"])} {CRITICISM}</p>',
        ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>Bias of {escape(audit.model)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _validity(audit: Audit) -> Iterator[str]:
    """What the model knows of the sentences of each test, before anything else."""
    known = []
    for name, found in audit.tests.items():
        valid = found.get("validity", {})
        of_each = {"": valid} if "verdict" in valid else valid
        known += [(f"{_title(name)} {part}".strip(), each) for part, each in of_each.items()]
    if any(row.verdict == TOO_WEAK for row in audit.rows):
        yield (
            '<p class="weak">On some of this data, the model is <b>too weak to interpret</b>. A '
            "model that has learned little prefers nothing, and then looks like one without bias. "
            "The numbers concerned are grey in the figures.</p>"
        )
    if known:
        yield _table(
            ("the model on the sentences of", "masked accuracy, %", "language modelling, %", "is"),
            [
                (name, f"{each['masked_accuracy']:.1f}", f"{each['language_modelling']:.1f}",
                 each["verdict"])
                for name, each in known
            ],
            numbers=(1, 2),
        )  # fmt: skip


def _forest(rows: Sequence[AuditRow]) -> Iterator[str]:
    """The numbers that have a value of no preference."""
    if any(row.neutral is not None for row in rows):
        yield bias_figures.svg(bias_figures.forest(rows))
    if told := {name: value for row in rows for name, value in bias_figures.published(row).items()}:
        named = ", ".join(f"{name} {value:g}" for name, value in told.items())
        yield f'<p class="formula">Hollow: published for {named}, with other tokens.</p>'


def _numbers(rows: Sequence[AuditRow]) -> str:
    cells = [row.cells for row in rows]
    table = _table(COLUMNS, cells, numbers=(2, 3, 4, 5, 6))
    return _details("All numbers", f'{table}<p class="formula">{CORRECTED}</p>')


def _probe(found: Json) -> Iterator[str]:
    yield "<p>Without a list of words, in bold what all groups have:</p>"
    for template in dict.fromkeys(each["template"] for each in found["fills"]):
        of_group = {
            each["group"]: each["fills"] for each in found["fills"] if each["template"] == template
        }
        yield f"<p><code>{escape(template)}</code></p>"
        yield _lists(of_group)
    yield (
        "<p>With the list of words: how the ten most probable words of one piece overlap "
        "(Jaccard), how far their distributions are apart (Jensen-Shannon distance, from 0 to 1), "
        "and how two lists differ, if there are two:</p>"
    )
    yield _table(
        ("groups", "overlap", "distance", "effect size of the lists", "p of the lists"),
        [
            (f"{each['first']}, {each['second']}", *(
                NOTHING if each[name] is None else f"{each[name]:.3f}"
                for name in ("overlap", "divergence", "effect_size", "p_of_lists")
            ))
            for each in found["comparisons"]
        ],
        numbers=(1, 2, 3, 4),
    )  # fmt: skip
    yield from _associations(found["words"])
    if rated := [each for each in found["words"] if each["rating"] is not None]:
        first, second, *_ = rated[0]["increased"]
        yield "<p>What people said of the words, and what the model prefers:</p>"
        figure = bias_figures.scatter(
            {each["word"]: each["rating"] for each in rated},
            {word["word"]: word["increased"][first] - word["increased"][second] for word in rated},
            ("rating by people", f"{first} − {second}, nats"),
        )
        yield bias_figures.svg(figure)


def _associations(words: Sequence[Json]) -> Iterator[str]:
    """The increased log-probability of each group given each word, as a heat map."""
    groups = list(words[0]["increased"])
    values = {each["word"]: list(each["increased"].values()) for each in words}
    columns, order = groups, "by how far the groups are apart"
    if len(groups) == 2:
        first, second = groups
        columns, order = [*groups, f"{first} − {second}"], f"from {second} to {first}"
        values = {word: [*pair, pair[0] - pair[1]] for word, pair in values.items()}
    ordered = sorted(
        values, key=lambda word: values[word][2] if len(groups) == 2 else -np.ptp(values[word])
    )
    yield (
        "<p>Increased log-probability of each group given the word, in nats; the words are sorted "
        f"{escape(order)}:</p>"
    )
    figure = bias_figures.heat_map(ordered, columns, [values[word] for word in ordered])
    yield bias_figures.svg(figure)


def _lists(of_group: Mapping[str, Sequence[Json]]) -> str:
    """What a model writes for each group, side by side."""
    tops = {group: [fill["token_str"] for fill in fills] for group, fills in of_group.items()}
    shared = set.intersection(*map(set, tops.values()))

    def cell(fill: Json) -> str:
        kind = ' class="both"' if fill["token_str"] in shared else ""
        word = escape(fill["token_str"].replace("▁", " ").strip())
        return f"<span{kind}>{word}</span> {fill['score']:.3f}"

    rows = [[cell(fill) for fill in fills] for fills in zip(*of_group.values(), strict=True)]
    return _table(list(of_group), rows, raw=True)


def _preferences(first: str, second: str, found: Json) -> Iterator[str]:
    """How two texts of each item differ, and the items that differ most."""
    figure = bias_figures.histogram(found["differences"], f"score({first}) − score({second})")
    yield bias_figures.svg(figure)
    for name, examples in found["examples"].items():
        yield _offensive(
            name,
            (first, second, "part", "difference"),
            [
                (each["first"], each["second"], each["part"], f"{each['difference']:+.3g}")
                for each in examples
            ],
        )


def _counterfactual(found: Json) -> Iterator[str]:
    first, second = found["groups"]
    if found["control"] is None:
        yield (
            '<p class="weak">Whether these changes were carried over from pretraining was not '
            "tested. That needs a control, the same fine-tuning from random weights.</p>"
        )
    else:
        yield (
            f"<p>The control, the same fine-tuning from random weights, is "
            f"<code>{escape(found['control'])}</code>. An interval of “less the control's” that "
            "does not contain 0 says that the model differs from it on these texts; both are one "
            "seed.</p>"
        )
    yield f"<p>Class: <b>{escape(found['label'])}</b>; {escape(first)} less {escape(second)}.</p>"
    values = {name: each["differences"] for name, each in found["effects"].items()}
    if shown := {name: each for name, each in values.items() if each}:
        yield bias_figures.svg(bias_figures.histogram(shown, "change of the probability"))
    if found["accuracy"]:
        yield f"<p>Whether it knows the task, on the texts of the data. {FLOOR}:</p>"
        yield _table(
            ("", "accuracy, %", "most frequent class, %", "n", "is"),
            [
                (name, f"{each['accuracy']:.1f}", f"{each['majority']:.1f}", f"{each['n']:,}",
                 each["verdict"])
                for name, each in found["accuracy"].items()
            ],
            numbers=(1, 2, 3),
        )  # fmt: skip
    for groups, value in found["gap"].items():
        yield f"<p>Root mean square of the true-positive gaps, {escape(groups)}: {value:.2f}</p>"
    yield _offensive(
        "probability",
        (f"with {first}", f"with {second}", "p", "p", "predicted", "predicted"),
        [
            (each["first"], each["second"], f"{each['p_first']:.3f}", f"{each['p_second']:.3f}",
             each["predicted_first"], each["predicted_second"])
            for each in found["changes"]
        ],
    )  # fmt: skip


_DETAILS: Mapping[str, Callable[[Json], Iterator[str]]] = {
    "probe": _probe,
    "crows-pairs": partial(_preferences, "more stereotyping", "less"),
    "stereoset": partial(_preferences, "stereotype", "anti-stereotype"),
    "winobias": partial(_preferences, "stereotype’s pronoun", "other"),
    "counterfactual": _counterfactual,
}
"""What the page shows of a test beside its numbers."""


def _title(test: str) -> str:
    command = command_of(test)
    return f"{_TITLES[command]}{test.removeprefix(command)}"


def _provenance(found: Json) -> str:
    """What a test was computed with, and from which data."""
    files = "".join(
        f", {escape(name)} (SHA-256 <code>{checksum[:16]}…</code>)"
        for name, checksum in found["data"].items()
    )
    return f'<p class="formula">Computed by {found["engine"]} in {found["dtype"]}{files}.</p>'


def _offensive(measure: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Sentences that are shown only when they are asked for."""
    told = f"The {len(rows)} largest differences of {escape(measure)}. {_OFFENSIVE}"
    return _details(told, _table(columns, rows))


def _skipped(reasons: Iterable[str]) -> Iterator[str]:
    if told := [f"<li>{escape(reason)}</li>" for reason in reasons]:
        yield _details("What was left out", f"<ul>{''.join(told)}</ul>")


def _details(summary: str, content: str) -> str:
    """What is shown when its summary is clicked."""
    return f"<details><summary>{summary}</summary>{content}</details>"


def _table(
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    numbers: Sequence[int] = (),
    raw: bool = False,
) -> str:
    """A table; `numbers` are the places of columns of numbers, `raw` cells are HTML."""
    head = "".join(f"<th>{escape(column)}</th>" for column in columns)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{' class=n' if place in numbers else ''}>{cell if raw else escape(str(cell))}</td>"
            for place, cell in enumerate(row)
        )
        + "</tr>"
        for row in rows
    )
    return f"<table><tr>{head}</tr>{body}</table>"
