"""What scenarios share on one cluster: input topics filled once, and undisturbed runs over them."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from tests.matrix.cluster import Cluster
from tests.matrix.committed import Record, hidden_records, read_topic
from tests.matrix.load import POISON, Appender, Item, Load, events_of, labels_of
from tests.matrix.pipeline import SESSION_S, Pipeline, unique
from tests.matrix.report import Result
from tests.matrix.states import state_digests
from tests.matrix.verdict import (
    Outcome,
    commit_gaps,
    differing,
    journal_tears,
    judge_predictions,
    longest_gap_s,
)
from tests.matrix.workers import Fleet

TAKEOVER_S = SESSION_S + 10.0
"""A killed worker's partitions must be live elsewhere within its session and ten seconds."""

STANDSTILL_S = 60.0
"""Work that does not go on for so long stands still."""

Journal = dict[int, list[Record]]


_RESCUES = 3
_WARM_UP_S = 600.0


class StandstillError(Exception):
    """There is work, and nobody does it."""


class Calm(NamedTuple):
    """An undisturbed run over the same inputs."""

    pipeline: Pipeline
    outcome: Outcome


@dataclass
class Inputs:
    """Input topics, what they hold, and what an undisturbed run makes of it."""

    features: str
    labels: str | None
    partitions: int
    calm: dict[str, Calm] = field(default_factory=dict)

    @property
    def topics(self) -> tuple[str, str | None]:
        return self.features, self.labels


