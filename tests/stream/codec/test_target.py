"""Coding of labels: which are the same class, bounds, types that survive, snapshots."""

from __future__ import annotations

import math
from typing import Any

import pytest

from stream.codec.features import FeatureCoder
from stream.codec.space import make_space
from stream.codec.target import TargetCoder
from tests.builders import toy_config


def coder(**target: Any) -> TargetCoder:
    return TargetCoder(
        toy_config(target={"type": "classification", "path": "$.y", "classes": None, **target})
    )


def test_open_classes_are_coded_in_the_order_of_their_appearance() -> None:
    target = coder(classes_max=3)
    assert target.n_classes == 3
    assert target.code(["b", 1, "b", "1", True, "true"]).tolist() == [0, 1, 0, 1, 2, 2]
    assert target.classes == ["b", 1, True]
    assert [type(label) for label in target.classes] == [str, int, bool]


def test_a_class_beyond_the_bound_is_refused_and_not_remembered() -> None:
    target = coder(classes_max=2)
    codes = target.code(["a", "b", "c", None, "a"])
    assert codes[[0, 1, 4]].tolist() == [0, 1, 0]
    assert math.isnan(codes[2])
    assert math.isnan(codes[3])
    assert target.classes == ["a", "b"]


def test_open_classes_say_when_no_code_is_left() -> None:
    target = coder(classes_max=2)
    target.code(["a"])
    assert target.bounds_reached == []
    target.code(["b"])
    (sentence,) = target.bounds_reached
    assert sentence.startswith("the target has had 2 different classes; records of further ones")
    assert coder(classes=["a", "b"]).bounds_reached == []  # closed


def test_closed_classes_keep_their_configured_codes_and_types() -> None:
    target = coder(classes=[False, True])
    assert target.n_classes == 2
    assert target.code([True, "true", False]).tolist() == [1, 1, 0]
    assert target.classes == [False, True]


def test_regression_codes_are_the_values() -> None:
    target = TargetCoder(toy_config(target={"type": "regression", "path": "$.y"}))
    assert (target.n_classes, target.classes) == (0, [])
    assert target.code([1.5, -2.0]).tolist() == [1.5, -2.0]
    target.restore(target.snapshot())
    assert target.classes == []


def test_a_snapshot_keeps_types_and_the_live_list() -> None:
    first = coder(classes_max=4)
    first.code([True, 1, "é"])
    second = coder(classes_max=4)
    live = second.classes
    second.restore(first.snapshot())
    assert live is second.classes
    assert [(type(label), label) for label in live] == [(bool, True), (int, 1), (str, "é")]
    assert second.code(["é", "new"]).tolist() == [2.0, 3.0]


@pytest.mark.parametrize(("target", "width"), [({"classes_max": 5}, 5), ({"classes": ["a", 2]}, 2)])
def test_the_space_follows_the_coders(target: dict[str, Any], width: int) -> None:
    labels = coder(**target)
    space = make_space(FeatureCoder(toy_config(), labels), labels)
    assert (space.n_classes, space.n_outputs) == (width, width)
    assert space.classes is labels.classes
    assert [feature.name for feature in space.features] == ["a", "b", "c"]
