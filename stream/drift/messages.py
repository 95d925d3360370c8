"""What drift events say in words: one sentence for each, for classes and for numbers.

A sentence says no more than its event does. Times are UTC, to the minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from stream.drift.events import DriftEvent, FeatureChange, Judgement, Since

_CHANGED = {
    "real": ("the labels mean something else", "the same features lead to other values"),
    "virtual": ("other records come, and mean what they meant",) * 2,
    "label": ("the classes come in other shares", "the values are spread in another way"),
    "outliers": ("a burst of records unlike all others came, and passed",) * 2,
    "none": ("nothing has changed that would hold up",) * 2,
}
_KIND = {
    "real": "real drift",
    "virtual": "virtual drift",
    "label": "label drift",
    "outliers": "outliers",
    "none": "a false alarm",
}
_DONE = {
    "reset": "the model was reset",
    "restore": "an earlier model was brought back",
    "warm_up": "a new model was begun",
    "forget": "a copy of the model was made to forget",
    "reweight": "a copy of the model was given the classes' new shares",
    "standardise": "a copy of the model was given features on their old scale",
    "none": "nothing was done",
}
_FEATURES_SAID = 3
_SHARE_SAID_MIN = 0.05


def minute(moment: str) -> str:
    """Cut a time of the wire to the minute.

    Examples
    --------
    >>> minute("2013-03-04T10:00:59.000Z")
    '2013-03-04T10:00Z'
    """
    return f"{moment[:16]}Z"


def message(event: DriftEvent, is_regression: bool) -> str:
    """Say an event in one sentence."""
    if event.event == "diagnosis":
        return _diagnosis(event, is_regression)
    if event.event == "action":
        return _action(event)
    if event.event == "outcome":
        return _outcome(event, is_regression)
    if event.event == "monitor":
        return _monitor(event)
    return _alarm(event)


def _alarm(event: DriftEvent) -> str:
    assert event.before is not None
    assert event.after is not None
    rises = event.after > event.before
    if event.kind == "warning":
        change = "may be rising," if rises else "may be falling,"
    else:
        change = "rose" if rises else "fell"
    return (
        f"{event.detector}: the prediction error {change} from {event.before:.4g} to "
        f"{event.after:.4g} in partition {event.partition}, noticed at {event.event_time} after "
        f"{event.learnt} labels."
    )


def _diagnosis(event: DriftEvent, is_regression: bool) -> str:
    """Say what was diagnosed: since when, what, how sure, which features, how the error went."""
    parts = [_headline(event, is_regression)]
    told = said_features(event.features)
    if told:
        parts.append(f": mostly {told}")
    if event.before is not None and event.after is not None:
        parts.append(
            f"; {_error(is_regression)} {event.before:.3g} before, {event.after:.3g} since"
        )
    if event.recurs is not None:
        parts.append(f"; concept {event.recurs} has come back")
    if event.revision:
        parts.append(f"; as seen after {event.learnt:,} labels")
    return _sentence(f"drift {event.episode}: {''.join(parts)}")


def _action(event: DriftEvent) -> str:
    """Say what was done, why, and what the two models' errors were."""
    detail = dict(event.detail)
    records, answers = detail.pop("records", None), detail.pop("answers", None)
    old, new = detail.pop("error_old", None), detail.pop("error_new", None)
    if records is None and answers is not None and event.action != "none":
        # The end of a contest: nothing new was made.
        done = "the new model answers from now on" if answers else "the old model answers again"
    else:
        done = _DONE.get(event.action, event.action.replace("_", " "))
        if records is not None:
            done += f" and learnt {records:,.0f} records again"
        if answers is not None:
            done += ", and answers now" if answers else ", and does not answer yet"
    numbers = _numbers(detail)
    if old is not None and new is not None:
        numbers = f"error {old:.3g} of the old, {new:.3g} of the new one" + (
            f", {numbers}" if numbers else ""
        )
    why = f": {event.why.rstrip('.')}" if event.why else ""
    return _sentence(
        f"drift {event.episode}: after {event.learnt:,} labels {done}"
        f"{f' ({numbers})' if numbers else ''}{why}"
    )


