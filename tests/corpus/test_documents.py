"""Test the split that every held-out figure depends on."""

import hashlib

from albertlm.corpus.documents import Document


def test_held_out_is_one_in_a_hundred_by_the_stated_hash() -> None:
    documents = [Document(id=str(number), source="", text="") for number in range(20_000)]
    held_out = [document.id for document in documents if document.held_out]
    assert 0.008 < len(held_out) / len(documents) < 0.012
    expected = [
        document.id
        for document in documents
        if int(hashlib.sha256(document.id.encode()).hexdigest()[:16], 16) % 100 == 0
    ]
    assert held_out == expected
