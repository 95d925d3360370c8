"""Mutants of how a state becomes durable."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

CHECKPOINTS = mutants_of(
    "stream/worker/checkpoints.py",
    (
        "tests/stream/worker/test_checkpoints.py",
        "tests/replay/test_worker.py",
        "tests/replay/test_recovery.py",
    ),
    (
        "a checkpoint at every turn",
        "                holder.checkpointed_at = now\n",
        "",
    ),
    (
        "a checkpoint a turn late",
        "now - holder.checkpointed_at >= self._interval_s:",
        "now - holder.checkpointed_at > self._interval_s:",
    ),
    (
        "no checkpoint along a replay",
        "        for partition in lifecycle.at(*RUNNING, State.RESTORING):\n            holder",
        "        for partition in lifecycle.at(*RUNNING):\n            holder",
    ),
    (
        "what became of checkpoints is not noted",
        "                self.write(partition)\n        self._note(lifecycle)\n",
        "                self.write(partition)\n",
    ),
    (
        "a first state gets a checkpoint",
        "        if task.steps in (0, durable):",
        "        if task.steps == durable:",
    ),
    (
        "a state that has not moved is written again",
        "        if task.steps in (0, durable):",
        "        if task.steps == 0:",
    ),
    (
        "a model that cannot be written ends the worker",
        "        except SnapshotUnavailableError as error:\n            _log.info",
        "        except KeyError as error:\n            _log.info",
    ),
    ("a checkpoint changes with the state", "            ).copied()\n", "            )\n"),
    (
        "a checkpoint does not name the life",
        "                task.life,\n",
        '                "",\n',
    ),
    (
        "a checkpoint does not hold the settings",
        "                settings,\n            )",
        '                "",\n            )',
    ),
    (
        "a state whose last checkpoint is being written is not handed over",
        "            for partition in busy:\n                self.write(partition)\n",
        "            pass\n",
    ),
    (
        "a busy writer is not waited for",
        "        if busy and self._writer.wait([p.number for p in busy], budget_s / 2):",
        "        if busy:",
    ),
    (
        "handing over does not wait for its checkpoints",
        "        if not self._writer.wait(numbers, budget_s / 2):",
        "        if False:",
    ),
    (
        "what was written before a handing over is written again",
        "            self._note_durable(partitions)\n            for partition",
        "            for partition",
    ),
    (
        "a checkpoint of a handing over is not shown",
        "partitions=numbers, budget_s=budget_s)\n        self._note_durable(partitions)\n",
        "partitions=numbers, budget_s=budget_s)\n",
    ),
    ("the writer is left behind", "        self._writer.close(timeout_s)\n", "        pass\n"),
    (
        "how long writing takes is not shown",
        "        self._observer.checkpoints_under_way(self._writer.writing())\n",
        "",
    ),
    (
        "a checkpoint that failed is not shown",
        "                self._observer.checkpoint_failed(written.partition, str(written.error))\n",
        "",
    ),
    (
        "a checkpoint that failed counts as durable",
        "                )\n                continue\n",
        "                )\n",
    ),
    (
        "a checkpoint is not shown",
        "            self._observer.checkpointed(written.partition, written.size_bytes, written.seconds)\n",
        "",
    ),
    (
        "what is durable is not noted",
        "                    holder.checkpointed_steps = written.steps\n",
        "                    pass\n",
    ),
    (
        "a checkpoint of a partition that has left is an error",
        "            if written.partition in by_number:\n",
        "            if True:\n",
    ),
    (
        "a state ahead of the log is written",
        "    if live is not None and not live.is_ahead:",
        "    if live is not None:",
    ),
    (
        "a state that is being restored is not written",
        "    if restoration is not None and restoration.task is not None:",
        "    if False:",
    ),
    (
        "a restoration that has not begun is an error",
        "    if restoration is not None and restoration.task is not None:",
        "    if restoration is not None:",
    ),
)

STORE = mutants_of(
    "stream/checkpoint/store.py",
    ("tests/stream/checkpoint/test_store.py",),
    (
        "read-back of a checkpoint unverified",
        "            if self._files.read(temporary) != data:",
        "            if False:",
    ),
    (
        "written in place",
        '        temporary = f"{path}.{uuid4().hex}.tmp"\n',
        "        temporary = path\n",
    ),
    (
        "two processes share a temporary object",
        '        temporary = f"{path}.{uuid4().hex}.tmp"\n',
        '        temporary = f"{path}.tmp"\n',
    ),
    ("nothing is pruned", "        self._prune(checkpoint.partition, stored)\n", ""),
    (
        "one too many is kept",
        "older[self._keep - 1 :]",
        "older[self._keep :]",
    ),
    (
        "what is of another life pushes out the new ones",
        "if stored.steps < written.steps]",
        "if stored.steps != written.steps]",
    ),
    (
        "the newest are pruned",
        "key=lambda stored: stored.steps, reverse=True)",
        "key=lambda stored: stored.steps)",
    ),
    (
        "objects under way are pruned",
        "self._now() - self._files.modified(path) > _TEMPORARY_AGE_S",
        "True",
    ),
    (
        "left-over objects stay for ever",
        "[*superfluous, *filter(self._given_up, entries)]",
        "superfluous",
    ),
    (
        "a checkpoint is a left-over object",
        '        if not path.endswith(".tmp"):\n            return False\n',
        "",
    ),
    (
        "an object of which nobody knows the age stops pruning",
        "        except StoreUnavailableError:  # its writer has just finished it; else, the next time\n"
        "            return False",
        "        except KeyError:\n            return False",
    ),
    (
        "a temporary object that failed stays",
        "            with suppress(Exception):  # what is left over takes space, and may be why\n"
        "                self._files.remove(temporary)\n            raise",
        "            raise",
    ),
    (
        "a folder that cannot be listed after a write fails the write",
        "        except StoreUnavailableError as error:\n"
        '            _log.warning("checkpoints not pruned"',
        '        except KeyError as error:\n            _log.warning("checkpoints not pruned"',
    ),
    (
        "a checkpoint that cannot be removed fails the write",
        "            except StoreUnavailableError as error:\n"
        '                _log.warning("checkpoint not pruned"',
        "            except KeyError as error:\n"
        '                _log.warning("checkpoint not pruned"',
    ),
    (
        "a link that leads nowhere may be back later",
        "            if isinstance(error.__cause__, FileNotFoundError | IsADirectoryError):\n"
        "                raise CheckpointError(str(error)) from error\n",
        "",
    ),
    (
        "removing begins with the newest",
        "for path in sorted(paths):",
        "for path in sorted(paths, reverse=True):",
    ),
    (
        "one that is gone ends the removal of the others",
        'with self._answering("be removed", path), suppress(FileNotFoundError):',
        'with self._answering("be removed", path):',
    ),
    (
        "anything in the folder is a checkpoint",
        '_NAME = re.compile(r"(\\d{15,})\\.checkpoint")',
        '_NAME = re.compile(r"(\\d{15,})\\.checkpoint.*")',
    ),
    (
        "a filesystem's own error is not translated",
        "        except CheckpointError:\n            raise\n        except Exception as error:",
        "        except CheckpointError:\n            raise\n        except OSError as error:",
    ),
    (
        "the URL's secrets are shown",
        'f"{masked(self._url)}: {self._short(path)} must {what}; "',
        'f"{self._url}: {self._short(path)} must {what}; "',
    ),
)

FILES = mutants_of(
    "stream/checkpoint/files.py",
    ("tests/stream/checkpoint/test_store.py",),
    ("a file is not flushed", "            os.fsync(file.fileno())\n", "            pass\n"),
    (
        "a renamed file's folder is not flushed",
        "        Path(path).replace(to)\n        _flush_folder(Path(to).parent)\n",
        "        Path(path).replace(to)\n",
    ),
    (
        "a new folder's folder is not flushed",
        "        for made in missing:\n            _flush_folder(made.parent)\n",
        "",
    ),
    (
        "a filesystem that flushes no folders will not do",
        "        if error.errno != errno.EINVAL:",
        "        if True:",
    ),
    (
        "a folder that cannot be flushed will do",
        "            raise\n    finally:",
        "            pass\n    finally:",
    ),
    ("a folder's listing is from memory", "        self._filesystem.invalidate_cache()\n", ""),
)

WRITER = mutants_of(
    "stream/checkpoint/writer.py",
    ("tests/stream/checkpoint/test_writer.py",),
    (
        "two checkpoints of a partition at a time",
        "if self._closed or checkpoint.partition in self._since:",
        "if self._closed:",
    ),
    (
        "a closed writer takes more",
        "if self._closed or checkpoint.partition in self._since:",
        "if checkpoint.partition in self._since:",
    ),
    (
        "a thread for each partition",
        "min(self._threads_max, len(self._since))",
        "len(self._since)",
    ),
    (
        "one thread for all",
        "min(self._threads_max, len(self._since))",
        "1",
    ),
    ("the last come first", "self._queue.popleft()", "self._queue.pop()"),
    (
        "what has ended is reported twice",
        "        with self._changed:\n            ended, self._finished = self._finished, []\n",
        "        with self._changed:\n            ended = self._finished\n",
    ),
    (
        "nobody waits",
        "return self._changed.wait_for(lambda: not awaited & self._since.keys(), timeout_s)",
        "return True",
    ),
    (
        "closing waits for nothing",
        "            self._changed.wait_for(lambda: not self._since, timeout_s)\n",
        "",
    ),
    (
        "what is queued at the close is dropped",
        "return self._queue.popleft() if self._queue else None",
        "return self._queue.popleft() if self._queue and not self._closed else None",
    ),
    ("a store that never answers keeps the process", "daemon=True)", "daemon=False)"),
    (
        "a partition is written for ever",
        "                del self._since[checkpoint.partition]\n",
        "",
    ),
    (
        "a defect in writing ends the thread",
        "    except Exception as error:\n        failure = InvariantError",
        "    except KeyError as error:\n        failure = InvariantError",
    ),
    (
        "a failure of the store ends the thread",
        "    except DriftgateError as error:\n        failure = error\n",
        "",
    ),
    (
        "a waiting thread holds a state in memory",
        "            del checkpoint  # a thread that waits must not hold a state in memory\n",
        "",
    ),
)

CHECKPOINT = mutants_of(
    "stream/checkpoint/format.py",
    ("tests/stream/checkpoint/test_format.py", "tests/golden/test_checkpoints.py"),
    (
        "the checksum is not compared",
        "or hashlib.sha256(body).digest() != checksum:",
        "or False:",
    ),
    ("any format is read", "        if found == FORMAT:", "        if True:"),
    ("an array beyond the bytes is read", "    if end > len(payload):", "    if False:"),
    (
        "Python objects are read",
        "    if dtype.hasobject or dtype.itemsize == 0:",
        "    if dtype.itemsize == 0:",
        "no object passes the pattern of plain types before it",
    ),
    (
        "numbers that JSON does not have are written",
        "            assert not isinstance(value, float) or math.isfinite(value), "
        'f"{name} must be finite"\n',
        "",
    ),
    (
        "a copy shares its arrays",
        "name: value.copy() if isinstance(value, np.ndarray) else value",
        "name: value",
    ),
)
