"""What is masked in an epoch of real text with 512 tokens per example, by the published recipe and
by Google's runs, with 20 predictions.

`as drawn` are the lengths of n-grams drawn for the words, and `realised` the lengths of those
masked: a run is shortened where the text or the budget ends, and dropped if one of its words is
already masked. The budget ends once in each example, so a small budget shortens a larger share of
the runs: more with 20 predictions than with 77, and more in short documents than in full examples
(490 tokens or more). `released algorithm` is the rule of the released code, written as a plain loop
over the words of an example, on the same examples with different random numbers.
"""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

import common
from albertlm.config import IGNORED
from albertlm.data import masking, spans
from albertlm.data.batches import Batch
from albertlm.data.loader import PretrainingData
from albertlm.data.segments import Segments
from albertlm.data.spans import Words
from albertlm.data.token_shards import TokenPart
from albertlm.recipes.published import as_google_ran, published
from albertlm.training.run_config import PretrainingConfig
from sample import sample_tokens

BATCH, LENGTH, FULL = 256, 512, 490
DRAWN = {1: 600 / 11, 2: 300 / 11, 3: 200 / 11}
REALISED_AS_RUN = {1: 57, 2: 27, 3: 15}


class Seen:
    """Counts over batches.

    Attributes:
        counts: the numbers of tokens and of faults, by name.
        drawn: (4,) the number of drawn n-grams of each length.
        realised, released: (2, 4) the number of masked n-grams of each length, in all and in full
            examples, by our code and by the plain loop.
    """

    def __init__(self, part: TokenPart) -> None:
        (shard,) = part
        self.tokens = np.asarray(shard.tokens)
        self.documents = np.asarray(shard.sentences)[shard.documents]
        self.tokenizer = part.tokenizer
        self.counts: Counter[str] = Counter()
        self.drawn = np.zeros(4, np.int64)
        self.realised, self.released = np.zeros((2, 2, 4), np.int64)
        self.rng = np.random.default_rng(0)

    def add(self, batch: Batch, segments: Segments, draws: dict[str, Any]) -> None:
        """Count a batch, given its ranges of the corpus and the draws for it."""
        words: Words = draws["words"]
        is_word = np.arange(draws["lengths"].shape[1]) < words.counts_B[:, None]
        self.drawn += np.bincount(draws["lengths"][is_word], minlength=4)
        self._add_lengths(batch, words, draws["runs"], draws["budgets"])
        self._add_tokens(batch, segments)
        self._add_spans(batch, segments, words, draws["runs"])

    def _add_lengths(
        self, batch: Batch, words: Words, runs_W: NDArray[np.int64], budget_B: NDArray[np.int64]
    ) -> None:
        full_B = batch.attention_mask.sum(1) >= FULL
        ends_B = np.cumsum(words.counts_B)
        for full, end, count, budget in zip(full_B, ends_B, words.counts_B, budget_B, strict=True):
            row = slice(end - count, end)
            sizes = (words.ends_W - words.starts_W)[row].tolist()
            chosen = as_released(sizes, int(budget), self.rng)
            for runs, into in ((runs_W[row], self.realised), (chosen, self.released)):
                into[: 1 + full] += np.bincount(runs, minlength=4)

    def _add_tokens(self, batch: Batch, segments: Segments) -> None:
        rows, slots = np.nonzero(batch.labels != IGNORED)
        places, before = batch.masked_positions[rows, slots], batch.labels[rows, slots]
        now, mask = batch.input_ids[rows, places], self.tokenizer.mask_token_id
        special = np.array(self.tokenizer.all_special_ids)
        plain = np.setdiff1d(special, [self.tokenizer.unk_token_id])  # unknown pieces are text
        replaced = now[(now != mask) & (now != before)]
        self.counts.update(
            tokens=int(batch.attention_mask.sum()),
            masked=len(rows),
            mask=int((now == mask).sum()),
            random=len(replaced),
            kept=int((now == before).sum()),
            special=int(np.isin(before, plain).sum() + np.isin(replaced, special).sum()),
            wrong=int((self.tokens[_in_corpus(rows, places, segments)] != before).sum()),
        )

    def _add_spans(
        self, batch: Batch, segments: Segments, words: Words, runs_W: NDArray[np.int64]
    ) -> None:
        first = np.flatnonzero(runs_W)
        ends = np.stack([words.starts_W[first], words.ends_W[first + runs_W[first] - 1] - 1])
        rows, places = np.divmod(ends, batch.input_ids.shape[1])
        corpus = _in_corpus(rows, places, segments)
        document = np.searchsorted(self.documents, corpus, side="right")
        # tokens of one segment are as far apart as in the corpus
        apart = (corpus[1] - corpus[0] != ends[1] - ends[0]) | (rows[1] != rows[0])
        self.counts.update(
            spans=len(first),
            across_documents=int((document[1] != document[0]).sum()),
            across_segments=int(apart.sum()),
        )


