"""How far off a value may lie when a running mean and variance are learnt from it.

A variance that a wild value enters as it came, a glitch of 1e6 in a column of zeros and ones, takes
as many records to come back as the value was wide: whatever is standardised by it lies on one point
until then. Winsorised [1]_, a value adds a tenth to the variance at the most, or, while fewer than
1,000 records are known, counts as ten deviations. Where the spread has truly grown, that is made up
for within a few records: n values beyond the reach widen the variance 1.1^n times.

A column that is constant, or was for so long that its variance has faded away, has no spread to
measure by, and rounding leaves some of it: a last digit, a deviation of 1e-100. Bounded by that, a
value that ends the constancy would be rounded to the mean, and nothing be learnt ever again.

References
----------
.. [1] Dixon & Tukey, 1968, Approximate behavior of the distribution of Winsorized t, Technometrics
   10(1). DOI 10.2307/1266226.
"""

from __future__ import annotations

import math

from operators.kernels.compiled import njit

COUNT_MIN = 5.0  # with fewer records, ten deviations are nothing rare
SQUARE_MIN = 100.0  # squared standard deviations that always count
SHARE = 0.1
NOISE = 1e-12  # of the mean, or of 1 where that is smaller: a deviation like it is none


@njit(cache=True, nogil=True, forceinline=True, error_model="numpy")
def winsorised(value: float, mean: float, m2: float, count: float) -> float:
    """Return the value, or the furthest from the mean that moments are learnt from on its side.

    `m2` is the sum of squared deviations of the `count` records that the moments go back over.
    """
    noise = NOISE * max(abs(mean), 1.0)
    if count < COUNT_MIN or not m2 / count > noise * noise:
        return value
    reach = math.sqrt(max(SQUARE_MIN, SHARE * count) * (m2 / count))
    return min(max(value, mean - reach), mean + reach)
