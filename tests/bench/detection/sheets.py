"""Tables of delays at equal false alarms, of detectors as they come, and of speeds."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tests.bench.detection.operating import TARGETS, Reading, Verdict, curves, reading, verdict
from tests.bench.detection.results import Key, Row
from tests.bench.detection.series import HORIZON
from tests.bench.detection.speed import Speed
from tests.bench.detection.streams import CLASSES
from tests.bench.detection.sweeps import LIBRARIES, SWEEPS
from tests.bench.tables import Sheet

_WORDS = {
    "errors": "errors at a rate",
    "learner": "errors of a learner",
    "numbers": "numbers",
}


def verdicts(rows: Mapping[Key, Row]) -> list[Verdict]:
    """Compare the best of ours with the best peer, for each class and rate of false alarms."""
    found = []
    for stream in _streams(rows):
        made = curves(rows, stream)
        found += [verdict(made, stream, target) for target in TARGETS]
    return [one for one in found if one is not None]


def verdict_sheet(found: Sequence[Verdict], target: float) -> Sheet:
    """Write the delays of the best at one rate of false alarms."""
    rows = [
        [
            f"{one.stream}: {CLASSES[one.stream].words}",
            one.ours.detector,
            _with_error(one.ours),
            one.peer.detector,
            _with_error(one.peer),
            f"{one.ratio:.2f} ± {one.ratio_error:.2f}",
        ]
        for one in found
        if one.target == target
    ]
    columns = ["stream class", "our best", "delay", "best peer", "delay", "ours over theirs"]
    return Sheet(f"Delay at {target:g} false alarms in 10,000 values", columns, rows)


def delay_sheet(rows: Mapping[Key, Row], family: str, target: float) -> Sheet:
    """Write the delay of every detector on the classes of a family."""
    streams = [name for name in _streams(rows) if CLASSES[name].family == family]
    by_detector: dict[str, dict[str, Reading]] = {}
    for stream in streams:
        for curve in curves(rows, stream):
            by_detector.setdefault(curve.detector, {})[stream] = reading(curve, target)
    best = {
        stream: min(
            (found[stream].delay for found in by_detector.values() if _known(found, stream)),
            default=math.nan,
        )
        for stream in streams
    }
    body = [
        [label, *(_cell(found.get(stream), best[stream]) for stream in streams)]
        for label, found in sorted(by_detector.items(), key=lambda pair: _ours_first(pair[0]))
    ]
    title = f"{_WORDS[family]}: delay at {target:g} false alarms in 10,000"
    return Sheet(title[0].upper() + title[1:], ["detector", *streams], body)


def default_sheet(rows: Mapping[Key, Row], family: str) -> Sheet:
    """Write what each detector does as it comes, over all classes of a family."""
    body = []
    for label in sorted({row.detector for row in rows.values()}, key=_ours_first):
        mine = [
            row
            for row in rows.values()
            if row.detector == label and row.value == SWEEPS[label].default
        ]
        drifting = [r for r in mine if _is_of(r, family)]
        names = {(CLASSES[row.stream].quiet, row.sides) for row in drifting}
        quiet = [row for row in mine if (row.stream, row.sides) in names]
        if drifting:
            body.append([label, *_default_cells(drifting, quiet)])
    title = f"{_WORDS[family]}, every detector as it comes"
    columns = ["detector", "false alarms in 10,000", "mean delay", "missed %", "precision %", "F1"]
    return Sheet(title[0].upper() + title[1:], columns, body)


def speed_sheet(speeds: Sequence[Speed]) -> Sheet:
    """Write values a second, and ours over each peer's."""
    by_label = {one.detector: one.values_per_s for one in speeds}
    libraries = [
        library for library in LIBRARIES if any(x.startswith(f"{library}:") for x in by_label)
    ]
    body = []
    for name in (label for label in by_label if ":" not in label):
        theirs = [by_label.get(f"{library}:{name}", math.nan) for library in libraries]
        cells = [
            "" if math.isnan(rate) else f"{rate / 1e6:.3g} ({by_label[name] / rate:,.0f}x)"
            for rate in theirs
        ]
        body.append([name, f"{by_label[name] / 1e6:.3g}", *cells])
    title = "Values a second, millions (ours over theirs)"
    return Sheet(title, ["detector", "ours, in array form", *libraries], body)


def _default_cells(drifting: Sequence[Row], quiet: Sequence[Row]) -> list[str]:
    drifts, found = (sum(getattr(r, name) for r in drifting) for name in ("drifts", "found"))
    wrong = sum(row.false_alarms for row in drifting)
    alarms = 1e4 * sum(r.false_alarms for r in quiet) / max(1, sum(r.values for r in quiet))
    precision = 100 * found / (found + wrong) if found + wrong else math.nan
    return [
        f"{alarms:.2f}",
        f"{sum(row.delay for row in drifting) / drifts:,.0f}",
        f"{100 * (1 - found / drifts):.0f}",
        "-" if math.isnan(precision) else f"{precision:.0f}",
        f"{2 * found / (2 * found + wrong + drifts - found):.2f}",
    ]


def _is_of(row: Row, family: str) -> bool:
    made = CLASSES.get(row.stream)
    return made is not None and made.family == family and made.sides == row.sides


def _streams(rows: Mapping[Key, Row]) -> list[str]:
    there = {row.stream for row in rows.values()}
    return [name for name in CLASSES if name in there]


def _known(found: Mapping[str, Reading], stream: str) -> bool:
    return stream in found and math.isfinite(found[stream].delay)


def _cell(found: Reading | None, best: float) -> str:
    """Write a delay; the best is bold, one that cannot have so few false alarms is a dash."""
    if found is None or math.isnan(found.delay):
        return "-"
    text = f"{found.delay:,.0f}"
    if found.delay >= HORIZON:
        return "missed"
    return f"**{text}**" if found.delay == best else text


def _with_error(found: Reading) -> str:
    return f"{found.delay:,.0f} ± {found.error:,.0f}"


def _ours_first(label: str) -> tuple[bool, str]:
    return ":" in label, label
