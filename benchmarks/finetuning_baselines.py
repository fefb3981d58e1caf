"""What needs no pretrained model: scores of simple rules and linear models on dev data.

scikit-learn is a peer here and nowhere else; `requirements.txt` beside this file names it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from string import ascii_uppercase
from typing import Any

from albertlm.tasks.task import Example, Prediction, Scores, Task

Examples = Sequence[Example[Any]]
Baseline = Callable[[Task[Any], Examples, Examples], Scores]
"""From a task, its training and its dev data to scores."""

_WORD = re.compile(r"\w+")


def majority(task: Task[Any], train: Examples, dev: Examples) -> Scores:
    """The most frequent label of the dev data, everywhere."""
    del train
    (label, _), *_ = Counter(example.label for example in dev).most_common(1)
    return task.score(dev, [Prediction(each.id, label) for each in dev])


def linear(task: Task[Any], train: Examples, dev: Examples) -> Scores:
    """TF-IDF of words and pairs of words, and logistic regression.

    Of a pair, it sees the second text, and again with each word marked as in the first one or not.
    """
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    columns = []
    for in_train, in_dev in zip(_views(train), _views(dev), strict=True):
        vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True)
        columns.append((vectorizer.fit_transform(in_train), vectorizer.transform(in_dev)))
    x_train, x_dev = (hstack(each) for each in zip(*columns, strict=True))
    model = LogisticRegression(C=10, max_iter=1000).fit(x_train, [each.label for each in train])
    labels = model.predict(x_dev).tolist()
    predictions = [Prediction(each.id, label) for each, label in zip(dev, labels, strict=True)]
    return task.score(dev, predictions)


def _views(examples: Examples) -> list[list[str]]:
    """What is counted of each example."""
    last = [each.texts[-1] for each in examples]
    if len(examples[0].texts) == 1:
        return [last]
    return [last, [_marked(*each.texts) for each in examples]]


def _marked(first: str, second: str) -> str:
    """The words of the second text, each with whether the first one has it."""
    known = set(_WORD.findall(first.lower()))
    return " ".join(f"{word in known}_{word}" for word in _WORD.findall(second.lower()))


def first_sentence(task: Task[Any], train: Examples, dev: Examples) -> Scores:
    """The first sentence of the context as the answer."""
    del train
    sentences = [each.texts[1].partition(". ")[0] for each in dev]
    answers = [Prediction(each.id, text) for each, text in zip(dev, sentences, strict=True)]
    return task.score(dev, answers)


def nearest(task: Task[Any], train: Examples, dev: Examples) -> Scores:
    """The choice that is nearest to the passage, by the cosine of TF-IDF of the dev passages."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    del train
    vectorizer = TfidfVectorizer().fit([each.texts[0] for each in dev])
    predictions = []
    for each in dev:
        passage, *choices = vectorizer.transform(each.texts)
        closeness = [passage.multiply(choice).sum() for choice in choices]
        letter = ascii_uppercase[closeness.index(max(closeness))]
        predictions.append(Prediction(each.id, letter))
    return task.score(dev, predictions)


def unanswered(task: Task[Any], train: Examples, dev: Examples) -> Scores:
    """No answer to any question."""
    del train
    return task.score(dev, [Prediction(each.id, "") for each in dev])