def as_released(sizes: list[int], budget: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """The number of words of the run that starts with each word, or 0, as in the released code."""
    drawn = rng.choice([1, 2, 3], size=len(sizes), p=np.array(list(DRAWN.values())) / 100)
    runs, taken = np.zeros(len(sizes), np.int64), [False] * len(sizes)
    for word in rng.permutation(len(sizes)).tolist():
        if not budget:
            break
        n = min(int(drawn[word]), len(sizes) - word)
        while n and sum(sizes[word : word + n]) > budget:
            n -= 1
        if n and not any(taken[word : word + n]):
            taken[word : word + n] = [True] * n
            budget -= sum(sizes[word : word + n])
            runs[word] = n
    return runs


def _in_corpus(
    rows: NDArray[np.int64], places: NDArray[np.int64], segments: Segments
) -> NDArray[np.int64]:
    """The positions in the corpus of the tokens of an example [CLS] first [SEP] second [SEP]."""
    first, second = segments.first[rows], segments.second[rows]
    size = first[..., 1] - first[..., 0]
    return np.where(places <= size, first[..., 0] + places - 1, second[..., 0] + places - size - 2)


@contextmanager
def recorded() -> Iterator[dict[str, Any]]:
    """The `lengths`, `words`, `budgets` and `runs` of the last call of the masking code."""
    draws: dict[str, Any] = {}
    draw, choose = spans.draw_ngram_lengths, spans.choose_runs

    def draw_ngram_lengths(*arguments: Any) -> Any:
        draws["lengths"] = draw(*arguments)
        return draws["lengths"]

    def choose_runs(random: Any, words: Words, budgets: Any, max_ngram: int) -> Any:
        draws.update(words=words, budgets=budgets, runs=choose(random, words, budgets, max_ngram))
        return draws["runs"]

    with (
        patch.object(spans, "draw_ngram_lengths", draw_ngram_lengths),
        patch.object(masking, "choose_runs", choose_runs),
    ):
        yield draws


def epoch(part: TokenPart, recipe: PretrainingConfig) -> Seen:
    """Count all batches of an epoch."""
    data = PretrainingData(
        part,
        length=LENGTH,
        masking=recipe.masking,
        seed=recipe.seed,
        objective=recipe.objective,
        short_probability=recipe.short_probability,
    )
    seen = Seen(part)
    (window,) = data.windows(0)
    with recorded() as draws:
        for number, batch in enumerate(data.batches(0, BATCH, with_last=True)):
            rows = slice(number * BATCH, (number + 1) * BATCH)
            seen.add(batch, window.segments[rows], draws)
    return seen


def percent(part: float, whole: float) -> float:
    return round(100 * float(part) / float(whole), 3)


def row(value: float, goal: float | None = None, by: float = 0.0) -> dict[str, Any]:
    """A value and, if there is a goal, whether it is met."""
    if goal is None:
        return {"value": value}
    said = f"{goal:.4g} ± {by:g}" if by else f"{goal:g}"
    return {"value": value, "goal": said, "met": "yes" if abs(value - goal) <= by else "no"}


def lengths(
    said: str, counts: NDArray[np.int64], goals: Mapping[int, float], by: float
) -> dict[str, Any]:
    """The share of n-grams of each length."""
    return {
        f"n-grams of {n} {said}, %": row(percent(counts[n], counts[1:].sum()), goals.get(n), by)
        for n in (1, 2, 3)
    }


def realised(seen: Seen, goals: Mapping[int, float]) -> dict[str, Any]:
    """The share of masked n-grams of each length, by our code and by the plain loop."""
    rows = {}
    for ours, loop, where in zip(
        seen.realised, seen.released, ("realised", "realised in full examples"), strict=True
    ):
        beside = lengths(where, loop, {}, 0)
        for name, each in lengths(where, ours, goals, 1).items():
            rows[name] = {**each, "released algorithm": beside[name]["value"]}
    return rows


def table(seen: Seen, *, as_run: bool) -> dict[str, Any]:
    """The rows of the table of a recipe."""
    counts = seen.counts
    share = row(percent(counts["masked"], counts["tokens"]), *(() if as_run else (15, 0.1)))
    goals = {"mask": ("[MASK]", 80), "random": ("another token", 10), "kept": ("unchanged", 10)}
    faults = {
        "special": "special tokens chosen or drawn",
        "wrong": "labels that are not the corpus's token",
        "across_segments": "n-grams across segments",
        "across_documents": "n-grams across documents",
    }
    return {
        "tokens": row(counts["tokens"]),
        "predicted, % of tokens": share,
        **{
            f"of these {name}, %": row(percent(counts[key], counts["masked"]), goal, 0.3)
            for key, (name, goal) in goals.items()
        },
        "n-grams masked": row(counts["spans"]),
        **lengths("as drawn", seen.drawn, DRAWN, 0.5),
        **realised(seen, REALISED_AS_RUN if as_run else {}),
        **{name: row(counts[key], 0) for key, name in faults.items()},
    }


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        part = sample_tokens(Path(folder))
        vocab_size = part.tokenizer.vocab_size
        recipe = published(vocab_size, size="base", version="v2")
        measurements = {
            "as published": table(epoch(part, recipe), as_run=False),
            "as Google ran": table(epoch(part, as_google_ran(recipe)), as_run=True),
        }
    common.record("masks", measurements, ["numpy"])


if __name__ == "__main__":
    main()
