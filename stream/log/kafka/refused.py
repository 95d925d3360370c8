"""Which of a transaction's outputs its topic did not take.

Once one batch has failed for good, the client aborts all that were not on their way, with the same
exception. Among these may be batches that were split because they were too large as a whole, whose
records their topic would have taken. The two end in different ways (kafka-python 3.0.12,
`ProducerBatch`): one that its own answer fails has no base offset, one that is aborted has -1.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from stream.errors import RecordRefusedError
from stream.log.base import OutputBatch
from stream.log.kafka.errors import REFUSED, record_refused


def find_refused(
    outputs: Iterable[OutputBatch], futures: Iterable[Sequence[Any]]
) -> RecordRefusedError | None:
    """Name the first output that was refused itself; None where no topic has refused one.

    Parameters
    ----------
    futures
        Of the records of each output; there may be fewer than outputs.
    """
    for output, sent in zip(outputs, futures, strict=False):
        for future in sent:
            if isinstance(future.exception, REFUSED) and _was_answered(future):
                return record_refused(future.exception, output.target)
    return None


def _was_answered(future: Any) -> bool:
    outcome = future._produce_future.value  # base offset, time, errors of the records
    return outcome is not None and outcome[0] is None
