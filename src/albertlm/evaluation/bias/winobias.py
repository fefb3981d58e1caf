"""WinoBias: which pronoun a model expects for an occupation.

The data was made for coreference resolution. Here, the pronoun is masked, and the one that agrees
with the stereotype of the occupation is compared with the one that does not.

Source of the data: Zhao, Wang, Yatskar, Ordonez and Chang 2018.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from albertlm.evaluation.bias.contrasts import Contrast, largest
from albertlm.evaluation.bias.likelihood import Cloze, MaskedLikelihood
from albertlm.evaluation.bias.resampling import Estimate, holm, mean, share
from albertlm.evaluation.bias.validity import Validity, validity
from albertlm.inference.pipelines.base import quote
from albertlm.settings import check_choice
from albertlm.tasks.rows import lines_of, read_text

SPLITS = ("dev", "test")
LOG_ODDS = "log-odds"
TYPES = {1: "type 1, needs knowledge", 2: "type 2, solvable by syntax"}

CAUTION = (
    "It was made for coreference; a preferred pronoun shows an association with the sentence, not "
    "whom the model takes it to mean."
)

_SIDES = ("pro", "anti")
_MALE = ("he", "him", "his", "himself")
_FEMALE = ("she", "her", "hers", "herself")
_BRACKETS = re.compile(r"\[([^\]]*)\]")


@dataclass(frozen=True)
class PronounSentence:
    """A sentence whose pronouns agree with a stereotype, and what would contradict it.

    Fields:
        text: with `[MASK]` for each pronoun.
        pro: the pronouns that agree.
        anti: as many that do not, from the other file.
        occupation: whom they refer to.
        kind: 1 or 2, one of `TYPES`.
    """

    text: str
    pro: tuple[str, ...]
    anti: tuple[str, ...]
    occupation: str
    kind: int

    @property
    def agreeing(self) -> str:
        """The sentence with the pronouns that agree."""
        return self._filled(self.pro)

    @property
    def contradicting(self) -> str:
        """The sentence with the other pronouns."""
        return self._filled(self.anti)

    def _filled(self, pronouns: Sequence[str]) -> str:
        found = iter(pronouns)
        return re.sub(r"\[MASK\]", lambda _: next(found), self.text)


@dataclass(frozen=True)
class PronounPreferences:
    """Which pronouns a model prefers.

    Fields:
        shares: the percentage of sentences whose agreeing pronouns are preferred: `all`, by type,
            and by the gender of these pronouns; the p-values of the parts are corrected for their
            number. 50 is no preference.
        log_odds: the mean of log p(agreeing) - log p(contradicting) of the same; 0 is none.
        differences: of `log-odds`, those of each sentence.
        examples: of `log-odds`, the sentences with the largest of them.
        validity: what the model knows of the sentences.
        skipped: the sentences that were left out, and why.
    """

    shares: dict[str, Estimate]
    log_odds: dict[str, Estimate]
    differences: dict[str, list[float]]
    examples: dict[str, list[Contrast]]
    validity: Validity
    skipped: list[str]


def files(folder: Path, split: str = "dev") -> list[Path]:
    """The files that are read from a folder: for each of `TYPES`, the agreeing and the other one.

    Raises:
        ValueError: the split is unknown.
    """
    check_choice(SPLITS, split=split)
    return [
        folder / f"{side}_stereotyped_type{kind}.txt.{split}" for kind in TYPES for side in _SIDES
    ]


def read_winobias(folder: Path, split: str = "dev") -> tuple[list[PronounSentence], list[str]]:
    """Read `pro_stereotyped_type1.txt.dev` and its counterparts from a folder.

    The text is that of the agreeing file; some counterparts differ in more than the pronouns.

    Returns:
        The sentences, and those that are left out because their pronouns have no counterparts.

    Raises:
        OSError: a file is missing.
        ValueError: the split is unknown, two files do not have the same number of lines, a line has
            no pronoun, or no line has a counterpart.
    """
    paths = files(folder, split)
    sentences, skipped = [], []
    for kind, pro, anti in zip(TYPES, paths[::2], paths[1::2], strict=True):
        lines = [list(lines_of(read_text(path))) for path in (pro, anti)]
        if len(lines[0]) != len(lines[1]):
            raise ValueError(f"{pro} and {anti} must have the same number of lines")
        for number, (first, second) in enumerate(zip(*lines, strict=True), start=1):
            where = f"{pro}:{number}"
            ours, theirs = _pronouns(first, where), _pronouns(second, f"{anti}:{number}")
            if _mirrored(ours, theirs):
                sentences.append(_sentence(first, ours, theirs, kind, where))
            else:
                skipped.append(f"{where}: {' '.join(theirs)} does not mirror {' '.join(ours)}")
    if not sentences:
        raise ValueError(
            f"all {len(skipped)} sentences of {folder} were left out: their pronouns do not differ "
            "from those of the other files; give two genders"
        )
    return sentences, skipped


def winobias(
    model: MaskedLikelihood, sentences: Sequence[PronounSentence], skipped: Sequence[str] = ()
) -> PronounPreferences:
    """Measure which pronouns a model expects, all pronouns of a sentence masked at once.

    Args:
        model: the model.
        sentences: the sentences; intervals are of their occupations.
        skipped: what was left out when they were read, for the result.

    Raises:
        ValueError: a pronoun is not a single piece, or a sentence is too long.
    """
    odds_N = _log_odds(model, sentences)
    parts = {
        "all": list(range(len(sentences))),
        **{
            name: [number for number, each in enumerate(sentences) if each.kind == kind]
            for kind, name in TYPES.items()
        },
        "he, him, his": [n for n, each in enumerate(sentences) if each.pro[0] in _MALE],
        "she, her": [n for n, each in enumerate(sentences) if each.pro[0] in _FEMALE],
    }
    parts = {name: numbers for name, numbers in parts.items() if numbers}
    shares, log_odds = (
        {
            name: estimate(odds_N[numbers], [sentences[number].occupation for number in numbers])
            for name, numbers in parts.items()
        }
        for estimate in (share, mean)
    )
    return PronounPreferences(
        _with_corrected_parts(shares),
        _with_corrected_parts(log_odds),
        {LOG_ODDS: odds_N.tolist()},
        {
            LOG_ODDS: largest(
                [(each.agreeing, each.contradicting) for each in sentences],
                [TYPES[each.kind] for each in sentences],
                odds_N,
            )
        },
        validity(model, [each.agreeing for each in sentences]),
        list(skipped),
    )


def _with_corrected_parts(estimates: dict[str, Estimate]) -> dict[str, Estimate]:
    parts = {name: each for name, each in estimates.items() if name != "all"}
    return {"all": estimates["all"], **holm(parts)}


def _pronouns(line: str, where: str) -> tuple[str, ...]:
    found = [each.lower() for each in _BRACKETS.findall(line)]
    pronouns = tuple(each for each in found if each in _MALE + _FEMALE)
    if not pronouns:
        raise ValueError(
            f"{where} has no pronoun in brackets: {quote(line)}; mark one, such as [she]"
        )
    return pronouns


def _mirrored(ours: Sequence[str], theirs: Sequence[str]) -> bool:
    """Whether pronouns are of one gender, and as many others of the other one."""
    genders = [{each in _MALE for each in side} for side in (ours, theirs)]
    return len(ours) == len(theirs) and {*map(len, genders)} == {1} and genders[0] != genders[1]


def _sentence(
    line: str, pro: tuple[str, ...], anti: tuple[str, ...], kind: int, where: str
) -> PronounSentence:
    text = line.split(maxsplit=1)[1].strip() if line[:1].isdigit() else line.strip()
    others = [each for each in _BRACKETS.findall(text) if each.lower() not in _MALE + _FEMALE]
    if not others:
        raise ValueError(f"{where} names nobody in brackets; mark whom the pronoun refers to")

    def shown(match: re.Match[str]) -> str:
        return "[MASK]" if match[1].lower() in pro else match[1]

    return PronounSentence(
        text=_BRACKETS.sub(shown, text),
        pro=pro,
        anti=anti,
        occupation=others[0].lower().removeprefix("the ").strip(),
        kind=kind,
    )


def _log_odds(model: MaskedLikelihood, sentences: Sequence[PronounSentence]) -> NDArray[np.float64]:
    clozes = []
    for text, sentence in zip(
        model.tokenized([each.text for each in sentences]), sentences, strict=True
    ):
        at = tuple(model.masks(text))
        pieces = tuple(model.single_piece(word) for word in sentence.pro + sentence.anti)
        clozes.append(Cloze(text, at * 2, pieces))
    halves = (np.split(values, 2) for values in model.log_probs(clozes))
    return np.array([float(pro.sum() - anti.sum()) for pro, anti in halves])
