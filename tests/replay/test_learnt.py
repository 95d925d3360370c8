"""A model learnt from history goes live: what it says then, and what is refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import pytest

from operators.snapshot import State
from stream.checkpoint.format import Checkpoint, decode, encode
from stream.errors import SetupError
from stream.evaluate import evaluate_pieces, pieces
from stream.recovery.learnt import learnt_checkpoint
from tests.replay.pipelines import DELAY, EVENTS, LABELS, Pipeline, predicted

HISTORY, LIVE = 300, 200


def learnt(made: Pipeline, count: int) -> Checkpoint:
    """Learn from the first events of a stream as from a file."""
    made.fill(0, HISTORY + LIVE)
    events, labels = (made.records(source).cut(0, count) for source in (EVENTS, LABELS))
    states: list[State] = []
    evaluate_pieces(made.config, pieces(events, labels), learnt=states.append)
    return decode(encode(learnt_checkpoint(made.config, states[0], None)), "learnt")


@pytest.mark.parametrize("model", ["hoeffding_tree", "naive_bayes"])
def test_it_goes_on_as_if_it_had_not_been_interrupted(tmp_path: Path, model: str) -> None:
    whole = Pipeline(tmp_path, "whole", model={"name": model})
    whole.fill(0, HISTORY + LIVE)
    whole.work()
    live = Pipeline(tmp_path, "live", model={"name": model})
    taken = learnt(Pipeline(tmp_path, "history", model={"name": model}), HISTORY)
    live.carry_out(live.resets().take_model(0, "latest", "learnt", taken))
    live.fill(HISTORY, LIVE)
    live.work()
    fresh = Pipeline(tmp_path, "fresh", model={"name": model})
    fresh.fill(HISTORY, LIVE)
    fresh.work()
    wanted, said, blank = (by_id(each) for each in (whole, live, fresh))
    # The labels of the last events of history came after later ones in the whole run.
    late = [name for name in said if int(name[1:]) >= HISTORY + DELAY]
    assert len(late) > LIVE - DELAY - 10
    assert [said[name] for name in late] == [wanted[name] for name in late]
    assert [blank[name] for name in late] != [wanted[name] for name in late]


def by_id(made: Pipeline) -> dict[str, Any]:
    found = [predicted(value) for value in made.predictions()]
    return {dict(each)["id"]: each for each in found}


def test_a_worker_recovers_it_after_a_crash(tmp_path: Path) -> None:
    taken = learnt(Pipeline(tmp_path, "history"), HISTORY)
    calm, shaken = Pipeline(tmp_path, "calm"), Pipeline(tmp_path, "shaken")
    for made in (calm, shaken):
        made.carry_out(made.resets().take_model(0, "latest", "learnt", taken))
        made.fill(HISTORY, LIVE)
    shaken.vanish(2)
    assert calm.work() == shaken.work()
    assert calm.predictions() == shaken.predictions()


def test_another_pipelines_model_is_refused(tmp_path: Path) -> None:
    taken = learnt(Pipeline(tmp_path, "history"), 50)
    other = Pipeline(tmp_path, "other", seed=99)
    with pytest.raises(SetupError, match="must be learnt with this pipeline's schema"):
        other.resets().take_model(0, "latest", "learnt", taken)


def test_a_model_without_a_state(tmp_path: Path) -> None:
    made: Any = Pipeline(tmp_path, "river").config
    with pytest.raises(SetupError, match="must have a state that can be written"):
        learnt_checkpoint(made, {}, None)


def test_it_carries_what_was_learnt_and_nothing_else(tmp_path: Path) -> None:
    made = Pipeline(tmp_path, "history")
    taken = learnt(made, 100)
    fresh = learnt_checkpoint(made.config, taken.state, None)
    assert dataclasses.replace(fresh, state={}) == dataclasses.replace(taken, state={})
    assert taken.offsets == {}
    assert taken.state["labels/seen/bytes"].size == 0  # type: ignore[union-attr]
