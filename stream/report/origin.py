"""Where a report's figures come from: data, pipeline, command."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stream.config.paths import is_path
from stream.config.pipeline import Config


@dataclass(frozen=True, slots=True)
class Origin:
    """What a page says of its own making.

    Parameters
    ----------
    data
        Name of the data file.
    config
        The pipeline as its file has it, with the model and seed that ran.
    label_delay
        Further events after which a label came.
    command
        That made the page.
    made
        When.
    version
        Of driftgate.
    """

    data: str
    config: Config
    label_delay: int
    command: str
    made: datetime
    version: str

    @property
    def target(self) -> str:
        """Name of what is predicted."""
        return self.config.target.path.removeprefix("$.")

    @property
    def is_regression(self) -> bool:
        """Whether that is a number."""
        return self.config.target.type == "regression"

    @property
    def main(self) -> str:
        """Name of the figure that counts most."""
        return "mae" if self.is_regression else "accuracy"

    @property
    def recent(self) -> int:
        """About how many labels count in the faded figures."""
        return round(1 / (1 - self.config.metrics.fading_factor))

    @property
    def has_time(self) -> bool:
        """Whether event times are the data's own; else rows are numbered by the second."""
        return is_path(self.config.record.event_time)
