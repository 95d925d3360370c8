"""Mutants of steps and their commits, and of bringing partitions back."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_TESTS = (
    "tests/replay/test_doubt.py",
    "tests/replay/test_turns.py",
    "tests/replay/test_worker.py",
    "tests/replay/test_recovery.py",
    "tests/replay/test_lives.py",
)

STEPPING = mutants_of(
    "stream/worker/stepping.py",
    _TESTS,
    (
        "a step that raises takes all down",
        "        except Exception as error:\n            self._failures.stop(number, error)",
        "        except OSError as error:\n            self._failures.stop(number, error)",
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
        "StepNote(step.entry.step + 1,",
        "StepNote(step.entry.step,",
    ),
    ("the note does not name the topic", 'live.topic_ids.get(topic, "")', '""'),
    (
        "the note does not name the life",
        "step.entry.step + 1, live.task.life,",
        'step.entry.step + 1, "",',
    ),
    (
        "a commit follows whatever there is",
        "source: live.committed[source] for live, step",
        "source: self._log.committed([source])[source] for live, step",
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
        "            except _NOT_COMMITTED as error:\n"
        "                raise CommitUncertainError(str(error)) from error",
        "                written = wait()\n            except _NOT_COMMITTED as error:\n                raise",
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
    (
        "a partition that works has failed as often as before",
        "                self._lifecycle.has_worked(live.task.partition)\n",
        "",
    ),
    ("a step is not shown", "                self._observer.step(step.report, seconds)\n", ""),
    ("pauses of doubt go on growing after a commit", "            self._doubts.committed()\n", ""),
    ("a commit is no answer of the log", "            self._availability.answered()\n", ""),
    ("a commit is not counted", "            self._observer.committed(seconds)\n", ""),
)

RESTORER = mutants_of(
    "stream/worker/restorer.py",
    ("tests/stream/worker/test_restorer.py", *_TESTS),
    (
        "any number of partitions is restored at a time",
        "_RESTORING_MAX - len(self._lifecycle.at(State.RESTORING))",
        "10**9",
    ),
    (
        "a signal to stop does not end a replay",
        "            if stop is not None and stop.is_set():\n                return\n",
        "",
    ),
    (
        "a turn of slices has no end",
        "            if self._clock.monotonic() >= until:\n                return\n",
        "",
    ),
    (
        "the same partition comes first in each turn",
        "            self._last = partition.number\n",
        "",
    ),
    (
        "partitions before the last one have no turn",
        "later + [partition for partition in restoring if partition.number <= self._last]",
        "later",
    ),
    (
        "a slice is long while others work",
        "slice_s = _SLICE_S if self._lifecycle.running() else _SLICE_ALONE_S",
        "slice_s = _SLICE_ALONE_S",
    ),
    (
        "an interrupted replay leaves no checkpoint",
        "            self._checkpoints.write(partition)\n",
        "",
    ),
    (
        "fencing in a restoration is a failure of the partition",
        "        except FencedError:\n            raise\n        except Exception",
        "        except Exception",
    ),
    (
        "a restoration that raises takes all down",
        "        except FencedError:\n            raise\n        except Exception as error:",
        "        except OSError as error:",
    ),
    ("a long replay looks like a loop that stands", "        self._observer.tick()\n", ""),
    ("a restored partition is not shown", "        self._observer.restored(restored)\n", ""),
    (
        "a restored partition does not say that the log is back",
        "        self._failures.restored()\n",
        "",
    ),
)
