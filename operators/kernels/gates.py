"""Gates: ways of making one answer out of experts' answers, and the choice among the gates.

Gates, in order: the learnt pool (a product of the experts' probabilities, each to a power that
follows the gradient of the log loss); a mixture by recent log loss for each of some memories,
exponential weights with forgetting [1]_; a mixture by the router's opinion of the record; and each
expert by itself. The gate that has been right most often of late answers: gates are scored on what
they said when the record was predicted, whenever its label comes.

References
----------
.. [1] Raftery, Karny and Ettler, 2010, Online prediction under model uncertainty via dynamic model
   averaging, Technometrics 52, section 2. DOI 10.1198/TECH.2009.08104.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from operators.kernels.compiled import njit
from operators.kernels.dense import Dense, encode, learn_dense
from operators.kernels.ensemble import largest
from operators.kernels.mlp import Network, Training, copy_values, forward, keep, learn_batch

FloatArray = NDArray[np.float64]
Float32Array = NDArray[np.float32]

IntArray = NDArray[np.int64]

PROBABILITY_MIN = 1e-3  # what one wrong answer can cost an expert is bounded
LOG_MIN = math.log(PROBABILITY_MIN)
POOL_MEMORY = 0.999
POOL = 0
# Importance of classes: what earlier labels count, and the most that balancing does.
COUNT_MEMORY = 0.999
IMPORTANCE_MAX = 20.0


class Gates(NamedTuple):
    """State, parameters and working space; K experts, R memories, G gates.

    Parameters
    ----------
    pool, squares
        (K,) float64, powers of the pool, and recent mean of their squared gradients; mutated.
    recent
        (R, K) float64, recent log likelihood of each expert; mutated.
    score
        (G,) float64, recent share of right answers; mutated.
    memory
        (R,) float64, what earlier log losses count at each label.
    probabilities, logs
        (K, n_classes) float64 working space: what the experts say, and its logarithms.
    answers
        (G, n_classes) float64 working space.
    shares
        (G, K) float64 working space: what each expert counts in each gate.
    logits
        (K,) float32 working space, of the router.
    pool_rate, score_rate
        Step sizes of the pool and of the scores.
    """

    pool: FloatArray
    squares: FloatArray
    recent: FloatArray
    score: FloatArray
    memory: FloatArray
    probabilities: FloatArray
    logs: FloatArray
    answers: FloatArray
    shares: FloatArray
    logits: Float32Array
    pool_rate: float
    score_rate: float


def make_gates(
    n_experts: int,
    n_classes: int,
    memory: tuple[float, ...],
    *,
    pool_rate: float,
    score_rate: float,
) -> Gates:
    """Make gates that have heard nothing."""
    n_gates = 1 + len(memory) + 1 + n_experts
    shares = np.zeros((n_gates, n_experts))
    shares[-n_experts:] = np.eye(n_experts)
    return Gates(
        pool=np.full(n_experts, 1.0 / n_experts),
        squares=np.zeros(n_experts),
        recent=np.zeros((len(memory), n_experts)),
        score=np.zeros(n_gates),
        memory=np.array(memory),
        probabilities=np.zeros((n_experts, n_classes)),
        logs=np.zeros((n_experts, n_classes)),
        answers=np.zeros((n_gates, n_classes)),
        shares=shares,
        logits=np.zeros(n_experts, dtype=np.float32),
        pool_rate=pool_rate,
        score_rate=score_rate,
    )


class Batch(NamedTuple):
    """Records that wait for the router's next step.

    Parameters
    ----------
    inputs, masks
        (batch, n_entries) and (batch, K) float32; mutated.
    filled
        (1,) int64; mutated.
    input
        (n_entries,) float32 working space.
    """

    inputs: Float32Array
    masks: Float32Array
    filled: IntArray
    input: Float32Array


@njit(cache=True, nogil=True, error_model="numpy")
def normalise(values: FloatArray) -> None:
    """Turn logarithms into shares."""
    top = -np.inf
    for value in values:
        top = max(top, value)
    total = 0.0
    for k in range(len(values)):
        values[k] = math.exp(max(values[k] - top, -700.0))
        total += values[k]
    for k in range(len(values)):
        values[k] /= total


@njit(cache=True, nogil=True, error_model="numpy")
def logarithms(probabilities: FloatArray, logs: FloatArray) -> None:
    """Write the logarithms of probabilities that are at least `PROBABILITY_MIN`."""
    for k in range(probabilities.shape[0]):
        for c in range(probabilities.shape[1]):
            value = probabilities[k, c]
            logs[k, c] = math.log(value) if value > PROBABILITY_MIN else LOG_MIN


@njit(cache=True, nogil=True, error_model="numpy")
def pool(powers: FloatArray, logs: FloatArray, answer: FloatArray, shares: FloatArray) -> None:
    """Write the pool's answer, and the positive part of its powers as shares."""
    answer[:] = 0.0
    total = 0.0
    for k in range(len(powers)):
        power = powers[k]
        for c in range(len(answer)):
            answer[c] += power * logs[k, c]
        shares[k] = max(power, 0.0)
        total += shares[k]
    for k in range(len(powers)):
        shares[k] = shares[k] / total if total > 0.0 else 1.0 / len(powers)
    normalise(answer)


