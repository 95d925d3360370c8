"""Mutants of a step: what is taken, in which order, and what is said of it."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

TASK = mutants_of(
    "stream/task.py",
    (
        "tests/stream/test_steps.py",
        "tests/stream/test_bad_input.py",
        "tests/stream/test_task.py",
        "tests/replay/test_lives.py",
    ),
    (
        "a rebuilt task begins anew",
        "return PartitionTask(parts, offsets, self.steps, self.life)",
        "return PartitionTask(parts, offsets, 0, self.life)",
    ),
    (
        "a rebuilt task has no life",
        "return PartitionTask(parts, offsets, self.steps, self.life)",
        "return PartitionTask(parts, offsets, self.steps)",
    ),
    (
        "what is accepted is asked for again",
        "return {inbox.source: inbox.end for",
        "return {inbox.source: inbox.position for",
    ),
    (
        "records that cannot be read vanish",
        "_records(batch, read), dead)",
        "_records(batch, read), [])",
    ),
    ("a step takes everything", "self._turns(more)[:records_max]", "self._turns(more)"),
    (
        "a step is taken of nothing",
        "        if all(piece.first == piece.next_offset for piece in taken):\n            return None\n",
        "",
    ),
    (
        "a step that takes of one topic alone is none",
        "        if all(piece.first",
        "        if any(piece.first",
    ),
    (
        "a change of settings is no step",
        "        now_ms = round(1000 * time())\n        self.steps += 1\n",
        "        now_ms = round(1000 * time())\n",
    ),
    (
        "a change of settings is dated by the stream's time",
        "now_ms = round(1000 * time())",
        "now_ms = self.parts.labels.stream_time",
    ),
    (
        "events do not wait for labels",
        "more[topics[EVENT]], more[topics[LABEL]])",
        "more[topics[EVENT]], False)",
    ),
    (
        "labels do not wait for events",
        "more[topics[EVENT]], more[topics[LABEL]])",
        "False, more[topics[LABEL]])",
    ),
    (
        "dead letters stand in the order of the stages",
        "            key=lambda letter: (letter.source, letter.offset),\n",
        "            key=lambda letter: 0,\n",
    ),
    (
        "events without an answer get no dead letter",
        " + plan.dead + answers.dead,",
        " + plan.dead,",
    ),
    (
        "a step of dead letters alone is dated 1970",
        "default=max((d.timestamp for d in dead), default=0)",
        "default=0",
    ),
    (
        "a step is dated by its first record",
        "clock = max(timestamps, default",
        "clock = min(timestamps, default",
    ),
    (
        "a step is not counted",
        "        self._read_seconds = 0.0\n        self.steps += 1\n",
        "        self._read_seconds = 0.0\n",
    ),
    (
        "an invariant of ours is a complaint of the model",
        "        except AssertionError:\n            raise  # an invariant of ours, not a complaint of the model\n",
        "",
    ),
    (
        "a model's complaint ends the worker",
        "            raise ModelError(\n",
        "            raise SystemError(\n",
    ),
    (
        "journal record without first offset",
        "Range(piece.first, piece.next_offset, piece.count, piece.crc())",
        "Range(0, piece.next_offset, piece.count, piece.crc())",
    ),
    (
        "journal record without the number of records",
        "Range(piece.first, piece.next_offset, piece.count, piece.crc())",
        "Range(piece.first, piece.next_offset, -1, piece.crc())",
    ),
    (
        "the first step does not say its settings",
        "settings = self._settings if self.steps == 0 else None",
        "settings = None",
    ),
    (
        "each step says its settings",
        "settings = self._settings if self.steps == 0 else None",
        "settings = self._settings",
    ),
    (
        "a step does not name its life",
        "return JournalEntry(self.steps, ranges, self.life, settings)",
        'return JournalEntry(self.steps, ranges, "", settings)',
    ),
    (
        "unanswered events take others' predictions",
        "            if len(written) < len(events):\n",
        "            if False:\n",
    ),
    (
        "a class seen later shows in a prediction",
        "                [plan.known[row] for row in written],\n",
        "                [len(self.parts.labels._target.classes) for _ in written],\n",
    ),
    (
        "a prediction learns its label first",
        "        self._run_model(tape, rows)\n        watch.lap",
        "        self._run_model(Tape(tape.action[::-1].copy(), tape.row[::-1].copy()), rows)\n        watch.lap",
    ),
    ("rows that wait are not kept", "        self.parts.labels.settle(plan, rows, baseline)\n", ""),
    (
        "unanswered events count as predicted",
        "            predicted=len(answers.rows),",
        "            predicted=len(plan.accepted),",
    ),
    (
        "dead letters not counted by the step",
        "dead=Counter(letter.reason for letter in dead),",
        "dead=Counter(),",
    ),
    (
        "labels learnt not counted",
        "            learnt=len(plan.learn_codes),",
        "            learnt=0,",
    ),
    (
        "expired labels not counted",
        "            expired_by_delay=plan.expired_by_delay,",
        "            expired_by_delay=0,",
    ),
    (
        "labels that expire at the bound not counted",
        "            expired_by_capacity=plan.expired_by_capacity,",
        "            expired_by_capacity=0,",
    ),
    (
        "orphaned labels not counted",
        "            orphaned=plan.orphaned,",
        "            orphaned=0,",
    ),
    (
        "records taken not counted",
        "                topic: piece.count\n",
        "                topic: len(piece.records)\n",
    ),
    (
        "waiting events not counted",
        "            pending=self.parts.labels.pending,",
        "            pending=self.parts.labels.held,",
    ),
    (
        "held labels not counted",
        "            held=self.parts.labels.held,",
        "            held=0,",
    ),
    (
        "a snapshot leaves out a part",
        "            state.update(nest(name, piece.snapshot()))\n",
        '            if name != "labels":\n                state.update(nest(name, piece.snapshot()))\n',
    ),
    (
        "records beside unreadable ones have others' keys",
        "    if len(read.index) == len(batch):",
        "    if True:",
    ),
)

INBOX = mutants_of(
    "stream/labels/inbox.py",
    (
        "tests/stream/labels/test_inbox.py",
        "tests/stream/test_steps.py",
        "tests/replay/test_lives.py",
    ),
    (
        "a batch may overlap the one before",
        '        assert batch.offsets[0] >= self._end, "a batch must follow the one before it"\n',
        "",
    ),
    ("a batch of another partition is taken", "        assert batch.source == self.source\n", ""),
    (
        "the end is the last record",
        "        self._end = batch.offsets[-1] + 1\n",
        "        self._end = batch.offsets[-1]\n",
    ),
    (
        "a second batch takes the place of the first",
        "        if len(self._records):\n            self._records.extend(records)\n        else:\n            self._records = records",
        "        self._records = records",
    ),
    (
        "a step ends before the next record instead of after its last",
        "        next_offset = max(self.position, last + 1)",
        "        next_offset = max(self.position, bound)",
    ),
    (
        "a position goes back",
        "        next_offset = max(self.position, last + 1)",
        "        next_offset = last + 1",
    ),
    (
        "unreadable records wait for the next step",
        "            bound = self._end\n",
        "            bound = records.offsets[-1] if records.offsets else -1\n",
    ),
    (
        "an unreadable record at the bound leaves early",
        "while self._dead and self._dead[0].offset < bound:",
        "while self._dead and self._dead[0].offset <= bound:",
        "the bound is the offset of a readable record or the end, where no unreadable one stands",
    ),
    (
        "unreadable records leave early",
        "            bound = self._records.offsets[0]\n",
        "            bound = self._end\n",
    ),
    (
        "what was read is not what waits",
        "        return len(self._records) + len(self._dead)\n\n    @property\n    def end",
        "        return len(self._records)\n\n    @property\n    def end",
    ),
    (
        "unreadable records are not counted",
        "        return len(self.records) + len(self.dead)",
        "        return len(self.records)",
    ),
    (
        "unreadable records are not in the checksum",
        "        if not dead:\n            return crc\n",
        "        return crc\n",
    ),
    (
        "keys are not in the checksum",
        "    for column in (keys, values):",
        "    for column in (values,):",
    ),
    (
        "timestamps are not in the checksum",
        "np.array([offsets, timestamps], dtype=np.int64)",
        "np.array([offsets], dtype=np.int64)",
    ),
    (
        "a label goes before an event of its time",
        "        if events[i] <= labels[j]:",
        "        if events[i] < labels[j]:",
    ),
    (
        "events do not wait for labels",
        "    if i < event_count and not more_labels:",
        "    if i < event_count:",
    ),
    (
        "labels do not wait for events",
        "    if j < label_count and not more_events:",
        "    if j < label_count:",
    ),
)

JOURNAL = mutants_of(
    "stream/journal.py",
    ("tests/stream/test_journal.py", "tests/replay/test_lives.py"),
    (
        "a note of any program is ours",
        'if head not in ("driftgate/1", "driftgate/2") or _DIGITS.fullmatch(steps) is None:',
        "if _DIGITS.fullmatch(steps) is None:",
    ),
    (
        "a note without a number is ours",
        'if head not in ("driftgate/1", "driftgate/2") or _DIGITS.fullmatch(steps) is None:',
        'if head not in ("driftgate/1", "driftgate/2"):',
    ),
    (
        "a note of an older version is foreign",
        'if head not in ("driftgate/1", "driftgate/2")',
        'if head not in ("driftgate/2",)',
    ),
    ("a note's life is not read", 'fields.get("life", "")', '""'),
    ("a note's topic is not read", 'fields.get("topic", "")', '""'),
    (
        "an entry of a later version is read",
        "frozen=True, forbid_unknown_fields=True, omit_defaults=True",
        "frozen=True, omit_defaults=True",
    ),
    (
        "an entry that is none is a defect",
        "except (msgspec.MsgspecError, ValueError, RecursionError) as error:",
        "except RecursionError as error:",
    ),
)
