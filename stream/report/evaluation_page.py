"""The report of one evaluation."""

from __future__ import annotations

import math

from operators.prequential import baseline_accuracy, mean_rmse
from stream.drift.timeline import Timeline, timeline
from stream.evaluate import Evaluation
from stream.report import sentences
from stream.report.chart import line_chart
from stream.report.curves import own_chart
from stream.report.dead_letters import dead_letter_rows, dead_letters
from stream.report.drift_facts import real_drifts, sources
from stream.report.drifts import drift_legend, drift_section, feature_section
from stream.report.figures import MEANING, TITLES
from stream.report.html import Html, element, join
from stream.report.numbers import figure, rate, size
from stream.report.origin import Origin
from stream.report.page import cards, page, paragraphs
from stream.report.table import Column, table


def evaluation_page(result: Evaluation, origin: Origin) -> str:
    """Write the report of an evaluation as one HTML file."""
    told = timeline(result.drift)
    has_figures = not math.isnan(result.figures.get(origin.main, math.nan))
    body = [
        element("h1", f"{origin.config.model.name} on {origin.data}"),
        paragraphs(
            sentences.score(result, origin),
            sentences.against_baselines(result, origin) if has_figures else "",
            sentences.setting(origin),
            sentences.drift(told, origin),
            sentences.losses(result),
        ),
    ]
    if has_figures:
        body += [
            cards(_cards(result, told, origin)),
            curve_section(result, told, origin),
            figures_table(result, origin),
        ]
    body += [
        drift_section(told, origin),
        feature_section(told, result.learnt),
        dead_letters(dead_letter_rows(result), result.dead.total()),
    ]
    digests = [
        ("Digest of the predictions", result.predictions_digest),
        ("Digest of the state", result.snapshot_digest),
    ]
    return page(f"{origin.config.model.name} on {origin.data}", body, origin, digests)


def curve_section(result: Evaluation, told: Timeline, origin: Origin) -> Html:
    """Write the figure that counts, over time."""
    title = "Error over time" if origin.is_regression else "Accuracy over time"
    picture = line_chart(own_chart(result, told, origin))
    return join([element("h2", title), element("figure", picture, curve_caption(told, origin))])


def curve_caption(told: Timeline, origin: Origin) -> Html:
    """Say what a chart over time shows."""
    what = "Mean absolute error" if origin.is_regression else "Accuracy"
    words = f"{what} of about the last {origin.recent:,} labels, each predicted before learnt."
    return element("figcaption", words, drift_legend(sources(told), bool(told.alarms)))


def figures_table(result: Evaluation, origin: Origin) -> Html:
    """Write all figures, of the whole stream and of recent labels."""
    columns = (
        Column("figure"),
        Column("whole stream", True),
        Column("recent", True),
        Column("meaning"),
    )
    rows = [
        (
            TITLES[name],
            figure(name, value),
            figure(name, result.figures.get(f"faded_{name}", math.nan)),
            MEANING[name],
        )
        for name, value in result.figures.items()
        if name in MEANING
    ]
    return table(f"Figures; recent: about the last {origin.recent:,} labels", columns, rows)


def _cards(result: Evaluation, told: Timeline, origin: Origin) -> list[tuple[str, str, str]]:
    figures = result.figures
    if origin.is_regression:
        mean = mean_rmse(figures["rmse"], figures["r2"])
        first = [
            ("MAE", figure("mae", figures["mae"]), "mean absolute error"),
            ("RMSE", figure("rmse", figures["rmse"]), "root mean squared error"),
            ("RMSE of the mean", figure("rmse", mean), "always answering the labels' mean"),
        ]
    else:
        accuracy = figures["accuracy"]
        no_change = baseline_accuracy(accuracy, figures["kappa_t"])
        majority = baseline_accuracy(accuracy, figures["kappa_m"])
        first = [
            ("Accuracy", figure("accuracy", accuracy), ""),
            ("No change", figure("accuracy", no_change), "always the last label known"),
            ("Majority class", figure("accuracy", majority), "always the most frequent label"),
        ]
    drifts = len(real_drifts(told))
    noticed = ("Drifts", f"{drifts:,}", "diagnosed")
    if not origin.config.drift.diagnose:
        noticed = ("Alarms", f"{len(told.alarms):,}", "of detectors")
    return [
        *first,
        noticed,
        ("Dead letters", f"{result.dead.total():,}", "could not be used"),
        ("Speed", rate(result.model_records_per_s), "records/s, the model alone"),
        ("Size", size(result.state_bytes), "of the model's snapshot"),
    ]
