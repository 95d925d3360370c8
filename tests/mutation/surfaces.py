"""Mutants of what an operator sees: metrics, probes, the watchdog."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

OBSERVER = mutants_of(
    "stream/observer.py",
    ("tests/stream/test_observer.py", "tests/stream/test_metrics.py"),
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
        "            self._metrics.partition_assigned(number, self._watchers)\n",
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
        '        self._metrics.set_available("log", False)\n',
        "",
    ),
    (
        "a worker whose log is away is ready",
        '        self._health.trouble("log", f"the log does not answer: {reason}")\n',
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
        "a store that is away answers",
        '        self._metrics.set_available("store", False)\n',
        "",
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
    "stream/server.py",
    ("tests/stream/test_server.py",),
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
        "            if s.state is State.FAILED\n",
        "            if False\n",
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

WATCHDOG = mutants_of(
    "stream/watchdog.py",
    ("tests/stream/test_watchdog.py", "tests/stream/test_watchdog_markers.py"),
    (
        "it looks at each turn",
        "        if now - self._looked_at < LOOK_S:\n            return\n",
        "",
    ),
    (
        "it looks once",
        "        if now - self._looked_at < LOOK_S:",
        "        if now - self._looked_at >= LOOK_S:",
    ),
    (
        "a log that is away ends the worker",
        "        except LogUnavailableError as error:",
        "        except KeyError as error:",
    ),
    (
        "a trouble is logged at each look",
        "            if trouble not in self._troubles:\n",
        "            if True:\n",
    ),
    ("a trouble is not shown", "        self._observer.troubles(troubles)\n", ""),
    (
        "a position that has moved stands still",
        "            if position != last:",
        "            if position < last:",
    ),
    (
        "remedies are not forgotten when records come",
        "                self._remedies.pop(source, None)\n",
        "",
    ),
    (
        "it says so at once",
        "            elif now - since >= STALL_S:",
        "            else:",
    ),
    (
        "an open transaction gets remedies",
        '            yield f"{where}: nothing can be read for {still_s:.0f} s: {open_now}"\n            return\n',
        '            yield f"{where}: nothing can be read for {still_s:.0f} s: {open_now}"\n            first = end = 0\n',
    ),
    (
        "the end of a partition is waited for",
        "        if position < first or not self._holds_records(source, position, end):\n            return\n",
        "",
    ),
    (
        "markers are waited for",
        "        if position < first or not self._holds_records(source, position, end):",
        "        if position < first:",
    ),
    (
        "a remedy at each look",
        "        if tried >= due:\n            return\n",
        "",
    ),
    (
        "it never gives up",
        "        if tried + 1 >= _EXIT_AFTER:",
        "        if False:",
    ),
    (
        "it gives up at once",
        "        if tried + 1 >= _EXIT_AFTER:",
        "        if True:",
    ),
    (
        "rejoining comes first",
        "        if tried == 0:\n            self._log.refetch",
        "        if tried != 0:\n            self._log.refetch",
    ),
    (
        "a transaction that is younger than its timeout hangs",
        "                    if age_s > 2 * timeout_s:",
        "                    if True:",
    ),
    (
        "outputs that are held are not named",
        "                    if age_s > 2 * timeout_s:",
        "                    if False:",
    ),
    ("uneven topics are not named", "        if few:\n", "        if False:\n"),
    (
        "even topics are named",
        "if count < most)",
        "if count <= most)",
    ),
)
