"""Mutants of derived features: windows, bounds, keys, labels that show early."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_ROLLING = ("tests/operators/test_rolling.py",)
_CODER = ("tests/stream/codec/test_derived.py", "tests/stream/test_task_derived.py")

WINDOWS = mutants_of(
    "operators/kernels/rolling.py",
    _ROLLING,
    (
        "a window holds what is later",
        "while after > 0 and kept.times[s, _at(head, after - 1, events_max)] > t:",
        "while after > 0 and kept.times[s, _at(head, after - 1, events_max)] > t + window_ms:",
    ),
    (
        "a window holds its far edge",
        "if kept.times[s, _at(head, middle, events_max)] > time:",
        "if kept.times[s, _at(head, middle, events_max)] >= time:",
    ),
    (
        "a new key goes on with another's events",
        "            kept.length[s] = 0\n",
        "            pass\n",
    ),
    (
        "an event always counts in its own window",
        "is_counted = with_current and not math.isnan(v)",
        "is_counted = not math.isnan(v)",
    ),
    (
        "a missing value enters the window",
        "        if math.isnan(v):\n            continue\n",
        "",
    ),
    (
        "an event that is older than all pushes one out",
        "            if after == 0:\n                continue  # older than all that are kept: it would"
        " be the first to leave\n",
        "            after = max(after, 1)\n",
    ),
    (
        "a late event is kept at the end",
        "        at = _at(head, after, events_max)\n",
        "        at = _at(head, n, events_max)\n",
    ),
    (
        "a sum may be infinite",
        "    if not math.isfinite(total):\n",
        "    if math.isnan(total):\n",
    ),
    (
        "the set of different values is not emptied",
        "    marks.round[0] += 1\n",
        "    marks.round[0] = 1\n",
    ),
    (
        "a lag counts from the event itself",
        "if after >= lag:",
        "if after > lag:",
    ),
)
KEYS = mutants_of(
    "operators/preprocess/key_slots.py",
    _ROLLING,
    (
        "the key that came first is evicted, however often it is used",
        "                move(key)\n",
        "",
    ),
    (
        "the key that was used last is evicted",
        "popitem(last=False)",
        "popitem(last=True)",
    ),
    ("one key less than the bound", "if slot == self._keys_max:", "if slot >= self._keys_max - 1:"),
    (
        "a slot is not said to be new",
        "self._take_up(key), True",
        "self._take_up(key), False",
    ),
)
KEPT = mutants_of(
    "operators/preprocess/rolling.py",
    _ROLLING,
    (
        "the two zeros differ",
        "values = values + 0.0",
        "values = values.copy()",
    ),
    (
        "a snapshot follows the slots",
        "        keys, slots = self._slots.in_order\n",
        "        keys, slots = self._slots.in_order\n        slots = np.sort(slots)\n",
    ),
    (
        "a snapshot forgets where the ring begins",
        "return row, (head[row] + nth) % events_max",
        "return row, nth % events_max",
    ),
)
TARGET_MEAN = mutants_of(
    "operators/preprocess/target_mean.py",
    ("tests/operators/test_target_mean.py",),
    (
        "the key that was learnt first is evicted",
        "        self._of_key.move_to_end(key)\n",
        "",
    ),
    ("nothing fades", "sums[i] = factor * sums[i] + number", "sums[i] = sums[i] + number"),
    ("the prior is not a mean", "smooth * (all_ / total)", "smooth * all_"),
    (
        "an answer may be infinite",
        "return value if math.isfinite(value) else math.nan",
        "return value",
    ),
)
CODER = mutants_of(
    "stream/codec/derived.py",
    _CODER,
    (
        "the keys of new events do not wait",
        "        keys = step.keys[:, self._column]\n",
        "        keys = step.keys[:, self._column].copy()\n",
    ),
    (
        "all that learn share one key",
        "            self.key_width += isinstance(made, _TargetMean)\n",
        "            self.key_width = max(self.key_width, isinstance(made, _TargetMean))\n",
    ),
    (
        "a ratio may be infinite",
        "np.where(np.isfinite(found), found, np.nan)",
        "found",
    ),
    (
        "keys are read once whatever they are",
        "        if reader.name not in self.keys:\n",
        "        if not self.keys:\n",
    ),
    (
        "what is hidden is shown",
        "                if derived.hidden:\n                    self.hidden.add(feature.name)\n",
        "",
    ),
    (
        "of two classes both have a column",
        "known[1:] if len(known) == 2 else known",
        "known",
    ),
)
INPUTS = mutants_of(
    "stream/codec/inputs.py",
    _CODER,
    (
        "joined keys have no ends",
        'f"{len(part)}:{part}"',
        "part",
    ),
    (
        "a key that lacks a part is a key",
        "        if None in parts:\n            return None\n",
        "",
    ),
    (
        "a category has an average",
        "        if self.column(name, where).capacity:\n",
        "        if self.column(name, where) is None:\n",
    ),
)
