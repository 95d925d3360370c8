"""The fingerprint of settings; what is built of them is in the tests of each part."""

from __future__ import annotations

from stream.topology import fingerprint
from tests.builders import toy_config

FEATURES = [{"name": "a", "type": "float"}]


def of_bound(**bound: str) -> str:
    return fingerprint(toy_config(schema={"features": FEATURES, **bound}))


def test_the_bound_on_times_ahead_shows_unless_it_is_the_default() -> None:
    # A checkpoint made before there was the setting has to be taken up.
    assert of_bound() == of_bound(event_time_ahead_max="1d") == "952855dd3367df93"
    assert of_bound(event_time_ahead_max="2d") != of_bound()
