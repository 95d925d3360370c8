"""Builds what a partition task is made of from the configuration.

This and the task are the only places that know both records and operators.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Protocol

from operators.adaptation.base import Reporting
from operators.base import Learner, Mixture, Space
from operators.catalog import (
    create_detector,
    create_diagnoser,
    create_learner,
    create_policy,
)
from operators.diagnosis.base import Diagnoser
from operators.drift.base import Detector
from operators.prequential import (
    WATCH_WIDTH,
    PrequentialClassification,
    PrequentialRegression,
)
from operators.snapshot import State
from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.labels import LabelReader
from stream.codec.predictions import PredictionWriter
from stream.codec.space import make_space
from stream.codec.target import TargetCoder
from stream.config.operators import operator_names
from stream.config.pipeline import Config
from stream.drift.collector import DriftWatch
from stream.drift.monitoring import Monitoring, monitors_of
from stream.labels.join import LabelJoin
from stream.labels.plan import InlineLabels, LabelSource
from stream.log.base import TopicPartition

if TYPE_CHECKING:
    from operators.diagnosis.diagnoser import DriftDiagnoser

OUTPUT_ROLES = ("predictions", "drift", "dead_letters", "journal")
Evaluator = PrequentialClassification | PrequentialRegression


class Stateful(Protocol):
    """Anything whose state is part of a checkpoint."""

    def snapshot(self) -> State:
        """Return the whole state."""

    def restore(self, state: State) -> None:
        """Take over a snapshot."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The parts of one task; each belongs to that task alone.

    Parameters
    ----------
    app, model, partition
        Whose task, and the name of its model.
    topics
        Names of all topics by role.
    input_topics
        Topic of events, then that of labels if they have one.
    readers
        By input topic; stateless.
    mixture
        The learner, if it is made of experts.
    is_explained
        Whether predictions name them.
    monitors
        Watch features and predictions without labels.
    diagnoser
        Watches a learner that does not watch itself.
    managed
        The learner, if it reports what it finds and does about drift.
    drift_watch
        Makes drift events of what all of these say.
    widths
        Columns of x, output, trace and watch: what the evaluator watches, then the keys by which
        features learn from labels.
    """

    app: str
    model: str
    partition: int
    topics: Mapping[str, str]
    input_topics: tuple[str, ...]
    readers: Mapping[str, EventReader | LabelReader]
    feature_coder: FeatureCoder
    target_coder: TargetCoder
    labels: LabelSource
    learner: Learner
    mixture: Mixture | None
    is_explained: bool
    evaluator: Evaluator
    detectors: Mapping[str, Detector]
    monitors: Mapping[str, Monitoring]
    diagnoser: Diagnoser | None
    managed: Reporting | None
    drift_watch: DriftWatch
    prediction_writer: PredictionWriter
    widths: tuple[int, int, int, int]

    def stateful(self) -> dict[str, Stateful]:
        """Everything that a snapshot holds, by name."""
        detectors = {f"detector/{name}": detector for name, detector in self.detectors.items()}
        monitors = {f"monitor/{name}": monitor for name, monitor in self.monitors.items()}
        return {
            "features": self.feature_coder,
            "target": self.target_coder,
            "labels": self.labels,
            "model": self.learner,
            "evaluator": self.evaluator,
            **detectors,
            **monitors,
            **({"diagnoser": self.diagnoser} if self.diagnoser is not None else {}),
            "drift_watch": self.drift_watch,
        }


class PartsBuilder:
    """Builds the parts of tasks, one partition after the other.

    Parameters
    ----------
    config
        The pipeline.
    signing_key
        See `build_parts`.
    """

    def __init__(self, config: Config, signing_key: bytes | None = None) -> None:
        self._config = config
        self._signing_key = signing_key

    def __call__(self, partition: int) -> Parts:
        """Make the parts of one task, in their first state."""
        return build_parts(self._config, partition, self._signing_key)

    def around(self, parts: Parts) -> Parts:
        """Make the parts of a task that goes on with the model of others, which are used no more.

        The coders are handed over with it: a model may hold on to the lists of categories and
        classes, which go on to grow as records come.
        """
        made = build_parts(
            self._config,
            parts.partition,
            self._signing_key,
            coders=(parts.feature_coder, parts.target_coder),
        )
        return replace(
            made,
            learner=parts.learner,
            mixture=parts.mixture,
            managed=parts.managed,
            diagnoser=parts.diagnoser,
        )

    def under(self, config: Config) -> PartsBuilder:
        """Return a builder of the same under another configuration."""
        return PartsBuilder(config, self._signing_key)


def build_parts(
    config: Config,
    partition: int,
    signing_key: bytes | None = None,
    coders: tuple[FeatureCoder, TargetCoder] | None = None,
) -> Parts:
    """Make the parts of one task, in their first state.

    Parameters
    ----------
    signing_key
        Signs the pickles of a river model whose configuration allows them.
    coders
        Of a task that goes on; None for new ones.
    """
    feature_coder, target_coder = coders or _coders(config)
    space = make_space(feature_coder, target_coder)
    drift = config.drift
    diagnoser = create_diagnoser(space, drift.diagnoser) if drift.diagnose else None
    learner = _learner(config, space, diagnoser, signing_key)
    # The keys of features that learn from labels wait beside the evaluator's watch.
    watch_width = WATCH_WIDTH + feature_coder.key_width
    widths = (len(space.features), space.n_outputs, learner.trace_width, watch_width)
    return Parts(
        app=config.app,
        model=config.model.name,
        partition=partition,
        topics=config.topics.model_dump(),
        input_topics=input_topics(config),
        readers=_readers(config),
        feature_coder=feature_coder,
        target_coder=target_coder,
        labels=_label_source(config, partition, target_coder, widths),
        learner=learner,
        mixture=learner if isinstance(learner, Mixture) else None,
        is_explained=config.predictions.explain,
        evaluator=_evaluator(config, space.n_classes),
        detectors=_detectors(config),
        monitors=monitors_of(drift.monitors, space),
        diagnoser=None if drift.respond else diagnoser,
        managed=learner if isinstance(learner, Reporting) else None,
        drift_watch=DriftWatch(
            config.app,
            partition,
            input_topics(config)[0],
            input_topics(config)[-1],
            space.features,
            is_regression=space.n_classes == 0,
            is_judged=drift.respond,
            look_back=diagnoser.look_back if diagnoser is not None else 1,
        ),
        prediction_writer=PredictionWriter(config, target_coder),
        widths=widths,
    )


def _coders(config: Config) -> tuple[FeatureCoder, TargetCoder]:
    target = TargetCoder(config)
    return FeatureCoder(config, target), target


def _learner(
    config: Config, space: Space, diagnoser: DriftDiagnoser | None, signing_key: bytes | None
) -> Learner:
    """Make the model, managed if it is to respond to what is diagnosed."""
    model, drift = config.model, config.drift
    make = partial(
        create_learner,
        model.name,
        space,
        seed=config.seed,
        params=model.params,
        signing_key=signing_key if model.allow_pickle else None,
    )
    if diagnoser is None or not drift.respond:
        return make()
    # Late, for most pipelines do without.
    from operators.adaptation.managed import manage

    policy = create_policy(drift.policy)
    return manage(space, make, diagnoser, policy=policy, shadow=drift.shadow)


def input_topics(config: Config) -> tuple[str, ...]:
    """Topics that a task reads: events, then labels if they have a topic of their own."""
    topics = config.topics
    assert topics.features is not None
    assert topics.labels is not None
    if config.labels.source == "topic":
        return (topics.features, topics.labels)
    return (topics.features,)


def output_topics(config: Config) -> tuple[str, ...]:
    """Topics that a task writes."""
    topics = config.topics.model_dump()
    return tuple(topics[role] for role in OUTPUT_ROLES)


def _readers(config: Config) -> dict[str, EventReader | LabelReader]:
    topics = input_topics(config)
    readers: dict[str, EventReader | LabelReader] = {topics[0]: EventReader(config)}
    if len(topics) > 1:
        readers[topics[1]] = LabelReader(config)
    return readers


def _label_source(
    config: Config, partition: int, target: TargetCoder, widths: tuple[int, int, int, int]
) -> LabelSource:
    topics, window = input_topics(config), config.record.duplicates_window
    assert config.topics.dead_letters is not None
    events = TopicPartition(topics[0], partition)
    if len(topics) == 1:
        return InlineLabels(events, target, window, config.topics.dead_letters)
    return LabelJoin(
        events,
        TopicPartition(topics[1], partition),
        target,
        widths=widths,
        max_delay_ms=round(config.labels.max_delay.total_seconds() * 1000),
        pending_max=config.labels.pending_max,
        duplicates_window=window,
        dead_topic=config.topics.dead_letters,
    )


def _evaluator(config: Config, n_classes: int) -> Evaluator:
    factor = config.metrics.fading_factor
    if n_classes:
        return PrequentialClassification(n_classes, fading_factor=factor)
    return PrequentialRegression(fading_factor=factor)


def _detectors(config: Config) -> dict[str, Detector]:
    return {
        name: create_detector(operator.name, operator.params)
        for name, operator in zip(operator_names(config.detectors), config.detectors, strict=True)
    }
