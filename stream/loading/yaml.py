"""YAML with line numbers: plain data, and where in the file each piece of it stands."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from stream.config.masking import SECRET_KEY
from stream.errors import ConfigError

Path = tuple[str | int, ...]

_NODES_MAX = 100_000  # aliases of aliases could otherwise grow without bound
_PLAIN_KEY = re.compile(r"[\w$-]{1,80}")
_KEY_SHOWN_MAX = 40
_DEPTH_MAX = 32  # each node keeps its path, which must not grow with the square of the file
_INTEGER_BITS_MAX = 128  # larger ones can be turned neither into floats nor into text


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader, bounded; with YAML 1.2's idea that 1e-3 is a number (1.1: 1.0e-3)."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Stop at a depth: the parser's time grows with the square of it, and then ends Python."""
        self.depth += 1
        if self.depth > _DEPTH_MAX:
            rule = f"more than {_DEPTH_MAX} levels"
            raise yaml.MarkedYAMLError(problem=rule, problem_mark=self.get_mark())
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789")
)


def show_path(path: Sequence[str | int]) -> str:
    """Write a path as it is said in messages; a key that is no plain name is quoted and cut.

    Examples
    --------
    >>> show_path(("schema", "features", 3, "min"))
    'schema.features[3].min'
    """
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_key_name(step)}" for step in path)
    return text.removeprefix(".")


def _key_name(key: str) -> str:
    if _PLAIN_KEY.fullmatch(key):
        return key
    return json.dumps(key[:_KEY_SHOWN_MAX])


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
    loader: _Loader | None = None
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        document = Document(file)
        document.data = _Builder(loader, document).build(node, ()) if node is not None else None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark is not None else 1
        got = _problem(text, line, error)
        raise ConfigError(f"{file}:{line}: must be YAML; got {got}.") from None
    except yaml.YAMLError as error:
        said = " ".join(str(error).split())
        raise ConfigError(f"{file}:1: must be YAML; got {said}.") from None
    finally:
        if loader is not None:
            loader.dispose()
    return document


def _problem(text: str, line: int, error: yaml.MarkedYAMLError) -> str:
    """Repeat the parser's words, which may quote a value, unless that is a secret."""
    lines = text.splitlines()
    if line <= len(lines) and SECRET_KEY.search(lines[line - 1]):
        return "a secret that has to be put into quotes"
    return str(error.problem)


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
        if len(path) > _DEPTH_MAX:  # through aliases
            raise self._error(line, (), f"must not nest deeper than {_DEPTH_MAX} levels")
        if not isinstance(node, yaml.MappingNode | yaml.SequenceNode):
            return self._scalar(node, line, path)
        self._open.add(id(node))
        built = self._children(node, path)
        self._open.discard(id(node))
        return built

    def _scalar(self, node: yaml.Node, line: int, path: Path) -> Any:
        try:
            value = self._loader.construct_object(node, deep=True)
        except yaml.YAMLError:
            raise
        except Exception:
            # What looks like a date or a number, or is tagged so, need not be one: PyYAML's
            # constructors then raise whatever comes.
            kind = str(node.tag).rpartition(":")[2]
            raise self._error(line, path, f"must be a {kind} if it is written as one") from None
        if isinstance(value, int) and value.bit_length() > _INTEGER_BITS_MAX:
            rule = f"must be a number of at most {_INTEGER_BITS_MAX} bits"
            raise self._error(line, path, rule)
        return value

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
        key = self._scalar(node, line, path) if is_scalar else "a list or a mapping"
        if not is_scalar or not isinstance(key, str):
            got = key if not is_scalar else json.dumps(key, default=str)
            raise self._error(line, path, f"every key must be text; got {got}")
        return key

    def _error(self, line: int, path: Path, rule: str) -> ConfigError:
        place = f"{show_path(path)}: " if path else ""
        return ConfigError(f"{self._document.file}:{line}: {place}{rule}.")
