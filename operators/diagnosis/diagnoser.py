"""Diagnosis of drift: alarms open an episode, which is read again and again until it is settled."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge, Gt, Lt
from numpy.typing import NDArray

from operators.base import Space
from operators.checks import assert_rows
from operators.diagnosis.alarms import least_likely
from operators.diagnosis.base import ChangePoint, Diagnosis, Evidence, Tempo
from operators.diagnosis.memory import Memory
from operators.diagnosis.reading import Reading, bounds, read
from operators.diagnosis.shares import feature_shares
from operators.diagnosis.store import ConceptStore, is_alike, likeness
from operators.diagnosis.verdict import confidence, grounds
from operators.drift.parameters import check_at_least, check_probability
from operators.kernels.diagnosis import empty_sums
from operators.monitors.two_sample import normal_tail
from operators.snapshot import State, copied, refill
from operators.tape import Rows, Tape

VERSION = 1
_HEADER = np.dtype(
    [
        ("counting", np.int64),  # 1 as soon as cells have been cut
        ("since", np.int64),  # first label of the concept in force
        ("concept", np.int64),  # its number
        ("concepts", np.int64),  # numbers given so far
        ("due", np.int64),  # labels before which nothing is decided
        ("waits", np.int64),  # decisions to wait after a false alarm
        ("open", np.int64),  # 1 during an episode
        ("episode", np.int64),  # its number
        ("revision", np.int64),  # of the next diagnosis of it
        ("alarmed", np.int64),  # labels at its alarm
        ("guess", np.int64),  # where the alarm put the change
        ("before_end", np.int64),  # labels before the change, and since it, by the last reading
        ("since_start", np.int64),
    ]
)
_TEMPO_MIN = 300  # labels since a change below which its tempo is not told
_SETTLED = 1_000  # labels since a change after which it holds no more surprises
_WATCHED = 700  # labels since an alarm before which its episode is not over
_PAUSE_MAX = 8  # decisions between two readings of an episode
_FALSE_ALARM = 300
_WAITS_MAX = 16


class DriftDiagnoser:
    """Tells what has changed: P(y|x), P(x), P(y), or nothing but a burst; since when; how sure.

    Each decision compares the last labels with the rest of the concept in force. An alarm opens an
    episode: the records at hand are read, and read again while more come, until the change is
    settled; the records since it are then the new concept. A burst that has passed, or an alarm
    that does not hold up, leaves the concept as it was.

    Parameters
    ----------
    space
        Of the records. Numeric targets are cut into eight ranges.
    alpha
        Significance of an alarm, for all channels of one decision. Larger: earlier, and more false
        alarms.
    decide_every
        Labels between decisions. Smaller: earlier and slower.
    blocks
        Times `decide_every` labels are remembered. Larger: sees slower drifts, needs more memory.
    grace_period
        Labels before anything is compared.
    concepts_max
        Concepts that are remembered, to be known again.
    columns_max
        Features that are watched: the first ones.
    """

    def __init__(
        self,
        space: Space,
        alpha: Annotated[float, Gt(0), Lt(1)] = 1e-4,
        decide_every: Annotated[int, Ge(20)] = 100,
        blocks: Annotated[int, Ge(20)] = 80,
        grace_period: Annotated[int, Ge(200)] = 1_000,
        concepts_max: Annotated[int, Ge(1)] = 10,
        columns_max: Annotated[int, Ge(1)] = 128,
    ) -> None:
        check_probability("alpha", alpha)
        check_at_least("decide_every", decide_every, 20)
        check_at_least("blocks", blocks, 20)
        check_at_least("grace_period", grace_period, 200)
        check_at_least("concepts_max", concepts_max, 1)
        check_at_least("columns_max", columns_max, 1)
        self.space = space
        self.alpha = alpha
        self.decide_every = decide_every
        self.grace_period = grace_period
        self._memory = Memory(space, blocks, decide_every, columns_max)
        self._n_columns = len(self._memory.cells.columns)
        # A feature is judged alone, within all groups and within each; then labels and loss.
        self._n_tests = self._n_columns * (2 + self._memory.n_groups) + 2
        self._sums = empty_sums(self._n_columns)
        self._store = ConceptStore(concepts_max, self._n_columns)
        self._header = np.zeros(1, _HEADER)
        self._header["concept"] = self._header["concepts"] = 1
        self._header["due"] = grace_period
        self._arrays = {"header": self._header, **self._memory.arrays(), **self._store.arrays()}

    @property
    def concept(self) -> int:
        """Number of the concept in force; that of a drift is in force once its episode ends."""
        return int(self._header["concept"][0])

    @property
    def look_back(self) -> int:
        """Labels of which it may say that a change began there."""
        return len(self._memory.ring.y)

    @property
    def in_episode(self) -> bool:
        """Whether a drift has been found that is not settled yet."""
        return bool(self._header["open"][0])

    def watch(self, tape: Tape, rows: Rows) -> list[Diagnosis]:
        """Take in a tape after the learner has run it; return what was diagnosed, in order."""
        assert_rows(self.space, tape, rows)
        found: list[Diagnosis] = []
        step = 0
        while step < len(tape):
            step = self._memory.take(step, tape, rows, bool(self._header["counting"][0]))
            learnt = self._memory.learnt
            if learnt % self.decide_every == 0 and learnt >= self._header["due"][0]:
                diagnosis = self._decide(step - 1)
                if diagnosis is not None:
                    found.append(diagnosis)
        return found

    def snapshot(self) -> State:
        """Return the whole state; shares no memory with the diagnoser."""
        return copied(VERSION, self._arrays)

    def restore(self, state: State) -> None:
        """Take over a snapshot of a diagnoser with equal parameters."""
        refill("diagnoser", VERSION, self._arrays, state)

    def _decide(self, index: int) -> Diagnosis | None:
        header = self._header[0]
        header["due"] = self._memory.learnt + self.decide_every
        if not header["counting"]:
            header["counting"] = 1
            self._memory.cut_cells(0)
            return None
        return self._revise(index) if header["open"] else self._look(index)

    def _look(self, index: int) -> Diagnosis | None:
        """Open an episode if the last labels are unlike those before, and reading them agrees."""
        header, memory = self._header[0], self._memory
        order = memory.blocks_since(int(header["since"]))
        stretch = least_likely(order, memory.n_groups, memory.counts, self._sums)
        if stretch is None or float(normal_tail(stretch.z)) * self._n_tests > self.alpha:
            header["waits"] = 0
            return None
        labels = memory.labels_since(int(header["since"]))
        guess = len(labels) - stretch.blocks * self.decide_every
        reading = read(memory.records(labels), guess, guess, rounds=2)
        if reading.source == "none":
            header["waits"] = min(max(2 * header["waits"], 1), _WAITS_MAX)
            header["due"] += header["waits"] * self.decide_every
            return None
        header["open"], header["waits"], header["revision"] = 1, 0, 0
        header["episode"] += 1
        header["alarmed"], header["guess"] = memory.learnt, labels[guess]
        return self._tell(index, labels, reading)

    def _revise(self, index: int) -> Diagnosis:
        header, memory = self._header[0], self._memory
        labels = memory.labels_since(int(header["since"]))
        guesses = np.searchsorted(labels, [header["before_end"], header["since_start"]])
        records = memory.records(labels)
        reading = read(records, int(guesses[0]), int(guesses[1]), rounds=1)
        if reading.source == "none":
            # The last reading may have been led astray: begin again at the alarm.
            guess = int(np.searchsorted(labels, header["guess"]))
            reading = read(records, guess, guess, rounds=1)
        header["revision"] += 1
        return self._tell(index, labels, reading)

    def _tell(self, index: int, labels: NDArray[np.int64], reading: Reading) -> Diagnosis:
        """Put a reading into words; end the episode if it is settled."""
        header, memory, timing = self._header[0], self._memory, reading.timing
        learnt = memory.learnt
        placed = np.append(labels, [learnt])
        before_end, since_start = bounds(timing, len(labels))
        header["before_end"], header["since_start"] = placed[before_end], placed[since_start]
        at = _place(placed, timing.at)
        recurs = self._recognise(labels, reading)
        ground = grounds(reading.contrast.tests, reading.margin, learnt - at)
        diagnosis = Diagnosis(
            episode=int(header["episode"]),
            revision=int(header["revision"]),
            index=index,
            learnt=learnt,
            source=reading.source,
            tempo=self._tempo(reading, learnt - at),
            recurs=recurs,
            confidence=confidence(reading.source, ground),
            since=ChangePoint(at, _place(placed, timing.low), _place(placed, timing.high)),
            evidence=self._evidence(labels, reading),
            features=feature_shares(reading, memory.cells_of(labels)),
        )
        self._end_or_wait(labels, reading, at, recurs)
        return diagnosis

    def _tempo(self, reading: Reading, n_since: int) -> Tempo:
        if n_since < _TEMPO_MIN and reading.source != "outliers":
            return "unknown"
        return "gradual" if reading.timing.width else "abrupt"

    def _recognise(self, labels: NDArray[np.int64], reading: Reading) -> int | None:
        """Return the number of the stored concept that the records since the change may be of."""
        if reading.source not in ("real", "virtual", "label"):
            return None
        since = self._memory.records(labels[reading.since])
        best, number = np.inf, None
        for slot in np.flatnonzero(self._store.number):
            if self._store.number[slot] == self._header["concept"][0]:
                continue
            stored = self._memory.as_records(*self._store.sample(int(slot)))
            deviation = likeness(stored, since)
            if is_alike(deviation, len(since.group)) and deviation < best:
                best, number = deviation, int(self._store.number[slot])
        return number

    def _evidence(self, labels: NDArray[np.int64], reading: Reading) -> tuple[Evidence, ...]:
        losses, found = self._memory.losses(labels), reading.contrast.tests
        before, since = losses[reading.before], losses[reading.since]
        before, since = before[~np.isnan(before)], since[~np.isnan(since)]
        mean_before, mean_since, z = np.nan, np.nan, 0.0
        if len(before) and len(since):
            mean_before, mean_since = float(before.mean()), float(since.mean())
            spread = before.var() / len(before) + since.var() / len(since)
            z = (mean_since - mean_before) / np.sqrt(spread) if spread > 0.0 else 0.0
        return (
            Evidence("error", float(z), float(normal_tail(z)), mean_before, mean_since),
            *(
                Evidence(channel, value, float(normal_tail(value)), np.nan, np.nan)
                for channel, value in (
                    ("features", found.features),
                    ("labels", found.labels),
                    ("classes", found.classes),
                    ("concept", found.concept),
                )
            ),
        )

    def _end_or_wait(
        self, labels: NDArray[np.int64], reading: Reading, at: int, recurs: int | None
    ) -> None:
        header, memory, timing = self._header[0], self._memory, reading.timing
        learnt = memory.learnt
        age = learnt - int(header["alarmed"])
        if reading.source == "outliers":
            end = int(labels[timing.end - 1]) + 1
            header["open"] = 0
            memory.leave_out(at, end, int(header["since"]))
        elif reading.source == "none":
            if age >= _FALSE_ALARM:
                header["open"], header["waits"] = 0, _WAITS_MAX
                header["due"] += _WAITS_MAX * self.decide_every
        elif (
            age >= _WATCHED and learnt - at >= max(_SETTLED, timing.width // 2 + _SETTLED // 2)
        ) or age >= len(memory.ring.y) * 5 // 8:
            self._end(labels, reading, recurs)
        if header["open"]:
            pause = min(max(age // self.decide_every // 2, 1), _PAUSE_MAX)
            header["due"] = learnt + self.decide_every * pause

    def _end(self, labels: NDArray[np.int64], reading: Reading, recurs: int | None) -> None:
        """Store the concept that is over; the records since the change are the new one's."""
        header, memory = self._header[0], self._memory
        self._store.keep(int(header["concept"]), memory.ring, labels[reading.before])
        if recurs is None:
            header["concepts"] += 1
        header["concept"] = header["concepts"] if recurs is None else recurs
        header["since"] = header["since_start"]
        header["open"] = 0
        memory.cut_cells(int(header["since"]))


def _place(placed: NDArray[np.int64], place: int) -> int:
    """Return the label at a place, at most the last one: a change that is told of has begun."""
    return int(placed[min(place, len(placed) - 1)])
