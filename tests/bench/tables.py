"""Tables of figures, for a terminal and for a document."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table

from tests.bench.summary import Comparison, Scene, Summary, best_peer, compare


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
    """Make the table of a scene: ours first, each half from the best to the worst."""
    best = best_peer(summaries)
    kind = summaries[0].kind
    columns = ["model", *(measure.title for measure in kind.measures)]
    columns += ["records/s", "memory MB", "state MB", "over the best peer"]
    ordered = sorted(summaries, key=lambda one: (not one.is_ours, -kind.sign * one.main))
    rows = [
        [
            _name(one),
            *_scores(one),
            _rate(one.records_per_s),
            f"{one.memory_bytes / 1e6:,.1f}",
            "" if one.snapshot_bytes is None else f"{one.snapshot_bytes / 1e6:,.2f}",
            _gap(compare(one, best)) if best is not None and one.is_ours else "",
        ]
        for one in ordered
    ]
    return Sheet(scene.title, columns, rows)


def ratios(scene: Scene, summaries: Sequence[Summary]) -> Sheet | None:
    """Make the table of ours against every peer: how much better, and times the speed."""
    ours = [one for one in summaries if one.is_ours]
    peers = [one for one in summaries if not one.is_ours]
    if not ours or not peers:
        return None
    rows = [
        [peer.candidate, *(_gain_and_times(compare(one, peer)) for one in ours)] for peer in peers
    ]
    clocks = " (MOA: its own clock / its whole process)"
    has_two = any(peer.has_own_clock for peer in peers)
    title = f"{scene.title}: {ours[0].kind.gain_words}, times the records/s{clocks * has_two}"
    return Sheet(title, ["against", *(one.candidate for one in ours)], rows)


def _name(one: Summary) -> str:
    return one.candidate if one.is_whole else f"{one.candidate} (first {one.records:,})"


def _scores(one: Summary) -> list[str]:
    """Write the scores; the one that ranks has its error."""
    main, *others = one.kind.measures
    first = _with_error(main.scale * one.main, main.scale * one.main_error, f".{main.digits}f")
    return [first, *(f"{m.scale * one.mean(m.name):.{m.digits}f}" for m in others)]


def _gap(found: Comparison) -> str:
    if math.isnan(found.gain):
        return "-"
    return _with_error(100 * found.gain, 100 * found.gain_error, "+.2f")


def _gain_and_times(found: Comparison) -> str:
    gain = "-" if math.isnan(found.gain) else f"{100 * found.gain:+.2f}"
    times = _times(found.speed_ratio)
    if not math.isnan(found.process_speed_ratio):
        times += f" / {_times(found.process_speed_ratio)}"
    return f"{gain}, {times}"


def _with_error(value: float, error: float, form: str) -> str:
    return f"{value:{form}}" + ("" if math.isnan(error) else f" ± {error:{form.lstrip('+')}}")


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
