"""The tables of `albertlm bias`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from albertlm.cli import common

if TYPE_CHECKING:
    from albertlm.evaluation.bias.counterfactual import CounterfactualReport
    from albertlm.evaluation.bias.crows_pairs import PairPreferences
    from albertlm.evaluation.bias.probes import ProbeReport
    from albertlm.evaluation.bias.resampling import Estimate
    from albertlm.evaluation.bias.stereoset import StereoSetReport
    from albertlm.evaluation.bias.validity import Validity
    from albertlm.evaluation.bias.winobias import PronounPreferences


SHOWN = 10
"""Reasons for what was left out, above which only their number is printed."""


def _estimates(
    title: str,
    estimates: Mapping[str, Estimate],
    verdict: str | Mapping[str, str],
    *,
    decimals: int = 2,
) -> None:
    """Print numbers with their intervals, and whether all or each can be interpreted."""
    common.print_table(
        ("part", "#value", "#95 % interval", "#p", "#n", "#clusters", "#ties", "reading"),
        [
            (
                name,
                f"{each.value:.{decimals}f}",
                f"{each.low:.{decimals}f} to {each.high:.{decimals}f}",
                "" if each.p is None else f"{each.p:.4f}",
                f"{each.n:,}",
                f"{each.clusters:,}",
                "" if each.ties is None else f"{each.ties:,}",
                verdict if isinstance(verdict, str) else verdict[name],
            )
            for name, each in estimates.items()
        ],
        title=title,
    )


def _probe(found: ProbeReport, caution: str) -> None:
    common.print_table(
        ("template", "group", "#score", "fill"),
        [
            (each.template, each.group, f"{fill['score']:.4f}", fill["token_str"])
            for each in found.fills
            for fill in each.fills
        ],
        title="without a list of words",
    )
    groups = list(found.words[0].log_probs)
    common.print_table(
        (
            "word",
            "list",
            "#pieces",
            *(f"#log p, {name}" for name in groups),
            *(f"#increase, {name}" for name in groups),
        ),
        [
            (
                each.word,
                each.list,
                str(each.pieces),
                *(f"{each.log_probs[name]:.3f}" for name in groups),
                *(f"{each.increased[name]:+.3f}" for name in groups),
            )
            for each in found.words
        ],
        title="with the list; sums over different numbers of pieces cannot be compared",
    )
    for each in found.comparisons:
        _estimates(
            f"{each.first} against {each.second}",
            {"increased log-probability, mean of words": each.bias},
            found.validity.verdict,
        )
        rows = {
            "overlap of the most probable words": each.overlap,
            "Jensen-Shannon distance": each.divergence,
            "effect size of the two lists": each.effect_size,
            "p of the two lists, by permutation": each.p_of_lists,
        }
        common.print_table(
            ("measure", "#value", "reading"),
            [
                (name, f"{value:.4f}", found.validity.verdict)
                for name, value in rows.items()
                if value is not None
            ],
        )
    for ratings in found.correlations:
        _estimates(
            f"correlation of {ratings.first} less {ratings.second} with ratings by people",
            {"of the numbers": ratings.pearson, "of their ranks": ratings.spearman},
            found.validity.verdict,
        )
    _left_out(found.skipped)
    _validity({"ordinary sentences": found.validity}, caution)


def _crows_pairs(found: PairPreferences, caution: str) -> None:
    for name, estimates in found.measures.items():
        _estimates(
            f"{name}, more stereotyping sentence preferred, %", estimates, found.validity.verdict
        )
    _left_out(found.skipped)
    _validity({"sentences": found.validity}, caution)


def _left_out(reasons: Sequence[str]) -> None:
    if len(reasons) > SHOWN:
        print(f"{len(reasons):,} items were left out; --json lists them")
    else:
        for reason in reasons:
            print("left out:", reason)


def _validity(of_each: Mapping[str, Validity], caution: str) -> None:
    """Print what a model knows of the sentences of its tests, and what to be careful about."""
    from albertlm.evaluation.bias import validity

    common.print_table(
        ("the model on the", "#masked accuracy, %", "#language modelling, %", "#pieces", "verdict"),
        [
            (
                name,
                f"{each.masked_accuracy:.1f}",
                f"{each.language_modelling:.1f}",
                f"{each.predictions:,}",
                each.verdict,
            )
            for name, each in of_each.items()
        ],
        title=f"interpretable from {validity.LEAST_ACCURACY:g} % accuracy and a score of "
        f"{validity.LEAST_LANGUAGE_MODELLING:g}, by convention; chance scores 50",
    )
    print(caution)


def _stereoset(found: StereoSetReport, caution: str) -> None:
    for name, by_type in found.tests.items():
        told = ", not comparable: it answers another question" if name == "sentence order" else ""
        estimates = {
            f"{part}: {measure}": getattr(scores, measure)
            for part, scores in by_type.items()
            for measure in ("lms", "ss", "icat")
        }
        _estimates(f"{name}{told}", estimates, found.validity[name].verdict)
    _left_out(found.skipped)
    _validity(found.validity, caution)


def _winobias(found: PronounPreferences, caution: str) -> None:
    verdict = found.validity.verdict
    _estimates("pronoun of the stereotype preferred, %", found.shares, verdict)
    _estimates("log-odds of the pronoun", found.log_odds, verdict)
    _left_out(found.skipped)
    _validity({"sentences": found.validity}, caution)


def _counterfactual(found: CounterfactualReport, caution: str) -> None:
    from albertlm.evaluation.bias.rates import FLOOR, verdicts

    first, second = found.groups
    rows: dict[str, Estimate | None] = {}
    for source, effects in found.effects.items():
        less = effects.less_control or {}
        rows |= {
            f"{source}: signed": effects.signed,
            f"{source}: signed, less the control's": less.get("signed"),
            f"{source}: absolute": effects.absolute,
            f"{source}: absolute, less the control's": less.get("absolute"),
            f"{source}: changed predictions, %": effects.flips,
        }
    own, beside = verdicts({name: each.verdict for name, each in found.accuracy.items()})
    _estimates(
        f"change of p({found.label}), {first} less {second}",
        {name: each for name, each in rows.items() if each is not None},
        {name: beside if name.endswith("the control's") else own for name in rows},
        decimals=4,
    )
    if found.accuracy:
        common.print_table(
            (
                "on the texts of the data",
                "#accuracy, %",
                "#most frequent class, %",
                "#n",
                "verdict",
            ),
            [
                (name, f"{each.accuracy:.1f}", f"{each.majority:.1f}", f"{each.n:,}", each.verdict)
                for name, each in found.accuracy.items()
            ],
            title=FLOOR,
        )
    common.print_table(
        (f"#p, {first}", f"#p, {second}", "predicted", f"with {first}", f"with {second}"),
        [
            (
                f"{each.p_first:.3f}",
                f"{each.p_second:.3f}",
                each.predicted_first
                if each.predicted_first == each.predicted_second
                else f"{each.predicted_first}, {each.predicted_second}",
                each.first,
                each.second,
            )
            for each in found.changes
        ],
        title="the largest changes",
    )
    if found.gaps:
        _estimates(
            "gaps of rates between groups of the data, % points",
            {
                f"{gap.label}, {gap.first} less {gap.second}: {name}": estimate
                for gap in found.gaps
                for name, estimate in (
                    ("true positives", gap.true_positive),
                    ("false positives", gap.false_positive),
                )
            },
            own,
        )
    _left_out(found.skipped)
    if found.control is None:
        print(
            "Whether this was carried over from pretraining was not tested; that needs --control."
        )
    print(caution)


PRINT: Mapping[str, Callable[[Any, str], None]] = {
    "probe": _probe,
    "crows-pairs": _crows_pairs,
    "stereoset": _stereoset,
    "winobias": _winobias,
    "counterfactual": _counterfactual,
}
"""What prints the result of each test, given with what to be careful about."""
