"""Whether two samples, given as counts of the same cells, come from one distribution.

Plain functions. Cells are along the last axis, so one call tests one feature or all of them; a
cell that is empty in both samples takes no part. Each statistic has the chance, under no change,
of one at least as large. Those chances are approximations for large counts: merge cells with
`merge_sparse` before, except for `kolmogorov_smirnov` and `wasserstein`, which need fine cells.

They hold for one test of two samples of independent values. Who tests again and again, or many
features at once, lowers the level: `spending_level`, `rate_level`, `benjamini_hochberg`.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

Floats = NDArray[np.float64]

PRIOR = 0.5
"""Added to each cell for PSI: Jeffreys' prior, so that no cell is empty on one side only."""


class Tested(NamedTuple):
    """A statistic and its chance under no change, one of each for each feature.

    Parameters
    ----------
    statistic
        (...) float64, in the unit of the test.
    p_value
        (...) float64; 1 where there are not two cells to compare.
    """

    statistic: Floats
    p_value: Floats


class Stability(NamedTuple):
    """The population stability index, with what is known of its error; arrays of (...) float64.

    Parameters
    ----------
    value
        J = sum (p - q) ln(p / q), smoothed; too large by `bias` on average.
    bias
        To take off before it is reported.
    standard_error
        Of `value`, for an interval around one that is not 0; never for a test against 0.
    p_value
        Of no change.
    """

    value: Floats
    bias: Floats
    standard_error: Floats
    p_value: Floats

    @property
    def corrected(self) -> Floats:
        """The index without its bias, at least 0."""
        return np.maximum(self.value - self.bias, 0.0)

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the bounds between which the true index lies with probability `level`."""
        reach = normal_critical((1.0 - level) / 2.0) * self.standard_error
        middle = self.value - self.bias
        return np.maximum(middle - reach, 0.0), np.maximum(middle + reach, 0.0)


def population_stability(reference: ArrayLike, now: ArrayLike) -> Stability:
    """Compare by the population stability index, Jeffreys' divergence of two multinomials [1]_.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts, merged.

    Notes
    -----
    With p from n values and q from m, a = ln(p/q) - q/p and b = -ln(p/q) - p/q, the delta method
    gives Var J = (sum p a^2 - (sum p a)^2)/n + (sum q b^2 - (sum q b)^2)/m, and the second order
    a bias of (sum (1 + q/p)(1 - p)/n + sum (1 + p/q)(1 - q)/m)/2. With p = q the gradient
    vanishes: J / (1/n + 1/m) is then chi-square with n_cells - 1 degrees of freedom.

    Examples
    --------
    >>> moved = population_stability([250, 250, 250, 250], [200, 240, 260, 300])
    >>> f"{moved.value:.4f} - {moved.bias:.4f} +- {moved.standard_error:.4f}, {moved.p_value:.1e}"
    '0.0210 - 0.0060 +- 0.0130, 1.5e-02'

    References
    ----------
    .. [1] Jeffreys, 1946, An invariant form for the prior probability in estimation problems,
       Proceedings of the Royal Society A 186. DOI 10.1098/rspa.1946.0056.
    """
    old, new, used = _cells(reference, now)
    n, m = _total(old), _total(new)
    p, q = _smoothed(old, used), _smoothed(new, used)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(used, q / p, 1.0)
        log = np.where(used, np.log(p / q), 0.0)
        a, b = log - ratio, -log - 1.0 / ratio
        variance = _spread(p, a) / n + _spread(q, b) / m
        tilt_old = ((1.0 + ratio) * (1.0 - p) * used).sum(axis=-1) / n
        tilt_new = ((1.0 + 1.0 / ratio) * (1.0 - q) * used).sum(axis=-1) / m
        index = ((p - q) * log).sum(axis=-1)
        p_value = chi_square_tail(index / (1.0 / n + 1.0 / m), used.sum(axis=-1) - 1)
    parts = (index, (tilt_old + tilt_new) / 2.0, np.sqrt(np.maximum(variance, 0.0)))
    value, bias, error = (np.where(used.any(axis=-1), part, 0.0) for part in parts)
    return Stability(value, bias, error, p_value)


def jensen_shannon(reference: ArrayLike, now: ArrayLike) -> Tested:
    """Compare by Jensen-Shannon's distance to base 2, in [0, 1] [1]_.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts, merged.

    Notes
    -----
    Near no change the divergence in nats is an eighth of PSI, so 8 D / (1/n + 1/m) is chi-square
    with n_cells - 1 degrees of freedom. The distance is sqrt(D / ln 2).

    Examples
    --------
    >>> moved = jensen_shannon([250, 250, 250, 250], [200, 240, 260, 300])
    >>> f"{moved.statistic:.4f}, {moved.p_value:.1e}"
    '0.0616, 1.5e-02'

    References
    ----------
    .. [1] Lin, 1991, Divergence measures based on the Shannon entropy, IEEE Transactions on
       Information Theory 37. DOI 10.1109/18.61115.
    """
    old, new, used = _cells(reference, now)
    n, m = _total(old), _total(new)
    with np.errstate(divide="ignore", invalid="ignore"):
        p, q = old / n[..., None], new / m[..., None]
        middle = (p + q) / 2.0
        divergence = (special.rel_entr(p, middle) + special.rel_entr(q, middle)).sum(axis=-1) / 2.0
        p_value = chi_square_tail(8.0 * divergence / (1.0 / n + 1.0 / m), used.sum(axis=-1) - 1)
    divergence = np.where(np.isnan(divergence), 0.0, divergence)
    return Tested(np.sqrt(np.maximum(divergence, 0.0) / math.log(2.0)), p_value)


def chi_square(reference: ArrayLike, now: ArrayLike) -> Tested:
    """Compare by Pearson's chi-square, what is expected taken from both samples together [1]_.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts, merged.

    Examples
    --------
    >>> moved = chi_square([250, 250, 250, 250], [200, 240, 260, 300])
    >>> f"{moved.statistic:.2f}, {moved.p_value:.1e}"
    '10.50, 1.5e-02'

    References
    ----------
    .. [1] Pearson, 1911, On the probability that two independent distributions of frequency are
       really samples from the same population, Biometrika 8. DOI 10.1093/biomet/8.1-2.250.
    """
    old, new, used = _cells(reference, now)
    n, m = _total(old)[..., None], _total(new)[..., None]
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (old + new) / (n + m)
        # (O - E)^2 / E of both samples in one term.
        terms = (old / n - new / m) ** 2 / share / (1.0 / n + 1.0 / m)
    statistic = np.where(used, terms, 0.0).sum(axis=-1)
    return Tested(statistic, chi_square_tail(statistic, used.sum(axis=-1) - 1))


def kolmogorov_smirnov(reference: ArrayLike, now: ArrayLike) -> Tested:
    """Compare by the greatest distance of the cumulative shares, of cells in order [1]_.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts of ordered cells, as fine as wanted, not merged. Each cell edge is a
        place where the distance is looked at, so few cells can miss a change but not invent one.

    Notes
    -----
    The chance is the asymptotic one at n m / (n + m) values. With ties it is too large, so the
    test then errs on the careful side.

    Examples
    --------
    >>> moved = kolmogorov_smirnov([250, 250, 250, 250], [200, 240, 260, 300])
    >>> f"{moved.statistic:.3f}, {moved.p_value:.3f}"
    '0.060, 0.055'

    References
    ----------
    .. [1] Smirnov, 1948, Table for estimating the goodness of fit of empirical distributions,
       Annals of Mathematical Statistics 19. DOI 10.1214/aoms/1177730256.
    """
    old, new = np.asarray(reference, dtype=np.float64), np.asarray(now, dtype=np.float64)
    n, m = _total(old), _total(new)
    distance = np.abs(_cumulative(old) - _cumulative(new)).max(axis=-1, initial=0.0)
    distance = np.where((n > 0.0) & (m > 0.0), distance, 0.0)
    return Tested(distance, special.kolmogorov(np.sqrt(_harmonic(n, m)) * distance))


def wasserstein(reference: ArrayLike, now: ArrayLike, width: ArrayLike) -> Tested:
    """Compare by Wasserstein's distance of order 1, in standard deviations of the reference [1]_.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts of ordered cells, fine, not merged.
    width
        (..., n_cells - 1) distance between the middles of neighbouring cells.

    Notes
    -----
    W = sum |F_p - F_q| width. Under no change sqrt(n m / (n + m)) W tends to the integral of
    |Brownian bridge|, whose mean is sqrt(2 / pi) sum sqrt(F (1 - F)) width, and which, as the
    supremum of Gaussians with at most the variance of the values, strays above its mean by t
    standard deviations of the values with at most the chance that a standard normal number
    exceeds t [2]_. So the chance that is given is an upper bound: the test is careful.

    References
    ----------
    .. [1] del Barrio, Gine and Matran, 1999, Central limit theorems for the Wasserstein distance
       between the empirical and the true distributions, Annals of Probability 27.
       DOI 10.1214/aop/1022677394.
    .. [2] Borell, 1975, The Brunn-Minkowski inequality in Gauss space, Inventiones Mathematicae
       30. DOI 10.1007/BF01425510.
    """
    old, new = np.asarray(reference, dtype=np.float64), np.asarray(now, dtype=np.float64)
    gaps = np.asarray(width, dtype=np.float64)
    n, m = _total(old), _total(new)
    # The bridge's own distribution is taken from both samples: they are one, if nothing changed.
    both = _cumulative(old + new)[..., :-1]
    spread = _deviation(both, gaps)
    deviation = _deviation(_cumulative(old)[..., :-1], gaps)  # 0 if it had but one value
    moved = (np.abs(_cumulative(old) - _cumulative(new))[..., :-1] * gaps).sum(axis=-1)
    mean = math.sqrt(2.0 / math.pi) * (np.sqrt(both * (1.0 - both)) * gaps).sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        strays = (np.sqrt(_harmonic(n, m)) * moved - mean) / spread
        scaled = moved / np.where(deviation > 0.0, deviation, spread)
    there = (n > 0.0) & (m > 0.0) & (moved > 0.0)
    p_value = np.where(there & (strays > 0.0), normal_tail(strays), 1.0)
    return Tested(np.where(there, scaled, 0.0), p_value)


def newcomer(reference: ArrayLike, now: ArrayLike) -> tuple[NDArray[np.int64], Floats]:
    """Find the cell that is most surely new: empty in the reference, and not by chance.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts, not merged.

    Returns
    -------
    tuple
        The cell (-1 where none is new), and the chance of as many values in a cell, all of them
        among the present ones: that of a hypergeometric draw, exact, times the number of cells
        in use. Categories of which each is seen once, like identifiers, are therefore no news.

    Examples
    --------
    >>> cell, chance = newcomer([600, 300, 0, 0], [280, 150, 2, 18])
    >>> int(cell), f"{chance:.1e}"
    (3, '8.2e-09')
    """
    old, new, used = _cells(reference, now)
    n, m = _total(old), _total(new)
    fresh = np.where(old == 0.0, new, 0.0)
    most = fresh.max(axis=-1, initial=0.0)
    # C(m, k) / C(n + m, k): all k values of a cell fall among the m present ones.
    log = _log_choices(m, most) - _log_choices(n + m, most)
    chance = np.minimum(np.exp(log) * used.sum(axis=-1), 1.0)
    return np.where(most > 0.0, fresh.argmax(axis=-1), -1), np.where(most > 0.0, chance, 1.0)


def shares(reference: ArrayLike, now: ArrayLike) -> Tested:
    """Compare two shares, however small, exactly [1]_.

    Parameters
    ----------
    reference, now
        (..., 2) counts of what is not and what is.

    Returns
    -------
    Tested
        How much the share has grown, and the chance: twice that of the nearer tail of the
        hypergeometric distribution, which holds for any counts, at any level.

    Examples
    --------
    >>> grown = shares([2000, 0], [494, 6])
    >>> f"{grown.statistic:.3f}, {grown.p_value:.1e}"
    '0.012, 1.2e-04'

    References
    ----------
    .. [1] Fisher, 1935, The logic of inductive inference, Journal of the Royal Statistical
       Society 98. DOI 10.2307/2342435.
    """
    old, new = np.asarray(reference, dtype=np.float64), np.asarray(now, dtype=np.float64)
    n, m = _total(old), _total(new)
    grown = new[..., 1] / np.maximum(m, 1.0) - old[..., 1] / np.maximum(n, 1.0)
    both = old[..., 1] + new[..., 1]
    # Where all are, or none is, there is but one way.
    open_ = (n > 0.0) & (m > 0.0) & (both > 0.0) & (both < n + m)
    p_value = np.ones(both.shape)
    p_value[open_] = _two_tails(n[open_], m[open_], both[open_], new[..., 1][open_])
    return Tested(np.where((n > 0.0) & (m > 0.0), grown, 0.0), p_value)


def merge_sparse(
    reference: ArrayLike, now: ArrayLike, expected_min: float = 5.0
) -> tuple[Floats, Floats]:
    """Merge neighbouring cells until each can be expected to hold `expected_min` values.

    Only the sums over both samples decide, which say nothing of a difference between them; so
    the tests keep their size. What was merged away is left as empty cells.

    Parameters
    ----------
    reference, now
        (..., n_cells) counts.
    expected_min
        Least number that is expected, under no change, of the smaller sample.

    Examples
    --------
    >>> [part.tolist() for part in merge_sparse([30, 1, 2, 30, 1], [20, 2, 1, 19, 0])]
    [[30.0, 0.0, 0.0, 34.0, 0.0], [20.0, 0.0, 0.0, 22.0, 0.0]]
    """
    old = np.array(reference, dtype=np.float64)
    new = np.array(now, dtype=np.float64)
    n, m = _total(old), _total(new)
    with np.errstate(divide="ignore", invalid="ignore"):
        expected = (old + new) * (np.minimum(n, m) / (n + m))[..., None]
    sparse = ((expected < expected_min) & (old + new > 0.0)).any(axis=-1)
    for at in np.argwhere(sparse):
        where = tuple(at)
        _merge(old[where], new[where], expected[where], expected_min)
    return old, new


def cells_of(first: ArrayLike, second: ArrayLike) -> tuple[Floats, Floats]:
    """Count two samples of numbers in one cell for each distinct value: the finest there are.

    Examples
    --------
    >>> [part.tolist() for part in cells_of([1.0, 2.0, 2.0], [2.0, 5.0])]
    [[1.0, 2.0, 0.0], [0.0, 1.0, 1.0]]
    """
    parts = [np.asarray(sample, dtype=np.float64) for sample in (first, second)]
    _, cell = np.unique(np.concatenate(parts), return_inverse=True)
    n, size = len(parts[0]), int(cell.max(initial=-1)) + 1
    old, new = (np.bincount(part, minlength=size) for part in (cell[:n], cell[n:]))
    return old.astype(np.float64), new.astype(np.float64)


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjust the chances of many tests so that refusing those <= q holds false discoveries to q.

    Of the refusals, at most the share q is false on average, for tests that are independent or
    positively dependent [1]_ [2]_. If nothing has changed at all, q is also the chance of any.

    Parameters
    ----------
    p_values
        (n_tests,) of tests made at one time.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.5, 0.02, 0.04]).round(3).tolist()
    [0.04, 0.5, 0.04, 0.053]

    References
    ----------
    .. [1] Benjamini and Hochberg, 1995, Controlling the false discovery rate, Journal of the Royal
       Statistical Society B 57. DOI 10.1111/j.2517-6161.1995.tb02031.x.
    .. [2] Benjamini and Yekutieli, 2001, The control of the false discovery rate in multiple
       testing under dependency, Annals of Statistics 29. DOI 10.1214/aos/1013699998.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p, kind="stable")
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.minimum.accumulate(scaled[::-1])[::-1], 1.0)
    return adjusted


def spending_level(k: int, alpha: float) -> float:
    """Return the level of the k-th test (from 1) of a series whose levels sum to `alpha`.

    alpha 6 / (pi^2 k^2): however long the series, a false alarm comes with at most this chance.
    """
    return alpha * 6.0 / (math.pi * k) ** 2


def rate_level(step: int, alpha: float, records: int = 100_000) -> float:
    """Return the level of each test of a series, one every `step` records, that never ends.

    On average it gives `alpha` false alarms in `records` records, as an expectation is a sum
    whatever hangs on whatever.
    """
    return alpha * step / records


def chi_square_tail(statistic: ArrayLike, degrees: ArrayLike) -> Floats:
    """Return the chance that a chi-square number exceeds `statistic`; 1 without any freedom."""
    x, k = np.asarray(statistic, dtype=np.float64), np.asarray(degrees, dtype=np.float64)
    there = (k >= 1.0) & ~np.isnan(x)
    tail = special.chdtrc(np.maximum(k, 1.0), np.where(there, np.maximum(x, 0.0), 0.0))
    return np.where(there, tail, 1.0)


def chi_square_critical(level: float, degrees: int) -> float:
    """Return what a chi-square number exceeds with probability `level`.

    Examples
    --------
    >>> round(chi_square_critical(0.05, 9) * (1 / 1000 + 1 / 1000), 4)  # PSI, ten bins
    0.0338
    """
    return float(special.chdtri(degrees, level))


def normal_tail(x: ArrayLike) -> Floats:
    """Return the chance that a standard normal number exceeds `x`."""
    return np.asarray(special.ndtr(-np.asarray(x, dtype=np.float64)))


def normal_critical(level: float) -> float:
    """Return what a standard normal number exceeds with probability `level`."""
    return float(-special.ndtri(level))


def _log_choices(n: Floats, k: Floats) -> Floats:
    return np.asarray(
        special.gammaln(n + 1.0) - special.gammaln(k + 1.0) - special.gammaln(n - k + 1.0)
    )


def _two_tails(n: Floats, m: Floats, both: Floats, present: Floats) -> Floats:
    """Return twice the nearer tail: of `both` among n + m values, `present` are of the last m."""
    k = np.arange(int(m.max(initial=0.0)) + 1, dtype=np.float64)
    n, m, both, at = (part[:, None] for part in (n, m, both, present))
    possible = (k <= m) & (k <= both) & (both - k <= n)
    inside, rest = np.where(possible, k, 0.0), np.where(possible, both - k, 0.0)
    log = _log_choices(m, inside) + _log_choices(n, rest) - _log_choices(n + m, both)
    chance = np.where(possible, np.exp(log), 0.0)
    above, below = (chance * (k >= at)).sum(axis=1), (chance * (k <= at)).sum(axis=1)
    return np.asarray(np.minimum(2.0 * np.minimum(above, below), 1.0))


def _cells(reference: ArrayLike, now: ArrayLike) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    old, new = np.asarray(reference, dtype=np.float64), np.asarray(now, dtype=np.float64)
    there = (_total(old) > 0.0) & (_total(new) > 0.0)
    return old, new, (old + new > 0.0) & there[..., None]


def _total(counts: Floats) -> Floats:
    return np.asarray(counts.sum(axis=-1))


def _smoothed(counts: Floats, used: NDArray[np.bool_]) -> Floats:
    filled = np.where(used, counts + PRIOR, 0.0)
    with np.errstate(invalid="ignore"):  # without any cell in use, the chance is 1 whatever comes
        return np.asarray(filled / _total(filled)[..., None])


def _spread(share: Floats, value: Floats) -> Floats:
    """Return the variance of a value that depends on the cell."""
    return np.asarray((share * value**2).sum(axis=-1) - (share * value).sum(axis=-1) ** 2)


def _cumulative(counts: Floats) -> Floats:
    return np.asarray(np.cumsum(counts, axis=-1) / np.maximum(_total(counts), 1.0)[..., None])


def _harmonic(n: Floats, m: Floats) -> Floats:
    return np.asarray(n * m / np.maximum(n + m, 1.0))


def _deviation(below: Floats, gaps: Floats) -> Floats:
    """Return the standard deviation of values whose cumulative shares are known.

    Var = 2 sum_{i < j} F_i (1 - F_j) g_i g_j + sum F_i (1 - F_i) g_i^2, Hoeffding's formula.
    """
    reached = np.cumsum(below * gaps, axis=-1)
    beyond = (1.0 - below) * gaps
    variance = (2.0 * reached * beyond).sum(axis=-1) - (below * gaps * beyond).sum(axis=-1)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def _merge(old: Floats, new: Floats, expected: Floats, least: float) -> None:
    """Gather cells from the left until they are full; what is left over goes to the last one."""
    start, full, gathered = 0, -1, 0.0
    for cell in range(len(old)):
        gathered += float(expected[cell])
        last = cell == len(old) - 1
        if gathered < least and not last:
            continue
        home = cell if gathered >= least or full < 0 else full
        for counts in (old, new):
            total = float(counts[start : cell + 1].sum())
            counts[start : cell + 1] = 0.0
            counts[home] += total
        start, full, gathered = cell + 1, home, 0.0
