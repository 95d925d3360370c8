"""Configuration of operators: a name of the catalog, and parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import Field

from stream.config.values import Section


class OperatorConfig(Section):
    """An operator by name, with its parameters."""

    name: str = Field(description="Name in the catalog, or `river:package.Class` for a river one.")
    params: dict[str, Any] = Field(
        default_factory=dict, description="Its constructor's parameters; the others keep defaults."
    )


def operator_names(operators: Sequence[OperatorConfig]) -> list[str]:
    """Name of each operator; a second one of a name is told apart by its number."""
    names: list[str] = []
    for operator in operators:
        number = sum(name.split("#")[0] == operator.name for name in names) + 1
        names.append(operator.name if number == 1 else f"{operator.name}#{number}")
    return names
