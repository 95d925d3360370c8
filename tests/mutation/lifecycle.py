"""Mutants of the table of transitions, and of what a life and settings are."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

LIFECYCLE = mutants_of(
    "stream/recovery/lifecycle.py",
    (
        "tests/stream/recovery/test_lifecycle.py",
        "tests/replay/test_turns.py",
        "tests/replay/test_worker.py",
    ),
    (
        "what is assigned cannot fail",
        "    State.ASSIGNED: {State.RESTORING, State.FAILED, *_GIVEN_UP}",
        "    State.ASSIGNED: {State.RESTORING, *_GIVEN_UP}",
    ),
    (
        "what is assigned can go live unrestored",
        "    State.ASSIGNED: {State.RESTORING, State.FAILED,",
        "    State.ASSIGNED: {State.RESTORING, State.LIVE, State.HELD_BACK, State.FAILED,",
    ),
    (
        "what is restored cannot recover",
        "{State.LIVE, State.FAILED, State.ASSIGNED, *_GIVEN_UP},\n    State.LIVE:",
        "{State.LIVE, State.FAILED, *_GIVEN_UP},\n    State.LIVE:",
    ),
    (
        "what is live cannot recover",
        "    State.LIVE: {State.HELD_BACK, State.FAILED, State.ASSIGNED, *_GIVEN_UP}",
        "    State.LIVE: {State.HELD_BACK, State.FAILED, *_GIVEN_UP}",
    ),
    (
        "what is held back cannot recover",
        "    State.HELD_BACK: {State.LIVE, State.FAILED, State.ASSIGNED, *_GIVEN_UP}",
        "    State.HELD_BACK: {State.LIVE, State.FAILED, *_GIVEN_UP}",
    ),
    (
        "what is held back cannot fail",
        "    State.HELD_BACK: {State.LIVE, State.FAILED, State.ASSIGNED, *_GIVEN_UP}",
        "    State.HELD_BACK: {State.LIVE, State.ASSIGNED, *_GIVEN_UP}",
    ),
    (
        "what failed cannot be tried again",
        "    State.FAILED: {State.ASSIGNED, *_GIVEN_UP}",
        "    State.FAILED: {*_GIVEN_UP}",
    ),
    (
        "what is handed over can work again",
        "    State.REVOKING: {State.RELEASED}",
        "    State.REVOKING: {State.RELEASED, State.LIVE, State.HELD_BACK}",
    ),
    (
        "what is held back does not run",
        "RUNNING = {State.LIVE, State.HELD_BACK}",
        "RUNNING = {State.LIVE}",
    ),
    ("what is full is read on", "            if source not in partition.full\n", ""),
    (
        "no state is ahead of the log",
        "return self.task.steps != self.committed_steps",
        "return False",
    ),
    (
        "what failed is tried before its pause is over",
        "if p.next_try is not None and p.next_try <= now]",
        "if p.next_try is not None]",
    ),
    (
        "what failed is tried only in the moment after its pause",
        "p.next_try <= now]",
        "p.next_try == now]",
    ),
    (
        "what fails often comes first",
        "key=lambda p: (p.attempts, p.number))",
        "key=lambda p: (-p.attempts, p.number))",
    ),
    (
        "a partition can be assigned twice",
        '            assert number not in self._partitions, f"partition {number} is assigned already"\n',
        "",
    ),
    (
        "what lives keeps its restoration",
        "        partition.restoration = None\n        now",
        "        now",
    ),
    (
        "a failure that a late commit follows counts for nothing",
        "partition is not None and partition.state in RUNNING",
        "partition is not None",
    ),
    (
        "pauses do not begin anew after a long run",
        "if live is not None and self._clock.monotonic() - live.since >= RETRY_S[-1]:",
        "if False:",
    ),
    (
        "those that fail again and again come first",
        "key=lambda p: (p.attempts, p.number)",
        "key=lambda p: (-p.attempts, p.number)",
    ),
    (
        "a partition that runs is idle",
        "            partition.idle_since = None\n",
        "            pass\n",
    ),
    (
        "a partition is idle since its last failure",
        "        elif partition.idle_since is None:\n",
        "        else:\n",
    ),
    (
        "a restored state counts as written at no step",
        "checkpointed_steps=restored.checkpointed_steps,",
        "checkpointed_steps=-1,",
    ),
    (
        "a restored state is written at once",
        "            checkpointed_at=now,",
        "            checkpointed_at=float('-inf'),",
    ),
    (
        "a restored state need not be proved",
        "            proven=restored.identity,",
        "            proven=None,",
    ),
    (
        "what is full is forgotten",
        "        partition.full = full\n",
        "",
    ),
    (
        "holding back twice is an error",
        "        if partition.state is not state:\n            self._move",
        "        if True:\n            self._move",
    ),
    (
        "recovering twice is an error",
        "        if partition.state is not State.ASSIGNED:\n",
        "        if True:\n",
    ),
    (
        "a state in doubt stays in memory",
        "            self._empty(partition)\n            self._move(partition, State.ASSIGNED, reason)",
        "            self._move(partition, State.ASSIGNED, reason)",
    ),
    (
        "the state of what failed stays in memory",
        "        self._empty(partition)\n        pause_s",
        "        pause_s",
    ),
    (
        "pauses run off their table",
        "RETRY_S[min(partition.attempts, len(RETRY_S) - 1)]",
        "RETRY_S[partition.attempts]",
    ),
    ("pauses do not grow", "        partition.attempts += 1\n", ""),
    (
        "what failed cannot fail again",
        "        if partition.state is State.FAILED:\n            self._move(partition, State.ASSIGNED)\n        partition.next_try",
        "        partition.next_try",
    ),
    (
        "what cannot be mended is tried again",
        "self._clock.monotonic() + pause_s if retry else None",
        "self._clock.monotonic() + pause_s",
    ),
    (
        "a restoration goes on without its partition",
        "        if partition.restoration is not None:\n            partition.restoration.close()\n",
        "",
    ),
    (
        "a restoration that was let go is gone on with",
        "        partition.restoration = None\n        partition.live = None",
        "        partition.live = None",
    ),
    ("what is not live keeps its task", "        partition.live = None\n", ""),
    (
        "what was held back stays so after it has recovered",
        "        partition.live = None\n        partition.full = set()\n",
        "        partition.live = None\n",
    ),
    (
        "any transition is one of the table",
        "        assert state in _TRANSITIONS[partition.state], (",
        "        assert state in State, (",
    ),
    (
        "what works has a next try",
        "        if state is not State.FAILED:\n            partition.next_try = None\n",
        "",
    ),
    (
        "a state is as old as its partition",
        "        partition.since = now = self._clock.monotonic()\n",
        "        now = self._clock.monotonic()\n",
    ),
    (
        "no reason is given",
        "partition.state, partition.reason = state, reason",
        "partition.state = state",
    ),
    (
        "what was released is still shown",
        "self.statuses = others if gone else",
        "self.statuses =",
    ),
    ("a move is not shown", "        self._moved(status)\n", ""),
    (
        "partitions are shown in any order",
        "tuple(sorted((*others, status), key=_number))",
        "(*others, status)",
    ),
)

LIFE = mutants_of(
    "stream/recovery/life.py",
    ("tests/stream/recovery/test_life.py", "tests/replay/test_lives.py"),
    (
        "a note of an older version is a life",
        "if begin.isdigit() and topics else None",
        "if begin.isdigit() else None",
    ),
    (
        "topics in another order are other topics",
        "in sorted(topic_ids.items()))",
        "in topic_ids.items())",
    ),
    (
        "all topics have the same digest",
        'f"{name}={topic_id}" for',
        'f"{name}" for',
    ),
    ("all lives are the same", "        return one == other\n", "        return True\n"),
    (
        "a state of an older version is of any life",
        "return named is None or named.begin == 0",
        "return True",
    ),
    (
        "a state of an older version is of another life",
        "return named is None or named.begin == 0",
        "return False",
    ),
)

SETTINGS = mutants_of(
    "stream/recovery/settings.py",
    (
        "tests/stream/recovery/test_settings.py",
        "tests/replay/test_lives.py",
        "tests/golden/test_checkpoints.py",
    ),
    (
        "fingerprint without the model's parameters",
        '    shape["drift"].pop("monitors")\n',
        '    shape["drift"].pop("monitors")\n    shape["model"].pop("params")\n',
    ),
    (
        "fingerprint without the input topics",
        '    settings["topics"] = input_topics(config)\n',
        "",
    ),
    *(
        (
            f"fingerprint without {section}",
            '    shape["drift"].pop("monitors")\n',
            f'    shape["drift"].pop("monitors")\n    shape.pop("{section}", None)\n',
        )
        for section in ("app", "record", "target", "labels", "drift", "seed")
    ),
    (
        "monitors shape the state",
        '    shape["drift"].pop("monitors")\n    return',
        "    return",
    ),
    (
        "limits of records shape the state",
        '(("record", _RECORD), ("labels"',
        '(("record", ()), ("labels"',
    ),
    (
        "limits of labels shape the state",
        '("labels", (*_LABELS, *_FREE))',
        '("labels", _FREE)',
    ),
    (
        "how long one topic waits for the other shapes the state",
        '("labels", (*_LABELS, *_FREE))',
        '("labels", _LABELS)',
    ),
    *(
        (f"a change of {name} is not noticed", f"        {line}\n", "")
        for name, line in (
            ("detectors", '"detectors": dump["detectors"],'),
            ("monitors", '"monitors": dump["drift"]["monitors"],'),
            ("the fading factor", '"fading_factor": config.metrics.fading_factor,'),
        )
    ),
    *(
        (f"former {name} do not come back", f"    {line}\n", "")
        for name, line in (
            ("limits of records", 'dump["schema"].update(kept.get("record", {}))'),
            ("limits of labels", 'dump["labels"].update(kept.get("labels", {}))'),
            ("detectors", 'dump["detectors"] = kept.get("detectors", dump["detectors"])'),
            (
                "monitors",
                'dump["drift"]["monitors"] = kept.get("monitors", dump["drift"]["monitors"])',
            ),
            (
                "fading factors",
                'dump["metrics"]["fading_factor"] = kept.get('
                '"fading_factor", dump["metrics"]["fading_factor"])',
            ),
        )
    ),
    (
        "a state of an older version has a bound that it did not know",
        '        dump["schema"]["event_time_ahead_max"] = _UNBOUNDED\n',
        "        pass\n",
    ),
    (
        "former settings lose the log's secrets",
        '    dump["log"] = config.log  # its secrets do not survive being written\n',
        "",
    ),
    (
        "parts under former settings are today's",
        "if settings == self.settings:",
        "if True:",
    ),
    (
        "a state of any shape can be continued",
        "return fingerprint == self.fingerprint or (",
        "return True or (",
    ),
    (
        "a state of an older version cannot be continued",
        "return fingerprint == self.fingerprint or (\n"
        "            not settings and fingerprint == self.legacy_fingerprint\n        )",
        "return fingerprint == self.fingerprint",
    ),
    (
        "a detector that changed keeps its state",
        " and name not in _changed(old, new)",
        "",
    ),
    (
        "a change of settings forgets what was learnt",
        "                piece.restore(pieces[name].snapshot())\n",
        "                pass\n",
    ),
    (
        "former settings that are not known are an error",
        "    if not old:\n        return set()\n",
        "",
    ),
)
