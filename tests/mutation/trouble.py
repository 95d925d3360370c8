"""Mutants of what goes wrong: doubt, failures, lag."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_TESTS = (
    "tests/replay/test_doubt.py",
    "tests/replay/test_turns.py",
    "tests/replay/test_worker.py",
    "tests/replay/test_recovery.py",
    "tests/replay/test_lives.py",
)

DOUBTS = mutants_of(
    "stream/worker/doubts.py",
    ("tests/stream/worker/test_doubts.py", *_TESTS),
    ("uncertain commits not counted", "        self._observer.uncertain()\n", ""),
    (
        "doubt is not kept",
        "        self.is_open = True\n        self._show",
        "        self._show",
    ),
    (
        "after a refusal the log is not opened anew",
        "        self.is_open = True  # and no pause is on: nothing is committed during one\n",
        "        pass\n",
    ),
    (
        "a doubtful transaction is looked at without a pause",
        "if not self.is_open or self._clock.monotonic() < self._open_at:",
        "if not self.is_open:",
    ),
    (
        "a log that is away ends the worker in doubt",
        "        except LogUnavailableError as error:",
        "        except OSError as error:",
    ),
    (
        "a log that cannot be reopened is not shown",
        "            self._availability.unanswered(error)\n",
        "",
    ),
    ("a log that was reopened has not answered", "            self._availability.answered()\n", ""),
    (
        "commits that fail are not shown",
        "        if lasts_s > _LASTING_S:\n",
        "        if False:\n",
    ),
    ("doubt never ends", "            self.is_open = False\n", "            pass\n"),
    (
        "the first doubt costs a pause",
        "pauses_s = (0.0, *BACKOFF_S)",
        "pauses_s = (*BACKOFF_S, BACKOFF_S[-1])",
    ),
    ("pauses of doubt do not grow", "        self.count += 1\n", ""),
    (
        "doubts of long ago make the pause longer",
        'first one."""\n        self.count = 0\n',
        'first one."""\n',
    ),
    (
        "a log that is away is reopened at every turn",
        "            self._pause()\n            self._availability",
        "            self._availability",
    ),
    (
        "the pause runs off its table",
        "pauses_s[min(self.count, len(BACKOFF_S))]",
        "pauses_s[self.count]",
    ),
)

FAILURES = mutants_of(
    "stream/worker/failures.py",
    ("tests/stream/worker/test_failures.py", *_TESTS),
    (
        "what cannot be mended is tried again",
        "retry = is_known and not isinstance(error, ModelError | InvariantError)",
        "retry = is_known",
    ),
    (
        "a defect is tried again",
        "retry = is_known and not isinstance(error, ModelError | InvariantError)",
        "retry = not isinstance(error, ModelError | InvariantError)",
    ),
    (
        "a log that is away ends the worker",
        "        if self._exits and not waits:",
        "        if self._exits:",
    ),
    (
        "a failure never ends the worker",
        "        if self._exits and not waits:",
        "        if False:",
    ),
    (
        "a store that is away is not shown",
        "            self._observer.store_unavailable(reason)\n",
        "            pass\n",
    ),
    (
        "what was mended long ago silences what is new",
        "if partition.attempts == 1 and trouble != _ALL_WAIT:",
        "if False:",
    ),
    (
        "partitions that wait for the log each say so",
        "    if remote and not isinstance(error, LogUnsettledError):\n",
        "    if False:\n",
    ),
    (
        "a partition that is not settled is silenced by others",
        "    if remote and not isinstance(error, LogUnsettledError):\n",
        "    if remote:\n",
    ),
    (
        "a restored partition ends no trouble",
        "        self._warnings.over(_ALL_WAIT)\n",
        "        pass\n",
    ),
)

LAGS = mutants_of(
    "stream/worker/lags.py",
    ("tests/replay/test_surfaces.py", *_TESTS),
    ("lag set at every turn", "        if now - self._shown_at < _EVERY_S:", "        if False:"),
    (
        "the age of a partition without events is the beginning of time",
        "None if newest_ms == BEGINNING else newest_ms",
        "newest_ms",
    ),
    (
        "what waits in the inbox is no lag",
        "beyond and Lag(beyond.readable + waiting, beyond.written + waiting)",
        "beyond",
    ),
    (
        "a log that is away has the lag it had",
        "        if self._availability.is_away:",
        "        if False:",
    ),
    (
        "a partition that does not run falls behind unseen",
        "            if status.idle_since is not None:\n",
        "            if False:\n",
    ),
)
