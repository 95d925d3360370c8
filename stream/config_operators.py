"""Configuration of operators: a name of the catalog, and parameters."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from stream.config_values import Section


class OperatorConfig(Section):
    """An operator by name, with its parameters."""

    name: str = Field(description="Name in the catalog, or `river:package.Class` for a river one.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Its constructor's parameters; the others keep defaults."
    )
