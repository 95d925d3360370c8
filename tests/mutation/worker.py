"""Mutants of the worker's turn."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_TESTS = (
    "tests/replay/test_doubt.py",
    "tests/replay/test_turns.py",
    "tests/replay/test_worker.py",
    "tests/replay/test_recovery.py",
    "tests/replay/test_lives.py",
    "tests/replay/test_surfaces.py",
)

WORKER = mutants_of(
    "stream/worker/worker.py",
    _TESTS,
    (
        "the last error path no longer drops what is live",
        "            # which leaving the group would do.\n            self._drop_all()\n",
        "            # which leaving the group would do.\n",
    ),
    (
        "a fenced worker keeps what is live",
        "            self._observer.fenced(str(error))\n            self._drop_all()\n",
        "            self._observer.fenced(str(error))\n",
    ),
    ("fencing is not shown", "            self._observer.fenced(str(error))\n", ""),
    (
        "an overtaken commit is taken for a defect",
        "except (CommitUncertainError, OvertakenError) as error",
        "except CommitUncertainError as error",
    ),
    (
        "a state ahead of the log goes on after doubt",
        "            self._recover_what_is_ahead(str(error))\n            self._doubts.begin(error)\n",
        "            self._doubts.begin(error)\n",
    ),
    (
        "a refused output leaves its partition running",
        "            self._failures.stop(error.partition, error)\n",
        "",
    ),
    (
        "after a refused output states that are ahead go on",
        '            self._recover_what_is_ahead("an output of another partition was refused")\n',
        "",
    ),
    (
        "after a refused output the producer is used again",
        "            self._doubts.refused()\n",
        "",
    ),
    ("a commit in doubt leaves no doubt", "            self._doubts.begin(error)\n", ""),
    ("a log that is away is not shown", "            self._availability.unanswered(error)\n", ""),
    (
        "a state ahead of the log goes on after the log was away",
        "            self._recover_what_is_ahead(str(error))\n            self._lags",
        "            self._lags",
        "a log that is away between a step and the end of its commit leaves doubt, and that is handled before this; the call guards whatever may come to lie between them",
    ),
    (
        "lags stand still while the log is away",
        "            self._lags.show_if_due()\n            self._clock",
        "            self._clock",
    ),
    (
        "no pause while the log is away",
        "            self._clock.wait(BACKOFF_S[min(self._silences, len(BACKOFF_S) - 1)], stop)\n",
        "",
    ),
    (
        "a pause after one failure is as long as after many",
        "BACKOFF_S[min(self._silences, len(BACKOFF_S) - 1)]",
        "BACKOFF_S[0]",
    ),
    (
        "the pause runs off its table",
        "BACKOFF_S[min(self._silences, len(BACKOFF_S) - 1)]",
        "BACKOFF_S[self._silences]",
    ),
    (
        "pauses go on growing after the log has answered",
        "            self._silences = 0\n",
        "            pass\n",
    ),
    (
        "the loop's turn is not shown",
        "        self._observer.tick()\n        self._doubts",
        "        self._doubts",
    ),
    ("a transaction in doubt is never settled", "        self._doubts.settle_if_due()\n", ""),
    (
        "records are read while a commit is in doubt",
        "positions = {} if self._doubts.is_open else self.lifecycle.positions()",
        "positions = self.lifecycle.positions()",
        "what is read waits in the inboxes, within their bound, until steps are taken again",
    ),
    (
        "steps are taken while a commit is in doubt",
        "        if not self._doubts.is_open:\n            self._stepping",
        "        if True:\n            self._stepping",
    ),
    (
        "lag never set",
        "            self._hold_back(partition)\n        self._lags.show_if_due()\n",
        "            self._hold_back(partition)\n",
    ),
    (
        "no checkpoint at its interval",
        "        self._checkpoints.write_due(self.lifecycle, self._clock.monotonic())\n",
        "",
    ),
    (
        "nobody looks for what stands still",
        "            self._stop_made_anew(self._watchdog.look())\n",
        "            pass\n",
    ),
    (
        "the watchdog knows of no poll",
        "            self._watchdog.polled(is_full=count >= records_max)\n",
        "",
    ),
    ("a full poll has room to spare", "is_full=count >= records_max", "is_full=False"),
    (
        "a log that answers is not shown",
        "        self._availability.answered()\n        for number",
        "        for number",
    ),
    (
        "a poll waits although a partition is to be restored",
        "        if self.lifecycle.at(State.RESTORING) or self.lifecycle.due():\n            return 0.0\n",
        "",
    ),
    (
        "a poll waits for long although one topic waits for the other",
        "return _BLOCKED_POLL_S if is_blocked else _POLL_S",
        "return _POLL_S",
    ),
    (
        "an identity that is the same again passes for proof",
        "            live.proven = None  # stays so when the next line raises\n",
        "            pass\n",
    ),
    (
        "what is committed is not compared",
        "            if found == live.committed:",
        "            if True:",
    ),
    (
        "a new proof is not kept",
        "                live.proven = identity\n                continue",
        "                continue",
    ),
    ("an overtaken state is not counted", "            self._observer.overtaken()\n", ""),
    (
        "an overtaken state goes on",
        "            self._observer.overtaken()\n            self.lifecycle.recover(number, reason)\n",
        "            self._observer.overtaken()\n",
    ),
    (
        "a partition that cannot be read stays live",
        "                self._failures.stop(source.partition, error)\n        for batch",
        "                pass\n        for batch",
    ),
    (
        "a partition fails once for each of its topics",
        "            if source.partition in self.lifecycle.running():\n",
        "            if source.partition in self.lifecycle:\n",
    ),
    (
        "records come twice into an inbox",
        "            if live is None or live.task.wanted.get(batch.source, -1) > batch.offsets[0]:",
        "            if live is None:",
    ),
    (
        "records of the right offset are passed by",
        "live.task.wanted.get(batch.source, -1) > batch.offsets[0]",
        "live.task.wanted.get(batch.source, -1) >= batch.offsets[0]",
    ),
    (
        "a batch that a reader chokes on takes all down",
        "            except Exception as error:\n                self._failures.stop(batch",
        "            except OSError as error:\n                self._failures.stop(batch",
    ),
    (
        "inbox never held back",
        "full = {source for source in task.offsets if task.waiting(source.topic) >= bound}",
        "full: set[TopicPartition] = set()",
    ),
    (
        "an inbox that was held back stays so",
        "        if full != partition.full:",
        "        if full > partition.full:",
    ),
    (
        "caught up while a partition is not live",
        "if not running or len(running) != len(self.lifecycle.statuses):",
        "if not running:",
    ),
    (
        "caught up before the log was asked",
        "        if not all(live.is_polled for live in running.values()):",
        "        if False:",
    ),
    (
        "a doubtful commit sends back those that had no part in it",
        "            if live.is_ahead:\n",
        "            if True:\n",
    ),
    (
        "each restoration is the first",
        "                partition.attempts,\n",
        "                0,\n",
    ),
    (
        "leaving writes no checkpoint",
        "        self._checkpoints.write_all(self.lifecycle.at(*RUNNING, State.RESTORING), _CLOSE_S)\n",
        "",
    ),
    (
        "leaving keeps partitions until the log is closed",
        "        self._drop_all()\n        self._checkpoints.close",
        "        self._checkpoints.close",
    ),
    ("leaving leaves the writer behind", "        self._checkpoints.close(0.0)\n", ""),
    ("leaving keeps the log", "        self._log.close(_CLOSE_S)\n", ""),
    ("joining is not shown", "        self._observer.joined()\n", ""),
    (
        "a partition that is given anew goes on from memory",
        '                self.lifecycle.recover(number, "assigned again")\n',
        "                pass\n",
    ),
    (
        "a partition is handed over without a checkpoint",
        "        self._checkpoints.write_all(durable, self._config.revoke_budget_s)\n",
        "",
    ),
    (
        "handing over is not shown",
        "            self.lifecycle.revoke(number)\n",
        "            pass\n",
    ),
    (
        "a partition that was handed over stays",
        "        for number in numbers:\n            self.lifecycle.release(number)\n\n    def lost",
        "\n    def lost",
    ),
    (
        "a partition that was lost stays",
        "        for number in self._known(partitions):\n            self.lifecycle.release(number)\n",
        "        self._known(partitions)\n",
    ),
    (
        "a partition that is not held is handed over",
        "        return [number for number in numbers if number in self.lifecycle]",
        "        return numbers",
    ),
    (
        "one partition is handed over, all are written",
        "durable = [p for p in self.lifecycle.at(*RUNNING, State.RESTORING) if p.number in numbers]",
        "durable = self.lifecycle.at(*RUNNING, State.RESTORING)",
    ),
)
