"""Where a partition begins anew, and with which model: the plans of `driftgate reset`.

Every way but one begins a new life of the partition's log (`stream.recovery.life`). `journal`
without a model to keep goes back to what the journal says, in the life that it says.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from stream.checkpoint.format import Checkpoint
from stream.checkpoint.store import CheckpointStore
from stream.codec.times import parse_time
from stream.config.pipeline import Config
from stream.errors import ConfigError, SetupError
from stream.journal import JournalEntry, Range
from stream.log.base import GroupAdmin, Log, TopicPartition
from stream.recovery.change import Change, new_life, noted
from stream.recovery.inventory import Inventory, take_inventory
from stream.recovery.life import same_life
from stream.recovery.places import committed_positions, journal_positions, unlike_journal
from stream.recovery.position import last_entry
from stream.recovery.settings import Builds
from stream.topology import input_topics

Aim = Literal["earliest", "latest", "journal", "committed"] | int
"""Where to go: a place by name, or the first record of at least a time (ms since 1970 UTC)."""


def read_aim(text: str, option: str) -> Aim:
    """Read a place or a time; a time without a zone is UTC.

    Examples
    --------
    >>> read_aim("latest", "--to"), read_aim("1970-01-01T00:00:02", "--to")
    ('latest', 2000)
    """
    if text in ("earliest", "latest", "journal", "committed"):
        return text  # type: ignore[return-value]  # narrowed by the line above
    try:
        return parse_time(text)
    except ValueError:
        raise ConfigError(
            f"{option}: must be a place by name, or a time such as 2026-03-04T10:00Z; got {text!r}."
        ) from None


class Resets:
    """Plans resets; changes nothing.

    Parameters
    ----------
    config
        The pipeline.
    builds
        Tells which states can go on.
    log, group, store
        Read only.
    """

    def __init__(
        self, config: Config, builds: Builds, log: Log, group: GroupAdmin, store: CheckpointStore
    ) -> None:
        self._config = config
        self._builds = builds
        self._log = log
        self._group = group
        self._store = store

    def has_begun(self, partition: int) -> bool:
        """Tell whether journal, group or store hold anything of a partition."""
        journal = TopicPartition(str(self._config.topics.journal), partition)
        inputs = [TopicPartition(topic, partition) for topic in input_topics(self._config)]
        return (
            last_entry(self._log, journal) is not None
            or any(self._log.committed(inputs).values())
            or any(stored.steps for stored in self._store.listed(partition))
        )

    def begin_anew(self, partition: int, aim: Aim) -> Change:
        """Plan a life that begins at this place with a model that knows nothing.

        Raises
        ------
        SetupError
            It cannot begin there.
        """
        inventory = take_inventory(self._config, self._log, self._store, partition)
        positions = self._positions(inventory, aim)
        ranges = {topic: Range(at, at, 0) for topic, at in positions.items()}
        entry = JournalEntry(0, ranges, inventory.next_life, self._builds.settings)
        model = "begins anew" + (unlike_journal(inventory) if aim == "committed" else "")
        return new_life(inventory, positions, entry, None, model)

    def keep_model(self, partition: int, aim: Aim) -> Change:
        """Plan a life that begins at this place with the state of the newest checkpoint.

        Raises
        ------
        SetupError
            There is no such state, or it cannot begin there.
        """
        inventory = take_inventory(self._config, self._log, self._store, partition)
        positions = self._positions(inventory, aim)
        path, kept = self._newest(inventory)
        model = f"goes on from step {kept.steps} ({path})"
        if aim == "committed":
            model += _lacking(inventory, kept) + unlike_journal(inventory)
        if inventory.unreadable:
            model += f"; not readable: {', '.join(inventory.unreadable)}"
        return with_state(inventory, positions, kept, model)

    def take_model(self, partition: int, aim: Aim, path: str, learnt: Checkpoint) -> Change:
        """Plan a life that begins at this place with a model that was learnt elsewhere.

        Parameters
        ----------
        path, learnt
            Where it was read from, and what `learnt_checkpoint` made of it.

        Raises
        ------
        SetupError
            It is another pipeline's, or it cannot begin there.
        """
        if not self._builds.fits(learnt.fingerprint, learnt.settings):
            raise SetupError(
                f"{path}: must be learnt with this pipeline's schema, target, model, parameters, "
                "drift settings, seed and names; these are others. Make it again by `driftgate "
                "evaluate CONFIG --data FILE --save-checkpoint FILE`."
            )
        inventory = take_inventory(self._config, self._log, self._store, partition)
        positions = self._positions(inventory, aim)
        state = replace(learnt, app=self._config.app, partition=partition)
        return with_state(inventory, positions, state, f"begins with what {path} has learnt")

    def restore_positions(self, partition: int) -> Change:
        """Plan to go back to the positions with which the journal ends.

        Raises
        ------
        SetupError
            The journal holds none, or none of these topics.
        """
        inventory = take_inventory(self._config, self._log, self._store, partition)
        positions = self._positions(inventory, "journal")
        assert inventory.last is not None
        steps, life = inventory.last.step + 1, inventory.last.life
        return Change(
            partition=partition,
            before=inventory.positions,
            after=positions,
            life=life,
            model=f"is that of step {steps}",
            committed=noted(inventory, positions, steps, life),
            follows=inventory.committed,
            outputs=[],
            checkpoint=None,
            strays=[],
            obsolete=[],
        )

    def _positions(self, inventory: Inventory, aim: Aim) -> dict[str, int]:
        if aim == "journal":
            return journal_positions(inventory, self._log)
        if aim == "committed":
            return committed_positions(inventory, self._log)
        return {source.topic: self.offset(source, aim) for source in inventory.inputs}

    def offset(self, source: TopicPartition, aim: Aim) -> int:
        """Find a place that every topic has by itself."""
        assert aim not in ("journal", "committed")
        if isinstance(aim, int):
            return self._group.offset_at(source, aim)
        bounds = self._log.bounds(source)
        return bounds.first if aim == "earliest" else bounds.end

    def _newest(self, inventory: Inventory) -> tuple[str, Checkpoint]:
        found = inventory.of_life(inventory.life) or inventory.checkpoints
        if not found:
            raise SetupError(
                f"partition {inventory.partition}: to keep the model there must be a checkpoint "
                f"that is whole; {len(inventory.paths)} are there, and none is (not readable: "
                f"{', '.join(inventory.unreadable) or 'none'}). Without --keep-model the model "
                "begins anew; `driftgate rebuild CONFIG` learns it again."
            )
        path, checkpoint = found[0]
        if not self._builds.fits(checkpoint.fingerprint, checkpoint.settings):
            raise SetupError(
                f"{path}: settings must be those that the state was made with; the schema, the "
                "target, the model or its parameters have changed. Without --keep-model the model "
                "begins anew; `driftgate rebuild CONFIG` learns it from the records that are kept."
            )
        return path, checkpoint


def with_state(
    inventory: Inventory, positions: dict[str, int], state: Checkpoint, model: str
) -> Change:
    """Plan a life that begins at these positions with this state.

    Its steps are numbered from above all that is known, so that its checkpoint sorts last.
    """
    life, step = inventory.next_life, inventory.steps
    ranges = {topic: Range(at, at, 0) for topic, at in positions.items()}
    entry = JournalEntry(step, ranges, life, state.settings or None, begins=True)
    checkpoint = replace(
        state,
        steps=step + 1,
        offsets=positions,
        journal_offset=inventory.journal_end,
        life=life,
    )
    return new_life(inventory, positions, entry, checkpoint, model)


def _lacking(inventory: Inventory, kept: Checkpoint) -> str:
    """Say what a state that goes on at the committed offsets has not learnt."""
    steps = max(note.steps for note in inventory.notes.values())
    if not same_life(kept.life, inventory.life):
        return "; it is of another life, and lacks what was learnt in this one"
    if kept.steps == steps:
        return ", with all that was learnt"
    return f"; it lacks what was learnt in the {steps - kept.steps} steps after it"
