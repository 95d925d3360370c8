"""What the demo finds in New York's flights of 2013, beside what the data say.

    python -m tests.bench.flights_drift

Runs the demo's pipeline, and prints one row a drift: what was diagnosed, and then, without any
model, shares of late flights in the two weeks before and since. Those that left the gate between 5
minutes early and 15 late tell of P(late | features): what happened after the departure.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from datetime import datetime

from stream.cli.kernel_cache import drop_stale
from stream.datasets.flights import PIPELINE, Flight, load_flights, read_flights
from stream.drift.messages import said_features
from stream.drift.timeline import Episode, timeline
from stream.evaluate import evaluate, pieces, warm_up
from stream.loading.load import load_config

_WINDOW_MS = 14 * 86_400_000
_FAR_MILES = 1500


def is_on_time(flight: Flight) -> bool:
    """Whether it left the gate about when it should."""
    return bool(-5 <= flight.features["dep_delay"] <= 15)


def is_far(flight: Flight) -> bool:
    """Whether it goes to the West, mostly."""
    return bool(flight.features["distance"] > _FAR_MILES)


COLUMNS: dict[str, Callable[[Flight], bool]] = {
    "late": lambda _: True,
    "late, left on time": is_on_time,
    "the same, far": lambda flight: is_on_time(flight) and is_far(flight),
    "the same, near": lambda flight: is_on_time(flight) and not is_far(flight),
}


def share(flights: Sequence[Flight], counts: Callable[[Flight], bool]) -> str:
    """Share of late ones among those that count."""
    late = [flight.late for flight in flights if counts(flight)]
    return f"{100 * sum(map(bool, late)) / max(len(late), 1):.0f}"


def row(episode: Episode, flights: Sequence[Flight], landed: Sequence[int]) -> str:
    """One line of the table."""
    known = episode.diagnosis
    assert known is not None
    assert known.since is not None
    begins = datetime.fromisoformat(episode.begins)
    moment = round(begins.timestamp() * 1000)
    places = [bisect_left(landed, moment + shift) for shift in (-_WINDOW_MS, 0, _WINDOW_MS)]
    before, since = flights[places[0] : places[1]], flights[places[1] : places[2]]
    shares = [f"{share(before, of)} → {share(since, of)}" for of in COLUMNS.values()]
    sure = f"{100 * (known.confidence or 0):.0f} %"
    span = "–".join(
        re.sub(r".*?-(\d\d-\d\d).*", r"\1", time or "?")
        for time in (known.since.event_time_low, known.since.event_time_high)
    )
    error = f"{known.before:.3f} → {known.after:.3f}"
    cells = [str(episode.number), f"{begins:%m-%d}", span, known.source, known.tempo, sure]
    cells += [said_features(known.features), error, *shares]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the table."""
    config = load_config(PIPELINE, {})
    drop_stale()
    events, labels = read_flights()
    warm_up(config, pieces(events, labels))
    result = evaluate(config, events, labels)
    flights = [flight for flight in load_flights() if flight.arrived_ms is not None]
    flights.sort(key=lambda flight: flight.arrived_ms or 0)
    landed = [flight.arrived_ms or 0 for flight in flights]
    heads = ["drift", "since", "interval", "source", "tempo", "sure", "features", "error"]
    print(f"accuracy {100 * result.figures['accuracy']:.2f} %")
    print(f"| {' | '.join([*heads, *COLUMNS])} |")
    print("|" + "---|" * (len(heads) + len(COLUMNS)))
    for episode in timeline(result.drift).episodes:
        print(row(episode, flights, landed), flush=True)


if __name__ == "__main__":
    main()
