"""What differs between the records before a change and those since: four tests of independence.

With t telling before from since, the change is

- none of P(y|x) if y and t are independent given x,
- none of P(x|y) if x and t are independent given y,
- none of P(x), none of P(y), if each is independent of t.

The first asks for models of y and of t given x. Both are fitted to all records, and what they leave
is multiplied [1]_: the mean of the products is 0 under independence, and an error of either model
only counts as far as the other errs in the same places. So a shift of P(x) into a region that the
model of y describes badly does not pass for a new P(y|x). A mean of 0 may hide differences that
cancel; so products are weighted [2]_ by the difference of two models of y, one of before and one
of since, and they are all fitted to other records than those they are used on. Where the two
disagree, records on each side should agree with their own.

The models are ridge regressions on ranks of numbers, indicators of codes and random cosines of
both [3]_: they need no steps to train and no choices.

References
----------
.. [1] Shah and Peters, 2020, The hardness of conditional independence testing and the generalised
   covariance measure, Annals of Statistics 48(3). DOI 10.1214/19-AOS1857.
.. [2] Scheidegger, Hörrmann and Bühlmann, 2022, The weighted generalised covariance measure, JMLR
   23(273).
.. [3] Rahimi and Recht, 2007, Random features for large-scale kernel machines, NIPS.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from operators.diagnosis.basis import basis
from operators.diagnosis.ridge import OutOfFold
from operators.diagnosis.significance import chi_square, deviation

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
_GROUP_MIN = 30  # records of a group below which nothing is fitted within it
_RATIO_BINS = 15


@dataclass(frozen=True, slots=True)
class Records:
    """Records in their order.

    Parameters
    ----------
    x
        (n, n_columns), NaN where missing.
    group
        (n,) int64 of the label.
    capacity
        (n_columns,) of categories; 0 for numbers.
    n_groups
        Number of groups.
    """

    x: Floats
    group: NDArray[np.int64]
    capacity: NDArray[np.int64]
    n_groups: int


@dataclass(frozen=True, slots=True)
class Deviations:
    """Deviations from no change, standard normal under it.

    Parameters
    ----------
    concept
        Of labels given the features.
    classes
        Of features given the labels.
    features, labels
        Of either alone.
    """

    concept: float
    classes: float
    features: float
    labels: float


@dataclass(frozen=True, slots=True)
class Contrast:
    """The tests, and what each record says.

    Parameters
    ----------
    tests
        Of both sides.
    log_ratio
        (n,) of each record: how much likelier it is since the change than before, in logarithms.
    products
        (n, n_groups) by records compared: what the models leave of y, times what they leave of t.
    """

    tests: Deviations
    log_ratio: Floats
    products: Floats


def contrast(records: Records, before: Mask, since: Mask) -> Contrast:
    """Compare the records of one mask with those of another; the rest are only judged."""
    used = before | since
    t = since.astype(np.float64)
    y = np.eye(records.n_groups)[records.group]
    model = OutOfFold(*basis(records.x, records.capacity, used))
    given_x = model.predict(np.column_stack([y, t]), used)
    gap = model.predict(y, since) - model.predict(y, before)
    left_y, left_t = y - given_x[:, :-1], t - given_x[:, -1]
    products = left_y * left_t[:, None]
    share, given_y = _given_group(model, records, t, used)
    mean = t[used].mean()
    counts = np.stack(
        [np.bincount(records.group[m], minlength=records.n_groups) for m in (before, since)]
    )
    tests = Deviations(
        concept=_mean_of((products * gap).sum(axis=1)[used]),
        classes=_mean_of((given_y * (t - share))[used]),
        features=_mean_of(((given_x[:, -1] - mean) * (t - mean))[used]),
        labels=deviation(*chi_square(*counts)),
    )
    log_ratio = _log_ratio(share + given_y, before, since)
    return Contrast(tests, log_ratio, np.where(used[:, None], products, 0.0))


def _given_group(
    model: OutOfFold, records: Records, t: Floats, used: Mask
) -> tuple[Floats, Floats]:
    """Return the share of t in each record's group, and what x adds to it within the group."""
    share, added = np.full(len(t), t[used].mean()), np.zeros(len(t))
    for group in range(records.n_groups):
        own = records.group == group
        if (own & used).any():
            share[own] = (t[own & used].sum() + t[used].mean()) / ((own & used).sum() + 1.0)
        if (own & used).sum() >= _GROUP_MIN:
            added[own] = model.predict((t - share)[:, None], own & used)[own, 0]
    return share, added


def _mean_of(values: Floats) -> float:
    """Tell by how many of its deviations a mean is above 0."""
    size = float(np.sqrt((values * values).sum()))
    return float(values.sum()) / size if size > 0.0 else 0.0


def _log_ratio(score: Floats, before: Mask, since: Mask) -> Floats:
    """Make likelihood ratios of scores: by how records with such scores divide between sides."""
    edges = np.unique(np.quantile(score[before | since], np.linspace(0, 1, _RATIO_BINS + 1)[1:-1]))
    place = np.searchsorted(edges, score)
    shares = []
    for mask in (before, since):
        counts = np.bincount(place[mask], minlength=len(edges) + 1) + 0.5
        shares.append(counts / counts.sum())
    return np.asarray(np.log(shares[1] / shares[0])[place])