def _outcome(event: DriftEvent, is_regression: bool) -> str:
    """Say whether the model has recovered, what the error was, and what a shadow made of it."""
    judged = event.outcome
    assert judged is not None
    if judged.recovered_after is None:
        head = f"not recovered after {event.learnt:,} labels"
    elif judged.recovered_after == 0:
        head = "the model never got worse"
    else:
        head = f"recovered {judged.recovered_after:,} labels after it began"
    errors = ", ".join(
        f"{value:.3g} {when}"
        for value, when in (
            (judged.before, "before"),
            (judged.during, "during"),
            (judged.after, "after"),
        )
        if value is not None
    )
    parts = [head, f": {_error(is_regression)} {errors}" if errors else "", _shadow(judged)]
    parts.append(_settling(judged))
    return _sentence(f"drift {event.episode}: {''.join(parts)}")


def _monitor(event: DriftEvent) -> str:
    found = event.finding
    assert found is not None
    name = event.features[0].name if event.features else ""
    what = {
        "values": f"the shares of {name} have moved, that of {found.category!r}"
        if found.category
        else f"the values of {name} have moved, their mean",
        "missing": f"{name} is missing more or less often, the share",
        "category": f"{name} has a new category, {found.category!r}, its share",
        "rows": "whole rows have changed",
    }[found.aspect]
    moved = ""
    if event.before is not None and event.after is not None:
        moved = f" from {event.before:.4g} to {event.after:.4g}"
    statistic = f" {found.statistic:.3g}" if found.statistic is not None else ""
    p_value = f", p {found.p_value:.2g}" if found.p_value is not None else ""
    return (
        f"{event.detector}: {what}{moved} ({found.test}{statistic}{p_value}), noticed at "
        f"{minute(event.event_time)} without any label."
    )


def said_features(features: Sequence[FeatureChange]) -> str:
    """Name the features that changed most, at most three; none that hardly did.

    Examples
    --------
    >>> said_features((FeatureChange("dep_delay", 0.6), FeatureChange("carrier", 0.3)))
    'dep_delay and carrier'
    """
    names = [f.name for f in features if f.share is None or f.share >= _SHARE_SAID_MIN]
    *others, last = names[:_FEATURES_SAID] or [""]
    return f"{', '.join(others)} and {last}" if others else last


def span_words(since: Since) -> str:
    """Say the interval of a change point.

    Examples
    --------
    >>> span_words(Since(870, 812, 940, 0.9, 900, 830, 1000))
    'labels 812 to 940, offsets 830 to 1,000'
    """
    low, high = since.offset_low, since.offset_high
    span = f"labels {since.learnt_low:,} to {since.learnt_high:,}"
    if low is None or high is None:
        return span
    if (low, high) == (since.learnt_low, since.learnt_high):
        return span.replace("labels", "labels and offsets")
    return f"{span}, offsets {low:,} to {high:,}"


def _headline(event: DriftEvent, is_regression: bool) -> str:
    since, changed = event.since, _CHANGED[event.source][is_regression]
    kinds = [_KIND[event.source]]
    if event.tempo in ("abrupt", "gradual") and event.source not in ("none", "outliers"):
        kinds.append(event.tempo)
    if event.confidence is not None:
        sure = round(100 * event.confidence)
        kinds.append(f"{sure} % sure" if sure < 100 else "over 99 % sure")
    if since is None or event.source == "none":
        return f"{changed} ({', '.join(kinds)})"
    start = "about" if event.source == "outliers" else "since about"
    when = minute(since.event_time) if since.event_time else f"label {since.learnt:,}"
    return f"{start} {when} ({span_words(since)}) {changed} ({', '.join(kinds)})"


def _shadow(judged: Judgement) -> str:
    if judged.shadow_after is None:
        return ""
    return f"; a copy to which nothing was done is at {judged.shadow_after:.3g}"


def _settling(judged: Judgement) -> str:
    if judged.settles and judged.half_life is not None:
        return f"; by itself half of the excess goes away in {judged.half_life:,.0f} labels"
    return "" if judged.settles else "; by itself the error does not come back"


def _numbers(detail: Mapping[str, float | None]) -> str:
    return ", ".join(
        f"{name.replace('_', ' ')} {value:,.4g}"
        for name, value in detail.items()
        if value is not None
    )


def _error(is_regression: bool) -> str:
    return "mean absolute error" if is_regression else "error"


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."
