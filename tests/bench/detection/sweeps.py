"""Who is measured, and by which parameter each is made more or less sensitive.

Detectors can be compared only at the same false alarms: each is swept along the one parameter that
trades them for delay, all others as they come. Its default is among the values, so that the same
runs say what it does out of the box.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.bench.candidates import OURS
from tests.bench.detection.streams import Family, Sides

Params = dict[str, Any]
_ALL: tuple[Family, ...] = ("errors", "learner", "numbers")
_OF_ERRORS: tuple[Family, ...] = ("errors", "learner")
_OF_NUMBERS: tuple[Family, ...] = ("numbers",)

_TINY = (1e-2, 1e-3, 1e-4, 1e-6, 1e-8, 1e-10)
_SMALL = (0.03, 0.01, 1e-3, 1e-4, 1e-5, 1e-6, 1e-8)
_SUMS = (5.0, 10.0, 20.0, 30.0, 50.0, 80.0)
_SUMS_OF_NUMBERS = (10.0, 20.0, 35.0, 50.0, 80.0, 120.0)
_ADWIN = (0.9, 0.5, 0.2, 0.05, 0.01, 0.002, 1e-4)
_LEVELS = (1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0)
_SPACINGS = (0.98, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5)
_KS = (0.02, 0.005, 1e-3, 1e-4, 1e-5, 1e-6)
_AVERAGES = (0.08, 0.1, 0.12, 0.15, 0.18, 0.22)
_AVERAGES_OF_NUMBERS = (0.2, 0.25, 0.3, 0.35, 0.4, 0.5)
_SIGNIFICANCE = (0.03, 0.003, 3e-4, 3e-5, 1e-6, 1e-8)
_WEIGHTS = (0.02, 0.05, 0.1, 0.2, 0.3)
_RUN_LENGTHS = (300.0, 1e3, 3e3, 1e4, 3e4, 1e5, 3e5)
_RUN_LENGTHS_OF_NUMBERS = (100.0, 300.0, 1e3, 3e3, 1e4, 1e5)
_SPRT = (0.05, 0.01, 1e-3, 1e-4, 1e-5, 1e-6)
_RDDM = (1.8, 2.258, 2.6, 3.0, 3.5, 4.0)


@dataclass(frozen=True, slots=True)
class Sweep:
    """A detector and the values of its sensitivity.

    Parameters
    ----------
    library, name
        Of the detector; `name` is ours, so that equal detectors have equal names.
    parameter
        The library's name of the swept parameter.
    values
        Over the range in which false alarms go from some in 10,000 values to hardly any.
    default
        The library's own choice.
    families
        What it takes.
    of_numbers
        Instead of `values` where these are in the unit of what is watched.
    fixed
        Other parameters that have to leave room for the sweep.
    up, both
        Parameters that make it look for rises only, or for both sides, where there is a choice.
    seeds_max
        Seeds that it is given, where its speed allows no more.
    """

    library: str
    name: str
    parameter: str
    values: tuple[float, ...]
    default: float
    families: tuple[Family, ...] = _OF_ERRORS
    of_numbers: tuple[float, ...] = ()
    fixed: Params = field(default_factory=dict)
    up: Params = field(default_factory=dict)
    both: Params = field(default_factory=dict)
    seeds_max: int = 1_000

    @property
    def is_ours(self) -> bool:
        """Whether it comes from the catalogue."""
        return self.library == OURS

    @property
    def label(self) -> str:
        """How it is written in tables: ours bare, others with their library."""
        return self.name if self.is_ours else f"{self.library}:{self.name}"

    def values_for(self, family: Family) -> tuple[float, ...]:
        """Give the values for what is watched, the default among them."""
        swept = self.of_numbers if family == "numbers" and self.of_numbers else self.values
        return swept if self.default in swept else (*swept, self.default)

    def params(self, value: float, sides: Sides) -> Params:
        """Give the parameters of one setting."""
        return {**self.fixed, **(self.up if sides == "up" else self.both), self.parameter: value}


def _ours() -> list[Sweep]:
    up, both = {"direction": "up"}, {"direction": "both"}
    return [
        Sweep(OURS, "adwin", "delta", _ADWIN, 0.002, _ALL),
        Sweep(OURS, "cusum", "threshold", _SUMS, 50.0, _ALL, _SUMS_OF_NUMBERS, up=up, both=both),
        Sweep(OURS, "ddm", "drift_level", _LEVELS, 3.0, fixed={"warning_level": 1.0}),
        Sweep(OURS, "ecdd", "weight", _WEIGHTS, 0.2),
        Sweep(OURS, "eddm", "drift_level", _SPACINGS, 0.9, fixed={"warning_level": 0.99}),
        Sweep(OURS, "fhddm", "delta", _TINY, 1e-6),
        Sweep(OURS, "glr", "run_length", _RUN_LENGTHS, 1e5, up=up, both=both),
        Sweep(
            OURS, "gma", "threshold", _AVERAGES, 0.15, _ALL, _AVERAGES_OF_NUMBERS, up=up, both=both
        ),
        Sweep(
            OURS,
            "hddm_a",
            "delta_drift",
            _SMALL,
            1e-3,
            fixed={"delta_warning": 0.5},
            up=up,
            both=both,
        ),
        Sweep(
            OURS,
            "hddm_w",
            "delta_drift",
            _SMALL,
            1e-3,
            fixed={"delta_warning": 0.5},
            up=up,
            both=both,
        ),
        Sweep(OURS, "htm_sprt", "alpha", _SPRT, 1e-3, _ALL, seeds_max=2),
        Sweep(OURS, "kswin", "delta", _KS, 0.005, _ALL),
        Sweep(OURS, "normal_change", "run_length", _RUN_LENGTHS_OF_NUMBERS, 1e5, _OF_NUMBERS),
        Sweep(
            OURS,
            "page_hinkley",
            "threshold",
            _SUMS,
            50.0,
            _ALL,
            _SUMS_OF_NUMBERS,
            up=up,
            both=both,
        ),
        Sweep(OURS, "rddm", "drift_level", _RDDM, 2.258),
        Sweep(OURS, "seed", "delta", _ADWIN, 0.05, _ALL),
        Sweep(OURS, "seq_drift2", "delta", _ADWIN, 0.01),
        Sweep(OURS, "sprt", "alpha", _SPRT, 1e-4),
        Sweep(OURS, "stacked_fhddm", "delta", _TINY, 1e-6),
        Sweep(
            OURS,
            "stepd",
            "delta_drift",
            _SIGNIFICANCE,
            0.003,
            fixed={"delta_warning": 0.5},
            up=up,
            both=both,
        ),
    ]


def _rivers() -> list[Sweep]:
    two = {"two_sided_test": True}
    loose = {"warning_confidence": 0.5}
    up, both = {"mode": "up"}, {"mode": "both"}
    return [
        Sweep("river", "adwin", "delta", _ADWIN, 0.002, _ALL),
        Sweep("river", "ddm", "drift_threshold", _LEVELS, 3.0, fixed={"warning_threshold": 1.0}),
        Sweep("river", "eddm", "beta", _SPACINGS, 0.9, fixed={"alpha": 0.99}),
        Sweep("river", "fhddm", "confidence_level", _TINY, 1e-6),
        Sweep("river", "hddm_a", "drift_confidence", _SMALL, 1e-3, fixed=loose, both=two),
        Sweep("river", "hddm_w", "drift_confidence", _SMALL, 1e-3, fixed=loose, both=two),
        Sweep("river", "kswin", "alpha", _KS, 0.005, _OF_NUMBERS, fixed={"seed": 1}, seeds_max=2),
        Sweep(
            "river",
            "page_hinkley",
            "threshold",
            _SUMS,
            50.0,
            _ALL,
            _SUMS_OF_NUMBERS,
            up=up,
            both=both,
        ),
        Sweep(
            "river",
            "stacked_fhddm",
            "confidence_level",
            _TINY,
            1e-6,
            fixed={"short_window_size": 25},
        ),
    ]


def _capymoas() -> list[Sweep]:
    loose = {"warning_confidence": 0.5}
    one, two = {"test_type": "One-sided"}, {"test_type": "Two-sided"}
    return [
        Sweep("capymoa", "adwin", "delta", _ADWIN, 0.002, _ALL),
        Sweep("capymoa", "cusum", "lambda_", _SUMS, 50.0, _ALL, _SUMS_OF_NUMBERS),
        Sweep("capymoa", "ddm", "out_control_level", _LEVELS, 3.0, fixed={"warning_level": 1.0}),
        Sweep("capymoa", "ecdd", "lambda_", _WEIGHTS, 0.2),
        Sweep("capymoa", "gma", "lambda_", _AVERAGES, 1.0, _ALL, _AVERAGES_OF_NUMBERS),
        Sweep("capymoa", "hddm_a", "drift_confidence", _SMALL, 1e-3, fixed=loose, up=one, both=two),
        Sweep("capymoa", "hddm_w", "drift_confidence", _SMALL, 1e-3, fixed=loose, up=one, both=two),
        Sweep(
            "capymoa",
            "optwin",
            "drift_confidence",
            (0.95, 0.99, 0.999, 0.9999, 0.99999),
            0.999,
            _ALL,
        ),
        Sweep("capymoa", "page_hinkley", "lambda_", _SUMS, 50.0, _ALL, _SUMS_OF_NUMBERS),
        Sweep("capymoa", "rddm", "drift_level", _RDDM, 2.258),
        Sweep("capymoa", "seed", "delta", _ADWIN, 0.05, _ALL),
        Sweep(
            "capymoa", "stepd", "alpha_drift", _SIGNIFICANCE, 0.003, fixed={"alpha_warning": 0.5}
        ),
    ]


def _frouros() -> list[Sweep]:
    loose = {"alpha_w": 0.5}
    two = {"two_sided_test": True}
    return [
        # It raises an error where a window's total is negative, so it has no numbers.
        Sweep("frouros", "adwin", "delta", _ADWIN, 0.002, seeds_max=2),
        Sweep("frouros", "cusum", "lambda_", _SUMS, 50.0, _ALL, _SUMS_OF_NUMBERS),
        Sweep("frouros", "ddm", "drift_level", _LEVELS, 3.0, fixed={"warning_level": 1.0}),
        Sweep("frouros", "ecdd", "average_run_length", (100, 400, 1_000), 400),
        Sweep("frouros", "eddm", "beta", _SPACINGS, 0.9, fixed={"alpha": 0.99}),
        Sweep("frouros", "gma", "lambda_", _AVERAGES, 1.0, _ALL, _AVERAGES_OF_NUMBERS),
        Sweep("frouros", "hddm_a", "alpha_d", _SMALL, 1e-3, fixed=loose, both=two, seeds_max=5),
        Sweep("frouros", "hddm_w", "alpha_d", _SMALL, 1e-3, fixed=loose, both=two, seeds_max=5),
        Sweep("frouros", "kswin", "alpha", _KS, 1e-4, _OF_NUMBERS, fixed={"seed": 1}, seeds_max=2),
        Sweep("frouros", "page_hinkley", "lambda_", _SUMS, 50.0, _ALL, _SUMS_OF_NUMBERS),
        Sweep("frouros", "rddm", "drift_level", _RDDM, 2.258),
        Sweep("frouros", "stepd", "alpha_d", _SIGNIFICANCE, 0.003, fixed=loose, seeds_max=2),
    ]


SWEEPS: Mapping[str, Sweep] = {
    sweep.label: sweep for sweep in [*_ours(), *_rivers(), *_capymoas(), *_frouros()]
}
LIBRARIES = ("river", "capymoa", "frouros")
