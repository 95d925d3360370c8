"""Derived features: names and kinds of columns, keys, hidden inputs, errors, snapshots.

Arithmetic is in tests/operators/test_rolling.py, test_target_mean.py and test_hashing.py; how they
go with labels, cuts and restarts is in tests/stream/test_task_derived.py.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from operators.snapshot import digest
from operators.tape import LEARN, PREDICT, Tape
from stream.codec.derived import CodingStep
from stream.codec.events import EventReader
from stream.codec.features import FeatureCoder
from stream.codec.target import TargetCoder
from stream.config.pipeline import Config
from stream.errors import ConfigError
from tests.builders import EVENTS, batch, toy_config

AMOUNT = {"name": "amount", "type": "float", "missing": True}
CARD = {"name": "card", "type": "key", "missing": True}
SHOP = {"name": "shop", "type": "category"}
HOUR = "1h"


def config(features: list[dict[str, Any]], *derived: dict[str, Any], **changes: Any) -> Config:
    return toy_config(schema={"features": features, "derived": list(derived)}, **changes)


def coder(settings: Config) -> FeatureCoder:
    return FeatureCoder(settings, TargetCoder(settings))


def code(settings: Config, made: FeatureCoder, *records: dict[str, Any]) -> Any:
    """Code records that come one second after the other, and learn label 1 of each at once."""
    values = [json.dumps(record).encode() for record in records]
    read = EventReader(settings).read(batch(EVENTS, values))
    assert not read.rejects, read.rejects
    n = len(records)
    action = np.tile(np.array([PREDICT, LEARN], np.uint8), n)
    tape = Tape(action, np.repeat(np.arange(n), 2))
    keys = np.full((n, made.key_width), np.nan)
    return made.code(read.contents, CodingStep(read.times, tape, np.ones(n), keys))


def column(settings: Config, *records: dict[str, Any]) -> list[float]:
    return code(settings, coder(settings), *records)[:, -1].tolist()


def test_derived_columns_follow_the_features_and_build_on_each_other() -> None:
    settings = config(
        [AMOUNT, CARD],
        {"name": "n", "type": "rolling", "by": "card", "window": HOUR, "function": "count"},
        {"name": "mean", "type": "rolling", "of": "amount", "by": "card", "window": HOUR,
         "function": "mean", "with_current": False},
        {"name": "against", "type": "ratio", "of": ["amount", "mean"]},
        {"name": "above", "type": "difference", "of": ["amount", "mean"]},
        {"name": "last", "type": "lag", "of": "against", "by": "card"},
    )  # fmt: skip
    made = coder(settings)
    assert [each.name for each in made.features] == [
        "amount", "n", "mean", "against", "above", "last",
    ]  # fmt: skip
    nan = np.nan
    found = code(
        settings, made,
        {"amount": 2, "card": "a"}, {"amount": 6, "card": "a"}, {"amount": 1, "card": 7},
        {"amount": 8, "card": "a"}, {"amount": 5, "card": None}, {"amount": 3, "card": "7"},
    )  # fmt: skip
    np.testing.assert_array_equal(
        found,
        [
            [2, 1, nan, nan, nan, nan],
            [6, 2, 2, 3, 4, nan],
            [1, 1, nan, nan, nan, nan],
            [8, 3, 4, 2, 4, 3],
            [5, nan, nan, nan, nan, nan],
            [3, 2, 1, 3, 2, nan],
        ],
    )


@pytest.mark.parametrize(
    ("first", "second", "ratio"),
    [(6, 2, 3.0), (1, 0, np.nan), (0, 0, np.nan), (1e308, 1e-10, np.nan), (None, 1, np.nan)],
)
def test_a_ratio_is_a_number_or_missing(first: float, second: float, ratio: float) -> None:
    settings = config(
        [AMOUNT, {"name": "b", "type": "float"}],
        {"name": "r", "type": "ratio", "of": ["amount", "b"]},
    )
    np.testing.assert_array_equal(column(settings, {"amount": first, "b": second}), [ratio])


def test_hidden_columns_are_inputs_only() -> None:
    at = {"name": "at", "type": "timestamp", "unit": "s", "hidden": True}
    settings = config(
        [{**AMOUNT, "hidden": True}, {**SHOP, "hidden": True}, CARD, at],
        {"name": "before", "type": "lag", "of": "at.epoch_s", "by": "card", "hidden": True},
        {"name": "since", "type": "difference", "of": ["at.epoch_s", "before"]},
    )
    made = coder(settings)
    assert [each.name for each in made.features] == ["since"]
    records = [{"amount": 1, "shop": "x", "card": "a", "at": at} for at in (10, 14.5, 15)]
    np.testing.assert_array_equal(code(settings, made, *records), [[np.nan], [4.5], [0.5]])
    assert not any(name.startswith("1/") for name in made.snapshot()), "a vocabulary for nobody"


def test_keys_may_be_paths_several_or_none() -> None:
    count = {"type": "rolling", "window": HOUR, "function": "count"}
    settings = config(
        [AMOUNT, CARD],
        {**count, "name": "path", "by": "$.customer.id"},
        {**count, "name": "both", "by": ["card", "$.customer.id"]},
        {**count, "name": "all"},
    )
    assert Config.model_validate(settings.model_dump(by_alias=True)) == settings
    records = [
        {"amount": 1, "card": card, "customer": {"id": customer}}
        for card, customer in (("a", "bc"), ("ab", "c"), ("a", "c"), ("a", "bc"), (None, "c"))
    ]
    np.testing.assert_array_equal(
        code(settings, coder(settings), *records)[:, 1:],
        [[1, 1, 1], [1, 1, 2], [2, 1, 3], [2, 2, 4], [3, np.nan, 5]],
    )


@pytest.mark.parametrize(("by", "most"), [({"by": "card"}, 129), ({}, 300)])
def test_without_a_key_a_window_holds_more(by: dict[str, str], most: int) -> None:
    count = {"name": "n", "type": "rolling", "window": HOUR, "function": "count", **by}
    found = column(config([AMOUNT, CARD], count), *[{"card": "a"}] * 300)
    assert max(found) == found[-1] == most


def test_a_record_without_the_key_of_a_path_is_refused() -> None:
    settings = config([AMOUNT], {"name": "l", "type": "lag", "of": "amount", "by": "$.c.id"})
    customers: list[dict[str, Any]] = [{}, {"c": {"id": 1.5}}, {"c": {"id": 1}}]
    values = [json.dumps({"amount": 1, **customer}).encode() for customer in customers]
    read = EventReader(settings).read(batch(EVENTS, values))
    assert [reject.reason for reject in read.rejects] == ["missing_value", "wrong_type"]
    assert len(read.contents) == 1


def test_distinct_and_count_take_keys_and_categories_by_their_text() -> None:
    settings = config(
        [AMOUNT, CARD, {**SHOP, "categories_max": 2}],
        {"name": "cards", "type": "rolling", "of": "card", "by": "shop", "window": HOUR,
         "function": "count"},
        {"name": "shops", "type": "rolling", "of": "shop", "by": "card", "window": HOUR,
         "function": "distinct"},
    )  # fmt: skip
    records = [{"card": card, "shop": shop} for card, shop in zip("aaa", "xyz", strict=True)]
    found = code(settings, coder(settings), *records, {"card": None, "shop": "x"})
    np.testing.assert_array_equal(found[:, 2:], [[1, 1], [1, 2], [1, 3], [1, np.nan]])


def test_the_lag_of_a_category_is_a_category_with_the_same_names() -> None:
    settings = config([SHOP, CARD], {"name": "l", "type": "lag", "of": "shop", "by": "card"})
    made = coder(settings)
    records = [{"card": "a", "shop": shop} for shop in "xyz"]
    np.testing.assert_array_equal(code(settings, made, *records), [[0, np.nan], [1, 0], [2, 1]])
    assert made.features[1].capacity == made.features[0].capacity == 64
    assert made.features[1].categories is made.features[0].categories


def test_a_boolean_or_integer_is_a_key_as_it_is_written() -> None:
    settings = config(
        [{"name": "flag", "type": "boolean"}, {"name": "k", "type": "integer"}],
        {"name": "n", "type": "rolling", "by": ["flag", "k"], "window": HOUR, "function": "count"},
    )
    records = [{"flag": flag, "k": k} for flag, k in ((True, 1), (True, 2), (False, 1), (True, 1))]
    assert column(settings, *records) == [1, 1, 1, 2]


@pytest.mark.parametrize(
    ("target", "more", "names"),
    [
        ({"classes": ["no", "yes"]}, {}, ["rate"]),
        ({"classes": ["a", "b", 3]}, {}, ["rate.a", "rate.b", "rate.3"]),
        ({"classes": ["a", "b", 3]}, {"classes": [3]}, ["rate"]),
        ({}, {"classes": ["x", "y"]}, ["rate.x", "rate.y"]),
        ({"type": "regression"}, {}, ["rate"]),
    ],
)
def test_a_target_mean_has_a_column_a_class(
    target: dict[str, Any], more: dict[str, Any], names: list[str]
) -> None:
    settings = config(
        [AMOUNT, CARD],
        {"name": "rate", "type": "target_mean", "by": "card", **more},
        target={"type": "classification", "path": "$.y", **target},
    )
    assert [each.name for each in coder(settings).features[1:]] == names


def test_open_classes_are_known_by_their_names() -> None:
    settings = config(
        [AMOUNT, CARD],
        {"name": "r", "type": "target_mean", "by": "card", "classes": ["late"], "smooth": 0},
        target={"type": "classification", "path": "$.y"},
    )
    target = TargetCoder(settings)
    target.code(["early", "late"])
    made = FeatureCoder(settings, target)
    found = code(settings, made, {"card": "a"}, {"card": "a"})
    assert found[1, 1] == 1.0


def test_a_snapshot_goes_on_to_the_bit() -> None:
    settings = config(
        [AMOUNT, CARD, SHOP, {"name": "note", "type": "text", "buckets": 4}],
        {"name": "m", "type": "rolling", "of": "amount", "by": "card", "window": HOUR,
         "function": "mean"},
        {"name": "l", "type": "lag", "of": "note.1", "by": "shop"},
        {"name": "t", "type": "target_mean", "by": "shop"},
    )  # fmt: skip
    rng = np.random.default_rng(1)
    records = [
        {"amount": rng.normal(), "card": f"c{rng.integers(5)}", "shop": f"s{rng.integers(3)}",
         "note": f"a word {rng.integers(9)}"}
        for _ in range(60)
    ]  # fmt: skip
    first, second = coder(settings), coder(settings)
    code(settings, first, *records[:30])
    second.restore(first.snapshot())
    assert digest(second.snapshot()) == digest(first.snapshot())
    ours, theirs = (code(settings, made, *records[30:]) for made in (first, second))
    assert ours.tobytes() == theirs.tobytes()
    assert digest(second.snapshot()) == digest(first.snapshot())


ROLLING = {"name": "m", "type": "rolling", "of": "amount", "window": HOUR, "function": "mean"}


@pytest.mark.parametrize(
    ("derived", "said"),
    [
        ({**ROLLING, "of": "amont"},
         "schema.derived[0].of: must name a column that stands above; got `amont`. There are "
         "`amount`, `shop`."),
        ({**ROLLING, "of": "shop"},
         "schema.derived[0].of: must name a numeric column; got the category `shop`."),
        ({**ROLLING, "of": "card", "function": "max"},
         "schema.derived[0].of: must name a column that stands above; got `card`. There are "
         "`amount`, `shop`."),
        ({**ROLLING, "by": "kard"},
         "schema.derived[0].by: must name a feature of type key, category, integer, boolean, or a "
         "path that stands above; got `kard`. There are `card`, `shop`."),
        ({**ROLLING, "by": "amount"},
         "schema.derived[0].by: must name a feature of type key, category, integer, boolean, or a "
         "path that stands above; got `amount`. There are `card`, `shop`."),
        ({"name": "r", "type": "ratio", "of": ["amount", "r"]},
         "schema.derived[0].of[1]: must name a column that stands above; got `r`. There are "
         "`amount`, `shop`."),
        ({"name": "t", "type": "target_mean", "classes": ["maybe"]},
         "schema.derived[0].classes: must be of target.classes; got `maybe`."),
    ],
)  # fmt: skip
def test_what_names_nothing_is_said_with_its_place(derived: dict[str, Any], said: str) -> None:
    settings = config([AMOUNT, CARD, SHOP], derived)
    with pytest.raises(ConfigError) as caught:
        coder(settings)
    assert str(caught.value) == said


def test_classes_must_be_given_where_they_are_open_and_not_for_numbers() -> None:
    mean = {"name": "t", "type": "target_mean", "by": "card"}
    open_ = config([AMOUNT, CARD], mean, target={"type": "classification", "path": "$.y"})
    with pytest.raises(ConfigError, match=r"derived\[0\].classes: must be given where"):
        coder(open_)
    number = config(
        [AMOUNT, CARD], {**mean, "classes": [1]}, target={"type": "regression", "path": "$.y"}
    )
    with pytest.raises(ConfigError, match=r"derived\[0\].classes: must be left out"):
        coder(number)
