"""The report of a comparison: the leaderboard, and the best model in more detail."""

from __future__ import annotations

import math
from collections.abc import Sequence

from stream.compare.leaderboard import Entry, Leaderboard
from stream.drift.timeline import Timeline, timeline
from stream.evaluate import Evaluation
from stream.report import sentences
from stream.report.chart import line_chart
from stream.report.curves import models_chart
from stream.report.dead_letters import dead_letter_rows, dead_letters
from stream.report.drifts import drift_section, feature_section
from stream.report.evaluation_page import curve_caption
from stream.report.figures import COLUMNS, TITLES
from stream.report.html import Html, code, element, join
from stream.report.numbers import figure, plural, rate, size, spread
from stream.report.origin import Origin
from stream.report.page import page, paragraphs
from stream.report.ranking import Dot, dot_chart
from stream.report.style import SERIES
from stream.report.table import Column, table


def comparison_page(board: Leaderboard, origin: Origin) -> str:
    """Write the report of a comparison as one HTML file."""
    title = f"{plural(len(board.entries), 'model')} on {origin.data}"
    body = [
        element("h1", title),
        paragraphs(
            *_verdict(board),
            sentences.fastest(board),
            sentences.setting(origin),
            _what_is_missing(board),
        ),
    ]
    if board.ranked:
        body += [_ranking(board), _leaderboard(board), *_best(board, origin)]
    else:
        body.append(_leaderboard(board))
    digests = [
        (f"Digest of the predictions of {entry.label}", entry.runs[0].result.predictions_digest)
        for entry in board.ranked
    ]
    return page(title, body, origin, digests)


def _verdict(board: Leaderboard) -> list[object]:
    """Say first what a reader must not miss: the best model, or that none is of use."""
    best = board.best_baseline
    winner, field = sentences.winner(board), sentences.field(board)
    if best is None or not board.ranked or sentences.beats(board.ranked[0], board):
        return [winner, field]
    return [field, winner]


def _ranking(board: Leaderboard) -> Html:
    dots = [
        Dot(entry.label, entry.mean(board.main), entry.spread(board.main), style)
        for entry, style in zip(board.ranked, _styles(board), strict=True)
    ]
    words = ", ".join(f"{dot.label} {figure(board.main, dot.value)}" for dot in dots)
    floors = ", ".join(
        f"{name} {figure(board.main, value)}" for name, value in board.baselines.items()
    )
    what = "Accuracy" if board.main == "accuracy" else "Mean absolute error"
    alt = f"{what} of each model, best first: {words}. Baselines: {floors or 'none'}."
    note = f"{what}, each record predicted before it was learnt. Dashed: what needs no model."
    if any(math.isfinite(dot.spread) for dot in dots):
        note += f" Bars: one standard deviation over {plural(len(board.seeds), 'seed')}."
    picture = dot_chart(board.main, dots, board.baselines, alt)
    return join([element("h2", what), element("figure", picture, element("figcaption", note))])


def _styles(board: Leaderboard) -> list[str]:
    """Colour the first models; there are no more colours than can be told apart."""
    count = len(board.ranked)
    return [*SERIES, *["b1"] * max(count - len(SERIES), 0)][:count]


def _leaderboard(board: Leaderboard) -> Html:
    names = COLUMNS[board.main]
    columns = (
        Column("model"),
        *[Column(TITLES[name], True) for name in names],
        Column("records/s", True),
        Column("state", True),
        Column("runs", True),
    )
    places = [(entry.mean(board.main), _model_row(entry, names), "") for entry in board.ranked]
    places[:1] = [(value, row, "best") for value, row, _ in places[:1]]
    places += [
        (value, (f"{name} (baseline)", figure(board.main, value), ""), "floor")
        for name, value in board.baselines.items()
    ]
    places.sort(key=lambda place: -place[0] if board.main == "accuracy" else place[0])
    others = [(entry, entry.reason(board.main)) for entry in board.entries]
    failed = [(entry, reason) for entry, reason in others if reason]
    rows: list[Sequence[object]] = [row for _, row, _ in places]
    rows += [(code(entry.label), reason) for entry, reason in failed]
    styles = [style for _, _, style in places] + ["failed"] * len(failed)
    note = (
        "records/s: of the model alone, predicting and learning, on one core. State: bytes of the "
        "model's snapshot. ±: one standard deviation over seeds. Runs: one where the seed changes "
        "nothing."
    )
    return join([table("Leaderboard", columns, rows, styles), element("p", note, class_="note")])


def _model_row(entry: Entry, names: Sequence[str]) -> tuple[object, ...]:
    main, *others = names
    score = [figure(main, entry.mean(main)), _small(spread(main, entry.spread(main)))]
    figures = [join(score), *[figure(name, entry.mean(name)) for name in others]]
    return (
        code(entry.label),
        *figures,
        rate(entry.records_per_s),
        size(entry.state_bytes),
        f"{len(entry.runs)}",
    )


def _small(words: str) -> Html:
    return join([" ", element("small", words)]) if words else Html("")


def _best(board: Leaderboard, origin: Origin) -> list[Html]:
    """Write the curves of the models, and what else is known, from the best one's first run."""
    best = board.ranked[0]
    result = best.runs[0].result
    told = timeline(result.drift)
    runs = [
        (entry.label, style, entry.runs[0].result)
        for entry, style in zip(board.ranked, SERIES, strict=False)
    ]
    return [
        _curves(runs, told, origin, board),
        element(
            "p",
            "What follows is of ",
            code(best.label),
            f", seed {best.runs[0].seed}: drift is found in a model's own errors.",
        ),
        drift_section(told, origin),
        feature_section(told, result.learnt),
        dead_letters(dead_letter_rows(result), result.dead.total()),
    ]


def _curves(
    runs: Sequence[tuple[str, str, Evaluation]], told: Timeline, origin: Origin, board: Leaderboard
) -> Html:
    title = "Error over time" if origin.is_regression else "Accuracy over time"
    note = f"Drifts and alarms are those of {runs[0][0]}."
    if len(board.ranked) > len(runs):
        note += f" The {len(runs)} best models are drawn."
    picture = line_chart(models_chart(runs, told, origin))
    whole = element(
        "figure", picture, curve_caption(told, origin), element("p", note, class_="note")
    )
    return join([element("h2", title), whole])


def _what_is_missing(board: Leaderboard) -> str:
    failed = sum(bool(entry.failure) for entry in board.entries)
    untried = sum(not entry.runs and not entry.failure for entry in board.entries)
    parts = []
    if failed:
        parts.append(f"{plural(failed, 'model')} failed, for the reason in the leaderboard.")
    if not board.is_complete:
        parts.append(
            "The comparison was interrupted"
            + (f" before {plural(untried, 'model')} had a figure." if untried else ".")
        )
    return " ".join(parts)
