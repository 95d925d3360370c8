"""Mutants of what looks for things that stand still."""

from __future__ import annotations

from tests.mutation.mutant import mutants_of

_TESTS = ("tests/stream/watchdog/test_watchdog.py",)

WATCHDOG = mutants_of(
    "stream/watchdog/watchdog.py",
    _TESTS,
    (
        "it looks at each turn",
        "        if self._clock.monotonic() - self._looked_at < pause_s:\n            return {}\n",
        "",
    ),
    ("it looks once", "- self._looked_at < pause_s:", "- self._looked_at >= pause_s:"),
    (
        "it does not look sooner while the log is away",
        "pause_s = _LOOK_AWAY_S if self._availability.is_away else LOOK_S",
        "pause_s = LOOK_S",
    ),
    (
        "a log that is away ends the worker",
        "        except LogUnavailableError as error:",
        "        except KeyError as error:",
    ),
    (
        "a log that is away is not shown",
        "            self._availability.unanswered(error)\n",
        "            pass\n",
    ),
    ("a log that answers is not shown", "        self._availability.answered()\n", ""),
    (
        "being fenced is passed by",
        "        except (StalledError, FencedError):\n            raise\n",
        "",
    ),
    (
        "what cannot be looked at ends the worker",
        "        except DriftgateError as error:",
        "        except KeyError as error:",
    ),
    ("a trouble is logged at each look", "found.keys() - self._troubles.keys():", "found:"),
    ("the end of a trouble is not logged", "self._troubles.keys() - found.keys():", "():"),
    ("a trouble is not shown", "        self._observer.troubles(tuple(found.values()))\n", ""),
    ("inputs that are gone are not named", "        if gone:\n", "        if False:\n"),
    ("a worker that is left out is silent", "if left_out else []", "if False else []"),
    ("uneven topics are not named", "        if few:\n", "        if False:\n"),
    ("even topics are named", "if count < most and", "if count <= most and"),
)

STALLED_INPUTS = mutants_of(
    "stream/watchdog/stalled_inputs.py",
    _TESTS,
    (
        "a position that has moved stands still",
        "known.position != position:",
        "known.position > position:",
    ),
    (
        "an input that was away is as it was, however long",
        "            if now - known.seen_at > _AWAY_S_MAX:",
        "            if False:",
    ),
    (
        "an input that was away for a moment begins anew",
        "            if now - known.seen_at > _AWAY_S_MAX:",
        "            if True:",
    ),
    (
        "an input that is not read has waited all the time",
        '            known.waits_since, known.reason = None, ""\n',
        "",
    ),
    (
        "a client that says that nothing is there is believed",
        "        elif now - known.verified_at >= STALL_S and self._clock",
        "        elif False and self._clock",
    ),
    (
        "all ends are asked for in one look",
        " and self._clock.monotonic() <= self._verify_until:",
        ":",
    ),
    (
        "it says so at once",
        "            if now - known.waits_since >= STALL_S:",
        "            if True:",
    ),
    ("an open transaction gets remedies", "        if old:\n", "        if False:\n"),
    ("a transaction that is young is named", " if age_s >= STALL_S]", "]"),
    (
        "markers are waited for",
        "        if self._holds_records(source, known.position, end):\n            return True\n        known",
        "        return True\n        known",
    ),
    (
        "the end of a partition is read again and again",
        "if end <= max(known.position, known.nothing_below):",
        "if end <= known.position:",
    ),
    (
        "what lies before an open transaction is not looked for",
        '            if not self._holds_records(source, known.position, first):\n                return ""\n',
        '            return ""\n',
    ),
    (
        "what cannot be read is not named",
        '            return f"{where}: nothing was read for {still_s:.0f} s: {error}"\n',
        '            return ""\n',
    ),
    (
        "an input that has not had its turn is stalled",
        "return with_room >= _POLLS_WITH_ROOM or full",
        "return True or full",
    ),
    ("full polls never count", "or full >= _FULL_POLLS * len(self._inputs)", "or False"),
    (
        "a second reader that finds nothing reads on",
        "            if len(batch) or self._clock.monotonic() > deadline:",
        "            if len(batch):",
    ),
    (
        "a remedy at each look",
        "is_early = known.remedies > 0 and now - known.remedied_at < STALL_S",
        "is_early = False",
    ),
    (
        "it never gives up",
        "        if known.remedies == len(_REMEDIES):\n",
        "        if known.remedies > len(_REMEDIES):\n",
    ),
    ("it gives up at once", "        if known.remedies == len(_REMEDIES):\n", "        if True:\n"),
    ("rejoining comes first", '_REMEDIES = ("fetch", "rejoin")', '_REMEDIES = ("rejoin", "fetch")'),
    (
        "it rejoins once for each that stands still",
        "        elif not self._has_rejoined:\n",
        "        else:\n",
    ),
)

STALLED_PARTITIONS = mutants_of(
    "stream/watchdog/stalled_partitions.py",
    _TESTS,
    (
        "a partition that moves stands still",
        "if known is not None and known[0] == progress else now",
        "if known is not None else now",
    ),
    (
        "a replay that takes records stands still",
        "return _Progress(True, steps, restoration.replayed_records)",
        "return _Progress(True, steps, 0)",
    ),
    (
        "one that waits for the other topic stands still",
        "STALL_S if progress.is_restoring else STALL_S + self._wait_s",
        "STALL_S",
    ),
    ("nothing is named", "            if now - since >= may_last_s:", "            if False:"),
    (
        "one with nothing in hand stands still",
        "if partition.live is None or not _waiting(partition):",
        "if partition.live is None:",
    ),
)

HELD_OUTPUTS = mutants_of(
    "stream/watchdog/held_outputs.py",
    _TESTS,
    (
        "a transaction that is younger than its timeout hangs",
        "            if age_s > 2 * self._timeout_s\n",
        "",
    ),
    (
        "outputs that are held are not named",
        "            if age_s > 2 * self._timeout_s\n",
        "            if False\n",
    ),
    (
        "outputs of a partition that has left are named",
        "        self._found = {source: found for source, found in self._found.items() if source in ours}\n",
        "",
    ),
    (
        "a look takes all outputs",
        "            if self._clock.monotonic() >= deadline:\n                break\n",
        "",
    ),
    (
        "each look begins with the same output",
        "            self._queue.append(source)\n",
        "            self._queue.insert(0, source)\n",
    ),
)

OPEN_FOR = mutants_of(
    "stream/watchdog/open_for.py",
    _TESTS,
    (
        "a transaction that writes on and on is young",
        "max(now - self._seen[source][_key(held)], self._wall() - held.since_ms / 1000)",
        "self._wall() - held.since_ms / 1000",
    ),
    (
        "a transaction that was open before is young",
        "max(now - self._seen[source][_key(held)], self._wall() - held.since_ms / 1000)",
        "now - self._seen[source][_key(held)]",
    ),
    (
        "one transaction is as old as the one before it",
        "return held.producer_id, held.start_offset",
        "return held.producer_id, 0",
    ),
)
