"""Tags of words: the entities that they mark, their schemes, and scores of both."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from albertlm.tasks import scores
from albertlm.tasks.predictions import in_order
from albertlm.tasks.task import DEFAULTS, Example, Prediction, Scores, ScoringOptions

OUTSIDE = "O"
_CHUNK = re.compile(r"([BIESLU])-(.+)")
_ENDS = ("E", "L")
_ALONE = ("S", "U")


class TaggedSpan(NamedTuple):
    """An entity: its kind, and its first word and the one after its last."""

    kind: str
    start: int
    stop: int


def marks_chunks(tags: Iterable[str]) -> bool:
    """Whether tags mark entities, by a prefix such as `B-`, and are not classes of words."""
    found = set(tags) - {OUTSIDE}
    return bool(found) and all(_CHUNK.fullmatch(tag) for tag in found)


def chunks(tags: Sequence[str], *, strict: bool = False) -> list[TaggedSpan]:
    """The entities that the tags of a sentence mark, in any of IOB1, IOB2, BIOES and BILOU.

    By default as in conlleval: `I-X` after `O`, or after another kind, begins an entity. With
    `strict`, the tags are read as IOB2: such a tag marks nothing.

    Source: conlleval of CoNLL-2000.
    """
    found: list[TaggedSpan] = []
    kind, start, closed = "", 0, True
    for place, tag in enumerate([*tags, OUTSIDE]):
        match = _CHUNK.fullmatch(tag)
        prefix, of_tag = match.groups() if match else ("", "")
        goes_on = bool(match) and not closed and of_tag == kind and prefix not in ("B", *_ALONE)
        if goes_on:
            closed = prefix in _ENDS and not strict
            continue
        if kind:
            found.append(TaggedSpan(kind, start, place))
        begins = bool(match) and (prefix == "B" or not strict)
        kind, start = (of_tag, place) if begins else ("", place)
        closed = not begins or prefix in (*_ENDS, *_ALONE)
    return found


def as_iob2(tags: Sequence[str]) -> tuple[str, ...]:
    """Tags of any scheme as IOB2, where each entity begins with `B-`; others are unchanged."""
    if not marks_chunks(tags):
        return tuple(tags)
    written = [OUTSIDE] * len(tags)
    for kind, start, stop in chunks(tags):
        written[start:stop] = [f"B-{kind}", *[f"I-{kind}"] * (stop - start - 1)]
    return tuple(written)


def score_tags(
    examples: Sequence[Example[tuple[str, ...]]],
    predictions: Sequence[Prediction],
    options: ScoringOptions = DEFAULTS,
) -> Scores:
    """The accuracy over words and, for entities, precision, recall and F1, also of each kind.

    Raises:
        ValueError: an id is missing or unknown, or a prediction is not a tag for each word.
    """
    gold = [example.label or () for example in examples]
    predicted = [
        _tags(each, len(tags))
        for each, tags in zip(in_order(examples, predictions), gold, strict=True)
    ]
    words = [
        (a, b) for pair in zip(gold, predicted, strict=True) for a, b in zip(*pair, strict=True)
    ]
    accuracy = scores.accuracy(*zip(*words, strict=True)) if words else 0.0
    if not marks_chunks(tag for tags in gold for tag in tags):
        return {"accuracy": accuracy}
    right, of_gold, of_predicted = Counter[str](), Counter[str](), Counter[str]()
    for true, guess in zip(gold, predicted, strict=True):
        in_gold, in_guess = (set(chunks(tags, strict=options.strict)) for tags in (true, guess))
        right.update(chunk.kind for chunk in in_gold & in_guess)
        of_gold.update(chunk.kind for chunk in in_gold)
        of_predicted.update(chunk.kind for chunk in in_guess)
    if not of_predicted:
        warnings.warn("no entity is predicted; F1 is 0", stacklevel=2)
    totals = right.total(), of_predicted.total(), of_gold.total()
    return {
        "f1": scores.f1(*totals),
        "precision": totals[0] / totals[1] if totals[1] else 0.0,
        "recall": totals[0] / totals[2] if totals[2] else 0.0,
        "accuracy": accuracy,
        **{
            f"f1_{kind}": scores.f1(right[kind], of_predicted[kind], of_gold[kind])
            for kind in sorted(of_gold)
        },
    }


def _tags(prediction: Prediction, words: int) -> tuple[str, ...]:
    value = prediction.value.split() if isinstance(prediction.value, str) else prediction.value
    if not isinstance(value, (list, tuple)) or len(value) != words:
        raise ValueError(
            f"{prediction.where} predicts {prediction.value!r}; it must be a list of {words} tags"
        )
    return tuple(str(tag) for tag in value)
