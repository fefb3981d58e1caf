"""The labels of words, and the entities that they make up.

T tokens of a text, L labels.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, TypedDict, Unpack, get_args

import numpy as np
import numpy.typing as npt

from albertlm.inference import heads
from albertlm.inference.engines.base import TokenizedText
from albertlm.inference.pipelines.base import Pipeline, as_batch, require_words
from albertlm.inference.pipelines.text_classification import scores
from albertlm.settings import check
from albertlm.tasks.windows import Cutting, text_windows
from albertlm.tasks.words import (
    OUTSIDE,
    CharSpans,
    Strategy,
    Tag,
    entities,
    token_tags,
    word_spans,
    word_tags,
)
from albertlm.tokenization import checks


class TokenLabel(TypedDict):
    """The label of a token; `index` is its position, counted from 1."""

    entity: str
    score: float
    index: int
    word: str
    start: int
    end: int


class EntityGroup(TypedDict):
    """An entity: what the text has between `start` and `end`."""

    entity_group: str
    score: float
    word: str
    start: int
    end: int


class TokenClassificationOptions(TypedDict, total=False):
    """The options of a call of `TokenClassification`."""

    aggregation_strategy: Strategy
    ignore_labels: str | Iterable[str]
    is_split_into_words: bool
    batch_size: int


class _Labelled(NamedTuple):
    """The tokens of a text, (T,) ids and (T, 2) spans, with the probabilities of all labels."""

    ids: npt.NDArray[np.int64]
    spans: npt.NDArray[np.int64]
    probabilities_TL: npt.NDArray[np.float64]

    def of_tokens(self, labels: Sequence[str]) -> list[Tag]:
        return token_tags(self.probabilities_TL, self.spans.tolist(), labels)

    def of_words(
        self, words: CharSpans, labels: Sequence[str], strategy: Strategy
    ) -> list[Tag | None]:
        return word_tags(self.probabilities_TL, self.spans.tolist(), words, labels, strategy)


class TokenClassification(Pipeline):
    """Finds entities in texts: `TokenClassification(...)("Ada Lovelace lived in London.")`."""

    parts = ("classifier",)
    architecture = "AlbertForTokenClassification"
    options = TokenClassificationOptions(
        aggregation_strategy="first",
        ignore_labels=(OUTSIDE,),
        is_split_into_words=False,
        batch_size=16,
    )

    def __call__(
        self,
        texts: str | Iterable[str] | Iterable[Sequence[str]],
        **options: Unpack[TokenClassificationOptions],
    ) -> list[Any]:
        """Find the entities of a text, or the labels of its tokens.

        A text that is longer than the model reads is read in windows; each token has its label
        from the window that shows most of what is around it.

        Args:
            texts: a text, or any iterable of texts, for which a list with one entry for each is
                returned; with `is_split_into_words`, a text is a list of words.
            aggregation_strategy: `first`, the default, `average` or `max`: entities over words,
                which have the label of their first token, of the mean of their tokens'
                probabilities, or of their most certain token. `simple`: entities over tokens,
                which may end within a word. `none`: the labels of tokens.
            ignore_labels: labels or entities that are left out, `O` by default.
            is_split_into_words: whether texts are given as lists of words. Spans are then those in
                the words joined by spaces. Otherwise words are what white space separates, and
                punctuation around them.
            batch_size: the number of windows in a batch, 16 by default.

        Returns:
            An `EntityGroup` for each entity or, with the strategy `none`, a `TokenLabel` for each
            token; for several texts, a list for each.

        Raises:
            ValueError: a text is empty, or an option is not allowed.
        """
        chosen = self._chosen(options)
        strategy: Strategy = chosen["aggregation_strategy"]
        check(
            strategy in get_args(Strategy),
            f"one of {', '.join(get_args(Strategy))}",
            aggregation_strategy=strategy,
        )
        if chosen["is_split_into_words"]:
            given = checks.as_list("texts", texts, "a list of words, or a list of such lists")
            is_one = bool(given) and isinstance(given[0], str)
            sentences = [[*sentence] for sentence in ([given] if is_one else given)]
            words = [_joined_spans(sentence) for sentence in sentences]
            all_texts = [" ".join(sentence) for sentence in sentences]
            require_words(*all_texts)
        else:
            is_one = isinstance(texts, str)
            all_texts = as_batch(texts)  # type: ignore[arg-type]
            require_words(*all_texts)
            words = [word_spans(text) for text in all_texts]
        found = self._label_tokens(all_texts, chosen["batch_size"])
        ignored = set(as_batch(chosen["ignore_labels"], "ignore_labels"))
        results = [
            self._of_tokens(each, ignored)
            if strategy == "none"
            else self._groups(text, each, spans, strategy, ignored)
            for text, each, spans in zip(all_texts, found, words, strict=True)
        ]
        return results[0] if is_one else results

    def label_words(
        self,
        texts: Sequence[str],
        words: Sequence[CharSpans],
        *,
        strategy: Strategy = "first",
        batch_size: int = 16,
    ) -> list[list[str]]:
        """The label of each word of texts whose words are known, as evaluation needs them.

        Args:
            texts: the texts.
            words: the start and end of each word of each text.
            strategy: `first`, `average` or `max`.
            batch_size: the number of windows in a batch.

        Returns:
            A label for each word; `O` for one without a token, such as a control character.
        """
        require_words(*texts)
        names = self.engine.config.label_names
        return [
            [tag.label if tag else OUTSIDE for tag in found.of_words(spans, names, strategy)]
            for found, spans in zip(self._label_tokens(texts, batch_size), words, strict=True)
        ]

    def _label_tokens(self, texts: Sequence[str], batch_size: int) -> list[_Labelled]:
        """The probabilities of the labels of all tokens of each text."""
        of_texts = text_windows(self.tokenizer, texts, Cutting(self.max_length))
        windows = [window for of_text in of_texts for window in of_text]
        rows = [TokenizedText(window.input_ids, window.token_type_ids) for window in windows]

        def label(numbers: list[int]) -> Iterator[_Labelled]:
            states = self.engine.states([rows[number] for number in numbers])
            for number, x_TD in zip(numbers, states, strict=True):
                window = windows[number]
                kept = np.flatnonzero(window.has_most_context)
                logits_TL = heads.token_logits(self.engine, x_TD[window.part][kept])
                ids = np.array(window.input_ids)[window.part][kept]
                yield _Labelled(ids, window.spans[kept], scores(logits_TL, "softmax"))

        found = iter(self._in_batches(rows, batch_size, label))
        # windows follow each other, and so do the tokens that have the most context in each
        parts = [[next(found) for _ in of_text] for of_text in of_texts]
        return [_Labelled(*map(np.concatenate, zip(*each, strict=True))) for each in parts]

    def _of_tokens(self, found: _Labelled, ignored: set[str]) -> list[TokenLabel]:
        tags = found.of_tokens(self.engine.config.label_names)
        return [
            TokenLabel(
                entity=tag.label,
                score=tag.score,
                index=index,
                word=self.tokenizer.convert_ids_to_tokens(token_id),
                start=tag.start,
                end=tag.end,
            )
            for index, (tag, token_id) in enumerate(zip(tags, found.ids.tolist(), strict=True), 1)
            if tag.label not in ignored
        ]

    def _groups(
        self, text: str, found: _Labelled, words: CharSpans, strategy: Strategy, ignored: set[str]
    ) -> list[EntityGroup]:
        names = self.engine.config.label_names
        if strategy == "simple":
            tags = found.of_tokens(names)
        else:
            tags = [tag for tag in found.of_words(words, names, strategy) if tag]
        return [
            EntityGroup(
                entity_group=each.kind,
                score=each.score,
                word=text[each.start : each.end],
                start=each.start,
                end=each.end,
            )
            for each in entities(tags)
            if each.kind not in ignored
        ]


def _joined_spans(sentence: Sequence[str]) -> list[tuple[int, int]]:
    """Where each word is when the words of a sentence are joined by spaces."""
    checks.require_strings(sentence, "a word")
    ends = np.cumsum([len(word) + 1 for word in sentence]).tolist()
    return [(end - 1 - len(word), end - 1) for word, end in zip(sentence, ends, strict=True)]
