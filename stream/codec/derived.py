"""Derived features: columns made of other columns, of earlier events and of labels learnt before.

Each is worked out for all new events of a step at once, one after the other in the order of the
file. None depends on where steps are cut: what remembers goes through the events in the order in
which they were accepted, or along the step's tape where labels count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from operators.base import Feature
from operators.preprocess.hashing import hash_keys
from operators.preprocess.rolling import Rolling
from operators.preprocess.target_mean import TargetMean
from operators.snapshot import Scalar, State, nest, part
from operators.tape import Tape
from stream.codec.classes import class_key
from stream.codec.inputs import Array, Columns, KeyReader, Names
from stream.codec.shape import Content
from stream.codec.target import TargetCoder
from stream.config.derived import (
    DerivedConfig,
    DifferenceFeature,
    LagFeature,
    RatioFeature,
    RollingFeature,
    TargetMeanFeature,
)
from stream.config.pipeline import Config
from stream.errors import ConfigError

_EVENTS, _EVENTS_OF_ALL = 128, 10_000  # of each key; where all events have one
_LAG_EVENTS = 16  # kept for events that come late


class CodingStep(NamedTuple):
    """What of a step, beside its new records, features may be made of.

    Parameters
    ----------
    times
        Event times of the new events, in milliseconds.
    tape, y
        Which rows are predicted and learnt, and their labels; new events are the first rows.
    keys
        (n_rows, n) float64, one column for each derived feature that learns from labels: the keys
        of rows that have waited stand in it; those of new events are written into it.
    """

    times: Sequence[int]
    tape: Tape
    y: Array
    keys: Array


class _Events(NamedTuple):
    """The new events of a step."""

    contents: Sequence[Content]
    times: NDArray[np.int64]
    columns: Columns
    keys: dict[tuple[str, ...], Array]

    def keys_of(self, reader: KeyReader) -> Array:
        """Keys of all events; read once for all that go by the same."""
        if reader.name not in self.keys:
            self.keys[reader.name] = reader.read(self.contents)
        return self.keys[reader.name]


class _Derived(Protocol):
    """Makes the columns of one derived feature."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """What its columns are."""

    def code(self, events: _Events, step: CodingStep) -> list[Array]:
        """Make one column for each of `features`."""

    def snapshot(self) -> State:
        """Return the whole state."""

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot."""


class DerivedCoder:
    """All derived features of a schema.

    Parameters
    ----------
    config
        The pipeline.
    target
        Knows the classes by their codes.
    columns
        What the columns of the schema's features are.

    Attributes
    ----------
    features
        One entry a column, those that are hidden included.
    hidden
        Names of those that the model does not see.
    key_width
        Columns of `CodingStep.keys`.

    Raises
    ------
    ConfigError
        With the key in the file: a name is unknown, or fits no column of this kind.
    """

    def __init__(self, config: Config, target: TargetCoder, columns: Mapping[str, Feature]) -> None:
        names = Names(config.record.features, columns)
        self._derived: list[_Derived] = []
        self.hidden: set[str] = set()
        self.key_width = 0
        for number, derived in enumerate(config.record.derived):
            where = f"schema.derived[{number}]"
            made = _make(derived, names, target, self.key_width, where)
            for feature in made.features:
                if feature.name in names.columns:
                    raise ConfigError(
                        f"{where}.name: columns must have different names; got "
                        f"`{feature.name}` again."
                    )
                names.columns[feature.name] = feature
                if derived.hidden:
                    self.hidden.add(feature.name)
            self.key_width += isinstance(made, _TargetMean)
            self._derived.append(made)
        self.features = tuple(each for made in self._derived for each in made.features)

    def code(self, contents: Sequence[Content], columns: Columns, step: CodingStep) -> None:
        """Add the derived columns of new events to those that they are made of."""
        events = _Events(contents, np.array(step.times, dtype=np.int64), columns, {})
        for derived in self._derived:
            coded = derived.code(events, step)
            for feature, column in zip(derived.features, coded, strict=True):
                columns[feature.name] = column

    def snapshot(self) -> State:
        """Return the state of all, by their numbers."""
        return {
            name: value
            for number, derived in enumerate(self._derived)
            for name, value in nest(str(number), derived.snapshot()).items()
        }

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Take over a snapshot of a coder with the same configuration."""
        for number, derived in enumerate(self._derived):
            derived.restore(part(str(number), state))


def _make(
    config: DerivedConfig, names: Names, target: TargetCoder, learning: int, where: str
) -> _Derived:
    if isinstance(config, RatioFeature | DifferenceFeature):
        return _OfTwo(config, names, where)
    if isinstance(config, LagFeature):
        return _Lag(config, names, where)
    if isinstance(config, RollingFeature):
        return _Window(config, names, where)
    return _TargetMean(config, names, target, learning, where)


class _OfTwo:
    """The ratio or the difference of two columns; keeps nothing."""

    def __init__(self, config: RatioFeature | DifferenceFeature, names: Names, where: str) -> None:
        self.features = (Feature(config.name),)
        self._operation = np.divide if config.type == "ratio" else np.subtract
        self._of = [
            names.number(name, f"{where}.of[{number}]") for number, name in enumerate(config.of)
        ]

    def code(self, events: _Events, step: CodingStep) -> list[Array]:
        first, second = (events.columns[name] for name in self._of)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            found = self._operation(first, second)
        # Models take no infinity; neither x / 0 nor what is beyond the largest float is a number.
        return [np.where(np.isfinite(found), found, np.nan)]

    def snapshot(self) -> State:
        return {}

    def restore(self, state: Mapping[str, NDArray[np.generic] | Scalar]) -> None:
        """Nothing was kept."""


class _Lag:
    """The value of some events before; a category's is a category."""

    def __init__(self, config: LagFeature, names: Names, where: str) -> None:
        column = names.column(config.of, f"{where}.of")
        self.features = (Feature(config.name, column.capacity, column.categories),)
        self._of = config.of
        self._by = names.keys(config.by, f"{where}.by")
        self._rolling = Rolling(
            "lag",
            lag=config.k,
            events_max=config.events_max or max(config.k, _LAG_EVENTS),
            keys_max=config.keys_max,
        )
        self.snapshot, self.restore = self._rolling.snapshot, self._rolling.restore

    def code(self, events: _Events, step: CodingStep) -> list[Array]:
        keys, values = events.keys_of(self._by), events.columns[self._of]
        return [self._rolling.update(keys, events.times, values)]


