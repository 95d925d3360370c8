"""What `doctor` says of topics and positions, whatever kind of log they are on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from stream.log.base import Bounds, Probe, TopicPartition


def judge_counts(inputs: Sequence[str], counts: Mapping[str, int]) -> Probe:
    """Say whether all topics have as many partitions as the inputs have.

    Parameters
    ----------
    inputs
        Names of the topics that are read, the events' first.
    counts
        Partitions of each topic that exists, the first input among them.
    """
    first = inputs[0]
    others = {name: count for name, count in counts.items() if count != counts[first]}
    if not others:
        return Probe("partitions", True, f"{counts[first]} in every topic")
    detail = f"`{first}` has {counts[first]}, but " + ", ".join(
        f"`{name}` has {count}" for name, count in others.items()
    )
    wanted = max(counts[name] for name in inputs if name in counts)
    remedies = []
    if any(count < wanted for count in counts.values()):
        remedies.append(
            "`driftgate topics create CONFIG` adds partitions to those that have fewer than the "
            "inputs; nothing is deleted."
        )
    larger = [name for name, count in counts.items() if count > wanted]
    if larger:
        named = ", ".join(f"`{name}`" for name in larger)
        remedies.append(
            f"A topic cannot lose partitions: add some to the inputs, or name others than {named} "
            f"under `topics`."
        )
    return Probe("partitions", False, detail, " ".join(remedies))


def judge_positions(
    group: str,
    committed: Mapping[TopicPartition, int | None],
    bounds: Mapping[TopicPartition, Bounds],
    journal_holds: Callable[[int], bool],
) -> list[Probe]:
    """Say whether a worker could go on from the group's committed offsets.

    Parameters
    ----------
    group
        The consumer group.
    committed
        Its offset in each partition of each input; None where there is none.
    bounds
        First offset kept and end of the same partitions, read after `committed`.
    journal_holds
        Whether a partition of the journal holds any committed record; asked only where no offset
        is committed.
    """
    wrong = [*_outside(group, committed, bounds), *_missing(group, committed, journal_holds)]
    if wrong:
        return wrong
    if all(offset is None for offset in committed.values()):
        return [Probe("positions", True, "nothing is committed yet")]
    return [Probe("positions", True, "every committed offset is among the records that are kept")]


def _outside(
    group: str,
    committed: Mapping[TopicPartition, int | None],
    bounds: Mapping[TopicPartition, Bounds],
) -> Iterator[Probe]:
    for source, offset in committed.items():
        if offset is None:
            continue
        first, end = bounds[source]
        where = f"`{source.topic}[{source.partition}]`: group `{group}` has committed {offset}"
        if offset < first:
            yield Probe(
                "positions",
                False,
                f"{where}, but the first record kept is {first}: {first - offset} are gone unread",
                f"Keep records longer. `driftgate reset CONFIG --partition {source.partition} "
                f"--to earliest` goes on at {first}.",
            )
        elif offset > end:
            yield Probe(
                "positions",
                False,
                f"{where}, but the partition ends at {end}: the topic was made anew, or its broker "
                f"lost records",
                f"`driftgate reset CONFIG --partition {source.partition} --to earliest` begins "
                f"with the records that are there.",
            )


def _missing(
    group: str,
    committed: Mapping[TopicPartition, int | None],
    journal_holds: Callable[[int], bool],
) -> Iterator[Probe]:
    for partition in sorted({source.partition for source in committed}):
        offsets = {
            source.topic: offset
            for source, offset in committed.items()
            if source.partition == partition
        }
        lacking = [topic for topic, offset in offsets.items() if offset is None]
        if not lacking or not journal_holds(partition):
            continue
        named = ", ".join(f"`{topic}[{partition}]`" for topic in lacking)
        yield Probe(
            "positions",
            False,
            f"{named}: group `{group}` has committed nothing, but the journal holds entries: the "
            f"offsets have expired (offsets.retention.minutes) or were deleted",
            f"A worker restores them from the journal at its start; `driftgate reset CONFIG "
            f"--partition {partition} --to journal` does it now.",
        )
