"""A model that was learnt from history, as a checkpoint that a life of a log can begin with.

It holds what the model knows: its own state, and the codes of categories and classes. Where events
stand in a log, which of them wait for labels, and what was measured of them is left behind.
"""

from __future__ import annotations

from operators.snapshot import State, nest, part
from stream.checkpoint.format import Checkpoint
from stream.config.pipeline import Config
from stream.errors import SetupError
from stream.recovery.settings import Builds
from stream.topology import PartsBuilder

_KNOWN = ("features", "target", "model")


def learnt_checkpoint(config: Config, state: State, signing_key: bytes | None) -> Checkpoint:
    """Make a checkpoint of a task's state, with nothing in it but what was learnt.

    Parameters
    ----------
    config
        The pipeline that will go on with it; labels may come to it otherwise than they came here.
    state
        Snapshot of a task.
    signing_key
        See `topology.build_parts`.

    Raises
    ------
    SetupError
        There is no state: the model's cannot be written.
    """
    if not state:
        raise SetupError(
            f"model `{config.model.name}`: must have a state that can be written, and a river "
            "model's must be signed. Set DRIFTGATE_SNAPSHOT_KEY."
        )
    builds = Builds(config, PartsBuilder(config, signing_key))
    made: State = {}
    for name, operator in builds.parts(0).stateful().items():
        made |= nest(name, part(name, state) if name in _KNOWN else operator.snapshot())
    return Checkpoint(
        app=config.app,
        partition=0,
        fingerprint=builds.fingerprint,
        steps=0,
        offsets={},
        journal_offset=0,
        state=made,
        settings=builds.settings,
    )
