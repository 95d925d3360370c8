"""YAML with line numbers: plain data, and where in the file each piece of it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from stream.errors import ConfigError

Path = tuple[str | int, ...]

_NODES_MAX = 100_000  # aliases of aliases could otherwise grow without bound


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, with YAML 1.2's idea that 1e-3 is a number (1.1 wants 1.0e-3)."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def show_path(path: Sequence[str | int]) -> str:
    """Write a path as it is said in messages.

    Examples
    --------
    >>> show_path(("schema", "features", 3, "min"))
    'schema.features[3].min'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


@dataclass
class Document:
    """A YAML document.

    Parameters
    ----------
    file
        Its name, for messages.
    data
        Its content as dicts, lists and plain values.
    lines
        Line (from 1) of each key and list item, by path.
    """

    file: str
    data: Any = None
    lines: dict[Path, int] = field(default_factory=dict)

    def where(self, path: Path) -> str:
        """File and line of a path, or of the nearest thing around it that is in the file."""
        while path not in self.lines and path:
            path = path[:-1]
        return f"{self.file}:{self.lines.get(path, 1)}"


def read_document(text: str, file: str) -> Document:
    """Parse YAML by its safe rules.

    Parameters
    ----------
    file
        Name of the file, for messages.

    Raises
    ------
    ConfigError
        The text is no YAML, repeats a key, or has a key that is not text.
    """
    loader = _Loader(text)
    try:
        node = loader.get_single_node()
        document = Document(file)
        document.data = _Builder(loader, document).build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        raise ConfigError(f"{file}:{line}: must be YAML; got {error.problem}.") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{file}:1: must be YAML; got {said}.") from None
    finally:
        loader.dispose()
    return document


class _Builder:
    """Turns nodes into data; notes lines as it goes."""

    def __init__(self, loader: yaml.SafeLoader, document: Document) -> None:
        self._loader = loader
        self._document = document
        self._count = 0
        self._open: set[int] = set()

    def build(self, node: yaml.Node, path: Path) -> Any:
        """Build the data of a node that stands at a path."""
        line = node.start_mark.line + 1
        self._document.lines.setdefault(path, line)
        self._count += 1
        if self._count > _NODES_MAX or id(node) in self._open:
            raise self._error(line, path, "must not repeat itself through aliases; got a loop")
        if not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            return self._loader.construct_object(node, deep=True)
        self._open.add(id(node))
        built = self._children(node, path)
        self._open.discard(id(node))
        return built

    def _children(self, node: yaml.Node, path: Path) -> Any:
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*path, i)) for i, child in enumerate(node.value)]
        assert isinstance(node, yaml.MappingNode)
        data: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key, line = self._key(key_node, path), key_node.start_mark.line + 1
            if key in data:
                first = self._document.lines[(*path, key)]
                rule = f"must be given once; got it again (first on line {first})"
                raise self._error(line, (*path, key), rule)
            self._document.lines[(*path, key)] = line
            data[key] = self.build(value_node, (*path, key))
        return data

    def _key(self, node: yaml.Node, path: Path) -> str:
        line = node.start_mark.line + 1
        is_scalar = isinstance(node, yaml.ScalarNode)
        key = self._loader.construct_object(node) if is_scalar else "a list or a mapping"
        if not is_scalar or not isinstance(key, str):
            got = key if not is_scalar else json.dumps(key, default=str)
            raise self._error(line, path, f"every key must be text; got {got}")
        return key

    def _error(self, line: int, path: Path, rule: str) -> ConfigError:
        place = f"{show_path(path)}: " if path else ""
        return ConfigError(f"{self._document.file}:{line}: {place}{rule}.")