@njit(cache=True, nogil=True, error_model="numpy")
def mix(probabilities: FloatArray, shares: FloatArray, answer: FloatArray) -> None:
    """Write the mean of the experts' probabilities by a gate's shares."""
    answer[:] = 0.0
    for k in range(len(probabilities)):
        share, said = shares[k], probabilities[k]
        for c in range(len(answer)):
            answer[c] += share * said[c]


@njit(cache=True, nogil=True, error_model="numpy")
def answer_gates(gates: Gates) -> int:
    """Write every gate's answer to `gates.probabilities`' question; return the gate to believe."""
    probabilities, logs, logits = gates.probabilities, gates.logs, gates.logits
    answers, shares, recent = gates.answers, gates.shares, gates.recent
    logarithms(probabilities, logs)
    pool(gates.pool, logs, answers[POOL], shares[POOL])
    for r in range(len(recent)):
        for k in range(len(probabilities)):
            shares[1 + r, k] = recent[r, k]
        normalise(shares[1 + r])
        mix(probabilities, shares[1 + r], answers[1 + r])
    router = 1 + len(recent)
    for k in range(len(probabilities)):
        shares[router, k] = logits[k]
        for c in range(probabilities.shape[1]):
            answers[router + 1 + k, c] = probabilities[k, c]
    normalise(shares[router])
    mix(probabilities, shares[router], answers[router])
    return int(largest(gates.score))


@njit(cache=True, nogil=True, error_model="numpy")
def note(gates: Gates, trace: FloatArray) -> None:
    """Write down what `learn_gates` will need: log probabilities, votes and the pool's means."""
    logs, answers = gates.logs, gates.answers
    pooled = answers[POOL]
    n_experts, n_classes = logs.shape
    means = n_experts * n_classes + len(answers)
    for k in range(n_experts):
        mean = 0.0
        for c in range(n_classes):
            trace[k * n_classes + c] = logs[k, c]
            mean += pooled[c] * logs[k, c]
        trace[means + k] = mean
    for g in range(len(answers)):
        trace[n_experts * n_classes + g] = largest(answers[g])


@njit(cache=True, nogil=True, error_model="numpy")
def learn_gates(gates: Gates, trace: FloatArray, y: int, weight: float) -> None:
    """Learn from a label and from what was written down when its record was predicted."""
    n_experts, n_classes = gates.logs.shape
    score, recent, memory = gates.score, gates.recent, gates.memory
    squares, powers = gates.squares, gates.pool
    gain = min(gates.score_rate * weight, 1.0)
    for g in range(len(score)):
        hit = 1.0 if trace[n_experts * n_classes + g] == y else 0.0
        score[g] += gain * (hit - score[g])
    for k in range(n_experts):
        likelihood = trace[k * n_classes + y]
        for r in range(len(recent)):
            recent[r, k] = memory[r] * recent[r, k] + weight * likelihood
        slope = weight * (trace[n_experts * n_classes + len(score) + k] - likelihood)
        squares[k] = POOL_MEMORY * squares[k] + (1.0 - POOL_MEMORY) * slope * slope
        powers[k] -= gates.pool_rate * slope / (math.sqrt(squares[k]) + 0.1)


