"""The bytes of predictions: fields, known classes, ties, numbers, ids of any text."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.codec.predictions import PredictionWriter
from stream.codec.target import TargetCoder
from tests.builders import EVENTS, toy_config


def write(
    outputs: list[list[float]], known: list[int], labels: list[Any], **target: Any
) -> list[dict[str, Any]]:
    config = toy_config(
        target={"type": "classification", "path": "$.y", "classes_max": 3, **target}
    )
    coder = TargetCoder(config)
    coder.code(labels)
    count = len(outputs)
    written = PredictionWriter(config, coder).write(
        [f"e{i}" for i in range(count)],
        [0] * count,
        EVENTS,
        list(range(count)),
        np.array(outputs),
        known,
    )
    return [json.loads(value) for value in written]


def test_the_bytes_of_a_class() -> None:
    config = toy_config()
    writer = PredictionWriter(config, TargetCoder(config))
    (value,) = writer.write(["é"], [1500], EVENTS, [7], np.array([[0.1, 0.9]]), [2])
    assert (
        value
        == (
            '{"id":"é","event_time":"1970-01-01T00:00:01.500Z","prediction":"yes",'
            '"probabilities":{"no":0.1,"yes":0.9},"model":"hoeffding_tree",'
            '"source":{"topic":"toy.features","partition":0,"offset":7}}'
        ).encode()
    )


def test_the_bytes_of_a_number() -> None:
    config = toy_config(target={"type": "regression", "path": "$.y"})
    writer = PredictionWriter(config, TargetCoder(config))
    (value,) = writer.write(["a"], [-1], EVENTS, [7], np.array([[0.1 + 0.2]]), [0])
    assert value == (
        b'{"id":"a","event_time":"1969-12-31T23:59:59.999Z","prediction":0.30000000000000004,'
        b'"model":"hoeffding_tree","source":{"topic":"toy.features","partition":0,"offset":7}}'
    )


def test_only_classes_known_at_that_moment_are_said() -> None:
    outputs = [[np.nan, np.nan, np.nan], [0.2, np.nan, np.nan], [0.3, 0.1, 0.6]]
    none, one, two = write(outputs, [0, 1, 2], ["b", True])
    assert (none["prediction"], none["probabilities"]) == (None, {})
    assert (one["prediction"], one["probabilities"]) == ("b", {"b": 0.2})
    assert (two["prediction"], two["probabilities"]) == ("b", {"b": 0.3, "true": 0.1})


def test_a_tie_goes_to_the_lowest_code() -> None:
    (row,) = write([[0.2, 0.4, 0.4]], [3], ["a", 1, True])
    assert row["prediction"] == 1
    assert type(row["prediction"]) is int


def test_a_prediction_keeps_the_type_of_its_class() -> None:
    rows = write([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]], [3, 3, 3], [True, 7, "x"])
    assert [row["prediction"] for row in rows] == [True, 7, "x"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_row_is_finite_if_all_that_it_says_of_known_classes_is(bad: float) -> None:
    config = toy_config(target={"type": "classification", "path": "$.y", "classes_max": 3})
    writer = PredictionWriter(config, TargetCoder(config))
    outputs = np.array([[0.5, 0.2, 0.3], [0.5, bad, 0.5], [0.5, bad, 0.5], [bad, 0.4, 0.6]])
    assert writer.is_finite(outputs, [3, 3, 1, 0]).tolist() == [True, False, True, True]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_value_that_is_not_finite_is_none_that_can_be_written(bad: float) -> None:
    config = toy_config(
        target={"type": "regression", "path": "$.y"}, model={"name": "hoeffding_tree_regressor"}
    )
    writer = PredictionWriter(config, TargetCoder(config))
    assert writer.is_finite(np.array([[1.0], [bad]]), [0, 0]).tolist() == [True, False]


def test_no_rows() -> None:
    config = toy_config()
    writer = PredictionWriter(config, TargetCoder(config))
    assert writer.write([], [], EVENTS, [], np.empty((0, 2)), []) == []


@settings(max_examples=200, deadline=None)
@given(st.floats(0, 1), st.text(min_size=1).filter(lambda text: text.isprintable()))
def test_numbers_and_ids_survive_json(probability: float, name: str) -> None:
    config = toy_config()
    writer = PredictionWriter(config, TargetCoder(config))
    (value,) = writer.write([name], [0], EVENTS, [0], np.array([[probability, 0.5]]), [2])
    record = json.loads(value)
    assert record["id"] == name
    assert record["probabilities"]["no"] == probability
