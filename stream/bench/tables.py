"""Tables of figures, for a terminal and for a document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from stream.bench.summary import Comparison, Scene, Summary, best_peer, compare


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table that is not drawn yet; its first column is text, the others are figures."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]

    def to_rich(self) -> Table:
        """Draw it for a terminal."""
        table = Table(title=self.title, title_justify="left", title_style="bold")
        for index, column in enumerate(self.columns):
            table.add_column(column, justify="right" if index else "left", no_wrap=not index)
        for row in self.rows:
            table.add_row(*row)
        return table

    def to_markdown(self) -> str:
        """Write it for a document."""
        head = f"| {' | '.join(self.columns)} |"
        rule = "|---|" + "---:|" * (len(self.columns) - 1)
        body = [f"| {' | '.join(row)} |" for row in self.rows]
        return "\n".join([f"**{self.title}**", "", head, rule, *body, ""])


def figures(scene: Scene, summaries: Sequence[Summary]) -> Sheet:
    """Make the table of a scene: ours first, each half by accuracy."""
    best = best_peer(summaries)
    columns = ["model", "accuracy %", "kappa", "kappa_m", "records/s", "memory MB", "state MB"]
    columns.append("over the best peer")
    ordered = sorted(summaries, key=lambda one: (not one.is_ours, -one.accuracy))
    rows = [
        [
            _name(one),
            _with_error(100 * one.accuracy, 100 * one.accuracy_error),
            f"{one.kappa:.3f}",
            f"{one.kappa_m:.3f}",
            _rate(one.records_per_s),
            f"{one.memory_bytes / 1e6:,.1f}",
            "" if one.snapshot_bytes is None else f"{one.snapshot_bytes / 1e6:,.2f}",
            _gap(compare(one, best)) if best is not None and one.is_ours else "",
        ]
        for one in ordered
    ]
    return Sheet(scene.title, columns, rows)


def ratios(scene: Scene, summaries: Sequence[Summary]) -> Sheet | None:
    """Make the table of ours against every peer: points of accuracy, and times the speed."""
    ours = [one for one in summaries if one.is_ours]
    peers = [one for one in summaries if not one.is_ours]
    if not ours or not peers:
        return None
    rows = [
        [peer.candidate, *(_points_and_times(compare(one, peer)) for one in ours)] for peer in peers
    ]
    title = f"{scene.title}: points of accuracy more, times the records/s"
    return Sheet(title, ["against", *(one.candidate for one in ours)], rows)


def _name(one: Summary) -> str:
    return one.candidate if one.is_whole else f"{one.candidate} (first {one.records:,})"


def _gap(found: Comparison) -> str:
    if math.isnan(found.difference):
        return "-"
    return _with_error(100 * found.difference, 100 * found.difference_error, sign="+")


def _points_and_times(found: Comparison) -> str:
    points = "-" if math.isnan(found.difference) else f"{100 * found.difference:+.2f}"
    return f"{points}, {_times(found.speed_ratio)}"


def _with_error(value: float, error: float, sign: str = "") -> str:
    return f"{value:{sign}.2f}" + ("" if math.isnan(error) else f" ± {error:.2f}")


def _rate(value: float) -> str:
    """Write a rate with no more digits than it is worth.

    Examples
    --------
    >>> _rate(1_234_567.0), _rate(123.4)
    ('1,230,000', '123')
    """
    if math.isnan(value) or value <= 0:
        return "-"
    digits = 2 - math.floor(math.log10(value))
    return f"{round(value, digits):,.0f}"


def _times(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.0f}x" if value >= 10 else f"{value:.1f}x"
