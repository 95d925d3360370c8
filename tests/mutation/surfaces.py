"""Mutants of what an operator sees: metrics, probes, the watchdog."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

OBSERVER = mutants_of(
    "stream/observe/observer.py",
    ("tests/stream/observe/test_observer.py", "tests/stream/observe/test_metrics.py"),
    (
        "dead letters not counted",
        "            metrics.dead_letters.labels(reason=reason).inc(count)\n",
        "            pass\n",
    ),
    (
        "lag never set",
        "                metrics.lag_records.labels(topic=topic, partition=number).set(lag.written)\n",
        "",
    ),
    (
        "an open transaction hides the lag",
        "metrics.lag_records.labels(topic=topic, partition=number).set(lag.written)",
        "metrics.lag_records.labels(topic=topic, partition=number).set(lag.readable)",
    ),
    (
        "readable lag never set",
        "                metrics.readable_lag_records.labels(topic=topic, partition=number).set(lag.readable)\n",
        "",
    ),
    (
        "an unknown lag is none",
        "is_behind = any(lag is None or lag.written for lag in lags.values())",
        "is_behind = any(lag and lag.written for lag in lags.values())",
    ),
    (
        "a partition without events is not behind",
        "age_s = live_s if newest_ms is None else time() - newest_ms / 1000",
        "age_s = 0.0 if newest_ms is None else time() - newest_ms / 1000",
    ),
    (
        "events of the future make a negative lag",
        ".set(max(age_s, 0.0) if is_behind else 0.0)",
        ".set(age_s if is_behind else 0.0)",
    ),
    (
        "who has read all is behind",
        ".set(max(age_s, 0.0) if is_behind else 0.0)",
        ".set(max(age_s, 0.0))",
    ),
    (
        "uncertain commits not counted",
        '        self._metrics.transactions.labels(outcome="uncertain").inc()\n',
        "        pass\n",
    ),
    (
        "commits not counted",
        '        self._metrics.transactions.labels(outcome="committed").inc()\n',
        "",
    ),
    (
        "overtaken commits not counted",
        '        self._metrics.transactions.labels(outcome="overtaken").inc()\n',
        "        pass\n",
    ),
    (
        "fenced commits not counted",
        '        self._metrics.transactions.labels(outcome="fenced").inc()\n',
        "",
    ),
    ("a fenced worker is ready", "        self._health.fenced(reason)\n", ""),
    (
        "metrics of a released partition stay",
        "            self._metrics.partition_revoked(number)\n",
        "",
    ),
    (
        "a released partition's mixture lives on",
        "            self._loads.pop(number, None)\n",
        "",
    ),
    (
        "a partition's series begin with its first record",
        "            self._metrics.partition_assigned(number, self._watchers, self._topics)\n",
        "",
    ),
    (
        "a partition's state not shown",
        "        self._metrics.set_partition_state(number, status.state.value)\n",
        "",
    ),
    (
        "failures of partitions not counted",
        "            self._metrics.partition_failures.labels(partition=str(number)).inc()\n",
        "            pass\n",
    ),
    (
        "a log that answers again is away",
        '        self._metrics.set_available("log", True)\n',
        "",
    ),
    (
        "a log that is away answers",
        '        self._metrics.set_available("log", False, since)\n',
        "",
    ),
    (
        "a worker whose log is away is ready",
        '        self._health.trouble("log", f"the log has not answered since {_utc(since)}: {reason}")\n',
        "",
    ),
    (
        "a worker whose log is back is not ready",
        '        self._health.trouble("log", "")\n',
        "",
    ),
    (
        "what stands still not counted",
        "        self._metrics.standing_still.set(len(reasons))\n",
        "",
    ),
    (
        "a worker with what stands still is ready",
        '        self._health.trouble("still", "; ".join(reasons))\n',
        "",
    ),
    (
        "checkpoints that failed not counted",
        "        self._metrics.checkpoint_failures.labels(partition=str(partition)).inc()\n",
        "",
    ),
    (
        "a store that takes no checkpoint answers",
        '        self._metrics.set_available("store", False)\n'
        '        self._health.note("store", f"checkpoints',
        '        self._health.note("store", f"checkpoints',
    ),
    (
        "a store that is away answers",
        '        self._metrics.set_available("store", False)\n'
        '        self._health.note("store", f"the',
        '        self._health.note("store", f"the',
    ),
    (
        "a partition that does not run does not fall behind",
        "        self._metrics.lag_seconds.labels(partition=str(partition)).set(seconds)\n",
        "        pass\n",
    ),
    (
        "a store that is back is away",
        '        self._metrics.set_available("store", True)\n',
        "",
    ),
    (
        "a store that is away is not noted",
        '        self._health.note("store", f"checkpoints cannot be written: {reason}")\n',
        "",
    ),
    ("the main loop's turn is not shown to probes", "        self._health.tick()\n", ""),
    (
        "a checkpoint under way not shown",
        "        self._metrics.checkpoint_writing.set(max(seconds.values(), default=0.0))",
        "        self._metrics.checkpoint_writing.set(min(seconds.values(), default=0.0))",
    ),
    (
        "replayed records not counted",
        "        self._metrics.replayed_records.labels(partition=number).inc(restored.replayed_records)\n",
        "",
    ),
)

SERVER = mutants_of(
    "stream/observe/server.py",
    ("tests/stream/observe/test_server.py",),
    (
        "a loop that has stood for long is live",
        "        if age_s < self.stall_after_s:",
        "        if True:",
    ),
    (
        "a loop that has stood exactly so long is live",
        "        if age_s < self.stall_after_s:",
        "        if age_s <= self.stall_after_s:",
    ),
    (
        "started before the first turn",
        'return Verdict(True) if self._started else Verdict(False, ("main loop has not begun",))',
        "return Verdict(True)",
    ),
    (
        "ready before it has joined",
        'reasons = [] if self._joined else ["has not joined its group"]',
        "reasons: list[str] = []",
    ),
    ("ready while partitions do not work", "        reasons += self._not_working()\n", ""),
    (
        "ready while fenced",
        '        if self._fenced:\n            reasons.append(f"fenced: {self._fenced}")\n',
        "",
    ),
    ("ready in trouble", "        reasons += troubles\n", ""),
    (
        "a note is in the way",
        "return Verdict(not reasons, tuple(reasons + notes))",
        "return Verdict(not reasons + notes, tuple(reasons + notes))",
    ),
    (
        "a note is not said",
        "return Verdict(not reasons, tuple(reasons + notes))",
        "return Verdict(not reasons, tuple(reasons))",
    ),
    (
        "ready with a partition that failed",
        "for s in statuses if s.state is State.FAILED]",
        "for s in statuses if False]",
    ),
    (
        "ready while restoring",
        '    ("restoring", {State.RESTORING}),\n',
        "",
    ),
    (
        "ready while waiting to restore",
        '    ("waiting to restore", {State.ASSIGNED}),\n',
        "",
    ),
    (
        "not ready answers 200",
        "status = HTTPStatus.OK if verdict.ok else HTTPStatus.SERVICE_UNAVAILABLE",
        "status = HTTPStatus.OK",
    ),
)
