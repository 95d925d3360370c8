"""Mutants of the worker's turn."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_TESTS = (
    "tests/replay/test_doubt.py",
    "tests/replay/test_turns.py",
    "tests/replay/test_worker.py",
    "tests/replay/test_recovery.py",
    "tests/replay/test_lives.py",
)

WORKER = mutants_of(
    "stream/worker.py",
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
        "a log that is away is not shown",
        "            self._observer.log_unavailable(str(error))\n"
        '            _log.warning("log unavailable", reason=str(error))\n'
        "            self._recover",
        '            _log.warning("log unavailable", reason=str(error))\n            self._recover',
    ),
    (
        "a state ahead of the log goes on after the log was away",
        "            self._recover_what_is_ahead(str(error))\n            self._failures += 1\n",
        "            self._failures += 1\n",
        "a log that is away between a step and the end of its commit leaves doubt, and that is "
        "handled before this; the call guards whatever may come to lie between them",
    ),
    (
        "records are read while a commit is in doubt",
        "positions = {} if self._in_doubt else self.lifecycle.positions()",
        "positions = self.lifecycle.positions()",
        "what is read waits in the inboxes, within their bound, until steps are taken again",
    ),
    (
        "no pause while the log is away",
        "            self._clock.wait(_pause_s(self._failures), stop)\n",
        "",
    ),
    (
        "a pause after one failure is as long as after many",
        "_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if",
        "_BACKOFF_S[0] if",
    ),
    (
        "the pause runs off its table",
        "_BACKOFF_S[min(failures, len(_BACKOFF_S)) - 1] if",
        "_BACKOFF_S[failures - 1] if",
    ),
    ("the first doubt costs a pause", " if failures else 0.0", ""),
    (
        "pauses go on growing after the log has answered",
        "            if not self._in_doubt:\n                self._failures = 0\n",
        "            pass\n",
    ),
    (
        "pauses of reopening do not grow",
        "            if not self._in_doubt:\n                self._failures = 0\n",
        "            self._failures = 0\n",
    ),
    ("pauses of doubt do not grow", "        self._doubts += 1\n", ""),
    (
        "pauses of doubt go on growing after a commit",
        "            self._doubts = 0\n            seconds",
        "            seconds",
    ),
    (
        "the loop's turn is not shown",
        "        self._observer.tick()\n        self._reopen",
        "        self._reopen",
    ),
    ("a transaction in doubt is never settled", "        self._reopen_if_due()\n", ""),
    (
        "steps are taken while a commit is in doubt",
        "        if not self._in_doubt:\n            self._step_and_commit()",
        "        if True:\n            self._step_and_commit()",
    ),
    ("lag never set", "            self._show_lags(now)\n", ""),
    ("lag set at every turn", "        if now - self._lags_at >= _LAGS_S:", "        if True:"),
    (
        "no checkpoint at its interval",
        "        self._checkpoints.write_due(self.lifecycle, now)\n",
        "",
    ),
    ("nobody looks for what stands still", "        self._watchdog.look()\n", ""),
    ("a log that answers is not shown", "        self._observer.log_available()\n", ""),
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
        "                self._fail(source.partition, error)\n        for batch",
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
        "            except Exception as error:\n                self._fail(batch.source.partition, error)",
        "            except OSError as error:\n                self._fail(batch.source.partition, error)",
    ),
    (
        "a step that raises takes all down",
        "        except Exception as error:\n            self._fail(number, error)\n            return None",
        "        except OSError as error:\n            self._fail(number, error)\n            return None",
    ),
    ("changed settings never come into force", "self._settings_step(live) or ", ""),
    ("a change of settings goes on for ever", "        live.settings = new\n", ""),
    (
        "changed settings leave the task as it was",
        "        live.task = self._builds.change(live.task, live.settings, new)\n",
        "",
    ),
    (
        "one topic waits for the other without end",
        "waited = live.blocked_since is not None and now - live.blocked_since >= self._wait_s",
        "waited = False",
    ),
    (
        "one topic does not wait for the other",
        "now - live.blocked_since >= self._wait_s",
        "now - live.blocked_since < self._wait_s",
    ),
    (
        "the wait goes on where the last one ended",
        "        if not waits or step is not None:",
        "        if not waits:",
    ),
    (
        "the wait begins anew each turn",
        "        elif live.blocked_since is None:",
        "        else:",
    ),
    (
        "a topic of which nothing is known is not waited for",
        "return lag is None or lag.readable > 0",
        "return lag is not None and lag.readable > 0",
    ),
    (
        "records in an open transaction are waited for",
        "return lag is None or lag.readable > 0",
        "return lag is None or lag.written > 0",
    ),
    (
        "the note's step is one too low",
        "                    step.entry.step + 1, live.task.life",
        "                    step.entry.step, live.task.life",
    ),
    (
        "the note does not name the topic",
        'live.topic_ids.get(source.topic, "")',
        '""',
    ),
    (
        "the note does not name the life",
        "step.entry.step + 1, live.task.life,",
        'step.entry.step + 1, "",',
    ),
    (
        "a commit follows whatever there is",
        "                follows[source] = live.committed[source]\n",
        "                follows[source] = self._log.committed([source])[source]\n",
    ),
    (
        "a commit that could not begin is not in doubt",
        "            # The steps have run, their outputs are not committed: going on would lose them.\n"
        "            raise CommitUncertainError(str(error)) from error",
        "            raise",
    ),
    (
        "a commit that could not end is not in doubt",
        "                written = wait()\n"
        "            except LogUnavailableError as error:\n"
        "                raise CommitUncertainError(str(error)) from error",
        "                written = wait()\n            except LogUnavailableError as error:\n                raise",
    ),
    (
        "what was committed is not kept",
        "                live.committed = {source: offsets[source] for source in step.offsets}\n",
        "",
    ),
    (
        "a committed step still counts as ahead",
        "                live.committed_steps = step.entry.step + 1\n",
        "",
    ),
    (
        "the place in the journal is one too low",
        "live.journal_offset = written[step.outputs[-1].target] + 1",
        "live.journal_offset = written[step.outputs[-1].target]",
    ),
    ("a step is not shown", "                self._observer.step(step.report, seconds)\n", ""),
    ("a commit is not counted", "            self._observer.committed(seconds)\n", ""),
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
    ("uncertain commits not counted", "        self._observer.uncertain()\n", ""),
    ("a commit in doubt leaves no doubt", "        self._in_doubt = True\n", ""),
    (
        "a state ahead of the log goes on after doubt",
        "        self._in_doubt = True\n        self._recover_what_is_ahead(str(error))\n",
        "        self._in_doubt = True\n",
    ),
    (
        "a doubtful transaction is looked at without a pause",
        "if not self._in_doubt or self._clock.monotonic() < self._reopen_at:",
        "if not self._in_doubt:",
    ),
    (
        "a log that is away ends the worker in doubt",
        "            self._log.reopen()\n        except LogUnavailableError as error:",
        "            self._log.reopen()\n        except StoreUnavailableError as error:",
    ),
    (
        "a log that cannot be reopened is not shown",
        "            self._observer.log_unavailable(str(error))\n"
        '            _log.warning("log unavailable", reason=str(error), tried',
        '            _log.warning("log unavailable", reason=str(error), tried',
    ),
    ("doubt never ends", "            self._in_doubt = False\n", "            pass\n"),
    (
        "a doubtful commit sends back those that had no part in it",
        "            if live.is_ahead:\n",
        "            if True:\n",
    ),
    (
        "any number of partitions is restored at a time",
        "_RESTORING_MAX - len(self.lifecycle.at(State.RESTORING))",
        "10**9",
    ),
    (
        "a signal to stop does not end a replay",
        "            if stop is not None and stop.is_set():\n                return\n",
        "",
    ),
    (
        "each restoration is the first",
        "            partition.attempts,\n        )",
        "            0,\n        )",
    ),
    (
        "a slice is long while others work",
        "slice_s = _SLICE_S if self.lifecycle.running() else _SLICE_ALONE_S",
        "slice_s = _SLICE_ALONE_S",
    ),
    (
        "an interrupted replay leaves no checkpoint",
        "            self._checkpoints.write(partition)\n            self._fail",
        "            self._fail",
    ),
    (
        "fencing in a restoration is a failure of the partition",
        "        except FencedError:\n            raise\n        except Exception as error:\n"
        "            self._fail(partition.number, error)",
        "        except Exception as error:\n            self._fail(partition.number, error)",
    ),
    (
        "a restoration that raises takes all down",
        "        except FencedError:\n            raise\n        except Exception as error:",
        "        except DriftgateError as error:",
    ),
    (
        "a long replay looks like a loop that stands",
        "        self._observer.tick()\n        now, restoration",
        "        now, restoration",
    ),
    ("a restored partition is not shown", "        self._observer.restored(restored)\n", ""),
    (
        "leaving writes no checkpoint",
        "        self._checkpoint_all([p.number for p in self.lifecycle.at(*RUNNING, State.RESTORING)])\n",
        "",
    ),
    (
        "leaving keeps partitions until the log is closed",
        "        for partition in self.lifecycle.at(*State):\n"
        "            self.lifecycle.release(partition.number)\n        self._checkpoints.close",
        "        self._checkpoints.close",
    ),
    ("leaving leaves the writer behind", "        self._checkpoints.close(_CLOSE_S)\n", ""),
    ("leaving keeps the log", "        self._log.close(_CLOSE_S)\n", ""),
    ("joining is not shown", "        self._observer.joined()\n", ""),
    (
        "a partition that is given anew goes on from memory",
        '                self.lifecycle.recover(number, "assigned again")\n',
        "                pass\n",
    ),
    (
        "a partition is handed over without a checkpoint",
        "        self._checkpoint_all(numbers)\n",
        "",
    ),
    ("handing over is not shown", "            self.lifecycle.revoke(number)\n", ""),
    (
        "a partition that was handed over stays",
        "            self.lifecycle.revoke(number)\n            self.lifecycle.release(number)\n",
        "            self.lifecycle.revoke(number)\n",
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
        "[p for p in partitions if p.number in numbers]",
        "partitions",
    ),
)
