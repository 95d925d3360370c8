"""All mutants."""

from __future__ import annotations

from tests.mutation import checkpoints, labels, lifecycle, recovery, surfaces, task, worker
from tests.mutation.mutant import Mutant

MUTANTS: list[Mutant] = [
    *worker.WORKER,
    *lifecycle.LIFECYCLE,
    *lifecycle.LIFE,
    *lifecycle.SETTINGS,
    *recovery.RESTORATION,
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
    *surfaces.WATCHDOG,
]
