"""Test that no markup is left in the pages of a real dump."""

import re

import pytest

from albertlm.corpus.documents import Document
from albertlm.corpus.formats import dump


@pytest.fixture(scope="module")
def prose(shared_data):
    path = str(shared_data / "wikipedia-dump" / "enwiki-sample-pages-articles.xml.bz2")
    records = [record for span in dump.spans(path) for record in dump.read(span)]
    return "\n".join(record.text for record in records if isinstance(record, Document))


def test_no_residual_markup(prose):
    residue = re.findall(r"\{\{|\}\}|\[\[|\]\]|\{\||\|\}|==|'''|<ref", prose)
    assert len(residue) <= len(prose) / 100_000


def test_no_lists_tables_and_headings(prose):
    assert len(prose) > 800_000
    assert not re.findall(
        r"^(?:[*#:;|=]|!.*!!|\d+px|thumb\b|File:|Category:).*", prose, re.MULTILINE
    )


def test_no_holes_in_punctuation(prose):
    assert not re.findall(r"\( ?[,;)]|[,;] ?\)|, ?,|; ?,|, ?;", prose.replace("'() ", ""))