@njit(cache=True, nogil=True, error_model="numpy")
def take_input(batch: Batch, vector: FloatArray) -> None:
    """Write the router's view of a record."""
    into = batch.input
    for j in range(len(into)):
        into[j] = np.float32(vector[j + 1])


@njit(cache=True, nogil=True, error_model="numpy")
def mark_right(gates: Gates, trace: FloatArray, y: int, mask: Float32Array) -> None:
    """Write which experts were right, or the one that gave the true class most probability."""
    n_experts, n_classes = gates.logs.shape
    singles = n_experts * n_classes + len(gates.score) - n_experts
    best, right = 0, 0
    for k in range(n_experts):
        is_right = trace[singles + k] == y
        mask[k] = np.float32(1.0) if is_right else np.float32(0.0)
        right += is_right
        if trace[k * n_classes + y] > trace[best * n_classes + y]:
            best = k
    if right == 0:
        mask[best] = np.float32(1.0)


@njit(cache=True, nogil=True, error_model="numpy")
def run_gates(
    action: NDArray[np.uint8],
    row: IntArray,
    x: FloatArray,
    y: FloatArray,
    weight: FloatArray,
    said: FloatArray,
    output: FloatArray,
    trace: FloatArray,
    gates: Gates,
    dense: Dense,
    network: Network,
    training: Training,
    batch: Batch,
) -> None:
    """Run a tape on which the experts have already said what they say.

    The trace ends with the gate that was believed and each expert's share in it.

    Parameters
    ----------
    said
        (K, n_rows, n_classes) float64.
    """
    n_experts, n_classes = gates.logs.shape
    probabilities, answers, shares = gates.probabilities, gates.answers, gates.shares
    end = n_experts * n_classes + len(gates.score) + n_experts
    encoded = -1  # the row that `batch.input` holds as it would be written now, -1 if none
    for step in range(len(row)):
        i = row[step]
        if encoded != i:
            encode(dense, x[i])
            take_input(batch, dense.vector)
        if action[step] == 0:
            for k in range(n_experts):
                for c in range(n_classes):
                    probabilities[k, c] = said[k, i, c]
            forward(network, batch.input, gates.logits)
            encoded = i
            chosen = answer_gates(gates)
            note(gates, trace[i])
            trace[i, end] = chosen
            for c in range(n_classes):
                output[i, c] = answers[chosen, c]
            for k in range(n_experts):
                trace[i, end + 1 + k] = shares[chosen, k]
            continue
        code = np.int64(y[i])
        learn_gates(gates, trace[i], code, weight[i])
        filled = batch.filled[0]
        mark_right(gates, trace[i], code, batch.masks[filled])
        copy_values(batch.input, batch.inputs[filled])
        if encoded == i:
            keep(network, gates.logits, filled)
        encoded = -1
        batch.filled[0] = filled + 1
        if filled + 1 == len(batch.inputs):
            learn_batch(network, training, batch.inputs, batch.masks)
            batch.filled[0] = 0
        learn_dense(dense, x[i])


@njit(cache=True, nogil=True, error_model="numpy")
def weigh_classes(
    action: NDArray[np.uint8],
    row: IntArray,
    y: FloatArray,
    counts: FloatArray,
    balance: float,
    weight: FloatArray,
) -> None:
    """Write what each row that is learnt counts: more for a rare class.

    Parameters
    ----------
    counts
        (n_classes,) float64, recent number of labels of each class; mutated.
    balance
        0: each record counts alike; 1: each class does.
    weight
        (n_rows,) float64, written where a row is learnt.
    """
    for step in range(len(row)):
        if action[step] == 0:
            continue
        code = np.int64(y[row[step]])
        total, known = 0.0, 0
        for c in range(len(counts)):
            counts[c] *= COUNT_MEMORY
            if c == code:
                counts[c] += 1.0
            total += counts[c]
            known += counts[c] > 0.0
        value = (total / (known * counts[code])) ** balance
        weight[row[step]] = min(max(value, 1.0 / IMPORTANCE_MAX), IMPORTANCE_MAX)