class _Window:
    """An aggregate over a window of event time."""

    def __init__(self, config: RollingFeature, names: Names, where: str) -> None:
        self.features = (Feature(config.name),)
        place = f"{where}.of"
        if config.of is None:
            self._of = None
        elif config.function in ("count", "distinct"):
            self._of = names.marks(config.of, place)
        else:
            self._of = names.number(config.of, place)
        self._by = names.keys(config.by, f"{where}.by")
        self._rolling = Rolling(
            config.function,
            window_ms=config.window // timedelta(milliseconds=1),
            with_current=config.with_current,
            events_max=config.events_max or (_EVENTS if config.by else _EVENTS_OF_ALL),
            keys_max=config.keys_max,
        )
        self.snapshot, self.restore = self._rolling.snapshot, self._rolling.restore

    def code(self, events: _Events, step: CodingStep) -> list[Array]:
        keys = events.keys_of(self._by)
        return [self._rolling.update(keys, events.times, self._values(events))]

    def _values(self, events: _Events) -> Array:
        if self._of is None:
            return np.ones(len(events.contents))
        if isinstance(self._of, str):
            return events.columns[self._of]
        return hash_keys(map(self._of, events.contents))


class _TargetMean:
    """Means of the labels of a key; the key waits with the event for its label."""

    def __init__(
        self,
        config: TargetMeanFeature,
        names: Names,
        target: TargetCoder,
        column: int,
        where: str,
    ) -> None:
        self._classes = _classes_of(config, target, f"{where}.classes")
        self.features = tuple(Feature(name) for name in _column_names(config, self._classes))
        self._by = names.keys(config.by, f"{where}.by")
        self._target = target
        self._column = column
        self._mean = TargetMean(
            len(self.features),
            smooth=config.smooth,
            fading_factor=config.fading_factor,
            keys_max=config.keys_max,
        )
        self.snapshot, self.restore = self._mean.snapshot, self._mean.restore

    def code(self, events: _Events, step: CodingStep) -> list[Array]:
        fresh = len(events.contents)
        keys = step.keys[:, self._column]
        keys[:fresh] = events.keys_of(self._by)
        found = self._mean.run(step.tape, keys, self._numbers(step.y))
        return list(found[:fresh].T)

    def _numbers(self, y: Array) -> Array:
        """Write labels as numbers: the value, or 1 for its own class and 0 for the others."""
        if not self._classes:
            return y[:, None]
        known = {class_key(label): code for code, label in enumerate(self._target.classes)}
        codes = np.array([known.get(name, -1) for name in self._classes], dtype=np.float64)
        return np.asarray(y[:, None] == codes, dtype=np.float64)


def _classes_of(config: TargetMeanFeature, target: TargetCoder, where: str) -> list[str]:
    """Classes with a column each; none for regression."""
    given = [class_key(label) for label in config.classes or ()]
    if not target.n_classes:
        if given:
            raise ConfigError(
                f"{where}: must be left out where the target is a number; got {given}."
            )
        return []
    known = [class_key(label) for label in target.configured]
    if not given and not known:
        raise ConfigError(
            f"{where}: must be given where target.classes is not; got nothing. Name the classes "
            "whose rates you want."
        )
    unknown = [name for name in given if known and name not in known]
    if unknown:
        raise ConfigError(f"{where}: must be of target.classes; got `{unknown[0]}`.")
    return given or (known[1:] if len(known) == 2 else known)


def _column_names(config: TargetMeanFeature, classes: Sequence[str]) -> list[str]:
    if len(classes) < 2:
        return [config.name]
    return [f"{config.name}.{name}" for name in classes]