class Stage:
    """A cluster, a folder, and what was made on them so far.

    Parameters
    ----------
    cluster, folder
        Where everything happens.
    short
        Whether doses are those of the short form.
    soak_s
        How long the soak lasts.
    older
        Revision of the code that an upgrade starts from.
    """

    def __init__(
        self,
        cluster: Cluster,
        folder: Path,
        *,
        short: bool,
        soak_s: float = 3600.0,
        older: str = "HEAD~1",
    ) -> None:
        self.cluster, self.folder, self.short = cluster, folder, short
        self.soak_s, self.older = soak_s, older
        self._filled: dict[Load, Inputs] = {}
        self._is_warm = False

    def filled(self, load: Load) -> Inputs:
        """Input topics that hold the whole load; filled at the first call."""
        if load not in self._filled:
            inputs = self.inputs(unique(load.name), load.partitions, labelled=load.label_delay > 0)
            with Appender(self.cluster.bootstrap) as appender:
                for partition in range(load.partitions):
                    for item in islice(events_of(load, partition), load.events_each):
                        appender.append(inputs.features, item)
                    if inputs.labels is not None:
                        for item in islice(labels_of(load, partition), load.events_each):
                            appender.append(inputs.labels, item)
            self._filled[load] = inputs
        return self._filled[load]

    def inputs(
        self, name: str, partitions: int, *, labelled: bool, **settings: dict[str, str]
    ) -> Inputs:
        """Make empty input topics; `settings` holds those of the topics by role."""
        topics = {"features": f"{name}.features"} | (
            {"labels": f"{name}.labels"} if labelled else {}
        )
        with self.cluster.admin() as admin:
            admin.client.create_topics(
                {
                    topic: {
                        "num_partitions": partitions,
                        "replication_factor": self.cluster.nodes,
                        "configs": settings.get(role, {}),
                    }
                    for role, topic in topics.items()
                }
            )
        return Inputs(topics["features"], topics.get("labels"), partitions)

    def append(self, topic: str, items: Sequence[Item]) -> None:
        """Append records, and wait until they are acknowledged."""
        with Appender(self.cluster.bootstrap) as appender:
            for item in items:
                appender.append(topic, item)

    def pipeline(self, stem: str, inputs: Inputs, **changes: Any) -> Pipeline:
        """Make a pipeline over these inputs, with its topics."""
        made = Pipeline(
            self.cluster, self.folder, unique(stem), inputs.topics, inputs.partitions, **changes
        )
        made.create()
        if not self._is_warm:  # a fresh checkout compiles for longer than workers may take to join
            made.call("warmup", timeout_s=_WARM_UP_S)
            self._is_warm = True
        return made

    def finish(self, result: Result, pipeline: Pipeline, fleet: Fleet) -> list[int | None]:
        """Wait until the inputs are taken, and stop all workers; return their exit codes.

        Where work stands still, that is a check that does not hold; then the workers are started
        anew, so that what they leave behind can still be judged.
        """
        for _ in range(_RESCUES):
            try:
                result.figure("seconds to the end", round(self.wait_idle(pipeline, fleet)))
                break
            except StandstillError as error:
                result.check("nothing stands still", False, str(error))
                fleet.stop()
                for worker in fleet.workers:
                    worker.start()
        fleet.wait_ready()
        return fleet.stop()

    def wait_idle(self, pipeline: Pipeline, fleet: Fleet) -> float:
        """Wait until all that the inputs hold is committed, with a supervisor at work.

        Returns
        -------
        Seconds that it took.

        Raises
        ------
        StandstillError
            Nothing was committed for a minute.
        """
        start = moved = time.monotonic()
        before: dict[int, int] = {}
        while True:
            fleet.revive()
            left = pipeline.behind()
            if not any(left.values()):
                return time.monotonic() - start
            if left != before:
                before, moved = left, time.monotonic()
            elif time.monotonic() - moved > STANDSTILL_S:
                still = {partition: count for partition, count in left.items() if count}
                said = {worker.name: worker.ask("/readyz").body.strip() for worker in fleet.running}
                raise StandstillError(f"records left by partition: {still}; /readyz: {said}")
            time.sleep(0.5)

    def calm(self, inputs: Inputs, **changes: Any) -> Calm:
        """Let one undisturbed worker take the same inputs, once."""
        key = repr(sorted(changes.items()))
        if key not in inputs.calm:
            pipeline = self.pipeline("calm", inputs, **changes)
            with Fleet(pipeline, 1) as fleet:
                self.wait_idle(pipeline, fleet)
                fleet.stop()
            inputs.calm[key] = Calm(pipeline, self.outcome(pipeline, inputs))
        return inputs.calm[key]

    def outcome(self, pipeline: Pipeline, inputs: Inputs) -> Outcome:
        """Read what a pipeline has left behind, after its workers have ended."""
        events = read_topic(self.cluster.bootstrap, inputs.features)
        ids = {
            partition: [r.key for r in records if r.key and not r.key.startswith(POISON)]
            for partition, records in events.items()
        }
        outcome = judge_predictions(self.predictions(pipeline), ids)
        outcome.torn = journal_tears(self.journal(pipeline))
        outcome.states = state_digests(pipeline.checkpoints, inputs.partitions)
        return outcome

    def predictions(self, pipeline: Pipeline) -> dict[int, list[Record]]:
        return read_topic(self.cluster.bootstrap, pipeline.topic("predictions"))

    def journal(self, pipeline: Pipeline) -> Journal:
        return read_topic(self.cluster.bootstrap, pipeline.topic("journal"))

    def check(self, result: Result, pipeline: Pipeline, inputs: Inputs, **calm: Any) -> Outcome:
        """Add what every fault has to leave standing: exactly once, in order, the same bytes."""
        hidden = {
            role: found
            for role in ("predictions", "journal")
            if (found := hidden_records(self.cluster.bootstrap, pipeline.topic(role)))
        }
        result.check("nothing hidden by a hanging transaction", not hidden, str(hidden))
        outcome = self.outcome(pipeline, inputs)
        undisturbed = self.calm(inputs, **calm).outcome
        result.figure("predictions", outcome.predictions)
        result.check("no duplicate", outcome.duplicates == 0, f"{outcome.duplicates} twice")
        result.check("nothing missing", outcome.missing == 0, f"{outcome.missing} missing")
        result.check(
            "in order",
            outcome.disordered + outcome.strangers == 0,
            f"{outcome.disordered} out of order, {outcome.strangers} of no event",
        )
        result.check("journal whole", not outcome.torn, "; ".join(outcome.torn[:5]))
        different = differing(outcome.digests, undisturbed.digests)
        result.check("predictions equal", not different, f"differ in partitions {different}")
        different = differing(outcome.states, undisturbed.states)
        result.check("states equal", not different, f"differ in partitions {different}")
        return outcome

    def check_gaps(
        self,
        result: Result,
        journal: Journal,
        kills_ms: Sequence[int],
        allowed_s: float = TAKEOVER_S,
    ) -> None:
        """Add the longest standstill of a partition: so long for each fault that falls into it."""
        gaps = commit_gaps(journal)
        longest = longest_gap_s(gaps)
        late = [
            (partition, (end - start) / 1000)
            for partition, pairs in gaps.items()
            for start, end in pairs
            if (end - start) / 1000
            > allowed_s * max(1, sum(start - 1000 * SESSION_S <= at <= end for at in kills_ms))
        ]
        result.figure("longest gap s", round(longest, 1))
        result.check(f"standstill within {allowed_s:g} s a fault", not late, f"late: {late[:6]}")
