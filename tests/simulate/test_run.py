"""Whole histories: none diverges, equal seeds are equal, and a worker that is wrong is found."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from stream.cli.app import app
from stream.log.base import Transaction
from stream.recovery.lifecycle import Lifecycle
from stream.simulate.client import SimulatedLog
from stream.simulate.faults import KINDS, Fault, Plan, draw
from stream.simulate.run import failure_of, histories, play
from stream.simulate.worker import SimulatedWorker

SEEDS = range(40)
FOUND_WITHIN = 60


def test_no_history_diverges_and_every_kind_is_drawn() -> None:
    kinds = set()
    for plan, history in histories(SEEDS, SimulatedWorker):
        assert history.divergences == [], f"seed {plan.seed}\n{plan}"
        kinds.update(fault.kind for fault in plan.faults)
    kinds.update(fault.kind for seed in range(400) for fault in draw(seed).faults)
    assert kinds == set(KINDS)


@pytest.mark.parametrize("seed", [3, 12])
def test_one_seed_is_one_history(seed: int) -> None:
    first, second = (play(draw(seed), SimulatedWorker) for _ in range(2))
    assert first.notes == second.notes
    assert len(first.notes) > 10


def test_one_trimmed_partition_stops_no_other() -> None:
    plan = draw(0)
    shape = replace(plan.shape, partitions=3, events=80, fetch_records=3, work_s=40.0)
    history = play(Plan(1, shape, (Fault("trim", at=10.0, partition=1),)), SimulatedWorker)
    assert history.divergences == []
    failed = {text[10:] for _, text in history.notes if "is failed" in text}
    assert failed
    assert all(text.startswith("partition 1 ") for text in failed)


def _first_found(seeds: int = FOUND_WITHIN) -> Plan | None:
    for plan, history in histories(range(seeds), SimulatedWorker):
        if history.divergences:
            return plan
    return None


def test_offsets_that_follow_nothing_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commits that are not compared with what they follow, of states that are not proved."""

    def trust(self: SimulatedLog, transaction: Transaction) -> None:
        del self, transaction

    monkeypatch.setattr(SimulatedLog, "_refuse_if_overtaken", trust)
    monkeypatch.setattr(SimulatedLog, "_add_offsets", _as_the_present_member)
    assert _first_found() is not None


def _as_the_present_member(self: SimulatedLog, transaction: Transaction, epoch: int) -> None:
    """Add offsets without asking the group whether this is a member of its generation."""
    self._cluster.transactions.add_offsets(self._name, epoch, transaction.offsets)


def test_a_partition_that_is_never_tried_again_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = Lifecycle.fail

    def for_good(self: Lifecycle, number: int, reason: str, *, retry: bool) -> object:
        del retry
        return real(self, number, reason, retry=False)

    monkeypatch.setattr(Lifecycle, "fail", for_good)
    assert _first_found() is not None


def test_a_failure_is_made_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SimulatedLog, "_refuse_if_overtaken", lambda *_: None)
    monkeypatch.setattr(SimulatedLog, "_add_offsets", _as_the_present_member)
    plan = _first_found()
    assert plan is not None
    failure = failure_of(plan, play(plan, SimulatedWorker), SimulatedWorker)
    assert failure.shrunk_history.divergences[0].kind == failure.history.divergences[0].kind
    assert len(failure.shrunk.faults) <= len(plan.faults)
    assert failure.shrunk != plan


def test_the_command_counts_what_it_did() -> None:
    result = CliRunner().invoke(app, ["simulate", "--seeds", "3", "--from", "7", "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert found["seeds"] == 3
    assert found["divergences"] == []
    assert set(found["faults"]) <= set(KINDS)
