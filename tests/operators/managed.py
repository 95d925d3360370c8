"""Managed learners for the contract tests: a name after `managed:` is the catalogue's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from operators.adaptation.managed import manage
from operators.adaptation.policy import Policy
from operators.base import Learner, Space
from operators.catalog import create_learner
from operators.diagnosis.base import ChangePoint
from tests.operators.diagnosers import Scripted

MANAGED = "managed:"
# What is said early in a stream, so that short tapes see a challenger come, answer and leave; and
# again for ever, so that long ones see all that is kept.
EARLY: dict[int, dict[str, Any]] = {
    96: {"episode": 1, "since": ChangePoint(40, 30, 50)},
    320: {"episode": 2, "since": ChangePoint(260, 250, 270), "tempo": "gradual"},
    416: {"episode": 3, "since": ChangePoint(380, 370, 390), "source": "label"},
    512: {"episode": 4, "since": ChangePoint(450, 440, 460), "recurs": 1},
}
SCRIPT = EARLY | {
    1_600 * k: {"episode": 4 + k, "recurs": k % 5 or None, "tempo": ("abrupt", "gradual")[k % 2]}
    for k in range(1, 150)
}
POLICY = Policy(window=300, trial=150, rest=50, budget=100, concepts=2, keep_every=64)


def create(name: str, space: Space, seed: int, params: Mapping[str, Any]) -> Learner:
    """Make a learner of the catalogue, or a managed one."""
    plain = name.removeprefix(MANAGED)

    def make() -> Learner:
        return create_learner(plain, space, seed, params, signing_key=b"key")

    if plain == name:
        return make()
    return manage(space, make, Scripted(SCRIPT), policy=POLICY, shadow=plain == "drift_moe")
