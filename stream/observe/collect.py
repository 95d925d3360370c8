"""Two collectors that prometheus_client lacks: labels for all series, and batched observations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from threading import Lock

import numpy as np
from numpy.typing import ArrayLike
from prometheus_client import CollectorRegistry
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample


class Labelled(Collector):
    """The series of another registry, each with constant labels added, without `_created` ones.

    The client has constant labels for no metric, and a switch for `_created` only for the whole
    process; here both belong to one registry.

    Parameters
    ----------
    inner
        Where the series come from.
    labels
        Names and values to add; the inner series must not use these names.
    """

    def __init__(self, inner: CollectorRegistry, labels: Mapping[str, str]) -> None:
        self._inner = inner
        self._labels = dict(labels)

    def collect(self) -> Iterable[Metric]:
        """Yield what the inner registry yields, with the labels added."""
        for metric in self._inner.collect():
            labelled = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            labelled.samples = [
                self._label(sample)
                for sample in metric.samples
                if sample.name != f"{metric.name}_created"
            ]
            yield labelled

    def describe(self) -> Iterable[Metric]:
        """Tell the outer registry the names, so that it refuses them a second time."""
        return list(self.collect())

    def _label(self, sample: Sample) -> Sample:
        return sample._replace(labels={**self._labels, **sample.labels})


class BatchHistogram(Collector):
    """A histogram without labels that takes a whole batch of values at once.

    The client's histogram takes one value a call, about 1 us each; this one costs a sort of the
    batch in compiled code.

    Parameters
    ----------
    name
        Full name, with its unit.
    documentation
        Its meaning.
    buckets
        Upper bounds, rising and finite; the last bucket, +Inf, is implied.
    """

    def __init__(self, name: str, documentation: str, buckets: Sequence[float]) -> None:
        assert list(buckets) == sorted(set(buckets))
        self._name = name
        self._documentation = documentation
        self._bounds = np.asarray(buckets, dtype=np.float64)
        self._counts = np.zeros(len(self._bounds) + 1, dtype=np.int64)
        self._sum = 0.0
        self._lock = Lock()

    def observe_many(self, values: ArrayLike) -> None:
        """Count values; a value equal to a bound belongs to the bucket below it."""
        observed = np.asarray(values, dtype=np.float64)
        index = np.searchsorted(self._bounds, observed, side="left")
        counts = np.bincount(index, minlength=len(self._counts))
        with self._lock:
            self._counts += counts
            self._sum += float(observed.sum())

    def collect(self) -> Iterable[Metric]:
        """Yield the histogram with cumulative counts."""
        with self._lock:
            cumulative, total = np.cumsum(self._counts).tolist(), self._sum
        bounds = [*self._bounds.tolist(), float("inf")]
        buckets = [
            (str(bound) if bound < np.inf else "+Inf", count)
            for bound, count in zip(bounds, cumulative, strict=True)
        ]
        yield HistogramMetricFamily(
            self._name, self._documentation, buckets=buckets, sum_value=total
        )

    def describe(self) -> Iterable[Metric]:
        """Name the histogram."""
        return [HistogramMetricFamily(self._name, self._documentation)]
