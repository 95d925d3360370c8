"""Mutants of how labels meet their events."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_TESTS = ("tests/stream/labels/test_plan.py", "tests/stream/test_fates.py")

JOIN = mutants_of(
    "stream/labels/join.py",
    _TESTS,
    (
        "learnt status not kept",
        "        self._seen.change(label.name, LEARNT)\n",
        "",
    ),
    (
        "learnt status of a held label not kept",
        "            status = LEARNT\n",
        "            status = WAITING\n",
    ),
    (
        "carried rows are numbered from the first",
        "            plan.row[step] += len(plan.accepted)\n",
        "            pass\n",
    ),
    (
        "waiting rows are not carried",
        "        plan.carried = self._waiting.carried()\n",
        "        plan.carried = self._waiting.carried()[:0]\n",
    ),
    ("deadlines of held labels are never forgotten", "        self._held.compact()\n", ""),
    (
        "an event that waits may come twice",
        "        if event_id in self._seen or event_id in self._waiting:",
        "        if event_id in self._seen:",
    ),
    (
        "an event that was seen may come twice",
        "        if event_id in self._seen or event_id in self._waiting:",
        "        if event_id in self._waiting:",
    ),
    (
        "an event that no label can reach waits",
        "        elif self._is_late(time, self._label_clock.time):",
        "        elif False:",
    ),
    (
        "an event that expires at once is not counted",
        "            status = EXPIRED\n            plan.expired_by_delay += 1\n",
        "            status = EXPIRED\n",
    ),
    (
        "one event too few waits",
        "        while len(self._waiting) > self._pending_max:",
        "        while len(self._waiting) >= self._pending_max:",
    ),
    (
        "any number of events waits",
        "        while len(self._waiting) > self._pending_max:",
        "        while False:",
    ),
    (
        "an event that expired at the bound counts as waiting",
        "            self._seen.change(self._waiting.expire_oldest(), EXPIRED)\n",
        "            self._waiting.expire_oldest()\n",
    ),
    (
        "an event that expired at the bound is not counted",
        "            plan.expired_by_capacity += 1\n",
        "",
    ),
    (
        "a second held label is learnt",
        "            if is_learnt:\n                self._refuse_duplicate(plan, label)\n            elif self._is_late(time, label.latest):",
        "            if self._is_late(time, label.latest):",
    ),
    (
        "a held label is never too late",
        "            elif self._is_late(time, label.latest):\n                self._refuse_late(plan, label)\n            else:\n                is_learnt",
        "            else:\n                is_learnt",
    ),
    (
        "a label is never an orphan when it comes",
        "        if self._is_late(label.time, self._clock_at(label.name, event, status)):",
        "        if False:",
    ),
    (
        "a label of no event known is too late",
        "        elif status is None:\n            self._hold(plan, label)\n",
        "",
    ),
    (
        "a second label is too late",
        "        elif status == LEARNT:\n            self._refuse_duplicate(plan, label)\n",
        "",
    ),
    (
        "a waiting event takes a late label",
        "        elif event is None or self._is_late(event.time, label.latest):",
        "        elif event is None:",
    ),
    (
        "an orphan is told by the clock of now",
        "        if event is not None:\n            return event.clock\n",
        "",
    ),
    (
        "a remembered event has the clock of now",
        "return self._event_clock.time if status is None else self._seen.time(name)",
        "return self._event_clock.time",
    ),
    (
        "a label beyond the classes is learnt",
        "        if not self._learn(plan, label, self._waiting.carried_count if is_kept else ~event.slot):\n            return\n",
        "        self._learn(plan, label, self._waiting.carried_count if is_kept else ~event.slot)\n",
    ),
    (
        "a kept row is taken for a new one",
        "            carried_steps.append(len(plan.row) - 1)\n",
        "            pass\n",
    ),
    (
        "held labels wait without end",
        "            for label in self._held.due(self._event_clock.time):\n                self._orphan(plan, label)\n",
        "            pass\n",
    ),
    (
        "events wait without end",
        "            for name in self._waiting.due(self._label_clock.time):\n                self._seen.change(name, EXPIRED)\n                plan.expired_by_delay += 1\n",
        "            pass\n",
    ),
    (
        "an event that has expired counts as waiting",
        "                self._seen.change(name, EXPIRED)\n",
        "",
    ),
    (
        "an event that has expired is not counted",
        "                self._seen.change(name, EXPIRED)\n                plan.expired_by_delay += 1\n",
        "                self._seen.change(name, EXPIRED)\n",
    ),
    (
        "a label at its deadline is late",
        "        return other > time + self._max_delay_ms",
        "        return other >= time + self._max_delay_ms",
    ),
    (
        "stream time does not follow labels",
        "        self.stream_time = max(self.stream_time, time)\n        if self._label_clock",
        "        if self._label_clock",
    ),
    (
        "stream time goes back",
        "        self.stream_time = max(self.stream_time, time)\n        if self._event_clock",
        "        self.stream_time = time\n        if self._event_clock",
    ),
    (
        "any number of labels is held",
        "range(min(2, len(self._held) - self._pending_max))",
        "range(0)",
    ),
    (
        "one label too few is held",
        "range(min(2, len(self._held) - self._pending_max))",
        "range(min(2, len(self._held) - self._pending_max + 1))",
    ),
    ("orphans are not counted", "        plan.orphaned += 1\n", ""),
    (
        "a snapshot leaves the clock of events",
        '            self._event_clock.restore(np.asarray(state["event_clock"]))\n',
        "",
    ),
    (
        "a snapshot leaves the clock of labels",
        '            self._label_clock.restore(np.asarray(state["label_clock"]))\n',
        "",
    ),
    (
        "a snapshot leaves the clocks that events came at",
        '            times = np.asarray(state["seen_clock"]).tolist()\n',
        "",
    ),
    (
        "a snapshot leaves stream time",
        '        self.stream_time = int(state["stream_time"])\n',
        "",
    ),
    (
        "a snapshot leaves held labels",
        "        self._held.restore(state)\n",
        "",
    ),
)

WAITING = mutants_of(
    "stream/labels/waiting_events.py",
    _TESTS,
    (
        "slots leak when events expire",
        "        slot = self._waiting.pop(name).slot\n        if slot >= 0:\n            self._store.release([slot])\n",
        "        self._waiting.pop(name)\n",
    ),
    (
        "slots leak when events are learnt",
        "        self._store.release(self._carried)\n",
        "",
    ),
    (
        "rows of events that were learnt in their step are kept",
        "[name for name, arrival in self._new if self._still_waits(name, arrival)]",
        "[name for name, _ in self._new if name in self._waiting]",
    ),
    (
        "the newest event expires at the bound",
        "        name = next(iter(self._waiting))\n",
        "        name = next(reversed(self._waiting))\n",
    ),
    (
        "a learnt row is learnt again",
        "        self._carried = []\n        kept",
        "        kept",
    ),
    ("a kept row is not learnt", "            self._carried.append(slot)\n", "            pass\n"),
    (
        "deadlines that were met are never forgotten",
        "        self._deadlines.compact(len(self._waiting))\n",
        "",
    ),
    (
        "a restored event has no deadline",
        "            arrival = self._deadlines.add(name, time + self._max_delay_ms)\n            self._waiting[name] = WaitingEvent(slot",
        "            arrival = 0\n            self._waiting[name] = WaitingEvent(slot",
    ),
    ("rows of before stay after a restore", "        self._store.clear()\n", ""),
)

HELD = mutants_of(
    "stream/labels/held_labels.py",
    _TESTS,
    (
        "a label has no clock but its own time",
        "        return max(self.time, self.clock)",
        "        return self.time",
    ),
    (
        "a label has no time but the clock",
        "        return max(self.time, self.clock)",
        "        return self.clock",
    ),
    ("the newest label goes at the bound", "next(iter(self._held))", "next(reversed(self._held))"),
    (
        "an id whose labels are gone is remembered",
        "        if not same:\n            del self._by_name[held.name]\n",
        "",
    ),
    (
        "deadlines that were met are never forgotten",
        "        self._deadlines.compact(len(self._held))\n",
        "        pass\n",
    ),
    (
        "a snapshot leaves the clocks that labels came at",
        'np.asarray(state.get("held_clock", [BEGINNING] * len(entries))).tolist()',
        "[BEGINNING] * len(entries)",
    ),
    ("labels of before stay after a restore", "        self._held.clear()\n", ""),
)

SEEN = mutants_of(
    "stream/labels/seen_ids.py",
    ("tests/stream/labels/test_seen_ids.py", *_TESTS),
    (
        "one id too few is remembered",
        "        while len(self._arrived) > self._window:",
        "        while len(self._arrived) >= self._window:",
    ),
    (
        "the newest id is forgotten",
        "self._arrived.popleft()",
        "self._arrived.pop()",
    ),
    (
        "a status adds to the one before",
        "mark & ~UNLABELLED | status",
        "mark | status",
    ),
    ("a change loses the time", "mark & ~UNLABELLED | status", "status"),
    (
        "changing an id that is forgotten is an error",
        "        if mark is not None:\n            self._marks[event_id]",
        "        if True:\n            self._marks[event_id]",
    ),
    ("a snapshot leaves the order", "        self._arrived = deque(names)\n", ""),
    (
        "a snapshot leaves the times",
        "noted = [0] * len(names) if times is None else times",
        "noted = [0] * len(names)",
    ),
)

CLOCK = mutants_of(
    "stream/labels/topic_clock.py",
    ("tests/stream/labels/test_topic_clock.py", *_TESTS),
    (
        "a run goes on over an older record",
        "            self._count = 0\n            return False",
        "            return False",
    ),
    (
        "the clock moves to the last of a run",
        "self._smallest = min(self._smallest, time) if self._count else time",
        "self._smallest = time",
    ),
    (
        "the smallest time of a former run counts",
        "self._smallest = min(self._smallest, time) if self._count else time",
        "self._smallest = min(self._smallest, time)",
    ),
    (
        "the clock moves a record early",
        "        if self._count < RUN:",
        "        if self._count < RUN - 1:",
    ),
    (
        "the clock moves on equal times",
        "        if time <= self.time:",
        "        if time < self.time:",
    ),
    (
        "a snapshot leaves the run in progress",
        "        self.time, self._smallest, self._count = np.asarray(state).tolist()",
        "        self.time, _, _ = np.asarray(state).tolist()",
    ),
)
