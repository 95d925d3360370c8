"""Deadlines in event time, and the rows that wait under them."""

from __future__ import annotations

import numpy as np

from stream.labels.deadlines import Deadlines
from stream.labels.row_store import RowStore


def test_names_fall_due_in_order_and_met_ones_do_not() -> None:
    open_names = {"a", "b", "c"}
    deadlines = Deadlines(lambda name, _: name in open_names)
    for name, deadline in (("b", 20), ("a", 10), ("c", 20)):
        deadlines.add(name, deadline)
    open_names.discard("a")
    assert list(deadlines.due(20)) == []
    assert [deadline.name for deadline in deadlines.due(21)] == ["b", "c"]


def test_met_deadlines_take_bounded_memory() -> None:
    deadlines = Deadlines(lambda _, arrival: arrival > 99_990)
    for number in range(100_000):
        deadlines.add(str(number), 10)
        deadlines.compact(alive=10)
    assert len(deadlines) <= 2 * 10 + 1024 + 1
    assert len(list(deadlines.due(11))) == 10


def test_rows_keep_their_slots_while_the_store_grows_and_reuses() -> None:
    store = RowStore((2, 1))
    first = store.put([np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[5.0], [6.0]])])
    more = store.put([np.full((1000, 2), 9.0), np.full((1000, 1), 9.0)])
    store.release(more)
    again = store.put([np.zeros((1000, 2)), np.zeros((1000, 1))])
    assert sorted(again) == sorted(more)
    x, y = store.gather(first)
    assert x.tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert y.tolist() == [[5.0], [6.0]]
