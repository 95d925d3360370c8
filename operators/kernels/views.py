"""Which features a leaf looks at: all of them, or a random part."""

from __future__ import annotations

import numpy as np

from operators.kernels.compiled import njit
from operators.kernels.forest import (
    COLUMN,
    COLUMNS,
    FIRST,
    N_CODES,
    N_NOMINAL,
    N_NUMERIC,
    NOMINAL_FIELDS,
    VIEW_BY_LEAF,
    Forest,
)
from operators.kernels.random import below


@njit(cache=True, nogil=True, error_model="numpy")
def add_to_view(forest: Forest, view: int, column: int) -> None:
    """Let a view see one more feature."""
    views, codes = forest.views, forest.capacities[column]
    if codes == 0:
        views[view, COLUMNS + views[view, N_NUMERIC]] = column
        views[view, N_NUMERIC] += 1
        return
    k = views[view, N_NOMINAL]
    at = COLUMNS + forest.slots + NOMINAL_FIELDS * k
    first = 0
    if k > 0:
        before = at - NOMINAL_FIELDS
        first = views[view, before + FIRST] + views[view, before + N_CODES]
    views[view, at + COLUMN] = column
    views[view, at + N_CODES] = codes
    views[view, at + FIRST] = first
    views[view, N_NOMINAL] += 1


@njit(cache=True, nogil=True, error_model="numpy")
def draw_view(forest: Forest, view: int) -> None:
    """Let a view see `forest.subspace` features drawn without replacement."""
    order = forest.order
    forest.views[view, :] = 0
    for j in range(len(order)):
        order[j] = j
    for j in range(forest.subspace):
        k = j + below(forest.random, len(order) - j)
        order[j], order[k] = order[k], order[j]
        add_to_view(forest, view, order[j])


@njit(cache=True, nogil=True, error_model="numpy", _nrt=True)
def deal_view(forest: Forest, view: int) -> None:
    """Let a view see the `forest.subspace` features that fewest views see, drawn among equals."""
    order, views = forest.order, forest.views
    uses = np.zeros(len(order))
    nominal = COLUMNS + forest.slots + COLUMN
    for other in range(len(views)):
        for j in range(views[other, N_NUMERIC]):
            uses[views[other, COLUMNS + j]] += 1.0
        for j in range(views[other, N_NOMINAL]):
            uses[views[other, nominal + NOMINAL_FIELDS * j]] += 1.0
    views[view, :] = 0
    for j in range(len(order)):
        order[j] = j
    for j in range(len(order)):
        k = j + below(forest.random, len(order) - j)
        order[j], order[k] = order[k], order[j]
    for _ in range(forest.subspace):
        least = order[0]
        for column in order:
            if uses[column] < uses[least]:
                least = column
        uses[least] = np.inf
        add_to_view(forest, view, least)


@njit(cache=True, nogil=True, error_model="numpy")
def view_of_new_leaf(forest: Forest, row: int, inherited: int) -> int:
    """Return the view of a new leaf: its tree's, or one of its own, just drawn."""
    if forest.view_kind != VIEW_BY_LEAF:
        return inherited
    draw_view(forest, row)
    return row


@njit(cache=True, nogil=True, error_model="numpy")
def full_view(forest: Forest, view: int) -> None:
    """Let a view see every feature, in the order of the columns."""
    forest.views[view, :] = 0
    for column in range(len(forest.capacities)):
        add_to_view(forest, view, column)
