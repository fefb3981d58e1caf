"""Positions, and batches that are joined."""

from dataclasses import asdict, fields

import numpy as np
from batches import random_batch

from albertlm.data.batches import Batch, Position


def test_the_next_epoch_is_one_of_which_nothing_was_read() -> None:
    assert Position(3, 0).next_epoch() == Position(3)
    assert Position(3, 1).next_epoch() == Position(4)
    mixed = Position(0, 40, {"a": Position(1, 7), "b": Position(0, 0)})
    assert mixed.next_epoch() == Position(0, 40, {"a": Position(2), "b": Position()})
    assert Position.from_dict(asdict(mixed)) == mixed
    assert Position.from_dict({"epoch": 2, "example": 5}) == Position(2, 5)


def test_rows_are_joined_and_taken_apart() -> None:
    parts = [
        random_batch(lengths, orders).take(slice(None))
        for lengths, orders in (((9, 4), (0, 1)), ((5, 12, 7), (1, 0, -100)))
    ]
    joined = Batch.join(parts, pad_id=33)
    assert len(joined) == 5
    assert (joined.input_ids[:2, 9:] == 33).all()
    for rows, part in ((slice(0, 2), parts[0]), (np.array([2, 3, 4]), parts[1])):
        taken = joined.take(rows)
        used = part.attention_mask > 0
        for each in fields(Batch):
            found, expected = getattr(taken, each.name), getattr(part, each.name)
            if each.name in ("input_ids", "token_type_ids"):
                assert (found[used] == expected[used]).all()
            else:
                np.testing.assert_array_equal(found, expected)
