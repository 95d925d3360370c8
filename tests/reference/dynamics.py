"""A drift score's recurrence restated plainly: all scores kept, one weighted least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def plain_fit(
    scores: Floats, interventions: Floats, forgetting: float, z_memory: float
) -> dict[str, float]:
    """Fit D' = a + phi D - delta u; the intervention varies, if there is any."""
    y, x, u = scores[1:], scores[:-1], interventions[1:]
    w = forgetting ** np.arange(len(y))[::-1].astype(np.float64)
    intervened = bool(u.any())
    design = np.stack([np.ones(len(y)), x, u][: 3 if intervened else 2], axis=1)
    inverse = np.linalg.inv(design.T @ (w[:, None] * design))
    squares = design.T @ (w[:, None] ** 2 * design)
    theta = inverse @ (design.T @ (w * y))
    rest = float(w @ (y - design @ theta) ** 2)
    noise2 = rest / (w.sum() - np.trace(inverse @ squares))
    covariance = noise2 * inverse @ squares @ inverse
    told = w.sum() ** 2 / (w**2).sum()
    levels = 2 if intervened else 1
    bias = (levels + (levels + 2) * theta[1]) / told
    phi = theta[1] + bias
    phi_error = covariance[1, 1] ** 0.5 * (1 + (levels + 2) / told)
    remembers = abs(phi) > z_memory * phi_error
    mean_y, mean_x, mean_u = (np.average(v, weights=w) for v in (y, x, u))
    fitted = {
        "slope": theta[1],
        "phi": phi,
        "phi_error": phi_error,
        "remembers": float(remembers),
        "noise": noise2**0.5,
    }

    def effect(p: float) -> float:
        """Give delta for a given phi: what is left of y, on u."""
        left = (y - mean_y) - p * (x - mean_x)
        return float(-(w * left) @ (u - mean_u) / (w @ (u - mean_u) ** 2)) if intervened else 0.0

    if phi >= 1:  # nothing that it comes back to
        return fitted
    p = phi if remembers else 0.0
    equilibrium = (mean_y - p * mean_x + effect(p) * mean_u) / (1 - p)
    # Gradients with respect to (a, phi[, -delta]).
    slope = equilibrium / (1 - p)
    if not remembers:  # phi is known then: a moves with it so that the means stay
        slope = mean_x / (1 - p)
    gradient = np.array([1 / (1 - p), slope, 0.0][: len(theta)])
    fitted["equilibrium"] = equilibrium
    fitted["equilibrium_error"] = float(gradient @ covariance @ gradient) ** 0.5
    fitted["spread"] = (noise2 / (1 - p**2)) ** 0.5
    if intervened:
        fitted["delta"] = effect(phi)
        fitted["delta_error"] = covariance[2, 2] ** 0.5
        fitted["lasting"] = effect(phi) / (1 - phi)
        gradient = np.array([0.0, effect(phi) / (1 - phi) ** 2, -1 / (1 - phi)])
        fitted["lasting_error"] = float(gradient @ covariance @ gradient) ** 0.5
    return fitted
