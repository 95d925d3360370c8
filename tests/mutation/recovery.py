"""Mutants of what brings a state back."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_LIVES = ("tests/replay/test_lives.py", "tests/replay/test_recovery.py")

RESTORATION = mutants_of(
    "stream/recovery/restoration.py",
    (
        "tests/stream/recovery/test_restoration.py",
        *_LIVES,
        "tests/replay/test_worker.py",
        "tests/golden/test_checkpoints.py",
        "tests/replay/test_reset.py",
    ),
    (
        "a slice has no end",
        "            if self._clock.monotonic() >= until:\n                return None\n",
        "",
    ),
    (
        "end of replay unchecked",
        "        reached(self.task, position.offsets, position.steps)\n",
        "",
    ),
    (
        "checkpoints of lives that have ended stay",
        "        yield from self._choice.remove_ended()\n",
        "",
    ),
    (
        "states of steps that the log has lost are kept",
        "            yield from self._choice.remove_beyond()\n",
        "            pass\n",
    ),
    (
        "outputs are written behind an open transaction",
        "        yield from self._refuse_open_outputs(parts)\n",
        "",
    ),
    (
        "a partition that some topics lack is restored",
        "        if lacking:\n",
        "        if False:\n",
    ),
    (
        "steps left are not known",
        "        self._target_steps = position.steps\n",
        "",
    ),
    (
        "checkpoints of another life are left beside a beginning",
        "            yield from self._choice.refuse_left_overs()\n",
        "",
    ),
    (
        "a partition that never worked has its journal's beginning",
        "            self.journal_offset = self._log.bounds(journal).end\n",
        "            self.journal_offset = self._log.bounds(journal).first - 1\n",
    ),
    (
        "a state goes on under today's settings, not under its own",
        "        self._settings = checkpoint.settings\n",
        "",
    ),
    (
        "the parts of a state are built under today's settings",
        "        parts = self._builds.parts(self._partition, checkpoint.settings)\n",
        "        parts = self._builds.parts(self._partition)\n",
    ),
    (
        "a state is not restored",
        "        _restore_state(self.task, checkpoint.state, path)\n",
        "",
    ),
    (
        "a replay begins at the journal's beginning",
        "        self.journal_offset = checkpoint.journal_offset\n",
        "        self.journal_offset = self._log.bounds(\n"
        '            TopicPartition(parts.topics["journal"], self._partition)\n'
        "        ).first\n",
    ),
    (
        "a checkpoint that was taken counts as never written",
        "        self._checkpoint, self.checkpointed_steps = path, checkpoint.steps\n",
        "        self._checkpoint = path\n",
    ),
    (
        "the checkpoint that was taken is not shown",
        "        self._checkpoint, self.checkpointed_steps = path, checkpoint.steps\n",
        "        self.checkpointed_steps = checkpoint.steps\n",
    ),
    (
        "a life begins with the journal of the one before",
        "max(bounds.first, life.begin if life is not None else 0)",
        "bounds.first",
    ),
    (
        "a journal that lost its beginning is replayed",
        "if entry is None or entry.step != 0 or entry.begins:",
        "if entry is None or entry.begins:",
    ),
    (
        "a life that began with a model made elsewhere is replayed without it",
        "if entry is None or entry.step != 0 or entry.begins:",
        "if entry is None or entry.step != 0:",
    ),
    (
        "a replay begins at offset 0",
        "offsets = {topic: entry.ranges[topic].first for topic in inputs}",
        "offsets = dict.fromkeys(inputs, 0)",
    ),
    (
        "a replay begins under today's settings",
        "self._settings = yield from self._first_settings(entry, entries)",
        "self._settings = self._builds.settings",
    ),
    (
        "the journal is read though there is nothing to replay",
        "        if self.task.steps == position.steps:\n            return\n        end",
        "        end",
    ),
    (
        "an entry with which a life begins counts as a gap",
        "            if entry.begins and entry.step < self.task.steps:\n",
        "            if False:\n",
    ),
    (
        "gap in the journal unchecked",
        "if entry.step != self.task.steps or not same_life(entry.life, position.life):",
        "if not same_life(entry.life, position.life):",
    ),
    (
        "an entry of another life is replayed",
        "if entry.step != self.task.steps or not same_life(entry.life, position.life):",
        "if entry.step != self.task.steps:",
    ),
    (
        "the place in the journal is one too low after a replay",
        "            self.journal_offset = offset + 1\n",
        "            self.journal_offset = offset\n",
    ),
    (
        "a replay goes on beyond the position",
        "            yield\n            if self.task.steps == position.steps:\n                return\n",
        "            yield\n",
    ),
    (
        "a step of a replay does not end a slice",
        "            self.journal_offset = offset + 1\n            yield\n",
        "            self.journal_offset = offset + 1\n",
    ),
    (
        "the settings of the first step are a change",
        "if entry.settings is not None and all(r.first == r.next for r in entry.ranges.values()):",
        "if entry.settings is not None:",
    ),
    (
        "a change of settings is no step of a replay",
        "            self.task.settings_step(entry.settings)\n",
        "",
    ),
    (
        "a replay changes no settings",
        "                self.task = self._builds.change(self.task, self._settings, entry.settings)\n",
        "",
    ),
    (
        "a replay forgets which settings are in force",
        "                self._settings = entry.settings\n",
        "",
    ),
    (
        "waiting for records does not end a slice",
        "            if count is None:\n                yield\n",
        "            if count is None:\n                pass\n",
    ),
    (
        "replayed records are not counted",
        "                self.replayed_records += count\n",
        "                pass\n",
    ),
    (
        "replayed steps are counted from the first",
        "replayed_steps=position.steps - first_steps,",
        "replayed_steps=position.steps,",
    ),
)

CHOICE = mutants_of(
    "stream/recovery/choice.py",
    (
        "tests/stream/recovery/test_restoration.py",
        "tests/stream/checkpoint/test_reads.py",
        *_LIVES,
        "tests/replay/test_worker.py",
        "tests/golden/test_checkpoints.py",
        "tests/replay/test_reset.py",
    ),
    (
        "a store that hangs is waited for without end",
        "            if waited_s > _ANSWER_S:\n",
        "            if False:\n",
    ),
    (
        "a store that is slow fails at once",
        "            if waited_s > _ANSWER_S:\n",
        "            if True:\n",
    ),
    (
        "all checkpoints are read where none can be used",
        "        if position.steps == 0:\n            return None\n        for path",
        "        for path",
        "a checkpoint has a step at least, so each lies beyond a position without any: they are read "
        "in vain, and refused by the next question",
    ),
    (
        "an older checkpoint is taken as soon as the store is away",
        "if self._attempts < _PATIENCE:",
        "if False:",
    ),
    (
        "a store that is away is waited for without end",
        "if self._attempts < _PATIENCE:",
        "if True:",
    ),
    (
        "a checkpoint that cannot be read stops the partition",
        "            except CheckpointError as error:\n                _log.warning",
        "            except KeyError as error:\n                _log.warning",
    ),
    (
        "a checkpoint of another app or partition is taken",
        "        if found != (self._app, self._partition):",
        "        if False:",
    ),
    (
        "a checkpoint of another app is taken",
        "        if found != (self._app, self._partition):",
        "        if found[1] != self._partition:",
    ),
    (
        "a checkpoint of another life is taken",
        "        if not same_life(checkpoint.life, position.life):",
        "        if False:",
    ),
    (
        "a checkpoint beyond the committed steps is taken",
        "checkpoint.steps > position.steps or any(",
        "any(",
    ),
    (
        "checkpoint taken that is beyond the offsets of one topic",
        "checkpoint.steps > position.steps or any(",
        "checkpoint.steps > position.steps or all(",
    ),
    (
        "a checkpoint at the committed offsets counts as beyond",
        "checkpoint.offsets.get(topic, offset + 1) > offset",
        "checkpoint.offsets.get(topic, offset + 1) >= offset",
    ),
    (
        "a checkpoint without an offset of a topic is taken",
        "checkpoint.offsets.get(topic, offset + 1) > offset",
        "checkpoint.offsets.get(topic, offset) > offset",
    ),
    (
        "a checkpoint of another shape is taken",
        "            self._refuse_other_shape(path, checkpoint)\n",
        "",
    ),
    ("one of a first state stands in the way of a beginning", "if each.steps]", "]"),
    (
        "checkpoints of lives that have ended are not noted",
        "                self._ended.append(path)\n",
        "                pass\n",
    ),
    (
        "checkpoints of a later life are removed",
        "one.begin < other.begin and one.topics == other.topics",
        "one.topics == other.topics",
    ),
    (
        "checkpoints of another log are removed",
        "one.begin < other.begin and one.topics == other.topics",
        "one.begin < other.begin",
    ),
    (
        "a store that cannot remove stops the partition",
        '        except StoreUnavailableError as error:\n            _log.warning("old',
        '        except KeyError as error:\n            _log.warning("old',
    ),
)

POSITION = mutants_of(
    "stream/recovery/position.py",
    ("tests/stream/recovery/test_position.py", *_LIVES, "tests/replay/test_worker.py"),
    (
        "a commit between the two looks is passed by",
        "    if log.committed(sources) != committed:\n",
        "    if False:\n",
    ),
    (
        "other inputs go on with the state",
        "if tail is not None and tail.ranges.keys() != set(inputs):",
        "if False:",
    ),
    (
        "one committed offset of two will do",
        "    if len(found) == len(sources):",
        "    if found:",
    ),
    (
        "lost offsets do not come back",
        "    elif tail is not None:\n        position = _from_journal(committed, ids, partition, tail)\n",
        "",
    ),
    (
        "one offset without the other begins anew",
        "    elif not found:\n",
        "    elif len(found) < len(sources):\n",
    ),
    (
        "records that were removed unread are passed by",
        "    _refuse_trimmed(log, position, partition)\n",
        "",
    ),
    (
        "the first record kept counts as removed",
        "        if offset < first:",
        "        if offset <= first:",
    ),
    (
        "a removed record is passed by",
        "        if offset < first:",
        "        if offset < first - 1:",
    ),
    ("a position beyond the end is taken", "        if offset > end:", "        if False:"),
    (
        "a position at the end counts as beyond",
        "        if offset > end:",
        "        if offset >= end:",
    ),
    (
        "an open transaction stops a partition",
        "        except LogUnsettledError:\n            continue",
        "        except LogUnsettledError:\n            raise",
    ),
    (
        "an end of markers is an empty journal",
        "        if entries or start == bounds.first:",
        "        if True:",
    ),
    (
        "the journal's last entry is not its last",
        "return entries[-1] if entries else None",
        "return entries[0] if entries else None",
    ),
    (
        "the journal's beginning is looked at for ever",
        "        if entries or start == bounds.first:",
        "        if entries:",
    ),
    (
        "a topic that was made anew is taken for the old one",
        "if note.topic and ids[source.topic] and note.topic != ids[source.topic]:",
        "if False:",
    ),
    (
        "a topic of which no id is known counts as made anew",
        "if note.topic and ids[source.topic] and note.topic != ids[source.topic]:",
        "if note.topic != ids[source.topic]:",
    ),
    (
        "offsets of two steps are taken",
        "    if len({(note.steps, note.life) for note in notes.values()}) != 1:",
        "    if False:",
    ),
    (
        "offsets of two lives are taken",
        "    if len({(note.steps, note.life) for note in notes.values()}) != 1:",
        "    if len({note.steps for note in notes.values()}) != 1:",
    ),
    (
        "offsets that differ from the journal are taken",
        "if tail is not None and (tail.step + 1 != note.steps or not same_life(tail.life, note.life)):",
        "if tail is not None and not same_life(tail.life, note.life):",
    ),
    (
        "offsets of another life than the journal's are taken",
        "if tail is not None and (tail.step + 1 != note.steps or not same_life(tail.life, note.life)):",
        "if tail is not None and tail.step + 1 != note.steps:",
    ),
    (
        "offsets on other topics are taken",
        "    _refuse_other_topics(life, ids, partition, inputs_stand=inputs_stand)\n",
        "",
    ),
    (
        "a position of an older version has no life",
        "    life = note.life or str(Life(0, topics_digest(ids)))\n",
        "    life = note.life\n",
    ),
    (
        "a journal on other topics is taken",
        "    _refuse_other_topics(life, ids, partition, inputs_stand=False)\n",
        "",
    ),
    (
        "what comes back from the journal is a step short",
        "    return Position(offsets, tail.step + 1, life, committed, ids)",
        "    return Position(offsets, tail.step, life, committed, ids)",
    ),
    (
        "what comes back from the journal is where its last step began",
        "    offsets = {topic: taken.next for topic, taken in tail.ranges.items()}\n    return",
        "    offsets = {topic: taken.first for topic, taken in tail.ranges.items()}\n    return",
    ),
    (
        "a life begins with the journal of the one before",
        "    begin = log.bounds(TopicPartition(journal, partition)).end\n",
        "    begin = log.bounds(TopicPartition(journal, partition)).first\n",
    ),
    (
        "a partition begins at offset 0",
        "    firsts = {source.topic: log.first(source) for source in committed}\n",
        "    firsts = {source.topic: 0 for source in committed}\n",
    ),
)

REPLAY = mutants_of(
    "stream/recovery/replay.py",
    (
        "tests/stream/recovery/test_replay.py",
        *_LIVES,
        "tests/golden/test_checkpoints.py",
    ),
    (
        "the record at the end of a range is taken",
        "            count = sum(offset < end for offset in batch.offsets)",
        "            count = sum(offset <= end for offset in batch.offsets)",
    ),
    (
        "what lies beyond a range is dropped",
        "                self._ahead.appendleft(_slice(batch, count, len(batch)))\n",
        "",
    ),
    (
        "a batch that begins at the end of a range is dropped",
        "            if batch.offsets[0] >= end:\n                return\n",
        "",
    ),
    (
        "a moment without records looks like the end",
        "                if not len(batch):\n                    yield None\n                    continue\n",
        "                if not len(batch):\n                    return\n",
    ),
    (
        "a range is read on beyond its last record",
        "            yield batch\n            if batch.offsets[-1] + 1 >= end:\n                return\n",
        "            yield batch\n",
    ),
    (
        "an empty range is read",
        "        if taken.first == taken.next:\n            continue\n",
        "",
    ),
    (
        "a step of a replay may take less than it did",
        "records_max=count)",
        "records_max=count - 1)",
    ),
    (
        "in a replay one topic waits for the other",
        "task.step(dict.fromkeys(entry.ranges, False)",
        "task.step(dict.fromkeys(entry.ranges, True)",
    ),
    (
        "replayed range unchecked",
        "        _compare(TopicPartition(topic, task.partition), entry.step, taken, got.get(topic))\n",
        "        pass\n",
    ),
    (
        "the end of a replayed range unchecked",
        "    if got is None or got.next != taken.next:",
        "    if got is None:",
    ),
    (
        "a step that took nothing will do",
        "    if got is None or got.next != taken.next:",
        "    if got is not None and got.next != taken.next:",
    ),
    (
        "the number of replayed records unchecked",
        "(got.count, got.crc) != (taken.count, taken.crc):",
        "got.crc != taken.crc:",
    ),
    (
        "the checksum of replayed records unchecked",
        "(got.count, got.crc) != (taken.count, taken.crc):",
        "got.count != taken.count:",
    ),
    (
        "a range of an older version must have a checksum",
        "    if taken.count != UNKNOWN and (got.count",
        "    if (got.count",
    ),
    (
        "nobody counts what is replayed",
        "                count += len(batch)\n",
        "                count = len(batch)\n",
    ),
    (
        "a replay may end before the committed offsets",
        "    if got != offsets or task.steps != steps:",
        "    if task.steps != steps:",
    ),
    (
        "a replay may end before the committed step",
        "    if got != offsets or task.steps != steps:",
        "    if got != offsets:",
    ),
)
