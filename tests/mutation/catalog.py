"""All mutants."""

from __future__ import annotations

from tests.mutation import (
    checkpoints,
    labels,
    lifecycle,
    recovery,
    stepping,
    surfaces,
    task,
    trouble,
    watchdog,
    worker,
)
from tests.mutation.mutant import Mutant

MUTANTS: list[Mutant] = [
    *worker.WORKER,
    *stepping.STEPPING,
    *trouble.DOUBTS,
    *trouble.FAILURES,
    *trouble.LAGS,
    *lifecycle.LIFECYCLE,
    *lifecycle.LIFE,
    *lifecycle.SETTINGS,
    *stepping.RESTORER,
    *recovery.RESTORATION,
    *recovery.CHOICE,
    *recovery.POSITION,
    *recovery.REPLAY,
    *checkpoints.CHECKPOINTS,
    *checkpoints.STORE,
    *checkpoints.FILES,
    *checkpoints.WRITER,
    *checkpoints.CHECKPOINT,
    *task.TASK,
    *task.INBOX,
    *task.JOURNAL,
    *labels.JOIN,
    *labels.WAITING,
    *labels.HELD,
    *labels.SEEN,
    *labels.CLOCK,
    *surfaces.OBSERVER,
    *surfaces.SERVER,
    *watchdog.WATCHDOG,
    *watchdog.STALLED_INPUTS,
    *watchdog.STALLED_PARTITIONS,
    *watchdog.HELD_OUTPUTS,
    *watchdog.OPEN_FOR,
]
