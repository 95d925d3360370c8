"""The last labels' records and the counts of their cells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from operators.base import Space
from operators.diagnosis.contrast import Records
from operators.kernels import diagnosis as kernel
from operators.tape import Rows, Tape

Floats = NDArray[np.float64]


class Memory:
    """A ring of records, and for each block of them how many fell into each cell.

    Parameters
    ----------
    space
        Of the records.
    n_blocks
        Blocks that are remembered.
    every
        Labels in a block.
    columns_max
        Features that are watched: the first ones.
    """

    def __init__(self, space: Space, n_blocks: int, every: int, columns_max: int) -> None:
        features = space.features[:columns_max]
        self.n_classes = space.n_classes
        self.every = every
        self.n_groups = min(space.n_classes, kernel.N_GROUPS) or kernel.N_GROUPS
        length = n_blocks * every
        self.ring = kernel.Ring(
            learnt=np.zeros(1, np.int64),
            x=np.zeros((length, len(features)), np.float32),
            y=np.zeros(length),
            loss=np.zeros(length),
            live=np.zeros(length, np.bool_),
        )
        self.cells = kernel.Cells(
            columns=np.arange(len(features)),
            capacity=np.array([feature.capacity for feature in features], np.int64),
            edges=np.full((len(features), kernel.N_BINS - 1), np.inf),
            group_of=np.zeros(space.n_classes, np.int64),
            y_edges=np.full(kernel.N_GROUPS - 1, np.inf),
            loss_edges=np.full(kernel.N_LOSSES - 1, np.inf),
        )
        self.counts = kernel.empty_counts(n_blocks, len(features))

    @property
    def learnt(self) -> int:
        """Labels so far."""
        return int(self.ring.learnt[0])

    @property
    def oldest(self) -> int:
        """The first label that is still remembered."""
        return max(self.learnt - len(self.ring.y), 0)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Name everything."""
        parts: dict[str, Any] = {"ring": self.ring, "cells": self.cells, "counts": self.counts}
        return {
            f"{part}/{name}": array
            for part, group in parts.items()
            for name, array in group._asdict().items()
        }

    def take(self, step: int, tape: Tape, rows: Rows, counting: bool) -> int:
        """Take in labels up to the next decision; return the next step of the tape."""
        return int(
            kernel.take(
                step,
                tape.action,
                tape.row,
                rows.x,
                rows.y,
                rows.output,
                self.n_classes,
                self.every,
                counting,
                self.ring,
                self.cells,
                self.counts,
            )
        )

    def blocks_since(self, label: int) -> NDArray[np.int64]:
        """Return the places of the whole blocks that begin at a label or later, oldest first."""
        first = -(-max(label, self.oldest) // self.every)
        return np.arange(first, self.learnt // self.every) % len(self.counts.y)

    def labels_since(self, label: int) -> NDArray[np.int64]:
        """Return the numbers of the remembered labels from one on that still count."""
        labels = np.arange(max(label, self.oldest), self.learnt)
        return labels[self.ring.live[labels % len(self.ring.y)]]

    def records(self, labels: NDArray[np.int64]) -> Records:
        """Return the records of some labels."""
        places = labels % len(self.ring.y)
        return self.as_records(self.ring.x[places].astype(np.float64), self.ring.y[places])

    def as_records(self, x: Floats, y: Floats) -> Records:
        """Group labels as the cells are cut now."""
        return Records(x, self._groups(y), self.cells.capacity, self.n_groups)

    def cells_of(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the cells of some labels' features: (n, n_columns)."""
        x = self.ring.x[labels % len(self.ring.y)].astype(np.float64)
        cells = np.empty(x.shape, np.int64)
        for j, capacity in enumerate(self.cells.capacity):
            known = np.nan_to_num(x[:, j])
            codes = (
                np.minimum(known.astype(np.int64), kernel.MISSING - 1)
                if capacity
                else (np.searchsorted(self.cells.edges[j], known))
            )
            cells[:, j] = np.where(np.isnan(x[:, j]), kernel.MISSING, codes)
        return cells

    def losses(self, labels: NDArray[np.int64]) -> Floats:
        """Return the losses of some labels."""
        return self.ring.loss[labels % len(self.ring.y)]

    def leave_out(self, first: int, end: int, since: int) -> None:
        """Let some labels count for nothing; count those of the concept anew."""
        self.ring.live[np.arange(max(first, self.oldest), end) % len(self.ring.y)] = False
        self.count_since(since)

    def count_since(self, label: int) -> None:
        """Count all labels from one on."""
        kernel.count_anew(max(label, self.oldest), self.every, self.ring, self.cells, self.counts)

    def cut_cells(self, since: int) -> None:
        """Cut cells such that the labels from one on fill them evenly, and count those."""
        labels = self.labels_since(since)
        places = labels % len(self.ring.y)
        for j in np.flatnonzero(self.cells.capacity == 0):
            self.cells.edges[j] = _quantiles(self.ring.x[places, j], kernel.N_BINS)
        y = self.ring.y[places]
        if self.n_classes:
            counts = np.bincount(y.astype(np.int64), minlength=self.n_classes)
            # The most frequent ones stand alone as long as there are groups.
            order = np.argsort(-counts, kind="stable")
            self.cells.group_of[order] = np.arange(self.n_classes) % self.n_groups
        else:
            self.cells.y_edges[:] = _quantiles(y, kernel.N_GROUPS)
            self.cells.loss_edges[:] = _quantiles(self.ring.loss[places], kernel.N_LOSSES)
        self.count_since(since)

    def _groups(self, y: Floats) -> NDArray[np.int64]:
        if self.n_classes:
            return self.cells.group_of[y.astype(np.int64)]
        return np.searchsorted(self.cells.y_edges, y)


def _quantiles(values: NDArray[np.floating[Any]], n_parts: int) -> Floats:
    """Cut values into parts of equal size: (n_parts - 1,), infinite where no cut was left."""
    known = values[np.isfinite(values)].astype(np.float64)
    edges = np.full(n_parts - 1, np.inf)
    if len(known):
        cuts = np.unique(np.quantile(known, np.linspace(0.0, 1.0, n_parts + 1)[1:-1]))
        edges[: len(cuts)] = cuts
    return edges
